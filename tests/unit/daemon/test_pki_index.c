/* The plain text in which `postern pki` keeps what it has issued. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/pki_index.h"

#define NOW 1795521600 /* 2026-11-24 12:00:00 UTC */
#define DAY 86400

static struct pki_index filled(void)
{
	struct pki_index index = {.crl_number = 9};

	assert_int_equal(pki_index_add(&index, "0A", NOW + DAY, "mldsa65", "gw-a.example"),
			 ERR_NONE);
	assert_int_equal(pki_index_add(&index, "0BFF", NOW + DAY, "rsa2048", "CN=b, O=x y"),
			 ERR_NONE);
	assert_int_equal(pki_index_add(&index, "0C", NOW - DAY, "ed25519", "old.example"),
			 ERR_NONE);
	assert_int_equal(pki_index_revoke(&index.entries[0], "superseded", NOW), ERR_NONE);
	return index;
}

static void test_text_and_back(void **state)
{
	struct pki_index index = filled(), again;
	char *text = pki_index_text(&index);
	size_t line;

	(void)state;
	assert_non_null(strstr(text, "\ncrl-number 9\n"));
	assert_non_null(strstr(text, "\n0A revoked 2026-11-24T12:00:00Z superseded "
				     "2026-11-25T12:00:00Z mldsa65 gw-a.example\n"));
	assert_non_null(strstr(text, "\n0BFF good - - 2026-11-25T12:00:00Z rsa2048 CN=b, O=x y\n"));
	assert_int_equal(pki_index_parse(&again, bytes_of(text, strlen(text)), &line), ERR_NONE);
	assert_int_equal(again.n, 3);
	assert_int_equal(again.crl_number, 9);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(again.entries[i].serial, index.entries[i].serial);
		assert_string_equal(again.entries[i].name, index.entries[i].name);
		assert_string_equal(again.entries[i].key, index.entries[i].key);
		assert_int_equal(again.entries[i].revoked, i == 0);
		assert_int_equal(again.entries[i].not_after, index.entries[i].not_after);
	}
	assert_int_equal(again.entries[0].revoked_at, NOW);
	mem_free(text);
	pki_index_clear(&index);
	pki_index_clear(&again);
	assert_int_equal(mem_blocks_held(), 0);
}

/* None of these is taken for less than an error: a CA must not forget what it has revoked. */
static void test_damaged_text(void **state)
{
	static const char *const bad[] = {
	    "crl-number x\n",
	    "crl-number 18446744073709551616\n",
	    "0A good - - 2026-11-25T12:00:00Z rsa2048 \n",
	    "0A good - - 2026-11-25T12:00:00Z rsa2048\n",
	    "0A good - - 2026-11-25 rsa2048 x\n",
	    "0a good - - 2026-11-25T12:00:00Z rsa2048 x\n",
	    "A good - - 2026-11-25T12:00:00Z rsa2048 x\n",
	    "0A well - - 2026-11-25T12:00:00Z rsa2048 x\n",
	    "0A good - superseded 2026-11-25T12:00:00Z rsa2048 x\n",
	    "0A revoked - superseded 2026-11-25T12:00:00Z rsa2048 x\n",
	    "0A revoked 2026-11-25T12:00:00Z boredom 2026-11-25T12:00:00Z rsa2048 x\n",
	    "0A good - - 2026-11-25T12:00:00Z rsa2048 x", /* cut */
	    "crl-number 1",
	};
	struct pki_index index;
	char text[512];
	size_t line;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(text, "# heading\n0B good - - 2026-11-25T12:00:00Z rsa2048 x\n");
		strcat(text, bad[i]);
		if (pki_index_parse(&index, bytes_of(text, strlen(text)), &line) != ERR_SYNTAX)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(line, 3);
		assert_int_equal(index.n, 0);
	}
	assert_int_equal(pki_index_parse(&index, BYTES_LITERAL("0A\0 good\n"), &line), ERR_SYNTAX);
	assert_int_equal(pki_index_parse(&index, BYTES_LITERAL("\n# x\n"), &line), ERR_NONE);
	assert_int_equal(mem_blocks_held(), 0);
}

static void test_find(void **state)
{
	struct pki_index index = filled();
	size_t matches;

	(void)state;
	assert_ptr_equal(pki_index_find(&index, "0bff", NOW, &matches), &index.entries[1]);
	assert_ptr_equal(pki_index_find(&index, "CN=b, O=x y", NOW, &matches), &index.entries[1]);
	/* A number finds what is revoked or over, a name does not. */
	assert_ptr_equal(pki_index_find(&index, "0A", NOW, &matches), &index.entries[0]);
	assert_null(pki_index_find(&index, "gw-a.example", NOW, &matches));
	assert_int_equal(matches, 0);
	assert_null(pki_index_find(&index, "old.example", NOW, &matches));
	for (int i = 0; i < 40; i++) /* it grows */
		assert_int_equal(pki_index_add(&index, "0D", NOW + DAY, "ed448", "gw-a.example"),
				 ERR_NONE);
	assert_null(pki_index_find(&index, "gw-a.example", NOW, &matches));
	assert_int_equal(matches, 40);
	pki_index_drop_last(&index);
	assert_int_equal(index.n, 42);
	pki_index_clear(&index);
	assert_int_equal(mem_blocks_held(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_and_back),
	    cmocka_unit_test(test_damaged_text),
	    cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
