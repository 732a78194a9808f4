/* Composite ML-DSA (draft-ietf-lamps-pq-composite-sigs-19): a key of ML-DSA and one of RSA, ECDSA
 * or EdDSA taken as one, whose signature holds only when both parts do. OpenSSL 3.5 does not have
 * it, so we give it a provider of our own that puts it together from OpenSSL's ML-DSA, RSA, ECDSA
 * and EdDSA: with that, keys, certificates and lists with composite signatures are read, checked
 * and made by the very calls that serve every other algorithm. For composite_*.c alone: the others
 * need composite_ready.h. */
#ifndef POSTERN_CRYPTO_COMPOSITE_H
#define POSTERN_CRYPTO_COMPOSITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/openssl.h"

/* The draft's algorithms are 1.3.6.1.5.5.7.6.37 to .54; the table is in this order. */
#define COMPOSITE_FIRST 37
#define COMPOSITES      18

#define COMPOSITE_SEED_LEN    32 /* of ML-DSA, whatever the set (FIPS 204 3.6.3) */
#define COMPOSITE_CONTEXT_MAX 255
/* The longest is the label "COMPSIG-MLDSA44-RSA2048-PKCS15-SHA256" (37 octets). */
#define COMPOSITE_LABEL_MAX 40

enum composite_kind { COMPOSITE_RSA_PSS, COMPOSITE_RSA_PKCS1, COMPOSITE_ECDSA, COMPOSITE_EDDSA };

/* One algorithm: section 6 of the draft. */
struct composite {
	const char *name;   /* "MLDSA65-ECDSA-P256-SHA512": the type of its keys, to the library */
	const char *id;     /* "id-" before it, as the draft's ASN.1 module has it */
	const char *oid;    /* dotted */
	const char *label;  /* what goes into the message, and is the context of ML-DSA */
	const char *ph;     /* the library's name of the hash over the message */
	const char *ml_dsa; /* "ML-DSA-65" */
	size_t ml_dsa_public_len;
	size_t ml_dsa_signature_len;
	int security_bits; /* of ML-DSA */
	enum composite_kind kind;
	const char *type;  /* of the traditional key: "RSA", "EC", "ED25519", "ED448" */
	const char *group; /* of "EC" */
	unsigned bits;     /* of "RSA" */
	const char *hash;  /* that the traditional signature takes M' with; NULL for EdDSA */
	size_t traditional_public_len;    /* the exact one; of RSA the largest */
	size_t traditional_signature_len; /* the exact one; of ECDSA the largest */
};

/* By place in the table, 0 to COMPOSITES - 1. */
const struct composite *composite_at(size_t i);

/* A key pair or the public half of one. */
struct composite_key {
	const struct composite *algorithm;
	EVP_PKEY *ml_dsa;      /* owned */
	EVP_PKEY *traditional; /* owned */
	bool private;
};

void composite_key_free(struct composite_key *k); /* k may be NULL */
/* NULL when it cannot be. */
struct composite_key *composite_generate(const struct composite *a);
/* From the raw strings of section 4.1 and 4.2, which must be whole: nothing may be left over, and
 * each part must be a good key of the very kind that the algorithm names. NULL otherwise. */
struct composite_key *composite_public_of(const struct composite *a, struct bytes raw);
struct composite_key *composite_private_of(const struct composite *a, struct bytes raw);
/* Allocate by OPENSSL_malloc() and return the length, or 0; the caller frees, the private one with
 * OPENSSL_clear_free(). */
size_t composite_public_raw(const struct composite_key *k, unsigned char **raw);
size_t composite_private_raw(const struct composite_key *k, unsigned char **raw);
bool composite_public_equal(const struct composite_key *a, const struct composite_key *b);

/* The largest signature. */
size_t composite_signature_max(const struct composite *a);
/* Section 3.2: out holds composite_signature_max() octets; the length, or 0. context has at most
 * COMPOSITE_CONTEXT_MAX octets. */
size_t composite_sign(const struct composite_key *k, struct bytes context, struct bytes message,
		      uint8_t *out);
/* Section 3.3: true only when both signatures hold. */
bool composite_verify(const struct composite_key *k, struct bytes context, struct bytes message,
		      struct bytes signature);

/* What the provider's two files share. The tables are those of the library's provider interface:
 * keys and signatures in composite_provider.c, what reads and writes them in composite_codec.c. */
struct composite_provider {
	OSSL_FUNC_BIO_read_ex_fn *read; /* the library's, for what its decoders are given */
	OSSL_FUNC_BIO_write_ex_fn *write;
	char names[COMPOSITES][112]; /* name, id and OID, with ':' between them */
	OSSL_DISPATCH keymgmt[COMPOSITES][20];
	OSSL_DISPATCH decoder[COMPOSITES][2][5];
	OSSL_ALGORITHM keymgmts[COMPOSITES + 1];
	OSSL_ALGORITHM signatures[COMPOSITES + 1];
	OSSL_ALGORITHM decoders[2 * COMPOSITES + 1];
	OSSL_ALGORITHM encoders[4 * COMPOSITES + 1];
};

void composite_fill_codecs(struct composite_provider *p);

#define COMPOSITE_PROPERTIES "provider=postern"

#endif
