#include "plane/routes.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "crypto/crypto.h"
#include "net/datagram.h"
#include "net/sockets.h"
#include "plane/control.h"
#include "plane/firewall.h"
#include "plane/prefix.h"
#include "plane/rtnetlink.h"

#define METRIC_TUN         100
#define METRIC_THROW       200
#define METRIC_UNREACHABLE 40000
#define LOCALS_MAX         64

struct route_key {
	uint8_t kind;
	uint8_t len;
	struct addr addr;
};

struct route {
	struct table_node by_key;
	struct list in_all;
	struct route_key key;
	uint32_t refs;
};

/* A policy, or a Child SA pair of one. */
struct user {
	struct table_node by_id;
	struct list in_all;
	uint32_t id;     /* of the policy, or the pair's handle */
	uint32_t policy; /* of a pair */
	uint32_t owner;  /* of a pair: which ike process installed it */
	bool acquire;    /* of a policy */
	struct selector local[CHILD_SELECTORS_MAX], remote[CHILD_SELECTORS_MAX];
	size_t n_local, n_remote;
};

struct routes {
	struct routes_options options;
	struct rtnetlink *netlink;
	struct firewall *firewall;
	struct table routes, policies, children;
	struct list all_routes, all_policies, all_children;
	uint32_t owner;
	uint32_t defaults[2];           /* default routes, by family 4 and 6 */
	struct addr locals[LOCALS_MAX]; /* the host's addresses, read once a burst of changes */
	size_t n_locals;
	bool locals_read;
	struct control_message message;
};

static struct bytes route_key_of(const struct table_node *n)
{
	const struct route *r =
	    (const struct route *)((const char *)n - offsetof(struct route, by_key));
	return bytes_of(&r->key, sizeof(r->key));
}

static struct bytes user_key_of(const struct table_node *n)
{
	const struct user *u =
	    (const struct user *)((const char *)n - offsetof(struct user, by_id));
	return bytes_of(&u->id, sizeof(u->id));
}

static struct user *find_user(const struct table *t, uint32_t id)
{
	struct table_node *n = table_find(t, bytes_of(&id, sizeof(id)));
	return n != NULL ? CONTAINER_OF(n, struct user, by_id) : NULL;
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static struct rule_request rule_of(const struct routes *r, uint8_t family, int which)
{
	const struct routes_options *o = &r->options;
	struct rule_request q = {.family = family,
				 .priority = o->priority + (uint32_t)which,
				 .table = o->table,
				 .not_mark = o->mark,
				 .protocol = ROUTES_PROTOCOL};
	if (which == 1) {
		q.table = RT_TABLE_MAIN;
		q.not_mark = 0;
		q.no_default = true;
	} else if (which == 2) {
		q.table = o->table + 1;
	}
	return q;
}

static enum err rule(struct routes *r, uint8_t family, int which, bool add)
{
	struct rule_request q = rule_of(r, family, which);
	enum err e = rtnetlink_rule(r->netlink, &q, add);
	if (e == ERR_UNSUPPORTED && family == 6)
		return ERR_NONE; /* a host without IPv6 has nothing to protect there */
	if ((add && e == ERR_EXISTS) || (!add && e == ERR_NOT_FOUND))
		return ERR_NONE;
	return e;
}

static void clear_rules(struct routes *r)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		for (int which = 0; which < 3; which++) {
			struct rule_request q = rule_of(r, family, which);
			/* A crash may have left several. */
			while (rtnetlink_rule(r->netlink, &q, false) == ERR_NONE)
				continue;
		}
	}
}

/* The two rules for default routes come with the first and go with the last. */
static void count_default(struct routes *r, uint8_t family, int change)
{
	uint32_t *n = &r->defaults[family == 6];
	bool had = *n != 0;
	*n = (uint32_t)((int)*n + change);
	if (had == (*n != 0))
		return;
	for (int which = 1; which < 3; which++)
		(void)rule(r, family, which, *n != 0);
}

/* ---- Routes ---------------------------------------------------------------------------------- */

static void read_locals(struct routes *r)
{
	struct ifaddrs *list, *a;
	if (r->locals_read)
		return;
	r->locals_read = true;
	r->n_locals = 0;
	if (getifaddrs(&list) != 0)
		return;
	for (a = list; a != NULL && r->n_locals < LOCALS_MAX; a = a->ifa_next) {
		struct sockaddr_storage ss = {0};
		if (a->ifa_addr == NULL)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			memcpy(&ss, a->ifa_addr, sizeof(struct sockaddr_in));
		else if (a->ifa_addr->sa_family == AF_INET6)
			memcpy(&ss, a->ifa_addr, sizeof(struct sockaddr_in6));
		else
			continue;
		r->locals[r->n_locals++] = endpoint_of_sockaddr(&ss).addr;
	}
	freeifaddrs(list);
}

/* An address of this host that the selectors cover: what local programs send from. */
static struct addr preferred_source(struct routes *r, const struct user *u, uint8_t family)
{
	read_locals(r);
	for (size_t s = 0; s < u->n_local; s++) {
		for (size_t i = 0; i < r->n_locals; i++) {
			if (r->locals[i].family == family &&
			    addr_range_has(&u->local[s].addrs, &r->locals[i]))
				return r->locals[i];
		}
	}
	return (struct addr){0};
}

static struct route_request request_of(const struct routes *r, const struct route_key *k)
{
	static const uint32_t metrics[] = {[ROUTE_TUN] = METRIC_TUN,
					   [ROUTE_THROW] = METRIC_THROW,
					   [ROUTE_UNREACHABLE] = METRIC_UNREACHABLE};
	return (struct route_request){
	    .kind = (enum route_kind)k->kind,
	    .prefix = {k->addr, k->len},
	    .table = r->options.table + (k->len == 0 ? 1 : 0),
	    .metric = metrics[k->kind],
	    .protocol = ROUTES_PROTOCOL,
	    .device = r->options.tun_index,
	};
}

static void complain(const struct routes *r, const struct prefix *p, bool add)
{
	char text[ADDR_TEXT_MAX];
	log_write(r->options.log, LOG_ERR, NULL, 0, "the route to %s/%u cannot be %s: %s",
		  addr_format(&p->addr, text), p->len, add ? "made" : "removed", strerror(errno));
}

static struct route_key key_of(enum route_kind kind, const struct prefix *p)
{
	struct route_key k;
	memset(&k, 0, sizeof(k)); /* it is hashed with its padding */
	k.kind = (uint8_t)kind;
	k.len = p->len;
	k.addr = p->addr;
	return k;
}

static enum err hold(struct routes *r, enum route_kind kind, const struct prefix *p,
		     const struct user *u)
{
	struct route_key key = key_of(kind, p);
	struct table_node *n = table_find(&r->routes, bytes_of(&key, sizeof(key)));
	if (n != NULL) {
		CONTAINER_OF(n, struct route, by_key)->refs++;
		return ERR_NONE;
	}
	struct route *route = mem_new(sizeof(*route));
	if (route == NULL)
		return ERR_NO_MEMORY;
	route->key = key;
	route->refs = 1;
	struct route_request q = request_of(r, &key);
	if (kind == ROUTE_TUN)
		q.source = preferred_source(r, u, p->addr.family);
	enum err e = rtnetlink_route(r->netlink, &q, true);
	if (e != ERR_NONE && e != ERR_EXISTS) {
		complain(r, p, true);
		mem_free(route);
		return ERR_IO;
	}
	list_append(&r->all_routes, &route->in_all);
	table_add(&r->routes, &route->by_key);
	if (p->len == 0)
		count_default(r, p->addr.family, 1);
	return ERR_NONE;
}

static void release(struct routes *r, enum route_kind kind, const struct prefix *p)
{
	struct route_key key = key_of(kind, p);
	struct table_node *n = table_find(&r->routes, bytes_of(&key, sizeof(key)));
	if (n == NULL)
		return;
	struct route *route = CONTAINER_OF(n, struct route, by_key);
	if (--route->refs != 0)
		return;
	if (p->len == 0)
		count_default(r, p->addr.family, -1);
	struct route_request q = request_of(r, &key);
	enum err e = rtnetlink_route(r->netlink, &q, false);
	if (e != ERR_NONE && e != ERR_NOT_FOUND)
		complain(r, p, false);
	table_remove(&r->routes, &route->by_key);
	list_remove(&route->in_all);
	mem_free(route);
}

/* Every prefix of a list of selectors, held or released. */
static enum err each_prefix(struct routes *r, enum route_kind kind, const struct user *u,
			    const struct selector *s, size_t n, bool add)
{
	struct prefix p[PREFIXES_MAX];
	enum err e = ERR_NONE;
	for (size_t i = 0; i < n; i++) {
		size_t count = prefix_split(&s[i].addrs, p);
		for (size_t k = 0; k < count; k++) {
			if (!add) {
				release(r, kind, &p[k]);
				continue;
			}
			enum err one = hold(r, kind, &p[k], u);
			if (e == ERR_NONE)
				e = one;
		}
	}
	return e;
}

/* Local selectors that lie in a remote one, and are not it: the local net stays reachable. */
static enum err throw_routes(struct routes *r, const struct user *u, bool add)
{
	enum err e = ERR_NONE;
	for (size_t i = 0; i < u->n_local; i++) {
		const struct addr_range *local = &u->local[i].addrs;
		for (size_t k = 0; k < u->n_remote; k++) {
			struct addr_range both;
			const struct addr_range *remote = &u->remote[k].addrs;
			if (!addr_range_meet(&both, local, remote) ||
			    !addr_range_equal(&both, local) || addr_range_equal(local, remote))
				continue;
			enum err one = each_prefix(r, ROUTE_THROW, u, &u->local[i], 1, add);
			if (e == ERR_NONE)
				e = one;
			break;
		}
	}
	return e;
}

/* ---- Policies and pairs ---------------------------------------------------------------------- */

static struct user *user_new(uint32_t id, const struct selector *local, size_t n_local,
			     const struct selector *remote, size_t n_remote)
{
	struct user *u = mem_new(sizeof(*u));
	if (u == NULL)
		return NULL;
	u->id = id;
	u->n_local = n_local;
	u->n_remote = n_remote;
	memcpy(u->local, local, n_local * sizeof(*local));
	memcpy(u->remote, remote, n_remote * sizeof(*remote));
	return u;
}

static void user_drop(struct table *t, struct user *u)
{
	table_remove(t, &u->by_id);
	list_remove(&u->in_all);
	mem_free(u);
}

static void firewall_pairs(struct routes *r, const struct user *u, bool add)
{
	for (size_t i = 0; i < u->n_remote; i++) {
		for (size_t k = 0; k < u->n_local; k++) {
			if (!add)
				firewall_remove(r->firewall, &u->remote[i], &u->local[k]);
			else if (firewall_add(r->firewall, &u->remote[i], &u->local[k]) != ERR_NONE)
				log_write(r->options.log, LOG_ERR, NULL, 0,
					  "no memory for a firewall rule");
		}
	}
}

static enum err policy_routes(struct routes *r, const struct user *u, bool add)
{
	enum err e = each_prefix(r, ROUTE_UNREACHABLE, u, u->remote, u->n_remote, add);
	enum err other = throw_routes(r, u, add);
	if (e == ERR_NONE)
		e = other;
	if (u->acquire) {
		other = each_prefix(r, ROUTE_TUN, u, u->remote, u->n_remote, add);
		if (e == ERR_NONE)
			e = other;
	}
	firewall_pairs(r, u, add);
	return e;
}

static bool counts_are_sound(size_t n_local, size_t n_remote)
{
	return n_local != 0 && n_local <= CHILD_SELECTORS_MAX && n_remote != 0 &&
	       n_remote <= CHILD_SELECTORS_MAX;
}

enum err routes_policy_set(struct routes *r, const struct dataplane_policy *p)
{
	if (!counts_are_sound(p->n_local, p->n_remote))
		return ERR_RANGE;
	struct user *old = find_user(&r->policies, p->id);
	struct user *u = user_new(p->id, p->local, p->n_local, p->remote, p->n_remote);
	if (u == NULL)
		return ERR_NO_MEMORY;
	u->acquire = p->acquire;
	/* The new routes before the old ones go, so that what both have never lacks. */
	enum err e = policy_routes(r, u, true);
	if (old != NULL) {
		(void)policy_routes(r, old, false);
		user_drop(&r->policies, old);
	}
	list_append(&r->all_policies, &u->in_all);
	table_add(&r->policies, &u->by_id);
	return e;
}

void routes_policy_remove(struct routes *r, uint32_t id)
{
	struct user *u = find_user(&r->policies, id);
	if (u == NULL)
		return;
	(void)policy_routes(r, u, false);
	user_drop(&r->policies, u);
}

static void drop_child(struct routes *r, struct user *u)
{
	(void)each_prefix(r, ROUTE_TUN, u, u->remote, u->n_remote, false);
	user_drop(&r->children, u);
}

enum err routes_child_add(struct routes *r, const struct dataplane_child *c)
{
	if (!counts_are_sound(c->n_local, c->n_remote))
		return ERR_RANGE;
	struct user *old = find_user(&r->children, c->handle);
	struct user *u = user_new(c->handle, c->local, c->n_local, c->remote, c->n_remote);
	if (u == NULL)
		return ERR_NO_MEMORY;
	u->policy = c->policy;
	u->owner = r->owner;
	enum err e = each_prefix(r, ROUTE_TUN, u, u->remote, u->n_remote, true);
	if (old != NULL && old->owner == r->owner)
		drop_child(r, old);
	/* Pairs of a former owner of the same policy end with this one. */
	LIST_EACH (&r->all_children, node) {
		struct user *other = CONTAINER_OF(node, struct user, in_all);
		if (other->owner != r->owner && other->policy == c->policy)
			drop_child(r, other);
	}
	list_append(&r->all_children, &u->in_all);
	table_add(&r->children, &u->by_id);
	return e;
}

void routes_child_remove(struct routes *r, uint32_t handle)
{
	struct user *u = find_user(&r->children, handle);
	if (u != NULL && u->owner == r->owner)
		drop_child(r, u);
}

void routes_commit(struct routes *r)
{
	r->locals_read = false;
	firewall_commit(r->firewall);
}

enum err routes_message(struct routes *r, struct bytes message)
{
	struct control_message *m = &r->message;
	enum err e = control_decode(m, message);
	if (e != ERR_NONE)
		return e;
	switch (m->type) {
	case CONTROL_POLICY_SET:
		return routes_policy_set(r, &m->policy);
	case CONTROL_POLICY_REMOVE:
		routes_policy_remove(r, m->id);
		return ERR_NONE;
	case CONTROL_CHILD_INSTALL:
		return routes_child_add(r, &m->child);
	case CONTROL_CHILD_REMOVE:
		routes_child_remove(r, m->id);
		return ERR_NONE;
	case CONTROL_NEW_OWNER:
		r->owner++;
		return ERR_NONE;
	default:
		return ERR_SYNTAX;
	}
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void set_defaults(struct routes_options *o)
{
	if (o->mark == 0)
		o->mark = NET_MARK_DEFAULT;
	if (o->table == 0)
		o->table = ROUTES_TABLE_DEFAULT;
	if (o->priority == 0)
		o->priority = ROUTES_PRIORITY_DEFAULT;
	if (o->ike_port == 0)
		o->ike_port = 500;
	if (o->natt_port == 0)
		o->natt_port = 4500;
}

/* What is in our tables and carries our mark is ours: of this run or of one that crashed. */
static enum err sweep(struct routes *r)
{
	enum err e = ERR_NONE;
	clear_rules(r);
	for (uint8_t family = 4; family <= 6; family += 2) {
		for (uint32_t t = 0; t < 2; t++) {
			enum err one = rtnetlink_flush(r->netlink, family, r->options.table + t,
						       ROUTES_PROTOCOL);
			if (one != ERR_NONE && !(family == 6 && one == ERR_UNSUPPORTED))
				e = one;
		}
	}
	return e;
}

static enum err start_firewall(struct routes *r)
{
	const struct routes_options *o = &r->options;
	struct firewall_options f = {.tun_name = o->tun_name,
				     .ike_port = o->ike_port,
				     .natt_port = o->natt_port,
				     .tcp_port = o->tcp_port,
				     .log = o->log};
	if (o->no_firewall)
		return ERR_NONE;
	enum err e = firewall_new(&r->firewall, &f);
	if (e != ERR_UNSUPPORTED)
		return e;
	log_write(o->log, LOG_WARN, NULL, 0,
		  "this kernel has no nf_tables: clear packets that policy wants protected are not "
		  "kept out");
	return ERR_NONE;
}

enum err routes_new(struct routes **out, const struct routes_options *options)
{
	uint8_t secret[16];
	struct routes *r = mem_new(sizeof(*r));
	if (r == NULL)
		return ERR_NO_MEMORY;
	r->options = *options;
	set_defaults(&r->options);
	list_init(&r->all_routes);
	list_init(&r->all_policies);
	list_init(&r->all_children);
	crypto_random(secret, sizeof(secret));
	enum err e = table_init(&r->routes, secret, route_key_of);
	if (e == ERR_NONE)
		e = table_init(&r->policies, secret, user_key_of);
	if (e == ERR_NONE)
		e = table_init(&r->children, secret, user_key_of);
	if (e == ERR_NONE)
		e = rtnetlink_new(&r->netlink);
	if (e == ERR_NONE)
		e = sweep(r);
	if (e == ERR_NONE)
		e = rule(r, 4, 0, true);
	if (e == ERR_NONE)
		e = rule(r, 6, 0, true);
	if (e == ERR_NONE)
		e = start_firewall(r);
	if (e != ERR_NONE) {
		log_write(options->log, LOG_ERR, NULL, 0, "the routing rules cannot be set up: %s",
			  e == ERR_IO ? strerror(errno) : err_name(e));
		routes_free(r);
		return e;
	}
	*out = r;
	return ERR_NONE;
}

void routes_free(struct routes *r)
{
	if (r == NULL)
		return;
	if (r->netlink != NULL)
		(void)sweep(r);
	rtnetlink_free(r->netlink);
	firewall_free(r->firewall);
	LIST_EACH (&r->all_routes, node)
		mem_free(CONTAINER_OF(node, struct route, in_all));
	LIST_EACH (&r->all_policies, node)
		mem_free(CONTAINER_OF(node, struct user, in_all));
	LIST_EACH (&r->all_children, node)
		mem_free(CONTAINER_OF(node, struct user, in_all));
	table_clear(&r->routes);
	table_clear(&r->policies);
	table_clear(&r->children);
	mem_free(r);
}
