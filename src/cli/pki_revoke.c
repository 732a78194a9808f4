/* postern pki revoke, crl, ocsp. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/client.h"
#include "cli/pki.h"
#include "pki/issue.h"

#define CRL_DAYS  30
#define OCSP_DAYS 7

#define FILE_MAX 131072

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

static struct certificate *read_issued(const struct authority *a, const struct pki_entry *e)
{
	struct certificate *c = NULL;
	char path[256];
	const char *reason;
	uint8_t *text;
	size_t n, count = 0;

	(void)snprintf(path, sizeof(path), PKI_CERTS "/%.200s.pem", e->serial);
	if (!file_load(&a->f, path, false, FILE_MAX, &text, &n))
		return NULL;
	if (certificates_parse(&c, 1, &count, bytes_of(text, n), &reason) != ERR_NONE) {
		folder_complain(&a->f, path, reason);
		c = NULL;
	}
	mem_free_secret(text, n);
	return c;
}

static bool write_response(const struct authority *a, const struct pki_entry *e,
			   const struct pki_options *o, const char *file)
{
	struct certificate *c = read_issued(a, e);
	const struct issue_ocsp wish = {
	    .issuer = a->chain[0],
	    .issuer_key = a->key,
	    .certificate = c,
	    .revoked = e->revoked,
	    .revoked_at = e->revoked_at,
	    .reason = e->revoked ? issue_reason_number(e->reason) : 0,
	    .this_update = o->now,
	    .next_update = o->now + (int64_t)(o->days != 0 ? o->days : OCSP_DAYS) * PKI_DAY,
	};
	const char *reason;
	uint8_t *der = NULL;
	size_t n;
	bool ok = false;

	if (c == NULL)
		return false;
	if (issue_ocsp(&wish, &der, &n, &reason) != ERR_NONE)
		folder_complain(&a->f, file, reason);
	else
		ok = file_replace(&a->f, file, 0644, bytes_of(der, n));
	mem_free(der);
	certificate_free(c);
	return ok;
}

int pki_ocsp(const struct pki_options *o)
{
	char name[PKI_FILE_NAME_MAX], file[PKI_FILE_NAME_MAX + 8], until[PKI_TIME_MAX];
	struct pki_entry *e;
	struct authority a;
	size_t matches;
	bool ok = false;

	if (!authority_open(&a, o->dir, true, o->now))
		return EXIT_REFUSED;
	e = pki_index_find(&a.index, o->words[0], o->now, &matches);
	if (e == NULL) {
		complain_not_one(&a, o, matches);
	} else {
		pki_file_name(e->name, name);
		(void)snprintf(file, sizeof(file), "%s.ocsp", name);
		ok = write_response(&a, e, o, file);
	}
	(void)pki_time_text(o->now + (int64_t)(o->days != 0 ? o->days : OCSP_DAYS) * PKI_DAY,
			    until);
	if (ok && o->json) {
		json_t *j =
		    json_pack("{s:b, s:s, s:s, s:b, s:s}", "ok", 1, "ocsp", file, "serial",
			      e->serial, "revoked", e->revoked ? 1 : 0, "next_update", until);
		(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		(void)fputc('\n', stdout);
		json_decref(j);
	} else if (ok) {
		(void)printf("%s/%s: %s is %s, until %.10s; it goes into ocsp-response of its "
			     "owner's connection\n",
			     o->dir, file, e->name, e->revoked ? "revoked" : "good", until);
	}
	authority_close(&a);
	return ok ? EXIT_OK : EXIT_REFUSED;
}
