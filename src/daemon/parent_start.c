#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/ipc.h"
#include "daemon/parent.h"
#include "plane/counters.h"

static bool fail(const struct parent *p, const char *what)
{
	log_write(&p->process.log, LOG_ERR, NULL, 0, "%s", what);
	return false;
}

static bool fail_errno(const struct parent *p, const char *what, const char *path)
{
	log_write(&p->process.log, LOG_ERR, NULL, 0, "%s %s: %s", what, path, strerror(errno));
	return false;
}

/* A folder of root's; made with its parents when it is not there. */
static bool make_folder(const struct parent *p, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	struct stat st;

	for (const char *slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);
		if (n >= sizeof(part))
			return fail(p, "the name of the run directory is too long");
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return fail_errno(p, "cannot make", part);
	}
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return fail_errno(p, "cannot make", path);
	if (stat(path, &st) != 0)
		return fail_errno(p, "cannot look at", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
		log_write(&p->process.log, LOG_ERR, NULL, 0,
			  "%s must be a folder of root's that only root can write", path);
		return false;
	}
	return true;
}

/* One posternd a run directory. The lock goes with the process, however it ends. */
static bool take_lock(struct parent *p)
{
	char path[PATH_MAX], pid[32] = {0};

	(void)snprintf(path, sizeof(path), "%s/posternd.pid", p->run_dir);
	p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (p->lock < 0)
		return fail_errno(p, "cannot open", path);
	if (flock(p->lock, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return fail_errno(p, "cannot lock", path);
		ssize_t n = read(p->lock, pid, sizeof(pid) - 1);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		log_write(&p->process.log, LOG_ERR, NULL, 0,
			  "another posternd (process %s) already runs with the run directory %s",
			  pid, p->run_dir);
		(void)close(p->lock);
		p->lock = -1;
		return false;
	}
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(p->lock, 0) != 0 || pwrite(p->lock, pid, (size_t)n, 0) != n)
		return fail_errno(p, "cannot write", path);
	return true;
}

static bool open_run_dir(struct parent *p)
{
	char reason[SANDBOX_REASON_MAX];
	struct process *q = &p->process;

	if (!make_folder(p, p->run_dir, 0755) || !take_lock(p))
		return false;
	int n = snprintf(q->empty, sizeof(q->empty), "%s/empty", p->run_dir);
	int m = snprintf(p->control_path, sizeof(p->control_path), "%s/control", p->run_dir);
	if ((size_t)n >= sizeof(q->empty) || (size_t)m >= sizeof(p->control_path))
		return fail(p, "the name of the run directory is too long");
	if (!make_folder(p, q->empty, 0555))
		return false;
	bool is_default = strcmp(q->config.user, "_postern") == 0;
	if (sandbox_find_user(&q->user, q->config.user, is_default, reason) != ERR_NONE)
		return fail(p, reason);
	return true;
}

static bool open_control(struct parent *p)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memcpy(un.sun_path, p->control_path, strlen(p->control_path));
	/* We hold the lock: a socket that is there is nobody's. */
	(void)unlink(p->control_path);
	p->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->control < 0)
		return fail_errno(p, "cannot make", p->control_path);
	mode_t before = umask(0177);
	int rc = bind(p->control, (const struct sockaddr *)&un, sizeof(un));
	(void)umask(before);
	if (rc != 0 || listen(p->control, 16) != 0)
		return fail_errno(p, "cannot listen on", p->control_path);
	return true;
}

/* A UDP socket that never sends: it is connected to learn what address the route would use. */
static int route_socket(int family)
{
	static const uint32_t mark = NET_MARK_DEFAULT;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static bool open_network(struct parent *p)
{
	char reason[NET_REASON_MAX];
	const struct daemon_config *d = &p->process.config;
	const struct net_options net = {.local = d->listen,
					.n_local = d->n_listen,
					.ike_port = d->ike_port,
					.natt_port = d->natt_port,
					.tcp_port = d->tcp_port};
	const struct tun_options tun = {.name = d->tun, .mtu = d->mtu, .offload = true};

	if (net_sockets_open(&p->sockets, &net, reason) != ERR_NONE)
		return fail(p, reason);
	p->sockets.faults = p->process.faults;
	if (tun_open(&p->tun, &tun, reason) != ERR_NONE) {
		p->tun.fd = -1;
		return fail(p, reason);
	}
	p->route_v4 = route_socket(AF_INET);
	p->route_v6 = route_socket(AF_INET6);
	if (counters_create(&p->counters, &p->counters_read) != ERR_NONE)
		return fail_errno(p, "cannot make", "the counters' memory");
	return true;
}

static bool open_pairs(struct parent *p)
{
	if (ipc_pair(p->plane_pair) != ERR_NONE || ipc_pair(p->jobs_pair) != ERR_NONE ||
	    ipc_pair(p->fetch_pair) != ERR_NONE || ipc_pair(p->ike_pair) != ERR_NONE ||
	    ipc_pair(p->keys_pair) != ERR_NONE)
		return fail_errno(p, "cannot make", "socket pairs");
	for (int i = 0; i < 2; i++) {
		if (fcntl(p->plane_pair[i], F_SETFL, O_NONBLOCK) != 0)
			return fail_errno(p, "cannot set up", "socket pairs");
	}
	p->buf = mem_new(IPC_HEADER_LEN + IPC_MESSAGE_MAX);
	return p->buf != NULL || fail(p, "out of memory");
}

bool parent_open(struct parent *p)
{
	if (geteuid() != 0)
		return fail(p, "posternd must be started by root: it opens UDP ports 500 and 4500, "
			       "a TUN device and routes, and drops root after that");
	return open_run_dir(p) && open_network(p) && open_control(p) && open_pairs(p);
}

static int compare_fds(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Closes every descriptor over 2 that is not in keep. */
static void close_others(int *keep, size_t n)
{
	unsigned next = 3;

	qsort(keep, n, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < 3)
			continue;
		unsigned fd = (unsigned)keep[i];
		if (fd > next)
			(void)close_range(next, fd - 1, 0);
		next = fd + 1;
	}
	(void)close_range(next, ~0U, 0);
}

static int run_plane(struct parent *p)
{
	int keep[NET_SOCKETS_MAX + 8];
	size_t n = 0;
	const struct plane_start start = {p->tun, p->plane_pair[1], p->counters, &p->sockets};

	keep[n++] = p->tun.fd;
	keep[n++] = p->plane_pair[1];
	keep[n++] = p->counters;
	keep[n++] = p->process.sink.journal;
	for (size_t i = 0; i < p->sockets.n; i++) {
		if (p->sockets.s[i].kind != NET_IKE)
			keep[n++] = p->sockets.s[i].fd;
	}
	close_others(keep, n);
	return plane_process(&p->process, &start);
}

static int run_keys(struct parent *p)
{
	int keep[] = {p->keys_pair[1], p->jobs_pair[1], p->process.sink.journal};
	const struct keys_start start = {p->keys_pair[1], p->jobs_pair[1]};

	close_others(keep, sizeof(keep) / sizeof(keep[0]));
	return keys_process(&p->process, &start);
}

static int run_fetch(struct parent *p)
{
	int keep[] = {p->fetch_pair[1], p->process.sink.journal};
	const struct fetch_start start = {p->fetch_pair[1]};

	close_others(keep, sizeof(keep) / sizeof(keep[0]));
	return fetch_process(&p->process, &start);
}

static int run_ike(struct parent *p)
{
	int keep[NET_SOCKETS_MAX + 12];
	size_t n = 0;
	const struct ike_start_fds start = {
	    .parent = p->ike_pair[1],
	    .keys = p->jobs_pair[0],
	    .fetch = p->fetch_pair[0],
	    .plane = p->plane_pair[0],
	    .counters = p->counters_read,
	    .control = p->control,
	    .route_v4 = p->route_v4,
	    .route_v6 = p->route_v6,
	    .sockets = &p->sockets,
	};

	keep[n++] = start.parent;
	keep[n++] = start.keys;
	keep[n++] = start.fetch;
	keep[n++] = start.plane;
	keep[n++] = start.counters;
	keep[n++] = start.control;
	keep[n++] = start.route_v4;
	keep[n++] = start.route_v6;
	keep[n++] = p->process.sink.journal;
	for (size_t i = 0; i < p->sockets.n; i++) {
		if (p->sockets.s[i].kind != NET_ESP && p->sockets.s[i].kind != NET_EESP &&
		    p->sockets.s[i].kind != NET_TCP)
			keep[n++] = p->sockets.s[i].fd;
	}
	close_others(keep, n);
	return ike_process(&p->process, &start);
}

static bool start_child(struct parent *p, enum child_name which, const char *name,
			int (*run)(struct parent *p))
{
	pid_t pid = fork();

	if (pid < 0)
		return fail_errno(p, "cannot start the process", name);
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, name, 0, 0, 0);
		int status = run(p);
		(void)fflush(stderr);
		_exit(status);
	}
	p->child[which] = pid;
	return true;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

bool parent_fork(struct parent *p)
{
	p->process.parent = getpid();
	if (!start_child(p, CHILD_PLANE, "posternd-plane", run_plane) ||
	    !start_child(p, CHILD_KEYS, "posternd-keys", run_keys) ||
	    !start_child(p, CHILD_FETCH, "posternd-minder", run_fetch) ||
	    !start_child(p, CHILD_IKE, "posternd-ike", run_ike))
		return false;
	/* What is theirs alone: so each sees the other end close when a process dies. */
	close_one(&p->plane_pair[0]);
	close_one(&p->plane_pair[1]);
	close_one(&p->jobs_pair[0]);
	close_one(&p->jobs_pair[1]);
	close_one(&p->fetch_pair[0]);
	close_one(&p->fetch_pair[1]);
	close_one(&p->ike_pair[1]);
	close_one(&p->keys_pair[1]);
	close_one(&p->counters);
	close_one(&p->counters_read);
	close_one(&p->control);
	close_one(&p->route_v4);
	close_one(&p->route_v6);
	net_sockets_close(&p->sockets);
	p->sockets.n = 0;
	return true;
}

void parent_close(struct parent *p)
{
	char path[PATH_MAX];

	parent_load_clear(p);
	close_one(&p->ike_pair[0]);
	close_one(&p->keys_pair[0]);
	close_one(&p->control);
	close_one(&p->signals);
	net_sockets_close(&p->sockets);
	if (p->routes != NULL)
		routes_free(p->routes);
	if (p->tun.fd >= 0)
		tun_close(&p->tun);
	mem_free(p->buf);
	if (p->lock >= 0) {
		(void)unlink(p->control_path);
		(void)snprintf(path, sizeof(path), "%s/posternd.pid", p->run_dir);
		(void)unlink(path);
		close_one(&p->lock);
	}
}
