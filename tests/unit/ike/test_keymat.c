/* ike/keymat.c and ike/auth_octets.c against HMAC done by hand: RFC 7296 2.13 to 2.18. */
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
#include "ike/auth_octets.h"
#include "ike/keymat.h"

static struct crypto *crypto;

static uint8_t ni[32], nr[40], secret[32];
static const uint64_t spi_i = 0xa0a1a2a3a4a5a6a7, spi_r = 0xb0b1b2b3b4b5b6b7;
static const uint8_t spis[16] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
				 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7};

static struct ike_exchange_values values(void)
{
	return (struct ike_exchange_values){BYTES_OF(ni), BYTES_OF(nr), spi_i, spi_r};
}

/* Concatenation, for the straight computation. */
struct join {
	uint8_t p[400];
	size_t n;
};

static void put(struct join *j, const void *p, size_t n)
{
	assert_true(j->n + n <= sizeof(j->p));
	memcpy(j->p + j->n, p, n);
	j->n += n;
}

static size_t hmac(const char *md, const void *key, size_t key_len, const struct join *j,
		   uint8_t *out)
{
	size_t n = 0;

	assert_non_null(
	    EVP_Q_mac(NULL, "HMAC", NULL, md, NULL, key, key_len, j->p, j->n, out, 64, &n));
	return n;
}

/* prf+ as RFC 7296 2.13 writes it. */
static void hmac_plus(const char *md, const void *key, size_t key_len, const struct join *seed,
		      uint8_t *out, size_t n)
{
	uint8_t t[64];
	size_t t_len = 0;

	for (uint8_t i = 1; n != 0; i++) {
		struct join j = {.n = 0};

		put(&j, t, t_len);
		put(&j, seed->p, seed->n);
		put(&j, &i, 1);
		t_len = hmac(md, key, key_len, &j, t);

		size_t some = n < t_len ? n : t_len;

		memcpy(out, t, some);
		out += some;
		n -= some;
	}
}

static const struct ike_suite cbc = {.prf = NULL};

static struct ike_suite suite(uint16_t encr, uint16_t bits, uint16_t integ, uint16_t prf_id)
{
	struct ike_suite s = cbc;

	s.protect = (struct protect_suite){encr_find(encr), bits, integ_find(integ)};
	s.prf = prf_find(prf_id);
	s.ke = ke_find(KE_CURVE25519);
	return s;
}

static void assert_span(struct bytes got, const uint8_t *expected, size_t n)
{
	assert_int_equal(got.n, n);
	assert_memory_equal(got.p, expected, n);
}

/* All seven keys of an SA with separate integrity, in the order of 2.14. */
static void first_keys_cbc(void **state)
{
	struct ike_suite s = suite(ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_256);
	struct ike_exchange_values v = values();
	struct ike_keys keys = {0};
	struct join key = {.n = 0}, data = {.n = 0}, seed = {.n = 0};
	uint8_t skeyseed[64], all[288];

	(void)state;
	put(&key, ni, sizeof(ni));
	put(&key, nr, sizeof(nr));
	put(&data, secret, sizeof(secret));
	hmac("SHA256", key.p, key.n, &data, skeyseed);
	put(&seed, ni, sizeof(ni));
	put(&seed, nr, sizeof(nr));
	put(&seed, spis, sizeof(spis));
	hmac_plus("SHA256", skeyseed, 32, &seed, all, sizeof(all));

	assert_int_equal(ike_keys_first(crypto, &s, BYTES_OF(secret), &v, &keys), ERR_NONE);
	assert_int_equal(keys.len, sizeof(all));
	assert_span(ike_keys_d(&keys), all, 32);
	assert_span(ike_keys_protect(&keys, true).integ, all + 32, 64);
	assert_span(ike_keys_protect(&keys, false).integ, all + 96, 64);
	assert_span(ike_keys_protect(&keys, true).encr, all + 160, 32);
	assert_span(ike_keys_protect(&keys, false).encr, all + 192, 32);
	assert_span(ike_keys_p(&keys, true), all + 224, 32);
	assert_span(ike_keys_p(&keys, false), all + 256, 32);
	ike_keys_free(&keys);
	assert_null(keys.block);
	assert_int_equal(keys.len, 0);
}

/* RFC 5282 5: no SK_a with an AEAD, and SK_e with its salt. The rekey mixes in the old SK_d by the
 * old PRF (2.18), and expands by the new one. */
static void rekeyed_keys_gcm(void **state)
{
	struct ike_suite old = suite(ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256);
	struct ike_suite new = suite(ENCR_AES_GCM_16, 256, 0, PRF_HMAC_SHA2_384);
	struct ike_exchange_values v = values();
	struct ike_keys first = {0}, keys = {0};
	struct join data = {.n = 0}, seed = {.n = 0};
	uint8_t skeyseed[64], all[216];

	(void)state;
	assert_int_equal(ike_keys_first(crypto, &old, BYTES_OF(secret), &v, &first), ERR_NONE);
	put(&data, secret, sizeof(secret));
	put(&data, ni, sizeof(ni));
	put(&data, nr, sizeof(nr));
	hmac("SHA256", ike_keys_d(&first).p, 32, &data, skeyseed);
	put(&seed, ni, sizeof(ni));
	put(&seed, nr, sizeof(nr));
	put(&seed, spis, sizeof(spis));
	hmac_plus("SHA384", skeyseed, 32, &seed, all, sizeof(all));

	assert_int_equal(ike_keys_rekey(crypto, &new, old.prf, &first,
					(struct ke_secrets){BYTES_OF(secret), {0}}, &v, &keys),
			 ERR_NONE);
	assert_int_equal(keys.len, sizeof(all));
	assert_span(ike_keys_d(&keys), all, 48);
	assert_int_equal(ike_keys_protect(&keys, true).integ.n, 0);
	assert_span(ike_keys_protect(&keys, true).encr, all + 48, 36);
	assert_span(ike_keys_protect(&keys, false).encr, all + 84, 36);
	assert_span(ike_keys_p(&keys, true), all + 120, 48);
	assert_span(ike_keys_p(&keys, false), all + 168, 48);
	ike_keys_free(&keys);
	ike_keys_free(&first);
}

/* The check value of the digest (ikev2-base-extensions 11). */
static void published_check_value(void **state)
{
	static const uint8_t skeyseed[] = {0xfe, 0x6d, 0x4a, 0x4f, 0xe5, 0xed, 0xba, 0x0f,
					   0x30, 0x48, 0xfc, 0xcf, 0x51, 0xf4, 0xab, 0xa7,
					   0x59, 0x93, 0xd7, 0x40, 0xbf, 0x31, 0xfc, 0x94,
					   0xc5, 0x7d, 0x77, 0x41, 0x35, 0x93, 0x3d, 0xab};
	static const uint8_t sk_d[] = {0x23, 0x9c, 0x1a, 0xfe, 0xa2, 0x50, 0xfa, 0x2b,
				       0x11, 0xa2, 0x34, 0x4f, 0x08, 0x71, 0x84, 0xad,
				       0xe9, 0x21, 0x4b, 0x20, 0xad, 0x4c, 0x98, 0x39,
				       0x2a, 0x38, 0x1a, 0x53, 0x3e, 0x07, 0x97, 0x9e};
	struct ike_suite s = suite(ENCR_AES_GCM_16, 128, 0, PRF_HMAC_SHA2_256);
	uint8_t i[32], r[32];
	struct ike_exchange_values v = {BYTES_OF(i), BYTES_OF(r), spi_i, spi_r};
	struct ike_keys keys = {0};

	(void)state;
	memset(i, 0x11, sizeof(i));
	memset(r, 0x22, sizeof(r));
	assert_int_equal(ike_keys_expand(crypto, &s, BYTES_OF(skeyseed), &v, &keys), ERR_NONE);
	assert_span(ike_keys_d(&keys), sk_d, sizeof(sk_d));
	ike_keys_free(&keys);
}

/* RFC 7296 2.14: eight octets of each nonce key a PRF of fixed key length. */
static void fixed_key_prf(void **state)
{
	struct ike_exchange_values v = values();
	uint8_t got[PRF_MAX], key[16], expected[16];
	size_t n = 0;

	(void)state;
	memcpy(key, ni, 8);
	memcpy(key + 8, nr, 8);
	assert_non_null(EVP_Q_mac(NULL, "CMAC", NULL, "AES-128-CBC", NULL, key, sizeof(key), secret,
				  sizeof(secret), expected, sizeof(expected), &n));
	assert_int_equal(ike_skeyseed(crypto, prf_find(PRF_AES128_CMAC), BYTES_OF(secret), &v, got),
			 ERR_NONE);
	assert_memory_equal(got, expected, 16);
	v.nonce_r.n = 7;
	assert_int_equal(ike_skeyseed(crypto, prf_find(PRF_AES128_CMAC), BYTES_OF(secret), &v, got),
			 ERR_RANGE);
}

/* RFC 7296 2.17. */
static void child_keys(void **state)
{
	struct ike_suite s = suite(ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256);
	struct child_keys keys;
	struct join seed = {.n = 0};
	uint8_t all[96], d[32];

	(void)state;
	memset(d, 0x5d, sizeof(d));
	put(&seed, ni, sizeof(ni));
	put(&seed, nr, sizeof(nr));
	hmac_plus("SHA256", d, sizeof(d), &seed, all, sizeof(all));
	assert_int_equal(child_keys_derive(crypto, s.prf, BYTES_OF(d), &s, (struct ke_secrets){0},
					   BYTES_OF(ni), BYTES_OF(nr), &keys),
			 ERR_NONE);
	assert_span(keys.from_initiator.encr, all, 16);
	assert_span(keys.from_initiator.integ, all + 16, 32);
	assert_span(keys.from_responder.encr, all + 48, 16);
	assert_span(keys.from_responder.integ, all + 64, 32);

	/* With a key exchange of its own the secret comes before the nonces. */
	seed.n = 0;
	put(&seed, secret, sizeof(secret));
	put(&seed, ni, sizeof(ni));
	put(&seed, nr, sizeof(nr));
	s = suite(ENCR_CHACHA20_POLY1305, 0, 0, PRF_HMAC_SHA2_512);
	hmac_plus("SHA512", d, sizeof(d), &seed, all, 72);
	assert_int_equal(child_keys_derive(crypto, s.prf, BYTES_OF(d), &s,
					   (struct ke_secrets){BYTES_OF(secret), {0}}, BYTES_OF(ni),
					   BYTES_OF(nr), &keys),
			 ERR_NONE);
	assert_span(keys.from_initiator.encr, all, 36);
	assert_int_equal(keys.from_initiator.integ.n, 0);
	assert_span(keys.from_responder.encr, all + 36, 36);
	child_keys_erase(&keys);
	assert_null(keys.from_initiator.encr.p);
}

/* RFC 7296 2.15. */
static void signed_octets(void **state)
{
	static const uint8_t id_body[] = {2, 0, 0, 9, 'g', 'w'}; /* reserved octets as received */
	struct join expected = {.n = 0}, id = {.n = 0};
	struct auth_octets_of of = {.message = BYTES_LITERAL("first message"),
				    .nonce = BYTES_OF(nr),
				    .prf = prf_find(PRF_HMAC_SHA2_256),
				    .sk_p = BYTES_OF(secret),
				    .id_body = BYTES_OF(id_body)};
	uint8_t mac[64], *octets;
	size_t n;

	(void)state;
	put(&id, id_body, sizeof(id_body));
	hmac("SHA256", secret, sizeof(secret), &id, mac);
	put(&expected, "first message", 13);
	put(&expected, nr, sizeof(nr));
	put(&expected, mac, 32);
	assert_int_equal(auth_octets(crypto, &of, &octets, &n), ERR_NONE);
	assert_span(bytes_of(octets, n), expected.p, expected.n);
	mem_free(octets);
	of.int_auth = BYTES_LITERAL("IntAuth");
	put(&expected, "IntAuth", 7);
	assert_int_equal(auth_octets(crypto, &of, &octets, &n), ERR_NONE);
	assert_span(bytes_of(octets, n), expected.p, expected.n);
	mem_free(octets);
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ni); i++)
		ni[i] = (uint8_t)(i + 1);
	for (size_t i = 0; i < sizeof(nr); i++)
		nr[i] = (uint8_t)(0x80 + i);
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(3 * i);
	crypto = crypto_new();
	return crypto != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	crypto_free(crypto);
	return mem_blocks_held() == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_keys_cbc),
	    cmocka_unit_test(rekeyed_keys_gcm),
	    cmocka_unit_test(published_check_value),
	    cmocka_unit_test(fixed_key_prf),
	    cmocka_unit_test(child_keys),
	    cmocka_unit_test(signed_octets),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
