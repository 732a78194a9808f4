/* CREATE_CHILD_SA as initiator: a new Child SA, the rekey of one, and the rekey of the IKE SA
 * (RFC 7296 1.3, 2.8, 2.17, 2.18, 2.25). */
#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/create_child.h"
#include "ike/ext/ext.h"
#include "ike/ext/followup.h"
#include "ike/ext/ppk_child.h"
#include "ike/offer.h"

#define KE_TRIES_MAX 3
#define SECOND       UINT64_C(1000000)

void create_state_free(struct create_state *c)
{
	if (c == NULL)
		return;
	ke_private_free(c->private);
	mem_free(c->ke_value);
	create_secrets_clear(&c->secrets);
	mem_free_secret(c->ppk_offer, sizeof(*c->ppk_offer));
	mem_free_secret(c, sizeof(*c));
}

void create_failed(struct ike *ike, struct ike_sa *sa, struct ike_task *t, const char *why)
{
	struct child_sa *old = child_find(ike, t->child_spi);
	/* One whose series of key exchanges is still under way has made nothing yet. */
	const bool rival = t->create != NULL && t->create->rival.there &&
			   (t->create->rival.child != 0 || t->create->rival.ike_sa != 0);
	const bool collided = t->create != NULL && t->create->rival.there;
	const uint64_t rival_sa = rival ? t->create->rival.ike_sa : 0;
	struct child_sa *rival_child = rival ? child_find(ike, t->create->rival.child) : NULL;
	const enum task_kind kind = (enum task_kind)t->kind;
	const unsigned index = t->child_index;

	sa_log(ike, sa, LOG_WARN, "%s failed: %s", task_kind_name(kind), why);
	/* Whoever waits for this rekey is told, unless the peer's takes its place. */
	if (kind != TASK_CHILD_CREATE && !collided)
		ike_tell(ike, IKE_EVENT_FAILED, sa, old, why);
	/* First, since what follows may drop every task that waits. */
	task_drop(t);
	if (old != NULL && old->sa == sa && old->state == CHILD_REKEYING)
		old->state = rival ? CHILD_REPLACED : CHILD_UP;
	if (rival_child != NULL && rival_child->sa == sa)
		child_settle_twins(ike, rival_child);
	if (kind == TASK_CHILD_CREATE && sa->conn != NULL)
		ike_conn_failed(ike, sa->conn, "child %s failed: %s",
				sa->config->children[index].name, why);
	if (kind == TASK_IKE_REKEY && rival)
		rekey_ike_replaced(ike, sa, sa_find(ike, rival_sa));
	tasks_run(ike, sa);
}

static void ike_rekey_write(struct ike_sa *sa, struct message *m, const struct create_state *c)
{
	uint8_t spi[8];
	struct writer w = writer_of(spi, sizeof(spi));

	writer_u64(&w, c->ike_spi);
	ike_offer_write(message_payload_begin(m, PAYLOAD_SA), &sa->config->ike, BYTES_OF(spi),
			true);
	message_payload_end(m);
	message_payload(m, PAYLOAD_NONCE, BYTES_OF(c->nonce));
	message_ke(m, c->ke, bytes_of(c->ke_value, c->ke->init_len));
}

static void create_send(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	struct create_state *c = t->create;
	struct message m;

	sa_message_begin(ike, sa, &m, EXCHANGE_CREATE_CHILD_SA, false, sa->send_id);
	if (t->kind == TASK_IKE_REKEY) {
		ike_rekey_write(sa, &m, c);
	} else {
		const struct child_offer o = {
		    .with_ke = true,
		    .nonce = BYTES_OF(c->nonce),
		    .ke = c->ke,
		    .ke_value = bytes_of(c->ke_value, c->ke == NULL ? 0 : c->ke->init_len),
		};
		const struct child_sa *old = child_find(ike, t->child_spi);
		/* RFC 7296 1.3.3: the SPI that we receive with. */
		if (t->kind == TASK_CHILD_REKEY)
			message_notify_spi(&m, old != NULL ? child_protocol(old) : PROTOCOL_ESP,
					   t->child_spi, NOTIFY_REKEY_SA);
		child_draft_start(sa, &c->draft, t->child_index, c->child_spi);
		child_offer_write(sa, &m, &c->draft, &o);
	}
	ppk_child_write(sa, &m, c);
	ext_write(ike, sa, AT_CHILD_REQUEST, &m);
	if (task_send(ike, sa, t, &m))
		create_failed(ike, sa, t, "the request could not be built");
}

static void create_generated(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_by_serial(sa, job->task);

	if (t == NULL || t->create == NULL)
		return;
	if (job->result) {
		create_failed(ike, sa, t, job->reason);
		return;
	}
	t->create->private = job->private;
	t->create->ke_value = job->value;
	job->private = NULL;
	job->value = NULL;
	create_send(ike, sa, t);
}

/* Which method goes into the KE payload: what the peer asked for, what worked the last time, the
 * first of the offer. NULL: none (a Child SA without a key exchange of its own). */
static const struct ke_desc *create_ke(const struct ike_sa *sa, const struct ike_task *t,
				       const struct child_sa *old)
{
	const struct ike_suites *ours = t->kind == TASK_IKE_REKEY
					    ? &sa->config->ike
					    : &sa->config->children[t->child_index].esp;

	if (t->ke_method != KE_NONE)
		return ke_find(t->ke_method);
	if (t->kind == TASK_IKE_REKEY && ike_offer_has_ke(ours, sa->suite.ke->id))
		return sa->suite.ke;
	if (old != NULL && old->suite.ke != NULL && ike_offer_has_ke(ours, old->suite.ke->id))
		return old->suite.ke;
	return ike_offer_first_ke(ours);
}

/* The key exchange of the request, or the request itself when it has none. */
static void create_generate(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	struct ike_job *job;

	if (t->create->ke == NULL) {
		create_send(ike, sa, t);
		return;
	}
	job = ike_job_new(IKE_JOB_KE_GENERATE);
	if (job != NULL) {
		job->ke = t->create->ke;
		job->task = t->serial;
		ike_random(ike, job->seed, sizeof(job->seed));
	}
	if (ike_job_submit(ike, sa, job, create_generated))
		create_failed(ike, sa, t, "out of memory");
}

static void create_confirmed(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_by_serial(sa, job->task);

	if (t == NULL || t->create == NULL)
		return;
	if (job->result) {
		create_failed(ike, sa, t, job->reason);
		return;
	}
	ppk_child_confirmed(t->create, job);
	create_generate(ike, sa, t);
}

void create_child_start(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	struct child_sa *old = NULL;
	enum err e = ERR_NONE;

	if (t->kind == TASK_CHILD_REKEY) {
		old = child_find(ike, t->child_spi);
		if (old == NULL || old->sa != sa || old->state != CHILD_UP) {
			task_done(ike, sa, t); /* it went, or was rekeyed, while this waited */
			return;
		}
		if (followup_of_child(sa, t->child_spi)) {
			/* The peer was first; it would have to refuse ours (RFC 9370 2.2.4). */
			task_postpone(ike, sa, t, SECOND + ike_random_below(ike, SECOND));
			return;
		}
		old->state = CHILD_REKEYING;
		t->child_index = old->index;
	}
	if (t->kind == TASK_CHILD_CREATE && child_of_index(sa, t->child_index) != NULL) {
		task_done(ike, sa, t);
		return;
	}
	t->create = mem_new(sizeof(*t->create));
	if (t->create == NULL) {
		create_failed(ike, sa, t, "out of memory");
		return;
	}
	ike_random(ike, t->create->nonce, CREATE_NONCE_LEN);
	t->create->ike_spi = sa_new_spi(ike);
	t->create->child_spi = child_new_spi(ike);
	t->create->ke = create_ke(sa, t, old);
	if (!ppk_child_confirm(ike, sa, t, create_confirmed, &e))
		create_generate(ike, sa, t);
	else if (e)
		create_failed(ike, sa, t, "out of memory");
}

/* RFC 7296 1.3, 2.7: once more, with the method that the peer names, if we offered it (N9). */
static void create_other_ke(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			    struct bytes data)
{
	const struct ike_suites *ours = t->kind == TASK_IKE_REKEY
					    ? &sa->config->ike
					    : &sa->config->children[t->child_index].esp;
	struct reader r = reader_of(data);
	const uint16_t method = reader_u16(&r);
	struct child_sa *old = child_find(ike, t->child_spi);

	if (!reader_done(&r) || ke_find(method) == NULL || !ike_offer_has_ke(ours, method) ||
	    ++t->ke_tries > KE_TRIES_MAX) {
		create_failed(ike, sa, t,
			      "the peer insists on a key exchange method that we did not offer");
		return;
	}
	if (old != NULL && old->state == CHILD_REKEYING && !t->create->rival.there)
		old->state = CHILD_UP;
	t->ke_method = method;
	task_postpone(ike, sa, t, 0);
}

/* When to try again after TEMPORARY_FAILURE; in time for a Child SA that is near its end. */
static uint64_t busy_pause(struct ike *ike, const struct child_sa *old)
{
	const uint64_t pause = SECOND + ike_random_below(ike, 4 * SECOND);
	uint64_t left;

	if (old == NULL || old->expire_at == 0)
		return pause;
	left = old->expire_at > ike->now ? (old->expire_at - ike->now) / 2 : 0;
	if (left < SECOND / 10)
		left = SECOND / 10;
	return pause < left ? pause : left;
}

/* RFC 7296 2.25: the peer is about the same thing, or has lost it. */
static void create_refused(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			   const struct notify_part *n)
{
	struct child_sa *old = child_find(ike, t->child_spi);
	char name[IKEV2_NAME_MAX];
	char why[120];
	bool rekey;

	switch (n->type) {
	case NOTIFY_INVALID_KE_PAYLOAD:
		create_other_ke(ike, sa, t, n->data);
		return;
	case NOTIFY_TEMPORARY_FAILURE:
		if (t->create->rival.there) {
			create_failed(ike, sa, t, "the peer is rekeying it itself");
			return;
		}
		if (old != NULL && old->state == CHILD_REKEYING)
			old->state = CHILD_UP;
		sa_log(ike, sa, LOG_INFO, "the peer is busy (TEMPORARY_FAILURE); trying again");
		task_postpone(ike, sa, t, busy_pause(ike, old));
		return;
	case NOTIFY_CHILD_SA_NOT_FOUND:
		/* RFC 7296 2.25: the peer has no such Child SA: ours is of no use. */
		if (old != NULL && old->sa == sa && t->kind == TASK_CHILD_REKEY &&
		    !t->create->rival.there) {
			child_remove(ike, old, "the peer no longer has it");
			if (sa->conn != NULL)
				ike_conn_lost(ike, sa->conn, "the peer no longer has a Child SA");
		}
		task_done(ike, sa, t);
		return;
	case NOTIFY_NO_ADDITIONAL_SAS:
		/* RFC 7296 1.3: the peer is done with this IKE SA; a new one is needed. */
		rekey = t->kind != TASK_CHILD_CREATE;
		create_failed(ike, sa, t, "the peer makes no more Child SAs in this IKE SA");
		if (sa->state == SA_UP && rekey)
			sa_reauthenticate(ike, sa);
		return;
	default:
		break;
	}
	if (t->kind == TASK_CHILD_CREATE) {
		child_refused(ike, sa, t->child_index, n);
		task_done(ike, sa, t);
		return;
	}
	snprintf(why, sizeof(why), "the peer answered %s", notify_name(n->type, name));
	create_failed(ike, sa, t, why);
}

void create_note_deleted(struct ike_sa *sa, uint32_t spi_out)
{
	LIST_EACH (&sa->tasks, node) {
		struct ike_task *t = CONTAINER_OF(node, struct ike_task, of_sa);
		struct create_state *c = t->create;
		if (c != NULL && c->n_deleted < CREATE_DELETED_MAX)
			c->deleted[c->n_deleted++] = spi_out;
	}
}

static bool is_deleted(const struct create_state *c)
{
	for (size_t i = 0; i < c->n_deleted; i++)
		if (c->deleted[i] == c->draft.spi_out)
			return true;
	return false;
}

static void child_complete(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	struct create_state *c = t->create;
	struct child_sa *old = t->kind == TASK_CHILD_REKEY ? child_find(ike, t->child_spi) : NULL;
	struct child_sa *fresh;
	/* The new one carries traffic at once: the peer had it before it answered. Unless this may
	 * be the one that goes (RFC 7296 2.8.1). */
	const bool activate = !c->rival.there;

	if (is_deleted(c)) {
		create_failed(ike, sa, t, "the peer has deleted it already");
		return;
	}
	enum err e =
	    child_install(ike, sa, &c->draft, create_secrets_spans(&c->secrets), BYTES_OF(c->nonce),
			  bytes_of(c->peer_nonce, c->peer_nonce_len), true, activate, &fresh);

	if (e) {
		child_delete_spi(ike, sa, c->child_spi);
		create_failed(ike, sa, t, err_name(e));
		return;
	}
	if (t->kind == TASK_CHILD_REKEY) {
		rekey_child_settle(ike, sa, old, fresh, c);
	} else {
		child_settle_twins(ike, fresh);
		if (sa->conn != NULL)
			ike_conn_state(ike, sa->conn, IKE_STATE_UP, "up");
	}
	task_done(ike, sa, t);
}

static void ike_complete(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	struct create_state *c = t->create;
	struct ike_sa *fresh;
	enum err e = rekey_ike_make(ike, sa, true, c->ike_spi, c->peer_spi, &c->suite,
				    create_secrets_spans(&c->secrets), BYTES_OF(c->nonce),
				    bytes_of(c->peer_nonce, c->peer_nonce_len), &fresh);

	if (e) {
		create_failed(ike, sa, t, err_name(e));
		return;
	}
	rekey_ike_settle(ike, sa, fresh, c);
}

static void create_mixed(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_by_serial(sa, job->task);

	if (t == NULL || t->create == NULL)
		return;
	if (job->result) {
		create_failed(ike, sa, t, job->reason);
		return;
	}
	ppk_child_mixed(job, &t->create->secrets);
	if (sa->state == SA_DELETING && t->kind != TASK_IKE_REKEY)
		task_done(ike, sa, t);
	else
		create_complete(ike, sa, t);
}

void create_complete(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	enum err e = ERR_NONE;

	if (ppk_child_mix(ike, sa, t, create_mixed, &e)) {
		if (e)
			create_failed(ike, sa, t, "out of memory");
		return;
	}
	if (t->kind == TASK_IKE_REKEY)
		ike_complete(ike, sa, t);
	else
		child_complete(ike, sa, t);
}

static void create_finished(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_by_serial(sa, job->task);

	if (t == NULL || t->create == NULL)
		return;
	if (sa->state == SA_DELETING && t->kind != TASK_IKE_REKEY)
		task_done(ike, sa, t);
	else if (job->result || create_secrets_add(&t->create->secrets,
						   bytes_of(job->secret, job->ke->secret_len)))
		create_failed(ike, sa, t, job->result ? job->reason : "out of memory");
	else if (!followup_next(ike, sa, t))
		create_complete(ike, sa, t);
}

static enum err ike_answer_read(const struct ike_sa *sa, const struct payloads *ps,
				struct create_state *c, const char **reason)
{
	const struct ike_terms terms = {.protocol = PROTOCOL_IKE,
					.ike_spi_len = IKE_SPI_LEN,
					.with_ke = true,
					.ke_sent = c->ke == NULL ? KE_NONE : c->ke->id,
					.with_addke = true,
					.with_big = sa->big_payload};
	const struct payload *p = payloads_find(ps, PAYLOAD_SA);
	struct ike_choice choice;

	*reason = "the SA payload is missing";
	if (p == NULL)
		return ERR_SYNTAX;
	enum err e = ike_check_answer(&sa->config->ike, &terms, p->body, &choice, reason);
	if (e)
		return e;
	struct reader r = reader_of(bytes_of(choice.spi, choice.spi_len));
	c->peer_spi = reader_u64(&r);
	c->suite = choice.suite;
	*reason = "the new SPI is missing or zero";
	return reader_done(&r) && c->peer_spi != 0 ? ERR_NONE : ERR_SYNTAX; /* N31 */
}

/* Reads nonce and KE payload of the answer, beside what is special to the kind. */
static enum err answer_read(struct ike_sa *sa, struct ike_task *t, const struct payloads *ps,
			    struct ke_part *ke, const char **reason)
{
	struct create_state *c = t->create;
	const struct payload *nonce = payloads_find(ps, PAYLOAD_NONCE);
	const struct payload *p = payloads_find(ps, PAYLOAD_KE);
	struct bytes octets;
	const uint16_t sent = c->ke == NULL ? KE_NONE : c->ke->id;
	enum err e = t->kind == TASK_IKE_REKEY
			 ? ike_answer_read(sa, ps, c, reason)
			 : child_answer_read(sa, ps, &c->draft, sent, true, reason);

	if (e)
		return e;
	*reason = "the nonce is missing";
	if (nonce == NULL || nonce_parse(nonce->body, &octets, reason))
		return ERR_SYNTAX;
	memcpy(c->peer_nonce, octets.p, octets.n);
	c->peer_nonce_len = octets.n;
	/* What the peer chose may do without the key exchange that we began, where NONE was
	 * offered. */
	const struct ke_desc *chosen = t->kind == TASK_IKE_REKEY ? c->suite.ke : c->draft.suite.ke;
	const struct child_sa *old = child_find_in(sa, t->child_spi);
	*reason = "the peer leaves out additional key exchanges that were agreed";
	if ((t->kind == TASK_IKE_REKEY || (t->kind == TASK_CHILD_REKEY && old != NULL)) &&
	    !rekey_keeps_addke(sa, t->kind == TASK_IKE_REKEY ? NULL : old,
			       t->kind == TASK_IKE_REKEY ? &c->suite : &c->draft.suite))
		return ERR_AUTH; /* N5 */
	*reason = "the link to the next key exchange is broken";
	if (followup_link_read(c, ps))
		return ERR_SYNTAX;
	if (ppk_child_answer(sa, c, ps, reason))
		return ERR_AUTH;
	if (chosen == NULL) {
		*ke = (struct ke_part){0};
		return ERR_NONE;
	}
	*reason = "the KE payload is missing, or of another method or length";
	if (p == NULL || ke_parse(p->body, ke, reason) || ke->method != chosen->id ||
	    ke->data.n != chosen->resp_len)
		return ERR_SYNTAX;
	return ERR_NONE;
}

static void create_finish(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			  const struct ke_part *ke)
{
	struct ike_job *job = ike_job_new(IKE_JOB_KE_FINISH);

	if (job != NULL) {
		job->ke = t->create->ke;
		job->task = t->serial;
		job->private = t->create->private;
		t->create->private = NULL;
		job->peer = mem_copy(ke->data);
		job->peer_len = ke->data.n;
	}
	if (ike_job_submit(ike, sa, job, create_finished))
		create_failed(ike, sa, t, "out of memory");
}

void create_child_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			   struct ike_inbound *in)
{
	const struct payloads *ps = &in->sk.payloads;
	struct notify_part n;
	struct ke_part ke;
	const char *reason = "no reason";

	if (t->followup) {
		followup_response(ike, sa, t, in);
		return;
	}
	t->response = in;
	/* Too late, it goes; but with a new IKE SA the peer has something to be told. */
	if (sa->state == SA_DELETING &&
	    (t->kind != TASK_IKE_REKEY || payloads_find(ps, PAYLOAD_SA) == NULL)) {
		task_done(ike, sa, t);
		return;
	}
	if (payloads_find(ps, PAYLOAD_SA) == NULL) {
		if (payloads_error(ps, &n))
			create_refused(ike, sa, t, &n);
		else
			create_failed(ike, sa, t, "the answer holds neither an SA nor an error");
		return;
	}
	ext_read(ike, sa, AT_CHILD_RESPONSE, ps);
	if (answer_read(sa, t, ps, &ke, &reason)) {
		/* The peer has made what we cannot take: it is told to let it go. */
		if (t->kind != TASK_IKE_REKEY)
			child_delete_spi(ike, sa, t->create->child_spi);
		create_failed(ike, sa, t, reason);
		return;
	}
	if (ke.method == KE_NONE)
		create_complete(ike, sa, t);
	else
		create_finish(ike, sa, t, &ke);
}
