/* ML-DSA and SLH-DSA keys and signatures in AUTH (draft-ietf-ipsecme-ikev2-pqc-auth, RFC 9881,
 * RFC 9909): identifiers, sizes, encodings of keys, and what must not be taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/key.h"
#include "crypto/openssl.h"
#include "hex.h"

#define MESSAGE BYTES_LITERAL("InitiatorSignedOctets")

/* The draft's appendix, FIPS 204 table 2 and FIPS 205 table 2: octets of key and signature. */
static const struct {
	enum key_type type;
	const char *library; /* what OpenSSL calls it */
	const char *scheme;
	uint8_t last; /* of the OID */
	size_t public_len, signature_len;
} sets[] = {
    {KEY_ML_DSA_44, "ML-DSA-44", "ml-dsa-44", 17, 1312, 2420},
    {KEY_ML_DSA_65, "ML-DSA-65", "ml-dsa-65", 18, 1952, 3309},
    {KEY_ML_DSA_87, "ML-DSA-87", "ml-dsa-87", 19, 2592, 4627},
    {KEY_SLH_DSA_SHA2_128S, "SLH-DSA-SHA2-128s", "slh-dsa-sha2-128s", 20, 32, 7856},
    {KEY_SLH_DSA_SHA2_128F, "SLH-DSA-SHA2-128f", "slh-dsa-sha2-128f", 21, 32, 17088},
    {KEY_SLH_DSA_SHA2_192S, "SLH-DSA-SHA2-192s", "slh-dsa-sha2-192s", 22, 48, 16224},
    {KEY_SLH_DSA_SHA2_192F, "SLH-DSA-SHA2-192f", "slh-dsa-sha2-192f", 23, 48, 35664},
    {KEY_SLH_DSA_SHA2_256S, "SLH-DSA-SHA2-256s", "slh-dsa-sha2-256s", 24, 64, 29792},
    {KEY_SLH_DSA_SHA2_256F, "SLH-DSA-SHA2-256f", "slh-dsa-sha2-256f", 25, 64, 49856},
    {KEY_SLH_DSA_SHAKE_128S, "SLH-DSA-SHAKE-128s", "slh-dsa-shake-128s", 26, 32, 7856},
    {KEY_SLH_DSA_SHAKE_128F, "SLH-DSA-SHAKE-128f", "slh-dsa-shake-128f", 27, 32, 17088},
    {KEY_SLH_DSA_SHAKE_192S, "SLH-DSA-SHAKE-192s", "slh-dsa-shake-192s", 28, 48, 16224},
    {KEY_SLH_DSA_SHAKE_192F, "SLH-DSA-SHAKE-192f", "slh-dsa-shake-192f", 29, 48, 35664},
    {KEY_SLH_DSA_SHAKE_256S, "SLH-DSA-SHAKE-256s", "slh-dsa-shake-256s", 30, 64, 29792},
    {KEY_SLH_DSA_SHAKE_256F, "SLH-DSA-SHAKE-256f", "slh-dsa-shake-256f", 31, 64, 49856},
};
#define N_SETS (sizeof(sets) / sizeof(sets[0]))

/* A key made by the library, as PKCS #8. */
static struct private_key *key_of(EVP_PKEY *pkey)
{
	struct private_key *key = NULL;
	const char *reason;
	BIO *out = BIO_new(BIO_s_mem());
	char *text;

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL), 1);
	long n = BIO_get_mem_data(out, &text);
	assert_int_equal(private_key_parse(&key, bytes_of(text, (size_t)n), &reason), ERR_NONE);
	BIO_free(out);
	return key;
}

/* RFC 9881 4, RFC 9909 5: OID alone, and the raw key in the BIT STRING. */
static void check_spki(const struct public_key *key, size_t i)
{
	static const struct {
		size_t n;
		const char *head;
	} heads[] = {
	    {32, "3030300b060960864801650304030003 2100"},
	    {48, "3040300b060960864801650304030003 3100"},
	    {64, "3050300b060960864801650304030003 4100"},
	    {1312, "30820532300b0609608648016503040300 0382052100"},
	    {1952, "308207b2300b0609608648016503040300 038207a100"},
	    {2592, "30820a32300b0609608648016503040300 03820a2100"},
	};
	uint8_t *der;
	size_t n;

	assert_int_equal(public_key_spki(key, &der, &n), ERR_NONE);
	for (size_t k = 0; k < sizeof(heads) / sizeof(heads[0]); k++) {
		if (heads[k].n != sets[i].public_len)
			continue;
		struct hex want = hex(heads[k].head);
		want.p[want.n - (heads[k].n > 64 ? 6 : 4)] = sets[i].last;
		assert_int_equal(n, want.n + heads[k].n);
		assert_memory_equal(der, want.p, want.n);
	}
	mem_free(der);
}

/* The library's own verifier, which takes a context string. */
static bool library_takes(EVP_PKEY *pkey, struct bytes signature, const char *context)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
					      (void *)(uintptr_t)context, strlen(context)),
	    OSSL_PARAM_construct_end()};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, params), 1);
	bool ok = EVP_DigestVerify(ctx, signature.p, signature.n, MESSAGE.p, MESSAGE.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static void check_signature(EVP_PKEY *pkey, const struct private_key *key,
			    const struct public_key *public, size_t i)
{
	const struct signature_scheme *s = signature_scheme_find(sets[i].scheme);
	struct hex head = hex("0d 300b06096086480165030403 00");
	struct bytes signature;
	uint8_t *data;
	size_t n;

	head.p[13] = sets[i].last;
	assert_non_null(s);
	assert_true(signature_fits(s, sets[i].type));
	assert_int_equal(signature_make(key, s, MESSAGE, &data, &n), ERR_NONE);
	/* pqc-auth 3.1: length octet, AlgorithmIdentifier, signature */
	assert_int_equal(n, 14 + sets[i].signature_len);
	assert_memory_equal(data, head.p, 14);
	assert_ptr_equal(signature_recognise(14, bytes_of(data, n), &signature), s);
	assert_int_equal(signature_verify(public, s, signature, MESSAGE), ERR_NONE);
	assert_int_equal(signature_verify(public, s, signature, BYTES_LITERAL("another")),
			 ERR_AUTH);
	/* pqc-auth 3.2: the context is the empty string */
	assert_true(library_takes(pkey, signature, ""));
	assert_false(library_takes(pkey, signature, "IKE"));
	data[n - 1] ^= 1;
	assert_int_equal(signature_verify(public, s, signature, MESSAGE), ERR_AUTH);
	data[n - 1] ^= 1;
	signature.n--;
	assert_int_equal(signature_verify(public, s, signature, MESSAGE), ERR_AUTH);
	mem_free(data);
}

static void each_set_signs_and_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SETS; i++) {
		EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, sets[i].library);
		struct private_key *key = key_of(pkey);
		struct public_key *public;

		assert_int_equal(private_key_type(key), sets[i].type);
		assert_int_equal(private_key_public(key, &public), ERR_NONE);
		assert_int_equal(public_key_type(public), sets[i].type);
		assert_string_equal(key_type_name(sets[i].type), sets[i].library);
		assert_true(key_type_is_pq(sets[i].type));
		check_spki(public, i);
		check_signature(pkey, key, public, i);
		public_key_free(public);
		private_key_free(key);
		EVP_PKEY_free(pkey);
	}
	assert_int_equal(mem_blocks_held(), 0);
}

/* pqc-auth 3.2: the message is signed, not its hash; HashML-DSA and HashSLH-DSA are unknown, as is
 * an identifier with parameters. */
static void identifiers_that_are_not_taken(void **state)
{
	struct bytes signature;

	(void)state;
	for (unsigned last = 0; last < 256; last++) {
		struct hex data = hex("0d 300b06096086480165030403 00 aa");
		data.p[13] = (uint8_t)last;
		assert_true((signature_recognise(14, hex_bytes(&data), &signature) != NULL) ==
			    (last >= 17 && last <= 31));
	}
	struct hex null = hex("0f 300d0609608648016503040312 0500 aa");
	assert_null(signature_recognise(14, hex_bytes(&null), &signature));
	struct hex empty = hex("0d 300b0609608648016503040312");
	assert_null(signature_recognise(14, hex_bytes(&empty), &signature));
}

/* RFC 8420 2, pqc-auth 3.2.1: only toward a peer that lists Identity. */
static void only_a_peer_that_knows_identity_gets_one(void **state)
{
	const uint32_t hashes = 1U << HASH_SHA2_256 | 1U << HASH_SHA2_512;

	(void)state;
	for (size_t i = 0; i < N_SETS; i++) {
		assert_null(signature_choose(sets[i].type, 0, true));
		assert_null(signature_choose(sets[i].type, hashes, true));
		assert_string_equal(
		    signature_choose(sets[i].type, hashes | 1U << HASH_IDENTITY, false)->name,
		    sets[i].scheme);
	}
}

/* A key of one set is none of another. */
static void sets_do_not_mix(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-44");
	struct private_key *key = key_of(pkey);
	uint8_t *data;
	size_t n;

	(void)state;
	assert_int_equal(
	    signature_make(key, signature_scheme_find("ml-dsa-65"), MESSAGE, &data, &n),
	    ERR_UNSUPPORTED);
	assert_int_equal(
	    signature_make(key, signature_scheme_find("slh-dsa-sha2-128f"), MESSAGE, &data, &n),
	    ERR_UNSUPPORTED);
	private_key_free(key);
	EVP_PKEY_free(pkey);
}

/* A OneAsymmetricKey with this octet string as its privateKey. */
static enum err parse_pkcs8(struct private_key **key, struct bytes inner)
{
	PKCS8_PRIV_KEY_INFO *p8 = PKCS8_PRIV_KEY_INFO_new();
	unsigned char *copy = OPENSSL_memdup(inner.p, inner.n);
	unsigned char *der = NULL;
	const char *reason = "";

	assert_int_equal(PKCS8_pkey_set0(p8, OBJ_txt2obj("ML-DSA-65", 0), 0, V_ASN1_UNDEF, NULL,
					 copy, (int)inner.n),
			 1);
	int n = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
	assert_true(n > 0);
	enum err e = private_key_parse(key, bytes_of(der, (size_t)n), &reason);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return e;
}

/* RFC 9881 6: a seed, an expanded key or both, told apart by the tag. */
static void each_form_of_a_private_key_is_read(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65");
	struct private_key *whole = key_of(pkey), *key = NULL;
	struct public_key *want, *got;
	uint8_t seed[2 + 32] = {0x80, 0x20};
	uint8_t expanded[4 + 4032] = {0x04, 0x82, 0x0f, 0xc0};
	uint8_t both[4 + 34 + 4036] = {0x30, 0x82, 0x0f, 0xe6, 0x04, 0x20};
	size_t n;

	(void)state;
	assert_int_equal(private_key_public(whole, &want), ERR_NONE);
	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_ML_DSA_SEED, seed + 2, 32, &n),
	    1);
	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, expanded + 4, 4032, &n),
	    1);
	memcpy(both + 6, seed + 2, 32);
	memcpy(both + 38, expanded, sizeof(expanded));
	const struct bytes forms[] = {BYTES_OF(seed), BYTES_OF(expanded), BYTES_OF(both)};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(parse_pkcs8(&key, forms[i]), ERR_NONE);
		assert_int_equal(private_key_public(key, &got), ERR_NONE);
		assert_true(public_key_equal(want, got));
		public_key_free(got);
		private_key_free(key);
	}
	/* RFC 9881 8: a seed that does not make the expanded key beside it */
	both[6] ^= 1;
	assert_int_equal(parse_pkcs8(&key, BYTES_OF(both)), ERR_SYNTAX);
	assert_int_equal(parse_pkcs8(&key, bytes_of(seed, 33)), ERR_SYNTAX);
	public_key_free(want);
	private_key_free(whole);
	EVP_PKEY_free(pkey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_set_signs_and_verifies),
	    cmocka_unit_test(identifiers_that_are_not_taken),
	    cmocka_unit_test(only_a_peer_that_knows_identity_gets_one),
	    cmocka_unit_test(sets_do_not_mix),
	    cmocka_unit_test(each_form_of_a_private_key_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
