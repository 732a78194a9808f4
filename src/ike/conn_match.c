/* Connections by the address of their peer: what a stranger's first message costs must not grow
 * with the number of connections for others. */
#include "base/mem.h"
#include "ike/engine.h"

/* Connections of one remote address, in the order of the configuration. */
struct ike_remote {
	struct table_node node;
	struct addr addr; /* all zero: any */
	struct list conns;
};

static struct bytes key_of_remote(const struct table_node *node)
{
	const struct ike_remote *r = CONTAINER_OF(node, struct ike_remote, node);

	return bytes_of(&r->addr, sizeof(r->addr));
}

enum err conn_match_init(struct ike *ike)
{
	/* The configuration chooses the keys, no peer does. */
	static const uint8_t secret[16];

	return table_init(&ike->remotes, secret, key_of_remote);
}

/* As the table compares it: octets that mean nothing are zero, and there is one "any". */
static struct addr key_of(const struct addr *a)
{
	struct addr key = {0};

	if (addr_is_any(a))
		return key;
	key.family = a->family;
	for (size_t i = 0; i < addr_len(a); i++)
		key.a[i] = a->a[i];
	return key;
}

static struct ike_remote *remote_find(struct ike *ike, const struct addr *addr)
{
	const struct addr key = key_of(addr);
	struct table_node *node = table_find(&ike->remotes, bytes_of(&key, sizeof(key)));

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_remote, node);
}

void conn_match_remove(struct ike *ike, struct ike_conn *conn)
{
	struct ike_remote *r = conn->remote;

	if (r == NULL)
		return;
	list_remove(&conn->of_remote);
	conn->remote = NULL;
	if (!list_empty(&r->conns))
		return;
	table_remove(&ike->remotes, &r->node);
	mem_free(r);
}

static struct ike_conn *conn_of(struct list *node)
{
	return CONTAINER_OF(node, struct ike_conn, of_remote);
}

enum err conn_match_set(struct ike *ike, struct ike_conn *conn, const struct addr *remote)
{
	struct ike_remote *r = remote_find(ike, remote);

	if (r != NULL && r == conn->remote)
		return ERR_NONE;
	if (r == NULL) {
		r = mem_new(sizeof(*r));
		if (r == NULL)
			return ERR_NO_MEMORY;
		r->addr = key_of(remote);
		list_init(&r->conns);
		table_add(&ike->remotes, &r->node);
	}
	conn_match_remove(ike, conn);
	if (conn->order == 0)
		conn->order = ++ike->conn_order;
	/* One that changes its address keeps its place among all; most come last. */
	struct list *before = r->conns.prev;
	while (before != &r->conns && conn_of(before)->order > conn->order)
		before = before->prev;
	list_append(before->next, &conn->of_remote);
	conn->remote = r;
	return ERR_NONE;
}

static bool path_fits(const struct ike_connection *c, const struct path *path)
{
	/* RFC 9329 2: TCP is not negotiated, it is configured. */
	if (path->stream != 0 && c->transport == IKE_TRANSPORT_UDP)
		return false;
	return addr_is_any(&c->local) || addr_equal(&c->local, &path->local.addr);
}

/* The first of r that stands behind `after`. */
static struct ike_conn *next_of(struct ike_remote *r, const struct ike_conn *after)
{
	if (r == NULL)
		return NULL;
	const bool within = after != NULL && after->remote == r;
	struct list *node = within ? after->of_remote.next : r->conns.next;
	while (node != &r->conns && after != NULL && conn_of(node)->order <= after->order)
		node = node->next;
	return node == &r->conns ? NULL : conn_of(node);
}

struct ike_conn *ike_conn_match_path(struct ike *ike, const struct path *path,
				     struct ike_conn *after)
{
	static const struct addr any;
	struct ike_remote *const exact = remote_find(ike, &path->remote.addr);
	struct ike_remote *const open = remote_find(ike, &any);

	for (;;) {
		struct ike_conn *a = next_of(exact, after);
		struct ike_conn *b = exact == open ? NULL : next_of(open, after);
		after = b == NULL || (a != NULL && a->order < b->order) ? a : b;
		if (after == NULL || path_fits(after->config, path))
			return after;
	}
}
