#include "ike/offer.h"

#include "base/ikev2_numbers.h"
#include "wire/sa.h"

void ike_offer_write(struct writer *w, const struct ike_suites *ours, struct bytes spi,
		     bool with_ke)
{
	struct sa_writer s = sa_write_begin(w);

	for (uint8_t i = 0; i < ours->n; i++) {
		const struct ike_proposal *p = &ours->proposals[i];

		/* RFC 7296 3.3.1: numbered from 1, each one more than the one before. */
		sa_write_proposal(&s, (uint8_t)(i + 1), p->protocol, spi);
		for (size_t k = 0; k < p->n; k++) {
			const struct ike_transform *t = &p->transforms[k];

			/* RFC 7296 1.2: IKE_AUTH has no key exchange for its Child SA. */
			if (!with_ke && (t->type == TRANSFORM_KE || (t->type >= TRANSFORM_ADDKE1 &&
								     t->type <= TRANSFORM_ADDKE7)))
				continue;
			sa_write_transform(&s, t->type, t->id, t->key_bits);
		}
	}
	sa_write_end(&s);
}

const struct ke_desc *ike_offer_first_ke(const struct ike_suites *ours)
{
	for (size_t i = 0; i < ours->n; i++) {
		const struct ike_proposal *p = &ours->proposals[i];

		for (size_t k = 0; k < p->n; k++)
			if (p->transforms[k].type == TRANSFORM_KE && p->transforms[k].id != KE_NONE)
				return ke_find(p->transforms[k].id);
	}
	return NULL;
}

bool ike_offer_has_ke(const struct ike_suites *ours, uint16_t method)
{
	if (method == KE_NONE)
		return false;
	for (size_t i = 0; i < ours->n; i++) {
		const struct ike_proposal *p = &ours->proposals[i];

		for (size_t k = 0; k < p->n; k++)
			if (p->transforms[k].type == TRANSFORM_KE && p->transforms[k].id == method)
				return true;
	}
	return false;
}
