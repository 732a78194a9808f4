/* What AUTH covers with and without downgrade prevention
 * (draft-ietf-ipsecme-ikev2-downgrade-prevention-08, Protocol Details; RFC 7296 2.15): check values
 * made from the formulas, with another program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/openssl.h"
#include "ike/auth_octets.h"

static const char id_i[] = "\x02\0\0\0i.example", id_r[] = "\x02\0\0\0r.example";

static struct crypto *crypto;
static uint8_t message_1[64], message_2[64], ni[32], nr[32], sk_pi[32], sk_pr[32];
static uint8_t int_auth[68];

/* The octets that one side signs. */
static struct auth_octets_of octets_of(bool initiator, bool transcript, bool intermediate)
{
	const struct bytes m1 = BYTES_OF(message_1), m2 = BYTES_OF(message_2);

	return (struct auth_octets_of){
	    .message = initiator ? m1 : m2,
	    .received = !transcript ? (struct bytes){0}
			: initiator ? m2
				    : m1,
	    .nonce = initiator ? BYTES_OF(nr) : BYTES_OF(ni),
	    .prf = prf_find(PRF_HMAC_SHA2_256),
	    .sk_p = initiator ? BYTES_OF(sk_pi) : BYTES_OF(sk_pr),
	    .id_body =
		initiator ? bytes_of(id_i, sizeof(id_i) - 1) : bytes_of(id_r, sizeof(id_r) - 1),
	    .int_auth = intermediate ? BYTES_OF(int_auth) : (struct bytes){0},
	};
}

static void expect_hex(const uint8_t *got, const char *hex)
{
	char text[65];

	for (size_t i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", got[i]);
	assert_string_equal(text, hex);
}

static void expect_octets(const struct auth_octets_of *of, const char *sha256)
{
	uint8_t *octets, digest[32];
	size_t n;

	assert_int_equal(auth_octets(crypto, of, &octets, &n), ERR_NONE);
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, octets, n, digest, NULL), 1);
	mem_free(octets);
	expect_hex(digest, sha256);
}

/* AUTH = prf(prf("secret", "Key Pad for IKEv2"), octets). */
static void expect_auth(struct auth_octets_of of, const char *hex)
{
	uint8_t *octets, pad[32], auth[32];
	struct bytes key_pad = bytes_of("Key Pad for IKEv2", 17), all;
	size_t n;

	assert_int_equal(auth_octets(crypto, &of, &octets, &n), ERR_NONE);
	all = bytes_of(octets, n);
	assert_int_equal(prf(crypto, of.prf, BYTES_LITERAL("secret"), &key_pad, 1, pad), ERR_NONE);
	assert_int_equal(prf(crypto, of.prf, BYTES_OF(pad), &all, 1, auth), ERR_NONE);
	mem_free(octets);
	expect_hex(auth, hex);
}

static void signed_octets(void **state)
{
	const struct auth_octets_of i = octets_of(true, true, false);
	const struct auth_octets_of r = octets_of(false, true, false);

	(void)state;
	expect_octets(&i, "9f2a4735c657d024da7938854392b2fabe0aefd59a1a93a8398a30549be03a2d");
	expect_octets(&r, "bbedc17cc838585d2fb2e60b8fd91f98e36e11862634aca7ada40b9447625f89");
}

static void shared_key(void **state)
{
	(void)state;
	expect_auth(octets_of(true, true, false),
		    "412d860a057566afda2e1219e4b0bc6c00fd4374cf5fe211cbc3c8f011f5e2c4");
	expect_auth(octets_of(false, true, false),
		    "4f88401eab0853849d53e3ac2404c745065cddd09a55e42bd8e40c15a82c81eb");
}

static void shared_key_without(void **state)
{
	(void)state;
	expect_auth(octets_of(true, false, false),
		    "7d81d47e9e23ff0193e42b9542c22039e720cc0aadd4bfcd65866f9a170df34e");
	expect_auth(octets_of(false, false, false),
		    "67b896ea0a03d9f393185bd0f90eabb8b9f2a419f0622780afa46c5df86ff82b");
}

/* IntAuth comes last, initiator's part first whoever signs (RFC 9242 3.3.2). */
static void shared_key_and_int_auth(void **state)
{
	(void)state;
	expect_auth(octets_of(true, true, true),
		    "d45b5946704d472e636d3b5638598af063f251f2ee97f5c8dafa0609a3983561");
	expect_auth(octets_of(false, true, true),
		    "981583fcaf8a925a035118259fd2559af3fa936d314be1ba332c93913e3a5343");
}

/* Octets of the one kind never begin like those of the other. */
static void zero_prefix(void **state)
{
	const struct auth_octets_of with = octets_of(true, true, false);
	const struct auth_octets_of without = octets_of(true, false, false);
	uint8_t *a, *b;
	size_t n, m;

	(void)state;
	assert_int_equal(auth_octets(crypto, &with, &a, &n), ERR_NONE);
	assert_int_equal(auth_octets(crypto, &without, &b, &m), ERR_NONE);
	assert_int_equal(n, m + 8 + sizeof(message_2));
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(a[i], 0);
	assert_memory_equal(a + 8, message_2, sizeof(message_2));
	assert_memory_equal(a + 8 + sizeof(message_2), b, m);
	mem_free(a);
	mem_free(b);
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(message_1); i++) {
		message_1[i] = (uint8_t)(i + 1);
		message_2[i] = (uint8_t)(0x81 + i);
	}
	memset(ni, 0x11, sizeof(ni));
	memset(nr, 0x22, sizeof(nr));
	memset(sk_pi, 0x33, sizeof(sk_pi));
	memset(sk_pr, 0x44, sizeof(sk_pr));
	memset(int_auth, 0x55, 32);
	memset(int_auth + 32, 0x66, 32);
	int_auth[67] = 2;
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
	    cmocka_unit_test(signed_octets),      cmocka_unit_test(shared_key),
	    cmocka_unit_test(shared_key_without), cmocka_unit_test(shared_key_and_int_auth),
	    cmocka_unit_test(zero_prefix),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
