/* What is wrong with a configuration, in lines for people: at most ERRORS_MAX of them are kept. */
#ifndef POSTERN_DAEMON_ERRORS_H
#define POSTERN_DAEMON_ERRORS_H

#include <stddef.h>

#define ERRORS_MAX     20
#define ERROR_LINE_MAX 768

struct errors {
	const char *file; /* borrowed; the name that lines begin with */
	char *line[ERRORS_MAX];
	size_t n;    /* kept */
	size_t more; /* found beyond those */
};

void errors_init(struct errors *e, const char *file);
void errors_clear(struct errors *e);
/* "FILE:LINE: word "WORD": expected ..." */
void errors_expected(struct errors *e, unsigned line, const char *word, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "FILE:LINE: ..." */
void errors_add(struct errors *e, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A whole line, made elsewhere. Copies. */
void errors_add_line(struct errors *e, const char *line);

#endif
