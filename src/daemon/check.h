/* A whole configuration, checked in one process as posternd's processes would do it together. */
#ifndef POSTERN_DAEMON_CHECK_H
#define POSTERN_DAEMON_CHECK_H

#include <stddef.h>

#include "base/error.h"
#include "daemon/config.h"
#include "daemon/errors.h"

/* Reads and parses the file alone. errors->file must be path. */
enum err check_read(const char *path, struct config *c, struct errors *errors);
/* The folder of path: "." when it has none. Returns buf. */
const char *check_folder(const char *path, char *buf, size_t cap);
/* Everything: also files, keys, certificates and algorithms. *connections is how many there are. */
enum err check_file(const char *path, struct errors *errors, size_t *connections);

#endif
