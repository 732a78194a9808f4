/* The Internet checksum. */
#ifndef POSTERN_ESP_INET_H
#define POSTERN_ESP_INET_H

#include <stdint.h>

#include "base/bytes.h"

/* One's complement sum of b's 16-bit words in network order, an odd last octet being the high half
 * of a word (RFC 1071), added to sum. b holds at most 65535 octets; the result is not folded, and
 * up to 2^15 of them can be added. */
uint32_t inet_sum(struct bytes b, uint32_t sum);
/* Folds a sum and complements it: what a checksum field holds. */
uint16_t inet_fold(uint32_t sum);
/* The checksum of b together with what was summed before, such as a pseudo header. */
uint16_t inet_checksum(struct bytes b, uint32_t sum);
/* The sum of the pseudo header of IPv4 (RFC 9293 3.1) or IPv6 (RFC 8200 8.1). */
uint32_t inet_pseudo_sum(struct bytes src, struct bytes dst, uint8_t protocol, uint32_t len);
/* The checksum after one of its 16-bit words changed (RFC 1624 equation 3). */
uint16_t inet_adjust(uint16_t checksum, uint16_t old_word, uint16_t new_word);

#endif
