#include "crypto/algorithm.h"

#include <string.h>

#include "base/ikev2_numbers.h"

#define AES_BITS                                                                                   \
	{                                                                                          \
		128, 192, 256                                                                      \
	}
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 5282 and RFC 4106 (GCM), RFC 4309 (CCM), RFC 3602 (CBC), RFC 3686 and RFC 5930 (CTR), RFC
 * 7634 (ChaCha20-Poly1305), RFC 8750 (implicit IVs), RFC 4543 (GMAC), RFC 2410 (NULL). */
static const struct encr_desc encr_table[] = {
    {ENCR_AES_GCM_16, "AES_GCM_16", "aesgcm", ENCR_KIND_AEAD, true, AES_BITS, 4, 8, 1, 16, true,
     true},
    {ENCR_AES_GCM_12, "AES_GCM_12", "aesgcm12", ENCR_KIND_AEAD, true, AES_BITS, 4, 8, 1, 12, true,
     true},
    {ENCR_AES_GCM_8, "AES_GCM_8", "aesgcm8", ENCR_KIND_AEAD, true, AES_BITS, 4, 8, 1, 8, true,
     true},
    {ENCR_AES_CCM_16, "AES_CCM_16", "aesccm", ENCR_KIND_AEAD, true, AES_BITS, 3, 8, 1, 16, true,
     true},
    {ENCR_AES_CCM_12, "AES_CCM_12", "aesccm12", ENCR_KIND_AEAD, true, AES_BITS, 3, 8, 1, 12, true,
     true},
    {ENCR_AES_CCM_8, "AES_CCM_8", "aesccm8", ENCR_KIND_AEAD, true, AES_BITS, 3, 8, 1, 8, true,
     true},
    {ENCR_CHACHA20_POLY1305,
     "CHACHA20_POLY1305",
     "chacha20poly1305",
     ENCR_KIND_AEAD,
     false,
     {256},
     4,
     8,
     1,
     16,
     true,
     true},
    {ENCR_AES_GCM_16_IIV, "AES_GCM_16_IIV", "aesgcmiiv", ENCR_KIND_AEAD, true, AES_BITS, 4, 0, 1,
     16, false, true, .implicit_iv = true},
    {ENCR_AES_CCM_8_IIV, "AES_CCM_8_IIV", "aesccm8iiv", ENCR_KIND_AEAD, true, AES_BITS, 3, 0, 1, 8,
     false, true, .implicit_iv = true},
    {ENCR_CHACHA20_POLY1305_IIV,
     "CHACHA20_POLY1305_IIV",
     "chacha20poly1305iiv",
     ENCR_KIND_AEAD,
     false,
     {256},
     4,
     0,
     1,
     16,
     false,
     true,
     .implicit_iv = true},
    {ENCR_NULL_AUTH_AES_GMAC, "NULL_AUTH_AES_GMAC", "aesgmac", ENCR_KIND_AEAD, true, AES_BITS, 4, 8,
     1, 16, false, false, .mac_only = true},
    {ENCR_AES_CBC, "AES_CBC", "aescbc", ENCR_KIND_CBC, true, AES_BITS, 0, 16, 16, 0, true, true},
    {ENCR_AES_CTR, "AES_CTR", "aesctr", ENCR_KIND_CTR, true, AES_BITS, 4, 8, 1, 0, true, true},
    {ENCR_NULL, "NULL", "null", ENCR_KIND_NULL, false, {0}, 0, 0, 1, 0, false, true},
};

static const struct prf_desc prf_table[] = {
    {PRF_HMAC_SHA2_256, "HMAC_SHA2_256", "prfsha256", 32, 32, false, false},
    {PRF_HMAC_SHA2_384, "HMAC_SHA2_384", "prfsha384", 48, 48, false, false},
    {PRF_HMAC_SHA2_512, "HMAC_SHA2_512", "prfsha512", 64, 64, false, false},
    {PRF_AES128_CMAC, "AES128_CMAC", "prfaescmac", 16, 16, true, false},
    {PRF_HMAC_SHA1, "HMAC_SHA1", "prfsha1", 20, 20, false, true},
};

static const struct integ_desc integ_table[] = {
    {INTEG_HMAC_SHA2_256_128, "HMAC_SHA2_256_128", "sha256", 32, 16, false},
    {INTEG_HMAC_SHA2_384_192, "HMAC_SHA2_384_192", "sha384", 48, 24, false},
    {INTEG_HMAC_SHA2_512_256, "HMAC_SHA2_512_256", "sha512", 64, 32, false},
    {INTEG_AES_CMAC_96, "AES_CMAC_96", "aescmac", 16, 12, false},
    {INTEG_HMAC_SHA1_96, "HMAC_SHA1_96", "sha1", 20, 12, true},
};

/* draft-ietf-ipsecme-eesp-ikev2 3.1.1. AES256_CMAC (4) is a name there and nothing else. */
static const struct sskdf_desc sskdf_table[] = {
    {SSKDF_HKDF_SHA2_256, "HKDF_SHA2_256", "sskdfsha256", 32, HASH_SHA2_256},
    {SSKDF_HKDF_SHA2_384, "HKDF_SHA2_384", "sskdfsha384", 48, HASH_SHA2_384},
    {SSKDF_HKDF_SHA2_512, "HKDF_SHA2_512", "sskdfsha512", 64, HASH_SHA2_512},
};

/* RFC 3526 (its section 8 for the strengths), RFC 5903, RFC 6954, RFC 8031;
 * draft-ietf-ipsecme-ikev2-mlkem table 1, draft-ietf-ipsecme-hybrid-kem-ikev2-frodo 4,
 * draft-smyslov-ipsecme-ikev2-mceliece 2. A KEM's strength is that of the cipher that its NIST
 * level is measured by. McEliece keys are made by the "f" algorithms, which are faster and whose
 * keys cannot be told from the others; the sets with plaintext confirmation ("pc") are not ours:
 * the draft leaves them out as the older family. */
/* Constant but for the numbers of ke_numbers_set(). */
static struct ke_desc ke_table[] = {
    {KE_CURVE25519, "CURVE25519", "x25519", 32, 32, 32, 128},
    {KE_CURVE448, "CURVE448", "x448", 56, 56, 56, 224},
    {KE_ECP_256, "ECP_256", "ecp256", 64, 64, 32, 128},
    {KE_ECP_384, "ECP_384", "ecp384", 96, 96, 48, 192},
    {KE_ECP_521, "ECP_521", "ecp521", 132, 132, 66, 256},
    {KE_BRAINPOOL_P256R1, "BRAINPOOL_P256R1", "ecp256bp", 64, 64, 32, 128},
    {KE_BRAINPOOL_P384R1, "BRAINPOOL_P384R1", "ecp384bp", 96, 96, 48, 192},
    {KE_BRAINPOOL_P512R1, "BRAINPOOL_P512R1", "ecp512bp", 128, 128, 64, 256},
    {KE_MODP_2048, "MODP_2048", "modp2048", 256, 256, 256, 112},
    {KE_MODP_3072, "MODP_3072", "modp3072", 384, 384, 384, 128},
    {KE_MODP_4096, "MODP_4096", "modp4096", 512, 512, 512, 150},
    {KE_MODP_6144, "MODP_6144", "modp6144", 768, 768, 768, 170},
    {KE_MODP_8192, "MODP_8192", "modp8192", 1024, 1024, 1024, 190},
    {KE_ML_KEM_512, "ML_KEM_512", "mlkem512", 800, 768, 32, 128, .is_kem = true},
    {KE_ML_KEM_768, "ML_KEM_768", "mlkem768", 1184, 1088, 32, 192, .is_kem = true},
    {KE_ML_KEM_1024, "ML_KEM_1024", "mlkem1024", 1568, 1568, 32, 256, .is_kem = true},
    {KE_FRODOKEM_976_AES, "FRODOKEM_976_AES", "frodo976aes", 15632, 15792, 24, 192, .is_kem = true,
     .stand_in = KE_FRODOKEM_976_AES, .cost = KE_COST_MEDIUM},
    {KE_FRODOKEM_976_SHAKE, "FRODOKEM_976_SHAKE", "frodo976shake", 15632, 15792, 24, 192,
     .is_kem = true, .stand_in = KE_FRODOKEM_976_SHAKE, .cost = KE_COST_MEDIUM},
    {KE_FRODOKEM_1344_AES, "FRODOKEM_1344_AES", "frodo1344aes", 21520, 21696, 32, 256,
     .is_kem = true, .stand_in = KE_FRODOKEM_1344_AES, .cost = KE_COST_MEDIUM},
    {KE_FRODOKEM_1344_SHAKE, "FRODOKEM_1344_SHAKE", "frodo1344shake", 21520, 21696, 32, 256,
     .is_kem = true, .stand_in = KE_FRODOKEM_1344_SHAKE, .cost = KE_COST_MEDIUM},
    {KE_MCELIECE_348864, "MCELIECE_348864", "mceliece348864", 261120, 96, 32, 128, .is_kem = true,
     .stand_in = KE_MCELIECE_348864, .needs_big_payload = true, .cost = KE_COST_SLOW},
    {KE_MCELIECE_460896, "MCELIECE_460896", "mceliece460896", 524160, 156, 32, 192, .is_kem = true,
     .stand_in = KE_MCELIECE_460896, .needs_big_payload = true, .cost = KE_COST_SLOW},
    {KE_MCELIECE_6688128, "MCELIECE_6688128", "mceliece6688128", 1044992, 208, 32, 256,
     .is_kem = true, .stand_in = KE_MCELIECE_6688128, .needs_big_payload = true,
     .cost = KE_COST_SLOW},
    {KE_MCELIECE_6960119, "MCELIECE_6960119", "mceliece6960119", 1047319, 194, 32, 256,
     .is_kem = true, .stand_in = KE_MCELIECE_6960119, .needs_big_payload = true,
     .cost = KE_COST_SLOW},
    {KE_MCELIECE_8192128, "MCELIECE_8192128", "mceliece8192128", 1357824, 208, 32, 256,
     .is_kem = true, .stand_in = KE_MCELIECE_8192128, .needs_big_payload = true,
     .cost = KE_COST_SLOW},
};

const struct encr_desc *encr_find(uint16_t id)
{
	for (size_t i = 0; i < COUNT(encr_table); i++)
		if (encr_table[i].id == id)
			return &encr_table[i];
	return NULL;
}

const struct prf_desc *prf_find(uint16_t id)
{
	for (size_t i = 0; i < COUNT(prf_table); i++)
		if (prf_table[i].id == id)
			return &prf_table[i];
	return NULL;
}

const struct integ_desc *integ_find(uint16_t id)
{
	for (size_t i = 0; i < COUNT(integ_table); i++)
		if (integ_table[i].id == id)
			return &integ_table[i];
	return NULL;
}

const struct ke_desc *ke_find(uint16_t id)
{
	for (size_t i = 0; i < COUNT(ke_table); i++)
		if (ke_table[i].id == id)
			return &ke_table[i];
	return NULL;
}

const struct sskdf_desc *sskdf_find(uint16_t id)
{
	for (size_t i = 0; i < COUNT(sskdf_table); i++)
		if (sskdf_table[i].id == id)
			return &sskdf_table[i];
	return NULL;
}

const struct sskdf_desc *sskdf_all(size_t *count)
{
	*count = COUNT(sskdf_table);
	return sskdf_table;
}

const struct encr_desc *encr_all(size_t *count)
{
	*count = COUNT(encr_table);
	return encr_table;
}

const struct prf_desc *prf_all(size_t *count)
{
	*count = COUNT(prf_table);
	return prf_table;
}

const struct integ_desc *integ_all(size_t *count)
{
	*count = COUNT(integ_table);
	return integ_table;
}

const struct ke_desc *ke_all(size_t *count)
{
	*count = COUNT(ke_table);
	return ke_table;
}

static size_t ke_of_word(const char *word)
{
	size_t i = 0;

	while (i < COUNT(ke_table) && strcmp(ke_table[i].word, word) != 0)
		i++;
	return i;
}

/* The numbers as they would be; false: bad is in the way. */
static bool ke_numbers_make(const struct ke_number *numbers, size_t n, uint16_t *ids, size_t *bad)
{
	for (size_t i = 0; i < COUNT(ke_table); i++)
		ids[i] = ke_table[i].stand_in != 0 ? ke_table[i].stand_in : ke_table[i].id;
	for (*bad = 0; *bad < n; ++*bad) {
		const size_t at = ke_of_word(numbers[*bad].word);
		if (at == COUNT(ke_table) || ke_table[at].stand_in == 0 ||
		    numbers[*bad].number == 0)
			return false;
		ids[at] = numbers[*bad].number;
	}
	for (*bad = 0; *bad < n; ++*bad) {
		const size_t at = ke_of_word(numbers[*bad].word);
		for (size_t i = 0; i < COUNT(ke_table); i++)
			if (i != at && ids[i] == ids[at])
				return false;
	}
	return true;
}

bool ke_numbers_fit(const struct ke_number *numbers, size_t n, size_t *bad)
{
	uint16_t ids[COUNT(ke_table)];

	return ke_numbers_make(numbers, n, ids, bad);
}

bool ke_numbers_set(const struct ke_number *numbers, size_t n)
{
	uint16_t ids[COUNT(ke_table)];
	size_t bad;

	if (!ke_numbers_make(numbers, n, ids, &bad))
		return false;
	for (size_t i = 0; i < COUNT(ke_table); i++)
		ke_table[i].id = ids[i];
	return true;
}

bool encr_takes_bits(const struct encr_desc *d, uint16_t key_bits)
{
	if (!d->has_key_length && key_bits == 0)
		return true;
	for (size_t i = 0; i < COUNT(d->key_bits) && d->key_bits[i] != 0; i++)
		if (d->key_bits[i] == key_bits)
			return true;
	return false;
}

size_t encr_keymat_len(const struct encr_desc *d, uint16_t key_bits)
{
	uint16_t bits = d->has_key_length ? key_bits : d->key_bits[0];

	return (size_t)bits / 8 + d->salt_len;
}

bool encr_is_aead(const struct encr_desc *d)
{
	return d->kind == ENCR_KIND_AEAD;
}

size_t encr_nonce_iv_len(const struct encr_desc *d)
{
	return d->implicit_iv ? sizeof(uint64_t) : d->iv_len;
}

struct encr_limit encr_limit(const struct encr_desc *d)
{
	switch (d->id) {
	case ENCR_AES_GCM_16:
	case ENCR_AES_GCM_12:
	case ENCR_AES_GCM_8:
	case ENCR_AES_GCM_16_IIV:
	case ENCR_NULL_AUTH_AES_GMAC:
	case ENCR_AES_CBC:
	case ENCR_AES_CTR:
		return (struct encr_limit){UINT64_C(1) << 32, UINT64_C(1) << 38};
	case ENCR_AES_CCM_16:
	case ENCR_AES_CCM_12:
	case ENCR_AES_CCM_8:
	case ENCR_AES_CCM_8_IIV:
		return (struct encr_limit){UINT64_C(1) << 31, UINT64_C(1) << 37};
	default:
		return (struct encr_limit){0};
	}
}
