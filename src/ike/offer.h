/* Writing what we offer: the body of a Security Association payload from the configured proposals
 * (RFC 7296 3.3). Nothing here has state. */
#ifndef POSTERN_IKE_OFFER_H
#define POSTERN_IKE_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/algorithm.h"
#include "ike/suite.h"

/* Writes the SA payload's body: the proposals numbered from 1, each with our SPI (empty in
 * IKE_SA_INIT, 8 octets when an IKE SA is rekeyed, 4 for ESP). with_ke false leaves the key
 * exchange transforms out, as the offer of IKE_AUTH must (RFC 7296 1.2). What does not fit makes
 * the writer bad. */
void ike_offer_write(struct writer *w, const struct ike_suites *ours, struct bytes spi,
		     bool with_ke);

/* The method for the KE payload that goes with an offer: the first of the first proposal that has
 * one; NULL when no proposal has. */
const struct ke_desc *ike_offer_first_ke(const struct ike_suites *ours);
/* Some proposal offers this method: an INVALID_KE_PAYLOAD that names another is not followed
 * (negative test N9). KE_NONE is never offered in this sense. */
bool ike_offer_has_ke(const struct ike_suites *ours, uint16_t method);

#endif
