/* A second implementation of ESP and EESP packets, for the tests alone: plain, slow, by the drafts'
 * text, and without a line of the first. It takes the cipher library directly. */
#ifndef POSTERN_TESTS_ESP_PLAIN_H
#define POSTERN_TESTS_ESP_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN_MAX 4096

enum plain_cipher { PLAIN_GCM, PLAIN_CCM, PLAIN_CHACHA, PLAIN_GMAC };

/* What an SA is, in the words of the drafts; key is what a packet's cipher takes: no root key. */
struct plain_sa {
	bool eesp;
	enum plain_cipher cipher;
	int key_len, tag_len, salt_len;
	bool implicit_iv;
	uint8_t key[32], salt[4];
	uint32_t spi;
	bool esn;     /* ESP: the 64-bit number is in the AAD */
	bool numbers; /* EESP: they are sent */
	bool tunnel;
	bool iv_not_in_aad;
};

/* One packet in the clear. */
struct plain_packet {
	uint64_t number;  /* also the IV, when one is sent */
	uint16_t session; /* EESP */
	uint8_t options[255];
	int options_len;
	bool full;   /* there is a Payload Info Header */
	int exposed; /* octets after the headers that are not encrypted */
	uint8_t next_header;
	int padding;
	uint8_t payload[PLAIN_MAX];
	int payload_len;
};

/* Octets written to out, or -1. */
int plain_seal(const struct plain_sa *sa, const struct plain_packet *p, uint8_t *out);
/* false: not authentic or not sound. high: ESP with ESN, the half of the number that is not sent.
 */
bool plain_open(const struct plain_sa *sa, const uint8_t *in, int n, uint32_t high,
		struct plain_packet *p);
/* HKDF-Expand by its definition (RFC 5869 2.3); hash_len 32, 48 or 64. */
bool plain_sub_key(const uint8_t *root, int hash_len, uint16_t session, uint8_t *out, int n);

#endif
