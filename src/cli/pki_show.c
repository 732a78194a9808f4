/* postern pki show. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cli/client.h"
#include "cli/pki.h"
#include "cli/show.h"
#include "pki/describe.h"
#include "pki/identity.h"

#define FILE_MAX (1U << 20)

static json_t *names_of(const struct certificate *c)
{
	json_t *names = json_array();
	char text[IDENTITY_TEXT_MAX];
	struct bytes value;
	uint8_t type;

	for (size_t i = 0; certificate_name(c, i, &type, &value); i++) {
		struct identity *id = identity_new(type, value);

		(void)json_array_append_new(names, json_string(identity_format(id, text)));
		identity_free(id);
	}
	return names;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	(void)json_object_set_new(o, key, json_string(text));
}

static json_t *describe(const struct certificate *c)
{
	char text[DESCRIBE_MAX], hash[2 * CERTIFICATE_FINGERPRINT_LEN + 1];
	json_t *o = json_object();

	set_text(o, "subject", certificate_subject(c));
	set_text(o, "issuer", certificate_issuer(c));
	(void)json_object_set_new(o, "names", names_of(c));
	set_text(o, "serial", certificate_serial(c, text));
	set_text(o, "not_before", pki_time_text(certificate_not_before(c), text));
	set_text(o, "not_after", pki_time_text(certificate_not_after(c), text));
	set_text(o, "key", certificate_key_kind(c, text));
	set_text(o, "signature", certificate_signature_kind(c, text));
	(void)json_object_set_new(o, "ca", json_boolean(certificate_is_ca(c)));
	set_text(o, "key_usage", certificate_usage(c, text));
	if (certificate_extended_usage(c, text)[0] != '\0')
		set_text(o, "extended_key_usage", text);
	for (size_t i = 0; i < CERTIFICATE_FINGERPRINT_LEN; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", certificate_fingerprint(c)[i]);
	set_text(o, "sha256", hash);
	return o;
}

/* One member in a line of its own, when it is there and not empty. */
static void line(const json_t *o, const char *key, const char *label)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (text == NULL || text[0] == '\0')
		return;
	(void)printf("  %-14s", label);
	show_text(stdout, text);
	(void)putchar('\n');
}

static void print_certificate(const json_t *o)
{
	json_t *names = json_object_get(o, "names"), *name;
	size_t i;

	show_text(stdout, json_string_value(json_object_get(o, "subject")));
	(void)printf("%s\n", json_is_true(json_object_get(o, "ca")) ? ": a CA" : "");
	line(o, "state", "state");
	json_array_foreach(names, i, name)
	{
		(void)printf("  %-14s", i == 0 ? "names" : "");
		show_text(stdout, json_string_value(name));
		(void)putchar('\n');
	}
	line(o, "issuer", "issuer");
	line(o, "serial", "serial");
	line(o, "not_before", "valid from");
	line(o, "not_after", "valid until");
	line(o, "key", "key");
	line(o, "signature", "signed with");
	line(o, "key_usage", "keyUsage");
	line(o, "extended_key_usage", "EKU");
	line(o, "sha256", "SHA-256");
}

static void print_json(const json_t *o)
{
	(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)putchar('\n');
}

static void print_described(const struct pki_options *o, const struct certificate *c,
			    const char *state)
{
	json_t *d = describe(c);

	if (state != NULL)
		set_text(d, "state", state);
	if (o->json)
		print_json(d);
	else
		print_certificate(d);
	json_decref(d);
}

/* All certificates of a file. */
static int show_file(const struct pki_options *o, const struct folder *f, const char *name,
		     const char *state)
{
	struct certificate *certs[CERTIFICATES_MAX];
	const char *reason;
	uint8_t *text;
	size_t n, count;

	if (!file_load(f, name, false, FILE_MAX, &text, &n))
		return EXIT_REFUSED;
	if (certificates_parse(certs, CERTIFICATES_MAX, &count, bytes_of(text, n), &reason) !=
	    ERR_NONE) {
		folder_complain(f, name, reason);
		mem_free_secret(text, n);
		return EXIT_REFUSED;
	}
	mem_free_secret(text, n); /* a private key may stand beside them */
	for (size_t i = 0; i < count; i++) {
		print_described(o, certs[i], state);
		certificate_free(certs[i]);
	}
	return EXIT_OK;
}

/* "good", "revoked 2026-11-24 (superseded)", "over". */
static const char *state_of(const struct pki_entry *e, int64_t now, char buf[DESCRIBE_MAX])
{
	char at[PKI_TIME_MAX];

	if (e->revoked)
		(void)snprintf(buf, DESCRIBE_MAX, "revoked %.10s (%s)",
			       pki_time_text(e->revoked_at, at), e->reason);
	else
		(void)snprintf(buf, DESCRIBE_MAX, "%s", e->not_after <= now ? "over" : "good");
	return buf;
}

static void print_list(const struct pki_options *o, const struct authority *a)
{
	char until[PKI_TIME_MAX], state[DESCRIBE_MAX];

	print_described(o, a->chain[0], NULL);
	(void)printf("\nissued: %zu, revocation list: number %llu\n", a->index.n,
		     (unsigned long long)a->index.crl_number);
	for (size_t i = 0; i < a->index.n; i++) {
		const struct pki_entry *e = &a->index.entries[i];

		(void)printf("  %s  %.10s  %-12s  ", e->serial, pki_time_text(e->not_after, until),
			     e->key);
		show_text(stdout, e->name);
		(void)printf("  %s\n", state_of(e, o->now, state));
	}
}

static void print_list_json(const struct pki_options *o, const struct authority *a)
{
	char until[PKI_TIME_MAX], state[DESCRIBE_MAX];
	json_t *issued = json_array();
	json_t *all = json_pack("{s:o, s:I, s:o}", "ca", describe(a->chain[0]), "crl_number",
				(json_int_t)a->index.crl_number, "issued", issued);

	for (size_t i = 0; i < a->index.n; i++) {
		const struct pki_entry *e = &a->index.entries[i];

		(void)json_array_append_new(issued, json_pack("{s:s, s:s, s:s, s:s, s:s}", "serial",
							      e->serial, "name", e->name, "key",
							      e->key, "not_after",
							      pki_time_text(e->not_after, until),
							      "state", state_of(e, o->now, state)));
	}
	print_json(all);
	json_decref(all);
}

/* Every certificate that has this name or number, also one that is no longer good. */
static int show_issued(const struct pki_options *o, const struct authority *a)
{
	char file[DESCRIBE_MAX], state[DESCRIBE_MAX];
	int status = EXIT_OK;
	bool any = false;

	for (size_t i = 0; i < a->index.n; i++) {
		const struct pki_entry *e = &a->index.entries[i];

		if (strcmp(e->name, o->words[0]) != 0 && strcasecmp(e->serial, o->words[0]) != 0)
			continue;
		any = true;
		(void)snprintf(file, sizeof(file), PKI_CERTS "/%s.pem", e->serial);
		if (show_file(o, &a->f, file, state_of(e, o->now, state)) != EXIT_OK)
			status = EXIT_REFUSED;
	}
	if (any)
		return status;
	(void)fprintf(stderr, "postern: %s: neither a name nor a serial number in %s, nor a file\n",
		      o->words[0], o->dir);
	return EXIT_REFUSED;
}

int pki_show(const struct pki_options *o)
{
	const struct folder here = {".", AT_FDCWD};
	int status = EXIT_OK;
	struct authority a;
	struct stat st;

	if (o->n_words == 1 && stat(o->words[0], &st) == 0 && S_ISREG(st.st_mode))
		return show_file(o, &here, o->words[0], NULL);
	if (!authority_open(&a, o->dir, false, o->now))
		return EXIT_REFUSED;
	if (o->n_words == 1)
		status = show_issued(o, &a);
	else if (o->json)
		print_list_json(o, &a);
	else
		print_list(o, &a);
	authority_close(&a);
	return status;
}
