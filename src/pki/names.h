/* Names as text, for the files of this floor alone. */
#ifndef POSTERN_PKI_NAMES_H
#define POSTERN_PKI_NAMES_H

#include <stddef.h>

#include "base/bytes.h"
#include "crypto/openssl.h"

/* Appends octets to the text in buf (cap octets, NUL-terminated): what is not printable ASCII, and
 * the backslash, becomes \xNN. What does not fit is cut, and "..." stands at the end. */
void text_append_escaped(char *buf, size_t cap, struct bytes octets);
void text_append(char *buf, size_t cap, const char *text);

/* "CN=gw, O=Example", in the order of the DER; values are escaped as RFC 2253 2.4 has it. Returns
 * buf. */
const char *name_format(const X509_NAME *name, char *buf, size_t cap);
/* DER that is one Name with at least one part, and nothing after it; NULL when it is not. The
 * caller frees it with X509_NAME_free(). */
X509_NAME *name_decode(struct bytes der);
/* "CN=gw, O=Example" or "/O=Example/CN=gw", in the order written; NULL and a sentence in reason
 * when that fails. */
X509_NAME *name_parse(const char *text, const char **reason);

#endif
