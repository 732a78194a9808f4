/* ike/sk.c: sealing and opening messages, RFC 7296 3.14 and RFC 5282. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "ike/sk.h"
#include "wire/parts.h"

static struct crypto *crypto;

static const struct {
	uint16_t encr, bits, integ;
	size_t iv;
} suites[] = {
    {ENCR_AES_GCM_16, 256, 0, 8},
    {ENCR_AES_GCM_8, 128, 0, 8},
    {ENCR_AES_CCM_12, 128, 0, 8},
    {ENCR_CHACHA20_POLY1305, 0, 0, 8},
    {ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128, 16},
    {ENCR_AES_CTR, 128, INTEG_HMAC_SHA2_512_256, 8},
    {ENCR_AES_CBC, 128, INTEG_AES_CMAC_96, 16},
};

#define N_SUITES (sizeof(suites) / sizeof(suites[0]))

static uint8_t key_octets[ENCR_KEY_MAX + INTEG_KEY_MAX];

static struct protect_suite suite_of(size_t i)
{
	return (struct protect_suite){encr_find(suites[i].encr), suites[i].bits,
				      integ_find(suites[i].integ)};
}

static struct protect_keys keys_of(const struct protect_suite *s)
{
	return (struct protect_keys){
	    .encr = bytes_of(key_octets, encr_keymat_len(s->encr, s->key_bits)),
	    .integ = bytes_of(key_octets + ENCR_KEY_MAX, s->integ != NULL ? s->integ->key_len : 0),
	};
}

static void fill(void *ctx, void *buf, size_t n)
{
	uint8_t *calls = ctx;

	memset(buf, 0xa0 + ++*calls, n);
}

static uint8_t calls;
static const struct random_source random_of_test = {fill, &calls};

/* A protected message with a notify of n octets of data; n > 65000 for none at all. */
static struct bytes build(const struct protect_suite *s, uint64_t *counter, uint8_t *buf,
			  size_t cap, size_t n)
{
	static uint8_t data[256];
	struct protect_keys keys = keys_of(s);
	struct ike_header h = {.spi_i = 1,
			       .spi_r = 2,
			       .exchange = EXCHANGE_INFORMATIONAL,
			       .flags = HEADER_INITIATOR,
			       .message_id = 7};
	struct message m;
	struct bytes out = {0};

	message_begin(&m, buf, cap, &h);
	message_sk_begin(&m, ike_sk_iv_len(s));
	if (n <= sizeof(data)) {
		notify_write(message_payload_begin(&m, PAYLOAD_NOTIFY), 0, bytes_of(NULL, 0), 16400,
			     bytes_of(data, n));
		message_payload_end(&m);
	}
	assert_int_equal(ike_sk_seal(crypto, s, &keys, counter, &random_of_test, &m, &out),
			 ERR_NONE);
	return out;
}

static enum err open_copy(const struct protect_suite *s, struct bytes message,
			  struct ike_sk_opened *out)
{
	static uint8_t copy[2000];
	struct protect_keys keys = keys_of(s);
	const char *reason = NULL;
	struct ike_header h;
	enum err e;

	memcpy(copy, message.p, message.n);
	e = header_parse(&h, bytes_of(copy, message.n), &reason);
	out->authentic = false;
	if (e == ERR_NONE)
		e = ike_sk_open(crypto, s, &keys, &h, copy, message.n, out, &reason);
	if (e != ERR_NONE)
		assert_non_null(reason);
	return e;
}

static void every_suite_there_and_back(void **state)
{
	uint8_t buf[1000];
	struct ike_sk_opened o;

	(void)state;
	for (size_t i = 0; i < N_SUITES; i++) {
		struct protect_suite s = suite_of(i);
		uint64_t counter = 0;

		assert_int_equal(ike_sk_iv_len(&s), suites[i].iv);
		for (size_t n = 0; n < 40; n++) {
			struct bytes m = build(&s, &counter, buf, sizeof(buf), n);

			assert_int_equal(open_copy(&s, m, &o), ERR_NONE);
			assert_true(o.authentic);
			assert_int_equal(o.first, PAYLOAD_NOTIFY);
			assert_int_equal(o.payloads.n, 1);
			assert_int_equal(o.payloads.p[0].body.n, 4 + n);
			assert_int_equal(o.inner.n, 8 + n);
		}
		/* A liveness check is empty inside. */
		assert_int_equal(open_copy(&s, build(&s, &counter, buf, sizeof(buf), SIZE_MAX), &o),
				 ERR_NONE);
		assert_int_equal(o.payloads.n, 0);
		assert_int_equal(o.first, PAYLOAD_NONE);
	}
}

/* Every octet of the message is protected: header, SK header, IV, text and ICV. */
static void every_octet_counts(void **state)
{
	uint8_t buf[1000];
	struct ike_sk_opened o;

	(void)state;
	for (size_t i = 0; i < N_SUITES; i++) {
		struct protect_suite s = suite_of(i);
		uint64_t counter = 5;
		struct bytes m = build(&s, &counter, buf, sizeof(buf), 10);

		for (size_t at = 0; at < m.n; at++) {
			buf[at] ^= 1;
			assert_int_not_equal(open_copy(&s, m, &o), ERR_NONE);
			assert_false(o.authentic);
			buf[at] ^= 1;
		}
		assert_int_equal(open_copy(&s, m, &o), ERR_NONE);
	}
}

/* Cut off anywhere, with a header that says so: refused before any subtraction (N25, N29). */
static void cut_messages_are_refused(void **state)
{
	uint8_t buf[1000];
	struct ike_sk_opened o;

	(void)state;
	for (size_t i = 0; i < N_SUITES; i++) {
		struct protect_suite s = suite_of(i);
		uint64_t counter = 5;
		struct bytes m = build(&s, &counter, buf, sizeof(buf), 10);
		size_t whole = m.n;

		for (m.n = IKE_HEADER_LEN + 4; m.n < whole; m.n++) {
			buf[26] = (uint8_t)(m.n >> 8);
			buf[27] = (uint8_t)m.n;
			buf[30] = (uint8_t)((m.n - 28) >> 8);
			buf[31] = (uint8_t)(m.n - 28);
			enum err e = open_copy(&s, m, &o);

			assert_int_not_equal(e, ERR_NONE);
			assert_false(o.authentic);
			/* CBC takes whole blocks only. */
			if (suites[i].iv == 16 && (whole - m.n) % 16 != 0)
				assert_int_equal(e, ERR_SYNTAX);
		}
	}
}

/* RFC 5282 3.1: the IV never repeats under a key. */
static void counters_make_ivs(void **state)
{
	struct protect_suite s = suite_of(0);
	uint64_t counter = 0x0102;
	struct protect_keys keys = keys_of(&s);
	struct ike_header h = {.spi_i = 1, .exchange = EXCHANGE_INFORMATIONAL};
	static const uint8_t expected[] = {0, 0, 0, 0, 0, 0, 1, 2};
	struct message m;
	uint8_t buf[200];
	struct bytes out;

	(void)state;
	(void)build(&s, &counter, buf, sizeof(buf), 0);
	assert_memory_equal(buf + 32, expected, 8);
	assert_int_equal(counter, 0x0103);
	(void)build(&s, &counter, buf, sizeof(buf), 0);
	assert_int_equal(buf[39], 3);
	counter = UINT64_MAX;
	message_begin(&m, buf, sizeof(buf), &h);
	message_sk_begin(&m, 8);
	assert_int_equal(ike_sk_seal(crypto, &s, &keys, &counter, &random_of_test, &m, &out),
			 ERR_LIMIT);
	/* CBC draws its IV anew each time. */
	s = suite_of(4);
	calls = 0;
	(void)build(&s, &counter, buf, sizeof(buf), 0);
	assert_int_equal(buf[32], 0xa1);
	(void)build(&s, &counter, buf, sizeof(buf), 0);
	assert_int_equal(buf[32], 0xa2);
	assert_true(counter == UINT64_MAX);
}

static void seal_raw(struct protect_suite *s, uint8_t before, bool before_critical,
		     const uint8_t *inner, size_t n, uint8_t first, uint8_t *buf, size_t cap,
		     struct bytes *out)
{
	struct protect_keys keys = keys_of(s);
	struct ike_header h = {.spi_i = 1, .exchange = EXCHANGE_INFORMATIONAL};
	uint64_t counter = 0;
	struct message m;

	message_begin(&m, buf, cap, &h);
	if (before != 0) {
		(void)message_payload_begin(&m, before);
		if (before_critical)
			message_payload_critical(&m);
		message_payload_end(&m);
	}
	message_sk_begin(&m, ike_sk_iv_len(s));
	if (first != 0) {
		writer_bytes(message_payload_begin(&m, first), bytes_of(inner, n));
		message_payload_critical(&m);
		message_payload_end(&m);
	}
	assert_int_equal(ike_sk_seal(crypto, s, &keys, &counter, &random_of_test, &m, out),
			 ERR_NONE);
}

/* N22: inside and outside; only an authentic message is told of. */
static void critical_unknowns_are_named(void **state)
{
	struct protect_suite s = suite_of(0);
	struct ike_sk_opened o;
	uint8_t buf[300];
	struct bytes m;

	(void)state;
	seal_raw(&s, 0, false, NULL, 0, 199, buf, sizeof(buf), &m);
	assert_int_equal(open_copy(&s, m, &o), ERR_UNSUPPORTED);
	assert_true(o.authentic);
	assert_int_equal(o.payloads.unsupported, 199);
	seal_raw(&s, 201, true, NULL, 0, 0, buf, sizeof(buf), &m);
	assert_int_equal(open_copy(&s, m, &o), ERR_UNSUPPORTED);
	assert_true(o.authentic);
	assert_int_equal(o.payloads.unsupported, 201);
	buf[m.n - 1] ^= 1;
	assert_int_equal(open_copy(&s, m, &o), ERR_AUTH);
	assert_false(o.authentic);
	seal_raw(&s, 201, false, NULL, 0, 0, buf, sizeof(buf), &m);
	assert_int_equal(open_copy(&s, m, &o), ERR_NONE);
}

/* Authentic nonsense: its sender may be told INVALID_SYNTAX. */
static void broken_insides_are_authentic(void **state)
{
	struct protect_suite s = suite_of(0);
	struct protect_keys keys = keys_of(&s);
	struct ike_header h = {.spi_i = 1, .exchange = EXCHANGE_INFORMATIONAL};
	uint64_t counter = 0;
	struct ike_sk_opened o;
	struct message m;
	uint8_t buf[300];
	struct bytes out;

	(void)state;
	message_begin(&m, buf, sizeof(buf), &h);
	message_sk_begin(&m, 8);
	writer_u32(message_payload_begin(&m, PAYLOAD_NOTIFY), 0x00004000);
	message_payload_end(&m);
	buf[IKE_HEADER_LEN + 4 + 8 + 3] = 200; /* the inner payload says it is longer */
	assert_int_equal(ike_sk_seal(crypto, &s, &keys, &counter, &random_of_test, &m, &out),
			 ERR_NONE);
	assert_int_equal(open_copy(&s, out, &o), ERR_SYNTAX);
	assert_true(o.authentic);
	/* No SK at all. */
	message_begin(&m, buf, sizeof(buf), &h);
	assert_int_equal(message_end(&m, &out), ERR_NONE);
	assert_int_equal(open_copy(&s, out, &o), ERR_SYNTAX);
	assert_false(o.authentic);
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(key_octets); i++)
		key_octets[i] = (uint8_t)(7 * i + 1);
	crypto = crypto_new();
	return crypto != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	crypto_free(crypto);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_suite_there_and_back),
	    cmocka_unit_test(every_octet_counts),
	    cmocka_unit_test(cut_messages_are_refused),
	    cmocka_unit_test(counters_make_ivs),
	    cmocka_unit_test(critical_unknowns_are_named),
	    cmocka_unit_test(broken_insides_are_authentic),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
