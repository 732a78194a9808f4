/* Messages between processes: what is taken and what is refused, cut at every octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/ipc.h"

static void a_message_is_what_its_header_says(void **state)
{
	(void)state;
	uint8_t buf[32] = {0};
	struct writer w = writer_of(buf, sizeof(buf));
	struct ipc_message m;

	ipc_header(&w, IPC_JOB, 3);
	writer_bytes(&w, BYTES_LITERAL("abc"));
	struct bytes whole = writer_bytes_so_far(&w);
	assert_int_equal(whole.n, IPC_HEADER_LEN + 3);
	assert_int_equal(ipc_decode(&m, whole), ERR_NONE);
	assert_int_equal(m.type, IPC_JOB);
	assert_true(bytes_equal(m.body, BYTES_LITERAL("abc")));
	for (size_t n = 0; n < whole.n; n++)
		assert_int_equal(ipc_decode(&m, bytes_of(buf, n)), ERR_SYNTAX);
	assert_int_equal(ipc_decode(&m, bytes_of(buf, whole.n + 1)), ERR_SYNTAX);
	/* Each octet of the header but the type changed by one. */
	for (size_t i = 0; i < IPC_HEADER_LEN; i++) {
		buf[i] = (uint8_t)(buf[i] + 1);
		if (i != 1)
			assert_int_equal(ipc_decode(&m, whole), ERR_SYNTAX);
		buf[i] = (uint8_t)(buf[i] - 1);
	}
	buf[1] = 0;
	assert_int_equal(ipc_decode(&m, whole), ERR_SYNTAX);
	buf[1] = IPC_TYPES;
	assert_int_equal(ipc_decode(&m, whole), ERR_SYNTAX);
}

static void messages_and_descriptors_travel(void **state)
{
	(void)state;
	int pair[2], fd = -1;
	struct ipc_message m;
	uint8_t *buf = mem_new(IPC_HEADER_LEN + IPC_MESSAGE_MAX), *octets = NULL;
	uint8_t *large = mem_new(IPC_MESSAGE_MAX + 1);
	size_t n = 0;

	assert_int_equal(ipc_pair(pair), ERR_NONE);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_STATE);
	assert_int_equal(ipc_send(pair[0], IPC_JOB, BYTES_LITERAL("job"), -1), ERR_NONE);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_NONE);
	assert_int_equal(m.fd, -1);
	assert_true(bytes_equal(m.body, BYTES_LITERAL("job")));
	assert_int_equal(ipc_file_make(&fd, BYTES_LITERAL("bundle")), ERR_NONE);
	assert_int_equal(ipc_send(pair[0], IPC_LOAD, bytes_of(NULL, 0), fd), ERR_NONE);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_NONE);
	assert_int_equal(m.type, IPC_LOAD);
	assert_true(m.fd >= 0);
	assert_int_equal(ipc_file_read(m.fd, &octets, &n), ERR_NONE);
	assert_true(bytes_equal(bytes_of(octets, n), BYTES_LITERAL("bundle")));
	mem_free_secret(octets, n);
	(void)close(m.fd);
	/* A descriptor where none belongs, and none where one does. */
	assert_int_equal(ipc_send(pair[0], IPC_JOB, BYTES_LITERAL("job"), fd), ERR_NONE);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_SYNTAX);
	assert_int_equal(m.fd, -1);
	assert_int_equal(ipc_send(pair[0], IPC_LOAD, bytes_of(NULL, 0), -1), ERR_NONE);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_SYNTAX);
	assert_int_equal(ipc_send(pair[0], IPC_JOB, bytes_of(large, IPC_MESSAGE_MAX), -1),
			 ERR_NONE);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_NONE);
	assert_int_equal(m.body.n, IPC_MESSAGE_MAX);
	assert_int_equal(ipc_send(pair[0], IPC_JOB, bytes_of(large, IPC_MESSAGE_MAX + 1), -1),
			 ERR_LIMIT);
	(void)close(pair[0]);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_NOT_FOUND);
	(void)close(pair[1]);
	(void)close(fd);
	mem_free(buf);
	mem_free(large);
}

/* The next descriptor that would be opened: what leaks, moves it. */
static int next_fd(void)
{
	const int fd = dup(0);

	(void)close(fd);
	return fd;
}

/* Whoever sends more descriptors than a message has leaves none of them behind here. */
static void more_descriptors_than_one_are_closed(void **state)
{
	(void)state;
	int pair[2];
	uint8_t header[IPC_HEADER_LEN];
	struct writer w = writer_of(header, sizeof(header));
	struct ipc_message m;
	uint8_t *buf = mem_new(IPC_HEADER_LEN + IPC_MESSAGE_MAX);
	const int fds[2] = {0, 0};
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(fds))] = {0};
	struct iovec iov = {header, sizeof(header)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};

	assert_int_equal(ipc_pair(pair), ERR_NONE);
	ipc_header(&w, IPC_JOB, 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	const int before = next_fd();
	assert_true(sendmsg(pair[0], &h, MSG_NOSIGNAL) >= 0);
	assert_int_equal(ipc_receive(pair[1], buf, &m), ERR_SYNTAX);
	assert_int_equal(m.fd, -1);
	assert_int_equal(next_fd(), before);
	(void)close(pair[0]);
	(void)close(pair[1]);
	mem_free(buf);
}

static void a_file_must_be_sealed(void **state)
{
	(void)state;
	uint8_t *octets = NULL;
	size_t n = 0;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ipc_file_read(fd, &octets, &n), ERR_IO);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(ipc_file_read(fd, &octets, &n), ERR_IO);
	assert_null(octets);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_is_what_its_header_says),
	    cmocka_unit_test(messages_and_descriptors_travel),
	    cmocka_unit_test(more_descriptors_than_one_are_closed),
	    cmocka_unit_test(a_file_must_be_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
