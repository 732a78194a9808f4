/* PPKs: RFC 8784 in IKE_AUTH, RFC 9867 in IKE_INTERMEDIATE, on every pair of ends. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/ext/ppk.h"
#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* Both ends with their wishes; A begins. */
static void meet(struct sim *sim, const struct sim_wish *a, const struct sim_wish *b)
{
	peer_add(sim, "A");
	peer_add(sim, "B");
	peer_connection(A(sim), config_make(A(sim), B(sim), a));
	peer_connection(B(sim), config_make(B(sim), A(sim), b));
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 4 * SECOND);
}

#define NEVER    IKE_PPK_NEVER
#define ALLOW    IKE_PPK_ALLOW
#define REQUIRED IKE_PPK_REQUIRED
#define AUTO     IKE_PPK_AUTO
#define AUTH     IKE_PPK_AUTH
#define INT      IKE_PPK_INTERMEDIATE

struct end {
	enum ike_ppk_policy policy;
	enum ike_ppk_exchange exchange;
	const char *ids, *salt, *psk;
	enum ike_ppk_numbers numbers;
};

struct meeting {
	const char *name;
	struct end a, b;
	bool up;
	enum ppk_way way;
	const char *id;              /* the PPK that is used, NULL: "ppk" */
	const char *a_says, *b_says; /* in the last warning or failure; NULL: whatever */
};

#define LIBRESWAN .numbers = IKE_PPK_NUMBERS_LIBRESWAN

static const struct meeting meetings[] = {
    /* RFC 8784, table 1, from both ends */
    {"auth allow-allow", {ALLOW, AUTH}, {ALLOW, AUTH}, true, PPK_IN_AUTH},
    {"auth allow-required", {ALLOW, AUTH}, {REQUIRED, AUTH}, true, PPK_IN_AUTH},
    {"auth required-allow", {REQUIRED, AUTH}, {ALLOW, AUTH}, true, PPK_IN_AUTH},
    {"auth required-required", {REQUIRED, AUTH}, {REQUIRED, AUTH}, true, PPK_IN_AUTH},
    {"auth allow-never", {ALLOW, AUTH}, {NEVER}, true, PPK_UNUSED},
    {"auth never-allow", {NEVER}, {ALLOW, AUTH}, true, PPK_UNUSED},
    {"auth required-never", {REQUIRED, AUTH}, {NEVER}, .a_says = "a PPK is required"},
    {"auth never-required",
     {NEVER},
     {REQUIRED, AUTH},
     .a_says = "AUTHENTICATION_FAILED",
     .b_says = "uses no PPK, but ppk = required"},
    {"auth unknown allow-allow",
     {ALLOW, AUTH, "x"},
     {ALLOW, AUTH, "y"},
     true,
     PPK_UNUSED,
     .a_says = "does not know the PPK \"x\": going on without",
     .b_says = "PPK \"x\" is unknown here: going on without"},
    {"auth unknown required-allow",
     {REQUIRED, AUTH, "x"},
     {ALLOW, AUTH, "y"},
     .a_says = "our PPK is unknown to it",
     .b_says = "insists on its PPK \"x\", which is unknown"},
    {"auth unknown allow-required",
     {ALLOW, AUTH, "x"},
     {REQUIRED, AUTH, "y"},
     .a_says = "our PPK is unknown to it",
     .b_says = "PPK \"x\" is unknown here, and ppk = required"},
    {"auth wrong allow-allow",
     {ALLOW, AUTH, NULL, "!"},
     {ALLOW, AUTH},
     .a_says = "or our PPK is unknown to it or another key there",
     .b_says = "PPK \"ppk\" is another key than ours; its credential is right"},
    {"auth wrong required-required",
     {REQUIRED, AUTH, NULL, "!"},
     {REQUIRED, AUTH},
     .b_says = "or its PPK \"ppk\" is another key"},
    {"auth wrong credential, right PPK",
     {ALLOW, AUTH, .psk = "x"},
     {ALLOW, AUTH},
     .b_says = "another pre-shared key"},
    /* RFC 9867 */
    {"int allow-allow", {ALLOW, INT}, {ALLOW, INT}, true, PPK_IN_INTERMEDIATE},
    {"int required-required", {REQUIRED, INT}, {REQUIRED, INT}, true, PPK_IN_INTERMEDIATE},
    {"int required-allow", {REQUIRED, AUTO}, {ALLOW, INT}, true, PPK_IN_INTERMEDIATE},
    {"int allow-required", {ALLOW, INT}, {REQUIRED, AUTO}, true, PPK_IN_INTERMEDIATE},
    {"int allow-never", {ALLOW, INT}, {NEVER}, true, PPK_UNUSED},
    {"int never-allow", {NEVER}, {ALLOW, INT}, true, PPK_UNUSED},
    {"int required-never", {REQUIRED, INT}, {NEVER}, .a_says = "a PPK is required"},
    {"int never-required", {NEVER}, {REQUIRED, INT}, .b_says = "uses no PPK, but ppk = required"},
    {"auto-auto is int", {ALLOW, AUTO}, {ALLOW, AUTO}, true, PPK_IN_INTERMEDIATE},
    {"auto-auth is auth", {ALLOW, AUTO}, {ALLOW, AUTH}, true, PPK_IN_AUTH},
    {"auth-auto is auth", {REQUIRED, AUTH}, {REQUIRED, AUTO}, true, PPK_IN_AUTH},
    {"auth-int is none", {ALLOW, AUTH}, {ALLOW, INT}, true, PPK_UNUSED},
    {"auth-int required", {REQUIRED, AUTH}, {ALLOW, INT}, .a_says = "a PPK is required"},
    {"int unknown allow-allow",
     {ALLOW, INT, "x"},
     {ALLOW, INT, "y"},
     true,
     PPK_UNUSED,
     .a_says = "takes none of our PPKs",
     .b_says = "PPK \"x\" cannot be used: no connection"},
    {"int unknown required-allow",
     {REQUIRED, INT, "x"},
     {ALLOW, INT, "y"},
     .a_says = "takes none of our PPKs"},
    {"int unknown allow-required",
     {ALLOW, INT, "x"},
     {REQUIRED, INT, "y"},
     .a_says = "takes none of our PPKs (AUTHENTICATION_FAILED)",
     .b_says = "PPK \"x\" cannot be used"},
    {"int wrong allow-allow",
     {ALLOW, INT, NULL, "!"},
     {ALLOW, INT},
     true,
     PPK_UNUSED,
     .a_says = "takes none of our PPKs",
     .b_says = "PPK \"ppk\" cannot be used: the peer's key of this name is another one"},
    {"int wrong allow-required",
     {ALLOW, INT, NULL, "!"},
     {REQUIRED, INT},
     .a_says = "takes none of our PPKs (AUTHENTICATION_FAILED)",
     .b_says = "the peer's key of this name is another one"},
    {"int wrong credential, right PPK",
     {ALLOW, INT, .psk = "x"},
     {ALLOW, INT},
     .a_says = "the pre-shared keys differ; its log",
     .b_says = "another pre-shared key: the secrets"},
    {"int the second of three",
     {REQUIRED, INT, "x group z"},
     {REQUIRED, INT, "y group"},
     true,
     PPK_IN_INTERMEDIATE,
     "group"},
    {"int libreswan's numbers",
     {REQUIRED, INT, LIBRESWAN},
     {REQUIRED, INT, LIBRESWAN},
     true,
     PPK_IN_INTERMEDIATE},
    {"int other numbers", {ALLOW, INT, LIBRESWAN}, {ALLOW, INT}, true, PPK_UNUSED},
    {"other numbers fall back to auth",
     {REQUIRED, AUTO},
     {REQUIRED, AUTO, LIBRESWAN},
     true,
     PPK_IN_AUTH},
};

static struct sim_wish wish_of(const struct sim_wish *base, const struct end *e)
{
	struct sim_wish w = *base;

	w.psk = e->psk;
	w.ppk.policy = e->policy;
	w.ppk.exchange = e->exchange;
	w.ppk.numbers = e->numbers;
	w.ppk.ids = e->ids;
	w.ppk.salt = e->salt;
	return w;
}

static void expect_says(struct sim *sim, struct sim_peer *p, const char *what)
{
	if (what != NULL && strstr(p->last_warning, what) == NULL &&
	    strstr(p->last_failure, what) == NULL)
		sim_fail(sim, "%s says \"%.150s\" / \"%.150s\" and not \"%s\"", p->name,
			 p->last_warning, p->last_failure, what);
}

static void expect_way(struct sim *sim, enum ppk_way way, const char *id)
{
	for (size_t i = 0; i < 2; i++) {
		const struct ike_sa *sa = peer_sa(sim->peers[i]);
		script_expect(sim, sa != NULL && sa->ppk_way == way,
			      "a PPK is used in another way");
		if (sa != NULL && way != PPK_UNUSED)
			script_expect(sim,
				      bytes_equal(bytes_of(sa->ppk_id, sa->ppk_id_len),
						  bytes_of(id, strlen(id))),
				      "another PPK is used");
	}
}

static void meetings_of(struct sim *sim, enum sim_auth auth, const char *ike)
{
	for (size_t i = 0; i < sizeof(meetings) / sizeof(meetings[0]) && !sim->failed; i++) {
		const struct meeting *m = &meetings[i];
		struct sim *one = sim_new(i + 1, sim->trace);
		struct sim_wish base = config_usual;

		base.auth = auth;
		base.ike = ike;
		const struct sim_wish mirror = config_mirror(&base);
		const struct sim_wish a = wish_of(&base, &m->a), b = wish_of(&mirror, &m->b);
		if (auth == SIM_PSK || (m->a.psk == NULL && m->b.psk == NULL)) {
			meet(one, &a, &b);
			if (m->up) {
				script_expect_tunnel(one);
				expect_way(one, m->way, m->id == NULL ? "ppk" : m->id);
			} else {
				script_expect(one,
					      peer_sa(A(one)) == NULL && peer_sa(B(one)) == NULL,
					      "an IKE SA is up that must not be");
			}
			expect_says(one, A(one), m->a_says);
			expect_says(one, B(one), m->b_says);
		}
		if (one->failed)
			sim_fail(sim, "%s: %s", m->name, one->reason);
		sim_free(one);
	}
}

static void by_psk(struct sim *sim)
{
	meetings_of(sim, SIM_PSK, config_usual.ike);
}

static void by_signature(struct sim *sim)
{
	meetings_of(sim, SIM_ED25519, "aes128gcm-prfsha384-x25519");
}

static void with_mlkem(struct sim *sim)
{
	meetings_of(sim, SIM_PSK, "aes256gcm-prfsha512-x25519+mlkem512");
}

/* RFC 9867: the PPKs share the last exchange of RFC 9370, or have one to themselves. */
static void share_the_last(struct sim *sim)
{
	static const struct {
		const char *ike;
		unsigned exchanges;
	} cases[] = {
	    {"aes128gcm-prfsha256-x25519", 1},
	    {"aes128gcm-prfsha256-x25519+mlkem512", 1},
	    {"aes128gcm-prfsha256-x25519+mlkem512+mlkem768+ecp256", 3},
	};

	for (size_t i = 0; i < 3 && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);
		struct script_filter f = {.exchange = EXCHANGE_IKE_INTERMEDIATE, .response = true};
		struct sim_wish a = config_usual;

		a.ike = cases[i].ike;
		a.ppk.policy = IKE_PPK_REQUIRED;
		const struct sim_wish b = config_mirror(&a);
		script_drop(one, &f);
		meet(one, &a, &b);
		one->hook = NULL;
		script_expect_tunnel(one);
		expect_way(one, PPK_IN_INTERMEDIATE, "ppk");
		script_expect(one, f.seen == cases[i].exchanges, "another number of exchanges");
		if (one->failed)
			sim_fail(sim, "%s: %s", cases[i].ike, one->reason);
		sim_free(one);
	}
}

static struct sim_wish strict(enum ike_ppk_exchange exchange)
{
	struct sim_wish w = config_usual;

	w.ppk.policy = IKE_PPK_REQUIRED;
	w.ppk.exchange = exchange;
	return w;
}

/* Each message of the handshake is lost, first as it is sent. */
static void losses(struct sim *sim)
{
	static const uint8_t exchanges[] = {EXCHANGE_IKE_SA_INIT, EXCHANGE_IKE_INTERMEDIATE,
					    EXCHANGE_IKE_AUTH};

	for (unsigned i = 0; i < 12 && !sim->failed; i++) {
		const bool in_auth = i >= 6;
		struct sim *one = sim_new(i + 1, sim->trace);
		struct script_filter f = {
		    .exchange = exchanges[i % 3], .response = i / 3 % 2 == 1, .drop = 2};
		const struct sim_wish a = strict(in_auth ? IKE_PPK_AUTH : IKE_PPK_AUTO);
		const struct sim_wish b = config_mirror(&a);
		script_drop(one, &f);
		meet(one, &a, &b);
		sim_run(one, 6 * SECOND);
		script_expect(one, f.seen > 2 || (in_auth && i % 3 == 1), "nothing was lost");
		one->hook = NULL;
		script_expect_tunnel(one);
		expect_way(one, in_auth ? PPK_IN_AUTH : PPK_IN_INTERMEDIATE, "ppk");
		if (one->failed)
			sim_fail(sim, "variant %u: %s", i, one->reason);
		sim_free(one);
	}
}

/* Rekeys rest on SK_d, and with it on the PPK, which is not mixed in again (RFC 8784 3). */
static void rekeys(struct sim *sim)
{
	for (unsigned i = 0; i < 2 && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);
		const struct sim_wish a = strict(i == 0 ? IKE_PPK_AUTH : IKE_PPK_AUTO);
		const struct sim_wish b = config_mirror(&a);
		meet(one, &a, &b);
		ike_rekey(A(one)->ike, "net", "one", peer_now(A(one)));
		sim_run(one, 5 * SECOND);
		ike_rekey(B(one)->ike, "net", NULL, peer_now(B(one)));
		sim_run(one, 5 * SECOND);
		ike_rekey(B(one)->ike, "net", "one", peer_now(B(one)));
		sim_run(one, 5 * SECOND);
		script_expect(one,
			      A(one)->events[IKE_EVENT_CHILD_REKEYED] == 1 &&
				  B(one)->events[IKE_EVENT_CHILD_REKEYED] == 1 &&
				  B(one)->events[IKE_EVENT_SA_REKEYED] == 1,
			      "not rekeyed");
		script_expect_tunnel(one);
		expect_way(one, i == 0 ? PPK_IN_AUTH : PPK_IN_INTERMEDIATE, "ppk");
		if (one->failed)
			sim_fail(sim, "variant %u: %s", i, one->reason);
		sim_free(one);
	}
}

/* RFC 9867 in CREATE_CHILD_SA: with the first PPK or with a fresh one, in IKE and Child SAs, also
 * with additional key exchanges and losses; a PPK that only one end has fails the rekey alone. */
static void fresh_ppks(struct sim *sim)
{
	for (unsigned i = 0; i < 16 && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);
		const bool wrong = i % 4 == 3, strictly = i % 4 == 2, pq = (i & 4) != 0;
		struct script_filter f = {.exchange = EXCHANGE_CREATE_CHILD_SA,
					  .response = (i & 8) != 0,
					  .drop = i % 4 == 1 ? 1 : 0};
		struct sim_wish a = strict(IKE_PPK_AUTO);
		a.ppk.policy = strictly || wrong ? IKE_PPK_REQUIRED : IKE_PPK_ALLOW;
		a.ppk.rekey = true;
		if (pq) {
			a.ike = "aes128gcm-prfsha256-x25519+mlkem512";
			a.children[0].esp = "aes128gcm-x25519+mlkem512";
		}
		const struct sim_wish b = config_mirror(&a);
		meet(one, &a, &b);
		script_drop(one, &f);
		/* Both take the old one for the first key, and B has another of the second name. */
		if (wrong) {
			mem_free((void *)(uintptr_t)A(one)->conns[0]->ppk.ids[0].p);
			A(one)->conns[0]->ppk.ids[0] =
			    bytes_of(mem_copy(BYTES_LITERAL("fresh")), 5);
			keystore_add_ppk(A(one)->keys, BYTES_LITERAL("fresh"), BYTES_LITERAL("x"));
		}
		ike_rekey(A(one)->ike, "net", "one", peer_now(A(one)));
		sim_run(one, 6 * SECOND);
		ike_rekey(A(one)->ike, "net", NULL, peer_now(A(one)));
		sim_run(one, 6 * SECOND);
		one->hook = NULL;
		const unsigned want = wrong ? 0 : 1;
		script_expect(one,
			      A(one)->events[IKE_EVENT_CHILD_REKEYED] == want &&
				  A(one)->events[IKE_EVENT_SA_REKEYED] == want,
			      wrong ? "rekeyed without the PPK" : "not rekeyed");
		script_expect_tunnel(one);
		if (one->failed)
			sim_fail(sim, "variant %u: %s", i, one->reason);
		sim_free(one);
	}
}

/* One key for several peers: each has it, and each may be told apart by its credential alone. */
static void group(struct sim *sim)
{
	struct sim_wish a = strict(IKE_PPK_AUTO), c = a;
	a.ppk.ids = c.ppk.ids = "group";
	c.local_id = "c.example";
	c.psk = "the third one's";
	c.children[0].local = "10.3.0.0/24";
	struct sim_wish b = config_mirror(&a), b_c = config_mirror(&c);
	b_c.name = "third";
	b_c.answer_only = true;
	b_c.children[0].policy = 2;
	peer_add(sim, "A");
	peer_add(sim, "B");
	peer_add(sim, "C");
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &b));
	peer_connection(B(sim), config_make(B(sim), sim->peers[2], &b_c));
	peer_connection(sim->peers[2], config_make(sim->peers[2], B(sim), &c));
	for (size_t i = 0; i < 3; i++)
		peer_start(sim->peers[i]);
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
	ike_up(sim->peers[2]->ike, "net", "one", peer_now(sim->peers[2]));
	sim_run(sim, 5 * SECOND);
	script_expect(sim, peer_count_sas(B(sim), SA_UP) == 2, "not both are up");
	for (size_t i = 0; i < 3; i++)
		script_expect(sim,
			      peer_sa(sim->peers[i]) != NULL &&
				  peer_sa(sim->peers[i])->ppk_way == PPK_IN_INTERMEDIATE,
			      "without the PPK");
}

static struct ike_sa *first_sa(struct sim_peer *p)
{
	return list_empty(&p->ike->sa_list)
		   ? NULL
		   : CONTAINER_OF(p->ike->sa_list.next, struct ike_sa, all);
}

/* Before A goes on, it forgets that PPKs were agreed on. */
static bool skip_ppk(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct ike_header h;
	const char *why;

	(void)delay;
	if (!d->esp && header_parse(&h, bytes_of(d->octets, d->len), &why) == ERR_NONE &&
	    h.exchange == EXCHANGE_IKE_SA_INIT && header_is_response(&h) &&
	    first_sa(A(sim)) != NULL)
		A(sim)->conns[0]->ppk.policy = IKE_PPK_NEVER;
	return true;
}

/* N7: IKE_AUTH comes though the PPK that was agreed on is skipped. */
static void skipped(struct sim *sim)
{
	for (unsigned i = 0; i < 4 && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);
		const struct sim_wish a = strict(i < 2 ? IKE_PPK_AUTH : IKE_PPK_AUTO);
		struct sim_wish b = config_mirror(&a);
		b.ppk.policy = i % 2 == 0 ? IKE_PPK_REQUIRED : IKE_PPK_ALLOW;
		one->hook = skip_ppk;
		meet(one, &a, &b);
		one->hook = NULL;
		/* RFC 8784 3: MUST be refused. RFC 9867: it may do without, where we can. */
		script_expect(one, (peer_sa(B(one)) != NULL) == (i == 3), "wrongly judged");
		if (i == 3)
			expect_way(one, PPK_UNUSED, NULL);
		else
			expect_says(one, B(one), i < 2 ? "now names none" : "uses no PPK");
		if (one->failed)
			sim_fail(sim, "variant %u: %s", i, one->reason);
		sim_free(one);
	}
}

/* N12: the connection that IKE_AUTH shows it to be wants more than was agreed on before. */
static void another_connection(struct sim *sim)
{
	struct sim_wish a = config_usual;
	struct sim_wish b = config_mirror(&a), other = b;

	other.name = "other";
	other.remote_id = "c.example";
	other.children[0].policy = 2;
	b.ppk.policy = IKE_PPK_REQUIRED;
	peer_add(sim, "A");
	peer_add(sim, "B");
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &other));
	peer_connection(B(sim), config_make(B(sim), A(sim), &b));
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", "one", peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	script_expect(sim, peer_sa(A(sim)) == NULL && peer_sa(B(sim)) == NULL, "it came up");
	expect_says(sim, B(sim), "uses no PPK, but ppk = required");
}

/* libreswan's order of IntAuth's parts: both ends must have it so, a pre-shared key is not
 * concerned, and nothing is without IKE_INTERMEDIATE. */
static void libreswan_int_auth(struct sim *sim)
{
	for (unsigned i = 0; i < 8 && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);
		struct sim_wish a = config_usual;
		const bool both = (i & 1) != 0, psk = (i & 2) != 0, plain = (i & 4) != 0;
		a.auth = psk ? SIM_PSK : SIM_ED25519;
		a.ike = plain ? a.ike : "aes128gcm-prfsha256-x25519+mlkem512";
		a.int_auth = IKE_INT_AUTH_LIBRESWAN;
		struct sim_wish b = config_mirror(&a);
		b.int_auth = both ? IKE_INT_AUTH_LIBRESWAN : IKE_INT_AUTH_RFC;
		meet(one, &a, &b);
		script_expect(one, (peer_sa(A(one)) != NULL) == (both || psk || plain),
			      "wrongly judged");
		if (one->failed)
			sim_fail(sim, "variant %u: %s", i, one->reason);
		sim_free(one);
	}
}

const struct script scripts_ppk[] = {
    {"libreswan-int-auth", libreswan_int_auth},
    {"rfc8784-rfc9867-meetings-by-psk", by_psk},
    {"rfc8784-rfc9867-meetings-by-signature", by_signature},
    {"rfc8784-rfc9867-meetings-with-mlkem", with_mlkem},
    {"rfc9867-3.1-ppks-share-the-last-exchange", share_the_last},
    {"ppk-losses", losses},
    {"rfc8784-3-rekeys-mix-nothing-in", rekeys},
    {"rfc9867-3.2-fresh-ppks", fresh_ppks},
    {"ppk-group", group},
    {"n7-ppk-skipped", skipped},
    {"n12-ppk-of-another-connection", another_connection},
};
const size_t n_scripts_ppk = sizeof(scripts_ppk) / sizeof(scripts_ppk[0]);
