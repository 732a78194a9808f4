/* Algorithms as people write them: in the configuration, in status and in logs. One word is one
 * transform: "aes256gcm", "aes128gcm12", "aes256ccm", "aes256cbc" (also "aes256"), "aes256ctr",
 * "chacha20poly1305", "null"; "prfsha256"; "sha256"; "x25519" (also "curve25519"), "modp3072". */
#ifndef POSTERN_CRYPTO_WORDS_H
#define POSTERN_CRYPTO_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define ALGORITHM_WORD_MAX 32

struct algorithm_word {
	uint8_t type;      /* TRANSFORM_ENCR, _PRF, _INTEG or _KE */
	uint16_t id;       /* ENCR_*, PRF_*, INTEG_* or KE_* */
	uint16_t key_bits; /* of the Key Length attribute; 0 when the transform has none */
};

/* ERR_NOT_FOUND when it is no word of ours: *out is untouched then. */
enum err algorithm_word_parse(const char *word, struct algorithm_word *out);

/* The canonical word, which algorithm_word_parse() takes back; for one that we do not know, a
 * label such as "encr-99" or "encr-99/128". The types of the additional key exchanges (RFC 9370)
 * are spelt as KE. Returns buf. */
const char *algorithm_word_format(const struct algorithm_word *w, char buf[ALGORITHM_WORD_MAX]);

/* Marked weak in its descriptor: to be used only where the configuration spells it out. */
bool algorithm_word_is_weak(const struct algorithm_word *w);

#endif
