/* postern: what a person types. See postern(1). */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/pki.h"
#include "cli/show.h"
#include "daemon/check.h"
#include "daemon/parent.h"
#include "daemon/version.h"

struct arguments {
	const char *run_dir;
	bool json;
	bool no_wait;
	unsigned timeout; /* seconds; 0: none */
	char **words;     /* after the command */
	int n_words;
};

struct command {
	const char *name;
	int least, most; /* words after it */
	int (*run)(const struct arguments *a, const char *name);
	const char *words;
	const char *help;
};

static int run_simple(const struct arguments *a, const char *name);
static int run_log(const struct arguments *a, const char *name);
static int run_check(const struct arguments *a, const char *name);
static int run_version(const struct arguments *a, const char *name);
static int run_fault(const struct arguments *a, const char *name);
static int run_pki(const struct arguments *a, const char *name);
static int run_help(const struct arguments *a, const char *name);

static const struct command commands[] = {
    {"up", 1, 2, run_simple, "CONNECTION [CHILD]",
     "Bring a connection up, or one child of it, and wait until it is up or has failed."},
    {"down", 1, 2, run_simple, "CONNECTION [CHILD]", "Take it down."},
    {"status", 0, 1, run_simple, "[CONNECTION]",
     "Show every connection: its state and why, peer, algorithms, traffic."},
    {"rekey", 1, 2, run_simple, "CONNECTION [CHILD]",
     "Make new keys for the IKE SA, or for one Child SA, now."},
    {"reauth", 1, 1, run_simple, "CONNECTION", "Let both sides prove again who they are."},
    {"reload", 0, 0, run_simple, "",
     "Read the configuration anew; if it is wrong, nothing changes."},
    {"check", 0, 1, run_check, "[FILE]",
     "Check a configuration and the files it names, without posternd."},
    {"log", 0, 0, run_log, "", "Follow the log."},
    {"stats", 0, 0, run_simple, "", "Show counters of the whole daemon."},
    {"version", 0, 0, run_version, "", "Show the version of postern and of posternd."},
    {"pki", 0, 100, run_pki, "init | issue | show | revoke | crl ...",
     "Be a small CA: make keys and certificates, and take them back."},
    {"fault", 1, 4, run_fault, "list | set NAME [ARG [COUNT]] | clear",
     "Switch faults on and off in a posternd that was built for tests."},
    {"help", 0, 1, run_help, "[COMMAND]", "Say more."},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *f)
{
	(void)fputs("usage: postern [--run-dir DIR] [--json] COMMAND ...\n\n", f);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];
		(void)fprintf(f, "  postern %s%s%s\n        %s\n", c->name,
			      c->words[0] != '\0' ? " " : "", c->words, c->help);
	}
	(void)fputs("\n"
		    "  --json           print what posternd answers, as JSON\n"
		    "  --run-dir DIR    where posternd's control socket is (" RUN_DIR_DEFAULT ")\n"
		    "  --no-wait        up, down, rekey, reauth: do not wait for the outcome\n"
		    "  --timeout SECS   wait no longer than that\n"
		    "\n"
		    "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 posternd does not\n"
		    "answer, 4 timeout.\n",
		    f);
}

static json_t *make_request(const struct arguments *a, const char *verb)
{
	json_t *o = json_pack("{s:s}", "verb", verb);

	if (o == NULL)
		return NULL;
	if (a->n_words > 0)
		(void)json_object_set_new(o, "connection", json_string(a->words[0]));
	if (a->n_words > 1)
		(void)json_object_set_new(o, "child", json_string(a->words[1]));
	if (a->no_wait)
		(void)json_object_set_new(o, "wait", json_false());
	return o;
}

static void print_json(const json_t *o)
{
	(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
}

static void print_refusal(json_t *answer)
{
	size_t i;
	json_t *line;
	const char *reason = json_string_value(json_object_get(answer, "reason"));

	json_array_foreach(json_object_get(answer, "errors"), i, line)
	{
		show_text(stderr, json_string_value(line));
		(void)fputc('\n', stderr);
	}
	(void)fputs("postern: ", stderr);
	show_text(stderr, reason != NULL ? reason : "it failed");
	(void)fputc('\n', stderr);
}

/* Shows what comes until the last line, which is given back; NULL with *status set. */
static json_t *converse(struct client *c, const json_t *request, bool json, int *status)
{
	*status = EXIT_UNREACHABLE;
	if (request == NULL || !client_ask(c, request))
		return NULL;
	for (;;) {
		json_t *o = client_next(c, status);
		if (o == NULL || json_object_get(o, "ok") != NULL)
			return o;
		if (json)
			print_json(o);
		else if (json_object_get(o, "progress") != NULL)
			show_progress(stdout, o);
		(void)fflush(stdout);
		json_decref(o);
	}
}

static void show_answer(const char *name, json_t *o)
{
	bool colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;

	if (strcmp(name, "status") == 0)
		show_status(stdout, o, colour);
	else if (strcmp(name, "stats") == 0)
		show_stats(stdout, o);
	else if (strcmp(name, "fault") == 0)
		show_faults(stdout, o);
	else if (strcmp(name, "reload") == 0)
		(void)puts("the configuration is in use");
}

static int ask(const struct arguments *a, const char *name, json_t *request)
{
	struct client c;
	int status = EXIT_UNREACHABLE;

	if (!client_open(&c, a->run_dir, a->timeout)) {
		json_decref(request);
		return status;
	}
	json_t *o = converse(&c, request, a->json, &status);
	if (o != NULL) {
		bool ok = json_is_true(json_object_get(o, "ok"));
		status = ok ? EXIT_OK : EXIT_REFUSED;
		if (a->json)
			print_json(o);
		else if (ok)
			show_answer(name, o);
		else
			print_refusal(o);
		json_decref(o);
	}
	json_decref(request);
	client_close(&c);
	return status;
}

static int run_simple(const struct arguments *a, const char *name)
{
	return ask(a, name, make_request(a, name));
}

static int run_log(const struct arguments *a, const char *name)
{
	struct client c;
	int status = EXIT_UNREACHABLE;
	json_t *request = make_request(a, name);

	if (!client_open(&c, a->run_dir, a->timeout)) {
		json_decref(request);
		return status;
	}
	if (request != NULL && client_ask(&c, request)) {
		json_t *o;
		while ((o = client_next(&c, &status)) != NULL) {
			const char *line = json_string_value(json_object_get(o, "log"));
			if (a->json)
				print_json(o);
			else if (line != NULL)
				(void)printf("%s\n", line);
			(void)fflush(stdout);
			json_decref(o);
		}
	}
	json_decref(request);
	client_close(&c);
	return status;
}

static int run_check(const struct arguments *a, const char *name)
{
	const char *path = a->n_words > 0 ? a->words[0] : CONFIG_DEFAULT;
	size_t n = 0;
	struct errors errors;

	(void)name;
	errors_init(&errors, path);
	enum err e = check_file(path, &errors, &n);
	if (a->json) {
		json_t *lines = json_array();
		for (size_t i = 0; i < errors.n; i++)
			(void)json_array_append_new(lines, json_string(errors.line[i]));
		json_t *o = json_pack("{s:b, s:I, s:o}", "ok", e == ERR_NONE, "connections",
				      (json_int_t)n, "errors", lines);
		print_json(o);
		json_decref(o);
	} else {
		for (size_t i = 0; i < errors.n; i++)
			(void)fprintf(stderr, "%s\n", errors.line[i]);
		if (errors.more > 0)
			(void)fprintf(stderr, "and %zu more errors\n", errors.more);
		if (e == ERR_NONE)
			(void)printf("%s: good, with %zu connection%s\n", path, n,
				     n == 1 ? "" : "s");
	}
	errors_clear(&errors);
	return e == ERR_NONE ? EXIT_OK : EXIT_REFUSED;
}

static int run_version(const struct arguments *a, const char *name)
{
	struct client c;
	int status = EXIT_OK;
	json_t *request = make_request(a, name);
	json_t *o = NULL;

	/* The command's own version is an answer, too, when no daemon runs. */
	if (client_open(&c, a->run_dir, a->timeout)) {
		o = converse(&c, request, a->json, &status);
		client_close(&c);
		if (o != NULL)
			status = EXIT_OK;
	}
	const char *theirs = json_string_value(json_object_get(o, "version"));
	if (a->json) {
		json_t *both =
		    json_pack("{s:s, s:s?}", "postern", POSTERN_VERSION, "posternd", theirs);
		print_json(both);
		json_decref(both);
	} else {
		(void)printf("postern %s\n", POSTERN_VERSION);
		if (theirs != NULL)
			(void)printf("posternd %s%s\n", theirs,
				     json_is_true(json_object_get(o, "faults"))
					 ? ", built with faults for tests"
					 : "");
	}
	json_decref(o);
	json_decref(request);
	return status;
}

static int run_fault(const struct arguments *a, const char *name)
{
	char text[256];
	json_t *request = json_pack("{s:s}", "verb", "fault");
	const char *what = a->words[0];
	int n = 0;

	if (strcmp(what, "set") == 0 && a->n_words >= 2)
		n = snprintf(text, sizeof(text), "%s%s%s%s%s", a->words[1],
			     a->n_words > 2 ? "=" : "", a->n_words > 2 ? a->words[2] : "",
			     a->n_words > 3 ? "*" : "", a->n_words > 3 ? a->words[3] : "");
	else if (strcmp(what, "clear") == 0 && a->n_words == 1)
		n = snprintf(text, sizeof(text), "off");
	else if (strcmp(what, "list") != 0 || a->n_words != 1)
		n = -1;
	if (n < 0 || (size_t)n >= sizeof(text) || request == NULL) {
		(void)fprintf(stderr,
			      "usage: postern fault list | set NAME [ARG [COUNT]] | clear\n");
		json_decref(request);
		return EXIT_USAGE;
	}
	if (n > 0)
		(void)json_object_set_new(request, "set", json_string(text));
	/* The list of all names is an answer to `list` alone. */
	return ask(a, n > 0 ? "fault set" : name, request);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int wrong_words(const struct command *c)
{
	(void)fprintf(stderr, "usage: postern %s %s\n", c->name, c->words);
	return EXIT_USAGE;
}

/* Its verbs have options of their own, hence main() goes there before it reads all of them. */
static int run_pki(const struct arguments *a, const char *name)
{
	(void)name;
	return pki_main(a->n_words + 1, a->words - 1, a->json);
}

static int run_help(const struct arguments *a, const char *name)
{
	char help[] = "help";
	char *pki_help[] = {NULL, help, NULL};

	(void)name;
	if (a->n_words == 1 && strcmp(a->words[0], "pki") == 0)
		return pki_main(2, pki_help, a->json);
	if (a->n_words == 0) {
		print_usage(stdout);
		return EXIT_OK;
	}
	const struct command *c = find_command(a->words[0]);
	if (c == NULL) {
		(void)fprintf(stderr, "postern: there is no command \"%s\"\n", a->words[0]);
		return EXIT_USAGE;
	}
	(void)printf("usage: postern %s %s\n\n%s\n", c->name, c->words, c->help);
	return EXIT_OK;
}

static bool read_seconds(const char *text, unsigned *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v == 0 || v > 1000000)
		return false;
	*out = (unsigned)v;
	return true;
}

/* -1: go on; else the exit status. With first, stops at the first word that is no option. */
static int read_options(int argc, char **argv, bool first, struct arguments *a)
{
	enum { OPT_RUN_DIR = 256, OPT_JSON, OPT_NO_WAIT, OPT_TIMEOUT };
	static const struct option longs[] = {
	    {"run-dir", required_argument, NULL, OPT_RUN_DIR},
	    {"json", no_argument, NULL, OPT_JSON},
	    {"no-wait", no_argument, NULL, OPT_NO_WAIT},
	    {"timeout", required_argument, NULL, OPT_TIMEOUT},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, first ? "+hV" : "hV", longs, NULL)) != -1) {
		switch (c) {
		case OPT_RUN_DIR:
			a->run_dir = optarg;
			break;
		case OPT_JSON:
			a->json = true;
			break;
		case OPT_NO_WAIT:
			a->no_wait = true;
			break;
		case OPT_TIMEOUT:
			if (!read_seconds(optarg, &a->timeout)) {
				(void)fprintf(stderr, "postern: --timeout wants seconds\n");
				return EXIT_USAGE;
			}
			break;
		case 'h':
			print_usage(stdout);
			return EXIT_OK;
		case 'V':
			(void)printf("postern %s\n", POSTERN_VERSION);
			return EXIT_OK;
		default:
			(void)fputs("try: postern help\n", stderr);
			return EXIT_USAGE;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct arguments a = {.run_dir = RUN_DIR_DEFAULT};
	int status = read_options(argc, argv, true, &a);

	if (status < 0 && (optind == argc || strcmp(argv[optind], "pki") != 0)) {
		optind = 0; /* once more from the start, with the options after the command */
		status = read_options(argc, argv, false, &a);
	}
	if (status >= 0)
		return status;
	if (optind == argc) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	const struct command *c = find_command(argv[optind]);
	if (c == NULL) {
		(void)fprintf(stderr, "postern: there is no command \"%s\"; try: postern help\n",
			      argv[optind]);
		return EXIT_USAGE;
	}
	a.words = argv + optind + 1;
	a.n_words = argc - optind - 1;
	if (a.n_words < c->least || a.n_words > c->most)
		return wrong_words(c);
	return c->run(&a, c->name);
}
