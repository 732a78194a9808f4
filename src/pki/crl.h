/* Certificate revocation lists (RFC 5280 5), parsed by OpenSSL. A list is immutable and may be read
 * from several threads. */
#ifndef POSTERN_PKI_CRL_H
#define POSTERN_PKI_CRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "pki/certificate.h"

/* Octets of one list, wherever it comes from. */
#define CRL_MAX (64U << 20)
/* Lists in one file, and for one set of CAs. */
#define CRLS_MAX 64

struct crl;

/* From DER, all of it. The caller owns *out; reason gets a static sentence when it fails.
 * ERR_UNSUPPORTED for what no path validation here takes: signed with SHA-1 or older, only of
 * changes (a delta, RFC 5280 5.2.4), or for others than its issuer (an indirect one, 5.2.5). */
enum err crl_parse(struct crl **out, struct bytes der, const char **reason);
/* From a file: one list in DER, or up to max in PEM; other PEM objects are passed over. On failure
 * nothing is kept. */
enum err crls_parse(struct crl **out, size_t max, size_t *n, struct bytes text,
		    const char **reason);
void crl_free(struct crl *c); /* c may be NULL */

/* Text, as certificate_issuer(). */
const char *crl_issuer(const struct crl *c);
/* Seconds since 1970. */
int64_t crl_this_update(const struct crl *c);
int64_t crl_next_update(const struct crl *c);
/* Of its DER. */
size_t crl_octets(const struct crl *c);
/* The list in DER again; the caller frees *der by mem_free(). */
enum err crl_der(const struct crl *c, uint8_t **der, size_t *n);
/* How many certificates it revokes. */
size_t crl_count(const struct crl *c);

/* This CA's by name; and whether it has signed it, which costs a verification. */
bool crl_is_of(const struct crl *c, const struct certificate *ca);
bool crl_is_signed_by(const struct crl *c, const struct certificate *ca);

#endif
