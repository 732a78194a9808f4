#include "ike/ext/kem_auth_ecert.h"

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "wire/ecert.h"
#include "wire/sk.h"

/* RFC 7296 3.14: CBC pads to its block; RFC 5282 3: AEAD and counter modes need no padding. */
static size_t block_of(const struct protect_suite *suite)
{
	return suite->encr->kind == ENCR_KIND_CBC ? suite->encr->block_len : 1;
}

enum err ka_ecert_write(struct crypto *c, const struct protect_suite *suite,
			const struct protect_keys *keys, const struct random_source *random,
			uint8_t encoding, struct bytes data, struct message *m)
{
	const size_t block = block_of(suite), iv_len = suite->encr->iv_len;
	const size_t pad = (block - (data.n + 1) % block) % block;
	struct writer *w = message_payload_begin(m, PAYLOAD_ECERT);
	const size_t at = m->payload_at;

	writer_u8(w, encoding);
	uint8_t *iv = writer_reserve(w, iv_len);
	uint8_t *text = writer_reserve(w, data.n + pad + 1);
	uint8_t *icv = writer_reserve(w, protect_icv_len(suite));
	message_payload_end(m);
	if (!writer_ok(w) || m->reason != NULL || iv == NULL || text == NULL || icv == NULL)
		return ERR_LIMIT;
	mem_erase(iv, iv_len); /* the counter's first value; the key is used this once */
	if (suite->encr->kind == ENCR_KIND_CBC)
		random->fill(random->ctx, iv, iv_len);
	struct writer plain = writer_of(text, data.n + pad + 1);
	writer_bytes(&plain, data);
	writer_zero(&plain, pad);
	writer_u8(&plain, (uint8_t)pad);
	/* Generic header and encoding; a MAC takes in the IV too, which protect_seal() sees to. */
	const struct protect_unit u = {
	    .aad = bytes_of(m->w.p + at, PAYLOAD_HEADER_LEN + 1),
	    .iv = bytes_of(iv, iv_len),
	    .text = text,
	    .text_len = plain.n,
	    .icv = icv,
	};
	return protect_seal(c, suite, keys, &u);
}

static enum err layout_of(const struct protect_suite *suite, struct bytes inner,
			  const struct payload *p, struct ecert_layout *at, const char **reason)
{
	*reason = "ECERT: its generic header is not of the usual length";
	/* The long form of draft-nir-ipsecme-big-payload has no place here. */
	if (inner.p + p->at + PAYLOAD_HEADER_LEN != p->body.p)
		return ERR_SYNTAX;
	enum err e = ecert_split(at, bytes_of(inner.p + p->at, PAYLOAD_HEADER_LEN + p->body.n),
				 suite->encr->iv_len, protect_icv_len(suite), reason);
	if (e == ERR_NONE && at->ciphertext.n % block_of(suite) != 0) {
		*reason = "ECERT: the ciphertext is no multiple of the block";
		e = ERR_SYNTAX;
	}
	return e;
}

bool ka_ecert_fits(const struct protect_suite *suite, struct bytes inner, const struct payload *p,
		   const char **reason)
{
	struct ecert_layout at;

	return layout_of(suite, inner, p, &at, reason) == ERR_NONE;
}

enum err ka_ecert_open(struct crypto *c, const struct protect_suite *suite,
		       const struct protect_keys *keys, struct bytes inner, const struct payload *p,
		       struct ka_ecert *out, const char **reason)
{
	struct ecert_layout at;
	enum err e = layout_of(suite, inner, p, &at, reason);

	*out = (struct ka_ecert){0};
	if (e != ERR_NONE)
		return e;
	out->len = PAYLOAD_HEADER_LEN + p->body.n;
	out->octets = mem_copy(bytes_of(inner.p + p->at, out->len));
	*reason = "out of memory";
	if (out->octets == NULL)
		return ERR_NO_MEMORY;
	const struct protect_unit u = {
	    .aad = at.aad,
	    .iv = at.iv,
	    .text = out->octets + at.ciphertext_at,
	    .text_len = at.ciphertext.n,
	    .icv = out->octets + at.icv_at,
	};
	e = protect_open(c, suite, keys, &u);
	*reason = "ECERT does not decrypt";
	if (e == ERR_NONE)
		e = sk_unpad(bytes_of(u.text, u.text_len), &out->data, reason);
	if (e != ERR_NONE) {
		ka_ecert_free(out);
		return ERR_AUTH;
	}
	out->encoding = at.encoding;
	return ERR_NONE;
}

void ka_ecert_free(struct ka_ecert *e)
{
	mem_free(e->octets);
	*e = (struct ka_ecert){0};
}
