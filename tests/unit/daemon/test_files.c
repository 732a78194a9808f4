/* Files that a configuration names: permissions, kinds, pre-shared keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/files.h"

static char folder[] = "/tmp/postern-test-XXXXXX";

static void make(const char *name, const char *text, mode_t mode)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"good", "open", "group", "fifo", "large"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

/* Reads a configuration with one secret. want: what stands before the path in the one error line,
 * or NULL when there is none. */
static void expect(const char *name, const char *want)
{
	char text[128], line[512];
	struct config c;
	struct files f;
	struct errors e;

	int n = snprintf(text, sizeof(text), "secret \"a\" {\n psk-file = \"%s\" }", name);
	config_init(&c);
	errors_init(&e, "t.conf");
	assert_int_equal(files_init(&f), ERR_NONE);
	assert_int_equal(config_parse(&c, bytes_of(text, (size_t)n), &e), ERR_NONE);
	enum err r = files_read(&f, folder, &c, &e);
	if (want != NULL) {
		(void)snprintf(line, sizeof(line), "t.conf:2: word \"%s\": expected a %s%s/%s",
			       name, want, folder, name);
		assert_int_equal(r, ERR_SYNTAX);
		assert_int_equal(e.n, 1);
		assert_true(strlen(e.line[0]) >= strlen(line));
		e.line[0][strlen(line)] = '\0';
		assert_string_equal(e.line[0], line);
	} else {
		assert_int_equal(r, ERR_NONE);
		const struct file *file = files_find(&f, name);
		assert_non_null(file);
		assert_true(file->secret);
		assert_true(bytes_equal(bytes_of(file->octets, file->n), BYTES_LITERAL("key\n")));
	}
	errors_clear(&e);
	files_clear(&f);
	config_clear(&c);
}

static void secrets_must_be_closed_to_others(void **state)
{
	(void)state;
	char path[128];
	size_t held = mem_blocks_held();

	make("good", "key\n", 0600);
	make("open", "key\n", 0644);
	make("group", "key\n", 0640);
	make("large", "", 0600);
	(void)snprintf(path, sizeof(path), "%s/large", folder);
	assert_int_equal(truncate(path, FILE_OCTETS_MAX + 1), 0);
	(void)snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect("good", NULL);
	expect("open", "file that only its owner can read (it has mode 0644); run: chmod 600 ");
	expect("group", "file that only its owner can read (it has mode 0640); run: chmod 600 ");
	expect("missing", "readable file at ");
	expect("fifo", "regular file at ");
	expect("large", "file of at most 1048576 octets at ");
	assert_int_equal(mem_blocks_held(), held);
}

static void a_psk_is_text_or_hexadecimal(void **state)
{
	(void)state;
	static const struct {
		const char *text, *key;
		enum err e;
	} cases[] = {
	    {"secret\n", "secret", ERR_NONE},
	    {"secret", "secret", ERR_NONE},
	    {"secret\r\n", "secret", ERR_NONE},
	    {"two\n\n", "two\n", ERR_NONE},
	    {" a b \n", " a b ", ERR_NONE},
	    {"0x616263\n", "abc", ERR_NONE},
	    {"0x4A4b", "JK", ERR_NONE},
	    {"0x", NULL, ERR_SYNTAX},
	    {"0x6", NULL, ERR_SYNTAX},
	    {"0x6g", NULL, ERR_SYNTAX},
	    {"", NULL, ERR_SYNTAX},
	    {"\n", NULL, ERR_SYNTAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *key = NULL;
		size_t n = 0;
		enum err e = psk_parse(bytes_of(cases[i].text, strlen(cases[i].text)), &key, &n);
		assert_int_equal(e, cases[i].e);
		if (e == ERR_NONE)
			assert_true(bytes_equal(bytes_of(key, n),
						bytes_of(cases[i].key, strlen(cases[i].key))));
		else
			assert_null(key);
		mem_free_secret(key, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_must_be_closed_to_others),
	    cmocka_unit_test(a_psk_is_text_or_hexadecimal),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
