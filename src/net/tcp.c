#include "net/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/datagram.h"
#include "net/tcp_impl.h"

#define EVENTS_A_TURN   64
#define ACCEPTS_A_TURN  64
#define ACCEPT_PAUSE    1000000ULL
#define LISTENER        (1ULL << 32)
#define BACKLOG         256
#define FLOW_LABEL_AUTO 70 /* IPV6_AUTOFLOWLABEL of linux/in6.h */

/* ---- Numbers, peers, watching ---------------------------------------------------------------- */

static struct bytes key_of_stream(const struct table_node *node)
{
	const struct tcp_stream *s = CONTAINER_OF(node, const struct tcp_stream, by_number);

	return bytes_of(&s->path.stream, sizeof(s->path.stream));
}

static struct bytes key_of_peer(const struct table_node *node)
{
	const struct tcp_peer *p = CONTAINER_OF(node, const struct tcp_peer, node);

	return bytes_of(&p->addr, sizeof(p->addr));
}

struct tcp_stream *tcp_find(const struct tcp *t, uint32_t stream)
{
	struct table_node *node = table_find(&t->streams, bytes_of(&stream, sizeof(stream)));

	return node == NULL ? NULL : CONTAINER_OF(node, struct tcp_stream, by_number);
}

static uint32_t number_new(struct tcp *t)
{
	uint32_t n;

	do
		n = ++t->next & ~(STREAM_OURS | STREAM_LONG);
	while (n == 0 || tcp_find(t, n) != NULL || tcp_find(t, n | STREAM_LONG) != NULL);
	return n;
}

void tcp_watch(struct tcp_stream *s)
{
	struct epoll_event e = {.data.u64 = s->path.stream};

	if (s->state == TCP_CONNECTING)
		e.events = EPOLLOUT;
	else
		e.events = (s->paused ? 0U : (uint32_t)EPOLLIN) |
			   (list_empty(&s->queue) ? 0U : (uint32_t)EPOLLOUT);
	if (e.events == s->watched)
		return;
	if (epoll_ctl(s->tcp->epoll, EPOLL_CTL_MOD, s->fd, &e) == 0)
		s->watched = e.events;
}

static void stranger_forget(struct tcp_stream *s)
{
	struct tcp_peer *p = s->peer;

	if (p == NULL)
		return;
	s->peer = NULL;
	list_remove(&s->of_strangers);
	s->tcp->totals.strangers--;
	if (--p->strangers == 0) {
		table_remove(&s->tcp->peers, &p->node);
		mem_free(p);
	}
}

static enum err stranger_note(struct tcp_stream *s)
{
	struct tcp *t = s->tcp;
	const struct addr *addr = &s->path.remote.addr;
	struct table_node *node = table_find(&t->peers, bytes_of(addr, sizeof(*addr)));
	struct tcp_peer *p = node == NULL ? NULL : CONTAINER_OF(node, struct tcp_peer, node);

	if (s->peer != NULL)
		return ERR_NONE;
	if (p == NULL) {
		p = mem_new(sizeof(*p));
		if (p == NULL)
			return ERR_NO_MEMORY;
		p->addr = *addr;
		table_add(&t->peers, &p->node);
	}
	p->strangers++;
	list_append(&t->strangers, &s->of_strangers);
	t->totals.strangers++;
	s->peer = p;
	return ERR_NONE;
}

/* ---- Life of a stream ------------------------------------------------------------------------ */

static struct tcp_stream *stream_new(struct tcp *t, const struct path *path, int fd, bool ours)
{
	struct tcp_stream *s = mem_new(sizeof(*s));
	const uint32_t events = ours ? EPOLLOUT : EPOLLIN;
	struct epoll_event e = {.events = events, .data.u64 = path->stream};

	if (s == NULL || epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		mem_free(s);
		return NULL;
	}
	s->tcp = t;
	s->fd = fd;
	s->path = *path;
	s->ours = s->known = ours;
	s->state = ours ? TCP_CONNECTING : TCP_OPEN;
	s->watched = events;
	list_init(&s->queue);
	list_init(&s->of_strangers);
	stream_in_start(&s->in, !ours, (path->stream & STREAM_LONG) != 0,
			ours ? STREAM_MESSAGE_KNOWN : STREAM_MESSAGE_STRANGER);
	list_append(&t->all, &s->all);
	table_add(&t->streams, &s->by_number);
	t->totals.streams++;
	return s;
}

static void stream_free(struct tcp_stream *s)
{
	struct tcp *t = s->tcp;

	stranger_forget(s);
	deadline_drop(&t->deadlines, &s->deadline);
	table_remove(&t->streams, &s->by_number);
	list_remove(&s->all);
	t->totals.streams--;
	tcp_queue_clear(s);
	stream_in_clear(&s->in);
	mem_free_secret(s->waiting, s->waiting_n);
	(void)close(s->fd);
	mem_free(s);
}

void tcp_end(struct tcp_stream *s, const char *reason)
{
	struct tcp *t = s->tcp;
	const bool tell = s->known && s->state != TCP_ENDING;
	struct stream_event e = {
	    .type = s->state == TCP_CONNECTING ? STREAM_FAILED : STREAM_CLOSED,
	    .path = s->path,
	    .reason = reason,
	};

	/* Gone before the owner hears of it: it may open another at once. */
	stream_free(s);
	if (tell)
		t->owner.event(t->owner.ctx, &e);
}

/* A connect() has ended, well or not: the prefix finds out. */
static void connected(struct tcp_stream *s)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	const char *prefix = stream_prefix((s->path.stream & STREAM_LONG) != 0);

	/* RFC 9329 4: the first octets of every connection that we open */
	if (!tcp_queue_octets(s, bytes_of(prefix, STREAM_PREFIX_LEN))) {
		tcp_end(s, "out of memory");
		return;
	}
	if (!tcp_flush(s)) {
		tcp_end(s, strerror(errno));
		return;
	}
	if (getsockname(s->fd, (struct sockaddr *)&ss, &len) == 0)
		s->path.local = endpoint_of_sockaddr(&ss);
	s->state = TCP_OPEN;
	deadline_drop(&s->tcp->deadlines, &s->deadline);
	tcp_watch(s);
	const struct stream_event e = {.type = STREAM_OPENED, .path = s->path};
	s->tcp->owner.event(s->tcp->owner.ctx, &e);
}

enum err tcp_open(struct tcp *t, const struct path *path, int fd, uint64_t now)
{
	struct sockaddr_storage ss;
	const socklen_t len = sockaddr_of_endpoint(&ss, &path->remote);
	enum err e = ERR_LIMIT;

	if (t->totals.streams >= TCP_STREAMS_MAX)
		goto failed;
	e = ERR_EXISTS;
	if (tcp_find(t, path->stream) != NULL)
		goto failed;
	e = ERR_IO;
	if (connect(fd, (const struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS)
		goto failed;
	struct tcp_stream *s = stream_new(t, path, fd, true);
	e = ERR_NO_MEMORY;
	if (s == NULL)
		goto failed;
	s->held = true;
	if (deadline_set(&t->deadlines, &s->deadline, now + TCP_CONNECT_TIME) == ERR_NONE)
		return ERR_NONE;
	stream_free(s);
	return ERR_NO_MEMORY;
failed:
	(void)close(fd);
	return e;
}

void tcp_hold(struct tcp *t, uint32_t stream, uint32_t message_max, uint64_t now)
{
	struct tcp_stream *s = tcp_find(t, stream);

	if (s == NULL || s->state == TCP_ENDING)
		return;
	s->in.message_max = message_max != 0 ? message_max : STREAM_MESSAGE_STRANGER;
	s->held = message_max != 0;
	if (s->state == TCP_CONNECTING)
		return;
	if (s->held) {
		stranger_forget(s);
		deadline_drop(&t->deadlines, &s->deadline);
	} else {
		(void)stranger_note(s);
		(void)deadline_set(&t->deadlines, &s->deadline, now + TCP_IDLE_TIME);
	}
}

void tcp_close(struct tcp *t, uint32_t stream, uint64_t now)
{
	struct tcp_stream *s = tcp_find(t, stream);

	if (s == NULL || s->state == TCP_ENDING)
		return;
	const bool was_open = s->state == TCP_OPEN;
	s->state = TCP_ENDING;
	s->paused = false;
	if (!was_open || !tcp_flush(s) ||
	    deadline_set(&t->deadlines, &s->deadline, now + TCP_LINGER_TIME) != ERR_NONE)
		stream_free(s);
}

void tcp_resume(struct tcp *t)
{
	LIST_EACH (&t->all, node) {
		struct tcp_stream *s = CONTAINER_OF(node, struct tcp_stream, all);
		if (s->paused)
			tcp_again(s);
	}
}

bool tcp_path(const struct tcp *t, uint32_t stream, struct path *path)
{
	const struct tcp_stream *s = tcp_find(t, stream);

	if (s == NULL || s->state != TCP_OPEN)
		return false;
	*path = s->path;
	return true;
}

const struct tcp_totals *tcp_totals(const struct tcp *t)
{
	return &t->totals;
}

/* ---- Accepting ------------------------------------------------------------------------------- */

static unsigned strangers_of(const struct tcp *t, const struct addr *addr)
{
	struct table_node *node = table_find(&t->peers, bytes_of(addr, sizeof(*addr)));

	return node == NULL ? 0 : CONTAINER_OF(node, struct tcp_peer, node)->strangers;
}

static void welcome(struct tcp *t, int fd, const struct sockaddr_storage *from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct path path = {.remote = endpoint_of_sockaddr(from)};
	struct tcp_stream *s = NULL;

	if (t->totals.streams < TCP_STREAMS_MAX &&
	    strangers_of(t, &path.remote.addr) < TCP_PER_PEER_MAX &&
	    getsockname(fd, (struct sockaddr *)&ss, &len) == 0) {
		/* Many who say nothing must not keep out one who speaks: the one that has waited
		 * longest goes. */
		if (t->totals.strangers >= TCP_STRANGERS_MAX)
			tcp_end(CONTAINER_OF(t->strangers.next, struct tcp_stream, of_strangers),
				"too many others wait");
		path.local = endpoint_of_sockaddr(&ss);
		path.stream = number_new(t);
		s = stream_new(t, &path, fd, false);
	}
	if (s == NULL) {
		t->totals.refused++;
		(void)close(fd);
		return;
	}
	if (stranger_note(s) != ERR_NONE ||
	    deadline_set(&t->deadlines, &s->deadline, t->now + TCP_PREFIX_TIME) != ERR_NONE) {
		stream_free(s);
		return;
	}
	t->totals.accepted++;
}

static void watch_listeners(struct tcp *t, bool watch)
{
	for (size_t i = 0; i < t->listeners.n; i++) {
		struct epoll_event e = {.events = watch ? EPOLLIN : 0, .data.u64 = LISTENER | i};
		(void)epoll_ctl(t->epoll, EPOLL_CTL_MOD, t->listeners.s[i].fd, &e);
	}
}

static void accept_some(struct tcp *t, int listener)
{
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof(from);
		int fd =
		    accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			welcome(t, fd, &from);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		/* Out of descriptors or memory: the listener stays readable; asking it again at
		 * once would be a busy loop. */
		if (errno != EAGAIN && errno != EWOULDBLOCK &&
		    deadline_set(&t->deadlines, &t->accept_again, t->now + ACCEPT_PAUSE) ==
			ERR_NONE)
			watch_listeners(t, false);
		return;
	}
}

/* ---- The loop -------------------------------------------------------------------------------- */

enum err tcp_new(struct tcp **out, const struct net_sockets *set, const struct tcp_owner *owner,
		 const uint8_t secret[16])
{
	struct tcp *t = mem_new(sizeof(*t));

	if (t == NULL)
		return ERR_NO_MEMORY;
	t->owner = *owner;
	list_init(&t->all);
	list_init(&t->strangers);
	deadlines_init(&t->deadlines);
	memcpy(&t->next, secret, sizeof(t->next));
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->buffer = mem_new(TCP_READ);
	enum err e = t->epoll < 0 ? ERR_IO : (t->buffer == NULL ? ERR_NO_MEMORY : ERR_NONE);
	if (e == ERR_NONE)
		e = table_init(&t->streams, secret, key_of_stream);
	if (e == ERR_NONE)
		e = table_init(&t->peers, secret, key_of_peer);
	for (size_t i = 0; i < set->n && e == ERR_NONE; i++) {
		if (set->s[i].kind != NET_TCP)
			continue;
		struct epoll_event ev = {.events = EPOLLIN, .data.u64 = LISTENER | t->listeners.n};
		t->listeners.s[t->listeners.n++] = set->s[i];
		if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, set->s[i].fd, &ev) != 0)
			e = ERR_IO;
	}
	if (e != ERR_NONE) {
		tcp_free(t);
		return e;
	}
	*out = t;
	return ERR_NONE;
}

void tcp_free(struct tcp *t)
{
	if (t == NULL)
		return;
	LIST_EACH (&t->all, node)
		stream_free(CONTAINER_OF(node, struct tcp_stream, all));
	table_clear(&t->streams);
	table_clear(&t->peers);
	deadlines_clear(&t->deadlines);
	if (t->epoll >= 0)
		(void)close(t->epoll);
	mem_free(t->buffer);
	mem_free(t);
}

int tcp_fd(const struct tcp *t)
{
	return t->epoll;
}

uint64_t tcp_deadline(const struct tcp *t)
{
	const struct deadline *d = deadlines_first(&t->deadlines);

	return d == NULL ? UINT64_MAX : d->at;
}

static void serve(struct tcp *t, const struct epoll_event *event)
{
	const uint64_t key = event->data.u64;

	if (key >= LISTENER) {
		accept_some(t, t->listeners.s[(uint32_t)key].fd);
		return;
	}
	struct tcp_stream *s = tcp_find(t, (uint32_t)key);
	if (s == NULL) /* ended while this event waited */
		return;
	if (s->state == TCP_CONNECTING) {
		connected(s);
		return;
	}
	if ((event->events & EPOLLOUT) != 0 && !tcp_flush(s)) {
		tcp_end(s, strerror(errno));
		return;
	}
	if (s->paused && (event->events & (EPOLLERR | EPOLLHUP)) != 0)
		tcp_end(s, "the connection broke");
	else if ((event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
		tcp_readable(s);
}

static void expired(struct tcp *t, struct deadline *d)
{
	if (d == &t->accept_again) {
		watch_listeners(t, true);
		return;
	}
	struct tcp_stream *s = CONTAINER_OF(d, struct tcp_stream, deadline);
	if (s->failed)
		tcp_end(s, "sending failed");
	else if (s->state == TCP_CONNECTING)
		tcp_end(s, "no answer to the connection");
	else
		tcp_end(s, "nothing useful came in time");
}

void tcp_turn(struct tcp *t, uint64_t now)
{
	struct epoll_event events[EVENTS_A_TURN];
	struct deadline *d;

	t->now = now;
	int n = epoll_wait(t->epoll, events, EVENTS_A_TURN, 0);
	for (int i = 0; i < n; i++)
		serve(t, &events[i]);
	while ((d = deadlines_first(&t->deadlines)) != NULL && d->at <= now) {
		deadline_drop(&t->deadlines, d);
		expired(t, d);
	}
}

/* ---- Root's part ----------------------------------------------------------------------------- */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int socket_new(uint8_t family, uint32_t mark)
{
	int fd =
	    socket(family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* RFC 9329 6.1: the IPv6 flow label MUST stay the same over reconnects: it is none. */
	if (set_int(fd, SOL_SOCKET, SO_MARK, (int)mark) != 0 ||
	    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0 ||
	    (family == 6 && (set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0 ||
			     set_int(fd, IPPROTO_IPV6, FLOW_LABEL_AUTO, 0) != 0))) {
		int error = errno;
		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int bound(int fd, const struct endpoint *local)
{
	struct sockaddr_storage ss;
	const socklen_t len = sockaddr_of_endpoint(&ss, local);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&ss, len) != 0) {
		int error = errno;
		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int tcp_listen(const struct endpoint *local, uint32_t mark)
{
	int fd = socket_new(local->addr.family, mark);

	if (fd >= 0)
		(void)set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	fd = bound(fd, local);
	if (fd >= 0 && listen(fd, BACKLOG) != 0) {
		int error = errno;
		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int tcp_socket(const struct addr *local, uint8_t family, uint32_t mark)
{
	const struct endpoint at = {.addr = *local};
	int fd = socket_new(family, mark);

	return addr_is_any(local) ? fd : bound(fd, &at);
}
