/* Sealed packets out of a socket: trains of equal length in one call (UDP_SEGMENT), the rest by
 * sendmmsg(). */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/datagram.h"
#include "plane/plane_impl.h"

#define FULL_WAIT_MS 5
#define RETRIES      3

struct burst {
	struct plane *plane;
	struct plane_socket *socket;
	struct spd_child *child;
	struct sockaddr_storage to;
	socklen_t to_len;
	bool trains;
	size_t n;
	struct mmsghdr m[PACKET_VECTOR_MAX];
	size_t first[PACKET_VECTOR_MAX]; /* index of the message's first packet */
	size_t pieces[PACKET_VECTOR_MAX];
	struct iovec iov[PACKET_VECTOR_MAX];
	_Alignas(struct cmsghdr) uint8_t control[PACKET_VECTOR_MAX][DATAGRAM_CONTROL_MAX];
};

struct burst *plane_burst_new(void)
{
	return mem_new(sizeof(struct burst));
}

static void set_df(struct plane_socket *s, bool df)
{
	if (s->df_off == !df)
		return;
	bool v4 = s->s.bound.addr.family == 4;
	int value = v4 ? (df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT)
		       : (df ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT);
	if (setsockopt(s->s.fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		       v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &value, sizeof(value)) == 0)
		s->df_off = !df;
}

/* How many packets from the first on go as one train: equal lengths, but for a shorter last. */
static size_t train(const struct burst *b, struct packet *const *packets, size_t n)
{
	size_t total = packets[0]->len;
	if (!b->trains)
		return 1;
	for (size_t i = 1; i < n && i < PLANE_SEGMENTS; i++) {
		const struct packet *q = packets[i];
		total += q->len;
		if (q->len > packets[0]->len || q->outer_tos != packets[0]->outer_tos ||
		    total > PLANE_TRAIN_MAX)
			return i;
		if (q->len < packets[0]->len)
			return i + 1;
	}
	return n < PLANE_SEGMENTS ? n : PLANE_SEGMENTS;
}

static void build(struct burst *b, struct packet *const *packets, size_t n)
{
	b->n = 0;
	for (size_t at = 0; at < n;) {
		size_t run = train(b, packets + at, n - at);
		for (size_t i = at; i < at + run; i++)
			b->iov[i] = (struct iovec){packets[i]->data, packets[i]->len};
		uint16_t segment = run > 1 ? (uint16_t)packets[at]->len : 0;
		struct addr source = b->child->outer.local.addr;
		source.family = b->child->outer.remote.addr.family;
		struct mmsghdr *m = &b->m[b->n];
		*m = (struct mmsghdr){0};
		m->msg_hdr.msg_name = &b->to;
		m->msg_hdr.msg_namelen = b->to_len;
		m->msg_hdr.msg_iov = &b->iov[at];
		m->msg_hdr.msg_iovlen = run;
		m->msg_hdr.msg_controllen =
		    datagram_control(b->control[b->n], &source, packets[at]->outer_tos, segment);
		if (m->msg_hdr.msg_controllen != 0)
			m->msg_hdr.msg_control = b->control[b->n];
		b->first[b->n] = at;
		b->pieces[b->n] = run;
		b->n++;
		at += run;
	}
}

static void lost(struct burst *b, size_t message, int error)
{
	struct plane *p = b->plane;
	size_t n = b->pieces[message];
	p->stats.send_errors += n;
	counter_add(&b->child->usage->out_errors, n);
	if (error == EMSGSIZE) {
		p->stats.fates_out[PACKET_TOO_BIG] += n;
		plane_socket_errors(p, b->socket); /* says what would have fitted */
	} else if (error == EAGAIN || error == ENOBUFS) {
		p->stats.fates_out[PACKET_QUEUE_FULL] += n;
	}
}

/* The socket's buffer is full: waiting a little makes the stack above slow down instead of losing
 * packets. */
static bool wait_for_room(const struct burst *b)
{
	struct pollfd f = {.fd = b->socket->s.fd, .events = POLLOUT};
	return poll(&f, 1, FULL_WAIT_MS) == 1 && (f.revents & POLLOUT) != 0;
}

static void send_burst(struct burst *b, struct packet *const *packets, size_t n);

/* A train was refused: its packets go one by one. */
static void send_singly(struct burst *b, struct packet *const *packets, size_t n)
{
	b->trains = false;
	send_burst(b, packets, n);
}

/* Sends what was built; returns the index of the first packet that must go singly, or n. */
static size_t push(struct burst *b, size_t n)
{
	int tries = 0;
	for (size_t at = 0; at < b->n;) {
		int sent = sendmmsg(b->socket->s.fd, &b->m[at], (unsigned)(b->n - at),
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			at += (size_t)sent;
			tries = 0;
			continue;
		}
		int error = sent < 0 ? errno : EIO;
		bool is_train = b->pieces[at] > 1;
		if (is_train && (error == EIO || error == EMSGSIZE || error == EINVAL)) {
			if (error == EIO)
				b->socket->no_gso = true;
			return b->first[at];
		}
		/* An ICMP error about something sent before is reported once, in our way. */
		bool again =
		    error == EAGAIN || error == ENOBUFS ? wait_for_room(b) : error != EMSGSIZE;
		if (again && tries++ < RETRIES)
			continue;
		lost(b, at, error);
		at++;
		tries = 0;
	}
	return n;
}

static void send_burst(struct burst *b, struct packet *const *packets, size_t n)
{
	build(b, packets, n);
	size_t left = push(b, n);
	if (left < n)
		send_singly(b, packets + left, n - left);
}

void plane_send(struct plane *p, struct spd_child *c, struct packet *const *packets, size_t n)
{
	if (c->outer.stream != 0) {
		plane_streams_send(p, c, packets, n);
		return;
	}
	struct burst *b = p->burst;
	struct plane_socket *s = plane_socket_for(p, c);
	/* Port 0: the peer is behind a NAT and has not sent from its UDP port yet. */
	if (s == NULL || (c->udp_encap && c->outer.remote.port == 0)) {
		p->stats.send_errors += n;
		counter_add(&c->usage->out_errors, n);
		return;
	}
	struct endpoint to = c->outer.remote;
	if (!c->udp_encap)
		to.port = 0; /* a raw IPv6 socket refuses any other */
	b->plane = p;
	b->socket = s;
	b->child = c;
	b->to_len = sockaddr_of_endpoint(&b->to, &to);
	for (size_t at = 0; at < n;) {
		size_t run = 1;
		while (at + run < n && packets[at + run]->outer_df == packets[at]->outer_df)
			run++;
		set_df(s, packets[at]->outer_df);
		b->trains = c->udp_encap && !s->no_gso;
		for (size_t i = at; i < at + run; i++)
			p->stats.out_octets += packets[i]->len;
		p->stats.out_packets += run;
		send_burst(b, packets + at, run);
		at += run;
	}
}
