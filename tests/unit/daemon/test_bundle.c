/* A configuration on its way to other processes: whole, and no secret where none belongs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "daemon/bundle.h"

static const char text[] =
    "daemon { mtu = 1400 }\n"
    "connection a { remote = 10.0.0.2 local-id = a auth = cert cert = c.pem\n"
    "  key = k.pem ca = ca.pem\n"
    "  child n { local-ts = { 10.1.0.0/24, 10.4.0.0/24 } remote-ts = 10.2.0.0/24 }\n"
    "  child m { local-ts = 10.1.0.0/24 remote-ts = 10.3.0.0/24 } }\n"
    "secret \"a\" \"b\" { psk-file = p.psk }\n"
    "ppk \"x\" { ppk-file = q.ppk }\n";

static void make(struct config *c, struct files *f)
{
	struct errors e;

	config_init(c);
	errors_init(&e, "t.conf");
	assert_int_equal(config_parse(c, BYTES_LITERAL(text), &e), ERR_NONE);
	assert_int_equal(files_init(f), ERR_NONE);
	assert_int_equal(files_add(f, "c.pem", false, mem_copy(BYTES_LITERAL("CERT")), 4),
			 ERR_NONE);
	assert_int_equal(files_add(f, "k.pem", true, mem_copy(BYTES_LITERAL("PRIVATE")), 7),
			 ERR_NONE);
	assert_int_equal(files_add(f, "p.psk", true, mem_copy(BYTES_LITERAL("HUSH")), 4), ERR_NONE);
	assert_int_equal(files_add(f, "q.ppk", true, mem_copy(BYTES_LITERAL("QUIET")), 5),
			 ERR_NONE);
}

static void unmake(struct config *c, struct files *f)
{
	config_clear(c);
	files_clear(f);
}

static void the_ike_process_gets_no_secret(void **state)
{
	(void)state;
	struct config c, back;
	struct files f, files;
	struct bytes keys;
	uint8_t *out = NULL;
	size_t n = 0;

	make(&c, &f);
	assert_int_equal(bundle_write(BUNDLE_IKE, &c, &f, BYTES_LITERAL("INFOS"), &out, &n),
			 ERR_NONE);
	assert_null(memmem(out, n, "PRIVATE", 7));
	assert_null(memmem(out, n, "HUSH", 4));
	assert_null(memmem(out, n, "QUIET", 5));
	assert_int_equal(bundle_read(BUNDLE_IKE, bytes_of(out, n), &back, &files, &keys), ERR_NONE);
	assert_true(bytes_equal(keys, BYTES_LITERAL("INFOS")));
	assert_string_equal(back.name, "t.conf");
	assert_int_equal(back.n_connections, 1);
	assert_int_equal(back.n_children, 2);
	assert_non_null(files_find(&files, "c.pem"));
	assert_null(files_find(&files, "k.pem"));
	const struct config_section *s = back.sections->next;
	assert_string_equal(s->title, "a");
	assert_int_equal(config_get(s, "key")->line, 3);
	assert_string_equal(s->children->next->title, "m");
	const struct config_value *v = config_get_next(config_get(s->children, "local-ts"));
	assert_string_equal(v->text, "10.4.0.0/24");
	assert_string_equal(s->next->title2, "b");
	unmake(&back, &files);
	mem_free_secret(out, n);
	unmake(&c, &f);
}

static void the_keys_process_gets_nothing_else(void **state)
{
	(void)state;
	struct config c, back;
	struct files f, files;
	struct bytes keys;
	uint8_t *out = NULL;
	size_t n = 0;

	make(&c, &f);
	assert_int_equal(bundle_write(BUNDLE_KEYS, &c, &f, bytes_of(NULL, 0), &out, &n), ERR_NONE);
	assert_null(memmem(out, n, "CERT", 4));
	assert_int_equal(bundle_read(BUNDLE_KEYS, bytes_of(out, n), &back, &files, &keys),
			 ERR_NONE);
	assert_int_equal(back.n_connections, 0);
	assert_int_equal(back.sections->kind, SECTION_SECRET);
	assert_int_equal(back.sections->next->kind, SECTION_PPK);
	assert_null(back.sections->next->next);
	assert_non_null(files_find(&files, "q.ppk"));
	assert_true(files_find(&files, "k.pem")->secret);
	assert_non_null(files_find(&files, "p.psk"));
	unmake(&back, &files);
	/* Read as the other kind it is refused. */
	assert_int_equal(bundle_read(BUNDLE_IKE, bytes_of(out, n), &back, &files, &keys),
			 ERR_SYNTAX);
	unmake(&back, &files);
	mem_free_secret(out, n);
	unmake(&c, &f);
}

static void cut_or_longer_is_refused(void **state)
{
	(void)state;
	struct config c, back;
	struct files f, files;
	struct bytes keys;
	uint8_t *out = NULL;
	size_t n = 0, held = mem_blocks_held();

	make(&c, &f);
	assert_int_equal(bundle_write(BUNDLE_IKE, &c, &f, BYTES_LITERAL("INFOS"), &out, &n),
			 ERR_NONE);
	/* n + 1: the buffer is larger than the bundle. */
	for (size_t i = 0; i <= n + 1; i++) {
		enum err e = bundle_read(BUNDLE_IKE, bytes_of(out, i), &back, &files, &keys);
		assert_int_equal(e, i == n ? ERR_NONE : ERR_SYNTAX);
		unmake(&back, &files);
	}
	mem_free_secret(out, n);
	unmake(&c, &f);
	assert_int_equal(mem_blocks_held(), held);
}

static void key_infos_survive_the_way(void **state)
{
	(void)state;
	uint8_t buf[64];
	struct writer w = writer_of(buf, sizeof(buf));
	struct key_info k;

	key_info_write(&w, &(struct key_info){"k.pem", KEY_ED25519, BYTES_LITERAL("SPKI")});
	struct reader r = reader_of(writer_bytes_so_far(&w));
	assert_int_equal(key_info_read(&r, &k), ERR_NONE);
	assert_string_equal(k.name, "k.pem");
	assert_int_equal(k.type, KEY_ED25519);
	assert_true(bytes_equal(k.spki, BYTES_LITERAL("SPKI")));
	assert_int_equal(reader_left(&r), 0);
	for (size_t n = 0; n < w.n; n++) {
		r = reader_of(bytes_of(buf, n));
		assert_int_equal(key_info_read(&r, &k), ERR_SYNTAX);
	}
	buf[2 + 5] = 'x'; /* the name's NUL */
	r = reader_of(writer_bytes_so_far(&w));
	assert_int_equal(key_info_read(&r, &k), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_ike_process_gets_no_secret),
	    cmocka_unit_test(the_keys_process_gets_nothing_else),
	    cmocka_unit_test(cut_or_longer_is_refused),
	    cmocka_unit_test(key_infos_survive_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
