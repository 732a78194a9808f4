#include "plane/spd_index.h"

#include <string.h>

#include "base/mem.h"
#include "plane/prefix.h"

#define PREFIXES_INDEXED 16 /* of one selector; more of them are not worth their memory */

struct index_key {
	uint8_t len;
	struct addr addr;
};

struct index_entry {
	struct table_node by_prefix;
	struct list in_policy;
	struct index_key key;
	struct spd_policy *policy;
};

static struct bytes entry_key(const struct table_node *n)
{
	const struct index_entry *e =
	    (const struct index_entry *)((const char *)n - offsetof(struct index_entry, by_prefix));
	return bytes_of(&e->key, sizeof(e->key));
}

static size_t family_of(const struct addr *a)
{
	return a->family == 6 ? 1 : 0;
}

enum err spd_index_init(struct spd_index *x, const uint8_t secret[16])
{
	list_init(&x->others);
	return table_init(&x->prefixes, secret, entry_key);
}

void spd_index_clear(struct spd_index *x)
{
	table_clear(&x->prefixes);
}

static struct index_key key_of(const struct addr *a, uint8_t len)
{
	struct index_key k;
	struct prefix p = prefix_of(a, len);
	memset(&k, 0, sizeof(k)); /* hashed with its padding */
	k.len = len;
	k.addr = p.addr;
	return k;
}

static enum err add_prefix(struct spd_index *x, struct spd_policy *p, const struct prefix *prefix)
{
	struct index_entry *e = mem_new(sizeof(*e));
	if (e == NULL)
		return ERR_NO_MEMORY;
	e->key = key_of(&prefix->addr, prefix->len);
	e->policy = p;
	list_append(&p->entries, &e->in_policy);
	table_add(&x->prefixes, &e->by_prefix);
	x->lengths[family_of(&prefix->addr)][prefix->len]++;
	return ERR_NONE;
}

enum err spd_index_add(struct spd_index *x, struct spd_policy *p)
{
	struct prefix prefixes[PREFIXES_MAX];
	list_init(&p->entries);
	list_init(&p->in_others);
	for (size_t i = 0; i < p->n_remote; i++) {
		size_t n = prefix_split(&p->remote[i].addrs, prefixes);
		if (n > PREFIXES_INDEXED) {
			list_remove(&p->in_others);
			list_append(&x->others, &p->in_others);
			continue;
		}
		for (size_t k = 0; k < n; k++) {
			if (add_prefix(x, p, &prefixes[k]) != ERR_NONE) {
				spd_index_remove(x, p);
				return ERR_NO_MEMORY;
			}
		}
	}
	return ERR_NONE;
}

void spd_index_remove(struct spd_index *x, struct spd_policy *p)
{
	LIST_EACH (&p->entries, node) {
		struct index_entry *e = CONTAINER_OF(node, struct index_entry, in_policy);
		x->lengths[family_of(&e->key.addr)][e->key.len]--;
		table_remove(&x->prefixes, &e->by_prefix);
		list_remove(&e->in_policy);
		mem_free(e);
	}
	list_remove(&p->in_others);
}

struct spd_policy *spd_index_find(const struct spd_index *x, const struct flow_key *flow,
				  bool (*match)(const struct spd_policy *p,
						const struct flow_key *flow))
{
	struct spd_policy *best = NULL;
	unsigned bits = (unsigned)addr_len(&flow->dst) * 8;
	const uint32_t *lengths = x->lengths[family_of(&flow->dst)];
	for (unsigned len = 0; len <= bits; len++) {
		if (lengths[len] == 0)
			continue;
		struct index_key key = key_of(&flow->dst, (uint8_t)len);
		const struct table_node *n = table_find(&x->prefixes, bytes_of(&key, sizeof(key)));
		for (; n != NULL; n = table_find_next(&x->prefixes, n)) {
			const struct index_entry *e =
			    (const struct index_entry *)((const char *)n -
							 offsetof(struct index_entry, by_prefix));
			if ((best == NULL || e->policy->id < best->id) && match(e->policy, flow))
				best = e->policy;
		}
	}
	LIST_EACH (&x->others, node) {
		struct spd_policy *p = CONTAINER_OF(node, struct spd_policy, in_others);
		if ((best == NULL || p->id < best->id) && match(p, flow))
			best = p;
	}
	return best;
}
