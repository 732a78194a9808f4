/* What an AUTH payload signs: InitiatorSignedOctets and ResponderSignedOctets (RFC 7296 2.15). */
#ifndef POSTERN_IKE_AUTH_OCTETS_H
#define POSTERN_IKE_AUTH_OCTETS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "crypto/prf.h"

/* All borrowed. For the octets that the initiator signs: its first message, the responder's nonce,
 * SK_pi, and the body of IDi; for the responder's, the other way round. */
struct auth_octets_of {
	struct bytes message; /* RealMessage1 or 2, from the first octet of SPIi, no marker */
	/* The other one of the two, which the signing side received: with downgrade prevention
	 * (draft-ietf-ipsecme-ikev2-downgrade-prevention); empty without. */
	struct bytes received;
	struct bytes nonce; /* NonceRData or NonceIData: of the other side */
	const struct prf_desc *prf;
	struct bytes sk_p;    /* of the side that signs */
	struct bytes id_body; /* ID payload after the generic header, reserved octets as sent */
	struct bytes
	    int_auth; /* IntAuth of RFC 9242 3.3.2; empty when there was no such exchange */
};

/* Allocates *octets: [8 zero octets | received |] message | nonce | prf(SK_p, ID body) [| IntAuth].
 * Free with mem_free(). A message begins with SPIi, which is never zero, so that octets of one kind
 * are never those of the other. */
enum err auth_octets(struct crypto *c, const struct auth_octets_of *of, uint8_t **octets,
		     size_t *len);

#endif
