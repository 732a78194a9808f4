/* Rekeys that meet each other and Deletes (RFC 7296 2.8.1, 2.8.2, 2.25), each message of them lost
 * in turn. */
#include <stdio.h>

#include "ike/child.h"
#include "script.h"

enum op { REKEY_CHILD, REKEY_IKE, DELETE_CHILD, DELETE_IKE, CREATE_CHILD, REAUTHENTICATE, N_OPS };

static void start_op(struct sim_peer *p, enum op op)
{
	const uint64_t now = peer_now(p);

	switch (op) {
	case REKEY_CHILD:
		ike_rekey(p->ike, "net", "one", now);
		break;
	case REKEY_IKE:
		ike_rekey(p->ike, "net", NULL, now);
		break;
	case DELETE_CHILD:
		ike_down(p->ike, "net", "one", now);
		break;
	case DELETE_IKE:
		ike_down(p->ike, "net", NULL, now);
		break;
	case CREATE_CHILD:
		ike_up(p->ike, "net", "one", now);
		break;
	case REAUTHENTICATE:
		ike_reauthenticate(p->ike, "net", now);
		break;
	case N_OPS:
		break;
	}
}

/* Both operations at once, with the n-th datagram lost, for every n; then the tunnel is wanted and
 * must be there, once. */
static void meet(struct sim *sim, enum op a, enum op b, uint64_t apart)
{
	for (unsigned lost = 0; lost < 12 && !sim->failed; lost++) {
		struct script_filter f = {.skip = lost, .drop = lost == 0 ? 0 : 1};
		f.response = lost % 2 == 0;
		f.skip = lost / 2;
		script_drop(sim, &f);
		start_op(sim->peers[0], a);
		sim_run(sim, apart);
		start_op(sim->peers[1], b);
		sim_run(sim, 3 * MINUTE);
		sim->hook = NULL;
		ike_up(sim->peers[0]->ike, "net", NULL, peer_now(sim->peers[0]));
		script_expect_tunnel(sim);
	}
}

static void all_meet(struct sim *sim, enum op a)
{
	script_up(sim);
	for (enum op b = 0; b < N_OPS && !sim->failed; b++) {
		meet(sim, a, b, 0);
		meet(sim, a, b, 5 * MS);
		meet(sim, b, a, 11 * MS);
	}
}

static void child_rekey_meets_all(struct sim *sim)
{
	all_meet(sim, REKEY_CHILD);
}

static void ike_rekey_meets_all(struct sim *sim)
{
	all_meet(sim, REKEY_IKE);
}

static void child_delete_meets_all(struct sim *sim)
{
	all_meet(sim, DELETE_CHILD);
}

static void ike_delete_meets_all(struct sim *sim)
{
	all_meet(sim, DELETE_IKE);
}

static void create_meets_all(struct sim *sim)
{
	all_meet(sim, CREATE_CHILD);
}

static void reauthentication_meets_all(struct sim *sim)
{
	all_meet(sim, REAUTHENTICATE);
}

static void packet_each(struct sim *sim, unsigned n)
{
	for (unsigned i = 0; i < n && !sim->failed; i++) {
		for (size_t k = 0; k < 2; k++)
			script_expect(sim, plane_send(sim, sim->peers[k], 1), "a gap");
		sim_run(sim, 7 * MS);
	}
}

static void no_packet_lost(struct sim *sim)
{
	sim_run(sim, SECOND);
	for (size_t k = 0; k < 2; k++)
		script_expect(sim,
			      sim->peers[k]->plane.sent[1] == sim->peers[!k]->plane.received[1],
			      "a packet was lost");
}

/* N24 and RFC 7296 2.8, 2.8.3: make before break. */
static void rekeys_lose_no_packet(struct sim *sim)
{
	static const enum op ops[] = {REKEY_CHILD, REKEY_IKE, REAUTHENTICATE};

	script_up(sim);
	for (size_t i = 0; i < 3; i++) {
		start_op(sim->peers[i % 2], ops[i]);
		packet_each(sim, 2000);
	}
	no_packet_lost(sim);
	script_expect_tunnel(sim);
}

/* N4: the same Child SA twice in a row, by its old SPI. */
static void n4_rekey_of_a_replaced_child(struct sim *sim)
{
	struct sim_peer *a, *b;
	struct ike_sa *sa;
	struct message m;

	script_up(sim);
	a = sim->peers[0];
	b = sim->peers[1];
	sa = peer_sa(b);
	const struct child_sa *c = CONTAINER_OF(sa->children.next, struct child_sa, of_sa);
	const uint32_t spi = c->spi_in;
	for (unsigned i = 0; i < 2; i++) {
		/* A Delete of what is there, and of what is not. */
		script_begin(b, sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id++);
		delete_write_child(message_payload_begin(&m, PAYLOAD_DELETE), PROTOCOL_ESP, &spi,
				   1);
		message_payload_end(&m);
		script_deliver(b, sa, &m, a);
		sim_run(sim, SECOND);
	}
	script_expect(sim, plane_count(&a->plane) == 0 || peer_sa(a) != NULL, "A has lost it all");
	ike_down(b->ike, "net", "one", peer_now(b));
	sim_run(sim, MINUTE);
	script_expect_tunnel(sim);
}

/* 2.25: a rekey of a Child SA that is not there. */
static void rekey_of_an_unknown_child(struct sim *sim)
{
	struct sim_peer *a, *b;

	script_up(sim);
	a = sim->peers[0];
	b = sim->peers[1];
	/* A forgets its half behind B's back. */
	struct ike_sa *sa = peer_sa(a);
	child_remove(a->ike, CONTAINER_OF(sa->children.next, struct child_sa, of_sa), "test");
	ike_rekey(b->ike, "net", "one", peer_now(b));
	sim_run(sim, 100 * MS);
	script_expect(sim, plane_count(&b->plane) == 0, "B keeps what the peer does not know");
	ike_up(a->ike, "net", NULL, peer_now(a));
	script_expect_tunnel(sim);
}

static bool a_has_rekeyed(struct sim *sim)
{
	return sim->peers[0]->events[IKE_EVENT_SA_REKEYED] > 0;
}

/* Both were told TEMPORARY_FAILURE: what B was put off for is over when the IKE SA has been
 * rekeyed, and B's Child SA need not come nearer to its end. */
static void goes_on_after_ike_rekey(struct sim *sim)
{
	struct sim_peer *a, *b;

	script_up(sim);
	a = sim->peers[0];
	b = sim->peers[1];
	for (unsigned n = 0; n < 8 && !sim->failed; n++) {
		a->events[IKE_EVENT_SA_REKEYED] = b->events[IKE_EVENT_CHILD_REKEYED] = 0;
		ike_rekey(a->ike, "net", NULL, peer_now(a));
		ike_rekey(b->ike, "net", "one", peer_now(b));
		script_expect(sim, sim_run_until(sim, a_has_rekeyed, MINUTE), "no rekey");
		sim_run(sim, 500 * MS);
		script_expect(sim, b->events[IKE_EVENT_CHILD_REKEYED] == 1,
			      "the Child SA's rekey still waits");
		script_expect_tunnel(sim);
	}
}

const struct script scripts_rekey[] = {
    {"rfc7296-2.25-child-rekey-meets-everything", child_rekey_meets_all},
    {"rfc7296-2.25-ike-rekey-meets-everything", ike_rekey_meets_all},
    {"rfc7296-2.25-child-delete-meets-everything", child_delete_meets_all},
    {"rfc7296-2.25-ike-delete-meets-everything", ike_delete_meets_all},
    {"rfc7296-2.25-creation-meets-everything", create_meets_all},
    {"rfc7296-2.8.3-reauthentication-meets-everything", reauthentication_meets_all},
    {"rfc7296-2.25-a-rekey-put-off-goes-on", goes_on_after_ike_rekey},
    {"N24-no-packet-lost-by-rekeys", rekeys_lose_no_packet},
    {"N4-delete-twice", n4_rekey_of_a_replaced_child},
    {"rfc7296-2.25-child-sa-not-found", rekey_of_an_unknown_child},
};
const size_t n_scripts_rekey = sizeof(scripts_rekey) / sizeof(scripts_rekey[0]);
