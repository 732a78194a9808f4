/* The IKE header: 28 octets at the start of every message (RFC 7296 3.1). */
#ifndef POSTERN_WIRE_HEADER_H
#define POSTERN_WIRE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ikev2_numbers.h"

#define IKE_HEADER_LEN    28
#define IKE_SPI_LEN       8
#define IKE_VERSION       0x20 /* major 2, minor 0 */
#define IKE_NEXT_AT       16   /* offset of the Next Payload octet */
#define IKE_LENGTH_AT     24   /* offset of the 32-bit Length */
#define IKE_MESSAGE_ID_AT 20

/* The Flags octet; the other bits are reserved: sent zero, ignored on receipt. */
enum header_flag {
	HEADER_INITIATOR = 0x08, /* the sender is the original initiator of this IKE SA */
	HEADER_VERSION = 0x10,   /* the sender could speak a higher major version */
	HEADER_RESPONSE = 0x20,
};

/* SPIs are the eight octets read as one number in network order. */
struct ike_header {
	uint64_t spi_i;
	uint64_t spi_r; /* 0 in the first message */
	uint8_t next_payload;
	uint8_t version; /* major in the high four bits; header_write() always writes IKE_VERSION */
	uint8_t exchange;
	uint8_t flags;
	uint32_t message_id;
	uint32_t length; /* of the whole message, with this header */
};

static inline uint8_t header_major(const struct ike_header *h)
{
	return h->version >> 4;
}
static inline bool header_is_response(const struct ike_header *h)
{
	return (h->flags & HEADER_RESPONSE) != 0;
}
static inline bool header_from_initiator(const struct ike_header *h)
{
	return (h->flags & HEADER_INITIATOR) != 0;
}

/* Reads the header of a message that is a whole datagram (without a non-ESP marker).
 * ERR_UNSUPPORTED: the major version is not 2; *h is filled in, so that the caller can answer
 * INVALID_MAJOR_VERSION to a higher one (RFC 7296 2.5). ERR_SYNTAX: fewer than 28 octets, a Length
 * that is not the datagram's, or a zero initiator SPI elsewhere than in an INFORMATIONAL request
 * outside any IKE SA (RFC 7296 1.5); *h is filled in when 28 octets were there. */
enum err header_parse(struct ike_header *h, struct bytes datagram, const char **reason);

/* Appends the header; `version` is not used, `length` is written as it stands (the message builder
 * patches it). */
void header_write(struct writer *w, const struct ike_header *h);

#endif
