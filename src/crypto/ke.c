#include "crypto/ke.h"

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/ke_method.h"

/* NULL when the descriptor is not of our table. */
static const struct ke_ops *ops_of(const struct ke_desc *d)
{
	switch (d->stand_in != 0 ? d->stand_in : d->id) {
	case KE_ML_KEM_512:
	case KE_ML_KEM_768:
	case KE_ML_KEM_1024:
		return &ke_mlkem_ops;
	case KE_FRODOKEM_976_AES:
	case KE_FRODOKEM_976_SHAKE:
	case KE_FRODOKEM_1344_AES:
	case KE_FRODOKEM_1344_SHAKE:
		return &ke_frodo_ops;
	case KE_MCELIECE_348864:
	case KE_MCELIECE_460896:
	case KE_MCELIECE_6688128:
	case KE_MCELIECE_6960119:
	case KE_MCELIECE_8192128:
		return &ke_mceliece_ops;
	default:
		return ke_find(d->id) != NULL ? &ke_dh_ops : NULL;
	}
}

static enum err private_new(const struct ke_desc *d, struct ke_private **private)
{
	const struct ke_ops *ops = ops_of(d);

	*private = NULL;
	if (ops == NULL)
		return ERR_UNSUPPORTED;
	*private = mem_new(sizeof(**private));
	if (*private == NULL)
		return ERR_NO_MEMORY;
	(*private)->desc = d;
	(*private)->ops = ops;
	return ERR_NONE;
}

/* Gives e back, and no key when there is an error. */
static enum err private_made(struct ke_private **private, enum err e)
{
	if (e == ERR_NONE)
		return e;
	ke_private_free(*private);
	*private = NULL;
	return e;
}

enum err ke_generate(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
		     struct ke_private **private, uint8_t *public_value)
{
	enum err e = private_new(d, private);

	if (e != ERR_NONE)
		return e;
	return private_made(private, (*private)->ops->generate(*private, seed, public_value));
}

enum err ke_import(const struct ke_desc *d, struct bytes value, struct ke_private **private)
{
	enum err e = private_new(d, private);

	if (e != ERR_NONE)
		return e;
	return private_made(private, (*private)->ops->import(*private, value));
}

void ke_private_free(struct ke_private *private)
{
	if (private == NULL)
		return;
	private->ops->erase(private);
	mem_free(private);
}

const struct ke_desc *ke_private_desc(const struct ke_private *private)
{
	return private->desc;
}

enum err ke_respond(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
		    struct bytes peer_value, uint8_t *answer, uint8_t *secret)
{
	const struct ke_ops *ops = ops_of(d);
	enum err e;

	if (ops == NULL)
		return ERR_UNSUPPORTED;
	/* The cheap refusal comes before the costly key (RFC 7296 3.4: the length is the group's;
	 * FIPS 203 7.2: the type check of an encapsulation key). */
	if (peer_value.n != d->init_len)
		return ERR_SYNTAX;
	e = ops->respond(d, seed, peer_value, answer, secret);
	if (e != ERR_NONE)
		mem_erase(secret, d->secret_len);
	return e;
}

enum err ke_finish(struct ke_private *private, struct bytes answer, uint8_t *secret)
{
	const struct ke_desc *d = private->desc;
	enum err e;

	/* FIPS 203 7.3 for ML-KEM: the type check of a ciphertext. It touches no key. */
	if (answer.n != d->resp_len)
		return ERR_SYNTAX;
	if (private->used)
		return ERR_STATE;
	e = private->ops->finish(private, answer, secret);
	if (e != ERR_NONE)
		mem_erase(secret, d->secret_len);
	/* draft-ietf-ipsecme-ikev2-mlkem 4: a fresh key for every exchange. */
	if (d->is_kem) {
		private->used = true;
		private->ops->erase(private);
	}
	return e;
}
