/* Ranges as prefixes, and inner packets in fragments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "esp/inet.h"
#include "esp/inner.h"
#include "plane/fragment.h"
#include "plane/prefix.h"

static size_t split(const char *text, struct prefix out[PREFIXES_MAX])
{
	struct addr_range r;
	assert_int_equal(addr_range_parse(&r, text), ERR_NONE);
	return prefix_split(&r, out);
}

static void expect_prefix(const struct prefix *p, const char *addr, unsigned len)
{
	char text[ADDR_TEXT_MAX];
	assert_string_equal(addr_format(&p->addr, text), addr);
	assert_int_equal(p->len, len);
}

static void test_split(void **state)
{
	(void)state;
	struct prefix p[PREFIXES_MAX];
	assert_int_equal(split("10.1.0.0/24", p), 1);
	expect_prefix(&p[0], "10.1.0.0", 24);
	assert_int_equal(split("0.0.0.0/0", p), 1);
	expect_prefix(&p[0], "0.0.0.0", 0);
	assert_int_equal(split("::/0", p), 1);
	expect_prefix(&p[0], "::", 0);
	assert_int_equal(split("255.255.255.255", p), 1);
	expect_prefix(&p[0], "255.255.255.255", 32);
	assert_int_equal(split("10.0.0.1-10.0.0.6", p), 4);
	expect_prefix(&p[0], "10.0.0.1", 32);
	expect_prefix(&p[1], "10.0.0.2", 31);
	expect_prefix(&p[2], "10.0.0.4", 31);
	expect_prefix(&p[3], "10.0.0.6", 32);
	/* The worst there is, for each family. */
	assert_int_equal(split("0.0.0.1-255.255.255.254", p), 62);
	assert_int_equal(split("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", p), PREFIXES_MAX);
	expect_prefix(&p[PREFIXES_MAX - 1], "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 128);
}

static void test_split_nothing(void **state)
{
	(void)state;
	struct prefix p[PREFIXES_MAX];
	struct addr_range r = {addr_v4(2), addr_v4(1)};
	assert_int_equal(prefix_split(&r, p), 0);
	r = (struct addr_range){addr_v4(1), {.family = 6}};
	assert_int_equal(prefix_split(&r, p), 0);
	r = (struct addr_range){0};
	assert_int_equal(prefix_split(&r, p), 0);
}

static void test_covers(void **state)
{
	(void)state;
	struct addr a = addr_v4(0x0a010203);
	struct prefix wide = prefix_of(&a, 8), narrow = prefix_of(&a, 24);
	expect_prefix(&wide, "10.0.0.0", 8);
	expect_prefix(&narrow, "10.1.2.0", 24);
	assert_true(prefix_covers(&wide, &narrow));
	assert_true(prefix_covers(&wide, &wide));
	assert_false(prefix_covers(&narrow, &wide));
	struct addr b = addr_v4(0x0b000000);
	struct prefix other = prefix_of(&b, 24);
	assert_false(prefix_covers(&wide, &other));
}

/* ---- Fragments ------------------------------------------------------------------------------- */

#define PACKETS 8
#define ROOM    (PACKET_HEADROOM + 1500 + PACKET_TAILROOM)

struct pieces {
	uint8_t buf[PACKETS][ROOM];
	struct packet p[PACKETS];
	struct packet *at[PACKETS];
};

static void pieces_init(struct pieces *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < PACKETS; i++) {
		s->p[i] = (struct packet){.buf = s->buf[i], .cap = ROOM};
		s->at[i] = &s->p[i];
	}
}

/* An IPv4 packet of UDP whose octets count up. */
static size_t make_packet(uint8_t *out, size_t header, size_t data)
{
	struct writer w = writer_of(out, header + data);
	writer_u8(&w, (uint8_t)(0x40 | header / 4));
	writer_u8(&w, 0);
	writer_u16(&w, (uint16_t)(header + data));
	writer_u16(&w, 0x1234);
	writer_u16(&w, 0);
	writer_u8(&w, 64);
	writer_u8(&w, 17);
	writer_u16(&w, 0);
	writer_u32(&w, 0x0a010001);
	writer_u32(&w, 0x0a020001);
	writer_zero(&w, header - 20);
	for (size_t i = 0; i < data; i++)
		writer_u8(&w, (uint8_t)i);
	assert_true(writer_ok(&w));
	return header + data;
}

static uint16_t field(const struct packet *p, size_t at)
{
	struct reader r = reader_of(bytes_of(p->data + at, 2));
	return reader_u16(&r);
}

static void test_fragments(void **state)
{
	(void)state;
	static struct pieces s;
	uint8_t packet[1500], whole[1500];
	struct inner in;
	pieces_init(&s);
	size_t len = make_packet(packet, 20, 1000);
	size_t n = fragment_ipv4(s.at, PACKETS, packet, len, 600);
	assert_int_equal(n, 2);
	size_t data = 0;
	for (size_t i = 0; i < n; i++) {
		const struct packet *p = &s.p[i];
		assert_true(p->len <= 600);
		assert_true(inner_read(&in, bytes_of(p->data, p->len)));
		assert_true(in.fragment);
		assert_int_equal(in.later, i != 0);
		assert_int_equal(field(p, 4), 0x1234);
		assert_int_equal(inet_checksum(bytes_of(p->data, 20), 0), 0);
		assert_int_equal((field(p, 6) & 0x1fff) * 8, data);
		assert_int_equal((field(p, 6) & 0x2000) != 0, i + 1 < n);
		memcpy(whole + data, p->data + 20, p->len - 20);
		data += p->len - 20;
	}
	assert_int_equal(data, 1000);
	assert_memory_equal(whole, packet + 20, 1000);
}

static void test_fragment_of_fragment(void **state)
{
	(void)state;
	static struct pieces s;
	uint8_t packet[1500];
	pieces_init(&s);
	size_t len = make_packet(packet, 20, 800);
	packet[6] = 0x20; /* more follow */
	packet[7] = 100;  /* starts at octet 800 */
	assert_int_equal(fragment_ipv4(s.at, PACKETS, packet, len, 420), 2);
	assert_int_equal(field(&s.p[0], 6), 0x2000 | 100);
	assert_int_equal(field(&s.p[1], 6), 0x2000 | 150);
}

static void test_fragment_options(void **state)
{
	(void)state;
	static struct pieces s;
	uint8_t packet[1500];
	pieces_init(&s);
	size_t len = make_packet(packet, 28, 800);
	const uint8_t options[8] = {0x94, 4, 0, 0, 7, 3, 4, 0}; /* router alert; record route */
	memcpy(packet + 20, options, sizeof(options));
	assert_int_equal(fragment_ipv4(s.at, PACKETS, packet, len, 600), 2);
	assert_memory_equal(s.p[0].data + 20, options, 8);
	const uint8_t later[8] = {0x94, 4, 0, 0, 1, 1, 1, 0};
	assert_memory_equal(s.p[1].data + 20, later, 8);
}

static void test_fragment_refused(void **state)
{
	(void)state;
	static struct pieces s;
	uint8_t packet[1500];
	pieces_init(&s);
	size_t len = make_packet(packet, 20, 1000);
	assert_int_equal(fragment_ipv4(s.at, PACKETS, packet, len, 27), 0);
	assert_int_equal(fragment_ipv4(s.at, 2, packet, len, 400), 0);
	assert_int_equal(fragment_ipv4(s.at, PACKETS, packet, 10, 400), 0);
	s.p[0].cap = 200;
	assert_int_equal(fragment_ipv4(s.at, PACKETS, packet, len, 600), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_split_nothing),
	    cmocka_unit_test(test_covers),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_fragment_of_fragment),
	    cmocka_unit_test(test_fragment_options),
	    cmocka_unit_test(test_fragment_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
