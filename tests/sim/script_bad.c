/* Bad input from somebody who has the keys of a handshake and is not authenticated, and large KEMs
 * of a Child SA alone. A begins, B answers, C has a tunnel with B and must never notice. */
#include <stdio.h>
#include <string.h>

#include "ike/child.h"
#include "ike/ext/fragmentation.h"
#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

static void peers(struct sim *sim, const char *ike, const char *esp)
{
	struct sim_wish w = config_usual, m, other = config_usual, back;

	peer_add(sim, "A");
	peer_add(sim, "B");
	peer_add(sim, "C");
	w.ike = ike;
	w.children[0].esp = esp;
	m = config_mirror(&w);
	other.name = "other";
	other.local_id = "c.example";
	other.children[0].local = "10.3.0.0/24";
	other.children[0].policy = 2;
	back = config_mirror(&other);
	other.children[0].start = IKE_START_AUTO;
	peer_connection(A(sim), config_make(A(sim), B(sim), &w));
	peer_connection(B(sim), config_make(B(sim), A(sim), &m));
	peer_connection(sim->peers[2], config_make(sim->peers[2], B(sim), &other));
	peer_connection(B(sim), config_make(B(sim), sim->peers[2], &back));
	for (size_t i = 0; i < 3; i++)
		peer_start(sim->peers[i]);
	sim_run(sim, 2 * SECOND);
}

static void up(struct sim *sim)
{
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
}

static void expect_up(struct sim *sim)
{
	char text[SIM_REASON] = "";

	if (!sim_run_until(sim, script_at_rest, 5 * MINUTE)) {
		const char *why = check_settled(sim, text, sizeof(text));
		sim_fail(sim, "it does not settle: %s", why == NULL ? "?" : why);
	}
	script_expect(sim, plane_send(sim, A(sim), 1), "no SA to send with");
	sim_run(sim, SECOND);
	script_expect(sim, B(sim)->plane.received[1] > 0, "the packet did not arrive");
}

static void expect_c(struct sim *sim)
{
	const uint64_t before = B(sim)->plane.received[2];

	script_expect(sim, sim->peers[2]->events[IKE_EVENT_SA_DOWN] == 0, "C's tunnel went down");
	script_expect(sim, plane_send(sim, sim->peers[2], 2), "C has no SA");
	sim_run(sim, SECOND);
	script_expect(sim, B(sim)->plane.received[2] == before + 1, "C's packet did not arrive");
}

static struct ike_sa *sa_with(struct sim_peer *p, uint64_t spi_i)
{
	LIST_EACH (&p->ike->sa_list, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
		if (sa->spi_i == spi_i)
			return sa;
	}
	return NULL;
}

/* A and B have keys; A's IKE_INTERMEDIATE never arrives. Gives A's SA. */
static struct ike_sa *intermediate_held(struct sim *sim, struct script_filter *f)
{
	*f = (struct script_filter){
	    .exchange = EXCHANGE_IKE_INTERMEDIATE, .from = A(sim), .drop = 100000};
	script_drop(sim, f);
	up(sim);
	for (unsigned i = 0; i < 5000 && f->seen == 0; i++)
		sim_run(sim, MS);
	script_expect(sim, f->seen > 0, "A never comes to IKE_INTERMEDIATE");
	LIST_EACH (&A(sim)->ike->sa_list, node)
		return CONTAINER_OF(node, struct ike_sa, all);
	return NULL;
}

/* One authentic fragment of A's first IKE_INTERMEDIATE. */
static void fragment(struct sim *sim, struct ike_sa *sa, uint16_t number, uint16_t total)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, true);
	const struct ike_header h = {.spi_i = sa->spi_i,
				     .spi_r = sa->spi_r,
				     .exchange = EXCHANGE_IKE_INTERMEDIATE,
				     .flags = HEADER_INITIATOR,
				     .message_id = 1};
	const struct endpoint src = network_outside(A(sim), sa->path.local.port);
	static const uint8_t chunk[400];
	uint8_t buf[600];
	struct message m;
	struct bytes out;

	message_begin(&m, buf, sizeof(buf), &h);
	writer_bytes(message_skf_begin(&m, number == 1 ? PAYLOAD_KE : PAYLOAD_NONE, 1, 1,
				       ike_sk_iv_len(&sa->suite.protect)),
		     BYTES_OF(chunk));
	struct writer numbers = writer_of(m.w.p + m.sk_at + PAYLOAD_HEADER_LEN, 4);
	writer_u16(&numbers, number);
	writer_u16(&numbers, total);
	if (ike_sk_seal(A(sim)->crypto, &sa->suite.protect, &keys, &sa->iv_counter,
			&A(sim)->callbacks.random, &m, &out)) {
		sim_fail(sim, "the fragment could not be built");
		return;
	}
	network_inject(sim, B(sim), &src, sa->path.natt, out, 1);
	sim_run(sim, 2 * MS);
}

/* Nothing is kept for what cannot be: no key exchange that was agreed needs so much. */
static void fragments_of_65535(struct sim *sim)
{
	struct script_filter f;

	peers(sim, "aes128gcm-prfsha256-x25519+mlkem512", "aes128gcm");
	struct ike_sa *sa = intermediate_held(sim, &f);
	struct ike_sa *other = sa_with(B(sim), sa->spi_i);
	fragment(sim, sa, 1, 65535);
	fragment(sim, sa, 65535, 65535);
	fragment(sim, sa, 2, 40);
	script_expect(sim, other->reassembly == NULL, "B puts them together");
	script_expect(sim, B(sim)->ike->assembling == 0, "B keeps pieces");
	/* What may be is bounded by octets too. */
	for (uint16_t i = 1; i < 5; i++)
		fragment(sim, sa, i, 5);
	script_expect(sim, B(sim)->ike->assembling <= 800 + 4096, "B keeps too much");
	expect_c(sim);
	sim->hook = NULL;
	expect_up(sim);
	script_expect(sim, B(sim)->ike->assembling == 0, "pieces are left");
}

/* RFC 7383 2.6: a larger total begins anew, a smaller one is ignored, so is a number beyond. */
static void fragments_of_other_counts(struct sim *sim)
{
	struct script_filter f;

	peers(sim, "aes128gcm-prfsha256-x25519+mlkem512", "aes128gcm");
	struct ike_sa *sa = intermediate_held(sim, &f);
	struct ike_sa *other = sa_with(B(sim), sa->spi_i);
	static const struct {
		uint16_t number, total, have, of;
	} steps[] = {{1, 3, 1, 3}, {2, 2, 1, 3}, {3, 3, 2, 3}, {3, 3, 2, 3}, {1, 4, 1, 4},
		     {2, 3, 1, 4}, {5, 4, 1, 4}, {0, 4, 1, 4}, {2, 0, 1, 4}, {4, 4, 2, 4}};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !sim->failed; i++) {
		fragment(sim, sa, steps[i].number, steps[i].total);
		const struct ike_reassembly *r = other->reassembly;
		if (r == NULL || r->have != steps[i].have || r->total != steps[i].of)
			sim_fail(sim, "after %u of %u there are %u of %u", steps[i].number,
				 steps[i].total, r == NULL ? 0 : r->have, r == NULL ? 0 : r->total);
	}
	expect_c(sim);
	sim->hook = NULL;
	expect_up(sim);
}

/* The 32-bit length of a KE payload says something else than what is there. */
static void lying_length(struct sim *sim)
{
	static const uint32_t claims[] = {0, 5, 9, 109, 111, 65536, 261130, 0x7fffffff, 0xffffffff};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]) && !sim->failed; i++) {
		struct sim *one = sim_new(i + 1, sim->trace);
		struct script_filter f;
		struct message m;
		static const uint8_t value[100];
		peers(one, "aes128gcm-prfsha256-x25519+mceliece348864", "aes128gcm");
		struct ike_sa *sa = intermediate_held(one, &f);
		script_expect(one, sa != NULL && sa->big_payload, "big payloads are not agreed");
		A(one)->misbehaves = true;
		script_begin(A(one), sa, &m, EXCHANGE_IKE_INTERMEDIATE, false, 1);
		struct writer *w = message_payload_begin_big(&m, PAYLOAD_KE);
		const size_t at = w->n - 4;
		ke_write(w, KE_MCELIECE_348864, BYTES_OF(value)); /* 110 octets in all */
		message_payload_end(&m);
		struct writer length = writer_of(m.w.p + at, 4);
		writer_u32(&length, claims[i]);
		script_expect(one, script_ask(A(one), sa, &m, B(one)) == NOTIFY_INVALID_SYNTAX,
			      "it is not answered with INVALID_SYNTAX");
		script_expect(one, B(one)->ike->assembling == 0, "B keeps something");
		expect_c(one);
		sim_run(one, 2 * MINUTE);
		up(one);
		expect_up(one);
		if (one->failed)
			sim_fail(sim, "a length of %u: %s", claims[i], one->reason);
		sim_free(one);
	}
}

/* ML-KEM alone, in IKE_SA_INIT: its key is no key, or of another length. */
static bool spoil;
static unsigned cut;

static bool on_init(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	uint8_t *octets = d->octets;

	(void)delay;
	if (!spoil || d->esp || d->from != A(sim) || octets[18] != EXCHANGE_IKE_SA_INIT)
		return true;
	size_t at = IKE_HEADER_LEN;
	for (uint8_t type = octets[16]; type != PAYLOAD_KE && at + 4 < d->len;) {
		type = octets[at];
		at += (size_t)octets[at + 2] << 8 | octets[at + 3];
	}
	if (cut == 0) {
		memset(octets + at + 8, 0xff, 2); /* FIPS 203 7.2: a coefficient of 4095 */
		return true;
	}
	/* The end of the KE payload goes. */
	const size_t len = (size_t)(octets[at + 2] << 8 | octets[at + 3]);
	memmove(octets + at + len - cut, octets + at + len, d->len - at - len);
	octets[at + 2] = (uint8_t)((len - cut) >> 8);
	octets[at + 3] = (uint8_t)(len - cut);
	d->len -= cut;
	octets[26] = (uint8_t)(d->len >> 8);
	octets[27] = (uint8_t)d->len;
	return true;
}

static void init_key(struct sim *sim, unsigned less)
{
	struct ike_totals before, after;

	peers(sim, "aes128gcm-prfsha256-mlkem512", "aes128gcm");
	ike_totals(B(sim)->ike, &before);
	spoil = true;
	cut = less;
	sim->hook = on_init;
	up(sim);
	sim_run(sim, 20 * SECOND);
	/* draft-ietf-ipsecme-ikev2-mlkem 2.2: rejected, and told. */
	script_expect(sim, strstr(A(sim)->last_failure, "INVALID_SYNTAX") != NULL,
		      A(sim)->last_failure[0] != '\0' ? A(sim)->last_failure : "A has no answer");
	ike_totals(B(sim)->ike, &after);
	script_expect(sim, after.sas == before.sas && after.half_open == 0, "B keeps an IKE SA");
	expect_c(sim);
	spoil = false;
	expect_up(sim);
	sim->hook = NULL;
}

static void init_invalid_key(struct sim *sim)
{
	init_key(sim, 0);
}

static void init_short_key(struct sim *sim)
{
	init_key(sim, 1);
}

/* The IKE SA has no large key exchange, its Child SA has: big payloads are agreed all the same. */
static void mceliece_of_a_child(struct sim *sim)
{
	peers(sim, "aes128gcm-prfsha256-x25519", "aes128gcm-x25519+mceliece348864");
	up(sim);
	expect_up(sim);
	script_expect(sim, peer_sa(A(sim))->big_payload, "big payloads are not agreed");
	for (size_t i = 0; i < 2; i++) {
		ike_rekey(sim->peers[i]->ike, "net", NULL, peer_now(sim->peers[i]));
		sim_run(sim, 5 * SECOND);
		ike_rekey(sim->peers[i]->ike, "net", "one", peer_now(sim->peers[i]));
		sim_run(sim, 5 * SECOND);
		script_expect(sim, sim->peers[i]->events[IKE_EVENT_CHILD_REKEYED] == 1, "no rekey");
		expect_up(sim);
		const struct child_sa *c = child_of_index(peer_sa(A(sim)), 0);
		script_expect(sim, c != NULL && c->suite.addke[0] == KE_MCELIECE_348864,
			      "the Child SA has another key exchange");
	}
	expect_c(sim);
	/* A private-use notify goes only where the configuration wants what it means. */
	script_expect(sim, !peer_sa(sim->peers[2])->big_payload, "C has agreed to big payloads");
}

const struct script scripts_bad[] = {
    {"fragments-that-claim-65535", fragments_of_65535},
    {"rfc7383-2.6-fragments-of-inconsistent-counts", fragments_of_other_counts},
    {"extended-payload-whose-length-lies", lying_length},
    {"init-request-invalid-mlkem-key", init_invalid_key},
    {"init-request-mlkem-key-of-wrong-length", init_short_key},
    {"mceliece-of-a-child-sa-alone", mceliece_of_a_child},
};
const size_t n_scripts_bad = sizeof(scripts_bad) / sizeof(scripts_bad[0]);
