/* Prepares configuration text for libconfuse 3.3, which counts lines wrongly after comments, takes
 * a missing closing brace for a finished file, puts environment variables into values, and knows
 * sections of one title only. Not a parser: it looks for comments, quotes and braces. */
#ifndef POSTERN_DAEMON_TIDY_H
#define POSTERN_DAEMON_TIDY_H

#include "base/bytes.h"
#include "base/error.h"
#include "daemon/errors.h"

#define TIDY_TITLE_MARK '\x1f' /* between two titles that became one */

/* Blanks comments out and joins the two titles of a secret, in place; text has n octets and is
 * changed in none of its newlines. Braces that do not match, an open quote or comment, control
 * characters and "$" followed by "{" are errors (ERR_SYNTAX). */
enum err tidy_text(char *text, size_t n, struct errors *errors);

#endif
