/* What each sandbox lets through, and that it kills for the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/ikev2_numbers.h"
#include "crypto/crypto.h"
#include "crypto/ke.h"
#include "daemon/ipc.h"
#include "daemon/sandbox.h"
#include "net/fetch.h"

static void do_open(void)
{
	(void)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static void do_socket(void)
{
	(void)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
}

static void do_execve(void)
{
	(void)syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void do_fork(void)
{
	(void)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void do_executable_memory(void)
{
	(void)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
}

static void do_executable_protection(void)
{
	static uint8_t page[8192] __attribute__((aligned(4096)));

	(void)syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
}

static void do_socket_option(void)
{
	(void)syscall(SYS_setsockopt, 0, SOL_SOCKET, SO_MARK, NULL, 0);
}

static void do_fragment_v4(void)
{
	(void)syscall(SYS_setsockopt, -1, IPPROTO_IP, IP_MTU_DISCOVER, NULL, 0);
}

static void do_fragment_v6(void)
{
	(void)syscall(SYS_setsockopt, -1, IPPROTO_IPV6, IPV6_MTU_DISCOVER, NULL, 0);
}

static void do_other_option(void)
{
	(void)syscall(SYS_setsockopt, -1, IPPROTO_IP, IP_TRANSPARENT, NULL, 0);
}

static void do_connect(void)
{
	(void)syscall(SYS_connect, -1, NULL, 0);
}

static void do_allowed(void)
{
	struct timespec ts;
	int value = 0;

	(void)syscall(SYS_getrandom, &value, sizeof(value), 0);
	(void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)munmap(m, 4096);
	(void)syscall(SYS_write, -1, "", 0);
}

/* Every family of key exchange, and the end of the process with the libraries' destructors. */
static void do_key_exchange_and_exit(void)
{
	static const uint16_t methods[] = {KE_CURVE25519, KE_ML_KEM_768, KE_FRODOKEM_976_AES,
					   KE_FRODOKEM_976_SHAKE, KE_MCELIECE_348864};
	static uint8_t init[261120], resp[15792], a[32], b[32];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const struct ke_desc *d = ke_find(methods[i]);
		uint8_t seed[KE_SEED_LEN] = {1};
		struct ke_private *own;

		if (ke_generate(d, seed, &own, init) != ERR_NONE ||
		    ke_respond(d, seed, bytes_of(init, d->init_len), resp, a) != ERR_NONE ||
		    ke_finish(own, bytes_of(resp, d->resp_len), b) != ERR_NONE ||
		    memcmp(a, b, d->secret_len) != 0)
			_exit(98);
		ke_private_free(own);
	}
	exit(0);
}

/* What the fetch process does: a thread that resolves a name, a connection of its own, a file that
 * is read, a sealed memory file. */
static struct fetcher *fetcher;
static char fetch_url[64];

static void on_fetched(void *ctx, const struct fetch_result *r)
{
	(void)ctx;
	if (r->err == ERR_NONE && r->n == 2)
		exit(0);
	(void)fprintf(stderr, "%s\n", r->reason);
	_exit(97);
}

static void do_fetch(void)
{
	const struct fetch_request r = {.url = fetch_url};
	bool readable;
	int fd = -1;

	if (ipc_file_make(&fd, bytes_of("x", 1)) != ERR_NONE || close(fd) != 0)
		_exit(96);
	if (fetcher_start(fetcher, &r) != ERR_NONE)
		_exit(95);
	while (fetcher_wait(fetcher, -1, 1000, &readable) == ERR_NONE)
		continue;
}

static void do_write_file(void)
{
	(void)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY);
}

static void do_read_file(void)
{
	if (syscall(SYS_openat, AT_FDCWD, "/etc/hosts", O_RDONLY) < 0)
		_exit(91);
}

static void do_other_sockets(void)
{
	if (socket(AF_UNIX, SOCK_STREAM, 0) != -1 || errno != EACCES ||
	    socket(AF_NETLINK, SOCK_RAW, 0) != -1 || errno != EACCES ||
	    socket(AF_PACKET, SOCK_RAW, 0) != -1 || errno != EACCES)
		_exit(92);
}

static void do_unseen_memory(void)
{
	void *m = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m != MAP_FAILED || errno != EACCES)
		_exit(93);
}

/* A server for one request, in a process of its own; its port. */
static uint16_t serve_once(pid_t *pid)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(sin);
	char request[1024];
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(listen(listener, 1), 0);
	*pid = fork();
	assert_true(*pid >= 0);
	if (*pid == 0) {
		int fd = accept(listener, NULL, NULL);
		bool ok = fd >= 0 && read(fd, request, sizeof(request)) > 0 &&
			  write(fd, answer, sizeof(answer) - 1) > 0;
		_exit(ok ? 0 : 1);
	}
	(void)close(listener);
	return ntohs(sin.sin_port);
}

/* The wait status: 0 when the call was let through, else the signal. */
static int in_sandbox(enum sandbox_profile profile, void (*call)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char reason[SANDBOX_REASON_MAX];
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sandbox_filter(profile, reason) != ERR_NONE)
			_exit(99);
		call();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static const char no_filter[] = "skipping: sanitizers need system calls that the filter forbids\n";

static void forbidden_calls_kill(void **state)
{
	(void)state;
	static const enum sandbox_profile profiles[] = {SANDBOX_IKE, SANDBOX_KEYS, SANDBOX_PLANE};
	static void (*const forbidden[])(void) = {
	    do_open, do_socket, do_execve, do_fork, do_executable_memory, do_socket_option};

	if (!sandbox_filters()) {
		print_message(no_filter);
		skip();
	}
	for (size_t p = 0; p < 3; p++) {
		assert_int_equal(in_sandbox(profiles[p], do_allowed), 0);
		for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
			assert_true(killed(in_sandbox(profiles[p], forbidden[i])));
	}
	/* Only the ike process looks routes up. */
	assert_int_equal(in_sandbox(SANDBOX_IKE, do_connect), 0);
	assert_true(killed(in_sandbox(SANDBOX_KEYS, do_connect)));
	assert_int_equal(in_sandbox(SANDBOX_PLANE, do_connect), 0); /* of a TCP socket */
	/* It sends large IKE messages on port 4500 in IP fragments. */
	assert_int_equal(in_sandbox(SANDBOX_IKE, do_fragment_v4), 0);
	assert_int_equal(in_sandbox(SANDBOX_IKE, do_fragment_v6), 0);
	assert_true(killed(in_sandbox(SANDBOX_IKE, do_other_option)));
	assert_true(killed(in_sandbox(SANDBOX_KEYS, do_fragment_v4)));
}

static void keys_are_exchanged_inside(void **state)
{
	struct crypto *c = crypto_new(); /* as each process has before it closes its sandbox */

	(void)state;
	if (!sandbox_filters()) {
		crypto_free(c);
		print_message(no_filter);
		skip();
	}
	(void)fflush(NULL);
	assert_int_equal(in_sandbox(SANDBOX_IKE, do_key_exchange_and_exit), 0);
	crypto_free(c);
}

static void fetching_works_inside(void **state)
{
	static const struct fetch_policy policy = {.loopback = true,
						   .timeout = 5000000,
						   .connect_timeout = 5000000,
						   .octets_max = 1000,
						   .at_once = 1};
	static void (*const forbidden[])(void) = {do_execve, do_fork, do_executable_protection,
						  do_write_file};
	pid_t server = -1;
	struct addrinfo *found = NULL;

	(void)state;
	if (!sandbox_filters()) {
		print_message(no_filter);
		skip();
	}
	fetcher = fetcher_new(&policy, on_fetched, NULL);
	assert_non_null(fetcher);
	if (getaddrinfo("localhost", NULL, NULL, &found) == 0)
		freeaddrinfo(found);
	(void)snprintf(fetch_url, sizeof(fetch_url), "http://localhost:%u/x", serve_once(&server));
	(void)fflush(NULL);
	int status = in_sandbox(SANDBOX_FETCH, do_fetch);
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	assert_int_equal(status, 0);
	fetcher_free(fetcher);
	assert_int_equal(in_sandbox(SANDBOX_FETCH, do_allowed), 0);
	assert_int_equal(in_sandbox(SANDBOX_FETCH, do_read_file), 0);
	assert_int_equal(in_sandbox(SANDBOX_FETCH, do_other_sockets), 0);
	assert_int_equal(in_sandbox(SANDBOX_FETCH, do_unseen_memory), 0);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		assert_true(killed(in_sandbox(SANDBOX_FETCH, forbidden[i])));
}

/* Landlock, where the kernel has it. */
static void files_are_shut_off(void **state)
{
	static const char *const folders[] = {"/usr", "/no/such/folder", NULL};
	char reason[SANDBOX_REASON_MAX];
	int status = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		enum err e = sandbox_files(folders, reason);
		if (e == ERR_UNSUPPORTED)
			_exit(77);
		_exit(e != ERR_NONE || open("/usr", O_RDONLY | O_DIRECTORY) < 0 ||
		      open("/etc/passwd", O_RDONLY) >= 0 || open("/dev/null", O_WRONLY) >= 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipping: the kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void users_are_found_or_refused(void **state)
{
	(void)state;
	static const char name[] = "no-such-user-at-all";
	struct sandbox_user u = {0};
	char reason[SANDBOX_REASON_MAX];

	assert_int_equal(sandbox_find_user(&u, name, false, reason), ERR_NOT_FOUND);
	assert_string_equal(reason, "there is no user \"no-such-user-at-all\"");
	assert_int_equal(sandbox_find_user(&u, name, true, reason), ERR_NONE);
	assert_int_not_equal(u.uid, 0);
	assert_int_equal(sandbox_find_user(&u, "root", false, reason), ERR_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forbidden_calls_kill),
	    cmocka_unit_test(keys_are_exchanged_inside),
	    cmocka_unit_test(fetching_works_inside),
	    cmocka_unit_test(files_are_shut_off),
	    cmocka_unit_test(users_are_found_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
