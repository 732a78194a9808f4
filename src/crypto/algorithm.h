/* Every algorithm that Postern knows, as constant descriptors found by IANA transform number.
 * Bounds and buffer sizes all over Postern come from here; nobody else knows a key length. Sizes
 * are in octets unless a name says bits. The descriptors live for ever. */
#ifndef POSTERN_CRYPTO_ALGORITHM_H
#define POSTERN_CRYPTO_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENCR_KEY_MAX   36 /* 32 octets of key and 4 of salt or nonce */
#define ENCR_IV_MAX    16
#define ENCR_BLOCK_MAX 16
#define ICV_MAX        32
#define INTEG_KEY_MAX  64
#define PRF_MAX        64 /* output and preferred key of every PRF */
#define HASH_MAX       64
#define SSKDF_ROOT_MAX 64

enum encr_kind {
	ENCR_KIND_AEAD,
	ENCR_KIND_CBC, /* unpredictable IV, padded to blocks */
	ENCR_KIND_CTR, /* RFC 3686, RFC 5930 */
	ENCR_KIND_NULL /* RFC 2410; never in IKE */
};

struct encr_desc {
	uint16_t id;      /* ENCR_* of base/ikev2_numbers.h */
	const char *name; /* "AES_GCM_16" */
	/* As the configuration spells it, without the key bits, which stand after "aes":
	 * "aesgcm" is written aes256gcm (see crypto/words.h). */
	const char *word;
	enum encr_kind kind;
	bool has_key_length;  /* the Key Length attribute is sent (RFC 7296 3.3.5) */
	uint16_t key_bits[3]; /* the sizes we take, 0-terminated when fewer */
	uint8_t salt_len; /* taken from the end of the key material; 4 for GCM and CTR, 3 for CCM */
	uint8_t iv_len;   /* sent in each packet */
	uint8_t block_len; /* padding granule: 16 for CBC, 1 for others */
	uint8_t icv_len;   /* of an AEAD, else 0 */
	bool in_ike;       /* may protect IKE messages */
	bool in_esp;
	/* RFC 8750: no IV is sent; the 64-bit sequence number is what the nonce has after its salt.
	 */
	bool implicit_iv;
	/* RFC 4543: an ICV and nothing encrypted. In EESP alone. */
	bool mac_only;
};

struct prf_desc {
	uint16_t id;
	const char *name;
	const char *word;
	uint8_t key_len; /* preferred key length: that of SK_d, SK_pi, SK_pr */
	uint8_t out_len;
	/* AES-CMAC: RFC 4615; only 8 octets of each nonce key SKEYSEED (RFC 7296 2.14). */
	bool fixed_key;
	bool weak; /* only when spelled out in the configuration */
};

struct integ_desc {
	uint16_t id;
	const char *name;
	const char *word;
	uint8_t key_len;
	uint8_t icv_len;
	bool weak; /* only when spelled out in the configuration */
};

/* What making a key costs the initiator, by order of magnitude; McEliece's decapsulation and
 * everything of the responder's is cheaper. */
enum ke_cost {
	KE_COST_LOW,    /* below a millisecond, or a few for the largest MODP groups */
	KE_COST_MEDIUM, /* several milliseconds */
	KE_COST_SLOW,   /* tens or hundreds of milliseconds: worth a pool (crypto/ke_pool.h) */
};

/* A key exchange method, seen as a KEM: the initiator makes a key and sends init_len octets, the
 * responder answers with resp_len octets, both have secret_len octets. (EC)DH fits: both send a
 * public value. The two lengths are exact: any other is refused unread. The secret goes into the
 * key schedule as it is, without padding; FrodoKEM-976 has 24 octets. */
struct ke_desc {
	uint16_t id; /* on the wire */
	const char *name;
	const char *word;
	uint32_t init_len;
	uint32_t resp_len;
	uint16_t secret_len;
	uint16_t strength_bits; /* classical, for choosing defaults and for warnings */
	bool is_kem; /* a post-quantum KEM: may only follow a classical method or stand alone */
	/* The private-use number of base/ikev2_numbers.h that the code knows it by, where IANA has
	 * assigned none; id is the same unless ke_numbers_set() says another. It has no meaning
	 * across makers: offered only where the configuration names the method, never by default.
	 */
	uint16_t stand_in;
	/* Its value does not fit a payload of 65535 octets: never in IKE_SA_INIT, and elsewhere
	 * only with big payloads and fragmentation negotiated (draft-smyslov-ipsecme-ikev2-mceliece
	 * 3). */
	bool needs_big_payload;
	enum ke_cost cost;
};

/* How keys of EESP's Sub SAs come out of an SA's root key: HKDF-Expand of one hash
 * (draft-ietf-ipsecme-eesp-ikev2 3.1.1). */
struct sskdf_desc {
	uint16_t id;
	const char *name;
	const char *word;
	uint8_t root_len; /* octets of the root key */
	uint16_t hash;    /* HASH_* */
};

/* NULL when the number is not one of ours. */
const struct encr_desc *encr_find(uint16_t id);
const struct prf_desc *prf_find(uint16_t id);
const struct integ_desc *integ_find(uint16_t id);
const struct ke_desc *ke_find(uint16_t id);
const struct sskdf_desc *sskdf_find(uint16_t id);

/* The tables whole, for the configuration's words, for status and for tests; count is set. */
const struct encr_desc *encr_all(size_t *count);
const struct prf_desc *prf_all(size_t *count);
const struct integ_desc *integ_all(size_t *count);
const struct ke_desc *ke_all(size_t *count);
const struct sskdf_desc *sskdf_all(size_t *count);

/* Another number on the wire for a method that IANA has given none, by its word: for a peer that
 * uses another one, or for the day when IANA has. Those that are not named get their own back.
 * Once, at the start of a program, before anything else is asked here: descriptors are shared by
 * all threads and engines. false: nothing was changed, for a word is no such method's, or two
 * methods would have one number. */
struct ke_number {
	const char *word; /* borrowed for the call */
	uint16_t number;
};
bool ke_numbers_set(const struct ke_number *numbers, size_t n);
/* The same as a question: false, and which of them is in the way. */
bool ke_numbers_fit(const struct ke_number *numbers, size_t n, size_t *bad);

/* key_bits is one that the cipher takes. For a cipher without the attribute, 0 and its one size are
 * both right. */
bool encr_takes_bits(const struct encr_desc *d, uint16_t key_bits);
/* Octets of keying material that one direction needs: key and salt. */
size_t encr_keymat_len(const struct encr_desc *d, uint16_t key_bits);
bool encr_is_aead(const struct encr_desc *d);
/* Octets of what stands for the IV in a nonce: the IV as sent, or 8 where it is implicit. */
size_t encr_nonce_iv_len(const struct encr_desc *d);

/* How much one key may protect in one direction; 0: as much as the sequence numbers allow. With a
 * block of 128 bits an observer's advantage grows as the square of the blocks, by 2^-129: both
 * limits together are 2^34.6 blocks and 2^-59.8, the margin that RFC 8446 5.5 leaves AES-GCM. CCM
 * uses the cipher twice for each block. ChaCha20-Poly1305 has no such limit (ibid.). */
struct encr_limit {
	uint64_t packets, octets;
};
struct encr_limit encr_limit(const struct encr_desc *d);

#endif
