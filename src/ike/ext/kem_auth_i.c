/* KEM-based authentication as initiator: KA-1 and KA-2. */
#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/ext/auth_methods.h"
#include "ike/ext/intermediate.h"
#include "ike/ext/kem_auth_ecert.h"
#include "ike/ext/kem_auth_state.h"
#include "pki/cert_bundle.h"

#define ECERT_OVERHEAD 1024 /* beside the bundle: the ciphertext is written apart */

bool kem_auth_waits(const struct ike_sa *sa)
{
	const struct kem_auth *k = sa->setup->kem;

	return k != NULL && (k->step == KA_1 || k->step == KA_2);
}

/* NULL: it can be. Else why not, for people. */
static const char *hindrance(struct ike_sa *sa)
{
	struct kem_auth *k = sa->setup->kem;
	const struct ike_credential *c;

	if (!kem_auth_agreed(sa))
		return "the peer does not announce KEM-based authentication, IKE_INTERMEDIATE and "
		       "fragmentation: it does not know it, or the announcement was taken out on "
		       "the way";
	c = credential_choose_kem(&sa->config->local_auth, &sa->setup->hints);
	if (c == NULL)
		return "the peer announces no KEM of which we hold a certificate, or the "
		       "announcement was taken out on the way";
	ka_credential_set(k, sa->config, c);
	return NULL;
}

/* The responder may find its certificate by these. */
static void ka_1_send(struct ike *ike, struct ike_sa *sa)
{
	const struct ike_connection *c = sa->config;
	struct message m;

	sa_message_begin(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, false, sa->send_id);
	auth_methods_write(ike, sa, &m);
	auth_certreq_write(c, &m);
	if (c->remote_id != NULL) {
		id_write(message_payload_begin(&m, PAYLOAD_IDR), c->remote_id->type,
			 identity_bytes(c->remote_id));
		message_payload_end(&m);
	}
	sa->setup->kem->step = KA_1;
	intermediate_send(ike, sa, &m);
}

void kem_auth_run(struct ike *ike, struct ike_sa *sa)
{
	const enum ike_kem_auth policy = sa->config->kem_auth;
	struct kem_auth *k = sa->setup->kem;
	const char *why;

	if (policy == IKE_KEM_AUTH_NO || (k != NULL && k->step != KA_NONE)) {
		auth_start(ike, sa);
		return;
	}
	why = hindrance(sa);
	if (why == NULL) {
		ka_1_send(ike, sa);
	} else if (policy == IKE_KEM_AUTH_REQUIRE) {
		/* Nobody has been told who we are. */
		sa_log(ike, sa, LOG_WARN, "kem-auth = require: %s", why);
		intermediate_fail(ike, sa, why);
	} else {
		sa_log(ike, sa, LOG_NOTE, "signing instead of KEM-based authentication: %s", why);
		auth_start(ike, sa);
	}
}

/* KA-1 or KA-2 is over: what comes next. */
static void step_over(struct ike *ike, struct ike_sa *sa, enum ka_step next)
{
	struct ike_task *t = task_find(sa, TASK_INTERMEDIATE, 0);

	sa->setup->kem->step = next;
	if (t != NULL)
		task_done(ike, sa, t);
	kem_auth_run(ike, sa);
}

/* Our chain as one bundle (RFC 7296 3.6), encrypted to whoever holds the responder's key. */
static enum err ecert_write(struct ike *ike, struct ike_sa *sa, struct message *m)
{
	const struct kem_auth *k = sa->setup->kem;
	const struct ike_credential *c = k->credential;
	const struct ike_exchange_values v = ka_values(sa);
	struct cert_bundle b = {0};
	struct ka_ecert_keys keys;
	uint8_t *bundle;

	for (size_t i = 0; i < c->n_certs && i < CERTIFICATES_MAX; i++)
		b.parts[b.n++].der = c->certs[i];
	const size_t n = cert_bundle_len(&b);
	bundle = mem_new(n);
	if (bundle == NULL)
		return ERR_NO_MEMORY;
	struct writer w = writer_of(bundle, n);
	cert_bundle_write(&b, &w);
	enum err e =
	    ka_ecert_keys(ike->crypto, &sa->suite, ike_keys_d(&sa->keys), ka_ss_r(k), &v, &keys);
	if (e == ERR_NONE) {
		e = ka_ecert_write(ike->crypto, &sa->suite.protect, &keys.keys, &ike->cb.random,
				   CERT_X509_BUNDLE_INLINE, writer_bytes_so_far(&w), m);
		ka_ecert_keys_erase(&keys);
	}
	mem_free(bundle);
	return e;
}

static size_t chain_octets(const struct ike_credential *c)
{
	size_t n = ECERT_OVERHEAD;

	for (size_t i = 0; i < c->n_certs; i++)
		n += c->certs[i].n;
	return n;
}

/* The responder's chain holds, it is who it must be, and a secret is encapsulated to its key. */
static void ka_1_checked(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_find(sa, TASK_INTERMEDIATE, 0);
	struct kem_auth *k = sa->setup->kem;
	const struct ike_exchange_values v = ka_values(sa);
	uint8_t conf[KA_SSCONF_LEN];
	struct message m;

	if (t == NULL || job->result != ERR_NONE) {
		/* Nothing of our own identity was sent. */
		auth_refuse_peer(ike, sa, job->reason);
		return;
	}
	ka_keep_certs(k, job);
	k->ss_r_len = job->ke->secret_len;
	memcpy(k->ss_r, job->secret, k->ss_r_len);
	task_done(ike, sa, t);
	k->step = KA_2;
	sa_message_begin_for(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, false, sa->send_id,
			     chain_octets(k->credential));
	if (ka_ssconf(ike->crypto, sa->suite.prf, false, ka_ss_r(k), &v, conf)) {
		intermediate_fail(ike, sa, "out of memory");
		return;
	}
	ka_write(&m, bytes_of(job->value, job->ke->resp_len), conf);
	if (ecert_write(ike, sa, &m))
		intermediate_fail(ike, sa, "our certificates could not be encrypted");
	else
		intermediate_send(ike, sa, &m);
}

/* CERT payloads, the end entity's first (RFC 7296 3.6). */
static enum err take_certs(const struct payloads *ps, struct ike_job *job)
{
	struct cert_part cert;
	enum err e = ERR_NONE;

	for (const struct payload *p = NULL;
	     e == ERR_NONE && (p = payloads_next(ps, PAYLOAD_CERT, p)) != NULL;)
		/* Nothing is fetched for somebody who has shown nothing yet (encodings 12, 13). */
		if (cert_parse(p->body, &cert, NULL) == ERR_NONE &&
		    (cert.encoding == CERT_X509_SIGNATURE || cert.encoding == CERT_CRL))
			e = ka_job_cert(job, cert.encoding, cert.data);
	return e;
}

static void ka_1_response(struct ike *ike, struct ike_sa *sa, const struct payloads *ps)
{
	struct ike_job *job;

	if (payloads_find(ps, PAYLOAD_CERT) == NULL) {
		if (sa->config->kem_auth == IKE_KEM_AUTH_REQUIRE) {
			auth_refuse_peer(
			    ike, sa, "the peer goes on with signatures, but kem-auth = require");
			return;
		}
		sa_log(ike, sa, LOG_NOTE, "the peer has no KEM's certificate for us: signing");
		step_over(ike, sa, KA_DECLINED);
		return;
	}
	job = ike_job_new(IKE_JOB_KEM_ENCAPSULATE);
	if (job == NULL) {
		intermediate_fail(ike, sa, "out of memory");
		return;
	}
	job->candidates[job->n_candidates++] = ike_connection_hold(sa->config);
	ike_random(ike, job->seed, sizeof(job->seed));
	enum err e = take_certs(ps, job);
	if (e == ERR_NONE && sa->config->remote_id != NULL) {
		job->remote = identity_copy(sa->config->remote_id);
		e = job->remote == NULL ? ERR_NO_MEMORY : ERR_NONE;
	}
	if (e != ERR_NONE) {
		ike_job_free(job);
		intermediate_fail(ike, sa,
				  e == ERR_LIMIT ? "the peer sent more certificates than we take"
						 : "out of memory");
		return;
	}
	if (ike_job_submit(ike, sa, job, ka_1_checked))
		intermediate_fail(ike, sa, "out of memory");
}

/* ss_i is here: the responder's confirmation, then new keys for everything that follows. */
static void ka_2_decapsulated(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_find(sa, TASK_INTERMEDIATE, 0);
	struct kem_auth *k = sa->setup->kem;
	const struct ike_exchange_values v = ka_values(sa);
	uint8_t conf[KA_SSCONF_LEN] = {0};
	struct bytes ciphertext, got = {0};
	struct ike_keys next = {0};
	const char *why = "no answer";
	bool holds = false;

	if (t == NULL || t->response == NULL ||
	    ka_read(k, &t->response->sk.payloads, &ciphertext, &got, &why)) {
		intermediate_fail(ike, sa, why);
		return;
	}
	const struct bytes ss_i = bytes_of(job->data, job->data_len);
	/* M5: whatever was wrong with the decapsulation, it is the confirmation that fails. */
	if (job->result == ERR_NONE &&
	    ka_ssconf(ike->crypto, sa->suite.prf, true, ss_i, &v, conf) == ERR_NONE)
		holds = mem_equal_secret(conf, got.p, sizeof(conf));
	mem_erase(conf, sizeof(conf));
	if (!holds) {
		/* Nothing is sent: the responder has its new keys already, which we cannot make. */
		intermediate_fail(ike, sa,
				  job->result != ERR_NONE
				      ? job->reason
				      : "our private key does not belong to our certificate, or "
					"what the peer encapsulated is for another key");
		return;
	}
	if (ka_mix(ike->crypto, &sa->suite, ike_keys_d(&sa->keys), ka_ss_r(k), ss_i, &v, &next)) {
		intermediate_fail(ike, sa, "the keys could not be derived");
		return;
	}
	ike_keys_free(&sa->keys);
	sa->keys = next;
	mem_erase(k->ss_r, sizeof(k->ss_r));
	step_over(ike, sa, KA_DONE);
}

static void ka_2_response(struct ike *ike, struct ike_sa *sa, const struct payloads *ps)
{
	struct bytes ciphertext, confirmation;
	const char *why;

	if (payloads_find(ps, PAYLOAD_CERT) != NULL ||
	    ka_read(sa->setup->kem, ps, &ciphertext, &confirmation, &why)) {
		intermediate_fail(ike, sa, "the answer to KA-2 is malformed");
		return;
	}
	if (ka_decapsulate(ike, sa, ciphertext, ka_2_decapsulated))
		intermediate_fail(ike, sa, "out of memory");
}

static void refused(struct ike *ike, struct ike_sa *sa, uint16_t type)
{
	char why[200], name[IKEV2_NAME_MAX];

	snprintf(why, sizeof(why),
		 "the peer refused KEM-based authentication: %s; its log says why",
		 notify_name(type, name));
	intermediate_fail(ike, sa, why);
}

void kem_auth_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
		       struct ike_inbound *in)
{
	const struct payloads *ps = &in->sk.payloads;
	const bool first = sa->setup->kem->step == KA_1;
	struct notify_part n;

	t->response = in;
	if (payloads_error(ps, &n)) {
		refused(ike, sa, n.type);
		return;
	}
	/* M3 */
	if (payloads_find(ps, PAYLOAD_KE) != NULL || in->header.next_payload != PAYLOAD_SK ||
	    (first && kem_auth_stray(sa, ps))) {
		intermediate_fail(ike, sa, "the peer's answer has payloads of another exchange");
		return;
	}
	if (intermediate_chain(ike, sa, false, in)) {
		intermediate_fail(ike, sa, "out of memory");
		return;
	}
	if (first)
		ka_1_response(ike, sa, ps);
	else
		ka_2_response(ike, sa, ps);
}
