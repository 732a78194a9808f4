#include "pki/issue_key.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/composite_ready.h"
#include "crypto/key.h"
#include "pki/issue_private.h"

/* A private key's PEM, and that of a request with an SLH-DSA signature. */
#define PEM_MAX 131072

static const struct kind {
	const char *word;
	const char *type;  /* the library's name */
	const char *group; /* of an elliptic curve */
	unsigned bits;     /* of RSA */
	bool kem;
} kinds[] = {
    {"mldsa44", "ML-DSA-44", NULL, 0, false},
    {"mldsa65", "ML-DSA-65", NULL, 0, false},
    {"mldsa87", "ML-DSA-87", NULL, 0, false},
    {"slhdsa-sha2-128s", "SLH-DSA-SHA2-128s", NULL, 0, false},
    {"slhdsa-sha2-128f", "SLH-DSA-SHA2-128f", NULL, 0, false},
    {"slhdsa-sha2-192s", "SLH-DSA-SHA2-192s", NULL, 0, false},
    {"slhdsa-sha2-192f", "SLH-DSA-SHA2-192f", NULL, 0, false},
    {"slhdsa-sha2-256s", "SLH-DSA-SHA2-256s", NULL, 0, false},
    {"slhdsa-sha2-256f", "SLH-DSA-SHA2-256f", NULL, 0, false},
    {"slhdsa-shake-128s", "SLH-DSA-SHAKE-128s", NULL, 0, false},
    {"slhdsa-shake-128f", "SLH-DSA-SHAKE-128f", NULL, 0, false},
    {"slhdsa-shake-192s", "SLH-DSA-SHAKE-192s", NULL, 0, false},
    {"slhdsa-shake-192f", "SLH-DSA-SHAKE-192f", NULL, 0, false},
    {"slhdsa-shake-256s", "SLH-DSA-SHAKE-256s", NULL, 0, false},
    {"slhdsa-shake-256f", "SLH-DSA-SHAKE-256f", NULL, 0, false},
    {"mldsa44-rsa2048-pss", "MLDSA44-RSA2048-PSS-SHA256", NULL, 0, false},
    {"mldsa44-rsa2048-pkcs15", "MLDSA44-RSA2048-PKCS15-SHA256", NULL, 0, false},
    {"mldsa44-ed25519", "MLDSA44-Ed25519-SHA512", NULL, 0, false},
    {"mldsa44-ecdsa-p256", "MLDSA44-ECDSA-P256-SHA256", NULL, 0, false},
    {"mldsa65-rsa3072-pss", "MLDSA65-RSA3072-PSS-SHA512", NULL, 0, false},
    {"mldsa65-rsa3072-pkcs15", "MLDSA65-RSA3072-PKCS15-SHA512", NULL, 0, false},
    {"mldsa65-rsa4096-pss", "MLDSA65-RSA4096-PSS-SHA512", NULL, 0, false},
    {"mldsa65-rsa4096-pkcs15", "MLDSA65-RSA4096-PKCS15-SHA512", NULL, 0, false},
    {"mldsa65-ecdsa-p256", "MLDSA65-ECDSA-P256-SHA512", NULL, 0, false},
    {"mldsa65-ecdsa-p384", "MLDSA65-ECDSA-P384-SHA512", NULL, 0, false},
    {"mldsa65-ecdsa-brainpoolp256r1", "MLDSA65-ECDSA-brainpoolP256r1-SHA512", NULL, 0, false},
    {"mldsa65-ed25519", "MLDSA65-Ed25519-SHA512", NULL, 0, false},
    {"mldsa87-ecdsa-p384", "MLDSA87-ECDSA-P384-SHA512", NULL, 0, false},
    {"mldsa87-ecdsa-brainpoolp384r1", "MLDSA87-ECDSA-brainpoolP384r1-SHA512", NULL, 0, false},
    {"mldsa87-ed448", "MLDSA87-Ed448-SHAKE256", NULL, 0, false},
    {"mldsa87-rsa3072-pss", "MLDSA87-RSA3072-PSS-SHA512", NULL, 0, false},
    {"mldsa87-rsa4096-pss", "MLDSA87-RSA4096-PSS-SHA512", NULL, 0, false},
    {"mldsa87-ecdsa-p521", "MLDSA87-ECDSA-P521-SHA512", NULL, 0, false},
    {"ecdsa-p256", "EC", "prime256v1", 0, false},
    {"ecdsa-p384", "EC", "secp384r1", 0, false},
    {"ecdsa-p521", "EC", "secp521r1", 0, false},
    {"ed25519", "ED25519", NULL, 0, false},
    {"ed448", "ED448", NULL, 0, false},
    {"rsa2048", "RSA", NULL, 2048, false},
    {"rsa3072", "RSA", NULL, 3072, false},
    {"rsa4096", "RSA", NULL, 4096, false},
    {"mlkem512", "ML-KEM-512", NULL, 0, true},
    {"mlkem768", "ML-KEM-768", NULL, 0, true},
    {"mlkem1024", "ML-KEM-1024", NULL, 0, true},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *issue_key_word(size_t i)
{
	return i < N_KINDS ? kinds[i].word : NULL;
}

static bool is_of_group(const EVP_PKEY *pkey, const char *group)
{
	char name[32];
	size_t len;

	return EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) == 1 &&
	       strcmp(name, group) == 0;
}

/* RSA keys of every length come down to the first of their kind. */
static const struct kind *kind_of(const EVP_PKEY *pkey)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (EVP_PKEY_is_a(pkey, kinds[i].type) &&
		    (kinds[i].group == NULL || is_of_group(pkey, kinds[i].group)))
			return &kinds[i];
	return NULL;
}

bool issue_key_describe(const EVP_PKEY *pkey, char *buf, size_t cap)
{
	const struct kind *kind = kind_of(pkey);

	if (kind == NULL)
		return false;
	if (kind->bits != 0)
		(void)snprintf(buf, cap, "rsa%d", EVP_PKEY_get_bits(pkey));
	else
		(void)snprintf(buf, cap, "%s", kind->word);
	return true;
}

/* Takes pkey, which may be NULL: then reason is set already. */
static enum err keep(struct issue_key **out, EVP_PKEY *pkey, bool private, const char **reason)
{
	const struct kind *kind = pkey != NULL ? kind_of(pkey) : NULL;
	int bits = pkey != NULL ? EVP_PKEY_get_bits(pkey) : 0;
	struct issue_key *key = NULL;

	*out = NULL;
	ERR_clear_error();
	if (pkey == NULL)
		return ERR_SYNTAX;
	if (kind == NULL)
		*reason =
		    "the key is of a type that is not taken: ML-DSA, SLH-DSA, composites with "
		    "ML-DSA, ECDSA on P-256, P-384 or P-521, Ed25519, Ed448, RSA and ML-KEM are";
	else if (kind->bits != 0 && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX))
		*reason = "an RSA key has 2048 to 16384 bits";
	else
		key = mem_new(sizeof(*key));
	if (key == NULL) {
		EVP_PKEY_free(pkey);
		return ERR_UNSUPPORTED;
	}
	key->pkey = pkey;
	key->kem = kind->kem;
	key->private = private;
	(void)issue_key_describe(pkey, key->name, sizeof(key->name));
	*out = key;
	return ERR_NONE;
}

/* For types without parameters, of whichever provider: EVP_PKEY_Q_keygen() knows but some. */
static EVP_PKEY *generate(const char *type)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_generate(ctx, &pkey) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

enum err issue_key_make(struct issue_key **out, const char *algorithm, const char **reason)
{
	const struct kind *kind = NULL;
	EVP_PKEY *pkey;

	*out = NULL;
	for (size_t i = 0; i < N_KINDS && kind == NULL; i++)
		if (strcmp(kinds[i].word, algorithm) == 0)
			kind = &kinds[i];
	if (kind == NULL) {
		*reason = "no key of this kind can be made";
		return ERR_UNSUPPORTED;
	}
	*reason = "the key cannot be made";
	composite_ready();
	if (kind->group != NULL)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type, kind->group);
	else if (kind->bits != 0)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type, (size_t)kind->bits);
	else
		pkey = generate(kind->type);
	return keep(out, pkey, true, reason);
}

/* Nobody is asked for a passphrase: the command must not wait for a person. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

enum err issue_key_parse(struct issue_key **out, struct bytes pem, const char **reason)
{
	EVP_PKEY *pkey = NULL;
	BIO *in;

	composite_ready();
	*out = NULL;
	*reason = "it holds no private key in PEM, or one with a passphrase";
	if (pem.n == 0 || pem.n > PEM_MAX)
		return ERR_SYNTAX;
	in = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (in != NULL)
		pkey = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	BIO_free(in);
	return keep(out, pkey, true, reason);
}

/* The key of a request that was signed with it. */
static EVP_PKEY *key_of_request(struct bytes der, const char **reason)
{
	const unsigned char *p = der.p;
	X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)der.n);
	EVP_PKEY *pkey = request != NULL ? X509_REQ_get_pubkey(request) : NULL;

	if (pkey != NULL && X509_REQ_verify(request, pkey) != 1) {
		*reason = "the signature on the request is wrong: whoever made it does not have "
			  "the key";
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	X509_REQ_free(request);
	return pkey;
}

enum err issue_key_parse_public(struct issue_key **out, struct bytes pem, const char **reason)
{
	EVP_PKEY *pkey = NULL;
	unsigned char *der;
	char *name, *header;
	bool found = false;
	long n;
	BIO *in;

	composite_ready();
	*out = NULL;
	*reason = "it holds no public key and no request in PEM";
	if (pem.n == 0 || pem.n > PEM_MAX)
		return ERR_SYNTAX;
	in = BIO_new_mem_buf(pem.p, (int)pem.n);
	while (in != NULL && !found && PEM_read_bio(in, &name, &header, &der, &n) == 1) {
		const unsigned char *p = der;

		found = true;
		if (strcmp(name, PEM_STRING_PUBLIC) == 0)
			pkey = d2i_PUBKEY(NULL, &p, n);
		else if (strcmp(name, PEM_STRING_X509_REQ) == 0 ||
			 strcmp(name, PEM_STRING_X509_REQ_OLD) == 0)
			pkey = key_of_request(bytes_of(der, (size_t)n), reason);
		else
			found = false;
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)n); /* it may be somebody's private key */
	}
	BIO_free(in);
	return keep(out, pkey, false, reason);
}

void issue_key_free(struct issue_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey); /* erases the private value */
	mem_free(key);
}

const char *issue_key_name(const struct issue_key *key)
{
	return key->name;
}

bool issue_key_is_for_signing(const struct issue_key *key)
{
	return !key->kem;
}

const EVP_MD *issue_key_digest(const struct issue_key *key)
{
	if (EVP_PKEY_is_a(key->pkey, "RSA"))
		return EVP_sha256();
	if (!EVP_PKEY_is_a(key->pkey, "EC"))
		return NULL;
	switch (EVP_PKEY_get_bits(key->pkey)) {
	case 384:
		return EVP_sha384();
	case 521:
		return EVP_sha512();
	default:
		return EVP_sha256();
	}
}

enum err bio_take(BIO *out, bool written, uint8_t **text, size_t *n)
{
	char *p = NULL;
	long len = out != NULL ? BIO_get_mem_data(out, &p) : 0;

	*text = written && len > 0 ? mem_copy(bytes_of(p, (size_t)len)) : NULL;
	*n = *text != NULL ? (size_t)len : 0;
	BIO_free(out); /* erases what it holds */
	ERR_clear_error();
	return *text != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

enum err issue_key_pem(const struct issue_key *key, uint8_t **text, size_t *n)
{
	BIO *out = BIO_new(BIO_s_mem());
	bool written =
	    out != NULL && key->private &&
	    PEM_write_bio_PKCS8PrivateKey(out, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;

	return bio_take(out, written, text, n);
}
