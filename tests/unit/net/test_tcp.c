/* Two sets of TCP streams over the loopback: what one sends the other takes, and what it ends for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/datagram.h"
#include "net/tcp.h"

#define STREAM (STREAM_OURS | 5U)
#define MARK   0U

struct end {
	struct tcp *tcp;
	bool refuses;    /* takes no message now */
	uint32_t stream; /* of what came last */
	unsigned messages, packets, opened, closed, failed;
	size_t octets;
};

static bool on_message(void *ctx, const struct path *path, struct bytes message)
{
	struct end *e = ctx;

	if (e->refuses)
		return false;
	e->messages++;
	e->octets += message.n;
	e->stream = path->stream;
	return true;
}

static bool on_packet(void *ctx, const struct path *path, struct bytes packet)
{
	struct end *e = ctx;

	(void)path;
	e->packets++;
	e->octets += packet.n;
	return true;
}

static void on_packets_end(void *ctx)
{
	(void)ctx;
}

static void on_event(void *ctx, const struct stream_event *event)
{
	struct end *e = ctx;

	e->opened += event->type == STREAM_OPENED;
	e->closed += event->type == STREAM_CLOSED;
	e->failed += event->type == STREAM_FAILED;
}

struct pair {
	struct end a, b; /* a opens, b listens */
	struct net_sockets listen;
	struct path path;
	uint64_t now;
};

static void end_start(struct end *e, const struct net_sockets *set)
{
	static const uint8_t secret[16] = {1};
	const struct tcp_owner owner = {e, on_message, on_packet, on_packets_end, on_event};

	*e = (struct end){0};
	assert_int_equal(tcp_new(&e->tcp, set, &owner, secret), ERR_NONE);
}

static void start(struct pair *p)
{
	static const struct net_sockets none;
	const struct endpoint any = {.addr = addr_v4(0x7f000001)};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	*p = (struct pair){.now = 1000};
	int fd = tcp_listen(&any, MARK);
	if (fd < 0 && errno == EPERM) {
		print_message("skipping: SO_MARK is root's\n");
		skip();
	}
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	p->path = (struct path){.remote = endpoint_of_sockaddr(&ss), .stream = STREAM};
	p->listen.s[p->listen.n++] =
	    (struct net_socket){.fd = fd, .kind = NET_TCP, .bound = p->path.remote};
	end_start(&p->a, &none);
	end_start(&p->b, &p->listen);
}

static void stop(struct pair *p)
{
	tcp_free(p->a.tcp);
	tcp_free(p->b.tcp);
	net_sockets_close(&p->listen);
}

static void turns(struct pair *p)
{
	for (int i = 0; i < 50; i++) {
		tcp_turn(p->a.tcp, p->now);
		tcp_turn(p->b.tcp, p->now);
	}
}

static void connect_pair(struct pair *p)
{
	start(p);
	int fd = tcp_socket(&p->path.local.addr, 4, MARK);
	assert_int_equal(tcp_open(p->a.tcp, &p->path, fd, p->now), ERR_NONE);
	turns(p);
	assert_int_equal(p->a.opened, 1);
}

static void messages_and_packets(void **state)
{
	static uint8_t big[65529];
	struct bytes packets[100];
	struct pair p;

	(void)state;
	connect_pair(&p);
	assert_int_equal(tcp_send_ike(p.a.tcp, STREAM, BYTES_LITERAL("hello")), ERR_NONE);
	turns(&p);
	assert_int_equal(p.b.messages, 1);
	assert_int_equal(p.b.octets, 5);
	tcp_hold(p.b.tcp, p.b.stream, STREAM_MESSAGE_KNOWN, p.now);
	assert_int_equal(tcp_send_ike(p.a.tcp, STREAM, BYTES_OF(big)), ERR_NONE);
	assert_int_equal(tcp_send_ike(p.a.tcp, STREAM, bytes_of(big, 65530 + 1)), ERR_RANGE);
	for (size_t i = 0; i < 100; i++)
		packets[i] = BYTES_LITERAL("\1\2\3\4packet");
	assert_int_equal(tcp_send_esp(p.a.tcp, STREAM, packets, 100), 100);
	turns(&p);
	assert_int_equal(p.b.messages, 2);
	assert_int_equal(p.b.packets, 100);
	assert_int_equal(tcp_send_ike(p.b.tcp, p.b.stream, BYTES_LITERAL("answer")), ERR_NONE);
	turns(&p);
	assert_int_equal(p.a.messages, 1);
	/* What was sent before it is closed arrives. */
	assert_int_equal(tcp_send_ike(p.a.tcp, STREAM, BYTES_LITERAL("last")), ERR_NONE);
	tcp_close(p.a.tcp, STREAM, p.now);
	turns(&p);
	assert_int_equal(p.b.messages, 3);
	assert_int_equal(p.b.closed, 1);
	assert_int_equal(p.a.closed, 0);
	stop(&p);
}

/* Nothing is lost while the owner takes nothing, and memory stays bounded. */
static void slow_owner(void **state)
{
	struct pair p;

	(void)state;
	connect_pair(&p);
	p.b.refuses = true;
	for (int i = 0; i < 10; i++)
		assert_int_equal(tcp_send_ike(p.a.tcp, STREAM, BYTES_LITERAL("hello")), ERR_NONE);
	turns(&p);
	assert_int_equal(p.b.messages, 0);
	p.b.refuses = false;
	tcp_resume(p.b.tcp);
	turns(&p);
	assert_int_equal(p.b.messages, 10);
	stop(&p);
}

static void time_is_over(void **state)
{
	struct pair p;

	(void)state;
	/* The prefix came, and no message. */
	connect_pair(&p);
	p.now += TCP_MESSAGE_TIME - 1;
	turns(&p);
	assert_int_equal(tcp_totals(p.b.tcp)->streams, 1);
	p.now += 1;
	turns(&p);
	assert_int_equal(tcp_totals(p.b.tcp)->streams, 0);
	assert_int_equal(p.a.closed, 1);
	stop(&p);
	/* One that an IKE SA uses may rest. */
	connect_pair(&p);
	assert_int_equal(tcp_send_ike(p.a.tcp, STREAM, BYTES_LITERAL("hello")), ERR_NONE);
	turns(&p);
	tcp_hold(p.b.tcp, p.b.stream, STREAM_MESSAGE_KNOWN, p.now);
	p.now += 1000 * TCP_IDLE_TIME;
	turns(&p);
	assert_int_equal(tcp_totals(p.b.tcp)->streams, 1);
	/* When none does any more, it goes after a while. */
	tcp_hold(p.b.tcp, p.b.stream, 0, p.now);
	p.now += TCP_IDLE_TIME;
	turns(&p);
	assert_int_equal(tcp_totals(p.b.tcp)->streams, 0);
	stop(&p);
}

static void strangers_are_limited(void **state)
{
	struct pair p;

	(void)state;
	start(&p);
	for (uint32_t i = 0; i < TCP_PER_PEER_MAX + 8; i++) {
		p.path.stream = STREAM_OURS | (i + 1);
		int fd = tcp_socket(&p.path.local.addr, 4, MARK);
		assert_int_equal(tcp_open(p.a.tcp, &p.path, fd, p.now), ERR_NONE);
		turns(&p);
	}
	assert_int_equal(tcp_totals(p.b.tcp)->strangers, TCP_PER_PEER_MAX);
	assert_int_equal(tcp_totals(p.b.tcp)->refused, 8);
	stop(&p);
}

static void nobody_listens(void **state)
{
	struct pair p;

	(void)state;
	start(&p);
	net_sockets_close(&p.listen);
	int fd = tcp_socket(&p.path.local.addr, 4, MARK);
	enum err e = tcp_open(p.a.tcp, &p.path, fd, p.now);
	turns(&p);
	assert_true(e == ERR_IO || p.a.failed == 1);
	stop(&p);
}

static int no_blocks_left(void **state)
{
	(void)state;
	return mem_blocks_held() == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages_and_packets), cmocka_unit_test(slow_owner),
	    cmocka_unit_test(time_is_over),         cmocka_unit_test(strangers_are_limited),
	    cmocka_unit_test(nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, no_blocks_left);
}
