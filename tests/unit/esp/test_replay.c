/* The anti-replay window against a naive memory of everything seen (RFC 4303 3.4.3, A2). */
#include "esp_test.h"

#include <string.h>

#include "base/mem.h"
#include "esp/replay.h"

#define SPACE 4096

/* What the window should say: everything ever seen, and the highest. */
struct naive {
	bool seen[SPACE];
	uint64_t top;
};

static enum replay_verdict naive_check(const struct naive *n, uint64_t seq, uint32_t window)
{
	if (seq == 0)
		return REPLAY_TOO_OLD;
	if (seq <= n->top && n->top - seq >= window)
		return REPLAY_TOO_OLD;
	return n->seen[seq] ? REPLAY_DUPLICATE : REPLAY_NEW;
}

static void run_model(uint32_t window, uint64_t seed, uint32_t step)
{
	struct naive n = {0};
	struct replay r;
	uint64_t state = seed;

	assert_true(replay_init(&r, window));
	assert_true(r.window >= window);
	for (int i = 0; i < 3000; i++) {
		/* Mostly near the top, on both sides; now and then anywhere. */
		uint64_t low = n.top > step ? n.top - step : 0;
		uint64_t seq = test_random(&state) % 16 == 0
				   ? test_random(&state) % SPACE
				   : low + test_random(&state) % (step + 4);
		enum replay_verdict want;

		seq %= SPACE;
		want = naive_check(&n, seq, r.window);
		assert_int_equal(replay_check(&r, seq), want);
		if (test_random(&state) % 8 == 0)
			continue; /* as if the ICV had been wrong: nothing may have changed */
		assert_int_equal(replay_update(&r, seq), want);
		if (want == REPLAY_NEW) {
			n.seen[seq] = true;
			if (seq > n.top)
				n.top = seq;
		}
		assert_int_equal(r.top, n.top);
	}
	replay_clear(&r);
}

static void follows_model(void **state)
{
	static const uint32_t windows[] = {64, 65, 128, 200, 1024};
	static const uint32_t steps[] = {4, 70, 300, 2500};

	(void)state;
	for (size_t w = 0; w < TEST_COUNT(windows); w++)
		for (size_t s = 0; s < TEST_COUNT(steps); s++)
			for (uint64_t seed = 1; seed <= 20; seed++)
				run_model(windows[w], seed * 7919, steps[s]);
	assert_int_equal(mem_blocks_held(), 0);
}

/* Every jump from every bit position: nothing old shows through, nothing fresh is lost. */
static void jumps(void **state)
{
	(void)state;
	for (uint64_t from = 1; from <= 130; from++)
		for (uint64_t jump = 1; jump <= 400; jump++) {
			struct replay r;

			assert_true(replay_init(&r, 64));
			assert_int_equal(replay_update(&r, from), REPLAY_NEW);
			assert_int_equal(replay_update(&r, from + jump), REPLAY_NEW);
			for (uint64_t seq = from + 1; seq < from + jump; seq++)
				assert_int_equal(replay_check(&r, seq),
						 from + jump - seq >= r.window ? REPLAY_TOO_OLD
									       : REPLAY_NEW);
			assert_int_equal(replay_check(&r, from),
					 jump >= r.window ? REPLAY_TOO_OLD : REPLAY_DUPLICATE);
			replay_clear(&r);
		}
}

static void edges(void **state)
{
	struct replay r;

	(void)state;
	assert_false(replay_init(&r, 63));
	assert_false(replay_init(&r, 65537));
	assert_true(replay_init(&r, 65536));
	assert_int_equal(replay_check(&r, 0), REPLAY_TOO_OLD);
	assert_int_equal(replay_update(&r, UINT64_MAX), REPLAY_NEW);
	assert_int_equal(replay_update(&r, UINT64_MAX), REPLAY_DUPLICATE);
	assert_int_equal(replay_check(&r, UINT64_MAX - r.window), REPLAY_TOO_OLD);
	assert_int_equal(replay_update(&r, UINT64_MAX - r.window + 1), REPLAY_NEW);
	replay_count(&r, REPLAY_DUPLICATE);
	replay_count(&r, REPLAY_TOO_OLD);
	replay_count(&r, REPLAY_NEW);
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.too_old, 1);
	replay_clear(&r);
	/* Off: everything but 0 passes, and the top is kept for the peer's address. */
	assert_true(replay_init(&r, 0));
	assert_int_equal(replay_update(&r, 9), REPLAY_NEW);
	assert_int_equal(replay_update(&r, 9), REPLAY_NEW);
	assert_int_equal(replay_update(&r, 3), REPLAY_NEW);
	assert_int_equal(r.top, 9);
	replay_clear(&r);
	assert_int_equal(mem_blocks_held(), 0);
}

/* RFC 4303 A2.2: the true number is found whenever it lies less than a window back or less than
 * 2^32 - window ahead. */
static void infers(void **state)
{
	static const uint64_t tops[] = {0,
					1,
					63,
					64,
					100000,
					UINT32_MAX - 1,
					UINT32_MAX,
					UINT64_C(1) << 32,
					(UINT64_C(1) << 32) + 63,
					(UINT64_C(1) << 32) + 64,
					(UINT64_C(5) << 32) + 7,
					UINT64_MAX - 100};
	struct replay r;

	(void)state;
	assert_true(replay_init(&r, 64));
	for (size_t i = 0; i < TEST_COUNT(tops); i++) {
		r.top = tops[i];
		for (uint64_t back = 0; back < r.window && back < r.top; back++)
			assert_int_equal(replay_infer(&r, (uint32_t)(r.top - back)), r.top - back);
		for (uint64_t ahead = 1; ahead <= UINT32_MAX - r.window; ahead += 0x1234567) {
			uint64_t seq = r.top + ahead;

			if (seq > r.top)
				assert_int_equal(replay_infer(&r, (uint32_t)seq), seq);
		}
	}
	/* Before the first number, and past the last, there is nothing. */
	r.top = 5;
	assert_int_equal(replay_infer(&r, UINT32_MAX), 0);
	r.top = UINT64_MAX - 100;
	assert_int_equal(replay_infer(&r, 3), 0);
	replay_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(follows_model),
	    cmocka_unit_test(jumps),
	    cmocka_unit_test(edges),
	    cmocka_unit_test(infers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
