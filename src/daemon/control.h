/* The control socket's server, in the ike process: JSON, one object a line. A request holds "verb"
 * and what the verb wants; answers are progress lines ({"progress": ...}, {"log": ...}) and at the
 * end one object with "ok" (true or false) and, when false, "reason". See postern(1). */
#ifndef POSTERN_DAEMON_CONTROL_H
#define POSTERN_DAEMON_CONTROL_H

#include <ev.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/list.h"
#include "ike/ike.h"

#define CONTROL_LINE_MAX    8192 /* octets of a request */
#define CONTROL_CLIENTS_MAX 64
#define CONTROL_OUT_MAX     (64U << 20) /* octets that wait for a slow client */
#define CONTROL_LOG_MAX     (1U << 20)  /* the same, for one that follows the log */
#define CONTROL_NAME_MAX    80

struct control_owner {
	void *ctx;
	struct ike *ike;
	struct faults *faults; /* NULL: there are none */
	uint64_t started;      /* microseconds since 1970 */
	/* Ask for a reload; control_reloaded() tells how it ended. */
	void (*reload)(void *ctx);
	/* Ask the plane for its counters; control_stats() brings them. May be NULL. */
	void (*stats)(void *ctx);
};

struct control;

/* listener stays the caller's. Clients wait in its queue until control_open(): what they ask for
 * is answered out of a configuration. */
enum err control_new(struct control **c, struct ev_loop *loop, int listener,
		     const struct control_owner *owner);
void control_open(struct control *c);
void control_free(struct control *c);

/* What the clients may wait for. */
void control_event(struct control *c, const struct ike_event *event);
void control_log(struct control *c, const char *line);
/* errors: lines, or empty. */
void control_reloaded(struct control *c, struct bytes errors);
struct plane_stats;
void control_stats(struct control *c, const struct plane_stats *stats);

/* The state as `postern status` shows it: one connection, or all when name is NULL. A new reference
 * or NULL. wall and now are the same moment on both clocks, in microseconds. */
json_t *status_json(struct ike *ike, const char *name, uint64_t wall, uint64_t now);
json_t *status_totals(const struct ike *ike);
#ifdef POSTERN_FAULTS
json_t *status_faults(const struct faults *f);
#endif
json_t *status_plane(const struct plane_stats *stats);

#endif
