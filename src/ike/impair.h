/* The engine's share of the named faults (base/fault.h): what a test build breaks on purpose in the
 * messages that leave, in jobs that come back and in what requests are answered with. Whoever is at
 * the other end must cope. Without POSTERN_FAULTS nothing of it is compiled. */
#ifndef POSTERN_IKE_IMPAIR_H
#define POSTERN_IKE_IMPAIR_H

#include "base/fault.h"
#include "ike/engine.h"
#include "ike/sa.h"

#ifdef POSTERN_FAULTS
/* A message that is complete but for its end: header fields and the chain of payloads are changed
 * in place. Inside SK this happens before sealing, so that the peer finds it authentic. */
void impair_message(struct ike *ike, struct message *m);
/* The same for what sa_message_seal() made, in ike->buffer. */
enum err impair_sealed(struct ike *ike, struct ike_sa *sa, struct bytes octets);
/* A datagram about to leave. True: it has been dealt with. */
bool impair_send(struct ike *ike, const struct path *path, struct bytes datagram);
/* An authentic request of an established IKE SA. True: it has been dealt with. */
bool impair_request(struct ike *ike, struct ike_sa *sa);
/* A job that came back. True: it was taken, and comes back later. */
bool impair_job(struct ike *ike, struct ike_job *job);
/* Everything that is held back. */
void impair_free(struct ike *ike);
#else
static inline void impair_message(struct ike *ike, struct message *m)
{
	(void)ike;
	(void)m;
}
static inline enum err impair_sealed(struct ike *ike, struct ike_sa *sa, struct bytes octets)
{
	(void)ike;
	(void)sa;
	(void)octets;
	return ERR_NONE;
}
static inline bool impair_send(struct ike *ike, const struct path *path, struct bytes datagram)
{
	(void)ike;
	(void)path;
	(void)datagram;
	return false;
}
static inline bool impair_request(struct ike *ike, struct ike_sa *sa)
{
	(void)ike;
	(void)sa;
	return false;
}
static inline bool impair_job(struct ike *ike, struct ike_job *job)
{
	(void)ike;
	(void)job;
	return false;
}
static inline void impair_free(struct ike *ike)
{
	(void)ike;
}
#endif

#endif
