/* PPKs (RFC 8784, RFC 9867): the key schedule against HMAC done by hand, the keystore's part of it,
 * and its jobs in two processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/openssl.h"
#include "ike/job.h"
#include "ike/keymat.h"

static struct crypto *crypto;
static struct keystore *store;
static size_t held;

static const uint8_t long_ppk[200] = {0x5a, 1, 2, 3}; /* over the block of every hash */
static const uint8_t ni[32] = {0x11}, nr[32] = {0x22};
static const uint64_t spi_i = 0xa0a1a2a3a4a5a6a7, spi_r = 0xb0b1b2b3b4b5b6b7;
static const uint8_t seed[80] = {[0] = 0x11, [32] = 0x22, [64] = 0xa0, 0xa1, 0xa2, 0xa3,
				 0xa4,       0xa5,        0xa6,        0xa7, 0xb0, 0xb1,
				 0xb2,       0xb3,        0xb4,        0xb5, 0xb6, 0xb7};

/* Both PRFs of the tests: their hash's name for OpenSSL and their length. */
static const struct {
	uint16_t id;
	const char *md;
	size_t n;
} prfs[] = {{PRF_HMAC_SHA2_256, "SHA256", 32}, {PRF_HMAC_SHA2_384, "SHA384", 48}};

static void hmac(const char *md, struct bytes key, struct bytes data, uint8_t *out)
{
	size_t n = 0;

	assert_non_null(
	    EVP_Q_mac(NULL, "HMAC", NULL, md, NULL, key.p, key.n, data.p, data.n, out, 64, &n));
}

/* prf(PPK, SK_x' | 0x01): what prf+ comes to when one block is enough. */
static void mixed_by_hand(const char *md, struct bytes ppk, struct bytes in, uint8_t *out)
{
	uint8_t data[PRF_MAX + 1];

	memcpy(data, in.p, in.n);
	data[in.n] = 1;
	hmac(md, ppk, bytes_of(data, in.n + 1), out);
}

/* prf+ as RFC 7296 2.13 writes it. */
static void plus_by_hand(const char *md, size_t block, struct bytes key, uint8_t *out, size_t n)
{
	uint8_t data[64 + sizeof(seed) + 1], t[64];
	size_t t_len = 0;

	for (uint8_t i = 1; n > 0; i++) {
		memcpy(data, t, t_len);
		memcpy(data + t_len, seed, sizeof(seed));
		data[t_len + sizeof(seed)] = i;
		hmac(md, key, bytes_of(data, t_len + sizeof(seed) + 1), t);
		t_len = block;
		const size_t some = n < block ? n : block;
		memcpy(out, t, some);
		out += some;
		n -= some;
	}
}

static struct bytes text(const char *s)
{
	return bytes_of(s, strlen(s));
}

/* The digest's check value: PPK "ppk-value", SK_d' of 32 times 0x77. */
static void known_value(void **state)
{
	static const uint8_t expected[] = {0xfc, 0x69, 0x08, 0xd8, 0x68, 0x20, 0xde, 0x47,
					   0x74, 0x50, 0x75, 0x10, 0xde, 0xd2, 0x27, 0xe9,
					   0x6c, 0xfc, 0xa0, 0x8a, 0xff, 0x89, 0x73, 0xaf,
					   0xef, 0xb2, 0xb5, 0xf5, 0x79, 0x06, 0x6b, 0xfa};
	uint8_t in[32], out[PRF_MAX];

	(void)state;
	memset(in, 0x77, sizeof(in));
	assert_int_equal(keystore_add_ppk(store, text("id"), text("ppk-value")), ERR_NONE);
	assert_int_equal(keystore_ppk_mix(store, crypto, text("id"), prf_find(PRF_HMAC_SHA2_256),
					  BYTES_OF(in), out),
			 ERR_NONE);
	assert_memory_equal(out, expected, sizeof(expected));
}

static void ppks_go_by_identity(void **state)
{
	static const uint8_t long_id[PPK_ID_MAX + 1] = {'x'};
	const struct prf_desc *d = prf_find(PRF_HMAC_SHA2_256);
	uint8_t one[PRF_MAX], two[PRF_MAX];

	(void)state;
	assert_int_equal(keystore_add_ppk(store, text("one"), text("secret")), ERR_NONE);
	assert_int_equal(keystore_add_ppk(store, text("One"), text("another")), ERR_NONE);
	assert_int_equal(keystore_add_ppk(store, text("one"), text("third")), ERR_EXISTS);
	assert_int_equal(keystore_add_ppk(store, text(""), text("secret")), ERR_RANGE);
	assert_int_equal(keystore_add_ppk(store, text("two"), text("")), ERR_RANGE);
	assert_int_equal(keystore_add_ppk(store, BYTES_OF(long_id), text("secret")), ERR_RANGE);
	assert_int_equal(keystore_ppk_mix(store, crypto, text("two"), d, BYTES_OF(ni), one),
			 ERR_NOT_FOUND);
	assert_int_equal(keystore_ppk_confirm(store, crypto, text("two"), d, BYTES_OF(ni), one),
			 ERR_NOT_FOUND);
	assert_int_equal(keystore_ppk_mix(store, crypto, text("one"), d, BYTES_OF(ni), one),
			 ERR_NONE);
	assert_int_equal(keystore_ppk_mix(store, crypto, text("One"), d, BYTES_OF(ni), two),
			 ERR_NONE);
	assert_memory_not_equal(one, two, 32);
}

static struct ike_suite suite(uint16_t prf_id)
{
	struct ike_suite s = {.prf = prf_find(prf_id), .ke = ke_find(KE_CURVE25519)};

	s.protect = (struct protect_suite){encr_find(ENCR_AES_GCM_16), 256, NULL};
	return s;
}

static struct ike_exchange_values values(void)
{
	return (struct ike_exchange_values){BYTES_OF(ni), BYTES_OF(nr), spi_i, spi_r};
}

/* RFC 8784 3: SK_d, SK_pi and SK_pr with PPKs shorter than the key and longer than the hash's
 * block; SK_e stays. */
static void mixed_into_three(void **state)
{
	const struct bytes ppks[] = {text("short"), BYTES_OF(long_ppk)};
	struct ike_exchange_values v = values();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const size_t n = prfs[i / 2].n;
		struct ike_suite s = suite(prfs[i / 2].id);
		struct ike_keys keys = {0};
		uint8_t before[3][PRF_MAX], expected[3][PRF_MAX], mixed[3 * PRF_MAX], e[36];
		char id[2] = {(char)('a' + i), 0};

		assert_int_equal(keystore_add_ppk(store, text(id), ppks[i % 2]), ERR_NONE);
		assert_int_equal(ike_keys_first(crypto, &s, BYTES_OF(ni), &v, &keys), ERR_NONE);
		memcpy(before[0], ike_keys_d(&keys).p, n);
		memcpy(before[1], ike_keys_p(&keys, true).p, n);
		memcpy(before[2], ike_keys_p(&keys, false).p, n);
		memcpy(e, ike_keys_protect(&keys, true).encr.p, sizeof(e));
		for (size_t k = 0; k < 3; k++) {
			mixed_by_hand(prfs[i / 2].md, ppks[i % 2], bytes_of(before[k], n),
				      expected[k]);
			assert_int_equal(keystore_ppk_mix(store, crypto, text(id), s.prf,
							  bytes_of(before[k], n), mixed + k * n),
					 ERR_NONE);
		}
		ike_keys_mix(&keys, mixed);
		assert_memory_equal(ike_keys_d(&keys).p, expected[0], n);
		assert_memory_equal(ike_keys_p(&keys, true).p, expected[1], n);
		assert_memory_equal(ike_keys_p(&keys, false).p, expected[2], n);
		assert_memory_equal(ike_keys_protect(&keys, true).encr.p, e, sizeof(e));
		ike_keys_free(&keys);
	}
}

/* RFC 9867: the confirmation, and all seven keys from SKEYSEED', after an additional key exchange
 * (RFC 9370 2.2.2) and without one. */
static void all_seven(void **state)
{
	struct ike_exchange_values v = values();

	(void)state;
	assert_int_equal(keystore_add_ppk(store, text("id"), BYTES_OF(long_ppk)), ERR_NONE);
	for (size_t i = 0; i < 4; i++) {
		const size_t n = prfs[i / 2].n, len = 3 * n + 2 * 36;
		struct ike_suite s = suite(prfs[i / 2].id);
		struct ike_keys keys = {0}, next = {0};
		uint8_t confirmation[64], got[PRF_MAX], skeyseed[64], expected[400];

		hmac(prfs[i / 2].md, BYTES_OF(long_ppk), BYTES_OF(seed), confirmation);
		assert_int_equal(
		    keystore_ppk_confirm(store, crypto, text("id"), s.prf, BYTES_OF(seed), got),
		    ERR_NONE);
		assert_memory_equal(got, confirmation, PPK_CONFIRMATION_LEN);
		assert_int_equal(ike_keys_first(crypto, &s, BYTES_OF(ni), &v, &keys), ERR_NONE);
		if (i % 2 == 1) {
			assert_int_equal(ike_keys_rekey(crypto, &s, s.prf, &keys,
							(struct ke_secrets){.first = BYTES_OF(nr)},
							&v, &next),
					 ERR_NONE);
			ike_keys_free(&keys);
			keys = next;
		}
		mixed_by_hand(prfs[i / 2].md, BYTES_OF(long_ppk), ike_keys_d(&keys), skeyseed);
		plus_by_hand(prfs[i / 2].md, n, bytes_of(skeyseed, n), expected, len);
		assert_int_equal(
		    keystore_ppk_mix(store, crypto, text("id"), s.prf, ike_keys_d(&keys), got),
		    ERR_NONE);
		assert_int_equal(ike_keys_from_ppk(crypto, &s, got, &v, &keys), ERR_NONE);
		assert_int_equal(keys.len, len);
		assert_memory_equal(keys.block, expected, len);
		ike_keys_free(&keys);
	}
}

/* CREATE_CHILD_SA: SK_d' takes the place of SK_d, and nothing else changes. */
static void in_place_of_sk_d(void **state)
{
	struct ike_exchange_values v = values();
	struct ike_suite s = suite(PRF_HMAC_SHA2_256);
	const struct ke_secrets with = {.first = BYTES_OF(nr), .ppk_d = BYTES_OF(ni)};
	const struct ke_secrets without = {.first = BYTES_OF(nr)};
	uint8_t one[PRF_MAX], two[PRF_MAX];
	struct child_keys a, b;

	(void)state;
	assert_int_equal(ike_skeyseed_rekey(crypto, s.prf, BYTES_OF(nr), with, &v, one), ERR_NONE);
	assert_int_equal(ike_skeyseed_rekey(crypto, s.prf, BYTES_OF(ni), without, &v, two),
			 ERR_NONE);
	assert_memory_equal(one, two, 32);
	assert_int_equal(child_keys_derive(crypto, s.prf, BYTES_OF(nr), &s, with, BYTES_OF(ni),
					   BYTES_OF(nr), &a),
			 ERR_NONE);
	assert_int_equal(child_keys_derive(crypto, s.prf, BYTES_OF(ni), &s, without, BYTES_OF(ni),
					   BYTES_OF(nr), &b),
			 ERR_NONE);
	assert_memory_equal(a.block, b.block, 2 * 36); /* both directions, salt included */
}

/* --- Jobs ------------------------------------------------------------------------------------ */

static struct ike_job *new_job(enum ike_job_type type, const char *const *ids, size_t n)
{
	struct ike_job *job = ike_job_new(type);

	job->serial = 9;
	job->prf = prf_find(PRF_HMAC_SHA2_384);
	job->octets = mem_copy(BYTES_OF(seed));
	job->octets_len = sizeof(seed);
	job->ppk = mem_new(sizeof(*job->ppk));
	for (size_t i = 0; i < n; i++) {
		struct ike_ppk *p = &job->ppk->ppks[job->ppk->n++];
		p->id_len = (uint8_t)strlen(ids[i]);
		memcpy(p->id, ids[i], p->id_len);
	}
	return job;
}

static void send_and_answer(struct ike_job *job)
{
	uint8_t buf[4096];
	struct writer w = writer_of(buf, sizeof(buf));
	struct ike_job *there = NULL;

	assert_true(ike_job_needs_keys(job));
	assert_int_equal(ike_job_write_request(job, &w), ERR_NONE);
	for (size_t n = 0; n < w.n; n++)
		assert_int_equal(ike_job_read_request(&there, bytes_of(buf, n)), ERR_SYNTAX);
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n + 1)), ERR_SYNTAX);
	buf[11] ^= 2; /* "check" is 0 or 1 */
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_SYNTAX);
	buf[11] ^= 2;
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_NONE);
	ike_job_run(there, crypto, store, 0);
	w = writer_of(buf, sizeof(buf));
	assert_int_equal(ike_job_write_answer(there, &w), ERR_NONE);
	ike_job_free(there);
	for (size_t n = 0; n < w.n; n++)
		assert_int_equal(ike_job_read_answer(job, bytes_of(buf, n)), ERR_SYNTAX);
	assert_int_equal(ike_job_read_answer(job, bytes_of(buf, w.n)), ERR_NONE);
	if (job->result == ERR_NONE && job->type == IKE_JOB_PPK_MIX) {
		/* A place that was not asked about. */
		buf[w.n - job->data_len] = job->ppk->n;
		assert_int_equal(ike_job_read_answer(job, bytes_of(buf, w.n)), ERR_SYNTAX);
	}
}

static void confirmed_in_two_processes(void **state)
{
	static const char *const ids[] = {"b", "a"};
	struct ike_job *job = new_job(IKE_JOB_PPK_CONFIRM, ids, 2);
	uint8_t expected[64];

	(void)state;
	send_and_answer(job);
	assert_int_equal(job->result, ERR_NOT_FOUND);
	assert_int_equal(keystore_add_ppk(store, text("a"), text("key of a")), ERR_NONE);
	assert_int_equal(keystore_add_ppk(store, text("b"), text("key of b")), ERR_NONE);
	send_and_answer(job);
	assert_int_equal(job->result, ERR_NONE);
	assert_int_equal(job->data_len, 16);
	hmac("SHA384", text("key of b"), BYTES_OF(seed), expected);
	assert_memory_equal(job->data, expected, 8);
	hmac("SHA384", text("key of a"), BYTES_OF(seed), expected);
	assert_memory_equal(job->data + 8, expected, 8);
	ike_job_free(job);
}

/* The first that is known and confirmed is taken; unknown and wrong are told apart. */
static void mixed_in_two_processes(void **state)
{
	static const char *const ids[] = {"unknown", "other", "ours"};
	struct ike_job *job = new_job(IKE_JOB_PPK_MIX, ids, 3);
	uint8_t expected[64];

	(void)state;
	job->ppk->check = true;
	job->ppk->n_inputs = 2;
	memset(job->ppk->input[0], 0x77, 48);
	memset(job->ppk->input[1], 0x78, 48);
	send_and_answer(job);
	assert_int_equal(job->result, ERR_NOT_FOUND);
	assert_non_null(strstr(job->reason, "unknown"));
	assert_int_equal(keystore_add_ppk(store, text("other"), text("another key")), ERR_NONE);
	send_and_answer(job);
	assert_int_equal(job->result, ERR_AUTH);
	assert_non_null(strstr(job->reason, "another"));
	assert_int_equal(keystore_add_ppk(store, text("ours"), text("key")), ERR_NONE);
	hmac("SHA384", text("key"), BYTES_OF(seed), expected);
	memcpy(job->ppk->ppks[2].confirmation, expected, 8);
	send_and_answer(job);
	assert_int_equal(job->result, ERR_NONE);
	assert_string_equal((const char *)ike_job_ppk_taken(job)->id, "ours");
	for (size_t i = 0; i < 2; i++) {
		mixed_by_hand("SHA384", text("key"), bytes_of(job->ppk->input[i], 48), expected);
		assert_memory_equal(ike_job_ppk_mixed(job) + i * 48, expected, 48);
	}
	/* Without confirmations what is known is enough (RFC 8784). */
	job->ppk->check = false;
	send_and_answer(job);
	assert_string_equal((const char *)ike_job_ppk_taken(job)->id, "other");
	ike_job_free(job);
}

static int set_up(void **state)
{
	(void)state;
	held = mem_blocks_held();
	crypto = crypto_new();
	store = keystore_new();
	return crypto == NULL || store == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	keystore_free(store);
	crypto_free(crypto);
	return mem_blocks_held() == held ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(known_value),
	    TEST(ppks_go_by_identity),
	    TEST(mixed_into_three),
	    TEST(all_seven),
	    TEST(in_place_of_sk_d),
	    TEST(confirmed_in_two_processes),
	    TEST(mixed_in_two_processes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
