#include "esp/mtu.h"

#include "esp/inet.h"

#define UDP_HEADER      8
#define ANSWER_TTL      64
#define ANSWER_V4_MOST  576  /* RFC 1812 4.3.2.3 */
#define ANSWER_V6_MOST  1280 /* RFC 4443 2.4 c */
#define ICMP_HEADER     8
#define TOS_NETWORK     0xc0 /* RFC 1812 4.3.2.5: internetwork control */
#define TCP_FLAG_SYN    0x02
#define TCP_OPTION_END  0
#define TCP_OPTION_NOP  1
#define TCP_OPTION_MSS  2
#define TCP_HEADER      20
#define TCP_CHECKSUM_AT 16

static size_t ip_header(unsigned family)
{
	return family == 6 ? 40 : 20;
}

size_t mtu_inner(const struct esp_sa *sa, size_t path_mtu, uint8_t family, bool udp)
{
	size_t outer = ip_header(family) + (udp ? UDP_HEADER : 0);

	return path_mtu > outer ? esp_payload_max(sa, path_mtu - outer) : 0;
}

enum mtu_verdict mtu_judge(const struct inner *in, size_t inner_mtu)
{
	if (in->total <= inner_mtu)
		return MTU_FITS;
	if (in->version == 6)
		return in->total <= MTU_IPV6_MIN ? MTU_SEND : MTU_ANSWER;
	return in->df ? MTU_ANSWER : MTU_FRAGMENT;
}

/* An ICMP message about which no error may be sent: any error (RFC 1122 3.2.2, RFC 4443 2.4 e), a
 * redirect, or one whose type cannot be read. */
static bool is_icmp_error(const struct inner *in)
{
	uint8_t type = (uint8_t)(in->key.src_port >> 8);

	if (in->version == 6) {
		if (in->key.protocol != PROTOCOL_ICMPV6)
			return false;
		return !in->key.has_ports || type < 128 || type == 137;
	}
	if (in->key.protocol != PROTOCOL_ICMP)
		return false;
	return !in->key.has_ports || type == 3 || type == 4 || type == 5 || type == 11 ||
	       type == 12;
}

/* One host's address, not none, a group, a loopback or everybody. */
static bool is_one_host(const struct addr *a)
{
	if (a->family == 6)
		return !addr_is_any(a) && a->a[0] != 0xff;
	return a->a[0] != 0 && a->a[0] != 127 && a->a[0] < 224;
}

static bool may_answer(const struct inner *in, const struct addr *from)
{
	if (in->later || is_icmp_error(in) || from->family != in->version)
		return false;
	if (!is_one_host(&in->key.src))
		return false;
	/* RFC 4443 2.4 e.3: packet too big is the exception for IPv6 multicast. */
	return in->version == 6 || is_one_host(&in->key.dst);
}

static size_t answer_v4(uint8_t *out, struct bytes quote, const struct inner *in,
			const struct addr *from, size_t inner_mtu)
{
	struct writer w = writer_of(out, ANSWER_V4_MOST);
	uint16_t mtu = (uint16_t)(inner_mtu > UINT16_MAX ? UINT16_MAX : inner_mtu);

	writer_u8(&w, 0x45);
	writer_u8(&w, TOS_NETWORK);
	writer_u16(&w, (uint16_t)(20 + ICMP_HEADER + quote.n));
	writer_u16(&w, 0);
	writer_u16(&w, 0x4000); /* DF: the identification need not be unique (RFC 6864 4.1) */
	writer_u8(&w, ANSWER_TTL);
	writer_u8(&w, PROTOCOL_ICMP);
	writer_u16(&w, 0);
	writer_bytes(&w, addr_bytes(from));
	writer_bytes(&w, addr_bytes(&in->key.src));
	writer_patch_u16(&w, 10, inet_checksum(writer_bytes_so_far(&w), 0));
	writer_u8(&w, 3);
	writer_u8(&w, 4);
	writer_u16(&w, 0);
	writer_u16(&w, 0);
	writer_u16(&w, mtu); /* RFC 1191 4 */
	writer_bytes(&w, quote);
	if (!writer_ok(&w))
		return 0;
	writer_patch_u16(&w, 22, inet_checksum(bytes_of(out + 20, w.n - 20), 0));
	return w.n;
}

static size_t answer_v6(uint8_t *out, struct bytes quote, const struct inner *in,
			const struct addr *from, size_t inner_mtu)
{
	struct writer w = writer_of(out, ANSWER_V6_MOST);
	uint32_t len = (uint32_t)(ICMP_HEADER + quote.n);
	uint32_t sum;

	writer_u32(&w, UINT32_C(6) << 28);
	writer_u16(&w, (uint16_t)len);
	writer_u8(&w, PROTOCOL_ICMPV6);
	writer_u8(&w, ANSWER_TTL);
	writer_bytes(&w, addr_bytes(from));
	writer_bytes(&w, addr_bytes(&in->key.src));
	writer_u8(&w, 2); /* RFC 4443 3.2 */
	writer_u8(&w, 0);
	writer_u16(&w, 0);
	writer_u32(&w, (uint32_t)(inner_mtu < MTU_IPV6_MIN ? MTU_IPV6_MIN : inner_mtu));
	writer_bytes(&w, quote);
	if (!writer_ok(&w))
		return 0;
	sum = inet_pseudo_sum(addr_bytes(from), addr_bytes(&in->key.src), PROTOCOL_ICMPV6, len);
	writer_patch_u16(&w, 42, inet_checksum(bytes_of(out + 40, w.n - 40), sum));
	return w.n;
}

size_t mtu_answer(uint8_t *out, const uint8_t *packet, size_t len, const struct inner *in,
		  const struct addr *from, size_t inner_mtu)
{
	size_t room = in->version == 6 ? ANSWER_V6_MOST - 40 - ICMP_HEADER
				       : ANSWER_V4_MOST - 20 - ICMP_HEADER;
	struct bytes quote;

	if (!may_answer(in, from) || len < in->total)
		return 0;
	quote = bytes_of(packet, in->total < room ? in->total : room);
	if (in->version == 6)
		return answer_v6(out, quote, in, from, inner_mtu);
	return answer_v4(out, quote, in, from, inner_mtu);
}

/* The offset of the MSS value within a TCP header, or 0. */
static size_t find_mss(struct bytes header)
{
	struct reader r = reader_of(header);

	reader_take(&r, TCP_HEADER);
	while (reader_left(&r) > 0) {
		uint8_t kind = reader_u8(&r), len;

		if (kind == TCP_OPTION_END)
			return 0;
		if (kind == TCP_OPTION_NOP)
			continue;
		len = reader_u8(&r);
		if (kind == TCP_OPTION_MSS)
			return len == 4 && reader_left(&r) >= 2 ? header.n - reader_left(&r) : 0;
		if (len < 2)
			return 0;
		reader_take(&r, (size_t)len - 2);
	}
	return 0;
}

static uint16_t load_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void store_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t swapped(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

bool mtu_clamp_mss(uint8_t *packet, size_t len, const struct inner *in, size_t inner_mtu)
{
	size_t fixed = ip_header(in->version) + TCP_HEADER;
	uint8_t *tcp = packet + in->transport;
	size_t left = in->total - in->transport, header, at;
	uint16_t old, new, sum;

	if (in->key.protocol != PROTOCOL_TCP || in->later || in->total > len || left < TCP_HEADER ||
	    inner_mtu <= fixed || inner_mtu - fixed > UINT16_MAX)
		return false;
	header = (size_t)(tcp[12] >> 4) * 4;
	if (!(tcp[13] & TCP_FLAG_SYN) || header < TCP_HEADER || header > left)
		return false;
	at = find_mss(bytes_of(tcp, header));
	if (at == 0)
		return false;
	old = load_u16(tcp + at);
	new = (uint16_t)(inner_mtu - fixed);
	if (old <= new)
		return false;
	store_u16(tcp + at, new);
	sum = load_u16(tcp + TCP_CHECKSUM_AT);
	/* An option at an odd offset straddles two words of the sum, as if its octets were swapped.
	 */
	sum =
	    at % 2 == 0 ? inet_adjust(sum, old, new) : inet_adjust(sum, swapped(old), swapped(new));
	store_u16(tcp + TCP_CHECKSUM_AT, sum);
	return true;
}
