#include "wire/sk.h"

#include "wire/header.h"
#include "wire/reason.h"

static enum err take_fragment(struct sk_layout *out, struct reader *r, const struct payload *sk,
			      const char **reason)
{
	out->is_fragment = true;
	out->number = reader_u16(r);
	out->total = reader_u16(r);
	if (!reader_ok(r))
		return wire_syntax(reason, "SKF: no room for the fragment numbers");
	if (out->number == 0 || out->number > out->total)
		return wire_syntax(reason, "SKF: Fragment Number is not within 1..Total Fragments");
	/* RFC 7383 2.5: the first fragment names the first inner payload, the others say 0. */
	if ((out->number == 1) != (sk->next != PAYLOAD_NONE))
		return wire_syntax(reason, "SKF: wrong Next Payload for this fragment");
	return ERR_NONE;
}

enum err sk_split(struct sk_layout *out, struct bytes message, const struct payload *sk,
		  size_t iv_len, size_t icv_len, const char **reason)
{
	struct reader r = reader_of(sk->body);

	*out = (struct sk_layout){.first = sk->next, .number = 1, .total = 1};
	if (sk->type == PAYLOAD_SKF) {
		enum err e = take_fragment(out, &r, sk, reason);

		if (e != ERR_NONE)
			return e;
	}
	/* At least the Pad Length must be there. */
	if (reader_left(&r) <= iv_len || reader_left(&r) - iv_len <= icv_len)
		return wire_syntax(reason, "SK: too short for IV, Pad Length and ICV");
	out->iv = reader_take(&r, iv_len);
	out->ciphertext = reader_take(&r, reader_left(&r) - icv_len);
	out->icv = reader_rest(&r);
	/* SK is the last payload, so that its ICV ends the message. */
	out->icv_at = message.n - icv_len;
	out->ciphertext_at = out->icv_at - out->ciphertext.n;
	out->iv_at = out->ciphertext_at - iv_len;
	out->aad = bytes_of(message.p, out->iv_at);
	out->covered = bytes_of(message.p, out->icv_at);
	return ERR_NONE;
}

enum err sk_unpad(struct bytes plaintext, struct bytes *inner, const char **reason)
{
	if (plaintext.n == 0)
		return wire_syntax(reason, "SK: no Pad Length");

	size_t pad = plaintext.p[plaintext.n - 1];
	if (pad + 1 > plaintext.n)
		return wire_syntax(reason, "SK: Pad Length is more than there is");
	*inner = bytes_of(plaintext.p, plaintext.n - pad - 1);
	return ERR_NONE;
}
