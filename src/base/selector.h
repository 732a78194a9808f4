/* Traffic selectors: what a Child SA may carry (RFC 7296 3.13.1, RFC 4301 4.4.1). One value, used
 * by the wire format, the negotiation and the data plane alike. */
#ifndef POSTERN_BASE_SELECTOR_H
#define POSTERN_BASE_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Text of one selector: a range, a protocol and ports. */
#define SELECTOR_TEXT_MAX (2 * ADDR_TEXT_MAX + 32)

/* protocol 0 means any. Ports run from port_first to port_last; 0..65535 means any, and 65535..0
 * means OPAQUE (RFC 7296 3.13.1). For ICMP they hold type*256+code. */
struct selector {
	struct addr_range addrs;
	uint8_t protocol;
	uint16_t port_first;
	uint16_t port_last;
};

/* A packet's five numbers as a selector sees them; ports are 0 where the packet has none, and
 * has_ports tells (a later fragment, or a protocol without ports, has none). */
struct flow_key {
	struct addr src;
	struct addr dst;
	uint8_t protocol;
	bool has_ports;
	uint16_t src_port; /* for ICMP: type*256+code in both */
	uint16_t dst_port;
};

struct selector selector_any(uint8_t family);
struct selector selector_of_range(const struct addr_range *r);
bool selector_equal(const struct selector *a, const struct selector *b);
bool selector_is_opaque(const struct selector *s);
/* The common part (RFC 7296 2.9 narrowing of one pair); false when there is none. Any port takes in
 * OPAQUE (RFC 4301 4.4.1.1), a port number does not. */
bool selector_meet(struct selector *out, const struct selector *a, const struct selector *b);
/* Everything in `inner` is in `outer`. */
bool selector_covers(const struct selector *outer, const struct selector *inner);
/* The address, protocol and port of one side of a packet fall in s. */
bool selector_has(const struct selector *s, const struct addr *a, uint8_t protocol, bool has_port,
		  uint16_t port);

/* "10.1.0.0/24", "10.1.0.0/24[tcp/443]", "10.1.0.0/24[udp]", "10.1.0.7[tcp/1000-1999]",
 * "2001:db8::/64[icmp6/128]", "0.0.0.0/0[17/opaque]". For ICMP a bare type means all its codes;
 * "3.4" is a type and a code. A single address is written as its prefix, "10.1.0.7/32". */
enum err selector_parse(struct selector *s, const char *text);
const char *selector_format(const struct selector *s, char buf[SELECTOR_TEXT_MAX]);

#endif
