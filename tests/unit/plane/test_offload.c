/* Super-packets: cutting gives sound segments, joining them gives the whole again, and what does
 * not belong together is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "esp/inet.h"
#include "esp/inner.h"
#include "plane/offload.h"

#define DATA    4500
#define SIZE    1000
#define PIECES  5
#define ROOM    (PACKET_HEADROOM + 1500 + PACKET_TAILROOM)
#define TCP_LEN 32 /* with a timestamp option */

struct world {
	uint8_t super[8192];
	size_t len;
	struct offload_header h;
	uint8_t buf[PIECES + 1][ROOM];
	struct packet p[PIECES + 1];
	struct packet *at[PIECES + 1];
	size_t ip;
	uint8_t version, protocol;
};

static void put_ip(struct writer *w, uint8_t version, uint8_t protocol, size_t payload)
{
	if (version == 4) {
		writer_u8(w, 0x45);
		writer_u8(w, 0x12);
		writer_u16(w, (uint16_t)(20 + payload));
		writer_u16(w, 0xfffe); /* so that it wraps */
		writer_u16(w, 0x4000);
		writer_u8(w, 64);
		writer_u8(w, protocol);
		writer_u16(w, 0);
		writer_u32(w, 0x0a010001);
		writer_u32(w, 0x0a020001);
		return;
	}
	writer_u32(w, 0x61234567);
	writer_u16(w, (uint16_t)payload);
	writer_u8(w, protocol);
	writer_u8(w, 64);
	for (int i = 0; i < 32; i++)
		writer_u8(w, (uint8_t)(0x20 + i));
}

static void put_tcp(struct writer *w, uint8_t flags)
{
	writer_u16(w, 5000);
	writer_u16(w, 80);
	writer_u32(w, 0xfffffe00); /* so that it wraps */
	writer_u32(w, 77);
	writer_u8(w, (TCP_LEN / 4) << 4);
	writer_u8(w, flags);
	writer_u16(w, 512);
	writer_u16(w, 0);
	writer_u16(w, 0);
	for (int i = 0; i < TCP_LEN - 20; i++)
		writer_u8(w, (uint8_t)(i + 1));
}

static void make(struct world *w, uint8_t version, uint8_t protocol, uint8_t flags)
{
	memset(w, 0, sizeof(*w));
	size_t transport = protocol == PROTOCOL_TCP ? TCP_LEN : 8;
	struct writer out = writer_of(w->super, sizeof(w->super));
	put_ip(&out, version, protocol, transport + DATA);
	w->ip = out.n;
	w->version = version;
	w->protocol = protocol;
	if (protocol == PROTOCOL_TCP)
		put_tcp(&out, flags);
	else
		for (int i = 0; i < 4; i++)
			writer_u16(&out, (uint16_t)(i == 0 ? 5000 : i == 1 ? 53 : 0));
	for (size_t i = 0; i < DATA; i++)
		writer_u8(&out, (uint8_t)(i * 7));
	assert_true(writer_ok(&out));
	w->len = out.n;
	w->h = (struct offload_header){.flags = OFFLOAD_NEEDS_CSUM,
				       .gso_type = protocol != PROTOCOL_TCP ? OFFLOAD_UDP
						   : version == 4           ? OFFLOAD_TCP4
									    : OFFLOAD_TCP6,
				       .hdr_len = 9999,
				       .gso_size = SIZE,
				       .csum_start = (uint16_t)w->ip,
				       .csum_offset = protocol == PROTOCOL_TCP ? 16 : 6};
	for (size_t i = 0; i <= PIECES; i++) {
		w->p[i] = (struct packet){.buf = w->buf[i], .cap = ROOM};
		w->at[i] = &w->p[i];
	}
}

static size_t cut(struct world *w)
{
	struct segmenter s;
	size_t n = 0;
	assert_true(segmenter_start(&s, &w->h, w->super, w->len));
	while (segmenter_next(&s, w->at[n]))
		n++;
	return n;
}

static uint32_t field(const struct packet *p, size_t at, size_t n)
{
	uint32_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p->data[at + i];
	return v;
}

/* The checksums hold: summed over themselves they give zero. */
static void expect_sound(const struct world *w, const struct packet *p)
{
	struct inner in;
	assert_true(inner_read(&in, bytes_of(p->data, p->len)));
	assert_int_equal(in.total, p->len);
	size_t at = w->version == 4 ? 12 : 8, len = w->version == 4 ? 4 : 16;
	size_t n = p->len - w->ip;
	uint32_t sum = inet_pseudo_sum(bytes_of(p->data + at, len),
				       bytes_of(p->data + at + len, len), w->protocol, (uint32_t)n);
	assert_int_equal(inet_checksum(bytes_of(p->data + w->ip, n), sum), 0);
	if (w->version == 4)
		assert_int_equal(inet_checksum(bytes_of(p->data, 20), 0), 0);
}

static void cut_tcp(uint8_t version)
{
	static struct world w;
	make(&w, version, PROTOCOL_TCP, 0x80 | 0x18 | 0x01); /* CWR, ACK, PSH, FIN */
	assert_int_equal(cut(&w), PIECES);
	for (uint32_t i = 0; i < PIECES; i++) {
		const struct packet *p = &w.p[i];
		expect_sound(&w, p);
		assert_int_equal(p->len, w.ip + TCP_LEN + (i == PIECES - 1 ? 500 : SIZE));
		assert_int_equal(field(p, w.ip + 4, 4), (uint32_t)(0xfffffe00 + i * SIZE));
		uint8_t flags = p->data[w.ip + 13];
		assert_int_equal(flags & 0x80, i == 0 ? 0x80 : 0);
		assert_int_equal(flags & 0x19, i == PIECES - 1 ? 0x19 : 0x10);
		if (version == 4)
			assert_int_equal(field(p, 4, 2), (0xfffe + i) & 0xffff);
		assert_memory_equal(p->data + w.ip + TCP_LEN, w.super + w.ip + TCP_LEN + i * SIZE,
				    p->len - w.ip - TCP_LEN);
	}
}

static void test_cut(void **state)
{
	(void)state;
	cut_tcp(4);
	cut_tcp(6);
}

static void test_cut_udp(void **state)
{
	(void)state;
	static struct world w;
	make(&w, 6, 17, 0);
	assert_int_equal(cut(&w), PIECES);
	for (size_t i = 0; i < PIECES; i++) {
		expect_sound(&w, &w.p[i]);
		assert_int_equal(field(&w.p[i], w.ip + 4, 2), w.p[i].len - w.ip);
	}
}

static void test_whole(void **state)
{
	(void)state;
	static struct world w;
	struct segmenter s;
	make(&w, 4, PROTOCOL_TCP, 0x10);
	w.len = w.ip + TCP_LEN + 100;
	w.super[2] = (uint8_t)(w.len >> 8);
	w.super[3] = (uint8_t)w.len;
	/* With the pseudo header's sum in place, as the stack leaves it. */
	uint16_t sum = (uint16_t)~inet_fold(inet_pseudo_sum(
	    bytes_of(w.super + 12, 4), bytes_of(w.super + 16, 4), 6, (uint32_t)(w.len - w.ip)));
	w.super[w.ip + 16] = (uint8_t)(sum >> 8);
	w.super[w.ip + 17] = (uint8_t)sum;
	uint16_t ip_sum = inet_checksum(bytes_of(w.super, 20), 0);
	w.super[10] = (uint8_t)(ip_sum >> 8);
	w.super[11] = (uint8_t)ip_sum;
	w.h.gso_type = OFFLOAD_NONE;
	assert_true(segmenter_start(&s, &w.h, w.super, w.len));
	assert_true(segmenter_next(&s, w.at[0]));
	assert_false(segmenter_next(&s, w.at[1]));
	assert_int_equal(w.p[0].len, w.len);
	expect_sound(&w, &w.p[0]);
}

static void test_unsound(void **state)
{
	(void)state;
	static struct world w;
	struct segmenter s;
	make(&w, 4, PROTOCOL_TCP, 0x10);
	struct offload_header good = w.h;
	w.h.gso_size = 0;
	assert_false(segmenter_start(&s, &w.h, w.super, w.len));
	assert_false(segmenter_next(&s, w.at[0]));
	w.h = good;
	w.h.csum_start = 19;
	assert_false(segmenter_start(&s, &w.h, w.super, w.len));
	w.h.csum_start = (uint16_t)w.len;
	assert_false(segmenter_start(&s, &w.h, w.super, w.len));
	w.h = good;
	w.h.gso_type = OFFLOAD_TCP6;
	assert_false(segmenter_start(&s, &w.h, w.super, w.len));
	w.h.gso_type = 9;
	assert_false(segmenter_start(&s, &w.h, w.super, w.len));
	w.h = good;
	assert_false(segmenter_start(&s, &w.h, w.super, w.ip + TCP_LEN));
	w.super[w.ip + 12] = 0x10; /* a TCP header of 4 octets */
	assert_false(segmenter_start(&s, &w.h, w.super, w.len));
	w.h = (struct offload_header){
	    .flags = OFFLOAD_NEEDS_CSUM, .csum_start = (uint16_t)(w.len - 1), .csum_offset = 16};
	assert_false(segmenter_start(&s, &w.h, w.super, w.len));
	/* A segment that no buffer holds. */
	make(&w, 4, PROTOCOL_TCP, 0x10);
	w.h.gso_size = 2000;
	assert_true(segmenter_start(&s, &w.h, w.super, w.len));
	assert_false(segmenter_next(&s, w.at[0]));
	assert_true(s.finished);
}

static void join(uint8_t version)
{
	static struct world w;
	struct offload_header h;
	uint8_t back[8192];
	size_t headers;
	make(&w, version, PROTOCOL_TCP, 0x18);
	assert_int_equal(cut(&w), PIECES);
	assert_int_equal(coalesce(w.at, PIECES, &h, &headers), PIECES);
	assert_int_equal(headers, w.ip + TCP_LEN);
	assert_int_equal(h.gso_size, SIZE);
	assert_int_equal(h.gso_type, version == 4 ? OFFLOAD_TCP4 : OFFLOAD_TCP6);
	size_t n = 0;
	for (size_t i = 0; i < PIECES; i++) {
		size_t from = i == 0 ? 0 : headers;
		memcpy(back + n, w.p[i].data + from, w.p[i].len - from);
		n += w.p[i].len - from;
	}
	assert_int_equal(n, w.len);
	assert_memory_equal(back + headers, w.super + headers, n - headers);
	assert_int_equal(back[w.ip + 13], 0x18);
	/* The kernel would cut it into the same segments again. */
	static struct world again;
	make(&again, version, PROTOCOL_TCP, 0x18);
	memcpy(again.super, back, n);
	again.h = h;
	assert_int_equal(cut(&again), PIECES);
	for (size_t i = 0; i < PIECES; i++)
		expect_sound(&again, &again.p[i]);
}

static void test_join(void **state)
{
	(void)state;
	join(4);
	join(6);
}

/* Cuts anew, changes one octet of the third piece, and says how many join. With mend, checksums are
 * made right again, so that only the field itself decides. */
static size_t join_changed(size_t at, uint8_t value, bool mend)
{
	static struct world w;
	struct offload_header h;
	size_t headers;
	make(&w, 4, PROTOCOL_TCP, 0x10);
	assert_int_equal(cut(&w), PIECES);
	struct packet *p = &w.p[2];
	size_t field_at = at & ~1UL;
	uint16_t old = (uint16_t)field(p, field_at, 2);
	p->data[at] ^= value;
	uint16_t new = (uint16_t)field(p, field_at, 2);
	if (mend) {
		size_t sum_at = at < 20 ? 10 : 36;
		uint16_t sum = inet_adjust((uint16_t)field(p, sum_at, 2), old, new);
		p->data[sum_at] = (uint8_t)(sum >> 8);
		p->data[sum_at + 1] = (uint8_t)sum;
	}
	return coalesce(w.at, PIECES, &h, &headers);
}

static void test_not_joined(void **state)
{
	(void)state;
	assert_int_equal(join_changed(100, 1, false), 2); /* data: the checksum does not hold */
	assert_int_equal(join_changed(100, 1, true), PIECES);
	assert_int_equal(join_changed(1, 4, true), 2);    /* TOS */
	assert_int_equal(join_changed(8, 1, true), 2);    /* TTL */
	assert_int_equal(join_changed(6, 0x40, true), 2); /* DF */
	assert_int_equal(join_changed(20, 1, true), 2);   /* a port */
	assert_int_equal(join_changed(27, 1, true), 2);   /* sequence number */
	assert_int_equal(join_changed(31, 1, true), 2);   /* acknowledgement */
	assert_int_equal(join_changed(33, 2, true), 2);   /* SYN */
	assert_int_equal(join_changed(33, 8, true), 3);   /* PSH: ends there */
	assert_int_equal(join_changed(35, 1, true), 2);   /* window */
	assert_int_equal(join_changed(45, 1, true), 2);   /* an option */
}

static void test_lone(void **state)
{
	(void)state;
	static struct world w;
	struct offload_header h;
	size_t headers;
	make(&w, 6, 17, 0);
	assert_int_equal(cut(&w), PIECES);
	assert_int_equal(coalesce(w.at, PIECES, &h, &headers), 1);
	assert_int_equal(h.flags, 0);
	assert_int_equal(h.gso_type, OFFLOAD_NONE);
	make(&w, 4, PROTOCOL_TCP, 0x10);
	assert_int_equal(cut(&w), PIECES);
	uint8_t before[ROOM];
	memcpy(before, w.buf[0], ROOM);
	assert_int_equal(coalesce(w.at, 1, &h, &headers), 1);
	assert_memory_equal(before, w.buf[0], ROOM);
	/* A longer one does not follow a shorter one. */
	struct packet *swapped[] = {w.at[4], w.at[0]};
	assert_int_equal(coalesce(swapped, 2, &h, &headers), 1);
}

static void test_header(void **state)
{
	(void)state;
	uint8_t octets[OFFLOAD_HEADER];
	struct offload_header h = {1, 4, 60, 1400, 40, 16};
	offload_header_write(octets, &h);
	struct offload_header back = offload_header_read(octets);
	assert_memory_equal(&h, &back, sizeof(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut),   cmocka_unit_test(test_cut_udp),
	    cmocka_unit_test(test_whole), cmocka_unit_test(test_unsound),
	    cmocka_unit_test(test_join),  cmocka_unit_test(test_not_joined),
	    cmocka_unit_test(test_lone),  cmocka_unit_test(test_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
