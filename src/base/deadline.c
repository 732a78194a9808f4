#include "base/deadline.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_PLACES 16

void deadlines_init(struct deadlines *h)
{
	*h = (struct deadlines){0};
}

void deadlines_clear(struct deadlines *h)
{
	for (size_t i = 0; i < h->n; i++)
		h->heap[i]->place = 0;
	mem_free(h->heap);
	*h = (struct deadlines){0};
}

static void put(struct deadlines *h, size_t i, struct deadline *d)
{
	h->heap[i] = d;
	d->place = i + 1;
}

static void sift_up(struct deadlines *h, size_t i)
{
	struct deadline *d = h->heap[i];

	while (i > 0 && h->heap[(i - 1) / 2]->at > d->at) {
		put(h, i, h->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, d);
}

static void sift_down(struct deadlines *h, size_t i)
{
	struct deadline *d = h->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->heap[child + 1]->at < h->heap[child]->at)
			child++;
		if (h->heap[child]->at >= d->at)
			break;
		put(h, i, h->heap[child]);
		i = child;
	}
	put(h, i, d);
}

static bool room_for_one_more(struct deadlines *h)
{
	size_t cap = h->cap != 0 ? 2 * h->cap : FIRST_PLACES;
	struct deadline **heap = NULL;

	if (h->n < h->cap)
		return true;
	if (cap > SIZE_MAX / 2 / sizeof(struct deadline *))
		return false;
	heap = mem_new(cap * sizeof(struct deadline *));
	if (heap == NULL)
		return false;
	if (h->n != 0)
		memcpy(heap, h->heap, h->n * sizeof(struct deadline *));
	mem_free(h->heap);
	h->heap = heap;
	h->cap = cap;
	return true;
}

enum err deadline_set(struct deadlines *h, struct deadline *d, uint64_t at)
{
	if (at == DEADLINE_NEVER) {
		deadline_drop(h, d);
		return ERR_NONE;
	}
	if (d->place == 0) {
		if (!room_for_one_more(h))
			return ERR_NO_MEMORY;
		put(h, h->n++, d);
	}
	d->at = at;
	sift_up(h, d->place - 1);
	sift_down(h, d->place - 1);
	return ERR_NONE;
}

void deadline_drop(struct deadlines *h, struct deadline *d)
{
	size_t i = d->place;
	struct deadline *last = NULL;

	d->at = DEADLINE_NEVER;
	if (i == 0)
		return;
	d->place = 0;
	last = h->heap[--h->n];
	if (last == d)
		return;
	put(h, i - 1, last);
	sift_up(h, last->place - 1);
	sift_down(h, last->place - 1);
}

struct deadline *deadlines_first(const struct deadlines *h)
{
	return h->n != 0 ? h->heap[0] : NULL;
}
