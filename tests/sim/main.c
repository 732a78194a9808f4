/* sim --seeds N --from S: N random runs in each turn of the groups of scenarios; --seed X runs one
 * alone, --trace tells everything it does. Without arguments, $SEEDS and $SEED_FIRST say how many.
 * One line a group in the protocol of docs/testing.md; a failing seed says how to replay it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define GROUPS_MAX      16
#define SEEDS_DEFAULT   2000
#define FAILURES_SHOWN  5
#define SECONDS_FOR_ONE 60

/* For the handler of fatal signals alone. */
static volatile uint64_t seed_now;

static void fatal(int number)
{
	char line[160];
	int n = snprintf(line, sizeof(line),
			 "not ok sim - signal %d: tests/sim/sim --seed %llu --trace\n", number,
			 (unsigned long long)seed_now);

	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(2);
	signal(number, SIG_DFL);
	raise(number);
}

struct tally {
	unsigned runs, failures;
	char first[SIM_REASON + 80];
};

static void run(struct tally *t, uint64_t seed, bool trace)
{
	const size_t group = seed % scenario_groups();
	char why[SIM_REASON];

	seed_now = seed;
	const struct itimerval most = {.it_value = {.tv_sec = SECONDS_FOR_ONE}};
	/* Of the processor's time: a busy machine is no endless loop. */
	setitimer(ITIMER_PROF, &most, NULL);
	t->runs++;
	if (scenario_run(seed, group, trace, why))
		return;
	if (++t->failures <= FAILURES_SHOWN)
		printf("# sim --seed %llu --trace   # %s: %s\n", (unsigned long long)seed,
		       scenario_group_name(group), why);
	if (t->failures == 1)
		snprintf(t->first, sizeof(t->first),
			 "%s; replay: build/check/tests/sim/sim "
			 "--seed %llu --trace",
			 why, (unsigned long long)seed);
}

static int report(const struct tally *tallies)
{
	int status = 0;

	for (size_t i = 0; i < scenario_groups(); i++) {
		const struct tally *t = &tallies[i];
		if (t->runs == 0)
			continue;
		if (t->failures == 0) {
			printf("ok sim %s: %u runs\n", scenario_group_name(i), t->runs);
			continue;
		}
		printf("not ok sim %s - %u of %u runs failed: %s\n", scenario_group_name(i),
		       t->failures, t->runs, t->first);
		status = 1;
	}
	return status;
}

static uint64_t number_of(const char *text, uint64_t otherwise)
{
	return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 0);
}

int main(int argc, char **argv)
{
	static struct tally tallies[GROUPS_MAX];
	uint64_t seeds = number_of(getenv("SEEDS"), SEEDS_DEFAULT);
	uint64_t from = number_of(getenv("SEED_FIRST"), 1);
	bool trace = false;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(argv[i], "--trace") == 0) {
			trace = true;
			continue;
		}
		if (value == NULL) {
			fprintf(stderr, "usage: sim [--seeds N] [--from S] [--seed X] [--trace]\n");
			return 2;
		}
		if (strcmp(argv[i], "--seeds") == 0) {
			seeds = number_of(value, seeds);
		} else if (strcmp(argv[i], "--from") == 0) {
			from = number_of(value, from);
		} else if (strcmp(argv[i], "--seed") == 0) {
			from = number_of(value, from);
			seeds = 1;
		}
		i++;
	}
	signal(SIGSEGV, fatal);
	signal(SIGABRT, fatal);
	signal(SIGPROF, fatal);
	const clock_t begun = clock();
	for (uint64_t s = from; s < from + seeds; s++)
		run(&tallies[s % scenario_groups()], s, trace);
	const double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
	printf("# %llu runs in %.1f s, %.0f a minute\n", (unsigned long long)seeds, seconds,
	       (double)seeds / (seconds > 0 ? seconds : 1) * 60);
	return report(tallies);
}
