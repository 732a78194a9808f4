#include "daemon/parent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/ipc.h"
#include "net/tcp.h"
#include "plane/control.h"

#define STOP_WAIT 3000000ULL /* how long a process may take to end, microseconds */

/* A burst of messages ends when so many milliseconds bring none, or after so many microseconds. */
#define BURST_GAP_MS 2
#define BURST_MOST   200000U

static const char *const child_names[CHILD_COUNT] = {"plane", "keys", "ike", "fetch"};

static void tell_death(const struct parent *p, enum child_name which, pid_t pid, int status)
{
	const struct log *log = &p->process.log;
	const char *name = child_names[which];

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_write(log, LOG_ERR, NULL, 0,
			  "the %s process (%ld) was killed: it made a system call that its "
			  "sandbox forbids",
			  name, (long)pid);
	else if (WIFSIGNALED(status))
		log_write(log, LOG_ERR, NULL, 0, "the %s process (%ld) was killed: %s", name,
			  (long)pid, strsignal(WTERMSIG(status)));
	else
		/* Status 0: it found another process gone, whose death says more. */
		log_write(log, WEXITSTATUS(status) == 0 ? LOG_DEBUG : LOG_ERR, NULL, 0,
			  "the %s process (%ld) ended with status %d", name, (long)pid,
			  WEXITSTATUS(status));
}

static void reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < CHILD_COUNT; i++) {
			if (p->child[i] != pid)
				continue;
			p->child[i] = 0;
			if (p->stopping && WIFEXITED(status))
				continue;
			tell_death(p, (enum child_name)i, pid, status);
			/* Tunnels do not need it, and it starts anew by itself; without what
			 * does that nothing more is fetched. */
			if (i == CHILD_FETCH)
				continue;
			p->status = 1;
			p->stopping = true;
		}
	}
}

static void on_signal(struct parent *p)
{
	struct signalfd_siginfo info;

	while (read(p->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(p);
		else if (info.ssi_signo == SIGHUP)
			parent_reload(p);
		else
			p->stopping = true;
	}
}

/* A TCP socket needs root: its mark keeps it off our own routes. It is made for the plane, which
 * alone connects it, and goes to the ike process, which alone talks with the plane. */
static void parent_stream(struct parent *p, struct bytes body)
{
	static struct control_message m;

	if (control_decode(&m, body) != ERR_NONE || m.type != CONTROL_STREAM_OPEN ||
	    addr_is_any(&m.path.remote.addr))
		return;
	int fd = tcp_socket(&m.path.local.addr, m.path.remote.addr.family, NET_MARK_DEFAULT);
	if (fd < 0)
		log_write(&p->process.log, LOG_WARN, NULL, 0, "no TCP socket can be made: %s",
			  strerror(errno));
	(void)ipc_send(p->ike_pair[0], IPC_STREAM, body, fd);
	if (fd >= 0)
		(void)close(fd);
}

static void from_ike(struct parent *p)
{
	struct ipc_message m;
	enum err e = ipc_receive(p->ike_pair[0], p->buf, &m);

	if (e == ERR_NOT_FOUND || e == ERR_IO) {
		/* Its death is told by SIGCHLD. */
		(void)close(p->ike_pair[0]);
		p->ike_pair[0] = -1;
		return;
	}
	if (e != ERR_NONE)
		return;
	if (m.fd >= 0)
		(void)close(m.fd);
	switch (m.type) {
	case IPC_ROUTES:
		if (routes_message(p->routes, m.body) == ERR_SYNTAX)
			log_write(&p->process.log, LOG_WARN, NULL, 0,
				  "a malformed message of the ike process was refused");
		break;
	case IPC_LOADED:
		parent_loaded(p, CHILD_IKE, m.body);
		break;
	case IPC_RELOAD:
		p->asked_reload = true;
		parent_reload(p);
		break;
	case IPC_STREAM_ASK:
		parent_stream(p, m.body);
		break;
	case IPC_READY:
		p->ready = true;
		log_write(&p->process.log, LOG_NOTE, NULL, 0, "posternd is ready");
		break;
	default:
		break;
	}
}

static void from_keys(struct parent *p)
{
	struct ipc_message m;
	enum err e = ipc_receive(p->keys_pair[0], p->buf, &m);

	if (e == ERR_NOT_FOUND || e == ERR_IO) {
		(void)close(p->keys_pair[0]);
		p->keys_pair[0] = -1;
		return;
	}
	if (e != ERR_NONE)
		return;
	if (m.fd >= 0)
		(void)close(m.fd);
	if (m.type == IPC_LOADED)
		parent_loaded(p, CHILD_KEYS, m.body);
}

/* Firewall changes are made at the end of a burst of messages: each change of a large set costs the
 * kernel a time that grows with the set. */
static void commit_routes(struct parent *p, struct pollfd *ike)
{
	if (p->routes == NULL)
		return;
	if (p->burst_since == 0)
		p->burst_since = process_now();
	if (poll(ike, 1, BURST_GAP_MS) > 0 && process_now() - p->burst_since < BURST_MOST)
		return;
	p->burst_since = 0;
	routes_commit(p->routes);
}

/* One round; timeout in milliseconds, -1 for none. */
static void turn(struct parent *p, int timeout)
{
	/* poll() passes over descriptors that are -1. */
	struct pollfd fds[3] = {
	    {p->signals, POLLIN, 0}, {p->ike_pair[0], POLLIN, 0}, {p->keys_pair[0], POLLIN, 0}};

	if (poll(fds, 3, timeout) <= 0)
		return;
	if (fds[1].revents != 0)
		from_ike(p);
	if (fds[2].revents != 0)
		from_keys(p);
	if (fds[0].revents != 0)
		on_signal(p);
	if (fds[1].revents != 0)
		commit_routes(p, &fds[1]);
}

static void wait_for(struct parent *p, enum child_name which)
{
	uint64_t until = process_now() + STOP_WAIT;

	while (p->child[which] != 0 && process_now() < until)
		turn(p, 100);
	if (p->child[which] == 0)
		return;
	log_write(&p->process.log, LOG_WARN, NULL, 0, "the %s process does not end; it is killed",
		  child_names[which]);
	(void)kill(p->child[which], SIGKILL);
	(void)waitpid(p->child[which], NULL, 0);
	p->child[which] = 0;
}

/* In the order in which they need each other: the peers are told by ike, through keys and plane. */
static void stop(struct parent *p)
{
	if (p->ike_pair[0] >= 0)
		(void)ipc_send(p->ike_pair[0], IPC_STOP, bytes_of(NULL, 0), -1);
	wait_for(p, CHILD_IKE);
	if (p->keys_pair[0] >= 0)
		(void)ipc_send(p->keys_pair[0], IPC_STOP, bytes_of(NULL, 0), -1);
	wait_for(p, CHILD_KEYS);
	/* The plane ends when the ike process' end of its socket is closed. */
	wait_for(p, CHILD_PLANE);
	/* So does the fetch process. */
	wait_for(p, CHILD_FETCH);
}

static bool take_signals(struct parent *p)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	/* Children inherit this, too: a Ctrl-C or a kill of the group is the parent's to handle. */
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return false;
	(void)signal(SIGPIPE, SIG_IGN);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals >= 0;
}

static bool start_routes(struct parent *p)
{
	const struct daemon_config *d = &p->process.config;
	const struct routes_options options = {.tun_name = p->tun.name,
					       .tun_index = p->tun.index,
					       .ike_port = d->ike_port,
					       .natt_port = d->natt_port,
					       .tcp_port = d->tcp_port,
					       .log = &p->process.log};

	if (routes_new(&p->routes, &options) == ERR_NONE)
		return true;
	log_write(&p->process.log, LOG_ERR, NULL, 0, "routes cannot be set up: %s",
		  strerror(errno));
	return false;
}

int parent_run(struct parent *p)
{
	p->status = 1;
	if (take_signals(p) && parent_open(p) && parent_fork(p) && start_routes(p)) {
		p->status = 0;
		parent_reload(p);
		while (!p->stopping)
			turn(p, -1);
	}
	p->stopping = true;
	stop(p);
	parent_close(p);
	if (p->status == 0)
		log_write(&p->process.log, LOG_NOTE, NULL, 0, "posternd has ended");
	return p->status;
}
