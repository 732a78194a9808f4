/* What each key exchange method costs: CPU milliseconds of making a key, of answering it and of
 * finishing, and how far one whole exchange raises the memory of a process beyond its two values.
 * 60 ms a figure and at least three runs, under 10 seconds in all. -o FILE writes the figures as
 * JSON too; METHOD measures that one alone. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/ke.h"

#define BUDGET_NS 40000000ULL
#define RUNS_MIN  3
#define RUNS_MAX  1000

enum op { GENERATE, RESPOND, FINISH, OPS };

struct figures {
	double ms[OPS];
	long peak_kb; /* -1: not measured */
	long left_kb; /* still there after the exchange */
};

/* Of this thread alone, so that a busy machine does not show in the figures. */
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_ke: %s\n", what);
	exit(1);
}

/* One exchange; adds what each step took. */
static void exchange(const struct ke_desc *d, uint64_t ns[OPS])
{
	uint8_t seeds[2][KE_SEED_LEN];
	uint8_t *init = mem_new(d->init_len);
	uint8_t *resp = mem_new(d->resp_len);
	uint8_t *secrets = mem_new(2 * (size_t)d->secret_len);
	struct ke_private *private = NULL;
	uint64_t t[OPS + 1];

	if (init == NULL || resp == NULL || secrets == NULL)
		fail("out of memory");
	crypto_random(seeds, sizeof(seeds));
	t[0] = now_ns();
	if (ke_generate(d, seeds[0], &private, init) != ERR_NONE)
		fail("no key");
	t[1] = now_ns();
	if (ke_respond(d, seeds[1], bytes_of(init, d->init_len), resp, secrets) != ERR_NONE)
		fail("no answer");
	t[2] = now_ns();
	if (ke_finish(private, bytes_of(resp, d->resp_len), secrets + d->secret_len) != ERR_NONE ||
	    memcmp(secrets, secrets + d->secret_len, d->secret_len) != 0)
		fail("no common secret");
	t[3] = now_ns();
	for (size_t i = 0; i < OPS; i++)
		ns[i] += t[i + 1] - t[i];
	ke_private_free(private);
	mem_free(init);
	mem_free(resp);
	mem_free_secret(secrets, 2 * (size_t)d->secret_len);
}

/* A line of /proc/self/status in kB; -1 when there is none. */
static long status_kb(const char *name)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	long kb = -1;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtol(line + strlen(name), NULL, 10);
	if (f != NULL)
		fclose(f);
	return kb;
}

static void *exchange_thread(void *d)
{
	uint64_t ns[OPS] = {0};

	exchange(d, ns);
	return NULL;
}

/* In a thread, whose stack is given back when it ends. */
static void exchange_apart(const struct ke_desc *d)
{
	pthread_t t;
	struct ke_desc copy = *d;

	if (pthread_create(&t, NULL, exchange_thread, &copy) != 0 || pthread_join(t, NULL) != 0)
		fail("no thread");
	(void)malloc_trim(0);
}

/* In a process of its own, when the libraries are in memory already: by how much the peak lies
 * above what was there before. */
static void peak_process(const struct ke_desc *d, int fd)
{
	int clear = open("/proc/self/clear_refs", O_WRONLY);
	long kb[2] = {-1, -1};
	long before;

	/* As the daemon has it: large values go back to the system when they are freed. */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	exchange_apart(d);
	before = status_kb("VmRSS:");
	if (clear >= 0 && write(clear, "5", 1) == 1) { /* the peak is the present */
		exchange_apart(d);
		kb[0] = status_kb("VmHWM:") - before;
		kb[1] = status_kb("VmRSS:") - before;
	}
	_exit(write(fd, kb, sizeof(kb)) == sizeof(kb) ? 0 : 1);
}

static void measure_peak(const struct ke_desc *d, struct figures *f)
{
	long kb[2] = {-1, -1};
	int fds[2];
	pid_t child;

	if (pipe(fds) != 0)
		fail(strerror(errno));
	child = fork();
	if (child == 0)
		peak_process(d, fds[1]);
	close(fds[1]);
	if (child > 0 && read(fds[0], kb, sizeof(kb)) == sizeof(kb)) {
		f->peak_kb = kb[0];
		f->left_kb = kb[1];
	}
	close(fds[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
}

static struct figures measure(const struct ke_desc *d)
{
	struct figures f = {.peak_kb = -1, .left_kb = -1};
	uint64_t ns[OPS] = {0};
	uint64_t warm[OPS] = {0};
	size_t runs = 0;

	measure_peak(d, &f);
	if (d->cost != KE_COST_SLOW)
		exchange(d, warm);
	while (runs < RUNS_MIN ||
	       (ns[GENERATE] + ns[RESPOND] + ns[FINISH] < OPS * BUDGET_NS && runs < RUNS_MAX)) {
		exchange(d, ns);
		runs++;
	}
	for (size_t i = 0; i < OPS; i++)
		f.ms[i] = (double)ns[i] / (double)runs / 1e6;
	return f;
}

static void report(json_t *all, const struct ke_desc *d, const struct figures *f)
{
	double times = (double)f->peak_kb * 1024 / d->init_len;

	printf("%-16s %8u %6u %10.3f %10.3f %10.3f %8ld %8ld", d->word, d->init_len, d->resp_len,
	       f->ms[GENERATE], f->ms[RESPOND], f->ms[FINISH], f->peak_kb, f->left_kb);
	if (d->needs_big_payload && f->peak_kb >= 0)
		printf("  %.2f", times);
	printf("\n");
	json_array_append_new(
	    all, json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:I, s:I}", "method", d->word,
			   "init_octets", (json_int_t)d->init_len, "resp_octets",
			   (json_int_t)d->resp_len, "generate_ms", f->ms[GENERATE], "respond_ms",
			   f->ms[RESPOND], "finish_ms", f->ms[FINISH], "peak_kb",
			   (json_int_t)f->peak_kb, "left_kb", (json_int_t)f->left_kb));
}

int main(int argc, char **argv)
{
	const char *file = NULL, *only = NULL;
	json_t *all = json_array();
	size_t n;
	const struct ke_desc *d = ke_all(&n);
	uint64_t none[OPS] = {0};

	if (argc == 3 && strcmp(argv[1], "-o") == 0)
		file = argv[2];
	else if (argc == 2)
		only = argv[1];
	else if (argc != 1)
		fail("usage: bench_ke [-o FILE | METHOD]");
	exchange(d, none);
	printf("%-16s %8s %6s %10s %10s %10s %8s %8s  %s\n", "method", "init", "resp", "key ms",
	       "answer ms", "finish ms", "peak kB", "left kB", "peak/init");
	for (size_t i = 0; i < n; i++) {
		if (only != NULL && strcmp(only, d[i].word) != 0)
			continue;
		struct figures f = measure(&d[i]);

		report(all, &d[i], &f);
		/* What it must reach: under four times the public key, of both sides together. */
		if (d[i].needs_big_payload && f.peak_kb >= 0 &&
		    (size_t)f.peak_kb * 1024 >= 4 * (size_t)d[i].init_len)
			fail("an exchange takes four times its public key and more");
	}
	if (file != NULL && json_dump_file(all, file, JSON_INDENT(1)) != 0)
		fail(strerror(errno));
	json_decref(all);
	printf("ok ke\n");
	return 0;
}
