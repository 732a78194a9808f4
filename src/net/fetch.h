/* Fetching by HTTP, with libcurl, where whoever answers may mean harm and the URL may come from a
 * stranger: bounded in time, octets, number and redirects; to no address that the policy forbids,
 * which is looked at when a socket is made for it, after names were resolved; without cookies,
 * credentials, compression or the environment's proxies. One thread calls all of this; libcurl
 * resolves names in threads of its own. */
#ifndef POSTERN_NET_FETCH_H
#define POSTERN_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"

#define FETCH_REASON_MAX    160
#define FETCH_REDIRECTS_MAX 3
#define FETCH_HEADERS_MAX   (32U * 1024) /* octets of all headers of all answers */
#define FETCH_FORBID_MAX    16

struct fetch_policy {
	bool https;       /* beside http; certificates are checked by the system's CAs */
	bool private;     /* also addresses of private networks (RFC 1918, RFC 6598, RFC 4193) */
	bool loopback;    /* also this host's own: for tests alone */
	uint64_t timeout; /* microseconds, from the start to the last octet */
	uint64_t connect_timeout;
	size_t octets_max; /* of one object */
	unsigned at_once;  /* how many are under way */
	struct addr_range forbid[FETCH_FORBID_MAX];
	size_t n_forbid;
};

/* Why no socket may be made toward this address; NULL: it may. What an IPv6 address carries of an
 * IPv4 address (mapped, NAT64, 6to4) is looked at like that one. */
const char *fetch_address_refused(const struct fetch_policy *policy, const struct addr *a);

struct fetch_request {
	uint64_t id; /* the caller's */
	const char *url;
	struct bytes body; /* empty: GET; else POST */
	const char *type;  /* of body, as "application/ocsp-request" */
	size_t octets_max; /* 0: the policy's, which is never exceeded */
};

/* What came of it. data is the caller's from now on (mem_free()); NULL when it failed. */
struct fetch_result {
	uint64_t id;
	enum err err; /* ERR_LIMIT: too large, too late or too many redirects; ERR_AUTH: forbidden;
			 ERR_NOT_FOUND: the server says so; ERR_IO: all else */
	char reason[FETCH_REASON_MAX]; /* for people */
	uint8_t *data;
	size_t n;
	uint64_t took; /* microseconds */
};

struct fetcher;

/* policy is borrowed and may not change. NULL when out of memory. done() is called from
 * fetcher_wait() alone and may call fetcher_start(). */
struct fetcher *fetcher_new(const struct fetch_policy *policy,
			    void (*done)(void *ctx, const struct fetch_result *result), void *ctx);
/* Those under way end without done(). */
void fetcher_free(struct fetcher *f);
/* ERR_STATE: as many as may be are under way; ERR_NO_MEMORY; ERR_RANGE: the URL cannot be one.
 * Copies the request. */
enum err fetcher_start(struct fetcher *f, const struct fetch_request *request);
unsigned fetcher_count(const struct fetcher *f);
/* Waits until something happens, `fd` can be read, or so many milliseconds have passed, and does
 * what there is to do. Sets *readable when fd can be read. fd -1: none. */
enum err fetcher_wait(struct fetcher *f, int fd, int timeout_ms, bool *readable);

#endif
