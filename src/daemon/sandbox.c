#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum err sandbox_find_user(struct sandbox_user *u, const char *name, bool is_default,
			   char reason[SANDBOX_REASON_MAX])
{
	const struct passwd *p = getpwnam(name);

	if (p == NULL && is_default)
		p = getpwnam("nobody");
	if (p == NULL) {
		(void)snprintf(reason, SANDBOX_REASON_MAX, "there is no user \"%s\"", name);
		return ERR_NOT_FOUND;
	}
	if (p->pw_uid == 0) {
		(void)snprintf(reason, SANDBOX_REASON_MAX,
			       "user \"%s\" is root; the processes that face the network need "
			       "another",
			       name);
		return ERR_RANGE;
	}
	*u = (struct sandbox_user){p->pw_uid, p->pw_gid};
	return ERR_NONE;
}

static enum err failed(char reason[SANDBOX_REASON_MAX], const char *what)
{
	(void)snprintf(reason, SANDBOX_REASON_MAX, "%s: %s", what, strerror(errno));
	return ERR_IO;
}

enum err sandbox_drop(const struct sandbox_user *u, const char *folder, pid_t parent,
		      char reason[SANDBOX_REASON_MAX])
{
	static const struct rlimit none;

	if (folder != NULL && (chroot(folder) != 0 || chdir("/") != 0))
		return failed(reason, "chroot");
	if (setgroups(0, NULL) != 0)
		return failed(reason, "setgroups");
	if (setresgid(u->gid, u->gid, u->gid) != 0)
		return failed(reason, "setresgid");
	if (setresuid(u->uid, u->uid, u->uid) != 0)
		return failed(reason, "setresuid");
	if (setuid(0) == 0 || seteuid(0) == 0) {
		errno = EPERM;
		return failed(reason, "root could be had back");
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return failed(reason, "no_new_privs");
	(void)setrlimit(RLIMIT_CORE, &none);
	/* Nobody of the same user may look into our memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return failed(reason, "dumpable");
	/* After the change of user, which would undo it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return failed(reason, "pdeathsig");
	if (getppid() != parent) {
		errno = ESRCH;
		return failed(reason, "the parent is gone");
	}
	return ERR_NONE;
}

/* Landlock has no functions in the C library. */
static bool allow_beneath(int rules, const char *folder)
{
	const int fd = open(folder, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
	const struct landlock_path_beneath_attr rule = {
	    .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	    .parent_fd = fd,
	};
	long rc = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	(void)close(fd);
	return rc == 0;
}

enum err sandbox_files(const char *const *folders, char reason[SANDBOX_REASON_MAX])
{
	/* What its first version knows; each later one takes these, too. */
	const struct landlock_ruleset_attr all = {.handled_access_fs =
						      (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	bool ok = true;

	long rules = syscall(SYS_landlock_create_ruleset, &all, sizeof(all.handled_access_fs), 0);
	if (rules < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) {
		(void)snprintf(reason, SANDBOX_REASON_MAX, "the kernel has no Landlock");
		return ERR_UNSUPPORTED;
	}
	if (rules < 0)
		return failed(reason, "landlock");
	for (size_t i = 0; folders[i] != NULL && ok; i++)
		ok = allow_beneath((int)rules, folders[i]);
	ok = ok && syscall(SYS_landlock_restrict_self, (int)rules, 0) == 0;
	enum err e = ok ? ERR_NONE : failed(reason, "landlock");
	(void)close((int)rules);
	return e;
}

bool sandbox_filters(void)
{
#ifdef SANITIZED
	return false;
#else
	return true;
#endif
}

/* Memory, time, randomness, and messages over descriptors that are open already. */
static const int common_calls[] = {
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(close),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(lseek),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munlock), /* Botan's destructors, at exit */
    SCMP_SYS(munmap),
    SCMP_SYS(newfstatat), /* glibc's fstat(); the root directory is empty */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(tgkill), /* abort() */
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

static const int ike_calls[] = {
    SCMP_SYS(accept4),    SCMP_SYS(clock_nanosleep), SCMP_SYS(connect), /* of a socket that only
									   asks for routes */
    SCMP_SYS(epoll_ctl),  SCMP_SYS(epoll_pwait),     SCMP_SYS(epoll_wait), SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt), SCMP_SYS(recvmmsg),        SCMP_SYS(sendmmsg),   SCMP_SYS(shutdown),
};

static const int plane_calls[] = {
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(readv),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendmmsg),
    /* TCP streams, over sockets that root made (net/tcp.h) */
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(getsockname),
    SCMP_SYS(shutdown),
};

/* What libcurl and the C library's resolver do. */
static const int fetch_calls[] = {
    SCMP_SYS(access),       SCMP_SYS(bind),
    SCMP_SYS(connect),      SCMP_SYS(eventfd2),
    SCMP_SYS(faccessat),    SCMP_SYS(faccessat2),
    SCMP_SYS(getegid),      SCMP_SYS(geteuid),
    SCMP_SYS(getgid),       SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),  SCMP_SYS(getsockopt),
    SCMP_SYS(getuid),       SCMP_SYS(ioctl),
    SCMP_SYS(memfd_create), SCMP_SYS(pipe2),
    SCMP_SYS(readlink),     SCMP_SYS(recvmmsg),
    SCMP_SYS(rseq),         SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sendmmsg),     SCMP_SYS(set_robust_list),
    SCMP_SYS(setsockopt),   SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack),  SCMP_SYS(socketpair),
    SCMP_SYS(stat),         SCMP_SYS(statx),
    SCMP_SYS(sysinfo),      SCMP_SYS(uname),
};

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int allow_option(scmp_filter_ctx f, unsigned level, unsigned option)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
				SCMP_A1(SCMP_CMP_EQ, level), SCMP_A2(SCMP_CMP_EQ, option));
}

/* Sockets of the internet, files to read, threads. What else the resolver tries, a service of its
 * own on a Unix socket or a module to load, fails and is passed over. */
static int allow_fetch(scmp_filter_ctx f)
{
	const uint32_t refused = SCMP_ACT_ERRNO(EACCES);
	const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC;
	int rc = allow(f, fetch_calls, sizeof(fetch_calls) / sizeof(fetch_calls[0]));

	for (scmp_datum_t family = 0; family < 64 && rc == 0; family++) {
		const bool internet = family == AF_INET || family == AF_INET6;
		rc = seccomp_rule_add(f, internet ? SCMP_ACT_ALLOW : refused, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, family));
	}
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
	/* A thread; clone3() hides its flags from us, so that the C library is to do without it. */
	if (rc == 0)
		rc = seccomp_rule_add(
		    f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_rule_add(f, refused, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
	return rc;
}

static int allow_rest(scmp_filter_ctx f, enum sandbox_profile profile)
{
	int rc = 0;

	switch (profile) {
	case SANDBOX_IKE:
		rc = allow(f, ike_calls, sizeof(ike_calls) / sizeof(ike_calls[0]));
		/* A large IKE message on port 4500, where ESP may not be fragmented by IP
		 * (net/datagram.c): these two options alone. */
		if (rc == 0)
			rc = allow_option(f, IPPROTO_IP, IP_MTU_DISCOVER);
		if (rc == 0)
			rc = allow_option(f, IPPROTO_IPV6, IPV6_MTU_DISCOVER);
		break;
	case SANDBOX_KEYS:
		break;
	case SANDBOX_FETCH:
		rc = allow_fetch(f);
		break;
	case SANDBOX_PLANE:
		rc = allow(f, plane_calls, sizeof(plane_calls) / sizeof(plane_calls[0]));
		/* Path MTU probing and the don't-fragment bit: options of the IP levels alone. */
		if (rc == 0)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1,
					      SCMP_A1(SCMP_CMP_EQ, 0)); /* IPPROTO_IP */
		if (rc == 0)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1,
					      SCMP_A1(SCMP_CMP_EQ, 41)); /* IPPROTO_IPV6 */
		break;
	}
	/* No memory that can be executed. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return rc;
}

enum err sandbox_filter(enum sandbox_profile profile, char reason[SANDBOX_REASON_MAX])
{
	if (!sandbox_filters())
		return ERR_NONE;
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (f == NULL) {
		(void)snprintf(reason, SANDBOX_REASON_MAX, "no seccomp filter can be made");
		return ERR_IO;
	}
	int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = allow(f, common_calls, sizeof(common_calls) / sizeof(common_calls[0]));
	if (rc == 0)
		rc = allow_rest(f, profile);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	if (rc == 0)
		return ERR_NONE;
	errno = -rc;
	return failed(reason, "seccomp");
}
