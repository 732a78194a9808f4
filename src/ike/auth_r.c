/* IKE_AUTH as responder (RFC 7296 1.2). The connection is chosen here, by identities; it never
 * lowers what IKE_SA_INIT has agreed (N12). */
#include <stdio.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/auth.h"
#include "ike/exchanges.h"
#include "ike/ext/auth_methods.h"
#include "ike/ext/childless.h"
#include "ike/ext/downgrade_prevention.h"
#include "ike/ext/ext.h"
#include "ike/ext/intermediate.h"
#include "ike/ext/kem_auth.h"
#include "ike/ext/ppk.h"
#include "ike/ext/tcp.h"
#include "ike/init.h"
#include "ike/task.h"

/* AUTHENTICATION_FAILED says nothing of why; the log does (RFC 7296 2.21.2). */
static void auth_refuse(struct ike *ike, struct ike_sa *sa, uint16_t notify, const char *why)
{
	struct ike_conn *conn = sa->conn;

	sa_log(ike, sa, LOG_WARN, "refused: %s", why);
	if (conn != NULL && conn->state == IKE_STATE_DOWN)
		ike_conn_state(ike, conn, IKE_STATE_DOWN, "the peer called and was refused: %s",
			       why);
	if (ike->cb.event != NULL) {
		const struct ike_event event = {.type = IKE_EVENT_FAILED,
						.connection =
						    sa->config == NULL ? NULL : sa->config->name,
						.reason = why,
						.spi_i = sa->spi_i,
						.spi_r = sa->spi_r};
		ike->cb.event(ike->cb.ctx, &event);
	}
	sa_respond_notify(ike, sa, EXCHANGE_IKE_AUTH, 0, (struct bytes){0}, notify,
			  (struct bytes){0});
	sa_fail(ike, sa);
}

/* How well a connection fits a peer that says it is setup->peer_id: 0 not at all. */
static int conn_fits(const struct ike_sa *sa, const struct ike_connection *c, bool psk,
		     const struct payloads *ps)
{
	const struct ike_setup *s = sa->setup;
	int score = 1;

	if (!ike_suites_allow(&c->ike, &sa->suite) || !childless_fits(c, ps))
		return 0;
	if ((c->remote_auth.kind == IKE_AUTH_BY_PSK) != psk || !kem_auth_fits(sa, c))
		return 0;
	if (c->remote_id != NULL) {
		if (!identity_equal(c->remote_id, s->peer_id))
			return 0;
		score += 4;
	}
	if (s->asked_id != NULL && c->local_id != NULL) {
		if (!identity_equal(c->local_id, s->asked_id))
			return 0;
		score += 2;
	}
	return score;
}

/* By the peer's identity, whatever the connection demands beyond that: where the one that fits best
 * requires downgrade prevention, a peer without it is refused, not given a laxer one. */
static struct ike_conn *conn_choose(struct ike *ike, const struct ike_sa *sa,
				    const struct payloads *ps)
{
	const struct payload *p = payloads_find(ps, PAYLOAD_AUTH);
	struct ike_conn *best = NULL;
	struct auth_part part;
	int best_score = 0;

	if (p == NULL || auth_parse(p->body, &part, NULL))
		return NULL;
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;) {
		int score = conn_fits(sa, c->config, part.method == AUTH_SHARED_KEY_MIC, ps);
		if (score > best_score) {
			best = c;
			best_score = score;
		}
	}
	return best;
}

static void explain_unknown(const struct ike_sa *sa, char why[AUTH_WHY_MAX])
{
	char peer[IDENTITY_TEXT_MAX], asked[IDENTITY_TEXT_MAX], wanted[IDENTITY_TEXT_MAX];

	identity_format(sa->setup->peer_id, peer);
	if (sa->config->remote_id != NULL)
		identity_format(sa->config->remote_id, wanted);
	else
		snprintf(wanted, sizeof(wanted), "anybody");
	if (sa->setup->asked_id != NULL)
		identity_format(sa->setup->asked_id, asked);
	else
		snprintf(asked, sizeof(asked), "whoever we are");
	snprintf(why, AUTH_WHY_MAX,
		 "no connection fits a peer that is %.60s and asks for %.60s with this kind of "
		 "authentication; %.40s takes %.50s",
		 peer, asked, sa->config->name, wanted);
}

static enum err auth_child_read(struct ike *ike, struct ike_sa *sa, struct child_request *q)
{
	if (sa->config->childless != IKE_CHILDLESS_FORCE)
		return child_request_read(ike, sa, &sa->inbound->sk.payloads, q);
	/* RFC 9370 2.2.5: the peer makes them later, with a key exchange of their own. */
	q->notify = NOTIFY_NO_PROPOSAL_CHOSEN;
	snprintf(q->why, sizeof(q->why), "childless = force takes none with IKE_AUTH");
	return ERR_STATE;
}

/* The Child SA half of the answer: SAr2, TSi, TSr, or the error that says why there is none. */
static void auth_child(struct ike *ike, struct ike_sa *sa, struct message *m)
{
	const struct ike_setup *s = sa->setup;
	struct child_request *q = mem_new(sizeof(*q));
	struct child_sa *child;

	if (q == NULL)
		return;
	q->prefer = -1;
	enum err e = auth_child_read(ike, sa, q);
	if (e == ERR_NONE) {
		e = child_install(ike, sa, &q->draft, (struct ke_secrets){0},
				  bytes_of(s->nonce_i, s->nonce_i_len),
				  bytes_of(s->nonce_r, s->nonce_r_len), false, true, &child);
		q->notify = NOTIFY_NO_ADDITIONAL_SAS;
		if (e)
			snprintf(q->why, sizeof(q->why), "it could not be installed: %s",
				 err_name(e));
	}
	if (e == ERR_NONE) {
		child_answer_write(m, q, &(struct child_offer){0});
	} else {
		sa_log(ike, sa, LOG_WARN, "no Child SA: %s", q->why);
		ike_conn_failed(ike, sa->conn, "the IKE SA is up, but no Child SA: %s", q->why);
		message_notify(m, q->notify, (struct bytes){0});
	}
	mem_free(q);
}

static void auth_answer(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct message m;
	struct notify_part n;
	bool initial_contact;

	if (sa->inbound == NULL)
		return;
	if (auth_proved(sa, job)) {
		sa_log(ike, sa, LOG_ERR, "our own authentication failed: %s", job->reason);
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, job->reason);
		return;
	}
	ext_read(ike, sa, AT_AUTH_REQUEST, &sa->inbound->sk.payloads);
	ppk_settle(ike, sa);
	initial_contact = payloads_notify(&sa->inbound->sk.payloads, NOTIFY_INITIAL_CONTACT, &n);
	sa_unlist_half_open(ike, sa);
	sa->expire_at = 0;
	sa_up(ike, sa);
	sa_supersede(ike, sa, initial_contact);
	/* sa_message_begin() takes ike->buffer: nothing may be sent until sa_respond(). */
	sa_message_begin_for(ike, sa, &m, EXCHANGE_IKE_AUTH, true, sa->recv_id, auth_room(sa));
	auth_id_write(sa, &m);
	auth_cert_write(sa, &m);
	auth_proof_write(sa, &m);
	/* RFC 6023 3: an answer without a Child SA to such a request, and to no other. */
	if (!childless_is(&sa->inbound->sk.payloads))
		auth_child(ike, sa, &m);
	ext_write(ike, sa, AT_AUTH_RESPONSE, &m);
	if (sa_respond(ike, sa, &m)) {
		sa_kill(ike, sa, "the IKE_AUTH response could not be built");
		return;
	}
	exchanges_keep(ike, sa);
	sa_setup_free(sa);
	/* Children of ours that the peer does not make itself in a moment. */
	ike_conn_later(ike, sa->conn);
}

/* The proof with the PPK did not hold; this is about the one without, and only tells why. */
static void auth_told_apart(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	char why[AUTH_WHY_MAX];

	if (sa->inbound == NULL)
		return;
	if (auth_checked(sa, job, &sa->inbound->sk.payloads, why) == ERR_NONE)
		ppk_explain_other(sa, &sa->inbound->sk.payloads, why);
	auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, why);
}

static void auth_verified(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	char why[AUTH_WHY_MAX];
	const char *reason = "out of memory";

	if (sa->inbound == NULL)
		return;
	if (auth_checked(sa, job, &sa->inbound->sk.payloads, why)) {
		const struct payloads *ps = &sa->inbound->sk.payloads;
		if (ppk_suspected(sa, ps, why) &&
		    auth_check(ike, sa, ps, auth_told_apart, &reason) == ERR_NONE)
			return;
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, why);
		return;
	}
	if (auth_prove(ike, sa, auth_answer, &reason))
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, reason);
}

/* RFC 8784: what the keystore has made of the keys and the peer's PPK, if it has that. */
static void auth_mixed(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	char text[AUTH_WHY_MAX];
	const char *why = text;
	enum err e = job->result;

	if (sa->inbound == NULL)
		return;
	const struct payloads *ps = &sa->inbound->sk.payloads;
	if (e == ERR_NONE)
		ppk_auth_mixed(sa, job);
	else if (e == ERR_NOT_FOUND)
		e = ppk_auth_unknown(ike, sa, ps, text);
	else
		why = job->reason;
	if (e == ERR_NONE || e == ERR_NOT_FOUND)
		e = auth_check(ike, sa, ps, auth_verified, &why);
	if (e)
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, why);
}

static bool asked_id_read(struct ike_sa *sa, const struct payloads *ps)
{
	const struct payload *p = payloads_find(ps, PAYLOAD_IDR);
	struct id_part part;

	const char *reason;

	if (p == NULL)
		return true;
	if (id_parse(p->body, &part, NULL))
		return false;
	/* A type that we do not take cannot be one of our identities, but is no error. */
	return identity_from_wire(&sa->setup->asked_id, part.type, part.data, &reason) !=
	       ERR_NO_MEMORY;
}

/* What the connection demands of a handshake, and this one has not; NULL: nothing. */
static const char *conn_misses(const struct ike_sa *sa, const struct ike_connection *c)
{
	if (!downgrade_allowed(sa, c))
		return "the peer announced no downgrade prevention, which is required of it: it "
		       "does not know it or suppresses it, or the announcement was taken out on "
		       "the way";
	if (!kem_auth_allowed(sa, c))
		return "the peer does not use KEM-based authentication, but kem-auth = require";
	return NULL;
}

/* Payloads or exchanges that are not as they must be before anything else is looked at. */
static const char *request_lacks(const struct ike_sa *sa, const struct payloads *ps)
{
	if (payloads_find(ps, PAYLOAD_IDI) == NULL || !childless_payloads(sa, ps))
		return "IDi, SA, TSi or TSr is missing";
	/* M3 */
	if (kem_auth_stray(sa, ps))
		return "payloads of KEM-based authentication where there is no place for them";
	/* RFC 9370 2.2.2: all of them, before IKE_AUTH (N7) */
	if (intermediate_missing(sa))
		return "an additional key exchange that was agreed did not take place";
	return NULL;
}

void auth_request(struct ike *ike, struct ike_sa *sa)
{
	const struct payloads *ps = &sa->inbound->sk.payloads;
	const struct payload *id = payloads_find(ps, PAYLOAD_IDI);
	char text[AUTH_WHY_MAX];
	const char *why = "out of memory";

	/* RFC 7296 2.23: the initiator may have moved to port 4500; we answer where it is. */
	sa->path = sa->inbound->path;
	tcp_attach(ike, sa);
	const char *lacks = request_lacks(sa, ps);
	if (lacks != NULL) {
		auth_refuse(ike, sa, NOTIFY_INVALID_SYNTAX, lacks);
		return;
	}
	sa->setup->auth_message_id = sa->inbound->header.message_id;
	if (payloads_find(ps, PAYLOAD_AUTH) == NULL) {
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED,
			    "the peer asks for EAP, which is not configured");
		return;
	}
	if (auth_peer_id(sa, id) || !asked_id_read(sa, ps)) {
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, "the peer's identity is broken");
		return;
	}
	struct ike_conn *conn = conn_choose(ike, sa, ps);
	if (conn == NULL) {
		explain_unknown(sa, text);
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, text);
		return;
	}
	sa_set_conn(ike, sa, conn, conn->config);
	const char *misses = conn_misses(sa, conn->config);
	if (misses != NULL) {
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, misses);
		return;
	}
	auth_certreq_read(sa, ps);
	auth_methods_read(sa, ps);
	enum err e = auth_local_id(sa);
	if (e == ERR_NONE) {
		why = text;
		e = ppk_auth_request(ike, sa, ps, auth_mixed, text);
	}
	if (e == ERR_NOT_FOUND)
		e = auth_check(ike, sa, ps, auth_verified, &why);
	if (e)
		auth_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, why);
}
