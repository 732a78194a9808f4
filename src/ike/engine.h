/* The engine from inside: what its files share. Nothing here is for other floors. */
#ifndef POSTERN_IKE_ENGINE_H
#define POSTERN_IKE_ENGINE_H

#include "base/deadline.h"
#include "base/list.h"
#include "base/table.h"
#include "crypto/crypto.h"
#include "ike/cookie.h"
#include "ike/ike.h"

struct ike_sa;
struct child_sa;
struct impair;

/* A thing that waits for a time. One heap serves all; `fire` knows what holds the timer. */
struct ike_timer {
	struct deadline deadline;
	void (*fire)(struct ike *ike, struct ike_timer *timer);
};

#define CONNECTION_WHY_MAX 240

/* What strangers may cause: so much a second, and so much at once. */
struct ike_bucket {
	uint64_t tokens;
	uint64_t filled;
};

/* A configured connection and how it fares. */
struct ike_conn {
	struct table_node by_name;
	struct list all;
	struct list of_remote;
	struct ike_remote *remote;     /* conn_match.c */
	uint64_t order;                /* of the configuration, as far as it came to us */
	struct ike_connection *config; /* held */
	struct list sas;               /* ike_sa.of_conn; also those that are being replaced */
	struct ike_timer timer;        /* the next attempt */
	enum ike_state state;
	uint64_t state_since;
	unsigned failures; /* in a row */
	uint8_t attempt;   /* enum ike_attempt: by what transport it is tried next, when chosen */
	bool attempt_chosen;
	uint64_t wanted; /* bit i: child i of the configuration is to be up */
	char why[CONNECTION_WHY_MAX];
};

/* How many half-open IKE SAs one address has, or is said to have by whoever writes it into a
 * datagram: only those that showed a cookie (RFC 7296 2.6) are certainly its own. */
struct ike_caller {
	struct table_node node;
	struct addr addr;
	unsigned half_open;
	unsigned proven; /* those of them whose request showed a cookie */
};

struct ike {
	struct ike_settings settings;
	struct ike_callbacks cb;
	struct crypto *crypto;
	uint64_t now; /* of the call that is under way */
	uint64_t serial;
	struct table by_spi;    /* every IKE SA by our SPI */
	struct table half_open; /* responder's unfinished ones by peer address, port and SPIi */
	struct table callers;
	struct table conns;
	struct table children; /* every Child SA by spi_in */
	struct table handles;  /* the same by handle */
	struct table streams;  /* ext/tcp.h */
	struct table remotes;  /* conn_match.c */
	uint64_t conn_order;
	uint32_t next_stream;
	struct list conn_list;
	struct list sa_list;
	struct list dead; /* freed at the end of the call that killed them */
	struct deadlines deadlines;
	struct cookie_jar cookies;
	uint32_t *free_handles;
	size_t n_free_handles;
	size_t cap_free_handles;
	uint32_t next_handle;
	struct ike_bucket unprotected;    /* replies outside any SA: we are no amplifier */
	struct ike_bucket stranger_lines; /* log lines about peers that are not authenticated */
	unsigned lines_left_out;
	size_t early_octets; /* held for peers that are not authenticated, beside their half-open
				SAs */
	/* Half-open handshakes in which the peer had us decapsulate for it (ext/kem_auth_r.c). */
	unsigned kem_costs;
	struct ike_totals totals;
	unsigned jobs;
	bool ending;           /* ike_free(): nothing is begun any more */
	struct impair *impair; /* impair.c: what faults hold back; owned, NULL: nothing */
	/* In which every message is built: IKE_DATAGRAM_MAX octets, now and then more. */
	uint8_t *buffer;
	size_t buffer_cap;
	size_t assembling; /* octets of all fragments that wait for their others */
};

static inline void ike_random(struct ike *ike, void *buf, size_t n)
{
	ike->cb.random.fill(ike->cb.random.ctx, buf, n);
}
uint64_t ike_random_below(struct ike *ike, uint64_t bound);
/* value less up to a tenth, so that peers and SAs do not act in step (RFC 7296 2.8). */
uint64_t ike_jitter(struct ike *ike, uint64_t value);

enum err ike_timer_set(struct ike *ike, struct ike_timer *t, uint64_t at);

/* Hands a job out for sa; then() is called when it comes back and sa is still there. Takes job,
 * also when it is NULL (then ERR_NO_MEMORY). */
enum err ike_job_submit(struct ike *ike, struct ike_sa *sa, struct ike_job *job,
			void (*then)(struct ike *ike, struct ike_sa *sa, struct ike_job *job));

/* One send for all: counts, and the only caller of the send callback. */
void ike_send(struct ike *ike, const struct path *path, struct bytes datagram);
/* May one more reply outside any SA be sent now? Ten a second, bursts of a hundred. */
bool ike_may_answer_unprotected(struct ike *ike);

/* conn.c */
void ike_conn_free(struct ike *ike, struct ike_conn *conn);
struct ike_conn *ike_conn_find(struct ike *ike, const char *name);
/* conn_match.c: the peer's address of a connection, also when it changes; ERR_NO_MEMORY: nothing
 * has changed. */
enum err conn_match_init(struct ike *ike);
enum err conn_match_set(struct ike *ike, struct ike_conn *conn, const struct addr *remote);
void conn_match_remove(struct ike *ike, struct ike_conn *conn);
/* The first connection, from `after` on (NULL: from the start), that a peer at this path may use.
 */
struct ike_conn *ike_conn_match_path(struct ike *ike, const struct path *path,
				     struct ike_conn *after);
void ike_conn_state(struct ike *ike, struct ike_conn *conn, enum ike_state state,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* An attempt failed: tells, and plans the next one when a child of the connection is wanted. */
void ike_conn_failed(struct ike *ike, struct ike_conn *conn, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Something that was up is gone without our wish: plans to bring it back if it is wanted. */
void ike_conn_lost(struct ike *ike, struct ike_conn *conn, const char *why);
/* An SA ended as it should: the connection is down if that was its last. */
void ike_conn_rest(struct ike *ike, struct ike_conn *conn);
/* The established SA of the connection that new Child SAs go to, or NULL. */
struct ike_sa *ike_conn_sa(struct ike_conn *conn);
/* The same in a moment. */
void ike_conn_later(struct ike *ike, struct ike_conn *conn);
/* Brings up what is wanted and is not up. */
void ike_conn_pursue(struct ike *ike, struct ike_conn *conn);
enum err ike_conn_policies(struct ike *ike, struct ike_conn *conn);

/* Log lines and events that name their connection. */
void ike_log_conn(struct ike *ike, enum log_level level, const char *connection,
		  const struct path *path, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same for what somebody caused who is not authenticated: only so many lines a second are
 * written, and how many were left out. LOG_DEBUG is written always. */
void ike_log_stranger(struct ike *ike, enum log_level level, const char *connection,
		      const struct path *path, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void ike_tell(struct ike *ike, enum ike_event_type type, const struct ike_sa *sa,
	      const struct child_sa *child, const char *reason);

/* Handles are small and dense, and the one freed first is used again first. */
enum err ike_handle_take(struct ike *ike, uint32_t *handle);
void ike_handle_give(struct ike *ike, uint32_t handle);

#endif
