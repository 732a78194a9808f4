/* ike/job.c, ike/job_wire.c and ike/connection.c: slow work and its way to the key process. */
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
#include "pki/certificate.h"
#include "pki/keystore.h"
#include "pki/trust.h"

static struct crypto *crypto;
static struct keystore *store;
static size_t held;

static const struct bytes octets = {(const uint8_t *)"signed octets", 13};

static struct identity *id(const char *text)
{
	struct identity *out = NULL;
	const char *reason = "";

	if (identity_parse(&out, text, &reason) != ERR_NONE)
		fail_msg("%s: %s", text, reason);
	return out;
}

static uint8_t *copy(struct bytes b)
{
	uint8_t *p = mem_copy(b);

	assert_non_null(p);
	return p;
}

static void run(struct ike_job *job)
{
	ike_job_run(job, crypto, store, 1800000000);
}

/* The three steps of one key exchange, as two engines take them. */
static void key_exchange(void **state)
{
	static const uint16_t methods[] = {KE_CURVE25519, KE_ECP_256, KE_MODP_2048};

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct ike_job *g = ike_job_new(IKE_JOB_KE_GENERATE);
		struct ike_job *r = ike_job_new(IKE_JOB_KE_RESPOND);
		struct ike_job *f = ike_job_new(IKE_JOB_KE_FINISH);
		static const uint8_t zero[KE_SEED_LEN];

		g->ke = r->ke = f->ke = ke_find(methods[i]);
		memset(g->seed, 1, sizeof(g->seed));
		memset(r->seed, 2, sizeof(r->seed));
		assert_false(ike_job_needs_keys(g));
		run(g);
		assert_int_equal(g->result, ERR_NONE);
		assert_memory_equal(g->seed, zero, sizeof(zero));
		r->peer = copy(bytes_of(g->value, g->ke->init_len));
		r->peer_len = g->ke->init_len;
		run(r);
		assert_int_equal(r->result, ERR_NONE);
		f->private = g->private;
		g->private = NULL;
		f->peer = copy(bytes_of(r->value, r->ke->resp_len));
		f->peer_len = r->ke->resp_len;
		run(f);
		assert_int_equal(f->result, ERR_NONE);
		assert_memory_equal(f->secret, r->secret, f->ke->secret_len);
		ike_job_free(g);
		ike_job_free(r);
		ike_job_free(f);
	}
}

static void bad_key_exchange_values(void **state)
{
	struct ike_job *r = ike_job_new(IKE_JOB_KE_RESPOND);
	static const uint8_t zero[32];

	(void)state;
	r->ke = ke_find(KE_CURVE25519);
	r->peer = copy(bytes_of(zero, 31));
	r->peer_len = 31;
	run(r);
	assert_int_equal(r->result, ERR_SYNTAX);
	assert_non_null(strstr(r->reason, "wrong length"));
	ike_job_free(r);
	/* RFC 7748 6: a point of small order. */
	r = ike_job_new(IKE_JOB_KE_RESPOND);
	r->ke = ke_find(KE_CURVE25519);
	r->peer = copy(BYTES_OF(zero));
	r->peer_len = 32;
	run(r);
	assert_int_equal(r->result, ERR_CRYPTO);
	assert_non_null(strstr(r->reason, "not a valid"));
	ike_job_free(r);
}

static struct ike_job *shared_key_job(void)
{
	struct ike_job *job = ike_job_new(IKE_JOB_SHARED_KEY);

	job->serial = 0x1122334455667788;
	job->prf = prf_find(PRF_HMAC_SHA2_384);
	job->local = id("gw-a.example");
	job->remote = id("gw-b.example");
	job->octets = copy(octets);
	job->octets_len = octets.n;
	return job;
}

static struct ike_job *sign_job(void)
{
	struct ike_job *job = ike_job_new(IKE_JOB_SIGN);

	job->serial = 7;
	job->key = mem_text("gw.key");
	job->scheme = signature_scheme_find("ed25519");
	assert_non_null(job->scheme);
	job->octets = copy(octets);
	job->octets_len = octets.n;
	return job;
}

static struct private_key *private_of(EVP_PKEY *pkey)
{
	struct private_key *key = NULL;
	unsigned char *der = NULL;
	const char *reason = "";
	int n = i2d_PrivateKey(pkey, &der);

	assert_true(n > 0);
	if (private_key_parse(&key, bytes_of(der, (size_t)n), &reason) != ERR_NONE)
		fail_msg("%s", reason);
	OPENSSL_free(der);
	return key;
}

static EVP_PKEY *new_key(void)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	assert_non_null(pkey);
	return pkey;
}

static void add_secret(void)
{
	struct identity *a = id("gw-a.example"), *b = id("gw-b.example");

	assert_int_equal(keystore_add_secret(store, a, b, BYTES_LITERAL("secret")), ERR_NONE);
	identity_free(a);
	identity_free(b);
}

/* Writes, reads at the other end, runs there, and brings the answer back. */
static void send_and_answer(struct ike_job *job)
{
	uint8_t buf[4096];
	struct writer w = writer_of(buf, sizeof(buf));
	struct ike_job *there = NULL;
	uint64_t serial = 0;

	assert_true(ike_job_needs_keys(job));
	assert_int_equal(ike_job_write_request(job, &w), ERR_NONE);
	/* Every cut of it is refused, and so is anything after it. */
	for (size_t n = 0; n < w.n; n++)
		assert_int_equal(ike_job_read_request(&there, bytes_of(buf, n)), ERR_SYNTAX);
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n + 1)), ERR_SYNTAX);
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_NONE);
	run(there);
	w = writer_of(buf, sizeof(buf));
	assert_int_equal(ike_job_write_answer(there, &w), ERR_NONE);
	ike_job_free(there);
	assert_int_equal(ike_job_answer_serial(bytes_of(buf, w.n), &serial), ERR_NONE);
	assert_true(serial == job->serial);
	for (size_t n = 0; n < w.n; n++)
		assert_int_equal(ike_job_read_answer(job, bytes_of(buf, n)), ERR_SYNTAX);
	assert_int_equal(ike_job_read_answer(job, bytes_of(buf, w.n + 1)), ERR_SYNTAX);
	assert_int_equal(ike_job_read_answer(job, bytes_of(buf, w.n)), ERR_NONE);
	/* An answer to another job is refused. */
	job->serial++;
	assert_int_equal(ike_job_read_answer(job, bytes_of(buf, w.n)), ERR_SYNTAX);
	job->serial--;
}

static void shared_key_in_two_processes(void **state)
{
	struct ike_job *job = shared_key_job(), *here = shared_key_job();

	(void)state;
	send_and_answer(job);
	assert_int_equal(job->result, ERR_NOT_FOUND);
	assert_non_null(strstr(job->reason, "no pre-shared key"));
	assert_int_equal(job->data_len, 0);
	add_secret();
	send_and_answer(job);
	run(here);
	assert_int_equal(job->result, ERR_NONE);
	assert_int_equal(job->data_len, 48);
	assert_memory_equal(job->data, here->data, 48);
	ike_job_free(job);
	ike_job_free(here);
}

static void sign_in_two_processes(void **state)
{
	EVP_PKEY *pkey = new_key();
	struct private_key *key = private_of(pkey);
	struct public_key *public = NULL;
	struct ike_job *job = sign_job();
	struct bytes signature;

	(void)state;
	assert_int_equal(private_key_public(key, &public), ERR_NONE);
	send_and_answer(job);
	assert_int_equal(job->result, ERR_NOT_FOUND);
	assert_int_equal(keystore_add_key(store, "gw.key", key), ERR_NONE);
	send_and_answer(job);
	assert_int_equal(job->result, ERR_NONE);
	assert_ptr_equal(signature_recognise(AUTH_DIGITAL_SIGNATURE,
					     bytes_of(job->data, job->data_len), &signature),
			 job->scheme);
	assert_int_equal(signature_verify(public, job->scheme, signature, octets), ERR_NONE);
	ike_job_free(job);
	public_key_free(public);
	EVP_PKEY_free(pkey);
}

/* A wrong type, a huge length, an unknown scheme or PRF. */
static void hostile_requests(void **state)
{
	uint8_t buf[4096];
	struct writer w = writer_of(buf, sizeof(buf));
	struct ike_job *job = sign_job(), *there = NULL;

	(void)state;
	assert_int_equal(ike_job_write_request(job, &w), ERR_NONE);
	buf[0] = IKE_JOB_VERIFY;
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_SYNTAX);
	buf[0] = IKE_JOB_SIGN;
	buf[9] = 0xff; /* the key name's length */
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_SYNTAX);
	buf[9] = 0;
	buf[13] = '\0'; /* in the key's name */
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_SYNTAX);
	buf[13] = 'g';
	buf[13 + 6 + 4 + 6] = '\0'; /* in the scheme's name */
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_SYNTAX);
	buf[13 + 6 + 4] = 'x';
	buf[13 + 6 + 4 + 6] = '9';
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_UNSUPPORTED);
	ike_job_free(job);
	job = shared_key_job();
	w = writer_of(buf, sizeof(buf));
	assert_int_equal(ike_job_write_request(job, &w), ERR_NONE);
	buf[9] = 0x7f; /* the PRF */
	assert_int_equal(ike_job_read_request(&there, bytes_of(buf, w.n)), ERR_UNSUPPORTED);
	ike_job_free(job);
	job = ike_job_new(IKE_JOB_VERIFY);
	assert_int_equal(ike_job_write_request(job, &w), ERR_UNSUPPORTED);
	ike_job_free(job);
	/* A key's name of 300 octets, all there. */
	w = writer_of(buf, sizeof(buf));
	writer_u8(&w, IKE_JOB_SIGN);
	writer_u64(&w, 1);
	writer_u32(&w, 300);
	for (int i = 0; i < 300; i++)
		writer_u8(&w, 'k');
	writer_u32(&w, 7);
	writer_bytes(&w, BYTES_LITERAL("ed25519"));
	writer_u32(&w, 0);
	assert_int_equal(ike_job_read_request(&there, writer_bytes_so_far(&w)), ERR_SYNTAX);
	job = ike_job_new(IKE_JOB_SIGN);
	ike_job_free(job);
}

/* ---- verifying ---- */

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static X509 *new_cert(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
		      const char *san)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer != NULL ? 2 : 1);
	ASN1_TIME_set(X509_getm_notBefore(cert), 1700000000);
	ASN1_TIME_set(X509_getm_notAfter(cert), 1900000000);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert));
	X509_set_pubkey(cert, key);
	if (san != NULL)
		add_extension(cert, NID_subject_alt_name, san);
	else
		add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	if (san == NULL)
		add_extension(cert, NID_key_usage, "critical,keyCertSign");
	assert_true(X509_sign(cert, issuer_key, NULL) > 0);
	return cert;
}

struct peer {
	EVP_PKEY *ca_key, *key;
	X509 *ca, *cert;
	struct trust *trust;
	struct ike_connection *connection;
};

static struct bytes der_of(X509 *cert, unsigned char **der)
{
	int n = i2d_X509(cert, der);

	assert_true(n > 0);
	return bytes_of(*der, (size_t)n);
}

static void peer_make(struct peer *p)
{
	struct certificate *ca = NULL;
	unsigned char *der = NULL;
	const char *reason = "";

	p->ca_key = new_key();
	p->key = new_key();
	p->ca = new_cert("Test CA", p->ca_key, NULL, p->ca_key, NULL);
	p->cert = new_cert("gw-b", p->key, p->ca, p->ca_key, "DNS:gw-b.example");
	if (certificate_parse(&ca, der_of(p->ca, &der), &reason) != ERR_NONE)
		fail_msg("%s", reason);
	p->trust = trust_new();
	if (trust_add_ca(p->trust, ca, &reason) != ERR_NONE)
		fail_msg("%s", reason);
	certificate_free(ca);
	OPENSSL_free(der);
	p->connection = ike_connection_new("test");
	p->connection->remote_auth.kind = IKE_AUTH_BY_CERT;
	p->connection->remote_auth.trust = trust_hold(p->trust);
}

static void peer_free(struct peer *p)
{
	ike_connection_release(p->connection);
	trust_free(p->trust);
	X509_free(p->ca);
	X509_free(p->cert);
	EVP_PKEY_free(p->ca_key);
	EVP_PKEY_free(p->key);
}

/* A VERIFY job with a true signature. */
static struct ike_job *verify_job(struct peer *p, const char *identity)
{
	struct ike_job *job = ike_job_new(IKE_JOB_VERIFY);
	struct private_key *key = private_of(p->key);
	unsigned char *der = NULL;
	struct bytes cert = der_of(p->cert, &der);

	job->connection = ike_connection_hold(p->connection);
	job->remote = id(identity);
	job->octets = copy(octets);
	job->octets_len = octets.n;
	job->auth_method = AUTH_DIGITAL_SIGNATURE;
	job->hashes = UINT32_C(1) << HASH_IDENTITY;
	assert_int_equal(signature_make(key, signature_scheme_find("ed25519"), octets, &job->data,
					&job->data_len),
			 ERR_NONE);
	job->certs[0] = copy(cert);
	job->cert_lens[0] = cert.n;
	job->cert_encodings[0] = CERT_X509_SIGNATURE;
	job->n_certs = 1;
	private_key_free(key);
	OPENSSL_free(der);
	return job;
}

static void assert_verdict(struct ike_job *job, enum err e, const char *reason)
{
	run(job);
	if (job->result != e || (reason != NULL && strstr(job->reason, reason) == NULL))
		fail_msg("%s: %s", err_name(job->result), job->reason);
	ike_job_free(job);
}

static void certificates_are_verified(void **state)
{
	struct peer p;
	struct ike_job *job;
	struct identity *other = id("gw-c.example");

	(void)state;
	peer_make(&p);
	job = verify_job(&p, "gw-b.example");
	run(job);
	if (job->result != ERR_NONE)
		fail_msg("%s", job->reason);
	assert_string_equal(job->scheme->name, "ed25519");
	ike_job_free(job);

	assert_verdict(verify_job(&p, "gw-c.example"), ERR_AUTH, "");
	job = verify_job(&p, "gw-b.example"); /* one bit of the signature */
	job->data[job->data_len - 1] ^= 1;
	assert_verdict(job, ERR_AUTH, "does not hold");
	job = verify_job(&p, "gw-b.example"); /* one bit of what is signed */
	job->octets[0] ^= 1;
	assert_verdict(job, ERR_AUTH, "does not hold");
	job = verify_job(&p, "gw-b.example");
	job->hashes = UINT32_C(1) << HASH_SHA2_256;
	assert_verdict(job, ERR_AUTH, "did not offer");
	job = verify_job(&p, "gw-b.example");
	job->auth_method = AUTH_RSA_SIGNATURE;
	assert_verdict(job, ERR_AUTH, NULL);
	job = verify_job(&p, "gw-b.example");
	job->data_len = 1;
	assert_verdict(job, ERR_AUTH, "unknown or malformed");
	job = verify_job(&p, "gw-b.example");
	job->cert_encodings[0] = CERT_PGP;
	assert_verdict(job, ERR_AUTH, "no certificate");
	job = verify_job(&p, "gw-b.example");
	job->cert_lens[0] -= 3;
	assert_verdict(job, ERR_AUTH, NULL);

	p.connection->remote_id = other; /* the configuration wants somebody else */
	assert_verdict(verify_job(&p, "gw-b.example"), ERR_AUTH, "not the configured one");
	identity_free(p.connection->remote_id);
	p.connection->remote_id = NULL;
	p.connection->remote_auth.kind = IKE_AUTH_BY_PSK;
	assert_verdict(verify_job(&p, "gw-b.example"), ERR_AUTH, "pre-shared key");
	p.connection->remote_auth.kind = IKE_AUTH_BY_PUBKEY;
	assert_verdict(verify_job(&p, "gw-b.example"), ERR_AUTH, "no public key");
	p.connection->remote_auth.kind = IKE_AUTH_BY_CERT;
	trust_free(p.connection->remote_auth.trust);
	p.connection->remote_auth.trust = NULL;
	assert_verdict(verify_job(&p, "gw-b.example"), ERR_AUTH, "no CA");
	peer_free(&p);
}

static void strangers_are_refused(void **state)
{
	struct peer p, stranger;
	struct ike_job *job;

	(void)state;
	peer_make(&p);
	peer_make(&stranger);
	job = verify_job(&stranger, "gw-b.example");
	ike_connection_release(job->connection);
	job->connection = ike_connection_hold(p.connection);
	assert_verdict(job, ERR_AUTH, NULL);
	/* After its time. */
	job = verify_job(&p, "gw-b.example");
	ike_job_run(job, crypto, store, 1900000001);
	assert_int_equal(job->result, ERR_AUTH);
	ike_job_free(job);
	peer_free(&p);
	peer_free(&stranger);
}

static void raw_keys_are_verified(void **state)
{
	struct peer p, stranger;
	struct private_key *key;

	(void)state;
	peer_make(&p);
	peer_make(&stranger);
	key = private_of(p.key);
	p.connection->remote_auth.kind = IKE_AUTH_BY_PUBKEY;
	p.connection->remote_auth.keys = mem_new(sizeof(struct public_key *));
	p.connection->remote_auth.n_keys = 1;
	assert_int_equal(private_key_public(key, &p.connection->remote_auth.keys[0]), ERR_NONE);
	private_key_free(key);
	assert_verdict(verify_job(&p, "keyid:anything"), ERR_NONE, NULL);
	/* The stranger's certificate does not help it. */
	ike_connection_release(stranger.connection);
	stranger.connection = ike_connection_hold(p.connection);
	assert_verdict(verify_job(&stranger, "keyid:anything"), ERR_AUTH, "does not hold");
	peer_free(&stranger);
	peer_free(&p);
}

/* ---- connections ---- */

static void connections_are_counted(void **state)
{
	struct ike_connection *c = ike_connection_new("office");
	struct bytes der = BYTES_LITERAL("der");

	(void)state;
	c->children = mem_new(2 * sizeof(*c->children));
	c->n_children = 2;
	c->children[0].name = mem_text("net");
	c->children[1].name = mem_text("voice");
	c->children[1].local = mem_new(sizeof(struct selector));
	c->children[1].n_local = 1;
	c->local_auth.credentials = mem_new(sizeof(struct ike_credential));
	c->local_auth.n_credentials = 1;
	c->local_auth.credentials[0].certs = mem_new(sizeof(struct bytes));
	c->local_auth.credentials[0].certs[0] = bytes_of(copy(der), der.n);
	c->local_auth.credentials[0].n_certs = 1;
	c->local_auth.credentials[0].key = mem_text("gw.key");
	c->local_id = id("gw-a.example");
	assert_ptr_equal(ike_connection_child(c, "voice"), &c->children[1]);
	assert_null(ike_connection_child(c, "video"));
	assert_ptr_equal(ike_connection_hold(c), c);
	ike_connection_release(c);
	assert_string_equal(c->name, "office");
	ike_connection_release(c);
	ike_connection_release(NULL);
}

static int set_up(void **state)
{
	(void)state;
	held = mem_blocks_held();
	crypto = crypto_new();
	store = keystore_new();
	return crypto != NULL && store != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	keystore_free(store);
	crypto_free(crypto);
	return mem_blocks_held() == held ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(key_exchange),
	    TEST(bad_key_exchange_values),
	    TEST(shared_key_in_two_processes),
	    TEST(sign_in_two_processes),
	    TEST(hostile_requests),
	    TEST(certificates_are_verified),
	    TEST(strangers_are_refused),
	    TEST(raw_keys_are_verified),
	    TEST(connections_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
