/* KEM-based authentication with a peer that breaks its rules: what it sends in the place of KA-1,
 * KA-2 or IKE_AUTH, how it is answered, and what the log says. And what an attacker on the way, or
 * one who has a certificate of his own, comes to. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "certs.h"
#include "ike/ext/kem_auth_ecert.h"
#include "ike/ext/kem_auth_state.h"
#include "pki/cert_bundle.h"
#include "script.h"

#define CIPHERTEXT 1088 /* of ML-KEM-768 */

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

static struct ike_sa *first_sa(struct sim_peer *p)
{
	return list_empty(&p->ike->sa_list)
		   ? NULL
		   : CONTAINER_OF(p->ike->sa_list.next, struct ike_sa, all);
}

/* What A has encapsulated to B. */
static uint8_t ciphertext[CIPHERTEXT];

static void watch_jobs(struct sim *sim, const struct ike_job *job)
{
	(void)sim;
	if (job->type == IKE_JOB_KEM_ENCAPSULATE && job->result == ERR_NONE &&
	    job->ke->resp_len == CIPHERTEXT && job->remote != NULL)
		memcpy(ciphertext, job->value, CIPHERTEXT);
}

static void connect_end(struct sim_peer *p, struct sim_peer *other, const struct sim_wish *w,
			const struct sim_ca *ca, const struct sim_ca *by, const char *name)
{
	struct ike_connection *c = config_make(p, other, w);

	c->kem_auth = IKE_KEM_AUTH_YES;
	certs_trust(c, ca);
	certs_credential(p, c, by, "mlkem768", name, false);
	certs_credential(p, c, by, "ed25519", name, false);
	peer_connection(p, c);
}

/* Both ends; b_name: in B's certificates, NULL for its own. */
static void prepare(struct sim *sim, const struct sim_ca *ca, const char *b_name)
{
	const struct sim_wish w = config_usual, mirror = config_mirror(&w);

	peer_add(sim, "A");
	peer_add(sim, "B");
	connect_end(A(sim), B(sim), &w, ca, ca, NULL);
	connect_end(B(sim), A(sim), &mirror, ca, ca, b_name);
	peer_start(A(sim));
	peer_start(B(sim));
	sim->job_hook = watch_jobs;
}

/* Stops A's n-th request after IKE_SA_INIT, and all copies of it. */
struct stop {
	uint32_t message_id;
	bool stopped;
};

static bool stop_request(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct stop *s = sim->hook_ctx;
	struct ike_header h;
	const char *why;

	(void)delay;
	if (d->esp || d->from != A(sim) || header_parse(&h, bytes_of(d->octets, d->len), &why) ||
	    h.exchange == EXCHANGE_IKE_SA_INIT || h.message_id != s->message_id)
		return true;
	s->stopped = true;
	return false;
}

/* --- Writers --- */

static struct ike_sa *sa_of(struct sim *sim)
{
	return first_sa(A(sim));
}

static void right_confirmation(struct sim *sim, uint8_t conf[KA_SSCONF_LEN])
{
	const struct ike_sa *sa = sa_of(sim);
	const struct ike_exchange_values v = ka_values(sa);

	if (ka_ssconf(A(sim)->ike->crypto, sa->suite.prf, false, ka_ss_r(sa->setup->kem), &v, conf))
		sim_fail(sim, "no confirmation");
}

/* ECERT under the right key; data and encoding are what they are. */
static void right_ecert(struct sim *sim, struct message *m, uint8_t encoding, struct bytes data)
{
	struct ike_sa *sa = sa_of(sim);
	const struct ike_exchange_values v = ka_values(sa);
	struct ka_ecert_keys k;

	if (ka_ecert_keys(A(sim)->ike->crypto, &sa->suite, ike_keys_d(&sa->keys),
			  ka_ss_r(sa->setup->kem), &v, &k) ||
	    ka_ecert_write(A(sim)->ike->crypto, &sa->suite.protect, &k.keys,
			   &A(sim)->ike->cb.random, encoding, data, m))
		sim_fail(sim, "no ECERT");
}

/* The bundle of A's own certificates, the first of them of its n-th credential. */
static void own_ecert(struct sim *sim, struct message *m, size_t n)
{
	const struct ike_credential *c = &sa_of(sim)->config->local_auth.credentials[n];
	struct cert_bundle b = {.n = 1, .parts = {{c->certs[0], false}}};
	static uint8_t out[8192];
	struct writer w = writer_of(out, sizeof(out));

	cert_bundle_write(&b, &w);
	right_ecert(sim, m, CERT_X509_BUNDLE_INLINE, writer_bytes_so_far(&w));
}

static void ciphertext_write(struct message *m, size_t n)
{
	message_notify(m, NOTIFY_AUTH_KEM_CIPHERTEXT, bytes_of(ciphertext, n));
}

static void conf_write(struct sim *sim, struct message *m)
{
	uint8_t conf[KA_SSCONF_LEN];

	right_confirmation(sim, conf);
	message_notify(m, NOTIFY_AUTH_KEM_SSCONF, BYTES_OF(conf));
}

static void nothing(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	(void)sim;
}

static void whole(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	conf_write(sim, m);
	own_ecert(sim, m, 0);
}

static void without_ciphertext(struct sim *sim, struct message *m)
{
	conf_write(sim, m);
	own_ecert(sim, m, 0);
}

static void without_ecert(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	conf_write(sim, m);
}

static void ciphertext_twice(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	whole(sim, m);
}

static void ciphertext_short(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT - 1);
	conf_write(sim, m);
	own_ecert(sim, m, 0);
}

static void conf_long(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	message_notify(m, NOTIFY_AUTH_KEM_SSCONF, bytes_of(ciphertext, KA_SSCONF_LEN + 1));
	own_ecert(sim, m, 0);
}

static void ecert_short(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	conf_write(sim, m);
	message_payload(m, PAYLOAD_ECERT, bytes_of(ciphertext, 25));
}

static void conf_wrong(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	message_notify(m, NOTIFY_AUTH_KEM_SSCONF, bytes_of(ciphertext, KA_SSCONF_LEN));
	own_ecert(sim, m, 0);
}

/* As for another key: any octets of the right length decapsulate to something. */
static void ciphertext_other(struct sim *sim, struct message *m)
{
	ciphertext[7] ^= 1;
	whole(sim, m);
}

static void ecert_garbage(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	conf_write(sim, m);
	message_payload(m, PAYLOAD_ECERT, bytes_of(ciphertext, 300));
}

static void bundle_garbage(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	conf_write(sim, m);
	right_ecert(sim, m, CERT_X509_BUNDLE_INLINE, bytes_of(ciphertext, 300));
}

static void bundle_of_urls(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	conf_write(sim, m);
	right_ecert(sim, m, CERT_HASH_URL_BUNDLE, bytes_of(ciphertext, 60));
}

/* M6 */
static void certificate_that_signs(struct sim *sim, struct message *m)
{
	ciphertext_write(m, CIPHERTEXT);
	conf_write(sim, m);
	own_ecert(sim, m, 1);
}

static void auth_write_as(struct sim *sim, struct message *m, uint8_t method)
{
	if (auth_local_id(sa_of(sim)))
		sim_fail(sim, "no identity");
	auth_id_write(sa_of(sim), m);
	auth_write(message_payload_begin(m, PAYLOAD_AUTH), method, bytes_of(ciphertext, 32));
	message_payload_end(m);
}

static void auth_signed(struct sim *sim, struct message *m)
{
	auth_write_as(sim, m, AUTH_DIGITAL_SIGNATURE);
}

static void auth_wrong(struct sim *sim, struct message *m)
{
	auth_write_as(sim, m, AUTH_KEM);
}

static void auth_with_certs(struct sim *sim, struct message *m)
{
	auth_write_as(sim, m, AUTH_KEM);
	cert_write(message_payload_begin(m, PAYLOAD_CERT), CERT_X509_SIGNATURE,
		   sa_of(sim)->config->local_auth.credentials[0].certs[0]);
	message_payload_end(m);
}

static void auth_with_notify(struct sim *sim, struct message *m)
{
	auth_write_as(sim, m, AUTH_KEM);
	ciphertext_write(m, CIPHERTEXT);
}

#define SYNTAX NOTIFY_INVALID_SYNTAX
#define FAILED NOTIFY_AUTHENTICATION_FAILED
#define INT    EXCHANGE_IKE_INTERMEDIATE
#define AUTH   EXCHANGE_IKE_AUTH

/* In the place of which request of A's, by Message ID: 1 is KA-1, 2 KA-2, 3 IKE_AUTH. */
static const struct forged {
	const char *name;
	uint32_t id;
	uint8_t exchange;
	void (*write)(struct sim *sim, struct message *m);
	uint16_t answer;
	const char *says;
} forgeries[] = {
    {"M3: KA-2 first", 1, INT, nothing, SYNTAX, "KA-1 has payloads of KA-2"},
    {"M2: IKE_AUTH by KEM without KA-1", 1, AUTH, auth_wrong, FAILED,
     "without having shown its key"},
    {"M3: a notify of KA-2 in IKE_AUTH", 1, AUTH, auth_with_notify, SYNTAX,
     "where there is no place for them"},
    {"M2: IKE_AUTH by KEM after KA-1", 2, AUTH, auth_wrong, FAILED, "without having shown its key"},
    {"M3: no ciphertext", 2, INT, without_ciphertext, SYNTAX, "is missing or there twice"},
    {"M3: no ECERT", 2, INT, without_ecert, SYNTAX, "ECERT is missing"},
    {"M3: two ciphertexts", 2, INT, ciphertext_twice, SYNTAX, "is missing or there twice"},
    {"a short ciphertext", 2, INT, ciphertext_short, SYNTAX, "wrong length"},
    {"a long confirmation", 2, INT, conf_long, SYNTAX, "wrong length"},
    {"a short ECERT", 2, INT, ecert_short, SYNTAX, "ECERT: too short"},
    {"M5: a wrong confirmation", 2, INT, conf_wrong, FAILED, "is for another key"},
    {"M5: a ciphertext for another key", 2, INT, ciphertext_other, FAILED, "is for another key"},
    {"an ECERT that does not decrypt", 2, INT, ecert_garbage, FAILED, "ECERT does not decrypt"},
    {"an ECERT that is no bundle", 2, INT, bundle_garbage, FAILED, "is malformed"},
    {"an ECERT of URLs", 2, INT, bundle_of_urls, FAILED, "in an encoding that we do not take"},
    {"M6: a certificate that signs", 2, INT, certificate_that_signs, FAILED,
     "has a key that signs, where a KEM's must be"},
    {"one KA-2, not two", 3, INT, whole, SYNTAX, "none is due"},
    {"M2: a signature after KA-2", 3, AUTH, auth_signed, FAILED,
     "in another way than by the KEM that it began with"},
    {"M1: certificates in IKE_AUTH", 3, AUTH, auth_with_certs, FAILED,
     "sends certificates in IKE_AUTH, too"},
    {"AUTH that does not hold", 3, AUTH, auth_wrong, FAILED, "AUTH does not hold"},
};

static void forge(struct sim *sim, const struct sim_ca *ca, const struct forged *f)
{
	struct stop stop = {.message_id = f->id};
	struct message m;

	prepare(sim, ca, NULL);
	sim->hook = stop_request;
	sim->hook_ctx = &stop;
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 400 * MS);
	if (!stop.stopped || sa_of(sim) == NULL) {
		sim_fail(sim, "A does not come so far");
		return;
	}
	script_begin(A(sim), sa_of(sim), &m, f->exchange, false, f->id);
	f->write(sim, &m);
	const uint16_t answer = script_ask(A(sim), sa_of(sim), &m, B(sim));
	if (answer != f->answer)
		sim_fail(sim, "it is answered with %u", answer);
	if (strstr(B(sim)->last_warning, f->says) == NULL)
		sim_fail(sim, "B says \"%.200s\"", B(sim)->last_warning);
	script_expect(sim, peer_sa(B(sim)) == NULL, "B has an IKE SA");
}

static void broken_rules(struct sim *sim)
{
	struct sim_ca ca = certs_ca("CN=CA", "ed25519");

	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]) && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);

		forge(one, &ca, &forgeries[i]);
		if (one->failed)
			sim_fail(sim, "%s: %s", forgeries[i].name, one->reason);
		sim_free(one);
	}
	certs_free(&ca);
}

/* --- Attackers --- */

/* The responder has a certificate that A's CA has made, but not of the one whom A calls. It is
 * asked for the right one, and must not be shown A's. */
static void another_holder_of_a_certificate(struct sim *sim)
{
	struct sim_ca ca = certs_ca("CN=CA", "ed25519");
	struct script_filter f = {.exchange = EXCHANGE_IKE_INTERMEDIATE, .from = NULL};

	prepare(sim, &ca, "mallory.example");
	script_drop(sim, &f);
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	script_expect(sim, f.seen == 1, "A went on after KA-1");
	script_expect(sim, strstr(A(sim)->last_failure, "name does not match") != NULL,
		      "A gives another reason");
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL, "an IKE SA is up");
	sim->hook = NULL;
	certs_free(&ca);
}

/* Takes the announcements out of B's IKE_SA_INIT response: another notify type in their place. */
static bool strip(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct ike_header h;
	const char *why;

	(void)delay;
	if (d->esp || d->from != B(sim) || header_parse(&h, bytes_of(d->octets, d->len), &why) ||
	    h.exchange != EXCHANGE_IKE_SA_INIT)
		return true;
	for (size_t i = 0; i + 1 < d->len; i++)
		if (d->octets[i] == (NOTIFY_SUPPORTED_AUTH_METHODS >> 8) &&
		    d->octets[i + 1] == (NOTIFY_SUPPORTED_AUTH_METHODS & 0xff))
			d->octets[i] = 0xf0;
	return true;
}

/* AUTH covers the response, so that both find out; with require A does not get there. */
static void stripped_announcement(struct sim *sim)
{
	struct sim_ca ca = certs_ca("CN=CA", "ed25519");

	for (unsigned require = 0; require < 2 && !sim->failed; require++) {
		struct sim *one = sim_new(require + 1, sim->trace);

		prepare(one, &ca, NULL);
		if (require)
			A(one)->conns[0]->kem_auth = IKE_KEM_AUTH_REQUIRE;
		one->hook = strip;
		ike_up(A(one)->ike, "net", "one", peer_now(A(one)));
		sim_run(one, 3 * SECOND);
		script_expect(one, peer_sa(A(one)) == NULL && peer_sa(B(one)) == NULL,
			      "an IKE SA is up");
		script_expect(one,
			      strstr(A(one)->last_failure,
				     require ? "announces no KEM of which we hold a certificate"
					     : "AUTHENTICATION_FAILED") != NULL,
			      "A gives another reason");
		if (one->failed)
			sim_fail(sim, "%s: %s (%.200s)", require ? "require" : "yes", one->reason,
				 A(one)->last_failure);
		sim_free(one);
	}
	certs_free(&ca);
}

/* B's answer to KA-2 is lost; the request comes again after B has its new keys, and gets the same
 * octets under the old ones. */
static void answer_to_ka_2_is_lost(struct sim *sim)
{
	struct sim_ca ca = certs_ca("CN=CA", "ed25519");
	struct script_filter f = {
	    .exchange = EXCHANGE_IKE_INTERMEDIATE, .response = true, .skip = 1, .drop = 2};

	prepare(sim, &ca, NULL);
	script_drop(sim, &f);
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 20 * SECOND);
	script_expect(sim, f.seen >= 4, "the answer was not lost");
	sim->hook = NULL;
	script_expect_tunnel(sim);
	certs_free(&ca);
}

/* What KA-2 costs counts as another half-open handshake, so that cookies are asked for sooner, and
 * no longer than the handshake itself. */
static void ka_2_counts(struct sim *sim)
{
	struct sim_ca ca = certs_ca("CN=CA", "ed25519");
	struct stop stop = {.message_id = 3};

	prepare(sim, &ca, NULL);
	B(sim)->ike->settings.cookie_threshold = 2;
	sim->hook = stop_request;
	sim->hook_ctx = &stop;
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 400 * MS);
	script_expect(sim, B(sim)->ike->kem_costs == 1, "KA-2 does not count");
	script_expect(sim, B(sim)->ike->half_open.n_nodes == 1, "nobody is half open");
	sim->hook = NULL;
	sim_run(sim, 10 * SECOND);
	script_expect(sim, B(sim)->ike->kem_costs == 0, "KA-2 counts for ever");
	script_expect_tunnel(sim);
	certs_free(&ca);
}

const struct script scripts_kem_bad[] = {
    {"kem: broken rules M1 to M6", broken_rules},
    {"kem: another holder of a certificate never sees ours", another_holder_of_a_certificate},
    {"kem: the announcement is taken out on the way", stripped_announcement},
    {"kem: the answer to KA-2 is lost", answer_to_ka_2_is_lost},
    {"kem: KA-2 counts as a handshake", ka_2_counts},
};
const size_t n_scripts_kem_bad = sizeof(scripts_kem_bad) / sizeof(scripts_kem_bad[0]);
