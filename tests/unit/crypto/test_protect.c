/* Ciphers and integrity algorithms against published vectors: McGrew and Viega's GCM cases (RFC
 * 4106's cipher), RFC 8439 2.8.2 and RFC 7634 A and B, RFC 3602, RFC 3686, RFC 4868, RFC 4494. For
 * CCM with the nonce of RFC 4309, of which nobody prints vectors, values made from RFC 3610 over a
 * bare block cipher. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/protect.h"
#include "hex.h"

#define TEXT_MAX 512

static struct crypto *crypto;

struct vector {
	uint16_t encr;
	uint16_t bits;
	uint16_t integ;  /* 0 for an AEAD */
	const char *key; /* with its salt */
	const char *integ_key;
	const char *iv;
	const char *aad;
	const char *plain;
	const char *sealed;
	const char *icv; /* NULL: not printed */
};

static const struct vector vectors[] = {
    {ENCR_AES_GCM_16, 128, 0, "feffe9928665731c6d6a8f9467308308cafebabe", "", "facedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {ENCR_AES_GCM_16, 256, 0,
     "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe", "",
     "facedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {ENCR_CHACHA20_POLY1305, 0, 0,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f07000000", "",
     "4041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
    {ENCR_CHACHA20_POLY1305, 0, 0,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3", "",
     "1011121314151617", "0102030400000005",
     "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
     "0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
     "2425262728292a2b2c2d2e2f303132333435363701020204",
     "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
     "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
     "cbec163fac469b502773f6fb94e664da9165b82829f641e0",
     "76aaa8266b7fb0f7b11b369907e1ad43"},
    {ENCR_CHACHA20_POLY1305, 256, 0,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3", "",
     "1011121314151617", "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029",
     "0000000c000040010000000a00", "610394701f8d017f7c12924889",
     "6b71bfe25236efd7cdc67066906315b2"},
    {ENCR_AES_CCM_8, 128, 0, "000102030405060708090a0b0c0d0e0fa0a1a2", "", "1011121314151617",
     "404142434445464748494a4b",
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4",
     "4e2bf8fe64798c377e4642b456607ab6eddd1fadbde285f434c04e2ad07709ee62a0c07fd8",
     "71b0e0a63fc14f73"},
    {ENCR_AES_CCM_12, 192, 0, "000102030405060708090a0b0c0d0e0f1011121314151617a0a1a2", "",
     "1011121314151617", "404142434445464748494a4b",
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4",
     "d864c84d287f4680d247a2dd770836e9eb2f06c3f66fbacfc15819bce057fe26911e408f11",
     "ffc0044842c299582a0a74de"},
    {ENCR_AES_CCM_16, 256, 0,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa0a1a2", "",
     "1011121314151617", "404142434445464748494a4b",
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4",
     "907d1a304fa79df1e7dd4d7edd69d741e4ca0adfa0b800d1d8cf63a4e7c524666105120965",
     "eeea31745062087098e6b70e2adc4ac3"},
    {ENCR_AES_CCM_16, 128, 0, "000102030405060708090a0b0c0d0e0fa0a1a2", "", "1011121314151617",
     "404142434445464748494a4b", "", "", "e4a5fdd72d2955eda80022cd5b02eec0"},
    {ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128, "06a9214036b8a15b512e03d534120006",
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     "3dafba429d9eb430b422da802c9fac41", "", "53696e676c6520626c6f636b206d7367",
     "e353779c1079aeb82708942dbe77181a", NULL},
    {ENCR_AES_CBC, 128, INTEG_AES_CMAC_96, "c286696d887c9aa0611bbb3e2025a45a",
     "2b7e151628aed2a6abf7158809cf4f3c", "562e17996d093d28ddb3ba695a2e6f58", "",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1", NULL},
    {ENCR_AES_CTR, 128, INTEG_AES_CMAC_96, "ae6852f8121067cc4bf7a5765577f39e00000030",
     "2b7e151628aed2a6abf7158809cf4f3c", "0000000000000000", "", "53696e676c6520626c6f636b206d7367",
     "e4095d4fb7a7b3792d6175a3261311b8", NULL},
    {ENCR_AES_CTR, 128, INTEG_AES_CMAC_96, "7e24067817fae0d743d6ce1f32539163006cb6db",
     "2b7e151628aed2a6abf7158809cf4f3c", "c0543b59da48d90b", "",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28", NULL},
    {ENCR_AES_CTR, 256, INTEG_AES_CMAC_96,
     "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c10400000060",
     "2b7e151628aed2a6abf7158809cf4f3c", "db5672c97aa8f0b2", "", "53696e676c6520626c6f636b206d7367",
     "145ad01dbf824ec7560863dc71e3e0c0", NULL},
    /* "Hi There" under NULL encryption: what is printed is the MAC alone. */
    {ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128, "",
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", "4869205468657265",
     "4869205468657265", "198a607eb44bfbc69903a0f1cf2bbdc5"},
    {ENCR_NULL, 0, INTEG_HMAC_SHA2_384_192, "",
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     "", "", "4869205468657265", "4869205468657265",
     "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973"},
    {ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256, "",
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     "", "", "4869205468657265", "4869205468657265",
     "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"},
    {ENCR_NULL, 0, INTEG_HMAC_SHA1_96, "", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "4869205468657265", "4869205468657265", "b617318655057264e28bc0b6"},
    {ENCR_NULL, 0, INTEG_AES_CMAC_96, "", "2b7e151628aed2a6abf7158809cf4f3c", "", "",
     "6bc1bee22e409f96e93d7e117393172a", "6bc1bee22e409f96e93d7e117393172a",
     "070a16b46b4d4144f79bdd9d"},
    {ENCR_NULL, 0, INTEG_AES_CMAC_96, "", "2b7e151628aed2a6abf7158809cf4f3c", "", "", "", "",
     "bb1d6929e95937287fa37d12"},
};

/* A vector in octets, and a unit over a copy of its text. */
struct bench {
	struct hex key, integ_key, iv, aad, plain, sealed, icv;
	struct protect_suite suite;
	struct protect_keys keys;
	struct protect_unit unit;
	uint8_t text[TEXT_MAX];
	uint8_t tag[ICV_MAX];
};

static void set_up(struct bench *b, const struct vector *v)
{
	*b = (struct bench){.key = hex(v->key),
			    .integ_key = hex(v->integ_key),
			    .iv = hex(v->iv),
			    .aad = hex(v->aad),
			    .plain = hex(v->plain),
			    .sealed = hex(v->sealed),
			    .icv = hex(v->icv != NULL ? v->icv : "")};
	b->suite = (struct protect_suite){encr_find(v->encr), v->bits, integ_find(v->integ)};
	b->keys = (struct protect_keys){hex_bytes(&b->key), hex_bytes(&b->integ_key)};
	b->unit = (struct protect_unit){.aad = hex_bytes(&b->aad),
					.iv = hex_bytes(&b->iv),
					.text = b->text,
					.text_len = b->plain.n,
					.icv = b->tag};
	memcpy(b->text, b->plain.p, b->plain.n);
}

static void check_sealed(const struct bench *b)
{
	assert_memory_equal(b->text, b->sealed.p, b->sealed.n);
	if (b->icv.n == 0)
		return;
	assert_int_equal(protect_icv_len(&b->suite), b->icv.n);
	assert_memory_equal(b->tag, b->icv.p, b->icv.n);
}

static void published_vectors_come_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct protect_context *p;
		struct bench b;

		set_up(&b, &vectors[i]);
		assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_NONE);
		check_sealed(&b);
		assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_NONE);
		assert_memory_equal(b.text, b.plain.p, b.plain.n);
		/* The context gives the same, more than once, both ways. */
		p = protect_context_new(&b.suite, &b.keys);
		assert_non_null(p);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(protect_context_seal(p, &b.unit), ERR_NONE);
			check_sealed(&b);
			assert_int_equal(protect_context_open(p, &b.unit), ERR_NONE);
			assert_memory_equal(b.text, b.plain.p, b.plain.n);
		}
		protect_context_free(p);
	}
}

/* A shorter ICV is the first octets of the full one (RFC 4106 6). */
static void shorter_gcm_icvs_are_prefixes(void **state)
{
	static const uint16_t shorter[] = {ENCR_AES_GCM_12, ENCR_AES_GCM_8};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bench b;

		set_up(&b, &vectors[1]);
		b.suite.encr = encr_find(shorter[i]);
		b.icv.n = b.suite.encr->icv_len;
		assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_NONE);
		check_sealed(&b);
		assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_NONE);
	}
}

/* Neither way opens what stands there; afterwards the text is the true one again. */
static void must_not_open(struct bench *b, struct protect_context *p)
{
	uint8_t broken[TEXT_MAX];

	memcpy(broken, b->text, sizeof(broken));
	assert_int_equal(protect_open(crypto, &b->suite, &b->keys, &b->unit), ERR_AUTH);
	memcpy(b->text, broken, sizeof(broken));
	assert_int_equal(protect_context_open(p, &b->unit), ERR_AUTH);
	memcpy(b->text, b->sealed.p, b->sealed.n);
}

static void flip_each(struct bench *b, struct protect_context *p, uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		octets[i] ^= 0x10;
		must_not_open(b, p);
		octets[i] ^= 0x10;
	}
}

/* N26 is among these: an empty text with a wrong ICV, for every AEAD. */
static void one_changed_octet_is_noticed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct protect_context *p;
		struct bench b;

		set_up(&b, &vectors[i]);
		p = protect_context_new(&b.suite, &b.keys);
		assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_NONE);
		memcpy(b.sealed.p, b.text, b.plain.n);
		flip_each(&b, p, b.tag, protect_icv_len(&b.suite));
		flip_each(&b, p, b.iv.p, b.iv.n);
		flip_each(&b, p, b.aad.p, b.aad.n);
		for (size_t k = 0; k < b.plain.n; k++) {
			b.text[k] ^= 1;
			must_not_open(&b, p);
		}
		/* And afterwards the true one opens. */
		assert_int_equal(protect_context_open(p, &b.unit), ERR_NONE);
		assert_memory_equal(b.text, b.plain.p, b.plain.n);
		protect_context_free(p);
	}
}

/* With an empty text and a wrong ICV, for every AEAD and key size (N26). */
static void an_empty_text_is_checked_too(void **state)
{
	static const uint8_t key[ENCR_KEY_MAX] = {7};
	static const uint8_t iv[ENCR_IV_MAX] = {9};
	size_t n;
	const struct encr_desc *all = encr_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3 && all[i].key_bits[k] != 0 && encr_is_aead(&all[i]); k++) {
			struct protect_suite s = {&all[i], all[i].key_bits[k], NULL};
			struct protect_keys keys = {
			    bytes_of(key, encr_keymat_len(&all[i], s.key_bits)), {NULL, 0}};
			uint8_t icv[ICV_MAX] = {0};
			struct protect_unit u = {.iv = bytes_of(iv, encr_nonce_iv_len(&all[i])),
						 .icv = icv};

			assert_int_equal(protect_open(crypto, &s, &keys, &u), ERR_AUTH);
			assert_int_equal(protect_seal(crypto, &s, &keys, &u), ERR_NONE);
			assert_int_equal(protect_open(crypto, &s, &keys, &u), ERR_NONE);
		}
}

/* The tail (the high half of an ESN, RFC 4303 2.2.1) is covered, and only with a separate MAC. */
static void the_tail_is_covered(void **state)
{
	uint8_t esn[4] = {0, 0, 0, 1};
	struct bench b;

	(void)state;
	set_up(&b, &vectors[10]);
	assert_non_null(b.suite.integ);
	b.unit.tail = BYTES_OF(esn);
	assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_NONE);
	esn[3] = 2;
	assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_AUTH);
	/* RFC 7296 3.14: nothing is decrypted before the check. */
	assert_memory_equal(b.text, b.sealed.p, b.sealed.n);
	esn[3] = 1;
	assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_NONE);
	set_up(&b, &vectors[0]);
	b.unit.tail = BYTES_OF(esn);
	assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_RANGE);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, &vectors[10]); /* CBC */
	b.unit.text_len = 31;
	assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_RANGE);
	assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_RANGE);
	b.unit.text_len = 32;
	b.unit.iv.n = 15;
	assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_RANGE);
	b.unit.iv.n = 16;
	b.keys.encr.n = 15;
	assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_RANGE);
	b.keys.encr.n = 16;
	b.keys.integ.n = 15;
	assert_int_equal(protect_open(crypto, &b.suite, &b.keys, &b.unit), ERR_RANGE);
	b.suite.integ = NULL; /* encryption without integrity */
	assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_UNSUPPORTED);
	assert_null(protect_context_new(&b.suite, &b.keys));
	set_up(&b, &vectors[0]);
	b.suite.integ = integ_find(INTEG_HMAC_SHA2_256_128); /* RFC 7296 3.3.3 */
	assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_UNSUPPORTED);
	set_up(&b, &vectors[0]);
	b.suite.key_bits = 100;
	assert_int_equal(protect_seal(crypto, &b.suite, &b.keys, &b.unit), ERR_UNSUPPORTED);
}

static int setup(void **state)
{
	(void)state;
	crypto = crypto_new();
	return crypto == NULL;
}

static int teardown(void **state)
{
	(void)state;
	crypto_free(crypto);
	return mem_blocks_held() != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_vectors_come_out),
	    cmocka_unit_test(shorter_gcm_icvs_are_prefixes),
	    cmocka_unit_test(one_changed_octet_is_noticed),
	    cmocka_unit_test(an_empty_text_is_checked_too),
	    cmocka_unit_test(the_tail_is_covered),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
