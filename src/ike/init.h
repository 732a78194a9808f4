/* What both roles of IKE_SA_INIT share. */
#ifndef POSTERN_IKE_INIT_H
#define POSTERN_IKE_INIT_H

#include "ike/sa.h"

/* NAT_DETECTION notifies for a message of sa (RFC 7296 2.23). */
void init_natd_write(struct ike *ike, struct ike_sa *sa, struct message *m);
/* Reads the peer's, which came by path in a message with header h, into sa->nat_here and nat_there;
 * false: the peer sent none and cannot do NAT traversal. */
bool init_natd_read(struct ike *ike, struct ike_sa *sa, const struct path *path,
		    const struct ike_header *h, const struct payloads *ps);
void init_vendor_write(struct ike *ike, struct message *m);
/* SKEYSEED and the seven keys from the setup's nonces. */
enum err init_derive(struct ike *ike, struct ike_sa *sa, struct bytes secret);
/* Moves the initiator to port 4500. */
void init_float(struct ike_sa *sa);

#endif
