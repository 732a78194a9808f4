#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

static void numbers_come_back(void **state)
{
	uint8_t buf[15];
	struct writer w = writer_of(buf, sizeof(buf));
	struct reader r;

	(void)state;
	writer_u8(&w, 0xab);
	writer_u16(&w, 0x0102);
	writer_u32(&w, 0xfffefdfc);
	writer_u64(&w, 0x8070605040302010);
	assert_true(writer_ok(&w));
	assert_int_equal(writer_bytes_so_far(&w).n, 15);
	assert_int_equal(buf[1], 1);
	assert_int_equal(buf[2], 2);
	r = reader_of(writer_bytes_so_far(&w));
	assert_int_equal(reader_u8(&r), 0xab);
	assert_int_equal(reader_u16(&r), 0x0102);
	assert_int_equal(reader_u32(&r), 0xfffefdfc);
	assert_false(reader_done(&r));
	assert_true(reader_u64(&r) == 0x8070605040302010);
	assert_true(reader_done(&r));
}

static void an_overrun_sticks(void **state)
{
	const uint8_t octets[] = {1, 2, 3};
	uint8_t out[4] = {9, 9, 9, 9};
	struct reader r = reader_of(BYTES_OF(octets));

	(void)state;
	assert_int_equal(reader_u32(&r), 0);
	assert_false(reader_ok(&r));
	assert_int_equal(reader_left(&r), 0);
	/* One octet is there, but the reader is bad for good. */
	assert_int_equal(reader_u8(&r), 0);
	assert_null(reader_take(&r, 0).p);
	assert_int_equal(reader_rest(&r).n, 0);
	reader_copy(&r, out, sizeof(out));
	assert_int_equal(out[0] + out[1] + out[2] + out[3], 0);
	assert_false(reader_done(&r));
}

static void spans_are_bounded(void **state)
{
	const uint8_t octets[] = {1, 2, 3, 4};
	struct reader r = reader_of(BYTES_OF(octets));
	struct bytes b = reader_take(&r, 3);

	(void)state;
	assert_ptr_equal(b.p, octets);
	assert_int_equal(b.n, 3);
	assert_int_equal(reader_rest(&r).n, 1);
	assert_true(reader_done(&r));
	assert_int_equal(reader_take(&r, 0).n, 0);
	assert_true(reader_ok(&r));
	assert_int_equal(reader_take(&r, SIZE_MAX).n, 0);
	assert_false(reader_ok(&r));
}

static void nothing_can_be_read(void **state)
{
	struct reader r = reader_of((struct bytes){NULL, 0});
	uint8_t unused = 7;

	(void)state;
	assert_true(reader_done(&r));
	reader_copy(&r, &unused, 0);
	assert_int_equal(unused, 7);
	assert_true(reader_done(&r));
	reader_fail(&r);
	assert_false(reader_ok(&r));
}

static void a_full_writer_sticks(void **state)
{
	uint8_t buf[4] = {0, 0, 0, 0x55};
	struct writer w = writer_of(buf, 3);

	(void)state;
	writer_u16(&w, 0x1122);
	writer_u16(&w, 0x3344);
	assert_false(writer_ok(&w));
	assert_int_equal(buf[2], 0);
	writer_u8(&w, 0x77);
	assert_int_equal(buf[2], 0);
	assert_int_equal(buf[3], 0x55);
	assert_null(writer_reserve(&w, 1));
	assert_int_equal(writer_bytes_so_far(&w).n, 2);
}

static void patches_stay_inside(void **state)
{
	uint8_t buf[8];
	struct writer w = writer_of(buf, sizeof(buf));

	(void)state;
	writer_zero(&w, 4);
	writer_bytes(&w, BYTES_LITERAL("ab"));
	writer_patch_u16(&w, 1, 0xfffe);
	writer_patch_u8(&w, 0, 1);
	assert_true(writer_ok(&w));
	assert_memory_equal(buf,
			    "\x01\xff\xfe\x00"
			    "ab",
			    6);
	writer_patch_u32(&w, 2, 0x61626364);
	assert_memory_equal(buf + 2, "abcd", 4);
	writer_patch_u16(&w, 5, 1);
	assert_false(writer_ok(&w));
	w = writer_of(buf, sizeof(buf));
	writer_zero(&w, 2);
	writer_patch_u16(&w, 0, 65536);
	assert_false(writer_ok(&w));
	w = writer_of(buf, sizeof(buf));
	writer_patch_u8(&w, SIZE_MAX, 1);
	assert_false(writer_ok(&w));
}

static void spans_compare(void **state)
{
	(void)state;
	assert_true(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("abc")));
	assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("abd")));
	assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")));
	assert_true(bytes_equal((struct bytes){NULL, 0}, BYTES_LITERAL("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_come_back),    cmocka_unit_test(an_overrun_sticks),
	    cmocka_unit_test(spans_are_bounded),    cmocka_unit_test(nothing_can_be_read),
	    cmocka_unit_test(a_full_writer_sticks), cmocka_unit_test(patches_stay_inside),
	    cmocka_unit_test(spans_compare),
	};

	return cmocka_run_group_tests_name("base_bytes", tests, NULL, NULL);
}
