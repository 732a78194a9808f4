/* draft-ietf-ipsecme-ikev2-downgrade-prevention: when both sides announce it in IKE_SA_INIT, each
 * AUTH covers both of its messages, as the signer received and sent them, and not only the signer's
 * own. Then nobody who breaks one key exchange and holds one side's long-term key can make the
 * other side believe in an offer or an answer that was never made.
 *
 * A responder always announces it, for it does not know its peer yet; an initiator does unless its
 * connection says otherwise. Whether an IKE SA has it is settled by IKE_SA_INIT alone and never
 * changes: a connection that is chosen later can demand it but not take it away. */
#ifndef POSTERN_IKE_EXT_DOWNGRADE_PREVENTION_H
#define POSTERN_IKE_EXT_DOWNGRADE_PREVENTION_H

#include <stdbool.h>

#include "base/bytes.h"
#include "ike/sa.h"

/* What struct auth_octets_of takes as the message that the signer received: it, or nothing when
 * this SA does without. */
struct bytes downgrade_received(const struct ike_sa *sa, struct bytes message);
/* Initiator: the answer's payloads announce it, or nobody requires it. */
bool downgrade_answer_allowed(const struct ike_sa *sa, const struct payloads *ps);
/* What c demands, sa has. */
bool downgrade_allowed(const struct ike_sa *sa, const struct ike_connection *c);
/* After an AUTH that did not verify, here or at the peer: half a sentence for the log about what
 * else may be the reason than wrong credentials. There is no way to tell them apart. */
const char *downgrade_hint(const struct ike_sa *sa);

#endif
