/* The stage for scripted tests of named faults: A and B, of which one misbehaves, and C, which has
 * a tunnel with B all along and must never notice. */
#ifndef POSTERN_SIM_FAULT_STAGE_H
#define POSTERN_SIM_FAULT_STAGE_H

#include "base/fault.h"
#include "sim.h"

#define SAID_MAX 256

/* One notify in a message that a peer sent, whether or not it is protected. */
struct said {
	const struct sim_peer *from;
	uint16_t type;
	uint8_t data[8]; /* its beginning */
	size_t n;
};

struct stage {
	struct sim *sim;
	struct sim_peer *a, *b, *c;
	struct faults of_a, of_b;
	struct said said[SAID_MAX];
	size_t n_said;
	size_t blocks;
};

/* A test by the name of its fault; tables end with a name of NULL. */
struct fault_test {
	const char *name;
	void (*play)(struct stage *st);
};
extern const struct fault_test faults_message[], faults_behaviour[];

/* C and B have their tunnel; A and B have none yet. */
void stage_set(struct stage *st, bool trace);
/* The faults are off; A and B must come to a tunnel, C must have kept its own, and when all is
 * taken down nothing is left. False: *why says what does not hold. */
bool stage_clear(struct stage *st, char why[SIM_REASON]);

/* Switches faults of p on, by text (base/fault.h). */
void fault(struct stage *st, struct sim_peer *p, const char *text);
/* Marks the test failed unless it holds. */
void expect(struct stage *st, bool holds, const char *what);
#define EXPECT(st, condition) expect(st, condition, #condition)

/* A asks for the tunnel; some seconds pass. */
void go(struct stage *st, unsigned seconds);
/* The same until A has sent IKE_AUTH's keys: what is switched on now meets IKE_AUTH. */
void go_to_auth(struct stage *st);
/* The tunnel is up. */
void go_up(struct stage *st);
void pass(struct stage *st, unsigned seconds);

/* The tunnel between A and B carries a packet each way. */
bool tunnel(struct stage *st);
/* How often p has said this in a notify; the last one's data is st->said[stage_last()]. */
unsigned said(const struct stage *st, const struct sim_peer *p, uint16_t type);
const struct said *said_last(const struct stage *st, const struct sim_peer *p, uint16_t type);
struct ike_totals totals(const struct sim_peer *p);
/* IKE SAs that B has with A, in any state but the one with C. */
unsigned sas_with_a(const struct stage *st);
/* Why A's last attempt failed, and what B last warned of, holds text. */
bool why_a(const struct stage *st, const char *text);
bool why_b(const struct stage *st, const char *text);
/* A sends a request to see what comes of it: liveness. */
void probe(struct stage *st);

#endif
