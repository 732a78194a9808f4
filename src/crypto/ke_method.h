/* How the families of key exchange methods stand behind crypto/ke.h; included by none but their
 * files. ke.c has found the method, checked every length by role and seen to it that a KEM's key is
 * used once before any of these is called. */
#ifndef POSTERN_CRYPTO_KE_METHOD_H
#define POSTERN_CRYPTO_KE_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/ke.h"
#include "crypto/openssl.h"

struct ke_private {
	const struct ke_desc *desc;
	const struct ke_ops *ops;
	bool used; /* of a KEM: the key is erased already */
	/* What the family keeps: one of these. */
	EVP_PKEY *key;     /* (EC)DH, ML-KEM */
	void *object;      /* FrodoKEM: the library's key */
	uint8_t *octets;   /* McEliece: by mem_new(), */
	size_t octets_len; /* and as many */
};

struct ke_ops {
	/* Fills the family's part of a private half; ke.c erases it when this fails. */
	enum err (*generate)(struct ke_private *private, const uint8_t seed[KE_SEED_LEN],
			     uint8_t *public_value);
	enum err (*import)(struct ke_private *private, struct bytes value);
	enum err (*respond)(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
			    struct bytes peer_value, uint8_t *answer, uint8_t *secret);
	enum err (*finish)(struct ke_private *private, struct bytes answer, uint8_t *secret);
	/* May be called twice. */
	void (*erase)(struct ke_private *private);
};

extern const struct ke_ops ke_dh_ops;
extern const struct ke_ops ke_mlkem_ops;
extern const struct ke_ops ke_frodo_ops;
extern const struct ke_ops ke_mceliece_ops;

/* Randomness without end from one seed, for libraries that draw it in pieces: SHAKE256 of the seed
 * and the method's name. */
struct ke_stream {
	const uint8_t *first; /* given out before that, as it is; borrowed */
	size_t first_len;
	EVP_MD_CTX *shake; /* owned */
	bool failed;       /* the library gave out: what was drawn since is the system's */
};

enum err ke_stream_open(struct ke_stream *s, const struct ke_desc *d,
			const uint8_t seed[KE_SEED_LEN]);
void ke_stream_fill(struct ke_stream *s, void *buf, size_t n);
/* Erases its state. */
void ke_stream_close(struct ke_stream *s);

#endif
