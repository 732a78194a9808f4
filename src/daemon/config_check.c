/* What one value cannot show: options that are missing, do not belong together, or come twice. */
#include <string.h>

#include "base/mem.h"
#include "base/selector.h"
#include "crypto/algorithm.h"
#include "daemon/config.h"
#include "daemon/tidy.h"
#include "daemon/values.h"
#include "esp/dataplane.h"
#include "ike/connection.h"
#include "ike/job.h"

/* A key in a table that knows what was there before. */
struct seen {
	struct table_node node;
	unsigned line;
	size_t n;
	uint8_t key[];
};

static struct bytes seen_key(const struct table_node *node)
{
	const struct seen *s = (const struct seen *)(const void *)node;

	return bytes_of(s->key, s->n);
}

/* The line where key was seen before, or 0; then it is seen from now on. */
static unsigned see(struct table *t, struct bytes key, unsigned line)
{
	const struct table_node *node = table_find(t, key);

	if (node != NULL)
		return ((const struct seen *)(const void *)node)->line;
	struct seen *s = mem_new(sizeof(*s) + key.n);
	if (s == NULL)
		return 0;
	s->line = line;
	s->n = key.n;
	memcpy(s->key, key.p, key.n);
	table_add(t, &s->node);
	return 0;
}

static void forget(struct table *t)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct table_node *n = t->buckets[i], *next; n != NULL; n = next) {
			next = n->next;
			mem_free(n);
		}
	}
	table_clear(t);
}

static void check_required(const struct config_section *s, struct errors *e)
{
	size_t n;
	const struct config_option *all = options_all(&n);

	for (size_t i = 0; i < n; i++) {
		if (all[i].section == s->kind && all[i].required &&
		    config_get(s, all[i].word) == NULL)
			errors_expected(e, s->line, "}", "\"%s = ...\" before the end of %s \"%s\"",
					all[i].word, section_info(s->kind)->word, s->title);
	}
}

static void check_title(const struct config_section *s, struct errors *e)
{
	size_t n = strspn(s->title, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.");

	if (n == 0 || s->title[n] != '\0' || n > CONFIG_TITLE_MAX)
		errors_expected(e, s->line, s->title,
				"a name of at most %d letters, digits, \"-\", \"_\" or \".\"",
				CONFIG_TITLE_MAX);
}

static bool any_address(const struct config_section *s, const char *word)
{
	return strcmp(config_text(s, word), "any") == 0;
}

/* The options that `auth` wants, and those that it makes useless. */
static void check_auth(const struct config_section *s, struct errors *e)
{
	static const struct {
		const char *word;
		bool psk, cert, pubkey;
		bool optional;
	} wants[] = {
	    {"cert", false, true, false, false},
	    {"key", false, true, true, false},
	    {"crl-url", false, true, false, true},
	    {"crl-fetch", false, true, false, true},
	    {"ocsp-url", false, true, false, true},
	    {"ocsp-fetch", false, true, false, true},
	    {"cert-url", false, true, false, true},
	    {"cert-bundle-url", false, true, false, true},
	    {"cert-lookup", false, true, false, true},
	    {"ca", false, true, false, false},
	    {"crl", false, true, false, true},
	    {"revocation", false, true, false, true},
	    {"ocsp", false, true, false, true},
	    {"ocsp-responder", false, true, false, true},
	    {"ocsp-response", false, true, false, true},
	    {"send-crl", false, true, false, true},
	    {"remote-pubkey", false, false, true, false},
	    {"remote-auth-algorithms", false, true, true, true},
	};
	const struct config_value *auth = config_get(s, "auth");

	if (auth == NULL || !option_check(auth->option, auth->text))
		return;
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		bool wanted = strcmp(auth->text, "psk") == 0    ? wants[i].psk
			      : strcmp(auth->text, "cert") == 0 ? wants[i].cert
								: wants[i].pubkey;
		const struct config_value *v = config_get(s, wants[i].word);
		if (wanted && v == NULL && !wants[i].optional)
			errors_expected(e, auth->line, auth->text,
					"\"%s = ...\" beside it in connection \"%s\"",
					wants[i].word, s->title);
		if (!wanted && v != NULL)
			errors_add(e, v->line,
				   "word \"%s\": expected only with another auth than %s",
				   wants[i].word, auth->text);
	}
}

/* A key for each certificate, and not too many of either. */
static void check_credentials(const struct config_section *s, struct errors *e)
{
	static const char *const words[] = {"cert", "key", "remote-pubkey"};
	unsigned n[3] = {0};

	for (size_t i = 0; i < 3; i++) {
		for (const struct config_value *v = config_get(s, words[i]); v != NULL;
		     v = config_get_next(v)) {
			if (++n[i] == IKE_CREDENTIALS_MAX + 1)
				errors_expected(e, v->line, v->text, "at most %d files in %s",
						IKE_CREDENTIALS_MAX, words[i]);
		}
	}
	const struct config_value *url = config_get(s, "cert-url");
	if (url != NULL && config_get(s, "cert-bundle-url") != NULL)
		errors_expected(e, url->line, url->text, "cert-url or cert-bundle-url, not both");
	n[2] = 0;
	for (url = config_get(s, "crl-url"); url != NULL; url = config_get_next(url))
		if (++n[2] == CRL_URLS_MAX + 1)
			errors_expected(e, url->line, url->text, "at most %d in crl-url",
					CRL_URLS_MAX);
	if (n[0] != 0 && n[1] != 0 && n[0] != n[1])
		errors_expected(e, config_get(s, "key")->line, config_get(s, "key")->text,
				"as many keys as certificates, %u and not %u, in connection \"%s\"",
				n[0], n[1], s->title);
}

/* What a PPK can be called: by the peer too, who reads it in logs. */
static void check_ppk(const struct config_section *s, struct table *titles, struct errors *e)
{
	const size_t n = strlen(s->title);
	unsigned before = see(titles, bytes_of(s->title, n), s->line);

	if (n == 0 || n > PPK_ID_MAX || s->title2 != NULL || strpbrk(s->title, " \t\"") != NULL)
		errors_expected(e, s->line, s->title, "1 to %d characters without blanks",
				PPK_ID_MAX);
	if (before > 0)
		errors_expected(e, s->line, s->title,
				"another identity: a ppk of this one ends in line %u", before);
	check_required(s, e);
}

static void check_ppk_use(const struct config_section *s, struct errors *e)
{
	const struct config_value *policy = config_get(s, "ppk"), *id = config_get(s, "ppk-id");
	const bool never = strcmp(config_text(s, "ppk"), "never") == 0;
	unsigned n = 0;

	if (policy != NULL && !option_check(policy->option, policy->text))
		return;
	if (never && id != NULL)
		errors_add(e, id->line,
			   "word \"ppk-id\": expected only with ppk = allow or required");
	if (policy != NULL && !never && id == NULL && !any_address(s, "remote"))
		errors_expected(e, policy->line, policy->text,
				"\"ppk-id = ...\" beside it in connection \"%s\"", s->title);
	for (; id != NULL; id = config_get_next(id))
		if (++n == IKE_PPKS_MAX + 1)
			errors_expected(e, id->line, id->text, "at most %d in ppk-id",
					IKE_PPKS_MAX);
}

static void check_families(const struct config_section *s, struct errors *e)
{
	struct addr local = {0}, remote = {0};
	const struct config_value *v = config_get(s, "remote");

	(void)addr_parse(&local, config_text(s, "local"));
	(void)addr_parse(&remote, config_text(s, "remote"));
	if (v != NULL && local.family != 0 && remote.family != 0 && local.family != remote.family)
		errors_expected(e, v->line, v->text, "an address of the family of local");
}

/* It is a statement about one peer, made by who calls it. */
static void check_downgrade(const struct config_section *s, struct errors *e)
{
	const struct config_value *v = config_get(s, "downgrade-prevention");

	if (v != NULL && strcmp(v->text, "suppress") == 0 &&
	    (any_address(s, "remote") || any_address(s, "remote-id")))
		errors_expected(
		    e, v->line, v->text,
		    "yes or require, because connection \"%s\" does not name its peer by "
		    "remote and remote-id",
		    s->title);
}

static void check_kem_auth(const struct config_section *s, struct errors *e)
{
	const struct config_value *v = config_get(s, "kem-auth");
	const struct config_value *auth = config_get(s, "auth");

	if (v != NULL && auth != NULL && strcmp(v->text, "no") != 0 &&
	    strcmp(auth->text, "cert") != 0)
		errors_expected(e, v->line, v->text,
				"no, because connection \"%s\" does not say auth = cert", s->title);
}

/* Two children that want the same packets cannot both have them. */
static void check_child(const struct config_section *connection, const struct config_section *s,
			struct table *selectors, struct errors *e)
{
	static const char *const sides[] = {"local-ts", "remote-ts"};
	uint8_t key[2 * 16 * (sizeof(struct selector) + 1)];
	struct writer w = writer_of(key, sizeof(key));
	const struct config_value *start = config_get(s, "start");

	check_title(s, e);
	check_required(s, e);
	if (start != NULL && strcmp(start->text, "manual") != 0 &&
	    any_address(connection, "remote"))
		errors_expected(e, start->line, start->text,
				"manual, because connection \"%s\" has no remote address to call",
				connection->title);
	for (size_t side = 0; side < 2; side++) {
		unsigned n = 0;
		for (const struct config_value *v = config_get(s, sides[side]); v != NULL;
		     v = config_get_next(v)) {
			struct selector sel;
			if (++n == CHILD_SELECTORS_MAX + 1)
				errors_expected(e, v->line, v->text, "at most %d in %s",
						CHILD_SELECTORS_MAX, sides[side]);
			if (selector_parse(&sel, v->text) != ERR_NONE)
				continue;
			writer_u8(&w, (uint8_t)side);
			writer_bytes(&w, addr_bytes(&sel.addrs.first));
			writer_bytes(&w, addr_bytes(&sel.addrs.last));
			writer_u8(&w, sel.protocol);
			writer_u16(&w, sel.port_first);
			writer_u16(&w, sel.port_last);
		}
		if (n == 0)
			return;
	}
	/* Peers at any address may well ask for the same nets, one after the other. */
	if (!writer_ok(&w) || any_address(connection, "remote"))
		return;
	unsigned before = see(selectors, writer_bytes_so_far(&w), s->line);
	if (before > 0)
		errors_add(e, s->line,
			   "child \"%s\" of connection \"%s\" has the same local-ts and "
			   "remote-ts as the child that ends in line %u",
			   s->title, connection->title, before);
}

static void check_connection(const struct config_section *s, struct table *titles,
			     struct table *selectors, struct errors *e)
{
	check_title(s, e);
	unsigned before = see(titles, bytes_of(s->title, strlen(s->title)), s->line);
	if (before > 0)
		errors_expected(e, s->line, s->title,
				"another name: a connection of this name ends in line %u", before);
	check_required(s, e);
	check_auth(s, e);
	check_ppk_use(s, e);
	check_credentials(s, e);
	check_families(s, e);
	check_downgrade(s, e);
	check_kem_auth(s, e);
	if (s->children == NULL)
		errors_expected(e, s->line, "}", "a child before the end of connection \"%s\"",
				s->title);
	for (const struct config_section *k = s->children; k != NULL; k = k->next) {
		for (const struct config_section *j = s->children; j != k; j = j->next) {
			if (strcmp(j->title, k->title) == 0)
				errors_expected(e, k->line, k->title,
						"another name: a child of this name ends in line "
						"%u",
						j->line);
		}
		check_child(s, k, selectors, e);
	}
}

static void check_ke_numbers(const struct config_section *s, struct errors *e)
{
	const struct config_value *values[KE_NUMBERS_MAX];
	struct daemon_ke_number parsed[KE_NUMBERS_MAX];
	struct ke_number numbers[KE_NUMBERS_MAX];
	size_t n = 0, bad;

	for (const struct config_value *v = config_get(s, "ke-number"); v != NULL;
	     v = config_get_next(v)) {
		if (n == KE_NUMBERS_MAX) {
			errors_expected(e, v->line, v->text, "at most %d numbers", KE_NUMBERS_MAX);
			return;
		}
		if (!value_ke_number(&parsed[n], v->text))
			return; /* said already */
		numbers[n] = (struct ke_number){parsed[n].word, parsed[n].number};
		values[n++] = v;
	}
	if (!ke_numbers_fit(numbers, n, &bad))
		errors_expected(e, values[bad]->line, values[bad]->text,
				"a method that IANA has given no number, and a number that no "
				"other method has");
}

static void check_fetch(const struct config_section *s, unsigned *line, struct errors *e)
{
	unsigned n = 0;

	if (*line > 0)
		errors_expected(e, s->line, "}", "only one section fetch; another ends in line %u",
				*line);
	*line = s->line;
	for (const struct config_value *v = config_get(s, "forbid"); v != NULL;
	     v = config_get_next(v))
		if (++n == FETCH_FORBID_MAX + 1)
			errors_expected(e, v->line, v->text, "at most %d in forbid",
					FETCH_FORBID_MAX);
}

void config_check(const struct config *c, struct errors *errors)
{
	/* Only the file's own names are in these tables; they need no secret. */
	static const uint8_t secret[16];
	struct table titles, selectors, ppks;
	unsigned daemon_line = 0, fetch_line = 0;

	if (table_init(&titles, secret, seen_key) != ERR_NONE)
		return;
	if (table_init(&ppks, secret, seen_key) != ERR_NONE) {
		forget(&titles);
		return;
	}
	if (table_init(&selectors, secret, seen_key) == ERR_NONE) {
		for (const struct config_section *s = c->sections; s != NULL; s = s->next) {
			if (s->kind == SECTION_CONNECTION)
				check_connection(s, &titles, &selectors, errors);
			else if (s->kind == SECTION_PPK)
				check_ppk(s, &ppks, errors);
			else
				check_required(s, errors);
			if (s->kind == SECTION_SECRET && s->title2 != NULL &&
			    strchr(s->title2, TIDY_TITLE_MARK) != NULL)
				errors_expected(errors, s->line, s->title,
						"at most two identities");
			if (s->kind == SECTION_FETCH)
				check_fetch(s, &fetch_line, errors);
			if (s->kind == SECTION_DAEMON && daemon_line > 0)
				errors_expected(errors, s->line, "}",
						"only one section daemon; another ends in line %u",
						daemon_line);
			if (s->kind == SECTION_DAEMON) {
				daemon_line = s->line;
				check_ke_numbers(s, errors);
			}
		}
		forget(&selectors);
	}
	forget(&ppks);
	forget(&titles);
}
