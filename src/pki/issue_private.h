/* What the issuing files of this floor share; included by none other. */
#ifndef POSTERN_PKI_ISSUE_PRIVATE_H
#define POSTERN_PKI_ISSUE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto/openssl.h"
#include "pki/issue.h"
#include "pki/issue_key.h"

struct issue_key {
	EVP_PKEY *pkey; /* owned */
	bool kem;
	bool private; /* its private half is here */
	char name[ISSUE_KEY_NAME_MAX];
};

/* The word that makes such a key into buf; false when it is of no type that is taken. */
bool issue_key_describe(const EVP_PKEY *pkey, char *buf, size_t cap);
/* The hash that goes with a signature by this key; NULL for those that hash as they please. */
const EVP_MD *issue_key_digest(const struct issue_key *key);
/* What has been written to out, as memory of mem_new(); frees out. ERR_NO_MEMORY when out is NULL
 * or written is false. */
enum err bio_take(BIO *out, bool written, uint8_t **text, size_t *n);

/* Whether the URLs of a wish can stand in its certificate; reason gets a static sentence. */
enum err issue_urls_check(const struct issue *wish, const char **reason);
/* Puts them there; false when out of memory. */
bool issue_urls_add(X509 *x, const struct issue *wish);

#endif
