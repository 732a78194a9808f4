/* CREATE_CHILD_SA as responder (RFC 7296 1.3, 2.8, 2.17, 2.18, 2.25). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/create_child.h"
#include "ike/ext/ext.h"
#include "ike/ext/followup.h"
#include "ike/ext/ppk_child.h"
#include "wire/sa.h"

static void refuse(struct ike *ike, struct ike_sa *sa, uint16_t notify, const char *why)
{
	sa_log(ike, sa, LOG_INFO, "CREATE_CHILD_SA request refused: %s", why);
	sa_respond_notify(ike, sa, sa->inbound->header.exchange, 0, (struct bytes){0}, notify,
			  (struct bytes){0});
}

static void refuse_ke(struct ike *ike, struct ike_sa *sa, const struct ke_desc *ke)
{
	const uint8_t method[2] = {(uint8_t)(ke->id >> 8), (uint8_t)ke->id};

	sa_log(ike, sa, LOG_DEBUG, "asking for the key exchange method %s", ke->name);
	sa_respond_notify(ike, sa, EXCHANGE_CREATE_CHILD_SA, 0, (struct bytes){0},
			  NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(method));
}

bool create_pending_of_ike(const struct ike_sa *sa)
{
	return sa->pending != NULL && sa->pending->of_ike;
}

void create_pending_free(struct create_pending *p)
{
	if (p == NULL)
		return;
	create_secrets_clear(&p->secrets);
	mem_free_secret(p, sizeof(*p));
}

bool create_busy_with_children(struct ike_sa *sa)
{
	LIST_EACH (&sa->tasks, node) {
		const struct ike_task *t = CONTAINER_OF(node, struct ike_task, of_sa);
		if (t->started && (t->kind == TASK_CHILD_CREATE || t->kind == TASK_CHILD_REKEY ||
				   t->kind == TASK_CHILD_DELETE))
			return true;
	}
	return false;
}

/* Between two exchanges of a series nothing is out, but the peer knows of it. */
static bool is_known_to_peer(const struct ike_task *t)
{
	return t->in_flight || t->response != NULL || t->followup;
}

/* A Child SA of which the peer may know already. */
static bool making_child(struct ike_sa *sa)
{
	LIST_EACH (&sa->tasks, node) {
		const struct ike_task *t = CONTAINER_OF(node, struct ike_task, of_sa);
		if (is_known_to_peer(t) &&
		    (t->kind == TASK_CHILD_CREATE || t->kind == TASK_CHILD_REKEY))
			return true;
	}
	return false;
}

static bool rekeying_ike(struct ike_sa *sa)
{
	const struct ike_task *t = task_find(sa, TASK_IKE_REKEY, 0);

	return t != NULL && t->started;
}

/* Pieces of a request. */
struct create_request {
	const struct payloads *ps;
	struct bytes nonce;
	struct ke_part ke; /* method KE_NONE: there is none */
};

static bool pieces_read(struct ike *ike, struct ike_sa *sa, struct create_request *q)
{
	const struct payload *nonce = payloads_find(q->ps, PAYLOAD_NONCE);
	const struct payload *ke = payloads_find(q->ps, PAYLOAD_KE);
	const char *reason = "SA or nonce is missing";

	q->ke = (struct ke_part){0};
	if (payloads_find(q->ps, PAYLOAD_SA) == NULL || nonce == NULL ||
	    nonce_parse(nonce->body, &q->nonce, &reason) ||
	    (ke != NULL && ke_parse(ke->body, &q->ke, &reason))) {
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX, reason);
		return false;
	}
	return true;
}

/* Our own rekey of the same thing, of which the peer knows. One that has not been sent yet has lost
 * its point and is dropped. */
static struct ike_task *own_rekey(struct ike_sa *sa, enum task_kind kind, uint32_t child)
{
	struct ike_task *t = task_find(sa, kind, child);

	if (t == NULL || is_known_to_peer(t))
		return t;
	task_drop(t);
	return NULL;
}

/* Also when it has been rekeyed by the peer already (N4). */
static bool child_is_leaving(const struct child_sa *c)
{
	return c->state == CHILD_DELETING || c->state == CHILD_REPLACED || c->successor != 0;
}

const struct ike_suite *pending_suite(const struct create_pending *p)
{
	return p->of_ike ? &p->choice.suite : &p->request.draft.suite;
}

/* RFC 9370 2.2.4: our own rekey of the same thing has come to its additional key exchanges. */
static bool is_in_our_series(struct ike_sa *sa, const struct create_pending *p)
{
	const struct ike_task *t = p->of_ike         ? task_find(sa, TASK_IKE_REKEY, 0)
				   : p->rekeyed != 0 ? task_find(sa, TASK_CHILD_REKEY, p->rekeyed)
						     : NULL;

	return t != NULL && t->followup;
}

static struct bytes pending_nonce_i(const struct create_pending *p)
{
	return bytes_of(p->nonce_i, p->nonce_i_len);
}

/* RFC 7296 2.25: a rekey of ours of the same thing is under way; the nonces decide when it is
 * answered. What the peer's makes is noted when it is made. True: there is one. */
static bool note_rival(struct ike_sa *sa, const struct create_pending *p, uint32_t child,
		       uint64_t ike_sa)
{
	struct ike_task *t = p->of_ike         ? own_rekey(sa, TASK_IKE_REKEY, 0)
			     : p->rekeyed != 0 ? own_rekey(sa, TASK_CHILD_REKEY, p->rekeyed)
					       : NULL;

	if (t == NULL || t->create == NULL)
		return false;
	t->create->rival.child = child;
	t->create->rival.ike_sa = ike_sa;
	create_rival_set(&t->create->rival, pending_nonce_i(p), BYTES_OF(p->nonce));
	return true;
}

/* Installs what was negotiated; false: refused. */
static bool child_make(struct ike *ike, struct ike_sa *sa, struct child_sa **fresh)
{
	struct create_pending *p = sa->pending;
	struct child_sa *old = p->rekeyed == 0 ? NULL : child_find(ike, p->rekeyed);

	if (p->rekeyed != 0 && old == NULL) {
		refuse(ike, sa, NOTIFY_CHILD_SA_NOT_FOUND, "the Child SA went meanwhile");
		return false;
	}
	if (old != NULL && child_is_leaving(old)) {
		/* Our own rekey of it was answered while the key exchange ran. */
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "that Child SA was rekeyed meanwhile");
		return false;
	}
	/* RFC 7296 2.8: of a rekey we go on sending on the old SA until the peer has the new one.
	 */
	if (child_install(ike, sa, &p->request.draft, create_secrets_spans(&p->secrets),
			  pending_nonce_i(p), BYTES_OF(p->nonce), false, old == NULL, fresh)) {
		refuse(ike, sa, NOTIFY_NO_ADDITIONAL_SAS, "the Child SA could not be installed");
		return false;
	}
	if (old != NULL) {
		old->successor = (*fresh)->spi_in;
		if (!note_rival(sa, p, (*fresh)->spi_in, 0))
			old->state = CHILD_REPLACED;
	}
	return true;
}

/* After the answer has gone out. Where both ends have rekeyed one Child SA, our own answer decides
 * first which stays; else one that took another's place may have a twin that the other had not. */
static void child_made(struct ike *ike, struct ike_sa *sa, struct child_sa *fresh)
{
	const uint32_t rekeyed = sa->pending->rekeyed;
	const struct child_sa *old = rekeyed == 0 ? NULL : child_find(ike, rekeyed);

	if (old == NULL || old->state == CHILD_REPLACED)
		child_settle_twins(ike, fresh);
	tasks_run(ike, sa);
	if (rekeyed == 0 && sa->conn != NULL && sa->state == SA_UP)
		ike_conn_state(ike, sa->conn, IKE_STATE_UP, "up");
}

static uint64_t choice_spi64(const struct ike_choice *c)
{
	struct reader r = reader_of(bytes_of(c->spi, c->spi_len));

	return reader_u64(&r);
}

static bool ike_make(struct ike *ike, struct ike_sa *sa, struct ike_sa **fresh)
{
	struct create_pending *p = sa->pending;

	if (rekey_ike_make(ike, sa, false, p->ike_spi, choice_spi64(&p->choice), &p->choice.suite,
			   create_secrets_spans(&p->secrets), pending_nonce_i(p),
			   BYTES_OF(p->nonce), fresh)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "the new IKE SA could not be made");
		return false;
	}
	(*fresh)->unsettled = note_rival(sa, p, 0, p->ike_spi);
	return true;
}

/* RFC 7296 2.18: the new IKE SA inherits the Child SAs. */
static void ike_made(struct ike *ike, struct ike_sa *sa, struct ike_sa *fresh)
{
	if (fresh->unsettled)
		child_inherit(ike, sa, fresh);
	else
		rekey_ike_replaced(ike, sa, fresh);
	sa_schedule(ike, fresh);
}

/* RFC 9867: which PPK is mixed in. */
static void ppk_write(const struct create_pending *p, struct message *m)
{
	if (p->ppk_taken.id_len > 0)
		ppk_answer_write(m, bytes_of(p->ppk_taken.id, p->ppk_taken.id_len));
}

static void ike_answer_write(const struct create_pending *p, struct message *m,
			     const struct ke_desc *ke, struct bytes ke_value)
{
	uint8_t octets[8];
	struct writer w = writer_of(octets, sizeof(octets));

	writer_u64(&w, p->ike_spi);
	ike_choice_write(message_payload_begin(m, PAYLOAD_SA), &p->choice, BYTES_OF(octets));
	message_payload_end(m);
	message_payload(m, PAYLOAD_NONCE, BYTES_OF(p->nonce));
	message_ke(m, ke, ke_value);
}

/* Makes the SA, sends what `write` puts into the answer, and settles. The pending request ends. */
static void make_and_answer(struct ike *ike, struct ike_sa *sa, uint8_t exchange,
			    const struct ke_desc *ke, struct bytes ke_value)
{
	struct create_pending *p = sa->pending;
	const struct child_offer o = {.nonce = BYTES_OF(p->nonce), .ke = ke, .ke_value = ke_value};
	struct child_sa *child = NULL;
	struct ike_sa *fresh = NULL;
	struct message m;

	if (p->of_ike ? !ike_make(ike, sa, &fresh) : !child_make(ike, sa, &child))
		goto done;
	sa_message_begin(ike, sa, &m, exchange, true, sa->recv_id);
	if (exchange == EXCHANGE_IKE_FOLLOWUP_KE) {
		message_ke(&m, ke, ke_value);
	} else if (p->of_ike) {
		ike_answer_write(p, &m, ke, ke_value);
		ppk_write(p, &m);
	} else {
		child_answer_write(&m, &p->request, &o);
		ppk_write(p, &m);
	}
	ext_write(ike, sa, AT_CHILD_RESPONSE, &m);
	if (sa_respond(ike, sa, &m)) {
		if (child != NULL)
			child_remove(ike, child, "the response could not be built");
		if (fresh != NULL)
			sa_kill(ike, fresh, "the response could not be built");
	} else if (child != NULL) {
		child_made(ike, sa, child);
	} else if (fresh != NULL) {
		ike_made(ike, sa, fresh);
	}
done:
	create_pending_free(sa->pending);
	sa->pending = NULL;
}

void create_answer_last(struct ike *ike, struct ike_sa *sa, const struct ke_desc *ke,
			struct bytes ke_value)
{
	make_and_answer(ike, sa, EXCHANGE_IKE_FOLLOWUP_KE, ke, ke_value);
	tasks_run(ike, sa);
}

/* RFC 9370 2.2.4: the answer tells that more key exchanges come; nothing is made before the last.
 */
static void answer_and_wait(struct ike *ike, struct ike_sa *sa, const struct ke_desc *ke,
			    struct bytes ke_value)
{
	struct create_pending *p = sa->pending;
	const struct child_offer o = {.nonce = BYTES_OF(p->nonce), .ke = ke, .ke_value = ke_value};
	struct message m;

	sa_message_begin(ike, sa, &m, EXCHANGE_CREATE_CHILD_SA, true, sa->recv_id);
	if (p->of_ike)
		ike_answer_write(p, &m, ke, ke_value);
	else
		child_answer_write(&m, &p->request, &o);
	followup_link_write(ike, p, &m);
	ppk_write(p, &m);
	ext_write(ike, sa, AT_CHILD_RESPONSE, &m);
	note_rival(sa, p, 0, 0);
	sa->pending = NULL;
	if (sa_respond(ike, sa, &m) || !followup_hold(ike, sa, p))
		create_pending_free(p);
}

static void pending_done(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	unsigned next;

	if (sa->pending == NULL || sa->inbound == NULL)
		return;
	if (job->result)
		/* RFC 6989 2: a public value that is none */
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX, job->reason);
	else if (sa->state != SA_UP)
		/* Our own rekey of it was answered while the key exchange ran, or it is to end. */
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "this IKE SA is being closed");
	else if (is_in_our_series(sa, sa->pending))
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "we are rekeying it");
	else if (create_secrets_add(&sa->pending->secrets,
				    bytes_of(job->secret, job->ke->secret_len)))
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "out of memory");
	else if (ike_suite_addke(pending_suite(sa->pending), 0, &next) != NULL)
		answer_and_wait(ike, sa, job->ke, bytes_of(job->value, job->ke->resp_len));
	else
		make_and_answer(ike, sa, EXCHANGE_CREATE_CHILD_SA, job->ke,
				bytes_of(job->value, job->ke->resp_len));
	create_pending_free(sa->pending);
	sa->pending = NULL;
	tasks_run(ike, sa);
}

/* Starts the key exchange of the answer; the KE payload is of the method that was chosen. */
static void pending_submit(struct ike *ike, struct ike_sa *sa, const struct ke_desc *ke,
			   struct bytes peer_value)
{
	struct ike_job *job;

	if (peer_value.n != ke->init_len) {
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX, "the KE payload has a wrong length");
		goto failed;
	}
	job = ike_job_new(IKE_JOB_KE_RESPOND);
	if (job != NULL) {
		job->ke = ke;
		ike_random(ike, job->seed, sizeof(job->seed));
		job->peer = mem_copy(peer_value);
		job->peer_len = peer_value.n;
	}
	if (ike_job_submit(ike, sa, job, pending_done) == ERR_NONE)
		return;
	refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "out of memory");
failed:
	create_pending_free(sa->pending);
	sa->pending = NULL;
}

static void ike_request(struct ike *ike, struct ike_sa *sa, const struct create_request *q)
{
	const struct ike_terms terms = {.protocol = PROTOCOL_IKE,
					.ike_spi_len = IKE_SPI_LEN,
					.with_ke = true,
					.ke_sent = q->ke.method,
					.with_addke = true,
					.with_big = sa->big_payload};
	struct create_pending *p = sa->pending;
	const struct bytes body = payloads_find(q->ps, PAYLOAD_SA)->body;
	char text[IKE_EXPLAIN_MAX];
	const char *reason = "no reason";

	p->of_ike = true;
	if (is_in_our_series(sa, p)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "we are rekeying this IKE SA");
		goto done;
	}
	p->ike_spi = sa_new_spi(ike);
	enum err e = ike_select(&sa->config->ike, &terms, body, &p->choice, &reason);
	if (e == ERR_NONE && !rekey_keeps_addke(sa, NULL, &p->choice.suite)) {
		refuse(ike, sa, NOTIFY_NO_PROPOSAL_CHOSEN, /* N5 */
		       "the rekey leaves out additional key exchanges that were agreed");
		goto done;
	}
	if (e == ERR_NONE && !p->choice.ke_other && q->ke.method != KE_NONE &&
	    choice_spi64(&p->choice) != 0) {
		pending_submit(ike, sa, p->choice.suite.ke, q->ke.data);
		return;
	}
	if (e == ERR_NOT_FOUND) {
		ike_explain_mismatch(&sa->config->ike, &terms, body, text, sizeof(text));
		refuse(ike, sa, NOTIFY_NO_PROPOSAL_CHOSEN, text);
	} else if (e == ERR_NONE && p->choice.ke_other) {
		refuse_ke(ike, sa, p->choice.suite.ke);
	} else {
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX, reason); /* N31 and broken payloads */
	}
done:
	create_pending_free(sa->pending);
	sa->pending = NULL;
}

static void child_request(struct ike *ike, struct ike_sa *sa, const struct create_request *q)
{
	struct create_pending *p = sa->pending;
	const struct child_sa *old = p->rekeyed == 0 ? NULL : child_find(ike, p->rekeyed);
	const struct ke_desc *ke;

	p->request.with_ke = true;
	p->request.ke_sent = q->ke.method;
	if (child_request_read(ike, sa, q->ps, &p->request)) {
		refuse(ike, sa, p->request.notify, p->request.why);
	} else if (p->request.choice.ke_other) {
		refuse_ke(ike, sa, p->request.choice.suite.ke);
	} else if (old != NULL && !rekey_keeps_addke(sa, old, &p->request.draft.suite)) {
		refuse(ike, sa, NOTIFY_NO_PROPOSAL_CHOSEN, /* N5 */
		       "the rekey leaves out additional key exchanges that were agreed");
	} else {
		ke = p->request.draft.suite.ke;
		if (ke != NULL) {
			pending_submit(ike, sa, ke, q->ke.data);
			return;
		}
		make_and_answer(ike, sa, EXCHANGE_CREATE_CHILD_SA, NULL, (struct bytes){0});
	}
	create_pending_free(sa->pending);
	sa->pending = NULL;
}

/* RFC 7296 2.25.1: what a rekey of this Child SA meets. True: go on. */
static bool rekey_fits(struct ike *ike, struct ike_sa *sa, const struct notify_part *n)
{
	struct child_sa *c = child_find_out(sa, notify_spi32(n));

	if (c == NULL && making_child(sa)) {
		/* The answer by which we would know it may be on its way. */
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "that Child SA may be in the making");
		return false;
	}
	if (c == NULL) {
		sa_log(ike, sa, LOG_INFO, "the peer rekeys a Child SA that is not there");
		sa_respond_notify(ike, sa, EXCHANGE_CREATE_CHILD_SA, n->protocol, n->spi,
				  NOTIFY_CHILD_SA_NOT_FOUND, (struct bytes){0});
		return false;
	}
	sa->pending->rekeyed = c->spi_in;
	if (is_in_our_series(sa, sa->pending)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "we are rekeying that Child SA");
		return false;
	}
	if (child_is_leaving(c)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "that Child SA is being closed");
		return false;
	}
	sa->pending->request.prefer = c->index;
	return true;
}

static bool is_ike_proposal(struct bytes body)
{
	struct reader r = sa_proposals(body);
	struct sa_proposal p;

	return sa_proposal_next(&r, &p) && p.protocol == PROTOCOL_IKE;
}

static void ppk_looked(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	if (sa->inbound == NULL)
		return;
	ppk_child_found(ike, sa, job);
	create_child_request(ike, sa);
}

void create_child_request(struct ike *ike, struct ike_sa *sa)
{
	struct create_request q = {.ps = &sa->inbound->sk.payloads};
	struct notify_part n;

	if (!pieces_read(ike, sa, &q) || ppk_child_look(ike, sa, ppk_looked))
		return;
	const bool of_ike = is_ike_proposal(payloads_find(q.ps, PAYLOAD_SA)->body);
	/* RFC 7296 2.25.2 */
	if (sa->state != SA_UP) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "this IKE SA is being closed");
		return;
	}
	if (of_ike ? create_busy_with_children(sa) : rekeying_ike(sa)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE,
		       of_ike ? "a Child SA is being negotiated" : "the IKE SA is being rekeyed");
		return;
	}
	/* RFC 9370 2.2.4: MUST, when our own rekey has come to its additional key exchanges. */
	const struct ike_task *own = of_ike ? task_find(sa, TASK_IKE_REKEY, 0) : NULL;
	if (own != NULL && own->followup) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "we are rekeying the IKE SA");
		return;
	}
	sa->pending = mem_new(sizeof(*sa->pending));
	if (sa->pending == NULL) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "out of memory");
		return;
	}
	ike_random(ike, sa->pending->nonce, CREATE_NONCE_LEN);
	memcpy(sa->pending->nonce_i, q.nonce.p, q.nonce.n);
	sa->pending->nonce_i_len = q.nonce.n;
	sa->pending->request.prefer = -1;
	if (!ppk_child_take(sa, sa->pending)) {
		refuse(ike, sa, NOTIFY_NO_PROPOSAL_CHOSEN,
		       "it has no PPK of ours, and ppk = required");
		create_pending_free(sa->pending);
		sa->pending = NULL;
		return;
	}
	if (of_ike) {
		ike_request(ike, sa, &q);
		return;
	}
	if (payloads_notify(q.ps, NOTIFY_REKEY_SA, &n) && !rekey_fits(ike, sa, &n)) {
		create_pending_free(sa->pending);
		sa->pending = NULL;
		return;
	}
	ext_read(ike, sa, AT_CHILD_REQUEST, q.ps);
	child_request(ike, sa, &q);
}
