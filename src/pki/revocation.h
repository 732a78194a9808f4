/* What a chain's check does about revocation lists and the answers of OCSP responders; for the
 * files of this floor alone. */
#ifndef POSTERN_PKI_REVOCATION_H
#define POSTERN_PKI_REVOCATION_H

#include "crypto/openssl.h"
#include "pki/trust.h"

/* Of a chain that the library may build, both ends counted. */
#define REVOCATION_DEPTH_MAX (CHAIN_DEPTH_MAX + 2)

struct revocation {
	const struct trust_policy *policy; /* borrowed */
	const struct crl *const *own;      /* borrowed */
	size_t n_own;
	STACK_OF(X509_CRL) * lists; /* owned; the lists themselves are borrowed */
	/* By the place in the chain: why the lists say nothing of this certificate, the library's
	 * code. */
	int unknown[REVOCATION_DEPTH_MAX];
};

/* Lets ctx ask the lists: our own, and of those that came with the peer's certificates each that is
 * newer than all of ours by its issuer. So a peer cannot hide behind a list from before it was
 * revoked. ERR_NO_MEMORY. */
enum err revocation_begin(struct revocation *r, X509_STORE_CTX *ctx,
			  const struct trust_policy *policy, struct crl *const *own, size_t n_own);

/* What came of it, when all else about the chain is well. */
struct revocation_verdict {
	int code;               /* the library's; X509_V_OK: nothing is wrong */
	int depth;              /* of the certificate that it is about */
	const char *about_ocsp; /* why no OCSP response counts; NULL: there is none */
	bool wanted;            /* a good OCSP response is missing where one is required */
};

/* Asks the OCSP responses too, which needs a chain whose signatures hold, and notes what there is
 * to be asked beyond those. A certificate that anybody says is revoked is so; where the policy is
 * strict, each below the configured CA needs a list or a good response. */
struct revocation_verdict revocation_settle(const struct revocation *r, STACK_OF(X509) * chain,
					    const struct certificate *const *responders,
					    size_t n_responders, int64_t now);
void revocation_end(struct revocation *r);

/* Nothing is known of this certificate: notes where its list would be. */
void crl_points_note(struct crl_points *to, X509 *cert);
/* Neither do the responses at hand tell: notes what a responder is to be asked. */
void ocsp_questions_note(struct ocsp_questions *to, X509 *cert, X509 *issuer);

#endif
