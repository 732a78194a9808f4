/* The Authentication Data of an AUTH payload (RFC 7427 3), whose identifier crashed another
 * implementation, and keys as text and as DER. The first octet is the method. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* P-256, of RFC 4754 8.1. */
static const uint8_t spki[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x24, 0x42, 0xa5, 0xcc, 0x0e,
    0xcd, 0x01, 0x5f, 0xa3, 0xca, 0x31, 0xdc, 0x8e, 0x2b, 0xbc, 0x70, 0xbf, 0x42, 0xd6, 0x0c, 0xbc,
    0xa2, 0x00, 0x85, 0xe0, 0x82, 0x2c, 0xb0, 0x42, 0x35, 0xe9, 0x70, 0x6f, 0xc9, 0x8b, 0xd7, 0xe5,
    0x02, 0x11, 0xa4, 0xa2, 0x71, 0x02, 0xfa, 0x35, 0x49, 0xdf, 0x79, 0xeb, 0xcb, 0x4b, 0xf2, 0x46,
    0xb8, 0x09, 0x45, 0xcd, 0xdf, 0xe7, 0xd5, 0x09, 0xbb, 0xfd, 0x7d};

static void verify(uint8_t method, struct bytes data)
{
	const struct signature_scheme *scheme;
	struct public_key *key;
	struct bytes signature;
	const char *reason;

	scheme = signature_recognise(method, data, &signature);
	if (scheme == NULL)
		return;
	if (scheme->auth_method != method || signature.n == 0 || signature.n > data.n)
		abort();
	if (public_key_parse(&key, BYTES_OF(spki), &reason) != ERR_NONE)
		abort();
	if (signature_verify(key, scheme, signature, BYTES_LITERAL("a message")) == ERR_NONE)
		abort(); /* nobody has its private half */
	public_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct private_key *private;
	struct public_key *public;
	const char *reason;
	struct bytes rest;

	if (n == 0)
		return 0;
	rest = bytes_of(data + 1, n - 1);
	verify(data[0], rest);
	verify(AUTH_DIGITAL_SIGNATURE, rest);
	if (public_key_parse(&public, rest, &reason) == ERR_NONE) {
		if (!public_key_equal(public, public))
			abort();
		public_key_free(public);
	}
	if (data[0] == 0 && private_key_parse(&private, rest, &reason) == ERR_NONE)
		private_key_free(private);
	if (mem_blocks_held() != 0)
		abort();
	return 0;
}
