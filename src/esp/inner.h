/* Reading an inner packet's headers: what the selector check, the tunnel header and the too-big
 * answers need of them. */
#ifndef POSTERN_ESP_INNER_H
#define POSTERN_ESP_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/selector.h"

#define INNER_IPV4 4 /* Next Header values (RFC 4303 2.6) */
#define INNER_IPV6 41
#define INNER_NONE 59

#define PROTOCOL_ICMP   1
#define PROTOCOL_TCP    6
#define PROTOCOL_ICMPV6 58

/* An inner packet's headers, read once. */
struct inner {
	struct flow_key key;
	uint8_t version;    /* 4 or 6 */
	uint8_t tos;        /* DSCP and ECN */
	bool df;            /* IPv4 only */
	bool fragment;      /* any fragment that is not the whole datagram */
	bool later;         /* a fragment other than the first: key has no ports */
	uint16_t transport; /* offset of the transport header, or of a later fragment's data */
	uint32_t total;     /* octets by the packet's own length field; never more than given */
};

/* Reads and validates an IPv4 or IPv6 packet: version, header length, total length against what is
 * there (more is TFC padding), and at most 8 IPv6 extension headers. Ports come from TCP, UDP,
 * UDP-Lite, SCTP and DCCP, type*256+code from ICMP and ICMPv6, the MH type from Mobile IPv6 (in
 * both ports, as type*256). False when the packet is not sound. */
bool inner_read(struct inner *in, struct bytes packet);

#endif
