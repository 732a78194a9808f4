#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include <string.h>

struct seen {
	unsigned n;
	enum log_level level;
	char line[2048];
};

static void keep(void *ctx, const struct log_record *record)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->level = record->level;
	log_format(record, seen->line, sizeof(seen->line));
}

static void records_reach_the_sink(void **state)
{
	struct seen seen = {0};
	struct log log = {keep, &seen, LOG_INFO};
	const struct log_field fields[] = {
	    {"peer", "10.0.0.1"}, {"left", "out"}, {"none", NULL}, {"why", "no \"reason\" given"}};

	(void)state;
	log_write(&log, LOG_NOTE, fields, 4, "%d of %s", 2, "three");
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.level, LOG_NOTE);
	assert_string_equal(seen.line, "2 of three peer=10.0.0.1 left=out "
				       "why=\"no \\\"reason\\\" given\"");
	log_write(&log, LOG_DEBUG, NULL, 0, "too much");
	assert_int_equal(seen.n, 1);
	log_write(NULL, LOG_ERR, NULL, 0, "nobody listens");
	assert_false(log_wants(NULL, LOG_ERR));
	assert_true(log_wants(&log, LOG_INFO));
	assert_false(log_wants(&log, LOG_DEBUG));
}

static void nobody_forges_a_line(void **state)
{
	struct seen seen = {0};
	struct log log = {keep, &seen, LOG_INFO};
	const struct log_field fields[] = {{"id", "a\nerror: b=c"}, {"empty", ""}, {"eq", "x=y"}};

	(void)state;
	log_write(&log, LOG_INFO, fields, 3, "peer says %s", "x\r\n\x1b[2J\x7f");
	assert_string_equal(seen.line,
			    "peer says x???[2J? id=\"a?error: b=c\" empty=\"\" eq=\"x=y\"");
}

static void long_text_is_cut(void **state)
{
	struct seen seen = {0};
	struct log log = {keep, &seen, LOG_INFO};
	const struct log_field field = {"key", "value"};
	struct log_record record = {LOG_INFO, "some text", &field, 1};
	char text[1501];
	char small[12];

	(void)state;
	memset(text, 'x', 1500);
	text[1500] = '\0';
	log_write(&log, LOG_INFO, NULL, 0, "%s", text);
	assert_int_equal(strlen(seen.line), 1000);
	assert_string_equal(log_format(&record, small, sizeof(small)), "some text k");
	assert_string_equal(log_format(&record, small, 1), "");
	small[0] = 'z';
	assert_ptr_equal(log_format(&record, small, 0), small);
	assert_int_equal(small[0], 'z');
}

static void levels_have_names(void **state)
{
	(void)state;
	assert_string_equal(log_level_name(LOG_ERR), "error");
	assert_string_equal(log_level_name(LOG_WARN), "warning");
	assert_string_equal(log_level_name(LOG_NOTE), "notice");
	assert_string_equal(log_level_name(LOG_INFO), "info");
	assert_string_equal(log_level_name(LOG_DEBUG), "debug");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_reach_the_sink),
	    cmocka_unit_test(nobody_forges_a_line),
	    cmocka_unit_test(long_text_is_cut),
	    cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests_name("base_log", tests, NULL, NULL);
}
