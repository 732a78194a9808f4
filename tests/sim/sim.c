#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* More happenings than this in one instant, or in a whole run, are an endless loop. */
#define STEPS_AT_ONCE 20000
#define STEPS_MOST    3000000

struct sim *sim_new(uint64_t seed, bool trace)
{
	struct sim *sim = sim_alloc(sizeof(*sim));

	sim->seed = seed;
	sim->rng.state = seed;
	sim->trace = trace;
	sim->now = 1000 * SECOND;
	sim->net = (struct sim_net){.delay_min = 10 * MS, .delay_max = 10 * MS};
	sim->blocks_at_start = mem_blocks_held();
	return sim;
}

void sim_free(struct sim *sim)
{
	sim->trace = false; /* what is forgotten now is no news */
	queue_clear(&sim->queue);
	for (size_t i = 0; i < sim->n_peers; i++)
		peer_free(sim->peers[i]);
	queue_clear(&sim->queue); /* what engines said with their last breath */
	check_clear(sim);
	free(sim->streams);
	free(sim);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list args;

	if (sim->failed)
		return;
	sim->failed = true;
	va_start(args, format);
	vsnprintf(sim->reason, sizeof(sim->reason), format, args);
	va_end(args);
	sim_note(sim, "FAILED: %s", sim->reason);
}

void sim_note(struct sim *sim, const char *format, ...)
{
	va_list args;

	if (!sim->trace)
		return;
	printf("%10.6f ", (double)(sim->now - 1000 * SECOND) / 1e6);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* The peer whose engine wants to be woken first, no later than *at. */
static struct sim_peer *first_deadline(struct sim *sim, uint64_t *at)
{
	struct sim_peer *first = NULL;

	for (size_t i = 0; i < sim->n_peers; i++) {
		struct sim_peer *p = sim->peers[i];
		if (p->ike == NULL)
			continue;
		uint64_t d = ike_next_deadline(p->ike);
		if (d == DEADLINE_NEVER)
			continue;
		d = d > p->clock_ahead ? d - p->clock_ahead : 0;
		if (d < sim->now)
			d = sim->now;
		if (d < *at) {
			*at = d;
			first = p;
		}
	}
	return first;
}

/* One thing happens, if any does up to `end`. */
static bool step(struct sim *sim, uint64_t end)
{
	const struct sim_event *e = queue_first(&sim->queue);
	uint64_t at = end + 1;

	if (e != NULL && e->at < at)
		at = e->at;
	struct sim_peer *p = first_deadline(sim, &at);
	if (at > end)
		return false;
	sim->steps_at_now = at == sim->now ? sim->steps_at_now + 1 : 0;
	sim->now = at;
	if (++sim->steps > STEPS_MOST || sim->steps_at_now > STEPS_AT_ONCE) {
		sim_fail(sim, "it never comes to rest: %llu steps", (unsigned long long)sim->steps);
		return false;
	}
	if (p != NULL) {
		const ptrdiff_t held = peer_enter();
		ike_tick(p->ike, peer_now(p));
		peer_leave(p, held);
	} else {
		struct sim_event now = queue_take(&sim->queue);
		now.fire(sim, &now);
	}
	check_step(sim);
	return !sim->failed;
}

void sim_run(struct sim *sim, uint64_t time)
{
	const uint64_t end = sim->now + time;

	while (!sim->failed && step(sim, end))
		;
	if (!sim->failed)
		sim->now = end;
}

bool sim_run_until(struct sim *sim, bool (*done)(struct sim *sim), uint64_t most)
{
	const uint64_t end = sim->now + most;

	while (!sim->failed) {
		if (done(sim))
			return true;
		if (!step(sim, end))
			break;
	}
	return !sim->failed && done(sim);
}

void sim_later(struct sim *sim, uint64_t after, void (*fire)(struct sim *sim, struct sim_event *e),
	       struct sim_peer *peer, uint64_t number)
{
	queue_add(&sim->queue, (struct sim_event){.at = sim->now + after,
						  .fire = fire,
						  .peer = peer,
						  .generation = peer == NULL ? 0 : peer->generation,
						  .number = number});
}
