/* A binary heap by time, then by order of arrival. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static bool sooner(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
	const struct sim_event kept = *a;

	*a = *b;
	*b = kept;
}

void queue_add(struct sim_queue *q, struct sim_event e)
{
	if (q->n == q->cap) {
		const size_t cap = q->cap == 0 ? 64 : 2 * q->cap;
		struct sim_event *grown = sim_alloc(cap * sizeof(*grown));
		if (q->n > 0)
			memcpy(grown, q->events, q->n * sizeof(*grown));
		free(q->events);
		q->events = grown;
		q->cap = cap;
	}
	e.order = q->order++;
	size_t i = q->n++;
	q->events[i] = e;
	for (; i > 0 && sooner(&q->events[i], &q->events[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&q->events[i], &q->events[(i - 1) / 2]);
}

const struct sim_event *queue_first(const struct sim_queue *q)
{
	return q->n == 0 ? NULL : &q->events[0];
}

struct sim_event queue_take(struct sim_queue *q)
{
	const struct sim_event first = q->events[0];
	size_t i = 0;

	q->events[0] = q->events[--q->n];
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < q->n; child++)
			if (sooner(&q->events[child], &q->events[least]))
				least = child;
		if (least == i)
			return first;
		swap(&q->events[i], &q->events[least]);
		i = least;
	}
}

void queue_clear(struct sim_queue *q)
{
	while (q->n > 0) {
		struct sim_event e = queue_take(q);
		e.fire(NULL, &e);
	}
	free(q->events);
	*q = (struct sim_queue){0};
}
