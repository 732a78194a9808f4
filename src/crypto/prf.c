#include "crypto/prf.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/library.h"

#define CMAC_KEY_LEN 16

/* A scratch context under the key, folded first where the PRF has a fixed key length. NULL when
 * that fails; give back with mac_scratch_done(). */
static EVP_MAC_CTX *keyed(struct crypto *c, const struct prf_desc *d, struct bytes key)
{
	static const uint8_t zero[CMAC_KEY_LEN];
	enum mac mac = mac_of_prf(d->id);
	uint8_t folded[MAC_LEN_MAX];
	EVP_MAC_CTX *ctx;
	bool ok;

	if (!d->fixed_key || key.n == d->key_len)
		return mac_scratch(c, mac, key);
	/* RFC 4615 3, step 1b: K := AES-CMAC(0^128, VK, VKlen). */
	ctx = mac_scratch(c, mac, bytes_of(zero, d->key_len));
	if (ctx == NULL)
		return NULL;
	ok = mac_context_run(ctx, &key, 1, folded) &&
	     mac_context_key(ctx, bytes_of(folded, d->key_len));
	mem_erase(folded, sizeof(folded));
	if (ok)
		return ctx;
	mac_scratch_done(ctx);
	return NULL;
}

enum err prf(struct crypto *c, const struct prf_desc *d, struct bytes key,
	     const struct bytes *parts, size_t n_parts, uint8_t *out)
{
	EVP_MAC_CTX *ctx = keyed(c, d, key);
	uint8_t full[MAC_LEN_MAX];
	bool ok = ctx != NULL && mac_context_run(ctx, parts, n_parts, full);

	mac_scratch_done(ctx);
	if (ok)
		memcpy(out, full, d->out_len);
	else
		ERR_clear_error();
	mem_erase(full, sizeof(full));
	return ok ? ERR_NONE : ERR_CRYPTO;
}

#define PRF_PLUS_PARTS_MAX 8

enum err prf_plus(struct crypto *c, const struct prf_desc *d, struct bytes key,
		  const struct bytes *parts, size_t n_parts, uint8_t *out, size_t n)
{
	struct bytes all[PRF_PLUS_PARTS_MAX + 2]; /* T(i-1) | S | counter */
	uint8_t block[MAC_LEN_MAX];
	uint8_t counter = 0;
	EVP_MAC_CTX *ctx;
	enum err e = ERR_CRYPTO;

	/* RFC 7296 2.13: the counter is one octet and does not go past 255. */
	if (n_parts > PRF_PLUS_PARTS_MAX || n > 255 * (size_t)d->out_len)
		return ERR_RANGE;
	ctx = keyed(c, d, key);
	if (ctx == NULL)
		goto done;
	all[0] = bytes_of(block, 0); /* T1 = prf(K, S | 0x01) */
	for (size_t i = 0; i < n_parts; i++)
		all[1 + i] = parts[i];
	all[1 + n_parts] = bytes_of(&counter, 1);
	for (size_t at = 0; at < n; at += d->out_len) {
		size_t some = n - at < d->out_len ? n - at : d->out_len;

		counter++;
		if (!mac_context_run(ctx, all, n_parts + 2, block))
			goto done;
		memcpy(out + at, block, some);
		all[0].n = d->out_len;
	}
	e = ERR_NONE;
done:
	if (e != ERR_NONE)
		ERR_clear_error();
	mac_scratch_done(ctx);
	mem_erase(block, sizeof(block));
	return e;
}
