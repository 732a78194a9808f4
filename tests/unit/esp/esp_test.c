#include "esp_test.h"

#include <string.h>

size_t test_suites(struct test_suite *out, size_t most)
{
	size_t n_encr, n_integ, n = 0;
	const struct encr_desc *encr = encr_all(&n_encr);
	const struct integ_desc *integ = integ_all(&n_integ);

	for (size_t i = 0; i < n_encr; i++) {
		if (!encr[i].in_esp)
			continue;
		for (size_t b = 0; b < 3 && (b == 0 || encr[i].key_bits[b] != 0); b++)
			for (size_t m = 0; m < (encr_is_aead(&encr[i]) ? 1 : n_integ); m++) {
				if (n < most)
					out[n] = (struct test_suite){
					    encr[i].id, encr[i].key_bits[b],
					    encr_is_aead(&encr[i]) ? 0 : integ[m].id};
				n++;
			}
	}
	return n;
}

struct protect_suite test_suite_of(const struct test_suite *t)
{
	return (struct protect_suite){encr_find(t->encr), t->bits,
				      t->integ != 0 ? integ_find(t->integ) : NULL};
}

uint64_t test_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

void test_fill(uint64_t *state, void *buf, size_t n)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(test_random(state) >> 32);
}

static void fill(void *ctx, void *buf, size_t n)
{
	test_fill(ctx, buf, n);
}

struct random_source test_source(uint64_t *state)
{
	return (struct random_source){fill, state};
}

struct esp_sa_params test_params(const struct test_suite *t, bool esn, uint8_t *keys, uint64_t seed)
{
	uint64_t state = seed * 2 + 1;
	struct protect_suite suite = test_suite_of(t);
	size_t encr_len = encr_keymat_len(suite.encr, suite.key_bits);

	test_fill(&state, keys, ENCR_KEY_MAX + INTEG_KEY_MAX);
	return (struct esp_sa_params){
	    .spi = TEST_SPI,
	    .suite = suite,
	    .keys.encr = bytes_of(keys, encr_len),
	    .keys.integ = bytes_of(keys + encr_len, suite.integ != NULL ? suite.integ->key_len : 0),
	    .esn = esn,
	};
}

struct esp_sa *test_sa(const struct test_suite *t, bool outbound, bool esn, uint32_t window,
		       uint64_t seed)
{
	uint8_t keys[ENCR_KEY_MAX + INTEG_KEY_MAX];
	struct esp_sa_params params = test_params(t, esn, keys, seed);
	struct esp_sa *sa = NULL;

	params.replay_window = window;
	assert_int_equal(outbound ? esp_sa_new_outbound(&sa, &params)
				  : esp_sa_new_inbound(&sa, &params),
			 ERR_NONE);
	return sa;
}

void box_put(struct box *b, const void *octets, size_t len, uint8_t next_header)
{
	b->p = (struct packet){
	    .buf = b->buf,
	    .cap = sizeof(b->buf),
	    .data = b->buf + PACKET_HEADROOM,
	    .len = len,
	    .next_header = next_header,
	};
	assert_true(len + PACKET_HEADROOM <= sizeof(b->buf));
	if (octets != NULL)
		memcpy(b->p.data, octets, len);
	else
		for (size_t i = 0; i < len; i++)
			b->p.data[i] = (uint8_t)(i * 7 + len);
}

size_t seal_one(struct esp_engine *e, struct esp_sa *sa, struct box *b)
{
	struct packet *p = &b->p;

	return esp_seal(e, sa, &p, 1);
}

size_t open_one(struct esp_engine *e, struct esp_sa *sa, struct box *b)
{
	struct packet *p = &b->p;

	return esp_open(e, sa, &p, 1);
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	assert_true(c >= 'a' && c <= 'f');
	return (unsigned)(c - 'a' + 10);
}

size_t unhex(const char *text, uint8_t *out, size_t cap)
{
	size_t n = strlen(text) / 2;

	assert_true(n <= cap);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return n;
}
