/* Super-packets: what the host's stack hands over and takes through a TUN device with a virtio-net
 * header, so that one system call carries many TCP segments. Pure functions over octets. */
#ifndef POSTERN_PLANE_OFFLOAD_H
#define POSTERN_PLANE_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp/packet.h"

#define OFFLOAD_HEADER 10 /* octets of the virtio-net header without merged buffers */

#define OFFLOAD_NEEDS_CSUM 1 /* flags */
#define OFFLOAD_NONE       0 /* gso_type */
#define OFFLOAD_TCP4       1
#define OFFLOAD_TCP6       4
#define OFFLOAD_UDP        5
#define OFFLOAD_ECN        0x80

struct offload_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len; /* not to be trusted: it may be the whole first packet */
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};

/* In the machine's byte order, as TUN has it by default. */
struct offload_header offload_header_read(const uint8_t octets[OFFLOAD_HEADER]);
void offload_header_write(uint8_t octets[OFFLOAD_HEADER], const struct offload_header *h);

/* A super-packet on its way to being cut. */
struct segmenter {
	uint8_t *packet; /* borrowed; its checksum is finished in place */
	size_t len;
	size_t transport; /* offset of the TCP or UDP header */
	size_t headers;   /* octets before the data */
	size_t size;      /* data octets a segment; 0: it is one packet as it stands */
	size_t done;      /* data octets given out */
	uint16_t n;       /* segments given out */
	uint8_t version, protocol;
	bool finished;
};

/* False when header and packet do not fit each other; nothing comes out then. */
bool segmenter_start(struct segmenter *s, const struct offload_header *h, uint8_t *packet,
		     size_t len);
/* Writes the next segment at PACKET_HEADROOM of out: lengths, IPv4 identification, sequence number,
 * flags and checksums are its own. False when there is none left, or it does not fit (the rest is
 * lost then). */
bool segmenter_next(struct segmenter *s, struct packet *out);

/* How many packets from the first on are successive segments of one TCP flow that can be handed
 * over as one: same addresses, ports, acknowledgement, options, TOS, TTL and DF; adjacent data; all
 * of the first's size but a shorter last; true checksums; no flags but ACK, and PSH at the end; at
 * most 65535 octets in all. With 2 or more, the first packet's headers become those of the
 * super-packet, h describes it, and the data of the others starts at *headers in each. With 1, h is
 * all zero and nothing changed. n is at least 1. */
size_t coalesce(struct packet *const *packets, size_t n, struct offload_header *h, size_t *headers);

#endif
