/* Certificates and keys of a connection, from the files that it names. */
#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "daemon/build_private.h"
#include "pki/cert_bundle.h"
#include "pki/certificate.h"
#include "pki/trust.h"

/* A chain of ours, and above each of its certificates what a path may have. */
#define ANSWERS_MAX (CERTIFICATES_MAX + CHAIN_DEPTH_MAX)

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

/* The key among those of `key = ...` that belongs to the certificate; NULL and an error when there
 * is none. */
static const struct config_value *key_of(struct building *b, const struct config_section *s,
					 const struct config_value *cert,
					 const struct certificate *c, enum key_type *type)
{
	bool all = true;

	for (const struct config_value *v = config_get(s, "key"); v != NULL;
	     v = config_get_next(v)) {
		const struct key_info *info = find_key(b, v);
		if (info != NULL && same_key(c, info->spki)) {
			*type = info->type;
			return v;
		}
		all &= info != NULL;
	}
	if (all)
		(void)complain(b, cert, "the certificate of a key",
			       config_get_next(config_get(s, "key")) == NULL
				   ? "the first certificate holds another public key"
				   : "the first certificate holds another public key than each of "
				     "the keys");
	return NULL;
}

/* Copies what is sent, and by which hashes in a CERTREQ it is asked for. */
static enum err put_chain(struct ike_credential *to, struct certificate *const *certs, size_t n,
			  const struct trust *t)
{
	const struct own_chain chain = {(const struct certificate *const *)certs, n};

	to->certs = mem_new(n * sizeof(*to->certs));
	to->answers = mem_new((size_t)ANSWERS_MAX * CERTIFICATE_SPKI_HASH_LEN);
	if (to->certs == NULL || to->answers == NULL)
		return ERR_NO_MEMORY;
	to->n_answers = certreq_answers(t, &chain, to->answers, ANSWERS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct bytes der = certificate_der(certs[i]);
		uint8_t *copy = mem_copy(der);
		if (copy == NULL)
			return ERR_NO_MEMORY;
		to->certs[to->n_certs++] = bytes_of(copy, der.n);
	}
	return ERR_NONE;
}

static enum err put_sha1(struct ike_credential *to, struct bytes der)
{
	struct crypto *c = crypto_new();
	enum err e = c != NULL ? hash_parts(c, HASH_SHA1, &der, 1, to->url_sha1) : ERR_NO_MEMORY;

	crypto_free(c);
	return e;
}

/* What has to be at the URL: the first certificate, or a bundle of all. */
static enum err put_url(struct ike_credential *to, const struct config_section *s)
{
	const struct config_value *one = config_get(s, "cert-url");
	const struct config_value *all = config_get(s, "cert-bundle-url");
	struct cert_bundle b = {.n = 0};
	uint8_t *der;

	if (one == NULL && all == NULL)
		return ERR_NONE;
	to->url = mem_text(one != NULL ? one->text : all->text);
	to->url_bundle = one == NULL;
	if (to->url == NULL)
		return ERR_NO_MEMORY;
	if (!to->url_bundle)
		return put_sha1(to, to->certs[0]);
	for (; b.n < to->n_certs && b.n < CERT_BUNDLE_MAX; b.n++)
		b.parts[b.n].der = to->certs[b.n];
	const size_t n = cert_bundle_len(&b);
	der = mem_new(n);
	if (der == NULL)
		return ERR_NO_MEMORY;
	struct writer w = writer_of(der, n);
	cert_bundle_write(&b, &w);
	enum err e = writer_ok(&w) ? put_sha1(to, writer_bytes_so_far(&w)) : ERR_LIMIT;
	mem_free(der);
	return e;
}

static enum err take_revocation_urls(const struct config_section *s, struct ike_remote_auth *a)
{
	const struct config_value *responder = config_get(s, "ocsp-url");

	if (responder != NULL) {
		a->ocsp_url = mem_text(responder->text);
		if (a->ocsp_url == NULL)
			return ERR_NO_MEMORY;
	}
	if (config_get(s, "crl-url") == NULL)
		return ERR_NONE;
	a->crl_urls = mem_new(CRL_URLS_MAX * sizeof(*a->crl_urls));
	if (a->crl_urls == NULL)
		return ERR_NO_MEMORY;
	/* config_check() has counted them. */
	for (const struct config_value *v = config_get(s, "crl-url"); v != NULL;
	     v = config_get_next(v)) {
		a->crl_urls[a->n_crl_urls] = mem_text(v->text);
		if (a->crl_urls[a->n_crl_urls++] == NULL)
			return ERR_NO_MEMORY;
	}
	return ERR_NONE;
}

/* One of our chains, parsed to be checked, and its key. */
static enum err take_chain(struct building *b, const struct config_section *s,
			   const struct config_value *v, struct ike_connection *c,
			   uint64_t *status_used)
{
	struct certificate *certs[CERTIFICATES_MAX];
	struct ike_credential *to = &c->local_auth.credentials[c->local_auth.n_credentials];
	size_t n = 0;
	const char *reason = "";
	char words[TRUST_REASON_MAX];
	enum err e =
	    certificates_parse(certs, CERTIFICATES_MAX, &n, file_octets(b, v->text), &reason);

	if (e != ERR_NONE)
		return complain(b, v, "certificates in PEM", reason);
	c->local_auth.n_credentials++;
	const struct config_value *key = key_of(b, s, v, certs[0], &to->key_type);
	if (key == NULL)
		e = ERR_SYNTAX;
	else if (key_type_is_kem(to->key_type) && c->kem_auth == IKE_KEM_AUTH_NO)
		e = complain(b, v, "a certificate of a key that signs",
			     "a KEM's is of use with kem-auth = yes or require only");
	else if (!certificate_matches(certs[0], c->local_id, words, sizeof(words)))
		e = complain(b, v, "a certificate for local-id", words);
	else
		e = put_chain(to, certs, n, c->remote_auth.trust);
	if (e == ERR_NONE && c->local_auth.n_credentials == 1)
		e = put_url(to, s);
	if (e == ERR_NONE)
		e = build_status(b, s, to, certs, n, c->remote_auth.trust, status_used);
	if (e == ERR_NONE) {
		to->key = mem_text(key->text);
		e = to->key != NULL ? ERR_NONE : ERR_NO_MEMORY;
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

static enum err add_crls(struct building *b, const struct config_value *v, struct trust *t)
{
	struct crl *crls[CRLS_MAX];
	size_t n = 0;
	const char *reason = "";
	enum err e = crls_parse(crls, CRLS_MAX, &n, file_octets(b, v->text), &reason);

	if (e != ERR_NONE)
		return complain(b, v, "revocation lists in PEM or DER", reason);
	for (size_t i = 0; i < n; i++) {
		enum err e2 = trust_add_crl(t, crls[i], &reason); /* takes it */
		if (e2 != ERR_NONE && e == ERR_NONE)
			e = complain(b, v, "revocation lists of the CAs in ca", reason);
	}
	return e;
}

/* All that a set of CAs depends on, as the key to find it by: the files' octets. NULL: no memory.
 */
static uint8_t *trust_key(const struct building *b, const struct config_section *s, size_t *n)
{
	static const char *const words[] = {"ca", "crl", "ocsp-responder"};
	const size_t n_words = sizeof(words) / sizeof(words[0]);
	size_t cap = n_words;

	for (size_t i = 0; i < n_words; i++)
		for (const struct config_value *v = config_get(s, words[i]); v != NULL;
		     v = config_get_next(v))
			cap += 5 + file_octets(b, v->text).n;
	uint8_t *key = mem_new(cap);
	if (key == NULL)
		return NULL;
	struct writer w = writer_of(key, cap);
	for (size_t i = 0; i < n_words; i++) {
		for (const struct config_value *v = config_get(s, words[i]); v != NULL;
		     v = config_get_next(v)) {
			struct bytes o = file_octets(b, v->text);
			writer_u8(&w, 1);
			writer_u32(&w, (uint32_t)o.n);
			writer_bytes(&w, o);
		}
		writer_u8(&w, 0);
	}
	*n = w.n;
	return key;
}

/* A set from the files that the connection names; NULL with *e set. The caller owns it. */
static struct trust *make_trust(struct building *b, const struct config_section *s, enum err *e)
{
	struct trust *t = trust_new();

	*e = t != NULL ? ERR_NONE : ERR_NO_MEMORY;
	for (const struct config_value *v = config_get(s, "ca"); v != NULL && *e == ERR_NONE;
	     v = config_get_next(v))
		*e = add_cas(b, v, t);
	for (const struct config_value *v = config_get(s, "crl"); v != NULL && *e == ERR_NONE;
	     v = config_get_next(v))
		*e = add_crls(b, v, t);
	if (*e == ERR_NONE)
		*e = build_responders(b, s, t);
	if (*e == ERR_NONE)
		return t;
	trust_free(t);
	return NULL;
}

/* Connections with equal CAs share one set, also across reloads. */
static enum err take_cas(struct building *b, const struct config_section *s,
			 struct ike_connection *c)
{
	size_t n = 0;

	if (config_get(s, "ca") == NULL)
		return ERR_SYNTAX;
	uint8_t *key = trust_key(b, s, &n);
	if (key == NULL)
		return ERR_NO_MEMORY;
	struct memory *m = memory_find(&b->builder->trusts, bytes_of(key, n));
	enum err e = ERR_NONE;
	if (m == NULL) {
		struct trust *t = make_trust(b, s, &e);
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
		c->remote_auth.trust = trust_hold(m->value);
	mem_free(key);
	return e;
}

static enum err take_remote_keys(struct building *b, const struct config_section *s,
				 struct ike_connection *c)
{
	struct ike_remote_auth *a = &c->remote_auth;
	const char *reason = "";

	a->keys = mem_new(IKE_CREDENTIALS_MAX * sizeof(struct public_key *));
	if (a->keys == NULL)
		return ERR_NO_MEMORY;
	for (const struct config_value *v = config_get(s, "remote-pubkey"); v != NULL;
	     v = config_get_next(v)) {
		struct public_key *key = NULL;
		enum err e = public_key_parse(&key, file_octets(b, v->text), &reason);
		if (e != ERR_NONE)
			return complain(b, v, "a public key in PEM", reason);
		a->keys[a->n_keys++] = key;
	}
	return ERR_NONE;
}

/* For auth = pubkey what is sent as certificate is our SubjectPublicKeyInfo (RFC 7670). */
static enum err take_own_spki(struct building *b, const struct config_value *v,
			      struct ike_connection *c)
{
	const struct key_info *info = find_key(b, v);
	struct ike_credential *to = &c->local_auth.credentials[c->local_auth.n_credentials];

	if (info == NULL)
		return ERR_NOT_FOUND;
	if (key_type_is_kem(info->type))
		return complain(b, v, "a key that signs",
				"a KEM's is of use with auth = cert and kem-auth only");
	c->local_auth.n_credentials++;
	uint8_t *copy = mem_copy(info->spki);
	to->key_type = info->type;
	to->key = mem_text(v->text);
	to->certs = mem_new(sizeof(*to->certs));
	if (to->certs == NULL || copy == NULL || to->key == NULL) {
		mem_free(copy);
		return ERR_NO_MEMORY;
	}
	to->certs[to->n_certs++] = bytes_of(copy, info->spki.n);
	return ERR_NONE;
}

enum err build_auth(struct building *b, const struct config_section *s, struct ike_connection *c)
{
	uint64_t status_used = 0;
	const bool by_cert = c->local_auth.kind == IKE_AUTH_BY_CERT;
	enum err all = by_cert ? take_cas(b, s, c) : take_remote_keys(b, s, c);

	if (all == ERR_NONE && by_cert)
		all = take_revocation_urls(s, &c->remote_auth);

	c->local_auth.credentials =
	    mem_new(IKE_CREDENTIALS_MAX * sizeof(*c->local_auth.credentials));
	if (c->local_auth.credentials == NULL)
		return ERR_NO_MEMORY;
	for (const struct config_value *v = config_get(s, "remote-auth-algorithms"); v != NULL;
	     v = config_get_next(v))
		c->remote_auth.key_types |= key_types_by_word(v->text);
	/* config_check() has counted them. */
	for (const struct config_value *v = config_get(s, by_cert ? "cert" : "key"); v != NULL;
	     v = config_get_next(v)) {
		enum err e =
		    by_cert ? take_chain(b, s, v, c, &status_used) : take_own_spki(b, v, c);
		if (all == ERR_NONE)
			all = e;
	}
	return all == ERR_NONE && by_cert ? build_status_used(b, s, status_used) : all;
}
