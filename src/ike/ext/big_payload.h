/* Payloads of more than 65535 octets (draft-nir-ipsecme-big-payload, as far as its format is known
 * from draft-smyslov-ipsecme-ikev2-mceliece 4; the negotiation and all limits are our own choice):
 * Classic McEliece's KE, large certificates, long revocation lists. wire/message.h writes whatever
 * payload needs it so; who may send how much, ext/fragmentation.c says. */
#ifndef POSTERN_IKE_EXT_BIG_PAYLOAD_H
#define POSTERN_IKE_EXT_BIG_PAYLOAD_H

#include "ike/sa.h"

/* Both ends have said that they can, together with fragmentation, without which no such message
 * could travel. The initiator has announced it where its configuration c has something that needs
 * it, and gets ps for an answer; the responder takes it from whoever asks by ps. */
bool big_payload_answered(const struct ike_connection *c, const struct payloads *ps);
bool big_payload_asked(const struct payloads *ps);
/* A certificate of ours is longer than the peer takes. */
bool big_payload_missing(const struct ike_sa *sa, const struct ike_credential *c);

#endif
