/* The one interface for data planes: what the IKE engine and the daemon ask of whatever carries the
 * packets. plane/client.c implements it for the plane process, tests do in memory. No call blocks
 * or fails for good: what goes wrong later comes back as an event. */
#ifndef POSTERN_ESP_DATAPLANE_H
#define POSTERN_ESP_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/selector.h"
#include "crypto/algorithm.h"
#include "crypto/protect.h"
#include "esp/eesp.h"

#define CHILD_SELECTORS_MAX 16 /* a side, after narrowing */

/* One protected traffic class of the configuration (an SPD entry, RFC 4301 4.4.1): what its
 * selectors match goes through a Child SA or nowhere. Identified by a number that the owner
 * chooses. */
struct dataplane_policy {
	uint32_t id;
	enum esp_mode mode;
	bool acquire;                 /* tell when a packet finds no SA (start = on-traffic) */
	const struct selector *local; /* borrowed for the call */
	size_t n_local;
	const struct selector *remote;
	size_t n_remote;
};

/* How tunnel headers are made and read (RFC 4301 5.1.2, RFC 6040). */
enum esp_df { ESP_DF_COPY, ESP_DF_SET, ESP_DF_CLEAR };

/* A pair of SAs, as negotiated. Keys are borrowed for the call and erased by the caller after it;
 * the plane erases its own copies when the pair goes. */
struct dataplane_child {
	uint32_t handle; /* chosen by the owner; small and dense: it indexes counters */
	uint32_t policy;
	uint32_t spi_in; /* ours: found in packets that arrive */
	uint32_t spi_out;
	enum esp_mode mode;
	struct path outer;
	bool udp_encap;   /* RFC 3948; else IP protocol 50, or EESP's */
	bool follow_peer; /* the peer is behind NAT: move with its authentic packets (RFC 7296 2.23)
			   */
	bool eesp;        /* EESP by these terms, else ESP; with an SSKDF the keys are root keys */
	struct eesp_terms eesp_in, eesp_out;
	struct protect_suite suite;
	bool esn; /* 64-bit sequence numbers, half of them sent (RFC 4303 2.2.1) */
	struct protect_keys in;
	struct protect_keys out;
	uint32_t replay_window; /* packets; 0: no check */
	enum esp_df df;
	bool copy_dscp;
	bool ecn;                     /* RFC 6040 normal mode, else compatibility mode */
	const struct selector *local; /* narrowed; borrowed for the call */
	size_t n_local;
	const struct selector *remote;
	size_t n_remote;
	/* 0: none. At the soft limit an event asks for a rekey, at the hard limit the SA stops. */
	uint64_t soft_packets, hard_packets;
	uint64_t soft_octets, hard_octets;
	/* Use the outbound half at once; else dataplane_ops.activate() says when (RFC 7296 2.8: the
	 * responder of a rekey keeps sending on the old SA until the peer shows that it has the
	 * new). */
	bool activate;
};

/* Counters of one pair, both directions; times are of the owner's monotonic clock, microseconds. */
struct dataplane_usage {
	uint64_t in_packets, in_octets; /* authentic inner packets */
	uint64_t out_packets, out_octets;
	uint64_t last_in; /* of the last authentic packet; 0: none yet */
	uint64_t last_out;
	uint64_t in_replays, in_too_old, in_bad_icv, in_bad_selector, in_malformed, out_errors;
};

struct dataplane_ops {
	/* Replaces a policy of the same id. */
	enum err (*policy_set)(void *ctx, const struct dataplane_policy *policy);
	void (*policy_remove)(void *ctx, uint32_t id);
	/* The pair receives from now on, also when it does not send yet. */
	enum err (*child_install)(void *ctx, const struct dataplane_child *child);
	/* From now on the policy's traffic leaves by this pair. */
	void (*child_activate)(void *ctx, uint32_t handle);
	/* New outer addresses, counters and windows kept (RFC 4555 3.5, RFC 7296 2.23). */
	void (*child_move)(void *ctx, uint32_t handle, const struct path *outer, bool udp_encap);
	void (*child_remove)(void *ctx, uint32_t handle);
	/* False when there is no such pair. */
	bool (*child_usage)(void *ctx, uint32_t handle, struct dataplane_usage *usage);
};

/* What a data plane tells, in its own time. */
enum dataplane_event_type {
	DATAPLANE_ACQUIRE, /* policy, flow: a packet wants an SA; repeated at most once a second */
	DATAPLANE_SOFT_LIMIT, /* handle: rekey now */
	DATAPLANE_HARD_LIMIT, /* handle: stopped; it carries nothing more */
	DATAPLANE_FIRST_IN,   /* handle: first authentic packet of a pair not yet activated */
	DATAPLANE_PEER_MOVED, /* handle, remote: authentic newest packet from a new address */
	DATAPLANE_FAILED,     /* handle: could not be installed; reason says why */
};

struct dataplane_event {
	enum dataplane_event_type type;
	uint32_t policy;
	uint32_t handle;
	struct flow_key flow;
	struct endpoint remote;
	const char *reason; /* borrowed for the call */
};

#endif
