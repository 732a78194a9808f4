/* Payloads with a 32-bit length (draft-nir-ipsecme-big-payload, as far as its format is known). */
#include "support.h"

#include "base/mem.h"
#include "wire/message.h"
#include "wire/parts.h"

#define MCELIECE 1044992 /* octets of a mceliece6688128 public key */

static const struct ike_header header = {
    .spi_i = 1, .spi_r = 2, .exchange = EXCHANGE_IKE_INTERMEDIATE, .message_id = 1};

/* The digest's example: 00 40 000ff20a 04b2 0000 and the key. */
static void a_megabyte_goes_and_comes(void **state)
{
	static const uint8_t want[] = {0x00, 0x40, 0x00, 0x0f, 0xf2, 0x0a, 0x04, 0xb2, 0x00, 0x00};
	const size_t cap = MCELIECE + 1000;
	uint8_t *key = mem_new(MCELIECE), *out = mem_new(cap);
	struct message m;
	struct bytes inner;
	struct payloads ps;
	struct ke_part ke;
	uint8_t first;
	const char *reason = "";

	(void)state;
	key[MCELIECE - 1] = 0x5a;
	message_begin(&m, out, cap, &header);
	message_sk_begin(&m, 8);
	ke_write(message_payload_begin_big(&m, PAYLOAD_KE), 1202, bytes_of(key, MCELIECE));
	message_payload_end(&m);
	inner = message_inner(&m, &first);
	assert_int_equal(first, PAYLOAD_KE);
	assert_int_equal(inner.n, 1045002);
	assert_memory_equal(inner.p, want, sizeof(want));
	assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER_BIG, first, inner, &reason), ERR_NONE);
	assert_int_equal(
	    payloads_check(&ps, PAYLOADS_INNER_BIG, EXCHANGE_IKE_INTERMEDIATE, false, &reason),
	    ERR_NONE);
	assert_int_equal(ke_parse(ps.p[0].body, &ke, &reason), ERR_NONE);
	assert_int_equal(ke.data.n, MCELIECE);
	assert_int_equal(ke.data.p[MCELIECE - 1], 0x5a);
	/* Not negotiated: the bit is reserved, and the length is read in its 16 bits. */
	assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER, first, inner, &reason), ERR_SYNTAX);
	assert_int_equal(payloads_parse(&ps, PAYLOADS_OUTER, first, inner, &reason), ERR_SYNTAX);
	mem_free(key);
	mem_free(out);
}

/* Lengths that lie, and the long form where it is not needed. */
static void big_lengths(void **state)
{
	static const struct {
		uint32_t claim;
		uint8_t type;
		enum err e;
	} cases[] = {
	    {5, PAYLOAD_KE, ERR_SYNTAX},
	    {6, PAYLOAD_KE, ERR_SYNTAX}, /* one octet is left over */
	    {7, PAYLOAD_KE, ERR_NONE},
	    {7, PAYLOAD_NONCE, ERR_NONE},
	    {8, PAYLOAD_KE, ERR_SYNTAX},
	    {UINT32_MAX, PAYLOAD_KE, ERR_SYNTAX},
	    {0, PAYLOAD_NONCE, ERR_SYNTAX},
	};
	const char *reason = "";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[7];
		struct writer w = writer_of(octets, sizeof(octets));
		struct payloads ps;

		writer_u8(&w, 0);
		writer_u8(&w, PAYLOAD_BIG);
		writer_u32(&w, cases[i].claim);
		writer_u8(&w, 0xaa);
		assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER_BIG, cases[i].type,
						BYTES_OF(octets), &reason),
				 cases[i].e);
	}
}

/* Whatever needs it is written long, what does not is not; types that nest lengths of their own and
 * such that are short otherwise all the same. */
static void any_payload_may_be_big(void **state)
{
	static const struct {
		uint8_t type;
		size_t body;
		bool big;
	} cases[] = {
	    {PAYLOAD_CERT, 65531, false},     {PAYLOAD_CERT, 65532, true},
	    {PAYLOAD_AUTH, 300000, true},     {PAYLOAD_NOTIFY, 65532, true},
	    {PAYLOAD_VENDOR, 65531, false},   {PAYLOAD_CERTREQ, 70000, true},
	    {PAYLOAD_KE, MCELIECE + 4, true}, {PAYLOAD_NONCE, 4, false},
	};
	const size_t cap = MCELIECE + 1000;
	uint8_t *body = mem_new(cap), *out = mem_new(cap);
	const char *reason = "";

	(void)state;
	for (size_t i = 0; i < cap; i++)
		body[i] = (uint8_t)(i * 7 >> 3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t n = cases[i].body;
		struct payloads ps;
		struct message m;
		struct bytes inner;
		uint8_t first;

		message_begin(&m, out, cap, &header);
		message_sk_begin(&m, 8);
		message_allow_big(&m);
		message_payload(&m, cases[i].type, bytes_of(body, n));
		message_payload(&m, PAYLOAD_VENDOR, BYTES_LITERAL("after it"));
		inner = message_inner(&m, &first);
		assert_int_equal(inner.n, n + (cases[i].big ? 6 : 4) + 12);
		assert_int_equal(inner.p[0], PAYLOAD_VENDOR);
		assert_int_equal(inner.p[1], cases[i].big ? PAYLOAD_BIG : 0);
		assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER_BIG, first, inner, &reason),
				 ERR_NONE);
		assert_int_equal(ps.n, 2);
		assert_int_equal(ps.p[0].type, cases[i].type);
		assert_int_equal(ps.p[0].body.n, n);
		assert_memory_equal(ps.p[0].body.p, body, n);
		assert_memory_equal(ps.p[1].body.p, "after it", 8);
		/* With an octet fewer than it claims. */
		inner.n = n + (cases[i].big ? 6 : 4) - 1;
		assert_int_equal(payloads_parse(&ps, PAYLOADS_INNER_BIG, first, inner, &reason),
				 ERR_SYNTAX);
	}
	mem_free(body);
	mem_free(out);
}

/* Who has not agreed gets none: the message cannot be built, and says why. */
static void none_without_agreement(void **state)
{
	const size_t n = 70000, cap = 100000;
	uint8_t *body = mem_new(n), *out = mem_new(cap);
	struct message_seal seal;
	struct message m;
	struct bytes end;

	(void)state;
	message_begin(&m, out, cap, &header);
	message_sk_begin(&m, 8);
	message_payload(&m, PAYLOAD_CERT, bytes_of(body, n));
	assert_int_equal(message_seal_layout(&m, 1, 16, &seal), ERR_RANGE);
	assert_non_null(strstr(m.reason, "65535"));
	assert_non_null(strstr(m.reason, "has not agreed"));
	/* Outside SK never. */
	message_begin(&m, out, cap, &header);
	message_allow_big(&m);
	message_payload(&m, PAYLOAD_CERT, bytes_of(body, n));
	assert_int_equal(message_end(&m, &end), ERR_RANGE);
	message_begin(&m, out, cap, &header);
	(void)message_payload_begin_big(&m, PAYLOAD_KE);
	message_payload_end(&m);
	assert_int_equal(message_end(&m, &end), ERR_STATE);
	/* No room for the two octets more. */
	message_begin(&m, out, IKE_HEADER_LEN + 4 + 8 + 4 + n, &header);
	message_sk_begin(&m, 8);
	message_allow_big(&m);
	message_payload(&m, PAYLOAD_CERT, bytes_of(body, n));
	assert_int_equal(message_seal_layout(&m, 1, 0, &seal), ERR_LIMIT);
	/* SK itself has 16 bits for its length, whatever is inside. */
	message_begin(&m, out, cap, &header);
	message_sk_begin(&m, 8);
	message_allow_big(&m);
	message_payload(&m, PAYLOAD_CERT, bytes_of(body, n));
	assert_int_equal(message_seal_layout(&m, 1, 16, &seal), ERR_RANGE);
	assert_non_null(strstr(m.reason, "Encrypted payload"));
	mem_free(body);
	mem_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_megabyte_goes_and_comes),
	    cmocka_unit_test(big_lengths),
	    cmocka_unit_test(any_payload_may_be_big),
	    cmocka_unit_test(none_without_agreement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
