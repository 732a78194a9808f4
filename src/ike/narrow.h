/* Traffic selector negotiation (RFC 7296 2.9). Nothing here has state. */
#ifndef POSTERN_IKE_NARROW_H
#define POSTERN_IKE_NARROW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/selector.h"
#include "esp/dataplane.h"

/* Selectors that somebody else owns. */
struct selectors {
	const struct selector *s;
	size_t n;
};

/* One Child SA's traffic, seen from this end. */
struct narrowed {
	struct selector local[CHILD_SELECTORS_MAX];
	struct selector remote[CHILD_SELECTORS_MAX];
	size_t n_local;
	size_t n_remote;
	bool whole; /* everything that was proposed is in it */
	/* More would be acceptable than fits: say ADDITIONAL_TS_POSSIBLE (RFC 7296 2.9). */
	bool more_possible;
	/* The initiator began with the selectors of one packet, and that packet is in it. */
	bool packet_fits;
};

/* Responder: tsi and tsr as proposed, against a configured child. The result is the common part,
 * without selectors that have no counterpart of their family and protocol on the other side, and
 * with what comes of the initiator's first selectors first. ERR_NOT_FOUND: there is none, answer
 * TS_UNACCEPTABLE. Where several children would do, the caller takes one with packet_fits, else
 * one that is whole, else the first. */
enum err narrow_respond(struct selectors tsi, struct selectors tsr, struct selectors local,
			struct selectors remote, struct narrowed *out);

/* Initiator: the answer (tsi is ours now) must be within what we proposed, selector by selector,
 * and hold at least one pair that traffic can match. ERR_AUTH: it is not within; ERR_LIMIT: more
 * than CHILD_SELECTORS_MAX a side. *reason is constant text. */
enum err narrow_check(struct selectors proposed_i, struct selectors proposed_r,
		      struct selectors tsi, struct selectors tsr, struct narrowed *out,
		      const char **reason);

/* The selectors of the packet that asks for an SA, to be put first (RFC 7296 2.9). */
void narrow_packet(const struct flow_key *flow, struct selector *src, struct selector *dst);
/* A pair of selectors that names one address on each side: what a peer that answers
 * SINGLE_PAIR_REQUIRED takes (RFC 7296 2.9). */
bool narrow_is_single_pair(struct selectors tsi, struct selectors tsr);

/* The sentence for a person after ERR_NOT_FOUND: what was proposed and what we have. Returns buf,
 * cut to cap. */
const char *narrow_explain(struct selectors tsi, struct selectors tsr, struct selectors local,
			   struct selectors remote, char *buf, size_t cap);

#endif
