/* Connections in the engine: configured, wanted, tried, and why they are not up. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/child.h"
#include "ike/engine.h"
#include "ike/ext/downgrade_prevention.h"
#include "ike/ext/tcp.h"
#include "ike/sa.h"
#include "ike/task.h"

/* Before something that was lost is made anew: the peer may be about to do so itself. */
#define LOST_PAUSE UINT64_C(1000000)

#define TWIN_LINGER (2 * UINT64_C(1000000))
#define OLD_LINGER  (10 * UINT64_C(1000000))
/* When the peer, whose call lost, does not see it so and sends no Delete. */
#define PEER_LINGER (60 * UINT64_C(1000000))

#define CHILDREN_MAX 64 /* bits of ike_conn.wanted */

const char *ike_state_name(enum ike_state s)
{
	static const char *const names[] = {"down", "connecting", "up", "deleting"};

	return names[s];
}

struct ike_conn *ike_conn_find(struct ike *ike, const char *name)
{
	struct table_node *node = table_find(&ike->conns, bytes_of(name, strlen(name)));

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_conn, by_name);
}

void ike_conn_state(struct ike *ike, struct ike_conn *conn, enum ike_state state,
		    const char *format, ...)
{
	va_list args;

	if (conn->state != state)
		conn->state_since = ike->now;
	conn->state = state;
	va_start(args, format);
	vsnprintf(conn->why, sizeof(conn->why), format, args);
	va_end(args);
}

/* Twice as long after each failure, up to ten times the configured time. */
static uint64_t retry_after(struct ike *ike, const struct ike_conn *conn)
{
	uint64_t pause = conn->config->retry_time;

	for (unsigned i = 1; i < conn->failures && pause < 10 * conn->config->retry_time; i++)
		pause *= 2;
	return pause + ike_random_below(ike, pause / 4 + 1);
}

void ike_conn_failed(struct ike *ike, struct ike_conn *conn, const char *format, ...)
{
	char why[CONNECTION_WHY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	conn->failures++;
	ike_log_conn(ike, LOG_WARN, conn->config->name, NULL, "%s", why);
	if (ike_conn_sa(conn) == NULL)
		ike_conn_state(ike, conn, IKE_STATE_DOWN, "%s", why);
	else
		snprintf(conn->why, sizeof(conn->why), "%s", why);
	struct ike_event event = {
	    .type = IKE_EVENT_FAILED, .connection = conn->config->name, .reason = conn->why};
	if (ike->cb.event != NULL)
		ike->cb.event(ike->cb.ctx, &event);
	if (conn->wanted != 0 && conn->config->retry_time != 0)
		ike_timer_set(ike, &conn->timer, ike->now + retry_after(ike, conn));
}

void ike_conn_lost(struct ike *ike, struct ike_conn *conn, const char *why)
{
	if (ike_conn_sa(conn) == NULL)
		ike_conn_state(ike, conn, IKE_STATE_DOWN, "%s", why);
	else
		snprintf(conn->why, sizeof(conn->why), "%s", why);
	ike_conn_later(ike, conn);
}

void ike_conn_rest(struct ike *ike, struct ike_conn *conn)
{
	if (list_empty(&conn->sas) && conn->state != IKE_STATE_DOWN)
		ike_conn_state(ike, conn, IKE_STATE_DOWN, "taken down");
}

struct ike_sa *ike_conn_sa(struct ike_conn *conn)
{
	struct ike_sa *best = NULL;

	LIST_EACH (&conn->sas, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, of_conn);
		if (sa->state == SA_UP && (best == NULL || !sa->superseded))
			best = sa;
	}
	return best;
}

/* An attempt of ours, or a handshake that the peer began and that has got as far as IKE_AUTH. */
static struct ike_sa *conn_attempt(struct ike_conn *conn)
{
	LIST_EACH (&conn->sas, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, of_conn);
		if (sa->state == SA_INIT || (sa->state == SA_AUTH && sa->initiator))
			return sa;
	}
	return NULL;
}

static enum err conn_connect(struct ike *ike, struct ike_conn *conn, struct ike_sa **out)
{
	const struct ike_connection *c = conn->config;
	const enum ike_attempt how = tcp_attempt(conn);
	struct path path = tcp_attempt_path(c, how, &c->local);

	if (addr_is_any(&c->remote)) {
		ike_conn_state(ike, conn, IKE_STATE_DOWN,
			       "waits for the peer: no remote address is configured");
		return ERR_STATE;
	}
	if (addr_is_any(&path.local.addr) &&
	    !ike->cb.route(ike->cb.ctx, &c->remote, &path.local.addr)) {
		ike_conn_failed(ike, conn, "there is no route to the peer's address");
		return ERR_IO;
	}
	enum err e = sa_new(ike, out, conn, &path, true);
	if (e) {
		ike_conn_failed(ike, conn, "out of memory");
		return e;
	}
	ike_conn_state(ike, conn, IKE_STATE_CONNECTING, "connecting");
	(*out)->attempt = how;
	tcp_begin(ike, *out);
	return ERR_NONE;
}

void ike_conn_pursue(struct ike *ike, struct ike_conn *conn)
{
	struct ike_sa *sa = ike_conn_sa(conn);

	if (conn->wanted == 0)
		return;
	if (sa == NULL) {
		if (conn_attempt(conn) == NULL && conn_connect(ike, conn, &sa) == ERR_NONE)
			sa_schedule(ike, sa);
		return;
	}
	for (unsigned i = 0; i < conn->config->n_children && i < CHILDREN_MAX; i++) {
		if ((conn->wanted >> i & 1) == 0 || i >= sa->config->n_children)
			continue;
		if (child_of_index(sa, i) == NULL)
			task_add(ike, sa, TASK_CHILD_CREATE, i);
	}
	tasks_run(ike, sa);
	sa_schedule(ike, sa);
}

void ike_conn_later(struct ike *ike, struct ike_conn *conn)
{
	if (conn->wanted != 0 && conn->timer.deadline.place == 0)
		ike_timer_set(ike, &conn->timer,
			      ike->now + LOST_PAUSE + ike_random_below(ike, LOST_PAUSE));
}

static void conn_fire(struct ike *ike, struct ike_timer *timer)
{
	ike_conn_pursue(ike, CONTAINER_OF(timer, struct ike_conn, timer));
}

static bool has_policy(const struct ike_connection *c, uint32_t policy)
{
	for (size_t i = 0; c != NULL && i < c->n_children; i++)
		if (c->children[i].policy == policy)
			return true;
	return false;
}

/* Those that `next` (which may be NULL) has as well stay: the pairs of a policy go with it. */
static void conn_policies_remove(struct ike *ike, const struct ike_connection *c,
				 const struct ike_connection *next)
{
	for (size_t i = 0; i < c->n_children; i++)
		if (!has_policy(next, c->children[i].policy))
			ike->cb.plane->policy_remove(ike->cb.plane_ctx, c->children[i].policy);
}

enum err ike_conn_policies(struct ike *ike, struct ike_conn *conn)
{
	const struct ike_connection *c = conn->config;

	for (size_t i = 0; i < c->n_children; i++) {
		const struct ike_child_config *child = &c->children[i];
		const struct dataplane_policy p = {
		    .id = child->policy,
		    .mode = child->mode,
		    .acquire = child->start == IKE_START_ON_TRAFFIC,
		    .local = child->local,
		    .n_local = child->n_local,
		    .remote = child->remote,
		    .n_remote = child->n_remote,
		};
		enum err e = ike->cb.plane->policy_set(ike->cb.plane_ctx, &p);
		if (e)
			return e;
	}
	return ERR_NONE;
}

void ike_conn_free(struct ike *ike, struct ike_conn *conn)
{
	deadline_drop(&ike->deadlines, &conn->timer.deadline);
	table_remove(&ike->conns, &conn->by_name);
	conn_match_remove(ike, conn);
	list_remove(&conn->all);
	ike_connection_release(conn->config);
	mem_free(conn);
}

static uint64_t children_to_start(const struct ike_connection *c)
{
	uint64_t wanted = 0;

	for (unsigned i = 0; i < c->n_children && i < CHILDREN_MAX; i++)
		if (c->children[i].start == IKE_START_AUTO)
			wanted |= UINT64_C(1) << i;
	return wanted;
}

static struct ike_conn *conn_new(struct ike *ike, struct ike_connection *c)
{
	struct ike_conn *conn = mem_new(sizeof(*conn));

	if (conn == NULL)
		return NULL;
	if (conn_match_set(ike, conn, &c->remote)) {
		mem_free(conn);
		return NULL;
	}
	conn->config = ike_connection_hold(c);
	conn->timer.fire = conn_fire;
	list_init(&conn->sas);
	list_append(&ike->conn_list, &conn->all);
	table_add(&ike->conns, &conn->by_name);
	conn->state_since = ike->now;
	snprintf(conn->why, sizeof(conn->why), "not started");
	return conn;
}

/* Says goodbye to every SA of the connection that is up and ends the others. */
static void conn_take_down(struct ike *ike, struct ike_conn *conn, const char *reason)
{
	LIST_EACH (&conn->sas, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, of_conn);
		if (sa->state == SA_UP)
			sa_delete(ike, sa, reason);
		else if (sa->state != SA_DELETING && sa->state != SA_REPLACED)
			sa_kill(ike, sa, reason);
	}
}

/* Every SA has what c demands; one that is being made and cannot say yet has not. */
static bool sas_suffice(const struct ike_conn *conn, const struct ike_connection *c)
{
	for (const struct list *node = conn->sas.next; node != &conn->sas; node = node->next) {
		const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, of_conn);
		if (!downgrade_allowed(sa, c))
			return false;
	}
	return true;
}

/* A list that has been read anew knows a peer that is here: it is revoked for certain, whatever the
 * policy says of lists that are missing. */
static void conn_end_revoked(struct ike *ike, struct ike_conn *conn)
{
	const struct ike_remote_auth *a = &conn->config->remote_auth;
	char why[CONNECTION_WHY_MAX];

	if (a->trust == NULL || a->revocation == REVOCATION_NONE)
		return;
	LIST_EACH (&conn->sas, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, of_conn);
		if (sa->state != SA_UP ||
		    !trust_revokes(a->trust, sa->peer_path, sa->n_peer_path, why, sizeof(why)))
			continue;
		sa_log(ike, sa, LOG_WARN, "%s", why);
		sa_delete(ike, sa, why);
		ike_conn_lost(ike, conn, why);
	}
}

enum err ike_connection_set(struct ike *ike, struct ike_connection *c, uint64_t now)
{
	struct ike_conn *conn = ike_conn_find(ike, c->name);
	bool keep = false;

	ike->now = now;
	if (c->n_children > CHILDREN_MAX)
		return ERR_LIMIT;
	if (conn == NULL) {
		conn = conn_new(ike, c);
		if (conn == NULL)
			return ERR_NO_MEMORY;
	} else if (conn_match_set(ike, conn, &c->remote)) {
		return ERR_NO_MEMORY;
	} else {
		struct ike_connection *old = conn->config;
		keep = ike_connection_same(old, c) &&
		       (old->downgrade == c->downgrade || sas_suffice(conn, c));
		if (!keep)
			conn_take_down(ike, conn, "the configuration changed");
		/* The name is the key and stays; the node must not move in the table. */
		conn_policies_remove(ike, old, c);
		table_remove(&ike->conns, &conn->by_name);
		conn->config = ike_connection_hold(c);
		table_add(&ike->conns, &conn->by_name);
		ike_connection_release(old);
		conn->failures = 0;
		conn->attempt_chosen = false;
		conn_end_revoked(ike, conn);
	}
	enum err e = ike_conn_policies(ike, conn);
	if (e)
		return e;
	if (!keep)
		conn->wanted = children_to_start(c);
	else
		conn->wanted |= children_to_start(c);
	/* Many at once, at a start: not all in the same instant. */
	if (conn->wanted != 0)
		e = ike_timer_set(ike, &conn->timer, now + 1 + ike_random_below(ike, 20000));
	sa_reap(ike);
	return e;
}

enum err ike_connection_remove(struct ike *ike, const char *name, uint64_t now)
{
	struct ike_conn *conn = ike_conn_find(ike, name);

	ike->now = now;
	if (conn == NULL)
		return ERR_NOT_FOUND;
	conn->wanted = 0;
	conn_take_down(ike, conn, "the connection was removed from the configuration");
	/* SAs whose Delete is under way outlive the connection; they hold its configuration. */
	LIST_EACH (&conn->sas, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, of_conn);
		list_remove(&sa->of_conn);
		sa->conn = NULL;
	}
	conn_policies_remove(ike, conn->config, NULL);
	ike_conn_free(ike, conn);
	sa_reap(ike);
	return ERR_NONE;
}

/* Bits of the children that a command means; 0 when there is no such child. */
static uint64_t children_meant(const struct ike_connection *c, const char *child)
{
	const uint64_t all =
	    c->n_children == CHILDREN_MAX ? UINT64_MAX : (UINT64_C(1) << c->n_children) - 1;
	uint64_t wanted = 0;

	for (unsigned i = 0; i < c->n_children && i < CHILDREN_MAX; i++)
		if (child == NULL ? c->children[i].start != IKE_START_MANUAL
				  : strcmp(c->children[i].name, child) == 0)
			wanted |= UINT64_C(1) << i;
	return wanted == 0 && child == NULL ? all : wanted;
}

enum err ike_up(struct ike *ike, const char *connection, const char *child, uint64_t now)
{
	struct ike_conn *conn = ike_conn_find(ike, connection);
	uint64_t wanted = conn == NULL ? 0 : children_meant(conn->config, child);

	ike->now = now;
	if (wanted == 0)
		return ERR_NOT_FOUND;
	conn->wanted |= wanted;
	conn->failures = 0;
	conn->attempt_chosen = conn->attempt_chosen && ike_conn_sa(conn) != NULL;
	deadline_drop(&ike->deadlines, &conn->timer.deadline);
	ike_conn_pursue(ike, conn);
	sa_reap(ike);
	return ERR_NONE;
}

enum err ike_down(struct ike *ike, const char *connection, const char *child, uint64_t now)
{
	struct ike_conn *conn = ike_conn_find(ike, connection);

	ike->now = now;
	if (conn == NULL || (child != NULL && children_meant(conn->config, child) == 0))
		return ERR_NOT_FOUND;
	if (child == NULL) {
		conn->wanted = 0;
		deadline_drop(&ike->deadlines, &conn->timer.deadline);
		conn_take_down(ike, conn, "taken down by command");
		ike_conn_state(ike, conn, IKE_STATE_DOWN, "taken down by command");
	} else {
		conn->wanted &= ~children_meant(conn->config, child);
		struct ike_sa *sa = ike_conn_sa(conn);
		if (sa != NULL) {
			LIST_EACH (&sa->children, node) {
				struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
				if (strcmp(child_config(c)->name, child) == 0)
					child_delete(ike, c);
			}
			tasks_run(ike, sa);
			sa_schedule(ike, sa);
		}
	}
	sa_reap(ike);
	return ERR_NONE;
}

enum err ike_rekey(struct ike *ike, const char *connection, const char *child, uint64_t now)
{
	struct ike_conn *conn = ike_conn_find(ike, connection);
	struct ike_sa *sa = conn == NULL ? NULL : ike_conn_sa(conn);
	bool found = false;

	ike->now = now;
	if (conn == NULL)
		return ERR_NOT_FOUND;
	if (sa == NULL)
		return ERR_STATE;
	if (child == NULL)
		found = task_add(ike, sa, TASK_IKE_REKEY, 0) != NULL;
	else
		LIST_EACH (&sa->children, node) {
			struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
			if (strcmp(child_config(c)->name, child) == 0 && c->state == CHILD_UP)
				found |= task_add(ike, sa, TASK_CHILD_REKEY, c->spi_in) != NULL;
		}
	tasks_run(ike, sa);
	sa_schedule(ike, sa);
	sa_reap(ike);
	return found ? ERR_NONE : ERR_STATE;
}

enum err ike_reauthenticate(struct ike *ike, const char *connection, uint64_t now)
{
	struct ike_conn *conn = ike_conn_find(ike, connection);
	struct ike_sa *sa = conn == NULL ? NULL : ike_conn_sa(conn);

	ike->now = now;
	if (conn == NULL)
		return ERR_NOT_FOUND;
	if (sa == NULL)
		return ERR_STATE;
	enum err e = sa_reauthenticate(ike, sa);
	sa_schedule(ike, sa);
	sa_reap(ike);
	return e;
}

void sa_mark_superseded(struct ike *ike, struct ike_sa *sa, uint64_t linger)
{
	sa->superseded = true;
	sa->rekey_at = sa->reauth_at = 0;
	if (linger != 0)
		sa->expire_at = ike->now + linger;
	sa_schedule(ike, sa);
}

void sa_reinstate(struct ike *ike, struct ike_sa *sa)
{
	const uint64_t life = sa->config->rekey_time;

	sa->superseded = false;
	sa->expire_at = life == 0 ? 0 : ike->now + life;
	sa->rekey_at = life == 0 ? 0 : ike->now + ike_jitter(ike, life / 2 + 1);
	if (sa->config->reauth_time != 0)
		sa->reauth_at = ike->now + ike_jitter(ike, sa->config->reauth_time);
	sa_schedule(ike, sa);
}

/* Two IKE SAs of one peer. Both ends may have called at the same time, so that the handshakes
 * overlapped: then the one with the lower SPIi goes, by the Delete of whoever began it, so that
 * both ends keep the same. Otherwise the new one takes the old one's place: at once when the peer
 * says that it knows of no other (RFC 7296 2.4), else after a moment in which traffic moves. */
void sa_supersede(struct ike *ike, struct ike_sa *sa, bool initial_contact)
{
	if (sa->conn == NULL || sa->remote_id->type == ID_NULL)
		return; /* RFC 7619 2.5 */
	LIST_EACH (&sa->conn->sas, node) {
		struct ike_sa *old = CONTAINER_OF(node, struct ike_sa, of_conn);
		if (old == sa || old->state != SA_UP || old->superseded ||
		    !identity_equal(old->remote_id, sa->remote_id))
			continue;
		const bool overlap = sa->setup->born <= old->line_since;
		if (overlap && old->line_ours != sa->line_ours) {
			/* The ends may have rekeyed one of them, but agree on where it began. */
			struct ike_sa *loser = old->line_spi < sa->line_spi ? old : sa;
			sa_mark_superseded(ike, loser,
					   loser->line_ours ? TWIN_LINGER : PEER_LINGER);
		} else if (overlap && sa->initiator) {
			/* An attempt that took so long that the peer's call came up and we have
			 * reauthenticated that: nobody but us can say which of our own two stays.
			 */
			sa_mark_superseded(ike, sa, TWIN_LINGER);
		} else if (initial_contact) {
			sa_kill(ike, old, "the peer started anew (INITIAL_CONTACT)");
		} else if (sa->config->unique && !sa->initiator) {
			sa_mark_superseded(ike, old, OLD_LINGER);
		}
	}
}

/* Make before break (RFC 7296 2.8.3): a whole new IKE SA with its own Child SAs; the old one goes
 * when the new one is up. */
enum err sa_reauthenticate(struct ike *ike, struct ike_sa *sa)
{
	struct ike_sa *fresh;

	if (sa->state != SA_UP || sa->reauthenticating || sa->superseded || sa->conn == NULL)
		return ERR_STATE;
	if (addr_is_any(&sa->config->remote) && !sa->initiator)
		return ERR_STATE; /* only the peer can call */
	const enum ike_attempt how = tcp_attempt(sa->conn);
	struct path path = tcp_attempt_path(sa->conn->config, how, &sa->path.local.addr);
	path.remote.addr = sa->path.remote.addr;
	enum err e = sa_new(ike, &fresh, sa->conn, &path, true);
	if (e)
		return e;
	fresh->replaced_spi = sa_our_spi(sa);
	sa->reauthenticating = true;
	sa->reauth_at = 0;
	sa_log(ike, sa, LOG_INFO, "reauthenticating: making a new IKE SA before this one goes");
	fresh->attempt = how;
	tcp_begin(ike, fresh);
	sa_schedule(ike, fresh);
	return ERR_NONE;
}

void ike_shutdown(struct ike *ike, uint64_t now)
{
	ike->now = now;
	LIST_EACH (&ike->conn_list, node) {
		struct ike_conn *conn = CONTAINER_OF(node, struct ike_conn, all);
		conn->wanted = 0;
		deadline_drop(&ike->deadlines, &conn->timer.deadline);
		conn_take_down(ike, conn, "the daemon stops");
	}
	sa_reap(ike);
}
