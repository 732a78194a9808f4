/* What the crypto functions need to keep between calls: fetched algorithms and scratch contexts.
 * There is no global state: whoever calls the floor from a thread owns one `struct crypto` for it.
 * An object that is only data (a key, a descriptor) is never tied to one. */
#ifndef POSTERN_CRYPTO_CRYPTO_H
#define POSTERN_CRYPTO_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct crypto;

/* NULL when out of memory or when the library lacks an algorithm that we cannot do without. */
struct crypto *crypto_new(void);
void crypto_free(struct crypto *c);

/* From the system's generator. Aborts the process if that fails: nothing can go on without it. */
void crypto_random(void *buf, size_t n);

/* Where randomness comes from: the system in the daemon, a seed in the simulator. */
struct random_source {
	void (*fill)(void *ctx, void *buf, size_t n);
	void *ctx;
};

/* One-shot hash; hash is a HASH_* number (RFC 7427's registry). out holds hash_len() octets. SHA-1
 * stays for NAT detection and certificate hashes alone (RFC 7296 2.23, 3.7). */
size_t hash_len(uint16_t hash);
enum err hash_parts(struct crypto *c, uint16_t hash, const struct bytes *parts, size_t n_parts,
		    uint8_t *out);

#endif
