#include "ike/ext/big_payload.h"

#include "ike/ext/ext.h"

#define KE_HEADER 8 /* generic header, method, reserved (RFC 7296 3.4) */

static bool suites_need_it(const struct ike_suites *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct ike_proposal *p = &s->proposals[i];
		for (size_t k = 0; k < p->n; k++) {
			const struct ike_transform *t = &p->transforms[k];
			const bool is_ke =
			    t->type == TRANSFORM_KE ||
			    (t->type >= TRANSFORM_ADDKE1 && t->type <= TRANSFORM_ADDKE7);
			const struct ke_desc *ke = is_ke ? ke_find(t->id) : NULL;
			if (ke != NULL && ke->needs_big_payload)
				return true;
		}
	}
	return false;
}

/* A private-use notify goes only to peers that the configuration names such methods for. */
static bool configured(const struct ike_connection *c)
{
	if (suites_need_it(&c->ike))
		return true;
	for (size_t i = 0; i < c->n_children; i++)
		if (suites_need_it(&c->children[i].esp))
			return true;
	return false;
}

bool big_payload_agreed(const struct ike_connection *c, const struct payloads *ps)
{
	struct notify_part n;

	return configured(c) && payloads_notify(ps, NOTIFY_BIG_PAYLOAD_SUPPORTED, &n) &&
	       payloads_notify(ps, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, &n);
}

static void write_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	if ((at == AT_INIT_REQUEST && configured(sa->config)) ||
	    (at == AT_INIT_RESPONSE && sa->big_payload))
		message_notify(m, NOTIFY_BIG_PAYLOAD_SUPPORTED, (struct bytes){0});
}

const struct ike_extension ext_big_payload = {
    .name = "big-payload",
    .document = "draft-nir-ipsecme-big-payload",
    .write = write_notify,
};

void ke_payload_write(struct message *m, const struct ke_desc *ke, struct bytes value)
{
	struct writer *w = KE_HEADER + value.n > PAYLOAD_LEN_MAX
			       ? message_payload_begin_big(m, PAYLOAD_KE)
			       : message_payload_begin(m, PAYLOAD_KE);

	ke_write(w, ke->id, value);
	message_payload_end(m);
}
