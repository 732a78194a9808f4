/* Inner headers, tunnel headers, ECN and the Internet checksum. */
#include "esp_test.h"

#include <string.h>

#include "esp/inet.h"
#include "esp/tunnel.h"

static const struct tunnel_params normal = {ESP_DF_COPY, true, 0, true};

/* An IPv4 packet of n octets in all: 10.1.0.1 to 10.2.0.2, with a right header checksum. */
static size_t make_v4(uint8_t *out, uint8_t tos, uint16_t fragment, uint8_t protocol, size_t n)
{
	static const uint8_t addrs[8] = {10, 1, 0, 1, 10, 2, 0, 2};
	struct writer w = writer_of(out, n);

	writer_u8(&w, 0x45);
	writer_u8(&w, tos);
	writer_u16(&w, (uint16_t)n);
	writer_u16(&w, 0x4711);
	writer_u16(&w, fragment);
	writer_u8(&w, 64);
	writer_u8(&w, protocol);
	writer_u16(&w, 0);
	writer_bytes(&w, BYTES_OF(addrs));
	writer_patch_u16(&w, 10, inet_checksum(writer_bytes_so_far(&w), 0));
	for (size_t i = 0; w.n < n; i++)
		writer_u8(&w, (uint8_t)(0x10 + i));
	assert_true(writer_ok(&w));
	return n;
}

/* An IPv6 packet: 2001:db8::1 to 2001:db8::2, the extension headers and payload given. */
static size_t make_v6(uint8_t *out, size_t cap, uint8_t tos, uint8_t next, const void *rest,
		      size_t n)
{
	static const uint8_t addr[15] = {0x20, 1, 0xd, 0xb8};
	struct writer w = writer_of(out, cap);

	writer_u32(&w, UINT32_C(6) << 28 | (uint32_t)tos << 20 | 0x12345);
	writer_u16(&w, (uint16_t)n);
	writer_u8(&w, next);
	writer_u8(&w, 64);
	writer_bytes(&w, BYTES_OF(addr));
	writer_u8(&w, 1);
	writer_bytes(&w, BYTES_OF(addr));
	writer_u8(&w, 2);
	writer_bytes(&w, bytes_of(rest, n));
	assert_true(writer_ok(&w));
	return w.n;
}

static void reads_v4(void **state)
{
	static const struct {
		uint8_t protocol;
		bool ports;
		uint16_t src, dst;
	} cases[] = {
	    {6, true, 0x1011, 0x1213},   {17, true, 0x1011, 0x1213},  {132, true, 0x1011, 0x1213},
	    {33, true, 0x1011, 0x1213},  {136, true, 0x1011, 0x1213}, {1, true, 0x1011, 0x1011},
	    {135, true, 0x1200, 0x1200}, {47, false, 0, 0},           {50, false, 0, 0},
	};
	uint8_t p[100];
	struct inner in;

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(cases); i++) {
		make_v4(p, 0xb9, 0x4000, cases[i].protocol, 60);
		assert_true(inner_read(&in, bytes_of(p, 100))); /* 40 octets of TFC padding */
		assert_int_equal(in.total, 60);
		assert_int_equal(in.version, 4);
		assert_int_equal(in.tos, 0xb9);
		assert_true(in.df);
		assert_false(in.fragment);
		assert_int_equal(in.transport, 20);
		assert_int_equal(in.key.protocol, cases[i].protocol);
		assert_int_equal(in.key.has_ports, cases[i].ports);
		assert_int_equal(in.key.src_port, cases[i].src);
		assert_int_equal(in.key.dst_port, cases[i].dst);
		assert_int_equal(in.key.src.a[1], 1);
		assert_int_equal(in.key.dst.a[1], 2);
	}
}

static void v4_fragments_and_options(void **state)
{
	uint8_t p[100];
	struct inner in;

	(void)state;
	make_v4(p, 0, 0x2000, 17, 60); /* the first of several */
	assert_true(inner_read(&in, bytes_of(p, 60)));
	assert_true(in.fragment && !in.later && in.key.has_ports && !in.df);
	make_v4(p, 0, 0x0001, 17, 60); /* the last */
	assert_true(inner_read(&in, bytes_of(p, 60)));
	assert_true(in.fragment && in.later && !in.key.has_ports);
	make_v4(p, 0, 0, 17, 60);
	p[0] = 0x4f; /* 40 octets of options, no transport left */
	assert_true(inner_read(&in, bytes_of(p, 60)));
	assert_int_equal(in.transport, 60);
	assert_false(in.key.has_ports);
	p[3] = 59; /* total length below the header's */
	assert_false(inner_read(&in, bytes_of(p, 60)));
	make_v4(p, 0, 0, 17, 23); /* ports cut off */
	assert_true(inner_read(&in, bytes_of(p, 23)));
	assert_false(in.key.has_ports);
	p[0] = 0x44;
	assert_false(inner_read(&in, bytes_of(p, 23)));
	p[0] = 0x55;
	assert_false(inner_read(&in, bytes_of(p, 23)));
	make_v4(p, 0, 0, 17, 60);
	for (size_t n = 0; n < 60; n++) {
		uint8_t cut[60];

		memcpy(cut, p, n); /* a copy, so that a sanitizer sees a read past the end */
		assert_false(inner_read(&in, bytes_of(cut, n)));
	}
}

static void reads_v6(void **state)
{
	static const uint8_t chain[] = {43, 0,  1, 4,  0, 0, 0, 0, /* hop by hop */
					60, 1,  4, 0,  0, 0, 0, 0, 0, 0, 0, 0,
					0,  0,  0, 0,              /* routing, 16 octets */
					44, 0,  1, 4,  0, 0, 0, 0, /* destination options */
					51, 0,  0, 1,  0, 0, 0, 7, /* first fragment */
					6,  1,  0, 0,  0, 0, 0, 1, 0, 0, 0, 2, /* AH, 12 octets */
					0,  80, 1, 187};                       /* ports */
	static const uint8_t later[] = {17, 0, 0, 8, 0, 0, 0, 7, 9, 9, 9, 9};
	static const uint8_t atomic[] = {17, 0, 0, 0, 0, 0, 0, 7, 0, 53, 0, 54};
	uint8_t p[200];
	struct inner in;
	size_t n;

	(void)state;
	n = make_v6(p, sizeof(p), 0x2e, 0, chain, sizeof(chain));
	assert_true(inner_read(&in, bytes_of(p, n)));
	assert_int_equal(in.tos, 0x2e);
	assert_int_equal(in.key.protocol, 6);
	assert_int_equal(in.transport, 40 + sizeof(chain) - 4);
	assert_true(in.fragment && !in.later && in.key.has_ports);
	assert_int_equal(in.key.src_port, 80);
	assert_int_equal(in.key.dst_port, 443);
	/* Every cut inside the chain, the payload length told truly. */
	for (size_t cut = 0; cut < sizeof(chain) - 4; cut++) {
		uint8_t exact[200];

		n = make_v6(exact, sizeof(exact), 0, 0, chain, cut);
		memcpy(p, exact, n);
		assert_false(inner_read(&in, bytes_of(p, n)));
	}
	n = make_v6(p, sizeof(p), 0, 44, later, sizeof(later));
	assert_true(inner_read(&in, bytes_of(p, n)));
	assert_true(in.fragment && in.later && !in.key.has_ports);
	assert_int_equal(in.key.protocol, 17);
	n = make_v6(p, sizeof(p), 0, 44, atomic, sizeof(atomic));
	assert_true(inner_read(&in, bytes_of(p, n)));
	assert_true(!in.fragment && in.key.has_ports);
	assert_int_equal(in.key.dst_port, 54);
	p[4] = 255; /* a payload length of more than is there */
	assert_false(inner_read(&in, bytes_of(p, n)));
}

/* The walk is bounded: eight extension headers are read, nine are not. */
static void v6_chain_is_bounded(void **state)
{
	uint8_t rest[9 * 8 + 8], p[200];
	struct inner in;

	(void)state;
	for (size_t count = 1; count <= 9; count++) {
		memset(rest, 0, sizeof(rest));
		for (size_t i = 0; i < count; i++)
			rest[i * 8] = i + 1 < count ? 60 : 17;
		assert_int_equal(
		    inner_read(&in, bytes_of(p, make_v6(p, sizeof(p), 0, 60, rest, count * 8 + 8))),
		    count <= 8);
	}
}

/* RFC 6040 4.1 and figure 4, all sixteen. */
static void ecn_table(void **state)
{
	/* [inner][outer] in the order Not-ECT, ECT(0), ECT(1), CE */
	static const uint8_t order[4] = {ECN_NOT_ECT, ECN_ECT0, ECN_ECT1, ECN_CE};
	static const int want[4][4] = {
	    {ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, -1},
	    {ECN_ECT0, ECN_ECT0, ECN_ECT1, ECN_CE},
	    {ECN_ECT1, ECN_ECT1, ECN_ECT1, ECN_CE},
	    {ECN_CE, ECN_CE, ECN_CE, ECN_CE},
	};
	static const bool alarms[4][4] = {
	    {false, true, true, true},
	    {false, false, false, false},
	    {false, true, false, false},
	    {false, false, true, false},
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ecn_ingress(true, order[i]), order[i]);
		assert_int_equal(ecn_ingress(false, order[i]), ECN_NOT_ECT);
		for (size_t o = 0; o < 4; o++) {
			bool alarm;

			assert_int_equal(ecn_egress(order[i], order[o], &alarm), want[i][o]);
			assert_int_equal(alarm, alarms[i][o]);
		}
	}
}

/* Through the tunnel and back with every pair of ECN fields: DSCP stays, the IPv4 checksum holds.
 */
static void ecn_through_packets(void **state)
{
	struct box b;
	struct inner in;

	(void)state;
	for (unsigned pair = 0; pair < 64; pair++) {
		uint8_t inner = (uint8_t)(0xb8 | (pair & 3)),
			outer = (uint8_t)(0x44 | (pair >> 2 & 3));
		bool six = pair >= 32;
		int ecn = ecn_egress(inner, (uint8_t)(pair >> 2), NULL);
		uint8_t p[80];
		size_t n = six ? make_v6(p, sizeof(p), inner, 17, "abcdefgh", 8)
			       : make_v4(p, inner, 0, 17, 40);

		memset(p + n, 0xaa, 10);
		box_put(&b, p, n + 10, six ? INNER_IPV6 : INNER_IPV4);
		b.p.outer_tos = outer;
		if (ecn < 0) {
			assert_int_equal(tunnel_decapsulate(&b.p, &in), PACKET_ECN_DROP);
			continue;
		}
		assert_int_equal(tunnel_decapsulate(&b.p, &in), PACKET_OK);
		assert_int_equal(b.p.len, n); /* TFC padding cut */
		assert_int_equal(in.tos, 0xb8 | ecn);
		assert_true(inner_read(&in, bytes_of(b.p.data, n)));
		assert_int_equal(in.tos, 0xb8 | ecn);
		if (!six)
			assert_int_equal(inet_checksum(bytes_of(b.p.data, 20), 0), 0);
		else
			assert_int_equal(b.p.data[1] & 0x0f, 1); /* the flow label's top */
	}
}

static void encapsulates(void **state)
{
	struct tunnel_params t = normal;
	struct box b;
	uint8_t p[100];

	(void)state;
	for (unsigned df = 0; df < 2; df++)
		for (int rule = ESP_DF_COPY; rule <= ESP_DF_CLEAR; rule++) {
			make_v4(p, 0x2b, df ? 0x4000 : 0, 17, 60);
			box_put(&b, p, 64, 0);
			t.df = (enum esp_df)rule;
			assert_int_equal(tunnel_encapsulate(&t, &b.p, NULL), PACKET_OK);
			assert_int_equal(b.p.len, 60);
			assert_int_equal(b.p.next_header, INNER_IPV4);
			assert_int_equal(b.p.outer_tos, 0x2b);
			assert_int_equal(b.p.outer_df,
					 rule == ESP_DF_COPY ? df : rule == ESP_DF_SET);
		}
	t = (struct tunnel_params){ESP_DF_COPY, false, 46, false};
	box_put(&b, p, make_v6(p, sizeof(p), 0x2b, 17, "abcdefgh", 8), 0);
	assert_int_equal(tunnel_encapsulate(&t, &b.p, NULL), PACKET_OK);
	assert_int_equal(b.p.next_header, INNER_IPV6);
	assert_int_equal(b.p.outer_tos, 46 << 2); /* fixed DSCP, compatibility mode */
	assert_true(b.p.outer_df);
	box_put(&b, "\x45", 1, 0);
	assert_int_equal(tunnel_encapsulate(&t, &b.p, NULL), PACKET_BAD_INNER);
	box_put(&b, NULL, 0, 0);
	assert_int_equal(tunnel_encapsulate(&t, &b.p, NULL), PACKET_BAD_INNER);
}

static void decapsulation_refuses(void **state)
{
	struct box b;
	struct inner in;
	uint8_t p[60];

	(void)state;
	make_v4(p, 0, 0, 17, 60);
	box_put(&b, p, 60, INNER_IPV6);
	assert_int_equal(tunnel_decapsulate(&b.p, &in), PACKET_BAD_INNER);
	box_put(&b, p, 59, INNER_IPV4);
	assert_int_equal(tunnel_decapsulate(&b.p, &in), PACKET_BAD_INNER);
	box_put(&b, p, 60, 17); /* transport mode in a tunnel */
	assert_int_equal(tunnel_decapsulate(&b.p, &in), PACKET_BAD_NEXT_HEADER);
	box_put(&b, p, 60, INNER_NONE);
	assert_int_equal(tunnel_decapsulate(&b.p, &in), PACKET_DUMMY);
	assert_int_equal(b.p.fate, PACKET_DUMMY);
}

static void pushes_headers(void **state)
{
	struct outer_header h = {addr_v4(0x0a630001), addr_v4(0x0a630002), 50, 64, 0x1234, 0xabcde};
	struct box b;
	struct inner in;

	(void)state;
	box_put(&b, NULL, 100, 0);
	b.p.outer_tos = 0xb9;
	b.p.outer_df = true;
	assert_true(tunnel_push_header(&b.p, &h));
	assert_int_equal(b.p.len, 120);
	assert_int_equal(inet_checksum(bytes_of(b.p.data, 20), 0), 0);
	assert_true(inner_read(&in, bytes_of(b.p.data, 120)));
	assert_true(in.df && in.tos == 0xb9 && in.key.protocol == 50 && in.total == 120);
	assert_true(addr_equal(&in.key.src, &h.src) && addr_equal(&in.key.dst, &h.dst));
	assert_int_equal(b.p.data[8], 64);
	assert_int_equal(b.p.data[4], 0);
	box_put(&b, NULL, 100, 0);
	assert_true(tunnel_push_header(&b.p, &h));
	assert_int_equal(b.p.data[4] << 8 | b.p.data[5], 0x1234);
	assert_int_equal(b.p.data[6] & 0x40, 0);
	h.dst = (struct addr){.family = 6, .a = {0x20, 1}};
	assert_false(tunnel_push_header(&b.p, &h));
	h.src = (struct addr){.family = 6, .a = {0x20, 2}};
	box_put(&b, NULL, 100, 0);
	b.p.outer_tos = 0xb9;
	assert_true(tunnel_push_header(&b.p, &h));
	assert_true(inner_read(&in, bytes_of(b.p.data, 140)));
	assert_true(in.version == 6 && in.tos == 0xb9 && in.total == 140 && in.key.protocol == 50);
	assert_memory_equal(b.p.data, "\x6b\x9a\xbc\xde", 4);
	b.p.data = b.p.buf + 39; /* no room */
	assert_false(tunnel_push_header(&b.p, &h));
}

/* Octet by octet, as RFC 1071 1 says it. */
static uint16_t slow_checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void checksums(void **state)
{
	static uint8_t p[65535];
	uint64_t seed = 5;

	(void)state;
	for (size_t n = 0; n < 300; n++)
		for (size_t offset = 0; offset < 8; offset++) {
			test_fill(&seed, p, n + offset);
			assert_int_equal(inet_checksum(bytes_of(p + offset, n), 0),
					 slow_checksum(p + offset, n));
		}
	memset(p, 0xff, sizeof(p));
	assert_int_equal(inet_checksum(bytes_of(p, sizeof(p)), 0), slow_checksum(p, sizeof(p)));
	/* Incremental against complete, every kind of word, RFC 1624's corner 0 / 0xffff among
	 * them. */
	for (unsigned i = 0; i < 20000; i++) {
		uint16_t old, new, sum;
		size_t at = 2 * (size_t)(test_random(&seed) % 10);

		test_fill(&seed, p, 20);
		p[10] = p[11] = 0;
		if (at == 10)
			continue;
		if (i % 4 == 0)
			p[at] = p[at + 1] = i % 8 == 0 ? 0 : 0xff;
		sum = slow_checksum(p, 20);
		old = (uint16_t)(p[at] << 8 | p[at + 1]);
		new = i % 3 == 0 ? (i % 6 == 0 ? 0 : 0xffff) : (uint16_t)test_random(&seed);
		p[at] = (uint8_t)(new >> 8);
		p[at + 1] = (uint8_t) new;
		assert_int_equal(inet_adjust(sum, old, new), slow_checksum(p, 20));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_v4),       cmocka_unit_test(v4_fragments_and_options),
	    cmocka_unit_test(reads_v6),       cmocka_unit_test(v6_chain_is_bounded),
	    cmocka_unit_test(ecn_table),      cmocka_unit_test(ecn_through_packets),
	    cmocka_unit_test(encapsulates),   cmocka_unit_test(decapsulation_refuses),
	    cmocka_unit_test(pushes_headers), cmocka_unit_test(checksums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
