/* The messages between the ike process, the plane and the parent. One message is one SOCK_SEQPACKET
 * datagram; built and read with base/bytes.h and checked at both ends: the plane does not trust the
 * ike process (it parses the network), nor the reverse.
 *
 * A plane that crashed must not get the same keys again: its sequence numbers, and with AES-GCM its
 * IVs, would repeat. The owner rekeys or starts anew (RFC 4303 3.3.3, RFC 5116 3.2). */
#ifndef POSTERN_PLANE_CONTROL_H
#define POSTERN_PLANE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "esp/dataplane.h"
#include "esp/packet.h"
#include "esp/streams.h"

#define CONTROL_MESSAGE_MAX (66 * 1024) /* an IKE datagram of 65535 octets and its path */

enum control_type {
	/* ike -> plane; the first four also ike -> parent (without keys) */
	CONTROL_POLICY_SET = 1,
	CONTROL_POLICY_REMOVE,
	CONTROL_CHILD_INSTALL,
	CONTROL_CHILD_REMOVE,
	CONTROL_CHILD_ACTIVATE,
	CONTROL_CHILD_MOVE,
	CONTROL_STATS_ASK,
	CONTROL_NEW_OWNER,   /* first message of an ike process: see spd_orphan_all() */
	CONTROL_STREAM_OPEN, /* struct stream_ops; with a descriptor of tcp_socket() */
	CONTROL_STREAM_HOLD,
	CONTROL_STREAM_CLOSE,
	/* plane -> ike */
	CONTROL_EVENT = 64,
	CONTROL_DATAGRAM, /* an IKE message from port 4500 or a stream; also ike -> plane, for a
			     stream */
	CONTROL_STATS,
	CONTROL_STREAM_EVENT,
};

/* Counters of the whole plane. */
struct plane_stats {
	uint64_t in_packets, in_octets;   /* outer, as they came */
	uint64_t out_packets, out_octets; /* outer, as they left */
	uint64_t fates_in[PACKET_FATES];  /* dropped inbound, by reason; [PACKET_OK]: delivered */
	uint64_t fates_out[PACKET_FATES];
	uint64_t keepalives, datagrams, datagrams_dropped, send_errors, too_big_sent, acquires;
	uint32_t children, policies;
};

/* One decoded message. Selectors and keys live in `store`, spans in the message. */
struct control_message {
	enum control_type type;
	uint32_t id; /* policy or handle */
	struct dataplane_policy policy;
	struct dataplane_child child;
	uint64_t serial;
	struct path path;
	bool udp_encap;
	struct dataplane_event event;
	struct stream_event stream;
	uint32_t message_max; /* of CONTROL_STREAM_HOLD */
	struct bytes datagram;
	struct plane_stats stats;
	struct selector local[CHILD_SELECTORS_MAX], remote[CHILD_SELECTORS_MAX];
	char reason[256];
};

/* ERR_SYNTAX: cut, trailing octets, unknown type, a value out of its range. On success the suite
 * holds descriptors of this process' tables and key lengths fit it. Keys in a CHILD_INSTALL borrow
 * from the message; who owns its buffer erases it. */
enum err control_decode(struct control_message *m, struct bytes message);

/* Each writes one message; check writer_ok(). with_keys false leaves the keys out (to the parent).
 */
void control_put_policy(struct writer *w, const struct dataplane_policy *policy);
void control_put_child(struct writer *w, const struct dataplane_child *child, uint64_t serial,
		       bool with_keys);
void control_put_id(struct writer *w, enum control_type type, uint32_t id);
void control_put_move(struct writer *w, uint32_t handle, const struct path *outer, bool udp_encap);
void control_put_event(struct writer *w, const struct dataplane_event *event);
void control_put_datagram(struct writer *w, const struct path *path, struct bytes message);
void control_put_stats(struct writer *w, const struct plane_stats *stats);
void control_put_stream_open(struct writer *w, const struct path *path);
void control_put_stream_hold(struct writer *w, uint32_t stream, uint32_t message_max);
void control_put_stream_event(struct writer *w, const struct stream_event *event);

#endif
