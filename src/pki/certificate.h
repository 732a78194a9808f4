/* X.509 certificates: parsed by OpenSSL, seen by the rest of Postern through this window. A
 * certificate is immutable and may be read from several threads. */
#ifndef POSTERN_PKI_CERTIFICATE_H
#define POSTERN_PKI_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"
#include "pki/identity.h"

/* Limits that hold before any cryptography. */
#define CERTIFICATE_MAX       (1 << 20) /* octets of one certificate */
#define CERTIFICATES_MAX      8         /* in one message, or in one file of ours */
#define CERTIFICATE_NAMES_MAX 64        /* subjectAltNames that we look at */

#define CERTIFICATE_SPKI_HASH_LEN   20
#define CERTIFICATE_FINGERPRINT_LEN 32

struct certificate;

/* From DER, all of it. The caller owns *out; reason gets a static sentence when it fails. */
enum err certificate_parse(struct certificate **out, struct bytes der, const char **reason);

/* From a file: one certificate in DER or up to max in PEM, in their order; other PEM objects are
 * passed over. ERR_LIMIT when there are more than max, ERR_SYNTAX when there is none. On failure
 * nothing is kept. */
enum err certificates_parse(struct certificate **out, size_t max, size_t *n, struct bytes text,
			    const char **reason);

void certificate_free(struct certificate *c); /* c may be NULL */
struct certificate *certificate_copy(const struct certificate *c);

struct bytes certificate_der(const struct certificate *c);
/* Text such as "CN=gw-a.example, O=Example", escaped for logs, at most IDENTITY_TEXT_MAX. */
const char *certificate_subject(const struct certificate *c);
const char *certificate_issuer(const struct certificate *c);
/* DER of the Subject: the data of an ID of type DER_ASN1_DN. */
struct bytes certificate_subject_der(const struct certificate *c);
/* NULL when the key is of a type that we cannot use. */
const struct public_key *certificate_key(const struct certificate *c);
/* SHA-1 of the whole SubjectPublicKeyInfo (RFC 7296 3.7), CERTIFICATE_SPKI_HASH_LEN octets. */
const uint8_t *certificate_spki_hash(const struct certificate *c);
/* SHA-256 of the DER, CERTIFICATE_FINGERPRINT_LEN octets. */
const uint8_t *certificate_fingerprint(const struct certificate *c);
/* Seconds since 1970, UTC. */
int64_t certificate_not_before(const struct certificate *c);
int64_t certificate_not_after(const struct certificate *c);
/* basicConstraints says CA:TRUE, or it is a self-signed one of version 1. */
bool certificate_is_ca(const struct certificate *c);
bool certificate_issued(const struct certificate *issuer, const struct certificate *subject);

/* The subjectAltNames that an ID payload can name, i counting from 0: *type is ID_FQDN,
 * ID_RFC822_ADDR, ID_IPV4_ADDR or ID_IPV6_ADDR. False when i is past the last. */
bool certificate_name(const struct certificate *c, size_t i, uint8_t *type, struct bytes *value);

/* RFC 4945 3.1: an exact match of ID and certificate: a SAN of the ID's kind (DNS names without
 * regard to case, no wildcard, no look at the CN), or the whole Subject octet by octet. KEY_ID and
 * ID_NULL never match. When false, reason (of cap octets) gets "name does not match: ID is X,
 * certificate has Y". */
bool certificate_matches(const struct certificate *c, const struct identity *id, char *reason,
			 size_t cap);

#endif
