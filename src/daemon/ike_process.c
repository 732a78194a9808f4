/* The ike process: the engine in an event loop, between the network, the keys process, the data
 * plane, the parent and the control socket's clients. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "daemon/build_private.h"
#include "daemon/ike_private.h"
#include "daemon/version.h"
#include "net/datagram.h"

#define DAY_SECONDS      86400.
#define DATAGRAMS_A_TURN 64

static void stop(struct server *s, int status, const char *reason)
{
	if (reason != NULL)
		log_write(&s->process->log, LOG_ERR, NULL, 0, "%s", reason);
	s->status = status;
	ev_break(s->loop, EVBREAK_ALL);
}

/* The engine's callbacks. */

static void do_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct server *s = ctx;
	char where[ADDR_TEXT_MAX];
	enum err e;

	if (path->stream != 0)
		e = plane_client_send(s->plane, path, datagram);
	else if (datagram.n == 1) /* a NAT keepalive: no marker (RFC 3948 2.3) */
		e = datagram_send_keepalive(s->start->sockets, path);
	else
		e = datagram_send(s->start->sockets, path, datagram);

	if (e == ERR_NONE)
		return;
	const struct log_field fields[] = {{"peer", endpoint_format(&path->remote, where)},
					   {"reason", e == ERR_IO ? strerror(errno) : err_name(e)}};
	log_write(&s->process->log, LOG_DEBUG, fields, 2, "a message could not be sent");
}

static void do_job(void *ctx, struct ike_job *job)
{
	jobs_take(ctx, job);
}

static void do_event(void *ctx, const struct ike_event *event)
{
	struct server *s = ctx;

	if (s->control != NULL)
		control_event(s->control, event);
}

/* The kernel chooses the source address when a UDP socket is connected; nothing is sent. */
static bool do_route(void *ctx, const struct addr *remote, struct addr *local)
{
	static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct server *s = ctx;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	const struct endpoint to = {*remote, IKE_PORT};
	int fd = remote->family == 6 ? s->start->route_v6 : s->start->route_v4;

	if (fd < 0)
		return false;
	socklen_t n = sockaddr_of_endpoint(&ss, &to);
	if (n == 0 || connect(fd, (const struct sockaddr *)&ss, n) != 0)
		return false;
	bool ok = getsockname(fd, (struct sockaddr *)&ss, &len) == 0;
	if (ok)
		*local = endpoint_of_sockaddr(&ss).addr;
	(void)connect(fd, &nobody, sizeof(nobody));
	return ok && !addr_is_any(local);
}

/* Streams are the plane's; a socket for one comes from the parent. */

static enum err do_stream_open(void *ctx, const struct path *path)
{
	struct server *s = ctx;
	uint8_t buf[128];
	struct writer w = writer_of(buf, sizeof(buf));

	control_put_stream_open(&w, path);
	return ipc_send(s->start->parent, IPC_STREAM_ASK, writer_bytes_so_far(&w), -1);
}

static void do_stream_hold(void *ctx, uint32_t stream, uint32_t message_max)
{
	struct server *s = ctx;

	plane_client_stream_hold(s->plane, stream, message_max);
}

static void do_stream_close(void *ctx, uint32_t stream)
{
	struct server *s = ctx;

	plane_client_stream_close(s->plane, stream);
}

static const struct stream_ops stream_ops = {do_stream_open, do_stream_hold, do_stream_close};

static void do_random(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	crypto_random(buf, n);
}

/* Watchers. */

static void on_udp(struct ev_loop *loop, ev_io *io, int events)
{
	struct server *s = io->data;
	const struct net_socket *socket = &s->start->sockets->s[io - s->udp_io];
	struct datagram d;

	(void)loop;
	(void)events;
	for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
		enum err e = datagram_receive(socket, s->datagram, DATAGRAM_MAX, &d);
		if (e == ERR_STATE || e == ERR_IO)
			return;
		if (e != ERR_NONE || d.kind != DATAGRAM_IKE)
			continue;
		if (fault_active(s->process->faults, FAULT_NET_DROP_IN))
			continue;
		ike_input(s->ike, &d.path, d.body, process_now());
	}
}

static void on_plane_datagram(void *ctx, const struct path *path, struct bytes message)
{
	struct server *s = ctx;

	if (s->ready && !fault_active(s->process->faults, FAULT_NET_DROP_IN))
		ike_input(s->ike, path, message, process_now());
}

static void on_plane_event(void *ctx, const struct dataplane_event *event)
{
	struct server *s = ctx;

	ike_plane_event(s->ike, event, process_now());
}

static void on_plane_stream(void *ctx, const struct stream_event *event)
{
	struct server *s = ctx;

	ike_stream_event(s->ike, event, process_now());
}

/* The parent's answer to do_stream_open(). */
static void on_stream_socket(struct server *s, const struct ipc_message *m)
{
	struct control_message c;

	if (control_decode(&c, m->body) != ERR_NONE || c.type != CONTROL_STREAM_OPEN) {
		if (m->fd >= 0)
			(void)close(m->fd);
		return;
	}
	/* Without a descriptor the plane says that it failed. */
	if (plane_client_stream_open(s->plane, &c.path, m->fd) != ERR_NONE)
		stop(s, 1, "the data plane is gone");
}

static void on_plane_stats(void *ctx, const struct plane_stats *stats)
{
	struct server *s = ctx;

	control_stats(s->control, stats);
}

static void on_plane_to_parent(void *ctx, struct bytes message)
{
	struct server *s = ctx;

	if (ipc_send(s->start->parent, IPC_ROUTES, message, -1) != ERR_NONE)
		stop(s, 1, "the parent does not take messages");
}

static void on_plane(struct ev_loop *loop, ev_io *io, int events)
{
	struct server *s = io->data;
	enum err e = ERR_NONE;

	(void)loop;
	if ((events & EV_WRITE) != 0)
		e = plane_client_write(s->plane);
	if (e != ERR_IO && (events & EV_READ) != 0)
		e = plane_client_read(s->plane);
	if (e == ERR_IO)
		stop(s, 1, "the data plane is gone");
}

static void on_parent(struct ev_loop *loop, ev_io *io, int events)
{
	struct server *s = io->data;
	struct ipc_message m;
	enum err e = ipc_receive(s->start->parent, s->buf, &m);

	(void)loop;
	(void)events;
	if (e == ERR_STATE || e == ERR_SYNTAX)
		return;
	if (e != ERR_NONE) {
		stop(s, 1, "the parent is gone");
		return;
	}
	if (m.type == IPC_STREAM) {
		on_stream_socket(s, &m);
	} else if (m.type == IPC_LOAD) {
		load_bundle(s, m.fd);
	} else if (m.type == IPC_COMMIT) {
		load_commit(s);
	} else if (m.type == IPC_RELOADED) {
		control_reloaded(s->control, m.body);
	} else if (m.type == IPC_STOP) {
		ike_shutdown(s->ike, process_now());
		stop(s, 0, NULL);
	}
}

static void on_keys(struct ev_loop *loop, ev_io *io, int events)
{
	struct server *s = io->data;
	bool there = true;

	(void)loop;
	if ((events & EV_READ) != 0)
		there = jobs_from_keys(s);
	if (there && (events & EV_WRITE) != 0)
		there = jobs_to_keys(s);
	if (!there)
		stop(s, 1, "the keys process is gone");
}

static void on_job_done(struct ev_loop *loop, ev_async *async, int events)
{
	(void)loop;
	(void)events;
	jobs_from_worker(async->data);
	fetch_flush(async->data);
}

static void on_fetch(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	fetch_read(io->data);
}

/* In the worker's thread. */
static void wake(void *ctx)
{
	struct server *s = ctx;

	ev_async_send(s->loop, &s->job_done);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct server *s = timer->data;

	(void)loop;
	(void)events;
	ike_tick(s->ike, process_now());
}

/* Before the loop waits: until when, and for what. */
static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct server *s = prepare->data;
	uint64_t at = ike_next_deadline(s->ike), now = process_now();

	(void)events;
	ev_timer_stop(loop, &s->timer);
	if (at != UINT64_MAX) {
		ev_now_update(loop);
		ev_timer_set(&s->timer, at > now ? (double)(at - now) / 1e6 : 0., 0.);
		ev_timer_start(loop, &s->timer);
	}
	if (s->plane == NULL)
		return;
	int want = EV_READ | (plane_client_wants_write(s->plane) ? EV_WRITE : 0);
	if (want != (s->plane_io.events & (EV_READ | EV_WRITE))) {
		ev_io_stop(loop, &s->plane_io);
		ev_io_set(&s->plane_io, s->start->plane, want);
		ev_io_start(loop, &s->plane_io);
	}
}

static void ask_reload(void *ctx)
{
	struct server *s = ctx;

	(void)ipc_send(s->start->parent, IPC_RELOAD, bytes_of(NULL, 0), -1);
}

static void ask_stats(void *ctx)
{
	struct server *s = ctx;

	plane_client_ask_stats(s->plane);
}

static void copy_log(void *ctx, const char *line)
{
	struct server *s = ctx;

	if (s->control != NULL)
		control_log(s->control, line);
}

/* Starting. */

static void watch(struct server *s, ev_io *io, void (*call)(struct ev_loop *, ev_io *, int), int fd)
{
	ev_io_init(io, call, fd, EV_READ);
	io->data = s;
	ev_io_start(s->loop, io);
}

static bool nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static enum err start_plane(struct server *s)
{
	const struct plane_client_config config = {
	    .control = s->start->plane,
	    .counters_fd = s->start->counters,
	    .ctx = s,
	    .event = on_plane_event,
	    .datagram = on_plane_datagram,
	    .stats = on_plane_stats,
	    .stream = on_plane_stream,
	    .to_parent = on_plane_to_parent,
	};

	if (!nonblocking(s->start->plane))
		return ERR_IO;
	return plane_client_new(&s->plane, &config);
}

static enum err start_engine(struct server *s)
{
	struct ike_settings settings;
	const struct daemon_config *d = &s->process->config;
	const struct ike_callbacks callbacks = {
	    .ctx = s,
	    .random = {do_random, NULL},
	    .send = do_send,
	    .job = do_job,
	    .event = do_event,
	    .route = do_route,
	    .plane = &plane_client_ops,
	    .plane_ctx = s->plane,
	    .streams = &stream_ops,
	    .streams_ctx = s,
	    .log = &s->process->log,
	    .faults = s->process->faults,
	};

	ike_settings_default(&settings);
	settings.half_open_max = d->half_open_max;
	settings.half_open_per_peer = d->half_open_per_peer;
	settings.cookie_threshold = d->cookie_threshold;
	settings.vendor_id = "Postern " POSTERN_VERSION;
	s->ike = ike_new(&settings, &callbacks);
	return s->ike != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

static enum err start_control(struct server *s)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	const struct control_owner owner = {
	    .ctx = s,
	    .ike = s->ike,
	    .faults = s->process->faults,
	    .started = (uint64_t)ts.tv_sec * 1000000,
	    .reload = ask_reload,
	    .stats = ask_stats,
	};
	return control_new(&s->control, s->loop, s->start->control, &owner);
}

static void on_daily(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	warn_of_expiry(timer->data);
}

static void start_watchers(struct server *s)
{
	watch(s, &s->parent_io, on_parent, s->start->parent);
	watch(s, &s->keys_io, on_keys, s->start->keys);
	watch(s, &s->plane_io, on_plane, s->start->plane);
	watch(s, &s->fetch_io, on_fetch, s->start->fetch);
	ev_timer_init(&s->timer, on_timer, 0., 0.);
	s->timer.data = s;
	ev_timer_init(&s->daily, on_daily, DAY_SECONDS, DAY_SECONDS);
	s->daily.data = s;
	ev_timer_start(s->loop, &s->daily);
	ev_prepare_init(&s->prepare, on_prepare);
	s->prepare.data = s;
	ev_prepare_start(s->loop, &s->prepare);
}

/* Without a configuration every peer would be told that nothing fits it (NO_PROPOSAL_CHOSEN), and
 * every client that its connection does not exist; until there is one, they wait. */
void serve(struct server *s)
{
	const struct net_sockets *set = s->start->sockets;

	for (size_t i = 0; i < set->n; i++) {
		if (set->s[i].kind == NET_IKE)
			watch(s, &s->udp_io[i], on_udp, set->s[i].fd);
	}
	control_open(s->control);
}

static enum err start_all(struct server *s)
{
	uint8_t secret[16];

	size_t seed;

	crypto_random(secret, sizeof(secret));
	/* Else jansson would open /dev/urandom for its first object. */
	crypto_random(&seed, sizeof(seed));
	json_object_seed(seed | 1);
	s->unsent_end = &s->unsent;
	s->buf = mem_new(IPC_HEADER_LEN + IPC_MESSAGE_MAX);
	s->out = mem_new(IPC_MESSAGE_MAX);
	s->datagram = mem_new(DATAGRAM_MAX);
	s->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOTIMERFD);
	if (s->buf == NULL || s->out == NULL || s->datagram == NULL || s->loop == NULL ||
	    !nonblocking(s->start->keys) || !nonblocking(s->start->fetch))
		return ERR_NO_MEMORY;
	ev_async_init(&s->job_done, on_job_done);
	s->job_done.data = s;
	ev_async_start(s->loop, &s->job_done);
	enum err e = builder_init(&s->builder, secret);
	if (e == ERR_NONE)
		e = table_init(&s->names, secret, memory_key);
	if (e == ERR_NONE)
		e = worker_new(&s->worker, wake, s);
	if (e == ERR_NONE)
		e = start_plane(s);
	if (e == ERR_NONE)
		e = start_engine(s);
	if (e == ERR_NONE)
		e = start_control(s);
	if (e == ERR_NONE)
		start_watchers(s);
	return e;
}

static void end_all(struct server *s)
{
	control_free(s->control);
	s->control = NULL;
	worker_free(s->worker);
	jobs_clear(s);
	fetch_clear(s);
	if (s->ike != NULL)
		ike_free(s->ike);
	if (s->plane != NULL) {
		(void)plane_client_write(s->plane);
		plane_client_free(s->plane);
	}
	built_clear(&s->next);
	built_clear(&s->built);
	builder_clear(&s->builder);
	if (s->loop != NULL)
		ev_loop_destroy(s->loop);
	mem_free(s->buf);
	mem_free(s->out);
	mem_free(s->datagram);
}

int ike_process(struct process *p, const struct ike_start_fds *start)
{
	struct server *s = mem_new(sizeof(*s));

	if (s == NULL || !process_drop(p, "ike"))
		return 1;
	s->process = p;
	s->start = start;
	s->status = 1;
	p->sink.copy = copy_log;
	p->sink.copy_ctx = s;
	enum err e = start_all(s);
	if (e != ERR_NONE)
		log_write(&p->log, LOG_ERR, NULL, 0, "the IKE engine cannot start: %s",
			  err_name(e));
	else if (process_filter(p, SANDBOX_IKE))
		(void)ev_run(s->loop, 0);
	int status = s->status;
	end_all(s);
	p->sink.copy = NULL;
	mem_free(s);
	return status;
}
