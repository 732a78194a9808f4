/* Clients that wait until what they asked for has happened. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/control_private.h"

static void set_name(char to[CONTROL_NAME_MAX], const char *from)
{
	(void)snprintf(to, CONTROL_NAME_MAX, "%s", from != NULL ? from : "");
}

void wait_begin(struct client *c, enum client_wait wait, const char *connection, const char *child)
{
	mem_free(c->targets);
	c->targets = NULL;
	c->n_targets = 0;
	c->failed = false;
	c->reason[0] = '\0';
	set_name(c->connection, connection);
	set_name(c->child, child);
	c->wait = wait;
}

static void visit_connection(void *ctx, const struct ike_connection_info *info)
{
	struct client *c = ctx;
	const struct ike_connection *k = info->config;
	bool all = true;

	if (k == NULL || strcmp(info->name, c->connection) != 0)
		return;
	for (size_t i = 0; i < k->n_children; i++)
		all = all && k->children[i].start == IKE_START_MANUAL;
	c->targets = mem_new((k->n_children + 1) * sizeof(*c->targets));
	for (size_t i = 0; i < k->n_children && c->targets != NULL; i++) {
		const struct ike_child_config *child = &k->children[i];
		bool wanted = c->child[0] != '\0' ? strcmp(child->name, c->child) == 0
						  : all || child->start != IKE_START_MANUAL;
		if (wanted)
			set_name(c->targets[c->n_targets++].name, child->name);
	}
}

static void visit_sa(void *ctx, const struct ike_sa_info *info)
{
	(void)ctx;
	(void)info;
}

static void mark(struct client *c, const char *child)
{
	for (size_t i = 0; i < c->n_targets; i++) {
		if (strcmp(c->targets[i].name, child) == 0)
			c->targets[i].done = true;
	}
}

static void visit_child(void *ctx, const struct ike_child_info *info)
{
	mark(ctx, info->name);
}

enum err wait_targets(struct client *c)
{
	const struct ike_visitor v = {c, visit_connection, visit_sa, visit_child};
	enum err e = ike_visit(c->control->owner.ike, c->connection, &v);

	if (e == ERR_NONE && c->n_targets == 0)
		e = ERR_NOT_FOUND;
	return e;
}

void wait_check(struct client *c)
{
	for (size_t i = 0; i < c->n_targets; i++) {
		if (!c->targets[i].done)
			return;
	}
	if (c->failed)
		client_fail(c, "%s", c->reason);
	else
		client_ok(c, NULL);
}

static void fail(struct client *c, const struct ike_event *event)
{
	if (!c->failed)
		(void)snprintf(c->reason, sizeof(c->reason), "%s",
			       event->reason != NULL ? event->reason : "it failed");
	c->failed = true;
}

static void progress(struct client *c, const struct ike_event *event)
{
	static const char *const names[] = {
	    [IKE_EVENT_SA_UP] = "the IKE SA is up",
	    [IKE_EVENT_SA_DOWN] = "the IKE SA is down",
	    [IKE_EVENT_SA_REKEYED] = "the IKE SA has new keys",
	    [IKE_EVENT_CHILD_UP] = "the Child SA is up",
	    [IKE_EVENT_CHILD_DOWN] = "the Child SA is down",
	    [IKE_EVENT_CHILD_REKEYED] = "the Child SA has new keys",
	    [IKE_EVENT_FAILED] = "failed",
	};
	json_t *o = json_pack("{s:s, s:s}", "progress", names[event->type], "connection",
			      event->connection);

	if (o == NULL)
		return;
	if (event->child != NULL)
		(void)json_object_set_new(o, "child", json_string(event->child));
	if (event->reason != NULL && event->reason[0] != '\0')
		(void)json_object_set_new(o, "reason", json_string(event->reason));
	client_send(c, o);
}

static void up_event(struct client *c, const struct ike_event *event)
{
	switch (event->type) {
	case IKE_EVENT_CHILD_UP:
		if (event->child != NULL)
			mark(c, event->child);
		break;
	case IKE_EVENT_FAILED:
	case IKE_EVENT_SA_DOWN:
		fail(c, event);
		for (size_t i = 0; i < c->n_targets; i++) {
			if (event->child == NULL || strcmp(event->child, c->targets[i].name) == 0)
				c->targets[i].done = true;
		}
		break;
	case IKE_EVENT_SA_UP:
	case IKE_EVENT_SA_REKEYED:
	case IKE_EVENT_CHILD_DOWN:
	case IKE_EVENT_CHILD_REKEYED:
		break;
	}
	wait_check(c);
}

/* The one event that ends a wait of this kind well. */
static bool is_end(const struct client *c, const struct ike_event *event)
{
	bool of_child = c->child[0] != '\0';

	switch (c->wait) {
	case WAIT_DOWN:
		return event->type == IKE_EVENT_SA_DOWN ||
		       (of_child && event->type == IKE_EVENT_CHILD_DOWN);
	case WAIT_REKEY:
		return event->type == (of_child ? IKE_EVENT_CHILD_REKEYED : IKE_EVENT_SA_REKEYED);
	case WAIT_REAUTH:
		return event->type == IKE_EVENT_SA_UP;
	case WAIT_NOTHING:
	case WAIT_UP:
	case WAIT_RELOAD:
	case WAIT_STATS:
	case WAIT_LOG:
		return false;
	}
	return false;
}

void wait_event(struct client *c, const struct ike_event *event)
{
	bool waits = c->wait == WAIT_UP || c->wait == WAIT_DOWN || c->wait == WAIT_REKEY ||
		     c->wait == WAIT_REAUTH;

	if (!waits || event->connection == NULL || strcmp(event->connection, c->connection) != 0)
		return;
	if (c->child[0] != '\0' && event->child != NULL && strcmp(event->child, c->child) != 0)
		return;
	progress(c, event);
	if (c->wait == WAIT_UP)
		up_event(c, event);
	else if (is_end(c, event))
		client_ok(c, NULL);
	else if (event->type == IKE_EVENT_FAILED || event->type == IKE_EVENT_SA_DOWN)
		client_fail(c, "%s", event->reason != NULL ? event->reason : "it failed");
}
