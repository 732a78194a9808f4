/* Connections by their peer's address: the order of the configuration, and a cost that does not
 * grow with the connections for others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka, which has no includes of its own */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "ike/engine.h"

static void fill(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	crypto_random(buf, n);
}

static struct ike *engine(void)
{
	const struct ike_callbacks cb = {.random = {fill, NULL}};
	struct ike_settings s;

	ike_settings_default(&s);
	struct ike *ike = ike_new(&s, &cb);
	assert_non_null(ike);
	return ike;
}

/* remote 0: any. */
static void set(struct ike *ike, const char *name, uint32_t remote, enum ike_transport transport)
{
	struct ike_connection *c = ike_connection_new(name);

	assert_non_null(c);
	if (remote != 0)
		c->remote = addr_v4(remote);
	c->transport = transport;
	assert_int_equal(ike_connection_set(ike, c, 1), ERR_NONE);
	ike_connection_release(c);
}

static struct path path_from(uint32_t remote)
{
	return (struct path){.local = {addr_v4(0x0a000001), 500}, .remote = {addr_v4(remote), 500}};
}

static void expect(struct ike *ike, uint32_t remote, uint32_t stream, const char *names)
{
	struct path path = path_from(remote);
	char text[200] = "";

	path.stream = stream;
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &path, c)) != NULL;) {
		strcat(text, " ");
		strcat(text, c->config->name);
	}
	assert_string_equal(text, names);
}

static void all_that_fit_in_the_order_of_the_configuration(void **state)
{
	const size_t before = mem_blocks_held();
	struct ike *ike = engine();

	(void)state;
	expect(ike, 1, 0, "");
	set(ike, "a", 1, IKE_TRANSPORT_AUTO);
	set(ike, "any1", 0, IKE_TRANSPORT_AUTO);
	set(ike, "b", 2, IKE_TRANSPORT_AUTO);
	set(ike, "c", 1, IKE_TRANSPORT_UDP);
	set(ike, "any2", 0, IKE_TRANSPORT_UDP);
	set(ike, "d", 1, IKE_TRANSPORT_AUTO);
	expect(ike, 1, 0, " a any1 c any2 d");
	expect(ike, 2, 0, " any1 b any2");
	expect(ike, 3, 0, " any1 any2");
	expect(ike, 1, 7, " a any1 d"); /* by TCP */
	/* Another address: the same place. */
	set(ike, "b", 1, IKE_TRANSPORT_AUTO);
	expect(ike, 1, 0, " a any1 b c any2 d");
	expect(ike, 2, 0, " any1 any2");
	set(ike, "a", 0, IKE_TRANSPORT_AUTO);
	set(ike, "any2", 2, IKE_TRANSPORT_AUTO);
	expect(ike, 1, 0, " a any1 b c d");
	expect(ike, 2, 0, " a any1 any2");
	assert_int_equal(ike_connection_remove(ike, "any1", 2), ERR_NONE);
	assert_int_equal(ike_connection_remove(ike, "c", 2), ERR_NONE);
	expect(ike, 1, 0, " a b d");
	ike_free(ike);
	assert_int_equal(mem_blocks_held(), before);
}

/* Of the processor's time, so that a busy machine does not show. */
static double lookups(unsigned connections)
{
	struct ike *ike = engine();
	char name[20];
	struct timespec t[2];

	for (unsigned i = 0; i < connections; i++) {
		(void)snprintf(name, sizeof(name), "c%u", i);
		set(ike, name, 0x0a640000 + i, IKE_TRANSPORT_AUTO);
	}
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t[0]);
	for (unsigned i = 0; i < 20000; i++) {
		const struct path path = path_from(0x0a640000 + connections - 1 - i % 50);
		struct ike_conn *c = ike_conn_match_path(ike, &path, NULL);
		assert_non_null(c);
		assert_null(ike_conn_match_path(ike, &path, c));
	}
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t[1]);
	ike_free(ike);
	return (double)(t[1].tv_sec - t[0].tv_sec) + (double)(t[1].tv_nsec - t[0].tv_nsec) / 1e9;
}

static void a_hundred_times_the_connections_cost_the_same(void **state)
{
	(void)state;
	(void)lookups(100);
	const double few = lookups(100), many = lookups(10000);

	print_message("20,000 lookups: %.4f s with 100 connections, %.4f s with 10,000\n", few,
		      many);
	assert_true(many < few * 20); /* linear is 100 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_that_fit_in_the_order_of_the_configuration),
	    cmocka_unit_test(a_hundred_times_the_connections_cost_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
