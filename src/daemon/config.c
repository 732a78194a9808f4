#include "daemon/config.h"

#include <string.h>

#include "base/mem.h"
#include "base/selector.h"
#include "crypto/algorithm.h"
#include "daemon/values.h"
#include "ike/fetch.h"

#define FETCH_TIMEOUT_MAX 30000000 /* microseconds */

void config_init(struct config *c)
{
	*c = (struct config){0};
	c->sections_end = &c->sections;
}

void config_section_free(struct config_section *s)
{
	if (s == NULL)
		return;
	for (struct config_value *v = s->values, *next; v != NULL; v = next) {
		next = v->next;
		mem_free(v);
	}
	for (struct config_section *child = s->children, *next; child != NULL; child = next) {
		next = child->next;
		config_section_free(child);
	}
	mem_free(s->title);
	mem_free(s->title2);
	mem_free(s);
}

void config_clear(struct config *c)
{
	for (struct config_section *s = c->sections, *next; s != NULL; s = next) {
		next = s->next;
		config_section_free(s);
	}
	config_init(c);
}

struct config_section *config_section_new(enum option_section kind, unsigned line,
					  const char *title, const char *title2)
{
	struct config_section *s = mem_new(sizeof(*s));

	if (s == NULL)
		return NULL;
	s->kind = kind;
	s->line = line;
	s->values_end = &s->values;
	s->children_end = &s->children;
	s->title = mem_text(title);
	if (title2 != NULL)
		s->title2 = mem_text(title2);
	if (s->title == NULL || (title2 != NULL && s->title2 == NULL)) {
		config_section_free(s);
		return NULL;
	}
	return s;
}

enum err config_section_put(struct config_section *s, const struct config_option *o, unsigned line,
			    struct bytes text)
{
	if (text.n > CONFIG_TEXT_MAX)
		return ERR_LIMIT;
	struct config_value *v = mem_new(sizeof(*v) + text.n + 1);
	if (v == NULL)
		return ERR_NO_MEMORY;
	v->option = o;
	v->line = line;
	if (text.n > 0)
		memcpy(v->text, text.p, text.n);
	*s->values_end = v;
	s->values_end = &v->next;
	s->n_values++;
	return ERR_NONE;
}

void config_section_add_child(struct config_section *s, struct config_section *child)
{
	*s->children_end = child;
	s->children_end = &child->next;
}

void config_add(struct config *c, struct config_section *s)
{
	*c->sections_end = s;
	c->sections_end = &s->next;
	if (s->kind == SECTION_CONNECTION) {
		c->n_connections++;
		for (const struct config_section *k = s->children; k != NULL; k = k->next)
			c->n_children++;
	}
}

const struct config_value *config_get(const struct config_section *s, const char *word)
{
	const struct config_value *v = s->values;

	while (v != NULL && strcmp(v->option->word, word) != 0)
		v = v->next;
	return v;
}

const struct config_value *config_get_next(const struct config_value *v)
{
	const struct config_option *o = v->option;

	do
		v = v->next;
	while (v != NULL && v->option != o);
	return v;
}

const char *config_text(const struct config_section *s, const char *word)
{
	const struct config_value *v = config_get(s, word);

	if (v != NULL)
		return v->text;
	const struct config_option *o = option_find(s->kind, word);
	return o != NULL ? o->def : NULL;
}

static void config_fetch(const struct config_section *s, struct daemon_config *d)
{
	struct fetch_policy *p = &d->fetch.policy;

	for (const struct config_value *v = s->values; v != NULL; v = v->next) {
		struct selector sel;
		option_store(v->option, d, v->text);
		if (strcmp(v->option->word, "schemes") == 0 && strcmp(v->text, "https") == 0)
			p->https = true;
		if (strcmp(v->option->word, "forbid") == 0 && p->n_forbid < FETCH_FORBID_MAX &&
		    selector_parse(&sel, v->text) == ERR_NONE)
			p->forbid[p->n_forbid++] = sel.addrs;
	}
}

void config_daemon(const struct config *c, struct daemon_config *d)
{
	/* With its padding: two of them are compared by their octets. */
	memset(d, 0, sizeof(*d));
	option_store_defaults(SECTION_DAEMON, d);
	option_store_defaults(SECTION_FETCH, d);
	for (const struct config_section *s = c->sections; s != NULL; s = s->next) {
		if (s->kind == SECTION_FETCH)
			config_fetch(s, d);
		if (s->kind != SECTION_DAEMON)
			continue;
		for (const struct config_value *v = s->values; v != NULL; v = v->next) {
			struct addr a;
			option_store(v->option, d, v->text);
			if (strcmp(v->option->word, "listen") == 0 && d->n_listen < LISTEN_MAX &&
			    addr_parse(&a, v->text) == ERR_NONE)
				d->listen[d->n_listen++] = a;
			if (strcmp(v->option->word, "ke-number") == 0 &&
			    d->n_ke_numbers < KE_NUMBERS_MAX &&
			    value_ke_number(&d->ke_numbers[d->n_ke_numbers], v->text))
				d->n_ke_numbers++;
		}
	}
	/* "never" is no bound, but there is always one. */
	if (d->fetch.octets_max == 0 || d->fetch.octets_max > IKE_FETCH_OCTETS_MAX)
		d->fetch.octets_max = IKE_FETCH_OCTETS_MAX;
	if (d->fetch.policy.timeout == 0)
		d->fetch.policy.timeout = FETCH_TIMEOUT_MAX;
	d->fetch.policy.octets_max = (size_t)d->fetch.octets_max;
	d->fetch.policy.connect_timeout = d->fetch.policy.timeout / 2;
}

void config_use_ke_numbers(const struct daemon_config *d)
{
	struct ke_number numbers[KE_NUMBERS_MAX];

	for (size_t i = 0; i < d->n_ke_numbers; i++)
		numbers[i] = (struct ke_number){d->ke_numbers[i].word, d->ke_numbers[i].number};
	/* config_check() has seen to it that they fit. */
	(void)ke_numbers_set(numbers, d->n_ke_numbers);
}
