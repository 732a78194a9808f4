#include "attacker.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/key.h"
#include "ike/auth_octets.h"
#include "ike/offer.h"
#include "ike/select.h"

#define MESSAGE_ROOM 4000
#define REPLAY_AFTER (200 * MS)

static void forget(struct attacker_message *m)
{
	free(m->octets);
	*m = (struct attacker_message){0};
}

static void remember(struct attacker_message *m, struct bytes octets)
{
	forget(m);
	m->octets = sim_alloc(octets.n);
	memcpy(m->octets, octets.p, octets.n);
	m->len = octets.n;
}

static struct bytes octets_of(const struct attacker_message *m)
{
	return bytes_of(m->octets, m->len);
}

static void replace(struct sim_datagram *d, struct bytes octets)
{
	uint8_t *copy = sim_alloc(octets.n);

	memcpy(copy, octets.p, octets.n);
	free(d->octets);
	d->octets = copy;
	d->len = octets.n;
}

static bool outer(const struct ike_header *h, struct bytes message, struct payloads *ps)
{
	const char *why;

	return payloads_parse(ps, PAYLOADS_OUTER, h->next_payload,
			      bytes_of(message.p + IKE_HEADER_LEN, message.n - IKE_HEADER_LEN),
			      &why) == ERR_NONE;
}

static bool is_announcement(const struct payload *p)
{
	struct notify_part n;

	return p->type == PAYLOAD_NOTIFY && notify_parse(p->body, &n, NULL) == ERR_NONE &&
	       n.type == NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH;
}

static bool announces(struct bytes message)
{
	struct ike_header h;
	struct payloads ps;
	const char *why;

	if (header_parse(&h, message, &why) || !outer(&h, message, &ps))
		return false;
	for (size_t i = 0; i < ps.n; i++)
		if (is_announcement(&ps.p[i]))
			return true;
	return false;
}

/* The message of IKE_SA_INIT once more, with another offer and another announcement. */
static struct bytes rewritten(struct sim *sim, struct bytes message, const char *offer,
			      enum attacker_notify what, uint8_t room[MESSAGE_ROOM])
{
	struct bytes out = message, word;
	struct ike_suites suites;
	struct ike_header h;
	struct payloads ps;
	struct message m;
	const char *why = "";

	if ((offer == NULL && what == NOTIFY_LEAVE) || header_parse(&h, message, &why) ||
	    !outer(&h, message, &ps))
		return message;
	message_begin(&m, room, MESSAGE_ROOM, &h);
	for (size_t i = 0; i < ps.n; i++) {
		if (is_announcement(&ps.p[i]) && what != NOTIFY_LEAVE)
			continue;
		if (ps.p[i].type == PAYLOAD_SA && offer != NULL) {
			if (ike_suites_parse(&suites, PROTOCOL_IKE, offer, &word, &why))
				abort();
			ike_offer_write(message_payload_begin(&m, PAYLOAD_SA), &suites,
					(struct bytes){0}, true);
			message_payload_end(&m);
			continue;
		}
		message_payload(&m, ps.p[i].type, ps.p[i].body);
	}
	if (what == NOTIFY_ADD)
		message_notify(&m, NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, (struct bytes){0});
	if (what == NOTIFY_WITH_DATA)
		message_notify(&m, NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, BYTES_LITERAL("later"));
	if (message_end(&m, &out))
		sim_fail(sim, "the attacker's message could not be built");
	return out;
}

/* The responder is of another kind: what it sent, it has always meant to send. */
static void be_of_a_kind(struct sim *sim, const struct attacker *a, const struct ike_header *h,
			 struct sim_datagram *d)
{
	struct ike_sa *sa = sa_find(a->responder->ike, h->spi_r);
	uint8_t room[MESSAGE_ROOM];

	if (a->responder_kind == NOTIFY_LEAVE || sa == NULL || sa->setup == NULL)
		return;
	replace(d, rewritten(sim, bytes_of(d->octets, d->len), NULL, a->responder_kind, room));
	mem_free(sa->setup->message_2);
	sa->setup->message_2 = mem_copy(bytes_of(d->octets, d->len));
	sa->setup->message_2_len = d->len;
	if (a->responder_kind == NOTIFY_STRIP)
		sa->transcript = false;
}

/* Keys from the broken secret, when the answer is one by the weak method alone. */
static void break_it(struct attacker *a, const struct ike_header *h)
{
	const struct ike_terms terms = {
	    .protocol = PROTOCOL_IKE, .with_ke = true, .ke_sent = a->weak};
	const struct bytes messages[] = {octets_of(&a->got_1), octets_of(&a->sent_2)};
	struct ike_exchange_values v = {.spi_i = h->spi_i, .spi_r = h->spi_r};
	struct ike_suites suites;
	struct ike_choice choice;
	struct ike_header header;
	struct payloads ps;
	struct ke_part ke;
	struct bytes word;
	const char *why;

	ike_keys_free(&a->keys);
	for (size_t i = 0; i < 2; i++) {
		if (header_parse(&header, messages[i], &why) || !outer(&header, messages[i], &ps))
			return;
		const struct payload *nonce = payloads_find(&ps, PAYLOAD_NONCE);
		if (nonce == NULL)
			return;
		*(i == 0 ? &v.nonce_i : &v.nonce_r) = nonce->body;
	}
	const struct payload *p = payloads_find(&ps, PAYLOAD_KE);
	if (a->offer == NULL || p == NULL || ke_parse(p->body, &ke, &why) || ke.method != a->weak ||
	    !bytes_equal(ke.data, bytes_of(a->value_r, a->value_len)) ||
	    ike_suites_parse(&suites, PROTOCOL_IKE, a->offer, &word, &why) ||
	    ike_check_answer(&suites, &terms, payloads_find(&ps, PAYLOAD_SA)->body, &choice, &why))
		return;
	a->suite = choice.suite;
	if (ike_keys_first(a->initiator->crypto, &a->suite, bytes_of(a->secret, a->secret_len), &v,
			   &a->keys))
		abort();
}

static void on_request(struct sim *sim, struct attacker *a, struct sim_datagram *d)
{
	uint8_t room[MESSAGE_ROOM];

	remember(&a->sent_1, bytes_of(d->octets, d->len));
	const struct bytes other =
	    rewritten(sim, octets_of(&a->sent_1), a->offer, a->in_request, room);
	a->altered += !bytes_equal(other, octets_of(&a->sent_1));
	replace(d, other);
	remember(&a->got_1, other);
}

static void on_answer(struct sim *sim, struct attacker *a, const struct ike_header *h,
		      struct sim_datagram *d, uint64_t *delay)
{
	const struct endpoint src = d->src;
	uint8_t room[MESSAGE_ROOM];

	be_of_a_kind(sim, a, h, d);
	remember(&a->sent_2, bytes_of(d->octets, d->len));
	break_it(a, h);
	if (a->inject) {
		network_inject(sim, a->initiator, &src, d->natt,
			       rewritten(sim, octets_of(&a->sent_2), NULL, NOTIFY_STRIP, room), 1);
		*delay += 20 * MS;
	}
	replace(d, rewritten(sim, octets_of(&a->sent_2), NULL, a->in_response, room));
	remember(&a->got_2, bytes_of(d->octets, d->len));
}

/* The proof of one side over what the other side has seen; NULL: he cannot. */
static struct ike_job *prove(const struct attacker *a, bool of_initiator, const struct payloads *ps,
			     const struct auth_part *old)
{
	const struct attacker_message *own = of_initiator ? &a->got_1 : &a->sent_2;
	const struct attacker_message *other = of_initiator ? &a->sent_2 : &a->got_1;
	const struct sim_peer *victim = of_initiator ? a->responder : a->initiator;
	const struct ike_connection *c = a->key_of->conns[0];
	struct ike_job *job =
	    ike_job_new(old->method == AUTH_SHARED_KEY_MIC ? IKE_JOB_SHARED_KEY : IKE_JOB_SIGN);
	struct payloads outer_ps;
	struct ike_header h;
	struct bytes value;
	const char *why;

	if (!of_initiator) { /* as the initiator has seen them */
		own = &a->got_2;
		other = &a->sent_1;
	}
	/* The nonce of the other side, which he leaves alone. */
	const struct attacker_message *m = of_initiator ? &a->sent_2 : &a->sent_1;
	if (job == NULL || header_parse(&h, octets_of(m), &why) ||
	    !outer(&h, octets_of(m), &outer_ps))
		abort();
	const bool both = announces(octets_of(own)) && announces(octets_of(other));
	const struct auth_octets_of of = {
	    .message = octets_of(own),
	    .received = both ? octets_of(other) : (struct bytes){0},
	    .nonce = payloads_find(&outer_ps, PAYLOAD_NONCE)->body,
	    .prf = a->suite.prf,
	    .sk_p = ike_keys_p(&a->keys, of_initiator),
	    .id_body = payloads_find(ps, of_initiator ? PAYLOAD_IDI : PAYLOAD_IDR)->body,
	};
	if (auth_octets(victim->crypto, &of, &job->octets, &job->octets_len))
		abort();
	job->prf = a->suite.prf;
	job->local = identity_copy(c->local_id);
	job->remote = identity_copy(c->remote_id);
	job->scheme = signature_recognise(old->method, old->data, &value);
	if (c->local_auth.n_credentials > 0)
		job->key = mem_text(c->local_auth.credentials[0].key);
	ike_job_run(job, victim->crypto, a->key_of->keys, 0);
	if (job->result)
		abort();
	return job;
}

/* Opens what he can, and puts his proof in the place of the real one where he can make it. */
static void on_auth(struct sim *sim, struct attacker *a, const struct ike_header *h,
		    struct sim_datagram *d)
{
	const bool request = !header_is_response(h);
	const struct protect_keys keys = ike_keys_protect(&a->keys, request);
	const struct random_source random = {rng_fill, &sim->rng};
	struct ike_sk_opened in;
	struct auth_part auth;
	struct bytes octets;
	struct message m;
	uint8_t copy[MESSAGE_ROOM], room[MESSAGE_ROOM];
	const char *why;

	if (a->keys.block == NULL || d->len > sizeof(copy) || h->next_payload != PAYLOAD_SK)
		return;
	memcpy(copy, d->octets, d->len);
	if (ike_sk_open(d->from->crypto, &a->suite.protect, &keys, h, copy, d->len, &in, &why))
		return;
	a->read++;
	const struct payload *p = payloads_find(&in.payloads, PAYLOAD_AUTH);
	if (p == NULL || auth_parse(p->body, &auth, &why) || a->key_of == NULL)
		return;
	/* A signature he makes only for whose key he holds; a shared key is that of both. */
	if (auth.method != AUTH_SHARED_KEY_MIC && a->key_of != d->from)
		return;
	struct ike_job *job = prove(a, request, &in.payloads, &auth);
	message_begin(&m, room, sizeof(room), h);
	message_sk_begin(&m, ike_sk_iv_len(&a->suite.protect));
	for (size_t i = 0; i < in.payloads.n; i++) {
		p = &in.payloads.p[i];
		if (p->type == PAYLOAD_AUTH) {
			auth_write(message_payload_begin(&m, PAYLOAD_AUTH), auth.method,
				   bytes_of(job->data, job->data_len));
			message_payload_end(&m);
		} else {
			message_payload(&m, p->type, p->body);
		}
	}
	if (ike_sk_seal(d->from->crypto, &a->suite.protect, &keys, &a->iv, &random, &m, &octets))
		sim_fail(sim, "the attacker's IKE_AUTH could not be sealed");
	else
		replace(d, octets);
	ike_job_free(job);
	a->forged++;
}

static bool on_datagram(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct attacker *a = sim->hook_ctx;
	struct ike_header h;
	struct payloads ps;
	const char *why;

	if (d->esp || header_parse(&h, bytes_of(d->octets, d->len), &why))
		return true;
	if (a->drop > 0) {
		a->drop--;
		return false;
	}
	if (h.exchange == EXCHANGE_IKE_SA_INIT && outer(&h, bytes_of(d->octets, d->len), &ps) &&
	    payloads_find(&ps, PAYLOAD_SA) != NULL) {
		if (header_is_response(&h))
			on_answer(sim, a, &h, d, delay);
		else
			on_request(sim, a, d);
	} else if (h.exchange == EXCHANGE_IKE_AUTH) {
		on_auth(sim, a, &h, d);
	}
	if (a->replay)
		network_inject(sim, d->from == a->initiator ? a->responder : a->initiator, &d->src,
			       d->natt, bytes_of(d->octets, d->len), REPLAY_AFTER);
	return true;
}

static void on_secret(struct sim *sim, const struct ike_job *job)
{
	struct attacker *a = sim->hook_ctx;

	if (job->type != IKE_JOB_KE_RESPOND || job->result || a->weak == KE_NONE ||
	    job->ke->id != a->weak || job->ke->resp_len > ATTACKER_VALUE_MAX)
		return;
	a->value_len = job->ke->resp_len;
	memcpy(a->value_r, job->value, a->value_len);
	a->secret_len = job->ke->secret_len;
	memcpy(a->secret, job->secret, a->secret_len);
}

void attacker_sit(struct sim *sim, struct attacker *a)
{
	a->iv = UINT64_C(1) << 40; /* far from where the peers are */
	sim->hook = on_datagram;
	sim->hook_ctx = a;
	sim->job_hook = on_secret;
}

void attacker_leave(struct sim *sim, struct attacker *a)
{
	sim->hook = NULL;
	sim->job_hook = NULL;
	forget(&a->sent_1);
	forget(&a->got_1);
	forget(&a->sent_2);
	forget(&a->got_2);
	ike_keys_free(&a->keys);
}

static bool owned(const struct attacker *a, struct sim_peer *p)
{
	const struct ike_sa *sa = peer_sa(p);

	return sa != NULL && a->keys.block != NULL && sa->suite.ke->id == a->weak &&
	       sa->keys.len == a->keys.len &&
	       memcmp(sa->keys.block, a->keys.block, a->keys.len) == 0;
}

bool attacker_owns(const struct attacker *a)
{
	return owned(a, a->initiator) && owned(a, a->responder);
}
