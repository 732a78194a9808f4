/* One random run: a pair of peers, a time of trouble, a time of peace, and the end. */
#ifndef POSTERN_SIM_SCENARIO_H
#define POSTERN_SIM_SCENARIO_H

#include "sim.h"

struct scenario {
	struct sim *sim;
	struct sim_rng rng;
	struct sim_wish wish[2]; /* of A and of B */
	struct sim_peer *peer[2];
	uint64_t trouble;  /* how long it lasts */
	uint64_t pause;    /* the longest one between two acts */
	uint64_t traffic;  /* between two packets; 0: none */
	unsigned acts[16]; /* weights by enum act */
	bool zero_loss;    /* in peace no packet may be lost */
	bool refused;      /* the configurations do not fit: a clean failure is the goal */
	uint64_t peace;
};

enum act {
	ACT_REKEY_IKE,
	ACT_REKEY_CHILD,
	ACT_REKEY_BOTH, /* both peers at once, or nearly */
	ACT_DELETE_CHILD,
	ACT_UP,
	ACT_DOWN,
	ACT_REAUTHENTICATE,
	ACT_RELOAD,
	ACT_CRASH,
	ACT_REBIND,
	ACT_CLOCK,
	ACT_OUTAGE,
	ACT_FORGE,
	ACT_RESET,      /* of every TCP connection */
	ACT_MIXED_PAIR, /* a delete and a rekey at once */
	N_ACTS,
};

/* scenario_pq.c: hybrid key exchanges, in pieces where they are large. */
void scenario_pq(struct scenario *sc);

/* acts.c: does one, chosen by the weights. */
void act_some(struct scenario *sc);

#endif
