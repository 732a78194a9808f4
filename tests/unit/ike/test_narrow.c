/* ike/narrow.c: RFC 7296 2.9 in both roles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ike/narrow.h"

#define LIST_MAX 300

struct list_of {
	struct selector s[LIST_MAX];
	size_t n;
};

/* "10.1.0.0/24 10.2.0.0/24[tcp/443]": selectors between blanks. */
static struct selectors read_list(struct list_of *l, const char *text)
{
	char copy[1000];
	char *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	l->n = 0;
	for (char *t = strtok_r(copy, " ", &save); t != NULL; t = strtok_r(NULL, " ", &save)) {
		assert_int_equal(selector_parse(&l->s[l->n], t), ERR_NONE);
		l->n++;
	}
	return (struct selectors){l->s, l->n};
}

static void assert_list(const struct selector *s, size_t n, const char *expected)
{
	char text[4000] = "", one[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, "%s%s", i == 0 ? "" : " ",
			 selector_format(&s[i], one));
	}
	assert_string_equal(text, expected);
}

static struct list_of a, b, c, d;

static enum err respond(const char *tsi, const char *tsr, const char *remote, const char *local,
			struct narrowed *out)
{
	return narrow_respond(read_list(&a, tsi), read_list(&b, tsr), read_list(&c, local),
			      read_list(&d, remote), out);
}

static void equal_ones_stay_whole(void **state)
{
	struct narrowed n;

	(void)state;
	assert_int_equal(respond("10.1.0.0/24", "10.2.0.0/24", "10.1.0.0/24", "10.2.0.0/24", &n),
			 ERR_NONE);
	assert_list(n.remote, n.n_remote, "10.1.0.0/24");
	assert_list(n.local, n.n_local, "10.2.0.0/24");
	assert_true(n.whole);
	assert_false(n.more_possible);
	assert_false(n.packet_fits);
}

static void the_common_part_is_taken(void **state)
{
	struct narrowed n;

	(void)state;
	assert_int_equal(
	    respond("0.0.0.0/0", "0.0.0.0/0", "10.1.0.0/24", "10.2.0.0/24[tcp/443]", &n), ERR_NONE);
	assert_list(n.remote, n.n_remote, "10.1.0.0/24");
	assert_list(n.local, n.n_local, "10.2.0.0/24[tcp/443]");
	assert_false(n.whole);
	assert_int_equal(respond("10.1.0.0/16", "10.2.0.7/32",
				 "10.1.5.0/24 10.1.7.0/24 10.3.0.0/24", "10.2.0.0/24", &n),
			 ERR_NONE);
	assert_list(n.remote, n.n_remote, "10.1.5.0/24 10.1.7.0/24");
	assert_list(n.local, n.n_local, "10.2.0.7/32");
}

static void nothing_in_common_is_refused(void **state)
{
	struct narrowed n;

	(void)state;
	assert_int_equal(respond("10.9.0.0/24", "10.2.0.0/24", "10.1.0.0/24", "10.2.0.0/24", &n),
			 ERR_NOT_FOUND);
	assert_int_equal(respond("10.1.0.0/24", "10.9.0.0/24", "10.1.0.0/24", "10.2.0.0/24", &n),
			 ERR_NOT_FOUND);
	assert_int_equal(respond("", "10.2.0.0/24", "10.1.0.0/24", "10.2.0.0/24", &n),
			 ERR_NOT_FOUND);
	/* A family, or a protocol, on one side alone carries no traffic. */
	assert_int_equal(respond("10.1.0.0/24", "2001:db8:2::/64", "10.1.0.0/24 2001:db8:1::/64",
				 "10.2.0.0/24 2001:db8:2::/64", &n),
			 ERR_NOT_FOUND);
	assert_int_equal(
	    respond("10.1.0.0/24[tcp]", "10.2.0.0/24[udp]", "10.1.0.0/24", "10.2.0.0/24", &n),
	    ERR_NOT_FOUND);
}

static void both_families_go_together(void **state)
{
	struct narrowed n;

	(void)state;
	assert_int_equal(respond("10.1.0.0/24 2001:db8:1::/64", "10.2.0.0/24 2001:db8:2::/64",
				 "0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0", &n),
			 ERR_NONE);
	assert_list(n.remote, n.n_remote, "10.1.0.0/24 2001:db8:1::/64");
	assert_list(n.local, n.n_local, "10.2.0.0/24 2001:db8:2::/64");
	assert_true(n.whole);
	/* One without a partner is left out. */
	assert_int_equal(respond("10.1.0.0/24 2001:db8:1::/64", "10.2.0.0/24 2001:db8:2::/64",
				 "0.0.0.0/0 ::/0", "0.0.0.0/0", &n),
			 ERR_NONE);
	assert_list(n.remote, n.n_remote, "10.1.0.0/24");
	assert_false(n.whole);
	assert_int_equal(respond("10.1.0.0/24 2001:db8:1::/64", "10.2.0.0/24 2001:db8:2::/64",
				 "0.0.0.0/0", "0.0.0.0/0 ::/0", &n),
			 ERR_NONE);
	assert_list(n.local, n.n_local, "10.2.0.0/24");
}

/* RFC 7296 2.9: the packet that the initiator names first decides which policy is meant. */
static void the_packet_comes_first(void **state)
{
	struct narrowed n;

	(void)state;
	assert_int_equal(respond("10.1.0.5/32[tcp/4000] 10.1.0.0/16",
				 "10.2.0.9/32[tcp/80] 10.2.0.0/16", "10.1.0.0/24", "10.2.0.0/24",
				 &n),
			 ERR_NONE);
	assert_true(n.packet_fits);
	assert_list(n.remote, n.n_remote, "10.1.0.0/24");
	assert_list(n.local, n.n_local, "10.2.0.0/24");
	/* Out of policy: the rest is still worth an SA. */
	assert_int_equal(respond("10.1.9.5/32[tcp/4000] 10.1.0.0/16",
				 "10.2.0.9/32[tcp/80] 10.2.0.0/16", "10.1.0.0/24", "10.2.0.0/24",
				 &n),
			 ERR_NONE);
	assert_false(n.packet_fits);
	/* What comes of the first selectors is first also where several policies meet. */
	assert_int_equal(respond("10.1.7.5/32[tcp/4000] 10.1.0.0/16", "10.2.0.0/16",
				 "10.1.5.0/24 10.1.7.5/32[tcp] 10.1.9.0/24", "10.2.0.0/24", &n),
			 ERR_NONE);
	assert_list(n.remote, n.n_remote, "10.1.5.0/24 10.1.7.5/32[tcp] 10.1.9.0/24");
	assert_false(n.packet_fits);
}

/* Bounded: 255 proposed against 16 configured, of which most do not fit. */
static void too_many_are_cut(void **state)
{
	struct list_of many = {.n = 0};
	struct narrowed n;
	struct selectors tsr = read_list(&b, "10.2.0.0/24");
	char text[40];

	(void)state;
	for (unsigned i = 0; i < 255; i++) {
		snprintf(text, sizeof(text), "10.1.%u.0/25", i);
		assert_int_equal(selector_parse(&many.s[many.n++], text), ERR_NONE);
	}
	assert_int_equal(narrow_respond((struct selectors){many.s, many.n}, tsr,
					read_list(&c, "10.2.0.0/24"), read_list(&d, "10.0.0.0/8"),
					&n),
			 ERR_NONE);
	assert_int_equal(n.n_remote, CHILD_SELECTORS_MAX);
	assert_true(n.more_possible);
	assert_false(n.whole);
	assert_list(n.remote, 1, "10.1.0.0/25");
}

static enum err check(const char *tsi, const char *tsr, struct narrowed *out)
{
	const char *reason = NULL;
	enum err e = narrow_check(read_list(&a, "10.1.0.0/24 2001:db8:1::/64"),
				  read_list(&b, "10.2.0.0/24[tcp] 2001:db8:2::/64"),
				  read_list(&c, tsi), read_list(&d, tsr), out, &reason);

	assert_true((e == ERR_NONE) == (reason == NULL));
	return e;
}

static void answers_stay_within(void **state)
{
	struct narrowed n;

	(void)state;
	assert_int_equal(
	    check("10.1.0.0/24 2001:db8:1::/64", "10.2.0.0/24[tcp] 2001:db8:2::/64", &n), ERR_NONE);
	assert_true(n.whole);
	assert_int_equal(check("10.1.0.0/25", "10.2.0.9/32[tcp/80]", &n), ERR_NONE);
	assert_list(n.local, n.n_local, "10.1.0.0/25");
	assert_list(n.remote, n.n_remote, "10.2.0.9/32[tcp/80]");
	assert_false(n.whole);
	assert_int_equal(check("10.1.0.0/23", "10.2.0.0/24[tcp]", &n), ERR_AUTH);
	assert_int_equal(check("10.1.0.0/24", "10.2.0.0/24", &n), ERR_AUTH);
	assert_int_equal(check("0.0.0.0/0", "10.2.0.0/24[tcp]", &n), ERR_AUTH);
	assert_int_equal(check("10.1.0.0/24", "2001:db8:2::/64", &n), ERR_AUTH);
	assert_int_equal(check("", "10.2.0.0/24[tcp]", &n), ERR_AUTH);
	assert_int_equal(check("10.1.0.0/32 10.1.0.1/32 10.1.0.2/32 10.1.0.3/32 10.1.0.4/32 "
			       "10.1.0.5/32 10.1.0.6/32 10.1.0.7/32 10.1.0.8/32 10.1.0.9/32 "
			       "10.1.0.10/32 10.1.0.11/32 10.1.0.12/32 10.1.0.13/32 10.1.0.14/32 "
			       "10.1.0.15/32 10.1.0.16/32",
			       "10.2.0.0/24[tcp]", &n),
			 ERR_LIMIT);
}

static void packets_become_selectors(void **state)
{
	struct flow_key flow = {.protocol = 6, .has_ports = true, .src_port = 4000, .dst_port = 80};
	struct selector src, dst;

	(void)state;
	assert_int_equal(addr_parse(&flow.src, "10.1.0.5"), ERR_NONE);
	assert_int_equal(addr_parse(&flow.dst, "10.2.0.9"), ERR_NONE);
	narrow_packet(&flow, &src, &dst);
	assert_list(&src, 1, "10.1.0.5/32[tcp/4000]");
	assert_list(&dst, 1, "10.2.0.9/32[tcp/80]");
	assert_true(
	    narrow_is_single_pair((struct selectors){&src, 1}, (struct selectors){&dst, 1}));
	assert_false(
	    narrow_is_single_pair(read_list(&a, "10.1.0.0/24"), (struct selectors){&dst, 1}));
	flow.has_ports = false;
	narrow_packet(&flow, &src, &dst);
	assert_list(&src, 1, "10.1.0.5/32[tcp]");
}

static void mismatches_are_explained(void **state)
{
	char buf[400];

	(void)state;
	assert_string_equal(
	    narrow_explain(read_list(&a, "10.9.0.0/24"), read_list(&b, "10.2.0.0/24"),
			   read_list(&c, "10.2.0.0/24"), read_list(&d, "10.1.0.0/24"), buf,
			   sizeof(buf)),
	    "peer proposed its side 10.9.0.0/24 and ours 10.2.0.0/24; configured are "
	    "remote 10.1.0.0/24 and local 10.2.0.0/24");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_ones_stay_whole),
	    cmocka_unit_test(the_common_part_is_taken),
	    cmocka_unit_test(nothing_in_common_is_refused),
	    cmocka_unit_test(both_families_go_together),
	    cmocka_unit_test(the_packet_comes_first),
	    cmocka_unit_test(too_many_are_cut),
	    cmocka_unit_test(answers_stay_within),
	    cmocka_unit_test(packets_become_selectors),
	    cmocka_unit_test(mismatches_are_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
