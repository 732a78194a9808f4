/* What is fetched while a handshake waits for it: revocation lists by URL, and certificates by Hash
 * and URL (RFC 7296 3.6). A calls B, which checks A's certificate; the server is made up. */
#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/openssl.h"
#include "ike/sa.h"
#include "pki/cert_bundle.h"
#include "pki/describe.h"
#include "pki/issue.h"
#include "script.h"

#define WALL_TIME 1800000000 /* of the simulator's peers (peer.c) */
#define DAY       86400
#define URL       "http://pki.example/a"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

enum at_url {
	NOTHING,
	GOOD_LIST,
	BAD_LIST,
	CERTIFICATE,
	BUNDLE,
	GOOD_RESPONSE, /* not there, but with A (RFC 4806) */
	BAD_RESPONSE,
	OLD_RESPONSE,
	GOOD_ANSWER, /* of a responder at the URL */
	BAD_ANSWER,
	OLD_ANSWER,
	ANSWER_OF_STRANGER,
	RUBBISH,
};

/* What the server has at its one URL. */
static struct served {
	uint8_t octets[8192];
	size_t n; /* 0: it does not answer */
	enum ike_fetch_kind kind;
} served;

static void serve(struct sim_peer *p, struct ike_fetch *item)
{
	script_expect(p->sim, strcmp(item->url, URL) == 0, "another URL is asked for");
	script_expect(p->sim, served.kind == item->kind, "another thing is asked for");
	if (served.n > 0)
		ike_fetch_done(item, ERR_NONE, "", mem_copy(bytes_of(served.octets, served.n)),
			       served.n);
}

struct authority {
	struct issue_key *key;
	struct certificate *cert;
};

static struct certificate *issue_of(struct sim *sim, struct issue *wish, const char *kind,
				    struct issue_key **key)
{
	struct certificate *cert = NULL;
	const char *why = "";

	wish->not_before = WALL_TIME - DAY;
	wish->not_after = WALL_TIME + DAY;
	if (issue_key_make(key, kind, &why))
		sim_fail(sim, "no key: %s", why);
	wish->key = *key;
	if (!sim->failed && issue_certificate(wish, &cert, &why))
		sim_fail(sim, "no certificate: %s", why);
	return cert;
}

static void serve_list(struct sim *sim, const struct authority *ca, const struct certificate *gone)
{
	char serial[DESCRIBE_MAX];
	const struct issue_revoked revoked = {gone != NULL ? certificate_serial(gone, serial) : "",
					      WALL_TIME - 60, 0};
	const struct issue_crl wish = {ca->cert, ca->key,        &revoked,       gone != NULL,
				       1,        WALL_TIME - 60, WALL_TIME + DAY};
	const char *why = "";
	uint8_t *pem = NULL;
	unsigned char *p = served.octets;
	size_t n = 0;

	if (issue_crl(&wish, &pem, &n, &why))
		sim_fail(sim, "no list: %s", why);
	BIO *in = BIO_new_mem_buf(pem, (int)n);
	X509_CRL *crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
	script_expect(sim, i2d_X509_CRL(crl, NULL) < (int)sizeof(served.octets), "a long list");
	served.n = (size_t)i2d_X509_CRL(crl, &p);
	X509_CRL_free(crl);
	BIO_free(in);
	mem_free(pem);
}

static struct bytes response(struct sim *sim, const struct authority *ca,
			     const struct certificate *cert, bool gone, int64_t until)
{
	const struct issue_ocsp wish = {.issuer = ca->cert,
					.issuer_key = ca->key,
					.certificate = cert,
					.revoked = gone,
					.revoked_at = WALL_TIME - 60,
					.this_update = until - DAY,
					.next_update = until};
	const char *why = "";
	uint8_t *der = NULL;
	size_t n = 0;

	if (issue_ocsp(&wish, &der, &n, &why))
		sim_fail(sim, "no OCSP response: %s", why);
	return bytes_of(der, n);
}

/* A has a response about its certificate, to bring along. */
static void staple(struct sim *sim, const struct authority *ca, const struct certificate *cert,
		   bool gone, int64_t until)
{
	struct ike_credential *c = &A(sim)->conns[0]->local_auth.credentials[0];

	c->status = mem_new(sizeof(*c->status));
	c->status[c->n_status++] = response(sim, ca, cert, gone, until);
}

/* A responder has one. */
static void serve_answer(struct sim *sim, const struct authority *ca,
			 const struct certificate *cert, enum at_url what)
{
	const struct bytes der =
	    response(sim, ca, cert, what == BAD_ANSWER,
		     what == OLD_ANSWER ? WALL_TIME - DAY : WALL_TIME + DAY / 2);

	script_expect(sim, der.n < sizeof(served.octets), "a long response");
	if (sim->failed)
		return;
	memcpy(served.octets, der.p, der.n);
	served.n = der.n;
	if (what == ANSWER_OF_STRANGER)
		served.octets[der.n - 1] ^=
		    1; /* of the signature, or of the certificate after it */
	if (what == RUBBISH)
		served.n /= 2;
	mem_free((void *)(uintptr_t)der.p);
}

/* p's certificate by ca; the caller owns it. */
static struct certificate *certify(struct sim *sim, const struct authority *ca, struct sim_peer *p)
{
	struct ike_connection *c = p->conns[0];
	struct issue wish = {.issuer = ca->cert,
			     .issuer_key = ca->key,
			     .ocsp_url = URL,
			     .names = (const struct identity *const *)&c->local_id,
			     .n_names = 1};
	struct issue_key *key = NULL;
	struct private_key *own = NULL;
	struct certificate *cert = issue_of(sim, &wish, "ed25519", &key);
	const char *why = "";
	uint8_t *pem = NULL;
	size_t n = 0;

	if (sim->failed || issue_key_pem(key, &pem, &n) ||
	    private_key_parse(&own, bytes_of(pem, n), &why)) {
		sim_fail(sim, "no key: %s", why);
	} else {
		config_credential(p, "cert", own, c);
		struct bytes *at = &c->local_auth.credentials[0].certs[0];
		mem_free((void *)(uintptr_t)at->p);
		*at = certificate_der(cert);
		at->p = mem_copy(*at);
	}
	mem_free_secret(pem, n);
	issue_key_free(key);
	return cert;
}

/* A and B with certificates, not started; what is at the URL, of A. */
static void pair_of(struct sim *sim, enum at_url what)
{
	struct sim_wish w = config_usual, m = config_mirror(&w);
	struct issue self = {.subject = "CN=ca", .ca = true, .path_len = -1};
	struct certificate *cert[2] = {NULL};
	struct authority ca = {NULL, NULL};
	const char *why = "";

	served.n = 0;
	served.kind = what == CERTIFICATE   ? IKE_FETCH_CERTIFICATE
		      : what == BUNDLE      ? IKE_FETCH_BUNDLE
		      : what >= GOOD_ANSWER ? IKE_FETCH_OCSP
					    : IKE_FETCH_CRL;
	ca.cert = issue_of(sim, &self, "ed25519", &ca.key);
	for (unsigned i = 0; i < 2; i++)
		peer_add(sim, i == 0 ? "A" : "B");
	for (unsigned i = 0; i < 2 && !sim->failed; i++) {
		struct ike_connection *c =
		    config_make(sim->peers[i], sim->peers[!i], i == 0 ? &w : &m);
		c->local_auth.kind = c->remote_auth.kind = IKE_AUTH_BY_CERT;
		c->remote_auth.trust = trust_new();
		if (trust_add_ca(c->remote_auth.trust, ca.cert, &why))
			sim_fail(sim, "no trust: %s", why);
		peer_connection(sim->peers[i], c);
		cert[i] = certify(sim, &ca, sim->peers[i]);
		sim->peers[i]->fetch = serve;
	}
	if (!sim->failed && (what == GOOD_LIST || what == BAD_LIST))
		serve_list(sim, &ca, what == BAD_LIST ? cert[0] : NULL);
	if (!sim->failed && (what == CERTIFICATE || what == BUNDLE)) {
		const struct bytes der = certificate_der(cert[0]);
		struct writer out = writer_of(served.octets, sizeof(served.octets));
		const struct cert_bundle b = {.n = 1, .parts = {{der, false}}};
		if (what == BUNDLE)
			cert_bundle_write(&b, &out);
		else
			writer_bytes(&out, der);
		served.n = out.n;
	}
	if (!sim->failed && what >= GOOD_ANSWER)
		serve_answer(sim, &ca, cert[0], what);
	else if (!sim->failed && what >= GOOD_RESPONSE)
		staple(sim, &ca, cert[0], what == BAD_RESPONSE,
		       what == OLD_RESPONSE ? WALL_TIME - DAY : WALL_TIME + DAY / 2);
	certificate_free(cert[0]);
	certificate_free(cert[1]);
	issue_key_free(ca.key);
	certificate_free(ca.cert);
}

static void start(struct sim *sim)
{
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
}

/* B wants a list of A's CA, which is at the URL. */
static void lists(struct sim *sim, enum at_url what, enum revocation_policy policy)
{
	pair_of(sim, what);
	if (sim->failed)
		return;
	struct ike_remote_auth *a = &B(sim)->conns[0]->remote_auth;
	a->revocation = policy;
	a->crl_urls = mem_new(sizeof(*a->crl_urls));
	a->crl_urls[0] = mem_text(URL);
	a->n_crl_urls = 1;
}

static void expect_refused(struct sim *sim, uint64_t within, const char *why)
{
	sim_run(sim, within);
	script_expect(sim, B(sim)->events[IKE_EVENT_SA_UP] == 0, "there is an IKE SA");
	script_expect(sim, why == NULL || strstr(B(sim)->last_warning, why) != NULL,
		      B(sim)->last_warning);
}

/* The handshake waits; A repeats its request, and that starts nothing anew. */
static void list_is_fetched(struct sim *sim)
{
	struct script_filter f = {.exchange = EXCHANGE_IKE_AUTH};

	lists(sim, GOOD_LIST, REVOCATION_STRICT);
	f.from = A(sim);
	B(sim)->fetch_time = 8 * SECOND;
	script_drop(sim, &f);
	start(sim);
	sim_run(sim, 6 * SECOND);
	script_expect(sim, plane_count(&B(sim)->plane) == 0, "it did not wait");
	script_expect(sim, f.seen > 1, "the request was not repeated");
	script_expect_tunnel(sim);
	script_expect(sim, B(sim)->fetches == 1, "it was not fetched once");
	script_expect(sim, A(sim)->fetches == 0, "A has fetched");
}

static void list_revokes(struct sim *sim)
{
	for (unsigned i = 0; i < 2 && !sim->failed; i++) {
		struct sim *one = sim_new(sim->seed + i, sim->trace);
		lists(one, BAD_LIST, i == 0 ? REVOCATION_RELAXED : REVOCATION_STRICT);
		start(one);
		expect_refused(one, 20 * SECOND, "has been revoked");
		if (one->failed)
			sim_fail(sim, "%s", one->reason);
		sim_free(one);
	}
}

static void silent_server_relaxed(struct sim *sim)
{
	lists(sim, NOTHING, REVOCATION_RELAXED);
	B(sim)->fetch_time = 10 * SECOND;
	start(sim);
	script_expect_tunnel(sim);
	script_expect(sim, B(sim)->fetches == 1, "nothing was fetched");
}

static void silent_server_strict(struct sim *sim)
{
	lists(sim, NOTHING, REVOCATION_STRICT);
	B(sim)->fetch_time = 10 * SECOND;
	start(sim);
	expect_refused(sim, 20 * SECOND, ": gave up");
}

/* B gives the half-open SA up before the server has answered: its job comes back to nobody. */
static void gone_meanwhile(struct sim *sim)
{
	lists(sim, GOOD_LIST, REVOCATION_STRICT);
	B(sim)->fetch_time = 10 * MINUTE;
	start(sim);
	sim_run(sim, 10 * SECOND);
	script_expect(sim, peer_count_sas(B(sim), -1) == 1, "there is no IKE SA");
	peer_crash(A(sim));
	sim_run(sim, MINUTE);
	script_expect(sim, peer_count_sas(B(sim), -1) == 0, "an IKE SA is left");
	sim_run(sim, 10 * MINUTE);
	script_expect(sim, B(sim)->jobs_under_way == 0, "the job did not come back");
	script_expect(sim, plane_count(&B(sim)->plane) == 0, "there is a Child SA");
}

/* Who has no key of a certificate of ours makes us call nobody. */
static void strangers_fetch_nothing(struct sim *sim)
{
	lists(sim, GOOD_LIST, REVOCATION_STRICT);
	struct bytes *der = &A(sim)->conns[0]->local_auth.credentials[0].certs[0];
	/* The last octet of the CA's signature. */
	((uint8_t *)(uintptr_t)der->p)[der->n - 1] ^= 1;
	start(sim);
	expect_refused(sim, 20 * SECOND, NULL);
	script_expect(sim, B(sim)->fetches == 0, "something was fetched");
}

/* A names its certificate by the hash of what is served now. */
static void by_url(struct sim *sim, enum at_url what, bool b_takes)
{
	pair_of(sim, what);
	if (sim->failed)
		return;
	struct ike_credential *c = &A(sim)->conns[0]->local_auth.credentials[0];
	const struct bytes all = bytes_of(served.octets, served.n);
	c->url = mem_text(URL);
	c->url_bundle = what == BUNDLE;
	if (hash_parts(A(sim)->crypto, HASH_SHA1, &all, 1, c->url_sha1))
		sim_fail(sim, "no hash");
	B(sim)->conns[0]->remote_auth.cert_lookup = b_takes;
}

static void certificate_by_url(struct sim *sim)
{
	by_url(sim, CERTIFICATE, true);
	start(sim);
	script_expect_tunnel(sim);
	script_expect(sim, B(sim)->fetches == 1, "it was not fetched once");
}

static void bundle_by_url(struct sim *sim)
{
	by_url(sim, BUNDLE, true);
	start(sim);
	script_expect_tunnel(sim);
	script_expect(sim, B(sim)->fetches == 1, "it was not fetched once");
}

/* RFC 7296 3.6: to a peer that has not announced it, the certificate itself is sent. */
static void not_announced(struct sim *sim)
{
	by_url(sim, CERTIFICATE, false);
	start(sim);
	script_expect_tunnel(sim);
	script_expect(sim, B(sim)->fetches == 0, "it was fetched");
}

static void wrong_hash(struct sim *sim)
{
	by_url(sim, CERTIFICATE, true);
	served.octets[served.n - 1] ^= 1;
	start(sim);
	expect_refused(sim, 20 * SECOND, "is another than its hash says");
}

static void url_without_server(struct sim *sim)
{
	by_url(sim, CERTIFICATE, true);
	served.n = 0;
	B(sim)->fetch_time = 10 * SECOND;
	start(sim);
	expect_refused(sim, 20 * SECOND, "certificate " URL " could not be fetched: gave up");
}

/* When A's IKE_AUTH comes, B's connection does not allow it any more. */
static bool on_wire(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct ike_header h;
	const char *why;

	(void)delay;
	if (!d->esp && header_parse(&h, bytes_of(d->octets, d->len), &why) == ERR_NONE &&
	    h.exchange == EXCHANGE_IKE_AUTH)
		B(sim)->conns[0]->remote_auth.cert_lookup = false;
	return true;
}

/* The announcement is of all connections that may be meant; the peer's own decides. */
static void not_allowed(struct sim *sim)
{
	by_url(sim, CERTIFICATE, true);
	sim->hook = on_wire;
	start(sim);
	expect_refused(sim, 2 * SECOND, "not allowed for it");
	script_expect(sim, B(sim)->fetches == 0, "it was fetched");
}

/* --- OCSP in IKE (RFC 4806) ------------------------------------------------------------------- */

/* A has a response (or not), B this to say about it; A calls, or with back B does. why NULL: the
 * tunnel comes up. */
static void respond(struct sim *sim, enum at_url what, enum ike_ocsp ocsp,
		    enum revocation_policy policy, bool back, const char *why)
{
	struct sim *one = sim_new(sim->seed, sim->trace);

	pair_of(one, what);
	if (!one->failed) {
		B(one)->conns[0]->remote_auth.ocsp = ocsp;
		B(one)->conns[0]->remote_auth.revocation = policy;
		peer_start(A(one));
		peer_start(B(one));
		ike_up((back ? B(one) : A(one))->ike, "net", NULL,
		       peer_now(back ? B(one) : A(one)));
		if (why == NULL) {
			script_expect_tunnel(one);
		} else {
			const char *said;

			sim_run(one, 10 * SECOND);
			said = back ? B(one)->last_failure : B(one)->last_warning;
			script_expect(one, B(one)->events[IKE_EVENT_SA_UP] == 0, "an IKE SA");
			script_expect(one, strstr(said, why) != NULL, said);
		}
	}
	if (one->failed)
		sim_fail(sim, "%s", one->reason);
	sim_free(one);
}

static void response_is_brought(struct sim *sim)
{
	for (int back = 0; back < 2 && !sim->failed; back++) {
		respond(sim, GOOD_RESPONSE, IKE_OCSP_ASK, REVOCATION_STRICT, back, NULL);
		respond(sim, GOOD_RESPONSE, IKE_OCSP_REQUIRE, REVOCATION_RELAXED, back, NULL);
		respond(sim, NOTHING, IKE_OCSP_ASK, REVOCATION_RELAXED, back, NULL);
		respond(sim, OLD_RESPONSE, IKE_OCSP_ASK, REVOCATION_RELAXED, back, NULL);
	}
}

static void response_revokes(struct sim *sim)
{
	for (int back = 0; back < 2 && !sim->failed; back++) {
		respond(sim, BAD_RESPONSE, IKE_OCSP_ASK, REVOCATION_RELAXED, back, "revoked");
		respond(sim, BAD_RESPONSE, IKE_OCSP_REQUIRE, REVOCATION_STRICT, back, "revoked");
		respond(sim, BAD_RESPONSE, IKE_OCSP_ASK, REVOCATION_NONE, back, NULL);
	}
}

/* RFC 4806 3.2: it is sent to nobody who does not ask. */
static void response_is_missing(struct sim *sim)
{
	for (int back = 0; back < 2 && !sim->failed; back++) {
		respond(sim, NOTHING, IKE_OCSP_REQUIRE, REVOCATION_RELAXED, back, "ocsp = require");
		respond(sim, NOTHING, IKE_OCSP_ASK, REVOCATION_STRICT, back, "no revocation list");
		respond(sim, OLD_RESPONSE, IKE_OCSP_REQUIRE, REVOCATION_RELAXED, back, "ocsp = ");
		respond(sim, GOOD_RESPONSE, IKE_OCSP_NO, REVOCATION_STRICT, back, "no revocation");
		respond(sim, BAD_RESPONSE, IKE_OCSP_NO, REVOCATION_RELAXED, back, NULL);
	}
}

/* --- OCSP over HTTP (RFC 6960 A) -------------------------------------------------------------- */

static bool by_configuration = true, by_certificate; /* B knows of the responder */

/* B asks a responder about A; why NULL: the tunnel comes up. */
static void answer(struct sim *sim, enum at_url what, enum ike_ocsp ocsp,
		   enum revocation_policy policy, unsigned asked, const char *why)
{
	struct sim *one = sim_new(sim->seed, sim->trace);

	pair_of(one, what == NOTHING ? GOOD_ANSWER : what);
	if (!one->failed) {
		struct ike_remote_auth *a = &B(one)->conns[0]->remote_auth;
		a->ocsp_url = by_configuration ? mem_text(URL) : NULL;
		a->fetch_ocsp = by_certificate;
		a->ocsp = ocsp;
		a->revocation = policy;
		if (what == NOTHING)
			served.n = 0;
		B(one)->fetch_time = 5 * SECOND;
		start(one);
		if (why == NULL)
			script_expect_tunnel(one);
		else
			expect_refused(one, 20 * SECOND, why);
		script_expect(one,
			      why == NULL || asked == 0 ? B(one)->fetches == asked
							: B(one)->fetches >= asked,
			      "asked another number of times");
	}
	if (one->failed)
		sim_fail(sim, "%s", one->reason);
	sim_free(one);
}

static void answer_counts(struct sim *sim)
{
	answer(sim, GOOD_ANSWER, IKE_OCSP_NO, REVOCATION_STRICT, 1, NULL);
	answer(sim, GOOD_ANSWER, IKE_OCSP_NO, REVOCATION_RELAXED, 1, NULL);
	answer(sim, GOOD_ANSWER, IKE_OCSP_REQUIRE, REVOCATION_RELAXED, 1, NULL);
	answer(sim, GOOD_ANSWER, IKE_OCSP_NO, REVOCATION_NONE, 0, NULL);
	answer(sim, BAD_ANSWER, IKE_OCSP_NO, REVOCATION_STRICT, 1, "has been revoked");
	answer(sim, BAD_ANSWER, IKE_OCSP_NO, REVOCATION_RELAXED, 1, "has been revoked");
}

static void answer_does_not_come(struct sim *sim)
{
	answer(sim, NOTHING, IKE_OCSP_NO, REVOCATION_RELAXED, 1, NULL);
	answer(sim, NOTHING, IKE_OCSP_NO, REVOCATION_STRICT, 1, "of CN=");
	answer(sim, NOTHING, IKE_OCSP_NO, REVOCATION_STRICT, 1, "OCSP response " URL ": gave up");
	answer(sim, NOTHING, IKE_OCSP_REQUIRE, REVOCATION_RELAXED, 1, "ocsp = require");
}

/* It counts for nothing, and is no fault of A's. */
static void answer_of_a_stranger(struct sim *sim)
{
	answer(sim, ANSWER_OF_STRANGER, IKE_OCSP_NO, REVOCATION_RELAXED, 1, NULL);
	answer(sim, ANSWER_OF_STRANGER, IKE_OCSP_NO, REVOCATION_STRICT, 1, "signed by nobody");
	answer(sim, OLD_ANSWER, IKE_OCSP_NO, REVOCATION_RELAXED, 1, NULL);
	answer(sim, OLD_ANSWER, IKE_OCSP_NO, REVOCATION_STRICT, 1, "out of date");
	answer(sim, RUBBISH, IKE_OCSP_NO, REVOCATION_RELAXED, 1, NULL);
	answer(sim, RUBBISH, IKE_OCSP_NO, REVOCATION_STRICT, 1, "no revocation list");
}

/* Where A's certificate says, when that is allowed. */
static void answer_where_the_certificate_says(struct sim *sim)
{
	by_configuration = false;
	by_certificate = true;
	answer(sim, GOOD_ANSWER, IKE_OCSP_NO, REVOCATION_STRICT, 1, NULL);
	by_certificate = false;
	answer(sim, GOOD_ANSWER, IKE_OCSP_NO, REVOCATION_STRICT, 0, "no OCSP response tells");
	by_configuration = true;
}

/* Where the peer has brought a response, or has not shown to be one, nobody is asked. */
static void nobody_is_asked(struct sim *sim)
{
	answer(sim, GOOD_RESPONSE, IKE_OCSP_ASK, REVOCATION_STRICT, 0, NULL);
	answer(sim, BAD_RESPONSE, IKE_OCSP_ASK, REVOCATION_RELAXED, 0, "has been revoked");
	pair_of(sim, GOOD_ANSWER);
	struct bytes *der = &A(sim)->conns[0]->local_auth.credentials[0].certs[0];
	((uint8_t *)(uintptr_t)der->p)[der->n - 1] ^= 1;
	B(sim)->conns[0]->remote_auth.ocsp_url = mem_text(URL);
	B(sim)->conns[0]->remote_auth.revocation = REVOCATION_STRICT;
	start(sim);
	expect_refused(sim, 20 * SECOND, NULL);
	script_expect(sim, B(sim)->fetches == 0, "somebody was asked");
}

const struct script scripts_fetch[] = {
    {"crl-by-url-and-a-repeated-request", list_is_fetched},
    {"crl-by-url-revokes", list_revokes},
    {"crl-by-url-silent-server-relaxed", silent_server_relaxed},
    {"crl-by-url-silent-server-strict", silent_server_strict},
    {"crl-by-url-and-the-sa-is-gone", gone_meanwhile},
    {"crl-by-url-not-for-strangers", strangers_fetch_nothing},
    {"rfc4806-response-is-brought", response_is_brought},
    {"rfc4806-response-revokes", response_revokes},
    {"rfc4806-response-is-missing", response_is_missing},
    {"rfc6960-a-answer-good-or-revoked", answer_counts},
    {"rfc6960-a-answer-does-not-come", answer_does_not_come},
    {"rfc6960-a-answer-of-a-stranger", answer_of_a_stranger},
    {"rfc6960-a-where-the-certificate-says", answer_where_the_certificate_says},
    {"rfc6960-a-nobody-is-asked", nobody_is_asked},
    {"rfc7296-3.6-certificate-by-url", certificate_by_url},
    {"rfc7296-3.6-bundle-by-url", bundle_by_url},
    {"rfc7296-3.6-lookup-not-announced", not_announced},
    {"rfc7296-3.6-wrong-hash", wrong_hash},
    {"rfc7296-3.6-url-without-server", url_without_server},
    {"rfc7296-3.6-url-not-allowed", not_allowed},
};
const size_t n_scripts_fetch = sizeof(scripts_fetch) / sizeof(scripts_fetch[0]);
