#include "wire/header.h"

#include "wire/reason.h"

enum err header_parse(struct ike_header *h, struct bytes datagram, const char **reason)
{
	struct reader r = reader_of(datagram);

	h->spi_i = reader_u64(&r);
	h->spi_r = reader_u64(&r);
	h->next_payload = reader_u8(&r);
	h->version = reader_u8(&r);
	h->exchange = reader_u8(&r);
	h->flags = reader_u8(&r);
	h->message_id = reader_u32(&r);
	h->length = reader_u32(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "IKE header: fewer than 28 octets");
	/* Before anything whose meaning another version may change. A minor version is ignored:
	 * RFC 7296 2.5, 3.1. */
	if (header_major(h) != 2)
		return wire_fail(ERR_UNSUPPORTED, reason, "IKE header: major version is not 2");
	if (h->length != datagram.n)
		return wire_syntax(reason, "IKE header: Length is not the datagram's");
	/* RFC 7296 3.1: MUST NOT be zero; 1.5 excepts a one-way notification of INVALID_SPI. */
	if (h->spi_i == 0 && (h->exchange != EXCHANGE_INFORMATIONAL || header_is_response(h)))
		return wire_syntax(reason, "IKE header: initiator SPI is zero");
	return ERR_NONE;
}

void header_write(struct writer *w, const struct ike_header *h)
{
	const unsigned known = HEADER_INITIATOR | HEADER_VERSION | HEADER_RESPONSE;

	writer_u64(w, h->spi_i);
	writer_u64(w, h->spi_r);
	writer_u8(w, h->next_payload);
	writer_u8(w, IKE_VERSION);
	writer_u8(w, h->exchange);
	writer_u8(w, (uint8_t)(h->flags & known)); /* RFC 7296 3.1: reserved bits MUST be zero */
	writer_u32(w, h->message_id);
	writer_u32(w, h->length);
}
