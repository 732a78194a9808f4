/* KEM-based authentication as responder: KA-1 and KA-2. Which connection it will be is not known
 * before IKE_AUTH: any that may be. */
#include <string.h>

#include "base/mem.h"
#include "ike/ext/auth_methods.h"
#include "ike/ext/intermediate.h"
#include "ike/ext/kem_auth_ecert.h"
#include "ike/ext/kem_auth_state.h"
#include "ike/ext/tcp.h"
#include "pki/cert_bundle.h"

/* c may be the one, as far as anybody knows. */
static bool may_be(const struct ike_sa *sa, const struct ike_connection *c)
{
	const struct kem_auth *k = sa->setup->kem;

	return kem_auth_wants_intermediate(c) && ike_suites_allow(&c->ike, &sa->suite) &&
	       (k->asked_id == NULL || c->local_id == NULL ||
		identity_equal(c->local_id, k->asked_id));
}

/* Every connection that this peer may be of takes no other way to authenticate. */
static bool all_require(struct ike *ike, const struct ike_sa *sa)
{
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		if (ike_suites_allow(&c->config->ike, &sa->suite) &&
		    c->config->kem_auth != IKE_KEM_AUTH_REQUIRE)
			return false;
	return true;
}

/* --- KA-1 ------------------------------------------------------------------------------------ */

static bool asked_id_read(struct kem_auth *k, const struct payloads *ps)
{
	const struct payload *p = payloads_find(ps, PAYLOAD_IDR);
	struct id_part part;
	const char *reason;

	if (p == NULL)
		return true;
	if (id_parse(p->body, &part, NULL))
		return false;
	/* A type that we do not take cannot be one of our identities, but is no error. */
	return identity_from_wire(&k->asked_id, part.type, part.data, &reason) != ERR_NO_MEMORY;
}

/* By IDr, CERTREQ and what the initiator announced. */
static bool credential_find(struct ike *ike, struct ike_sa *sa)
{
	struct kem_auth *k = sa->setup->kem;

	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;) {
		const struct ike_credential *found =
		    may_be(sa, c->config)
			? credential_choose_kem(&c->config->local_auth, &sa->setup->hints)
			: NULL;
		if (found != NULL) {
			ka_credential_set(k, c->config, found);
			return true;
		}
	}
	return false;
}

static void ka_1_answer(struct ike *ike, struct ike_sa *sa, bool with_certs)
{
	struct kem_auth *k = sa->setup->kem;
	const struct ike_credential *c = with_certs ? k->credential : NULL;
	struct message m;
	size_t n = 0;

	for (size_t i = 0; c != NULL && i < c->n_certs; i++)
		n += c->certs[i].n;
	sa_message_begin_for(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, true, sa->recv_id, n);
	/* RFC 7296 3.6: the first one holds the key. */
	for (size_t i = 0; c != NULL && i < c->n_certs; i++) {
		cert_write(message_payload_begin(&m, PAYLOAD_CERT), CERT_X509_SIGNATURE,
			   c->certs[i]);
		message_payload_end(&m);
	}
	k->step = with_certs ? KA_1 : KA_DECLINED;
	if (intermediate_respond(ike, sa, &m))
		sa_kill(ike, sa, NULL);
	else
		sa->expire_at = ike->now + ike->settings.half_open_timeout;
}

static void ka_1_request(struct ike *ike, struct ike_sa *sa, const struct payloads *ps)
{
	struct kem_auth *k = sa->setup->kem;

	/* M3 */
	if (kem_auth_stray(sa, ps) || !asked_id_read(k, ps)) {
		intermediate_refuse(ike, sa, NOTIFY_INVALID_SYNTAX,
				    "KA-1 has payloads of KA-2, or a broken IDr");
		return;
	}
	auth_methods_read(sa, ps);
	auth_certreq_read(sa, ps);
	if (credential_find(ike, sa))
		ka_1_answer(ike, sa, true);
	else if (all_require(ike, sa))
		intermediate_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED,
				    "the peer takes no KEM's certificate that we have for it, and "
				    "kem-auth = require");
	else
		ka_1_answer(ike, sa, false);
}

/* --- KA-2 ------------------------------------------------------------------------------------ */

/* One and the same answer for all that may be wrong; the log tells it apart. */
static void refuse(struct ike *ike, struct ike_sa *sa, const char *why)
{
	intermediate_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, why);
}

/* ss_i is encapsulated to the initiator's certified key. The answer is still under the old keys. */
static void ka_2_answer(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct kem_auth *k = sa->setup->kem;
	const struct ike_exchange_values v = ka_values(sa);
	uint8_t conf[KA_SSCONF_LEN];
	struct ike_keys next = {0};
	struct message m;

	if (sa->inbound == NULL)
		return;
	if (job->result != ERR_NONE) {
		refuse(ike, sa, job->reason);
		return;
	}
	const struct bytes ss_i = bytes_of(job->secret, job->ke->secret_len);
	ka_keep_certs(k, job);
	if (ka_ssconf(ike->crypto, sa->suite.prf, true, ss_i, &v, conf) ||
	    ka_mix(ike->crypto, &sa->suite, ike_keys_d(&sa->keys), ka_ss_r(k), ss_i, &v, &next)) {
		sa_kill(ike, sa, NULL);
		return;
	}
	mem_erase(k->ss_r, sizeof(k->ss_r));
	sa_message_begin(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, true, sa->recv_id);
	ka_write(&m, bytes_of(job->value, job->ke->resp_len), conf);
	if (intermediate_respond(ike, sa, &m)) {
		ike_keys_free(&next);
		sa_kill(ike, sa, NULL);
		return;
	}
	/* A retransmission of that answer is the same octets (sa->answer). */
	ike_keys_free(&sa->keys);
	sa->keys = next;
	k->step = KA_DONE;
	sa->expire_at = ike->now + ike->settings.half_open_timeout;
}

/* Those whose CAs may take the initiator's certificates; equal ones are asked once. */
static void candidates_add(struct ike *ike, const struct ike_sa *sa, struct ike_job *job)
{
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;) {
		bool there = !may_be(sa, c->config) || job->n_candidates == IKE_CANDIDATES_MAX;

		for (size_t i = 0; i < job->n_candidates; i++)
			there |=
			    job->candidates[i]->remote_auth.trust == c->config->remote_auth.trust &&
			    job->candidates[i]->remote_auth.revocation ==
				c->config->remote_auth.revocation;
		if (!there)
			job->candidates[job->n_candidates++] = ike_connection_hold(c->config);
	}
}

static enum err bundle_take(const struct ka_ecert *ecert, struct ike_job *job, const char **why)
{
	struct cert_bundle b;
	enum err e;

	*why = "ECERT holds certificates in an encoding that we do not take";
	if (ecert->encoding != CERT_X509_BUNDLE_INLINE)
		return ERR_UNSUPPORTED;
	e = cert_bundle_parse(&b, ecert->data, why);
	for (size_t i = 0; i < b.n && e == ERR_NONE; i++) {
		*why = "out of memory";
		e = ka_job_cert(job, b.parts[i].crl ? CERT_CRL : CERT_X509_SIGNATURE,
				b.parts[i].der);
	}
	return e;
}

/* The initiator's certificates, which only we can read. */
static enum err ecert_read(struct ike *ike, struct ike_sa *sa, struct ike_job *job,
			   const char **why)
{
	const struct ike_exchange_values v = ka_values(sa);
	const struct ike_inbound *in = sa->inbound;
	struct ka_ecert_keys keys;
	struct ka_ecert ecert;
	enum err e = ka_ecert_keys(ike->crypto, &sa->suite, ike_keys_d(&sa->keys),
				   ka_ss_r(sa->setup->kem), &v, &keys);

	*why = "out of memory";
	if (e != ERR_NONE)
		return e;
	e = ka_ecert_open(ike->crypto, &sa->suite.protect, &keys.keys, in->sk.inner,
			  payloads_find(&in->sk.payloads, PAYLOAD_ECERT), &ecert, why);
	ka_ecert_keys_erase(&keys);
	if (e != ERR_NONE)
		return e;
	e = bundle_take(&ecert, job, why);
	ka_ecert_free(&ecert);
	return e;
}

static bool confirmed(struct ike *ike, const struct ike_sa *sa, struct bytes ss_r)
{
	const struct ike_exchange_values v = ka_values(sa);
	uint8_t conf[KA_SSCONF_LEN];
	struct bytes ciphertext, got;
	const char *why;

	if (ka_read(sa->setup->kem, &sa->inbound->sk.payloads, &ciphertext, &got, &why) ||
	    ka_ssconf(ike->crypto, sa->suite.prf, false, ss_r, &v, conf))
		return false;
	return mem_equal_secret(conf, got.p, sizeof(conf));
}

static void ka_2_decapsulated(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct kem_auth *k = sa->setup->kem;
	struct ike_job *next;
	const char *why;

	if (sa->inbound == NULL)
		return;
	/* M5: nothing but the confirmation shows what became of the decapsulation. */
	if (job->result != ERR_NONE || !confirmed(ike, sa, bytes_of(job->data, job->data_len))) {
		refuse(ike, sa,
		       job->result != ERR_NONE
			   ? job->reason
			   : "our private key does not belong to our certificate, or what the "
			     "peer encapsulated is for another key");
		return;
	}
	k->ss_r_len = job->data_len;
	memcpy(k->ss_r, job->data, k->ss_r_len);
	next = ike_job_new(IKE_JOB_KEM_ENCAPSULATE);
	if (next == NULL) {
		sa_kill(ike, sa, NULL);
		return;
	}
	ike_random(ike, next->seed, sizeof(next->seed));
	candidates_add(ike, sa, next);
	if (ecert_read(ike, sa, next, &why)) {
		ike_job_free(next);
		refuse(ike, sa, why);
		return;
	}
	if (ike_job_submit(ike, sa, next, ka_2_answer))
		sa_kill(ike, sa, NULL);
}

static void ka_2_request(struct ike *ike, struct ike_sa *sa, const struct payloads *ps)
{
	struct kem_auth *k = sa->setup->kem;
	const struct payload *ecert = payloads_find(ps, PAYLOAD_ECERT);
	struct bytes ciphertext, confirmation;
	const char *why = "ECERT is missing";

	if (ecert == NULL || ka_read(k, ps, &ciphertext, &confirmation, &why) ||
	    !ka_ecert_fits(&sa->suite.protect, sa->inbound->sk.inner, ecert, &why)) {
		intermediate_refuse(ike, sa, NOTIFY_INVALID_SYNTAX, why);
		return;
	}
	/* One decapsulation, one encapsulation and the check of a chain for each handshake, not
	 * more: another KA-2 is refused. While it is half open it counts twice (init_r.c). */
	k->step = KA_2;
	k->costs = &ike->kem_costs;
	ike->kem_costs++;
	if (ka_decapsulate(ike, sa, ciphertext, ka_2_decapsulated))
		sa_kill(ike, sa, NULL);
}

bool kem_auth_request(struct ike *ike, struct ike_sa *sa)
{
	struct ike_inbound *in = sa->inbound;
	const struct payloads *ps = &in->sk.payloads;
	const struct kem_auth *k = sa->setup->kem;

	if (!kem_auth_agreed(sa) || (k->step != KA_NONE && k->step != KA_1) ||
	    payloads_find(ps, PAYLOAD_KE) != NULL || in->header.next_payload != PAYLOAD_SK)
		return false;
	sa->path = in->path; /* RFC 7296 2.23 */
	tcp_attach(ike, sa);
	if (intermediate_chain(ike, sa, true, in))
		sa_kill(ike, sa, NULL);
	else if (k->step == KA_NONE)
		ka_1_request(ike, sa, ps);
	else
		ka_2_request(ike, sa, ps);
	return true;
}

bool kem_auth_is_refusal(struct ike *ike, struct ike_sa *sa)
{
	struct notify_part n;

	if (!kem_auth_agreed(sa) || sa->inbound->header.exchange != EXCHANGE_INFORMATIONAL ||
	    !payloads_notify(&sa->inbound->sk.payloads, NOTIFY_AUTHENTICATION_FAILED, &n))
		return false;
	sa_log(ike, sa, LOG_WARN,
	       "the peer refused our certificate or our answer (AUTHENTICATION_FAILED); its log "
	       "says why");
	sa_kill(ike, sa, NULL);
	return true;
}
