/* RFC 9370 2.2.4: additional key exchanges of CREATE_CHILD_SA, each an IKE_FOLLOWUP_KE exchange. A
 * link that the responder makes up, not the Message ID, ties a series together (N28). */
#ifndef POSTERN_IKE_EXT_FOLLOWUP_H
#define POSTERN_IKE_EXT_FOLLOWUP_H

#include "ike/create_child.h"

/* Initiator: the answer to our CREATE_CHILD_SA, or to the exchange before, has come and its secret
 * is in t->create. True: another exchange is due and was begun, or the series has failed; false:
 * none is due, and the SA can be made. */
bool followup_next(struct ike *ike, struct ike_sa *sa, struct ike_task *t);
/* Takes the link out of an answer. ERR_SYNTAX: there must be one and is none. */
enum err followup_link_read(struct create_state *c, const struct payloads *ps);
void followup_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
		       struct ike_inbound *in); /* takes in */

/* Responder: writes a fresh link for p; what is held waits for it this long. */
void followup_link_write(struct ike *ike, struct create_pending *p, struct message *m);
/* Keeps p until the next exchange of its series; takes it. False: there are too many. */
bool followup_hold(struct ike *ike, struct ike_sa *sa, struct create_pending *p);
void followup_request(struct ike *ike, struct ike_sa *sa);
/* Forgets series that the peer does not go on with. */
void followup_expire(struct ike *ike, struct ike_sa *sa);
void followups_free(struct ike_sa *sa);
/* A series of the peer's that rekeys the IKE SA is under way: nothing about its Child SAs may be
 * begun (RFC 7296 2.25.2). */
bool followup_of_ike(const struct ike_sa *sa);
/* The same for one that rekeys this Child SA, or a request that begins one. */
bool followup_of_child(const struct ike_sa *sa, uint32_t spi_in);
uint64_t followup_deadline(const struct ike_sa *sa);

#endif
