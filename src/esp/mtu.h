/* Packets that are too big for the tunnel: what fits, telling the inner sender, and keeping TCP
 * from making them (RFC 4301 8.2, RFC 1191, RFC 8201). */
#ifndef POSTERN_ESP_MTU_H
#define POSTERN_ESP_MTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "esp/packet.h"
#include "esp/sa.h"
#include "esp/tunnel.h"

#define MTU_IPV4_MIN 68   /* RFC 791 3.2 */
#define MTU_IPV6_MIN 1280 /* RFC 8200 5 */
/* Room for the largest answer: IPv4 576 octets in all (RFC 1812 4.3.2.3), IPv6 1280. */
#define MTU_ANSWER_MAX 1280

/* The largest inner packet that fits a path of path_mtu octets, below an outer header of family
 * 4 or 6, with UDP when udp is set; 0 when nothing fits. */
size_t mtu_inner(const struct esp_sa *sa, size_t path_mtu, uint8_t family, bool udp);

/* What to do with an inner packet against the tunnel's MTU. */
enum mtu_verdict {
	MTU_FITS,
	MTU_ANSWER,   /* drop it and send the packet-too-big answer */
	MTU_FRAGMENT, /* IPv4 without DF: fragment before sealing (RFC 4301 8.2.1) */
	MTU_SEND, /* IPv6 of at most 1280 octets: send, and let the outer packet be fragmented */
};
enum mtu_verdict mtu_judge(const struct inner *in, size_t inner_mtu);

/* Builds the answer to the sender of an inner packet that is too big: ICMPv4 type 3 code 4 or
 * ICMPv6 type 2, from `from` (an address of ours on the protected side; of the packet's family),
 * with as much of the packet as may be. Never about an ICMP error, a later fragment, or to or from
 * an address that is not one host's (RFC 1122 3.2.2, RFC 4443 2.4). An IPv6 answer never says less
 * than 1280. out holds MTU_ANSWER_MAX octets; returns the answer's length, 0 when none may be sent.
 * Limiting the rate is the caller's business. */
size_t mtu_answer(uint8_t *out, const uint8_t *packet, size_t len, const struct inner *in,
		  const struct addr *from, size_t inner_mtu);

/* Lowers the MSS option of a TCP SYN or SYN-ACK to what inner_mtu carries, and mends the checksum
 * (RFC 6691: MTU less fixed headers). True when the packet changed. A SYN without the option, or
 * with options that do not parse, is left alone. The checksum must be a finished one, not the
 * partial one of a TUN device with checksum offload. */
bool mtu_clamp_mss(uint8_t *packet, size_t len, const struct inner *in, size_t inner_mtu);

#endif
