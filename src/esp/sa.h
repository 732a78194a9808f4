/* One direction of an ESP Security Association, and sealing and opening vectors of packets with it
 * (RFC 4303). No I/O, no clock, no threads: an SA belongs to one worker at a time. */
#ifndef POSTERN_ESP_SA_H
#define POSTERN_ESP_SA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/protect.h"
#include "esp/packet.h"

struct esp_sa;

struct esp_sa_params {
	uint32_t spi;
	struct protect_suite suite;
	struct protect_keys keys; /* borrowed; copied into the SA */
	bool esn;
	uint32_t
	    replay_window; /* inbound: 0 (off) or 64..65536; rounded up to what the ring holds */
	uint64_t hard_packets; /* 0: the sequence space alone is the limit */
	uint64_t hard_octets;
};

enum err esp_sa_new_outbound(struct esp_sa **sa, const struct esp_sa_params *params);
enum err esp_sa_new_inbound(struct esp_sa **sa, const struct esp_sa_params *params);
/* Erases the keys. */
void esp_sa_free(struct esp_sa *sa);

/* Octets that sealing adds to an inner packet of len octets: header, IV, padding, trailer, ICV. */
size_t esp_overhead(const struct esp_sa *sa, size_t len);
/* The largest inner packet whose sealed form has at most `most` octets. */
size_t esp_payload_max(const struct esp_sa *sa, size_t most);

/* Seals n <= PACKET_VECTOR_MAX packets in order: data is the payload, next_header its type;
 * afterwards data starts at the SPI. Sequence numbers follow the order of the vector. A packet that
 * cannot be sealed gets its fate and keeps its place. Returns how many are PACKET_OK. */
size_t esp_seal(struct esp_sa *sa, struct packet *const *packets, size_t n);

/* Opens n packets whose data starts at the SPI: checks length, replay window, ICV, window again,
 * padding (RFC 4303 3.4.3, 3.4.4); afterwards data is the payload and next_header its type. A
 * forged packet never moves the window. */
size_t esp_open(struct esp_sa *sa, struct packet *const *packets, size_t n);

uint64_t esp_sa_packets(const struct esp_sa *sa);
uint64_t esp_sa_octets(const struct esp_sa *sa);
/* Outbound: the last number used. Inbound: the highest authentic one. */
uint64_t esp_sa_sequence(const struct esp_sa *sa);
/* Inbound: true when the last esp_open() moved the highest sequence number; the packet that did so
 * may update the peer's address (RFC 7296 2.23). */

#endif
