/* The sending half of net/tcp.h: whole frames, in order. ESP may be dropped before it is begun, IKE
 * never is. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "net/tcp_impl.h"

#define FRAMES_A_CALL 64

void tcp_queue_clear(struct tcp_stream *s)
{
	LIST_EACH (&s->queue, node) {
		list_remove(node);
		mem_free(CONTAINER_OF(node, struct tcp_frame, node));
	}
	s->queued = 0;
}

static struct tcp_frame *frame_new(struct tcp_stream *s, size_t n)
{
	struct tcp_frame *f = mem_new(sizeof(*f) + n);

	if (f == NULL)
		return NULL;
	f->n = n;
	s->queued += n;
	list_append(&s->queue, &f->node);
	return f;
}

bool tcp_queue_octets(struct tcp_stream *s, struct bytes octets)
{
	struct tcp_frame *f = frame_new(s, octets.n);

	if (f != NULL && octets.n != 0)
		memcpy(f->octets, octets.p, octets.n);
	return f != NULL;
}

/* Octets sent, 0 when the socket is full, -1 when it is broken. */
static ssize_t send_some(const struct tcp_stream *s, struct iovec *iov, size_t n)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t sent;

	do
		sent = sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
		return 0;
	return sent;
}

static void frames_sent(struct tcp_stream *s, size_t sent)
{
	LIST_EACH (&s->queue, node) {
		struct tcp_frame *f = CONTAINER_OF(node, struct tcp_frame, node);
		if (sent < f->n - f->at) {
			f->at += sent;
			s->queued -= sent;
			return;
		}
		sent -= f->n - f->at;
		s->queued -= f->n - f->at;
		list_remove(node);
		mem_free(f);
	}
}

bool tcp_flush(struct tcp_stream *s)
{
	struct iovec iov[FRAMES_A_CALL];

	while (!list_empty(&s->queue)) {
		size_t n = 0;
		LIST_EACH (&s->queue, node) {
			struct tcp_frame *f = CONTAINER_OF(node, struct tcp_frame, node);
			if (n == FRAMES_A_CALL)
				break;
			iov[n++] = (struct iovec){f->octets + f->at, f->n - f->at};
		}
		ssize_t sent = send_some(s, iov, n);
		if (sent < 0)
			return false;
		if (sent == 0)
			break;
		frames_sent(s, (size_t)sent);
	}
	if (list_empty(&s->queue) && s->state == TCP_ENDING && !s->finished)
		s->finished = shutdown(s->fd, SHUT_WR) == 0;
	tcp_watch(s);
	return true;
}

/* Ended in the next turn, not under the caller's hands. */
static void fail(struct tcp_stream *s)
{
	s->failed = true;
	(void)deadline_set(&s->tcp->deadlines, &s->deadline, s->tcp->now);
}

static bool can_send(const struct tcp_stream *s)
{
	return s != NULL && s->state == TCP_OPEN && !s->failed && !s->in.in_prefix;
}

enum err tcp_send_ike(struct tcp *t, uint32_t stream, struct bytes message)
{
	struct tcp_stream *s = tcp_find(t, stream);
	uint8_t head[STREAM_HEAD_MAX];

	if (!can_send(s))
		return ERR_NOT_FOUND;
	const size_t n = stream_head(head, s->in.is_long, true, message.n);
	if (n == 0)
		return ERR_RANGE;
	if (s->queued + n + message.n > TCP_IKE_QUEUE) {
		fail(s); /* the peer reads nothing */
		return ERR_LIMIT;
	}
	struct tcp_frame *f = frame_new(s, n + message.n);
	if (f == NULL)
		return ERR_NO_MEMORY;
	memcpy(f->octets, head, n);
	if (message.n != 0)
		memcpy(f->octets + n, message.p, message.n);
	t->totals.messages_out++;
	if (!tcp_flush(s))
		fail(s);
	return ERR_NONE;
}

/* Queues frames from `first` on, of which `skip` octets have gone already; a frame that is begun
 * must end. */
static size_t queue_rest(struct tcp_stream *s, uint8_t heads[][STREAM_HEAD_MAX], const size_t *lens,
			 const struct bytes *packets, size_t n, size_t skip)
{
	for (size_t i = 0; i < n; i++, skip = 0) {
		const size_t whole = lens[i] + packets[i].n;
		if (skip == 0 && s->queued + whole > TCP_ESP_QUEUE)
			return i;
		struct tcp_frame *f = frame_new(s, whole);
		if (f == NULL) {
			if (skip != 0)
				fail(s);
			return i;
		}
		memcpy(f->octets, heads[i], lens[i]);
		if (packets[i].n != 0)
			memcpy(f->octets + lens[i], packets[i].p, packets[i].n);
		f->at = skip;
		s->queued -= skip;
	}
	return n;
}

/* At most FRAMES_A_CALL. */
static size_t send_batch(struct tcp_stream *s, const struct bytes *packets, size_t n)
{
	uint8_t heads[FRAMES_A_CALL][STREAM_HEAD_MAX];
	size_t lens[FRAMES_A_CALL], i = 0, gone = 0;
	struct iovec iov[2 * FRAMES_A_CALL];

	for (i = 0; i < n; i++) {
		lens[i] = stream_head(heads[i], s->in.is_long, false, packets[i].n);
		if (lens[i] == 0)
			return 0;
		iov[2 * i] = (struct iovec){heads[i], lens[i]};
		iov[2 * i + 1] = (struct iovec){(void *)(uintptr_t)packets[i].p, packets[i].n};
	}
	if (list_empty(&s->queue)) {
		ssize_t sent = send_some(s, iov, 2 * n);
		if (sent < 0) {
			fail(s);
			return 0;
		}
		gone = (size_t)sent;
	}
	for (i = 0; i < n && gone >= lens[i] + packets[i].n; i++)
		gone -= lens[i] + packets[i].n;
	i += queue_rest(s, heads + i, lens + i, packets + i, n - i, gone);
	tcp_watch(s);
	return i;
}

size_t tcp_send_esp(struct tcp *t, uint32_t stream, const struct bytes *packets, size_t n)
{
	struct tcp_stream *s = tcp_find(t, stream);
	size_t done = 0;

	while (can_send(s) && done < n) {
		const size_t most = n - done < FRAMES_A_CALL ? n - done : FRAMES_A_CALL;
		const size_t took = send_batch(s, packets + done, most);
		done += took;
		if (took < most)
			break;
	}
	t->totals.packets_out += done;
	t->totals.packets_dropped += n - done;
	return done;
}
