/* What an IKE SA does in its own time: rekeys, reauthentication, liveness, NAT keepalives, ends. */
#include "base/mem.h"
#include "ike/child.h"
#include "ike/ext/followup.h"
#include "ike/ext/separate_transports.h"
#include "ike/task.h"

#define SECOND     UINT64_C(1000000)
#define RETRY      (10 * SECOND)
#define OLD_LINGER (5 * SECOND)

/* RFC 3948 2.3: one octet, sent without a marker. */
static const uint8_t nat_keepalive[] = {0xff};

static void timers_start(struct ike *ike, struct ike_sa *sa)
{
	const struct ike_connection *c = sa->config;

	sa->state = SA_UP;
	sa->since = ike->now;
	if (c->rekey_time != 0) {
		sa->rekey_at = ike->now + ike_jitter(ike, c->rekey_time);
		sa->expire_at = ike->now + c->rekey_time + c->rekey_time / 4;
	}
	if (c->dpd_delay != 0)
		sa->dpd_at = ike->now + c->dpd_delay;
	/* RFC 9329 6.7: no keepalives in TCP; beside it, ESP's NAT mapping needs them */
	if (sa->nat_here && c->keepalive != 0 && (sa->path.stream == 0 || sa->separate))
		sa->keepalive_at = ike->now + c->keepalive;
}

void sa_up_rekeyed(struct ike *ike, struct ike_sa *sa, const struct ike_sa *old)
{
	char suite[IKE_SUITE_TEXT_MAX];

	timers_start(ike, sa);
	sa->line_spi = old->line_spi;
	sa->line_ours = old->line_ours;
	sa->line_since = old->line_since;
	sa->reauth_at = old->reauth_at; /* rekeying proves nobody anew (RFC 7296 2.8.3) */
	sa->reauthenticating = old->reauthenticating;
	if (old->superseded) {
		/* The peer did not know yet that its days are numbered. */
		sa_mark_superseded(ike, sa, 0);
		sa->expire_at = old->expire_at;
	}
	sa_log(ike, sa, LOG_INFO, "IKE SA was rekeyed, %s", ike_suite_format(&sa->suite, suite));
	ike_tell(ike, IKE_EVENT_SA_REKEYED, sa, NULL, NULL);
}

void sa_up(struct ike *ike, struct ike_sa *sa)
{
	const struct ike_connection *c = sa->config;
	char suite[IKE_SUITE_TEXT_MAX];
	char id[IDENTITY_TEXT_MAX];

	timers_start(ike, sa);
	sa->line_spi = sa->spi_i;
	sa->line_ours = sa->initiator;
	sa->line_since = ike->now;
	if (c->reauth_time != 0 && (sa->initiator || !addr_is_any(&c->remote)))
		sa->reauth_at = ike->now + ike_jitter(ike, c->reauth_time);
	sa_log(ike, sa, LOG_INFO, "IKE SA is up with %s (%s), %s, %s downgrade prevention",
	       identity_format(sa->remote_id, id), sa->remote_auth,
	       ike_suite_format(&sa->suite, suite), sa->transcript ? "with" : "without");
	if (sa->conn != NULL) {
		sa->conn->failures = 0;
		deadline_drop(&ike->deadlines, &sa->conn->timer.deadline);
		ike_conn_state(ike, sa->conn, IKE_STATE_UP, "up");
	}
	ike_tell(ike, IKE_EVENT_SA_UP, sa, NULL, NULL);
	separate_up(ike, sa);
	/* Make before break: the old one stays until traffic has moved (RFC 7296 2.8.3). */
	struct ike_sa *old = sa->replaced_spi == 0 ? NULL : sa_find(ike, sa->replaced_spi);
	if (old != NULL && old->state == SA_UP) {
		LIST_EACH (&old->children, node)
			task_add(ike, sa, TASK_CHILD_CREATE,
				 CONTAINER_OF(node, struct child_sa, of_sa)->index);
		sa_mark_superseded(ike, old, OLD_LINGER);
	}
	sa->replaced_spi = 0;
}

static uint64_t last_traffic(struct ike *ike, const struct ike_sa *sa, bool inbound)
{
	uint64_t last = 0;

	for (const struct list *node = sa->children.next; node != &sa->children;
	     node = node->next) {
		const struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
		struct dataplane_usage u;
		if (!ike->cb.plane->child_usage(ike->cb.plane_ctx, c->handle, &u))
			continue;
		const uint64_t at = inbound ? u.last_in : u.last_out;
		if (at > last)
			last = at;
	}
	return last;
}

/* RFC 7296 2.4: only when nothing has come in, IKE or ESP. */
static void liveness(struct ike *ike, struct ike_sa *sa)
{
	const uint64_t heard = last_traffic(ike, sa, true);
	const uint64_t last = heard > sa->last_heard ? heard : sa->last_heard;

	sa->dpd_at = ike->now + sa->config->dpd_delay;
	if (last + sa->config->dpd_delay > ike->now) {
		sa->dpd_at = last + sa->config->dpd_delay;
		return;
	}
	/* An exchange under way is a liveness check itself. */
	LIST_EACH (&sa->tasks, node)
		if (CONTAINER_OF(node, struct ike_task, of_sa)->in_flight)
			return;
	task_add(ike, sa, TASK_LIVENESS, 0);
}

static void keepalive(struct ike *ike, struct ike_sa *sa)
{
	const uint64_t every = sa->config->keepalive;
	const uint64_t sent = last_traffic(ike, sa, false);
	const uint64_t last = sent > sa->last_sent || sa->separate ? sent : sa->last_sent;
	struct path outer;
	bool encap;

	if (last + every > ike->now) {
		sa->keepalive_at = last + every;
		return;
	}
	separate_esp_path(sa, &outer, &encap);
	if (encap)
		ike->cb.send(ike->cb.ctx, &outer, BYTES_OF(nat_keepalive));
	sa->last_sent = ike->now;
	sa->keepalive_at = ike->now + every;
}

static void child_tick(struct ike *ike, struct ike_sa *sa, struct child_sa *c)
{
	if (c->activate_at != 0 && c->activate_at <= ike->now)
		child_activate(ike, c);
	if (c->expire_at != 0 && c->expire_at <= ike->now) {
		c->expire_at = 0;
		sa_log(ike, sa, LOG_NOTE, "Child SA %s reached the end of its lifetime",
		       child_config(c)->name);
		child_delete(ike, c);
		if (sa->conn != NULL)
			ike_conn_lost(ike, sa->conn, "a Child SA reached the end of its lifetime");
		return;
	}
	if (c->state == CHILD_UP && c->rekey_at != 0 && c->rekey_at <= ike->now &&
	    !sa->superseded) {
		c->rekey_at = ike->now + ike_jitter(ike, RETRY);
		task_add(ike, sa, TASK_CHILD_REKEY, c->spi_in);
	}
}

static void sa_expired(struct ike *ike, struct ike_sa *sa)
{
	struct ike_conn *conn = sa->conn;
	const bool replaced = sa->superseded;

	sa->expire_at = 0;
	if (sa->state != SA_UP) {
		if (sa->state == SA_HALF_OPEN)
			sa_log(ike, sa, LOG_INFO,
			       "the peer did not go on with the handshake; forgotten");
		sa_kill(ike, sa, NULL);
		return;
	}
	sa_delete(ike, sa, replaced ? "it was replaced" : "its lifetime is over");
	if (conn != NULL && !replaced)
		ike_conn_lost(ike, conn, "the IKE SA's lifetime is over");
}

static void message_ids_tick(struct ike *ike, struct ike_sa *sa)
{
	struct ike_conn *conn = sa->conn;

	if (sa_message_ids(sa) == MESSAGE_ID_END) {
		sa_kill(ike, sa, "its Message IDs are used up");
		if (conn != NULL)
			ike_conn_lost(ike, conn, "the IKE SA's Message IDs were used up");
	} else if (sa->rekey_at == 0 || sa->rekey_at > ike->now + RETRY) {
		sa->rekey_at = ike->now;
	}
}

void sa_tick(struct ike *ike, struct ike_sa *sa)
{
	if (sa_message_ids(sa) >= MESSAGE_ID_REKEY)
		message_ids_tick(ike, sa);
	if (sa->expire_at != 0 && sa->expire_at <= ike->now)
		sa_expired(ike, sa);
	if (sa->state == SA_DEAD)
		return;
	if (sa->state == SA_UP) {
		if (sa->rekey_at != 0 && sa->rekey_at <= ike->now) {
			sa->rekey_at = ike->now + ike_jitter(ike, RETRY);
			task_add(ike, sa, TASK_IKE_REKEY, 0);
		}
		if (sa->reauth_at != 0 && sa->reauth_at <= ike->now) {
			sa->reauth_at = ike->now + ike_jitter(ike, RETRY);
			sa_reauthenticate(ike, sa);
		}
		if (sa->dpd_at != 0 && sa->dpd_at <= ike->now)
			liveness(ike, sa);
		LIST_EACH (&sa->children, node)
			child_tick(ike, sa, CONTAINER_OF(node, struct child_sa, of_sa));
		separate_tick(ike, sa);
	}
	tcp_tick(ike, sa);
	if (sa->keepalive_at != 0 && sa->keepalive_at <= ike->now)
		keepalive(ike, sa);
	followup_expire(ike, sa);
	tasks_tick(ike, sa);
}

void sa_update_path(struct ike *ike, struct ike_sa *sa, const struct path *path)
{
	char was[ADDR_TEXT_MAX], is[ADDR_TEXT_MAX];

	if (path_equal(&sa->path, path))
		return;
	sa_log(ike, sa, LOG_NOTE, "the peer moved from %s to %s",
	       endpoint_format(&sa->path.remote, was), endpoint_format(&path->remote, is));
	sa->path = *path;
	LIST_EACH (&sa->children, node)
		ike->cb.plane->child_move(ike->cb.plane_ctx,
					  CONTAINER_OF(node, struct child_sa, of_sa)->handle, path,
					  path->natt);
}

static void plane_acquire(struct ike *ike, uint32_t policy)
{
	LIST_EACH (&ike->conn_list, node) {
		struct ike_conn *conn = CONTAINER_OF(node, struct ike_conn, all);
		for (unsigned i = 0; i < conn->config->n_children; i++) {
			if (conn->config->children[i].policy != policy)
				continue;
			ike_log_conn(ike, LOG_INFO, conn->config->name, NULL,
				     "traffic asks for child %s", conn->config->children[i].name);
			conn->wanted |= UINT64_C(1) << i;
			/* After a failure the planned pause holds, lest traffic makes a storm. */
			if (conn->failures == 0)
				ike_conn_pursue(ike, conn);
			return;
		}
	}
}

static void child_event(struct ike *ike, struct child_sa *c, const struct dataplane_event *event)
{
	struct ike_sa *sa = c->sa;
	struct path path = sa->path;

	switch (event->type) {
	case DATAPLANE_SOFT_LIMIT:
		if (sa->state == SA_UP && c->state == CHILD_UP)
			task_add(ike, sa, TASK_CHILD_REKEY, c->spi_in);
		break;
	case DATAPLANE_HARD_LIMIT:
		if (sa->state == SA_UP) {
			child_delete(ike, c);
			if (sa->conn != NULL)
				ike_conn_lost(ike, sa->conn, "a Child SA reached its limit of use");
		}
		break;
	case DATAPLANE_FIRST_IN:
		child_activate(ike, c);
		break;
	case DATAPLANE_PEER_MOVED:
		path.remote = event->remote;
		if (separate_esp_moved(ike, sa, &event->remote))
			break;
		if (sa->nat_there && !sa->nat_here && path.natt)
			sa_update_path(ike, sa, &path);
		break;
	case DATAPLANE_FAILED:
		sa_log(ike, sa, LOG_ERR, "Child SA %s could not be installed: %s",
		       child_config(c)->name, event->reason);
		if (sa->state == SA_UP)
			child_delete(ike, c);
		if (sa->conn != NULL)
			ike_conn_failed(ike, sa->conn, "a Child SA could not be installed: %s",
					event->reason);
		break;
	case DATAPLANE_ACQUIRE:
		break;
	}
	tasks_run(ike, sa);
	sa_schedule(ike, sa);
}

void ike_plane_event(struct ike *ike, const struct dataplane_event *event, uint64_t now)
{
	ike->now = now;
	if (event->type == DATAPLANE_ACQUIRE) {
		plane_acquire(ike, event->policy);
	} else {
		struct child_sa *c = child_find_handle(ike, event->handle);
		if (c != NULL) /* else it went while the event was on its way */
			child_event(ike, c, event);
	}
	sa_reap(ike);
}
