/* The ike process' end of the plane: struct dataplane_ops over a socketpair. Calls never block:
 * what the socket does not take yet waits here, in order. */
#ifndef POSTERN_PLANE_CLIENT_H
#define POSTERN_PLANE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "esp/dataplane.h"
#include "plane/control.h"

struct plane_client;

struct plane_client_config {
	int control;     /* SOCK_SEQPACKET, non-blocking; stays the caller's */
	int counters_fd; /* read-only (plane/counters.h); may be closed after plane_client_new() */
	void *ctx;       /* for the calls below; each may be NULL */
	void (*event)(void *ctx, const struct dataplane_event *event);
	/* An IKE message that came in on port 4500, without marker. Borrowed. */
	void (*datagram)(void *ctx, const struct path *path, struct bytes message);
	void (*stats)(void *ctx, const struct plane_stats *stats);
	void (*stream)(void *ctx, const struct stream_event *event);
	/* To be carried to the root parent, which gives it to routes_message(). Borrowed; holds no
	 * keys. */
	void (*to_parent)(void *ctx, struct bytes message);
};

/* Tells the plane that a new owner speaks. */
enum err plane_client_new(struct plane_client **c, const struct plane_client_config *config);
void plane_client_free(struct plane_client *c);

/* The operations; their ctx is the client. ERR_LIMIT from child_install: a handle over the
 * counters' size. Failures in the plane come back as DATAPLANE_FAILED. */
extern const struct dataplane_ops plane_client_ops;

/* When control is readable: takes what is there, at most 64 messages a call. ERR_STATE: no more
 * now; ERR_NONE: there may be more; ERR_IO: the plane is gone. */
enum err plane_client_read(struct plane_client *c);
/* When control is writable and plane_client_wants_write(): sends what waits. ERR_IO: plane is gone.
 */
enum err plane_client_write(struct plane_client *c);
bool plane_client_wants_write(const struct plane_client *c);

/* Streams (struct stream_ops). Opening takes a descriptor of tcp_socket(), also on failure; the
 * outcome comes by stream(). */
enum err plane_client_stream_open(struct plane_client *c, const struct path *path, int fd);
void plane_client_stream_hold(struct plane_client *c, uint32_t stream, uint32_t message_max);
void plane_client_stream_close(struct plane_client *c, uint32_t stream);
/* One IKE message on path->stream. ERR_NO_MEMORY: it is lost. */
enum err plane_client_send(struct plane_client *c, const struct path *path, struct bytes message);

/* Asks for the whole plane's counters; the answer comes by stats(). */
void plane_client_ask_stats(struct plane_client *c);

#endif
