/* Structured log records: a level, a sentence, and key=value fields. Nothing here writes anywhere;
 * the owner of a `struct log` gives a sink. Key material never goes into a record. */
#ifndef POSTERN_BASE_LOG_H
#define POSTERN_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_NOTE, LOG_INFO, LOG_DEBUG };

/* Value is copied by no one: it must live until log_write() returns. An entry whose value is NULL
 * is left out. */
struct log_field {
	const char *key;
	const char *value;
};

struct log_record {
	enum log_level level;
	const char *text; /* one sentence, no newline */
	const struct log_field *fields;
	size_t n_fields;
};

struct log {
	void (*sink)(void *ctx, const struct log_record *record);
	void *ctx;
	enum log_level most; /* records above this level are not made */
};

/* fields may be NULL when n_fields is 0. log may be NULL: nothing is logged then. Text over 1,000
 * octets is cut; control characters are replaced by '?' so that a peer cannot forge lines. */
void log_write(const struct log *log, enum log_level level, const struct log_field *fields,
	       size_t n_fields, const char *format, ...) __attribute__((format(printf, 5, 6)));
bool log_wants(const struct log *log, enum log_level level);
const char *log_level_name(enum log_level level);

/* "text key=value key=\"value with spaces\"", cut to cap, always NUL-terminated; returns buf. */
const char *log_format(const struct log_record *record, char *buf, size_t cap);

#endif
