#include "ike/connection.h"

#include <string.h>

#include "base/mem.h"

struct ike_connection *ike_connection_new(const char *name)
{
	struct ike_connection *c = mem_new(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->references = 1;
	c->name = mem_text(name);
	if (c->name == NULL) {
		mem_free(c);
		return NULL;
	}
	return c;
}

struct ike_connection *ike_connection_hold(struct ike_connection *c)
{
	if (c != NULL)
		c->references++;
	return c;
}

static void clear_local(struct ike_local_auth *a)
{
	for (size_t i = 0; i < a->n_certs; i++)
		mem_free((void *)(uintptr_t)a->certs[i].p);
	mem_free(a->certs);
	mem_free(a->key);
}

static void clear_child(struct ike_child_config *c)
{
	mem_free(c->name);
	mem_free(c->local);
	mem_free(c->remote);
}

void ike_connection_release(struct ike_connection *c)
{
	if (c == NULL || --c->references != 0)
		return;
	for (size_t i = 0; i < c->n_children; i++)
		clear_child(&c->children[i]);
	mem_free(c->children);
	clear_local(&c->local_auth);
	public_key_free(c->remote_auth.key);
	/* remote_auth.trust is shared and its owner's. */
	identity_free(c->local_id);
	identity_free(c->remote_id);
	mem_free(c->name);
	mem_free(c);
}

const struct ike_child_config *ike_connection_child(const struct ike_connection *c,
						    const char *name)
{
	for (size_t i = 0; i < c->n_children; i++)
		if (strcmp(c->children[i].name, name) == 0)
			return &c->children[i];
	return NULL;
}
