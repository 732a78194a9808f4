/* Certificates and keys of a connection, from the files that it names. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/build_private.h"
#include "pki/certificate.h"
#include "pki/trust.h"

static enum err complain(struct building *b, const struct config_value *v, const char *what,
			 const char *reason)
{
	errors_expected(b->errors, v->line, v->text, "%s: %s", what, reason);
	return ERR_SYNTAX;
}

static struct bytes file_octets(const struct building *b, const char *name)
{
	const struct file *f = files_find(b->files, name);

	return f != NULL ? bytes_of(f->octets, f->n) : bytes_of(NULL, 0);
}

/* The key that the keys process holds under this name; NULL and an error when it has none. */
static const struct key_info *find_key(struct building *b, const struct config_value *v)
{
	const struct key_entry *k = (const struct key_entry *)(const void *)table_find(
	    &b->keys, bytes_of(v->text, strlen(v->text)));

	if (k == NULL) {
		(void)complain(b, v, "a private key", "it could not be loaded");
		return NULL;
	}
	return &k->info;
}

static enum err take_key(struct building *b, const struct config_section *s,
			 struct ike_connection *c, const struct key_info **info)
{
	const struct config_value *v = config_get(s, "key");

	if (v == NULL)
		return ERR_SYNTAX;
	*info = find_key(b, v);
	if (*info == NULL)
		return ERR_NOT_FOUND;
	c->local_auth.key_type = (*info)->type;
	c->local_auth.key = mem_text(v->text);
	return c->local_auth.key != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

static bool same_key(const struct certificate *cert, struct bytes spki)
{
	uint8_t *der = NULL;
	size_t n = 0;
	const struct public_key *key = certificate_key(cert);

	if (key == NULL || public_key_spki(key, &der, &n) != ERR_NONE)
		return false;
	bool same = bytes_equal(bytes_of(der, n), spki);
	mem_free(der);
	return same;
}

/* Our chain: parsed to be checked, sent as DER. */
static enum err take_chain(struct building *b, const struct config_section *s,
			   struct ike_connection *c, const struct key_info *key)
{
	struct certificate *certs[CERTIFICATES_MAX];
	size_t n = 0;
	const char *reason = "";
	char words[TRUST_REASON_MAX];
	const struct config_value *v = config_get(s, "cert");

	if (v == NULL)
		return ERR_SYNTAX;
	enum err e =
	    certificates_parse(certs, CERTIFICATES_MAX, &n, file_octets(b, v->text), &reason);
	if (e != ERR_NONE)
		return complain(b, v, "certificates in PEM", reason);
	if (!same_key(certs[0], key->spki))
		e = complain(b, v, "the certificate of the key",
			     "the first certificate holds another public key");
	else if (!certificate_matches(certs[0], c->local_id, words, sizeof(words)))
		e = complain(b, v, "a certificate for local-id", words);
	c->local_auth.certs = mem_new(n * sizeof(*c->local_auth.certs));
	if (c->local_auth.certs == NULL)
		e = ERR_NO_MEMORY;
	for (size_t i = 0; i < n && e == ERR_NONE; i++) {
		struct bytes der = certificate_der(certs[i]);
		uint8_t *copy = mem_copy(der);
		if (copy == NULL)
			e = ERR_NO_MEMORY;
		else
			c->local_auth.certs[c->local_auth.n_certs++] = bytes_of(copy, der.n);
	}
	for (size_t i = 0; i < n; i++)
		certificate_free(certs[i]);
	return e;
}

static enum err add_cas(struct building *b, const struct config_value *v, struct trust *t)
{
	struct certificate *certs[CERTIFICATES_MAX];
	size_t n = 0;
	const char *reason = "";
	enum err e =
	    certificates_parse(certs, CERTIFICATES_MAX, &n, file_octets(b, v->text), &reason);

	if (e != ERR_NONE)
		return complain(b, v, "CA certificates in PEM", reason);
	for (size_t i = 0; i < n; i++) {
		reason = "it is no CA";
		if (e == ERR_NONE)
			e = trust_add_ca(t, certs[i], &reason);
		if (e == ERR_EXISTS)
			e = ERR_NONE;
		else if (e != ERR_NONE && e != ERR_NO_MEMORY)
			e = complain(b, v, "CA certificates", reason);
	}
	for (size_t i = 0; i < n; i++)
		certificate_free(certs[i]);
	return e;
}

/* All that a set of CAs depends on, as the key to find it by: the files' octets. NULL: no memory.
 */
static uint8_t *trust_key(const struct building *b, const struct config_value *first, size_t *n)
{
	size_t cap = 0;

	for (const struct config_value *v = first; v != NULL; v = config_get_next(v))
		cap += 4 + file_octets(b, v->text).n;
	uint8_t *key = mem_new(cap);
	if (key == NULL)
		return NULL;
	struct writer w = writer_of(key, cap);
	for (const struct config_value *v = first; v != NULL; v = config_get_next(v)) {
		struct bytes o = file_octets(b, v->text);
		writer_u32(&w, (uint32_t)o.n);
		writer_bytes(&w, o);
	}
	*n = w.n;
	return key;
}

/* Connections with equal CAs share one set, also across reloads. */
static enum err take_cas(struct building *b, const struct config_section *s,
			 struct ike_connection *c)
{
	size_t n = 0;
	const struct config_value *first = config_get(s, "ca");

	if (first == NULL)
		return ERR_SYNTAX;
	uint8_t *key = trust_key(b, first, &n);
	if (key == NULL)
		return ERR_NO_MEMORY;
	struct memory *m = memory_find(&b->builder->trusts, bytes_of(key, n));
	enum err e = ERR_NONE;
	if (m == NULL) {
		struct trust *t = trust_new();
		if (t == NULL)
			e = ERR_NO_MEMORY;
		for (const struct config_value *v = first; v != NULL && e == ERR_NONE;
		     v = config_get_next(v))
			e = add_cas(b, v, t);
		if (e == ERR_NONE) {
			m = memory_add(&b->builder->trusts, bytes_of(key, n));
			e = m != NULL ? ERR_NONE : ERR_NO_MEMORY;
		}
		if (e == ERR_NONE)
			m->value = t;
		else
			trust_free(t);
	}
	if (e == ERR_NONE)
		c->remote_auth.trust = m->value;
	mem_free(key);
	return e;
}

static enum err take_remote_key(struct building *b, const struct config_section *s,
				struct ike_connection *c)
{
	const char *reason = "";
	const struct config_value *v = config_get(s, "remote-pubkey");

	if (v == NULL)
		return ERR_SYNTAX;
	enum err e = public_key_parse(&c->remote_auth.key, file_octets(b, v->text), &reason);
	if (e != ERR_NONE)
		return complain(b, v, "a public key in PEM", reason);
	return ERR_NONE;
}

/* For auth = pubkey what is sent as certificate is our SubjectPublicKeyInfo (RFC 7670). */
static enum err take_own_spki(struct ike_connection *c, const struct key_info *key)
{
	c->local_auth.certs = mem_new(sizeof(*c->local_auth.certs));
	uint8_t *copy = mem_copy(key->spki);
	if (c->local_auth.certs == NULL || copy == NULL) {
		mem_free(copy);
		return ERR_NO_MEMORY;
	}
	c->local_auth.certs[c->local_auth.n_certs++] = bytes_of(copy, key->spki.n);
	return ERR_NONE;
}

enum err build_auth(struct building *b, const struct config_section *s, struct ike_connection *c)
{
	const struct key_info *key = NULL;
	enum err e = take_key(b, s, c, &key);
	enum err e2;

	if (c->local_auth.kind == IKE_AUTH_BY_CERT) {
		if (e == ERR_NONE)
			e = take_chain(b, s, c, key);
		e2 = take_cas(b, s, c);
	} else {
		if (e == ERR_NONE)
			e = take_own_spki(c, key);
		e2 = take_remote_key(b, s, c);
	}
	return e != ERR_NONE ? e : e2;
}
