/* CertificateBundle of RFC 7296 3.6: several certificates and revocation lists as one DER value, as
 * Hash-and-URL fetches it (encoding 13) and as KEM-based authentication carries it inline. */
#ifndef POSTERN_PKI_CERT_BUNDLE_H
#define POSTERN_PKI_CERT_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"
#include "pki/certificate.h"

/* Our own limits; the document has none. */
#define CERT_BUNDLE_CRLS_MAX 4
#define CERT_BUNDLE_MAX      (CERTIFICATES_MAX + CERT_BUNDLE_CRLS_MAX)

struct cert_bundle {
	size_t n;
	struct {
		struct bytes der; /* of a Certificate or a CertificateList; borrowed */
		bool crl;
	} parts[CERT_BUNDLE_MAX];
};

/* Cuts the bundle up; what the parts are made of is not looked at. The first one must be a
 * certificate. ERR_SYNTAX; ERR_LIMIT over CERTIFICATES_MAX certificates or CERT_BUNDLE_CRLS_MAX
 * lists. On failure *out is not to be used, and reason gets a static sentence. */
enum err cert_bundle_parse(struct cert_bundle *out, struct bytes der, const char **reason);

/* Octets that cert_bundle_write() writes. */
size_t cert_bundle_len(const struct cert_bundle *b);
void cert_bundle_write(const struct cert_bundle *b, struct writer *w);

#endif
