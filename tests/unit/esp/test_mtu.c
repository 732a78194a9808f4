/* What fits, too-big answers, MSS clamping. */
#include "esp_test.h"

#include <string.h>

#include "esp/inet.h"
#include "esp/mtu.h"

static const struct addr gate4 = {4, {10, 1, 0, 254}};
static const struct addr gate6 = {6, {0x20, 1, 0xd, 0xb8, [15] = 0xfe}};

/* The table of the MTU digest, section 4. */
static void inner_mtu(void **state)
{
	static const struct {
		struct test_suite t;
		size_t path;
		uint8_t family;
		bool udp;
		size_t want;
	} cases[] = {
	    {{ENCR_AES_GCM_16, 256, 0}, 1500, 4, true, 1438},
	    {{ENCR_AES_GCM_16, 256, 0}, 1500, 4, false, 1446},
	    {{ENCR_AES_GCM_16, 256, 0}, 1500, 6, true, 1418},
	    {{ENCR_CHACHA20_POLY1305, 256, 0}, 1280, 6, false, 1206},
	    {{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128}, 1500, 4, true, 1422},
	    {{ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_512_256}, 1500, 4, false, 1422},
	    {{ENCR_AES_GCM_16, 256, 0}, 40, 4, true, 0},
	    {{ENCR_AES_GCM_16, 256, 0}, 0, 6, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(cases); i++) {
		struct esp_sa *sa = test_sa(&cases[i].t, true, false, 0, 1);
		size_t outer = (cases[i].family == 6 ? 40U : 20U) + (cases[i].udp ? 8U : 0U);
		size_t got = mtu_inner(sa, cases[i].path, cases[i].family, cases[i].udp);

		assert_int_equal(got, cases[i].want);
		if (got > 0) {
			assert_true(got + esp_overhead(sa, got) + outer <= cases[i].path);
			assert_true(got + 1 + esp_overhead(sa, got + 1) + outer > cases[i].path);
		}
		esp_sa_free(sa);
	}
}

/* A packet with a TCP, UDP or ICMP header of n octets in all; the rest is a pattern. */
static void make(uint8_t *p, unsigned version, uint8_t protocol, size_t n)
{
	static const uint8_t v4[8] = {10, 1, 0, 1, 10, 2, 0, 2};
	struct writer w = writer_of(p, n);

	if (version == 4) {
		writer_u32(&w, 0x45000000 | (uint32_t)n);
		writer_u32(&w, 0x00014000);
		writer_u32(&w, 0x40000000 | (uint32_t)protocol << 16);
		writer_bytes(&w, BYTES_OF(v4));
	} else {
		writer_u32(&w, 0x60000000);
		writer_u32(&w, (uint32_t)(n - 40) << 16 | (uint32_t)protocol << 8 | 64);
		writer_bytes(&w, bytes_of(gate6.a, 15));
		writer_u8(&w, 1);
		writer_bytes(&w, bytes_of(gate6.a, 15));
		writer_u8(&w, 2);
	}
	while (w.n < n)
		writer_u8(&w, (uint8_t)w.n);
}

static void judges(void **state)
{
	struct inner in = {.version = 4, .total = 1400};

	(void)state;
	assert_int_equal(mtu_judge(&in, 1400), MTU_FITS);
	assert_int_equal(mtu_judge(&in, 1399), MTU_FRAGMENT);
	in.df = true;
	assert_int_equal(mtu_judge(&in, 1399), MTU_ANSWER);
	in = (struct inner){.version = 6, .total = 1281};
	assert_int_equal(mtu_judge(&in, 1281), MTU_FITS);
	assert_int_equal(mtu_judge(&in, 1280), MTU_ANSWER);
	assert_int_equal(mtu_judge(&in, 1200), MTU_ANSWER);
	in.total = 1280;
	assert_int_equal(mtu_judge(&in, 1200), MTU_SEND);
}

static void answers_v4(void **state)
{
	uint8_t p[1500], out[MTU_ANSWER_MAX];
	struct inner in, back;
	size_t n;

	(void)state;
	make(p, 4, 17, 1500);
	assert_true(inner_read(&in, bytes_of(p, 1500)));
	n = mtu_answer(out, p, 1500, &in, &gate4, 1438);
	assert_int_equal(n, 576);
	assert_true(inner_read(&back, bytes_of(out, n)));
	assert_int_equal(back.total, n);
	assert_true(addr_equal(&back.key.src, &gate4));
	assert_true(addr_equal(&back.key.dst, &in.key.src));
	assert_int_equal(back.key.src_port, 3 << 8 | 4);
	assert_int_equal(inet_checksum(bytes_of(out, 20), 0), 0);
	assert_int_equal(inet_checksum(bytes_of(out + 20, n - 20), 0), 0);
	assert_int_equal(out[26] << 8 | out[27], 1438);
	assert_memory_equal(out + 28, p, n - 28);
}

static void answers_v6(void **state)
{
	uint8_t p[1500], out[MTU_ANSWER_MAX];
	struct inner in, back;
	size_t n;
	uint32_t sum;

	(void)state;
	make(p, 6, 6, 1500);
	assert_true(inner_read(&in, bytes_of(p, 1500)));
	n = mtu_answer(out, p, 1500, &in, &gate6, 1418);
	assert_int_equal(n, 1280);
	assert_true(inner_read(&back, bytes_of(out, n)));
	assert_int_equal(back.key.src_port, 2 << 8);
	sum = inet_pseudo_sum(bytes_of(out + 8, 16), bytes_of(out + 24, 16), 58, (uint32_t)n - 40);
	assert_int_equal(inet_checksum(bytes_of(out + 40, n - 40), sum), 0);
	assert_int_equal(out[46] << 8 | out[47], 1418);
	assert_memory_equal(out + 48, p, n - 48);
	n = mtu_answer(out, p, 1500, &in, &gate6, 1000); /* never says less than 1280 */
	assert_int_equal(n, 1280);
	assert_int_equal(out[46] << 8 | out[47], 1280);
}

/* RFC 1122 3.2.2, RFC 4443 2.4 e: what may not be answered. */
static void stays_silent(void **state)
{
	static const uint8_t errors4[] = {3, 4, 5, 11, 12}, errors6[] = {1, 2, 3, 4, 127, 137};
	uint8_t p[1500], out[MTU_ANSWER_MAX];
	struct inner in;

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(errors4); i++) {
		make(p, 4, 1, 1500);
		p[20] = errors4[i];
		assert_true(inner_read(&in, bytes_of(p, 1500)));
		assert_int_equal(mtu_answer(out, p, 1500, &in, &gate4, 1400), 0);
	}
	for (size_t i = 0; i < TEST_COUNT(errors6); i++) {
		make(p, 6, 58, 1500);
		p[40] = errors6[i];
		assert_true(inner_read(&in, bytes_of(p, 1500)));
		assert_int_equal(mtu_answer(out, p, 1500, &in, &gate6, 1400), 0);
	}
	make(p, 4, 1, 1500);
	p[20] = 8; /* an echo request may */
	assert_true(inner_read(&in, bytes_of(p, 1500)));
	assert_int_equal(mtu_answer(out, p, 1500, &in, &gate4, 1400), 576);
	assert_int_equal(mtu_answer(out, p, 1500, &in, &gate6, 1400), 0); /* wrong family */
	in.later = true;
	assert_int_equal(mtu_answer(out, p, 1500, &in, &gate4, 1400), 0);
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t bad[4] = {0, 127, 224, 255};

		make(p, 4, 17, 1500);
		p[12] = bad[i];
		assert_true(inner_read(&in, bytes_of(p, 1500)));
		assert_int_equal(mtu_answer(out, p, 1500, &in, &gate4, 1400), 0);
	}
	make(p, 4, 17, 1500);
	p[16] = 239;
	assert_true(inner_read(&in, bytes_of(p, 1500)));
	assert_int_equal(mtu_answer(out, p, 1500, &in, &gate4, 1400), 0);
	make(p, 6, 17, 1500);
	p[24] = 0xff; /* multicast destination: RFC 4443 2.4 e.3 makes the exception */
	assert_true(inner_read(&in, bytes_of(p, 1500)));
	assert_int_equal(mtu_answer(out, p, 1500, &in, &gate6, 1400), 1280);
	memset(p + 8, 0, 16);
	assert_true(inner_read(&in, bytes_of(p, 1500)));
	assert_int_equal(mtu_answer(out, p, 1500, &in, &gate6, 1400), 0);
}

static uint16_t tcp_checksum(const uint8_t *p, unsigned version, size_t n)
{
	size_t at = version == 6 ? 40 : 20, alen = version == 6 ? 16 : 4;
	const uint8_t *addrs = p + (version == 6 ? 8 : 12);
	uint32_t sum = inet_pseudo_sum(bytes_of(addrs, alen), bytes_of(addrs + alen, alen), 6,
				       (uint32_t)(n - at));

	return inet_checksum(bytes_of(p + at, n - at), sum);
}

/* Writes a TCP header with these options (padded by the caller to 4), flags and a right checksum;
 * returns the packet's length. */
static size_t make_tcp(uint8_t *p, unsigned version, uint8_t flags, const char *options, size_t len)
{
	size_t at = version == 6 ? 40 : 20, n = at + 20 + len;
	uint16_t sum;

	make(p, version, 6, n);
	p[at + 12] = (uint8_t)((20 + len) / 4 << 4);
	p[at + 13] = flags;
	p[at + 16] = p[at + 17] = 0;
	memcpy(p + at + 20, options, len);
	sum = tcp_checksum(p, version, n);
	p[at + 16] = (uint8_t)(sum >> 8);
	p[at + 17] = (uint8_t)sum;
	return n;
}

static void clamps(void **state)
{
	static const struct {
		const char *options;
		size_t len, mss_at;
	} cases[] = {
	    {"\x02\x04\x05\xb4", 4, 2},
	    {"\x01\x02\x04\x05\xb4\x01\x01\x01", 8, 3}, /* odd offset */
	    {"\x04\x02\x08\x0a"
	     "abcdefgh"
	     "\x02\x04\xff\xff",
	     16, 14},
	    {"\x03\x03\x07\x02\x04\x05\xb4\x00", 8, 5},
	};
	uint8_t p[200];
	struct inner in;

	(void)state;
	for (unsigned i = 0; i < TEST_COUNT(cases) * 4; i++) {
		unsigned version = i % 2 ? 6 : 4;
		uint8_t flags = i % 4 < 2 ? 0x02 : 0x12; /* SYN, SYN-ACK */
		size_t at = (version == 6 ? 60U : 40U) + cases[i / 4].mss_at;
		size_t n = make_tcp(p, version, flags, cases[i / 4].options, cases[i / 4].len);
		uint16_t want = version == 6 ? 1340 : 1360;

		assert_true(inner_read(&in, bytes_of(p, n)));
		assert_true(mtu_clamp_mss(p, n, &in, 1400));
		assert_int_equal(p[at] << 8 | p[at + 1], want);
		assert_int_equal(tcp_checksum(p, version, n), 0);
		assert_false(mtu_clamp_mss(p, n, &in, 1400)); /* low enough now */
	}
}

static void leaves_alone(void **state)
{
	static const struct {
		uint8_t flags;
		const char *options;
		size_t len;
	} cases[] = {
	    {0x10, "\x02\x04\x05\xb4", 4}, /* no SYN */
	    {0x02, "\x02\x04\x05\x00", 4}, /* 1280 is low enough */
	    {0x02, "", 0},
	    {0x02, "\x00\x02\x04\x05\xb4\x00\x00\x00", 8}, /* after the end of options */
	    {0x02, "\x02\x03\x05\xb4", 4},                 /* wrong length */
	    {0x02, "\x02\x05\x05\xb4\x00\x00\x00\x00", 8},
	    {0x02, "\x05\x00\x02\x04\x05\xb4\x00\x00", 8}, /* an option of no length */
	    {0x02, "\x05\x01\x02\x04\x05\xb4\x00\x00", 8},
	    {0x02, "\x01\x01\x02\x04", 4}, /* cut off */
	    {0x02, "\x01\x01\x01\x02", 4},
	    {0x02, "\x08\xff\x02\x04\x05\xb4\x00\x00", 8}, /* reaches past the header */
	};
	uint8_t p[200], before[200];
	struct inner in;

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(cases); i++) {
		size_t n = make_tcp(p, 4, cases[i].flags, cases[i].options, cases[i].len);

		memcpy(before, p, n);
		assert_true(inner_read(&in, bytes_of(p, n)));
		assert_false(mtu_clamp_mss(p, n, &in, 1400));
		assert_memory_equal(p, before, n);
	}
	/* A data offset below 5 or beyond the packet, a short header, another protocol. */
	for (unsigned offset = 0; offset < 16; offset++) {
		size_t n = make_tcp(p, 4, 0x02, "\x02\x04\x05\xb4", 4);

		p[32] = (uint8_t)(offset << 4);
		assert_true(inner_read(&in, bytes_of(p, n)));
		assert_int_equal(mtu_clamp_mss(p, n, &in, 1400), offset == 6);
	}
	for (size_t n = 20; n < 40; n++) {
		make(p, 4, 6, n);
		assert_true(inner_read(&in, bytes_of(p, n)));
		assert_false(mtu_clamp_mss(p, n, &in, 1400));
	}
	make_tcp(p, 4, 0x02, "\x02\x04\x05\xb4", 4);
	p[9] = 17;
	assert_true(inner_read(&in, bytes_of(p, 44)));
	assert_false(mtu_clamp_mss(p, 44, &in, 1400));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(inner_mtu),    cmocka_unit_test(judges),
	    cmocka_unit_test(answers_v4),   cmocka_unit_test(answers_v6),
	    cmocka_unit_test(stays_silent), cmocka_unit_test(clamps),
	    cmocka_unit_test(leaves_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
