/* IKE identities (RFC 7296 3.5, RFC 4945 3.1): who a peer says it is. */
#ifndef POSTERN_PKI_IDENTITY_H
#define POSTERN_PKI_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#define IDENTITY_MAX      1024 /* octets of data that we take */
#define IDENTITY_TEXT_MAX 512

/* type is an ID_* number; data is owned, n octets. All zero: no identity. */
struct identity {
	uint8_t type;
	uint16_t n;
	uint8_t *data;
};

/* From configuration text: "gw-a.example" (ID_FQDN), "joe@example.org" (ID_RFC822_ADDR), an IPv4 or
 * IPv6 address, "CN=gw, O=Example" (ID_DER_ASN1_DN), "keyid:text" or "keyid:0x0102" (ID_KEY_ID);
 * the prefixes "fqdn:", "email:", "ip:", "dn:" say the type outright. ERR_SYNTAX sets *reason to a
 * static sentence. */
enum err identity_parse(struct identity *id, const char *text, const char **reason);
/* From an ID payload: the type and data as received; ERR_SYNTAX for a length that the type cannot
 * have, ERR_UNSUPPORTED for a type that we do not take. Copies the data. */
enum err identity_from(struct identity *id, uint8_t type, struct bytes data);
enum err identity_copy(struct identity *to, const struct identity *from);
void identity_clear(struct identity *id);
struct bytes identity_data(const struct identity *id);
/* RFC 4945 3.1: names without regard to case, everything else octet by octet. */
bool identity_equal(const struct identity *a, const struct identity *b);
/* For people: control characters and non-ASCII are escaped. Returns buf. */
const char *identity_format(const struct identity *id, char buf[IDENTITY_TEXT_MAX]);

#endif
