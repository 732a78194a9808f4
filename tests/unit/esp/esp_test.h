/* What the tests of the ESP floor share. */
#ifndef POSTERN_TESTS_ESP_TEST_H
#define POSTERN_TESTS_ESP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/ikev2_numbers.h"
#include "esp/packet.h"
#include "esp/sa.h"

#define TEST_SPI      0x1234abcdU
#define TEST_BUF      2048
#define TEST_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A packet with its own buffer. */
struct box {
	uint8_t buf[TEST_BUF];
	struct packet p;
};

struct test_suite {
	uint16_t encr, bits, integ;
};

/* Every suite that the floor is tested with: all ciphers that ESP takes, all key sizes, all
 * integrity algorithms. Fills at most most entries, returns how many there are. */
size_t test_suites(struct test_suite *out, size_t most);
struct protect_suite test_suite_of(const struct test_suite *t);

/* Deterministic octets: the test's own generator (xorshift64*). */
uint64_t test_random(uint64_t *state);
void test_fill(uint64_t *state, void *buf, size_t n);
/* A random_source over a uint64_t state. */
struct random_source test_source(uint64_t *state);

/* An SA with keys made from seed, so that both directions of a pair agree. */
struct esp_sa *test_sa(const struct test_suite *t, bool outbound, bool esn, uint32_t window,
		       uint64_t seed);
struct esp_sa_params test_params(const struct test_suite *t, bool esn, uint8_t *keys,
				 uint64_t seed);

/* Puts len octets into the box, with head-room. octets may be NULL: a pattern that depends on len.
 */
void box_put(struct box *b, const void *octets, size_t len, uint8_t next_header);
size_t seal_one(struct esp_engine *e, struct esp_sa *sa, struct box *b);
size_t open_one(struct esp_engine *e, struct esp_sa *sa, struct box *b);

/* Octets from hexadecimal text, into out; returns how many. */
size_t unhex(const char *text, uint8_t *out, size_t cap);

#endif
