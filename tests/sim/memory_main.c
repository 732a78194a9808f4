/* Memory ends at each place where the engine asks for some, one place a run: nothing falls over,
 * nothing leaks, and both ends come to a tunnel all the same. --at N [--trace] plays one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim.h"

static bool at_rest(struct sim *sim)
{
	char text[SIM_REASON];

	return check_settled(sim, text, sizeof(text)) == NULL;
}

static void wishes(struct sim_wish *a, enum sim_auth auth)
{
	*a = config_usual;
	a->auth = auth;
	a->ike = "aes128gcm-prfsha256-x25519+mlkem768";
	a->children[0].esp = "aes128gcm-x25519+mlkem512";
	a->children[0].start = IKE_START_AUTO;
	a->retry_time = 5 * SECOND;
	a->retransmits = 4;
	a->dpd_delay = 20 * SECOND;
}

/* Everything that two peers do in a life. */
static void live(struct sim *sim)
{
	struct sim_peer *a = sim->peers[0], *b = sim->peers[1];

	sim_run(sim, 4 * SECOND);
	ike_rekey(a->ike, "net", "one", peer_now(a));
	sim_run(sim, 2 * SECOND);
	ike_rekey(b->ike, "net", NULL, peer_now(b));
	sim_run(sim, 2 * SECOND);
	ike_rekey(a->ike, "net", NULL, peer_now(a));
	ike_rekey(b->ike, "net", NULL, peer_now(b));
	sim_run(sim, 2 * SECOND);
	ike_reauthenticate(a->ike, "net", peer_now(a));
	sim_run(sim, 15 * SECOND);
}

/* False: it never came to the n-th place. */
static bool run(size_t n, bool trace, char why[SIM_REASON])
{
	struct sim *sim = sim_new(n % 3 + 1, trace);
	const size_t blocks = sim->blocks_at_start;
	struct sim_wish a, b;

	peer_add(sim, "A");
	peer_add(sim, "B");
	wishes(&a, n % 2 == 0 ? SIM_PSK : SIM_ED25519);
	b = config_mirror(&a);
	b.children[0].start = IKE_START_MANUAL;
	peer_connection(sim->peers[0], config_make(sim->peers[0], sim->peers[1], &a));
	peer_connection(sim->peers[1], config_make(sim->peers[1], sim->peers[0], &b));
	peer_start(sim->peers[0]);
	peer_start(sim->peers[1]);
	mem_fail_at(n);
	live(sim);
	const bool reached = !mem_fail_pending();
	mem_fail_at(0);
	if (!sim->failed && !sim_run_until(sim, at_rest, 10 * MINUTE)) {
		char text[SIM_REASON] = "";
		const char *r = check_settled(sim, text, sizeof(text));
		sim_fail(sim, "it does not settle: %s", r == NULL ? "?" : r);
	}
	snprintf(why, SIM_REASON, "%s", sim->failed ? sim->reason : "");
	sim_free(sim);
	if (why[0] == '\0' && mem_blocks_held() != blocks)
		snprintf(why, SIM_REASON, "%zu blocks are left", mem_blocks_held() - blocks);
	return reached;
}

int main(int argc, char **argv)
{
	char why[SIM_REASON];
	unsigned failures = 0, runs = 0;

	if (argc > 2 && strcmp(argv[1], "--at") == 0) {
		run(strtoul(argv[2], NULL, 0), argc > 3, why);
		printf("%s\n", why[0] == '\0' ? "ok" : why);
		return why[0] != '\0';
	}
	for (size_t n = 1; run(n, false, why) || why[0] != '\0'; n++) {
		runs++;
		if (why[0] != '\0' && ++failures <= 20)
			printf("# memory --at %zu --trace   # %s\n", n, why);
	}
	printf("%sok memory ends at each of %u places - %u of them fail\n",
	       failures == 0 ? "" : "not ", runs, failures);
	return failures != 0;
}
