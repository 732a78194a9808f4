/* What was fetched, and what could not be, for a while: bounded in number and octets. Times are
 * seconds since 1970, for revocation lists live by such. */
#ifndef POSTERN_DAEMON_FETCH_CACHE_H
#define POSTERN_DAEMON_FETCH_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#define FETCH_CACHE_ENTRIES 256

struct fetch_entry {
	enum err result; /* ERR_NONE: data is there */
	char *reason;    /* else, why not; owned */
	uint8_t *data;   /* owned; n octets */
	size_t n;
	int64_t refresh_at; /* from then on it is fetched again when somebody wants it */
	int64_t until;      /* from then on it is no more used */
	bool keep;          /* goes last */
};

struct fetch_cache;

/* secret: for the hash table. NULL when out of memory. */
struct fetch_cache *fetch_cache_new(size_t octets_max, const uint8_t secret[16]);
void fetch_cache_free(struct fetch_cache *c);
/* The entry of this key, if it may still be used; it counts as used just now. Borrowed until the
 * next call. */
const struct fetch_entry *fetch_cache_find(struct fetch_cache *c, struct bytes key, int64_t now);
/* Takes e's data and reason. What is there under this key goes, unless e is a failure and the old
 * one may still be used: then that stays, and is not fetched again before e's until. Entries that
 * were not used for the longest time make room; one larger than all the room is not kept. */
void fetch_cache_put(struct fetch_cache *c, struct bytes key, const struct fetch_entry *e,
		     int64_t now);
/* Whether the entry of this key goes last; nothing happens when there is none. */
void fetch_cache_keep(struct fetch_cache *c, struct bytes key, bool keep);
size_t fetch_cache_octets(const struct fetch_cache *c);
size_t fetch_cache_count(const struct fetch_cache *c);

#endif
