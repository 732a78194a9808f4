#include <string.h>

#include "crypto/crypto.h"
#include "crypto/ke_method.h"

enum err ke_stream_open(struct ke_stream *s, const struct ke_desc *d,
			const uint8_t seed[KE_SEED_LEN])
{
	*s = (struct ke_stream){.shake = EVP_MD_CTX_new()};
	if (s->shake == NULL)
		return ERR_NO_MEMORY;
	if (EVP_DigestInit_ex2(s->shake, EVP_shake256(), NULL) == 1 &&
	    EVP_DigestUpdate(s->shake, seed, KE_SEED_LEN) == 1 &&
	    EVP_DigestUpdate(s->shake, d->name, strlen(d->name)) == 1)
		return ERR_NONE;
	ke_stream_close(s);
	ERR_clear_error();
	return ERR_CRYPTO;
}

void ke_stream_fill(struct ke_stream *s, void *buf, size_t n)
{
	size_t first = n < s->first_len ? n : s->first_len;

	if (first != 0) {
		memcpy(buf, s->first, first);
		s->first += first;
		s->first_len -= first;
	}
	buf = (uint8_t *)buf + first;
	n -= first;
	if (n == 0)
		return;
	if (!s->failed && EVP_DigestSqueeze(s->shake, buf, n) == 1)
		return;
	/* Some of the callers cannot be told; what they make meanwhile is thrown away. */
	s->failed = true;
	ERR_clear_error();
	crypto_random(buf, n);
}

void ke_stream_close(struct ke_stream *s)
{
	EVP_MD_CTX_free(s->shake);
	s->shake = NULL;
}
