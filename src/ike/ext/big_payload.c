#include "ike/ext/big_payload.h"

#include "ike/ext/ext.h"

#define CERT_HEADER 5 /* generic header and encoding (RFC 7296 3.6) */

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

static bool certificate_is_big(const struct ike_credential *c)
{
	for (size_t i = 0; i < c->n_certs; i++)
		if (CERT_HEADER + c->certs[i].n > PAYLOAD_LEN_MAX)
			return true;
	return false;
}

/* Certificates of ours that do not fit else, and revocation lists: who has one that does not, and
 * it is the same authority's, may want to send it, or to be sent it. */
static bool auth_needs_it(const struct ike_connection *c)
{
	const struct trust *t = c->remote_auth.trust;

	for (size_t i = 0; i < c->local_auth.n_credentials; i++)
		if (certificate_is_big(&c->local_auth.credentials[i]))
			return true;
	for (size_t i = 0; t != NULL && i < trust_crl_count(t); i++)
		if (CERT_HEADER + crl_octets(trust_crl(t, i)) > PAYLOAD_LEN_MAX)
			return true;
	return false;
}

/* A private-use notify goes only to peers that the configuration has something for which needs it,
 * or says so; an old peer never sees it. */
static bool announced(const struct ike_connection *c)
{
	if (c->big_payload == IKE_BIG_PAYLOAD_YES || suites_need_it(&c->ike) || auth_needs_it(c))
		return true;
	for (size_t i = 0; i < c->n_children; i++)
		if (suites_need_it(&c->children[i].esp))
			return true;
	return false;
}

static bool both_notifies(const struct payloads *ps)
{
	struct notify_part n;

	return payloads_notify(ps, NOTIFY_BIG_PAYLOAD_SUPPORTED, &n) &&
	       payloads_notify(ps, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, &n);
}

bool big_payload_answered(const struct ike_connection *c, const struct payloads *ps)
{
	return announced(c) && both_notifies(ps);
}

bool big_payload_asked(const struct payloads *ps)
{
	return both_notifies(ps);
}

bool big_payload_missing(const struct ike_sa *sa, const struct ike_credential *c)
{
	return !sa->big_payload && certificate_is_big(c);
}

static void write_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	if ((at == AT_INIT_REQUEST && announced(sa->config)) ||
	    (at == AT_INIT_RESPONSE && sa->big_payload))
		message_notify(m, NOTIFY_BIG_PAYLOAD_SUPPORTED, (struct bytes){0});
}

const struct ike_extension ext_big_payload = {
    .name = "big-payload",
    .document = "draft-nir-ipsecme-big-payload",
    .write = write_notify,
};
