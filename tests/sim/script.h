/* Scripted runs: one situation each, step by step. */
#ifndef POSTERN_SIM_SCRIPT_H
#define POSTERN_SIM_SCRIPT_H

#include "sim.h"
#include "wire/message.h"
#include "wire/parts.h"

struct script {
	const char *name;
	void (*run)(struct sim *sim);
};

extern const struct script scripts_handshake[], scripts_hostile[], scripts_rekey[];
extern const struct script scripts_limits[], scripts_standing[], scripts_offers[], scripts_cells[];
extern const size_t n_scripts_limits, n_scripts_standing, n_scripts_offers, n_scripts_cells;
extern const struct script scripts_intermediate[], scripts_large[];
extern const size_t n_scripts_large;
extern const size_t n_scripts_intermediate;
extern const struct script scripts_exchanges[];
extern const size_t n_scripts_exchanges;
extern const size_t n_scripts_handshake, n_scripts_hostile, n_scripts_rekey;
extern const struct script scripts_kem[], scripts_kem_bad[];
extern const size_t n_scripts_kem_bad;
extern const size_t n_scripts_kem;
extern const struct script scripts_ppk[];
extern const size_t n_scripts_ppk;
extern const struct script scripts_pq[];
extern const size_t n_scripts_pq;
extern const struct script scripts_downgrade[];
extern const size_t n_scripts_downgrade;
extern const struct script scripts_childless[];
extern const size_t n_scripts_childless;
extern const struct script scripts_certificates[];
extern const size_t n_scripts_certificates;
extern const struct script scripts_fetch[];
extern const size_t n_scripts_fetch;
extern const struct script scripts_streams[];
extern const size_t n_scripts_streams;
extern const struct script scripts_bad[];
extern const size_t n_scripts_bad;
extern const struct script scripts_signatures[];
extern const size_t n_scripts_signatures;

extern const struct script scripts_eesp[];
extern const size_t n_scripts_eesp;

/* Peers A and B with the usual connection; A begins, when `start`. */
void script_pair(struct sim *sim, bool start);
/* The same until the tunnel is up. */
void script_up(struct sim *sim);
bool script_at_rest(struct sim *sim);
/* Exactly one IKE SA and one Child SA at both ends, and a packet passes both ways. */
void script_expect_tunnel(struct sim *sim);
void script_expect(struct sim *sim, bool holds, const char *what);
/* A message of from's SA, protected as from would do it; finish by script_deliver(). */
void script_begin(struct sim_peer *from, struct ike_sa *sa, struct message *m, uint8_t exchange,
		  bool response, uint32_t id);
void script_deliver(struct sim_peer *from, struct ike_sa *sa, struct message *m,
		    struct sim_peer *to);
/* A CREATE_CHILD_SA request with this SPI, for child 0 or (no or eight octets) for a new IKE SA;
 * rekeys: the SPI of a REKEY_SA notify, 0 for none. */
void script_create(struct sim_peer *from, struct ike_sa *sa, struct message *m, struct bytes spi,
		   uint32_t rekeys);
/* Counts datagrams of an exchange, and those that it lets pass; see script_drop(). */
struct script_filter {
	uint8_t exchange; /* 0: any */
	bool response;
	const struct sim_peer *from; /* NULL: anybody */
	unsigned skip, drop;         /* so many pass first, so many are lost then */
	unsigned seen;
	uint64_t at[32]; /* when each was sent */
	uint64_t sizes[32];
	uint16_t last_notify; /* of the last one that was not protected */
	/* The SA by whose keys protected ones are read, of the peer that receives them, or NULL. */
	const struct ike_sa *reader;
	uint16_t inner_notify;       /* the first notify of the last one that was read; 0: none */
	bool inner_sa, inner_delete; /* it has such a payload */
	unsigned opened;
};
/* Sends m to `to` as from would, and says with which notify it is answered; 0: with none. */
uint16_t script_ask(struct sim_peer *from, struct ike_sa *sa, struct message *m,
		    struct sim_peer *to);
void script_drop(struct sim *sim, struct script_filter *filter);

#endif
