/* Identities as people write them, as payloads carry them, and as logs show them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "pki/identity.h"

static void check(const char *text, uint8_t type, const char *shown)
{
	char buf[IDENTITY_TEXT_MAX];
	struct identity *id;
	struct identity *again;
	const char *reason = "";

	if (identity_parse(&id, text, &reason) != ERR_NONE)
		fail_msg("%s: %s", text, reason);
	assert_int_equal(id->type, type);
	assert_string_equal(identity_format(id, buf), shown);
	/* What was shown can be written into a configuration again, and what goes on the wire comes
	 * back. */
	assert_int_equal(identity_parse(&again, buf, &reason), ERR_NONE);
	assert_true(identity_equal(id, again));
	identity_free(again);
	assert_int_equal(identity_from_wire(&again, id->type, identity_bytes(id), &reason),
			 ERR_NONE);
	assert_true(identity_equal(id, again));
	identity_free(again);
	again = identity_copy(id);
	assert_true(identity_equal(id, again));
	identity_free(again);
	identity_free(id);
}

static void text_is_what_it_looks_like(void **state)
{
	(void)state;
	check("gw-a.example", ID_FQDN, "gw-a.example");
	check("  gw-a.example\t", ID_FQDN, "gw-a.example");
	check("router", ID_FQDN, "router");
	check("fqdn:10.0.0.1x", ID_FQDN, "10.0.0.1x");
	check("user@x.example", ID_RFC822_ADDR, "user@x.example");
	check("email:user@x", ID_RFC822_ADDR, "user@x");
	check("192.0.2.1", ID_IPV4_ADDR, "192.0.2.1");
	check("ip:192.0.2.1", ID_IPV4_ADDR, "192.0.2.1");
	check("2001:db8::1", ID_IPV6_ADDR, "2001:db8::1");
	check("CN=gw, O=Example, C=NZ", ID_DER_ASN1_DN, "CN=gw, O=Example, C=NZ");
	check("CN = gw,O =Example", ID_DER_ASN1_DN, "CN=gw, O=Example");
	check("/C=NZ/O=Example/CN=gw", ID_DER_ASN1_DN, "C=NZ, O=Example, CN=gw");
	check("dn:CN=Acme\\, Inc", ID_DER_ASN1_DN, "CN=Acme\\, Inc");
	check("keyid:office", ID_KEY_ID, "keyid:office");
	check("0x0a0B", ID_KEY_ID, "keyid:0x0a0b");
	check("keyid:0x00", ID_KEY_ID, "keyid:0x00");
	check("dn:0x300d310b3009060355040313026777", ID_DER_ASN1_DN, "CN=gw");
}

static void other_text_is_refused_with_a_reason(void **state)
{
	static const char *const bad[] = {"",
					  "   ",
					  "gw a.example",
					  "g\xc3\xa9.example",
					  "@x.example",
					  "user@",
					  "a@b@c",
					  "ip:10.0.0",
					  "ip:gw",
					  "0x",
					  "0x0",
					  "0xzz",
					  "keyid:",
					  "keyid:0x",
					  "CN=",
					  "=gw",
					  "XX=gw",
					  "CN=gw,",
					  "C=New Zealand",
					  "dn:0x3000",
					  "dn:0x300d3100",
					  "dn:gateway",
					  "/",
					  "fqdn:"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct identity *id;
		const char *reason = NULL;

		if (identity_parse(&id, bad[i], &reason) == ERR_NONE)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_null(id);
		assert_non_null(reason);
	}
}

static enum err wire(uint8_t type, struct bytes data)
{
	struct identity *id;
	const char *reason = NULL;
	enum err e = identity_from_wire(&id, type, data, &reason);

	assert_true((e == ERR_NONE) == (id != NULL));
	assert_true((e == ERR_NONE) == (reason == NULL));
	identity_free(id);
	return e;
}

/* RFC 7296 3.5. */
static void payloads_are_checked(void **state)
{
	static const uint8_t zero[IDENTITY_MAX + 1];
	static const uint8_t empty_name[] = {0x30, 0x00};
	static const uint8_t name[] = {0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03,
				       0x55, 0x04, 0x03, 0x13, 0x02, 0x67, 0x77, 0x00};

	(void)state;
	assert_int_equal(wire(ID_IPV4_ADDR, bytes_of(zero, 4)), ERR_NONE);
	assert_int_equal(wire(ID_IPV4_ADDR, bytes_of(zero, 5)), ERR_SYNTAX);
	assert_int_equal(wire(ID_IPV6_ADDR, bytes_of(zero, 16)), ERR_NONE);
	assert_int_equal(wire(ID_IPV6_ADDR, bytes_of(zero, 4)), ERR_SYNTAX);
	assert_int_equal(wire(ID_FQDN, BYTES_LITERAL("gw.example")), ERR_NONE);
	assert_int_equal(wire(ID_FQDN, BYTES_LITERAL("gw.example\0")), ERR_SYNTAX);
	assert_int_equal(wire(ID_FQDN, BYTES_LITERAL("gw\nforged log line")), ERR_SYNTAX);
	assert_int_equal(wire(ID_FQDN, bytes_of(NULL, 0)), ERR_SYNTAX);
	assert_int_equal(wire(ID_RFC822_ADDR, BYTES_LITERAL("a@b")), ERR_NONE);
	assert_int_equal(wire(ID_RFC822_ADDR, BYTES_LITERAL("ab")), ERR_SYNTAX);
	assert_int_equal(wire(ID_DER_ASN1_DN, bytes_of(name, 15)), ERR_NONE);
	assert_int_equal(wire(ID_DER_ASN1_DN, bytes_of(name, 16)), ERR_SYNTAX); /* one too many */
	assert_int_equal(wire(ID_DER_ASN1_DN, bytes_of(name, 14)), ERR_SYNTAX);
	assert_int_equal(wire(ID_DER_ASN1_DN, BYTES_OF(empty_name)), ERR_SYNTAX);
	assert_int_equal(wire(ID_KEY_ID, bytes_of(zero, 1)), ERR_NONE);
	assert_int_equal(wire(ID_KEY_ID, bytes_of(zero, IDENTITY_MAX)), ERR_NONE);
	assert_int_equal(wire(ID_KEY_ID, bytes_of(zero, IDENTITY_MAX + 1)), ERR_RANGE);
	assert_int_equal(wire(ID_NULL, bytes_of(NULL, 0)), ERR_NONE);
	assert_int_equal(wire(ID_NULL, bytes_of(zero, 1)), ERR_SYNTAX);
	assert_int_equal(wire(ID_DER_ASN1_GN, bytes_of(zero, 4)), ERR_UNSUPPORTED);
	assert_int_equal(wire(0, bytes_of(zero, 4)), ERR_UNSUPPORTED);
}

static bool equal(const char *a, const char *b)
{
	struct identity *x;
	struct identity *y;
	const char *reason;
	bool same;

	assert_int_equal(identity_parse(&x, a, &reason), ERR_NONE);
	assert_int_equal(identity_parse(&y, b, &reason), ERR_NONE);
	same = identity_equal(x, y);
	assert_true(identity_equal(y, x) == same);
	identity_free(x);
	identity_free(y);
	return same;
}

/* RFC 4945 3.1. */
static void sameness_depends_on_the_type(void **state)
{
	(void)state;
	assert_true(equal("gw.example", "GW.Example"));
	assert_false(equal("gw.example", "gw.example."));
	assert_false(equal("gw.example", "keyid:gw.example"));
	assert_true(equal("user@x.example", "user@X.EXAMPLE"));
	assert_false(equal("user@x.example", "User@x.example"));
	assert_false(equal("keyid:office", "keyid:Office"));
	assert_false(equal("10.0.0.1", "10.0.0.2"));
	assert_true(equal("CN=gw, O=Example", "/CN=gw/O=Example"));
	assert_false(equal("CN=gw, O=Example", "O=Example, CN=gw"));
	/* A PrintableString and a UTF8String of the same text (RFC 5280 7.1). */
	assert_true(equal("CN=gw", "dn:0x300d310b3009060355040313026777"));
}

static void what_a_peer_sent_forges_no_line(void **state)
{
	char buf[IDENTITY_TEXT_MAX];
	struct identity *id = identity_new(ID_FQDN, BYTES_LITERAL("gw\n\\ \x1b[2Jx"));
	uint8_t big[IDENTITY_MAX];

	(void)state;
	assert_string_equal(identity_format(id, buf), "gw\\x0a\\x5c \\x1b[2Jx");
	identity_free(id);
	memset(big, 0x01, sizeof(big));
	id = identity_new(ID_FQDN, BYTES_OF(big));
	assert_true(strlen(identity_format(id, buf)) < IDENTITY_TEXT_MAX);
	assert_string_equal(buf + strlen(buf) - 3, "...");
	identity_free(id);
	assert_string_equal(identity_format(NULL, buf), "(none)");
	id = identity_new(ID_DER_ASN1_DN, BYTES_LITERAL("no name"));
	assert_string_equal(identity_format(id, buf), "(malformed name)");
	identity_free(id);
	assert_null(identity_new(ID_KEY_ID, bytes_of(big, IDENTITY_MAX + 1)));
}

static int nothing_is_held(void **state)
{
	(void)state;
	return mem_blocks_held() != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_is_what_it_looks_like),
	    cmocka_unit_test(other_text_is_refused_with_a_reason),
	    cmocka_unit_test(payloads_are_checked),
	    cmocka_unit_test(sameness_depends_on_the_type),
	    cmocka_unit_test(what_a_peer_sent_forges_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, nothing_is_held);
}
