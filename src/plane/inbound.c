/* From the outer network to the TUN device: receive, look up, open, check, write; and IKE messages
 * on port 4500 up to the ike process. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "esp/mtu.h"
#include "net/datagram.h"
#include "plane/plane_impl.h"

#define IPV4_HEADER 20

static void drop(struct plane *p, struct spd_child *c, enum packet_fate fate)
{
	p->stats.fates_in[fate]++;
	if (c == NULL)
		return;
	struct dataplane_usage *u = c->usage;
	switch (fate) {
	case PACKET_REPLAY:
		counter_add(&u->in_replays, 1);
		break;
	case PACKET_TOO_OLD:
		counter_add(&u->in_too_old, 1);
		break;
	case PACKET_BAD_ICV:
		counter_add(&u->in_bad_icv, 1);
		break;
	case PACKET_BAD_SELECTOR:
		counter_add(&u->in_bad_selector, 1);
		break;
	case PACKET_DUMMY:
		break;
	default:
		counter_add(&u->in_malformed, 1);
	}
}

/* Only the newest authentic packet says where the peer is (RFC 7296 2.23): a packet that somebody
 * held back, or sent again from elsewhere, moves nothing. */
static void follow(struct plane *p, struct spd_child *c, const struct plane_item *it)
{
	if (it->stream != 0) {
		plane_streams_follow(p, c, it);
		return;
	}
	if (!c->follow_peer || c->outer.stream != 0 || !c->udp_encap || it->from.port == 0)
		return;
	if (!esp_sa_newest(c->in, &it->p) || endpoint_equal(&it->from, &c->outer.remote))
		return;
	struct dataplane_event e = {.type = DATAPLANE_PEER_MOVED,
				    .policy = c->policy,
				    .handle = c->handle,
				    .remote = it->from};
	c->outer.remote = it->from;
	c->path_mtu = 0;
	if (c->handle != SPD_NO_HANDLE)
		(void)plane_tell(p, &e);
}

static void first_in(struct plane *p, struct spd_child *c)
{
	if (c->active || c->told_first || c->handle == SPD_NO_HANDLE)
		return;
	struct dataplane_event e = {
	    .type = DATAPLANE_FIRST_IN, .policy = c->policy, .handle = c->handle};
	c->told_first = plane_tell(p, &e);
}

/* An authentic packet is turned into the inner one and checked against the pair's selectors. */
static bool accept_inner(struct plane *p, struct plane_item *it)
{
	struct spd_child *c = it->child;
	enum packet_fate fate = tunnel_decapsulate(&it->p, &it->inner);
	if (fate == PACKET_OK && !spd_inbound_allowed(c, &it->inner.key))
		fate = PACKET_BAD_SELECTOR; /* RFC 4301 5.2 step 4 */
	if (fate != PACKET_OK) {
		drop(p, c, fate);
		return false;
	}
	/* What the peer's hosts announce decides how long the packets are that go out here. */
	if (p->config.clamp_mss)
		(void)mtu_clamp_mss(it->p.data, it->p.len, &it->inner, plane_inner_mtu(p, c));
	return true;
}

/* All packets of the pair of items[first], in order. */
static void open_group(struct plane *p, size_t first)
{
	struct packet *packets[PACKET_VECTOR_MAX];
	struct plane_item *items[PACKET_VECTOR_MAX];
	struct spd_child *c = p->in[first].child;
	size_t n = 1;
	items[0] = &p->in[first];
	packets[0] = &p->in[first].p;
	p->in[first].taken = true;
	for (size_t i = first + 1; i < p->n_in; i++) {
		struct plane_item *it = &p->in[i];
		if (it->taken || it->child != c)
			continue;
		it->taken = true;
		items[n] = it;
		packets[n++] = &it->p;
	}
	size_t authentic = esp_open(p->engine, c->in, packets, n);
	size_t kept = 0;
	uint64_t octets = 0;
	for (size_t i = 0; i < n; i++) {
		struct plane_item *it = items[i];
		if (it->p.fate != PACKET_OK) {
			drop(p, c, (enum packet_fate)it->p.fate);
			continue;
		}
		follow(p, c, it);
		if (!accept_inner(p, it))
			continue;
		octets += it->p.len;
		packets[kept++] = &it->p;
	}
	if (authentic != 0) {
		__atomic_store_n(&c->usage->last_in, p->now, __ATOMIC_RELAXED);
		first_in(p, c);
	}
	if (kept != 0) {
		counter_add(&c->usage->in_packets, kept);
		counter_add(&c->usage->in_octets, octets);
		p->stats.fates_in[PACKET_OK] += tun_write(&p->tun, packets, kept);
	}
	plane_check_limits(p, c);
}

void plane_open_all(struct plane *p)
{
	for (size_t i = 0; i < p->n_in; i++) {
		if (!p->in[i].taken)
			open_group(p, i);
	}
	p->n_in = 0;
}

bool plane_take_esp(struct plane *p, const uint8_t *esp, size_t n, const struct path *path,
		    uint8_t tos)
{
	struct reader r = reader_of(bytes_of(esp, n));
	uint32_t spi = reader_u32(&r);
	/* EESP has its first bit set, and our SPIs of ESP have not (draft-ietf-ipsecme-eesp 6). */
	bool eesp = reader_ok(&r) && eesp_has_marker(*esp);
	if (eesp)
		spi = reader_u32(&r);
	struct spd_child *c = reader_ok(&r) ? spd_child_by_spi(&p->spd, spi) : NULL;
	if (c == NULL || c->eesp != eesp) {
		drop(p, NULL, reader_ok(&r) ? PACKET_NO_SA : PACKET_TOO_SHORT);
		return false;
	}
	if (p->n_in == PACKET_VECTOR_MAX)
		plane_open_all(p);
	/* The buffer is ours; the reader only borrowed it. */
	uint8_t *data = (uint8_t *)(uintptr_t)esp;
	struct plane_item *it = &p->in[p->n_in++];
	it->p = (struct packet){.buf = data, .cap = n, .data = data, .len = n, .outer_tos = tos};
	it->child = c;
	it->from = path->remote;
	it->stream = path->stream;
	it->taken = false;
	return true;
}

static void take_udp(struct plane *p, const struct path *path, struct bytes payload, uint8_t tos)
{
	struct bytes body;
	switch (datagram_classify(payload, true, &body)) {
	case DATAGRAM_ESP:
		(void)plane_take_esp(p, body.p, body.n, path, tos);
		break;
	case DATAGRAM_IKE:
		plane_tell_datagram(p, path, body);
		break;
	case DATAGRAM_KEEPALIVE: /* ignored (RFC 3948 4) */
		p->stats.keepalives++;
		break;
	case DATAGRAM_BAD:
		drop(p, NULL, PACKET_TOO_SHORT);
		break;
	}
}

/* A raw IPv4 socket gives the IP header too; the kernel has checked and reassembled it. */
static void take_raw(struct plane *p, const struct plane_socket *s, struct bytes b,
		     const struct endpoint *from, uint8_t tos)
{
	struct path no_port = {.remote = {.addr = from->addr}};
	if (s->s.bound.addr.family == 4) {
		struct reader r = reader_of(b);
		size_t header = (size_t)(reader_u8(&r) & 0x0f) * 4;
		tos = reader_u8(&r);
		if (!reader_ok(&r) || header < IPV4_HEADER || header > b.n) {
			drop(p, NULL, PACKET_TOO_SHORT);
			return;
		}
		b = bytes_of(b.p + header, b.n - header);
	}
	(void)plane_take_esp(p, b.p, b.n, &no_port, tos);
}

/* One received message: a datagram, or several of one sender that the kernel put together. */
static void take_message(struct plane *p, struct plane_socket *s, struct msghdr *m, size_t n)
{
	struct datagram_info info = {.local = s->s.bound.addr};
	struct sockaddr_storage from;
	const uint8_t *at = m->msg_iov->iov_base;

	memcpy(&from, m->msg_name, sizeof(from));
	datagram_info_of(m, &info);
	struct path path = {.local = {info.local, s->s.bound.port},
			    .remote = endpoint_of_sockaddr(&from),
			    .natt = true};
	p->stats.in_octets += n;
	if ((m->msg_flags & MSG_TRUNC) != 0) {
		drop(p, NULL, PACKET_TOO_BIG);
		return;
	}
	if (s->s.kind == NET_ESP || s->s.kind == NET_EESP) {
		p->stats.in_packets++;
		take_raw(p, s, bytes_of(at, n), &path.remote, info.tos);
		return;
	}
	size_t step = info.segment != 0 ? info.segment : n;
	for (size_t done = 0; done < n; done += step) {
		size_t piece = n - done < step ? n - done : step;
		p->stats.in_packets++;
		take_udp(p, &path, bytes_of(at + done, piece), info.tos);
	}
}

enum err plane_inbound(struct plane *p, struct plane_socket *s)
{
	struct mmsghdr m[PLANE_RECEIVES];
	struct iovec iov[PLANE_RECEIVES];
	struct sockaddr_storage from[PLANE_RECEIVES];
	_Alignas(struct cmsghdr) uint8_t control[PLANE_RECEIVES][DATAGRAM_CONTROL_MAX];

	memset(m, 0, sizeof(m));
	memset(from, 0, sizeof(from));
	for (size_t i = 0; i < PLANE_RECEIVES; i++) {
		iov[i] = (struct iovec){p->in_buffers + i * PLANE_RECEIVE, PLANE_RECEIVE};
		m[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
					       .msg_namelen = sizeof(from[i]),
					       .msg_iov = &iov[i],
					       .msg_iovlen = 1,
					       .msg_control = control[i],
					       .msg_controllen = sizeof(control[i])};
	}
	int n = recvmmsg(s->s.fd, m, PLANE_RECEIVES, MSG_DONTWAIT, NULL);
	if (n < 0) {
		/* Whatever an ICMP message caused is read off the error queue; the socket itself
		 * does not break. */
		return errno == EBADF || errno == ENOTSOCK ? ERR_IO : ERR_NONE;
	}
	for (int i = 0; i < n; i++)
		take_message(p, s, &m[i].msg_hdr, m[i].msg_len);
	plane_open_all(p);
	return ERR_NONE;
}
