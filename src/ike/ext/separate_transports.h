/* draft-ietf-ipsecme-ikev2-reliable-transport-04: IKE over TCP while ESP goes over UDP or IP
 * itself. Agreed on by a notify in IKE_SA_INIT. The streams are ext/tcp.h's. */
#ifndef POSTERN_IKE_EXT_SEPARATE_TRANSPORTS_H
#define POSTERN_IKE_EXT_SEPARATE_TRANSPORTS_H

#include "ike/ext/tcp.h"

/* How a connection with transport = separate begins: over UDP (4.2), unless IKE_SA_INIT is too
 * large for a datagram (4.3). */
enum ike_attempt separate_first(const struct ike_connection *c);
/* What comes after an attempt that failed; the same again when nothing does. */
enum ike_attempt separate_next(enum ike_attempt how, enum tcp_failure why);
void separate_inherit(struct ike_sa *sa, const struct ike_sa *old);

/* Where ESP of sa's Child SAs goes, whatever the transport. With port 0 the peer's is not known yet
 * and comes with its first packet. */
void separate_esp_path(const struct ike_sa *sa, struct path *outer, bool *encap);
/* IKE_SA_INIT went over UDP and both want TCP from now on. True: it is being opened, and the
 * handshake goes on when it is. */
bool separate_switch(struct ike *ike, struct ike_sa *sa);
/* The peer's ESP comes from a new address. True: seen to. */
bool separate_esp_moved(struct ike *ike, struct ike_sa *sa, const struct endpoint *remote);

/* sa is up, begun over TCP: sees whether ESP gets through (4.4). */
void separate_up(struct ike *ike, struct ike_sa *sa);
void separate_tick(struct ike *ike, struct ike_sa *sa);

#endif
