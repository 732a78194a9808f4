/* The KEMs through our own interface against published check values: ML-KEM of the collection that
 * the authors of Kyber keep (post-quantum-cryptography/KAT), FrodoKEM and Classic McEliece of their
 * submissions, the first of each file. Long values are compared by SHAKE256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <botan/ffi.h>
#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/ke.h"
#include "hex.h"
#include "kat.h"

#define SECRET_MAX 32

/* The hash of public key and ciphertext, the secret, and the secret that comes of random octets in
 * place of the ciphertext (FIPS 203 6.3). */
static const struct {
	uint16_t id;
	const char *pk;
	const char *ct;
	const char *secret;
	const char *rejected;
} mlkem[] = {
    {KE_ML_KEM_512, "d018f0b172097bf3ded8a2aa9ad961a1", "24b7049f484d34be397ccc8dea059ee8",
     "2b5c52ee72946331983ba050be0f435055c0547901e03559b356517889ea27c5",
     "6e5c522a6d19b86c61bd983b56a0bef351c5ce716f021b49bdecd7bdfd5ed55a"},
    {KE_ML_KEM_768, "4a52e5443bb91d321cd1717cb23fbaeb", "8fbdf59524288e02a56be77f844aab48",
     "b408d5d115713f0a93047dbbea832e4340787686d59a9a2d106bd662ba0aa035",
     "e7bcf899feb5db69d11741a8838ecfee253e80b76d6a35af46e220e81dc41daf"},
    {KE_ML_KEM_1024, "4e8b4712fe8da25cec8c546443b0737a", "1ecb3d5637212b52b2cb83ceb39fca6e",
     "23f211b84a6ee20c8c29f6e5314c91b414e940513d380add17bd724ab3a13a52",
     "247d3fed8cacdb06bde637c749fee689a2cc0a1425e9c5b8ec90192ef4bda180"},
};

static const char mlkem_seed[] = "23f1c88bd0e65f2c891ce865bd3275a7ffdbe4f9036e75b9"
				 "6aad0412650e9cd2ea4591d4ab7131ea971b34c23a4ed245";

static const struct {
	uint16_t id;
	const char *mode;
	const char *pk;
	const char *sk;
	const char *ct;
	const char *secret;
} frodo[] = {
    {KE_FRODOKEM_976_AES, "FrodoKEM-976-AES", "dc172ba8f3da1eb147f8146285eca044",
     "27bce0d79a16cda4fdfaa4c7e1dc6911", "8d95c22acb4133bc0e0088eca7d9443b",
     "d9388d1b0f97c5db5f9b4a7e99427cfe90e3e10c5c569d02"},
    {KE_FRODOKEM_976_SHAKE, "FrodoKEM-976-SHAKE", "9b1f7a8d8a66043eda842896a37250af",
     "0b238848077eae9a2c4408c7e331b407", "62a29bf0b5fc38dd8042b33c83324fc6",
     "5b6e5a69a3d5f8e75eea3a6e95595ed0278da55b8b373142"},
    {KE_FRODOKEM_1344_AES, "FrodoKEM-1344-AES", "1f214cad1e168a4d7839668c3d12ad5e",
     "ebdd074ceed3e42d9f420e55285a541b", "c6efcea412fd5cc9c7279e1abca7e7b5",
     "376955161273fc667f3feae5ec98681820dbd759971bb0a2d2bec4510f557e83"},
    {KE_FRODOKEM_1344_SHAKE, "FrodoKEM-1344-SHAKE", "3a3673875d692016275e7b0bf922ba96",
     "3f11528eb8ec1377aa36c195b7d4a2fd", "32e139a39e3889da406ec72344089ffe",
     "8d20f971464df19e0561bdd385afd0e2ef0ce212efd45a632f5d2c64f3d66aac"},
};

static const struct {
	uint16_t id;
	const char *pk;
	const char *ct; /* itself */
	const char *secret;
} mceliece[] = {
    {KE_MCELIECE_348864,
     "77bdeafa05a162bc2ceb46b8e548022684eaef422e6ce123cb990edf44093fd2"
     "25dc0d4045be3162c8f7062f545217a2858b41c092c915d5f15b05954c0360dd",
     "e205bb2814ded1582864f2b1d2a26397411ee4e61f6998ff61cd55e4c4fb35ab"
     "99788d00f42d2d3b79b0820035749776caa82730b1ebe2b81230424fcbcb8b5a"
     "804b0fa3025b108175456f80f4abd1786c5db02c6564333de9fe67ed4a92d6fe",
     "4b5ea75dd51be56be739f6ec6babc2cbe538683303b05934d33d93256d1ab6ef"},
    {KE_MCELIECE_460896,
     "ef60b9e0d9b8b34ec6001c4711d66daeadf41198746869b10baf63c0e5a24ac1"
     "84b5a1cc595c56bdb696651032cbcf038cd2da5da5448cb9bdcfe42cf945ae61",
     "bcf3c98e2ec96f127540b844f4df0b176e2460c97d6eb82423b3833aeff0680f"
     "c4b3f758e3a6fa03a23d8419ca0b464191ab245ca5c7e112df24fce728c40b41"
     "4da2f6b058796774da463966ac5fd21476350e46c3ccd07a317a33dc29132809"
     "baa255a41d6456d01301ac08c94b2d57148cea41e7afe036f17d3ce62f46ec31"
     "c7feb07ded1767f861389ec89180e107698afafa0976381f04a0ca06",
     "89f6bdb539a46e0df0d8be3bedabcf11a1d0c8f68e707f97081826b5a78a7ea5"},
    {KE_MCELIECE_6688128,
     "0c453cc87eb310694cad01065624cdf723b42b7ffc7aa72afa86956013427e83"
     "c23c1061ed9c8393e07e37b2186286a096140b2e571deaf4d037deafb41d7235",
     "640b4da81c3198d4707e02cad713e8eb6be431076e3ee7d6aa5323a9c551fefe"
     "8bdc978052a55244d9347c2db4a5ef76c6fff4ee3f3e973acbd58c0e03665daf"
     "1857b2987cf463994cc31e95645f81cf2e18f7d5ebbc1212689b6f8765692ddd"
     "0f7852faced8471bda55737ed4e3129ade84e246c20d02780d590d47d6d90bb2"
     "a6fa7141b72290db4ee1478e09b1b48b7d8cce4f37e329a1ed8f9bbac4dac604"
     "0358ced8b4b96289ab5be27a95fb35a0d603dcc7e94d8c9a9728a3896d1ee556"
     "f5e185dc542da1cb07a7480d5618d647",
     "29f45674cfb52e295cd31e5303b7387515699a764777742b5a487798d41218c8"},
    {KE_MCELIECE_6960119,
     "da30411922f1c72600f5e5846f6d0815f41fee4aed87226e61a6d8c28045fe33"
     "2859f24e9245f095f253ae30ac70b220436ee21d14f58859aa5da5c0fa61b8be",
     "39444056b95687cf222efc56c4febd99d0ef6ef718376889840dcb35721b0496"
     "0fef47473b538c512d3cfb2e78a378caa7b20986ed4f0d13670282dd64110e06"
     "c71ece1b05e0d0cdfa0389eedc1454f8d14430cb3c3339c754fdb36b8ebe611d"
     "12a6117751fd2a834444b0b0ed1ad8464c328424958bf8b75a2ab8e7d537e40a"
     "bb33fc775f4bee8ea92c8439698c99105d7b520d6398684c1db9b0421a89ab51"
     "4c75914b5d8c3c511e0b55bba6f2b5e27c64d8c2e2afa5a12b66df5946baebd2"
     "8804",
     "2fdca51b72431a9534e670d9ed6c8c085d57aa409c41e21668e03ed0c569ba43"},
    {KE_MCELIECE_8192128,
     "490df50a0c816ea209ef617e9eebe374cbac7fc8c26b4be415f499630fda470d"
     "b300fade9d7a07da1f6f6548c6e6db779ca6300a9ba07981bf4dbe7b2f393f05",
     "f220f073d58e77c3af5c366c94cedff259e4144c8fba8ecbf833582c29224294"
     "31d7bcca15d587405cf646411ce113950de7b15e92acff8bdb99385be1917f7e"
     "e68cba58c32505282c568d67ee29c84b07988c9d4d02cd5a21544a3050d24b70"
     "01b3232fbc534f2033ab7a10ab4e5c816a0ce7b1fbdb46d2dbb5fac934bcfa57"
     "c675265564af3400ea4dced7e68bedb0af4c52a25bfba6be2162aa7adb8ef685"
     "efbc119407a6938af904630b7e755a9d2f7496f06129ee7538d09144107bd51b"
     "c725d6d5a73f419d8277bbc195ff4c7f",
     "bc1e92fbd34b7907c0fa2568c5e5fa936af7a6f0c2ee642bdfc760d894683f92"},
};

static const char submission_seed[] = "061550234d158c5ec95595fe04ef7a25767f2e24cc2bc479"
				      "d09d86dc9abcfde7056a8c266f9ef97ed08541dbd2e1ffa1";

static void assert_shake(struct bytes data, const char *want)
{
	struct hex expected = hex(want);
	uint8_t out[64];

	shake256(data, out, expected.n);
	assert_memory_equal(out, expected.p, expected.n);
}

static void assert_octets(const uint8_t *got, const char *want, size_t n)
{
	struct hex expected = hex(want);

	assert_int_equal(expected.n, n);
	assert_memory_equal(got, expected.p, n);
}

/* Key, encapsulation and decapsulation, each from what the generator gives. */
static void mlkem_comes_out(void **state)
{
	struct hex seed = hex(mlkem_seed);

	(void)state;
	for (size_t i = 0; i < sizeof(mlkem) / sizeof(mlkem[0]); i++) {
		const struct ke_desc *d = ke_find(mlkem[i].id);
		uint8_t own_seed[KE_SEED_LEN], peer_seed[KE_SEED_LEN] = {0};
		uint8_t pk[1568], ct[1568], a[SECRET_MAX], b[SECRET_MAX];
		struct ke_private *own, *again;
		struct kat k;

		kat_init(&k, seed.p);
		kat_draw(&k, own_seed + 32, 32); /* z comes first */
		kat_draw(&k, own_seed, 32);
		kat_draw(&k, peer_seed, 32);
		assert_int_equal(ke_generate(d, own_seed, &own, pk), ERR_NONE);
		assert_shake(bytes_of(pk, d->init_len), mlkem[i].pk);
		assert_int_equal(ke_respond(d, peer_seed, bytes_of(pk, d->init_len), ct, a),
				 ERR_NONE);
		assert_shake(bytes_of(ct, d->resp_len), mlkem[i].ct);
		assert_octets(a, mlkem[i].secret, d->secret_len);
		assert_int_equal(ke_finish(own, bytes_of(ct, d->resp_len), b), ERR_NONE);
		assert_octets(b, mlkem[i].secret, d->secret_len);
		ke_private_free(own);

		kat_draw(&k, ct, d->resp_len);
		assert_int_equal(ke_import(d, BYTES_OF(own_seed), &again), ERR_NONE);
		assert_int_equal(ke_finish(again, bytes_of(ct, d->resp_len), b), ERR_NONE);
		assert_octets(b, mlkem[i].rejected, d->secret_len);
		ke_private_free(again);
	}
}

/* One draw of the generator, given out in pieces: so do the authors' programs draw. */
struct drawn {
	uint8_t octets[256];
	size_t at;
};

static int give(void *ctx, uint8_t *out, size_t n)
{
	struct drawn *d = ctx;

	if (n > sizeof(d->octets) - d->at)
		return -1;
	memcpy(out, d->octets + d->at, n);
	d->at += n;
	return 0;
}

struct seen {
	uint8_t *octets;
	size_t n;
};

static int see(botan_view_ctx ctx, const uint8_t *data, size_t n)
{
	struct seen *s = ctx;

	s->octets = malloc(n);
	s->n = n;
	memcpy(s->octets, data, n);
	return 0;
}

/* The key as the check value's author made it, and the ciphertext; then ours takes the key. The
 * library is the same underneath: this shows that the mode and the encodings are the right ones. */
static void frodo_one(size_t i)
{
	const struct ke_desc *d = ke_find(frodo[i].id);
	size_t sec = d->secret_len, se = 2 * sec;
	struct hex seed = hex(submission_seed);
	struct drawn of_key = {{0}, 0}, of_ct = {{0}, 0};
	struct seen sk, pk;
	size_t ct_len = d->resp_len, secret_len = sec;
	uint8_t *ct = malloc(ct_len);
	uint8_t secret[SECRET_MAX];
	struct kat k;
	botan_rng_t key_rng, ct_rng;
	botan_privkey_t key;
	botan_pubkey_t public;
	botan_pk_op_kem_encrypt_t op;
	struct ke_private *own;

	kat_init(&k, seed.p);
	kat_draw(&k, of_key.octets, sec + se + 16);
	kat_draw(&k, of_ct.octets, sec + se);
	assert_int_equal(botan_rng_init_custom(&key_rng, "k", &of_key, give, NULL, NULL), 0);
	assert_int_equal(botan_rng_init_custom(&ct_rng, "c", &of_ct, give, NULL, NULL), 0);
	assert_int_equal(botan_privkey_create(&key, "FrodoKEM", frodo[i].mode, key_rng), 0);
	assert_int_equal(botan_privkey_export_pubkey(&public, key), 0);
	assert_int_equal(botan_privkey_view_raw(key, &sk, see), 0);
	assert_int_equal(botan_pubkey_view_raw(public, &pk, see), 0);
	assert_int_equal(pk.n, d->init_len);
	assert_shake(bytes_of(pk.octets, pk.n), frodo[i].pk);
	assert_shake(bytes_of(sk.octets, sk.n), frodo[i].sk);
	assert_int_equal(botan_pk_op_kem_encrypt_create(&op, public, "Raw"), 0);
	assert_int_equal(botan_pk_op_kem_encrypt_create_shared_key(op, ct_rng, NULL, 0, sec, secret,
								   &secret_len, ct, &ct_len),
			 0);
	assert_int_equal(ct_len, d->resp_len);
	assert_shake(bytes_of(ct, ct_len), frodo[i].ct);
	assert_octets(secret, frodo[i].secret, sec);

	assert_int_equal(ke_import(d, bytes_of(sk.octets, sk.n), &own), ERR_NONE);
	memset(secret, 0, sizeof(secret));
	assert_int_equal(ke_finish(own, bytes_of(ct, ct_len), secret), ERR_NONE);
	assert_octets(secret, frodo[i].secret, sec);
	ke_private_free(own);

	botan_pk_op_kem_encrypt_destroy(op);
	botan_pubkey_destroy(public);
	botan_privkey_destroy(key);
	botan_rng_destroy(key_rng);
	botan_rng_destroy(ct_rng);
	free(sk.octets);
	free(pk.octets);
	free(ct);
}

static void frodo_comes_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(frodo) / sizeof(frodo[0]); i++)
		frodo_one(i);
}

/* The seed of the key is the generator's first 32 octets; the ciphertext is printed whole. */
static void mceliece_comes_out(void **state)
{
	struct hex seed = hex(submission_seed);

	(void)state;
	for (size_t i = 0; i < sizeof(mceliece) / sizeof(mceliece[0]); i++) {
		const struct ke_desc *d = ke_find(mceliece[i].id);
		struct hex ct = hex(mceliece[i].ct);
		uint8_t own_seed[KE_SEED_LEN] = {0};
		uint8_t *pk = malloc(d->init_len);
		uint8_t secret[SECRET_MAX];
		struct ke_private *own;
		struct kat k;

		kat_init(&k, seed.p);
		kat_draw(&k, own_seed, 32);
		assert_int_equal(ke_generate(d, own_seed, &own, pk), ERR_NONE);
		assert_shake(bytes_of(pk, d->init_len), mceliece[i].pk);
		assert_int_equal(ct.n, d->resp_len);
		assert_int_equal(ke_finish(own, hex_bytes(&ct), secret), ERR_NONE);
		assert_octets(secret, mceliece[i].secret, d->secret_len);
		ke_private_free(own);
		free(pk);
	}
}

static int nothing_is_held(void **state)
{
	(void)state;
	return mem_blocks_held() != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mlkem_comes_out),
	    cmocka_unit_test(frodo_comes_out),
	    cmocka_unit_test(mceliece_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, nothing_is_held);
}
