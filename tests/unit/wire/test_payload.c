#include "support.h"

#include "wire/payload.h"

/* Nonce (16), an unknown payload 100, two Notifies, Vendor ID with nothing in it. */
static const uint8_t chain[] = {
    100, 0,  0,  20, 1,  2,  3,    4,    5,    6,    7,    8, 9, 10,
    11,  12, 13, 14, 15, 16, 41,   0,    0,    5,    0xaa, /* unknown, not critical */
    41,  0,  0,  8,  0,  0,  0x40, 0x04,                   /* N(NAT_DETECTION_SOURCE_IP), no data */
    43,  0,  0,  10, 0,  0,  0x40, 0x05, 0xde, 0xad, 0,    0, 0, 4,
};

static bool takes_chain(struct bytes octets)
{
	struct payloads ps;

	return payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NONCE, octets, NULL) == ERR_NONE;
}

static void a_chain_is_cut(void **state)
{
	struct payloads ps;
	const struct payload *n = NULL;

	(void)state;
	assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NONCE, BYTES_OF(chain), NULL),
			 ERR_NONE);
	assert_int_equal(ps.n, 4);
	assert_int_equal(ps.skipped, 1);
	assert_int_equal(ps.unsupported, 0);
	assert_int_equal(ps.p[0].type, PAYLOAD_NONCE);
	assert_bytes(ps.p[0].body, bytes_of(chain + 4, 16));
	assert_int_equal(payloads_count(&ps, PAYLOAD_NOTIFY), 2);
	n = payloads_find(&ps, PAYLOAD_NOTIFY);
	assert_int_equal(n->at, 25);
	n = payloads_next(&ps, PAYLOAD_NOTIFY, n);
	assert_int_equal(n->at, 33);
	assert_int_equal(n->body.n, 6);
	assert_null(payloads_next(&ps, PAYLOAD_NOTIFY, n));
	assert_int_equal(payloads_find(&ps, PAYLOAD_VENDOR)->body.n, 0);
	assert_null(payloads_find(&ps, PAYLOAD_SA));
}

static void no_prefix_is_a_chain(void **state)
{
	(void)state;
	only_whole_is_taken(takes_chain, BYTES_OF(chain));
	(void)mutations_are_survived(takes_chain, BYTES_OF(chain));
}

static void lengths_that_lie(void **state)
{
	uint8_t octets[sizeof(chain)];
	struct payloads ps;
	const char *reason = NULL;

	(void)state;
	memcpy(octets, chain, sizeof(chain));
	octets[3] = 3;
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NONCE, BYTES_OF(octets), &reason),
	    ERR_SYNTAX);
	assert_string_equal(reason, "payload: its length is below that of its header");
	octets[3] = 0;
	assert_false(takes_chain(BYTES_OF(octets)));
	octets[2] = 0xff;
	octets[3] = 0xff;
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NONCE, BYTES_OF(octets), &reason),
	    ERR_SYNTAX);
	assert_string_equal(reason, "payload: it claims more octets than are left");
	/* the chain ends, the octets do not */
	memcpy(octets, chain, sizeof(chain));
	octets[33] = 0;
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NONCE, BYTES_OF(octets), &reason),
	    ERR_SYNTAX);
	assert_string_equal(reason, "message: octets after the last payload");
}

static void an_empty_chain(void **state)
{
	struct payloads ps;
	const uint8_t one = 0;

	(void)state;
	assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER, PAYLOAD_NONE, bytes_of(NULL, 0), NULL),
			 ERR_NONE);
	assert_int_equal(ps.n, 0);
	assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER, PAYLOAD_NONE, bytes_of(&one, 1), NULL),
			 ERR_SYNTAX);
}

/* RFC 7296 3.14: SK is last, and its Next Payload is the first one inside. */
static void sk_ends_the_chain(void **state)
{
	uint8_t octets[] = {46, 0, 0, 8, 0, 0, 0x40, 0x04, 35, 0, 0, 6, 1, 2, 9};
	const struct bytes whole = bytes_of(octets, 14);
	struct payloads ps;

	(void)state;
	assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NOTIFY, whole, NULL),
			 ERR_NONE);
	assert_int_equal(ps.n, 2);
	assert_int_equal(ps.p[1].type, PAYLOAD_SK);
	assert_int_equal(ps.p[1].next, PAYLOAD_IDI);
	assert_int_equal(ps.p[1].at, 8);
	assert_int_equal(ps.p[1].body.n, 2);
	/* something after SK */
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NOTIFY, BYTES_OF(octets), NULL),
	    ERR_SYNTAX);
	/* SK inside SK, SKF inside SK */
	assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER, PAYLOAD_NOTIFY, whole, NULL),
			 ERR_SYNTAX);
	octets[0] = PAYLOAD_SKF;
	assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER, PAYLOAD_NOTIFY, whole, NULL),
			 ERR_SYNTAX);
	assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NOTIFY, whole, NULL),
			 ERR_NONE);
}

/* N22; RFC 7296 2.5: an unknown critical payload is told, a known one's Critical bit is not looked
 * at, and a malformed rest comes first. */
static void n22_unknown_critical_payload(void **state)
{
	uint8_t octets[sizeof(chain)];
	struct payloads ps;
	const enum payload_place places[] = {PAYLOADS_OUTER, PAYLOADS_INNER};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		memcpy(octets, chain, sizeof(chain));
		octets[1] = PAYLOAD_CRITICAL;
		assert_int_equal(
		    payloads_parse(&ps, places[i], PAYLOAD_NONCE, BYTES_OF(octets), NULL),
		    ERR_NONE);
		assert_true(ps.p[0].critical);
		octets[21] = PAYLOAD_CRITICAL;
		assert_int_equal(
		    payloads_parse(&ps, places[i], PAYLOAD_NONCE, BYTES_OF(octets), NULL),
		    ERR_UNSUPPORTED);
		assert_int_equal(ps.unsupported, 100);
		assert_int_equal(ps.n, 4);
		octets[36] = 3;
		assert_int_equal(
		    payloads_parse(&ps, places[i], PAYLOAD_NONCE, BYTES_OF(octets), NULL),
		    ERR_SYNTAX);
	}
}

static void too_many_payloads(void **state)
{
	uint8_t octets[4 * (PAYLOADS_MAX + 1)];
	struct payloads ps;

	(void)state;
	for (size_t i = 0; i <= PAYLOADS_MAX; i++) {
		const uint8_t vendor[] = {PAYLOAD_VENDOR, 0, 0, 4};

		memcpy(octets + 4 * i, vendor, 4);
	}
	octets[4 * PAYLOADS_MAX] = PAYLOAD_NONE;
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_VENDOR, BYTES_OF(octets), NULL), ERR_LIMIT);
	assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_VENDOR,
					bytes_of(octets + 4, sizeof(octets) - 4), NULL),
			 ERR_NONE);
	assert_int_equal(ps.n, PAYLOADS_MAX);
}

/* A parsed chain of bodiless payloads of these types. */
static struct payloads of_types(const uint8_t *types, size_t n)
{
	struct payloads ps = {.n = n};

	for (size_t i = 0; i < n; i++)
		ps.p[i].type = types[i];
	return ps;
}

static enum err check(const uint8_t *types, size_t n, enum payload_place place, uint8_t exchange,
		      bool response)
{
	struct payloads ps = of_types(types, n);

	return payloads_check(&ps, place, exchange, response, NULL);
}

/* The exchanges of RFC 7296 1.2 to 1.4 as written there. */
static void the_usual_chains_pass(void **state)
{
	const uint8_t init[] = {PAYLOAD_NOTIFY, PAYLOAD_SA,     PAYLOAD_KE,    PAYLOAD_NONCE,
				PAYLOAD_NOTIFY, PAYLOAD_NOTIFY, PAYLOAD_VENDOR};
	const uint8_t init_r[] = {PAYLOAD_SA, PAYLOAD_KE, PAYLOAD_NONCE, PAYLOAD_CERTREQ,
				  PAYLOAD_CERTREQ};
	const uint8_t auth[] = {PAYLOAD_IDI, PAYLOAD_CERT, PAYLOAD_CERT,  PAYLOAD_CERTREQ,
				PAYLOAD_IDR, PAYLOAD_AUTH, PAYLOAD_CP,    PAYLOAD_SA,
				PAYLOAD_TSI, PAYLOAD_TSR,  PAYLOAD_NOTIFY};
	const uint8_t child[] = {PAYLOAD_NOTIFY, PAYLOAD_SA,  PAYLOAD_NONCE,
				 PAYLOAD_KE,     PAYLOAD_TSI, PAYLOAD_TSR};
	const uint8_t info[] = {PAYLOAD_DELETE, PAYLOAD_DELETE, PAYLOAD_NOTIFY, PAYLOAD_CP};
	const uint8_t outer[] = {PAYLOAD_SK};

	(void)state;
	assert_int_equal(check(init, sizeof(init), PAYLOADS_OUTER, EXCHANGE_IKE_SA_INIT, false),
			 ERR_NONE);
	assert_int_equal(check(init_r, sizeof(init_r), PAYLOADS_OUTER, EXCHANGE_IKE_SA_INIT, true),
			 ERR_NONE);
	assert_int_equal(check(auth, sizeof(auth), PAYLOADS_INNER, EXCHANGE_IKE_AUTH, false),
			 ERR_NONE);
	assert_int_equal(
	    check(child, sizeof(child), PAYLOADS_INNER, EXCHANGE_CREATE_CHILD_SA, false), ERR_NONE);
	assert_int_equal(
	    check(child, sizeof(child), PAYLOADS_INNER, EXCHANGE_CREATE_CHILD_SA, true), ERR_NONE);
	assert_int_equal(check(info, sizeof(info), PAYLOADS_INNER, EXCHANGE_INFORMATIONAL, true),
			 ERR_NONE);
	for (uint8_t e = EXCHANGE_IKE_AUTH; e <= EXCHANGE_INFORMATIONAL; e++)
		assert_int_equal(check(outer, 1, PAYLOADS_OUTER, e, false), ERR_NONE);
}

/* RFC 7296 2.5: a message with its payloads in another order MUST NOT be refused for that; Nonce,
 * KE and SA the wrong way round, as octets and against the exchange's rule. */
static void any_order_passes(void **state)
{
	static const uint8_t chain_of_three[] = {
	    PAYLOAD_KE, 0, 0,  20,           1,  2,  3,  4,  5,  6,          7,
	    8,          9, 10, 11,           12, 13, 14, 15, 16, PAYLOAD_SA, 0,
	    0,          5, 1,  PAYLOAD_NONE, 0,  0,  5,  1};
	const uint8_t auth[] = {PAYLOAD_TSR, PAYLOAD_NOTIFY, PAYLOAD_AUTH, PAYLOAD_SA,
				PAYLOAD_TSI, PAYLOAD_CERT,   PAYLOAD_IDR,  PAYLOAD_IDI};
	struct payloads ps;

	(void)state;
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_OUTER, PAYLOAD_NONCE, BYTES_OF(chain_of_three), NULL),
	    ERR_NONE);
	assert_int_equal(ps.n, 3);
	assert_int_equal(payloads_check(&ps, PAYLOADS_OUTER, EXCHANGE_IKE_SA_INIT, false, NULL),
			 ERR_NONE);
	assert_int_equal(payloads_find(&ps, PAYLOAD_SA)->at, 25);
	assert_int_equal(check(auth, sizeof(auth), PAYLOADS_INNER, EXCHANGE_IKE_AUTH, false),
			 ERR_NONE);
}

static void payloads_of_other_exchanges_are_refused(void **state)
{
	const uint8_t auth[] = {PAYLOAD_AUTH};
	const uint8_t sk[] = {PAYLOAD_SK};
	const uint8_t open_auth[] = {PAYLOAD_IDI, PAYLOAD_SK};
	const uint8_t delete_there[] = {PAYLOAD_DELETE};
	const uint8_t certreq[] = {PAYLOAD_CERTREQ};

	(void)state;
	assert_int_equal(check(auth, 1, PAYLOADS_OUTER, EXCHANGE_IKE_SA_INIT, false), ERR_SYNTAX);
	assert_int_equal(check(sk, 1, PAYLOADS_OUTER, EXCHANGE_IKE_SA_INIT, false), ERR_SYNTAX);
	assert_int_equal(check(open_auth, 2, PAYLOADS_OUTER, EXCHANGE_IKE_AUTH, false), ERR_SYNTAX);
	assert_int_equal(check(delete_there, 1, PAYLOADS_INNER, EXCHANGE_IKE_AUTH, false),
			 ERR_SYNTAX);
	assert_int_equal(check(certreq, 1, PAYLOADS_OUTER, EXCHANGE_IKE_SA_INIT, false),
			 ERR_SYNTAX);
	/* an exchange that we do not know: only repetition counts */
	assert_int_equal(check(auth, 1, PAYLOADS_INNER, 200, false), ERR_NONE);
}

static void what_comes_once_may_not_come_twice(void **state)
{
	const uint8_t singles[] = {PAYLOAD_SA,    PAYLOAD_KE,  PAYLOAD_IDI, PAYLOAD_IDR,
				   PAYLOAD_AUTH,  PAYLOAD_TSI, PAYLOAD_TSR, PAYLOAD_CP,
				   PAYLOAD_NONCE, PAYLOAD_EAP, PAYLOAD_SK,  PAYLOAD_SKF};
	const uint8_t many[] = {PAYLOAD_CERT, PAYLOAD_CERTREQ, PAYLOAD_NOTIFY, PAYLOAD_DELETE,
				PAYLOAD_VENDOR};

	(void)state;
	for (size_t i = 0; i < sizeof(singles); i++) {
		const uint8_t twice[] = {singles[i], PAYLOAD_NOTIFY, singles[i]};

		assert_int_equal(check(twice, 3, PAYLOADS_OUTER, 200, false), ERR_SYNTAX);
		assert_int_equal(check(twice, 2, PAYLOADS_OUTER, 200, false), ERR_NONE);
	}
	for (size_t i = 0; i < sizeof(many); i++) {
		const uint8_t twice[] = {many[i], many[i]};

		assert_int_equal(check(twice, 2, PAYLOADS_INNER, 200, false), ERR_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_chain_is_cut),
	    cmocka_unit_test(no_prefix_is_a_chain),
	    cmocka_unit_test(lengths_that_lie),
	    cmocka_unit_test(an_empty_chain),
	    cmocka_unit_test(sk_ends_the_chain),
	    cmocka_unit_test(n22_unknown_critical_payload),
	    cmocka_unit_test(too_many_payloads),
	    cmocka_unit_test(the_usual_chains_pass),
	    cmocka_unit_test(any_order_passes),
	    cmocka_unit_test(payloads_of_other_exchanges_are_refused),
	    cmocka_unit_test(what_comes_once_may_not_come_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
