#include "esp/transform.h"

static bool takes(const struct esp_engine *e, const struct protect_suite *suite, bool long_aad)
{
	(void)e;
	(void)long_aad;
	return suite->encr->in_esp || encr_is_aead(suite->encr);
}

static void *expand(struct esp_engine *e, const struct protect_suite *suite,
		    const struct protect_keys *keys)
{
	(void)e;
	return protect_context_new(suite, keys);
}

static void forget(void *expanded)
{
	protect_context_free(expanded);
}

static size_t batch(const void *expanded)
{
	(void)expanded;
	return ESP_SMALL_BATCH;
}

static struct protect_unit unit_of(const struct esp_job *j)
{
	return (struct protect_unit){
	    .aad = bytes_of(j->aad, j->aad_len),
	    .iv = bytes_of(j->iv, j->iv_len),
	    .tail = bytes_of(j->tail, j->tail_len),
	    .text = j->text,
	    .text_len = j->text_len,
	    .icv = j->icv,
	};
}

static void seal(struct esp_engine *e, void *expanded, struct esp_job *jobs, size_t n)
{
	(void)e;
	for (size_t i = 0; i < n; i++) {
		struct protect_unit u = unit_of(&jobs[i]);

		jobs[i].ok = protect_context_seal(expanded, &u) == ERR_NONE;
	}
}

static void open(struct esp_engine *e, void *expanded, struct esp_job *jobs, size_t n)
{
	(void)e;
	for (size_t i = 0; i < n; i++) {
		struct protect_unit u = unit_of(&jobs[i]);

		jobs[i].ok = protect_context_open(expanded, &u) == ERR_NONE;
	}
}

const struct esp_transform esp_transform_library = {
    .name = "library",
    .takes = takes,
    .expand = expand,
    .forget = forget,
    .batch = batch,
    .seal = seal,
    .open = open,
};
