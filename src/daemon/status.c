/* The engine's state as JSON, for `postern status`. Times are given as the moment (RFC 3339) and in
 * seconds from now, so that a reader needs no clock of its own. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/ikev2_names.h"
#include "base/ikev2_numbers.h"
#include "crypto/words.h"
#include "daemon/control.h"
#include "daemon/expiry.h"
#include "ike/ext/ppk.h"
#include "ike/suite.h"
#include "plane/control.h"

struct status {
	json_t *connections;
	json_t *connection; /* the one that is being filled; borrowed */
	json_t *sa;         /* borrowed */
	uint64_t wall, now;
};

static json_t *moment(const struct status *s, uint64_t at)
{
	char text[40];
	struct tm tm = {0};
	uint64_t wall = at > s->now ? s->wall + (at - s->now) : s->wall - (s->now - at);
	time_t seconds = (time_t)(wall / 1000000);

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static void put(json_t *object, const char *key, json_t *value)
{
	/* A value that could not be made is left out. */
	if (value != NULL)
		(void)json_object_set_new(object, key, value);
}

static void put_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL)
		put(object, key, json_string(text));
}

static void put_number(json_t *object, const char *key, uint64_t v)
{
	put(object, key, json_integer((json_int_t)v));
}

static void put_ago(const struct status *s, json_t *object, uint64_t at)
{
	put(object, "since", moment(s, at));
	put_number(object, "seconds", at < s->now ? (s->now - at) / 1000000 : 0);
}

/* Seconds until a moment; left out when there is none. */
static void put_until(const struct status *s, json_t *object, const char *key, uint64_t at)
{
	if (at != 0 && at != UINT64_MAX)
		put_number(object, key, at > s->now ? (at - s->now) / 1000000 : 0);
}

static void put_spi(json_t *object, const char *key, uint64_t spi, int digits)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%0*llx", digits, (unsigned long long)spi);
	put_text(object, key, text);
}

static json_t *selectors(const struct selector *s, size_t n)
{
	char text[SELECTOR_TEXT_MAX];
	json_t *list = json_array();

	for (size_t i = 0; i < n && list != NULL; i++)
		(void)json_array_append_new(list, json_string(selector_format(&s[i], text)));
	return list;
}

static const char *identity_text(const struct identity *id, char buf[IDENTITY_TEXT_MAX])
{
	return id != NULL ? identity_format(id, buf) : "any";
}

static const char *auth_text(enum ike_auth_kind kind)
{
	static const char *const names[] = {"psk", "cert", "pubkey"};

	return names[kind];
}

static void put_configured_children(json_t *object, const struct ike_connection *c)
{
	static const char *const starts[] = {"manual", "auto", "on-traffic"};
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_children && list != NULL; i++) {
		const struct ike_child_config *k = &c->children[i];
		json_t *o = json_object();
		put_text(o, "name", k->name);
		put_text(o, "start", starts[k->start]);
		put(o, "local_ts", selectors(k->local, k->n_local));
		put(o, "remote_ts", selectors(k->remote, k->n_remote));
		(void)json_array_append_new(list, o);
	}
	put(object, "children", list);
}

static void put_expiries(const struct status *s, json_t *object, const struct ike_connection *c)
{
	struct expiry found[EXPIRY_KINDS];
	int64_t now = (int64_t)(s->wall / 1000000);
	size_t n = s->wall != 0 ? expiry_find(c, found) : 0; /* 0: nobody asks for times */
	json_t *list = n > 0 ? json_array() : NULL;

	for (size_t i = 0; i < n && list != NULL; i++) {
		char text[40] = "?";
		time_t at = (time_t)found[i].at;
		json_t *o = json_object();
		struct tm tm;

		if (gmtime_r(&at, &tm) != NULL)
			(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		put_text(o, "what", expiry_word(found[i].kind));
		put_text(o, "name", found[i].name);
		put_text(o, "at", text);
		put(o, "seconds", json_integer((json_int_t)(found[i].at - now)));
		put(o, "soon", json_boolean(expiry_is_soon(&found[i], now)));
		(void)json_array_append_new(list, o);
	}
	put(object, "expiries", list);
}

static void on_connection(void *ctx, const struct ike_connection_info *info)
{
	struct status *s = ctx;
	char text[IDENTITY_TEXT_MAX], address[ADDR_TEXT_MAX];
	json_t *o = json_object();
	const struct ike_connection *c = info->config;

	s->connection = o;
	s->sa = NULL;
	if (o == NULL)
		return;
	put_text(o, "name", info->name);
	put_text(o, "state", ike_state_name(info->state));
	put_text(o, "why", info->why);
	put_ago(s, o, info->state_since);
	put_until(s, o, "retry_in", info->retry_at);
	if (c != NULL) {
		put_text(o, "local",
			 addr_is_none(&c->local) ? "any" : addr_format(&c->local, address));
		put_text(o, "remote",
			 addr_is_none(&c->remote) ? "any" : addr_format(&c->remote, address));
		put_text(o, "local_id", identity_text(c->local_id, text));
		put_text(o, "remote_id", identity_text(c->remote_id, text));
		put_text(o, "auth", auth_text(c->local_auth.kind));
		put_configured_children(o, c);
		put_expiries(s, o, c);
	}
	put(o, "sas", json_array());
	(void)json_array_append_new(s->connections, o);
}

static void put_exchanges(json_t *object, const struct ike_sa_info *info)
{
	char name[IKEV2_NAME_MAX], word[ALGORITHM_WORD_MAX];
	json_t *list = json_array();

	if (info->n_exchanges > 0)
		put_number(object, "handshake_microseconds", info->handshake_took);
	for (size_t i = 0; i < info->n_exchanges && list != NULL; i++) {
		const struct ike_exchange *e = &info->exchanges[i];
		const struct algorithm_word ke = {.type = TRANSFORM_KE, .id = e->ke};
		json_t *o = json_object();
		put_text(o, "exchange", exchange_name(e->exchange, name));
		if (e->ke != KE_NONE)
			put_text(o, "key_exchange", algorithm_word_format(&ke, word));
		put_text(o, "transport", e->in_tcp ? "tcp" : "udp");
		put_number(o, "sent_octets", e->sent);
		put_number(o, "received_octets", e->received);
		put_number(o, "microseconds", e->took);
		(void)json_array_append_new(list, o);
	}
	put(object, "exchanges", list);
}

static void on_sa(void *ctx, const struct ike_sa_info *info)
{
	struct status *s = ctx;
	char text[IDENTITY_TEXT_MAX], suite[IKE_SUITE_TEXT_MAX], address[ADDR_TEXT_MAX];
	json_t *o = json_object();

	s->sa = NULL;
	if (o == NULL || s->connection == NULL) {
		json_decref(o);
		return;
	}
	s->sa = o;
	put_text(o, "state", ike_state_name(info->state));
	put_text(o, "role", info->initiator ? "initiator" : "responder");
	put_spi(o, "spi_i", info->spi_i, 16);
	put_spi(o, "spi_r", info->spi_r, 16);
	put_text(o, "local", endpoint_format(&info->path.local, address));
	put_text(o, "remote", endpoint_format(&info->path.remote, address));
	if (info->local_id != NULL)
		put_text(o, "local_id", identity_format(info->local_id, text));
	if (info->remote_id != NULL)
		put_text(o, "remote_id", identity_format(info->remote_id, text));
	put_text(o, "remote_auth", info->remote_auth);
	if (info->ppk[0] != '\0') {
		char id[PPK_TEXT_MAX];
		put_text(o, "ppk", info->ppk);
		put_text(o, "ppk_id", ppk_text(info->ppk_id, id));
	}
	if (info->state == IKE_STATE_UP)
		put_text(o, "algorithms", ike_suite_format(&info->suite, suite));
	if (info->state == IKE_STATE_UP)
		put(o, "downgrade_prevention", json_boolean(info->downgrade_prevention));
	put_text(o, "transport", info->transport);
	put_exchanges(o, info);
	put(o, "nat_here", json_boolean(info->nat_here));
	put(o, "nat_there", json_boolean(info->nat_there));
	put_ago(s, o, info->since);
	put_until(s, o, "rekey_in", info->rekey_at);
	put_until(s, o, "reauth_in", info->reauth_at);
	if (info->last_heard != 0)
		put_number(o, "heard_seconds_ago",
			   s->now > info->last_heard ? (s->now - info->last_heard) / 1000000 : 0);
	put_number(o, "exchanges_waiting", info->exchanges_waiting);
	put(o, "children", json_array());
	(void)json_array_append_new(json_object_get(s->connection, "sas"), o);
}

static void put_usage(const struct status *s, json_t *o, const struct dataplane_usage *u)
{
	put_number(o, "in_octets", u->in_octets);
	put_number(o, "in_packets", u->in_packets);
	put_number(o, "out_octets", u->out_octets);
	put_number(o, "out_packets", u->out_packets);
	if (u->last_in != 0 && u->last_in <= s->now)
		put_number(o, "in_seconds_ago", (s->now - u->last_in) / 1000000);
	if (u->last_out != 0 && u->last_out <= s->now)
		put_number(o, "out_seconds_ago", (s->now - u->last_out) / 1000000);
	put_number(o, "in_replays", u->in_replays);
	put_number(o, "in_too_old", u->in_too_old);
	put_number(o, "in_bad_icv", u->in_bad_icv);
	put_number(o, "in_bad_selector", u->in_bad_selector);
	put_number(o, "in_malformed", u->in_malformed);
	put_number(o, "out_errors", u->out_errors);
}

static void on_child(void *ctx, const struct ike_child_info *info)
{
	static const char *const modes[] = {"tunnel", "transport", "", "", "beet"};
	struct status *s = ctx;
	char suite[IKE_SUITE_TEXT_MAX];
	json_t *o = json_object();

	if (o == NULL || s->sa == NULL) {
		json_decref(o);
		return;
	}
	put_text(o, "name", info->name);
	put_spi(o, "spi_in", info->spi_in, 8);
	put_spi(o, "spi_out", info->spi_out, 8);
	put_text(o, "algorithms", ike_suite_format(&info->suite, suite));
	put_text(o, "mode", modes[info->mode]);
	put(o, "udp", json_boolean(info->udp_encap));
	put(o, "tcp", json_boolean(info->in_tcp));
	put(o, "local_ts", selectors(info->local, info->n_local));
	put(o, "remote_ts", selectors(info->remote, info->n_remote));
	put_ago(s, o, info->since);
	put_until(s, o, "rekey_in", info->rekey_at);
	put(o, "rekeying", json_boolean(info->rekeying));
	put_usage(s, o, &info->usage);
	(void)json_array_append_new(json_object_get(s->sa, "children"), o);
}

json_t *status_json(struct ike *ike, const char *name, uint64_t wall, uint64_t now)
{
	struct status s = {.connections = json_array(), .wall = wall, .now = now};
	const struct ike_visitor v = {&s, on_connection, on_sa, on_child};

	if (s.connections == NULL)
		return NULL;
	if (ike_visit(ike, name, &v) != ERR_NONE) {
		json_decref(s.connections);
		return NULL;
	}
	return s.connections;
}

json_t *status_totals(const struct ike *ike)
{
	struct ike_totals t = {0};
	json_t *o = json_object();

	ike_totals(ike, &t);
	put_number(o, "connections", t.connections);
	put_number(o, "sas", t.sas);
	put_number(o, "children", t.children);
	put_number(o, "half_open", t.half_open);
	put_number(o, "jobs_waiting", t.jobs_waiting);
	put_number(o, "messages_in", t.messages_in);
	put_number(o, "messages_out", t.messages_out);
	put_number(o, "retransmits", t.retransmits);
	put_number(o, "dropped", t.dropped);
	put_number(o, "cookies_sent", t.cookies_sent);
	return o;
}

#ifdef POSTERN_FAULTS
json_t *status_faults(const struct faults *f)
{
	const struct fault_info *names = fault_list();
	json_t *list = json_array();

	for (size_t i = 0; i < FAULT_COUNT && f != NULL; i++) {
		const struct fault_state *s = &f->state[i];
		if (!s->on && s->fired == 0)
			continue;
		json_t *o = json_object();
		put_text(o, "name", names[i].name);
		put(o, "on", json_boolean(s->on != 0));
		if (s->arg != UINT64_MAX)
			put_number(o, "arg", s->arg);
		if (s->left > 0)
			put_number(o, "left", s->left);
		put_number(o, "fired", s->fired);
		(void)json_array_append_new(list, o);
	}
	return list;
}
#endif

json_t *status_plane(const struct plane_stats *stats)
{
	json_t *o = json_object();

	put_number(o, "in_packets", stats->in_packets);
	put_number(o, "in_octets", stats->in_octets);
	put_number(o, "out_packets", stats->out_packets);
	put_number(o, "out_octets", stats->out_octets);
	put_number(o, "keepalives", stats->keepalives);
	put_number(o, "datagrams", stats->datagrams);
	put_number(o, "datagrams_dropped", stats->datagrams_dropped);
	put_number(o, "send_errors", stats->send_errors);
	put_number(o, "too_big_sent", stats->too_big_sent);
	put_number(o, "acquires", stats->acquires);
	put_number(o, "children", stats->children);
	put_number(o, "policies", stats->policies);
	return o;
}
