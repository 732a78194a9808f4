/* Questions to and answers of OCSP responders (RFC 6960): whether a certificate has been revoked.
 * Parsed, signed and checked by OpenSSL. An answer is immutable and may be read from several
 * threads. */
#ifndef POSTERN_PKI_OCSP_H
#define POSTERN_PKI_OCSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "pki/certificate.h"

/* Octets of one answer, in a file, in a CERT payload (encoding 14) or by HTTP. */
#define OCSP_MAX 65536
/* Answers about one chain. */
#define OCSP_ANSWERS_MAX 8

/* How far a clock may be off, seconds. */
#define OCSP_SLACK 300
/* How long an answer without nextUpdate counts, from its thisUpdate: RFC 6960 4.2.2.1 says that
 * there may always be a newer one, and leaves open how long this one is good. Our choice. */
#define OCSP_AGE_MAX 3600

struct ocsp;

/* From DER, all of it; the signature is looked at by ocsp_says(). The caller owns *out; reason gets
 * a static sentence when it fails. ERR_UNSUPPORTED when it is well-formed, but the responder has
 * refused to answer, or it is of a kind that is not taken: signed with SHA-1 or older, or with a
 * critical extension. */
enum err ocsp_parse(struct ocsp **out, struct bytes der, const char **reason);
void ocsp_free(struct ocsp *o); /* o may be NULL */
struct bytes ocsp_der(const struct ocsp *o);

/* It tells of this certificate; issuer NULL: by its serial number alone. */
bool ocsp_is_about(const struct ocsp *o, const struct certificate *cert,
		   const struct certificate *issuer);
/* When it was made and until when it counts, seconds since 1970; of several certificates that it
 * tells of, the narrowest time. */
int64_t ocsp_this_update(const struct ocsp *o);
int64_t ocsp_next_update(const struct ocsp *o);

enum ocsp_answer {
	OCSP_SILENT, /* nothing that counts: not about it, not signed as it must be, out of its
			time, or the responder does not know the certificate */
	OCSP_GOOD,
	OCSP_REVOKED, /* also when it is out of its time: nobody takes that back */
};

/* On what it is judged. Borrows. */
struct ocsp_terms {
	int64_t now; /* seconds since 1970 */
	/* Responders that are believed whoever issued their certificates (RFC 6960 4.2.2.2, 1). */
	const struct certificate *const *responders;
	size_t n_responders;
	struct bytes request; /* DER; what it must answer. Empty: not asked by us */
};

/* What it says of cert, issued by issuer, whose own chain the caller has checked. Who signs it must
 * be the issuer, or have a certificate by the issuer itself with id-kp-OCSPSigning, or be one of
 * terms->responders (RFC 6960 4.2.2.2). When it is silent, reason gets a static sentence. */
enum ocsp_answer ocsp_says(const struct ocsp *o, const struct certificate *cert,
			   const struct certificate *issuer, const struct ocsp_terms *terms,
			   const char **reason);

/* A question about cert in DER, with a fresh nonce; the caller frees *der by mem_free(). */
enum err ocsp_request(const struct certificate *cert, const struct certificate *issuer,
		      uint8_t **der, size_t *n);

/* Where the certificate says that a responder is: the i-th of its http URLs (RFC 5280 4.2.2.1) as
 * a text of at most cap octets with its NUL. False past the last. */
bool ocsp_url(const struct certificate *cert, size_t i, char *url, size_t cap);

#endif
