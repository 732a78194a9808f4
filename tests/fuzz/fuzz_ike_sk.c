/* Opening a protected message. The input is the inside, which is sealed with known keys, so that
 * the fuzzer gets past the ICV; its first octet picks the suite, its second the first inner
 * payload's type. Then the input is opened as it stands. */
#include <stdlib.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "ike/sk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t keys_octets[64];

static void fill(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	memset(buf, 7, n);
}

static struct crypto *crypto;

static void open_it(const struct protect_suite *s, uint8_t *message, size_t n, bool good_icv)
{
	struct protect_keys keys = {
	    bytes_of(keys_octets, encr_keymat_len(s->encr, s->key_bits)),
	    bytes_of(keys_octets, s->integ != NULL ? s->integ->key_len : 0)};
	struct ike_sk_opened *opened = calloc(1, sizeof(*opened));
	const char *reason = NULL;
	struct ike_header h;
	enum err e;

	if (opened != NULL && header_parse(&h, bytes_of(message, n), &reason) == ERR_NONE) {
		e = ike_sk_open(crypto, s, &keys, &h, message, n, opened, &reason);
		if ((good_icv && !opened->authentic) || (e == ERR_NONE && !opened->authentic) ||
		    (e != ERR_NONE && reason == NULL))
			abort();
	}
	free(opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[5000];
	struct protect_suite suites[] = {
	    {encr_find(ENCR_AES_GCM_16), 128, NULL},
	    {encr_find(ENCR_AES_CBC), 128, integ_find(INTEG_HMAC_SHA2_256_128)},
	    {encr_find(ENCR_CHACHA20_POLY1305), 0, NULL},
	};
	struct ike_header h = {.spi_i = 1, .spi_r = 2, .exchange = EXCHANGE_INFORMATIONAL};
	struct random_source random = {fill, NULL};
	const struct protect_suite *s;
	struct protect_keys keys;
	struct bytes out;
	struct message m;
	uint64_t counter = 1;

	if (size < 2 || size > 4000)
		return 0;
	if (crypto == NULL)
		crypto = crypto_new();
	if (crypto == NULL)
		return 0;
	s = &suites[data[0] % 3];
	keys =
	    (struct protect_keys){bytes_of(keys_octets, encr_keymat_len(s->encr, s->key_bits)),
				  bytes_of(keys_octets, s->integ != NULL ? s->integ->key_len : 0)};
	message_begin(&m, buf, sizeof(buf), &h);
	message_sk_begin(&m, ike_sk_iv_len(s));
	/* The inner chain as raw octets: the first payload's header is written by hand. */
	writer_bytes(&m.w, bytes_of(data + 2, size - 2));
	writer_patch_u8(&m.w, m.sk_at, data[1]);
	if (ike_sk_seal(crypto, s, &keys, &counter, &random, &m, &out) != ERR_NONE)
		abort();
	open_it(s, buf, out.n, true);

	memcpy(buf, data, size);
	open_it(s, buf, size, false);
	return 0;
}
