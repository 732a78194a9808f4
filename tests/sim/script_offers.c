/* Lists of proposals at their worst, through the whole responder (negative-tests N16). */
#include <stdio.h>
#include <time.h>

#include "crypto/algorithm.h"
#include "ike/child.h"
#include "script.h"
#include "wire/sa.h"
#include "wire/ts.h"

/* What the responder said to one list. */
struct verdict {
	unsigned answers;
	uint16_t notify; /* 0: none */
	uint8_t number;  /* of the proposal that it took */
	uint16_t ids[TRANSFORM_ADDKE1];
	unsigned n_transforms;
};

static bool watch(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct verdict *v = sim->hook_ctx;
	struct ike_header h;
	const char *why;
	struct sa_proposal p;
	struct sa_transform t;

	(void)delay;
	if (d->esp || d->from != sim->peers[1] ||
	    header_parse(&h, bytes_of(d->octets, d->len), &why) || !header_is_response(&h))
		return true;
	v->answers++;
	const uint8_t *body = d->octets + IKE_HEADER_LEN + 4;
	const size_t n = (size_t)(body[-2] << 8 | body[-1]) - 4;
	if (h.next_payload == PAYLOAD_NOTIFY)
		v->notify = (uint16_t)(body[2] << 8 | body[3]);
	struct reader pr = sa_proposals(bytes_of(body, h.next_payload == PAYLOAD_SA ? n : 0));
	if (!sa_proposal_next(&pr, &p))
		return true;
	v->number = p.number;
	for (struct reader tr = sa_transforms(&p); sa_transform_next(&tr, &t); v->n_transforms++)
		if (t.type < TRANSFORM_ADDKE1)
			v->ids[t.type] = t.id;
	return true;
}

typedef void write_list(struct sa_writer *s, unsigned size);

/* An IKE_SA_INIT request of a new address with this list, to B. */
static size_t request(struct sim *sim, write_list *list, unsigned size)
{
	static uint8_t buf[65536];
	static uint32_t caller;
	struct message m;
	struct bytes out;
	uint8_t nonce[32] = {1}, ke[32] = {9};
	const struct ike_header h = {.spi_i = UINT64_C(0x1122334400000000) + ++caller,
				     .exchange = EXCHANGE_IKE_SA_INIT,
				     .flags = HEADER_INITIATOR};
	const struct endpoint src = {addr_v4(0x0a000000 + caller), 500};

	message_begin(&m, buf, sizeof(buf), &h);
	struct sa_writer s = sa_write_begin(message_payload_begin(&m, PAYLOAD_SA));
	list(&s, size);
	sa_write_end(&s);
	message_payload_end(&m);
	ke_write(message_payload_begin(&m, PAYLOAD_KE), 31, BYTES_OF(ke));
	message_payload_end(&m);
	message_payload(&m, PAYLOAD_NONCE, BYTES_OF(nonce));
	if (message_end(&m, &out)) {
		sim_fail(sim, "the list could not be written");
		return 0;
	}
	network_inject(sim, sim->peers[1], &src, false, out, 1);
	return out.n;
}

static struct verdict ask(struct sim *sim, write_list *list, unsigned size)
{
	struct verdict v = {0};

	sim->hook = watch;
	sim->hook_ctx = &v;
	request(sim, list, size);
	sim_run(sim, SECOND);
	sim->hook = NULL;
	return v;
}

/* B answers anybody, with the usual algorithms. */
static void responder(struct sim *sim)
{
	struct sim_wish w = config_usual;

	peer_add(sim, "A");
	peer_add(sim, "B");
	w.answer_only = true;
	w.remote_id = NULL;
	peer_connection(sim->peers[1], config_make(sim->peers[1], sim->peers[0], &w));
	peer_start(sim->peers[0]);
	peer_start(sim->peers[1]);
}

static void expect_taken(struct sim *sim, const struct verdict *v, uint8_t number)
{
	script_expect(sim, v->answers == 1, "it is not answered");
	script_expect(sim, v->notify == 0, "it is refused");
	script_expect(sim, v->number == number, "another proposal was taken");
	script_expect(sim,
		      v->ids[TRANSFORM_ENCR] == ENCR_AES_GCM_16 &&
			  v->ids[TRANSFORM_PRF] == PRF_HMAC_SHA2_256 && v->ids[TRANSFORM_KE] == 31,
		      "other transforms were taken");
}

static void write_usual(struct sa_writer *s, uint8_t number)
{
	sa_write_proposal(s, number, PROTOCOL_IKE, (struct bytes){0});
	sa_write_transform(s, TRANSFORM_ENCR, ENCR_AES_GCM_16, 128);
	sa_write_transform(s, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
	sa_write_transform(s, TRANSFORM_KE, 31, 0);
}

static void everything(struct sa_writer *s, unsigned size)
{
	size_t n;

	(void)size;
	sa_write_proposal(s, 1, PROTOCOL_IKE, (struct bytes){0});
	const struct encr_desc *encr = encr_all(&n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3 && (k == 0 || encr[i].key_bits[k] != 0); k++)
			sa_write_transform(s, TRANSFORM_ENCR, encr[i].id,
					   encr[i].has_key_length ? encr[i].key_bits[k] : 0);
	const struct prf_desc *prf = prf_all(&n);
	for (size_t i = 0; i < n; i++)
		sa_write_transform(s, TRANSFORM_PRF, prf[i].id, 0);
	const struct integ_desc *integ = integ_all(&n);
	for (size_t i = 0; i < n; i++)
		sa_write_transform(s, TRANSFORM_INTEG, integ[i].id, 0);
	sa_write_transform(s, TRANSFORM_INTEG, 0, 0);
	const struct ke_desc *ke = ke_all(&n);
	for (size_t i = 0; i < n; i++)
		sa_write_transform(s, TRANSFORM_KE, ke[i].id, 0);
}

/* As many proposals as there can be, of which only the last has any transforms. */
static void many_proposals(struct sa_writer *s, unsigned size)
{
	(void)size;
	for (unsigned i = 1; i < 255; i++)
		sa_write_proposal(s, (uint8_t)i, PROTOCOL_IKE, (struct bytes){0});
	write_usual(s, 255);
}

/* `size` proposals, none of which fits: from 128 on more than a stranger may send. */
static void wrong_proposals(struct sa_writer *s, unsigned size)
{
	for (unsigned i = 1; i <= size; i++) {
		sa_write_proposal(s, (uint8_t)i, PROTOCOL_IKE, (struct bytes){0});
		sa_write_transform(s, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256);
		sa_write_transform(s, TRANSFORM_PRF, PRF_HMAC_SHA2_512, 0);
		sa_write_transform(s, TRANSFORM_KE, 14, 0);
	}
}

/* As many transforms as there can be, the last of each type fits; size 0: none does. */
static void many_transforms(struct sa_writer *s, unsigned size)
{
	sa_write_proposal(s, 1, PROTOCOL_IKE, (struct bytes){0});
	for (unsigned i = 0; i < 84; i++) {
		sa_write_transform(s, TRANSFORM_ENCR, (uint16_t)(2000 + i), 128);
		sa_write_transform(s, TRANSFORM_PRF, (uint16_t)(2000 + i), 0);
		sa_write_transform(s, TRANSFORM_KE, (uint16_t)(2000 + i), 0);
	}
	sa_write_transform(s, TRANSFORM_ENCR, ENCR_AES_GCM_16, size != 0 ? 128 : 192);
	sa_write_transform(s, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
	sa_write_transform(s, TRANSFORM_KE, 31, 0);
}

static void repeated(struct sa_writer *s, unsigned size)
{
	(void)size;
	sa_write_proposal(s, 1, PROTOCOL_IKE, (struct bytes){0});
	for (unsigned i = 0; i < 85; i++) {
		sa_write_transform(s, TRANSFORM_ENCR, ENCR_AES_GCM_16, 128);
		sa_write_transform(s, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
		sa_write_transform(s, TRANSFORM_KE, 31, 0);
	}
}

/* A proposal of nothing, before one that fits; size 0: alone. */
static void zero(struct sa_writer *s, unsigned size)
{
	sa_write_proposal(s, 1, PROTOCOL_IKE, (struct bytes){0});
	if (size != 0)
		write_usual(s, 2);
}

/* 3 * `size` transforms, which do not fit for want of a PRF. */
static void no_prf(struct sa_writer *s, unsigned size)
{
	sa_write_proposal(s, 1, PROTOCOL_IKE, (struct bytes){0});
	for (unsigned k = 0; k < size; k++) {
		sa_write_transform(s, TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0);
		sa_write_transform(s, TRANSFORM_KE, 31, 0);
		sa_write_transform(s, TRANSFORM_KE, 14, 0);
	}
}

static void n16_right_answer(struct sim *sim)
{
	struct verdict v;

	responder(sim);
	v = ask(sim, everything, 0);
	expect_taken(sim, &v, 1);
	v = ask(sim, many_proposals, 0);
	expect_taken(sim, &v, 255);
	v = ask(sim, wrong_proposals, 100);
	script_expect(sim, v.notify == NOTIFY_NO_PROPOSAL_CHOSEN, "one of 100 was taken");
	v = ask(sim, many_transforms, 1);
	expect_taken(sim, &v, 1);
	script_expect(sim, v.n_transforms == 3, "not one transform of each type");
	v = ask(sim, many_transforms, 0);
	script_expect(sim, v.notify == NOTIFY_NO_PROPOSAL_CHOSEN, "strange ones were taken");
	v = ask(sim, repeated, 0);
	expect_taken(sim, &v, 1);
	script_expect(sim, v.n_transforms == 3, "not one transform of each type");
	v = ask(sim, zero, 1);
	expect_taken(sim, &v, 2);
	v = ask(sim, zero, 0);
	script_expect(sim, v.notify == NOTIFY_NO_PROPOSAL_CHOSEN, "nothing was taken");
}

/* Processor time for one request, in nanoseconds: the least of several. */
static double cost_of(struct sim *sim, write_list *list, unsigned size, size_t *octets)
{
	double least = 1e18;

	for (unsigned i = 0; i < 20; i++) {
		struct timespec begun, done;
		*octets = request(sim, list, size);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
		sim_run(sim, 100);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &done);
		const double spent = (double)(done.tv_sec - begun.tv_sec) * 1e9 +
				     (double)(done.tv_nsec - begun.tv_nsec);
		least = spent < least ? spent : least;
		sim_run(sim, SECOND);
	}
	return least;
}

static void expect_linear(struct sim *sim, write_list *list, unsigned size)
{
	size_t small, large;
	const double a = cost_of(sim, list, size / 4, &small);
	const double b = cost_of(sim, list, size, &large);

	printf("# a list of %zu octets takes %.0f us, one of %zu takes %.0f us\n", small, a / 1000,
	       large, b / 1000);
	/* linear is 4 times as much at most, quadratic would be 16 */
	script_expect(sim, b < 8 * a, "the work grows faster than the list");
}

/* Refused with an explanation, which is the most work that a list can be; and longer than what is
 * read at all. */
static void n16_linear(struct sim *sim)
{
	responder(sim);
	expect_linear(sim, no_prf, 84);
	expect_linear(sim, wrong_proposals, 100);
	const struct verdict v = ask(sim, wrong_proposals, 255);
	script_expect(sim, v.answers == 0, "a list of 8 KB from a stranger is answered");
	script_expect(sim, peer_count_sas(sim->peers[1], -1) == 0, "an IKE SA came of it");
}

/* 255 proposals for a Child SA, each with transforms of its own, of which the last one fits or none
 * does: A asks B, in fragments if need be. */
static uint16_t ask_for_child(struct sim *sim, bool fits)
{
	struct ike_sa *sa = peer_sa(sim->peers[0]);
	const uint8_t nonce[32] = {7};
	struct child_draft d;
	struct message m;

	script_begin(sim->peers[0], sa, &m, EXCHANGE_CREATE_CHILD_SA, false, sa->send_id++);
	struct sa_writer s = sa_write_begin(message_payload_begin(&m, PAYLOAD_SA));
	for (unsigned i = 1; i <= 255; i++) {
		const bool last = fits && i == 255;
		sa_write_proposal(&s, (uint8_t)i, PROTOCOL_ESP, BYTES_LITERAL("\1\2\3\4"));
		sa_write_transform(&s, TRANSFORM_ENCR, ENCR_AES_GCM_16, last ? 128 : 256);
		sa_write_transform(&s, TRANSFORM_SN, SN_64_PARTIAL, 0);
		sa_write_transform(&s, TRANSFORM_SN, SN_32, 0);
	}
	sa_write_end(&s);
	message_payload_end(&m);
	message_payload(&m, PAYLOAD_NONCE, BYTES_OF(nonce));
	child_draft_start(sa, &d, 0, 0);
	ts_write(message_payload_begin(&m, PAYLOAD_TSI), d.local, d.n_local, (struct bytes){0});
	message_payload_end(&m);
	ts_write(message_payload_begin(&m, PAYLOAD_TSR), d.remote, d.n_remote, (struct bytes){0});
	message_payload_end(&m);
	return script_ask(sim->peers[0], sa, &m, sim->peers[1]);
}

static void n16_child(struct sim *sim)
{
	script_up(sim);
	script_expect(sim, ask_for_child(sim, false) == NOTIFY_NO_PROPOSAL_CHOSEN,
		      "a list that does not fit is not refused with NO_PROPOSAL_CHOSEN");
	script_expect(sim, plane_count(&sim->peers[1]->plane) == 1, "a Child SA came of it");
	script_expect(sim, ask_for_child(sim, true) == 0, "the last of 255 proposals is refused");
	script_expect(sim, plane_count(&sim->peers[1]->plane) == 2, "no Child SA came of it");
}

const struct script scripts_offers[] = {
    {"N16-the-right-answer-to-any-list", n16_right_answer},
    {"N16-linear-work", n16_linear},
    {"N16-255-proposals-for-a-child", n16_child},
};
const size_t n_scripts_offers = sizeof(scripts_offers) / sizeof(scripts_offers[0]);
