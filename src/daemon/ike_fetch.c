/* The engine's jobs that want things from the network, on their way to the fetch process and back.
 * That one may die at any time: what it was asked for fails then, and handshakes go on as well as
 * they can without. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/fetch_wire.h"
#include "daemon/ike_private.h"

/* An item of a job that the fetch process has. */
struct fetch_ticket {
	struct fetch_ticket *next;
	uint64_t number;
	struct ike_job *job;    /* owned by all its tickets together */
	struct ike_fetch *item; /* of job */
};

static bool is_out(const struct server *s, const struct ike_job *job)
{
	const struct fetch_ticket *t = s->tickets;

	while (t != NULL && t->job != job)
		t = t->next;
	return t != NULL;
}

/* Not from within the engine's own call. */
static void come_back(struct server *s, struct ike_job *job)
{
	job->next = s->fetched;
	s->fetched = job;
	ev_async_send(s->loop, &s->job_done);
}

void fetch_flush(struct server *s)
{
	while (s->fetched != NULL) {
		struct ike_job *job = s->fetched;
		s->fetched = job->next;
		job->next = NULL;
		ike_job_done(s->ike, job, process_now());
	}
}

static enum err ask(struct server *s, struct ike_job *job, struct ike_fetch *item)
{
	const char *name = job->connection != NULL ? job->connection->name : "";
	struct writer w = writer_of(s->out, IPC_MESSAGE_MAX);
	struct fetch_ticket *t = mem_new(sizeof(*t));
	struct fetch_ask a = {
	    .ticket = ++s->last_ticket,
	    .kind = item->kind,
	    .has_sha1 = item->has_sha1,
	    .octets_max = item->octets_max,
	    .connection = bytes_of(name, strnlen(name, FETCH_NAME_MAX)),
	    .url = bytes_of(item->url, strlen(item->url)),
	    .body = bytes_of(item->body, item->body_n),
	};

	if (t == NULL)
		return ERR_NO_MEMORY;
	memcpy(a.sha1, item->sha1, sizeof(a.sha1));
	fetch_ask_write(&w, &a);
	enum err e = s->fetch_gone
			 ? ERR_IO
			 : ipc_send(s->start->fetch, IPC_FETCH, writer_bytes_so_far(&w), -1);
	if (e != ERR_NONE) {
		mem_free(t);
		return e;
	}
	*t = (struct fetch_ticket){s->tickets, a.ticket, job, item};
	s->tickets = t;
	return ERR_NONE;
}

void fetch_take(struct server *s, struct ike_job *job)
{
	struct ike_fetches *all = job->fetches;

	for (size_t i = 0; all != NULL && i < all->n; i++) {
		if (all->item[i].done || ask(s, job, &all->item[i]) == ERR_NONE)
			continue;
		ike_fetch_done(&all->item[i], ERR_IO, "the fetch process is not there or busy",
			       NULL, 0);
	}
	if (!is_out(s, job))
		come_back(s, job);
}

/* Ends the ticket; the job goes back with its last one. */
static void end_ticket(struct server *s, struct fetch_ticket **at)
{
	struct fetch_ticket *t = *at;
	struct ike_job *job = t->job;

	*at = t->next;
	mem_free(t);
	if (!is_out(s, job))
		come_back(s, job);
}

static void fail_all(struct server *s)
{
	while (s->tickets != NULL) {
		ike_fetch_done(s->tickets->item, ERR_IO, "the fetch process died meanwhile", NULL,
			       0);
		end_ticket(s, &s->tickets);
	}
}

static void answer(struct server *s, const struct ipc_message *m)
{
	struct fetch_ticket **at = &s->tickets;
	char reason[IKE_FETCH_REASON_MAX] = "";
	struct fetch_answer a;
	uint8_t *data = NULL;
	size_t n = 0;

	if (fetch_answer_read(&a, m->body) != ERR_NONE || (m->fd >= 0) != (a.result == ERR_NONE)) {
		log_write(&s->process->log, LOG_WARN, NULL, 0,
			  "a malformed answer of the fetch process was refused");
		return;
	}
	while (*at != NULL && (*at)->number != a.ticket)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	if (a.reason.n > 0)
		memcpy(reason, a.reason.p, a.reason.n);
	if (a.result == ERR_NONE)
		a.result = ipc_file_read(m->fd, &data, &n);
	if (a.result == ERR_NONE &&
	    n > ((*at)->item->octets_max != 0 ? (*at)->item->octets_max : IKE_FETCH_OCTETS_MAX)) {
		mem_free(data);
		data = NULL;
		a.result = ERR_LIMIT;
	}
	if (a.result != ERR_NONE && reason[0] == '\0')
		(void)snprintf(reason, sizeof(reason), "%s", err_name(a.result));
	ike_fetch_done((*at)->item, a.result, reason, data, n);
	end_ticket(s, at);
}

void fetch_keep(struct server *s)
{
	struct writer w = writer_of(s->out, IPC_MESSAGE_MAX);
	size_t n = 0;

	for (size_t i = 0; i < s->built.n; i++) {
		const struct ike_remote_auth *a = &s->built.connections[i]->remote_auth;
		for (size_t u = 0; u < a->n_crl_urls && n < FETCH_KEEP_MAX; u++) {
			const struct bytes url = bytes_of(a->crl_urls[u], strlen(a->crl_urls[u]));
			struct reader r = reader_of(writer_bytes_so_far(&w));
			struct bytes there = {0};
			while (fetch_keep_read(&r, &there) == ERR_NONE && !bytes_equal(there, url))
				there = (struct bytes){0};
			if (there.n > 0)
				continue;
			fetch_keep_write(&w, url);
			n++;
		}
	}
	if (!s->fetch_gone)
		(void)ipc_send(s->start->fetch, IPC_FETCH_KEEP, writer_bytes_so_far(&w), -1);
}

void fetch_read(struct server *s)
{
	struct ipc_message m;

	for (;;) {
		enum err e = ipc_receive(s->start->fetch, s->buf, &m);
		if (e == ERR_STATE)
			return;
		if (e == ERR_SYNTAX)
			continue;
		if (e != ERR_NONE) {
			ev_io_stop(s->loop, &s->fetch_io);
			s->fetch_gone = true;
			fail_all(s);
			return;
		}
		if (m.type == IPC_FETCHED) {
			answer(s, &m);
		} else if (m.type == IPC_FETCH_READY) {
			fail_all(s);
			fetch_keep(s);
		}
		if (m.fd >= 0)
			(void)close(m.fd);
	}
}

void fetch_clear(struct server *s)
{
	fail_all(s);
	while (s->fetched != NULL) {
		struct ike_job *job = s->fetched;
		s->fetched = job->next;
		ike_job_free(job);
	}
}
