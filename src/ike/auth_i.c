/* IKE_AUTH as initiator (RFC 7296 1.2). */
#include <stdio.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/auth.h"
#include "ike/exchanges.h"
#include "ike/ext/childless.h"
#include "ike/ext/downgrade_prevention.h"
#include "ike/ext/ext.h"
#include "ike/ext/kem_auth.h"
#include "ike/ext/ppk.h"
#include "ike/init.h"
#include "ike/select.h"
#include "ike/task.h"

static void auth_fail(struct ike *ike, struct ike_sa *sa, const char *why)
{
	struct ike_conn *conn = sa->conn;

	sa_kill(ike, sa, why);
	if (conn != NULL)
		ike_conn_failed(ike, conn, "%s", why);
}

/* RFC 7296 2.21.2: the peer believes the IKE SA to be up; it is told, once, why it is not. */
void auth_refuse_peer(struct ike *ike, struct ike_sa *sa, const char *why)
{
	struct message m;
	struct ike_flight out = {0};

	sa_message_begin(ike, sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id);
	message_notify(&m, NOTIFY_AUTHENTICATION_FAILED, (struct bytes){0});
	if (sa_message_seal(ike, sa, &m, &out) == ERR_NONE)
		flight_send(ike, &sa->path, &out);
	flight_clear(&out);
	auth_fail(ike, sa, why);
}

/* The first child that is wanted and, when an SA is replaced, one that it has. */
static unsigned first_child(struct ike *ike, struct ike_sa *sa)
{
	const struct ike_sa *old = sa->replaced_spi == 0 ? NULL : sa_find(ike, sa->replaced_spi);

	if (old != NULL && !list_empty(&old->children))
		return CONTAINER_OF(old->children.next, struct child_sa, of_sa)->index;
	for (unsigned i = 0; i < sa->config->n_children; i++)
		if (sa->conn != NULL && sa->conn->wanted >> i & 1)
			return i;
	return 0;
}

static bool is_first_contact(const struct ike_sa *sa)
{
	for (const struct list *node = sa->conn->sas.next; node != &sa->conn->sas;
	     node = node->next) {
		const struct ike_sa *other = CONTAINER_OF(node, struct ike_sa, of_conn);
		if (other != sa && other->state != SA_INIT && other->state != SA_HALF_OPEN)
			return false;
	}
	return true;
}

static enum err auth_child_write(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
				 struct message *m)
{
	struct child_draft *d = mem_new(sizeof(*d));

	if (d == NULL)
		return ERR_NO_MEMORY;
	t->child_index = (uint16_t)first_child(ike, sa);
	t->child_spi = child_new_spi(ike);
	child_draft_start(sa, d, t->child_index, t->child_spi);
	child_offer_write(sa, m, d, &(struct child_offer){0});
	mem_free(d);
	return ERR_NONE;
}

static void auth_send(struct ike *ike, struct ike_sa *sa)
{
	struct ike_task *t = task_add(ike, sa, TASK_AUTH, 0);
	const struct ike_connection *c = sa->config;
	struct message m;

	if (t == NULL) {
		auth_fail(ike, sa, "out of memory");
		return;
	}
	sa_message_begin_for(ike, sa, &m, EXCHANGE_IKE_AUTH, false, sa->send_id, auth_room(sa));
	auth_id_write(sa, &m);
	auth_cert_write(sa, &m);
	/* RFC 7296 2.4 */
	if (is_first_contact(sa))
		message_notify(&m, NOTIFY_INITIAL_CONTACT, (struct bytes){0});
	/* M1: all certificates are there already */
	if (!kem_auth_done(sa))
		auth_certreq_write(c, &m);
	if (c->remote_id != NULL) {
		id_write(message_payload_begin(&m, PAYLOAD_IDR), c->remote_id->type,
			 identity_bytes(c->remote_id));
		message_payload_end(&m);
	}
	auth_proof_write(sa, &m);
	/* RFC 6023 3 */
	if (!childless_ask(sa) && auth_child_write(ike, sa, t, &m)) {
		auth_fail(ike, sa, "out of memory");
		return;
	}
	ext_write(ike, sa, AT_AUTH_REQUEST, &m);
	if (task_send(ike, sa, t, &m))
		auth_fail(ike, sa, "the IKE_AUTH request could not be built");
}

static void auth_ready(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	char why[AUTH_WHY_MAX];

	if (auth_proved(sa, job)) {
		snprintf(why, sizeof(why), "our own authentication failed: %s", job->reason);
		auth_fail(ike, sa, why);
		return;
	}
	if (ppk_prove_again(sa)) {
		const char *reason = "out of memory";
		if (auth_prove(ike, sa, auth_ready, &reason))
			auth_fail(ike, sa, reason);
		return;
	}
	auth_send(ike, sa);
}

/* RFC 8784: the PPK is mixed in. */
static void auth_mixed(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	const char *why = "out of memory";

	if (job->result) {
		auth_fail(ike, sa, job->reason);
		return;
	}
	ppk_auth_mixed(sa, job);
	if (auth_prove(ike, sa, auth_ready, &why))
		auth_fail(ike, sa, why);
}

void auth_start(struct ike *ike, struct ike_sa *sa)
{
	const char *why = "out of memory";

	sa->setup->auth_message_id = sa->send_id;
	if (childless_missing(sa)) {
		auth_fail(ike, sa,
			  "the peer cannot do without a Child SA in IKE_AUTH (RFC 6023), "
			  "but childless = force is configured");
		return;
	}
	enum err e = auth_local_id(sa);
	if (e == ERR_NONE && !ppk_auth_begin(ike, sa, auth_mixed, &e))
		e = auth_prove(ike, sa, auth_ready, &why);
	if (e)
		auth_fail(ike, sa, why);
}

/* The Child SA of the answer. Its failure leaves the IKE SA up (RFC 7296 1.2, 2.21.2). */
static void auth_child(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	const struct ike_setup *s = sa->setup;
	const struct payloads *ps = &t->response->sk.payloads;
	const char *reason = "out of memory";
	struct notify_part n;
	struct child_sa *child;
	struct child_draft *d = mem_new(sizeof(*d));

	if (payloads_find(ps, PAYLOAD_SA) == NULL && payloads_error(ps, &n)) {
		child_refused(ike, sa, t->child_index, &n);
		mem_free(d);
		return;
	}
	if (d == NULL) {
		ike_conn_failed(ike, sa->conn, "Child SA failed: %s", reason);
		child_delete_spi(ike, sa, t->child_spi);
		return;
	}
	child_draft_start(sa, d, t->child_index, t->child_spi);
	enum err e = child_answer_read(sa, ps, d, KE_NONE, false, &reason);
	if (e == ERR_NONE)
		e = child_install(ike, sa, d, (struct ke_secrets){0},
				  bytes_of(s->nonce_i, s->nonce_i_len),
				  bytes_of(s->nonce_r, s->nonce_r_len), true, true, &child);
	if (e) {
		sa_log(ike, sa, LOG_WARN, "Child SA %s failed: %s",
		       sa->config->children[t->child_index].name, reason);
		ike_conn_failed(ike, sa->conn, "Child SA %s failed: %s",
				sa->config->children[t->child_index].name, reason);
		/* The peer has it installed: it is told that it is gone (RFC 7296 1.4.1). */
		child_delete_spi(ike, sa, t->child_spi);
	}
	mem_free(d);
}

static void auth_verified(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_find(sa, TASK_AUTH, 0);
	char why[AUTH_WHY_MAX];

	if (t == NULL || t->response == NULL)
		return;
	if (auth_checked(sa, job, &t->response->sk.payloads, why)) {
		auth_refuse_peer(ike, sa, why);
		return;
	}
	ext_read(ike, sa, AT_AUTH_RESPONSE, &t->response->sk.payloads);
	ppk_settle(ike, sa);
	sa_up(ike, sa);
	exchanges_keep(ike, sa);
	sa_supersede(ike, sa, false);
	if (t->child_spi != 0)
		auth_child(ike, sa, t);
	sa_setup_free(sa);
	task_done(ike, sa, t);
	ike_conn_pursue(ike, sa->conn);
}

static void auth_rejected(struct ike *ike, struct ike_sa *sa, const struct notify_part *n)
{
	char name[IKEV2_NAME_MAX];
	char id[IDENTITY_TEXT_MAX];
	char why[400];

	identity_format(sa->local_id, id);
	if (n->type == NOTIFY_AUTHENTICATION_FAILED)
		snprintf(why, sizeof(why),
			 "the peer refused us as %.100s (AUTHENTICATION_FAILED): it does not know "
			 "this identity, or %s%s; its log says which%s",
			 id,
			 sa->config->local_auth.kind == IKE_AUTH_BY_PSK
			     ? "the pre-shared keys differ"
			     : "it does not accept our key or certificate",
			 ppk_rejected_hint(sa), downgrade_hint(sa));
	else
		snprintf(why, sizeof(why), "the peer refused IKE_AUTH: %s",
			 notify_name(n->type, name));
	auth_fail(ike, sa, why);
}

void auth_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t, struct ike_inbound *in)
{
	const struct payloads *ps = &in->sk.payloads;
	const struct payload *id = payloads_find(ps, PAYLOAD_IDR);
	const struct ike_connection *c = sa->config;
	char got[IDENTITY_TEXT_MAX], wanted[IDENTITY_TEXT_MAX];
	char text[AUTH_WHY_MAX];
	struct notify_part n;
	const char *why = "the peer's identity is broken";

	t->response = in;
	if (id == NULL && payloads_error(ps, &n)) {
		auth_rejected(ike, sa, &n);
		return;
	}
	/* M3 */
	if (id == NULL || kem_auth_stray(sa, ps) || auth_peer_id(sa, id)) {
		auth_refuse_peer(ike, sa, why);
		return;
	}
	/* RFC 4301 4.4.3: the peer must be who the configuration says, not just anybody known. */
	if (c->remote_id != NULL && !identity_equal(c->remote_id, sa->setup->peer_id)) {
		snprintf(text, sizeof(text),
			 "the peer says that it is %.110s, but remote-id is %.110s",
			 identity_format(sa->setup->peer_id, got),
			 identity_format(c->remote_id, wanted));
		auth_refuse_peer(ike, sa, text);
		return;
	}
	if (ppk_auth_response(ike, sa, ps, text)) {
		auth_refuse_peer(ike, sa, text);
		return;
	}
	if (auth_check(ike, sa, ps, auth_verified, &why))
		auth_refuse_peer(ike, sa, why);
}
