/* What a certificate or a revocation list says, in words for people. */
#ifndef POSTERN_PKI_DESCRIBE_H
#define POSTERN_PKI_DESCRIBE_H

#include <stdbool.h>

#include "pki/certificate.h"

#define DESCRIBE_MAX 256

/* Hexadecimal, as the issuer wrote it: an even number of capital digits, cut with "..." when it is
 * longer than RFC 5280 4.1.2.2 allows. Returns buf, as all here do. */
const char *certificate_serial(const struct certificate *c, char buf[DESCRIBE_MAX]);
/* "mldsa65", "rsa2048" (issue_key_word()), or the library's name for what is not taken. */
const char *certificate_key_kind(const struct certificate *c, char buf[DESCRIBE_MAX]);
/* "ML-DSA-65", "ecdsa-with-SHA256". */
const char *certificate_signature_kind(const struct certificate *c, char buf[DESCRIBE_MAX]);
/* "digitalSignature, keyEncipherment", "any (no keyUsage)". */
const char *certificate_usage(const struct certificate *c, char buf[DESCRIBE_MAX]);
/* "ipsecIKE, serverAuth"; empty when there is no extendedKeyUsage. */
const char *certificate_extended_usage(const struct certificate *c, char buf[DESCRIBE_MAX]);

#endif
