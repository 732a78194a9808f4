/* The payload ECERT with its cryptography (draft-wang-ipsecme-kem-auth-ikev2; keys, associated data
 * and layout are our own choice). IV, padding and ICV are those of the Encrypted payload (RFC
 * 7296 3.14, RFC 5282), the algorithms those of the IKE SA. */
#ifndef POSTERN_IKE_EXT_KEM_AUTH_ECERT_H
#define POSTERN_IKE_EXT_KEM_AUTH_ECERT_H

#include "crypto/protect.h"
#include "wire/message.h"
#include "wire/payload.h"

/* Writes data, of this Certificate Encoding, as a payload of m. It must be the last one, for its
 * Next Payload is authenticated. The keys serve for this one message: the IV of a counter is 0. */
enum err ka_ecert_write(struct crypto *c, const struct protect_suite *suite,
			const struct protect_keys *keys, const struct random_source *random,
			uint8_t encoding, struct bytes data, struct message *m);

/* A received one, decrypted. */
struct ka_ecert {
	uint8_t *octets; /* owned: a copy of the payload */
	size_t len;
	uint8_t encoding;
	struct bytes data; /* in octets */
};

/* inner: the payloads among which p was found. ERR_SYNTAX: its structure is broken; ERR_AUTH: it
 * does not decrypt. On success *out is to be given to ka_ecert_free(). */
enum err ka_ecert_open(struct crypto *c, const struct protect_suite *suite,
		       const struct protect_keys *keys, struct bytes inner, const struct payload *p,
		       struct ka_ecert *out, const char **reason);
void ka_ecert_free(struct ka_ecert *e);
/* What of that needs no key: false, and why. */
bool ka_ecert_fits(const struct protect_suite *suite, struct bytes inner, const struct payload *p,
		   const char **reason);

#endif
