/* postern pki init, issue. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/pki.h"
#include "pki/describe.h"
#include "pki/identity.h"
#include "pki/issue.h"

#define KEY_DEFAULT      "mldsa65"
#define CA_DAYS          3650
#define CERTIFICATE_DAYS 365
#define CRL_DAYS         30
#define NAMES_MAX        64
/* A clock that is slow by that much still finds a new certificate valid. */
#define SLACK          3600
#define PUBLIC_KEY_MAX 131072

static struct issue_key *make_key(const char *kind)
{
	struct issue_key *key;
	const char *reason;

	if (issue_key_make(&key, kind, &reason) != ERR_NONE)
		(void)fprintf(stderr, "postern: %s: %s; try: postern help pki\n", kind, reason);
	return key;
}

static struct issue_key *read_public_key(const char *path)
{
	const struct folder here = {".", AT_FDCWD};
	struct issue_key *key = NULL;
	const char *reason;
	uint8_t *text;
	size_t n;

	if (!file_load(&here, path, false, PUBLIC_KEY_MAX, &text, &n))
		return NULL;
	if (issue_key_parse_public(&key, bytes_of(text, n), &reason) != ERR_NONE)
		(void)fprintf(stderr, "postern: %s: %s\n", path, reason);
	mem_free_secret(text, n); /* it may be somebody's private key */
	return key;
}

static bool write_key(const struct folder *f, const char *name, const struct issue_key *key)
{
	uint8_t *text;
	size_t n;
	bool ok;

	if (issue_key_pem(key, &text, &n) != ERR_NONE) {
		folder_complain(f, name, "the key cannot be written");
		return false;
	}
	ok = file_create(f, name, 0600, bytes_of(text, n));
	mem_free_secret(text, n);
	return ok;
}

/* leaf and chain[first..end) in a new file. */
static bool write_certificates(const struct folder *f, const char *name, const struct authority *a,
			       const struct certificate *leaf, size_t first, size_t end)
{
	char *text = authority_pem(a, leaf, first, end);
	bool ok = text != NULL && file_create(f, name, 0644, bytes_of(text, strlen(text)));

	if (text == NULL)
		folder_complain(f, name, "out of memory");
	mem_free(text);
	return ok;
}

/* The end that is wished for, or the issuer's when that comes first. */
static int64_t end_of(const struct pki_options *o, unsigned days, const struct authority *above)
{
	int64_t until = o->now + (int64_t)(o->days != 0 ? o->days : days) * PKI_DAY;

	if (above->n_chain != 0 && until > certificate_not_after(above->chain[0]))
		until = certificate_not_after(above->chain[0]);
	return until;
}

/* What a new CA's folder holds; above is empty for a root. */
static bool fill_ca(struct new_folder *n, const struct pki_options *o, struct authority *above,
		    struct authority *ca)
{
	struct issue wish = {
	    .issuer = above->n_chain != 0 ? above->chain[0] : NULL,
	    .issuer_key = above->key,
	    .key = ca->key,
	    .subject = o->words[0],
	    .ca = true,
	    .path_len = above->n_chain != 0 ? 0 : -1,
	    .not_before = o->now - SLACK,
	    .not_after = end_of(o, CA_DAYS, above),
	    .crl_url = o->crl_url,
	    .ocsp_url = o->ocsp_url,
	};
	const char *reason;

	if (issue_certificate(&wish, &ca->chain[0], &reason) != ERR_NONE) {
		(void)fprintf(stderr, "postern: %s: %s\n", o->words[0], reason);
		return false;
	}
	ca->n_chain = 1;
	ca->f = n->f;
	return write_key(&n->f, PKI_KEY_FILE, ca->key) &&
	       write_certificates(&n->f, PKI_CA_FILE, above, ca->chain[0], 0, above->n_chain) &&
	       authority_write_crl(ca, o->now, o->now + (int64_t)CRL_DAYS * PKI_DAY);
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static void tell_ca(const struct pki_options *o, const struct certificate *c)
{
	char serial[DESCRIBE_MAX], kind[DESCRIBE_MAX], until[PKI_TIME_MAX];

	(void)certificate_serial(c, serial);
	(void)certificate_key_kind(c, kind);
	(void)pki_time_text(certificate_not_after(c), until);
	if (o->json) {
		json_t *j = json_pack("{s:b, s:s, s:s, s:s, s:s, s:s}", "ok", 1, "dir", o->dir,
				      "subject", certificate_subject(c), "serial", serial, "key",
				      kind, "not_after", until);
		(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		(void)fputc('\n', stdout);
		json_decref(j);
		return;
	}
	(void)printf("%s: a CA with the key %s, until %.10s\n"
		     "  %s/" PKI_KEY_FILE "   its private key: keep it where no gateway is\n"
		     "  %s/" PKI_CA_FILE "   its certificate, for everybody\n"
		     "  %s/" PKI_CRL_FILE "  its revocation list, empty, for %d days\n"
		     "Next: postern pki issue NAME\n",
		     certificate_subject(c), kind, until, o->dir, o->dir, o->dir, CRL_DAYS);
}

int pki_init(const struct pki_options *o)
{
	struct authority above = {.f = {NULL, -1}}, ca = {.f = {NULL, -1}};
	struct new_folder n;
	bool ok = false;

	if (has_control(o->words[0])) {
		(void)fputs("postern: a name has no control characters\n", stderr);
		return EXIT_USAGE;
	}
	if (o->under != NULL && !authority_open(&above, o->under, true, o->now))
		return EXIT_REFUSED;
	if (above.n_chain == CERTIFICATES_MAX)
		(void)fputs("postern: the chain above is too long\n", stderr);
	else if (new_folder_begin(&n, o->dir)) {
		ca.key = make_key(o->key != NULL ? o->key : KEY_DEFAULT);
		ok = ca.key != NULL && fill_ca(&n, o, &above, &ca) &&
		     (o->under == NULL ||
		      authority_record(&above, ca.chain[0], issue_key_name(ca.key), o->words[0]));
		if (ok && !new_folder_finish(&n)) {
			ok = false;
			if (o->under != NULL)
				authority_unrecord(&above, ca.chain[0]);
		}
		if (ok)
			tell_ca(o, ca.chain[0]);
		new_folder_abandon(&n);
	}
	ca.f.fd = -1; /* the new folder's */
	authority_close(&ca);
	authority_close(&above);
	return ok ? EXIT_OK : EXIT_REFUSED;
}

/* What is being issued. */
struct order {
	struct identity *names[NAMES_MAX]; /* owned */
	size_t n_names;
	struct issue_key *key;        /* owned */
	struct certificate *cert;     /* owned */
	char file[PKI_FILE_NAME_MAX]; /* what its files are called, without their ends */
	char path[PATH_MAX];          /* the folder that they are laid down in */
};

static void order_clear(struct order *r)
{
	for (size_t i = 0; i < r->n_names; i++)
		identity_free(r->names[i]);
	issue_key_free(r->key);
	certificate_free(r->cert);
}

void pki_file_name(const char *name, char out[PKI_FILE_NAME_MAX])
{
	size_t n = 0;

	for (; *name != '\0' && n < PKI_FILE_NAME_MAX - 1; name++) {
		bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			     (*name >= '0' && *name <= '9') || strchr("@_+-.", *name) != NULL;

		if (n == 0 && (*name == '.' || *name == '-'))
			plain = false;
		out[n++] = plain ? *name : '_';
	}
	out[n] = '\0';
}

static bool read_names(struct order *r, const struct pki_options *o)
{
	const char *reason;
	bool ok;

	for (int i = 0; i < o->n_words; i++) {
		struct identity *id;

		ok = identity_parse(&id, o->words[i], &reason) == ERR_NONE;
		if (!ok) {
			(void)fprintf(stderr, "postern: %s: %s\n", o->words[i], reason);
			return false;
		}
		r->names[r->n_names++] = id;
		/* The Subject is one name alone. */
		if (id->type == ID_DER_ASN1_DN && i > 0) {
			(void)fprintf(stderr,
				      "postern: %s: a distinguished name comes first, and alone; "
				      "see --subject\n",
				      o->words[i]);
			return false;
		}
	}
	pki_file_name(o->words[0], r->file);
	if (o->out != NULL)
		return snprintf(r->path, sizeof(r->path), "%s", o->out) < (int)sizeof(r->path);
	return snprintf(r->path, sizeof(r->path), "%s/%s", o->dir, r->file) < (int)sizeof(r->path);
}

/* What the CA's key is good for, its own kind is a good choice too, but for SLH-DSA with its long
 * signatures. */
static const char *usual_key(const struct authority *a)
{
	const char *kind = issue_key_name(a->key);

	return strncmp(kind, "slhdsa", 6) == 0 ? KEY_DEFAULT : kind;
}

static bool make_certificate(struct order *r, const struct pki_options *o, struct authority *a)
{
	struct issue wish = {
	    .issuer = a->chain[0],
	    .issuer_key = a->key,
	    .subject = o->subject,
	    .names = (const struct identity *const *)r->names,
	    .n_names = r->n_names,
	    .not_before = o->now - SLACK,
	    .not_after = end_of(o, CERTIFICATE_DAYS, a),
	    .crl_url = o->crl_url,
	    .ocsp_url = o->ocsp_url,
	};
	const char *reason;

	if (o->public_key != NULL)
		r->key = read_public_key(o->public_key);
	else
		r->key = make_key(o->key != NULL ? o->key : usual_key(a));
	if (r->key == NULL)
		return false;
	wish.key = r->key;
	if (issue_certificate(&wish, &r->cert, &reason) == ERR_NONE)
		return true;
	(void)fprintf(stderr, "postern: %s: %s\n", o->words[0], reason);
	return false;
}

/* The certificate with those between it and the root, the root, and the private key. */
static bool fill_order(struct new_folder *n, const struct order *r, const struct pki_options *o,
		       const struct authority *a)
{
	char cert[sizeof(r->file) + 8], key[sizeof(r->file) + 8];

	(void)snprintf(cert, sizeof(cert), "%s.pem", r->file);
	(void)snprintf(key, sizeof(key), "%s.key", r->file);
	return (o->public_key != NULL || write_key(&n->f, key, r->key)) &&
	       write_certificates(&n->f, cert, a, r->cert, 0, a->n_chain - 1) &&
	       write_certificates(&n->f, PKI_CA_FILE, a, NULL, a->n_chain - 1, a->n_chain);
}

static void tell_order_json(const struct order *r, const struct pki_options *o, const char *serial,
			    const char *until)
{
	char cert[sizeof(r->file) + 8], key[sizeof(r->file) + 8];
	json_t *j;

	(void)snprintf(cert, sizeof(cert), "%s.pem", r->file);
	(void)snprintf(key, sizeof(key), "%s.key", r->file);
	j = json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ok", 1, "name", o->words[0],
		      "serial", serial, "key", issue_key_name(r->key), "not_after", until, "folder",
		      r->path, "cert_file", cert, "ca_file", PKI_CA_FILE, "subject",
		      certificate_subject(r->cert));
	if (o->public_key == NULL)
		(void)json_object_set_new(j, "key_file", json_string(key));
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)fputc('\n', stdout);
	json_decref(j);
}

/* As the configuration wants a text. */
static void print_quoted(const char *text)
{
	(void)putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)putchar('\\');
		(void)putchar(*text);
	}
	(void)putchar('"');
}

static void tell_order(const struct order *r, const struct pki_options *o)
{
	char serial[DESCRIBE_MAX], until[PKI_TIME_MAX];
	const char *name = o->words[0];

	(void)certificate_serial(r->cert, serial);
	(void)pki_time_text(certificate_not_after(r->cert), until);
	if (o->json) {
		tell_order_json(r, o, serial, until);
		return;
	}
	(void)printf("%s: certificate %s with the key %s, until %.10s\n"
		     "The files in %s go beside postern.conf on that host, and these lines into\n"
		     "its connection:\n"
		     "    local-id = ",
		     name, serial, issue_key_name(r->key), until, r->path);
	print_quoted(name);
	(void)printf("\n    auth = cert\n    cert = \"%s.pem\"\n", r->file);
	if (o->public_key == NULL)
		(void)printf("    key  = \"%s.key\"\n", r->file);
	else
		(void)printf("    key  = \"FILE\"    the private key, which never came here\n");
	(void)printf("    ca   = \"" PKI_CA_FILE "\"\n");
	if (!issue_key_is_for_signing(r->key))
		(void)printf("A KEM key signs nothing: it is for authentication by KEM.\n");
}

int pki_issue(const struct pki_options *o)
{
	struct authority a;
	struct order r = {0};
	struct new_folder n = {.f = {NULL, -1}};
	bool ok = false;

	if (o->public_key != NULL && o->key != NULL) {
		(void)fputs("postern: --key makes a key, --public-key brings one: not both\n",
			    stderr);
		return EXIT_USAGE;
	}
	if (!authority_open(&a, o->dir, true, o->now))
		return EXIT_REFUSED;
	ok = read_names(&r, o) && new_folder_begin(&n, r.path);
	ok = ok && make_certificate(&r, o, &a) && fill_order(&n, &r, o, &a) &&
	     authority_record(&a, r.cert, issue_key_name(r.key), o->words[0]);
	if (ok && !new_folder_finish(&n)) {
		ok = false;
		authority_unrecord(&a, r.cert);
	}
	if (ok)
		tell_order(&r, o);
	new_folder_abandon(&n);
	order_clear(&r);
	authority_close(&a);
	return ok ? EXIT_OK : EXIT_REFUSED;
}
