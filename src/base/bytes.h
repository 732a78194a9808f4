/* Spans of octets, and the only way Postern walks or builds octet strings: a bounded reader and a
 * bounded writer. Both are sticky: after the first overrun every later call is harmless (reads give
 * zero, writes do nothing) and reader_ok() / writer_ok() say so, so that a parser checks once, at
 * the end of a unit, before it acts on anything it read. All integers are in network byte order. */
#ifndef POSTERN_BASE_BYTES_H
#define POSTERN_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets that somebody else owns. p may be NULL only when n is 0. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

/* The octets of a C array or of a string literal without its NUL. */
#define BYTES_OF(array)     ((struct bytes){(const uint8_t *)(array), sizeof(array)})
#define BYTES_LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static inline struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){p, n};
}

/* Same length and same octets. Not for secrets: see mem_equal_secret(). */
bool bytes_equal(struct bytes a, struct bytes b);

/* Reads octets that it borrows; they must outlive the reader and every span taken from it. */
struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

struct reader reader_of(struct bytes b);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* The next n octets, or an empty span (and the reader is bad) when fewer are left. */
struct bytes reader_take(struct reader *r, size_t n);
/* All octets that are left. */
struct bytes reader_rest(struct reader *r);
/* Copies n octets to out; out is zeroed when fewer are left. */
void reader_copy(struct reader *r, void *out, size_t n);
size_t reader_left(const struct reader *r);
/* Nothing was read past the end. */
bool reader_ok(const struct reader *r);
/* As reader_ok(), and everything was read: for units that may hold no trailing octets. */
bool reader_done(const struct reader *r);
/* Marks the reader bad: for a value that the caller found out of range. */
void reader_fail(struct reader *r);

/* Writes into a buffer of cap octets that the caller owns. */
struct writer {
	uint8_t *p;
	size_t n; /* octets written so far */
	size_t cap;
	bool bad;
};

struct writer writer_of(void *buf, size_t cap);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_bytes(struct writer *w, struct bytes b);
void writer_zero(struct writer *w, size_t n);
/* Reserves n octets and returns where they start, or NULL when they do not fit. */
uint8_t *writer_reserve(struct writer *w, size_t n);
/* Overwrites two octets at offset `at` that were written before: for lengths known only later.
 * A value over 65535 makes the writer bad. */
void writer_patch_u16(struct writer *w, size_t at, size_t v);
void writer_patch_u8(struct writer *w, size_t at, uint8_t v);
void writer_patch_u32(struct writer *w, size_t at, uint32_t v);
bool writer_ok(const struct writer *w);
/* What has been written so far. */
struct bytes writer_bytes_so_far(const struct writer *w);

#endif
