/* The plain text in which `postern pki` keeps what it has issued:
 *
 *   # comment
 *   crl-number 3
 *   SERIAL STATE REVOKED-AT REASON NOT-AFTER KEY NAME
 *
 * STATE is good or revoked; a field that says nothing is "-"; times are 2026-11-24T17:22:36Z; NAME
 * goes to the end of the line. */
#ifndef POSTERN_CLI_PKI_INDEX_H
#define POSTERN_CLI_PKI_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct pki_entry {
	char *serial; /* hexadecimal; all texts are owned */
	bool revoked;
	int64_t revoked_at; /* seconds since 1970 */
	char *reason;       /* a word of issue_reason_number(); NULL when it is not revoked */
	int64_t not_after;
	char *key;  /* a word of issue_key_word() */
	char *name; /* as it was asked for */
};

struct pki_index {
	struct pki_entry *entries; /* owned; in the order of issue */
	size_t n, cap;
	uint64_t crl_number; /* of the last revocation list; 0: none yet */
};

/* ERR_SYNTAX with the number of the line, counted from 1, in *line. On failure out is empty. */
enum err pki_index_parse(struct pki_index *out, struct bytes text, size_t *line);
void pki_index_clear(struct pki_index *index);
/* The file's text; the caller frees it by mem_free(). NULL when out of memory. */
char *pki_index_text(const struct pki_index *index);

/* Copies. */
enum err pki_index_add(struct pki_index *index, const char *serial, int64_t not_after,
		       const char *key, const char *name);
/* Takes the last entry away. */
void pki_index_drop_last(struct pki_index *index);
enum err pki_index_revoke(struct pki_entry *entry, const char *reason, int64_t at);

/* The entry with this serial number, without regard to case; or the one that is neither revoked nor
 * over at `now` with this name. NULL with *matches set: how many there are. */
struct pki_entry *pki_index_find(const struct pki_index *index, const char *what, int64_t now,
				 size_t *matches);

/* "2026-11-24T17:22:36Z"; returns buf. */
#define PKI_TIME_MAX 32
const char *pki_time_text(int64_t t, char buf[PKI_TIME_MAX]);

#endif
