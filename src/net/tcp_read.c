/* The receiving half of net/tcp.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/tcp_impl.h"

#define READS_A_TURN 4

static void drop_waiting(struct tcp_stream *s)
{
	mem_free_secret(s->waiting, s->waiting_n);
	s->waiting = NULL;
	s->waiting_message = s->waiting_n = 0;
}

/* A stranger has so long to say something. */
static void give_time(struct tcp_stream *s, uint64_t time)
{
	if (!s->held && s->state == TCP_OPEN)
		(void)deadline_set(&s->tcp->deadlines, &s->deadline, s->tcp->now + time);
}

/* The owner did not take this message: keeps it, and what came behind it. */
static bool wait_for_owner(struct tcp_stream *s, struct bytes message, struct bytes rest)
{
	uint8_t *kept = mem_new(message.n + rest.n);

	if (kept == NULL)
		return false;
	memcpy(kept, message.p, message.n);
	if (rest.n != 0)
		memcpy(kept + message.n, rest.p, rest.n);
	drop_waiting(s);
	s->waiting = kept;
	s->waiting_message = message.n;
	s->waiting_n = message.n + rest.n;
	s->paused = true;
	tcp_watch(s);
	return true;
}

static bool take_message(struct tcp_stream *s, struct bytes message)
{
	struct tcp *t = s->tcp;

	if (!t->owner.message(t->owner.ctx, &s->path, message))
		return false;
	s->known = true;
	t->totals.messages_in++;
	give_time(s, TCP_IDLE_TIME);
	return true;
}

/* Everything in input. False: the stream has ended, or rests. */
static bool take(struct tcp_stream *s, struct bytes input)
{
	struct tcp *t = s->tcp;
	enum stream_step step;
	struct bytes body;
	bool kept;

	while ((step = stream_next(&s->in, &input, &body, &kept)) != STREAM_MORE) {
		switch (step) {
		case STREAM_PREFIX:
			if (s->in.is_long) {
				/* The number tells the kind, so it is chosen only now. */
				table_remove(&t->streams, &s->by_number);
				s->path.stream |= STREAM_LONG;
				table_add(&t->streams, &s->by_number);
				s->watched = 0;
				tcp_watch(s);
			}
			give_time(s, TCP_MESSAGE_TIME);
			break;
		case STREAM_IKE:
			if (take_message(s, body))
				break;
			t->owner.packets_end(t->owner.ctx);
			if (!wait_for_owner(s, body, input))
				tcp_end(s, "there is no memory for a message");
			return false;
		case STREAM_ESP:
			t->totals.packets_in++;
			if (t->owner.packet(t->owner.ctx, &s->path, body))
				give_time(s, TCP_IDLE_TIME);
			if (kept) /* its memory is used again by the next call */
				t->owner.packets_end(t->owner.ctx);
			break;
		default:
			t->owner.packets_end(t->owner.ctx);
			t->totals.broken++;
			tcp_end(s, s->in.why);
			return false;
		}
	}
	t->owner.packets_end(t->owner.ctx);
	return true;
}

void tcp_readable(struct tcp_stream *s)
{
	struct tcp *t = s->tcp;

	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = recv(s->fd, t->buffer, TCP_READ, MSG_DONTWAIT);
		if (n == 0) {
			/* RFC 9329 6: what came of a message is discarded. */
			tcp_end(s, "the peer closed the connection");
			return;
		}
		if (n < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
				tcp_end(s, strerror(errno));
			return;
		}
		if (s->state == TCP_ENDING)
			continue;
		if (!take(s, bytes_of(t->buffer, (size_t)n)) || n < TCP_READ)
			return;
	}
}

void tcp_again(struct tcp_stream *s)
{
	const struct bytes message = bytes_of(s->waiting, s->waiting_message);
	uint8_t *block = s->waiting;
	const size_t at = s->waiting_message, n = s->waiting_n;

	if (!s->paused || s->waiting == NULL || !take_message(s, message))
		return;
	s->waiting = NULL;
	s->waiting_message = s->waiting_n = 0;
	s->paused = false;
	if (take(s, bytes_of(block + at, n - at)))
		tcp_watch(s);
	mem_free_secret(block, n);
}
