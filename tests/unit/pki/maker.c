#include "maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/composite_ready.h"
#include "pki/names.h"

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "cannot make a test certificate: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(99);
}

/* Of our own provider, which EVP_PKEY_Q_keygen() does not ask. */
static EVP_PKEY *composite_key(const char *type)
{
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	composite_ready();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	need(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_generate(ctx, &key) == 1,
	     type);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *key_for(const char *curve)
{
	if (curve == NULL)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (strcmp(curve, "rsa1024") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	if (strcmp(curve, "rsa2048") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	if (strcmp(curve, "ed25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (strncmp(curve, "MLDSA", 5) == 0)
		return composite_key(curve);
	if (strstr(curve, "DSA-") != NULL || strstr(curve, "KEM-") != NULL)
		return EVP_PKEY_Q_keygen(NULL, NULL, curve);
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}

static void add(X509 *x509, X509 *issuer, const char *name, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer != NULL ? issuer : x509, x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf(NULL, &ctx, name, value);
	need(ext != NULL, name);
	need(X509_add_ext(x509, ext, -1), name);
	X509_EXTENSION_free(ext);
}

/* nameConstraints with a directoryName need a section of their own in the configuration's form. */
static void add_name_constraints(X509 *x509, const char *value)
{
	CONF *conf = NCONF_new(NULL);
	BIO *text = BIO_new(BIO_s_mem());
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	long line;

	if (value != NULL) {
		BIO_puts(text, "[dirname]\nO=Evil\n");
		need(NCONF_load_bio(conf, text, &line) == 1, "conf");
		X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
		X509V3_set_nconf(&ctx, conf);
		ext = X509V3_EXT_nconf(conf, &ctx, "nameConstraints", value);
		need(ext != NULL, "nameConstraints");
		need(X509_add_ext(x509, ext, -1), "nameConstraints");
		X509_EXTENSION_free(ext);
	}
	BIO_free(text);
	NCONF_free(conf);
}

static void add_extensions(X509 *x509, const struct wish *w)
{
	X509 *issuer = w->issuer != NULL ? w->issuer->x509 : NULL;
	char oid[80];

	add(x509, issuer, "basicConstraints", w->constraints);
	add(x509, issuer, "keyUsage", w->key_usage);
	add(x509, issuer, "extendedKeyUsage", w->eku);
	add(x509, issuer, "subjectAltName", w->san);
	add(x509, issuer, "subjectKeyIdentifier", "hash");
	add_name_constraints(x509, w->name_constraints);
	if (w->critical_unknown != NULL) {
		snprintf(oid, sizeof(oid), "%s", w->critical_unknown);
		add(x509, issuer, oid, "critical,DER:0500");
	}
}

static void fill_names(X509 *x509, const struct wish *w)
{
	const char *reason = "";
	X509_NAME *name = *w->subject != '\0' ? name_parse(w->subject, &reason) : X509_NAME_new();

	need(name != NULL, reason);
	need(X509_set_subject_name(x509, name), "subject");
	need(X509_set_issuer_name(x509, w->issuer != NULL ? X509_get_subject_name(w->issuer->x509)
							  : name),
	     "issuer");
	X509_NAME_free(name);
}

struct made make_certificate(const struct wish *w)
{
	static long serial = 1;
	const int64_t year = 365 * 86400;
	struct made m = {.key = key_for(w->curve), .x509 = X509_new()};
	EVP_PKEY *signer = w->issuer != NULL ? w->issuer->key : m.key;
	const EVP_MD *md = EVP_get_digestbyname(w->hash != NULL ? w->hash : "SHA256");
	const char *reason = "";
	unsigned char *der = NULL;
	int n;

	need(m.key != NULL, "key");
	need(X509_set_version(m.x509, X509_VERSION_3), "version");
	ASN1_INTEGER_set(X509_get_serialNumber(m.x509), serial++);
	ASN1_TIME_set(X509_getm_notBefore(m.x509),
		      (time_t)(w->from != 0 ? w->from : MAKER_NOW - year));
	ASN1_TIME_set(X509_getm_notAfter(m.x509),
		      (time_t)(w->until != 0 ? w->until : MAKER_NOW + year));
	need(X509_set_pubkey(m.x509, m.key), "public key");
	fill_names(m.x509, w);
	add_extensions(m.x509, w);
	if (!EVP_PKEY_is_a(signer, "EC") && !EVP_PKEY_is_a(signer, "RSA"))
		md = NULL; /* the others take no hash */
	need(X509_sign(m.x509, signer, md) > 0, "sign");
	n = i2d_X509(m.x509, &der);
	need(n > 0, "encode");
	need(certificate_parse(&m.cert, bytes_of(der, (size_t)n), &reason) == ERR_NONE, reason);
	OPENSSL_free(der);
	return m;
}

struct certificate *maker_resigned(const struct made *made, EVP_PKEY *key, const char *oid,
				   int parameters)
{
	X509 *x509 = X509_dup(made->x509);
	const X509_ALGOR *inner = X509_get0_tbs_sigalg(x509), *outer;
	const ASN1_BIT_STRING *value;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct certificate *cert;
	unsigned char *tbs = NULL, *der = NULL, signature[8192];
	const char *reason = "";
	size_t n = sizeof(signature);
	int len;

	X509_get0_signature(&value, &outer, x509);
	X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)inner, OBJ_txt2obj(oid, 1), parameters, NULL);
	X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)outer, OBJ_txt2obj(oid, 1), parameters, NULL);
	len = i2d_re_X509_tbs(x509, &tbs);
	need(len > 0 && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
		 EVP_DigestSign(ctx, signature, &n, tbs, (size_t)len) == 1,
	     "sign");
	ASN1_STRING_set((ASN1_STRING *)(uintptr_t)value, signature, (int)n);
	len = i2d_X509(x509, &der);
	need(len > 0 && certificate_parse(&cert, bytes_of(der, (size_t)len), &reason) == ERR_NONE,
	     reason);
	OPENSSL_free(tbs);
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	X509_free(x509);
	return cert;
}

void unmake(struct made *made)
{
	EVP_PKEY_free(made->key);
	X509_free(made->x509);
	certificate_free(made->cert);
	*made = (struct made){0};
}

BIO *maker_pem(const struct made *made)
{
	BIO *out = BIO_new(BIO_s_mem());

	need(PEM_write_bio_X509(out, made->x509), "PEM");
	return out;
}
