#include "crypto/composite.h"

#include <limits.h>
#include <string.h>

/* Section 6 of the draft. The hash of the traditional signature goes with the strength of its key,
 * and is not that over the message (PH). */
static const struct composite algorithms[COMPOSITES] = {
    {"MLDSA44-RSA2048-PSS-SHA256", "id-MLDSA44-RSA2048-PSS-SHA256", "1.3.6.1.5.5.7.6.37",
     "COMPSIG-MLDSA44-RSA2048-PSS-SHA256", "SHA2-256", "ML-DSA-44", 1312, 2420, 128,
     COMPOSITE_RSA_PSS, "RSA", NULL, 2048, "SHA2-256", 270, 256},
    {"MLDSA44-RSA2048-PKCS15-SHA256", "id-MLDSA44-RSA2048-PKCS15-SHA256", "1.3.6.1.5.5.7.6.38",
     "COMPSIG-MLDSA44-RSA2048-PKCS15-SHA256", "SHA2-256", "ML-DSA-44", 1312, 2420, 128,
     COMPOSITE_RSA_PKCS1, "RSA", NULL, 2048, "SHA2-256", 270, 256},
    {"MLDSA44-Ed25519-SHA512", "id-MLDSA44-Ed25519-SHA512", "1.3.6.1.5.5.7.6.39",
     "COMPSIG-MLDSA44-Ed25519-SHA512", "SHA2-512", "ML-DSA-44", 1312, 2420, 128, COMPOSITE_EDDSA,
     "ED25519", NULL, 0, NULL, 32, 64},
    {"MLDSA44-ECDSA-P256-SHA256", "id-MLDSA44-ECDSA-P256-SHA256", "1.3.6.1.5.5.7.6.40",
     "COMPSIG-MLDSA44-ECDSA-P256-SHA256", "SHA2-256", "ML-DSA-44", 1312, 2420, 128, COMPOSITE_ECDSA,
     "EC", "prime256v1", 0, "SHA2-256", 65, 72},
    {"MLDSA65-RSA3072-PSS-SHA512", "id-MLDSA65-RSA3072-PSS-SHA512", "1.3.6.1.5.5.7.6.41",
     "COMPSIG-MLDSA65-RSA3072-PSS-SHA512", "SHA2-512", "ML-DSA-65", 1952, 3309, 192,
     COMPOSITE_RSA_PSS, "RSA", NULL, 3072, "SHA2-256", 398, 384},
    {"MLDSA65-RSA3072-PKCS15-SHA512", "id-MLDSA65-RSA3072-PKCS15-SHA512", "1.3.6.1.5.5.7.6.42",
     "COMPSIG-MLDSA65-RSA3072-PKCS15-SHA512", "SHA2-512", "ML-DSA-65", 1952, 3309, 192,
     COMPOSITE_RSA_PKCS1, "RSA", NULL, 3072, "SHA2-256", 398, 384},
    {"MLDSA65-RSA4096-PSS-SHA512", "id-MLDSA65-RSA4096-PSS-SHA512", "1.3.6.1.5.5.7.6.43",
     "COMPSIG-MLDSA65-RSA4096-PSS-SHA512", "SHA2-512", "ML-DSA-65", 1952, 3309, 192,
     COMPOSITE_RSA_PSS, "RSA", NULL, 4096, "SHA2-384", 526, 512},
    {"MLDSA65-RSA4096-PKCS15-SHA512", "id-MLDSA65-RSA4096-PKCS15-SHA512", "1.3.6.1.5.5.7.6.44",
     "COMPSIG-MLDSA65-RSA4096-PKCS15-SHA512", "SHA2-512", "ML-DSA-65", 1952, 3309, 192,
     COMPOSITE_RSA_PKCS1, "RSA", NULL, 4096, "SHA2-384", 526, 512},
    {"MLDSA65-ECDSA-P256-SHA512", "id-MLDSA65-ECDSA-P256-SHA512", "1.3.6.1.5.5.7.6.45",
     "COMPSIG-MLDSA65-ECDSA-P256-SHA512", "SHA2-512", "ML-DSA-65", 1952, 3309, 192, COMPOSITE_ECDSA,
     "EC", "prime256v1", 0, "SHA2-256", 65, 72},
    {"MLDSA65-ECDSA-P384-SHA512", "id-MLDSA65-ECDSA-P384-SHA512", "1.3.6.1.5.5.7.6.46",
     "COMPSIG-MLDSA65-ECDSA-P384-SHA512", "SHA2-512", "ML-DSA-65", 1952, 3309, 192, COMPOSITE_ECDSA,
     "EC", "secp384r1", 0, "SHA2-384", 97, 104},
    {"MLDSA65-ECDSA-brainpoolP256r1-SHA512", "id-MLDSA65-ECDSA-brainpoolP256r1-SHA512",
     "1.3.6.1.5.5.7.6.47", "COMPSIG-MLDSA65-ECDSA-BP256-SHA512", "SHA2-512", "ML-DSA-65", 1952,
     3309, 192, COMPOSITE_ECDSA, "EC", "brainpoolP256r1", 0, "SHA2-256", 65, 72},
    {"MLDSA65-Ed25519-SHA512", "id-MLDSA65-Ed25519-SHA512", "1.3.6.1.5.5.7.6.48",
     "COMPSIG-MLDSA65-Ed25519-SHA512", "SHA2-512", "ML-DSA-65", 1952, 3309, 192, COMPOSITE_EDDSA,
     "ED25519", NULL, 0, NULL, 32, 64},
    {"MLDSA87-ECDSA-P384-SHA512", "id-MLDSA87-ECDSA-P384-SHA512", "1.3.6.1.5.5.7.6.49",
     "COMPSIG-MLDSA87-ECDSA-P384-SHA512", "SHA2-512", "ML-DSA-87", 2592, 4627, 256, COMPOSITE_ECDSA,
     "EC", "secp384r1", 0, "SHA2-384", 97, 104},
    {"MLDSA87-ECDSA-brainpoolP384r1-SHA512", "id-MLDSA87-ECDSA-brainpoolP384r1-SHA512",
     "1.3.6.1.5.5.7.6.50", "COMPSIG-MLDSA87-ECDSA-BP384-SHA512", "SHA2-512", "ML-DSA-87", 2592,
     4627, 256, COMPOSITE_ECDSA, "EC", "brainpoolP384r1", 0, "SHA2-384", 97, 104},
    {"MLDSA87-Ed448-SHAKE256", "id-MLDSA87-Ed448-SHAKE256", "1.3.6.1.5.5.7.6.51",
     "COMPSIG-MLDSA87-Ed448-SHAKE256", "SHAKE-256", "ML-DSA-87", 2592, 4627, 256, COMPOSITE_EDDSA,
     "ED448", NULL, 0, NULL, 57, 114},
    {"MLDSA87-RSA3072-PSS-SHA512", "id-MLDSA87-RSA3072-PSS-SHA512", "1.3.6.1.5.5.7.6.52",
     "COMPSIG-MLDSA87-RSA3072-PSS-SHA512", "SHA2-512", "ML-DSA-87", 2592, 4627, 256,
     COMPOSITE_RSA_PSS, "RSA", NULL, 3072, "SHA2-256", 398, 384},
    {"MLDSA87-RSA4096-PSS-SHA512", "id-MLDSA87-RSA4096-PSS-SHA512", "1.3.6.1.5.5.7.6.53",
     "COMPSIG-MLDSA87-RSA4096-PSS-SHA512", "SHA2-512", "ML-DSA-87", 2592, 4627, 256,
     COMPOSITE_RSA_PSS, "RSA", NULL, 4096, "SHA2-384", 526, 512},
    {"MLDSA87-ECDSA-P521-SHA512", "id-MLDSA87-ECDSA-P521-SHA512", "1.3.6.1.5.5.7.6.54",
     "COMPSIG-MLDSA87-ECDSA-P521-SHA512", "SHA2-512", "ML-DSA-87", 2592, 4627, 256, COMPOSITE_ECDSA,
     "EC", "secp521r1", 0, "SHA2-512", 133, 139},
};

const struct composite *composite_at(size_t i)
{
	return &algorithms[i];
}

void composite_key_free(struct composite_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->ml_dsa); /* erases the private value */
	EVP_PKEY_free(k->traditional);
	OPENSSL_free(k);
}

/* Takes both keys, of which either may be NULL. */
static struct composite_key *key_of(const struct composite *a, EVP_PKEY *ml_dsa,
				    EVP_PKEY *traditional, bool private)
{
	struct composite_key *k = NULL;

	if (ml_dsa != NULL && traditional != NULL)
		k = OPENSSL_zalloc(sizeof(*k));
	if (k == NULL) {
		EVP_PKEY_free(ml_dsa);
		EVP_PKEY_free(traditional);
		return NULL;
	}
	k->algorithm = a;
	k->ml_dsa = ml_dsa;
	k->traditional = traditional;
	k->private = private;
	return k;
}

/* Section 4: the private value of an ECDSA key goes without its public one. */
static bool leave_public_out(EVP_PKEY *pkey)
{
	return EVP_PKEY_set_int_param(pkey, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0) == 1;
}

/* Section 2.1: both fresh, and used nowhere else. */
struct composite_key *composite_generate(const struct composite *a)
{
	EVP_PKEY *ml_dsa = EVP_PKEY_Q_keygen(NULL, NULL, a->ml_dsa);
	EVP_PKEY *traditional;

	if (a->group != NULL)
		traditional = EVP_PKEY_Q_keygen(NULL, NULL, a->type, a->group);
	else if (a->bits != 0)
		traditional = EVP_PKEY_Q_keygen(NULL, NULL, a->type, (size_t)a->bits);
	else
		traditional = EVP_PKEY_Q_keygen(NULL, NULL, a->type);
	if (traditional != NULL && a->group != NULL && !leave_public_out(traditional)) {
		EVP_PKEY_free(traditional);
		traditional = NULL;
	}
	return key_of(a, ml_dsa, traditional, true);
}

/* The type's own form in DER: RSAPublicKey, RSAPrivateKey, ECPrivateKey. All of it, or NULL. */
static EVP_PKEY *decode(const struct composite *a, int selection, struct bytes der)
{
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", "type-specific",
							      a->type, selection, NULL, NULL);
	const unsigned char *p = der.p;
	size_t left = der.n;
	bool whole =
	    ctx != NULL && OSSL_DECODER_from_data(ctx, &p, &left) == 1 && pkey != NULL && left == 0;

	OSSL_DECODER_CTX_free(ctx);
	if (whole)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static EVP_PKEY *from_params(const char *type, int selection, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* Section 4: a point is written whole, never compressed. The library looks whether it is one. */
static EVP_PKEY *point_of(const struct composite *a, struct bytes raw)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
					     (char *)(uintptr_t)a->group, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)raw.p,
					      raw.n),
	    OSSL_PARAM_construct_end(),
	};

	if (raw.n != a->traditional_public_len || raw.p[0] != POINT_CONVERSION_UNCOMPRESSED)
		return NULL;
	return from_params(a->type, EVP_PKEY_PUBLIC_KEY, params);
}

/* The keys go by the OID alone, so that the one inside must be what that says. Of RSA we take the
 * exponent 65537 only, as section 6 allows: with others a check can be made slow. */
static bool is_as_said(const struct composite *a, const EVP_PKEY *pkey)
{
	char group[32] = "";
	BIGNUM *e = NULL;
	size_t n;
	bool right;

	if (a->group != NULL)
		return EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) == 1 &&
		       strcmp(group, a->group) == 0;
	if (a->bits == 0)
		return true;
	right = EVP_PKEY_get_bits(pkey) == (int)a->bits &&
		EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
		BN_is_word(e, RSA_F4);
	BN_free(e);
	return right;
}

/* The two public values are DER where the type has one form only and raw elsewhere; a second way
 * to write the same key is refused. */
static bool is_canonical(EVP_PKEY *pkey, struct bytes raw)
{
	unsigned char *again = NULL;
	int n = i2d_PublicKey(pkey, &again);
	bool same = n > 0 && bytes_equal(bytes_of(again, (size_t)n), raw);

	OPENSSL_free(again);
	return same;
}

static EVP_PKEY *traditional_public(const struct composite *a, struct bytes raw)
{
	EVP_PKEY *pkey;

	if (a->kind == COMPOSITE_EDDSA)
		return EVP_PKEY_new_raw_public_key_ex(NULL, a->type, NULL, raw.p, raw.n);
	pkey = a->group != NULL ? point_of(a, raw) : decode(a, EVP_PKEY_PUBLIC_KEY, raw);
	if (pkey == NULL || (is_as_said(a, pkey) && is_canonical(pkey, raw)))
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

struct composite_key *composite_public_of(const struct composite *a, struct bytes raw)
{
	const size_t cut = a->ml_dsa_public_len;
	EVP_PKEY *ml_dsa, *traditional;

	if (raw.n <= cut || raw.n > cut + a->traditional_public_len)
		return NULL;
	ml_dsa = EVP_PKEY_new_raw_public_key_ex(NULL, a->ml_dsa, NULL, raw.p, cut);
	traditional = traditional_public(a, bytes_of(raw.p + cut, raw.n - cut));
	return key_of(a, ml_dsa, traditional, false);
}

static EVP_PKEY *traditional_private(const struct composite *a, struct bytes raw)
{
	EVP_PKEY *pkey;

	if (a->kind == COMPOSITE_EDDSA)
		return EVP_PKEY_new_raw_private_key_ex(NULL, a->type, NULL, raw.p, raw.n);
	pkey = decode(a, EVP_PKEY_KEYPAIR, raw);
	if (pkey == NULL || (is_as_said(a, pkey) && (a->group == NULL || leave_public_out(pkey))))
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

struct composite_key *composite_private_of(const struct composite *a, struct bytes raw)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, (void *)(uintptr_t)raw.p,
					      COMPOSITE_SEED_LEN),
	    OSSL_PARAM_construct_end(),
	};

	if (raw.n <= COMPOSITE_SEED_LEN || raw.n > INT_MAX)
		return NULL;
	return key_of(a, from_params(a->ml_dsa, EVP_PKEY_KEYPAIR, params),
		      traditional_private(
			  a, bytes_of(raw.p + COMPOSITE_SEED_LEN, raw.n - COMPOSITE_SEED_LEN)),
		      true);
}

size_t composite_public_raw(const struct composite_key *k, unsigned char **raw)
{
	const size_t cut = k->algorithm->ml_dsa_public_len;
	unsigned char *second = NULL;
	size_t first_len = cut, n = 0;
	size_t second_len = k->algorithm->traditional_public_len;

	if (k->algorithm->kind == COMPOSITE_EDDSA) {
		second = OPENSSL_malloc(second_len);
		if (second == NULL ||
		    EVP_PKEY_get_raw_public_key(k->traditional, second, &second_len) != 1)
			second_len = 0;
	} else {
		int len = i2d_PublicKey(k->traditional, &second);

		second_len = len > 0 ? (size_t)len : 0;
	}
	*raw = second_len != 0 ? OPENSSL_malloc(cut + second_len) : NULL;
	if (*raw != NULL && EVP_PKEY_get_raw_public_key(k->ml_dsa, *raw, &first_len) == 1 &&
	    first_len == cut) {
		memcpy(*raw + cut, second, second_len);
		n = cut + second_len;
	}
	OPENSSL_free(second);
	if (n == 0) {
		OPENSSL_free(*raw);
		*raw = NULL;
	}
	return n;
}

/* Of EdDSA the raw octets, of the others their DER. */
static size_t traditional_private_raw(const struct composite_key *k, unsigned char **raw)
{
	size_t n = 0;
	int len;

	*raw = NULL;
	if (k->algorithm->kind != COMPOSITE_EDDSA) {
		len = i2d_PrivateKey(k->traditional, raw);
		return len > 0 ? (size_t)len : 0;
	}
	if (EVP_PKEY_get_raw_private_key(k->traditional, NULL, &n) != 1)
		return 0;
	*raw = OPENSSL_malloc(n);
	if (*raw == NULL || EVP_PKEY_get_raw_private_key(k->traditional, *raw, &n) != 1)
		return 0;
	return n;
}

size_t composite_private_raw(const struct composite_key *k, unsigned char **raw)
{
	unsigned char *second;
	size_t second_len = k->private ? traditional_private_raw(k, &second) : 0;
	size_t seed_len = 0, n = 0;

	*raw = NULL;
	if (!k->private)
		return 0;
	if (second_len != 0)
		*raw = OPENSSL_malloc(COMPOSITE_SEED_LEN + second_len);
	if (*raw != NULL &&
	    EVP_PKEY_get_octet_string_param(k->ml_dsa, OSSL_PKEY_PARAM_ML_DSA_SEED, *raw,
					    COMPOSITE_SEED_LEN, &seed_len) == 1 &&
	    seed_len == COMPOSITE_SEED_LEN) {
		memcpy(*raw + COMPOSITE_SEED_LEN, second, second_len);
		n = COMPOSITE_SEED_LEN + second_len;
	}
	OPENSSL_clear_free(second, second_len);
	if (n == 0) {
		OPENSSL_clear_free(*raw, *raw != NULL ? COMPOSITE_SEED_LEN : 0);
		*raw = NULL;
	}
	return n;
}

bool composite_public_equal(const struct composite_key *a, const struct composite_key *b)
{
	return a->algorithm == b->algorithm && EVP_PKEY_eq(a->ml_dsa, b->ml_dsa) == 1 &&
	       EVP_PKEY_eq(a->traditional, b->traditional) == 1;
}
