/* `postern pki`: a small certification authority for a team. See postern(1). */
#ifndef POSTERN_CLI_PKI_H
#define POSTERN_CLI_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/pki_authority.h"

/* Without --dir. */
#define PKI_FOLDER "pki"

/* What stands on the command line after the verb. Borrows. */
struct pki_options {
	const char *dir;
	const char *key;        /* a word of issue_key_word(); NULL: what fits */
	const char *out;        /* where a new certificate is laid down; NULL: in the CA's folder */
	const char *public_key; /* a file; NULL: a key is made */
	const char *subject;    /* NULL: from the first name */
	const char *under;      /* folder of the CA that is to be above; NULL: none */
	const char *reason;
	const char *crl_url;  /* for the certificate to name; NULL: none */
	const char *ocsp_url; /* likewise */
	unsigned days;        /* 0: what is usual */
	bool json;
	char **words;
	int n_words;
	int64_t now;
};

/* The verbs; each gives the exit status. */
int pki_init(const struct pki_options *o);
int pki_issue(const struct pki_options *o);
int pki_show(const struct pki_options *o);
int pki_revoke(const struct pki_options *o);
int pki_crl(const struct pki_options *o);
int pki_ocsp(const struct pki_options *o);

/* A name for files that no shell and no path takes for anything else. */
#define PKI_FILE_NAME_MAX 96
void pki_file_name(const char *name, char out[PKI_FILE_NAME_MAX]);

/* argv[0] is "pki". */
int pki_main(int argc, char **argv, bool json);

#define PKI_DAY 86400

#endif
