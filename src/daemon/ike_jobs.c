/* The engine's jobs: those that need a secret go to the keys process, the others to the worker. */
#include <string.h>
#include <unistd.h>

#include "daemon/ike_private.h"

/* A job that cannot be done ends at once, but not within the engine's own call. */
static void fail_job(struct server *s, struct ike_job *job, const char *reason)
{
	job->result = ERR_IO;
	(void)snprintf(job->reason, sizeof(job->reason), "%s", reason);
	ike_job_done(s->ike, job, process_now());
}

void jobs_take(struct server *s, struct ike_job *job)
{
	if (job->type == IKE_JOB_FETCH) {
		fetch_take(s, job);
		return;
	}
	if (!ike_job_needs_keys(job)) {
		worker_put(s->worker, job);
		return;
	}
	job->next = NULL;
	*s->unsent_end = job;
	s->unsent_end = &job->next;
	ev_io_stop(s->loop, &s->keys_io);
	ev_io_set(&s->keys_io, s->start->keys, EV_READ | EV_WRITE);
	ev_io_start(s->loop, &s->keys_io);
}

static struct ike_job *unsent_get(struct server *s)
{
	struct ike_job *job = s->unsent;

	s->unsent = job->next;
	if (s->unsent == NULL)
		s->unsent_end = &s->unsent;
	job->next = NULL;
	return job;
}

bool jobs_to_keys(struct server *s)
{
	while (s->unsent != NULL) {
		struct writer w = writer_of(s->out, IPC_MESSAGE_MAX);
		enum err e = ike_job_write_request(s->unsent, &w);
		if (e == ERR_NONE && !writer_ok(&w))
			e = ERR_LIMIT;
		if (e == ERR_NONE)
			e = ipc_send(s->start->keys, IPC_JOB, writer_bytes_so_far(&w), -1);
		if (e == ERR_STATE)
			return true;
		struct ike_job *job = unsent_get(s);
		if (e == ERR_NONE) {
			job->next = s->asked;
			s->asked = job;
		} else if (e == ERR_IO) {
			job->next = s->asked;
			s->asked = job;
			return false;
		} else {
			fail_job(s, job, "the request does not fit a message");
		}
	}
	ev_io_stop(s->loop, &s->keys_io);
	ev_io_set(&s->keys_io, s->start->keys, EV_READ);
	ev_io_start(s->loop, &s->keys_io);
	return true;
}

/* Takes the job of this serial off the list of those asked. */
static struct ike_job *asked_get(struct server *s, uint64_t serial)
{
	struct ike_job **at = &s->asked;

	while (*at != NULL && (*at)->serial != serial)
		at = &(*at)->next;
	struct ike_job *job = *at;
	if (job != NULL) {
		*at = job->next;
		job->next = NULL;
	}
	return job;
}

static void answer(struct server *s, struct bytes body)
{
	uint64_t serial = 0;
	struct ike_job *job = NULL;

	if (ike_job_answer_serial(body, &serial) == ERR_NONE)
		job = asked_get(s, serial);
	if (job == NULL) {
		log_write(&s->process->log, LOG_WARN, NULL, 0,
			  "an answer of the keys process to no request was dropped");
		return;
	}
	if (ike_job_read_answer(job, body) != ERR_NONE)
		fail_job(s, job, "the keys process gave a malformed answer");
	else
		ike_job_done(s->ike, job, process_now());
}

bool jobs_from_keys(struct server *s)
{
	struct ipc_message m;

	for (;;) {
		enum err e = ipc_receive(s->start->keys, s->buf, &m);
		if (e == ERR_STATE)
			return true;
		if (e == ERR_SYNTAX)
			continue;
		if (e != ERR_NONE)
			return false;
		if (m.fd >= 0)
			(void)close(m.fd);
		if (m.type == IPC_JOB_DONE)
			answer(s, m.body);
	}
}

void jobs_from_worker(struct server *s)
{
	struct ike_job *job;

	while ((job = worker_get(s->worker)) != NULL)
		ike_job_done(s->ike, job, process_now());
}

void jobs_clear(struct server *s)
{
	while (s->unsent != NULL)
		ike_job_free(unsent_get(s));
	while (s->asked != NULL) {
		struct ike_job *job = s->asked;
		s->asked = job->next;
		ike_job_free(job);
	}
}
