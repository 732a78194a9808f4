/* The process of the long-term secrets: it signs and makes MACs when the ike process asks, and can
 * do nothing else. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/bundle.h"
#include "daemon/ipc.h"
#include "daemon/keys_load.h"
#include "daemon/process.h"
#include "ike/job.h"

struct keys {
	struct process *process;
	int parent, ike;
	struct crypto *crypto;
	struct keystore *store; /* in use */
	struct keystore *next;  /* loaded, not committed */
	uint8_t *buf;           /* of IPC_HEADER_LEN + IPC_MESSAGE_MAX */
	uint8_t *out;           /* of IPC_MESSAGE_MAX */
};

/* The answer to a refused load: u8 0 and the errors, a line each. */
static void put_errors(struct writer *w, const struct errors *e)
{
	writer_u8(w, 0);
	for (size_t i = 0; i < e->n; i++) {
		writer_bytes(w, bytes_of(e->line[i], strlen(e->line[i])));
		writer_u8(w, '\n');
	}
}

static void load(struct keys *k, int fd)
{
	uint8_t *octets = NULL;
	size_t n = 0;
	struct bytes none;
	struct config c;
	struct files f;
	struct errors errors;
	struct writer w = writer_of(k->out, IPC_MESSAGE_MAX);

	errors_init(&errors, "configuration");
	keystore_free(k->next);
	k->next = NULL;
	enum err e = ipc_file_read(fd, &octets, &n);
	(void)close(fd);
	if (e == ERR_NONE) {
		/* The errors name the file that the bundle tells of. */
		errors.file = c.name;
		e = bundle_read(BUNDLE_KEYS, bytes_of(octets, n), &c, &f, &none);
		writer_u8(&w, 1);
		if (e == ERR_NONE)
			e = keys_load(&c, &f, &k->next, &w, &errors);
		config_clear(&c);
		files_clear(&f);
		mem_free_secret(octets, n);
	}
	if (e != ERR_NONE) {
		if (errors.n == 0)
			errors_add(&errors, 0, "the keys cannot be loaded: %s", err_name(e));
		w = writer_of(k->out, IPC_MESSAGE_MAX);
		put_errors(&w, &errors);
	}
	errors_clear(&errors);
	(void)ipc_send(k->parent, IPC_LOADED, writer_bytes_so_far(&w), -1);
}

/* False: the parent wants us to end, or is gone. */
static bool from_parent(struct keys *k)
{
	struct ipc_message m;
	enum err e = ipc_receive(k->parent, k->buf, &m);

	if (e == ERR_STATE || e == ERR_SYNTAX)
		return true;
	if (e != ERR_NONE)
		return false;
	if (m.type == IPC_LOAD) {
		load(k, m.fd);
	} else if (m.type == IPC_COMMIT && k->next != NULL) {
		keystore_free(k->store);
		k->store = k->next;
		k->next = NULL;
	}
	return m.type != IPC_STOP;
}

static void run(struct keys *k, struct bytes request)
{
	struct ike_job *job = NULL;
	struct writer w = writer_of(k->out, IPC_MESSAGE_MAX);

	if (ike_job_read_request(&job, request) != ERR_NONE || !ike_job_needs_keys(job)) {
		log_write(&k->process->log, LOG_WARN, NULL, 0,
			  "a malformed request from the ike process was refused");
		ike_job_free(job);
		return;
	}
	ike_job_run(job, k->crypto, k->store, time(NULL));
	if (ike_job_write_answer(job, &w) != ERR_NONE || !writer_ok(&w))
		log_write(&k->process->log, LOG_ERR, NULL, 0, "an answer does not fit a message");
	else
		(void)ipc_send(k->ike, IPC_JOB_DONE, writer_bytes_so_far(&w), -1);
	ike_job_free(job);
}

static bool from_ike(struct keys *k)
{
	struct ipc_message m;
	enum err e = ipc_receive(k->ike, k->buf, &m);

	if (e == ERR_STATE || e == ERR_SYNTAX)
		return true;
	if (e != ERR_NONE)
		return false;
	if (m.fd >= 0)
		(void)close(m.fd);
	if (m.type == IPC_JOB)
		run(k, m.body);
	return true;
}

static void loop(struct keys *k)
{
	struct pollfd fds[2] = {{k->parent, POLLIN, 0}, {k->ike, POLLIN, 0}};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents != 0 && !from_parent(k))
			return;
		if (fds[1].revents != 0 && !from_ike(k))
			return;
	}
}

int keys_process(struct process *p, const struct keys_start *start)
{
	int status = 1;
	struct keys k = {.process = p, .parent = start->parent, .ike = start->ike};

	if (!process_drop(p, "keys"))
		return 1;
	k.crypto = crypto_new();
	k.store = keystore_new();
	k.buf = mem_new(IPC_HEADER_LEN + IPC_MESSAGE_MAX);
	k.out = mem_new(IPC_MESSAGE_MAX);
	if (k.crypto == NULL || k.store == NULL || k.buf == NULL || k.out == NULL) {
		log_write(&p->log, LOG_ERR, NULL, 0, "out of memory");
		goto done;
	}
	if (!process_filter(p, SANDBOX_KEYS))
		goto done;
	loop(&k);
	status = 0;
done:
	keystore_free(k.next);
	keystore_free(k.store);
	crypto_free(k.crypto);
	mem_free(k.buf);
	mem_free(k.out);
	return status;
}
