/* Two threads that run the engine's slow jobs, so that no other peer waits for them. One runs what
 * takes a millisecond or so, in order; the other what takes longer (KE_COST_MEDIUM's exchanges and
 * KE_COST_SLOW's keys), the shorter kind first. So a handshake of cheap methods never waits for a
 * large KEM, and one of FrodoKEM for at most one McEliece key. When both have nothing to do, and
 * nobody has asked for a large KEM just before, the second makes KE_COST_SLOW keys in advance. */
#ifndef POSTERN_DAEMON_WORKER_H
#define POSTERN_DAEMON_WORKER_H

#include <stddef.h>

#include "base/error.h"
#include "ike/job.h"

/* Keys of each slow method that are kept ready, and the octets of all of them together: two of each
 * of the five McEliece sets are 8.5 MB. */
#define WORKER_POOL_KEYS   2
#define WORKER_POOL_OCTETS ((size_t)10 << 20)
/* After a job with a large KEM no key is made in advance for so long: that handshake goes on. */
#define WORKER_PAUSE_MS 250

struct worker;

/* Starts the threads. done(ctx) is called when a job has become ready, in whichever thread made it
 * so, within worker_put() too; it only wakes the owner. */
enum err worker_new(struct worker **w, void (*done)(void *ctx), void *ctx);
/* Ends the threads after their present jobs, and frees all jobs and keys. */
void worker_free(struct worker *w);
/* Takes the job. */
void worker_put(struct worker *w, struct ike_job *job);
/* A job that has been run, in order, or NULL. The caller owns it. */
struct ike_job *worker_get(struct worker *w);

/* From now on keys of these methods are kept ready, those of KE_COST_SLOW among them; keys of
 * others are erased. What has no room any more is made when it is asked for. */
void worker_keep(struct worker *w, const struct ke_desc *const *methods, size_t n);
/* Keys of this method that are ready. */
size_t worker_ready(struct worker *w, const struct ke_desc *d);

#endif
