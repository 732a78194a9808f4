#include "support.h"

#include "wire/sa.h"

/* Two ESP proposals: AES-GCM-16 with 256 bits and ESN; AES-CBC-128 with HMAC-SHA2-256-128. */
static const uint8_t esp[] = {
    0x02, 0x00, 0x00, 0x20, 0x01, 0x03, 0x04, 0x02, 0xc0, 0x00, 0x01, 0x01, 0x03, 0x00, 0x00,
    0x0c, 0x01, 0x00, 0x00, 0x14, 0x80, 0x0e, 0x01, 0x00, 0x00, 0x00, 0x00, 0x08, 0x05, 0x00,
    0x00, 0x01, 0x00, 0x00, 0x00, 0x28, 0x02, 0x03, 0x04, 0x03, 0xc0, 0x00, 0x01, 0x01, 0x03,
    0x00, 0x00, 0x0c, 0x01, 0x00, 0x00, 0x0c, 0x80, 0x0e, 0x00, 0x80, 0x03, 0x00, 0x00, 0x08,
    0x03, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x08, 0x05, 0x00, 0x00, 0x00,
};

static const struct sa_context offer = {.response = false, .ike_spi_len = 0};

static bool takes_sa(struct bytes octets)
{
	return sa_check(octets, &offer, NULL) == ERR_NONE;
}

/* Walks everything without a check before; gives the number of transforms. */
static size_t walk(struct bytes body)
{
	struct reader pr = sa_proposals(body);
	struct sa_proposal p;
	struct sa_transform t;
	size_t n = 0;

	while (sa_proposal_next(&pr, &p)) {
		struct reader tr = sa_transforms(&p);

		while (sa_transform_next(&tr, &t))
			n++;
	}
	return n;
}

static bool is_walked(struct bytes octets)
{
	return walk(octets) > 0;
}

static void proposals_are_read(void **state)
{
	struct reader pr = sa_proposals(BYTES_OF(esp));
	struct reader tr;
	struct sa_proposal p;
	struct sa_transform t;

	(void)state;
	assert_int_equal(sa_check(BYTES_OF(esp), &offer, NULL), ERR_NONE);
	assert_true(sa_proposal_next(&pr, &p));
	assert_int_equal(p.number, 1);
	assert_int_equal(p.protocol, PROTOCOL_ESP);
	assert_int_equal(p.n_transforms, 2);
	assert_bytes(p.spi, bytes_of(esp + 8, 4));
	tr = sa_transforms(&p);
	assert_true(sa_transform_next(&tr, &t));
	assert_int_equal(t.type, TRANSFORM_ENCR);
	assert_int_equal(t.id, ENCR_AES_GCM_16);
	assert_true(t.has_key_bits);
	assert_int_equal(t.key_bits, 256);
	assert_false(t.unusable);
	assert_true(sa_transform_next(&tr, &t));
	assert_int_equal(t.type, TRANSFORM_SN);
	assert_int_equal(t.id, SN_64_PARTIAL);
	assert_false(t.has_key_bits);
	assert_false(sa_transform_next(&tr, &t));
	assert_true(reader_ok(&tr));
	assert_true(sa_proposal_next(&pr, &p));
	assert_int_equal(p.number, 2);
	assert_int_equal(p.n_transforms, 3);
	assert_false(sa_proposal_next(&pr, &p));
	assert_true(reader_ok(&pr));
	assert_int_equal(walk(BYTES_OF(esp)), 5);
}

static void proposals_are_written(void **state)
{
	uint8_t buf[sizeof(esp)];
	struct writer w = writer_of(buf, sizeof(buf));
	struct sa_writer s = sa_write_begin(&w);
	const struct bytes spi = bytes_of(esp + 8, 4);

	(void)state;
	sa_write_proposal(&s, 1, PROTOCOL_ESP, spi);
	sa_write_transform(&s, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256);
	sa_write_transform(&s, TRANSFORM_SN, SN_64_PARTIAL, 0);
	sa_write_proposal(&s, 2, PROTOCOL_ESP, spi);
	sa_write_transform(&s, TRANSFORM_ENCR, ENCR_AES_CBC, 128);
	sa_write_transform(&s, TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0);
	sa_write_transform(&s, TRANSFORM_SN, SN_32, 0);
	sa_write_end(&s);
	assert_true(writer_ok(&w));
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(esp));
}

static void no_prefix_is_an_sa(void **state)
{
	(void)state;
	only_whole_is_taken(takes_sa, BYTES_OF(esp));
	(void)mutations_are_survived(takes_sa, BYTES_OF(esp));
	/* the iterators hold on octets that nobody checked */
	(void)mutations_are_survived(is_walked, BYTES_OF(esp));
	for (size_t n = 0; n < sizeof(esp); n++)
		(void)takes_copy(is_walked, esp, n);
}

struct broken {
	size_t at;
	uint8_t value;
	const char *reason;
};

/* One octet wrong at a time, and the reason says which rule it broke. */
static void every_rule_has_its_reason(void **state)
{
	const struct broken broken[] = {
	    {0, 0, "SA: a proposal's Last Substruc marker is wrong"},
	    {0, 3, "SA: a proposal's Last Substruc marker is wrong"},
	    {32, 2, "SA: a proposal's Last Substruc marker is wrong"},
	    {3, 7, "SA: a proposal's length is below 8"},
	    {35, 0x29, "SA: a proposal runs over the payload"},
	    {4, 0, "SA: a proposal's number is out of order"},
	    {4, 2, "SA: a proposal's number is out of order"},
	    {36, 3, "SA: a proposal's number is out of order"},
	    {36, 1, "SA: a proposal's number is out of order"},
	    {5, PROTOCOL_IKE, "SA: wrong SPI size in an IKE proposal"},
	    {6, 3, "SA: the SPI of a Child SA proposal is not 4 octets"},
	    {6, 0, "SA: the SPI of a Child SA proposal is not 4 octets"},
	    {6, 25, "SA: an SPI runs over its proposal"},
	    {7, 1, "SA: not as many transforms as the proposal says"},
	    {7, 3, "SA: not as many transforms as the proposal says"},
	    {12, 0, "SA: a transform's Last Substruc marker is wrong"},
	    {24, 3, "SA: a transform's Last Substruc marker is wrong"},
	    {15, 7, "SA: a transform's length is below 8"},
	    {27, 9, "SA: a transform runs over its proposal"},
	    {20, 0, "SA: an attribute runs over its transform"},
	};
	uint8_t octets[sizeof(esp)];

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const char *reason = "none";

		memcpy(octets, esp, sizeof(esp));
		octets[broken[i].at] = broken[i].value;
		assert_int_equal(sa_check(BYTES_OF(octets), &offer, &reason), ERR_SYNTAX);
		assert_string_equal(reason, broken[i].reason);
	}
}

/* RFC 7296 3.3.5, 3.3.6: an attribute that we do not know, or twice, or in the wrong form, spoils
 * its transform and no other. */
static void unknown_attributes_spoil_their_transform(void **state)
{
	uint8_t octets[] = {
	    0x00, 0x00, 0x00, 0x38, 0x01, 0x01, 0x00, 0x03, 0x03, 0x00, 0x00, 0x10, 0x01, 0x00,
	    0x00, 0x14, 0x80, 0x0e, 0x01, 0x00, 0x80, 0x0e, 0x00, 0x80, 0x03, 0x00, 0x00, 0x12,
	    0x01, 0x00, 0x00, 0x14, 0x80, 0x0e, 0x01, 0x00, 0x40, 0x01, 0x00, 0x02, 0xaa, 0xbb,
	    0x00, 0x00, 0x00, 0x0e, 0x01, 0x00, 0x00, 0x14, 0x00, 0x0e, 0x00, 0x02, 0x01, 0x00,
	};
	struct reader pr = sa_proposals(BYTES_OF(octets));
	struct reader tr;
	struct sa_proposal p;
	struct sa_transform t;

	(void)state;
	assert_true(takes_sa(BYTES_OF(octets)));
	assert_true(sa_proposal_next(&pr, &p));
	tr = sa_transforms(&p);
	for (size_t i = 0; i < 3; i++) {
		assert_true(sa_transform_next(&tr, &t));
		assert_true(t.unusable);
	}
	/* a Key Length in another attribute's place */
	octets[16 + 4] = 0x80;
	octets[16 + 5] = 0x0f;
	tr = sa_transforms(&p);
	assert_true(sa_transform_next(&tr, &t));
	assert_true(t.unusable);
	only_whole_is_taken(takes_sa, BYTES_OF(octets));
	(void)mutations_are_survived(takes_sa, BYTES_OF(octets));
}

/* RFC 7296 3.3.1: the answer holds the one proposal accepted, with its own number. */
static void an_answer_holds_one_proposal(void **state)
{
	const struct sa_context answer = {.response = true, .ike_spi_len = 0};
	uint8_t octets[40];

	(void)state;
	memcpy(octets, esp + 32, 40);
	assert_false(takes_sa(BYTES_OF(octets)));
	assert_int_equal(sa_check(BYTES_OF(octets), &answer, NULL), ERR_NONE);
	octets[4] = 0;
	assert_int_equal(sa_check(BYTES_OF(octets), &answer, NULL), ERR_SYNTAX);
	assert_int_equal(sa_check(BYTES_OF(esp), &answer, NULL), ERR_SYNTAX);
}

/* N31: an IKE rekey without its SPI or with a zero one. N10, N31: ESP and AH with SPI 0 to 255. */
static void n31_spis(void **state)
{
	const struct sa_context rekey = {.response = false, .ike_spi_len = 8};
	const uint8_t none[] = {0, 0, 0, 16, 1, 1, 0, 1, 0, 0, 0, 8, 2, 0, 0, 5};
	uint8_t with[] = {0, 0, 0, 24, 1, 1, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 5};
	uint8_t octets[sizeof(esp)];

	(void)state;
	assert_true(takes_sa(BYTES_OF(none)));
	assert_int_equal(sa_check(BYTES_OF(none), &rekey, NULL), ERR_SYNTAX);
	assert_int_equal(sa_check(BYTES_OF(with), &rekey, NULL), ERR_SYNTAX);
	with[15] = 1;
	assert_int_equal(sa_check(BYTES_OF(with), &rekey, NULL), ERR_NONE);
	assert_false(takes_sa(BYTES_OF(with)));
	for (unsigned protocol = PROTOCOL_AH; protocol <= PROTOCOL_ESP; protocol++) {
		memcpy(octets, esp, sizeof(esp));
		octets[5] = (uint8_t)protocol;
		assert_true(takes_sa(BYTES_OF(octets)));
		memset(octets + 8, 0, 4);
		assert_false(takes_sa(BYTES_OF(octets)));
		octets[11] = 255;
		assert_false(takes_sa(BYTES_OF(octets)));
		octets[10] = 1;
		octets[11] = 0;
		assert_true(takes_sa(BYTES_OF(octets)));
	}
	/* a protocol that we do not know is somebody else's affair */
	octets[5] = 77;
	memset(octets + 8, 0, 4);
	assert_true(takes_sa(BYTES_OF(octets)));
}

#define N16_LEN (255 * (8 + 255 * 8))

/* N16: 255 proposals of 255 transforms are one pass; zero transforms are well formed; a 256th of
 * either is not. The octets are far more than a payload holds: the parser does not care. */
static void n16_the_largest_list(void **state)
{
	uint8_t *buf = malloc(N16_LEN + 8);
	struct writer w = writer_of(buf, N16_LEN + 8);
	struct sa_writer s = sa_write_begin(&w);
	const uint8_t extra[] = {0, 0, 0, 8, 0, 1, 0, 0};

	(void)state;
	assert_non_null(buf);
	for (unsigned p = 1; p <= 255; p++) {
		sa_write_proposal(&s, (uint8_t)p, PROTOCOL_IKE, bytes_of(NULL, 0));
		for (unsigned t = 0; t < 255; t++)
			sa_write_transform(&s, (uint8_t)(t % 14 + 1), (uint16_t)t, 0);
	}
	sa_write_end(&s);
	assert_true(writer_ok(&w));
	assert_int_equal(w.n, N16_LEN);
	assert_true(takes_sa(writer_bytes_so_far(&w)));
	assert_int_equal(walk(writer_bytes_so_far(&w)), 255 * 255);
	/* the number of a 256th proposal cannot be written */
	writer_bytes(&w, BYTES_OF(extra));
	buf[254 * (8 + 255 * 8)] = 2;
	assert_false(takes_sa(writer_bytes_so_far(&w)));
	/* nor a 256th transform */
	w = writer_of(buf, N16_LEN);
	s = sa_write_begin(&w);
	sa_write_proposal(&s, 1, PROTOCOL_IKE, bytes_of(NULL, 0));
	for (unsigned t = 0; t < 256; t++)
		sa_write_transform(&s, TRANSFORM_PRF, 5, 0);
	assert_false(writer_ok(&w));
	free(buf);
}

static void zero_transforms_and_no_proposal(void **state)
{
	const uint8_t zero[] = {0, 0, 0, 8, 1, 1, 0, 0};

	(void)state;
	assert_true(takes_sa(BYTES_OF(zero)));
	assert_int_equal(walk(BYTES_OF(zero)), 0);
	assert_false(takes_sa(bytes_of(NULL, 0)));
}

static void a_writer_that_is_misused_is_bad(void **state)
{
	static const uint8_t long_spi[256];
	uint8_t buf[512];
	struct writer w = writer_of(buf, sizeof(buf));
	struct sa_writer s = sa_write_begin(&w);

	(void)state;
	sa_write_transform(&s, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
	assert_false(writer_ok(&w));
	w = writer_of(buf, sizeof(buf));
	s = sa_write_begin(&w);
	sa_write_proposal(&s, 1, 77, bytes_of(long_spi, 255));
	assert_true(writer_ok(&w));
	sa_write_proposal(&s, 2, 77, bytes_of(long_spi, 256));
	assert_false(writer_ok(&w));
	w = writer_of(buf, 12);
	s = sa_write_begin(&w);
	sa_write_proposal(&s, 1, PROTOCOL_IKE, bytes_of(NULL, 0));
	sa_write_transform(&s, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
	sa_write_end(&s);
	assert_false(writer_ok(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(proposals_are_read),
	    cmocka_unit_test(proposals_are_written),
	    cmocka_unit_test(no_prefix_is_an_sa),
	    cmocka_unit_test(every_rule_has_its_reason),
	    cmocka_unit_test(unknown_attributes_spoil_their_transform),
	    cmocka_unit_test(an_answer_holds_one_proposal),
	    cmocka_unit_test(n31_spis),
	    cmocka_unit_test(n16_the_largest_list),
	    cmocka_unit_test(zero_transforms_and_no_proposal),
	    cmocka_unit_test(a_writer_that_is_misused_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
