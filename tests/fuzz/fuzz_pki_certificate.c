/* What a peer sends in CERT payloads, and what stands in a file of certificates: read, looked at
 * from every side, matched with names, and checked as a chain. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "pki/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look_at(const struct certificate *c, const struct trust *t)
{
	struct trust_policy policy = {0};
	char reason[TRUST_REASON_MAX];
	struct identity *id;
	const char *ignored;
	struct bytes value;
	uint8_t type;

	if (certificate_subject(c) == NULL || certificate_issuer(c) == NULL)
		abort();
	for (size_t i = 0; certificate_name(c, i, &type, &value); i++) {
		id = identity_new(type, value);
		if (id == NULL || !certificate_matches(c, id, reason, sizeof(reason)))
			abort(); /* a name that it has */
		identity_free(id);
	}
	if (identity_from_wire(&id, ID_DER_ASN1_DN, certificate_subject_der(c), &ignored) ==
	    ERR_NONE) {
		if (!certificate_matches(c, id, reason, sizeof(reason)))
			abort();
		identity_free(id);
	}
	if (trust_check_chain(t, &policy, &c, 1, NULL, 1795521600, reason, sizeof(reason)) ==
	    ERR_NONE)
		abort(); /* no CA is configured */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct certificate *certs[CERTIFICATES_MAX];
	struct trust *t = trust_new();
	const char *reason;
	size_t count;

	if (t == NULL)
		return 0;
	if (certificate_parse(&certs[0], bytes_of(data, n), &reason) == ERR_NONE) {
		struct certificate *copy = certificate_copy(certs[0]);

		look_at(certs[0], t);
		if (copy == NULL || !bytes_equal(certificate_der(copy), bytes_of(data, n)))
			abort();
		certificate_free(copy);
		certificate_free(certs[0]);
	}
	if (certificates_parse(certs, CERTIFICATES_MAX, &count, bytes_of(data, n), &reason) ==
	    ERR_NONE) {
		for (size_t i = 0; i < count; i++) {
			look_at(certs[i], t);
			certificate_free(certs[i]);
		}
	}
	trust_free(t);
	if (mem_blocks_held() != 0)
		abort();
	return 0;
}
