#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

size_t addr_len(const struct addr *a)
{
	switch (a->family) {
	case 4:
		return 4;
	case 6:
		return 16;
	default:
		return 0;
	}
}

struct bytes addr_bytes(const struct addr *a)
{
	return bytes_of(a->a, addr_len(a));
}

struct addr addr_v4(uint32_t host_order)
{
	struct addr a = {.family = 4};

	for (unsigned i = 0; i < 4; i++)
		a.a[i] = (uint8_t)(host_order >> (24 - 8 * i) & 0xff);
	return a;
}

struct addr addr_from(struct bytes octets)
{
	struct addr a = {0};

	if (octets.n != 4 && octets.n != 16)
		return a;
	a.family = octets.n == 4 ? 4 : 6;
	memcpy(a.a, octets.p, octets.n);
	return a;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->a, b->a, addr_len(a));
}

bool addr_is_none(const struct addr *a)
{
	return addr_len(a) == 0;
}

bool addr_is_any(const struct addr *a)
{
	for (size_t i = 0; i < addr_len(a); i++) {
		if (a->a[i] != 0)
			return false;
	}
	return true;
}

bool addr_next(struct addr *a)
{
	for (size_t i = addr_len(a); i > 0; i--) {
		a->a[i - 1]++;
		if (a->a[i - 1] != 0)
			return true;
	}
	return false;
}

bool addr_previous(struct addr *a)
{
	for (size_t i = addr_len(a); i > 0; i--) {
		a->a[i - 1]--;
		if (a->a[i - 1] != 0xff)
			return true;
	}
	return false;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

bool path_equal(const struct path *a, const struct path *b)
{
	return a->natt == b->natt && a->stream == b->stream &&
	       endpoint_equal(&a->local, &b->local) && endpoint_equal(&a->remote, &b->remote);
}

enum err addr_parse(struct addr *a, const char *text)
{
	*a = (struct addr){0};
	if (inet_pton(AF_INET, text, a->a) == 1) {
		a->family = 4;
		return ERR_NONE;
	}
	if (inet_pton(AF_INET6, text, a->a) == 1) {
		a->family = 6;
		return ERR_NONE;
	}
	*a = (struct addr){0};
	return ERR_SYNTAX;
}

const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	int family = a->family == 4 ? AF_INET : AF_INET6;

	if (addr_is_none(a) || inet_ntop(family, a->a, buf, ADDR_TEXT_MAX) == NULL)
		(void)snprintf(buf, ADDR_TEXT_MAX, "none");
	return buf;
}

const char *endpoint_format(const struct endpoint *e, char buf[ADDR_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN];
	int family = e->addr.family == 4 ? AF_INET : AF_INET6;

	if (addr_is_none(&e->addr) || inet_ntop(family, e->addr.a, text, sizeof(text)) == NULL)
		(void)snprintf(buf, ADDR_TEXT_MAX, "none:%u", (unsigned)e->port);
	else if (e->addr.family == 4)
		(void)snprintf(buf, ADDR_TEXT_MAX, "%s:%u", text, (unsigned)e->port);
	else
		(void)snprintf(buf, ADDR_TEXT_MAX, "[%s]:%u", text, (unsigned)e->port);
	return buf;
}

/* A prefix length in decimal digits alone, at most `most`. */
static enum err parse_prefix(const char *text, unsigned most, unsigned *prefix)
{
	unsigned v = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n < 3; n++)
		v = v * 10 + (unsigned)(text[n] - '0');
	if (n == 0 || text[n] != '\0')
		return ERR_SYNTAX;
	if (v > most)
		return ERR_RANGE;
	*prefix = v;
	return ERR_NONE;
}

/* Turns first into the range of its prefix; ERR_RANGE when host bits are set. */
static enum err range_of_prefix(struct addr_range *r, unsigned prefix)
{
	r->last = r->first;
	for (unsigned bit = prefix; bit < 8 * addr_len(&r->first); bit++) {
		uint8_t mask = (uint8_t)(0x80U >> bit % 8);

		if (r->first.a[bit / 8] & mask)
			return ERR_RANGE;
		r->last.a[bit / 8] |= mask;
	}
	return ERR_NONE;
}

enum err addr_range_parse(struct addr_range *r, const char *text)
{
	struct addr_range got = {0};
	char head[ADDR_TEXT_MAX];
	size_t n = strcspn(text, "/-");
	unsigned prefix = 0;
	enum err e = ERR_NONE;

	*r = got;
	if (n >= sizeof(head))
		return ERR_SYNTAX;
	memcpy(head, text, n);
	head[n] = '\0';
	e = addr_parse(&got.first, head);
	if (e != ERR_NONE)
		return e;
	if (text[n] == '/') {
		e = parse_prefix(text + n + 1, (unsigned)(8 * addr_len(&got.first)), &prefix);
		if (e == ERR_NONE)
			e = range_of_prefix(&got, prefix);
	} else if (text[n] == '-') {
		e = addr_parse(&got.last, text + n + 1);
		if (e == ERR_NONE && (got.first.family != got.last.family ||
				      addr_compare(&got.first, &got.last) > 0))
			e = ERR_RANGE;
	} else {
		got.last = got.first;
	}
	if (e == ERR_NONE)
		*r = got;
	return e;
}

int addr_range_prefix(const struct addr_range *r)
{
	unsigned bits = (unsigned)(8 * addr_len(&r->first));
	unsigned prefix = 0;
	struct addr_range whole = {.first = r->first};

	if (bits == 0 || r->first.family != r->last.family)
		return -1;
	while (prefix < bits) {
		uint8_t mask = (uint8_t)(0x80U >> prefix % 8);

		if ((r->first.a[prefix / 8] ^ r->last.a[prefix / 8]) & mask)
			break;
		prefix++;
	}
	if (range_of_prefix(&whole, prefix) != ERR_NONE || !addr_equal(&whole.last, &r->last))
		return -1;
	return (int)prefix;
}

const char *addr_range_format(const struct addr_range *r, char buf[2 * ADDR_TEXT_MAX])
{
	char first[ADDR_TEXT_MAX];
	char last[ADDR_TEXT_MAX];
	int prefix = addr_range_prefix(r);

	addr_format(&r->first, first);
	addr_format(&r->last, last);
	if (prefix >= 0)
		(void)snprintf(buf, 2 * ADDR_TEXT_MAX, "%s/%d", first, prefix);
	else
		(void)snprintf(buf, 2 * ADDR_TEXT_MAX, "%s-%s", first, last);
	return buf;
}

bool addr_range_has(const struct addr_range *r, const struct addr *a)
{
	return !addr_is_none(a) && a->family == r->first.family &&
	       addr_compare(&r->first, a) <= 0 && addr_compare(a, &r->last) <= 0;
}

bool addr_range_meet(struct addr_range *out, const struct addr_range *a, const struct addr_range *b)
{
	struct addr_range got = *a;

	if (a->first.family != b->first.family || addr_is_none(&a->first))
		return false;
	if (addr_compare(&b->first, &got.first) > 0)
		got.first = b->first;
	if (addr_compare(&b->last, &got.last) < 0)
		got.last = b->last;
	if (addr_compare(&got.first, &got.last) > 0)
		return false;
	*out = got;
	return true;
}

bool addr_range_equal(const struct addr_range *a, const struct addr_range *b)
{
	return addr_equal(&a->first, &b->first) && addr_equal(&a->last, &b->last);
}

struct addr_range addr_range_all(uint8_t family)
{
	struct addr_range r = {.first = {.family = family}, .last = {.family = family}};

	memset(r.last.a, 0xff, addr_len(&r.last));
	return r;
}
