/* Classic McEliece's megabyte: what it makes each end hold, and that it comes through. */
#include <stdio.h>

#include "base/ikev2_numbers.h"
#include "script.h"

#define LARGE "aes256gcm-prfsha384-x25519+mceliece6688128"

static void begin(struct sim *sim, enum ike_transport transport)
{
	struct sim_wish w = config_usual, m;

	peer_add(sim, "A");
	peer_add(sim, "B");
	w.ike = LARGE;
	w.transport = transport;
	m = config_mirror(&w);
	if (transport != IKE_TRANSPORT_UDP)
		m.transport = IKE_TRANSPORT_AUTO;
	for (size_t i = 0; i < 2; i++) {
		peer_connection(sim->peers[i],
				config_make(sim->peers[i], sim->peers[!i], i == 0 ? &w : &m));
		peer_start(sim->peers[i]);
	}
}

static void up(struct sim *sim)
{
	struct sim_peer *a = sim->peers[0];
	const ptrdiff_t held = peer_enter();

	ike_up(a->ike, "net", NULL, peer_now(a));
	peer_leave(a, held);
	script_expect(sim, sim_run_until(sim, script_at_rest, 10 * MINUTE), "no tunnel");
}

static void down(struct sim *sim)
{
	struct sim_peer *a = sim->peers[0];
	const ptrdiff_t held = peer_enter();

	ike_down(a->ike, "net", NULL, peer_now(a));
	peer_leave(a, held);
	sim_run(sim, MINUTE);
	script_expect(sim, peer_count_sas(a, -1) + peer_count_sas(sim->peers[1], -1) == 0,
		      "an IKE SA is left");
}

/* Each end's peak lies less than four times the public key above its rest, to which it returns. */
static void memory(struct sim *sim, enum ike_transport transport)
{
	const ptrdiff_t key = (ptrdiff_t)ke_find(KE_MCELIECE_6688128)->init_len;
	ptrdiff_t rest[2];

	begin(sim, transport);
	up(sim);
	down(sim); /* tables and heaps have their size from here on */
	for (size_t i = 0; i < 2; i++) {
		rest[i] = sim->peers[i]->octets;
		sim->peers[i]->octets_most = rest[i];
	}
	up(sim);
	for (size_t i = 0; i < 2; i++) {
		const struct sim_peer *p = sim->peers[i];
		const ptrdiff_t most = p->octets_most - rest[i], left = p->octets - rest[i];
		printf("# %s: at most %.2f public keys above its rest, and %td octets with the "
		       "tunnel up\n",
		       p->name, (double)most / (double)key, left);
		/* It holds the key itself at some time, else nothing has been measured. */
		script_expect(sim, most > key, "the measure sees no public key");
		script_expect(sim, most < 4 * key, "an end holds four public keys or more");
		script_expect(sim, left < 32 * 1024, "a tunnel at rest holds too much");
	}
	down(sim);
	for (size_t i = 0; i < 2; i++)
		script_expect(sim, sim->peers[i]->octets == rest[i],
			      "the memory does not go back to what it was at rest");
}

static void memory_udp(struct sim *sim)
{
	memory(sim, IKE_TRANSPORT_UDP);
}

static void memory_tcp(struct sim *sim)
{
	memory(sim, IKE_TRANSPORT_TCP);
}

/* A tenth of some thousand fragments is lost, whichever. */
static void through_loss(struct sim *sim)
{
	begin(sim, IKE_TRANSPORT_UDP);
	sim->net.loss = 100;
	sim->net.delay_max = 30 * MS;
	up(sim);
	script_expect(sim, sim->datagrams > 1500, "nothing had to be sent again");
	sim->net.loss = 0;
	sim_run(sim, 10 * SECOND);
	script_expect_tunnel(sim);
}

const struct script scripts_large[] = {
    {"mceliece-memory-of-each-end-udp", memory_udp},
    {"mceliece-memory-of-each-end-tcp", memory_tcp},
    {"mceliece-over-udp-through-10-percent-loss", through_loss},
};
const size_t n_scripts_large = sizeof(scripts_large) / sizeof(scripts_large[0]);
