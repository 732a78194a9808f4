/* Which policy and pair a packet meets, and that nothing stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plane/spd.h"
#include "samples.h"

static const uint8_t secret[16] = {1, 2, 3};

struct fixture {
	struct spd spd;
	struct sample s;
	size_t held;
};

static int set_up(void **state)
{
	static struct fixture f;
	memset(&f, 0, sizeof(f));
	f.held = mem_blocks_held();
	sample_fill(&f.s);
	assert_int_equal(spd_init(&f.spd, secret), ERR_NONE);
	assert_int_equal(spd_policy_set(&f.spd, &f.s.policy), ERR_NONE);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	spd_clear(&f->spd);
	assert_int_equal(mem_blocks_held(), f->held);
	return 0;
}

static struct flow_key flow(const char *src, const char *dst, uint8_t protocol, uint16_t port)
{
	struct flow_key k = {
	    .protocol = protocol, .has_ports = true, .src_port = port, .dst_port = port};
	assert_int_equal(addr_parse(&k.src, src), ERR_NONE);
	assert_int_equal(addr_parse(&k.dst, dst), ERR_NONE);
	return k;
}

static enum packet_fate ask(struct fixture *f, const struct flow_key *k, struct spd_child **c)
{
	struct spd_policy *p;
	return spd_outbound(&f->spd, k, &p, c);
}

static struct spd_child *add(struct fixture *f, uint32_t handle, uint32_t spi, bool activate)
{
	struct spd_child *c = NULL;
	f->s.child.handle = handle;
	f->s.child.spi_in = spi;
	f->s.child.activate = activate;
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_NONE);
	return c;
}

static void test_outbound(void **state)
{
	struct fixture *f = *state;
	struct spd_child *c;
	struct flow_key in = flow("10.1.0.5", "10.2.0.5", 17, 53);
	struct flow_key other = flow("10.3.0.5", "10.2.0.5", 17, 53);
	assert_int_equal(ask(f, &in, &c), PACKET_NO_SA);
	assert_int_equal(ask(f, &other, &c), PACKET_NO_POLICY);
	struct spd_child *made = add(f, 3, 0x1001, false);
	/* Installed is not active (RFC 7296 2.8). */
	assert_int_equal(ask(f, &in, &c), PACKET_NO_SA);
	spd_child_activate(&f->spd, made);
	assert_int_equal(ask(f, &in, &c), PACKET_OK);
	assert_ptr_equal(c, made);
	/* Once more, from the cache. */
	assert_int_equal(ask(f, &in, &c), PACKET_OK);
	assert_int_equal(ask(f, &other, &c), PACKET_NO_POLICY);
	spd_child_remove(&f->spd, made);
	assert_int_equal(ask(f, &in, &c), PACKET_NO_SA);
	spd_policy_remove(&f->spd, 7);
	assert_int_equal(ask(f, &in, &c), PACKET_NO_POLICY);
}

static void test_ports(void **state)
{
	struct fixture *f = *state;
	struct spd_child *c, *made = add(f, 3, 0x1001, true);
	struct flow_key http = flow("10.1.9.2", "10.2.0.5", 6, 80);
	struct flow_key ssh = flow("10.1.9.2", "10.2.0.5", 6, 22);
	struct flow_key later = http;
	later.has_ports = false;
	later.src_port = later.dst_port = 0;
	assert_int_equal(ask(f, &http, &c), PACKET_OK);
	assert_ptr_equal(c, made);
	assert_int_equal(ask(f, &ssh, &c), PACKET_NO_POLICY);
	assert_int_equal(ask(f, &later, &c), PACKET_NO_POLICY);
}

static void test_rekey(void **state)
{
	struct fixture *f = *state;
	struct spd_child *c, *old = add(f, 3, 0x1001, true), *new = add(f, 4, 0x1002, false);
	struct flow_key k = flow("10.1.0.5", "10.2.0.5", 17, 53);
	assert_int_equal(ask(f, &k, &c), PACKET_OK);
	assert_ptr_equal(c, old);
	spd_child_activate(&f->spd, new);
	assert_int_equal(ask(f, &k, &c), PACKET_OK);
	assert_ptr_equal(c, new);
	/* Both still receive (N24). */
	assert_ptr_equal(spd_child_by_spi(&f->spd, 0x1001), old);
	assert_ptr_equal(spd_child_by_spi(&f->spd, 0x1002), new);
	spd_child_remove(&f->spd, new);
	assert_int_equal(ask(f, &k, &c), PACKET_OK);
	assert_ptr_equal(c, old);
}

static void test_retired(void **state)
{
	struct fixture *f = *state;
	struct spd_child *c, *old = add(f, 3, 0x1001, true), *new = add(f, 4, 0x1002, true);
	struct flow_key k = flow("10.1.0.5", "10.2.0.5", 17, 53);
	/* Its owner has removed it, and it receives on; its handle may be given out again. */
	spd_child_retire(&f->spd, old, 100);
	assert_ptr_equal(spd_child_by_spi(&f->spd, 0x1001), old);
	assert_null(spd_child_by_handle(&f->spd, 3));
	assert_int_equal(ask(f, &k, &c), PACKET_OK);
	assert_ptr_equal(c, new);
	struct spd_child *third = add(f, 3, 0x1003, false);
	assert_int_equal(spd_retired_lapse(&f->spd, 99), 100);
	assert_ptr_equal(spd_child_by_spi(&f->spd, 0x1001), old);
	assert_int_equal(spd_retired_lapse(&f->spd, 100), UINT64_MAX);
	assert_null(spd_child_by_spi(&f->spd, 0x1001));
	/* It never sends again, not even when the last active one goes; and goes with that. */
	spd_child_activate(&f->spd, third);
	spd_child_retire(&f->spd, new, 200);
	spd_child_retire(&f->spd, third, 300);
	assert_null(spd_child_by_spi(&f->spd, 0x1002));
	assert_null(spd_child_by_spi(&f->spd, 0x1003));
	assert_int_equal(ask(f, &k, &c), PACKET_NO_SA);
	assert_int_equal(spd_retired_lapse(&f->spd, 300), UINT64_MAX);
}

static void test_order(void **state)
{
	struct fixture *f = *state;
	struct spd_policy *p;
	struct spd_child *c;
	struct flow_key k = flow("10.1.0.5", "10.2.0.5", 17, 53);
	f->s.policy.id = 9;
	assert_int_equal(spd_policy_set(&f->spd, &f->s.policy), ERR_NONE);
	assert_int_equal(spd_outbound(&f->spd, &k, &p, &c), PACKET_NO_SA);
	assert_int_equal(p->id, 7);
	f->s.policy.id = 2;
	assert_int_equal(spd_policy_set(&f->spd, &f->s.policy), ERR_NONE);
	assert_int_equal(spd_outbound(&f->spd, &k, &p, &c), PACKET_NO_SA);
	assert_int_equal(p->id, 2);
	/* A policy that is set again keeps its pairs. */
	f->s.policy.id = 7;
	struct spd_child *made = add(f, 3, 0x1001, true);
	assert_int_equal(spd_policy_set(&f->spd, &f->s.policy), ERR_NONE);
	spd_policy_remove(&f->spd, 2);
	assert_int_equal(spd_outbound(&f->spd, &k, &p, &c), PACKET_OK);
	assert_ptr_equal(c, made);
}

static void test_inbound(void **state)
{
	struct fixture *f = *state;
	const struct spd_child *c = add(f, 3, 0x1001, true);
	struct flow_key good = flow("10.2.0.5", "10.1.0.5", 17, 53);
	struct flow_key wrong = flow("10.9.0.5", "10.1.0.5", 17, 53);
	struct flow_key reversed = flow("10.1.0.5", "10.2.0.5", 17, 53);
	assert_true(spd_inbound_allowed(c, &good));
	assert_false(spd_inbound_allowed(c, &wrong));
	assert_false(spd_inbound_allowed(c, &reversed));
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct spd_child *c;
	(void)add(f, 3, 0x1001, true);
	size_t held = mem_blocks_held();
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_EXISTS);
	f->s.child.handle = 4;
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_EXISTS);
	f->s.child.spi_in = 255;
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_RANGE);
	f->s.child.spi_in = 0x1002;
	f->s.child.policy = 8;
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_NOT_FOUND);
	f->s.child.policy = 7;
	f->s.child.replay_window = 3;
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_RANGE);
	f->s.child.replay_window = 64;
	f->s.child.n_remote = 0;
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_RANGE);
	f->s.child.n_remote = 2;
	f->s.child.outer.remote.addr = addr_v4(0);
	assert_int_equal(spd_child_add(&f->spd, &f->s.child, &c), ERR_RANGE);
	assert_int_equal(mem_blocks_held(), held);
}

static void test_new_owner(void **state)
{
	struct fixture *f = *state;
	struct spd_child *c, *old = add(f, 3, 0x1001, true);
	struct flow_key k = flow("10.1.0.5", "10.2.0.5", 17, 53);
	spd_orphan_all(&f->spd);
	/* Traffic goes on. */
	assert_int_equal(ask(f, &k, &c), PACKET_OK);
	assert_ptr_equal(c, old);
	assert_null(spd_child_by_handle(&f->spd, 3));
	/* The new owner may use the same handle; its pair ends the old one once it is active. */
	struct spd_child *new = add(f, 3, 0x1002, false);
	assert_ptr_equal(spd_child_by_spi(&f->spd, 0x1001), old);
	spd_child_activate(&f->spd, new);
	assert_null(spd_child_by_spi(&f->spd, 0x1001));
	assert_int_equal(ask(f, &k, &c), PACKET_OK);
	assert_ptr_equal(c, new);
}

static void test_many(void **state)
{
	struct fixture *f = *state;
	struct spd_child *c;
	/* More flows than the cache holds: each still gets its answer. */
	(void)add(f, 3, 0x1001, true);
	for (uint32_t i = 0; i < 3 * SPD_CACHE_SLOTS; i++) {
		struct flow_key k = flow("10.1.0.5", "10.2.0.5", 17, (uint16_t)i);
		assert_int_equal(ask(f, &k, &c), PACKET_OK);
	}
	assert_int_equal(f->spd.policies.n_nodes, 1);
}

/* The index gives what looking at every policy would give. */
static uint32_t seed = 1;

static uint32_t next(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

static bool in(const struct selector *s, const struct addr *a)
{
	return addr_range_has(&s->addrs, a);
}

static void test_index(void **state)
{
	struct fixture *f = *state;
	static struct selector local[300], remote[300];
	spd_policy_remove(&f->spd, 7);
	for (uint32_t i = 0; i < 300; i++) {
		uint32_t from = next(4096), to = from + next(i % 3 == 0 ? 2000 : 16);
		local[i] = sample_selector(i % 2 == 0 ? "10.1.0.0/24" : "10.1.0.0/16");
		remote[i] = sample_selector("0.0.0.0/0");
		remote[i].addrs = (struct addr_range){addr_v4(from), addr_v4(to)};
		struct dataplane_policy p = {.id = (i * 7919) % 300,
					     .local = &local[i],
					     .n_local = 1,
					     .remote = &remote[i],
					     .n_remote = 1};
		assert_int_equal(spd_policy_set(&f->spd, &p), ERR_NONE);
	}
	for (uint32_t id = 0; id < 300; id += 5)
		spd_policy_remove(&f->spd, id);
	for (uint32_t n = 0; n < 5000; n++) {
		struct flow_key k = {.src = addr_v4(0x0a010000 + next(512)),
				     .dst = addr_v4(next(6000))};
		uint32_t expected = UINT32_MAX;
		for (uint32_t i = 0; i < 300; i++) {
			uint32_t id = (i * 7919) % 300;
			if (id % 5 != 0 && id < expected && in(&local[i], &k.src) &&
			    in(&remote[i], &k.dst))
				expected = id;
		}
		struct spd_policy *p;
		struct spd_child *c;
		enum packet_fate fate = spd_outbound(&f->spd, &k, &p, &c);
		assert_int_equal(fate, expected == UINT32_MAX ? PACKET_NO_POLICY : PACKET_NO_SA);
		if (expected != UINT32_MAX)
			assert_int_equal(p->id, expected);
	}
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_outbound), TEST(test_ports),   TEST(test_rekey),     TEST(test_order),
	    TEST(test_inbound),  TEST(test_refused), TEST(test_new_owner), TEST(test_many),
	    TEST(test_index),    TEST(test_retired),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
