/* RFC 9593: SUPPORTED_AUTH_METHODS, which ways to authenticate the sender takes from the other. */
#ifndef POSTERN_IKE_EXT_AUTH_METHODS_H
#define POSTERN_IKE_EXT_AUTH_METHODS_H

#include "ike/sa.h"

/* Takes the peer's list from these payloads into sa->setup->hints, in place of one that came
 * before; nothing when there is none. */
void auth_methods_read(struct ike_sa *sa, const struct payloads *ps);
/* Writes ours into a message, also when it was sent already. */
void auth_methods_write(struct ike *ike, struct ike_sa *sa, struct message *m);
/* The responder has promised its list for an IKE_INTERMEDIATE exchange that has not taken place
 * yet. */
bool auth_methods_due(const struct ike_sa *sa);

#endif
