#include "net/datagram.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#define KEEPALIVE_OCTET 0xff
/* What UDP and its IP header leave of 65535 octets. */
#define PAYLOAD_MAX_V4 65507
#define PAYLOAD_MAX_V6 65527
/* An IKE message that fits every path in one piece (RFC 8200 5: 1280 octets with headers). */
#define SAFE_MAX 1200

static const uint8_t marker[DATAGRAM_MARKER];

enum datagram_kind datagram_classify(struct bytes payload, bool natt, struct bytes *body)
{
	*body = payload;
	if (payload.n == 0)
		return DATAGRAM_BAD;
	if (!natt)
		return DATAGRAM_IKE;
	if (payload.n == 1 && payload.p[0] == KEEPALIVE_OCTET) /* RFC 3948 2.3 */
		return DATAGRAM_KEEPALIVE;
	struct reader r = reader_of(payload);
	uint32_t first = reader_u32(&r);
	if (!reader_ok(&r))
		return DATAGRAM_BAD;
	if (first != 0) /* an SPI is never 0 (RFC 3948 2.1) */
		return DATAGRAM_ESP;
	*body = reader_rest(&r);
	return body->n == 0 ? DATAGRAM_BAD : DATAGRAM_IKE;
}

socklen_t sockaddr_of_endpoint(struct sockaddr_storage *ss, const struct endpoint *e)
{
	memset(ss, 0, sizeof(*ss));
	if (e->addr.family == 4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
		memcpy(&in.sin_addr, e->addr.a, 4);
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	if (e->addr.family == 6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
		memcpy(&in6.sin6_addr, e->addr.a, 16);
		memcpy(ss, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

struct endpoint endpoint_of_sockaddr(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, ss, sizeof(in));
		return (struct endpoint){addr_from(bytes_of(&in.sin_addr, 4)), ntohs(in.sin_port)};
	}
	if (ss->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, ss, sizeof(in6));
		return (struct endpoint){addr_from(bytes_of(&in6.sin6_addr, 16)),
					 ntohs(in6.sin6_port)};
	}
	return (struct endpoint){0};
}

static size_t put_control(uint8_t *control, size_t at, int level, int type, const void *data,
			  size_t n)
{
	struct cmsghdr h = {.cmsg_len = CMSG_LEN(n), .cmsg_level = level, .cmsg_type = type};
	memcpy(control + at, &h, sizeof(h));
	memcpy(control + at + CMSG_LEN(0), data, n);
	return at + CMSG_SPACE(n);
}

size_t datagram_control(uint8_t control[DATAGRAM_CONTROL_MAX], const struct addr *source,
			uint8_t tos, uint16_t segment)
{
	size_t n = 0;
	memset(control, 0, DATAGRAM_CONTROL_MAX);
	if (source->family == 4 && !addr_is_any(source)) {
		struct in_pktinfo info = {0};
		memcpy(&info.ipi_spec_dst, source->a, 4);
		n = put_control(control, n, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (source->family == 6 && !addr_is_any(source)) {
		struct in6_pktinfo info = {0};
		memcpy(&info.ipi6_addr, source->a, 16);
		n = put_control(control, n, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
	if (tos != 0) {
		int v = tos;
		if (source->family == 6)
			n = put_control(control, n, IPPROTO_IPV6, IPV6_TCLASS, &v, sizeof(v));
		else
			n = put_control(control, n, IPPROTO_IP, IP_TOS, &v, sizeof(v));
	}
	if (segment != 0)
		n = put_control(control, n, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	return n;
}

static void read_control(const struct cmsghdr *c, struct datagram_info *info)
{
	const uint8_t *data = CMSG_DATA(c);
	size_t n = c->cmsg_len - CMSG_LEN(0);
	int v;

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
	    n >= sizeof(struct in_pktinfo)) {
		struct in_pktinfo p;
		memcpy(&p, data, sizeof(p));
		info->local = addr_from(bytes_of(&p.ipi_addr, 4));
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
		   n >= sizeof(struct in6_pktinfo)) {
		struct in6_pktinfo p;
		memcpy(&p, data, sizeof(p));
		info->local = addr_from(bytes_of(&p.ipi6_addr, 16));
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS && n >= 1) {
		info->tos = data[0];
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS && n >= sizeof(v)) {
		memcpy(&v, data, sizeof(v));
		info->tos = (uint8_t)v;
	} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO && n >= sizeof(v)) {
		memcpy(&v, data, sizeof(v));
		info->segment = v > 0 && v <= UINT16_MAX ? (uint16_t)v : 0;
	}
}

void datagram_info_of(struct msghdr *m, struct datagram_info *info)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_len >= CMSG_LEN(0))
			read_control(c, info);
	}
}

/* Errors that routers or the peer cause by ICMP about something we sent before. They say nothing
 * about this socket and must not stop it (RFC 7296 2.4: they are not authenticated). */
static bool is_from_the_net(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENOPROTOOPT:
	case EPROTO:
	case EMSGSIZE:
	case EACCES:
		return true;
	default:
		return false;
	}
}

enum err datagram_receive(const struct net_socket *s, uint8_t *buf, size_t cap, struct datagram *d)
{
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) uint8_t control[DATAGRAM_CONTROL_MAX];
	struct iovec iov = {buf, cap};
	struct msghdr m;
	ssize_t got;

	for (;;) {
		m = (struct msghdr){.msg_name = &from,
				    .msg_namelen = sizeof(from),
				    .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control)};
		got = recvmsg(s->fd, &m, MSG_DONTWAIT);
		if (got >= 0)
			break;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return ERR_STATE;
		/* Reading an error takes it off the socket, so this ends. */
		if (errno != EINTR && !is_from_the_net(errno))
			return ERR_IO;
	}
	if ((m.msg_flags & MSG_TRUNC) != 0)
		return ERR_RANGE;
	struct datagram_info info = {.local = s->bound.addr};
	datagram_info_of(&m, &info);
	bool natt = s->kind == NET_NATT;
	*d = (struct datagram){
	    .path = {.local = {info.local, s->bound.port},
		     .remote = endpoint_of_sockaddr(&from),
		     .natt = natt},
	    .tos = info.tos,
	};
	d->kind = datagram_classify(bytes_of(buf, (size_t)got), natt, &d->body);
	return ERR_NONE;
}

static enum err send_parts(const struct net_socket *s, const struct path *path, struct iovec *iov,
			   size_t n_iov)
{
	struct sockaddr_storage to;
	_Alignas(struct cmsghdr) uint8_t control[DATAGRAM_CONTROL_MAX];
	struct msghdr m = {.msg_name = &to,
			   .msg_namelen = sockaddr_of_endpoint(&to, &path->remote),
			   .msg_iov = iov,
			   .msg_iovlen = n_iov,
			   .msg_control = control,
			   .msg_controllen = datagram_control(control, &path->local.addr, 0, 0)};
	if (m.msg_controllen == 0)
		m.msg_control = NULL;
	/* An error that a former datagram earned is reported once; a few tries get past it. */
	for (int tries = 0; tries < 4; tries++) {
		if (sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return ERR_NONE;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
			return ERR_STATE;
		if (errno != EINTR && errno != ECONNREFUSED)
			return ERR_IO;
	}
	return ERR_IO;
}

/* Port 4500 sends ESP with "don't fragment" and heeds no reports of smaller paths, so an IKE
 * message that might not fit goes with fragmentation allowed. The option belongs to the socket and
 * so for a moment to packets of the plane too, which is harmless. */
static enum err send_fragmented(const struct net_socket *s, const struct path *path,
				struct iovec *iov, size_t n_iov)
{
	bool v4 = s->bound.addr.family == 4;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int option = v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER;
	int off = v4 ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT;
	int on = v4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;

	if (setsockopt(s->fd, level, option, &off, sizeof(off)) != 0)
		return ERR_IO;
	enum err e = send_parts(s, path, iov, n_iov);
	int error = errno;
	if (setsockopt(s->fd, level, option, &on, sizeof(on)) != 0)
		return ERR_IO;
	errno = error;
	return e;
}

enum err datagram_send(const struct net_sockets *set, const struct path *path, struct bytes message)
{
	uint8_t family = path->remote.addr.family;
	const struct net_socket *s =
	    net_sockets_find(set, path->natt ? NET_NATT : NET_IKE, &path->local.addr, family);
	if (s == NULL)
		return ERR_NOT_FOUND;
	size_t most = family == 4 ? PAYLOAD_MAX_V4 : PAYLOAD_MAX_V6;
	if (message.n > most - (path->natt ? DATAGRAM_MARKER : 0))
		return ERR_RANGE;
	struct iovec iov[2];
	size_t n = 0;
	/* sendmsg() takes pointers to what it does not change without const. */
	if (path->natt && !fault_active(set->faults, FAULT_NET_NO_MARKER))
		iov[n++] = (struct iovec){(void *)(uintptr_t)marker, sizeof(marker)};
	iov[n++] = (struct iovec){(void *)(uintptr_t)message.p, message.n};
	if (path->natt && message.n > SAFE_MAX)
		return send_fragmented(s, path, iov, n);
	return send_parts(s, path, iov, n);
}

enum err datagram_send_keepalive(const struct net_sockets *set, const struct path *path)
{
	uint8_t octet = KEEPALIVE_OCTET;
	const struct net_socket *s =
	    net_sockets_find(set, NET_NATT, &path->local.addr, path->remote.addr.family);
	if (s == NULL)
		return ERR_NOT_FOUND;
	return send_parts(s, path, &(struct iovec){&octet, 1}, 1);
}
