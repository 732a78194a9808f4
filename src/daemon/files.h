/* The files that a configuration names, read by the root parent. Names are relative to the
 * configuration file's folder. */
#ifndef POSTERN_DAEMON_FILES_H
#define POSTERN_DAEMON_FILES_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/table.h"
#include "daemon/config.h"

#define FILE_OCTETS_MAX (1U << 20)

struct file {
	struct table_node by_name;
	struct file *next;
	char *name; /* as the configuration writes it */
	bool secret;
	uint8_t *octets; /* owned; erased when secret */
	size_t n;
};

struct files {
	struct table by_name;
	struct file *first, **end;
};

enum err files_init(struct files *f);
/* Erases what is secret. */
void files_clear(struct files *f);
/* NULL when there is none; a file that is named both as secret and as public is there once. */
const struct file *files_find(const struct files *f, const char *name);
/* Takes octets. */
enum err files_add(struct files *f, const char *name, bool secret, uint8_t *octets, size_t n);

/* Reads what c names: regular files of at most FILE_OCTETS_MAX octets; a secret one must belong to
 * root or to us and be closed to group and others. ERR_SYNTAX when errors were added. */
enum err files_read(struct files *f, const char *folder, const struct config *c,
		    struct errors *errors);

/* The pre-shared key in a file's text: without one final newline (or CR LF), or the octets that
 * 0x and hexadecimal digits stand for. ERR_SYNTAX: bad digits, or nothing. The caller frees *key by
 * mem_free_secret(). */
enum err psk_parse(struct bytes text, uint8_t **key, size_t *n);

/* Reads a whole file; ERR_IO with errno, ERR_LIMIT over max, ERR_UNSUPPORTED for what is no regular
 * file. The caller frees by mem_free_secret(). mode and owner may be NULL. */
enum err file_slurp(const char *path, size_t max, uint8_t **octets, size_t *n, unsigned *mode,
		    unsigned *owner);

#endif
