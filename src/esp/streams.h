/* TCP connections that carry IKE and ESP (RFC 9329), as the IKE engine sees them: numbers. Whoever
 * owns the sockets (plane/) implements struct stream_ops and tells what becomes of each; tests do
 * in memory. Messages come and go with the number in struct path.
 *
 * A stream that we open gets its number from the engine (STREAM_OURS is set), one that the peer
 * opens from the owner of the sockets. STREAM_LONG says how its frames are counted. */
#ifndef POSTERN_ESP_STREAMS_H
#define POSTERN_ESP_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"

/* Octets of one message with its marker: what a stranger may send, and what the peer of an IKE SA
 * may. An SK payload holds at most 65535 octets, so no IKE message is longer than the latter. */
#define STREAM_MESSAGE_STRANGER 4100U
#define STREAM_MESSAGE_KNOWN    (65535U + 64U)

struct stream_ops {
	/* Begins to open path->stream from path->local.addr to path->remote. The outcome is an
	 * event; an error here means that there will be none. */
	enum err (*open)(void *ctx, const struct path *path);
	/* An IKE SA uses it: it may rest, and messages of so many octets are taken. 0: no IKE SA
	 * does any more; a stream of the peer's closes after a while. */
	void (*hold)(void *ctx, uint32_t stream, uint32_t message_max);
	/* When all that is under way has been sent. There is no event. */
	void (*close)(void *ctx, uint32_t stream);
};

enum stream_event_type {
	STREAM_OPENED, /* one of ours; path has our port */
	STREAM_FAILED, /* one of ours could not be opened */
	STREAM_CLOSED, /* by the peer, by an error or for what the peer sent */
};

struct stream_event {
	enum stream_event_type type;
	struct path path;
	const char *reason; /* a sentence for people; borrowed for the call; may be NULL */
};

#endif
