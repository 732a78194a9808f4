/* The generator that the published check values of KEMs are drawn from: AES-256 in counter mode, as
 * NIST's call for post-quantum algorithms had it; and their hashes. */
#ifndef POSTERN_TESTS_KAT_H
#define POSTERN_TESTS_KAT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/openssl.h"

#define KAT_SEED_LEN 48

struct kat {
	uint8_t key[32];
	uint8_t counter[16];
};

static inline void kat_block(struct kat *k, uint8_t out[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	for (size_t i = 16; i-- > 0;)
		if (++k->counter[i] != 0)
			break;
	if (EVP_EncryptInit_ex2(ctx, EVP_aes_256_ecb(), k->key, NULL, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, out, &n, k->counter, 16) != 1)
		abort();
	EVP_CIPHER_CTX_free(ctx);
}

static inline void kat_update(struct kat *k, const uint8_t *seed)
{
	uint8_t t[48];

	for (size_t i = 0; i < sizeof(t); i += 16)
		kat_block(k, t + i);
	for (size_t i = 0; seed != NULL && i < sizeof(t); i++)
		t[i] ^= seed[i];
	memcpy(k->key, t, 32);
	memcpy(k->counter, t + 32, 16);
}

static inline void kat_init(struct kat *k, const uint8_t seed[KAT_SEED_LEN])
{
	memset(k, 0, sizeof(*k));
	kat_update(k, seed);
}

static inline void kat_draw(struct kat *k, uint8_t *out, size_t n)
{
	uint8_t block[16];

	for (size_t at = 0; at < n; at += 16) {
		kat_block(k, block);
		memcpy(out + at, block, n - at < 16 ? n - at : 16);
	}
	kat_update(k, NULL);
}

static inline void shake256(struct bytes data, uint8_t *out, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (EVP_DigestInit_ex2(ctx, EVP_shake256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, data.p, data.n) != 1 || EVP_DigestFinalXOF(ctx, out, n) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
}

#endif
