#include "ike/job.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/kem.h"
#include "crypto/prf.h"
#include "ike/job_peer_certs.h"
#include "pki/certificate.h"
#include "pki/keystore.h"
#include "pki/trust.h"

struct ike_job *ike_job_new(enum ike_job_type type)
{
	struct ike_job *job = mem_new(sizeof(*job));

	if (job != NULL)
		job->type = job->wanted_by = type;
	return job;
}

void ike_job_free(struct ike_job *job)
{
	if (job == NULL)
		return;
	ke_private_free(job->private);
	mem_free(job->value);
	mem_free(job->peer);
	mem_free_secret(job->secret, job->ke != NULL ? job->ke->secret_len : 0);
	identity_free(job->local);
	identity_free(job->remote);
	mem_free(job->octets);
	mem_free_secret(job->data, job->data_len);
	mem_free(job->key);
	mem_free_secret(job->ppk, sizeof(*job->ppk));
	for (size_t i = 0; i < job->n_certs; i++)
		mem_free(job->certs[i]);
	ike_fetches_free(job->fetches);
	ike_connection_release(job->connection);
	for (size_t i = 0; i < job->n_candidates; i++)
		ike_connection_release(job->candidates[i]);
	mem_free_secret(job, sizeof(*job));
}

bool ike_job_wants_fetch(struct ike_job *job)
{
	if (job->type == IKE_JOB_FETCH || job->result != ERR_STATE || !ike_fetch_waits(job))
		return false;
	job->fetches->rounds++;
	job->wanted_by = job->type;
	job->type = IKE_JOB_FETCH;
	return true;
}

bool ike_job_resumes(struct ike_job *job)
{
	if (job->type != IKE_JOB_FETCH || job->wanted_by == IKE_JOB_FETCH)
		return false;
	job->type = job->wanted_by;
	/* What the fetching itself failed with is in the items. */
	job->result = ERR_NONE;
	job->reason[0] = '\0';
	return true;
}

bool ike_job_needs_keys(const struct ike_job *job)
{
	return job->type == IKE_JOB_SIGN || job->type == IKE_JOB_KEM_DECAPSULATE ||
	       job->type == IKE_JOB_SHARED_KEY || job->type == IKE_JOB_PPK_CONFIRM ||
	       job->type == IKE_JOB_PPK_MIX;
}

/* Room for a value and, unless 0, for a secret. */
static bool make_room(struct ike_job *job, size_t value_len, size_t secret_len)
{
	if (value_len != 0)
		job->value = mem_new(value_len);
	if (secret_len != 0)
		job->secret = mem_new(secret_len);
	return (value_len == 0 || job->value != NULL) && (secret_len == 0 || job->secret != NULL);
}

static enum err exchange_keys(struct ike_job *job)
{
	const struct ke_desc *ke = job->ke;
	struct bytes peer = bytes_of(job->peer, job->peer_len);

	/* Whoever filled the job in had no memory for the peer's value. */
	if (job->type != IKE_JOB_KE_GENERATE && job->peer == NULL)
		return ERR_NO_MEMORY;
	switch (job->type) {
	case IKE_JOB_KE_GENERATE:
		if (!make_room(job, ke->init_len, 0))
			return ERR_NO_MEMORY;
		return ke_generate(ke, job->seed, &job->private, job->value);
	case IKE_JOB_KE_RESPOND:
		if (!make_room(job, ke->resp_len, ke->secret_len))
			return ERR_NO_MEMORY;
		return ke_respond(ke, job->seed, peer, job->value, job->secret);
	default:
		if (!make_room(job, 0, ke->secret_len))
			return ERR_NO_MEMORY;
		return ke_finish(job->private, peer, job->secret);
	}
}

static void run_key_exchange(struct ike_job *job)
{
	job->result = exchange_keys(job);
	mem_erase(job->seed, sizeof(job->seed));
	if (job->result != ERR_NONE)
		snprintf(job->reason, sizeof(job->reason), "key exchange %s: %s", job->ke->name,
			 job->result == ERR_SYNTAX   ? "the peer's value has the wrong length"
			 : job->result == ERR_CRYPTO ? "the peer's value is not a valid one"
						     : err_name(job->result));
}

static void run_sign(struct ike_job *job, const struct keystore *keys)
{
	job->result =
	    keystore_sign(keys, job->key, job->scheme, bytes_of(job->octets, job->octets_len),
			  &job->data, &job->data_len);
	if (job->result == ERR_NOT_FOUND)
		snprintf(job->reason, sizeof(job->reason), "there is no private key \"%s\"",
			 job->key);
	else if (job->result != ERR_NONE)
		snprintf(job->reason, sizeof(job->reason), "signing with \"%s\" as %s: %s",
			 job->key, job->scheme->name, err_name(job->result));
}

static void run_shared_key(struct ike_job *job, struct crypto *c, const struct keystore *keys)
{
	job->result = ERR_NO_MEMORY;
	job->data = mem_new(job->prf->out_len);
	if (job->data != NULL) {
		job->data_len = job->prf->out_len;
		job->result =
		    keystore_shared_key_mac(keys, c, job->local, job->remote, job->prf,
					    bytes_of(job->octets, job->octets_len), job->data);
	}
	if (job->result == ERR_NOT_FOUND)
		snprintf(job->reason, sizeof(job->reason),
			 "there is no pre-shared key for these two identities");
	else if (job->result != ERR_NONE)
		snprintf(job->reason, sizeof(job->reason), "pre-shared key: %s",
			 err_name(job->result));
}

static struct bytes ppk_id(const struct ike_ppk *p)
{
	return bytes_of(p->id, p->id_len);
}

static void run_ppk_confirm(struct ike_job *job, struct crypto *c, const struct keystore *keys)
{
	const struct ike_ppk_work *w = job->ppk;
	const struct bytes octets = bytes_of(job->octets, job->octets_len);

	job->data_len = (size_t)w->n * PPK_CONFIRMATION_LEN;
	job->data = mem_new(job->data_len);
	job->result = job->data != NULL ? ERR_NONE : ERR_NO_MEMORY;
	for (size_t i = 0; i < w->n && job->result == ERR_NONE; i++)
		job->result = keystore_ppk_confirm(keys, c, ppk_id(&w->ppks[i]), job->prf, octets,
						   job->data + i * PPK_CONFIRMATION_LEN);
	if (job->result != ERR_NONE)
		snprintf(job->reason, sizeof(job->reason), "a PPK of ours: %s",
			 err_name(job->result));
}

/* Which of those on offer we have. ERR_NOT_FOUND: none; ERR_AUTH: its sender has another one by
 * that name. */
static enum err choose_ppk(const struct ike_job *job, struct crypto *c, const struct keystore *keys,
			   size_t *taken)
{
	const struct ike_ppk_work *w = job->ppk;
	uint8_t ours[PPK_CONFIRMATION_LEN];
	enum err all = ERR_NOT_FOUND;

	for (size_t i = 0; i < w->n; i++) {
		enum err e = keystore_ppk_confirm(keys, c, ppk_id(&w->ppks[i]), job->prf,
						  bytes_of(job->octets, job->octets_len), ours);
		if (e == ERR_NOT_FOUND)
			continue;
		if (e != ERR_NONE)
			return e;
		if (w->check && !mem_equal_secret(ours, w->ppks[i].confirmation, sizeof(ours))) {
			all = ERR_AUTH;
			continue;
		}
		*taken = i;
		return ERR_NONE;
	}
	return all;
}

static void run_ppk_mix(struct ike_job *job, struct crypto *c, const struct keystore *keys)
{
	const struct ike_ppk_work *w = job->ppk;
	const size_t n = job->prf->key_len;
	size_t taken = 0;

	job->data_len = 1 + w->n_inputs * n;
	job->data = mem_new(job->data_len);
	job->result = job->data != NULL ? choose_ppk(job, c, keys, &taken) : ERR_NO_MEMORY;
	for (size_t i = 0; i < w->n_inputs && job->result == ERR_NONE; i++)
		job->result = keystore_ppk_mix(keys, c, ppk_id(&w->ppks[taken]), job->prf,
					       bytes_of(w->input[i], n), job->data + 1 + i * n);
	if (job->result == ERR_NONE)
		job->data[0] = (uint8_t)taken;
	else
		snprintf(job->reason, sizeof(job->reason), "%s",
			 job->result == ERR_NOT_FOUND ? "it is unknown here"
			 : job->result == ERR_AUTH    ? "the peer's key of this name is another one"
						      : err_name(job->result));
}

const struct ike_ppk *ike_job_ppk_taken(const struct ike_job *job)
{
	return &job->ppk->ppks[job->data[0]];
}

const uint8_t *ike_job_ppk_mixed(const struct ike_job *job)
{
	return job->data + 1;
}

static enum err refuse(struct ike_job *job, const char *why)
{
	snprintf(job->reason, sizeof(job->reason), "%s", why);
	return ERR_AUTH;
}

/* A peer's certificates on their way through the checks. */
struct peer_check {
	struct peer_certs sent;
	struct certificate *certs[PEER_CERTS_MAX]; /* owned, n of them */
	size_t n;
	int64_t wall_time;
};

/* What more there is to be asked about a chain. */
struct unknown {
	struct crl_points lists;
	struct ocsp_questions questions;
};

static bool about_kem(const struct ike_job *job)
{
	return job->type == IKE_JOB_KEM_ENCAPSULATE || job->type == IKE_JOB_KEM_CHECK;
}

static enum err check_chain(struct ike_job *job, const struct peer_check *check,
			    enum revocation_policy revocation, struct unknown *unknown)
{
	const struct ike_remote_auth *a = &job->connection->remote_auth;
	struct crl *lists[PEER_CERTS_MAX] = {NULL};
	struct ocsp *answers[PEER_ANSWERS_MAX] = {NULL};
	struct trust_policy policy = {.kem = about_kem(job),
				      .answers = (const struct ocsp *const *)answers,
				      .ocsp_required = a->ocsp == IKE_OCSP_REQUIRE,
				      .revocation = revocation,
				      .missing = unknown != NULL ? &unknown->lists : NULL,
				      .questions = unknown != NULL ? &unknown->questions : NULL,
				      .key_types = a->key_types,
				      .received = (const struct crl *const *)lists};
	enum err e = ERR_NONE;

	if (revocation != REVOCATION_NONE)
		e = peer_certs_lists(job, &check->sent, lists, &policy.n_received);
	if (e == ERR_NONE && revocation != REVOCATION_NONE)
		e = peer_certs_answers(job, &check->sent, answers, &policy.n_answers);
	if (e == ERR_NONE)
		e = trust_check_chain(
		    a->trust, &policy, (const struct certificate *const *)check->certs, check->n,
		    job->remote, check->wall_time, job->reason, sizeof(job->reason));
	for (size_t i = 0; i < policy.n_received; i++)
		crl_free(lists[i]);
	for (size_t i = 0; i < policy.n_answers; i++)
		ocsp_free(answers[i]);
	return e;
}

/* The certificates as received. */
static enum err parse_certificates(struct ike_job *job, struct peer_check *check)
{
	const char *why = "";

	for (size_t i = 0; i < check->sent.n; i++) {
		if (check->sent.part[i].encoding != CERT_X509_SIGNATURE)
			continue;
		enum err e =
		    certificate_parse(&check->certs[check->n], check->sent.part[i].der, &why);
		if (e == ERR_NO_MEMORY)
			return e;
		if (e != ERR_NONE)
			return refuse(job, why);
		check->n++;
	}
	if (check->n == 0)
		return refuse(job, "the peer sent no certificate");
	if (job->connection->remote_auth.trust == NULL)
		return refuse(job, "no CA is configured for this peer");
	job->n_path = certificate_path_ids((const struct certificate *const *)check->certs,
					   check->n, job->path);
	return ERR_NONE;
}

/* What the AUTH payload says of itself, before anything is computed: known, allowed, offered (RFC
 * 7427 3). */
static enum err check_scheme(struct ike_job *job, struct bytes *signature)
{
	job->scheme =
	    signature_recognise(job->auth_method, bytes_of(job->data, job->data_len), signature);
	if (job->scheme == NULL)
		return refuse(job, "the peer's signature algorithm is unknown or malformed");
	if (job->scheme->weak && !job->connection->allow_weak_signatures)
		return refuse(job, "the peer's signature algorithm is weak and not allowed");
	if (job->auth_method == AUTH_DIGITAL_SIGNATURE &&
	    (job->hashes & (UINT32_C(1) << job->scheme->hash)) == 0)
		return refuse(job, "the peer's signature uses a hash that we did not offer");
	return ERR_NONE;
}

/* With this key, which is believed. */
static enum err verify_with(struct ike_job *job, const struct public_key *key,
			    struct bytes signature)
{
	enum err e;

	if (!signature_fits(job->scheme, public_key_type(key)))
		return refuse(job, "the peer's signature algorithm does not fit its key");
	e = signature_verify(key, job->scheme, signature, bytes_of(job->octets, job->octets_len));
	job->proof_failed = e != ERR_NONE;
	if (e != ERR_NONE)
		snprintf(job->reason, sizeof(job->reason), "the peer's signature does not hold");
	return e;
}

/* RFC 7670 3: only a key that the configuration names is believed, so that the one which the peer
 * sends decides nothing. With several, whichever made the signature. */
static enum err verify_by_raw_keys(struct ike_job *job, struct bytes signature)
{
	const struct ike_remote_auth *a = &job->connection->remote_auth;
	const struct trust_policy policy = {.key_types = a->key_types};
	enum err e = refuse(job, "no public key is configured for this peer");
	bool fits = false;

	for (size_t i = 0; i < a->n_keys && e != ERR_NONE; i++) {
		const struct public_key *key = a->keys[i];

		if (fits && !signature_fits(job->scheme, public_key_type(key)))
			continue;
		fits |= signature_fits(job->scheme, public_key_type(key));
		e = trust_check_key(&policy, key, &key, 1, job->reason, sizeof(job->reason));
		if (e == ERR_NONE)
			e = verify_with(job, key, signature);
	}
	return e;
}

/* With the key of the first certificate. */
static enum err verify_with_first(struct ike_job *job, const struct peer_check *check,
				  struct bytes signature)
{
	const struct public_key *key = certificate_key(check->certs[0]);

	return key != NULL ? verify_with(job, key, signature)
			   : refuse(job, "the peer's certificate has a key of unknown type");
}

/* A responder is asked when the lists are there that there are to be had: one list tells of many.
 */
static enum err want_more(struct ike_job *job, const struct unknown *unknown)
{
	const enum err e = peer_certs_want_lists(job, &unknown->lists);

	return e != ERR_NONE ? e : peer_certs_want_answers(job, &unknown->questions);
}

/* Lists and answers are fetched only for somebody who has a certificate of ours and its key: a
 * stranger makes us call nobody. */
static enum err verify_known(struct ike_job *job, struct peer_check *check, struct bytes signature,
			     struct unknown *unknown)
{
	enum err e = check_chain(job, check, job->connection->remote_auth.revocation, unknown);

	if (e == ERR_NO_MEMORY ||
	    (e != ERR_NONE && !unknown->lists.any && unknown->questions.n == 0))
		return e;
	if (e == ERR_NONE) {
		e = verify_with_first(job, check, signature);
		return e != ERR_NONE ? e : want_more(job, unknown);
	}
	/* Perhaps it is alone that nothing is known of it that is wrong. */
	char reason[sizeof(job->reason)];
	memcpy(reason, job->reason, sizeof(reason));
	if (check_chain(job, check, REVOCATION_NONE, NULL) == ERR_NONE &&
	    verify_with_first(job, check, signature) == ERR_NONE &&
	    want_more(job, unknown) == ERR_STATE)
		return ERR_STATE;
	job->proof_failed = false;
	memcpy(job->reason, reason, sizeof(reason));
	peer_certs_explain(job);
	return e;
}

static enum err verify_by_certificates(struct ike_job *job, struct peer_check *check,
				       struct bytes signature)
{
	struct unknown *unknown = mem_new(sizeof(*unknown)); /* too large for a stack */
	const enum err e =
	    unknown != NULL ? verify_known(job, check, signature, unknown) : ERR_NO_MEMORY;

	mem_free(unknown);
	return e;
}

static enum err verify(struct ike_job *job, struct crypto *c, int64_t wall_time)
{
	const struct identity *wanted = job->connection->remote_id;
	struct peer_check check = {.wall_time = wall_time};
	struct bytes signature;
	enum err e;

	if (job->remote == NULL || (wanted != NULL && !identity_equal(wanted, job->remote)))
		return refuse(job, "the peer's identity is not the configured one");
	e = check_scheme(job, &signature);
	if (e != ERR_NONE)
		return e;
	switch (job->connection->remote_auth.kind) {
	case IKE_AUTH_BY_CERT:
		e = peer_certs_collect(job, c, &check.sent);
		if (e == ERR_NONE)
			e = parse_certificates(job, &check);
		if (e == ERR_NONE)
			e = verify_by_certificates(job, &check, signature);
		break;
	case IKE_AUTH_BY_PUBKEY:
		e = verify_by_raw_keys(job, signature);
		break;
	case IKE_AUTH_BY_PSK:
		e = refuse(job, "the peer signs, but must have the pre-shared key");
		break;
	}
	for (size_t i = 0; i < check.n; i++)
		certificate_free(check.certs[i]);
	return e;
}

/* For a connection that the peer may be of. Lists that are missing are not fetched here: the peer
 * has not shown yet that the key is its own. What stands above that key signs, by the ordinary
 * policy (M9). */
static enum err kem_chain(struct ike_job *job, struct ike_connection *c, struct peer_check *check)
{
	struct ike_connection *only = job->connection;
	enum err e;

	while (check->n > 0)
		certificate_free(check->certs[--check->n]);
	job->connection = c;
	e = parse_certificates(job, check);
	if (e == ERR_NONE)
		e = check_chain(job, check, c->remote_auth.revocation, NULL);
	job->connection = only;
	return e;
}

static enum err kem_encapsulate_to(struct ike_job *job, const struct public_key *key)
{
	enum err e = ERR_NO_MEMORY;

	if (make_room(job, job->ke->resp_len, job->ke->secret_len))
		e = kem_encapsulate(key, job->seed, job->value, job->secret);
	if (e != ERR_NONE)
		snprintf(job->reason, sizeof(job->reason), "the peer's %s key cannot be used: %s",
			 key_type_name(job->kem_type), err_name(e));
	return e;
}

static enum err kem_peer(struct ike_job *job, struct crypto *c, int64_t wall_time)
{
	struct peer_check check = {.wall_time = wall_time};
	enum err e = peer_certs_collect(job, c, &check.sent);
	bool fits = false;

	for (size_t i = 0; i < job->n_candidates && e == ERR_NONE && !fits; i++) {
		const enum err one = kem_chain(job, job->candidates[i], &check);
		fits = one == ERR_NONE;
		if (one == ERR_NO_MEMORY)
			e = one;
	}
	if (e == ERR_NONE && !fits)
		e = job->n_candidates > 0 ? ERR_AUTH
					  : refuse(job, "no connection takes certificates");
	if (e == ERR_NONE) {
		/* The chain's check has seen that it is a KEM's. */
		job->kem_type = public_key_type(certificate_key(check.certs[0]));
		job->ke = key_type_kem(job->kem_type);
		if (job->type == IKE_JOB_KEM_ENCAPSULATE)
			e = kem_encapsulate_to(job, certificate_key(check.certs[0]));
	}
	mem_erase(job->seed, sizeof(job->seed));
	for (size_t i = 0; i < check.n; i++)
		certificate_free(check.certs[i]);
	return e;
}

static void run_decapsulate(struct ike_job *job, const struct keystore *keys)
{
	job->result = keystore_decapsulate(keys, job->key, bytes_of(job->octets, job->octets_len),
					   &job->data, &job->data_len);
	if (job->result == ERR_NOT_FOUND)
		snprintf(job->reason, sizeof(job->reason), "there is no private key \"%s\"",
			 job->key);
	else if (job->result != ERR_NONE)
		snprintf(job->reason, sizeof(job->reason), "decapsulating with \"%s\": %s",
			 job->key, err_name(job->result));
}

void ike_job_run(struct ike_job *job, struct crypto *c, const struct keystore *keys,
		 int64_t wall_time)
{
	switch (job->type) {
	case IKE_JOB_KE_GENERATE:
	case IKE_JOB_KE_RESPOND:
	case IKE_JOB_KE_FINISH:
		run_key_exchange(job);
		break;
	case IKE_JOB_SIGN:
		run_sign(job, keys);
		break;
	case IKE_JOB_SHARED_KEY:
		run_shared_key(job, c, keys);
		break;
	case IKE_JOB_VERIFY:
		job->result = verify(job, c, wall_time);
		break;
	case IKE_JOB_KEM_DECAPSULATE:
		run_decapsulate(job, keys);
		break;
	case IKE_JOB_KEM_ENCAPSULATE:
	case IKE_JOB_KEM_CHECK:
		job->result = kem_peer(job, c, wall_time);
		break;
	case IKE_JOB_PPK_CONFIRM:
		run_ppk_confirm(job, c, keys);
		break;
	case IKE_JOB_PPK_MIX:
		run_ppk_mix(job, c, keys);
		break;
	case IKE_JOB_FETCH:
		/* Only who has the network does it. */
		job->result = ERR_UNSUPPORTED;
		snprintf(job->reason, sizeof(job->reason), "nothing can be fetched here");
		for (struct ike_fetch *f; (f = ike_fetch_next(job, 0)) != NULL;)
			ike_fetch_done(f, job->result, job->reason, NULL, 0);
		break;
	}
}
