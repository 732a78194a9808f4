/* Random runs. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim.h"

size_t scenario_groups(void)
{
	return 1;
}

const char *scenario_group_name(size_t group)
{
	(void)group;
	return "calm";
}

static bool settled(struct sim *sim)
{
	char text[SIM_REASON];

	return check_settled(sim, text, sizeof(text)) == NULL;
}

bool scenario_run(uint64_t seed, size_t group, bool trace, char why[SIM_REASON])
{
	struct sim *sim = sim_new(seed, trace);
	const size_t blocks = sim->blocks_at_start;

	(void)group;
	peer_add(sim, "A");
	peer_add(sim, "B");
	config_pair(sim, (enum sim_auth)(seed % SIM_N_AUTH), IKE_START_AUTO, IKE_START_MANUAL);
	peer_start(sim->peers[0]);
	peer_start(sim->peers[1]);
	sim_run(sim, SECOND);
	if (!sim_run_until(sim, settled, MINUTE)) {
		char text[SIM_REASON] = "";
		const char *r = check_settled(sim, text, sizeof(text));
		sim_fail(sim, "no tunnel: %s", r ? r : "?");
	}
	plane_send(sim, sim->peers[0], 1);
	plane_send(sim, sim->peers[1], 1);
	sim_run(sim, SECOND);
	if (sim->peers[0]->plane.received[1] != 1 || sim->peers[1]->plane.received[1] != 1)
		sim_fail(sim, "a packet did not arrive");
	ike_shutdown(sim->peers[0]->ike, peer_now(sim->peers[0]));
	sim_run(sim, MINUTE);
	check_all_gone(sim);
	const bool ok = !sim->failed;
	snprintf(why, SIM_REASON, "%s", sim->reason);
	sim_free(sim);
	if (ok && mem_blocks_held() != blocks) {
		snprintf(why, SIM_REASON, "%zu blocks of memory are left",
			 mem_blocks_held() - blocks);
		return false;
	}
	return ok;
}
