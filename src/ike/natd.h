/* NAT detection (RFC 7296 2.23): each side sends hashes of the addresses and ports that it believes
 * in, the other compares them with what it sees. */
#ifndef POSTERN_IKE_NATD_H
#define POSTERN_IKE_NATD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"

#define NATD_LEN 20

/* out = SHA-1(SPIi | SPIr | address | port), the SPIs as in the header of the message that holds
 * the notify. ERR_RANGE when the endpoint has no address. */
enum err natd_hash(struct crypto *c, uint64_t spi_i, uint64_t spi_r, const struct endpoint *e,
		   uint8_t out[NATD_LEN]);

/* What a message's NAT_DETECTION notifies say against the path that it came by. */
struct natd {
	uint8_t remote[NATD_LEN]; /* what NAT_DETECTION_SOURCE_IP holds if nothing is between */
	uint8_t local[NATD_LEN];  /* and NAT_DETECTION_DESTINATION_IP */
	bool source_seen;
	bool source_matches;
	bool destination_seen;
	bool destination_matches;
};

/* Starts: path is the one that the message came by. */
enum err natd_expect(struct natd *n, struct crypto *c, uint64_t spi_i, uint64_t spi_r,
		     const struct path *path);
/* Takes in one notify; other types are ignored. There may be several of SOURCE_IP, of which one
 * that matches is enough (RFC 7296 2.23). */
void natd_note(struct natd *n, uint16_t type, struct bytes data);
/* The peer sent both kinds: it can do NAT traversal. */
bool natd_supported(const struct natd *n);
/* Something translates the peer's address, or ours. False when the peer sent no such notify. */
bool natd_there(const struct natd *n);
bool natd_here(const struct natd *n);

#endif
