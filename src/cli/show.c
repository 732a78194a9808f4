#include "cli/show.h"

#include <string.h>

#define GREEN  "\033[32m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

const char *show_time(json_int_t s, char buf[SHOW_UNITS_MAX])
{
	if (s < 60)
		(void)snprintf(buf, SHOW_UNITS_MAX, "%lld s", (long long)s);
	else if (s < 3600)
		(void)snprintf(buf, SHOW_UNITS_MAX, "%lld m %lld s", (long long)(s / 60),
			       (long long)(s % 60));
	else if (s < 86400)
		(void)snprintf(buf, SHOW_UNITS_MAX, "%lld h %lld m", (long long)(s / 3600),
			       (long long)(s / 60 % 60));
	else
		(void)snprintf(buf, SHOW_UNITS_MAX, "%lld d %lld h", (long long)(s / 86400),
			       (long long)(s / 3600 % 24));
	return buf;
}

const char *show_octets(json_int_t octets, char buf[SHOW_UNITS_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)octets;
	size_t i = 0;

	while (v >= 1024 && i < sizeof(units) / sizeof(units[0]) - 1) {
		v /= 1024;
		i++;
	}
	(void)snprintf(buf, SHOW_UNITS_MAX, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
	return buf;
}

void show_text(FILE *f, const char *text)
{
	for (const char *p = text != NULL ? text : ""; *p != '\0'; p++)
		(void)fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, f);
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool has(const json_t *o, const char *key)
{
	return json_object_get(o, key) != NULL;
}

/* "  name         " to a fixed column. */
static void label(FILE *f, int indent, const char *name)
{
	(void)fprintf(f, "%*s%-*s", indent, "", 16 - indent, name);
}

static void line(FILE *f, int indent, const char *name, const char *value)
{
	label(f, indent, name);
	show_text(f, value);
	(void)fputc('\n', f);
}

/* "2026-11-24T14:34:52Z" with a blank for a reader's eye. */
static void moment(FILE *f, const json_t *o)
{
	char buf[SHOW_UNITS_MAX];
	const char *since = text(o, "since");

	(void)fprintf(f, "since %.10s %.8s UTC (%s)", since, strlen(since) > 11 ? since + 11 : "",
		      show_time(number(o, "seconds"), buf));
}

static void state(FILE *f, const char *name, bool colour)
{
	const char *shade = strcmp(name, "up") == 0     ? GREEN
			    : strcmp(name, "down") == 0 ? RED
							: YELLOW;

	(void)fprintf(f, "%s%s%s", colour ? shade : "", name, colour ? PLAIN : "");
}

static void list(FILE *f, const json_t *items)
{
	size_t i;
	json_t *item;

	json_array_foreach(items, i, item)
	{
		if (i > 0)
			(void)fputs(", ", f);
		show_text(f, json_string_value(item));
	}
}

static void selectors(FILE *f, int indent, const char *name, const json_t *o)
{
	label(f, indent, name);
	list(f, json_object_get(o, "local_ts"));
	(void)fputs(" === ", f);
	list(f, json_object_get(o, "remote_ts"));
	(void)fputc('\n', f);
}

static void traffic(FILE *f, const json_t *o, const char *name, const char *octets,
		    const char *packets, const char *ago)
{
	char a[SHOW_UNITS_MAX], b[SHOW_UNITS_MAX];

	label(f, 4, name);
	(void)fprintf(f, "%s in %lld packets", show_octets(number(o, octets), a),
		      (long long)number(o, packets));
	if (has(o, ago))
		(void)fprintf(f, ", the last %s ago", show_time(number(o, ago), b));
	(void)fputc('\n', f);
}

static void drops(FILE *f, const json_t *o)
{
	static const struct {
		const char *key, *what;
	} kinds[] = {
	    {"in_replays", "replayed"},          {"in_too_old", "too old"},
	    {"in_bad_icv", "forged or damaged"}, {"in_bad_selector", "outside the selectors"},
	    {"in_malformed", "malformed"},       {"out_errors", "not sent"},
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_int_t n = number(o, kinds[i].key);
		if (n == 0)
			continue;
		if (!any)
			label(f, 4, "dropped");
		(void)fprintf(f, "%s%lld %s", any ? ", " : "", (long long)n, kinds[i].what);
		any = true;
	}
	if (any)
		(void)fputc('\n', f);
}

/* in_tcp: its IKE SA's connection carries ESP too. */
static void live_child(FILE *f, const json_t *o, bool in_tcp, bool colour)
{
	char buf[SHOW_UNITS_MAX];

	(void)fputs("  child ", f);
	show_text(f, text(o, "name"));
	(void)fputs(": ", f);
	state(f, "up", colour);
	(void)fputc(' ', f);
	moment(f, o);
	(void)fputc('\n', f);
	selectors(f, 4, "traffic", o);
	label(f, 4, "algorithms");
	const char *carrier = json_is_true(json_object_get(o, "udp")) ? "in UDP" : "IP protocol 50";
	(void)fprintf(f, "%s, %s mode, %s\n", text(o, "algorithms"), text(o, "mode"),
		      in_tcp ? "in TCP" : carrier);
	label(f, 4, "SPIs");
	(void)fprintf(f, "%s in, %s out\n", text(o, "spi_in"), text(o, "spi_out"));
	traffic(f, o, "received", "in_octets", "in_packets", "in_seconds_ago");
	traffic(f, o, "sent", "out_octets", "out_packets", "out_seconds_ago");
	drops(f, o);
	if (json_is_true(json_object_get(o, "rekeying")))
		line(f, 4, "rekey", "under way");
	else if (has(o, "rekey_in"))
		(void)fprintf(f, "    %-12sin %s\n", "rekey",
			      show_time(number(o, "rekey_in"), buf));
}

static const char *nat(const json_t *o)
{
	bool here = json_is_true(json_object_get(o, "nat_here"));
	bool there = json_is_true(json_object_get(o, "nat_there"));

	return here && there ? "NAT on both sides"
	       : here        ? "we are behind a NAT"
			     : "the peer is behind a NAT";
}

/* How large the exchanges of the handshake were, and how long they took. */
static void exchanges(FILE *f, const json_t *o)
{
	size_t i;
	json_t *e;
	json_t *all = json_object_get(o, "exchanges");

	if (json_array_size(all) == 0)
		return;
	label(f, 2, "handshake");
	(void)fprintf(f, "%.1f ms\n", (double)number(o, "handshake_microseconds") / 1000);
	json_array_foreach(all, i, e)(void) fprintf(
	    f, "    %-17s %-16s %s %7lld octets out, %7lld in, %6.1f ms\n", text(e, "exchange"),
	    text(e, "key_exchange"), text(e, "transport"), (long long)number(e, "sent_octets"),
	    (long long)number(e, "received_octets"), (double)number(e, "microseconds") / 1000);
}

static void live_sa(FILE *f, const json_t *o, bool colour)
{
	char buf[SHOW_UNITS_MAX];
	size_t i;
	json_t *child;

	label(f, 2, "peer");
	show_text(f, has(o, "remote_id") ? text(o, "remote_id") : "(not yet known)");
	(void)fprintf(f, " at %s", text(o, "remote"));
	if (text(o, "remote_auth")[0] != '\0')
		(void)fprintf(f, ", by %s", text(o, "remote_auth"));
	if (text(o, "ppk")[0] != '\0')
		(void)fprintf(f, ", PPK %s (%s)", text(o, "ppk_id"), text(o, "ppk"));
	(void)fputc('\n', f);
	label(f, 2, "us");
	if (has(o, "local_id")) {
		show_text(f, text(o, "local_id"));
		(void)fputs(" at ", f);
	}
	(void)fprintf(f, "%s, %s\n", text(o, "local"), text(o, "role"));
	label(f, 2, "IKE SA");
	state(f, text(o, "state"), colour);
	(void)fputc(' ', f);
	moment(f, o);
	(void)fputc('\n', f);
	if (has(o, "algorithms"))
		line(f, 2, "algorithms", text(o, "algorithms"));
	if (has(o, "downgrade_prevention"))
		line(f, 2, "downgrade",
		     json_is_true(json_object_get(o, "downgrade_prevention"))
			 ? "prevented"
			 : "not prevented: the peer and we did not both announce it");
	if (has(o, "transport") && strcmp(text(o, "transport"), "udp") != 0)
		line(f, 2, "transport", text(o, "transport"));
	exchanges(f, o);
	if (json_is_true(json_object_get(o, "nat_here")) ||
	    json_is_true(json_object_get(o, "nat_there")))
		line(f, 2, "NAT", nat(o));
	if (has(o, "rekey_in") || has(o, "reauth_in")) {
		label(f, 2, "rekey");
		if (has(o, "rekey_in"))
			(void)fprintf(f, "in %s", show_time(number(o, "rekey_in"), buf));
		if (has(o, "reauth_in"))
			(void)fprintf(f, "%sreauthentication in %s", has(o, "rekey_in") ? ", " : "",
				      show_time(number(o, "reauth_in"), buf));
		(void)fputc('\n', f);
	}
	json_array_foreach(json_object_get(o, "children"), i, child)
	    live_child(f, child, strcmp(text(o, "transport"), "tcp") == 0, colour);
}

/* A configured child that no SA carries. */
static bool is_live(const json_t *connection, const char *name)
{
	size_t i, j;
	json_t *sa, *child;

	json_array_foreach(json_object_get(connection, "sas"), i, sa)
	{
		json_array_foreach(json_object_get(sa, "children"), j, child)
		{
			if (strcmp(text(child, "name"), name) == 0)
				return true;
		}
	}
	return false;
}

static void dead_children(FILE *f, const json_t *o, bool colour)
{
	size_t i;
	json_t *child;

	json_array_foreach(json_object_get(o, "children"), i, child)
	{
		if (is_live(o, text(child, "name")))
			continue;
		(void)fputs("  child ", f);
		show_text(f, text(child, "name"));
		(void)fputs(": ", f);
		state(f, "down", colour);
		(void)fprintf(f, ", start %s\n", text(child, "start"));
		selectors(f, 4, "traffic", child);
	}
}

/* What is over soon, or already. */
static void expiries(FILE *f, const json_t *list, bool colour)
{
	char buf[SHOW_UNITS_MAX];
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o)
	{
		json_int_t left = number(o, "seconds");

		if (!json_is_true(json_object_get(o, "soon")))
			continue;
		label(f, 2, "expiry");
		(void)fprintf(f, "%s%s ", colour ? YELLOW : "", text(o, "what"));
		show_text(f, text(o, "name"));
		(void)fprintf(f, left > 0 ? " is over in %s%s\n" : " is over since %s%s\n",
			      show_time(left > 0 ? left : -left, buf), colour ? PLAIN : "");
	}
}

static void connection(FILE *f, const json_t *o, bool colour)
{
	char buf[SHOW_UNITS_MAX];
	size_t i;
	json_t *sa;
	json_t *sas = json_object_get(o, "sas");

	show_text(f, text(o, "name"));
	(void)fputs(": ", f);
	state(f, text(o, "state"), colour);
	(void)fputc(' ', f);
	moment(f, o);
	(void)fputc('\n', f);
	if (strcmp(text(o, "why"), text(o, "state")) != 0 && text(o, "why")[0] != '\0')
		line(f, 2, "why", text(o, "why"));
	if (has(o, "retry_in"))
		(void)fprintf(f, "  %-14sin %s\n", "next try",
			      show_time(number(o, "retry_in"), buf));
	expiries(f, json_object_get(o, "expiries"), colour);
	if (json_array_size(sas) == 0) {
		label(f, 2, "peer");
		show_text(f, text(o, "remote_id"));
		(void)fprintf(f, " at %s, by %s\n", text(o, "remote"), text(o, "auth"));
		label(f, 2, "us");
		show_text(f, text(o, "local_id"));
		(void)fprintf(f, " at %s\n", text(o, "local"));
	}
	json_array_foreach(sas, i, sa) live_sa(f, sa, colour);
	dead_children(f, o, colour);
}

static void active_faults(FILE *f, const json_t *faults)
{
	size_t i;
	json_t *o;

	json_array_foreach(faults, i, o)
	{
		(void)fprintf(f, "fault %s: %s", text(o, "name"),
			      json_is_true(json_object_get(o, "on")) ? "on" : "off");
		if (has(o, "arg"))
			(void)fprintf(f, ", argument %lld", (long long)number(o, "arg"));
		if (has(o, "left"))
			(void)fprintf(f, ", %lld times more", (long long)number(o, "left"));
		(void)fprintf(f, ", %lld times so far\n", (long long)number(o, "fired"));
	}
}

void show_status(FILE *f, json_t *answer, bool colour)
{
	size_t i;
	json_t *o;
	json_t *connections = json_object_get(answer, "connections");

	if (json_array_size(connections) == 0)
		(void)fputs("no connection is configured\n", f);
	json_array_foreach(connections, i, o)
	{
		if (i > 0)
			(void)fputc('\n', f);
		connection(f, o, colour);
	}
	active_faults(f, json_object_get(answer, "faults"));
}

void show_stats(FILE *f, json_t *answer)
{
	static const char *const parts[] = {"totals", "plane"};
	const char *key;
	json_t *value;

	for (size_t i = 0; i < 2; i++) {
		json_t *part = json_object_get(answer, parts[i]);
		if (part == NULL)
			continue;
		(void)fprintf(f, "%s\n", i == 0 ? "IKE" : "data plane");
		json_object_foreach(part, key, value)
		{
			(void)fprintf(f, "  %-20s%lld\n", key,
				      (long long)json_integer_value(value));
		}
	}
}

void show_faults(FILE *f, json_t *answer)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(answer, "known"), i, o)(void)
	    fprintf(f, "%-22s%s\n", text(o, "name"), text(o, "help"));
	active_faults(f, json_object_get(answer, "faults"));
}

void show_progress(FILE *f, json_t *o)
{
	show_text(f, text(o, "connection"));
	if (has(o, "child")) {
		(void)fputc(' ', f);
		show_text(f, text(o, "child"));
	}
	(void)fputs(": ", f);
	show_text(f, text(o, "progress"));
	if (has(o, "reason")) {
		(void)fputs(": ", f);
		show_text(f, text(o, "reason"));
	}
	(void)fputc('\n', f);
}
