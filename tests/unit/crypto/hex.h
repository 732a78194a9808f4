/* Octets of test vectors, written in hexadecimal; blanks between them do not count. */
#ifndef POSTERN_TESTS_HEX_H
#define POSTERN_TESTS_HEX_H

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

struct hex {
	uint8_t p[1200];
	size_t n;
};

static inline struct hex hex(const char *text)
{
	struct hex h = {.n = 0};
	unsigned octet;
	int used;

	while (sscanf(text, " %2x%n", &octet, &used) == 1 && h.n < sizeof(h.p)) {
		h.p[h.n++] = (uint8_t)octet;
		text += used;
	}
	return h;
}

static inline struct bytes hex_bytes(const struct hex *h)
{
	return bytes_of(h->p, h->n);
}

#endif
