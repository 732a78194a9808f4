/* What the tests of the wire floor share. */
#ifndef POSTERN_TESTS_WIRE_SUPPORT_H
#define POSTERN_TESTS_WIRE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/error.h"

/* A parser under test: true when it takes the octets. */
typedef bool (*takes_fn)(struct bytes octets);

/* Runs `takes` on a copy of exactly n octets, so that a sanitizer sees any read past them. */
static inline bool takes_copy(takes_fn takes, const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n + (n == 0));
	bool taken = false;

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, p, n);
	taken = takes(bytes_of(copy, n));
	free(copy);
	return taken;
}

/* The octets are taken whole, and no shorter prefix of them is. */
static inline void only_whole_is_taken(takes_fn takes, struct bytes whole)
{
	assert_true(takes_copy(takes, whole.p, whole.n));
	for (size_t n = 0; n < whole.n; n++)
		assert_false(takes_copy(takes, whole.p, n));
}

/* Every octet set to every value: whatever the verdict, nothing may be read out of bounds. Gives
 * how many of the changed ones were taken. */
static inline size_t mutations_are_survived(takes_fn takes, struct bytes whole)
{
	uint8_t *copy = malloc(whole.n);
	size_t taken = 0;

	assert_non_null(copy);
	memcpy(copy, whole.p, whole.n);
	for (size_t i = 0; i < whole.n; i++) {
		for (unsigned v = 0; v < 256; v++) {
			copy[i] = (uint8_t)v;
			taken += v != whole.p[i] && takes(bytes_of(copy, whole.n));
		}
		copy[i] = whole.p[i];
	}
	free(copy);
	return taken;
}

static inline void assert_bytes(struct bytes got, struct bytes want)
{
	assert_int_equal(got.n, want.n);
	if (want.n > 0)
		assert_memory_equal(got.p, want.p, want.n);
}

#endif
