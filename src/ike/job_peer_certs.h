/* The certificates and revocation lists about a peer, wherever they come from: its CERT payloads,
 * what those name by Hash and URL (RFC 7296 3.6), and lists that were fetched. For jobs that check
 * a peer (ike/job.c). */
#ifndef POSTERN_IKE_JOB_PEER_CERTS_H
#define POSTERN_IKE_JOB_PEER_CERTS_H

#include "ike/job.h"
#include "pki/cert_bundle.h"
#include "pki/crl_points.h"

#define PEER_CERTS_MAX 24

struct peer_certs {
	size_t n;
	struct {
		struct bytes der; /* borrowed from the job */
		uint8_t encoding; /* never one of Hash and URL */
	} part[PEER_CERTS_MAX];
};

/* In the order of the payloads, a bundle's parts in their own; then the lists that were fetched.
 * ERR_STATE: something is to be fetched first (ike/fetch.h). ERR_AUTH: a thing by Hash and URL is
 * not allowed, cannot be had, or is another than the hash says; job->reason tells. c may be NULL
 * when there is nothing by Hash and URL. */
enum err peer_certs_collect(struct ike_job *job, struct crypto *c, struct peer_certs *out);

/* Lists are missing, and all else about the peer is well: asks for those that the configuration or
 * the certificates say where to get. ERR_STATE: they are to be fetched; ERR_NONE: there is nothing
 * more to be had. */
enum err peer_certs_want_lists(struct ike_job *job, const struct crl_points *missing);
/* Adds to job->reason why a list could not be fetched, if that is so. */
void peer_certs_explain(struct ike_job *job);

#endif
