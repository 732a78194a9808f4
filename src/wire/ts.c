#include "wire/ts.h"

#include "base/ikev2_numbers.h"
#include "wire/reason.h"

#define TS_HEADER_LEN 4 /* of the payload's body, and of each selector's fixed part */

/* An address range selector (RFC 7296 3.13.1) after its length; size is of one address. */
static enum err take_range(struct reader *r, uint8_t protocol, size_t size, struct selector *s,
			   const char **reason)
{
	*s = (struct selector){.protocol = protocol};
	s->port_first = reader_u16(r);
	s->port_last = reader_u16(r);
	s->addrs.first = addr_from(reader_take(r, size));
	s->addrs.last = addr_from(reader_take(r, size));
	if (!reader_done(r))
		return wire_syntax(reason, "TS: wrong length of an address range selector");
	if (addr_compare(&s->addrs.first, &s->addrs.last) > 0)
		return wire_syntax(reason, "TS: an address range ends before it starts");
	/* RFC 7296 3.13.1: OPAQUE is 65535 to 0. */
	if (s->port_first > s->port_last && !(s->port_first == UINT16_MAX && s->port_last == 0))
		return wire_syntax(reason, "TS: a port range ends before it starts");
	return ERR_NONE;
}

static enum err take_selector(struct reader *r, struct selector *out, size_t cap,
			      struct ts_found *found, const char **reason)
{
	uint8_t type = reader_u8(r);
	uint8_t protocol = reader_u8(r);
	uint16_t len = reader_u16(r);
	struct selector s;

	if (!reader_ok(r))
		return wire_syntax(reason, "TS: a selector's header is cut off");
	if (len < TS_HEADER_LEN)
		return wire_syntax(reason, "TS: a selector's length is below 4");
	struct bytes value = reader_take(r, len - (size_t)TS_HEADER_LEN);
	struct reader body = reader_of(value);

	if (!reader_ok(r))
		return wire_syntax(reason, "TS: a selector runs over the payload");
	if (type == TS_SECLABEL) {
		/* RFC 9478: a label is never empty. */
		if (value.n == 0)
			return wire_syntax(reason, "TS: an empty security label");
		if (found->n_labels++ == 0)
			found->label = value;
		return ERR_NONE;
	}
	if (type != TS_IPV4_ADDR_RANGE && type != TS_IPV6_ADDR_RANGE) {
		found->skipped++;
		return ERR_NONE;
	}
	enum err e = take_range(&body, protocol, type == TS_IPV4_ADDR_RANGE ? 4 : 16, &s, reason);
	if (e != ERR_NONE)
		return e;
	if (found->n < cap)
		out[found->n++] = s;
	else
		found->dropped++;
	return ERR_NONE;
}

enum err ts_parse(struct bytes body, struct selector *out, size_t cap, struct ts_found *found,
		  const char **reason)
{
	struct reader r = reader_of(body);
	uint8_t count = reader_u8(&r);

	(void)reader_take(&r, 3); /* reserved */
	*found = (struct ts_found){.n = 0};
	if (!reader_ok(&r))
		return wire_syntax(reason, "TS: fewer than 4 octets");
	if (count == 0)
		return wire_syntax(reason, "TS: no selector");
	for (unsigned i = 0; i < count; i++) {
		enum err e = take_selector(&r, out, cap, found, reason);

		if (e != ERR_NONE)
			return e;
	}
	if (!reader_done(&r))
		return wire_syntax(reason, "TS: octets after the last selector");
	if (found->dropped > 0)
		return wire_fail(ERR_LIMIT, reason, "TS: more selectors than we take");
	return ERR_NONE;
}

static void write_range(struct writer *w, const struct selector *s)
{
	size_t size = addr_len(&s->addrs.first);

	if (size == 0 || size != addr_len(&s->addrs.last)) {
		w->bad = true;
		return;
	}
	writer_u8(w, size == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
	writer_u8(w, s->protocol);
	writer_u16(w, (uint16_t)(TS_HEADER_LEN + 4 + 2 * size));
	writer_u16(w, s->port_first);
	writer_u16(w, s->port_last);
	writer_bytes(w, addr_bytes(&s->addrs.first));
	writer_bytes(w, addr_bytes(&s->addrs.last));
}

void ts_write(struct writer *w, const struct selector *s, size_t n, struct bytes label)
{
	size_t count = n + (label.n > 0);

	if (count == 0 || count > TS_MAX || label.n > UINT16_MAX - TS_HEADER_LEN) {
		w->bad = true;
		return;
	}
	writer_u8(w, (uint8_t)count);
	writer_zero(w, 3);
	for (size_t i = 0; i < n; i++)
		write_range(w, &s[i]);
	if (label.n > 0) {
		writer_u8(w, TS_SECLABEL);
		writer_u8(w, 0);
		writer_u16(w, (uint16_t)(TS_HEADER_LEN + label.n));
		writer_bytes(w, label);
	}
}
