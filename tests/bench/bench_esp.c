/* What sealing and opening ESP costs on one core, by suite, packet size and backend, beside
 * intel-ipsec-mb alone on the same buffers. Vectors of 128 packets, 60 ms a figure, about 5 seconds
 * in all. -o FILE writes the figures as JSON too.
 * Sizes are of inner packets, and Gbit/s counts their octets alone. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "esp/sa.h"

#ifdef POSTERN_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#define VECTOR    PACKET_VECTOR_MAX
#define SLOT      2048
#define BUDGET_NS 60000000ULL

static const struct suite {
	const char *name;
	uint16_t encr, bits, integ;
} suites[] = {
    {"aes-128-gcm-16", ENCR_AES_GCM_16, 128, 0},
    {"aes-256-gcm-16", ENCR_AES_GCM_16, 256, 0},
    {"chacha20-poly1305", ENCR_CHACHA20_POLY1305, 256, 0},
    {"aes-256-cbc hmac-sha2-256-128", ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128},
};

static const size_t sizes[] = {64, 256, 1420};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static _Alignas(64) uint8_t room[VECTOR][SLOT];
static struct packet packets[VECTOR];
static struct packet *vector[VECTOR];

struct figure {
	double seal_ns, open_ns; /* a packet; 0: not measured */
};

/* Of this thread alone, so that a busy machine does not show in the figures. */
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_esp: %s\n", what);
	exit(1);
}

static void reset(size_t size)
{
	for (size_t i = 0; i < VECTOR; i++) {
		packets[i] = (struct packet){.buf = room[i],
					     .cap = SLOT,
					     .data = room[i] + PACKET_HEADROOM,
					     .len = size,
					     .next_header = 4};
		vector[i] = &packets[i];
	}
}

static const uint8_t key_octets[ENCR_KEY_MAX + INTEG_KEY_MAX] = {7, 7, 7};

static struct esp_sa_params params_of(const struct suite *s)
{
	struct esp_sa_params p = {
	    .spi = 0x10000,
	    .suite = {encr_find(s->encr), s->bits, s->integ != 0 ? integ_find(s->integ) : NULL},
	    .esn = true,
	    .replay_window = 1024,
	};

	p.keys.encr = bytes_of(key_octets, encr_keymat_len(p.suite.encr, s->bits));
	p.keys.integ = bytes_of(key_octets, p.suite.integ != NULL ? p.suite.integ->key_len : 0);
	return p;
}

static struct figure measure(enum esp_backend backend, const struct suite *s, size_t size)
{
	struct esp_engine *e = esp_engine_new(backend, NULL);
	struct esp_sa_params params = params_of(s);
	struct esp_sa *out, *in;
	uint64_t sealing = 0, opening = 0, vectors = 0;

	if (e == NULL || esp_engine_backend(e, &params.suite) == NULL) {
		esp_engine_free(e);
		return (struct figure){0};
	}
	if (esp_sa_new_outbound(&out, &params) != ERR_NONE ||
	    esp_sa_new_inbound(&in, &params) != ERR_NONE)
		fail("no SA");
	for (size_t round = 0; sealing + opening < 2 * BUDGET_NS; round++) {
		uint64_t t0, t1, t2;

		reset(size);
		t0 = now_ns();
		if (esp_seal(e, out, vector, VECTOR) != VECTOR)
			fail("sealing failed");
		t1 = now_ns();
		if (esp_open(e, in, vector, VECTOR) != VECTOR)
			fail("opening failed");
		t2 = now_ns();
		if (round < 16)
			continue; /* caches and clocks settle */
		sealing += t1 - t0;
		opening += t2 - t1;
		vectors++;
	}
	esp_sa_free(out);
	esp_sa_free(in);
	esp_engine_free(e);
	return (struct figure){(double)sealing / (double)(vectors * VECTOR),
			       (double)opening / (double)(vectors * VECTOR)};
}

#ifdef POSTERN_IPSEC_MB

static _Alignas(64) struct gcm_key_data gcm;
static _Alignas(16) uint32_t enc_keys[60], dec_keys[60];
static _Alignas(16) uint8_t inner_pad[64], outer_pad[64];
static uint8_t tags[VECTOR][16];
static const uint8_t nonce[16], aad[12];

static void raw_gcm(IMB_MGR *m, bool wide, size_t len)
{
	struct gcm_context_data ctx;

	for (size_t i = 0; i < VECTOR; i++) {
		uint8_t *p = room[i] + PACKET_HEADROOM;

		if (wide)
			IMB_AES256_GCM_ENC(m, &gcm, &ctx, p, p, len, nonce, aad, 12, tags[i], 16);
		else
			IMB_AES128_GCM_ENC(m, &gcm, &ctx, p, p, len, nonce, aad, 12, tags[i], 16);
	}
}

static void raw_jobs(IMB_MGR *m, const struct suite *s, size_t len)
{
	bool chacha = s->encr == ENCR_CHACHA20_POLY1305;
	size_t head = chacha ? 0 : 24;

	for (size_t i = 0; i < VECTOR; i++) {
		IMB_JOB *j = IMB_GET_NEXT_JOB(m);

		j->cipher_mode = chacha ? IMB_CIPHER_CHACHA20_POLY1305 : IMB_CIPHER_CBC;
		j->hash_alg = chacha ? IMB_AUTH_CHACHA20_POLY1305 : IMB_AUTH_HMAC_SHA_256;
		j->cipher_direction = IMB_DIR_ENCRYPT;
		j->chain_order = IMB_ORDER_CIPHER_HASH;
		j->enc_keys = chacha ? (const void *)key_octets : enc_keys;
		j->dec_keys = chacha ? (const void *)key_octets : dec_keys;
		j->key_len_in_bytes = 32;
		j->src = room[i] + PACKET_HEADROOM - head;
		j->dst = room[i] + PACKET_HEADROOM;
		j->cipher_start_src_offset_in_bytes = head;
		j->msg_len_to_cipher_in_bytes = len;
		j->hash_start_src_offset_in_bytes = 0;
		j->msg_len_to_hash_in_bytes = chacha ? len : head + len + 4;
		j->iv = nonce;
		j->iv_len_in_bytes = chacha ? 12 : 16;
		j->auth_tag_output = tags[i];
		j->auth_tag_output_len_in_bytes = 16;
		if (chacha) {
			j->u.CHACHA20_POLY1305.aad = aad;
			j->u.CHACHA20_POLY1305.aad_len_in_bytes = 12;
		} else {
			j->u.HMAC._hashed_auth_key_xor_ipad = inner_pad;
			j->u.HMAC._hashed_auth_key_xor_opad = outer_pad;
		}
		(void)IMB_SUBMIT_JOB(m);
		while (IMB_GET_COMPLETED_JOB(m) != NULL)
			continue;
	}
	while (IMB_FLUSH_JOB(m) != NULL)
		continue;
}

/* The library alone: the same ciphers over the same lengths in the same buffers; sealing only. */
static struct figure measure_raw(const struct suite *s, size_t size)
{
	size_t granule = s->integ != 0 ? 16 : 4;
	size_t len = (size + 2 + granule - 1) / granule * granule;
	IMB_MGR *m = alloc_mb_mgr(0);
	uint64_t total = 0, vectors = 0;

	if (m == NULL)
		return (struct figure){0};
	init_mb_mgr_auto(m, NULL);
	if (s->bits == 128)
		IMB_AES128_GCM_PRE(m, key_octets, &gcm);
	else
		IMB_AES256_GCM_PRE(m, key_octets, &gcm);
	IMB_AES_KEYEXP_256(m, key_octets, enc_keys, dec_keys);
	imb_hmac_ipad_opad(m, IMB_AUTH_HMAC_SHA_256, key_octets, 32, inner_pad, outer_pad);
	for (size_t round = 0; total < BUDGET_NS; round++) {
		uint64_t t0 = now_ns();

		if (s->encr == ENCR_AES_GCM_16)
			raw_gcm(m, s->bits == 256, len);
		else
			raw_jobs(m, s, len);
		if (round < 16)
			continue;
		total += now_ns() - t0;
		vectors++;
	}
	free_mb_mgr(m);
	return (struct figure){(double)total / (double)(vectors * VECTOR), 0};
}

#else

static struct figure measure_raw(const struct suite *s, size_t size)
{
	(void)s;
	(void)size;
	return (struct figure){0};
}

#endif

static void print_half(double ns, size_t size)
{
	if (ns > 0)
		printf(" %9.1f %8.2f", ns, (double)size * 8 / ns);
	else
		printf(" %9s %8s", "-", "-");
}

static void report(json_t *all, const char *backend, const struct suite *s, size_t size,
		   struct figure f)
{
	json_t *one;

	if (f.seal_ns <= 0)
		return;
	printf("%-30s %5zu  %-13s", s->name, size, backend);
	print_half(f.seal_ns, size);
	print_half(f.open_ns, size);
	printf("\n");
	one = json_pack("{s:s, s:I, s:s, s:f}", "suite", s->name, "octets", (json_int_t)size,
			"backend", backend, "seal_ns", f.seal_ns);
	if (one != NULL && f.open_ns > 0)
		json_object_set_new(one, "open_ns", json_real(f.open_ns));
	json_array_append_new(all, one);
}

int main(int argc, char **argv)
{
	const char *file = NULL;
	json_t *all = json_array();

	if (argc == 3 && strcmp(argv[1], "-o") == 0)
		file = argv[2];
	else if (argc != 1)
		fail("usage: bench_esp [-o FILE]");
	printf("%-30s %5s  %-13s %9s %8s %9s %8s\n", "suite", "size", "backend", "seal ns",
	       "Gbit/s", "open ns", "Gbit/s");
	for (size_t i = 0; i < COUNT(suites); i++)
		for (size_t k = 0; k < COUNT(sizes); k++) {
			const struct suite *s = &suites[i];

			report(all, "library", s, sizes[k],
			       measure(ESP_BACKEND_LIBRARY, s, sizes[k]));
			report(all, "ipsec-mb", s, sizes[k],
			       measure(ESP_BACKEND_IPSEC_MB, s, sizes[k]));
			report(all, "ipsec-mb raw", s, sizes[k], measure_raw(s, sizes[k]));
		}
	if (file != NULL && json_dump_file(all, file, JSON_INDENT(1)) != 0)
		fail(strerror(errno));
	json_decref(all);
	printf("ok esp\n");
	return 0;
}
