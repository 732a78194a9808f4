/* An intrusive hash table with separate chaining, keyed by SipHash so that a peer who chooses keys
 * (SPIs, addresses, identities) cannot make chains long. It grows with its contents, by doubling,
 * and when growing fails for lack of memory it only gets slower. */
#ifndef POSTERN_BASE_TABLE_H
#define POSTERN_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets; /* owned */
	size_t n_buckets;            /* a power of two */
	size_t n_nodes;
	uint8_t secret[16];
	/* The key of the element that holds this node; borrowed from it. */
	struct bytes (*key_of)(const struct table_node *node);
};

/* SipHash-2-4 of key; the tables' own hash, for a user that spreads keys some other way too. */
uint64_t table_hash(const uint8_t secret[16], struct bytes key);

/* secret comes from the owner's source of randomness. */
enum err table_init(struct table *t, const uint8_t secret[16],
		    struct bytes (*key_of)(const struct table_node *node));
/* Frees the buckets; the elements are their owners'. */
void table_clear(struct table *t);
/* Keys may repeat: table_find() gives the newest, table_find_next() the others. */
void table_add(struct table *t, struct table_node *node);
void table_remove(struct table *t, struct table_node *node);
struct table_node *table_find(const struct table *t, struct bytes key);
struct table_node *table_find_next(const struct table *t, const struct table_node *node);

#endif
