/* What a UDP payload on port 4500 is (RFC 3948 2), and one datagram out and in over the loopback.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/datagram.h"
#include "net/sockets.h"

static enum datagram_kind kind_of(const void *p, size_t n, bool natt, struct bytes *body)
{
	return datagram_classify(bytes_of(p, n), natt, body);
}

static void test_marker(void **state)
{
	(void)state;
	struct bytes body;
	uint8_t ike[] = {0, 0, 0, 0, 1, 2, 3};
	assert_int_equal(kind_of(ike, sizeof(ike), true, &body), DATAGRAM_IKE);
	assert_int_equal(body.n, 3);
	assert_ptr_equal(body.p, ike + 4);
	/* On port 500 nothing is taken off. */
	assert_int_equal(kind_of(ike, sizeof(ike), false, &body), DATAGRAM_IKE);
	assert_int_equal(body.n, 7);
	uint8_t esp[] = {0, 0, 1, 0, 0, 0, 0, 1};
	assert_int_equal(kind_of(esp, sizeof(esp), true, &body), DATAGRAM_ESP);
	assert_int_equal(body.n, 8);
}

static void test_short(void **state)
{
	(void)state;
	struct bytes body;
	uint8_t keepalive = 0xff;
	assert_int_equal(kind_of(&keepalive, 1, true, &body), DATAGRAM_KEEPALIVE);
	assert_int_equal(kind_of(&keepalive, 1, false, &body), DATAGRAM_IKE);
	uint8_t zero[4] = {0};
	for (size_t n = 0; n <= 4; n++)
		assert_int_equal(kind_of(zero, n, true, &body), DATAGRAM_BAD);
	uint8_t ff[] = {0xff, 0xff, 0xff};
	assert_int_equal(kind_of(ff, 3, true, &body), DATAGRAM_BAD);
}

static void test_sockaddr(void **state)
{
	(void)state;
	struct sockaddr_storage ss;
	struct endpoint e = {.port = 4500};
	assert_int_equal(sockaddr_of_endpoint(&ss, &e), 0);
	assert_int_equal(addr_parse(&e.addr, "10.99.0.1"), ERR_NONE);
	assert_true(sockaddr_of_endpoint(&ss, &e) > 0);
	struct endpoint back = endpoint_of_sockaddr(&ss);
	assert_true(endpoint_equal(&e, &back));
	assert_int_equal(addr_parse(&e.addr, "2001:db8::1"), ERR_NONE);
	assert_true(sockaddr_of_endpoint(&ss, &e) > 0);
	back = endpoint_of_sockaddr(&ss);
	assert_true(endpoint_equal(&e, &back));
}

/* A socket of the kind on 127.0.0.1, on a port of the kernel's choice; without the privileges that
 * net_sockets_open() needs. */
static struct net_socket loopback(enum net_socket_kind kind)
{
	struct net_socket s = {.kind = kind, .bound = {addr_v4(0x7f000001), 0}};
	struct sockaddr_storage ss;
	int on = 1;
	s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(s.fd >= 0);
	assert_int_equal(setsockopt(s.fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
	socklen_t n = sockaddr_of_endpoint(&ss, &s.bound);
	assert_int_equal(bind(s.fd, (struct sockaddr *)&ss, n), 0);
	n = sizeof(ss);
	assert_int_equal(getsockname(s.fd, (struct sockaddr *)&ss, &n), 0);
	s.bound = endpoint_of_sockaddr(&ss);
	return s;
}

static void test_there(void **state)
{
	(void)state;
	static uint8_t buf[DATAGRAM_MAX];
	struct net_sockets a = {.s = {loopback(NET_NATT)}, .n = 1};
	struct net_socket b = loopback(NET_NATT);
	struct path p = {.local = a.s[0].bound, .remote = b.bound, .natt = true};
	struct datagram d;

	assert_int_equal(datagram_receive(&b, buf, sizeof(buf), &d), ERR_STATE);
	assert_int_equal(datagram_send(&a, &p, BYTES_LITERAL("hello")), ERR_NONE);
	assert_int_equal(datagram_receive(&b, buf, sizeof(buf), &d), ERR_NONE);
	assert_int_equal(d.kind, DATAGRAM_IKE);
	assert_true(bytes_equal(d.body, BYTES_LITERAL("hello")));
	assert_true(endpoint_equal(&d.path.remote, &p.local));
	assert_true(endpoint_equal(&d.path.local, &p.remote));
	assert_true(d.path.natt);
	assert_int_equal(buf[0], 0); /* the marker was there */

	assert_int_equal(datagram_send_keepalive(&a, &p), ERR_NONE);
	assert_int_equal(datagram_receive(&b, buf, sizeof(buf), &d), ERR_NONE);
	assert_int_equal(d.kind, DATAGRAM_KEEPALIVE);

	/* Longer than the room: refused, and gone. */
	assert_int_equal(datagram_send(&a, &p, BYTES_LITERAL("too long for it")), ERR_NONE);
	assert_int_equal(datagram_receive(&b, buf, 8, &d), ERR_RANGE);
	assert_int_equal(datagram_receive(&b, buf, sizeof(buf), &d), ERR_STATE);

	/* The largest that fits, and one more. */
	static uint8_t big[DATAGRAM_MAX];
	assert_int_equal(datagram_send(&a, &p, bytes_of(big, 65507 - 4)), ERR_NONE);
	assert_int_equal(datagram_receive(&b, buf, sizeof(buf), &d), ERR_NONE);
	assert_int_equal(d.body.n, 65507 - 4);
	assert_int_equal(datagram_send(&a, &p, bytes_of(big, 65507 - 3)), ERR_RANGE);
	p.natt = false;
	assert_int_equal(datagram_send(&a, &p, BYTES_LITERAL("x")), ERR_NOT_FOUND);
	close(a.s[0].fd);
	close(b.fd);
}

static void test_find(void **state)
{
	(void)state;
	struct addr one = addr_v4(0x0a630001), two = addr_v4(0x0a630002);
	struct net_sockets set = {
	    .s = {{.fd = 1, .kind = NET_IKE, .bound = {addr_v4(0), 500}},
		  {.fd = 2, .kind = NET_IKE, .bound = {addr_v4(0x0a630001), 500}},
		  {.fd = 3, .kind = NET_NATT, .bound = {{.family = 6}, 4500}}},
	    .n = 3};
	assert_int_equal(net_sockets_find(&set, NET_IKE, &one, 4)->fd, 2);
	assert_int_equal(net_sockets_find(&set, NET_IKE, &two, 4)->fd, 1);
	assert_int_equal(net_sockets_find(&set, NET_IKE, NULL, 4)->fd, 1);
	assert_null(net_sockets_find(&set, NET_IKE, &one, 6));
	assert_null(net_sockets_find(&set, NET_ESP, &one, 4));
	assert_int_equal(net_sockets_find(&set, NET_NATT, NULL, 6)->fd, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_marker),   cmocka_unit_test(test_short),
	    cmocka_unit_test(test_sockaddr), cmocka_unit_test(test_there),
	    cmocka_unit_test(test_find),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
