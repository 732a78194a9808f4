/* Packets of EESP computed from the draft's rules by others than us, both readings of the AAD, and
 * what must not be taken: the table of negative tests by its numbers. */
#include "esp_test.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/sskdf.h"
#include "esp/eesp.h"
#include "esp/sa_private.h"

#define SPI   0x052357bbU
#define INNER "4500002112340000401154940a0100010a02000103e807d0000d9c4568656c6c6f"
#define UDP4  "03e807d0000d2c4668656c6c6f"
#define UDP6  "03e807d0000d54d568656c6c6f"

struct vector {
	const char *name;
	uint16_t encr, bits;
	enum esp_mode mode;
	bool numbers, over_ipv6;
	uint16_t sskdf, session;
	uint8_t clear;
	uint64_t number;
	uint8_t next_header;
	const char *payload;
	const char *packet; /* profile A */
	const char *icv_b;  /* profile B; NULL: the same */
};

static const struct vector vectors[] = {
    {"T1", ENCR_AES_GCM_16, 256, ESP_MODE_TUNNEL, true, false, 0, 0, 0, 1, 4, INNER,
     "80000000052357bb0000000000000001c0c1c2c3c4c5c6c7d406d26914373a02"
     "24b78bf7499c2345f2b54943403c5e80618695b7044d0bfafee65f4589c6ba62"
     "30a1ddb9a74447fc68cf1541",
     "4713d14d91eb25da7810b38b27f34c81"},
    {"T2", ENCR_AES_GCM_16_IIV, 256, ESP_MODE_TUNNEL, true, false, 0, 0, 0, 0x100000002, 4, INNER,
     "80000000052357bb0000000100000002afab7a600f26b23d9c6d0b0e6d37d3b1"
     "a304146ded6a1c76124bd500f7913948a68d68d80de8999539982ffcc9c5b83e"
     "8c8c96a6",
     NULL},
    {"T3", ENCR_AES_GCM_16, 256, ESP_MODE_TUNNEL, true, false, SSKDF_HKDF_SHA2_256, 5, 0, 7, 4,
     INNER,
     "80000005052357bb0000000000000007c0c1c2c3c4c5c6c7871b97b6ccc78d02"
     "c12d897ffe61e40a075ef83ad7f4254bb02ac088d34a20289ca7e4076a1c8bce"
     "8b88d4d6aa0b31ad7837a8c4",
     "90b9bea10c16da73c576284550e52027"},
    {"T4", ENCR_AES_GCM_16, 256, ESP_MODE_TRANSPORT, true, false, 0, 0, 0, 1, 17, UDP4,
     "80000000052357bb0000000000000001c0c1c2c3c4c5c6c79106c34b05eb3dd2"
     "64abf3252bf84f2897b74942d5b322be08629be1c5c341a748f2d32e",
     "835008cf9991f380679934eda916f4bf"},
    {"T5", ENCR_CHACHA20_POLY1305, 0, ESP_MODE_TRANSPORT, true, true, 0, 0, 0, 1, 17, UDP6,
     "80040000052357bb010200000000000000000001c0c1c2c3c4c5c6c721f80b6a"
     "767a969f3f2a99688b99b4418dc53c3560d4c7347db4d29298d115d8cd1f9b6c",
     "76db5e38cd6d5e719a9aba3e616e0ae6"},
    {"T6", ENCR_AES_GCM_16, 256, ESP_MODE_TUNNEL, true, false, 0, 0, 8, 1, 4, INNER,
     "80040000052357bb02021c800000000000000001c0c1c2c3c4c5c6c700000403"
     "4500002112340000401154940a0100010a02000103e807d0000d9c45f963be24"
     "69033a021029e6f2a00eb7106894ec2e6d61bc9c",
     "d6aec85fda2e51a41f9fa096a0c8aea5"},
    {"T7", ENCR_AES_GCM_16, 256, ESP_MODE_TUNNEL, false, false, 0, 0, 0, 0, 4, INNER,
     "80000000052357bbc0c1c2c3c4c5c6c7d406d26914373a0224b78bf7499c2345"
     "f2b54943403c5e80618695b7044d0bfafee65f45421e112904a36394be89bf21"
     "60b947dc",
     "5ea8444157f986c70d4ac80836b7977f"},
    {"T8", ENCR_NULL_AUTH_AES_GMAC, 256, ESP_MODE_TRANSPORT, true, false, 0, 0, 0, 1, 17, UDP4,
     "80000000052357bb0000000000000001c0c1c2c3c4c5c6c70000110303e807d0"
     "000d2c4668656c6c6f000000eb9877017b07e3899df828cf23a7a3e3",
     NULL},
    {"T9", ENCR_AES_CCM_16, 128, ESP_MODE_TUNNEL, true, false, 0, 0, 0, 1, 4, INNER,
     "80000000052357bb0000000000000001c0c1c2c3c4c5c6c757652824bf88abf2"
     "a100b69b5cc8f056e090474b96da2ccfad0d8d0b6e710b77ff30fe02e0c15e70"
     "e89220f1cb5438c89de7dd11",
     "5f423fa599566257a784447b735388ed"},
};

/* An SA of a vector; its keys. */
struct made {
	uint8_t keys[SSKDF_ROOT_MAX];
	struct eesp_terms terms;
	struct esp_sa_params params;
	struct esp_sa *in;
	struct box box;
	uint8_t packet[256];
	size_t n;
};

static struct esp_engine *engine;

static void make(struct made *m, const struct vector *v, bool profile_b)
{
	const struct encr_desc *d = encr_find(v->encr);
	size_t n = encr_keymat_len(d, v->bits);

	*m = (struct made){.terms = {.mode = v->mode,
				     .numbers = v->numbers,
				     .sskdf = v->sskdf,
				     .sub_sa = {true, 15},
				     .over_ipv6 = v->over_ipv6,
				     .clear = v->clear,
				     .iv_not_in_aad = profile_b}};
	if (v->clear != 0)
		m->terms.crypt_offset = (struct eesp_limit){true, v->clear};
	for (size_t i = 0; i < n - d->salt_len; i++)
		m->keys[i] = (uint8_t)(0x40 + i);
	for (size_t i = 0; i < d->salt_len; i++)
		m->keys[n - d->salt_len + i] = (uint8_t)(0xa0 + i);
	if (v->sskdf != 0) {
		n = 32;
		for (size_t i = 0; i < n; i++)
			m->keys[i] = (uint8_t)i;
	}
	m->params = (struct esp_sa_params){.spi = SPI,
					   .suite = {d, v->bits, NULL},
					   .keys.encr = bytes_of(m->keys, n),
					   .eesp = &m->terms,
					   .replay_window = 64};
	m->n = unhex(v->packet, m->packet, sizeof(m->packet));
	if (profile_b && v->icv_b != NULL)
		unhex(v->icv_b, m->packet + m->n - 16, 16);
}

static void open_in(struct made *m)
{
	m->params.eesp = &m->terms;
	assert_int_equal(esp_sa_new_inbound(&m->in, &m->params), ERR_NONE);
}

static enum packet_fate deliver(struct made *m)
{
	box_put(&m->box, m->packet, m->n, 0);
	(void)open_one(engine, m->in, &m->box);
	return (enum packet_fate)m->box.p.fate;
}

static void each_opens(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * TEST_COUNT(vectors); i++) {
		const struct vector *v = &vectors[i / 2];
		uint8_t payload[128];
		size_t n = unhex(v->payload, payload, sizeof(payload));
		struct made m;

		make(&m, v, i % 2 != 0);
		open_in(&m);
		assert_int_equal(deliver(&m), PACKET_OK);
		assert_int_equal(m.box.p.len, n);
		assert_memory_equal(m.box.p.data, payload, n);
		assert_int_equal(m.box.p.next_header, v->next_header);
		assert_int_equal(m.box.p.seq, v->number);
		assert_int_equal(m.box.p.session_id, v->session);
		esp_sa_free(m.in);
	}
}

/* The published packets have an IV of their own; where there is none, and of the headers, what we
 * seal is the very same octets. */
static void headers_are_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEST_COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t payload[128];
		size_t n = unhex(v->payload, payload, sizeof(payload)), same;
		struct made m;
		struct esp_sa *out;

		make(&m, v, false);
		m.params.eesp = &m.terms;
		assert_int_equal(esp_sa_new_outbound(&out, &m.params), ERR_NONE);
		if (v->sskdf == 0)
			out->lane.sequence = v->number - (v->number != 0);
		box_put(&m.box, payload, n, v->next_header);
		m.box.p.session_id = v->session;
		for (uint64_t k = v->sskdf != 0 ? v->number : 1; k > 0; k--) {
			box_put(&m.box, payload, n, v->next_header);
			m.box.p.session_id = v->session;
			assert_int_equal(seal_one(engine, out, &m.box), 1);
		}
		assert_int_equal(m.box.p.len, m.n);
		same = m.params.suite.encr->implicit_iv ? m.n
							: 8U + m.packet[1] + (v->numbers ? 8 : 0);
		assert_memory_equal(m.box.p.data, m.packet, same);
		esp_sa_free(out);
	}
}

static void sub_keys(void **state)
{
	static const struct {
		uint16_t kdf, id;
		const char *want;
	} known[] = {
	    {1, 0, "472a557f71f01e8d125da03ec21f6b770f62b36f"},
	    {1, 0, "472a557f71f01e8d125da03ec21f6b770f62b36f2d7938df3fb55ab3960795166e16532b"},
	    {1, 1, "bfb9feca177e0964367d975ca7e41bd64f44224af8851afaa04f7a2d92707dfdaeb0b4a1"},
	    {1, 5, "072343f6409488f693bf8b4fe73a9d74b3abb8e6"},
	    {1, 5, "072343f6409488f693bf8b4fe73a9d74b3abb8e6b950e2526ee4d609f02aef0986902d09"},
	    {1, 0x1234, "6d241a8efb1df3c0d7d5c3e3d8f51d78d4f48342dca2479c2483e3d7eb74a33338eeef45"},
	    {1, 0xffff, "e873970c75d9636202fb7e456ffc3c4a4a002bf36cf364924b15dbd86245f59f7a52d900"},
	    {2, 0, "d3266d3e311626f32d13ab1919138a35fb33f3f7"},
	    {2, 0, "d3266d3e311626f32d13ab1919138a35fb33f3f7a465df1d5cd222528563feb2239dacf5"},
	    {2, 1, "bc435472e3a65f445e39ed5960b0f5c1f3a2e83994592b3a52d3cc860f9e6c4258d74111"},
	    {2, 5, "6fb85890e280e3a8cdd70bbfa82a8bb09faefe1b"},
	    {2, 5, "6fb85890e280e3a8cdd70bbfa82a8bb09faefe1b8d63690988155173258e932cf1094b96"},
	    {2, 0x1234, "1832a39b620d987f75f4c367d9b477df3a257acd86220dd3821868041c9776079b89dd52"},
	    {2, 0xffff, "47f4742d80532b896124779c204a4571d418b5d1f8b70cd5c2fda32fd392e6cb21c1a822"},
	    {3, 0, "cf1221a0ad1803e87fd967d3811dc310dd622071"},
	    {3, 0, "cf1221a0ad1803e87fd967d3811dc310dd622071ed279f082d95bb061cdd0b9de2293fd5"},
	    {3, 1, "988a26eeb4c69dfd7829f454d63e66913bc60577a13f33b91e65886236739c0a9134f558"},
	    {3, 5, "1c0048da06fbb146ea231b1f8a1d1109a9663cdd"},
	    {3, 5, "1c0048da06fbb146ea231b1f8a1d1109a9663cdde7286ba17d97f3f56bc0fd0e708c2e1a"},
	    {3, 0x1234, "a06c347ba9abf863dea602c293389179d8ee81291450fbc68bee77bba0519b691c870f93"},
	    {3, 0xffff, "fdf75ba3169ce8702977b05093a5e004265f4ad28e2e6cbe45a2f9cff62cc3b1a06fc7ca"},
	};
	uint8_t root[SSKDF_ROOT_MAX], want[64], got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(root); i++)
		root[i] = (uint8_t)i;
	for (size_t i = 0; i < TEST_COUNT(known); i++) {
		const struct sskdf_desc *d = sskdf_find(known[i].kdf);
		struct sskdf *s = sskdf_new(d, bytes_of(root, d->root_len));
		size_t n = unhex(known[i].want, want, sizeof(want));

		assert_non_null(s);
		assert_int_equal(sskdf_derive(s, known[i].id, got, n), ERR_NONE);
		assert_memory_equal(got, want, n);
		assert_int_equal(sskdf_derive(s, known[i].id, got, n), ERR_NONE);
		assert_memory_equal(got, want, n);
		sskdf_free(s);
	}
	assert_null(sskdf_find(SSKDF_AES256_CMAC));
}

/* One octet changed, and what it is dropped for; the window stands still (N1 to N8). */
static void headers_that_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t octet;
		enum packet_fate fate;
	} changes[] = {
	    {0, 0x88, PACKET_BAD_VERSION},    /* N1 */
	    {0, 0x81, PACKET_RESERVED_BITS},  /* N2 */
	    {0, 0x00, PACKET_BAD_MARKER},     /* N3 */
	    {1, 0x04, PACKET_BAD_ICV},        /* N4: parses as other octets */
	    {1, 0xff, PACKET_BAD_OPTIONS},    /* N5 */
	    {3, 0x01, PACKET_BAD_SESSION_ID}, /* N6 */
	    {7, 0x00, PACKET_NO_SA},          /* N7 */
	};
	struct made m;
	const struct vector *v = &vectors[0];

	(void)state;
	make(&m, v, false);
	open_in(&m);
	for (size_t i = 0; i < TEST_COUNT(changes); i++) {
		uint8_t was = m.packet[changes[i].at];

		m.packet[changes[i].at] = changes[i].octet;
		assert_int_equal(deliver(&m), changes[i].fate);
		m.packet[changes[i].at] = was;
	}
	for (size_t bit = 8 * 8; bit < m.n * 8; bit++) { /* N8 */
		m.packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(deliver(&m), bit == 8 * 15 ? PACKET_TOO_OLD : PACKET_BAD_ICV);
		m.packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 0; n < m.n; n++) { /* N10, at every length */
		box_put(&m.box, m.packet, n, 0);
		assert_int_equal(open_one(engine, m.in, &m.box), 0);
		assert_true(n > 40 || m.box.p.fate == PACKET_TOO_SHORT);
	}
	assert_int_equal(esp_sa_sequence(m.in), 0);
	assert_int_equal(deliver(&m), PACKET_OK);
	assert_int_equal(deliver(&m), PACKET_REPLAY); /* N9 */
	assert_int_equal(esp_sa_sequence(m.in), 1);
	assert_int_equal(esp_sa_packets(m.in), 1);
	esp_sa_free(m.in);
}

/* N11 to N15. */
static void limits_are_kept(void **state)
{
	struct made m;

	(void)state;
	make(&m, &vectors[2], false);
	m.terms.sub_sa.most = 4;
	open_in(&m);
	assert_int_equal(deliver(&m), PACKET_BAD_SUB_SA); /* N11 */
	esp_sa_free(m.in);
	for (unsigned i = 0; i < 3; i++) {
		make(&m, &vectors[5], false);
		m.terms.crypt_offset = (struct eesp_limit){i != 0, i == 1 ? 7 : 8};
		open_in(&m);
		/* N12, N13; N14 */
		assert_int_equal(deliver(&m), i < 2 ? PACKET_CRYPT_OFFSET_FORBIDDEN : PACKET_OK);
		assert_int_equal(esp_sa_sequence(m.in), i < 2 ? 0 : 1);
		/* A forged one is told apart: nothing may be deleted for it. */
		m.packet[m.n - 1] ^= 1;
		assert_int_equal(deliver(&m), i < 2 ? PACKET_BAD_ICV : PACKET_REPLAY);
		esp_sa_free(m.in);
	}
	make(&m, &vectors[4], false);
	open_in(&m);
	m.packet[9] = 3;
	assert_int_equal(deliver(&m), PACKET_BAD_OPTIONS); /* N15 */
	esp_sa_free(m.in);
	/* An absent limit of Sub SAs cannot be kept, so it is not agreed to. */
	make(&m, &vectors[2], false);
	m.terms.sub_sa.stated = false;
	assert_int_equal(esp_sa_new_inbound(&m.in, &m.params), ERR_RANGE);
}

/* Seals what is not sound: with a transport SA one's own Payload Info Header is payload, so an
 * optimized packet of any content comes from one of other terms. */
static void seal_as(struct made *m, const struct vector *v, const uint8_t *payload, size_t n)
{
	struct esp_sa *out;

	make(m, v, false);
	m->params.eesp = &m->terms;
	assert_int_equal(esp_sa_new_outbound(&out, &m->params), ERR_NONE);
	box_put(&m->box, payload, n, v->next_header);
	assert_int_equal(seal_one(engine, out, &m->box), 1);
	m->n = m->box.p.len;
	memcpy(m->packet, m->box.p.data, m->n);
	esp_sa_free(out);
}

/* N16 to N18, and others that are authentic: the window moves, the packet is dropped. */
static void authentic_but_not_sound(void **state)
{
	uint8_t inner[64];
	size_t n = unhex(INNER, inner, sizeof(inner));
	struct vector t4 = vectors[3], t6 = vectors[5];
	static const struct {
		size_t at;
		uint8_t octet;
		enum packet_fate fate;
	} changes[] = {
	    {0, 0x55, PACKET_BAD_FORMAT}, /* N17 */
	    {0, 0x05, PACKET_BAD_FORMAT}, /* looks like a Payload Info Header, without the option */
	    {3, 100, PACKET_BAD_PADDING}, /* N18 */
	    {0, 0x44, PACKET_BAD_PADDING}, /* a header of 16 octets */
	    {3, 19, PACKET_BAD_PADDING},
	};
	struct made m;

	(void)state;
	t4.next_header = 59;
	seal_as(&m, &t4, inner, n);
	open_in(&m);
	assert_int_equal(deliver(&m), PACKET_DUMMY); /* N16 */
	assert_int_equal(deliver(&m), PACKET_REPLAY);
	esp_sa_free(m.in);
	for (size_t i = 0; i < TEST_COUNT(changes); i++) {
		unhex(INNER, inner, sizeof(inner));
		inner[changes[i].at] = changes[i].octet;
		seal_as(&m, &vectors[0], inner, n);
		open_in(&m);
		assert_int_equal(deliver(&m), changes[i].fate);
		assert_int_equal(deliver(&m), PACKET_REPLAY);
		esp_sa_free(m.in);
	}
	/* In tunnel mode, full: the Next Header says another version. */
	unhex(INNER, inner, sizeof(inner));
	t6.next_header = 41;
	seal_as(&m, &t6, inner, n);
	open_in(&m);
	assert_int_equal(deliver(&m), PACKET_BAD_NEXT_HEADER);
	esp_sa_free(m.in);
}

/* The fields of the option and what it may not say (error table 15a, 15b). */
static void crypt_offsets_that_are_refused(void **state)
{
	static const uint8_t bad[][4] = {
	    {2, 2, 0x18, 0x80}, /* Payload Offset 6 */
	    {2, 2, 0x20, 0x80}, /* 8 */
	    {2, 2, 0x1f, 0xf0}, /* Crypt Offset 63: beyond the packet */
	};
	static const uint8_t length[4] = {2, 1, 0x1c, 0x80};
	struct made m;

	(void)state;
	make(&m, &vectors[5], false);
	m.terms.crypt_offset.most = 63;
	open_in(&m);
	for (size_t i = 0; i < TEST_COUNT(bad); i++) {
		memcpy(m.packet + 8, bad[i], 4);
		assert_int_equal(deliver(&m), PACKET_BAD_CRYPT_OFFSET);
	}
	memcpy(m.packet + 8, length, 4);
	assert_int_equal(deliver(&m), PACKET_BAD_OPTIONS);
	esp_sa_free(m.in);
}

static void options_of_all_kinds(void **state)
{
	static const struct {
		const char *field;
		bool good, crypt;
	} fields[] = {
	    {"", true, false},
	    {"00000000", true, false},
	    {"01020000", true, false},
	    {"00010100", true, false},
	    {"02021c80", true, true},
	    {"02021c8002021c80", false, false}, /* twice */
	    {"0204000000000000", false, false}, /* as figure 19 prints it */
	    {"03020000", true, false},          /* unknown: passed over (C7) */
	    {"e0020000", true, false},          /* private */
	    {"0300", false, false},             /* no multiple of 4 */
	    {"01030000", false, false},
	    {"00000001", false, false},
	    {"000000ff", false, false},
	};
	uint8_t octets[16];

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(fields); i++) {
		struct eesp_options o;
		size_t n = unhex(fields[i].field, octets, sizeof(octets));

		assert_int_equal(eesp_options_read(bytes_of(octets, n), &o), fields[i].good);
		if (fields[i].good)
			assert_int_equal(o.has_crypt_offset, fields[i].crypt);
	}
}

/* Sub SAs come with their first authentic packet; forged ones leave nothing, and one call does not
 * try more than it may. */
static void sub_sas_of_forgers(void **state)
{
	struct made m;
	struct box boxes[16];
	struct packet *packets[16];
	size_t held, busy = 0;

	(void)state;
	make(&m, &vectors[2], false);
	open_in(&m);
	held = mem_blocks_held();
	for (unsigned i = 0; i < 16; i++) {
		box_put(&boxes[i], m.packet, m.n, 0);
		boxes[i].p.data[3] = (uint8_t)i;
		boxes[i].p.data[m.n - 1] ^= 1;
		packets[i] = &boxes[i].p;
	}
	assert_int_equal(esp_open(engine, m.in, packets, 16), 0);
	for (unsigned i = 0; i < 16; i++)
		busy += packets[i]->fate == PACKET_SUB_SA_BUSY;
	assert_int_equal(busy, 16 - EESP_TRIES_MAX);
	assert_int_equal(mem_blocks_held(), held);
	assert_int_equal(deliver(&m), PACKET_OK);
	assert_true(mem_blocks_held() > held);
	assert_int_equal(deliver(&m), PACKET_REPLAY);
	esp_sa_free(m.in);
	/* No implicit IV without numbers (R15). */
	make(&m, &vectors[1], false);
	m.terms.numbers = false;
	assert_int_equal(esp_sa_new_inbound(&m.in, &m.params), ERR_UNSUPPORTED);
}

static int set_up(void **state)
{
	(void)state;
	engine = esp_engine_new(ESP_BACKEND_BEST, NULL);
	return engine != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	esp_engine_free(engine);
	return mem_blocks_held() == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_opens),
	    cmocka_unit_test(headers_are_the_same),
	    cmocka_unit_test(sub_keys),
	    cmocka_unit_test(headers_that_are_refused),
	    cmocka_unit_test(limits_are_kept),
	    cmocka_unit_test(authentic_but_not_sound),
	    cmocka_unit_test(crypt_offsets_that_are_refused),
	    cmocka_unit_test(options_of_all_kinds),
	    cmocka_unit_test(sub_sas_of_forgers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
