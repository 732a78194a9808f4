/* One thread that runs the engine's slow jobs, so that no other peer waits for them. */
#ifndef POSTERN_DAEMON_WORKER_H
#define POSTERN_DAEMON_WORKER_H

#include "base/error.h"
#include "ike/job.h"

struct worker;

/* Starts the thread. done(ctx) is called in that thread when a job has become ready; it only wakes
 * the owner. */
enum err worker_new(struct worker **w, void (*done)(void *ctx), void *ctx);
/* Ends the thread after its present job, and frees all jobs. */
void worker_free(struct worker *w);
/* Takes the job. */
void worker_put(struct worker *w, struct ike_job *job);
/* A job that has been run, in order, or NULL. The caller owns it. */
struct ike_job *worker_get(struct worker *w);

#endif
