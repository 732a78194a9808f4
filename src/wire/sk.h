/* The Encrypted payload SK (RFC 7296 3.14, RFC 5282) and its fragment SKF (RFC 7383 2.5) on
 * receipt: where IV, ciphertext and ICV lie, and what is left after decryption. No cryptography
 * here. */
#ifndef POSTERN_WIRE_SK_H
#define POSTERN_WIRE_SK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/payload.h"

#define SKF_HEADER_LEN 4 /* Fragment Number and Total Fragments */

/* Offsets are from the start of the message, so that a caller that owns the buffer can decrypt in
 * place; spans say the same. */
struct sk_layout {
	uint8_t first; /* type of the first inner payload; 0 in fragments after the first */
	bool is_fragment;
	uint16_t number; /* Fragment Number and Total Fragments; 1 and 1 for SK */
	uint16_t total;
	/* AEAD: associated data, all before the IV: IKE header, any payloads before SK, SK's
	 * generic header, of SKF the two numbers too (RFC 5282 5.1, RFC 7383 2.5). */
	struct bytes aad;
	/* Others: the ICV covers all octets before it. */
	struct bytes covered;
	struct bytes iv;
	struct bytes ciphertext; /* at least one octet */
	struct bytes icv;
	size_t iv_at;
	size_t ciphertext_at;
	size_t icv_at;
};

/* Splits the SK or SKF payload `sk`, found by payloads_parse() in `message` behind its header. The
 * sizes are those of the negotiated algorithms. ERR_SYNTAX: too short for IV, ICV and a Pad Length;
 * fragment numbers out of order (0, above the total); Next Payload not as RFC 7383 2.5 wants it. */
enum err sk_split(struct sk_layout *out, struct bytes message, const struct payload *sk,
		  size_t iv_len, size_t icv_len, const char **reason);

/* Takes padding and Pad Length off decrypted, authenticated octets. ERR_SYNTAX when there are fewer
 * than Pad Length says. The padding may hold anything (RFC 7296 3.14). */
enum err sk_unpad(struct bytes plaintext, struct bytes *inner, const char **reason);

#endif
