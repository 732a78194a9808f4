/* IKE and ESP in a stream of octets (RFC 9329 3, 4): the framing alone, without sockets.
 *
 * The side that opened the connection first sends a prefix of six octets. After it, in both
 * directions, come frames: a length that counts itself too, and a message. Four octets of zero
 * begin an IKE message, anything else is the SPI of an ESP packet, and one octet 0xff alone is a
 * keepalive. The prefix says how lengths are written:
 *   "IKETCP"  16 bits (RFC 9329)
 *   "IKETCL"  two or four octets in the manner of RFC 9000 16: top bits 01, then 14 bits, or top
 *             bits 10, then 30 bits. Ours; used only where both peers have agreed to it. */
#ifndef POSTERN_NET_STREAM_H
#define POSTERN_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#define STREAM_PREFIX_LEN  6
#define STREAM_MARKER_LEN  4
#define STREAM_HEAD_MAX    (4 + STREAM_MARKER_LEN)
#define STREAM_SHORT_MAX   65533U /* octets of a message with its marker, 16-bit lengths */
#define STREAM_LONG_MAX    ((1U << 30) - 5U)
#define STREAM_CORRUPT_MAX 16 /* frames that can be nothing, before the stream is given up */

enum stream_step {
	STREAM_MORE,   /* the input is used up */
	STREAM_PREFIX, /* the prefix is there; stream_in.is_long is known */
	STREAM_IKE,    /* body: an IKE message without marker, at least one octet */
	STREAM_ESP,    /* body: an ESP packet, at least SPI and one octet more */
	STREAM_BROKEN, /* close it (RFC 9329 3.1, 3.2, 6.1); `why` says why. Comes again for ever.
			*/
};

/* One direction, as it comes in. */
struct stream_in {
	bool is_long;
	bool in_prefix;
	bool in_body;
	uint8_t head[STREAM_PREFIX_LEN]; /* of the prefix or the length, as far as it is there */
	size_t n_head;
	size_t message_max; /* octets of a message with its marker: more breaks the stream */
	size_t want;        /* octets of the message that is coming */
	uint8_t *buf;       /* of a message that is there in part; owned */
	size_t cap, have;
	unsigned corrupt;
	const char *why;
};

/* with_prefix: the peer opened the connection, and its prefix says how lengths are written; else
 * is_long does. */
void stream_in_start(struct stream_in *s, bool with_prefix, bool is_long, size_t message_max);
void stream_in_clear(struct stream_in *s);
/* The next step; takes octets off the front of input. *kept false: body lies in the input and lasts
 * as long as that; true: it lies in s and lasts until the next call. Memory grows with what has
 * come, never with what a length claims. */
enum stream_step stream_next(struct stream_in *s, struct bytes *input, struct bytes *body,
			     bool *kept);

/* The prefix that opens a stream, without NUL. */
const char *stream_prefix(bool is_long);
/* What stands before a message of n octets: length and, for IKE, marker. Returns the octets used,
 * or 0 when the message is too long for the stream. */
size_t stream_head(uint8_t head[STREAM_HEAD_MAX], bool is_long, bool ike, size_t n);

#endif
