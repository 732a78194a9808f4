/* CREATE_CHILD_SA as responder (RFC 7296 1.3, 2.8, 2.17, 2.18, 2.25). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/create_child.h"
#include "ike/ext/ext.h"
#include "wire/sa.h"

static void refuse(struct ike *ike, struct ike_sa *sa, uint16_t notify, const char *why)
{
	sa_log(ike, sa, LOG_INFO, "CREATE_CHILD_SA request refused: %s", why);
	sa_respond_notify(ike, sa, EXCHANGE_CREATE_CHILD_SA, 0, (struct bytes){0}, notify,
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
	mem_free(p);
}

static bool busy_with_children(struct ike_sa *sa)
{
	LIST_EACH (&sa->tasks, node) {
		const struct ike_task *t = CONTAINER_OF(node, struct ike_task, of_sa);
		if (t->started && (t->kind == TASK_CHILD_CREATE || t->kind == TASK_CHILD_REKEY ||
				   t->kind == TASK_CHILD_DELETE))
			return true;
	}
	return false;
}

/* A Child SA of which the peer may know already. */
static bool making_child(struct ike_sa *sa)
{
	LIST_EACH (&sa->tasks, node) {
		const struct ike_task *t = CONTAINER_OF(node, struct ike_task, of_sa);
		if ((t->in_flight || t->response != NULL) &&
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

/* The nonce payload of the request that is being answered. */
static struct bytes request_nonce(const struct ike_sa *sa)
{
	return payloads_find(&sa->inbound->sk.payloads, PAYLOAD_NONCE)->body;
}

/* Our own rekey of the same thing, of which the peer knows. One that has not been sent yet has lost
 * its point and is dropped. */
static struct ike_task *own_rekey(struct ike_sa *sa, enum task_kind kind, uint32_t child)
{
	struct ike_task *t = task_find(sa, kind, child);

	if (t == NULL || t->in_flight || t->response != NULL)
		return t;
	task_drop(t);
	return NULL;
}

/* Also when it has been rekeyed by the peer already (N4). */
static bool child_is_leaving(const struct child_sa *c)
{
	return c->state == CHILD_DELETING || c->state == CHILD_REPLACED || c->successor != 0;
}

static void child_answer(struct ike *ike, struct ike_sa *sa, struct bytes secret,
			 const struct ke_desc *ke, struct bytes ke_value)
{
	struct create_pending *p = sa->pending;
	struct child_sa *old = p->rekeyed == 0 ? NULL : child_find(ike, p->rekeyed);
	const struct bytes nonce_i = request_nonce(sa), nonce_r = BYTES_OF(p->nonce);
	const struct child_offer o = {.nonce = nonce_r, .ke = ke, .ke_value = ke_value};
	struct ike_task *t;
	struct child_sa *fresh;
	struct message m;

	/* RFC 7296 2.8: of a rekey we go on sending on the old SA until the peer has the new one.
	 */
	if (p->rekeyed != 0 && old == NULL) {
		refuse(ike, sa, NOTIFY_CHILD_SA_NOT_FOUND, "the Child SA went meanwhile");
		return;
	}
	if (old != NULL && child_is_leaving(old)) {
		/* Our own rekey of it was answered while the key exchange ran. */
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "that Child SA was rekeyed meanwhile");
		return;
	}
	if (child_install(ike, sa, &p->request.draft, secret, nonce_i, nonce_r, false, old == NULL,
			  &fresh)) {
		refuse(ike, sa, NOTIFY_NO_ADDITIONAL_SAS, "the Child SA could not be installed");
		return;
	}
	t = old == NULL ? NULL : own_rekey(sa, TASK_CHILD_REKEY, old->spi_in);
	if (old != NULL)
		old->successor = fresh->spi_in;
	if (t != NULL) {
		/* RFC 7296 2.25.1: both rekey it; the nonces decide when ours is answered. */
		t->create->rival.child = fresh->spi_in;
		create_rival_set(&t->create->rival, nonce_i, nonce_r);
	} else if (old != NULL) {
		old->state = CHILD_REPLACED;
	}
	sa_message_begin(ike, sa, &m, EXCHANGE_CREATE_CHILD_SA, true, sa->recv_id);
	child_answer_write(&m, &p->request, &o);
	ext_write(ike, sa, AT_CHILD_RESPONSE, &m);
	if (sa_respond(ike, sa, &m)) {
		child_remove(ike, fresh, "the response could not be built");
		return;
	}
	if (old != NULL)
		return;
	child_settle_twins(ike, fresh);
	tasks_run(ike, sa);
	if (sa->conn != NULL && sa->state == SA_UP)
		ike_conn_state(ike, sa->conn, IKE_STATE_UP, "up");
}

static uint64_t choice_spi64(const struct ike_choice *c)
{
	struct reader r = reader_of(bytes_of(c->spi, c->spi_len));

	return reader_u64(&r);
}

static void ike_answer(struct ike *ike, struct ike_sa *sa, const struct ike_job *job)
{
	struct create_pending *p = sa->pending;
	const struct bytes nonce_i = request_nonce(sa), nonce_r = BYTES_OF(p->nonce);
	struct ike_task *t = own_rekey(sa, TASK_IKE_REKEY, 0);
	const uint64_t spi = sa_new_spi(ike);
	struct ike_sa *fresh;
	struct message m;
	uint8_t octets[8];
	struct writer w = writer_of(octets, sizeof(octets));

	if (rekey_ike_make(ike, sa, false, spi, choice_spi64(&p->choice), &p->choice.suite,
			   bytes_of(job->secret, job->ke->secret_len), nonce_i, nonce_r, &fresh)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "the new IKE SA could not be made");
		return;
	}
	const bool collision = t != NULL;
	if (collision) {
		/* RFC 7296 2.25.2 */
		t->create->rival.ike_sa = spi;
		create_rival_set(&t->create->rival, nonce_i, nonce_r);
	}
	writer_u64(&w, spi);
	sa_message_begin(ike, sa, &m, EXCHANGE_CREATE_CHILD_SA, true, sa->recv_id);
	ike_choice_write(message_payload_begin(&m, PAYLOAD_SA), &p->choice, BYTES_OF(octets));
	message_payload_end(&m);
	message_payload(&m, PAYLOAD_NONCE, nonce_r);
	ke_write(message_payload_begin(&m, PAYLOAD_KE), job->ke->id,
		 bytes_of(job->value, job->ke->resp_len));
	message_payload_end(&m);
	ext_write(ike, sa, AT_CHILD_RESPONSE, &m);
	if (sa_respond(ike, sa, &m)) {
		sa_kill(ike, fresh, "the response could not be built");
		return;
	}
	/* RFC 7296 2.18: the new IKE SA inherits the Child SAs. */
	fresh->unsettled = collision;
	if (collision)
		child_inherit(ike, sa, fresh);
	else
		rekey_ike_replaced(ike, sa, fresh);
	sa_schedule(ike, fresh);
}

static void pending_done(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	if (sa->pending == NULL || sa->inbound == NULL)
		return;
	if (job->result)
		/* RFC 6989 2: a public value that is none */
		refuse(ike, sa, NOTIFY_INVALID_SYNTAX, job->reason);
	else if (sa->state != SA_UP)
		/* Our own rekey of it was answered while the key exchange ran, or it is to end. */
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "this IKE SA is being closed");
	else if (sa->pending->of_ike)
		ike_answer(ike, sa, job);
	else
		child_answer(ike, sa, bytes_of(job->secret, job->ke->secret_len), job->ke,
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
					.ke_sent = q->ke.method};
	struct create_pending *p = sa->pending;
	const struct bytes body = payloads_find(q->ps, PAYLOAD_SA)->body;
	char text[IKE_EXPLAIN_MAX];
	const char *reason = "no reason";

	p->of_ike = true;
	enum err e = ike_select(&sa->config->ike, &terms, body, &p->choice, &reason);
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
	create_pending_free(sa->pending);
	sa->pending = NULL;
}

static void child_request(struct ike *ike, struct ike_sa *sa, const struct create_request *q)
{
	struct create_pending *p = sa->pending;
	const struct ke_desc *ke;

	p->request.with_ke = true;
	p->request.ke_sent = q->ke.method;
	if (child_request_read(ike, sa, q->ps, &p->request)) {
		refuse(ike, sa, p->request.notify, p->request.why);
	} else if (p->request.choice.ke_other) {
		refuse_ke(ike, sa, p->request.choice.suite.ke);
	} else {
		ke = p->request.draft.suite.ke;
		if (ke != NULL) {
			pending_submit(ike, sa, ke, q->ke.data);
			return;
		}
		child_answer(ike, sa, (struct bytes){0}, NULL, (struct bytes){0});
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
		sa_respond_notify(ike, sa, EXCHANGE_CREATE_CHILD_SA, PROTOCOL_ESP, n->spi,
				  NOTIFY_CHILD_SA_NOT_FOUND, (struct bytes){0});
		return false;
	}
	if (child_is_leaving(c)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "that Child SA is being closed");
		return false;
	}
	sa->pending->rekeyed = c->spi_in;
	sa->pending->request.prefer = c->index;
	return true;
}

static bool is_ike_proposal(struct bytes body)
{
	struct reader r = sa_proposals(body);
	struct sa_proposal p;

	return sa_proposal_next(&r, &p) && p.protocol == PROTOCOL_IKE;
}

void create_child_request(struct ike *ike, struct ike_sa *sa)
{
	struct create_request q = {.ps = &sa->inbound->sk.payloads};
	struct notify_part n;

	if (!pieces_read(ike, sa, &q))
		return;
	const bool of_ike = is_ike_proposal(payloads_find(q.ps, PAYLOAD_SA)->body);
	/* RFC 7296 2.25.2 */
	if (sa->state != SA_UP) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "this IKE SA is being closed");
		return;
	}
	if (of_ike ? busy_with_children(sa) : rekeying_ike(sa)) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE,
		       of_ike ? "a Child SA is being negotiated" : "the IKE SA is being rekeyed");
		return;
	}
	sa->pending = mem_new(sizeof(*sa->pending));
	if (sa->pending == NULL) {
		refuse(ike, sa, NOTIFY_TEMPORARY_FAILURE, "out of memory");
		return;
	}
	ike_random(ike, sa->pending->nonce, CREATE_NONCE_LEN);
	sa->pending->request.prefer = -1;
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
