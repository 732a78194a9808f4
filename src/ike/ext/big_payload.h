/* Payloads of more than 65535 octets (draft-nir-ipsecme-big-payload, as far as its format is known
 * from draft-smyslov-ipsecme-ikev2-mceliece 4; the negotiation and all limits are our own choice).
 * Only KE payloads get so long: Classic McEliece's. */
#ifndef POSTERN_IKE_EXT_BIG_PAYLOAD_H
#define POSTERN_IKE_EXT_BIG_PAYLOAD_H

#include "ike/sa.h"

/* A KE payload in the short form, or in the long one where it needs that. */
void ke_payload_write(struct message *m, const struct ke_desc *ke, struct bytes value);
/* Both ends have said that they can, together with fragmentation, without which no such message
 * could travel. ps: the peer's IKE_SA_INIT message; c: our configuration. */
bool big_payload_agreed(const struct ike_connection *c, const struct payloads *ps);

#endif
