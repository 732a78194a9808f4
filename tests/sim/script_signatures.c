/* Who signs with what: each kind of key in AUTH, the choice between several, large signatures and
 * certificates, and signatures that must not be taken. */
#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "ike/task.h"
#include "pki/issue_key.h"
#include "script.h"

#define HYBRID "aes128gcm-prfsha256-x25519+mlkem768"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* A fresh private key of the kind that `postern pki` calls so. */
static struct private_key *fresh(struct sim *sim, const char *word)
{
	struct issue_key *made = NULL;
	struct private_key *key = NULL;
	const char *reason = "";
	uint8_t *pem = NULL;
	size_t n = 0;

	if (issue_key_make(&made, word, &reason) || issue_key_pem(made, &pem, &n) ||
	    private_key_parse(&key, bytes_of(pem, n), &reason))
		sim_fail(sim, "no key %s: %s", word, reason);
	mem_free_secret(pem, n);
	issue_key_free(made);
	return key;
}

/* What the peer's signing jobs are given, or give, is changed. */
static struct tamper {
	void (*job)(void *ctx, struct ike_job *job);
	void (*before)(struct ike_job *job); /* NULL: nothing */
	void (*after)(struct ike_job *job);
	struct sim_peer *peer;
} tamper;

static void on_job(void *ctx, struct ike_job *job)
{
	const bool ours = ctx == tamper.peer && job->type == IKE_JOB_SIGN;

	if (ours && tamper.before != NULL)
		tamper.before(job);
	tamper.job(ctx, job);
	if (ours && tamper.after != NULL)
		tamper.after(job);
}

/* A and B with raw public keys, Ed25519 at B; A's are added by has(). */
static void begin(struct sim *sim, const char *suite, enum ike_transport transport)
{
	struct sim_wish w = config_usual, m;

	peer_add(sim, "A");
	peer_add(sim, "B");
	w.auth = SIM_ED25519;
	w.ike = suite;
	w.transport = transport;
	w.retransmits = 10;
	m = config_mirror(&w);
	for (size_t i = 0; i < 2; i++)
		peer_connection(sim->peers[i],
				config_make(sim->peers[i], sim->peers[!i], i == 0 ? &w : &m));
	tamper = (struct tamper){.job = A(sim)->callbacks.job};
	for (size_t i = 0; i < 2; i++) {
		sim->peers[i]->callbacks.job = on_job;
		peer_start(sim->peers[i]);
	}
}

/* p gets another key, the last of its list; the other peer believes it, when told to. */
static void has(struct sim *sim, struct sim_peer *p, const char *word, bool believed)
{
	struct sim_peer *other = p == A(sim) ? B(sim) : A(sim);
	struct private_key *key = fresh(sim, word);

	if (key == NULL)
		return;
	if (believed)
		config_believe(other->conns[0], key);
	config_credential(p, word, key, p->conns[0]);
}

/* p's key from begin() is none of its any more. */
static void forget(struct sim_peer *p)
{
	struct ike_local_auth *a = &p->conns[0]->local_auth;
	struct ike_credential *c = &a->credentials[--a->n_credentials];

	mem_free((void *)(uintptr_t)c->certs[0].p);
	mem_free(c->certs);
	mem_free(c->key);
	memset(c, 0, sizeof(*c));
}

static void up(struct sim *sim, struct sim_peer *from)
{
	ike_up(from->ike, "net", NULL, peer_now(from));
	sim_run_until(sim, script_at_rest, MINUTE);
}

static void down(struct sim *sim, struct sim_peer *from)
{
	ike_down(from->ike, "net", NULL, peer_now(from));
	sim_run(sim, 20 * SECOND);
	script_expect(sim, peer_count_sas(A(sim), -1) + peer_count_sas(B(sim), -1) == 0,
		      "an IKE SA is left");
}

/* It is up, and A has proved itself so. */
static void expect_by(struct sim *sim, const char *scheme)
{
	const struct ike_sa *sa = peer_sa(B(sim));

	script_expect_tunnel(sim);
	if (sa == NULL || strcmp(sa->remote_auth, scheme) != 0)
		sim_fail(sim, "A proved itself by %s, not by %s",
			 sa == NULL ? "nothing" : sa->remote_auth, scheme);
}

static void expect_refused(struct sim *sim, const char *why)
{
	sim_run(sim, 10 * SECOND);
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL, "it was accepted");
	if (strstr(B(sim)->last_warning, why) == NULL)
		sim_fail(sim, "B says \"%s\" and not \"%s\"", B(sim)->last_warning, why);
}

/* --- Each kind ------------------------------------------------------------------------------- */

static const char *const words[][2] = {
    {"mldsa44", "ml-dsa-44"},
    {"mldsa65", "ml-dsa-65"},
    {"mldsa87", "ml-dsa-87"},
    {"slhdsa-sha2-128s", "slh-dsa-sha2-128s"},
    {"slhdsa-sha2-192f", "slh-dsa-sha2-192f"},
    {"slhdsa-sha2-256f", "slh-dsa-sha2-256f"},
    {"slhdsa-shake-128f", "slh-dsa-shake-128f"},
};

static const char *const composites[][2] = {
    {"mldsa44-ed25519", "mldsa44-ed25519"},
    {"mldsa65-ecdsa-p256", "mldsa65-ecdsa-p256"},
    {"mldsa87-ed448", "mldsa87-ed448"},
};

/* A, and then B, as initiator and responder with each. */
static void each_of(struct sim *sim, const char *const (*words_of)[2], size_t n)
{
	begin(sim, HYBRID, IKE_TRANSPORT_UDP);
	for (size_t i = 0; i < n && !sim->failed; i++) {
		struct ike_local_auth *a = &A(sim)->conns[0]->local_auth;
		struct ike_credential first = a->credentials[0];

		has(sim, A(sim), words_of[i][0], true);
		a->credentials[0] = a->credentials[a->n_credentials - 1];
		a->credentials[a->n_credentials - 1] = first;
		up(sim, A(sim));
		expect_by(sim, words_of[i][1]);
		down(sim, A(sim));
		up(sim, B(sim));
		expect_by(sim, words_of[i][1]);
		down(sim, B(sim));
	}
}

static void each_kind(struct sim *sim)
{
	each_of(sim, words, sizeof(words) / sizeof(words[0]));
}

static void each_composite(struct sim *sim)
{
	each_of(sim, composites, sizeof(composites) / sizeof(composites[0]));
}

/* --- The choice ------------------------------------------------------------------------------ */

/* B believes both of A's keys, and announces so. */
static void pq_where_the_peer_announces_it(struct sim *sim)
{
	begin(sim, HYBRID, IKE_TRANSPORT_UDP); /* the list comes in IKE_INTERMEDIATE */
	forget(A(sim));
	has(sim, A(sim), "mldsa65", true);
	has(sim, A(sim), "ecdsa-p256", true);
	up(sim, A(sim));
	expect_by(sim, "ml-dsa-65");
	down(sim, A(sim));
	up(sim, B(sim)); /* B's list comes in IKE_AUTH */
	expect_by(sim, "ml-dsa-65");
}

/* The same without IKE_INTERMEDIATE: the list is in the IKE_SA_INIT response. */
static void pq_announced_in_ike_sa_init(struct sim *sim)
{
	begin(sim, config_usual.ike, IKE_TRANSPORT_UDP);
	forget(A(sim));
	has(sim, A(sim), "mldsa44", true);
	has(sim, A(sim), "ecdsa-p256", true);
	up(sim, A(sim));
	expect_by(sim, "ml-dsa-44");
}

/* B believes the second of A's keys alone, and announces what that can do. */
static void the_one_that_the_peer_announces(struct sim *sim)
{
	begin(sim, HYBRID, IKE_TRANSPORT_UDP);
	forget(A(sim));
	has(sim, A(sim), "mldsa65", false);
	has(sim, A(sim), "slhdsa-sha2-128f", true);
	has(sim, A(sim), "ecdsa-p256", true);
	up(sim, A(sim));
	expect_by(sim, "slh-dsa-sha2-128f");
	down(sim, A(sim));
	up(sim, B(sim));
	expect_by(sim, "slh-dsa-sha2-128f");
}

static bool a_in_auth(struct sim *sim)
{
	return peer_count_sas(A(sim), SA_AUTH) == 1;
}

/* What A has been told, as it comes to IKE_AUTH. */
static struct credential_hints *hints_of_a(struct sim *sim)
{
	A(sim)->job_min = A(sim)->job_max = 100 * MS;
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	script_expect(sim, sim_run_until(sim, a_in_auth, 5 * SECOND), "A never comes to IKE_AUTH");
	LIST_EACH (&A(sim)->ike->sa_list, node)
		return &CONTAINER_OF(node, struct ike_sa, all)->setup->hints;
	return NULL;
}

/* The responder has an empty list in IKE_SA_INIT and no key exchange wants IKE_INTERMEDIATE: one is
 * made for the list (RFC 9593 3.1), and AUTH covers it. */
static void announced_in_an_exchange_of_its_own(struct sim *sim)
{
	struct script_filter f = {.exchange = EXCHANGE_IKE_INTERMEDIATE};
	struct credential_hints *h;

	begin(sim, config_usual.ike, IKE_TRANSPORT_UDP);
	forget(A(sim));
	has(sim, A(sim), "ecdsa-p256", true);
	has(sim, A(sim), "mldsa44", true);
	script_drop(sim, &f);
	h = hints_of_a(sim);
	if (h == NULL)
		return;
	/* The same list but for ECDSA, so that it can be told that this one counts. */
	*h = (struct credential_hints){.hashes = h->hashes, .promised = true};
	for (size_t i = 0; i < 2; i++) {
		LIST_EACH (&sim->peers[i]->ike->sa_list, node) {
			struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
			sa->intermediate = true;
			if (i == 1) {
				sa->setup->methods_promised = true;
				sa->setup->methods_sent = false;
			}
		}
	}
	public_key_free(B(sim)->conns[0]->remote_auth.keys[1]);
	B(sim)->conns[0]->remote_auth.keys[1] = B(sim)->conns[0]->remote_auth.keys[2];
	B(sim)->conns[0]->remote_auth.n_keys = 2;
	sim_run_until(sim, script_at_rest, MINUTE);
	script_expect(sim, f.seen == 1, "not one IKE_INTERMEDIATE exchange");
	expect_by(sim, "ml-dsa-44");
}

/* A peer that knows Identity, for Ed25519, but neither RFC 9593 nor ML-DSA. */
static void classical_to_an_old_peer(struct sim *sim)
{
	struct credential_hints *h;

	begin(sim, config_usual.ike, IKE_TRANSPORT_UDP);
	forget(A(sim));
	has(sim, A(sim), "mldsa65", false);
	has(sim, A(sim), "ecdsa-p256", true);
	h = hints_of_a(sim);
	if (h == NULL)
		return;
	h->announced = false;
	h->n_methods = 0;
	sim_run_until(sim, script_at_rest, MINUTE);
	expect_by(sim, "ecdsa-sha256");
}

/* And one that has announced no Identity gets none of it (pqc-auth 3.2.1), though it is all that we
 * have. */
static void nothing_to_a_peer_without_identity(struct sim *sim)
{
	struct credential_hints *h;

	begin(sim, config_usual.ike, IKE_TRANSPORT_UDP);
	forget(A(sim));
	has(sim, A(sim), "mldsa65", true);
	h = hints_of_a(sim);
	if (h == NULL)
		return;
	h->hashes = 1U << HASH_SHA2_256;
	sim_run(sim, 3 * SECOND);
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL, "it was accepted");
	script_expect(sim, strstr(A(sim)->last_failure, "can check no signature") != NULL,
		      A(sim)->last_failure);
}

/* --- Large ones ------------------------------------------------------------------------------ */

/* A signature of 50 KB, and certificates of 50 KB each beside it: more than an SK payload holds, so
 * that it is cut over TCP too. B does not look at them. */
static void large(struct sim *sim, enum ike_transport transport, size_t more)
{
	begin(sim, HYBRID, transport);
	forget(A(sim));
	has(sim, A(sim), "slhdsa-shake-256f", true);
	struct ike_credential *c = &A(sim)->conns[0]->local_auth.credentials[0];
	struct bytes *certs = mem_new((1 + more) * sizeof(*certs));
	certs[0] = c->certs[0];
	mem_free(c->certs);
	c->certs = certs;
	for (size_t i = 0; i < more; i++)
		certs[c->n_certs++] = bytes_of(mem_new(50500), 50500);
	up(sim, A(sim));
	expect_by(sim, "slh-dsa-shake-256f");
	down(sim, A(sim));
	up(sim, B(sim));
	expect_by(sim, "slh-dsa-shake-256f");
}

static void large_signature(struct sim *sim)
{
	large(sim, IKE_TRANSPORT_UDP, 0);
}

static void large_chain(struct sim *sim)
{
	large(sim, IKE_TRANSPORT_UDP, 3);
}

static void large_signature_tcp(struct sim *sim)
{
	large(sim, IKE_TRANSPORT_TCP, 0);
}

static void large_chain_tcp(struct sim *sim)
{
	large(sim, IKE_TRANSPORT_TCP, 3);
}

/* --- What must not be taken ------------------------------------------------------------------ */

/* A signs with ML-DSA-65, and what it signs or has signed is changed. */
static void harm(struct sim *sim, void (*before)(struct ike_job *), void (*after)(struct ike_job *),
		 const char *why)
{
	begin(sim, HYBRID, IKE_TRANSPORT_UDP);
	forget(A(sim));
	has(sim, A(sim), "mldsa65", true);
	tamper.before = before;
	tamper.after = after;
	tamper.peer = A(sim);
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	expect_refused(sim, why);
}

static void other_octets(struct ike_job *job)
{
	job->octets[job->octets_len / 2] ^= 1;
}

/* A signature over another transcript. */
static void another_transcript(struct sim *sim)
{
	harm(sim, other_octets, NULL, "the peer's signature does not hold");
}

static void name_ml_dsa_44(struct ike_job *job)
{
	job->data[13] = 0x11;
}

/* The AlgorithmIdentifier of another set than the key's. */
static void identifier_of_another_set(struct sim *sim)
{
	harm(sim, NULL, name_ml_dsa_44, "does not fit its key");
}

static void name_hash_ml_dsa(struct ike_job *job)
{
	job->data[13] = 0x21; /* HashML-DSA-65 with SHA-512 */
}

/* pqc-auth 3.2: pure mode only. */
static void identifier_of_the_hashed_mode(struct sim *sim)
{
	harm(sim, NULL, name_hash_ml_dsa, "in a way that we do not know");
}

static void identifier_too_long(struct ike_job *job)
{
	job->data[0] = 0xff;
}

static void identifier_length_wrong(struct sim *sim)
{
	harm(sim, NULL, identifier_too_long, "in a way that we do not know");
}

static void one_octet(struct ike_job *job)
{
	job->data[job->data_len - 1] ^= 1;
}

static void changed_signature(struct sim *sim)
{
	harm(sim, NULL, one_octet, "the peer's signature does not hold");
}

static void cut(struct ike_job *job)
{
	job->data_len = 14; /* nothing after the identifier */
}

static void no_signature(struct sim *sim)
{
	harm(sim, NULL, cut, "in a way that we do not know");
}

const struct script scripts_signatures[] = {
    {"signatures-of-each-kind", each_kind},
    {"signatures-of-composites", each_composite},
    {"signature-announced-in-intermediate", pq_where_the_peer_announces_it},
    {"signature-announced-in-sa-init", pq_announced_in_ike_sa_init},
    {"signature-that-the-peer-announces", the_one_that_the_peer_announces},
    {"signature-announced-in-its-own-exchange", announced_in_an_exchange_of_its_own},
    {"signature-classical-to-an-old-peer", classical_to_an_old_peer},
    {"signature-none-without-identity", nothing_to_a_peer_without_identity},
    {"signature-large", large_signature},
    {"signature-large-chain", large_chain},
    {"signature-large-tcp", large_signature_tcp},
    {"signature-large-chain-tcp", large_chain_tcp},
    {"signature-over-another-transcript", another_transcript},
    {"signature-identifier-of-another-set", identifier_of_another_set},
    {"signature-identifier-of-the-hashed-mode", identifier_of_the_hashed_mode},
    {"signature-identifier-length-wrong", identifier_length_wrong},
    {"signature-changed", changed_signature},
    {"signature-missing", no_signature},
};
const size_t n_scripts_signatures = sizeof(scripts_signatures) / sizeof(scripts_signatures[0]);
