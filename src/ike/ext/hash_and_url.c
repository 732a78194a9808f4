/* RFC 7296 3.6: HTTP_CERT_LOOKUP_SUPPORTED, that the sender takes certificates by Hash and URL. It
 * goes where a CERTREQ may go. An initiator says so for a connection with cert-lookup = yes; a
 * responder that does not know yet who calls, when some connection that may be meant has it, and in
 * IKE_AUTH that of the peer's own connection decides (ike/job_peer_certs.c). By default nobody
 * does: before a peer has proved who it is, it would have us call whom it likes. */
#include "ike/ext/ext.h"
#include "ike/sa.h"

static bool takes(struct ike *ike, const struct ike_sa *sa)
{
	if (sa->initiator)
		return sa->config->remote_auth.cert_lookup;
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		if (c->config->remote_auth.cert_lookup)
			return true;
	return false;
}

static void lookup_write(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	if (at == (sa->initiator ? AT_AUTH_REQUEST : AT_INIT_RESPONSE) && takes(ike, sa))
		message_notify(m, NOTIFY_HTTP_CERT_LOOKUP_SUPPORTED, (struct bytes){0});
}

static bool lookup_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			  const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_HTTP_CERT_LOOKUP_SUPPORTED)
		return false;
	if ((at == AT_INIT_RESPONSE || at == AT_AUTH_REQUEST) && sa->setup != NULL)
		sa->setup->peer_fetches = true;
	return true;
}

const struct ike_extension ext_hash_and_url = {
    .name = "hash-and-url",
    .document = "RFC 7296 3.6",
    .write = lookup_write,
    .notify = lookup_notify,
};
