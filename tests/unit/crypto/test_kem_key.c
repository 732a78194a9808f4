/* Long-term keys of KEMs (crypto/kem.h): agreement, sizes, ciphertexts for another key, and keys
 * that must not be taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/kem.h"
#include "crypto/openssl.h"

#define CIPHERTEXT_MAX 1568

static const struct {
	enum key_type type;
	const char *name;
	size_t public_len, ciphertext_len; /* FIPS 203 table 3 */
} sets[] = {
    {KEY_ML_KEM_512, "ML-KEM-512", 800, 768},
    {KEY_ML_KEM_768, "ML-KEM-768", 1184, 1088},
    {KEY_ML_KEM_1024, "ML-KEM-1024", 1568, 1568},
};
#define N_SETS (sizeof(sets) / sizeof(sets[0]))

static struct private_key *make(const char *name)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, name);
	struct private_key *key = NULL;
	const char *reason;
	unsigned char *der = NULL;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

	assert_true(n > 0);
	assert_int_equal(private_key_parse(&key, bytes_of(der, (size_t)n), &reason), ERR_NONE);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	return key;
}

static void both_sides_agree_and_keys_serve_again(void **state)
{
	uint8_t seed[KE_SEED_LEN], c[CIPHERTEXT_MAX], a[32], b[32], last[32] = {0};

	(void)state;
	for (size_t i = 0; i < N_SETS; i++) {
		struct private_key *key = make(sets[i].name);
		struct public_key *public = NULL;
		const struct ke_desc *d = key_type_kem(sets[i].type);

		assert_int_equal(private_key_type(key), sets[i].type);
		assert_true(key_type_is_kem(sets[i].type) && key_type_is_pq(sets[i].type));
		assert_int_equal(d->init_len, sets[i].public_len);
		assert_int_equal(d->resp_len, sets[i].ciphertext_len);
		assert_int_equal(private_key_public(key, &public), ERR_NONE);
		for (unsigned n = 0; n < 2; n++) {
			crypto_random(seed, sizeof(seed));
			assert_int_equal(kem_encapsulate(public, seed, c, a), ERR_NONE);
			assert_int_equal(kem_decapsulate(key, bytes_of(c, d->resp_len), b),
					 ERR_NONE);
			assert_memory_equal(a, b, sizeof(a));
			assert_memory_not_equal(a, last, sizeof(a));
			memcpy(last, a, sizeof(a));
		}
		private_key_free(key);
		public_key_free(public);
	}
}

/* FIPS 203 6.3, 7.3: a wrong length is refused, a wrong ciphertext is not seen. */
static void a_ciphertext_for_another_key_gives_another_secret(void **state)
{
	struct private_key *key = make("ML-KEM-768"), *other = make("ML-KEM-768");
	struct public_key *public = NULL;
	uint8_t seed[KE_SEED_LEN] = {7}, c[CIPHERTEXT_MAX], a[32], b[32];

	(void)state;
	assert_int_equal(private_key_public(key, &public), ERR_NONE);
	assert_int_equal(kem_encapsulate(public, seed, c, a), ERR_NONE);
	assert_int_equal(kem_decapsulate(other, bytes_of(c, 1088), b), ERR_NONE);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(kem_decapsulate(key, bytes_of(c, 1087), b), ERR_SYNTAX);
	assert_int_equal(kem_decapsulate(key, bytes_of(c, 0), b), ERR_SYNTAX);
	public_key_free(public);
	private_key_free(key);
	private_key_free(other);
}

static void keys_that_sign_are_none(void **state)
{
	struct private_key *key = make("ED25519");
	struct public_key *public = NULL;
	uint8_t seed[KE_SEED_LEN] = {7}, c[CIPHERTEXT_MAX] = {0}, a[32];

	(void)state;
	assert_null(key_type_kem(KEY_ED25519));
	assert_false(key_type_is_kem(KEY_ML_DSA_65));
	assert_int_equal(private_key_public(key, &public), ERR_NONE);
	assert_int_equal(kem_encapsulate(public, seed, c, a), ERR_UNSUPPORTED);
	assert_int_equal(kem_decapsulate(key, bytes_of(c, 1088), a), ERR_UNSUPPORTED);
	public_key_free(public);
	private_key_free(key);
}

/* FIPS 203 7.2, with RFC 9935's encoding around it: no coefficient may be q or more. */
static void a_key_out_of_range_is_refused(void **state)
{
	struct private_key *key = make("ML-KEM-512");
	struct public_key *public = NULL, *bad = NULL;
	const char *reason;
	uint8_t *der;
	size_t n;

	(void)state;
	assert_int_equal(private_key_public(key, &public), ERR_NONE);
	assert_int_equal(public_key_spki(public, &der, &n), ERR_NONE);
	assert_int_equal(n, 800 + 22);
	der[22] = 0xff;
	der[23] |= 0x0f;
	assert_int_not_equal(public_key_parse(&bad, bytes_of(der, n), &reason), ERR_NONE);
	mem_free(der);
	public_key_free(public);
	private_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides_agree_and_keys_serve_again),
	    cmocka_unit_test(a_ciphertext_for_another_key_gives_another_secret),
	    cmocka_unit_test(keys_that_sign_are_none),
	    cmocka_unit_test(a_key_out_of_range_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
