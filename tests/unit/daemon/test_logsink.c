/* Log lines and journal entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/logsink.h"

static void a_line_has_time_level_connection_and_the_rest(void **state)
{
	(void)state;
	char buf[LOGSINK_LINE_MAX];
	const struct log_field fields[] = {
	    {"peer", "10.0.0.2:500"}, {"connection", "office"}, {"x", NULL}};
	const struct log_record r = {LOG_INFO, "it is up", fields, 3};

	assert_string_equal(logsink_line(&r, "ike", 1790000000123456ULL, buf),
			    "2026-09-21T14:13:20.123Z info connection=office it is up "
			    "peer=10.0.0.2:500 process=ike");
	const struct log_record bare = {LOG_ERR, "no", NULL, 0};
	assert_string_equal(logsink_line(&bare, NULL, 0, buf), "1970-01-01T00:00:00.000Z error no");
}

static void the_journal_gets_fields(void **state)
{
	(void)state;
	char buf[LOGSINK_LINE_MAX];
	const struct log_field fields[] = {{"connection", "office"}, {"spi-in", "0a"}};
	const struct log_record r = {LOG_WARN, "odd", fields, 2};
	static const char want[] =
	    "PRIORITY=4\nSYSLOG_IDENTIFIER=posternd\n"
	    "MESSAGE=odd connection=office spi-in=0a\n"
	    "POSTERN_PROCESS=ike\nPOSTERN_CONNECTION=office\nPOSTERN_SPI_IN=0a\n";

	assert_int_equal(logsink_entry(&r, "ike", buf), sizeof(want) - 1);
	buf[sizeof(want) - 1] = '\0';
	assert_string_equal(buf, want);
}

static void what_does_not_fit_is_not_half_sent(void **state)
{
	(void)state;
	char buf[LOGSINK_LINE_MAX], value[1900];
	const struct log_field fields[] = {{"a", value}, {"b", value}};
	const struct log_record r = {LOG_WARN, "long", fields, 2};

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(logsink_entry(&r, "ike", buf), 0);
	assert_true(strlen(logsink_line(&r, "ike", 0, buf)) < LOGSINK_LINE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_time_level_connection_and_the_rest),
	    cmocka_unit_test(the_journal_gets_fields),
	    cmocka_unit_test(what_does_not_fit_is_not_half_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
