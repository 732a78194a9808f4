/* Hybrid key exchanges in trouble: chains of additional ones, pieces that get lost and come in any
 * order, narrow paths, and rekeys whose series of exchanges meet. */
#include "scenario.h"

struct chain {
	const char *a, *b; /* as each end has it; b NULL: as a */
	unsigned loss;     /* at most, per mille: every piece of a message must come through */
	unsigned weight;   /* the slow ones seldom */
	bool large; /* over half a megabyte a key: less happens, and over TCP each second time */
};

static const struct chain chains[] = {
    {"aes128gcm-prfsha256-x25519+mlkem512", NULL, 300, 20},
    {"aes256gcm-prfsha384-x25519+mlkem768", NULL, 300, 40},
    {"aes256-sha256-prfsha512-ecp256+mlkem1024", NULL, 200, 15},
    {"aes128gcm-prfsha256-mlkem512", NULL, 300, 8},
    {"aes128gcm-prfsha256-mlkem768", NULL, 200, 4},
    {"chacha20poly1305-prfsha256-x25519+x448+mlkem512+ecp256", NULL, 200, 10},
    /* All seven places. */
    {"aes128gcm-prfsha256-x25519+mlkem512+mlkem768+mlkem1024+x448+ecp256+ecp384+modp2048", NULL,
     150, 6},
    /* What fits is a part of what each one has, and stands last (N17). */
    {"aes256gcm-prfsha384-ecp384+mlkem1024, aes128gcm-prfsha256-x25519+mlkem768+mlkem512",
     "aes128gcm-prfsha256-x25519+mlkem512, aes128gcm-prfsha256-x25519+mlkem768+mlkem512", 200, 15},
    /* One end can do without. */
    {"aes128gcm-prfsha256-x25519+mlkem768-x25519", "aes128gcm-prfsha256-x25519", 200, 8},
    {"aes128gcm-prfsha256-x25519+frodo976aes", NULL, 30, 4},
    {"aes128gcm-prfsha256-x25519+mlkem768+frodo976shake", NULL, 30, 2},
    {"aes128gcm-prfsha256-x25519+frodo1344aes", NULL, 30, 2},
    {"aes128gcm-prfsha256-x25519+mlkem768+frodo1344shake", NULL, 30, 1},
    {"aes128gcm-prfsha256-x25519+mceliece348864", NULL, 5, 4},
    {"aes128gcm-prfsha256-x25519+mceliece460896", NULL, 20, 3, true},
    {"aes256gcm-prfsha384-x25519+mceliece6688128", NULL, 20, 2, true},
    {"aes128gcm-prfsha256-x25519+mlkem768+mceliece6960119", NULL, 20, 1, true},
    {"aes256gcm-prfsha384-x25519+mlkem768+frodo1344aes+mceliece8192128", NULL, 20, 1, true},
};

static const char *const esps[] = {"aes128gcm",
				   "aes128gcm-x25519+mlkem768",
				   "aes128gcm-mlkem512",
				   "chacha20poly1305-x25519+mlkem512+x448",
				   "aes128gcm-x25519+mlkem512+mlkem768+mlkem1024",
				   "aes128gcm-x25519+mlkem768-x25519"};

static const struct chain *chain_choose(struct scenario *sc)
{
	unsigned all = 0;
	size_t i;

	for (i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		all += chains[i].weight;
	uint64_t pick = rng_below(&sc->rng, all);
	for (i = 0; pick >= chains[i].weight; i++)
		pick -= chains[i].weight;
	return &chains[i];
}

/* As the group "streams" has it: only A opens connections, and they break. */
static void over_streams(struct scenario *sc)
{
	sc->wish[0].transport = IKE_TRANSPORT_TCP;
	sc->wish[1].transport = IKE_TRANSPORT_AUTO;
	sc->wish[1].answer_only = true;
	for (size_t i = 0; i < sc->wish[1].n_children; i++)
		sc->wish[1].children[i].start = IKE_START_MANUAL;
	sc->acts[ACT_RESET] = 3;
}

void scenario_pq(struct scenario *sc)
{
	static const size_t mtus[] = {0, 1500, 1280, 1000, 600};
	const struct chain *c = chain_choose(sc);
	struct sim_net *net = &sc->sim->net;

	sc->wish[0].ike = c->a;
	sc->wish[1].ike = c->b == NULL ? c->a : c->b;
	for (size_t i = 0; i < sc->wish[0].n_children; i++)
		sc->wish[0].children[i].esp = sc->wish[1].children[i].esp =
		    esps[rng_below(&sc->rng, sizeof(esps) / sizeof(esps[0]))];
	*net = (struct sim_net){
	    .loss = rng_chance(&sc->rng, 700) ? (unsigned)rng_below(&sc->rng, c->loss) : 0,
	    .duplicate = (unsigned)rng_below(&sc->rng, 300),
	    .replay = (unsigned)rng_below(&sc->rng, 100),
	    .delay_min = rng_between(&sc->rng, 1, 20 * MS),
	    .delay_max = rng_between(&sc->rng, 20 * MS, 600 * MS),
	    .mtu = mtus[rng_below(&sc->rng, sizeof(mtus) / sizeof(mtus[0]))],
	};
	for (size_t i = 0; i < 2; i++)
		sc->peer[i]->job_max = rng_between(&sc->rng, MS, 400 * MS);
	sc->acts[ACT_REKEY_BOTH] = 8;
	sc->acts[ACT_REKEY_IKE] = 2;
	sc->acts[ACT_REKEY_CHILD] = 2;
	sc->acts[ACT_MIXED_PAIR] = 2;
	sc->acts[ACT_UP] = 2;
	sc->acts[ACT_DELETE_CHILD] = 1;
	sc->acts[ACT_REAUTHENTICATE] = 1;
	sc->acts[ACT_CRASH] = rng_chance(&sc->rng, 200);
	sc->acts[ACT_RELOAD] = rng_chance(&sc->rng, 200);
	sc->acts[ACT_OUTAGE] = rng_chance(&sc->rng, 200);
	sc->pause = rng_between(&sc->rng, 100 * MS, 8 * SECOND);
	if (c->large) {
		sc->trouble = rng_between(&sc->rng, SECOND, 30 * SECOND);
		sc->pause = 12 * SECOND;
	}
	if (rng_chance(&sc->rng, c->large ? 500 : 150))
		over_streams(sc);
}
