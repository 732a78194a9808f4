/* Long-term secrets, and all that is ever done with them: signing, decapsulating, the shared-key
 * MAC, and mixing a PPK into keys. The daemon keeps this in a process of its own; nobody else sees
 * a private key or a PSK. */
#ifndef POSTERN_PKI_KEYSTORE_H
#define POSTERN_PKI_KEYSTORE_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "pki/identity.h"

struct keystore;

struct keystore *keystore_new(void);
/* Erases everything. */
void keystore_free(struct keystore *k);

/* Takes key, also when it fails. name is what connections call it by (its file's name; at most 255
 * octets); a key of that name is replaced. */
enum err keystore_add_key(struct keystore *k, const char *name, struct private_key *key);
/* A pre-shared key for two identities in either order; NULL stands for anybody. The more exact
 * match wins: both, then the remote one, then the local one. Copies. ERR_EXISTS when the same pair
 * has one already; ERR_RANGE for an empty secret. */
enum err keystore_add_secret(struct keystore *k, const struct identity *one,
			     const struct identity *other, struct bytes secret);

/* The AUTH payload's data by the named key (see signature_make()). */
enum err keystore_sign(const struct keystore *k, const char *name,
		       const struct signature_scheme *scheme, struct bytes octets, uint8_t **data,
		       size_t *data_len);
/* out (d->out_len octets) = prf(prf(secret, "Key Pad for IKEv2"), octets) (RFC 7296 2.15).
 * ERR_NOT_FOUND when there is no secret for these two. */
enum err keystore_shared_key_mac(const struct keystore *k, struct crypto *c,
				 const struct identity *local, const struct identity *remote,
				 const struct prf_desc *d, struct bytes octets, uint8_t *out);

/* The shared secret in a ciphertext for the named key of a KEM; allocates *secret, of
 * key_type_kem()'s size, which the caller gives to mem_free_secret(). ERR_NOT_FOUND: there is no
 * such key. Other errors are those of kem_decapsulate(). */
enum err keystore_decapsulate(const struct keystore *k, const char *name, struct bytes ciphertext,
			      uint8_t **secret, size_t *secret_len);

/* Post-quantum pre-shared keys (RFC 8784 5.1), by the value of their PPK_ID of type PPK_ID_FIXED.
 */
#define PPK_ID_MAX           128
#define PPK_CONFIRMATION_LEN 8 /* RFC 9867: of the PPK_IDENTITY_KEY notify */

/* Copies. ERR_EXISTS when the identity has one already; ERR_RANGE when it is empty or too long, or
 * when the secret is empty. */
enum err keystore_add_ppk(struct keystore *k, struct bytes id, struct bytes secret);
/* out (d->key_len octets) = prf+(PPK, in): what mixes a PPK into a key (RFC 8784 3, RFC 9867).
 * ERR_NOT_FOUND when there is no PPK of this identity. */
enum err keystore_ppk_mix(const struct keystore *k, struct crypto *c, struct bytes id,
			  const struct prf_desc *d, struct bytes in, uint8_t *out);
/* out (PPK_CONFIRMATION_LEN octets) = the beginning of prf(PPK, in) (RFC 9867). */
enum err keystore_ppk_confirm(const struct keystore *k, struct crypto *c, struct bytes id,
			      const struct prf_desc *d, struct bytes in, uint8_t *out);

#endif
