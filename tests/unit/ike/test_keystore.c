/* pki/keystore.c: RFC 7296 2.15's shared-key MAC, which secret is found, and signing by name. */
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
#include "pki/keystore.h"

static struct crypto *crypto;
static struct keystore *store;
static struct identity *a, *a_upper, *b, *c, *dn;

static struct identity *id(const char *text)
{
	struct identity *out = NULL;
	const char *reason = "";

	if (identity_parse(&out, text, &reason) != ERR_NONE)
		fail_msg("%s: %s", text, reason);
	return out;
}

static enum err add(const struct identity *one, const struct identity *other, const char *secret)
{
	return keystore_add_secret(store, one, other, bytes_of(secret, strlen(secret)));
}

/* prf(prf(secret, "Key Pad for IKEv2"), octets) by hand. */
static void assert_secret(const struct identity *local, const struct identity *remote,
			  const char *secret)
{
	uint8_t key[32], expected[32], got[PRF_MAX];
	size_t n;
	enum err e =
	    keystore_shared_key_mac(store, crypto, local, remote, prf_find(PRF_HMAC_SHA2_256),
				    BYTES_LITERAL("octets"), got);

	if (secret == NULL) {
		assert_int_equal(e, ERR_NOT_FOUND);
		return;
	}
	assert_int_equal(e, ERR_NONE);
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, strlen(secret),
				  (const unsigned char *)"Key Pad for IKEv2", 17, key, sizeof(key),
				  &n));
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, sizeof(key),
				  (const unsigned char *)"octets", 6, expected, sizeof(expected),
				  &n));
	assert_memory_equal(got, expected, 32);
}

static void secrets_go_by_pair(void **state)
{
	(void)state;
	assert_secret(a, b, NULL);
	assert_int_equal(add(a, b, "ab"), ERR_NONE);
	assert_secret(a, b, "ab");
	assert_secret(b, a, "ab");
	assert_secret(b, a_upper, "ab");
	assert_secret(a, c, NULL);
	assert_int_equal(add(a, b, "other"), ERR_EXISTS);
	assert_int_equal(add(b, a_upper, "other"), ERR_EXISTS);
	assert_int_equal(add(a, c, ""), ERR_RANGE);
	assert_int_equal(add(dn, a, "by name"), ERR_NONE);
	assert_secret(a, dn, "by name");
}

static void the_more_exact_wins(void **state)
{
	(void)state;
	assert_int_equal(add(NULL, NULL, "everybody"), ERR_NONE);
	assert_secret(a, b, "everybody");
	assert_secret(a, NULL, "everybody");
	assert_int_equal(add(a, NULL, "a and any"), ERR_NONE);
	assert_secret(a, b, "a and any");
	assert_secret(c, b, "everybody");
	assert_int_equal(add(NULL, b, "b and any"), ERR_NONE);
	assert_secret(a, b, "b and any");
	assert_secret(b, a, "a and any");
	assert_int_equal(add(b, a, "both"), ERR_NONE);
	assert_secret(a, b, "both");
	assert_int_equal(add(NULL, NULL, "again"), ERR_EXISTS);
}

/* 10,000 peers: adding and finding must not walk them all. */
static void many_secrets(void **state)
{
	char text[40];

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		struct identity *peer;

		snprintf(text, sizeof(text), "gw-%u.example", i);
		peer = id(text);
		assert_int_equal(add(a, peer, text), ERR_NONE);
		identity_free(peer);
	}
	for (unsigned i = 0; i < 10000; i += 97) {
		struct identity *peer;

		snprintf(text, sizeof(text), "gw-%u.example", i);
		peer = id(text);
		assert_secret(a, peer, text);
		identity_free(peer);
	}
}

static struct private_key *new_key(void)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct private_key *key = NULL;
	unsigned char *der = NULL;
	const char *reason;
	int n;

	assert_non_null(pkey);
	n = i2d_PrivateKey(pkey, &der);
	assert_true(n > 0);
	assert_int_equal(private_key_parse(&key, bytes_of(der, (size_t)n), &reason), ERR_NONE);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	return key;
}

static bool signs_as(const char *name, const struct public_key *public)
{
	const struct signature_scheme *s = signature_scheme_find("ed25519");
	struct bytes octets = BYTES_LITERAL("octets"), signature;
	uint8_t *data = NULL;
	size_t n = 0;
	bool good;

	assert_non_null(s);
	assert_int_equal(keystore_sign(store, name, s, octets, &data, &n), ERR_NONE);
	assert_ptr_equal(signature_recognise(AUTH_DIGITAL_SIGNATURE, bytes_of(data, n), &signature),
			 s);
	good = signature_verify(public, s, signature, octets) == ERR_NONE;
	mem_free(data);
	return good;
}

static void keys_go_by_name(void **state)
{
	struct private_key *first = new_key(), *second = new_key();
	struct public_key *first_public = NULL, *second_public = NULL;
	uint8_t *data;
	size_t n;

	(void)state;
	assert_int_equal(private_key_public(first, &first_public), ERR_NONE);
	assert_int_equal(private_key_public(second, &second_public), ERR_NONE);
	assert_int_equal(keystore_sign(store, "gw", signature_scheme_find("ed25519"),
				       BYTES_LITERAL("octets"), &data, &n),
			 ERR_NOT_FOUND);
	assert_int_equal(keystore_add_key(store, "gw", first), ERR_NONE);
	assert_true(signs_as("gw", first_public));
	/* A key of the same name takes the place of the first. */
	assert_int_equal(keystore_add_key(store, "gw", second), ERR_NONE);
	assert_true(signs_as("gw", second_public));
	assert_false(signs_as("gw", first_public));
	assert_int_equal(keystore_add_key(store, "", new_key()), ERR_RANGE);
	public_key_free(first_public);
	public_key_free(second_public);
}

static size_t held;

static int set_up(void **state)
{
	(void)state;
	held = mem_blocks_held();
	crypto = crypto_new();
	store = keystore_new();
	a = id("gw-a.example");
	a_upper = id("GW-A.example");
	b = id("gw-b.example");
	c = id("192.0.2.1");
	dn = id("CN=gw, O=Example");
	return crypto != NULL && store != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	keystore_free(store);
	crypto_free(crypto);
	identity_free(a);
	identity_free(a_upper);
	identity_free(b);
	identity_free(c);
	identity_free(dn);
	return mem_blocks_held() == held ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(secrets_go_by_pair),
	    TEST(the_more_exact_wins),
	    TEST(many_secrets),
	    TEST(keys_go_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
