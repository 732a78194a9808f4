/* Every named fault of the engine, and what must come of it at the other end, which is healthy:
 * either the handshake goes through all the same, or it is refused with a reason, and neither
 * another peer nor memory is touched. --trace NAME plays one and tells everything. */
#include <stdio.h>
#include <string.h>

#include "fault_stage.h"

static bool play(const struct fault_test *t, bool trace)
{
	static struct stage st;
	char why[SIM_REASON] = "";

	stage_set(&st, trace);
	t->play(&st);
	if (stage_clear(&st, why)) {
		printf("ok fault %s\n", t->name);
		return true;
	}
	printf("not ok fault %s - %s\n", t->name, why);
	return false;
}

int main(int argc, char **argv)
{
	const char *only = argc == 3 && strcmp(argv[1], "--trace") == 0 ? argv[2] : NULL;
	const struct fault_test *const lists[] = {faults_message, faults_behaviour};
	int status = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < 2; i++)
		for (const struct fault_test *t = lists[i]; t->name != NULL; t++)
			if ((only == NULL || strcmp(only, t->name) == 0) && !play(t, only != NULL))
				status = 1;
	return status;
}
