#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"

static struct addr_range range(const char *text)
{
	struct addr_range r;

	assert_int_equal(addr_range_parse(&r, text), ERR_NONE);
	return r;
}

static void text_comes_back(void **state)
{
	const char *const texts[] = {"10.0.0.1",    "0.0.0.0", "255.255.255.255",
				     "2001:db8::1", "::",      "fe80::ff:fe00:1"};
	char buf[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(addr_parse(&a, texts[i]), ERR_NONE);
		assert_string_equal(addr_format(&a, buf), texts[i]);
	}
}

static void bad_text_is_refused(void **state)
{
	const char *const texts[] = {"",          "10.0.0", "10.0.0.256", "10.0.0.1 ", " 10.0.0.1",
				     "10.0.0.1x", ":::",    "fe80::1%lo", "[::1]",     "a name"};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(addr_parse(&a, texts[i]), ERR_SYNTAX);
		assert_true(addr_is_none(&a));
	}
}

static void endpoints_have_text(void **state)
{
	struct endpoint e = {addr_v4(0x0a000001), 500};
	char buf[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(endpoint_format(&e, buf), "10.0.0.1:500");
	assert_int_equal(addr_parse(&e.addr, "2001:db8::1"), ERR_NONE);
	assert_string_equal(endpoint_format(&e, buf), "[2001:db8::1]:500");
	assert_int_equal(addr_parse(&e.addr, "2001:1111:2222:3333:4444:5555:255.255.255.255"),
			 ERR_NONE);
	e.port = 65535;
	assert_string_equal(endpoint_format(&e, buf),
			    "[2001:1111:2222:3333:4444:5555:ffff:ffff]:65535");
	e.addr.family = 0;
	assert_string_equal(endpoint_format(&e, buf), "none:65535");
}

static void octets_make_addresses(void **state)
{
	const uint8_t octets[16] = {10, 1, 2, 3};
	struct addr v4 = addr_from(bytes_of(octets, 4));
	struct addr v6 = addr_from(bytes_of(octets, 16));
	struct addr none = addr_from(bytes_of(octets, 5));
	struct addr host = addr_v4(0x0a010203);

	(void)state;
	assert_int_equal(v4.family, 4);
	assert_int_equal(v6.family, 6);
	assert_true(addr_is_none(&none));
	assert_true(addr_equal(&v4, &host));
	assert_false(addr_equal(&v4, &v6));
	assert_int_equal(addr_len(&none), 0);
	assert_true(bytes_equal(addr_bytes(&v4), bytes_of(octets, 4)));
	assert_int_equal(addr_bytes(&v6).n, 16);
	assert_false(addr_is_any(&v4));
	host = addr_v4(0);
	assert_true(addr_is_any(&host));
	assert_true(addr_is_any(&none));
}

static void order_is_by_family_then_octets(void **state)
{
	struct addr low = addr_v4(0x0a0000ff);
	struct addr high = addr_v4(0x0a000100);
	struct addr v6 = addr_range_all(6).first;

	(void)state;
	assert_true(addr_compare(&low, &high) < 0);
	assert_true(addr_compare(&high, &low) > 0);
	assert_int_equal(addr_compare(&low, &low), 0);
	assert_true(addr_compare(&high, &v6) < 0);
	assert_true(addr_compare(&v6, &high) > 0);
}

static void steps_carry_and_wrap(void **state)
{
	struct addr a = addr_v4(0x0a00ffff);
	struct addr expect = addr_v4(0x0a010000);

	(void)state;
	assert_true(addr_next(&a));
	assert_true(addr_equal(&a, &expect));
	assert_true(addr_previous(&a));
	expect = addr_v4(0x0a00ffff);
	assert_true(addr_equal(&a, &expect));
	a = addr_v4(0xffffffff);
	assert_false(addr_next(&a));
	assert_true(addr_is_any(&a));
	assert_false(addr_previous(&a));
	a = addr_range_all(6).last;
	assert_false(addr_next(&a));
}

static void paths_compare_in_all_parts(void **state)
{
	struct path a = {{addr_v4(1), 500}, {addr_v4(2), 500}, false, 0};
	struct path b = a;

	(void)state;
	assert_true(path_equal(&a, &b));
	b.natt = true;
	assert_false(path_equal(&a, &b));
	b = a;
	b.local.port = 4500;
	assert_false(path_equal(&a, &b));
	b = a;
	b.remote.addr = addr_v4(3);
	assert_false(path_equal(&a, &b));
	assert_false(endpoint_equal(&a.remote, &b.remote));
	b = a;
	b.stream = STREAM_OURS | 1;
	assert_false(path_equal(&a, &b));
}

static void ranges_have_text(void **state)
{
	const struct {
		const char *in;
		const char *out;
		int prefix;
	} cases[] = {
	    {"10.1.0.0/24", "10.1.0.0/24", 24},
	    {"10.1.0.7", "10.1.0.7/32", 32},
	    {"0.0.0.0/0", "0.0.0.0/0", 0},
	    {"10.1.0.0-10.1.0.255", "10.1.0.0/24", 24},
	    {"10.1.0.1-10.1.0.9", "10.1.0.1-10.1.0.9", -1},
	    {"10.1.0.0-10.1.0.2", "10.1.0.0-10.1.0.2", -1},
	    {"2001:db8::/32", "2001:db8::/32", 32},
	    {"::/0", "::/0", 0},
	    {"2001:db8::1/128", "2001:db8::1/128", 128},
	};
	char buf[2 * ADDR_TEXT_MAX];
	struct addr_range r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(addr_range_parse(&r, cases[i].in), ERR_NONE);
		assert_string_equal(addr_range_format(&r, buf), cases[i].out);
		assert_int_equal(addr_range_prefix(&r), cases[i].prefix);
	}
}

static void bad_ranges_are_refused(void **state)
{
	const struct {
		const char *text;
		enum err e;
	} cases[] = {
	    {"10.1.0.1/24", ERR_RANGE},
	    {"10.1.0.0/33", ERR_RANGE},
	    {"10.1.0.9-10.1.0.1", ERR_RANGE},
	    {"10.1.0.1-2001:db8::1", ERR_RANGE},
	    {"10.1.0.0/", ERR_SYNTAX},
	    {"10.1.0.0/-1", ERR_SYNTAX},
	    {"10.1.0.0/24x", ERR_SYNTAX},
	    {"10.1.0.0/0024", ERR_SYNTAX},
	    {"10.1.0.0-", ERR_SYNTAX},
	    {"/24", ERR_SYNTAX},
	    {"", ERR_SYNTAX},
	    {"2001:db8::/129", ERR_RANGE},
	    {"10.1.0.0-10.1.0.4/30", ERR_SYNTAX},
	};
	struct addr_range r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(addr_range_parse(&r, cases[i].text), cases[i].e);
		assert_true(addr_is_none(&r.first));
	}
}

static void ranges_meet(void **state)
{
	struct addr_range a = range("10.1.0.0/16");
	struct addr_range b = range("10.1.255.0-10.2.0.9");
	struct addr_range expect = range("10.1.255.0/24");
	struct addr_range apart = range("10.2.0.0/16");
	struct addr_range v6 = addr_range_all(6);
	struct addr_range out;

	(void)state;
	assert_true(addr_range_meet(&out, &a, &b));
	assert_true(addr_range_equal(&out, &expect));
	assert_true(addr_range_meet(&out, &b, &a));
	assert_true(addr_range_equal(&out, &expect));
	assert_false(addr_range_meet(&out, &a, &apart));
	assert_false(addr_range_meet(&out, &a, &v6));
	assert_true(addr_range_has(&a, &expect.last));
	assert_false(addr_range_has(&a, &apart.first));
	assert_false(addr_range_has(&v6, &a.first));
	assert_false(addr_range_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_comes_back),
	    cmocka_unit_test(bad_text_is_refused),
	    cmocka_unit_test(endpoints_have_text),
	    cmocka_unit_test(octets_make_addresses),
	    cmocka_unit_test(order_is_by_family_then_octets),
	    cmocka_unit_test(steps_carry_and_wrap),
	    cmocka_unit_test(paths_compare_in_all_parts),
	    cmocka_unit_test(ranges_have_text),
	    cmocka_unit_test(bad_ranges_are_refused),
	    cmocka_unit_test(ranges_meet),
	};

	return cmocka_run_group_tests_name("base_addr", tests, NULL, NULL);
}
