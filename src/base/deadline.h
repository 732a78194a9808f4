/* Deadlines in a binary heap: the earliest is at hand, any may be moved or dropped in O(log n).
 * Time is what the owner says it is, in microseconds; nothing here reads a clock. */
#ifndef POSTERN_BASE_DEADLINE_H
#define POSTERN_BASE_DEADLINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DEADLINE_NEVER UINT64_MAX

/* Zero-initialised: not in a heap. */
struct deadline {
	uint64_t at;
	size_t place; /* 1 + index in the heap; 0: in none */
};

struct deadlines {
	struct deadline **heap; /* owned; what it points at is its owners' */
	size_t n;
	size_t cap;
};

void deadlines_init(struct deadlines *h);
void deadlines_clear(struct deadlines *h);
/* Adds d or moves it to `at`; DEADLINE_NEVER drops it. ERR_NO_MEMORY only when d was not in h. */
enum err deadline_set(struct deadlines *h, struct deadline *d, uint64_t at);
void deadline_drop(struct deadlines *h, struct deadline *d);
/* The earliest, or NULL. */
struct deadline *deadlines_first(const struct deadlines *h);

#endif
