/* Inside the ESP floor: what the framing (sa.c) hands to the code that runs the ciphers. */
#ifndef POSTERN_ESP_TRANSFORM_H
#define POSTERN_ESP_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/protect.h"
#include "esp/packet.h"
#include "esp/sa.h"

#define ESP_SMALL_BATCH  8
#define ESP_HEADER_LEN   8  /* SPI and Sequence Number */
#define ESP_SCRATCH_TAG  64 /* the longest digest, untruncated */
#define ESP_RANDOM_STOCK (PACKET_VECTOR_MAX * ENCR_IV_MAX)
#define ESP_JOB_AAD_MAX  12 /* SPI and a 64-bit number (RFC 4106 5) */
#define ESP_AAD_SHORT    46 /* what intel-ipsec-mb takes with CCM */
#define ESP_TAIL_MAX     4  /* high half of an ESN (RFC 4303 2.2.1) */

/* One packet to be ciphered. head, IV, text and ICV stand one after the other in the packet. */
struct esp_job {
	uint8_t *head;      /* the SPI */
	const uint8_t *iv;  /* what the nonce has after its salt: in the packet, or iv_octets */
	const uint8_t *aad; /* in the packet, or aad_octets */
	uint8_t *text;
	uint8_t *icv;
	size_t text_len;
	struct packet *packet;
	uint64_t seq;
	struct esp_lane *lane; /* whose key it is */
	uint32_t aad_len;
	uint8_t iv_len; /* of what iv points to */
	uint8_t tail[ESP_TAIL_MAX];
	uint8_t tail_len;
	bool ok; /* set by the transform: sealed, or the ICV holds */
	/* EESP: what the header said, until the ICV says whether it may be believed. */
	bool full;         /* there is a Payload Info Header */
	bool forbidden;    /* a Crypt Offset that was not agreed */
	uint8_t clear;     /* units of 4 octets after the headers that are not encrypted */
	uint8_t shifted;   /* by how much the headers stand too far right, for the AAD */
	uint16_t head_len; /* of all that stands before Payload Info Header or payload */
	uint8_t aad_octets[ESP_JOB_AAD_MAX];
	uint8_t iv_octets[sizeof(uint64_t)];
	/* For the transform: a whole nonce or counter block, the digest, the ICV as it came. */
	uint8_t nonce[ENCR_BLOCK_MAX];
	uint8_t tag[ESP_SCRATCH_TAG];
	uint8_t came[ICV_MAX];
};

struct esp_transform {
	const char *name;
	bool (*takes)(const struct esp_engine *e, const struct protect_suite *suite, bool long_aad);
	/* NULL when out of memory or refused. Does not keep a reference to keys. */
	void *(*expand)(struct esp_engine *e, const struct protect_suite *suite,
			const struct protect_keys *keys);
	void (*forget)(void *expanded); /* erases; NULL is fine */
	/* How many packets it wants at once, at most PACKET_VECTOR_MAX: many where it works on them
	 * side by side, else so few that their headers are still in the nearest cache. */
	size_t (*batch)(const void *expanded);
	void (*seal)(struct esp_engine *e, void *expanded, struct esp_job *jobs, size_t n);
	/* The text of a job that is not ok afterwards is undefined. */
	void (*open)(struct esp_engine *e, void *expanded, struct esp_job *jobs, size_t n);
};

extern const struct esp_transform esp_transform_library;

/* intel-ipsec-mb's manager, behind functions of its own so that its header stays in one file; all
 * three exist on every machine and say no where the library is lacking. */
extern const struct esp_transform esp_transform_ipsec_mb;
void *esp_ipsec_mb_new(void);
void esp_ipsec_mb_free(void *manager);

struct esp_engine {
	enum esp_backend backend;
	void *ipsec_mb; /* owned; NULL without */
	struct random_source random;
	size_t random_left; /* octets of stock that are still unused: its first ones */
	uint8_t stock[ESP_RANDOM_STOCK];
	struct esp_job jobs[PACKET_VECTOR_MAX];
};

/* The transform that this engine uses for a suite, or NULL. long_aad: of more octets than
 * ESP_AAD_SHORT, as EESP's options and what it leaves in clear can make it. */
const struct esp_transform *esp_engine_transform(const struct esp_engine *e,
						 const struct protect_suite *suite, bool long_aad);
/* n <= ENCR_IV_MAX fresh random octets. */
void esp_engine_random(struct esp_engine *e, uint8_t *out, size_t n);

#endif
