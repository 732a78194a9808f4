#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* SplitMix64: small, and every seed is as good as any other. */
uint64_t rng_next(struct sim_rng *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t rng_below(struct sim_rng *r, uint64_t bound)
{
	return bound == 0 ? 0 : rng_next(r) % bound;
}

uint64_t rng_between(struct sim_rng *r, uint64_t low, uint64_t high)
{
	return low + rng_below(r, high - low + 1);
}

bool rng_chance(struct sim_rng *r, unsigned per_mille)
{
	return per_mille != 0 && rng_below(r, 1000) < per_mille;
}

void rng_fill(void *rng, void *buf, size_t n)
{
	uint8_t *out = buf;

	while (n > 0) {
		const uint64_t v = rng_next(rng);
		const size_t take = n < sizeof(v) ? n : sizeof(v);
		memcpy(out, &v, take);
		out += take;
		n -= take;
	}
}

void *sim_alloc(size_t n)
{
	void *p = calloc(1, n == 0 ? 1 : n);

	if (p == NULL) {
		fprintf(stderr, "the simulator is out of memory\n");
		abort();
	}
	return p;
}
