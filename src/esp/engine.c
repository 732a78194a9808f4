#include <string.h>

#include "base/mem.h"
#include "esp/transform.h"

static void system_random(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	crypto_random(buf, n);
}

struct esp_engine *esp_engine_new(enum esp_backend backend, const struct random_source *random)
{
	struct esp_engine *e = mem_new(sizeof(*e));

	if (e == NULL)
		return NULL;
	e->backend = backend;
	e->random = random != NULL ? *random : (struct random_source){system_random, NULL};
	if (backend != ESP_BACKEND_LIBRARY)
		e->ipsec_mb = esp_ipsec_mb_new();
	if (backend == ESP_BACKEND_IPSEC_MB && e->ipsec_mb == NULL) {
		esp_engine_free(e);
		return NULL;
	}
	return e;
}

void esp_engine_free(struct esp_engine *e)
{
	if (e == NULL)
		return;
	esp_ipsec_mb_free(e->ipsec_mb);
	mem_free_secret(e, sizeof(*e));
}

const struct esp_transform *esp_engine_transform(const struct esp_engine *e,
						 const struct protect_suite *suite, bool long_aad)
{
	if (e->ipsec_mb != NULL && esp_transform_ipsec_mb.takes(e, suite, long_aad))
		return &esp_transform_ipsec_mb;
	if (e->backend != ESP_BACKEND_IPSEC_MB && esp_transform_library.takes(e, suite, long_aad))
		return &esp_transform_library;
	return NULL;
}

const char *esp_engine_backend(const struct esp_engine *e, const struct protect_suite *suite)
{
	const struct esp_transform *t = esp_engine_transform(e, suite, false);

	return t != NULL ? t->name : NULL;
}

/* A CBC IV must be unpredictable (RFC 3602 3). It is taken from the generator itself, a vector's
 * worth at a time, so that a packet pays for a copy of 16 octets and not for a call; that needs no
 * second key nor an argument about what enciphering a counter gives away. */
void esp_engine_random(struct esp_engine *e, uint8_t *out, size_t n)
{
	if (e->random_left < n) {
		e->random.fill(e->random.ctx, e->stock, sizeof(e->stock));
		e->random_left = sizeof(e->stock);
	}
	e->random_left -= n;
	memcpy(out, e->stock + e->random_left, n);
}
