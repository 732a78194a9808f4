/* CertificateBundle (RFC 7296 3.6): octets written out by hand, limits, and what is malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "pki/cert_bundle.h"

/* SEQUENCE { [0] SEQUENCE { 1 octet }, [1] SEQUENCE {} }: what stands for a certificate and a list.
 */
static const uint8_t small[] = {0x30, 0x0b, 0xa0, 0x05, 0x30, 0x03, 0x02,
				0x01, 0x07, 0xa1, 0x02, 0x30, 0x00};

static void octets_by_hand(void **state)
{
	struct cert_bundle b;
	const char *reason;
	uint8_t out[sizeof(small)];
	struct writer w = writer_of(out, sizeof(out));

	(void)state;
	assert_int_equal(cert_bundle_parse(&b, BYTES_OF(small), &reason), ERR_NONE);
	assert_int_equal(b.n, 2);
	assert_false(b.parts[0].crl);
	assert_true(b.parts[1].crl);
	assert_ptr_equal(b.parts[0].der.p, small + 4);
	assert_int_equal(b.parts[0].der.n, 5);
	assert_int_equal(cert_bundle_len(&b), sizeof(small));
	cert_bundle_write(&b, &w);
	assert_true(writer_ok(&w));
	assert_memory_equal(out, small, sizeof(small));
}

static void long_lengths(void **state)
{
	uint8_t cert[70000] = {0x30, 0x83, 0x01, 0x11, 0x6b}; /* 69995 octets follow */
	static uint8_t out[150000];
	struct cert_bundle b = {.n = 2,
				.parts = {{BYTES_OF(cert), false}, {BYTES_OF(cert), false}}};
	struct cert_bundle back;
	const char *reason;
	struct writer w = writer_of(out, sizeof(out));

	(void)state;
	cert_bundle_write(&b, &w);
	assert_int_equal(w.n, cert_bundle_len(&b));
	assert_int_equal(cert_bundle_parse(&back, writer_bytes_so_far(&w), &reason), ERR_NONE);
	assert_int_equal(back.n, 2);
	assert_true(bytes_equal(back.parts[1].der, BYTES_OF(cert)));
}

static void malformed(void **state)
{
	static const struct {
		uint8_t p[16];
		size_t n;
	} bad[] = {
	    {{0}, 0},                                              /* nothing */
	    {{0x30, 0x00}, 2},                                     /* empty */
	    {{0x31, 0x04, 0xa0, 0x02, 0x30, 0x00}, 6},             /* a SET */
	    {{0x30, 0x04, 0xa0, 0x02, 0x30, 0x00, 0x00}, 7},       /* something after it */
	    {{0x30, 0x80, 0xa0, 0x02, 0x30, 0x00, 0x00, 0x00}, 8}, /* indefinite */
	    {{0x30, 0x04, 0xa1, 0x02, 0x30, 0x00}, 6},             /* a list first */
	    {{0x30, 0x04, 0xa2, 0x02, 0x30, 0x00}, 6},             /* another tag */
	    {{0x30, 0x04, 0x80, 0x02, 0x30, 0x00}, 6},             /* not constructed */
	    {{0x30, 0x04, 0x30, 0x02, 0x30, 0x00}, 6},             /* no tag */
	    {{0x30, 0x04, 0xa0, 0x02, 0x04, 0x00}, 6},             /* no SEQUENCE in it */
	    {{0x30, 0x05, 0xa0, 0x03, 0x30, 0x00, 0x00}, 7},       /* more than one in it */
	    {{0x30, 0x04, 0xa0, 0x03, 0x30, 0x00}, 6},             /* beyond the end */
	    {{0x30, 0x05, 0xa0, 0x02, 0x30, 0x00}, 6},             /* the same, outside */
	    {{0x30, 0x06, 0xa0, 0x84, 0xff, 0xff, 0xff, 0xff}, 8}, /* a huge length */
	    {{0x30, 0x03, 0xa0, 0x82, 0x01}, 5},                   /* cut off in one */
	};
	struct cert_bundle b;
	const char *reason;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cert_bundle_parse(&b, bytes_of(bad[i].p, bad[i].n), &reason),
				 ERR_SYNTAX);
	for (size_t n = 0; n < sizeof(small); n++)
		assert_int_equal(cert_bundle_parse(&b, bytes_of(small, n), &reason), ERR_SYNTAX);
}

/* Eight certificates and four lists, not more. */
static void limits(void **state)
{
	for (unsigned certs = 1; certs <= 9; certs++) {
		for (unsigned crls = 0; crls <= 5; crls++) {
			uint8_t octets[2 + 14 * 4] = {0x30};
			struct cert_bundle b;
			const char *reason;
			struct writer w = writer_of(octets, sizeof(octets));

			(void)state;
			writer_u8(&w, 0x30);
			writer_u8(&w, (uint8_t)(4 * (certs + crls)));
			for (unsigned i = 0; i < certs + crls; i++)
				writer_u32(&w, i < certs ? 0xa0023000 : 0xa1023000);
			assert_int_equal(cert_bundle_parse(&b, writer_bytes_so_far(&w), &reason),
					 certs <= 8 && crls <= 4 ? ERR_NONE : ERR_LIMIT);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(octets_by_hand),
	    cmocka_unit_test(long_lengths),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
