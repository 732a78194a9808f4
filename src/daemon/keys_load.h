/* Secrets from a bundle into a keystore, in the keys process (and in `postern check`). */
#ifndef POSTERN_DAEMON_KEYS_LOAD_H
#define POSTERN_DAEMON_KEYS_LOAD_H

#include "base/bytes.h"
#include "base/error.h"
#include "daemon/config.h"
#include "daemon/errors.h"
#include "daemon/files.h"
#include "pki/keystore.h"

/* c and f: the sections `secret` and `ppk`, and all secret files; those that none of these names
 * are private keys. Writes a key_info of each key to infos. ERR_SYNTAX: errors say why; *out is
 * NULL then. */
enum err keys_load(const struct config *c, const struct files *f, struct keystore **out,
		   struct writer *infos, struct errors *errors);

#endif
