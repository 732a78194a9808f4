/* PRFs, prf+ and hashes against the vectors of RFC 2202, RFC 4231, RFC 4615 and FIPS 180. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/prf.h"
#include "hex.h"

static struct crypto *crypto;

static void check(uint16_t id, struct bytes key, struct bytes data, const char *expected)
{
	const struct prf_desc *d = prf_find(id);
	struct hex want = hex(expected);
	struct bytes halves[2] = {bytes_of(data.p, data.n / 2),
				  bytes_of(data.p + data.n / 2, data.n - data.n / 2)};
	uint8_t out[PRF_MAX];

	assert_non_null(d);
	assert_int_equal(want.n, d->out_len);
	assert_int_equal(prf(crypto, d, key, &data, 1, out), ERR_NONE);
	assert_memory_equal(out, want.p, want.n);
	assert_int_equal(prf(crypto, d, key, halves, 2, out), ERR_NONE);
	assert_memory_equal(out, want.p, want.n);
}

static void hmac_sha2_is_rfc_4231(void **state)
{
	struct hex k1 = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
	struct bytes m1 = BYTES_LITERAL("Hi There");
	struct bytes k2 = BYTES_LITERAL("Jefe");
	struct bytes m2 = BYTES_LITERAL("what do ya want for nothing?");
	struct bytes m6 = BYTES_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First");
	uint8_t k6[131];

	(void)state;
	memset(k6, 0xaa, sizeof(k6));
	check(PRF_HMAC_SHA2_256, hex_bytes(&k1), m1,
	      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	check(PRF_HMAC_SHA2_384, hex_bytes(&k1), m1,
	      "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	      "faea9ea9076ede7f4af152e8b2fa9cb6");
	check(PRF_HMAC_SHA2_512, hex_bytes(&k1), m1,
	      "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	      "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
	check(PRF_HMAC_SHA2_256, k2, m2,
	      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	check(PRF_HMAC_SHA2_384, k2, m2,
	      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	      "8e2240ca5e69e2c78b3239ecfab21649");
	check(PRF_HMAC_SHA2_512, k2, m2,
	      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	      "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
	check(PRF_HMAC_SHA2_256, BYTES_OF(k6), m6,
	      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	check(PRF_HMAC_SHA2_512, BYTES_OF(k6), m6,
	      "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	      "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

static void hmac_sha1_is_rfc_2202(void **state)
{
	struct hex k1 = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");

	(void)state;
	assert_true(prf_find(PRF_HMAC_SHA1)->weak);
	check(PRF_HMAC_SHA1, hex_bytes(&k1), BYTES_LITERAL("Hi There"),
	      "b617318655057264e28bc0b6fb378c8ef146be00");
	check(PRF_HMAC_SHA1, BYTES_LITERAL("Jefe"), BYTES_LITERAL("what do ya want for nothing?"),
	      "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

/* The keys of 18 and 10 octets are folded to 16 first (RFC 4615 3). */
static void aes_cmac_is_rfc_4615(void **state)
{
	struct hex key = hex("000102030405060708090a0b0c0d0e0fedcb");
	struct hex data = hex("000102030405060708090a0b0c0d0e0f10111213");

	(void)state;
	check(PRF_AES128_CMAC, hex_bytes(&key), hex_bytes(&data),
	      "84a348a4a45d235babfffc0d2b4da09a");
	check(PRF_AES128_CMAC, bytes_of(key.p, 16), hex_bytes(&data),
	      "980ae87b5f4c9c5214f5b6a8455e4c2d");
	check(PRF_AES128_CMAC, bytes_of(key.p, 10), hex_bytes(&data),
	      "290d9e112edb09ee141fcf64c0b72f3d");
}

/* RFC 7296 2.13, computed here block by block with the PRF alone. */
static void prf_plus_is_its_blocks(void **state)
{
	struct bytes key = BYTES_LITERAL("a key");
	struct bytes seed[2] = {BYTES_LITERAL("the "), BYTES_LITERAL("seed")};
	size_t count;
	const struct prf_desc *all = prf_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		uint8_t want[5 * PRF_MAX];
		uint8_t got[5 * PRF_MAX];
		size_t l = all[i].out_len;

		for (uint8_t k = 0; k < 5; k++) {
			uint8_t counter = (uint8_t)(k + 1);
			struct bytes parts[4] = {
			    bytes_of(k != 0 ? want + (k - 1) * l : want, k != 0 ? l : 0), seed[0],
			    seed[1], bytes_of(&counter, 1)};

			assert_int_equal(prf(crypto, &all[i], key, parts, 4, want + k * l),
					 ERR_NONE);
		}
		for (size_t n = 1; n <= 5 * l; n += 7) {
			memset(got, 0xee, sizeof(got));
			assert_int_equal(prf_plus(crypto, &all[i], key, seed, 2, got, n), ERR_NONE);
			assert_memory_equal(got, want, n);
			assert_true(n == sizeof(got) || got[n] == 0xee);
		}
	}
}

/* RFC 7296 2.13: the counter is one octet. */
static void prf_plus_stops_at_255_blocks(void **state)
{
	static uint8_t out[255 * PRF_MAX + 1];
	struct bytes seed = BYTES_LITERAL("seed");
	const struct prf_desc *d = prf_find(PRF_HMAC_SHA2_512);

	(void)state;
	assert_int_equal(prf_plus(crypto, d, seed, &seed, 1, out, 255 * PRF_MAX), ERR_NONE);
	assert_int_equal(prf_plus(crypto, d, seed, &seed, 1, out, sizeof(out)), ERR_RANGE);
}

/* Made outside this program with HMAC-SHA2-256: SKEYSEED of a resumed SA, then SK_d as the first
 * octets of prf+(SKEYSEED, Ni | Nr | SPIi | SPIr). */
static void a_key_schedule_made_elsewhere(void **state)
{
	const struct prf_desc *d = prf_find(PRF_HMAC_SHA2_256);
	uint8_t sk_d[32], ni[32], nr[32], skeyseed[32], out[32];
	struct hex spis = hex("a0a1a2a3a4a5a6a7b0b1b2b3b4b5b6b7");
	struct hex want_seed =
	    hex("fe6d4a4fe5edba0f3048fccf51f4aba75993d740bf31fc94c57d774135933dab");
	struct hex want_d = hex("239c1afea250fa2b11a2344f087184ade9214b20ad4c98392a381a533e07979e");
	struct bytes resumption[3] = {BYTES_LITERAL("Resumption"), BYTES_OF(ni), BYTES_OF(nr)};
	struct bytes seed[3] = {BYTES_OF(ni), BYTES_OF(nr), hex_bytes(&spis)};

	(void)state;
	memset(sk_d, 0x77, sizeof(sk_d));
	memset(ni, 0x11, sizeof(ni));
	memset(nr, 0x22, sizeof(nr));
	assert_int_equal(prf(crypto, d, BYTES_OF(sk_d), resumption, 3, skeyseed), ERR_NONE);
	assert_memory_equal(skeyseed, want_seed.p, 32);
	assert_int_equal(prf_plus(crypto, d, BYTES_OF(skeyseed), seed, 3, out, 32), ERR_NONE);
	assert_memory_equal(out, want_d.p, 32);
}

static void hashes_are_fips_180(void **state)
{
	static const struct {
		uint16_t hash;
		const char *abc;
	} vectors[] = {
	    {HASH_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
	    {HASH_SHA2_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	    {HASH_SHA2_384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
			    "8086072ba1e7cc2358baeca134c825a7"},
	    {HASH_SHA2_512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	};
	struct bytes parts[3] = {BYTES_LITERAL("a"), BYTES_LITERAL(""), BYTES_LITERAL("bc")};
	uint8_t out[HASH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct hex want = hex(vectors[i].abc);

		assert_int_equal(hash_len(vectors[i].hash), want.n);
		assert_int_equal(hash_parts(crypto, vectors[i].hash, parts, 3, out), ERR_NONE);
		assert_memory_equal(out, want.p, want.n);
	}
	assert_int_equal(hash_len(HASH_IDENTITY), 0);
	assert_int_equal(hash_parts(crypto, HASH_IDENTITY, parts, 3, out), ERR_UNSUPPORTED);
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
	    cmocka_unit_test(hmac_sha2_is_rfc_4231),
	    cmocka_unit_test(hmac_sha1_is_rfc_2202),
	    cmocka_unit_test(aes_cmac_is_rfc_4615),
	    cmocka_unit_test(prf_plus_is_its_blocks),
	    cmocka_unit_test(prf_plus_stops_at_255_blocks),
	    cmocka_unit_test(a_key_schedule_made_elsewhere),
	    cmocka_unit_test(hashes_are_fips_180),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
