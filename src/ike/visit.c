/* What status shows. */
#include "ike/child.h"
#include "ike/exchanges.h"
#include "ike/ext/ppk.h"
#include "ike/ext/separate_transports.h"
#include "ike/task.h"

static enum ike_state public_state(const struct ike_sa *sa)
{
	switch ((enum sa_state)sa->state) {
	case SA_INIT:
	case SA_HALF_OPEN:
	case SA_AUTH:
		return IKE_STATE_CONNECTING;
	case SA_UP:
		return IKE_STATE_UP;
	case SA_REPLACED:
	case SA_DELETING:
		return IKE_STATE_DELETING;
	case SA_FAILED:
	case SA_DEAD:
		return IKE_STATE_DOWN;
	}
	return IKE_STATE_DOWN;
}

static void visit_child(struct ike *ike, const struct child_sa *c, const struct ike_visitor *v)
{
	struct path outer;
	bool encap;

	separate_esp_path(c->sa, &outer, &encap);
	struct ike_child_info info = {
	    .name = child_config(c)->name,
	    .handle = c->handle,
	    .spi_in = c->spi_in,
	    .spi_out = c->spi_out,
	    .suite = c->suite,
	    .mode = c->mode,
	    .udp_encap = encap && outer.stream == 0,
	    .in_tcp = outer.stream != 0,
	    .local = c->local,
	    .remote = c->remote,
	    .n_local = c->n_local,
	    .n_remote = c->n_remote,
	    .since = c->since,
	    .rekey_at = c->rekey_at,
	    .rekeying = c->state != CHILD_UP,
	};

	ike->cb.plane->child_usage(ike->cb.plane_ctx, c->handle, &info.usage);
	v->child(v->ctx, &info);
}

static void visit_sa(struct ike *ike, const struct ike_sa *sa, const struct ike_visitor *v)
{
	unsigned waiting = 0;

	for (const struct list *node = sa->tasks.next; node != &sa->tasks; node = node->next)
		waiting++;
	const struct ike_sa_info info = {
	    .connection = sa->config == NULL ? NULL : sa->config->name,
	    .state = public_state(sa),
	    .initiator = sa->initiator,
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	    .path = sa->path,
	    .transport = sa->path.stream == 0 ? "udp"
			 : sa->separate       ? "tcp, esp beside it"
					      : "tcp",
	    .suite = sa->suite,
	    .local_id = sa->local_id,
	    .remote_id = sa->remote_id,
	    .remote_auth = sa->remote_auth == NULL ? "" : sa->remote_auth,
	    .downgrade_prevention = sa->transcript,
	    .ppk_id = bytes_of(sa->ppk_id, sa->ppk_id_len),
	    .ppk = sa->ppk_way == PPK_IN_AUTH           ? "RFC 8784"
		   : sa->ppk_way == PPK_IN_INTERMEDIATE ? "RFC 9867"
							: "",
	    .nat_here = sa->nat_here,
	    .nat_there = sa->nat_there,
	    .since = sa->since,
	    .rekey_at = sa->rekey_at,
	    .reauth_at = sa->reauth_at,
	    .last_heard = sa->last_heard,
	    .exchanges_waiting = waiting,
	    .handshake_took = sa->exchanges == NULL ? 0 : sa->exchanges->took,
	    .n_exchanges = sa->exchanges == NULL ? 0 : sa->exchanges->n,
	    .exchanges = sa->exchanges == NULL ? NULL : sa->exchanges->of,
	};

	v->sa(v->ctx, &info);
	for (const struct list *node = sa->children.next; node != &sa->children; node = node->next)
		visit_child(ike, CONTAINER_OF(node, const struct child_sa, of_sa), v);
}

static void visit_conn(struct ike *ike, const struct ike_conn *conn, const struct ike_visitor *v)
{
	const struct ike_connection_info info = {
	    .name = conn->config->name,
	    .state = conn->state,
	    .state_since = conn->state_since,
	    .why = conn->why,
	    .retry_at = conn->timer.deadline.place == 0 ? 0 : conn->timer.deadline.at,
	    .config = conn->config,
	};

	v->connection(v->ctx, &info);
	for (const struct list *node = conn->sas.next; node != &conn->sas; node = node->next)
		visit_sa(ike, CONTAINER_OF(node, const struct ike_sa, of_conn), v);
}

enum err ike_visit(struct ike *ike, const char *connection, const struct ike_visitor *visitor)
{
	if (connection != NULL) {
		const struct ike_conn *conn = ike_conn_find(ike, connection);
		if (conn == NULL)
			return ERR_NOT_FOUND;
		visit_conn(ike, conn, visitor);
		return ERR_NONE;
	}
	for (const struct list *node = ike->conn_list.next; node != &ike->conn_list;
	     node = node->next)
		visit_conn(ike, CONTAINER_OF(node, const struct ike_conn, all), visitor);
	return ERR_NONE;
}
