/* What a peer sends in CERT payloads of encoding 7, and what stands in a file of lists: read, and
 * asked about a chain. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pki/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look_at(const struct crl *c)
{
	if (crl_issuer(c) == NULL)
		abort();
	(void)crl_count(c);
	(void)crl_this_update(c);
	(void)crl_next_update(c);
}

/* Takes the lists. The first octets that are a certificate are a peer's who brings them all. */
static void ask(struct crl *const *lists, size_t n, const struct certificate *cert)
{
	struct trust_policy policy = {.revocation = REVOCATION_STRICT};
	char reason[TRUST_REASON_MAX];
	const char *ignored;
	struct trust *t = trust_new();

	for (size_t i = 0; i < n; i++)
		look_at(lists[i]);
	if (t != NULL && cert != NULL) {
		policy.received = (const struct crl *const *)lists;
		policy.n_received = n;
		(void)trust_add_ca(t, cert, &ignored);
		(void)trust_check_chain(t, &policy, &cert, 1, NULL, 1795521600, reason,
					sizeof(reason));
		for (size_t i = 0; i < n; i++) {
			(void)crl_is_of(lists[i], cert);
			(void)crl_is_signed_by(lists[i], cert);
		}
	}
	trust_free(t);
	for (size_t i = 0; i < n; i++)
		crl_free(lists[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct crl *lists[CRLS_MAX];
	struct certificate *cert = NULL;
	const char *reason;
	size_t count;

	/* A file may hold a certificate beside the lists; it is the issuer that is asked. */
	(void)certificates_parse(&cert, 1, &count, bytes_of(data, n), &reason);
	if (count == 0)
		cert = NULL;
	if (crl_parse(&lists[0], bytes_of(data, n), &reason) == ERR_NONE)
		ask(lists, 1, NULL);
	if (crls_parse(lists, CRLS_MAX, &count, bytes_of(data, n), &reason) == ERR_NONE)
		ask(lists, count, cert);
	certificate_free(cert);
	if (mem_blocks_held() != 0)
		abort();
	return 0;
}
