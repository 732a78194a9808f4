/* What KEM-based authentication reads of a stranger: the layout of ECERT, and the bundle of
 * certificates that it holds once it is decrypted. A bundle that is taken is written again and must
 * say the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pki/cert_bundle.h"
#include "wire/ecert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static volatile unsigned sink;

static void touch(struct bytes b)
{
	unsigned sum = 0;

	for (size_t i = 0; i < b.n; i++)
		sum += b.p[i];
	sink += sum;
}

static void read_ecert(struct bytes octets)
{
	static const size_t icvs[] = {8, 16, 24, 32};
	struct ecert_layout at;
	const char *reason;

	for (size_t i = 0; i < sizeof(icvs) / sizeof(icvs[0]); i++) {
		if (ecert_split(&at, octets, i % 2 == 0 ? 8 : 16, icvs[i], &reason) != ERR_NONE)
			continue;
		if (at.aad.n + at.iv.n + at.ciphertext.n + at.icv.n != octets.n ||
		    at.ciphertext.p != octets.p + at.ciphertext_at ||
		    at.icv.p != octets.p + at.icv_at)
			abort();
		touch(at.iv);
		touch(at.ciphertext);
		touch(at.icv);
	}
}

static void read_bundle(struct bytes der)
{
	struct cert_bundle b, again;
	const char *reason;

	if (cert_bundle_parse(&b, der, &reason) != ERR_NONE)
		return;
	const size_t len = cert_bundle_len(&b);
	uint8_t *out = mem_new(len);
	if (out == NULL)
		return;
	struct writer w = writer_of(out, len);
	for (size_t i = 0; i < b.n; i++)
		touch(b.parts[i].der);
	cert_bundle_write(&b, &w);
	if (!writer_ok(&w) || w.n != len ||
	    cert_bundle_parse(&again, writer_bytes_so_far(&w), &reason) != ERR_NONE ||
	    again.n != b.n)
		abort();
	for (size_t i = 0; i < b.n; i++)
		if (again.parts[i].crl != b.parts[i].crl ||
		    !bytes_equal(again.parts[i].der, b.parts[i].der))
			abort();
	mem_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	read_ecert(bytes_of(data, n));
	read_bundle(bytes_of(data, n));
	return 0;
}
