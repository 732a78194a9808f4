/* The seam for everything that adds to RFC 7296: one file per RFC or draft, one line each in the
 * table. An extension takes part at the named points below and nowhere else. */
#ifndef POSTERN_IKE_EXT_EXT_H
#define POSTERN_IKE_EXT_EXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"
#include "wire/parts.h"

struct ike;
struct ike_sa;

/* A message on its way out or in. */
enum ike_point {
	AT_INIT_REQUEST,
	AT_INIT_RESPONSE,
	AT_INTERMEDIATE_REQUEST,
	AT_INTERMEDIATE_RESPONSE,
	AT_AUTH_REQUEST,
	AT_AUTH_RESPONSE,
	AT_CHILD_REQUEST,
	AT_CHILD_RESPONSE,
	AT_INFO_REQUEST,
	AT_INFO_RESPONSE,
};

struct ike_extension {
	const char *name;     /* as the configuration and status spell it */
	const char *document; /* "RFC 7427" */
	/* Adds payloads to a message of ours; NULL: never. */
	void (*write)(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m);
	/* Sees all payloads of a message of the peer's, before their notifies are shown; NULL:
	 * does not want to. */
	void (*payloads)(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			 const struct payloads *ps);
	/* Sees a notify of the peer; true: it was ours. NULL: none is. Outside SK nothing here is
	 * authentic. */
	bool (*notify)(struct ike *ike, struct ike_sa *sa, enum ike_point at,
		       const struct notify_part *n);
};

/* In the order in which they are asked. */
extern const struct ike_extension *const ike_extensions[];
extern const size_t ike_n_extensions;

/* RFC 7427 4: what our SIGNATURE_HASH_ALGORITHMS announces, bits 1 << HASH_*. */
uint32_t ext_signature_hashes_offered(void);

void ext_write(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m);
/* Shows the payloads, and every notify among them, to the extensions. */
void ext_read(struct ike *ike, struct ike_sa *sa, enum ike_point at, const struct payloads *ps);

#endif
