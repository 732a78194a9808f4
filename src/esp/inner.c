#include "esp/inner.h"

#define EXTENSIONS_MAX 8

#define EXT_HOP_BY_HOP  0
#define EXT_ROUTING     43
#define EXT_FRAGMENT    44
#define EXT_AH          51
#define EXT_DESTINATION 60
#define EXT_HIP         139
#define EXT_SHIM6       140

#define PROTOCOL_UDP      17
#define PROTOCOL_DCCP     33
#define PROTOCOL_SCTP     132
#define PROTOCOL_MOBILITY 135
#define PROTOCOL_UDPLITE  136

/* The port or type fields of a transport header; those that end too early have none. */
static void read_ports(struct inner *in, struct reader r)
{
	uint16_t first, second;

	switch (in->key.protocol) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
	case PROTOCOL_UDPLITE:
		first = reader_u16(&r);
		second = reader_u16(&r);
		break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		first = second = reader_u16(&r);
		break;
	case PROTOCOL_MOBILITY:
		/* RFC 6275 6.1: the MH type is the third octet; RFC 7296 3.13.1 puts it in the high
		 * octet of the port. */
		reader_u16(&r);
		first = second = (uint16_t)(reader_u8(&r) << 8);
		break;
	default:
		return;
	}
	if (!reader_ok(&r))
		return;
	in->key.has_ports = true;
	in->key.src_port = first;
	in->key.dst_port = second;
}

static bool read_v4(struct inner *in, struct bytes packet)
{
	struct reader r = reader_of(packet);
	uint8_t ihl = (uint8_t)((reader_u8(&r) & 15) * 4);
	uint16_t fragment;

	in->tos = reader_u8(&r);
	in->total = reader_u16(&r);
	reader_u16(&r);
	fragment = reader_u16(&r);
	reader_u8(&r);
	in->key.protocol = reader_u8(&r);
	reader_u16(&r);
	in->key.src = addr_from(reader_take(&r, 4));
	in->key.dst = addr_from(reader_take(&r, 4));
	if (!reader_ok(&r) || ihl < 20 || in->total < ihl || in->total > packet.n)
		return false;
	in->df = (fragment & 0x4000) != 0;
	in->later = (fragment & 0x1fff) != 0;
	in->fragment = in->later || (fragment & 0x2000) != 0;
	in->transport = ihl;
	return true;
}

/* Walks to the transport header. False when the chain leaves the packet or is too long: a first
 * fragment holds all of it (RFC 7112 5). */
static bool walk_extensions(struct inner *in, struct reader *r, uint8_t next)
{
	for (unsigned i = 0; i <= EXTENSIONS_MAX; i++) {
		uint8_t type = next;
		uint16_t field;
		size_t len;

		switch (type) {
		case EXT_HOP_BY_HOP:
		case EXT_ROUTING:
		case EXT_DESTINATION:
		case EXT_HIP:
		case EXT_SHIM6:
			next = reader_u8(r);
			len = ((size_t)reader_u8(r) + 1) * 8; /* RFC 8200 4 */
			break;
		case EXT_AH:
			next = reader_u8(r);
			len = ((size_t)reader_u8(r) + 2) * 4; /* RFC 4302 2.2 */
			break;
		case EXT_FRAGMENT:
			next = reader_u8(r);
			reader_u8(r);
			field = reader_u16(r);
			reader_u32(r);
			in->transport = (uint16_t)(in->transport + 8);
			/* An atomic fragment (offset 0, no more) is a whole datagram (RFC 6946). */
			in->later = in->later || (field & 0xfff8) != 0;
			in->fragment = in->fragment || (field & 0xfff9) != 0;
			if (in->later) {
				in->key.protocol = next;
				return reader_ok(r);
			}
			continue;
		default:
			in->key.protocol = type;
			return reader_ok(r);
		}
		reader_take(r, len - 2);
		in->transport = (uint16_t)(in->transport + len);
		if (!reader_ok(r))
			return false;
	}
	return false;
}

static bool read_v6(struct inner *in, struct bytes packet)
{
	struct reader r = reader_of(packet);
	uint32_t first = reader_u32(&r);
	uint16_t payload = reader_u16(&r);
	uint8_t next = reader_u8(&r);

	reader_u8(&r);
	in->tos = (uint8_t)(first >> 20);
	in->key.src = addr_from(reader_take(&r, 16));
	in->key.dst = addr_from(reader_take(&r, 16));
	in->total = 40 + (uint32_t)payload;
	if (!reader_ok(&r) || in->total > packet.n)
		return false;
	in->transport = 40;
	r = reader_of(bytes_of(packet.p + 40, payload));
	return walk_extensions(in, &r, next);
}

bool inner_read(struct inner *in, struct bytes packet)
{
	struct reader r = reader_of(packet);

	*in = (struct inner){0};
	in->version = reader_u8(&r) >> 4;
	if (in->version == 4) {
		if (!read_v4(in, packet))
			return false;
	} else if (in->version == 6) {
		if (!read_v6(in, packet))
			return false;
	} else {
		return false;
	}
	if (!in->later)
		read_ports(
		    in, reader_of(bytes_of(packet.p + in->transport, in->total - in->transport)));
	return true;
}
