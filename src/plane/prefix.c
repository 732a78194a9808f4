#include "plane/prefix.h"

#include <stdbool.h>
#include <string.h>

static bool bit(const struct addr *a, unsigned i)
{
	return (a->a[i / 8] & (0x80U >> (i % 8))) != 0;
}

static void set_bit(struct addr *a, unsigned i, bool on)
{
	uint8_t mask = (uint8_t)(0x80U >> (i % 8));
	if (on)
		a->a[i / 8] |= mask;
	else
		a->a[i / 8] = (uint8_t)(a->a[i / 8] & ~mask);
}

static unsigned bits_of(const struct addr *a)
{
	return (unsigned)addr_len(a) * 8;
}

/* The last address of a prefix. */
static struct addr last_of(const struct prefix *p)
{
	struct addr last = p->addr;
	for (unsigned i = p->len; i < bits_of(&last); i++)
		set_bit(&last, i, true);
	return last;
}

struct prefix prefix_of(const struct addr *a, uint8_t len)
{
	struct prefix p = {*a, len};
	for (unsigned i = len; i < bits_of(a); i++)
		set_bit(&p.addr, i, false);
	return p;
}

int prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	if (outer->addr.family != inner->addr.family || outer->len > inner->len)
		return 0;
	for (unsigned i = 0; i < outer->len; i++) {
		if (bit(&outer->addr, i) != bit(&inner->addr, i))
			return 0;
	}
	return 1;
}

size_t prefix_split(const struct addr_range *range, struct prefix out[PREFIXES_MAX])
{
	struct addr at = range->first;
	unsigned bits = bits_of(&at);
	size_t n = 0;
	if (bits == 0 || at.family != range->last.family || addr_compare(&at, &range->last) > 0)
		return 0;
	for (;;) {
		/* The largest prefix that starts here and does not go past the end. */
		unsigned len = bits;
		struct addr last = at;
		while (len > 0 && !bit(&at, len - 1)) {
			struct prefix larger = {at, (uint8_t)(len - 1)};
			struct addr end = last_of(&larger);
			if (addr_compare(&end, &range->last) > 0)
				break;
			last = end;
			len--;
		}
		out[n++] = (struct prefix){at, (uint8_t)len};
		if (addr_equal(&last, &range->last) || n == PREFIXES_MAX)
			return n;
		at = last;
		if (!addr_next(&at))
			return n;
	}
}
