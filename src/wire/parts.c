#include "wire/parts.h"

#include "wire/reason.h"

#define CHILD_SPI_LEN 4

/* A value and three reserved octets, which are sent zero and ignored on receipt. */
static void write_u8_reserved3(struct writer *w, uint8_t v)
{
	writer_u8(w, v);
	writer_zero(w, 3);
}

enum err ke_parse(struct bytes body, struct ke_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	out->method = reader_u16(&r);
	(void)reader_u16(&r); /* reserved */
	out->data = reader_rest(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "KE: fewer than 4 octets");
	if (out->data.n == 0)
		return wire_syntax(reason, "KE: no key exchange data");
	return ERR_NONE;
}

void ke_write(struct writer *w, uint16_t method, struct bytes data)
{
	writer_u16(w, method);
	writer_u16(w, 0);
	writer_bytes(w, data);
}

enum err id_parse(struct bytes body, struct id_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	out->type = reader_u8(&r);
	(void)reader_take(&r, 3); /* reserved */
	out->data = reader_rest(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "ID: fewer than 4 octets");
	if (out->type == ID_IPV4_ADDR && out->data.n != 4)
		return wire_syntax(reason, "ID: an IPv4 address of other than 4 octets");
	if (out->type == ID_IPV6_ADDR && out->data.n != 16)
		return wire_syntax(reason, "ID: an IPv6 address of other than 16 octets");
	return ERR_NONE;
}

void id_write(struct writer *w, uint8_t type, struct bytes data)
{
	write_u8_reserved3(w, type);
	writer_bytes(w, data);
}

enum err cert_parse(struct bytes body, struct cert_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	out->encoding = reader_u8(&r);
	out->data = reader_rest(&r);
	if (!reader_ok(&r) || out->data.n == 0)
		return wire_syntax(reason, "CERT: no certificate data");
	return ERR_NONE;
}

void cert_write(struct writer *w, uint8_t encoding, struct bytes data)
{
	writer_u8(w, encoding);
	writer_bytes(w, data);
}

enum err certreq_parse(struct bytes body, struct certreq_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	out->encoding = reader_u8(&r);
	out->data = reader_rest(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "CERTREQ: empty");
	return ERR_NONE;
}

void certreq_write(struct writer *w, uint8_t encoding, struct bytes data)
{
	cert_write(w, encoding, data);
}

size_t certreq_hashes(const struct certreq_part *c)
{
	return c->data.n % CERTREQ_HASH_LEN == 0 ? c->data.n / CERTREQ_HASH_LEN : 0;
}

struct bytes certreq_hash(const struct certreq_part *c, size_t i)
{
	if (i >= certreq_hashes(c))
		return bytes_of(NULL, 0);
	return bytes_of(c->data.p + i * CERTREQ_HASH_LEN, CERTREQ_HASH_LEN);
}

enum err auth_parse(struct bytes body, struct auth_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	out->method = reader_u8(&r);
	(void)reader_take(&r, 3); /* reserved */
	out->data = reader_rest(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "AUTH: fewer than 4 octets");
	return ERR_NONE;
}

void auth_write(struct writer *w, uint8_t method, struct bytes data)
{
	write_u8_reserved3(w, method);
	writer_bytes(w, data);
}

enum err auth_signature_parse(struct bytes data, struct auth_signature *out, const char **reason)
{
	struct reader r = reader_of(data);
	uint8_t len = reader_u8(&r);

	out->algorithm = reader_take(&r, len);
	out->value = reader_rest(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "AUTH: the AlgorithmIdentifier runs over the payload");
	if (out->algorithm.n == 0)
		return wire_syntax(reason, "AUTH: no AlgorithmIdentifier");
	if (out->value.n == 0)
		return wire_syntax(reason, "AUTH: no signature value");
	return ERR_NONE;
}

void auth_signature_write(struct writer *w, struct bytes algorithm, struct bytes value)
{
	if (algorithm.n == 0 || algorithm.n > UINT8_MAX) {
		w->bad = true;
		return;
	}
	write_u8_reserved3(w, AUTH_DIGITAL_SIGNATURE);
	writer_u8(w, (uint8_t)algorithm.n);
	writer_bytes(w, algorithm);
	writer_bytes(w, value);
}

enum err nonce_parse(struct bytes body, struct bytes *out, const char **reason)
{
	/* RFC 7296 3.9: between 16 and 256 octets, inclusive. */
	if (body.n < NONCE_MIN || body.n > NONCE_MAX)
		return wire_syntax(reason, "Nonce: not 16 to 256 octets");
	*out = body;
	return ERR_NONE;
}

void nonce_write(struct writer *w, struct bytes nonce)
{
	if (nonce.n < NONCE_MIN || nonce.n > NONCE_MAX)
		w->bad = true;
	writer_bytes(w, nonce);
}

static bool is_child_protocol(uint8_t protocol)
{
	return protocol == PROTOCOL_AH || protocol == PROTOCOL_ESP || protocol == PROTOCOL_EESP;
}

enum err notify_parse(struct bytes body, struct notify_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	out->protocol = reader_u8(&r);
	uint8_t spi_len = reader_u8(&r);
	out->type = reader_u16(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "Notify: fewer than 4 octets");
	out->spi = reader_take(&r, spi_len);
	if (!reader_ok(&r))
		return wire_syntax(reason, "Notify: the SPI runs over the payload");
	out->data = reader_rest(&r);
	/* RFC 7296 3.10: four octets for AH and ESP, or none where no SA is meant; and for EESP
	 * (draft-ietf-ipsecme-eesp-ikev2 3). */
	if (is_child_protocol(out->protocol) && spi_len != 0 && spi_len != CHILD_SPI_LEN)
		return wire_syntax(reason, "Notify: the SPI of AH or ESP is not 4 octets");
	return ERR_NONE;
}

void notify_write(struct writer *w, uint8_t protocol, struct bytes spi, uint16_t type,
		  struct bytes data)
{
	if (spi.n > UINT8_MAX)
		w->bad = true;
	writer_u8(w, protocol);
	writer_u8(w, (uint8_t)spi.n);
	writer_u16(w, type);
	writer_bytes(w, spi);
	writer_bytes(w, data);
}

uint32_t notify_spi32(const struct notify_part *n)
{
	struct reader r = reader_of(n->spi);
	uint32_t spi = reader_u32(&r);

	return reader_done(&r) ? spi : 0;
}

enum err delete_parse(struct bytes body, struct delete_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	out->protocol = reader_u8(&r);
	out->spi_len = reader_u8(&r);
	out->count = reader_u16(&r);
	out->spis = reader_rest(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "Delete: fewer than 4 octets");
	/* RFC 7296 3.11: 0 for IKE, whose SPIs are in the header, 4 for AH and ESP. */
	if (out->protocol == PROTOCOL_IKE && out->spi_len != 0)
		return wire_syntax(reason, "Delete: an SPI with the IKE SA");
	if (is_child_protocol(out->protocol) && out->spi_len != CHILD_SPI_LEN)
		return wire_syntax(reason, "Delete: the SPIs of AH or ESP are not 4 octets");
	if ((size_t)out->spi_len * out->count != out->spis.n)
		return wire_syntax(reason, "Delete: not as many SPIs as it says");
	return ERR_NONE;
}

uint32_t delete_spi32(const struct delete_part *d, size_t i)
{
	if (d->spi_len != CHILD_SPI_LEN || i >= d->count)
		return 0;
	struct reader r = reader_of(d->spis);

	(void)reader_take(&r, i * CHILD_SPI_LEN);
	return reader_u32(&r);
}

void delete_write_ike(struct writer *w)
{
	writer_u8(w, PROTOCOL_IKE);
	writer_u8(w, 0);
	writer_u16(w, 0);
}

void delete_write_child(struct writer *w, uint8_t protocol, const uint32_t *spis, size_t count)
{
	if (count > UINT16_MAX) {
		w->bad = true;
		return;
	}
	writer_u8(w, protocol);
	writer_u8(w, CHILD_SPI_LEN);
	writer_u16(w, (uint16_t)count);
	for (size_t i = 0; i < count; i++)
		writer_u32(w, spis[i]);
}

bool cp_next(struct reader *r, struct cp_attribute *a)
{
	if (!reader_ok(r) || reader_left(r) == 0)
		return false;
	a->type = reader_u16(r) & 0x7fff; /* RFC 7296 3.15.1: the first bit is reserved */
	uint16_t len = reader_u16(r);

	a->value = reader_take(r, len);
	return reader_ok(r);
}

enum err cp_parse(struct bytes body, struct cp_part *out, const char **reason)
{
	struct reader r = reader_of(body);
	struct cp_attribute a;

	out->type = reader_u8(&r);
	(void)reader_take(&r, 3); /* reserved */
	out->attributes = reader_rest(&r);
	if (!reader_ok(&r))
		return wire_syntax(reason, "CP: fewer than 4 octets");
	r = reader_of(out->attributes);
	while (cp_next(&r, &a))
		;
	if (!reader_done(&r))
		return wire_syntax(reason, "CP: an attribute runs over the payload");
	return ERR_NONE;
}

bool cp_attribute_length_ok(uint16_t type, size_t len)
{
	/* RFC 7296 3.15.1, the table; RFC 5739 and 7651 for their own. */
	switch (type) {
	case CFG_INTERNAL_IP4_ADDRESS:
	case CFG_INTERNAL_IP4_NETMASK:
	case CFG_INTERNAL_IP4_DNS:
	case CFG_INTERNAL_IP4_NBNS:
	case CFG_INTERNAL_IP4_DHCP:
	case CFG_P_CSCF_IP4_ADDRESS:
		return len == 0 || len == 4;
	case CFG_INTERNAL_IP6_ADDRESS:
		return len == 0 || len == 17;
	case CFG_INTERNAL_IP6_DNS:
	case CFG_INTERNAL_IP6_DHCP:
	case CFG_P_CSCF_IP6_ADDRESS:
		return len == 0 || len == 16;
	case CFG_INTERNAL_IP4_SUBNET:
		return len == 0 || len == 8;
	case CFG_SUPPORTED_ATTRIBUTES:
		return len % 2 == 0;
	case CFG_INTERNAL_IP6_SUBNET:
	case CFG_INTERNAL_IP6_PREFIX:
		/* 3.15.1 gives 17 only, but its requests are empty like the others. */
		return len == 0 || len == 17;
	default:
		return true;
	}
}

void cp_write_begin(struct writer *w, uint8_t type)
{
	write_u8_reserved3(w, type);
}

void cp_write_attribute(struct writer *w, uint16_t type, struct bytes value)
{
	if (type > 0x7fff || value.n > UINT16_MAX) {
		w->bad = true;
		return;
	}
	writer_u16(w, type);
	writer_u16(w, (uint16_t)value.n);
	writer_bytes(w, value);
}

enum err eap_parse(struct bytes body, struct eap_part *out, const char **reason)
{
	struct reader r = reader_of(body);

	*out = (struct eap_part){.message = body};
	out->code = reader_u8(&r);
	out->identifier = reader_u8(&r);
	uint16_t len = reader_u16(&r);

	if (!reader_ok(&r))
		return wire_syntax(reason, "EAP: fewer than 4 octets");
	/* RFC 7296 3.16: equal to the payload's length less its generic header. */
	if (len != body.n)
		return wire_syntax(reason, "EAP: its length is not the payload's");
	if (out->code == EAP_REQUEST || out->code == EAP_RESPONSE) {
		out->type = reader_u8(&r);
		if (!reader_ok(&r))
			return wire_syntax(reason, "EAP: a Request or Response without a type");
	} else if (out->code != EAP_SUCCESS && out->code != EAP_FAILURE) {
		return wire_syntax(reason, "EAP: unknown code");
	}
	out->data = reader_rest(&r);
	return ERR_NONE;
}
