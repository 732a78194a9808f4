/* Which of our credentials proves who we are to a peer that has hinted at what it can check: by
 * SIGNATURE_HASH_ALGORITHMS (RFC 7427 4), SUPPORTED_AUTH_METHODS (RFC 9593) and CERTREQ (RFC
 * 7296 3.7). */
#ifndef POSTERN_IKE_CREDENTIAL_H
#define POSTERN_IKE_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/key.h"
#include "ike/connection.h"
#include "wire/parts.h"

/* More announcements, or hashes of CAs, are not kept: the peer is a stranger still. */
#define HINT_METHODS_MAX 64
#define HINT_CAS_MAX     64

/* A way to sign that the peer checks. */
struct hint_method {
	const struct signature_scheme *scheme;
	uint8_t cert_link; /* 0: whoever issued the certificate; k: the k-th CA of the CERTREQs */
};

/* A KEM whose keys the peer encapsulates to. */
struct hint_kem {
	enum key_type type;
	uint8_t cert_link;
};
#define HINT_KEMS_MAX (KEY_KEM_LAST - KEY_KEM_FIRST + 1)

/* What the peer has said so far; zeroed: nothing. */
struct credential_hints {
	uint32_t hashes; /* bits 1 << HASH_* */
	bool announced;  /* SUPPORTED_AUTH_METHODS came and named at least one method */
	bool promised;   /* it came empty: the list is to come in IKE_INTERMEDIATE */
	struct hint_method methods[HINT_METHODS_MAX]; /* in the peer's order of preference */
	size_t n_methods;
	struct hint_kem kems[HINT_KEMS_MAX]; /* in the peer's order, too */
	size_t n_kems;
	uint8_t cas[HINT_CAS_MAX *
		    CERTREQ_HASH_LEN]; /* of all CERTREQs of encoding 4, in their order */
	size_t n_cas;
	bool more_cas; /* than were kept, so that what is not here may have been asked for */
};

/* Which credential of a, and how it signs; NULL when none can do what the peer checks, why is for
 * people. Ours come in the order of the configuration, as far as the peer's hints go:
 *  - a scheme must fit its hashes, and its announcements if it made any (by these first its own
 *    order counts); when nothing does, the announcements are passed over: they are advice
 *    (RFC 9593 3) and *passed_over is set;
 *  - a certificate by a CA that it asked for goes before others;
 *  - a peer that announced nothing gets a classical signature before a post-quantum one, since
 *    most that do not know RFC 9593 do not know these either; who has only the one kind uses it. */
const struct ike_credential *credential_choose(const struct ike_local_auth *a,
					       const struct credential_hints *h, bool allow_weak,
					       const struct signature_scheme **scheme,
					       bool *passed_over);

/* Which credential of a that holds a KEM's key which the peer announced, one by a CA that it asked
 * for before others, then the first by our order; NULL: none. */
const struct ike_credential *credential_choose_kem(const struct ike_local_auth *a,
						   const struct credential_hints *h);

/* The data of SUPPORTED_AUTH_METHODS, in place of what came before (RFC 9593 3.2). What is unknown
 * is passed over by its length; from a length that cannot be on, nothing is read. */
void credential_note_methods(struct credential_hints *h, struct bytes data);

/* The body of a CERTREQ payload; others than those of encoding 4 say nothing of CAs. */
void credential_note_certreq(struct credential_hints *h, struct bytes body);

#endif
