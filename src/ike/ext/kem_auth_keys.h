/* What KEM-based authentication computes (draft-wang-ipsecme-kem-auth-ikev2). The draft's own
 * formulas were not at hand: all four are our own choice, made after RFC 9370 and RFC 9867. They
 * are here and nowhere else, so that each can be replaced. Pure.
 *
 *	ss_r   the secret that the initiator encapsulates to the responder's certified key
 *	ss_i   the secret that the responder encapsulates to the initiator's
 *
 * Nonces and SPIs are those of IKE_SA_INIT; sk_d, sk_p are the values in force. */
#ifndef POSTERN_IKE_EXT_KEM_AUTH_KEYS_H
#define POSTERN_IKE_EXT_KEM_AUTH_KEYS_H

#include "ike/keymat.h"

/* Protects ECERT, and nothing else ever. The spans point into the block, so that it must not be
 * copied. */
struct ka_ecert_keys {
	uint8_t block[ENCR_KEY_MAX + INTEG_KEY_MAX];
	struct protect_keys keys;
};

/* seed = prf(SK_d, ss_r | Ni | Nr); {K_a | K_e} = prf+(seed, "IKEv2 KEM ECERT" | SPIi | SPIr). K_a
 * with a separate integrity transform alone; K_e has the length of SK_ei, salt included. Erase it
 * by ka_ecert_keys_erase(). */
enum err ka_ecert_keys(struct crypto *c, const struct ike_suite *suite, struct bytes sk_d,
		       struct bytes ss_r, const struct ike_exchange_values *v,
		       struct ka_ecert_keys *out);
void ka_ecert_keys_erase(struct ka_ecert_keys *k);

#define KA_SSCONF_LEN 16
/* conf_r = the first 16 octets of prf(ss_r, "r" | Ni | Nr | SPIi | SPIr), conf_i the same with ss_i
 * and "i": what shows that the private half was used which belongs to the key encapsulated to. */
enum err ka_ssconf(struct crypto *c, const struct prf_desc *p, bool of_initiator, struct bytes ss,
		   const struct ike_exchange_values *v, uint8_t out[KA_SSCONF_LEN]);

/* SKEYSEED' = prf(SK_d, ss_r | ss_i | Ni | Nr), and all seven keys of the IKE SA anew from it.
 * *keys must hold none; it may not be where sk_d lies. */
enum err ka_mix(struct crypto *c, const struct ike_suite *suite, struct bytes sk_d,
		struct bytes ss_r, struct bytes ss_i, const struct ike_exchange_values *v,
		struct ike_keys *keys);

/* out (p->out_len octets) = prf(prf(SK_p, "Key Pad for IKEv2"), octets): the data of AUTH. octets
 * are the signed octets of RFC 7296 2.15, IntAuth included. */
enum err ka_auth(struct crypto *c, const struct prf_desc *p, struct bytes sk_p, struct bytes octets,
		 uint8_t *out);

#endif
