/* How large each exchange of a handshake was and how long it took: what the engines record, beside
 * what was on the wire. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/ke.h"
#include "script.h"

#define SUITE "aes128gcm-prfsha256-x25519+mlkem768+frodo976shake"
#define WAY   (10 * MS) /* from one end to the other */
#define JOB   (3 * MS)

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* By Message ID, which counts the exchanges. */
struct wire {
	uint64_t request[IKE_EXCHANGES_MAX], answer[IKE_EXCHANGES_MAX]; /* octets */
	unsigned datagrams[IKE_EXCHANGES_MAX];
	uint32_t lose; /* of this exchange the first datagram is lost */
	unsigned lost;
	bool log; /* A's line is kept */
};

static char line[1000];

static void keep_line(void *ctx, const struct log_record *record)
{
	(void)ctx;
	if (strstr(record->text, "handshake") != NULL)
		snprintf(line, sizeof(line), "%s", record->text);
}

static bool on_datagram(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct wire *w = sim->hook_ctx;
	struct ike_header h;
	const char *why;

	(void)delay;
	if (d->esp || header_parse(&h, bytes_of(d->octets, d->len), &why) ||
	    h.message_id >= IKE_EXCHANGES_MAX)
		return true;
	if (w->lose != 0 && h.message_id == w->lose && w->lost == 0) {
		w->lost++;
		return false;
	}
	*(header_is_response(&h) ? &w->answer[h.message_id] : &w->request[h.message_id]) += d->len;
	w->datagrams[h.message_id]++;
	return true;
}

/* What status would show of a peer's only IKE SA. */
struct view {
	struct ike_sa_info info;
	struct ike_exchange of[IKE_EXCHANGES_MAX];
};

static void on_connection(void *ctx, const struct ike_connection_info *info)
{
	(void)ctx;
	(void)info;
}

static void on_sa(void *ctx, const struct ike_sa_info *info)
{
	struct view *v = ctx;

	if (info->state != IKE_STATE_UP)
		return;
	v->info = *info;
	if (info->n_exchanges != 0)
		memcpy(v->of, info->exchanges, info->n_exchanges * sizeof(v->of[0]));
}

static void on_child(void *ctx, const struct ike_child_info *info)
{
	(void)ctx;
	(void)info;
}

static struct view view_of(struct sim_peer *p)
{
	struct view v = {0};
	const struct ike_visitor visitor = {&v, on_connection, on_sa, on_child};

	ike_visit(p->ike, NULL, &visitor);
	return v;
}

static void shake_hands(struct sim *sim, struct wire *w, bool cookie)
{
	struct sim_wish a = config_usual;

	peer_add(sim, "A");
	peer_add(sim, "B");
	sim->net.delay_min = sim->net.delay_max = WAY;
	a.ike = SUITE;
	const struct sim_wish b = config_mirror(&a);
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &b));
	if (w->log)
		A(sim)->log = (struct log){keep_line, NULL, LOG_INFO};
	if (cookie)
		B(sim)->settings.cookie_threshold = 0;
	for (size_t i = 0; i < 2; i++) {
		sim->peers[i]->job_min = sim->peers[i]->job_max = JOB;
		peer_start(sim->peers[i]);
	}
	sim->hook = on_datagram;
	sim->hook_ctx = w;
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	sim->hook = NULL;
}

static void expect_exchanges(struct sim *sim, const struct view *v)
{
	static const struct {
		uint8_t exchange;
		uint16_t ke;
	} expected[] = {
	    {EXCHANGE_IKE_SA_INIT, KE_CURVE25519},
	    {EXCHANGE_IKE_INTERMEDIATE, KE_ML_KEM_768},
	    {EXCHANGE_IKE_INTERMEDIATE, KE_FRODOKEM_976_SHAKE},
	    {EXCHANGE_IKE_AUTH, KE_NONE},
	};

	script_expect(sim, v->info.n_exchanges == 4, "not four exchanges");
	for (size_t i = 0; i < 4; i++)
		script_expect(sim,
			      v->of[i].exchange == expected[i].exchange &&
				  v->of[i].ke == expected[i].ke && !v->of[i].in_tcp,
			      "another exchange, or another method");
}

static void are_measured(struct sim *sim)
{
	struct wire w = {0};

	shake_hands(sim, &w, false);
	const struct view a = view_of(A(sim)), b = view_of(B(sim));
	expect_exchanges(sim, &a);
	expect_exchanges(sim, &b);
	uint64_t all = 0;
	for (size_t i = 0; i < 4; i++) {
		script_expect(sim, a.of[i].sent == w.request[i] && b.of[i].received == w.request[i],
			      "a request has another size");
		script_expect(sim, a.of[i].received == w.answer[i] && b.of[i].sent == w.answer[i],
			      "an answer has another size");
		script_expect(sim, b.of[i].took >= JOB, "B took no time");
		script_expect(sim, a.of[i].took == b.of[i].took + 2 * WAY,
			      "A's time is not B's and that of the way");
		all += a.of[i].took;
	}
	script_expect(sim, w.datagrams[2] > 20, "FrodoKEM went without fragments");
	/* beside the exchanges: A's own jobs, a key and what follows from it for each method, a MAC
	 * and another */
	script_expect(sim, a.info.handshake_took == all + 8 * JOB, "all of it took another time");
}

static void with_a_cookie(struct sim *sim)
{
	struct wire w = {0};

	shake_hands(sim, &w, true);
	const struct view a = view_of(A(sim)), b = view_of(B(sim));
	expect_exchanges(sim, &a);
	script_expect(sim, w.datagrams[0] == 4, "no cookie was asked for");
	script_expect(sim, a.of[0].sent == w.request[0] && a.of[0].received == w.answer[0],
		      "A does not count both tries");
	script_expect(
	    sim, b.of[0].received * UINT64_C(2) > w.request[0] && b.of[0].received < w.request[0],
	    "B counts what it kept no state for");
	script_expect(sim, a.of[0].took == b.of[0].took + 4 * WAY, "A does not count both ways");
}

/* What was sent again costs time, and is not counted twice. */
static void with_a_loss(struct sim *sim)
{
	struct wire lossy = {.lose = 2};

	shake_hands(sim, &lossy, false);
	const struct view a = view_of(A(sim)), b = view_of(B(sim));
	expect_exchanges(sim, &a);
	script_expect(sim, lossy.lost == 1, "nothing was lost");
	script_expect(sim, lossy.request[2] > a.of[2].sent, "nothing was sent again");
	script_expect(sim, a.of[2].sent == b.of[2].received, "the ends differ");
	script_expect(sim, a.of[2].took >= A(sim)->settings.retransmit_first,
		      "the repetition took no time");
	/* the first fragment was lost: B waits for it since the second came */
	script_expect(sim, b.of[2].took >= A(sim)->settings.retransmit_first,
		      "B does not count from the first fragment that came");
}

static void of_a_rekeyed_one(struct sim *sim)
{
	struct wire w = {0};

	shake_hands(sim, &w, false);
	ike_rekey(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	const struct view a = view_of(A(sim)), b = view_of(B(sim));
	script_expect(sim, a.info.spi_i != 0 && b.info.spi_i == a.info.spi_i, "no rekeyed IKE SA");
	script_expect(sim, a.info.n_exchanges == 0 && b.info.n_exchanges == 0,
		      "it claims a handshake that was another's");
}

/* One line of plain words, with the figures of the record. */
static void are_logged(struct sim *sim)
{
	struct wire w = {.log = true};
	char expected[64];

	line[0] = '\0';
	shake_hands(sim, &w, false);
	script_expect(sim, strncmp(line, "the handshake took 1", 20) == 0, line);
	snprintf(expected, sizeof(expected),
		 "IKE_SA_INIT with x25519, %" PRIu64 " octets out, %" PRIu64 " in, ", w.request[0],
		 w.answer[0]);
	script_expect(sim, strstr(line, expected) != NULL, line);
	snprintf(expected, sizeof(expected), "; IKE_AUTH, %" PRIu64 " octets out, ", w.request[3]);
	script_expect(sim, strstr(line, expected) != NULL, line);
	script_expect(sim, strcmp(line + strlen(line) - 3, " ms") == 0, line);
}

const struct script scripts_exchanges[] = {
    {"exchanges-are-measured", are_measured}, {"exchanges-with-a-cookie", with_a_cookie},
    {"exchanges-with-a-loss", with_a_loss},   {"exchanges-of-a-rekeyed-sa", of_a_rekeyed_one},
    {"exchanges-are-logged", are_logged},
};
const size_t n_scripts_exchanges = sizeof(scripts_exchanges) / sizeof(scripts_exchanges[0]);
