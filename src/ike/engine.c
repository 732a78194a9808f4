#include "ike/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/child.h"
#include "ike/ext/tcp.h"
#include "ike/impair.h"
#include "ike/sa.h"
#include "ike/task.h"

#define SECOND UINT64_C(1000000)

/* Replies outside any SA, and log lines about strangers: so many a second, and so many at once. */
#define STRANGER_RATE  10
#define STRANGER_BURST 100

void ike_settings_default(struct ike_settings *s)
{
	*s = (struct ike_settings){
	    .half_open_max = 1000,
	    .half_open_per_peer = 10,
	    .cookie_threshold = 100,
	    .half_open_timeout = 30 * SECOND,
	    .early_octets = 32 << 20,
	    .retransmit_first = SECOND / 2,
	    .retransmit_most = 16 * SECOND,
	    .vendor_id = NULL,
	};
}

static struct bytes key_by_spi(const struct table_node *node)
{
	const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, by_spi);

	return bytes_of(sa->initiator ? &sa->spi_i : &sa->spi_r, sizeof(sa->spi_i));
}

static struct bytes key_of_caller(const struct table_node *node)
{
	const struct ike_caller *c = CONTAINER_OF(node, struct ike_caller, node);

	return bytes_of(&c->addr, sizeof(c->addr));
}

static struct bytes key_of_conn(const struct table_node *node)
{
	const struct ike_conn *c = CONTAINER_OF(node, struct ike_conn, by_name);

	return bytes_of(c->config->name, strlen(c->config->name));
}

static struct bytes key_of_child(const struct table_node *node)
{
	const struct child_sa *c = CONTAINER_OF(node, struct child_sa, by_spi);

	return bytes_of(&c->spi_in, sizeof(c->spi_in));
}

static struct bytes key_of_handle(const struct table_node *node)
{
	const struct child_sa *c = CONTAINER_OF(node, struct child_sa, by_handle);

	return bytes_of(&c->handle, sizeof(c->handle));
}

/* SPIi alone finds the candidates; sa_find_half_open() compares the peer's endpoint. */
static struct bytes key_of_half_open(const struct table_node *node)
{
	const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, by_peer);

	return bytes_of(&sa->spi_i, sizeof(sa->spi_i));
}

static enum err tables_init(struct ike *ike)
{
	const struct {
		struct table *table;
		struct bytes (*key_of)(const struct table_node *node);
	} tables[] = {
	    {&ike->by_spi, key_by_spi},         {&ike->half_open, key_of_half_open},
	    {&ike->callers, key_of_caller},     {&ike->conns, key_of_conn},
	    {&ike->children, key_of_child},     {&ike->handles, key_of_handle},
	    {&ike->streams, tcp_key_of_stream},
	};
	uint8_t secret[16];

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		ike_random(ike, secret, sizeof(secret));
		enum err e = table_init(tables[i].table, secret, tables[i].key_of);
		if (e)
			return e;
	}
	return conn_match_init(ike);
}

struct ike *ike_new(const struct ike_settings *settings, const struct ike_callbacks *callbacks)
{
	struct ike *ike = mem_new(sizeof(*ike));

	if (ike == NULL)
		return NULL;
	ike->settings = *settings;
	ike->cb = *callbacks;
	list_init(&ike->conn_list);
	list_init(&ike->sa_list);
	list_init(&ike->dead);
	deadlines_init(&ike->deadlines);
	ike->unprotected.tokens = ike->stranger_lines.tokens = STRANGER_BURST;
	ike->crypto = crypto_new();
	ike->buffer = mem_new(IKE_DATAGRAM_MAX);
	ike->buffer_cap = IKE_DATAGRAM_MAX;
	if (ike->crypto == NULL || ike->buffer == NULL || tables_init(ike)) {
		ike_free(ike);
		return NULL;
	}
	ike_random(ike, &ike->next_stream, sizeof(ike->next_stream));
	cookie_jar_init(&ike->cookies, &ike->cb.random, 0);
	return ike;
}

void ike_free(struct ike *ike)
{
	if (ike == NULL)
		return;
	/* The end of one SA of a collision hands its work to the other, which must not go about it.
	 */
	ike->ending = true;
	LIST_EACH (&ike->sa_list, node)
		sa_kill(ike, CONTAINER_OF(node, struct ike_sa, all), NULL);
	sa_reap(ike);
	impair_free(ike);
	LIST_EACH (&ike->conn_list, conn_node)
		ike_conn_free(ike, CONTAINER_OF(conn_node, struct ike_conn, all));
	table_clear(&ike->by_spi);
	table_clear(&ike->half_open);
	table_clear(&ike->callers);
	table_clear(&ike->conns);
	table_clear(&ike->remotes);
	table_clear(&ike->children);
	table_clear(&ike->handles);
	table_clear(&ike->streams);
	deadlines_clear(&ike->deadlines);
	cookie_jar_erase(&ike->cookies);
	mem_free(ike->free_handles);
	mem_free_secret(ike->buffer, ike->buffer_cap);
	crypto_free(ike->crypto);
	mem_free_secret(ike, sizeof(*ike));
}

uint64_t ike_random_below(struct ike *ike, uint64_t bound)
{
	uint64_t v;

	ike_random(ike, &v, sizeof(v));
	return bound == 0 ? 0 : v % bound; /* the bias is far below what jitter needs */
}

uint64_t ike_jitter(struct ike *ike, uint64_t value)
{
	return value - ike_random_below(ike, value / 10 + 1);
}

enum err ike_timer_set(struct ike *ike, struct ike_timer *t, uint64_t at)
{
	return deadline_set(&ike->deadlines, &t->deadline, at);
}

enum err ike_job_submit(struct ike *ike, struct ike_sa *sa, struct ike_job *job,
			void (*then)(struct ike *ike, struct ike_sa *sa, struct ike_job *job))
{
	if (job == NULL)
		return ERR_NO_MEMORY;
	job->serial = ++ike->serial;
	job->sa = sa_our_spi(sa);
	job->then = then;
	ike->jobs++;
	ike->cb.job(ike->cb.ctx, job);
	return ERR_NONE;
}

void ike_job_done(struct ike *ike, struct ike_job *job, uint64_t now)
{
	struct ike_sa *sa = sa_find(ike, job->sa);

	ike->now = now;
	if (impair_job(ike, job))
		return;
	/* For something from the network, or with it: out again, for the same SA. */
	if (sa != NULL && sa->state != SA_DEAD &&
	    (ike_job_wants_fetch(job) || ike_job_resumes(job))) {
		ike->cb.job(ike->cb.ctx, job);
		return;
	}
	ike->jobs--;
	if (sa != NULL && sa->state != SA_DEAD) {
		job->then(ike, sa, job);
		sa_schedule(ike, sa);
	}
	ike_job_free(job);
	sa_reap(ike);
}

void ike_send(struct ike *ike, const struct path *path, struct bytes datagram)
{
	if (!tcp_is_open(ike, path) || impair_send(ike, path, datagram))
		return;
	ike->totals.messages_out++;
	ike->cb.send(ike->cb.ctx, path, datagram);
}

static bool bucket_take(struct ike *ike, struct ike_bucket *b)
{
	const uint64_t earned = (ike->now - b->filled) * STRANGER_RATE / SECOND;

	if (earned > 0) {
		b->tokens += earned;
		if (b->tokens > STRANGER_BURST)
			b->tokens = STRANGER_BURST;
		b->filled = ike->now;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}

bool ike_may_answer_unprotected(struct ike *ike)
{
	return bucket_take(ike, &ike->unprotected);
}

uint64_t ike_next_deadline(const struct ike *ike)
{
	const struct deadline *d = deadlines_first(&ike->deadlines);

	return d == NULL ? DEADLINE_NEVER : d->at;
}

void ike_tick(struct ike *ike, uint64_t now)
{
	struct deadline *d;

	ike->now = now;
	/* A timer that fires sets itself later than now, or is dropped: the loop ends. */
	while ((d = deadlines_first(&ike->deadlines)) != NULL && d->at <= now) {
		struct ike_timer *t = CONTAINER_OF(d, struct ike_timer, deadline);
		deadline_drop(&ike->deadlines, d);
		t->fire(ike, t);
	}
	sa_reap(ike);
}

static void log_line(struct ike *ike, enum log_level level, const char *connection,
		     const struct path *path, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

static void log_line(struct ike *ike, enum log_level level, const char *connection,
		     const struct path *path, const char *format, va_list args)
{
	char peer[ADDR_TEXT_MAX];
	char text[1000];

	vsnprintf(text, sizeof(text), format, args);
	struct log_field fields[] = {
	    {"connection", connection},
	    {"peer", path == NULL ? NULL : endpoint_format(&path->remote, peer)},
	};
	log_write(ike->cb.log, level, fields, 2, "%s", text);
}

void ike_log_conn(struct ike *ike, enum log_level level, const char *connection,
		  const struct path *path, const char *format, ...)
{
	va_list args;

	if (!log_wants(ike->cb.log, level))
		return;
	va_start(args, format);
	log_line(ike, level, connection, path, format, args);
	va_end(args);
}

void ike_log_stranger(struct ike *ike, enum log_level level, const char *connection,
		      const struct path *path, const char *format, ...)
{
	va_list args;

	if (!log_wants(ike->cb.log, level))
		return;
	if (level < LOG_DEBUG && !bucket_take(ike, &ike->stranger_lines)) {
		ike->lines_left_out++;
		return;
	}
	if (level < LOG_DEBUG && ike->lines_left_out > 0) {
		log_write(ike->cb.log, LOG_NOTE, NULL, 0,
			  "%u lines about peers that are not authenticated were left out",
			  ike->lines_left_out);
		ike->lines_left_out = 0;
	}
	va_start(args, format);
	log_line(ike, level, connection, path, format, args);
	va_end(args);
}

void ike_tell(struct ike *ike, enum ike_event_type type, const struct ike_sa *sa,
	      const struct child_sa *child, const char *reason)
{
	struct ike_event event = {
	    .type = type,
	    .connection = sa != NULL && sa->config != NULL ? sa->config->name : NULL,
	    .child = child == NULL ? NULL : child_config(child)->name,
	    .reason = reason,
	    .spi_i = sa == NULL ? 0 : sa->spi_i,
	    .spi_r = sa == NULL ? 0 : sa->spi_r,
	    .handle = child == NULL ? 0 : child->handle,
	};

	if (ike->cb.event != NULL)
		ike->cb.event(ike->cb.ctx, &event);
}

enum err ike_handle_take(struct ike *ike, uint32_t *handle)
{
	if (ike->n_free_handles > 0) {
		*handle = ike->free_handles[--ike->n_free_handles];
		return ERR_NONE;
	}
	if (ike->next_handle == UINT32_MAX)
		return ERR_LIMIT;
	/* Room to give every handle back is made when it is taken, so that giving cannot fail. */
	if (ike->next_handle >= ike->cap_free_handles) {
		size_t cap = ike->cap_free_handles == 0 ? 64 : ike->cap_free_handles * 2;
		uint32_t *grown = mem_new(cap * sizeof(*grown));
		if (grown == NULL)
			return ERR_NO_MEMORY;
		mem_free(ike->free_handles); /* empty: none was free */
		ike->free_handles = grown;
		ike->cap_free_handles = cap;
	}
	*handle = ike->next_handle++;
	return ERR_NONE;
}

void ike_handle_give(struct ike *ike, uint32_t handle)
{
	ike->free_handles[ike->n_free_handles++] = handle;
}

void ike_totals(const struct ike *ike, struct ike_totals *totals)
{
	*totals = ike->totals;
	totals->connections = (unsigned)ike->conns.n_nodes;
	totals->sas = (unsigned)(ike->by_spi.n_nodes - ike->half_open.n_nodes);
	totals->half_open = (unsigned)ike->half_open.n_nodes;
	totals->children = (unsigned)ike->children.n_nodes;
	totals->jobs_waiting = ike->jobs;
}
