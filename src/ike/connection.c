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
	for (size_t i = 0; i < a->n_credentials; i++) {
		struct ike_credential *c = &a->credentials[i];

		for (size_t k = 0; k < c->n_certs; k++)
			mem_free((void *)(uintptr_t)c->certs[k].p);
		mem_free(c->certs);
		for (size_t k = 0; k < c->n_status; k++)
			mem_free((void *)(uintptr_t)c->status[k].p);
		mem_free(c->status);
		for (size_t k = 0; k < c->n_lists; k++)
			mem_free((void *)(uintptr_t)c->lists[k].p);
		mem_free(c->lists);
		mem_free(c->answers);
		mem_free(c->url);
		mem_free(c->key);
	}
	mem_free(a->credentials);
}

static void clear_remote(struct ike_remote_auth *a)
{
	for (size_t i = 0; i < a->n_keys; i++)
		public_key_free(a->keys[i]);
	mem_free(a->keys);
	for (size_t i = 0; i < a->n_crl_urls; i++)
		mem_free(a->crl_urls[i]);
	mem_free(a->crl_urls);
	mem_free(a->ocsp_url);
	trust_free(a->trust);
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
	for (size_t i = 0; i < c->ppk.n_ids; i++)
		mem_free((void *)(uintptr_t)c->ppk.ids[i].p);
	mem_free(c->ppk.ids);
	clear_remote(&c->remote_auth);
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

static bool auth_same(const struct ike_connection *a, const struct ike_connection *b)
{
	const struct ike_remote_auth *p = &a->remote_auth, *q = &b->remote_auth;

	if (a->local_auth.kind != b->local_auth.kind || p->kind != q->kind ||
	    p->n_keys != q->n_keys || p->key_types != q->key_types)
		return false;
	for (size_t i = 0; i < p->n_keys; i++)
		if (!public_key_equal(p->keys[i], q->keys[i]))
			return false;
	return true;
}

static bool identity_same(const struct identity *a, const struct identity *b)
{
	return a == NULL || b == NULL ? a == b : identity_equal(a, b);
}

static bool selectors_same(const struct selector *a, size_t n, const struct selector *b, size_t m)
{
	if (n != m)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!selector_equal(&a[i], &b[i]))
			return false;
	return true;
}

static bool suites_same(const struct ike_suites *a, const struct ike_suites *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct ike_proposal *x = &a->proposals[i], *y = &b->proposals[i];
		if (x->n != y->n)
			return false;
		for (size_t k = 0; k < x->n; k++)
			if (x->transforms[k].type != y->transforms[k].type ||
			    x->transforms[k].id != y->transforms[k].id ||
			    x->transforms[k].key_bits != y->transforms[k].key_bits)
				return false;
	}
	return true;
}

static bool child_same(const struct ike_child_config *a, const struct ike_child_config *b)
{
	return strcmp(a->name, b->name) == 0 && a->mode == b->mode && a->policy == b->policy &&
	       selectors_same(a->local, a->n_local, b->local, b->n_local) &&
	       selectors_same(a->remote, a->n_remote, b->remote, b->n_remote) &&
	       suites_same(&a->esp, &b->esp);
}

static bool ppk_same(const struct ike_ppk_config *a, const struct ike_ppk_config *b)
{
	if (a->policy != b->policy || a->exchange != b->exchange || a->numbers != b->numbers ||
	    a->rekey != b->rekey || a->n_ids != b->n_ids)
		return false;
	for (size_t i = 0; i < a->n_ids; i++)
		if (!bytes_equal(a->ids[i], b->ids[i]))
			return false;
	return true;
}

bool ike_connection_same(const struct ike_connection *a, const struct ike_connection *b)
{
	if (!addr_equal(&a->local, &b->local) || !addr_equal(&a->remote, &b->remote) ||
	    a->remote_port != b->remote_port || a->force_encap != b->force_encap)
		return false;
	if (!identity_same(a->local_id, b->local_id) || !identity_same(a->remote_id, b->remote_id))
		return false;
	if (!ppk_same(&a->ppk, &b->ppk) || a->int_auth != b->int_auth || a->kem_auth != b->kem_auth)
		return false;
	if (!auth_same(a, b) || !suites_same(&a->ike, &b->ike) || a->n_children != b->n_children)
		return false;
	for (size_t i = 0; i < a->n_children; i++)
		if (!child_same(&a->children[i], &b->children[i]))
			return false;
	return true;
}
