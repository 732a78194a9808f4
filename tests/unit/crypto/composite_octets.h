/* Octets put together for tests of composite keys: OneAsymmetricKey and SubjectPublicKeyInfo, also
 * such as nobody should write. */
#ifndef POSTERN_TESTS_COMPOSITE_OCTETS_H
#define POSTERN_TESTS_COMPOSITE_OCTETS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* Growing octets, as long as anything here gets. */
struct octets {
	uint8_t p[16384];
	size_t n;
};

static inline void add(struct octets *o, const void *p, size_t n)
{
	assert_true(o->n + n <= sizeof(o->p));
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static inline struct octets unhex(const char *text)
{
	struct octets o = {.n = 0};
	unsigned octet;

	for (; sscanf(text, "%2x", &octet) == 1; text += 2)
		o.p[o.n++] = (uint8_t)octet;
	return o;
}

static inline struct bytes all(const struct octets *o)
{
	return bytes_of(o->p, o->n);
}

/* The head of a structure around n octets; as DER has it for 128 octets and more, or fewer. */
static inline void add_head(struct octets *o, uint8_t tag, size_t n)
{
	const uint8_t large[] = {tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n};
	const uint8_t middle[] = {tag, 0x81, (uint8_t)n};
	const uint8_t small[] = {tag, (uint8_t)n};

	if (n > 255)
		add(o, large, sizeof(large));
	else if (n > 127)
		add(o, middle, sizeof(middle));
	else
		add(o, small, sizeof(small));
}

static inline void add_identifier(struct octets *o, uint8_t last, bool null)
{
	uint8_t plain[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, last};

	if (null)
		plain[1] = 12;
	add(o, plain, sizeof(plain));
	if (null)
		add(o, "\x05", 2);
}

/* OneAsymmetricKey around the raw octets. */
static inline struct octets pkcs8(struct octets raw, uint8_t last, bool null)
{
	struct octets inner = {.n = 0}, o = {.n = 0};

	add(&inner, "\x02\x01", 3); /* version 0 */
	add_identifier(&inner, last, null);
	add_head(&inner, 0x04, raw.n);
	add(&inner, raw.p, raw.n);
	add_head(&o, 0x30, inner.n);
	add(&o, inner.p, inner.n);
	return o;
}

/* SubjectPublicKeyInfo around them. */
static inline struct octets spki(struct octets raw, uint8_t last, bool null)
{
	struct octets inner = {.n = 0}, o = {.n = 0};

	add_identifier(&inner, last, null);
	add_head(&inner, 0x03, raw.n + 1);
	add(&inner, "", 1);
	add(&inner, raw.p, raw.n);
	add_head(&o, 0x30, inner.n);
	add(&o, inner.p, inner.n);
	return o;
}

#endif
