/* Certificates by somebody who means harm: loops, crowds of CAs of one name, algorithms that do not
 * fit, lengths that lie. None is believed, and each costs little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/openssl.h"
#include "pki/issue.h"
#include "pki/trust.h"

#define NOW 1795521600 /* 2026-11-24 12:00:00 UTC */
#define DAY 86400

static struct issue_key *root_key, *key_a, *key_b, *leaf_key;
static struct certificate *root;
static struct trust *trust; /* root */
static struct identity *name;
static const char *reason;
static char why[TRUST_REASON_MAX];

static struct certificate *issue(const char *subject, const struct issue_key *key, bool is_ca,
				 const struct certificate *issuer,
				 const struct issue_key *issuer_key)
{
	struct issue wish = {.issuer = issuer,
			     .issuer_key = issuer_key,
			     .key = key,
			     .subject = subject,
			     .names = (const struct identity *const *)&name,
			     .n_names = !is_ca,
			     .ca = is_ca,
			     .path_len = -1,
			     .not_before = NOW - DAY,
			     .not_after = NOW + DAY};
	struct certificate *c;

	if (issue_certificate(&wish, &c, &reason) != ERR_NONE)
		fail_msg("%s", reason);
	return c;
}

static struct issue_key *make_key(const char *kind)
{
	struct issue_key *key;

	assert_int_equal(issue_key_make(&key, kind, &reason), ERR_NONE);
	return key;
}

static int setup(void **state)
{
	(void)state;
	root_key = make_key("ecdsa-p256");
	key_a = make_key("ecdsa-p256");
	key_b = make_key("ecdsa-p256");
	leaf_key = make_key("ecdsa-p256");
	assert_int_equal(identity_parse(&name, "gw.example", &reason), ERR_NONE);
	root = issue("Root", root_key, true, NULL, NULL);
	trust = trust_new();
	return trust_add_ca(trust, root, &reason) != ERR_NONE;
}

static int teardown(void **state)
{
	(void)state;
	trust_free(trust);
	certificate_free(root);
	issue_key_free(root_key);
	issue_key_free(key_a);
	issue_key_free(key_b);
	issue_key_free(leaf_key);
	identity_free(name);
	return mem_blocks_held() != 0;
}

static enum err judge(const struct certificate *const *certs, size_t n)
{
	struct trust_policy policy = {0};

	return trust_check_chain(trust, &policy, certs, n, name, NOW, why, sizeof(why));
}

/* A certifies B and B certifies A: whoever climbs that comes back to where he was. */
static void test_loops(void **state)
{
	struct certificate *a = issue("A", key_a, true, NULL, NULL);
	struct certificate *b = issue("B", key_b, true, NULL, NULL);
	struct certificate *a_by_b = issue("A", key_a, true, b, key_b);
	struct certificate *b_by_a = issue("B", key_b, true, a, key_a);
	struct certificate *leaf = issue("leaf", leaf_key, false, a, key_a);
	struct certificate *self = issue("self", leaf_key, false, NULL, NULL);
	const struct certificate *const loop[] = {leaf, a_by_b, b_by_a};
	const struct certificate *const roots[] = {leaf, a_by_b, b_by_a, a, b};
	const struct certificate *const again[] = {leaf, leaf, leaf, leaf, leaf, leaf, leaf, leaf};
	const struct certificate *const alone[] = {self, self};

	(void)state;
	assert_int_equal(judge(loop, 3), ERR_AUTH);
	assert_int_equal(judge(roots, 5), ERR_AUTH);
	assert_int_equal(judge(again, 8), ERR_AUTH);
	assert_int_equal(judge(alone, 2), ERR_AUTH);
	certificate_free(a);
	certificate_free(b);
	certificate_free(a_by_b);
	certificate_free(b_by_a);
	certificate_free(leaf);
	certificate_free(self);
}

/* Others of the configured CA's name beside a good chain do not hide it, and certify nothing. */
static void test_crowd_of_one_name(void **state)
{
	struct certificate *leaf = issue("leaf", leaf_key, false, root, root_key);
	struct certificate *crowd[CERTIFICATES_MAX - 1];
	const struct certificate *certs[CERTIFICATES_MAX] = {leaf};

	(void)state;
	for (size_t i = 0; i < CERTIFICATES_MAX - 1; i++) {
		crowd[i] = issue("Root", i % 2 == 0 ? key_a : key_b, true, NULL, NULL);
		certs[i + 1] = crowd[i];
	}
	if (judge(certs, CERTIFICATES_MAX) != ERR_NONE)
		fail_msg("%s", why);
	certificate_free(leaf);
	leaf = issue("leaf", leaf_key, false, crowd[0], key_a);
	certs[0] = leaf;
	assert_int_equal(judge(certs, CERTIFICATES_MAX), ERR_AUTH);
	assert_int_equal(judge(certs, 1), ERR_AUTH);
	certificate_free(leaf);
	for (size_t i = 0; i < CERTIFICATES_MAX - 1; i++)
		certificate_free(crowd[i]);
}

/* A KEM's key proves nothing by a signature (RFC 9935 5: keyEncipherment alone). */
static void test_kem_key_for_signing(void **state)
{
	struct issue_key *kem = make_key("mlkem512");
	struct certificate *leaf = issue("leaf", kem, false, root, root_key);
	const struct certificate *const certs[] = {leaf};

	(void)state;
	assert_int_equal(judge(certs, 1), ERR_AUTH);
	certificate_free(leaf);
	issue_key_free(kem);
}

static X509 *decoded(const struct certificate *c)
{
	struct bytes der = certificate_der(c);
	const unsigned char *p = der.p;

	return d2i_X509(NULL, &p, (long)der.n);
}

/* leaf with another outer signatureAlgorithm than the one that was signed (RFC 5280 4.1.1.2). */
static enum err judge_with_algorithm(const struct certificate *leaf, int nid, int type,
				     ASN1_STRING *value)
{
	const ASN1_BIT_STRING *signature;
	const X509_ALGOR *algorithm;
	const struct certificate *certs[1];
	struct certificate *c;
	X509 *x = decoded(leaf);
	unsigned char *der = NULL;
	enum err e;
	int n;

	X509_get0_signature(&signature, &algorithm, x);
	assert_int_equal(
	    X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)algorithm, OBJ_nid2obj(nid), type, value), 1);
	n = i2d_X509(x, &der);
	assert_true(n > 0);
	e = certificate_parse(&c, bytes_of(der, (size_t)n), &reason);
	certs[0] = c;
	if (e == ERR_NONE)
		e = judge(certs, 1);
	certificate_free(c);
	OPENSSL_free(der);
	X509_free(x);
	return e;
}

static ASN1_STRING *octets(const char *text, int n)
{
	ASN1_STRING *s = ASN1_STRING_type_new(V_ASN1_OCTET_STRING);

	assert_int_equal(ASN1_STRING_set(s, text, n), 1);
	return s;
}

static void test_wrong_algorithms(void **state)
{
	struct certificate *leaf = issue("leaf", leaf_key, false, root, root_key);
	static const int others[] = {
	    NID_ecdsa_with_SHA1, NID_ecdsa_with_SHA512, NID_sha256WithRSAEncryption,
	    NID_rsassaPss,       NID_ED25519,           NID_commonName};

	(void)state;
	assert_int_equal(judge_with_algorithm(leaf, NID_ecdsa_with_SHA256, V_ASN1_UNDEF, NULL),
			 ERR_NONE); /* as it was */
	assert_int_not_equal(judge_with_algorithm(leaf, NID_ecdsa_with_SHA256, V_ASN1_NULL, NULL),
			     ERR_NONE);
	assert_int_not_equal(judge_with_algorithm(leaf, NID_ecdsa_with_SHA256, V_ASN1_OCTET_STRING,
						  octets("\x05\x00\xff", 3)),
			     ERR_NONE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_not_equal(judge_with_algorithm(leaf, others[i], V_ASN1_UNDEF, NULL),
				     ERR_NONE);
		assert_int_not_equal(judge_with_algorithm(leaf, others[i], V_ASN1_NULL, NULL),
				     ERR_NONE);
	}
	certificate_free(leaf);
}

/* Every octet, lengths among them, replaced by what lengths and tags lie with. */
static void test_lying_octets(void **state)
{
	static const uint8_t lies[] = {0x00, 0x7f, 0x80, 0x84, 0xff};
	struct certificate *leaf = issue("leaf", leaf_key, false, root, root_key);
	struct bytes der = certificate_der(leaf);
	uint8_t *copy = mem_copy(der);

	(void)state;
	for (size_t i = 0; i < der.n; i++) {
		for (size_t k = 0; k < sizeof(lies); k++) {
			const struct certificate *certs[1];
			struct certificate *c;

			if (copy[i] == lies[k])
				continue;
			copy[i] = lies[k];
			if (certificate_parse(&c, bytes_of(copy, der.n), &reason) == ERR_NONE) {
				certs[0] = c;
				if (judge(certs, 1) == ERR_NONE)
					fail_msg("octet %zu as %02x is believed", i, lies[k]);
				certificate_free(c);
			}
			copy[i] = der.p[i];
		}
	}
	mem_free(copy);
	certificate_free(leaf);
}

/* As many names as fit into the longest certificate that is read: those beyond the first 64 are
 * not looked at. */
static void test_crowd_of_names(void **state)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct certificate *plain = issue("leaf", leaf_key, true, NULL, NULL), *c;
	X509 *x = decoded(plain);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	unsigned char *der = NULL;
	struct bytes value;
	uint8_t type;
	size_t n = 0;
	int len;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		GENERAL_NAME *one = GENERAL_NAME_new();
		ASN1_STRING *s = ASN1_STRING_type_new(V_ASN1_IA5STRING);
		char text[16];

		(void)snprintf(text, sizeof(text), "h%d.example", i);
		ASN1_STRING_set(s, text, -1);
		GENERAL_NAME_set0_value(one, GEN_DNS, s);
		sk_GENERAL_NAME_push(names, one);
	}
	assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
	assert_true(X509_sign(x, key, NULL) > 0);
	len = i2d_X509(x, &der);
	assert_true(len > 0 && len <= CERTIFICATE_MAX);
	assert_int_equal(certificate_parse(&c, bytes_of(der, (size_t)len), &reason), ERR_NONE);
	while (certificate_name(c, n, &type, &value))
		n++;
	assert_int_equal(n, CERTIFICATE_NAMES_MAX);
	certificate_free(c);
	certificate_free(plain);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	X509_free(x);
	GENERAL_NAMES_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_loops),
	    cmocka_unit_test(test_crowd_of_one_name),
	    cmocka_unit_test(test_kem_key_for_signing),
	    cmocka_unit_test(test_wrong_algorithms),
	    cmocka_unit_test(test_lying_octets),
	    cmocka_unit_test(test_crowd_of_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
