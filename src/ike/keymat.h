/* Keys: SKEYSEED, the seven keys of an IKE SA (RFC 7296 2.13, 2.14, 2.18) and those of a Child SA
 * (2.17). */
#ifndef POSTERN_IKE_KEYMAT_H
#define POSTERN_IKE_KEYMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "crypto/prf.h"
#include "crypto/protect.h"
#include "ike/suite.h"

/* SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr in one block that it owns. All zero: no
 * keys. */
struct ike_keys {
	uint8_t *block;
	uint16_t len;
	uint8_t prf_len;   /* of SK_d, SK_pi, SK_pr */
	uint8_t integ_len; /* of SK_ai, SK_ar; 0 with an AEAD (RFC 5282 5) */
	uint8_t encr_len;  /* of SK_ei, SK_er, with salt */
};

/* Erases. The struct is all zero afterwards. */
void ike_keys_free(struct ike_keys *keys);
/* Spans into the block. `initiator`: the key of the original initiator of this SA, which protects
 * what it sends, and with which it authenticates. */
struct bytes ike_keys_d(const struct ike_keys *keys);
struct bytes ike_keys_p(const struct ike_keys *keys, bool initiator);
struct protect_keys ike_keys_protect(const struct ike_keys *keys, bool initiator);

/* What the key exchanges of one CREATE_CHILD_SA gave: the one of its KE payload, and those of the
 * IKE_FOLLOWUP_KE exchanges after it, one after the other (RFC 9370 2.2.4). Either may be empty. */
struct ke_secrets {
	struct bytes first;
	struct bytes more;
	/* SK_d' = prf+(PPK, SK_d), which takes SK_d's place (RFC 9867; the formula is our own
	 * choice); empty: no PPK was mixed in. */
	struct bytes ppk_d;
};

/* What goes into a derivation beside the secret. */
struct ike_exchange_values {
	struct bytes nonce_i, nonce_r; /* without payload headers */
	uint64_t spi_i, spi_r;         /* of the SA that is being made */
};

/* out (p->out_len octets) = prf(Ni | Nr, secret), RFC 7296 2.14. secret is g^ir in the fixed length
 * of its method. */
enum err ike_skeyseed(struct crypto *c, const struct prf_desc *p, struct bytes secret,
		      const struct ike_exchange_values *v, uint8_t out[PRF_MAX]);
/* out = prf(SK_d, SK(0) | Ni | Nr | SK(1) | ...) with PRF and SK_d of the old SA (RFC 7296 2.18,
 * RFC 9370 2.2.4). */
enum err ike_skeyseed_rekey(struct crypto *c, const struct prf_desc *old_prf, struct bytes old_d,
			    struct ke_secrets secrets, const struct ike_exchange_values *v,
			    uint8_t out[PRF_MAX]);
/* The seven keys from SKEYSEED, which has skeyseed.n octets (those of the PRF that made it); prf+
 * is the new suite's. *keys must hold none. */
enum err ike_keys_expand(struct crypto *c, const struct ike_suite *suite, struct bytes skeyseed,
			 const struct ike_exchange_values *v, struct ike_keys *keys);

/* Both steps in one, for a new SA and for one that replaces another. */
enum err ike_keys_first(struct crypto *c, const struct ike_suite *suite, struct bytes secret,
			const struct ike_exchange_values *v, struct ike_keys *keys);
enum err ike_keys_rekey(struct crypto *c, const struct ike_suite *suite,
			const struct prf_desc *old_prf, const struct ike_keys *old,
			struct ke_secrets secrets, const struct ike_exchange_values *v,
			struct ike_keys *keys);

/* RFC 8784 3: replaces SK_d', SK_pi' and SK_pr' by what a PPK has made of them; mixed holds the
 * three of them in this order, keys->prf_len octets each. */
void ike_keys_mix(struct ike_keys *keys, const uint8_t *mixed);
/* RFC 9867 3.1: all seven keys anew from SKEYSEED' = prf+(PPK, SK_d), of suite->prf->key_len
 * octets; nonces and SPIs are those of IKE_SA_INIT. Replaces *keys. */
enum err ike_keys_from_ppk(struct crypto *c, const struct ike_suite *suite, const uint8_t *skeyseed,
			   const struct ike_exchange_values *v, struct ike_keys *keys);

/* A Child SA's keys; the spans point into the block, so that it must not be copied. */
struct child_keys {
	uint8_t block[2 * (ENCR_KEY_MAX + INTEG_KEY_MAX)]; /* or two root keys of Sub SAs */
	struct protect_keys from_initiator; /* of the exchange that made the Child SA */
	struct protect_keys from_responder;
};

/* KEYMAT = prf+(SK_d, [SK(0) |] Ni | Nr [| SK(1) ...]); without a key exchange of its own no
 * secret. The keys of what the exchange's initiator sends come first, encryption before integrity
 * (RFC 7296 2.17). With an SSKDF of EESP each direction gets a root key in their place
 * (draft-ietf-ipsecme-eesp-ikev2 4). */
enum err child_keys_derive(struct crypto *c, const struct prf_desc *p, struct bytes sk_d,
			   const struct ike_suite *suite, struct ke_secrets secrets,
			   struct bytes nonce_i, struct bytes nonce_r, struct child_keys *out);
void child_keys_erase(struct child_keys *keys);

#endif
