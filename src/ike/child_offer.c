/* The payloads of a Child SA's negotiation, on both roles (RFC 7296 1.2, 1.3.1, 2.7, 2.9). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/child.h"
#include "ike/narrow.h"
#include "ike/offer.h"
#include "ike/select.h"
#include "wire/ts.h"

#define TS_READ_MAX 64 /* selectors of a payload that we look at */

void child_draft_start(const struct ike_sa *sa, struct child_draft *d, unsigned index,
		       uint32_t spi_in)
{
	const struct ike_child_config *cfg = &sa->config->children[index];

	memset(d, 0, sizeof(*d));
	d->index = (uint16_t)index;
	d->spi_in = spi_in;
	d->mode = cfg->mode;
	d->n_local = cfg->n_local < CHILD_SELECTORS_MAX ? cfg->n_local : CHILD_SELECTORS_MAX;
	d->n_remote = cfg->n_remote < CHILD_SELECTORS_MAX ? cfg->n_remote : CHILD_SELECTORS_MAX;
	memcpy(d->local, cfg->local, d->n_local * sizeof(d->local[0]));
	memcpy(d->remote, cfg->remote, d->n_remote * sizeof(d->remote[0]));
}

static void nonce_and_ke_write(struct message *m, const struct child_offer *o)
{
	if (o->nonce.n > 0)
		message_payload(m, PAYLOAD_NONCE, o->nonce);
	if (o->ke == NULL)
		return;
	message_ke(m, o->ke, o->ke_value);
}

static void ts_payloads_write(struct message *m, const struct child_draft *d, bool local_first)
{
	const struct bytes none = {0};
	struct writer *w = message_payload_begin(m, PAYLOAD_TSI);

	if (local_first)
		ts_write(w, d->local, d->n_local, none);
	else
		ts_write(w, d->remote, d->n_remote, none);
	message_payload_end(m);
	w = message_payload_begin(m, PAYLOAD_TSR);
	if (local_first)
		ts_write(w, d->remote, d->n_remote, none);
	else
		ts_write(w, d->local, d->n_local, none);
	message_payload_end(m);
}

static struct bytes spi_octets(uint32_t spi, uint8_t octets[4])
{
	struct writer w = writer_of(octets, 4);

	writer_u32(&w, spi);
	return bytes_of(octets, 4);
}

/* What we take of Sub SAs. Crypt Offset is not announced, so that nobody may use it. */
static void limits_write(struct message *m, bool sub_sas)
{
	static const uint8_t most[2] = {CHILD_SUB_SA_MOST >> 8, CHILD_SUB_SA_MOST & 0xff};

	if (sub_sas)
		message_notify(m, NOTIFY_EESP_MAX_SUB_SA_ID, BYTES_OF(most));
}

void child_offer_write(struct ike_sa *sa, struct message *m, const struct child_draft *d,
		       const struct child_offer *o)
{
	uint8_t spi[4];

	if (d->mode == ESP_MODE_TRANSPORT)
		message_notify(m, NOTIFY_USE_TRANSPORT_MODE, (struct bytes){0});
	ike_offer_write(message_payload_begin(m, PAYLOAD_SA), &sa->config->children[d->index].esp,
			spi_octets(d->spi_in, spi), o->with_ke);
	message_payload_end(m);
	limits_write(m, ike_suites_have_sskdf(&sa->config->children[d->index].esp));
	nonce_and_ke_write(m, o);
	ts_payloads_write(m, d, true);
}

static void limit_take(struct eesp_limit *l, uint16_t most)
{
	if (!l->stated || most < l->most)
		*l = (struct eesp_limit){true, most};
}

/* The peer's limits. A broken one must not be read as none (draft-ietf-ipsecme-eesp-ikev2 3.5). */
static enum err limits_read(const struct payloads *ps, struct child_draft *d)
{
	struct notify_part n;

	d->sub_sa = d->crypt_offset = (struct eesp_limit){0};
	if (!d->suite.eesp)
		return ERR_NONE;
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;) {
		/* 3.5, 3.6: both MUST be 0, and the notify is ignored if they are not. */
		if (notify_parse(p->body, &n, NULL) || n.protocol != 0 || n.spi.n != 0)
			continue;
		struct reader r = reader_of(n.data);
		if (n.type == NOTIFY_EESP_MAX_SUB_SA_ID)
			limit_take(&d->sub_sa, reader_u16(&r));
		else if (n.type == NOTIFY_EESP_MAX_CRYPT_OFFSET)
			limit_take(&d->crypt_offset, reader_u8(&r));
		else
			continue;
		if (!reader_done(&r))
			return ERR_SYNTAX;
	}
	return ERR_NONE;
}

static uint32_t choice_spi(const struct ike_choice *c)
{
	struct reader r = reader_of(bytes_of(c->spi, c->spi_len));

	return c->spi_len == 4 ? reader_u32(&r) : 0;
}

/* Both TS payloads; found is set by ts_parse(). */
struct ts_pair {
	struct selector i[TS_READ_MAX], r[TS_READ_MAX];
	struct ts_found found_i, found_r;
};

static enum err ts_read(const struct payloads *ps, struct ts_pair *ts, const char **reason)
{
	const struct payload *i = payloads_find(ps, PAYLOAD_TSI);
	const struct payload *r = payloads_find(ps, PAYLOAD_TSR);

	*reason = "TSi or TSr is missing";
	if (i == NULL || r == NULL)
		return ERR_SYNTAX;
	enum err e = ts_parse(i->body, ts->i, TS_READ_MAX, &ts->found_i, reason);
	if (e == ERR_NONE || e == ERR_LIMIT)
		e = ts_parse(r->body, ts->r, TS_READ_MAX, &ts->found_r, reason);
	return e == ERR_LIMIT ? ERR_NONE : e;
}

static enum err answer_ts_read(const struct payloads *ps, struct child_draft *d,
			       const char **reason)
{
	struct ts_pair *ts = mem_new(sizeof(*ts));
	struct narrowed *n = mem_new(sizeof(*n));
	enum err e = ERR_NO_MEMORY;

	*reason = "out of memory";
	if (ts != NULL && n != NULL)
		e = ts_read(ps, ts, reason);
	if (e == ERR_NONE)
		e = narrow_check((struct selectors){d->local, d->n_local},
				 (struct selectors){d->remote, d->n_remote},
				 (struct selectors){ts->i, ts->found_i.n},
				 (struct selectors){ts->r, ts->found_r.n}, n, reason);
	if (e == ERR_NONE) {
		memcpy(d->local, n->local, sizeof(d->local));
		memcpy(d->remote, n->remote, sizeof(d->remote));
		d->n_local = n->n_local;
		d->n_remote = n->n_remote;
	}
	mem_free(ts);
	mem_free(n);
	return e;
}

enum err child_answer_read(struct ike_sa *sa, const struct payloads *ps, struct child_draft *d,
			   uint16_t ke_sent, bool with_ke, const char **reason)
{
	const struct ike_terms terms = {.protocol = PROTOCOL_ESP,
					.with_ke = with_ke,
					.ke_sent = ke_sent,
					.with_addke = true,
					.with_big = sa->big_payload};
	const struct payload *p = payloads_find(ps, PAYLOAD_SA);
	struct ike_choice choice;
	struct notify_part n;

	*reason = "the SA payload is missing";
	if (p == NULL)
		return ERR_SYNTAX;
	enum err e =
	    ike_check_answer(&sa->config->children[d->index].esp, &terms, p->body, &choice, reason);
	if (e)
		return e;
	d->suite = choice.suite;
	d->spi_out = choice_spi(&choice);
	*reason = "its SPI is not four octets of 256 or more";
	if (d->spi_out < 256)
		return ERR_SYNTAX; /* N31, RFC 4303 2.1 */
	*reason = "a limit of EESP is malformed";
	e = limits_read(ps, d);
	if (e)
		return e;
	/* RFC 7296 1.3.1: without the notify the responder declines transport mode. */
	*reason = "the peer declines transport mode";
	if (d->mode == ESP_MODE_TRANSPORT && !payloads_notify(ps, NOTIFY_USE_TRANSPORT_MODE, &n))
		return ERR_AUTH;
	return answer_ts_read(ps, d, reason);
}

/* How well child `index` fits the proposed selectors: 0 not at all. */
static int child_fit(const struct ike_sa *sa, unsigned index, const struct ts_pair *ts,
		     bool transport, struct narrowed *n)
{
	const struct ike_child_config *cfg = &sa->config->children[index];

	if (cfg->mode == ESP_MODE_TRANSPORT && !transport)
		return 0;
	if (narrow_respond((struct selectors){ts->i, ts->found_i.n},
			   (struct selectors){ts->r, ts->found_r.n},
			   (struct selectors){cfg->local, cfg->n_local},
			   (struct selectors){cfg->remote, cfg->n_remote}, n))
		return 0;
	return n->packet_fits ? 3 : n->whole ? 2 : 1;
}

static void draft_take(struct child_request *q, const struct ike_sa *sa, unsigned index,
		       const struct narrowed *n)
{
	struct child_draft *d = &q->draft;

	d->index = (uint16_t)index;
	d->mode = sa->config->children[index].mode;
	memcpy(d->local, n->local, sizeof(d->local));
	memcpy(d->remote, n->remote, sizeof(d->remote));
	d->n_local = n->n_local;
	d->n_remote = n->n_remote;
	q->more_possible = n->more_possible;
	q->transport = d->mode == ESP_MODE_TRANSPORT;
}

/* The child of the best fit; -1: none, and q says why. */
static int child_choose(struct ike_sa *sa, const struct payloads *ps, struct child_request *q,
			struct ts_pair *ts, struct narrowed *n)
{
	const struct ike_connection *c = sa->config;
	struct notify_part notify;
	const bool transport = payloads_notify(ps, NOTIFY_USE_TRANSPORT_MODE, &notify);
	int best = -1, best_fit = 0;

	for (unsigned i = 0; i < c->n_children; i++) {
		if (q->prefer >= 0 && (unsigned)q->prefer != i)
			continue;
		int fit = child_fit(sa, i, ts, transport, n);
		if (fit > best_fit) {
			best_fit = fit;
			best = (int)i;
			draft_take(q, sa, i, n);
		}
	}
	if (best < 0) {
		const struct ike_child_config *cfg = &c->children[q->prefer < 0 ? 0 : q->prefer];
		q->notify = NOTIFY_TS_UNACCEPTABLE;
		narrow_explain((struct selectors){ts->i, ts->found_i.n},
			       (struct selectors){ts->r, ts->found_r.n},
			       (struct selectors){cfg->local, cfg->n_local},
			       (struct selectors){cfg->remote, cfg->n_remote}, q->why,
			       sizeof(q->why));
	}
	return best;
}

static enum err child_suite_choose(struct ike *ike, struct ike_sa *sa, struct bytes body,
				   struct child_request *q)
{
	const struct ike_terms terms = {.protocol = PROTOCOL_ESP,
					.with_ke = q->with_ke,
					.ke_sent = q->ke_sent,
					.with_addke = true,
					.with_big = sa->big_payload};
	const struct ike_suites *ours = &sa->config->children[q->draft.index].esp;
	const char *reason = "no reason";
	enum err e = ike_select(ours, &terms, body, &q->choice, &reason);

	if (e == ERR_NOT_FOUND) {
		q->notify = NOTIFY_NO_PROPOSAL_CHOSEN;
		ike_explain_mismatch(ours, &terms, body, q->why, sizeof(q->why));
		return e;
	}
	if (e) {
		q->notify = NOTIFY_INVALID_SYNTAX;
		snprintf(q->why, sizeof(q->why), "%s", reason);
		return e;
	}
	if (q->choice.ke_other) {
		q->notify = NOTIFY_INVALID_KE_PAYLOAD;
		snprintf(q->why, sizeof(q->why), "the key exchange method is to be %s",
			 q->choice.suite.ke->name);
		return ERR_NONE;
	}
	q->draft.suite = q->choice.suite;
	q->draft.spi_out = choice_spi(&q->choice);
	q->draft.spi_in = child_new_spi(ike);
	if (q->draft.spi_out < 256) {
		q->notify = NOTIFY_INVALID_SYNTAX;
		snprintf(q->why, sizeof(q->why), "the SPI %u is reserved", q->draft.spi_out);
		return ERR_SYNTAX; /* N31 */
	}
	return ERR_NONE;
}

enum err child_request_read(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			    struct child_request *q)
{
	const struct payload *p = payloads_find(ps, PAYLOAD_SA);
	struct ts_pair *ts = mem_new(sizeof(*ts));
	struct narrowed *n = mem_new(sizeof(*n));
	const char *reason = "out of memory";
	enum err e = ERR_NO_MEMORY;

	q->notify = NOTIFY_NO_ADDITIONAL_SAS;
	if (ts != NULL && n != NULL) {
		e = ts_read(ps, ts, &reason);
		q->notify = NOTIFY_INVALID_SYNTAX;
	}
	if (e) {
		snprintf(q->why, sizeof(q->why), "%s", reason);
	} else if (child_choose(sa, ps, q, ts, n) < 0) {
		e = ERR_NOT_FOUND;
	} else {
		e = child_suite_choose(ike, sa, p->body, q);
		if (e == ERR_NONE && limits_read(ps, &q->draft)) {
			q->notify = NOTIFY_INVALID_SYNTAX;
			snprintf(q->why, sizeof(q->why), "a limit of EESP is malformed");
			e = ERR_SYNTAX;
		}
	}
	mem_free(ts);
	mem_free(n);
	return e;
}

void child_answer_write(struct message *m, const struct child_request *q,
			const struct child_offer *o)
{
	uint8_t spi[4];

	if (q->transport)
		message_notify(m, NOTIFY_USE_TRANSPORT_MODE, (struct bytes){0});
	if (q->more_possible)
		message_notify(m, NOTIFY_ADDITIONAL_TS_POSSIBLE, (struct bytes){0});
	ike_choice_write(message_payload_begin(m, PAYLOAD_SA), &q->choice,
			 spi_octets(q->draft.spi_in, spi));
	message_payload_end(m);
	limits_write(m, q->draft.suite.sskdf != SSKDF_NONE);
	nonce_and_ke_write(m, o);
	ts_payloads_write(m, &q->draft, false);
}
