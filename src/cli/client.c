#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define LINE_MAX_OCTETS (256U << 20)

static long long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool client_open(struct client *c, const char *run_dir, unsigned timeout)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int n = snprintf(un.sun_path, sizeof(un.sun_path), "%s/control", run_dir);

	*c = (struct client){.fd = -1};
	if (n < 0 || (size_t)n >= sizeof(un.sun_path)) {
		(void)fprintf(stderr, "postern: the name of the run directory is too long\n");
		return false;
	}
	if (timeout > 0)
		c->until = now_ms() + (long long)timeout * 1000;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return true;
	if (errno == ENOENT || errno == ECONNREFUSED)
		(void)fprintf(stderr, "postern: posternd does not run (nobody listens on %s)\n",
			      un.sun_path);
	else if (errno == EACCES)
		(void)fprintf(stderr, "postern: only root may talk to posternd (%s)\n",
			      un.sun_path);
	else
		(void)fprintf(stderr, "postern: %s: %s\n", un.sun_path, strerror(errno));
	client_close(c);
	return false;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	mem_free(c->buf);
	c->buf = NULL;
}

bool client_ask(struct client *c, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n = text != NULL ? strlen(text) : 0, sent = 0;

	if (text == NULL)
		return false;
	text[n++] = '\n'; /* in the NUL's place: only n counts from here on */
	while (sent < n) {
		ssize_t r = send(c->fd, text + sent, n - sent, MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			(void)fprintf(stderr, "postern: posternd does not listen: %s\n",
				      strerror(errno));
			break;
		}
		sent += (size_t)r;
	}
	free(text); /* jansson's memory */
	return sent == n;
}

/* Waits for octets; false when the time is over. */
static bool wait_readable(const struct client *c)
{
	struct pollfd p = {c->fd, POLLIN, 0};

	for (;;) {
		int timeout = -1;
		if (c->until != 0) {
			long long left = c->until - now_ms();
			if (left <= 0)
				return false;
			timeout = left > 1000000 ? 1000000 : (int)left;
		}
		int n = poll(&p, 1, timeout);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return true; /* recv() will say what is wrong */
	}
}

static bool grow(struct client *c)
{
	size_t cap = c->cap > 0 ? c->cap * 2 : 65536;
	char *buf = cap <= LINE_MAX_OCTETS ? mem_new(cap) : NULL;

	if (buf == NULL)
		return false;
	if (c->n > 0)
		memcpy(buf, c->buf, c->n);
	mem_free(c->buf);
	c->buf = buf;
	c->cap = cap;
	return true;
}

json_t *client_next(struct client *c, int *status)
{
	json_error_t error;
	const char *newline;
	size_t looked = 0;

	c->n -= c->used;
	if (c->n > 0)
		memmove(c->buf, c->buf + c->used, c->n);
	c->used = 0;
	while ((newline = c->n > looked ? memchr(c->buf + looked, '\n', c->n - looked) : NULL) ==
	       NULL) {
		looked = c->n;
		*status = EXIT_UNREACHABLE;
		if (c->n == c->cap && !grow(c)) {
			(void)fprintf(stderr, "postern: the answer is too long\n");
			return NULL;
		}
		if (!wait_readable(c)) {
			(void)fprintf(stderr, "postern: the time is over\n");
			*status = EXIT_TIMEOUT;
			return NULL;
		}
		ssize_t n = recv(c->fd, c->buf + c->n, c->cap - c->n, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			(void)fprintf(stderr, "postern: posternd has ended\n");
			return NULL;
		}
		c->n += (size_t)n;
	}
	c->used = (size_t)(newline - c->buf) + 1;
	json_t *o = json_loadb(c->buf, c->used, 0, &error);
	if (o == NULL) {
		(void)fprintf(stderr, "postern: the answer is no JSON: %s\n", error.text);
		*status = EXIT_UNREACHABLE;
	}
	return o;
}
