/* One peer: an engine with its keystore, its jobs and its data plane. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim.h"

/* Certificates are judged at this time: 2027. */
#define WALL_TIME 1800000000

uint64_t peer_now(const struct sim_peer *p)
{
	return p->sim->now + p->clock_ahead;
}

ptrdiff_t peer_enter(void)
{
	mem_octets_mark();
	return mem_octets_held();
}

void peer_leave(struct sim_peer *p, ptrdiff_t entered)
{
	const ptrdiff_t most = p->octets + mem_octets_peak() - entered;

	p->octets += mem_octets_held() - entered;
	if (most > p->octets_most)
		p->octets_most = most;
}

static void on_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct sim_peer *p = ctx;

	if (!addr_equal(&path->local.addr, &p->addr))
		sim_fail(p->sim, "%s: sends from an address that is not its own", p->name);
	if (datagram.n > 1)
		check_sent(p->sim, p, datagram);
	network_send(p->sim, p, path, datagram, false);
}

static void job_done(struct sim *sim, struct sim_event *e)
{
	struct sim_peer *p = e->peer;
	struct ike_job *job = e->data;

	if (sim == NULL || p->ike == NULL || e->generation != p->generation) {
		ike_job_free(job);
		return;
	}
	p->jobs_under_way--;
	const ptrdiff_t held = peer_enter();
	ike_job_done(p->ike, job, peer_now(p));
	peer_leave(p, held);
}

/* Of each item; what has not come by then has failed. */
static void fetch(struct sim_peer *p, struct ike_job *job)
{
	for (struct ike_fetch *f; (f = ike_fetch_next(job, 0)) != NULL;) {
		p->fetches++;
		p->fetch(p, f);
		if (!f->done)
			ike_fetch_done(f, ERR_LIMIT, "gave up", NULL, 0);
	}
	job->result = ERR_NONE;
}

static void on_job(void *ctx, struct ike_job *job)
{
	struct sim_peer *p = ctx;
	const bool fetches = job->type == IKE_JOB_FETCH && p->fetch != NULL;
	const uint64_t more = fetches ? p->fetch_time : 0;

	if (fetches)
		fetch(p, job);
	else
		ike_job_run(job, p->crypto, p->keys, WALL_TIME);
	if (p->sim->job_hook != NULL)
		p->sim->job_hook(p->sim, job);
	p->jobs_under_way++;
	queue_add(&p->sim->queue,
		  (struct sim_event){
		      .at = p->sim->now + more + rng_between(&p->sim->rng, p->job_min, p->job_max),
		      .fire = job_done,
		      .peer = p,
		      .generation = p->generation,
		      .data = job,
		  });
}

static void on_event(void *ctx, const struct ike_event *event)
{
	static const char *const names[] = {"SA_UP",      "SA_DOWN",       "SA_REKEYED", "CHILD_UP",
					    "CHILD_DOWN", "CHILD_REKEYED", "FAILED"};
	struct sim_peer *p = ctx;

	p->events[event->type]++;
	if (event->type == IKE_EVENT_FAILED)
		snprintf(p->last_failure, sizeof(p->last_failure), "%s",
			 event->reason == NULL ? "(none)" : event->reason);
	sim_note(p->sim, "%s: event %s %s %s: %s", p->name, names[event->type],
		 event->connection == NULL ? "-" : event->connection,
		 event->child == NULL ? "" : event->child,
		 event->reason == NULL ? "" : event->reason);
}

static bool on_route(void *ctx, const struct addr *remote, struct addr *local)
{
	const struct sim_peer *p = ctx;

	(void)remote;
	*local = p->addr;
	return true;
}

static void on_log(void *ctx, const struct log_record *record)
{
	struct sim_peer *p = ctx;
	char line[1200];

	if (record->level <= LOG_WARN)
		snprintf(p->last_warning, sizeof(p->last_warning), "%s", record->text);
	if (p->sim->trace)
		sim_note(p->sim, "%s: %s: %s", p->name, log_level_name(record->level),
			 log_format(record, line, sizeof(line)));
}

struct sim_peer *peer_add(struct sim *sim, const char *name)
{
	struct sim_peer *p = sim_alloc(sizeof(*p));

	p->sim = sim;
	p->index = (unsigned)sim->n_peers;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->addr = addr_v4(0xc0000201 + p->index); /* 192.0.2.1 */
	p->rng.state = sim->seed * 7919 + p->index * UINT64_C(0x1234567812345679) + 1;
	p->job_min = 200;
	p->job_max = 2 * MS;
	ike_settings_default(&p->settings);
	p->log = (struct log){.sink = on_log, .ctx = p, .most = sim->trace ? LOG_DEBUG : LOG_WARN};
	p->callbacks = (struct ike_callbacks){
	    .ctx = p,
	    .random = {rng_fill, &p->rng},
	    .send = on_send,
	    .job = on_job,
	    .event = on_event,
	    .route = on_route,
	    .plane = &sim_plane_ops,
	    .plane_ctx = &p->plane,
	    .streams = &sim_stream_ops,
	    .streams_ctx = p,
	    .log = &p->log,
	};
	p->plane.peer = p;
	p->crypto = crypto_new();
	p->keys = keystore_new();
	if (p->crypto == NULL || p->keys == NULL)
		abort();
	sim->peers[sim->n_peers++] = p;
	return p;
}

void peer_start(struct sim_peer *p)
{
	sim_note(p->sim, "%s: starts", p->name);
	p->generation++;
	p->jobs_under_way = 0;
	const ptrdiff_t held = peer_enter();
	p->octets = p->octets_most = 0;
	p->ike = ike_new(&p->settings, &p->callbacks);
	if (p->ike == NULL)
		abort();
	for (size_t i = 0; i < p->n_conns; i++)
		if (ike_connection_set(p->ike, p->conns[i], peer_now(p)))
			sim_fail(p->sim, "%s: the connection was refused", p->name);
	peer_leave(p, held);
}

void peer_crash(struct sim_peer *p)
{
	if (p->ike == NULL)
		return;
	sim_note(p->sim, "%s: crashes", p->name);
	ike_free(p->ike);
	p->ike = NULL;
	streams_of_crashed(p->sim, p);
	if (plane_count(&p->plane) != 0)
		sim_fail(p->sim, "%s: %zu Child SAs are left in the data plane of no engine",
			 p->name, plane_count(&p->plane));
	memset(p->plane.policies, 0, sizeof(p->plane.policies));
	memset(p->plane.acquires, 0, sizeof(p->plane.acquires));
}

void peer_connection(struct sim_peer *p, struct ike_connection *c)
{
	size_t i = 0;

	while (i < p->n_conns && strcmp(p->conns[i]->name, c->name) != 0)
		i++;
	if (i == p->n_conns)
		p->n_conns++;
	else
		ike_connection_release(p->conns[i]);
	p->conns[i] = c;
	if (p->ike != NULL && ike_connection_set(p->ike, c, peer_now(p)))
		sim_fail(p->sim, "%s: the connection was refused", p->name);
}

void peer_free(struct sim_peer *p)
{
	peer_crash(p);
	plane_clear(&p->plane);
	for (size_t i = 0; i < p->n_conns; i++)
		ike_connection_release(p->conns[i]);
	keystore_free(p->keys);
	crypto_free(p->crypto);
	free(p);
}

unsigned peer_count_sas(const struct sim_peer *p, int state)
{
	unsigned n = 0;

	if (p->ike == NULL)
		return 0;
	LIST_EACH (&p->ike->sa_list, node)
		n += state < 0 || CONTAINER_OF(node, struct ike_sa, all)->state == state;
	return n;
}

struct ike_sa *peer_sa(struct sim_peer *p)
{
	struct ike_sa *best = NULL;

	if (p->ike == NULL)
		return NULL;
	LIST_EACH (&p->ike->sa_list, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
		if (sa->state == SA_UP)
			best = sa;
	}
	return best;
}
