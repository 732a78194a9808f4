/* Values of the peer for every key exchange method: octets as they come, and a valid value with
 * some octets changed. First octet: the method; second: bit 0 the role, bit 1 which of the two;
 * then three octets of where the changes begin. Slow private keys are not made again and again. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/ke.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define METHODS_MAX 64

/* Valid values, made once. */
static uint8_t *init_values[METHODS_MAX];

static const uint8_t seed[KE_SEED_LEN] = {1, 2, 3};

static struct ke_private *make(const struct ke_desc *d, uint8_t *value)
{
	struct ke_private *private;

	if (ke_generate(d, seed, &private, value) != ERR_NONE)
		abort();
	return private;
}

/* How a value of n octets was taken. */
static void judge(enum err e, size_t n, size_t right)
{
	if ((e == ERR_SYNTAX) != (n != right) ||
	    (e != ERR_NONE && e != ERR_SYNTAX && e != ERR_CRYPTO))
		abort();
}

static void change(uint8_t *value, size_t n, struct bytes by, uint32_t at)
{
	for (size_t i = 0; i < by.n; i++)
		value[(at + i) % n] ^= by.p[i];
}

static void respond(const struct ke_desc *d, size_t method, bool raw, struct bytes by, uint32_t at)
{
	uint8_t *value = mem_new(d->init_len);
	uint8_t *answer = mem_new(d->resp_len);
	uint8_t *secret = mem_new(d->secret_len);
	struct bytes peer = raw ? by : bytes_of(value, d->init_len);

	if (init_values[method] == NULL) {
		init_values[method] = malloc(d->init_len);
		ke_private_free(make(d, init_values[method]));
	}
	memcpy(value, init_values[method], d->init_len);
	change(value, d->init_len, by, at);
	judge(ke_respond(d, seed, peer, answer, secret), peer.n, d->init_len);
	mem_free(value);
	mem_free(answer);
	mem_free(secret);
}

static void finish(const struct ke_desc *d, bool raw, struct bytes by, uint32_t at)
{
	uint8_t *init = mem_new(d->init_len);
	uint8_t *answer = mem_new(d->resp_len);
	uint8_t *secret = mem_new(d->secret_len);
	struct ke_private *private = make(d, init);
	struct bytes peer = raw ? by : bytes_of(answer, d->resp_len);
	enum err e;

	if (ke_respond(d, seed, bytes_of(init, d->init_len), answer, secret) != ERR_NONE)
		abort();
	change(answer, d->resp_len, by, at);
	e = ke_finish(private, peer, secret);
	judge(e, peer.n, d->resp_len);
	/* A KEM with implicit rejection never refuses a ciphertext of the right length. */
	if (d->is_kem && !d->needs_big_payload && peer.n == d->resp_len && e != ERR_NONE)
		abort();
	ke_private_free(private);
	mem_free(init);
	mem_free(answer);
	mem_free(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t held = mem_blocks_held();
	size_t n;
	const struct ke_desc *all = ke_all(&n);
	const struct ke_desc *d;
	uint32_t at;
	bool raw;

	if (size < 5 || n > METHODS_MAX)
		return 0;
	d = &all[data[0] % n];
	raw = (data[1] & 2) != 0;
	at = (uint32_t)data[2] << 16 | (uint32_t)data[3] << 8 | data[4];
	if ((data[1] & 1) == 0)
		respond(d, data[0] % n, raw, bytes_of(data + 5, size - 5), at);
	else if (d->cost == KE_COST_LOW)
		finish(d, raw, bytes_of(data + 5, size - 5), at);
	if (mem_blocks_held() != held)
		abort();
	return 0;
}
