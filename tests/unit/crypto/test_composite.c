/* Composite ML-DSA (draft-ietf-lamps-pq-composite-sigs): the draft's vectors, each algorithm
 * against its parts taken one by one, and keys and signatures that must not be taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "composite_octets.h"
#include "composite_vectors.h"
#include "crypto/key.h"
#include "crypto/openssl.h"

#define MESSAGE BYTES_LITERAL("InitiatorSignedOctets")

/* Section 6 of the draft, written down anew: the code's own table is not asked. */
static const struct {
	enum key_type type;
	const char *name;
	const char *label; /* NULL: the name, behind "COMPSIG-" */
	const char *scheme;
	uint8_t last; /* of the OID */
	const char *ml_dsa;
	const char *traditional; /* "rsa2048", or the library's name of a curve */
	const char *hash;        /* of the traditional part */
	bool pss;
} sets[] = {
    {KEY_MLDSA44_RSA2048_PSS, "MLDSA44-RSA2048-PSS-SHA256", NULL, "mldsa44-rsa2048-pss", 0x25,
     "ML-DSA-44", "rsa2048", "SHA256", true},
    {KEY_MLDSA44_RSA2048_PKCS15, "MLDSA44-RSA2048-PKCS15-SHA256", NULL, "mldsa44-rsa2048-pkcs15",
     0x26, "ML-DSA-44", "rsa2048", "SHA256", false},
    {KEY_MLDSA44_ED25519, "MLDSA44-Ed25519-SHA512", NULL, "mldsa44-ed25519", 0x27, "ML-DSA-44",
     "ED25519", NULL, false},
    {KEY_MLDSA44_ECDSA_P256, "MLDSA44-ECDSA-P256-SHA256", NULL, "mldsa44-ecdsa-p256", 0x28,
     "ML-DSA-44", "P-256", "SHA256", false},
    {KEY_MLDSA65_RSA3072_PSS, "MLDSA65-RSA3072-PSS-SHA512", NULL, "mldsa65-rsa3072-pss", 0x29,
     "ML-DSA-65", "rsa3072", "SHA256", true},
    {KEY_MLDSA65_RSA3072_PKCS15, "MLDSA65-RSA3072-PKCS15-SHA512", NULL, "mldsa65-rsa3072-pkcs15",
     0x2a, "ML-DSA-65", "rsa3072", "SHA256", false},
    {KEY_MLDSA65_RSA4096_PSS, "MLDSA65-RSA4096-PSS-SHA512", NULL, "mldsa65-rsa4096-pss", 0x2b,
     "ML-DSA-65", "rsa4096", "SHA384", true},
    {KEY_MLDSA65_RSA4096_PKCS15, "MLDSA65-RSA4096-PKCS15-SHA512", NULL, "mldsa65-rsa4096-pkcs15",
     0x2c, "ML-DSA-65", "rsa4096", "SHA384", false},
    {KEY_MLDSA65_ECDSA_P256, "MLDSA65-ECDSA-P256-SHA512", NULL, "mldsa65-ecdsa-p256", 0x2d,
     "ML-DSA-65", "P-256", "SHA256", false},
    {KEY_MLDSA65_ECDSA_P384, "MLDSA65-ECDSA-P384-SHA512", NULL, "mldsa65-ecdsa-p384", 0x2e,
     "ML-DSA-65", "P-384", "SHA384", false},
    {KEY_MLDSA65_ECDSA_BRAINPOOLP256R1, "MLDSA65-ECDSA-brainpoolP256r1-SHA512",
     "MLDSA65-ECDSA-BP256-SHA512", "mldsa65-ecdsa-brainpoolp256r1", 0x2f, "ML-DSA-65",
     "brainpoolP256r1", "SHA256", false},
    {KEY_MLDSA65_ED25519, "MLDSA65-Ed25519-SHA512", NULL, "mldsa65-ed25519", 0x30, "ML-DSA-65",
     "ED25519", NULL, false},
    {KEY_MLDSA87_ECDSA_P384, "MLDSA87-ECDSA-P384-SHA512", NULL, "mldsa87-ecdsa-p384", 0x31,
     "ML-DSA-87", "P-384", "SHA384", false},
    {KEY_MLDSA87_ECDSA_BRAINPOOLP384R1, "MLDSA87-ECDSA-brainpoolP384r1-SHA512",
     "MLDSA87-ECDSA-BP384-SHA512", "mldsa87-ecdsa-brainpoolp384r1", 0x32, "ML-DSA-87",
     "brainpoolP384r1", "SHA384", false},
    {KEY_MLDSA87_ED448, "MLDSA87-Ed448-SHAKE256", NULL, "mldsa87-ed448", 0x33, "ML-DSA-87", "ED448",
     NULL, false},
    {KEY_MLDSA87_RSA3072_PSS, "MLDSA87-RSA3072-PSS-SHA512", NULL, "mldsa87-rsa3072-pss", 0x34,
     "ML-DSA-87", "rsa3072", "SHA256", true},
    {KEY_MLDSA87_RSA4096_PSS, "MLDSA87-RSA4096-PSS-SHA512", NULL, "mldsa87-rsa4096-pss", 0x35,
     "ML-DSA-87", "rsa4096", "SHA384", true},
    {KEY_MLDSA87_ECDSA_P521, "MLDSA87-ECDSA-P521-SHA512", NULL, "mldsa87-ecdsa-p521", 0x36,
     "ML-DSA-87", "P-521", "SHA512", false},
};
#define N_SETS (sizeof(sets) / sizeof(sets[0]))

/* The two halves of one key. */
struct parts {
	EVP_PKEY *ml_dsa;
	EVP_PKEY *traditional;
};

/* RSA keys take long to make: one of each length serves all. */
static EVP_PKEY *rsa_key(unsigned bits)
{
	static EVP_PKEY *keys[3];
	EVP_PKEY **key = &keys[bits != 0 ? bits / 1024 - 2 : 0];

	if (bits == 0) {
		for (size_t i = 0; i < 3; i++)
			EVP_PKEY_free(keys[i]);
		return NULL;
	}
	if (*key == NULL)
		*key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	assert_int_equal(EVP_PKEY_up_ref(*key), 1);
	return *key;
}

static EVP_PKEY *traditional_key(const char *kind)
{
	if (strncmp(kind, "rsa", 3) == 0)
		return rsa_key((unsigned)atoi(kind + 3));
	if (strncmp(kind, "ED", 2) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, kind);
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
}

static struct parts parts_new(size_t i)
{
	struct parts p = {EVP_PKEY_Q_keygen(NULL, NULL, sets[i].ml_dsa),
			  traditional_key(sets[i].traditional)};

	assert_true(p.ml_dsa != NULL && p.traditional != NULL);
	return p;
}

static void parts_free(struct parts *p)
{
	EVP_PKEY_free(p->ml_dsa);
	EVP_PKEY_free(p->traditional);
}

static void add_der(struct octets *o, int (*write)(const EVP_PKEY *, unsigned char **),
		    const EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = write(key, &der);

	assert_true(n > 0);
	add(o, der, (size_t)n);
	OPENSSL_free(der);
}

/* Section 4.2: the seed, and the other private key. */
static struct octets private_raw(const struct parts *p)
{
	struct octets o = {.n = 0};
	uint8_t raw[64];
	size_t n;

	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(p->ml_dsa, OSSL_PKEY_PARAM_ML_DSA_SEED, raw, 32, &n),
	    1);
	add(&o, raw, n);
	n = sizeof(raw);
	if (EVP_PKEY_is_a(p->traditional, "ED25519") || EVP_PKEY_is_a(p->traditional, "ED448")) {
		assert_int_equal(EVP_PKEY_get_raw_private_key(p->traditional, raw, &n), 1);
		add(&o, raw, n);
		return o;
	}
	if (EVP_PKEY_is_a(p->traditional, "EC"))
		assert_int_equal(
		    EVP_PKEY_set_int_param(p->traditional, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0),
		    1);
	add_der(&o, i2d_PrivateKey, p->traditional);
	return o;
}

/* Section 4.1. */
static struct octets public_raw(const struct parts *p)
{
	struct octets o = {.n = 0};
	uint8_t raw[4096];
	size_t n = sizeof(raw);

	assert_int_equal(EVP_PKEY_get_raw_public_key(p->ml_dsa, raw, &n), 1);
	add(&o, raw, n);
	n = sizeof(raw);
	if (EVP_PKEY_get_raw_public_key(p->traditional, raw, &n) == 1)
		add(&o, raw, n);
	else
		add_der(&o, i2d_PublicKey, p->traditional);
	return o;
}

static enum err parse_private(struct private_key **key, struct octets der)
{
	const char *reason = "";

	return private_key_parse(key, all(&der), &reason);
}

static enum err parse_public(struct octets der)
{
	struct public_key *key;
	const char *reason = "";
	enum err e = public_key_parse(&key, all(&der), &reason);

	public_key_free(key);
	return e;
}

/* M' as section 3.2 has it, of MESSAGE without context. */
static struct octets representative(size_t i)
{
	struct octets m = {.n = 0};
	uint8_t hash[64];
	const bool short_hash = strstr(sets[i].name, "-SHA256") != NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	add(&m, "CompositeAlgorithmSignatures2025", 32);
	add(&m, "COMPSIG-", 8);
	add(&m, sets[i].label != NULL ? sets[i].label : sets[i].name,
	    strlen(sets[i].label != NULL ? sets[i].label : sets[i].name));
	add(&m, "", 1);
	if (strstr(sets[i].name, "SHAKE256") != NULL) {
		assert_int_equal(EVP_DigestInit(ctx, EVP_shake256()), 1);
		assert_int_equal(EVP_DigestUpdate(ctx, MESSAGE.p, MESSAGE.n), 1);
		assert_int_equal(EVP_DigestFinalXOF(ctx, hash, 64), 1);
	} else {
		assert_int_equal(EVP_Digest(MESSAGE.p, MESSAGE.n, hash, NULL,
					    short_hash ? EVP_sha256() : EVP_sha512(), NULL),
				 1);
	}
	add(&m, hash, short_hash ? 32 : 64);
	EVP_MD_CTX_free(ctx);
	return m;
}

/* One half by the library alone. */
static bool half_holds(EVP_PKEY *key, const char *hash, bool pss, const char *context,
		       struct bytes signature, struct bytes message)
{
	OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(
				   OSSL_SIGNATURE_PARAM_CONTEXT_STRING, (void *)(uintptr_t)context,
				   context != NULL ? strlen(context) : 0),
			       OSSL_PARAM_construct_end()};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	bool ok;

	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pctx, hash, NULL, NULL, key,
						 context != NULL ? params : NULL),
			 1);
	if (pss)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
			    EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1);
	ok = EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static void check_halves(const struct parts *p, size_t i, struct bytes signature)
{
	const size_t cut = sets[i].ml_dsa[7] == '4' ? 2420 : sets[i].ml_dsa[7] == '6' ? 3309 : 4627;
	struct octets m = representative(i);
	char label[64] = "COMPSIG-";

	strcat(label, sets[i].label != NULL ? sets[i].label : sets[i].name);
	assert_true(signature.n > cut);
	assert_true(half_holds(p->ml_dsa, NULL, false, label, bytes_of(signature.p, cut), all(&m)));
	assert_true(half_holds(p->traditional, sets[i].hash, sets[i].pss, NULL,
			       bytes_of(signature.p + cut, signature.n - cut), all(&m)));
}

/* RFC 7427 3: length octet, AlgorithmIdentifier, signature. Each octet of both halves counts. */
static void check_signature(const struct parts *p, const struct private_key *key,
			    const struct public_key *public, size_t i)
{
	const struct signature_scheme *s = signature_scheme_find(sets[i].scheme);
	const uint8_t head[] = {0x0c, 0x30, 0x0a, 0x06, 0x08, 0x2b,        0x06,
				0x01, 0x05, 0x05, 0x07, 0x06, sets[i].last};
	struct bytes signature, shorter;
	uint8_t *data, *longer;
	size_t n;

	assert_non_null(s);
	assert_true(signature_fits(s, sets[i].type));
	assert_int_equal(signature_make(key, s, MESSAGE, &data, &n), ERR_NONE);
	assert_memory_equal(data, head, sizeof(head));
	assert_ptr_equal(signature_recognise(14, bytes_of(data, n), &signature), s);
	check_halves(p, i, signature);
	assert_int_equal(signature_verify(public, s, signature, MESSAGE), ERR_NONE);
	assert_int_equal(signature_verify(public, s, signature, BYTES_LITERAL("another")),
			 ERR_AUTH);
	data[sizeof(head)] ^= 1;
	assert_int_equal(signature_verify(public, s, signature, MESSAGE), ERR_AUTH);
	data[sizeof(head)] ^= 1;
	data[n - 1] ^= 1;
	assert_int_equal(signature_verify(public, s, signature, MESSAGE), ERR_AUTH);
	data[n - 1] ^= 1;
	shorter = bytes_of(signature.p, signature.n - 1);
	assert_int_equal(signature_verify(public, s, shorter, MESSAGE), ERR_AUTH);
	longer = calloc(1, signature.n + 1);
	memcpy(longer, signature.p, signature.n);
	assert_int_equal(signature_verify(public, s, bytes_of(longer, signature.n + 1), MESSAGE),
			 ERR_AUTH);
	free(longer);
	mem_free(data);
}

static void each_algorithm_is_its_two_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SETS; i++) {
		struct parts p = parts_new(i);
		struct private_key *key;
		struct public_key *public;
		struct octets want = spki(public_raw(&p), sets[i].last, false);
		uint8_t *der;
		size_t n;

		assert_int_equal(parse_private(&key, pkcs8(private_raw(&p), sets[i].last, false)),
				 ERR_NONE);
		assert_int_equal(private_key_type(key), sets[i].type);
		assert_string_equal(key_type_name(sets[i].type), sets[i].name);
		assert_true(key_type_is_pq(sets[i].type));
		assert_int_equal(private_key_public(key, &public), ERR_NONE);
		assert_int_equal(public_key_spki(public, &der, &n), ERR_NONE);
		assert_true(bytes_equal(bytes_of(der, n), all(&want)));
		check_signature(&p, key, public, i);
		mem_free(der);
		public_key_free(public);
		private_key_free(key);
		parts_free(&p);
	}
	assert_int_equal(mem_blocks_held(), 0);
}

static void check_vector(const char *private, const char *signature, const char *scheme)
{
	struct octets sig = unhex(signature);
	struct private_key *key;
	struct public_key *public;

	assert_int_equal(parse_private(&key, unhex(private)), ERR_NONE);
	assert_int_equal(private_key_public(key, &public), ERR_NONE);
	assert_int_equal(signature_verify(public, signature_scheme_find(scheme), all(&sig),
					  BYTES_LITERAL(VECTOR_MESSAGE)),
			 ERR_NONE);
	sig.p[100] ^= 1;
	assert_int_equal(signature_verify(public, signature_scheme_find(scheme), all(&sig),
					  BYTES_LITERAL(VECTOR_MESSAGE)),
			 ERR_AUTH);
	public_key_free(public);
	private_key_free(key);
}

static void the_vectors_of_the_draft(void **state)
{
	struct octets der = unhex(ed25519_private), sig = unhex(ed25519_signature_in_context);
	const unsigned char *p = der.p;
	EVP_PKEY *key;

	(void)state;
	check_vector(ed25519_private, ed25519_signature, "mldsa44-ed25519");
	check_vector(p256_private, p256_signature, "mldsa65-ecdsa-p256");
	/* The context, which IKE leaves empty, is what the library's parameter says. */
	key = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
	assert_non_null(key);
	assert_true(
	    half_holds(key, NULL, false, VECTOR_CONTEXT, all(&sig), BYTES_LITERAL(VECTOR_MESSAGE)));
	assert_false(half_holds(key, NULL, false, "", all(&sig), BYTES_LITERAL(VECTOR_MESSAGE)));
	EVP_PKEY_free(key);
}

/* RFC 8420 2: only toward a peer that lists Identity; the same identifier with a NULL is another.
 */
static void schemes_go_by_the_rules_of_identity(void **state)
{
	const uint32_t hashes = 1U << HASH_SHA2_256 | 1U << HASH_SHA2_512;
	struct bytes rest;

	(void)state;
	for (size_t i = 0; i < N_SETS; i++) {
		struct octets plain = {.n = 0}, null = {.n = 0};

		assert_null(signature_choose(sets[i].type, hashes, true));
		assert_string_equal(
		    signature_choose(sets[i].type, hashes | 1U << HASH_IDENTITY, false)->name,
		    sets[i].scheme);
		add(&plain, "\x0c", 1);
		add_identifier(&plain, sets[i].last, false);
		assert_null(signature_recognise(14, all(&plain), &rest));
		add(&plain, "s", 1);
		assert_non_null(signature_recognise(14, all(&plain), &rest));
		add(&null, "\x0e", 1);
		add_identifier(&null, sets[i].last, true);
		add(&null, "s", 1);
		assert_null(signature_recognise(14, all(&null), &rest));
	}
	for (unsigned last = 0; last < 256; last++) {
		struct octets one = {.n = 0};

		add(&one, "\x0c", 1);
		add_identifier(&one, (uint8_t)last, false);
		add(&one, "s", 1);
		assert_true((signature_recognise(14, all(&one), &rest) != NULL) ==
			    (last >= 37 && last <= 54));
	}
}

static size_t find(enum key_type type)
{
	size_t i = 0;

	while (sets[i].type != type)
		i++;
	return i;
}

/* raw with one octet more, one less, or one changed. */
static struct octets longer(struct octets o)
{
	add(&o, "", 1);
	return o;
}

static struct octets shorter(struct octets o)
{
	o.n--;
	return o;
}

static void public_keys_that_are_refused(void **state)
{
	static const enum key_type types[] = {KEY_MLDSA44_ED25519, KEY_MLDSA44_ECDSA_P256,
					      KEY_MLDSA44_RSA2048_PSS};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		const size_t i = find(types[k]);
		const uint8_t last = sets[i].last;
		struct parts p = parts_new(i);
		struct octets raw = public_raw(&p), swapped = {.n = 0}, der, outer;

		assert_int_equal(parse_public(spki(raw, last, false)), ERR_NONE);
		assert_int_equal(parse_public(spki(longer(raw), last, false)), ERR_SYNTAX);
		assert_int_equal(parse_public(spki(shorter(raw), last, false)), ERR_SYNTAX);
		assert_int_equal(parse_public(longer(spki(raw, last, false))), ERR_SYNTAX);
		assert_int_equal(parse_public(spki(raw, last, true)), ERR_SYNTAX);
		/* ML-DSA alone, the other alone, and both the wrong way round */
		assert_int_equal(parse_public(spki((struct octets){.n = 0}, last, false)),
				 ERR_SYNTAX);
		outer = raw;
		outer.n = 1312;
		assert_int_equal(parse_public(spki(outer, last, false)), ERR_SYNTAX);
		add(&swapped, raw.p + 1312, raw.n - 1312);
		add(&swapped, raw.p, 1312);
		/* any octets are a key of ML-DSA, and any 32 one of Ed25519 */
		assert_int_equal(parse_public(spki(swapped, last, false)),
				 types[k] == KEY_MLDSA44_ED25519 ? ERR_NONE : ERR_SYNTAX);
		/* another algorithm's identifier: a key of another length */
		assert_int_equal(
		    parse_public(spki(raw, sets[find(KEY_MLDSA65_ED25519)].last, false)),
		    ERR_SYNTAX);
		/* unused bits in the BIT STRING */
		der = spki(raw, last, false);
		der.p[der.n - raw.n - 1] = 1;
		assert_int_equal(parse_public(der), ERR_SYNTAX);
		parts_free(&p);
	}
}

/* Octets that are no point, a point in another form, another curve or length of RSA. */
static void the_traditional_half_must_be_what_the_oid_says(void **state)
{
	const size_t p256 = find(KEY_MLDSA44_ECDSA_P256), pss = find(KEY_MLDSA44_RSA2048_PSS);
	struct parts p = parts_new(p256), q = parts_new(pss);
	struct parts r = {p.ml_dsa, rsa_key(3072)};
	struct octets raw = public_raw(&p), other;
	struct private_key *key;

	(void)state;
	other = raw;
	other.p[1312] = 0x06; /* the hybrid form, which tells y twice */
	assert_int_equal(parse_public(spki(other, sets[p256].last, false)), ERR_SYNTAX);
	other = raw;
	other.p[1312] = 0x02 + (other.p[1312 + 64] & 1);
	other.n = 1312 + 33; /* compressed */
	assert_int_equal(parse_public(spki(other, sets[p256].last, false)), ERR_SYNTAX);
	other = raw;
	other.p[1312 + 64] ^= 1; /* beside the curve */
	assert_int_equal(parse_public(spki(other, sets[p256].last, false)), ERR_SYNTAX);
	assert_int_equal(parse_public(spki(public_raw(&r), sets[pss].last, false)), ERR_SYNTAX);
	assert_int_equal(parse_private(&key, pkcs8(private_raw(&r), sets[pss].last, false)),
			 ERR_SYNTAX);
	assert_int_equal(parse_private(&key, pkcs8(private_raw(&q), sets[p256].last, false)),
			 ERR_SYNTAX);
	assert_int_equal(parse_private(&key, pkcs8(private_raw(&p), sets[pss].last, false)),
			 ERR_SYNTAX);
	EVP_PKEY_free(r.traditional);
	parts_free(&q);
	parts_free(&p);
}

static void private_keys_that_are_refused(void **state)
{
	static const enum key_type types[] = {KEY_MLDSA44_ED25519, KEY_MLDSA44_ECDSA_P256,
					      KEY_MLDSA44_RSA2048_PSS};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		const size_t i = find(types[k]);
		const uint8_t last = sets[i].last;
		struct parts p = parts_new(i);
		struct octets raw = private_raw(&p);
		struct private_key *key;

		assert_int_equal(parse_private(&key, pkcs8(longer(raw), last, false)), ERR_SYNTAX);
		assert_int_equal(parse_private(&key, pkcs8(shorter(raw), last, false)), ERR_SYNTAX);
		assert_int_equal(parse_private(&key, longer(pkcs8(raw, last, false))), ERR_SYNTAX);
		assert_int_equal(parse_private(&key, pkcs8(raw, last, true)), ERR_SYNTAX);
		assert_int_equal(parse_private(&key, pkcs8((struct octets){.n = 0}, last, false)),
				 ERR_SYNTAX);
		raw.n = 32;
		assert_int_equal(parse_private(&key, pkcs8(raw, last, false)), ERR_SYNTAX);
		parts_free(&p);
	}
}

/* The draft, section 3.3: one good half is not enough. */
static void both_halves_must_hold(void **state)
{
	const size_t i = find(KEY_MLDSA44_ED25519);
	const struct signature_scheme *s = signature_scheme_find(sets[i].scheme);
	struct parts a = parts_new(i), b = parts_new(i);
	struct parts mixed[] = {{a.ml_dsa, b.traditional}, {b.ml_dsa, a.traditional}};
	struct private_key *key;
	struct public_key *public;
	struct bytes signature;
	uint8_t *data;
	size_t n;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		assert_int_equal(parse_private(&key, pkcs8(private_raw(&a), sets[i].last, false)),
				 ERR_NONE);
		assert_int_equal(signature_make(key, s, MESSAGE, &data, &n), ERR_NONE);
		assert_non_null(signature_recognise(14, bytes_of(data, n), &signature));
		private_key_free(key);
		assert_int_equal(
		    parse_private(&key, pkcs8(private_raw(&mixed[k]), sets[i].last, false)),
		    ERR_NONE);
		assert_int_equal(private_key_public(key, &public), ERR_NONE);
		assert_int_equal(signature_verify(public, s, signature, MESSAGE), ERR_AUTH);
		public_key_free(public);
		private_key_free(key);
		mem_free(data);
	}
	parts_free(&b);
	parts_free(&a);
}

static int done(void **state)
{
	(void)state;
	rsa_key(0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_vectors_of_the_draft),
	    cmocka_unit_test(each_algorithm_is_its_two_parts),
	    cmocka_unit_test(schemes_go_by_the_rules_of_identity),
	    cmocka_unit_test(public_keys_that_are_refused),
	    cmocka_unit_test(the_traditional_half_must_be_what_the_oid_says),
	    cmocka_unit_test(private_keys_that_are_refused),
	    cmocka_unit_test(both_halves_must_hold),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
