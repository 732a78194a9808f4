#include "ike/auth.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/auth_octets.h"
#include "ike/ext/big_payload.h"
#include "ike/ext/downgrade_prevention.h"
#include "ike/ext/ext.h"
#include "ike/ext/intermediate.h"
#include "ike/ext/kem_auth.h"
#include "ike/ext/ppk.h"
#include "pki/trust.h"

/* Octets of a list in a CERT payload that is not long (RFC 7296 3.6). */
#define LIST_SHORT (65535 - 5)

/* Replaces *to by a copy of from, which may be NULL. */
static enum err identity_set(struct identity **to, const struct identity *from)
{
	struct identity *copy = from == NULL ? NULL : identity_copy(from);

	if (from != NULL && copy == NULL)
		return ERR_NO_MEMORY;
	identity_free(*to);
	*to = copy;
	return ERR_NONE;
}

enum err auth_local_id(struct ike_sa *sa)
{
	const struct ike_connection *c = sa->config;

	if (c->local_id != NULL)
		return identity_set(&sa->local_id, c->local_id);
	identity_free(sa->local_id);
	sa->local_id = identity_new(sa->path.local.addr.family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR,
				    addr_bytes(&sa->path.local.addr));
	return sa->local_id == NULL ? ERR_NO_MEMORY : ERR_NONE;
}

/* libreswan swaps the parts where a responder signs, and only there. */
static bool int_auth_swapped(const struct ike_sa *sa, bool of_initiator)
{
	const enum ike_auth_kind kind = sa->initiator == of_initiator
					    ? sa->config->local_auth.kind
					    : sa->config->remote_auth.kind;

	return sa->config->int_auth == IKE_INT_AUTH_LIBRESWAN && !of_initiator &&
	       kind != IKE_AUTH_BY_PSK;
}

/* The signed octets of one side: its first message, the other's nonce, its identity. */
static enum err octets_of(struct ike *ike, struct ike_sa *sa, bool of_initiator,
			  struct bytes id_body, struct ike_job *job)
{
	const struct ike_setup *s = sa->setup;
	const struct bytes message_1 = bytes_of(s->message_1, s->message_1_len);
	const struct bytes message_2 = bytes_of(s->message_2, s->message_2_len);
	uint8_t int_auth[INT_AUTH_MAX];
	const struct auth_octets_of of = {
	    .message = of_initiator ? message_1 : message_2,
	    .received = downgrade_received(sa, of_initiator ? message_2 : message_1),
	    .nonce = of_initiator ? bytes_of(s->nonce_r, s->nonce_r_len)
				  : bytes_of(s->nonce_i, s->nonce_i_len),
	    .prf = sa->suite.prf,
	    .sk_p = ppk_sk_p(sa, of_initiator),
	    .id_body = id_body,
	    /* RFC 9242 3.3.2 */
	    .int_auth = int_auth_swapped(sa, of_initiator) ? intermediate_auth_swapped(sa, int_auth)
							   : intermediate_auth(sa, int_auth),
	};

	return auth_octets(ike->crypto, &of, &job->octets, &job->octets_len);
}

static enum err prove_by_psk(struct ike_sa *sa, struct ike_job *job)
{
	const struct identity *remote =
	    sa->setup->peer_id != NULL ? sa->setup->peer_id : sa->config->remote_id;

	job->prf = sa->suite.prf;
	sa->setup->auth_method = AUTH_SHARED_KEY_MIC;
	enum err e = identity_set(&job->local, sa->local_id);
	return e ? e : identity_set(&job->remote, remote);
}

static enum err prove_by_key(struct ike *ike, struct ike_sa *sa, struct ike_job *job,
			     const char **why)
{
	const struct ike_credential *c;
	bool passed_over;

	c = credential_choose(&sa->config->local_auth, &sa->setup->hints,
			      sa->config->allow_weak_signatures, &job->scheme, &passed_over);
	if (c == NULL) {
		*why = "the peer can check no signature that our key makes: it announced no hash "
		       "algorithm that fits (RFC 7427)";
		return ERR_UNSUPPORTED;
	}
	if (big_payload_missing(sa, c) &&
	    (sa->setup->cert_wanted || sa->config->local_auth.always_send_cert)) {
		*why = "our certificate is longer than 65535 octets, and the peer has not agreed "
		       "to take such (BIG_PAYLOAD_SUPPORTED)";
		return ERR_RANGE;
	}
	if (passed_over)
		sa_log(ike, sa, LOG_NOTE,
		       "the peer's list of authentication methods (RFC 9593) has none that our "
		       "keys can do; trying %s",
		       job->scheme->name);
	sa_log(ike, sa, LOG_DEBUG, "signing with %s as %s", c->key, job->scheme->name);
	sa->setup->credential = c;
	sa->setup->auth_method = job->scheme->auth_method;
	sa->setup->scheme = job->scheme;
	job->key = mem_text(c->key);
	return job->key == NULL ? ERR_NO_MEMORY : ERR_NONE;
}

/* Needs no key but those of the IKE SA, so that it is done at once. */
static enum err prove_by_kem(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	sa->setup->auth_method = AUTH_KEM;
	return kem_auth_prove(ike, sa, ppk_sk_p(sa, sa->initiator), job);
}

enum err auth_prove(struct ike *ike, struct ike_sa *sa, auth_then *then, const char **why)
{
	const bool psk = sa->config->local_auth.kind == IKE_AUTH_BY_PSK;
	struct ike_job *job = ike_job_new(psk ? IKE_JOB_SHARED_KEY : IKE_JOB_SIGN);
	uint8_t id_body[4 + IDENTITY_MAX];
	struct writer w = writer_of(id_body, sizeof(id_body));

	*why = "out of memory";
	if (job == NULL)
		return ERR_NO_MEMORY;
	id_write(&w, sa->local_id->type, identity_bytes(sa->local_id));
	enum err e = octets_of(ike, sa, sa->initiator, writer_bytes_so_far(&w), job);
	if (e == ERR_NONE && kem_auth_done(sa))
		e = prove_by_kem(ike, sa, job);
	else if (e == ERR_NONE)
		e = psk ? prove_by_psk(sa, job) : prove_by_key(ike, sa, job, why);
	if (e) {
		ike_job_free(job);
		return e;
	}
	if (!kem_auth_done(sa))
		return ike_job_submit(ike, sa, job, then);
	then(ike, sa, job);
	ike_job_free(job);
	return ERR_NONE;
}

enum err auth_proved(struct ike_sa *sa, struct ike_job *job)
{
	if (job->result)
		return job->result;
	sa->setup->auth_data = job->data;
	sa->setup->auth_data_len = job->data_len;
	job->data = NULL;
	return ERR_NONE;
}

void auth_id_write(struct ike_sa *sa, struct message *m)
{
	id_write(message_payload_begin(m, sa->initiator ? PAYLOAD_IDI : PAYLOAD_IDR),
		 sa->local_id->type, identity_bytes(sa->local_id));
	message_payload_end(m);
}

size_t auth_room(const struct ike_sa *sa)
{
	const struct ike_credential *c = sa->setup->credential;
	size_t n = sa->setup->auth_data_len;

	for (size_t i = 0; c != NULL && i < c->n_certs; i++)
		n += c->certs[i].n;
	for (size_t i = 0; c != NULL && sa->setup->ocsp_wanted && i < c->n_status; i++)
		n += c->status[i].n;
	for (size_t i = 0; c != NULL && sa->setup->lists_wanted && i < c->n_lists; i++)
		n += c->lists[i].n;
	return n;
}

/* RFC 4806 3.3: each response in a CERT payload of its own, to a peer that has asked; likewise the
 * lists. */
void auth_status_write(const struct ike_sa *sa, const struct ike_credential *c, struct message *m)
{
	for (size_t i = 0; sa->setup->ocsp_wanted && i < c->n_status; i++) {
		cert_write(message_payload_begin(m, PAYLOAD_CERT), CERT_OCSP, c->status[i]);
		message_payload_end(m);
	}
	for (size_t i = 0; sa->setup->lists_wanted && i < c->n_lists; i++) {
		if (c->lists[i].n > LIST_SHORT && !sa->big_payload)
			continue;
		cert_write(message_payload_begin(m, PAYLOAD_CERT), CERT_CRL, c->lists[i]);
		message_payload_end(m);
	}
}

void auth_cert_write(struct ike_sa *sa, struct message *m)
{
	const struct ike_local_auth *a = &sa->config->local_auth;
	const struct ike_credential *c = sa->setup->credential;
	const uint8_t encoding =
	    a->kind == IKE_AUTH_BY_CERT ? CERT_X509_SIGNATURE : CERT_RAW_PUBLIC_KEY;

	/* RFC 7296 3.7: CERTREQ is honoured; without one a raw key is known to the peer anyway. */
	if (c == NULL || !(sa->setup->cert_wanted || a->always_send_cert))
		return;
	/* RFC 7296 3.6: the first one holds the key that signs. */
	const bool by_url = c->url != NULL && sa->setup->peer_fetches;
	if (by_url) {
		struct writer *w = message_payload_begin(m, PAYLOAD_CERT);
		writer_u8(w, c->url_bundle ? CERT_HASH_URL_BUNDLE : CERT_HASH_URL_X509);
		writer_bytes(w, bytes_of(c->url_sha1, sizeof(c->url_sha1)));
		writer_bytes(w, bytes_of(c->url, strlen(c->url)));
		message_payload_end(m);
	}
	for (size_t i = !by_url ? 0 : c->url_bundle ? c->n_certs : 1; i < c->n_certs; i++) {
		cert_write(message_payload_begin(m, PAYLOAD_CERT), encoding, c->certs[i]);
		message_payload_end(m);
	}
	auth_status_write(sa, c, m);
}

void auth_proof_write(struct ike_sa *sa, struct message *m)
{
	auth_write(message_payload_begin(m, PAYLOAD_AUTH), sa->setup->auth_method,
		   bytes_of(sa->setup->auth_data, sa->setup->auth_data_len));
	message_payload_end(m);
}

/* RFC 4806 3.1: beside the other requests. Who is strict can do with lists, too. */
static void status_request_write(const struct ike_remote_auth *a, struct message *m)
{
	struct writer *w;

	if (a->revocation == REVOCATION_NONE)
		return;
	if (a->ocsp != IKE_OCSP_NO) {
		w = message_payload_begin(m, PAYLOAD_CERTREQ);
		writer_u8(w, CERT_OCSP);
		trust_write_responders(a->trust, w);
		message_payload_end(m);
	}
	if (a->revocation == REVOCATION_STRICT) {
		w = message_payload_begin(m, PAYLOAD_CERTREQ);
		writer_u8(w, CERT_CRL);
		trust_write_certreq(a->trust, w);
		message_payload_end(m);
	}
}

void auth_certreq_write(const struct ike_connection *c, struct message *m)
{
	if (c->remote_auth.kind == IKE_AUTH_BY_PSK)
		return;
	struct writer *w = message_payload_begin(m, PAYLOAD_CERTREQ);
	if (c->remote_auth.kind == IKE_AUTH_BY_PUBKEY) {
		certreq_write(w, CERT_RAW_PUBLIC_KEY, (struct bytes){0}); /* RFC 7670 3 */
	} else {
		writer_u8(w, CERT_X509_SIGNATURE);
		trust_write_certreq(c->remote_auth.trust, w);
	}
	message_payload_end(m);
	if (c->remote_auth.kind == IKE_AUTH_BY_CERT)
		status_request_write(&c->remote_auth, m);
}

void auth_certreq_read(struct ike_sa *sa, const struct payloads *ps)
{
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_CERTREQ, p)) != NULL;) {
		struct certreq_part part;

		if (certreq_parse(p->body, &part, NULL))
			continue;
		if (part.encoding == CERT_OCSP)
			sa->setup->ocsp_wanted = true;
		else if (part.encoding == CERT_CRL)
			sa->setup->lists_wanted = true;
		else
			sa->setup->cert_wanted = true;
		credential_note_certreq(&sa->setup->hints, p->body);
	}
}

enum err auth_peer_id(struct ike_sa *sa, const struct payload *id)
{
	struct ike_setup *s = sa->setup;
	struct id_part part;
	const char *reason;

	if (id_parse(id->body, &part, &reason))
		return ERR_SYNTAX;
	identity_free(s->peer_id);
	s->peer_id = NULL;
	mem_free(s->peer_id_body);
	s->peer_id_body = mem_copy(id->body);
	s->peer_id_body_len = id->body.n;
	if (s->peer_id_body == NULL)
		return ERR_NO_MEMORY;
	return identity_from_wire(&s->peer_id, part.type, part.data, &reason);
}

static enum err check_by_psk(struct ike_sa *sa, const struct auth_part *part, struct ike_job *job,
			     const char **why)
{
	if (part->method != AUTH_SHARED_KEY_MIC) {
		*why = "the peer signs, but auth = psk is configured for it";
		return ERR_AUTH;
	}
	job->prf = sa->suite.prf;
	enum err e = identity_set(&job->local, sa->local_id);
	return e ? e : identity_set(&job->remote, sa->setup->peer_id);
}

static enum err check_take_certs(const struct payloads *ps, struct ike_job *job, const char **why)
{
	struct cert_part cert;

	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_CERT, p)) != NULL;) {
		if (cert_parse(p->body, &cert, NULL))
			continue;
		if (job->n_certs == IKE_JOB_CERTS_MAX) {
			*why = "the peer sent more certificates than we take";
			return ERR_AUTH;
		}
		job->certs[job->n_certs] = mem_copy(cert.data);
		if (job->certs[job->n_certs] == NULL)
			return ERR_NO_MEMORY;
		job->cert_lens[job->n_certs] = cert.data.n;
		job->cert_encodings[job->n_certs++] = cert.encoding;
	}
	return ERR_NONE;
}

static enum err check_by_key(struct ike_sa *sa, const struct payloads *ps,
			     const struct auth_part *part, struct ike_job *job, const char **why)
{
	struct bytes signature;

	/* M2: nothing has come before that this could rest on */
	if (part->method == AUTH_KEM) {
		*why = "the peer authenticates by a KEM without having shown its key";
		return ERR_AUTH;
	}
	if (part->method == AUTH_SHARED_KEY_MIC) {
		*why = "the peer uses a pre-shared key, but a signature is demanded of it";
		return ERR_AUTH;
	}
	/* RFC 7427 3: the cheap checks come first. */
	job->scheme = signature_recognise(part->method, part->data, &signature);
	if (job->scheme == NULL) {
		*why = "the peer signs in a way that we do not know";
		return ERR_AUTH;
	}
	if (job->scheme->weak && !sa->config->allow_weak_signatures) {
		*why = "the peer signs with SHA-1, which is not allowed for it";
		return ERR_AUTH;
	}
	/* RFC 7427 4: only between two that have both sent SIGNATURE_HASH_ALGORITHMS. */
	if (part->method == AUTH_DIGITAL_SIGNATURE && sa->setup->hints.hashes == 0) {
		*why = "the peer signs by method 14, but announced no hash algorithms (RFC 7427)";
		return ERR_AUTH;
	}
	/* RFC 7427 3: both sides have listed hash algorithms, so that method 14 MUST be used; the
	 * older methods would choose their hash without regard to the lists. */
	if (part->method != AUTH_DIGITAL_SIGNATURE && sa->setup->hints.hashes != 0 &&
	    !sa->config->allow_weak_signatures) {
		*why = "the peer signs by an old method, though it announced hash algorithms (RFC "
		       "7427)";
		return ERR_AUTH;
	}
	job->auth_method = part->method;
	job->data = mem_copy(part->data);
	job->data_len = part->data.n;
	job->connection = ike_connection_hold(sa->config);
	job->hashes = ext_signature_hashes_offered();
	if (job->data == NULL)
		return ERR_NO_MEMORY;
	enum err e = identity_set(&job->remote, sa->setup->peer_id);
	return e ? e : check_take_certs(ps, job, why);
}

/* The AUTH payload; its data may stand in NO_PPK_AUTH instead (RFC 8784 3). */
static bool proof_parse(const struct ike_sa *sa, const struct payloads *ps, struct auth_part *part)
{
	const struct payload *p = payloads_find(ps, PAYLOAD_AUTH);

	if (p == NULL || auth_parse(p->body, part, NULL))
		return false;
	part->data = ppk_proof(sa, ps, part->data);
	return true;
}

enum err auth_check(struct ike *ike, struct ike_sa *sa, const struct payloads *ps, auth_then *then,
		    const char **why)
{
	const bool psk = sa->config->remote_auth.kind == IKE_AUTH_BY_PSK;
	const bool kem = kem_auth_done(sa);
	struct auth_part part;
	struct ike_job *job;

	*why = "the AUTH payload is missing or broken";
	if (!proof_parse(sa, ps, &part))
		return ERR_AUTH;
	*why = "out of memory";
	job = ike_job_new(kem ? IKE_JOB_KEM_CHECK : psk ? IKE_JOB_SHARED_KEY : IKE_JOB_VERIFY);
	if (job == NULL)
		return ERR_NO_MEMORY;
	enum err e = octets_of(ike, sa, !sa->initiator,
			       bytes_of(sa->setup->peer_id_body, sa->setup->peer_id_body_len), job);
	if (e == ERR_NONE && kem)
		e = kem_auth_check(ike, sa, ps, &part, ppk_sk_p(sa, !sa->initiator), job, why);
	else if (e == ERR_NONE)
		e = psk ? check_by_psk(sa, &part, job, why) : check_by_key(sa, ps, &part, job, why);
	if (e) {
		ike_job_free(job);
		return e;
	}
	return ike_job_submit(ike, sa, job, then);
}

enum err peer_path_set(struct ike_sa *sa, const struct certificate_id *path, size_t n)
{
	mem_free(sa->peer_path);
	sa->n_peer_path = 0;
	sa->peer_path = n == 0 ? NULL : mem_copy(bytes_of(path, n * sizeof(*path)));
	if (n != 0 && sa->peer_path == NULL)
		return ERR_NO_MEMORY;
	sa->n_peer_path = n;
	return ERR_NONE;
}

enum err auth_checked(struct ike_sa *sa, const struct ike_job *job, const struct payloads *ps,
		      char why[AUTH_WHY_MAX])
{
	const bool psk = job->type == IKE_JOB_SHARED_KEY;
	char id[IDENTITY_TEXT_MAX];
	struct auth_part part;

	identity_format(sa->setup->peer_id, id);
	sa->setup->ppk.proof_failed = job->proof_failed;
	if (job->result) {
		snprintf(why, AUTH_WHY_MAX, "%.120s: %.319s%s", id, job->reason,
			 job->proof_failed ? downgrade_hint(sa) : "");
		return ERR_AUTH;
	}
	if (psk && (!proof_parse(sa, ps, &part) || part.data.n != job->data_len ||
		    !mem_equal_secret(part.data.p, job->data, job->data_len))) {
		sa->setup->ppk.proof_failed = true;
		snprintf(why, AUTH_WHY_MAX,
			 "%.120s has another pre-shared key: the secrets on both sides differ%s",
			 id, downgrade_hint(sa));
		return ERR_AUTH;
	}
	sa->remote_auth = job->type == IKE_JOB_KEM_CHECK ? kem_auth_name(job->kem_type)
			  : psk                          ? "psk"
							 : job->scheme->name;
	if (peer_path_set(sa, job->path, job->n_path) ||
	    identity_set(&sa->remote_id, sa->setup->peer_id)) {
		snprintf(why, AUTH_WHY_MAX, "out of memory");
		return ERR_NO_MEMORY;
	}
	return ERR_NONE;
}
