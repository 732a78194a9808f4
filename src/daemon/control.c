#include "daemon/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/control_private.h"

static void client_free(struct client *c)
{
	ev_io_stop(c->control->loop, &c->io);
	(void)close(c->io.fd);
	list_remove(&c->in_all);
	c->control->n_clients--;
	mem_free(c->targets);
	mem_free(c->out);
	mem_free(c);
}

static void client_watch(struct client *c)
{
	int events = c->ending ? EV_WRITE : EV_READ | (c->out_n > 0 ? EV_WRITE : 0);

	ev_io_stop(c->control->loop, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(c->control->loop, &c->io);
}

/* Room for n more octets; false when the client is too far behind. */
static bool client_room(struct client *c, size_t n)
{
	size_t most = c->wait == WAIT_LOG ? CONTROL_LOG_MAX : CONTROL_OUT_MAX;

	if (c->out_n + n > most)
		return false;
	if (c->out_n + n <= c->out_cap)
		return true;
	size_t cap = c->out_cap > 0 ? c->out_cap : 4096;
	while (cap < c->out_n + n)
		cap *= 2;
	char *out = mem_new(cap);
	if (out == NULL)
		return false;
	if (c->out_n > 0)
		memcpy(out, c->out, c->out_n);
	mem_free(c->out);
	c->out = out;
	c->out_cap = cap;
	return true;
}

static int append(const char *text, size_t n, void *ctx)
{
	struct client *c = ctx;

	if (!client_room(c, n))
		return -1;
	memcpy(c->out + c->out_n, text, n);
	c->out_n += n;
	return 0;
}

void client_send(struct client *c, json_t *object)
{
	size_t before = c->out_n;

	if (object == NULL ||
	    json_dump_callback(object, append, c, JSON_COMPACT | JSON_ENCODE_ANY) != 0 ||
	    append("\n", 1, c) != 0) {
		/* Half a line is worse than none; whoever follows the log just misses one. */
		c->out_n = before;
		if (c->wait != WAIT_LOG)
			c->ending = true;
	}
	json_decref(object);
	client_watch(c);
}

void client_ok(struct client *c, json_t *object)
{
	json_t *o = object != NULL ? object : json_object();

	c->wait = WAIT_NOTHING;
	(void)json_object_set_new(o, "ok", json_true());
	client_send(c, o);
}

void client_fail(struct client *c, const char *format, ...)
{
	char reason[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	c->wait = WAIT_NOTHING;
	client_send(c, json_pack("{s:b, s:s}", "ok", 0, "reason", reason));
}

static void client_line(struct client *c, const char *line, size_t n)
{
	json_error_t error;
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);

	if (c->wait != WAIT_NOTHING)
		client_fail(c, "the request before this one is not answered yet");
	else if (!json_is_object(request))
		client_fail(c, "a request is one JSON object on a line: %s", error.text);
	else
		control_request(c, request);
	json_decref(request);
}

/* Whole lines out of what has come. */
static void client_lines(struct client *c)
{
	for (;;) {
		const char *newline = memchr(c->in, '\n', c->in_n);
		if (newline == NULL || c->ending)
			break;
		size_t n = (size_t)(newline - c->in);
		client_line(c, c->in, n);
		c->in_n -= n + 1;
		memmove(c->in, newline + 1, c->in_n);
	}
	if (c->in_n == sizeof(c->in)) {
		client_fail(c, "a request may have %d octets", CONTROL_LINE_MAX);
		c->ending = true;
		client_watch(c);
	}
}

/* False when the client is gone. */
static bool client_read(struct client *c)
{
	ssize_t n = recv(c->io.fd, c->in + c->in_n, sizeof(c->in) - c->in_n, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	c->in_n += (size_t)n;
	client_lines(c);
	return true;
}

static bool client_write(struct client *c)
{
	ssize_t n = send(c->io.fd, c->out, c->out_n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->out_n -= (size_t)n;
	memmove(c->out, c->out + n, c->out_n);
	if (c->out_n == 0 && c->out_cap > 65536) {
		mem_free(c->out);
		c->out = NULL;
		c->out_cap = 0;
	}
	if (c->out_n == 0)
		client_watch(c);
	return c->out_n > 0 || !c->ending;
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	struct client *c = io->data;
	bool there = true;

	(void)loop;
	if ((events & EV_WRITE) != 0 && c->out_n > 0)
		there = client_write(c);
	if (there && !c->ending && (events & EV_READ) != 0)
		there = client_read(c);
	if (!there || (c->ending && c->out_n == 0))
		client_free(c);
}

static void on_listen(struct ev_loop *loop, ev_io *io, int events)
{
	struct control *control = io->data;
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	struct client *c = control->n_clients < CONTROL_CLIENTS_MAX ? mem_new(sizeof(*c)) : NULL;
	if (c == NULL) {
		static const char full[] =
		    "{\"ok\":false,\"reason\":\"too many clients are connected\"}\n";
		(void)send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)close(fd);
		return;
	}
	c->control = control;
	list_append(&control->clients, &c->in_all);
	control->n_clients++;
	ev_io_init(&c->io, on_client, fd, EV_READ);
	c->io.data = c;
	ev_io_start(loop, &c->io);
}

enum err control_new(struct control **out, struct ev_loop *loop, int listener,
		     const struct control_owner *owner)
{
	struct control *c = mem_new(sizeof(*c));

	if (c == NULL)
		return ERR_NO_MEMORY;
	c->loop = loop;
	c->owner = *owner;
	list_init(&c->clients);
	ev_io_init(&c->listen, on_listen, listener, EV_READ);
	c->listen.data = c;
	*out = c;
	return ERR_NONE;
}

void control_open(struct control *c)
{
	ev_io_start(c->loop, &c->listen);
}

void control_free(struct control *c)
{
	if (c == NULL)
		return;
	ev_io_stop(c->loop, &c->listen);
	LIST_EACH (&c->clients, node) {
		struct client *client = CONTAINER_OF(node, struct client, in_all);
		/* The last words, as far as the socket takes them. */
		if (client->wait != WAIT_NOTHING && client->wait != WAIT_LOG)
			client_fail(client, "posternd is ending");
		if (client->out_n > 0)
			(void)client_write(client);
		client_free(client);
	}
	mem_free(c);
}

void control_event(struct control *c, const struct ike_event *event)
{
	LIST_EACH (&c->clients, node)
		wait_event(CONTAINER_OF(node, struct client, in_all), event);
}

void control_log(struct control *c, const char *line)
{
	if (c->in_log)
		return;
	c->in_log = true;
	LIST_EACH (&c->clients, node) {
		struct client *client = CONTAINER_OF(node, struct client, in_all);
		if (client->wait == WAIT_LOG)
			client_send(client, json_pack("{s:s}", "log", line));
	}
	c->in_log = false;
}

/* Lines of text as a list. */
static json_t *list_of_lines(struct bytes text)
{
	json_t *list = json_array();

	while (text.n > 0 && list != NULL) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) : text.n;
		json_t *line = json_stringn((const char *)text.p, n);
		if (line != NULL)
			(void)json_array_append_new(list, line);
		n = end != NULL ? n + 1 : n;
		text = bytes_of(text.p + n, text.n - n);
	}
	return list;
}

void control_reloaded(struct control *c, struct bytes errors)
{
	LIST_EACH (&c->clients, node) {
		struct client *client = CONTAINER_OF(node, struct client, in_all);
		if (client->wait != WAIT_RELOAD)
			continue;
		client->wait = WAIT_NOTHING;
		if (errors.n == 0)
			client_ok(client, NULL);
		else
			client_send(client,
				    json_pack("{s:b, s:s, s:o}", "ok", 0, "reason",
					      "the configuration is wrong; the running one stays",
					      "errors", list_of_lines(errors)));
	}
}

void control_stats(struct control *c, const struct plane_stats *stats)
{
	LIST_EACH (&c->clients, node) {
		struct client *client = CONTAINER_OF(node, struct client, in_all);
		if (client->wait == WAIT_STATS)
			client_ok(client,
				  json_pack("{s:o, s:o}", "totals", status_totals(c->owner.ike),
					    "plane", status_plane(stats)));
	}
}
