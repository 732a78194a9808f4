/* ML-KEM (FIPS 203) by OpenSSL. */
#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/ke_method.h"

#define ENCAPSULATION_SEED_LEN 32 /* m of FIPS 203 6.2 */

static const char *algorithm_of(const struct ke_desc *d)
{
	switch (d->id) {
	case KE_ML_KEM_512:
		return "ML-KEM-512";
	case KE_ML_KEM_768:
		return "ML-KEM-768";
	default:
		return "ML-KEM-1024";
	}
}

/* FIPS 203 7.1 with d | z as given. */
static EVP_PKEY *key_from_seed(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm_of(d), NULL);
	uint8_t copy[KE_SEED_LEN]; /* the parameter wants one that is not const */
	OSSL_PARAM params[2];
	EVP_PKEY *key = NULL;

	memcpy(copy, seed, sizeof(copy));
	params[0] =
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_KEM_SEED, copy, sizeof(copy));
	params[1] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_params(ctx, params) != 1 || EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
	mem_erase(copy, sizeof(copy));
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static enum err mlkem_generate(struct ke_private *private, const uint8_t seed[KE_SEED_LEN],
			       uint8_t *public_value)
{
	size_t n = private->desc->init_len;

	private->key = key_from_seed(private->desc, seed);
	if (private->key != NULL &&
	    EVP_PKEY_get_raw_public_key(private->key, public_value, &n) == 1 &&
	    n == private->desc->init_len)
		return ERR_NONE;
	ERR_clear_error();
	return ERR_CRYPTO;
}

static enum err mlkem_import(struct ke_private *private, struct bytes value)
{
	if (value.n == KE_SEED_LEN)
	private->key = key_from_seed(private->desc, value.p);
	else private->key = EVP_PKEY_new_raw_private_key_ex(NULL, algorithm_of(private->desc), NULL,
							    value.p, value.n);
	if (private->key != NULL)
		return ERR_NONE;
	ERR_clear_error();
	return ERR_CRYPTO;
}

/* The library refuses a key with a coefficient that is not below q (FIPS 203 7.2): a unit test
 * shows that it does. */
static enum err mlkem_respond(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
			      struct bytes peer_value, uint8_t *answer, uint8_t *secret)
{
	EVP_PKEY *peer =
	    EVP_PKEY_new_raw_public_key_ex(NULL, algorithm_of(d), NULL, peer_value.p, peer_value.n);
	EVP_PKEY_CTX *ctx = NULL;
	uint8_t m[ENCAPSULATION_SEED_LEN];
	OSSL_PARAM params[2];
	size_t answer_len = d->resp_len;
	size_t secret_len = d->secret_len;
	enum err e = ERR_CRYPTO;

	memcpy(m, seed, sizeof(m));
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_KEM_PARAM_IKME, m, sizeof(m));
	params[1] = OSSL_PARAM_construct_end();
	if (peer != NULL)
		ctx = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
	if (ctx != NULL && EVP_PKEY_encapsulate_init(ctx, params) == 1 &&
	    EVP_PKEY_encapsulate(ctx, answer, &answer_len, secret, &secret_len) == 1 &&
	    answer_len == d->resp_len && secret_len == d->secret_len)
		e = ERR_NONE;
	else
		ERR_clear_error();
	mem_erase(m, sizeof(m));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return e;
}

/* A ciphertext of the right length never fails: a wrong one gives another secret (FIPS 203 6.3). */
static enum err mlkem_finish(struct ke_private *private, struct bytes answer, uint8_t *secret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, private->key, NULL);
	size_t n = private->desc->secret_len;
	enum err e = ERR_CRYPTO;

	if (ctx != NULL && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
	    EVP_PKEY_decapsulate(ctx, secret, &n, answer.p, answer.n) == 1 &&
	    n == private->desc->secret_len)
		e = ERR_NONE;
	else
		ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	return e;
}

static void mlkem_erase(struct ke_private *private)
{
	EVP_PKEY_free(private->key); /* erases the private half */
	private->key = NULL;
}

const struct ke_ops ke_mlkem_ops = {mlkem_generate, mlkem_import, mlkem_respond, mlkem_finish,
				    mlkem_erase};
