/* postern pki revoke, crl. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/pki.h"
#include "pki/issue.h"

#define CRL_DAYS 30

static bool write_list(struct authority *a, const struct pki_options *o)
{
	int64_t days = o->days != 0 ? (int64_t)o->days : CRL_DAYS;

	return authority_write_crl(a, o->now, o->now + days * PKI_DAY);
}

static void tell(const struct authority *a, const struct pki_options *o, const struct pki_entry *e)
{
	char until[PKI_TIME_MAX];
	int64_t days = o->days != 0 ? (int64_t)o->days : CRL_DAYS;

	(void)pki_time_text(o->now + days * PKI_DAY, until);
	if (o->json) {
		json_t *j =
		    json_pack("{s:b, s:s, s:I, s:s}", "ok", 1, "crl", PKI_CRL_FILE, "number",
			      (json_int_t)a->index.crl_number, "next_update", until);
		if (e != NULL)
			(void)json_object_set_new(j, "serial", json_string(e->serial));
		(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		(void)fputc('\n', stdout);
		json_decref(j);
		return;
	}
	if (e != NULL)
		(void)printf("%s: certificate %s is revoked (%s)\n", e->name, e->serial, e->reason);
	(void)printf("%s/" PKI_CRL_FILE
		     ": revocation list %llu, until %.10s; every gateway needs it\n",
		     o->dir, (unsigned long long)a->index.crl_number, until);
}

static void complain_not_one(const struct authority *a, const struct pki_options *o, size_t matches)
{
	const char *what = o->words[0];

	if (matches == 0) {
		(void)fprintf(
		    stderr, "postern: %s: no certificate of this name or serial number is valid\n",
		    what);
		return;
	}
	(void)fprintf(stderr, "postern: %s: %zu certificates have this name; say which:\n", what,
		      matches);
	for (size_t i = 0; i < a->index.n; i++) {
		const struct pki_entry *e = &a->index.entries[i];
		char until[PKI_TIME_MAX];

		if (strcmp(e->name, what) == 0 && !e->revoked && e->not_after > o->now)
			(void)fprintf(stderr, "  %s  until %.10s\n", e->serial,
				      pki_time_text(e->not_after, until));
	}
}

int pki_revoke(const struct pki_options *o)
{
	const char *reason = o->reason != NULL ? o->reason : "unspecified";
	struct pki_entry *e;
	struct authority a;
	size_t matches;
	bool ok = false;

	if (issue_reason_number(reason) < 0) {
		(void)fprintf(stderr, "postern: %s is no reason; try: postern help pki\n", reason);
		return EXIT_USAGE;
	}
	if (!authority_open(&a, o->dir, true, o->now))
		return EXIT_REFUSED;
	e = pki_index_find(&a.index, o->words[0], o->now, &matches);
	if (e == NULL)
		complain_not_one(&a, o, matches);
	else if (e->revoked)
		(void)fprintf(stderr, "postern: certificate %s is revoked already\n", e->serial);
	else
		ok = pki_index_revoke(e, reason, o->now) == ERR_NONE && write_list(&a, o);
	if (ok)
		tell(&a, o, e);
	authority_close(&a);
	return ok ? EXIT_OK : EXIT_REFUSED;
}

int pki_crl(const struct pki_options *o)
{
	struct authority a;
	bool ok;

	if (!authority_open(&a, o->dir, true, o->now))
		return EXIT_REFUSED;
	ok = write_list(&a, o);
	if (ok)
		tell(&a, o, NULL);
	authority_close(&a);
	return ok ? EXIT_OK : EXIT_REFUSED;
}
