#include "ike/select.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "wire/sa.h"

#define SLOT_SSKDF  (TRANSFORM_ADDKE7 + 1)
#define TYPES       (SLOT_SSKDF + 1) /* that can be matched: 1..12, and SSKDF */
#define NOT_CHOSEN  IKE_TRANSFORMS_MAX
#define SHOWN_MAX   4 /* proposals of the peer's that an explanation lists */
#define TYPE_BIT(t) (UINT32_C(1) << slot(t))

/* A place of its own for each type that we know, 0 for the others: SSKDF has a number far off. */
static uint8_t slot(uint8_t type)
{
	if (type == TRANSFORM_SSKDF)
		return SLOT_SSKDF;
	return type <= TRANSFORM_ADDKE7 ? type : 0;
}

/* The types in the order in which people write and compare them. */
static const uint8_t type_order[] = {
    TRANSFORM_ENCR,   TRANSFORM_INTEG,  TRANSFORM_PRF,    TRANSFORM_KE,     TRANSFORM_ADDKE1,
    TRANSFORM_ADDKE2, TRANSFORM_ADDKE3, TRANSFORM_ADDKE4, TRANSFORM_ADDKE5, TRANSFORM_ADDKE6,
    TRANSFORM_ADDKE7, TRANSFORM_SSKDF,  TRANSFORM_SN,
};

#define N_ORDER sizeof(type_order)

/* How one proposal of ours and one of the peer's go together. */
struct match {
	uint8_t at[TYPES]; /* index into our transforms, or NOT_CHOSEN */
	uint32_t
	    fits[IKE_ADDKE_MAX]; /* ADDKE: which of our transforms the peer offers too, as bits */
	uint32_t seen;           /* types that the peer's proposal has */
	uint32_t none_types;     /* types that are answered with NONE */
	unsigned good;           /* how many of type_order fit, from the first on */
	uint8_t strange;         /* a type that we do not know, else 0 */
};

static bool is_addke(uint8_t type)
{
	return type >= TRANSFORM_ADDKE1 && type <= TRANSFORM_ADDKE7;
}

/* A type whose transform 0 is NONE: having it is as good as not having the type at all. */
static bool has_none(uint8_t type)
{
	return type == TRANSFORM_INTEG || type == TRANSFORM_KE || type == TRANSFORM_SSKDF ||
	       is_addke(type);
}

/* The types that count: RFC 7296 1.2 keeps the key exchange out of IKE_AUTH. */
static bool counts(const struct ike_terms *terms, uint8_t type)
{
	return terms->with_ke || (type != TRANSFORM_KE && !is_addke(type));
}

static uint8_t find(const struct ike_proposal *ours, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (uint8_t i = 0; i < ours->n; i++) {
		const struct ike_transform *o = &ours->transforms[i];

		if (o->type == type && o->id == id && o->key_bits == key_bits)
			return i;
	}
	return NOT_CHOSEN;
}

static uint32_t our_types(const struct ike_proposal *ours, const struct ike_terms *terms)
{
	uint32_t types = 0;

	for (size_t i = 0; i < ours->n; i++)
		if (counts(terms, ours->transforms[i].type))
			types |= TYPE_BIT(ours->transforms[i].type);
	return types;
}

/* Equal in type, number and attributes (RFC 7296 3.3.6); *at is where in ours. */
static bool is_ours(const struct ike_proposal *ours, const struct ike_terms *terms,
		    const struct sa_transform *t, uint8_t *at)
{
	const struct ke_desc *ke;

	if (t->unusable || (t->has_key_bits && t->key_bits == 0))
		return false;
	ke = t->type == TRANSFORM_KE || is_addke(t->type) ? ke_find(t->id) : NULL;
	if (ke != NULL && ke->needs_big_payload && !terms->with_big)
		return false;
	*at = find(ours, t->type, t->id, t->key_bits);
	return *at != NOT_CHOSEN;
}

/* Takes in one transform of the peer's. */
static void match_transform(struct match *m, const struct ike_proposal *ours,
			    const struct ike_terms *terms, const struct sa_transform *t)
{
	uint8_t at, *best;

	if (!counts(terms, t->type))
		return;
	if (slot(t->type) == 0 || (t->type == TRANSFORM_SSKDF && ours->protocol != PROTOCOL_EESP) ||
	    (is_addke(t->type) && !terms->with_addke)) {
		/* RFC 7296 3.3.6: an unknown transform type makes the proposal unacceptable. */
		m->strange = t->type;
		return;
	}
	m->seen |= TYPE_BIT(t->type);
	if (t->id == 0 && has_none(t->type) && !t->unusable)
		m->none_types |= TYPE_BIT(t->type);
	if (!is_ours(ours, terms, t, &at))
		return;
	best = &m->at[slot(t->type)];
	if (is_addke(t->type))
		m->fits[t->type - TRANSFORM_ADDKE1] |= UINT32_C(1) << at;
	if (t->type == TRANSFORM_KE && t->id == terms->ke_sent)
		*best = at;
	else if (t->type == TRANSFORM_KE && *best != NOT_CHOSEN &&
		 ours->transforms[*best].id == terms->ke_sent)
		return;
	else if (at < *best)
		*best = at;
}

/* Whether one type fits; settles m for it. */
static bool settle_type(struct match *m, const struct ike_proposal *ours, uint32_t wanted,
			uint8_t type)
{
	bool none_seen = (m->none_types & TYPE_BIT(type)) != 0;

	m->none_types &= ~TYPE_BIT(type);
	if ((wanted & TYPE_BIT(type)) == 0) {
		m->at[slot(type)] = NOT_CHOSEN;
		if ((m->seen & TYPE_BIT(type)) == 0)
			return true;
		if (none_seen)
			m->none_types |= TYPE_BIT(type);
		return none_seen;
	}
	if ((m->seen & TYPE_BIT(type)) == 0)
		m->at[slot(type)] = has_none(type) ? find(ours, type, 0, 0) : NOT_CHOSEN;
	else if (m->at[slot(type)] != NOT_CHOSEN && ours->transforms[m->at[slot(type)]].id == 0 &&
		 has_none(type))
		m->none_types |= TYPE_BIT(type);
	return m->at[slot(type)] != NOT_CHOSEN;
}

/* No method twice among the additional ones (RFC 9370 2.2.2): the first choice in the order of our
 * preference that keeps to it. The tree has at most seven levels, and ours has few alternatives. */
static bool addke_distinct(struct match *m, const struct ike_proposal *ours, unsigned place)
{
	const uint8_t type = (uint8_t)(TRANSFORM_ADDKE1 + place);
	uint16_t id;

	if (place == IKE_ADDKE_MAX)
		return true;
	if (m->fits[place] == 0) /* not negotiated, or NONE by the peer's leaving it out */
		return addke_distinct(m, ours, place + 1);
	for (uint8_t i = 0; i < ours->n; i++) {
		bool taken = false;
		if ((m->fits[place] >> i & 1) == 0)
			continue;
		id = ours->transforms[i].id;
		for (unsigned p = 0; p < place && id != KE_NONE; p++) {
			const uint8_t other = m->at[TRANSFORM_ADDKE1 + p];
			taken |= other != NOT_CHOSEN && ours->transforms[other].id == id;
		}
		m->at[type] = i;
		if (!taken && addke_distinct(m, ours, place + 1))
			return true;
	}
	return false;
}

static bool match_proposal(struct match *m, const struct ike_proposal *ours,
			   const struct ike_terms *terms, const struct sa_proposal *theirs)
{
	uint32_t wanted = our_types(ours, terms);
	struct reader r = sa_transforms(theirs);
	struct sa_transform t;

	*m = (struct match){0};
	memset(m->at, NOT_CHOSEN, sizeof(m->at));
	while (sa_transform_next(&r, &t))
		match_transform(m, ours, terms, &t);
	if (!addke_distinct(m, ours, 0))
		return false;
	for (size_t i = 0; i < N_ORDER; i++) {
		if (!settle_type(m, ours, wanted, type_order[i]))
			return false;
		m->good++;
	}
	return m->strange == 0;
}

static bool addke_repeats(const struct ike_suite *s)
{
	for (unsigned i = 0; i < IKE_ADDKE_MAX; i++)
		for (unsigned k = 0; k < i; k++)
			if (s->addke[i] != KE_NONE && s->addke[i] == s->addke[k])
				return true;
	return false;
}

/* The chosen transforms as descriptors. */
static bool fill_suite(struct ike_suite *s, const struct ike_proposal *ours,
		       const uint8_t at[TYPES])
{
	unsigned next;

	*s = (struct ike_suite){.eesp = ours->protocol == PROTOCOL_EESP};
	for (size_t i = 0; i < N_ORDER; i++) {
		const struct ike_transform *t;

		if (at[slot(type_order[i])] == NOT_CHOSEN)
			continue;
		t = &ours->transforms[at[slot(type_order[i])]];
		switch (t->type) {
		case TRANSFORM_ENCR:
			s->protect.encr = encr_find(t->id);
			s->protect.key_bits = t->key_bits;
			break;
		case TRANSFORM_INTEG:
			s->protect.integ = integ_find(t->id);
			break;
		case TRANSFORM_PRF:
			s->prf = prf_find(t->id);
			break;
		case TRANSFORM_KE:
			s->ke = ke_find(t->id);
			break;
		case TRANSFORM_SN:
			s->esn = t->id == SN_64_PARTIAL || t->id == SN_64_FULL;
			break;
		case TRANSFORM_SSKDF:
			s->sskdf = t->id;
			break;
		default:
			s->addke[t->type - TRANSFORM_ADDKE1] = t->id;
			break;
		}
	}
	/* RFC 9370 2.2.2: no method twice; and nothing additional to no key exchange at all. */
	if (addke_repeats(s) || (s->ke == NULL && ike_suite_addke(s, 0, &next) != NULL))
		return false;
	return s->protect.encr != NULL &&
	       (encr_is_aead(s->protect.encr) || s->protect.integ != NULL);
}

static bool take_choice(struct ike_choice *out, const struct ike_proposal *ours,
			const struct ike_terms *terms, const struct sa_proposal *theirs,
			const struct match *m)
{
	*out = (struct ike_choice){.protocol = theirs->protocol, .number = theirs->number};
	if (theirs->spi.n > sizeof(out->spi) || !fill_suite(&out->suite, ours, m->at))
		return false;
	out->spi_len = (uint8_t)theirs->spi.n;
	if (theirs->spi.n != 0)
		memcpy(out->spi, theirs->spi.p, theirs->spi.n);
	out->none_types = m->none_types;
	out->ke_other =
	    terms->with_ke && out->suite.ke != NULL && out->suite.ke->id != terms->ke_sent;
	return true;
}

enum err ike_select(const struct ike_suites *ours, const struct ike_terms *terms, struct bytes body,
		    struct ike_choice *out, const char **reason)
{
	struct sa_context context = {.response = false, .ike_spi_len = terms->ike_spi_len};
	enum err e = sa_check(body, &context, reason);

	if (e != ERR_NONE)
		return e;
	for (size_t i = 0; i < ours->n; i++) {
		struct reader r = sa_proposals(body);
		struct sa_proposal theirs;
		struct ike_choice choice;
		struct match m;
		bool found = false;

		while (sa_proposal_next(&r, &theirs)) {
			if (theirs.protocol != ours->proposals[i].protocol ||
			    !match_proposal(&m, &ours->proposals[i], terms, &theirs) ||
			    !take_choice(&choice, &ours->proposals[i], terms, &theirs, &m))
				continue;
			if (!found || !choice.ke_other)
				*out = choice;
			found = true;
			if (!choice.ke_other)
				break;
		}
		if (found)
			return ERR_NONE;
	}
	*reason = "SA: no proposal is acceptable";
	return ERR_NOT_FOUND;
}

static void write_none(struct sa_writer *s, const struct ike_choice *c, uint8_t type)
{
	if ((c->none_types & TYPE_BIT(type)) != 0)
		sa_write_transform(s, type, 0, 0);
}

void ike_choice_write(struct writer *w, const struct ike_choice *c, struct bytes spi)
{
	struct sa_writer s = sa_write_begin(w);
	const struct ike_suite *suite = &c->suite;
	const struct encr_desc *encr = suite->protect.encr;

	/* RFC 7296 3.3.1, 3.3.6: the accepted proposal's number, one transform of each type. */
	sa_write_proposal(&s, c->number, c->protocol, spi);
	sa_write_transform(&s, TRANSFORM_ENCR, encr->id,
			   encr->has_key_length ? suite->protect.key_bits : 0);
	if (suite->prf != NULL)
		sa_write_transform(&s, TRANSFORM_PRF, suite->prf->id, 0);
	if (suite->protect.integ != NULL)
		sa_write_transform(&s, TRANSFORM_INTEG, suite->protect.integ->id, 0);
	write_none(&s, c, TRANSFORM_INTEG);
	if (suite->ke != NULL)
		sa_write_transform(&s, TRANSFORM_KE, suite->ke->id, 0);
	write_none(&s, c, TRANSFORM_KE);
	if (c->protocol != PROTOCOL_IKE)
		sa_write_transform(&s, TRANSFORM_SN, ike_suite_numbers(suite), 0);
	if (suite->sskdf != SSKDF_NONE)
		sa_write_transform(&s, TRANSFORM_SSKDF, suite->sskdf, 0);
	write_none(&s, c, TRANSFORM_SSKDF);
	for (unsigned i = 0; i < IKE_ADDKE_MAX; i++) {
		const uint8_t type = (uint8_t)(TRANSFORM_ADDKE1 + i);
		if (suite->addke[i] != KE_NONE)
			sa_write_transform(&s, type, suite->addke[i], 0);
		else
			write_none(&s, c, type);
	}
	sa_write_end(&s);
}

static enum err refuse(const char **reason, const char *text)
{
	*reason = text;
	return ERR_AUTH;
}

/* One transform of an answer against the proposal of ours that it says it accepts. */
static enum err check_transform(struct match *m, const struct ike_proposal *ours,
				const struct ike_terms *terms, const struct sa_transform *t,
				const char **reason)
{
	uint8_t at;

	if (slot(t->type) == 0)
		return refuse(reason, "SA: the answer has a transform type that was not offered");
	if ((m->seen & TYPE_BIT(t->type)) != 0)
		return refuse(reason, "SA: the answer has two transforms of one type");
	m->seen |= TYPE_BIT(t->type);
	if (counts(terms, t->type) && is_ours(ours, terms, t, &at)) {
		m->at[slot(t->type)] = at;
		return ERR_NONE;
	}
	/* NONE where the type was not offered says the same as leaving it out. */
	if (t->id == 0 && !t->unusable && has_none(t->type) &&
	    (our_types(ours, terms) & TYPE_BIT(t->type)) == 0)
		return ERR_NONE;
	return refuse(reason, "SA: the answer has a transform that was not offered");
}

enum err ike_check_answer(const struct ike_suites *ours, const struct ike_terms *terms,
			  struct bytes body, struct ike_choice *out, const char **reason)
{
	struct sa_context context = {.response = true, .ike_spi_len = terms->ike_spi_len};
	enum err e = sa_check(body, &context, reason);
	struct reader pr = sa_proposals(body), tr;
	struct match m = {0};
	const struct ike_proposal *p;
	struct sa_proposal theirs;
	struct sa_transform t;
	uint32_t wanted;

	if (e != ERR_NONE)
		return e;
	/* RFC 7296 2.7, 3.3.1: one proposal, with the number that it had in the offer. */
	if (!sa_proposal_next(&pr, &theirs) || theirs.number == 0 || theirs.number > ours->n ||
	    theirs.protocol != ours->proposals[theirs.number - 1].protocol)
		return refuse(reason, "SA: the answer is no proposal that was offered");
	p = &ours->proposals[theirs.number - 1];
	wanted = our_types(p, terms);
	memset(m.at, NOT_CHOSEN, sizeof(m.at));
	tr = sa_transforms(&theirs);
	while (sa_transform_next(&tr, &t)) {
		e = check_transform(&m, p, terms, &t, reason);
		if (e != ERR_NONE)
			return e;
	}
	for (size_t i = 0; i < N_ORDER; i++)
		if (!settle_type(&m, p, wanted, type_order[i]) &&
		    (wanted & TYPE_BIT(type_order[i])) != 0)
			return refuse(reason, "SA: the answer lacks a transform type");
	if (!take_choice(out, p, terms, &theirs, &m))
		return refuse(reason, "SA: the answer's transforms do not go together");
	if (out->ke_other)
		return refuse(reason, "SA: the answer's key exchange is not that of our KE");
	return ERR_NONE;
}

/* Appends to a text that is cut at its end. */
static void append(char *buf, size_t cap, const char *text)
{
	size_t n = strlen(buf);

	if (n < cap)
		snprintf(buf + n, cap - n, "%s", text);
}

/* A proposal as received, for people: only as many transforms as ours may have. */
static void read_for_people(struct ike_proposal *out, const struct sa_proposal *theirs,
			    const struct ike_terms *terms)
{
	struct reader r = sa_transforms(theirs);
	struct sa_transform t;

	*out = (struct ike_proposal){.protocol = theirs->protocol};
	while (out->n < IKE_TRANSFORMS_MAX && sa_transform_next(&r, &t))
		if (counts(terms, t.type))
			out->transforms[out->n++] =
			    (struct ike_transform){t.type, t.id, t.key_bits};
}

static void append_ours(char *buf, size_t cap, const struct ike_suites *ours, bool with_ke)
{
	char text[IKE_SUITE_TEXT_MAX];

	for (size_t i = 0; i < ours->n; i++) {
		struct ike_proposal p = {.protocol = ours->proposals[i].protocol};

		for (size_t k = 0; k < ours->proposals[i].n; k++)
			if (with_ke || (ours->proposals[i].transforms[k].type != TRANSFORM_KE &&
					!is_addke(ours->proposals[i].transforms[k].type)))
				p.transforms[p.n++] = ours->proposals[i].transforms[k];
		append(buf, cap, i == 0 ? "" : ", ");
		append(buf, cap, ike_proposal_format(&p, text));
	}
}

static const char *type_word(uint8_t type)
{
	switch (type) {
	case TRANSFORM_ENCR:
		return "encryption";
	case TRANSFORM_INTEG:
		return "integrity";
	case TRANSFORM_PRF:
		return "PRF";
	case TRANSFORM_KE:
		return "key exchange";
	case TRANSFORM_SN:
		return "sequence numbers";
	case TRANSFORM_SSKDF:
		return "Sub SA keys";
	default:
		return "additional key exchange";
	}
}

/* The alternatives of one type of p, or "" when it has none. */
static void format_type(const struct ike_proposal *p, uint8_t type, char buf[IKE_SUITE_TEXT_MAX])
{
	struct ike_proposal only = {.protocol = p->protocol};

	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == type)
			only.transforms[only.n++] = p->transforms[i];
	(void)ike_proposal_format(&only, buf);
}

/* The pair that came furthest. */
struct nearest {
	bool any;
	struct match m;
	struct sa_proposal theirs;
	const struct ike_proposal *ours;
};

static void append_difference(char *buf, size_t cap, const struct ike_terms *terms,
			      const struct nearest *near)
{
	char offered[IKE_SUITE_TEXT_MAX], accepted[IKE_SUITE_TEXT_MAX];
	char text[IKE_EXPLAIN_MAX / 2];
	struct ike_proposal p;
	uint8_t type;

	if (!near->any) {
		append(buf, cap, "no proposal is for this protocol");
		return;
	}
	if (near->m.good >= N_ORDER) {
		snprintf(text, sizeof(text), "transform type %u is not known", near->m.strange);
		append(buf, cap, text);
		return;
	}
	type = type_order[near->m.good];
	read_for_people(&p, &near->theirs, terms);
	format_type(&p, type, offered);
	format_type(near->ours, type, accepted);
	if (offered[0] == '\0')
		snprintf(text, sizeof(text), "%s: none offered, we need %.400s", type_word(type),
			 accepted);
	else if (accepted[0] == '\0')
		snprintf(text, sizeof(text), "%s: %.400s offered, we take none with this cipher",
			 type_word(type), offered);
	else
		snprintf(text, sizeof(text), "%s: none of %.200s is accepted, only %.200s",
			 type_word(type), offered, accepted);
	append(buf, cap, text);
}

/* Lists what the peer offers of this protocol, and finds the pair that came furthest. */
static void read_offer(const struct ike_suites *ours, const struct ike_terms *terms,
		       struct bytes body, char *buf, size_t cap, struct nearest *near)
{
	struct reader r = sa_proposals(body);
	struct sa_proposal theirs;
	char text[IKE_SUITE_TEXT_MAX];
	unsigned shown = 0;

	buf[0] = '\0';
	while (sa_proposal_next(&r, &theirs)) {
		struct ike_proposal p;

		if (theirs.protocol != terms->protocol &&
		    !(terms->protocol == PROTOCOL_ESP && theirs.protocol == PROTOCOL_EESP))
			continue;
		read_for_people(&p, &theirs, terms);
		if (shown++ < SHOWN_MAX) {
			append(buf, cap, shown == 1 ? "" : ", ");
			append(buf, cap, ike_proposal_format(&p, text));
		}
		for (size_t i = 0; i < ours->n; i++) {
			struct match m;

			if (ours->proposals[i].protocol != theirs.protocol)
				continue;
			(void)match_proposal(&m, &ours->proposals[i], terms, &theirs);
			if (!near->any || m.good > near->m.good)
				*near = (struct nearest){true, m, theirs, &ours->proposals[i]};
		}
	}
	if (shown == 0)
		append(buf, cap, "nothing");
	if (shown > SHOWN_MAX)
		append(buf, cap, ", and more");
}

/* Shortens text to at most n octets and shows that it did. */
static void shorten(char *text, size_t n)
{
	static const char dots[] = "...";

	if (strlen(text) > n && n >= sizeof(dots) - 1)
		memcpy(text + n - (sizeof(dots) - 1), dots, sizeof(dots));
	else if (strlen(text) > n)
		text[n] = '\0';
}

const char *ike_explain_mismatch(const struct ike_suites *ours, const struct ike_terms *terms,
				 struct bytes body, char *buf, size_t cap)
{
	static const char words[] = "peer offered ; we accept ; first difference: ";
	char offered[IKE_EXPLAIN_MAX], accepted[IKE_EXPLAIN_MAX] = "";
	char difference[IKE_EXPLAIN_MAX / 2] = "";
	struct nearest near = {0};
	size_t room, used;

	if (cap == 0)
		return buf;
	read_offer(ours, terms, body, offered, sizeof(offered), &near);
	append_ours(accepted, sizeof(accepted), ours, terms->with_ke);
	append_difference(difference, sizeof(difference), terms, &near);
	/* Where the room is short, the lists go before what a person needs most. */
	used = sizeof(words) + strlen(difference);
	room = cap > used ? cap - used : 0;
	if (strlen(offered) + strlen(accepted) > room) {
		shorten(offered, strlen(accepted) <= room / 2 ? room - strlen(accepted) : room / 2);
		shorten(accepted, room - strlen(offered));
	}
	snprintf(buf, cap, "peer offered %s; we accept %s; first difference: %s", offered, accepted,
		 difference);
	return buf;
}

const char *ike_explain_refusal(const struct ike_suites *ours, bool with_ke, char *buf, size_t cap)
{
	if (cap == 0)
		return buf;
	snprintf(buf, cap, "peer accepts nothing of what we offered: ");
	append_ours(buf, cap, ours, with_ke);
	return buf;
}
