/* Long-term keys, signing and verifying as IKEv2 AUTH payloads want it (RFC 7296 2.15, RFC 7427,
 * RFC 8420, RFC 4754, draft-ietf-ipsecme-ikev2-pqc-auth, draft-ietf-lamps-pq-composite-sigs). */
#ifndef POSTERN_CRYPTO_KEY_H
#define POSTERN_CRYPTO_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"

enum key_type {
	KEY_NONE,
	KEY_RSA,
	KEY_ECDSA_P256,
	KEY_ECDSA_P384,
	KEY_ECDSA_P521,
	KEY_ED25519,
	KEY_ED448,
	/* FIPS 204; keys as RFC 9881 has them */
	KEY_ML_DSA_44,
	KEY_ML_DSA_65,
	KEY_ML_DSA_87,
	/* FIPS 205; keys as RFC 9909 has them */
	KEY_SLH_DSA_SHA2_128S,
	KEY_SLH_DSA_SHA2_128F,
	KEY_SLH_DSA_SHA2_192S,
	KEY_SLH_DSA_SHA2_192F,
	KEY_SLH_DSA_SHA2_256S,
	KEY_SLH_DSA_SHA2_256F,
	KEY_SLH_DSA_SHAKE_128S,
	KEY_SLH_DSA_SHAKE_128F,
	KEY_SLH_DSA_SHAKE_192S,
	KEY_SLH_DSA_SHAKE_192F,
	KEY_SLH_DSA_SHAKE_256S,
	KEY_SLH_DSA_SHAKE_256F,
	/* Composites of ML-DSA with another: keys and signatures as
	 * draft-ietf-lamps-pq-composite-sigs has them */
	KEY_MLDSA44_RSA2048_PSS,
	KEY_MLDSA44_RSA2048_PKCS15,
	KEY_MLDSA44_ED25519,
	KEY_MLDSA44_ECDSA_P256,
	KEY_MLDSA65_RSA3072_PSS,
	KEY_MLDSA65_RSA3072_PKCS15,
	KEY_MLDSA65_RSA4096_PSS,
	KEY_MLDSA65_RSA4096_PKCS15,
	KEY_MLDSA65_ECDSA_P256,
	KEY_MLDSA65_ECDSA_P384,
	KEY_MLDSA65_ECDSA_BRAINPOOLP256R1,
	KEY_MLDSA65_ED25519,
	KEY_MLDSA87_ECDSA_P384,
	KEY_MLDSA87_ECDSA_BRAINPOOLP384R1,
	KEY_MLDSA87_ED448,
	KEY_MLDSA87_RSA3072_PSS,
	KEY_MLDSA87_RSA4096_PSS,
	KEY_MLDSA87_ECDSA_P521,
	/* FIPS 203; keys as RFC 9935 has them. They encapsulate and sign nothing: crypto/kem.h */
	KEY_ML_KEM_512,
	KEY_ML_KEM_768,
	KEY_ML_KEM_1024,
	KEY_TYPES, /* how many there are */
	KEY_KEM_FIRST = KEY_ML_KEM_512,
	KEY_KEM_LAST = KEY_ML_KEM_1024,
};

/* RSA: less is refused for our own keys, and in chains (RFC 8247 3.1.1); more would let a peer
 * choose how long a check takes. */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 16384

/* No key is longer as text than this; longer text is refused unread. */
#define KEY_TEXT_MAX 65536

struct private_key;
struct public_key;

/* Types of keys by a word of the configuration, as bits 1 << type: "mldsa65", "ecdsa-p256" and so
 * on for one, "rsa", "ecdsa", "mldsa", "slhdsa", "mlkem" for all of a family, "pq" for all that no
 * quantum computer is known to break. 0: there is no such word. */
uint64_t key_types_by_word(const char *word);

/* PEM or DER (PKCS #8 or the traditional forms); an encrypted one is ERR_UNSUPPORTED. The caller
 * owns the key. reason gets a static sentence when it fails. */
enum err private_key_parse(struct private_key **key, struct bytes text, const char **reason);
void private_key_free(struct private_key *key);
enum key_type private_key_type(const struct private_key *key);
/* The matching public half, a new object that the caller owns. */
enum err private_key_public(const struct private_key *key, struct public_key **out);

/* From PEM or DER SubjectPublicKeyInfo. Any RSA size up to RSA_BITS_MAX is taken: see
 * public_key_bits(). */
enum err public_key_parse(struct public_key **key, struct bytes text, const char **reason);
void public_key_free(struct public_key *key);
enum key_type public_key_type(const struct public_key *key);
unsigned public_key_bits(const struct public_key *key);
/* DER of the SubjectPublicKeyInfo; allocates, the caller frees with mem_free(). */
enum err public_key_spki(const struct public_key *key, uint8_t **der, size_t *der_len);
bool public_key_equal(const struct public_key *a, const struct public_key *b);
const char *key_type_name(enum key_type type);
/* No quantum computer is known to break it: ML-DSA, SLH-DSA, composites with ML-DSA, ML-KEM. */
bool key_type_is_pq(enum key_type type);
/* A KEM's: it proves nothing by signing. */
bool key_type_is_kem(enum key_type type);

/* What the primitive is, and how it writes its value. */
enum signature_kind {
	SIGNATURE_RSA_PSS,   /* salt as long as the hash, MGF1 with the same hash */
	SIGNATURE_RSA_PKCS1, /* v1.5 */
	SIGNATURE_ECDSA_DER, /* SEQUENCE { r, s }: method 14 (RFC 7427 A.3) */
	SIGNATURE_ECDSA_RAW, /* r | s, each padded: methods 9 to 11 (RFC 4754 7) */
	SIGNATURE_EDDSA,     /* RFC 8420 */
	/* ML-DSA, SLH-DSA and composites over the octets themselves, context empty */
	SIGNATURE_PURE,
};

/* One way to sign: an AUTH method, and for method 14 its AlgorithmIdentifier and hash. */
struct signature_scheme {
	const char *name;        /* "ecdsa-sha256", for logs and configuration */
	uint8_t auth_method;     /* AUTH_* */
	uint16_t hash;           /* HASH_*; HASH_IDENTITY for EdDSA, ML-DSA and the like */
	struct bytes identifier; /* DER AlgorithmIdentifier; empty but for method 14 */
	enum signature_kind kind;
	enum key_type key; /* the one type of key that it takes; KEY_NONE: what the kind says */
	bool weak;         /* SHA-1: only when configured (RFC 8247 3.2.1) */
};

const struct signature_scheme *signature_schemes(size_t *count);
/* By name; NULL when there is none. */
const struct signature_scheme *signature_scheme_find(const char *name);
bool signature_fits(const struct signature_scheme *scheme, enum key_type type);

/* What the peer can check: its SIGNATURE_HASH_ALGORITHMS as a bit set (1 << HASH_*), 0 when it sent
 * none, in which case only the old methods 1, 9, 10, 11 remain (RFC 7427 3). allow_weak lets in
 * what is marked weak. NULL when no scheme fits the key. Prefers PSS over PKCS #1 v1.5 (RFC
 * 8247 3.2), and the hash that fits the key's strength. */
const struct signature_scheme *signature_choose(enum key_type type, uint32_t peer_hashes,
						bool allow_weak);

/* Allocates *data: the whole Authentication Data of the AUTH payload (RFC 7427 3: length octet,
 * AlgorithmIdentifier, signature; for methods 9 to 11 raw r | s). The caller frees with mem_free().
 * ERR_UNSUPPORTED when the scheme does not fit the key. */
enum err signature_make(const struct private_key *key, const struct signature_scheme *scheme,
			struct bytes message, uint8_t **data, size_t *data_len);

/* Which scheme an AUTH payload uses, before anything is computed: NULL when unknown or malformed.
 * For method 14 the identifier is compared octet by octet with a table, which holds beside each
 * identifier the forms of it that differ in a NULL or a default that may be left out. *signature
 * is the rest, borrowed from data; never empty. Whether the scheme is weak, or was offered, is the
 * caller's to judge. */
const struct signature_scheme *signature_recognise(uint8_t auth_method, struct bytes data,
						   struct bytes *signature);
/* The scheme of method 14 with this AlgorithmIdentifier, in any of its forms; NULL: unknown. */
const struct signature_scheme *signature_identify(struct bytes identifier);
/* ERR_AUTH when the signature does not hold or the scheme does not fit the key. */
enum err signature_verify(const struct public_key *key, const struct signature_scheme *scheme,
			  struct bytes signature, struct bytes message);

#endif
