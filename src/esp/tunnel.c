#include "esp/tunnel.h"

#include "esp/inet.h"

#define ECN_MASK 3

uint8_t ecn_ingress(bool normal, uint8_t inner)
{
	return normal ? inner & ECN_MASK : ECN_NOT_ECT;
}

int ecn_egress(uint8_t inner, uint8_t outer, bool *alarm)
{
	/* RFC 6040 figure 4; [inner][outer], both in the order of the code points. */
	static const int8_t result[4][4] = {
	    [ECN_NOT_ECT] = {ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, -1},
	    [ECN_ECT1] = {ECN_ECT1, ECN_ECT1, ECN_ECT1, ECN_CE},
	    [ECN_ECT0] = {ECN_ECT0, ECN_ECT1, ECN_ECT0, ECN_CE},
	    [ECN_CE] = {ECN_CE, ECN_CE, ECN_CE, ECN_CE},
	};
	/* The combinations that the figure marks as currently unused. */
	static const bool odd[4][4] = {
	    [ECN_NOT_ECT] = {false, true, true, true},
	    [ECN_ECT1] = {false, false, true, false},
	    [ECN_ECT0] = {false, false, false, false},
	    [ECN_CE] = {false, true, false, false},
	};

	inner &= ECN_MASK;
	outer &= ECN_MASK;
	if (alarm != NULL)
		*alarm = odd[inner][outer];
	return result[inner][outer];
}

static enum packet_fate fated(struct packet *p, enum packet_fate fate)
{
	p->fate = (uint8_t)fate;
	return fate;
}

enum packet_fate tunnel_encapsulate(const struct tunnel_params *t, struct packet *p,
				    const struct inner *in)
{
	struct inner own;
	uint8_t dscp;

	if (in == NULL) {
		if (!inner_read(&own, bytes_of(p->data, p->len)))
			return fated(p, PACKET_BAD_INNER);
		in = &own;
	}
	p->len = in->total;
	p->next_header = in->version == 4 ? INNER_IPV4 : INNER_IPV6;
	dscp = t->copy_dscp ? in->tos >> 2 : t->dscp;
	p->outer_tos = (uint8_t)(dscp << 2 | ecn_ingress(t->ecn, in->tos));
	switch (t->df) {
	case ESP_DF_COPY:
		/* An IPv6 packet is never fragmented on its way, as if it had DF (RFC 4301 8.1). */
		p->outer_df = in->version == 6 || in->df;
		break;
	case ESP_DF_SET:
		p->outer_df = true;
		break;
	case ESP_DF_CLEAR:
		p->outer_df = false;
		break;
	}
	return fated(p, PACKET_OK);
}

static void put_ecn(struct packet *p, struct inner *in, uint8_t ecn)
{
	uint8_t *d = p->data;
	uint8_t tos = (uint8_t)((in->tos & ~ECN_MASK) | ecn);

	if (in->version == 6) {
		d[1] = (uint8_t)((d[1] & 0x0f) | tos << 4);
	} else {
		uint16_t sum =
		    inet_adjust((uint16_t)(d[10] << 8 | d[11]), (uint16_t)(d[0] << 8 | d[1]),
				(uint16_t)(d[0] << 8 | tos));

		d[1] = tos;
		d[10] = (uint8_t)(sum >> 8);
		d[11] = (uint8_t)sum;
	}
	in->tos = tos;
}

enum packet_fate tunnel_decapsulate(struct packet *p, struct inner *in)
{
	uint8_t version;
	int ecn;

	switch (p->next_header) {
	case INNER_IPV4:
		version = 4;
		break;
	case INNER_IPV6:
		version = 6;
		break;
	case INNER_NONE:
		return fated(p, PACKET_DUMMY);
	default:
		return fated(p, PACKET_BAD_NEXT_HEADER);
	}
	if (!inner_read(in, bytes_of(p->data, p->len)) || in->version != version)
		return fated(p, PACKET_BAD_INNER);
	p->len = in->total; /* what follows is TFC padding (RFC 4303 2.7) */
	ecn = ecn_egress(in->tos, p->outer_tos, NULL);
	if (ecn < 0)
		return fated(p, PACKET_ECN_DROP);
	if (ecn != (in->tos & ECN_MASK))
		put_ecn(p, in, (uint8_t)ecn);
	return fated(p, PACKET_OK);
}

static void write_v4(uint8_t *head, const struct packet *p, const struct outer_header *h)
{
	struct writer w = writer_of(head, 20);

	writer_u8(&w, 0x45);
	writer_u8(&w, p->outer_tos);
	writer_u16(&w, (uint16_t)(20 + p->len));
	writer_u16(&w, p->outer_df ? 0 : h->id);
	writer_u16(&w, p->outer_df ? 0x4000 : 0);
	writer_u8(&w, h->ttl);
	writer_u8(&w, h->protocol);
	writer_u16(&w, 0);
	writer_bytes(&w, addr_bytes(&h->src));
	writer_bytes(&w, addr_bytes(&h->dst));
	writer_patch_u16(&w, 10, inet_checksum(bytes_of(head, 20), 0));
}

static void write_v6(uint8_t *head, const struct packet *p, const struct outer_header *h)
{
	struct writer w = writer_of(head, 40);

	writer_u32(&w,
		   UINT32_C(6) << 28 | (uint32_t)p->outer_tos << 20 | (h->flow_label & 0xfffff));
	writer_u16(&w, (uint16_t)p->len);
	writer_u8(&w, h->protocol);
	writer_u8(&w, h->ttl);
	writer_bytes(&w, addr_bytes(&h->src));
	writer_bytes(&w, addr_bytes(&h->dst));
}

bool tunnel_push_header(struct packet *p, const struct outer_header *h)
{
	size_t len = h->src.family == 4 ? 20 : 40;
	size_t most = h->src.family == 4 ? UINT16_MAX - len : UINT16_MAX;

	if (h->src.family != h->dst.family || (h->src.family != 4 && h->src.family != 6) ||
	    packet_headroom(p) < len || p->len > most)
		return false;
	if (h->src.family == 4)
		write_v4(p->data - len, p, h);
	else
		write_v6(p->data - len, p, h);
	p->data -= len;
	p->len += len;
	return true;
}
