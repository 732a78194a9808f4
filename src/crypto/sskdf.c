#include "crypto/sskdf.h"

#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/library.h"
#include "crypto/openssl.h"

struct sskdf {
	EVP_KDF_CTX *ctx;
	const struct sskdf_desc *desc;
	uint8_t root[SSKDF_ROOT_MAX];
};

struct sskdf *sskdf_new(const struct sskdf_desc *d, struct bytes root)
{
	EVP_KDF *kdf = NULL;
	struct sskdf *s = NULL;

	if (root.n != d->root_len || root.n > sizeof(s->root))
		return NULL;
	s = mem_new(sizeof(*s));
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	if (s != NULL && kdf != NULL)
		s->ctx = EVP_KDF_CTX_new(kdf); /* holds its own reference */
	EVP_KDF_free(kdf);
	if (s == NULL || s->ctx == NULL) {
		ERR_clear_error();
		sskdf_free(s);
		return NULL;
	}
	s->desc = d;
	memcpy(s->root, root.p, root.n);
	return s;
}

void sskdf_free(struct sskdf *s)
{
	if (s == NULL)
		return;
	EVP_KDF_CTX_free(s->ctx);
	mem_free_secret(s, sizeof(*s));
}

enum err sskdf_derive(struct sskdf *s, uint16_t session_id, uint8_t *out, size_t n)
{
	/* The full Session ID field is the info; there is no label and no Extract (E3 5). */
	uint8_t info[2] = {(uint8_t)(session_id >> 8), (uint8_t)session_id};
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	char hash[16];
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, s->root, s->desc->root_len),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
	    OSSL_PARAM_construct_end(),
	};
	const char *name = hash_library_name(s->desc->hash);
	int ok;

	if (name == NULL || strlen(name) >= sizeof(hash))
		return ERR_UNSUPPORTED;
	memcpy(hash, name, strlen(name) + 1);
	EVP_KDF_CTX_reset(s->ctx); /* else INFO is added to what was there */
	ok = EVP_KDF_derive(s->ctx, out, n, params);
	EVP_KDF_CTX_reset(s->ctx);
	if (ok != 1) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	return ERR_NONE;
}
