/* The messages between the processes: what goes in comes out, and nothing else gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plane/control.h"
#include "samples.h"

static uint8_t buf[CONTROL_MESSAGE_MAX];
static struct control_message m;

static struct bytes written(const struct writer *w)
{
	assert_true(writer_ok(w));
	return writer_bytes_so_far(w);
}

/* Every cut of a message, and the message with an octet too many, is refused. */
static void refuses_cuts(struct bytes message)
{
	static uint8_t longer[CONTROL_MESSAGE_MAX + 1];
	for (size_t n = 0; n < message.n; n++)
		assert_int_equal(control_decode(&m, bytes_of(message.p, n)), ERR_SYNTAX);
	memcpy(longer, message.p, message.n);
	longer[message.n] = 0;
	assert_int_equal(control_decode(&m, bytes_of(longer, message.n + 1)), ERR_SYNTAX);
	assert_int_equal(control_decode(&m, message), ERR_NONE);
}

static void same_selectors(const struct selector *a, const struct selector *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(selector_equal(&a[i], &b[i]));
}

static void test_policy(void **state)
{
	(void)state;
	struct sample s;
	sample_fill(&s);
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_policy(&w, &s.policy);
	refuses_cuts(written(&w));
	assert_int_equal(m.type, CONTROL_POLICY_SET);
	assert_int_equal(m.policy.id, 7);
	assert_true(m.policy.acquire);
	assert_int_equal(m.policy.n_local, 2);
	assert_int_equal(m.policy.n_remote, 2);
	same_selectors(m.policy.local, s.local, 2);
	same_selectors(m.policy.remote, s.remote, 2);
}

static void test_policy_bounds(void **state)
{
	(void)state;
	struct sample s;
	struct selector many[CHILD_SELECTORS_MAX + 1] = {{{{0}}}};
	sample_fill(&s);
	s.policy.local = many;
	s.policy.n_local = CHILD_SELECTORS_MAX + 1;
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_policy(&w, &s.policy);
	assert_false(writer_ok(&w));
	/* No selectors at all. */
	sample_fill(&s);
	s.policy.n_remote = 0;
	w = writer_of(buf, sizeof(buf));
	control_put_policy(&w, &s.policy);
	assert_int_equal(control_decode(&m, written(&w)), ERR_SYNTAX);
	/* A range that runs backwards. */
	sample_fill(&s);
	s.remote[0].addrs.first = addr_v4(0x0a030000);
	w = writer_of(buf, sizeof(buf));
	control_put_policy(&w, &s.policy);
	assert_int_equal(control_decode(&m, written(&w)), ERR_SYNTAX);
	/* Ports that run backwards and are not OPAQUE. */
	sample_fill(&s);
	s.remote[0].port_first = 5;
	s.remote[0].port_last = 4;
	w = writer_of(buf, sizeof(buf));
	control_put_policy(&w, &s.policy);
	assert_int_equal(control_decode(&m, written(&w)), ERR_SYNTAX);
}

static void test_child(void **state)
{
	(void)state;
	struct sample s;
	sample_fill(&s);
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_child(&w, &s.child, 99, true);
	refuses_cuts(written(&w));
	const struct dataplane_child *c = &m.child;
	assert_int_equal(m.type, CONTROL_CHILD_INSTALL);
	assert_int_equal(m.serial, 99);
	assert_int_equal(c->handle, 3);
	assert_int_equal(c->policy, 7);
	assert_int_equal(c->spi_in, 0x1001);
	assert_int_equal(c->spi_out, 0x2002);
	assert_true(path_equal(&c->outer, &s.child.outer));
	assert_true(c->udp_encap && c->follow_peer && c->esn && c->ecn && c->activate);
	assert_false(c->copy_dscp);
	assert_int_equal(c->df, ESP_DF_SET);
	assert_int_equal(c->replay_window, 1024);
	assert_int_equal(c->soft_packets, 1);
	assert_int_equal(c->hard_packets, 2);
	assert_int_equal(c->soft_octets, 3);
	assert_int_equal(c->hard_octets, 4);
	assert_ptr_equal(c->suite.encr, s.child.suite.encr);
	assert_int_equal(c->suite.key_bits, 128);
	assert_true(bytes_equal(c->in.encr, s.child.in.encr));
	assert_true(bytes_equal(c->out.encr, s.child.out.encr));
	assert_int_equal(c->in.integ.n, 0);
	same_selectors(c->local, s.local, 2);
	same_selectors(c->remote, s.remote, 2);
}

static bool holds(struct bytes message, struct bytes secret)
{
	return memmem(message.p, message.n, secret.p, secret.n) != NULL;
}

static void test_child_keys(void **state)
{
	(void)state;
	struct sample s;
	sample_fill(&s);
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_child(&w, &s.child, 1, true);
	assert_true(holds(written(&w), s.child.in.encr));
	/* The parent has no business with keys. */
	w = writer_of(buf, sizeof(buf));
	control_put_child(&w, &s.child, 1, false);
	assert_false(holds(written(&w), s.child.in.encr));
	assert_false(holds(written(&w), s.child.out.encr));
	refuses_cuts(written(&w));
	assert_null(m.child.suite.encr);
	/* Keys of a wrong length do not leave. */
	s.child.out.encr.n = 19;
	w = writer_of(buf, sizeof(buf));
	control_put_child(&w, &s.child, 1, true);
	assert_false(writer_ok(&w));
	sample_fill(&s);
	s.child.suite.key_bits = 100;
	w = writer_of(buf, sizeof(buf));
	control_put_child(&w, &s.child, 1, true);
	assert_false(writer_ok(&w));
}

static void test_small(void **state)
{
	(void)state;
	const enum control_type types[] = {CONTROL_POLICY_REMOVE, CONTROL_CHILD_REMOVE,
					   CONTROL_CHILD_ACTIVATE, CONTROL_STATS_ASK,
					   CONTROL_NEW_OWNER};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct writer w = writer_of(buf, sizeof(buf));
		control_put_id(&w, types[i], 0x01020304);
		refuses_cuts(written(&w));
		assert_int_equal(m.type, types[i]);
		assert_int_equal(m.id, 0x01020304);
	}
	struct sample s;
	sample_fill(&s);
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_move(&w, 3, &s.child.outer, true);
	refuses_cuts(written(&w));
	assert_true(path_equal(&m.path, &s.child.outer));
	assert_true(m.udp_encap);
	/* Types that nobody knows. */
	for (unsigned t = 0; t < 256; t++) {
		uint8_t lone = (uint8_t)t;
		assert_int_equal(control_decode(&m, bytes_of(&lone, 1)), ERR_SYNTAX);
	}
}

static void test_event(void **state)
{
	(void)state;
	struct dataplane_event e = {.type = DATAPLANE_FAILED,
				    .policy = 1,
				    .handle = 2,
				    .flow = {addr_v4(1), addr_v4(2), 6, true, 80, 90},
				    .remote = {addr_v4(3), 4501},
				    .reason = "no"};
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_event(&w, &e);
	refuses_cuts(written(&w));
	assert_int_equal(m.event.type, DATAPLANE_FAILED);
	assert_int_equal(m.event.policy, 1);
	assert_int_equal(m.event.handle, 2);
	assert_memory_equal(&m.event.flow.src, &e.flow.src, sizeof(struct addr));
	assert_int_equal(m.event.flow.dst_port, 90);
	assert_true(endpoint_equal(&m.event.remote, &e.remote));
	assert_string_equal(m.event.reason, "no");
	e.reason = NULL;
	w = writer_of(buf, sizeof(buf));
	control_put_event(&w, &e);
	assert_int_equal(control_decode(&m, written(&w)), ERR_NONE);
	assert_null(m.event.reason);
}

static void test_datagram(void **state)
{
	(void)state;
	static uint8_t big[65535];
	struct sample s;
	sample_fill(&s);
	memset(big, 0xa5, sizeof(big));
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_datagram(&w, &s.child.outer, bytes_of(big, sizeof(big)));
	assert_int_equal(control_decode(&m, written(&w)), ERR_NONE);
	assert_int_equal(m.type, CONTROL_DATAGRAM);
	assert_true(path_equal(&m.path, &s.child.outer));
	assert_true(bytes_equal(m.datagram, bytes_of(big, sizeof(big))));
}

static void test_streams(void **state)
{
	(void)state;
	struct sample s;
	sample_fill(&s);
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_stream_open(&w, &s.child.outer);
	refuses_cuts(written(&w));
	assert_int_equal(m.type, CONTROL_STREAM_OPEN);
	assert_true(path_equal(&m.path, &s.child.outer));
	w = writer_of(buf, sizeof(buf));
	control_put_stream_hold(&w, STREAM_OURS | 7, 65599);
	refuses_cuts(written(&w));
	assert_int_equal(m.id, STREAM_OURS | 7);
	assert_int_equal(m.message_max, 65599);
	const struct stream_event e = {
	    .type = STREAM_CLOSED, .path = s.child.outer, .reason = "connection reset"};
	w = writer_of(buf, sizeof(buf));
	control_put_stream_event(&w, &e);
	refuses_cuts(written(&w));
	assert_int_equal(m.stream.type, STREAM_CLOSED);
	assert_true(path_equal(&m.stream.path, &s.child.outer));
	assert_string_equal(m.stream.reason, "connection reset");
	buf[1] = STREAM_CLOSED + 1;
	assert_int_equal(control_decode(&m, written(&w)), ERR_SYNTAX);
}

static void test_stats(void **state)
{
	(void)state;
	struct plane_stats st = {.in_packets = 1, .acquires = 5, .children = 6, .policies = 7};
	st.fates_in[PACKET_BAD_ICV] = 8;
	st.fates_out[PACKET_NO_SA] = 9;
	struct writer w = writer_of(buf, sizeof(buf));
	control_put_stats(&w, &st);
	refuses_cuts(written(&w));
	assert_memory_equal(&m.stats, &st, sizeof(st));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_policy),   cmocka_unit_test(test_policy_bounds),
	    cmocka_unit_test(test_child),    cmocka_unit_test(test_child_keys),
	    cmocka_unit_test(test_small),    cmocka_unit_test(test_event),
	    cmocka_unit_test(test_datagram), cmocka_unit_test(test_streams),
	    cmocka_unit_test(test_stats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
