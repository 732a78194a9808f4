/* RFC 6023: an IKE SA that comes up without a Child SA. Those follow by CREATE_CHILD_SA, each with
 * a key exchange of its own where its proposal has one. */
#ifndef POSTERN_IKE_EXT_CHILDLESS_H
#define POSTERN_IKE_EXT_CHILDLESS_H

#include "ike/sa.h"

/* Initiator, once IKE_SA_INIT is answered: leave SA, TSi and TSr out of IKE_AUTH. */
bool childless_ask(const struct ike_sa *sa);
/* Initiator: the configuration demands it, and the peer did not announce that it can. */
bool childless_missing(const struct ike_sa *sa);
/* Responder: SA, TSi and TSr are there; or none of them is, and we announced that this will do. */
bool childless_payloads(const struct ike_sa *sa, const struct payloads *ps);
/* Responder: not a request for no Child SA where the connection never does without one. */
bool childless_fits(const struct ike_connection *c, const struct payloads *ps);
/* The request or answer asks for no Child SA. */
bool childless_is(const struct payloads *ps);

#endif
