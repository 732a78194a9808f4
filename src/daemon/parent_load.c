/* A configuration's way into the other processes: the secrets to keys, which answers with what may
 * be known of them; then everything else to ike. Only when both have taken it is it put in use. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/bundle.h"
#include "daemon/check.h"
#include "daemon/ipc.h"
#include "daemon/parent.h"

void parent_load_clear(struct parent *p)
{
	if (p->next != NULL)
		config_clear(p->next);
	if (p->files != NULL)
		files_clear(p->files);
	mem_free(p->next);
	mem_free(p->files);
	p->next = NULL;
	p->files = NULL;
	p->loading = LOADING_NOTHING;
}

/* The end of a reload: lines is empty when all went well. */
static void finish(struct parent *p, struct bytes lines)
{
	parent_load_clear(p);
	if (p->asked_reload)
		(void)ipc_send(p->ike_pair[0], IPC_RELOADED, lines, -1);
	p->asked_reload = false;
	if (lines.n > 0 && !p->ready) {
		/* Nothing runs yet that could go on. */
		p->status = 1;
		p->stopping = true;
	}
	if (p->again && !p->stopping) {
		p->again = false;
		parent_reload(p);
	}
}

static void refuse(struct parent *p, struct bytes lines)
{
	struct bytes rest = lines;

	while (rest.n > 0) {
		const uint8_t *end = memchr(rest.p, '\n', rest.n);
		size_t n = end != NULL ? (size_t)(end - rest.p) : rest.n;
		log_write(&p->process.log, LOG_ERR, NULL, 0, "%.*s", (int)n, (const char *)rest.p);
		n += end != NULL;
		rest = bytes_of(rest.p + n, rest.n - n);
	}
	if (p->ready)
		log_write(&p->process.log, LOG_WARN, NULL, 0,
			  "the configuration is wrong; the running one stays");
	finish(p, lines);
}

static void refuse_errors(struct parent *p, const struct errors *e)
{
	struct writer w = writer_of(p->buf, IPC_MESSAGE_MAX);
	char more[64];

	for (size_t i = 0; i < e->n; i++) {
		writer_bytes(&w, bytes_of(e->line[i], strlen(e->line[i])));
		writer_u8(&w, '\n');
	}
	if (e->more > 0) {
		int n = snprintf(more, sizeof(more), "and %zu more errors\n", e->more);
		writer_bytes(&w, bytes_of(more, (size_t)n));
	}
	refuse(p, writer_bytes_so_far(&w));
}

static enum err send_bundle(int socket, enum bundle_kind kind, const struct config *c,
			    const struct files *f, struct bytes keys)
{
	uint8_t *octets = NULL;
	size_t n = 0;
	int fd = -1;
	enum err e = bundle_write(kind, c, f, keys, &octets, &n);

	if (e == ERR_NONE)
		e = ipc_file_make(&fd, bytes_of(octets, n));
	if (e == ERR_NONE)
		e = ipc_send(socket, IPC_LOAD, bytes_of(NULL, 0), fd);
	if (fd >= 0)
		(void)close(fd);
	mem_free_secret(octets, n);
	return e;
}

static void refuse_err(struct parent *p, enum err e)
{
	char line[ERROR_LINE_MAX];
	int n = snprintf(line, sizeof(line), "%s: it cannot be handed on: %s", p->config_path,
			 err_name(e));

	refuse(p, bytes_of(line, (size_t)n));
}

static void note_daemon_changes(const struct parent *p)
{
	struct daemon_config d;

	config_daemon(p->next, &d);
	/* config_daemon() clears the padding too. NOLINTNEXTLINE(*-memory-comparison,cert-*) */
	if (p->ready && memcmp(&d, &p->process.config, sizeof(d)) != 0)
		log_write(&p->process.log, LOG_WARN, NULL, 0,
			  "the section daemon has changed; that takes effect at the next start");
}

void parent_reload(struct parent *p)
{
	struct errors errors;

	if (p->loading != LOADING_NOTHING) {
		p->again = true;
		return;
	}
	errors_init(&errors, p->config_path);
	p->next = mem_new(sizeof(*p->next));
	p->files = mem_new(sizeof(*p->files));
	enum err e = p->next != NULL && p->files != NULL ? ERR_NONE : ERR_NO_MEMORY;
	if (e == ERR_NONE) {
		config_init(p->next);
		e = files_init(p->files);
	}
	if (e == ERR_NONE)
		e = check_read(p->config_path, p->next, &errors);
	if (e == ERR_NONE)
		e = files_read(p->files, p->folder, p->next, &errors);
	if (e == ERR_NONE) {
		note_daemon_changes(p);
		e = send_bundle(p->keys_pair[0], BUNDLE_KEYS, p->next, p->files, bytes_of(NULL, 0));
	}
	if (e == ERR_NONE)
		p->loading = LOADING_KEYS;
	else if (errors.n > 0)
		refuse_errors(p, &errors);
	else
		refuse_err(p, e);
	errors_clear(&errors);
}

/* answer: u8 1 and more, or u8 0 and lines. */
void parent_loaded(struct parent *p, enum child_name from, struct bytes answer)
{
	enum loading expected = from == CHILD_KEYS ? LOADING_KEYS : LOADING_IKE;
	struct reader r = reader_of(answer);
	uint8_t taken = reader_u8(&r);
	struct bytes rest = reader_rest(&r);

	if (p->loading != expected || !reader_ok(&r))
		return;
	if (taken != 1) {
		refuse(p, rest);
		return;
	}
	if (from == CHILD_KEYS) {
		enum err e = send_bundle(p->ike_pair[0], BUNDLE_IKE, p->next, p->files, rest);
		p->loading = LOADING_IKE;
		if (e != ERR_NONE)
			refuse_err(p, e);
		return;
	}
	/* Keys first: the engine asks for them at once. */
	enum err e = ipc_send(p->keys_pair[0], IPC_COMMIT, bytes_of(NULL, 0), -1);
	if (e == ERR_NONE)
		e = ipc_send(p->ike_pair[0], IPC_COMMIT, bytes_of(NULL, 0), -1);
	if (e != ERR_NONE)
		refuse_err(p, e);
	else
		finish(p, bytes_of(NULL, 0));
}
