/* Enhanced ESP negotiated (draft-ietf-ipsecme-eesp-ikev2): with it on one side, on both and on
 * neither, with Sub SAs, across rekeys that either side begins. A begins, B answers. */
#include <string.h>

#include "ike/child.h"
#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

static const struct child_sa *child_of(struct sim_peer *p)
{
	return peer_sa(p) == NULL ? NULL : child_of_index(peer_sa(p), 0);
}

/* What each end is configured for. */
struct side {
	enum ike_eesp eesp;
	bool sub_sas;
	const char *esp; /* NULL: the default */
};

static void pair_of(struct sim *sim, struct side a, struct side b)
{
	struct sim_wish w = config_usual, m;

	peer_add(sim, "A");
	peer_add(sim, "B");
	m = config_mirror(&w);
	w.children[0].esp = a.esp;
	w.children[0].eesp = a.eesp;
	w.children[0].eesp_sub_sas = a.sub_sas;
	m.children[0].esp = b.esp;
	m.children[0].eesp = b.eesp;
	m.children[0].eesp_sub_sas = b.sub_sas;
	peer_connection(A(sim), config_make(A(sim), B(sim), &w));
	peer_connection(B(sim), config_make(B(sim), A(sim), &m));
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 10 * SECOND);
}

/* Both have it so, and their ends fit: SPIs, suite, what each takes. */
static void expect_child(struct sim *sim, bool eesp, uint16_t sskdf)
{
	const struct child_sa *a = child_of(A(sim)), *b = child_of(B(sim));

	script_expect(sim, a != NULL && b != NULL, "there is no Child SA");
	if (a == NULL || b == NULL)
		return;
	script_expect(sim, a->suite.eesp == eesp && b->suite.eesp == eesp, "the wrong protocol");
	script_expect(sim, a->suite.sskdf == sskdf && b->suite.sskdf == sskdf, "the wrong SSKDF");
	script_expect(sim, a->suite.esn && b->suite.esn, "numbers of 32 bits");
	script_expect(sim, a->spi_in < 0x80000000 && b->spi_in < 0x80000000,
		      "an SPI that looks like EESP");
	script_expect_tunnel(sim);
}

/* Rekeyed by either side, it stays what it is, and the old one goes at both ends. */
static void through_rekeys(struct sim *sim, bool eesp, uint16_t sskdf)
{
	expect_child(sim, eesp, sskdf);
	for (unsigned i = 0; i < 4; i++) {
		struct sim_peer *p = i % 2 == 0 ? A(sim) : B(sim);
		const struct child_sa *c = child_of(p);
		const uint32_t before = c != NULL ? c->spi_in : 0;

		/* The IKE SA, too: the Child SA is inherited. */
		script_expect(sim,
			      ike_rekey(p->ike, "net", i < 2 ? config_usual.children[0].name : NULL,
					peer_now(p)) == ERR_NONE,
			      "the rekey cannot begin");
		sim_run(sim, 20 * SECOND);
		c = child_of(p);
		script_expect(sim, c != NULL && (c->spi_in != before) == (i < 2), "no rekey");
		expect_child(sim, eesp, sskdf);
	}
}

static void both(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_PREFER, false, NULL},
		(struct side){IKE_EESP_PREFER, false, NULL});
	through_rekeys(sim, true, SSKDF_NONE);
}

static void both_with_sub_sas(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_PREFER, true, NULL},
		(struct side){IKE_EESP_REQUIRE, true, NULL});
	through_rekeys(sim, true, SSKDF_HKDF_SHA2_256);
	script_expect(sim, child_of(A(sim)) != NULL, "no Child SA");
}

/* Whoever does not know SSKDF takes the proposal without it. */
static void sub_sas_at_one_end(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_PREFER, true, NULL},
		(struct side){IKE_EESP_PREFER, false, NULL});
	through_rekeys(sim, true, SSKDF_NONE);
}

static void sub_sas_at_the_other_end(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_PREFER, false, NULL},
		(struct side){IKE_EESP_PREFER, true, NULL});
	through_rekeys(sim, true, SSKDF_NONE);
}

static void only_the_initiator(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_PREFER, true, NULL},
		(struct side){IKE_EESP_NO, false, NULL});
	through_rekeys(sim, false, SSKDF_NONE);
}

static void only_the_responder(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_NO, false, NULL},
		(struct side){IKE_EESP_PREFER, true, NULL});
	through_rekeys(sim, false, SSKDF_NONE);
}

static void neither(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_NO, false, NULL},
		(struct side){IKE_EESP_NO, false, NULL});
	through_rekeys(sim, false, SSKDF_NONE);
}

/* A peer whose only suite has no AEAD gets ESP. */
static void a_peer_without_aeads(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_PREFER, false, "aes256gcm,aes256cbc-sha256"},
		(struct side){IKE_EESP_NO, false, "aes256cbc-sha256"});
	through_rekeys(sim, false, SSKDF_NONE);
}

/* Implicit IVs and a key exchange of the Child SA's own. */
static void other_algorithms(struct sim *sim)
{
	pair_of(sim, (struct side){IKE_EESP_REQUIRE, true, "aes256gcmiiv-x25519+mlkem512"},
		(struct side){IKE_EESP_REQUIRE, true, "aes256gcmiiv-x25519+mlkem512"});
	through_rekeys(sim, true, SSKDF_HKDF_SHA2_256);
}

static void required_and_refused(struct sim *sim, struct side a, struct side b)
{
	pair_of(sim, a, b);
	script_expect(sim, child_of(A(sim)) == NULL && child_of(B(sim)) == NULL,
		      "a Child SA came up");
	script_expect(sim, plane_count(&A(sim)->plane) == 0 && plane_count(&B(sim)->plane) == 0,
		      "something was installed");
}

static void required_by_the_initiator(struct sim *sim)
{
	required_and_refused(sim, (struct side){IKE_EESP_REQUIRE, false, NULL},
			     (struct side){IKE_EESP_NO, false, NULL});
}

static void required_by_the_responder(struct sim *sim)
{
	required_and_refused(sim, (struct side){IKE_EESP_NO, false, NULL},
			     (struct side){IKE_EESP_REQUIRE, false, NULL});
}

const struct script scripts_eesp[] = {
    {"eesp-both", both},
    {"eesp-both-with-sub-sas", both_with_sub_sas},
    {"eesp-sub-sas-at-one-end", sub_sas_at_one_end},
    {"eesp-sub-sas-at-the-other-end", sub_sas_at_the_other_end},
    {"eesp-only-the-initiator", only_the_initiator},
    {"eesp-only-the-responder", only_the_responder},
    {"eesp-neither", neither},
    {"eesp-a-peer-without-aeads", a_peer_without_aeads},
    {"eesp-other-algorithms", other_algorithms},
    {"eesp-required-by-the-initiator", required_by_the_initiator},
    {"eesp-required-by-the-responder", required_by_the_responder},
};
const size_t n_scripts_eesp = sizeof(scripts_eesp) / sizeof(scripts_eesp[0]);
