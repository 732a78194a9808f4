/* The folder of a CA that `postern pki` keeps: ca.pem (its certificate, and after it those above),
 * ca.key, index, crl.pem, and certs/SERIAL.pem of each certificate that it has issued. What goes
 * wrong is printed to the standard error, and false comes back. */
#ifndef POSTERN_CLI_PKI_AUTHORITY_H
#define POSTERN_CLI_PKI_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/pki_files.h"
#include "cli/pki_index.h"
#include "pki/certificate.h"
#include "pki/issue_key.h"

#define PKI_CA_FILE    "ca.pem"
#define PKI_KEY_FILE   "ca.key"
#define PKI_INDEX_FILE "index"
#define PKI_CRL_FILE   "crl.pem"
#define PKI_CERTS      "certs"

struct authority {
	struct folder f;                             /* locked while it is open */
	struct certificate *chain[CERTIFICATES_MAX]; /* owned; its own first, the root last */
	size_t n_chain;
	struct issue_key *key; /* owned; NULL when it was opened to look */
	struct pki_index index;
};

/* To sign, the key is read too, must belong to the certificate, and the certificate must not be
 * over at `now`. Waits while another command has the folder. dir is borrowed. */
bool authority_open(struct authority *a, const char *dir, bool sign, int64_t now);
void authority_close(struct authority *a);

/* Writes certs/SERIAL.pem and the index. After authority_unrecord() neither knows of it. */
bool authority_record(struct authority *a, const struct certificate *c, const char *key,
		      const char *name);
void authority_unrecord(struct authority *a, const struct certificate *c);
bool authority_save_index(const struct authority *a);

/* The next revocation list, good until until. */
bool authority_write_crl(struct authority *a, int64_t now, int64_t until);

/* The certificates of chain[first..end) in PEM, after one another; the caller frees by mem_free().
 * With leaf, it stands before them. NULL when out of memory. */
char *authority_pem(const struct authority *a, const struct certificate *leaf, size_t first,
		    size_t end);

#endif
