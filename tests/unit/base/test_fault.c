#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"

static void names_are_complete_and_unique(void **state)
{
	(void)state;
	const struct fault_info *list = fault_list();

	assert_true(FAULT_COUNT >= 30);
	for (size_t i = 0; i < FAULT_COUNT; i++) {
		assert_non_null(list[i].name);
		assert_non_null(list[i].help);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(list[i].name, list[j].name);
	}
}

static void text_sets_argument_and_count(void **state)
{
	(void)state;
	struct faults f = {0};

	assert_int_equal(faults_set(&f, "omit-payload=0x22*2,drop"), ERR_NONE);
	assert_int_equal(f.state[FAULT_OMIT_PAYLOAD].arg, 0x22);
	assert_int_equal(f.state[FAULT_OMIT_PAYLOAD].left, 2);
	assert_int_equal(f.state[FAULT_DROP].on, 1);
	assert_int_equal(faults_set(&f, "drop=off"), ERR_NONE);
	assert_int_equal(f.state[FAULT_DROP].on, 0);
	assert_int_equal(f.state[FAULT_OMIT_PAYLOAD].on, 1);
	assert_int_equal(faults_set(&f, "off"), ERR_NONE);
	assert_int_equal(f.state[FAULT_OMIT_PAYLOAD].on, 0);
}

static void bad_text_changes_nothing(void **state)
{
	(void)state;
	struct faults f = {0};
	static const struct {
		const char *text;
		enum err e;
	} bad[] = {
	    {"", ERR_NOT_FOUND},          {"dro", ERR_NOT_FOUND},          {"drop,", ERR_NOT_FOUND},
	    {"drop=", ERR_SYNTAX},        {"drop=x", ERR_SYNTAX},          {"drop=1x", ERR_SYNTAX},
	    {"drop*0", ERR_SYNTAX},       {"drop=1*", ERR_SYNTAX},         {"drop=-1", ERR_SYNTAX},
	    {"drop,nope", ERR_NOT_FOUND}, {"drop*4294967296", ERR_SYNTAX},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(faults_set(&f, bad[i].text), bad[i].e);
		assert_int_equal(f.state[FAULT_DROP].on, 0);
	}
}

static void a_count_is_used_up(void **state)
{
	(void)state;
#ifdef POSTERN_FAULTS
	struct faults f = {0};

	assert_false(fault_active(&f, FAULT_DROP));
	assert_false(fault_active(NULL, FAULT_DROP));
	assert_int_equal(faults_set(&f, "drop=3*2"), ERR_NONE);
	assert_int_equal(fault_arg(&f, FAULT_DROP, 1), 3);
	assert_true(fault_active(&f, FAULT_DROP));
	assert_true(fault_active(&f, FAULT_DROP));
	assert_false(fault_active(&f, FAULT_DROP));
	assert_int_equal(f.state[FAULT_DROP].fired, 2);
	assert_int_equal(faults_set(&f, "drop"), ERR_NONE);
	assert_int_equal(fault_arg(&f, FAULT_DROP, 7), 7);
#else
	assert_false(fault_active(NULL, FAULT_DROP));
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_complete_and_unique),
	    cmocka_unit_test(text_sets_argument_and_count),
	    cmocka_unit_test(bad_text_changes_nothing),
	    cmocka_unit_test(a_count_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
