/* Keys of a certification authority and of those whom it certifies, also of kinds that sign
 * nothing in IKE. */
#ifndef POSTERN_PKI_ISSUE_KEY_H
#define POSTERN_PKI_ISSUE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/* "mldsa65-ecdsa-brainpoolp256r1" is the longest. */
#define ISSUE_KEY_NAME_MAX 40

struct issue_key; /* a private key, or the public half of one alone */

/* A fresh private key of the kind that algorithm names, see issue_key_words(). ERR_UNSUPPORTED for
 * other words. The caller owns *out; reason gets a static sentence when it fails. */
enum err issue_key_make(struct issue_key **out, const char *algorithm, const char **reason);
/* All words that issue_key_make() takes, in order; NULL past the last. */
const char *issue_key_word(size_t i);

/* A private key in PEM without a passphrase. */
enum err issue_key_parse(struct issue_key **out, struct bytes pem, const char **reason);
/* PEM: a public key, or a request (PKCS #10) whose own signature holds, of which only the key
 * counts. A KEM key cannot sign a request, so it comes as a public key (RFC 9935). */
enum err issue_key_parse_public(struct issue_key **out, struct bytes pem, const char **reason);
void issue_key_free(struct issue_key *key); /* key may be NULL */

/* "mldsa65", "ecdsa-p256", "rsa3072": the word that makes such a key. */
const char *issue_key_name(const struct issue_key *key);
/* It is no key of a KEM; whether its private half is here is another question. */
bool issue_key_is_for_signing(const struct issue_key *key);

/* PKCS #8 in PEM. The caller erases and frees by mem_free_secret(). */
enum err issue_key_pem(const struct issue_key *key, uint8_t **text, size_t *n);

#endif
