#include "daemon/bundle.h"

#include <string.h>

#include "base/mem.h"

/* Format, all lengths in front of what they count:
 *   u32 magic, u8 kind, text name of the configuration file
 *   sections: u8 1, section; then u8 0
 *     section: u8 kind, u32 line, text title, u8 has title2, [text title2],
 *              values: u8 1, u16 option, u32 line, text; then u8 0
 *              children: u8 1, section; then u8 0
 *   files: u8 1, text name, u32 n, octets; then u8 0
 *   u32 n, keys
 * text: u16 n, octets without NUL */
#define BUNDLE_MAGIC 0x504f5331U

static void put_text(struct writer *w, const char *text)
{
	size_t n = strlen(text);

	if (n > UINT16_MAX)
		w->bad = true;
	writer_u16(w, (uint16_t)n);
	writer_bytes(w, bytes_of(text, n));
}

static void put_octets(struct writer *w, struct bytes b)
{
	if (b.n > UINT32_MAX)
		w->bad = true;
	writer_u32(w, (uint32_t)b.n);
	writer_bytes(w, b);
}

static void put_section(struct writer *w, const struct config_section *s)
{
	size_t n;
	const struct config_option *all = options_all(&n);

	writer_u8(w, (uint8_t)s->kind);
	writer_u32(w, s->line);
	put_text(w, s->title);
	writer_u8(w, s->title2 != NULL);
	if (s->title2 != NULL)
		put_text(w, s->title2);
	for (const struct config_value *v = s->values; v != NULL; v = v->next) {
		writer_u8(w, 1);
		writer_u16(w, (uint16_t)(v->option - all));
		writer_u32(w, v->line);
		put_text(w, v->text);
	}
	writer_u8(w, 0);
	for (const struct config_section *k = s->children; k != NULL; k = k->next) {
		writer_u8(w, 1);
		put_section(w, k);
	}
	writer_u8(w, 0);
}

static void put_bundle(struct writer *w, enum bundle_kind kind, const struct config *c,
		       const struct files *f, struct bytes keys)
{
	writer_u32(w, BUNDLE_MAGIC);
	writer_u8(w, (uint8_t)kind);
	put_text(w, c->name);
	for (const struct config_section *s = c->sections; s != NULL; s = s->next) {
		if (s->kind != SECTION_SECRET && s->kind != SECTION_PPK && kind == BUNDLE_KEYS)
			continue;
		writer_u8(w, 1);
		put_section(w, s);
	}
	writer_u8(w, 0);
	for (const struct file *file = f->first; file != NULL; file = file->next) {
		if (file->secret != (kind == BUNDLE_KEYS))
			continue;
		writer_u8(w, 1);
		put_text(w, file->name);
		put_octets(w, bytes_of(file->octets, file->n));
	}
	writer_u8(w, 0);
	put_octets(w, keys);
}

enum err bundle_write(enum bundle_kind kind, const struct config *c, const struct files *f,
		      struct bytes keys, uint8_t **out, size_t *n)
{
	for (size_t cap = 1U << 16; cap <= BUNDLE_OCTETS_MAX; cap *= 4) {
		uint8_t *buf = mem_new(cap);
		if (buf == NULL)
			return ERR_NO_MEMORY;
		struct writer w = writer_of(buf, cap);
		put_bundle(&w, kind, c, f, keys);
		if (writer_ok(&w)) {
			*out = buf;
			*n = w.n;
			return ERR_NONE;
		}
		mem_free_secret(buf, cap);
	}
	return ERR_LIMIT;
}

/* Into buf, NUL-terminated; no NUL within. */
static void take_text(struct reader *r, char *buf, size_t cap)
{
	struct bytes b = reader_take(r, reader_u16(r));

	if (b.n >= cap || (b.n > 0 && memchr(b.p, '\0', b.n) != NULL)) {
		reader_fail(r);
		b.n = 0;
	}
	if (b.n > 0)
		memcpy(buf, b.p, b.n);
	buf[b.n] = '\0';
}

/* 1: another one follows; 0: none does. */
static bool take_more(struct reader *r)
{
	uint8_t more = reader_u8(r);

	if (more > 1)
		reader_fail(r);
	return reader_ok(r) && more == 1;
}

static enum err take_values(struct reader *r, struct config_section *s)
{
	size_t n;
	const struct config_option *all = options_all(&n);
	char text[CONFIG_TEXT_MAX + 1];

	while (take_more(r)) {
		uint16_t index = reader_u16(r);
		uint32_t line = reader_u32(r);
		take_text(r, text, sizeof(text));
		if (!reader_ok(r) || index >= n || all[index].section != s->kind ||
		    !option_check(&all[index], text))
			return ERR_SYNTAX;
		enum err e = config_section_put(s, &all[index], line, bytes_of(text, strlen(text)));
		if (e != ERR_NONE)
			return e;
	}
	return reader_ok(r) ? ERR_NONE : ERR_SYNTAX;
}

/* parent NULL: a section of its own. */
static enum err take_section(struct reader *r, struct config *c, struct config_section *parent)
{
	char title[CONFIG_TEXT_MAX + 1], title2[CONFIG_TEXT_MAX + 1];
	uint8_t kind = reader_u8(r);
	uint32_t line = reader_u32(r);

	take_text(r, title, sizeof(title));
	bool two = take_more(r);
	if (two)
		take_text(r, title2, sizeof(title2));
	if (!reader_ok(r) || kind >= SECTION_COUNT || (kind == SECTION_CHILD) != (parent != NULL))
		return ERR_SYNTAX;
	struct config_section *s =
	    config_section_new((enum option_section)kind, line, title, two ? title2 : NULL);
	if (s == NULL)
		return ERR_NO_MEMORY;
	enum err e = take_values(r, s);
	while (e == ERR_NONE && take_more(r))
		e = s->kind == SECTION_CONNECTION ? take_section(r, c, s) : ERR_SYNTAX;
	if (e == ERR_NONE && !reader_ok(r))
		e = ERR_SYNTAX;
	if (e != ERR_NONE)
		config_section_free(s);
	else if (parent != NULL)
		config_section_add_child(parent, s);
	else
		config_add(c, s);
	return e;
}

static enum err take_files(struct reader *r, bool secret, struct files *f)
{
	char name[CONFIG_TEXT_MAX + 1];

	while (take_more(r)) {
		take_text(r, name, sizeof(name));
		struct bytes b = reader_take(r, reader_u32(r));
		if (!reader_ok(r) || b.n > FILE_OCTETS_MAX)
			return ERR_SYNTAX;
		uint8_t *copy = mem_copy(b);
		if (copy == NULL)
			return ERR_NO_MEMORY;
		enum err e = files_add(f, name, secret, copy, b.n);
		if (e != ERR_NONE)
			return e;
	}
	return reader_ok(r) ? ERR_NONE : ERR_SYNTAX;
}

enum err bundle_read(enum bundle_kind kind, struct bytes octets, struct config *c, struct files *f,
		     struct bytes *keys)
{
	struct reader r = reader_of(octets);

	config_init(c);
	enum err e = files_init(f);
	if (e != ERR_NONE)
		return e;
	if (reader_u32(&r) != BUNDLE_MAGIC || reader_u8(&r) != kind)
		return ERR_SYNTAX;
	take_text(&r, c->name, sizeof(c->name));
	while (e == ERR_NONE && take_more(&r))
		e = take_section(&r, c, NULL);
	if (e == ERR_NONE)
		e = take_files(&r, kind == BUNDLE_KEYS, f);
	if (e != ERR_NONE)
		return e;
	*keys = reader_take(&r, reader_u32(&r));
	return reader_done(&r) ? ERR_NONE : ERR_SYNTAX;
}

void key_info_write(struct writer *w, const struct key_info *k)
{
	size_t n = strlen(k->name) + 1;

	if (n > CONFIG_TEXT_MAX || k->spki.n > UINT16_MAX)
		w->bad = true;
	writer_u16(w, (uint16_t)n);
	writer_bytes(w, bytes_of(k->name, n));
	writer_u8(w, (uint8_t)k->type);
	writer_u16(w, (uint16_t)k->spki.n);
	writer_bytes(w, k->spki);
}

enum err key_info_read(struct reader *r, struct key_info *k)
{
	struct bytes name = reader_take(r, reader_u16(r));
	uint8_t type = reader_u8(r);

	k->spki = reader_take(r, reader_u16(r));
	if (!reader_ok(r) || name.n == 0 || memchr(name.p, '\0', name.n) != name.p + name.n - 1 ||
	    type >= KEY_TYPES)
		return ERR_SYNTAX;
	k->name = (const char *)name.p;
	k->type = (enum key_type)type;
	return ERR_NONE;
}
