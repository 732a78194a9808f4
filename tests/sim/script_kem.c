/* KEM-based authentication (draft-wang-ipsecme-kem-auth-ikev2, in the form that is our own choice):
 * who comes up with whom and how, what is refused, and what an attacker sees. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "certs.h"
#include "ike/ext/kem_auth_state.h"
#include "script.h"
#include "wire/header.h"

#define NO      IKE_KEM_AUTH_NO
#define YES     IKE_KEM_AUTH_YES
#define REQUIRE IKE_KEM_AUTH_REQUIRE

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

struct end {
	enum ike_kem_auth policy;
	const char *first, *second; /* kinds of keys that it has a certificate of; NULL: none */
	bool wrong;                 /* the private key of the first is another one */
	bool other_ca;              /* its certificates are by a CA that the peer does not know */
	enum ike_ppk_policy ppk;
	const char *id; /* in its certificates; NULL: the one that it says it is */
};

struct meeting {
	const char *name;
	struct end a, b;
	const char *method;          /* by which A has authenticated at B; NULL: no SA comes up */
	const char *a_says, *b_says; /* in the last warning or failure; NULL: whatever */
	const char *ike;             /* NULL: the usual one */
};

#define KEM768 "ML-KEM-768 (KEM)"

static const struct meeting meetings[] = {
    {"512", {YES, "mlkem512"}, {YES, "mlkem512"}, "ML-KEM-512 (KEM)"},
    {"768", {YES, "mlkem768"}, {YES, "mlkem768"}, KEM768},
    {"1024", {YES, "mlkem1024"}, {YES, "mlkem1024"}, "ML-KEM-1024 (KEM)"},
    {"512 with 1024", {REQUIRE, "mlkem512"}, {REQUIRE, "mlkem1024"}, "ML-KEM-512 (KEM)"},
    {"after ADDKE",
     {YES, "mlkem768"},
     {YES, "mlkem768"},
     KEM768,
     .ike = "aes256gcm-prfsha384-x25519+mlkem768+mlkem512"},
    {"with a MAC and CBC",
     {YES, "mlkem768"},
     {YES, "mlkem768"},
     KEM768,
     .ike = "aes256-sha384-prfsha384-x25519"},
    {"a large first message, so that the list comes later",
     {YES, "mlkem768"},
     {YES, "mlkem768"},
     KEM768,
     .ike = "aes128gcm-prfsha256-mlkem768"},
    {"a KEM's certificate goes before one that signs",
     {YES, "ed25519", "mlkem768"},
     {YES, "ed25519", "mlkem512"},
     KEM768},
    /* who does not want it, or cannot */
    {"the responder does not", {YES, "mlkem768", "ed25519"}, {NO, "ed25519"}, "ed25519"},
    {"the initiator does not", {NO, "ed25519"}, {YES, "mlkem768", "ed25519"}, "ed25519"},
    {"neither does", {NO, "ed25519"}, {NO, "ed25519"}, "ed25519"},
    {"the responder has no such certificate",
     {YES, "mlkem768", "ed25519"},
     {YES, "ed25519"},
     "ed25519"},
    {"the initiator has no such certificate",
     {YES, "ed25519"},
     {YES, "mlkem768", "ed25519"},
     "ed25519"},
    {"required of a responder that does not",
     {REQUIRE, "mlkem768", "ed25519"},
     {NO, "ed25519"},
     .a_says = "does not announce KEM-based authentication"},
    {"required of a responder without certificate",
     {REQUIRE, "mlkem768", "ed25519"},
     {YES, "ed25519"},
     .a_says = "goes on with signatures, but kem-auth = require"},
    {"required of an initiator that does not",
     {NO, "ed25519"},
     {REQUIRE, "mlkem768", "ed25519"},
     .a_says = "AUTHENTICATION_FAILED",
     .b_says = "does not use KEM-based authentication, but kem-auth = require"},
    {"required of an initiator without certificate",
     {YES, "ed25519"},
     {REQUIRE, "mlkem768", "ed25519"},
     .a_says = "AUTHENTICATION_FAILED",
     .b_says = "does not use KEM-based authentication, but kem-auth = require"},
    {"required, and the responder has none for it",
     {YES, "mlkem768", "ed25519"},
     {REQUIRE, "ed25519"},
     .a_says = "refused KEM-based authentication: AUTHENTICATION_FAILED",
     .b_says = "takes no KEM's certificate that we have"},
    /* the table of refusals; A never tells the peer more than one and the same notify */
    {"the responder's CA is unknown",
     {YES, "mlkem768"},
     {YES, "mlkem768", .other_ca = true},
     .a_says = "which is no configured CA",
     .b_says = "the peer refused our certificate"},
    {"the initiator's CA is unknown",
     {YES, "mlkem768", .other_ca = true},
     {YES, "mlkem768"},
     .a_says = "refused KEM-based authentication: AUTHENTICATION_FAILED",
     .b_says = "which is no configured CA"},
    {"the responder is somebody else",
     {YES, "mlkem768"},
     {YES, "mlkem768", .id = "c.example"},
     .a_says = "name does not match: ID is b.example",
     .b_says = "the peer refused our certificate"},
    {"the initiator says that it is somebody else",
     {YES, "mlkem768", .id = "c.example"},
     {YES, "mlkem768"},
     .a_says = "AUTHENTICATION_FAILED",
     .b_says = "name does not match: ID is a.example"},
    {"the responder's private key is another one",
     {YES, "mlkem768"},
     {YES, "mlkem768", .wrong = true},
     .a_says = "refused KEM-based authentication: AUTHENTICATION_FAILED",
     .b_says = "our private key does not belong to our certificate"},
    {"the initiator's private key is another one",
     {YES, "mlkem768", .wrong = true},
     {YES, "mlkem768"},
     .a_says = "our private key does not belong to our certificate"},
    /* RFC 9867's PPK comes before KA-1, with an exchange of its own where there is no other */
    {"with a PPK",
     {YES, "mlkem768", .ppk = IKE_PPK_REQUIRED},
     {YES, "mlkem768", .ppk = IKE_PPK_REQUIRED},
     KEM768},
    {"with a PPK and ADDKE",
     {REQUIRE, "mlkem768", .ppk = IKE_PPK_REQUIRED},
     {REQUIRE, "mlkem768", .ppk = IKE_PPK_ALLOW},
     KEM768,
     .ike = "aes256gcm-prfsha384-x25519+mlkem768"},
    {"with a PPK that one does not want",
     {YES, "mlkem768", .ppk = IKE_PPK_ALLOW},
     {YES, "mlkem768"},
     KEM768},
};

struct cas {
	struct sim_ca known, other;
};

static struct cas cas_make(void)
{
	return (struct cas){certs_ca("CN=CA", "ed25519"), certs_ca("CN=Other CA", "ed25519")};
}

static void cas_free(struct cas *c)
{
	certs_free(&c->known);
	certs_free(&c->other);
}

static void connect_end(struct sim_peer *p, struct sim_peer *other, const struct sim_wish *base,
			const struct end *e, const struct cas *cas)
{
	struct sim_wish w = *base;

	w.ppk.policy = e->ppk;
	struct ike_connection *c = config_make(p, other, &w);
	c->kem_auth = e->policy;
	certs_trust(c, &cas->known);
	if (e->first != NULL)
		certs_credential(p, c, e->other_ca ? &cas->other : &cas->known, e->first, e->id,
				 e->wrong);
	if (e->second != NULL)
		certs_credential(p, c, e->other_ca ? &cas->other : &cas->known, e->second, e->id,
				 false);
	peer_connection(p, c);
}

/* Both ends, at rest; A has not begun. */
static void prepare(struct sim *sim, const struct cas *cas, const struct meeting *m)
{
	struct sim_wish w = config_usual;

	if (m->ike != NULL)
		w.ike = m->ike;
	const struct sim_wish mirror = config_mirror(&w);
	peer_add(sim, "A");
	peer_add(sim, "B");
	connect_end(A(sim), B(sim), &w, &m->a, cas);
	connect_end(B(sim), A(sim), &mirror, &m->b, cas);
	peer_start(A(sim));
	peer_start(B(sim));
}

static void begin(struct sim *sim)
{
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
}

static void expect_says(struct sim *sim, struct sim_peer *p, const char *what)
{
	if (what != NULL && strstr(p->last_warning, what) == NULL &&
	    strstr(p->last_failure, what) == NULL)
		sim_fail(sim, "%s says \"%.150s\" / \"%.150s\" and not \"%s\"", p->name,
			 p->last_warning, p->last_failure, what);
}

static void expect_up(struct sim *sim, const char *method)
{
	script_expect_tunnel(sim);
	const struct ike_sa *sa = peer_sa(B(sim));
	if (sa != NULL && strcmp(sa->remote_auth, method) != 0)
		sim_fail(sim, "A has authenticated by %s and not %s", sa->remote_auth, method);
}

static void expect_down(struct sim *sim)
{
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL,
		      "an IKE SA is up that must not be");
}

static void judge(struct sim *sim, const struct meeting *m)
{
	if (m->method != NULL)
		expect_up(sim, m->method);
	else
		expect_down(sim);
	expect_says(sim, A(sim), m->a_says);
	expect_says(sim, B(sim), m->b_says);
}

static void meet_all(struct sim *sim)
{
	struct cas cas = cas_make();

	for (size_t i = 0; i < sizeof(meetings) / sizeof(meetings[0]) && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);

		prepare(one, &cas, &meetings[i]);
		begin(one);
		sim_run(one, 4 * SECOND);
		judge(one, &meetings[i]);
		if (one->failed)
			sim_fail(sim, "%s: %s", meetings[i].name, one->reason);
		sim_free(one);
	}
	cas_free(&cas);
}

static const struct meeting usual = {
    .name = "usual", .a = {REQUIRE, "mlkem768"}, .b = {REQUIRE, "mlkem768"}, .method = KEM768};

/* What becomes of one handshake on a network that is not kind. */
static void on_a_bad_network(struct sim *sim)
{
	struct cas cas = cas_make();

	for (unsigned i = 0; i < 12 && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);

		one->net = (struct sim_net){.loss = 150,
					    .duplicate = 100,
					    .replay = i % 3 == 0 ? 50 : 0,
					    .delay_min = MS,
					    .delay_max = 300 * MS,
					    .mtu = i % 2 == 0 ? 0 : 1280};
		prepare(one, &cas, &usual);
		if (i % 4 == 0)
			A(one)->nat = (struct sim_nat){
			    .on = true, .outside = A(one)->addr, .ports = {1500, 14500}};
		begin(one);
		sim_run(one, 60 * SECOND);
		one->net = (struct sim_net){.delay_min = MS, .delay_max = MS};
		sim_run(one, 60 * SECOND);
		expect_up(one, KEM768);
		if (one->failed)
			sim_fail(sim, "network %u: %s", i, one->reason);
		sim_free(one);
	}
	cas_free(&cas);
}

const struct script scripts_kem[] = {
    {"kem: who meets whom", meet_all},
    {"kem: on a bad network", on_a_bad_network},
};
const size_t n_scripts_kem = sizeof(scripts_kem) / sizeof(scripts_kem[0]);
