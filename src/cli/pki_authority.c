#include "cli/pki_authority.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "pki/describe.h"
#include "pki/issue.h"

#define KEY_FILE_MAX   65536
#define CHAIN_FILE_MAX (1U << 20)
#define INDEX_FILE_MAX (64U << 20)

static bool read_chain(struct authority *a)
{
	const char *reason;
	uint8_t *text;
	size_t n;
	enum err e;

	if (!file_load(&a->f, PKI_CA_FILE, false, CHAIN_FILE_MAX, &text, &n))
		return false;
	e = certificates_parse(a->chain, CERTIFICATES_MAX, &a->n_chain, bytes_of(text, n), &reason);
	mem_free(text);
	if (e == ERR_NONE)
		return true;
	folder_complain(&a->f, PKI_CA_FILE, reason);
	return false;
}

static bool read_index(struct authority *a)
{
	char why[64];
	uint8_t *text;
	size_t n, line;
	enum err e;

	if (!file_load(&a->f, PKI_INDEX_FILE, false, INDEX_FILE_MAX, &text, &n))
		return false;
	e = pki_index_parse(&a->index, bytes_of(text, n), &line);
	mem_free(text);
	if (e == ERR_NONE)
		return true;
	(void)snprintf(why, sizeof(why), "line %zu cannot be read (%s)", line, err_name(e));
	folder_complain(&a->f, PKI_INDEX_FILE, why);
	return false;
}

static bool read_key(struct authority *a, int64_t now)
{
	const char *reason = NULL;
	uint8_t *text;
	size_t n;

	if (!file_load(&a->f, PKI_KEY_FILE, true, KEY_FILE_MAX, &text, &n))
		return false;
	(void)issue_key_parse(&a->key, bytes_of(text, n), &reason);
	mem_free_secret(text, n);
	if (a->key != NULL && !issue_key_belongs(a->key, a->chain[0]))
		reason = "it is not the key of " PKI_CA_FILE;
	else if (a->key != NULL)
		reason = NULL;
	if (reason != NULL) {
		folder_complain(&a->f, PKI_KEY_FILE, reason);
		return false;
	}
	if (certificate_not_after(a->chain[0]) > now)
		return true;
	folder_complain(&a->f, PKI_CA_FILE, "the CA's certificate is over: make a new CA");
	return false;
}

bool authority_open(struct authority *a, const char *dir, bool sign, int64_t now)
{
	*a = (struct authority){.f = {dir, -1}};
	a->f.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->f.fd < 0) {
		folder_complain(&a->f, NULL,
				errno == ENOENT
				    ? "there is no CA; make one by: postern pki init NAME"
				    : strerror(errno));
		return false;
	}
	if (flock(a->f.fd, sign ? LOCK_EX : LOCK_SH) != 0) {
		folder_complain(&a->f, NULL, strerror(errno));
		authority_close(a);
		return false;
	}
	if (read_chain(a) && read_index(a) && (!sign || read_key(a, now)))
		return true;
	authority_close(a);
	return false;
}

void authority_close(struct authority *a)
{
	for (size_t i = 0; i < a->n_chain; i++)
		certificate_free(a->chain[i]);
	issue_key_free(a->key);
	pki_index_clear(&a->index);
	if (a->f.fd >= 0)
		(void)close(a->f.fd); /* the lock goes with it */
	*a = (struct authority){.f = {NULL, -1}};
}

bool authority_save_index(const struct authority *a)
{
	char *text = pki_index_text(&a->index);
	bool ok =
	    text != NULL && file_replace(&a->f, PKI_INDEX_FILE, 0600, bytes_of(text, strlen(text)));

	if (text == NULL)
		folder_complain(&a->f, PKI_INDEX_FILE, "out of memory");
	mem_free(text);
	return ok;
}

static void file_name(const struct certificate *c, char name[DESCRIBE_MAX + 16])
{
	char serial[DESCRIBE_MAX];

	(void)snprintf(name, DESCRIBE_MAX + 16, PKI_CERTS "/%s.pem", certificate_serial(c, serial));
}

bool authority_record(struct authority *a, const struct certificate *c, const char *key,
		      const char *name)
{
	char path[DESCRIBE_MAX + 16], serial[DESCRIBE_MAX];
	char *text = authority_pem(a, c, 0, 0);
	bool ok = text != NULL;

	file_name(c, path);
	if (!ok)
		folder_complain(&a->f, path, "out of memory");
	if (ok && mkdirat(a->f.fd, PKI_CERTS, 0700) != 0 && errno != EEXIST) {
		folder_complain(&a->f, PKI_CERTS, strerror(errno));
		ok = false;
	}
	ok = ok && file_create(&a->f, path, 0644, bytes_of(text, strlen(text)));
	mem_free(text);
	if (!ok)
		return false;
	if (pki_index_add(&a->index, certificate_serial(c, serial), certificate_not_after(c), key,
			  name) == ERR_NONE) {
		if (authority_save_index(a))
			return true;
		pki_index_drop_last(&a->index);
	}
	(void)unlinkat(a->f.fd, path, 0);
	return false;
}

void authority_unrecord(struct authority *a, const struct certificate *c)
{
	char path[DESCRIBE_MAX + 16];

	file_name(c, path);
	pki_index_drop_last(&a->index);
	if (authority_save_index(a))
		(void)unlinkat(a->f.fd, path, 0);
}

bool authority_write_crl(struct authority *a, int64_t now, int64_t until)
{
	struct issue_revoked *revoked = mem_new((a->index.n + 1) * sizeof(*revoked));
	struct issue_crl wish = {a->chain[0], a->key, revoked, 0, 0, now, until};
	const char *reason = "out of memory";
	uint8_t *text = NULL;
	size_t n;
	bool ok = false;

	if (revoked != NULL) {
		for (size_t i = 0; i < a->index.n; i++) {
			const struct pki_entry *e = &a->index.entries[i];

			if (e->revoked)
				revoked[wish.n_revoked++] = (struct issue_revoked){
				    e->serial, e->revoked_at, issue_reason_number(e->reason)};
		}
		wish.number = a->index.crl_number + 1;
		ok = issue_crl(&wish, &text, &n, &reason) == ERR_NONE;
	}
	mem_free(revoked);
	if (!ok) {
		folder_complain(&a->f, PKI_CRL_FILE, reason);
		return false;
	}
	/* The number first: one that is left out does no harm, one used twice would. */
	a->index.crl_number++;
	ok = authority_save_index(a) && file_replace(&a->f, PKI_CRL_FILE, 0644, bytes_of(text, n));
	mem_free(text);
	return ok;
}

char *authority_pem(const struct authority *a, const struct certificate *leaf, size_t first,
		    size_t end)
{
	const struct certificate *all[CERTIFICATES_MAX + 1];
	uint8_t *pem[CERTIFICATES_MAX + 1] = {0};
	size_t n[CERTIFICATES_MAX + 1] = {0}, count = 0, total = 1;
	char *text = NULL;
	bool ok = true;

	if (leaf != NULL)
		all[count++] = leaf;
	for (size_t i = first; i < end; i++)
		all[count++] = a->chain[i];
	for (size_t i = 0; i < count && ok; i++) {
		ok = certificate_pem(all[i], &pem[i], &n[i]) == ERR_NONE;
		total += ok ? n[i] : 0;
	}
	if (ok)
		text = mem_new(total); /* zeroed: a NUL stands at its end */
	for (size_t i = 0, at = 0; i < count; i++) {
		if (text != NULL)
			memcpy(text + at, pem[i], n[i]);
		at += text != NULL ? n[i] : 0;
		mem_free(pem[i]);
	}
	return text;
}
