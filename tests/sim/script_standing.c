/* What must hold between several peers, in the long run and while the configuration changes
 * (negative-tests N10, N12, N13, N14). */
#include <string.h>

#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* N10: two peers that happen to choose the same SPIi, at the same time: told apart by address. */
static void n10_same_spi(struct sim *sim)
{
	script_pair(sim, false);
	struct sim_peer *c = peer_add(sim, "C");
	struct sim_wish w = config_usual;
	w.local_id = "c.example";
	struct sim_wish m = config_mirror(&w);
	m.name = "second";
	m.children[0].policy = 2;
	peer_connection(B(sim), config_make(B(sim), c, &m));
	peer_connection(c, config_make(c, B(sim), &w));
	peer_crash(A(sim));
	c->rng = A(sim)->rng;
	peer_start(A(sim));
	peer_start(c);
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	ike_up(c->ike, "net", NULL, peer_now(c));
	sim_run(sim, 25 * MS); /* both are half open at B */
	uint64_t spi_i = 0;
	unsigned same = 0;
	LIST_EACH (&B(sim)->ike->sa_list, node) {
		const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
		same += sa->spi_i == spi_i;
		spi_i = sa->spi_i;
	}
	script_expect(sim, same == 1, "the two have not the same SPIi at B");
	sim_run(sim, 10 * SECOND);
	script_expect(sim, peer_count_sas(B(sim), SA_UP) == 2, "not both are up");
	for (uint32_t policy = 1; policy <= 2; policy++)
		script_expect(sim, plane_send(sim, B(sim), policy), "no SA for a packet of B's");
	script_expect(sim, plane_send(sim, A(sim), 1) && plane_send(sim, c, 1), "no SA");
	sim_run(sim, SECOND);
	script_expect(sim,
		      A(sim)->plane.received[1] == 1 && c->plane.received[1] == 1 &&
			  B(sim)->plane.received[1] == 1 && B(sim)->plane.received[2] == 1,
		      "a packet went astray");
	/* one of them goes, the other does not notice */
	ike_down(c->ike, "net", NULL, peer_now(c));
	sim_run(sim, 10 * SECOND);
	script_expect(sim, peer_count_sas(A(sim), SA_UP) == 1, "A is down");
	script_expect(sim, peer_count_sas(c, -1) == 0, "C is not down");
	script_expect(sim, peer_count_sas(B(sim), -1) == 1, "B has not one IKE SA");
}

/* B has two connections for A's address: "first" for a stranger, with first_ike, and "net" for A,
 * with net_ike; A calls with its offer. */
static void switched(struct sim *sim, const char *offer, const char *first_ike, const char *net_ike)
{
	struct sim_wish a = config_usual, first, net;

	peer_add(sim, "A");
	peer_add(sim, "B");
	a.ike = offer;
	net = first = config_mirror(&a);
	first.name = "first";
	first.remote_id = "stranger.example";
	first.ike = first_ike;
	first.children[0].policy = 2;
	net.ike = net_ike;
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &first));
	peer_connection(B(sim), config_make(B(sim), A(sim), &net));
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * SECOND);
}

static void expect_refused(struct sim *sim)
{
	script_expect(sim, strstr(A(sim)->last_failure, "AUTHENTICATION_FAILED") != NULL,
		      "A is not refused with AUTHENTICATION_FAILED");
	script_expect(sim, B(sim)->events[IKE_EVENT_SA_UP] == 0, "an IKE SA came up at B");
	script_expect(sim, B(sim)->events[IKE_EVENT_CHILD_UP] == 0, "a Child SA came up at B");
}

/* N12: what IKE_SA_INIT agreed with one connection is less than the connection of the identity
 * takes. */
static void n12_weaker_cipher(struct sim *sim)
{
	switched(sim, "aes128gcm-prfsha256-x25519", "aes128gcm-prfsha256-x25519",
		 "aes256gcm-prfsha384-x25519");
	expect_refused(sim);
}

static void n12_no_additional_exchange(struct sim *sim)
{
	switched(sim, "aes256gcm-prfsha384-x25519", "aes256gcm-prfsha384-x25519",
		 "aes256gcm-prfsha384-x25519+mlkem768");
	expect_refused(sim);
}

static void n12_weaker_additional_exchange(struct sim *sim)
{
	switched(sim, "aes256gcm-prfsha384-x25519+mlkem512", "aes256gcm-prfsha384-x25519+mlkem512",
		 "aes256gcm-prfsha384-x25519+mlkem1024");
	expect_refused(sim);
}

/* The other way round: the connection of the identity takes less; nothing is dropped for it. */
static void n12_less_is_asked(struct sim *sim)
{
	switched(sim, "aes256gcm-prfsha384-x25519+mlkem768", "aes256gcm-prfsha384-x25519+mlkem768",
		 "aes256gcm-prfsha384-x25519");
	expect_refused(sim);
}

/* And where both take it, the switch is no obstacle, and what was agreed stays. */
static void n12_both_take_it(struct sim *sim)
{
	switched(sim, "aes256gcm-prfsha384-x25519+mlkem768", "aes256gcm-prfsha384-x25519+mlkem768",
		 "aes128gcm-prfsha256-x25519, aes256gcm-prfsha384-x25519+mlkem768");
	script_expect_tunnel(sim);
	const struct ike_sa *sa = peer_sa(B(sim));
	script_expect(sim, sa != NULL && strcmp(sa->config->name, "net") == 0,
		      "it is not the connection of the identity");
	script_expect(sim, sa != NULL && sa->suite.addke[0] == 36, "ML-KEM-768 was dropped");
}

/* Packets both ways, `n` of them, each noticed when it is not sent. Returns how many were not. */
static unsigned packets(struct sim *sim, unsigned n)
{
	unsigned refused = 0;

	for (unsigned i = 0; i < n && !sim->failed; i++) {
		for (size_t k = 0; k < 2; k++)
			refused += !plane_send(sim, sim->peers[k], 1);
		sim_run(sim, 5 * MS);
		for (size_t k = 0; k < 2; k++)
			for (size_t j = 0; j < sim->peers[k]->plane.n; j++) {
				const struct sim_sa *sa = &sim->peers[k]->plane.sas[j];
				script_expect(
				    sim, !sa->used || sa->usage.out_packets <= sa->hard_packets,
				    "a counter went past its limit");
			}
	}
	return refused;
}

static unsigned rekeys(struct sim *sim)
{
	return A(sim)->events[IKE_EVENT_CHILD_REKEYED] + B(sim)->events[IKE_EVENT_CHILD_REKEYED];
}

static void limited(struct sim *sim, uint64_t most, const char *esp)
{
	struct sim_wish a = config_usual, b;

	peer_add(sim, "A");
	peer_add(sim, "B");
	a.children[0].rekey_packets = most;
	a.children[0].esp = esp;
	a.children[0].start = IKE_START_AUTO;
	b = config_mirror(&a);
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &b));
	peer_start(A(sim));
	peer_start(B(sim));
	script_expect(sim, sim_run_until(sim, script_at_rest, 5 * SECOND), "no tunnel");
	sim_run(sim, 5 * SECOND);
}

/* N13: the soft limit rekeys, in time for not one packet to be held up. */
static void n13_rekeyed_before(struct sim *sim)
{
	limited(sim, 200, "aes128gcm");
	script_expect(sim, packets(sim, 3000) == 0, "traffic stopped");
	script_expect(sim, rekeys(sim) >= 10, "it is not rekeyed");
	sim_run(sim, SECOND);
	script_expect(sim,
		      A(sim)->plane.sent[1] == B(sim)->plane.received[1] &&
			  B(sim)->plane.sent[1] == A(sim)->plane.received[1],
		      "a packet was lost");
	script_expect_tunnel(sim);
}

/* Without any limit in the configuration the counter's own holds: 2^32 packets without extended
 * sequence numbers, and with them still one far below 2^64. */
static void n13_counter(struct sim *sim, const char *esp, uint64_t least, uint64_t most)
{
	limited(sim, 0, esp);
	struct sim_sa *sa = NULL;
	for (size_t i = 0; i < A(sim)->plane.n; i++)
		if (A(sim)->plane.sas[i].used)
			sa = &A(sim)->plane.sas[i];
	if (sa == NULL) {
		sim_fail(sim, "no Child SA");
		return;
	}
	script_expect(sim,
		      sa->soft_packets > least && sa->soft_packets < sa->hard_packets &&
			  sa->hard_packets <= most,
		      "the limits are not those of the counter");
	sa->usage.out_packets = sa->soft_packets - 50;
	const unsigned before = rekeys(sim);
	script_expect(sim, packets(sim, 200) == 0, "traffic stopped");
	script_expect(sim, rekeys(sim) == before + 1, "the counter runs out and nothing rekeys");
	sim_run(sim, SECOND);
	script_expect_tunnel(sim);
}

static void n13_counter_32(struct sim *sim)
{
	n13_counter(sim, "chacha20poly1305-noesn", UINT64_C(1) << 31, UINT32_MAX);
}

static void n13_counter_64(struct sim *sim)
{
	n13_counter(sim, "chacha20poly1305-esn", UINT32_MAX, UINT64_MAX / 2);
}

/* The cipher's own limit, with extended sequence numbers: crypto/algorithm.h. */
static void n13_cipher(struct sim *sim)
{
	n13_counter(sim, "aes256gcm-esn", UINT64_C(1) << 31, UINT64_C(1) << 32);
	const struct sim_sa *sa = &A(sim)->plane.sas[0];
	script_expect(sim,
		      sa->used && sa->soft_octets > UINT64_C(1) << 37 &&
			  sa->soft_octets < sa->hard_octets && sa->hard_octets <= UINT64_C(1) << 38,
		      "the octets are not limited as the cipher wants it");
}

static void n13_cipher_ccm(struct sim *sim)
{
	n13_counter(sim, "aes128ccm-esn", UINT64_C(1) << 30, UINT64_C(1) << 31);
}

/* No rekey gets through: the hard limit ends the Child SA and says so; a new one comes when the
 * peer can be reached again. */
static void n13_hard(struct sim *sim)
{
	static struct script_filter f;

	limited(sim, 100, "aes128gcm");
	f = (struct script_filter){.exchange = EXCHANGE_CREATE_CHILD_SA, .drop = 100000};
	script_drop(sim, &f);
	const unsigned downs = A(sim)->events[IKE_EVENT_CHILD_DOWN];
	script_expect(sim, packets(sim, 500) > 0, "the hard limit lets packets pass");
	script_expect(sim, strstr(ike_conn_find(A(sim)->ike, "net")->why, "limit of use") != NULL,
		      "traffic stops and the status does not say why");
	sim_run(sim, 2 * MINUTE); /* the rekey has been tried often enough */
	script_expect(sim, A(sim)->events[IKE_EVENT_CHILD_DOWN] > downs,
		      "traffic stops and nobody is told");
	sim->hook = NULL;
	sim_run(sim, MINUTE);
	script_expect_tunnel(sim);
	script_expect(sim, packets(sim, 1000) == 0, "traffic stopped");
}

enum reload { RELOAD_SAME, RELOAD_CHANGED, RELOAD_REMOVED, N_RELOADS };

static void reload(struct sim *sim, struct sim_peer *p, enum reload how, unsigned turn)
{
	struct sim_wish w = config_usual;

	if (how == RELOAD_CHANGED)
		w.children[0].esp = turn % 2 == 0 ? "aes128gcm, aes256gcm" : "aes128gcm";
	if (p == B(sim))
		w = config_mirror(&w);
	if (how == RELOAD_REMOVED)
		ike_connection_remove(p->ike, "net", peer_now(p));
	peer_connection(p, config_make(p, p == A(sim) ? B(sim) : A(sim), &w));
}

enum during { DURING_SETUP, DURING_CHILD_REKEY, DURING_IKE_REKEY };

/* The operation, then a reload so much later, for every moment of the exchanges: within a minute
 * all is as if it had been set up anew, with nothing left over. */
static void n14(struct sim *sim, enum during during, enum reload how)
{
	unsigned turn = 0;

	script_up(sim);
	sim->net.delay_max = sim->net.delay_min = 5 * MS;
	for (uint64_t at = 0; at < 30 * MS && !sim->failed; at += MS, turn++) {
		struct sim_peer *who = sim->peers[turn / 2 % 2];
		struct sim_peer *p = sim->peers[turn % 2];
		if (during == DURING_SETUP) {
			ike_down(A(sim)->ike, "net", NULL, peer_now(A(sim)));
			sim_run(sim, 20 * SECOND);
			script_expect(sim, plane_count(&A(sim)->plane) == 0, "A is not down");
			ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
		} else {
			ike_rekey(who->ike, "net", during == DURING_CHILD_REKEY ? "one" : NULL,
				  peer_now(who));
		}
		sim_run(sim, at);
		reload(sim, p, how, turn);
		sim_run(sim, MINUTE);
		ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
		script_expect_tunnel(sim);
	}
}

static void n14_setup(struct sim *sim)
{
	n14(sim, DURING_SETUP, RELOAD_CHANGED);
}

static void n14_setup_removed(struct sim *sim)
{
	n14(sim, DURING_SETUP, RELOAD_REMOVED);
}

static void n14_child_rekey(struct sim *sim)
{
	n14(sim, DURING_CHILD_REKEY, RELOAD_CHANGED);
}

static void n14_child_rekey_removed(struct sim *sim)
{
	n14(sim, DURING_CHILD_REKEY, RELOAD_REMOVED);
}

static void n14_ike_rekey(struct sim *sim)
{
	n14(sim, DURING_IKE_REKEY, RELOAD_CHANGED);
}

static void n14_ike_rekey_removed(struct sim *sim)
{
	n14(sim, DURING_IKE_REKEY, RELOAD_REMOVED);
}

/* A reload that changes nothing disturbs nothing: what was under way completes. */
static void n14_same(struct sim *sim)
{
	script_up(sim);
	const unsigned ups = A(sim)->events[IKE_EVENT_SA_UP];
	for (unsigned turn = 0; turn < 60 && !sim->failed; turn++) {
		const unsigned before =
		    A(sim)->events[IKE_EVENT_CHILD_REKEYED] + A(sim)->events[IKE_EVENT_SA_REKEYED];
		ike_rekey(A(sim)->ike, "net", turn % 2 == 0 ? "one" : NULL, peer_now(A(sim)));
		sim_run(sim, turn / 2 * MS);
		reload(sim, sim->peers[turn / 2 % 2], RELOAD_SAME, turn);
		sim_run(sim, SECOND);
		script_expect(sim,
			      A(sim)->events[IKE_EVENT_CHILD_REKEYED] +
				      A(sim)->events[IKE_EVENT_SA_REKEYED] ==
				  before + 1,
			      "the rekey did not complete");
		script_expect_tunnel(sim);
	}
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_UP] == ups, "the IKE SA was made anew");
}

const struct script scripts_standing[] = {
    {"N10-the-same-spi-from-two-peers", n10_same_spi},
    {"N12-identity-asks-for-a-stronger-cipher", n12_weaker_cipher},
    {"N12-identity-asks-for-an-additional-exchange", n12_no_additional_exchange},
    {"N12-identity-asks-for-another-additional-exchange", n12_weaker_additional_exchange},
    {"N12-identity-asks-for-less", n12_less_is_asked},
    {"N12-identity-takes-what-was-agreed", n12_both_take_it},
    {"N13-rekeyed-before-the-limit", n13_rekeyed_before},
    {"N13-32-bit-counter-never-wraps", n13_counter_32},
    {"N13-64-bit-counter-never-wraps", n13_counter_64},
    {"N13-rekeyed-before-the-cipher-s-limit", n13_cipher},
    {"N13-rekeyed-before-the-limit-of-ccm", n13_cipher_ccm},
    {"N13-hard-limit-is-told", n13_hard},
    {"N14-reload-during-set-up", n14_setup},
    {"N14-removal-during-set-up", n14_setup_removed},
    {"N14-reload-during-child-rekey", n14_child_rekey},
    {"N14-removal-during-child-rekey", n14_child_rekey_removed},
    {"N14-reload-during-ike-rekey", n14_ike_rekey},
    {"N14-removal-during-ike-rekey", n14_ike_rekey_removed},
    {"N14-reload-without-a-change", n14_same},
};
const size_t n_scripts_standing = sizeof(scripts_standing) / sizeof(scripts_standing[0]);
