/* Fetching from servers that mean harm, over loopback; each test's server is a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/fetch.h"

#define SERVER_URL_MAX 64

struct server {
	int listener, stop[2];
	uint16_t port;
	pthread_t thread;
	const char *answer; /* PORT in it stands for the port */
	size_t fill;        /* so many octets behind it */
	unsigned header_lines;
	bool drips;         /* an octet at a time, for ever */
	char request[2048]; /* the last one */
	unsigned served;
};

/* Until the other end closes, or the test is over. */
static void linger(const struct server *s, int fd)
{
	struct pollfd fds[2] = {{fd, POLLIN, 0}, {s->stop[0], POLLIN, 0}};
	char buf[256];

	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0 && read(fd, buf, sizeof(buf)) > 0)
		continue;
}

static void put(int fd, const char *octets, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, octets, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		octets += sent;
		n -= (size_t)sent;
	}
}

static void serve_one(struct server *s, int fd)
{
	static const char zeros[4096];
	char text[512];
	ssize_t n = read(fd, s->request, sizeof(s->request) - 1);

	s->request[n > 0 ? n : 0] = '\0';
	s->served++;
	if (s->answer == NULL) {
		linger(s, fd);
		return;
	}
	const char *port = strstr(s->answer, "PORT");
	if (port == NULL)
		(void)snprintf(text, sizeof(text), "%s", s->answer);
	else
		(void)snprintf(text, sizeof(text), "%.*s%u%s", (int)(port - s->answer), s->answer,
			       s->port, port + 4);
	put(fd, text, strlen(text));
	for (unsigned i = 0; i < s->header_lines; i++)
		put(fd, "X-Some: thing\r\n", 15);
	for (size_t left = s->fill; left > 0;) {
		size_t part = left < sizeof(zeros) ? left : sizeof(zeros);
		put(fd, zeros, part);
		left -= part;
	}
	if (s->drips) {
		struct pollfd stop = {s->stop[0], POLLIN, 0};
		while (poll(&stop, 1, 1) == 0 && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
			continue;
	}
}

static void *run(void *ctx)
{
	struct server *s = ctx;
	struct pollfd fds[2] = {{s->listener, POLLIN, 0}, {s->stop[0], POLLIN, 0}};

	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
		int fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			continue;
		serve_one(s, fd);
		(void)close(fd);
	}
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(sin);

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&sin, &len), 0);
	s->port = ntohs(sin.sin_port);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(pipe(s->stop), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

static void server_stop(struct server *s)
{
	(void)close(s->stop[1]);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->stop[0]);
	(void)close(s->listener);
}

static const struct fetch_policy usual = {
    .loopback = true,
    .timeout = 2000000,
    .connect_timeout = 1000000,
    .octets_max = 10000,
    .at_once = 2,
};

struct outcome {
	struct fetch_result last;
	unsigned n;
};

static void on_done(void *ctx, const struct fetch_result *r)
{
	struct outcome *o = ctx;

	mem_free(o->last.data);
	o->last = *r;
	o->n++;
}

static void fetch(const struct fetch_policy *p, const struct fetch_request *r, struct outcome *o)
{
	bool readable;
	struct fetcher *f = fetcher_new(p, on_done, o);

	*o = (struct outcome){0};
	assert_non_null(f);
	assert_int_equal(fetcher_start(f, r), ERR_NONE);
	/* Whatever ends ends a wait. */
	for (unsigned waits = 0; o->n == 0 && waits < 100000; waits++)
		assert_int_equal(fetcher_wait(f, -1, 60000, &readable), ERR_NONE);
	assert_int_equal(o->last.id, r->id);
	assert_int_equal(fetcher_count(f), 0);
	fetcher_free(f);
}

/* From a server that is there for this one fetch. */
static void from(struct server *s, const struct fetch_policy *p, struct outcome *o)
{
	char url[SERVER_URL_MAX];

	server_start(s);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x.crl", s->port);
	fetch(p, &(struct fetch_request){.id = 7, .url = url}, o);
	server_stop(s);
}

static void says(const struct outcome *o, enum err e, const char *words)
{
	if (strstr(o->last.reason, words) == NULL)
		print_error("it says \"%s\"\n", o->last.reason);
	assert_int_equal(o->last.err, e);
	assert_non_null(strstr(o->last.reason, words));
	assert_null(o->last.data);
}

static void a_good_one(void **state)
{
	struct server s = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"};
	struct outcome o;

	(void)state;
	/* The environment's proxy and cookies are nothing to us. */
	(void)setenv("http_proxy", "http://127.0.0.1:1/", 1);
	from(&s, &usual, &o);
	(void)unsetenv("http_proxy");
	assert_int_equal(o.last.err, ERR_NONE);
	assert_int_equal(o.last.n, 5);
	assert_memory_equal(o.last.data, "hello", 5);
	assert_non_null(strstr(s.request, "GET /x.crl HTTP/1.1\r\n"));
	assert_null(strstr(s.request, "Cookie"));
	assert_null(strstr(s.request, "Authorization"));
	assert_null(strstr(s.request, "Accept-Encoding"));
	mem_free(o.last.data);
}

static void a_post(void **state)
{
	struct server s = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
	char url[SERVER_URL_MAX];
	struct outcome o;

	(void)state;
	server_start(&s);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/ocsp", s.port);
	fetch(&usual,
	      &(struct fetch_request){.id = 1,
				      .url = url,
				      .body = bytes_of("question", 8),
				      .type = "application/ocsp-request"},
	      &o);
	server_stop(&s);
	assert_int_equal(o.last.err, ERR_NONE);
	assert_non_null(strstr(s.request, "POST /ocsp HTTP/1.1\r\n"));
	assert_non_null(strstr(s.request, "Content-Type: application/ocsp-request\r\n"));
	assert_null(strstr(s.request, "Expect"));
	mem_free(o.last.data);
}

static void one_that_never_answers(void **state)
{
	struct fetch_policy p = usual;
	struct server s = {.answer = NULL};
	struct outcome o;

	(void)state;
	p.timeout = 200000;
	from(&s, &p, &o);
	says(&o, ERR_LIMIT, " s, 0 octets had come");
}

static void one_that_drips(void **state)
{
	struct fetch_policy p = usual;
	struct server s = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .drips = true};
	struct outcome o;

	(void)state;
	p.timeout = 300000;
	p.octets_max = 1U << 20;
	from(&s, &p, &o);
	says(&o, ERR_LIMIT, "gave up after");
}

static void one_that_is_too_large(void **state)
{
	struct outcome o;
	/* Whether it says so or not. */
	struct server tells = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n",
			       .fill = 1};
	struct server hides = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .fill = 200000};
	struct server fits = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .fill = 10000};

	(void)state;
	from(&tells, &usual, &o);
	says(&o, ERR_LIMIT, "longer than 10000 octets");
	from(&hides, &usual, &o);
	says(&o, ERR_LIMIT, "longer than 10000 octets");
	from(&fits, &usual, &o);
	assert_int_equal(o.last.err, ERR_NONE);
	assert_int_equal(o.last.n, 10000);
	mem_free(o.last.data);
}

static void headers_without_end(void **state)
{
	/* Line after line, and one line that goes on and on. */
	struct server lines = {.answer = "HTTP/1.1 200 OK\r\n", .header_lines = 4000};
	struct server line = {.answer = "HTTP/1.1 200 OK\r\nX-Long: ", .fill = 1U << 20};
	struct outcome o;

	(void)state;
	from(&lines, &usual, &o);
	says(&o, ERR_LIMIT, "the headers are too long");
	from(&line, &usual, &o);
	assert_int_not_equal(o.last.err, ERR_NONE);
	assert_null(o.last.data);
}

static void one_that_redirects_for_ever(void **state)
{
	struct server s = {.answer =
			       "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:PORT/again\r\n"
			       "Content-Length: 0\r\nConnection: close\r\n\r\n"};
	struct outcome o;

	(void)state;
	from(&s, &usual, &o);
	says(&o, ERR_LIMIT, "redirects more than 3 times");
	assert_int_equal(s.served, 4);
}

static void one_that_redirects_elsewhere(void **state)
{
	static const struct {
		const char *answer, *why;
	} to[] = {
	    {"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\n\r\n",
	     "it leads to 169.254.169.254, a link-local address"},
	    {"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n",
	     "it leads to 10.0.0.1, an address of a private network"},
	    {"HTTP/1.1 302 Found\r\nLocation: http://[fe80::1]/\r\n\r\n",
	     "it leads to fe80::1, a link-local address"},
	    {"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
	     "a scheme that is not allowed"},
	    {"HTTP/1.1 302 Found\r\nLocation: gopher://127.0.0.1:PORT/\r\n\r\n",
	     "a scheme that is not allowed"},
	    {"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:PORT/\r\n\r\n",
	     "a scheme that is not allowed"},
	    {"HTTP/1.1 302 Found\r\nLocation: http://me:you@127.0.0.1:PORT/\r\n\r\n",
	     "a URL with a user name is not allowed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		struct server s = {.answer = to[i].answer};
		struct outcome o;
		from(&s, &usual, &o);
		says(&o, ERR_AUTH, to[i].why);
		assert_int_equal(s.served, 1);
	}
}

static void one_that_closes_early(void **state)
{
	struct server nothing = {.answer = ""};
	struct server half = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"};
	struct server empty = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	struct server other = {.answer = "SSH-2.0-nothing of yours\r\n"};
	struct server missing = {.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
	struct outcome o;

	(void)state;
	from(&nothing, &usual, &o);
	says(&o, ERR_IO, "");
	from(&half, &usual, &o);
	says(&o, ERR_IO, "");
	from(&empty, &usual, &o);
	says(&o, ERR_SYNTAX, "the answer is empty");
	from(&other, &usual, &o);
	says(&o, ERR_IO, "does not speak HTTP");
	from(&missing, &usual, &o);
	says(&o, ERR_NOT_FOUND, "status 404");
}

static void urls_that_are_refused(void **state)
{
	static const struct {
		const char *url, *why;
	} urls[] = {
	    {"http://127.0.0.1:9/", "it leads to 127.0.0.1, a loopback address"},
	    /* Names are looked at by what they resolve to. */
	    {"http://localhost:9/", "a loopback address"},
	    {"http://0x7f.1:9/", "it leads to 127.0.0.1, a loopback address"},
	    {"http://2130706433/", "it leads to 127.0.0.1, a loopback address"},
	    {"http://[::ffff:127.0.0.1]/", "a loopback address"},
	    {"http://0.0.0.0/", "an unspecified address"},
	    {"http://me:you@example.invalid/", "a URL with a user name is not allowed"},
	    {"file:///etc/passwd", "a scheme that is not allowed"},
	    {"ldap://127.0.0.1/", "a scheme that is not allowed"},
	    {"https://127.0.0.1/", "a scheme that is not allowed"},
	};
	struct fetch_policy p = usual;

	(void)state;
	p.loopback = false;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct outcome o;
		fetch(&p, &(struct fetch_request){.url = urls[i].url}, &o);
		says(&o, ERR_AUTH, urls[i].why);
	}
}

static void not_too_many_at_once(void **state)
{
	struct server s = {.answer = NULL};
	struct outcome o = {0};
	struct fetcher *f = fetcher_new(&usual, on_done, &o);
	char url[SERVER_URL_MAX];
	bool readable;

	(void)state;
	server_start(&s);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", s.port);
	const struct fetch_request r = {.url = url};
	assert_int_equal(fetcher_start(f, &r), ERR_NONE);
	assert_int_equal(fetcher_start(f, &r), ERR_NONE);
	assert_int_equal(fetcher_start(f, &r), ERR_STATE);
	assert_int_equal(fetcher_start(f, &(struct fetch_request){.url = "http://a b/"}),
			 ERR_STATE);
	assert_int_equal(fetcher_wait(f, -1, 1, &readable), ERR_NONE);
	/* Under way still: nothing is told, nothing is left. */
	fetcher_free(f);
	assert_int_equal(o.n, 0);
	server_stop(&s);
}

static void addresses(void **state)
{
	static const struct {
		const char *text;
		bool usual, private; /* may be reached by the usual policy; with private = yes */
	} all[] = {
	    {"192.0.2.1", true, true},
	    {"2001:db8::1", true, true},
	    {"0.0.0.0", false, false},
	    {"127.0.0.1", false, false},
	    {"127.255.0.3", false, false},
	    {"169.254.169.254", false, false},
	    {"224.0.0.1", false, false},
	    {"255.255.255.255", false, false},
	    {"10.1.2.3", false, true},
	    {"172.16.0.1", false, true},
	    {"172.32.0.1", true, true},
	    {"192.168.7.1", false, true},
	    {"100.64.0.1", false, true},
	    {"::", false, false},
	    {"::1", false, false},
	    {"::7f00:1", false, false},
	    {"fe80::1", false, false},
	    {"ff02::1", false, false},
	    {"fd00::1", false, true},
	    {"fd00:ec2::254", false, false},
	    {"::ffff:127.0.0.1", false, false},
	    {"::ffff:10.0.0.1", false, true},
	    {"::ffff:192.0.2.1", true, true},
	    {"64:ff9b::a9fe:a9fe", false, false},
	    {"64:ff9b::c000:201", true, true},
	    {"2002:7f00:1::1", false, false},
	    {"203.0.113.9", false, false}, /* forbidden below */
	};
	struct fetch_policy p = {0};

	(void)state;
	assert_int_equal(addr_range_parse(&p.forbid[0], "203.0.113.0/28"), ERR_NONE);
	p.n_forbid = 1;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct addr a;
		assert_int_equal(addr_parse(&a, all[i].text), ERR_NONE);
		p.private = false;
		bool yes = fetch_address_refused(&p, &a) == NULL;
		p.private = true;
		bool private = fetch_address_refused(&p, &a) == NULL;
		if (yes != all[i].usual || private != all[i].private)
			print_error("%s\n", all[i].text);
		assert_int_equal(yes, all[i].usual);
		assert_int_equal(private, all[i].private);
	}
	assert_non_null(fetch_address_refused(&p, &(struct addr){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_one),
	    cmocka_unit_test(a_post),
	    cmocka_unit_test(one_that_never_answers),
	    cmocka_unit_test(one_that_drips),
	    cmocka_unit_test(one_that_is_too_large),
	    cmocka_unit_test(headers_without_end),
	    cmocka_unit_test(one_that_redirects_for_ever),
	    cmocka_unit_test(one_that_redirects_elsewhere),
	    cmocka_unit_test(one_that_closes_early),
	    cmocka_unit_test(urls_that_are_refused),
	    cmocka_unit_test(not_too_many_at_once),
	    cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
