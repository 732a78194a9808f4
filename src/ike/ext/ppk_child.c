#include "ike/ext/ppk_child.h"

#include <string.h>

#include "base/mem.h"

/* Confirmations cannot be made over the responder's nonce, which is not known yet. */
static struct ike_job *new_job(const struct ike_sa *sa, enum ike_job_type type, struct bytes nonce)
{
	struct ike_job *job = ike_job_new(type);
	const size_t n = nonce.n + 16;

	if (job == NULL)
		return NULL;
	job->prf = sa->suite.prf;
	job->ppk = mem_new(sizeof(*job->ppk));
	job->octets = mem_new(n);
	job->octets_len = n;
	if (job->ppk == NULL || job->octets == NULL) {
		ike_job_free(job);
		return NULL;
	}
	struct writer w = writer_of(job->octets, n);
	writer_bytes(&w, nonce);
	writer_u64(&w, sa->spi_i);
	writer_u64(&w, sa->spi_r);
	const struct bytes d = ike_keys_d(&sa->keys);
	if (type == IKE_JOB_PPK_MIX) {
		memcpy(job->ppk->input[0], d.p, d.n);
		job->ppk->n_inputs = 1;
	}
	return job;
}

static bool wanted(const struct ike_sa *sa)
{
	return sa->ppk_exchanges && sa->config->ppk.rekey &&
	       sa->config->ppk.policy != IKE_PPK_NEVER;
}

/* --- Initiator ------------------------------------------------------------------------------- */

bool ppk_child_confirm(struct ike *ike, struct ike_sa *sa, struct ike_task *t, auth_then *then,
		       enum err *e)
{
	const struct ike_ppk_config *c = &sa->config->ppk;
	struct ike_job *job;

	if (!wanted(sa) || c->n_ids == 0)
		return false;
	job = new_job(sa, IKE_JOB_PPK_CONFIRM, BYTES_OF(t->create->nonce));
	for (size_t i = 0; job != NULL && i < c->n_ids; i++)
		ppk_job_add(job, c->ids[i]);
	if (job != NULL)
		job->task = t->serial;
	*e = ike_job_submit(ike, sa, job, then);
	return true;
}

void ppk_child_confirmed(struct create_state *c, struct ike_job *job)
{
	c->ppk_offer = ppk_job_offer(job);
}

void ppk_child_write(const struct ike_sa *sa, struct message *m, const struct create_state *c)
{
	if (c->ppk_offer != NULL)
		ppk_offers_write(sa, m, c->ppk_offer);
}

enum err ppk_child_answer(const struct ike_sa *sa, struct create_state *c,
			  const struct payloads *ps, const char **reason)
{
	struct notify_part n;

	if (c->ppk_offer == NULL)
		return ERR_NONE;
	if (!payloads_notify(ps, NOTIFY_PPK_IDENTITY, &n)) {
		*reason = "the peer takes none of our PPKs, and ppk = required";
		return sa->config->ppk.policy == IKE_PPK_REQUIRED ? ERR_AUTH : ERR_NONE;
	}
	*reason = "the peer takes a PPK that we did not offer";
	return ppk_offer_find(c->ppk_offer, ppk_id_value(n.data), &c->ppk_taken) ? ERR_NONE
										 : ERR_AUTH;
}

bool ppk_child_mix(struct ike *ike, struct ike_sa *sa, struct ike_task *t, auth_then *then,
		   enum err *e)
{
	const struct create_state *c = t->create;
	struct ike_job *job;

	if (c->ppk_taken.id_len == 0 || c->secrets.ppk_d_len > 0)
		return false;
	job = new_job(sa, IKE_JOB_PPK_MIX, BYTES_OF(c->nonce));
	if (job != NULL) {
		ppk_job_add(job, bytes_of(c->ppk_taken.id, c->ppk_taken.id_len));
		job->task = t->serial;
	}
	*e = ike_job_submit(ike, sa, job, then);
	return true;
}

void ppk_child_mixed(const struct ike_job *job, struct create_secrets *s)
{
	s->ppk_d_len = job->prf->key_len;
	memcpy(s->ppk_d, ike_job_ppk_mixed(job), s->ppk_d_len);
}

/* --- Responder ------------------------------------------------------------------------------- */

static bool is_allowed(struct ike *ike, const struct ike_sa *sa, struct bytes id)
{
	(void)ike;
	return ppk_allowed(sa->config, id);
}

bool ppk_child_look(struct ike *ike, struct ike_sa *sa, auth_then *then)
{
	struct ike_inbound *in = sa->inbound;
	const struct payload *p = payloads_find(&in->sk.payloads, PAYLOAD_NONCE);
	struct bytes nonce;
	struct ike_job *job;

	if (in->ppk != NULL || !wanted(sa) || p == NULL || nonce_parse(p->body, &nonce, NULL))
		return false;
	in->ppk = mem_new(sizeof(*in->ppk));
	job = in->ppk == NULL ? NULL : new_job(sa, IKE_JOB_PPK_MIX, nonce);
	if (job == NULL)
		return false;
	job->ppk->check = true;
	ppk_offers_read(sa, &in->sk.payloads, job, is_allowed, ike);
	if (job->ppk->n == 0) {
		ike_job_free(job);
		return false;
	}
	return ike_job_submit(ike, sa, job, then) == ERR_NONE;
}

void ppk_child_found(struct ike *ike, struct ike_sa *sa, const struct ike_job *job)
{
	struct ppk_found *f = sa->inbound->ppk;

	if (job->result) {
		sa_log(ike, sa, LOG_WARN, "the peer's PPK for CREATE_CHILD_SA cannot be used: %s",
		       job->reason);
		return;
	}
	f->taken = *ike_job_ppk_taken(job);
	memcpy(f->d, ike_job_ppk_mixed(job), job->prf->key_len);
}

bool ppk_child_take(const struct ike_sa *sa, struct create_pending *p)
{
	const struct ppk_found *f = sa->inbound->ppk;

	if (f == NULL || f->taken.id_len == 0)
		return !wanted(sa) || sa->config->ppk.policy != IKE_PPK_REQUIRED;
	p->ppk_taken = f->taken;
	p->secrets.ppk_d_len = sa->suite.prf->key_len;
	memcpy(p->secrets.ppk_d, f->d, p->secrets.ppk_d_len);
	return true;
}
