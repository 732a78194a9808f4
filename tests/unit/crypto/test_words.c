/* The tables of algorithms and the words for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "crypto/algorithm.h"
#include "crypto/words.h"

static void check(const char *spelt, uint8_t type, uint16_t id, uint16_t bits, const char *canon)
{
	struct algorithm_word w;
	char buf[ALGORITHM_WORD_MAX];

	assert_int_equal(algorithm_word_parse(spelt, &w), ERR_NONE);
	assert_int_equal(w.type, type);
	assert_int_equal(w.id, id);
	assert_int_equal(w.key_bits, bits);
	assert_string_equal(algorithm_word_format(&w, buf), canon);
}

static void words_mean_what_people_write(void **state)
{
	(void)state;
	check("aes256gcm", TRANSFORM_ENCR, ENCR_AES_GCM_16, 256, "aes256gcm");
	check("aes256gcm16", TRANSFORM_ENCR, ENCR_AES_GCM_16, 256, "aes256gcm");
	check("aes128gcm12", TRANSFORM_ENCR, ENCR_AES_GCM_12, 128, "aes128gcm12");
	check("aes192gcm8", TRANSFORM_ENCR, ENCR_AES_GCM_8, 192, "aes192gcm8");
	check("aes256ccm", TRANSFORM_ENCR, ENCR_AES_CCM_16, 256, "aes256ccm");
	check("aes256", TRANSFORM_ENCR, ENCR_AES_CBC, 256, "aes256cbc");
	check("aes128cbc", TRANSFORM_ENCR, ENCR_AES_CBC, 128, "aes128cbc");
	check("aes256ctr", TRANSFORM_ENCR, ENCR_AES_CTR, 256, "aes256ctr");
	check("chacha20poly1305", TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0, "chacha20poly1305");
	check("null", TRANSFORM_ENCR, ENCR_NULL, 0, "null");
	check("prfsha256", TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0, "prfsha256");
	check("prfaescmac", TRANSFORM_PRF, PRF_AES128_CMAC, 0, "prfaescmac");
	check("sha512", TRANSFORM_INTEG, INTEG_HMAC_SHA2_512_256, 0, "sha512");
	check("aescmac", TRANSFORM_INTEG, INTEG_AES_CMAC_96, 0, "aescmac");
	check("modp3072", TRANSFORM_KE, KE_MODP_3072, 0, "modp3072");
	check("curve25519", TRANSFORM_KE, KE_CURVE25519, 0, "x25519");
	check("x448", TRANSFORM_KE, KE_CURVE448, 0, "x448");
	check("ecp512bp", TRANSFORM_KE, KE_BRAINPOOL_P512R1, 0, "ecp512bp");
	check("mlkem512", TRANSFORM_KE, KE_ML_KEM_512, 0, "mlkem512");
	check("mlkem768", TRANSFORM_KE, KE_ML_KEM_768, 0, "mlkem768");
	check("mlkem1024", TRANSFORM_KE, KE_ML_KEM_1024, 0, "mlkem1024");
	check("frodo976aes", TRANSFORM_KE, KE_FRODOKEM_976_AES, 0, "frodo976aes");
	check("frodo976shake", TRANSFORM_KE, KE_FRODOKEM_976_SHAKE, 0, "frodo976shake");
	check("frodo1344aes", TRANSFORM_KE, KE_FRODOKEM_1344_AES, 0, "frodo1344aes");
	check("frodo1344shake", TRANSFORM_KE, KE_FRODOKEM_1344_SHAKE, 0, "frodo1344shake");
	check("mceliece348864", TRANSFORM_KE, KE_MCELIECE_348864, 0, "mceliece348864");
	check("mceliece6688128", TRANSFORM_KE, KE_MCELIECE_6688128, 0, "mceliece6688128");
	check("mceliece8192128", TRANSFORM_KE, KE_MCELIECE_8192128, 0, "mceliece8192128");
}

static void other_words_are_refused(void **state)
{
	static const char *const bad[] = {
	    "",           "aes",         "aes512gcm",         "aes256gcm4",      "aesgcm",
	    "aes256gcmx", "3des",        "AES256GCM",         "aescbc",          "aes256cmac",
	    "sha",        "modp1024",    "prfsha2",           "aes 256",         "aes256gcm ",
	    "mlkem",      "frodo640aes", "mceliece6688128pc", "mceliece6688128f"};
	struct algorithm_word w = {.id = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(algorithm_word_parse(bad[i], &w), ERR_NOT_FOUND);
	assert_int_equal(w.id, 77);
}

static void round_trip(uint8_t type, uint16_t id, uint16_t bits)
{
	struct algorithm_word w = {type, id, bits};
	struct algorithm_word back;
	char buf[ALGORITHM_WORD_MAX];

	assert_int_equal(algorithm_word_parse(algorithm_word_format(&w, buf), &back), ERR_NONE);
	assert_int_equal(back.type, type);
	assert_int_equal(back.id, id);
	assert_int_equal(back.key_bits, bits);
}

static void every_algorithm_has_its_word(void **state)
{
	size_t n;
	const struct encr_desc *encr = encr_all(&n);
	const struct prf_desc *prf;
	const struct integ_desc *integ;
	const struct ke_desc *ke;
	const struct sskdf_desc *sskdf;

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t b = 0; b < 3; b++)
			if (encr[i].has_key_length)
				round_trip(TRANSFORM_ENCR, encr[i].id, encr[i].key_bits[b]);
			else
				round_trip(TRANSFORM_ENCR, encr[i].id, 0);
	prf = prf_all(&n);
	for (size_t i = 0; i < n; i++)
		round_trip(TRANSFORM_PRF, prf[i].id, 0);
	integ = integ_all(&n);
	for (size_t i = 0; i < n; i++)
		round_trip(TRANSFORM_INTEG, integ[i].id, 0);
	sskdf = sskdf_all(&n);
	for (size_t i = 0; i < n; i++)
		round_trip(TRANSFORM_SSKDF, sskdf[i].id, 0);
	ke = ke_all(&n);
	for (size_t i = 0; i < n; i++)
		round_trip(TRANSFORM_KE, ke[i].id, 0);
}

static void the_unknown_has_a_label(void **state)
{
	struct algorithm_word w = {TRANSFORM_ENCR, 99, 128};
	char buf[ALGORITHM_WORD_MAX];

	(void)state;
	assert_string_equal(algorithm_word_format(&w, buf), "encr-99/128");
	w = (struct algorithm_word){TRANSFORM_ENCR, ENCR_AES_GCM_16, 100};
	assert_string_equal(algorithm_word_format(&w, buf), "encr-20/100");
	w = (struct algorithm_word){TRANSFORM_ADDKE1, KE_CURVE448, 0};
	assert_string_equal(algorithm_word_format(&w, buf), "x448");
	w = (struct algorithm_word){TRANSFORM_KE, 1300, 0};
	assert_string_equal(algorithm_word_format(&w, buf), "ke-1300");
	w = (struct algorithm_word){255, 65535, 65535};
	assert_string_equal(algorithm_word_format(&w, buf), "transform-65535/65535");
}

static void weak_ones_are_marked(void **state)
{
	struct algorithm_word w;

	(void)state;
	assert_int_equal(algorithm_word_parse("sha1", &w), ERR_NONE);
	assert_true(algorithm_word_is_weak(&w));
	assert_int_equal(algorithm_word_parse("prfsha1", &w), ERR_NONE);
	assert_true(algorithm_word_is_weak(&w));
	assert_int_equal(algorithm_word_parse("sha256", &w), ERR_NONE);
	assert_false(algorithm_word_is_weak(&w));
}

/* The buffers of every floor are sized by the constants, not by the tables. */
static void the_bounds_hold_the_tables(void **state)
{
	size_t n;
	const struct encr_desc *encr = encr_all(&n);
	const struct prf_desc *prf;
	const struct integ_desc *integ;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t b = 0; b < 3; b++)
			assert_true(encr_keymat_len(&encr[i], encr[i].key_bits[b]) <= ENCR_KEY_MAX);
		assert_true(encr[i].iv_len <= ENCR_IV_MAX);
		assert_true(encr[i].block_len <= ENCR_BLOCK_MAX);
		assert_true(encr[i].icv_len <= ICV_MAX);
		assert_true(encr_is_aead(&encr[i]) == (encr[i].icv_len != 0));
	}
	prf = prf_all(&n);
	for (size_t i = 0; i < n; i++)
		assert_true(prf[i].key_len <= PRF_MAX && prf[i].out_len <= PRF_MAX);
	integ = integ_all(&n);
	for (size_t i = 0; i < n; i++)
		assert_true(integ[i].key_len <= INTEG_KEY_MAX && integ[i].icv_len <= ICV_MAX);
	assert_true(encr_takes_bits(encr_find(ENCR_CHACHA20_POLY1305), 0));
	assert_true(encr_takes_bits(encr_find(ENCR_CHACHA20_POLY1305), 256));
	assert_false(encr_takes_bits(encr_find(ENCR_CHACHA20_POLY1305), 128));
	assert_false(encr_takes_bits(encr_find(ENCR_AES_GCM_16), 0));
	assert_int_equal(encr_keymat_len(encr_find(ENCR_AES_CCM_8), 128), 19);
	assert_false(encr_find(ENCR_NULL)->in_ike);
	assert_null(encr_find(ENCR_3DES));
	assert_null(ke_find(KE_MODP_1024));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_mean_what_people_write),
	    cmocka_unit_test(other_words_are_refused),
	    cmocka_unit_test(every_algorithm_has_its_word),
	    cmocka_unit_test(the_unknown_has_a_label),
	    cmocka_unit_test(weak_ones_are_marked),
	    cmocka_unit_test(the_bounds_hold_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
