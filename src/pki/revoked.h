/* Whether a revocation list that came later knows a peer that has been believed already. What the
 * list needs is kept of its certificates, and no more. */
#ifndef POSTERN_PKI_REVOKED_H
#define POSTERN_PKI_REVOKED_H

#include "pki/trust.h"

#define CERTIFICATE_SERIAL_MAX 20 /* RFC 5280 4.1.2.2 */

/* What a list names a certificate by: whose it is, and the serial number. */
struct certificate_id {
	uint8_t issuer[CERTIFICATE_FINGERPRINT_LEN]; /* SHA-256 of the issuer's name */
	uint8_t serial[CERTIFICATE_SERIAL_MAX];
	uint8_t serial_len; /* 0: it has none that RFC 5280 allows, and no list finds it */
};

/* Of the peer's own certificate, certs[0], and of those among the others that lead upwards from it.
 * Returns how many there are in out. */
size_t certificate_path_ids(const struct certificate *const *certs, size_t n,
			    struct certificate_id out[CHAIN_DEPTH_MAX]);

/* One of them is on a list of t, be that in its time or old. Then reason (cap octets) says which. A
 * list of a CA that is configured has been verified by trust_add_crl(); one of a CA below those is
 * believed here because the configuration names it. */
bool trust_revokes(const struct trust *t, const struct certificate_id *ids, size_t n, char *reason,
		   size_t cap);

#endif
