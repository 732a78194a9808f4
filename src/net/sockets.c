#include "net/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ikev2_numbers.h"
#include "net/datagram.h"
#include "net/tcp.h"

#define BUFFER_DEFAULT (4 * 1024 * 1024)
#define IPPROTO_ESP_50 50

static bool is_raw(enum net_socket_kind kind)
{
	return kind == NET_ESP || kind == NET_EESP;
}

static int protocol_of(enum net_socket_kind kind)
{
	if (kind == NET_EESP)
		return IP_PROTOCOL_EESP;
	return kind == NET_ESP ? IPPROTO_ESP_50 : IPPROTO_UDP;
}

static enum err set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? ERR_NONE : ERR_IO;
}

/* The kernel caps what an unprivileged caller asks for; the FORCE forms lift that for root. A
 * smaller buffer than wished is no error. */
static void set_buffers(int fd, int octets)
{
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, octets) != ERR_NONE)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, octets);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, octets) != ERR_NONE)
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, octets);
}

static enum err set_family_options(int fd, uint8_t family, enum net_socket_kind kind)
{
	bool carries_esp = kind != NET_IKE;
	if (family == 4) {
		/* IKE may be fragmented by IP (RFC 7296 2). ESP is not, and the plane alone judges
		 * reports of smaller paths, by SPI (RFC 4301 8.2): PROBE keeps the kernel from
		 * believing them. */
		int discover = carries_esp ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
		if (set_int(fd, IPPROTO_IP, IP_PKTINFO, 1) != ERR_NONE ||
		    set_int(fd, IPPROTO_IP, IP_RECVTOS, 1) != ERR_NONE ||
		    set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover) != ERR_NONE)
			return ERR_IO;
		return carries_esp ? set_int(fd, IPPROTO_IP, IP_RECVERR, 1) : ERR_NONE;
	}
	int discover = carries_esp ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT;
	/* A raw socket of IPv6 has no IPv4 side, and Linux refuses the option there. */
	if (!is_raw(kind) && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != ERR_NONE)
		return ERR_IO;
	if (set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) != ERR_NONE ||
	    set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) != ERR_NONE ||
	    set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover) != ERR_NONE)
		return ERR_IO;
	return carries_esp ? set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : ERR_NONE;
}

static const char *what_text(enum net_socket_kind kind, const struct endpoint *local, char *buf,
			     size_t cap)
{
	char address[ADDR_TEXT_MAX];
	const char *where =
	    addr_is_any(&local->addr)
		? (local->addr.family == 4 ? "any IPv4 address" : "any IPv6 address")
		: addr_format(&local->addr, address);
	if (is_raw(kind))
		snprintf(buf, cap, "IP protocol %d on %s", protocol_of(kind), where);
	else
		snprintf(buf, cap, "%s port %u on %s", kind == NET_TCP ? "TCP" : "UDP", local->port,
			 where);
	return buf;
}

static void explain(char reason[NET_REASON_MAX], enum net_socket_kind kind,
		    const struct endpoint *local, const char *step, int error)
{
	char what[ADDR_TEXT_MAX + 32];
	what_text(kind, local, what, sizeof(what));
	switch (error) {
	case EADDRINUSE:
		snprintf(reason, NET_REASON_MAX, "%s is in use by another process", what);
		break;
	case EADDRNOTAVAIL:
		snprintf(reason, NET_REASON_MAX, "%s cannot be used: this host has no such address",
			 what);
		break;
	case EPERM:
	case EACCES:
		snprintf(
		    reason, NET_REASON_MAX,
		    "%s cannot be opened: permission denied at %s "
		    "(root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE, is needed)",
		    what, step);
		break;
	default:
		snprintf(reason, NET_REASON_MAX, "%s cannot be opened: %s: %s", what, step,
			 strerror(error));
	}
}

static enum err open_one(struct net_socket *s, enum net_socket_kind kind,
			 const struct endpoint *local, const struct net_options *o,
			 char reason[NET_REASON_MAX])
{
	int domain = local->addr.family == 4 ? AF_INET : AF_INET6;
	int type = (is_raw(kind) ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int protocol = protocol_of(kind);
	int mark = (int)(o->mark != 0 ? o->mark : NET_MARK_DEFAULT);
	struct sockaddr_storage ss;
	const char *step = "socket";

	int fd = socket(domain, type, protocol);
	if (fd < 0)
		goto failed;
	step = "options";
	if (set_family_options(fd, local->addr.family, kind) != ERR_NONE)
		goto failed;
	step = "SO_MARK";
	if (set_int(fd, SOL_SOCKET, SO_MARK, mark) != ERR_NONE)
		goto failed;
	set_buffers(fd, o->buffer != 0 ? o->buffer : BUFFER_DEFAULT);
	/* Without it every piece comes alone, which is only slower. */
	if (kind == NET_NATT)
		(void)set_int(fd, SOL_UDP, UDP_GRO, 1);
	step = "bind";
	struct endpoint at = *local;
	if (is_raw(kind))
		at.port = 0;
	if (bind(fd, (struct sockaddr *)&ss, sockaddr_of_endpoint(&ss, &at)) != 0)
		goto failed;
	*s = (struct net_socket){.fd = fd, .kind = kind, .bound = at};
	return ERR_NONE;
failed:;
	int error = errno;
	explain(reason, kind, local, step, error);
	if (fd >= 0)
		close(fd);
	errno = error;
	return ERR_IO;
}

static enum err open_tcp(struct net_socket *s, const struct endpoint *local,
			 const struct net_options *o, char reason[NET_REASON_MAX])
{
	int fd = tcp_listen(local, o->mark != 0 ? o->mark : NET_MARK_DEFAULT);

	if (fd < 0) {
		int error = errno;
		explain(reason, NET_TCP, local, "listen", error);
		errno = error;
		return ERR_IO;
	}
	*s = (struct net_socket){.fd = fd, .kind = NET_TCP, .bound = *local};
	return ERR_NONE;
}

static enum err open_address(struct net_sockets *set, const struct addr *a,
			     const struct net_options *o, char reason[NET_REASON_MAX])
{
	const struct endpoint at[] = {
	    [NET_IKE] = {*a, o->ike_port != 0 ? o->ike_port : 500},
	    [NET_NATT] = {*a, o->natt_port != 0 ? o->natt_port : 4500},
	    [NET_ESP] = {*a, 0},
	    [NET_EESP] = {*a, 0},
	    [NET_TCP] = {*a, o->tcp_port},
	};
	for (enum net_socket_kind k = NET_IKE; k <= NET_TCP; k++) {
		if ((is_raw(k) && o->no_esp) || (k == NET_TCP && o->tcp_port == 0))
			continue;
		if (set->n == NET_SOCKETS_MAX) {
			snprintf(reason, NET_REASON_MAX, "at most %d local addresses can be served",
				 NET_SOCKETS_MAX / 5);
			errno = E2BIG;
			return ERR_LIMIT;
		}
		enum err e = k == NET_TCP ? open_tcp(&set->s[set->n], &at[k], o, reason)
					  : open_one(&set->s[set->n], k, &at[k], o, reason);
		if (e != ERR_NONE)
			return e;
		set->n++;
	}
	return ERR_NONE;
}

enum err net_sockets_open(struct net_sockets *set, const struct net_options *options,
			  char reason[NET_REASON_MAX])
{
	enum err e = ERR_NONE;
	*set = (struct net_sockets){0};
	reason[0] = '\0';
	if (options->n_local == 0) {
		struct addr any4 = addr_v4(0);
		struct addr any6 = {.family = 6};
		e = open_address(set, &any4, options, reason);
		if (e == ERR_NONE)
			e = open_address(set, &any6, options, reason);
		/* A kernel without IPv6 says so at the first socket of that family. */
		if (e != ERR_NONE && errno == EAFNOSUPPORT)
			e = ERR_NONE;
	}
	for (size_t i = 0; e == ERR_NONE && i < options->n_local; i++)
		e = open_address(set, &options->local[i], options, reason);
	if (e != ERR_NONE) {
		int error = errno;
		net_sockets_close(set);
		errno = error;
	}
	return e;
}

void net_sockets_close(struct net_sockets *set)
{
	for (size_t i = 0; i < set->n; i++)
		close(set->s[i].fd);
	set->n = 0;
}

const struct net_socket *net_sockets_find(const struct net_sockets *set, enum net_socket_kind kind,
					  const struct addr *local, uint8_t family)
{
	const struct net_socket *any = NULL;
	for (size_t i = 0; i < set->n; i++) {
		const struct net_socket *s = &set->s[i];
		if (s->kind != kind || s->bound.addr.family != family)
			continue;
		if (local == NULL || addr_is_any(local))
			return s;
		if (addr_equal(&s->bound.addr, local))
			return s;
		if (addr_is_any(&s->bound.addr))
			any = s;
	}
	return any;
}
