/* The pool of keys made in advance: what it asks for, that each leaves it once, its bounds, and
 * that nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/ke_pool.h"

static const struct ke_desc *small, *middle, *other;

/* Makes the key that is wanted, from a seed of n, and puts it in. */
static enum err fill_one(struct ke_pool *pool, const struct ke_desc *d, uint8_t n)
{
	uint8_t seed[KE_SEED_LEN] = {n};
	uint8_t *value = mem_new(d->init_len);
	struct ke_private *private;

	assert_int_equal(ke_generate(d, seed, &private, value), ERR_NONE);
	return ke_pool_put(pool, private, value);
}

static void assert_key_of(const uint8_t *value, const struct ke_desc *d, uint8_t n)
{
	uint8_t seed[KE_SEED_LEN] = {n};
	uint8_t *want = mem_new(d->init_len);
	struct ke_private *private;

	assert_int_equal(ke_generate(d, seed, &private, want), ERR_NONE);
	assert_memory_equal(value, want, d->init_len);
	ke_private_free(private);
	mem_free(want);
}

static int setup(void **state)
{
	(void)state;
	small = ke_find(KE_CURVE25519);
	middle = ke_find(KE_ML_KEM_512);
	other = ke_find(KE_ML_KEM_768);
	return 0;
}

static void what_lacks_most_is_wanted_first(void **state)
{
	struct ke_pool *pool = ke_pool_new(100000);

	(void)state;
	assert_null(ke_pool_want(pool));
	assert_int_equal(ke_pool_keep(pool, middle, 2), ERR_NONE);
	assert_int_equal(ke_pool_keep(pool, other, 3), ERR_NONE);
	assert_ptr_equal(ke_pool_want(pool), other);
	assert_int_equal(fill_one(pool, other, 1), ERR_NONE);
	assert_ptr_equal(ke_pool_want(pool), middle); /* two each: the first kept */
	assert_int_equal(fill_one(pool, middle, 1), ERR_NONE);
	assert_ptr_equal(ke_pool_want(pool), other);
	assert_int_equal(fill_one(pool, other, 2), ERR_NONE);
	assert_int_equal(fill_one(pool, other, 3), ERR_NONE);
	assert_int_equal(fill_one(pool, middle, 2), ERR_NONE);
	assert_null(ke_pool_want(pool));
	assert_int_equal(ke_pool_octets(pool), 2 * 800 + 3 * 1184);
	ke_pool_free(pool); /* full: erases all */
}

static void each_key_leaves_once_and_works(void **state)
{
	struct ke_pool *pool = ke_pool_new(100000);
	struct ke_private *private;
	uint8_t *value;
	uint8_t answer[2000], a[32], b[32];
	uint8_t seed[KE_SEED_LEN] = {9};

	(void)state;
	assert_int_equal(ke_pool_keep(pool, middle, 2), ERR_NONE);
	assert_int_equal(ke_pool_take(pool, middle, &private, &value), ERR_NOT_FOUND);
	assert_null(private);
	assert_null(value);
	assert_int_equal(fill_one(pool, middle, 1), ERR_NONE);
	assert_int_equal(fill_one(pool, middle, 2), ERR_NONE);
	assert_int_equal(ke_pool_take(pool, other, &private, &value), ERR_NOT_FOUND);
	for (uint8_t n = 1; n <= 2; n++) {
		assert_int_equal(ke_pool_take(pool, middle, &private, &value), ERR_NONE);
		assert_key_of(value, middle, n);
		assert_int_equal(
		    ke_respond(middle, seed, bytes_of(value, middle->init_len), answer, a),
		    ERR_NONE);
		assert_int_equal(ke_finish(private, bytes_of(answer, middle->resp_len), b),
				 ERR_NONE);
		assert_memory_equal(a, b, middle->secret_len);
		ke_private_free(private);
		mem_free(value);
		assert_int_equal(ke_pool_ready(pool, middle), 2 - n);
	}
	assert_int_equal(ke_pool_take(pool, middle, &private, &value), ERR_NOT_FOUND);
	assert_ptr_equal(ke_pool_want(pool), middle);
	ke_pool_free(pool);
}

static void bounds_hold(void **state)
{
	struct ke_pool *pool = ke_pool_new(5 * 800);
	const struct ke_desc *big = ke_find(KE_MCELIECE_6688128);
	size_t n;
	const struct ke_desc *all = ke_all(&n);

	(void)state;
	assert_int_equal(ke_pool_keep(pool, middle, 6), ERR_LIMIT);
	assert_int_equal(ke_pool_keep(pool, big, 1), ERR_LIMIT);
	assert_int_equal(ke_pool_keep(pool, small, KE_POOL_KEYS_MAX + 1), ERR_LIMIT);
	assert_int_equal(ke_pool_keep(pool, small, SIZE_MAX), ERR_LIMIT);
	assert_null(ke_pool_want(pool));
	assert_int_equal(ke_pool_keep(pool, middle, 3), ERR_NONE);
	assert_int_equal(ke_pool_keep(pool, other, 2), ERR_LIMIT); /* with the other's */
	assert_int_equal(ke_pool_keep(pool, other, 1), ERR_NONE);
	/* More than is kept is not taken, nor what is not kept at all. */
	assert_int_equal(fill_one(pool, other, 1), ERR_NONE);
	assert_int_equal(fill_one(pool, other, 2), ERR_LIMIT);
	assert_int_equal(fill_one(pool, small, 1), ERR_LIMIT);
	assert_int_equal(ke_pool_octets(pool), 1184);
	ke_pool_free(pool);

	pool = ke_pool_new(SIZE_MAX);
	for (size_t i = 0; i < KE_POOL_METHODS_MAX; i++)
		assert_int_equal(ke_pool_keep(pool, &all[i], 1), ERR_NONE);
	assert_int_equal(ke_pool_keep(pool, &all[KE_POOL_METHODS_MAX], 1), ERR_LIMIT);
	assert_int_equal(ke_pool_keep(pool, &all[3], 0), ERR_NONE);
	assert_int_equal(ke_pool_keep(pool, &all[KE_POOL_METHODS_MAX], 1), ERR_NONE);
	ke_pool_free(pool);
}

static void fewer_are_kept_and_the_oldest_go(void **state)
{
	struct ke_pool *pool = ke_pool_new(100000);
	struct ke_private *private;
	uint8_t *value;

	(void)state;
	assert_int_equal(ke_pool_keep(pool, middle, 3), ERR_NONE);
	for (uint8_t n = 1; n <= 3; n++)
		assert_int_equal(fill_one(pool, middle, n), ERR_NONE);
	assert_int_equal(ke_pool_keep(pool, middle, 1), ERR_NONE);
	assert_int_equal(ke_pool_ready(pool, middle), 1);
	assert_null(ke_pool_want(pool));
	assert_int_equal(ke_pool_take(pool, middle, &private, &value), ERR_NONE);
	assert_key_of(value, middle, 3);
	ke_private_free(private);
	mem_free(value);
	assert_int_equal(ke_pool_keep(pool, middle, 0), ERR_NONE);
	assert_int_equal(ke_pool_keep(pool, middle, 0), ERR_NONE);
	assert_null(ke_pool_want(pool));
	assert_int_equal(fill_one(pool, middle, 4), ERR_LIMIT);
	ke_pool_free(pool);
	ke_pool_free(NULL);
}

static int nothing_is_held(void **state)
{
	(void)state;
	return mem_blocks_held() != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_lacks_most_is_wanted_first, setup),
	    cmocka_unit_test_setup(each_key_leaves_once_and_works, setup),
	    cmocka_unit_test_setup(bounds_hold, setup),
	    cmocka_unit_test_setup(fewer_are_kept_and_the_oldest_go, setup),
	};

	return cmocka_run_group_tests(tests, NULL, nothing_is_held);
}
