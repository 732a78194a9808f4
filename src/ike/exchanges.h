/* What each exchange of a handshake came to: how large and how long. Kept in the setup while it
 * lasts, at most IKE_EXCHANGES_MAX of them, and after it in a block of just the right size. */
#ifndef POSTERN_IKE_EXCHANGES_H
#define POSTERN_IKE_EXCHANGES_H

#include "ike/sa.h"

/* Of an established IKE SA; owned by it. One that a rekey made has none. */
struct ike_exchanges {
	uint32_t took; /* microseconds from the beginning of the handshake to its end */
	uint32_t n;
	struct ike_exchange of[];
};

/* A request of the handshake, ours or the peer's, of so many octets. It began at `at`, when its
 * first octets were sent or came in. Does nothing for an SA that is up. Several of IKE_SA_INIT
 * (cookies, another method) or IKE_AUTH count as one exchange: the time is from the first request
 * to the last answer. */
void exchange_request(struct ike_sa *sa, const struct path *path, uint8_t exchange, size_t octets,
		      uint64_t at);
/* An answer to the last one. */
void exchange_answer(struct ike_sa *sa, size_t octets, uint64_t at);
/* What we sent last was cut anew, into so many octets instead of so many. */
void exchange_cut_again(struct ike_sa *sa, size_t before, size_t after);
/* The handshake is over: keeps the record and logs it. Without memory there is none. */
void exchanges_keep(struct ike *ike, struct ike_sa *sa);

#endif
