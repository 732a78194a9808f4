/* Choosing from a Security Association payload as responder, and checking the answer as initiator
 * (RFC 7296 2.7, 3.3, 3.3.6). Nothing here has state, and work is linear in the payload's octets,
 * whatever is in them.
 *
 * Whose preference: ours. Proposals are tried in the order of our configuration, and within one
 * each transform type takes our first alternative that the peer offers too; the peer's order only
 * decides between proposals of its own that fit equally. So the administrator of either end can
 * make a suite come first by naming it first, and an initiator that lists weak proposals first does
 * not get them. One exception: among the key exchange methods that both accept within that
 * proposal, the one whose KE payload the peer has sent already wins, because it saves a round trip
 * and our configuration calls it acceptable. */
#ifndef POSTERN_IKE_SELECT_H
#define POSTERN_IKE_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "ike/suite.h"

#define IKE_EXPLAIN_MAX 1000

/* What the SA payload is in. */
struct ike_terms {
	uint8_t protocol;   /* PROTOCOL_IKE, or PROTOCOL_ESP for ESP and EESP: what we offer says */
	size_t ike_spi_len; /* of IKE proposals: 0 in IKE_SA_INIT, 8 in a rekey */
	bool with_ke;       /* false in IKE_AUTH: KE transforms play no part (RFC 7296 1.2) */
	uint16_t ke_sent;   /* method of the initiator's KE payload; KE_NONE: there is none */
	/* Additional key exchanges are known transform types: in IKE_SA_INIT when both support
	 * IKE_INTERMEDIATE, else a proposal that has any is passed over (RFC 9370 2.2.1); always in
	 * CREATE_CHILD_SA, which needs no IKE_INTERMEDIATE (2.2.4, 2.2.5). */
	bool with_addke;
	/* Big payloads and fragmentation were agreed: Classic McEliece may be chosen
	 * (draft-smyslov-ipsecme-ikev2-mceliece 3). */
	bool with_big;
};

/* A value without pointers into the payload. */
struct ike_choice {
	struct ike_suite suite;
	uint8_t protocol;
	uint8_t number; /* of the chosen proposal */
	uint8_t spi_len;
	uint8_t spi[8];      /* the peer's, as received */
	uint32_t none_types; /* bits 1 << TRANSFORM_*: answered with a transform NONE */
	/* suite.ke is not the method that the initiator sent: the answer is INVALID_KE_PAYLOAD with
	 * suite.ke->id (RFC 7296 1.2, 1.3), and nothing else of this may be used. */
	bool ke_other;
};

/* Responder. ERR_NOT_FOUND: nothing fits, answer NO_PROPOSAL_CHOSEN. ERR_SYNTAX: the payload breaks
 * its format. *reason is constant text and is set on any error. */
enum err ike_select(const struct ike_suites *ours, const struct ike_terms *terms, struct bytes body,
		    struct ike_choice *out, const char **reason);
/* Writes the answer's SA payload body with our SPI. */
void ike_choice_write(struct writer *w, const struct ike_choice *choice, struct bytes spi);

/* Initiator: the answer must be exactly one proposal, with a number and transforms that we offered,
 * one of each type, attributes equal (RFC 7296 2.7, 3.3.6), and with the method of the KE payload
 * that we sent, or NONE where we offered that. ERR_AUTH: it is not; the exchange has failed.
 * ERR_SYNTAX: it breaks its format. */
enum err ike_check_answer(const struct ike_suites *ours, const struct ike_terms *terms,
			  struct bytes body, struct ike_choice *out, const char **reason);

/* The sentence for a person after ERR_NOT_FOUND: what was offered, what we accept, and the first
 * difference of the pair of proposals that came furthest. Where cap is short, the two lists are cut
 * before the difference is. Returns buf. */
const char *ike_explain_mismatch(const struct ike_suites *ours, const struct ike_terms *terms,
				 struct bytes body, char *buf, size_t cap);
/* The same on the other side, where NO_PROPOSAL_CHOSEN came back: what we had offered. */
const char *ike_explain_refusal(const struct ike_suites *ours, bool with_ke, char *buf, size_t cap);

#endif
