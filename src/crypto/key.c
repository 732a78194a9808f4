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

/* The library asks for a passphrase: there is none to give, and the caller is to know. */
static int no_passphrase(char *pass, size_t size, size_t *len, const OSSL_PARAM params[], void *arg)
{
	bool *asked = arg;

	(void)pass;
	(void)size;
	(void)params;
	*asked = true;
	*len = 0;
	return 0;
}

/* The first key in the text, PEM or DER; NULL when it holds none. What else stands before it in
 * PEM, such as EC PARAMETERS, is passed over: each try takes one object off the text. */
static EVP_PKEY *decode(struct bytes text, const char *structure, int selection, bool *asked)
{
	EVP_PKEY *pkey = NULL;
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
	OSSL_DECODER_CTX *ctx =
	    OSSL_DECODER_CTX_new_for_pkey(&pkey, NULL, structure, NULL, selection, NULL, NULL);
	size_t left = text.n;

	if (in == NULL || ctx == NULL ||
	    OSSL_DECODER_CTX_set_passphrase_cb(ctx, no_passphrase, asked) != 1)
		goto done;
	while (OSSL_DECODER_from_bio(ctx, in) != 1 || pkey == NULL) {
		size_t now = BIO_ctrl_pending(in);

		if (now == 0 || now >= left || *asked)
			break;
		left = now;
	}
done:
	OSSL_DECODER_CTX_free(ctx);
	BIO_free(in);
	ERR_clear_error();
	return pkey;
}

/* DER takes the short way, a quarter of the time: peers' keys come so. */
static EVP_PKEY *decode_public(struct bytes text, bool *asked)
{
	const unsigned char *p = text.p;
	EVP_PKEY *pkey;

	if (text.p[0] != 0x30) /* no SEQUENCE */
		return decode(text, "SubjectPublicKeyInfo", EVP_PKEY_PUBLIC_KEY, asked);
	pkey = d2i_PUBKEY(NULL, &p, (long)text.n);
	if (pkey != NULL && p == text.p + text.n)
		return pkey;
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return NULL;
}

static enum err decode_checked(EVP_PKEY **pkey, enum key_type *type, struct bytes text,
			       bool private, const char **reason)
{
	bool asked = false;

	*pkey = NULL;
	*type = KEY_NONE;
	if (text.n == 0 || text.n > KEY_TEXT_MAX) {
		*reason = "it is empty or longer than a key can be";
		return ERR_SYNTAX;
	}
	*pkey =
	    private ? decode(text, NULL, EVP_PKEY_KEYPAIR, &asked) : decode_public(text, &asked);
	if (*pkey == NULL && asked) {
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
