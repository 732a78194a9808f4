/* TCP connections that carry IKE and ESP (RFC 9329): accepting, framing, queues, timeouts. Sockets
 * are non-blocking and made by somebody else, as they need root (tcp_listen(), tcp_socket()).
 * Nothing here knows an IKE SA: the owner says by tcp_hold() which streams one uses, and the others
 * are strangers, who get little memory and little time.
 *
 * System calls after tcp_new(): epoll_wait, epoll_ctl, accept4, connect, getsockname, recvfrom,
 * sendmsg, shutdown, close. */
#ifndef POSTERN_NET_TCP_H
#define POSTERN_NET_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "esp/streams.h"
#include "net/sockets.h"

#define TCP_STREAMS_MAX   4096 /* in all */
#define TCP_STRANGERS_MAX 512  /* that no IKE SA uses */
#define TCP_PER_PEER_MAX  32   /* of those, from one address */

/* Microseconds; ikev2-transports digest 3 */
#define TCP_PREFIX_TIME  5000000ULL  /* until all of the prefix is there */
#define TCP_MESSAGE_TIME 5000000ULL  /* then until the first whole message */
#define TCP_IDLE_TIME    10000000ULL /* a stranger's silence */
#define TCP_CONNECT_TIME 10000000ULL
#define TCP_LINGER_TIME  3000000ULL /* a stream of ours that was closed waits for the peer's FIN */

#define TCP_ESP_QUEUE (512U * 1024) /* octets: over it ESP packets are dropped */
#define TCP_IKE_QUEUE (8U << 20)    /* over it the peer is given up */

struct tcp_owner {
	void *ctx;
	/* An IKE message without marker, borrowed. False: not now; the stream rests until
	 * tcp_resume(), and the message comes again. */
	bool (*message)(void *ctx, const struct path *path, struct bytes message);
	/* ESP packets, as many as came together; each may be changed in place and lasts until
	 * packets_end(). False: no SA has its SPI. */
	bool (*packet)(void *ctx, const struct path *path, struct bytes packet);
	void (*packets_end)(void *ctx);
	/* STREAM_CLOSED comes for ours and for those of which a message() was taken. */
	void (*event)(void *ctx, const struct stream_event *event);
};

struct tcp_totals {
	uint64_t accepted, refused, broken, messages_in, messages_out, packets_in, packets_out,
	    packets_dropped;
	unsigned streams, strangers;
};

struct tcp;

/* Listening sockets of set (NET_TCP) are borrowed; there may be none. secret: random octets. */
enum err tcp_new(struct tcp **out, const struct net_sockets *set, const struct tcp_owner *owner,
		 const uint8_t secret[16]);
void tcp_free(struct tcp *t);
/* Readable when tcp_turn() has work. */
int tcp_fd(const struct tcp *t);
/* When it has work at the latest; UINT64_MAX: never. */
uint64_t tcp_deadline(const struct tcp *t);
void tcp_turn(struct tcp *t, uint64_t now);

/* Takes fd, of tcp_socket(), also on failure. path->stream was chosen by the caller. No event when
 * this returns an error. */
enum err tcp_open(struct tcp *t, const struct path *path, int fd, uint64_t now);
/* struct stream_ops. Unknown streams are passed over: they may have closed meanwhile. */
void tcp_hold(struct tcp *t, uint32_t stream, uint32_t message_max, uint64_t now);
void tcp_close(struct tcp *t, uint32_t stream, uint64_t now);
/* message() may take something again. */
void tcp_resume(struct tcp *t);

/* ERR_NOT_FOUND: there is no such stream, or it is not open. ERR_RANGE: too long for it. */
enum err tcp_send_ike(struct tcp *t, uint32_t stream, struct bytes message);
/* Returns how many were taken; the others did not fit the queue and are lost. */
size_t tcp_send_esp(struct tcp *t, uint32_t stream, const struct bytes *packets, size_t n);
bool tcp_path(const struct tcp *t, uint32_t stream, struct path *path);
const struct tcp_totals *tcp_totals(const struct tcp *t);

/* Root's part: a listening socket, and one to connect with, bound to local unless that is none or
 * any. They carry the mark and send at once (no Nagle). The errno tells when it is -1. */
int tcp_listen(const struct endpoint *local, uint32_t mark);
int tcp_socket(const struct addr *local, uint8_t family, uint32_t mark);

#endif
