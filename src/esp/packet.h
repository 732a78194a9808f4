/* A packet on its way through the data plane, and vectors of them. Buffers belong to the plane; the
 * transforms of this floor work in place, growing into the room before and after the data. */
#ifndef POSTERN_ESP_PACKET_H
#define POSTERN_ESP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_HEADROOM   128 /* outer IP, UDP, ESP or EESP header with options, IV */
#define PACKET_TAILROOM   320 /* padding (255), trailer, ICV */
#define PACKET_VECTOR_MAX 128

/* Why a packet was dropped; each is counted and shown by name (esp-data-plane digest 15). */
enum packet_fate {
	PACKET_OK = 0,
	PACKET_NO_SA,
	PACKET_NO_POLICY,
	PACKET_TOO_SHORT,  /* for the header, IV, trailer and ICV of its suite */
	PACKET_BAD_LENGTH, /* its ciphertext is no multiple of 4 octets or of the cipher's block */
	PACKET_TOO_BIG,    /* for the path, or for the room in its buffer */
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
	/* EESP alone (draft-ietf-ipsecme-eesp 2.2.1, 2.9.2, 3; the digest's error table) */
	PACKET_BAD_MARKER,
	PACKET_BAD_VERSION,
	PACKET_RESERVED_BITS,
	PACKET_BAD_OPTIONS,
	PACKET_BAD_SESSION_ID,         /* not 0, where there are no Sub SAs */
	PACKET_BAD_SUB_SA,             /* above the limit that we stated */
	PACKET_SUB_SA_BUSY,            /* too many first packets of Sub SAs at once */
	PACKET_BAD_CRYPT_OFFSET,       /* beyond the packet, or not where the payload starts */
	PACKET_CRYPT_OFFSET_FORBIDDEN, /* not announced, or above the limit: authentic all the same
					*/
	PACKET_BAD_FORMAT, /* the first plaintext octet is neither an IP nor a Payload Info Header
			    */
	PACKET_CRYPTO_FAILED, /* the library refused, or memory for the expanded key is lacking */
	PACKET_FATES
};

/* A constant, lower-case name: "bad-icv". */
const char *packet_fate_name(enum packet_fate fate);

/* data points into buf, which holds cap octets in all. */
struct packet {
	uint8_t *buf;
	size_t cap;
	uint8_t *data;
	size_t len;
	uint64_t seq;        /* of the ESP packet, once known; 0 where none is sent */
	uint16_t session_id; /* EESP with Sub SAs: which one; to be set before sealing */
	uint8_t next_header; /* 4, 41, or a transport protocol */
	uint8_t outer_tos;   /* DSCP and ECN of the outer header: read or to be written */
	bool outer_df;       /* Don't Fragment of an outer IPv4 header that is to be written */
	uint8_t fate;        /* enum packet_fate; what is not PACKET_OK is passed over untouched */
};

/* Octets before data and after its end. */
static inline size_t packet_headroom(const struct packet *p)
{
	return (size_t)(p->data - p->buf);
}

static inline size_t packet_tailroom(const struct packet *p)
{
	return p->cap - packet_headroom(p) - p->len;
}

#endif
