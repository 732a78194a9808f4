#include "ike/sk.h"

#define COUNTER_LEN 8

size_t ike_sk_iv_len(const struct protect_suite *suite)
{
	return suite->encr->iv_len;
}

/* RFC 7296 3.14: CBC pads to its block; RFC 5282 3: AEAD and counter modes need no padding. */
static size_t block_of(const struct protect_suite *suite)
{
	return suite->encr->kind == ENCR_KIND_CBC ? suite->encr->block_len : 1;
}

static enum err fill_iv(const struct protect_suite *suite, uint64_t *counter,
			const struct random_source *random, const struct message_seal *s)
{
	struct writer w = writer_of(s->iv, s->iv_len);

	if (s->iv_len != suite->encr->iv_len)
		return ERR_STATE;
	if (suite->encr->kind == ENCR_KIND_CBC) {
		random->fill(random->ctx, s->iv, s->iv_len);
		return ERR_NONE;
	}
	if (s->iv_len != COUNTER_LEN)
		return ERR_UNSUPPORTED;
	if (*counter == UINT64_MAX)
		return ERR_LIMIT;
	writer_u64(&w, (*counter)++);
	return ERR_NONE;
}

enum err ike_sk_seal(struct crypto *c, const struct protect_suite *suite,
		     const struct protect_keys *keys, uint64_t *counter,
		     const struct random_source *random, struct message *m, struct bytes *out)
{
	struct message_seal s;
	enum err e = message_seal_layout(m, block_of(suite), protect_icv_len(suite), &s);

	if (e == ERR_NONE)
		e = fill_iv(suite, counter, random, &s);
	if (e != ERR_NONE)
		return e;

	/* Both kinds authenticate all octets before the IV; a MAC takes in the IV as well, which
	 * protect_seal() sees to. */
	struct protect_unit u = {
	    .aad = s.aad,
	    .iv = bytes_of(s.iv, s.iv_len),
	    .text = s.plaintext,
	    .text_len = s.plaintext_len,
	    .icv = s.icv,
	};

	e = protect_seal(c, suite, keys, &u);
	if (e == ERR_NONE)
		*out = s.message;
	return e;
}

/* Where the pieces of an SK or SKF payload lie. */
static enum err layout(const struct protect_suite *suite, struct bytes message,
		       const struct payload *sk, struct sk_layout *at, const char **reason)
{
	enum err e = sk_split(at, message, sk, suite->encr->iv_len, protect_icv_len(suite), reason);

	if (e == ERR_NONE && at->ciphertext.n % block_of(suite) != 0) {
		*reason = "SK: the ciphertext is no multiple of the block";
		return ERR_SYNTAX;
	}
	return e;
}

static enum err decrypt(struct crypto *c, const struct protect_suite *suite,
			const struct protect_keys *keys, uint8_t *message,
			const struct sk_layout *at, const char **reason)
{
	struct protect_unit u = {
	    .aad = at->aad,
	    .iv = at->iv,
	    .text = message + at->ciphertext_at,
	    .text_len = at->ciphertext.n,
	    .icv = message + at->icv_at,
	};
	enum err e = protect_open(c, suite, keys, &u);

	if (e != ERR_NONE)
		*reason = "SK: the integrity check value does not hold";
	return e;
}

enum err ike_skf_layout(const struct protect_suite *suite, const struct ike_header *h,
			struct bytes message, struct sk_layout *at, const char **reason)
{
	struct payloads ps;
	const struct payload *skf;
	enum err e = payloads_parse(
	    &ps, PAYLOADS_OUTER, h->next_payload,
	    bytes_of(message.p + IKE_HEADER_LEN, message.n - IKE_HEADER_LEN), reason);

	if (e)
		return e;
	skf = payloads_find(&ps, PAYLOAD_SKF);
	if (skf == NULL || ps.n != 1) {
		*reason = "message: something stands before the fragment";
		return ERR_SYNTAX;
	}
	return layout(suite, message, skf, at, reason);
}

enum err ike_skf_open(struct crypto *c, const struct protect_suite *suite,
		      const struct protect_keys *keys, uint8_t *message, const struct sk_layout *at,
		      struct bytes *chunk, const char **reason)
{
	enum err e = decrypt(c, suite, keys, message, at, reason);

	return e ? e : sk_unpad(at->ciphertext, chunk, reason);
}

enum err ike_sk_open(struct crypto *c, const struct protect_suite *suite,
		     const struct protect_keys *keys, const struct ike_header *h, uint8_t *message,
		     size_t len, struct ike_sk_opened *out, const char **reason)
{
	const struct payload *sk;
	struct payload found;
	struct sk_layout at;
	uint8_t unsupported = 0;
	enum err e;

	out->authentic = false;
	out->first = PAYLOAD_NONE;
	out->inner = bytes_of(NULL, 0);
	if (len < IKE_HEADER_LEN) {
		*reason = "message: shorter than its header";
		return ERR_SYNTAX;
	}
	e = payloads_parse(&out->payloads, PAYLOADS_OUTER, h->next_payload,
			   bytes_of(message + IKE_HEADER_LEN, len - IKE_HEADER_LEN), reason);
	/* The ICV covers the payloads before SK: whether the peer wrote a critical one is known
	 * only when it holds. */
	if (e == ERR_UNSUPPORTED)
		unsupported = out->payloads.unsupported;
	else if (e != ERR_NONE)
		return e;
	sk = payloads_find(&out->payloads, PAYLOAD_SK);
	if (sk == NULL) {
		*reason = "message: no Encrypted payload where there must be one";
		return ERR_SYNTAX;
	}
	found = *sk;
	out->payloads = (struct payloads){0};
	e = layout(suite, bytes_of(message, len), &found, &at, reason);
	if (e == ERR_NONE)
		e = decrypt(c, suite, keys, message, &at, reason);
	if (e != ERR_NONE)
		return e;
	out->authentic = true;
	out->first = at.first;
	e = sk_unpad(at.ciphertext, &out->inner, reason);
	if (e != ERR_NONE)
		return e;
	e = payloads_parse(&out->payloads, PAYLOADS_INNER, out->first, out->inner, reason);
	if (unsupported != 0 && (e == ERR_NONE || e == ERR_UNSUPPORTED)) {
		out->payloads.unsupported = unsupported;
		*reason = "message: an unknown payload before SK is critical";
		return ERR_UNSUPPORTED;
	}
	return e;
}
