/* The databases of the packet path (RFC 4301 4.4): policies and the pairs of SAs that serve them.
 * Outbound: flow -> policy -> pair, through a bounded cache of flows that a generation number
 * invalidates. Inbound: SPI -> pair, then the selectors. One thread's business; no clock, no I/O.
 */
#ifndef POSTERN_PLANE_SPD_H
#define POSTERN_PLANE_SPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/selector.h"
#include "base/table.h"
#include "esp/dataplane.h"
#include "esp/packet.h"
#include "esp/sa.h"

#define SPD_CACHE_SLOTS 8192
#define SPD_NO_HANDLE   UINT32_MAX /* of a pair whose owner is gone */

struct spd_policy {
	struct table_node by_id;
	struct list in_all;
	struct list entries, in_others; /* of the index */
	uint32_t id;
	enum esp_mode mode;
	bool acquire;
	bool stale;                      /* its owner is gone and has not set it again */
	uint64_t acquired_at;            /* when the last acquire event was sent; 0: never */
	uint64_t version;                /* changes with its active pairs; never the same twice */
	struct list active;              /* struct spd_child, the one that sends first */
	struct selector *local, *remote; /* owned */
	size_t n_local, n_remote;
};

struct spd_child {
	struct table_node by_spi;
	struct table_node by_handle;
	struct list in_active; /* of its policy, once activated */
	struct list in_all;
	struct list in_retired; /* receives until retire_at */
	uint64_t retire_at;
	uint32_t handle, policy;
	uint32_t spi_in, spi_out; /* host byte order */
	uint64_t serial;
	enum esp_mode mode;
	struct path outer;
	bool udp_encap, follow_peer, copy_dscp, ecn, active;
	bool eesp; /* else ESP */
	bool told_soft, told_hard, told_first;
	enum esp_df df;
	struct esp_sa *in, *out;         /* owned */
	struct selector *local, *remote; /* owned */
	size_t n_local, n_remote;
	uint64_t soft_packets, hard_packets, soft_octets, hard_octets;
	unsigned path_mtu;             /* of the outer path, whole IP packets; 0: not learnt */
	uint64_t path_mtu_at;          /* when it was learnt */
	uint64_t too_big_at;           /* when we last told an inner sender */
	struct dataplane_usage *usage; /* in the shared counters, or usage_own */
	struct dataplane_usage usage_own;
};

/* plane/spd_index.h */
struct spd_index {
	struct table prefixes;
	struct list others;       /* policies with a selector of too many prefixes */
	uint32_t lengths[2][129]; /* prefixes of each length, IPv4 and IPv6 */
};

struct spd_cache_slot {
	struct flow_key flow;
	uint64_t generation; /* of the policies, when it was filled */
	uint64_t version;    /* of the policy's pairs: a rekey of one does not forget all flows */
	struct spd_policy *policy;
	struct spd_child *child;
};

struct spd {
	struct table policies; /* by id */
	struct list all_policies;
	struct spd_index index; /* the lower id wins where policies overlap */
	struct table children_by_spi;
	struct table children_by_handle;
	struct list children;
	struct list retired;          /* the one whose time is up first is first */
	struct spd_cache_slot *cache; /* SPD_CACHE_SLOTS; owned */
	uint64_t generation;          /* changes with the policies */
	uint64_t versions;            /* the last one given out */
	uint8_t secret[16];
};

/* secret: random octets of the owner. */
enum err spd_init(struct spd *s, const uint8_t secret[16]);
/* Frees all policies and pairs, and erases keys. */
void spd_clear(struct spd *s);

/* Replaces one of the same id; its pairs stay. */
enum err spd_policy_set(struct spd *s, const struct dataplane_policy *policy);
void spd_policy_remove(struct spd *s, uint32_t id);
struct spd_policy *spd_policy_find(const struct spd *s, uint32_t id);

/* Makes both SAs and takes the pair up for receiving; activates it when child->activate.
 * ERR_NOT_FOUND: no such policy; ERR_EXISTS: handle or spi_in is in use; ERR_RANGE: a selector list
 * or a field out of bounds; errors of esp_sa_new_*(). */
enum err spd_child_add(struct spd *s, const struct dataplane_child *child, struct spd_child **out);
void spd_child_activate(struct spd *s, struct spd_child *c);
void spd_child_remove(struct spd *s, struct spd_child *c);
/* Its owner is done with it. Where another pair of its policy is active, that is a rekey, and what
 * the peer had sent by it may be under way still, or wait in a socket of ours: it receives until
 * `until`, without handle (RFC 7296 2.8: traffic is not to be lost). Else it goes at once, and with
 * it those of the policy that wait so. `until` never comes before that of an earlier call. */
void spd_child_retire(struct spd *s, struct spd_child *c, uint64_t until);
/* Removes those whose time has come. Gives when the next one's comes, UINT64_MAX: there is none. */
uint64_t spd_retired_lapse(struct spd *s, uint64_t now);
struct spd_child *spd_child_by_handle(const struct spd *s, uint32_t handle);
struct spd_child *spd_child_by_spi(const struct spd *s, uint32_t spi_in);

/* A new owner speaks: pairs of the old one keep carrying traffic, without handle, until a pair of
 * the same policy is activated. */
void spd_orphan_all(struct spd *s);

/* Which pair protects an outbound packet. PACKET_OK: *child is set. PACKET_NO_SA: *policy is set
 * and has no active pair for this flow. PACKET_NO_POLICY: nothing matches; discard (RFC 4301 5.1).
 */
enum packet_fate spd_outbound(struct spd *s, const struct flow_key *flow,
			      struct spd_policy **policy, struct spd_child **child);
/* The inner packet belongs on the pair it came by (RFC 4301 5.2 step 4). */
bool spd_inbound_allowed(const struct spd_child *c, const struct flow_key *flow);

#endif
