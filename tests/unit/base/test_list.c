#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct element {
	int value;
	struct list node;
};

static int sum(struct list *l)
{
	int digits = 0;

	LIST_EACH (l, at)
		digits = digits * 10 + CONTAINER_OF(at, struct element, node)->value;
	return digits;
}

static void order_is_kept(void **state)
{
	struct element e[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
	struct list l;

	(void)state;
	list_init(&l);
	assert_true(list_empty(&l));
	assert_int_equal(sum(&l), 0);
	for (size_t i = 0; i < 3; i++)
		list_append(&l, &e[i].node);
	assert_int_equal(sum(&l), 123);
	list_remove(&e[1].node);
	list_remove(&e[1].node);
	assert_int_equal(sum(&l), 13);
	list_append(&l, &e[1].node);
	assert_int_equal(sum(&l), 132);
}

static void a_visited_element_may_go(void **state)
{
	struct element e[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
	struct list l;
	int visits = 0;

	(void)state;
	list_init(&l);
	for (size_t i = 0; i < 3; i++)
		list_append(&l, &e[i].node);
	LIST_EACH (&l, at) {
		visits++;
		list_remove(at);
	}
	assert_int_equal(visits, 3);
	assert_true(list_empty(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order_is_kept),
	    cmocka_unit_test(a_visited_element_may_go),
	};

	return cmocka_run_group_tests_name("base_list", tests, NULL, NULL);
}
