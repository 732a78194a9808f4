/* RFC 7383: protected messages that do not fit the path travel in pieces, each protected by itself.
 */
#ifndef POSTERN_IKE_EXT_FRAGMENTATION_H
#define POSTERN_IKE_EXT_FRAGMENTATION_H

#include "ike/flight.h"
#include "ike/sa.h"

/* The smallest IP datagram that we cut for, which every IPv4 path carries (RFC 7383 2.5.1). */
#define FRAGMENT_DATAGRAM_MIN 576
#define FRAGMENT_DATAGRAM_STD 1280
/* Octets of an IKE message that a frame of RFC 9329 holds. */
#define FRAGMENT_STREAM_MAX 65529

/* Pieces of one message that is on its way in. Owned by the SA (a request) or a task (a response).
 */
struct ike_reassembly {
	uint32_t message_id;
	uint16_t total;
	uint16_t have;
	uint16_t largest; /* octets of the largest datagram among them */
	uint8_t first;
	size_t octets;    /* of all pieces that are here */
	size_t datagrams; /* and of what they came in */
	uint64_t began;   /* when the first came, of however it was cut at first */
	size_t *held;     /* the engine's sum of these; borrowed */
	size_t cost;      /* the octets and what the pieces cost beside */
	size_t *counted;  /* where that counts while nobody is authenticated, or NULL */
	struct ike_header header;
	struct piece {
		uint8_t *p; /* owned; NULL: not here yet */
		size_t n;
	} pieces[];
};

void reassembly_free(struct ike_reassembly *r);

/* Octets of an IKE message that fit a datagram of the path's size (sa->datagram_max). */
size_t fragment_limit(const struct ike_sa *sa);
/* Cuts the inner payloads that f holds and protects each piece with an IV of its own. What f held
 * of datagrams before is replaced; on errors it is unchanged. */
enum err fragment_cut(struct ike *ike, struct ike_sa *sa, const struct ike_header *h, size_t limit,
		      struct ike_flight *f);
/* Cuts a message that was sent in pieces anew for a smaller limit; nothing when it would not get
 * smaller (RFC 7383 2.5.2: Total Fragments must grow). */
void fragment_again(struct ike *ike, struct ike_sa *sa, struct ike_flight *f, size_t limit);

/* Takes in one fragment. NULL: not complete yet, or dropped with *reason. Else the whole message,
 * as if it had come in one. */
struct ike_inbound *fragment_input(struct ike *ike, struct ike_sa *sa, struct ike_reassembly **r,
				   const struct path *path, const struct ike_header *h,
				   struct bytes datagram, const char **reason);
/* A fragment of a request that has been answered: true when the answer is to be sent again, which
 * only fragment 1 brings about (RFC 7383 2.6.1). */
bool fragment_asks_again(struct ike *ike, struct ike_sa *sa, const struct ike_header *h,
			 struct bytes datagram);

/* The peer wrote this fragment, whatever it belongs to. */
bool fragment_is_authentic(struct ike *ike, struct ike_sa *sa, const struct ike_header *h,
			   struct bytes datagram);

#endif
