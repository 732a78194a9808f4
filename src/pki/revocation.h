/* What a chain's check does about revocation lists; for the files of this floor alone. */
#ifndef POSTERN_PKI_REVOCATION_H
#define POSTERN_PKI_REVOCATION_H

#include "crypto/openssl.h"
#include "pki/trust.h"

struct revocation {
	const struct trust_policy *policy; /* borrowed */
	STACK_OF(X509_CRL) * lists;        /* owned; the lists themselves are borrowed */
};

/* Lets ctx ask the lists: our own, and of those that came with the peer's certificates each that is
 * newer than all of ours by its issuer. So a peer cannot hide behind a list from before it was
 * revoked. ERR_NO_MEMORY. */
enum err revocation_begin(struct revocation *r, X509_STORE_CTX *ctx,
			  const struct trust_policy *policy, struct crl *const *own, size_t n_own);
void revocation_end(struct revocation *r);

/* Nothing is known of this certificate: notes where its list would be. */
void crl_points_note(struct crl_points *to, X509 *cert);

#endif
