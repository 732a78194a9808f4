/* RFC 9329: IKE and ESP in TCP. Which transport an attempt uses, streams and the IKE SAs on them,
 * reconnecting, and when a responder moves to a new connection. A stream is a number here
 * (esp/streams.h); whoever owns the sockets opens and closes it. */
#ifndef POSTERN_IKE_EXT_TCP_H
#define POSTERN_IKE_EXT_TCP_H

#include "ike/sa.h"

struct ike_task;

/* How a handshake of ours is begun. */
enum ike_attempt {
	ATTEMPT_UDP,
	ATTEMPT_TCP,          /* RFC 9329: everything in TCP */
	ATTEMPT_SEPARATE_UDP, /* ext/separate_transports.h, begun over UDP 4500 */
	ATTEMPT_SEPARATE_TCP, /* the same, begun over TCP */
};

/* IKE SAs in one stream, whoever put them there. */
#define TCP_SHARED_MAX 16

/* A stream that IKE SAs use. Freed with the last of them. */
struct ike_stream {
	struct table_node node;
	uint32_t number;
	bool open; /* false: we are connecting */
	struct list sas;
};

struct bytes tcp_key_of_stream(const struct table_node *node);

/* sa->path has changed: sa joins the stream that it names, and leaves the one of before. */
void tcp_attach(struct ike *ike, struct ike_sa *sa);
/* sa ends. What it has sent goes out before its stream closes. */
void tcp_detach(struct ike *ike, struct ike_sa *sa);
/* The successor of a rekeyed IKE SA. */
void tcp_inherit(struct ike_sa *sa, const struct ike_sa *old);

/* The next attempt of a connection, and the path of it; local.addr is known. */
enum ike_attempt tcp_attempt(struct ike_conn *conn);
struct path tcp_attempt_path(const struct ike_connection *c, enum ike_attempt how,
			     const struct addr *local);
/* Starts the handshake of a new IKE SA of ours, whose attempt and path are set. */
void tcp_begin(struct ike *ike, struct ike_sa *sa);
/* Begins to open a stream for sa; ext/tcp.c goes on when it is open. */
enum err tcp_connect(struct ike *ike, struct ike_sa *sa);
/* Over TCP nothing is repeated in a connection that lives (RFC 9329 6.2). */
static inline bool tcp_repeats(const struct ike_sa *sa)
{
	return sa->path.stream == 0;
}
/* How often a request of a first handshake is tried before another transport is; 0: no limit. */
unsigned tcp_tries(const struct ike_sa *sa, const struct ike_task *t);

/* Why an attempt came to nothing. */
enum tcp_failure {
	TCP_NO_ANSWER,   /* to IKE_SA_INIT or IKE_AUTH, after repetition */
	TCP_NO_STREAM,   /* no connection */
	TCP_ESP_BLOCKED, /* IKE is up, and ESP beside TCP does not get through */
};

/* The attempt `how` failed. True: another transport is tried at once, and nothing need be told;
 * false: all have been tried. */
bool tcp_other_transport(struct ike *ike, struct ike_conn *conn, enum ike_attempt how,
			 enum tcp_failure why);

/* An authentic new message of the peer has come. */
void tcp_heard(struct ike *ike, struct ike_sa *sa, const struct path *path);
/* May a message for sa (NULL: an IKE_SA_INIT request) come by this path? Else *why says why not. */
bool tcp_path_fits(struct ike *ike, const struct ike_sa *sa, const struct path *path,
		   const char **why);
/* The stream is there, as far as we know. */
bool tcp_is_open(struct ike *ike, const struct path *path);
void tcp_tick(struct ike *ike, struct ike_sa *sa);

/* Sends the requests under way again, on a new connection. */
void tasks_send_again(struct ike *ike, struct ike_sa *sa);

#endif
