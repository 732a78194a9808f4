#include "ike/natd.h"

#include "base/ikev2_numbers.h"

enum err natd_hash(struct crypto *c, uint64_t spi_i, uint64_t spi_r, const struct endpoint *e,
		   uint8_t out[NATD_LEN])
{
	uint8_t spis[16], port[2];
	struct writer w = writer_of(spis, sizeof(spis)), p = writer_of(port, sizeof(port));

	if (addr_is_none(&e->addr))
		return ERR_RANGE;
	writer_u64(&w, spi_i);
	writer_u64(&w, spi_r);
	writer_u16(&p, e->port);

	const struct bytes parts[] = {bytes_of(spis, sizeof(spis)), addr_bytes(&e->addr),
				      bytes_of(port, sizeof(port))};

	return hash_parts(c, HASH_SHA1, parts, 3, out);
}

enum err natd_expect(struct natd *n, struct crypto *c, uint64_t spi_i, uint64_t spi_r,
		     const struct path *path)
{
	enum err e;

	*n = (struct natd){0};
	e = natd_hash(c, spi_i, spi_r, &path->remote, n->remote);
	if (e == ERR_NONE)
		e = natd_hash(c, spi_i, spi_r, &path->local, n->local);
	return e;
}

void natd_note(struct natd *n, uint16_t type, struct bytes data)
{
	if (type == NOTIFY_NAT_DETECTION_SOURCE_IP) {
		n->source_seen = true;
		n->source_matches |= bytes_equal(data, BYTES_OF(n->remote));
	} else if (type == NOTIFY_NAT_DETECTION_DESTINATION_IP) {
		n->destination_seen = true;
		n->destination_matches |= bytes_equal(data, BYTES_OF(n->local));
	}
}

bool natd_supported(const struct natd *n)
{
	return n->source_seen && n->destination_seen;
}

bool natd_there(const struct natd *n)
{
	return n->source_seen && !n->source_matches;
}

bool natd_here(const struct natd *n)
{
	return n->destination_seen && !n->destination_matches;
}
