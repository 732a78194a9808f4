/* From the configuration's text to connections as the engine wants them: identities, algorithms,
 * certificates. Runs in the ike process, and in `postern check`. */
#ifndef POSTERN_DAEMON_BUILD_H
#define POSTERN_DAEMON_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/table.h"
#include "daemon/bundle.h"
#include "daemon/config.h"
#include "daemon/errors.h"
#include "daemon/files.h"
#include "ike/connection.h"

/* What outlives one configuration: the numbers of policies, which must not change while SAs refer
 * to them, and the sets of CAs with their lists, which connections share. */
struct builder {
	struct table policies;
	struct table trusts;
	uint32_t last_policy;
};

/* secret: random octets, for the hash tables. */
enum err builder_init(struct builder *b, const uint8_t secret[16]);
/* After the last connection is gone. */
void builder_clear(struct builder *b);

struct built {
	struct ike_connection **connections; /* one reference each */
	size_t n;
};

/* keys: key_infos of the keys process. ERR_SYNTAX: errors say why; out is empty then. */
enum err build_connections(struct builder *b, const struct config *c, const struct files *f,
			   struct bytes keys, struct built *out, struct errors *errors);
void built_clear(struct built *b);

#endif
