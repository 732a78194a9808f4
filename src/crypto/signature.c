#include "crypto/key.h"

#include <limits.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/library.h"
#include "crypto/openssl.h"

/* Octets of r, and of s, in the raw form (RFC 4754 7); 0 when the type has none. */
static size_t coordinate_len(enum key_type type)
{
	switch (type) {
	case KEY_ECDSA_P256:
		return 32;
	case KEY_ECDSA_P384:
		return 48;
	case KEY_ECDSA_P521:
		return 66;
	default:
		return 0;
	}
}

/* Hash and padding for a context that was set up to sign or to verify. */
static bool set_padding(EVP_PKEY_CTX *ctx, const struct signature_scheme *scheme)
{
	if (scheme->kind == SIGNATURE_RSA_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (scheme->kind != SIGNATURE_RSA_PSS)
		return true;
	/* RFC 7427 A.4: the identifier says a salt as long as the hash, and the verifier holds the
	 * signer to it. MGF1 takes the same hash unless told. */
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* r | s from the DER that the library writes; n is the length of one of them. */
static bool raw_of_der(struct bytes der, size_t n, uint8_t *out)
{
	const unsigned char *p = der.p;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)n) == (int)n &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + n, (int)n) == (int)n;

	ECDSA_SIG_free(sig);
	return ok;
}

/* The reverse: *der is the library's, freed with OPENSSL_free(); its length, or 0. */
static size_t der_of_raw(struct bytes raw, unsigned char **der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.p, (int)(raw.n / 2), NULL);
	BIGNUM *s = BN_bin2bn(raw.p + raw.n / 2, (int)(raw.n / 2), NULL);
	int n = 0;

	*der = NULL;
	if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = NULL; /* both are the signature's now */
		s = NULL;
		n = i2d_ECDSA_SIG(sig, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n > 0 ? (size_t)n : 0;
}

/* The signature as the library gives it, which the caller frees with mem_free(). */
static enum err sign(const struct private_key *key, const struct signature_scheme *scheme,
		     struct bytes message, uint8_t **out, size_t *out_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	enum err e = ERR_CRYPTO;
	size_t n = 0;

	*out = NULL;
	*out_len = 0;
	if (ctx == NULL ||
	    EVP_DigestSignInit_ex(ctx, &pctx, hash_library_name(scheme->hash), NULL, NULL,
				  key->pkey, NULL) != 1 ||
	    !set_padding(pctx, scheme) ||
	    EVP_DigestSign(ctx, NULL, &n, message.p, message.n) != 1 || n == 0)
		goto done;
	*out = mem_new(n);
	if (*out == NULL) {
		e = ERR_NO_MEMORY;
		goto done;
	}
	if (EVP_DigestSign(ctx, *out, &n, message.p, message.n) != 1)
		goto done;
	*out_len = n;
	e = ERR_NONE;
done:
	if (e != ERR_NONE) {
		mem_free(*out);
		*out = NULL;
		ERR_clear_error();
	}
	EVP_MD_CTX_free(ctx);
	return e;
}

enum err signature_make(const struct private_key *key, const struct signature_scheme *scheme,
			struct bytes message, uint8_t **data, size_t *data_len)
{
	size_t coordinate = coordinate_len(key->type);
	struct writer w;
	uint8_t *signature;
	size_t n;
	enum err e;

	*data = NULL;
	*data_len = 0;
	if (!signature_fits(scheme, key->type))
		return ERR_UNSUPPORTED;
	e = sign(key, scheme, message, &signature, &n);
	if (e != ERR_NONE)
		return e;
	/* Enough for each form: the raw one may be longer than its DER. */
	w = writer_of(NULL, 1 + scheme->identifier.n + n + 2 * coordinate);
	w.p = mem_new(w.cap);
	if (w.p == NULL) {
		mem_free(signature);
		return ERR_NO_MEMORY;
	}
	if (scheme->kind == SIGNATURE_ECDSA_RAW) {
		if (!raw_of_der(bytes_of(signature, n), coordinate,
				writer_reserve(&w, 2 * coordinate)))
			e = ERR_CRYPTO;
	} else {
		if (scheme->auth_method == AUTH_DIGITAL_SIGNATURE) {
			writer_u8(&w, (uint8_t)scheme->identifier.n);
			writer_bytes(&w, scheme->identifier);
		}
		writer_bytes(&w, bytes_of(signature, n));
	}
	mem_free(signature);
	if (e != ERR_NONE || !writer_ok(&w)) {
		ERR_clear_error();
		mem_free(w.p);
		return ERR_CRYPTO;
	}
	*data = w.p;
	*data_len = w.n;
	return ERR_NONE;
}

static bool verify(const struct public_key *key, const struct signature_scheme *scheme,
		   struct bytes signature, struct bytes message)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	bool ok = ctx != NULL &&
		  EVP_DigestVerifyInit_ex(ctx, &pctx, hash_library_name(scheme->hash), NULL, NULL,
					  key->pkey, NULL) == 1 &&
		  set_padding(pctx, scheme) &&
		  EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

enum err signature_verify(const struct public_key *key, const struct signature_scheme *scheme,
			  struct bytes signature, struct bytes message)
{
	unsigned char *der;
	size_t n;
	bool ok;

	if (!signature_fits(scheme, key->type))
		return ERR_AUTH;
	if (scheme->kind != SIGNATURE_ECDSA_RAW)
		return verify(key, scheme, signature, message) ? ERR_NONE : ERR_AUTH;
	if (signature.n != 2 * coordinate_len(key->type))
		return ERR_AUTH;
	n = der_of_raw(signature, &der);
	ok = n != 0 && verify(key, scheme, bytes_of(der, n), message);
	OPENSSL_free(der);
	return ok ? ERR_NONE : ERR_AUTH;
}
