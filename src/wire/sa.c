#include "wire/sa.h"

#include "wire/header.h"
#include "wire/reason.h"

#define PROPOSAL_HEADER_LEN  8
#define TRANSFORM_HEADER_LEN 8
#define MORE_PROPOSALS       2 /* RFC 7296 3.3.1 Last Substruc */
#define MORE_TRANSFORMS      3 /* RFC 7296 3.3.2 Last Substruc */
#define ATTRIBUTE_TV         0x8000
#define CHILD_SPI_LEN        4
#define CHILD_SPI_MIN        256 /* RFC 4303 2.1: 0 is local, 1..255 are reserved */

/* A transform's attributes (RFC 7296 3.3.5): fills in t. ERR_SYNTAX: one runs over the end. */
static enum err take_attributes(struct reader *r, struct sa_transform *t, const char **reason)
{
	while (reader_left(r) > 0) {
		uint16_t type = reader_u16(r);
		uint16_t value = reader_u16(r);

		if ((type & ATTRIBUTE_TV) == 0)
			(void)reader_take(r, value);
		if (!reader_ok(r))
			return wire_syntax(reason, "SA: an attribute runs over its transform");
		/* RFC 7296 3.3.5: Key Length is TV only, and no attribute type comes twice; 3.3.6:
		 * what is not understood makes the transform unacceptable. */
		if (type != (ATTRIBUTE_TV | TRANSFORM_ATTRIBUTE_KEY_LENGTH) || t->has_key_bits) {
			t->unusable = true;
			continue;
		}
		t->has_key_bits = true;
		t->key_bits = value;
	}
	return ERR_NONE;
}

static enum err take_transform(struct reader *r, struct sa_transform *t, const char **reason)
{
	uint8_t last = reader_u8(r);
	(void)reader_u8(r); /* reserved */
	uint16_t len = reader_u16(r);

	*t = (struct sa_transform){.type = reader_u8(r)};
	(void)reader_u8(r); /* reserved */
	t->id = reader_u16(r);
	if (!reader_ok(r))
		return wire_syntax(reason, "SA: a transform's header is cut off");
	if (len < TRANSFORM_HEADER_LEN)
		return wire_syntax(reason, "SA: a transform's length is below 8");

	struct reader attributes = reader_of(reader_take(r, len - (size_t)TRANSFORM_HEADER_LEN));
	if (!reader_ok(r))
		return wire_syntax(reason, "SA: a transform runs over its proposal");
	if (last != (reader_left(r) > 0 ? MORE_TRANSFORMS : 0))
		return wire_syntax(reason, "SA: a transform's Last Substruc marker is wrong");
	return take_attributes(&attributes, t, reason);
}

static enum err take_proposal(struct reader *r, struct sa_proposal *p, const char **reason)
{
	uint8_t last = reader_u8(r);
	(void)reader_u8(r); /* reserved */
	uint16_t len = reader_u16(r);

	p->number = reader_u8(r);
	p->protocol = reader_u8(r);
	uint8_t spi_len = reader_u8(r);
	p->n_transforms = reader_u8(r);
	if (!reader_ok(r))
		return wire_syntax(reason, "SA: a proposal's header is cut off");
	if (len < PROPOSAL_HEADER_LEN)
		return wire_syntax(reason, "SA: a proposal's length is below 8");

	struct reader body = reader_of(reader_take(r, len - (size_t)PROPOSAL_HEADER_LEN));
	if (!reader_ok(r))
		return wire_syntax(reason, "SA: a proposal runs over the payload");
	if (last != (reader_left(r) > 0 ? MORE_PROPOSALS : 0))
		return wire_syntax(reason, "SA: a proposal's Last Substruc marker is wrong");
	p->spi = reader_take(&body, spi_len);
	if (!reader_ok(&body))
		return wire_syntax(reason, "SA: an SPI runs over its proposal");
	p->transforms = reader_rest(&body);
	return ERR_NONE;
}

struct reader sa_proposals(struct bytes body)
{
	return reader_of(body);
}

bool sa_proposal_next(struct reader *r, struct sa_proposal *p)
{
	if (!reader_ok(r) || reader_left(r) == 0)
		return false;
	if (take_proposal(r, p, NULL) == ERR_NONE)
		return true;
	reader_fail(r);
	return false;
}

struct reader sa_transforms(const struct sa_proposal *p)
{
	return reader_of(p->transforms);
}

bool sa_transform_next(struct reader *r, struct sa_transform *t)
{
	if (!reader_ok(r) || reader_left(r) == 0)
		return false;
	if (take_transform(r, t, NULL) == ERR_NONE)
		return true;
	reader_fail(r);
	return false;
}

static enum err check_spi(const struct sa_proposal *p, const struct sa_context *c,
			  const char **reason)
{
	struct reader r = reader_of(p->spi);

	switch (p->protocol) {
	case PROTOCOL_IKE:
		/* RFC 7296 3.3.1: zero in the initial negotiation, 8 in a rekey. */
		if (p->spi.n != c->ike_spi_len)
			return wire_syntax(reason, "SA: wrong SPI size in an IKE proposal");
		if (p->spi.n == IKE_SPI_LEN && reader_u64(&r) == 0)
			return wire_syntax(reason, "SA: the SPI of an IKE proposal is zero");
		break;
	case PROTOCOL_AH:
	case PROTOCOL_ESP:
	case PROTOCOL_EESP:
		if (p->spi.n != CHILD_SPI_LEN)
			return wire_syntax(reason,
					   "SA: the SPI of a Child SA proposal is not 4 octets");
		if (reader_u32(&r) < CHILD_SPI_MIN)
			return wire_syntax(reason,
					   "SA: the SPI of a Child SA proposal is below 256");
		break;
	default: /* one that we do not know will not be chosen */
		break;
	}
	return ERR_NONE;
}

static enum err check_transforms(const struct sa_proposal *p, const char **reason)
{
	struct reader r = sa_transforms(p);
	struct sa_transform t;
	unsigned n = 0;

	while (reader_left(&r) > 0) {
		enum err e = take_transform(&r, &t, reason);

		if (e != ERR_NONE)
			return e;
		n++;
	}
	if (n != p->n_transforms)
		return wire_syntax(reason, "SA: not as many transforms as the proposal says");
	return ERR_NONE;
}

enum err sa_check(struct bytes body, const struct sa_context *c, const char **reason)
{
	struct reader r = reader_of(body);
	unsigned number = 0; /* of the proposal before */

	if (body.n == 0)
		return wire_syntax(reason, "SA: no proposal");
	while (reader_left(&r) > 0) {
		struct sa_proposal p;
		enum err e = take_proposal(&r, &p, reason);

		if (e == ERR_NONE)
			e = check_spi(&p, c, reason);
		if (e == ERR_NONE)
			e = check_transforms(&p, reason);
		if (e != ERR_NONE)
			return e;
		/* RFC 7296 3.3.1: 1, 2, 3... in an offer; the number of the one accepted, alone, in
		 * an answer. */
		if (c->response ? p.number == 0 : p.number != number + 1)
			return wire_syntax(reason, "SA: a proposal's number is out of order");
		if (c->response && number != 0)
			return wire_syntax(reason, "SA: more than one proposal in an answer");
		number = p.number;
	}
	return ERR_NONE;
}

struct sa_writer sa_write_begin(struct writer *w)
{
	return (struct sa_writer){.w = w};
}

static void end_proposal(struct sa_writer *s)
{
	if (!s->in_proposal)
		return;
	writer_patch_u16(s->w, s->proposal_at + 2, s->w->n - s->proposal_at);
	writer_patch_u8(s->w, s->proposal_at + 7, (uint8_t)s->n_transforms);
	s->in_proposal = false;
}

void sa_write_proposal(struct sa_writer *s, uint8_t number, uint8_t protocol, struct bytes spi)
{
	if (s->in_proposal) {
		end_proposal(s);
		writer_patch_u8(s->w, s->proposal_at, MORE_PROPOSALS);
	}
	s->proposal_at = s->w->n;
	s->n_transforms = 0;
	s->in_proposal = true;
	writer_u8(s->w, 0);
	writer_u8(s->w, 0);
	writer_u16(s->w, 0); /* length, later */
	writer_u8(s->w, number);
	writer_u8(s->w, protocol);
	if (spi.n > UINT8_MAX)
		s->w->bad = true;
	writer_u8(s->w, (uint8_t)spi.n);
	writer_u8(s->w, 0); /* number of transforms, later */
	writer_bytes(s->w, spi);
}

void sa_write_transform(struct sa_writer *s, uint8_t type, uint16_t id, uint16_t key_bits)
{
	if (!s->in_proposal || s->n_transforms == UINT8_MAX) {
		s->w->bad = true;
		return;
	}
	if (s->n_transforms > 0)
		writer_patch_u8(s->w, s->transform_at, MORE_TRANSFORMS);
	s->n_transforms++;
	s->transform_at = s->w->n;
	writer_u8(s->w, 0);
	writer_u8(s->w, 0);
	writer_u16(s->w, key_bits != 0 ? TRANSFORM_HEADER_LEN + 4 : TRANSFORM_HEADER_LEN);
	writer_u8(s->w, type);
	writer_u8(s->w, 0);
	writer_u16(s->w, id);
	if (key_bits != 0) {
		writer_u16(s->w, ATTRIBUTE_TV | TRANSFORM_ATTRIBUTE_KEY_LENGTH);
		writer_u16(s->w, key_bits);
	}
}

void sa_write_end(struct sa_writer *s)
{
	end_proposal(s);
}
