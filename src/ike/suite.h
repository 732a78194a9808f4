/* What is offered and what was chosen: proposals as the configuration lists them, and the one
 * combination that a negotiation ends with (RFC 7296 2.7, 3.3). */
#ifndef POSTERN_IKE_SUITE_H
#define POSTERN_IKE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/algorithm.h"
#include "crypto/protect.h"

#define IKE_PROPOSALS_WRITTEN_MAX 8  /* of the configuration's text */
#define IKE_PROPOSALS_MAX         24 /* and what is made of them for EESP */
#define IKE_TRANSFORMS_MAX        24
#define IKE_ADDKE_MAX             7 /* RFC 9370 2.2.1 */
#define IKE_SUITE_TEXT_MAX        256

/* type is a TRANSFORM_* number; key_bits is 0 for one without the attribute. */
struct ike_transform {
	uint8_t type;
	uint16_t id;
	uint16_t key_bits;
};

/* One proposal: for each type, alternatives in order of preference. An absent type, or a transform
 * with id 0 (NONE) among KE or INTEG, means that none is acceptable. */
struct ike_proposal {
	uint8_t protocol; /* PROTOCOL_IKE, PROTOCOL_ESP or PROTOCOL_EESP */
	uint8_t n;
	struct ike_transform transforms[IKE_TRANSFORMS_MAX];
};

struct ike_suites {
	uint8_t n;
	struct ike_proposal proposals[IKE_PROPOSALS_MAX];
};

/* A chosen combination. Unused descriptors are NULL: prf in ESP, integ with an AEAD, ke without
 * PFS. */
struct ike_suite {
	struct protect_suite protect;
	const struct prf_desc *prf;
	const struct ke_desc *ke;
	/* Methods of ADDKE1 to ADDKE7, KE_NONE where there is none: gaps are allowed (RFC
	 * 9370 2.2.1). */
	uint16_t addke[IKE_ADDKE_MAX];
	bool esn;       /* 64-bit sequence numbers: ESP sends half of them, EESP all or none */
	bool eesp;      /* EESPv0, else ESP or IKE */
	uint16_t sskdf; /* EESP: SSKDF_NONE or how keys of Sub SAs are made */
};

/* Whether EESP is offered beside ESP, and taken (draft-ietf-ipsecme-eesp-ikev2 3). */
enum ike_eesp { IKE_EESP_NO, IKE_EESP_PREFER, IKE_EESP_REQUIRE };

/* Parses the configuration's words: "aes256gcm-prfsha384-x25519, aes128gcm-prfsha256-ecp256" or a
 * named suite ("modern", "cnsa2", "compat"), for protocol PROTOCOL_IKE or PROTOCOL_ESP. Within one
 * proposal several words of one kind are alternatives. "x25519+mlkem768+frodo976shake" is a key
 * exchange with two additional ones, in this order (RFC 9370); of several such chains in one
 * proposal each place has its alternatives, and a place that a shorter chain lacks may be left out.
 * On failure *word is the offending word (in text, n octets) and *reason a static sentence that
 * says what was expected. */
enum err ike_suites_parse(struct ike_suites *out, uint8_t protocol, const char *text,
			  struct bytes *word, const char **reason);
/* Puts proposals of EESP before those of ESP that are there, one for each with AEADs; with Sub SAs
 * two, since whoever does not know SSKDF must refuse a proposal that has it. IKE_EESP_REQUIRE takes
 * those of ESP away. False: no proposal has an AEAD; nothing
 * was changed. */
bool ike_suites_add_eesp(struct ike_suites *s, enum ike_eesp policy, bool sub_sas);
/* Some proposal has an SSKDF. */
bool ike_suites_have_sskdf(const struct ike_suites *s);
/* What is offered when the configuration names nothing (RFC 8247, short on purpose). */
void ike_suites_default(struct ike_suites *out, uint8_t protocol);
/* The SN_* number that says this suite's protocol and esn. */
uint16_t ike_suite_numbers(const struct ike_suite *s);
/* The suite's next additional key exchange from place i on (0 to IKE_ADDKE_MAX): its descriptor,
 * with the place after it in *next; NULL when there is none. */
const struct ke_desc *ike_suite_addke(const struct ike_suite *s, unsigned i, unsigned *next);
/* Some proposal has an additional key exchange. */
bool ike_suites_have_addke(const struct ike_suites *s);
/* One of the proposals has every algorithm of this suite: a connection that is found later than the
 * suite was chosen must not take less than it asks for (negative test N12). */
bool ike_suites_allow(const struct ike_suites *ours, const struct ike_suite *suite);
/* "aes256gcm-prfsha384-x25519", with "/" between alternatives. Return buf. */
const char *ike_proposal_format(const struct ike_proposal *p, char buf[IKE_SUITE_TEXT_MAX]);
const char *ike_suite_format(const struct ike_suite *s, char buf[IKE_SUITE_TEXT_MAX]);

#endif
