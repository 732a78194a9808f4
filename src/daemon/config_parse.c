/* The configuration's syntax, by libconfuse, whose tables are made from the table of options. Each
 * value comes by a callback with its line; each section is taken over when it ends and dropped from
 * libconfuse's list, since that searches all former titles for each new section. */
#include <confuse.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/config.h"
#include "daemon/tidy.h"

#define OPTIONS_MAX 64

/* libconfuse gives its callbacks no pointer of ours; a parse runs in one thread from start to end.
 */
struct parse {
	struct config *config;
	struct errors *errors;
	struct config_section *open[2]; /* a connection (or other) and a child in it */
	bool failed;                    /* no memory */
};

static _Thread_local struct parse *parse;

static struct config_section **open_of(const cfg_t *cfg)
{
	return &parse->open[strcmp(cfg->name, "child") == 0 ? 1 : 0];
}

static enum option_section kind_of(const char *word)
{
	int s = 0;

	while (s < SECTION_COUNT - 1 &&
	       strcmp(section_info((enum option_section)s)->word, word) != 0)
		s++;
	return (enum option_section)s;
}

/* The section that cfg is, begun by its first value or by its end. */
static struct config_section *section_of(cfg_t *cfg)
{
	struct config_section **open = open_of(cfg);

	if (*open != NULL)
		return *open;
	char *title = cfg->title != NULL ? cfg->title : (char[]){""};
	char *second = strchr(title, TIDY_TITLE_MARK);
	if (second != NULL) {
		*second++ = '\0';
		second += strspn(second, " \t\r\n");
	}
	*open = config_section_new(kind_of(cfg->name), (unsigned)cfg->line, title, second);
	if (*open == NULL)
		parse->failed = true;
	return *open;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	char expected[OPTION_EXPECTED_MAX];
	struct config_section *s = section_of(cfg);
	unsigned line = (unsigned)cfg->line;

	*(const char **)result = "";
	if (s == NULL)
		return -1;
	const struct config_option *o = option_find(s->kind, opt->name);
	if (!o->list && config_get(s, o->word) != NULL)
		errors_expected(parse->errors, line, o->word, "only once in a section %s",
				cfg->name);
	else if (strlen(value) > CONFIG_TEXT_MAX)
		errors_expected(parse->errors, line, value, "at most %d octets", CONFIG_TEXT_MAX);
	else if (!option_check(o, value))
		errors_expected(parse->errors, line, value, "for %s %s", o->word,
				option_expected(o, expected));
	/* A wrong value is kept, so that nothing complains that it is missing. */
	if (strlen(value) <= CONFIG_TEXT_MAX &&
	    config_section_put(s, o, line, bytes_of(value, strlen(value))) != ERR_NONE)
		parse->failed = true;
	return parse->failed ? -1 : 0;
}

static int on_section_end(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *ended = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct config_section *s = section_of(ended);

	(void)cfg;
	if (s == NULL)
		return -1;
	*open_of(ended) = NULL;
	s->line = (unsigned)ended->line;
	if (s->kind == SECTION_CHILD) {
		struct config_section **parent = &parse->open[0];
		if (*parent == NULL)
			*parent = section_of(cfg);
		if (*parent == NULL) {
			config_section_free(s);
			return -1;
		}
		config_section_add_child(*parent, s);
	} else {
		config_add(parse->config, s);
	}
	return cfg_free_value(opt) == CFG_SUCCESS ? 0 : -1;
}

/* The words that a section takes, for errors. */
static void list_words(const char *section, char *buf, size_t cap)
{
	size_t n, at = 0;
	const struct config_option *all = options_all(&n);
	enum option_section kind = kind_of(section);

	buf[0] = '\0';
	if (strcmp(section, "root") == 0) {
		(void)snprintf(buf, cap, "connection, secret, ppk, fetch or daemon");
		return;
	}
	for (size_t i = 0; i < n && at < cap; i++) {
		if (all[i].section == kind)
			at += (size_t)snprintf(buf + at, cap - at, "%s%s", at > 0 ? ", " : "",
					       all[i].word);
	}
	if (kind == SECTION_CONNECTION && at < cap)
		(void)snprintf(buf + at, cap - at, ", child");
}

/* libconfuse's complaints in our form; each of them ends the parse. */
static void on_error(cfg_t *cfg, const char *format, va_list ap)
{
	char words[600];
	unsigned line = (unsigned)cfg->line;
	const char *word = strstr(format, "'%s'") != NULL ? va_arg(ap, const char *) : "";
	struct errors *e = parse->errors;

	if (parse->failed)
		return;
	if (strncmp(format, "no such option", 14) == 0) {
		list_words(cfg->name, words, sizeof(words));
		if (strcmp(word, "psk") == 0)
			errors_expected(e, line, word,
					"psk-file = \"FILE\": keys stay out of this file");
		else
			errors_expected(e, line, word, "one of %s", words);
	} else if (strncmp(format, "missing equal sign", 18) == 0) {
		errors_expected(e, line, word, "\"=\" after it");
	} else if (strncmp(format, "missing title", 13) == 0) {
		errors_expected(e, line, word, "a name after it");
	} else if (strncmp(format, "missing opening brace", 21) == 0) {
		errors_expected(e, line, word, "\"{\" after %s",
				strcmp(word, "secret") == 0 ? "identities in double quotes"
				: strcmp(word, "ppk") == 0  ? "its identity in double quotes"
							    : "it and its name");
	} else if (strncmp(format, "unexpected token", 16) == 0) {
		errors_expected(e, line, word, "a value%s",
				strcmp(word, ",") == 0 ? "; several stand in braces: { a, b }"
						       : "");
	} else if (strncmp(format, "attempt to append", 17) == 0) {
		errors_expected(e, line, word, "\"=\": it takes one value");
	} else {
		char text[200];
		if (word[0] != '\0')
			(void)snprintf(text, sizeof(text), "syntax error near \"%.150s\"", word);
		else
			(void)snprintf(text, sizeof(text), "syntax error: %.150s", format);
		errors_add(e, line, "%s", text);
	}
}

static size_t fill_options(cfg_opt_t *out, enum option_section section)
{
	size_t n, used = 0;
	const struct config_option *all = options_all(&n);

	for (size_t i = 0; i < n; i++) {
		if (all[i].section != section || used + 2 >= OPTIONS_MAX)
			continue;
		cfg_opt_t one = CFG_STR_CB(all[i].word, NULL, CFGF_NODEFAULT, on_value);
		cfg_opt_t many = CFG_STR_LIST_CB(all[i].word, NULL, CFGF_NODEFAULT, on_value);
		out[used++] = all[i].list ? many : one;
	}
	return used;
}

static void parse_text(struct config *c, const char *text, struct errors *errors)
{
	static const cfg_opt_t end = CFG_END();
	cfg_opt_t opts[SECTION_COUNT][OPTIONS_MAX];
	cfg_opt_t root[SECTION_COUNT];
	size_t roots = 0;
	struct parse p = {.config = c, .errors = errors};

	for (int s = 0; s < SECTION_COUNT; s++)
		opts[s][fill_options(opts[s], (enum option_section)s)] = end;
	size_t n = fill_options(opts[SECTION_CONNECTION], SECTION_CONNECTION);
	cfg_opt_t child = CFG_SEC("child", opts[SECTION_CHILD], CFGF_MULTI | CFGF_TITLE);
	child.validcb = on_section_end;
	opts[SECTION_CONNECTION][n++] = child;
	opts[SECTION_CONNECTION][n] = end;
	for (int s = 0; s < SECTION_COUNT; s++) {
		const struct config_section_info *info = section_info((enum option_section)s);
		if (s == SECTION_CHILD)
			continue;
		cfg_opt_t sec = CFG_SEC(info->word, opts[s],
					CFGF_MULTI | (info->title != NULL ? CFGF_TITLE : 0));
		sec.validcb = on_section_end;
		root[roots++] = sec;
	}
	root[roots] = end;

	parse = &p;
	cfg_t *cfg = cfg_init(root, CFGF_NONE);
	if (cfg != NULL) {
		(void)cfg_set_error_function(cfg, on_error);
		int rc = cfg_parse_buf(cfg, text);
		if (rc != CFG_SUCCESS && !p.failed && errors->n == 0)
			errors_add(errors, (unsigned)cfg->line, "syntax error");
		(void)cfg_free(cfg);
	}
	if (cfg == NULL || p.failed)
		errors_add(errors, 0, "out of memory");
	config_section_free(p.open[0]);
	config_section_free(p.open[1]);
	parse = NULL;
}

enum err config_parse(struct config *c, struct bytes text, struct errors *errors)
{
	size_t found = errors->n + errors->more;

	(void)snprintf(c->name, sizeof(c->name), "%s", errors->file);
	if (text.n > CONFIG_OCTETS_MAX) {
		errors_add(errors, 0, "the file is larger than %u octets", CONFIG_OCTETS_MAX);
		return ERR_SYNTAX;
	}
	char *copy = mem_new(text.n + 1);
	if (copy == NULL)
		return ERR_NO_MEMORY;
	if (text.n > 0)
		memcpy(copy, text.p, text.n);
	if (tidy_text(copy, text.n, errors) == ERR_NONE) {
		parse_text(c, copy, errors);
		config_check(c, errors);
	}
	mem_free(copy);
	return errors->n + errors->more > found ? ERR_SYNTAX : ERR_NONE;
}
