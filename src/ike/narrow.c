#include "ike/narrow.h"

#include <stdio.h>
#include <string.h>

/* Adds s unless something that is there covers it; what it covers goes. False when it is new and
 * the array is full. */
static bool add(struct selector *out, size_t *n, const struct selector *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		if (selector_covers(&out[i], s))
			return true;
	for (size_t i = 0; i < *n; i++)
		if (!selector_covers(s, &out[i]))
			out[kept++] = out[i];
	*n = kept;
	if (*n == CHILD_SELECTORS_MAX)
		return false;
	out[(*n)++] = *s;
	return true;
}

/* The common part of two lists, what comes of the first proposed selector first. */
static void meet(struct selectors proposed, struct selectors ours, struct selector *out, size_t *n,
		 bool *overflow)
{
	*n = 0;
	for (size_t i = 0; i < proposed.n; i++)
		for (size_t k = 0; k < ours.n; k++) {
			struct selector common;

			if (selector_meet(&common, &proposed.s[i], &ours.s[k]) &&
			    !add(out, n, &common))
				*overflow = true;
		}
}

static bool has_counterpart(const struct selector *s, const struct selector *others, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (others[i].addrs.first.family == s->addrs.first.family &&
		    (others[i].protocol == 0 || s->protocol == 0 ||
		     others[i].protocol == s->protocol))
			return true;
	return false;
}

/* Drops what no packet can match because the other side has nothing of its family and protocol. */
static void prune(struct selector *s, size_t *n, const struct selector *others, size_t n_others)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		if (has_counterpart(&s[i], others, n_others))
			s[kept++] = s[i];
	*n = kept;
}

static bool all_covered(struct selectors proposed, const struct selector *s, size_t n)
{
	for (size_t i = 0; i < proposed.n; i++) {
		bool covered = false;

		for (size_t k = 0; k < n && !covered; k++)
			covered = selector_covers(&s[k], &proposed.s[i]);
		if (!covered)
			return false;
	}
	return true;
}

/* One address and, unless the protocol is any, one packet's worth of ports: RFC 7296 2.9 says that
 * an initiator that acts for a packet puts such selectors first. */
static bool is_of_packet(const struct selector *s)
{
	return addr_equal(&s->addrs.first, &s->addrs.last) && s->protocol != 0;
}

static bool first_is_covered(struct selectors proposed, const struct selector *s, size_t n)
{
	proposed.n = 1;
	return is_of_packet(&proposed.s[0]) && all_covered(proposed, s, n);
}

enum err narrow_respond(struct selectors tsi, struct selectors tsr, struct selectors local,
			struct selectors remote, struct narrowed *out)
{
	bool overflow = false;

	*out = (struct narrowed){0};
	meet(tsi, remote, out->remote, &out->n_remote, &overflow);
	meet(tsr, local, out->local, &out->n_local, &overflow);
	prune(out->remote, &out->n_remote, out->local, out->n_local);
	prune(out->local, &out->n_local, out->remote, out->n_remote);
	if (out->n_local == 0 || out->n_remote == 0)
		return ERR_NOT_FOUND;
	out->whole = !overflow && all_covered(tsi, out->remote, out->n_remote) &&
		     all_covered(tsr, out->local, out->n_local);
	out->more_possible = overflow;
	out->packet_fits = first_is_covered(tsi, out->remote, out->n_remote) &&
			   first_is_covered(tsr, out->local, out->n_local);
	return ERR_NONE;
}

static enum err take_answer(struct selectors proposed, struct selectors answer,
			    struct selector *out, size_t *n, const char **reason)
{
	if (answer.n > CHILD_SELECTORS_MAX) {
		*reason = "TS: the answer has more selectors than a Child SA may have here";
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < answer.n; i++) {
		bool within = false;

		for (size_t k = 0; k < proposed.n && !within; k++)
			within = selector_covers(&proposed.s[k], &answer.s[i]);
		if (!within) {
			*reason = "TS: the answer goes beyond what was proposed";
			return ERR_AUTH;
		}
		out[(*n)++] = answer.s[i];
	}
	return ERR_NONE;
}

enum err narrow_check(struct selectors proposed_i, struct selectors proposed_r,
		      struct selectors tsi, struct selectors tsr, struct narrowed *out,
		      const char **reason)
{
	enum err e;

	*out = (struct narrowed){0};
	e = take_answer(proposed_i, tsi, out->local, &out->n_local, reason);
	if (e == ERR_NONE)
		e = take_answer(proposed_r, tsr, out->remote, &out->n_remote, reason);
	if (e != ERR_NONE)
		return e;
	prune(out->remote, &out->n_remote, out->local, out->n_local);
	prune(out->local, &out->n_local, out->remote, out->n_remote);
	if (out->n_local == 0 || out->n_remote == 0) {
		*reason = "TS: the answer leaves no traffic";
		return ERR_AUTH;
	}
	out->whole = all_covered(proposed_i, out->local, out->n_local) &&
		     all_covered(proposed_r, out->remote, out->n_remote);
	out->packet_fits = first_is_covered(proposed_i, out->local, out->n_local) &&
			   first_is_covered(proposed_r, out->remote, out->n_remote);
	return ERR_NONE;
}

void narrow_packet(const struct flow_key *flow, struct selector *src, struct selector *dst)
{
	struct addr_range from = {flow->src, flow->src}, to = {flow->dst, flow->dst};

	*src = selector_of_range(&from);
	*dst = selector_of_range(&to);
	src->protocol = dst->protocol = flow->protocol;
	if (!flow->has_ports)
		return;
	src->port_first = src->port_last = flow->src_port;
	dst->port_first = dst->port_last = flow->dst_port;
}

bool narrow_is_single_pair(struct selectors tsi, struct selectors tsr)
{
	return tsi.n == 1 && tsr.n == 1 &&
	       addr_equal(&tsi.s[0].addrs.first, &tsi.s[0].addrs.last) &&
	       addr_equal(&tsr.s[0].addrs.first, &tsr.s[0].addrs.last);
}

static void append(char *buf, size_t cap, const char *text)
{
	size_t n = strlen(buf);

	if (n < cap)
		snprintf(buf + n, cap - n, "%s", text);
}

#define SHOWN_MAX 4

static void append_list(char *buf, size_t cap, struct selectors list)
{
	char text[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < list.n && i < SHOWN_MAX; i++) {
		append(buf, cap, i == 0 ? "" : ", ");
		append(buf, cap, selector_format(&list.s[i], text));
	}
	if (list.n == 0)
		append(buf, cap, "nothing");
	if (list.n > SHOWN_MAX)
		append(buf, cap, ", and more");
}

const char *narrow_explain(struct selectors tsi, struct selectors tsr, struct selectors local,
			   struct selectors remote, char *buf, size_t cap)
{
	if (cap == 0)
		return buf;
	snprintf(buf, cap, "peer proposed its side ");
	append_list(buf, cap, tsi);
	append(buf, cap, " and ours ");
	append_list(buf, cap, tsr);
	append(buf, cap, "; configured are remote ");
	append_list(buf, cap, remote);
	append(buf, cap, " and local ");
	append_list(buf, cap, local);
	return buf;
}
