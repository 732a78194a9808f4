/* What the files of this floor share about a certificate; included by none other. */
#ifndef POSTERN_PKI_X509_H
#define POSTERN_PKI_X509_H

#include "crypto/openssl.h"
#include "pki/certificate.h"
#include "pki/crl.h"
#include "pki/ocsp.h"

struct certificate {
	X509 *x509;             /* owned */
	GENERAL_NAMES *names;   /* owned; NULL when there is no subjectAltName */
	struct public_key *key; /* owned; NULL when it is of a type that we cannot use */
	uint8_t *der;           /* owned */
	size_t der_len;
	char *subject; /* owned */
	char *issuer;  /* owned */
	int64_t not_before;
	int64_t not_after;
	uint8_t spki_hash[CERTIFICATE_SPKI_HASH_LEN];
	uint8_t fingerprint[CERTIFICATE_FINGERPRINT_LEN];
};

struct crl {
	X509_CRL *crl; /* owned */
	char *issuer;  /* owned */
	size_t octets; /* of its DER */
	int64_t this_update;
	int64_t next_update;
};

/* Of the key in it; KEY_NONE: none that we can use. */
enum key_type x509_key_type(const X509 *cert);
/* False when it is malformed. */
bool x509_seconds(const ASN1_TIME *t, int64_t *out);

/* The algorithm of a signature hashes by nothing older than SHA-2 (RFC 8247 3.2.1). */
bool x509_signature_is_strong(const X509_ALGOR *algorithm);

/* ocsp_is_about() and ocsp_says() for certificates as the library has them, with the lists of the
 * issuer, which may take back whom it has let answer. */
struct ocsp_asked {
	X509 *cert;
	X509 *issuer;
	const struct crl *const *lists;
	size_t n_lists;
	struct ocsp_terms terms;
};
bool ocsp_names(const struct ocsp *o, const struct ocsp_asked *a);
enum ocsp_answer ocsp_judge(const struct ocsp *o, const struct ocsp_asked *a, const char **reason);

#endif
