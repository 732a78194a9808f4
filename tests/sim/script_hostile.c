/* What strangers and broken peers send (negative-tests N1 ...). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/child.h"
#include "ike/offer.h"
#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* Stops A before it sends IKE_AUTH; then A's SA has keys and B's is half open. */
static struct ike_sa *before_auth(struct sim *sim)
{
	static struct script_filter f;

	f = (struct script_filter){.exchange = EXCHANGE_IKE_AUTH, .drop = 1000};
	script_pair(sim, true);
	script_drop(sim, &f);
	sim_run(sim, 300 * MS);
	LIST_EACH (&A(sim)->ike->sa_list, node)
		return CONTAINER_OF(node, struct ike_sa, all);
	sim_fail(sim, "A has no IKE SA");
	return NULL;
}

static void early(struct sim *sim, uint8_t exchange, bool delete)
{
	struct ike_sa *sa = before_auth(sim);
	struct message m;

	if (sa == NULL)
		return;
	script_begin(A(sim), sa, &m, exchange, false, 1);
	if (delete) {
		delete_write_ike(message_payload_begin(&m, PAYLOAD_DELETE));
		message_payload_end(&m);
	}
	script_expect(sim, script_ask(A(sim), sa, &m, B(sim)) == NOTIFY_INVALID_SYNTAX,
		      "it is not refused with INVALID_SYNTAX");
	script_expect(sim, plane_count(&B(sim)->plane) == 0, "a Child SA came of it");
	script_expect(sim, peer_count_sas(B(sim), SA_UP) == 0, "an IKE SA came of it");
	script_expect(sim, B(sim)->events[IKE_EVENT_SA_UP] == 0, "an event came of it");
	sim->hook = NULL;
	sim_run(sim, 2 * MINUTE);
	script_expect_tunnel(sim);
}

static void n1(struct sim *sim)
{
	early(sim, EXCHANGE_CREATE_CHILD_SA, false);
}

static void n27(struct sim *sim)
{
	early(sim, EXCHANGE_INFORMATIONAL, true);
}

/* A notify outside protection, as the answer to A's IKE_SA_INIT. */
static void forge_answer(struct sim *sim, uint16_t notify, struct bytes data, uint64_t delay)
{
	uint8_t buf[200];
	struct message m;
	struct bytes out;
	struct ike_header h = {.exchange = EXCHANGE_IKE_SA_INIT, .flags = HEADER_RESPONSE};
	const struct endpoint src = network_outside(B(sim), 500);

	LIST_EACH (&A(sim)->ike->sa_list, node)
		h.spi_i = CONTAINER_OF(node, struct ike_sa, all)->spi_i;
	message_begin(&m, buf, sizeof(buf), &h);
	notify_write(message_payload_begin(&m, PAYLOAD_NOTIFY), 0, (struct bytes){0}, notify, data);
	message_payload_end(&m);
	if (message_end(&m, &out) == ERR_NONE)
		network_inject(sim, A(sim), &src, false, out, delay);
}

static void n8_n30(struct sim *sim)
{
	static const uint16_t types[] = {NOTIFY_NO_PROPOSAL_CHOSEN, NOTIFY_INVALID_KE_PAYLOAD,
					 NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_SYNTAX,
					 NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD};
	static struct script_filter f;

	f = (struct script_filter){.exchange = EXCHANGE_IKE_SA_INIT, .response = true, .drop = 1};
	script_pair(sim, false);
	script_drop(sim, &f); /* the real answer comes after a retransmission */
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * MS);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		forge_answer(sim, types[i], BYTES_LITERAL("\x00\x0e"), 1);
	sim_run(sim, 30 * SECOND);
	script_expect_tunnel(sim);
}

static void n9_keep_asking(struct sim *sim)
{
	script_pair(sim, false);
	B(sim)->ike->settings.half_open_max = 0; /* B says nothing */
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	for (unsigned i = 0; i < 200; i++) {
		sim_run(sim, 100 * MS);
		forge_answer(sim, NOTIFY_INVALID_KE_PAYLOAD,
			     i % 2 == 0 ? BYTES_LITERAL("\x00\x13") : BYTES_LITERAL("\x00\x1f"), 1);
	}
	script_expect(sim, sim->datagrams < 40, "it follows whoever names another method");
	sim_run(sim, 2 * MINUTE);
	script_expect(sim, A(sim)->last_failure[0] != '\0', "no reason is told");
}

/* A CREATE_CHILD_SA request of B's with this SPI; see script_create(). */
static uint16_t ask_with_spi(struct sim *sim, struct bytes spi, uint32_t rekeys)
{
	struct ike_sa *sa = peer_sa(B(sim));
	struct message m;

	script_create(B(sim), sa, &m, spi, rekeys);
	return script_ask(B(sim), sa, &m, A(sim));
}

/* SPIs that are none, of Child SAs (RFC 4303 2.1) and of IKE SAs. */
static void n10_n31(struct sim *sim)
{
	static const uint8_t zero[8];

	script_up(sim);
	const size_t children = plane_count(&A(sim)->plane);
	uint16_t n = ask_with_spi(sim, bytes_of(zero, 4), 0);
	script_expect(sim, n == NOTIFY_INVALID_SYNTAX || n == NOTIFY_NO_PROPOSAL_CHOSEN,
		      "SPI 0 of a Child SA is taken");
	n = ask_with_spi(sim, BYTES_LITERAL("\0\0\0\xff"), 0);
	script_expect(sim, n == NOTIFY_INVALID_SYNTAX || n == NOTIFY_NO_PROPOSAL_CHOSEN,
		      "SPI 255 of a Child SA is taken");
	n = ask_with_spi(sim, bytes_of(zero, 8), 0);
	script_expect(sim, n == NOTIFY_INVALID_SYNTAX || n == NOTIFY_NO_PROPOSAL_CHOSEN,
		      "SPI 0 of an IKE SA is taken");
	n = ask_with_spi(sim, bytes_of(zero, 0), 0);
	script_expect(sim, n == NOTIFY_INVALID_SYNTAX || n == NOTIFY_NO_PROPOSAL_CHOSEN,
		      "an IKE rekey without an SPI is taken");
	script_expect(sim, plane_count(&A(sim)->plane) == children, "a Child SA came of it");
	script_expect_tunnel(sim);
}

/* N4: the peer rekeys the same Child SA twice in a row, or one that it never had. */
static void n4_twice(struct sim *sim)
{
	script_up(sim);
	const struct ike_sa *sa = peer_sa(B(sim));
	const uint32_t spi = CONTAINER_OF(sa->children.next, struct child_sa, of_sa)->spi_in;
	script_expect(sim, ask_with_spi(sim, BYTES_LITERAL("\1\2\3\4"), spi) == 0,
		      "the first rekey is refused");
	script_expect(sim,
		      ask_with_spi(sim, BYTES_LITERAL("\1\2\3\5"), spi) == NOTIFY_TEMPORARY_FAILURE,
		      "the second rekey is not refused with TEMPORARY_FAILURE");
	script_expect(sim,
		      ask_with_spi(sim, BYTES_LITERAL("\1\2\3\6"), 0x01020399) ==
			  NOTIFY_CHILD_SA_NOT_FOUND,
		      "no CHILD_SA_NOT_FOUND");
}

static void n22_critical_inside(struct sim *sim)
{
	struct message m;

	script_up(sim);
	struct ike_sa *sa = peer_sa(B(sim));
	script_begin(B(sim), sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id++);
	message_payload_begin(&m, 99);
	message_payload_critical(&m);
	message_payload_end(&m);
	script_expect(sim,
		      script_ask(B(sim), sa, &m, A(sim)) == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
		      "no UNSUPPORTED_CRITICAL_PAYLOAD");
	script_expect_tunnel(sim);
	/* not critical: skipped */
	sa = peer_sa(B(sim));
	script_begin(B(sim), sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id++);
	message_payload(&m, 99, BYTES_LITERAL("whatever"));
	script_expect(sim, script_ask(B(sim), sa, &m, A(sim)) == 0, "an error for nothing");
	script_expect_tunnel(sim);
}

static void n20_reflected(struct sim *sim)
{
	script_pair(sim, true);
	sim->net.reflect = 1000;
	sim_run(sim, MINUTE);
	ike_rekey(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	ike_rekey(B(sim)->ike, "net", "one", peer_now(B(sim)));
	sim_run(sim, MINUTE);
	script_expect_tunnel(sim);
}

static void n20_unasked_response(struct sim *sim)
{
	struct message m;

	script_up(sim);
	struct ike_sa *sa = peer_sa(B(sim));
	for (uint32_t id = 0; id < 8; id++) {
		script_begin(B(sim), sa, &m, EXCHANGE_INFORMATIONAL, true, id);
		delete_write_ike(message_payload_begin(&m, PAYLOAD_DELETE));
		message_payload_end(&m);
		script_deliver(B(sim), sa, &m, A(sim));
	}
	sim_run(sim, SECOND);
	script_expect_tunnel(sim);
}

static bool cut_first(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	uint8_t cut[2000];

	if (d->esp || d->len > sizeof(cut))
		return true;
	/* A copy without its tail overtakes each message. */
	memcpy(cut, d->octets, d->len);
	for (size_t i = 0; i < sim->n_peers; i++)
		if (addr_equal(&sim->peers[i]->addr, &d->dst.addr))
			network_inject(sim, sim->peers[i], &d->src, d->natt,
				       bytes_of(cut, d->len - 10), 1);
	*delay += 5 * MS;
	return true;
}

static void n29_cut_copy(struct sim *sim)
{
	script_pair(sim, true);
	sim->hook = cut_first;
	sim_run(sim, 5 * SECOND);
	ike_rekey(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * SECOND);
	script_expect_tunnel(sim);
}

/* N15: 10,000 addresses send IKE_SA_INIT and never go on. */
static void n15_flood(struct sim *sim)
{

	script_up(sim);
	B(sim)->settings.cookie_threshold = 100;
	/* what a caller sends, taken from a third peer */
	struct sim_peer *c = peer_add(sim, "C");
	struct sim_wish w = config_usual;
	w.local_id = "c.example";
	w.no_unique = true;
	struct sim_wish m = config_mirror(&w);
	m.name = "visitors";
	m.answer_only = true;
	m.children[0].policy = 2;
	struct ike_connection *visitors = config_make(B(sim), c, &m);
	peer_connection(B(sim), visitors);
	peer_connection(c, config_make(c, B(sim), &w));
	peer_start(c);
	const size_t before = mem_blocks_held();
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t buf[2000];
		struct message msg;
		struct bytes out;
		const uint64_t spi = 1000 + i;
		const struct ike_header h = {
		    .spi_i = spi, .exchange = EXCHANGE_IKE_SA_INIT, .flags = HEADER_INITIATOR};
		uint8_t nonce[32] = {(uint8_t)i, (uint8_t)(i >> 8)}, ke[32] = {9};
		message_begin(&msg, buf, sizeof(buf), &h);
		ike_offer_write(message_payload_begin(&msg, PAYLOAD_SA), &visitors->ike,
				(struct bytes){0}, true);
		message_payload_end(&msg);
		ke_write(message_payload_begin(&msg, PAYLOAD_KE), 31, BYTES_OF(ke));
		message_payload_end(&msg);
		message_payload(&msg, PAYLOAD_NONCE, BYTES_OF(nonce));
		if (message_end(&msg, &out))
			sim_fail(sim, "no request");
		const struct endpoint src = {addr_v4(0x0a000000 + i), 500};
		network_inject(sim, B(sim), &src, false, out, 1 + i * 10);
	}
	sim_run(sim, 200 * MS);
	struct ike_totals t;
	ike_totals(B(sim)->ike, &t);
	script_expect(sim, t.half_open <= 101, "more half-open IKE SAs than the threshold");
	script_expect(sim, mem_blocks_held() - before < 101 * 16, "memory grows with the callers");
	/* an honest caller gets in, by way of a cookie */
	ike_up(c->ike, "net", NULL, peer_now(c));
	sim_run(sim, 10 * SECOND);
	script_expect(sim, peer_count_sas(c, SA_UP) == 1, "an honest peer does not get in");
	ike_totals(B(sim)->ike, &t);
	script_expect(sim, t.cookies_sent > 9000, "no cookies were asked for");
	/* and who is there is still there */
	ike_rekey(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 10 * SECOND);
	script_expect(sim, peer_count_sas(A(sim), SA_UP) == 1, "the established peer is gone");
	sim_run(sim, MINUTE);
	ike_totals(B(sim)->ike, &t);
	script_expect(sim, t.half_open == 0, "half-open IKE SAs are never forgotten");
}

static void major_version(struct sim *sim)
{
	static struct script_filter f;
	uint8_t octets[28] = {1, 2, 3, 4, 5, 6, 7, 8};

	f = (struct script_filter){.response = true, .from = NULL};
	script_up(sim);
	script_drop(sim, &f);
	octets[17] = 0x30;
	octets[18] = EXCHANGE_IKE_SA_INIT;
	octets[19] = HEADER_INITIATOR;
	octets[27] = sizeof(octets);
	const struct endpoint src = {A(sim)->addr, 500};
	network_inject(sim, B(sim), &src, false, BYTES_OF(octets), 1);
	sim_run(sim, SECOND);
	script_expect(sim, f.last_notify == NOTIFY_INVALID_MAJOR_VERSION,
		      "no INVALID_MAJOR_VERSION");
	script_expect_tunnel(sim);
}

static void unknown_exchange(struct sim *sim)
{
	struct message m;

	script_up(sim);
	struct ike_sa *sa = peer_sa(B(sim));
	script_begin(B(sim), sa, &m, 77, false, sa->send_id++);
	script_deliver(B(sim), sa, &m, A(sim));
	sim_run(sim, 3 * MINUTE);
	script_expect(sim, plane_count(&A(sim)->plane) <= 1, "more than one Child SA");
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * MINUTE);
	script_expect_tunnel(sim);
}

const struct script scripts_hostile[] = {
    {"N1-create-child-before-auth", n1},
    {"N8-N30-forged-errors-lose-to-the-real-answer", n8_n30},
    {"N4-rekey-twice", n4_twice},
    {"N10-N31-spis-that-are-none", n10_n31},
    {"N9-invalid-ke-payload-for-ever", n9_keep_asking},
    {"N15-flood-from-10000-addresses", n15_flood},
    {"N20-reflected", n20_reflected},
    {"N20-unasked-response", n20_unasked_response},
    {"N22-unknown-payloads", n22_critical_inside},
    {"N27-informational-before-auth", n27},
    {"N29-cut-copies-come-first", n29_cut_copy},
    {"rfc7296-2.5-invalid-major-version", major_version},
    {"unknown-exchange", unknown_exchange},
};
const size_t n_scripts_hostile = sizeof(scripts_hostile) / sizeof(scripts_hostile[0]);
