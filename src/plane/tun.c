#include "plane/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "plane/offload.h"

#define TUN_DEVICE       "/dev/net/tun"
#define TUN_NAME_DEFAULT "postern0"

/* A kernel without IPv6 has no such file, and needs none. */
static void no_link_local(const char *name)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1) /* 1: none */
		errno = 0;
	close(fd);
}

static enum err set_up(struct tun *t, char reason[TUN_REASON_MAX])
{
	struct ifreq ifr = {0};
	const char *step = "socket";
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		goto failed;
	memcpy(ifr.ifr_name, t->name, sizeof(ifr.ifr_name));
	step = "its MTU cannot be set";
	ifr.ifr_mtu = (int)t->mtu;
	if (ioctl(s, SIOCSIFMTU, &ifr) != 0)
		goto failed;
	no_link_local(t->name);
	step = "it cannot be set up";
	ifr.ifr_flags = IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) != 0)
		goto failed;
	step = "it has no index";
	if (ioctl(s, SIOCGIFINDEX, &ifr) != 0)
		goto failed;
	t->index = ifr.ifr_ifindex;
	close(s);
	return ERR_NONE;
failed:;
	int error = errno;
	snprintf(reason, TUN_REASON_MAX, "the TUN device %s cannot be used: %s: %s", t->name, step,
		 strerror(error));
	if (s >= 0)
		close(s);
	errno = error;
	return ERR_IO;
}

static void explain_open(char reason[TUN_REASON_MAX], int error)
{
	const char *hint = "";
	if (error == ENOENT || error == ENODEV)
		hint = " (the kernel's tun module is missing, or the container has no such device)";
	else if (error == EACCES || error == EPERM)
		hint = " (root, or CAP_NET_ADMIN, is needed)";
	snprintf(reason, TUN_REASON_MAX, "%s cannot be opened: %s%s", TUN_DEVICE, strerror(error),
		 hint);
}

static void explain_make(char reason[TUN_REASON_MAX], const char *name, int error)
{
	const char *why = strerror(error);
	if (error == EBUSY)
		why = "it is in use by another process";
	else if (error == EPERM)
		why = "permission denied (root, or CAP_NET_ADMIN, is needed)";
	else if (error == EINVAL)
		why = "a device of this name and another kind is there";
	snprintf(reason, TUN_REASON_MAX, "the TUN device %s cannot be made: %s", name, why);
}

enum err tun_open(struct tun *t, const struct tun_options *options, char reason[TUN_REASON_MAX])
{
	const char *name = options->name != NULL ? options->name : TUN_NAME_DEFAULT;
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	*t = (struct tun){.fd = -1, .mtu = options->mtu != 0 ? options->mtu : TUN_MTU_DEFAULT};
	reason[0] = '\0';
	if (strlen(name) >= IFNAMSIZ || name[0] == '\0' || strpbrk(name, "/% \"\\") != NULL) {
		snprintf(reason, TUN_REASON_MAX, "\"%s\" is no name for a TUN device", name);
		errno = EINVAL;
		return ERR_IO;
	}
	memcpy(ifr.ifr_name, name, strlen(name));
	if (options->offload)
		ifr.ifr_flags |= IFF_VNET_HDR;
	t->fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0) {
		int error = errno;
		explain_open(reason, error);
		errno = error;
		return ERR_IO;
	}
	if (ioctl(t->fd, TUNSETIFF, &ifr) != 0) {
		int error = errno;
		explain_make(reason, name, error);
		tun_close(t);
		errno = error;
		return ERR_IO;
	}
	memcpy(t->name, ifr.ifr_name, sizeof(t->name));
	/* Without them the stack hands over whole packets, which is only slower. */
	t->offload = options->offload;
	if (t->offload)
		(void)ioctl(t->fd, TUNSETOFFLOAD,
			    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
	enum err e = set_up(t, reason);
	if (e != ERR_NONE) {
		int error = errno;
		tun_close(t);
		errno = error;
	}
	return e;
}

void tun_close(struct tun *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	mem_free(t->super);
	t->super = NULL;
}

/* ---- Packets --------------------------------------------------------------------------------- */

/* A super-packet, and how far it has been cut. */
struct tun_super {
	struct segmenter s;
	uint8_t octets[OFFLOAD_HEADER + TUN_SUPER_MAX];
};

/* 0: nothing is there. A device that was set down gives EIO until it is up again. */
static size_t read_once(const struct tun *t, void *buf, size_t cap, enum err *e)
{
	ssize_t n;
	do {
		n = read(t->fd, buf, cap);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EIO)
		*e = ERR_IO;
	return n > 0 ? (size_t)n : 0;
}

static size_t read_plain(const struct tun *t, struct packet *const *packets, size_t n, enum err *e)
{
	size_t got = 0;
	while (got < n) {
		struct packet *p = packets[got];
		p->data = p->buf + PACKET_HEADROOM;
		p->len = read_once(t, p->data, p->cap - PACKET_HEADROOM - PACKET_TAILROOM, e);
		if (p->len == 0)
			break;
		got++;
	}
	return got;
}

/* What does not make sense is passed over; the stack does not send such. */
static void start_super(struct tun_super *super, size_t n)
{
	struct offload_header h;
	if (n <= OFFLOAD_HEADER)
		return;
	h = offload_header_read(super->octets);
	(void)segmenter_start(&super->s, &h, super->octets + OFFLOAD_HEADER, n - OFFLOAD_HEADER);
}

static size_t read_supers(struct tun *t, struct packet *const *packets, size_t n, enum err *e)
{
	size_t got = 0;
	if (t->super == NULL) {
		t->super = mem_new(sizeof(*t->super));
		if (t->super == NULL) {
			*e = ERR_NO_MEMORY;
			return 0;
		}
		t->super->s.finished = true;
	}
	while (got < n) {
		if (segmenter_next(&t->super->s, packets[got])) {
			got++;
			continue;
		}
		size_t len = read_once(t, t->super->octets, sizeof(t->super->octets), e);
		if (len == 0)
			break;
		start_super(t->super, len);
	}
	return got;
}

size_t tun_read(struct tun *t, struct packet *const *packets, size_t n, enum err *e)
{
	*e = ERR_NONE;
	return t->offload ? read_supers(t, packets, n, e) : read_plain(t, packets, n, e);
}

bool tun_has_more(const struct tun *t)
{
	return t->super != NULL && !t->super->s.finished;
}

static bool write_parts(const struct tun *t, const struct iovec *iov, size_t n)
{
	ssize_t len;
	do {
		len = writev(t->fd, iov, (int)n);
	} while (len < 0 && errno == EINTR);
	return len >= 0;
}

static size_t write_supers(const struct tun *t, struct packet *const *packets, size_t n)
{
	struct iovec iov[1 + PACKET_VECTOR_MAX];
	uint8_t octets[OFFLOAD_HEADER];
	size_t done = 0;
	for (size_t at = 0; at < n;) {
		struct offload_header h;
		size_t headers, left = n - at;
		if (left > PACKET_VECTOR_MAX)
			left = PACKET_VECTOR_MAX;
		size_t run = coalesce(packets + at, left, &h, &headers);
		offload_header_write(octets, &h);
		iov[0] = (struct iovec){octets, sizeof(octets)};
		iov[1] = (struct iovec){packets[at]->data, packets[at]->len};
		for (size_t i = 1; i < run; i++) {
			struct packet *p = packets[at + i];
			iov[1 + i] = (struct iovec){p->data + headers, p->len - headers};
		}
		if (write_parts(t, iov, 1 + run))
			done += run;
		at += run;
	}
	return done;
}

size_t tun_write(struct tun *t, struct packet *const *packets, size_t n)
{
	size_t done = 0;
	if (t->offload)
		return write_supers(t, packets, n);
	for (size_t i = 0; i < n; i++) {
		struct iovec iov = {packets[i]->data, packets[i]->len};
		if (write_parts(t, &iov, 1))
			done++;
	}
	return done;
}
