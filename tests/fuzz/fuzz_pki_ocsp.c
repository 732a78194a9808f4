/* What a peer sends in CERT payloads of encoding 14, and what an OCSP responder answers: read, and
 * asked about a certificate. The input: two octets of length and a certificate, the same of its
 * issuer, and the response. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pki/ocsp.h"
#include "pki/trust.h"

#define NOW 1796000000 /* 2026-11-30 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct certificate *take(struct reader *r)
{
	struct bytes der = reader_take(r, reader_u16(r));
	struct certificate *c;
	const char *reason;

	return reader_ok(r) && certificate_parse(&c, der, &reason) == ERR_NONE ? c : NULL;
}

static void ask(const struct ocsp *o, const struct certificate *cert,
		const struct certificate *issuer)
{
	const struct certificate *certs[] = {cert, issuer};
	const struct ocsp_terms terms = {.now = NOW, .responders = certs, .n_responders = 2};
	struct trust_policy policy = {
	    .revocation = REVOCATION_STRICT, .answers = &o, .n_answers = 1};
	char why[TRUST_REASON_MAX], url[256];
	struct trust *t = trust_new();
	const char *reason;

	if (ocsp_says(o, cert, issuer, &terms, &reason) != OCSP_SILENT &&
	    !ocsp_is_about(o, cert, issuer))
		abort();
	(void)ocsp_url(cert, 0, url, sizeof(url));
	if (t != NULL && trust_add_ca(t, issuer, &reason) == ERR_NONE)
		(void)trust_check_chain(t, &policy, certs, 2, NULL, NOW, why, sizeof(why));
	trust_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct reader r = reader_of(bytes_of(data, n));
	struct certificate *cert = take(&r), *issuer = take(&r);
	struct ocsp *o = NULL;
	const char *reason;

	if (ocsp_parse(&o, reader_rest(&r), &reason) == ERR_NONE) {
		(void)ocsp_this_update(o);
		(void)ocsp_next_update(o);
		if (cert != NULL && issuer != NULL)
			ask(o, cert, issuer);
	}
	ocsp_free(o);
	certificate_free(cert);
	certificate_free(issuer);
	if (mem_blocks_held() != 0)
		abort();
	return 0;
}
