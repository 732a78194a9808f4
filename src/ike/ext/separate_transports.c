#include "ike/ext/separate_transports.h"

#include "ike/child.h"
#include "ike/ext/ext.h"
#include "ike/offer.h"
#include "ike/task.h"

#define SECOND UINT64_C(1000000)
/* Without an ESP ping: so long after the first packet out, one must have come in (digest 4.4). */
#define REACH_TIME  (10 * SECOND)
#define REACH_LOOK  (2 * SECOND)
#define INIT_KE_MAX 1000 /* octets of KE with which IKE_SA_INIT still fits a datagram */
#define NATT_PORT   4500

enum ike_attempt separate_first(const struct ike_connection *c)
{
	const struct ke_desc *ke = ike_offer_first_ke(&c->ike);

	return ke != NULL && ke->init_len > INIT_KE_MAX ? ATTEMPT_SEPARATE_TCP
							: ATTEMPT_SEPARATE_UDP;
}

enum ike_attempt separate_next(enum ike_attempt how, enum tcp_failure why)
{
	if (why == TCP_NO_STREAM && how == ATTEMPT_SEPARATE_UDP)
		return ATTEMPT_UDP; /* digest 4.2 rule 4: over UDP without the notify */
	if (why == TCP_ESP_BLOCKED)
		return ATTEMPT_TCP; /* digest 4.4: anew, without the notify */
	return how;
}

void separate_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	sa->separate = old->separate;
	sa->esp_peer_port = old->esp_peer_port;
}

static bool esp_encap(const struct ike_sa *sa)
{
	return sa->nat_here || sa->nat_there || (sa->config != NULL && sa->config->force_encap);
}

void separate_esp_path(const struct ike_sa *sa, struct path *outer, bool *encap)
{
	*outer = sa->path;
	if (sa->path.stream == 0) {
		*encap = sa->path.natt;
		return;
	}
	/* RFC 9329 3: lengths as with UDP encapsulation; 5: MUST go over TCP too */
	*encap = true;
	if (!sa->separate)
		return;
	/* Digest 4.4: with a NAT ESP MUST be in UDP on port 4500. */
	*encap = esp_encap(sa);
	outer->stream = 0;
	outer->natt = *encap;
	outer->local.port = NATT_PORT;
	outer->remote.port = sa->esp_peer_port;
}

bool separate_switch(struct ike *ike, struct ike_sa *sa)
{
	if (!sa->separate || sa->path.stream != 0)
		return false;
	sa->wait_stream = true;
	if (tcp_connect(ike, sa)) {
		struct ike_conn *conn = sa->conn;
		sa_kill(ike, sa, "no connection over TCP");
		if (conn != NULL &&
		    !tcp_other_transport(ike, conn, ATTEMPT_SEPARATE_UDP, TCP_NO_STREAM))
			ike_conn_failed(ike, conn, "this data plane cannot open connections");
	}
	return true;
}

bool separate_esp_moved(struct ike *ike, struct ike_sa *sa, const struct endpoint *remote)
{
	struct path outer;
	bool encap;

	if (!sa->separate || sa->path.stream == 0)
		return false;
	/* The address is the business of the IKE SA; what a NAT changes is the port. */
	if (!sa->nat_there || !addr_equal(&remote->addr, &sa->path.remote.addr) ||
	    remote->port == sa->esp_peer_port)
		return true;
	sa->esp_peer_port = remote->port;
	separate_esp_path(sa, &outer, &encap);
	LIST_EACH (&sa->children, node)
		ike->cb.plane->child_move(ike->cb.plane_ctx,
					  CONTAINER_OF(node, struct child_sa, of_sa)->handle,
					  &outer, encap);
	return true;
}

void separate_up(struct ike *ike, struct ike_sa *sa)
{
	if (sa->separate && sa->initiator && sa->attempt == ATTEMPT_SEPARATE_TCP)
		sa->reach_at = ike->now + REACH_LOOK;
}

void separate_tick(struct ike *ike, struct ike_sa *sa)
{
	bool in = false, out = false;

	if (sa->reach_at == 0 || sa->reach_at > ike->now)
		return;
	LIST_EACH (&sa->children, node) {
		const struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
		struct dataplane_usage u;
		if (!ike->cb.plane->child_usage(ike->cb.plane_ctx, c->handle, &u))
			continue;
		in |= u.last_in != 0;
		out |= u.last_out != 0;
	}
	sa->reach_at = in ? 0 : ike->now + REACH_LOOK;
	if (in || !out)
		return;
	if (sa->reach_since == 0)
		sa->reach_since = ike->now;
	if (sa->reach_since + REACH_TIME > ike->now)
		return;
	/* Digest 4.4: not confirmed, so the IKE SA MUST go and be made anew without the notify. */
	struct ike_conn *conn = sa->conn;
	sa->reach_at = 0;
	sa_delete(ike, sa, "ESP does not get through beside TCP");
	if (conn != NULL && !tcp_other_transport(ike, conn, ATTEMPT_SEPARATE_TCP, TCP_ESP_BLOCKED))
		ike_conn_lost(ike, conn, "ESP does not get through beside TCP");
}

/* ---- SEPARATE_TRANSPORTS --------------------------------------------------------------------- */

static bool is_separate_attempt(const struct ike_sa *sa)
{
	return sa->attempt == ATTEMPT_SEPARATE_UDP || sa->attempt == ATTEMPT_SEPARATE_TCP;
}

static void separate_write(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	/* Digest 4.2 rule 2: a responder that has it enabled MUST echo the notify. */
	if ((at == AT_INIT_REQUEST && is_separate_attempt(sa)) ||
	    (at == AT_INIT_RESPONSE && sa->separate))
		message_notify(m, NOTIFY_SEPARATE_TRANSPORTS, (struct bytes){0});
}

/* Data, if any, is of a future version and MUST be ignored (digest 4.1). */
static bool separate_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			    const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_SEPARATE_TRANSPORTS)
		return false;
	if (at == AT_INIT_REQUEST && sa->config->transport == IKE_TRANSPORT_SEPARATE &&
	    (sa->path.stream != 0 || sa->path.natt)) {
		sa->separate = true;
		/* Begun over TCP, behind a NAT: its UDP port is not known yet (digest 4.4). */
		sa->esp_peer_port = sa->path.stream == 0 ? sa->path.remote.port
				    : sa->nat_there      ? 0
							 : NATT_PORT;
	} else if (at == AT_INIT_RESPONSE && is_separate_attempt(sa)) {
		sa->separate = true;
		sa->esp_peer_port = sa->path.stream == 0 ? sa->path.remote.port : NATT_PORT;
	}
	return true;
}

const struct ike_extension ext_separate_transports = {
    .name = "separate-transports",
    .document = "draft-ietf-ipsecme-ikev2-reliable-transport",
    .write = separate_write,
    .notify = separate_notify,
};
