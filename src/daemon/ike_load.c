/* A new configuration in the ike process: built at once, put in use when the parent says so. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/ke_pool.h"
#include "daemon/build_private.h"
#include "daemon/bundle.h"
#include "daemon/expiry.h"
#include "daemon/ike_private.h"

static void answer(struct server *s, const struct errors *e)
{
	struct writer w = writer_of(s->out, IPC_MESSAGE_MAX);

	writer_u8(&w, e->n + e->more == 0);
	for (size_t i = 0; i < e->n; i++) {
		writer_bytes(&w, bytes_of(e->line[i], strlen(e->line[i])));
		writer_u8(&w, '\n');
	}
	(void)ipc_send(s->start->parent, IPC_LOADED, writer_bytes_so_far(&w), -1);
}

/* The file's name is its first value's business; the parent puts it before each line. */
void load_bundle(struct server *s, int fd)
{
	uint8_t *octets = NULL;
	size_t n = 0;
	struct bytes keys;
	struct config c;
	struct files f;
	struct errors errors;

	errors_init(&errors, "configuration");
	built_clear(&s->next);
	s->loaded = false;
	enum err e = ipc_file_read(fd, &octets, &n);
	(void)close(fd);
	if (e == ERR_NONE) {
		/* The errors name the file that the bundle tells of. */
		errors.file = c.name;
		e = bundle_read(BUNDLE_IKE, bytes_of(octets, n), &c, &f, &keys);
		if (e == ERR_NONE)
			e = build_connections(&s->builder, &c, &f, keys, &s->next, &errors);
		config_clear(&c);
		files_clear(&f);
		mem_free_secret(octets, n);
	}
	if (e != ERR_NONE && errors.n + errors.more == 0)
		errors_add(&errors, 0, "it cannot be loaded: %s", err_name(e));
	s->loaded = e == ERR_NONE;
	answer(s, &errors);
	errors_clear(&errors);
}

/* Connections that the new configuration does not name any more. */
static void remove_old(struct server *s)
{
	for (size_t i = 0; i < s->names.n_buckets; i++) {
		for (struct table_node *n = s->names.buckets[i], *next; n != NULL; n = next) {
			char name[CONFIG_TEXT_MAX + 1];
			struct memory *m = (struct memory *)(void *)n;
			next = n->next;
			if (m->number == s->generation || m->n >= sizeof(name))
				continue;
			memcpy(name, m->key, m->n);
			name[m->n] = '\0';
			(void)ike_connection_remove(s->ike, name, process_now());
			table_remove(&s->names, n);
			mem_free(m);
		}
	}
}

struct methods {
	const struct ke_desc *d[KE_POOL_METHODS_MAX];
	size_t n;
};

static void add_slow(struct methods *m, const struct ike_suites *suites)
{
	for (size_t i = 0; i < suites->n; i++)
		for (size_t k = 0; k < suites->proposals[i].n; k++) {
			const struct ike_transform *t = &suites->proposals[i].transforms[k];
			const struct ke_desc *d =
			    t->type == TRANSFORM_KE ||
				    (t->type >= TRANSFORM_ADDKE1 && t->type <= TRANSFORM_ADDKE7)
				? ke_find(t->id)
				: NULL;
			bool there = false;
			for (size_t j = 0; j < m->n; j++)
				there = there || m->d[j] == d;
			if (d != NULL && d->cost == KE_COST_SLOW && !there &&
			    m->n < KE_POOL_METHODS_MAX)
				m->d[m->n++] = d;
		}
}

/* Keys of the slow methods that the configuration names are made in advance, and no others. */
static void keep_keys(struct server *s)
{
	struct methods m = {.n = 0};

	for (size_t i = 0; i < s->built.n; i++) {
		const struct ike_connection *c = s->built.connections[i];
		add_slow(&m, &c->ike);
		for (size_t k = 0; k < c->n_children; k++)
			add_slow(&m, &c->children[k].esp);
	}
	worker_keep(s->worker, m.d, m.n);
}

void warn_of_expiry(const struct server *s)
{
	expiry_warn(&s->process->log, s->built.connections, s->built.n, (int64_t)time(NULL));
}

void load_commit(struct server *s)
{
	size_t failed = 0;

	if (!s->loaded)
		return;
	s->generation++;
	for (size_t i = 0; i < s->next.n; i++) {
		struct ike_connection *c = s->next.connections[i];
		struct bytes key = bytes_of(c->name, strlen(c->name));
		struct memory *m = memory_find(&s->names, key);
		if (m == NULL)
			m = memory_add(&s->names, key);
		if (m != NULL)
			m->number = s->generation;
		if (ike_connection_set(s->ike, c, process_now()) != ERR_NONE)
			failed++;
	}
	remove_old(s);
	if (failed > 0)
		log_write(&s->process->log, LOG_ERR, NULL, 0,
			  "%zu connections could not be set: out of memory", failed);
	built_clear(&s->built);
	s->built = s->next;
	s->next = (struct built){0};
	s->loaded = false;
	keep_keys(s);
	fetch_keep(s);
	log_write(&s->process->log, LOG_INFO, NULL, 0, "connections configured: %zu", s->built.n);
	warn_of_expiry(s);
	if (!s->ready) {
		s->ready = true;
		serve(s);
		(void)ipc_send(s->start->parent, IPC_READY, bytes_of(NULL, 0), -1);
	}
}
