/* Pseudorandom functions and prf+ (RFC 7296 2.13). */
#ifndef POSTERN_CRYPTO_PRF_H
#define POSTERN_CRYPTO_PRF_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/crypto.h"

/* out (d->out_len octets) = prf(key, parts[0] | parts[1] | ...). key is of any length; for a
 * fixed-key PRF other lengths than key_len are folded as its RFC says (RFC 4615 3). */
enum err prf(struct crypto *c, const struct prf_desc *d, struct bytes key,
	     const struct bytes *parts, size_t n_parts, uint8_t *out);

/* out (n octets, n <= 255 * out_len) = prf+(key, parts[0] | parts[1] | ...). */
enum err prf_plus(struct crypto *c, const struct prf_desc *d, struct bytes key,
		  const struct bytes *parts, size_t n_parts, uint8_t *out, size_t n);

#endif
