#include "net/fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/datagram.h"

#define BUFFER_FIRST 4096

/* One that is under way. */
struct transfer {
	struct list all;
	struct fetcher *of;
	uint64_t id;
	CURL *easy;
	struct curl_slist *headers;
	uint8_t *body;
	uint8_t *data; /* n of cap octets */
	size_t n, cap, max;
	size_t header_octets;
	bool too_long;
	char refused[FETCH_REASON_MAX]; /* an address that was forbidden, and why */
	char curl_says[CURL_ERROR_SIZE];
};

struct fetcher {
	const struct fetch_policy *policy;
	void (*done)(void *ctx, const struct fetch_result *result);
	void *ctx;
	CURLM *multi;
	struct list transfers; /* transfer.all */
	unsigned n;
};

struct fetcher *fetcher_new(const struct fetch_policy *policy,
			    void (*done)(void *ctx, const struct fetch_result *result), void *ctx)
{
	struct fetcher *f;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	f = mem_new(sizeof(*f));
	if (f == NULL) {
		curl_global_cleanup();
		return NULL;
	}
	*f = (struct fetcher){.policy = policy, .done = done, .ctx = ctx};
	list_init(&f->transfers);
	f->multi = curl_multi_init();
	if (f->multi == NULL) {
		fetcher_free(f);
		return NULL;
	}
	(void)curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return f;
}

static void transfer_free(struct transfer *t)
{
	struct fetcher *f = t->of;

	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(f->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	mem_free(t->body);
	mem_free(t->data);
	list_remove(&t->all);
	mem_free(t);
	f->n--;
}

void fetcher_free(struct fetcher *f)
{
	if (f == NULL)
		return;
	while (!list_empty(&f->transfers))
		transfer_free(CONTAINER_OF(f->transfers.next, struct transfer, all));
	(void)curl_multi_cleanup(f->multi);
	curl_global_cleanup();
	mem_free(f);
}

unsigned fetcher_count(const struct fetcher *f)
{
	return f->n;
}

/* libcurl's callbacks. */

static bool make_room(struct transfer *t, size_t more)
{
	size_t cap = t->cap == 0 ? BUFFER_FIRST : t->cap;

	while (cap < t->n + more)
		cap *= 2;
	if (cap == t->cap)
		return true;
	uint8_t *bigger = mem_new(cap);
	if (bigger == NULL)
		return false;
	if (t->n > 0)
		memcpy(bigger, t->data, t->n);
	mem_free(t->data);
	t->data = bigger;
	t->cap = cap;
	return true;
}

static size_t on_body(char *octets, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	const size_t more = size * n;

	if (more > t->max - t->n) {
		t->too_long = true;
		return CURL_WRITEFUNC_ERROR;
	}
	if (more == 0)
		return 0;
	if (!make_room(t, more))
		return CURL_WRITEFUNC_ERROR;
	memcpy(t->data + t->n, octets, more);
	t->n += more;
	return more;
}

static size_t on_header(char *octets, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	(void)octets;
	t->header_octets += size * n;
	t->too_long = t->too_long || t->header_octets > FETCH_HEADERS_MAX;
	return t->too_long ? 0 : size * n;
}

/* Every connection passes here with the address that it is going to, those of redirects too: what a
 * name resolved to before, or will resolve to later, does not matter. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *t = ctx;
	struct sockaddr_storage ss = {0};
	char text[ADDR_TEXT_MAX];
	const char *why = "an address of an unknown kind";

	if (purpose == CURLSOCKTYPE_IPCXN && to->addrlen <= sizeof(ss) &&
	    (to->family == AF_INET || to->family == AF_INET6)) {
		memcpy(&ss, &to->addr, to->addrlen);
		const struct addr a = endpoint_of_sockaddr(&ss).addr;
		why = fetch_address_refused(t->of->policy, &a);
		if (why == NULL)
			return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
		(void)snprintf(t->refused, sizeof(t->refused), "it leads to %s, %s",
			       addr_format(&a, text), why);
		return CURL_SOCKET_BAD;
	}
	(void)snprintf(t->refused, sizeof(t->refused), "it leads to %s", why);
	return CURL_SOCKET_BAD;
}

/* Starting. */

static bool set_url(struct transfer *t, const struct fetch_request *r)
{
	const char *schemes = t->of->policy->https ? "http,https" : "http";
	CURL *c = t->easy;

	return curl_easy_setopt(c, CURLOPT_URL, r->url) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, schemes) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, schemes) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS_MAX) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	       /* An empty one turns off those of the environment. */
	       curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, "Postern") == CURLE_OK;
}

static bool set_bounds(struct transfer *t)
{
	const struct fetch_policy *p = t->of->policy;
	CURL *c = t->easy;

	return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(p->timeout / 1000)) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(p->connect_timeout / 1000)) ==
		   CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->max) == CURLE_OK &&
	       /* A resolver that does not answer must not hold the others up. */
	       curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
}

static bool set_callbacks(struct transfer *t)
{
	CURL *c = t->easy;

	return curl_easy_setopt(c, CURLOPT_PRIVATE, t) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->curl_says) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK;
}

static bool set_body(struct transfer *t, const struct fetch_request *r)
{
	char type[128];
	struct curl_slist *more;

	if (r->body.n == 0)
		return true;
	t->body = mem_copy(r->body);
	(void)snprintf(type, sizeof(type), "Content-Type: %s", r->type);
	t->headers = curl_slist_append(NULL, type);
	more = curl_slist_append(t->headers, "Expect:");
	return t->body != NULL && t->headers != NULL && more != NULL &&
	       curl_easy_setopt(t->easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)r->body.n) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

enum err fetcher_start(struct fetcher *f, const struct fetch_request *r)
{
	struct transfer *t;
	bool ok;

	if (f->n >= f->policy->at_once)
		return ERR_STATE;
	if (r->url[0] == '\0' || strpbrk(r->url, " \t\r\n") != NULL)
		return ERR_RANGE;
	t = mem_new(sizeof(*t));
	if (t == NULL)
		return ERR_NO_MEMORY;
	t->of = f;
	t->id = r->id;
	t->max = f->policy->octets_max;
	if (r->octets_max != 0 && r->octets_max < t->max)
		t->max = r->octets_max;
	list_append(&f->transfers, &t->all);
	f->n++;
	t->easy = curl_easy_init();
	ok = t->easy != NULL && set_url(t, r) && set_bounds(t) && set_callbacks(t) &&
	     set_body(t, r) && curl_multi_add_handle(f->multi, t->easy) == CURLM_OK;
	if (!ok)
		transfer_free(t);
	return ok ? ERR_NONE : ERR_NO_MEMORY;
}

/* Ends. */

static void say(struct fetch_result *r, enum err e, const char *reason)
{
	r->err = e;
	(void)snprintf(r->reason, sizeof(r->reason), "%.*s", FETCH_REASON_MAX - 1, reason);
}

static void explain(const struct transfer *t, CURLcode code, struct fetch_result *r)
{
	char text[FETCH_REASON_MAX];
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->too_long || code == CURLE_FILESIZE_EXCEEDED) {
		if (t->header_octets > FETCH_HEADERS_MAX)
			(void)snprintf(text, sizeof(text), "the headers are too long");
		else
			(void)snprintf(text, sizeof(text), "it is longer than %zu octets", t->max);
		say(r, ERR_LIMIT, text);
		return;
	}
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		(void)snprintf(text, sizeof(text), "gave up after %.1f s, %zu octets had come",
			       (double)r->took / 1e6, t->n);
		say(r, ERR_LIMIT, text);
		return;
	case CURLE_TOO_MANY_REDIRECTS:
		say(r, ERR_LIMIT, "it redirects more than 3 times");
		return;
	case CURLE_UNSUPPORTED_PROTOCOL:
		/* libcurl's word for an answer without a status line, too. */
		if (strstr(t->curl_says, "HTTP/0.9") != NULL)
			say(r, ERR_IO, "the server does not speak HTTP");
		else
			say(r, ERR_AUTH, "it has, or leads to, a scheme that is not allowed");
		return;
	case CURLE_URL_MALFORMAT:
		say(r, ERR_RANGE, "the URL is malformed");
		return;
	case CURLE_LOGIN_DENIED:
		say(r, ERR_AUTH, "a URL with a user name is not allowed");
		return;
	case CURLE_COULDNT_RESOLVE_HOST:
		say(r, ERR_NOT_FOUND, "the host's name cannot be resolved");
		return;
	case CURLE_HTTP_RETURNED_ERROR:
		(void)snprintf(text, sizeof(text), "the server answers with status %ld", status);
		say(r, ERR_NOT_FOUND, text);
		return;
	default:
		if (t->refused[0] != '\0')
			say(r, ERR_AUTH, t->refused);
		else
			say(r, ERR_IO,
			    t->curl_says[0] != '\0' ? t->curl_says : curl_easy_strerror(code));
		return;
	}
}

static void finish(struct fetcher *f, CURL *easy, CURLcode code)
{
	struct fetch_result r = {0};
	struct transfer *t;
	curl_off_t took = 0;
	char *private = NULL;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	t = (struct transfer *)(void *)private;
	(void)curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took);
	r.id = t->id;
	r.took = (uint64_t)took;
	if (code != CURLE_OK) {
		explain(t, code, &r);
	} else if (t->n == 0) {
		say(&r, ERR_SYNTAX, "the answer is empty");
	} else {
		r.data = t->data;
		r.n = t->n;
		t->data = NULL;
	}
	transfer_free(t);
	f->done(f->ctx, &r);
}

/* Whether any has ended. */
static bool take_ended(struct fetcher *f)
{
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		finish(f, m->easy_handle, m->data.result);
		any = true;
	}
	return any;
}

enum err fetcher_wait(struct fetcher *f, int fd, int timeout_ms, bool *readable)
{
	struct curl_waitfd extra = {.fd = fd, .events = CURL_WAIT_POLLIN};
	int running;

	/* First, so that what was just started has its sockets and timers; or has ended already,
	 * and then nothing would wake us. */
	if (curl_multi_perform(f->multi, &running) != CURLM_OK)
		return ERR_IO;
	if (take_ended(f))
		timeout_ms = 0;
	if (curl_multi_poll(f->multi, &extra, fd >= 0 ? 1 : 0, timeout_ms, NULL) != CURLM_OK ||
	    curl_multi_perform(f->multi, &running) != CURLM_OK)
		return ERR_IO;
	*readable = fd >= 0 && extra.revents != 0;
	(void)take_ended(f);
	return ERR_NONE;
}
