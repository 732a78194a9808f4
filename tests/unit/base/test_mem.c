#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

static void blocks_are_counted(void **state)
{
	size_t before = mem_blocks_held();
	uint8_t *p = mem_new(100);
	char *text = mem_text("words");
	void *empty = mem_copy((struct bytes){NULL, 0});
	void *nothing = mem_new(0);

	(void)state;
	assert_non_null(p);
	assert_non_null(empty);
	assert_non_null(nothing);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	assert_string_equal(text, "words");
	assert_int_equal(mem_blocks_held(), before + 4);
	mem_free(NULL);
	mem_free_secret(NULL, 10);
	assert_int_equal(mem_blocks_held(), before + 4);
	mem_free_secret(p, 100);
	mem_free(text);
	mem_free(empty);
	mem_free(nothing);
	assert_int_equal(mem_blocks_held(), before);
}

static void octets_and_their_peak_are_counted(void **state)
{
	const ptrdiff_t before = mem_octets_held();
	uint8_t *first = mem_new(5000), *second;

	(void)state;
	assert_true(mem_octets_held() >= before + 5000);
	mem_free(first);
	assert_int_equal(mem_octets_held(), before);
	assert_true(mem_octets_peak() >= before + 5000);
	mem_octets_mark();
	assert_int_equal(mem_octets_peak(), before);
	first = mem_new(300);
	second = mem_new(700);
	mem_free(first);
	assert_true(mem_octets_peak() >= before + 1000);
	assert_true(mem_octets_peak() < before + 2000);
	assert_true(mem_octets_held() >= before + 700);
	mem_free_secret(second, 700);
	assert_int_equal(mem_octets_held(), before);
}

static void too_much_is_refused(void **state)
{
	/* volatile: the compiler would see the size and warn. */
	volatile size_t n = SIZE_MAX - 1;
	size_t before = mem_blocks_held();

	(void)state;
	assert_null(mem_new(n));
	assert_int_equal(mem_blocks_held(), before);
}

static void copies_are_copies(void **state)
{
	const uint8_t octets[] = {1, 2, 3};
	uint8_t *p = mem_copy(BYTES_OF(octets));

	(void)state;
	assert_ptr_not_equal(p, octets);
	assert_memory_equal(p, octets, 3);
	mem_free(p);
}

static void secrets_are_erased(void **state)
{
	uint8_t secret[32];

	(void)state;
	memset(secret, 0xaa, sizeof(secret));
	mem_erase(secret + 1, 30);
	assert_int_equal(secret[0], 0xaa);
	assert_int_equal(secret[31], 0xaa);
	for (size_t i = 1; i < 31; i++)
		assert_int_equal(secret[i], 0);
	mem_erase(NULL, 0);
}

static void secrets_compare(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	assert_true(mem_equal_secret(a, b, sizeof(a)));
	assert_true(mem_equal_secret(NULL, NULL, 0));
	/* Every bit counts, the first and the last too. */
	for (size_t bit = 0; bit < 256; bit++) {
		b[bit / 8] = (uint8_t)(1U << bit % 8);
		assert_false(mem_equal_secret(a, b, sizeof(a)));
		b[bit / 8] = 0;
	}
}

static void errors_have_names(void **state)
{
	(void)state;
	for (int e = ERR_NONE; e <= ERR_IO; e++) {
		assert_string_not_equal(err_name((enum err)e), "unknown");
		for (int other = ERR_NONE; other < e; other++)
			assert_string_not_equal(err_name((enum err)e), err_name((enum err)other));
	}
	assert_string_equal(err_name((enum err)1000), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_are_counted),
	    cmocka_unit_test(octets_and_their_peak_are_counted),
	    cmocka_unit_test(too_much_is_refused),
	    cmocka_unit_test(copies_are_copies),
	    cmocka_unit_test(secrets_are_erased),
	    cmocka_unit_test(secrets_compare),
	    cmocka_unit_test(errors_have_names),
	};

	return cmocka_run_group_tests_name("base_mem", tests, NULL, NULL);
}
