#include "base/bytes.h"

#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

struct reader reader_of(struct bytes b)
{
	/* NULL + 0 is undefined in C, so that an empty span gets no arithmetic. */
	return (struct reader){b.p, b.n != 0 ? b.p + b.n : b.p, false};
}

size_t reader_left(const struct reader *r)
{
	return r->bad || r->p == r->end ? 0 : (size_t)(r->end - r->p);
}

struct bytes reader_take(struct reader *r, size_t n)
{
	struct bytes b = {NULL, 0};

	if (r->bad || n > reader_left(r)) {
		r->bad = true;
		return b;
	}
	b = bytes_of(r->p, n);
	if (n != 0)
		r->p += n;
	return b;
}

struct bytes reader_rest(struct reader *r)
{
	return reader_take(r, reader_left(r));
}

/* The next n <= 8 octets as one big-endian number. */
static uint64_t take_number(struct reader *r, size_t n)
{
	struct bytes b = reader_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; i < b.n; i++)
		v = v << 8 | b.p[i];
	return v;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)take_number(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)take_number(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)take_number(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return take_number(r, 8);
}

void reader_copy(struct reader *r, void *out, size_t n)
{
	struct bytes b = reader_take(r, n);

	if (n == 0)
		return;
	if (b.n == n)
		memcpy(out, b.p, n);
	else
		memset(out, 0, n);
}

bool reader_ok(const struct reader *r)
{
	return !r->bad;
}

bool reader_done(const struct reader *r)
{
	return !r->bad && r->p == r->end;
}

void reader_fail(struct reader *r)
{
	r->bad = true;
}

struct writer writer_of(void *buf, size_t cap)
{
	return (struct writer){buf, 0, cap, false};
}

uint8_t *writer_reserve(struct writer *w, size_t n)
{
	uint8_t *p = NULL;

	if (w->bad || n > w->cap - w->n) {
		w->bad = true;
		return NULL;
	}
	if (w->p == NULL) {
		/* A writer of no octets: only n == 0 comes here. */
		return NULL;
	}
	p = w->p + w->n;
	w->n += n;
	return p;
}

/* The low n <= 8 octets of v, big-endian. */
static void put_number(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = n; i > 0; i--) {
		p[i - 1] = (uint8_t)(v & 0xff);
		v >>= 8;
	}
}

static void append_number(struct writer *w, uint64_t v, size_t n)
{
	uint8_t *p = writer_reserve(w, n);

	if (p != NULL)
		put_number(p, v, n);
}

void writer_u8(struct writer *w, uint8_t v)
{
	append_number(w, v, 1);
}

void writer_u16(struct writer *w, uint16_t v)
{
	append_number(w, v, 2);
}

void writer_u32(struct writer *w, uint32_t v)
{
	append_number(w, v, 4);
}

void writer_u64(struct writer *w, uint64_t v)
{
	append_number(w, v, 8);
}

void writer_bytes(struct writer *w, struct bytes b)
{
	uint8_t *p = writer_reserve(w, b.n);

	/* memmove: what is appended may be part of the same buffer. */
	if (p != NULL && b.n != 0)
		memmove(p, b.p, b.n);
}

void writer_zero(struct writer *w, size_t n)
{
	uint8_t *p = writer_reserve(w, n);

	if (p != NULL)
		memset(p, 0, n);
}

static void patch_number(struct writer *w, size_t at, uint64_t v, size_t n)
{
	if (w->bad || at > w->n || n > w->n - at) {
		w->bad = true;
		return;
	}
	put_number(w->p + at, v, n);
}

void writer_patch_u16(struct writer *w, size_t at, size_t v)
{
	if (v > UINT16_MAX)
		w->bad = true;
	patch_number(w, at, v, 2);
}

void writer_patch_u8(struct writer *w, size_t at, uint8_t v)
{
	patch_number(w, at, v, 1);
}

void writer_patch_u32(struct writer *w, size_t at, uint32_t v)
{
	patch_number(w, at, v, 4);
}

bool writer_ok(const struct writer *w)
{
	return !w->bad;
}

struct bytes writer_bytes_so_far(const struct writer *w)
{
	return bytes_of(w->p, w->n);
}
