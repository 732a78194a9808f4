/* Long-term keys of KEMs, for authentication (draft-wang-ipsecme-kem-auth-ikev2). The key exchange
 * of IKE has fresh ones of its own (ke.h): a key of this sort is never used there, nor one of
 * those here (M7). */
#ifndef POSTERN_CRYPTO_KEM_H
#define POSTERN_CRYPTO_KEM_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/ke.h"
#include "crypto/key.h"

/* Whose sizes hold: a ciphertext has resp_len octets, a shared secret secret_len. NULL when keys of
 * this type sign. */
const struct ke_desc *key_type_kem(enum key_type type);

/* DER AlgorithmIdentifier of keys of this type (RFC 9935 3), by which SUPPORTED_AUTH_METHODS
 * announces them; empty when they sign. */
struct bytes kem_identifier(enum key_type type);
/* KEY_NONE: unknown. */
enum key_type kem_identify(struct bytes identifier);

/* A shared secret for whoever has the private half, of ciphertext and secret as long as
 * key_type_kem() says. seed is fresh, and erased by the caller (ke.h). The key is checked as FIPS
 * 203 7.2 wants it; ERR_CRYPTO when it fails, ERR_UNSUPPORTED when it is no KEM's; secret is erased
 * then. */
enum err kem_encapsulate(const struct public_key *key, const uint8_t seed[KE_SEED_LEN],
			 uint8_t *ciphertext, uint8_t *secret);
/* ERR_SYNTAX: the ciphertext has a wrong length. One that was made for another key gives another
 * secret and no error (FIPS 203 6.3). */
enum err kem_decapsulate(const struct private_key *key, struct bytes ciphertext, uint8_t *secret);

#endif
