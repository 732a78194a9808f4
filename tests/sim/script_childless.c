/* RFC 6023: IKE SAs that come up without a Child SA. A begins, B answers. */
#include <string.h>

#include "ike/child.h"
#include "script.h"

#define HYBRID_ESP "aes128gcm-x25519+mlkem512"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* What each end asks for and announces, as seen on the wire. */
static struct watch {
	unsigned announced;  /* IKE_SA_INIT responses with the notify */
	unsigned asked;      /* IKE_SA_INIT requests with it: RFC 6023 3 has none */
	uint8_t head[4];     /* protocol, SPI size, type */
	unsigned auths;      /* IKE_AUTH requests, with retransmissions */
	bool pretend;        /* A takes it for announced before it sends IKE_AUTH */
	unsigned lose_auths; /* answers of IKE_AUTH */
} seen;

static bool on_wire(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct ike_header h;
	struct payloads ps;
	struct notify_part n;
	const char *why;

	(void)delay;
	if (d->esp || header_parse(&h, bytes_of(d->octets, d->len), &why))
		return true;
	if (h.exchange == EXCHANGE_IKE_AUTH) {
		seen.auths += !header_is_response(&h);
		return !header_is_response(&h) || seen.lose_auths == 0 || seen.lose_auths-- == 0;
	}
	if (h.exchange != EXCHANGE_IKE_SA_INIT ||
	    payloads_parse(&ps, PAYLOADS_OUTER, h.next_payload,
			   bytes_of(d->octets + IKE_HEADER_LEN, d->len - IKE_HEADER_LEN), &why))
		return true;
	for (const struct payload *p = NULL; (p = payloads_next(&ps, PAYLOAD_NOTIFY, p)) != NULL;) {
		if (notify_parse(p->body, &n, &why) || n.type != NOTIFY_CHILDLESS_IKEV2_SUPPORTED)
			continue;
		*(header_is_response(&h) ? &seen.announced : &seen.asked) += 1;
		memcpy(seen.head, p->body.p, sizeof(seen.head));
		script_expect(sim, p->body.n == 4, "the notify has data");
	}
	return true;
}

static void pair_of(struct sim *sim, enum ike_childless a, enum ike_childless b)
{
	struct sim_wish w = config_usual, m;

	peer_add(sim, "A");
	peer_add(sim, "B");
	w.children[0].esp = HYBRID_ESP;
	m = config_mirror(&w);
	w.childless = a;
	m.childless = b;
	peer_connection(A(sim), config_make(A(sim), B(sim), &w));
	peer_connection(B(sim), config_make(B(sim), A(sim), &m));
	peer_start(A(sim));
	peer_start(B(sim));
	seen = (struct watch){0};
	sim->hook = on_wire;
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
}

static const struct child_sa *child_of(struct sim_peer *p)
{
	return peer_sa(p) == NULL ? NULL : child_of_index(peer_sa(p), 0);
}

static void expect_own_keys(struct sim *sim, bool own)
{
	for (size_t i = 0; i < 2 && !sim->failed; i++) {
		const struct child_sa *c = child_of(sim->peers[i]);
		script_expect(sim, c != NULL, "no Child SA");
		script_expect(sim, c == NULL || (c->suite.ke != NULL) == own,
			      own ? "the first Child SA has no key exchange of its own"
				  : "the Child SA of IKE_AUTH has a key exchange");
		script_expect(sim, c == NULL || (c->suite.addke[0] == KE_ML_KEM_512) == own,
			      "its additional key exchange is another");
	}
}

/* Both ends can: the Child SA follows at once, with its own hybrid. */
static void preferred(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_PREFER, IKE_CHILDLESS_ALLOW);
	sim_run(sim, SECOND);
	script_expect(sim, child_of(A(sim)) != NULL, "the Child SA does not follow at once");
	script_expect_tunnel(sim);
	expect_own_keys(sim, true);
	script_expect(sim, seen.auths == 1 && seen.asked == 0 && seen.announced == 1,
		      "it is not the responder alone that announces it");
	/* RFC 6023 4: the Protocol ID MUST be 1, the SPI Size MUST be 0. */
	script_expect(sim, memcmp(seen.head, "\x01\x00\x40\x22", 4) == 0, "the notify is another");
	script_expect(sim, A(sim)->last_failure[0] == '\0' && B(sim)->last_failure[0] == '\0',
		      "something failed on the way");
}

/* RFC 6023 3: what was not asked for is not answered so. */
static void allowed(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_ALLOW, IKE_CHILDLESS_ALLOW);
	sim_run(sim, SECOND);
	script_expect_tunnel(sim);
	expect_own_keys(sim, false);
}

static void not_announced(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_PREFER, IKE_CHILDLESS_NEVER);
	sim_run(sim, SECOND);
	script_expect_tunnel(sim);
	expect_own_keys(sim, false);
	script_expect(sim, seen.announced == 0, "B announced it");
}

static void forced_alone(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_FORCE, IKE_CHILDLESS_NEVER);
	sim_run(sim, 5 * SECOND);
	script_expect(sim, seen.auths == 0, "A sent IKE_AUTH");
	script_expect(sim, strstr(A(sim)->last_failure, "RFC 6023") != NULL, A(sim)->last_failure);
	script_expect(sim, plane_count(&A(sim)->plane) == 0, "a Child SA is there");
	sim_run(sim, MINUTE);
}

static void forced(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_FORCE, IKE_CHILDLESS_FORCE);
	seen.lose_auths = 2;
	sim_run(sim, 5 * SECOND);
	script_expect(sim, seen.auths == 3, "IKE_AUTH was not sent three times");
	script_expect_tunnel(sim);
	expect_own_keys(sim, true);
}

/* RFC 9370 2.2.5: the responder cannot make the initiator leave the Child SA out, but refuse it. */
static void forced_by_responder(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_ALLOW, IKE_CHILDLESS_FORCE);
	sim_run(sim, SECOND);
	script_expect(sim, peer_count_sas(A(sim), SA_UP) == 1, "the IKE SA did not come up");
	script_expect(sim, strstr(B(sim)->last_failure, "childless = force") != NULL,
		      B(sim)->last_failure);
	script_expect(sim, A(sim)->last_failure[0] != '\0', "B did not refuse the Child SA");
	script_expect_tunnel(sim);
	expect_own_keys(sim, true);
}

/* RFC 6023 3: one that did not announce it answers INVALID_SYNTAX. */
static void unannounced_request(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_PREFER, IKE_CHILDLESS_NEVER);
	A(sim)->misbehaves = true;
	for (unsigned i = 0; i < 1000 && seen.auths == 0; i++) {
		sim_run(sim, 100);
		LIST_EACH (&A(sim)->ike->sa_list, node) {
			struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
			if (sa->setup != NULL)
				sa->setup->childless = true;
		}
	}
	sim_run(sim, SECOND);
	script_expect(sim, seen.auths == 1, "A did not ask");
	script_expect(sim, strstr(A(sim)->last_failure, "INVALID_SYNTAX") != NULL,
		      A(sim)->last_failure);
	script_expect(sim, peer_count_sas(B(sim), SA_UP) == 0, "B took it");
	sim_run(sim, MINUTE);
}

/* The Child SAs of the old IKE SA are made anew, and no packet is lost meanwhile. */
static void reauthenticated(struct sim *sim)
{
	pair_of(sim, IKE_CHILDLESS_PREFER, IKE_CHILDLESS_ALLOW);
	script_expect_tunnel(sim);
	ike_reauthenticate(A(sim)->ike, "net", peer_now(A(sim)));
	const uint64_t sent = A(sim)->plane.sent[1], received = B(sim)->plane.received[1];
	for (unsigned i = 0; i < 300 && !sim->failed; i++) {
		script_expect(sim, plane_send(sim, A(sim), 1), "no SA to send with");
		sim_run(sim, 50 * MS);
	}
	script_expect(sim, A(sim)->plane.sent[1] - sent == B(sim)->plane.received[1] - received,
		      "packets were lost");
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_UP] == 2, "it was not reauthenticated");
	script_expect_tunnel(sim);
	expect_own_keys(sim, true);
}

const struct script scripts_childless[] = {
    {"rfc6023-3-both-can", preferred},
    {"rfc6023-3-not-asked-for", allowed},
    {"rfc6023-3-not-announced", not_announced},
    {"rfc6023-3-forced-and-not-announced", forced_alone},
    {"rfc6023-3-forced-and-answers-lost", forced},
    {"rfc6023-3-unannounced-request", unannounced_request},
    {"rfc6023-reauthentication-without-a-gap", reauthenticated},
    {"rfc9370-2.2.5-forced-by-the-responder", forced_by_responder},
};
const size_t n_scripts_childless = sizeof(scripts_childless) / sizeof(scripts_childless[0]);
