/* What the files of this floor share about the crypto library; included by none other. */
#ifndef POSTERN_CRYPTO_LIBRARY_H
#define POSTERN_CRYPTO_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/algorithm.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "crypto/openssl.h"

/* Message authentication codes, whole; PRFs and integrity algorithms are made of these. */
enum mac {
	MAC_NONE,
	MAC_HMAC_SHA1,
	MAC_HMAC_SHA2_256,
	MAC_HMAC_SHA2_384,
	MAC_HMAC_SHA2_512,
	MAC_AES128_CMAC,
	MAC_COUNT
};

#define MAC_LEN_MAX 64

enum mac mac_of_prf(uint16_t prf_id);
enum mac mac_of_integ(uint16_t integ_id);
size_t mac_len(enum mac mac);

/* A new context that knows its algorithm and no key; NULL when the library cannot. */
EVP_MAC_CTX *mac_context_new(enum mac mac);
/* Takes a key of any length that the algorithm takes. */
bool mac_context_key(EVP_MAC_CTX *ctx, struct bytes key);
/* One message under the key that the context has; out holds mac_len() octets. May be repeated. */
bool mac_context_run(EVP_MAC_CTX *ctx, const struct bytes *parts, size_t n_parts, uint8_t *out);

/* The scratch context of c, keyed; give it back with mac_scratch_done(), which makes it forget the
 * key. NULL when the library refuses. */
EVP_MAC_CTX *mac_scratch(struct crypto *c, enum mac mac, struct bytes key);
void mac_scratch_done(EVP_MAC_CTX *ctx);

/* The library's name of a cipher ("AES-256-GCM"); NULL for NULL encryption and unknown sizes. */
const char *cipher_name(const struct encr_desc *d, uint16_t key_bits);
/* Fetched once and then kept by c. */
const EVP_CIPHER *cipher_fetched(struct crypto *c, const struct encr_desc *d, uint16_t key_bits);
/* The scratch context of c, without cipher and key; EVP_CIPHER_CTX_reset() it after use. */
EVP_CIPHER_CTX *cipher_scratch(struct crypto *c);

/* "SHA2-256" of HASH_*; NULL when unknown. */
const char *hash_library_name(uint16_t hash);

struct private_key {
	EVP_PKEY *pkey; /* owned */
	enum key_type type;
};

struct public_key {
	EVP_PKEY *pkey; /* owned */
	enum key_type type;
};

#endif
