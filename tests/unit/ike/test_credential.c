/* Which credential proves who we are, by what the peer has hinted at (RFC 7427, RFC 9593, RFC
 * 7296 3.7), and the reading of those hints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "ike/credential.h"

#define SHA2     (1U << HASH_SHA2_256 | 1U << HASH_SHA2_384 | 1U << HASH_SHA2_512)
#define IDENTITY (1U << HASH_IDENTITY)

/* ML-DSA by one CA (hash 1...), ECDSA by another (hash 2...), RSA by it too. */
static uint8_t ca_one[20] = {1}, ca_two[20] = {2};
static char names[3][8] = {"mldsa", "ecdsa", "rsa"};
static struct ike_credential credentials[3] = {
    {.key = names[0], .key_type = KEY_ML_DSA_65, .answers = ca_one, .n_answers = 1},
    {.key = names[1], .key_type = KEY_ECDSA_P256, .answers = ca_two, .n_answers = 1},
    {.key = names[2], .key_type = KEY_RSA, .answers = ca_two, .n_answers = 1},
};
static const struct ike_local_auth three = {.credentials = credentials, .n_credentials = 3};

/* RFC 9593 3.2, and the announcement of ML-DSA-65 as the digest of pqc-auth has it. */
static const uint8_t mldsa65[] = {0x10, 0x0e, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60,
				  0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12};
static const uint8_t ecdsa256[] = {0x0f, 0x0e, 0x00, 0x30, 0x0a, 0x06, 0x08, 0x2a,
				   0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t rsa512[] = {0x12, 0x0e, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86,
				 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05, 0x00};

static void note(struct credential_hints *h, const uint8_t *one, size_t n, const uint8_t *two,
		 size_t m)
{
	uint8_t all[100];
	struct writer w = writer_of(all, sizeof(all));

	writer_bytes(&w, bytes_of(one, n));
	writer_bytes(&w, bytes_of(two, m));
	assert_true(writer_ok(&w));
	credential_note_methods(h, writer_bytes_so_far(&w));
}

static const char *chosen(const struct credential_hints *h)
{
	static char text[40];
	const struct signature_scheme *s;
	bool passed_over;
	const struct ike_credential *c = credential_choose(&three, h, false, &s, &passed_over);

	if (c == NULL)
		return "nothing";
	snprintf(text, sizeof(text), "%s%s", s->name, passed_over ? " anyway" : "");
	assert_true(signature_fits(s, c->key_type));
	return text;
}

static void without_announcements_the_classical_one_is_used(void **state)
{
	struct credential_hints h = {.hashes = SHA2 | IDENTITY};

	(void)state;
	assert_string_equal(chosen(&h), "ecdsa-sha256");
	h.hashes = SHA2;
	assert_string_equal(chosen(&h), "ecdsa-sha256");
	h.hashes = 0; /* RFC 7427 3: the old methods */
	assert_string_equal(chosen(&h), "old-ecdsa-p256");
	/* pqc-auth 3.2.1: nothing else will do, and the peer knows Identity */
	h.hashes = IDENTITY;
	assert_string_equal(chosen(&h), "ml-dsa-65");
	/* A CA that issued the post-quantum certificate alone tells more. */
	h = (struct credential_hints){.hashes = SHA2 | IDENTITY, .n_cas = 1};
	memcpy(h.cas, ca_one, 20);
	assert_string_equal(chosen(&h), "ml-dsa-65");
	h.hashes = SHA2; /* but it could not check one */
	assert_string_equal(chosen(&h), "ecdsa-sha256");
}

static void announcements_are_obeyed(void **state)
{
	struct credential_hints h = {.hashes = SHA2 | IDENTITY};

	(void)state;
	note(&h, mldsa65, sizeof(mldsa65), ecdsa256, sizeof(ecdsa256));
	assert_true(h.announced);
	assert_int_equal(h.n_methods, 2);
	assert_string_equal(chosen(&h), "ml-dsa-65");
	/* Our order of credentials counts, not the peer's of methods. */
	note(&h, ecdsa256, sizeof(ecdsa256), mldsa65, sizeof(mldsa65));
	assert_string_equal(chosen(&h), "ml-dsa-65");
	note(&h, ecdsa256, sizeof(ecdsa256), NULL, 0);
	assert_string_equal(chosen(&h), "ecdsa-sha256");
	note(&h, rsa512, sizeof(rsa512), NULL, 0);
	assert_string_equal(chosen(&h), "rsa-pkcs1-sha512");
	/* pqc-auth 3.2.1: announced, but without Identity it MUST NOT be used */
	h.hashes = SHA2;
	note(&h, mldsa65, sizeof(mldsa65), ecdsa256, sizeof(ecdsa256));
	assert_string_equal(chosen(&h), "ecdsa-sha256");
}

/* They are advice: what they do not have is tried all the same. */
static void what_nothing_fits_is_passed_over(void **state)
{
	static const uint8_t psk[] = {2, 2},
			     ed25519[] = {10, 0x0e, 0, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
	struct credential_hints h = {.hashes = SHA2 | IDENTITY};

	(void)state;
	note(&h, psk, sizeof(psk), NULL, 0);
	assert_true(h.announced);
	assert_int_equal(h.n_methods, 0);
	assert_string_equal(chosen(&h), "ml-dsa-65 anyway");
	note(&h, ed25519, sizeof(ed25519), NULL, 0);
	assert_int_equal(h.n_methods, 1);
	assert_string_equal(chosen(&h), "ml-dsa-65 anyway");
}

/* RFC 9593 3.2: a method for certificates of one CA. */
static void a_link_holds_for_its_ca_alone(void **state)
{
	struct credential_hints h = {.hashes = SHA2 | IDENTITY, .n_cas = 2};
	uint8_t linked[sizeof(mldsa65)];

	(void)state;
	memcpy(h.cas, ca_two, 20);
	memcpy(h.cas + 20, ca_one, 20);
	memcpy(linked, mldsa65, sizeof(linked));
	for (uint8_t k = 0; k < 4; k++) {
		linked[2] = k;
		note(&h, linked, sizeof(linked), ecdsa256, sizeof(ecdsa256));
		assert_string_equal(chosen(&h), k == 0 || k == 2 ? "ml-dsa-65" : "ecdsa-sha256");
	}
}

static void an_empty_list_is_a_promise(void **state)
{
	struct credential_hints h = {.hashes = SHA2 | IDENTITY};

	(void)state;
	credential_note_methods(&h, (struct bytes){0});
	assert_true(h.promised && !h.announced);
	note(&h, mldsa65, sizeof(mldsa65), NULL, 0);
	assert_true(!h.promised && h.announced);
}

/* Unknown methods and lengths are passed over; a length that cannot be ends the reading. */
static void odd_lists_are_read_as_far_as_they_go(void **state)
{
	static const uint8_t unknown[] = {3, 200, 0, 2, 13, 4, 9, 0, 0, 5, 14, 0, 0x30, 0x00};
	static const uint8_t zero[] = {0}, one[] = {1}, past[] = {200, 14, 0, 0x30};
	struct credential_hints h = {0};

	(void)state;
	note(&h, unknown, sizeof(unknown), mldsa65, sizeof(mldsa65));
	assert_int_equal(h.n_methods, 1);
	note(&h, mldsa65, sizeof(mldsa65), zero, 1);
	assert_int_equal(h.n_methods, 1);
	note(&h, one, 1, mldsa65, sizeof(mldsa65));
	assert_int_equal(h.n_methods, 0);
	note(&h, mldsa65, sizeof(mldsa65), past, sizeof(past));
	assert_int_equal(h.n_methods, 1);
	for (size_t n = 1; n < sizeof(mldsa65); n++) {
		note(&h, mldsa65, n, NULL, 0);
		assert_int_equal(h.n_methods, 0);
	}
	/* No more than there is room for. */
	uint8_t many[3 * 200];
	for (size_t i = 0; i < 200; i++)
		memcpy(many + 3 * i, (const uint8_t[]){3, 9, 0}, 3);
	credential_note_methods(&h, BYTES_OF(many));
	assert_int_equal(h.n_methods, HINT_METHODS_MAX);
}

static void cas_are_kept_within_a_bound(void **state)
{
	struct credential_hints h = {0};
	uint8_t body[1 + 100 * 20];

	(void)state;
	memset(body, 7, sizeof(body));
	body[0] = CERT_RAW_PUBLIC_KEY;
	credential_note_certreq(&h, bytes_of(body, 41));
	assert_int_equal(h.n_cas, 0);
	body[0] = CERT_X509_SIGNATURE;
	credential_note_certreq(&h, bytes_of(body, 40)); /* no multiple of 20 */
	assert_int_equal(h.n_cas, 0);
	credential_note_certreq(&h, bytes_of(body, 41));
	assert_int_equal(h.n_cas, 2);
	assert_false(h.more_cas);
	credential_note_certreq(&h, BYTES_OF(body));
	assert_int_equal(h.n_cas, HINT_CAS_MAX);
	assert_true(h.more_cas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_announcements_the_classical_one_is_used),
	    cmocka_unit_test(announcements_are_obeyed),
	    cmocka_unit_test(what_nothing_fits_is_passed_over),
	    cmocka_unit_test(a_link_holds_for_its_ca_alone),
	    cmocka_unit_test(an_empty_list_is_a_promise),
	    cmocka_unit_test(odd_lists_are_read_as_far_as_they_go),
	    cmocka_unit_test(cas_are_kept_within_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
