/* Certificates: such as need a payload over 64 KB, kinds of keys that a peer may not have, and one
 * that is revoked while its tunnel is up. */
#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "pki/describe.h"
#include "pki/issue.h"
#include "script.h"

#define WALL_TIME 1800000000 /* of the simulator's peers (peer.c) */
#define DAY       86400
#define LONG_NAME 1024

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* The authority of both. */
struct authority {
	struct issue_key *key;
	struct certificate *cert;
};

/* One certificate, whose private key p gets and signs with; with a name like a mountain, 63 of
 * them. */
static void certify(struct sim *sim, const struct authority *ca, struct sim_peer *p, bool big)
{
	struct ike_connection *c = p->conns[0];
	struct identity *names[CERTIFICATE_NAMES_MAX];
	struct issue wish = {.issuer = ca->cert,
			     .issuer_key = ca->key,
			     .subject = "CN=gateway",
			     .names = (const struct identity *const *)names,
			     .not_before = WALL_TIME - DAY,
			     .not_after = WALL_TIME + DAY};
	struct issue_key *key = NULL;
	struct private_key *own = NULL;
	struct certificate *cert = NULL;
	const char *why = "";
	uint8_t *pem = NULL, text[LONG_NAME];
	size_t n = 0;

	names[wish.n_names++] = identity_copy(c->local_id);
	memset(text, 'x', sizeof(text));
	while (big && wish.n_names < CERTIFICATE_NAMES_MAX) {
		text[0] = (uint8_t)('0' + wish.n_names);
		names[wish.n_names++] = identity_new(ID_FQDN, BYTES_OF(text));
	}
	if (issue_key_make(&key, "mldsa44", &why) || issue_key_pem(key, &pem, &n) ||
	    private_key_parse(&own, bytes_of(pem, n), &why))
		sim_fail(sim, "no key: %s", why);
	wish.key = key;
	if (!sim->failed && issue_certificate(&wish, &cert, &why))
		sim_fail(sim, "no certificate: %s", why);
	if (!sim->failed) {
		config_credential(p, "cert", own, c);
		struct bytes *at = &c->local_auth.credentials[0].certs[0];
		mem_free((void *)(uintptr_t)at->p);
		*at = certificate_der(cert);
		at->p = mem_copy(*at);
		script_expect(sim, (at->n > UINT16_MAX) == big, "it is of another size");
	} else {
		private_key_free(own);
	}
	for (size_t i = 0; i < wish.n_names; i++)
		identity_free(names[i]);
	mem_free_secret(pem, n);
	issue_key_free(key);
	certificate_free(cert);
}

static void make_authority(struct sim *sim, struct authority *ca, const char *kind)
{
	struct issue wish = {.subject = "CN=ca",
			     .ca = true,
			     .path_len = -1,
			     .not_before = WALL_TIME - DAY,
			     .not_after = WALL_TIME + 2 * DAY};
	const char *why = "";

	if (issue_key_make(&ca->key, kind, &why)) {
		sim_fail(sim, "no key: %s", why);
		return;
	}
	wish.key = ca->key;
	if (issue_certificate(&wish, &ca->cert, &why))
		sim_fail(sim, "no certificate: %s", why);
}

/* Of the last begin(). */
static struct authority ca;

static void forget(void)
{
	issue_key_free(ca.key);
	certificate_free(ca.cert);
	ca = (struct authority){0};
}

/* A calls B; `big` has the large certificate. */
static void begin_with(struct sim *sim, enum ike_transport transport, unsigned big,
		       const char *kind)
{
	struct sim_wish w = config_usual, m;
	const char *why = "";

	peer_add(sim, "A");
	peer_add(sim, "B");
	w.transport = transport;
	m = config_mirror(&w);
	make_authority(sim, &ca, kind);
	for (unsigned i = 0; i < 2 && !sim->failed; i++) {
		struct ike_connection *c =
		    config_make(sim->peers[i], sim->peers[!i], i == 0 ? &w : &m);
		c->local_auth.kind = c->remote_auth.kind = IKE_AUTH_BY_CERT;
		c->remote_auth.trust = trust_new();
		if (trust_add_ca(c->remote_auth.trust, ca.cert, &why))
			sim_fail(sim, "no trust: %s", why);
		peer_connection(sim->peers[i], c);
		certify(sim, &ca, sim->peers[i], i == big);
	}
	for (unsigned i = 0; i < 2; i++)
		peer_start(sim->peers[i]);
}

static void begin(struct sim *sim, enum ike_transport transport, unsigned big)
{
	begin_with(sim, transport, big, "ed25519");
	forget();
}

static void up(struct sim *sim)
{
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run_until(sim, script_at_rest, MINUTE);
}

static void expect_big(struct sim *sim)
{
	script_expect_tunnel(sim);
	for (unsigned i = 0; i < 2 && !sim->failed; i++) {
		const struct ike_sa *sa = peer_sa(sim->peers[i]);
		script_expect(sim, sa->big_payload, "big payloads are not agreed");
		script_expect(sim, strcmp(sa->remote_auth, "ml-dsa-44") == 0, "another proof");
		script_expect(sim, sim->peers[i]->ike->assembling == 0, "pieces are left");
		script_expect(sim, sim->peers[i]->ike->early_octets == 0, "octets are counted");
	}
}

/* Whoever has the large certificate announces, and B takes it from A; over whatever. */
static void from_a(struct sim *sim)
{
	static const enum ike_transport how[] = {IKE_TRANSPORT_UDP, IKE_TRANSPORT_TCP,
						 IKE_TRANSPORT_SEPARATE};

	for (size_t i = 0; i < 3 && !sim->failed; i++) {
		struct sim *one = sim_new(sim->seed + i, sim->trace);
		begin(one, how[i], 0);
		up(one);
		expect_big(one);
		if (one->failed)
			sim_fail(sim, "transport %zu: %s", i, one->reason);
		sim_free(one);
	}
}

/* B has it: A, who begins, must have been told to announce. */
static void from_b(struct sim *sim)
{
	begin(sim, IKE_TRANSPORT_UDP, 1);
	up(sim);
	script_expect(sim, peer_sa(A(sim)) == NULL, "it came up");
	script_expect(sim,
		      strstr(B(sim)->last_warning, "our certificate is longer than 65535") != NULL,
		      B(sim)->last_warning);
	A(sim)->conns[0]->big_payload = IKE_BIG_PAYLOAD_YES;
	sim_run(sim, MINUTE);
	up(sim);
	expect_big(sim);
}

static void through_loss(struct sim *sim)
{
	begin(sim, IKE_TRANSPORT_UDP, 0);
	sim->net.loss = 50;
	sim->net.duplicate = 20;
	sim->net.delay_max = 30 * MS;
	up(sim);
	sim->net.loss = sim->net.duplicate = 0;
	expect_big(sim);
}

/* What B holds for a peer that has not proved who it is ends where B's configuration says. */
static void beyond_the_limit(struct sim *sim)
{
	begin(sim, IKE_TRANSPORT_UDP, 0);
	B(sim)->conns[0]->auth_octets_max = 65536;
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	for (unsigned i = 0; i < 200 && !sim->failed; i++) {
		sim_run(sim, 100 * MS);
		script_expect(sim, B(sim)->ike->assembling <= 65536, "B holds more");
		script_expect(sim, B(sim)->ike->early_octets <= 65536 + 64 * 1024, "B counts more");
	}
	script_expect(sim, peer_sa(B(sim)) == NULL, "it came up");
	B(sim)->conns[0]->auth_octets_max = 1 << 20;
	sim_run(sim, 2 * MINUTE);
	up(sim);
	expect_big(sim);
}

/* A has keys with B and proves nothing yet; its own IKE_AUTH gets lost. */
static struct ike_sa *auth_held(struct sim *sim, struct script_filter *f)
{
	*f = (struct script_filter){.exchange = EXCHANGE_IKE_AUTH, .from = A(sim), .drop = 100000};
	script_drop(sim, f);
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	for (unsigned i = 0; i < 5000 && f->seen == 0; i++)
		sim_run(sim, MS);
	script_expect(sim, f->seen > 0, "A never comes to IKE_AUTH");
	LIST_EACH (&A(sim)->ike->sa_list, node)
		return CONTAINER_OF(node, struct ike_sa, all);
	return NULL;
}

/* A CERT payload in the long form whose length is not its own, and one without an agreement. */
static void lying(struct sim *sim, unsigned big, uint32_t claim)
{
	static const uint8_t der[100];
	struct script_filter f;
	struct message m;

	begin(sim, IKE_TRANSPORT_UDP, big);
	struct ike_sa *sa = auth_held(sim, &f);
	if (sa == NULL)
		return;
	script_expect(sim, sa->big_payload == (big == 0), "another agreement");
	A(sim)->misbehaves = true;
	script_begin(A(sim), sa, &m, EXCHANGE_IKE_AUTH, false, 1);
	struct writer *w = message_payload_begin_big(&m, PAYLOAD_CERT);
	const size_t at = w->n - 4;
	cert_write(w, CERT_X509_SIGNATURE, BYTES_OF(der)); /* 107 octets in all */
	message_payload_end(&m);
	struct writer length = writer_of(m.w.p + at, 4);
	writer_u32(&length, claim);
	script_expect(sim, script_ask(A(sim), sa, &m, B(sim)) == NOTIFY_INVALID_SYNTAX,
		      "it is not answered with INVALID_SYNTAX");
	script_expect(sim, B(sim)->ike->assembling == 0, "B keeps something");
	A(sim)->misbehaves = false;
	sim_run(sim, 2 * MINUTE);
	script_expect(sim, B(sim)->ike->early_octets == 0, "octets are counted");
	if (big == 0) {
		up(sim);
		expect_big(sim);
	}
}

static void lying_length(struct sim *sim)
{
	static const uint32_t claims[] = {0, 5, 106, 108, 65536, 200000, 0x7fffffff, 0xffffffff};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]) && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);
		lying(one, 0, claims[i]);
		if (one->failed)
			sim_fail(sim, "a length of %u: %s", claims[i], one->reason);
		sim_free(one);
	}
}

/* Without the agreement the bit is reserved: the first half of the true length is read for it. */
static void long_without_agreement(struct sim *sim)
{
	lying(sim, 1, 107);
}

/* remote-auth-algorithms counts every key of the chain: the one of A's certificate, and its CA's.
 */
static void kinds(struct sim *sim)
{
	static const struct {
		const char *ca, *allowed, *why;
	} cases[] = {
	    {"mldsa44", "pq", NULL},
	    {"mldsa44", "mldsa44", NULL},
	    {"mldsa44", "mldsa", NULL},
	    {"ed25519", "pq", "the key of CN=ca, Ed25519, is of no kind"},
	    {"ed25519", "ed25519", "the key of CN=gateway, ML-DSA-44, is of no kind"},
	    {"mldsa44", "mldsa65", "the key of CN=gateway, ML-DSA-44, is of no kind"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && !sim->failed; i++) {
		struct sim *one = sim_new(sim->seed + i, sim->trace);
		begin_with(one, IKE_TRANSPORT_UDP, 2, cases[i].ca);
		forget();
		B(one)->conns[0]->remote_auth.key_types = key_types_by_word(cases[i].allowed);
		ike_up(A(one)->ike, "net", NULL, peer_now(A(one)));
		sim_run(one, 5 * SECOND);
		if (cases[i].why == NULL)
			script_expect_tunnel(one);
		else if (strstr(B(one)->last_warning, cases[i].why) == NULL)
			sim_fail(one, "B says %s", B(one)->last_warning);
		else
			script_expect(one,
				      peer_sa(B(one)) == NULL &&
					  strstr(A(one)->last_failure, "refused us") != NULL,
				      A(one)->last_failure);
		if (one->failed)
			sim_fail(sim, "case %zu: %s", i, one->reason);
		sim_free(one);
	}
}

/* B reads its lists again, and A's certificate is on one, or nobody's. */
static void reload(struct sim *sim, bool revoked, enum revocation_policy policy)
{
	struct sim_wish m = config_mirror(&config_usual);
	struct ike_connection *old = B(sim)->conns[0], *c = config_make(B(sim), A(sim), &m);
	const struct bytes der = A(sim)->conns[0]->local_auth.credentials[0].certs[0];
	struct certificate *cert = NULL;
	struct crl *list = NULL;
	char serial[DESCRIBE_MAX];
	uint8_t *pem = NULL;
	const char *why = "";
	size_t n = 0, n_lists = 0;

	if (certificate_parse(&cert, der, &why))
		sim_fail(sim, "no certificate: %s", why);
	const struct issue_revoked gone = {certificate_serial(cert, serial), WALL_TIME - 60, 0};
	const struct issue_crl wish = {ca.cert, ca.key,         &gone,          revoked,
				       1,       WALL_TIME - 60, WALL_TIME + DAY};
	c->local_auth.kind = c->remote_auth.kind = IKE_AUTH_BY_CERT;
	c->remote_auth.revocation = policy;
	c->remote_auth.trust = trust_new();
	c->local_auth.credentials = old->local_auth.credentials;
	c->local_auth.n_credentials = old->local_auth.n_credentials;
	old->local_auth.credentials = NULL;
	old->local_auth.n_credentials = 0;
	if (issue_crl(&wish, &pem, &n, &why) ||
	    crls_parse(&list, 1, &n_lists, bytes_of(pem, n), &why) ||
	    trust_add_ca(c->remote_auth.trust, ca.cert, &why) ||
	    trust_add_crl(c->remote_auth.trust, list, &why))
		sim_fail(sim, "no list: %s", why);
	mem_free(pem);
	certificate_free(cert);
	peer_connection(B(sim), c);
	sim_run(sim, 3 * SECOND);
}

/* After a rekey, too. */
static void revoked_while_up(struct sim *sim)
{
	begin_with(sim, IKE_TRANSPORT_UDP, 2, "ed25519");
	up(sim);
	script_expect_tunnel(sim);
	reload(sim, false, REVOCATION_STRICT); /* of nobody */
	script_expect_tunnel(sim);
	ike_rekey(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	reload(sim, true, REVOCATION_NONE); /* nobody asks */
	script_expect_tunnel(sim);
	script_expect(sim, B(sim)->events[IKE_EVENT_SA_DOWN] == 0, "it went down before");
	reload(sim, true, REVOCATION_RELAXED);
	script_expect(sim, B(sim)->events[IKE_EVENT_SA_DOWN] == 1, "it stays");
	sim_run(sim, MINUTE);
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL, "it came back");
	script_expect(sim, strstr(B(sim)->last_warning, "has been revoked") != NULL,
		      B(sim)->last_warning);
	script_expect(sim, plane_count(&B(sim)->plane) == 0, "a Child SA is left");
	forget();
}

const struct script scripts_certificates[] = {
    {"certificate-keys-of-kinds-not-allowed", kinds},
    {"certificate-revoked-while-its-tunnel-is-up", revoked_while_up},
    {"cert-payload-over-64k-of-the-initiator", from_a},
    {"cert-payload-over-64k-of-the-responder", from_b},
    {"cert-payload-over-64k-through-loss", through_loss},
    {"cert-payload-beyond-the-limit", beyond_the_limit},
    {"cert-payload-whose-length-lies", lying_length},
    {"cert-payload-long-without-agreement", long_without_agreement},
};
const size_t n_scripts_certificates =
    sizeof(scripts_certificates) / sizeof(scripts_certificates[0]);
