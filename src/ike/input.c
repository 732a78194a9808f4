/* Datagrams on their way to the exchange they belong to. Everything is refused here that does not
 * belong to a known IKE SA, does not fit its Message IDs, or does not authenticate. */
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/exchanges.h"
#include "ike/ext/followup.h"
#include "ike/ext/fragmentation.h"
#include "ike/ext/intermediate.h"
#include "ike/ext/kem_auth.h"
#include "ike/ext/tcp.h"
#include "ike/impair.h"
#include "ike/sk.h"
#include "ike/task.h"

static void drop(struct ike *ike, const struct path *path, const char *why)
{
	ike->totals.dropped++;
	ike_log_conn(ike, LOG_DEBUG, NULL, path, "datagram dropped: %s", why);
}

void ike_answer_unprotected(struct ike *ike, const struct path *path,
			    const struct ike_header *request, uint16_t notify, struct bytes data)
{
	uint8_t octets[128];
	struct message m;
	struct bytes out;
	const struct ike_header h = {
	    .spi_i = request->spi_i,
	    .spi_r = request->spi_r,
	    .exchange = request->exchange,
	    /* RFC 7296 1.5, 2.21.4: the Message ID and the exchange type are copied, the Response
	     * flag is set, and the Initiator flag is as the receiver of the request would set it.
	     */
	    .flags = (uint8_t)(HEADER_RESPONSE |
			       (header_from_initiator(request) ? 0 : HEADER_INITIATOR)),
	    .message_id = request->message_id,
	};

	if (!ike_may_answer_unprotected(ike))
		return;
	message_begin(&m, octets, sizeof(octets), &h);
	message_notify(&m, notify, data);
	if (message_end(&m, &out) == ERR_NONE)
		ike_send(ike, path, out);
}

static bool roles_fit(const struct ike_sa *sa, const struct ike_header *h)
{
	/* RFC 7296 3.1: the Initiator flag tells the sender's role; our own message sent back to us
	 * has the wrong one (N20). */
	if (sa->initiator == header_from_initiator(h))
		return false;
	if (sa->initiator)
		return sa->spi_r == h->spi_r || (sa->spi_r == 0 && sa->state == SA_INIT);
	return sa->spi_i == h->spi_i;
}

/* The whole message that came in one, opened; NULL: not authentic, or out of memory. */
static struct ike_inbound *whole_open(struct ike *ike, struct ike_sa *sa, const struct path *path,
				      const struct ike_header *h, struct bytes datagram,
				      enum err *e, const char **reason)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, !sa->initiator);
	struct ike_inbound *in = mem_new(sizeof(*in));

	if (in == NULL)
		return NULL;
	in->header = *h;
	in->path = *path;
	in->len = in->datagrams = datagram.n;
	in->began = ike->now;
	*reason = "too much is held for peers that are not authenticated";
	if (!sa_count_early(ike, sa, in->len, &in->counted)) {
		mem_free(in);
		return NULL;
	}
	in->octets = mem_copy(datagram);
	*reason = "it is not authentic";
	if (in->octets != NULL)
		*e = ike_sk_open(ike->crypto, &sa->suite.protect, &keys, h, in->octets, in->len,
				 &in->sk, reason);
	if (!in->sk.authentic) {
		ike_inbound_free(in);
		return NULL;
	}
	return in;
}

static enum payload_place inner_place(const struct ike_sa *sa)
{
	return sa->big_payload ? PAYLOADS_INNER_BIG : PAYLOADS_INNER;
}

/* Opens an SK message, or takes in a fragment. NULL: nothing whole and authentic is here, and
 * nothing else has changed. *e says what is wrong inside an authentic one. */
static struct ike_inbound *inbound_open(struct ike *ike, struct ike_sa *sa,
					struct ike_reassembly **reassembly, const struct path *path,
					const struct ike_header *h, struct bytes datagram,
					enum err *e, const char **reason)
{
	struct ike_inbound *in;

	*e = ERR_NONE;
	if (h->next_payload == PAYLOAD_SKF) {
		in = fragment_input(ike, sa, reassembly, path, h, datagram, reason);
		if (in != NULL)
			*e = payloads_parse(&in->sk.payloads, inner_place(sa), in->sk.first,
					    in->sk.inner, reason);
	} else {
		in = whole_open(ike, sa, path, h, datagram, e, reason);
		/* The long form is legal in short payloads, too. */
		if (in != NULL && sa->big_payload && (*e == ERR_NONE || *e == ERR_SYNTAX))
			*e = payloads_parse(&in->sk.payloads, PAYLOADS_INNER_BIG, in->sk.first,
					    in->sk.inner, reason);
	}
	/* A number of private use, which means something only to who has said so (RFC 7296 2.5). */
	if (in != NULL && *e == ERR_NONE && !kem_auth_agreed(sa)) {
		payloads_forget(&in->sk.payloads, PAYLOAD_ECERT);
		*e = in->sk.payloads.unsupported != 0 ? ERR_UNSUPPORTED : ERR_NONE;
		*reason = "payload: unknown and critical";
	}
	if (in != NULL && *e == ERR_NONE)
		*e = payloads_check(&in->sk.payloads, PAYLOADS_INNER, in->header.exchange,
				    header_is_response(h), reason);
	return in;
}

/* Opens a copy of a request that has been answered, only to see who wrote it. */
static bool copy_is_authentic(struct ike *ike, struct ike_sa *sa, const struct path *path,
			      const struct ike_header *h, struct bytes datagram)
{
	const char *reason;
	enum err e;

	if (h->next_payload == PAYLOAD_SKF)
		return fragment_is_authentic(ike, sa, h, datagram);
	struct ike_inbound *in = whole_open(ike, sa, path, h, datagram, &e, &reason);
	ike_inbound_free(in);
	return in != NULL;
}

/* RFC 7296 2.1: a retransmitted request gets the same answer again. Nothing here has been
 * authenticated, and the answer may be many times as long as what asks for it (2.6): it goes at
 * most a few times a second, and elsewhere than to the peer only for a copy that the peer made. */
static void answer_again(struct ike *ike, struct ike_sa *sa, const struct path *path,
			 const struct ike_header *h, struct bytes datagram)
{
	if (sa->again_at > ike->now) {
		drop(ike, path, "its answer was sent again just now");
		return;
	}
	if (!path_equal(path, &sa->path) && !copy_is_authentic(ike, sa, path, h, datagram)) {
		drop(ike, path, "a copy of an answered request, from elsewhere");
		return;
	}
	if (h->next_payload == PAYLOAD_SKF && !fragment_asks_again(ike, sa, h, datagram))
		return;
	sa->again_at = ike->now + ike->settings.retransmit_first / 4;
	flight_send(ike, path, &sa->answer);
}

/* An authentic message from a new address. RFC 7296 2.23: who is not behind a NAT follows a peer
 * that is; who is behind one does not, lest an attacker on the path moves it. */
static void follow_peer(struct ike *ike, struct ike_sa *sa, const struct path *path)
{
	if (sa->state != SA_HALF_OPEN && sa->nat_there && !sa->nat_here && path->natt &&
	    !path_equal(path, &sa->path))
		sa_update_path(ike, sa, path);
}

static void heard(struct ike *ike, struct ike_sa *sa, const struct path *path)
{
	tcp_heard(ike, sa, path);
	sa->last_heard = ike->now;
	if (sa->dpd_at != 0)
		sa->dpd_at = ike->now + sa->config->dpd_delay;
	follow_peer(ike, sa, path);
}

/* RFC 7296 2.3: how many requests of ours the peer takes at once; never less than before. */
static void window_read(struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_part n;

	if (!payloads_notify(ps, NOTIFY_SET_WINDOW_SIZE, &n))
		return;
	struct reader r = reader_of(n.data);
	const uint32_t window = reader_u32(&r);
	if (reader_done(&r) && window > sa->peer_window)
		sa->peer_window = window > UINT16_MAX ? UINT16_MAX : (uint16_t)window;
}

static void request_bad(struct ike *ike, struct ike_sa *sa, enum err e, const char *reason)
{
	const struct ike_inbound *in = sa->inbound;
	const uint8_t exchange = in->header.exchange;
	const bool early = sa->state == SA_HALF_OPEN;

	char name[IKEV2_NAME_MAX];

	sa_log(ike, sa, LOG_WARN, "%s request refused: %s", exchange_name(exchange, name), reason);
	if (e == ERR_UNSUPPORTED) {
		/* RFC 7296 2.5 */
		const uint8_t type = in->sk.payloads.unsupported;
		sa_respond_notify(ike, sa, exchange, 0, (struct bytes){0},
				  NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, bytes_of(&type, 1));
	} else {
		/* RFC 7296 2.21.3: only inside a protected message */
		sa_respond_notify(ike, sa, exchange, 0, (struct bytes){0}, NOTIFY_INVALID_SYNTAX,
				  (struct bytes){0});
	}
	/* RFC 7296 2.21.2, 2.21.3: an IKE_AUTH that failed leaves nothing; a broken peer later on
	 * loses the IKE SA after INVALID_SYNTAX. */
	if (early || e != ERR_UNSUPPORTED)
		sa_kill(ike, sa, reason);
}

static void request_dispatch(struct ike *ike, struct ike_sa *sa)
{
	const uint8_t exchange = sa->inbound->header.exchange;

	/* RFC 7296 1.2, 2.2: nothing but IKE_AUTH before the peer is authenticated (N1, N27), and
	 * no IKE_AUTH after it. */
	if (sa->state == SA_HALF_OPEN) {
		if (exchange == EXCHANGE_IKE_AUTH)
			auth_request(ike, sa);
		else if (exchange == EXCHANGE_IKE_INTERMEDIATE)
			intermediate_request(ike, sa);
		else if (!kem_auth_is_refusal(ike, sa))
			request_bad(ike, sa, ERR_SYNTAX,
				    "only IKE_AUTH may come before the peer "
				    "is authenticated");
		return;
	}
	if (impair_request(ike, sa))
		return;
	switch (exchange) {
	case EXCHANGE_CREATE_CHILD_SA:
		create_child_request(ike, sa);
		break;
	case EXCHANGE_IKE_FOLLOWUP_KE:
		followup_request(ike, sa);
		break;
	case EXCHANGE_INFORMATIONAL:
		info_request(ike, sa);
		break;
	default:
		request_bad(ike, sa, ERR_SYNTAX,
			    "this exchange has no place in an established "
			    "IKE SA");
	}
}

static void request_input(struct ike *ike, struct ike_sa *sa, const struct path *path,
			  const struct ike_header *h, struct bytes datagram)
{
	const char *reason = "no reason";
	enum err e;

	if (h->message_id + 1 == sa->recv_id && sa->answer.octets != NULL) {
		answer_again(ike, sa, path, h, datagram);
		return;
	}
	if (h->message_id != sa->recv_id || sa->recv_id == MESSAGE_ID_END) {
		drop(ike, path, "its Message ID is outside the window"); /* RFC 7296 2.3 */
		return;
	}
	if (sa->inbound != NULL) {
		drop(ike, path, "this request is being worked on");
		return;
	}
	/* As initiator we have not authenticated the peer yet; as responder we have refused it. */
	if (sa->state == SA_INIT || sa->state == SA_AUTH || sa->state == SA_FAILED) {
		drop(ike, path, "a request of a peer that is not authenticated");
		return;
	}
	sa->inbound = inbound_open(ike, sa, &sa->reassembly, path, h, datagram, &e, &reason);
	if (sa->inbound == NULL) {
		if (reason != NULL)
			drop(ike, path, reason);
		return;
	}
	/* RFC 7383 2.6: it is here, in whatever form; pieces of another are of no use. */
	reassembly_free(sa->reassembly);
	sa->reassembly = NULL;
	heard(ike, sa, path);
	exchange_request(sa, path, h->exchange, sa->inbound->datagrams, sa->inbound->began);
	if (e) {
		request_bad(ike, sa, e, reason);
		return;
	}
	window_read(sa, &sa->inbound->sk.payloads);
	request_dispatch(ike, sa);
}

static void response_input(struct ike *ike, struct ike_sa *sa, const struct path *path,
			   const struct ike_header *h, struct bytes datagram)
{
	struct ike_task *t = task_in_flight(sa, h->message_id);
	char name[IKEV2_NAME_MAX];
	const char *reason = "no reason";
	enum err e;

	/* N20: a response to a request that was never sent, or that has been answered already */
	if (t == NULL || t->response != NULL || task_exchange(t) != h->exchange) {
		drop(ike, path, "a response to nothing that we asked");
		return;
	}
	struct ike_inbound *in =
	    inbound_open(ike, sa, &t->reassembly, path, h, datagram, &e, &reason);
	if (in == NULL) {
		if (reason != NULL)
			drop(ike, path, reason);
		return;
	}
	heard(ike, sa, path);
	exchange_answer(sa, in->datagrams, ike->now);
	t->in_flight = false;
	if (e) {
		/* RFC 7296 2.21.3: a peer that breaks the protocol inside a protected message. */
		sa_log(ike, sa, LOG_WARN, "%s response is broken: %s",
		       exchange_name(h->exchange, name), reason);
		ike_inbound_free(in);
		struct ike_conn *conn = sa->conn;
		sa_kill(ike, sa, reason);
		if (conn != NULL)
			ike_conn_failed(ike, conn, "the peer sent a broken %s response: %s",
					exchange_name(h->exchange, name), reason);
		return;
	}
	window_read(sa, &in->sk.payloads);
	switch ((enum task_kind)t->kind) {
	case TASK_INIT:
		ike_inbound_free(in);
		break;
	case TASK_INTERMEDIATE:
		intermediate_response(ike, sa, t, in);
		break;
	case TASK_AUTH:
		auth_response(ike, sa, t, in);
		break;
	case TASK_CHILD_CREATE:
	case TASK_CHILD_REKEY:
	case TASK_IKE_REKEY:
		create_child_response(ike, sa, t, in);
		break;
	case TASK_CHILD_DELETE:
	case TASK_IKE_DELETE:
	case TASK_LIVENESS:
		info_response(ike, sa, t, in);
		break;
	}
}

/* Nothing that is not protected changes an IKE SA (RFC 7296 2.21.4), but one: the peer says that it
 * does not know an IKE SA any more which we are deleting anyway. Its answer was lost then, and a
 * forger who knows the SPIs and the Message ID gains nothing but our silence. */
static void unprotected_input(struct ike *ike, struct ike_sa *sa, const struct path *path,
			      const struct ike_header *h, struct bytes datagram)
{
	struct payloads ps;
	struct notify_part n;
	const char *reason = "it is not protected";
	const struct ike_task *t = task_find(sa, TASK_IKE_DELETE, 0);

	if (sa->state != SA_DELETING || !header_is_response(h) || t == NULL || !t->in_flight ||
	    t->message_id != h->message_id ||
	    payloads_parse(&ps, PAYLOADS_OUTER, h->next_payload,
			   bytes_of(datagram.p + IKE_HEADER_LEN, datagram.n - IKE_HEADER_LEN),
			   &reason) ||
	    !payloads_notify(&ps, NOTIFY_INVALID_IKE_SPI, &n)) {
		drop(ike, path, reason);
		return;
	}
	struct ike_conn *conn = sa->conn;
	sa_kill(ike, sa, NULL);
	if (conn != NULL)
		ike_conn_rest(ike, conn);
}

static void sa_input(struct ike *ike, struct ike_sa *sa, const struct path *path,
		     const struct ike_header *h, struct bytes datagram)
{
	if (!roles_fit(sa, h)) {
		drop(ike, path, "its flags or SPIs do not fit the IKE SA");
		return;
	}
	const char *why;

	if (!tcp_path_fits(ike, sa, path, &why) && h->exchange != EXCHANGE_IKE_SA_INIT) {
		drop(ike, path, why);
		return;
	}
	if (h->exchange == EXCHANGE_IKE_SA_INIT) {
		if (header_is_response(h) && sa->state == SA_INIT)
			init_response(ike, sa, path, h, datagram);
		else
			drop(ike, path, "IKE_SA_INIT for an IKE SA that has passed it");
		return;
	}
	if (sa->keys.block == NULL) {
		drop(ike, path, "there are no keys for it yet");
		return;
	}
	if (h->next_payload == PAYLOAD_NOTIFY) {
		unprotected_input(ike, sa, path, h, datagram);
		return;
	}
	if (header_is_response(h))
		response_input(ike, sa, path, h, datagram);
	else
		request_input(ike, sa, path, h, datagram);
}

static void input(struct ike *ike, const struct path *path, struct bytes datagram)
{
	struct ike_header h;
	const char *reason = "no reason";
	enum err e = header_parse(&h, datagram, &reason);

	if (e == ERR_UNSUPPORTED && !header_is_response(&h) && header_major(&h) > 2) {
		/* RFC 7296 2.5 */
		ike_answer_unprotected(ike, path, &h, NOTIFY_INVALID_MAJOR_VERSION,
				       (struct bytes){0});
		return;
	}
	if (e) {
		drop(ike, path, reason);
		return;
	}
	if (h.exchange == EXCHANGE_IKE_SA_INIT && h.spi_r == 0 && !header_is_response(&h)) {
		if (!tcp_path_fits(ike, NULL, path, &reason))
			drop(ike, path, reason);
		else if (!header_from_initiator(&h) || h.message_id != 0)
			drop(ike, path, "an IKE_SA_INIT request with wrong flags or Message ID");
		else
			init_request(ike, path, &h, datagram);
		return;
	}
	struct ike_sa *sa = sa_find(ike, header_from_initiator(&h) ? h.spi_r : h.spi_i);
	if (sa != NULL) {
		sa_input(ike, sa, path, &h, datagram);
		sa_schedule(ike, sa);
		return;
	}
	/* RFC 7296 2.21.4: a request for an IKE SA that we do not know; never to a response */
	drop(ike, path, "no IKE SA has its SPI");
	if (!header_is_response(&h))
		ike_answer_unprotected(ike, path, &h, NOTIFY_INVALID_IKE_SPI, (struct bytes){0});
}

void ike_input(struct ike *ike, const struct path *path, struct bytes datagram, uint64_t now)
{
	ike->now = now;
	ike->totals.messages_in++;
	input(ike, path, datagram);
	sa_reap(ike);
}
