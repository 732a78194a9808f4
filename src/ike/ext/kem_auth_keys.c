#include "ike/ext/kem_auth_keys.h"

#include <string.h>

#include "base/mem.h"

#define SPIS_LEN 16

static struct bytes spis_of(const struct ike_exchange_values *v, uint8_t spis[SPIS_LEN])
{
	struct writer w = writer_of(spis, SPIS_LEN);

	writer_u64(&w, v->spi_i);
	writer_u64(&w, v->spi_r);
	return bytes_of(spis, SPIS_LEN);
}

enum err ka_ecert_keys(struct crypto *c, const struct ike_suite *suite, struct bytes sk_d,
		       struct bytes ss_r, const struct ike_exchange_values *v,
		       struct ka_ecert_keys *out)
{
	const struct protect_suite *s = &suite->protect;
	const size_t integ = s->integ != NULL ? s->integ->key_len : 0;
	const size_t encr = encr_keymat_len(s->encr, s->key_bits);
	const struct bytes secret[] = {ss_r, v->nonce_i, v->nonce_r};
	uint8_t seed[PRF_MAX], spis[SPIS_LEN];
	const struct bytes label[] = {BYTES_LITERAL("IKEv2 KEM ECERT"), spis_of(v, spis)};
	enum err e = prf(c, suite->prf, sk_d, secret, 3, seed);

	if (e == ERR_NONE)
		e = prf_plus(c, suite->prf, bytes_of(seed, suite->prf->out_len), label, 2,
			     out->block, integ + encr);
	mem_erase(seed, sizeof(seed));
	if (e != ERR_NONE) {
		ka_ecert_keys_erase(out);
		return e;
	}
	out->keys.integ = bytes_of(out->block, integ);
	out->keys.encr = bytes_of(out->block + integ, encr);
	return ERR_NONE;
}

void ka_ecert_keys_erase(struct ka_ecert_keys *k)
{
	mem_erase(k, sizeof(*k));
}

enum err ka_ssconf(struct crypto *c, const struct prf_desc *p, bool of_initiator, struct bytes ss,
		   const struct ike_exchange_values *v, uint8_t out[KA_SSCONF_LEN])
{
	uint8_t whole[PRF_MAX], spis[SPIS_LEN];
	const struct bytes parts[] = {
	    of_initiator ? BYTES_LITERAL("i") : BYTES_LITERAL("r"),
	    v->nonce_i,
	    v->nonce_r,
	    spis_of(v, spis),
	};
	enum err e = prf(c, p, ss, parts, 4, whole);

	if (e == ERR_NONE)
		memcpy(out, whole, KA_SSCONF_LEN);
	mem_erase(whole, sizeof(whole));
	return e;
}

enum err ka_mix(struct crypto *c, const struct ike_suite *suite, struct bytes sk_d,
		struct bytes ss_r, struct bytes ss_i, const struct ike_exchange_values *v,
		struct ike_keys *keys)
{
	const struct bytes secrets[] = {ss_r, ss_i, v->nonce_i, v->nonce_r};
	uint8_t seed[PRF_MAX];
	enum err e = prf(c, suite->prf, sk_d, secrets, 4, seed);

	if (e == ERR_NONE)
		e = ike_keys_expand(c, suite, bytes_of(seed, suite->prf->out_len), v, keys);
	mem_erase(seed, sizeof(seed));
	return e;
}

enum err ka_auth(struct crypto *c, const struct prf_desc *p, struct bytes sk_p, struct bytes octets,
		 uint8_t *out)
{
	/* RFC 7296 2.15: 17 octets, no NUL. */
	const struct bytes pad = BYTES_LITERAL("Key Pad for IKEv2");
	uint8_t key[PRF_MAX];
	enum err e = prf(c, p, sk_p, &pad, 1, key);

	if (e == ERR_NONE)
		e = prf(c, p, bytes_of(key, p->out_len), &octets, 1, out);
	mem_erase(key, sizeof(key));
	return e;
}
