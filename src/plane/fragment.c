#include "plane/fragment.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "esp/inet.h"

#define IPV4_HEADER    20
#define OFFSET_MASK    0x1fff
#define MORE_FRAGMENTS 0x2000
#define OPTION_END     0
#define OPTION_NOP     1
#define OPTION_COPIED  0x80

/* Options without the copied flag belong to the first fragment alone (RFC 791 3.1). */
static void blank_uncopied(uint8_t *options, size_t n)
{
	size_t at = 0;
	while (at < n && options[at] != OPTION_END) {
		size_t len = 1;
		if (options[at] != OPTION_NOP) {
			len = at + 1 < n ? options[at + 1] : 0;
			if (len < 2 || len > n - at)
				return; /* unsound: left as it is */
			if ((options[at] & OPTION_COPIED) == 0)
				memset(options + at, OPTION_NOP, len);
		}
		at += len;
	}
}

static void write_header(uint8_t *p, size_t header, size_t data, uint16_t flags_and_offset)
{
	struct writer w = writer_of(p, header);
	(void)writer_reserve(&w, header);
	writer_patch_u16(&w, 2, header + data);
	writer_patch_u16(&w, 6, flags_and_offset);
	writer_patch_u16(&w, 10, 0);
	writer_patch_u16(&w, 10, inet_checksum(bytes_of(p, header), 0));
}

size_t fragment_ipv4(struct packet *const *out, size_t n, const uint8_t *packet, size_t len,
		     size_t mtu)
{
	struct reader r = reader_of(bytes_of(packet, len));
	size_t header = (size_t)(reader_u8(&r) & 0x0f) * 4;
	(void)reader_take(&r, 5);
	uint16_t field = reader_u16(&r);
	if (!reader_ok(&r) || header < IPV4_HEADER || header > len || mtu < header + 8)
		return 0;
	size_t step = (mtu - header) / 8 * 8;
	size_t left = len - header;
	size_t offset = field & OFFSET_MASK; /* in units of 8 octets */
	const uint8_t *from = packet + header;
	size_t made = 0;

	while (left > 0) {
		size_t data = left < step ? left : step;
		if (made == n || out[made]->cap < PACKET_HEADROOM + PACKET_TAILROOM + header + data)
			return 0;
		struct packet *p = out[made];
		p->data = p->buf + PACKET_HEADROOM;
		p->len = header + data;
		memcpy(p->data, packet, header);
		memcpy(p->data + header, from, data);
		if (made > 0)
			blank_uncopied(p->data + IPV4_HEADER, header - IPV4_HEADER);
		bool more = data < left || (field & MORE_FRAGMENTS) != 0;
		write_header(p->data, header, data,
			     (uint16_t)(offset | (more ? MORE_FRAGMENTS : 0)));
		offset += data / 8;
		from += data;
		left -= data;
		made++;
	}
	return made;
}
