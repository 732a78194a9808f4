/* The control socket's server: bad requests, several clients, waiting for outcomes. A real engine
 * stands behind it, with nobody at the other end of its network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/control.h"

struct fixture {
	struct ev_loop *loop;
	struct ike *ike;
	struct control *control;
	struct faults faults;
	char folder[32];
	struct sockaddr_un un;
	int listener;
	unsigned reloads;
};

static void no_random(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	memset(buf, 7, n);
}

static void no_send(void *ctx, const struct path *path, struct bytes datagram)
{
	(void)ctx;
	(void)path;
	(void)datagram;
}

static void no_job(void *ctx, struct ike_job *job)
{
	(void)ctx;
	ike_job_free(job);
}

static void no_event(void *ctx, const struct ike_event *event)
{
	(void)ctx;
	(void)event;
}

static bool no_route(void *ctx, const struct addr *remote, struct addr *local)
{
	(void)ctx;
	(void)remote;
	(void)local;
	return false;
}

static void count_reload(void *ctx)
{
	struct fixture *f = ctx;

	f->reloads++;
}

static int start(void **state)
{
	static const struct dataplane_ops plane; /* without connections nobody calls it */
	struct fixture *f = mem_new(sizeof(*f));
	struct ike_settings settings;
	const struct ike_callbacks callbacks = {.random = {no_random, NULL},
						.send = no_send,
						.job = no_job,
						.event = no_event,
						.route = no_route,
						.plane = &plane};

	ike_settings_default(&settings);
	f->ike = ike_new(&settings, &callbacks);
	f->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	strcpy(f->folder, "/tmp/postern-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->un.sun_family = AF_UNIX;
	(void)snprintf(f->un.sun_path, sizeof(f->un.sun_path), "%s/control", f->folder);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&f->un, sizeof(f->un)), 0);
	assert_int_equal(listen(f->listener, 8), 0);
	const struct control_owner owner = {
	    .ctx = f, .ike = f->ike, .faults = &f->faults, .reload = count_reload};
	assert_int_equal(control_new(&f->control, f->loop, f->listener, &owner), ERR_NONE);
	control_open(f->control);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	ike_free(f->ike);
	ev_loop_destroy(f->loop);
	(void)close(f->listener);
	(void)unlink(f->un.sun_path);
	(void)rmdir(f->folder);
	mem_free(f);
	return 0;
}

static int connect_client(struct fixture *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&f->un, sizeof(f->un)), 0);
	return fd;
}

/* Lets the server do all that it can do now. */
static void turn(struct fixture *f)
{
	for (int i = 0; i < 8; i++)
		(void)ev_run(f->loop, EVRUN_NOWAIT);
}

/* Sends and gives the first line of the answer; "" when there is none yet. */
static const char *ask(struct fixture *f, int fd, const char *text, char buf[4096])
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(f);
	ssize_t n = recv(fd, buf, 4095, MSG_DONTWAIT);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void bad_requests_get_a_reason(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	static const struct {
		const char *request, *reason;
	} cases[] = {
	    {"\n", "a request is one JSON object"},
	    {"[]\n", "a request is one JSON object"},
	    {"{\"verb\":\n", "a request is one JSON object"},
	    {"{\"verb\":\"up\",\"verb\":\"down\"}\n", "a request is one JSON object"},
	    {"{}\n", "\\\"\\\" is no verb"},
	    {"{\"verb\":1}\n", "\\\"\\\" is no verb"},
	    {"{\"verb\":\"fly\"}\n", "\\\"fly\\\" is no verb"},
	    {"{\"verb\":\"up\"}\n", "which connection?"},
	    {"{\"verb\":\"up\",\"connection\":\"x\"}\n", "there is no connection \\\"x\\\""},
	    {"{\"verb\":\"down\",\"connection\":\"x\"}\n", "there is no connection \\\"x\\\""},
	    {"{\"verb\":\"rekey\",\"connection\":\"x\"}\n", "there is no connection \\\"x\\\""},
	    {"{\"verb\":\"status\",\"connection\":\"x\"}\n", "there is no connection \\\"x\\\""},
	    {"{\"verb\":\"fault\",\"set\":\"x\"}\n", "\\\"x\\\" is no fault"},
	};
	int fd = connect_client(f);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *answer = ask(f, fd, cases[i].request, buf);
		assert_non_null(strstr(answer, "\"ok\":false"));
		if (strstr(answer, cases[i].reason) == NULL)
			print_error("%s -> %s\n", cases[i].request, answer);
		assert_non_null(strstr(answer, cases[i].reason));
	}
	(void)close(fd);
}

static void answers_come_to_whoever_asked(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	int one = connect_client(f), two = connect_client(f);

	/* In pieces, and two at once. */
	assert_string_equal(ask(f, one, "{\"verb\":", buf), "");
	assert_non_null(strstr(ask(f, two, "{\"verb\":\"status\"}\n", buf), "\"ok\":true"));
	const char *both = ask(f, one, "\"version\"}\n{\"verb\":\"version\"}\n", buf);
	assert_non_null(strstr(both, "\"ok\":true"));
	assert_non_null(strstr(strchr(both, '\n') + 1, "\"ok\":true"));
	/* One follows the log, the other does not. */
	assert_non_null(strstr(ask(f, one, "{\"verb\":\"log\"}\n", buf), "following"));
	control_log(f->control, "a line");
	assert_non_null(strstr(ask(f, one, "", buf), "{\"log\":\"a line\"}"));
	assert_string_equal(ask(f, two, "", buf), "");
	(void)close(one);
	turn(f);
	control_log(f->control, "another");
	(void)close(two);
	turn(f);
}

static void a_reload_answers_when_it_has_ended(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	int fd = connect_client(f);

	assert_string_equal(ask(f, fd, "{\"verb\":\"reload\"}\n", buf), "");
	assert_int_equal(f->reloads, 1);
	control_reloaded(f->control, BYTES_LITERAL("t.conf:1: one\nt.conf:2: two\n"));
	const char *answer = ask(f, fd, "", buf);
	assert_non_null(strstr(answer, "\"ok\":false"));
	assert_non_null(strstr(answer, "[\"t.conf:1: one\",\"t.conf:2: two\"]"));
	assert_string_equal(ask(f, fd, "{\"verb\":\"reload\"}\n", buf), "");
	control_reloaded(f->control, bytes_of(NULL, 0));
	assert_string_equal(ask(f, fd, "", buf), "{\"ok\":true}\n");
	(void)close(fd);
}

static void an_endless_request_ends_the_client_alone(void **state)
{
	struct fixture *f = *state;
	char buf[4096], flood[CONTROL_LINE_MAX + 1];
	int bad = connect_client(f), good = connect_client(f);

	memset(flood, 'x', sizeof(flood) - 1);
	flood[sizeof(flood) - 1] = '\0';
	assert_non_null(strstr(ask(f, bad, flood, buf), "a request may have 8192 octets"));
	assert_int_equal(recv(bad, buf, sizeof(buf), MSG_DONTWAIT), 0);
	assert_non_null(strstr(ask(f, good, "{\"verb\":\"version\"}\n", buf), "\"ok\":true"));
	(void)close(bad);
	(void)close(good);
	turn(f);
}

static void faults_are_set_and_shown(void **state)
{
	struct fixture *f = *state;
	char buf[16384];
	int fd = connect_client(f);

	(void)ask(f, fd, "{\"verb\":\"fault\",\"set\":\"drop=3*2\"}\n", buf);
	assert_int_equal(f->faults.state[FAULT_DROP].on, 1);
	assert_int_equal(f->faults.state[FAULT_DROP].left, 2);
	turn(f);
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		turn(f);
	assert_non_null(strstr(ask(f, fd, "{\"verb\":\"status\"}\n", buf), "\"name\":\"drop\""));
	(void)close(fd);
	turn(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_requests_get_a_reason),
	    cmocka_unit_test(answers_come_to_whoever_asked),
	    cmocka_unit_test(a_reload_answers_when_it_has_ended),
	    cmocka_unit_test(an_endless_request_ends_the_client_alone),
	    cmocka_unit_test(faults_are_set_and_shown),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
