/* INFORMATIONAL exchanges: Deletes, liveness, and what else peers say (RFC 7296 1.4, 2.4, 2.25). */
#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/ext/ext.h"
#include "ike/ext/followup.h"
#include "ike/task.h"

#define DELETES_MAX 64 /* SPIs of one message that we act on */

/* RFC 7296 2.25.2: a Delete of a Child SA that crosses ours of the whole IKE SA is answered as
 * usual: with the SPI of our half. Without memory for that the answer is an empty one. */
static void children_close(struct ike *ike, struct ike_sa *sa, const char *reason)
{
	size_t n = 0, room = 0;

	LIST_EACH (&sa->children, node)
		n++;
	if (n > 0 && sa->closed == NULL) {
		sa->closed = mem_new(2 * n * sizeof(*sa->closed));
		room = sa->closed == NULL ? 0 : n;
	}
	LIST_EACH (&sa->children, node) {
		struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
		if (sa->n_closed < room && c->state != CHILD_DELETING) {
			sa->closed[2 * sa->n_closed] = c->spi_out;
			sa->closed[2 * sa->n_closed++ + 1] = c->spi_in;
		}
		child_remove(ike, c, reason);
	}
}

/* Our SPI, for one answer, of the Child SA with theirs that went with the IKE SA; 0: none. */
static uint32_t closed_take(struct ike_sa *sa, uint32_t spi_out)
{
	for (size_t i = 0; i < sa->n_closed; i++)
		if (spi_out != 0 && sa->closed[2 * i] == spi_out) {
			sa->closed[2 * i] = 0;
			return sa->closed[2 * i + 1];
		}
	return 0;
}

void sa_delete(struct ike *ike, struct ike_sa *sa, const char *reason)
{
	if (sa->state == SA_DELETING || sa->state == SA_DEAD)
		return;
	sa_log(ike, sa, LOG_INFO, "deleting an IKE SA%s%s", reason ? ": " : "",
	       reason ? reason : "");
	/* RFC 7296 1.4.1: deleting an IKE SA closes its Child SAs without further word. */
	children_close(ike, sa, reason);
	tasks_free_waiting(sa);
	/* Series of the peer's that would go on with IKE_FOLLOWUP_KE come to nothing; ours waited.
	 */
	followups_free(sa);
	sa->unsettled = false;
	if (task_add(ike, sa, TASK_IKE_DELETE, 0) == NULL) {
		sa_kill(ike, sa, reason);
		return;
	}
	if (sa->state == SA_UP && !sa->redundant)
		ike_tell(ike, IKE_EVENT_SA_DOWN, sa, NULL, reason);
	sa->state = SA_DELETING;
	sa->expire_at = 0;
	tasks_run(ike, sa);
	sa_schedule(ike, sa);
}

void info_start(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	const struct child_sa *c = child_find(ike, t->child_spi);
	struct message m;
	struct writer *w;

	sa_message_begin(ike, sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id);
	if (t->kind != TASK_LIVENESS) {
		w = message_payload_begin(&m, PAYLOAD_DELETE);
		if (t->kind == TASK_IKE_DELETE)
			delete_write_ike(w);
		else
			delete_write_child(w, c != NULL ? child_protocol(c) : PROTOCOL_ESP,
					   &t->child_spi, 1);
		message_payload_end(&m);
	}
	ext_write(ike, sa, AT_INFO_REQUEST, &m);
	if (task_send(ike, sa, t, &m))
		sa_kill(ike, sa, "out of memory");
}

void info_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t, struct ike_inbound *in)
{
	const enum task_kind kind = (enum task_kind)t->kind;
	struct child_sa *c;

	ext_read(ike, sa, AT_INFO_RESPONSE, &in->sk.payloads);
	ike_inbound_free(in);
	if (kind == TASK_IKE_DELETE) {
		struct ike_conn *conn = sa->conn;
		sa_kill(ike, sa, NULL);
		if (conn != NULL)
			ike_conn_rest(ike, conn);
		return;
	}
	if (kind == TASK_CHILD_DELETE) {
		/* Whatever the answer holds, the peer's half is gone with it or was before. */
		c = child_find(ike, t->child_spi);
		if (c != NULL) /* it may have moved to a successor of this IKE SA */
			child_remove(ike, c, "deleted");
	}
	task_done(ike, sa, t);
}

/* A Delete for Child SAs: each SPI is the one that the peer receives with, so our outbound one. The
 * answer names our inbound ones (RFC 7296 1.4.1). */
static void delete_children(struct ike *ike, struct ike_sa *sa, const struct delete_part *d,
			    struct message *answer)
{
	uint32_t ours[DELETES_MAX];
	size_t n = 0;
	bool lost = false;

	for (size_t i = 0; i < d->count && n < DELETES_MAX; i++) {
		struct child_sa *c = child_find_out(sa, delete_spi32(d, i));
		if (c == NULL) {
			ours[n] = closed_take(sa, delete_spi32(d, i));
			n += ours[n] != 0;
			create_note_deleted(sa, delete_spi32(d, i));
			continue;
		}
		/* RFC 7296 2.25.1: both sides delete at once: no Delete in the answer. */
		if (c->state != CHILD_DELETING)
			ours[n++] = c->spi_in;
		lost = lost || (c->successor == 0 && c->state != CHILD_DELETING);
		child_remove(ike, c, "the peer deleted it");
	}
	if (n > 0) {
		delete_write_child(message_payload_begin(answer, PAYLOAD_DELETE), d->protocol, ours,
				   n);
		message_payload_end(answer);
	}
	if (lost && sa->conn != NULL)
		ike_conn_lost(ike, sa->conn, "the peer deleted a Child SA");
}

static void request_notifies(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			     bool *dead)
{
	struct notify_part n;
	char name[IKEV2_NAME_MAX];

	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;) {
		if (notify_parse(p->body, &n, NULL) || !notify_is_error(n.type))
			continue;
		sa_log(ike, sa, LOG_WARN, "the peer reports %s", notify_name(n.type, name));
		/* RFC 7296 2.21.2: an initiator that does not accept who we are. */
		if (n.type == NOTIFY_AUTHENTICATION_FAILED)
			*dead = true;
	}
}

void info_request(struct ike *ike, struct ike_sa *sa)
{
	const struct payloads *ps = &sa->inbound->sk.payloads;
	struct message m;
	struct delete_part d;
	const char *reason = "the peer deleted it";
	bool dead = false;

	sa_message_begin(ike, sa, &m, EXCHANGE_INFORMATIONAL, true, sa->recv_id);
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_DELETE, p)) != NULL;) {
		if (delete_parse(p->body, &d, NULL))
			continue;
		if (d.protocol == PROTOCOL_IKE)
			dead = true;
		else if (d.protocol == PROTOCOL_ESP || d.protocol == PROTOCOL_EESP)
			delete_children(ike, sa, &d, &m);
	}
	ext_read(ike, sa, AT_INFO_REQUEST, ps);
	request_notifies(ike, sa, ps, &dead);
	ext_write(ike, sa, AT_INFO_RESPONSE, &m);
	const bool replaced = sa->state == SA_REPLACED || sa->state == SA_DELETING;
	struct ike_conn *conn = sa->conn;
	if (sa_respond(ike, sa, &m) || dead) {
		sa_kill(ike, sa, reason);
		if (!replaced && conn != NULL && ike_conn_sa(conn) == NULL)
			ike_conn_lost(ike, conn, "the peer closed the tunnel");
		else if (conn != NULL)
			ike_conn_rest(ike, conn);
	}
}
