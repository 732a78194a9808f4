/* Keys and AUTH signatures: RFC 4754 8.1, RFC 8032 7.1, the identifiers of RFC 7427 A and RFC 8420
 * A, and what must not be taken. */
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

/* One key of each type, made once. */
static const enum key_type types[] = {KEY_RSA,        KEY_ECDSA_P256, KEY_ECDSA_P384,
				      KEY_ECDSA_P521, KEY_ED25519,    KEY_ED448};
#define N_TYPES (sizeof(types) / sizeof(types[0]))
static struct private_key *keys[N_TYPES];
static struct public_key *publics[N_TYPES];

static EVP_PKEY *make(enum key_type type)
{
	switch (type) {
	case KEY_RSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	case KEY_ECDSA_P256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	case KEY_ECDSA_P384:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	case KEY_ECDSA_P521:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	case KEY_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case KEY_ED448:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
	default:
		return NULL;
	}
}

/* The text of a private key as PEM, encrypted when there is a passphrase; freed with BIO_free(). */
static BIO *pem_of(EVP_PKEY *pkey, const char *passphrase)
{
	BIO *out = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_256_cbc() : NULL;

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, pkey, cipher, passphrase,
						       passphrase != NULL ? 4 : 0, NULL, NULL),
			 1);
	return out;
}

static struct bytes text_of(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	return bytes_of(p, (size_t)n);
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		EVP_PKEY *pkey = make(types[i]);
		BIO *pem = pem_of(pkey, NULL);

		if (private_key_parse(&keys[i], text_of(pem), &reason) != ERR_NONE ||
		    private_key_public(keys[i], &publics[i]) != ERR_NONE)
			return 1;
		BIO_free(pem);
		EVP_PKEY_free(pkey);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		private_key_free(keys[i]);
		public_key_free(publics[i]);
	}
	return mem_blocks_held() != 0;
}

static void keys_are_known_by_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TYPES; i++) {
		struct public_key *again;
		const char *reason;
		uint8_t *der;
		size_t n;

		assert_int_equal(private_key_type(keys[i]), types[i]);
		assert_int_equal(public_key_type(publics[i]), types[i]);
		assert_int_equal(public_key_spki(publics[i], &der, &n), ERR_NONE);
		assert_int_equal(public_key_parse(&again, bytes_of(der, n), &reason), ERR_NONE);
		for (size_t k = 0; k < N_TYPES; k++)
			assert_true(public_key_equal(again, publics[k]) == (i == k));
		public_key_free(again);
		mem_free(der);
	}
	assert_int_equal(public_key_bits(publics[0]), 2048);
}

/* Every scheme with every key: those that fit make what they then take, the others refuse. */
static void what_is_signed_verifies(void **state)
{
	size_t n_schemes;
	const struct signature_scheme *schemes = signature_schemes(&n_schemes);
	size_t made = 0;

	(void)state;
	for (size_t s = 0; s < n_schemes; s++) {
		assert_ptr_equal(signature_scheme_find(schemes[s].name), &schemes[s]);
		for (size_t k = 0; k < N_TYPES; k++) {
			struct bytes signature;
			uint8_t *data;
			size_t n;
			enum err e = signature_make(keys[k], &schemes[s], MESSAGE, &data, &n);

			if (!signature_fits(&schemes[s], types[k])) {
				assert_int_equal(e, ERR_UNSUPPORTED);
				continue;
			}
			assert_int_equal(e, ERR_NONE);
			made++;
			assert_ptr_equal(signature_recognise(schemes[s].auth_method,
							     bytes_of(data, n), &signature),
					 &schemes[s]);
			assert_int_equal(
			    signature_verify(publics[k], &schemes[s], signature, MESSAGE),
			    ERR_NONE);
			assert_int_equal(signature_verify(publics[k], &schemes[s], signature,
							  BYTES_LITERAL("another message")),
					 ERR_AUTH);
			data[n - 1] ^= 1;
			assert_int_equal(
			    signature_verify(publics[k], &schemes[s], signature, MESSAGE),
			    ERR_AUTH);
			signature.n--;
			assert_int_equal(
			    signature_verify(publics[k], &schemes[s], signature, MESSAGE),
			    ERR_AUTH);
			assert_int_equal(signature_verify(publics[(k + 1) % N_TYPES], &schemes[s],
							  signature, MESSAGE),
					 ERR_AUTH);
			mem_free(data);
		}
	}
	/* RSA: 3 PSS, 3 + 1 PKCS #1, 1 old; ECDSA: 3 keys by 4 hashes, 3 old; EdDSA: 2. */
	assert_int_equal(made, 8 + 12 + 3 + 2);
}

/* A signature of one scheme is not one of another with the same key. */
static void schemes_do_not_mix(void **state)
{
	const struct signature_scheme *pss = signature_scheme_find("rsa-pss-sha256");
	struct bytes signature;
	uint8_t *data;
	size_t n;

	(void)state;
	assert_int_equal(signature_make(keys[0], pss, MESSAGE, &data, &n), ERR_NONE);
	signature_recognise(AUTH_DIGITAL_SIGNATURE, bytes_of(data, n), &signature);
	assert_int_equal(signature_verify(publics[0], signature_scheme_find("rsa-pkcs1-sha256"),
					  signature, MESSAGE),
			 ERR_AUTH);
	assert_int_equal(signature_verify(publics[0], signature_scheme_find("rsa-pss-sha512"),
					  signature, MESSAGE),
			 ERR_AUTH);
	mem_free(data);
}

/* The identifier says a salt as long as the hash (RFC 7427 A.4): another salt does not verify. */
static void a_pss_salt_of_another_length_is_refused(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	const struct signature_scheme *pss = signature_scheme_find("rsa-pss-sha256");
	static const int salts[] = {20, 32, 0};
	struct public_key *key;
	const char *reason;
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);

	(void)state;
	assert_int_equal(public_key_parse(&key, bytes_of(der, (size_t)n), &reason), ERR_NONE);
	for (size_t i = 0; i < 3; i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *pctx;
		uint8_t sig[256];
		size_t len = sizeof(sig);

		assert_int_equal(
		    EVP_DigestSignInit_ex(ctx, &pctx, "SHA2-256", NULL, NULL, pkey, NULL), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salts[i]), 1);
		assert_int_equal(EVP_DigestSign(ctx, sig, &len, MESSAGE.p, MESSAGE.n), 1);
		assert_int_equal(signature_verify(key, pss, bytes_of(sig, len), MESSAGE),
				 salts[i] == 32 ? ERR_NONE : ERR_AUTH);
		EVP_MD_CTX_free(ctx);
	}
	public_key_free(key);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
}

/* RFC 7427 A, RFC 8420 A: an identifier, its length before it. */
static void identifiers_are_the_rfcs(void **state)
{
	static const struct {
		const char *scheme;
		const char *identifier;
	} table[] = {
	    {"rsa-pkcs1-sha1", "300d06092a864886f70d0101050500"},
	    {"rsa-pkcs1-sha256", "300d06092a864886f70d01010b0500"},
	    {"rsa-pkcs1-sha384", "300d06092a864886f70d01010c0500"},
	    {"rsa-pkcs1-sha512", "300d06092a864886f70d01010d0500"},
	    {"ecdsa-sha1", "300906072a8648ce3d0401"},
	    {"ecdsa-sha256", "300a06082a8648ce3d040302"},
	    {"ecdsa-sha384", "300a06082a8648ce3d040303"},
	    {"ecdsa-sha512", "300a06082a8648ce3d040304"},
	    {"rsa-pss-sha256", "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11"
			       "c301a06092a864886f7"
			       "0d010108300d06096086480165030402010500a203020120a303020101"},
	    {"rsa-pss-sha384", "304606092a864886f70d01010a3039a00f300d06096086480165030402020500a11"
			       "c301a06092a864886f7"
			       "0d010108300d06096086480165030402020500a203020130a303020101"},
	    {"rsa-pss-sha512", "304606092a864886f70d01010a3039a00f300d06096086480165030402030500a11"
			       "c301a06092a864886f7"
			       "0d010108300d06096086480165030402030500a203020140a303020101"},
	    {"ed25519", "300506032b6570"},
	    {"ed448", "300506032b6571"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct signature_scheme *s = signature_scheme_find(table[i].scheme);
		struct hex want = hex(table[i].identifier);

		assert_non_null(s);
		assert_int_equal(s->identifier.n, want.n);
		assert_memory_equal(s->identifier.p, want.p, want.n);
	}
}

static const char *recognised(uint8_t method, const char *text)
{
	struct hex data = hex(text);
	struct bytes signature;
	const struct signature_scheme *s =
	    signature_recognise(method, hex_bytes(&data), &signature);

	return s != NULL ? s->name : "nothing";
}

static void other_forms_of_identifiers_are_known(void **state)
{
	(void)state;
	/* Parameters that are NULL where the RFC leaves them out, and the reverse. */
	assert_string_equal(recognised(14, "0d300b06092a864886f70d01010b 00"), "rsa-pkcs1-sha256");
	assert_string_equal(recognised(14, "0e300c06082a8648ce3d0403020500 00"), "ecdsa-sha256");
	assert_string_equal(recognised(14, "09300706032b65700500 00"), "ed25519");
	/* PSS without its trailerField, and without NULLs in the hashes. */
	assert_string_equal(
	    recognised(14, "43304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c"
			   "301a06092a864886f70d010108300d06096086480165030402010500a203020120 00"),
	    "rsa-pss-sha256");
	assert_string_equal(
	    recognised(14, "3f303d06092a864886f70d01010a3030a00d300b0609608648016503040203a11a"
			   "301806092a864886f70d010108300b0609608648016503040203a203020140 00"),
	    "rsa-pss-sha512");
}

/* A released implementation crashed on an unknown but well-formed OID here. */
static void malformed_auth_data_is_nothing(void **state)
{
	(void)state;
	assert_string_equal(recognised(14, ""), "nothing");
	assert_string_equal(recognised(14, "00"), "nothing");
	assert_string_equal(recognised(14, "00 01"), "nothing");
	assert_string_equal(recognised(14, "0c300a06082a8648ce3d040302"), "nothing"); /* no value */
	assert_string_equal(recognised(14, "0c300a06082a8648ce3d0403"), "nothing");   /* cut */
	assert_string_equal(recognised(14, "ff300a06082a8648ce3d040302 00"), "nothing");
	assert_string_equal(recognised(14, "0b300a06082a8648ce3d0403 02 00"), "nothing");
	assert_string_equal(recognised(14, "07300506032b6572 00"), "nothing"); /* unknown OID */
	assert_string_equal(recognised(14, "0d300b06096086480165030403ff 00"), "nothing");
	/* PSS with empty parameters MUST NOT be used (RFC 8247 3.3). */
	assert_string_equal(recognised(14, "0f300d06092a864886f70d01010a3000 00"), "nothing");
	/* The salt is not as long as the hash. */
	assert_string_equal(
	    recognised(14, "48304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c"
			   "301a06092a864886f70d010108300d06096086480165030402010500a203020114"
			   "a303020101 00"),
	    "nothing");
	assert_string_equal(recognised(2, "00"), "nothing");
	assert_string_equal(recognised(3, "00"), "nothing");
	assert_string_equal(recognised(9, ""), "nothing");
	assert_string_equal(recognised(9, "00"), "old-ecdsa-p256");
}

static const char *chosen(enum key_type type, uint32_t hashes, bool weak)
{
	const struct signature_scheme *s = signature_choose(type, hashes, weak);

	return s != NULL ? s->name : "nothing";
}

static void the_scheme_fits_key_and_peer(void **state)
{
	const uint32_t sha1 = 1U << HASH_SHA1;
	const uint32_t sha256 = 1U << HASH_SHA2_256;
	const uint32_t sha384 = 1U << HASH_SHA2_384;
	const uint32_t sha512 = 1U << HASH_SHA2_512;
	const uint32_t identity = 1U << HASH_IDENTITY;

	(void)state;
	assert_string_equal(chosen(KEY_RSA, sha256 | sha384 | sha512, false), "rsa-pss-sha256");
	assert_string_equal(chosen(KEY_RSA, sha512, false), "rsa-pss-sha512");
	assert_string_equal(chosen(KEY_ECDSA_P256, sha1 | sha256 | sha512, true), "ecdsa-sha256");
	assert_string_equal(chosen(KEY_ECDSA_P384, sha256 | sha384, false), "ecdsa-sha384");
	assert_string_equal(chosen(KEY_ECDSA_P384, sha256, false), "ecdsa-sha256");
	assert_string_equal(chosen(KEY_ECDSA_P521, sha256 | sha512, false), "ecdsa-sha512");
	/* RFC 8420 2: EdDSA only toward a peer that listed Identity. */
	assert_string_equal(chosen(KEY_ED25519, sha256 | identity, false), "ed25519");
	assert_string_equal(chosen(KEY_ED448, sha256, false), "nothing");
	assert_string_equal(chosen(KEY_ED25519, 0, true), "nothing");
	/* SHA-1 only when it is spelt out. */
	assert_string_equal(chosen(KEY_RSA, sha1, false), "nothing");
	assert_string_equal(chosen(KEY_RSA, sha1, true), "rsa-pkcs1-sha1");
	/* RFC 7427 3: without the peer's list, the old methods. */
	assert_string_equal(chosen(KEY_ECDSA_P256, 0, false), "old-ecdsa-p256");
	assert_string_equal(chosen(KEY_ECDSA_P384, 0, false), "old-ecdsa-p384");
	assert_string_equal(chosen(KEY_ECDSA_P521, 0, false), "old-ecdsa-p521");
	assert_string_equal(chosen(KEY_RSA, 0, false), "nothing");
	assert_string_equal(chosen(KEY_RSA, 0, true), "old-rsa-sha1");
}

static struct public_key *public_of(const char *spki)
{
	struct hex der = hex(spki);
	struct public_key *key;
	const char *reason;

	assert_int_equal(public_key_parse(&key, hex_bytes(&der), &reason), ERR_NONE);
	return key;
}

/* RFC 4754 8.1: r | s over "abc". */
static void method_9_is_rfc_4754(void **state)
{
	struct public_key *key =
	    public_of("3059301306072a8648ce3d020106082a8648ce3d03010703420004"
		      "2442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb04235e970"
		      "6fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d");
	struct hex data = hex("cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c"
			      "86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315");
	struct bytes signature;
	const struct signature_scheme *s = signature_recognise(9, hex_bytes(&data), &signature);
	uint8_t longer[66];

	(void)state;
	assert_int_equal(signature_verify(key, s, signature, BYTES_LITERAL("abc")), ERR_NONE);
	assert_int_equal(signature_verify(key, s, signature, BYTES_LITERAL("abd")), ERR_AUTH);
	/* The same r and s, each an octet longer. */
	longer[0] = longer[33] = 0;
	memcpy(longer + 1, data.p, 32);
	memcpy(longer + 34, data.p + 32, 32);
	assert_int_equal(signature_verify(key, s, BYTES_OF(longer), BYTES_LITERAL("abc")),
			 ERR_AUTH);
	data.n--;
	assert_int_equal(signature_verify(key, s, hex_bytes(&data), BYTES_LITERAL("abc")),
			 ERR_AUTH);
	public_key_free(key);
}

/* RFC 8032 7.1, test 1, in the AUTH data of RFC 8420. */
static void ed25519_is_rfc_8032(void **state)
{
	struct public_key *key =
	    public_of("302a300506032b6570032100"
		      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
	struct hex data = hex("07300506032b6570"
			      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
			      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
	struct bytes signature;
	const struct signature_scheme *s = signature_recognise(14, hex_bytes(&data), &signature);

	(void)state;
	assert_non_null(s);
	assert_int_equal(s->hash, HASH_IDENTITY);
	assert_int_equal(signature_verify(key, s, signature, bytes_of(NULL, 0)), ERR_NONE);
	public_key_free(key);
}

static void refuse_private(struct bytes text, enum err want)
{
	struct private_key *key;
	const char *reason = NULL;

	assert_int_equal(private_key_parse(&key, text, &reason), want);
	assert_null(key);
	assert_non_null(reason);
}

static void keys_that_are_not_taken(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	static const uint8_t huge[KEY_TEXT_MAX + 1];
	struct public_key *public;
	const char *reason = NULL;
	BIO *pem = pem_of(pkey, NULL);

	(void)state;
	refuse_private(text_of(pem), ERR_UNSUPPORTED); /* RSA below 2048 */
	BIO_free(pem);
	EVP_PKEY_free(pkey);
	pkey = make(KEY_ECDSA_P256);
	pem = pem_of(pkey, "abcd");
	refuse_private(text_of(pem), ERR_UNSUPPORTED); /* encrypted */
	BIO_free(pem);
	pem = pem_of(pkey, NULL);
	refuse_private(bytes_of(text_of(pem).p, text_of(pem).n / 2), ERR_SYNTAX);
	assert_int_equal(public_key_parse(&public, text_of(pem), &reason), ERR_SYNTAX);
	BIO_free(pem);
	EVP_PKEY_free(pkey);
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	pem = pem_of(pkey, NULL);
	refuse_private(text_of(pem), ERR_UNSUPPORTED);
	BIO_free(pem);
	EVP_PKEY_free(pkey);
	refuse_private(BYTES_LITERAL("no key at all"), ERR_SYNTAX);
	refuse_private(bytes_of(NULL, 0), ERR_SYNTAX);
	refuse_private(BYTES_OF(huge), ERR_SYNTAX);
}

/* Texts that took the library's own search many seconds each: the answer is as fast as any. */
static void junk_is_refused_in_linear_time(void **state)
{
	static const char *const units[] = {"\n", "a", "-----BEGIN X-----\nAAAA\n-----END X-----\n",
					    "0 "};
	static char text[KEY_TEXT_MAX + 64];

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = 0;

		for (size_t len = strlen(units[i]); n + len <= KEY_TEXT_MAX; n += len)
			memcpy(text + n, units[i], len);
		for (int k = 0; k < 20; k++) {
			struct public_key *key;
			const char *reason;

			refuse_private(bytes_of(text, n), ERR_SYNTAX);
			assert_int_equal(public_key_parse(&key, bytes_of(text, n), &reason),
					 ERR_SYNTAX);
		}
	}
}

/* Encrypted in any of the three ways, it is said so. */
static void an_encrypted_key_is_known(void **state)
{
	EVP_PKEY *pkey = make(KEY_ECDSA_P256);
	unsigned char pass[] = "abcd";
	BIO *out = BIO_new(BIO_s_mem());

	(void)state;
	assert_int_equal(
	    i2d_PKCS8PrivateKey_bio(out, pkey, EVP_aes_256_cbc(), "abcd", 4, NULL, NULL), 1);
	refuse_private(text_of(out), ERR_UNSUPPORTED);
	BIO_free(out);
	out = BIO_new(BIO_s_mem());
	assert_int_equal(
	    PEM_write_bio_PrivateKey_traditional(out, pkey, EVP_aes_256_cbc(), pass, 4, NULL, NULL),
	    1);
	refuse_private(text_of(out), ERR_UNSUPPORTED);
	BIO_free(out);
	EVP_PKEY_free(pkey);
}

/* The traditional forms too: openssl ecparam -genkey and genrsa -traditional write them. */
static void traditional_forms_are_taken(void **state)
{
	EVP_PKEY *pkey = make(KEY_ECDSA_P256);
	BIO *out = BIO_new(BIO_s_mem());
	struct private_key *key;
	const char *reason;
	unsigned char *der = NULL;
	int n;

	(void)state;
	BIO_puts(out, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
		      "-----END EC PARAMETERS-----\n");
	assert_int_equal(PEM_write_bio_PrivateKey_traditional(out, pkey, NULL, NULL, 0, NULL, NULL),
			 1);
	assert_int_equal(private_key_parse(&key, text_of(out), &reason), ERR_NONE);
	assert_int_equal(private_key_type(key), KEY_ECDSA_P256);
	private_key_free(key);
	n = i2d_PrivateKey(pkey, &der);
	assert_true(n > 0);
	assert_int_equal(private_key_parse(&key, bytes_of(der, (size_t)n), &reason), ERR_NONE);
	private_key_free(key);
	OPENSSL_free(der);
	BIO_free(out);
	EVP_PKEY_free(pkey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_known_by_type),
	    cmocka_unit_test(what_is_signed_verifies),
	    cmocka_unit_test(schemes_do_not_mix),
	    cmocka_unit_test(a_pss_salt_of_another_length_is_refused),
	    cmocka_unit_test(identifiers_are_the_rfcs),
	    cmocka_unit_test(other_forms_of_identifiers_are_known),
	    cmocka_unit_test(malformed_auth_data_is_nothing),
	    cmocka_unit_test(the_scheme_fits_key_and_peer),
	    cmocka_unit_test(method_9_is_rfc_4754),
	    cmocka_unit_test(ed25519_is_rfc_8032),
	    cmocka_unit_test(keys_that_are_not_taken),
	    cmocka_unit_test(junk_is_refused_in_linear_time),
	    cmocka_unit_test(an_encrypted_key_is_known),
	    cmocka_unit_test(traditional_forms_are_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
