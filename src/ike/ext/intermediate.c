#include "ike/ext/intermediate.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/auth.h"
#include "ike/ext/auth_methods.h"
#include "ike/ext/ext.h"
#include "ike/ext/kem_auth.h"
#include "ike/ext/ppk_intermediate.h"
#include "ike/ext/tcp.h"
#include "ike/init.h"

/* IKE header and generic header of SK: what A holds, for nothing may stand between (RFC
 * 9242 3.3.2). */
#define A_LEN (IKE_HEADER_LEN + PAYLOAD_HEADER_LEN)

static bool may_want(const struct ike_connection *c)
{
	return ike_suites_have_addke(&c->ike) || ppk_wants_intermediate(c) ||
	       kem_auth_wants_intermediate(c);
}

static void write_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	/* RFC 9242 3.1: the responder answers in kind; the initiator has it where it may be needed.
	 */
	if ((at == AT_INIT_REQUEST && may_want(sa->config)) ||
	    (at == AT_INIT_RESPONSE && sa->intermediate))
		message_notify(m, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, (struct bytes){0});
}

static bool read_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED)
		return false;
	if (at == AT_INIT_REQUEST || (at == AT_INIT_RESPONSE && may_want(sa->config)))
		sa->intermediate = true;
	return true;
}

const struct ike_extension ext_intermediate = {
    .name = "intermediate",
    .document = "RFC 9242",
    .write = write_notify,
    .notify = read_notify,
};

/* Takes one message into the chain of its direction. header: its first IKE_HEADER_LEN octets,
 * whatever their length and Next Payload; first and flags: what SK's generic header begins with; p:
 * its inner payloads. Uses the SK_p in force, which are those from before this exchange's own keys
 * (RFC 9242 3.3.2). */
static enum err chain(struct ike *ike, struct ike_sa *sa, bool request, const uint8_t *header,
		      uint8_t first, uint8_t flags, struct bytes p)
{
	struct ike_setup *s = sa->setup;
	const struct prf_desc *prf_used = sa->suite.prf;
	uint8_t *value = request ? s->int_auth_i : s->int_auth_r;
	bool *there = request ? &s->has_int_auth_i : &s->has_int_auth_r;
	uint8_t a[A_LEN + 2];
	uint8_t next[PRF_MAX];
	struct writer w = writer_of(a, sizeof(a));

	const bool big = p.n > PAYLOAD_LEN_MAX - PAYLOAD_HEADER_LEN;
	const size_t sk = big ? PAYLOAD_BIG_HEADER_LEN : PAYLOAD_HEADER_LEN;

	writer_bytes(&w, bytes_of(header, IKE_HEADER_LEN));
	/* As if IV, padding and ICV had no length, and the message had never been fragmented. */
	writer_patch_u8(&w, IKE_NEXT_AT, PAYLOAD_SK);
	writer_patch_u32(&w, IKE_LENGTH_AT, (uint32_t)(IKE_HEADER_LEN + sk + p.n));
	writer_u8(&w, first);
	/* RFC 9242 knows no length over 16 bits here. Our own choice: the header that the message
	 * would have in the big format, unfragmented. */
	writer_u8(&w, big ? PAYLOAD_BIG : flags);
	if (big)
		writer_u32(&w, (uint32_t)(sk + p.n));
	else
		writer_u16(&w, (uint16_t)(sk + p.n));
	const struct bytes parts[] = {
	    bytes_of(value, *there ? prf_used->out_len : 0),
	    writer_bytes_so_far(&w),
	    p,
	};
	/* The original initiator sends all requests (RFC 9242 3.1). */
	enum err e = prf(ike->crypto, prf_used, ike_keys_p(&sa->keys, request), parts, 3, next);
	if (e == ERR_NONE) {
		memcpy(value, next, prf_used->out_len);
		*there = true;
	}
	return e;
}

/* The same for a message of ours, built but not yet sealed. */
static enum err chain_own(struct ike *ike, struct ike_sa *sa, bool request, const struct message *m)
{
	uint8_t first;
	const struct bytes p = message_inner(m, &first);

	return chain(ike, sa, request, m->w.p, first, 0, p);
}

/* And for one that came: fragments are put together without a generic header (RFC 9242 3.3.2). */
enum err intermediate_chain(struct ike *ike, struct ike_sa *sa, bool request,
			    const struct ike_inbound *in)
{
	const bool whole = in->sk.inner.p > in->octets + IKE_HEADER_LEN;
	const uint8_t flags = whole ? in->octets[IKE_HEADER_LEN + 1] : 0;

	return chain(ike, sa, request, in->octets, in->sk.first, flags, in->sk.inner);
}

static struct bytes int_auth(const struct ike_sa *sa, const uint8_t *first, const uint8_t *second,
			     uint8_t out[INT_AUTH_MAX])
{
	struct writer w = writer_of(out, INT_AUTH_MAX);

	if (!sa->setup->has_int_auth_i)
		return (struct bytes){0};
	writer_bytes(&w, bytes_of(first, sa->suite.prf->out_len));
	writer_bytes(&w, bytes_of(second, sa->suite.prf->out_len));
	writer_u32(&w, sa->setup->auth_message_id);
	return writer_bytes_so_far(&w);
}

struct bytes intermediate_auth(const struct ike_sa *sa, uint8_t out[INT_AUTH_MAX])
{
	return int_auth(sa, sa->setup->int_auth_i, sa->setup->int_auth_r, out);
}

struct bytes intermediate_auth_swapped(const struct ike_sa *sa, uint8_t out[INT_AUTH_MAX])
{
	return int_auth(sa, sa->setup->int_auth_r, sa->setup->int_auth_i, out);
}

bool intermediate_missing(const struct ike_sa *sa)
{
	unsigned next;

	return ike_suite_addke(&sa->suite, sa->setup->addke_place, &next) != NULL;
}

void intermediate_fail(struct ike *ike, struct ike_sa *sa, const char *why)
{
	struct ike_conn *conn = sa->conn;

	sa_kill(ike, sa, why);
	if (conn != NULL)
		ike_conn_failed(ike, conn, "%s", why);
}

/* RFC 9370 2.2.2: SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), and all seven keys anew; nonces
 * and SPIs stay those of IKE_SA_INIT. */
static enum err keys_next(struct ike *ike, struct ike_sa *sa, struct bytes secret,
			  struct ike_keys *out)
{
	const struct ike_setup *s = sa->setup;
	const struct ike_exchange_values v = {
	    .nonce_i = bytes_of(s->nonce_i, s->nonce_i_len),
	    .nonce_r = bytes_of(s->nonce_r, s->nonce_r_len),
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	};
	struct ike_keys fresh = {0};
	enum err e = ike_keys_rekey(ike->crypto, &sa->suite, sa->suite.prf, &sa->keys,
				    (struct ke_secrets){.first = secret}, &v, &fresh);

	if (e)
		return e;
	ike_keys_free(out);
	*out = fresh;
	return ERR_NONE;
}

static void place_done(struct ike_sa *sa)
{
	unsigned next = IKE_ADDKE_MAX;

	ike_suite_addke(&sa->suite, sa->setup->addke_place, &next);
	sa->setup->addke_place = next;
}

/* The next exchange: its additional key exchange, or NULL; `ppk`: it is the last one and holds
 * PPKs, alone where there is no key exchange (RFC 9867); `list`: there is neither, but it is made
 * for the responder's list of authentication methods (RFC 9593 3.1). */
struct due {
	const struct ke_desc *ke;
	bool last, ppk, list;
};

static struct due due_next(const struct ike_sa *sa)
{
	unsigned next = 0, after;
	struct due d = {.ke = ike_suite_addke(&sa->suite, sa->setup->addke_place, &next)};

	d.last = d.ke == NULL || ike_suite_addke(&sa->suite, next, &after) == NULL;
	d.ppk = d.last && ppk_intermediate_due(sa);
	d.list = d.ke == NULL && !d.ppk && sa->intermediate && auth_methods_due(sa);
	return d;
}

/* --- Initiator ------------------------------------------------------------------------------- */

void intermediate_send(struct ike *ike, struct ike_sa *sa, struct message *m)
{
	struct ike_task *t = task_add(ike, sa, TASK_INTERMEDIATE, 0);

	if (t == NULL || chain_own(ike, sa, true, m) || task_send(ike, sa, t, m))
		intermediate_fail(ike, sa, "the IKE_INTERMEDIATE request could not be built");
}

enum err intermediate_respond(struct ike *ike, struct ike_sa *sa, struct message *m)
{
	const enum err e = chain_own(ike, sa, false, m);

	return e ? e : sa_respond(ike, sa, m);
}

/* job: what made our KE payload, or NULL for an exchange without one. */
static void request_build(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct message m;

	sa_message_begin_for(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, false, sa->send_id,
			     job == NULL ? 0 : job->ke->init_len);
	if (job != NULL) {
		message_ke(&m, job->ke, bytes_of(job->value, job->ke->init_len));
		/* A copy of a megabyte that nobody needs any more. */
		mem_free(job->value);
		job->value = NULL;
	}
	ext_write(ike, sa, AT_INTERMEDIATE_REQUEST, &m);
	intermediate_send(ike, sa, &m);
}

static void request_send(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	if (job->result) {
		intermediate_fail(ike, sa, job->reason);
		return;
	}
	sa->setup->private = job->private;
	job->private = NULL;
	request_build(ike, sa, job);
}

static void ppk_confirmed(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	if (job->result) {
		intermediate_fail(ike, sa, job->reason);
		return;
	}
	ppk_intermediate_confirmed(sa, job);
	intermediate_run(ike, sa);
}

void intermediate_run(struct ike *ike, struct ike_sa *sa)
{
	const struct due due = due_next(sa);
	struct ike_job *job;
	enum err e = ERR_NONE;

	if (due.ppk && ppk_intermediate_confirm(ike, sa, ppk_confirmed, &e)) {
		if (e)
			intermediate_fail(ike, sa, "out of memory");
		return;
	}
	if (due.ke == NULL) {
		if (due.ppk || due.list)
			request_build(ike, sa, NULL);
		else
			kem_auth_run(ike, sa);
		return;
	}
	job = ike_job_new(IKE_JOB_KE_GENERATE);
	if (job != NULL) {
		job->ke = due.ke;
		ike_random(ike, job->seed, sizeof(job->seed));
	}
	if (ike_job_submit(ike, sa, job, request_send))
		intermediate_fail(ike, sa, "out of memory");
}

static void response_over(struct ike *ike, struct ike_sa *sa, bool ppk)
{
	struct ike_task *t = task_find(sa, TASK_INTERMEDIATE, 0);

	if (ppk)
		sa->setup->ppk.done = true;
	if (t != NULL)
		task_done(ike, sa, t);
	intermediate_run(ike, sa);
}

static void response_mixed(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	const struct ike_ppk *taken = &sa->setup->ppk.taken;

	if (job->result || ppk_intermediate_derive(ike, sa, job, &sa->keys)) {
		intermediate_fail(ike, sa,
				  job->result ? job->reason : "the keys could not be derived");
		return;
	}
	ppk_note_used(sa, PPK_IN_INTERMEDIATE, bytes_of(taken->id, taken->id_len));
	response_over(ike, sa, true);
}

/* What there is to derive from the key exchange is derived; now the PPK, if there is one. */
static void response_mix(struct ike *ike, struct ike_sa *sa, bool ppk)
{
	enum err e = ERR_NONE;

	if (!ppk || !ppk_intermediate_mix(ike, sa, response_mixed, &e))
		response_over(ike, sa, ppk);
	else if (e)
		intermediate_fail(ike, sa, "out of memory");
}

static void response_finished(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	const bool ppk = due_next(sa).ppk;

	if (job->result ||
	    keys_next(ike, sa, bytes_of(job->secret, job->ke->secret_len), &sa->keys)) {
		intermediate_fail(ike, sa,
				  job->result ? job->reason : "the keys could not be derived");
		return;
	}
	place_done(sa);
	response_mix(ike, sa, ppk);
}

/* Protected by keys that an attacker does not have: the attempt is over. */
static void response_error(struct ike *ike, struct ike_sa *sa, const struct due *due, uint16_t type)
{
	char buf[IKEV2_NAME_MAX];
	char why[200];
	const char *name = notify_name(type, buf);

	if (due->ppk && type == NOTIFY_AUTHENTICATION_FAILED)
		snprintf(why, sizeof(why),
			 "the peer takes none of our PPKs (%s): it does not know them, or its keys "
			 "of these names are others",
			 name);
	else
		snprintf(why, sizeof(why), "the peer refused the additional key exchange: %s",
			 name);
	intermediate_fail(ike, sa, why);
}

void intermediate_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			   struct ike_inbound *in)
{
	const struct payloads *ps = &in->sk.payloads;
	const struct payload *p = payloads_find(ps, PAYLOAD_KE);
	const struct due due = due_next(sa);
	struct notify_part n;
	struct ke_part part = {0};
	char why[AUTH_WHY_MAX];
	struct ike_job *job;

	if (kem_auth_waits(sa)) {
		kem_auth_response(ike, sa, t, in);
		return;
	}
	t->response = in;
	if (payloads_error(ps, &n)) {
		response_error(ike, sa, &due, n.type);
		return;
	}
	/* RFC 9370 2.2.2: the method is the negotiated one; lengths by
	 * draft-ietf-ipsecme-ikev2-mlkem 2.2: no IKE_AUTH after a ciphertext that cannot be one. */
	if ((p == NULL) != (due.ke == NULL) || in->header.next_payload != PAYLOAD_SK ||
	    payloads_find(ps, PAYLOAD_CERT) != NULL || kem_auth_stray(sa, ps) ||
	    (p != NULL && (ke_parse(p->body, &part, NULL) || part.method != due.ke->id ||
			   part.data.n != due.ke->resp_len))) {
		intermediate_fail(
		    ike, sa, "the peer's additional key exchange has another method or length");
		return;
	}
	ext_read(ike, sa, AT_INTERMEDIATE_RESPONSE, ps);
	if (intermediate_chain(ike, sa, false, in)) {
		intermediate_fail(ike, sa, "out of memory");
		return;
	}
	if (ppk_intermediate_answer(ike, sa, ps, why)) {
		intermediate_fail(ike, sa, why);
		return;
	}
	if (due.ke == NULL) {
		response_mix(ike, sa, due.ppk);
		return;
	}
	job = ike_job_new(IKE_JOB_KE_FINISH);
	if (job != NULL) {
		job->ke = due.ke;
		job->private = sa->setup->private;
		sa->setup->private = NULL;
		job->peer = mem_copy(part.data);
		job->peer_len = part.data.n;
	}
	if (ike_job_submit(ike, sa, job, response_finished))
		intermediate_fail(ike, sa, "out of memory");
}

/* --- Responder ------------------------------------------------------------------------------- */

/* RFC 9242 3.4: it fails as IKE_AUTH would, and leaves nothing. */
void intermediate_refuse(struct ike *ike, struct ike_sa *sa, uint16_t notify, const char *why)
{
	sa_log(ike, sa, LOG_WARN, "IKE_INTERMEDIATE refused: %s", why);
	sa_respond_notify(ike, sa, EXCHANGE_IKE_INTERMEDIATE, 0, (struct bytes){0}, notify,
			  (struct bytes){0});
	sa_fail(ike, sa);
}

static void refuse(struct ike *ike, struct ike_sa *sa, const char *why)
{
	intermediate_refuse(ike, sa, NOTIFY_INVALID_SYNTAX, why);
}

/* The response is still under the old keys (RFC 9370 2.2.2); those in ppk.next follow. */
static void request_answer(struct ike *ike, struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;
	const struct ke_desc *ke = s->ke;
	struct message m;

	sa_message_begin(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, true, sa->recv_id);
	if (ke != NULL)
		message_ke(&m, ke, bytes_of(s->ke_value, ke->resp_len));
	ext_write(ike, sa, AT_INTERMEDIATE_RESPONSE, &m);
	if (intermediate_respond(ike, sa, &m)) {
		sa_kill(ike, sa, NULL);
		return;
	}
	if (s->ppk.next.block != NULL) {
		ike_keys_free(&sa->keys);
		sa->keys = s->ppk.next;
		s->ppk.next = (struct ike_keys){0};
	}
	if (ke != NULL)
		place_done(sa);
	if (s->ppk.asked)
		s->ppk.done = true;
	mem_free(s->ke_value);
	s->ke_value = NULL;
	s->ke = NULL;
	sa->expire_at = ike->now + ike->settings.half_open_timeout;
}

/* No PPK of the peer's is taken. */
static void request_without(struct ike *ike, struct ike_sa *sa, const char *reason)
{
	char why[AUTH_WHY_MAX];

	if (ppk_intermediate_none(ike, sa, &sa->inbound->sk.payloads, reason, why))
		intermediate_refuse(ike, sa, NOTIFY_AUTHENTICATION_FAILED, why);
	else
		request_answer(ike, sa);
}

static void request_mixed(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ppk_setup *p = &sa->setup->ppk;

	if (sa->inbound == NULL)
		return;
	if (job->result == ERR_NOT_FOUND || job->result == ERR_AUTH) {
		request_without(ike, sa, job->reason);
		return;
	}
	if (job->result || ppk_intermediate_derive(ike, sa, job, &p->next)) {
		refuse(ike, sa, job->result ? job->reason : "the keys could not be derived");
		return;
	}
	p->taken = *ike_job_ppk_taken(job);
	ppk_note_used(sa, PPK_IN_INTERMEDIATE, bytes_of(p->taken.id, p->taken.id_len));
	request_answer(ike, sa);
}

static void request_mix(struct ike *ike, struct ike_sa *sa)
{
	const struct ppk_setup *p = &sa->setup->ppk;
	const struct ike_keys *keys = p->next.block != NULL ? &p->next : &sa->keys;
	enum err e;

	if (!p->asked) {
		request_answer(ike, sa);
		return;
	}
	e = ppk_intermediate_choose(ike, sa, &sa->inbound->sk.payloads, ike_keys_d(keys),
				    request_mixed);
	if (e == ERR_NOT_FOUND)
		request_without(ike, sa, "no connection that it may be has it");
	else if (e)
		refuse(ike, sa, "out of memory");
}

static void request_done(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_setup *s = sa->setup;

	if (sa->inbound == NULL)
		return;
	if (job->result) {
		/* draft-ietf-ipsecme-ikev2-mlkem 2.2: an encapsulation key that fails its checks */
		refuse(ike, sa, job->reason);
		return;
	}
	if (keys_next(ike, sa, bytes_of(job->secret, job->ke->secret_len), &s->ppk.next)) {
		sa_kill(ike, sa, NULL);
		return;
	}
	s->ke = job->ke;
	s->ke_value = job->value;
	job->value = NULL;
	request_mix(ike, sa);
}

void intermediate_request(struct ike *ike, struct ike_sa *sa)
{
	struct ike_inbound *in = sa->inbound;
	const struct payload *p = payloads_find(&in->sk.payloads, PAYLOAD_KE);
	const struct due due = due_next(sa);
	struct ke_part part = {0};
	struct ike_job *job;

	sa->setup->ppk.asked = ppk_intermediate_asked(sa, &in->sk.payloads);
	if (due.ke == NULL && !due.list && !sa->setup->ppk.asked && kem_auth_request(ike, sa))
		return;
	if (!sa->intermediate ||
	    (due.ke == NULL && !due.list && !(due.ppk && sa->setup->ppk.asked))) {
		refuse(ike, sa, "none is due");
		return;
	}
	if (sa->setup->ppk.asked && !due.ppk) {
		refuse(ike, sa, "PPKs belong into the last one, once, where they were agreed on");
		return;
	}
	if ((p == NULL) != (due.ke == NULL) || in->header.next_payload != PAYLOAD_SK ||
	    kem_auth_stray(sa, &in->sk.payloads) ||
	    (p != NULL && (ke_parse(p->body, &part, NULL) || part.method != due.ke->id ||
			   part.data.n != due.ke->init_len))) {
		refuse(ike, sa, "its KE payload is missing, or of another method or length");
		return;
	}
	sa->path = in->path; /* RFC 7296 2.23: the initiator may have moved to port 4500 */
	tcp_attach(ike, sa);
	ext_read(ike, sa, AT_INTERMEDIATE_REQUEST, &in->sk.payloads);
	if (intermediate_chain(ike, sa, true, in)) {
		refuse(ike, sa, "out of memory");
		return;
	}
	if (due.ke == NULL) {
		request_mix(ike, sa);
		return;
	}
	job = ike_job_new(IKE_JOB_KE_RESPOND);
	if (job != NULL) {
		job->ke = due.ke;
		ike_random(ike, job->seed, sizeof(job->seed));
		job->peer = mem_copy(part.data);
		job->peer_len = part.data.n;
	}
	if (ike_job_submit(ike, sa, job, request_done))
		refuse(ike, sa, "out of memory");
}
