#include "ike/ext/ppk.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/ext/ext.h"
#include "ike/ext/ppk_intermediate.h"

/* What one side is ready to do. */
#define OFFERS_AUTH         1 /* USE_PPK */
#define OFFERS_INTERMEDIATE 2 /* USE_PPK_INT */
#define OFFERS_LIBRESWAN    4 /* USE_PPK_INT by libreswan's number */

static uint8_t offers_of(const struct ike_ppk_config *c)
{
	uint8_t bits = 0;

	if (c->policy == IKE_PPK_NEVER)
		return 0;
	if (c->exchange != IKE_PPK_AUTH)
		bits |= c->numbers == IKE_PPK_NUMBERS_IANA ? OFFERS_INTERMEDIATE : OFFERS_LIBRESWAN;
	if (c->exchange != IKE_PPK_INTERMEDIATE)
		bits |= OFFERS_AUTH;
	return bits;
}

/* An initiator needs one to offer. */
static uint8_t offers_as_initiator(const struct ike_ppk_config *c)
{
	return c->n_ids == 0 ? 0 : offers_of(c);
}

bool ppk_wants_intermediate(const struct ike_connection *c)
{
	return (offers_as_initiator(&c->ppk) & (OFFERS_INTERMEDIATE | OFFERS_LIBRESWAN)) != 0;
}

static void agree_on(struct ike_sa *sa, uint8_t both)
{
	struct ppk_setup *p = &sa->setup->ppk;

	/* RFC 9867: one of the two, and rather the one that protects more. */
	if (sa->intermediate && (both & (OFFERS_INTERMEDIATE | OFFERS_LIBRESWAN)) != 0) {
		p->way = PPK_IN_INTERMEDIATE;
		sa->ppk_exchanges = true;
		sa->ppk_libreswan = (both & OFFERS_INTERMEDIATE) == 0;
	} else if ((both & OFFERS_AUTH) != 0) {
		p->way = PPK_IN_AUTH;
	}
}

/* Which connection it will be is known only in IKE_AUTH: whatever one of them wants. */
static void agree_as_responder(struct ike *ike, struct ike_sa *sa)
{
	uint8_t ours = 0;

	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		if (ike_suites_allow(&c->config->ike, &sa->suite))
			ours |= offers_of(&c->config->ppk);
	agree_on(sa, ours & sa->setup->ppk.offered);
}

const char *ppk_agree(struct ike_sa *sa)
{
	agree_on(sa, offers_as_initiator(&sa->config->ppk) & sa->setup->ppk.offered);
	/* RFC 8784 3 */
	return sa->config->ppk.policy == IKE_PPK_REQUIRED && sa->setup->ppk.way == PPK_UNUSED
		   ? "a PPK is required, but the peer uses none in the ways allowed (RFC 8784, RFC "
		     "9867)"
		   : NULL;
}

static void offers_write(struct message *m, uint8_t offers)
{
	if (offers & OFFERS_INTERMEDIATE)
		message_notify(m, NOTIFY_USE_PPK_INT, (struct bytes){0});
	if (offers & OFFERS_LIBRESWAN)
		message_notify(m, NOTIFY_LIBRESWAN_USE_PPK_INT, (struct bytes){0});
	if (offers & OFFERS_AUTH)
		message_notify(m, NOTIFY_USE_PPK, (struct bytes){0});
}

static struct bytes own_id(const struct ike_sa *sa)
{
	const struct ike_ppk_config *c = &sa->config->ppk;

	return c->n_ids > 0 ? c->ids[0] : (struct bytes){0};
}

void ppk_id_write(struct writer *w, struct bytes id)
{
	writer_u8(w, PPK_ID_FIXED);
	writer_bytes(w, id);
}

static void auth_request_write(const struct ike_sa *sa, struct message *m)
{
	const struct ppk_setup *p = &sa->setup->ppk;
	struct writer *w = message_payload_begin(m, PAYLOAD_NOTIFY);

	writer_u8(w, 0);
	writer_u8(w, 0);
	writer_u16(w, NOTIFY_PPK_IDENTITY);
	ppk_id_write(w, own_id(sa));
	message_payload_end(m);
	if (p->proof != NULL)
		message_notify(m, NOTIFY_NO_PPK_AUTH, bytes_of(p->proof, p->proof_len));
}

static void write_payloads(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	const struct ppk_setup *p;

	if (sa->setup == NULL)
		return; /* an IKE SA that is up: see ppk_child.c */
	p = &sa->setup->ppk;
	switch (at) {
	case AT_INIT_REQUEST:
		offers_write(m, offers_as_initiator(&sa->config->ppk));
		break;
	case AT_INIT_RESPONSE:
		agree_as_responder(ike, sa);
		offers_write(m, p->way == PPK_IN_AUTH  ? OFFERS_AUTH
				: p->way == PPK_UNUSED ? 0
				: sa->ppk_libreswan    ? OFFERS_LIBRESWAN
						       : OFFERS_INTERMEDIATE);
		break;
	case AT_INTERMEDIATE_REQUEST:
	case AT_INTERMEDIATE_RESPONSE:
		ppk_intermediate_write(sa, m);
		break;
	case AT_AUTH_REQUEST:
		if (p->way == PPK_IN_AUTH)
			auth_request_write(sa, m);
		break;
	case AT_AUTH_RESPONSE:
		if (p->use)
			message_notify(m, NOTIFY_PPK_IDENTITY, (struct bytes){0});
		break;
	default:
		break;
	}
}

static bool read_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			const struct notify_part *n)
{
	const uint8_t bit = n->type == NOTIFY_USE_PPK                 ? OFFERS_AUTH
			    : n->type == NOTIFY_USE_PPK_INT           ? OFFERS_INTERMEDIATE
			    : n->type == NOTIFY_LIBRESWAN_USE_PPK_INT ? OFFERS_LIBRESWAN
								      : 0;

	(void)ike;
	if (bit == 0)
		return false;
	if (at == AT_INIT_REQUEST || at == AT_INIT_RESPONSE)
		sa->setup->ppk.offered |= bit;
	return true;
}

const struct ike_extension ext_ppk = {
    .name = "ppk",
    .document = "RFC 8784, RFC 9867",
    .write = write_payloads,
    .notify = read_notify,
};

/* --- Tools ----------------------------------------------------------------------------------- */

struct ike_job *ppk_job(const struct ike_sa *sa, enum ike_job_type type)
{
	const struct ike_setup *s = sa->setup;
	const size_t n = s->nonce_i_len + s->nonce_r_len + 16;
	struct ike_job *job = ike_job_new(type);

	if (job == NULL)
		return NULL;
	job->prf = sa->suite.prf;
	job->ppk = mem_new(sizeof(*job->ppk));
	job->octets = mem_new(n);
	job->octets_len = n;
	if (job->ppk == NULL || job->octets == NULL) {
		ike_job_free(job);
		return NULL;
	}
	struct writer w = writer_of(job->octets, n);
	writer_bytes(&w, bytes_of(s->nonce_i, s->nonce_i_len));
	writer_bytes(&w, bytes_of(s->nonce_r, s->nonce_r_len));
	writer_u64(&w, sa->spi_i);
	writer_u64(&w, sa->spi_r);
	return job;
}

bool ppk_job_add(struct ike_job *job, struct bytes id)
{
	struct ike_ppk_work *w = job->ppk;

	if (w->n == IKE_PPKS_MAX || id.n == 0 || id.n > PPK_ID_MAX)
		return false;
	memcpy(w->ppks[w->n].id, id.p, id.n);
	w->ppks[w->n++].id_len = (uint8_t)id.n;
	return true;
}

struct bytes ppk_id_value(struct bytes ppk_id)
{
	struct reader r = reader_of(ppk_id);
	const bool fixed = reader_u8(&r) == PPK_ID_FIXED;
	const struct bytes value = reader_rest(&r);

	return fixed && value.n <= PPK_ID_MAX ? value : (struct bytes){0};
}

bool ppk_allowed(const struct ike_connection *c, struct bytes id)
{
	if (c->ppk.policy == IKE_PPK_NEVER)
		return false;
	for (size_t i = 0; i < c->ppk.n_ids; i++)
		if (bytes_equal(c->ppk.ids[i], id))
			return true;
	return c->ppk.n_ids == 0;
}

const char *ppk_text(struct bytes id, char text[PPK_TEXT_MAX])
{
	size_t n = 0;

	text[n++] = '"';
	for (size_t i = 0; i < id.n && i < PPK_ID_MAX; i++)
		text[n++] = id.p[i] > ' ' && id.p[i] < 0x7f && id.p[i] != '"' ? (char)id.p[i] : '.';
	text[n++] = '"';
	text[n] = '\0';
	return text;
}

void ppk_note_used(struct ike_sa *sa, enum ppk_way way, struct bytes id)
{
	mem_free(sa->ppk_id);
	sa->ppk_id = mem_copy(id);
	sa->ppk_id_len = sa->ppk_id == NULL ? 0 : (uint8_t)id.n;
	sa->ppk_way = (uint8_t)way;
}

void ppk_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	sa->ppk_exchanges = old->ppk_exchanges;
	sa->ppk_libreswan = old->ppk_libreswan;
	if (old->ppk_way != PPK_UNUSED)
		ppk_note_used(sa, (enum ppk_way)old->ppk_way,
			      bytes_of(old->ppk_id, old->ppk_id_len));
}

void ppk_setup_free(struct ike_setup *s)
{
	struct ppk_setup *p = &s->ppk;

	mem_free_secret(p->proof, p->proof_len);
	mem_free_secret(p->offer, sizeof(*p->offer));
	ike_keys_free(&p->next);
}

/* --- IKE_AUTH -------------------------------------------------------------------------------- */

struct bytes ppk_sk_p(const struct ike_sa *sa, bool of_initiator)
{
	const struct ppk_setup *p = &sa->setup->ppk;
	const size_t n = sa->keys.prf_len;

	if (!p->use)
		return ike_keys_p(&sa->keys, of_initiator);
	return bytes_of(p->mixed + (of_initiator ? n : 2 * n), n);
}

/* RFC 8784 3: SK_d, SK_pi and SK_pr, from those that IKE_SA_INIT and IKE_INTERMEDIATE gave. */
static enum err mix(struct ike *ike, struct ike_sa *sa, struct bytes id, auth_then *then)
{
	struct ike_job *job = ppk_job(sa, IKE_JOB_PPK_MIX);
	const struct bytes in[IKE_PPK_INPUTS] = {ike_keys_d(&sa->keys), ike_keys_p(&sa->keys, true),
						 ike_keys_p(&sa->keys, false)};

	if (job == NULL || !ppk_job_add(job, id)) {
		ike_job_free(job);
		return ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < IKE_PPK_INPUTS; i++)
		memcpy(job->ppk->input[i], in[i].p, in[i].n);
	job->ppk->n_inputs = IKE_PPK_INPUTS;
	return ike_job_submit(ike, sa, job, then);
}

bool ppk_auth_begin(struct ike *ike, struct ike_sa *sa, auth_then *then, enum err *e)
{
	if (sa->setup->ppk.way != PPK_IN_AUTH)
		return false;
	*e = mix(ike, sa, own_id(sa), then);
	return true;
}

void ppk_auth_mixed(struct ike_sa *sa, const struct ike_job *job)
{
	struct ppk_setup *p = &sa->setup->ppk;
	const struct ike_ppk *taken = ike_job_ppk_taken(job);

	memcpy(p->mixed, ike_job_ppk_mixed(job), IKE_PPK_INPUTS * (size_t)job->prf->key_len);
	p->use = true;
	p->taken = *taken;
}

bool ppk_prove_again(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;
	struct ppk_setup *p = &s->ppk;

	/* RFC 8784 3: NO_PPK_AUTH where we can do without, and only there. */
	if (p->way != PPK_IN_AUTH || sa->config->ppk.policy == IKE_PPK_REQUIRED)
		return false;
	const bool again = p->use;
	uint8_t *data = s->auth_data;
	const size_t len = s->auth_data_len;
	s->auth_data = p->proof;
	s->auth_data_len = p->proof_len;
	p->proof = data;
	p->proof_len = len;
	p->use = !again;
	return again;
}

enum err ppk_auth_response(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			   char why[AUTH_WHY_MAX])
{
	struct ppk_setup *p = &sa->setup->ppk;
	char id[PPK_TEXT_MAX];
	struct notify_part n;

	/* RFC 8784 3: what the notify holds is ignored. */
	if (p->way != PPK_IN_AUTH || payloads_notify(ps, NOTIFY_PPK_IDENTITY, &n))
		return ERR_NONE;
	ppk_text(own_id(sa), id);
	if (sa->config->ppk.policy == IKE_PPK_REQUIRED) {
		snprintf(why, AUTH_WHY_MAX,
			 "the peer does not use the PPK %s, which is required: it does not know it",
			 id);
		return ERR_AUTH;
	}
	sa_log(ike, sa, LOG_WARN, "the peer does not know the PPK %s: going on without", id);
	p->use = false;
	return ERR_NONE;
}

static struct bytes asked_id(const struct payloads *ps)
{
	struct notify_part n;

	return payloads_notify(ps, NOTIFY_PPK_IDENTITY, &n) ? ppk_id_value(n.data)
							    : (struct bytes){0};
}

enum err ppk_auth_unknown(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			  char why[AUTH_WHY_MAX])
{
	struct ppk_setup *p = &sa->setup->ppk;
	const struct bytes asked = asked_id(ps);
	struct notify_part n;
	char id[PPK_TEXT_MAX];

	ppk_text(asked, id);
	p->use = false;
	if (sa->config->ppk.policy == IKE_PPK_REQUIRED) {
		snprintf(why, AUTH_WHY_MAX, "the peer's PPK %s is unknown here, and ppk = required",
			 id);
		return ERR_AUTH;
	}
	if (!payloads_notify(ps, NOTIFY_NO_PPK_AUTH, &n)) {
		snprintf(why, AUTH_WHY_MAX, "the peer insists on its PPK %s, which is unknown here",
			 id);
		return ERR_AUTH;
	}
	sa_log(ike, sa, LOG_WARN, "the peer's PPK %s is unknown here: going on without", id);
	p->fallback = true;
	return ERR_NOT_FOUND;
}

/* ppk = required, and what was done before IKE_AUTH. */
static enum err check_required(const struct ike_sa *sa, char why[AUTH_WHY_MAX])
{
	const struct bytes used = bytes_of(sa->ppk_id, sa->ppk_id_len);
	char id[PPK_TEXT_MAX];

	if (sa->config->ppk.policy != IKE_PPK_REQUIRED)
		return ERR_NOT_FOUND;
	if (sa->ppk_way == PPK_UNUSED) {
		snprintf(why, AUTH_WHY_MAX, "the peer uses no PPK, but ppk = required");
		return ERR_AUTH;
	}
	if (!ppk_allowed(sa->config, used)) {
		snprintf(why, AUTH_WHY_MAX,
			 "the peer uses the PPK %s, but ppk-id of this connection says another",
			 ppk_text(used, id));
		return ERR_AUTH;
	}
	return ERR_NOT_FOUND;
}

enum err ppk_auth_request(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			  auth_then *then, char why[AUTH_WHY_MAX])
{
	struct notify_part n;
	enum err e;

	if (sa->setup->ppk.way != PPK_IN_AUTH)
		return check_required(sa, why);
	/* RFC 8784 3: MUST */
	if (!payloads_notify(ps, NOTIFY_PPK_IDENTITY, &n)) {
		snprintf(why, AUTH_WHY_MAX,
			 "the peer agreed to use a PPK, and now names none (RFC 8784)");
		return ERR_AUTH;
	}
	const struct bytes id = asked_id(ps);
	if (id.n == 0 || !ppk_allowed(sa->config, id))
		return ppk_auth_unknown(ike, sa, ps, why);
	e = mix(ike, sa, id, then);
	if (e)
		snprintf(why, AUTH_WHY_MAX, "out of memory");
	return e == ERR_NOT_FOUND ? ERR_NO_MEMORY : e;
}

struct bytes ppk_proof(const struct ike_sa *sa, const struct payloads *ps, struct bytes data)
{
	struct notify_part n;

	if (sa->setup->ppk.fallback && payloads_notify(ps, NOTIFY_NO_PPK_AUTH, &n))
		return n.data;
	return data;
}

bool ppk_suspected(struct ike_sa *sa, const struct payloads *ps, char why[AUTH_WHY_MAX])
{
	struct ppk_setup *p = &sa->setup->ppk;
	char id[PPK_TEXT_MAX];
	struct notify_part n;
	size_t at;

	if (!p->use || !p->proof_failed)
		return false;
	if (payloads_notify(ps, NOTIFY_NO_PPK_AUTH, &n)) {
		p->use = false;
		p->fallback = true;
		return true;
	}
	/* It made no proof without the PPK, so that the two cannot be told apart. */
	at = strlen(why);
	snprintf(why + at, AUTH_WHY_MAX - at, ", or its PPK %s is another key than ours",
		 ppk_text(asked_id(ps), id));
	return false;
}

void ppk_explain_other(const struct ike_sa *sa, const struct payloads *ps, char why[AUTH_WHY_MAX])
{
	char id[PPK_TEXT_MAX];

	(void)sa;
	snprintf(why, AUTH_WHY_MAX,
		 "the peer's PPK %s is another key than ours; its credential is right",
		 ppk_text(asked_id(ps), id));
}

void ppk_settle(struct ike *ike, struct ike_sa *sa)
{
	struct ppk_setup *p = &sa->setup->ppk;
	char id[PPK_TEXT_MAX];

	if (p->use) {
		ike_keys_mix(&sa->keys, p->mixed);
		mem_erase(p->mixed, sizeof(p->mixed));
		ppk_note_used(sa, PPK_IN_AUTH, bytes_of(p->taken.id, p->taken.id_len));
	}
	if (sa->ppk_way != PPK_UNUSED)
		sa_log(ike, sa, LOG_INFO, "the PPK %s is mixed into %s",
		       ppk_text(bytes_of(sa->ppk_id, sa->ppk_id_len), id),
		       sa->ppk_way == PPK_IN_AUTH ? "the keys of Child SAs and of IKE SAs to come "
						    "(RFC 8784)"
						  : "all keys (RFC 9867)");
	else if (sa->config->ppk.policy == IKE_PPK_ALLOW)
		sa_log(ike, sa, LOG_NOTE, "no PPK is used"); /* RFC 8784 6 */
}

const char *ppk_rejected_hint(const struct ike_sa *sa)
{
	return sa->setup != NULL && sa->setup->ppk.way == PPK_IN_AUTH
		   ? ", or our PPK is unknown to it or another key there"
		   : "";
}
