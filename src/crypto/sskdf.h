/* Keys of EESP's Sub SAs from an SA's root key (draft-ietf-ipsecme-eesp 5,
 * draft-ietf-ipsecme-eesp-ikev2 3.1.1). */
#ifndef POSTERN_CRYPTO_SSKDF_H
#define POSTERN_CRYPTO_SSKDF_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"

/* One root key, ready to derive from; owned by the caller. */
struct sskdf;

/* root has d->root_len octets and is copied. NULL: out of memory, or the library refuses. */
struct sskdf *sskdf_new(const struct sskdf_desc *d, struct bytes root);
void sskdf_free(struct sskdf *s);
/* out (n octets) = HKDF-Expand(root, Session ID as two octets, n). */
enum err sskdf_derive(struct sskdf *s, uint16_t session_id, uint8_t *out, size_t n);

#endif
