/* Keys made in advance for methods whose keys are slow to make. The pool makes none itself: its
 * owner asks ke_pool_want() which is lacking, makes it with ke_generate() when and where it has
 * time, and puts it in. Each key leaves the pool once (draft-ietf-ipsecme-ikev2-mlkem 4: a fresh
 * key for every exchange); what is still in it is erased with it. No thread of its own and no lock:
 * one thread calls it, or the owner locks. */
#ifndef POSTERN_CRYPTO_KE_POOL_H
#define POSTERN_CRYPTO_KE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/ke.h"

#define KE_POOL_METHODS_MAX 8  /* methods that one pool serves */
#define KE_POOL_KEYS_MAX    16 /* keys of one method */

struct ke_pool;

/* max_octets bounds the public values held, together; the private halves are small beside them.
 * NULL when out of memory. */
struct ke_pool *ke_pool_new(size_t max_octets);
void ke_pool_free(struct ke_pool *pool);

/* From now on n keys of d are kept ready; with fewer than before, the oldest beyond it are erased.
 * ERR_LIMIT, and nothing changes, when that is more than a bound above or than max_octets has room
 * for, with what is kept of others. */
enum err ke_pool_keep(struct ke_pool *pool, const struct ke_desc *d, size_t n);

/* The method that lacks most of its keys, the one kept first among equals; NULL: all are there. */
const struct ke_desc *ke_pool_want(const struct ke_pool *pool);

/* Takes both, whatever it returns: private, and public_value of mem_new(). They must belong
 * together. ERR_LIMIT: no more of this method is wanted, the key has been erased. */
enum err ke_pool_put(struct ke_pool *pool, struct ke_private *private, uint8_t *public_value);

/* The oldest key of d, which is the caller's then, as from ke_generate(). ERR_NOT_FOUND: none is
 * ready; both are NULL then. */
enum err ke_pool_take(struct ke_pool *pool, const struct ke_desc *d, struct ke_private **private,
		      uint8_t **public_value);

/* Keys of d that are ready, and the octets of all public values held: for status and tests. */
size_t ke_pool_ready(const struct ke_pool *pool, const struct ke_desc *d);
size_t ke_pool_octets(const struct ke_pool *pool);

#endif
