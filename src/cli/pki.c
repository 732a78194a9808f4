#include "cli/pki.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "pki/issue.h"

#define DAYS_MAX 36500

static const struct verb {
	const char *name;
	int least, most; /* words after it */
	int (*run)(const struct pki_options *o);
	const char *words;
	const char *help;
	const char *options; /* letters of those that it takes, see longs */
} verbs[] = {
    {"init", 1, 1, pki_init,
     "[--key KIND] [--days N] [--under FOLDER [--crl-url URL] [--ocsp-url URL]] NAME",
     "Make a CA: its key, its certificate and an empty revocation list.", "ikduCO"},
    {"issue", 1, 64, pki_issue,
     "[--key KIND] [--days N] [--public-key FILE] [--subject DN] [--out FOLDER] [--crl-url URL] "
     "[--ocsp-url URL] NAME ...",
     "Certify a gateway or a person by all these names, and lay down what it needs.", "ikdpsoCO"},
    {"show", 0, 1, pki_show, "[NAME | SERIAL | FILE]",
     "Show the CA and what it has issued, or one certificate.", "i"},
    {"revoke", 1, 1, pki_revoke, "[--reason REASON] [--days N] NAME | SERIAL",
     "Take a certificate back, and write the revocation list anew.", "ird"},
    {"crl", 0, 0, pki_crl, "[--days N]", "Write the revocation list anew, before its time is over.",
     "id"},
    {"ocsp", 1, 1, pki_ocsp, "[--days N] NAME | SERIAL",
     "Sign an OCSP response about a certificate, for its owner to bring along.", "id"},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void print_words(FILE *f, const char *title, const char *(*word)(size_t))
{
	const char *w;

	(void)fprintf(f, "  %s", title);
	for (size_t i = 0; (w = word(i)) != NULL; i++)
		(void)fprintf(f, "%s%s",
			      i == 0       ? ""
			      : i % 4 == 0 ? ",\n                   "
					   : ", ",
			      w);
	(void)fputc('\n', f);
}

static void print_usage(FILE *f)
{
	(void)fputs("usage: postern pki VERB ...\n\n", f);
	for (size_t i = 0; i < N_VERBS; i++)
		(void)fprintf(f, "  postern pki %s %s\n        %s\n", verbs[i].name, verbs[i].words,
			      verbs[i].help);
	(void)fputs("\n  --dir FOLDER     where the CA is (" PKI_FOLDER ")\n"
		    "  --json           print JSON\n",
		    f);
	print_words(f, "KIND             ", issue_key_word);
	print_words(f, "REASON           ", issue_reason_word);
}

static bool read_days(const char *text, unsigned *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v == 0 || v > DAYS_MAX)
		return false;
	*out = (unsigned)v;
	return true;
}

static int bad_option(const struct verb *v, const char *why)
{
	(void)fprintf(stderr, "postern: %s\nusage: postern pki %s %s\n", why, v->name, v->words);
	return EXIT_USAGE;
}

/* -1: go on; else the exit status. */
static int read_option(const struct verb *v, int c, struct pki_options *o)
{
	if (c != '?' && c != 'j' && strchr(v->options, c) == NULL)
		return bad_option(v, "this option is not for this verb");
	switch (c) {
	case 'i':
		o->dir = optarg;
		return -1;
	case 'j':
		o->json = true;
		return -1;
	case 'k':
		o->key = optarg;
		return -1;
	case 'o':
		o->out = optarg;
		return -1;
	case 'p':
		o->public_key = optarg;
		return -1;
	case 's':
		o->subject = optarg;
		return -1;
	case 'u':
		o->under = optarg;
		return -1;
	case 'C':
		o->crl_url = optarg;
		return -1;
	case 'O':
		o->ocsp_url = optarg;
		return -1;
	case 'r':
		o->reason = optarg;
		return -1;
	case 'd':
		return read_days(optarg, &o->days) ? -1 : bad_option(v, "--days wants 1 to 36500");
	default:
		(void)fputs("try: postern help pki\n", stderr);
		return EXIT_USAGE;
	}
}

static int read_options(const struct verb *v, int argc, char **argv, struct pki_options *o)
{
	static const struct option longs[] = {
	    {"dir", required_argument, NULL, 'i'},
	    {"json", no_argument, NULL, 'j'},
	    {"key", required_argument, NULL, 'k'},
	    {"days", required_argument, NULL, 'd'},
	    {"out", required_argument, NULL, 'o'},
	    {"public-key", required_argument, NULL, 'p'},
	    {"subject", required_argument, NULL, 's'},
	    {"under", required_argument, NULL, 'u'},
	    {"reason", required_argument, NULL, 'r'},
	    {"crl-url", required_argument, NULL, 'C'},
	    {"ocsp-url", required_argument, NULL, 'O'},
	    {NULL, 0, NULL, 0},
	};
	int c, status;

	optind = 0; /* begins anew: the command has read its own options before */
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		status = read_option(v, c, o);
		if (status >= 0)
			return status;
	}
	o->words = argv + optind;
	o->n_words = argc - optind;
	if (o->n_words >= v->least && o->n_words <= v->most)
		return -1;
	(void)fprintf(stderr, "usage: postern pki %s %s\n", v->name, v->words);
	return EXIT_USAGE;
}

int pki_main(int argc, char **argv, bool json)
{
	struct pki_options o = {.dir = PKI_FOLDER, .json = json, .now = (int64_t)time(NULL)};
	const struct verb *v = NULL;
	int status;

	if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
		print_usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : EXIT_OK;
	}
	for (size_t i = 0; i < N_VERBS && v == NULL; i++)
		if (strcmp(verbs[i].name, argv[1]) == 0)
			v = &verbs[i];
	if (v == NULL) {
		(void)fprintf(stderr, "postern: there is no verb \"%s\"; try: postern help pki\n",
			      argv[1]);
		return EXIT_USAGE;
	}
	status = read_options(v, argc - 1, argv + 1, &o);
	return status >= 0 ? status : v->run(&o);
}
