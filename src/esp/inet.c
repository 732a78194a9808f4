#include "esp/inet.h"

#include <string.h>

static uint16_t from_memory_order(uint16_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (uint16_t)(v << 8 | v >> 8);
#else
	return v;
#endif
}

/* Sums in the machine's own order, 8 octets at a time, and turns the folded result around: the
 * one's complement sum does not mind (RFC 1071 2 B). */
uint32_t inet_sum(struct bytes b, uint32_t sum)
{
	uint64_t total = 0;
	size_t i = 0;

	for (; i + 8 <= b.n; i += 8) {
		uint64_t v;

		memcpy(&v, b.p + i, sizeof(v));
		total += (v & UINT32_MAX) + (v >> 32);
	}
	for (; i + 2 <= b.n; i += 2) {
		uint16_t v;

		memcpy(&v, b.p + i, sizeof(v));
		total += v;
	}
	if (i < b.n) {
		uint8_t pair[2] = {b.p[i], 0};
		uint16_t v;

		memcpy(&v, pair, sizeof(v));
		total += v;
	}
	while (total >> 16 != 0)
		total = (total & 0xffff) + (total >> 16);
	return sum + from_memory_order((uint16_t)total);
}

uint16_t inet_fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t inet_checksum(struct bytes b, uint32_t sum)
{
	return inet_fold(inet_sum(b, sum));
}

uint32_t inet_pseudo_sum(struct bytes src, struct bytes dst, uint8_t protocol, uint32_t len)
{
	return inet_sum(src, inet_sum(dst, protocol + (len >> 16) + (len & 0xffff)));
}

uint16_t inet_adjust(uint16_t checksum, uint16_t old_word, uint16_t new_word)
{
	return inet_fold((uint32_t)(uint16_t)~checksum + (uint16_t)~old_word + new_word);
}
