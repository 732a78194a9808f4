/* What an IKE handshake costs: two engines in one process, a network that loses nothing and takes
 * no time, jobs run at once. Set-ups a second of CPU, both ends together. Of one set-up with large
 * KEMs, with keys made at need (cold) and in advance (warm): wall time, the longest that an engine
 * kept its caller without the jobs, and memory: of the process above its rest, and what each end's
 * engine and jobs held at most and holds with the tunnel up, in lengths of the largest public key.
 * "--loop NAME N" only makes N set-ups, for a profiler. -o FILE writes the figures as JSON too. */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../sim/sim.h"
#include "base/ikev2_numbers.h"
#include "base/mem.h"

#define BUDGET_NS 700000000ULL
#define POOL_MAX  4
#define WALL_TIME 1800000000
#define CHAIN_PQ  "aes256gcm-prfsha384-x25519+mlkem768+frodo1344aes+mceliece6688128"

struct item {
	struct item *next;
	unsigned to; /* the engine */
	struct path path;
	struct ike_job *job; /* NULL: a datagram */
	size_t len;
	uint8_t octets[];
};

struct end {
	struct sim_peer *peer; /* its keys and connection */
	struct ike *ike;
	unsigned number;
	unsigned up;
};

static struct bench {
	struct sim *sim;
	struct end ends[2];
	struct item *first, **last;
	uint64_t now;
	/* keys made in advance, by method */
	struct ike_job *pool[POOL_MAX];
	size_t n_pool;
	uint64_t octets, datagrams, waited;
	uint64_t jobs_ns, longest_ns; /* of all jobs; of a call into an engine without them */
} bench;

static void fail(const char *what)
{
	fprintf(stderr, "bench_handshake: %s\n", what);
	exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static struct item *item_add(unsigned to, size_t len)
{
	struct item *i = malloc(sizeof(*i) + len);

	if (i == NULL)
		fail("out of memory");
	memset(i, 0, sizeof(*i));
	i->to = to;
	i->len = len;
	*bench.last = i;
	bench.last = &i->next;
	return i;
}

static void on_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct end *e = ctx;
	struct item *i = item_add(!e->number, datagram.n);

	i->path = *path;
	i->path.local = path->remote;
	i->path.remote = path->local;
	memcpy(i->octets, datagram.p, datagram.n);
	bench.octets += datagram.n;
	bench.datagrams++;
}

static bool from_pool(struct ike_job *job)
{
	for (size_t i = 0; job->type == IKE_JOB_KE_GENERATE && i < bench.n_pool; i++) {
		struct ike_job *made = bench.pool[i];
		if (made->ke != job->ke)
			continue;
		job->private = made->private;
		job->value = made->value;
		made->private = NULL;
		made->value = NULL;
		ike_job_free(made);
		bench.pool[i] = bench.pool[--bench.n_pool];
		return true;
	}
	return false;
}

static void on_job(void *ctx, struct ike_job *job)
{
	struct end *e = ctx;
	const uint64_t from = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	if (!from_pool(job))
		ike_job_run(job, e->peer->crypto, e->peer->keys, WALL_TIME);
	item_add(e->number, 0)->job = job;
	bench.jobs_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - from;
}

static void on_event(void *ctx, const struct ike_event *event)
{
	struct end *e = ctx;

	e->up += event->type == IKE_EVENT_CHILD_UP;
	if (event->type == IKE_EVENT_FAILED)
		fail(event->reason);
}

static bool on_route(void *ctx, const struct addr *remote, struct addr *local)
{
	(void)remote;
	*local = ((struct end *)ctx)->peer->addr;
	return true;
}

static enum err policy_set(void *ctx, const struct dataplane_policy *p)
{
	(void)ctx;
	(void)p;
	return ERR_NONE;
}

static void policy_remove(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
}

static enum err child_install(void *ctx, const struct dataplane_child *c)
{
	(void)ctx;
	(void)c;
	return ERR_NONE;
}

static void child_move(void *ctx, uint32_t handle, const struct path *outer, bool udp)
{
	(void)ctx;
	(void)handle;
	(void)outer;
	(void)udp;
}

static bool child_usage(void *ctx, uint32_t handle, struct dataplane_usage *usage)
{
	(void)ctx;
	(void)handle;
	*usage = (struct dataplane_usage){0};
	return true;
}

static const struct dataplane_ops plane = {
    .policy_set = policy_set,
    .policy_remove = policy_remove,
    .child_install = child_install,
    .child_activate = policy_remove,
    .child_move = child_move,
    .child_remove = policy_remove,
    .child_usage = child_usage,
};

static void random_fill(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	crypto_random(buf, n);
}

struct entered {
	uint64_t ns, jobs_ns;
	ptrdiff_t octets;
};

static struct entered enter(void)
{
	return (struct entered){clock_ns(CLOCK_THREAD_CPUTIME_ID), bench.jobs_ns, peer_enter()};
}

static void leave(struct end *e, struct entered from)
{
	const uint64_t ns =
	    clock_ns(CLOCK_THREAD_CPUTIME_ID) - from.ns - (bench.jobs_ns - from.jobs_ns);

	if (ns > bench.longest_ns)
		bench.longest_ns = ns;
	peer_leave(e->peer, from.octets);
}

static void drain(void)
{
	struct item *i;

	while ((i = bench.first) != NULL) {
		struct end *e = &bench.ends[i->to];
		struct entered from;
		bench.first = i->next;
		if (bench.first == NULL)
			bench.last = &bench.first;
		bench.now++;
		from = enter();
		if (i->job != NULL)
			ike_job_done(e->ike, i->job, bench.now);
		else
			ike_input(e->ike, &i->path, bytes_of(i->octets, i->len), bench.now);
		leave(e, from);
		free(i);
	}
}

/* To the next thing that an engine waits for. */
static void pass(void)
{
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++)
		if (ike_next_deadline(bench.ends[i].ike) < at)
			at = ike_next_deadline(bench.ends[i].ike);
	if (at > bench.now && at != UINT64_MAX) {
		bench.waited += at - bench.now;
		bench.now = at;
	}
	for (unsigned i = 0; i < 2; i++) {
		const struct entered from = enter();
		ike_tick(bench.ends[i].ike, bench.now);
		leave(&bench.ends[i], from);
	}
	drain();
}

static void begin(const char *suite, enum sim_auth auth)
{
	struct sim_wish w = config_usual, m;

	bench = (struct bench){.now = 1000 * SECOND};
	bench.last = &bench.first;
	bench.sim = sim_new(1, false);
	w.ike = suite;
	w.auth = auth;
	m = config_mirror(&w);
	for (unsigned i = 0; i < 2; i++)
		bench.ends[i] =
		    (struct end){.peer = peer_add(bench.sim, i ? "B" : "A"), .number = i};
	for (unsigned i = 0; i < 2; i++) {
		struct end *e = &bench.ends[i];
		struct ike_settings settings;
		struct ike_callbacks cb = {.ctx = e,
					   .random = {random_fill, NULL},
					   .send = on_send,
					   .job = on_job,
					   .event = on_event,
					   .route = on_route,
					   .plane = &plane};
		ike_settings_default(&settings);
		e->ike = ike_new(&settings, &cb);
		peer_connection(e->peer, config_make(e->peer, bench.ends[!i].peer, i ? &m : &w));
		if (e->ike == NULL || ike_connection_set(e->ike, e->peer->conns[0], bench.now))
			fail("no engine");
	}
}

static void end(void)
{
	for (unsigned i = 0; i < 2; i++)
		ike_free(bench.ends[i].ike);
	while (bench.n_pool > 0)
		ike_job_free(bench.pool[--bench.n_pool]);
	sim_free(bench.sim);
}

/* One tunnel, up at both ends. */
static void set_up(void)
{
	const unsigned before = bench.ends[0].up + bench.ends[1].up;
	const struct entered from = enter();

	if (ike_up(bench.ends[0].ike, "net", NULL, ++bench.now))
		fail("no connection");
	leave(&bench.ends[0], from);
	drain();
	/* Long messages go in portions with pauses between: time that passes here for nothing. */
	for (unsigned i = 0; i < 10000 && bench.ends[0].up + bench.ends[1].up != before + 2; i++)
		pass();
	if (bench.ends[0].up + bench.ends[1].up != before + 2)
		fail("the tunnel did not come up");
}

/* And away again. */
static void take_down(void)
{
	if (ike_down(bench.ends[0].ike, "net", NULL, ++bench.now))
		fail("no connection");
	drain();
	bench.now += MINUTE;
	for (unsigned i = 0; i < 2; i++)
		ike_tick(bench.ends[i].ike, bench.now);
	drain();
}

static const struct kind {
	const char *name, *suite;
	enum sim_auth auth;
} kinds[] = {
    {"psk-x25519", "aes256gcm-prfsha384-x25519", SIM_PSK},
    {"psk-x25519+mlkem768", "aes256gcm-prfsha384-x25519+mlkem768", SIM_PSK},
    {"ecdsa-x25519", "aes256gcm-prfsha384-x25519", SIM_ECDSA},
    {"ecdsa-x25519+mlkem768", "aes256gcm-prfsha384-x25519+mlkem768", SIM_ECDSA},
    {"psk-x25519+mlkem768+frodo976shake", "aes256gcm-prfsha384-x25519+mlkem768+frodo976shake",
     SIM_PSK},
    {"large", CHAIN_PQ, SIM_PSK}, /* measured apart; the last */
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void measure(const struct kind *k, json_t *all)
{
	uint64_t ns = 0;
	unsigned n = 0;

	begin(k->suite, k->auth);
	set_up();
	take_down();
	bench.octets = bench.datagrams = 0;
	while (ns < BUDGET_NS) {
		const uint64_t from = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		set_up();
		ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - from;
		take_down();
		n++;
	}
	printf("%-36s %10.0f %10.3f\n", k->name, n * 1e9 / (double)ns, (double)ns / n / 1e6);
	json_array_append_new(all, json_pack("{s:s, s:f, s:f}", "handshake", k->name, "per_second",
					     n * 1e9 / (double)ns, "ms", (double)ns / n / 1e6));
	end();
}

static long status_kb(const char *field)
{
	char line[200];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			kb = strtol(line + strlen(field) + 1, NULL, 10);
	if (f != NULL)
		fclose(f);
	return kb;
}

struct large {
	double ms;
	double longest_ms;
	long peak_kb, left_kb;
	double end_peak[2], end_left[2]; /* lengths of the public key */
	uint64_t octets, datagrams;
};

static void fill_pool(void)
{
	struct ike_job *job = ike_job_new(IKE_JOB_KE_GENERATE);

	if (job == NULL)
		fail("out of memory");
	job->ke = ke_find(KE_MCELIECE_6688128);
	crypto_random(job->seed, sizeof(job->seed));
	ike_job_run(job, bench.ends[0].peer->crypto, NULL, WALL_TIME);
	bench.pool[bench.n_pool++] = job;
}

static void large_set_up(struct large *l)
{
	const double key = ke_find(KE_MCELIECE_6688128)->init_len;
	ptrdiff_t rest[2];

	for (unsigned i = 0; i < 2; i++)
		rest[i] = bench.ends[i].peer->octets_most = bench.ends[i].peer->octets;
	const uint64_t from = clock_ns(CLOCK_MONOTONIC);
	set_up();
	l->ms = (double)(clock_ns(CLOCK_MONOTONIC) - from) / 1e6;
	l->longest_ms = (double)bench.longest_ns / 1e6;
	l->octets = bench.octets;
	l->datagrams = bench.datagrams;
	for (unsigned i = 0; i < 2; i++) {
		const struct sim_peer *p = bench.ends[i].peer;
		l->end_peak[i] = (double)(p->octets_most - rest[i]) / key;
		l->end_left[i] = (double)(p->octets - rest[i]) / key;
	}
}

/* In a process of its own, so that memory begins from the same. */
static struct large measure_large(bool warm)
{
	struct large l = {0};
	int fds[2];

	if (pipe(fds) != 0)
		fail("no pipe");
	fflush(stdout);
	const pid_t child = fork();
	if (child == 0) {
		begin("aes256gcm-prfsha384-x25519", SIM_PSK);
		set_up();
		take_down();
		end();
		begin(CHAIN_PQ, SIM_PSK);
		if (warm)
			fill_pool();
		malloc_trim(0);
		const long before = status_kb("VmRSS");
		FILE *f = fopen("/proc/self/clear_refs", "w"); /* 5: the peak begins anew */
		if (f != NULL) {
			fputs("5", f);
			fclose(f);
		}
		large_set_up(&l);
		l.peak_kb = status_kb("VmHWM") - before;
		malloc_trim(0);
		l.left_kb = status_kb("VmRSS") - before;
		take_down();
		end();
		_exit(write(fds[1], &l, sizeof(l)) == (ssize_t)sizeof(l) ? 0 : 1);
	}
	close(fds[1]);
	if (child < 0 || read(fds[0], &l, sizeof(l)) != (ssize_t)sizeof(l))
		fail("the large set-up failed");
	close(fds[0]);
	(void)waitpid(child, NULL, 0);
	return l;
}

static bool report_large(json_t *all)
{
	bool ok = true;

	printf("%-12s %8s %8s %8s %9s %8s %8s %11s %11s   %s\n", "large KEMs", "wall ms", "call ms",
	       "octets", "datagrams", "peak kB", "left kB", "end A, left", "end B, left", CHAIN_PQ);
	for (unsigned warm = 0; warm < 2; warm++) {
		const struct large l = measure_large(warm == 1);
		printf("%-12s %8.1f %8.2f %8llu %9llu %8ld %8ld  %.2f, %.2f  %.2f, %.2f\n",
		       warm ? "warm" : "cold", l.ms, l.longest_ms, (unsigned long long)l.octets,
		       (unsigned long long)l.datagrams, l.peak_kb, l.left_kb, l.end_peak[0],
		       l.end_left[0], l.end_peak[1], l.end_left[1]);
		json_array_append_new(
		    all, json_pack("{s:s, s:s, s:f, s:f, s:I, s:I, s:I, s:f, s:f}", "chain",
				   CHAIN_PQ, "keys", warm ? "warm" : "cold", "wall_ms", l.ms,
				   "longest_call_ms", l.longest_ms, "octets", (json_int_t)l.octets,
				   "peak_kb", (json_int_t)l.peak_kb, "left_kb",
				   (json_int_t)l.left_kb, "initiator_peak_keys", l.end_peak[0],
				   "responder_peak_keys", l.end_peak[1]));
		ok = ok && l.ms < (warm ? 300 : 1000) && l.end_peak[0] < 4 && l.end_peak[1] < 4;
	}
	return ok;
}

static int loop(const char *name, unsigned n)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		begin(kinds[i].suite, kinds[i].auth);
		for (; n > 0; n--) {
			set_up();
			take_down();
		}
		end();
		return 0;
	}
	fail("no such handshake");
	return 1;
}

int main(int argc, char **argv)
{
	const char *file = argc == 3 && strcmp(argv[1], "-o") == 0 ? argv[2] : NULL;
	json_t *all = json_array();

	if (argc == 4 && strcmp(argv[1], "--loop") == 0)
		return loop(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	printf("%-36s %10s %10s\n", "set-up, both ends", "a second", "CPU ms");
	for (size_t i = 0; i + 1 < KINDS; i++)
		measure(&kinds[i], all);
	const bool quick = report_large(all);
	if (file != NULL && json_dump_file(all, file, JSON_INDENT(1)) != 0)
		fail("the file cannot be written");
	json_decref(all);
	printf(quick ? "ok handshake\n"
		     : "not ok handshake - the large chain takes more than 1 s, or 0.3 s warm, or "
		       "four public keys of memory\n");
	return quick ? 0 : 1;
}
