#include "ike/keymat.h"

#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"

#define NONCE_KEY_LEN 8 /* of each nonce, for a PRF of fixed key length (RFC 7296 2.14) */
#define NONCES_MAX    (2 * 256)

void ike_keys_free(struct ike_keys *keys)
{
	mem_free_secret(keys->block, keys->len);
	*keys = (struct ike_keys){0};
}

struct bytes ike_keys_d(const struct ike_keys *keys)
{
	return bytes_of(keys->block, keys->prf_len);
}

struct bytes ike_keys_p(const struct ike_keys *keys, bool initiator)
{
	size_t at = keys->prf_len + 2u * keys->integ_len + 2u * keys->encr_len;

	return bytes_of(keys->block + at + (initiator ? 0u : keys->prf_len), keys->prf_len);
}

struct protect_keys ike_keys_protect(const struct ike_keys *keys, bool initiator)
{
	size_t integ = keys->prf_len;
	size_t encr = integ + 2u * keys->integ_len;

	return (struct protect_keys){
	    .encr =
		bytes_of(keys->block + encr + (initiator ? 0u : keys->encr_len), keys->encr_len),
	    .integ =
		bytes_of(keys->block + integ + (initiator ? 0u : keys->integ_len), keys->integ_len),
	};
}

/* What a CREATE_CHILD_SA derives from: SK_d, or what a PPK has made of it. */
static struct bytes secret_d(struct bytes sk_d, struct ke_secrets secrets)
{
	return secrets.ppk_d.n > 0 ? secrets.ppk_d : sk_d;
}

enum err ike_skeyseed(struct crypto *c, const struct prf_desc *p, struct bytes secret,
		      const struct ike_exchange_values *v, uint8_t out[PRF_MAX])
{
	uint8_t key[NONCES_MAX];
	struct writer w = writer_of(key, sizeof(key));
	struct bytes i = v->nonce_i, r = v->nonce_r;

	/* RFC 7296 2.14: a PRF of fixed key length takes half of its key from each nonce. */
	if (p->fixed_key) {
		if (i.n < NONCE_KEY_LEN || r.n < NONCE_KEY_LEN)
			return ERR_RANGE;
		i.n = r.n = NONCE_KEY_LEN;
	}
	writer_bytes(&w, i);
	writer_bytes(&w, r);
	if (!writer_ok(&w))
		return ERR_RANGE;
	return prf(c, p, writer_bytes_so_far(&w), &secret, 1, out);
}

enum err ike_skeyseed_rekey(struct crypto *c, const struct prf_desc *old_prf, struct bytes old_d,
			    struct ke_secrets secrets, const struct ike_exchange_values *v,
			    uint8_t out[PRF_MAX])
{
	const struct bytes parts[] = {secrets.first, v->nonce_i, v->nonce_r, secrets.more};

	return prf(c, old_prf, secret_d(old_d, secrets), parts, 4, out);
}

enum err ike_keys_expand(struct crypto *c, const struct ike_suite *suite, struct bytes skeyseed,
			 const struct ike_exchange_values *v, struct ike_keys *keys)
{
	const struct protect_suite *s = &suite->protect;
	uint8_t spis[16];
	struct writer w = writer_of(spis, sizeof(spis));
	struct ike_keys made = {0};
	enum err e;

	writer_u64(&w, v->spi_i);
	writer_u64(&w, v->spi_r);
	made.prf_len = suite->prf->key_len;
	made.integ_len = s->integ != NULL ? s->integ->key_len : 0;
	made.encr_len = (uint8_t)encr_keymat_len(s->encr, s->key_bits);
	made.len = (uint16_t)(3 * made.prf_len + 2 * made.integ_len + 2 * made.encr_len);
	made.block = mem_new(made.len);
	if (made.block == NULL)
		return ERR_NO_MEMORY;

	const struct bytes parts[] = {v->nonce_i, v->nonce_r, bytes_of(spis, sizeof(spis))};

	e = prf_plus(c, suite->prf, skeyseed, parts, 3, made.block, made.len);
	if (e != ERR_NONE) {
		ike_keys_free(&made);
		return e;
	}
	*keys = made;
	return ERR_NONE;
}

enum err ike_keys_first(struct crypto *c, const struct ike_suite *suite, struct bytes secret,
			const struct ike_exchange_values *v, struct ike_keys *keys)
{
	uint8_t seed[PRF_MAX];
	enum err e = ike_skeyseed(c, suite->prf, secret, v, seed);

	if (e == ERR_NONE)
		e = ike_keys_expand(c, suite, bytes_of(seed, suite->prf->out_len), v, keys);
	mem_erase(seed, sizeof(seed));
	return e;
}

enum err ike_keys_rekey(struct crypto *c, const struct ike_suite *suite,
			const struct prf_desc *old_prf, const struct ike_keys *old,
			struct ke_secrets secrets, const struct ike_exchange_values *v,
			struct ike_keys *keys)
{
	uint8_t seed[PRF_MAX];
	enum err e = ike_skeyseed_rekey(c, old_prf, ike_keys_d(old), secrets, v, seed);

	/* RFC 7296 2.18: SKEYSEED by the old PRF, all that follows by the new one. */
	if (e == ERR_NONE)
		e = ike_keys_expand(c, suite, bytes_of(seed, old_prf->out_len), v, keys);
	mem_erase(seed, sizeof(seed));
	return e;
}

void ike_keys_mix(struct ike_keys *keys, const uint8_t *mixed)
{
	const size_t n = keys->prf_len;
	const size_t p = n + 2u * keys->integ_len + 2u * keys->encr_len;

	memcpy(keys->block, mixed, n);
	memcpy(keys->block + p, mixed + n, 2 * n);
}

enum err ike_keys_from_ppk(struct crypto *c, const struct ike_suite *suite, const uint8_t *skeyseed,
			   const struct ike_exchange_values *v, struct ike_keys *keys)
{
	struct ike_keys fresh = {0};
	enum err e = ike_keys_expand(c, suite, bytes_of(skeyseed, suite->prf->key_len), v, &fresh);

	if (e != ERR_NONE)
		return e;
	ike_keys_free(keys);
	*keys = fresh;
	return ERR_NONE;
}

enum err child_keys_derive(struct crypto *c, const struct prf_desc *p, struct bytes sk_d,
			   const struct ike_suite *suite, struct ke_secrets secrets,
			   struct bytes nonce_i, struct bytes nonce_r, struct child_keys *out)
{
	const struct bytes parts[] = {secrets.first, nonce_i, nonce_r, secrets.more};
	const struct protect_suite *s = &suite->protect;
	const struct sskdf_desc *sub = suite->sskdf != SSKDF_NONE ? sskdf_find(suite->sskdf) : NULL;
	size_t encr = sub != NULL ? sub->root_len : encr_keymat_len(s->encr, s->key_bits);
	size_t integ = s->integ != NULL ? s->integ->key_len : 0;
	size_t one = encr + integ;
	enum err e;

	if (2 * one > sizeof(out->block))
		return ERR_RANGE;
	e = prf_plus(c, p, secret_d(sk_d, secrets), parts, 4, out->block, 2 * one);
	if (e != ERR_NONE) {
		child_keys_erase(out);
		return e;
	}
	out->from_initiator.encr = bytes_of(out->block, encr);
	out->from_initiator.integ = bytes_of(out->block + encr, integ);
	out->from_responder.encr = bytes_of(out->block + one, encr);
	out->from_responder.integ = bytes_of(out->block + one + encr, integ);
	return ERR_NONE;
}

void child_keys_erase(struct child_keys *keys)
{
	mem_erase(keys, sizeof(*keys));
}
