/* Key exchange methods behind the shape of a KEM (see struct ke_desc). Every received value is
 * checked before it is used: RFC 6989 2.1 to 2.3 for (EC)DH, RFC 7748 6 and RFC 8031 4 for the
 * all-zero result, FIPS 203 7.2 and 7.3 for ML-KEM; FrodoKEM has no check but the length, Classic
 * McEliece none but the length and unused bits. A ciphertext of a KEM that passes these and is
 * wrong all the same gives another secret and no error, by design: the next message fails its
 * integrity check.
 *
 * Nothing here waits or does I/O. McEliece's keys need about 1.4 MB of stack, everything else less
 * than 256 KB. */
#ifndef POSTERN_CRYPTO_KE_H
#define POSTERN_CRYPTO_KE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/crypto.h"

/* Randomness that decides a key or an encapsulation where the library lets it: Curve25519, Curve448
 * and every KEM; MODP and ECP draw from the library's own generator. The KEMs' own seeds are at its
 * start: d | z of ML-KEM's key, m of its encapsulation, delta of McEliece's key; the rest of what
 * they need is made of all of it. Drawn by the caller, so that a run can be replayed: afresh for
 * every call, from nothing that another key was made of, and erased by the caller
 * (draft-ietf-ipsecme-ikev2-mlkem 4). */
#define KE_SEED_LEN 64

/* The initiator's private half. Erased when it is freed; a KEM's as soon as it has been used. */
struct ke_private;

/* public_value has room for d->init_len octets, which are written in place: 1.3 MB for the largest.
 * *private is the caller's; NULL on error. */
enum err ke_generate(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
		     struct ke_private **private, uint8_t *public_value);
void ke_private_free(struct ke_private *private);
const struct ke_desc *ke_private_desc(const struct ke_private *private);

/* A private half from its value, big-endian for MODP and ECP, as RFC 7748 has it for Curve25519 and
 * Curve448, the seed d | z or the decapsulation key for ML-KEM, as the specifications encode it for
 * the others: for published check values. ERR_CRYPTO or ERR_SYNTAX when it is no private value. */
enum err ke_import(const struct ke_desc *d, struct bytes value, struct ke_private **private);

/* The responder: answer has d->resp_len octets, secret d->secret_len. ERR_CRYPTO when peer_value is
 * not a valid one, ERR_SYNTAX when its length is wrong; secret is erased then. */
enum err ke_respond(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
		    struct bytes peer_value, uint8_t *answer, uint8_t *secret);

/* The initiator again; errors as ke_respond(). For a KEM the private half is erased, whatever the
 * result, unless the length of the answer was wrong: another call is ERR_STATE. */
enum err ke_finish(struct ke_private *private, struct bytes answer, uint8_t *secret);

#endif
