/* What the files of the plane's loop share. Nobody else includes this. */
#ifndef POSTERN_PLANE_PLANE_IMPL_H
#define POSTERN_PLANE_PLANE_IMPL_H

#include <sys/epoll.h>

#include "esp/tunnel.h"
#include "net/tcp.h"
#include "plane/counters.h"
#include "plane/plane.h"
#include "plane/spd.h"

#define PLANE_RECEIVES  16    /* datagrams, or trains of them (UDP_GRO), a system call */
#define PLANE_RECEIVE   65536 /* octets of each */
#define PLANE_SEGMENTS  64    /* pieces of one UDP_SEGMENT send; what every kernel takes */
#define PLANE_TRAIN_MAX 65000 /* octets of it */
#define PLANE_QUEUED    256   /* events that wait for a slow ike process */
#define PLANE_EVENT_MAX 512
#define SECOND          1000000ULL

/* A socket of ours and what we know of it. */
struct plane_socket {
	struct net_socket s;
	bool df_off; /* its "don't fragment" is off at the moment */
	bool no_gso; /* the device below cannot (EIO, linux-packet-io digest B2) */
};

/* A packet with what the look-ups found. */
struct plane_item {
	struct packet p;
	struct inner inner;
	struct spd_child *child;
	struct endpoint from; /* inbound: its outer source, port 0 without UDP */
	uint32_t stream;      /* inbound: the stream that it came by, 0: none */
	bool taken;           /* already in a group */
};

struct plane_queued {
	size_t n;
	uint8_t octets[PLANE_EVENT_MAX];
};

struct plane {
	struct plane_config config;
	struct tun tun;
	struct plane_socket sockets[NET_SOCKETS_MAX];
	size_t n_sockets;
	int epoll;
	volatile int stop;
	uint64_t now; /* microseconds, read once a turn of the loop */

	struct spd spd;
	struct counters counters;
	struct esp_engine *engine;
	struct plane_stats stats;

	struct plane_item out[PACKET_VECTOR_MAX];
	uint8_t *out_buffers;                    /* owned */
	size_t out_slot;                         /* octets a buffer */
	struct packet pieces[PACKET_VECTOR_MAX]; /* of an inner packet that is fragmented */
	uint8_t *piece_buffers;                  /* of out_slot octets each; owned */
	struct plane_item in[PACKET_VECTOR_MAX];
	size_t n_in;
	uint8_t *in_buffers; /* PLANE_RECEIVES of PLANE_RECEIVE; owned */

	struct plane_impair *impair; /* impair.c: what faults need; owned, NULL: nothing */
	struct burst *burst;         /* scratch of send.c; owned */
	struct tcp *tcp;             /* owned */
	bool streams_wait;           /* a message from a stream waits for the ike process */

	struct plane_queued *queue; /* PLANE_QUEUED, a ring; owned */
	size_t queue_first, queue_n;
	bool wants_write;
	uint8_t *control_in;  /* CONTROL_MESSAGE_MAX; owned */
	uint8_t *control_out; /* the same */
	struct control_message message;
};

/* plane.c */
/* Tells the ike process; false when neither it nor the queue takes it. */
bool plane_tell(struct plane *p, const struct dataplane_event *event);
void plane_tell_datagram(struct plane *p, const struct path *path, struct bytes message);
/* The same for a stream's. False: not now. */
bool plane_tell_stream_message(struct plane *p, const struct path *path, struct bytes message);
/* One written message of at most PLANE_EVENT_MAX octets, in the queue if need be. */
bool plane_tell_octets(struct plane *p, struct bytes message);
struct plane_socket *plane_socket_for(struct plane *p, const struct spd_child *c);
/* Soft and hard limits of a pair after it was used. */
void plane_check_limits(struct plane *p, struct spd_child *c);

/* outbound.c: from the TUN device */
enum err plane_outbound(struct plane *p);
/* inbound.c: from a socket; and its error queue */
enum err plane_inbound(struct plane *p, struct plane_socket *s);
void plane_socket_errors(struct plane *p, struct plane_socket *s);
/* One ESP packet, in a buffer of ours, joins the vector; false: no SA has its SPI. */
bool plane_take_esp(struct plane *p, const uint8_t *esp, size_t n, const struct path *path,
		    uint8_t tos);
void plane_open_all(struct plane *p);

/* send.c: sealed packets of one pair, in order */
struct burst *plane_burst_new(void);
void plane_send(struct plane *p, struct spd_child *c, struct packet *const *packets, size_t n);
/* streams.c */
enum err plane_streams_new(struct plane *p);
/* True: the message was for a stream. fd came with it, or is -1. */
bool plane_streams_act(struct plane *p, const struct control_message *m, int fd);
void plane_streams_send(struct plane *p, struct spd_child *c, struct packet *const *packets,
			size_t n);
void plane_streams_follow(struct plane *p, struct spd_child *c, const struct plane_item *it);
/* path_mtu.c */
size_t plane_inner_mtu(struct plane *p, struct spd_child *c);
void plane_learn_mtu(struct plane *p, struct spd_child *c, unsigned mtu);

#endif
