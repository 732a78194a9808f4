/* TCP between the peers, as their engines see it (RFC 9329): octets in order, connections that take
 * time to open, fail, are reset in the middle of what is under way, and end with a peer. */
#include <stdlib.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "sim.h"

#define STREAMS_MAX  64
#define STREAM_PORT  4500
#define CONNECT_TIME (10 * SECOND)
#define RETRY        (50 * MS)

struct sim_stream {
	uint64_t serial;         /* 0: not in use */
	struct sim_peer *end[2]; /* who opened it, and the other */
	unsigned generation[2];  /* of the peers */
	uint32_t number[2];
	uint16_t port;                /* of who opened it */
	bool deaf[2];                 /* that end has closed it */
	uint64_t sent[2], arrived[2]; /* messages toward that end */
};

struct sim_streams {
	struct sim_stream s[STREAMS_MAX];
	uint64_t serials;
};

/* Something on its way; octets of 0 length: the end of the stream. */
struct in_flight {
	size_t index;
	uint64_t serial, order;
	unsigned to;
	bool esp;
	uint8_t *octets;
	size_t len;
};

static struct sim_streams *streams_of(struct sim *sim)
{
	if (sim->streams == NULL)
		sim->streams = sim_alloc(sizeof(*sim->streams));
	return sim->streams;
}

static struct path path_of(const struct sim_stream *s, unsigned end)
{
	const struct endpoint opener = {s->end[0]->addr, s->port};
	const struct endpoint other = {s->end[1]->addr, STREAM_PORT};

	return (struct path){.local = end == 0 ? opener : other,
			     .remote = end == 0 ? other : opener,
			     .stream = s->number[end]};
}

static bool end_lives(const struct sim_stream *s, unsigned end)
{
	const struct sim_peer *p = s->end[end];

	return !s->deaf[end] && p->ike != NULL && p->generation == s->generation[end];
}

/* What an engine is told of a stream, in its time. */
struct told {
	struct stream_event event;
};

static void tell(struct sim *sim, struct sim_event *e)
{
	struct told *t = e->data;

	if (sim != NULL && e->peer->ike != NULL && e->peer->generation == e->generation) {
		const ptrdiff_t held = peer_enter();
		ike_stream_event(e->peer->ike, &t->event, peer_now(e->peer));
		peer_leave(e->peer, held);
	}
	free(t);
}

static void tell_later(struct sim *sim, struct sim_peer *p, enum stream_event_type type,
		       const struct path *path, const char *reason, uint64_t delay)
{
	struct told *t = sim_alloc(sizeof(*t));

	t->event = (struct stream_event){.type = type, .path = *path, .reason = reason};
	queue_add(&sim->queue, (struct sim_event){.at = sim->now + delay,
						  .fire = tell,
						  .peer = p,
						  .generation = p->generation,
						  .data = t});
}

static void stream_end(struct sim *sim, struct sim_stream *s, const char *reason)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct path path = path_of(s, i);
		if (end_lives(s, i))
			tell_later(sim, s->end[i], STREAM_CLOSED, &path, reason,
				   rng_between(&sim->rng, 1, 50 * MS));
	}
	s->serial = 0;
}

static void arrive(struct sim *sim, struct sim_event *e)
{
	struct in_flight *f = e->data;
	struct sim_stream *s = sim == NULL ? NULL : &streams_of(sim)->s[f->index];

	if (s == NULL || s->serial != f->serial)
		goto done;
	/* In order, and what the network holds up comes later: TCP repeats it. */
	if (sim->net.loss == 1000 || f->order != s->arrived[f->to]) {
		/* Seldom while nothing gets through: hundreds may wait for minutes. */
		const uint64_t pause = sim->net.loss == 1000 ? 10 * RETRY : RETRY / 10;
		queue_add(&sim->queue,
			  (struct sim_event){.at = sim->now + pause, .fire = arrive, .data = f});
		return;
	}
	s->arrived[f->to]++;
	if (f->len == 0) {
		stream_end(sim, s, "the peer closed the connection");
		goto done;
	}
	if (!end_lives(s, f->to))
		goto done;
	const struct path path = path_of(s, f->to);
	struct sim_peer *p = s->end[f->to];
	if (f->esp) {
		const struct sim_datagram d = {.src = path.remote,
					       .dst = path.local,
					       .from = s->end[!f->to],
					       .octets = f->octets,
					       .len = f->len,
					       .esp = true};
		plane_receive(sim, p, &d);
	} else {
		const ptrdiff_t held = peer_enter();
		ike_input(p->ike, &path, bytes_of(f->octets, f->len), peer_now(p));
		peer_leave(p, held);
	}
done:
	free(f->octets);
	free(f);
}

static struct sim_stream *stream_by_number(struct sim *sim, const struct sim_peer *p,
					   uint32_t number, unsigned *end)
{
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		struct sim_stream *s = &streams_of(sim)->s[i];
		for (*end = 0; s->serial != 0 && *end < 2; (*end)++)
			if (s->end[*end] == p && s->number[*end] == number && end_lives(s, *end))
				return s;
	}
	return NULL;
}

static void put(struct sim *sim, struct sim_stream *s, unsigned to, struct bytes octets, bool esp)
{
	struct in_flight *f = sim_alloc(sizeof(*f));

	*f = (struct in_flight){.index = (size_t)(s - sim->streams->s),
				.serial = s->serial,
				.order = s->sent[to]++,
				.to = to,
				.esp = esp,
				.len = octets.n};
	f->octets = sim_alloc(octets.n != 0 ? octets.n : 1);
	if (octets.n != 0)
		memcpy(f->octets, octets.p, octets.n);
	queue_add(&sim->queue,
		  (struct sim_event){.at = sim->now + rng_between(&sim->rng, sim->net.delay_min,
								  sim->net.delay_max),
				     .fire = arrive,
				     .data = f});
}

void streams_send(struct sim *sim, struct sim_peer *from, const struct path *path,
		  struct bytes octets, bool esp)
{
	unsigned end;
	struct sim_stream *s = stream_by_number(sim, from, path->stream, &end);

	if (s != NULL && octets.n != 0)
		put(sim, s, !end, octets, esp);
}

static enum err on_open(void *ctx, const struct path *path)
{
	struct sim_peer *p = ctx, *other = NULL;
	struct sim *sim = p->sim;
	struct sim_streams *all = streams_of(sim);
	struct sim_stream *s = NULL;
	const uint64_t delay = rng_between(&sim->rng, sim->net.delay_min, sim->net.delay_max);

	for (size_t i = 0; i < sim->n_peers; i++)
		if (addr_equal(&sim->peers[i]->addr, &path->remote.addr))
			other = sim->peers[i];
	for (size_t i = 0; i < STREAMS_MAX && s == NULL; i++)
		s = all->s[i].serial == 0 ? &all->s[i] : NULL;
	if ((path->stream & STREAM_OURS) == 0 || path->remote.port != STREAM_PORT)
		sim_fail(sim, "%s: opens a stream that cannot be", p->name);
	if (s == NULL || other == NULL || other->ike == NULL || sim->net.loss == 1000 ||
	    rng_chance(&sim->rng, sim->net.loss / 2)) {
		tell_later(sim, p, STREAM_FAILED, path, "connection refused",
			   sim->net.loss == 1000 ? CONNECT_TIME : 2 * delay);
		return ERR_NONE;
	}
	*s = (struct sim_stream){
	    .serial = ++all->serials,
	    .end = {p, other},
	    .generation = {p->generation, other->generation},
	    .number = {path->stream, (uint32_t)all->serials | (path->stream & STREAM_LONG)},
	    .port = (uint16_t)rng_between(&sim->rng, 20000, 60000),
	};
	const struct path mine = path_of(s, 0);
	tell_later(sim, p, STREAM_OPENED, &mine, NULL, 2 * delay);
	return ERR_NONE;
}

static void on_hold(void *ctx, uint32_t stream, uint32_t message_max)
{
	(void)ctx;
	(void)stream;
	(void)message_max;
}

/* What was sent before arrives, then the end. */
static void on_close(void *ctx, uint32_t stream)
{
	struct sim_peer *p = ctx;
	unsigned end;
	struct sim_stream *s = stream_by_number(p->sim, p, stream, &end);

	if (s == NULL)
		return;
	s->deaf[end] = true;
	put(p->sim, s, !end, (struct bytes){0}, false);
}

const struct stream_ops sim_stream_ops = {on_open, on_hold, on_close};

void streams_reset(struct sim *sim)
{
	sim_note(sim, "every connection is reset");
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (streams_of(sim)->s[i].serial != 0)
			stream_end(sim, &sim->streams->s[i], "connection reset");
}

void streams_of_crashed(struct sim *sim, const struct sim_peer *p)
{
	for (size_t i = 0; sim->streams != NULL && i < STREAMS_MAX; i++) {
		struct sim_stream *s = &sim->streams->s[i];
		if (s->serial != 0 && (s->end[0] == p || s->end[1] == p))
			stream_end(sim, s, "connection reset");
	}
}
