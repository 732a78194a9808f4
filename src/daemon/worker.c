#include "daemon/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "base/mem.h"

struct queue {
	struct ike_job *first, **end;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue waiting;
	struct queue done;
	bool running; /* the C library has set the thread up */
	bool stop;
	void (*tell)(void *ctx);
	void *ctx;
	struct crypto *crypto;
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void queue_put(struct queue *q, struct ike_job *job)
{
	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
}

static struct ike_job *queue_get(struct queue *q)
{
	struct ike_job *job = q->first;

	if (job == NULL)
		return NULL;
	q->first = job->next;
	if (q->first == NULL)
		q->end = &q->first;
	job->next = NULL;
	return job;
}

static void run(struct worker *w, struct ike_job *job)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ike_job_run(job, w->crypto, NULL, now.tv_sec);
}

static void *worker_main(void *ctx)
{
	struct worker *w = ctx;

	(void)pthread_mutex_lock(&w->lock);
	w->running = true;
	(void)pthread_cond_broadcast(&w->wake);
	while (!w->stop) {
		struct ike_job *job = queue_get(&w->waiting);
		if (job == NULL) {
			(void)pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&w->lock);
		run(w, job);
		(void)pthread_mutex_lock(&w->lock);
		queue_put(&w->done, job);
		w->tell(w->ctx);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

enum err worker_new(struct worker **out, void (*done)(void *ctx), void *ctx)
{
	struct worker *w = mem_new(sizeof(*w));

	if (w == NULL)
		return ERR_NO_MEMORY;
	*w = (struct worker){.tell = done, .ctx = ctx};
	queue_init(&w->waiting);
	queue_init(&w->done);
	w->crypto = crypto_new();
	if (w->crypto == NULL) {
		mem_free(w);
		return ERR_NO_MEMORY;
	}
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->wake, NULL);
	if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
		crypto_free(w->crypto);
		mem_free(w);
		return ERR_IO;
	}
	/* Its first system calls are made before the sandbox is closed, not after. */
	(void)pthread_mutex_lock(&w->lock);
	while (!w->running)
		(void)pthread_cond_wait(&w->wake, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
	*out = w;
	return ERR_NONE;
}

void worker_free(struct worker *w)
{
	struct ike_job *job;

	if (w == NULL)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->thread, NULL);
	while ((job = queue_get(&w->waiting)) != NULL)
		ike_job_free(job);
	while ((job = queue_get(&w->done)) != NULL)
		ike_job_free(job);
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_cond_destroy(&w->wake);
	crypto_free(w->crypto);
	mem_free(w);
}

void worker_put(struct worker *w, struct ike_job *job)
{
	(void)pthread_mutex_lock(&w->lock);
	queue_put(&w->waiting, job);
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

struct ike_job *worker_get(struct worker *w)
{
	(void)pthread_mutex_lock(&w->lock);
	struct ike_job *job = queue_get(&w->done);
	(void)pthread_mutex_unlock(&w->lock);
	return job;
}
