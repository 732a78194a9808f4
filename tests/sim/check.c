/* What must hold whatever happens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/child.h"
#include "ike/ext/ppk.h"
#include "ike/task.h"
#include "sim.h"
#include "wire/header.h"

/* FNV-1a, then mixed: only to recognise octets. */
static uint64_t hash_of(struct bytes b, uint64_t start)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ start;

	for (size_t i = 0; i < b.n; i++)
		h = (h ^ b.p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 29;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	return h ^ h >> 32;
}

/* The slot of key, made if it is not there (then value 0 and *fresh). */
static struct sim_seen *seen(struct sim_seen_set *set, uint64_t key, bool *fresh)
{
	if (2 * set->n >= set->cap) {
		struct sim_seen_set old = *set;
		set->cap = old.cap == 0 ? 256 : 2 * old.cap;
		set->slots = sim_alloc(set->cap * sizeof(*set->slots));
		set->n = 0;
		for (size_t i = 0; i < old.cap; i++)
			if (old.slots[i].key != 0)
				seen(set, old.slots[i].key, fresh)->value = old.slots[i].value;
		free(old.slots);
	}
	key = key == 0 ? 1 : key;
	size_t i = key & (set->cap - 1);
	while (set->slots[i].key != 0 && set->slots[i].key != key)
		i = (i + 1) & (set->cap - 1);
	*fresh = set->slots[i].key == 0;
	if (*fresh) {
		set->slots[i].key = key;
		set->n++;
	}
	return &set->slots[i];
}

void check_clear(struct sim *sim)
{
	free(sim->messages.slots);
	free(sim->ivs.slots);
	free(sim->esp_keys.slots);
}

static void trace_message(struct sim *sim, const struct sim_peer *p, const struct ike_header *h,
			  size_t n)
{
	sim_note(sim, "%s: sends exchange %u %s %u, %08x_i %08x_r, %zu octets", p->name,
		 h->exchange, header_is_response(h) ? "response" : "request", h->message_id,
		 (unsigned)(h->spi_i >> 32), (unsigned)(h->spi_r >> 32), n);
}

void check_sent(struct sim *sim, struct sim_peer *p, struct bytes datagram)
{
	struct ike_header h;
	const char *why;
	bool fresh;

	if (p->misbehaves)
		return;
	if (header_parse(&h, datagram, &why)) {
		sim_fail(sim, "%s: sends a message that no one can read: %s", p->name, why);
		return;
	}
	trace_message(sim, p, &h, datagram.n);
	const bool fragment = h.next_payload == PAYLOAD_SKF;
	if (h.next_payload != PAYLOAD_SK && !fragment)
		return; /* IKE_SA_INIT and answers outside any SA may differ (RFC 7296 2.6, 2.7) */
	const uint64_t whole = hash_of(datagram, 0);
	/* The same Message ID is the same message, octet by octet (RFC 7296 2.1). */
	struct {
		uint64_t spi_i, spi_r;
		uint32_t id, flags, fragment, spare;
	} name = {h.spi_i, h.spi_r, h.message_id, h.flags & 0x28U, 0, 0};
	const size_t iv_at = IKE_HEADER_LEN + 4 + (fragment ? 4 : 0);
	if (fragment) /* its number and the total: cut smaller it is another one (RFC 7383 2.5.2) */
		memcpy(&name.fragment, datagram.p + IKE_HEADER_LEN + 4, 4);
	struct sim_seen *m =
	    seen(&sim->messages, hash_of(bytes_of(&name, sizeof(name)), 1), &fresh);
	if (!fresh && m->value != whole)
		sim_fail(sim, "%s: two different messages with one Message ID: exchange %u %s %u",
			 p->name, h.exchange, header_is_response(&h) ? "response" : "request",
			 h.message_id);
	m->value = whole;
	/* The same IV under one key is the same message (RFC 5282 3.1). */
	name.id = name.fragment = 0;
	name.flags &= HEADER_INITIATOR;
	const uint64_t key = hash_of(bytes_of(&name, sizeof(name)), 2);
	struct sim_seen *iv =
	    seen(&sim->ivs, hash_of(bytes_of(datagram.p + iv_at, 8), key), &fresh);
	if (!fresh && iv->value != whole)
		sim_fail(sim, "%s: one IV twice under one key", p->name);
	iv->value = whole;
}

/* Each ESP key is installed at most once to send with and once to receive with. */
void check_installed(struct sim *sim, struct sim_peer *p, const struct sim_sa *sa)
{
	const struct bytes keys[] = {bytes_of(sa->key_in, sa->key_in_len),
				     bytes_of(sa->key_out, sa->key_out_len)};

	for (size_t i = 0; i < 2; i++) {
		bool fresh;
		struct sim_seen *s = seen(&sim->esp_keys, hash_of(keys[i], 3), &fresh);
		const uint64_t bit = UINT64_C(1) << i;
		if (s->value & bit)
			sim_fail(sim, "%s: an ESP key is installed a second time", p->name);
		s->value |= bit;
	}
}

static const struct sim_sa *counterpart(const struct sim_peer *other, const struct sim_sa *sa)
{
	for (size_t i = 0; i < other->plane.n; i++) {
		const struct sim_sa *o = &other->plane.sas[i];
		if (o->used && o->spi_in == sa->spi_out && o->spi_out == sa->spi_in)
			return o;
	}
	return NULL;
}

static bool mirrored(const struct sim_sa *a, const struct sim_sa *b)
{
	if (a->n_local != b->n_remote || a->n_remote != b->n_local)
		return false;
	for (size_t i = 0; i < a->n_local; i++)
		if (!selector_equal(&a->local[i], &b->remote[i]))
			return false;
	for (size_t i = 0; i < a->n_remote; i++)
		if (!selector_equal(&a->remote[i], &b->local[i]))
			return false;
	return true;
}

static void check_plane(struct sim *sim, const struct sim_peer *p)
{
	for (size_t i = 0; i < p->plane.n; i++) {
		const struct sim_sa *a = &p->plane.sas[i];
		for (size_t j = 0; a->used && j < sim->n_peers; j++) {
			const struct sim_sa *b =
			    sim->peers[j] == p ? NULL : counterpart(sim->peers[j], a);
			if (b == NULL)
				continue;
			if (a->key_out_len != b->key_in_len ||
			    memcmp(a->key_out, b->key_in, a->key_out_len) != 0)
				sim_fail(sim, "the two ends of a Child SA have different keys");
			if (!mirrored(a, b))
				sim_fail(sim, "the two ends of a Child SA have other selectors");
		}
	}
}

static const struct ike_sa *same_ike_sa(const struct sim_peer *other, const struct ike_sa *sa)
{
	if (other->ike == NULL)
		return NULL;
	LIST_EACH (&other->ike->sa_list, node) {
		const struct ike_sa *o = CONTAINER_OF(node, struct ike_sa, all);
		if (o->spi_i == sa->spi_i && o->spi_r == sa->spi_r && o->initiator != sa->initiator)
			return o;
	}
	return NULL;
}

static void check_engine(struct sim *sim, const struct sim_peer *p)
{
	size_t children = 0;

	LIST_EACH (&p->ike->sa_list, node) {
		const struct ike_sa *a = CONTAINER_OF(node, struct ike_sa, all);
		for (const struct list *c = a->children.next; c != &a->children; c = c->next)
			children++;
		if (a->state != SA_UP)
			continue;
		for (size_t j = 0; j < sim->n_peers; j++) {
			const struct ike_sa *b = same_ike_sa(sim->peers[j], a);
			/* RFC 8784: the initiator mixes the PPK in when its answer has come. */
			if (b != NULL && b->setup != NULL && b->setup->ppk.way == PPK_IN_AUTH)
				continue;
			if (b != NULL && b->keys.block != NULL && a->keys.block != NULL &&
			    (a->keys.len != b->keys.len ||
			     memcmp(a->keys.block, b->keys.block, a->keys.len) != 0))
				sim_fail(sim, "the two ends of an IKE SA have different keys");
			if (b != NULL && b->state == SA_UP && a->transcript != b->transcript)
				sim_fail(sim, "one end alone has downgrade prevention");
		}
	}
	if (children != plane_count(&p->plane) || children != p->ike->children.n_nodes)
		sim_fail(sim, "%s: %zu Child SAs in the engine, %zu in its table, %zu in the plane",
			 p->name, children, p->ike->children.n_nodes, plane_count(&p->plane));
	if (!p->misbehaves && p->ike->jobs != p->jobs_under_way)
		sim_fail(sim, "%s: the engine waits for %u jobs, of which %u are there", p->name,
			 p->ike->jobs, p->jobs_under_way);
}

void check_step(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_peers; i++) {
		check_plane(sim, sim->peers[i]);
		if (sim->peers[i]->ike != NULL)
			check_engine(sim, sim->peers[i]);
	}
}

/* One connection of one peer: exactly one IKE SA, established at both ends, and exactly one Child
 * SA for each child that is wanted. */
static const char *settled(struct sim *sim, const struct sim_peer *p, const struct ike_conn *conn)
{
	const struct ike_sa *only = NULL;

	LIST_EACH (&conn->sas, node) {
		if (only != NULL)
			return "more than one IKE SA";
		only = CONTAINER_OF(node, struct ike_sa, of_conn);
	}
	if (conn->wanted == 0)
		return NULL;
	if (only == NULL)
		return "no IKE SA";
	if (only->state != SA_UP)
		return "an IKE SA that is not up";
	if (!list_empty(&only->tasks))
		return "an exchange under way";
	bool there = false;
	for (size_t j = 0; j < sim->n_peers; j++) {
		const struct ike_sa *b = same_ike_sa(sim->peers[j], only);
		there = there || (b != NULL && b->state == SA_UP && list_empty(&b->tasks));
	}
	if (!there)
		return "an IKE SA that is not up at the other end";
	unsigned count[64] = {0};
	for (const struct list *c = only->children.next; c != &only->children; c = c->next) {
		const struct child_sa *child = CONTAINER_OF(c, const struct child_sa, of_sa);
		count[child->index]++;
		if (child->state != CHILD_UP)
			return "a Child SA in transition";
		there = false;
		for (size_t j = 0; j < sim->n_peers; j++) {
			const struct sim_sa *mine =
			    plane_find((struct sim_plane *)(uintptr_t)&p->plane, child->handle);
			there = there ||
				(sim->peers[j] != p && counterpart(sim->peers[j], mine) != NULL);
		}
		if (!there)
			return "a Child SA that the other end does not have";
	}
	for (unsigned i = 0; i < 64; i++) {
		if (count[i] > 1)
			return "a child twice";
		if (conn->wanted >> i & 1 && count[i] == 0)
			return "a child that is wanted and not there";
	}
	return NULL;
}

const char *check_settled(struct sim *sim, char *text, size_t cap)
{
	for (size_t i = 0; i < sim->n_peers; i++) {
		const struct sim_peer *p = sim->peers[i];
		if (p->ike == NULL)
			return "a peer is down";
		LIST_EACH (&p->ike->conn_list, node) {
			const struct ike_conn *conn = CONTAINER_OF(node, struct ike_conn, all);
			const char *why = settled(sim, p, conn);
			if (why == NULL)
				continue;
			snprintf(text, cap, "%s: %s has %s (%s)", p->name, conn->config->name, why,
				 conn->why);
			return text;
		}
		for (const struct list *n = p->ike->sa_list.next; n != &p->ike->sa_list;
		     n = n->next) {
			const struct ike_sa *sa = CONTAINER_OF(n, const struct ike_sa, all);
			if (sa->state == SA_UP)
				continue;
			snprintf(text, cap, "%s: an IKE SA in state %d is left", p->name,
				 sa->state);
			return text;
		}
	}
	return NULL;
}

static void dump_child(struct sim *sim, const struct child_sa *c)
{
	sim_note(
	    sim,
	    "    child %u state %u %s%s in %08x out %08x successor %08x, activate %lld, expire "
	    "%lld",
	    c->index, c->state, c->active ? "active " : "", c->initiated ? "ours" : "theirs",
	    c->spi_in, c->spi_out, c->successor,
	    (long long)(c->activate_at == 0 ? 0 : c->activate_at - sim->now),
	    (long long)(c->expire_at == 0 ? 0 : c->expire_at - sim->now));
}

void check_dump(struct sim *sim)
{
	for (size_t i = 0; sim->trace && i < sim->n_peers; i++) {
		const struct sim_peer *p = sim->peers[i];
		if (p->ike == NULL)
			continue;
		LIST_EACH (&p->ike->sa_list, node) {
			const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
			sim_note(sim, "%s: IKE SA %08x_i %08x_r state %u %s%s%s", p->name,
				 (unsigned)(sa->spi_i >> 32), (unsigned)(sa->spi_r >> 32),
				 sa->state, sa->initiator ? "ours" : "theirs",
				 sa->reauthenticating ? " reauthenticating" : "",
				 sa->pending != NULL ? " pending" : "");
			for (const struct list *n = sa->tasks.next; n != &sa->tasks; n = n->next) {
				const struct ike_task *t = CONTAINER_OF(n, struct ike_task, of_sa);
				sim_note(
				    sim, "    task %s%s%s", task_kind_name((enum task_kind)t->kind),
				    t->started ? " started" : "", t->in_flight ? " in flight" : "");
			}
			for (const struct list *n = sa->children.next; n != &sa->children;
			     n = n->next)
				dump_child(sim, CONTAINER_OF(n, struct child_sa, of_sa));
		}
	}
}

void check_all_gone(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_peers; i++) {
		const struct sim_peer *p = sim->peers[i];
		struct ike_totals t;
		if (p->ike == NULL)
			continue;
		ike_totals(p->ike, &t);
		if (t.sas != 0 || t.children != 0 || t.half_open != 0 || t.jobs_waiting != 0)
			sim_fail(sim,
				 "%s: at the end there are %u IKE SAs, %u Child SAs, %u half open, "
				 "%u jobs",
				 p->name, t.sas, t.children, t.half_open, t.jobs_waiting);
		if (plane_count(&p->plane) != 0)
			sim_fail(sim, "%s: at the end %zu Child SAs are in the plane", p->name,
				 plane_count(&p->plane));
	}
}
