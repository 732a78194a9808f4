#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/selector.h"

static struct selector selector(const char *text)
{
	struct selector s;

	assert_int_equal(selector_parse(&s, text), ERR_NONE);
	return s;
}

static void text_comes_back(void **state)
{
	const char *const texts[] = {
	    "10.1.0.0/24",
	    "10.1.0.0/24[tcp/443]",
	    "10.1.0.0/24[udp]",
	    "10.1.0.7/32[tcp/1000-1999]",
	    "2001:db8::/64[icmp6/128]",
	    "0.0.0.0/0[udp/opaque]",
	    "10.1.0.1-10.1.0.9[icmp/3.4]",
	    "10.1.0.0/24[icmp/3.1-4.7]",
	    "10.1.0.0/24[99/7]",
	    "10.1.0.0/24[tcp/0]",
	};
	char buf[SELECTOR_TEXT_MAX];
	struct selector s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		s = selector(texts[i]);
		assert_string_equal(selector_format(&s, buf), texts[i]);
	}
	s = selector("0.0.0.0/0[17/opaque]");
	assert_int_equal(s.protocol, 17);
	assert_int_equal(s.port_first, 65535);
	assert_int_equal(s.port_last, 0);
	s = selector("2001:db8::/64[icmp6/128]");
	assert_int_equal(s.port_first, 0x8000);
	assert_int_equal(s.port_last, 0x80ff);
	s = selector("10.1.0.7[tcp/0-65535]");
	assert_string_equal(selector_format(&s, buf), "10.1.0.7/32[tcp]");
}

static void bad_text_is_refused(void **state)
{
	const struct {
		const char *text;
		enum err e;
	} cases[] = {
	    {"", ERR_SYNTAX},
	    {"[tcp]", ERR_SYNTAX},
	    {"10.1.0.0/24[tcp", ERR_SYNTAX},
	    {"10.1.0.0/24[]", ERR_SYNTAX},
	    {"10.1.0.0/24[tcp]x", ERR_SYNTAX},
	    {"10.1.0.0/24[tcp/]", ERR_SYNTAX},
	    {"10.1.0.0/24[tcp/80-]", ERR_SYNTAX},
	    {"10.1.0.0/24[tcp/65536]", ERR_SYNTAX},
	    {"10.1.0.0/24[tcp/90-80]", ERR_RANGE},
	    {"10.1.0.0/24[256]", ERR_SYNTAX},
	    {"10.1.0.0/24[0/80]", ERR_SYNTAX},
	    {"10.1.0.0/24[icmp/256]", ERR_SYNTAX},
	    {"10.1.0.0/24[nothing/80]", ERR_SYNTAX},
	    {"10.1.0.1/24[tcp]", ERR_RANGE},
	};
	struct selector s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(selector_parse(&s, cases[i].text), cases[i].e);
}

static void selectors_meet(void **state)
{
	const struct {
		const char *a;
		const char *b;
		const char *common; /* NULL: none */
	} cases[] = {
	    {"10.0.0.0/8", "10.1.0.0/16[tcp/443]", "10.1.0.0/16[tcp/443]"},
	    {"10.0.0.0/8[udp]", "10.1.0.0/16[tcp]", NULL},
	    {"10.0.0.0/8[tcp/80-90]", "10.1.0.0/16[tcp/85-99]", "10.1.0.0/16[tcp/85-90]"},
	    {"10.0.0.0/8[tcp/80]", "10.1.0.0/16[tcp/81]", NULL},
	    {"10.0.0.0/8[tcp/opaque]", "10.1.0.0/16[tcp]", "10.1.0.0/16[tcp/opaque]"},
	    {"10.0.0.0/8[tcp/opaque]", "10.1.0.0/16", "10.1.0.0/16[tcp/opaque]"},
	    {"10.0.0.0/8[tcp/opaque]", "10.1.0.0/16[tcp/opaque]", "10.1.0.0/16[tcp/opaque]"},
	    {"10.0.0.0/8[tcp/opaque]", "10.1.0.0/16[tcp/80]", NULL},
	    {"10.0.0.0/8", "2001:db8::/32", NULL},
	    {"10.0.0.0/8", "11.0.0.0/8", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct selector a = selector(cases[i].a);
		struct selector b = selector(cases[i].b);
		struct selector out;
		struct selector expect;

		if (cases[i].common == NULL) {
			assert_false(selector_meet(&out, &a, &b));
			assert_false(selector_meet(&out, &b, &a));
			continue;
		}
		expect = selector(cases[i].common);
		assert_true(selector_meet(&out, &a, &b));
		assert_true(selector_equal(&out, &expect));
		assert_true(selector_meet(&out, &b, &a));
		assert_true(selector_equal(&out, &expect));
	}
}

static void covering_is_one_way(void **state)
{
	struct selector outer = selector("10.0.0.0/8[tcp]");
	struct selector inner = selector("10.1.0.0/16[tcp/443]");
	struct selector any = selector("10.1.0.0/16");

	(void)state;
	assert_true(selector_covers(&outer, &inner));
	assert_false(selector_covers(&inner, &outer));
	assert_false(selector_covers(&outer, &any));
	assert_true(selector_covers(&outer, &outer));
}

static void malformed_ports_meet_nothing(void **state)
{
	struct selector any = selector("10.0.0.0/8");
	struct selector bad = selector("10.0.0.0/8[tcp/80]");
	struct selector out;

	(void)state;
	bad.port_last = 79;
	assert_false(selector_meet(&out, &any, &bad));
	assert_false(selector_meet(&out, &bad, &bad));
}

static void packets_fall_in(void **state)
{
	struct selector s = selector("10.1.0.0/24[tcp/80-90]");
	struct selector opaque = selector("10.1.0.0/24[tcp/opaque]");
	struct selector all = selector_any(4);
	struct addr in = addr_v4(0x0a010007);
	struct addr out = addr_v4(0x0a020007);
	struct addr v6 = addr_range_all(6).first;

	(void)state;
	assert_true(selector_has(&s, &in, 6, true, 80));
	assert_true(selector_has(&s, &in, 6, true, 90));
	assert_false(selector_has(&s, &in, 6, true, 91));
	assert_false(selector_has(&s, &in, 17, true, 80));
	assert_false(selector_has(&s, &out, 6, true, 80));
	assert_false(selector_has(&s, &in, 6, false, 80));
	assert_true(selector_has(&opaque, &in, 6, false, 0));
	assert_false(selector_has(&opaque, &in, 6, true, 0));
	assert_true(selector_has(&all, &out, 50, false, 0));
	assert_false(selector_has(&all, &v6, 50, false, 0));
	assert_true(selector_is_opaque(&opaque));
	assert_false(selector_is_opaque(&all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_comes_back),
	    cmocka_unit_test(bad_text_is_refused),
	    cmocka_unit_test(selectors_meet),
	    cmocka_unit_test(covering_is_one_way),
	    cmocka_unit_test(malformed_ports_meet_nothing),
	    cmocka_unit_test(packets_fall_in),
	};

	return cmocka_run_group_tests_name("base_selector", tests, NULL, NULL);
}
