/* The ike process' end against a plane that is only a socket, and the shared counters. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plane/client.h"
#include "plane/counters.h"
#include "samples.h"

struct fixture {
	int control[2];
	int fd, read_fd;
	struct counters counters; /* the plane's */
	struct plane_client *client;
	struct sample s;
	struct control_message m;
	uint8_t buf[CONTROL_MESSAGE_MAX];
	struct dataplane_event event;
	size_t events, datagrams, parents;
	size_t held;
};

static void on_event(void *ctx, const struct dataplane_event *e)
{
	struct fixture *f = ctx;
	f->event = *e;
	f->events++;
}

static void on_datagram(void *ctx, const struct path *path, struct bytes message)
{
	struct fixture *f = ctx;
	assert_true(path_equal(path, &f->s.child.outer));
	assert_true(bytes_equal(message, BYTES_LITERAL("ike")));
	f->datagrams++;
}

static void to_parent(void *ctx, struct bytes message)
{
	struct fixture *f = ctx;
	static struct control_message m;
	assert_int_equal(control_decode(&m, message), ERR_NONE);
	assert_int_equal(m.child.in.encr.n, 0);
	f->parents++;
}

static int set_up(void **state)
{
	static struct fixture f;
	memset(&f, 0, sizeof(f));
	f.held = mem_blocks_held();
	sample_fill(&f.s);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, f.control), 0);
	assert_int_equal(counters_create(&f.fd, &f.read_fd), ERR_NONE);
	assert_int_equal(counters_map(&f.counters, f.fd, true), ERR_NONE);
	struct plane_client_config c = {.control = f.control[0],
					.counters_fd = f.read_fd,
					.ctx = &f,
					.event = on_event,
					.datagram = on_datagram,
					.to_parent = to_parent};
	assert_int_equal(plane_client_new(&f.client, &c), ERR_NONE);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	plane_client_free(f->client);
	counters_unmap(&f->counters);
	close(f->control[0]);
	if (f->control[1] >= 0)
		close(f->control[1]);
	close(f->fd);
	close(f->read_fd);
	assert_int_equal(mem_blocks_held(), f->held);
	return 0;
}

/* What the plane reads next. */
static enum control_type next(struct fixture *f)
{
	ssize_t n = recv(f->control[1], f->buf, sizeof(f->buf), 0);
	assert_true(n > 0);
	assert_int_equal(control_decode(&f->m, bytes_of(f->buf, (size_t)n)), ERR_NONE);
	return f->m.type;
}

static void test_requests(void **state)
{
	struct fixture *f = *state;
	const struct dataplane_ops *o = &plane_client_ops;
	assert_int_equal(next(f), CONTROL_NEW_OWNER);
	assert_int_equal(o->policy_set(f->client, &f->s.policy), ERR_NONE);
	assert_int_equal(next(f), CONTROL_POLICY_SET);
	assert_int_equal(o->child_install(f->client, &f->s.child), ERR_NONE);
	assert_int_equal(next(f), CONTROL_CHILD_INSTALL);
	assert_true(bytes_equal(f->m.child.in.encr, f->s.child.in.encr));
	o->child_activate(f->client, 3);
	assert_int_equal(next(f), CONTROL_CHILD_ACTIVATE);
	o->child_move(f->client, 3, &f->s.child.outer, true);
	assert_int_equal(next(f), CONTROL_CHILD_MOVE);
	o->child_remove(f->client, 3);
	assert_int_equal(next(f), CONTROL_CHILD_REMOVE);
	o->policy_remove(f->client, 7);
	assert_int_equal(next(f), CONTROL_POLICY_REMOVE);
	/* New owner, policy, pair, and both removals went to the parent as well. */
	assert_int_equal(f->parents, 5);
	f->s.child.handle = COUNTERS_MAX;
	assert_int_equal(o->child_install(f->client, &f->s.child), ERR_LIMIT);
}

static void test_usage(void **state)
{
	struct fixture *f = *state;
	const struct dataplane_ops *o = &plane_client_ops;
	struct dataplane_usage u;
	assert_false(o->child_usage(f->client, 3, &u));
	assert_int_equal(o->child_install(f->client, &f->s.child), ERR_NONE);
	assert_true(o->child_usage(f->client, 3, &u));
	assert_int_equal(u.in_packets, 0);
	(void)next(f);
	assert_int_equal(next(f), CONTROL_CHILD_INSTALL);
	uint64_t serial = f->m.serial;
	struct dataplane_usage *shared = counters_begin(&f->counters, 3, serial);
	counter_add(&shared->in_packets, 5);
	assert_true(o->child_usage(f->client, 3, &u));
	assert_int_equal(u.in_packets, 5);
	/* The slot of another installation is not ours. */
	shared = counters_begin(&f->counters, 3, serial + 1);
	counter_add(&shared->in_packets, 9);
	assert_true(o->child_usage(f->client, 3, &u));
	assert_int_equal(u.in_packets, 0);
	o->child_remove(f->client, 3);
	assert_false(o->child_usage(f->client, 3, &u));
}

static void test_counters(void **state)
{
	struct fixture *f = *state;
	struct counters read_only;
	assert_null(counters_begin(&f->counters, COUNTERS_MAX, 1));
	assert_non_null(counters_begin(&f->counters, COUNTERS_MAX - 1, 1));
	assert_int_equal(counters_map(&read_only, f->read_fd, true), ERR_IO);
	assert_int_equal(counters_map(&read_only, f->read_fd, false), ERR_NONE);
	assert_null(counters_begin(&read_only, 1, 1));
	counters_unmap(&read_only);
	/* Nobody can make it shrink under a reader. */
	assert_int_equal(ftruncate(f->fd, 4096), -1);
	int other = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(counters_map(&read_only, other, false), ERR_RANGE);
	close(other);
}

static void send_event(struct fixture *f)
{
	struct dataplane_event e = {.type = DATAPLANE_SOFT_LIMIT, .handle = 3};
	struct writer w = writer_of(f->buf, sizeof(f->buf));
	control_put_event(&w, &e);
	assert_true(send(f->control[1], w.p, w.n, 0) > 0);
}

static void test_reading(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(plane_client_read(f->client), ERR_STATE);
	send_event(f);
	struct writer w = writer_of(f->buf, sizeof(f->buf));
	control_put_datagram(&w, &f->s.child.outer, BYTES_LITERAL("ike"));
	assert_true(send(f->control[1], w.p, w.n, 0) > 0);
	/* Rubbish, and a request that only we may make, change nothing. */
	assert_true(send(f->control[1], "\xff", 1, 0) > 0);
	w = writer_of(f->buf, sizeof(f->buf));
	control_put_id(&w, CONTROL_POLICY_REMOVE, 1);
	assert_true(send(f->control[1], w.p, w.n, 0) > 0);
	assert_int_equal(plane_client_read(f->client), ERR_STATE);
	assert_int_equal(f->events, 1);
	assert_int_equal(f->event.type, DATAPLANE_SOFT_LIMIT);
	assert_int_equal(f->datagrams, 1);
	close(f->control[1]);
	f->control[1] = -1;
	assert_int_equal(plane_client_read(f->client), ERR_IO);
}

static void test_full_socket(void **state)
{
	struct fixture *f = *state;
	const struct dataplane_ops *o = &plane_client_ops;
	uint32_t sent = 0, got = 0;
	while (!plane_client_wants_write(f->client))
		o->policy_remove(f->client, sent++);
	for (int i = 0; i < 100; i++)
		o->policy_remove(f->client, sent++);
	/* All come, in order. */
	assert_int_equal(next(f), CONTROL_NEW_OWNER);
	while (got < sent) {
		assert_int_equal(next(f), CONTROL_POLICY_REMOVE);
		assert_int_equal(f->m.id, got++);
		assert_int_equal(plane_client_write(f->client), ERR_NONE);
	}
	assert_false(plane_client_wants_write(f->client));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_requests), TEST(test_usage),       TEST(test_counters),
	    TEST(test_reading),  TEST(test_full_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
