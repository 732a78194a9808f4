/* Inside the ESP floor and its tests: what an SA is made of. */
#ifndef POSTERN_ESP_SA_PRIVATE_H
#define POSTERN_ESP_SA_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "esp/replay.h"
#include "esp/sa.h"
#include "esp/transform.h"

/* What each packet needs comes first; the raw keys, needed to expand them, last. */
struct esp_sa {
	const struct esp_transform *transform; /* NULL: keys rest */
	void *expanded;                        /* owned by the SA, made by transform */
	uint64_t sequence;                     /* outbound: last used */
	uint64_t sequence_max;
	uint64_t packets, octets;
	uint64_t hard_packets, hard_octets; /* UINT64_MAX: none */
	size_t batch;                       /* packets that go to the transform at once */
	uint32_t spi;
	uint8_t iv_len, icv_len;
	uint8_t granule; /* Payload, Padding and trailer are a multiple of this (RFC 4303 2.4) */
	bool aead, random_iv, esn, spent;
	uint32_t bad_in_a_row; /* inbound: packets whose ICV did not hold, since one did */
#ifdef POSTERN_FAULTS
	bool spoil_padding; /* of the next packet that has any */
#endif
	struct replay replay; /* inbound */

	struct protect_suite suite;
	uint8_t encr_len, integ_len;
	uint8_t keys[]; /* encr, then integ */
};

#endif
