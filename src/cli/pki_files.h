/* Files of `postern pki`: made exclusively, or replaced in one step, never half written. What goes
 * wrong is printed to the standard error, and false comes back. */
#ifndef POSTERN_CLI_PKI_FILES_H
#define POSTERN_CLI_PKI_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"

/* A folder that is open. */
struct folder {
	const char *path; /* borrowed; for messages */
	int fd;
};

/* Prints "postern: FOLDER/NAME: why". name may be NULL. */
void folder_complain(const struct folder *f, const char *name, const char *why);

/* A new file with this mode and text; it must not exist. What could not be written whole is taken
 * away again. */
bool file_create(const struct folder *f, const char *name, mode_t mode, struct bytes text);
/* The file has this text after it, or what it had before, also when the machine stops in between:
 * written beside it, synced, renamed. */
bool file_replace(const struct folder *f, const char *name, mode_t mode, struct bytes text);
/* Whole, at most max octets; the caller frees by mem_free_secret(). With secret, a file that others
 * may read is refused. */
bool file_load(const struct folder *f, const char *name, bool secret, size_t max, uint8_t **text,
	       size_t *n);

/* A folder in the making: it has a name of its own beside its place until it is whole. */
struct new_folder {
	struct folder f;
	char path[PATH_MAX]; /* where it will be */
	char temporary[PATH_MAX];
};

/* What is at path already, other than an empty folder, stays, and is an error. */
bool new_folder_begin(struct new_folder *n, const char *path);
/* Puts it in its place, in one step and on the disk. On failure it is still to be abandoned. */
bool new_folder_finish(struct new_folder *n);
/* Takes away what was made. Harmless after new_folder_finish(). */
void new_folder_abandon(struct new_folder *n);

#endif
