#include "wire/ecert.h"

#include "wire/reason.h"

#define ECERT_HEAD_LEN (PAYLOAD_HEADER_LEN + 1)

enum err ecert_split(struct ecert_layout *out, struct bytes octets, size_t iv_len, size_t icv_len,
		     const char **reason)
{
	struct reader r = reader_of(octets);

	*out = (struct ecert_layout){0};
	out->aad = reader_take(&r, ECERT_HEAD_LEN);
	/* At least the Pad Length must be there. */
	if (!reader_ok(&r) || reader_left(&r) <= iv_len || reader_left(&r) - iv_len <= icv_len)
		return wire_syntax(reason, "ECERT: too short for encoding, IV, Pad Length and ICV");
	out->encoding = out->aad.p[PAYLOAD_HEADER_LEN];
	out->iv = reader_take(&r, iv_len);
	out->ciphertext = reader_take(&r, reader_left(&r) - icv_len);
	out->icv = reader_rest(&r);
	out->icv_at = octets.n - icv_len;
	out->ciphertext_at = out->icv_at - out->ciphertext.n;
	return ERR_NONE;
}
