/* draft-ietf-ipsecme-ikev2-downgrade-prevention: who has it and who demands it, and what an
 * attacker can do who breaks a weak key exchange and holds a long-term key (attacker.h). */
#include <stdio.h>
#include <string.h>

#include "attacker.h"

#define STRONG_AND_WEAK "aes128gcm-prfsha256-x25519+mlkem512, aes128gcm-prfsha256-x25519"
#define WEAK            "aes128gcm-prfsha256-x25519"

/* What the attacker makes of it: in the place of the strong proposal one that the responder does
 * not take, so that the weak one keeps its number. */
#define WEAKENED "aes256ccm-prfsha512-ecp521, " WEAK

/* Of the responder as in attacker.h; the initiator of the past is one that suppresses it. */
struct ends {
	enum ike_downgrade initiator, responder;
	bool old; /* the responder does not know it */
	enum sim_auth auth;
	const char *suites;
};

static const enum ike_downgrade policies[] = {IKE_DOWNGRADE_YES, IKE_DOWNGRADE_REQUIRE,
					      IKE_DOWNGRADE_SUPPRESS};

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

static void meet(struct sim *sim, const struct ends *e)
{
	struct sim_wish a = config_usual;

	peer_add(sim, "A");
	peer_add(sim, "B");
	a.auth = e->auth;
	a.ike = e->suites;
	a.retry_time = 10 * MINUTE;
	struct sim_wish b = config_mirror(&a);
	a.downgrade = e->initiator;
	b.downgrade = e->responder;
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &b));
	peer_start(A(sim));
	peer_start(B(sim));
}

static void call(struct sim *sim, struct attacker *a, const struct ends *e, bool key_of_b)
{
	meet(sim, e);
	a->key_of = key_of_b ? B(sim) : NULL;
	a->initiator = A(sim);
	a->responder = B(sim);
	a->responder_kind = e->old ? NOTIFY_STRIP : a->responder_kind;
	attacker_sit(sim, a);
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * SECOND);
}

/* With the power over x25519 and the initiator's key. */
static void attack(struct sim *sim, struct attacker *a, const struct ends *e)
{
	*a = (struct attacker){
	    .weak = KE_CURVE25519,
	    .offer = WEAKENED,
	    .in_request = a->in_request,
	    .in_response = a->in_response,
	};
	meet(sim, e);
	a->key_of = A(sim);
	a->initiator = A(sim);
	a->responder = B(sim);
	a->responder_kind = e->old ? NOTIFY_STRIP : NOTIFY_LEAVE;
	attacker_sit(sim, a);
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * SECOND);
}

static bool says(const struct sim_peer *p, const char *what)
{
	return strstr(p->last_failure, what) != NULL || strstr(p->last_warning, what) != NULL;
}

/* --- Honest peers ----------------------------------------------------------------------------- */

static void expect_honest(struct sim *sim, const struct ends *e)
{
	const bool i = e->initiator != IKE_DOWNGRADE_SUPPRESS, r = !e->old;
	const bool i_unmet = e->initiator == IKE_DOWNGRADE_REQUIRE && !r;
	const bool r_unmet = e->responder == IKE_DOWNGRADE_REQUIRE && !i;
	struct attacker a = {.weak = KE_NONE};

	call(sim, &a, e, false);
	const struct ike_sa *at_a = peer_sa(A(sim)), *at_b = peer_sa(B(sim));
	attacker_leave(sim, &a);
	if (i_unmet) {
		script_expect(sim, at_a == NULL && at_b == NULL,
			      "a demand is not met, and it is up");
		script_expect(sim, says(A(sim), "announces no downgrade prevention, which is req"),
			      "the initiator does not say why");
		return;
	}
	if (r_unmet) {
		script_expect(sim, at_a == NULL && at_b == NULL,
			      "a demand is not met, and it is up");
		script_expect(sim, says(B(sim), "announced no downgrade prevention, which is req"),
			      "the responder does not say why");
		script_expect(sim, says(A(sim), "or it requires downgrade prevention"),
			      "the initiator does not say what may be the reason");
		return;
	}
	script_expect(sim, at_a != NULL && at_b != NULL, "it is not up");
	if (at_a != NULL && at_b != NULL)
		script_expect(sim, at_a->transcript == (i && r) && at_b->transcript == (i && r),
			      "not with what both announced");
}

/* Runs once for each policy of both ends. An old responder has none. */
static void each_policy(struct sim *sim, enum sim_auth auth,
			void (*run)(struct sim *one, const struct ends *e))
{
	for (unsigned i = 0; i < 3; i++)
		for (unsigned r = 0; r < 4 && !sim->failed; r++) {
			const struct ends e = {
			    .initiator = policies[i],
			    .responder = r == 3 ? IKE_DOWNGRADE_YES : policies[r],
			    .old = r == 3,
			    .auth = auth,
			    .suites = STRONG_AND_WEAK,
			};
			struct sim *one = sim_new(1 + i * 4 + r, sim->trace);
			run(one, &e);
			if (one->failed)
				sim_fail(sim, "initiator %u, responder %u: %s", i, r, one->reason);
			sim_free(one);
		}
}

static void honest(struct sim *sim)
{
	each_policy(sim, SIM_PSK, expect_honest);
	each_policy(sim, SIM_ED25519, expect_honest);
	each_policy(sim, SIM_ECDSA, expect_honest);
}

/* --- The attack ------------------------------------------------------------------------------- */

/* Whatever the attacker does with the announcements. */
static void expect_attack(struct sim *sim, const struct ends *e)
{
	const bool i = e->initiator != IKE_DOWNGRADE_SUPPRESS, r = !e->old;
	const bool demanded =
	    e->initiator == IKE_DOWNGRADE_REQUIRE || e->responder == IKE_DOWNGRADE_REQUIRE;

	for (unsigned n = 0; n < 9 && !sim->failed; n++) {
		struct attacker a = {.in_request = (enum attacker_notify)(n / 3),
				     .in_response = (enum attacker_notify)(n % 3)};
		struct sim *one = sim_new(n + 1, sim->trace);
		attack(one, &a, e);
		const bool fooled = attacker_owns(&a);
		const bool up = peer_sa(A(one)) != NULL;
		attacker_leave(one, &a);
		script_expect(one, a.altered > 0, "nothing was altered");
		if ((i && r) || demanded) {
			script_expect(one, !fooled && !up, "the attack succeeds");
		} else if (n == 0) { /* as it was before there was downgrade prevention */
			script_expect(one, fooled, "the attack fails, though nothing prevents it");
		}
		if (i && r && n == 0) {
			script_expect(one, a.forged > 0, "he could not put his proof in");
			script_expect(one,
				      says(A(one), "does not hold; or IKE_SA_INIT was altered"),
				      "the initiator does not say why");
		}
		if (one->failed)
			sim_fail(sim, "request %u, answer %u: %s", n / 3, n % 3, one->reason);
		sim_free(one);
	}
}

static void by_policy(struct sim *sim)
{
	each_policy(sim, SIM_ED25519, expect_attack);
}

/* Other things that can be taken out of an offer, and other keys. */
static void by_offer(struct sim *sim)
{
	static const char *const suites[] = {
	    /* the group: he has to go by way of INVALID_KE_PAYLOAD */
	    "aes128gcm-prfsha256-x448, " WEAK,
	    /* the additional key exchange */
	    STRONG_AND_WEAK,
	    /* the cipher alone, where both ends take the weak group anyway */
	    "aes256gcm-prfsha256-x25519, " WEAK,
	};

	for (unsigned n = 0; n < 12 && !sim->failed; n++) {
		const struct ends e = {.old = n % 2 == 1,
				       .auth = n / 2 % 2 == 0 ? SIM_ED25519 : SIM_ECDSA,
				       .suites = suites[n / 4]};
		struct attacker a = {.in_request = NOTIFY_LEAVE};
		struct sim *one = sim_new(n + 1, sim->trace);
		attack(one, &a, &e);
		script_expect(one, attacker_owns(&a) == e.old,
			      e.old ? "the attack fails, though nothing prevents it"
				    : "the attack succeeds");
		script_expect(one, e.old || peer_sa(A(one)) == NULL, "the initiator is up");
		attacker_leave(one, &a);
		if (one->failed)
			sim_fail(sim, "offer %u: %s", n, one->reason);
		sim_free(one);
	}
}

/* RFC 7296 alone stops who breaks the group but has no long-term key, or only the responder's: that
 * one sees that the initiator has signed another offer. What he does get, the initiator's identity,
 * he gets. */
static void without_a_key(struct sim *sim)
{
	for (unsigned n = 0; n < 4 && !sim->failed; n++) {
		const struct ends e = {
		    .old = n % 2 == 1, .auth = SIM_ED25519, .suites = STRONG_AND_WEAK};
		struct attacker a = {.weak = KE_CURVE25519, .offer = WEAKENED};
		struct sim *one = sim_new(n + 1, sim->trace);
		call(one, &a, &e, n / 2 == 1);
		script_expect(one, a.read > 0, "he could not read IKE_AUTH");
		script_expect(one, peer_sa(A(one)) == NULL && peer_sa(B(one)) == NULL,
			      "the attack succeeds");
		script_expect(one, says(B(one), "does not hold"), "the responder does not say why");
		attacker_leave(one, &a);
		if (one->failed)
			sim_fail(sim, "variant %u: %s", n, one->reason);
		sim_free(one);
	}
}

/* The draft's Security Considerations: one pre-shared key for both directions is the key of both,
 * and who knows it needs no downgrade to be believed. */
static void shared_key_is_no_protection(struct sim *sim)
{
	const struct ends e = {.auth = SIM_PSK, .suites = STRONG_AND_WEAK};
	struct attacker a = {.in_request = NOTIFY_LEAVE};

	attack(sim, &a, &e);
	script_expect(sim, attacker_owns(&a), "the draft says that nothing helps here");
	attacker_leave(sim, &a);
}

/* --- What else the network does --------------------------------------------------------------- */

/* An answer without the announcement comes first: it is forged, and the real one wins (as N30). */
static void forged_answer_first(struct sim *sim)
{
	const struct ends e = {.initiator = IKE_DOWNGRADE_REQUIRE,
			       .responder = IKE_DOWNGRADE_REQUIRE,
			       .auth = SIM_ED25519,
			       .suites = STRONG_AND_WEAK};
	struct attacker a = {.inject = true};

	call(sim, &a, &e, false);
	attacker_leave(sim, &a);
	script_expect_tunnel(sim);
}

static void lost_and_repeated(struct sim *sim)
{
	const struct ends e = {.initiator = IKE_DOWNGRADE_REQUIRE,
			       .responder = IKE_DOWNGRADE_REQUIRE,
			       .auth = SIM_ED25519,
			       .suites = STRONG_AND_WEAK};
	struct attacker a = {.replay = true, .drop = 2};

	call(sim, &a, &e, false);
	attacker_leave(sim, &a);
	script_expect_tunnel(sim);
}

/* Cookie, INVALID_KE_PAYLOAD and IKE_INTERMEDIATE, each and together (RFC 7296 2.6, 2.7), with
 * IntAuth in either order: AUTH is over the last request. */
static void retries(struct sim *sim)
{
	for (unsigned n = 0; n < 12 && !sim->failed; n++) {
		struct sim *one = sim_new(n + 1, sim->trace);
		const struct ends e = {.initiator = IKE_DOWNGRADE_REQUIRE,
				       .responder = IKE_DOWNGRADE_REQUIRE};
		struct sim_wish a = config_usual, b;
		peer_add(one, "A");
		peer_add(one, "B");
		a.auth = n / 4 == 0 ? SIM_PSK : SIM_ECDSA;
		a.int_auth = n / 4 == 2 ? IKE_INT_AUTH_LIBRESWAN : IKE_INT_AUTH_RFC;
		a.downgrade = e.initiator;
		b = config_mirror(&a);
		a.ike = "aes128gcm-prfsha256-ecp256-x25519, "
			"aes128gcm-prfsha256-ecp256-x25519+mlkem512";
		b.ike = n & 2 ? "aes128gcm-prfsha256-x25519+mlkem512" : WEAK;
		peer_connection(A(one), config_make(A(one), B(one), &a));
		peer_connection(B(one), config_make(B(one), A(one), &b));
		peer_start(A(one));
		peer_start(B(one));
		if (n & 1)
			B(one)->ike->settings.cookie_threshold = 0;
		ike_up(A(one)->ike, "net", NULL, peer_now(A(one)));
		sim_run(one, 5 * SECOND);
		script_expect_tunnel(one);
		struct ike_totals t;
		ike_totals(B(one)->ike, &t);
		script_expect(one, (t.cookies_sent > 0) == (n & 1), "there was no cookie, or one");
		script_expect(one, !one->failed && peer_sa(A(one))->transcript, "it is without");
		if (one->failed)
			sim_fail(sim, "variant %u: %s", n, one->reason);
		sim_free(one);
	}
}

/* The notify's data MUST be ignored (Protocol Details); and AUTH covers them. */
static void notify_with_data(struct sim *sim)
{
	const struct ends e = {.initiator = IKE_DOWNGRADE_REQUIRE, .suites = STRONG_AND_WEAK};
	struct attacker a = {.responder_kind = NOTIFY_WITH_DATA};

	call(sim, &a, &e, false);
	attacker_leave(sim, &a);
	script_expect_tunnel(sim);
}

/* A rekeyed IKE SA is what the first was. */
static void rekeyed(struct sim *sim)
{
	const struct ends e = {.initiator = IKE_DOWNGRADE_YES, .suites = STRONG_AND_WEAK};
	struct attacker a = {.weak = KE_NONE};

	call(sim, &a, &e, false);
	attacker_leave(sim, &a);
	ike_rekey(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * SECOND);
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_REKEYED] == 1, "it is not rekeyed");
	script_expect_tunnel(sim);
	script_expect(sim, peer_sa(A(sim))->transcript && peer_sa(B(sim))->transcript,
		      "the new one is without");
}

/* N12: the responder takes its first connection until it has an identity. The one for it requires
 * downgrade prevention, the other would take anybody without. */
static void n12_connection_chosen_later(struct sim *sim)
{
	for (unsigned n = 0; n < 2 && !sim->failed; n++) {
		struct sim *one = sim_new(n + 1, sim->trace);
		struct sim_wish a = config_usual, b, anybody;
		peer_add(one, "A");
		peer_add(one, "B");
		a.retry_time = 10 * MINUTE;
		b = config_mirror(&a);
		a.downgrade = n == 0 ? IKE_DOWNGRADE_YES : IKE_DOWNGRADE_SUPPRESS;
		b.downgrade = IKE_DOWNGRADE_REQUIRE;
		anybody = config_mirror(&config_usual);
		anybody.name = "anybody";
		anybody.remote_id = NULL;
		anybody.children[0].policy = 2;
		peer_connection(A(one), config_make(A(one), B(one), &a));
		peer_connection(B(one), config_make(B(one), A(one), &anybody));
		peer_connection(B(one), config_make(B(one), A(one), &b));
		peer_start(A(one));
		peer_start(B(one));
		ike_up(A(one)->ike, "net", NULL, peer_now(A(one)));
		sim_run(one, 5 * SECOND);
		const struct ike_sa *sa = peer_sa(B(one));
		if (n == 0) {
			script_expect(one, sa != NULL && sa->transcript,
				      "it is without, or not up");
			script_expect(one, sa != NULL && strcmp(sa->config->name, "net") == 0,
				      "another connection was chosen");
		} else {
			script_expect(one, sa == NULL, "a laxer connection was chosen");
			script_expect(one, says(B(one), "which is required of it"),
				      "without a word");
		}
		if (one->failed)
			sim_fail(sim, "%s: %s", n == 0 ? "announced" : "suppressed", one->reason);
		sim_free(one);
	}
}

/* A reload that demands it ends what is without, and nothing else (N14). */
static void reload_demands_it(struct sim *sim)
{
	for (unsigned n = 0; n < 2 && !sim->failed; n++) {
		struct sim *one = sim_new(n + 1, sim->trace);
		const struct ends e = {.initiator =
					   n == 0 ? IKE_DOWNGRADE_YES : IKE_DOWNGRADE_SUPPRESS,
				       .suites = STRONG_AND_WEAK};
		struct attacker a = {.weak = KE_NONE};
		struct sim_wish w = config_usual;
		call(one, &a, &e, false);
		attacker_leave(one, &a);
		script_expect(one, peer_sa(B(one)) != NULL, "it is not up");
		w.ike = STRONG_AND_WEAK;
		w = config_mirror(&w);
		w.downgrade = IKE_DOWNGRADE_REQUIRE;
		peer_connection(B(one), config_make(B(one), A(one), &w));
		sim_run(one, SECOND);
		script_expect(one, (peer_sa(B(one)) != NULL) == (n == 0),
			      n == 0 ? "it was ended for nothing" : "it stays without");
		if (one->failed)
			sim_fail(sim, "%s: %s", n == 0 ? "with" : "without", one->reason);
		sim_free(one);
	}
}

const struct script scripts_downgrade[] = {
    {"downgrade-prevention-honest-peers-by-policy", honest},
    {"downgrade-attack-by-policy", by_policy},
    {"downgrade-attack-by-offer", by_offer},
    {"downgrade-attack-without-the-initiators-key", without_a_key},
    {"downgrade-attack-with-the-shared-key-of-both", shared_key_is_no_protection},
    {"downgrade-prevention-forged-answer-comes-first", forged_answer_first},
    {"downgrade-prevention-lost-and-repeated", lost_and_repeated},
    {"downgrade-prevention-cookie-and-other-ke", retries},
    {"downgrade-prevention-notify-with-data", notify_with_data},
    {"downgrade-prevention-rekeyed", rekeyed},
    {"N12-connection-chosen-later-demands-more", n12_connection_chosen_later},
    {"downgrade-prevention-reload-demands-it", reload_demands_it},
};
const size_t n_scripts_downgrade = sizeof(scripts_downgrade) / sizeof(scripts_downgrade[0]);
