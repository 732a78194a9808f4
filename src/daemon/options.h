/* The one table of the configuration's options. From it come the parser, the defaults, the checks,
 * the text of errors and the options part of postern.conf(5): an option is added here or nowhere.
 */
#ifndef POSTERN_DAEMON_OPTIONS_H
#define POSTERN_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/error.h"
#include "net/fetch.h"

enum option_section {
	SECTION_DAEMON,
	SECTION_FETCH,
	SECTION_CONNECTION,
	SECTION_CHILD, /* within a connection */
	SECTION_SECRET,
	SECTION_PPK,
	SECTION_COUNT,
};

enum option_type {
	OPTION_WORD,      /* one of .words; the field is an enum: the word's index */
	OPTION_NAME,      /* letters, digits, '-', '_', '.'; at most .max octets */
	OPTION_BOOL,      /* bool */
	OPTION_COUNT,     /* .min to .max; 2, 4 or 8 octets */
	OPTION_LIMIT,     /* as COUNT, or "never" */
	OPTION_TIME,      /* uint64_t microseconds; .min and .max too */
	OPTION_OCTETS,    /* uint64_t */
	OPTION_ADDRESS,   /* struct addr, or "any" */
	OPTION_IDENTITY,  /* pki/identity.h, or "any" when there is a default */
	OPTION_PPK_ID,    /* the name of a section `ppk` */
	OPTION_SELECTOR,  /* base/selector.h */
	OPTION_IKE_SUITE, /* ike/suite.h */
	OPTION_ESP_SUITE,
	OPTION_KEY_TYPES,   /* key_types_by_word() in crypto/key.h */
	OPTION_KE_NUMBER,   /* METHOD:NUMBER, crypto/algorithm.h */
	OPTION_URL,         /* http or https */
	OPTION_PUBLIC_FILE, /* a file that anybody may read */
	OPTION_SECRET_FILE, /* a file that nobody else may read */
};

#define OPTION_NO_FIELD SIZE_MAX

struct config_option {
	enum option_section section;
	const char *word;
	enum option_type type;
	bool list;                /* { a, b }, or given several times */
	bool required;            /* always; what auth wants is checked by daemon/check.c */
	const char *def;          /* as a person would write it; NULL: none */
	uint64_t min, max;        /* of numbers */
	const char *const *words; /* NULL-terminated */
	const char *help;         /* sentences, with a full stop */
	size_t field;             /* in struct daemon_config, ike_connection or ike_child_config;
				     OPTION_NO_FIELD: somebody else takes it (daemon/build.c) */
	size_t field_len;
};

struct config_section_info {
	const char *word;
	const char *title; /* what stands after the word; NULL: nothing */
	const char *help;
};

#define LISTEN_MAX     16
#define KE_NUMBERS_MAX 16

/* The sections `daemon` and `fetch`. */
struct daemon_config {
	struct addr listen[LISTEN_MAX]; /* none: any */
	size_t n_listen;
	uint16_t ike_port;
	uint16_t natt_port;
	uint16_t tcp_port; /* 0: none */
	char user[32];
	char tun[16];
	unsigned mtu;
	bool clamp_mss;
	unsigned half_open_max;
	unsigned half_open_per_peer;
	unsigned cookie_threshold;
	unsigned log_level; /* enum log_level */
	struct daemon_ke_number {
		char word[32];
		uint16_t number;
	} ke_numbers[KE_NUMBERS_MAX];
	size_t n_ke_numbers;
	/* The section `fetch`. */
	struct {
		uint64_t cache_octets;
		uint64_t octets_max;
		struct fetch_policy policy;
	} fetch;
};

const struct config_option *options_all(size_t *count);
const struct config_section_info *section_info(enum option_section section);
/* NULL: the section has no such option. */
const struct config_option *option_find(enum option_section section, const char *word);

/* text is a value of the option, bounds included. Identities, suites and files pass: they are
 * looked at by those who make them. */
bool option_check(const struct config_option *o, const char *text);
/* Stores a checked value in the option's field of the structure at base. */
void option_store(const struct config_option *o, void *base, const char *text);
/* All defaults of a section that have fields. */
void option_store_defaults(enum option_section section, void *base);
/* "one of auto, manual", "a number from 1 to 65535", ...; returns buf. */
#define OPTION_EXPECTED_MAX 256
const char *option_expected(const struct config_option *o, char buf[OPTION_EXPECTED_MAX]);

/* The options part of postern.conf(5), in mdoc. */
void options_man(FILE *f);

#endif
