/* Certificates made at run time: a CA, or what a CA (also one that should not be) has signed. */
#ifndef POSTERN_TESTS_MAKER_H
#define POSTERN_TESTS_MAKER_H

#include <stdint.h>

#include "crypto/openssl.h"
#include "pki/certificate.h"

/* 2026-11-24 12:00:00 UTC, in the middle of what is valid here. */
#define MAKER_NOW 1795521600

struct made {
	EVP_PKEY *key;
	X509 *x509;
	struct certificate *cert;
};

/* Zeroed fields take what is said. */
struct wish {
	const char *subject;          /* "CN=x, O=y"; "": an empty Subject */
	const struct made *issuer;    /* NULL: self-signed */
	const char *san;              /* "DNS:gw.example,IP:10.0.0.1"; NULL: none */
	const char *constraints;      /* basicConstraints; NULL: none */
	const char *key_usage;        /* NULL: none */
	const char *eku;              /* NULL: none */
	const char *name_constraints; /* NULL: none */
	const char *critical_unknown; /* an OID that nobody knows, critical; NULL: none */
	const char *curve; /* NULL: P-256; "rsa1024", "rsa2048", "ed25519", "ML-DSA-65" */
	const char *hash;  /* NULL: SHA256; only for RSA and ECDSA */
	int64_t from;      /* 0: a year before MAKER_NOW */
	int64_t until;     /* 0: a year after */
};

/* What a test asks for must be possible; otherwise the process ends. */
struct made make_certificate(const struct wish *wish);
void unmake(struct made *made);
/* made's certificate, signed anew with key while it says this algorithm, with these parameters
 * (V_ASN1_UNDEF: none); freed with certificate_free(). */
struct certificate *maker_resigned(const struct made *made, EVP_PKEY *key, const char *oid,
				   int parameters);
/* PEM of a certificate; freed with BIO_free(). */
BIO *maker_pem(const struct made *made);

#endif
