#include "daemon/keys_load.h"

#include <string.h>

#include "base/mem.h"
#include "daemon/bundle.h"

static enum err load_secret(const struct config_section *s, const struct files *f,
			    struct keystore *k, struct errors *errors)
{
	struct identity *one = NULL, *two = NULL;
	uint8_t *psk = NULL;
	size_t n = 0;
	const char *reason = "";
	const struct config_value *v = config_get(s, "psk-file");
	const struct file *file = v != NULL ? files_find(f, v->text) : NULL;
	enum err e = ERR_NOT_FOUND;

	if (file == NULL)
		goto done;
	e = psk_parse(bytes_of(file->octets, file->n), &psk, &n);
	if (e == ERR_SYNTAX)
		errors_expected(errors, v->line, v->text,
				"a file with a key: text, or 0x and an even number of hexadecimal "
				"digits");
	if (e != ERR_NONE)
		goto done;
	e = identity_parse(&one, s->title, &reason);
	if (e == ERR_NONE && s->title2 != NULL)
		e = identity_parse(&two, s->title2, &reason);
	if (e != ERR_NONE) {
		errors_expected(errors, s->line, s->title, "an identity: %s", reason);
		goto done;
	}
	e = keystore_add_secret(k, one, two, bytes_of(psk, n));
	if (e == ERR_EXISTS)
		errors_expected(errors, s->line, s->title,
				"one secret for these identities, not two");
done:
	mem_free_secret(psk, n);
	identity_free(one);
	identity_free(two);
	return e;
}

#define PPK_OCTETS_MIN 16

static enum err load_ppk(const struct config_section *s, const struct files *f, struct keystore *k,
			 struct errors *errors)
{
	uint8_t *ppk = NULL;
	size_t n = 0;
	const struct config_value *v = config_get(s, "ppk-file");
	const struct file *file = v != NULL ? files_find(f, v->text) : NULL;

	if (file == NULL)
		return ERR_NOT_FOUND;
	enum err e = psk_parse(bytes_of(file->octets, file->n), &ppk, &n);
	if (e == ERR_NONE && n < PPK_OCTETS_MIN)
		e = ERR_SYNTAX;
	if (e == ERR_SYNTAX)
		errors_expected(errors, v->line, v->text,
				"a file with a key of at least %d octets: text, or 0x and an even "
				"number of hexadecimal digits",
				PPK_OCTETS_MIN);
	if (e == ERR_NONE)
		e = keystore_add_ppk(k, bytes_of(s->title, strlen(s->title)), bytes_of(ppk, n));
	mem_free_secret(ppk, n);
	return e;
}

/* Of what kind a section is whose secret file is no private key: the word of its option, or NULL.
 */
static const char *file_word(const struct config_section *s)
{
	return s->kind == SECTION_SECRET ? "psk-file" : s->kind == SECTION_PPK ? "ppk-file" : NULL;
}

static bool is_psk(const struct config *c, const char *name)
{
	for (const struct config_section *s = c->sections; s != NULL; s = s->next) {
		const char *word = file_word(s);
		const struct config_value *v = word != NULL ? config_get(s, word) : NULL;
		if (v != NULL && strcmp(v->text, name) == 0)
			return true;
	}
	return false;
}

static enum err load_key(const struct file *file, struct keystore *k, struct writer *infos,
			 struct errors *errors)
{
	char line[ERROR_LINE_MAX];
	const char *reason = "";
	struct private_key *key = NULL;
	struct public_key *public = NULL;
	uint8_t *spki = NULL;
	size_t n = 0;
	enum err e = private_key_parse(&key, bytes_of(file->octets, file->n), &reason);

	if (e != ERR_NONE) {
		(void)snprintf(line, sizeof(line), "%.200s: expected a private key in PEM: %.200s",
			       file->name, reason);
		errors_add_line(errors, line);
		return e;
	}
	e = private_key_public(key, &public);
	if (e == ERR_NONE)
		e = public_key_spki(public, &spki, &n);
	if (e == ERR_NONE) {
		key_info_write(infos, &(struct key_info){file->name, private_key_type(key),
							 bytes_of(spki, n)});
		e = keystore_add_key(k, file->name, key);
		key = NULL;
	}
	private_key_free(key);
	public_key_free(public);
	mem_free(spki);
	return e;
}

enum err keys_load(const struct config *c, const struct files *f, struct keystore **out,
		   struct writer *infos, struct errors *errors)
{
	size_t found = errors->n + errors->more;
	struct keystore *k = keystore_new();
	enum err all = k != NULL ? ERR_NONE : ERR_NO_MEMORY;

	for (const struct config_section *s = c->sections; s != NULL && k != NULL; s = s->next) {
		enum err e = s->kind == SECTION_SECRET ? load_secret(s, f, k, errors)
			     : s->kind == SECTION_PPK  ? load_ppk(s, f, k, errors)
						       : ERR_NONE;
		if (all == ERR_NONE)
			all = e;
	}
	for (const struct file *file = f->first; file != NULL && k != NULL; file = file->next) {
		if (!file->secret || is_psk(c, file->name))
			continue;
		enum err e = load_key(file, k, infos, errors);
		if (all == ERR_NONE)
			all = e;
	}
	if (all == ERR_NONE && !writer_ok(infos))
		all = ERR_LIMIT;
	if (all != ERR_NONE) {
		if (errors->n + errors->more == found)
			errors_add(errors, 0, "the keys cannot be loaded: %s", err_name(all));
		keystore_free(k);
		k = NULL;
	}
	*out = k;
	return all;
}
