#include "ike/ext/intermediate.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/ext/big_payload.h"
#include "ike/ext/ext.h"
#include "ike/ext/tcp.h"
#include "ike/init.h"

/* IKE header and generic header of SK: what A holds, for nothing may stand between (RFC
 * 9242 3.3.2). */
#define A_LEN (IKE_HEADER_LEN + PAYLOAD_HEADER_LEN)

static void write_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	/* RFC 9242 3.1: the responder answers in kind; the initiator has it where it may be needed.
	 */
	if ((at == AT_INIT_REQUEST && ike_suites_have_addke(&sa->config->ike)) ||
	    (at == AT_INIT_RESPONSE && sa->intermediate))
		message_notify(m, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, (struct bytes){0});
}

static bool read_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED)
		return false;
	if (at == AT_INIT_REQUEST ||
	    (at == AT_INIT_RESPONSE && ike_suites_have_addke(&sa->config->ike)))
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
static enum err chain_peers(struct ike *ike, struct ike_sa *sa, bool request,
			    const struct ike_inbound *in)
{
	const bool whole = in->sk.inner.p > in->octets + IKE_HEADER_LEN;
	const uint8_t flags = whole ? in->octets[IKE_HEADER_LEN + 1] : 0;

	return chain(ike, sa, request, in->octets, in->sk.first, flags, in->sk.inner);
}

struct bytes intermediate_auth(const struct ike_sa *sa, uint8_t out[INT_AUTH_MAX])
{
	const struct ike_setup *s = sa->setup;
	struct writer w = writer_of(out, INT_AUTH_MAX);

	if (!s->has_int_auth_i)
		return (struct bytes){0};
	writer_bytes(&w, bytes_of(s->int_auth_i, sa->suite.prf->out_len));
	writer_bytes(&w, bytes_of(s->int_auth_r, sa->suite.prf->out_len));
	writer_u32(&w, s->auth_message_id);
	return writer_bytes_so_far(&w);
}

bool intermediate_missing(const struct ike_sa *sa)
{
	unsigned next;

	return ike_suite_addke(&sa->suite, sa->setup->addke_place, &next) != NULL;
}

static void fail(struct ike *ike, struct ike_sa *sa, const char *why)
{
	struct ike_conn *conn = sa->conn;

	sa_kill(ike, sa, why);
	if (conn != NULL)
		ike_conn_failed(ike, conn, "%s", why);
}

/* RFC 9370 2.2.2: SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), and all seven keys anew; nonces
 * and SPIs stay those of IKE_SA_INIT. */
static enum err keys_next(struct ike *ike, struct ike_sa *sa, struct bytes secret)
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
	ike_keys_free(&sa->keys);
	sa->keys = fresh;
	return ERR_NONE;
}

static void place_done(struct ike_sa *sa)
{
	unsigned next = IKE_ADDKE_MAX;

	ike_suite_addke(&sa->suite, sa->setup->addke_place, &next);
	sa->setup->addke_place = next;
}

/* --- Initiator ------------------------------------------------------------------------------- */

static void request_send(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_setup *s = sa->setup;
	struct ike_task *t;
	struct message m;

	if (job->result) {
		fail(ike, sa, job->reason);
		return;
	}
	s->private = job->private;
	job->private = NULL;
	t = task_add(ike, sa, TASK_INTERMEDIATE, 0);
	sa_message_begin_for(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, false, sa->send_id,
			     job->ke->init_len);
	ke_payload_write(&m, job->ke, bytes_of(job->value, job->ke->init_len));
	/* A copy of a megabyte that nobody needs any more. */
	mem_free(job->value);
	job->value = NULL;
	ext_write(ike, sa, AT_INTERMEDIATE_REQUEST, &m);
	if (t == NULL || chain_own(ike, sa, true, &m) || task_send(ike, sa, t, &m))
		fail(ike, sa, "the IKE_INTERMEDIATE request could not be built");
}

void intermediate_run(struct ike *ike, struct ike_sa *sa)
{
	unsigned next;
	const struct ke_desc *ke = ike_suite_addke(&sa->suite, sa->setup->addke_place, &next);
	struct ike_job *job;

	if (ke == NULL) {
		auth_start(ike, sa);
		return;
	}
	job = ike_job_new(IKE_JOB_KE_GENERATE);
	if (job != NULL) {
		job->ke = ke;
		ike_random(ike, job->seed, sizeof(job->seed));
	}
	if (ike_job_submit(ike, sa, job, request_send))
		fail(ike, sa, "out of memory");
}

static void response_finished(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct ike_task *t = task_find(sa, TASK_INTERMEDIATE, 0);

	if (job->result || keys_next(ike, sa, bytes_of(job->secret, job->ke->secret_len))) {
		fail(ike, sa, job->result ? job->reason : "the keys could not be derived");
		return;
	}
	place_done(sa);
	if (t != NULL)
		task_done(ike, sa, t);
	intermediate_run(ike, sa);
}

void intermediate_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			   struct ike_inbound *in)
{
	const struct payloads *ps = &in->sk.payloads;
	const struct payload *p = payloads_find(ps, PAYLOAD_KE);
	unsigned next;
	const struct ke_desc *ke = ike_suite_addke(&sa->suite, sa->setup->addke_place, &next);
	struct notify_part n;
	struct ke_part part;
	char name[IKEV2_NAME_MAX];
	char why[160];
	struct ike_job *job;

	t->response = in;
	if (payloads_error(ps, &n)) {
		/* Protected by keys that an attacker does not have: the attempt is over. */
		snprintf(why, sizeof(why), "the peer refused the additional key exchange: %s",
			 notify_name(n.type, name));
		fail(ike, sa, why);
		return;
	}
	/* RFC 9370 2.2.2: the method is the negotiated one; lengths by
	 * draft-ietf-ipsecme-ikev2-mlkem 2.2: no IKE_AUTH after a ciphertext that cannot be one. */
	if (p == NULL || ke == NULL || ke_parse(p->body, &part, NULL) || part.method != ke->id ||
	    part.data.n != ke->resp_len || in->header.next_payload != PAYLOAD_SK) {
		fail(ike, sa, "the peer's additional key exchange has another method or length");
		return;
	}
	ext_read(ike, sa, AT_INTERMEDIATE_RESPONSE, ps);
	if (chain_peers(ike, sa, false, in)) {
		fail(ike, sa, "out of memory");
		return;
	}
	job = ike_job_new(IKE_JOB_KE_FINISH);
	if (job != NULL) {
		job->ke = ke;
		job->private = sa->setup->private;
		sa->setup->private = NULL;
		job->peer = mem_copy(part.data);
		job->peer_len = part.data.n;
	}
	if (ike_job_submit(ike, sa, job, response_finished))
		fail(ike, sa, "out of memory");
}

/* --- Responder ------------------------------------------------------------------------------- */

/* RFC 9242 3.4: it fails as IKE_AUTH would, and leaves nothing. */
static void refuse(struct ike *ike, struct ike_sa *sa, const char *why)
{
	sa_log(ike, sa, LOG_WARN, "IKE_INTERMEDIATE refused: %s", why);
	sa_respond_notify(ike, sa, EXCHANGE_IKE_INTERMEDIATE, 0, (struct bytes){0},
			  NOTIFY_INVALID_SYNTAX, (struct bytes){0});
	sa_fail(ike, sa);
}

static void request_done(struct ike *ike, struct ike_sa *sa, struct ike_job *job)
{
	struct message m;

	if (sa->inbound == NULL)
		return;
	if (job->result) {
		/* draft-ietf-ipsecme-ikev2-mlkem 2.2: an encapsulation key that fails its checks */
		refuse(ike, sa, job->reason);
		return;
	}
	sa_message_begin(ike, sa, &m, EXCHANGE_IKE_INTERMEDIATE, true, sa->recv_id);
	ke_payload_write(&m, job->ke, bytes_of(job->value, job->ke->resp_len));
	ext_write(ike, sa, AT_INTERMEDIATE_RESPONSE, &m);
	/* The response is still under the old keys (RFC 9370 2.2.2). */
	if (chain_own(ike, sa, false, &m) || sa_respond(ike, sa, &m) ||
	    keys_next(ike, sa, bytes_of(job->secret, job->ke->secret_len))) {
		sa_kill(ike, sa, NULL);
		return;
	}
	place_done(sa);
	sa->expire_at = ike->now + ike->settings.half_open_timeout;
}

void intermediate_request(struct ike *ike, struct ike_sa *sa)
{
	struct ike_inbound *in = sa->inbound;
	const struct payload *p = payloads_find(&in->sk.payloads, PAYLOAD_KE);
	unsigned next;
	const struct ke_desc *ke = ike_suite_addke(&sa->suite, sa->setup->addke_place, &next);
	struct ke_part part;
	struct ike_job *job;

	if (!sa->intermediate || ke == NULL) {
		refuse(ike, sa, "none is due");
		return;
	}
	if (p == NULL || ke_parse(p->body, &part, NULL) || part.method != ke->id ||
	    part.data.n != ke->init_len || in->header.next_payload != PAYLOAD_SK) {
		refuse(ike, sa, "its KE payload is missing, or of another method or length");
		return;
	}
	sa->path = in->path; /* RFC 7296 2.23: the initiator may have moved to port 4500 */
	tcp_attach(ike, sa);
	ext_read(ike, sa, AT_INTERMEDIATE_REQUEST, &in->sk.payloads);
	if (chain_peers(ike, sa, true, in)) {
		refuse(ike, sa, "out of memory");
		return;
	}
	job = ike_job_new(IKE_JOB_KE_RESPOND);
	if (job != NULL) {
		job->ke = ke;
		ike_random(ike, job->seed, sizeof(job->seed));
		job->peer = mem_copy(part.data);
		job->peer_len = part.data.n;
	}
	if (ike_job_submit(ike, sa, job, request_done))
		refuse(ike, sa, "out of memory");
}
