#include "ike/exchanges.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "crypto/words.h"

#define LINE_MAX_OCTETS 900

static uint32_t sum(uint32_t a, size_t b)
{
	return b > UINT32_MAX - a ? UINT32_MAX : a + (uint32_t)b;
}

static uint32_t between(uint64_t from, uint64_t to)
{
	return to <= from ? 0 : to - from > UINT32_MAX ? UINT32_MAX : (uint32_t)(to - from);
}

/* The method whose key exchange this message is part of. */
static uint16_t method_of(const struct ike_sa *sa, uint8_t exchange)
{
	const struct ike_setup *s = sa->setup;
	const struct ke_desc *ke = NULL;
	unsigned next;

	if (exchange == EXCHANGE_IKE_SA_INIT)
		ke = s->ke != NULL ? s->ke : sa->suite.ke;
	else if (exchange == EXCHANGE_IKE_INTERMEDIATE)
		ke = ike_suite_addke(&sa->suite, s->addke_place, &next);
	return ke == NULL ? KE_NONE : ke->id;
}

/* Room for one more; NULL: it is not recorded. */
static struct ike_exchange *record_for(struct ike_setup *s, uint8_t exchange, uint64_t at)
{
	struct ike_exchange *last = s->n_exchanges == 0 ? NULL : &s->exchanges[s->n_exchanges - 1];

	if (last != NULL && last->exchange == exchange && exchange != EXCHANGE_IKE_INTERMEDIATE)
		return last;
	s->exchange_open = s->n_exchanges < IKE_EXCHANGES_MAX;
	if (!s->exchange_open)
		return NULL;
	s->exchange_began = at;
	last = &s->exchanges[s->n_exchanges++];
	*last = (struct ike_exchange){.exchange = exchange};
	return last;
}

void exchange_request(struct ike_sa *sa, const struct path *path, uint8_t exchange, size_t octets,
		      uint64_t at)
{
	struct ike_exchange *r = sa->setup == NULL ? NULL : record_for(sa->setup, exchange, at);

	if (r == NULL)
		return;
	r->ke = method_of(sa, exchange);
	r->in_tcp = path->stream != 0;
	if (sa->initiator)
		r->sent = sum(r->sent, octets);
	else
		r->received = sum(r->received, octets);
}

void exchange_answer(struct ike_sa *sa, size_t octets, uint64_t at)
{
	struct ike_setup *s = sa->setup;

	if (s == NULL || !s->exchange_open)
		return;
	struct ike_exchange *r = &s->exchanges[s->n_exchanges - 1];
	if (sa->initiator)
		r->received = sum(r->received, octets);
	else
		r->sent = sum(r->sent, octets);
	r->took = between(s->exchange_began, at);
}

void exchange_cut_again(struct ike_sa *sa, size_t before, size_t after)
{
	struct ike_setup *s = sa->setup;

	if (s == NULL || !s->exchange_open)
		return;
	struct ike_exchange *r = &s->exchanges[s->n_exchanges - 1];
	if (r->sent >= before)
		r->sent = sum(r->sent - (uint32_t)before, after);
}

static void log_exchanges(struct ike *ike, const struct ike_sa *sa, const struct ike_exchanges *e)
{
	char name[IKEV2_NAME_MAX], word[ALGORITHM_WORD_MAX];
	char text[LINE_MAX_OCTETS] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < e->n && at < sizeof(text); i++) {
		const struct ike_exchange *r = &e->of[i];
		const struct algorithm_word ke = {.type = TRANSFORM_KE, .id = r->ke};
		const bool named = r->ke != KE_NONE;
		at += (size_t)snprintf(
		    text + at, sizeof(text) - at,
		    "%s %s%s%s, %" PRIu32 " octets out, %" PRIu32 " in, %" PRIu32 ".%" PRIu32 " ms",
		    i == 0 ? ":" : ";", exchange_name(r->exchange, name), named ? " with " : "",
		    named ? algorithm_word_format(&ke, word) : "", r->sent, r->received,
		    r->took / 1000, r->took / 100 % 10);
	}
	sa_log(ike, sa, LOG_INFO, "the handshake took %" PRIu32 " ms%s", e->took / 1000, text);
}

void exchanges_keep(struct ike *ike, struct ike_sa *sa)
{
	const struct ike_setup *s = sa->setup;
	const size_t octets = s->n_exchanges * sizeof(s->exchanges[0]);
	struct ike_exchanges *e = mem_new(sizeof(*e) + octets);

	if (e == NULL)
		return;
	e->n = s->n_exchanges;
	e->took = between(s->born, ike->now);
	memcpy(e->of, s->exchanges, octets);
	mem_free(sa->exchanges);
	sa->exchanges = e;
	log_exchanges(ike, sa, e);
}
