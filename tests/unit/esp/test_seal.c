/* Every suite, with and without ESN, every size, both backends against one another. */
#include "esp_test.h"

#include <string.h>

#include "base/mem.h"
#include "esp/sa_private.h"

#define SUITES_MAX 64
#define SIZES      1501

static struct box boxes[PACKET_VECTOR_MAX], twins[PACKET_VECTOR_MAX];
static struct packet *vector[PACKET_VECTOR_MAX], *twin_vector[PACKET_VECTOR_MAX];

/* Makes an engine whose random octets are the same each time, so that both backends write the same
 * packets; NULL where the machine has no ipsec-mb. */
static struct esp_engine *engine(enum esp_backend backend, uint64_t *state)
{
	struct random_source source = test_source(state);

	*state = 77;
	return esp_engine_new(backend, &source);
}

static void put_sizes(struct box *b, struct packet **v, size_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		box_put(&b[i], NULL, first + i, i % 2 == 0 ? 4 : 41);
		v[i] = &b[i].p;
	}
}

static void check_opened(const struct box *b, size_t len, size_t i, uint64_t seq)
{
	struct box want;

	box_put(&want, NULL, len, i % 2 == 0 ? 4 : 41);
	assert_int_equal(b->p.fate, PACKET_OK);
	assert_int_equal(b->p.len, len);
	assert_int_equal(b->p.next_header, want.p.next_header);
	assert_int_equal(b->p.seq, seq);
	assert_memory_equal(b->p.data, want.p.data, len);
}

/* Seals with `from`, opens with `to`. Starts with the low half of the number near its end, so that
 * an ESN carries. */
static void exchange(const struct test_suite *t, bool esn, struct esp_engine *from,
		     struct esp_engine *to)
{
	struct esp_sa *out = test_sa(t, true, esn, 0, 3), *in = test_sa(t, false, esn, 1024, 3);
	uint64_t seq = esn ? UINT64_C(0x7fffff500) : 0;

	out->lane.sequence = in->lane.replay.top = seq;
	for (size_t first = 0; first < SIZES; first += PACKET_VECTOR_MAX) {
		size_t n = SIZES - first < PACKET_VECTOR_MAX ? SIZES - first : PACKET_VECTOR_MAX;

		put_sizes(boxes, vector, first, n);
		assert_int_equal(esp_seal(from, out, vector, n), n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(boxes[i].p.seq, seq + first + i + 1);
			assert_int_equal(boxes[i].p.len, first + i + esp_overhead(out, first + i));
		}
		assert_int_equal(esp_open(to, in, vector, n), n);
		for (size_t i = 0; i < n; i++)
			check_opened(&boxes[i], first + i, i, seq + first + i + 1);
	}
	assert_int_equal(esp_sa_packets(out), SIZES);
	assert_int_equal(esp_sa_packets(in), SIZES);
	assert_int_equal(esp_sa_octets(in), (uint64_t)SIZES * (SIZES - 1) / 2);
	assert_int_equal(esp_sa_octets(out), esp_sa_octets(in));
	assert_int_equal(esp_sa_sequence(in), esp_sa_sequence(out));
	esp_sa_free(out);
	esp_sa_free(in);
}

static void round_trip(enum esp_backend from, enum esp_backend to)
{
	struct test_suite suites[SUITES_MAX];
	size_t n = test_suites(suites, SUITES_MAX), done = 0;
	uint64_t from_state, to_state;
	struct esp_engine *a = engine(from, &from_state), *b = engine(to, &to_state);

	if (a == NULL || b == NULL) {
		esp_engine_free(a);
		esp_engine_free(b);
		print_message("skipping: ipsec-mb does not run on this machine\n");
		skip();
	}
	assert_in_range(n, 20, SUITES_MAX);
	for (size_t i = 0; i < n; i++) {
		struct protect_suite s = test_suite_of(&suites[i]);

		if (esp_engine_backend(a, &s) == NULL || esp_engine_backend(b, &s) == NULL)
			continue;
		done++;
		exchange(&suites[i], false, a, b);
		exchange(&suites[i], true, a, b);
	}
	assert_in_range(done, 20, n);
	print_message("%zu of %zu suites\n", done, n);
	esp_engine_free(a);
	esp_engine_free(b);
	assert_int_equal(mem_blocks_held(), 0);
}

static void library_alone(void **state)
{
	(void)state;
	round_trip(ESP_BACKEND_LIBRARY, ESP_BACKEND_LIBRARY);
}

static void ipsec_mb_to_library(void **state)
{
	(void)state;
	round_trip(ESP_BACKEND_IPSEC_MB, ESP_BACKEND_LIBRARY);
}

static void library_to_ipsec_mb(void **state)
{
	(void)state;
	round_trip(ESP_BACKEND_LIBRARY, ESP_BACKEND_IPSEC_MB);
}

static void best_alone(void **state)
{
	(void)state;
	round_trip(ESP_BACKEND_BEST, ESP_BACKEND_BEST);
}

/* Octet for octet the same packets. */
static void same_packets(void **state)
{
	struct test_suite suites[SUITES_MAX];
	size_t n = test_suites(suites, SUITES_MAX);
	uint64_t mb_state, library_state;
	struct esp_engine *mb = engine(ESP_BACKEND_IPSEC_MB, &mb_state);

	(void)state;
	if (mb == NULL) {
		print_message("skipping: ipsec-mb does not run on this machine\n");
		skip();
	}
	esp_engine_free(mb);
	for (size_t i = 0; i < n; i++) {
		struct protect_suite s = test_suite_of(&suites[i]);
		struct esp_engine *library = engine(ESP_BACKEND_LIBRARY, &library_state);
		struct esp_sa *a = test_sa(&suites[i], true, true, 0, i);
		struct esp_sa *b = test_sa(&suites[i], true, true, 0, i);

		mb = engine(ESP_BACKEND_IPSEC_MB, &mb_state);
		a->lane.sequence = b->lane.sequence = UINT64_C(0x1ffffffff);
		put_sizes(boxes, vector, 40, 100);
		put_sizes(twins, twin_vector, 40, 100);
		if (esp_engine_backend(mb, &s) != NULL) {
			assert_int_equal(esp_seal(mb, a, vector, 100), 100);
			assert_int_equal(esp_seal(library, b, twin_vector, 100), 100);
			for (size_t k = 0; k < 100; k++) {
				assert_int_equal(boxes[k].p.len, twins[k].p.len);
				assert_memory_equal(boxes[k].p.data, twins[k].p.data,
						    boxes[k].p.len);
			}
		}
		esp_sa_free(a);
		esp_sa_free(b);
		esp_engine_free(library);
		esp_engine_free(mb);
	}
}

/* Resting and waking changes nothing that shows; IVs of CBC never repeat; sizes are as told. */
static void sizes_and_rest(void **state)
{
	static const struct test_suite t = {ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128};
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	struct esp_sa *out = test_sa(&t, true, false, 0, 1), *in = test_sa(&t, false, false, 64, 1);
	static uint8_t ivs[600][16];

	(void)state;
	for (size_t i = 0; i < 600; i++) {
		box_put(&boxes[0], NULL, 100, 4);
		assert_int_equal(seal_one(e, out, &boxes[0]), 1);
		memcpy(ivs[i], boxes[0].p.data + 8, 16);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(ivs[i], ivs[k], 16);
		assert_int_equal(open_one(e, in, &boxes[0]), 1);
		if (i % 50 == 0) {
			esp_sa_rest(out);
			esp_sa_rest(in);
		}
	}
	for (size_t most = 0; most < 200; most++) {
		size_t len = esp_payload_max(out, most);

		assert_true(len == 0 || len + esp_overhead(out, len) <= most);
		assert_true(len + 1 + esp_overhead(out, len + 1) > most);
	}
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
	assert_int_equal(mem_blocks_held(), 0);
}

/* What has a fate already is left alone; what does not fit keeps its place and takes no number. */
static void vector_with_gaps(void **state)
{
	static const struct test_suite t = {ENCR_AES_GCM_16, 256, 0};
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	struct esp_sa *out = test_sa(&t, true, true, 0, 1), *in = test_sa(&t, false, true, 64, 1);

	(void)state;
	put_sizes(boxes, vector, 50, 4);
	boxes[1].p.fate = PACKET_BAD_SELECTOR;
	boxes[2].p.cap = PACKET_HEADROOM + boxes[2].p.len + 3; /* no room for the trailer */
	assert_int_equal(esp_seal(e, out, vector, 4), 2);
	assert_int_equal(boxes[1].p.fate, PACKET_BAD_SELECTOR);
	assert_int_equal(boxes[1].p.len, 51);
	assert_int_equal(boxes[2].p.fate, PACKET_TOO_BIG);
	assert_int_equal(boxes[2].p.len, 52);
	assert_int_equal(boxes[3].p.seq, 2);
	assert_int_equal(esp_open(e, in, vector, 4), 2);
	check_opened(&boxes[0], 50, 0, 1);
	check_opened(&boxes[3], 53, 3, 2);
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(library_alone),       cmocka_unit_test(best_alone),
	    cmocka_unit_test(ipsec_mb_to_library), cmocka_unit_test(library_to_ipsec_mb),
	    cmocka_unit_test(same_packets),        cmocka_unit_test(sizes_and_rest),
	    cmocka_unit_test(vector_with_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
