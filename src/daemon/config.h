/* The configuration file as it was written: sections, and in them options with their text and line.
 * Text alone decides here; what needs keys, certificates or algorithms is done in daemon/build.h.
 * libconfuse reads the syntax. The same tree travels to the ike process (daemon/bundle.h). */
#ifndef POSTERN_DAEMON_CONFIG_H
#define POSTERN_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/table.h"
#include "daemon/errors.h"
#include "daemon/options.h"

#define CONFIG_NAME_MAX   256
#define CONFIG_OCTETS_MAX (16U << 20)
#define CONFIG_TITLE_MAX  64   /* octets of the name of a connection or child */
#define CONFIG_TEXT_MAX   1024 /* octets of one value */

struct config_value {
	struct config_value *next;
	const struct config_option *option;
	unsigned line;
	char text[];
};

struct config_section {
	struct config_section *next; /* in the order of the file */
	struct config_section *children, **children_end;
	struct config_value *values, **values_end;
	struct table_node by_title;
	enum option_section kind;
	unsigned line; /* of its last word */
	size_t n_values;
	char *title;  /* "" when it has none */
	char *title2; /* of a secret; may be NULL */
};

struct config {
	char name[CONFIG_NAME_MAX]; /* the file's, for errors */
	struct config_section *sections, **sections_end;
	size_t n_connections;
	size_t n_children;
};

void config_init(struct config *c);
void config_clear(struct config *c);

/* Parses and checks text; every mistake found is in errors, and ERR_SYNTAX is returned when there
 * is one. c is complete only on ERR_NONE, but may be cleared in any case. */
enum err config_parse(struct config *c, struct bytes text, struct errors *errors);
/* The checks alone: required options, what auth wants, duplicates. Part of config_parse(). */
void config_check(const struct config *c, struct errors *errors);

/* Takes part in building a tree from elsewhere. NULL when out of memory; title2 may be NULL. */
struct config_section *config_section_new(enum option_section kind, unsigned line,
					  const char *title, const char *title2);
void config_section_free(struct config_section *s);
enum err config_section_put(struct config_section *s, const struct config_option *o, unsigned line,
			    struct bytes text);
/* Takes child. */
void config_section_add_child(struct config_section *s, struct config_section *child);
/* Takes s. */
void config_add(struct config *c, struct config_section *s);

/* The first value of an option, or NULL. */
const struct config_value *config_get(const struct config_section *s, const char *word);
/* The next of the same option, for lists. */
const struct config_value *config_get_next(const struct config_value *v);
/* Its text, or the option's default, or NULL. */
const char *config_text(const struct config_section *s, const char *word);
/* The section `daemon` with its defaults. */
void config_daemon(const struct config *c, struct daemon_config *d);
/* Its ke-number, for the whole process and those that it forks: once, before anything is built. */
void config_use_ke_numbers(const struct daemon_config *d);

#endif
