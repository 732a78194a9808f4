/* Building a message: header, payloads with Next Payload and lengths filled in, and an Encrypted
 * payload laid out so that it is encrypted in place. Bodies are written straight into the message
 * by the writers of sa.h, ts.h and parts.h; nothing is copied twice. Like a writer it is sticky: a
 * step that fails makes all later ones harmless, and the end says so.
 *
 *	message_begin(&m, buf, sizeof(buf), &header);
 *	message_sk_begin(&m, iv_len);                     (protected messages only)
 *	ke_write(message_payload_begin(&m, PAYLOAD_KE), method, data);
 *	message_payload_end(&m);
 *	e = message_seal_layout(&m, block, icv_len, &s);  (or message_end(&m, &octets))
 *	crypto: IV to s.iv, encrypt s.plaintext in place, ICV to s.icv; then send s.message
 */
#ifndef POSTERN_WIRE_MESSAGE_H
#define POSTERN_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/header.h"
#include "wire/payload.h"

/* What has been begun; for message.c. */
enum message_kind {
	MESSAGE_PLAIN,
	MESSAGE_SK,
	MESSAGE_FRAGMENT,
};

struct message {
	struct writer w;   /* borrows the caller's buffer */
	size_t next_at;    /* offset of the Next Payload octet of the payload before */
	size_t payload_at; /* offset of the payload under way, 0 for none */
	bool payload_big;  /* it has a 32-bit length */
	bool big_allowed;  /* message_allow_big() */
	enum message_kind kind;
	size_t sk_at;       /* offset of SK or SKF */
	size_t iv_at;       /* with SK: where the IV goes */
	size_t inner_at;    /* with SK: where the first inner payload begins */
	const char *reason; /* the first thing that went wrong, constant text, else NULL */
};

/* Writes the header into buf. next_payload and length of *h are ignored. */
void message_begin(struct message *m, void *buf, size_t cap, const struct ike_header *h);

/* Opens a payload and gives the writer for its body; exactly one may be open. */
struct writer *message_payload_begin(struct message *m, uint8_t type);
/* Payloads inside SK may have a 32-bit length where their body needs it: both ends have agreed to
 * that (draft-nir-ipsecme-big-payload). Of whatever type; without it such a payload is an error. */
void message_allow_big(struct message *m);
/* The same with a 32-bit length whatever the body needs; only inside SK, and only when that was
 * negotiated. */
struct writer *message_payload_begin_big(struct message *m, uint8_t type);
/* Closes it: its length is now known. Over 65535 octets it becomes one with a 32-bit length inside
 * SK after message_allow_big(), else that is an error. */
void message_payload_end(struct message *m);
/* A payload whose body is at hand; for an empty one give an empty span. */
void message_payload(struct message *m, uint8_t type, struct bytes body);
/* Sets the Critical bit of the payload under way. Never for types of RFC 7296 (2.5). */
void message_payload_critical(struct message *m);

/* Starts the SK payload, with room for the IV: what follows is inside. At most once. */
void message_sk_begin(struct message *m, size_t iv_len);
/* Starts an SKF payload instead (RFC 7383 2.5): fragment `number` of `total`; `first` is the type
 * of the first inner payload, given with fragment 1 and written as 0 in all others. The returned
 * writer takes this fragment's piece of the inner octets; no payload is opened in it. */
struct writer *message_skf_begin(struct message *m, uint8_t first, uint16_t number, uint16_t total,
				 size_t iv_len);

/* The inner payloads written so far, without padding, and the type of the first one: what
 * IKE_INTERMEDIATE authenticates (RFC 9242 3.3.2) and what is cut into fragments (RFC 7383 2.5).
 * May be longer than one SK can carry. Empty without SK. */
struct bytes message_inner(const struct message *m, uint8_t *first);

/* Ends a message without SK and gives its octets (in the caller's buffer). ERR_LIMIT: the buffer is
 * too small; ERR_STATE: steps in the wrong order; ERR_RANGE: a payload too long. */
enum err message_end(struct message *m, struct bytes *out);

/* Where the crypto step finds its pieces; all in the caller's buffer, all lengths final. */
struct message_seal {
	struct bytes message; /* the whole */
	struct bytes aad;     /* AEAD: all before the IV (RFC 5282 5.1, RFC 7383 2.5) */
	struct bytes covered; /* others: all before the ICV (RFC 7296 3.14) */
	uint8_t *iv;
	size_t iv_len;
	uint8_t *plaintext; /* inner payloads, padding, Pad Length: encrypt in place */
	size_t plaintext_len;
	uint8_t *icv;
	size_t icv_len;
};

/* Ends a message with SK or SKF: adds the least zero padding that makes the plaintext a multiple of
 * `block` octets (1..256; 1 for AEAD and CTR), the Pad Length, and room for the ICV. Errors as
 * message_end(). */
enum err message_seal_layout(struct message *m, size_t block, size_t icv_len,
			     struct message_seal *out);

#endif
