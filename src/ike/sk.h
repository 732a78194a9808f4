/* Sealing and opening protected messages: the Encrypted payload with its cryptography (RFC
 * 7296 3.14, RFC 5282). */
#ifndef POSTERN_IKE_SK_H
#define POSTERN_IKE_SK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "crypto/protect.h"
#include "wire/header.h"
#include "wire/message.h"
#include "wire/payload.h"
#include "wire/sk.h"

/* Room that message_sk_begin() is to leave for the IV. */
size_t ike_sk_iv_len(const struct protect_suite *suite);

/* Ends m, encrypts, and gives the octets, which are in m's buffer. *counter belongs to one
 * direction of one IKE SA: it makes the IV of AEAD and CTR ciphers, is different for every message
 * (RFC 5282 3.1, 4) and never goes back; at its end ERR_LIMIT. CBC takes an unpredictable IV from
 * random (RFC 7296 3.14). Other errors are those of message_seal_layout() and protect_seal(). */
enum err ike_sk_seal(struct crypto *c, const struct protect_suite *suite,
		     const struct protect_keys *keys, uint64_t *counter,
		     const struct random_source *random, struct message *m, struct bytes *out);

struct ike_sk_opened {
	/* The ICV holds: what is wrong with the message, its sender did, and it may be answered
	 * (RFC 7296 2.21.3). While this is false nothing but dropping it is right. */
	bool authentic;
	uint8_t first;      /* type of the first inner payload */
	struct bytes inner; /* inner payloads without padding; in the message's octets */
	struct payloads payloads;
};

/* Opens a whole message, whose header was parsed, in place: outer chain, ICV, padding, inner chain.
 * ERR_AUTH: the ICV does not hold. ERR_SYNTAX: the format is broken; before the ICV (authentic is
 * false) or inside. ERR_UNSUPPORTED: an unknown critical payload, inside or outside, its type in
 * payloads.unsupported; authentic is true. ERR_LIMIT: too many payloads. Whether the exchange may
 * hold these payloads is not asked here: see payloads_check(). On ERR_AUTH the octets are spoilt.
 */
enum err ike_sk_open(struct crypto *c, const struct protect_suite *suite,
		     const struct protect_keys *keys, const struct ike_header *h, uint8_t *message,
		     size_t len, struct ike_sk_opened *out, const char **reason);

/* The same for one fragment (RFC 7383 2.5), in two steps, so that its numbers can be looked at
 * before it is decrypted. layout: ERR_SYNTAX for anything but a header and one SKF. */
enum err ike_skf_layout(const struct protect_suite *suite, const struct ike_header *h,
			struct bytes message, struct sk_layout *at, const char **reason);
/* Decrypts in place; *chunk is this fragment's piece of the inner payloads. */
enum err ike_skf_open(struct crypto *c, const struct protect_suite *suite,
		      const struct protect_keys *keys, uint8_t *message, const struct sk_layout *at,
		      struct bytes *chunk, const char **reason);

#endif
