#include "daemon/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void errors_init(struct errors *e, const char *file)
{
	*e = (struct errors){.file = file};
}

void errors_clear(struct errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		mem_free(e->line[i]);
	e->n = 0;
	e->more = 0;
}

void errors_add_line(struct errors *e, const char *line)
{
	char *copy = e->n < ERRORS_MAX ? mem_text(line) : NULL;

	if (copy == NULL) {
		e->more++;
		return;
	}
	/* A name in a file may hold anything; one error stays one line. */
	for (char *p = copy; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	e->line[e->n++] = copy;
}

/* head lies at the start of line. */
static void add_rest(struct errors *e, char line[ERROR_LINE_MAX], const char *format, va_list ap)
{
	size_t at = strlen(line);

	(void)vsnprintf(line + at, ERROR_LINE_MAX - at, format, ap);
	errors_add_line(e, line);
}

void errors_expected(struct errors *e, unsigned line, const char *word, const char *format, ...)
{
	char text[ERROR_LINE_MAX];
	va_list ap;

	(void)snprintf(text, sizeof(text), "%.100s:%u: word \"%.100s\": expected ", e->file, line,
		       word);
	va_start(ap, format);
	add_rest(e, text, format, ap);
	va_end(ap);
}

void errors_add(struct errors *e, unsigned line, const char *format, ...)
{
	char text[ERROR_LINE_MAX];
	va_list ap;

	(void)snprintf(text, sizeof(text), "%.200s:%u: ", e->file, line);
	va_start(ap, format);
	add_rest(e, text, format, ap);
	va_end(ap);
}
