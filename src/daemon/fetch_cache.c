#include "daemon/fetch_cache.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"

struct node {
	struct table_node by_key;
	struct list all; /* the least lately used first */
	struct fetch_entry entry;
	size_t key_n;
	uint8_t key[];
};

struct fetch_cache {
	struct table by_key;
	struct list all;
	size_t n, octets, octets_max;
};

static struct bytes key_of(const struct table_node *t)
{
	const struct node *n = (const struct node *)(const void *)t;

	return bytes_of(n->key, n->key_n);
}

struct fetch_cache *fetch_cache_new(size_t octets_max, const uint8_t secret[16])
{
	struct fetch_cache *c = mem_new(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->octets_max = octets_max;
	list_init(&c->all);
	if (table_init(&c->by_key, secret, key_of) != ERR_NONE) {
		mem_free(c);
		return NULL;
	}
	return c;
}

static void entry_clear(struct fetch_entry *e)
{
	mem_free(e->reason);
	mem_free(e->data);
	*e = (struct fetch_entry){0};
}

static void drop(struct fetch_cache *c, struct node *n)
{
	c->n--;
	c->octets -= n->entry.n;
	table_remove(&c->by_key, &n->by_key);
	list_remove(&n->all);
	entry_clear(&n->entry);
	mem_free(n);
}

void fetch_cache_free(struct fetch_cache *c)
{
	if (c == NULL)
		return;
	while (!list_empty(&c->all))
		drop(c, CONTAINER_OF(c->all.next, struct node, all));
	table_clear(&c->by_key);
	mem_free(c);
}

static struct node *find(const struct fetch_cache *c, struct bytes key)
{
	return (struct node *)(void *)table_find(&c->by_key, key);
}

const struct fetch_entry *fetch_cache_find(struct fetch_cache *c, struct bytes key, int64_t now)
{
	struct node *n = find(c, key);

	if (n == NULL)
		return NULL;
	if (n->entry.until <= now) {
		drop(c, n);
		return NULL;
	}
	list_remove(&n->all);
	list_append(&c->all, &n->all);
	return &n->entry;
}

/* The one to go: the least lately used, those to be kept last. NULL: there is none. */
static struct node *oldest(const struct fetch_cache *c)
{
	for (const struct list *at = c->all.next; at != &c->all; at = at->next) {
		struct node *n = CONTAINER_OF(at, struct node, all);
		if (!n->entry.keep)
			return n;
	}
	return list_empty(&c->all) ? NULL : CONTAINER_OF(c->all.next, struct node, all);
}

static void add(struct fetch_cache *c, struct bytes key, struct fetch_entry *e)
{
	struct node *n = NULL;

	if (e->n <= c->octets_max)
		n = mem_new(sizeof(*n) + key.n);
	if (n == NULL) {
		entry_clear(e);
		return;
	}
	while (c->n > 0 && (c->n >= FETCH_CACHE_ENTRIES || c->octets + e->n > c->octets_max))
		drop(c, oldest(c));
	n->entry = *e;
	n->key_n = key.n;
	if (key.n > 0)
		memcpy(n->key, key.p, key.n);
	table_add(&c->by_key, &n->by_key);
	list_append(&c->all, &n->all);
	c->n++;
	c->octets += e->n;
}

void fetch_cache_put(struct fetch_cache *c, struct bytes key, const struct fetch_entry *e,
		     int64_t now)
{
	struct node *n = find(c, key);
	struct fetch_entry taken = *e;

	if (n != NULL && e->result != ERR_NONE && n->entry.result == ERR_NONE &&
	    n->entry.until > now) {
		n->entry.refresh_at = e->until;
		entry_clear(&taken);
		return;
	}
	if (n != NULL) {
		taken.keep = taken.keep || n->entry.keep;
		drop(c, n);
	}
	add(c, key, &taken);
}

void fetch_cache_keep(struct fetch_cache *c, struct bytes key, bool keep)
{
	struct node *n = find(c, key);

	if (n != NULL)
		n->entry.keep = keep;
}

size_t fetch_cache_octets(const struct fetch_cache *c)
{
	return c->octets;
}

size_t fetch_cache_count(const struct fetch_cache *c)
{
	return c->n;
}
