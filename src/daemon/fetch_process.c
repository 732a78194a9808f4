/* The process that fetches: it alone makes connections of its own accord, to servers that peers and
 * certificates name. It holds no key. Tunnels do not need it: when it dies, what is being fetched
 * fails, and another takes its place. That one is forked by a process which does nothing else (the
 * minder), for the parent has read secrets by then. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/fetch_desk.h"
#include "daemon/ipc.h"
#include "daemon/process.h"

#define PAUSE_SECONDS 1 /* before another one is started */

struct fetching {
	struct process *process;
	int ike;
	struct fetch_desk *desk;
	uint8_t *buf; /* IPC_HEADER_LEN + IPC_MESSAGE_MAX */
	bool gone;    /* the ike process is */
};

static void do_answer(void *ctx, uint64_t ticket, enum err result, const char *reason,
		      struct bytes data)
{
	struct fetching *f = ctx;
	uint8_t octets[16 + IKE_FETCH_REASON_MAX];
	struct writer w = writer_of(octets, sizeof(octets));
	struct fetch_answer a = {.ticket = ticket, .result = result};
	int fd = -1;

	if (result == ERR_NONE && ipc_file_make(&fd, data) != ERR_NONE) {
		a.result = ERR_NO_MEMORY;
		reason = "out of memory";
	}
	a.reason = bytes_of(reason, strnlen(reason, IKE_FETCH_REASON_MAX - 1));
	fetch_answer_write(&w, &a);
	enum err e = ipc_send(f->ike, IPC_FETCHED, writer_bytes_so_far(&w), fd);
	f->gone = f->gone || (e != ERR_NONE && e != ERR_STATE);
	if (fd >= 0)
		(void)close(fd);
}

static int64_t do_wall(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL);
}

static void from_ike(struct fetching *f)
{
	struct ipc_message m;
	struct fetch_ask ask;
	enum err e = ipc_receive(f->ike, f->buf, &m);

	if (e == ERR_STATE || e == ERR_SYNTAX)
		return;
	if (e != ERR_NONE) {
		f->gone = true;
		return;
	}
	if (m.fd >= 0)
		(void)close(m.fd);
	if (m.type == IPC_FETCH)
		e = fetch_ask_read(&ask, m.body);
	if (m.type == IPC_FETCH && e == ERR_NONE)
		fetch_desk_ask(f->desk, &ask);
	if (m.type == IPC_FETCH_KEEP)
		e = fetch_desk_keep(f->desk, m.body);
	if (e != ERR_NONE)
		log_write(&f->process->log, LOG_WARN, NULL, 0,
			  "a malformed request from the ike process was refused");
}

/* The C library loads what resolves names, and libcurl and OpenSSL what they configure themselves
 * by, while executable memory can still be had. */
static void warm_up(void)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;

	if (getaddrinfo("localhost", NULL, &hints, &found) == 0)
		freeaddrinfo(found);
	tzset();
}

/* One life of it; returns the exit status. */
static int live(struct process *p, const struct fetch_start *start)
{
	struct fetching f = {.process = p, .ike = start->ike};
	const struct fetch_desk_owner owner = {
	    .ctx = &f,
	    .policy = &p->config.fetch.policy,
	    .cache_octets = p->config.fetch.cache_octets,
	    .log = &p->log,
	    .answer = do_answer,
	    .wall = do_wall,
	};
	bool readable = false;
	int status = 1;

	f.buf = mem_new(IPC_HEADER_LEN + IPC_MESSAGE_MAX);
	f.desk = fetch_desk_new(&owner);
	warm_up();
	if (f.buf == NULL || f.desk == NULL)
		log_write(&p->log, LOG_ERR, NULL, 0, "out of memory");
	else if (process_filter(p, SANDBOX_FETCH) &&
		 ipc_send(f.ike, IPC_FETCH_READY, bytes_of(NULL, 0), -1) == ERR_NONE)
		status = 0;
	while (status == 0 && !f.gone) {
		if (fetch_desk_wait(f.desk, f.ike, -1, &readable) != ERR_NONE)
			status = 1;
		else if (readable)
			from_ike(&f);
	}
	fetch_desk_free(f.desk);
	mem_free(f.buf);
	return status;
}

static void tell_death(const struct process *p, pid_t pid, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_write(&p->log, LOG_ERR, NULL, 0,
			  "the fetch process (%ld) was killed: it made a system call that its "
			  "sandbox forbids; another is started",
			  (long)pid);
	else if (WIFSIGNALED(status))
		log_write(&p->log, LOG_ERR, NULL, 0,
			  "the fetch process (%ld) was killed: %s; another is started", (long)pid,
			  strsignal(WTERMSIG(status)));
	else
		log_write(&p->log, LOG_ERR, NULL, 0,
			  "the fetch process (%ld) ended with status %d; another is started",
			  (long)pid, WEXITSTATUS(status));
}

/* True: the fetch process ended in good order, as the ike process is gone. */
static bool mind(struct process *p, const struct fetch_start *start)
{
	const pid_t own = getpid();
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "posternd-fetch", 0, 0, 0);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != own)
			_exit(1);
		status = live(p, start);
		_exit(status);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	tell_death(p, pid, status);
	return false;
}

int fetch_process(struct process *p, const struct fetch_start *start)
{
	static const struct timespec pause = {.tv_sec = PAUSE_SECONDS};

	/* The system's files say how names are resolved. */
	if (!process_drop_keep_files(p, "fetch"))
		return 1;
	while (!mind(p, start))
		(void)nanosleep(&pause, NULL);
	return 0;
}
