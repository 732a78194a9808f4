/* Where posternd's log records go: one line each to standard error, or, when that is the journal's,
 * a native journal entry with a field for every key. */
#ifndef POSTERN_DAEMON_LOGSINK_H
#define POSTERN_DAEMON_LOGSINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

#define LOGSINK_LINE_MAX 2048

struct logsink {
	int fd;          /* of lines */
	int journal;     /* -1: none */
	const char *who; /* "ike", "keys", ...; NULL: the parent */
	/* Also gets every line; may be NULL. */
	void (*copy)(void *ctx, const char *line);
	void *copy_ctx;
};

/* Before any sandbox: looks at $JOURNAL_STREAM and opens the journal's socket. */
void logsink_open(struct logsink *s);
/* The sink of a struct log whose ctx is a struct logsink. */
void logsink_write(void *ctx, const struct log_record *record);

/* "2026-11-24T14:21:14.123Z info connection=office text key=value"; wall is microseconds since
 * 1970. Returns buf. */
const char *logsink_line(const struct log_record *record, const char *who, uint64_t wall,
			 char buf[LOGSINK_LINE_MAX]);
/* A native journal entry (systemd's journal protocol): returns its length, 0 when it does not fit.
 */
size_t logsink_entry(const struct log_record *record, const char *who, char buf[LOGSINK_LINE_MAX]);

#endif
