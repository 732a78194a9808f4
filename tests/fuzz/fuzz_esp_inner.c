/* Inner packets: what comes out of a TUN device or out of an opened ESP packet. The first three
 * octets choose the direction, the outer TOS and an MTU; the rest is the packet, in a buffer of
 * just its size. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "esp/inet.h"
#include "esp/mtu.h"

static void require(bool held)
{
	if (!held)
		abort();
}

static void outbound(struct packet *p, const struct inner *in, size_t mtu)
{
	static const struct addr v4 = {4, {10, 0, 0, 1}}, v6 = {6, {0x20, 1}};
	const struct tunnel_params t = {(enum esp_df)(mtu % 3), mtu & 4, 46, mtu & 8};
	uint8_t out[MTU_ANSWER_MAX];
	struct inner answer;
	size_t n;

	if (mtu_clamp_mss(p->data, p->len, in, mtu))
		require(!mtu_clamp_mss(p->data, p->len, in, mtu));
	if (mtu_judge(in, mtu) == MTU_ANSWER) {
		n = mtu_answer(out, p->data, p->len, in, in->version == 6 ? &v6 : &v4, mtu);
		require(n <= MTU_ANSWER_MAX);
		if (n > 0) {
			require(inner_read(&answer, bytes_of(out, n)) && answer.total == n);
			require(answer.version == 6 || inet_checksum(bytes_of(out, 20), 0) == 0);
			/* Never an answer to an answer. */
			require(mtu_answer(out, out, n, &answer, in->version == 6 ? &v6 : &v4,
					   mtu) == 0);
		}
	}
	require(tunnel_encapsulate(&t, p, NULL) == PACKET_OK);
	require(p->len == in->total);
}

static void inbound(struct packet *p, uint8_t tos)
{
	struct inner in;
	uint16_t before = 0;

	p->outer_tos = tos;
	p->next_header = p->len > 0 && p->data[0] >> 4 == 6 ? INNER_IPV6 : INNER_IPV4;
	if (p->len >= 20)
		before = inet_checksum(bytes_of(p->data, 20), 0);
	if (tunnel_decapsulate(p, &in) != PACKET_OK)
		return;
	require(in.total == p->len && in.transport <= in.total);
	/* Right stays right, wrong stays as wrong; 0 and 0xffff are one value. */
	if (in.version == 4)
		require(inet_checksum(bytes_of(p->data, 20), 0) % 0xffff == before % 0xffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct inner in;
	struct packet p;
	uint8_t *buf;

	if (n < 3)
		return 0;
	buf = mem_new(n - 3);
	require(buf != NULL);
	memcpy(buf, data + 3, n - 3);
	p = (struct packet){.buf = buf, .cap = n - 3, .data = buf, .len = n - 3};
	if (data[0] & 1)
		inbound(&p, data[1]);
	else if (inner_read(&in, bytes_of(buf, n - 3)))
		outbound(&p, &in, (size_t)data[2] * 8);
	mem_free(buf);
	return 0;
}
