/* How the parsers of this floor say what is wrong. Every parser takes `const char **reason`: on an
 * error it points to constant text that names the payload, the structure and the rule that broke;
 * on success it is left alone. NULL is allowed where nobody listens. */
#ifndef POSTERN_WIRE_REASON_H
#define POSTERN_WIRE_REASON_H

#include <stddef.h>

#include "base/error.h"

/* Sets *reason and returns e, so that a parser ends in one line. */
static inline enum err wire_fail(enum err e, const char **reason, const char *text)
{
	if (reason != NULL)
		*reason = text;
	return e;
}

static inline enum err wire_syntax(const char **reason, const char *text)
{
	return wire_fail(ERR_SYNTAX, reason, text);
}

#endif
