/* KEM-based authentication: its four functions against values computed elsewhere (HMAC by another
 * program, from the formulas), and the payload ECERT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/kem.h"
#include "crypto/openssl.h"
#include "ike/ext/kem_auth_ecert.h"
#include "ike/ext/kem_auth_keys.h"
#include "ike/job.h"

static struct crypto *crypto;
static size_t held;

static uint8_t ni[32], nr[48], ss_r[32], ss_i[32];

static struct ike_exchange_values values(void)
{
	return (struct ike_exchange_values){BYTES_OF(ni), BYTES_OF(nr), 0xa0a1a2a3a4a5a6a7,
					    0xb0b1b2b3b4b5b6b7};
}

/* Inputs: Ni = 10 11 .. 2f, Nr = 40 41 .. 6f, ss_r = d0 .. df d0 .. df, ss_i = e0 .. ef e0 .. ef,
 * every octet of SK_d 77, of SK_p 33; signed octets "InitiatorSignedOctets". */
static const struct vector {
	uint16_t encr, bits, integ, prf;
	const char *ecert, *conf_r, *conf_i, *mix, *auth;
} vectors[] = {
    {ENCR_AES_GCM_16, 128, 0, PRF_HMAC_SHA2_256, "ef6a6ecc663ca48c5c0ee44b3689a3dc0e02874b",
     "c6cd989a10a568f27d903fbd761d5aa1", "d1ecd92a9fe055063d962cf18e4afe8d",
     "967fea60ff73e0f0279a4c5cd64863595e0fe9ee64efe3c80493d7c385a1923a07a304b6ee1f26c004599658ef40"
     "61aad8d334fe21503141f2d6d2be24fc9d1cbe8dcdbde59aff21ee64f16be6306d827241c80c89c688f3dc875658"
     "6d57604f3e8799f8737e59ec5291f2548534bd22fea11aeaee31b3855997e4d03dc59a062fc8a7a58aff8723",
     "d80953da0ba83d8eadc83a6e45caf5efbda43035a81d2c962c81563290ef6c2d"},
    {ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_384_192, PRF_HMAC_SHA2_384,
     "69a115721818fcec9da702adf3830df08a8a964044847669fc8724b209bbf10f9ca910f6bc62bb076354f3f6c270"
     "6737da35f16bc076681f554432785d1546255819f6d534af5edc436a0ed925ab80b8",
     "8b286898753171adfdcb0f93a0c68c43", "7cb84a6ab036ef8c8854a7112ba5ef66",
     "27d545313edcf38f80cd0c3030e1826cc8e4a57f5894f6a05cde60dae4d003f9528314792b520be27f2b11e176ce"
     "98aa1bbbbbfd44a4f7689f35185dae3c4c17c2e83350b8f9cba90e746e85ae7d8824ed325edb0395f33786e68ba7"
     "7f18c2ac42bd3e87be186b176ba6596497bd04897feb80ab5a4929d130997926f8b571ac562e742ed57dfbc7a16f"
     "a42dffd7e1c866c2c64af0cb58cace636dd0cc51fa816df5be7b5a94ccc650c42a2c9c35f1e318ece34b24b46443"
     "294bb6aad67633ae6551110123fb5a44e0a82c7b3da3aa622c5f792ed20598e1654b8c7291202b332f014853fea9"
     "98545f1edf9688fa291994212c9d1975cf6e57a041dec43b650a61c59b091bc485a4ffc4bf83410c96a422e330f9"
     "6af4b2f6c3c635f1a3760c5a23ce62c32079f18a0fb538eda643de4c",
     "3c564dab5f1a4f98aa99a49f7b74f0c6d28f9109d48f27ad832fef6e469f83a56dcc141237181657644503249c53"
     "3197"},
};
#define N_VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static struct ike_suite suite_of(const struct vector *v)
{
	return (struct ike_suite){
	    .protect = {encr_find(v->encr), v->bits, v->integ != 0 ? integ_find(v->integ) : NULL},
	    .prf = prf_find(v->prf)};
}

static void assert_hex(struct bytes got, const char *wanted)
{
	char text[2];

	assert_int_equal(2 * got.n, strlen(wanted));
	for (size_t i = 0; i < got.n; i++) {
		static const char digits[] = "0123456789abcdef";
		text[0] = digits[got.p[i] >> 4];
		text[1] = digits[got.p[i] & 15];
		assert_memory_equal(text, wanted + 2 * i, 2);
	}
}

static void the_four_functions(void **state)
{
	const struct ike_exchange_values v = values();
	uint8_t conf[KA_SSCONF_LEN], auth[PRF_MAX], sk_d[PRF_MAX], sk_p[PRF_MAX];

	(void)state;
	memset(sk_d, 0x77, sizeof(sk_d));
	memset(sk_p, 0x33, sizeof(sk_p));
	for (size_t i = 0; i < N_VECTORS; i++) {
		const struct ike_suite s = suite_of(&vectors[i]);
		const struct bytes d = bytes_of(sk_d, s.prf->key_len);
		struct ka_ecert_keys k;
		struct ike_keys keys = {0};

		assert_int_equal(ka_ecert_keys(crypto, &s, d, BYTES_OF(ss_r), &v, &k), ERR_NONE);
		assert_hex(bytes_of(k.block, k.keys.integ.n + k.keys.encr.n), vectors[i].ecert);
		assert_ptr_equal(k.keys.encr.p, k.block + k.keys.integ.n);
		assert_int_equal(k.keys.encr.n, encr_keymat_len(s.protect.encr, vectors[i].bits));
		ka_ecert_keys_erase(&k);

		assert_int_equal(ka_ssconf(crypto, s.prf, false, BYTES_OF(ss_r), &v, conf),
				 ERR_NONE);
		assert_hex(BYTES_OF(conf), vectors[i].conf_r);
		assert_int_equal(ka_ssconf(crypto, s.prf, true, BYTES_OF(ss_i), &v, conf),
				 ERR_NONE);
		assert_hex(BYTES_OF(conf), vectors[i].conf_i);

		assert_int_equal(ka_mix(crypto, &s, d, BYTES_OF(ss_r), BYTES_OF(ss_i), &v, &keys),
				 ERR_NONE);
		assert_hex(bytes_of(keys.block, keys.len), vectors[i].mix);
		ike_keys_free(&keys);

		assert_int_equal(ka_auth(crypto, s.prf, bytes_of(sk_p, s.prf->key_len),
					 BYTES_LITERAL("InitiatorSignedOctets"), auth),
				 ERR_NONE);
		assert_hex(bytes_of(auth, s.prf->out_len), vectors[i].auth);
	}
}

static void fill(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	memset(buf, 0x5c, n);
}

static const struct random_source source = {fill, NULL};

/* A message of one notify and ECERT, as the receiver sees what SK held. */
struct sent {
	uint8_t octets[2048];
	struct message m;
	struct bytes inner;
	struct payloads ps;
};

static const struct payload *send(struct sent *s, const struct protect_suite *suite,
				  const struct protect_keys *keys, struct bytes data)
{
	const struct ike_header h = {.exchange = EXCHANGE_IKE_INTERMEDIATE};
	const char *reason;
	uint8_t first;

	message_begin(&s->m, s->octets, sizeof(s->octets), &h);
	message_sk_begin(&s->m, 8);
	message_payload(&s->m, PAYLOAD_VENDOR, BYTES_LITERAL("x"));
	assert_int_equal(
	    ka_ecert_write(crypto, suite, keys, &source, CERT_X509_BUNDLE_INLINE, data, &s->m),
	    ERR_NONE);
	s->inner = message_inner(&s->m, &first);
	assert_int_equal(payloads_parse(&s->ps, PAYLOADS_INNER, first, s->inner, &reason),
			 ERR_NONE);
	return payloads_find(&s->ps, PAYLOAD_ECERT);
}

static void ecert_comes_back(void **state)
{
	uint8_t data[100];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < N_VECTORS; i++) {
		const struct ike_suite s = suite_of(&vectors[i]);
		const struct ike_exchange_values v = values();
		struct ka_ecert_keys k;

		assert_int_equal(ka_ecert_keys(crypto, &s, BYTES_OF(ss_i), BYTES_OF(ss_r), &v, &k),
				 ERR_NONE);
		for (size_t n = 0; n <= sizeof(data); n++) {
			struct sent sent;
			struct ka_ecert e;
			const char *reason;
			const struct payload *p =
			    send(&sent, &s.protect, &k.keys, bytes_of(data, n));

			assert_non_null(p);
			assert_int_equal(
			    ka_ecert_open(crypto, &s.protect, &k.keys, sent.inner, p, &e, &reason),
			    ERR_NONE);
			assert_int_equal(e.encoding, CERT_X509_BUNDLE_INLINE);
			assert_true(bytes_equal(e.data, bytes_of(data, n)));
			/* The message is as it was. */
			assert_false(n > 8 && memcmp(p->body.p + 9, data, n) == 0);
			ka_ecert_free(&e);
		}
		ka_ecert_keys_erase(&k);
	}
}

/* Every octet is authenticated, the generic header and the encoding too. */
static void a_changed_ecert_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_VECTORS; i++) {
		const struct ike_suite s = suite_of(&vectors[i]);
		const struct ike_exchange_values v = values();
		struct ka_ecert_keys k;
		struct sent sent;
		struct ka_ecert e;
		const char *reason;

		assert_int_equal(ka_ecert_keys(crypto, &s, BYTES_OF(ss_i), BYTES_OF(ss_r), &v, &k),
				 ERR_NONE);
		const struct payload *p =
		    send(&sent, &s.protect, &k.keys, BYTES_LITERAL("certificates"));
		uint8_t *octets = sent.octets + (sent.inner.p - sent.octets) + p->at;
		for (size_t at = 0; at < PAYLOAD_HEADER_LEN + p->body.n; at++) {
			octets[at] ^= 0x10;
			assert_int_equal(
			    ka_ecert_open(crypto, &s.protect, &k.keys, sent.inner, p, &e, &reason),
			    ERR_AUTH);
			octets[at] ^= 0x10;
		}
		ka_ecert_keys_erase(&k);
	}
}

static void a_short_ecert_has_no_structure(void **state)
{
	const struct ike_suite s = suite_of(&vectors[0]);
	uint8_t octets[64] = {0};
	const char *reason;

	(void)state;
	/* Encoding, 8 octets of IV, a Pad Length and 16 of ICV are the least. */
	for (size_t n = 0; n < sizeof(octets) - PAYLOAD_HEADER_LEN; n++) {
		const struct payload p = {.type = PAYLOAD_ECERT,
					  .body = bytes_of(octets + PAYLOAD_HEADER_LEN, n)};
		assert_int_equal(ka_ecert_fits(&s.protect, bytes_of(octets, PAYLOAD_HEADER_LEN + n),
					       &p, &reason),
				 n >= 1 + 8 + 1 + 16);
	}
	/* The generic header of big payloads. */
	const struct payload big = {.type = PAYLOAD_ECERT,
				    .body = bytes_of(octets + PAYLOAD_BIG_HEADER_LEN, 40)};
	assert_false(ka_ecert_fits(&s.protect, BYTES_OF(octets), &big, &reason));
}

/* Writes the request, runs it in the keys process, and brings the answer back. */
static enum err ask_keys(struct ike_job *job, const struct keystore *keys)
{
	uint8_t buf[4096];
	struct writer w = writer_of(buf, sizeof(buf));
	struct ike_job *there = NULL;
	enum err e;

	assert_true(ike_job_needs_keys(job));
	assert_int_equal(ike_job_write_request(job, &w), ERR_NONE);
	for (size_t n = 0; n < w.n; n++)
		assert_int_equal(ike_job_read_request(&there, bytes_of(buf, n)), ERR_SYNTAX);
	assert_int_equal(ike_job_read_request(&there, writer_bytes_so_far(&w)), ERR_NONE);
	ike_job_run(there, crypto, keys, 0);
	w = writer_of(buf, sizeof(buf));
	assert_int_equal(ike_job_write_answer(there, &w), ERR_NONE);
	ike_job_free(there);
	e = ike_job_read_answer(job, writer_bytes_so_far(&w));
	return e != ERR_NONE ? e : job->result;
}

/* A KEM's private key stays where it is; the secret comes back. */
static void decapsulation_in_two_processes(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-768");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	unsigned char *der = NULL;
	const int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	struct private_key *key = NULL;
	struct public_key *public = NULL;
	struct keystore *keys = keystore_new();
	struct ike_job *job = ike_job_new(IKE_JOB_KEM_DECAPSULATE);
	const uint8_t seed[KE_SEED_LEN] = {1};
	const char *reason;
	uint8_t secret[32];

	(void)state;
	assert_int_equal(private_key_parse(&key, bytes_of(der, (size_t)n), &reason), ERR_NONE);
	assert_int_equal(private_key_public(key, &public), ERR_NONE);
	job->serial = 77;
	job->ke = key_type_kem(KEY_ML_KEM_768);
	job->key = mem_text("kem.key");
	job->octets_len = job->ke->resp_len;
	job->octets = mem_new(job->octets_len);
	assert_int_equal(kem_encapsulate(public, seed, job->octets, secret), ERR_NONE);
	assert_int_equal(ask_keys(job, keys), ERR_NOT_FOUND);
	assert_non_null(strstr(job->reason, "there is no private key"));
	assert_int_equal(keystore_add_key(keys, "kem.key", key), ERR_NONE);
	assert_int_equal(ask_keys(job, keys), ERR_NONE);
	assert_int_equal(job->data_len, sizeof(secret));
	assert_memory_equal(job->data, secret, sizeof(secret));
	/* An answer of another size is none. */
	job->ke = ke_find(KE_FRODOKEM_976_SHAKE);
	assert_int_equal(ask_keys(job, keys), ERR_SYNTAX);
	ike_job_free(job);
	keystore_free(keys);
	public_key_free(public);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
}

static int setup(void **state)
{
	(void)state;
	held = mem_blocks_held();
	for (size_t i = 0; i < sizeof(nr); i++)
		nr[i] = (uint8_t)(0x40 + i);
	for (size_t i = 0; i < sizeof(ni); i++) {
		ni[i] = (uint8_t)(0x10 + i);
		ss_r[i] = (uint8_t)(0xd0 + i % 16);
		ss_i[i] = (uint8_t)(0xe0 + i % 16);
	}
	crypto = crypto_new();
	return crypto == NULL;
}

static int teardown(void **state)
{
	(void)state;
	crypto_free(crypto);
	return mem_blocks_held() != held;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_four_functions),
	    cmocka_unit_test(ecert_comes_back),
	    cmocka_unit_test(a_changed_ecert_is_refused),
	    cmocka_unit_test(a_short_ecert_has_no_structure),
	    cmocka_unit_test(decapsulation_in_two_processes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
