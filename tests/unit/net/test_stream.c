/* Frames in a stream (RFC 9329 3): both kinds of length, cut at every octet, and what breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/stream.h"

#define MOST (2U << 20)

/* The stream of a test, fed in pieces; what came out, one letter a step. */
struct feed {
	struct stream_in in;
	char steps[64];
	size_t n_steps;
	struct bytes last;
	size_t total; /* octets of all bodies */
};

static const char letters[] = {
    [STREAM_PREFIX] = 'p', [STREAM_IKE] = 'i', [STREAM_ESP] = 'e', [STREAM_BROKEN] = 'x'};

static void feed(struct feed *f, struct bytes octets)
{
	enum stream_step step;
	struct bytes body;
	bool kept;

	while ((step = stream_next(&f->in, &octets, &body, &kept)) != STREAM_MORE) {
		if (f->n_steps < sizeof(f->steps) - 1)
			f->steps[f->n_steps++] = letters[step];
		f->total += body.n;
		f->last = body;
		if (step == STREAM_BROKEN)
			return;
	}
	assert_int_equal(octets.n, 0);
}

static void feed_pieces(struct feed *f, struct bytes octets, size_t piece)
{
	for (size_t at = 0; at < octets.n && f->in.why == NULL; at += piece)
		feed(f, bytes_of(octets.p + at, octets.n - at < piece ? octets.n - at : piece));
}

static void start(struct feed *f, bool with_prefix, bool is_long, size_t most)
{
	*f = (struct feed){0};
	stream_in_start(&f->in, with_prefix, is_long, most);
}

static void end(struct feed *f, const char *steps)
{
	assert_string_equal(f->steps, steps);
	stream_in_clear(&f->in);
}

static void prefix_in_single_octets(void **state)
{
	struct feed f;

	(void)state;
	start(&f, true, false, MOST);
	feed_pieces(&f, BYTES_LITERAL("IKETC"), 1);
	assert_int_equal(f.n_steps, 0);
	feed(&f, BYTES_LITERAL("P"));
	assert_false(f.in.is_long);
	end(&f, "p");
	start(&f, true, false, MOST);
	feed_pieces(&f, BYTES_LITERAL("IKETCL"), 1);
	assert_true(f.in.is_long);
	end(&f, "p");
}

static void wrong_prefix_breaks(void **state)
{
	const struct bytes wrong[] = {BYTES_LITERAL("IKETCQ"), BYTES_LITERAL("GET / HTTP/1.1"),
				      BYTES_LITERAL("iketcp"), BYTES_LITERAL("\0\0\0\0\0\0")};
	struct feed f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		start(&f, true, false, MOST);
		/* Not before all six octets are there (RFC 9329 4). */
		feed(&f, bytes_of(wrong[i].p, 5));
		assert_int_equal(f.n_steps, 0);
		feed(&f, bytes_of(wrong[i].p + 5, wrong[i].n - 5));
		assert_non_null(f.in.why);
		end(&f, "x");
	}
}

static void small_lengths(void **state)
{
	const struct {
		struct bytes octets;
		const char *steps;
	} cases[] = {
	    {BYTES_LITERAL("\0\0"), "x"},
	    {BYTES_LITERAL("\0\1"), "x"},
	    {BYTES_LITERAL("\0\2"), ""},     /* empty: ignored */
	    {BYTES_LITERAL("\0\3\xff"), ""}, /* keepalive: ignored */
	    {BYTES_LITERAL("\0\3\1"), ""},   /* nothing: counted */
	    {BYTES_LITERAL("\0\4\0\0"), ""},
	    {BYTES_LITERAL("\0\6\0\0\0\0"), ""}, /* a marker and no message */
	    {BYTES_LITERAL("\0\7\0\0\0\0M"), "i"},
	    {BYTES_LITERAL("\0\7\1\2\3\4E"), "e"},
	    {BYTES_LITERAL("\0\2\0\3\xff\0\7\0\0\0\0M\0\7\1\2\3\4E\0\1"), "iex"},
	};
	struct feed f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= cases[i].octets.n; piece++) {
			start(&f, false, false, MOST);
			feed_pieces(&f, cases[i].octets, piece);
			end(&f, cases[i].steps);
		}
	}
}

static void marker_comes_off(void **state)
{
	struct feed f;

	(void)state;
	start(&f, false, false, MOST);
	feed(&f, BYTES_LITERAL("\0\11\0\0\0\0abc"));
	assert_true(bytes_equal(f.last, BYTES_LITERAL("abc")));
	feed(&f, BYTES_LITERAL("\0\12\1\2\3\4wxyz"));
	assert_true(bytes_equal(f.last, BYTES_LITERAL("\1\2\3\4wxyz")));
	end(&f, "ie");
}

/* A frame of a message of n octets, marker included. Owned. */
static uint8_t *frame_of(bool is_long, size_t n, size_t *len)
{
	uint8_t head[STREAM_HEAD_MAX];
	size_t h = stream_head(head, is_long, true, n - STREAM_MARKER_LEN);

	assert_int_not_equal(h, 0);
	uint8_t *p = mem_new(h + n - STREAM_MARKER_LEN);
	assert_non_null(p);
	memcpy(p, head, h);
	memset(p + h, 'm', n - STREAM_MARKER_LEN);
	*len = h + n - STREAM_MARKER_LEN;
	return p;
}

static void frames_cut_at_every_octet(void **state)
{
	size_t a, b;
	uint8_t two[600];
	struct feed f;

	(void)state;
	for (int is_long = 0; is_long < 2; is_long++) {
		uint8_t *first = frame_of(is_long == 1, 200, &a), *next = frame_of(is_long, 77, &b);
		memcpy(two, first, a);
		memcpy(two + a, next, b);
		for (size_t at = 0; at <= a + b; at++) {
			start(&f, false, is_long == 1, MOST);
			feed(&f, bytes_of(two, at));
			feed(&f, bytes_of(two + at, a + b - at));
			assert_int_equal(f.total, 200 + 77 - 2 * STREAM_MARKER_LEN);
			end(&f, "ii");
		}
		mem_free(first);
		mem_free(next);
	}
}

static void longest_short_frame(void **state)
{
	uint8_t head[STREAM_HEAD_MAX];
	size_t n;
	struct feed f;

	(void)state;
	/* RFC 9329 3: an IKE message of at most 65529 octets */
	assert_int_equal(stream_head(head, false, true, 65530), 0);
	assert_int_equal(stream_head(head, false, false, 65534), 0);
	assert_int_equal(stream_head(head, false, false, 65533), 2);
	uint8_t *p = frame_of(false, 65533, &n);
	assert_int_equal(n, 65535);
	assert_true(p[0] == 0xff && p[1] == 0xff);
	start(&f, false, false, MOST);
	feed_pieces(&f, bytes_of(p, n), 1448);
	assert_int_equal(f.last.n, 65529);
	end(&f, "i");
	mem_free(p);
}

static void long_lengths(void **state)
{
	const struct {
		size_t frame;
		bool four;
	} cases[] = {{8, false},    {16383, false}, {16384, true},
		     {65535, true}, {65536, true},  {1400000, true}};
	struct feed f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t form = cases[i].four ? 4 : 2, n = cases[i].frame;
		uint8_t *p = mem_new(n);
		struct writer w = writer_of(p, n);
		assert_non_null(p);
		if (cases[i].four)
			writer_u32(&w, 0x80000000U | (uint32_t)n);
		else
			writer_u16(&w, (uint16_t)(0x4000U | n));
		for (size_t piece = 1448; piece <= n + 1448; piece += n) {
			start(&f, false, true, MOST);
			feed_pieces(&f, bytes_of(p, n), piece);
			assert_int_equal(f.last.n, n - form - STREAM_MARKER_LEN);
			end(&f, "i");
		}
		mem_free(p);
	}
	/* Ours are as short as can be. */
	uint8_t head[STREAM_HEAD_MAX];
	assert_int_equal(stream_head(head, true, false, 16381), 2);
	assert_memory_equal(head, "\x7f\xff", 2);
	assert_int_equal(stream_head(head, true, false, 16382), 4);
	assert_memory_equal(head, "\x80\0\x40\x02", 4);
	assert_int_equal(stream_head(head, true, true, 1400000 - 8), 8);
	assert_memory_equal(head, "\x80\x15\x5c\xc0\0\0\0\0", 8);
	assert_int_equal(stream_head(head, true, false, SIZE_MAX), 0);
	/* The longer form of a short length is taken too. */
	start(&f, false, true, MOST);
	feed_pieces(&f, BYTES_LITERAL("\x80\0\0\11\0\0\0\0M"), 1);
	end(&f, "i");
}

static void long_lengths_that_break(void **state)
{
	const struct {
		struct bytes octets;
		const char *steps;
	} cases[] = {
	    {BYTES_LITERAL("\x40\1"), "x"},
	    {BYTES_LITERAL("\x40\2"), ""},
	    {BYTES_LITERAL("\x80\0\0\3"), "x"},
	    {BYTES_LITERAL("\x80\0\0\4"), ""},
	    {BYTES_LITERAL("\xc0\0\1\0"), "x"},       /* top bits 11 */
	    {BYTES_LITERAL("\0\11"), "x"},            /* top bits 00 */
	    {BYTES_LITERAL("\xbf\xff\xff\xff"), "x"}, /* a gigabyte */
	};
	struct feed f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= cases[i].octets.n; piece++) {
			start(&f, false, true, MOST);
			feed_pieces(&f, cases[i].octets, piece);
			end(&f, cases[i].steps);
		}
	}
}

/* The limit comes before memory: a length that claims much costs nothing. */
static void limit_before_memory(void **state)
{
	const size_t held = mem_blocks_held();
	struct feed f;

	(void)state;
	start(&f, true, false, 4096);
	feed(&f, BYTES_LITERAL("IKETCP\x10\x03"));
	assert_int_equal(mem_blocks_held(), held);
	end(&f, "px");
	start(&f, true, false, 4096);
	feed(&f, BYTES_LITERAL("IKETCP\x10\x02"));
	assert_int_equal(f.in.cap, 0);
	feed(&f, BYTES_LITERAL("a"));
	assert_true(f.in.cap <= 2048);
	end(&f, "p");
	/* A broken stream stays broken. */
	start(&f, false, false, 10);
	feed(&f, BYTES_LITERAL("\0\1"));
	feed(&f, BYTES_LITERAL("\0\7\0\0\0\0M"));
	end(&f, "xx");
	assert_int_equal(mem_blocks_held(), held);
}

static void garbage_ends(void **state)
{
	struct feed f;

	(void)state;
	start(&f, false, false, MOST);
	for (int i = 0; i < STREAM_CORRUPT_MAX; i++)
		feed(&f, BYTES_LITERAL("\0\5abc"));
	assert_int_equal(f.n_steps, 0);
	feed(&f, BYTES_LITERAL("\0\5abc"));
	end(&f, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prefix_in_single_octets),
	    cmocka_unit_test(wrong_prefix_breaks),
	    cmocka_unit_test(small_lengths),
	    cmocka_unit_test(marker_comes_off),
	    cmocka_unit_test(frames_cut_at_every_octet),
	    cmocka_unit_test(longest_short_frame),
	    cmocka_unit_test(long_lengths),
	    cmocka_unit_test(long_lengths_that_break),
	    cmocka_unit_test(limit_before_memory),
	    cmocka_unit_test(garbage_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
