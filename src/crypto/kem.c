#include "crypto/kem.h"

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/library.h"
#include "crypto/openssl.h"

const struct ke_desc *key_type_kem(enum key_type type)
{
	switch (type) {
	case KEY_ML_KEM_512:
		return ke_find(KE_ML_KEM_512);
	case KEY_ML_KEM_768:
		return ke_find(KE_ML_KEM_768);
	case KEY_ML_KEM_1024:
		return ke_find(KE_ML_KEM_1024);
	default:
		return NULL;
	}
}

struct bytes kem_identifier(enum key_type type)
{
	/* OID 2.16.840.1.101.3.4.4.n, no parameters */
	static const uint8_t identifiers[][13] = {
	    {0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x01},
	    {0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02},
	    {0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x03},
	};

	switch (type) {
	case KEY_ML_KEM_512:
		return BYTES_OF(identifiers[0]);
	case KEY_ML_KEM_768:
		return BYTES_OF(identifiers[1]);
	case KEY_ML_KEM_1024:
		return BYTES_OF(identifiers[2]);
	default:
		return (struct bytes){0};
	}
}

enum key_type kem_identify(struct bytes identifier)
{
	for (int type = KEY_KEM_FIRST; type <= KEY_KEM_LAST; type++)
		if (bytes_equal(kem_identifier((enum key_type)type), identifier))
			return (enum key_type)type;
	return KEY_NONE;
}

enum err kem_encapsulate(const struct public_key *key, const uint8_t seed[KE_SEED_LEN],
			 uint8_t *ciphertext, uint8_t *secret)
{
	const struct ke_desc *d = key_type_kem(key->type);
	uint8_t *value;
	size_t n;
	enum err e = ERR_CRYPTO;

	if (d == NULL)
		return ERR_UNSUPPORTED;
	n = d->init_len;
	value = mem_new(n);
	if (value == NULL)
		return ERR_NO_MEMORY;
	/* Length and coefficients are looked at again there (FIPS 203 7.2). */
	if (EVP_PKEY_get_raw_public_key(key->pkey, value, &n) == 1)
		e = ke_respond(d, seed, bytes_of(value, n), ciphertext, secret);
	else
		ERR_clear_error();
	mem_free(value);
	return e;
}

enum err kem_decapsulate(const struct private_key *key, struct bytes ciphertext, uint8_t *secret)
{
	const struct ke_desc *d = key_type_kem(key->type);
	EVP_PKEY_CTX *ctx;
	size_t n;
	enum err e = ERR_CRYPTO;

	if (d == NULL)
		return ERR_UNSUPPORTED;
	if (ciphertext.n != d->resp_len)
		return ERR_SYNTAX;
	n = d->secret_len;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (ctx != NULL && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
	    EVP_PKEY_decapsulate(ctx, secret, &n, ciphertext.p, ciphertext.n) == 1 &&
	    n == d->secret_len)
		e = ERR_NONE;
	if (e != ERR_NONE)
		mem_erase(secret, d->secret_len);
	ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	return e;
}
