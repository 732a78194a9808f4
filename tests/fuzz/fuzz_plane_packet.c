/* What the TUN device hands over, and what is joined for it: cutting and joining super-packets, and
 * fragments. Octet 0 chooses; the rest is a virtio-net header and packets. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "esp/inner.h"
#include "plane/fragment.h"
#include "plane/offload.h"

#define PACKETS 16
#define ROOM    (PACKET_HEADROOM + 1500 + PACKET_TAILROOM)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[PACKETS][ROOM];
static struct packet packets[PACKETS];
static struct packet *at[PACKETS];

static void cut_and_join(const struct offload_header *h, struct bytes rest)
{
	static uint8_t super[65536];
	struct segmenter s;
	struct offload_header back;
	size_t n = 0, headers;
	if (rest.n > sizeof(super))
		return;
	memcpy(super, rest.p, rest.n);
	if (!segmenter_start(&s, h, super, rest.n))
		return;
	while (n < PACKETS && segmenter_next(&s, at[n]))
		n++;
	if (n == 0)
		return;
	size_t joined = coalesce(at, n, &back, &headers);
	if (joined == 0 || joined > n || (joined > 1 && headers >= at[0]->len))
		abort();
}

static void cut_pieces(struct bytes packet, size_t mtu)
{
	struct inner in;
	if (!inner_read(&in, packet) || in.version != 4)
		return;
	size_t n = fragment_ipv4(at, PACKETS, packet.p, in.total, mtu);
	for (size_t i = 0; i < n; i++) {
		if (at[i]->len > mtu || !inner_read(&in, bytes_of(at[i]->data, at[i]->len)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(bytes_of(data, size));
	uint8_t choice = reader_u8(&r);
	for (size_t i = 0; i < PACKETS; i++) {
		packets[i] = (struct packet){.buf = buf[i], .cap = ROOM};
		at[i] = &packets[i];
	}
	if (choice % 2 == 0) {
		struct bytes header = reader_take(&r, OFFLOAD_HEADER);
		if (!reader_ok(&r))
			return 0;
		struct offload_header h = offload_header_read(header.p);
		cut_and_join(&h, reader_rest(&r));
	} else {
		size_t mtu = reader_u16(&r) % 1500;
		cut_pieces(reader_rest(&r), mtu);
	}
	return 0;
}
