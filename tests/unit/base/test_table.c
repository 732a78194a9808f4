#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/table.h"

#include "base/mem.h"

struct element {
	struct table_node node;
	uint32_t key;
	int value;
};

static const uint8_t secret[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static struct bytes key_of(const struct table_node *node)
{
	const struct element *e = (const struct element *)(const void *)node;

	return bytes_of(&e->key, sizeof(e->key));
}

static struct bytes key(const uint32_t *k)
{
	return bytes_of(k, sizeof(*k));
}

/* The vectors of the SipHash paper's appendix A and of its authors' test program: the key is
 * 00..0f, the input 00..n-1. */
static void hash_is_siphash_2_4(void **state)
{
	uint8_t input[63];

	(void)state;
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)i;
	assert_true(table_hash(secret, bytes_of(NULL, 0)) == 0x726fdb47dd0e0e31);
	assert_true(table_hash(secret, bytes_of(input, 1)) == 0x74f839c593dc67fd);
	assert_true(table_hash(secret, bytes_of(input, 8)) == 0x93f5f5799a932462);
	assert_true(table_hash(secret, bytes_of(input, 15)) == 0xa129ca6149be45e5);
	assert_true(table_hash(secret, bytes_of(input, 63)) == 0x958a324ceb064572);
}

static void many_are_found_again(void **state)
{
	enum { N = 5000 };
	struct element *elements = mem_new(N * sizeof(*elements));
	size_t before = mem_blocks_held();
	struct table t;
	uint32_t k = 0;

	(void)state;
	assert_int_equal(table_init(&t, secret, key_of), ERR_NONE);
	assert_null(table_find(&t, key(&k)));
	for (k = 0; k < N; k++) {
		elements[k].key = k;
		table_add(&t, &elements[k].node);
	}
	assert_true(t.n_buckets >= N);
	for (k = 0; k < N; k += 2)
		table_remove(&t, &elements[k].node);
	assert_int_equal(t.n_nodes, N / 2);
	for (k = 0; k < N; k++) {
		struct table_node *found = table_find(&t, key(&k));

		assert_ptr_equal(found, k % 2 != 0 ? &elements[k].node : NULL);
		if (found != NULL)
			assert_null(table_find_next(&t, found));
	}
	/* What is not in the table may be removed without harm. */
	table_remove(&t, &elements[0].node);
	assert_int_equal(t.n_nodes, N / 2);
	table_clear(&t);
	assert_int_equal(mem_blocks_held(), before);
	mem_free(elements);
}

static void the_newest_of_equal_keys_is_first(void **state)
{
	enum { N = 100 };
	struct element twins[3] = {
	    {.key = 7, .value = 0}, {.key = 7, .value = 1}, {.key = 7, .value = 2}};
	struct element others[N] = {0};
	struct table t;
	struct table_node *found = NULL;
	uint32_t k = 7;

	(void)state;
	assert_int_equal(table_init(&t, secret, key_of), ERR_NONE);
	for (size_t i = 0; i < 3; i++)
		table_add(&t, &twins[i].node);
	/* Growing keeps the order. */
	for (uint32_t i = 0; i < N; i++) {
		others[i].key = 1000 + i;
		table_add(&t, &others[i].node);
	}
	found = table_find(&t, key(&k));
	for (int i = 2; i >= 0; i--) {
		assert_ptr_equal(found, &twins[i].node);
		found = table_find_next(&t, found);
	}
	assert_null(found);
	table_remove(&t, &twins[2].node);
	assert_ptr_equal(table_find(&t, key(&k)), &twins[1].node);
	table_clear(&t);
}

static void chains_stay_short(void **state)
{
	enum { N = 4096 };
	struct element *elements = mem_new(N * sizeof(*elements));
	size_t longest = 0;
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, secret, key_of), ERR_NONE);
	/* Keys that a plain mask would put in one bucket. */
	for (uint32_t i = 0; i < N; i++) {
		elements[i].key = i << 16;
		table_add(&t, &elements[i].node);
	}
	for (size_t i = 0; i < t.n_buckets; i++) {
		size_t n = 0;

		for (struct table_node *node = t.buckets[i]; node != NULL; node = node->next)
			n++;
		longest = n > longest ? n : longest;
	}
	assert_true(longest <= 12);
	table_clear(&t);
	mem_free(elements);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_is_siphash_2_4),
	    cmocka_unit_test(many_are_found_again),
	    cmocka_unit_test(the_newest_of_equal_keys_is_first),
	    cmocka_unit_test(chains_stay_short),
	};

	return cmocka_run_group_tests_name("base_table", tests, NULL, NULL);
}
