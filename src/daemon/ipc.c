#include "daemon/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/bundle.h"

#define IPC_VERSION 1
#define IPC_BUFFER  (1 << 20)
#define SEALS       (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void ipc_header(struct writer *w, enum ipc_type type, size_t body_len)
{
	writer_u8(w, IPC_VERSION);
	writer_u8(w, (uint8_t)type);
	writer_u16(w, 0);
	writer_u32(w, (uint32_t)body_len);
}

enum err ipc_decode(struct ipc_message *m, struct bytes datagram)
{
	struct reader r = reader_of(datagram);
	uint8_t version = reader_u8(&r);
	uint8_t type = reader_u8(&r);
	uint16_t zero = reader_u16(&r);
	uint32_t n = reader_u32(&r);

	m->body = reader_rest(&r);
	m->type = (enum ipc_type)type;
	if (!reader_ok(&r) || version != IPC_VERSION || zero != 0 || n != m->body.n ||
	    n > IPC_MESSAGE_MAX || type == 0 || type >= IPC_TYPES)
		return ERR_SYNTAX;
	return ERR_NONE;
}

enum err ipc_pair(int pair[2])
{
	static const int size = IPC_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return ERR_IO;
	for (int i = 0; i < 2; i++) {
		/* Only root may have more than the system's usual limit; less will do, too. */
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
			(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return ERR_NONE;
}

enum err ipc_send(int socket, enum ipc_type type, struct bytes body, int fd)
{
	uint8_t header[IPC_HEADER_LEN];
	struct writer w = writer_of(header, sizeof(header));
	union {
		struct cmsghdr align;
		uint8_t octets[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{header, sizeof(header)}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = body.n > 0 ? 2 : 1};

	if (body.n > IPC_MESSAGE_MAX)
		return ERR_LIMIT;
	ipc_header(&w, type, body.n);
	/* sendmsg() only reads from there. */
	memcpy(&iov[1].iov_base, &body.p, sizeof(body.p));
	iov[1].iov_len = body.n;
	if (fd >= 0) {
		m.msg_control = control.octets;
		m.msg_controllen = sizeof(control.octets);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	for (;;) {
		if (sendmsg(socket, &m, MSG_NOSIGNAL) >= 0)
			return ERR_NONE;
		if (errno == EAGAIN)
			return ERR_STATE;
		if (errno == EMSGSIZE)
			return ERR_LIMIT;
		if (errno != EINTR)
			return ERR_IO;
	}
}

/* The one descriptor that came, or -1. */
static int take_fd(struct msghdr *m)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

enum err ipc_receive(int socket, uint8_t *buf, struct ipc_message *out)
{
	union {
		struct cmsghdr align;
		uint8_t octets[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {buf, IPC_HEADER_LEN + IPC_MESSAGE_MAX};
	struct msghdr m;
	ssize_t n;

	do {
		m = (struct msghdr){.msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control.octets,
				    /* Room for one descriptor: the kernel closes any more. The
				     * padding that CMSG_SPACE() counts would hold a second. */
				    .msg_controllen = CMSG_LEN(sizeof(int))};
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	out->fd = -1;
	if (n < 0 && errno == EAGAIN)
		return ERR_STATE;
	if (n < 0 && errno != ECONNRESET)
		return ERR_IO;
	if (n <= 0)
		return ERR_NOT_FOUND;
	out->fd = take_fd(&m);
	enum err e = ipc_decode(out, bytes_of(buf, (size_t)n));
	if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    (e == ERR_NONE && out->type != IPC_STREAM && out->type != IPC_FETCHED &&
	     (out->fd >= 0) != (out->type == IPC_LOAD)))
		e = ERR_SYNTAX;
	if (e != ERR_NONE && out->fd >= 0) {
		(void)close(out->fd);
		out->fd = -1;
	}
	return e;
}

enum err ipc_file_make(int *fd, struct bytes b)
{
	int f = memfd_create("postern", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (f < 0)
		return ERR_IO;
	while (b.n > 0) {
		ssize_t n = write(f, b.p, b.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			goto failed;
		b = bytes_of(b.p + n, b.n - (size_t)n);
	}
	if (fcntl(f, F_ADD_SEALS, SEALS) != 0)
		goto failed;
	*fd = f;
	return ERR_NONE;
failed:
	(void)close(f);
	return ERR_IO;
}

enum err ipc_file_read(int fd, uint8_t **octets, size_t *n)
{
	struct stat st;

	/* Sealed, it can neither change under us nor shrink. */
	if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) != 0)
		return ERR_IO;
	if (st.st_size < 0 || (uint64_t)st.st_size > BUNDLE_OCTETS_MAX)
		return ERR_LIMIT;
	size_t size = (size_t)st.st_size;
	uint8_t *buf = mem_new(size + 1);
	if (buf == NULL)
		return ERR_NO_MEMORY;
	for (size_t got = 0; got < size;) {
		ssize_t r = pread(fd, buf + got, size - got, (off_t)got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			mem_free_secret(buf, size);
			return ERR_IO;
		}
		got += (size_t)r;
	}
	*octets = buf;
	*n = size;
	return ERR_NONE;
}
