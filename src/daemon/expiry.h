/* When what a connection rests on is over: our certificates, the CAs, the revocation lists. */
#ifndef POSTERN_DAEMON_EXPIRY_H
#define POSTERN_DAEMON_EXPIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "ike/connection.h"

enum expiry_kind { EXPIRY_OWN, EXPIRY_CA, EXPIRY_CRL, EXPIRY_KINDS };

struct expiry {
	enum expiry_kind kind;
	int64_t at; /* seconds since 1970 */
	char name[IDENTITY_TEXT_MAX];
};

/* The first of each kind to end; gives how many there are, none but for auth = cert. */
size_t expiry_find(const struct ike_connection *c, struct expiry out[EXPIRY_KINDS]);
/* It is over within 30 days, or for a list within 2, or over already. */
bool expiry_is_soon(const struct expiry *e, int64_t now);
/* "our certificate", "the CA", "the revocation list of" */
const char *expiry_word(enum expiry_kind kind);
/* A warning in the log for each that is over soon; CAs that connections share once. */
void expiry_warn(const struct log *log, struct ike_connection *const *connections, size_t n,
		 int64_t now);

#endif
