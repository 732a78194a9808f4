/* The data of SUPPORTED_AUTH_METHODS (RFC 9593) and of CERTREQ payloads, and the choice that comes
 * of them. The first octet is the hash algorithms, the second the length of the CERTREQ's body. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "ike/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char name[] = "key";
	static uint8_t answers[20];
	struct ike_credential credentials[] = {
	    {.key = name, .key_type = KEY_ML_DSA_65},
	    {.key = name, .key_type = KEY_ECDSA_P256, .answers = answers, .n_answers = 1},
	    {.key = name, .key_type = KEY_RSA},
	};
	const struct ike_local_auth a = {.credentials = credentials, .n_credentials = 3};
	struct credential_hints h = {0};
	const struct signature_scheme *s;
	struct reader r = reader_of(bytes_of(data, n));
	bool passed_over;

	h.hashes = reader_u8(&r);
	credential_note_certreq(&h, reader_take(&r, reader_u8(&r)));
	if (!reader_ok(&r))
		return 0;
	credential_note_methods(&h, reader_rest(&r));
	if (h.n_methods > HINT_METHODS_MAX || h.n_cas > HINT_CAS_MAX || (h.promised && h.announced))
		abort();
	const struct ike_credential *c = credential_choose(&a, &h, false, &s, &passed_over);
	if (c != NULL && (!signature_fits(s, c->key_type) || s->weak))
		abort();
	return 0;
}
