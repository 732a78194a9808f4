/* Cost grows with the number of connections, not with its square: the ratio of processor time for
 * 1,000 and for 10,000 connections in one run, so that the machine's speed does not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "daemon/build.h"
#include "daemon/config.h"

/* Linear is 10, quadratic is 100. */
#define RATIO_MAX 25.0

static char *make_text(unsigned connections, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	for (unsigned i = 0; i < connections; i++)
		(void)fprintf(f,
			      "connection c%u {\n remote = 10.100.%u.%u\n local-id = a.example\n"
			      " remote-id = \"gw-%u.example\" # peer\n auth = psk\n child net {\n"
			      "  local-ts = { 10.1.0.0/24 }\n  remote-ts = 172.16.%u.%u }\n}\n"
			      "secret \"a.example\" \"gw-%u.example\" { psk-file = p }\n",
			      i, i / 256, i % 256, i, i / 256, i % 256, i);
	(void)fclose(f);
	return text;
}

static double measure(unsigned connections)
{
	static const uint8_t secret[16];
	size_t len = 0;
	struct config c;
	struct errors e;
	struct files f;
	struct builder b;
	struct built built;
	char *text = make_text(connections, &len);
	clock_t begun = clock();

	config_init(&c);
	errors_init(&e, "t.conf");
	assert_int_equal(config_parse(&c, bytes_of(text, len), &e), ERR_NONE);
	assert_int_equal(c.n_connections, connections);
	assert_int_equal(files_init(&f), ERR_NONE);
	assert_int_equal(builder_init(&b, secret), ERR_NONE);
	assert_int_equal(build_connections(&b, &c, &f, bytes_of(NULL, 0), &built, &e), ERR_NONE);
	assert_int_equal(built.n, connections);
	double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
	built_clear(&built);
	builder_clear(&b);
	files_clear(&f);
	errors_clear(&e);
	config_clear(&c);
	free(text);
	return seconds;
}

static void ten_times_the_connections_cost_ten_times_the_time(void **state)
{
	(void)state;
	size_t held = mem_blocks_held();
	double few = 0, many = 0;

	(void)measure(1000); /* the caches and the heap are warm for both */
	for (int i = 0; i < 5; i++)
		few += measure(1000);
	many = measure(10000);
	print_message("1,000 connections: %.3f s, 10,000: %.3f s\n", few / 5, many);
	assert_true(many < few / 5 * RATIO_MAX);
	assert_int_equal(mem_blocks_held(), held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ten_times_the_connections_cost_ten_times_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
