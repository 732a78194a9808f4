/* Cutting an inner IPv4 packet that may be fragmented before it is sealed (RFC 791 2.3, RFC 4301
 * 8.2.1). */
#ifndef POSTERN_PLANE_FRAGMENT_H
#define POSTERN_PLANE_FRAGMENT_H

#include <stddef.h>

#include "esp/packet.h"

/* Cuts an IPv4 packet without DF in pieces of at most mtu octets, into the buffers of out, each at
 * PACKET_HEADROOM. Options are copied to every piece when they say so, else become no-operations.
 * Returns how many pieces; 0 when more than n would be needed, a buffer is too small, or mtu holds
 * no 8 octets of data. The packet must have been read by inner_read(). */
size_t fragment_ipv4(struct packet *const *out, size_t n, const uint8_t *packet, size_t len,
		     size_t mtu);

#endif
