/* IKE identities (RFC 7296 3.5): what an ID payload carries, what a person writes for it, and when
 * two are the same. An identity is one block of memory and never changes: whoever holds it owns its
 * own copy. */
#ifndef POSTERN_PKI_IDENTITY_H
#define POSTERN_PKI_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/* Longer identification data is refused: an unauthenticated peer chooses it. */
#define IDENTITY_MAX 1024
/* Text of one identity for logs, cut with "..." when it does not fit. */
#define IDENTITY_TEXT_MAX 512

struct identity {
	uint8_t type; /* ID_* of base/ikev2_numbers.h */
	uint16_t n;
	uint8_t data[]; /* Identification Data; no NUL at its end */
};

/* From the configuration:
 *   "gw-a.example"  FQDN        "user@x.example"     RFC822_ADDR
 *   "192.0.2.1"     IPV4_ADDR   "2001:db8::1"        IPV6_ADDR
 *   "CN=gw, O=Example, C=NZ"    DER_ASN1_DN, in the order of the certificate; also "/C=NZ/CN=gw"
 *   "keyid:text", "0x0a0b"      KEY_ID
 * or forced by a prefix: "fqdn:", "email:", "ip:", "dn:", "keyid:" (whose value may be 0x...).
 * "dn:0x30..." takes the DER itself. Trailing and leading blanks do not count. The caller owns *out
 * and frees it with identity_free(); reason gets a static sentence when it fails. */
enum err identity_parse(struct identity **out, const char *text, const char **reason);

/* From a payload: ERR_UNSUPPORTED for a type that we do not take (ID_DER_ASN1_GN, RFC 4945 3.1.5),
 * ERR_SYNTAX for data that the type does not allow (a wrong length, a control character or a NUL in
 * a name, octets that are no DER Name), ERR_RANGE when it is longer than IDENTITY_MAX. */
enum err identity_from_wire(struct identity **out, uint8_t type, struct bytes data,
			    const char **reason);

/* Unchecked, from values that are known to be good; NULL when out of memory or too long. */
struct identity *identity_new(uint8_t type, struct bytes data);
struct identity *identity_copy(const struct identity *id);
void identity_free(struct identity *id); /* id may be NULL */
struct bytes identity_bytes(const struct identity *id);

/* Same type and same value: names of hosts and the host part of a mailbox without regard to case
 * (RFC 4945 3.1.2 and 3.1.3), distinguished names by the rules of RFC 5280 7.1 (what a person
 * writes cannot say which ASN.1 string type the certificate has), all else octet by octet. That an
 * ID payload fits its certificate is another, stricter question: certificate_matches(). */
bool identity_equal(const struct identity *a, const struct identity *b);

/* For logs, status and errors: "gw-a.example", "CN=gw, O=Example", "keyid:0x0a0b" (printable ones
 * as text). Octets that could forge a line are written \xNN. id may be NULL: "(none)". Always
 * NUL-terminated; returns buf. */
const char *identity_format(const struct identity *id, char buf[IDENTITY_TEXT_MAX]);
/* "fqdn", "email", ... */
const char *identity_type_name(uint8_t type);

#endif
