/* Authenticated encryption of one message or packet, whatever the cipher: AEAD, or a cipher with a
 * separate integrity algorithm as encrypt-then-MAC (RFC 7296 3.14, RFC 5282, RFC 4303). The text is
 * changed in place. */
#ifndef POSTERN_CRYPTO_PROTECT_H
#define POSTERN_CRYPTO_PROTECT_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/crypto.h"

/* Which algorithms, and nothing secret. integ is NULL with an AEAD (RFC 7296 3.3.3). */
struct protect_suite {
	const struct encr_desc *encr;
	uint16_t key_bits;
	const struct integ_desc *integ;
};

/* Octets of ICV at the end of each packet. */
size_t protect_icv_len(const struct protect_suite *s);

/* One direction's keys; borrowed for the call. encr is key followed by salt, encr_keymat_len()
 * octets; integ is integ->key_len octets or empty. */
struct protect_keys {
	struct bytes encr;
	struct bytes integ;
};

/* What is protected:
 *
 *   aad   authenticated before the text: for an AEAD the associated data; else the octets that
 *         stand before the IV in what the MAC covers (RFC 7296 3.14, RFC 4303 2.8)
 *   iv    encr_nonce_iv_len() octets, as sent or implicit. For CBC it must be unpredictable, for
 * AEAD and CTR unique under the key: the caller's business tail  authenticated after the text, not
 * sent (the high half of an ESN, RFC 4303 2.2.1); empty for an AEAD, where it belongs in the aad
 *   text  encrypted or decrypted in place; for CBC a multiple of the block; may be empty
 *   icv   protect_icv_len() octets
 *
 * Lengths that the suite does not take are ERR_RANGE, a suite that is not whole (a cipher without
 * integrity, an AEAD with it) ERR_UNSUPPORTED. */
struct protect_unit {
	struct bytes aad;
	struct bytes iv;
	struct bytes tail;
	uint8_t *text;
	size_t text_len;
	uint8_t *icv;
};

/* For the engine: keys are set up for this call alone, so that a resting SA holds raw keys and no
 * library context. */
enum err protect_seal(struct crypto *c, const struct protect_suite *s,
		      const struct protect_keys *keys, const struct protect_unit *u);
/* ERR_AUTH when the ICV does not hold; the text is then undefined and must not be looked at. */
enum err protect_open(struct crypto *c, const struct protect_suite *s,
		      const struct protect_keys *keys, const struct protect_unit *u);

/* For the packet path without a faster library: one keyed context for one direction, owned by the
 * caller. */
struct protect_context;
struct protect_context *protect_context_new(const struct protect_suite *s,
					    const struct protect_keys *keys);
void protect_context_free(struct protect_context *p);
enum err protect_context_seal(struct protect_context *p, const struct protect_unit *u);
enum err protect_context_open(struct protect_context *p, const struct protect_unit *u);

#endif
