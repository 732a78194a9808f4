#include "ike/ext/downgrade_prevention.h"

#include "ike/ext/ext.h"

static void write_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	/* Also in a request that is repeated with a cookie or another KE payload (RFC 7296 2.6). */
	if (at == AT_INIT_REQUEST)
		sa->setup->transcript_sent = sa->config->downgrade != IKE_DOWNGRADE_SUPPRESS;
	/* The draft's Protocol Details: whether or not the request had it, so that nobody can take
	 * it out of both messages without breaking the responder's AUTH. */
	else if (at == AT_INIT_RESPONSE)
		sa->setup->transcript_sent = true;
	else
		return;
	if (sa->setup->transcript_sent)
		message_notify(m, NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, (struct bytes){0});
}

/* Its data MUST be ignored (Protocol Details). */
static bool read_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH)
		return false;
	if (at == AT_INIT_REQUEST) /* which the answer, still to be written, will always match */
		sa->transcript = true;
	else if (at == AT_INIT_RESPONSE)
		sa->transcript = sa->setup->transcript_sent;
	return true;
}

const struct ike_extension ext_downgrade_prevention = {
    .name = "downgrade-prevention",
    .document = "draft-ietf-ipsecme-ikev2-downgrade-prevention-08",
    .write = write_notify,
    .notify = read_notify,
};

struct bytes downgrade_received(const struct ike_sa *sa, struct bytes message)
{
	return sa->transcript ? message : (struct bytes){0};
}

bool downgrade_answer_allowed(const struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_part n;

	return sa->config->downgrade != IKE_DOWNGRADE_REQUIRE ||
	       payloads_notify(ps, NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, &n);
}

bool downgrade_allowed(const struct ike_sa *sa, const struct ike_connection *c)
{
	return c->downgrade != IKE_DOWNGRADE_REQUIRE || sa->transcript;
}

const char *downgrade_hint(const struct ike_sa *sa)
{
	if (sa->transcript)
		return "; or IKE_SA_INIT was altered on the way";
	if (!sa->initiator || sa->setup->transcript_sent)
		return "; or IKE_SA_INIT was altered on the way, for the peer's announced no "
		       "downgrade prevention";
	return "; or it requires downgrade prevention, which downgrade-prevention = suppress "
	       "keeps from it";
}
