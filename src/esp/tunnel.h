/* What is between the inner packet and ESP in tunnel mode: reading inner headers, deciding the
 * outer header's fields and taking them in again (RFC 4301 5.1.2, RFC 6040). The TTL or hop limit
 * of the inner packet is decremented by forwarding, that is by the kernel's route into and out of
 * the TUN device, and never here; locally generated packets are not decremented at all. */
#ifndef POSTERN_ESP_TUNNEL_H
#define POSTERN_ESP_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp/dataplane.h"
#include "esp/inner.h"
#include "esp/packet.h"

#define INNER_IPV4 4 /* Next Header values (RFC 4303 2.6) */
#define INNER_IPV6 41
#define INNER_NONE 59

#define ECN_NOT_ECT 0
#define ECN_ECT1    1
#define ECN_ECT0    2
#define ECN_CE      3

/* The ECN bits of the outer header at ingress (RFC 6040 4.1): those of the inner one in normal
 * mode, Not-ECT in compatibility mode. */
uint8_t ecn_ingress(bool normal, uint8_t inner);
/* The inner header's new ECN bits at egress (RFC 6040 4.2), or -1: drop. *alarm (may be NULL) is
 * set for the combinations that the RFC wants logged. */
int ecn_egress(uint8_t inner, uint8_t outer, bool *alarm);

struct tunnel_params {
	enum esp_df df;
	bool copy_dscp; /* else dscp */
	uint8_t dscp;   /* 0..63 */
	bool ecn;       /* RFC 6040 normal mode, else compatibility mode */
};

/* Before sealing: sets next_header, outer_tos and outer_df from the inner packet, and cuts octets
 * after its end. The outer addresses, ports and TTL are the socket's. in may be NULL when the
 * caller has not read the packet before. Returns the packet's fate, and sets it. */
enum packet_fate tunnel_encapsulate(const struct tunnel_params *t, struct packet *p,
				    const struct inner *in);
/* After opening: the payload must be what next_header says, TFC padding is cut, ECN of outer_tos is
 * taken into the inner header (its checksum follows), *in is filled for the selector check. Next
 * Header 59 gives PACKET_DUMMY. Returns the packet's fate, and sets it. */
enum packet_fate tunnel_decapsulate(struct packet *p, struct inner *in);

/* For planes that make the whole outer header themselves: puts an IPv4 (20 octets, identification 0
 * as DF or nothing ever reassembles by it, RFC 6864) or IPv6 header (40, flow label as given)
 * before data. False when the room lacks, the families differ or the packet would pass 65535
 * octets. With outer_df unset an IPv4 packet gets `id`, which must then be unique for its lifetime.
 */
struct outer_header {
	struct addr src;
	struct addr dst;
	uint8_t protocol; /* 50 or 17 */
	uint8_t ttl;
	uint16_t id;
	uint32_t flow_label;
};
bool tunnel_push_header(struct packet *p, const struct outer_header *h);

#endif
