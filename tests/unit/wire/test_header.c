#include "support.h"

#include "wire/header.h"

/* An empty INFORMATIONAL request would be longer; a bare header is enough here. */
static const uint8_t bare[] = {
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* SPIi */
    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, /* SPIr */
    0x2e, 0x20, 0x25, 0x28,                         /* SK, 2.0, INFORMATIONAL, I and R */
    0x00, 0x00, 0x00, 0x2a,                         /* Message ID 42 */
    0x00, 0x00, 0x00, 0x1c,                         /* 28 octets */
};

static bool takes_header(struct bytes octets)
{
	struct ike_header h;

	return header_parse(&h, octets, NULL) == ERR_NONE;
}

static void fields_are_read(void **state)
{
	struct ike_header h;

	(void)state;
	assert_int_equal(header_parse(&h, BYTES_OF(bare), NULL), ERR_NONE);
	assert_true(h.spi_i == 0x0102030405060708);
	assert_true(h.spi_r == 0x1112131415161718);
	assert_int_equal(h.next_payload, PAYLOAD_SK);
	assert_int_equal(h.exchange, EXCHANGE_INFORMATIONAL);
	assert_true(header_is_response(&h));
	assert_true(header_from_initiator(&h));
	assert_int_equal(h.message_id, 42);
	assert_int_equal(h.length, 28);
	assert_int_equal(header_major(&h), 2);
}

static void a_header_comes_back(void **state)
{
	uint8_t buf[IKE_HEADER_LEN];
	struct writer w = writer_of(buf, sizeof(buf));
	struct ike_header h;

	(void)state;
	assert_int_equal(header_parse(&h, BYTES_OF(bare), NULL), ERR_NONE);
	header_write(&w, &h);
	assert_true(writer_ok(&w));
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(bare));
}

static void no_prefix_is_a_header(void **state)
{
	(void)state;
	only_whole_is_taken(takes_header, BYTES_OF(bare));
}

/* RFC 7296 3.1: the Length is the datagram's, no more, no less. */
static void a_lying_length_is_refused(void **state)
{
	uint8_t octets[sizeof(bare) + 1] = {0};
	const char *reason = NULL;
	struct ike_header h;

	(void)state;
	memcpy(octets, bare, sizeof(bare));
	assert_int_equal(header_parse(&h, BYTES_OF(octets), &reason), ERR_SYNTAX);
	assert_string_equal(reason, "IKE header: Length is not the datagram's");
	octets[27] = 0x1d;
	assert_true(takes_header(BYTES_OF(octets)));
	octets[24] = 0x80;
	assert_false(takes_header(BYTES_OF(octets)));
}

/* RFC 7296 2.5: a higher major version is refused, before its length is believed, and the fields
 * are there for the answer; a minor version is ignored. */
static void versions(void **state)
{
	uint8_t octets[sizeof(bare)];
	struct ike_header h;

	(void)state;
	memcpy(octets, bare, sizeof(bare));
	octets[17] = 0x2f;
	assert_int_equal(header_parse(&h, BYTES_OF(octets), NULL), ERR_NONE);
	octets[17] = 0x30;
	octets[27] = 0xff;
	assert_int_equal(header_parse(&h, BYTES_OF(octets), NULL), ERR_UNSUPPORTED);
	assert_int_equal(header_major(&h), 3);
	assert_true(h.spi_i == 0x0102030405060708);
	octets[17] = 0x10;
	assert_int_equal(header_parse(&h, BYTES_OF(octets), NULL), ERR_UNSUPPORTED);
	assert_int_equal(header_major(&h), 1);
}

/* RFC 7296 3.1: reserved flags are ignored on receipt and zero on sending. */
static void reserved_flags(void **state)
{
	uint8_t octets[sizeof(bare)];
	uint8_t buf[IKE_HEADER_LEN];
	struct writer w = writer_of(buf, sizeof(buf));
	struct ike_header h;

	(void)state;
	memcpy(octets, bare, sizeof(bare));
	octets[19] = 0xc7 | HEADER_INITIATOR;
	assert_int_equal(header_parse(&h, BYTES_OF(octets), NULL), ERR_NONE);
	assert_false(header_is_response(&h));
	header_write(&w, &h);
	assert_int_equal(buf[19], HEADER_INITIATOR);
}

/* RFC 7296 3.1: SPIi is never zero; 1.5: but in a notification outside any IKE SA. */
static void a_zero_initiator_spi(void **state)
{
	uint8_t octets[sizeof(bare)];

	(void)state;
	memcpy(octets, bare, sizeof(bare));
	memset(octets, 0, 8);
	assert_false(takes_header(BYTES_OF(octets)));
	octets[19] = HEADER_INITIATOR;
	assert_true(takes_header(BYTES_OF(octets)));
	octets[18] = EXCHANGE_IKE_SA_INIT;
	assert_false(takes_header(BYTES_OF(octets)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_read),
	    cmocka_unit_test(a_header_comes_back),
	    cmocka_unit_test(no_prefix_is_a_header),
	    cmocka_unit_test(a_lying_length_is_refused),
	    cmocka_unit_test(versions),
	    cmocka_unit_test(reserved_flags),
	    cmocka_unit_test(a_zero_initiator_spi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
