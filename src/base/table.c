#include "base/table.h"

#include <string.h>

#include "base/mem.h"

#define FIRST_BUCKETS 16

static uint64_t rotate(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

/* SipHash reads its words in little-endian order (Aumasson and Bernstein, SipHash, 2.2). */
static uint64_t word_at(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static void sip_rounds(uint64_t v[4], unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* SipHash-2-4: the hash of a hash table, not a MAC that anybody relies on. */
uint64_t table_hash(const uint8_t secret[16], struct bytes key)
{
	uint64_t k0 = word_at(secret, 8);
	uint64_t k1 = word_at(secret + 8, 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			 k1 ^ 0x7465646279746573};
	size_t whole = key.n - key.n % 8;
	uint64_t m = 0;

	for (size_t i = 0; i < whole; i += 8) {
		m = word_at(key.p + i, 8);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	m = (uint64_t)(key.n & 0xff) << 56;
	if (key.n != whole)
		m |= word_at(key.p + whole, key.n - whole);
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct table_node **bucket_of(const struct table *t, uint64_t hash)
{
	return &t->buckets[hash & (t->n_buckets - 1)];
}

enum err table_init(struct table *t, const uint8_t secret[16],
		    struct bytes (*key_of)(const struct table_node *node))
{
	*t = (struct table){.key_of = key_of};
	memcpy(t->secret, secret, sizeof(t->secret));
	t->buckets = mem_new(FIRST_BUCKETS * sizeof(struct table_node *));
	if (t->buckets == NULL)
		return ERR_NO_MEMORY;
	t->n_buckets = FIRST_BUCKETS;
	return ERR_NONE;
}

void table_clear(struct table *t)
{
	mem_free(t->buckets);
	mem_erase(t->secret, sizeof(t->secret));
	*t = (struct table){0};
}

/* Appends a chain to its new bucket in its old order, so that the newest of equal keys stays first.
 */
static void move_chain(struct table *t, struct table_node *node)
{
	while (node != NULL) {
		struct table_node *next = node->next;
		struct table_node **at = bucket_of(t, node->hash);

		while (*at != NULL)
			at = &(*at)->next;
		node->next = NULL;
		*at = node;
		node = next;
	}
}

static void grow(struct table *t)
{
	struct table_node **old = t->buckets;
	size_t n_old = t->n_buckets;

	if (n_old > SIZE_MAX / 2 / sizeof(struct table_node *))
		return;
	t->buckets = mem_new(2 * n_old * sizeof(struct table_node *));
	if (t->buckets == NULL) {
		t->buckets = old;
		return;
	}
	t->n_buckets = 2 * n_old;
	for (size_t i = 0; i < n_old; i++)
		move_chain(t, old[i]);
	mem_free(old);
}

void table_add(struct table *t, struct table_node *node)
{
	struct table_node **bucket = NULL;

	if (t->n_nodes >= t->n_buckets)
		grow(t);
	node->hash = table_hash(t->secret, t->key_of(node));
	bucket = bucket_of(t, node->hash);
	node->next = *bucket;
	*bucket = node;
	t->n_nodes++;
}

void table_remove(struct table *t, struct table_node *node)
{
	for (struct table_node **at = bucket_of(t, node->hash); *at != NULL; at = &(*at)->next) {
		if (*at == node) {
			*at = node->next;
			node->next = NULL;
			t->n_nodes--;
			return;
		}
	}
}

static struct table_node *first_match(const struct table *t, struct table_node *node, uint64_t hash,
				      struct bytes key)
{
	while (node != NULL && (node->hash != hash || !bytes_equal(t->key_of(node), key)))
		node = node->next;
	return node;
}

struct table_node *table_find(const struct table *t, struct bytes key)
{
	uint64_t hash = 0;

	if (t->n_nodes == 0)
		return NULL;
	hash = table_hash(t->secret, key);
	return first_match(t, *bucket_of(t, hash), hash, key);
}

struct table_node *table_find_next(const struct table *t, const struct table_node *node)
{
	return first_match(t, node->next, node->hash, t->key_of(node));
}
