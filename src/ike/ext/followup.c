#include "ike/ext/followup.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/ext/ext.h"

#define SECOND UINT64_C(1000000)
/* RFC 9370 2.2.4: 5 to 20 seconds are typical. */
#define HOLD_TIME    (20 * SECOND)
#define HOLD_MAX     4
#define RESTARTS_MAX 3

void create_secrets_clear(struct create_secrets *s)
{
	mem_free_secret(s->p, s->len);
	mem_erase(s, sizeof(*s));
}

enum err create_secrets_add(struct create_secrets *s, struct bytes secret)
{
	uint8_t *grown = mem_new(s->len + secret.n);

	if (grown == NULL)
		return ERR_NO_MEMORY;
	if (s->len > 0)
		memcpy(grown, s->p, s->len);
	memcpy(grown + s->len, secret.p, secret.n);
	mem_free_secret(s->p, s->len);
	if (s->len == 0)
		s->first_len = secret.n;
	s->p = grown;
	s->len += secret.n;
	return ERR_NONE;
}

struct ke_secrets create_secrets_spans(const struct create_secrets *s)
{
	return (struct ke_secrets){bytes_of(s->p, s->first_len),
				   bytes_of(s->p + s->first_len, s->len - s->first_len),
				   bytes_of(s->ppk_d, s->ppk_d_len)};
}

/* --- Initiator ------------------------------------------------------------------------------- */

static void request_send(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_by_serial(sa, job->task);
	struct create_state *c = t == NULL ? NULL : t->create;
	struct message m;

	if (c == NULL)
		return;
	if (job->result || sa->state != SA_UP) {
		create_failed(ike, sa, t, job->result ? job->reason : "the IKE SA is ending");
		return;
	}
	c->ke = job->ke;
	c->private = job->private;
	job->private = NULL;
	sa_message_begin_for(ike, sa, &m, EXCHANGE_IKE_FOLLOWUP_KE, false, sa->send_id,
			     job->ke->init_len);
	message_ke(&m, job->ke, bytes_of(job->value, job->ke->init_len));
	mem_free(job->value);
	job->value = NULL;
	message_notify(&m, NOTIFY_ADDITIONAL_KEY_EXCHANGE, bytes_of(c->link, c->link_len));
	if (task_send(ike, sa, t, &m))
		create_failed(ike, sa, t, "the IKE_FOLLOWUP_KE request could not be built");
}

static const struct ike_suite *suite_of(const struct ike_task *t)
{
	return t->kind == TASK_IKE_REKEY ? &t->create->suite : &t->create->draft.suite;
}

bool followup_next(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	struct create_state *c = t->create;
	unsigned next;
	const struct ke_desc *ke = ike_suite_addke(suite_of(t), c->addke_place, &next);
	struct ike_job *job;

	if (ke == NULL)
		return false;
	/* RFC 9370 2.2.4: of two series that collide, the one with the lowest nonce just stops. */
	if (create_loses(&c->rival, BYTES_OF(c->nonce),
			 bytes_of(c->peer_nonce, c->peer_nonce_len))) {
		create_failed(ike, sa, t, "the peer is rekeying it itself");
		return true;
	}
	if (c->link_len == 0) {
		create_failed(ike, sa, t, "the peer expects no further key exchange");
		return true;
	}
	c->addke_place = next;
	t->followup = true; /* the peer has it and counts on it, from its first answer on */
	ike_inbound_free(t->response);
	t->response = NULL;
	job = ike_job_new(IKE_JOB_KE_GENERATE);
	if (job != NULL) {
		job->ke = ke;
		job->task = t->serial;
		ike_random(ike, job->seed, sizeof(job->seed));
	}
	if (ike_job_submit(ike, sa, job, request_send))
		create_failed(ike, sa, t, "out of memory");
	return true;
}

enum err followup_link_read(struct create_state *c, const struct payloads *ps)
{
	struct notify_part n;

	c->link_len = 0;
	if (!payloads_notify(ps, NOTIFY_ADDITIONAL_KEY_EXCHANGE, &n))
		return ERR_NONE;
	if (n.data.n == 0 || n.data.n > sizeof(c->link))
		return ERR_SYNTAX;
	memcpy(c->link, n.data.p, n.data.n);
	c->link_len = n.data.n;
	return ERR_NONE;
}

static void response_finished(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_by_serial(sa, job->task);

	if (t == NULL || t->create == NULL)
		return;
	if (job->result ||
	    create_secrets_add(&t->create->secrets, bytes_of(job->secret, job->ke->secret_len)))
		create_failed(ike, sa, t, job->result ? job->reason : "out of memory");
	else if (!followup_next(ike, sa, t))
		create_complete(ike, sa, t);
}

/* STATE_NOT_FOUND, or the peer is busy: the whole series is void; once more from the start, but not
 * for ever. */
static void series_lost(struct ike *ike, struct ike_sa *sa, struct ike_task *t, bool forgotten)
{
	struct child_sa *old = child_find(ike, t->child_spi);

	if (forgotten && ++t->restarts > RESTARTS_MAX) {
		create_failed(ike, sa, t, "the peer forgets every series of key exchanges");
		sa_delete(ike, sa, "rekeying it does not succeed"); /* RFC 9370 2.2.4: MUST */
		return;
	}
	if (old != NULL && old->sa == sa && old->state == CHILD_REKEYING)
		old->state = CHILD_UP;
	sa_log(ike, sa, LOG_INFO, "the peer %s; the series of key exchanges begins anew",
	       forgotten ? "has forgotten it" : "is busy");
	task_postpone(ike, sa, t, SECOND + ike_random_below(ike, SECOND));
}

void followup_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
		       struct ike_inbound *in)
{
	const struct payloads *ps = &in->sk.payloads;
	const struct payload *p = payloads_find(ps, PAYLOAD_KE);
	struct create_state *c = t->create;
	struct ke_part part;
	struct notify_part n;
	char name[IKEV2_NAME_MAX];
	char why[120];
	struct ike_job *job;

	t->response = in;
	if (payloads_error(ps, &n)) {
		if (n.type == NOTIFY_STATE_NOT_FOUND || n.type == NOTIFY_TEMPORARY_FAILURE) {
			series_lost(ike, sa, t, n.type == NOTIFY_STATE_NOT_FOUND);
			return;
		}
		snprintf(why, sizeof(why), "the peer answered %s", notify_name(n.type, name));
		create_failed(ike, sa, t, why);
		return;
	}
	if (p == NULL || ke_parse(p->body, &part, NULL) || part.method != c->ke->id ||
	    part.data.n != c->ke->resp_len || followup_link_read(c, ps)) {
		/* draft-ietf-ipsecme-ikev2-mlkem 2.2: the IKE SA MUST be deleted. */
		create_failed(ike, sa, t, "the peer's key exchange has another method or length");
		sa_delete(ike, sa, "the peer breaks the rules of its key exchange");
		return;
	}
	job = ike_job_new(IKE_JOB_KE_FINISH);
	if (job != NULL) {
		job->ke = c->ke;
		job->task = t->serial;
		job->private = c->private;
		c->private = NULL;
		job->peer = mem_copy(part.data);
		job->peer_len = part.data.n;
	}
	if (ike_job_submit(ike, sa, job, response_finished))
		create_failed(ike, sa, t, "out of memory");
}

/* --- Responder ------------------------------------------------------------------------------- */

void followup_link_write(struct ike *ike, struct create_pending *p, struct message *m)
{
	ike_random(ike, p->link, sizeof(p->link));
	message_notify(m, NOTIFY_ADDITIONAL_KEY_EXCHANGE, BYTES_OF(p->link));
}

static struct create_pending *pending_of(struct list *node)
{
	return CONTAINER_OF(node, struct create_pending, of_sa);
}

static unsigned held(const struct ike_sa *sa)
{
	unsigned n = 0;

	for (const struct list *node = sa->followups.next; node != &sa->followups;
	     node = node->next)
		n++;
	return n;
}

bool followup_hold(struct ike *ike, struct ike_sa *sa, struct create_pending *p)
{
	if (held(sa) >= HOLD_MAX)
		return false;
	p->expire_at = ike->now + HOLD_TIME;
	list_append(&sa->followups, &p->of_sa);
	return true;
}

void followups_free(struct ike_sa *sa)
{
	LIST_EACH (&sa->followups, node) {
		list_remove(node);
		create_pending_free(pending_of(node));
	}
}

void followup_expire(struct ike *ike, struct ike_sa *sa)
{
	LIST_EACH (&sa->followups, node) {
		if (pending_of(node)->expire_at > ike->now)
			continue;
		sa_log(ike, sa, LOG_INFO,
		       "the peer did not go on with its key exchanges; "
		       "forgotten");
		list_remove(node);
		create_pending_free(pending_of(node));
	}
}

uint64_t followup_deadline(const struct ike_sa *sa)
{
	uint64_t at = DEADLINE_NEVER;

	for (struct list *node = sa->followups.next; node != &sa->followups; node = node->next)
		if (pending_of(node)->expire_at < at)
			at = pending_of(node)->expire_at;
	return at;
}

bool followup_of_ike(const struct ike_sa *sa)
{
	for (struct list *node = sa->followups.next; node != &sa->followups; node = node->next)
		if (pending_of(node)->of_ike)
			return true;
	return false;
}

bool followup_of_child(const struct ike_sa *sa, uint32_t spi_in)
{
	if (sa->pending != NULL && sa->pending->rekeyed == spi_in)
		return true;
	for (struct list *node = sa->followups.next; node != &sa->followups; node = node->next)
		if (pending_of(node)->rekeyed == spi_in)
			return true;
	return false;
}

static struct create_pending *pending_take(struct ike_sa *sa, struct bytes link)
{
	LIST_EACH (&sa->followups, node) {
		struct create_pending *p = pending_of(node);
		if (bytes_equal(BYTES_OF(p->link), link)) {
			list_remove(node);
			return p;
		}
	}
	return NULL;
}

static void refuse(struct ike *ike, struct ike_sa *sa, uint16_t notify, const char *why)
{
	sa_log(ike, sa, LOG_INFO, "IKE_FOLLOWUP_KE request refused: %s", why);
	sa_respond_notify(ike, sa, EXCHANGE_IKE_FOLLOWUP_KE, 0, (struct bytes){0}, notify,
			  (struct bytes){0});
	create_pending_free(sa->pending);
	sa->pending = NULL;
	tasks_run(ike, sa); /* what waited for the end of the series */
}

static void request_done(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct create_pending *p = sa->pending;
	unsigned next;
	struct message m;

	if (p == NULL || sa->inbound == NULL)
		return;
	if (sa->state != SA_UP) {
		/* Our own rekey of it was answered while the key exchange ran, or it is to end. */
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "this IKE SA is being closed");
		return;
	}
	if (job->result ||
	    create_secrets_add(&p->secrets, bytes_of(job->secret, job->ke->secret_len))) {
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX, job->result ? job->reason : "out of memory");
		return;
	}
	ike_suite_addke(pending_suite(p), p->addke_place, &p->addke_place);
	const bool last = ike_suite_addke(pending_suite(p), p->addke_place, &next) == NULL;
	if (last && p->of_ike && create_busy_with_children(sa)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "a Child SA is being negotiated");
		return;
	}
	if (last) {
		create_answer_last(ike, sa, job->ke, bytes_of(job->value, job->ke->resp_len));
		return;
	}
	sa_message_begin(ike, sa, &m, EXCHANGE_IKE_FOLLOWUP_KE, true, sa->recv_id);
	message_ke(&m, job->ke, bytes_of(job->value, job->ke->resp_len));
	followup_link_write(ike, p, &m);
	sa->pending = NULL;
	if (sa_respond(ike, sa, &m) || !followup_hold(ike, sa, p)) {
		create_pending_free(p);
		tasks_run(ike, sa);
	}
}

void followup_request(struct ike *ike, struct ike_sa *sa)
{
	const struct payloads *ps = &sa->inbound->sk.payloads;
	const struct payload *payload = payloads_find(ps, PAYLOAD_KE);
	struct notify_part n;
	struct ke_part part;
	struct ike_job *job;
	unsigned next;

	if (!payloads_notify(ps, NOTIFY_ADDITIONAL_KEY_EXCHANGE, &n) || payload == NULL ||
	    ke_parse(payload->body, &part, NULL)) {
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX, "its link or its KE payload is missing");
		return;
	}
	sa->pending = pending_take(sa, n.data);
	if (sa->pending == NULL || sa->state != SA_UP) {
		refuse(ike, sa, NOTIFY_STATE_NOT_FOUND, "no series has this link");
		return;
	}
	const struct ke_desc *ke =
	    ike_suite_addke(pending_suite(sa->pending), sa->pending->addke_place, &next);
	if (ke == NULL || part.method != ke->id || part.data.n != ke->init_len) {
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX,
		       "the KE payload has another method or length");
		return;
	}
	job = ike_job_new(IKE_JOB_KE_RESPOND);
	if (job != NULL) {
		job->ke = ke;
		ike_random(ike, job->seed, sizeof(job->seed));
		job->peer = mem_copy(part.data);
		job->peer_len = part.data.n;
	}
	if (ike_job_submit(ike, sa, job, request_done))
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "out of memory");
}
