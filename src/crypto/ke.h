/* Key exchange methods behind the shape of a KEM (see struct ke_desc). Every received value is
 * checked before it is used: RFC 6989 2.1 to 2.3 for (EC)DH, RFC 7748 6 and RFC 8031 4 for the
 * all-zero result, FIPS 203 7.2 and 7.3 for ML-KEM. */
#ifndef POSTERN_CRYPTO_KE_H
#define POSTERN_CRYPTO_KE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/crypto.h"

/* Randomness that decides a key where the library lets it (Curve25519, Curve448, ML-KEM); other
 * methods draw from the library's own generator. Drawn by the caller so that a run can be replayed.
 */
#define KE_SEED_LEN 64

/* The initiator's private half. */
struct ke_private;

/* public_value has d->init_len octets. *private is the caller's. */
enum err ke_generate(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
		     struct ke_private **private, uint8_t *public_value);
void ke_private_free(struct ke_private *private);

/* A private half from its value, big-endian for MODP and ECP, as RFC 7748 has it for Curve25519 and
 * Curve448: for the check values that RFCs print. ERR_CRYPTO when it is no private value. */
enum err ke_import(const struct ke_desc *d, struct bytes value, struct ke_private **private);

/* The responder: answer has d->resp_len octets, secret d->secret_len. ERR_CRYPTO when peer_value is
 * not a valid one, ERR_SYNTAX when its length is wrong. */
enum err ke_respond(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
		    struct bytes peer_value, uint8_t *answer, uint8_t *secret);

/* The initiator again; private may be used once more only for a method that is no KEM. */
enum err ke_finish(struct ke_private *private, struct bytes answer, uint8_t *secret);

#endif
