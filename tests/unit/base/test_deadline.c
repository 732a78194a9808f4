#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/deadline.h"

#include "base/mem.h"

static void the_earliest_is_first(void **state)
{
	struct deadline d[3] = {0};
	struct deadlines h;

	(void)state;
	deadlines_init(&h);
	assert_null(deadlines_first(&h));
	assert_int_equal(deadline_set(&h, &d[0], 300), ERR_NONE);
	assert_int_equal(deadline_set(&h, &d[1], 100), ERR_NONE);
	assert_int_equal(deadline_set(&h, &d[2], 200), ERR_NONE);
	assert_ptr_equal(deadlines_first(&h), &d[1]);
	/* Moved later, then earlier. */
	assert_int_equal(deadline_set(&h, &d[1], 400), ERR_NONE);
	assert_ptr_equal(deadlines_first(&h), &d[2]);
	assert_int_equal(deadline_set(&h, &d[0], 0), ERR_NONE);
	assert_ptr_equal(deadlines_first(&h), &d[0]);
	assert_int_equal(deadline_set(&h, &d[0], DEADLINE_NEVER), ERR_NONE);
	assert_int_equal(d[0].place, 0);
	assert_ptr_equal(deadlines_first(&h), &d[2]);
	deadline_drop(&h, &d[0]);
	deadlines_clear(&h);
	assert_int_equal(d[2].place, 0);
}

/* Against the plainest way to know the earliest: look at all. */
static void any_order_comes_out_sorted(void **state)
{
	enum { N = 300 };
	struct deadline d[N] = {0};
	size_t before = mem_blocks_held();
	struct deadlines h;
	uint32_t random = 1;
	size_t left = 0;
	uint64_t last = 0;

	(void)state;
	deadlines_init(&h);
	for (size_t step = 0; step < 5000; step++) {
		struct deadline *which = NULL;
		uint64_t least = DEADLINE_NEVER;

		random = random * 1664525 + 1013904223;
		which = &d[random >> 8 & 0xff];
		if (random >> 28 == 0)
			deadline_drop(&h, which);
		else
			assert_int_equal(deadline_set(&h, which, random >> 16 & 0x3ff), ERR_NONE);
		left = 0;
		for (size_t i = 0; i < N; i++) {
			if (d[i].place == 0)
				continue;
			left++;
			least = d[i].at < least ? d[i].at : least;
		}
		assert_int_equal(h.n, left);
		assert_true(left == 0 || deadlines_first(&h)->at == least);
	}
	assert_true(left > 100);
	while (deadlines_first(&h) != NULL) {
		assert_true(deadlines_first(&h)->at >= last);
		last = deadlines_first(&h)->at;
		deadline_drop(&h, deadlines_first(&h));
	}
	deadlines_clear(&h);
	assert_int_equal(mem_blocks_held(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_earliest_is_first),
	    cmocka_unit_test(any_order_comes_out_sorted),
	};

	return cmocka_run_group_tests_name("base_deadline", tests, NULL, NULL);
}
