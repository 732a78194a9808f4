#include "ike/sa.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/child.h"
#include "ike/create_child.h"
#include "ike/exchanges.h"
#include "ike/ext/followup.h"
#include "ike/ext/fragmentation.h"
#include "ike/ext/kem_auth.h"
#include "ike/ext/ppk_child.h"
#include "ike/ext/tcp.h"
#include "ike/impair.h"
#include "ike/task.h"

/* How long a refused IKE SA stays to repeat its refusal. */
#define FAILED_LINGER (10 * UINT64_C(1000000))

/* One message of an authenticated peer's: certificates, selectors, key exchanges. */
#define MESSAGE_OCTETS_MAX 65536

#define EARLIER(a, b) ((a) < (b) ? (a) : (b))

static void sa_fire(struct ike *ike, struct ike_timer *timer);

uint64_t sa_new_spi(struct ike *ike)
{
	uint64_t spi;

	/* RFC 7296 2.6, 3.1: never zero, and ours alone */
	do
		ike_random(ike, &spi, sizeof(spi));
	while (spi == 0 || sa_find(ike, spi) != NULL);
	return spi;
}

enum err sa_new(struct ike *ike, struct ike_sa **out, struct ike_conn *conn,
		const struct path *path, bool initiator)
{
	return sa_new_with_spi(ike, out, conn, path, initiator, sa_new_spi(ike));
}

enum err sa_new_with_spi(struct ike *ike, struct ike_sa **out, struct ike_conn *conn,
			 const struct path *path, bool initiator, uint64_t spi)
{
	struct ike_sa *sa = mem_new(sizeof(*sa));

	*out = NULL;
	if (sa == NULL)
		return ERR_NO_MEMORY;
	sa->setup = sa_setup_new();
	if (sa->setup == NULL) {
		mem_free(sa);
		return ERR_NO_MEMORY;
	}
	sa->setup->born = ike->now;
	sa->initiator = initiator;
	if (initiator)
		sa->spi_i = spi;
	else
		sa->spi_r = spi;
	sa->path = *path;
	sa->state = initiator ? SA_INIT : SA_HALF_OPEN;
	sa->peer_window = 1;
	sa->message_max = MESSAGE_OCTETS_MAX;
	sa->since = sa->last_heard = sa->last_sent = ike->now;
	sa->timer.fire = sa_fire;
	list_init(&sa->tasks);
	list_init(&sa->children);
	list_init(&sa->followups);
	list_init(&sa->of_stream);
	list_init(&sa->of_conn);
	list_append(&ike->sa_list, &sa->all);
	table_add(&ike->by_spi, &sa->by_spi);
	tcp_attach(ike, sa);
	if (conn != NULL)
		sa_set_conn(ike, sa, conn, conn->config);
	*out = sa;
	return ERR_NONE;
}

struct ike_sa *sa_find(struct ike *ike, uint64_t our_spi)
{
	struct table_node *node = table_find(&ike->by_spi, bytes_of(&our_spi, sizeof(our_spi)));

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_sa, by_spi);
}

void sa_set_conn(struct ike *ike, struct ike_sa *sa, struct ike_conn *conn,
		 struct ike_connection *config)
{
	(void)ike;
	struct ike_connection *held = ike_connection_hold(config);

	ike_connection_release(sa->config);
	sa->config = held;
	sa->conn = conn;
	list_remove(&sa->of_conn);
	list_append(&conn->sas, &sa->of_conn);
}

static struct ike_caller *caller_find(struct ike *ike, const struct addr *addr)
{
	struct table_node *node = table_find(&ike->callers, bytes_of(addr, sizeof(*addr)));

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_caller, node);
}

struct half_open_count sa_half_open_of(struct ike *ike, const struct addr *addr)
{
	const struct ike_caller *c = caller_find(ike, addr);
	struct half_open_count count = {0};

	if (c != NULL) {
		count.all = c->half_open;
		count.proven = c->proven;
	}
	return count;
}

enum err sa_list_half_open(struct ike *ike, struct ike_sa *sa)
{
	struct ike_caller *c = caller_find(ike, &sa->path.remote.addr);

	if (c == NULL) {
		c = mem_new(sizeof(*c));
		if (c == NULL)
			return ERR_NO_MEMORY;
		c->addr = sa->path.remote.addr;
		table_add(&ike->callers, &c->node);
	}
	c->half_open++;
	c->proven += sa->proven;
	sa->caller = c;
	table_add(&ike->half_open, &sa->by_peer);
	return ERR_NONE;
}

void sa_unlist_half_open(struct ike *ike, struct ike_sa *sa)
{
	struct ike_caller *c = sa->caller;

	if (c == NULL)
		return;
	sa->caller = NULL;
	c->proven -= sa->proven;
	table_remove(&ike->half_open, &sa->by_peer);
	if (--c->half_open == 0) {
		table_remove(&ike->callers, &c->node);
		mem_free(c);
	}
}

struct ike_sa *sa_find_half_open(struct ike *ike, const struct endpoint *remote, uint64_t spi_i)
{
	struct table_node *node = table_find(&ike->half_open, bytes_of(&spi_i, sizeof(spi_i)));

	/* Two peers may pick one SPI (N10): told apart by where they call from. */
	for (; node != NULL; node = table_find_next(&ike->half_open, node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, by_peer);
		if (endpoint_equal(&sa->path.remote, remote))
			return sa;
	}
	return NULL;
}

struct ike_setup *sa_setup_new(void)
{
	return mem_new(sizeof(struct ike_setup));
}

void sa_setup_free(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;

	if (s == NULL)
		return;
	sa->setup = NULL;
	mem_free(s->message_1);
	mem_free(s->message_2);
	mem_free(s->cookie);
	ke_private_free(s->private);
	mem_free(s->ke_value);
	mem_free(s->peer_id_body);
	mem_free(s->auth_data);
	ppk_setup_free(s);
	kem_auth_setup_free(s);
	identity_free(s->peer_id);
	identity_free(s->asked_id);
	mem_free_secret(s, sizeof(*s));
}

void sa_fail(struct ike *ike, struct ike_sa *sa)
{
	sa->state = SA_FAILED;
	sa->expire_at = ike->now + FAILED_LINGER;
}

bool sa_count_early(struct ike *ike, const struct ike_sa *sa, size_t n, size_t **counted)
{
	*counted = NULL;
	if (sa->state != SA_HALF_OPEN)
		return true;
	if (n > ike->settings.early_octets || ike->early_octets > ike->settings.early_octets - n)
		return false;
	ike->early_octets += n;
	*counted = &ike->early_octets;
	return true;
}

void ike_inbound_free(struct ike_inbound *in)
{
	if (in == NULL)
		return;
	if (in->counted != NULL)
		*in->counted -= in->len;
	/* Decrypted payloads may hold identities and configuration. */
	mem_free_secret(in->octets, in->len);
	mem_free_secret(in->ppk, sizeof(*in->ppk));
	mem_free(in);
}

/* A reauthentication that came to nothing: the old IKE SA may try again. */
static void attempt_over(struct ike *ike, const struct ike_sa *sa)
{
	struct ike_sa *old = sa->replaced_spi == 0 ? NULL : sa_find(ike, sa->replaced_spi);

	if (old != NULL)
		old->reauthenticating = false;
}

/* The peer ends an IKE SA that both of us are rekeying, or it dies: what is left is the one that
 * the peer made. */
static void rival_takes_over(struct ike *ike, struct ike_sa *sa)
{
	const struct ike_task *t = task_find(sa, TASK_IKE_REKEY, 0);
	struct ike_sa *rival = NULL;

	if (t != NULL && t->create != NULL && t->create->rival.there)
		rival = sa_find(ike, t->create->rival.ike_sa);
	if (rival == NULL || rival->state != SA_UP || sa->state != SA_UP)
		return;
	sa->redundant = true;
	rekey_ike_replaced(ike, sa, rival);
	/* The peer may have lost it: traffic on the Child SAs alone does not show that. */
	task_add(ike, rival, TASK_LIVENESS, 0);
	tasks_run(ike, rival);
	sa_schedule(ike, rival);
}

/* The peer takes back the IKE SA that it made while we were rekeying the same one: ours stays, as
 * soon as its answer has come, and what the other had inherited goes back for so long. */
static void rival_gives_up(struct ike *ike, struct ike_sa *rival)
{
	LIST_EACH (&ike->sa_list, node) {
		struct ike_sa *old = CONTAINER_OF(node, struct ike_sa, all);
		struct ike_task *t = task_find(old, TASK_IKE_REKEY, 0);
		if (t == NULL || t->create == NULL || !t->create->rival.there ||
		    t->create->rival.ike_sa != sa_our_spi(rival))
			continue;
		t->create->rival.there = false;
		rival->redundant = true;
		child_inherit(ike, rival, old);
	}
}

void sa_kill(struct ike *ike, struct ike_sa *sa, const char *reason)
{
	if (sa->state == SA_DEAD)
		return;
	if (sa->unsettled && sa->state == SA_UP)
		rival_gives_up(ike, sa);
	rival_takes_over(ike, sa);
	if (sa->state == SA_UP && !sa->redundant) {
		sa_log(ike, sa, LOG_NOTE, "IKE SA is down%s%s", reason ? ": " : "",
		       reason ? reason : "");
		ike_tell(ike, IKE_EVENT_SA_DOWN, sa, NULL, reason);
	}
	attempt_over(ike, sa);
	const bool was_up = sa->state == SA_UP || sa->state == SA_DELETING;
	LIST_EACH (&sa->children, node)
		child_remove(ike, CONTAINER_OF(node, struct child_sa, of_sa), reason);
	mem_free(sa->closed);
	sa->closed = NULL;
	sa->n_closed = 0;
	tasks_free(sa);
	sa_setup_free(sa);
	sa_unlist_half_open(ike, sa);
	ike_inbound_free(sa->inbound);
	sa->inbound = NULL;
	create_pending_free(sa->pending);
	sa->pending = NULL;
	followups_free(sa);
	flight_clear(&sa->answer);
	reassembly_free(sa->reassembly);
	sa->reassembly = NULL;
	ike_keys_free(&sa->keys);
	mem_free(sa->ppk_id);
	sa->ppk_id = NULL;
	tcp_detach(ike, sa);
	list_remove(&sa->of_stream);
	table_remove(&ike->by_spi, &sa->by_spi);
	deadline_drop(&ike->deadlines, &sa->timer.deadline);
	list_remove(&sa->of_conn);
	list_remove(&sa->all);
	list_append(&ike->dead, &sa->all);
	sa->state = SA_DEAD;
	if (!was_up || sa->conn == NULL)
		return;
	/* Whatever took it, what is wanted comes back. */
	struct ike_sa *left = ike_conn_sa(sa->conn);
	if (left == NULL)
		ike_conn_later(ike, sa->conn);
	else if (left->superseded)
		sa_reinstate(ike, left);
}

void sa_reap(struct ike *ike)
{
	LIST_EACH (&ike->dead, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
		list_remove(&sa->all);
		identity_free(sa->remote_id);
		mem_free(sa->peer_path);
		identity_free(sa->local_id);
		mem_free(sa->exchanges);
		ike_connection_release(sa->config);
		mem_free_secret(sa, sizeof(*sa));
	}
}

static uint64_t children_deadline(const struct ike_sa *sa)
{
	uint64_t at = DEADLINE_NEVER;

	for (const struct list *node = sa->children.next; node != &sa->children;
	     node = node->next) {
		const struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
		if (c->rekey_at != 0 && c->state == CHILD_UP && !sa->superseded)
			at = EARLIER(at, c->rekey_at);
		if (c->expire_at != 0)
			at = EARLIER(at, c->expire_at);
		if (c->activate_at != 0)
			at = EARLIER(at, c->activate_at);
	}
	return at;
}

void sa_schedule(struct ike *ike, struct ike_sa *sa)
{
	uint64_t at =
	    EARLIER(EARLIER(tasks_deadline(sa), children_deadline(sa)), followup_deadline(sa));
	const uint64_t times[] = {
	    sa->expire_at,
	    sa->state == SA_UP ? sa->rekey_at : 0,
	    sa->state == SA_UP ? sa->reauth_at : 0,
	    sa->state == SA_UP ? sa->dpd_at : 0,
	    sa->keepalive_at,
	    sa->reopen_at,
	    sa->reach_at,
	};

	if (sa->state == SA_DEAD)
		return;
	if (sa_message_ids(sa) == MESSAGE_ID_END ||
	    (sa_message_ids(sa) >= MESSAGE_ID_REKEY && sa->state == SA_UP && sa->rekey_at == 0))
		at = ike->now;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] != 0)
			at = EARLIER(at, times[i]);
	/* Never in the past: a deadline that cannot be acted on now must not spin the caller. */
	if (at <= ike->now)
		at = ike->now + 1;
	if (ike_timer_set(ike, &sa->timer, at) != ERR_NONE)
		sa_kill(ike, sa, "out of memory");
}

/* Set by timers.c; here only the way in. */
static void sa_fire(struct ike *ike, struct ike_timer *timer)
{
	struct ike_sa *sa = CONTAINER_OF(timer, struct ike_sa, timer);

	sa_tick(ike, sa);
	sa_schedule(ike, sa);
}

void sa_log(struct ike *ike, const struct ike_sa *sa, enum log_level level, const char *format, ...)
{
	char text[1000];
	va_list args;

	if (!log_wants(ike->cb.log, level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	const char *name = sa->config == NULL ? NULL : sa->config->name;
	if (sa->state == SA_INIT || sa->state == SA_HALF_OPEN || sa->state == SA_FAILED)
		ike_log_stranger(ike, level, name, &sa->path, "%s", text);
	else
		ike_log_conn(ike, level, name, &sa->path, "%s", text);
}

/* Room for a message of n octets; what is larger than usual goes when the message has been sealed.
 */
static void buffer_fit(struct ike *ike, size_t n)
{
	uint8_t *fresh = n == ike->buffer_cap ? NULL : mem_new(n);

	if (fresh == NULL)
		return; /* the message will not fit, and its builder says so */
	mem_free_secret(ike->buffer, ike->buffer_cap);
	ike->buffer = fresh;
	ike->buffer_cap = n;
}

void sa_message_begin_for(struct ike *ike, struct ike_sa *sa, struct message *m, uint8_t exchange,
			  bool response, uint32_t message_id, size_t value)
{
	const struct ike_header h = {
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	    .exchange = exchange,
	    .flags = (uint8_t)((sa->initiator ? HEADER_INITIATOR : 0) |
			       (response ? HEADER_RESPONSE : 0)),
	    .message_id = message_id,
	};

	if (value > IKE_DATAGRAM_MAX / 2)
		buffer_fit(ike, value + IKE_DATAGRAM_MAX);
	message_begin(m, ike->buffer, ike->buffer_cap, &h);
	if (sa->big_payload)
		message_allow_big(m);
	if (exchange != EXCHANGE_IKE_SA_INIT)
		message_sk_begin(m, ike_sk_iv_len(&sa->suite.protect));
}

void sa_message_begin(struct ike *ike, struct ike_sa *sa, struct message *m, uint8_t exchange,
		      bool response, uint32_t message_id)
{
	sa_message_begin_for(ike, sa, m, exchange, response, message_id, 0);
}

/* The header that m begins with; its length is not final yet. */
static struct ike_header header_of(const struct ike_sa *sa, const struct message *m)
{
	struct reader r = reader_of(bytes_of(m->w.p + IKE_NEXT_AT + 2, 6));
	struct ike_header h = {.spi_i = sa->spi_i, .spi_r = sa->spi_r};

	h.exchange = reader_u8(&r);
	h.flags = reader_u8(&r);
	h.message_id = reader_u32(&r);
	return h;
}

/* The inner payloads of m as f keeps them. A copy of a megabyte is not made: they stay in the
 * buffer, which f takes. */
static enum err keep_inner(struct ike *ike, struct message *m, struct ike_flight *f)
{
	const struct bytes inner = message_inner(m, &f->first);
	const bool large = ike->buffer_cap > IKE_DATAGRAM_MAX;
	uint8_t *block = large ? mem_new(IKE_DATAGRAM_MAX) : mem_copy(inner);

	if (block == NULL)
		return ERR_NO_MEMORY;
	if (!large) {
		f->block = block;
		f->block_len = inner.n;
		f->inner = bytes_of(block, inner.n);
		mem_erase(m->w.p, m->w.n);
		return ERR_NONE;
	}
	f->block = ike->buffer;
	f->block_len = m->w.n; /* no more of it has been written */
	f->inner = inner;
	ike->buffer = block;
	ike->buffer_cap = IKE_DATAGRAM_MAX;
	return ERR_NONE;
}

static enum err seal_in_pieces(struct ike *ike, struct ike_sa *sa, struct message *m,
			       struct ike_flight *out)
{
	const struct ike_header h = header_of(sa, m);
	struct ike_flight f = {0};
	enum err e = keep_inner(ike, m, &f);

	if (e == ERR_NONE)
		e = fragment_cut(ike, sa, &h, fragment_limit(sa), &f);
	if (e) {
		flight_clear(&f);
		return e;
	}
	flight_clear(out);
	*out = f;
	return ERR_NONE;
}

enum err sa_message_seal(struct ike *ike, struct ike_sa *sa, struct message *m,
			 struct ike_flight *out)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, sa->initiator);
	const size_t around = protect_icv_len(&sa->suite.protect) + ENCR_BLOCK_MAX;
	struct bytes octets;
	enum err e;

	impair_message(ike, m);
	if (m->reason != NULL)
		sa_log(ike, sa, LOG_ERR, "a message cannot be built: %s", m->reason);
	if (sa->fragmentation && m->reason == NULL && m->w.n + around > fragment_limit(sa))
		return seal_in_pieces(ike, sa, m, out);
	e = ike_sk_seal(ike->crypto, &sa->suite.protect, &keys, &sa->iv_counter, &ike->cb.random, m,
			&octets);
	if (e == ERR_NONE)
		e = impair_sealed(ike, sa, octets);
	return e ? e : flight_set(out, octets);
}

enum err sa_respond(struct ike *ike, struct ike_sa *sa, struct message *m)
{
	enum err e = sa_message_seal(ike, sa, m, &sa->answer);

	if (e) {
		/* The peer will ask again and be answered then, or give up. */
		sa_log(ike, sa, LOG_ERR, "cannot build a response: %s", err_name(e));
	} else {
		sa->recv_id++;
		sa->last_sent = ike->now;
		/* RFC 7296 2.11: to where the request came from, be that where we send or not. */
		flight_send(ike, sa->inbound != NULL ? &sa->inbound->path : &sa->path, &sa->answer);
		exchange_answer(sa, sa->answer.len, ike->now);
	}
	ike_inbound_free(sa->inbound);
	sa->inbound = NULL;
	return e;
}

void sa_respond_notify(struct ike *ike, struct ike_sa *sa, uint8_t exchange, uint8_t protocol,
		       struct bytes spi, uint16_t type, struct bytes data)
{
	struct message m;

	sa_message_begin(ike, sa, &m, exchange, true, sa->recv_id);
	notify_write(message_payload_begin(&m, PAYLOAD_NOTIFY), protocol, spi, type, data);
	message_payload_end(&m);
	sa_respond(ike, sa, &m);
}

void message_ke(struct message *m, const struct ke_desc *ke, struct bytes value)
{
	ke_write(message_payload_begin(m, PAYLOAD_KE), ke->id, value);
	message_payload_end(m);
}

void message_notify(struct message *m, uint16_t type, struct bytes data)
{
	notify_write(message_payload_begin(m, PAYLOAD_NOTIFY), 0, (struct bytes){0}, type, data);
	message_payload_end(m);
}

void message_notify_spi(struct message *m, uint8_t protocol, uint32_t spi, uint16_t type)
{
	uint8_t octets[4];
	struct writer w = writer_of(octets, sizeof(octets));

	writer_u32(&w, spi);
	notify_write(message_payload_begin(m, PAYLOAD_NOTIFY), protocol, BYTES_OF(octets), type,
		     (struct bytes){0});
	message_payload_end(m);
}

bool payloads_notify(const struct payloads *ps, uint16_t type, struct notify_part *out)
{
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;)
		if (notify_parse(p->body, out, NULL) == ERR_NONE && out->type == type)
			return true;
	return false;
}

bool payloads_error(const struct payloads *ps, struct notify_part *out)
{
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;)
		if (notify_parse(p->body, out, NULL) == ERR_NONE && notify_is_error(out->type))
			return true;
	return false;
}
