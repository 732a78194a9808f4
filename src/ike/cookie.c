#include "ike/cookie.h"

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/prf.h"

void cookie_jar_init(struct cookie_jar *jar, const struct random_source *random, uint64_t now)
{
	*jar = (struct cookie_jar){.turn_at = now + COOKIE_SECRET_LIFE};
	random->fill(random->ctx, jar->secret[0], COOKIE_SECRET_LEN);
}

void cookie_jar_turn(struct cookie_jar *jar, const struct random_source *random, uint64_t now)
{
	if (now < jar->turn_at)
		return;
	/* The secret in use becomes the old one, unless it is too old even for that. */
	jar->has_old = now - jar->turn_at < COOKIE_SECRET_LIFE;
	jar->version++;
	random->fill(random->ctx, jar->secret[jar->version & 1], COOKIE_SECRET_LEN);
	if (!jar->has_old)
		mem_erase(jar->secret[(jar->version & 1) ^ 1], COOKIE_SECRET_LEN);
	jar->turn_at = now + COOKIE_SECRET_LIFE;
}

void cookie_jar_erase(struct cookie_jar *jar)
{
	mem_erase(jar, sizeof(*jar));
}

/* The cookie of one version. Every part but the last has a length that those before it tell. */
static enum err make(const struct cookie_jar *jar, uint8_t version, struct crypto *c,
		     struct bytes nonce_i, const struct addr *peer, uint64_t spi_i,
		     uint8_t out[COOKIE_LEN])
{
	uint8_t head[9];
	struct writer w = writer_of(head, sizeof(head));

	writer_u64(&w, spi_i);
	writer_u8(&w, peer->family);

	const struct bytes parts[] = {bytes_of(head, sizeof(head)), addr_bytes(peer), nonce_i};

	out[0] = version;
	return prf(c, prf_find(PRF_HMAC_SHA2_256),
		   bytes_of(jar->secret[version & 1], COOKIE_SECRET_LEN), parts, 3, out + 1);
}

enum err cookie_make(const struct cookie_jar *jar, struct crypto *c, struct bytes nonce_i,
		     const struct addr *peer, uint64_t spi_i, uint8_t out[COOKIE_LEN])
{
	return make(jar, jar->version, c, nonce_i, peer, spi_i, out);
}

bool cookie_check(const struct cookie_jar *jar, struct crypto *c, struct bytes nonce_i,
		  const struct addr *peer, uint64_t spi_i, struct bytes cookie)
{
	uint8_t expected[COOKIE_LEN];
	uint8_t version;

	if (cookie.n != COOKIE_LEN)
		return false;
	version = cookie.p[0];
	if (version != jar->version && !(jar->has_old && version == (uint8_t)(jar->version - 1)))
		return false;
	if (make(jar, version, c, nonce_i, peer, spi_i, expected) != ERR_NONE)
		return false;
	return mem_equal_secret(expected, cookie.p, COOKIE_LEN);
}
