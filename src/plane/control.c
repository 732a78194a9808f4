#include "plane/control.h"

#include <string.h>

/* ---- Values ---------------------------------------------------------------------------------- */

static void put_addr(struct writer *w, const struct addr *a)
{
	writer_u8(w, a->family);
	writer_bytes(w, addr_bytes(a));
}

static struct addr get_addr(struct reader *r)
{
	uint8_t family = reader_u8(r);
	struct addr a = {.family = family};
	if (family != 0 && family != 4 && family != 6) {
		reader_fail(r);
		return (struct addr){0};
	}
	reader_copy(r, a.a, addr_len(&a));
	return reader_ok(r) ? a : (struct addr){0};
}

static void put_bool(struct writer *w, bool b)
{
	writer_u8(w, b ? 1 : 0);
}

static bool get_bool(struct reader *r)
{
	uint8_t v = reader_u8(r);
	if (v > 1)
		reader_fail(r);
	return v == 1;
}

static void put_endpoint(struct writer *w, const struct endpoint *e)
{
	put_addr(w, &e->addr);
	writer_u16(w, e->port);
}

static struct endpoint get_endpoint(struct reader *r)
{
	struct endpoint e;
	e.addr = get_addr(r);
	e.port = reader_u16(r);
	return e;
}

static void put_path(struct writer *w, const struct path *p)
{
	put_endpoint(w, &p->local);
	put_endpoint(w, &p->remote);
	put_bool(w, p->natt);
	writer_u32(w, p->stream);
}

static struct path get_path(struct reader *r)
{
	struct path p;
	p.local = get_endpoint(r);
	p.remote = get_endpoint(r);
	p.natt = get_bool(r);
	p.stream = reader_u32(r);
	return p;
}

static void put_selectors(struct writer *w, const struct selector *s, size_t n)
{
	if (n > CHILD_SELECTORS_MAX) {
		w->bad = true;
		return;
	}
	writer_u8(w, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		put_addr(w, &s[i].addrs.first);
		put_addr(w, &s[i].addrs.last);
		writer_u8(w, s[i].protocol);
		writer_u16(w, s[i].port_first);
		writer_u16(w, s[i].port_last);
	}
}

/* Port ranges run upwards, but for OPAQUE (RFC 7296 3.13.1). */
static bool selector_is_sound(const struct selector *s)
{
	const struct addr_range *a = &s->addrs;
	if (a->first.family == 0 || a->first.family != a->last.family)
		return false;
	if (addr_compare(&a->first, &a->last) > 0)
		return false;
	return s->port_first <= s->port_last || selector_is_opaque(s);
}

static size_t get_selectors(struct reader *r, struct selector out[CHILD_SELECTORS_MAX])
{
	size_t n = reader_u8(r);
	if (n > CHILD_SELECTORS_MAX)
		reader_fail(r);
	for (size_t i = 0; i < n && reader_ok(r); i++) {
		out[i] = (struct selector){0};
		out[i].addrs.first = get_addr(r);
		out[i].addrs.last = get_addr(r);
		out[i].protocol = reader_u8(r);
		out[i].port_first = reader_u16(r);
		out[i].port_last = reader_u16(r);
		if (!selector_is_sound(&out[i]))
			reader_fail(r);
	}
	return reader_ok(r) ? n : 0;
}

static enum esp_mode get_mode(struct reader *r)
{
	uint8_t v = reader_u8(r);
	if (v != ESP_MODE_TUNNEL && v != ESP_MODE_TRANSPORT && v != ESP_MODE_BEET)
		reader_fail(r);
	return (enum esp_mode)v;
}

/* ---- Policies and pairs ---------------------------------------------------------------------- */

void control_put_policy(struct writer *w, const struct dataplane_policy *p)
{
	writer_u8(w, CONTROL_POLICY_SET);
	writer_u32(w, p->id);
	writer_u8(w, (uint8_t)p->mode);
	put_bool(w, p->acquire);
	put_selectors(w, p->local, p->n_local);
	put_selectors(w, p->remote, p->n_remote);
}

static void get_policy(struct reader *r, struct control_message *m)
{
	struct dataplane_policy *p = &m->policy;
	p->id = m->id = reader_u32(r);
	p->mode = get_mode(r);
	p->acquire = get_bool(r);
	p->local = m->local;
	p->n_local = get_selectors(r, m->local);
	p->remote = m->remote;
	p->n_remote = get_selectors(r, m->remote);
	if (p->n_local == 0 || p->n_remote == 0)
		reader_fail(r);
}

/* Octets of each direction's key: the cipher's, or a root key of Sub SAs. */
static size_t encr_len(const struct dataplane_child *c)
{
	const struct sskdf_desc *d = c->eesp ? sskdf_find(c->eesp_in.sskdf) : NULL;

	return d != NULL ? d->root_len : encr_keymat_len(c->suite.encr, c->suite.key_bits);
}

static void put_limit(struct writer *w, const struct eesp_limit *l)
{
	put_bool(w, l->stated);
	writer_u16(w, l->most);
}

static struct eesp_limit get_limit(struct reader *r)
{
	struct eesp_limit l;
	l.stated = get_bool(r);
	l.most = reader_u16(r);
	return l;
}

static void put_terms(struct writer *w, const struct eesp_terms *t)
{
	writer_u8(w, (uint8_t)t->mode);
	put_bool(w, t->numbers);
	writer_u16(w, t->sskdf);
	put_limit(w, &t->sub_sa);
	put_limit(w, &t->crypt_offset);
	writer_u8(w, t->clear);
	put_bool(w, t->over_ipv6);
	put_bool(w, t->iv_not_in_aad);
}

static struct eesp_terms get_terms(struct reader *r)
{
	struct eesp_terms t = {.mode = get_mode(r)};
	t.numbers = get_bool(r);
	t.sskdf = reader_u16(r);
	t.sub_sa = get_limit(r);
	t.crypt_offset = get_limit(r);
	t.clear = reader_u8(r);
	t.over_ipv6 = get_bool(r);
	t.iv_not_in_aad = get_bool(r);
	if ((t.sskdf != 0 && sskdf_find(t.sskdf) == NULL) || t.clear > EESP_CRYPT_OFFSET_MAX)
		reader_fail(r);
	return t;
}

static void put_keys(struct writer *w, const struct protect_suite *s,
		     const struct dataplane_child *c, bool with_keys)
{
	put_bool(w, with_keys);
	if (!with_keys)
		return;
	writer_u16(w, s->encr != NULL ? s->encr->id : 0);
	writer_u16(w, s->key_bits);
	put_bool(w, s->integ != NULL);
	writer_u16(w, s->integ != NULL ? s->integ->id : 0);
	const struct protect_keys *keys[] = {&c->in, &c->out};
	for (size_t i = 0; i < 2; i++) {
		writer_bytes(w, keys[i]->encr);
		writer_bytes(w, keys[i]->integ);
	}
	/* A wrong length would shift what follows. */
	if (s->encr == NULL || !encr_takes_bits(s->encr, s->key_bits))
		w->bad = true;
	for (size_t i = 0; i < 2 && !w->bad; i++) {
		if (keys[i]->encr.n != encr_len(c) ||
		    keys[i]->integ.n != (s->integ != NULL ? s->integ->key_len : 0U))
			w->bad = true;
	}
}

static void get_keys(struct reader *r, struct dataplane_child *c)
{
	if (!get_bool(r))
		return;
	struct protect_suite *s = &c->suite;
	s->encr = encr_find(reader_u16(r));
	s->key_bits = reader_u16(r);
	bool has_integ = get_bool(r);
	uint16_t integ = reader_u16(r);
	s->integ = has_integ ? integ_find(integ) : NULL;
	if (s->encr == NULL || !(c->eesp ? encr_is_aead(s->encr) : s->encr->in_esp) ||
	    !encr_takes_bits(s->encr, s->key_bits) || (has_integ && s->integ == NULL)) {
		reader_fail(r);
		return;
	}
	struct protect_keys *keys[] = {&c->in, &c->out};
	for (size_t i = 0; i < 2; i++) {
		keys[i]->encr = reader_take(r, encr_len(c));
		keys[i]->integ = reader_take(r, s->integ != NULL ? s->integ->key_len : 0);
	}
}

void control_put_child(struct writer *w, const struct dataplane_child *c, uint64_t serial,
		       bool with_keys)
{
	writer_u8(w, CONTROL_CHILD_INSTALL);
	writer_u32(w, c->handle);
	writer_u32(w, c->policy);
	writer_u64(w, serial);
	writer_u32(w, c->spi_in);
	writer_u32(w, c->spi_out);
	writer_u8(w, (uint8_t)c->mode);
	put_path(w, &c->outer);
	put_bool(w, c->udp_encap);
	put_bool(w, c->follow_peer);
	put_bool(w, c->esn);
	writer_u32(w, c->replay_window);
	writer_u8(w, (uint8_t)c->df);
	put_bool(w, c->copy_dscp);
	put_bool(w, c->ecn);
	put_bool(w, c->activate);
	writer_u64(w, c->soft_packets);
	writer_u64(w, c->hard_packets);
	writer_u64(w, c->soft_octets);
	writer_u64(w, c->hard_octets);
	put_bool(w, c->eesp);
	if (c->eesp) {
		put_terms(w, &c->eesp_in);
		put_terms(w, &c->eesp_out);
	}
	put_selectors(w, c->local, c->n_local);
	put_selectors(w, c->remote, c->n_remote);
	put_keys(w, &c->suite, c, with_keys);
}

static void get_child(struct reader *r, struct control_message *m)
{
	struct dataplane_child *c = &m->child;
	c->handle = m->id = reader_u32(r);
	c->policy = reader_u32(r);
	m->serial = reader_u64(r);
	c->spi_in = reader_u32(r);
	c->spi_out = reader_u32(r);
	c->mode = get_mode(r);
	c->outer = get_path(r);
	c->udp_encap = get_bool(r);
	c->follow_peer = get_bool(r);
	c->esn = get_bool(r);
	c->replay_window = reader_u32(r);
	uint8_t df = reader_u8(r);
	if (df > ESP_DF_CLEAR)
		reader_fail(r);
	c->df = (enum esp_df)df;
	c->copy_dscp = get_bool(r);
	c->ecn = get_bool(r);
	c->activate = get_bool(r);
	c->soft_packets = reader_u64(r);
	c->hard_packets = reader_u64(r);
	c->soft_octets = reader_u64(r);
	c->hard_octets = reader_u64(r);
	c->eesp = get_bool(r);
	if (c->eesp) {
		c->eesp_in = get_terms(r);
		c->eesp_out = get_terms(r);
		if (c->eesp_in.sskdf != c->eesp_out.sskdf)
			reader_fail(r);
	}
	c->local = m->local;
	c->n_local = get_selectors(r, m->local);
	c->remote = m->remote;
	c->n_remote = get_selectors(r, m->remote);
	if (c->n_local == 0 || c->n_remote == 0)
		reader_fail(r);
	get_keys(r, c);
}

void control_put_id(struct writer *w, enum control_type type, uint32_t id)
{
	writer_u8(w, (uint8_t)type);
	writer_u32(w, id);
}

void control_put_move(struct writer *w, uint32_t handle, const struct path *outer, bool udp_encap)
{
	control_put_id(w, CONTROL_CHILD_MOVE, handle);
	put_path(w, outer);
	put_bool(w, udp_encap);
}

/* ---- From the plane -------------------------------------------------------------------------- */

static void put_reason(struct writer *w, const char *reason)
{
	size_t n = reason != NULL ? strnlen(reason, UINT8_MAX) : 0;
	writer_u8(w, (uint8_t)n);
	writer_bytes(w, bytes_of(reason, n));
}

static const char *get_reason(struct reader *r, struct control_message *m)
{
	size_t n = reader_u8(r);
	_Static_assert(sizeof(m->reason) > UINT8_MAX, "a reason and its NUL");
	reader_copy(r, m->reason, n);
	m->reason[n] = '\0';
	return n != 0 ? m->reason : NULL;
}

void control_put_event(struct writer *w, const struct dataplane_event *e)
{
	writer_u8(w, CONTROL_EVENT);
	writer_u8(w, (uint8_t)e->type);
	writer_u32(w, e->policy);
	writer_u32(w, e->handle);
	put_addr(w, &e->flow.src);
	put_addr(w, &e->flow.dst);
	writer_u8(w, e->flow.protocol);
	put_bool(w, e->flow.has_ports);
	writer_u16(w, e->flow.src_port);
	writer_u16(w, e->flow.dst_port);
	put_endpoint(w, &e->remote);
	put_reason(w, e->reason);
}

static void get_event(struct reader *r, struct control_message *m)
{
	struct dataplane_event *e = &m->event;
	uint8_t type = reader_u8(r);
	if (type > DATAPLANE_FAILED)
		reader_fail(r);
	e->type = (enum dataplane_event_type)type;
	e->policy = reader_u32(r);
	e->handle = m->id = reader_u32(r);
	e->flow.src = get_addr(r);
	e->flow.dst = get_addr(r);
	e->flow.protocol = reader_u8(r);
	e->flow.has_ports = get_bool(r);
	e->flow.src_port = reader_u16(r);
	e->flow.dst_port = reader_u16(r);
	e->remote = get_endpoint(r);
	e->reason = get_reason(r, m);
}

void control_put_datagram(struct writer *w, const struct path *path, struct bytes message)
{
	writer_u8(w, CONTROL_DATAGRAM);
	put_path(w, path);
	writer_bytes(w, message);
}

static void put_u64s(struct writer *w, const uint64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		writer_u64(w, v[i]);
}

static void get_u64s(struct reader *r, uint64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = reader_u64(r);
}

void control_put_stats(struct writer *w, const struct plane_stats *s)
{
	writer_u8(w, CONTROL_STATS);
	writer_u8(w, PACKET_FATES); /* both ends are one build; this shows when they are not */
	put_u64s(w, (const uint64_t[]){s->in_packets, s->in_octets, s->out_packets, s->out_octets},
		 4);
	put_u64s(w, s->fates_in, PACKET_FATES);
	put_u64s(w, s->fates_out, PACKET_FATES);
	put_u64s(w,
		 (const uint64_t[]){s->keepalives, s->datagrams, s->datagrams_dropped,
				    s->send_errors, s->too_big_sent, s->acquires},
		 6);
	writer_u32(w, s->children);
	writer_u32(w, s->policies);
}

static void get_stats(struct reader *r, struct plane_stats *s)
{
	if (reader_u8(r) != PACKET_FATES)
		reader_fail(r);
	s->in_packets = reader_u64(r);
	s->in_octets = reader_u64(r);
	s->out_packets = reader_u64(r);
	s->out_octets = reader_u64(r);
	get_u64s(r, s->fates_in, PACKET_FATES);
	get_u64s(r, s->fates_out, PACKET_FATES);
	s->keepalives = reader_u64(r);
	s->datagrams = reader_u64(r);
	s->datagrams_dropped = reader_u64(r);
	s->send_errors = reader_u64(r);
	s->too_big_sent = reader_u64(r);
	s->acquires = reader_u64(r);
	s->children = reader_u32(r);
	s->policies = reader_u32(r);
}

/* ---- Streams --------------------------------------------------------------------------------- */

void control_put_stream_open(struct writer *w, const struct path *path)
{
	writer_u8(w, CONTROL_STREAM_OPEN);
	put_path(w, path);
}

void control_put_stream_hold(struct writer *w, uint32_t stream, uint32_t message_max)
{
	control_put_id(w, CONTROL_STREAM_HOLD, stream);
	writer_u32(w, message_max);
}

void control_put_stream_event(struct writer *w, const struct stream_event *e)
{
	writer_u8(w, CONTROL_STREAM_EVENT);
	writer_u8(w, (uint8_t)e->type);
	put_path(w, &e->path);
	put_reason(w, e->reason);
}

static void get_stream_event(struct reader *r, struct control_message *m)
{
	uint8_t type = reader_u8(r);
	if (type > STREAM_CLOSED)
		reader_fail(r);
	m->stream.type = (enum stream_event_type)type;
	m->stream.path = get_path(r);
	m->stream.reason = get_reason(r, m);
}

/* ---- Reading --------------------------------------------------------------------------------- */

enum err control_decode(struct control_message *m, struct bytes message)
{
	struct reader r = reader_of(message);
	*m = (struct control_message){.type = (enum control_type)reader_u8(&r)};
	switch (m->type) {
	case CONTROL_POLICY_SET:
		get_policy(&r, m);
		break;
	case CONTROL_CHILD_INSTALL:
		get_child(&r, m);
		break;
	case CONTROL_POLICY_REMOVE:
	case CONTROL_CHILD_REMOVE:
	case CONTROL_CHILD_ACTIVATE:
	case CONTROL_STATS_ASK:
	case CONTROL_NEW_OWNER:
	case CONTROL_STREAM_CLOSE:
		m->id = reader_u32(&r);
		break;
	case CONTROL_CHILD_MOVE:
		m->id = reader_u32(&r);
		m->path = get_path(&r);
		m->udp_encap = get_bool(&r);
		break;
	case CONTROL_EVENT:
		get_event(&r, m);
		break;
	case CONTROL_DATAGRAM:
		m->path = get_path(&r);
		m->datagram = reader_rest(&r);
		break;
	case CONTROL_STATS:
		get_stats(&r, &m->stats);
		break;
	case CONTROL_STREAM_OPEN:
		m->path = get_path(&r);
		break;
	case CONTROL_STREAM_HOLD:
		m->id = reader_u32(&r);
		m->message_max = reader_u32(&r);
		break;
	case CONTROL_STREAM_EVENT:
		get_stream_event(&r, m);
		break;
	default:
		reader_fail(&r);
	}
	return reader_done(&r) ? ERR_NONE : ERR_SYNTAX;
}
