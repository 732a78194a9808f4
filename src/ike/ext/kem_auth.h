/* KEM-based authentication (draft-wang-ipsecme-kem-auth-ikev2, of which the octets were not at
 * hand: messages, numbers and formulas are our own choice, see docs/protocols.md). Both sides prove
 * who they are by decapsulating what the other one encapsulates to their certified key:
 *
 *	KA-1  request: our list of SUPPORTED_AUTH_METHODS, CERTREQ, [IDr]
 *	      response: CERT of the responder; none when it goes on with signatures
 *	KA-2  request: N(AUTH_KEM_CIPHERTEXT), N(AUTH_KEM_SSCONF), ECERT of the initiator
 *	      response: N(AUTH_KEM_CIPHERTEXT), N(AUTH_KEM_SSCONF)
 *
 * Both are IKE_INTERMEDIATE exchanges, after those of RFC 9370 and the PPK of RFC 9867, so that
 * IntAuth covers them. New keys of the IKE SA follow, and IKE_AUTH, whose AUTH is a MAC with them.
 * The initiator shows who it is only to the holder of the responder's private key.
 *
 * Its numbers are of private use: they are sent to, and mean something from, a peer alone that has
 * shown our Vendor ID. Not run when an IKE SA is rekeyed (M8): a new one is made for that. */
#ifndef POSTERN_IKE_EXT_KEM_AUTH_H
#define POSTERN_IKE_EXT_KEM_AUTH_H

#include "ike/auth.h"

/* --- Negotiation --- */

/* We may want IKE_INTERMEDIATE for it. */
bool kem_auth_wants_intermediate(const struct ike_connection *c);
/* Both have said that they know it, and what it needs is agreed on (M4). */
bool kem_auth_agreed(const struct ike_sa *sa);
/* The announcements of the KEMs that we take from the peer (RFC 9593 3.2); nothing unless agreed.
 */
void kem_auth_announce(struct ike *ike, const struct ike_sa *sa, struct writer *w);

/* --- Initiator --- */

/* Every other exchange before IKE_AUTH is over: begins KA-1 or KA-2, or IKE_AUTH. */
void kem_auth_run(struct ike *ike, struct ike_sa *sa);
/* KA-1 or KA-2 is under way. */
bool kem_auth_waits(const struct ike_sa *sa);
void kem_auth_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
		       struct ike_inbound *in); /* takes in */

/* --- Responder --- */

/* A request of IKE_INTERMEDIATE for which nothing else is due. False: it is no KA-1 or KA-2 that
 * may come now. */
bool kem_auth_request(struct ike *ike, struct ike_sa *sa);
/* Before the peer is authenticated: it tells that it refuses us (RFC 7296 2.21.2). */
bool kem_auth_is_refusal(struct ike *ike, struct ike_sa *sa);

/* --- IKE_AUTH --- */

/* Both exchanges are over: AUTH of both sides is by method AUTH_KEM and no other (M2). */
bool kem_auth_done(const struct ike_sa *sa);
/* What c demands or forbids, this handshake has. */
bool kem_auth_allowed(const struct ike_sa *sa, const struct ike_connection *c);
/* Responder: c holds the credential that KA-1 showed; true where there was no KA-1. */
bool kem_auth_fits(const struct ike_sa *sa, const struct ike_connection *c);
/* These payloads have some of ours where there is no place for them (M3). */
bool kem_auth_stray(const struct ike_sa *sa, const struct payloads *ps);
/* Makes our AUTH data, by sk_p over the octets in job, into job->data. */
enum err kem_auth_prove(struct ike *ike, const struct ike_sa *sa, struct bytes sk_p,
			struct ike_job *job);
/* Checks the peer's, and makes job one that checks its certificates against its identity and the
 * connection, which is known now. ERR_AUTH: why is for people. */
enum err kem_auth_check(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			const struct auth_part *part, struct bytes sk_p, struct ike_job *job,
			const char **why);
/* "ML-KEM-768 (KEM)": how the peer has authenticated. */
const char *kem_auth_name(enum key_type type);

void kem_auth_setup_free(struct ike_setup *s);

#endif
