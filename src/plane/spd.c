#include "plane/spd.h"

#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "plane/spd_index.h"

#define SPI_MIN 256 /* RFC 4303 2.1 */

/* ---- Tables ---------------------------------------------------------------------------------- */

static struct bytes policy_key(const struct table_node *n)
{
	const struct spd_policy *p =
	    (const struct spd_policy *)((const char *)n - offsetof(struct spd_policy, by_id));
	return bytes_of(&p->id, sizeof(p->id));
}

static struct bytes spi_key(const struct table_node *n)
{
	const struct spd_child *c =
	    (const struct spd_child *)((const char *)n - offsetof(struct spd_child, by_spi));
	return bytes_of(&c->spi_in, sizeof(c->spi_in));
}

static struct bytes handle_key(const struct table_node *n)
{
	const struct spd_child *c =
	    (const struct spd_child *)((const char *)n - offsetof(struct spd_child, by_handle));
	return bytes_of(&c->handle, sizeof(c->handle));
}

enum err spd_init(struct spd *s, const uint8_t secret[16])
{
	*s = (struct spd){.generation = 1};
	list_init(&s->all_policies);
	list_init(&s->children);
	list_init(&s->retired);
	memcpy(s->secret, secret, sizeof(s->secret));
	s->cache = mem_new(SPD_CACHE_SLOTS * sizeof(*s->cache));
	list_init(&s->index.others);
	if (s->cache == NULL || spd_index_init(&s->index, secret) != ERR_NONE ||
	    table_init(&s->policies, secret, policy_key) != ERR_NONE ||
	    table_init(&s->children_by_spi, secret, spi_key) != ERR_NONE ||
	    table_init(&s->children_by_handle, secret, handle_key) != ERR_NONE) {
		spd_clear(s);
		return ERR_NO_MEMORY;
	}
	return ERR_NONE;
}

static void policy_free(struct spd_policy *p)
{
	if (p == NULL)
		return;
	mem_free(p->local);
	mem_free(p->remote);
	mem_free(p);
}

static void child_free(struct spd_child *c)
{
	if (c == NULL)
		return;
	esp_sa_free(c->in);
	esp_sa_free(c->out);
	mem_free(c->local);
	mem_free(c->remote);
	mem_free(c);
}

void spd_clear(struct spd *s)
{
	LIST_EACH (&s->children, node)
		child_free(CONTAINER_OF(node, struct spd_child, in_all));
	LIST_EACH (&s->all_policies, node) {
		struct spd_policy *p = CONTAINER_OF(node, struct spd_policy, in_all);
		spd_index_remove(&s->index, p);
		policy_free(p);
	}
	list_init(&s->children);
	list_init(&s->all_policies);
	spd_index_clear(&s->index);
	table_clear(&s->policies);
	table_clear(&s->children_by_spi);
	table_clear(&s->children_by_handle);
	mem_free(s->cache);
	s->cache = NULL;
}

/* ---- Policies -------------------------------------------------------------------------------- */

static struct selector *copy_selectors(const struct selector *s, size_t n)
{
	return mem_copy(bytes_of(s, n * sizeof(*s)));
}

struct spd_policy *spd_policy_find(const struct spd *s, uint32_t id)
{
	struct table_node *n = table_find(&s->policies, bytes_of(&id, sizeof(id)));
	return n != NULL ? CONTAINER_OF(n, struct spd_policy, by_id) : NULL;
}

static enum err make_policy(struct spd *s, uint32_t id, struct spd_policy **out)
{
	struct spd_policy *p = mem_new(sizeof(*p));
	if (p == NULL)
		return ERR_NO_MEMORY;
	p->id = id;
	list_init(&p->active);
	list_init(&p->entries);
	list_init(&p->in_others);
	list_append(&s->all_policies, &p->in_all);
	table_add(&s->policies, &p->by_id);
	*out = p;
	return ERR_NONE;
}

enum err spd_policy_set(struct spd *s, const struct dataplane_policy *policy)
{
	if (policy->n_local == 0 || policy->n_local > CHILD_SELECTORS_MAX ||
	    policy->n_remote == 0 || policy->n_remote > CHILD_SELECTORS_MAX)
		return ERR_RANGE;
	struct selector *local = copy_selectors(policy->local, policy->n_local);
	struct selector *remote = copy_selectors(policy->remote, policy->n_remote);
	struct spd_policy *p = spd_policy_find(s, policy->id);
	if (local == NULL || remote == NULL ||
	    (p == NULL && make_policy(s, policy->id, &p) != ERR_NONE)) {
		mem_free(local);
		mem_free(remote);
		return ERR_NO_MEMORY;
	}
	spd_index_remove(&s->index, p);
	mem_free(p->local);
	mem_free(p->remote);
	p->mode = policy->mode;
	p->acquire = policy->acquire;
	p->stale = false;
	p->local = local;
	p->n_local = policy->n_local;
	p->remote = remote;
	p->n_remote = policy->n_remote;
	p->version = ++s->versions;
	s->generation++;
	/* A policy that is not found protects nothing: its routes still keep its traffic in. */
	return spd_index_add(&s->index, p);
}

void spd_policy_remove(struct spd *s, uint32_t id)
{
	struct spd_policy *p = spd_policy_find(s, id);
	if (p == NULL)
		return;
	LIST_EACH (&s->children, node) {
		struct spd_child *c = CONTAINER_OF(node, struct spd_child, in_all);
		if (c->policy == id)
			spd_child_remove(s, c);
	}
	spd_index_remove(&s->index, p);
	table_remove(&s->policies, &p->by_id);
	list_remove(&p->in_all);
	policy_free(p);
	s->generation++;
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

struct spd_child *spd_child_by_handle(const struct spd *s, uint32_t handle)
{
	struct table_node *n =
	    table_find(&s->children_by_handle, bytes_of(&handle, sizeof(handle)));
	return n != NULL ? CONTAINER_OF(n, struct spd_child, by_handle) : NULL;
}

struct spd_child *spd_child_by_spi(const struct spd *s, uint32_t spi_in)
{
	struct table_node *n = table_find(&s->children_by_spi, bytes_of(&spi_in, sizeof(spi_in)));
	return n != NULL ? CONTAINER_OF(n, struct spd_child, by_spi) : NULL;
}

static enum err check_child(const struct spd *s, const struct dataplane_child *c)
{
	if (c->n_local == 0 || c->n_local > CHILD_SELECTORS_MAX || c->n_remote == 0 ||
	    c->n_remote > CHILD_SELECTORS_MAX || c->handle == SPD_NO_HANDLE)
		return ERR_RANGE;
	if (c->spi_in < SPI_MIN || c->spi_out < SPI_MIN)
		return ERR_RANGE;
	if (c->outer.remote.addr.family == 0 || addr_is_any(&c->outer.remote.addr) ||
	    (c->outer.local.addr.family != 0 &&
	     c->outer.local.addr.family != c->outer.remote.addr.family))
		return ERR_RANGE;
	if (spd_policy_find(s, c->policy) == NULL)
		return ERR_NOT_FOUND;
	if (spd_child_by_handle(s, c->handle) != NULL || spd_child_by_spi(s, c->spi_in) != NULL)
		return ERR_EXISTS;
	return ERR_NONE;
}

static enum err make_sas(struct spd_child *made, const struct dataplane_child *c)
{
	struct esp_sa_params in = {.spi = c->spi_in,
				   .suite = c->suite,
				   .keys = c->in,
				   .esn = c->esn,
				   .replay_window = c->replay_window,
				   .hard_packets = c->hard_packets,
				   .hard_octets = c->hard_octets,
				   .eesp = c->eesp ? &c->eesp_in : NULL};
	struct esp_sa_params out = in;
	out.spi = c->spi_out;
	out.keys = c->out;
	out.replay_window = 0;
	out.eesp = c->eesp ? &c->eesp_out : NULL;
	enum err e = esp_sa_new_inbound(&made->in, &in);
	if (e == ERR_NONE)
		e = esp_sa_new_outbound(&made->out, &out);
	return e;
}

static void fill_child(struct spd_child *made, const struct dataplane_child *c)
{
	made->handle = c->handle;
	made->policy = c->policy;
	made->spi_in = c->spi_in;
	made->spi_out = c->spi_out;
	made->mode = c->mode;
	made->eesp = c->eesp;
	made->outer = c->outer;
	made->udp_encap = c->udp_encap;
	made->follow_peer = c->follow_peer;
	made->copy_dscp = c->copy_dscp;
	made->ecn = c->ecn;
	made->df = c->df;
	made->n_local = c->n_local;
	made->n_remote = c->n_remote;
	made->soft_packets = c->soft_packets;
	made->hard_packets = c->hard_packets;
	made->soft_octets = c->soft_octets;
	made->hard_octets = c->hard_octets;
	made->usage = &made->usage_own;
}

enum err spd_child_add(struct spd *s, const struct dataplane_child *child, struct spd_child **out)
{
	enum err e = check_child(s, child);
	if (e != ERR_NONE)
		return e;
	struct spd_child *c = mem_new(sizeof(*c));
	if (c == NULL)
		return ERR_NO_MEMORY;
	fill_child(c, child);
	list_init(&c->in_active);
	list_init(&c->in_retired);
	c->local = copy_selectors(child->local, child->n_local);
	c->remote = copy_selectors(child->remote, child->n_remote);
	if (c->local == NULL || c->remote == NULL)
		e = ERR_NO_MEMORY;
	else
		e = make_sas(c, child);
	if (e != ERR_NONE) {
		child_free(c);
		return e;
	}
	list_append(&s->children, &c->in_all);
	table_add(&s->children_by_spi, &c->by_spi);
	table_add(&s->children_by_handle, &c->by_handle);
	if (child->activate)
		spd_child_activate(s, c);
	*out = c;
	return ERR_NONE;
}

/* A pair of the former owner is done for when the new owner's takes over its policy. */
static void drop_orphans(struct spd *s, uint32_t policy)
{
	LIST_EACH (&s->children, node) {
		struct spd_child *c = CONTAINER_OF(node, struct spd_child, in_all);
		if (c->policy == policy && c->handle == SPD_NO_HANDLE)
			spd_child_remove(s, c);
	}
}

void spd_child_activate(struct spd *s, struct spd_child *c)
{
	struct spd_policy *p = spd_policy_find(s, c->policy);
	if (p == NULL)
		return;
	if (c->handle != SPD_NO_HANDLE)
		drop_orphans(s, c->policy);
	list_remove(&c->in_active);
	list_append(p->active.next, &c->in_active); /* before the first: the newest sends */
	c->active = true;
	p->version = ++s->versions;
}

void spd_child_remove(struct spd *s, struct spd_child *c)
{
	struct spd_policy *p = spd_policy_find(s, c->policy);
	if (p != NULL)
		p->version = ++s->versions;
	table_remove(&s->children_by_spi, &c->by_spi);
	if (c->handle != SPD_NO_HANDLE)
		table_remove(&s->children_by_handle, &c->by_handle);
	list_remove(&c->in_active);
	list_remove(&c->in_retired);
	list_remove(&c->in_all);
	child_free(c);
}

/* Its handle and its place in the shared counters are free for others. */
static void take_handle(struct spd *s, struct spd_child *c)
{
	if (c->handle == SPD_NO_HANDLE)
		return;
	table_remove(&s->children_by_handle, &c->by_handle);
	c->handle = SPD_NO_HANDLE;
	c->usage_own = *c->usage;
	c->usage = &c->usage_own;
}

void spd_child_retire(struct spd *s, struct spd_child *c, uint64_t until)
{
	struct spd_policy *p = spd_policy_find(s, c->policy);

	list_remove(&c->in_active);
	if (p != NULL && !list_empty(&p->active)) {
		p->version = ++s->versions;
		take_handle(s, c);
		c->retire_at = until;
		list_append(&s->retired, &c->in_retired);
		return;
	}
	LIST_EACH (&s->retired, node) {
		struct spd_child *other = CONTAINER_OF(node, struct spd_child, in_retired);
		if (other->policy == c->policy)
			spd_child_remove(s, other);
	}
	spd_child_remove(s, c);
}

uint64_t spd_retired_lapse(struct spd *s, uint64_t now)
{
	LIST_EACH (&s->retired, node) {
		struct spd_child *c = CONTAINER_OF(node, struct spd_child, in_retired);
		if (c->retire_at > now)
			return c->retire_at;
		spd_child_remove(s, c);
	}
	return UINT64_MAX;
}

void spd_orphan_all(struct spd *s)
{
	LIST_EACH (&s->children, node)
		take_handle(s, CONTAINER_OF(node, struct spd_child, in_all));
	LIST_EACH (&s->all_policies, node)
		CONTAINER_OF(node, struct spd_policy, in_all)->stale = true;
}

/* ---- Look-ups -------------------------------------------------------------------------------- */

static bool any_has(const struct selector *s, size_t n, const struct addr *a,
		    const struct flow_key *flow, uint16_t port)
{
	for (size_t i = 0; i < n; i++) {
		if (selector_has(&s[i], a, flow->protocol, flow->has_ports, port))
			return true;
	}
	return false;
}

static struct spd_child *child_for(const struct spd_policy *p, const struct flow_key *flow)
{
	LIST_EACH (&p->active, node) {
		struct spd_child *c = CONTAINER_OF(node, struct spd_child, in_active);
		if (any_has(c->local, c->n_local, &flow->src, flow, flow->src_port) &&
		    any_has(c->remote, c->n_remote, &flow->dst, flow, flow->dst_port))
			return c;
	}
	return NULL;
}

static bool policy_has(const struct spd_policy *p, const struct flow_key *flow)
{
	return any_has(p->local, p->n_local, &flow->src, flow, flow->src_port) &&
	       any_has(p->remote, p->n_remote, &flow->dst, flow, flow->dst_port);
}

static bool flow_equal(const struct flow_key *a, const struct flow_key *b)
{
	return a->src_port == b->src_port && a->dst_port == b->dst_port &&
	       a->protocol == b->protocol && a->has_ports == b->has_ports &&
	       memcmp(&a->src, &b->src, sizeof(a->src)) == 0 &&
	       memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0;
}

static struct spd_cache_slot *cache_slot(struct spd *s, const struct flow_key *flow)
{
	uint8_t key[40];
	struct writer w = writer_of(key, sizeof(key));
	writer_bytes(&w, bytes_of(flow->src.a, sizeof(flow->src.a)));
	writer_bytes(&w, bytes_of(flow->dst.a, sizeof(flow->dst.a)));
	writer_u8(&w, flow->protocol);
	writer_u16(&w, flow->src_port);
	writer_u16(&w, flow->dst_port);
	uint64_t hash = table_hash(s->secret, writer_bytes_so_far(&w));
	return &s->cache[hash % SPD_CACHE_SLOTS];
}

enum packet_fate spd_outbound(struct spd *s, const struct flow_key *flow,
			      struct spd_policy **policy, struct spd_child **child)
{
	struct spd_cache_slot *slot = cache_slot(s, flow);
	if (slot->generation != s->generation || !flow_equal(&slot->flow, flow)) {
		slot->policy = spd_index_find(&s->index, flow, policy_has);
		slot->child = NULL;
		slot->version = 0;
		slot->flow = *flow;
		slot->generation = s->generation;
	}
	if (slot->policy != NULL && slot->version != slot->policy->version) {
		slot->child = child_for(slot->policy, flow);
		slot->version = slot->policy->version;
	}
	*policy = slot->policy;
	*child = slot->child;
	if (slot->policy == NULL)
		return PACKET_NO_POLICY;
	return slot->child != NULL ? PACKET_OK : PACKET_NO_SA;
}

bool spd_inbound_allowed(const struct spd_child *c, const struct flow_key *flow)
{
	return any_has(c->remote, c->n_remote, &flow->src, flow, flow->src_port) &&
	       any_has(c->local, c->n_local, &flow->dst, flow, flow->dst_port);
}
