/* posternd: the command line, and the first look at the configuration. See posternd(8). */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/check.h"
#include "daemon/parent.h"
#include "daemon/version.h"

static const char usage[] =
    "usage: posternd [-t] [-c FILE] [--run-dir DIR] [--debug] [--foreground]\n"
    "\n"
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT ")\n"
    "      --run-dir DIR   where the control socket is made (" RUN_DIR_DEFAULT ")\n"
    "  -t, --check         check the configuration and the files it names, and end\n"
    "      --debug         log everything\n"
    "      --foreground    stay in the foreground, which it always does\n"
    "      --options-man   print the configuration's options in mdoc, and end\n"
    "  -V, --version\n"
    "  -h, --help\n";

struct arguments {
	const char *config;
	const char *run_dir;
	bool check;
	bool debug;
};

enum { OPT_RUN_DIR = 256, OPT_DEBUG, OPT_FOREGROUND, OPT_OPTIONS_MAN };

/* -1: go on; else the exit status. */
static int read_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"run-dir", required_argument, NULL, OPT_RUN_DIR},
	    {"check", no_argument, NULL, 't'},
	    {"debug", no_argument, NULL, OPT_DEBUG},
	    {"foreground", no_argument, NULL, OPT_FOREGROUND},
	    {"options-man", no_argument, NULL, OPT_OPTIONS_MAN},
	    {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:tVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			a->config = optarg;
			break;
		case OPT_RUN_DIR:
			a->run_dir = optarg;
			break;
		case 't':
			a->check = true;
			break;
		case OPT_DEBUG:
			a->debug = true;
			break;
		case OPT_FOREGROUND:
			break;
		case OPT_OPTIONS_MAN:
			options_man(stdout);
			return 0;
		case 'V':
			(void)printf("posternd %s\n", POSTERN_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	(void)fprintf(stderr, "posternd: \"%s\" is one word too many\n%s", argv[optind], usage);
	return 2;
}

static void print_errors(const struct errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		(void)fprintf(stderr, "%s\n", e->line[i]);
	if (e->more > 0)
		(void)fprintf(stderr, "and %zu more errors\n", e->more);
}

static int check_only(const struct arguments *a)
{
	size_t n = 0;
	struct errors errors;

	errors_init(&errors, a->config);
	enum err e = check_file(a->config, &errors, &n);
	print_errors(&errors);
	errors_clear(&errors);
	if (e == ERR_NONE)
		(void)printf("%s: good, with %zu connections\n", a->config, n);
	return e == ERR_NONE ? 0 : 1;
}

/* What must be known before anything is opened; names of secrets' files, but no secrets. */
static bool read_daemon_section(const struct arguments *a, struct daemon_config *d)
{
	struct config c;
	struct errors errors;

	errors_init(&errors, a->config);
	config_init(&c);
	enum err e = check_read(a->config, &c, &errors);
	config_daemon(&c, d);
	config_clear(&c);
	print_errors(&errors);
	errors_clear(&errors);
	return e == ERR_NONE;
}

/* The registry of faults in memory that all processes share; NULL in a release build. */
static bool share_faults(struct process *p)
{
#ifdef POSTERN_FAULTS
	const char *text = getenv("POSTERN_FAULTS");
	void *m = mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return false;
	p->faults = m;
	log_write(&p->log, LOG_WARN, NULL, 0, "this posternd was built with faults, for tests");
	if (text != NULL && text[0] != '\0' && faults_set(p->faults, text) != ERR_NONE) {
		log_write(&p->log, LOG_ERR, NULL, 0, "$POSTERN_FAULTS: \"%s\" is no list of faults",
			  text);
		return false;
	}
#else
	p->faults = NULL;
#endif
	return true;
}

static void init_parent(struct parent *p, const struct arguments *a)
{
	p->config_path = a->config;
	p->run_dir = a->run_dir;
	(void)check_folder(a->config, p->folder, sizeof(p->folder));
	p->lock = p->counters = p->counters_read = p->control = -1;
	p->route_v4 = p->route_v6 = p->signals = p->tun.fd = -1;
	for (int i = 0; i < 2; i++)
		p->plane_pair[i] = p->jobs_pair[i] = p->fetch_pair[i] = p->ike_pair[i] =
		    p->keys_pair[i] = -1;
	logsink_open(&p->process.sink);
	p->process.log = (struct log){logsink_write, &p->process.sink, LOG_INFO};
}

int main(int argc, char **argv)
{
	/* Kept for the life of the process; too large for a stack frame. */
	static struct parent parent;
	struct arguments a = {.config = CONFIG_DEFAULT, .run_dir = RUN_DIR_DEFAULT};
	int status = read_arguments(argc, argv, &a);

	/* What is as large as a McEliece key goes back to the system when it is freed; left alone,
	 * the C library keeps such sizes from the first one on. All processes inherit it. */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	/* A thread's own arena is shrunk only after a look into /proc, which the sandbox ends. */
	(void)mallopt(M_ARENA_MAX, 1);
	if (status >= 0)
		return status;
	if (a.check)
		return check_only(&a);
	init_parent(&parent, &a);
	if (!read_daemon_section(&a, &parent.process.config))
		return 1;
	config_use_ke_numbers(&parent.process.config);
	parent.process.log.most =
	    a.debug ? LOG_DEBUG : (enum log_level)parent.process.config.log_level;
	if (!share_faults(&parent.process))
		return 1;
	return parent_run(&parent);
}
