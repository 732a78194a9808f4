/* The worker's order of work and its keys made in advance. The callback can hold a thread, so that
 * the order does not hang on anybody's speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka, which has no includes of its own */
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/ke_pool.h"
#include "daemon/worker.h"

#define PATIENCE 20 /* seconds: a fault, not a measure */

struct bench {
	struct worker *w;
	sem_t done;    /* one for each call */
	sem_t release; /* lets the held thread go */
	pthread_t main;
	bool hold; /* the next call from a thread of the worker's waits */
	pthread_mutex_t lock;
};

static void wait_for(sem_t *s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	assert_int_equal(sem_timedwait(s, &until), 0);
}

static void on_done(void *ctx)
{
	struct bench *b = ctx;

	pthread_mutex_lock(&b->lock);
	const bool hold = b->hold && !pthread_equal(pthread_self(), b->main);
	if (hold)
		b->hold = false;
	pthread_mutex_unlock(&b->lock);
	sem_post(&b->done);
	if (hold)
		wait_for(&b->release);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	sem_init(&b->done, 0, 0);
	sem_init(&b->release, 0, 0);
	pthread_mutex_init(&b->lock, NULL);
	b->main = pthread_self();
	assert_int_equal(worker_new(&b->w, on_done, b), ERR_NONE);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	worker_free(b->w);
	sem_destroy(&b->done);
	sem_destroy(&b->release);
	pthread_mutex_destroy(&b->lock);
	free(b);
	return 0;
}

static void put(struct bench *b, uint16_t method, uint64_t serial)
{
	struct ike_job *job = ike_job_new(IKE_JOB_KE_GENERATE);

	assert_non_null(job);
	job->ke = ke_find(method);
	job->serial = serial;
	crypto_random(job->seed, sizeof(job->seed));
	worker_put(b->w, job);
}

static struct ike_job *get(struct bench *b)
{
	struct ike_job *job;

	wait_for(&b->done);
	job = worker_get(b->w);
	assert_non_null(job);
	return job;
}

/* The next one that is ready has this serial, and is a whole key. */
static void expect(struct bench *b, uint64_t serial)
{
	struct ike_job *job = get(b);

	assert_int_equal(job->serial, serial);
	assert_int_equal(job->result, ERR_NONE);
	assert_ptr_equal(ke_private_desc(job->private), job->ke);
	assert_non_null(job->value);
	ike_job_free(job);
}

/* Runs the other half: the key that came is one that works. */
static void exchange(struct ike_job *job)
{
	const struct ke_desc *d = job->ke;
	uint8_t seed[KE_SEED_LEN], theirs[32], ours[32];
	uint8_t *answer = mem_new(d->resp_len);

	crypto_random(seed, sizeof(seed));
	assert_int_equal(d->secret_len, sizeof(ours));
	assert_int_equal(ke_respond(d, seed, bytes_of(job->value, d->init_len), answer, theirs),
			 ERR_NONE);
	assert_int_equal(ke_finish(job->private, bytes_of(answer, d->resp_len), ours), ERR_NONE);
	assert_memory_equal(ours, theirs, sizeof(ours));
	mem_free(answer);
}

/* While the thread of the large ones is held, a classical exchange and an ML-KEM one go through. */
static void quick_ones_do_not_wait(void **state)
{
	struct bench *b = *state;

	b->hold = true;
	put(b, KE_MCELIECE_348864, 1);
	expect(b, 1);
	put(b, KE_MCELIECE_348864, 2);
	put(b, KE_FRODOKEM_976_AES, 3);
	put(b, KE_CURVE25519, 4);
	expect(b, 4);
	put(b, KE_ML_KEM_768, 5);
	expect(b, 5);
	sem_post(&b->release);
	expect(b, 3);
	expect(b, 2);
}

/* FrodoKEM waits for the one McEliece key that is being made, not for those behind it. */
static void medium_before_slow(void **state)
{
	struct bench *b = *state;

	b->hold = true;
	put(b, KE_MCELIECE_348864, 1);
	expect(b, 1);
	for (uint64_t i = 10; i < 13; i++)
		put(b, KE_MCELIECE_348864, i);
	put(b, KE_FRODOKEM_976_AES, 2);
	put(b, KE_FRODOKEM_976_AES, 3);
	sem_post(&b->release);
	expect(b, 2);
	expect(b, 3);
	for (uint64_t i = 10; i < 13; i++)
		expect(b, i);
}

static void wait_ready(struct bench *b, const struct ke_desc *d, size_t n)
{
	struct timespec pause = {0, 1000000};

	for (unsigned i = 0; worker_ready(b->w, d) != n; i++) {
		assert_true(i < PATIENCE * 1000);
		nanosleep(&pause, NULL);
	}
}

/* A key of the pool is there within worker_put(), each once; the pool fills up again. */
static void keys_in_advance(void **state)
{
	struct bench *b = *state;
	const struct ke_desc *d = ke_find(KE_MCELIECE_348864);
	struct ike_job *first, *second;

	worker_keep(b->w, &d, 1);
	wait_ready(b, d, WORKER_POOL_KEYS);
	b->hold = true; /* of the threads, none makes this key */
	put(b, KE_MCELIECE_348864, 1);
	assert_int_equal(sem_trywait(&b->done), 0);
	first = worker_get(b->w);
	assert_non_null(first);
	for (size_t i = 0; i < sizeof(first->seed); i++)
		assert_int_equal(first->seed[i], 0);
	put(b, KE_MCELIECE_348864, 2);
	b->hold = false;
	second = get(b);
	assert_memory_not_equal(first->value, second->value, d->init_len);
	exchange(first);
	exchange(second);
	ike_job_free(first);
	ike_job_free(second);
	wait_ready(b, d, WORKER_POOL_KEYS);
}

/* What the configuration does not name any more is erased; what is cheap is never kept. */
static void keeps_what_is_named(void **state)
{
	struct bench *b = *state;
	const struct ke_desc *small = ke_find(KE_MCELIECE_348864);
	const struct ke_desc *methods[] = {ke_find(KE_CURVE25519), ke_find(KE_MCELIECE_460896)};

	worker_keep(b->w, &small, 1);
	wait_ready(b, small, WORKER_POOL_KEYS);
	worker_keep(b->w, methods, 2);
	assert_int_equal(worker_ready(b->w, small), 0);
	wait_ready(b, methods[1], WORKER_POOL_KEYS);
	assert_int_equal(worker_ready(b->w, methods[0]), 0);
	worker_keep(b->w, NULL, 0);
	assert_int_equal(worker_ready(b->w, methods[1]), 0);
}

/* All five sets have room, and what is under way when the worker ends is freed. */
static void room_for_every_set(void **state)
{
	struct bench *b = *state;
	size_t n, octets = 0, n_slow = 0;
	const struct ke_desc *all = ke_all(&n), *slow[KE_POOL_METHODS_MAX];

	for (size_t i = 0; i < n; i++)
		if (all[i].cost == KE_COST_SLOW && n_slow < KE_POOL_METHODS_MAX) {
			slow[n_slow++] = &all[i];
			octets += all[i].init_len * WORKER_POOL_KEYS;
		}
	assert_int_equal(n_slow, 5);
	assert_true(octets <= WORKER_POOL_OCTETS);
	worker_keep(b->w, slow, n_slow);
	put(b, KE_CURVE25519, 1);
	expect(b, 1);
	put(b, KE_MCELIECE_348864, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(quick_ones_do_not_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(medium_before_slow, setup, teardown),
	    cmocka_unit_test_setup_teardown(keys_in_advance, setup, teardown),
	    cmocka_unit_test_setup_teardown(keeps_what_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(room_for_every_set, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
