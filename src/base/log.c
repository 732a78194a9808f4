#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 1000

/* C0 controls and DEL. Octets from 0x80 stay: they may be UTF-8. */
static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

bool log_wants(const struct log *log, enum log_level level)
{
	return log != NULL && log->sink != NULL && level <= log->most;
}

void log_write(const struct log *log, enum log_level level, const struct log_field *fields,
	       size_t n_fields, const char *format, ...)
{
	char text[TEXT_MAX + 1] = "";
	struct log_record record = {level, text, fields, n_fields};
	va_list args;

	if (!log_wants(log, level))
		return;
	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	for (char *c = text; *c != '\0'; c++) {
		if (is_control(*c))
			*c = '?';
	}
	log->sink(log->ctx, &record);
}

const char *log_level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERR:
		return "error";
	case LOG_WARN:
		return "warning";
	case LOG_NOTE:
		return "notice";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "unknown";
}

struct line {
	char *buf;
	size_t n;
	size_t cap;
};

static void add_char(struct line *l, char c)
{
	if (l->n + 1 < l->cap)
		l->buf[l->n++] = is_control(c) ? '?' : c;
}

static void add_text(struct line *l, const char *s)
{
	for (; *s != '\0'; s++)
		add_char(l, *s);
}

/* Quoted where a reader could take it for more than one word, so that a peer's value cannot look
 * like another field. */
static void add_value(struct line *l, const char *s)
{
	if (*s != '\0' && strpbrk(s, " \"=\\") == NULL) {
		add_text(l, s);
		return;
	}
	add_char(l, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			add_char(l, '\\');
		add_char(l, *s);
	}
	add_char(l, '"');
}

const char *log_format(const struct log_record *record, char *buf, size_t cap)
{
	struct line l = {buf, 0, cap};

	if (cap == 0)
		return buf;
	add_text(&l, record->text);
	for (size_t i = 0; i < record->n_fields; i++) {
		const struct log_field *f = &record->fields[i];

		if (f->value == NULL)
			continue;
		add_char(&l, ' ');
		add_text(&l, f->key);
		add_char(&l, '=');
		add_value(&l, f->value);
	}
	buf[l.n] = '\0';
	return buf;
}
