#include "daemon/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "base/mem.h"
#include "crypto/ke_pool.h"

struct queue {
	struct ike_job *first, **end;
};

enum { QUICK, HEAVY, N_LANES };

/* One thread and what it is to do. */
struct lane {
	struct worker *worker;
	pthread_t thread;
	pthread_cond_t wake;
	struct queue queues[2]; /* those of the first are run first */
	struct crypto *crypto;
	bool made;    /* thread and condition are there */
	bool running; /* the C library has set the thread up */
	bool busy;
};

struct worker {
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t started;
	struct lane lanes[N_LANES];
	struct queue done;
	struct ke_pool *pool;
	struct timespec quiet_at; /* until then no key is made in advance */
	bool stop;
	void (*tell)(void *ctx);
	void *ctx;
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

static void queue_free(struct queue *q)
{
	struct ike_job *job;

	while ((job = queue_get(q)) != NULL)
		ike_job_free(job);
}

static bool is_key_exchange(const struct ike_job *job)
{
	return job->type == IKE_JOB_KE_GENERATE || job->type == IKE_JOB_KE_RESPOND ||
	       job->type == IKE_JOB_KE_FINISH;
}

static bool makes_slow_key(const struct ike_job *job)
{
	return job->type == IKE_JOB_KE_GENERATE && job->ke->cost == KE_COST_SLOW;
}

static struct queue *queue_of(struct worker *w, const struct ike_job *job)
{
	if (makes_slow_key(job))
		return &w->lanes[HEAVY].queues[1];
	if (is_key_exchange(job) && job->ke->cost == KE_COST_MEDIUM)
		return &w->lanes[HEAVY].queues[0];
	return &w->lanes[QUICK].queues[0];
}

/* A key made in advance, for a job that would make one. */
static bool serve_from_pool(struct worker *w, struct ike_job *job)
{
	if (!makes_slow_key(job) ||
	    ke_pool_take(w->pool, job->ke, &job->private, &job->value) != ERR_NONE)
		return false;
	mem_erase(job->seed, sizeof(job->seed));
	job->result = ERR_NONE;
	return true;
}

static void run(struct lane *l, struct ike_job *job)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ike_job_run(job, l->crypto, NULL, now.tv_sec);
}

/* A key of d for the pool. Called with the lock, and works without it. */
static void fill(struct worker *w, const struct ke_desc *d)
{
	uint8_t seed[KE_SEED_LEN];
	struct ke_private *private = NULL;
	uint8_t *value;
	enum err e = ERR_NO_MEMORY;

	(void)pthread_mutex_unlock(&w->lock);
	value = mem_new(d->init_len);
	crypto_random(seed, sizeof(seed));
	if (value != NULL)
		e = ke_generate(d, seed, &private, value);
	mem_erase(seed, sizeof(seed));
	(void)pthread_mutex_lock(&w->lock);
	if (e == ERR_NONE) {
		/* ERR_LIMIT: meanwhile nobody wants it any more. */
		(void)ke_pool_put(w->pool, private, value);
		return;
	}
	/* There may be memory later; not to try again and again, no more of it is wanted. */
	mem_free(value);
	(void)ke_pool_keep(w->pool, d, 0);
}

/* The next job of this lane. Called with the lock. */
static struct ike_job *next_job(struct lane *l)
{
	struct ike_job *job = queue_get(&l->queues[0]);

	return job != NULL ? job : queue_get(&l->queues[1]);
}

static bool idle(const struct worker *w)
{
	return !w->lanes[QUICK].busy && w->lanes[QUICK].queues[0].first == NULL;
}

/* A handshake with large KEMs asks for one job after the other, and each would wait for the key
 * that was begun in between. */
static void note_heavy(struct worker *w)
{
	(void)clock_gettime(CLOCK_MONOTONIC, &w->quiet_at);
	w->quiet_at.tv_nsec += WORKER_PAUSE_MS * 1000000L;
	if (w->quiet_at.tv_nsec >= 1000000000L) {
		w->quiet_at.tv_nsec -= 1000000000L;
		w->quiet_at.tv_sec++;
	}
}

static bool quiet(const struct worker *w)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec != w->quiet_at.tv_sec ? now.tv_sec > w->quiet_at.tv_sec
						: now.tv_nsec >= w->quiet_at.tv_nsec;
}

static void finish(struct worker *w, struct ike_job *job)
{
	(void)pthread_mutex_lock(&w->lock);
	queue_put(&w->done, job);
	(void)pthread_mutex_unlock(&w->lock);
	w->tell(w->ctx);
}

/* Waits, or makes a key in advance when nobody waits for anything. Called with the lock. */
static void rest(struct lane *l)
{
	struct worker *w = l->worker;
	const struct ke_desc *wanted = NULL;

	if (l == &w->lanes[HEAVY] && idle(w))
		wanted = ke_pool_want(w->pool);
	if (wanted != NULL && quiet(w)) {
		fill(w, wanted);
		return;
	}
	if (wanted != NULL) {
		(void)pthread_cond_timedwait(&l->wake, &w->lock, &w->quiet_at);
		return;
	}
	/* The other one may now make keys. */
	if (l == &w->lanes[QUICK])
		(void)pthread_cond_signal(&w->lanes[HEAVY].wake);
	(void)pthread_cond_wait(&l->wake, &w->lock);
}

static void *lane_main(void *ctx)
{
	struct lane *l = ctx;
	struct worker *w = l->worker;

	(void)pthread_mutex_lock(&w->lock);
	l->running = true;
	(void)pthread_cond_broadcast(&w->started);
	while (!w->stop) {
		struct ike_job *job = next_job(l);
		if (job == NULL) {
			rest(l);
			continue;
		}
		/* A key may have been made while it waited. */
		bool served = serve_from_pool(w, job);
		l->busy = true;
		(void)pthread_mutex_unlock(&w->lock);
		if (!served)
			run(l, job);
		finish(w, job);
		(void)pthread_mutex_lock(&w->lock);
		l->busy = false;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

static enum err lane_start(struct worker *w, struct lane *l)
{
	l->worker = w;
	queue_init(&l->queues[0]);
	queue_init(&l->queues[1]);
	l->crypto = crypto_new();
	if (l->crypto == NULL)
		return ERR_NO_MEMORY;
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&l->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (pthread_create(&l->thread, NULL, lane_main, l) != 0) {
		(void)pthread_cond_destroy(&l->wake);
		return ERR_IO;
	}
	l->made = true;
	/* Its first system calls are made before the sandbox is closed, not after. */
	(void)pthread_mutex_lock(&w->lock);
	while (!l->running)
		(void)pthread_cond_wait(&w->started, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
	return ERR_NONE;
}

enum err worker_new(struct worker **out, void (*done)(void *ctx), void *ctx)
{
	struct worker *w = mem_new(sizeof(*w));
	enum err e = ERR_NONE;

	if (w == NULL)
		return ERR_NO_MEMORY;
	*w = (struct worker){.tell = done, .ctx = ctx};
	queue_init(&w->done);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->started, NULL);
	w->pool = ke_pool_new(WORKER_POOL_OCTETS);
	if (w->pool == NULL)
		e = ERR_NO_MEMORY;
	for (size_t i = 0; e == ERR_NONE && i < N_LANES; i++)
		e = lane_start(w, &w->lanes[i]);
	if (e != ERR_NONE) {
		worker_free(w);
		return e;
	}
	*out = w;
	return ERR_NONE;
}

static void lane_end(struct lane *l)
{
	if (l->made) {
		(void)pthread_join(l->thread, NULL);
		(void)pthread_cond_destroy(&l->wake);
		queue_free(&l->queues[0]);
		queue_free(&l->queues[1]);
	}
	crypto_free(l->crypto);
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	for (size_t i = 0; i < N_LANES; i++)
		if (w->lanes[i].made)
			(void)pthread_cond_signal(&w->lanes[i].wake);
	(void)pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < N_LANES; i++)
		lane_end(&w->lanes[i]);
	queue_free(&w->done);
	ke_pool_free(w->pool);
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_cond_destroy(&w->started);
	mem_free(w);
}

void worker_put(struct worker *w, struct ike_job *job)
{
	struct lane *heavy = &w->lanes[HEAVY];

	(void)pthread_mutex_lock(&w->lock);
	if (is_key_exchange(job) && job->ke->cost != KE_COST_LOW)
		note_heavy(w);
	bool served = serve_from_pool(w, job);
	if (served)
		queue_put(&w->done, job);
	else
		queue_put(queue_of(w, job), job);
	(void)pthread_cond_signal(&w->lanes[QUICK].wake);
	(void)pthread_cond_signal(&heavy->wake);
	(void)pthread_mutex_unlock(&w->lock);
	if (served)
		w->tell(w->ctx);
}

struct ike_job *worker_get(struct worker *w)
{
	(void)pthread_mutex_lock(&w->lock);
	struct ike_job *job = queue_get(&w->done);
	(void)pthread_mutex_unlock(&w->lock);
	return job;
}

static bool is_among(const struct ke_desc *d, const struct ke_desc *const *methods, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (methods[i] == d)
			return true;
	return false;
}

void worker_keep(struct worker *w, const struct ke_desc *const *methods, size_t n)
{
	size_t n_all;
	const struct ke_desc *all = ke_all(&n_all);

	(void)pthread_mutex_lock(&w->lock);
	/* First what goes, so that there is room for what comes. */
	for (size_t i = 0; i < n_all; i++)
		if (!is_among(&all[i], methods, n))
			(void)ke_pool_keep(w->pool, &all[i], 0);
	for (size_t i = 0; i < n; i++)
		for (size_t keys = WORKER_POOL_KEYS; methods[i]->cost == KE_COST_SLOW && keys > 0;
		     keys--)
			if (ke_pool_keep(w->pool, methods[i], keys) == ERR_NONE)
				break;
	(void)pthread_cond_signal(&w->lanes[HEAVY].wake);
	(void)pthread_mutex_unlock(&w->lock);
}

size_t worker_ready(struct worker *w, const struct ke_desc *d)
{
	(void)pthread_mutex_lock(&w->lock);
	size_t n = ke_pool_ready(w->pool, d);
	(void)pthread_mutex_unlock(&w->lock);
	return n;
}
