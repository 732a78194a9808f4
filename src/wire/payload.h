/* The chain of payloads (RFC 7296 3.2) of a message, or of the inside of an Encrypted payload: cut
 * into spans, and checked against what each exchange may hold. No content is looked at here. */
#ifndef POSTERN_WIRE_PAYLOAD_H
#define POSTERN_WIRE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ikev2_numbers.h"

#define PAYLOAD_HEADER_LEN 4
#define PAYLOAD_CRITICAL   0x80
/* L: the Payload Length has 32 bits (draft-smyslov-ipsecme-ikev2-mceliece 4). */
#define PAYLOAD_BIG            0x40
#define PAYLOAD_BIG_HEADER_LEN 6
/* The longest payload, header and all, that the 16-bit Payload Length can name. */
#define PAYLOAD_LEN_MAX 65535
/* Payloads that are kept of one message; more is ERR_LIMIT. */
#define PAYLOADS_MAX 64

/* One payload; spans borrow the parsed octets. */
struct payload {
	uint8_t type;
	uint8_t next; /* Next Payload; of SK and SKF the type of the first inner payload */
	bool critical;
	struct bytes body; /* after the generic header */
	size_t at;         /* offset of the generic header in the octets parsed */
};

/* Where a chain stands. */
enum payload_place {
	PAYLOADS_OUTER, /* in the message itself, readable by all */
	PAYLOADS_INNER, /* inside SK, after decryption: no SK or SKF may be here */
	/* The same, where payloads with a 32-bit length were negotiated
	 * (draft-nir-ipsecme-big-payload): the bit after Critical means something. */
	PAYLOADS_INNER_BIG,
};

struct payloads {
	size_t n;
	size_t skipped;      /* unknown payloads that were not critical (RFC 7296 2.5) */
	uint8_t unsupported; /* type of the first unknown critical payload, else 0 */
	struct payload p[PAYLOADS_MAX];
};

/* This program knows how to read the type. The Critical bit of a known type means nothing
 * (RFC 7296 2.5, 3.2). */
bool payload_is_known(uint8_t type);

/* Cuts the chain: `octets` begins at the first generic header (`first` its type, PAYLOAD_NONE for
 * an empty chain) and must end exactly with the last payload. SK and SKF end the chain whatever
 * their Next Payload says, for it names the first payload inside (RFC 7296 3.14). ERR_SYNTAX;
 * ERR_LIMIT over PAYLOADS_MAX; ERR_UNSUPPORTED when all is well formed but an unknown payload is
 * critical: its type is in out->unsupported, and the other payloads are there too, but the message
 * must not be acted on (RFC 7296 2.5). On ERR_SYNTAX and ERR_LIMIT nothing in *out is to be used.
 */
enum err payloads_parse(struct payloads *out, enum payload_place place, uint8_t first,
			struct bytes octets, const char **reason);

/* Checks which payloads are there and how often, by exchange and direction (RFC 7296 1.2 to 1.4 and
 * Appendix C, RFC 5723, 9242, 9370, 9593): a second SA, KE, Nonce, IDi, IDr, AUTH, TSi, TSr, CP,
 * EAP, SK or SKF, and a known payload that the exchange does not have, are ERR_SYNTAX. In the outer
 * chain of protected exchanges only SK or SKF, Notify and Vendor ID may stand. Of exchange types
 * not known here only repetition is checked. It does not ask that a payload be there: that depends
 * on the notifications, and is the engine's business. */
enum err payloads_check(const struct payloads *ps, enum payload_place place, uint8_t exchange,
			bool response, const char **reason);

/* The first payload of a type, or NULL. */
const struct payload *payloads_find(const struct payloads *ps, uint8_t type);
/* The next payload of that type after `after` (NULL: from the start), or NULL. */
const struct payload *payloads_next(const struct payloads *ps, uint8_t type,
				    const struct payload *after);
size_t payloads_count(const struct payloads *ps, uint8_t type);
/* Makes those of a type unknown after all: a number of private use, with a peer that has not said
 * what it means by it. If one was critical, ps->unsupported says so (RFC 7296 2.5). */
void payloads_forget(struct payloads *ps, uint8_t type);

#endif
