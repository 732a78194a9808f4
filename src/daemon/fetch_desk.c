#include "daemon/fetch_desk.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/list.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "daemon/fetch_cache.h"
#include "pki/crl.h"
#include "pki/ocsp.h"

/* Seconds. */
#define MINUTE       60
#define DAY          86400
#define FAILURE_KEPT 30           /* nobody asks a server that fails again before */
#define KEEP_RETRY   (5 * MINUTE) /* the same for what is fetched ahead of time */
#define BY_HASH_KEPT (7 * DAY)    /* the name is the contents */
/* Until its nextUpdate, but no longer than this: whether a responder has signed it is not looked at
 * here, and one from somebody in between is not to last. */
#define OCSP_KEPT (10 * MINUTE)

struct waiter {
	struct waiter *next;
	uint64_t ticket;
};

/* Something that is to be fetched. */
struct errand {
	struct list all;
	uint64_t id;
	bool started;
	struct waiter *waiters; /* owned; none: fetched ahead of time */
	char connection[FETCH_NAME_MAX + 1];
	char url[IKE_FETCH_URL_MAX + 1];
	struct fetch_ask ask; /* its spans lie in key */
	size_t key_n;
	uint8_t key[];
};

/* A revocation list that is kept fresh. */
struct kept {
	char *url; /* owned */
	int64_t try_at;
};

struct fetch_desk {
	struct fetch_desk_owner owner;
	struct crypto *crypto;
	struct fetcher *fetcher;
	struct fetch_cache *cache;
	struct list errands; /* errand.all, in order of arrival */
	size_t n_errands, n_waiters;
	uint64_t last_id;
	struct kept keep[FETCH_KEEP_MAX];
	size_t n_keep;
	uint8_t key[FETCH_KEY_MAX];
};

static void on_fetched(void *ctx, const struct fetch_result *r);

struct fetch_desk *fetch_desk_new(const struct fetch_desk_owner *owner)
{
	struct fetch_desk *d = mem_new(sizeof(*d));
	uint8_t secret[16];

	if (d == NULL)
		return NULL;
	d->owner = *owner;
	list_init(&d->errands);
	crypto_random(secret, sizeof(secret));
	d->crypto = crypto_new();
	d->cache = fetch_cache_new(owner->cache_octets, secret);
	d->fetcher = fetcher_new(owner->policy, on_fetched, d);
	if (d->crypto != NULL && d->cache != NULL && d->fetcher != NULL)
		return d;
	fetch_desk_free(d);
	return NULL;
}

static void errand_free(struct fetch_desk *d, struct errand *e)
{
	while (e->waiters != NULL) {
		struct waiter *w = e->waiters;
		e->waiters = w->next;
		mem_free(w);
		d->n_waiters--;
	}
	list_remove(&e->all);
	mem_free(e);
	d->n_errands--;
}

static struct bytes list_key(struct fetch_desk *d, const struct kept *k)
{
	const struct fetch_ask ask = {.kind = IKE_FETCH_CRL,
				      .url = bytes_of(k->url, strlen(k->url))};
	struct writer w = writer_of(d->key, sizeof(d->key));

	fetch_ask_key(&w, &ask);
	return writer_bytes_so_far(&w);
}

static void forget_keep(struct fetch_desk *d)
{
	for (; d->n_keep > 0; d->n_keep--) {
		struct kept *k = &d->keep[d->n_keep - 1];
		fetch_cache_keep(d->cache, list_key(d, k), false);
		mem_free(k->url);
	}
}

void fetch_desk_free(struct fetch_desk *d)
{
	if (d == NULL)
		return;
	fetcher_free(d->fetcher);
	while (!list_empty(&d->errands))
		errand_free(d, CONTAINER_OF(d->errands.next, struct errand, all));
	if (d->cache != NULL)
		forget_keep(d);
	fetch_cache_free(d->cache);
	crypto_free(d->crypto);
	mem_free(d);
}

int64_t fetch_refresh_at(int64_t now, int64_t next_update)
{
	int64_t left = next_update > now ? next_update - now : 0;

	left = left / 4 * 3;
	return now + (left < MINUTE ? MINUTE : left > DAY ? DAY : left);
}

/* Everybody who waits gets the same. */
static void answer(struct fetch_desk *d, struct errand *e, enum err result, const char *reason,
		   struct bytes data)
{
	for (const struct waiter *w = e->waiters; w != NULL; w = w->next)
		d->owner.answer(d->owner.ctx, w->ticket, result, reason, data);
	errand_free(d, e);
}

static void answer_from(struct fetch_desk *d, struct errand *e, const struct fetch_entry *entry)
{
	answer(d, e, entry->result, entry->reason != NULL ? entry->reason : "",
	       bytes_of(entry->data, entry->n));
}

static struct bytes key_of(const struct errand *e)
{
	return bytes_of(e->key, e->key_n);
}

static void tell(const struct fetch_desk *d, const struct errand *e, bool good, const char *what,
		 uint64_t took)
{
	char seconds[32];
	const struct log_field fields[] = {
	    {"connection", e->connection[0] != '\0' ? e->connection : NULL}, {"took", seconds}};

	(void)snprintf(seconds, sizeof(seconds), "%.3fs", (double)took / 1e6);
	log_write(d->owner.log, good ? LOG_INFO : LOG_WARN, fields, 2, "%s %s %s",
		  ike_fetch_kind_name(e->ask.kind), e->url, what);
}

static enum err look_at_answer(struct bytes data, int64_t now, struct fetch_entry *entry,
			       const char **why)
{
	struct ocsp *o = NULL;
	enum err e = ocsp_parse(&o, data, why);

	if (e != ERR_NONE)
		return e;
	entry->until = now + OCSP_KEPT;
	if (ocsp_next_update(o) < entry->until)
		entry->until = ocsp_next_update(o);
	/* One that is out of date still says who is revoked, and is not asked for at once again. */
	if (entry->until < now + FAILURE_KEPT)
		entry->until = now + FAILURE_KEPT;
	entry->refresh_at = entry->until;
	ocsp_free(o);
	return ERR_NONE;
}

/* What came, as an entry of the cache; ERR_NONE or why it cannot be what was wanted. */
static enum err look_at(const struct fetch_desk *d, const struct fetch_ask *ask,
			const struct fetch_result *r, int64_t now, struct fetch_entry *entry,
			const char **why)
{
	const struct bytes data = bytes_of(r->data, r->n);
	uint8_t sha1[IKE_FETCH_HASH_LEN];
	struct crl *crl = NULL;

	if (ask->kind == IKE_FETCH_OCSP)
		return look_at_answer(data, now, entry, why);
	entry->refresh_at = entry->until = now + MINUTE;
	*why = "its SHA-1 is not the one that the peer names";
	if (ask->has_sha1) {
		if (hash_parts(d->crypto, HASH_SHA1, &data, 1, sha1) != ERR_NONE ||
		    !bytes_equal(bytes_of(sha1, sizeof(sha1)),
				 bytes_of(ask->sha1, sizeof(ask->sha1))))
			return ERR_AUTH;
		entry->refresh_at = entry->until = now + BY_HASH_KEPT;
	}
	if (ask->kind != IKE_FETCH_CRL)
		return ERR_NONE;
	enum err e = crl_parse(&crl, data, why);
	if (e != ERR_NONE)
		return e;
	entry->refresh_at = fetch_refresh_at(now, crl_next_update(crl));
	entry->until = crl_next_update(crl);
	/* One that is out of date already still says what it revokes (pki/revocation.h). */
	if (entry->until < entry->refresh_at)
		entry->until = entry->refresh_at;
	crl_free(crl);
	return ERR_NONE;
}

static void failed(struct fetch_desk *d, struct errand *e, enum err result, const char *reason,
		   uint64_t took)
{
	int64_t now = d->owner.wall(d->owner.ctx);
	const struct fetch_entry entry = {
	    .result = result, .reason = mem_text(reason), .until = now + FAILURE_KEPT};
	struct fetch_ask ask = e->ask;
	char text[FETCH_REASON_MAX + 80];

	fetch_cache_put(d->cache, key_of(e), &entry, now);
	const struct fetch_entry *old = fetch_cache_find(d->cache, key_of(e), now);
	const bool still = old != NULL && old->result == ERR_NONE;
	(void)snprintf(text, sizeof(text), "could not be fetched: %s%s", reason,
		       still ? "; the one from before is used" : "");
	tell(d, e, false, text, took);
	for (size_t i = 0; i < d->n_keep && ask.kind == IKE_FETCH_CRL; i++)
		if (strcmp(d->keep[i].url, e->url) == 0)
			d->keep[i].try_at = now + KEEP_RETRY;
	if (still)
		answer_from(d, e, old);
	else
		answer(d, e, result, reason, bytes_of(NULL, 0));
}

static struct errand *errand_find(const struct fetch_desk *d, uint64_t id)
{
	for (struct list *at = d->errands.next; at != &d->errands; at = at->next) {
		struct errand *e = CONTAINER_OF(at, struct errand, all);
		if (e->started && e->id == id)
			return e;
	}
	return NULL;
}

/* As many as may be under way. */
static void start_more(struct fetch_desk *d)
{
	LIST_EACH (&d->errands, at) {
		struct errand *e = CONTAINER_OF(at, struct errand, all);
		const struct fetch_request r = {
		    .id = d->last_id + 1,
		    .url = e->url,
		    .body = e->ask.body,
		    .type = "application/ocsp-request",
		    .octets_max = e->ask.octets_max,
		};

		if (e->started)
			continue;
		enum err err = fetcher_start(d->fetcher, &r);
		if (err == ERR_STATE)
			return;
		if (err != ERR_NONE) {
			failed(d, e, err, err_name(err), 0);
			continue;
		}
		e->id = ++d->last_id;
		e->started = true;
	}
}

static void on_fetched(void *ctx, const struct fetch_result *r)
{
	struct fetch_desk *d = ctx;
	struct errand *e = errand_find(d, r->id);
	struct fetch_entry entry = {.data = r->data, .n = r->n};
	int64_t now = d->owner.wall(d->owner.ctx);
	const char *why = r->reason;
	enum err result = r->err;
	char text[64];

	if (e == NULL) {
		mem_free(r->data);
		return;
	}
	if (result == ERR_NONE)
		result = look_at(d, &e->ask, r, now, &entry, &why);
	if (result != ERR_NONE) {
		mem_free(r->data);
		failed(d, e, result, why, r->took);
		start_more(d);
		return;
	}
	if (r->n < 1000)
		(void)snprintf(text, sizeof(text), "fetched, %zu octets", r->n);
	else
		(void)snprintf(text, sizeof(text), "fetched, %zu KB", (r->n + 500) / 1000);
	tell(d, e, true, text, r->took);
	/* The cache may drop it at once, when it is larger than all the cache. */
	for (const struct waiter *w = e->waiters; w != NULL; w = w->next)
		d->owner.answer(d->owner.ctx, w->ticket, ERR_NONE, "", bytes_of(r->data, r->n));
	for (size_t i = 0; i < d->n_keep && e->ask.kind == IKE_FETCH_CRL; i++)
		entry.keep = entry.keep || strcmp(d->keep[i].url, e->url) == 0;
	fetch_cache_put(d->cache, key_of(e), &entry, now);
	errand_free(d, e);
	start_more(d);
}

/* The one for this key, new unless it is there; NULL: too many, or no memory. */
static struct errand *errand_for(struct fetch_desk *d, struct bytes key, struct bytes connection)
{
	struct errand *e;
	unsigned by_hash = 0;

	for (struct list *at = d->errands.next; at != &d->errands; at = at->next) {
		e = CONTAINER_OF(at, struct errand, all);
		if (bytes_equal(key_of(e), key))
			return e;
		if (e->ask.has_sha1 &&
		    bytes_equal(bytes_of(e->connection, strlen(e->connection)), connection))
			by_hash++;
	}
	if (d->n_errands == FETCH_ERRANDS_MAX)
		return NULL;
	e = mem_new(sizeof(*e) + key.n);
	if (e == NULL)
		return NULL;
	memcpy(e->key, key.p, key.n);
	e->key_n = key.n;
	fetch_ask_of_key(&e->ask, key_of(e));
	memcpy(e->url, e->ask.url.p, e->ask.url.n);
	if (connection.n > 0)
		memcpy(e->connection, connection.p, connection.n);
	list_append(&d->errands, &e->all);
	d->n_errands++;
	if (e->ask.has_sha1 && by_hash >= FETCH_BY_HASH_MAX) {
		errand_free(d, e);
		return NULL;
	}
	return e;
}

static bool wait_for(struct fetch_desk *d, struct errand *e, uint64_t ticket)
{
	struct waiter *w = d->n_waiters < FETCH_WAITERS_MAX ? mem_new(sizeof(*w)) : NULL;

	if (w == NULL)
		return false;
	w->ticket = ticket;
	w->next = e->waiters;
	e->waiters = w;
	d->n_waiters++;
	return true;
}

void fetch_desk_ask(struct fetch_desk *d, const struct fetch_ask *ask)
{
	struct writer w = writer_of(d->key, sizeof(d->key));
	int64_t now = d->owner.wall(d->owner.ctx);

	fetch_ask_key(&w, ask);
	const struct bytes key = writer_bytes_so_far(&w);
	const struct fetch_entry *old = fetch_cache_find(d->cache, key, now);
	if (old != NULL && (old->result != ERR_NONE || old->refresh_at > now) &&
	    (ask->octets_max == 0 || old->n <= ask->octets_max)) {
		d->owner.answer(d->owner.ctx, ask->ticket, old->result,
				old->reason != NULL ? old->reason : "",
				bytes_of(old->data, old->n));
		return;
	}
	struct errand *e = errand_for(d, key, ask->connection);
	if (e == NULL || !wait_for(d, e, ask->ticket)) {
		d->owner.answer(d->owner.ctx, ask->ticket, ERR_LIMIT,
				"too much is being fetched already", bytes_of(NULL, 0));
		if (e != NULL && e->waiters == NULL && !e->started)
			errand_free(d, e);
		return;
	}
	start_more(d);
}

/* Those whose time has come. */
static void refresh(struct fetch_desk *d)
{
	int64_t now = d->owner.wall(d->owner.ctx);

	for (size_t i = 0; i < d->n_keep; i++) {
		struct kept *k = &d->keep[i];

		if (k->try_at > now)
			continue;
		const struct bytes key = list_key(d, k);
		const struct fetch_entry *old = fetch_cache_find(d->cache, key, now);
		fetch_cache_keep(d->cache, key, true);
		if (old != NULL && (old->result != ERR_NONE || old->refresh_at > now))
			continue;
		if (errand_for(d, key, bytes_of(NULL, 0)) != NULL)
			start_more(d);
	}
}

enum err fetch_desk_keep(struct fetch_desk *d, struct bytes list)
{
	struct reader r = reader_of(list);
	struct bytes url;
	size_t n = 0;
	enum err e;

	while ((e = fetch_keep_read(&r, &url)) == ERR_NONE)
		n++;
	if (e != ERR_NOT_FOUND || n > FETCH_KEEP_MAX)
		return ERR_SYNTAX;
	forget_keep(d);
	r = reader_of(list);
	while (fetch_keep_read(&r, &url) == ERR_NONE) {
		struct kept *k = &d->keep[d->n_keep];
		k->try_at = 0;
		k->url = mem_new(url.n + 1);
		if (k->url == NULL)
			return ERR_NO_MEMORY;
		memcpy(k->url, url.p, url.n);
		d->n_keep++;
	}
	refresh(d);
	return ERR_NONE;
}

enum err fetch_desk_wait(struct fetch_desk *d, int fd, int timeout_ms, bool *readable)
{
	refresh(d);
	if (timeout_ms < 0 || timeout_ms > 60000)
		timeout_ms = 60000;
	return fetcher_wait(d->fetcher, fd, timeout_ms, readable);
}
