/* RFC 9242: exchanges between IKE_SA_INIT and IKE_AUTH. What they carry is the business of other
 * extensions: today the additional key exchanges of RFC 9370. */
#ifndef POSTERN_IKE_EXT_INTERMEDIATE_H
#define POSTERN_IKE_EXT_INTERMEDIATE_H

#include "ike/task.h"

/* IntAuth_i | IntAuth_r | IKE_AUTH_MID (RFC 9242 3.3.2). */
#define INT_AUTH_MAX (2 * PRF_MAX + 4)

/* Initiator: begins the next exchange that is due, or IKE_AUTH when none is. */
void intermediate_run(struct ike *ike, struct ike_sa *sa);
void intermediate_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			   struct ike_inbound *in); /* takes in */
/* Responder: one has come. */
void intermediate_request(struct ike *ike, struct ike_sa *sa);
/* For who has exchanges of this kind to make (ext/kem_auth.h). Takes a message of the peer's into
 * the octets that AUTH covers: before it is acted on, under the keys that it came with. */
enum err intermediate_chain(struct ike *ike, struct ike_sa *sa, bool request,
			    const struct ike_inbound *in);
/* Initiator: sends m as the next request, and takes it in, too; on failure the handshake is over.
 */
void intermediate_send(struct ike *ike, struct ike_sa *sa, struct message *m);
/* Responder: the same for the answer; the handshake is the caller's to end. */
enum err intermediate_respond(struct ike *ike, struct ike_sa *sa, struct message *m);
/* Initiator: ends the handshake, telling the peer nothing. */
void intermediate_fail(struct ike *ike, struct ike_sa *sa, const char *why);
/* Responder: answers with this notify, and nothing is left (RFC 9242 3.4). */
void intermediate_refuse(struct ike *ike, struct ike_sa *sa, uint16_t notify, const char *why);
/* Something that was negotiated has not taken place: IKE_AUTH must not be accepted (N7). */
bool intermediate_missing(const struct ike_sa *sa);
/* What AUTH covers beside the octets of RFC 7296 2.15; empty when there was no such exchange. */
struct bytes intermediate_auth(const struct ike_sa *sa, uint8_t out[INT_AUTH_MAX]);
/* The same as libreswan has it in what a responder signs: IntAuth_r comes first there. */
struct bytes intermediate_auth_swapped(const struct ike_sa *sa, uint8_t out[INT_AUTH_MAX]);

#endif
