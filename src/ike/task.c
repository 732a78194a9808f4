#include "ike/task.h"

#include "base/mem.h"
#include "ike/exchanges.h"
#include "ike/ext/followup.h"
#include "ike/ext/fragmentation.h"
#include "ike/ext/tcp.h"

/* How long one that was put off waits in an IKE SA that has just been made. */
#define MOVED_PAUSE UINT64_C(250000)

/* Datagrams of one request that are sent at once, or octets of them, and the pause before more. */
#define PACE_BURST  32
#define PACE_OCTETS ((size_t)256 * 1024)
#define PACE_GAP    UINT64_C(1000)

const char *task_kind_name(enum task_kind k)
{
	static const char *const names[] = {
	    [TASK_INIT] = "IKE_SA_INIT",
	    [TASK_INTERMEDIATE] = "IKE_INTERMEDIATE",
	    [TASK_AUTH] = "IKE_AUTH",
	    [TASK_CHILD_CREATE] = "creation of a Child SA",
	    [TASK_CHILD_REKEY] = "rekey of a Child SA",
	    [TASK_IKE_REKEY] = "rekey of the IKE SA",
	    [TASK_CHILD_DELETE] = "deletion of a Child SA",
	    [TASK_IKE_DELETE] = "deletion of the IKE SA",
	    [TASK_LIVENESS] = "liveness check",
	};

	return names[k];
}

uint8_t task_exchange(const struct ike_task *t)
{
	switch ((enum task_kind)t->kind) {
	case TASK_INIT:
		return EXCHANGE_IKE_SA_INIT;
	case TASK_INTERMEDIATE:
		return EXCHANGE_IKE_INTERMEDIATE;
	case TASK_AUTH:
		return EXCHANGE_IKE_AUTH;
	case TASK_CHILD_CREATE:
	case TASK_CHILD_REKEY:
	case TASK_IKE_REKEY:
		return t->followup ? EXCHANGE_IKE_FOLLOWUP_KE : EXCHANGE_CREATE_CHILD_SA;
	case TASK_CHILD_DELETE:
	case TASK_IKE_DELETE:
	case TASK_LIVENESS:
		return EXCHANGE_INFORMATIONAL;
	}
	return 0;
}

static struct ike_task *task_of(const struct list *node)
{
	return CONTAINER_OF(node, struct ike_task, of_sa);
}

static void task_free(struct ike_task *t)
{
	list_remove(&t->of_sa);
	create_state_free(t->create);
	ike_inbound_free(t->response);
	flight_clear(&t->request);
	reassembly_free(t->reassembly);
	mem_free(t);
}

void tasks_free(struct ike_sa *sa)
{
	LIST_EACH (&sa->tasks, node)
		task_free(task_of(node));
}

void tasks_free_waiting(struct ike_sa *sa)
{
	LIST_EACH (&sa->tasks, node)
		if (!task_of(node)->in_flight && task_of(node)->response == NULL)
			task_free(task_of(node));
}

static bool is_about_child(const struct ike_task *t)
{
	return t->kind == TASK_CHILD_CREATE || t->kind == TASK_CHILD_REKEY ||
	       t->kind == TASK_CHILD_DELETE;
}

void tasks_move_waiting(struct ike *ike, struct ike_sa *from, struct ike_sa *to)
{
	LIST_EACH (&from->tasks, node) {
		struct ike_task *t = task_of(node);
		if (!is_about_child(t) || t->in_flight || t->response != NULL)
			continue;
		/* A job on its way looks for it in the old SA and is dropped. */
		create_state_free(t->create);
		t->create = NULL;
		t->started = false;
		/* What it was put off for was this rekey; the peer comes to have the new SA, too.
		 */
		if (t->not_before > ike->now + MOVED_PAUSE)
			t->not_before = ike->now + MOVED_PAUSE;
		list_remove(&t->of_sa);
		list_append(&to->tasks, &t->of_sa);
	}
}

struct ike_task *task_find(struct ike_sa *sa, enum task_kind kind, uint32_t child_spi)
{
	LIST_EACH (&sa->tasks, node) {
		struct ike_task *t = task_of(node);
		if (t->kind == kind && (child_spi == 0 || t->child_spi == child_spi))
			return t;
	}
	return NULL;
}

struct ike_task *task_in_flight(struct ike_sa *sa, uint32_t message_id)
{
	LIST_EACH (&sa->tasks, node) {
		struct ike_task *t = task_of(node);
		if (t->in_flight && t->message_id == message_id)
			return t;
	}
	return NULL;
}

struct ike_task *task_by_serial(struct ike_sa *sa, uint64_t serial)
{
	LIST_EACH (&sa->tasks, node)
		if (task_of(node)->serial == serial)
			return task_of(node);
	return NULL;
}

/* The same wish as one that waits already. A Child SA to be created is known by its index. */
static struct ike_task *task_same(struct ike_sa *sa, enum task_kind kind, uint32_t child)
{
	LIST_EACH (&sa->tasks, node) {
		struct ike_task *t = task_of(node);
		if (t->kind != kind)
			continue;
		if (kind == TASK_CHILD_CREATE ? t->child_index == child : t->child_spi == child)
			return t;
	}
	return NULL;
}

static size_t tasks_count(const struct ike_sa *sa)
{
	size_t n = 0;

	for (const struct list *node = sa->tasks.next; node != &sa->tasks; node = node->next)
		n++;
	return n;
}

struct ike_task *task_add(struct ike *ike, struct ike_sa *sa, enum task_kind kind, uint32_t child)
{
	struct ike_task *t = task_same(sa, kind, child);

	if (t != NULL)
		return t;
	if (sa->state == SA_DEAD || sa->state == SA_DELETING)
		return NULL;
	if (sa->state == SA_REPLACED && kind != TASK_IKE_DELETE)
		return NULL;
	/* A peer that never answers must not make our own wishes pile up. */
	if (tasks_count(sa) >= TASKS_WAITING_MAX)
		return NULL;
	t = mem_new(sizeof(*t));
	if (t == NULL)
		return NULL;
	t->kind = kind;
	t->serial = ++ike->serial;
	if (kind == TASK_CHILD_CREATE)
		t->child_index = (uint16_t)child;
	else
		t->child_spi = child;
	list_append(&sa->tasks, &t->of_sa);
	return t;
}

void task_drop(struct ike_task *t)
{
	task_free(t);
}

void task_done(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	task_free(t);
	tasks_run(ike, sa);
}

void task_postpone(struct ike *ike, struct ike_sa *sa, struct ike_task *t, uint64_t delay)
{
	create_state_free(t->create);
	t->create = NULL;
	ike_inbound_free(t->response);
	t->response = NULL;
	flight_clear(&t->request);
	reassembly_free(t->reassembly);
	t->reassembly = NULL;
	t->started = t->in_flight = t->followup = false;
	t->tries = 0;
	t->pace_at = 0;
	t->not_before = ike->now + delay;
	list_remove(&t->of_sa);
	list_append(&sa->tasks, &t->of_sa);
	tasks_run(ike, sa);
}

/* A rekey of the IKE SA and its deletion want it for themselves: the peer would answer
 * TEMPORARY_FAILURE to anything beside them (RFC 7296 2.25.2). */
static bool wants_it_alone(const struct ike_task *t)
{
	return t->kind == TASK_IKE_REKEY || t->kind == TASK_IKE_DELETE;
}

static void task_start(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	t->started = true;
	switch ((enum task_kind)t->kind) {
	case TASK_INIT:
	case TASK_INTERMEDIATE:
	case TASK_AUTH:
		break; /* these start themselves */
	case TASK_CHILD_CREATE:
	case TASK_CHILD_REKEY:
	case TASK_IKE_REKEY:
		create_child_start(ike, sa, t);
		break;
	case TASK_CHILD_DELETE:
	case TASK_IKE_DELETE:
	case TASK_LIVENESS:
		info_start(ike, sa, t);
		break;
	}
}

void tasks_run(struct ike *ike, struct ike_sa *sa)
{
	unsigned window = sa->peer_window < TASKS_IN_FLIGHT ? sa->peer_window : TASKS_IN_FLIGHT;
	unsigned started = 0;
	uint32_t oldest = sa->send_id;
	/* Of the peer's rekey of the IKE SA no Child SA may be moved under our hands (2.25.2). */
	bool alone = create_pending_of_ike(sa);

	if (ike->ending || sa->unsettled || sa->send_id == MESSAGE_ID_END)
		return;
	/* Everything but Deletes waits for IKE_AUTH to be over (N1). */
	if (sa->state != SA_UP && sa->state != SA_REPLACED && sa->state != SA_DELETING)
		return;
	LIST_EACH (&sa->tasks, node) {
		const struct ike_task *t = task_of(node);
		if (!t->started)
			continue;
		started++;
		alone = alone || wants_it_alone(t);
		if (t->in_flight && t->message_id < oldest)
			oldest = t->message_id;
	}
	/* RFC 7296 2.3: the window counts from the oldest request without an answer. */
	if (sa->send_id - oldest >= window)
		return;
	/* Starting one may end it at once and come back here: begin anew after each. */
	if (started >= window || alone || followup_of_ike(sa))
		return;
	LIST_EACH (&sa->tasks, next) {
		struct ike_task *t = task_of(next);
		if (t->started || t->not_before > ike->now)
			continue;
		if (wants_it_alone(t) && started > 0)
			return;
		task_start(ike, sa, t);
		tasks_run(ike, sa);
		return;
	}
}

static uint64_t pause_after(struct ike *ike, unsigned tries)
{
	uint64_t pause = ike->settings.retransmit_first;

	for (unsigned i = 1; i < tries && pause < ike->settings.retransmit_most; i++)
		pause *= 2;
	if (pause > ike->settings.retransmit_most)
		pause = ike->settings.retransmit_most;
	return pause + ike_random_below(ike, pause / 4 + 1);
}

/* Many fragments at once overflow the buffers on the way: they go in bursts. */
static void task_push(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	const size_t n = flight_count(&t->request);
	size_t octets = 0;

	for (unsigned i = 0; i < PACE_BURST && octets < PACE_OCTETS && t->next_piece < n; i++) {
		const struct bytes piece = flight_datagram(&t->request, t->next_piece++);
		ike_send(ike, &sa->path, piece);
		octets += piece.n;
	}
	t->pace_at = t->next_piece < n ? ike->now + PACE_GAP : 0;
	t->resend_at = ike->now + pause_after(ike, t->tries);
	sa->last_sent = ike->now;
}

static void task_sent(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	t->message_id = sa->send_id++;
	t->started = t->in_flight = true;
	t->tries = 1;
	if (t->tries_left == 0)
		t->tries_left = tcp_tries(sa, t);
	t->next_piece = 0;
	exchange_request(sa, &sa->path, task_exchange(t), t->request.len, ike->now);
	task_push(ike, sa, t);
}

enum err task_send_octets(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			  struct bytes octets)
{
	enum err e = flight_set(&t->request, octets);

	if (e == ERR_NONE)
		task_sent(ike, sa, t);
	return e;
}

enum err task_send(struct ike *ike, struct ike_sa *sa, struct ike_task *t, struct message *m)
{
	enum err e = sa_message_seal(ike, sa, m, &t->request);

	if (e == ERR_NONE)
		task_sent(ike, sa, t);
	return e;
}

/* RFC 7383 2.5.2: a message in pieces that gets no answer may be too large for the path: after
 * every second try it is cut smaller, down to what every path carries. */
static void narrow_path(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	const uint16_t now = sa->datagram_max != 0 ? sa->datagram_max : FRAGMENT_DATAGRAM_STD;

	if (t->tries % 2 != 0 || t->request.block == NULL || now <= FRAGMENT_DATAGRAM_MIN)
		return;
	sa->datagram_max =
	    now > FRAGMENT_DATAGRAM_STD ? FRAGMENT_DATAGRAM_STD : FRAGMENT_DATAGRAM_MIN;
	sa_log(ike, sa, LOG_INFO, "no answer: cutting the message for datagrams of %u octets",
	       sa->datagram_max);
	fragment_again(ike, sa, &t->request, fragment_limit(sa));
}

/* RFC 7296 2.4: dead only after repeated attempts over a period of minutes, and the whole IKE SA
 * with it (2.1). */
static void task_gave_up(struct ike *ike, struct ike_sa *sa, struct ike_task *t)
{
	char peer[ADDR_TEXT_MAX];
	struct ike_conn *conn = sa->conn;
	const enum sa_state state = (enum sa_state)sa->state;
	const enum task_kind kind = (enum task_kind)t->kind;
	const uint16_t noted = sa->setup == NULL ? 0 : sa->setup->noted_error;
	const unsigned tries = t->tries;

	if (state == SA_DELETING || state == SA_REPLACED) {
		sa_kill(ike, sa, "the peer did not answer our Delete");
		return;
	}
	const enum ike_attempt how = (enum ike_attempt)sa->attempt;
	const bool over_tcp = sa->path.stream != 0;
	endpoint_format(&sa->path.remote, peer);
	sa_kill(ike, sa, "the peer does not answer");
	if (conn == NULL)
		return;
	if (noted == 0 && (kind == TASK_INIT || kind == TASK_INTERMEDIATE || kind == TASK_AUTH) &&
	    !over_tcp && tcp_other_transport(ike, conn, how, TCP_NO_ANSWER))
		return;
	if (noted != 0) {
		init_failed_by_notify(ike, conn, noted, peer);
		return;
	}
	ike_conn_failed(ike, conn,
			"no answer from %s to %s after %u tries: is the peer running, and %s reach "
			"it?",
			peer, task_kind_name(kind), tries,
			over_tcp ? "does its TCP port" : "do UDP 500 and 4500");
}

void tasks_tick(struct ike *ike, struct ike_sa *sa)
{
	const unsigned most =
	    sa->config != NULL && sa->config->retransmits > 0 ? sa->config->retransmits : 8;

	LIST_EACH (&sa->tasks, node) {
		struct ike_task *t = task_of(node);
		if (t->not_before <= ike->now)
			t->not_before = 0;
		if (t->in_flight && t->pace_at != 0 && t->pace_at <= ike->now)
			task_push(ike, sa, t);
		if (!t->in_flight || t->pace_at != 0 || t->resend_at > ike->now)
			continue;
		if (t->tries >= most || t->tries_left == 1) {
			task_gave_up(ike, sa, t);
			return;
		}
		/* RFC 7296 2.1: the very same octets */
		t->tries++;
		if (t->tries_left > 0)
			t->tries_left--;
		ike->totals.retransmits++;
		sa_log(ike, sa, LOG_DEBUG, "retransmitting request %u of %s, try %u", t->message_id,
		       task_kind_name((enum task_kind)t->kind), t->tries);
		if (tcp_repeats(sa))
			narrow_path(ike, sa, t);
		t->next_piece =
		    !tcp_repeats(sa) || fault_active(ike->cb.faults, FAULT_NO_RETRANSMIT)
			? flight_count(&t->request)
			: 0;
		task_push(ike, sa, t);
	}
	tasks_run(ike, sa);
}

void tasks_send_again(struct ike *ike, struct ike_sa *sa)
{
	LIST_EACH (&sa->tasks, node) {
		struct ike_task *t = task_of(node);
		if (!t->in_flight)
			continue;
		ike->totals.retransmits++;
		t->next_piece = 0;
		task_push(ike, sa, t);
	}
}

uint64_t tasks_deadline(const struct ike_sa *sa)
{
	uint64_t at = DEADLINE_NEVER;

	for (const struct list *node = sa->tasks.next; node != &sa->tasks; node = node->next) {
		const struct ike_task *t = task_of(node);
		if (t->in_flight && t->pace_at != 0 && t->pace_at < at)
			at = t->pace_at;
		if (t->in_flight && t->pace_at == 0 && t->resend_at < at)
			at = t->resend_at;
		if (!t->started && t->not_before != 0 && t->not_before < at)
			at = t->not_before;
	}
	return at;
}
