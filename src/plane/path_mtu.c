/* What fits through a pair's outer path, from the errors that its sockets report (RFC 4301 8.2). */
#include <errno.h>
#include <time.h>

#include <linux/errqueue.h> /* wants struct timespec */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "esp/mtu.h"
#include "net/datagram.h"
#include "plane/plane_impl.h"

#define ERRORS_A_CALL 16
/* How far back the sequence number in an ICMP error may lie. */
#define RECENT_PACKETS 65536U

static unsigned path_mtu_of(const struct plane *p, struct spd_child *c)
{
	/* A larger path is tried again after a while (RFC 8201 4). */
	if (c->path_mtu != 0 && p->now - c->path_mtu_at > PLANE_PATH_MTU_AGE * SECOND)
		c->path_mtu = 0;
	return c->path_mtu != 0 ? c->path_mtu : p->config.path_mtu;
}

size_t plane_inner_mtu(struct plane *p, struct spd_child *c)
{
	return mtu_inner(c->out, path_mtu_of(p, c), c->outer.remote.addr.family, c->udp_encap);
}

void plane_learn_mtu(struct plane *p, struct spd_child *c, unsigned mtu)
{
	bool v4 = c->outer.remote.addr.family == 4;
	unsigned least = v4 ? PLANE_PATH_MTU_MIN_V4 : PLANE_PATH_MTU_MIN_V6;
	if (mtu < least)
		mtu = least;
	if (mtu >= path_mtu_of(p, c))
		return;
	c->path_mtu = mtu;
	c->path_mtu_at = p->now;
}

/* An error from the network carries what we sent: only one that shows an SPI and a sequence number
 * that we used lately counts, as anybody can send it (RFC 4301 8.2.1). */
static bool sent_lately(const struct spd_child *c, struct bytes sent)
{
	struct reader r = reader_of(sent);
	uint32_t spi = reader_u32(&r);
	uint32_t seq = reader_u32(&r);
	if (c->eesp) {
		/* The SPI comes second, and the number after the options (draft-ietf-ipsecme-eesp
		 * 2.2.1, 2.3); of Sub SAs each has its own, so there the SPI has to do. */
		struct eesp_base base;
		if (eesp_base_read(sent, &base) != PACKET_OK || base.spi != c->spi_out)
			return false;
		reader_take(&r, base.opt_len);
		seq = (uint32_t)reader_u64(&r);
		return reader_ok(&r) && (base.session_id != 0 ||
					 (uint32_t)esp_sa_sequence(c->out) - seq < RECENT_PACKETS);
	}
	if (!reader_ok(&r) || spi != c->spi_out)
		return false;
	return (uint32_t)esp_sa_sequence(c->out) - seq < RECENT_PACKETS;
}

static void too_big(struct plane *p, const struct plane_socket *s, const struct endpoint *to,
		    const struct sock_extended_err *e, struct bytes sent)
{
	bool local = e->ee_origin == SO_EE_ORIGIN_LOCAL;
	LIST_EACH (&p->spd.children, node) {
		struct spd_child *c = CONTAINER_OF(node, struct spd_child, in_all);
		if (c->udp_encap != (s->s.kind == NET_NATT) ||
		    !addr_equal(&c->outer.remote.addr, &to->addr))
			continue;
		if (c->udp_encap && c->outer.remote.port != to->port)
			continue;
		if (local || sent_lately(c, sent))
			plane_learn_mtu(p, c, e->ee_info);
	}
}

/* The error queue's record among the control messages. */
static bool find_error(struct msghdr *m, struct sock_extended_err *e)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
		if ((v4 || v6) && c->cmsg_len >= CMSG_LEN(sizeof(*e))) {
			memcpy(e, CMSG_DATA(c), sizeof(*e));
			return true;
		}
	}
	return false;
}

void plane_socket_errors(struct plane *p, struct plane_socket *s)
{
	for (int i = 0; i < ERRORS_A_CALL; i++) {
		struct sockaddr_storage to = {0};
		_Alignas(struct cmsghdr) uint8_t control[512];
		uint8_t sent[64];
		struct iovec iov = {sent, sizeof(sent)};
		struct msghdr m = {.msg_name = &to,
				   .msg_namelen = sizeof(to),
				   .msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		struct sock_extended_err e;
		ssize_t n = recvmsg(s->s.fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0)
			return;
		if (!find_error(&m, &e) || e.ee_errno != EMSGSIZE)
			continue;
		struct endpoint at = endpoint_of_sockaddr(&to);
		too_big(p, s, &at, &e, bytes_of(sent, (size_t)n));
	}
}
