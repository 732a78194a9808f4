/* Stateless cookies against floods of IKE_SA_INIT requests (RFC 7296 2.6): a version octet, then
 * HMAC-SHA-256 under a secret that only we have over SPIi, the peer's address and Ni. The port is
 * left out, as in the RFC's own proposal: a NAT may give another one to the second try. */
#ifndef POSTERN_IKE_COOKIE_H
#define POSTERN_IKE_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"

#define COOKIE_LEN        33 /* RFC 7296 2.6 allows 1..64 */
#define COOKIE_SECRET_LEN 32
/* A cookie is good for one to two of these. */
#define COOKIE_SECRET_LIFE (60 * UINT64_C(1000000))

/* Two secrets: the one that makes cookies, and the one before it, which still checks them. */
struct cookie_jar {
	uint8_t secret[2][COOKIE_SECRET_LEN];
	uint8_t version; /* of the secret in use, which is secret[version & 1] */
	bool has_old;
	uint64_t turn_at;
};

void cookie_jar_init(struct cookie_jar *jar, const struct random_source *random, uint64_t now);
/* Takes a new secret when the time has come; to be called before the jar is used. After two lives
 * without use no old secret is left. */
void cookie_jar_turn(struct cookie_jar *jar, const struct random_source *random, uint64_t now);
void cookie_jar_erase(struct cookie_jar *jar);

enum err cookie_make(const struct cookie_jar *jar, struct crypto *c, struct bytes nonce_i,
		     const struct addr *peer, uint64_t spi_i, uint8_t out[COOKIE_LEN]);
/* False for any other length, an unknown version, or octets that we did not make for this peer. */
bool cookie_check(const struct cookie_jar *jar, struct crypto *c, struct bytes nonce_i,
		  const struct addr *peer, uint64_t spi_i, struct bytes cookie);

#endif
