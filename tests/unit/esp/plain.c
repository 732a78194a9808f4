#include "plain.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static const EVP_CIPHER *cipher_of(const struct plain_sa *sa)
{
	switch (sa->cipher) {
	case PLAIN_GCM:
	case PLAIN_GMAC:
		return sa->key_len == 16   ? EVP_aes_128_gcm()
		       : sa->key_len == 24 ? EVP_aes_192_gcm()
					   : EVP_aes_256_gcm();
	case PLAIN_CCM:
		return sa->key_len == 16   ? EVP_aes_128_ccm()
		       : sa->key_len == 24 ? EVP_aes_192_ccm()
					   : EVP_aes_256_ccm();
	case PLAIN_CHACHA:
		return EVP_chacha20_poly1305();
	}
	return NULL;
}

struct box {
	const uint8_t *iv; /* 8 octets */
	const uint8_t *aad;
	int aad_len;
	uint8_t *text; /* in place */
	int text_len;
	uint8_t *tag;
};

static bool run(const struct plain_sa *sa, const struct box *b, int encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t nonce[12], none[32], *text = b->text_len != 0 ? b->text : none;
	int nonce_len = sa->salt_len + 8, n = 0;
	bool ccm = sa->cipher == PLAIN_CCM, ok;

	memcpy(nonce, sa->salt, (size_t)sa->salt_len);
	memcpy(nonce + sa->salt_len, b->iv, 8);
	ok = EVP_CipherInit_ex(c, cipher_of(sa), NULL, NULL, NULL, encrypt) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, nonce_len, NULL) == 1;
	if (ok && (ccm || encrypt == 0))
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sa->tag_len,
					 encrypt != 0 ? NULL : b->tag) == 1;
	ok = ok && EVP_CipherInit_ex(c, NULL, NULL, sa->key, nonce, encrypt) == 1;
	if (ok && ccm)
		ok = EVP_CipherUpdate(c, NULL, &n, NULL, b->text_len) == 1;
	if (ok && b->aad_len != 0)
		ok = EVP_CipherUpdate(c, NULL, &n, b->aad, b->aad_len) == 1;
	if (ok && (ccm || b->text_len != 0))
		ok = EVP_CipherUpdate(c, text, &n, text, b->text_len) == 1;
	if (ok && !(ccm && encrypt == 0))
		ok = EVP_CipherFinal_ex(c, none, &n) == 1;
	if (ok && encrypt != 0)
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, sa->tag_len, b->tag) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok;
}

static uint8_t *big_endian(uint8_t *to, uint64_t v, int octets)
{
	for (int i = octets - 1; i >= 0; i--)
		*to++ = (uint8_t)(v >> (8 * i));
	return to;
}

static uint64_t from_big_endian(const uint8_t *p, int octets)
{
	uint64_t v = 0;

	for (int i = 0; i < octets; i++)
		v = v << 8 | p[i];
	return v;
}

static int iv_len(const struct plain_sa *sa)
{
	return sa->implicit_iv ? 0 : 8;
}

/* Headers of EESP; returns how many octets. */
static int eesp_head(const struct plain_sa *sa, const struct plain_packet *p, uint8_t *out)
{
	uint8_t *at = out;

	*at++ = 0x80;
	*at++ = (uint8_t)p->options_len;
	at = big_endian(at, p->session, 2);
	at = big_endian(at, sa->spi, 4);
	memcpy(at, p->options, (size_t)p->options_len);
	at += p->options_len;
	if (sa->numbers)
		at = big_endian(at, p->number, 8);
	if (!sa->implicit_iv)
		at = big_endian(at, p->number, 8);
	return (int)(at - out);
}

/* The AAD of EESP; iv gets the eight octets of the nonce. head is without what is exposed. */
static int eesp_aad(const struct plain_sa *sa, const uint8_t *packet, int head, int end,
		    uint64_t number, uint8_t *aad, uint8_t *iv)
{
	if (sa->implicit_iv)
		big_endian(iv, number, 8);
	else
		memcpy(iv, packet + head - 8, 8);
	if (sa->iv_not_in_aad && !sa->implicit_iv && sa->cipher != PLAIN_GMAC) {
		memcpy(aad, packet, (size_t)head - 8);
		memcpy(aad + head - 8, packet + head, (size_t)(end - head));
		return end - 8;
	}
	memcpy(aad, packet, (size_t)end);
	return end;
}

static int eesp_seal(const struct plain_sa *sa, const struct plain_packet *p, uint8_t *out)
{
	uint8_t aad[PLAIN_MAX + 600], iv[8];
	int head = eesp_head(sa, p, out), end = head, from;

	if (p->full) {
		out[end++] = 0;
		out[end++] = 0;
		out[end++] = p->next_header;
		out[end++] = (uint8_t)p->padding;
	}
	memcpy(out + end, p->payload, (size_t)p->payload_len);
	end += p->payload_len;
	memset(out + end, 0, (size_t)p->padding);
	end += p->padding;
	from = sa->cipher == PLAIN_GMAC ? end : head + p->exposed;
	struct box b = {
	    .iv = iv, .aad = aad, .text = out + from, .text_len = end - from, .tag = out + end};
	b.aad_len = eesp_aad(sa, out, head, from, p->number, aad, iv);
	return run(sa, &b, 1) ? end + sa->tag_len : -1;
}

static bool eesp_open(const struct plain_sa *sa, const uint8_t *in, int n, struct plain_packet *p)
{
	uint8_t copy[PLAIN_MAX + 600], aad[PLAIN_MAX + 600], iv[8];
	int head, end = n - sa->tag_len, from;

	memcpy(copy, in, (size_t)n);
	if (n < 8 || copy[0] != 0x80 || from_big_endian(copy + 4, 4) != sa->spi)
		return false;
	p->session = (uint16_t)from_big_endian(copy + 2, 2);
	p->options_len = copy[1];
	head = 8 + p->options_len + (sa->numbers ? 8 : 0) + iv_len(sa);
	if (end < head)
		return false;
	memcpy(p->options, copy + 8, (size_t)p->options_len);
	p->number = sa->numbers ? from_big_endian(copy + 8 + p->options_len, 8) : 0;
	p->full = !sa->tunnel;
	p->exposed = 0;
	/* Tests put the option first. */
	if (p->options_len >= 4 && p->options[0] == 2) {
		p->full = true;
		p->exposed = 4 * ((p->options[2] & 3) << 4 | p->options[3] >> 4);
	}
	from = sa->cipher == PLAIN_GMAC ? end : head + p->exposed;
	if (from > end)
		return false;
	struct box b = {
	    .iv = iv, .aad = aad, .text = copy + from, .text_len = end - from, .tag = copy + end};
	b.aad_len = eesp_aad(sa, copy, head, from, p->number, aad, iv);
	if (!run(sa, &b, 0))
		return false;
	if (p->full) {
		p->next_header = copy[head + 2];
		p->padding = copy[head + 3];
		head += 4;
	} else if (copy[head] >> 4 == 4) {
		p->next_header = 4;
		p->padding = end - head - (int)from_big_endian(copy + head + 2, 2);
	} else {
		p->next_header = 41;
		p->padding = end - head - 40 - (int)from_big_endian(copy + head + 4, 2);
	}
	p->payload_len = end - head - p->padding;
	if (p->payload_len < 0 || p->padding < 0)
		return false;
	memcpy(p->payload, copy + head, (size_t)p->payload_len);
	return true;
}

static int esp_aad(const struct plain_sa *sa, uint64_t number, uint8_t *aad)
{
	big_endian(aad, sa->spi, 4);
	big_endian(aad + 4, number, sa->esn ? 8 : 4);
	return sa->esn ? 12 : 8;
}

static int esp_seal_(const struct plain_sa *sa, const struct plain_packet *p, uint8_t *out)
{
	uint8_t aad[12], iv[8], *at = out;
	int head = 8 + iv_len(sa);

	big_endian(iv, p->number, 8);
	at = big_endian(at, sa->spi, 4);
	at = big_endian(at, p->number & 0xffffffff, 4);
	if (!sa->implicit_iv)
		at = big_endian(at, p->number, 8);
	memcpy(at, p->payload, (size_t)p->payload_len);
	at += p->payload_len;
	for (int i = 1; i <= p->padding; i++)
		*at++ = (uint8_t)i;
	*at++ = (uint8_t)p->padding;
	*at++ = p->next_header;
	struct box b = {.iv = iv,
			.aad = aad,
			.text = out + head,
			.text_len = (int)(at - out) - head,
			.tag = at};
	b.aad_len = esp_aad(sa, p->number, aad);
	return run(sa, &b, 1) ? (int)(at - out) + sa->tag_len : -1;
}

static bool esp_open_(const struct plain_sa *sa, const uint8_t *in, int n, uint32_t high,
		      struct plain_packet *p)
{
	uint8_t copy[PLAIN_MAX + 600], aad[12], iv[8];
	int head = 8 + iv_len(sa), end = n - sa->tag_len;

	memcpy(copy, in, (size_t)n);
	if (end < head + 2)
		return false;
	p->number = (uint64_t)high << 32 | from_big_endian(copy + 4, 4);
	if (sa->implicit_iv)
		big_endian(iv, p->number, 8);
	else
		memcpy(iv, copy + 8, 8);
	struct box b = {
	    .iv = iv, .aad = aad, .text = copy + head, .text_len = end - head, .tag = copy + end};
	b.aad_len = esp_aad(sa, p->number, aad);
	if (!run(sa, &b, 0))
		return false;
	p->next_header = copy[end - 1];
	p->padding = copy[end - 2];
	p->payload_len = end - 2 - p->padding - head;
	if (p->payload_len < 0)
		return false;
	memcpy(p->payload, copy + head, (size_t)p->payload_len);
	return true;
}

int plain_seal(const struct plain_sa *sa, const struct plain_packet *p, uint8_t *out)
{
	return sa->eesp ? eesp_seal(sa, p, out) : esp_seal_(sa, p, out);
}

bool plain_open(const struct plain_sa *sa, const uint8_t *in, int n, uint32_t high,
		struct plain_packet *p)
{
	return sa->eesp ? eesp_open(sa, in, n, p) : esp_open_(sa, in, n, high, p);
}

bool plain_sub_key(const uint8_t *root, int hash_len, uint16_t session, uint8_t *out, int n)
{
	const EVP_MD *md = hash_len == 32   ? EVP_sha256()
			   : hash_len == 48 ? EVP_sha384()
					    : EVP_sha512();
	uint8_t block[64 + 3], t[64];
	int have = 0, t_len = 0;

	for (uint8_t i = 1; have < n; i++) {
		unsigned len;
		memcpy(block, t, (size_t)t_len);
		block[t_len] = (uint8_t)(session >> 8);
		block[t_len + 1] = (uint8_t)session;
		block[t_len + 2] = i;
		if (HMAC(md, root, hash_len, block, (size_t)t_len + 3, t, &len) == NULL)
			return false;
		t_len = (int)len;
		memcpy(out + have, t, (size_t)(n - have < t_len ? n - have : t_len));
		have += t_len;
	}
	return true;
}
