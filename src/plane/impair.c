#include "plane/impair.h"

#include <string.h>

#include "base/mem.h"

#define PREVIOUS_MAX 65536

struct plane_impair {
	struct packet previous; /* len 0: none */
	unsigned candidates;    /* for "one in so many" */
	uint8_t octets[PREVIOUS_MAX];
};

void plane_impair_free(struct plane *p)
{
	mem_free(p->impair);
}

void plane_impair_sealing(struct plane *p, struct spd_child *c)
{
	struct faults *f = p->config.faults;

	if (fault_active(f, FAULT_ESP_SKIP_SEQUENCE))
		esp_sa_skip_sequence(c->out, fault_arg(f, FAULT_ESP_SKIP_SEQUENCE, 1));
	if (fault_active(f, FAULT_ESP_BAD_PADDING))
		esp_sa_spoil_padding(c->out);
}

static struct plane_impair *impair_of(struct plane *p)
{
	if (p->impair == NULL)
		p->impair = mem_new(sizeof(*p->impair));
	return p->impair;
}

/* Drops one in so many; the others do not count as firings. */
static bool dropped(struct faults *f, struct plane_impair *im)
{
	const uint64_t every = fault_arg(f, FAULT_ESP_DROP, 1);

	if (!f->state[FAULT_ESP_DROP].on || (every > 1 && ++im->candidates % every != 0))
		return false;
	return fault_active(f, FAULT_ESP_DROP);
}

static void replay(struct plane *p, struct spd_child *c, const struct packet *now)
{
	struct plane_impair *im = p->impair;
	struct packet *previous = &im->previous;

	if (!p->config.faults->state[FAULT_ESP_REPLAY].on || now->len > PREVIOUS_MAX)
		return;
	if (im->previous.len != 0 && fault_active(p->config.faults, FAULT_ESP_REPLAY))
		plane_send(p, c, &previous, 1);
	im->previous = *now;
	im->previous.buf = im->previous.data = im->octets;
	im->previous.cap = PREVIOUS_MAX;
	memcpy(im->octets, now->data, now->len);
}

static void damage(struct faults *f, struct packet *q)
{
	if (fault_active(f, FAULT_ESP_CORRUPT))
		q->data[q->len - 1] ^= 1;
	if (fault_active(f, FAULT_ESP_WRONG_SPI))
		q->data[3] ^= 0xff;
	if (fault_active(f, FAULT_ESP_TRUNCATE)) {
		const uint64_t cut = fault_arg(f, FAULT_ESP_TRUNCATE, 1);
		q->len = cut < q->len ? q->len - (size_t)cut : 1;
	}
}

size_t plane_impair_sealed(struct plane *p, struct spd_child *c, struct packet **packets, size_t n)
{
	struct faults *f = p->config.faults;
	struct plane_impair *im = f == NULL ? NULL : impair_of(p);
	size_t kept = 0;

	if (im == NULL)
		return n;
	for (size_t i = 0; i < n; i++) {
		struct packet *q = packets[i];
		if (dropped(f, im))
			continue;
		damage(f, q);
		if (fault_active(f, FAULT_ESP_DUPLICATE))
			plane_send(p, c, &q, 1);
		replay(p, c, q);
		packets[kept++] = q;
	}
	return kept;
}
