#include "plane/rtnetlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define BUFFER      8192
#define DUMP_BUFFER 32768
#define FLUSH_ROUND 64

struct rtnetlink {
	struct mnl_socket *socket;
	uint32_t seq;
};

enum err rtnetlink_new(struct rtnetlink **out)
{
	struct rtnetlink *n = mem_new(sizeof(*n));
	if (n == NULL)
		return ERR_NO_MEMORY;
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (n->socket == NULL || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		rtnetlink_free(n);
		return ERR_IO;
	}
	*out = n;
	return ERR_NONE;
}

void rtnetlink_free(struct rtnetlink *n)
{
	if (n == NULL)
		return;
	if (n->socket != NULL)
		mnl_socket_close(n->socket);
	mem_free(n);
}

static uint8_t system_family(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static enum err err_of(int error)
{
	switch (error) {
	case EEXIST:
		return ERR_EXISTS;
	case ESRCH:
	case ENOENT:
		return ERR_NOT_FOUND;
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
		return ERR_UNSUPPORTED;
	default:
		return ERR_IO;
	}
}

/* Sends a request and waits for its acknowledgement. */
static enum err ask(struct rtnetlink *n, struct nlmsghdr *h)
{
	_Alignas(struct nlmsghdr) char buf[BUFFER];
	unsigned portid = mnl_socket_get_portid(n->socket);
	h->nlmsg_seq = ++n->seq;
	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return ERR_IO;
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(n->socket, buf, sizeof(buf));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		int r = mnl_cb_run(buf, (size_t)got, n->seq, portid, NULL, NULL);
		if (r < 0)
			return err_of(errno);
		if (r == 0)
			return ERR_NONE;
	}
}

static void put_address(struct nlmsghdr *h, uint16_t type, const struct addr *a)
{
	mnl_attr_put(h, type, addr_len(a), a->a);
}

static uint8_t route_type(enum route_kind kind)
{
	switch (kind) {
	case ROUTE_THROW:
		return RTN_THROW;
	case ROUTE_UNREACHABLE:
		return RTN_UNREACHABLE;
	case ROUTE_TUN:
		break;
	}
	return RTN_UNICAST;
}

static enum err route(struct rtnetlink *n, const struct route_request *q, bool add, bool source)
{
	_Alignas(struct nlmsghdr) char buf[BUFFER];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE;
	h->nlmsg_flags = add ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->rtm_family = system_family(q->prefix.addr.family);
	m->rtm_dst_len = q->prefix.len;
	m->rtm_table = RT_TABLE_UNSPEC;
	m->rtm_protocol = q->protocol;
	m->rtm_type = route_type(q->kind);
	m->rtm_scope =
	    q->kind == ROUTE_TUN && q->prefix.addr.family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	mnl_attr_put_u32(h, RTA_TABLE, q->table);
	mnl_attr_put_u32(h, RTA_PRIORITY, q->metric);
	put_address(h, RTA_DST, &q->prefix.addr);
	if (q->kind == ROUTE_TUN)
		mnl_attr_put_u32(h, RTA_OIF, (uint32_t)q->device);
	if (source)
		put_address(h, RTA_PREFSRC, &q->source);
	return ask(n, h);
}

enum err rtnetlink_route(struct rtnetlink *n, const struct route_request *q, bool add)
{
	bool source = add && q->kind == ROUTE_TUN && q->source.family == q->prefix.addr.family;
	enum err e = route(n, q, add, source);
	/* The address may have gone between our look and now. */
	if (e == ERR_IO && source && errno == EINVAL)
		e = route(n, q, add, false);
	return e;
}

enum err rtnetlink_rule(struct rtnetlink *n, const struct rule_request *q, bool add)
{
	_Alignas(struct nlmsghdr) char buf[BUFFER];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = add ? RTM_NEWRULE : RTM_DELRULE;
	h->nlmsg_flags = add ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct fib_rule_hdr *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->family = system_family(q->family);
	m->action = FR_ACT_TO_TBL;
	m->table = RT_TABLE_UNSPEC;
	if (q->not_mark != 0) {
		m->flags = FIB_RULE_INVERT;
		mnl_attr_put_u32(h, FRA_FWMARK, q->not_mark);
		mnl_attr_put_u32(h, FRA_FWMASK, UINT32_MAX);
	}
	mnl_attr_put_u32(h, FRA_PRIORITY, q->priority);
	mnl_attr_put_u32(h, FRA_TABLE, q->table);
	mnl_attr_put_u8(h, FRA_PROTOCOL, q->protocol);
	if (q->no_default)
		mnl_attr_put_u32(h, FRA_SUPPRESS_PREFIXLEN, 0);
	return ask(n, h);
}

/* ---- Flushing -------------------------------------------------------------------------------- */

/* Copies of the routes that are to go; they are deleted after the dump. */
struct flush {
	uint32_t table;
	uint8_t protocol;
	size_t n;
	struct route_request found[FLUSH_ROUND];
};

static bool is_ours(const struct flush *f, const struct rtmsg *m, uint32_t table)
{
	return table == f->table && m->rtm_protocol == f->protocol;
}

static int look_at_attribute(const struct nlattr *a, void *data)
{
	struct route_request *q = data;
	uint16_t n = mnl_attr_get_payload_len(a);
	switch (mnl_attr_get_type(a)) {
	case RTA_TABLE:
		q->table = mnl_attr_get_u32(a);
		break;
	case RTA_PRIORITY:
		q->metric = mnl_attr_get_u32(a);
		break;
	case RTA_OIF:
		q->device = (int)mnl_attr_get_u32(a);
		break;
	case RTA_DST:
		q->prefix.addr = addr_from(bytes_of(mnl_attr_get_payload(a), n));
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int look_at(const struct nlmsghdr *h, void *data)
{
	struct flush *f = data;
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct route_request q = {.protocol = m->rtm_protocol, .table = m->rtm_table};
	q.prefix.addr.family = m->rtm_family == AF_INET ? 4 : 6;
	q.prefix.len = m->rtm_dst_len;
	q.kind = ROUTE_TUN;
	if (m->rtm_type == RTN_THROW)
		q.kind = ROUTE_THROW;
	else if (m->rtm_type == RTN_UNREACHABLE)
		q.kind = ROUTE_UNREACHABLE;
	if (mnl_attr_parse(h, sizeof(*m), look_at_attribute, &q) < 0)
		return MNL_CB_ERROR;
	if (is_ours(f, m, q.table) && f->n < FLUSH_ROUND)
		f->found[f->n++] = q;
	return MNL_CB_OK;
}

static enum err dump(struct rtnetlink *n, uint8_t family, struct flush *f)
{
	_Alignas(struct nlmsghdr) char buf[DUMP_BUFFER];
	unsigned portid = mnl_socket_get_portid(n->socket);
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++n->seq;
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->rtm_family = system_family(family);
	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return ERR_IO;
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(n->socket, buf, sizeof(buf));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		int r = mnl_cb_run(buf, (size_t)got, n->seq, portid, look_at, f);
		if (r < 0)
			return err_of(errno);
		if (r == 0)
			return ERR_NONE;
	}
}

enum err rtnetlink_flush(struct rtnetlink *n, uint8_t family, uint32_t table, uint8_t protocol)
{
	struct flush f = {.table = table, .protocol = protocol};
	do {
		f.n = 0;
		enum err e = dump(n, family, &f);
		if (e != ERR_NONE)
			return e;
		for (size_t i = 0; i < f.n; i++) {
			e = rtnetlink_route(n, &f.found[i], false);
			/* Gone with its device meanwhile is as good. */
			if (e != ERR_NONE && e != ERR_NOT_FOUND)
				return e;
		}
	} while (f.n == FLUSH_ROUND);
	return ERR_NONE;
}
