/* A packet on its way through the data plane, and vectors of them. Buffers belong to the plane; the
 * transforms of this floor work in place, growing into the room before and after the data. */
#ifndef POSTERN_ESP_PACKET_H
#define POSTERN_ESP_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_HEADROOM   128 /* outer IP, UDP, ESP header, IV */
#define PACKET_TAILROOM   320 /* padding (255), trailer, ICV */
#define PACKET_VECTOR_MAX 128

/* Why a packet was dropped; each is counted and shown by name (esp-data-plane digest 15). */
enum packet_fate {
	PACKET_OK = 0,
	PACKET_NO_SA,
	PACKET_NO_POLICY,
	PACKET_TOO_SHORT,
	PACKET_TOO_BIG,
	PACKET_FRAGMENT,
	PACKET_REPLAY,
	PACKET_TOO_OLD,
	PACKET_BAD_ICV,
	PACKET_BAD_PADDING,
	PACKET_BAD_NEXT_HEADER,
	PACKET_BAD_INNER,
	PACKET_BAD_SELECTOR,
	PACKET_ECN_DROP,
	PACKET_DUMMY, /* Next Header 59: taken silently (RFC 4303 2.6) */
	PACKET_SEQUENCE_OVER,
	PACKET_LIFETIME_OVER,
	PACKET_QUEUE_FULL,
	PACKET_FATES
};

const char *packet_fate_name(enum packet_fate fate); /* "bad-icv" */

/* data points into buf, which holds cap octets in all. */
struct packet {
	uint8_t *buf;
	size_t cap;
	uint8_t *data;
	size_t len;
	uint64_t seq;        /* of the ESP packet, once known */
	uint8_t next_header; /* 4, 41, or a transport protocol */
	uint8_t outer_tos;   /* DSCP and ECN of the outer header: read or to be written */
	uint8_t fate;        /* enum packet_fate */
};

#endif
