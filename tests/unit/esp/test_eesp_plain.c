/* Two implementations of ESP and EESP packets against each other: ours and the plain one of
 * plain.c. What either seals the other opens, octet for octet, over random SAs (every AEAD, mode,
 * option and form of number) and random packets. */
#include "esp_test.h"

#include <stdlib.h>
#include <string.h>

#include "esp/sa_private.h"
#include "plain.h"

#define PACKETS_A_SA 25
#define PAIRS        4000 /* SAs: 100,000 packets */
#define PAYLOAD_MAX  600

static const struct {
	uint16_t id;
	enum plain_cipher cipher;
	int tag_len, salt_len;
} aeads[] = {
    {ENCR_AES_GCM_16, PLAIN_GCM, 16, 4},
    {ENCR_AES_GCM_12, PLAIN_GCM, 12, 4},
    {ENCR_AES_GCM_8, PLAIN_GCM, 8, 4},
    {ENCR_AES_GCM_16_IIV, PLAIN_GCM, 16, 4},
    {ENCR_AES_CCM_16, PLAIN_CCM, 16, 3},
    {ENCR_AES_CCM_12, PLAIN_CCM, 12, 3},
    {ENCR_AES_CCM_8, PLAIN_CCM, 8, 3},
    {ENCR_AES_CCM_8_IIV, PLAIN_CCM, 8, 3},
    {ENCR_CHACHA20_POLY1305, PLAIN_CHACHA, 16, 4},
    {ENCR_CHACHA20_POLY1305_IIV, PLAIN_CHACHA, 16, 4},
    {ENCR_NULL_AUTH_AES_GMAC, PLAIN_GMAC, 16, 4},
};

/* One random SA, for both. */
struct trial {
	uint64_t *random;
	struct esp_engine *engine;
	struct plain_sa plain;
	uint8_t keys[SSKDF_ROOT_MAX];
	size_t keys_len;
	struct eesp_terms terms;
	struct esp_sa_params params;
	struct esp_sa *out, *in;
	uint16_t session; /* of the packet under way */
};

static unsigned upto(struct trial *t, unsigned n)
{
	return (unsigned)(test_random(t->random) >> 33) % n;
}

static bool coin(struct trial *t)
{
	return upto(t, 2) != 0;
}

static void random_terms(struct trial *t, const struct encr_desc *d)
{
	static const enum esp_mode modes[] = {ESP_MODE_TUNNEL, ESP_MODE_TUNNEL, ESP_MODE_TRANSPORT,
					      ESP_MODE_BEET};
	struct eesp_terms *e = &t->terms;

	*e = (struct eesp_terms){.mode = modes[upto(t, 4)],
				 .numbers = d->implicit_iv || upto(t, 4) != 0,
				 .sskdf = (uint16_t)upto(t, 4),
				 .sub_sa = {true, (uint16_t)upto(t, 40)},
				 .over_ipv6 = coin(t),
				 .iv_not_in_aad = upto(t, 3) == 0};
	if (coin(t)) {
		e->crypt_offset = (struct eesp_limit){true, (uint16_t)upto(t, 64)};
		e->clear = (uint8_t)upto(t, 64);
	}
}

static void random_keys(struct trial *t, const struct encr_desc *d)
{
	size_t bits_at = upto(t, 3);

	while (d->key_bits[bits_at] == 0)
		bits_at--;
	t->params = (struct esp_sa_params){
	    .spi = 0x80000000U | upto(t, 1U << 30),
	    .suite = {d, d->has_key_length ? d->key_bits[bits_at] : 0, NULL},
	    .replay_window = 64,
	    .esn = coin(t),
	};
	t->plain.key_len = d->key_bits[bits_at] / 8;
	test_fill(t->random, t->keys, sizeof(t->keys));
	t->keys_len = encr_keymat_len(d, d->key_bits[bits_at]);
}

static void set_up(struct trial *t)
{
	unsigned i = upto(t, TEST_COUNT(aeads));
	const struct encr_desc *d = encr_find(aeads[i].id);
	bool eesp = d->mac_only || upto(t, 4) != 0;

	assert_non_null(d);
	t->plain = (struct plain_sa){.eesp = eesp,
				     .cipher = aeads[i].cipher,
				     .tag_len = aeads[i].tag_len,
				     .salt_len = aeads[i].salt_len,
				     .implicit_iv = d->implicit_iv};
	random_keys(t, d);
	random_terms(t, d);
	if (eesp) {
		t->params.eesp = &t->terms;
		if (t->terms.sskdf != SSKDF_NONE)
			t->keys_len = sskdf_find(t->terms.sskdf)->root_len;
	}
	t->params.keys.encr = bytes_of(t->keys, t->keys_len);
	t->plain.spi = t->params.spi;
	t->plain.esn = t->params.esn;
	t->plain.numbers = t->terms.numbers;
	t->plain.tunnel = t->terms.mode == ESP_MODE_TUNNEL;
	t->plain.iv_not_in_aad = t->terms.iv_not_in_aad;
	assert_int_equal(esp_sa_new_outbound(&t->out, &t->params), ERR_NONE);
	assert_int_equal(esp_sa_new_inbound(&t->in, &t->params), ERR_NONE);
}

/* The plain one's key for a packet of this Session ID. */
static void plain_key(struct trial *t)
{
	uint8_t keymat[ENCR_KEY_MAX];
	const int n = t->plain.key_len + t->plain.salt_len;

	memcpy(keymat, t->keys, (size_t)n);
	if (t->plain.eesp && t->terms.sskdf != SSKDF_NONE)
		assert_true(plain_sub_key(t->keys, (int)t->keys_len, t->session, keymat, n));
	memcpy(t->plain.key, keymat, (size_t)t->plain.key_len);
	memcpy(t->plain.salt, keymat + t->plain.key_len, (size_t)t->plain.salt_len);
}

/* An inner packet: of IP in tunnel mode, with its length right; anything else in the others. */
static uint8_t random_payload(struct trial *t, uint8_t *out, size_t *n)
{
	const bool v4 = coin(t);
	size_t len = upto(t, PAYLOAD_MAX);

	if (t->plain.eesp && t->terms.mode != ESP_MODE_TUNNEL) {
		test_fill(t->random, out, len);
		*n = len;
		return 17;
	}
	len += v4 ? 20 : 40;
	test_fill(t->random, out, len);
	out[0] = v4 ? 0x45 : 0x60;
	out[v4 ? 2 : 4] = (uint8_t)((v4 ? len : len - 40) >> 8);
	out[v4 ? 3 : 5] = (uint8_t)(v4 ? len : len - 40);
	if (!v4)
		out[6] = 17;
	*n = len;
	return v4 ? 4 : 41;
}

static void ours_then_plain(struct trial *t)
{
	uint8_t payload[PAYLOAD_MAX + 40];
	struct plain_packet back;
	struct box b;
	size_t n, sealed;
	const uint8_t next = random_payload(t, payload, &n);

	box_put(&b, payload, n, next);
	b.p.session_id = t->session;
	sealed = n + esp_overhead(t->out, n);
	assert_int_equal(seal_one(t->engine, t->out, &b), 1);
	assert_int_equal(b.p.len, sealed);
	assert_true(n <= esp_payload_max(t->out, sealed) || t->terms.clear != 0);
	assert_true(plain_open(&t->plain, b.p.data, (int)b.p.len, 0, &back));
	assert_int_equal(back.payload_len, n);
	assert_memory_equal(back.payload, payload, n);
	assert_int_equal(back.next_header, next);
	assert_true(b.p.seq != 0 && (!t->terms.numbers || back.number == b.p.seq));
	if (t->plain.eesp)
		assert_int_equal(back.session, t->session);
}

/* Options of every kind, Crypt Offset first when there is one. */
static void random_options(struct trial *t, struct plain_packet *p)
{
	const int exposed = p->exposed / 4;
	int n = 0, more = (int)upto(t, 6) * 4;

	if (p->full && t->plain.tunnel)
		n = 4;
	if (n == 0 && !t->plain.tunnel && t->terms.crypt_offset.stated)
		n = 4;
	for (int i = n; i < n + more; i += 4) {
		static const uint8_t kinds[][4] = {
		    {0, 0, 0, 0}, {1, 2, 0, 0}, {0, 1, 1, 0}, {224, 2, 9, 9}, {77, 1, 200, 0}};
		memcpy(p->options + i, kinds[upto(t, 5)], 4);
	}
	p->options_len = n + more;
	if (n != 0) {
		int head = (8 + p->options_len + (t->plain.numbers ? 8 : 0) +
			    (t->plain.implicit_iv ? 0 : 8)) /
			   4;
		p->options[0] = 2;
		p->options[1] = 2;
		p->options[2] = (uint8_t)(head << 2 | exposed >> 4);
		p->options[3] = (uint8_t)(exposed << 4 | (int)upto(t, 16));
	}
}

static void make_plain(struct trial *t, struct plain_packet *p, uint64_t number)
{
	size_t n;
	int most;

	*p = (struct plain_packet){.number = number, .session = t->session};
	p->next_header = random_payload(t, p->payload, &n);
	p->payload_len = (int)n;
	if (!t->plain.eesp) {
		p->padding = (4 - (p->payload_len + 2) % 4) % 4 + 4 * (int)upto(t, 4);
		return;
	}
	p->full = !t->plain.tunnel || (t->terms.crypt_offset.stated && coin(t));
	if (t->terms.crypt_offset.stated && p->full) {
		most = (p->payload_len + 4) / 4;
		if (most > t->terms.crypt_offset.most)
			most = t->terms.crypt_offset.most;
		p->exposed = 4 * (int)upto(t, (unsigned)most + 1);
	}
	/* Any padding up to 255 octets is taken (R29). */
	p->padding = (4 - p->payload_len % 4) % 4 + 4 * (int)upto(t, coin(t) ? 63 : 1);
	random_options(t, p);
}

static void plain_then_ours(struct trial *t, uint64_t number)
{
	static struct plain_packet p;
	uint8_t sealed[PLAIN_MAX];
	struct box b;
	int n;

	make_plain(t, &p, number);
	n = plain_seal(&t->plain, &p, sealed);
	assert_true(n > 0);
	box_put(&b, sealed, (size_t)n, 0);
	if (upto(t, 8) == 0) { /* one bit of it is wrong */
		b.p.data[upto(t, (unsigned)n)] ^= (uint8_t)(1U << upto(t, 8));
		assert_int_equal(open_one(t->engine, t->in, &b), 0);
		assert_int_not_equal(b.p.fate, PACKET_OK);
		box_put(&b, sealed, (size_t)n, 0);
	}
	assert_int_equal(open_one(t->engine, t->in, &b), 1);
	assert_int_equal(b.p.len, p.payload_len);
	assert_memory_equal(b.p.data, p.payload, b.p.len);
	assert_int_equal(b.p.next_header, p.next_header);
	if (t->terms.numbers || !t->plain.eesp)
		assert_int_equal(b.p.seq, number);
}

static void run(uint64_t seed)
{
	uint64_t random = seed;
	struct esp_engine *engines[] = {esp_engine_new(ESP_BACKEND_BEST, NULL),
					esp_engine_new(ESP_BACKEND_LIBRARY, NULL)};

	for (unsigned i = 0; i < PAIRS; i++) {
		struct trial t = {.random = &random, .engine = engines[i % 2]};

		set_up(&t);
		for (unsigned k = 0; k < PACKETS_A_SA; k++) {
			t.session = 0;
			if (t.plain.eesp && t.terms.sskdf != SSKDF_NONE)
				t.session = (uint16_t)upto(&t, t.terms.sub_sa.most + 1U);
			plain_key(&t);
			if (k % 2 == 0)
				ours_then_plain(&t);
			else
				plain_then_ours(&t, k);
		}
		esp_sa_free(t.out);
		esp_sa_free(t.in);
	}
	esp_engine_free(engines[0]);
	esp_engine_free(engines[1]);
}

static void both_agree(void **state)
{
	const char *seed = getenv("SEED_FIRST");

	(void)state;
	run(seed != NULL ? strtoull(seed, NULL, 10) * 2 + 1 : 20261);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_agree)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
