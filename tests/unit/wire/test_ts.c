#include "support.h"

#include "wire/ts.h"

/* 10.1.0.0 to 10.1.0.255, TCP 443; 2001:db8::/120, any; a security label; a type nobody knows. */
static const uint8_t three[] = {
    0x04, 0x00, 0x00, 0x00, 0x07, 0x06, 0x00, 0x10, 0x01, 0xbb, 0x01, 0xbb, 10,   1,    0,
    0,    10,   1,    0,    255,  0x08, 0x00, 0x00, 0x28, 0x00, 0x00, 0xff, 0xff, 0x20, 0x01,
    0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x20,
    0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0xff,
    0x0a, 0x00, 0x00, 0x06, 'a',  0x00, 0xf1, 0x00, 0x00, 0x05, 0x01,
};

static bool takes_ts(struct bytes octets)
{
	struct selector s[4];
	struct ts_found found;

	return ts_parse(octets, s, 4, &found, NULL) == ERR_NONE;
}

static void selectors_are_read(void **state)
{
	struct selector s[4];
	struct selector want;
	struct ts_found found;

	(void)state;
	assert_int_equal(ts_parse(BYTES_OF(three), s, 4, &found, NULL), ERR_NONE);
	assert_int_equal(found.n, 2);
	assert_int_equal(found.skipped, 1);
	assert_int_equal(found.dropped, 0);
	assert_int_equal(found.n_labels, 1);
	assert_bytes(found.label, BYTES_OF("a"));
	assert_int_equal(selector_parse(&want, "10.1.0.0/24[tcp/443]"), ERR_NONE);
	assert_true(selector_equal(&s[0], &want));
	assert_int_equal(selector_parse(&want, "2001:db8::/120"), ERR_NONE);
	assert_true(selector_equal(&s[1], &want));
}

static void selectors_are_written(void **state)
{
	uint8_t buf[sizeof(three)];
	struct writer w = writer_of(buf, sizeof(buf));
	struct selector s[4];
	struct ts_found found;
	const size_t known = sizeof(three) - 5;

	(void)state;
	assert_int_equal(ts_parse(BYTES_OF(three), s, 4, &found, NULL), ERR_NONE);
	ts_write(&w, s, found.n, found.label);
	assert_true(writer_ok(&w));
	assert_int_equal(w.n, known);
	assert_int_equal(buf[0], 3);
	assert_memory_equal(buf + 1, three + 1, known - 1);
	/* misuse: nothing, too many, a selector of no family */
	w = writer_of(buf, sizeof(buf));
	ts_write(&w, s, 0, bytes_of(NULL, 0));
	assert_false(writer_ok(&w));
	w = writer_of(buf, sizeof(buf));
	ts_write(&w, s, 256, bytes_of(NULL, 0));
	assert_false(writer_ok(&w));
	s[0].addrs.first.family = 6;
	w = writer_of(buf, sizeof(buf));
	ts_write(&w, s, 1, bytes_of(NULL, 0));
	assert_false(writer_ok(&w));
	s[0].addrs = (struct addr_range){.first = {0}};
	w = writer_of(buf, sizeof(buf));
	ts_write(&w, s, 1, bytes_of(NULL, 0));
	assert_false(writer_ok(&w));
}

static void no_prefix_is_a_ts(void **state)
{
	(void)state;
	only_whole_is_taken(takes_ts, BYTES_OF(three));
	(void)mutations_are_survived(takes_ts, BYTES_OF(three));
}

static void a_full_array_is_told(void **state)
{
	struct selector s[1];
	struct ts_found found;
	const char *reason = NULL;

	(void)state;
	assert_int_equal(ts_parse(BYTES_OF(three), s, 1, &found, &reason), ERR_LIMIT);
	assert_string_equal(reason, "TS: more selectors than we take");
	assert_int_equal(found.n, 1);
	assert_int_equal(found.dropped, 1);
	assert_int_equal(s[0].port_first, 443);
	assert_int_equal(ts_parse(BYTES_OF(three), NULL, 0, &found, NULL), ERR_LIMIT);
	assert_int_equal(found.dropped, 2);
}

struct broken {
	size_t at;
	uint8_t value;
	const char *reason;
};

static void every_rule_has_its_reason(void **state)
{
	const struct broken broken[] = {
	    {0, 0, "TS: no selector"},
	    {0, 3, "TS: octets after the last selector"},
	    {0, 5, "TS: a selector's header is cut off"},
	    {7, 3, "TS: a selector's length is below 4"},
	    {6, 1, "TS: a selector runs over the payload"},
	    {7, 15, "TS: wrong length of an address range selector"},
	    {7, 17, "TS: wrong length of an address range selector"},
	    {4, 8, "TS: wrong length of an address range selector"},
	    {16, 9, "TS: an address range ends before it starts"},
	    {10, 0, "TS: a port range ends before it starts"},
	    {63, 4, "TS: an empty security label"},
	};
	uint8_t octets[sizeof(three)];

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct selector s[4];
		struct ts_found found;
		const char *reason = "none";

		memcpy(octets, three, sizeof(three));
		octets[broken[i].at] = broken[i].value;
		assert_int_equal(ts_parse(BYTES_OF(octets), s, 4, &found, &reason), ERR_SYNTAX);
		assert_string_equal(reason, broken[i].reason);
	}
}

/* RFC 7296 3.13.1: start port 65535 and end port 0 is OPAQUE. */
static void opaque_ports(void **state)
{
	uint8_t octets[] = {1, 0, 0, 0, 7, 17, 0, 16, 0xff, 0xff, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1};
	struct selector s[1];
	struct ts_found found;

	(void)state;
	assert_int_equal(ts_parse(BYTES_OF(octets), s, 1, &found, NULL), ERR_NONE);
	assert_true(selector_is_opaque(&s[0]));
	octets[9] = 0xfe;
	assert_int_equal(ts_parse(BYTES_OF(octets), s, 1, &found, NULL), ERR_SYNTAX);
}

static void all_255_come_back(void **state)
{
	static uint8_t buf[4 + 255 * 40];
	static struct selector in[255], out[255];
	struct writer w = writer_of(buf, sizeof(buf));
	struct ts_found found;

	(void)state;
	for (size_t i = 0; i < 255; i++) {
		in[i] = selector_any(i % 2 == 0 ? 4 : 6);
		in[i].port_first = in[i].port_last = (uint16_t)i;
	}
	ts_write(&w, in, 255, bytes_of(NULL, 0));
	assert_true(writer_ok(&w));
	assert_int_equal(ts_parse(writer_bytes_so_far(&w), out, 255, &found, NULL), ERR_NONE);
	assert_int_equal(found.n, 255);
	for (size_t i = 0; i < 255; i++)
		assert_true(selector_equal(&in[i], &out[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(selectors_are_read),        cmocka_unit_test(selectors_are_written),
	    cmocka_unit_test(no_prefix_is_a_ts),         cmocka_unit_test(a_full_array_is_told),
	    cmocka_unit_test(every_rule_has_its_reason), cmocka_unit_test(opaque_ports),
	    cmocka_unit_test(all_255_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
