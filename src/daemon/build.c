#include "daemon/build.h"

#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "daemon/build_private.h"
#include "daemon/values.h"
#include "pki/trust.h"

struct bytes memory_key(const struct table_node *node)
{
	const struct memory *m = (const struct memory *)(const void *)node;

	return bytes_of(m->key, m->n);
}

struct memory *memory_find(const struct table *t, struct bytes key)
{
	return (struct memory *)(void *)table_find(t, key);
}

struct memory *memory_add(struct table *t, struct bytes key)
{
	struct memory *m = mem_new(sizeof(*m) + key.n);

	if (m == NULL)
		return NULL;
	m->n = key.n;
	if (key.n > 0)
		memcpy(m->key, key.p, key.n);
	table_add(t, &m->node);
	return m;
}

/* Frees the nodes; their values are the caller's business by `free_value`. */
static void table_forget(struct table *t, void (*free_value)(void *value))
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct table_node *n = t->buckets[i], *next; n != NULL; n = next) {
			next = n->next;
			if (free_value != NULL)
				free_value(((struct memory *)(void *)n)->value);
			mem_free(n);
		}
	}
	table_clear(t);
}

static void free_trust(void *value)
{
	trust_free(value);
}

/* Sets that no connection has any more: lists are read anew every day, and each makes a set. */
static void forget_trusts(struct table *t)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct table_node *n = t->buckets[i], *next; n != NULL; n = next) {
			struct memory *m = (struct memory *)(void *)n;
			next = n->next;
			if (trust_is_shared(m->value))
				continue;
			table_remove(t, n);
			trust_free(m->value);
			mem_free(m);
		}
	}
}

static struct bytes key_entry_key(const struct table_node *node)
{
	const struct key_entry *k = (const struct key_entry *)(const void *)node;

	return bytes_of(k->info.name, strlen(k->info.name));
}

enum err builder_init(struct builder *b, const uint8_t secret[16])
{
	*b = (struct builder){0};
	enum err e = table_init(&b->policies, secret, memory_key);
	if (e == ERR_NONE)
		e = table_init(&b->trusts, secret, memory_key);
	return e;
}

void builder_clear(struct builder *b)
{
	table_forget(&b->policies, NULL);
	table_forget(&b->trusts, free_trust);
}

void built_clear(struct built *b)
{
	for (size_t i = 0; i < b->n; i++)
		ike_connection_release(b->connections[i]);
	mem_free(b->connections);
	*b = (struct built){0};
}

/* A child keeps its policy's number for as long as the process lives. */
static enum err policy_number(struct builder *b, const char *connection, const char *child,
			      uint32_t *number)
{
	char name[2 * CONFIG_TEXT_MAX + 3];
	int n = snprintf(name, sizeof(name), "%s/%s", connection, child);
	struct bytes key = bytes_of(name, (size_t)n);
	struct memory *m = memory_find(&b->policies, key);

	if (m == NULL) {
		m = memory_add(&b->policies, key);
		if (m == NULL)
			return ERR_NO_MEMORY;
		m->number = ++b->last_policy;
	}
	*number = m->number;
	return ERR_NONE;
}

static enum err build_identity(struct building *b, const struct config_section *s, const char *word,
			       struct identity **id)
{
	const struct config_value *v = config_get(s, word);
	const char *reason = "an identity";

	if (v == NULL || strcmp(v->text, "any") == 0)
		return ERR_NONE;
	enum err e = identity_parse(id, v->text, &reason);
	if (e != ERR_NONE && e != ERR_NO_MEMORY)
		errors_expected(b->errors, v->line, v->text, "for %s an identity: %s", word,
				reason);
	return e;
}

/* A list of proposals, or one, as ike_suites_parse() wants it. */
static enum err build_suites(struct building *b, const struct config_section *s, const char *word,
			     uint8_t protocol, struct ike_suites *suites)
{
	char text[CONFIG_TEXT_MAX + 1];
	size_t at = 0;
	struct bytes bad = {0};
	const char *reason = "";
	const struct config_value *first = config_get(s, word);

	if (first == NULL) {
		ike_suites_default(suites, protocol);
		return ERR_NONE;
	}
	for (const struct config_value *v = first; v != NULL; v = config_get_next(v)) {
		int n = snprintf(text + at, sizeof(text) - at, "%s%s", at > 0 ? ", " : "", v->text);
		if (n < 0 || (size_t)n >= sizeof(text) - at) {
			errors_expected(b->errors, v->line, v->text, "for %s a shorter list", word);
			return ERR_SYNTAX;
		}
		at += (size_t)n;
	}
	enum err e = ike_suites_parse(suites, protocol, text, &bad, &reason);
	if (e != ERR_NONE) {
		char shown[64];
		(void)snprintf(shown, sizeof(shown), "%.*s", bad.n < 60 ? (int)bad.n : 60,
			       bad.n > 0 ? (const char *)bad.p : "");
		errors_expected(b->errors, first->line, shown, "other algorithms for %s: %s", word,
				reason);
	}
	return e;
}

static enum err build_selectors(const struct config_section *s, const char *word,
				struct selector **out, size_t *n_out)
{
	size_t n = 0;

	for (const struct config_value *v = config_get(s, word); v != NULL; v = config_get_next(v))
		n++;
	*out = mem_new((n > 0 ? n : 1) * sizeof(**out));
	if (*out == NULL)
		return ERR_NO_MEMORY;
	for (const struct config_value *v = config_get(s, word); v != NULL;
	     v = config_get_next(v)) {
		/* Checked when it was read; see option_check(). */
		if (selector_parse(&(*out)[*n_out], v->text) == ERR_NONE)
			(*n_out)++;
	}
	return ERR_NONE;
}

static void store_values(const struct config_section *s, void *base)
{
	option_store_defaults(s->kind, base);
	for (const struct config_value *v = s->values; v != NULL; v = v->next)
		option_store(v->option, base, v->text);
}

static enum err build_child(struct building *b, const struct config_section *connection,
			    const struct config_section *s, struct ike_child_config *child)
{
	store_values(s, child);
	child->name = mem_text(s->title);
	if (child->name == NULL)
		return ERR_NO_MEMORY;
	enum err e = policy_number(b->builder, connection->title, s->title, &child->policy);
	if (e == ERR_NONE)
		e = build_selectors(s, "local-ts", &child->local, &child->n_local);
	if (e == ERR_NONE)
		e = build_selectors(s, "remote-ts", &child->remote, &child->n_remote);
	if (e == ERR_NONE)
		e = build_suites(b, s, "esp", PROTOCOL_ESP, &child->esp);
	if (e == ERR_NONE && !ike_suites_add_eesp(&child->esp, child->eesp, child->eesp_sub_sas)) {
		const struct config_value *v = config_get(s, "eesp");
		errors_expected(b->errors, v != NULL ? v->line : 0, "eesp",
				"with eesp an AEAD among esp, such as aes256gcm");
		e = ERR_SYNTAX;
	}
	return e;
}

/* Two identities as one key, whichever comes first. "*" stands for anybody. */
static size_t pair_key(const struct identity *a, const struct identity *b,
		       char key[2 * IDENTITY_TEXT_MAX + 8])
{
	char one[IDENTITY_TEXT_MAX] = "*", two[IDENTITY_TEXT_MAX] = "*";

	if (a != NULL)
		(void)identity_format(a, one);
	if (b != NULL)
		(void)identity_format(b, two);
	bool swap = strcasecmp(one, two) > 0;
	unsigned type_a = a != NULL ? a->type : 0, type_b = b != NULL ? b->type : 0;
	int n = snprintf(key, 2 * IDENTITY_TEXT_MAX + 8, "%u %s\n%u %s", swap ? type_b : type_a,
			 swap ? two : one, swap ? type_a : type_b, swap ? one : two);
	for (int i = 0; i < n; i++) {
		if (key[i] >= 'A' && key[i] <= 'Z')
			key[i] = (char)(key[i] - 'A' + 'a');
	}
	return (size_t)n;
}

static enum err note_secret(struct building *b, const struct config_section *s)
{
	struct identity *one = NULL, *two = NULL;
	char key[2 * IDENTITY_TEXT_MAX + 8];
	const char *reason = "";
	const char *bad = s->title;
	enum err e = identity_parse(&one, s->title, &reason);

	if (e == ERR_NONE && s->title2 != NULL) {
		bad = s->title2;
		e = identity_parse(&two, s->title2, &reason);
	}
	if (e != ERR_NONE) {
		errors_expected(b->errors, s->line, bad, "an identity: %s", reason);
	} else {
		struct bytes k = bytes_of(key, pair_key(one, two, key));
		if (memory_find(&b->secrets, k) != NULL) {
			errors_expected(b->errors, s->line, s->title,
					"one secret for these identities, not two");
			e = ERR_EXISTS;
		} else if (memory_add(&b->secrets, k) == NULL) {
			e = ERR_NO_MEMORY;
		}
	}
	identity_free(one);
	identity_free(two);
	return e;
}

static bool has_secret(const struct building *b, const struct identity *local,
		       const struct identity *remote)
{
	const struct identity *const pairs[][2] = {{local, remote}, {local, NULL}, {remote, NULL}};
	char key[2 * IDENTITY_TEXT_MAX + 8];

	/* Whoever calls is looked up when he says who he is. */
	if (remote == NULL)
		return true;
	for (size_t i = 0; i < 3; i++) {
		size_t n = pair_key(pairs[i][0], pairs[i][1], key);
		if (memory_find(&b->secrets, bytes_of(key, n)) != NULL)
			return true;
	}
	return false;
}

static enum err build_psk(struct building *b, const struct config_section *s,
			  const struct ike_connection *c)
{
	const struct config_value *auth = config_get(s, "auth");
	const char *local = config_text(s, "local-id");
	const char *remote = config_text(s, "remote-id");

	if (has_secret(b, c->local_id, c->remote_id))
		return ERR_NONE;
	errors_expected(b->errors, auth != NULL ? auth->line : s->line, "psk",
			"a section: secret \"%s\" \"%s\" { psk-file = \"FILE\" }", local, remote);
	return ERR_NOT_FOUND;
}

static bool ppk_known(const struct config *c, const char *id)
{
	for (const struct config_section *s = c->sections; s != NULL; s = s->next)
		if (s->kind == SECTION_PPK && strcmp(s->title, id) == 0)
			return true;
	return false;
}

static enum err build_ppk(struct building *b, const struct config_section *s,
			  struct ike_ppk_config *ppk)
{
	size_t n = 0;

	for (const struct config_value *v = config_get(s, "ppk-id"); v != NULL;
	     v = config_get_next(v))
		n++;
	if (n == 0)
		return ERR_NONE;
	ppk->ids = mem_new(n * sizeof(*ppk->ids));
	if (ppk->ids == NULL)
		return ERR_NO_MEMORY;
	for (const struct config_value *v = config_get(s, "ppk-id"); v != NULL;
	     v = config_get_next(v)) {
		if (!ppk_known(b->config, v->text)) {
			errors_expected(b->errors, v->line, v->text,
					"a section: ppk \"%s\" { ppk-file = \"FILE\" }", v->text);
			return ERR_NOT_FOUND;
		}
		const struct bytes id = bytes_of(v->text, strlen(v->text));
		uint8_t *copy = mem_copy(id);
		if (copy == NULL)
			return ERR_NO_MEMORY;
		ppk->ids[ppk->n_ids++] = bytes_of(copy, id.n);
	}
	return ERR_NONE;
}

static enum err build_connection(struct building *b, const struct config_section *s,
				 struct ike_connection *c)
{
	unsigned auth = IKE_AUTH_BY_PSK;
	const struct config_option *o = option_find(SECTION_CONNECTION, "auth");
	const char *text = config_text(s, "auth");

	store_values(s, c);
	if (text == NULL || !value_word(&auth, o->words, text))
		return ERR_SYNTAX;
	c->local_auth.kind = c->remote_auth.kind = (enum ike_auth_kind)auth;
	enum err e = build_identity(b, s, "local-id", &c->local_id);
	enum err e2 = build_identity(b, s, "remote-id", &c->remote_id);
	enum err e3 = build_suites(b, s, "ike", PROTOCOL_IKE, &c->ike);
	if (e == ERR_NONE)
		e = e2 != ERR_NONE ? e2 : e3;
	e2 = build_ppk(b, s, &c->ppk);
	if (e == ERR_NONE)
		e = e2;
	if (e == ERR_NONE)
		e = auth == IKE_AUTH_BY_PSK ? build_psk(b, s, c) : build_auth(b, s, c);
	size_t n = 0;
	for (const struct config_section *k = s->children; k != NULL; k = k->next)
		n++;
	c->children = mem_new((n > 0 ? n : 1) * sizeof(*c->children));
	if (c->children == NULL)
		return ERR_NO_MEMORY;
	for (const struct config_section *k = s->children; k != NULL; k = k->next) {
		e2 = build_child(b, s, k, &c->children[c->n_children++]);
		if (e == ERR_NONE)
			e = e2;
	}
	return e;
}

static enum err note_keys(struct building *b, struct bytes keys)
{
	struct reader r = reader_of(keys);

	while (reader_left(&r) > 0) {
		struct key_entry *k = mem_new(sizeof(*k));
		if (k == NULL)
			return ERR_NO_MEMORY;
		enum err e = key_info_read(&r, &k->info);
		if (e != ERR_NONE) {
			mem_free(k);
			return e;
		}
		table_add(&b->keys, &k->node);
	}
	return ERR_NONE;
}

static enum err build_all(struct building *b, struct built *out)
{
	enum err all = ERR_NONE, e = ERR_NONE;

	for (const struct config_section *s = b->config->sections; s != NULL; s = s->next) {
		if (s->kind == SECTION_SECRET)
			e = note_secret(b, s);
		if (all == ERR_NONE)
			all = e;
	}
	for (const struct config_section *s = b->config->sections; s != NULL; s = s->next) {
		if (s->kind != SECTION_CONNECTION)
			continue;
		struct ike_connection *c = ike_connection_new(s->title);
		if (c == NULL)
			return ERR_NO_MEMORY;
		out->connections[out->n++] = c;
		e = build_connection(b, s, c);
		if (all == ERR_NONE)
			all = e;
	}
	return all;
}

enum err build_connections(struct builder *builder, const struct config *c, const struct files *f,
			   struct bytes keys, struct built *out, struct errors *errors)
{
	static const uint8_t secret[16];
	size_t found = errors->n + errors->more;
	struct building b = {.builder = builder, .config = c, .files = f, .errors = errors};

	*out = (struct built){0};
	forget_trusts(&builder->trusts);
	enum err e = table_init(&b.keys, secret, key_entry_key);
	if (e == ERR_NONE)
		e = table_init(&b.secrets, secret, memory_key);
	if (e == ERR_NONE)
		e = note_keys(&b, keys);
	if (e == ERR_NONE) {
		out->connections = mem_new((c->n_connections + 1) * sizeof(*out->connections));
		e = out->connections != NULL ? build_all(&b, out) : ERR_NO_MEMORY;
	}
	table_forget(&b.keys, NULL);
	table_forget(&b.secrets, NULL);
	if (e == ERR_NONE)
		return ERR_NONE;
	if (errors->n + errors->more == found)
		errors_add(errors, 0, "%s", e == ERR_NO_MEMORY ? "out of memory" : err_name(e));
	built_clear(out);
	return e;
}
