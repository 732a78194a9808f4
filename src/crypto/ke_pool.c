#include "crypto/ke_pool.h"

#include "base/mem.h"

struct pooled {
	struct ke_private *private;
	uint8_t *public_value;
};

/* The keys of one method, the oldest first. */
struct shelf {
	const struct ke_desc *desc; /* NULL: free */
	size_t kept;
	size_t n;
	struct pooled keys[KE_POOL_KEYS_MAX];
};

struct ke_pool {
	size_t max_octets;
	struct shelf shelves[KE_POOL_METHODS_MAX];
};

static struct shelf *shelf_of(struct ke_pool *pool, const struct ke_desc *d)
{
	for (size_t i = 0; i < KE_POOL_METHODS_MAX; i++)
		if (pool->shelves[i].desc == d)
			return &pool->shelves[i];
	return NULL;
}

static void pooled_free(struct pooled key)
{
	ke_private_free(key.private);
	mem_free(key.public_value);
}

static struct pooled shelf_shift(struct shelf *s)
{
	struct pooled oldest = s->keys[0];

	s->n--;
	for (size_t i = 0; i < s->n; i++)
		s->keys[i] = s->keys[i + 1];
	s->keys[s->n] = (struct pooled){NULL, NULL};
	return oldest;
}

struct ke_pool *ke_pool_new(size_t max_octets)
{
	struct ke_pool *pool = mem_new(sizeof(*pool));

	if (pool != NULL)
		pool->max_octets = max_octets;
	return pool;
}

void ke_pool_free(struct ke_pool *pool)
{
	if (pool == NULL)
		return;
	for (size_t i = 0; i < KE_POOL_METHODS_MAX; i++)
		while (pool->shelves[i].n > 0)
			pooled_free(shelf_shift(&pool->shelves[i]));
	mem_free(pool);
}

enum err ke_pool_keep(struct ke_pool *pool, const struct ke_desc *d, size_t n)
{
	struct shelf *s = shelf_of(pool, d);
	size_t octets = n * d->init_len;

	if (s == NULL && n == 0)
		return ERR_NONE;
	if (s == NULL)
		s = shelf_of(pool, NULL); /* a free one */
	if (s == NULL || n > KE_POOL_KEYS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < KE_POOL_METHODS_MAX; i++)
		if (pool->shelves[i].desc != NULL && &pool->shelves[i] != s)
			octets += pool->shelves[i].kept * pool->shelves[i].desc->init_len;
	if (octets > pool->max_octets)
		return ERR_LIMIT;
	while (s->n > n)
		pooled_free(shelf_shift(s));
	s->kept = n;
	s->desc = n != 0 ? d : NULL;
	return ERR_NONE;
}

const struct ke_desc *ke_pool_want(const struct ke_pool *pool)
{
	const struct ke_desc *most = NULL;
	size_t lacking = 0;

	for (size_t i = 0; i < KE_POOL_METHODS_MAX; i++) {
		const struct shelf *s = &pool->shelves[i];

		if (s->kept - s->n <= lacking)
			continue;
		lacking = s->kept - s->n;
		most = s->desc;
	}
	return most;
}

enum err ke_pool_put(struct ke_pool *pool, struct ke_private *private, uint8_t *public_value)
{
	struct shelf *s = shelf_of(pool, ke_private_desc(private));
	struct pooled key = {private, public_value};

	if (s == NULL || s->n >= s->kept) {
		pooled_free(key);
		return ERR_LIMIT;
	}
	s->keys[s->n++] = key;
	return ERR_NONE;
}

enum err ke_pool_take(struct ke_pool *pool, const struct ke_desc *d, struct ke_private **private,
		      uint8_t **public_value)
{
	struct shelf *s = shelf_of(pool, d);
	struct pooled key = {NULL, NULL};

	if (s != NULL && s->n > 0)
		key = shelf_shift(s);
	*private = key.private;
	*public_value = key.public_value;
	return key.private != NULL ? ERR_NONE : ERR_NOT_FOUND;
}

size_t ke_pool_ready(const struct ke_pool *pool, const struct ke_desc *d)
{
	for (size_t i = 0; i < KE_POOL_METHODS_MAX; i++)
		if (pool->shelves[i].desc == d)
			return pool->shelves[i].n;
	return 0;
}

size_t ke_pool_octets(const struct ke_pool *pool)
{
	size_t octets = 0;

	for (size_t i = 0; i < KE_POOL_METHODS_MAX; i++)
		if (pool->shelves[i].desc != NULL)
			octets += pool->shelves[i].n * pool->shelves[i].desc->init_len;
	return octets;
}
