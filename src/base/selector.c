#include "base/selector.h"

#include <stdio.h>
#include <string.h>

#define PORT_MOST   65535
#define PROTO_ICMP  1
#define PROTO_ICMP6 58

/* Names that people write; the IANA registry has more, which are written as numbers. */
static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
    {"icmp", PROTO_ICMP},   {"tcp", 6},   {"udp", 17},   {"dccp", 33}, {"gre", 47},
    {"icmp6", PROTO_ICMP6}, {"ospf", 89}, {"sctp", 132}, {"mh", 135},
};

#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static bool any_ports(const struct selector *s)
{
	return s->port_first == 0 && s->port_last == PORT_MOST;
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == PROTO_ICMP || protocol == PROTO_ICMP6;
}

struct selector selector_any(uint8_t family)
{
	struct addr_range all = addr_range_all(family);

	return selector_of_range(&all);
}

struct selector selector_of_range(const struct addr_range *r)
{
	return (struct selector){.addrs = *r, .port_last = PORT_MOST};
}

bool selector_equal(const struct selector *a, const struct selector *b)
{
	return addr_range_equal(&a->addrs, &b->addrs) && a->protocol == b->protocol &&
	       a->port_first == b->port_first && a->port_last == b->port_last;
}

bool selector_is_opaque(const struct selector *s)
{
	return s->port_first == PORT_MOST && s->port_last == 0;
}

/* ANY takes in OPAQUE, and OPAQUE takes in nothing but itself (RFC 4301 4.4.1.1). */
static bool meet_ports(struct selector *out, const struct selector *a, const struct selector *b)
{
	const struct selector *narrow = any_ports(a) ? b : a;
	const struct selector *other = any_ports(a) ? a : b;

	out->port_first = narrow->port_first;
	out->port_last = narrow->port_last;
	if (any_ports(other))
		return selector_is_opaque(narrow) || narrow->port_first <= narrow->port_last;
	if (selector_is_opaque(narrow) || selector_is_opaque(other))
		return selector_is_opaque(narrow) && selector_is_opaque(other);
	if (other->port_first > out->port_first)
		out->port_first = other->port_first;
	if (other->port_last < out->port_last)
		out->port_last = other->port_last;
	return out->port_first <= out->port_last;
}

bool selector_meet(struct selector *out, const struct selector *a, const struct selector *b)
{
	struct selector got = {0};

	if (a->protocol != 0 && b->protocol != 0 && a->protocol != b->protocol)
		return false;
	got.protocol = a->protocol != 0 ? a->protocol : b->protocol;
	if (!addr_range_meet(&got.addrs, &a->addrs, &b->addrs) || !meet_ports(&got, a, b))
		return false;
	*out = got;
	return true;
}

bool selector_covers(const struct selector *outer, const struct selector *inner)
{
	struct selector common;

	return selector_meet(&common, outer, inner) && selector_equal(&common, inner);
}

bool selector_has(const struct selector *s, const struct addr *a, uint8_t protocol, bool has_port,
		  uint16_t port)
{
	if (!addr_range_has(&s->addrs, a))
		return false;
	if (s->protocol != 0 && s->protocol != protocol)
		return false;
	if (any_ports(s))
		return true;
	if (selector_is_opaque(s))
		return !has_port;
	return has_port && port >= s->port_first && port <= s->port_last;
}

/* A decimal number up to `most` at *text, which moves behind it. */
static bool take_number(const char **text, unsigned most, unsigned *out)
{
	const char *t = *text;
	unsigned v = 0;

	for (; *t >= '0' && *t <= '9' && v <= most; t++)
		v = v * 10 + (unsigned)(*t - '0');
	if (t == *text || v > most)
		return false;
	*text = t;
	*out = v;
	return true;
}

/* "443", or for ICMP "8" (every code of a type) and "3.4"; gives the first and last it stands for.
 */
static bool take_port(const char **text, bool icmp, unsigned *first, unsigned *last)
{
	unsigned code = 0;

	if (!icmp) {
		if (!take_number(text, PORT_MOST, first))
			return false;
		*last = *first;
		return true;
	}
	if (!take_number(text, 255, first))
		return false;
	*first *= 256;
	*last = *first + 255;
	if (**text != '.')
		return true;
	++*text;
	if (!take_number(text, 255, &code))
		return false;
	*first += code;
	*last = *first;
	return true;
}

static enum err parse_ports(struct selector *s, const char *text)
{
	unsigned first = 0;
	unsigned last = 0;
	unsigned ignored = 0;

	if (strcmp(text, "opaque") == 0) {
		s->port_first = PORT_MOST;
		s->port_last = 0;
		return ERR_NONE;
	}
	if (!take_port(&text, is_icmp(s->protocol), &first, &last))
		return ERR_SYNTAX;
	if (*text == '-') {
		text++;
		if (!take_port(&text, is_icmp(s->protocol), &ignored, &last))
			return ERR_SYNTAX;
	}
	if (*text != '\0')
		return ERR_SYNTAX;
	if (first > last)
		return ERR_RANGE;
	s->port_first = (uint16_t)first;
	s->port_last = (uint16_t)last;
	return ERR_NONE;
}

static enum err parse_protocol(struct selector *s, const char *text)
{
	unsigned v = 0;

	for (size_t i = 0; i < N_PROTOCOLS; i++) {
		if (strcmp(text, protocols[i].name) == 0) {
			s->protocol = protocols[i].number;
			return ERR_NONE;
		}
	}
	if (!take_number(&text, 255, &v) || *text != '\0')
		return ERR_SYNTAX;
	s->protocol = (uint8_t)v;
	return ERR_NONE;
}

/* The part between the brackets: "tcp", "tcp/443", "17/opaque". */
static enum err parse_upper(struct selector *s, char *text)
{
	char *slash = strchr(text, '/');
	enum err e = ERR_NONE;

	if (slash != NULL)
		*slash = '\0';
	e = parse_protocol(s, text);
	if (e != ERR_NONE || slash == NULL)
		return e;
	/* Ports are undefined for protocol 0 (RFC 7296 3.13.1). */
	if (s->protocol == 0)
		return ERR_SYNTAX;
	return parse_ports(s, slash + 1);
}

enum err selector_parse(struct selector *s, const char *text)
{
	char copy[SELECTOR_TEXT_MAX];
	size_t n = strlen(text);
	char *open = NULL;
	struct selector got;
	enum err e = ERR_NONE;

	*s = (struct selector){0};
	if (n >= sizeof(copy))
		return ERR_SYNTAX;
	memcpy(copy, text, n + 1);
	open = strchr(copy, '[');
	if (open != NULL) {
		if (copy[n - 1] != ']')
			return ERR_SYNTAX;
		*open = '\0';
		copy[n - 1] = '\0';
	}
	got = selector_any(0);
	e = addr_range_parse(&got.addrs, copy);
	if (e == ERR_NONE && open != NULL)
		e = parse_upper(&got, open + 1);
	if (e == ERR_NONE)
		*s = got;
	return e;
}

static void format_ports(const struct selector *s, char *buf, size_t cap)
{
	unsigned first = s->port_first;
	unsigned last = s->port_last;

	if (any_ports(s))
		buf[0] = '\0';
	else if (selector_is_opaque(s))
		(void)snprintf(buf, cap, "/opaque");
	else if (is_icmp(s->protocol) && first % 256 == 0 && last == first + 255)
		(void)snprintf(buf, cap, "/%u", first / 256);
	else if (is_icmp(s->protocol) && first == last)
		(void)snprintf(buf, cap, "/%u.%u", first / 256, first % 256);
	else if (is_icmp(s->protocol))
		(void)snprintf(buf, cap, "/%u.%u-%u.%u", first / 256, first % 256, last / 256,
			       last % 256);
	else if (first == last)
		(void)snprintf(buf, cap, "/%u", first);
	else
		(void)snprintf(buf, cap, "/%u-%u", first, last);
}

const char *selector_format(const struct selector *s, char buf[SELECTOR_TEXT_MAX])
{
	char range[2 * ADDR_TEXT_MAX];
	char number[4];
	char ports[24];
	const char *name = number;

	addr_range_format(&s->addrs, range);
	if (s->protocol == 0 && any_ports(s)) {
		(void)snprintf(buf, SELECTOR_TEXT_MAX, "%s", range);
		return buf;
	}
	(void)snprintf(number, sizeof(number), "%u", (unsigned)s->protocol);
	for (size_t i = 0; i < N_PROTOCOLS; i++) {
		if (protocols[i].number == s->protocol)
			name = protocols[i].name;
	}
	format_ports(s, ports, sizeof(ports));
	(void)snprintf(buf, SELECTOR_TEXT_MAX, "%s[%s%s]", range, name, ports);
	return buf;
}
