/* What can happen to the peers in time of trouble. */
#include <string.h>

#include "base/ikev2_numbers.h"
#include "scenario.h"
#include "wire/header.h"
#include "wire/message.h"
#include "wire/parts.h"

static struct sim_peer *some_peer(struct scenario *sc)
{
	return sc->peer[rng_below(&sc->rng, 2)];
}

static const char *some_child(struct scenario *sc)
{
	return sc->wish[0].children[rng_below(&sc->rng, sc->wish[0].n_children)].name;
}

static void rekey(struct scenario *sc, struct sim_peer *p, const char *child)
{
	if (p->ike == NULL)
		return;
	sim_note(sc->sim, "%s: command rekey %s", p->name, child == NULL ? "(IKE)" : child);
	ike_rekey(p->ike, sc->wish[0].name, child, peer_now(p));
}

static void delete_child(struct scenario *sc, struct sim_peer *p, const char *child)
{
	if (p->ike == NULL)
		return;
	sim_note(sc->sim, "%s: command down %s", p->name, child);
	ike_down(p->ike, sc->wish[0].name, child, peer_now(p));
}

static void up(struct scenario *sc, struct sim_peer *p)
{
	if (p->ike == NULL)
		return;
	sim_note(sc->sim, "%s: command up", p->name);
	ike_up(p->ike, sc->wish[0].name, NULL, peer_now(p));
}

static void down(struct scenario *sc, struct sim_peer *p)
{
	if (p->ike == NULL)
		return;
	sim_note(sc->sim, "%s: command down", p->name);
	ike_down(p->ike, sc->wish[0].name, NULL, peer_now(p));
}

static void reauthenticate(struct scenario *sc, struct sim_peer *p)
{
	if (p->ike == NULL)
		return;
	sim_note(sc->sim, "%s: command reauthenticate", p->name);
	ike_reauthenticate(p->ike, sc->wish[0].name, peer_now(p));
}

/* The same again, or with another lifetime, or with what an SA rests on changed and back. */
static void reload(struct scenario *sc, struct sim_peer *p)
{
	const size_t i = p == sc->peer[1];
	struct sim_wish w = sc->wish[i];

	sim_note(sc->sim, "%s: command reload", p->name);
	if (rng_chance(&sc->rng, 500))
		w.dpd_delay = rng_between(&sc->rng, 10, 40) * SECOND;
	if (rng_chance(&sc->rng, 200)) {
		w.ike = "aes256gcm-prfsha384-x25519";
		peer_connection(p, config_make(p, sc->peer[!i], &w));
		w.ike = sc->wish[i].ike;
	}
	peer_connection(p, config_make(p, sc->peer[!i], &w));
}

static void come_back(struct sim *sim, struct sim_event *e)
{
	if (sim != NULL && e->peer->ike == NULL)
		peer_start(e->peer);
}

static void crash(struct scenario *sc, struct sim_peer *p)
{
	if (p->ike == NULL)
		return;
	peer_crash(p);
	sim_later(sc->sim, rng_between(&sc->rng, 1, 40 * SECOND), come_back, p, 0);
}

static void outage_ends(struct sim *sim, struct sim_event *e)
{
	if (sim != NULL && sim->net.loss == 1000)
		sim->net.loss = (unsigned)e->number;
}

static void outage(struct scenario *sc)
{
	if (sc->sim->net.loss == 1000)
		return;
	sim_note(sc->sim, "the network is down");
	sim_later(sc->sim, rng_between(&sc->rng, SECOND, 150 * SECOND), outage_ends, NULL,
		  sc->sim->net.loss);
	sc->sim->net.loss = 1000;
}

/* An error notify outside any protection, with the SPIs of a real IKE SA (N8, N30). */
static void forge(struct scenario *sc, struct sim_peer *p)
{
	static const uint16_t types[] = {
	    NOTIFY_NO_PROPOSAL_CHOSEN,    NOTIFY_INVALID_KE_PAYLOAD,
	    NOTIFY_INVALID_SYNTAX,        NOTIFY_INVALID_IKE_SPI,
	    NOTIFY_AUTHENTICATION_FAILED, NOTIFY_COOKIE,
	    NOTIFY_TEMPORARY_FAILURE,     NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
	    NOTIFY_INVALID_MAJOR_VERSION,
	};
	static const uint8_t exchanges[] = {EXCHANGE_IKE_SA_INIT, EXCHANGE_IKE_AUTH,
					    EXCHANGE_CREATE_CHILD_SA, EXCHANGE_INFORMATIONAL};
	uint8_t buf[200], data[2] = {0, 31};
	struct message m;
	struct bytes out;

	if (p->ike == NULL || list_empty(&p->ike->sa_list))
		return;
	const struct ike_sa *sa = CONTAINER_OF(p->ike->sa_list.prev, struct ike_sa, all);
	const struct ike_header h = {
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	    .exchange = exchanges[rng_below(&sc->rng, sizeof(exchanges))],
	    .flags = (uint8_t)((sa->initiator ? 0 : HEADER_INITIATOR) |
			       (rng_chance(&sc->rng, 700) ? HEADER_RESPONSE : 0)),
	    .message_id = (uint32_t)rng_below(&sc->rng, 4),
	};
	message_begin(&m, buf, sizeof(buf), &h);
	notify_write(message_payload_begin(&m, PAYLOAD_NOTIFY), 0, (struct bytes){0},
		     types[rng_below(&sc->rng, sizeof(types) / sizeof(types[0]))], BYTES_OF(data));
	message_payload_end(&m);
	if (message_end(&m, &out) == ERR_NONE)
		network_inject(sc->sim, p, &sa->path.remote, sa->path.natt, out, 1);
}

static void again(struct sim *sim, struct sim_event *e)
{
	static const char *const children[] = {"one", "two", "three"};
	struct sim_peer *p = e->peer;

	if (sim == NULL || p->ike == NULL)
		return;
	sim_note(sim, "%s: command rekey (the other side's too)", p->name);
	ike_rekey(p->ike, p->conns[0]->name, e->number == 0 ? NULL : children[e->number - 1],
		  peer_now(p));
}

static void rekey_both(struct scenario *sc)
{
	const uint64_t what = rng_below(&sc->rng, sc->wish[0].n_children + 1);
	const uint64_t apart = rng_chance(&sc->rng, 400)   ? 0
			       : rng_chance(&sc->rng, 700) ? rng_below(&sc->rng, 60 * MS)
							   : rng_below(&sc->rng, SECOND);
	const size_t first = rng_below(&sc->rng, 2);

	rekey(sc, sc->peer[first], what == 0 ? NULL : sc->wish[0].children[what - 1].name);
	sim_later(sc->sim, apart, again, sc->peer[!first], what);
}

static void mixed_pair(struct scenario *sc)
{
	const size_t first = rng_below(&sc->rng, 2);

	switch (rng_below(&sc->rng, 4)) {
	case 0:
		delete_child(sc, sc->peer[first], some_child(sc));
		break;
	case 1:
		rekey(sc, sc->peer[first], NULL);
		break;
	case 2:
		down(sc, sc->peer[first]);
		break;
	default:
		reauthenticate(sc, sc->peer[first]);
		break;
	}
	sim_later(sc->sim, rng_below(&sc->rng, 40 * MS), again, sc->peer[!first],
		  rng_below(&sc->rng, sc->wish[0].n_children + 1));
}

static void act(struct scenario *sc, enum act a)
{
	struct sim_peer *p = some_peer(sc);

	switch (a) {
	case ACT_REKEY_IKE:
		rekey(sc, p, NULL);
		break;
	case ACT_REKEY_CHILD:
		rekey(sc, p, some_child(sc));
		break;
	case ACT_REKEY_BOTH:
		rekey_both(sc);
		break;
	case ACT_DELETE_CHILD:
		delete_child(sc, p, some_child(sc));
		break;
	case ACT_UP:
		up(sc, p);
		break;
	case ACT_DOWN:
		down(sc, p);
		break;
	case ACT_REAUTHENTICATE:
		reauthenticate(sc, p);
		break;
	case ACT_RELOAD:
		reload(sc, p);
		break;
	case ACT_CRASH:
		crash(sc, p);
		break;
	case ACT_REBIND:
		network_rebind(sc->sim, sc->peer[0]);
		break;
	case ACT_CLOCK:
		p->clock_ahead += rng_below(&sc->rng, 2 * MINUTE);
		sim_note(sc->sim, "%s: its clock jumped", p->name);
		break;
	case ACT_OUTAGE:
		outage(sc);
		break;
	case ACT_FORGE:
		forge(sc, p);
		break;
	case ACT_RESET:
		streams_reset(sc->sim);
		break;
	case ACT_MIXED_PAIR:
		mixed_pair(sc);
		break;
	case N_ACTS:
		break;
	}
}

void act_some(struct scenario *sc)
{
	unsigned sum = 0;

	for (size_t i = 0; i < N_ACTS; i++)
		sum += sc->acts[i];
	if (sum == 0)
		return;
	uint64_t pick = rng_below(&sc->rng, sum);
	for (size_t i = 0; i < N_ACTS; i++) {
		if (pick < sc->acts[i]) {
			act(sc, (enum act)i);
			return;
		}
		pick -= sc->acts[i];
	}
}
