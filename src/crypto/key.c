#include "crypto/key.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/composite_ready.h"
#include "crypto/library.h"
#include "crypto/openssl.h"

/* What the library calls a key of each type, and what people do. For RSA any size is meant. */
static const struct {
	const char *name; /* EVP_PKEY_is_a() */
	const char *group;
	const char *said;
} types[KEY_TYPES] = {
    [KEY_NONE] = {NULL, NULL, "none"},
    [KEY_RSA] = {"RSA", NULL, "RSA"},
    [KEY_ECDSA_P256] = {"EC", "prime256v1", "ECDSA P-256"},
    [KEY_ECDSA_P384] = {"EC", "secp384r1", "ECDSA P-384"},
    [KEY_ECDSA_P521] = {"EC", "secp521r1", "ECDSA P-521"},
    [KEY_ED25519] = {"ED25519", NULL, "Ed25519"},
    [KEY_ED448] = {"ED448", NULL, "Ed448"},
    [KEY_ML_DSA_44] = {"ML-DSA-44", NULL, "ML-DSA-44"},
    [KEY_ML_DSA_65] = {"ML-DSA-65", NULL, "ML-DSA-65"},
    [KEY_ML_DSA_87] = {"ML-DSA-87", NULL, "ML-DSA-87"},
    [KEY_SLH_DSA_SHA2_128S] = {"SLH-DSA-SHA2-128s", NULL, "SLH-DSA-SHA2-128s"},
    [KEY_SLH_DSA_SHA2_128F] = {"SLH-DSA-SHA2-128f", NULL, "SLH-DSA-SHA2-128f"},
    [KEY_SLH_DSA_SHA2_192S] = {"SLH-DSA-SHA2-192s", NULL, "SLH-DSA-SHA2-192s"},
    [KEY_SLH_DSA_SHA2_192F] = {"SLH-DSA-SHA2-192f", NULL, "SLH-DSA-SHA2-192f"},
    [KEY_SLH_DSA_SHA2_256S] = {"SLH-DSA-SHA2-256s", NULL, "SLH-DSA-SHA2-256s"},
    [KEY_SLH_DSA_SHA2_256F] = {"SLH-DSA-SHA2-256f", NULL, "SLH-DSA-SHA2-256f"},
    [KEY_SLH_DSA_SHAKE_128S] = {"SLH-DSA-SHAKE-128s", NULL, "SLH-DSA-SHAKE-128s"},
    [KEY_SLH_DSA_SHAKE_128F] = {"SLH-DSA-SHAKE-128f", NULL, "SLH-DSA-SHAKE-128f"},
    [KEY_SLH_DSA_SHAKE_192S] = {"SLH-DSA-SHAKE-192s", NULL, "SLH-DSA-SHAKE-192s"},
    [KEY_SLH_DSA_SHAKE_192F] = {"SLH-DSA-SHAKE-192f", NULL, "SLH-DSA-SHAKE-192f"},
    [KEY_SLH_DSA_SHAKE_256S] = {"SLH-DSA-SHAKE-256s", NULL, "SLH-DSA-SHAKE-256s"},
    [KEY_SLH_DSA_SHAKE_256F] = {"SLH-DSA-SHAKE-256f", NULL, "SLH-DSA-SHAKE-256f"},
    [KEY_MLDSA44_RSA2048_PSS] = {"MLDSA44-RSA2048-PSS-SHA256", NULL, "MLDSA44-RSA2048-PSS-SHA256"},
    [KEY_MLDSA44_RSA2048_PKCS15] = {"MLDSA44-RSA2048-PKCS15-SHA256", NULL,
				    "MLDSA44-RSA2048-PKCS15-SHA256"},
    [KEY_MLDSA44_ED25519] = {"MLDSA44-Ed25519-SHA512", NULL, "MLDSA44-Ed25519-SHA512"},
    [KEY_MLDSA44_ECDSA_P256] = {"MLDSA44-ECDSA-P256-SHA256", NULL, "MLDSA44-ECDSA-P256-SHA256"},
    [KEY_MLDSA65_RSA3072_PSS] = {"MLDSA65-RSA3072-PSS-SHA512", NULL, "MLDSA65-RSA3072-PSS-SHA512"},
    [KEY_MLDSA65_RSA3072_PKCS15] = {"MLDSA65-RSA3072-PKCS15-SHA512", NULL,
				    "MLDSA65-RSA3072-PKCS15-SHA512"},
    [KEY_MLDSA65_RSA4096_PSS] = {"MLDSA65-RSA4096-PSS-SHA512", NULL, "MLDSA65-RSA4096-PSS-SHA512"},
    [KEY_MLDSA65_RSA4096_PKCS15] = {"MLDSA65-RSA4096-PKCS15-SHA512", NULL,
				    "MLDSA65-RSA4096-PKCS15-SHA512"},
    [KEY_MLDSA65_ECDSA_P256] = {"MLDSA65-ECDSA-P256-SHA512", NULL, "MLDSA65-ECDSA-P256-SHA512"},
    [KEY_MLDSA65_ECDSA_P384] = {"MLDSA65-ECDSA-P384-SHA512", NULL, "MLDSA65-ECDSA-P384-SHA512"},
    [KEY_MLDSA65_ECDSA_BRAINPOOLP256R1] = {"MLDSA65-ECDSA-brainpoolP256r1-SHA512", NULL,
					   "MLDSA65-ECDSA-brainpoolP256r1-SHA512"},
    [KEY_MLDSA65_ED25519] = {"MLDSA65-Ed25519-SHA512", NULL, "MLDSA65-Ed25519-SHA512"},
    [KEY_MLDSA87_ECDSA_P384] = {"MLDSA87-ECDSA-P384-SHA512", NULL, "MLDSA87-ECDSA-P384-SHA512"},
    [KEY_MLDSA87_ECDSA_BRAINPOOLP384R1] = {"MLDSA87-ECDSA-brainpoolP384r1-SHA512", NULL,
					   "MLDSA87-ECDSA-brainpoolP384r1-SHA512"},
    [KEY_MLDSA87_ED448] = {"MLDSA87-Ed448-SHAKE256", NULL, "MLDSA87-Ed448-SHAKE256"},
    [KEY_MLDSA87_RSA3072_PSS] = {"MLDSA87-RSA3072-PSS-SHA512", NULL, "MLDSA87-RSA3072-PSS-SHA512"},
    [KEY_MLDSA87_RSA4096_PSS] = {"MLDSA87-RSA4096-PSS-SHA512", NULL, "MLDSA87-RSA4096-PSS-SHA512"},
    [KEY_MLDSA87_ECDSA_P521] = {"MLDSA87-ECDSA-P521-SHA512", NULL, "MLDSA87-ECDSA-P521-SHA512"},
    [KEY_ML_KEM_512] = {"ML-KEM-512", NULL, "ML-KEM-512"},
    [KEY_ML_KEM_768] = {"ML-KEM-768", NULL, "ML-KEM-768"},
    [KEY_ML_KEM_1024] = {"ML-KEM-1024", NULL, "ML-KEM-1024"},
};

static bool has_group(const EVP_PKEY *pkey, const char *group)
{
	char name[32];
	size_t len;

	return EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) == 1 &&
	       strcmp(name, group) == 0;
}

static enum key_type type_of(const EVP_PKEY *pkey)
{
	for (int i = KEY_NONE + 1; i < KEY_TYPES; i++)
		if (EVP_PKEY_is_a(pkey, types[i].name) &&
		    (types[i].group == NULL || has_group(pkey, types[i].group)))
			return (enum key_type)i;
	return KEY_NONE;
}

/* What was found in a text that should hold a key. */
struct found {
	EVP_PKEY *pkey; /* the caller's; NULL when there is none */
	bool encrypted;
};

/* DER, all of it one key. An EncryptedPrivateKeyInfo is known by being one. */
static void from_der(struct found *f, struct bytes der, bool private)
{
	const unsigned char *p = der.p;
	X509_SIG *encrypted = NULL;

	f->pkey =
	    private ? d2i_AutoPrivateKey(NULL, &p, (long)der.n) : d2i_PUBKEY(NULL, &p, (long)der.n);
	if (f->pkey != NULL && p != der.p + der.n) {
		EVP_PKEY_free(f->pkey);
		f->pkey = NULL;
	} else if (f->pkey == NULL && private) {
		p = der.p;
		encrypted = d2i_X509_SIG(NULL, &p, (long)der.n);
		f->encrypted = encrypted != NULL;
		X509_SIG_free(encrypted);
	}
}

static bool is_private_block(const char *name)
{
	return strcmp(name, PEM_STRING_PKCS8INF) == 0 || strcmp(name, PEM_STRING_PKCS8) == 0 ||
	       strcmp(name, PEM_STRING_RSA) == 0 || strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0;
}

/* The first key of the wanted sort; what stands before it, such as EC PARAMETERS, is passed over.
 * Block by block, since the library's own search through a text is quadratic in its length and
 * takes seconds for what is no key. */
static void from_pem(struct found *f, struct bytes text, bool private)
{
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
	unsigned char *der;
	char *name;
	char *header;
	long n;
	bool wanted = false;

	while (in != NULL && !wanted && PEM_read_bio(in, &name, &header, &der, &n) == 1) {
		wanted = private ? is_private_block(name) : strcmp(name, PEM_STRING_PUBLIC) == 0;
		if (wanted && strstr(header, "ENCRYPTED") != NULL)
			f->encrypted = true;
		else if (wanted)
			from_der(f, bytes_of(der, (size_t)n), private);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)n);
	}
	BIO_free(in);
}

static enum err decode_checked(EVP_PKEY **pkey, enum key_type *type, struct bytes text,
			       bool private, const char **reason)
{
	struct found f = {NULL, false};

	composite_ready();
	*pkey = NULL;
	*type = KEY_NONE;
	if (text.n == 0 || text.n > KEY_TEXT_MAX) {
		*reason = "it is empty or longer than a key can be";
		return ERR_SYNTAX;
	}
	if (text.p[0] == 0x30) /* SEQUENCE */
		from_der(&f, text, private);
	else
		from_pem(&f, text, private);
	ERR_clear_error();
	*pkey = f.pkey;
	if (*pkey == NULL && f.encrypted) {
		*reason = "the key is encrypted; give one without a passphrase";
		return ERR_UNSUPPORTED;
	}
	if (*pkey == NULL) {
		*reason = "it holds no key in PEM or DER";
		return ERR_SYNTAX;
	}
	*type = type_of(*pkey);
	if (*type == KEY_NONE)
		*reason = "the key is of a type other than RSA, ECDSA P-256, P-384, P-521, "
			  "Ed25519, Ed448, ML-DSA, SLH-DSA, composites with ML-DSA, and ML-KEM";
	else if (*type == KEY_RSA && EVP_PKEY_get_bits(*pkey) > RSA_BITS_MAX)
		*reason = "the RSA key is longer than 16384 bits";
	else
		return ERR_NONE;
	EVP_PKEY_free(*pkey);
	*pkey = NULL;
	return ERR_UNSUPPORTED;
}

enum err private_key_parse(struct private_key **key, struct bytes text, const char **reason)
{
	struct private_key *k;
	enum key_type type;
	EVP_PKEY *pkey;
	enum err e;

	*key = NULL;
	e = decode_checked(&pkey, &type, text, true, reason);
	if (e != ERR_NONE)
		return e;
	if (type == KEY_RSA && EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN) {
		*reason = "the RSA key is shorter than 2048 bits";
		EVP_PKEY_free(pkey);
		return ERR_UNSUPPORTED;
	}
	k = mem_new(sizeof(*k));
	if (k == NULL) {
		*reason = "out of memory";
		EVP_PKEY_free(pkey);
		return ERR_NO_MEMORY;
	}
	k->pkey = pkey;
	k->type = type;
	*key = k;
	return ERR_NONE;
}

void private_key_free(struct private_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey); /* erases the private value */
	mem_free(key);
}

enum key_type private_key_type(const struct private_key *key)
{
	return key->type;
}

enum err public_key_parse(struct public_key **key, struct bytes text, const char **reason)
{
	struct public_key *k;
	enum key_type type;
	EVP_PKEY *pkey;
	enum err e;

	*key = NULL;
	e = decode_checked(&pkey, &type, text, false, reason);
	if (e != ERR_NONE)
		return e;
	k = mem_new(sizeof(*k));
	if (k == NULL) {
		*reason = "out of memory";
		EVP_PKEY_free(pkey);
		return ERR_NO_MEMORY;
	}
	k->pkey = pkey;
	k->type = type;
	*key = k;
	return ERR_NONE;
}

void public_key_free(struct public_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	mem_free(key);
}

enum key_type public_key_type(const struct public_key *key)
{
	return key->type;
}

unsigned public_key_bits(const struct public_key *key)
{
	int bits = EVP_PKEY_get_bits(key->pkey);

	return bits > 0 ? (unsigned)bits : 0;
}

static enum err spki_of(const EVP_PKEY *pkey, uint8_t **der, size_t *der_len)
{
	unsigned char *encoded = NULL;
	int n = i2d_PUBKEY(pkey, &encoded);

	*der = NULL;
	*der_len = 0;
	if (n <= 0) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	*der = mem_copy(bytes_of(encoded, (size_t)n));
	OPENSSL_free(encoded);
	if (*der == NULL)
		return ERR_NO_MEMORY;
	*der_len = (size_t)n;
	return ERR_NONE;
}

enum err public_key_spki(const struct public_key *key, uint8_t **der, size_t *der_len)
{
	return spki_of(key->pkey, der, der_len);
}

enum err private_key_public(const struct private_key *key, struct public_key **out)
{
	const char *reason;
	uint8_t *der;
	size_t n;
	enum err e = spki_of(key->pkey, &der, &n);

	*out = NULL;
	if (e != ERR_NONE)
		return e;
	e = public_key_parse(out, bytes_of(der, n), &reason);
	mem_free(der);
	return e;
}

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
	bool same = EVP_PKEY_eq(a->pkey, b->pkey) == 1;

	ERR_clear_error();
	return same;
}

const char *key_type_name(enum key_type type)
{
	return types[type < KEY_TYPES ? type : KEY_NONE].said;
}

bool key_type_is_pq(enum key_type type)
{
	return type >= KEY_ML_DSA_44 && type < KEY_TYPES;
}

bool key_type_is_kem(enum key_type type)
{
	return type >= KEY_KEM_FIRST && type <= KEY_KEM_LAST;
}
