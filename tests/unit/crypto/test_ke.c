/* Key exchange against RFC 5903 8, RFC 7748 6, RFC 7027 A and, for MODP, values made from the
 * formulas of RFC 3526 with other big-number code; and every value that must be refused. The KEMs,
 * which follow in the table, have tests of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/ke.h"
#include "hex.h"

#define VALUE_MAX 1024

/* Private and public value of one side, of the other, and the secret. */
static const struct {
	uint16_t id;
	const char *a_private;
	const char *a_public;
	const char *b_private;
	const char *b_public;
	const char *secret;
} vectors[] = {
    {KE_ECP_256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
     "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
     "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
     "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
     "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {KE_ECP_384,
     "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
     "e35b538041e649ee3faef896783ab194",
     "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6"
     "de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f"
     "65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
     "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942"
     "e0308312916b8ed2960e4bd55a7448fc",
     "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
     "0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f"
     "66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
     "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
     "d603135569b9e9d09cf5d4a270f59746"},
    {KE_ECP_521,
     "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0"
     "95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d"
     "4a52",
     "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbe"
     "e1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176c"
     "ed3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4"
     "a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3"
     "926f9582",
     "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e"
     "9c677d600b343757a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb15168"
     "5eb9",
     "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
     "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9"
     "460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d985207"
     "7b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd1"
     "7f0fc56a",
     "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
     "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3"
     "ddea"},
    {KE_CURVE25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    {KE_CURVE448,
     "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf5"
     "74a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
     "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bb"
     "c836647241d953d40c5b12da88120d53177f80e532c41fa0",
     "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120"
     "bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
     "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972"
     "fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
     "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56"
     "fd2464c335543936521c24403085d59a449a5037514a879d"},
    {KE_BRAINPOOL_P256R1, "81db1ee100150ff2ea338d708271be38300cb54241d79950f77b063039804f1d",
     "44106e913f92bc02a1705d9953a8414db95e1aaa49e81d9e85f929a8e3100be5"
     "8ab4846f11caccb73ce49cbdd120f5a900a69fd32c272223f789ef10eb089bdc",
     "55e40bc41e37e3e2ad25c3c6654511ffa8474a91a0032087593852d3e7d76bd3",
     "8d2d688c6cf93e1160ad04cc4429117dc2c41825e1e9fca0addd34e6f1b39f7b"
     "990c57520812be512641e47034832106bc7d3e8dd0e4c7f1136d7006547cec6a",
     "89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b"},
    {KE_BRAINPOOL_P384R1,
     "1e20f5e048a5886f1f157c74e91bde2b98c8b52d58e5003d57053fc4b0bd65d6"
     "f15eb5d1ee1610df870795143627d042",
     "68b665dd91c195800650cdd363c625f4e742e8134667b767b1b476793588f885"
     "ab698c852d4a6e77a252d6380fcaf06855bc91a39c9ec01dee36017b7d673a93"
     "1236d2f1f5c83942d049e3fa20607493e0d038ff2fd30c2ab67d15c85f7faa59",
     "032640bc6003c59260f7250c3db58ce647f98e1260acce4acda3dd869f74e01f"
     "8ba5e0324309db6a9831497abac96670",
     "4d44326f269a597a5b58bba565da5556ed7fd9a8a9eb76c25f46db69d19dc8ce"
     "6ad18e404b15738b2086df37e71d1eb462d692136de56cbe93bf5fa3188ef58b"
     "c8a3a0ec6c1e151a21038a42e9185329b5b275903d192f8d4e1f32fe9cc78c48",
     "0bd9d3a7ea0b3d519d09d8e48d0785fb744a6b355e6304bc51c229fbbce239bb"
     "adf6403715c35d4fb2a5444f575d4f42"},
    {KE_BRAINPOOL_P512R1,
     "16302ff0dbbb5a8d733dab7141c1b45acbc8715939677f6a56850a38bd87bd59"
     "b09e80279609ff333eb9d4c061231fb26f92eeb04982a5f1d1764cad57665422",
     "0a420517e406aac0acdce90fcd71487718d3b953efd7fbec5f7f27e28c614999"
     "9397e91e029e06457db2d3e640668b392c2a7e737a7f0bf04436d11640fd09fd"
     "72e6882e8db28aad36237cd25d580db23783961c8dc52dfa2ec138ad472a0fce"
     "f3887cf62b623b2a87de5c588301ea3e5fc269b373b60724f5e82a6ad147fde7",
     "230e18e1bcc88a362fa54e4ea3902009292f7f8033624fd471b5d8ace49d12cf"
     "abbc19963dab8e2f1eba00bffb29e4d72d13f2224562f405cb80503666b25429",
     "9d45f66de5d67e2e6db6e93a59ce0bb48106097ff78a081de781cdb31fce8ccb"
     "aaea8dd4320c4119f1e9cd437a2eab3731fa9668ab268d871deda55a5473199f"
     "2fdc313095bcdd5fb3a91636f07a959c8e86b5636a1e930e8396049cb481961d"
     "365cc11453a06c719835475b12cb52fc3c383bce35e27ef194512b71876285fa",
     "a7927098655f1f9976fa50a9d566865dc530331846381c87256baf3226244b76"
     "d36403c024d7bbf0aa0803eaff405d3d24f11a9b5c0bef679fe1454b21c4cd1f"},
};

/* SHA-256 of g^x, g^y and g^xy, for x and y below. */
static const struct {
	uint16_t id;
	const char *gx;
	const char *gy;
	const char *gxy;
} modp_vectors[] = {
    {KE_MODP_2048, "73d3d6fb1217751673cbcf618f19b2918e869a40bbb30e910430d0c4280bc8f1",
     "26f6166041908d38a31bfb547bd7259e6402d331dadd112f835302b341374a3b",
     "c9a291896fe1ec32c491da9d2ed1e6ec83ad2598feb100c3aea5d60c1d8abb1e"},
    {KE_MODP_3072, "e52a44d98026720302980c19683f96df6ced9ab7ebc05024218d1334a9eb594b",
     "1231d3112d942825fd5c22fa70d12dfcb0c805dc7610ce705cac7e6c0aad9705",
     "21634299691de84b19c2238e4dae0937b3b2ccbdd17b17df463221c45469e8ac"},
    {KE_MODP_4096, "8ce387ee367722367ea8b04d224efe990de80dcdb6dbc73e7ee4db0746a7d758",
     "7ee07a9c5c766b12619bdaf8ca21d3dd61540f4cf132c43bf2e1380d721360f3",
     "8b9a5e32d5e365c356466971592be6b8379e12a3a8267862f0c075d02e8aa5a8"},
    {KE_MODP_6144, "31c8b45700bdc9f1038e25dcb0f0bc41090e8c6f87524fb2d998ce3dee7b05f7",
     "a618af6b5f3dde4e3036c3b529a39a01468c79c1f345649380cc75483215c6bb",
     "493c9ca766febb8a015317bd32e600107d7b6cd973d67bb5f374f939f6c26513"},
    {KE_MODP_8192, "72fa368cfa62011296cac5eab75e04c2318ce6fa5a3aeea07ee17a502472cc4a",
     "2b4a07c8c782024f2b72f9075a526da3db3e2e34dca811e4dbcf255da894cbc7",
     "e517743617d97d168c8a5719234d0eb9169e1ae59e11d72fa0e54190606e2882"},
};

static const char modp_x[] = "18228706566fa2dbcb2b56720f90d48dbcd0dcf09227f7207f75414c0f905ce1"
			     "d5eba191fef66b37cd4281e10b5570928b2a50e40df5a31e1c967b0e7caf2f0b";
static const char modp_y[] = "bd75d2e124ef0d78c7640b37faaf34f5d47f0c278f9f900e9513949ca5c0b056"
			     "176241bff1ba992c8ab20cb5a2b4d813c995e39d27a49d07e1d0c3b0aeaa4945";

static enum err finish(const struct ke_desc *d, const char *private, struct bytes peer,
		       uint8_t *out)
{
	struct hex value = hex(private);
	struct ke_private *own;
	enum err e;

	assert_int_equal(ke_import(d, hex_bytes(&value), &own), ERR_NONE);
	e = ke_finish(own, peer, out);
	ke_private_free(own);
	return e;
}

static void published_values_come_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct ke_desc *d = ke_find(vectors[i].id);
		struct hex a = hex(vectors[i].a_public);
		struct hex b = hex(vectors[i].b_public);
		struct hex secret = hex(vectors[i].secret);
		uint8_t out[VALUE_MAX];

		assert_non_null(d);
		assert_int_equal(a.n, d->init_len);
		assert_int_equal(secret.n, d->secret_len);
		assert_int_equal(finish(d, vectors[i].a_private, hex_bytes(&b), out), ERR_NONE);
		assert_memory_equal(out, secret.p, secret.n);
		assert_int_equal(finish(d, vectors[i].b_private, hex_bytes(&a), out), ERR_NONE);
		assert_memory_equal(out, secret.p, secret.n);
	}
}

static void assert_hash(struct crypto *c, struct bytes data, const char *want)
{
	struct hex expected = hex(want);
	uint8_t out[HASH_MAX];

	assert_int_equal(hash_parts(c, HASH_SHA2_256, &data, 1, out), ERR_NONE);
	assert_memory_equal(out, expected.p, 32);
}

/* With g = 2 as the peer's value, the secret is our public value. */
static void modp_values_come_out(void **state)
{
	struct crypto *c = crypto_new();
	uint8_t g[VALUE_MAX], gx[VALUE_MAX], gy[VALUE_MAX], gxy[VALUE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(modp_vectors) / sizeof(modp_vectors[0]); i++) {
		const struct ke_desc *d = ke_find(modp_vectors[i].id);
		size_t n = d->init_len;

		memset(g, 0, sizeof(g));
		g[n - 1] = 2;
		assert_int_equal(finish(d, modp_x, bytes_of(g, n), gx), ERR_NONE);
		assert_hash(c, bytes_of(gx, n), modp_vectors[i].gx);
		assert_int_equal(finish(d, modp_y, bytes_of(g, n), gy), ERR_NONE);
		assert_hash(c, bytes_of(gy, n), modp_vectors[i].gy);
		assert_int_equal(finish(d, modp_x, bytes_of(gy, n), gxy), ERR_NONE);
		assert_hash(c, bytes_of(gxy, n), modp_vectors[i].gxy);
	}
	crypto_free(c);
}

/* RFC 7296 2.14: the secret is as long as the modulus. This one begins with a zero octet. */
static void a_short_secret_is_padded(void **state)
{
	const struct ke_desc *d = ke_find(KE_MODP_2048);
	struct crypto *c = crypto_new();
	uint8_t value[256] = {0};
	uint8_t out[256];

	(void)state;
	value[254] = 2;
	value[255] = 169;
	assert_int_equal(finish(d, modp_x, BYTES_OF(value), out), ERR_NONE);
	assert_int_equal(out[0], 0);
	assert_hash(c, BYTES_OF(out),
		    "9c632c86cf60d91a75c3b308f4737eb67ff203d653118a68ba44250a0a66f4e1");
	crypto_free(c);
}

/* The seed decides the key where the method lets it. */
static void a_seed_is_a_private_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct ke_desc *d = ke_find(vectors[i].id);
		struct hex private = hex(vectors[i].a_private);
		struct hex public = hex(vectors[i].a_public);
		struct hex peer = hex(vectors[i].b_public);
		struct hex secret = hex(vectors[i].secret);
		uint8_t seed[KE_SEED_LEN] = {0};
		uint8_t value[VALUE_MAX], out[VALUE_MAX];
		struct ke_private *own;

		if (d->id != KE_CURVE25519 && d->id != KE_CURVE448)
			continue;
		memcpy(seed, private.p, private.n);
		assert_int_equal(ke_generate(d, seed, &own, value), ERR_NONE);
		assert_memory_equal(value, public.p, public.n);
		ke_private_free(own);
		assert_int_equal(ke_respond(d, seed, hex_bytes(&peer), value, out), ERR_NONE);
		assert_memory_equal(value, public.p, public.n);
		assert_memory_equal(out, secret.p, secret.n);
	}
}

static void both_sides_agree_in_every_group(void **state)
{
	size_t n;
	const struct ke_desc *all = ke_all(&n);

	(void)state;
	for (size_t i = 0; i < n && !all[i].is_kem; i++) {
		uint8_t seed[KE_SEED_LEN];
		uint8_t init[VALUE_MAX], resp[VALUE_MAX], a[VALUE_MAX], b[VALUE_MAX];
		struct ke_private *own;

		crypto_random(seed, sizeof(seed));
		assert_int_equal(ke_generate(&all[i], seed, &own, init), ERR_NONE);
		crypto_random(seed, sizeof(seed));
		assert_int_equal(
		    ke_respond(&all[i], seed, bytes_of(init, all[i].init_len), resp, a), ERR_NONE);
		assert_int_equal(ke_finish(own, bytes_of(resp, all[i].resp_len), b), ERR_NONE);
		assert_memory_equal(a, b, all[i].secret_len);
		/* One bit of the answer changed: another secret, or none. */
		resp[all[i].resp_len / 2] ^= 1;
		if (ke_finish(own, bytes_of(resp, all[i].resp_len), b) == ERR_NONE)
			assert_memory_not_equal(a, b, all[i].secret_len);
		ke_private_free(own);
	}
}

/* RFC 7296 3.4: the length of a value is the group's; nothing of it is read before. */
static void a_wrong_length_is_refused(void **state)
{
	static const uint8_t value[VALUE_MAX + 1] = {4, 4, 4};
	size_t n;
	const struct ke_desc *all = ke_all(&n);

	(void)state;
	for (size_t i = 0; i < n && !all[i].is_kem; i++) {
		uint8_t seed[KE_SEED_LEN] = {1};
		uint8_t out[VALUE_MAX], secret[VALUE_MAX];
		size_t lengths[4] = {0, 1, all[i].init_len - 1, all[i].init_len + 1};
		struct ke_private *own;

		assert_int_equal(ke_generate(&all[i], seed, &own, out), ERR_NONE);
		for (size_t k = 0; k < 4; k++) {
			struct bytes v = bytes_of(value, lengths[k]);

			assert_int_equal(ke_respond(&all[i], seed, v, out, secret), ERR_SYNTAX);
			assert_int_equal(ke_finish(own, v, secret), ERR_SYNTAX);
		}
		ke_private_free(own);
	}
}

static void refused(const struct ke_desc *d, const uint8_t *value)
{
	uint8_t seed[KE_SEED_LEN] = {1};
	uint8_t out[VALUE_MAX], secret[VALUE_MAX];
	struct ke_private *own;

	assert_int_equal(ke_respond(d, seed, bytes_of(value, d->init_len), out, secret),
			 ERR_CRYPTO);
	assert_int_equal(ke_generate(d, seed, &own, out), ERR_NONE);
	assert_int_equal(ke_finish(own, bytes_of(value, d->resp_len), secret), ERR_CRYPTO);
	ke_private_free(own);
}

/* RFC 6989 2.1, for every group: 0, 1 and what is larger than any prime. */
static void modp_ends_are_refused(void **state)
{
	size_t n;
	const struct ke_desc *all = ke_all(&n);
	uint8_t value[VALUE_MAX];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(all[i].word, "modp", 4) != 0)
			continue;
		memset(value, 0, sizeof(value));
		refused(&all[i], value);
		value[all[i].init_len - 1] = 1;
		refused(&all[i], value);
		memset(value, 0xff, sizeof(value));
		refused(&all[i], value);
	}
}

/* RFC 6989 2.1: 1 < y < p - 1. */
static void modp_2048_p_minus_one_is_refused(void **state)
{
	const struct ke_desc *d = ke_find(KE_MODP_2048);
	struct hex p = hex("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"
			   "020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
			   "4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
			   "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05"
			   "98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb"
			   "9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
			   "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718"
			   "3995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff");
	uint8_t out[VALUE_MAX];

	(void)state;
	assert_int_equal(p.n, 256);
	refused(d, p.p);
	p.p[255]--; /* p - 1 */
	refused(d, p.p);
	p.p[255]--; /* p - 2, the largest that is taken */
	assert_int_equal(finish(d, modp_x, hex_bytes(&p), out), ERR_NONE);
}

/* RFC 6989 2.3. */
static void a_point_off_the_curve_is_refused(void **state)
{
	uint8_t value[VALUE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct ke_desc *d = ke_find(vectors[i].id);
		struct hex peer = hex(vectors[i].b_public);

		if (d->id == KE_CURVE25519 || d->id == KE_CURVE448)
			continue;
		peer.p[peer.n - 1] ^= 1; /* y off by one */
		refused(d, peer.p);
		memset(value, 0, sizeof(value)); /* (0, 0) */
		refused(d, value);
		memset(value, 0xff, sizeof(value)); /* coordinates beyond the prime */
		refused(d, value);
	}
}

/* RFC 8031 4, RFC 7748 6: points of small order give the secret zero. */
static void a_secret_of_zero_is_refused(void **state)
{
	static const char *const small_25519[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t value[VALUE_MAX] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(small_25519) / sizeof(small_25519[0]); i++) {
		struct hex v = hex(small_25519[i]);

		refused(ke_find(KE_CURVE25519), v.p);
	}
	refused(ke_find(KE_CURVE448), value);
	value[0] = 1;
	refused(ke_find(KE_CURVE448), value);
}

static int nothing_is_held(void **state)
{
	(void)state;
	return mem_blocks_held() != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_values_come_out),
	    cmocka_unit_test(modp_values_come_out),
	    cmocka_unit_test(a_short_secret_is_padded),
	    cmocka_unit_test(a_seed_is_a_private_value),
	    cmocka_unit_test(both_sides_agree_in_every_group),
	    cmocka_unit_test(a_wrong_length_is_refused),
	    cmocka_unit_test(modp_ends_are_refused),
	    cmocka_unit_test(modp_2048_p_minus_one_is_refused),
	    cmocka_unit_test(a_point_off_the_curve_is_refused),
	    cmocka_unit_test(a_secret_of_zero_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, nothing_is_held);
}
