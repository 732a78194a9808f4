#include "plane/plane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "plane/impair.h"
#include "plane/plane_impl.h"

#define EVENTS_A_TURN   16
#define MESSAGES_A_TURN 64
/* Before the sequence space of 2^32 ends there must be time for a rekey (RFC 4303 3.3.3). */
#define SEQUENCE_RESERVE (1ULL << 28)

enum { KEY_TUN = 1000, KEY_CONTROL, KEY_TCP };

/* ---- To the ike process ---------------------------------------------------------------------- */

static void watch_control(struct plane *p, bool write)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = KEY_CONTROL};
	if (write == p->wants_write)
		return;
	if (write)
		e.events |= EPOLLOUT;
	if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->config.control, &e) == 0)
		p->wants_write = write;
}

static bool put(const struct plane *p, struct bytes message)
{
	return send(p->config.control, message.p, message.n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void flush_queue(struct plane *p)
{
	while (p->queue_n != 0) {
		const struct plane_queued *q = &p->queue[p->queue_first];
		if (!put(p, bytes_of(q->octets, q->n)))
			break;
		p->queue_first = (p->queue_first + 1) % PLANE_QUEUED;
		p->queue_n--;
	}
	if (p->queue_n == 0 && p->streams_wait) {
		p->streams_wait = false;
		tcp_resume(p->tcp);
	}
	watch_control(p, p->queue_n != 0 || p->streams_wait);
}

bool plane_tell(struct plane *p, const struct dataplane_event *event)
{
	uint8_t buf[PLANE_EVENT_MAX];
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_event(&w, event);
	return writer_ok(&w) && plane_tell_octets(p, writer_bytes_so_far(&w));
}

bool plane_tell_octets(struct plane *p, struct bytes message)
{
	if (p->queue_n == 0 && put(p, message))
		return true;
	if (p->queue_n == PLANE_QUEUED)
		return false;
	struct plane_queued *q = &p->queue[(p->queue_first + p->queue_n) % PLANE_QUEUED];
	q->n = message.n;
	memcpy(q->octets, message.p, message.n);
	p->queue_n++;
	watch_control(p, true);
	return true;
}

/* IKE repeats what gets lost, so a slow ike process costs datagrams and not memory. */
void plane_tell_datagram(struct plane *p, const struct path *path, struct bytes message)
{
	struct writer w = writer_of(p->control_out, CONTROL_MESSAGE_MAX);
	control_put_datagram(&w, path, message);
	if (writer_ok(&w) && put(p, writer_bytes_so_far(&w)))
		p->stats.datagrams++;
	else
		p->stats.datagrams_dropped++;
}

bool plane_tell_stream_message(struct plane *p, const struct path *path, struct bytes message)
{
	struct writer w = writer_of(p->control_out, CONTROL_MESSAGE_MAX);
	control_put_datagram(&w, path, message);
	if (!writer_ok(&w)) { /* no IKE message is so long */
		p->stats.datagrams_dropped++;
		return true;
	}
	/* Events of the stream come before its messages. */
	if (p->queue_n == 0 && put(p, writer_bytes_so_far(&w))) {
		p->stats.datagrams++;
		return true;
	}
	p->streams_wait = true;
	watch_control(p, true);
	return false;
}

static void tell_stats(struct plane *p)
{
	struct writer w = writer_of(p->control_out, CONTROL_MESSAGE_MAX);
	p->stats.children = (uint32_t)p->spd.children_by_spi.n_nodes;
	p->stats.policies = (uint32_t)p->spd.policies.n_nodes;
	control_put_stats(&w, &p->stats);
	if (writer_ok(&w))
		(void)put(p, writer_bytes_so_far(&w));
}

static void tell_failed(struct plane *p, const struct dataplane_child *c, const char *reason)
{
	struct dataplane_event e = {
	    .type = DATAPLANE_FAILED, .policy = c->policy, .handle = c->handle, .reason = reason};
	(void)plane_tell(p, &e);
}

void plane_check_limits(struct plane *p, struct spd_child *c)
{
	if (c->handle == SPD_NO_HANDLE)
		return;
	struct dataplane_event e = {.policy = c->policy, .handle = c->handle};
	uint64_t packets = esp_sa_packets(c->out), octets = esp_sa_octets(c->out);
	if (esp_sa_packets(c->in) > packets)
		packets = esp_sa_packets(c->in);
	if (esp_sa_octets(c->in) > octets)
		octets = esp_sa_octets(c->in);
	if (!c->told_soft &&
	    ((c->soft_packets != 0 && packets >= c->soft_packets) ||
	     (c->soft_octets != 0 && octets >= c->soft_octets) ||
	     (c->hard_packets == 0 && esp_sa_packets_left(c->out) < SEQUENCE_RESERVE))) {
		e.type = DATAPLANE_SOFT_LIMIT;
		c->told_soft = plane_tell(p, &e);
	}
	if (!c->told_hard && (esp_sa_spent(c->out) || esp_sa_spent(c->in))) {
		e.type = DATAPLANE_HARD_LIMIT;
		c->told_hard = plane_tell(p, &e);
	}
}

/* ---- From the ike process -------------------------------------------------------------------- */

static const char *why_not(enum err e)
{
	switch (e) {
	case ERR_NOT_FOUND:
		return "its policy is not known to the data plane";
	case ERR_EXISTS:
		return "its handle or inbound SPI is in use";
	case ERR_UNSUPPORTED:
		return "the data plane cannot do its mode or algorithms";
	case ERR_RANGE:
		return "a value of it is out of range";
	case ERR_NO_MEMORY:
		return "the data plane is out of memory";
	default:
		return err_name(e);
	}
}

static void install(struct plane *p, const struct control_message *m)
{
	const struct dataplane_child *d = &m->child;
	struct spd_child *c;
	if (d->mode != ESP_MODE_TUNNEL || d->suite.encr == NULL || d->handle >= COUNTERS_MAX) {
		tell_failed(p, d, why_not(ERR_UNSUPPORTED));
		return;
	}
	if (fault_active(p->config.faults, FAULT_PLANE_REFUSE_INSTALL)) {
		tell_failed(p, d, "the fault plane-refuse-install");
		return;
	}
	enum err e = spd_child_add(&p->spd, d, &c);
	if (e != ERR_NONE) {
		tell_failed(p, d, why_not(e));
		return;
	}
	c->serial = m->serial;
	struct dataplane_usage *u = counters_begin(&p->counters, d->handle, m->serial);
	if (u != NULL)
		c->usage = u;
}

static void remove_child(struct plane *p, struct spd_child *c)
{
	if (c->handle != SPD_NO_HANDLE)
		counters_end(&p->counters, c->handle);
	spd_child_remove(&p->spd, c);
}

/* What the peer sent before it turned to the new pair is let in that long. */
#define RETIRE_TIME (2 * SECOND)

static void retire_child(struct plane *p, struct spd_child *c)
{
	if (c->handle != SPD_NO_HANDLE)
		counters_end(&p->counters, c->handle);
	spd_child_retire(&p->spd, c, p->now + RETIRE_TIME);
}

static void remove_policy(struct plane *p, uint32_t id)
{
	LIST_EACH (&p->spd.children, node) {
		struct spd_child *c = CONTAINER_OF(node, struct spd_child, in_all);
		if (c->policy == id)
			remove_child(p, c);
	}
	spd_policy_remove(&p->spd, id);
}

static void new_owner(struct plane *p)
{
	LIST_EACH (&p->spd.children, node) {
		const struct spd_child *c = CONTAINER_OF(node, struct spd_child, in_all);
		if (c->handle != SPD_NO_HANDLE)
			counters_end(&p->counters, c->handle);
	}
	spd_orphan_all(&p->spd);
	p->queue_n = 0; /* events for the former owner */
}

static void move(struct spd_child *c, const struct control_message *m)
{
	if (m->path.remote.addr.family == 0 || addr_is_any(&m->path.remote.addr))
		return;
	c->outer = m->path;
	c->udp_encap = m->udp_encap;
	c->path_mtu = 0; /* it was of the old path */
}

static void act(struct plane *p, const struct control_message *m, int *fd)
{
	if (plane_streams_act(p, m, *fd)) {
		*fd = -1;
		return;
	}
	struct spd_child *c = spd_child_by_handle(&p->spd, m->id);
	switch (m->type) {
	case CONTROL_POLICY_SET:
		if (spd_policy_set(&p->spd, &m->policy) != ERR_NONE)
			log_write(p->config.log, LOG_ERR, NULL, 0,
				  "the data plane has no memory for a policy");
		break;
	case CONTROL_POLICY_REMOVE:
		remove_policy(p, m->id);
		break;
	case CONTROL_CHILD_INSTALL:
		install(p, m);
		break;
	case CONTROL_CHILD_ACTIVATE:
		if (c != NULL)
			spd_child_activate(&p->spd, c);
		break;
	case CONTROL_CHILD_MOVE:
		if (c != NULL)
			move(c, m);
		break;
	case CONTROL_CHILD_REMOVE:
		if (c != NULL)
			retire_child(p, c);
		break;
	case CONTROL_STATS_ASK:
		tell_stats(p);
		break;
	case CONTROL_NEW_OWNER:
		new_owner(p);
		break;
	default: /* what only we may say */
		break;
	}
}

/* As recv(), and a descriptor that came with the message, or -1. */
static ssize_t receive(const struct plane *p, int *fd)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {p->control_in, CONTROL_MESSAGE_MAX};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   /* Room for one: the kernel closes any more. The padding that
			    * CMSG_SPACE() counts would hold a second. */
			   .msg_controllen = CMSG_LEN(sizeof(int))};
	*fd = -1;
	ssize_t n = recvmsg(p->config.control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n;
}

/* ERR_STATE: the other end is closed for good. */
static enum err read_control(struct plane *p)
{
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		int fd;
		ssize_t n = receive(p, &fd);
		if (n == 0)
			return ERR_STATE;
		if (n < 0) {
			if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
				return ERR_NONE;
			return errno == ECONNRESET ? ERR_STATE : ERR_IO;
		}
		enum err e = control_decode(&p->message, bytes_of(p->control_in, (size_t)n));
		if (e == ERR_NONE)
			act(p, &p->message, &fd);
		else
			log_write(p->config.log, LOG_ERR, NULL, 0,
				  "the data plane got a message that it cannot read");
		mem_erase(p->control_in, (size_t)n); /* there may have been keys in it */
		if (fd >= 0)
			(void)close(fd);
	}
	return ERR_NONE;
}

/* ---- The loop -------------------------------------------------------------------------------- */

struct plane_socket *plane_socket_for(struct plane *p, const struct spd_child *c)
{
	enum net_socket_kind kind = c->udp_encap ? NET_NATT : c->eesp ? NET_EESP : NET_ESP;
	uint8_t family = c->outer.remote.addr.family;
	struct plane_socket *any = NULL;
	for (size_t i = 0; i < p->n_sockets; i++) {
		struct plane_socket *s = &p->sockets[i];
		if (s->s.kind != kind || s->s.bound.addr.family != family)
			continue;
		if (addr_is_any(&c->outer.local.addr) ||
		    addr_equal(&s->s.bound.addr, &c->outer.local.addr))
			return s;
		if (addr_is_any(&s->s.bound.addr))
			any = s;
	}
	return any;
}

static enum err watch(const struct plane *p, int fd, uint32_t key)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = key};
	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? ERR_NONE : ERR_IO;
}

static enum err make_buffers(struct plane *p)
{
	size_t n = PACKET_VECTOR_MAX;
	size_t largest = p->tun.mtu > PLANE_PATH_MTU_DEFAULT ? p->tun.mtu : PLANE_PATH_MTU_DEFAULT;
	p->out_slot = PACKET_HEADROOM + largest + PACKET_TAILROOM;
	p->out_buffers = mem_new(n * p->out_slot);
	p->piece_buffers = mem_new(n * p->out_slot);
	p->in_buffers = mem_new((size_t)PLANE_RECEIVES * PLANE_RECEIVE);
	p->queue = mem_new(PLANE_QUEUED * sizeof(*p->queue));
	p->control_in = mem_new(CONTROL_MESSAGE_MAX);
	p->control_out = mem_new(CONTROL_MESSAGE_MAX);
	p->burst = plane_burst_new();
	if (p->out_buffers == NULL || p->piece_buffers == NULL || p->in_buffers == NULL ||
	    p->queue == NULL || p->control_in == NULL || p->control_out == NULL || p->burst == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		p->out[i].p.buf = p->out_buffers + i * p->out_slot;
		p->pieces[i].buf = p->piece_buffers + i * p->out_slot;
		p->out[i].p.cap = p->pieces[i].cap = p->out_slot;
	}
	return ERR_NONE;
}

static enum err watch_all(struct plane *p)
{
	enum err e = watch(p, p->tun.fd, KEY_TUN);
	if (e == ERR_NONE)
		e = watch(p, p->config.control, KEY_CONTROL);
	if (e == ERR_NONE)
		e = watch(p, tcp_fd(p->tcp), KEY_TCP);
	for (size_t i = 0; e == ERR_NONE && i < p->config.sockets->n; i++) {
		const struct net_socket *s = &p->config.sockets->s[i];
		if (s->kind == NET_IKE || s->kind == NET_TCP)
			continue;
		p->sockets[p->n_sockets] = (struct plane_socket){.s = *s};
		e = watch(p, s->fd, (uint32_t)p->n_sockets++);
	}
	return e;
}

enum err plane_new(struct plane **out, const struct plane_config *config)
{
	struct plane *p = mem_new(sizeof(*p));
	if (p == NULL)
		return ERR_NO_MEMORY;
	p->config = *config;
	p->tun = config->tun;
	if (p->config.path_mtu == 0)
		p->config.path_mtu = PLANE_PATH_MTU_DEFAULT;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	enum err e = p->epoll < 0 ? ERR_IO : ERR_NONE;
	if (e == ERR_NONE)
		e = spd_init(&p->spd, config->secret);
	if (e == ERR_NONE)
		e = make_buffers(p);
	if (e == ERR_NONE)
		e = counters_map(&p->counters, config->counters_fd, true);
	if (e == ERR_NONE) {
		p->engine = esp_engine_new(ESP_BACKEND_BEST, NULL);
		e = p->engine == NULL ? ERR_NO_MEMORY : ERR_NONE;
	}
	if (e == ERR_NONE)
		e = plane_streams_new(p);
	if (e == ERR_NONE)
		e = watch_all(p);
	if (e != ERR_NONE) {
		plane_free(p);
		return e;
	}
	p->config.sockets = NULL; /* it was copied */
	*out = p;
	return ERR_NONE;
}

static uint64_t clock_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec / 1000;
}

static enum err serve(struct plane *p, const struct epoll_event *event)
{
	uint32_t key = event->data.u32;
	if (key == KEY_TUN)
		return plane_outbound(p);
	if (key == KEY_TCP) {
		tcp_turn(p->tcp, p->now);
		return ERR_NONE;
	}
	if (key == KEY_CONTROL) {
		if ((event->events & EPOLLOUT) != 0)
			flush_queue(p);
		/* What was sent before the other end closed is still read. */
		return read_control(p);
	}
	struct plane_socket *s = &p->sockets[key];
	if ((event->events & EPOLLERR) != 0)
		plane_socket_errors(p, s);
	return plane_inbound(p, s);
}

/* Milliseconds until a stream or a pair of SAs needs the time, -1 for ever. */
static int time_left(struct plane *p)
{
	uint64_t at = tcp_deadline(p->tcp), now;
	uint64_t lapse = spd_retired_lapse(&p->spd, p->now);

	if (lapse < at)
		at = lapse;
	if (at == UINT64_MAX)
		return -1;
	now = clock_now();
	if (at <= now)
		return 0;
	return at - now > 60 * SECOND ? 60000 : (int)((at - now) / 1000 + 1);
}

enum err plane_run(struct plane *p)
{
	struct epoll_event events[EVENTS_A_TURN];
	while (p->stop == 0) {
		int n = epoll_wait(p->epoll, events, EVENTS_A_TURN, time_left(p));
		if (n < 0 && errno != EINTR)
			return ERR_IO;
		if (fault_active(p->config.faults, FAULT_PLANE_CRASH))
			abort();
		p->now = clock_now();
		if (tcp_deadline(p->tcp) <= p->now)
			tcp_turn(p->tcp, p->now);
		for (int i = 0; i < n; i++) {
			enum err e = serve(p, &events[i]);
			if (e == ERR_STATE)
				return ERR_NONE;
			if (e != ERR_NONE)
				return e;
		}
	}
	return ERR_NONE;
}

void plane_stop(struct plane *p)
{
	p->stop = 1;
}

void plane_free(struct plane *p)
{
	if (p == NULL)
		return;
	if (p->spd.cache != NULL)
		spd_clear(&p->spd);
	tcp_free(p->tcp);
	counters_unmap(&p->counters);
	esp_engine_free(p->engine);
	if (p->epoll >= 0)
		close(p->epoll);
	mem_free(p->tun.super); /* its descriptor is the parent's */
	mem_free(p->out_buffers);
	mem_free(p->piece_buffers);
	mem_free(p->in_buffers);
	mem_free(p->queue);
	mem_free(p->control_in);
	mem_free(p->control_out);
	mem_free(p->burst);
	plane_impair_free(p);
	mem_free(p);
}
