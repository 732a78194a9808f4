/* The certificates and revocation lists about a peer, wherever they come from: its CERT payloads,
 * what those name by Hash and URL (RFC 7296 3.6), and lists that were fetched. For jobs that check
 * a peer (ike/job.c). */
#ifndef POSTERN_IKE_JOB_PEER_CERTS_H
#define POSTERN_IKE_JOB_PEER_CERTS_H

#include "ike/job.h"
#include "pki/cert_bundle.h"
#include "pki/crl.h"
#include "pki/crl_points.h"
#include "pki/ocsp.h"
#include "pki/ocsp_questions.h"

#define PEER_CERTS_MAX 24
/* OCSP responses that the peer has sent, and those that we asked for. */
#define PEER_ANSWERS_MAX (OCSP_ANSWERS_MAX + IKE_FETCHES_MAX)

struct peer_certs {
	size_t n;
	struct {
		struct bytes der; /* borrowed from the job */
		uint8_t encoding; /* never one of Hash and URL */
		bool fetched;     /* by us; else the peer has sent it */
	} part[PEER_CERTS_MAX];
};

/* In the order of the payloads, a bundle's parts in their own; then the lists and OCSP responses
 * that were fetched.
 * ERR_STATE: something is to be fetched first (ike/fetch.h). ERR_AUTH: a thing by Hash and URL is
 * not allowed, cannot be had, or is another than the hash says; job->reason tells. c may be NULL
 * when there is nothing by Hash and URL. */
enum err peer_certs_collect(struct ike_job *job, struct crypto *c, struct peer_certs *out);

/* Of these, the revocation lists (RFC 7296 3.6, encoding 7), which the caller owns, also when it
 * fails; *n counts on. One of a kind that is not taken is as good as none; one that is malformed is
 * not: ERR_AUTH, and job->reason tells. */
enum err peer_certs_lists(struct ike_job *job, const struct peer_certs *sent,
			  struct crl *lists[PEER_CERTS_MAX], size_t *n);
/* The OCSP responses (RFC 4806), likewise; but a malformed one that a server gave us is as good as
 * none too: it is no fault of the peer's. */
enum err peer_certs_answers(struct ike_job *job, const struct peer_certs *sent,
			    struct ocsp *answers[PEER_ANSWERS_MAX], size_t *n);

/* Lists are missing, and all else about the peer is well: asks for those that the configuration or
 * the certificates say where to get. ERR_STATE: they are to be fetched; ERR_NONE: there is nothing
 * more to be had. */
enum err peer_certs_want_lists(struct ike_job *job, const struct crl_points *missing);
/* The same for answers of OCSP responders (RFC 6960 A): asks these questions where the
 * configuration or the certificates say. */
enum err peer_certs_want_answers(struct ike_job *job, const struct ocsp_questions *questions);
/* Adds to job->reason why lists and answers could not be fetched, if that is so. */
void peer_certs_explain(struct ike_job *job);

#endif
