/* ike/cookie.c and ike/natd.c: RFC 7296 2.6 and 2.23. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "crypto/openssl.h"
#include "ike/cookie.h"
#include "ike/natd.h"

static struct crypto *crypto;
static const uint8_t nonce[] = "0123456789abcdef";
static const uint64_t spi = 0x0102030405060708;

/* A source whose octets tell how often it was asked. */
static void fill(void *ctx, void *buf, size_t n)
{
	uint8_t *calls = ctx;

	memset(buf, ++*calls, n);
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), ERR_NONE);
	return a;
}

static void cookies_are_hmacs(void **state)
{
	static const uint8_t data[] = {1,   2,   3,   4,   5,   6,   7,   8,   4,   192,
				       0,   2,   1,   '0', '1', '2', '3', '4', '5', '6',
				       '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
	uint8_t calls = 0, secret[32], expected[32], got[COOKIE_LEN];
	struct random_source random = {fill, &calls};
	struct cookie_jar jar;
	struct addr peer = addr("192.0.2.1");
	struct bytes ni = bytes_of(nonce, 16);

	(void)state;
	memset(secret, 1, sizeof(secret));
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, sizeof(secret), data,
				  sizeof(data), expected, sizeof(expected), NULL));
	cookie_jar_init(&jar, &random, 0);
	assert_int_equal(cookie_make(&jar, crypto, ni, &peer, spi, got), ERR_NONE);
	assert_int_equal(got[0], 0);
	assert_memory_equal(got + 1, expected, 32);
}

static void cookies_bind_their_peer(void **state)
{
	uint8_t calls = 0, cookie[COOKIE_LEN];
	struct random_source random = {fill, &calls};
	struct cookie_jar jar;
	struct addr peer = addr("192.0.2.1"), other = addr("192.0.2.2");
	struct addr six = addr("c000:201::"); /* the same first octets */
	struct bytes ni = bytes_of(nonce, 16);

	(void)state;
	cookie_jar_init(&jar, &random, 0);
	assert_int_equal(cookie_make(&jar, crypto, ni, &peer, spi, cookie), ERR_NONE);
	assert_true(cookie_check(&jar, crypto, ni, &peer, spi, BYTES_OF(cookie)));
	assert_false(cookie_check(&jar, crypto, ni, &other, spi, BYTES_OF(cookie)));
	assert_false(cookie_check(&jar, crypto, ni, &six, spi, BYTES_OF(cookie)));
	assert_false(cookie_check(&jar, crypto, ni, &peer, spi + 1, BYTES_OF(cookie)));
	assert_false(
	    cookie_check(&jar, crypto, bytes_of(nonce + 1, 15), &peer, spi, BYTES_OF(cookie)));
	assert_false(cookie_check(&jar, crypto, ni, &peer, spi, bytes_of(cookie, COOKIE_LEN - 1)));
	assert_false(cookie_check(&jar, crypto, ni, &peer, spi, bytes_of(NULL, 0)));
	for (size_t i = 0; i < COOKIE_LEN; i++) {
		cookie[i] ^= 0x10;
		assert_false(cookie_check(&jar, crypto, ni, &peer, spi, BYTES_OF(cookie)));
		cookie[i] ^= 0x10;
	}
}

/* RFC 7296 2.6: the secret changes, and for a while both are good. */
static void secrets_rotate(void **state)
{
	uint8_t calls = 0, cookie[COOKIE_LEN], second[COOKIE_LEN];
	struct random_source random = {fill, &calls};
	struct cookie_jar jar;
	struct addr peer = addr("2001:db8::1");
	struct bytes ni = bytes_of(nonce, 16);

	(void)state;
	cookie_jar_init(&jar, &random, 1000);
	assert_int_equal(cookie_make(&jar, crypto, ni, &peer, spi, cookie), ERR_NONE);
	cookie_jar_turn(&jar, &random, 999 + COOKIE_SECRET_LIFE);
	assert_int_equal(calls, 1);
	cookie_jar_turn(&jar, &random, 1000 + COOKIE_SECRET_LIFE);
	assert_int_equal(calls, 2);
	assert_true(cookie_check(&jar, crypto, ni, &peer, spi, BYTES_OF(cookie)));
	assert_int_equal(cookie_make(&jar, crypto, ni, &peer, spi, second), ERR_NONE);
	assert_int_equal(second[0], 1);
	assert_memory_not_equal(second + 1, cookie + 1, COOKIE_LEN - 1);
	cookie_jar_turn(&jar, &random, 1000 + 2 * COOKIE_SECRET_LIFE);
	assert_false(cookie_check(&jar, crypto, ni, &peer, spi, BYTES_OF(cookie)));
	assert_true(cookie_check(&jar, crypto, ni, &peer, spi, BYTES_OF(second)));
	/* After a long silence nothing old is good. */
	cookie_jar_turn(&jar, &random, 1000 + 9 * COOKIE_SECRET_LIFE);
	assert_int_equal(cookie_make(&jar, crypto, ni, &peer, spi, cookie), ERR_NONE);
	second[0] = (uint8_t)(cookie[0] - 1);
	assert_false(cookie_check(&jar, crypto, ni, &peer, spi, BYTES_OF(second)));
	assert_true(cookie_check(&jar, crypto, ni, &peer, spi, BYTES_OF(cookie)));
}

static void a_first_version_has_no_predecessor(void **state)
{
	uint8_t calls = 0, cookie[COOKIE_LEN] = {0xff}, expected[32];
	struct random_source random = {fill, &calls};
	static const uint8_t zero[32];
	uint8_t data[29] = {1, 2, 3, 4, 5, 6, 7, 8, 4, 192, 0, 2, 1};
	struct cookie_jar jar;
	struct addr peer = addr("192.0.2.1");

	(void)state;
	memcpy(data + 13, nonce, 16);
	cookie_jar_init(&jar, &random, 0);
	/* Made with the secret that was never drawn. */
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, zero, sizeof(zero), data,
				  sizeof(data), expected, sizeof(expected), NULL));
	memcpy(cookie + 1, expected, 32);
	assert_false(cookie_check(&jar, crypto, bytes_of(nonce, 16), &peer, spi, BYTES_OF(cookie)));
}

static void natd_is_sha1(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6,   7, 8, 0, 0,    0,
				       0, 0, 0, 0, 9, 192, 0, 2, 1, 0x01, 0xf4};
	uint8_t expected[20], got[NATD_LEN];
	struct endpoint e = {addr("192.0.2.1"), 500}, none = {.port = 500};

	(void)state;
	assert_int_equal(EVP_Q_digest(NULL, "SHA1", NULL, data, sizeof(data), expected, NULL), 1);
	assert_int_equal(natd_hash(crypto, spi, 9, &e, got), ERR_NONE);
	assert_memory_equal(got, expected, 20);
	assert_int_equal(natd_hash(crypto, spi, 9, &none, got), ERR_RANGE);
}

static void nats_are_seen(void **state)
{
	struct endpoint inside = {addr("10.0.0.1"), 500}, other = {addr("10.0.0.2"), 500};
	struct path path = {.local = {addr("192.0.2.9"), 500}, .remote = {addr("192.0.2.1"), 1024}};
	uint8_t h[NATD_LEN];
	struct natd n;

	(void)state;
	assert_int_equal(natd_expect(&n, crypto, spi, 0, &path), ERR_NONE);
	assert_false(natd_supported(&n));
	assert_false(natd_there(&n));
	assert_false(natd_here(&n));
	/* The peer says other addresses than the one we see: it is behind a NAT. */
	natd_hash(crypto, spi, 0, &inside, h);
	natd_note(&n, NOTIFY_NAT_DETECTION_SOURCE_IP, BYTES_OF(h));
	assert_true(natd_there(&n));
	natd_hash(crypto, spi, 0, &other, h);
	natd_note(&n, NOTIFY_NAT_DETECTION_SOURCE_IP, BYTES_OF(h));
	assert_true(natd_there(&n));
	assert_false(natd_supported(&n));
	natd_hash(crypto, spi, 0, &path.local, h);
	natd_note(&n, NOTIFY_NAT_DETECTION_DESTINATION_IP, BYTES_OF(h));
	assert_true(natd_supported(&n));
	assert_false(natd_here(&n));
	/* One of several that matches is enough. */
	natd_hash(crypto, spi, 0, &path.remote, h);
	natd_note(&n, NOTIFY_NAT_DETECTION_SOURCE_IP, BYTES_OF(h));
	assert_false(natd_there(&n));
	natd_hash(crypto, spi, 0, &other, h);
	natd_note(&n, NOTIFY_NAT_DETECTION_SOURCE_IP, BYTES_OF(h));
	assert_false(natd_there(&n));

	assert_int_equal(natd_expect(&n, crypto, spi, 0, &path), ERR_NONE);
	natd_hash(crypto, spi, 0, &inside, h);
	natd_note(&n, NOTIFY_NAT_DETECTION_DESTINATION_IP, BYTES_OF(h));
	assert_true(natd_here(&n));
	natd_note(&n, NOTIFY_NAT_DETECTION_SOURCE_IP, bytes_of(h, 3));
	assert_true(natd_there(&n));
}

static int set_up(void **state)
{
	(void)state;
	crypto = crypto_new();
	return crypto != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	crypto_free(crypto);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cookies_are_hmacs),
	    cmocka_unit_test(cookies_bind_their_peer),
	    cmocka_unit_test(secrets_rotate),
	    cmocka_unit_test(a_first_version_has_no_predecessor),
	    cmocka_unit_test(natd_is_sha1),
	    cmocka_unit_test(nats_are_seen),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
