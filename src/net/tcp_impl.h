/* What the files of net/tcp.h share. Nobody else includes this. */
#ifndef POSTERN_NET_TCP_IMPL_H
#define POSTERN_NET_TCP_IMPL_H

#include "base/deadline.h"
#include "base/list.h"
#include "base/table.h"
#include "net/stream.h"
#include "net/tcp.h"

enum tcp_state {
	TCP_CONNECTING,
	TCP_OPEN,
	TCP_ENDING, /* was closed by us: sends what waits, then waits for the peer's FIN */
};

/* A frame, or the rest of one, that waits to be sent. */
struct tcp_frame {
	struct list node;
	size_t n, at;
	uint8_t octets[];
};

/* Strangers of one address. */
struct tcp_peer {
	struct table_node node;
	struct addr addr;
	unsigned strangers;
};

struct tcp_stream {
	struct table_node by_number;
	struct list all;
	struct list of_strangers; /* the oldest first */
	struct deadline deadline;
	struct tcp *tcp;
	struct tcp_peer *peer; /* while it is a stranger */
	int fd;
	uint8_t state;     /* enum tcp_state */
	bool ours : 1;     /* opened by us */
	bool held : 1;     /* an IKE SA uses it */
	bool known : 1;    /* the owner has taken a message of it */
	bool paused : 1;   /* the owner takes nothing now */
	bool finished : 1; /* our FIN is out */
	bool failed : 1;   /* sending failed: to be ended in the next turn */
	uint32_t watched;  /* EPOLLIN, EPOLLOUT */
	struct path path;
	struct stream_in in;
	uint8_t *waiting; /* while paused: a message, then octets that came behind it; owned */
	size_t waiting_message, waiting_n;
	struct list queue;
	size_t queued;
};

struct tcp {
	struct tcp_owner owner;
	struct net_sockets listeners;
	int epoll;
	uint64_t now; /* of the last turn */
	struct table streams;
	struct table peers;
	struct list all;
	struct list strangers;
	struct deadlines deadlines;
	struct deadline accept_again; /* descriptors ran out: when we accept again */
	uint32_t next;
	uint8_t *buffer; /* TCP_READ; owned */
	struct tcp_totals totals;
};

#define TCP_READ 65536

struct tcp_stream *tcp_find(const struct tcp *t, uint32_t stream);
/* Asks epoll for what the stream needs now. */
void tcp_watch(struct tcp_stream *s);
/* Ends it now; tells the owner when it knows of the stream. */
void tcp_end(struct tcp_stream *s, const char *reason);

/* tcp_send.c */
/* Sends what waits. False: the connection is broken; errno tells. */
bool tcp_flush(struct tcp_stream *s);
void tcp_queue_clear(struct tcp_stream *s);
bool tcp_queue_octets(struct tcp_stream *s, struct bytes octets);

/* tcp_read.c */
void tcp_readable(struct tcp_stream *s);
/* Gives the owner what it did not take before. */
void tcp_again(struct tcp_stream *s);

#endif
