#include "ike/ext/ppk_intermediate.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/ext/ext.h"

static uint16_t offer_type(const struct ike_sa *sa)
{
	return sa->ppk_libreswan ? NOTIFY_LIBRESWAN_PPK_IDENTITY_KEY : NOTIFY_PPK_IDENTITY_KEY;
}

bool ppk_intermediate_due(const struct ike_sa *sa)
{
	return sa->setup->ppk.way == PPK_IN_INTERMEDIATE && !sa->setup->ppk.done;
}

void ppk_offers_write(const struct ike_sa *sa, struct message *m, const struct ike_ppk_work *offer)
{
	/* One notify for each, in the order of our preference. */
	for (size_t i = 0; i < offer->n; i++) {
		const struct ike_ppk *p = &offer->ppks[i];
		struct writer *w = message_payload_begin(m, PAYLOAD_NOTIFY);

		writer_u8(w, 0);
		writer_u8(w, 0);
		writer_u16(w, offer_type(sa));
		ppk_id_write(w, bytes_of(p->id, p->id_len));
		writer_bytes(w, BYTES_OF(p->confirmation));
		message_payload_end(m);
	}
}

void ppk_answer_write(struct message *m, struct bytes id)
{
	struct writer *w = message_payload_begin(m, PAYLOAD_NOTIFY);

	writer_u8(w, 0);
	writer_u8(w, 0);
	writer_u16(w, NOTIFY_PPK_IDENTITY);
	ppk_id_write(w, id);
	message_payload_end(m);
}

void ppk_intermediate_write(const struct ike_sa *sa, struct message *m)
{
	const struct ppk_setup *p = &sa->setup->ppk;

	if (!ppk_intermediate_due(sa))
		return;
	if (sa->initiator && p->offer != NULL)
		ppk_offers_write(sa, m, p->offer);
	if (!sa->initiator && p->taken.id_len > 0)
		ppk_answer_write(m, bytes_of(p->taken.id, p->taken.id_len));
}

enum err ppk_intermediate_derive(struct ike *ike, const struct ike_sa *sa,
				 const struct ike_job *job, struct ike_keys *keys)
{
	const struct ike_setup *s = sa->setup;
	const struct ike_exchange_values v = {
	    .nonce_i = bytes_of(s->nonce_i, s->nonce_i_len),
	    .nonce_r = bytes_of(s->nonce_r, s->nonce_r_len),
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	};

	return ike_keys_from_ppk(ike->crypto, &sa->suite, ike_job_ppk_mixed(job), &v, keys);
}

/* --- Initiator ------------------------------------------------------------------------------- */

bool ppk_intermediate_confirm(struct ike *ike, struct ike_sa *sa, auth_then *then, enum err *e)
{
	const struct ike_ppk_config *c = &sa->config->ppk;
	struct ike_job *job;

	if (!ppk_intermediate_due(sa) || sa->setup->ppk.offer != NULL)
		return false;
	job = ppk_job(sa, IKE_JOB_PPK_CONFIRM);
	for (size_t i = 0; job != NULL && i < c->n_ids; i++)
		ppk_job_add(job, c->ids[i]);
	*e = ike_job_submit(ike, sa, job, then);
	return true;
}

struct ike_ppk_work *ppk_job_offer(struct ike_job *job)
{
	struct ike_ppk_work *offer = job->ppk;

	for (size_t i = 0; i < offer->n; i++)
		memcpy(offer->ppks[i].confirmation, job->data + i * PPK_CONFIRMATION_LEN,
		       PPK_CONFIRMATION_LEN);
	job->ppk = NULL;
	return offer;
}

void ppk_intermediate_confirmed(struct ike_sa *sa, struct ike_job *job)
{
	sa->setup->ppk.offer = ppk_job_offer(job);
}

bool ppk_offer_find(const struct ike_ppk_work *offer, struct bytes id, struct ike_ppk *out)
{
	for (size_t i = 0; i < offer->n; i++) {
		if (!bytes_equal(bytes_of(offer->ppks[i].id, offer->ppks[i].id_len), id))
			continue;
		*out = offer->ppks[i];
		return true;
	}
	return false;
}

enum err ppk_intermediate_answer(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
				 char why[AUTH_WHY_MAX])
{
	struct ppk_setup *p = &sa->setup->ppk;
	struct notify_part n;

	if (p->offer == NULL || !ppk_intermediate_due(sa))
		return ERR_NONE;
	if (!payloads_notify(ps, NOTIFY_PPK_IDENTITY, &n)) {
		snprintf(why, AUTH_WHY_MAX,
			 "the peer takes none of our PPKs: it does not know them, or its keys of "
			 "these names are others");
		if (sa->config->ppk.policy == IKE_PPK_REQUIRED)
			return ERR_AUTH;
		sa_log(ike, sa, LOG_WARN, "%s; going on without", why);
		return ERR_NONE;
	}
	snprintf(why, AUTH_WHY_MAX, "the peer takes a PPK that we did not offer");
	return ppk_offer_find(p->offer, ppk_id_value(n.data), &p->taken) ? ERR_NONE : ERR_AUTH;
}

static enum err mix(struct ike *ike, struct ike_sa *sa, struct ike_job *job, struct bytes sk_d,
		    auth_then *then)
{
	memcpy(job->ppk->input[0], sk_d.p, sk_d.n);
	job->ppk->n_inputs = 1;
	return ike_job_submit(ike, sa, job, then);
}

bool ppk_intermediate_mix(struct ike *ike, struct ike_sa *sa, auth_then *then, enum err *e)
{
	const struct ppk_setup *p = &sa->setup->ppk;
	struct ike_job *job;

	if (!ppk_intermediate_due(sa) || p->taken.id_len == 0)
		return false;
	job = ppk_job(sa, IKE_JOB_PPK_MIX);
	*e = ERR_NO_MEMORY;
	if (job != NULL) {
		ppk_job_add(job, bytes_of(p->taken.id, p->taken.id_len));
		*e = mix(ike, sa, job, ike_keys_d(&sa->keys), then);
	}
	return true;
}

/* --- Responder ------------------------------------------------------------------------------- */

bool ppk_intermediate_asked(const struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_part n;

	return payloads_notify(ps, offer_type(sa), &n);
}

/* Who the peer is shows only in IKE_AUTH: any connection that it may be. */
static bool anybody_wants(struct ike *ike, const struct ike_sa *sa, struct bytes id)
{
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		if (ike_suites_allow(&c->config->ike, &sa->suite) && ppk_allowed(c->config, id))
			return true;
	return false;
}

void ppk_offers_read(const struct ike_sa *sa, const struct payloads *ps, struct ike_job *job,
		     bool (*wanted)(struct ike *ike, const struct ike_sa *sa, struct bytes id),
		     struct ike *ike)
{
	struct notify_part n;

	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;) {
		if (notify_parse(p->body, &n, NULL) || n.type != offer_type(sa) ||
		    n.data.n <= PPK_CONFIRMATION_LEN)
			continue;
		const size_t len = n.data.n - PPK_CONFIRMATION_LEN;
		const struct bytes id = ppk_id_value(bytes_of(n.data.p, len));
		if (id.n > 0 && wanted(ike, sa, id) && ppk_job_add(job, id))
			memcpy(job->ppk->ppks[job->ppk->n - 1].confirmation, n.data.p + len,
			       PPK_CONFIRMATION_LEN);
	}
}

enum err ppk_intermediate_choose(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
				 struct bytes sk_d, auth_then *then)
{
	struct ike_job *job = ppk_job(sa, IKE_JOB_PPK_MIX);

	if (job == NULL)
		return ERR_NO_MEMORY;
	job->ppk->check = true;
	ppk_offers_read(sa, ps, job, anybody_wants, ike);
	if (job->ppk->n == 0) {
		ike_job_free(job);
		return ERR_NOT_FOUND;
	}
	return mix(ike, sa, job, sk_d, then);
}

enum err ppk_intermediate_none(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			       const char *reason, char why[AUTH_WHY_MAX])
{
	struct bytes first = {0};
	struct notify_part n;
	bool required = true;
	char id[PPK_TEXT_MAX];

	if (payloads_notify(ps, offer_type(sa), &n) && n.data.n > PPK_CONFIRMATION_LEN)
		first = ppk_id_value(bytes_of(n.data.p, n.data.n - PPK_CONFIRMATION_LEN));
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		if (ike_suites_allow(&c->config->ike, &sa->suite) &&
		    c->config->ppk.policy != IKE_PPK_REQUIRED)
			required = false;
	snprintf(why, AUTH_WHY_MAX, "the peer's PPK %s cannot be used: %s", ppk_text(first, id),
		 reason);
	if (required)
		return ERR_AUTH;
	sa_log(ike, sa, LOG_WARN, "%s; going on without", why);
	return ERR_NONE;
}
