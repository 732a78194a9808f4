#include "ike/fetch.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/job.h"

static const char *const kind_names[IKE_FETCH_KINDS] = {
    [IKE_FETCH_CERTIFICATE] = "certificate",
    [IKE_FETCH_BUNDLE] = "certificate bundle",
    [IKE_FETCH_CRL] = "CRL",
    [IKE_FETCH_OCSP] = "OCSP response",
};

const char *ike_fetch_kind_name(enum ike_fetch_kind kind)
{
	return kind < IKE_FETCH_KINDS ? kind_names[kind] : "?";
}

/* RFC 3986 2: printable ASCII. What else a URL must be is for who fetches. */
static bool url_is_sane(struct bytes url)
{
	if (url.n == 0 || url.n > IKE_FETCH_URL_MAX)
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return false;
	return true;
}

static bool is_of(const struct ike_fetch *f, const struct ike_fetch_wish *w)
{
	return f->kind == w->kind && bytes_equal(bytes_of(f->url, strlen(f->url)), w->url) &&
	       bytes_equal(bytes_of(f->body, f->body_n), w->body) &&
	       f->has_sha1 == (w->sha1 != NULL) &&
	       (w->sha1 == NULL || memcmp(f->sha1, w->sha1, sizeof(f->sha1)) == 0);
}

static void item_clear(struct ike_fetch *f)
{
	mem_free(f->url);
	mem_free(f->body);
	mem_free(f->data);
	*f = (struct ike_fetch){0};
}

static enum err item_fill(struct ike_fetch *f, const struct ike_fetch_wish *w)
{
	f->kind = w->kind;
	f->octets_max = w->octets_max;
	f->has_sha1 = w->sha1 != NULL;
	if (f->has_sha1)
		memcpy(f->sha1, w->sha1, sizeof(f->sha1));
	f->url = mem_new(w->url.n + 1);
	if (f->url == NULL)
		return ERR_NO_MEMORY;
	memcpy(f->url, w->url.p, w->url.n);
	if (w->body.n == 0)
		return ERR_NONE;
	f->body = mem_copy(w->body);
	f->body_n = w->body.n;
	return f->body != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

enum err ike_fetch_want(struct ike_job *job, const struct ike_fetch_wish *wish,
			const struct ike_fetch **item)
{
	struct ike_fetches *all = job->fetches;

	*item = NULL;
	for (size_t i = 0; all != NULL && i < all->n; i++) {
		if (!is_of(&all->item[i], wish))
			continue;
		*item = &all->item[i];
		return ERR_NONE;
	}
	if (wish->kind >= IKE_FETCH_KINDS || !url_is_sane(wish->url) ||
	    wish->body.n > IKE_FETCH_BODY_MAX || wish->octets_max > IKE_FETCH_OCTETS_MAX ||
	    (wish->body.n != 0) != (wish->kind == IKE_FETCH_OCSP))
		return ERR_RANGE;
	if (all == NULL)
		all = job->fetches = mem_new(sizeof(*all));
	if (all == NULL)
		return ERR_NO_MEMORY;
	if (all->n == IKE_FETCHES_MAX || all->rounds >= IKE_FETCH_ROUNDS_MAX)
		return ERR_LIMIT;
	enum err e = item_fill(&all->item[all->n], wish);
	if (e != ERR_NONE) {
		item_clear(&all->item[all->n]);
		return e;
	}
	*item = &all->item[all->n++];
	return ERR_NONE;
}

struct ike_fetch *ike_fetch_next(struct ike_job *job, size_t from)
{
	struct ike_fetches *all = job->fetches;

	for (size_t i = from; all != NULL && i < all->n; i++)
		if (!all->item[i].done)
			return &all->item[i];
	return NULL;
}

bool ike_fetch_waits(const struct ike_job *job)
{
	const struct ike_fetches *all = job->fetches;

	for (size_t i = 0; all != NULL && i < all->n; i++)
		if (!all->item[i].done)
			return true;
	return false;
}

void ike_fetch_done(struct ike_fetch *item, enum err result, const char *reason, uint8_t *data,
		    size_t n)
{
	mem_free(item->data);
	item->data = data;
	item->data_n = data != NULL ? n : 0;
	item->result = result;
	item->done = true;
	(void)snprintf(item->reason, sizeof(item->reason), "%s", reason);
}

void ike_fetches_free(struct ike_fetches *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++)
		item_clear(&f->item[i]);
	mem_free(f);
}
