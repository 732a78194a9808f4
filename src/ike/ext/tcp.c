#include "ike/ext/tcp.h"

#include "base/mem.h"
#include "ike/child.h"
#include "ike/ext/ext.h"
#include "ike/ext/intermediate.h"
#include "ike/ext/separate_transports.h"
#include "ike/task.h"

#define SECOND          UINT64_C(1000000)
#define REOPEN_MOST     (16 * SECOND)
#define HANDSHAKE_OPENS 3 /* how often a connection that breaks in a handshake is opened anew */
#define UDP_INIT_TRIES  3 /* RFC 9329 5.1: at least one retransmission before TCP */
#define UDP_AUTH_TRIES  4
#define IKE_UDP_PORT    500
#define NATT_PORT       4500

/* ---- Streams --------------------------------------------------------------------------------- */

struct bytes tcp_key_of_stream(const struct table_node *node)
{
	const struct ike_stream *s = CONTAINER_OF(node, const struct ike_stream, node);

	return bytes_of(&s->number, sizeof(s->number));
}

static struct ike_stream *stream_find(struct ike *ike, uint32_t number)
{
	struct table_node *node = table_find(&ike->streams, bytes_of(&number, sizeof(number)));

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_stream, node);
}

static struct ike_stream *stream_new(struct ike *ike, uint32_t number, bool open)
{
	struct ike_stream *s = mem_new(sizeof(*s));

	if (s == NULL)
		return NULL;
	s->number = number;
	s->open = open;
	list_init(&s->sas);
	table_add(&ike->streams, &s->node);
	return s;
}

static void stream_forget(struct ike *ike, struct ike_stream *s)
{
	table_remove(&ike->streams, &s->node);
	mem_free(s);
}

void tcp_detach(struct ike *ike, struct ike_sa *sa)
{
	struct ike_stream *s = sa->stream;
	const struct stream_ops *ops = ike->cb.streams;

	if (s == NULL)
		return;
	sa->stream = NULL;
	list_remove(&sa->of_stream);
	if (!list_empty(&s->sas))
		return;
	/* RFC 9329 6.1: the originator SHOULD close it; the responder MAY, after a while. */
	if (ops != NULL && (s->number & STREAM_OURS) != 0)
		ops->close(ike->cb.streams_ctx, s->number);
	else if (ops != NULL)
		ops->hold(ike->cb.streams_ctx, s->number, 0);
	stream_forget(ike, s);
}

void tcp_attach(struct ike *ike, struct ike_sa *sa)
{
	const uint32_t number = sa->path.stream;
	struct ike_stream *s;

	if (sa->stream != NULL && sa->stream->number == number)
		return;
	tcp_detach(ike, sa);
	if (number == 0)
		return;
	s = stream_find(ike, number);
	if (s == NULL) {
		/* Ours are opened by tcp_connect() alone. */
		s = stream_new(ike, number, (number & STREAM_OURS) == 0);
		if (s == NULL)
			return; /* it is held by nobody then, and closes soon */
		if (ike->cb.streams != NULL && s->open)
			ike->cb.streams->hold(ike->cb.streams_ctx, number, STREAM_MESSAGE_KNOWN);
	}
	sa->stream = s;
	list_append(&s->sas, &sa->of_stream);
}

void tcp_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	/* RFC 9329 1.2: whoever opened the first connection is the originator for ever. */
	sa->tcp_originator = old->tcp_originator;
	sa->long_length = old->long_length;
	sa->attempt = old->attempt;
	separate_inherit(sa, old);
}

bool tcp_is_open(struct ike *ike, const struct path *path)
{
	const struct ike_stream *s = path->stream == 0 ? NULL : stream_find(ike, path->stream);

	if (path->stream == 0)
		return true;
	return s != NULL ? s->open : (path->stream & STREAM_OURS) == 0;
}

static struct ike_sa *first_on(const struct ike_stream *s)
{
	return CONTAINER_OF(s->sas.next, struct ike_sa, of_stream);
}

/* How many IKE SAs that came up are on it. */
static unsigned count_on(const struct ike_stream *s, bool *long_length)
{
	unsigned n = 0;

	*long_length = false;
	for (const struct list *node = s->sas.next; node != &s->sas; node = node->next) {
		const struct ike_sa *sa = CONTAINER_OF(node, const struct ike_sa, of_stream);
		n += sa->state != SA_HALF_OPEN && sa->state != SA_FAILED;
		*long_length |= sa->long_length;
	}
	return n;
}

/* sa may use this stream of ours: it leads to where sa wants to go, all on it have agreed to share
 * one, and its frames are of a kind that the peer has said it takes. */
static bool may_share(const struct ike_sa *sa, const struct ike_stream *s)
{
	const struct ike_sa *other = list_empty(&s->sas) ? NULL : first_on(s);
	bool long_length;

	return other != NULL && (s->number & STREAM_OURS) != 0 && sa->config->tcp_share &&
	       other->config->tcp_share &&
	       addr_equal(&other->path.local.addr, &sa->path.local.addr) &&
	       addr_equal(&other->path.remote.addr, &sa->path.remote.addr) &&
	       other->path.remote.port == sa->path.remote.port &&
	       count_on(s, &long_length) < TCP_SHARED_MAX &&
	       ((s->number & STREAM_LONG) == 0 || sa->long_length || long_length);
}

/* The stream of another IKE SA that sa may use, too. */
static struct ike_stream *shared_find(struct ike *ike, const struct ike_sa *sa)
{
	if (!sa->config->tcp_share)
		return NULL;
	LIST_EACH (&ike->sa_list, node) {
		const struct ike_sa *other = CONTAINER_OF(node, const struct ike_sa, all);
		if (other != sa && other->stream != NULL && may_share(sa, other->stream))
			return other->stream;
	}
	return NULL;
}

/* sa goes on in a stream that is there: in a moment, or when it has been opened. */
static void join(struct ike *ike, struct ike_sa *sa, struct ike_stream *s)
{
	sa->path = first_on(s)->path;
	sa->path.natt = false;
	tcp_attach(ike, sa);
	sa->stream_awaited = true;
	if (!s->open)
		return;
	sa->reopen_at = ike->now + 1;
	sa_schedule(ike, sa);
}

enum err tcp_connect(struct ike *ike, struct ike_sa *sa)
{
	const struct stream_ops *ops = ike->cb.streams;
	const uint16_t port = sa->config->remote_tcp_port;
	struct ike_stream *shared;
	uint32_t number;

	if (ops == NULL)
		return ERR_UNSUPPORTED;
	sa->tcp_originator = true;
	sa->path.natt = false;
	sa->path.remote.port = port != 0 ? port : NATT_PORT;
	shared = shared_find(ike, sa);
	if (shared != NULL) {
		join(ike, sa, shared);
		return ERR_NONE;
	}
	do
		number = (++ike->next_stream & ~STREAM_LONG) | STREAM_OURS |
			 (sa->long_length ? STREAM_LONG : 0);
	while (stream_find(ike, number) != NULL);
	sa->path.local.port = 0;
	sa->path.stream = number;
	tcp_attach(ike, sa);
	if (sa->stream == NULL)
		return ERR_NO_MEMORY;
	sa->stream_awaited = true;
	enum err e = ops->open(ike->cb.streams_ctx, &sa->path);
	if (e)
		tcp_detach(ike, sa);
	return e;
}

/* ---- Which transport ------------------------------------------------------------------------- */

static enum ike_attempt attempt_first(const struct ike_connection *c)
{
	switch (c->transport) {
	case IKE_TRANSPORT_TCP:
		return ATTEMPT_TCP;
	case IKE_TRANSPORT_SEPARATE:
		return separate_first(c);
	case IKE_TRANSPORT_UDP:
	case IKE_TRANSPORT_AUTO:
		break;
	}
	return ATTEMPT_UDP; /* RFC 9329 5.1: UDP is to be preferred */
}

enum ike_attempt tcp_attempt(struct ike_conn *conn)
{
	if (!conn->attempt_chosen)
		conn->attempt = attempt_first(conn->config);
	conn->attempt_chosen = true;
	return (enum ike_attempt)conn->attempt;
}

struct path tcp_attempt_path(const struct ike_connection *c, enum ike_attempt how,
			     const struct addr *local)
{
	struct path p = {.local = {*local, IKE_UDP_PORT}, .remote = {c->remote, c->remote_port}};

	/* Digest 4.2: port 4500 from the first message, so that a NAT knows us there. */
	if (how == ATTEMPT_SEPARATE_UDP) {
		p.natt = true;
		p.local.port = NATT_PORT;
		if (p.remote.port == IKE_UDP_PORT)
			p.remote.port = NATT_PORT;
	}
	return p;
}

unsigned tcp_tries(const struct ike_sa *sa, const struct ike_task *t)
{
	if (!sa->initiator || sa->path.stream != 0 || sa->config == NULL || sa->conn == NULL ||
	    (sa->config->transport != IKE_TRANSPORT_AUTO &&
	     sa->config->transport != IKE_TRANSPORT_SEPARATE))
		return 0;
	if (t->kind == TASK_INIT)
		return UDP_INIT_TRIES;
	return t->kind == TASK_AUTH || t->kind == TASK_INTERMEDIATE ? UDP_AUTH_TRIES : 0;
}

bool tcp_other_transport(struct ike *ike, struct ike_conn *conn, enum ike_attempt how,
			 enum tcp_failure why)
{
	const enum ike_transport t = conn->config->transport;
	enum ike_attempt next = how;

	if ((t == IKE_TRANSPORT_AUTO || t == IKE_TRANSPORT_SEPARATE) && why == TCP_NO_ANSWER &&
	    (how == ATTEMPT_UDP || how == ATTEMPT_SEPARATE_UDP))
		next = ATTEMPT_TCP;
	else if (t == IKE_TRANSPORT_SEPARATE)
		next = separate_next(how, why);
	if (next == how || conn->wanted == 0) {
		conn->attempt_chosen = false; /* from the start, when it is tried again */
		return false;
	}
	conn->attempt = next;
	ike_log_conn(ike, LOG_NOTE, conn->config->name, NULL, "%s: trying %s",
		     why == TCP_NO_ANSWER   ? "no answer over UDP"
		     : why == TCP_NO_STREAM ? "no connection over TCP"
					    : "ESP does not get through beside TCP",
		     next == ATTEMPT_TCP ? "TCP (RFC 9329)" : "UDP");
	ike_conn_state(ike, conn, IKE_STATE_CONNECTING, "connecting, by another transport");
	return ike_timer_set(ike, &conn->timer, ike->now + 1) == ERR_NONE;
}

/* An attempt of ours ends for want of a connection. */
static void attempt_failed(struct ike *ike, struct ike_sa *sa, const char *reason)
{
	struct ike_conn *conn = sa->conn;
	const enum ike_attempt how = (enum ike_attempt)sa->attempt;
	char peer[ADDR_TEXT_MAX];

	endpoint_format(&sa->path.remote, peer);
	/* Digest 4.2 rule 4: without TCP the IKE SA MUST be cancelled. */
	sa_kill(ike, sa, "no connection over TCP");
	if (conn == NULL || tcp_other_transport(ike, conn, how, TCP_NO_STREAM))
		return;
	ike_conn_failed(ike, conn, "cannot reach %s over TCP: %s", peer,
			reason != NULL ? reason : "the connection failed");
}

void tcp_begin(struct ike *ike, struct ike_sa *sa)
{
	if (sa->attempt == ATTEMPT_UDP || sa->attempt == ATTEMPT_SEPARATE_UDP)
		init_start(ike, sa);
	else if (tcp_connect(ike, sa))
		attempt_failed(ike, sa, "this data plane cannot open connections");
}

/* ---- What becomes of a stream ---------------------------------------------------------------- */

static void children_move(struct ike *ike, struct ike_sa *sa)
{
	struct path outer;
	bool encap;

	separate_esp_path(sa, &outer, &encap);
	LIST_EACH (&sa->children, node)
		ike->cb.plane->child_move(ike->cb.plane_ctx,
					  CONTAINER_OF(node, struct child_sa, of_sa)->handle,
					  &outer, encap);
}

/* What waited for a connection goes on. */
static void opened(struct ike *ike, struct ike_sa *sa)
{
	if (sa->state == SA_INIT && sa->setup->ke == NULL) {
		init_start(ike, sa);
		return;
	}
	if (sa->wait_stream) {
		sa->wait_stream = false;
		intermediate_run(ike, sa);
		return;
	}
	/* RFC 9329 6.2: on a new connection the request MUST be sent again; and 6.1: one is sent in
	 * any case, so that the responder moves to it. */
	if (sa->state == SA_UP && !sa->separate)
		children_move(ike, sa);
	tasks_send_again(ike, sa);
	if (sa->state == SA_UP)
		task_add(ike, sa, TASK_LIVENESS, 0);
	tasks_run(ike, sa);
}

static bool in_handshake(const struct ike_sa *sa)
{
	return sa->state == SA_INIT || (sa->state == SA_AUTH && sa->initiator);
}

/* RFC 9329 6.1: the IKE SA stays; its originator opens another connection. */
static void lost(struct ike *ike, struct ike_sa *sa, const char *reason)
{
	const unsigned shift = sa->reopens > 5 ? 5 : sa->reopens;
	const uint64_t pause = SECOND << shift;

	sa->stream = NULL;
	sa->stream_awaited = false;
	list_remove(&sa->of_stream);
	if (!sa->tcp_originator)
		return; /* the peer comes back, or liveness notices that it does not */
	if (in_handshake(sa) && (sa->reopens >= HANDSHAKE_OPENS || sa->wait_stream ||
				 (sa->state == SA_INIT && sa->setup->ke == NULL))) {
		attempt_failed(ike, sa, reason);
		return;
	}
	if (!in_handshake(sa) && sa->state != SA_UP) {
		sa_kill(ike, sa, "its connection is gone");
		return;
	}
	sa_log(ike, sa, LOG_INFO, "the TCP connection is gone: %s",
	       reason != NULL ? reason : "no reason");
	/* Digest 6.1: a peer that refuses longer lengths gets the ones of RFC 9329. */
	if (sa->reopens > 0)
		sa->long_length = false;
	sa->reopen_at = sa->reopens == 0 ? ike->now + 1
					 : ike->now + (pause < REOPEN_MOST ? pause : REOPEN_MOST);
	sa->reopens++;
	sa_schedule(ike, sa);
}

/* An awaited stream is open. Each may end its IKE SA here, and the last of them the stream. */
static void all_opened(struct ike *ike, uint32_t number, const struct endpoint *local)
{
	struct ike_stream *s = stream_find(ike, number);

	while (s != NULL) {
		struct ike_sa *sa = NULL;
		LIST_EACH (&s->sas, node) {
			struct ike_sa *one = CONTAINER_OF(node, struct ike_sa, of_stream);
			if (sa == NULL && one->stream_awaited)
				sa = one;
		}
		if (sa == NULL)
			return;
		sa->stream_awaited = false;
		sa->path.local = *local;
		opened(ike, sa);
		sa_schedule(ike, sa);
		s = stream_find(ike, number);
	}
}

void ike_stream_event(struct ike *ike, const struct stream_event *event, uint64_t now)
{
	struct ike_stream *s = stream_find(ike, event->path.stream);

	ike->now = now;
	if (s == NULL)
		return;
	if (event->type == STREAM_OPENED) {
		s->open = true;
		if (ike->cb.streams != NULL)
			ike->cb.streams->hold(ike->cb.streams_ctx, s->number, STREAM_MESSAGE_KNOWN);
		all_opened(ike, s->number, &event->path.local);
	} else {
		/* Nobody is on it when it is freed, so nobody closes it. */
		struct list sas;
		list_init(&sas);
		LIST_EACH (&s->sas, node) {
			list_remove(node);
			list_append(&sas, node);
			CONTAINER_OF(node, struct ike_sa, of_stream)->stream = NULL;
		}
		stream_forget(ike, s);
		while (!list_empty(&sas))
			lost(ike, CONTAINER_OF(sas.next, struct ike_sa, of_stream), event->reason);
	}
	sa_reap(ike);
}

void tcp_tick(struct ike *ike, struct ike_sa *sa)
{
	if (sa->reopen_at == 0 || sa->reopen_at > ike->now)
		return;
	sa->reopen_at = 0;
	if (sa->stream != NULL) { /* joined; else it is awaited no more */
		if (sa->stream_awaited && sa->stream->open) {
			sa->stream_awaited = false;
			opened(ike, sa);
		}
		return;
	}
	if (tcp_connect(ike, sa)) {
		sa->reopen_at = ike->now + REOPEN_MOST;
		sa->reopens++;
	}
}

/* ---- Messages -------------------------------------------------------------------------------- */

void tcp_heard(struct ike *ike, struct ike_sa *sa, const struct path *path)
{
	if (path->stream == 0)
		return;
	sa->reopens = 0;
	if (sa->tcp_originator || path->stream == sa->path.stream || sa->state == SA_HALF_OPEN)
		return;
	/* RFC 9329 6.1: the responder sends on the connection where it last received a valid
	 * message, one that is authentic and new; a replayed one never gets here. */
	sa_log(ike, sa, LOG_INFO, "the peer uses a new TCP connection");
	sa->path = *path;
	tcp_attach(ike, sa);
	if (!sa->separate)
		children_move(ike, sa);
	tasks_send_again(ike, sa);
}

bool tcp_path_fits(struct ike *ike, const struct ike_sa *sa, const struct path *path,
		   const char **why)
{
	const struct ike_stream *s = path->stream == 0 ? NULL : stream_find(ike, path->stream);
	bool long_length = sa != NULL && sa->long_length;
	const unsigned others = sa != NULL || s == NULL ? 0 : count_on(s, &long_length);

	/* Digest 6.1 rule 5: agreed on by it, or before it by another in the same stream. */
	if ((path->stream & STREAM_LONG) != 0 && !long_length) {
		*why = "longer lengths were not agreed";
		if (s == NULL && ike->cb.streams != NULL)
			ike->cb.streams->close(ike->cb.streams_ctx, path->stream);
		return false;
	}
	/* RFC 9329 6.1 rules out that an initiator has several IKE SAs in one connection. One that
	 * does all the same is served, up to a bound. */
	if (others >= TCP_SHARED_MAX) {
		*why = "its connection has as many IKE SAs as one may have";
		return false;
	}
	/* Digest 4.2 rule 5 */
	if (sa != NULL && sa->separate && path->stream == 0) {
		*why = "its IKE SA has moved to TCP";
		return false;
	}
	return true;
}

/* ---- TCP_LONG_LENGTH_SUPPORTED (digest 6.1) -------------------------------------------------- */

static void long_write(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	/* A number of our own: only toward a peer that is configured for TCP. */
	if ((at == AT_INIT_REQUEST && sa->attempt != ATTEMPT_UDP) ||
	    (at == AT_INIT_RESPONSE && sa->long_length))
		message_notify(m, NOTIFY_TCP_LONG_LENGTH_SUPPORTED, (struct bytes){0});
}

static bool long_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_TCP_LONG_LENGTH_SUPPORTED)
		return false;
	if ((at == AT_INIT_REQUEST && sa->config->transport != IKE_TRANSPORT_UDP) ||
	    (at == AT_INIT_RESPONSE && sa->attempt != ATTEMPT_UDP))
		sa->long_length = true;
	return true;
}

const struct ike_extension ext_tcp = {
    .name = "tcp",
    .document = "RFC 9329",
    .write = long_write,
    .notify = long_notify,
};
