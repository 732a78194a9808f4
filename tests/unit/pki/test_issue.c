/* What a CA makes: keys of every kind, certificates as RFC 4945 5.1 and RFC 9935 want them,
 * revocation lists as RFC 5280 5 does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/openssl.h"
#include "pki/describe.h"
#include "pki/issue.h"
#include "pki/trust.h"

#define NOW 1795521600 /* 2026-11-24 12:00:00 UTC */
#define DAY 86400

static struct issue_key *ca_key;
static struct certificate *ca;
static const char *reason;

static struct issue_key *make(const char *kind)
{
	struct issue_key *key;

	assert_int_equal(issue_key_make(&key, kind, &reason), ERR_NONE);
	assert_string_equal(issue_key_name(key), kind);
	return key;
}

static struct issue ca_wish(const struct issue_key *key)
{
	return (struct issue){.key = key,
			      .subject = "Team, and CA",
			      .ca = true,
			      .path_len = -1,
			      .not_before = NOW,
			      .not_after = NOW + 100 * DAY};
}

static int setup(void **state)
{
	struct issue wish;

	(void)state;
	ca_key = make("ecdsa-p256");
	wish = ca_wish(ca_key);
	return issue_certificate(&wish, &ca, &reason) != ERR_NONE;
}

static int teardown(void **state)
{
	(void)state;
	certificate_free(ca);
	issue_key_free(ca_key);
	return mem_blocks_held() != 0;
}

static struct issue leaf_wish(const struct issue_key *key, const struct identity *const *names,
			      size_t n)
{
	return (struct issue){.issuer = ca,
			      .issuer_key = ca_key,
			      .key = key,
			      .names = names,
			      .n_names = n,
			      .not_before = NOW,
			      .not_after = NOW + 10 * DAY};
}

static X509 *decoded(const struct certificate *c)
{
	struct bytes der = certificate_der(c);
	const unsigned char *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	assert_non_null(x);
	return x;
}

static void assert_signed_by(const struct certificate *c, const struct certificate *issuer)
{
	X509 *x = decoded(c), *y = decoded(issuer);

	assert_int_equal(X509_verify(x, X509_get0_pubkey(y)), 1);
	assert_int_equal(X509_check_issued(y, x), X509_V_OK);
	X509_free(x);
	X509_free(y);
}

/* Every kind that signs is a CA's, writes PKCS #8 and reads it; every kind is certified. */
static void test_all_kinds_of_keys(void **state)
{
	struct issue_key *key, *again;
	struct certificate *c;
	struct identity *id;
	const char *word;
	uint8_t *text;
	size_t n;

	(void)state;
	assert_int_equal(identity_parse(&id, "gw-a.example", &reason), ERR_NONE);
	for (size_t i = 0; (word = issue_key_word(i)) != NULL; i++) {
		char kind[DESCRIBE_MAX], usage[DESCRIBE_MAX];
		bool slow = strncmp(word, "slhdsa", 6) == 0 && word[strlen(word) - 1] == 's';
		struct issue wish;

		if (strncmp(word, "mldsa87-rsa", 11) == 0 || strstr(word, "-rsa4096") != NULL)
			continue; /* made as mldsa65-rsa3072-pss is, but slowly */
		key = make(word);
		wish = leaf_wish(key, (const struct identity *const *)&id, 1);
		assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_NONE);
		assert_signed_by(c, ca);
		assert_true(issue_key_belongs(key, c));
		assert_false(issue_key_belongs(ca_key, c));
		assert_string_equal(certificate_key_kind(c, kind), word);
		/* RFC 4945 5.1.3.2; RFC 9935 5: keyEncipherment and nothing else */
		assert_string_equal(certificate_usage(c, usage), issue_key_is_for_signing(key)
								     ? "digitalSignature"
								     : "keyEncipherment");
		assert_string_equal(certificate_extended_usage(c, usage), "");
		assert_false(certificate_is_ca(c));
		assert_string_equal(certificate_subject(c), "CN=gw-a.example");
		assert_true(certificate_matches(c, id, NULL, 0));
		certificate_free(c);

		assert_int_equal(issue_key_pem(key, &text, &n), ERR_NONE);
		assert_int_equal(issue_key_parse(&again, bytes_of(text, n), &reason), ERR_NONE);
		assert_string_equal(issue_key_name(again), word);
		mem_free_secret(text, n);
		issue_key_free(again);
		if (issue_key_is_for_signing(key) && !slow) { /* its signature takes a second */
			wish = ca_wish(key);
			assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_NONE);
			assert_signed_by(c, c);
			certificate_free(c);
		}
		issue_key_free(key);
	}
	identity_free(id);
	assert_int_equal(issue_key_make(&key, "dsa1024", &reason), ERR_UNSUPPORTED);
	assert_null(key);
}

static void test_ca(void **state)
{
	char usage[DESCRIBE_MAX], serial[DESCRIBE_MAX], other[DESCRIBE_MAX];
	struct issue wish = ca_wish(ca_key);
	struct certificate *c;
	X509 *x = decoded(ca);

	(void)state;
	assert_true(certificate_is_ca(ca));
	assert_string_equal(certificate_usage(ca, usage), "keyCertSign, cRLSign");
	assert_string_equal(certificate_subject(ca), "CN=Team\\, and CA");
	assert_int_equal(X509_get_pathlen(x), -1);
	X509_free(x);
	/* 16 octets, positive (RFC 5280 4.1.2.2), and never the same */
	assert_int_equal(strlen(certificate_serial(ca, serial)), 32);
	assert_true(serial[0] >= '4' && serial[0] <= '7');
	assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_NONE);
	assert_string_not_equal(certificate_serial(c, other), serial);
	certificate_free(c);
}

static void test_names(void **state)
{
	static const char *const texts[] = {"gw-a.example", "admin@a.example", "192.0.2.1",
					    "2001:db8::1"};
	struct issue_key *key = make("ed25519");
	struct identity *ids[5];
	struct certificate *c;
	struct issue wish;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(identity_parse(&ids[i], texts[i], &reason), ERR_NONE);
	wish = leaf_wish(key, (const struct identity *const *)ids, 4);
	wish.subject = "CN=gw, O=Example";
	assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_NONE);
	for (size_t i = 0; i < 4; i++)
		assert_true(certificate_matches(c, ids[i], NULL, 0));
	assert_string_equal(certificate_subject(c), "CN=gw, O=Example");
	certificate_free(c);

	/* A distinguished name is the Subject, octet by octet (RFC 4945 3.1.5). */
	assert_int_equal(identity_parse(&ids[4], "C=NZ, O=Example, CN=gw", &reason), ERR_NONE);
	wish = leaf_wish(key, (const struct identity *const *)&ids[4], 1);
	assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_NONE);
	assert_true(certificate_matches(c, ids[4], NULL, 0));
	certificate_free(c);
	for (size_t i = 0; i < 5; i++)
		identity_free(ids[i]);
	issue_key_free(key);
}

/* What cannot be certified, with a reason each. */
static void refuse(struct issue wish, enum err e, const char *words)
{
	struct certificate *c;

	reason = "";
	assert_int_equal(issue_certificate(&wish, &c, &reason), e);
	assert_null(c);
	if (strstr(reason, words) == NULL)
		fail_msg("the reason is: %s", reason);
}

static void test_refusals(void **state)
{
	struct issue_key *key = make("ed25519"), *kem = make("mlkem768");
	struct issue good, bad;
	struct identity *id, *key_id;
	struct certificate *leaf, *last;
	char long_name[66];

	(void)state;
	assert_int_equal(identity_parse(&id, "gw-a.example", &reason), ERR_NONE);
	assert_int_equal(identity_parse(&key_id, "keyid:x", &reason), ERR_NONE);
	good = leaf_wish(key, (const struct identity *const *)&id, 1);

	bad = good;
	bad.names = (const struct identity *const *)&key_id; /* RFC 4945 3.1.7 */
	refuse(bad, ERR_UNSUPPORTED, "key identifier");
	bad = good;
	bad.not_after = NOW + 101 * DAY;
	refuse(bad, ERR_RANGE, "outlive");
	bad = good;
	bad.not_after = bad.not_before;
	refuse(bad, ERR_RANGE, "before it begins");
	memset(long_name, 'x', 65);
	long_name[65] = '\0';
	bad = good;
	bad.subject = long_name;
	refuse(bad, ERR_SYNTAX, "64 characters");
	bad.subject = "Q=x";
	refuse(bad, ERR_SYNTAX, "unknown type");
	bad = ca_wish(kem);
	refuse(bad, ERR_UNSUPPORTED, "cannot sign");
	bad = good;
	bad.key = kem;
	bad.ca = true;
	refuse(bad, ERR_UNSUPPORTED, "needs a key that signs");

	assert_int_equal(issue_certificate(&good, &leaf, &reason), ERR_NONE);
	bad = good;
	bad.issuer = leaf;
	bad.issuer_key = key;
	refuse(bad, ERR_UNSUPPORTED, "no CA");
	bad = good;
	bad.ca = true;
	bad.path_len = 0;
	assert_int_equal(issue_certificate(&bad, &last, &reason), ERR_NONE);
	bad.issuer = last;
	bad.issuer_key = key;
	refuse(bad, ERR_UNSUPPORTED, "no CA below it");
	bad.ca = false; /* but all others */
	certificate_free(leaf);
	assert_int_equal(issue_certificate(&bad, &leaf, &reason), ERR_NONE);
	certificate_free(last);
	certificate_free(leaf);
	identity_free(id);
	identity_free(key_id);
	issue_key_free(key);
	issue_key_free(kem);
}

/* PEM of a request by key, with one octet of its signature changed when spoilt. */
static BIO *request_by(EVP_PKEY *key, bool spoilt)
{
	X509_REQ *request = X509_REQ_new();
	BIO *out = BIO_new(BIO_s_mem());
	const ASN1_BIT_STRING *signature;
	const X509_ALGOR *algorithm;

	assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
	assert_true(X509_REQ_sign(request, key, NULL) > 0);
	if (spoilt) {
		X509_REQ_get0_signature(request, &signature, &algorithm);
		((uint8_t *)(uintptr_t)ASN1_STRING_get0_data(signature))[5] ^= 1;
	}
	assert_int_equal(PEM_write_bio_X509_REQ(out, request), 1);
	X509_REQ_free(request);
	return out;
}

static enum err parse_public(struct issue_key **key, BIO *pem)
{
	char *p;
	long n = BIO_get_mem_data(pem, &p);
	enum err e = issue_key_parse_public(key, bytes_of(p, (size_t)n), &reason);

	BIO_free(pem);
	return e;
}

static void test_public_keys_and_requests(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *kem = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-512");
	EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	struct issue_key *key;
	BIO *pem;
	uint8_t *text;
	size_t n;

	(void)state;
	assert_int_equal(parse_public(&key, request_by(pkey, false)), ERR_NONE);
	assert_string_equal(issue_key_name(key), "ed25519");
	assert_int_not_equal(issue_key_pem(key, &text, &n), ERR_NONE); /* it has no private half */
	assert_null(text);
	issue_key_free(key);
	assert_int_equal(parse_public(&key, request_by(pkey, true)), ERR_SYNTAX);
	assert_non_null(strstr(reason, "does not have the key"));

	pem = BIO_new(BIO_s_mem());
	PEM_write_bio_PUBKEY(pem, kem);
	assert_int_equal(parse_public(&key, pem), ERR_NONE);
	assert_string_equal(issue_key_name(key), "mlkem512");
	assert_false(issue_key_is_for_signing(key));
	issue_key_free(key);
	pem = BIO_new(BIO_s_mem());
	PEM_write_bio_PUBKEY(pem, weak);
	assert_int_equal(parse_public(&key, pem), ERR_UNSUPPORTED);
	/* A private key is none of what may be given. */
	pem = BIO_new(BIO_s_mem());
	PEM_write_bio_PKCS8PrivateKey(pem, pkey, NULL, NULL, 0, NULL, NULL);
	assert_int_equal(parse_public(&key, pem), ERR_SYNTAX);
	assert_int_equal(issue_key_parse_public(&key, BYTES_LITERAL("x"), &reason), ERR_SYNTAX);
	assert_int_equal(issue_key_parse(&key, BYTES_LITERAL("x"), &reason), ERR_SYNTAX);
	assert_null(key);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(kem);
	EVP_PKEY_free(weak);
}

static void test_encrypted_key_asks_nobody(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *pem = BIO_new(BIO_s_mem());
	struct issue_key *key;
	char pass[] = "word", *p;
	long n;

	(void)state;
	assert_int_equal(
	    PEM_write_bio_PKCS8PrivateKey(pem, pkey, EVP_aes_128_cbc(), NULL, 0, NULL, pass), 1);
	n = BIO_get_mem_data(pem, &p);
	assert_int_equal(issue_key_parse(&key, bytes_of(p, (size_t)n), &reason), ERR_SYNTAX);
	assert_non_null(strstr(reason, "passphrase"));
	BIO_free(pem);
	EVP_PKEY_free(pkey);
}

static void test_crl(void **state)
{
	static const struct issue_revoked revoked[] = {{"0A", NOW, 4}, {"7F01", NOW - DAY, 0}};
	struct issue_crl wish = {ca, ca_key, revoked, 2, 7, NOW, NOW + 30 * DAY};
	X509_REVOKED *entry;
	ASN1_ENUMERATED *code;
	ASN1_INTEGER *number;
	X509 *issuer = decoded(ca);
	X509_CRL *crl;
	uint8_t *text;
	size_t n;
	BIO *in;

	(void)state;
	assert_int_equal(issue_crl(&wish, &text, &n, &reason), ERR_NONE);
	in = BIO_new_mem_buf(text, (int)n);
	crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
	assert_non_null(crl);
	assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(issuer)), 1);
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_int_equal(ASN1_INTEGER_get(number), 7);
	assert_true(X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) >= 0);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 2);
	entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
	code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	assert_int_equal(ASN1_ENUMERATED_get(code), 4);
	/* RFC 5280 5.3.1: unspecified is left out */
	entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 1);
	assert_int_equal(X509_REVOKED_get_ext_count(entry), 0);
	ASN1_ENUMERATED_free(code);
	ASN1_INTEGER_free(number);
	X509_CRL_free(crl);
	BIO_free(in);
	mem_free(text);

	wish.next_update = NOW;
	assert_int_equal(issue_crl(&wish, &text, &n, &reason), ERR_RANGE);
	wish.next_update = NOW + DAY;
	wish.revoked = &(struct issue_revoked){"0G", NOW, 0};
	wish.n_revoked = 1;
	assert_int_equal(issue_crl(&wish, &text, &n, &reason), ERR_CRYPTO);
	assert_null(text);
	X509_free(issuer);
}

static void test_reason_words(void **state)
{
	(void)state;
	assert_int_equal(issue_reason_number("key-compromise"), 1);
	assert_int_equal(issue_reason_number("superseded"), 4);
	assert_int_equal(issue_reason_number("boredom"), -1);
	for (size_t i = 0; issue_reason_word(i) != NULL; i++)
		assert_true(issue_reason_number(issue_reason_word(i)) >= 0);
}

#define CRL_URL  "https://pki.example/a,b.crl"
#define OCSP_URL "http://ocsp.example/"

/* What a check of c by our CA misses. */
static void check_missing(const struct certificate *c, struct crl_points *lists,
			  struct ocsp_questions *questions)
{
	const struct trust_policy policy = {.missing = lists, .questions = questions};
	struct trust *t = trust_new();
	char why[TRUST_REASON_MAX];

	assert_int_equal(trust_add_ca(t, ca, &reason), ERR_NONE);
	assert_int_equal(trust_check_chain(t, &policy, &c, 1, NULL, NOW + 1, why, sizeof(why)),
			 ERR_NONE);
	trust_free(t);
}

/* What a certificate says of its revocation is where a peer looks. */
static void test_urls(void **state)
{
	struct issue_key *key = make("ecdsa-p256");
	struct issue wish = leaf_wish(key, NULL, 0), root = ca_wish(ca_key);
	struct crl_points lists = {.any = false};
	struct ocsp_questions questions = {.n = 0};
	struct certificate *c;
	char url[64];

	(void)state;
	wish.subject = "gw";
	wish.crl_url = CRL_URL;
	wish.ocsp_url = OCSP_URL;
	assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_NONE);
	assert_true(ocsp_url(c, 0, url, sizeof(url)));
	assert_string_equal(url, OCSP_URL);
	assert_false(ocsp_url(c, 1, url, sizeof(url)));
	check_missing(c, &lists, &questions);
	assert_int_equal(lists.n, 1);
	assert_string_equal(lists.url[0], CRL_URL);
	assert_int_equal(questions.n, 1);
	assert_string_equal(questions.q[0].url, OCSP_URL);
	certificate_free(c);

	wish.crl_url = "ldap://pki.example/";
	assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_SYNTAX);
	wish.crl_url = "http://pki.example/a b";
	assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_SYNTAX);
	wish.crl_url = NULL;
	wish.ocsp_url = "https://ocsp.example/";
	assert_int_equal(issue_certificate(&wish, &c, &reason), ERR_SYNTAX);
	root.crl_url = CRL_URL;
	assert_int_equal(issue_certificate(&root, &c, &reason), ERR_UNSUPPORTED);
	assert_null(c);
	issue_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_kinds_of_keys),
	    cmocka_unit_test(test_ca),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_public_keys_and_requests),
	    cmocka_unit_test(test_encrypted_key_asks_nobody),
	    cmocka_unit_test(test_crl),
	    cmocka_unit_test(test_reason_words),
	    cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
