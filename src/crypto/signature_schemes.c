#include "crypto/key.h"

#include <string.h>

#include "base/ikev2_numbers.h"
#include "crypto/signature_identifiers.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* In order of preference within one kind of key. */
static const struct signature_scheme schemes[] = {
    {"rsa-pss-sha256",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_256,
     {pss_sha256, sizeof(pss_sha256)},
     SIGNATURE_RSA_PSS,
     KEY_RSA,
     false},
    {"rsa-pss-sha384",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_384,
     {pss_sha384, sizeof(pss_sha384)},
     SIGNATURE_RSA_PSS,
     KEY_RSA,
     false},
    {"rsa-pss-sha512",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_512,
     {pss_sha512, sizeof(pss_sha512)},
     SIGNATURE_RSA_PSS,
     KEY_RSA,
     false},
    {"ecdsa-sha256",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_256,
     {ecdsa_sha256, sizeof(ecdsa_sha256)},
     SIGNATURE_ECDSA_DER,
     KEY_NONE,
     false},
    {"ecdsa-sha384",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_384,
     {ecdsa_sha384, sizeof(ecdsa_sha384)},
     SIGNATURE_ECDSA_DER,
     KEY_NONE,
     false},
    {"ecdsa-sha512",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_512,
     {ecdsa_sha512, sizeof(ecdsa_sha512)},
     SIGNATURE_ECDSA_DER,
     KEY_NONE,
     false},
    {"ed25519",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {ed25519, sizeof(ed25519)},
     SIGNATURE_EDDSA,
     KEY_ED25519,
     false},
    {"ed448",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {ed448, sizeof(ed448)},
     SIGNATURE_EDDSA,
     KEY_ED448,
     false},
    {"ml-dsa-44",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {ml_dsa_44, sizeof(ml_dsa_44)},
     SIGNATURE_PURE,
     KEY_ML_DSA_44,
     false},
    {"ml-dsa-65",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {ml_dsa_65, sizeof(ml_dsa_65)},
     SIGNATURE_PURE,
     KEY_ML_DSA_65,
     false},
    {"ml-dsa-87",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {ml_dsa_87, sizeof(ml_dsa_87)},
     SIGNATURE_PURE,
     KEY_ML_DSA_87,
     false},
    {"slh-dsa-sha2-128s",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_sha2_128s, sizeof(slh_dsa_sha2_128s)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHA2_128S,
     false},
    {"slh-dsa-sha2-128f",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_sha2_128f, sizeof(slh_dsa_sha2_128f)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHA2_128F,
     false},
    {"slh-dsa-sha2-192s",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_sha2_192s, sizeof(slh_dsa_sha2_192s)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHA2_192S,
     false},
    {"slh-dsa-sha2-192f",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_sha2_192f, sizeof(slh_dsa_sha2_192f)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHA2_192F,
     false},
    {"slh-dsa-sha2-256s",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_sha2_256s, sizeof(slh_dsa_sha2_256s)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHA2_256S,
     false},
    {"slh-dsa-sha2-256f",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_sha2_256f, sizeof(slh_dsa_sha2_256f)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHA2_256F,
     false},
    {"slh-dsa-shake-128s",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_shake_128s, sizeof(slh_dsa_shake_128s)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHAKE_128S,
     false},
    {"slh-dsa-shake-128f",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_shake_128f, sizeof(slh_dsa_shake_128f)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHAKE_128F,
     false},
    {"slh-dsa-shake-192s",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_shake_192s, sizeof(slh_dsa_shake_192s)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHAKE_192S,
     false},
    {"slh-dsa-shake-192f",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_shake_192f, sizeof(slh_dsa_shake_192f)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHAKE_192F,
     false},
    {"slh-dsa-shake-256s",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_shake_256s, sizeof(slh_dsa_shake_256s)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHAKE_256S,
     false},
    {"slh-dsa-shake-256f",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {slh_dsa_shake_256f, sizeof(slh_dsa_shake_256f)},
     SIGNATURE_PURE,
     KEY_SLH_DSA_SHAKE_256F,
     false},
    {"mldsa44-rsa2048-pss",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa44_rsa2048_pss, sizeof(mldsa44_rsa2048_pss)},
     SIGNATURE_PURE,
     KEY_MLDSA44_RSA2048_PSS,
     false},
    {"mldsa44-rsa2048-pkcs15",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa44_rsa2048_pkcs15, sizeof(mldsa44_rsa2048_pkcs15)},
     SIGNATURE_PURE,
     KEY_MLDSA44_RSA2048_PKCS15,
     false},
    {"mldsa44-ed25519",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa44_ed25519, sizeof(mldsa44_ed25519)},
     SIGNATURE_PURE,
     KEY_MLDSA44_ED25519,
     false},
    {"mldsa44-ecdsa-p256",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa44_ecdsa_p256, sizeof(mldsa44_ecdsa_p256)},
     SIGNATURE_PURE,
     KEY_MLDSA44_ECDSA_P256,
     false},
    {"mldsa65-rsa3072-pss",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_rsa3072_pss, sizeof(mldsa65_rsa3072_pss)},
     SIGNATURE_PURE,
     KEY_MLDSA65_RSA3072_PSS,
     false},
    {"mldsa65-rsa3072-pkcs15",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_rsa3072_pkcs15, sizeof(mldsa65_rsa3072_pkcs15)},
     SIGNATURE_PURE,
     KEY_MLDSA65_RSA3072_PKCS15,
     false},
    {"mldsa65-rsa4096-pss",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_rsa4096_pss, sizeof(mldsa65_rsa4096_pss)},
     SIGNATURE_PURE,
     KEY_MLDSA65_RSA4096_PSS,
     false},
    {"mldsa65-rsa4096-pkcs15",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_rsa4096_pkcs15, sizeof(mldsa65_rsa4096_pkcs15)},
     SIGNATURE_PURE,
     KEY_MLDSA65_RSA4096_PKCS15,
     false},
    {"mldsa65-ecdsa-p256",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_ecdsa_p256, sizeof(mldsa65_ecdsa_p256)},
     SIGNATURE_PURE,
     KEY_MLDSA65_ECDSA_P256,
     false},
    {"mldsa65-ecdsa-p384",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_ecdsa_p384, sizeof(mldsa65_ecdsa_p384)},
     SIGNATURE_PURE,
     KEY_MLDSA65_ECDSA_P384,
     false},
    {"mldsa65-ecdsa-brainpoolp256r1",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_ecdsa_brainpoolp256r1, sizeof(mldsa65_ecdsa_brainpoolp256r1)},
     SIGNATURE_PURE,
     KEY_MLDSA65_ECDSA_BRAINPOOLP256R1,
     false},
    {"mldsa65-ed25519",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa65_ed25519, sizeof(mldsa65_ed25519)},
     SIGNATURE_PURE,
     KEY_MLDSA65_ED25519,
     false},
    {"mldsa87-ecdsa-p384",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa87_ecdsa_p384, sizeof(mldsa87_ecdsa_p384)},
     SIGNATURE_PURE,
     KEY_MLDSA87_ECDSA_P384,
     false},
    {"mldsa87-ecdsa-brainpoolp384r1",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa87_ecdsa_brainpoolp384r1, sizeof(mldsa87_ecdsa_brainpoolp384r1)},
     SIGNATURE_PURE,
     KEY_MLDSA87_ECDSA_BRAINPOOLP384R1,
     false},
    {"mldsa87-ed448",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa87_ed448, sizeof(mldsa87_ed448)},
     SIGNATURE_PURE,
     KEY_MLDSA87_ED448,
     false},
    {"mldsa87-rsa3072-pss",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa87_rsa3072_pss, sizeof(mldsa87_rsa3072_pss)},
     SIGNATURE_PURE,
     KEY_MLDSA87_RSA3072_PSS,
     false},
    {"mldsa87-rsa4096-pss",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa87_rsa4096_pss, sizeof(mldsa87_rsa4096_pss)},
     SIGNATURE_PURE,
     KEY_MLDSA87_RSA4096_PSS,
     false},
    {"mldsa87-ecdsa-p521",
     AUTH_DIGITAL_SIGNATURE,
     HASH_IDENTITY,
     {mldsa87_ecdsa_p521, sizeof(mldsa87_ecdsa_p521)},
     SIGNATURE_PURE,
     KEY_MLDSA87_ECDSA_P521,
     false},
    {"rsa-pkcs1-sha256",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_256,
     {pkcs1_sha256, sizeof(pkcs1_sha256)},
     SIGNATURE_RSA_PKCS1,
     KEY_RSA,
     false},
    {"rsa-pkcs1-sha384",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_384,
     {pkcs1_sha384, sizeof(pkcs1_sha384)},
     SIGNATURE_RSA_PKCS1,
     KEY_RSA,
     false},
    {"rsa-pkcs1-sha512",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA2_512,
     {pkcs1_sha512, sizeof(pkcs1_sha512)},
     SIGNATURE_RSA_PKCS1,
     KEY_RSA,
     false},
    {"ecdsa-sha1",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA1,
     {ecdsa_sha1, sizeof(ecdsa_sha1)},
     SIGNATURE_ECDSA_DER,
     KEY_NONE,
     true},
    {"rsa-pkcs1-sha1",
     AUTH_DIGITAL_SIGNATURE,
     HASH_SHA1,
     {pkcs1_sha1, sizeof(pkcs1_sha1)},
     SIGNATURE_RSA_PKCS1,
     KEY_RSA,
     true},
    {"old-ecdsa-p256",
     AUTH_ECDSA_SHA2_256_P256,
     HASH_SHA2_256,
     {NULL, 0},
     SIGNATURE_ECDSA_RAW,
     KEY_ECDSA_P256,
     false},
    {"old-ecdsa-p384",
     AUTH_ECDSA_SHA2_384_P384,
     HASH_SHA2_384,
     {NULL, 0},
     SIGNATURE_ECDSA_RAW,
     KEY_ECDSA_P384,
     false},
    {"old-ecdsa-p521",
     AUTH_ECDSA_SHA2_512_P521,
     HASH_SHA2_512,
     {NULL, 0},
     SIGNATURE_ECDSA_RAW,
     KEY_ECDSA_P521,
     false},
    {"old-rsa-sha1", AUTH_RSA_SIGNATURE, HASH_SHA1, {NULL, 0}, SIGNATURE_RSA_PKCS1, KEY_RSA, true},
};

/* Other forms of an identifier, beside the one in the table of schemes. */
static const struct {
	struct bytes form;
	const uint8_t *identifier;
} variants[] = {
    {{pss_sha256_no_trailer, sizeof(pss_sha256_no_trailer)}, pss_sha256},
    {{pss_sha256_no_null, sizeof(pss_sha256_no_null)}, pss_sha256},
    {{pss_sha256_no_null_no_trailer, sizeof(pss_sha256_no_null_no_trailer)}, pss_sha256},
    {{pss_sha384_no_trailer, sizeof(pss_sha384_no_trailer)}, pss_sha384},
    {{pss_sha384_no_null, sizeof(pss_sha384_no_null)}, pss_sha384},
    {{pss_sha384_no_null_no_trailer, sizeof(pss_sha384_no_null_no_trailer)}, pss_sha384},
    {{pss_sha512_no_trailer, sizeof(pss_sha512_no_trailer)}, pss_sha512},
    {{pss_sha512_no_null, sizeof(pss_sha512_no_null)}, pss_sha512},
    {{pss_sha512_no_null_no_trailer, sizeof(pss_sha512_no_null_no_trailer)}, pss_sha512},
    {{pkcs1_sha1_no_null, sizeof(pkcs1_sha1_no_null)}, pkcs1_sha1},
    {{pkcs1_sha256_no_null, sizeof(pkcs1_sha256_no_null)}, pkcs1_sha256},
    {{pkcs1_sha384_no_null, sizeof(pkcs1_sha384_no_null)}, pkcs1_sha384},
    {{pkcs1_sha512_no_null, sizeof(pkcs1_sha512_no_null)}, pkcs1_sha512},
    {{ecdsa_sha1_null, sizeof(ecdsa_sha1_null)}, ecdsa_sha1},
    {{ecdsa_sha256_null, sizeof(ecdsa_sha256_null)}, ecdsa_sha256},
    {{ecdsa_sha384_null, sizeof(ecdsa_sha384_null)}, ecdsa_sha384},
    {{ecdsa_sha512_null, sizeof(ecdsa_sha512_null)}, ecdsa_sha512},
    {{ed25519_null, sizeof(ed25519_null)}, ed25519},
    {{ed448_null, sizeof(ed448_null)}, ed448},
};

const struct signature_scheme *signature_schemes(size_t *count)
{
	*count = COUNT(schemes);
	return schemes;
}

const struct signature_scheme *signature_scheme_find(const char *name)
{
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (strcmp(schemes[i].name, name) == 0)
			return &schemes[i];
	return NULL;
}

static bool is_ecdsa(enum key_type type)
{
	return type == KEY_ECDSA_P256 || type == KEY_ECDSA_P384 || type == KEY_ECDSA_P521;
}

bool signature_fits(const struct signature_scheme *scheme, enum key_type type)
{
	if (scheme->key != KEY_NONE)
		return scheme->key == type;
	return scheme->kind == SIGNATURE_ECDSA_DER && is_ecdsa(type);
}

/* Hashes, best first, by the strength of the key; SHA-1 is last and only where asked for. */
static const uint16_t *hashes_for(enum key_type type)
{
	static const uint16_t p384[] = {HASH_SHA2_384, HASH_SHA2_512, HASH_SHA2_256, HASH_SHA1, 0};
	static const uint16_t p521[] = {HASH_SHA2_512, HASH_SHA2_384, HASH_SHA2_256, HASH_SHA1, 0};
	static const uint16_t identity[] = {HASH_IDENTITY, 0};
	static const uint16_t other[] = {HASH_SHA2_256, HASH_SHA2_384, HASH_SHA2_512, HASH_SHA1, 0};

	switch (type) {
	case KEY_ECDSA_P384:
		return p384;
	case KEY_ECDSA_P521:
		return p521;
	case KEY_ED25519:
	case KEY_ED448:
		return identity;
	default:
		return key_type_is_pq(type) ? identity : other;
	}
}

static const struct signature_scheme *choose_old(enum key_type type, bool allow_weak)
{
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (schemes[i].auth_method != AUTH_DIGITAL_SIGNATURE &&
		    signature_fits(&schemes[i], type) && (allow_weak || !schemes[i].weak))
			return &schemes[i];
	return NULL;
}

const struct signature_scheme *signature_choose(enum key_type type, uint32_t peer_hashes,
						bool allow_weak)
{
	/* RFC 7427 3: with both sides' lists, method 14 MUST be used; without, it may not. */
	if (peer_hashes == 0)
		return choose_old(type, allow_weak);
	for (const uint16_t *hash = hashes_for(type); *hash != 0; hash++) {
		if ((peer_hashes >> *hash & 1) == 0)
			continue;
		for (size_t i = 0; i < COUNT(schemes); i++)
			if (schemes[i].auth_method == AUTH_DIGITAL_SIGNATURE &&
			    schemes[i].hash == *hash && signature_fits(&schemes[i], type) &&
			    (allow_weak || !schemes[i].weak))
				return &schemes[i];
	}
	return NULL;
}

const struct signature_scheme *signature_identify(struct bytes identifier)
{
	const uint8_t *wanted = NULL;

	for (size_t i = 0; i < COUNT(variants); i++)
		if (bytes_equal(variants[i].form, identifier))
			wanted = variants[i].identifier;
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (schemes[i].identifier.n != 0 &&
		    (schemes[i].identifier.p == wanted ||
		     bytes_equal(schemes[i].identifier, identifier)))
			return &schemes[i];
	return NULL;
}

const struct signature_scheme *signature_recognise(uint8_t auth_method, struct bytes data,
						   struct bytes *signature)
{
	struct reader r = reader_of(data);
	struct bytes identifier;

	*signature = bytes_of(NULL, 0);
	if (auth_method == AUTH_DIGITAL_SIGNATURE) {
		identifier = reader_take(&r, reader_u8(&r));
		if (!reader_ok(&r) || reader_left(&r) == 0)
			return NULL;
		*signature = reader_rest(&r);
		return signature_identify(identifier);
	}
	if (data.n == 0)
		return NULL;
	for (size_t i = 0; i < COUNT(schemes); i++) {
		if (schemes[i].auth_method != auth_method)
			continue;
		*signature = data;
		return &schemes[i];
	}
	return NULL;
}
