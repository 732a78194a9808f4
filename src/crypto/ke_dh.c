/* Diffie-Hellman in groups of integers and on curves, by OpenSSL. */
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/ke_method.h"

/* How the library sees a method. */
enum family {
	FAMILY_MODP, /* value: g^x mod p, padded to the prime (RFC 7296 3.4) */
	FAMILY_ECP,  /* value: x | y; secret: x (RFC 5903 7) */
	FAMILY_XDH,  /* value: u, little-endian, as RFC 7748 has it (RFC 8031 3) */
};

struct method {
	uint16_t id;
	enum family family;
	const char *algorithm;
	const char *group; /* NULL when the algorithm says it all */
};

static const struct method methods[] = {
    {KE_MODP_2048, FAMILY_MODP, "DH", "modp_2048"},
    {KE_MODP_3072, FAMILY_MODP, "DH", "modp_3072"},
    {KE_MODP_4096, FAMILY_MODP, "DH", "modp_4096"},
    {KE_MODP_6144, FAMILY_MODP, "DH", "modp_6144"},
    {KE_MODP_8192, FAMILY_MODP, "DH", "modp_8192"},
    {KE_ECP_256, FAMILY_ECP, "EC", "P-256"},
    {KE_ECP_384, FAMILY_ECP, "EC", "P-384"},
    {KE_ECP_521, FAMILY_ECP, "EC", "P-521"},
    {KE_BRAINPOOL_P256R1, FAMILY_ECP, "EC", "brainpoolP256r1"},
    {KE_BRAINPOOL_P384R1, FAMILY_ECP, "EC", "brainpoolP384r1"},
    {KE_BRAINPOOL_P512R1, FAMILY_ECP, "EC", "brainpoolP512r1"},
    {KE_CURVE25519, FAMILY_XDH, "X25519", NULL},
    {KE_CURVE448, FAMILY_XDH, "X448", NULL},
};

#define EC_VALUE_MAX   133 /* 0x04 | x | y of P-521 */
#define GROUP_NAME_MAX 20

static const struct method *method_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].id == id)
			return &methods[i];
	return NULL;
}

static EVP_PKEY *generate_in_group(const struct method *m)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, m->algorithm, NULL);
	char group[GROUP_NAME_MAX];
	OSSL_PARAM params[2];
	EVP_PKEY *key = NULL;

	OPENSSL_strlcpy(group, m->group, sizeof(group));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_params(ctx, params) != 1 || EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *generate(const struct ke_desc *d, const struct method *m,
			  const uint8_t seed[KE_SEED_LEN])
{
	if (m->family == FAMILY_XDH)
		return EVP_PKEY_new_raw_private_key_ex(NULL, m->algorithm, NULL, seed, d->init_len);
	return generate_in_group(m);
}

static bool public_modp(EVP_PKEY *key, uint8_t *out, size_t n)
{
	BIGNUM *y = NULL;
	bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PUB_KEY, &y) == 1 &&
		  BN_bn2binpad(y, out, (int)n) == (int)n;

	BN_free(y);
	return ok;
}

static bool public_ecp(EVP_PKEY *key, uint8_t *out, size_t n)
{
	uint8_t point[EC_VALUE_MAX];
	size_t len = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
					    sizeof(point), &len) != 1 ||
	    len != n + 1 || point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return false;
	memcpy(out, point + 1, n);
	return true;
}

static bool public_value_of(const struct method *m, EVP_PKEY *key, uint8_t *out, size_t n)
{
	size_t len = n;

	switch (m->family) {
	case FAMILY_MODP:
		return public_modp(key, out, n);
	case FAMILY_ECP:
		return public_ecp(key, out, n);
	case FAMILY_XDH:
		return EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == n;
	}
	return false;
}

/* A key made of the parameters that were collected; NULL when the library refuses it, for EC a
 * point that is not on the curve (RFC 6989 2.3). */
static EVP_PKEY *key_from_params(const struct method *m, OSSL_PARAM_BLD *build, int selection)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, m->algorithm, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The parameters of a key, with its group in them already; NULL when out of memory. */
static OSSL_PARAM_BLD *group_params(const struct method *m)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();

	if (build != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, m->group, 0) == 1)
		return build;
	OSSL_PARAM_BLD_free(build);
	return NULL;
}

static EVP_PKEY *peer_in_group(const struct method *m, struct bytes value)
{
	OSSL_PARAM_BLD *build = group_params(m);
	uint8_t point[EC_VALUE_MAX];
	BIGNUM *y = NULL;
	EVP_PKEY *key = NULL;
	bool ok = build != NULL;

	if (ok && m->family == FAMILY_MODP) {
		y = BN_bin2bn(value.p, (int)value.n, NULL);
		ok = y != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PUB_KEY, y) == 1;
	} else if (ok) {
		point[0] = POINT_CONVERSION_UNCOMPRESSED;
		memcpy(point + 1, value.p, value.n);
		ok = OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
						      value.n + 1) == 1;
	}
	if (ok)
		key = key_from_params(m, build, EVP_PKEY_PUBLIC_KEY);
	BN_free(y);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static EVP_PKEY *import_in_group(const struct method *m, struct bytes value)
{
	OSSL_PARAM_BLD *build = group_params(m);
	BIGNUM *x = BN_secure_new();
	EVP_PKEY *key = NULL;

	if (build != NULL && x != NULL && BN_bin2bn(value.p, (int)value.n, x) != NULL &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, x) == 1)
		key = key_from_params(m, build, EVP_PKEY_KEYPAIR);
	BN_clear_free(x);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* RFC 6989 2.1: for the safe primes of RFC 3526, 1 < y < p - 1 is the check; 2.3: for the curves,
 * the point is on the curve and not at infinity. The library's quick check is these. */
static bool peer_is_valid(EVP_PKEY *peer)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
	bool ok = ctx != NULL && EVP_PKEY_public_check_quick(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static EVP_PKEY *peer_key(const struct method *m, struct bytes value)
{
	EVP_PKEY *key;

	if (m->family == FAMILY_XDH)
		return EVP_PKEY_new_raw_public_key_ex(NULL, m->algorithm, NULL, value.p, value.n);
	key = peer_in_group(m, value);
	if (key != NULL && !peer_is_valid(key)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return any == 0;
}

static enum err agree(const struct ke_desc *d, const struct method *m, EVP_PKEY *own,
		      struct bytes value, uint8_t *secret)
{
	EVP_PKEY *peer = peer_key(m, value);
	EVP_PKEY_CTX *ctx = NULL;
	size_t n = d->secret_len;
	enum err e = ERR_CRYPTO;

	if (peer == NULL)
		goto done;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1)
		goto done;
	/* RFC 7296 2.14: g^ir is padded to the length of the modulus. */
	if (m->family == FAMILY_MODP && EVP_PKEY_CTX_set_dh_pad(ctx, 1) != 1)
		goto done;
	/* The value has been checked: the library need not do it again. */
	if (EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1 ||
	    EVP_PKEY_derive(ctx, secret, &n) != 1 || n != d->secret_len)
		goto done;
	/* RFC 7748 6, RFC 8031 4: a point of small order gives zero. */
	if (m->family == FAMILY_XDH && all_zero(secret, n))
		goto done;
	e = ERR_NONE;
done:
	if (e != ERR_NONE) {
		mem_erase(secret, d->secret_len);
		ERR_clear_error();
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return e;
}

static enum err dh_generate(struct ke_private *private, const uint8_t seed[KE_SEED_LEN],
			    uint8_t *public_value)
{
	const struct ke_desc *d = private->desc;
	const struct method *m = method_find(d->id);

	private->key = generate(d, m, seed);
	if (private->key != NULL && public_value_of(m, private->key, public_value, d->init_len))
		return ERR_NONE;
	ERR_clear_error();
	return ERR_CRYPTO;
}

static enum err dh_import(struct ke_private *private, struct bytes value)
{
	const struct method *m = method_find(private->desc->id);

	if (value.n == 0 || value.n > private->desc->init_len)
		return ERR_SYNTAX;
	if (m->family == FAMILY_XDH)
	private->key = EVP_PKEY_new_raw_private_key_ex(NULL, m->algorithm, NULL, value.p, value.n);
	else private->key = import_in_group(m, value);
	if (private->key != NULL)
		return ERR_NONE;
	ERR_clear_error();
	return ERR_CRYPTO;
}

static enum err dh_respond(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
			   struct bytes peer_value, uint8_t *answer, uint8_t *secret)
{
	struct ke_private own = {.desc = d};
	enum err e = dh_generate(&own, seed, answer);

	if (e == ERR_NONE)
		e = agree(d, method_find(d->id), own.key, peer_value, secret);
	EVP_PKEY_free(own.key); /* erases the private value */
	return e;
}

static enum err dh_finish(struct ke_private *private, struct bytes answer, uint8_t *secret)
{
	const struct ke_desc *d = private->desc;

	return agree(d, method_find(d->id), private->key, answer, secret);
}

static void dh_erase(struct ke_private *private)
{
	EVP_PKEY_free(private->key); /* erases the private value */
	private->key = NULL;
}

const struct ke_ops ke_dh_ops = {dh_generate, dh_import, dh_respond, dh_finish, dh_erase};
