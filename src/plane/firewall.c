#include "plane/firewall.h"

#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "crypto/crypto.h"
#include "net/sockets.h"

/* The kernel takes an element out of a set in a time that grows with the set: with so many to go
 * the whole table is made anew. */
#define REPLACE_FROM 256

#define KEY_MAX     (4 * ADDR_TEXT_MAX + 96)
#define PROTO_TCP   6
#define PROTO_UDP   17
#define PROTO_DCCP  33
#define PROTO_SCTP  132
#define PROTO_UDPL  136
#define PROTO_ICMP  1
#define PROTO_ICMP6 58

/* What an entry is: an element of a set, or, where a set cannot hold it, a rule. */
enum entry_kind { ENTRY_OURS, ENTRY_ANY, ENTRY_PROTOCOL, ENTRY_PORTS, ENTRY_FRAGMENTS, ENTRY_RULE };

/* Waits to be done at the next commit. */
enum entry_work { WORK_NOTHING, WORK_ADD, WORK_DELETE };

struct entry {
	struct table_node by_key;
	struct list in_all;
	struct list in_pending;
	enum entry_kind kind;
	enum entry_work pending;
	bool as_rule; /* in the chain "more": the set refused it, or it is a rule anyway */
	bool in_set;  /* the kernel has it */
	uint8_t family;
	uint32_t refs;
	size_t key_len;
	char key[KEY_MAX]; /* set's name, a space, the element; or the rule */
};

struct firewall {
	struct nft_ctx *nft;
	struct firewall_options options; /* its texts are borrowed */
	bool excepted[2];                /* the kernel takes exception 0, 1 for streams */
	const struct log *log;
	struct table entries;
	struct list all;
	struct list pending;
	bool rules_changed;
};

static struct bytes entry_key(const struct table_node *n)
{
	const struct entry *e =
	    (const struct entry *)((const char *)n - offsetof(struct entry, by_key));
	return bytes_of(e->key, e->key_len);
}

/* ---- Text for libnftables -------------------------------------------------------------------- */

struct text {
	char *p;
	size_t n, cap;
	bool bad;
};

static bool text_grow(struct text *t, size_t more)
{
	size_t cap = 2 * t->cap + more + 1024;
	char *p = mem_new(cap);
	if (p == NULL)
		return false;
	if (t->p != NULL)
		memcpy(p, t->p, t->n);
	mem_free(t->p);
	t->p = p;
	t->cap = cap;
	return true;
}

static void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_add(struct text *t, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(t->p != NULL ? t->p + t->n : NULL, t->cap - t->n, format, args);
	if (n < 0) {
		t->bad = true;
	} else if ((size_t)n >= t->cap - t->n) {
		if (text_grow(t, (size_t)n))
			n = vsnprintf(t->p + t->n, t->cap - t->n, format, again);
		else
			t->bad = true;
	}
	if (!t->bad)
		t->n += (size_t)n;
	va_end(again);
	va_end(args);
}

static bool run(struct firewall *f, const struct text *t)
{
	if (t->bad)
		return false;
	return t->n == 0 || nft_run_cmd_from_buffer(f->nft, t->p) == 0;
}

/* ---- The table ------------------------------------------------------------------------------- */

static void add_sets(struct text *t, int version)
{
	const char *a = version == 4 ? "ipv4_addr" : "ipv6_addr";
	const char *const sets[][2] = {
	    {"ours", ""},
	    {"any", ""},
	    {"protocol", " . inet_proto"},
	    {"fragments", " . inet_proto"},
	    {"ports", " . inet_proto . inet_service . inet_service"},
	};
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		text_add(t, "add set inet postern %s%d { type %s . %s%s; flags interval; }\n",
			 sets[i][0], version, a, a, sets[i][1]);
}

static void add_matches(struct text *t, int version)
{
	const char *ip = version == 4 ? "ip" : "ip6";
	const char *later = version == 4 ? "ip frag-off & 0x1fff != 0" : "frag frag-off != 0";
	char pair[64];
	snprintf(pair, sizeof(pair), "%s saddr . %s daddr", ip, ip);
	text_add(t, "add rule inet postern clear %s @ours%d accept\n", pair, version);
	text_add(t, "add rule inet postern clear %s @any%d counter drop\n", pair, version);
	text_add(t, "add rule inet postern clear %s . meta l4proto @protocol%d counter drop\n",
		 pair, version);
	text_add(t, "add rule inet postern clear %s %s . meta l4proto @fragments%d counter drop\n",
		 later, pair, version);
	text_add(t,
		 "add rule inet postern clear %s . meta l4proto . th sport . th dport @ports%d "
		 "counter drop\n",
		 pair, version);
}

static void add_table(struct text *t, const struct firewall_options *o)
{
	/* Adding first makes deleting right whether it was there or not. */
	text_add(t, "add table inet postern\ndelete table inet postern\nadd table inet postern\n");
	add_sets(t, 4);
	add_sets(t, 6);
	text_add(t, "add chain inet postern mine\nadd chain inet postern more\n"
		    "add chain inet postern clear\n");
	text_add(t, "add rule inet postern clear iifname { \"%s\", \"lo\" } return\n", o->tun_name);
	text_add(t, "add rule inet postern clear jump mine\n");
	add_matches(t, 4);
	add_matches(t, 6);
	text_add(t, "add rule inet postern clear jump more\n");
	text_add(
	    t,
	    "add chain inet postern in { type filter hook input priority -5; policy accept; }\n"
	    "add rule inet postern in meta l4proto 50 return\n"
	    "add rule inet postern in udp dport { %u, %u } return\n"
	    "add rule inet postern in icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, "
	    "nd-router-advert, nd-router-solicit } return\n"
	    "add rule inet postern in jump clear\n"
	    "add chain inet postern through { type filter hook forward priority -5; policy "
	    "accept; }\n"
	    "add rule inet postern through jump clear\n",
	    o->ike_port, o->natt_port);
}

/* TCP to our port, and to sockets that we opened, which their mark tells, carries IKE and ESP (RFC
 * 9329). The latter alone, for a kernel that cannot look for sockets: there, a tunnel whose
 * selectors hold the gateways themselves does not work over TCP. */
static void add_exception(struct text *t, const struct firewall_options *o, int which)
{
	if (which == 1)
		text_add(t, "insert rule inet postern in meta l4proto 6 socket mark %u return\n",
			 NET_MARK_DEFAULT);
	else if (o->tcp_port != 0)
		text_add(t, "insert rule inet postern in tcp dport %u return\n", o->tcp_port);
}

static void except_streams(struct firewall *f)
{
	for (int which = 0; which < 2; which++) {
		struct text t = {0};
		add_exception(&t, &f->options, which);
		f->excepted[which] = run(f, &t);
		mem_free(t.p);
	}
}

enum err firewall_new(struct firewall **out, const struct firewall_options *options)
{
	uint8_t secret[16];
	struct text t = {0};
	enum err e = ERR_NO_MEMORY;
	struct firewall *f = mem_new(sizeof(*f));
	if (f == NULL)
		return ERR_NO_MEMORY;
	f->options = *options;
	f->log = options->log;
	list_init(&f->all);
	list_init(&f->pending);
	crypto_random(secret, sizeof(secret));
	f->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (f->nft == NULL || table_init(&f->entries, secret, entry_key) != ERR_NONE)
		goto failed;
	nft_ctx_buffer_error(f->nft);
	nft_ctx_buffer_output(f->nft);
	add_table(&t, options);
	if (t.bad)
		goto failed;
	e = ERR_UNSUPPORTED;
	if (!run(f, &t))
		goto failed;
	mem_free(t.p);
	except_streams(f);
	*out = f;
	return ERR_NONE;
failed:
	mem_free(t.p);
	firewall_free(f);
	return e;
}

void firewall_free(struct firewall *f)
{
	if (f == NULL)
		return;
	if (f->nft != NULL) {
		(void)nft_run_cmd_from_buffer(
		    f->nft, "add table inet postern\ndelete table inet postern\n");
		nft_ctx_free(f->nft);
	}
	LIST_EACH (&f->all, node)
		mem_free(CONTAINER_OF(node, struct entry, in_all));
	table_clear(&f->entries);
	mem_free(f);
}

/* ---- Entries --------------------------------------------------------------------------------- */

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_DCCP ||
	       protocol == PROTO_SCTP || protocol == PROTO_UDPL;
}

static bool all_ports(const struct selector *s)
{
	return (s->port_first == 0 && s->port_last == UINT16_MAX) || selector_is_opaque(s);
}

static enum entry_kind kind_of(const struct selector *remote, const struct selector *local)
{
	if (remote->protocol == 0 && local->protocol == 0)
		return ENTRY_ANY;
	if (all_ports(remote) && all_ports(local))
		return ENTRY_PROTOCOL;
	uint8_t protocol = remote->protocol != 0 ? remote->protocol : local->protocol;
	return has_ports(protocol) ? ENTRY_PORTS : ENTRY_RULE;
}

static void put_ports(char *buf, size_t cap, const struct selector *s)
{
	if (all_ports(s))
		snprintf(buf, cap, "0-65535");
	else if (s->port_first == s->port_last)
		snprintf(buf, cap, "%u", s->port_first);
	else
		snprintf(buf, cap, "%u-%u", s->port_first, s->port_last);
}

/* The key of an entry, which is also its text. */
static size_t entry_text(char key[KEY_MAX], enum entry_kind kind, const struct selector *remote,
			 const struct selector *local)
{
	static const char *const sets[] = {[ENTRY_OURS] = "ours",
					   [ENTRY_ANY] = "any",
					   [ENTRY_PROTOCOL] = "protocol",
					   [ENTRY_PORTS] = "ports",
					   [ENTRY_FRAGMENTS] = "fragments"};
	char from[2 * ADDR_TEXT_MAX], to[2 * ADDR_TEXT_MAX], sport[16], dport[16];
	unsigned protocol = remote->protocol != 0 ? remote->protocol : local->protocol;
	unsigned version = remote->addrs.first.family;
	int n;
	addr_range_format(&remote->addrs, from);
	addr_range_format(&local->addrs, to);
	if (kind == ENTRY_RULE) {
		/* ICMP: type * 256 + code stand at the start of the header. */
		const struct selector *s = all_ports(remote) ? local : remote;
		n = snprintf(key, KEY_MAX,
			     "%s saddr %s %s daddr %s meta l4proto %u @th,0,16 %u-%u counter drop",
			     version == 4 ? "ip" : "ip6", from, version == 4 ? "ip" : "ip6", to,
			     protocol, s->port_first, s->port_last);
	} else if (kind == ENTRY_PORTS) {
		put_ports(sport, sizeof(sport), remote);
		put_ports(dport, sizeof(dport), local);
		n = snprintf(key, KEY_MAX, "%s%u { %s . %s . %u . %s . %s }", sets[kind], version,
			     from, to, protocol, sport, dport);
	} else if (kind == ENTRY_ANY || kind == ENTRY_OURS) {
		n = snprintf(key, KEY_MAX, "%s%u { %s . %s }", sets[kind], version, from, to);
	} else {
		n = snprintf(key, KEY_MAX, "%s%u { %s . %s . %u }", sets[kind], version, from, to,
			     protocol);
	}
	return n > 0 && n < KEY_MAX ? (size_t)n : 0;
}

static void want(struct firewall *f, struct entry *e, enum entry_work pending)
{
	e->pending = pending;
	list_remove(&e->in_pending);
	list_append(&f->pending, &e->in_pending);
}

static enum err hold(struct firewall *f, enum entry_kind kind, const struct selector *remote,
		     const struct selector *local)
{
	char key[KEY_MAX];
	size_t n = entry_text(key, kind, remote, local);
	struct table_node *node = table_find(&f->entries, bytes_of(key, n));
	if (n == 0)
		return ERR_RANGE;
	if (node != NULL) {
		struct entry *e = CONTAINER_OF(node, struct entry, by_key);
		if (e->refs++ == 0)
			want(f, e, WORK_ADD);
		return ERR_NONE;
	}
	struct entry *e = mem_new(sizeof(*e));
	if (e == NULL)
		return ERR_NO_MEMORY;
	e->kind = kind;
	e->family = remote->addrs.first.family;
	e->refs = 1;
	e->as_rule = kind == ENTRY_RULE;
	e->key_len = n;
	memcpy(e->key, key, n + 1);
	list_init(&e->in_pending);
	list_append(&f->all, &e->in_all);
	table_add(&f->entries, &e->by_key);
	want(f, e, WORK_ADD);
	return ERR_NONE;
}

static void release(struct firewall *f, enum entry_kind kind, const struct selector *remote,
		    const struct selector *local)
{
	char key[KEY_MAX];
	size_t n = entry_text(key, kind, remote, local);
	struct table_node *node = table_find(&f->entries, bytes_of(key, n));
	if (node == NULL)
		return;
	struct entry *e = CONTAINER_OF(node, struct entry, by_key);
	if (e->refs != 0 && --e->refs == 0)
		want(f, e, WORK_DELETE);
}

/* Packets of the local nets themselves come from nowhere near the peer, also when the remote
 * selector spans them (0.0.0.0/0): local to local passes. */
static bool spans_local(const struct selector *remote, const struct selector *local)
{
	struct addr_range both;
	return addr_range_meet(&both, &remote->addrs, &local->addrs) &&
	       !addr_range_equal(&remote->addrs, &local->addrs);
}

enum err firewall_add(struct firewall *f, const struct selector *remote,
		      const struct selector *local)
{
	if (f == NULL || remote->addrs.first.family != local->addrs.first.family)
		return ERR_NONE;
	/* Two protocols: no packet is of both. */
	if (remote->protocol != 0 && local->protocol != 0 && remote->protocol != local->protocol)
		return ERR_NONE;
	struct selector here = selector_of_range(&local->addrs);
	enum entry_kind kind = kind_of(remote, local);
	enum err e = hold(f, kind, remote, local);
	if (e == ERR_NONE && kind == ENTRY_PORTS)
		e = hold(f, ENTRY_FRAGMENTS, remote, local);
	if (e == ERR_NONE && spans_local(remote, local))
		e = hold(f, ENTRY_OURS, &here, &here);
	return e;
}

void firewall_remove(struct firewall *f, const struct selector *remote,
		     const struct selector *local)
{
	if (f == NULL || remote->addrs.first.family != local->addrs.first.family)
		return;
	struct selector here = selector_of_range(&local->addrs);
	enum entry_kind kind = kind_of(remote, local);
	release(f, kind, remote, local);
	if (kind == ENTRY_PORTS)
		release(f, ENTRY_FRAGMENTS, remote, local);
	if (spans_local(remote, local))
		release(f, ENTRY_OURS, &here, &here);
}

/* ---- Commit ---------------------------------------------------------------------------------- */

/* The same as a rule, for an element that overlaps others in its set, which nf_tables does not
 * take. */
static void add_rule(struct text *t, const struct entry *e)
{
	const char *ip = e->family == 4 ? "ip" : "ip6";
	const char *later = e->family == 4 ? "ip frag-off & 0x1fff != 0 " : "frag frag-off != 0 ";
	const char *element = strchr(e->key, '{');
	if (e->kind == ENTRY_RULE) {
		text_add(t, "add rule inet postern more %s\n", e->key);
		return;
	}
	if (element == NULL)
		return;
	text_add(t, "add rule inet postern %s %s%s saddr . %s daddr",
		 e->kind == ENTRY_OURS ? "mine" : "more", e->kind == ENTRY_FRAGMENTS ? later : "",
		 ip, ip);
	if (e->kind == ENTRY_PROTOCOL || e->kind == ENTRY_FRAGMENTS)
		text_add(t, " . meta l4proto");
	else if (e->kind == ENTRY_PORTS)
		text_add(t, " . meta l4proto . th sport . th dport");
	text_add(t, " %s %s\n", element, e->kind == ENTRY_OURS ? "accept" : "counter drop");
}

static void put_element(struct text *t, const struct entry *e, bool add)
{
	text_add(t, "%s element inet postern %s\n", add ? "add" : "delete", e->key);
}

static bool run_one(struct firewall *f, const struct entry *e, bool add)
{
	struct text t = {0};
	put_element(&t, e, add);
	bool ok = run(f, &t);
	mem_free(t.p);
	return ok;
}

/* The kernel refused them together: one by one, and what a set refuses becomes a rule. */
static void run_singly(struct firewall *f)
{
	LIST_EACH (&f->pending, node) {
		struct entry *e = CONTAINER_OF(node, struct entry, in_pending);
		bool add = e->pending == WORK_ADD;
		if (e->as_rule || add == e->in_set)
			continue;
		if (run_one(f, e, add))
			e->in_set = add;
		else if (add)
			e->as_rule = true;
	}
}

static bool run_together(struct firewall *f)
{
	struct text t = {0};
	LIST_EACH (&f->pending, node) {
		const struct entry *e = CONTAINER_OF(node, struct entry, in_pending);
		bool add = e->pending == WORK_ADD;
		if (!e->as_rule && add != e->in_set)
			put_element(&t, e, add);
	}
	bool ok = run(f, &t);
	mem_free(t.p);
	LIST_EACH (&f->pending, node) {
		struct entry *e = CONTAINER_OF(node, struct entry, in_pending);
		if (ok && !e->as_rule)
			e->in_set = e->pending == WORK_ADD;
	}
	return ok;
}

static void rebuild_rules(struct firewall *f)
{
	struct text t = {0};
	text_add(&t, "flush chain inet postern mine\nflush chain inet postern more\n");
	LIST_EACH (&f->all, node) {
		const struct entry *e = CONTAINER_OF(node, struct entry, in_all);
		if (e->as_rule && e->refs != 0)
			add_rule(&t, e);
	}
	if (!run(f, &t))
		log_write(f->log, LOG_ERR, NULL, 0,
			  "nf_tables refused rules that keep clear packets out: %s",
			  nft_ctx_get_error_buffer(f->nft));
	mem_free(t.p);
}

static size_t deletions(const struct firewall *f)
{
	size_t n = 0;

	LIST_EACH (&f->pending, node) {
		const struct entry *e = CONTAINER_OF(node, struct entry, in_pending);
		n += e->pending == WORK_DELETE && e->in_set;
	}
	return n;
}

/* The table as it is to be, in one transaction; nothing has changed when the kernel refuses it. */
static bool replace_table(struct firewall *f)
{
	struct text t = {0};

	add_table(&t, &f->options);
	for (int which = 0; which < 2; which++)
		if (f->excepted[which])
			add_exception(&t, &f->options, which);
	LIST_EACH (&f->all, node) {
		const struct entry *e = CONTAINER_OF(node, struct entry, in_all);
		if (e->refs == 0)
			continue;
		if (e->as_rule)
			add_rule(&t, e);
		else
			put_element(&t, e, true);
	}
	const bool ok = run(f, &t);
	mem_free(t.p);
	LIST_EACH (&f->all, node) {
		struct entry *e = CONTAINER_OF(node, struct entry, in_all);
		if (ok)
			e->in_set = e->refs != 0 && !e->as_rule;
	}
	return ok;
}

void firewall_commit(struct firewall *f)
{
	if (f == NULL || list_empty(&f->pending))
		return;
	if ((deletions(f) < REPLACE_FROM || !replace_table(f)) && !run_together(f))
		run_singly(f);
	LIST_EACH (&f->pending, node) {
		struct entry *e = CONTAINER_OF(node, struct entry, in_pending);
		f->rules_changed = f->rules_changed || e->as_rule;
		list_remove(&e->in_pending);
		e->pending = WORK_NOTHING;
		if (e->refs != 0)
			continue;
		table_remove(&f->entries, &e->by_key);
		list_remove(&e->in_all);
		mem_free(e);
	}
	if (f->rules_changed)
		rebuild_rules(f);
	f->rules_changed = false;
}
