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

/* Only KE may be so long, and only inside SK. */
static void others_may_not_be_big(void **state)
{
	const size_t n = 70000;
	uint8_t *octets = mem_new(n);
	struct writer w = writer_of(octets, n);
	struct payloads ps;
	struct message m;
	const char *reason = "";

	(void)state;
	writer_u8(&w, 0);
	writer_u8(&w, PAYLOAD_BIG);
	writer_u32(&w, (uint32_t)n);
	writer_zero(&w, n - 6);
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_INNER_BIG, PAYLOAD_CERT, bytes_of(octets, n), &reason),
	    ERR_SYNTAX);
	assert_int_equal(
	    payloads_parse(&ps, PAYLOADS_INNER_BIG, PAYLOAD_KE, bytes_of(octets, n), &reason),
	    ERR_NONE);
	message_begin(&m, octets, n, &header);
	(void)message_payload_begin_big(&m, PAYLOAD_KE);
	message_payload_end(&m);
	struct bytes out;
	assert_int_equal(message_end(&m, &out), ERR_STATE);
	mem_free(octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_megabyte_goes_and_comes),
	    cmocka_unit_test(big_lengths),
	    cmocka_unit_test(others_may_not_be_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
