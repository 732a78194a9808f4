/* A message as it goes out: one datagram, or the fragments of one (RFC 7383). Kept as it was sent,
 * for a retransmission is the very same octets (RFC 7296 2.1). */
#ifndef POSTERN_IKE_FLIGHT_H
#define POSTERN_IKE_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"

struct ike;

/* All zero: nothing. Owns its blocks. */
struct ike_flight {
	uint8_t *octets; /* the datagrams, one after the other */
	size_t len;
	size_t piece; /* octets of each but the last, which may be shorter */
	/* Of a fragmented message: its inner payloads, to cut it smaller for a narrower path. They
	 * lie in a block that may hold more. */
	uint8_t *block;
	size_t block_len;
	struct bytes inner;
	uint8_t first; /* type of the first inner payload */
};

/* One datagram, copied. Replaces what f held. */
enum err flight_set(struct ike_flight *f, struct bytes datagram);
void flight_clear(struct ike_flight *f);
size_t flight_count(const struct ike_flight *f);
struct bytes flight_datagram(const struct ike_flight *f, size_t i);
void flight_send(struct ike *ike, const struct path *path, const struct ike_flight *f);

#endif
