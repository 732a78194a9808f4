/* What a certification authority signs: certificates for IKE (RFC 5280, RFC 4945 5) and revocation
 * lists. Works in memory alone: files and the clock are the caller's. */
#ifndef POSTERN_PKI_ISSUE_H
#define POSTERN_PKI_ISSUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "pki/certificate.h"
#include "pki/identity.h"
#include "pki/issue_key.h"

/* What a certificate is to say. Borrows. */
struct issue {
	const struct certificate *issuer;    /* NULL: it signs itself */
	const struct issue_key *issuer_key;  /* NULL when it signs itself */
	const struct issue_key *key;         /* the one to be certified */
	const char *subject;                 /* "CN=x, O=y" or a common name alone */
	const struct identity *const *names; /* its subjectAltNames */
	size_t n_names;
	bool ca;
	int path_len;       /* of a CA: how many may stand below it; negative: no limit */
	int64_t not_before; /* seconds since 1970 */
	int64_t not_after;
	const char *crl_url;  /* where the issuer's revocation list is; NULL: it does not say */
	const char *ocsp_url; /* and an OCSP responder; NULL likewise */
};

/* A certificate of version 3 with a random serial number of 126 bits. keyUsage is keyCertSign and
 * cRLSign for a CA, digitalSignature for a key that signs (RFC 4945 5.1.3.2), keyEncipherment and
 * nothing else for one of a KEM (RFC 9935 5); there is no extendedKeyUsage, which RFC 4945 5.1.3.12
 * does not want. ERR_UNSUPPORTED, ERR_RANGE and ERR_SYNTAX for what cannot be certified, with a
 * static sentence in reason. The caller owns *out. */
enum err issue_certificate(const struct issue *wish, struct certificate **out, const char **reason);
/* Whether the key is that of the certificate. */
bool issue_key_belongs(const struct issue_key *key, const struct certificate *c);

/* A revoked certificate. */
struct issue_revoked {
	const char *serial; /* hexadecimal, as certificate_serial() has it */
	int64_t at;         /* seconds since 1970 */
	int reason;         /* RFC 5280 5.3.1; 0: unspecified, which is left out */
};

/* The reasons by name, "key-compromise" and so on; their number in RFC 5280 5.3.1, or -1. */
int issue_reason_number(const char *name);
/* NULL past the last. */
const char *issue_reason_word(size_t i);

struct issue_crl {
	const struct certificate *issuer;
	const struct issue_key *issuer_key;
	const struct issue_revoked *revoked;
	size_t n_revoked;
	uint64_t number; /* RFC 5280 5.2.3: grows with each list */
	int64_t this_update;
	int64_t next_update;
};

/* A revocation list of version 2 in PEM; the caller frees *text by mem_free(). */
enum err issue_crl(const struct issue_crl *wish, uint8_t **text, size_t *n, const char **reason);

/* An answer about one certificate as an OCSP responder gives it (RFC 6960), signed by its issuer.
 */
struct issue_ocsp {
	const struct certificate *issuer;
	const struct issue_key *issuer_key;
	const struct certificate *certificate;
	bool revoked;
	int64_t revoked_at; /* seconds since 1970 */
	int reason;         /* as of struct issue_revoked */
	int64_t this_update;
	int64_t next_update;
};

/* DER; the caller frees *der by mem_free(). ERR_AUTH when the issuer has not issued it. */
enum err issue_ocsp(const struct issue_ocsp *wish, uint8_t **der, size_t *n, const char **reason);

/* PEM of a certificate; the caller frees *text by mem_free(). */
enum err certificate_pem(const struct certificate *c, uint8_t **text, size_t *n);

#endif
