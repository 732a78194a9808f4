/* FrodoKEM, salted, by Botan (draft-ietf-ipsecme-hybrid-kem-ikev2-frodo 3); what Botan calls
 * eFrodoKEM is the other mode. FrodoKEM checks nothing of a key or a ciphertext but its length. */
#include <botan/ffi.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/ke_method.h"

static const char *mode_of(const struct ke_desc *d)
{
	switch (d->stand_in) {
	case KE_FRODOKEM_976_AES:
		return "FrodoKEM-976-AES";
	case KE_FRODOKEM_976_SHAKE:
		return "FrodoKEM-976-SHAKE";
	case KE_FRODOKEM_1344_AES:
		return "FrodoKEM-1344-AES";
	default:
		return "FrodoKEM-1344-SHAKE";
	}
}

static int draw(void *ctx, uint8_t *out, size_t n)
{
	ke_stream_fill(ctx, out, n);
	return 0;
}

struct view {
	uint8_t *out;
	size_t n;
};

static int copy_out(botan_view_ctx ctx, const uint8_t *data, size_t n)
{
	struct view *v = ctx;

	if (n != v->n)
		return -1;
	memcpy(v->out, data, n);
	return 0;
}

static bool public_half(botan_privkey_t key, uint8_t *out, size_t n)
{
	struct view v = {out, n};
	botan_pubkey_t public = NULL;
	bool ok = botan_privkey_export_pubkey(&public, key) == BOTAN_FFI_SUCCESS &&
		  botan_pubkey_view_raw(public, &v, copy_out) == BOTAN_FFI_SUCCESS;

	(void)botan_pubkey_destroy(public);
	return ok;
}

static enum err frodo_generate(struct ke_private *private, const uint8_t seed[KE_SEED_LEN],
			       uint8_t *public_value)
{
	const struct ke_desc *d = private->desc;
	struct ke_stream s;
	botan_rng_t rng = NULL;
	botan_privkey_t key = NULL;
	enum err e = ke_stream_open(&s, d, seed);

	if (e != ERR_NONE)
		return e;
	if (botan_rng_init_custom(&rng, "seed", &s, draw, NULL, NULL) != BOTAN_FFI_SUCCESS ||
	    botan_privkey_create(&key, "FrodoKEM", mode_of(d), rng) != BOTAN_FFI_SUCCESS ||
	    !public_half(key, public_value, d->init_len) || s.failed)
		e = ERR_CRYPTO;
	private->object = key;
	(void)botan_rng_destroy(rng);
	ke_stream_close(&s);
	return e;
}

static enum err frodo_import(struct ke_private *private, struct bytes value)
{
	botan_privkey_t key = NULL;
	int rc = botan_privkey_load_frodokem(&key, value.p, value.n, mode_of(private->desc));

	private->object = key;
	return rc == BOTAN_FFI_SUCCESS ? ERR_NONE : ERR_CRYPTO;
}

static enum err frodo_respond(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
			      struct bytes peer_value, uint8_t *answer, uint8_t *secret)
{
	struct ke_stream s;
	botan_rng_t rng = NULL;
	botan_pubkey_t peer = NULL;
	botan_pk_op_kem_encrypt_t op = NULL;
	size_t answer_len = d->resp_len;
	size_t secret_len = d->secret_len;
	enum err e = ke_stream_open(&s, d, seed);

	if (e != ERR_NONE)
		return e;
	/* "Raw": the secret as it is, through no key derivation. */
	if (botan_rng_init_custom(&rng, "seed", &s, draw, NULL, NULL) != BOTAN_FFI_SUCCESS ||
	    botan_pubkey_load_frodokem(&peer, peer_value.p, peer_value.n, mode_of(d)) !=
		BOTAN_FFI_SUCCESS ||
	    botan_pk_op_kem_encrypt_create(&op, peer, "Raw") != BOTAN_FFI_SUCCESS ||
	    botan_pk_op_kem_encrypt_create_shared_key(op, rng, NULL, 0, secret_len, secret,
						      &secret_len, answer,
						      &answer_len) != BOTAN_FFI_SUCCESS ||
	    secret_len != d->secret_len || answer_len != d->resp_len || s.failed)
		e = ERR_CRYPTO;
	(void)botan_pk_op_kem_encrypt_destroy(op);
	(void)botan_pubkey_destroy(peer);
	(void)botan_rng_destroy(rng);
	ke_stream_close(&s);
	return e;
}

static enum err frodo_finish(struct ke_private *private, struct bytes answer, uint8_t *secret)
{
	const struct ke_desc *d = private->desc;
	botan_pk_op_kem_decrypt_t op = NULL;
	size_t n = d->secret_len;
	enum err e = ERR_NONE;

	if (botan_pk_op_kem_decrypt_create(&op, private->object, "Raw") != BOTAN_FFI_SUCCESS ||
	    botan_pk_op_kem_decrypt_shared_key(op, NULL, 0, answer.p, answer.n, n, secret, &n) !=
		BOTAN_FFI_SUCCESS ||
	    n != d->secret_len)
		e = ERR_CRYPTO;
	(void)botan_pk_op_kem_decrypt_destroy(op);
	return e;
}

static void frodo_erase(struct ke_private *private)
{
	(void)botan_privkey_destroy(private->object); /* erases it */
	private->object = NULL;
}

const struct ke_ops ke_frodo_ops = {frodo_generate, frodo_import, frodo_respond, frodo_finish,
				    frodo_erase};
