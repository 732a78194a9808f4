/* IKE_SA_INIT as responder (RFC 7296 1.2, 2.6, 2.7). Until the request has shown a cookie, when one
 * is asked for, it costs no memory; every refusal is answered without any. */
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/auth.h"
#include "ike/exchanges.h"
#include "ike/ext/big_payload.h"
#include "ike/ext/ext.h"
#include "ike/impair.h"
#include "ike/init.h"
#include "ike/select.h"
#include "ike/task.h"

#define NONCE_LEN 32

/* The pieces of a request, borrowed from the datagram. */
struct init_request {
	const struct path *path;
	const struct ike_header *header;
	struct bytes datagram;
	struct payloads ps;
	struct bytes sa;
	struct ke_part ke;
	struct bytes nonce;
	bool proven; /* it showed a cookie, so its address is no lie */
};

/* Answers INVALID_SYNTAX or UNSUPPORTED_CRITICAL_PAYLOAD, or nothing, and false. */
static bool request_parse(struct ike *ike, struct init_request *q)
{
	const char *reason = "a payload is missing";
	const struct ike_header *h = q->header;
	enum err e = payloads_parse(
	    &q->ps, PAYLOADS_OUTER, h->next_payload,
	    bytes_of(q->datagram.p + IKE_HEADER_LEN, q->datagram.n - IKE_HEADER_LEN), &reason);

	if (e == ERR_UNSUPPORTED) {
		/* RFC 7296 2.5 */
		ike_answer_unprotected(ike, q->path, h, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
				       bytes_of(&q->ps.unsupported, 1));
		return false;
	}
	if (e == ERR_NONE)
		e = payloads_check(&q->ps, PAYLOADS_OUTER, h->exchange, false, &reason);
	const struct payload *sa = e ? NULL : payloads_find(&q->ps, PAYLOAD_SA);
	const struct payload *ke = e ? NULL : payloads_find(&q->ps, PAYLOAD_KE);
	const struct payload *nonce = e ? NULL : payloads_find(&q->ps, PAYLOAD_NONCE);
	if (sa == NULL || ke == NULL || nonce == NULL || ke_parse(ke->body, &q->ke, &reason) ||
	    nonce_parse(nonce->body, &q->nonce, &reason)) {
		ike->totals.dropped++;
		ike_log_stranger(ike, LOG_INFO, NULL, q->path, "IKE_SA_INIT request refused: %s",
				 reason);
		ike_answer_unprotected(ike, q->path, h, NOTIFY_INVALID_SYNTAX, (struct bytes){0});
		return false;
	}
	q->sa = sa->body;
	return true;
}

/* An answer of one notify and no state: SPIr is zero (RFC 7296 2.6). */
static void answer_stateless(struct ike *ike, const struct init_request *q, uint16_t notify,
			     struct bytes data)
{
	const struct ike_header h = {
	    .spi_i = q->header->spi_i,
	    .exchange = EXCHANGE_IKE_SA_INIT,
	    .flags = HEADER_RESPONSE,
	};
	struct message m;
	struct bytes out;

	message_begin(&m, ike->buffer, IKE_DATAGRAM_MAX, &h);
	message_notify(&m, notify, data);
	if (message_end(&m, &out) == ERR_NONE)
		ike_send(ike, q->path, out);
}

/* Many handshakes are half open, with everybody or with this address. The limit for one address
 * must not shut a peer out whose address a stranger writes into his requests: whoever comes when it
 * is reached shows a cookie first. */
static bool cookie_wanted(struct ike *ike, const struct addr *peer)
{
	return ike->half_open.n_nodes + ike->kem_costs >= ike->settings.cookie_threshold ||
	       sa_half_open_of(ike, peer).all >= ike->settings.half_open_per_peer ||
	       fault_active(ike->cb.faults, FAULT_ALWAYS_COOKIE);
}

/* RFC 7296 2.6. True: go on. */
static bool cookie_passes(struct ike *ike, struct init_request *q)
{
	const struct addr *peer = &q->path->remote.addr;
	uint8_t cookie[COOKIE_LEN];
	struct notify_part n;

	/* RFC 9329 6.3: over TCP none SHOULD be asked for; the connection proves the address. */
	q->proven = q->path->stream != 0;
	if (q->proven || !cookie_wanted(ike, peer))
		return true;
	cookie_jar_turn(&ike->cookies, &ike->cb.random, ike->now);
	q->proven =
	    payloads_notify(&q->ps, NOTIFY_COOKIE, &n) &&
	    cookie_check(&ike->cookies, ike->crypto, q->nonce, peer, q->header->spi_i, n.data) &&
	    fault_arg(ike->cb.faults, FAULT_ALWAYS_COOKIE, 0) == 0;
	if (q->proven)
		return true;
	if (cookie_make(&ike->cookies, ike->crypto, q->nonce, peer, q->header->spi_i, cookie) ==
	    ERR_NONE) {
		ike->totals.cookies_sent++;
		answer_stateless(ike, q, NOTIFY_COOKIE, BYTES_OF(cookie));
	}
	return false;
}

static bool limits_pass(struct ike *ike, const struct init_request *q)
{
	const char *why = NULL;

	if (ike->half_open.n_nodes + ike->kem_costs >= ike->settings.half_open_max)
		why = "too many handshakes are half open";
	else if (sa_half_open_of(ike, &q->path->remote.addr).proven >=
		 ike->settings.half_open_per_peer)
		why = "too many handshakes from this address are half open";
	if (why == NULL)
		return true;
	ike->totals.dropped++;
	ike_log_stranger(ike, LOG_INFO, NULL, q->path, "IKE_SA_INIT request ignored: %s", why);
	return false;
}

/* The first connection for this path whose proposals fit with the KE payload that came, else the
 * first that fits with another method. NULL: refused and answered. */
static struct ike_conn *conn_choose(struct ike *ike, const struct init_request *q,
				    struct ike_choice *choice)
{
	struct notify_part n;
	struct ike_terms terms = {
	    .protocol = PROTOCOL_IKE,
	    .with_ke = true,
	    .ke_sent = q->ke.method,
	    .with_addke = payloads_notify(&q->ps, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, &n),
	    .with_big = big_payload_asked(&q->ps),
	};
	struct ike_conn *first = ike_conn_match_path(ike, q->path, NULL);
	struct ike_conn *other = NULL;
	struct ike_choice with_other = {0};
	const char *reason;
	char text[IKE_EXPLAIN_MAX];

	for (struct ike_conn *c = first; c != NULL; c = ike_conn_match_path(ike, q->path, c)) {
		enum err e = ike_select(&c->config->ike, &terms, q->sa, choice, &reason);
		if (e == ERR_SYNTAX) {
			ike_log_stranger(ike, LOG_INFO, NULL, q->path,
					 "IKE_SA_INIT request refused: %s", reason);
			ike_answer_unprotected(ike, q->path, q->header, NOTIFY_INVALID_SYNTAX,
					       (struct bytes){0});
			return NULL;
		}
		if (e == ERR_NONE && !choice->ke_other)
			return c;
		if (e == ERR_NONE && other == NULL) {
			other = c;
			with_other = *choice;
		}
	}
	if (other != NULL) {
		*choice = with_other;
		return other;
	}
	if (first == NULL) {
		ike_log_stranger(ike, LOG_NOTE, NULL, q->path,
				 "refused: no connection is configured between these addresses");
	} else {
		ike_explain_mismatch(&first->config->ike, &terms, q->sa, text, sizeof(text));
		ike_log_stranger(ike, LOG_WARN, first->config->name, q->path,
				 "no proposal chosen: %s", text);
		if (first->state == IKE_STATE_DOWN)
			ike_conn_state(ike, first, IKE_STATE_DOWN,
				       "the peer called; no proposal chosen: %s", text);
	}
	if (ike_may_answer_unprotected(ike))
		answer_stateless(ike, q, NOTIFY_NO_PROPOSAL_CHOSEN, (struct bytes){0});
	return NULL;
}

static enum err answer_build(struct ike *ike, struct ike_sa *sa, const struct ike_job *job,
			     struct bytes *out)
{
	struct ike_setup *s = sa->setup;
	struct message m;

	sa_message_begin(ike, sa, &m, EXCHANGE_IKE_SA_INIT, true, 0);
	ike_choice_write(message_payload_begin(&m, PAYLOAD_SA), &s->choice, (struct bytes){0});
	message_payload_end(&m);
	ke_write(message_payload_begin(&m, PAYLOAD_KE), job->ke->id,
		 bytes_of(job->value, job->ke->resp_len));
	message_payload_end(&m);
	message_payload(&m, PAYLOAD_NONCE, bytes_of(s->nonce_r, s->nonce_r_len));
	init_natd_write(ike, sa, &m);
	auth_certreq_write(sa->config, &m);
	ext_write(ike, sa, AT_INIT_RESPONSE, &m);
	init_vendor_write(ike, &m);
	impair_message(ike, &m);
	return message_end(&m, out);
}

static void request_done(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_setup *s = sa->setup;
	struct bytes octets;

	if (job->result) {
		/* RFC 6989 2: a bad public value ends it. draft-ietf-ipsecme-ikev2-mlkem 2.2: the
		 * peer is told. */
		const struct ike_header h = {.spi_i = sa->spi_i,
					     .exchange = EXCHANGE_IKE_SA_INIT,
					     .flags = HEADER_INITIATOR};
		if (job->result == ERR_CRYPTO)
			ike_answer_unprotected(ike, &sa->path, &h, NOTIFY_INVALID_SYNTAX,
					       (struct bytes){0});
		sa_log(ike, sa, LOG_WARN, "key exchange failed: %s", job->reason);
		sa_kill(ike, sa, NULL);
		return;
	}
	if (init_derive(ike, sa, bytes_of(job->secret, job->ke->secret_len)) ||
	    answer_build(ike, sa, job, &octets) || (s->message_2 = mem_copy(octets)) == NULL) {
		sa_log(ike, sa, LOG_ERR, "the IKE_SA_INIT response could not be built");
		sa_kill(ike, sa, NULL);
		return;
	}
	s->message_2_len = octets.n;
	sa->recv_id = 1;
	exchange_answer(sa, octets.n, ike->now);
	ike_send(ike, &sa->path, octets);
}

static enum err half_open_fill(struct ike *ike, struct ike_sa *sa, const struct init_request *q,
			       const struct ike_choice *choice)
{
	struct ike_setup *s = sa->setup;

	sa->spi_i = q->header->spi_i;
	sa->suite = choice->suite;
	s->choice = *choice;
	sa->proven = q->proven;
	memcpy(s->nonce_i, q->nonce.p, q->nonce.n);
	s->nonce_i_len = q->nonce.n;
	s->nonce_r_len = NONCE_LEN;
	ike_random(ike, s->nonce_r, NONCE_LEN);
	s->message_1 = mem_copy(q->datagram);
	s->message_1_len = q->datagram.n;
	if (s->message_1 == NULL)
		return ERR_NO_MEMORY;
	/* RFC 7296 2.4: a half-open IKE SA does not wait for ever. */
	sa->expire_at = ike->now + ike->settings.half_open_timeout;
	sa->big_payload = big_payload_asked(&q->ps);
	init_natd_read(ike, sa, q->path, q->header, &q->ps);
	ext_read(ike, sa, AT_INIT_REQUEST, &q->ps);
	exchange_request(sa, q->path, EXCHANGE_IKE_SA_INIT, q->datagram.n, ike->now);
	return sa_list_half_open(ike, sa);
}

static void half_open_start(struct ike *ike, const struct init_request *q, struct ike_conn *conn,
			    const struct ike_choice *choice)
{
	struct ike_job *job = ike_job_new(IKE_JOB_KE_RESPOND);
	struct ike_sa *sa = NULL;

	if (job == NULL || sa_new(ike, &sa, conn, q->path, false) ||
	    half_open_fill(ike, sa, q, choice))
		goto failed;
	job->ke = choice->suite.ke;
	ike_random(ike, job->seed, sizeof(job->seed));
	job->peer = mem_copy(q->ke.data);
	job->peer_len = q->ke.data.n;
	if (job->peer == NULL)
		goto failed;
	if (ike_job_submit(ike, sa, job, request_done) == ERR_NONE)
		sa_schedule(ike, sa);
	return;
failed:
	ike_job_free(job);
	if (sa != NULL)
		sa_kill(ike, sa, NULL);
	ike_log_stranger(ike, LOG_ERR, NULL, q->path, "out of memory for a new IKE SA");
}

void init_request(struct ike *ike, const struct path *path, const struct ike_header *h,
		  struct bytes datagram)
{
	struct init_request q = {.path = path, .header = h, .datagram = datagram};
	struct ike_choice choice;
	struct ike_sa *sa = sa_find_half_open(ike, &path->remote, h->spi_i);

	if (sa != NULL) {
		/* RFC 7296 2.1: the same request again, and the same answer if there is one yet.
		 * Another request with the same SPI is not a retransmission and changes nothing. */
		const struct ike_setup *s = sa->setup;
		if (s->message_2 != NULL &&
		    bytes_equal(bytes_of(s->message_1, s->message_1_len), datagram))
			ike_send(ike, path, bytes_of(s->message_2, s->message_2_len));
		return;
	}
	/* Memory that one stranger can claim: stated in ike.h. */
	if (datagram.n > IKE_HALF_OPEN_OCTETS / 4) {
		ike->totals.dropped++;
		return;
	}
	if (!request_parse(ike, &q) || !cookie_passes(ike, &q) || !limits_pass(ike, &q))
		return;
	struct ike_conn *conn = conn_choose(ike, &q, &choice);
	if (conn == NULL)
		return;
	if (choice.ke_other) {
		/* RFC 7296 1.2 */
		const uint16_t id = choice.suite.ke->id;
		const uint8_t method[2] = {(uint8_t)(id >> 8), (uint8_t)id};
		ike_log_stranger(ike, LOG_DEBUG, conn->config->name, path,
				 "asking for the key exchange method %s", choice.suite.ke->name);
		answer_stateless(ike, &q, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(method));
		return;
	}
	if (q.ke.data.n != choice.suite.ke->init_len) {
		ike_log_stranger(ike, LOG_INFO, conn->config->name, path,
				 "IKE_SA_INIT request refused: its KE payload has a wrong length");
		ike_answer_unprotected(ike, path, h, NOTIFY_INVALID_SYNTAX, (struct bytes){0});
		return;
	}
	half_open_start(ike, &q, conn, &choice);
}
