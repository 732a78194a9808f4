#include "crypto/crypto.h"

#include <limits.h>
#include <stdlib.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/composite_ready.h"
#include "crypto/library.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Every cipher by its library name; the place in this table is the place in struct crypto. */
static const struct {
	uint16_t id; /* the first of the ciphers that share the core */
	uint16_t key_bits;
	const char *name;
} ciphers[] = {
    {ENCR_AES_GCM_16, 128, "AES-128-GCM"},
    {ENCR_AES_GCM_16, 192, "AES-192-GCM"},
    {ENCR_AES_GCM_16, 256, "AES-256-GCM"},
    {ENCR_AES_CCM_16, 128, "AES-128-CCM"},
    {ENCR_AES_CCM_16, 192, "AES-192-CCM"},
    {ENCR_AES_CCM_16, 256, "AES-256-CCM"},
    {ENCR_AES_CBC, 128, "AES-128-CBC"},
    {ENCR_AES_CBC, 192, "AES-192-CBC"},
    {ENCR_AES_CBC, 256, "AES-256-CBC"},
    {ENCR_AES_CTR, 128, "AES-128-CTR"},
    {ENCR_AES_CTR, 192, "AES-192-CTR"},
    {ENCR_AES_CTR, 256, "AES-256-CTR"},
    {ENCR_CHACHA20_POLY1305, 256, "ChaCha20-Poly1305"},
};

static const struct {
	const char *mac;
	const char *param;      /* which parameter names the underlying primitive */
	const char *underlying; /* and its name */
	uint8_t len;
} macs[MAC_COUNT] = {
    [MAC_HMAC_SHA1] = {"HMAC", OSSL_MAC_PARAM_DIGEST, "SHA1", 20},
    [MAC_HMAC_SHA2_256] = {"HMAC", OSSL_MAC_PARAM_DIGEST, "SHA2-256", 32},
    [MAC_HMAC_SHA2_384] = {"HMAC", OSSL_MAC_PARAM_DIGEST, "SHA2-384", 48},
    [MAC_HMAC_SHA2_512] = {"HMAC", OSSL_MAC_PARAM_DIGEST, "SHA2-512", 64},
    [MAC_AES128_CMAC] = {"CMAC", OSSL_MAC_PARAM_CIPHER, "AES-128-CBC", 16},
};

static const struct {
	uint16_t hash;
	uint8_t len;
	const char *name;
} hashes[] = {
    {HASH_SHA1, 20, "SHA1"},
    {HASH_SHA2_256, 32, "SHA2-256"},
    {HASH_SHA2_384, 48, "SHA2-384"},
    {HASH_SHA2_512, 64, "SHA2-512"},
};

struct crypto {
	EVP_MD *hash[COUNT(hashes)];
	EVP_MD_CTX *hash_ctx;
	EVP_CIPHER *cipher[COUNT(ciphers)];
	EVP_CIPHER_CTX *cipher_ctx;
	EVP_MAC_CTX *mac_template[MAC_COUNT]; /* each with its algorithm and a key of zeros */
};

void crypto_free(struct crypto *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < COUNT(c->hash); i++)
		EVP_MD_free(c->hash[i]);
	EVP_MD_CTX_free(c->hash_ctx);
	for (size_t i = 0; i < COUNT(c->cipher); i++)
		EVP_CIPHER_free(c->cipher[i]);
	EVP_CIPHER_CTX_free(c->cipher_ctx);
	for (size_t i = 0; i < COUNT(c->mac_template); i++)
		EVP_MAC_CTX_free(c->mac_template[i]);
	mem_free(c);
}

/* The library copies no CMAC context that has never had a key. */
static EVP_MAC_CTX *template_new(enum mac mac)
{
	static const uint8_t zero[16];
	EVP_MAC_CTX *ctx = mac_context_new(mac);

	if (ctx == NULL || mac_context_key(ctx, BYTES_OF(zero)))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

struct crypto *crypto_new(void)
{
	struct crypto *c = mem_new(sizeof(*c));

	if (c == NULL)
		return NULL;
	/* Here too, so that it is done before a process is locked in. */
	composite_ready();
	c->hash_ctx = EVP_MD_CTX_new();
	c->cipher_ctx = EVP_CIPHER_CTX_new();
	if (c->hash_ctx == NULL || c->cipher_ctx == NULL)
		goto failed;
	for (size_t i = 0; i < COUNT(c->hash); i++)
		if ((c->hash[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL)) == NULL)
			goto failed;
	for (size_t i = 0; i < COUNT(c->cipher); i++)
		if ((c->cipher[i] = EVP_CIPHER_fetch(NULL, ciphers[i].name, NULL)) == NULL)
			goto failed;
	for (enum mac m = MAC_HMAC_SHA1; m < MAC_COUNT; m++)
		if ((c->mac_template[m] = template_new(m)) == NULL)
			goto failed;
	return c;
failed:
	ERR_clear_error();
	crypto_free(c);
	return NULL;
}

void crypto_random(void *buf, size_t n)
{
	uint8_t *p = buf;

	while (n > 0) {
		int some = n > INT_MAX ? INT_MAX : (int)n;

		if (RAND_bytes(p, some) != 1)
			abort();
		p += some;
		n -= (size_t)some;
	}
}

size_t hash_len(uint16_t hash)
{
	for (size_t i = 0; i < COUNT(hashes); i++)
		if (hashes[i].hash == hash)
			return hashes[i].len;
	return 0;
}

const char *hash_library_name(uint16_t hash)
{
	for (size_t i = 0; i < COUNT(hashes); i++)
		if (hashes[i].hash == hash)
			return hashes[i].name;
	return NULL;
}

enum err hash_parts(struct crypto *c, uint16_t hash, const struct bytes *parts, size_t n_parts,
		    uint8_t *out)
{
	const EVP_MD *md = NULL;
	enum err e = ERR_CRYPTO;

	for (size_t i = 0; i < COUNT(hashes); i++)
		if (hashes[i].hash == hash)
			md = c->hash[i];
	if (md == NULL)
		return ERR_UNSUPPORTED;
	if (EVP_DigestInit_ex2(c->hash_ctx, md, NULL) != 1)
		goto done;
	for (size_t i = 0; i < n_parts; i++)
		if (EVP_DigestUpdate(c->hash_ctx, parts[i].p, parts[i].n) != 1)
			goto done;
	if (EVP_DigestFinal_ex(c->hash_ctx, out, NULL) != 1)
		goto done;
	e = ERR_NONE;
done:
	if (e != ERR_NONE)
		ERR_clear_error();
	return e;
}

/* Ciphers that differ in the length of the ICV alone share one core. */
static size_t cipher_place(const struct encr_desc *d, uint16_t key_bits)
{
	uint16_t id = d->id;
	uint16_t bits = d->has_key_length ? key_bits : d->key_bits[0];
	size_t i = 0;

	if (id == ENCR_AES_GCM_12 || id == ENCR_AES_GCM_8 || id == ENCR_AES_GCM_16_IIV ||
	    id == ENCR_NULL_AUTH_AES_GMAC)
		id = ENCR_AES_GCM_16;
	if (id == ENCR_AES_CCM_12 || id == ENCR_AES_CCM_8 || id == ENCR_AES_CCM_8_IIV)
		id = ENCR_AES_CCM_16;
	if (id == ENCR_CHACHA20_POLY1305_IIV)
		id = ENCR_CHACHA20_POLY1305;
	while (i < COUNT(ciphers) && (ciphers[i].id != id || ciphers[i].key_bits != bits))
		i++;
	return i;
}

const char *cipher_name(const struct encr_desc *d, uint16_t key_bits)
{
	size_t i = cipher_place(d, key_bits);

	return i < COUNT(ciphers) ? ciphers[i].name : NULL;
}

const EVP_CIPHER *cipher_fetched(struct crypto *c, const struct encr_desc *d, uint16_t key_bits)
{
	size_t i = cipher_place(d, key_bits);

	return i < COUNT(ciphers) ? c->cipher[i] : NULL;
}

EVP_CIPHER_CTX *cipher_scratch(struct crypto *c)
{
	return c->cipher_ctx;
}

enum mac mac_of_prf(uint16_t prf_id)
{
	switch (prf_id) {
	case PRF_HMAC_SHA1:
		return MAC_HMAC_SHA1;
	case PRF_HMAC_SHA2_256:
		return MAC_HMAC_SHA2_256;
	case PRF_HMAC_SHA2_384:
		return MAC_HMAC_SHA2_384;
	case PRF_HMAC_SHA2_512:
		return MAC_HMAC_SHA2_512;
	case PRF_AES128_CMAC:
		return MAC_AES128_CMAC;
	default:
		return MAC_NONE;
	}
}

enum mac mac_of_integ(uint16_t integ_id)
{
	switch (integ_id) {
	case INTEG_HMAC_SHA1_96:
		return MAC_HMAC_SHA1;
	case INTEG_HMAC_SHA2_256_128:
		return MAC_HMAC_SHA2_256;
	case INTEG_HMAC_SHA2_384_192:
		return MAC_HMAC_SHA2_384;
	case INTEG_HMAC_SHA2_512_256:
		return MAC_HMAC_SHA2_512;
	case INTEG_AES_CMAC_96:
		return MAC_AES128_CMAC;
	default:
		return MAC_NONE;
	}
}

size_t mac_len(enum mac mac)
{
	return macs[mac].len;
}

EVP_MAC_CTX *mac_context_new(enum mac mac)
{
	EVP_MAC *algorithm;
	EVP_MAC_CTX *ctx = NULL;
	char underlying[16];
	OSSL_PARAM params[2];

	if (mac == MAC_NONE)
		return NULL;
	algorithm = EVP_MAC_fetch(NULL, macs[mac].mac, NULL);
	if (algorithm != NULL)
		ctx = EVP_MAC_CTX_new(algorithm);
	EVP_MAC_free(algorithm); /* the context holds its own reference */
	if (ctx == NULL)
		return NULL;
	OPENSSL_strlcpy(underlying, macs[mac].underlying, sizeof(underlying));
	params[0] = OSSL_PARAM_construct_utf8_string(macs[mac].param, underlying, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (EVP_MAC_CTX_set_params(ctx, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

bool mac_context_key(EVP_MAC_CTX *ctx, struct bytes key)
{
	static const uint8_t none[1];

	/* A NULL key would mean "the one from before". */
	return EVP_MAC_init(ctx, key.n != 0 ? key.p : none, key.n, NULL) == 1;
}

bool mac_context_run(EVP_MAC_CTX *ctx, const struct bytes *parts, size_t n_parts, uint8_t *out)
{
	size_t n = 0;

	/* Back to the start of a message, with the same key. */
	if (EVP_MAC_init(ctx, NULL, 0, NULL) != 1)
		return false;
	for (size_t i = 0; i < n_parts; i++)
		if (parts[i].n != 0 && EVP_MAC_update(ctx, parts[i].p, parts[i].n) != 1)
			return false;
	return EVP_MAC_final(ctx, out, &n, MAC_LEN_MAX) == 1;
}

EVP_MAC_CTX *mac_scratch(struct crypto *c, enum mac mac, struct bytes key)
{
	EVP_MAC_CTX *ctx = mac != MAC_NONE ? EVP_MAC_CTX_dup(c->mac_template[mac]) : NULL;

	if (ctx == NULL || mac_context_key(ctx, key))
		return ctx;
	ERR_clear_error();
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

void mac_scratch_done(EVP_MAC_CTX *ctx)
{
	EVP_MAC_CTX_free(ctx); /* erases the key */
}
