#include "ike/ext/childless.h"

#include "ike/ext/ext.h"

static void childless_write(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			    struct message *m)
{
	(void)ike;
	/* RFC 6023 3: the responder alone announces it. */
	if (at != AT_INIT_RESPONSE || sa->config->childless == IKE_CHILDLESS_NEVER)
		return;
	/* RFC 6023 4: the Protocol ID MUST be 1. */
	notify_write(message_payload_begin(m, PAYLOAD_NOTIFY), PROTOCOL_IKE, (struct bytes){0},
		     NOTIFY_CHILDLESS_IKEV2_SUPPORTED, (struct bytes){0});
	message_payload_end(m);
	sa->setup->childless = true;
}

static bool childless_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			     const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_CHILDLESS_IKEV2_SUPPORTED)
		return false;
	/* Its Protocol ID is not looked at: others send 0. */
	if (at == AT_INIT_RESPONSE && sa->setup != NULL)
		sa->setup->childless = true;
	return true;
}

const struct ike_extension ext_childless = {
    .name = "childless",
    .document = "RFC 6023",
    .write = childless_write,
    .notify = childless_notify,
};

static bool wanted(const struct ike_connection *c)
{
	return c->childless == IKE_CHILDLESS_PREFER || c->childless == IKE_CHILDLESS_FORCE;
}

bool childless_ask(const struct ike_sa *sa)
{
	/* RFC 6023 3: it MUST NOT be done where the responder has not announced it. */
	return sa->setup->childless && wanted(sa->config);
}

bool childless_missing(const struct ike_sa *sa)
{
	return !sa->setup->childless && sa->config->childless == IKE_CHILDLESS_FORCE;
}

bool childless_is(const struct payloads *ps)
{
	return payloads_find(ps, PAYLOAD_SA) == NULL && payloads_find(ps, PAYLOAD_TSI) == NULL &&
	       payloads_find(ps, PAYLOAD_TSR) == NULL;
}

bool childless_payloads(const struct ike_sa *sa, const struct payloads *ps)
{
	if (childless_is(ps))
		return sa->setup->childless;
	return payloads_find(ps, PAYLOAD_SA) != NULL && payloads_find(ps, PAYLOAD_TSI) != NULL &&
	       payloads_find(ps, PAYLOAD_TSR) != NULL;
}

bool childless_fits(const struct ike_connection *c, const struct payloads *ps)
{
	return !childless_is(ps) || c->childless != IKE_CHILDLESS_NEVER;
}
