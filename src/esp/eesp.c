#include "esp/eesp.h"

#include <string.h>

#include "esp/inner.h"

#define MARKER       0x80
#define VERSION_MASK 0x78
#define RESERVED     0x07

#define CRYPT_OFFSET_LEN 2 /* of its data */

unsigned eesp_sub_sas(const struct eesp_terms *t)
{
	if (t->sskdf == 0)
		return 1;
	/* Nothing stated: no limit but ours (draft-ietf-ipsecme-eesp-ikev2 3.5). */
	if (!t->sub_sa.stated || t->sub_sa.most > EESP_SUB_SA_LIMIT)
		return EESP_SUB_SA_LIMIT + 1;
	return t->sub_sa.most + 1U;
}

enum packet_fate eesp_base_read(struct bytes packet, struct eesp_base *out)
{
	struct reader r = reader_of(packet);
	uint8_t first = reader_u8(&r);

	out->opt_len = reader_u8(&r);
	out->session_id = reader_u16(&r);
	out->spi = reader_u32(&r);
	if (!reader_ok(&r))
		return PACKET_TOO_SHORT;
	if (!eesp_has_marker(first))
		return PACKET_BAD_MARKER;
	/* E3 2.2.1: both MUST be checked. */
	if ((first & VERSION_MASK) != 0)
		return PACKET_BAD_VERSION;
	return (first & RESERVED) != 0 ? PACKET_RESERVED_BITS : PACKET_OK;
}

void eesp_base_write(uint8_t *to, const struct eesp_base *base)
{
	struct writer w = writer_of(to, EESP_BASE_LEN);

	writer_u8(&w, MARKER);
	writer_u8(&w, base->opt_len);
	writer_u16(&w, base->session_id);
	writer_u32(&w, base->spi);
}

bool eesp_options_read(struct bytes field, struct eesp_options *out)
{
	struct reader r = reader_of(field);

	*out = (struct eesp_options){0};
	while (reader_left(&r) != 0) {
		uint8_t type = reader_u8(&r);
		struct bytes data;

		if (type == EESP_OPTION_PAD1)
			continue;
		data = reader_take(&r, reader_u8(&r));
		if (!reader_ok(&r))
			return false;
		if (type == EESP_OPTION_CRYPT_OFFSET) {
			if (out->has_crypt_offset || data.n != CRYPT_OFFSET_LEN)
				return false;
			out->has_crypt_offset = true;
			/* The last four bits are reserved and ignored (E3 3.1.2). */
			out->payload_offset = data.p[0] >> 2;
			out->crypt_offset = (uint8_t)((data.p[0] & 3) << 4 | data.p[1] >> 4);
		}
	}
	/* E3 2.2.2.1: options MUST be padded to what comes after them. */
	return field.n % EESP_UNIT == 0;
}

void eesp_pad_write(uint8_t *to)
{
	static const uint8_t pad[EESP_UNIT] = {EESP_OPTION_PADN, 2, 0, 0};

	memcpy(to, pad, sizeof(pad));
}

void eesp_crypt_offset_write(uint8_t *to, uint8_t payload_offset, uint8_t crypt_offset)
{
	to[0] = EESP_OPTION_CRYPT_OFFSET;
	to[1] = CRYPT_OFFSET_LEN;
	to[2] = (uint8_t)(payload_offset << 2 | crypt_offset >> 4);
	to[3] = (uint8_t)(crypt_offset << 4);
}

bool eesp_info_read(struct bytes b, struct eesp_info *out)
{
	struct reader r = reader_of(b);
	uint8_t first = reader_u8(&r);

	reader_u8(&r);
	out->next_header = reader_u8(&r);
	out->pad_len = reader_u8(&r);
	return reader_ok(&r) && first >> 4 == 0;
}

void eesp_info_write(uint8_t *to, const struct eesp_info *info)
{
	to[0] = 0;
	to[1] = 0;
	to[2] = info->next_header;
	to[3] = info->pad_len;
}

/* The length that an IPv4 header gives; 0 when it is none. */
static size_t v4_length(struct bytes plain)
{
	struct reader r = reader_of(plain);
	size_t header = (reader_u8(&r) & 0x0fU) * 4U;
	size_t total;

	reader_u8(&r);
	total = reader_u16(&r);
	return reader_ok(&r) && header >= 20 && header <= total ? total : 0;
}

static size_t v6_length(struct bytes plain)
{
	struct reader r = reader_of(plain);
	size_t payload;
	uint8_t next;

	reader_u32(&r);
	payload = reader_u16(&r);
	next = reader_u8(&r);
	/* A length of 0 before a Hop-by-Hop header may be a jumbogram's (RFC 2675). */
	return reader_ok(&r) && (payload != 0 || next != 0) ? 40 + payload : 0;
}

bool eesp_inner_length(struct bytes plain, uint8_t *next_header, size_t *len)
{
	const unsigned version = plain.n != 0 ? plain.p[0] >> 4 : 0;

	switch (version) {
	case 4:
		*next_header = INNER_IPV4;
		*len = v4_length(plain);
		break;
	case 6:
		*next_header = INNER_IPV6;
		*len = v6_length(plain);
		break;
	default:
		return false;
	}
	return *len != 0 && *len <= plain.n && plain.n - *len <= EESP_PAD_MAX;
}
