#include "crypto/key.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/library.h"
#include "crypto/openssl.h"

static enum key_type ec_type(const EVP_PKEY *pkey)
{
	static const struct {
		const char *group;
		enum key_type type;
	} groups[] = {
	    {"prime256v1", KEY_ECDSA_P256},
	    {"secp384r1", KEY_ECDSA_P384},
	    {"secp521r1", KEY_ECDSA_P521},
	};
	char name[32];
	size_t len;

	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) != 1)
		return KEY_NONE;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(name, groups[i].group) == 0)
			return groups[i].type;
	return KEY_NONE;
}

static enum key_type type_of(const EVP_PKEY *pkey)
{
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return KEY_RSA;
	if (EVP_PKEY_is_a(pkey, "EC"))
		return ec_type(pkey);
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return KEY_ED25519;
	if (EVP_PKEY_is_a(pkey, "ED448"))
		return KEY_ED448;
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
			  "Ed25519 and Ed448";
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
	switch (type) {
	case KEY_RSA:
		return "RSA";
	case KEY_ECDSA_P256:
		return "ECDSA P-256";
	case KEY_ECDSA_P384:
		return "ECDSA P-384";
	case KEY_ECDSA_P521:
		return "ECDSA P-521";
	case KEY_ED25519:
		return "Ed25519";
	case KEY_ED448:
		return "Ed448";
	case KEY_NONE:
		break;
	}
	return "none";
}
