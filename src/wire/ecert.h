/* The payload ECERT on receipt: certificates that only the holder of one private key can read
 * (draft-wang-ipsecme-kem-auth-ikev2). Where its pieces lie; no cryptography here. The layout is
 * our own choice: after the generic header one octet of Certificate Encoding, then as in the
 * Encrypted payload (RFC 7296 3.14) IV, ciphertext and ICV. */
#ifndef POSTERN_WIRE_ECERT_H
#define POSTERN_WIRE_ECERT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/payload.h"

/* Offsets are from the generic header on, so that a copy can be decrypted in place. */
struct ecert_layout {
	uint8_t encoding;
	struct bytes aad; /* generic header and encoding: authenticated, not encrypted */
	struct bytes iv;
	struct bytes ciphertext; /* at least one octet */
	struct bytes icv;
	size_t ciphertext_at;
	size_t icv_at;
};

/* octets: the whole payload, generic header and all. ERR_SYNTAX: too short for IV, Pad Length and
 * ICV, whose sizes are those of the IKE SA's algorithms. */
enum err ecert_split(struct ecert_layout *out, struct bytes octets, size_t iv_len, size_t icv_len,
		     const char **reason);

#endif
