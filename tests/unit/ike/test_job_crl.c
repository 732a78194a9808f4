/* Revocation lists that a peer sends beside its certificate (RFC 7296 3.6, encoding 7), in the job
 * that verifies its AUTH. */
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
#include "ike/job.h"
#include "pki/describe.h"
#include "pki/issue.h"

#define NOW 1800000000

static const struct bytes octets = {(const uint8_t *)"signed octets", 13};

static struct crypto *crypto;
static struct ike_connection *connection;
static struct issue_key *ca_key;
static struct certificate *ca, *cert;
static struct private_key *key; /* of cert */
static struct identity *name;
static const char *reason;

static int setup(void **state)
{
	struct issue_key *own;
	struct issue wish = {.subject = "Test CA",
			     .ca = true,
			     .path_len = -1,
			     .not_before = NOW - 86400,
			     .not_after = NOW + 86400};
	uint8_t *pem;
	size_t n;

	(void)state;
	crypto = crypto_new();
	assert_int_equal(identity_parse(&name, "gw-b.example", &reason), ERR_NONE);
	assert_int_equal(issue_key_make(&ca_key, "ecdsa-p256", &reason), ERR_NONE);
	assert_int_equal(issue_key_make(&own, "ed25519", &reason), ERR_NONE);
	wish.key = ca_key;
	assert_int_equal(issue_certificate(&wish, &ca, &reason), ERR_NONE);
	wish = (struct issue){.issuer = ca,
			      .issuer_key = ca_key,
			      .key = own,
			      .names = (const struct identity *const *)&name,
			      .n_names = 1,
			      .not_before = NOW - 86400,
			      .not_after = NOW + 86400};
	assert_int_equal(issue_certificate(&wish, &cert, &reason), ERR_NONE);
	assert_int_equal(issue_key_pem(own, &pem, &n), ERR_NONE);
	assert_int_equal(private_key_parse(&key, bytes_of(pem, n), &reason), ERR_NONE);
	mem_free_secret(pem, n);
	issue_key_free(own);
	connection = ike_connection_new("test");
	connection->remote_auth.kind = IKE_AUTH_BY_CERT;
	connection->remote_auth.trust = trust_new();
	return trust_add_ca(connection->remote_auth.trust, ca, &reason) != ERR_NONE;
}

static int teardown(void **state)
{
	(void)state;
	ike_connection_release(connection);
	private_key_free(key);
	certificate_free(ca);
	certificate_free(cert);
	issue_key_free(ca_key);
	identity_free(name);
	crypto_free(crypto);
	return mem_blocks_held() != 0;
}

static void add_payload(struct ike_job *job, uint8_t encoding, struct bytes data)
{
	job->certs[job->n_certs] = mem_copy(data);
	job->cert_lens[job->n_certs] = data.n;
	job->cert_encodings[job->n_certs++] = encoding;
}

/* A VERIFY job with a true signature, and a list that revokes the certificate or nobody. */
static struct ike_job *job_with(const struct issue_revoked *gone, size_t n_gone)
{
	struct issue_crl wish = {ca, ca_key, gone, n_gone, 1, NOW - 60, NOW + 60};
	struct ike_job *job = ike_job_new(IKE_JOB_VERIFY);
	unsigned char *der = NULL;
	X509_CRL *crl;
	uint8_t *pem;
	size_t n;
	BIO *in;

	job->connection = ike_connection_hold(connection);
	job->remote = identity_copy(name);
	job->octets = mem_copy(octets);
	job->octets_len = octets.n;
	job->auth_method = AUTH_DIGITAL_SIGNATURE;
	job->hashes = UINT32_C(1) << HASH_IDENTITY;
	assert_int_equal(signature_make(key, signature_scheme_find("ed25519"), octets, &job->data,
					&job->data_len),
			 ERR_NONE);
	add_payload(job, CERT_X509_SIGNATURE, certificate_der(cert));
	assert_int_equal(issue_crl(&wish, &pem, &n, &reason), ERR_NONE);
	in = BIO_new_mem_buf(pem, (int)n);
	crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
	n = (size_t)i2d_X509_CRL(crl, &der);
	add_payload(job, CERT_CRL, bytes_of(der, n));
	OPENSSL_free(der);
	X509_CRL_free(crl);
	BIO_free(in);
	mem_free(pem);
	return job;
}

static struct ike_job *job_with_list(bool revokes)
{
	char serial[DESCRIBE_MAX];
	const struct issue_revoked gone = {certificate_serial(cert, serial), NOW - 60, 0};

	return job_with(&gone, revokes);
}

static void expect(struct ike_job *job, enum err e, const char *words)
{
	ike_job_run(job, crypto, NULL, NOW);
	if (job->result != e || strstr(job->reason, words) == NULL)
		fail_msg("%s: %s", err_name(job->result), job->reason);
	ike_job_free(job);
}

static void test_relaxed(void **state)
{
	struct ike_job *job;

	(void)state;
	connection->remote_auth.revocation = REVOCATION_RELAXED;
	expect(job_with_list(false), ERR_NONE, "");
	expect(job_with_list(true), ERR_AUTH, "has been revoked");
	job = job_with_list(false);
	job->n_certs--; /* without it */
	mem_free(job->certs[1]);
	expect(job, ERR_NONE, "");
}

static void test_damaged(void **state)
{
	struct ike_job *job = job_with_list(false);

	(void)state;
	connection->remote_auth.revocation = REVOCATION_RELAXED;
	job->cert_lens[1]--;
	expect(job, ERR_AUTH, "no revocation list in DER");
	job = job_with_list(false);
	job->certs[1][job->cert_lens[1] - 1] ^= 1;
	expect(job, ERR_AUTH, "signature on the revocation list");
	job = job_with_list(false);
	job->cert_lens[1] = CRL_MAX + 1; /* refused unread */
	expect(job, ERR_AUTH, "longer than 64 MiB");
}

/* A list longer than a payload of RFC 7296 holds, ours in the midst of the others. */
static void test_long(void **state)
{
	enum { N = 2000 };
	struct issue_revoked *gone = mem_new(N * sizeof(*gone));
	char serials[N][40], own_serial[DESCRIBE_MAX];

	(void)state;
	connection->remote_auth.revocation = REVOCATION_STRICT;
	for (unsigned i = 0; i < N; i++) {
		(void)snprintf(serials[i], sizeof(serials[i]), "4%031x", i);
		gone[i] = (struct issue_revoked){serials[i], NOW - 60, 0};
	}
	struct ike_job *job = job_with(gone, N);
	assert_true(job->cert_lens[1] > 65536);
	expect(job, ERR_NONE, "");
	gone[N / 2].serial = certificate_serial(cert, own_serial);
	expect(job_with(gone, N), ERR_AUTH, "has been revoked");
	mem_free(gone);
}

static void test_strict_and_none(void **state)
{
	struct ike_job *job = job_with_list(false);

	(void)state;
	connection->remote_auth.revocation = REVOCATION_STRICT;
	job->n_certs--;
	mem_free(job->certs[1]);
	expect(job, ERR_AUTH, "no revocation list of");
	expect(job_with_list(false), ERR_NONE, "");
	expect(job_with_list(true), ERR_AUTH, "has been revoked");
	connection->remote_auth.revocation = REVOCATION_NONE;
	job = job_with_list(true);
	job->cert_lens[1]--; /* nobody looks */
	expect(job, ERR_NONE, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_relaxed),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_strict_and_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
