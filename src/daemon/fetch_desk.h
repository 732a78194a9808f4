/* The fetch process' work without its messages: what the ike process asks for is looked up in the
 * cache or fetched (net/fetch.h), once for all who ask for the same at a time, and revocation lists
 * that the configuration names are fetched again before they are out of date. What comes is only
 * looked at as far as the cache needs it; who asked checks signatures. */
#ifndef POSTERN_DAEMON_FETCH_DESK_H
#define POSTERN_DAEMON_FETCH_DESK_H

#include "base/log.h"
#include "daemon/fetch_wire.h"
#include "net/fetch.h"

#define FETCH_ERRANDS_MAX 64  /* different things that are wanted at a time */
#define FETCH_WAITERS_MAX 512 /* asks of all of them */
/* Of one connection by Hash and URL, which peers may want before they have proved who they are; the
 * rest is for lists. */
#define FETCH_BY_HASH_MAX 8

struct fetch_desk;

struct fetch_desk_owner {
	void *ctx;
	const struct fetch_policy *policy;
	size_t cache_octets;
	const struct log *log; /* may be NULL */
	/* data is borrowed; NULL unless result is ERR_NONE. May not call back. */
	void (*answer)(void *ctx, uint64_t ticket, enum err result, const char *reason,
		       struct bytes data);
	int64_t (*wall)(void *ctx); /* seconds since 1970 */
};

/* owner is copied. NULL when out of memory. */
struct fetch_desk *fetch_desk_new(const struct fetch_desk_owner *owner);
void fetch_desk_free(struct fetch_desk *d);
/* Answers now or later, exactly once. Borrows ask. */
void fetch_desk_ask(struct fetch_desk *d, const struct fetch_ask *ask);
/* The revocation lists that are kept fresh from now on (IPC_FETCH_KEEP), at most FETCH_KEEP_MAX of
 * them; they are fetched at once. ERR_SYNTAX: nothing has changed. */
enum err fetch_desk_keep(struct fetch_desk *d, struct bytes list);
/* As fetcher_wait(), of at most a minute. */
enum err fetch_desk_wait(struct fetch_desk *d, int fd, int timeout_ms, bool *readable);

/* When a revocation list that came at `now` is fetched again: after three quarters of the time that
 * it has left, within a day, but not within a minute. */
int64_t fetch_refresh_at(int64_t now, int64_t next_update);

#endif
