/* Chains of ML-DSA, SLH-DSA and composite certificates (RFC 9881, RFC 9909,
 * draft-ietf-lamps-pq-composite-sigs): what is believed, and the sentences for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "maker.h"
#include "pki/trust.h"

static char reason_text[TRUST_REASON_MAX];

static struct made ca(const char *key, const struct made *issuer)
{
	return make_certificate(&(struct wish){.subject = issuer == NULL ? "CN=Root" : "CN=Issuing",
					       .issuer = issuer,
					       .constraints = "critical,CA:TRUE",
					       .key_usage = "keyCertSign",
					       .curve = key});
}

static struct made leaf(const char *key, const struct made *issuer, const char *usage)
{
	return make_certificate(&(struct wish){.subject = "CN=gw",
					       .issuer = issuer,
					       .san = "DNS:gw.example",
					       .key_usage = usage,
					       .curve = key});
}

static bool as_kem; /* what the chain is to be good for */

static enum err judge(const struct made *root, const struct made *inter, const struct made *gw)
{
	const struct certificate *certs[] = {gw->cert, inter->cert};
	struct trust *t = trust_new();
	const char *reason;

	assert_int_equal(trust_add_ca(t, root->cert, &reason), ERR_NONE);
	enum err e = trust_check_chain(t, &(struct trust_policy){.kem = as_kem}, certs, 2, NULL,
				       MAKER_NOW, reason_text, sizeof(reason_text));
	trust_free(t);
	return e;
}

static void chains_of_each_family_are_believed(void **state)
{
	static const char *const keys[][3] = {
	    {"ML-DSA-65", "ML-DSA-65", "ML-DSA-65"},
	    {"ML-DSA-87", "ML-DSA-65", "ML-DSA-44"},
	    {"SLH-DSA-SHA2-128s", "ML-DSA-44", "SLH-DSA-SHAKE-128f"},
	    {"P-256", "ML-DSA-65", "rsa2048"},
	    {"SLH-DSA-SHA2-256f", "SLH-DSA-SHA2-256f", "SLH-DSA-SHA2-256f"},
	    {"MLDSA65-ECDSA-P256-SHA512", "MLDSA65-Ed25519-SHA512", "MLDSA44-ECDSA-P256-SHA256"},
	    {"MLDSA87-Ed448-SHAKE256", "ML-DSA-65", "MLDSA65-ECDSA-brainpoolP256r1-SHA512"},
	    {"P-256", "MLDSA44-RSA2048-PSS-SHA256", "rsa2048"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct made root = ca(keys[i][0], NULL), inter = ca(keys[i][1], &root);
		struct made gw = leaf(keys[i][2], &inter, "digitalSignature");

		assert_int_equal(judge(&root, &inter, &gw), ERR_NONE);
		assert_true(certificate_der(gw.cert).n <= CERTIFICATE_MAX);
		unmake(&gw);
		unmake(&inter);
		unmake(&root);
	}
}

/* One changed octet of a signature, in each link. */
static void a_changed_signature_is_noticed(void **state)
{
	struct made root = ca("ML-DSA-44", NULL), inter = ca("ML-DSA-44", &root);
	struct made gw = leaf("ML-DSA-44", &inter, NULL);

	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct made bad = which == 0 ? gw : inter;
		struct bytes der = certificate_der(bad.cert);
		uint8_t *copy = mem_copy(der);
		const char *reason;

		copy[der.n - 1] ^= 1;
		assert_int_equal(certificate_parse(&bad.cert, bytes_of(copy, der.n), &reason),
				 ERR_NONE);
		assert_int_equal(judge(&root, which == 0 ? &inter : &bad, which == 0 ? &bad : &gw),
				 ERR_AUTH);
		assert_non_null(strstr(reason_text, "is wrong"));
		certificate_free(bad.cert);
		mem_free(copy);
	}
	unmake(&gw);
	unmake(&inter);
	unmake(&root);
}

/* A signature of the wrong length, or with one half changed, by a composite CA: the draft's section
 * 3.3. Both halves are in the last 3373 octets, that of Ed25519 in the last 64. */
static void both_halves_of_a_composite_count(void **state)
{
	static const size_t from_end[] = {1, 64, 65, 3373};
	struct made root = ca("MLDSA65-Ed25519-SHA512", NULL);
	struct made inter = ca("MLDSA65-Ed25519-SHA512", &root);
	struct made gw = leaf("MLDSA65-Ed25519-SHA512", &inter, NULL);
	struct bytes der = certificate_der(gw.cert);
	const char *reason;

	(void)state;
	for (size_t i = 0; i < sizeof(from_end) / sizeof(from_end[0]); i++) {
		struct made bad = gw;
		uint8_t *copy = mem_copy(der);

		copy[der.n - from_end[i]] ^= 1;
		assert_int_equal(certificate_parse(&bad.cert, bytes_of(copy, der.n), &reason),
				 ERR_NONE);
		assert_int_equal(judge(&root, &inter, &bad), ERR_AUTH);
		assert_non_null(strstr(reason_text, "is wrong"));
		certificate_free(bad.cert);
		mem_free(copy);
	}
	unmake(&gw);
	unmake(&inter);
	unmake(&root);
}

/* Another algorithm's identifier, one with parameters, and a bare ML-DSA one, signed by the CA. */
static void a_composite_identifier_says_what_it_is(void **state)
{
	static const struct {
		const char *oid;
		int parameters;
		bool good;
	} cases[] = {
	    {"1.3.6.1.5.5.7.6.48", V_ASN1_UNDEF, true},
	    {"1.3.6.1.5.5.7.6.48", V_ASN1_NULL, false},
	    {"1.3.6.1.5.5.7.6.45", V_ASN1_UNDEF, false},
	    {"2.16.840.1.101.3.4.3.18", V_ASN1_UNDEF, false},
	};
	struct made root = ca("ML-DSA-44", NULL), inter = ca("MLDSA65-Ed25519-SHA512", &root);
	struct made gw = leaf("ML-DSA-44", &inter, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made other = {gw.key, NULL, NULL};

		other.cert = maker_resigned(&gw, inter.key, cases[i].oid, cases[i].parameters);
		assert_int_equal(judge(&root, &inter, &other), cases[i].good ? ERR_NONE : ERR_AUTH);
		certificate_free(other.cert);
	}
	unmake(&gw);
	unmake(&inter);
	unmake(&root);
}

/* RFC 9881 5, RFC 9909 6: a key that signs encrypts nothing. */
static void key_usage_must_not_say_encryption(void **state)
{
	static const char *const wrong[] = {
	    "digitalSignature,keyEncipherment", "digitalSignature,dataEncipherment",
	    "digitalSignature,keyAgreement", "digitalSignature,keyAgreement,decipherOnly"};
	struct made root = ca("ML-DSA-44", NULL), inter = ca("ML-DSA-44", &root);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct made gw = leaf(i == 0   ? "SLH-DSA-SHA2-128f"
				      : i == 1 ? "MLDSA65-Ed25519-SHA512"
					       : "ML-DSA-44",
				      &inter, wrong[i]);
		assert_int_equal(judge(&root, &inter, &gw), ERR_AUTH);
		assert_non_null(strstr(reason_text, "allows encryption"));
		unmake(&gw);
		/* A key of the old kinds may have it. */
		gw = leaf("rsa2048", &inter, wrong[i]);
		assert_int_equal(judge(&root, &inter, &gw), ERR_NONE);
		unmake(&gw);
	}
	struct made gw = leaf("ML-DSA-44", &inter, "keyCertSign");
	assert_int_equal(judge(&root, &inter, &gw), ERR_AUTH);
	unmake(&gw);
	unmake(&inter);
	unmake(&root);
}

static int teardown(void **state)
{
	(void)state;
	return mem_blocks_held() != 0;
}

/* RFC 9935 5, and that no certificate is good for both ways to prove oneself. */
static void a_kem_certificate_says_key_encipherment_alone(void **state)
{
	static const char *const keys[] = {"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"};
	static const char *const wrong[] = {"digitalSignature", "keyEncipherment,digitalSignature",
					    "keyEncipherment,keyAgreement", "keyAgreement",
					    "keyEncipherment,dataEncipherment"};
	struct made root = ca("ML-DSA-44", NULL), inter = ca("ML-DSA-44", &root);

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (unsigned absent = 0; absent < 2; absent++) {
			struct made gw = leaf(keys[i], &inter, absent ? NULL : "keyEncipherment");
			as_kem = true;
			assert_int_equal(judge(&root, &inter, &gw), ERR_NONE);
			as_kem = false;
			assert_int_equal(judge(&root, &inter, &gw), ERR_AUTH);
			assert_non_null(strstr(reason_text, "has a KEM's key, which cannot sign"));
			unmake(&gw);
		}
	}
	as_kem = true;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct made gw = leaf("ML-KEM-768", &inter, wrong[i]);
		assert_int_equal(judge(&root, &inter, &gw), ERR_AUTH);
		assert_non_null(strstr(reason_text, "must be keyEncipherment alone"));
		unmake(&gw);
	}
	struct made gw = leaf("ML-DSA-44", &inter, "digitalSignature");
	assert_int_equal(judge(&root, &inter, &gw), ERR_AUTH);
	assert_non_null(strstr(reason_text, "a key that signs, where a KEM's must be"));
	as_kem = false;
	unmake(&gw);
	unmake(&inter);
	unmake(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chains_of_each_family_are_believed),
	    cmocka_unit_test(a_changed_signature_is_noticed),
	    cmocka_unit_test(both_halves_of_a_composite_count),
	    cmocka_unit_test(a_composite_identifier_says_what_it_is),
	    cmocka_unit_test(key_usage_must_not_say_encryption),
	    cmocka_unit_test(a_kem_certificate_says_key_encipherment_alone),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
