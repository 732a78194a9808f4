#include "scenario.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static uint64_t some(struct scenario *sc, uint64_t low, uint64_t high)
{
	return rng_between(&sc->rng, low, high);
}

static void calm(struct scenario *sc)
{
	sc->trouble = SECOND;
	if (rng_chance(&sc->rng, 300))
		sc->wish[0].force_encap = true;
}

static void lossy(struct scenario *sc)
{
	sc->sim->net = (struct sim_net){.loss = (unsigned)some(sc, 0, 400),
					.duplicate = (unsigned)some(sc, 0, 300),
					.replay = (unsigned)some(sc, 0, 200),
					.delay_min = some(sc, 1, 50 * MS),
					.delay_max = some(sc, 50 * MS, 2 * SECOND)};
	sc->peer[0]->job_max = some(sc, MS, SECOND);
	sc->peer[1]->job_max = some(sc, MS, SECOND);
	sc->acts[ACT_REKEY_BOTH] = 1;
	sc->acts[ACT_REKEY_IKE] = 1;
	sc->acts[ACT_REKEY_CHILD] = 1;
}

static void hostile(struct scenario *sc)
{
	sc->sim->net = (struct sim_net){.loss = (unsigned)some(sc, 0, 100),
					.corrupt = (unsigned)some(sc, 0, 300),
					.truncate = (unsigned)some(sc, 0, 200),
					.reflect = (unsigned)some(sc, 0, 300),
					.replay = (unsigned)some(sc, 0, 300),
					.delay_min = MS,
					.delay_max = some(sc, 1, 300) * MS};
	sc->acts[ACT_FORGE] = 8;
	sc->acts[ACT_REKEY_IKE] = 1;
	sc->acts[ACT_REKEY_CHILD] = 1;
}

static void twins(struct scenario *sc)
{
	lossy(sc);
	sc->sim->net.loss /= 2;
	sc->trouble = some(sc, 1, 20 * SECOND);
	for (size_t i = 0; i < sc->wish[0].n_children; i++)
		sc->wish[0].children[i].start = sc->wish[1].children[i].start = IKE_START_AUTO;
	memset(sc->acts, 0, sizeof(sc->acts));
}

static void collisions(struct scenario *sc)
{
	sc->sim->net.loss = rng_chance(&sc->rng, 500) ? (unsigned)some(sc, 0, 200) : 0;
	sc->sim->net.delay_max = some(sc, 10, 200) * MS;
	sc->acts[ACT_REKEY_BOTH] = 8;
	sc->acts[ACT_MIXED_PAIR] = 3;
	sc->acts[ACT_UP] = 1;
	sc->pause = 3 * SECOND;
}

static void commands(struct scenario *sc)
{
	sc->sim->net.loss = (unsigned)some(sc, 0, 100);
	sc->acts[ACT_REKEY_IKE] = sc->acts[ACT_REKEY_CHILD] = 2;
	sc->acts[ACT_DELETE_CHILD] = 2;
	sc->acts[ACT_UP] = 4;
	sc->acts[ACT_DOWN] = 2;
	sc->acts[ACT_REAUTHENTICATE] = 2;
	sc->pause = some(sc, 10 * MS, 10 * SECOND);
}

static void lifetimes(struct scenario *sc)
{
	for (size_t i = 0; i < 2; i++) {
		sc->wish[i].rekey_time = some(sc, 20, 60) * SECOND;
		if (rng_chance(&sc->rng, 400))
			sc->wish[i].reauth_time = some(sc, 40, 100) * SECOND;
		for (size_t k = 0; k < sc->wish[i].n_children; k++) {
			sc->wish[i].children[k].rekey_time = some(sc, 10, 40) * SECOND;
			if (rng_chance(&sc->rng, 300))
				sc->wish[i].children[k].rekey_packets = some(sc, 80, 120);
		}
	}
	sc->trouble = some(sc, 1, 60) * SECOND;
	sc->peace = 4 * MINUTE;
	sc->traffic = some(sc, 20, 200) * MS;
	/* Between the soft and the hard limit there is an eighth: time for some seconds of
	 * TEMPORARY_FAILURE. */
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sc->wish[i].n_children; k++)
			if (sc->wish[i].children[k].rekey_packets != 0)
				sc->traffic = some(sc, 1000, 1500) * MS;
	sc->zero_loss = true;
}

static void nat(struct scenario *sc)
{
	struct sim_peer *a = sc->peer[0];

	a->nat.on = true;
	a->nat.outside = a->addr;
	a->nat.outside.a[addr_len(&a->addr) - 2] ^= 0x55;
	a->nat.ports[0] = 20500;
	a->nat.ports[1] = 24500;
	sc->wish[1].answer_only = true;
	for (size_t i = 0; i < sc->wish[1].n_children; i++)
		sc->wish[1].children[i].start = IKE_START_MANUAL;
	sc->wish[0].children[0].start = IKE_START_AUTO;
	sc->acts[ACT_REBIND] = 3;
	sc->acts[ACT_REKEY_IKE] = sc->acts[ACT_REKEY_CHILD] = sc->acts[ACT_REKEY_BOTH] = 1;
	sc->sim->net.loss = (unsigned)some(sc, 0, 100);
	sc->traffic = some(sc, 100 * MS, 5 * SECOND);
}

static void restarts(struct scenario *sc)
{
	sc->sim->net.loss = (unsigned)some(sc, 0, 100);
	sc->acts[ACT_CRASH] = 3;
	sc->acts[ACT_REKEY_BOTH] = 1;
	sc->acts[ACT_REKEY_IKE] = 1;
	sc->acts[ACT_CLOCK] = 1;
	sc->acts[ACT_UP] = 1;
	sc->pause = 20 * SECOND;
}

static void reloads(struct scenario *sc)
{
	sc->sim->net.loss = (unsigned)some(sc, 0, 100);
	sc->acts[ACT_RELOAD] = 5;
	sc->acts[ACT_REKEY_BOTH] = 2;
	sc->acts[ACT_DELETE_CHILD] = 1;
	sc->acts[ACT_UP] = 2;
	sc->pause = some(sc, 1 * MS, 4 * SECOND);
}

static void cookies(struct scenario *sc)
{
	lossy(sc);
	sc->peer[0]->settings.cookie_threshold = sc->peer[1]->settings.cookie_threshold = 0;
	/* The first of A's methods is not the one that B wants. */
	sc->wish[0].ike = "aes128gcm-prfsha256-ecp256-x25519";
	sc->wish[1].ike = "aes128gcm-prfsha256-x25519";
}

static void outages(struct scenario *sc)
{
	sc->acts[ACT_OUTAGE] = 2;
	sc->acts[ACT_REKEY_BOTH] = 2;
	sc->acts[ACT_UP] = 1;
	sc->acts[ACT_CLOCK] = 1;
	sc->pause = 40 * SECOND;
	sc->trouble = some(sc, 1, 200) * SECOND;
	sc->traffic = some(sc, 100 * MS, 5 * SECOND);
}

static void everything(struct scenario *sc)
{
	hostile(sc);
	lossy(sc);
	sc->sim->net.loss /= 2;
	sc->sim->net.corrupt = (unsigned)some(sc, 0, 100);
	for (size_t i = 0; i < N_ACTS; i++)
		if (rng_chance(&sc->rng, 500))
			sc->acts[i] = (unsigned)some(sc, 0, 4);
	sc->pause = some(sc, 100 * MS, 20 * SECOND);
}

/* Only A opens connections, as their originator (RFC 9329 1.2). */
static void streams(struct scenario *sc)
{
	static const enum ike_transport how[] = {IKE_TRANSPORT_TCP, IKE_TRANSPORT_AUTO,
						 IKE_TRANSPORT_SEPARATE};

	sc->wish[0].transport = how[some(sc, 0, 2)];
	sc->wish[1].transport = sc->wish[0].transport == IKE_TRANSPORT_SEPARATE
				    ? IKE_TRANSPORT_SEPARATE
				    : IKE_TRANSPORT_AUTO;
	for (size_t i = 0; i < sc->wish[1].n_children; i++)
		sc->wish[1].children[i].start = IKE_START_MANUAL;
	sc->wish[1].answer_only = true;
	sc->sim->net.delay_max = some(sc, 10, 400) * MS;
	sc->sim->net.loss = (unsigned)some(sc, 0, 200);
	sc->acts[ACT_RESET] = 4;
	sc->acts[ACT_REKEY_IKE] = sc->acts[ACT_REKEY_CHILD] = sc->acts[ACT_REKEY_BOTH] = 2;
	sc->acts[ACT_CRASH] = sc->acts[ACT_OUTAGE] = sc->acts[ACT_UP] = 1;
	sc->acts[ACT_REAUTHENTICATE] = 1;
	sc->pause = some(sc, 10 * MS, 20 * SECOND);
}

/* PPKs that both ends have, used in some way that both can. */
static void ppk_choose(struct scenario *sc)
{
	static const char *const ids[][2] = {{"x", "x"}, {"x y", "y"}, {"x y z", "z x"}};
	const size_t pick = (size_t)some(sc, 0, 2);

	for (size_t i = 0; i < 2; i++) {
		sc->wish[i].ppk.policy =
		    rng_chance(&sc->rng, 500) ? IKE_PPK_ALLOW : IKE_PPK_REQUIRED;
		sc->wish[i].ppk.ids = ids[pick][i];
	}
	sc->wish[0].ppk.rekey = sc->wish[1].ppk.rekey = rng_chance(&sc->rng, 500);
	sc->wish[0].ppk.exchange = sc->wish[1].ppk.exchange =
	    pick > 0 ? IKE_PPK_INTERMEDIATE : (enum ike_ppk_exchange)some(sc, 0, 2);
	if (pick == 0 && rng_chance(&sc->rng, 300))
		sc->wish[some(sc, 0, 1)].ppk.exchange = IKE_PPK_AUTO;
}

/* The ends do not fit together: no tunnel, a reason, and nothing left. */
static void refusals(struct scenario *sc)
{
	sc->refused = true;
	sc->trouble = some(sc, 1, 60) * SECOND;
	sc->sim->net.loss = (unsigned)some(sc, 0, 200);
	switch (rng_below(&sc->rng, 5)) {
	case 0:
		sc->wish[0].ike = "aes256gcm-prfsha384-x25519";
		sc->wish[1].ike = "aes128gcm-prfsha256-x25519";
		break;
	case 1:
		sc->wish[1].local_id = "c.example";
		break;
	case 2:
		sc->wish[1].remote_id = "c.example";
		break;
	case 3:
		ppk_choose(sc);
		sc->wish[0].ppk.policy = sc->wish[1].ppk.policy = IKE_PPK_REQUIRED;
		sc->wish[0].ppk.salt = "another";
		break;
	default:
		sc->wish[0].remote_id = "c.example"; /* also another pre-shared key */
		break;
	}
}

static const struct {
	const char *name;
	void (*set)(struct scenario *sc);
} groups[] = {
    {"calm", calm},
    {"loss", lossy},
    {"hostile", hostile},
    {"simultaneous", twins},
    {"collisions", collisions},
    {"commands", commands},
    {"lifetimes", lifetimes},
    {"nat", nat},
    {"restarts", restarts},
    {"reloads", reloads},
    {"cookies", cookies},
    {"outages", outages},
    {"streams", streams},
    {"everything", everything},
    {"refusals", refusals},
    {"pq", scenario_pq},
};

size_t scenario_groups(void)
{
	return sizeof(groups) / sizeof(groups[0]);
}

const char *scenario_group_name(size_t group)
{
	return groups[group].name;
}

static const struct sim_child_wish some_children[] = {
    {.name = "one", .local = "10.1.0.0/24", .remote = "10.2.0.0/24", .policy = 1},
    {.name = "two",
     .local = "2001:db8:1::/48 10.1.1.0/24",
     .remote = "2001:db8:2::/48 10.2.1.0/24[tcp/443] 10.2.2.0/24",
     .policy = 2},
    {.name = "three", .local = "10.1.9.0/24[udp]", .remote = "10.2.9.7", .policy = 3},
};

/* Slow algorithms seldom: what is tested here is the order of things. */
static void suites_choose(struct scenario *sc, struct sim_wish *w)
{
	static const char *const ikes[] = {"aes128gcm-prfsha256-x25519",
					   "chacha20poly1305-prfsha512-x25519",
					   "aes256-sha256-prfsha384-x25519"};
	static const char *const esps[] = {"aes128gcm", "aes256gcm-x25519", "aes128-sha256",
					   "chacha20poly1305-x25519"};

	w->auth = rng_chance(&sc->rng, 800) ? SIM_PSK : (enum sim_auth)some(sc, 1, 2);
	w->ike = rng_chance(&sc->rng, 30) ? NULL : ikes[some(sc, 0, 2)];
	for (size_t i = 0; i < w->n_children; i++)
		w->children[i].esp = esps[some(sc, 0, 3)];
}

/* Anything but one end that must do without a Child SA in IKE_AUTH and one that cannot. */
static void childless_choose(struct scenario *sc)
{
	enum ike_childless *a = &sc->wish[0].childless, *b = &sc->wish[1].childless;

	if (!rng_chance(&sc->rng, 500))
		return;
	*a = (enum ike_childless)some(sc, 0, 3);
	*b = (enum ike_childless)some(sc, 0, 3);
	if (*a == IKE_CHILDLESS_FORCE && *b == IKE_CHILDLESS_NEVER)
		*b = IKE_CHILDLESS_ALLOW;
	if (*b == IKE_CHILDLESS_FORCE && *a == IKE_CHILDLESS_NEVER)
		*a = IKE_CHILDLESS_ALLOW;
}

/* EESP at one end, at both or at none: they always agree on something. */
static void eesp_choose(struct scenario *sc)
{
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sc->wish[i].n_children; k++) {
			struct sim_child_wish *c = &sc->wish[i].children[k];
			c->eesp = rng_chance(&sc->rng, 500) ? IKE_EESP_PREFER : IKE_EESP_NO;
			c->eesp_sub_sas = rng_chance(&sc->rng, 500);
		}
}

static void wishes(struct scenario *sc)
{
	struct sim_wish *w = &sc->wish[0];

	*w = config_usual;
	w->n_children = rng_chance(&sc->rng, 600) ? 1 : (size_t)some(sc, 2, 3);
	for (size_t i = 0; i < w->n_children; i++)
		w->children[i] = some_children[i];
	suites_choose(sc, w);
	sc->wish[1] = config_mirror(w);
	for (size_t i = 0; i < w->n_children; i++) {
		w->children[i].start =
		    rng_chance(&sc->rng, 800) ? IKE_START_AUTO : IKE_START_ON_TRAFFIC;
		sc->wish[1].children[i].start = (enum ike_start)some(sc, 0, 2);
	}
	childless_choose(sc);
	eesp_choose(sc);
	if (rng_chance(&sc->rng, 150))
		ppk_choose(sc);
}

static void peers(struct scenario *sc)
{
	const bool six = rng_chance(&sc->rng, 250);

	for (size_t i = 0; i < 2; i++) {
		sc->peer[i] = peer_add(sc->sim, i == 0 ? "A" : "B");
		if (!six)
			continue;
		addr_parse(&sc->peer[i]->addr, i == 0 ? "2001:db8::1" : "2001:db8::2");
	}
}

static void traffic(struct sim *sim, struct sim_event *e)
{
	struct scenario *sc = sim == NULL ? NULL : sim->hook_ctx;

	if (sc == NULL || sc->traffic == 0)
		return;
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sc->wish[0].n_children; k++)
			if (sc->peer[i]->ike != NULL)
				plane_send(sim, sc->peer[i], sc->wish[0].children[k].policy);
	sim_later(sim, sc->traffic, traffic, NULL, e->number);
}

static void trouble(struct scenario *sc)
{
	const uint64_t end = sc->sim->now + sc->trouble;

	while (!sc->sim->failed && sc->sim->now < end) {
		sim_run(sc->sim, 1 + rng_below(&sc->rng, sc->pause));
		act_some(sc);
	}
}

static bool at_rest(struct sim *sim)
{
	char text[SIM_REASON];

	return check_settled(sim, text, sizeof(text)) == NULL;
}

/* From here on the network is good, and whoever was down is back and wants the tunnel. */
static void calm_down(struct scenario *sc)
{
	sim_note(sc->sim, "peace");
	sc->sim->net = (struct sim_net){.delay_min = 10 * MS, .delay_max = 10 * MS};
	for (size_t i = 0; i < 2; i++)
		sc->peer[i]->job_min = 200, sc->peer[i]->job_max = 2 * MS;
	sim_run(sc->sim, MINUTE); /* whoever crashed comes back, and outages end */
	sc->sim->net.loss = 0;
	if (sc->sim->failed || sc->refused)
		return;
	sim_run(sc->sim, 3 * MINUTE);
	if (!sc->sim->failed)
		ike_up(sc->peer[0]->ike, sc->wish[0].name, NULL, peer_now(sc->peer[0]));
	if (!sim_run_until(sc->sim, at_rest, 15 * MINUTE)) {
		char text[SIM_REASON] = "";
		const char *why = check_settled(sc->sim, text, sizeof(text));
		sim_fail(sc->sim, "it does not settle: %s", why == NULL ? "?" : why);
		check_dump(sc->sim);
	}
}

/* Each packet of each child arrives, both ways. */
static void probe(struct scenario *sc)
{
	uint64_t before[2][4];

	sc->traffic = 0;
	if (!sim_run_until(sc->sim, at_rest, 5 * MINUTE))
		sim_fail(sc->sim, "it does not come to rest");
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 1; k <= 3; k++)
			before[i][k] = sc->peer[i]->plane.received[k];
	for (size_t i = 0; i < 2 && !sc->sim->failed; i++)
		for (size_t k = 0; k < sc->wish[0].n_children; k++)
			if (sc->wish[0].children[k].start != IKE_START_MANUAL &&
			    !plane_send(sc->sim, sc->peer[i], sc->wish[0].children[k].policy))
				sim_fail(sc->sim, "%s: no SA for child %s", sc->peer[i]->name,
					 sc->wish[0].children[k].name);
	sim_run(sc->sim, 100 * MS);
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sc->wish[0].n_children; k++)
			if (sc->peer[i]->plane.received[k + 1] == before[i][k + 1])
				sim_fail(sc->sim, "%s: no packet of child %s arrived",
					 sc->peer[i]->name, sc->wish[0].children[k].name);
}

static uint64_t lost_packets(const struct scenario *sc)
{
	uint64_t sent = 0, received = 0;

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 1; k <= 3; k++) {
			sent +=
			    sc->peer[i]->plane.sent[k] + (k == 1 ? sc->peer[i]->plane.no_sa : 0);
			received += sc->peer[i]->plane.received[k];
		}
	return sent - received;
}

static void peace(struct scenario *sc)
{
	calm_down(sc);
	if (sc->sim->failed)
		return;
	if (sc->refused) {
		if (sc->peer[0]->last_failure[0] == '\0' &&
		    sc->peer[0]->events[IKE_EVENT_SA_UP] == 0)
			sim_fail(sc->sim, "the failure has no reason");
		for (size_t i = 0; i < 2; i++)
			if (plane_count(&sc->peer[i]->plane) != 0)
				sim_fail(sc->sim, "a tunnel is up that must not be");
		return;
	}
	/* Packets under way arrive within the delay: look between two of them. */
	const uint64_t before = lost_packets(sc);
	sim_run(sc->sim, sc->peace);
	if (sc->zero_loss && !sc->sim->failed) {
		sc->traffic = 0;
		sim_run(sc->sim, SECOND);
		const uint64_t lost = lost_packets(sc) - before;
		if (lost > 6 && lost < UINT64_MAX / 2)
			sim_fail(sc->sim, "%llu packets were lost in time of peace",
				 (unsigned long long)lost);
	}
	probe(sc);
}

static void end(struct scenario *sc)
{
	for (size_t i = 0; i < 2; i++)
		if (sc->peer[i]->ike != NULL)
			ike_shutdown(sc->peer[i]->ike, peer_now(sc->peer[i]));
	sim_run(sc->sim, 3 * MINUTE);
	if (!sc->sim->failed)
		check_all_gone(sc->sim);
}

bool scenario_run(uint64_t seed, size_t group, bool trace, char why[SIM_REASON])
{
	struct scenario sc = {.rng = {seed ^ UINT64_C(0x5ce2a210)}, .pause = 15 * SECOND};
	struct sim *sim = sim_new(seed, trace);
	const size_t blocks = sim->blocks_at_start;

	sc.sim = sim;
	sim->hook_ctx = &sc;
	sc.traffic = some(&sc, 200 * MS, 2 * SECOND);
	sc.trouble = some(&sc, 1, 90) * SECOND;
	sc.peace = 5 * SECOND;
	peers(&sc);
	wishes(&sc);
	groups[group].set(&sc);
	for (size_t i = 0; i < 2; i++)
		peer_connection(sc.peer[i], config_make(sc.peer[i], sc.peer[!i], &sc.wish[i]));
	for (size_t i = 0; i < 2; i++)
		peer_start(sc.peer[i]);
	sim_later(sim, 1, traffic, NULL, 0);
	trouble(&sc);
	if (!sim->failed)
		peace(&sc);
	if (!sim->failed)
		end(&sc);
	const bool ok = !sim->failed;
	snprintf(why, SIM_REASON, "%s", sim->reason);
	sim_free(sim);
	if (ok && mem_blocks_held() != blocks) {
		snprintf(why, SIM_REASON, "%zd blocks of memory are left",
			 (ssize_t)(mem_blocks_held() - blocks));
		return false;
	}
	return ok;
}
