/* One direction of an ESP or EESP Security Association, and sealing and opening vectors of packets
 * with it (RFC 4303, draft-ietf-ipsecme-eesp). No I/O, no clock, no threads: an SA belongs to one
 * worker at a time. */
#ifndef POSTERN_ESP_SA_H
#define POSTERN_ESP_SA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/crypto.h"
#include "crypto/protect.h"
#include "esp/eesp.h"
#include "esp/packet.h"

/* Which code does the ciphers. An SA expands its keys for one of them at its first packet, so all
 * engines that an SA meets in its life must have been made with the same choice. */
enum esp_backend {
	ESP_BACKEND_BEST,     /* ipsec-mb where the machine and the suite allow, else the library */
	ESP_BACKEND_LIBRARY,  /* protect_context: OpenSSL's EVP */
	ESP_BACKEND_IPSEC_MB, /* intel-ipsec-mb; a suite that it lacks cannot be used */
};

/* What one worker needs to run ciphers: the multi-buffer manager, scratch for one vector, a stock
 * of random octets for CBC. About 27 KiB besides the manager. Not shared between threads. */
struct esp_engine;

/* random is copied, its ctx borrowed; NULL stands for crypto_random(). NULL when out of memory, or
 * when ESP_BACKEND_IPSEC_MB is asked for where there is none. */
struct esp_engine *esp_engine_new(enum esp_backend backend, const struct random_source *random);
void esp_engine_free(struct esp_engine *e);
/* "ipsec-mb" or "library": what would carry this suite; NULL when nothing would. */
const char *esp_engine_backend(const struct esp_engine *e, const struct protect_suite *suite);

struct esp_sa;

struct esp_sa_params {
	uint32_t spi; /* 256 or more (RFC 4303 2.1) */
	struct protect_suite suite;
	struct protect_keys keys; /* borrowed; copied into the SA */
	bool esn;                 /* ESP: 64-bit sequence numbers (RFC 4303 2.2.1) */
	/* NULL: ESP. Borrowed and copied. With an SSKDF keys.encr is the root key. */
	const struct eesp_terms *eesp;
	/* Inbound: 0 (off) or 64..65536 packets; rounded up to what the ring holds. */
	uint32_t replay_window;
	uint64_t hard_packets; /* 0: the sequence space alone is the limit */
	uint64_t hard_octets;  /* of inner packets; 0: no limit */
};

/* ERR_RANGE: an SPI, a window or key lengths out of bounds; ERR_UNSUPPORTED: a suite that ESP
 * cannot use, among them NULL encryption with no integrity (RFC 4303 5). A resting SA holds its
 * raw keys and its window: about 200 octets outbound, 460 inbound with the default window of 1024.
 */
enum err esp_sa_new_outbound(struct esp_sa **sa, const struct esp_sa_params *params);
enum err esp_sa_new_inbound(struct esp_sa **sa, const struct esp_sa_params *params);
/* Erases the keys. NULL is fine. */
void esp_sa_free(struct esp_sa *sa);
/* Erases and gives back the expanded keys until the next packet: for an SA that fell idle. */
void esp_sa_rest(struct esp_sa *sa);

/* Octets that sealing adds to an inner packet of len octets: header, IV, padding, trailer, ICV. */
size_t esp_overhead(const struct esp_sa *sa, size_t len);
/* The largest inner packet whose sealed form has at most `most` octets; 0 when there is none. */
size_t esp_payload_max(const struct esp_sa *sa, size_t most);

/* Seals n <= PACKET_VECTOR_MAX packets in order: data is the payload, next_header its type;
 * afterwards data starts at the SPI and seq is set. Sequence numbers follow the order of the
 * vector. A packet that cannot be sealed gets its fate, keeps its place and takes no number.
 * Returns how many are PACKET_OK. */
size_t esp_seal(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n);

/* Opens n <= PACKET_VECTOR_MAX packets whose data starts at the SPI: checks length, replay window,
 * ICV, window again, padding (RFC 4303 3.4.3, 3.4.4); afterwards data is the payload, next_header
 * its type, and seq the whole sequence number. TFC padding is still there: the payload's own length
 * tells (tunnel.h). A forged packet never moves the window. With 64-bit numbers, after 128
 * packets in a row that are not authentic one is tried as coming from up to 8 * 2^32 numbers later
 * (RFC 4303 A3). Finding the SA by its SPI is the
 * caller's business; a packet with another SPI is PACKET_NO_SA. */
size_t esp_open(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n);

uint32_t esp_sa_spi(const struct esp_sa *sa);
/* Packets sealed, or authentic packets opened (dummies included), and their payload octets. */
uint64_t esp_sa_packets(const struct esp_sa *sa);
uint64_t esp_sa_octets(const struct esp_sa *sa);
/* Outbound: the last number used. Inbound: the highest authentic one. ESP, or EESP
 * without Sub SAs. */
uint64_t esp_sa_sequence(const struct esp_sa *sa);
/* Inbound: this packet, just opened, is the newest of its sequence: it may update the peer's
 * address (RFC 7296 2.23). Never true of EESP without numbers, which anybody may repeat
 * (draft-ietf-ipsecme-eesp-ikev2 7). */
bool esp_sa_newest(const struct esp_sa *sa, const struct packet *p);
/* Outbound: how many more packets the sequence space and hard_packets allow; the owner rekeys long
 * before it is 0. */
uint64_t esp_sa_packets_left(const struct esp_sa *sa);
/* True once a packet was refused because a hard limit or the sequence space was reached. */
bool esp_sa_spent(const struct esp_sa *sa);

#ifdef POSTERN_FAULTS
/* Outbound, for the faults of base/fault.h: n sequence numbers are never used; the next packet with
 * padding has a wrong one under a right ICV. */
void esp_sa_skip_sequence(struct esp_sa *sa, uint64_t n);
void esp_sa_spoil_padding(struct esp_sa *sa);
#endif

#endif
