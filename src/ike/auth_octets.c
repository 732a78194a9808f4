#include "ike/auth_octets.h"

#include "base/mem.h"

enum err auth_octets(struct crypto *c, const struct auth_octets_of *of, uint8_t **octets,
		     size_t *len)
{
	static const uint8_t zero_prefix[8];
	const size_t transcript = of->received.n == 0 ? 0 : sizeof(zero_prefix) + of->received.n;
	const size_t n =
	    transcript + of->message.n + of->nonce.n + of->prf->out_len + of->int_auth.n;
	uint8_t *all = mem_new(n);
	struct writer w = writer_of(all, n);
	uint8_t *mac;
	enum err e;

	if (all == NULL)
		return ERR_NO_MEMORY;
	if (transcript != 0) {
		writer_bytes(&w, BYTES_OF(zero_prefix));
		writer_bytes(&w, of->received);
	}
	writer_bytes(&w, of->message);
	writer_bytes(&w, of->nonce);
	/* MACedIDForI, MACedIDForR */
	mac = writer_reserve(&w, of->prf->out_len);
	e = mac == NULL ? ERR_RANGE : prf(c, of->prf, of->sk_p, &of->id_body, 1, mac);
	writer_bytes(&w, of->int_auth);
	if (e != ERR_NONE) {
		mem_free(all);
		return e;
	}
	*octets = all;
	*len = w.n;
	return ERR_NONE;
}
