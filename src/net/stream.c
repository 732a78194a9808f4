#include "net/stream.h"

#include <string.h>

#include "base/mem.h"

#define KEEPALIVE_OCTET 0xff
#define SHORT_LENGTH    2
#define LONG_LENGTH     4
#define LENGTH_14       ((1U << 14) - 1)
#define LENGTH_30       ((1U << 30) - 1)
#define FIRST_BUFFER    2048U

static const char *const prefixes[] = {"IKETCP", "IKETCL"};

const char *stream_prefix(bool is_long)
{
	return prefixes[is_long ? 1 : 0];
}

void stream_in_start(struct stream_in *s, bool with_prefix, bool is_long, size_t message_max)
{
	*s = (struct stream_in){
	    .is_long = is_long, .in_prefix = with_prefix, .message_max = message_max};
}

void stream_in_clear(struct stream_in *s)
{
	mem_free_secret(s->buf, s->cap);
	*s = (struct stream_in){.why = "it is closed"};
}

static enum stream_step broken(struct stream_in *s, const char *why)
{
	s->why = why;
	return STREAM_BROKEN;
}

/* Moves octets of the input to head until it has n. */
static bool head_fill(struct stream_in *s, struct reader *r, size_t n)
{
	while (s->n_head < n && reader_left(r) > 0)
		s->head[s->n_head++] = reader_u8(r);
	return s->n_head == n;
}

/* RFC 9329 4: nothing is looked at before all six octets are there. */
static enum stream_step prefix_read(struct stream_in *s, struct reader *r)
{
	if (!head_fill(s, r, STREAM_PREFIX_LEN))
		return STREAM_MORE;
	for (size_t i = 0; i < 2; i++) {
		if (memcmp(s->head, prefixes[i], STREAM_PREFIX_LEN) != 0)
			continue;
		s->is_long = i == 1;
		s->in_prefix = false;
		s->n_head = 0;
		return STREAM_PREFIX;
	}
	return broken(s, "it does not begin with the prefix of IKE in TCP");
}

/* STREAM_IKE stands for: the length is there, and s->want is the rest of the frame. */
static enum stream_step length_read(struct stream_in *s, struct reader *r)
{
	size_t octets = SHORT_LENGTH, frame;

	if (s->n_head < SHORT_LENGTH && !head_fill(s, r, SHORT_LENGTH))
		return STREAM_MORE;
	if (s->is_long) {
		const unsigned form = s->head[0] >> 6;
		if (form != 1 && form != 2)
			return broken(s, "a length has an unknown form");
		if (form == 2)
			octets = LONG_LENGTH;
		if (!head_fill(s, r, octets))
			return STREAM_MORE;
	}
	struct reader h = reader_of(bytes_of(s->head, octets));
	if (octets == LONG_LENGTH)
		frame = reader_u32(&h) & LENGTH_30;
	else
		frame = reader_u16(&h) & (s->is_long ? LENGTH_14 : 0xffffU);
	s->n_head = 0;
	/* RFC 9329 3.1, 3.2: MUST be treated as fatal, MUST close the connection */
	if (frame < octets)
		return broken(s, "a length is too short to count itself");
	s->want = frame - octets;
	if (s->want > s->message_max)
		return broken(s, "a message is longer than may come now");
	s->in_body = true;
	s->have = 0;
	return STREAM_IKE;
}

/* Room for what has come and n octets more: at most twice of what is used. */
static bool body_room(struct stream_in *s, size_t n)
{
	size_t cap = s->cap != 0 ? s->cap : FIRST_BUFFER;

	while (cap < s->have + n)
		cap *= 2;
	if (cap == s->cap)
		return true;
	uint8_t *grown = mem_new(cap);
	if (grown == NULL)
		return false;
	if (s->have != 0)
		memcpy(grown, s->buf, s->have);
	mem_free_secret(s->buf, s->cap);
	s->buf = grown;
	s->cap = cap;
	return true;
}

/* What a whole message is. STREAM_MORE: nothing to tell of. */
static enum stream_step classify(struct stream_in *s, struct bytes *body)
{
	struct reader r = reader_of(*body);
	const uint32_t first = reader_u32(&r);

	if (body->n == 0) /* RFC 9329 3: MUST be silently ignored */
		return STREAM_MORE;
	if (body->n == 1 && body->p[0] == KEEPALIVE_OCTET) /* 6.7: MUST be dropped silently */
		return STREAM_MORE;
	if (!reader_ok(&r) || reader_left(&r) == 0) {
		/* RFC 9329 6.1: a stream out of step SHOULD be closed */
		if (++s->corrupt > STREAM_CORRUPT_MAX)
			return broken(s, "too many frames hold nothing that makes sense");
		return STREAM_MORE;
	}
	if (first != 0)
		return STREAM_ESP;
	*body = reader_rest(&r);
	return STREAM_IKE;
}

static enum stream_step body_read(struct stream_in *s, struct reader *r, struct bytes *body,
				  bool *kept)
{
	*kept = s->have != 0;
	if (!*kept && reader_left(r) >= s->want) {
		*body = reader_take(r, s->want);
		s->in_body = false;
		return classify(s, body);
	}
	size_t n = s->want - s->have;
	if (n > reader_left(r))
		n = reader_left(r);
	if (n == 0)
		return STREAM_MORE;
	if (!body_room(s, n))
		return broken(s, "there is no memory for a message");
	reader_copy(r, s->buf + s->have, n);
	s->have += n;
	if (s->have < s->want)
		return STREAM_MORE;
	*body = bytes_of(s->buf, s->want);
	*kept = true;
	s->in_body = false;
	return classify(s, body);
}

/* A large buffer is not kept for the small messages to come. */
static void buffer_rest(struct stream_in *s)
{
	if (s->in_body || s->cap <= FIRST_BUFFER)
		return;
	mem_free_secret(s->buf, s->cap);
	s->buf = NULL;
	s->cap = s->have = 0;
}

enum stream_step stream_next(struct stream_in *s, struct bytes *input, struct bytes *body,
			     bool *kept)
{
	struct reader r = reader_of(*input);
	enum stream_step step = STREAM_MORE;

	*body = (struct bytes){0};
	*kept = false;
	if (s->why != NULL)
		return STREAM_BROKEN;
	buffer_rest(s);
	while (step == STREAM_MORE) {
		const size_t left = reader_left(&r);
		const bool was_in_body = s->in_body;
		if (s->in_prefix)
			step = prefix_read(s, &r);
		else if (!s->in_body && length_read(s, &r) == STREAM_BROKEN)
			step = STREAM_BROKEN;
		else if (s->in_body)
			step = body_read(s, &r, body, kept);
		if (step == STREAM_MORE && reader_left(&r) == left && s->in_body == was_in_body)
			break;
	}
	*input = reader_rest(&r);
	if (step != STREAM_IKE && step != STREAM_ESP)
		*body = (struct bytes){0};
	return step;
}

size_t stream_head(uint8_t head[STREAM_HEAD_MAX], bool is_long, bool ike, size_t n)
{
	struct writer w = writer_of(head, STREAM_HEAD_MAX);
	const size_t message = n + (ike ? STREAM_MARKER_LEN : 0);

	if (!is_long) {
		if (n > STREAM_SHORT_MAX || message > STREAM_SHORT_MAX)
			return 0;
		writer_u16(&w, (uint16_t)(message + SHORT_LENGTH));
	} else {
		if (n > STREAM_LONG_MAX || message > STREAM_LONG_MAX)
			return 0;
		if (message + SHORT_LENGTH <= LENGTH_14)
			writer_u16(&w, (uint16_t)(0x4000U | (message + SHORT_LENGTH)));
		else
			writer_u32(&w, 0x80000000U | (uint32_t)(message + LONG_LENGTH));
	}
	if (ike)
		writer_zero(&w, STREAM_MARKER_LEN);
	return w.n;
}
