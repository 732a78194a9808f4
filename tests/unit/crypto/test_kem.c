/* What holds for every KEM: both sides agree, keys serve once, lengths and keys are checked, a seed
 * replays; and that another library (Botan) understands what ours (OpenSSL, libmceliece) make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <botan/ffi.h>
#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/ke.h"

#define SECRET_MAX 32

static const struct {
	uint16_t id;
	uint16_t private_len; /* of a decapsulation key as the specification encodes it */
	const char *algorithm;
	const char *mode; /* as Botan names it */
	int (*load_public)(botan_pubkey_t *key, const uint8_t *octets, size_t n, const char *mode);
} kems[] = {
    {KE_ML_KEM_512, 1632, "ML-KEM", "ML-KEM-512", botan_pubkey_load_ml_kem},
    {KE_ML_KEM_768, 2400, "ML-KEM", "ML-KEM-768", botan_pubkey_load_ml_kem},
    {KE_ML_KEM_1024, 3168, "ML-KEM", "ML-KEM-1024", botan_pubkey_load_ml_kem},
    {KE_FRODOKEM_976_AES, 31296, "FrodoKEM", "FrodoKEM-976-AES", botan_pubkey_load_frodokem},
    {KE_FRODOKEM_976_SHAKE, 31296, "FrodoKEM", "FrodoKEM-976-SHAKE", botan_pubkey_load_frodokem},
    {KE_FRODOKEM_1344_AES, 43088, "FrodoKEM", "FrodoKEM-1344-AES", botan_pubkey_load_frodokem},
    {KE_FRODOKEM_1344_SHAKE, 43088, "FrodoKEM", "FrodoKEM-1344-SHAKE", botan_pubkey_load_frodokem},
    {KE_MCELIECE_348864, 6492, "ClassicMcEliece", "348864f", botan_pubkey_load_classic_mceliece},
    {KE_MCELIECE_460896, 13608, "ClassicMcEliece", "460896f", botan_pubkey_load_classic_mceliece},
    {KE_MCELIECE_6688128, 13932, "ClassicMcEliece", "6688128f", botan_pubkey_load_classic_mceliece},
    {KE_MCELIECE_6960119, 13948, "ClassicMcEliece", "6960119f", botan_pubkey_load_classic_mceliece},
    {KE_MCELIECE_8192128, 14120, "ClassicMcEliece", "8192128f", botan_pubkey_load_classic_mceliece},
};

#define N_KEMS (sizeof(kems) / sizeof(kems[0]))

/* One exchange, with room for everything. */
struct exchange {
	const struct ke_desc *d;
	uint8_t seed_i[KE_SEED_LEN], seed_r[KE_SEED_LEN];
	uint8_t *init, *resp;
	uint8_t a[SECRET_MAX + 1], b[SECRET_MAX + 1];
	struct ke_private *own;
};

static void exchange_start(struct exchange *x, const struct ke_desc *d)
{
	memset(x, 0, sizeof(*x));
	x->d = d;
	crypto_random(x->seed_i, sizeof(x->seed_i));
	crypto_random(x->seed_r, sizeof(x->seed_r));
	x->init = malloc(d->init_len + 1);
	x->resp = malloc(d->resp_len + 1);
	memset(x->a, 0xaa, sizeof(x->a));
	memset(x->b, 0xbb, sizeof(x->b));
	assert_int_equal(ke_generate(d, x->seed_i, &x->own, x->init), ERR_NONE);
	assert_ptr_equal(ke_private_desc(x->own), d);
}

static struct bytes init_of(const struct exchange *x)
{
	return bytes_of(x->init, x->d->init_len);
}

static struct bytes resp_of(const struct exchange *x)
{
	return bytes_of(x->resp, x->d->resp_len);
}

static void exchange_end(struct exchange *x)
{
	ke_private_free(x->own);
	free(x->init);
	free(x->resp);
}

static void the_table_is_the_specifications(void **state)
{
	size_t n, n_kems = 0;
	const struct ke_desc *all = ke_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		n_kems += all[i].is_kem;
		assert_int_equal(all[i].stand_in, all[i].id >= 1024 ? all[i].id : 0);
		assert_int_equal(all[i].needs_big_payload, all[i].init_len + 8 > UINT16_MAX);
		assert_true(all[i].resp_len + 8 <= UINT16_MAX);
		assert_ptr_equal(ke_find(all[i].id), &all[i]);
	}
	assert_int_equal(n_kems, N_KEMS);
	assert_int_equal(ke_find(KE_FRODOKEM_976_SHAKE)->secret_len, 24);
}

/* The method stays what it is, under whatever number: the secret is the same at both ends. */
static void numbers_can_be_set(void **state)
{
	static const struct ke_number swapped[] = {
	    {"frodo976aes", 1085}, {"frodo1344aes", 1084}, {"mceliece348864", 41}};
	static const struct ke_number bad[][1] = {{{"frodo976aes", 36}},
						  {{"frodo976aes", 1200}},
						  {{"x25519", 2000}},
						  {{"frodo976aes", 0}},
						  {{"frodo640aes", 38}}};
	struct exchange x;
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(ke_numbers_fit(bad[i], 1, &at));
		assert_false(ke_numbers_set(bad[i], 1));
	}
	assert_int_equal(ke_find(KE_FRODOKEM_976_AES)->init_len, 15632);
	assert_true(ke_numbers_set(swapped, 3));
	assert_int_equal(ke_find(1085)->init_len, 15632);
	assert_int_equal(ke_find(1084)->init_len, 21520);
	assert_int_equal(ke_find(41)->init_len, 261120);
	assert_null(ke_find(KE_MCELIECE_348864));
	for (uint16_t i = 0; i < 3; i++) {
		exchange_start(&x, ke_find(swapped[i].number));
		assert_int_equal(ke_respond(x.d, x.seed_r, init_of(&x), x.resp, x.a), ERR_NONE);
		assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_NONE);
		assert_memory_equal(x.a, x.b, x.d->secret_len);
		exchange_end(&x);
	}
	assert_true(ke_numbers_set(NULL, 0));
	assert_int_equal(ke_find(KE_FRODOKEM_976_AES)->init_len, 15632);
	assert_int_equal(ke_find(KE_MCELIECE_348864)->init_len, 261120);
}

static void both_sides_agree_and_no_octet_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEMS; i++) {
		const struct ke_desc *d = ke_find(kems[i].id);
		struct exchange x;

		exchange_start(&x, d);
		x.resp[d->resp_len] = 0x5a;
		assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a), ERR_NONE);
		assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_NONE);
		assert_memory_equal(x.a, x.b, d->secret_len);
		assert_int_equal(x.resp[d->resp_len], 0x5a);
		assert_int_equal(x.a[d->secret_len], 0xaa);
		assert_int_equal(x.b[d->secret_len], 0xbb);
		exchange_end(&x);
	}
}

/* draft-ietf-ipsecme-ikev2-mlkem 4: a fresh key for every exchange. */
static void a_key_serves_once(void **state)
{
	static const uint8_t zero[SECRET_MAX];

	(void)state;
	for (size_t i = 0; i < N_KEMS; i++) {
		const struct ke_desc *d = ke_find(kems[i].id);
		struct exchange x;

		exchange_start(&x, d);
		assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a), ERR_NONE);
		/* A wrong length uses nothing up. */
		assert_int_equal(ke_finish(x.own, bytes_of(x.resp, d->resp_len - 1), x.b),
				 ERR_SYNTAX);
		assert_int_equal(ke_finish(x.own, bytes_of(x.resp, d->resp_len + 1), x.b),
				 ERR_SYNTAX);
		assert_int_equal(ke_finish(x.own, bytes_of(NULL, 0), x.b), ERR_SYNTAX);
		assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_NONE);
		assert_memory_equal(x.a, x.b, d->secret_len);
		memset(x.b, 0, sizeof(x.b));
		assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_STATE);
		assert_memory_equal(x.b, zero, d->secret_len);
		exchange_end(&x);
	}
}

/* A seed gives the same key and the same encapsulation again, another seed others. */
static void a_seed_replays(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEMS; i++) {
		const struct ke_desc *d = ke_find(kems[i].id);
		uint8_t *init, *resp = malloc(d->resp_len);
		struct ke_private *again;
		struct exchange x;

		exchange_start(&x, d);
		init = malloc(d->init_len);
		assert_int_equal(ke_generate(d, x.seed_i, &again, init), ERR_NONE);
		assert_memory_equal(init, x.init, d->init_len);
		assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a), ERR_NONE);
		assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), resp, x.b), ERR_NONE);
		assert_memory_equal(resp, x.resp, d->resp_len);
		assert_memory_equal(x.a, x.b, d->secret_len);
		x.seed_r[0] ^= 1;
		assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), resp, x.b), ERR_NONE);
		assert_memory_not_equal(resp, x.resp, d->resp_len);
		assert_memory_not_equal(x.a, x.b, d->secret_len);
		/* The second key of the same seed opens what was made for the first. */
		assert_int_equal(ke_finish(again, resp_of(&x), x.b), ERR_NONE);
		assert_memory_equal(x.a, x.b, d->secret_len);
		ke_private_free(again);
		exchange_end(&x);
		free(init);
		free(resp);
	}
}

/* Lengths are exact by role: neither the other role's nor one octet off is looked at. */
static void a_wrong_length_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEMS; i++) {
		const struct ke_desc *d = ke_find(kems[i].id);
		uint8_t *octets = calloc(1, d->init_len + 1);
		uint8_t *out = malloc(d->resp_len);
		uint8_t seed[KE_SEED_LEN] = {1};
		uint8_t secret[SECRET_MAX];
		size_t lengths[] = {0, 1, 32, d->resp_len, d->init_len - 1, d->init_len + 1};

		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++)
			if (lengths[k] != d->init_len)
				assert_int_equal(
				    ke_respond(d, seed, bytes_of(octets, lengths[k]), out, secret),
				    ERR_SYNTAX);
		free(octets);
		free(out);
	}
}

/* FIPS 203 7.2: every coefficient is below 3329. The first, one in the middle and the last. */
static void coefficients_beyond_q_are_refused(void **state)
{
	static const uint8_t zero[SECRET_MAX];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct ke_desc *d = ke_find(kems[i].id);
		size_t polys = d->init_len - 32; /* then comes rho, which may be anything */
		size_t at[] = {0, polys / 2 / 3 * 3, polys - 3};
		struct exchange x;
		uint8_t kept[3];

		exchange_start(&x, d);
		for (size_t k = 0; k < 3; k++) {
			uint8_t *p = x.init + at[k];

			memcpy(kept, p, 3);
			memset(p, 0xff, 2); /* 4095 and more */
			assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a),
					 ERR_CRYPTO);
			assert_memory_equal(x.a, zero, d->secret_len);
			p[0] = 0x01; /* 3329 = 0xd01, the smallest that is too large */
			p[1] = (uint8_t)((kept[1] & 0xf0) | 0x0d);
			assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a),
					 ERR_CRYPTO);
			p[0] = 0x00; /* 3328, the largest that is none */
			assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a),
					 ERR_NONE);
			memcpy(p, kept, 3);
		}
		memset(x.init + polys, 0xff, 32);
		assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a), ERR_NONE);
		exchange_end(&x);
	}
}

/* A row of set 6960119 has 5413 bits in 677 octets, and its ciphertext 1547 in 194: the bits beyond
 * are zero. No other set has any. */
static void unused_bits_of_mceliece_are_zero(void **state)
{
	const struct ke_desc *d = ke_find(KE_MCELIECE_6960119);
	struct exchange x;

	(void)state;
	exchange_start(&x, d);
	assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a), ERR_NONE);
	x.init[677 * 1000 - 1] ^= 0x20;
	assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a), ERR_CRYPTO);
	x.init[677 * 1000 - 1] ^= 0x20;
	assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a), ERR_NONE);
	x.resp[193] ^= 0x08;
	assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_CRYPTO);
	assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_STATE);
	exchange_end(&x);
}

/* Another secret and no error, wherever the bit is; the same one for the same ciphertext, so that a
 * peer cannot tell it from chance. */
static void a_changed_ciphertext_gives_another_secret(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEMS; i++) {
		const struct ke_desc *d = ke_find(kems[i].id);
		/* One McEliece set is enough of keys that are slow to make. */
		size_t at[] = {0, d->resp_len / 2, d->resp_len - 1};
		size_t n = d->cost == KE_COST_SLOW ? 1 : 3;
		uint8_t c[SECRET_MAX];
		struct exchange x;

		for (size_t k = 0; k < n; k++) {
			struct ke_private *again;

			exchange_start(&x, d);
			assert_int_equal(ke_generate(d, x.seed_i, &again, x.init), ERR_NONE);
			assert_int_equal(ke_respond(d, x.seed_r, init_of(&x), x.resp, x.a),
					 ERR_NONE);
			x.resp[at[k]] ^= 1;
			assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_NONE);
			assert_memory_not_equal(x.a, x.b, d->secret_len);
			assert_int_equal(ke_finish(again, resp_of(&x), c), ERR_NONE);
			assert_memory_equal(x.b, c, d->secret_len);
			ke_private_free(again);
			exchange_end(&x);
		}
	}
}

static int draw(void *ctx, uint8_t *out, size_t n)
{
	(void)ctx;
	crypto_random(out, n);
	return 0;
}

/* Our key, encapsulated to by the other library. */
static void others_encapsulate_to_our_key(size_t i, botan_rng_t rng)
{
	const struct ke_desc *d = ke_find(kems[i].id);
	size_t resp_len = d->resp_len, secret_len = d->secret_len;
	botan_pubkey_t public;
	botan_pk_op_kem_encrypt_t op;
	struct exchange x;

	exchange_start(&x, d);
	assert_int_equal(kems[i].load_public(&public, x.init, d->init_len, kems[i].mode), 0);
	assert_int_equal(botan_pk_op_kem_encrypt_create(&op, public, "Raw"), 0);
	assert_int_equal(botan_pk_op_kem_encrypt_create_shared_key(
			     op, rng, NULL, 0, d->secret_len, x.a, &secret_len, x.resp, &resp_len),
			 0);
	assert_int_equal(resp_len, d->resp_len);
	assert_int_equal(secret_len, d->secret_len);
	assert_int_equal(ke_finish(x.own, resp_of(&x), x.b), ERR_NONE);
	assert_memory_equal(x.a, x.b, d->secret_len);
	botan_pk_op_kem_encrypt_destroy(op);
	botan_pubkey_destroy(public);
	exchange_end(&x);
}

struct seen {
	uint8_t *octets;
	size_t n;
};

static int see(botan_view_ctx ctx, const uint8_t *data, size_t n)
{
	struct seen *s = ctx;

	s->octets = malloc(n);
	s->n = n;
	memcpy(s->octets, data, n);
	return 0;
}

/* The other library's key, encapsulated to by ours; both it and ours open it. */
static void we_encapsulate_to_their_key(size_t i, botan_rng_t rng)
{
	const struct ke_desc *d = ke_find(kems[i].id);
	uint8_t seed[KE_SEED_LEN];
	uint8_t *resp = malloc(d->resp_len);
	uint8_t a[SECRET_MAX], b[SECRET_MAX], c[SECRET_MAX];
	size_t n = d->secret_len;
	struct seen pk, sk;
	botan_privkey_t key;
	botan_pubkey_t public;
	botan_pk_op_kem_decrypt_t op;
	struct ke_private *imported;

	crypto_random(seed, sizeof(seed));
	assert_int_equal(botan_privkey_create(&key, kems[i].algorithm, kems[i].mode, rng), 0);
	assert_int_equal(botan_privkey_export_pubkey(&public, key), 0);
	assert_int_equal(botan_pubkey_view_raw(public, &pk, see), 0);
	assert_int_equal(botan_privkey_view_raw(key, &sk, see), 0);
	assert_int_equal(ke_respond(d, seed, bytes_of(pk.octets, pk.n), resp, a), ERR_NONE);
	assert_int_equal(botan_pk_op_kem_decrypt_create(&op, key, "Raw"), 0);
	assert_int_equal(
	    botan_pk_op_kem_decrypt_shared_key(op, NULL, 0, resp, d->resp_len, n, b, &n), 0);
	assert_int_equal(n, d->secret_len);
	assert_memory_equal(a, b, n);

	/* Botan keeps an ML-KEM key as its seed. */
	assert_int_equal(sk.n, d->id <= KE_ML_KEM_1024 ? KE_SEED_LEN : kems[i].private_len);
	assert_int_equal(ke_import(d, bytes_of(sk.octets, sk.n), &imported), ERR_NONE);
	assert_int_equal(ke_finish(imported, bytes_of(resp, d->resp_len), c), ERR_NONE);
	assert_memory_equal(a, c, d->secret_len);
	ke_private_free(imported);
	assert_int_not_equal(ke_import(d, bytes_of(sk.octets, sk.n - 1), &imported), ERR_NONE);
	assert_null(imported);

	botan_pk_op_kem_decrypt_destroy(op);
	botan_pubkey_destroy(public);
	botan_privkey_destroy(key);
	free(pk.octets);
	free(sk.octets);
	free(resp);
}

static void two_libraries_agree(void **state)
{
	botan_rng_t rng;

	(void)state;
	assert_int_equal(botan_rng_init_custom(&rng, "random", NULL, draw, NULL, NULL), 0);
	for (size_t i = 0; i < N_KEMS; i++) {
		others_encapsulate_to_our_key(i, rng);
		we_encapsulate_to_their_key(i, rng);
	}
	botan_rng_destroy(rng);
}

static int nothing_is_held(void **state)
{
	(void)state;
	return mem_blocks_held() != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_is_the_specifications),
	    cmocka_unit_test(numbers_can_be_set),
	    cmocka_unit_test(both_sides_agree_and_no_octet_more),
	    cmocka_unit_test(a_key_serves_once),
	    cmocka_unit_test(a_seed_replays),
	    cmocka_unit_test(a_wrong_length_is_refused),
	    cmocka_unit_test(coefficients_beyond_q_are_refused),
	    cmocka_unit_test(unused_bits_of_mceliece_are_zero),
	    cmocka_unit_test(a_changed_ciphertext_gives_another_secret),
	    cmocka_unit_test(two_libraries_agree),
	};

	return cmocka_run_group_tests(tests, NULL, nothing_is_held);
}
