/* IKE_SA_INIT as initiator (RFC 7296 1.2, 2.6, 2.7, 2.23). Nothing that arrives here is authentic:
 * whatever cannot be the answer is ignored, and errors are only noted (RFC 7296 2.21.1; N8, N29,
 * N30). */
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/auth.h"
#include "ike/exchanges.h"
#include "ike/ext/big_payload.h"
#include "ike/ext/downgrade_prevention.h"
#include "ike/ext/ext.h"
#include "ike/ext/intermediate.h"
#include "ike/ext/ppk.h"
#include "ike/ext/separate_transports.h"
#include "ike/impair.h"
#include "ike/init.h"
#include "ike/natd.h"
#include "ike/offer.h"
#include "ike/select.h"
#include "ike/task.h"

#define NONCE_LEN        32 /* at least half the PRF's key, for all of ours (RFC 7296 2.10) */
#define KE_TRIES_MAX     3
#define COOKIE_TRIES_MAX 4
/* After an error that may be forged, so many more tries are made for the real answer. */
#define TRIES_AFTER_ERROR 3

static void init_generated(struct ike *ike, struct ike_sa *sa, struct ike_job *job);

static void init_fail(struct ike *ike, struct ike_sa *sa, const char *why)
{
	struct ike_conn *conn = sa->conn;

	sa_kill(ike, sa, why);
	if (conn != NULL)
		ike_conn_failed(ike, conn, "%s", why);
}

static void init_generate(struct ike *ike, struct ike_sa *sa, const struct ke_desc *ke)
{
	struct ike_job *job = ike_job_new(IKE_JOB_KE_GENERATE);

	sa->setup->ke = ke;
	if (job != NULL) {
		job->ke = ke;
		ike_random(ike, job->seed, sizeof(job->seed));
	}
	if (ike_job_submit(ike, sa, job, init_generated))
		init_fail(ike, sa, "out of memory");
}

void init_start(struct ike *ike, struct ike_sa *sa)
{
	const struct ke_desc *ke = ike_offer_first_ke(&sa->config->ike);

	if (ke == NULL) {
		init_fail(ike, sa, "no key exchange method is configured");
		return;
	}
	sa->setup->nonce_i_len = NONCE_LEN;
	ike_random(ike, sa->setup->nonce_i, NONCE_LEN);
	init_generate(ike, sa, ke);
}

void init_natd_write(struct ike *ike, struct ike_sa *sa, struct message *m)
{
	uint8_t hash[NATD_LEN];
	struct endpoint source = sa->path.local;

	/* A hash of no address makes the peer see a NAT and encapsulate (the configuration's wish).
	 */
	if (sa->config != NULL && sa->config->force_encap)
		source.port = 0;
	if (natd_hash(ike->crypto, sa->spi_i, sa->spi_r, &source, hash) == ERR_NONE)
		message_notify(m, NOTIFY_NAT_DETECTION_SOURCE_IP, BYTES_OF(hash));
	if (natd_hash(ike->crypto, sa->spi_i, sa->spi_r, &sa->path.remote, hash) == ERR_NONE)
		message_notify(m, NOTIFY_NAT_DETECTION_DESTINATION_IP, BYTES_OF(hash));
}

void init_vendor_write(struct ike *ike, struct message *m)
{
	const char *id = ike->settings.vendor_id;

	if (id != NULL)
		message_payload(m, PAYLOAD_VENDOR, bytes_of(id, strlen(id)));
}

static enum err init_build(struct ike *ike, struct ike_sa *sa, struct bytes *out)
{
	struct ike_setup *s = sa->setup;
	struct message m;

	sa_message_begin(ike, sa, &m, EXCHANGE_IKE_SA_INIT, false, 0);
	/* RFC 7296 2.6: the cookie first, everything else unchanged. */
	if (s->cookie != NULL)
		message_notify(&m, NOTIFY_COOKIE, bytes_of(s->cookie, s->cookie_len));
	ike_offer_write(message_payload_begin(&m, PAYLOAD_SA), &sa->config->ike, (struct bytes){0},
			true);
	message_payload_end(&m);
	ke_write(message_payload_begin(&m, PAYLOAD_KE), s->ke->id,
		 bytes_of(s->ke_value, s->ke->init_len));
	message_payload_end(&m);
	message_payload(&m, PAYLOAD_NONCE, bytes_of(s->nonce_i, s->nonce_i_len));
	init_natd_write(ike, sa, &m);
	ext_write(ike, sa, AT_INIT_REQUEST, &m);
	init_vendor_write(ike, &m);
	impair_message(ike, &m);
	return message_end(&m, out);
}

static void init_send(struct ike *ike, struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;
	struct ike_task *t;
	struct bytes octets;

	/* A second try (cookie, other method) takes Message ID 0 again (RFC 7296 2.2). */
	tasks_free(sa);
	sa->send_id = 0;
	mem_free(s->message_1);
	s->message_1 = NULL;
	t = task_add(ike, sa, TASK_INIT, 0);
	if (t == NULL || init_build(ike, sa, &octets) ||
	    (s->message_1 = mem_copy(octets)) == NULL || task_send_octets(ike, sa, t, octets)) {
		init_fail(ike, sa, "cannot build the IKE_SA_INIT request");
		return;
	}
	s->message_1_len = octets.n;
}

static void init_generated(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_setup *s = sa->setup;

	if (sa->state != SA_INIT)
		return;
	if (job->result) {
		init_fail(ike, sa, job->reason);
		return;
	}
	ke_private_free(s->private);
	mem_free(s->ke_value);
	s->private = job->private;
	s->ke_value = job->value;
	job->private = NULL;
	job->value = NULL;
	init_send(ike, sa);
}

/* RFC 7296 2.6: the same request again, with the cookie. A forger can make us do so a few times. */
static void init_cookie(struct ike *ike, struct ike_sa *sa, struct bytes cookie)
{
	struct ike_setup *s = sa->setup;
	uint8_t *copy;

	if (cookie.n < 1 || cookie.n > 64 || ++s->cookie_tries > COOKIE_TRIES_MAX)
		return;
	copy = mem_copy(cookie);
	if (copy == NULL)
		return;
	mem_free(s->cookie);
	s->cookie = copy;
	s->cookie_len = cookie.n;
	sa_log(ike, sa, LOG_DEBUG, "the peer asks for a cookie to be returned");
	init_send(ike, sa);
}

/* RFC 7296 1.2, 2.7: the same offer, with a KE payload of the method that the peer names; never one
 * that we did not offer, and not for ever (N9). */
static void init_other_ke(struct ike *ike, struct ike_sa *sa, struct bytes data)
{
	struct ike_setup *s = sa->setup;
	struct reader r = reader_of(data);
	const uint16_t method = reader_u16(&r);
	const struct ke_desc *ke = ke_find(method);
	char name[IKEV2_NAME_MAX];

	transform_name(TRANSFORM_KE, method, name);
	if (!reader_done(&r) || ke == NULL || !ike_offer_has_ke(&sa->config->ike, method)) {
		s->noted_error = NOTIFY_INVALID_KE_PAYLOAD;
		sa_log(ike, sa, LOG_INFO,
		       "the peer names a key exchange method that we did not "
		       "offer; waiting for a better answer");
		return;
	}
	/* A late copy of the answer to the request before this one. */
	if (ke == s->ke || ++s->ke_tries > KE_TRIES_MAX)
		return;
	sa_log(ike, sa, LOG_INFO, "the peer wants the key exchange method %s", ke->name);
	tasks_free(sa);
	init_generate(ike, sa, ke);
}

/* What may be forged is kept in mind, and believed when nothing better comes (RFC 7296 2.21.1). */
static void init_note(struct ike *ike, struct ike_sa *sa, uint16_t type)
{
	struct ike_task *t = task_find(sa, TASK_INIT, 0);
	char name[IKEV2_NAME_MAX];

	/* RFC 9329 6.4: over TCP no better answer is waited for. */
	if (sa->path.stream != 0 && sa->conn != NULL) {
		struct ike_conn *conn = sa->conn;
		char peer[ADDR_TEXT_MAX];
		endpoint_format(&sa->path.remote, peer);
		sa_kill(ike, sa, NULL);
		init_failed_by_notify(ike, conn, type, peer);
		return;
	}
	/* RFC 7296 2.21.1: it may be forged; the real answer still wins if it comes (N8, N30). */
	if (sa->setup->noted_error == 0 && t != NULL) {
		sa_log(ike, sa, LOG_INFO,
		       "%s%s, unauthenticated; waiting a little for a better answer",
		       type == NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH ? "an answer came without "
								       : "there came ",
		       notify_name(type, name));
		sa->setup->noted_error = type;
		t->tries_left = TRIES_AFTER_ERROR;
	}
}

static void init_error(struct ike *ike, struct ike_sa *sa, const struct notify_part *n)
{
	if (n->type == NOTIFY_INVALID_KE_PAYLOAD)
		init_other_ke(ike, sa, n->data);
	else
		init_note(ike, sa, n->type);
}

void init_failed_by_notify(struct ike *ike, struct ike_conn *conn, uint16_t notify,
			   const char *peer)
{
	char text[IKE_EXPLAIN_MAX];
	char name[IKEV2_NAME_MAX];

	if (notify == NOTIFY_NO_PROPOSAL_CHOSEN)
		ike_conn_failed(ike, conn, "%s accepts none of our proposals: %s", peer,
				ike_explain_refusal(&conn->config->ike, true, text, sizeof(text)));
	else if (notify == NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH)
		ike_conn_failed(ike, conn,
				"%s announces no downgrade prevention, which is required: it does "
				"not know it, or the announcement was taken out on the way",
				peer);
	else
		ike_conn_failed(ike, conn, "%s refused: %s", peer, notify_name(notify, name));
}

bool init_natd_read(struct ike *ike, struct ike_sa *sa, const struct path *path,
		    const struct ike_header *h, const struct payloads *ps)
{
	struct natd natd;
	struct notify_part n;

	if (natd_expect(&natd, ike->crypto, h->spi_i, h->spi_r, path))
		return false;
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;)
		if (notify_parse(p->body, &n, NULL) == ERR_NONE)
			natd_note(&natd, n.type, n.data);
	sa->nat_there = natd_there(&natd);
	sa->nat_here = natd_here(&natd);
	return natd_supported(&natd);
}

/* Takes the pieces of a real answer; false: it is not one, and was ignored. */
static bool init_take(struct ike *ike, struct ike_sa *sa, const struct ike_header *h,
		      const struct payloads *ps, struct bytes datagram, struct ke_part *ke)
{
	struct ike_setup *s = sa->setup;
	const struct payload *sa_payload = payloads_find(ps, PAYLOAD_SA);
	const struct payload *ke_payload = payloads_find(ps, PAYLOAD_KE);
	const struct payload *nonce_payload = payloads_find(ps, PAYLOAD_NONCE);
	struct notify_part n;
	const struct ike_terms terms = {
	    .protocol = PROTOCOL_IKE,
	    .with_ke = true,
	    .ke_sent = s->ke->id,
	    .with_addke = payloads_notify(ps, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, &n),
	    .with_big = big_payload_answered(sa->config, ps),
	};
	struct ike_choice choice;
	struct bytes nonce;
	const char *reason = "a payload is missing";

	if (h->spi_r == 0 || sa_payload == NULL || ke_payload == NULL || nonce_payload == NULL ||
	    ke_parse(ke_payload->body, ke, &reason) ||
	    nonce_parse(nonce_payload->body, &nonce, &reason) ||
	    ike_check_answer(&sa->config->ike, &terms, sa_payload->body, &choice, &reason))
		goto ignored;
	reason = "its KE payload is of another method or length";
	if (ke->method != s->ke->id || ke->data.n != s->ke->resp_len)
		goto ignored;
	s->message_2 = mem_copy(datagram);
	if (s->message_2 == NULL)
		return false;
	s->message_2_len = datagram.n;
	memcpy(s->nonce_r, nonce.p, nonce.n);
	s->nonce_r_len = nonce.n;
	sa->spi_r = h->spi_r;
	sa->suite = choice.suite;
	sa->big_payload = terms.with_big;
	return true;
ignored:
	sa_log(ike, sa, LOG_INFO, "an IKE_SA_INIT response was ignored: %s", reason);
	return false;
}

enum err init_derive(struct ike *ike, struct ike_sa *sa, struct bytes secret)
{
	struct ike_setup *s = sa->setup;
	const struct ike_exchange_values v = {
	    .nonce_i = bytes_of(s->nonce_i, s->nonce_i_len),
	    .nonce_r = bytes_of(s->nonce_r, s->nonce_r_len),
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	};

	return ike_keys_first(ike->crypto, &sa->suite, secret, &v, &sa->keys);
}

static void init_finished(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	if (job->result) {
		init_fail(ike, sa, job->reason);
		return;
	}
	if (init_derive(ike, sa, bytes_of(job->secret, job->ke->secret_len))) {
		init_fail(ike, sa, "the keys could not be derived");
		return;
	}
	if (!separate_switch(ike, sa))
		intermediate_run(ike, sa);
}

void init_float(struct ike_sa *sa)
{
	if (sa->path.stream != 0)
		return; /* RFC 9329 6.5: a NAT changes nothing in TCP */
	/* RFC 7296 2.23: from IKE_AUTH on everything moves to port 4500. */
	sa->path.natt = true;
	sa->path.local.port = 4500;
	if (sa->path.remote.port == 500)
		sa->path.remote.port = 4500;
}

void init_response(struct ike *ike, struct ike_sa *sa, const struct path *path,
		   const struct ike_header *h, struct bytes datagram)
{
	struct payloads ps;
	struct notify_part n;
	struct ke_part ke;
	const char *reason = "no reason";
	struct ike_job *job;

	if (h->message_id != 0 || task_in_flight(sa, 0) == NULL)
		return;
	/* N29: a cut-off or broken copy must not end the handshake. */
	if (payloads_parse(&ps, PAYLOADS_OUTER, h->next_payload,
			   bytes_of(datagram.p + IKE_HEADER_LEN, datagram.n - IKE_HEADER_LEN),
			   &reason) ||
	    payloads_check(&ps, PAYLOADS_OUTER, h->exchange, true, &reason)) {
		sa_log(ike, sa, LOG_INFO, "an IKE_SA_INIT response was ignored: %s", reason);
		return;
	}
	exchange_answer(sa, datagram.n, ike->now);
	if (payloads_find(&ps, PAYLOAD_SA) == NULL && payloads_notify(&ps, NOTIFY_COOKIE, &n)) {
		init_cookie(ike, sa, n.data);
		return;
	}
	if (payloads_error(&ps, &n)) {
		init_error(ike, sa, &n);
		return;
	}
	if (!downgrade_answer_allowed(sa, &ps)) {
		init_note(ike, sa, NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH);
		return;
	}
	if (!init_take(ike, sa, h, &ps, datagram, &ke))
		return;
	bool natd = init_natd_read(ike, sa, path, h, &ps);
	ext_read(ike, sa, AT_INIT_RESPONSE, &ps);
	reason = ppk_agree(sa);
	if (reason != NULL) {
		init_fail(ike, sa, reason);
		return;
	}
	auth_certreq_read(sa, &ps);
	tasks_free(sa);
	sa->state = SA_AUTH;
	sa->send_id = 1;
	if (natd && (sa->nat_here || sa->nat_there || sa->config->force_encap))
		init_float(sa);
	job = ike_job_new(IKE_JOB_KE_FINISH);
	if (job != NULL) {
		job->ke = sa->setup->ke;
		job->private = sa->setup->private;
		sa->setup->private = NULL;
		job->peer = mem_copy(ke.data);
		job->peer_len = ke.data.n;
	}
	if (ike_job_submit(ike, sa, job, init_finished))
		init_fail(ike, sa, "out of memory");
}
