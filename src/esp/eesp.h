/* Enhanced ESP, version 0 (draft-ietf-ipsecme-eesp-03, "E3" in what follows): what an SA of it was
 * agreed to be, and the headers as they travel. Nothing here has state; sa.h seals and opens.
 *
 *   base header (8) | options (Opt Len) | sequence number (0, 8) | IV (0, 8)
 *   | Payload Info Header (0, 4) | payload | padding, zeros | ICV
 *
 * All up to the IV is clear and authenticated; a Crypt Offset option leaves more of it clear. */
#ifndef POSTERN_ESP_EESP_H
#define POSTERN_ESP_EESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "esp/packet.h"

#define EESP_BASE_LEN         8
#define EESP_NUMBER_LEN       8
#define EESP_INFO_LEN         4 /* Payload Info Header */
#define EESP_UNIT             4 /* octets that offsets are counted in */
#define EESP_PAD_MAX          255
#define EESP_CRYPT_OFFSET_MAX 63   /* units: 6 bits of the option */
#define EESP_SUB_SA_LIMIT     1023 /* the highest Sub SA ID that this implementation takes */

enum esp_mode { ESP_MODE_TUNNEL = 0, ESP_MODE_TRANSPORT = 1, ESP_MODE_BEET = 4 };

/* A limit that a side states about what it receives, or does not state. No statement and a limit of
 * zero are two things, and mean the opposite for the two limits that there are: without one, Sub SA
 * IDs are free and Crypt Offset is forbidden (draft-ietf-ipsecme-eesp-ikev2 3.5, 3.6). */
struct eesp_limit {
	bool stated;
	uint16_t most; /* inclusive */
};

/* One direction of an EESP SA. */
struct eesp_terms {
	enum esp_mode mode; /* tunnel: the optimized format, but for packets with Crypt Offset */
	bool numbers;       /* 64-bit Sequential Numbers, else None: nothing checks for replay */
	uint16_t sskdf;     /* SSKDF_*; SSKDF_NONE: no Sub SAs, and the Session ID is 0 */
	/* The receiver's limits: ours inbound, the peer's outbound. */
	struct eesp_limit sub_sa;
	struct eesp_limit crypt_offset; /* in units of 4 octets */
	/* Outbound: how much of each packet is sent in clear, in units, from the Payload Info
	 * Header on. 0: the option is not sent. */
	uint8_t clear;
	bool over_ipv6; /* outbound: the header before EESP; decides alignment (E3 2.5) */
	/* The AAD ends before the IV, as the Linux prototypes have it ("profile B"). */
	bool iv_not_in_aad;
};

/* How many Sub SAs a sender may use on these terms, at least 1 and at most EESP_SUB_SA_LIMIT + 1.
 */
unsigned eesp_sub_sas(const struct eesp_terms *t);

struct eesp_base {
	uint8_t opt_len;
	uint16_t session_id;
	uint32_t spi;
};

/* The fixed base header (E3 2.2.1). PACKET_TOO_SHORT, PACKET_BAD_MARKER, PACKET_BAD_VERSION or
 * PACKET_RESERVED_BITS when it is not one of version 0. */
enum packet_fate eesp_base_read(struct bytes packet, struct eesp_base *out);
/* Into EESP_BASE_LEN octets. */
void eesp_base_write(uint8_t *to, const struct eesp_base *base);
/* The same octet tells EESP from ESP on a port that carries both (E3 6). */
static inline bool eesp_has_marker(uint8_t first)
{
	return (first & 0x80) != 0;
}

enum eesp_option {
	EESP_OPTION_PAD1 = 0,
	EESP_OPTION_PADN = 1,
	EESP_OPTION_CRYPT_OFFSET = 2,
	EESP_OPTION_PRIVATE = 224, /* and above */
};

/* What the options of a packet say. */
struct eesp_options {
	bool has_crypt_offset;
	uint8_t payload_offset, crypt_offset; /* units; meaningful with has_crypt_offset */
};

/* Reads the options field (E3 2.2.2, 3): Pad1, PadN, at most one Crypt Offset; options of other
 * types are passed over. False when it is malformed: an option that runs over the end, a wrong
 * length, or a field that is no multiple of 4. */
bool eesp_options_read(struct bytes field, struct eesp_options *out);
/* Into EESP_UNIT octets each. */
void eesp_pad_write(uint8_t *to); /* PadN of 4 octets */
void eesp_crypt_offset_write(uint8_t *to, uint8_t payload_offset, uint8_t crypt_offset);

struct eesp_info {
	uint8_t next_header, pad_len;
};

/* The Payload Info Header (E3 2.4). False when its first four bits are not zero; the reserved ones
 * after them are ignored. */
bool eesp_info_read(struct bytes b, struct eesp_info *out);
void eesp_info_write(uint8_t *to, const struct eesp_info *info);

/* The optimized format (E3 2.8): which Next Header the plaintext is, 4 or 41, and how long the
 * packet at its beginning; what follows is padding. False when it is no IP packet, longer than what
 * is there, or more than 255 octets shorter. */
bool eesp_inner_length(struct bytes plain, uint8_t *next_header, size_t *len);

#endif
