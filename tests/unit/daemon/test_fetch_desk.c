/* The fetch process' cache, messages, and desk: what is asked for twice, what is too much, what is
 * kept. No server answers here; what is fetched is refused at once by its address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "daemon/fetch_cache.h"
#include "daemon/fetch_desk.h"

static const uint8_t secret[16] = {1};

static struct bytes text(const char *s)
{
	return bytes_of(s, strlen(s));
}

static void put(struct fetch_cache *c, const char *key, size_t n, int64_t until)
{
	const struct fetch_entry e = {
	    .data = mem_new(n), .n = n, .refresh_at = until, .until = until};

	fetch_cache_put(c, text(key), &e, 0);
}

static void the_cache_is_bounded(void **state)
{
	struct fetch_cache *c = fetch_cache_new(1000, secret);

	(void)state;
	put(c, "a", 400, 100);
	put(c, "b", 400, 100);
	assert_non_null(fetch_cache_find(c, text("a"), 50));
	/* b was not used for longest. */
	put(c, "c", 400, 100);
	assert_null(fetch_cache_find(c, text("b"), 50));
	assert_non_null(fetch_cache_find(c, text("a"), 50));
	/* One that is kept goes last. */
	fetch_cache_keep(c, text("c"), true);
	put(c, "d", 400, 100);
	assert_null(fetch_cache_find(c, text("a"), 50));
	assert_non_null(fetch_cache_find(c, text("c"), 50));
	put(c, "large", 1001, 100);
	assert_null(fetch_cache_find(c, text("large"), 50));
	assert_int_equal(fetch_cache_octets(c), 800);
	assert_null(fetch_cache_find(c, text("c"), 100)); /* over */
	for (unsigned i = 0; i < 2 * FETCH_CACHE_ENTRIES; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "%u", i);
		put(c, key, 1, 100);
	}
	assert_true(fetch_cache_count(c) <= FETCH_CACHE_ENTRIES);
	fetch_cache_free(c);
	assert_int_equal(mem_blocks_held(), 0);
}

/* A list that can still be used outlives a failure, and is not asked for again at once. */
static void a_failure_leaves_what_is_good(void **state)
{
	struct fetch_cache *c = fetch_cache_new(1000, secret);
	struct fetch_entry bad = {.result = ERR_IO, .reason = mem_text("why"), .until = 80};

	(void)state;
	put(c, "a", 10, 100);
	fetch_cache_put(c, text("a"), &bad, 50);
	const struct fetch_entry *e = fetch_cache_find(c, text("a"), 50);
	assert_non_null(e);
	assert_int_equal(e->result, ERR_NONE);
	assert_int_equal(e->refresh_at, 80);
	bad.reason = mem_text("why");
	bad.until = 130;
	fetch_cache_put(c, text("a"), &bad, 100);
	e = fetch_cache_find(c, text("a"), 100);
	assert_int_equal(e->result, ERR_IO);
	assert_string_equal(e->reason, "why");
	fetch_cache_free(c);
	assert_int_equal(mem_blocks_held(), 0);
}

static void lists_are_fetched_in_time(void **state)
{
	(void)state;
	assert_int_equal(fetch_refresh_at(1000, 1000 + 4000), 1000 + 3000);
	assert_int_equal(fetch_refresh_at(1000, 1000 + 30 * 86400), 1000 + 86400);
	assert_int_equal(fetch_refresh_at(1000, 1010), 1060);
	assert_int_equal(fetch_refresh_at(1000, 10), 1060);
}

static const struct fetch_ask ask_usual = {
    .ticket = 0x0102030405060708,
    .kind = IKE_FETCH_CERTIFICATE,
    .has_sha1 = true,
    .sha1 = {9},
    .octets_max = 70000,
    .connection = {(const uint8_t *)"office", 6},
    .url = {(const uint8_t *)"http://x/", 9},
};

static void messages_are_checked(void **state)
{
	uint8_t buf[8192];
	struct fetch_ask a, bad;
	struct writer w = writer_of(buf, sizeof(buf));

	(void)state;
	fetch_ask_write(&w, &ask_usual);
	const struct bytes whole = writer_bytes_so_far(&w);
	assert_int_equal(fetch_ask_read(&a, whole), ERR_NONE);
	assert_true(a.ticket == ask_usual.ticket && a.has_sha1 && a.octets_max == 70000);
	assert_true(bytes_equal(a.url, ask_usual.url));
	for (size_t n = 0; n < whole.n; n++)
		assert_int_equal(fetch_ask_read(&a, bytes_of(whole.p, n)), ERR_SYNTAX);
	for (unsigned i = 0; i < 6; i++) {
		bad = ask_usual;
		switch (i) {
		case 0:
			bad.kind = IKE_FETCH_KINDS;
			break;
		case 1:
			bad.url = text("http://x/\n");
			break;
		case 2:
			bad.url = text("");
			break;
		case 3:
			bad.connection = text("of fice");
			break;
		case 4:
			bad.octets_max = IKE_FETCH_OCTETS_MAX + 1;
			break;
		default:
			bad.body = text("only OCSP has one");
			break;
		}
		w = writer_of(buf, sizeof(buf));
		fetch_ask_write(&w, &bad);
		assert_int_equal(fetch_ask_read(&a, writer_bytes_so_far(&w)), ERR_SYNTAX);
	}
	struct fetch_answer answer = {.ticket = 5, .result = ERR_LIMIT, .reason = text("no")};
	w = writer_of(buf, sizeof(buf));
	fetch_answer_write(&w, &answer);
	assert_int_equal(fetch_answer_read(&answer, writer_bytes_so_far(&w)), ERR_NONE);
	assert_int_equal(answer.result, ERR_LIMIT);
	buf[8] = 200;
	assert_int_equal(fetch_answer_read(&answer, writer_bytes_so_far(&w)), ERR_SYNTAX);
}

struct told {
	unsigned n, bad;
	uint64_t last;
	char reason[200];
};

static void on_answer(void *ctx, uint64_t ticket, enum err result, const char *reason,
		      struct bytes data)
{
	struct told *t = ctx;

	t->n++;
	t->bad += result != ERR_NONE;
	t->last = ticket;
	assert_true((data.n != 0) == (result == ERR_NONE));
	(void)snprintf(t->reason, sizeof(t->reason), "%s", reason);
}

static int64_t on_wall(void *ctx)
{
	(void)ctx;
	return 1800000000;
}

static const struct fetch_policy policy = {
    .timeout = 1000000, .connect_timeout = 1000000, .octets_max = 1000, .at_once = 1};

static struct fetch_desk *desk_of(struct told *t)
{
	const struct fetch_desk_owner owner = {.ctx = t,
					       .policy = &policy,
					       .cache_octets = 10000,
					       .answer = on_answer,
					       .wall = on_wall};

	*t = (struct told){0};
	return fetch_desk_new(&owner);
}

static void ask(struct fetch_desk *d, uint64_t ticket, const char *url, bool by_hash)
{
	struct fetch_ask a = {.ticket = ticket,
			      .kind = by_hash ? IKE_FETCH_CERTIFICATE : IKE_FETCH_CRL,
			      .has_sha1 = by_hash,
			      .connection = text("office"),
			      .url = text(url)};

	fetch_desk_ask(d, &a);
}

static void run_desk(struct fetch_desk *d, const struct told *t, unsigned n)
{
	bool readable;

	for (unsigned waits = 0; t->n < n && waits < 1000; waits++)
		assert_int_equal(fetch_desk_wait(d, -1, 60000, &readable), ERR_NONE);
	assert_int_equal(t->n, n);
}

/* Everybody who wants the same gets the same; it is remembered that it failed. */
static void asks_are_joined(void **state)
{
	struct told t;
	struct fetch_desk *d = desk_of(&t);

	(void)state;
	ask(d, 1, "http://127.0.0.1/a", false);
	ask(d, 2, "http://127.0.0.1/a", false);
	ask(d, 3, "http://127.0.0.1/b", false);
	assert_int_equal(t.n, 0);
	run_desk(d, &t, 3);
	assert_int_equal(t.bad, 3);
	assert_non_null(strstr(t.reason, "127.0.0.1, a loopback address"));
	ask(d, 4, "http://127.0.0.1/a", false);
	assert_int_equal(t.n, 4); /* at once */
	assert_int_equal(t.last, 4);
	fetch_desk_free(d);
	assert_int_equal(mem_blocks_held(), 0);
}

static void too_much_is_refused(void **state)
{
	struct told t;
	struct fetch_desk *d = desk_of(&t);
	char url[64];

	(void)state;
	/* A peer that is not known yet does not take everybody's room. */
	for (unsigned i = 0; i < FETCH_BY_HASH_MAX + 1; i++) {
		(void)snprintf(url, sizeof(url), "http://127.0.0.1/%u", i);
		ask(d, i, url, true);
	}
	assert_int_equal(t.n, 1);
	assert_string_equal(t.reason, "too much is being fetched already");
	for (unsigned i = 0; i < FETCH_ERRANDS_MAX; i++) {
		(void)snprintf(url, sizeof(url), "http://127.0.0.1/list-%u", i);
		ask(d, i, url, false);
	}
	assert_int_equal(t.n, 1 + FETCH_BY_HASH_MAX);
	run_desk(d, &t, 1 + FETCH_BY_HASH_MAX + FETCH_ERRANDS_MAX);
	fetch_desk_free(d);
	assert_int_equal(mem_blocks_held(), 0);
}

static void keeping_is_checked(void **state)
{
	uint8_t buf[4096];
	struct writer w = writer_of(buf, sizeof(buf));
	struct told t;
	struct fetch_desk *d = desk_of(&t);

	(void)state;
	fetch_keep_write(&w, text("http://127.0.0.1/a"));
	fetch_keep_write(&w, text("http://127.0.0.1/b"));
	const struct bytes two = writer_bytes_so_far(&w);
	assert_int_equal(fetch_desk_keep(d, two), ERR_NONE);
	/* Cut, and too many. */
	assert_int_equal(fetch_desk_keep(d, bytes_of(two.p, two.n - 1)), ERR_SYNTAX);
	for (unsigned i = 0; i < FETCH_KEEP_MAX; i++)
		fetch_keep_write(&w, text("http://127.0.0.1/c"));
	assert_int_equal(fetch_desk_keep(d, writer_bytes_so_far(&w)), ERR_SYNTAX);
	/* Who asks for one that is under way gets it, too. */
	ask(d, 7, "http://127.0.0.1/b", false);
	run_desk(d, &t, 1);
	fetch_desk_free(d);
	assert_int_equal(mem_blocks_held(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_cache_is_bounded),
	    cmocka_unit_test(a_failure_leaves_what_is_good),
	    cmocka_unit_test(lists_are_fetched_in_time),
	    cmocka_unit_test(messages_are_checked),
	    cmocka_unit_test(asks_are_joined),
	    cmocka_unit_test(too_much_is_refused),
	    cmocka_unit_test(keeping_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
