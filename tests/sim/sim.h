/* The simulator: engines, a network, data planes and a clock in one process, all driven by one
 * seed. Nothing here waits: time is a number that jumps to the next thing that happens. */
#ifndef POSTERN_SIM_H
#define POSTERN_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "crypto/crypto.h"
#include "ike/engine.h"
#include "ike/ike.h"
#include "ike/sa.h"
#include "pki/keystore.h"

#define MS          UINT64_C(1000)
#define SECOND      UINT64_C(1000000)
#define MINUTE      (60 * SECOND)
#define SIM_PEERS   4
#define SIM_CONNS   4
#define SIM_REASON  600
#define SIM_KEY_MAX 192
#define SIM_POLICY  64 /* policy numbers are below this */

struct sim;
struct sim_peer;

/* rng.c: not for secrets; the same seed gives the same numbers everywhere. */
struct sim_rng {
	uint64_t state;
};
uint64_t rng_next(struct sim_rng *r);
uint64_t rng_below(struct sim_rng *r, uint64_t bound); /* 0 for a bound of 0 */
uint64_t rng_between(struct sim_rng *r, uint64_t low, uint64_t high);
bool rng_chance(struct sim_rng *r, unsigned per_mille);
void rng_fill(void *rng, void *buf, size_t n);
/* Zeroed memory that the engine's count of blocks does not see; never NULL. */
void *sim_alloc(size_t n);

/* queue.c: what is to happen, by time and then by order of arrival. */
struct sim_event {
	uint64_t at;
	uint64_t order;
	/* Acts, unless sim is NULL (the run is over); frees what the event owns, not itself. */
	void (*fire)(struct sim *sim, struct sim_event *e);
	struct sim_peer *peer;
	unsigned generation; /* of the peer when this was planned */
	void *data;
	uint64_t number;
};
struct sim_queue {
	struct sim_event *events;
	size_t n, cap;
	uint64_t order;
};
void queue_add(struct sim_queue *q, struct sim_event e);
const struct sim_event *queue_first(const struct sim_queue *q);
struct sim_event queue_take(struct sim_queue *q);
void queue_clear(struct sim_queue *q);

/* network.c */
struct sim_net {
	unsigned loss, duplicate, corrupt, truncate, reflect, replay; /* per mille */
	uint64_t delay_min, delay_max;                                /* microseconds */
	size_t mtu; /* of IKE's IP datagrams: larger ones are lost unseen; 0: none is too large */
};
struct sim_nat {
	bool on;
	struct addr outside;
	uint16_t ports[2]; /* what 500 and 4500 look like from outside */
};
struct sim_datagram {
	struct endpoint src, dst; /* as on the wire: after the sender's NAT */
	bool natt;
	struct sim_peer *from;
	uint8_t *octets; /* owned */
	size_t len;
	bool esp; /* octets hold a struct sim_packet */
};
/* A hook sees each datagram when it is sent; false: it is lost. It may add to *delay. */
typedef bool sim_hook(struct sim *sim, struct sim_datagram *d, uint64_t *delay);
void network_send(struct sim *sim, struct sim_peer *from, const struct path *path,
		  struct bytes octets, bool esp);
/* From nobody: octets that arrive at `to` after delay as if they came from src. */
void network_inject(struct sim *sim, struct sim_peer *to, const struct endpoint *src, bool natt,
		    struct bytes octets, uint64_t delay);
/* The peer's NAT forgets and makes another mapping. */
void network_rebind(struct sim *sim, struct sim_peer *p);
/* Where the others see this peer. */
struct endpoint network_outside(const struct sim_peer *p, uint16_t port);

/* streams.c */
extern const struct stream_ops sim_stream_ops; /* ctx: the peer */
void streams_send(struct sim *sim, struct sim_peer *from, const struct path *path,
		  struct bytes octets, bool esp);
void streams_reset(struct sim *sim);
void streams_of_crashed(struct sim *sim, const struct sim_peer *p);

/* plane.c: a data plane in memory, which carries packets over the simulated network. */
struct sim_sa {
	bool used, active, first_in_told, soft_told;
	uint32_t handle, policy, spi_in, spi_out;
	struct path outer;
	bool natt;
	uint8_t key_in[SIM_KEY_MAX], key_out[SIM_KEY_MAX];
	size_t key_in_len, key_out_len;
	struct selector local[CHILD_SELECTORS_MAX], remote[CHILD_SELECTORS_MAX];
	size_t n_local, n_remote;
	uint64_t activated; /* order */
	uint64_t soft_packets, hard_packets, soft_octets, hard_octets;
	bool esn;
	struct dataplane_usage usage;
};
struct sim_packet {
	uint32_t spi;
	uint32_t policy; /* of the sender */
	uint64_t sequence;
	uint8_t key[SIM_KEY_MAX];
	size_t key_len;
};
struct sim_plane {
	struct sim_peer *peer;
	struct sim_sa *sas;
	size_t n;
	uint64_t activations;
	bool policies[SIM_POLICY];
	bool acquires[SIM_POLICY];
	uint64_t acquired_at[SIM_POLICY];
	uint64_t sent[SIM_POLICY], received[SIM_POLICY], unknown_spi, no_sa;
	bool refuse_installs;
};
extern const struct dataplane_ops sim_plane_ops;
/* One packet of this policy from p; false when there is no SA for it. */
bool plane_send(struct sim *sim, struct sim_peer *p, uint32_t policy);
void plane_receive(struct sim *sim, struct sim_peer *p, const struct sim_datagram *d);
size_t plane_count(const struct sim_plane *plane);
struct sim_sa *plane_find(struct sim_plane *plane, uint32_t handle);
void plane_clear(struct sim_plane *plane);

/* peer.c */
struct sim_peer {
	struct sim *sim;
	char name[8];
	unsigned index;
	struct addr addr; /* its own, inside its NAT */
	struct sim_nat nat;
	struct sim_rng rng;
	struct ike_settings settings;
	struct ike_callbacks callbacks;
	struct log log;
	struct ike *ike; /* NULL: crashed */
	unsigned generation;
	uint64_t clock_ahead;
	struct crypto *crypto;
	struct keystore *keys;
	struct ike_connection *conns[SIM_CONNS];
	size_t n_conns;
	struct sim_plane plane;
	uint64_t job_min, job_max; /* how long a job takes */
	unsigned jobs_under_way;
	/* The made-up server of what its jobs want fetched, which ends the item; NULL: nothing can
	 * be fetched. How long it takes. */
	void (*fetch)(struct sim_peer *p, struct ike_fetch *item);
	uint64_t fetch_time;
	unsigned fetches;
	ptrdiff_t octets, octets_most; /* that its engine holds, and held at most */
	bool misbehaves;               /* on purpose, by faults: what it sends is not measured */
	/* what it has told */
	unsigned events[IKE_EVENT_FAILED + 1];
	char last_failure[SIM_REASON];
	char last_warning[SIM_REASON];
};
struct sim_peer *peer_add(struct sim *sim, const char *name);
uint64_t peer_now(const struct sim_peer *p);
void peer_start(struct sim_peer *p); /* makes the engine and sets its connections */
void peer_crash(struct sim_peer *p);
void peer_free(struct sim_peer *p);
/* Around each call into the engine, so that what it takes counts as this peer's. What the callbacks
 * make within counts, too; those of a test alone take none. */
ptrdiff_t peer_enter(void);
void peer_leave(struct sim_peer *p, ptrdiff_t entered);
/* The connection is p's from now on; given to the engine if there is one. */
void peer_connection(struct sim_peer *p, struct ike_connection *c);
/* Every IKE SA of the peer in a state; any state for -1. */
unsigned peer_count_sas(const struct sim_peer *p, int state);
/* Its newest established one, or NULL. */
struct ike_sa *peer_sa(struct sim_peer *p);

/* config.c */
enum sim_auth { SIM_PSK, SIM_ED25519, SIM_ECDSA, SIM_N_AUTH };
struct sim_child_wish {
	const char *name;
	const char *local, *remote; /* selectors, separated by blanks */
	enum ike_start start;
	enum esp_mode mode;
	const char *esp; /* suite words; NULL: the default */
	enum ike_eesp eesp;
	bool eesp_sub_sas;
	uint32_t policy;
	uint64_t rekey_time, rekey_packets;
};
struct sim_wish {
	const char *name;
	enum sim_auth auth;
	const char *ike; /* suite words; NULL: the default */
	const char *local_id, *remote_id;
	struct sim_child_wish children[4];
	size_t n_children;
	uint64_t rekey_time, reauth_time, dpd_delay, retry_time;
	unsigned retransmits;
	bool answer_only; /* no remote address */
	bool no_unique;
	bool force_encap;
	enum ike_childless childless;
	enum ike_downgrade downgrade;
	enum ike_transport transport;
	bool tcp_share;
	enum ike_int_auth int_auth;
	const char *psk; /* NULL: the usual one */
	struct {
		enum ike_ppk_policy policy;
		enum ike_ppk_exchange exchange;
		enum ike_ppk_numbers numbers;
		bool rekey;
		const char *ids;  /* separated by blanks; NULL: "ppk" */
		const char *salt; /* of their keys */
	} ppk;
};
/* A connection of p toward other; keys and secrets for it go into both keystores. */
struct ike_connection *config_make(struct sim_peer *p, struct sim_peer *other,
				   const struct sim_wish *w);
/* The usual pair: connection "net" with child "one" on both; `start` of each. */
/* For scripts that want more than a wish says: a private key of p's (taken) that c signs with too,
 * under this name; and one whose public half c believes. */
void config_credential(struct sim_peer *p, const char *name, struct private_key *own,
		       struct ike_connection *c);
void config_believe(struct ike_connection *c, const struct private_key *theirs);
void config_pair(struct sim *sim, enum sim_auth auth, enum ike_start a, enum ike_start b);
extern const struct sim_wish config_usual;
/* The same wish as the other end has to have it. */
struct sim_wish config_mirror(const struct sim_wish *w);

/* check.c: what must hold, always and at rest. */
struct sim_seen {
	uint64_t key, value;
};
struct sim_seen_set {
	struct sim_seen *slots;
	size_t n, cap;
};
void check_sent(struct sim *sim, struct sim_peer *p, struct bytes datagram);
void check_installed(struct sim *sim, struct sim_peer *p, const struct sim_sa *sa);
void check_step(struct sim *sim);
/* Says why the two ends do not rest in harmony; NULL when they do. */
const char *check_settled(struct sim *sim, char *text, size_t cap);
void check_dump(struct sim *sim);
void check_all_gone(struct sim *sim);
void check_clear(struct sim *sim);

/* sim.c */
struct sim {
	uint64_t seed;
	uint64_t now;
	struct sim_rng rng; /* of the network and the scenario */
	struct sim_queue queue;
	struct sim_net net;
	struct sim_streams *streams; /* owned; NULL: there never was one */
	sim_hook *hook;
	void *hook_ctx;
	/* Sees each job that has been done; for who breaks a key exchange (attacker.h). */
	void (*job_hook)(struct sim *sim, const struct ike_job *job);
	struct sim_peer *peers[SIM_PEERS];
	size_t n_peers;
	struct sim_seen_set messages, ivs, esp_keys;
	bool trace;
	bool failed;
	char reason[SIM_REASON];
	uint64_t steps, steps_at_now;
	uint64_t datagrams;
	size_t blocks_at_start;
};
struct sim *sim_new(uint64_t seed, bool trace);
void sim_free(struct sim *sim);
/* The first failure stays. */
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Lets `time` pass, or less when something fails. */
void sim_run(struct sim *sim, uint64_t time);
/* Until done() says so or `most` has passed; false: it never did. */
bool sim_run_until(struct sim *sim, bool (*done)(struct sim *sim), uint64_t most);
/* fire() at `after` from now. */
void sim_later(struct sim *sim, uint64_t after, void (*fire)(struct sim *sim, struct sim_event *e),
	       struct sim_peer *peer, uint64_t number);

/* scenario.c: one random run; why is empty when all held. */
size_t scenario_groups(void);
const char *scenario_group_name(size_t group);
bool scenario_run(uint64_t seed, size_t group, bool trace, char why[SIM_REASON]);

#endif
