#include "esp/replay.h"

#include "base/mem.h"

#define WORD_BITS 64
/* How far back the inference of the high half looks when there is no window: half the low space, so
 * that reordering either way is told right as far as it can be (RFC 4303 A2.1: W <= 2^31). */
#define INFER_WINDOW (UINT32_C(1) << 31)

bool replay_init(struct replay *r, uint32_t window)
{
	uint32_t n = 2;

	*r = (struct replay){0};
	if (window == 0)
		return true;
	if (window < REPLAY_WINDOW_MIN || window > REPLAY_WINDOW_MAX)
		return false;
	/* One word more than the window needs is being cleared while the window slides over it. */
	while ((n - 1) * WORD_BITS < window)
		n *= 2;
	r->words = mem_new(n * sizeof(*r->words));
	if (r->words == NULL)
		return false;
	r->mask = n - 1;
	r->window = (n - 1) * WORD_BITS;
	return true;
}

void replay_clear(struct replay *r)
{
	mem_free(r->words);
	*r = (struct replay){0};
}

enum replay_verdict replay_check(const struct replay *r, uint64_t seq)
{
	if (seq == 0)
		return REPLAY_TOO_OLD;
	if (r->words == NULL || seq > r->top)
		return REPLAY_NEW;
	if (r->top - seq >= r->window)
		return REPLAY_TOO_OLD;
	if (r->words[(seq / WORD_BITS) & r->mask] & (UINT64_C(1) << (seq % WORD_BITS)))
		return REPLAY_DUPLICATE;
	return REPLAY_NEW;
}

enum replay_verdict replay_update(struct replay *r, uint64_t seq)
{
	enum replay_verdict v = replay_check(r, seq);

	if (v != REPLAY_NEW)
		return v;
	if (r->words == NULL) {
		if (seq > r->top)
			r->top = seq;
		return v;
	}
	if (seq > r->top) {
		uint64_t jump = seq / WORD_BITS - r->top / WORD_BITS;

		if (jump > (uint64_t)r->mask + 1)
			jump = (uint64_t)r->mask + 1;
		for (uint64_t i = 1; i <= jump; i++)
			r->words[(r->top / WORD_BITS + i) & r->mask] = 0;
		r->top = seq;
	}
	r->words[(seq / WORD_BITS) & r->mask] |= UINT64_C(1) << (seq % WORD_BITS);
	return v;
}

void replay_restart(struct replay *r, uint64_t seq)
{
	r->top = seq - 1;
	for (uint32_t i = 0; r->words != NULL && i <= r->mask; i++)
		r->words[i] = 0;
}

void replay_count(struct replay *r, enum replay_verdict v)
{
	switch (v) {
	case REPLAY_DUPLICATE:
		r->duplicates++;
		break;
	case REPLAY_TOO_OLD:
		r->too_old++;
		break;
	case REPLAY_NEW:
		break;
	}
}

uint64_t replay_infer(const struct replay *r, uint32_t low)
{
	uint32_t window = r->words != NULL ? r->window : INFER_WINDOW;
	uint32_t top_high = (uint32_t)(r->top >> 32), top_low = (uint32_t)r->top;
	uint32_t bottom = top_low - window + 1; /* modulo 2^32 */
	uint32_t high = top_high;

	if (top_low >= window - 1) {
		/* RFC 4303 A2.2 case A: the window lies in one subspace. */
		if (low < bottom) {
			if (top_high == UINT32_MAX)
				return 0;
			high = top_high + 1;
		}
	} else if (low >= bottom) {
		/* Case B: its left part lies in the subspace before; before the first there is
		 * none. */
		if (top_high == 0)
			return 0;
		high = top_high - 1;
	}
	return (uint64_t)high << 32 | low;
}
