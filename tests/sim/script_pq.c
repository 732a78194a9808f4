/* Additional key exchanges (RFC 9370) and what goes wrong with them: A and B with a hybrid, and C,
 * which has a classical tunnel with B and must never notice. */
#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "ike/child.h"
#include "ike/task.h"
#include "script.h"

#define HYBRID     "aes128gcm-prfsha256-x25519+mlkem768+mlkem512"
#define HYBRID_ESP "aes128gcm-x25519+mlkem768+mlkem512"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

static struct sim_peer *C(struct sim *sim)
{
	return sim->peers[2];
}

/* What a peer's job of this kind gives is changed before its engine sees it. */
enum harm { NO_HARM, SHORT_VALUE, OTHER_METHOD, INVALID_KEY, WRONG_SECRET };
static struct tamper {
	struct sim_peer *peer;
	enum ike_job_type type;
	uint16_t method;
	enum harm harm;
	void (*job)(void *ctx, struct ike_job *job); /* the peer's own */
	struct ke_desc fake;
	unsigned done;
} tamper;

static void on_job(void *ctx, struct ike_job *job)
{
	tamper.job(ctx, job); /* it has been run, and comes back later */
	if (ctx != tamper.peer || tamper.harm == NO_HARM || job->type != tamper.type ||
	    job->ke->id != tamper.method)
		return;
	tamper.done++;
	tamper.fake = *job->ke;
	switch (tamper.harm) {
	case SHORT_VALUE:
		tamper.fake.init_len--;
		tamper.fake.resp_len--;
		job->ke = &tamper.fake;
		break;
	case OTHER_METHOD:
		tamper.fake.id = KE_ML_KEM_1024;
		job->ke = &tamper.fake;
		break;
	case INVALID_KEY:
		memset(job->value, 0xff, 2); /* a coefficient of 4095: FIPS 203 7.2 */
		break;
	default:
		job->secret[0] ^= 1;
		break;
	}
}

static void peers_start(struct sim *sim, struct sim_wish *w)
{
	struct sim_wish m = config_mirror(w), other = config_usual, back;

	peer_add(sim, "A");
	peer_add(sim, "B");
	peer_add(sim, "C");
	other.name = "other";
	other.local_id = "c.example";
	other.children[0].local = "10.3.0.0/24";
	other.children[0].policy = 2;
	back = config_mirror(&other);
	other.children[0].start = IKE_START_AUTO;
	peer_connection(A(sim), config_make(A(sim), B(sim), w));
	peer_connection(B(sim), config_make(B(sim), A(sim), &m));
	peer_connection(C(sim), config_make(C(sim), B(sim), &other));
	peer_connection(B(sim), config_make(B(sim), C(sim), &back));
	tamper = (struct tamper){.job = A(sim)->callbacks.job};
	for (size_t i = 0; i < 3; i++) {
		sim->peers[i]->callbacks.job = on_job;
		peer_start(sim->peers[i]);
	}
	sim_run(sim, 2 * SECOND);
	script_expect(sim, plane_count(&C(sim)->plane) == 1, "C has no tunnel to begin with");
}

static void hybrid(struct sim *sim, const char *ike, const char *esp)
{
	struct sim_wish w = config_usual;

	w.ike = ike;
	w.children[0].esp = esp;
	peers_start(sim, &w);
}

static void up(struct sim *sim)
{
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
}

static void rekey(struct sim *sim, struct sim_peer *p, const char *child)
{
	ike_rekey(p->ike, "net", child, peer_now(p));
	sim_run(sim, SECOND);
}

static void expect_c(struct sim *sim)
{
	const uint64_t before = B(sim)->plane.received[2];

	script_expect(sim, C(sim)->events[IKE_EVENT_SA_DOWN] == 0, "C's tunnel went down");
	script_expect(sim, plane_send(sim, C(sim), 2), "C has no SA");
	sim_run(sim, SECOND);
	script_expect(sim, B(sim)->plane.received[2] == before + 1, "C's packet did not arrive");
}

static void expect_up(struct sim *sim)
{
	char text[SIM_REASON] = "";

	if (!sim_run_until(sim, script_at_rest, 5 * MINUTE)) {
		const char *why = check_settled(sim, text, sizeof(text));
		sim_fail(sim, "it does not settle: %s", why == NULL ? "?" : why);
		check_dump(sim);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const uint64_t before = sim->peers[!i]->plane.received[1];
		script_expect(sim, plane_send(sim, sim->peers[i], 1), "no SA to send with");
		sim_run(sim, SECOND);
		script_expect(sim, sim->peers[!i]->plane.received[1] == before + 1,
			      "the packet did not arrive");
	}
	expect_c(sim);
}

static void hybrid_up(struct sim *sim)
{
	hybrid(sim, HYBRID, HYBRID_ESP);
	up(sim);
	expect_up(sim);
	script_expect(sim,
		      peer_sa(A(sim)) != NULL && peer_sa(A(sim))->suite.addke[1] == KE_ML_KEM_512,
		      "the IKE SA has not both additional key exchanges");
}

/* N2: both rekey at once, and the n-th request or answer is lost; for every n. */
static void series_meet(struct sim *sim, const char *child, uint64_t apart)
{
	hybrid_up(sim);
	for (unsigned n = 0; n < 20 && !sim->failed; n++) {
		struct script_filter f = {.response = n % 2 == 0, .skip = n / 2, .drop = 1};
		script_drop(sim, &f);
		ike_rekey(A(sim)->ike, "net", child, peer_now(A(sim)));
		sim_run(sim, apart);
		ike_rekey(B(sim)->ike, "net", child, peer_now(B(sim)));
		sim_run(sim, 3 * MINUTE);
		sim->hook = NULL;
		expect_up(sim);
	}
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_DOWN] == 0, "an IKE SA was lost");
}

static void n2_ike(struct sim *sim)
{
	series_meet(sim, NULL, 0);
}

static void n2_ike_later(struct sim *sim)
{
	series_meet(sim, NULL, 15 * MS);
}

static void n2_child(struct sim *sim)
{
	series_meet(sim, "one", 0);
}

static void n2_child_later(struct sim *sim)
{
	series_meet(sim, "one", 15 * MS);
}

static void child_and_ike_meet(struct sim *sim)
{
	hybrid_up(sim);
	for (unsigned n = 0; n < 16 && !sim->failed; n++) {
		struct script_filter f = {.response = n % 2 == 0, .skip = n / 2, .drop = 1};
		script_drop(sim, &f);
		ike_rekey(A(sim)->ike, "net", "one", peer_now(A(sim)));
		sim_run(sim, n * 4 * MS);
		ike_rekey(B(sim)->ike, "net", NULL, peer_now(B(sim)));
		sim_run(sim, 3 * MINUTE);
		sim->hook = NULL;
		expect_up(sim);
	}
}

/* Both make the Child SA, and B rekeys its own while A's is still in the making, for a request of
 * A's was lost: whichever of the two SAs goes, the ends agree. */
static void twins_and_rekey(struct sim *sim)
{
	hybrid_up(sim);
	for (unsigned n = 0; n < 60 && !sim->failed; n++) {
		struct script_filter f = {
		    .from = A(sim), .exchange = EXCHANGE_IKE_FOLLOWUP_KE, .skip = n % 2, .drop = 1};
		ike_down(A(sim)->ike, "net", "one", peer_now(A(sim)));
		ike_down(B(sim)->ike, "net", "one", peer_now(B(sim)));
		sim_run(sim, MINUTE);
		script_drop(sim, &f);
		ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
		ike_up(B(sim)->ike, "net", "one", peer_now(B(sim)));
		sim_run(sim, 500 * MS + n * 4 * MS);
		ike_rekey(B(sim)->ike, "net", "one", peer_now(B(sim)));
		sim_run(sim, 3 * MINUTE);
		sim->hook = NULL;
		expect_up(sim);
	}
}

/* N5: A forgets what was agreed, and what B's configuration would allow. */
static void rekey_leaves_out(struct sim *sim, bool of_ike)
{
	struct bytes word;
	const char *why;
	struct ike_suites *suites;

	hybrid(sim, "aes128gcm-prfsha256-x25519+mlkem768-x25519",
	       "aes128gcm-x25519+mlkem768-x25519");
	up(sim);
	expect_up(sim);
	rekey(sim, A(sim), "one"); /* the first one rests on IKE_AUTH */
	suites = of_ike ? &A(sim)->conns[0]->ike : &A(sim)->conns[0]->children[0].esp;
	script_expect(sim,
		      ike_suites_parse(suites, of_ike ? PROTOCOL_IKE : PROTOCOL_ESP,
				       of_ike ? "aes128gcm-prfsha256-x25519" : "aes128gcm-x25519",
				       &word, &why) == ERR_NONE,
		      "the script's suite is wrong");
	const unsigned rekeyed =
	    B(sim)->events[IKE_EVENT_SA_REKEYED] + B(sim)->events[IKE_EVENT_CHILD_REKEYED];
	A(sim)->last_warning[0] = '\0';
	rekey(sim, A(sim), of_ike ? NULL : "one");
	script_expect(sim, strstr(A(sim)->last_warning, "NO_PROPOSAL_CHOSEN") != NULL,
		      "A is not refused with NO_PROPOSAL_CHOSEN");
	script_expect(sim,
		      rekeyed == B(sim)->events[IKE_EVENT_SA_REKEYED] +
				     B(sim)->events[IKE_EVENT_CHILD_REKEYED],
		      "B took less than was agreed");
	expect_up(sim);
}

static void n5_child(struct sim *sim)
{
	rekey_leaves_out(sim, false);
}

static void n5_ike(struct sim *sim)
{
	rekey_leaves_out(sim, true);
}

/* N6: 1 to 7 additional key exchanges; check.c compares the keys of both ends at every step. */
static void n6(struct sim *sim)
{
	static const char *const more[] = {"+mlkem512", "+mlkem768", "+x448",     "+ecp256",
					   "+ecp384",   "+modp2048", "+mlkem1024"};
	char chain[120] = "x25519", ike[160], esp[160];
	struct bytes word;
	const char *why;

	hybrid(sim, "aes128gcm-prfsha256-x25519", "aes128gcm-x25519");
	for (size_t n = 0; n < 7 && !sim->failed; n++) {
		strcat(chain, more[n]);
		snprintf(ike, sizeof(ike), "aes256gcm-prfsha384-%s", chain);
		snprintf(esp, sizeof(esp), "aes256gcm-%s", chain);
		for (size_t i = 0; i < 2; i++) {
			struct ike_connection *c = sim->peers[i]->conns[0];
			if (ike_suites_parse(&c->ike, PROTOCOL_IKE, ike, &word, &why) ||
			    ike_suites_parse(&c->children[0].esp, PROTOCOL_ESP, esp, &word, &why))
				sim_fail(sim, "%s: %s", ike, why);
		}
		up(sim);
		expect_up(sim);
		for (size_t i = 0; i < 2; i++) {
			rekey(sim, sim->peers[i], "one");
			rekey(sim, sim->peers[!i], NULL);
			expect_up(sim);
		}
		script_expect(sim,
			      peer_sa(A(sim)) != NULL && peer_sa(A(sim))->suite.addke[n] != KE_NONE,
			      "the rekey has fewer key exchanges");
		script_expect(sim,
			      A(sim)->events[IKE_EVENT_SA_REKEYED] == 2 * (n + 1) &&
				  A(sim)->events[IKE_EVENT_CHILD_REKEYED] == n + 1 &&
				  B(sim)->events[IKE_EVENT_CHILD_REKEYED] == n + 1,
			      "not every rekey took place");
		ike_down(A(sim)->ike, "net", NULL, peer_now(A(sim)));
		sim_run(sim, SECOND);
	}
}

/* N7: A goes to IKE_AUTH without the second IKE_INTERMEDIATE, or without any. */
static void skip(struct sim *sim, unsigned n)
{
	struct script_filter f = {.exchange = EXCHANGE_IKE_INTERMEDIATE, .response = true};

	hybrid(sim, HYBRID, HYBRID_ESP);
	A(sim)->misbehaves = true;
	script_drop(sim, &f);
	up(sim);
	for (unsigned i = 0; i < 100 && f.seen < n; i++)
		sim_run(sim, MS);
	LIST_EACH (&A(sim)->ike->sa_list, node)
		CONTAINER_OF(node, struct ike_sa, all)->suite.addke[n] =
		    CONTAINER_OF(node, struct ike_sa, all)->suite.addke[1] = KE_NONE;
	for (unsigned i = 0; i < 100 && n == 0; i++) {
		sim_run(sim, MS);
		LIST_EACH (&A(sim)->ike->sa_list, node) {
			struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
			memset(sa->suite.addke, 0, sizeof(sa->suite.addke));
			sa->setup->hints.promised = false; /* nor for B's list (RFC 9593 3.1) */
		}
	}
	sim_run(sim, 5 * SECOND);
	script_expect(sim, f.seen == n, "A did not skip one");
	script_expect(sim, plane_count(&B(sim)->plane) == 1, "B took it all the same");
	script_expect(sim, A(sim)->last_failure[0] != '\0', "the failure has no reason");
	sim->hook = NULL;
	up(sim);
	expect_up(sim);
}

static void n7_all(struct sim *sim)
{
	skip(sim, 0);
}

static void n7_second(struct sim *sim)
{
	skip(sim, 1);
}

/* N17: of many combinations only the last is acceptable, and it needs another KE payload. */
static void n17(struct sim *sim)
{
	struct sim_wish w = config_usual, m;

	w.ike = "aes256gcm-prfsha384-ecp384+mlkem1024, aes256gcm-prfsha384-ecp256+mlkem512, "
		"aes256gcm-prfsha384-x25519+mlkem768+mlkem1024, "
		"aes128gcm-prfsha256-x448+x25519+mlkem512";
	peers_start(sim, &w);
	m = config_mirror(&w);
	m.ike = "aes128gcm-prfsha256-x448+x25519+mlkem512";
	peer_connection(B(sim), config_make(B(sim), A(sim), &m));
	up(sim);
	expect_up(sim);
	script_expect(sim, peer_sa(A(sim)) != NULL && peer_sa(A(sim))->suite.ke->id == KE_CURVE448,
		      "another combination was chosen");
}

/* N21: for every fragment, forged ones of the same message beside it, before and after. */
static bool with_forgeries(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	const size_t at = IKE_HEADER_LEN + 4; /* fragment number, total fragments */
	static const uint8_t numbers[][4] = {{0, 0, 0, 2}, {0, 1, 0, 0}, {0, 2, 0, 1},
					     {0, 1, 0, 9}, {0, 1, 0, 3}, {0xff, 0xff, 0xff, 0xff}};
	struct script_filter *f = sim->hook_ctx;
	struct sim_peer *to = d->from == A(sim) ? B(sim) : A(sim);
	uint8_t copy[2000];

	(void)delay;
	if (d->esp || d->from == NULL || d->from == C(sim) || d->len > sizeof(copy) ||
	    d->octets[16] != PAYLOAD_SKF)
		return true;
	f->seen++;
	for (size_t i = 0; i < 7; i++) {
		memcpy(copy, d->octets, d->len);
		if (i < 6)
			memcpy(copy + at, numbers[i], 4);
		else
			copy[d->len - 1] ^= 1; /* as if by another key */
		network_inject(sim, to, &d->src, d->natt, bytes_of(copy, d->len), MS);
		network_inject(sim, to, &d->src, d->natt, bytes_of(copy, d->len), SECOND);
	}
	network_inject(sim, to, &d->src, d->natt, bytes_of(d->octets, d->len), 2 * SECOND);
	return true;
}

static void n21(struct sim *sim)
{
	struct script_filter f = {0};

	hybrid(sim, "aes128gcm-prfsha256-x25519+mlkem1024+frodo976aes",
	       "aes128gcm-x25519+mlkem1024");
	sim->hook = with_forgeries;
	sim->hook_ctx = &f;
	up(sim);
	expect_up(sim);
	rekey(sim, A(sim), "one");
	sim_run(sim, 5 * SECOND);
	script_expect(sim, f.seen > 30, "there were no fragments");
	script_expect(sim, A(sim)->events[IKE_EVENT_CHILD_REKEYED] == 1, "no rekey");
	expect_up(sim);
	sim->hook = NULL;
}

/* N28: both ends talk of other things between two exchanges of a series. */
static void n28(struct sim *sim)
{
	struct ike_sa *sa;
	struct message m;

	hybrid_up(sim);
	sa = peer_sa(A(sim));
	A(sim)->job_min = A(sim)->job_max = SECOND;
	ike_rekey(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 2300 * MS); /* the answer is there, the next key is being made */
	struct ike_task *t = task_find(sa, TASK_CHILD_REKEY, 0);
	script_expect(sim, t != NULL && t->followup && !t->in_flight, "the series is elsewhere");
	A(sim)->misbehaves = true; /* its engine does not know of this request */
	script_begin(A(sim), sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id++);
	script_expect(sim, script_ask(A(sim), sa, &m, B(sim)) == 0, "it is answered with an error");
	struct ike_sa *other = peer_sa(B(sim));
	LIST_EACH (&B(sim)->ike->sa_list, node) {
		struct ike_sa *o = CONTAINER_OF(node, struct ike_sa, all);
		other = o->spi_i == sa->spi_i ? o : other;
	}
	B(sim)->ike->now = peer_now(B(sim));
	task_add(B(sim)->ike, other, TASK_LIVENESS, 0);
	tasks_run(B(sim)->ike, other);
	sa_schedule(B(sim)->ike, other);
	sim_run(sim, 5 * SECOND);
	script_expect(sim, task_find(other, TASK_LIVENESS, 0) == NULL, "B is not answered");
	script_expect(sim, A(sim)->events[IKE_EVENT_CHILD_REKEYED] == 1, "the series is broken");
	expect_up(sim);
}

/* A's or B's value of the second additional key exchange, in IKE_INTERMEDIATE, is wrong. */
static void wrong_first(struct sim *sim, bool answer, enum harm harm, const char *why_a)
{
	struct script_filter f = {.exchange = EXCHANGE_IKE_AUTH};

	hybrid(sim, HYBRID, HYBRID_ESP);
	f.from = A(sim);
	script_drop(sim, &f);
	tamper.peer = answer ? B(sim) : A(sim);
	tamper.type = answer ? IKE_JOB_KE_RESPOND : IKE_JOB_KE_GENERATE;
	tamper.method = KE_ML_KEM_512;
	tamper.harm = harm;
	up(sim);
	sim_run(sim, 5 * SECOND);
	script_expect(sim, tamper.done > 0, "nothing was tampered with");
	script_expect(sim, f.seen == 0, "A sent IKE_AUTH all the same");
	script_expect(sim, strstr(A(sim)->last_failure, why_a) != NULL, A(sim)->last_failure);
	script_expect(sim, peer_count_sas(A(sim), SA_UP) == 0, "A has an IKE SA");
	tamper.harm = NO_HARM;
	sim->hook = NULL;
	sim_run(sim, 2 * MINUTE);
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_UP] > 0 || peer_count_sas(B(sim), -1) == 1,
		      "B keeps something of it");
	up(sim);
	expect_up(sim);
}

static void request_short(struct sim *sim)
{
	wrong_first(sim, false, SHORT_VALUE, "INVALID_SYNTAX");
}

static void request_other(struct sim *sim)
{
	wrong_first(sim, false, OTHER_METHOD, "INVALID_SYNTAX");
}

static void request_invalid(struct sim *sim)
{
	wrong_first(sim, false, INVALID_KEY, "INVALID_SYNTAX");
}

static void answer_short(struct sim *sim)
{
	wrong_first(sim, true, SHORT_VALUE, "another method or length");
}

static void answer_other(struct sim *sim)
{
	wrong_first(sim, true, OTHER_METHOD, "another method or length");
}

/* A ciphertext that is wrong and not to be seen as such: the secrets differ, and IKE_AUTH is
 * dropped for its integrity check (draft-ietf-ipsecme-ikev2-mlkem 2.2). */
static void secrets_differ(struct sim *sim)
{
	hybrid(sim, HYBRID, HYBRID_ESP);
	tamper.peer = B(sim);
	tamper.type = IKE_JOB_KE_RESPOND;
	tamper.method = KE_ML_KEM_512;
	tamper.harm = WRONG_SECRET;
	up(sim);
	sim_run(sim, 5 * SECOND);
	script_expect(sim, tamper.done > 0, "nothing was tampered with");
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_UP] == 0, "a tunnel came of it");
	tamper.harm = NO_HARM;
	sim_run(sim, 3 * MINUTE);
	script_expect(sim, A(sim)->last_failure[0] != '\0', "the failure has no reason");
	up(sim);
	expect_up(sim);
}

/* The same in IKE_FOLLOWUP_KE. */
static void wrong_later(struct sim *sim, const char *child, bool answer, enum harm harm)
{
	hybrid_up(sim);
	tamper.peer = answer ? B(sim) : A(sim);
	tamper.type = answer ? IKE_JOB_KE_RESPOND : IKE_JOB_KE_GENERATE;
	tamper.method = KE_ML_KEM_512;
	tamper.harm = harm;
	rekey(sim, A(sim), child);
	script_expect(sim, tamper.done > 0, "nothing was tampered with");
	script_expect(
	    sim,
	    A(sim)->events[IKE_EVENT_SA_REKEYED] + A(sim)->events[IKE_EVENT_CHILD_REKEYED] == 0,
	    "the rekey was taken for good");
	/* draft-ietf-ipsecme-ikev2-mlkem 2.2: a wrong ciphertext ends the IKE SA. */
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_DOWN] == (answer ? 1 : 0),
		      answer ? "the IKE SA outlived a wrong ciphertext"
			     : "the IKE SA ended for a refusal");
	tamper.harm = NO_HARM;
	sim_run(sim, 30 * SECOND);
	up(sim);
	expect_up(sim);
	rekey(sim, A(sim), child);
	sim_run(sim, 30 * SECOND);
	script_expect(
	    sim,
	    A(sim)->events[IKE_EVENT_SA_REKEYED] + A(sim)->events[IKE_EVENT_CHILD_REKEYED] == 1,
	    "no rekey any more");
	expect_up(sim);
}

static void followup_short(struct sim *sim)
{
	wrong_later(sim, "one", false, SHORT_VALUE);
}

static void followup_invalid(struct sim *sim)
{
	wrong_later(sim, NULL, false, INVALID_KEY);
}

static void followup_other(struct sim *sim)
{
	wrong_later(sim, "one", false, OTHER_METHOD);
}

static void followup_answer_short(struct sim *sim)
{
	wrong_later(sim, NULL, true, SHORT_VALUE);
}

static void followup_answer_other(struct sim *sim)
{
	wrong_later(sim, "one", true, OTHER_METHOD);
}

const struct script scripts_pq[] = {
    {"N2-ike-series-meet-one-message-lost", n2_ike},
    {"N2-ike-series-meet-later-one-message-lost", n2_ike_later},
    {"N2-child-series-meet-one-message-lost", n2_child},
    {"N2-child-series-meet-later-one-message-lost", n2_child_later},
    {"N2-child-series-meets-ike-series", child_and_ike_meet},
    {"rfc7296-2.8.1-twins-of-which-one-is-rekeyed", twins_and_rekey},
    {"N5-child-rekey-leaves-out-key-exchanges", n5_child},
    {"N5-ike-rekey-leaves-out-key-exchanges", n5_ike},
    {"N6-rekeys-with-1-to-7-additional-key-exchanges", n6},
    {"N7-auth-without-any-intermediate", n7_all},
    {"N7-auth-without-the-second-intermediate", n7_second},
    {"N17-only-the-last-combination-fits", n17},
    {"N21-forged-fragments", n21},
    {"N28-informational-within-a-series", n28},
    {"intermediate-request-of-wrong-length", request_short},
    {"intermediate-request-of-another-method", request_other},
    {"intermediate-request-invalid-mlkem-key", request_invalid},
    {"intermediate-answer-of-wrong-length", answer_short},
    {"intermediate-answer-of-another-method", answer_other},
    {"intermediate-wrong-ciphertext", secrets_differ},
    {"followup-request-of-wrong-length", followup_short},
    {"followup-request-invalid-mlkem-key", followup_invalid},
    {"followup-request-of-another-method", followup_other},
    {"followup-answer-of-wrong-length", followup_answer_short},
    {"followup-answer-of-another-method", followup_answer_other},
};
const size_t n_scripts_pq = sizeof(scripts_pq) / sizeof(scripts_pq[0]);
