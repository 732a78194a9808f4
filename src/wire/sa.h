/* The Security Association payload: proposals of transforms (RFC 7296 3.3). Read in place by
 * iterators, without allocation; work is linear in the octets, whatever is in them. */
#ifndef POSTERN_WIRE_SA_H
#define POSTERN_WIRE_SA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ikev2_numbers.h"

/* One proposal; spans borrow the payload. */
struct sa_proposal {
	uint8_t number;
	uint8_t protocol;
	uint8_t n_transforms; /* may be 0: such a proposal cannot be chosen */
	struct bytes spi;
	struct bytes transforms; /* for sa_transforms() */
};

struct sa_transform {
	uint8_t type;
	uint16_t id;
	bool has_key_bits;
	uint16_t key_bits; /* Key Length attribute, in bits; 0 without one */
	/* An attribute that we do not know, a repeated one, or a Key Length in the long form: the
	 * transform must not be chosen, the others of the proposal may (RFC 7296 3.3.6). */
	bool unusable;
};

/* What the SA payload is in. */
struct sa_context {
	bool response;      /* exactly one proposal, of any number but 0 (RFC 7296 3.3.1) */
	size_t ike_spi_len; /* SPI size of IKE proposals: 0 in IKE_SA_INIT, 8 in a rekey */
};

/* Checks the body of an SA payload wholly: at least one proposal; the first is number 1 and each
 * further one is one more; lengths exact; Last Substruc markers right; as many transforms as are
 * announced; attributes within their transform; SPI sizes 0 or 8 for IKE by context, 4 for AH, ESP
 * and EESP; no zero IKE SPI in a rekey and no SPI below 256 for the others (RFC 4303 2.1).
 * Proposals of protocols that we do not know are checked for form only. ERR_SYNTAX otherwise. */
enum err sa_check(struct bytes body, const struct sa_context *c, const char **reason);

/* Walks a body that sa_check() found good:
 *	struct reader pr = sa_proposals(body);
 *	while (sa_proposal_next(&pr, &p)) {
 *		struct reader tr = sa_transforms(&p);
 *		while (sa_transform_next(&tr, &t))
 * A body that was not checked is safe too: the walk ends at the first fault, and the reader is bad.
 */
struct reader sa_proposals(struct bytes body);
bool sa_proposal_next(struct reader *r, struct sa_proposal *p);
struct reader sa_transforms(const struct sa_proposal *p);
bool sa_transform_next(struct reader *r, struct sa_transform *t);

/* Writes the body of an SA payload. Counts, lengths and markers are patched as it goes. */
struct sa_writer {
	struct writer *w;
	size_t proposal_at;  /* offset of the proposal under way */
	size_t transform_at; /* offset of its last transform */
	unsigned n_transforms;
	bool in_proposal;
};

struct sa_writer sa_write_begin(struct writer *w);
void sa_write_proposal(struct sa_writer *s, uint8_t number, uint8_t protocol, struct bytes spi);
/* key_bits 0: no Key Length attribute. More than 255 transforms make the writer bad. */
void sa_write_transform(struct sa_writer *s, uint8_t type, uint16_t id, uint16_t key_bits);
void sa_write_end(struct sa_writer *s);

#endif
