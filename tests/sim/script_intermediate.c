/* RFC 9242 and RFC 9370: what IKE_INTERMEDIATE adds to AUTH, and the series of key exchanges of a
 * rekey when messages are lost or cross. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/prf.h"
#include "ike/ext/intermediate.h"
#include "script.h"

#define A_OCTETS (IKE_HEADER_LEN + PAYLOAD_HEADER_LEN)

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* What a handshake came to, and what it is to be spoilt with. */
struct chains {
	uint16_t datagram_max;
	void (*spoil)(struct ike_setup *of_b);
	/* by the formula of RFC 9242 3.3.2, here, from what is on the wire */
	uint8_t i[PRF_MAX], r[PRF_MAX];
	unsigned n_i, n_r;
	unsigned fragments;
	/* by the engines, when IKE_AUTH is on its way */
	uint8_t at_a[INT_AUTH_MAX], at_b[INT_AUTH_MAX];
	size_t len_a, len_b;
};

static struct ike_sa *first_sa(struct sim_peer *p)
{
	return list_empty(&p->ike->sa_list)
		   ? NULL
		   : CONTAINER_OF(p->ike->sa_list.next, struct ike_sa, all);
}

/* IntAuth_x(n) = prf(SK_px(n), IntAuth_x(n-1) | A_x(n) | P_x(n)). */
static void chain_on(struct chains *c, struct sim_datagram *d, const struct ike_header *h)
{
	const bool request = !header_is_response(h);
	struct ike_sa *sa = first_sa(d->from);
	const struct protect_keys keys = ike_keys_protect(&sa->keys, sa->initiator);
	struct ike_sk_opened opened;
	uint8_t copy[4000], a[A_OCTETS], *chain = request ? c->i : c->r;
	unsigned *n = request ? &c->n_i : &c->n_r;
	const size_t len = sa->suite.prf->out_len;
	const char *why;

	if (d->len > sizeof(copy))
		return;
	memcpy(copy, d->octets, d->len);
	if (ike_sk_open(d->from->crypto, &sa->suite.protect, &keys, h, copy, d->len, &opened, &why))
		return;
	memcpy(a, d->octets, A_OCTETS);
	struct writer w = writer_of(a, sizeof(a));
	w.n = sizeof(a);
	writer_patch_u32(&w, IKE_HEADER_LEN - 4, (uint32_t)(A_OCTETS + opened.inner.n));
	a[A_OCTETS - 2] = (uint8_t)((PAYLOAD_HEADER_LEN + opened.inner.n) >> 8);
	a[A_OCTETS - 1] = (uint8_t)(PAYLOAD_HEADER_LEN + opened.inner.n);
	const struct bytes parts[] = {bytes_of(chain, *n == 0 ? 0 : len), BYTES_OF(a),
				      opened.inner};
	uint8_t next[PRF_MAX];
	if (prf(d->from->crypto, sa->suite.prf, ike_keys_p(&sa->keys, request), parts, 3, next) ==
	    ERR_NONE) {
		memcpy(chain, next, len);
		(*n)++;
	}
}

static bool on_datagram(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct chains *c = sim->hook_ctx;
	struct ike_header h;
	const char *why;

	(void)delay;
	if (d->esp || header_parse(&h, bytes_of(d->octets, d->len), &why))
		return true;
	for (size_t i = 0; h.exchange == EXCHANGE_IKE_SA_INIT && i < 2; i++)
		if (first_sa(sim->peers[i]) != NULL)
			first_sa(sim->peers[i])->datagram_max = c->datagram_max;
	if (h.exchange == EXCHANGE_IKE_INTERMEDIATE) {
		c->fragments += h.next_payload == PAYLOAD_SKF;
		if (h.next_payload == PAYLOAD_SK)
			chain_on(c, d, &h);
	}
	if (h.exchange == EXCHANGE_IKE_AUTH && d->from == A(sim) && c->len_a == 0) {
		struct ike_setup *of_b = first_sa(B(sim))->setup;
		c->len_a = intermediate_auth(first_sa(A(sim)), c->at_a).n;
		of_b->auth_message_id = h.message_id; /* as it is when IKE_AUTH has come */
		c->len_b = intermediate_auth(first_sa(B(sim)), c->at_b).n;
		if (c->spoil != NULL)
			c->spoil(of_b);
	}
	return true;
}

/* Puts the additional key exchanges of a proposal at other places (RFC 9370 2.2.1). */
static void move_places(struct ike_connection *c, const uint8_t *places, size_t n)
{
	struct ike_proposal *p = &c->ike.proposals[0];

	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type >= TRANSFORM_ADDKE1 &&
		    (size_t)(p->transforms[i].type - TRANSFORM_ADDKE1) < n)
			p->transforms[i].type = places[p->transforms[i].type - TRANSFORM_ADDKE1];
}

static void shake_hands(struct sim *sim, const char *suite, const uint8_t *places, size_t n_places,
			struct chains *c)
{
	struct sim_wish a = config_usual;
	struct ike_connection *conn[2];

	peer_add(sim, "A");
	peer_add(sim, "B");
	a.ike = suite;
	const struct sim_wish b = config_mirror(&a);
	conn[0] = config_make(A(sim), B(sim), &a);
	conn[1] = config_make(B(sim), A(sim), &b);
	for (size_t i = 0; i < 2; i++) {
		move_places(conn[i], places, n_places);
		peer_connection(sim->peers[i], conn[i]);
		peer_start(sim->peers[i]);
	}
	sim->hook = on_datagram;
	sim->hook_ctx = c;
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	sim->hook = NULL;
}

/* Both ends have IntAuth_i | IntAuth_r | MID, with the chains as computed here. */
static void expect_chains(struct sim *sim, const struct chains *c, unsigned n)
{
	const size_t len = 32; /* of PRF_HMAC_SHA2_256 */
	const uint8_t mid[4] = {0, 0, 0, (uint8_t)(n + 1)};

	script_expect(sim, c->n_i == n && c->n_r == n, "another number of IKE_INTERMEDIATEs");
	script_expect(sim, c->len_a == 2 * len + 4 && c->len_b == c->len_a,
		      "IntAuth has another length");
	script_expect(sim, memcmp(c->at_a, c->i, len) == 0 && memcmp(c->at_b, c->i, len) == 0,
		      "IntAuth_i is another");
	script_expect(
	    sim, memcmp(c->at_a + len, c->r, len) == 0 && memcmp(c->at_b + len, c->r, len) == 0,
	    "IntAuth_r is another");
	script_expect(sim, memcmp(c->at_a + 2 * len, mid, 4) == 0, "the Message ID is another");
	script_expect(sim, peer_sa(A(sim)) != NULL, "AUTH does not verify");
}

static void int_auth_by_the_formula(struct sim *sim)
{
	static const char *const suites[] = {
	    "aes128gcm-prfsha256-x25519+mlkem512",
	    "aes128gcm-prfsha256-x25519+mlkem512+mlkem768",
	    "aes128gcm-prfsha256-x25519+mlkem512+mlkem768+ecp256",
	};

	for (unsigned n = 1; n <= 3 && !sim->failed; n++) {
		struct chains c = {.datagram_max = 3000};
		struct sim *one = sim_new(n, sim->trace);
		shake_hands(one, suites[n - 1], NULL, 0, &c);
		expect_chains(one, &c, n);
		script_expect(one, c.fragments == 0, "there were fragments");
		if (one->failed)
			sim_fail(sim, "%u exchanges: %s", n, one->reason);
		sim_free(one);
	}
}

/* The same content in one datagram and in pieces gives the same IntAuth (RFC 9242 3.3.2). */
static void int_auth_of_fragments(struct sim *sim)
{
	static const uint16_t sizes[] = {3000, 1280, 576};
	struct chains c[3];

	for (unsigned i = 0; i < 3 && !sim->failed; i++) {
		struct sim *one = sim_new(5, sim->trace);
		c[i] = (struct chains){.datagram_max = sizes[i]};
		shake_hands(one, "aes128gcm-prfsha256-x25519+mlkem1024", NULL, 0, &c[i]);
		script_expect(one, peer_sa(A(one)) != NULL, "AUTH does not verify");
		script_expect(one, (c[i].fragments > 0) == (i > 0), "not as many fragments");
		if (one->failed)
			sim_fail(sim, "datagrams of %u octets: %s", sizes[i], one->reason);
		sim_free(one);
	}
	for (unsigned i = 1; i < 3; i++)
		script_expect(sim,
			      c[i].len_a == c[0].len_a && c[0].len_a > 0 &&
				  memcmp(c[i].at_a, c[0].at_a, c[0].len_a) == 0 &&
				  memcmp(c[i].at_b, c[0].at_a, c[0].len_a) == 0,
			      "fragments change IntAuth");
}

/* RFC 9370 2.2.1: the places need not be consecutive. */
static void gaps(struct sim *sim)
{
	static const uint8_t places[] = {TRANSFORM_ADDKE2, TRANSFORM_ADDKE4, TRANSFORM_ADDKE6};
	struct chains c = {.datagram_max = 3000};

	shake_hands(sim, "aes128gcm-prfsha256-x25519+mlkem512+mlkem768+ecp256", places, 3, &c);
	expect_chains(sim, &c, 3);
	script_expect_tunnel(sim);
}

static void spoil_i(struct ike_setup *s)
{
	s->int_auth_i[0] ^= 1;
}

static void spoil_r(struct ike_setup *s)
{
	s->int_auth_r[31] ^= 1;
}

static void spoil_none(struct ike_setup *s)
{
	s->has_int_auth_i = s->has_int_auth_r = false;
}

static void spoil_swap(struct ike_setup *s)
{
	uint8_t t[PRF_MAX];

	memcpy(t, s->int_auth_i, sizeof(t));
	memcpy(s->int_auth_i, s->int_auth_r, sizeof(t));
	memcpy(s->int_auth_r, t, sizeof(t));
}

/* Whoever computes IntAuth in another way is not authenticated. */
static void wrong_int_auth(struct sim *sim)
{
	void (*const spoils[])(struct ike_setup *) = {spoil_i, spoil_r, spoil_none, spoil_swap};

	for (unsigned i = 0; i < 4 && !sim->failed; i++) {
		struct chains c = {.datagram_max = 1280, .spoil = spoils[i]};
		struct sim *one = sim_new(9, sim->trace);
		shake_hands(one, "aes128gcm-prfsha256-x25519+mlkem512", NULL, 0, &c);
		script_expect(one, peer_sa(A(one)) == NULL && peer_sa(B(one)) == NULL,
			      "it was accepted");
		script_expect(one, strstr(A(one)->last_failure, "AUTHENTICATION_FAILED") != NULL,
			      "another reason");
		if (one->failed)
			sim_fail(sim, "variant %u: %s", i, one->reason);
		sim_free(one);
	}
}

/* --- The series of a rekey (RFC 9370 2.2.4) -------------------------------------------------- */

static void series_up(struct sim *sim)
{
	struct sim_wish a = config_usual;

	peer_add(sim, "A");
	peer_add(sim, "B");
	a.ike = "aes128gcm-prfsha256-x25519+mlkem512";
	a.children[0].esp = "aes128gcm-x25519+mlkem512";
	a.children[0].start = IKE_START_AUTO;
	struct sim_wish b = config_mirror(&a);
	b.children[0].start = IKE_START_MANUAL;
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &b));
	peer_start(A(sim));
	peer_start(B(sim));
	script_expect(sim, sim_run_until(sim, script_at_rest, 5 * SECOND), "no tunnel");
	sim_run(sim, 2 * SECOND);
}

static unsigned rekeyed(const struct sim *sim)
{
	return sim->peers[0]->events[IKE_EVENT_CHILD_REKEYED] +
	       sim->peers[0]->events[IKE_EVENT_SA_REKEYED];
}

static void last_answer_lost(struct sim *sim)
{
	struct script_filter f = {
	    .exchange = EXCHANGE_IKE_FOLLOWUP_KE, .response = true, .drop = 1};

	series_up(sim);
	script_drop(sim, &f);
	ike_rekey(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 10 * SECOND);
	f = (struct script_filter){
	    .exchange = EXCHANGE_IKE_FOLLOWUP_KE, .response = true, .drop = 1};
	ike_rekey(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 10 * SECOND);
	script_expect(sim, f.seen == 2, "the answer was not sent again, once");
	script_expect(sim, rekeyed(sim) == 2, "not rekeyed");
	sim->hook = NULL;
	script_expect_tunnel(sim);
}

/* B forgets the series after 20 s: STATE_NOT_FOUND, and A begins anew. */
static void state_not_found(struct sim *sim)
{
	static struct script_filter f;

	series_up(sim);
	f = (struct script_filter){.exchange = EXCHANGE_IKE_FOLLOWUP_KE, .drop = 6};
	script_drop(sim, &f);
	ike_rekey(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 2 * MINUTE);
	script_expect(sim, f.seen == 8, "the series did not begin anew");
	script_expect(sim, rekeyed(sim) == 1, "not rekeyed");
	sim->hook = NULL;
	script_expect_tunnel(sim);
}

/* Both ends begin, at all distances that matter. */
static void series_cross(struct sim *sim)
{
	for (unsigned kind = 0; kind < 2; kind++)
		for (uint64_t apart = 0; apart <= 60 && !sim->failed; apart += 4) {
			struct sim *one = sim_new(apart + 100 * kind + 1, sim->trace);
			const char *child = kind == 0 ? "one" : NULL;
			series_up(one);
			ike_rekey(A(one)->ike, "net", child, peer_now(A(one)));
			sim_run(one, apart * MS);
			ike_rekey(B(one)->ike, "net", child, peer_now(B(one)));
			sim_run(one, 40 * SECOND);
			script_expect_tunnel(one);
			if (one->failed)
				sim_fail(sim, "%s, %u ms apart: %s", kind == 0 ? "child" : "IKE",
					 (unsigned)apart, one->reason);
			sim_free(one);
		}
}

const struct script scripts_intermediate[] = {
    {"rfc9242-3.3.2-int-auth-by-the-formula", int_auth_by_the_formula},
    {"rfc9242-3.3.2-int-auth-of-fragments", int_auth_of_fragments},
    {"rfc9242-3.3.2-wrong-int-auth-is-refused", wrong_int_auth},
    {"rfc9370-2.2.1-gaps-between-places", gaps},
    {"rfc9370-2.2.4-last-answer-lost", last_answer_lost},
    {"rfc9370-2.2.4-state-not-found", state_not_found},
    {"rfc9370-2.2.4-series-cross", series_cross},
};
const size_t n_scripts_intermediate =
    sizeof(scripts_intermediate) / sizeof(scripts_intermediate[0]);
