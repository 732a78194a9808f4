#include "plane/offload.h"

#include <string.h>

#include "base/bytes.h"
#include "esp/inet.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER  20
#define UDP_HEADER  8
#define PROTO_TCP   6
#define PROTO_UDP   17
#define PACKET_MOST 65535

#define TCP_SEQ   4 /* offsets in the TCP header */
#define TCP_ACK   8
#define TCP_FLAGS 13
#define TCP_CSUM  16
#define UDP_LEN   4
#define UDP_CSUM  6

#define FLAG_FIN 0x01
#define FLAG_PSH 0x08
#define FLAG_ACK 0x10
#define FLAG_CWR 0x80

struct offload_header offload_header_read(const uint8_t octets[OFFLOAD_HEADER])
{
	struct offload_header h;
	uint16_t v[4];
	memcpy(v, octets + 2, sizeof(v));
	h.flags = octets[0];
	h.gso_type = octets[1];
	h.hdr_len = v[0];
	h.gso_size = v[1];
	h.csum_start = v[2];
	h.csum_offset = v[3];
	return h;
}

void offload_header_write(uint8_t octets[OFFLOAD_HEADER], const struct offload_header *h)
{
	const uint16_t v[4] = {h->hdr_len, h->gso_size, h->csum_start, h->csum_offset};
	octets[0] = h->flags;
	octets[1] = h->gso_type;
	memcpy(octets + 2, v, sizeof(v));
}

/* ---- Fields ---------------------------------------------------------------------------------- */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* The sum over the pseudo header of a packet whose transport part has n octets. */
static uint32_t pseudo_sum(const uint8_t *packet, uint8_t version, uint8_t protocol, size_t n)
{
	size_t at = version == 4 ? 12 : 8;
	size_t len = version == 4 ? 4 : 16;
	return inet_pseudo_sum(bytes_of(packet + at, len), bytes_of(packet + at + len, len),
			       protocol, (uint32_t)n);
}

/* Length, and for IPv4 identification and header checksum, of a packet of len octets. */
static void finish_ip(uint8_t *packet, size_t len, uint8_t version, uint16_t id_step)
{
	if (version == 6) {
		put16(packet + 4, len - IPV6_HEADER);
		return;
	}
	size_t header = (size_t)(packet[0] & 0x0f) * 4;
	put16(packet + 2, len);
	put16(packet + 4, (uint16_t)(get16(packet + 4) + id_step));
	put16(packet + 10, 0);
	put16(packet + 10, inet_checksum(bytes_of(packet, header), 0));
}

/* ---- Cutting --------------------------------------------------------------------------------- */

static bool finish_checksum(const struct offload_header *h, uint8_t *packet, size_t len)
{
	size_t at = (size_t)h->csum_start + h->csum_offset;
	if (h->csum_start > len || at + 2 > len)
		return false;
	/* The field holds the pseudo header's sum already. */
	uint16_t sum = inet_checksum(bytes_of(packet + h->csum_start, len - h->csum_start), 0);
	if (sum == 0 && h->csum_offset == UDP_CSUM)
		sum = 0xffff; /* RFC 768: 0 would say that there is none */
	put16(packet + at, sum);
	return true;
}

static bool is_ip(const uint8_t *packet, size_t len, uint8_t *version, size_t *header)
{
	if (len < IPV4_HEADER)
		return false;
	*version = packet[0] >> 4;
	if (*version == 4) {
		*header = (size_t)(packet[0] & 0x0f) * 4;
		return *header >= IPV4_HEADER && *header <= len;
	}
	*header = IPV6_HEADER;
	return *version == 6 && len >= IPV6_HEADER;
}

bool segmenter_start(struct segmenter *s, const struct offload_header *h, uint8_t *packet,
		     size_t len)
{
	uint8_t type = h->gso_type & (uint8_t)~OFFLOAD_ECN;
	size_t ip;
	*s = (struct segmenter){.packet = packet, .len = len, .finished = true};
	if (len == 0)
		return false;
	if (type == OFFLOAD_NONE) {
		if ((h->flags & OFFLOAD_NEEDS_CSUM) != 0 && !finish_checksum(h, packet, len))
			return false;
		s->finished = false;
		return true;
	}
	if (!is_ip(packet, len, &s->version, &ip) || h->gso_size == 0 || h->csum_start < ip)
		return false;
	if ((type == OFFLOAD_TCP4 && s->version != 4) || (type == OFFLOAD_TCP6 && s->version != 6))
		return false;
	s->transport = h->csum_start;
	s->size = h->gso_size;
	if (type == OFFLOAD_TCP4 || type == OFFLOAD_TCP6) {
		if (s->transport + TCP_HEADER > len)
			return false;
		size_t tcp = (size_t)(packet[s->transport + 12] >> 4) * 4;
		s->protocol = PROTO_TCP;
		s->headers = s->transport + tcp;
		if (tcp < TCP_HEADER)
			return false;
	} else if (type == OFFLOAD_UDP) {
		s->protocol = PROTO_UDP;
		s->headers = s->transport + UDP_HEADER;
	} else {
		return false;
	}
	if (s->headers >= len)
		return false;
	s->finished = false;
	return true;
}

static void finish_transport(const struct segmenter *s, uint8_t *p, size_t len, bool last)
{
	uint8_t *t = p + s->transport;
	size_t n = len - s->transport;
	size_t csum = s->protocol == PROTO_TCP ? TCP_CSUM : UDP_CSUM;
	if (s->protocol == PROTO_TCP) {
		put32(t + TCP_SEQ, get32(t + TCP_SEQ) + (uint32_t)s->done);
		if (!last)
			t[TCP_FLAGS] &= (uint8_t) ~(FLAG_FIN | FLAG_PSH);
		if (s->n != 0)
			t[TCP_FLAGS] &= (uint8_t)~FLAG_CWR; /* once a window: RFC 3168 6.1.2 */
	} else {
		put16(t + UDP_LEN, n);
	}
	put16(t + csum, 0);
	uint16_t sum = inet_checksum(bytes_of(t, n), pseudo_sum(p, s->version, s->protocol, n));
	if (sum == 0 && s->protocol == PROTO_UDP)
		sum = 0xffff;
	put16(t + csum, sum);
}

bool segmenter_next(struct segmenter *s, struct packet *out)
{
	size_t room = out->cap - PACKET_HEADROOM - PACKET_TAILROOM;
	if (s->finished)
		return false;
	size_t data = s->len - s->headers - s->done;
	bool last = s->size == 0 || data <= s->size;
	if (!last)
		data = s->size;
	s->finished = last || s->headers + data > room;
	if (s->headers + data > room)
		return false;
	out->data = out->buf + PACKET_HEADROOM;
	out->len = s->headers + data;
	memcpy(out->data, s->packet, s->headers);
	memcpy(out->data + s->headers, s->packet + s->headers + s->done, data);
	if (s->size != 0) {
		finish_ip(out->data, out->len, s->version, s->n);
		finish_transport(s, out->data, out->len, last);
	}
	s->done += data;
	s->n++;
	return true;
}

/* ---- Joining --------------------------------------------------------------------------------- */

/* Where a packet's TCP data starts; 0 when it is none of those that can be joined: IPv4 without
 * options and fragments or IPv6 without extension headers, TCP with data. */
static size_t tcp_data(const struct packet *p, uint8_t *version)
{
	size_t ip;
	if (!is_ip(p->data, p->len, version, &ip) || p->len > PACKET_MOST)
		return 0;
	if (*version == 4) {
		if (ip != IPV4_HEADER || p->data[9] != PROTO_TCP || get16(p->data + 2) != p->len ||
		    (get16(p->data + 6) & 0x3fff) != 0)
			return 0;
	} else if (p->data[6] != PROTO_TCP || get16(p->data + 4) + (size_t)IPV6_HEADER != p->len) {
		return 0;
	}
	if (p->len < ip + TCP_HEADER)
		return 0;
	size_t tcp = (size_t)(p->data[ip + 12] >> 4) * 4;
	if (tcp < TCP_HEADER || ip + tcp >= p->len)
		return 0;
	/* ACK always, PSH perhaps, nothing else. */
	if ((p->data[ip + TCP_FLAGS] & (uint8_t)~FLAG_PSH) != FLAG_ACK)
		return 0;
	return ip + tcp;
}

static bool checksum_holds(const struct packet *p, uint8_t version, size_t ip)
{
	if (version == 4 && inet_checksum(bytes_of(p->data, IPV4_HEADER), 0) != 0)
		return false;
	size_t n = p->len - ip;
	return inet_checksum(bytes_of(p->data + ip, n),
			     pseudo_sum(p->data, version, PROTO_TCP, n)) == 0;
}

/* All header fields that must be the same are. IPv4: version to TOS, DF, TTL, protocol, addresses;
 * IPv6: all but the length. TCP: ports, acknowledgement, data offset, window, options. */
static bool same_headers(const uint8_t *a, const uint8_t *b, uint8_t version, size_t ip,
			 size_t headers)
{
	const uint8_t *ta = a + ip, *tb = b + ip;
	if (version == 4) {
		if (memcmp(a, b, 2) != 0 || memcmp(a + 6, b + 6, 4) != 0 ||
		    memcmp(a + 12, b + 12, 8) != 0)
			return false;
	} else if (memcmp(a, b, 4) != 0 || memcmp(a + 6, b + 6, IPV6_HEADER - 6) != 0) {
		return false;
	}
	return memcmp(ta, tb, 4) == 0 && memcmp(ta + TCP_ACK, tb + TCP_ACK, 5) == 0 &&
	       memcmp(ta + 14, tb + 14, 2) == 0 &&
	       memcmp(ta + TCP_HEADER, tb + TCP_HEADER, headers - ip - TCP_HEADER) == 0;
}

static void describe(struct offload_header *h, uint8_t *first, uint8_t version, size_t ip,
		     size_t headers, size_t size, size_t total)
{
	*h = (struct offload_header){
	    .flags = OFFLOAD_NEEDS_CSUM,
	    .gso_type = version == 4 ? OFFLOAD_TCP4 : OFFLOAD_TCP6,
	    .hdr_len = (uint16_t)headers,
	    .gso_size = (uint16_t)size,
	    .csum_start = (uint16_t)ip,
	    .csum_offset = TCP_CSUM,
	};
	finish_ip(first, total, version, 0);
	/* What the kernel expects there is the pseudo header's sum, not complemented. */
	uint32_t sum = pseudo_sum(first, version, PROTO_TCP, total - ip);
	put16(first + ip + TCP_CSUM, (uint16_t)~inet_fold(sum));
}

size_t coalesce(struct packet *const *packets, size_t n, struct offload_header *h, size_t *headers)
{
	struct packet *first = packets[0];
	uint8_t version, other;
	*h = (struct offload_header){0};
	*headers = tcp_data(first, &version);
	if (*headers == 0 || n == 1)
		return 1;
	size_t ip = version == 4 ? IPV4_HEADER : IPV6_HEADER;
	size_t size = first->len - *headers;
	size_t total = first->len;
	uint32_t seq = get32(first->data + ip + TCP_SEQ) + (uint32_t)size;
	size_t joined = 1;
	if ((first->data[ip + TCP_FLAGS] & FLAG_PSH) != 0 || !checksum_holds(first, version, ip))
		return 1;
	while (joined < n) {
		const struct packet *p = packets[joined];
		if (tcp_data(p, &other) != *headers || other != version)
			break;
		size_t data = p->len - *headers;
		if (data > size || total + data > PACKET_MOST ||
		    get32(p->data + ip + TCP_SEQ) != seq ||
		    !same_headers(first->data, p->data, version, ip, *headers) ||
		    !checksum_holds(p, version, ip))
			break;
		joined++;
		total += data;
		seq += (uint32_t)data;
		if (data < size || (p->data[ip + TCP_FLAGS] & FLAG_PSH) != 0)
			break;
	}
	if (joined == 1)
		return 1;
	first->data[ip + TCP_FLAGS] |= packets[joined - 1]->data[ip + TCP_FLAGS] & FLAG_PSH;
	describe(h, first->data, version, ip, *headers, size, total);
	return joined;
}
