#include "support.h"

#include "wire/message.h"
#include "wire/parts.h"
#include "wire/payload.h"
#include "wire/sk.h"

static const struct ike_header header = {
    .spi_i = 0x0102030405060708,
    .spi_r = 0x1112131415161718,
    .exchange = EXCHANGE_INFORMATIONAL,
    .flags = HEADER_INITIATOR,
    .message_id = 5,
};

static const uint8_t notify_body[] = {0, 0, 0x40, 0x00};
static uint8_t buf[256];

/* IKE_SA_INIT with two payloads, octet for octet. */
static void a_plain_message(void **state)
{
	const uint8_t want[] = {
	    1,    2,  3,    4,  5,    6,  7,    8,    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
	    0x18, 41, 0x20, 34, 0x08, 0,  0,    0,    5,    0,    0,    0,    45, /* 28 + 8 + 9 */
	    34,   0,  0,    8,  0,    0,  0x40, 0x00, /* Notify, then KE */
	    0,    0,  0,    9,  0,    31, 0,    0,    0x77,
	};
	const uint8_t key[] = {0x77};
	struct ike_header h = header;
	struct message m;
	struct bytes out;
	struct payloads ps;

	(void)state;
	h.exchange = EXCHANGE_IKE_SA_INIT;
	h.next_payload = 99; /* ignored, like the length */
	h.length = 9999;
	message_begin(&m, buf, sizeof(buf), &h);
	message_payload(&m, PAYLOAD_NOTIFY, BYTES_OF(notify_body));
	ke_write(message_payload_begin(&m, PAYLOAD_KE), KE_CURVE25519, BYTES_OF(key));
	message_payload_end(&m);
	assert_int_equal(message_end(&m, &out), ERR_NONE);
	assert_bytes(out, BYTES_OF(want));
	assert_int_equal(header_parse(&h, out, NULL), ERR_NONE);
	assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, h.next_payload,
					bytes_of(out.p + IKE_HEADER_LEN, out.n - IKE_HEADER_LEN),
					NULL),
			 ERR_NONE);
	assert_int_equal(ps.n, 2);
}

static void a_message_without_payloads(void **state)
{
	struct message m;
	struct bytes out;
	struct ike_header h;

	(void)state;
	h = header;
	h.next_payload = 99; /* ignored */
	message_begin(&m, buf, sizeof(buf), &h);
	assert_int_equal(message_end(&m, &out), ERR_NONE);
	assert_int_equal(out.n, 28);
	assert_int_equal(header_parse(&h, out, NULL), ERR_NONE);
	assert_int_equal(h.next_payload, PAYLOAD_NONE);
}

static void the_critical_bit(void **state)
{
	struct message m;
	struct bytes out;

	(void)state;
	message_begin(&m, buf, sizeof(buf), &header);
	writer_u8(message_payload_begin(&m, 200), 1);
	message_payload_critical(&m);
	message_payload_end(&m);
	assert_int_equal(message_end(&m, &out), ERR_NONE);
	assert_int_equal(out.p[29], PAYLOAD_CRITICAL);
}

/* A message with one open and two encrypted payloads, and the layout that crypto gets. */
static enum err build_sealed(struct message *m, size_t iv_len, size_t block, size_t icv_len,
			     struct message_seal *s)
{
	message_begin(m, buf, sizeof(buf), &header);
	message_payload(m, PAYLOAD_VENDOR, BYTES_LITERAL("v"));
	message_sk_begin(m, iv_len);
	message_payload(m, PAYLOAD_NOTIFY, BYTES_OF(notify_body));
	message_payload(m, PAYLOAD_NONCE, BYTES_LITERAL("0123456789abcdef"));
	return message_seal_layout(m, block, icv_len, s);
}

static void an_encrypted_message(void **state)
{
	struct message m;
	struct message_seal s;
	struct ike_header h;
	struct payloads ps;
	struct sk_layout sk;
	struct bytes inner;

	(void)state;
	assert_int_equal(build_sealed(&m, 8, 1, 16, &s), ERR_NONE);
	/* 28 header, 5 Vendor ID, 4 SK header */
	assert_int_equal(s.aad.n, 37);
	assert_ptr_equal(s.aad.p, buf);
	assert_ptr_equal(s.iv, buf + 37);
	assert_int_equal(s.iv_len, 8);
	assert_ptr_equal(s.plaintext, buf + 45);
	assert_int_equal(s.plaintext_len, 8 + 20 + 1);
	assert_int_equal(s.plaintext[28], 0);
	assert_ptr_equal(s.icv, buf + 45 + 29);
	assert_int_equal(s.covered.n, 45 + 29);
	assert_int_equal(s.message.n, 45 + 29 + 16);
	/* RFC 7296 3.14: the chain passes through SK to the first payload inside. */
	assert_int_equal(buf[16], PAYLOAD_VENDOR);
	assert_int_equal(buf[28], PAYLOAD_SK);
	assert_int_equal(buf[33], PAYLOAD_NOTIFY);
	assert_int_equal(buf[36], 4 + 8 + 29 + 16);
	assert_int_equal(buf[45], PAYLOAD_NONCE);
	assert_int_equal(buf[53], PAYLOAD_NONE);

	/* and back, "encrypted" with nothing */
	assert_int_equal(header_parse(&h, s.message, NULL), ERR_NONE);
	assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, h.next_payload,
					bytes_of(buf + 28, s.message.n - 28), NULL),
			 ERR_NONE);
	assert_int_equal(ps.n, 2);
	assert_int_equal(sk_split(&sk, s.message, &ps.p[1], 8, 16, NULL), ERR_NONE);
	assert_bytes(sk.aad, s.aad);
	assert_bytes(sk.covered, s.covered);
	assert_int_equal(sk.iv_at, 37);
	assert_int_equal(sk.ciphertext_at, 45);
	assert_int_equal(sk.icv_at, 74);
	assert_ptr_equal(sk.iv.p, s.iv);
	assert_ptr_equal(sk.ciphertext.p, s.plaintext);
	assert_int_equal(sk.ciphertext.n, s.plaintext_len);
	assert_ptr_equal(sk.icv.p, s.icv);
	assert_int_equal(sk.first, PAYLOAD_NOTIFY);
	assert_false(sk.is_fragment);
	assert_int_equal(sk_unpad(sk.ciphertext, &inner, NULL), ERR_NONE);
	assert_int_equal(inner.n, 28);
	assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER, sk.first, inner, NULL), ERR_NONE);
	assert_int_equal(ps.n, 2);
}

/* RFC 7296 3.14: the plaintext fills whole blocks, by the least padding. */
static void padding(void **state)
{
	struct message m;
	struct message_seal s;
	struct bytes inner;

	(void)state;
	assert_int_equal(build_sealed(&m, 16, 16, 16, &s), ERR_NONE);
	assert_int_equal(s.plaintext_len, 32);
	assert_int_equal(s.plaintext[31], 3);
	assert_int_equal(sk_unpad(bytes_of(s.plaintext, 32), &inner, NULL), ERR_NONE);
	assert_int_equal(inner.n, 28);
	for (size_t block = 1; block <= 64; block++) {
		assert_int_equal(build_sealed(&m, 8, block, 12, &s), ERR_NONE);
		assert_int_equal(s.plaintext_len % block, 0);
		assert_true(s.plaintext_len >= 29 && s.plaintext_len < 29 + block);
	}
	assert_int_equal(build_sealed(&m, 8, 256, 12, &s), ERR_LIMIT); /* of the buffer */
	assert_int_equal(build_sealed(&m, 8, 0, 12, &s), ERR_STATE);
	assert_int_equal(build_sealed(&m, 8, 257, 12, &s), ERR_STATE);

	assert_int_equal(sk_unpad(bytes_of(NULL, 0), &inner, NULL), ERR_SYNTAX);
	assert_int_equal(sk_unpad(BYTES_LITERAL("\2\1\2"), &inner, NULL), ERR_NONE);
	assert_int_equal(inner.n, 0);
	assert_int_equal(sk_unpad(BYTES_LITERAL("\2\1\3"), &inner, NULL), ERR_SYNTAX);
	assert_int_equal(sk_unpad(BYTES_LITERAL("\1"), &inner, NULL), ERR_SYNTAX);
}

/* A liveness check: SK with nothing inside (RFC 7296 1.4). */
static void an_empty_sk(void **state)
{
	struct message m;
	struct message_seal s;
	uint8_t first = 99;

	(void)state;
	message_begin(&m, buf, sizeof(buf), &header);
	message_sk_begin(&m, 8);
	assert_int_equal(message_inner(&m, &first).n, 0);
	assert_int_equal(first, PAYLOAD_NONE);
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_NONE);
	assert_int_equal(s.plaintext_len, 1);
	assert_int_equal(s.message.n, 28 + 4 + 8 + 1 + 16);
	assert_int_equal(buf[28], PAYLOAD_NONE);
}

static void the_inner_chain(void **state)
{
	struct message m;
	struct bytes inner;
	uint8_t first = 0;

	(void)state;
	message_begin(&m, buf, sizeof(buf), &header);
	message_payload(&m, PAYLOAD_VENDOR, BYTES_LITERAL("v"));
	assert_int_equal(message_inner(&m, &first).n, 0);
	message_sk_begin(&m, 8);
	message_payload(&m, PAYLOAD_NOTIFY, BYTES_OF(notify_body));
	inner = message_inner(&m, &first);
	assert_int_equal(first, PAYLOAD_NOTIFY);
	assert_int_equal(inner.n, 8);
	assert_ptr_equal(inner.p, buf + 45);
}

static void build_fragment(struct message *m, uint16_t number, uint16_t total,
			   struct message_seal *s)
{
	message_begin(m, buf, sizeof(buf), &header);
	writer_bytes(message_skf_begin(m, PAYLOAD_IDI, number, total, 8), BYTES_LITERAL("piece"));
	assert_int_equal(message_seal_layout(m, 1, 16, s), ERR_NONE);
}

/* RFC 7383 2.5: the numbers are associated data, and only fragment 1 names the first payload. */
static void fragments(void **state)
{
	struct message m;
	struct message_seal s;
	struct payloads ps;
	struct sk_layout sk;

	(void)state;
	for (uint16_t number = 1; number <= 2; number++) {
		build_fragment(&m, number, 2, &s);
		assert_int_equal(s.aad.n, 28 + 8);
		assert_int_equal(s.plaintext_len, 6);
		assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, buf[16],
						bytes_of(buf + 28, s.message.n - 28), NULL),
				 ERR_NONE);
		assert_int_equal(ps.p[0].type, PAYLOAD_SKF);
		assert_int_equal(sk_split(&sk, s.message, &ps.p[0], 8, 16, NULL), ERR_NONE);
		assert_true(sk.is_fragment);
		assert_int_equal(sk.number, number);
		assert_int_equal(sk.total, 2);
		assert_int_equal(sk.first, number == 1 ? PAYLOAD_IDI : PAYLOAD_NONE);
		assert_bytes(sk.aad, s.aad);
		assert_ptr_equal(sk.ciphertext.p, s.plaintext);
		assert_int_equal(sk.ciphertext.n, 6);
	}
	/* the wrong way round, and numbers out of order */
	ps.p[0].next = PAYLOAD_IDI;
	assert_int_equal(sk_split(&sk, s.message, &ps.p[0], 8, 16, NULL), ERR_SYNTAX);
	ps.p[0].next = PAYLOAD_NONE;
	buf[33] = 3;
	assert_int_equal(sk_split(&sk, s.message, &ps.p[0], 8, 16, NULL), ERR_SYNTAX);
	buf[33] = 0;
	assert_int_equal(sk_split(&sk, s.message, &ps.p[0], 8, 16, NULL), ERR_SYNTAX);
	message_begin(&m, buf, sizeof(buf), &header);
	(void)message_skf_begin(&m, PAYLOAD_IDI, 3, 2, 8);
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_STATE);
	message_begin(&m, buf, sizeof(buf), &header);
	(void)message_skf_begin(&m, PAYLOAD_IDI, 1, 2, 8);
	message_payload(&m, PAYLOAD_VENDOR, BYTES_LITERAL("v"));
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_STATE);
}

/* Too short for IV, one octet and ICV: refused before any subtraction. */
static void a_short_sk_is_refused(void **state)
{
	uint8_t octets[28 + 4 + 8 + 1 + 16] = {0};
	struct sk_layout sk;

	(void)state;
	for (size_t n = 0; n <= 25; n++) {
		struct payload p = {.type = PAYLOAD_SK, .body = bytes_of(octets + 32, n), .at = 28};

		assert_int_equal(sk_split(&sk, bytes_of(octets, 32 + n), &p, 8, 16, NULL),
				 n == 25 ? ERR_NONE : ERR_SYNTAX);
		p.type = PAYLOAD_SKF;
		assert_int_equal(sk_split(&sk, bytes_of(octets, 32 + n), &p, 8, 16, NULL),
				 ERR_SYNTAX);
	}
}

/* N29. Cutting a message anywhere makes it none: the header's Length tells. And a header that lies
 * along meets the payload chain. */
static void n29_no_prefix_is_a_message(void **state)
{
	struct message m;
	struct message_seal s;
	struct ike_header h;
	struct payloads ps;

	(void)state;
	assert_int_equal(build_sealed(&m, 8, 1, 16, &s), ERR_NONE);
	for (size_t n = 0; n < s.message.n; n++) {
		uint8_t *copy = malloc(n + (n == 0));

		assert_non_null(copy);
		memcpy(copy, buf, n);
		assert_int_equal(header_parse(&h, bytes_of(copy, n), NULL), ERR_SYNTAX);
		if (n >= IKE_HEADER_LEN) {
			copy[27] = (uint8_t)n;
			assert_int_equal(header_parse(&h, bytes_of(copy, n), NULL), ERR_NONE);
			assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, h.next_payload,
							bytes_of(copy + 28, n - 28), NULL),
					 ERR_SYNTAX);
		}
		free(copy);
	}
}

static void every_small_buffer_is_told(void **state)
{
	struct message m;
	struct message_seal s;
	struct bytes out;

	(void)state;
	assert_int_equal(build_sealed(&m, 8, 1, 16, &s), ERR_NONE);
	for (size_t cap = 0; cap <= s.message.n; cap++) {
		struct message_seal t;
		uint8_t *small = malloc(cap + (cap == 0));

		assert_non_null(small);
		message_begin(&m, small, cap, &header);
		message_payload(&m, PAYLOAD_VENDOR, BYTES_LITERAL("v"));
		message_sk_begin(&m, 8);
		message_payload(&m, PAYLOAD_NOTIFY, BYTES_OF(notify_body));
		message_payload(&m, PAYLOAD_NONCE, BYTES_LITERAL("0123456789abcdef"));
		assert_int_equal(message_seal_layout(&m, 1, 16, &t),
				 cap == s.message.n ? ERR_NONE : ERR_LIMIT);
		message_begin(&m, small, cap, &header);
		message_payload(&m, PAYLOAD_VENDOR, BYTES_LITERAL("v"));
		assert_int_equal(message_end(&m, &out), cap >= 33 ? ERR_NONE : ERR_LIMIT);
		assert_true(message_end(&m, &out) == ERR_NONE ||
			    strcmp(m.reason, "message: the buffer is too small") == 0);
		free(small);
	}
}

/* A payload, or SK, longer than its 16-bit length can say. */
static void too_long_a_payload(void **state)
{
	const size_t cap = 2 * PAYLOAD_LEN_MAX;
	uint8_t *big = malloc(cap);
	struct message m;
	struct message_seal s;
	struct bytes out;
	uint8_t first = 0;

	(void)state;
	assert_non_null(big);
	message_begin(&m, big, cap, &header);
	writer_zero(message_payload_begin(&m, PAYLOAD_KE), PAYLOAD_LEN_MAX - 4);
	message_payload_end(&m);
	assert_int_equal(message_end(&m, &out), ERR_NONE);
	assert_int_equal(out.n, 28 + PAYLOAD_LEN_MAX);

	message_begin(&m, big, cap, &header);
	writer_zero(message_payload_begin(&m, PAYLOAD_KE), PAYLOAD_LEN_MAX - 3);
	message_payload_end(&m);
	assert_int_equal(message_end(&m, &out), ERR_RANGE);
	assert_non_null(strstr(m.reason, "a payload is longer than 65535 octets"));

	/* SK of the longest length there is, and of one more */
	for (size_t over = 0; over <= 1; over++) {
		message_begin(&m, big, cap, &header);
		message_sk_begin(&m, 8);
		writer_zero(message_payload_begin(&m, PAYLOAD_KE),
			    PAYLOAD_LEN_MAX - 4 - 8 - 4 - 1 - 16 + over);
		message_payload_end(&m);
		assert_int_equal(message_seal_layout(&m, 1, 16, &s),
				 over == 0 ? ERR_NONE : ERR_RANGE);
	}

	/* the inner chain may be too long for SK, to be cut into fragments */
	message_begin(&m, big, cap, &header);
	message_sk_begin(&m, 8);
	writer_zero(message_payload_begin(&m, PAYLOAD_KE), PAYLOAD_LEN_MAX - 4);
	message_payload_end(&m);
	assert_int_equal(message_inner(&m, &first).n, PAYLOAD_LEN_MAX);
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_RANGE);
	free(big);
}

static void steps_in_the_wrong_order(void **state)
{
	struct message m;
	struct message_seal s;
	struct bytes out;

	(void)state;
	message_begin(&m, buf, sizeof(buf), &header);
	message_payload_end(&m);
	assert_int_equal(message_end(&m, &out), ERR_STATE);

	message_begin(&m, buf, sizeof(buf), &header);
	(void)message_payload_begin(&m, PAYLOAD_KE);
	assert_int_equal(message_end(&m, &out), ERR_STATE);

	message_begin(&m, buf, sizeof(buf), &header);
	(void)message_payload_begin(&m, PAYLOAD_KE);
	(void)message_payload_begin(&m, PAYLOAD_KE);
	message_payload_end(&m);
	assert_int_equal(message_end(&m, &out), ERR_STATE);

	message_begin(&m, buf, sizeof(buf), &header);
	(void)message_payload_begin(&m, PAYLOAD_SK);
	assert_int_equal(message_end(&m, &out), ERR_STATE);

	/* anything while a payload is open */
	message_begin(&m, buf, sizeof(buf), &header);
	(void)message_payload_begin(&m, PAYLOAD_KE);
	message_sk_begin(&m, 8);
	message_payload_end(&m);
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_STATE);
	message_begin(&m, buf, sizeof(buf), &header);
	(void)message_payload_begin(&m, PAYLOAD_KE);
	(void)message_skf_begin(&m, PAYLOAD_IDI, 1, 1, 8);
	message_payload_end(&m);
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_STATE);
	message_begin(&m, buf, sizeof(buf), &header);
	message_payload_critical(&m);
	assert_int_equal(message_end(&m, &out), ERR_STATE);

	message_begin(&m, buf, sizeof(buf), &header);
	message_sk_begin(&m, 8);
	message_sk_begin(&m, 8);
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_STATE);

	message_begin(&m, buf, sizeof(buf), &header);
	message_sk_begin(&m, 8);
	assert_int_equal(message_end(&m, &out), ERR_STATE);

	message_begin(&m, buf, sizeof(buf), &header);
	assert_int_equal(message_seal_layout(&m, 1, 16, &s), ERR_STATE);
	message_payload_critical(&m);
	assert_string_equal(m.reason, "message: steps in the wrong order");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plain_message),
	    cmocka_unit_test(a_message_without_payloads),
	    cmocka_unit_test(the_critical_bit),
	    cmocka_unit_test(an_encrypted_message),
	    cmocka_unit_test(padding),
	    cmocka_unit_test(an_empty_sk),
	    cmocka_unit_test(the_inner_chain),
	    cmocka_unit_test(fragments),
	    cmocka_unit_test(a_short_sk_is_refused),
	    cmocka_unit_test(n29_no_prefix_is_a_message),
	    cmocka_unit_test(every_small_buffer_is_told),
	    cmocka_unit_test(too_long_a_payload),
	    cmocka_unit_test(steps_in_the_wrong_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
