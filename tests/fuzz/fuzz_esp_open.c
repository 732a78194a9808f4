/* ESP and EESP packets as they arrive at a keyed SA. The first octet chooses a suite, the form of
 * sequence number, and whether the rest is a whole packet or the text of an authentic one (NULL
 * encryption, a right ICV), so that trailer, padding and inner headers are reached too. The packet
 * lies in a buffer of just its size. */
#include <stdlib.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "esp/sa.h"
#include "esp/tunnel.h"

#define SPI 0x01020304U

static const struct {
	uint16_t encr, bits, integ;
} suites[] = {
    {ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128},
    {ENCR_AES_GCM_16, 128, 0},
    {ENCR_AES_GCM_8, 256, 0},
    {ENCR_AES_CCM_12, 256, 0},
    {ENCR_CHACHA20_POLY1305, 256, 0},
    {ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_512_256},
    {ENCR_AES_CTR, 192, INTEG_HMAC_SHA2_384_192},
    {ENCR_AES_CBC, 256, INTEG_AES_CMAC_96},
};

#define SUITES (sizeof(suites) / sizeof(suites[0]))

static const uint8_t key_octets[ENCR_KEY_MAX + INTEG_KEY_MAX] = {1, 2, 3, 4};

static void require(bool held)
{
	if (!held)
		abort();
}

static struct esp_sa_params params_of(size_t i, bool esn)
{
	struct esp_sa_params p = {
	    .spi = SPI,
	    .suite = {encr_find(suites[i].encr), suites[i].bits,
		      suites[i].integ != 0 ? integ_find(suites[i].integ) : NULL},
	    .esn = esn,
	    .replay_window = 64,
	};

	p.keys.encr = bytes_of(key_octets, encr_keymat_len(p.suite.encr, p.suite.key_bits));
	p.keys.integ = bytes_of(key_octets, p.suite.integ != NULL ? p.suite.integ->key_len : 0);
	return p;
}

/* Puts SPI, number 1 and the ICV around the text. */
static void make_authentic(struct packet *p, const struct esp_sa_params *params)
{
	struct writer w = writer_of(p->data, 8);
	struct protect_context *c = protect_context_new(&params->suite, &params->keys);
	static const uint8_t high[4];
	struct protect_unit u = {
	    .aad = bytes_of(p->data, 8),
	    .tail = bytes_of(high, params->esn ? 4 : 0),
	    .text = p->data + 8,
	    .text_len = p->len - 8 - 16,
	    .icv = p->data + p->len - 16,
	};

	writer_u32(&w, SPI);
	writer_u32(&w, 1);
	require(c != NULL && protect_context_seal(c, &u) == ERR_NONE);
	protect_context_free(c);
}

static void look_inside(struct packet *p)
{
	struct inner in;

	p->outer_tos = (uint8_t)p->len;
	if (tunnel_decapsulate(p, &in) == PACKET_OK) {
		require(in.total == p->len && in.transport <= in.total);
		require(inner_read(&in, bytes_of(p->data, p->len)));
	}
}

/* EESP: octet one of the rest chooses the terms; with an authentic packet the headers are the
 * input's own, as far as they say what they must. */
static struct eesp_terms terms_of(uint8_t choice)
{
	static const enum esp_mode modes[] = {ESP_MODE_TUNNEL, ESP_MODE_TRANSPORT, ESP_MODE_BEET,
					      ESP_MODE_TUNNEL};

	return (struct eesp_terms){
	    .mode = modes[choice & 3],
	    .numbers = (choice & 4) != 0,
	    .sskdf = (choice & 8) != 0 ? SSKDF_HKDF_SHA2_256 : SSKDF_NONE,
	    .sub_sa = {true, 3},
	    .crypt_offset = {(choice & 16) != 0, 20},
	    .iv_not_in_aad = (choice & 32) != 0,
	};
}

/* Seals what follows the header as the input wants it, GMAC over all of it. */
static void make_authentic_eesp(struct packet *p, const struct esp_sa_params *params)
{
	struct protect_context *c = protect_context_new(&params->suite, &params->keys);
	const size_t options = p->data[1];
	const size_t head = 8 + options + (params->eesp->numbers ? 8 : 0) + 8;

	require(c != NULL);
	if (head + 16 <= p->len) {
		struct protect_unit u = {
		    .aad = bytes_of(p->data, p->len - 16),
		    .iv = bytes_of(p->data + head - 8, 8),
		    .icv = p->data + p->len - 16,
		};
		require(protect_context_seal(c, &u) == ERR_NONE);
	}
	protect_context_free(c);
}

static void try_eesp(struct esp_engine *e, const uint8_t *data, size_t n)
{
	const uint8_t choice = data[0];
	const bool authentic = (choice & 0x80) != 0;
	struct eesp_terms terms = terms_of(choice & 0x3f);
	struct esp_sa_params params = {
	    .spi = SPI, .replay_window = 64, .eesp = &terms, .suite = {.key_bits = 256}};
	uint8_t *buf = mem_new(n - 1 + 16);
	struct packet p = {.buf = buf, .cap = n - 1 + 16, .data = buf, .len = n - 1 + 16};
	struct packet *v = &p;
	struct esp_sa *sa;

	if (authentic)
		terms.sskdf = SSKDF_NONE; /* whose key is at hand */
	params.suite.encr = encr_find(authentic            ? ENCR_NULL_AUTH_AES_GMAC
				      : (choice & 64) != 0 ? ENCR_AES_GCM_16
							   : ENCR_AES_CCM_8);
	params.keys.encr = bytes_of(
	    key_octets, terms.sskdf != SSKDF_NONE ? 32 : encr_keymat_len(params.suite.encr, 256));
	require(buf != NULL && esp_sa_new_inbound(&sa, &params) == ERR_NONE);
	memcpy(buf, data + 1, n - 1);
	if (n >= 9)
		memcpy(buf + 4, "\x01\x02\x03\x04", 4);
	if (authentic)
		make_authentic_eesp(&p, &params);
	if (esp_open(e, sa, &v, 1) == 1) {
		require(authentic && p.len <= n);
		look_inside(&p);
	} else {
		require(p.fate != PACKET_OK);
	}
	esp_sa_free(sa);
	mem_free(buf);
}

static void try_open(struct esp_engine *e, uint8_t choice, const uint8_t *data, size_t n)
{
	bool esn = choice & 1, authentic = choice & 2;
	size_t i = authentic ? 0 : (choice >> 2) % SUITES;
	struct esp_sa_params params = params_of(i, esn);
	size_t len = authentic ? n + 24 : n;
	uint8_t *buf = mem_new(len);
	struct packet p = {.buf = buf, .cap = len, .data = buf, .len = len};
	struct packet *v = &p;
	struct esp_sa *sa;

	require(buf != NULL && esp_sa_new_inbound(&sa, &params) == ERR_NONE);
	if (n > 0)
		memcpy(buf + (authentic ? 8 : 0), data, n);
	if (authentic)
		make_authentic(&p, &params);
	else if (n >= 4)
		memcpy(buf, "\x01\x02\x03\x04", 4);
	if (esp_open(e, sa, &v, 1) == 1) {
		require(authentic && p.len <= n && esp_sa_sequence(sa) == 1);
		look_inside(&p);
	} else {
		require(p.fate != PACKET_OK);
		require(authentic || esp_sa_sequence(sa) == 0);
	}
	esp_sa_free(sa);
	mem_free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct esp_engine *engines[2];

	if (engines[0] == NULL) {
		engines[0] = esp_engine_new(ESP_BACKEND_LIBRARY, NULL);
		engines[1] = esp_engine_new(ESP_BACKEND_BEST, NULL);
		require(engines[0] != NULL && engines[1] != NULL);
	}
	if (n == 0)
		return 0;
	if ((data[0] & 0x7f) == 0x7f && n > 1)
		try_eesp(engines[data[0] >> 7], data + 1, n - 1);
	else
		try_open(engines[data[0] >> 7], data[0] & 0x7f, data + 1, n - 1);
	return 0;
}
