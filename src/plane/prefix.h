/* Ranges of addresses as the prefixes that routes are made of. */
#ifndef POSTERN_PLANE_PREFIX_H
#define POSTERN_PLANE_PREFIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct prefix {
	struct addr addr;
	uint8_t len; /* bits */
};

/* A range of 2^128 addresses falls apart in at most twice its bits of prefixes. */
#define PREFIXES_MAX 254

/* The fewest prefixes that make up the range exactly, in order. Returns how many; 0 when the range
 * is empty, of mixed families or of none. */
size_t prefix_split(const struct addr_range *range, struct prefix out[PREFIXES_MAX]);
/* The prefix with `len` leading bits that holds a. */
struct prefix prefix_of(const struct addr *a, uint8_t len);
/* All of inner lies in outer (equal prefixes too). */
int prefix_covers(const struct prefix *outer, const struct prefix *inner);

#endif
