/* What somebody without keys can make an engine do, hold, send and write: all of it is bounded. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/ext/fragmentation.h"
#include "ike/offer.h"
#include "ike/task.h"
#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* --- An answer sent again -------------------------------------------------------------------- */

/* The last request of A's, and what B sends where. */
static struct {
	uint8_t octets[2000];
	size_t len;
	struct endpoint src;
	bool natt;
	unsigned to_a, elsewhere;
} seen;

static bool watch(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct ike_header h;
	const char *why;

	(void)delay;
	if (d->esp || header_parse(&h, bytes_of(d->octets, d->len), &why))
		return true;
	if (d->from == A(sim) && !header_is_response(&h) && d->len <= sizeof(seen.octets)) {
		memcpy(seen.octets, d->octets, d->len);
		seen.len = d->len;
		seen.src = d->src;
		seen.natt = d->natt;
	} else if (d->from == B(sim) && header_is_response(&h)) {
		if (addr_equal(&d->dst.addr, &A(sim)->addr))
			seen.to_a++;
		else
			seen.elsewhere++;
	}
	return true;
}

static void copies_from(struct sim *sim, const struct endpoint *src, unsigned n)
{
	seen.to_a = seen.elsewhere = 0;
	for (unsigned i = 0; i < n; i++)
		network_inject(sim, B(sim), src, seen.natt, bytes_of(seen.octets, seen.len),
			       1 + i * MS);
	sim_run(sim, SECOND / 10 + n * MS);
}

/* RFC 7296 2.1, 2.6: whoever has seen a request on the wire can send copies of it, or of its header
 * alone, and would have us shower whomever he likes with our answer. */
static void answers_again_are_few(struct sim *sim)
{
	const struct endpoint victim = {addr_v4(0xcb007107), 4500};

	sim->hook = watch;
	script_up(sim);
	ike_rekey(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 5 * SECOND);
	const struct endpoint a = seen.src;
	copies_from(sim, &a, 100);
	script_expect(sim, seen.to_a >= 1, "a copy of the last request is not answered");
	script_expect(sim, seen.to_a <= 2, "every copy is answered");
	sim_run(sim, SECOND);
	/* a forged one: the header is right, the rest is not */
	seen.octets[seen.len - 1] ^= 1;
	copies_from(sim, &victim, 10);
	script_expect(sim, seen.elsewhere == 0,
		      "an answer was sent to an address that A never had");
	/* the real one, by way of another NAT: A may be there */
	seen.octets[seen.len - 1] ^= 1;
	copies_from(sim, &victim, 1);
	script_expect(sim, seen.elsewhere == 1,
		      "an authentic copy was not answered where it came "
		      "from");
	script_expect_tunnel(sim);
}

/* RFC 7296 2.11: to the address and port from which the request was received. */
static void answer_goes_where_the_request_came_from(struct sim *sim)
{
	const struct endpoint moved = {addr_v4(0xcb007107), 500};
	struct ike_flight out = {0};
	struct message m;

	script_up(sim);
	sim->hook = watch;
	struct ike_sa *sa = peer_sa(A(sim));
	script_begin(A(sim), sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id++);
	if (sa_message_seal(A(sim)->ike, sa, &m, &out))
		sim_fail(sim, "the message could not be built");
	seen.to_a = seen.elsewhere = 0;
	network_inject(sim, B(sim), &moved, false, flight_datagram(&out, 0), MS);
	flight_clear(&out);
	sim_run(sim, SECOND);
	script_expect(sim, seen.elsewhere == 1 && seen.to_a == 0, "it went to the old address");
	/* B goes on where it was: without a NAT nobody moves (RFC 7296 2.23) */
	script_expect(sim, addr_equal(&peer_sa(B(sim))->path.remote.addr, &A(sim)->addr),
		      "B followed");
	script_expect_tunnel(sim);
}

/* RFC 7296 2.2: Message IDs never come round again. */
static void message_ids_run_out(struct sim *sim)
{
	script_up(sim);
	const uint64_t before = peer_sa(A(sim))->spi_i;
	peer_sa(A(sim))->send_id = peer_sa(B(sim))->recv_id = MESSAGE_ID_REKEY;
	A(sim)->ike->now = peer_now(A(sim));
	sa_schedule(A(sim)->ike, peer_sa(A(sim)));
	sim_run(sim, 20 * SECOND);
	script_expect(sim, peer_sa(A(sim)) != NULL && peer_sa(A(sim))->spi_i != before,
		      "the IKE SA was not rekeyed in time");
	script_expect_tunnel(sim);
	if (sim->failed)
		return;
	peer_sa(B(sim))->send_id = MESSAGE_ID_END;
	B(sim)->ike->now = peer_now(B(sim));
	sa_schedule(B(sim)->ike, peer_sa(B(sim)));
	sim_run(sim, SECOND);
	script_expect(sim, peer_count_sas(B(sim), SA_UP) == 0,
		      "an IKE SA without Message IDs lives");
	ike_down(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * MINUTE);
}

/* --- Log lines ------------------------------------------------------------------------------- */

static unsigned lines, lines_left_out;

static void count_line(void *ctx, const struct log_record *record)
{
	unsigned n;

	(void)ctx;
	lines++;
	if (sscanf(record->text, "%u lines about", &n) == 1)
		lines_left_out += n;
}

static size_t init_request_write(uint8_t *buf, size_t cap, const struct ike_suites *offer,
				 uint64_t spi, struct bytes junk)
{
	const struct ike_header h = {
	    .spi_i = spi, .exchange = EXCHANGE_IKE_SA_INIT, .flags = HEADER_INITIATOR};
	uint8_t nonce[32] = {(uint8_t)spi, (uint8_t)(spi >> 8)}, ke[32] = {9};
	struct message m;
	struct bytes out = {0};

	message_begin(&m, buf, cap, &h);
	ike_offer_write(message_payload_begin(&m, PAYLOAD_SA), offer, (struct bytes){0}, true);
	message_payload_end(&m);
	ke_write(message_payload_begin(&m, PAYLOAD_KE), KE_CURVE25519, BYTES_OF(ke));
	message_payload_end(&m);
	message_payload(&m, PAYLOAD_NONCE, BYTES_OF(nonce));
	message_notify(&m, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, (struct bytes){0});
	if (junk.n > 0)
		message_payload(&m, PAYLOAD_VENDOR, junk);
	return message_end(&m, &out) ? 0 : out.n;
}

static void offer_of(struct ike_suites *offer, const char *text)
{
	struct bytes word;
	const char *why;

	(void)ike_suites_parse(offer, PROTOCOL_IKE, text, &word, &why);
}

/* A thousand bad requests a second fill no disk. */
static void strangers_write_few_lines(struct sim *sim)
{
	struct ike_suites offer;
	uint8_t buf[2000];

	script_up(sim);
	offer_of(&offer, "aes256cbc-sha2_512-prfsha512-x25519");
	B(sim)->log.sink = count_line;
	B(sim)->log.most = LOG_INFO;
	lines = lines_left_out = 0;
	for (unsigned i = 0; i < 10000; i++) {
		const struct endpoint src = {addr_v4(0xc0000201), (uint16_t)(1000 + i)};
		size_t n = init_request_write(buf, sizeof(buf), &offer, 1 + i, (struct bytes){0});
		network_inject(sim, B(sim), &src, false, bytes_of(buf, n), 1 + i * MS);
	}
	sim_run(sim, 11 * SECOND);
	printf("# 10,000 refused requests in 10 s wrote %u lines, %u left out\n", lines,
	       lines_left_out);
	script_expect(sim, lines >= 100, "nothing is written of refused requests");
	script_expect(sim, lines <= 100 + 2 * 110, "a stranger fills the log");
	script_expect(sim, lines_left_out > 9000, "nobody is told how much was left out");
	script_expect_tunnel(sim);
}

/* --- Memory ---------------------------------------------------------------------------------- */

#define CALLERS 1000

/* Sends all fragments but the last of a large IKE_AUTH, as the initiator would that made sa. */
static void fragments_send(struct sim *sim, struct ike_sa *sa, const uint8_t *junk, size_t n)
{
	struct ike *ike = B(sim)->ike;
	struct ike_flight f = {.first = PAYLOAD_VENDOR, .inner = bytes_of(junk, n)};
	const struct ike_header h = {.spi_i = sa->spi_i,
				     .spi_r = sa->spi_r,
				     .exchange = EXCHANGE_IKE_AUTH,
				     .flags = HEADER_INITIATOR,
				     .message_id = 1};

	sa->initiator = true;
	if (fragment_cut(ike, sa, &h, 1200, &f))
		sim_fail(sim, "no fragments");
	sa->initiator = false;
	for (size_t i = 0; i + 1 < flight_count(&f); i++)
		ike_input(ike, &sa->path, flight_datagram(&f, i), peer_now(B(sim)));
	flight_clear(&f);
}

/* What ike.h states: a thousand half-open IKE SAs with the largest messages, and fragments of the
 * largest IKE_AUTH for each. */
static void half_open_memory_is_bounded(struct sim *sim)
{
	static uint8_t junk[60000];
	uint8_t buf[IKE_HALF_OPEN_OCTETS];
	struct ike_suites offer;
	struct ike_totals t;

	script_pair(sim, false);
	struct sim_wish w = config_usual;
	w.answer_only = true;
	w.name = "visitors";
	peer_connection(B(sim), config_make(B(sim), A(sim), &w));
	B(sim)->ike->settings.cookie_threshold = 2 * CALLERS;
	offer_of(&offer, config_usual.ike);
	const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (unsigned i = 0; i < CALLERS; i++) {
		const struct path path = {.local = {B(sim)->addr, 500},
					  .remote = {addr_v4(0x0a000000 + i), 500}};
		size_t n = init_request_write(buf, sizeof(buf), &offer, 1000 + i,
					      bytes_of(junk, IKE_HALF_OPEN_OCTETS / 4 - 260));
		ike_input(B(sim)->ike, &path, bytes_of(buf, n), peer_now(B(sim)));
	}
	sim_run(sim, SECOND);
	ike_totals(B(sim)->ike, &t);
	script_expect(sim, t.half_open == CALLERS, "the callers were not taken");
	const size_t open = mallinfo2().uordblks + mallinfo2().hblkhd;
	LIST_EACH (&B(sim)->ike->sa_list, node)
		fragments_send(sim, CONTAINER_OF(node, struct ike_sa, all), junk, sizeof(junk));
	const size_t full = mallinfo2().uordblks + mallinfo2().hblkhd;
	const size_t most = B(sim)->ike->settings.early_octets;
	printf("# a half-open IKE SA holds %zu octets; fragments for %u of them %zu\n",
	       (open - before) / CALLERS, CALLERS, full - open);
	script_expect(sim, open - before <= (size_t)CALLERS * IKE_HALF_OPEN_OCTETS,
		      "a half-open IKE SA holds more than is stated");
	script_expect(sim, B(sim)->ike->early_octets <= most, "more is counted than may be");
	script_expect(sim, B(sim)->ike->early_octets > most - 100000, "nothing is counted");
	script_expect(sim, full - open <= most + most / 8, "fragments hold more than is stated");
	sim_run(sim, MINUTE);
	ike_totals(B(sim)->ike, &t);
	script_expect(sim, t.half_open == 0, "they are never forgotten");
	script_expect(sim, B(sim)->ike->early_octets == 0, "the count does not come back");
}

/* --- Signatures ------------------------------------------------------------------------------ */

static bool a_in_auth(struct sim *sim)
{
	return peer_count_sas(A(sim), SA_AUTH) == 1;
}

/* A signs by the old ECDSA method, as if B had announced no hash algorithms. */
static void sign_by_old_method(struct sim *sim, bool allowed)
{
	peer_add(sim, "A");
	peer_add(sim, "B");
	config_pair(sim, SIM_ECDSA, IKE_START_MANUAL, IKE_START_MANUAL);
	B(sim)->conns[0]->allow_weak_signatures = allowed;
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	script_expect(sim, sim_run_until(sim, a_in_auth, 5 * SECOND), "A never comes to IKE_AUTH");
	LIST_EACH (&A(sim)->ike->sa_list, node)
		CONTAINER_OF(node, struct ike_sa, all)->setup->hints.hashes = 0;
	sim_run(sim, 3 * SECOND);
}

/* RFC 7427 3: both have announced hash algorithms, so method 14 MUST be used. */
static void old_method_is_refused(struct sim *sim)
{
	sign_by_old_method(sim, false);
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL, "it was accepted");
	script_expect(sim, strstr(B(sim)->last_warning, "old method") != NULL,
		      "B does not say why");
}

/* RFC 7427 4: B has not heard of any hash algorithm of A's, which signs by method 14 all the same;
 * and where A has not heard of B's, its Ed25519 key has no method at all. */
static void method_14_unannounced(struct sim *sim, bool of_signer)
{
	struct sim_peer *deaf;

	peer_add(sim, "A");
	peer_add(sim, "B");
	deaf = sim->peers[!of_signer];
	config_pair(sim, SIM_ED25519, IKE_START_MANUAL, IKE_START_MANUAL);
	B(sim)->conns[0]->allow_weak_signatures = true; /* this is no such thing */
	peer_start(A(sim));
	peer_start(B(sim));
	A(sim)->job_min = A(sim)->job_max = 100 * MS;
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	script_expect(sim, sim_run_until(sim, a_in_auth, 5 * SECOND), "A never comes to IKE_AUTH");
	LIST_EACH (&deaf->ike->sa_list, node)
		CONTAINER_OF(node, struct ike_sa, all)->setup->hints.hashes = 0;
	sim_run(sim, 3 * SECOND);
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL, "it was accepted");
	script_expect(sim,
		      of_signer
			  ? strstr(deaf->last_failure, "no signature that our key makes") != NULL
			  : strstr(deaf->last_warning, "signs by method 14") != NULL,
		      of_signer ? deaf->last_failure : deaf->last_warning);
}

static void method_14_is_refused(struct sim *sim)
{
	method_14_unannounced(sim, false);
}

static void method_14_is_not_used(struct sim *sim)
{
	method_14_unannounced(sim, true);
}

static void old_method_is_allowed(struct sim *sim)
{
	sign_by_old_method(sim, true);
	script_expect_tunnel(sim);
}

const struct script scripts_limits[] = {
    {"rfc7427-3-an-old-method-is-refused", old_method_is_refused},
    {"rfc7427-3-an-old-method-may-be-allowed", old_method_is_allowed},
    {"rfc7427-4-method-14-unannounced-is-refused", method_14_is_refused},
    {"rfc7427-4-method-14-is-not-used-unannounced", method_14_is_not_used},
    {"rfc7296-2.1-answers-again-are-few-and-go-to-the-peer", answers_again_are_few},
    {"rfc7296-2.11-the-answer-goes-where-the-request-came-from",
     answer_goes_where_the_request_came_from},
    {"rfc7296-2.2-message-ids-run-out", message_ids_run_out},
    {"strangers-write-few-lines", strangers_write_few_lines},
    {"half-open-memory-is-bounded", half_open_memory_is_bounded},
};
const size_t n_scripts_limits = sizeof(scripts_limits) / sizeof(scripts_limits[0]);
