/* Certificates as they are read, from a message or a file, and what is seen in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "maker.h"

static struct made ca;
static struct made gw;

static int setup(void **state)
{
	(void)state;
	ca = make_certificate(
	    &(struct wish){.subject = "CN=Root CA, O=Example", .constraints = "critical,CA:TRUE"});
	gw = make_certificate(&(struct wish){
	    .subject = "CN=gw.example",
	    .issuer = &ca,
	    .san = "DNS:gw.example,URI:http://x,IP:10.0.0.1,email:a@b,IP:2001:db8::1"});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unmake(&ca);
	unmake(&gw);
	return mem_blocks_held() != 0;
}

static struct bytes text_of(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	return bytes_of(p, (size_t)n);
}

static void a_certificate_says_who_it_is(void **state)
{
	struct certificate *copy = certificate_copy(gw.cert);
	uint8_t want[32];
	struct bytes der = certificate_der(gw.cert);

	(void)state;
	assert_string_equal(certificate_subject(gw.cert), "CN=gw.example");
	assert_string_equal(certificate_issuer(gw.cert), "CN=Root CA, O=Example");
	assert_int_equal(certificate_not_before(gw.cert), MAKER_NOW - 365 * 86400);
	assert_int_equal(certificate_not_after(gw.cert), MAKER_NOW + 365 * 86400);
	assert_int_equal(public_key_type(certificate_key(gw.cert)), KEY_ECDSA_P256);
	assert_true(certificate_is_ca(ca.cert));
	assert_false(certificate_is_ca(gw.cert));
	assert_true(certificate_issued(ca.cert, gw.cert));
	assert_false(certificate_issued(gw.cert, ca.cert));
	assert_int_equal(EVP_Q_digest(NULL, "SHA2-256", NULL, der.p, der.n, want, NULL), 1);
	assert_memory_equal(certificate_fingerprint(gw.cert), want, 32);
	assert_true(bytes_equal(certificate_der(copy), der));
	certificate_free(copy);
}

static void names_are_what_an_id_can_say(void **state)
{
	static const uint8_t types[] = {ID_FQDN, ID_IPV4_ADDR, ID_RFC822_ADDR, ID_IPV6_ADDR};
	struct bytes value;
	uint8_t type;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(certificate_name(gw.cert, i, &type, &value));
		assert_int_equal(type, types[i]);
	}
	assert_false(certificate_name(gw.cert, 4, &type, &value)); /* the URI is none */
	assert_false(certificate_name(ca.cert, 0, &type, &value));
}

static void the_subject_is_an_id(void **state)
{
	struct identity *id;
	const char *reason;
	char text[64];

	(void)state;
	assert_int_equal(
	    identity_from_wire(&id, ID_DER_ASN1_DN, certificate_subject_der(ca.cert), &reason),
	    ERR_NONE);
	assert_true(certificate_matches(ca.cert, id, text, sizeof(text)));
	assert_false(certificate_matches(gw.cert, id, text, sizeof(text)));
	assert_true(strlen(text) < sizeof(text)); /* cut, not overrun */
	assert_false(certificate_matches(gw.cert, id, NULL, 0));
	identity_free(id);
}

static void refuse(struct bytes der, enum err want)
{
	struct certificate *c;
	const char *reason = NULL;

	assert_int_equal(certificate_parse(&c, der, &reason), want);
	assert_null(c);
	assert_non_null(reason);
}

static void what_is_no_certificate_is_refused(void **state)
{
	struct bytes der = certificate_der(gw.cert);
	static uint8_t huge[CERTIFICATE_MAX + 1] = {0x30, 0x83, 0x0f, 0xff, 0xfb};
	uint8_t *longer = mem_new(der.n + 1);

	(void)state;
	refuse(bytes_of(NULL, 0), ERR_RANGE);
	refuse(BYTES_LITERAL("garbage"), ERR_SYNTAX);
	refuse(bytes_of(huge, CERTIFICATE_MAX), ERR_SYNTAX);
	refuse(BYTES_OF(huge), ERR_RANGE);
	for (size_t n = 1; n < der.n; n += 13)
		refuse(bytes_of(der.p, n), ERR_SYNTAX);
	memcpy(longer, der.p, der.n);
	refuse(bytes_of(longer, der.n + 1), ERR_SYNTAX); /* an octet after it */
	mem_free(longer);
}

/* Whatever octet is changed: refused, or read without harm. */
static void no_changed_octet_does_harm(void **state)
{
	struct bytes der = certificate_der(gw.cert);
	uint8_t *copy = mem_copy(der);

	(void)state;
	for (size_t i = 0; i < der.n; i++) {
		struct certificate *c;
		const char *reason;

		copy[i] ^= 0xff;
		if (certificate_parse(&c, bytes_of(copy, der.n), &reason) == ERR_NONE)
			certificate_free(c);
		copy[i] ^= 0xff;
	}
	mem_free(copy);
}

static void files_hold_one_or_several(void **state)
{
	struct certificate *certs[2];
	const char *reason = NULL;
	BIO *pem = maker_pem(&gw);
	size_t n;

	(void)state;
	assert_int_equal(certificates_parse(certs, 2, &n, certificate_der(gw.cert), &reason),
			 ERR_NONE);
	assert_int_equal(n, 1);
	certificate_free(certs[0]);
	BIO_puts(pem, "a comment\n-----BEGIN X-----\nAAAA\n-----END X-----\n");
	PEM_write_bio_X509(pem, ca.x509);
	assert_int_equal(certificates_parse(certs, 2, &n, text_of(pem), &reason), ERR_NONE);
	assert_int_equal(n, 2);
	assert_string_equal(certificate_subject(certs[0]), "CN=gw.example");
	assert_string_equal(certificate_subject(certs[1]), "CN=Root CA, O=Example");
	certificate_free(certs[0]);
	certificate_free(certs[1]);
	assert_int_equal(certificates_parse(certs, 1, &n, text_of(pem), &reason), ERR_LIMIT);
	assert_int_equal(n, 0);
	assert_int_equal(certificates_parse(certs, 2, &n,
					    bytes_of(text_of(pem).p, text_of(pem).n - 40), &reason),
			 ERR_SYNTAX);
	assert_int_equal(n, 0);
	BIO_free(pem);
	assert_int_equal(certificates_parse(certs, 2, &n, BYTES_LITERAL("nothing\n"), &reason),
			 ERR_SYNTAX);
	assert_int_equal(certificates_parse(certs, 2, &n, bytes_of(NULL, 0), &reason), ERR_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_certificate_says_who_it_is),
	    cmocka_unit_test(names_are_what_an_id_can_say),
	    cmocka_unit_test(the_subject_is_an_id),
	    cmocka_unit_test(what_is_no_certificate_is_refused),
	    cmocka_unit_test(no_changed_octet_does_harm),
	    cmocka_unit_test(files_hold_one_or_several),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
