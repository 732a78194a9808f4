/* ike/suite.c and ike/offer.c: the configuration's words, named suites, and what goes on the wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "crypto/words.h"
#include "ike/offer.h"
#include "ike/suite.h"
#include "wire/sa.h"

static void assert_text(uint8_t protocol, const char *text, size_t at, const char *expected)
{
	struct ike_suites s;
	struct bytes word;
	const char *reason = "";
	char buf[IKE_SUITE_TEXT_MAX];

	if (ike_suites_parse(&s, protocol, text, &word, &reason) != ERR_NONE)
		fail_msg("%s: %.*s: %s", text, (int)word.n, (const char *)word.p, reason);
	assert_true(at < s.n);
	assert_string_equal(ike_proposal_format(&s.proposals[at], buf), expected);
}

static void assert_refused(uint8_t protocol, const char *text, const char *word)
{
	struct ike_suites s;
	struct bytes at = {0};
	const char *reason = NULL;

	assert_int_equal(ike_suites_parse(&s, protocol, text, &at, &reason), ERR_SYNTAX);
	assert_non_null(reason);
	if (!bytes_equal(at, bytes_of(word, strlen(word))))
		fail_msg("%s: blamed %.*s (%s)", text, (int)at.n, (const char *)at.p, reason);
	/* The word lies in the text, so that the daemon can point at it. */
	assert_true(at.p >= (const uint8_t *)text &&
		    at.p + at.n <= (const uint8_t *)text + strlen(text));
}

static void words_become_proposals(void **state)
{
	(void)state;
	assert_text(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519", 0, "aes256gcm-prfsha384-x25519");
	assert_text(PROTOCOL_IKE, " aes256gcm-prfsha384-x25519 , aes128gcm-prfsha256-ecp256", 1,
		    "aes128gcm-prfsha256-ecp256");
	/* Alternatives keep their order, kinds are sorted. */
	assert_text(PROTOCOL_IKE, "ecp256-aes128gcm-prfsha256-x25519-aes256gcm", 0,
		    "aes128gcm/aes256gcm-prfsha256-ecp256/x25519");
	assert_text(PROTOCOL_ESP, "aes256gcm", 0, "aes256gcm-esn/noesn");
	assert_text(PROTOCOL_ESP, "aes256gcm-x25519-noesn", 0, "aes256gcm-x25519-noesn");
	assert_text(PROTOCOL_ESP, "aes128cbc-sha256-modp2048-none-esn", 0,
		    "aes128cbc-sha256-modp2048/none-esn");
	assert_text(PROTOCOL_ESP, "null-sha256", 0, "null-sha256-esn/noesn");
}

static void prf_follows_integrity(void **state)
{
	(void)state;
	assert_text(PROTOCOL_IKE, "aes256cbc-sha256-modp2048", 0,
		    "aes256cbc-sha256-prfsha256-modp2048");
	assert_text(PROTOCOL_IKE, "aes256cbc-sha512-sha384-modp2048", 0,
		    "aes256cbc-sha512/sha384-prfsha512/prfsha384-modp2048");
	assert_text(PROTOCOL_IKE, "aes256cbc-sha256-prfsha512-modp2048", 0,
		    "aes256cbc-sha256-prfsha512-modp2048");
	assert_text(PROTOCOL_IKE, "aes128ctr-aescmac-x25519", 0,
		    "aes128ctr-aescmac-prfaescmac-x25519");
}

static void errors_name_the_word(void **state)
{
	(void)state;
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25518", "x25518");
	assert_refused(PROTOCOL_IKE, "3des-sha256-modp2048", "3des");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-", "aes256gcm-prfsha384-");
	assert_refused(PROTOCOL_IKE, "aes256gcm--x25519", "");
	assert_refused(PROTOCOL_IKE, "", "");
	assert_refused(PROTOCOL_IKE, "modern,", "modern");
	assert_refused(PROTOCOL_IKE, "modern,,cnsa2", "");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519-x25519", "x25519");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519-esn", "esn");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519-none", "none");
	assert_refused(PROTOCOL_IKE, "null-sha256-x25519", "null");
	assert_refused(PROTOCOL_ESP, "aes256gcm-prfsha256", "prfsha256");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519, modern-x448", "modern");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519, nonsense-x448", "nonsense");
}

/* RFC 7296 3.3: combined-mode ciphers and others are not offered in one proposal. */
static void aead_and_others_stay_apart(void **state)
{
	(void)state;
	assert_refused(PROTOCOL_IKE, "aes256gcm-aes256cbc-sha256-x25519", "aes256cbc");
	assert_refused(PROTOCOL_IKE, "aes256cbc-sha256-chacha20poly1305-x25519",
		       "chacha20poly1305");
	assert_refused(PROTOCOL_IKE, "aes256gcm-sha256-x25519", "aes256gcm-sha256-x25519");
	assert_refused(PROTOCOL_IKE, "aes256cbc-prfsha256-x25519", "aes256cbc-prfsha256-x25519");
	assert_refused(PROTOCOL_ESP, "aes256cbc", "aes256cbc");
}

static void proposals_are_complete(void **state)
{
	(void)state;
	assert_refused(PROTOCOL_IKE, "aes256gcm-x25519", "aes256gcm-x25519");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha256", "aes256gcm-prfsha256");
	assert_refused(PROTOCOL_ESP, "x25519", "x25519");
	assert_refused(PROTOCOL_ESP,
		       "aes128gcm,aes256gcm,aes128gcm,aes256gcm,aes128gcm,aes256gcm,aes128gcm,"
		       "aes256gcm,aes192gcm",
		       "aes192gcm");
}

static const char *const names[] = {"default", "modern",          "cnsa2", "compat",
				    "pq",      "pq-conservative", "bsi"};

/* Whatever has a name parses for both protocols, and holds nothing weak. */
static void named_suites_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (uint8_t protocol = PROTOCOL_IKE; protocol <= PROTOCOL_ESP; protocol += 2) {
			struct ike_suites s;
			struct bytes word;
			const char *reason = "";

			if (ike_suites_parse(&s, protocol, names[i], &word, &reason) != ERR_NONE)
				fail_msg("%s: %.*s: %s", names[i], (int)word.n,
					 (const char *)word.p, reason);
			assert_in_range(s.n, 1, 3);
			for (size_t k = 0; k < s.n; k++)
				for (size_t t = 0; t < s.proposals[k].n; t++) {
					struct algorithm_word a = {
					    s.proposals[k].transforms[t].type,
					    s.proposals[k].transforms[t].id,
					    s.proposals[k].transforms[t].key_bits};

					assert_false(algorithm_word_is_weak(&a));
				}
		}
	}
	assert_text(PROTOCOL_IKE, "cnsa2", 0, "aes256gcm-prfsha384-ecp384+mlkem1024");
	assert_text(PROTOCOL_IKE, "cnsa2, aes128gcm-prfsha256-x25519", 1,
		    "aes128gcm-prfsha256-x25519");
}

/* RFC 9370 2.2.1: a chain's methods by place; what a shorter chain lacks may be left out. */
static void chains_are_read(void **state)
{
	(void)state;
	assert_text(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519+mlkem768+frodo976shake", 0,
		    "aes256gcm-prfsha384-x25519+mlkem768+frodo976shake");
	assert_text(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519+mlkem768-ecp384+mlkem1024", 0,
		    "aes256gcm-prfsha384-x25519/ecp384+mlkem768/mlkem1024");
	assert_text(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519+mlkem768-x25519", 0,
		    "aes256gcm-prfsha384-x25519+mlkem768/none");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519+", "x25519+");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519+sha256", "sha256");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-mceliece6688128", "mceliece6688128");
	assert_refused(PROTOCOL_IKE, "aes256gcm-prfsha384-frodo976aes+x25519", "frodo976aes");
	assert_refused(PROTOCOL_IKE,
		       "aes256gcm-prfsha384-x25519+ecp256+ecp384+ecp521+x448+modp2048+modp3072+"
		       "modp4096+modp6144",
		       "modp6144");
}

/* Weak ones work when they are spelled out. */
static void weak_must_be_spelled(void **state)
{
	(void)state;
	assert_text(PROTOCOL_IKE, "aes128cbc-sha1-modp2048", 0, "aes128cbc-sha1-prfsha1-modp2048");
}

/* RFC 8247 2: what every peer must have is in the default offer, which stays short. */
static void default_is_short_and_complete(void **state)
{
	struct ike_suites s;
	uint8_t buf[400];
	struct writer w = writer_of(buf, sizeof(buf));

	(void)state;
	ike_suites_default(&s, PROTOCOL_IKE);
	assert_int_equal(s.n, 3);
	assert_true(ike_suites_have_addke(&s));
	assert_true(ike_offer_has_ke(&s, KE_MODP_2048));
	assert_int_equal(ike_offer_first_ke(&s)->id, KE_CURVE25519);
	ike_offer_write(&w, &s, bytes_of(NULL, 0), true);
	assert_true(writer_ok(&w));
	assert_in_range(w.n, 100, 350);
	ike_suites_default(&s, PROTOCOL_ESP);
	assert_int_equal(s.n, 2);
	assert_true(ike_offer_has_ke(&s, KE_MODP_2048));
	assert_false(ike_offer_has_ke(&s, KE_MODP_1024));
	assert_false(ike_offer_has_ke(&s, KE_NONE));
}

static void offers_number_proposals_and_drop_ke(void **state)
{
	static const uint8_t expected[] = {
	    2, 0, 0, 32, 1, 3, 4, 2,  1,    2,  3, 4, /* proposal 1, ESP, SPI, 2 transforms */
	    3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0, /* AES-GCM-16, 256 bits */
	    0, 0, 0, 8,  5, 0, 0, 1,                  /* ESN */
	    0, 0, 0, 36, 2, 3, 4, 3,  1,    2,  3, 4, /* proposal 2 */
	    3, 0, 0, 8,  1, 0, 0, 28,                 /* ChaCha20-Poly1305: no attribute */
	    3, 0, 0, 8,  5, 0, 0, 1,  0,    0,  0, 8, 5, 0, 0, 0,
	};
	static const uint8_t spi[] = {1, 2, 3, 4};
	struct ike_suites s;
	struct bytes word;
	const char *reason;
	uint8_t buf[200];
	struct writer w = writer_of(buf, sizeof(buf));
	struct sa_context context = {.response = false};

	(void)state;
	assert_int_equal(ike_suites_parse(&s, PROTOCOL_ESP,
					  "aes256gcm-x25519-esn, chacha20poly1305-ecp256", &word,
					  &reason),
			 ERR_NONE);
	ike_offer_write(&w, &s, BYTES_OF(spi), false);
	assert_true(writer_ok(&w));
	assert_int_equal(w.n, sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
	assert_int_equal(sa_check(writer_bytes_so_far(&w), &context, &reason), ERR_NONE);

	w = writer_of(buf, sizeof(buf));
	ike_offer_write(&w, &s, BYTES_OF(spi), true);
	assert_int_equal(w.n, sizeof(expected) + 16);
	w = writer_of(buf, 60);
	ike_offer_write(&w, &s, BYTES_OF(spi), true);
	assert_false(writer_ok(&w));
}

static void suites_read_well(void **state)
{
	struct ike_suite s = {
	    .protect = {encr_find(ENCR_AES_CBC), 256, integ_find(INTEG_HMAC_SHA2_256_128)},
	    .prf = prf_find(PRF_HMAC_SHA2_256),
	    .ke = ke_find(KE_CURVE25519)};
	char buf[IKE_SUITE_TEXT_MAX];

	(void)state;
	assert_string_equal(ike_suite_format(&s, buf), "aes256cbc-sha256-prfsha256-x25519");
	s = (struct ike_suite){.protect = {encr_find(ENCR_CHACHA20_POLY1305), 0, NULL},
			       .esn = true};
	assert_string_equal(ike_suite_format(&s, buf), "chacha20poly1305-esn");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_become_proposals),
	    cmocka_unit_test(prf_follows_integrity),
	    cmocka_unit_test(errors_name_the_word),
	    cmocka_unit_test(aead_and_others_stay_apart),
	    cmocka_unit_test(proposals_are_complete),
	    cmocka_unit_test(named_suites_parse),
	    cmocka_unit_test(chains_are_read),
	    cmocka_unit_test(weak_must_be_spelled),
	    cmocka_unit_test(default_is_short_and_complete),
	    cmocka_unit_test(offers_number_proposals_and_drop_ke),
	    cmocka_unit_test(suites_read_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
