#include "plane/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "plane/counters.h"

#define READS_A_CALL 64
/* A CHILD_INSTALL with two full selector lists and the largest keys is the longest we send. */
#define SEND_MAX 4096

struct waiting {
	struct list node;
	size_t n;
	int fd; /* goes with it, owned; -1: none */
	uint8_t octets[];
};

struct plane_client {
	struct plane_client_config config;
	struct counters counters;
	struct list waiting;
	uint64_t next_serial;
	uint64_t *serials; /* by handle; owned; 0: no such pair */
	size_t n_serials;
	uint8_t *in;  /* CONTROL_MESSAGE_MAX; owned */
	uint8_t *out; /* the same */
	struct control_message message;
};

/* ---- Sending --------------------------------------------------------------------------------- */

static void drop_waiting(struct waiting *w)
{
	list_remove(&w->node);
	if (w->fd >= 0)
		(void)close(w->fd);
	mem_free_secret(w, sizeof(*w) + w->n);
}

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == EINTR;
}

static bool put(const struct plane_client *c, struct bytes message, int fd)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)message.p, message.n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	const struct cmsghdr h = {
	    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};

	if (fd >= 0) {
		memcpy(control, &h, sizeof(h));
		memcpy(control + CMSG_LEN(0), &fd, sizeof(fd));
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
	}
	return sendmsg(c->config.control, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Later messages must not overtake earlier ones. Takes fd, also on failure; -1: none. */
static enum err deliver_with(struct plane_client *c, struct bytes message, int fd)
{
	struct waiting *w = NULL;
	enum err e = ERR_NONE;

	if (list_empty(&c->waiting)) {
		if (put(c, message, fd))
			goto done;
		e = ERR_IO;
		if (!would_block(errno))
			goto done;
	}
	e = ERR_NO_MEMORY;
	w = mem_new(sizeof(*w) + message.n);
	if (w == NULL)
		goto done;
	w->n = message.n;
	w->fd = fd;
	memcpy(w->octets, message.p, message.n);
	list_append(&c->waiting, &w->node);
	return ERR_NONE;
done:
	if (fd >= 0)
		(void)close(fd);
	return e;
}

static enum err deliver(struct plane_client *c, struct bytes message)
{
	return deliver_with(c, message, -1);
}

static enum err deliver_written(struct plane_client *c, const struct writer *w)
{
	return writer_ok(w) ? deliver(c, writer_bytes_so_far(w)) : ERR_RANGE;
}

static void tell_parent(const struct plane_client *c, const struct writer *w)
{
	if (c->config.to_parent != NULL && writer_ok(w))
		c->config.to_parent(c->config.ctx, writer_bytes_so_far(w));
}

bool plane_client_wants_write(const struct plane_client *c)
{
	return !list_empty(&c->waiting);
}

enum err plane_client_write(struct plane_client *c)
{
	LIST_EACH (&c->waiting, node) {
		struct waiting *w = CONTAINER_OF(node, struct waiting, node);
		if (!put(c, bytes_of(w->octets, w->n), w->fd))
			return would_block(errno) ? ERR_NONE : ERR_IO;
		drop_waiting(w);
	}
	return ERR_NONE;
}

static enum err send_id(struct plane_client *c, enum control_type type, uint32_t id, bool parent)
{
	uint8_t buf[16];
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_id(&w, type, id);
	if (parent)
		tell_parent(c, &w);
	return deliver_written(c, &w);
}

/* ---- Life ------------------------------------------------------------------------------------ */

enum err plane_client_new(struct plane_client **out, const struct plane_client_config *config)
{
	struct plane_client *c = mem_new(sizeof(*c));
	if (c == NULL)
		return ERR_NO_MEMORY;
	c->config = *config;
	list_init(&c->waiting);
	/* A number that no former owner of the same counters used. */
	crypto_random(&c->next_serial, sizeof(c->next_serial));
	c->next_serial &= UINT64_MAX << 32;
	enum err e = ERR_NO_MEMORY;
	c->in = mem_new(CONTROL_MESSAGE_MAX);
	c->out = mem_new(CONTROL_MESSAGE_MAX);
	if (c->in == NULL || c->out == NULL)
		goto failed;
	e = counters_map(&c->counters, config->counters_fd, false);
	if (e != ERR_NONE)
		goto failed;
	e = send_id(c, CONTROL_NEW_OWNER, 0, true);
	if (e != ERR_NONE)
		goto failed;
	*out = c;
	return ERR_NONE;
failed:
	plane_client_free(c);
	return e;
}

void plane_client_free(struct plane_client *c)
{
	if (c == NULL)
		return;
	LIST_EACH (&c->waiting, node)
		drop_waiting(CONTAINER_OF(node, struct waiting, node));
	counters_unmap(&c->counters);
	mem_free(c->serials);
	mem_free(c->in);
	mem_free(c->out);
	mem_free(c);
}

/* ---- Operations ------------------------------------------------------------------------------ */

static enum err client_policy_set(void *ctx, const struct dataplane_policy *policy)
{
	struct plane_client *c = ctx;
	uint8_t buf[SEND_MAX];
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_policy(&w, policy);
	enum err e = deliver_written(c, &w);
	if (e == ERR_NONE)
		tell_parent(c, &w);
	return e;
}

static void client_policy_remove(void *ctx, uint32_t id)
{
	(void)send_id(ctx, CONTROL_POLICY_REMOVE, id, true);
}

static enum err room_for_handle(struct plane_client *c, uint32_t handle)
{
	if (handle >= COUNTERS_MAX)
		return ERR_LIMIT;
	if (handle < c->n_serials)
		return ERR_NONE;
	size_t n = c->n_serials != 0 ? c->n_serials : 64;
	while (n <= handle)
		n *= 2;
	uint64_t *more = mem_new(n * sizeof(*more));
	if (more == NULL)
		return ERR_NO_MEMORY;
	if (c->n_serials != 0)
		memcpy(more, c->serials, c->n_serials * sizeof(*more));
	mem_free(c->serials);
	c->serials = more;
	c->n_serials = n;
	return ERR_NONE;
}

static enum err client_child_install(void *ctx, const struct dataplane_child *child)
{
	struct plane_client *c = ctx;
	uint8_t buf[SEND_MAX];
	enum err e = room_for_handle(c, child->handle);
	if (e != ERR_NONE)
		return e;
	uint64_t serial = ++c->next_serial; /* so never 0 */
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_child(&w, child, serial, true);
	e = deliver_written(c, &w);
	mem_erase(buf, sizeof(buf)); /* it held keys */
	if (e != ERR_NONE)
		return e;
	c->serials[child->handle] = serial;
	w = writer_of(buf, sizeof(buf));
	control_put_child(&w, child, serial, false);
	tell_parent(c, &w);
	return ERR_NONE;
}

static void client_child_activate(void *ctx, uint32_t handle)
{
	(void)send_id(ctx, CONTROL_CHILD_ACTIVATE, handle, false);
}

static void client_child_move(void *ctx, uint32_t handle, const struct path *outer, bool udp_encap)
{
	uint8_t buf[128];
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_move(&w, handle, outer, udp_encap);
	(void)deliver_written(ctx, &w);
}

static void client_child_remove(void *ctx, uint32_t handle)
{
	struct plane_client *c = ctx;
	if (handle < c->n_serials)
		c->serials[handle] = 0;
	(void)send_id(c, CONTROL_CHILD_REMOVE, handle, true);
}

static bool client_child_usage(void *ctx, uint32_t handle, struct dataplane_usage *usage)
{
	struct plane_client *c = ctx;
	*usage = (struct dataplane_usage){0};
	if (handle >= c->n_serials || c->serials[handle] == 0)
		return false;
	/* A pair that the plane has not taken up yet has counted nothing. */
	(void)counters_read(&c->counters, handle, c->serials[handle], usage);
	return true;
}

const struct dataplane_ops plane_client_ops = {
    .policy_set = client_policy_set,
    .policy_remove = client_policy_remove,
    .child_install = client_child_install,
    .child_activate = client_child_activate,
    .child_move = client_child_move,
    .child_remove = client_child_remove,
    .child_usage = client_child_usage,
};

void plane_client_ask_stats(struct plane_client *c)
{
	(void)send_id(c, CONTROL_STATS_ASK, 0, false);
}

/* ---- Streams --------------------------------------------------------------------------------- */

enum err plane_client_stream_open(struct plane_client *c, const struct path *path, int fd)
{
	uint8_t buf[128];
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_stream_open(&w, path);
	return deliver_with(c, writer_bytes_so_far(&w), fd);
}

void plane_client_stream_hold(struct plane_client *c, uint32_t stream, uint32_t message_max)
{
	uint8_t buf[16];
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_stream_hold(&w, stream, message_max);
	(void)deliver_written(c, &w);
}

void plane_client_stream_close(struct plane_client *c, uint32_t stream)
{
	(void)send_id(c, CONTROL_STREAM_CLOSE, stream, false);
}

enum err plane_client_send(struct plane_client *c, const struct path *path, struct bytes message)
{
	struct writer w = writer_of(c->out, CONTROL_MESSAGE_MAX);
	control_put_datagram(&w, path, message);
	return deliver_written(c, &w);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static void take(struct plane_client *c, struct bytes octets)
{
	struct control_message *m = &c->message;
	const struct plane_client_config *f = &c->config;
	/* The plane is ours, but it may be the one that was broken into: what does not parse is
	 * passed over. */
	if (control_decode(m, octets) != ERR_NONE)
		return;
	switch (m->type) {
	case CONTROL_EVENT:
		if (f->event != NULL)
			f->event(f->ctx, &m->event);
		break;
	case CONTROL_DATAGRAM:
		if (f->datagram != NULL)
			f->datagram(f->ctx, &m->path, m->datagram);
		break;
	case CONTROL_STREAM_EVENT:
		if (f->stream != NULL)
			f->stream(f->ctx, &m->stream);
		break;
	case CONTROL_STATS:
		if (f->stats != NULL)
			f->stats(f->ctx, &m->stats);
		break;
	default: /* requests, which only we may make */
		break;
	}
}

enum err plane_client_read(struct plane_client *c)
{
	for (int i = 0; i < READS_A_CALL; i++) {
		ssize_t n = recv(c->config.control, c->in, CONTROL_MESSAGE_MAX, MSG_DONTWAIT);
		if (n == 0)
			return ERR_IO;
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return would_block(errno) ? ERR_STATE : ERR_IO;
		}
		take(c, bytes_of(c->in, (size_t)n));
	}
	return ERR_NONE;
}
