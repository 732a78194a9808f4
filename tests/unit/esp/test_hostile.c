/* What a peer or a forger may send, and limits that end an SA. N13, N23, N25, N26 are rows of the
 * project's list of negative tests. */
#include "esp_test.h"

#include <string.h>

#include "base/mem.h"
#include "esp/sa_private.h"

#define SUITES_MAX 64

static const struct test_suite gcm = {ENCR_AES_GCM_16, 128, 0};
static const struct test_suite cbc = {ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128};

static const enum esp_backend backends[] = {ESP_BACKEND_LIBRARY, ESP_BACKEND_BEST};

/* N25, N26: every length that is too short, of every suite, with and without ESN, on both backends:
 * dropped before any cipher runs, and the window stands. Octets after the end are poisoned and must
 * stay as they are. */
static void every_truncation(struct esp_engine *e, const struct test_suite *t, bool esn)
{
	struct esp_sa *out = test_sa(t, true, esn, 0, 9), *in = test_sa(t, false, esn, 64, 9);
	struct box whole, cut;

	box_put(&whole, NULL, 37, 4);
	assert_int_equal(seal_one(e, out, &whole), 1);
	for (size_t len = 0; len < whole.p.len; len++) {
		box_put(&cut, whole.p.data, len, 0);
		memset(cut.p.data + len, 0xee, 64);
		assert_int_equal(open_one(e, in, &cut), 0);
		assert_true(cut.p.fate == PACKET_TOO_SHORT || cut.p.fate == PACKET_BAD_LENGTH ||
			    cut.p.fate == PACKET_BAD_ICV);
		if (len < 8U + in->iv_len + in->granule + in->icv_len)
			assert_int_equal(cut.p.fate, PACKET_TOO_SHORT);
		assert_int_equal(in->lane.replay.top, 0);
		for (size_t i = 0; i < 64; i++)
			assert_int_equal(cut.p.data[len + i], 0xee);
	}
	assert_int_equal(esp_sa_packets(in), 0);
	assert_int_equal(open_one(e, in, &whole), 1);
	esp_sa_free(out);
	esp_sa_free(in);
}

static void truncations(void **state)
{
	struct test_suite suites[SUITES_MAX];
	size_t n = test_suites(suites, SUITES_MAX);

	(void)state;
	for (size_t b = 0; b < TEST_COUNT(backends); b++) {
		struct esp_engine *e = esp_engine_new(backends[b], NULL);

		for (size_t i = 0; i < n; i++) {
			every_truncation(e, &suites[i], false);
			every_truncation(e, &suites[i], true);
		}
		esp_engine_free(e);
	}
	assert_int_equal(mem_blocks_held(), 0);
}

/* N26: exactly header, IV and ICV, no ciphertext, a number far right, for every suite. */
static void no_ciphertext(void **state)
{
	struct test_suite suites[SUITES_MAX];
	size_t n = test_suites(suites, SUITES_MAX);
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct esp_sa *in = test_sa(&suites[i], false, false, 64, 9);
		struct box b;
		struct writer w;

		box_put(&b, NULL, 8U + in->iv_len + in->icv_len, 0);
		w = writer_of(b.p.data, 8);
		writer_u32(&w, TEST_SPI);
		writer_u32(&w, 1000000);
		assert_int_equal(open_one(e, in, &b), 0);
		assert_int_equal(b.p.fate, PACKET_TOO_SHORT);
		assert_int_equal(esp_sa_sequence(in), 0);
		esp_sa_free(in);
	}
	esp_engine_free(e);
}

/* Every bit of every octet, of every suite: the packet does not open and the window stands. */
static void flipped_bits(void **state)
{
	struct test_suite suites[SUITES_MAX];
	size_t n = test_suites(suites, SUITES_MAX);

	(void)state;
	for (size_t i = 0; i < n * 2; i++) {
		struct esp_engine *e = esp_engine_new(backends[i % 2], NULL);
		struct esp_sa *out = test_sa(&suites[i / 2], true, true, 0, 2);
		struct esp_sa *in = test_sa(&suites[i / 2], false, true, 64, 2);
		struct box whole, b;

		box_put(&whole, NULL, 21, 4);
		assert_int_equal(seal_one(e, out, &whole), 1);
		for (size_t bit = 0; bit < whole.p.len * 8; bit++) {
			box_put(&b, whole.p.data, whole.p.len, 0);
			b.p.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(open_one(e, in, &b), 0);
			if (bit < 32)
				assert_int_equal(b.p.fate, PACKET_NO_SA);
			else if (bit >= 64)
				assert_int_equal(b.p.fate, PACKET_BAD_ICV);
			assert_int_equal(in->lane.replay.top, 0);
		}
		assert_int_equal(open_one(e, in, &whole), 1);
		esp_sa_free(out);
		esp_sa_free(in);
		esp_engine_free(e);
	}
}

static void number(struct box *b, uint32_t seq)
{
	struct writer w = writer_of(b->p.data + 4, 4);

	writer_u32(&w, seq);
}

/* N23: at the edge of, left of and far right of the window; forged ones never move it. */
static void window_edges(void **state)
{
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	struct esp_sa *out = test_sa(&gcm, true, false, 0, 1),
		      *in = test_sa(&gcm, false, false, 64, 1);
	static struct box b[200], copy;
	static const uint32_t forged[] = {201, 100000, 0x7fffffff, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		box_put(&b[i], NULL, 60, 4);
		assert_int_equal(seal_one(e, out, &b[i]), 1);
	}
	copy = b[199];
	copy.p.buf = copy.buf;
	copy.p.data = copy.buf + (b[199].p.data - b[199].buf);
	assert_int_equal(open_one(e, in, &b[199]), 1); /* number 200 */
	assert_int_equal(open_one(e, in, &copy), 0);
	assert_int_equal(copy.p.fate, PACKET_REPLAY);
	for (size_t i = 0; i < TEST_COUNT(forged); i++) {
		box_put(&copy, b[150].p.data, b[150].p.len, 0);
		number(&copy, forged[i]);
		assert_int_equal(open_one(e, in, &copy), 0);
		assert_int_equal(copy.p.fate, PACKET_BAD_ICV);
		assert_int_equal(esp_sa_sequence(in), 200);
	}
	assert_int_equal(open_one(e, in, &b[136]), 1); /* 137: the leftmost */
	assert_int_equal(open_one(e, in, &b[135]), 0); /* 136: one too old */
	assert_int_equal(b[135].p.fate, PACKET_TOO_OLD);
	assert_int_equal(open_one(e, in, &b[150]), 1);
	assert_int_equal(in->lane.replay.duplicates, 1);
	assert_int_equal(in->lane.replay.too_old, 1);
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
}

/* The same packet twice in one vector: the second look at the window catches it. */
static void duplicate_in_vector(void **state)
{
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	struct esp_sa *out = test_sa(&cbc, true, true, 0, 1),
		      *in = test_sa(&cbc, false, true, 64, 1);
	struct box a, b;
	struct packet *v[2] = {&a.p, &b.p};

	(void)state;
	box_put(&a, NULL, 99, 41);
	assert_int_equal(seal_one(e, out, &a), 1);
	box_put(&b, a.p.data, a.p.len, 0);
	assert_int_equal(esp_open(e, in, v, 2), 1);
	assert_int_equal(a.p.fate, PACKET_OK);
	assert_int_equal(b.p.fate, PACKET_REPLAY);
	assert_int_equal(esp_sa_packets(in), 1);
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
}

/* N13: without ESN the SA stops at 2^32 - 1, with ESN at 2^64 - 1; no counter wraps. */
static void never_wraps(void **state)
{
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);

	(void)state;
	for (int esn = 0; esn < 2; esn++) {
		struct esp_sa *out = test_sa(&gcm, true, esn, 0, 1);
		struct esp_sa *in = test_sa(&gcm, false, esn, 64, 1);
		uint64_t last = esn ? UINT64_MAX : UINT32_MAX;
		struct box b[4];
		struct packet *v[4];

		out->lane.sequence = last - 2;
		in->lane.replay.top = last - 2;
		assert_int_equal(esp_sa_packets_left(out), 2);
		for (size_t i = 0; i < 4; i++) {
			box_put(&b[i], NULL, 40, 4);
			v[i] = &b[i].p;
		}
		assert_false(esp_sa_spent(out));
		assert_int_equal(esp_seal(e, out, v, 4), 2);
		assert_int_equal(b[1].p.seq, last);
		assert_int_equal(b[2].p.fate, PACKET_SEQUENCE_OVER);
		assert_int_equal(b[3].p.fate, PACKET_SEQUENCE_OVER);
		assert_true(esp_sa_spent(out));
		assert_int_equal(esp_sa_sequence(out), last);
		assert_int_equal(esp_sa_packets_left(out), 0);
		assert_int_equal(esp_open(e, in, v, 4), 2);
		assert_int_equal(esp_sa_sequence(in), last);
		esp_sa_free(out);
		esp_sa_free(in);
	}
	esp_engine_free(e);
}

/* An ESN carries over 2^32 with loss and reordering on the way; the peer's old half is not taken
 * for the new. */
static void esn_crosses(void **state)
{
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	struct esp_sa *out = test_sa(&cbc, true, true, 0, 1),
		      *in = test_sa(&cbc, false, true, 64, 1);
	static struct box b[100];

	(void)state;
	out->lane.sequence = in->lane.replay.top = UINT64_C(0x2ffffffce); /* 50 before the carry */
	for (size_t i = 0; i < 100; i++) {
		box_put(&b[i], NULL, 50, 4);
		assert_int_equal(seal_one(e, out, &b[i]), 1);
	}
	assert_int_equal(open_one(e, in, &b[70]), 1);
	assert_int_equal(b[70].p.seq, UINT64_C(0x2ffffffce) + 71);
	assert_int_equal(open_one(e, in, &b[10]), 1); /* from before the carry, inside the window */
	assert_int_equal(open_one(e, in, &b[49]), 1);
	assert_int_equal(open_one(e, in, &b[50]), 1);
	assert_int_equal(open_one(e, in, &b[99]), 1);
	/* Left of the window it is taken for a later subspace, and its ICV does not hold there. */
	assert_int_equal(open_one(e, in, &b[2]), 0);
	assert_int_equal(b[2].p.fate, PACKET_BAD_ICV);
	assert_int_equal(esp_sa_sequence(in), UINT64_C(0x2ffffffce) + 100);
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
}

/* RFC 4303 A3: so many packets were lost that the high half can no longer be inferred. After a
 * while the SA finds it again, if it is not too far off; forgeries, however many, find nothing. */
static void found_again(struct esp_engine *e, const struct test_suite *t, uint64_t subspaces,
			bool forged)
{
	struct esp_sa *out = test_sa(t, true, true, 0, 1), *in = test_sa(t, false, true, 64, 1);
	const uint64_t start = (UINT64_C(2) << 32) + 5000;
	const bool near = !forged && subspaces <= 8;
	struct box b;
	unsigned n = 0;

	out->lane.sequence = start + (subspaces << 32);
	in->lane.replay.top = start;
	for (; n < 1000 && in->lane.replay.top == start; n++) {
		box_put(&b, NULL, 60, 4);
		assert_int_equal(seal_one(e, out, &b), 1);
		if (forged)
			b.p.data[20] ^= 1;
		if (open_one(e, in, &b) == 0)
			assert_int_equal(b.p.fate, PACKET_BAD_ICV);
	}
	assert_int_equal(in->lane.replay.top, near ? out->lane.sequence : start);
	assert_int_equal(n, near ? 129 : 1000);
	assert_int_equal(esp_sa_packets(in), near ? 1 : 0);
	if (near) {
		box_put(&b, NULL, 60, 4);
		assert_int_equal(seal_one(e, out, &b), 1);
		assert_int_equal(open_one(e, in, &b), 1);
	}
	esp_sa_free(out);
	esp_sa_free(in);
}

static void resynchronises(void **state)
{
	(void)state;
	for (size_t b = 0; b < TEST_COUNT(backends); b++) {
		struct esp_engine *e = esp_engine_new(backends[b], NULL);

		found_again(e, &gcm, 1, false);
		found_again(e, &gcm, 8, false);
		found_again(e, &gcm, 9, false);
		found_again(e, &cbc, 3, false);
		found_again(e, &gcm, 0, true);
		found_again(e, &cbc, 1, true);
		esp_engine_free(e);
	}
	assert_int_equal(mem_blocks_held(), 0);
}

static void hard_limits(void **state)
{
	uint8_t keys[ENCR_KEY_MAX + INTEG_KEY_MAX];
	struct esp_sa_params params = test_params(&gcm, false, keys, 1);
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	struct esp_sa *out, *in;
	struct box b[5];
	struct packet *v[5];

	(void)state;
	params.hard_packets = 3;
	assert_int_equal(esp_sa_new_outbound(&out, &params), ERR_NONE);
	params.hard_packets = 0;
	params.hard_octets = 250;
	params.replay_window = 64;
	assert_int_equal(esp_sa_new_inbound(&in, &params), ERR_NONE);
	for (size_t i = 0; i < 5; i++) {
		box_put(&b[i], NULL, 100, 4);
		v[i] = &b[i].p;
	}
	assert_int_equal(esp_seal(e, out, v, 5), 3);
	assert_int_equal(b[3].p.fate, PACKET_LIFETIME_OVER);
	assert_int_equal(esp_sa_packets_left(out), 0);
	assert_int_equal(esp_open(e, in, v, 5), 2);
	assert_int_equal(b[2].p.fate, PACKET_LIFETIME_OVER);
	assert_true(esp_sa_spent(in));
	assert_int_equal(esp_sa_octets(in), 200);
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
}

/* Seals a text that the framing would not make, with a valid ICV, by giving esp_seal() a payload
 * that ends in the trailer of our choice: the real trailer is then cut off again by hand. NULL
 * encryption makes that easy, the HMAC is made anew by the transform. */
static void seal_raw(struct esp_engine *e, struct esp_sa *sa, struct box *b, const uint8_t *text,
		     size_t text_len)
{
	struct esp_job *j = &e->jobs[0];
	struct writer w;

	box_put(b, NULL, 8 + text_len + sa->icv_len, 0);
	w = writer_of(b->p.data, 8 + text_len);
	writer_u32(&w, sa->spi);
	writer_u32(&w, (uint32_t)++sa->lane.sequence);
	writer_bytes(&w, bytes_of(text, text_len));
	*j = (struct esp_job){.head = b->p.data,
			      .iv = b->p.data + 8,
			      .text = b->p.data + 8,
			      .text_len = text_len,
			      .icv = b->p.data + 8 + text_len,
			      .packet = &b->p,
			      .aad_len = 8};
	memcpy(j->aad_octets, b->p.data, 8);
	j->aad = j->aad_octets;
	sa->lane.transform->seal(e, sa->lane.expanded, j, 1);
	assert_true(j->ok);
}

/* An authentic packet with a wrong trailer (RFC 4303 3.4.4.1), and dummies (2.6). */
static void trailers(void **state)
{
	static const struct test_suite null_hmac = {ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128};
	static const struct {
		uint8_t text[12];
		uint8_t fate;
		size_t len;
	} cases[] = {
	    {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 4}, PACKET_OK, 10},
	    {{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 2, 4}, PACKET_OK, 8},
	    {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 41}, PACKET_OK, 0},
	    {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 4}, PACKET_BAD_PADDING, 0},
	    {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255, 4}, PACKET_BAD_PADDING, 0},
	    {{1, 2, 3, 4, 5, 6, 7, 8, 2, 1, 2, 4}, PACKET_BAD_PADDING, 0},
	    {{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 2, 4}, PACKET_BAD_PADDING, 0},
	    {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 59}, PACKET_DUMMY, 10},
	};
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	struct esp_sa *out = test_sa(&null_hmac, true, false, 0, 1);
	struct esp_sa *in = test_sa(&null_hmac, false, false, 64, 1);
	struct box b;

	(void)state;
	box_put(&b, NULL, 10, 4);
	assert_int_equal(seal_one(e, out, &b), 1); /* wakes the SA */
	for (size_t i = 0; i < TEST_COUNT(cases); i++) {
		seal_raw(e, out, &b, cases[i].text, 12);
		assert_int_equal(open_one(e, in, &b), cases[i].fate == PACKET_OK);
		assert_int_equal(b.p.fate, cases[i].fate);
		if (cases[i].fate == PACKET_OK)
			assert_int_equal(b.p.len, cases[i].len);
		/* It was authentic: the window moved. */
		assert_int_equal(esp_sa_sequence(in), i + 2);
	}
	/* Padding that would begin in the sequence number, whose last octet plays its first. */
	out->lane.sequence = 256;
	seal_raw(e, out, &b, (const uint8_t *)"\2\3\4\5\6\7\10\11\12\13\13\4", 12);
	assert_int_equal(open_one(e, in, &b), 0);
	assert_int_equal(b.p.seq, 257);
	assert_int_equal(b.p.fate, PACKET_BAD_PADDING);
	/* A text that is no multiple of four. */
	seal_raw(e, out, &b, cases[0].text, 11);
	assert_int_equal(open_one(e, in, &b), 0);
	assert_int_equal(b.p.fate, PACKET_BAD_LENGTH);
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
}

/* RFC 4303 5: never neither encryption nor integrity; nor a cipher alone, an AEAD with a MAC, keys
 * of other lengths, or a reserved SPI. */
static void refused_params(void **state)
{
	uint8_t keys[ENCR_KEY_MAX + INTEG_KEY_MAX];
	struct esp_sa_params good = test_params(&cbc, false, keys, 1), p;
	struct esp_sa *sa;

	(void)state;
	p = good;
	p.suite.integ = NULL;
	p.keys.integ = (struct bytes){0};
	assert_int_equal(esp_sa_new_outbound(&sa, &p), ERR_UNSUPPORTED);
	p.suite.encr = encr_find(ENCR_NULL);
	p.suite.key_bits = 0;
	p.keys.encr = (struct bytes){0};
	assert_int_equal(esp_sa_new_inbound(&sa, &p), ERR_UNSUPPORTED);
	p = test_params(&gcm, false, keys, 1);
	p.suite.integ = good.suite.integ;
	assert_int_equal(esp_sa_new_outbound(&sa, &p), ERR_UNSUPPORTED);
	p = good;
	p.suite.key_bits = 64;
	assert_int_equal(esp_sa_new_outbound(&sa, &p), ERR_UNSUPPORTED);
	p = good;
	p.keys.encr.n--;
	assert_int_equal(esp_sa_new_outbound(&sa, &p), ERR_RANGE);
	p = good;
	p.keys.integ.n++;
	assert_int_equal(esp_sa_new_outbound(&sa, &p), ERR_RANGE);
	p = good;
	p.spi = 255;
	assert_int_equal(esp_sa_new_inbound(&sa, &p), ERR_RANGE);
	p = good;
	p.replay_window = 63;
	assert_int_equal(esp_sa_new_inbound(&sa, &p), ERR_RANGE);
	p.replay_window = 65537;
	assert_int_equal(esp_sa_new_inbound(&sa, &p), ERR_RANGE);
	assert_int_equal(mem_blocks_held(), 0);
}

static void names(void **state)
{
	(void)state;
	for (int i = 0; i < PACKET_FATES; i++) {
		assert_non_null(packet_fate_name((enum packet_fate)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(packet_fate_name((enum packet_fate)i),
						packet_fate_name((enum packet_fate)k));
	}
	assert_string_equal(packet_fate_name(PACKET_BAD_ICV), "bad-icv");
	assert_string_equal(packet_fate_name(PACKET_FATES), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(truncations),    cmocka_unit_test(no_ciphertext),
	    cmocka_unit_test(flipped_bits),   cmocka_unit_test(window_edges),
	    cmocka_unit_test(never_wraps),    cmocka_unit_test(duplicate_in_vector),
	    cmocka_unit_test(esn_crosses),    cmocka_unit_test(hard_limits),
	    cmocka_unit_test(resynchronises), cmocka_unit_test(trailers),
	    cmocka_unit_test(refused_params), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
