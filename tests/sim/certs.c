/* Certificates for the peers of scripts, made at run time. */
#include "certs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define UNTIL 4000000000 /* long after the time that jobs of the simulator are told */

static void die(const char *what, const char *why)
{
	fprintf(stderr, "the simulator's certificates cannot be made: %s: %s\n", what, why);
	abort();
}

static struct certificate *certify(const struct sim_ca *by, const struct issue_key *key,
				   const char *name, bool ca)
{
	struct identity *id = NULL;
	struct certificate *cert = NULL;
	const char *why = "";

	if (identity_parse(&id, name, &why))
		die(name, why);
	const struct identity *names[] = {id};
	const struct issue wish = {
	    .issuer = by != NULL ? by->cert : NULL,
	    .issuer_key = by != NULL ? by->key : NULL,
	    .key = key,
	    .subject = name,
	    .names = names,
	    .n_names = ca ? 0 : 1,
	    .ca = ca,
	    .path_len = -1,
	    .not_before = 1000,
	    .not_after = UNTIL,
	};
	if (issue_certificate(&wish, &cert, &why))
		die(name, why);
	identity_free(id);
	return cert;
}

static struct issue_key *make_key(const char *word)
{
	struct issue_key *key = NULL;
	const char *why = "";

	if (issue_key_make(&key, word, &why))
		die(word, why);
	return key;
}

struct sim_ca certs_ca(const char *name, const char *word)
{
	struct sim_ca ca = {.key = make_key(word)};

	ca.cert = certify(NULL, ca.key, name, true);
	return ca;
}

void certs_free(struct sim_ca *ca)
{
	issue_key_free(ca->key);
	certificate_free(ca->cert);
	*ca = (struct sim_ca){0};
}

void certs_trust(struct ike_connection *c, const struct sim_ca *ca)
{
	const char *why = "";

	c->local_auth.kind = c->remote_auth.kind = IKE_AUTH_BY_CERT;
	if (c->remote_auth.trust == NULL)
		c->remote_auth.trust = trust_new();
	if (trust_add_ca(c->remote_auth.trust, ca->cert, &why))
		die("CA", why);
}

static void put_private(struct sim_peer *p, const struct issue_key *key, const char *name,
			enum key_type *type)
{
	struct private_key *private = NULL;
	const char *why = "";
	uint8_t *pem = NULL;
	size_t n = 0;

	if (issue_key_pem(key, &pem, &n) || private_key_parse(&private, bytes_of(pem, n), &why))
		die(name, why);
	mem_free_secret(pem, n);
	*type = private_key_type(private);
	keystore_add_key(p->keys, name, private);
}

void certs_credential(struct sim_peer *p, struct ike_connection *c, const struct sim_ca *ca,
		      const char *word, const char *id, bool wrong)
{
	struct ike_local_auth *a = &c->local_auth;
	struct issue_key *key = make_key(word), *other = wrong ? make_key(word) : NULL;
	char own_id[IDENTITY_TEXT_MAX], name[64];

	struct certificate *cert =
	    certify(ca, key, id != NULL ? id : identity_format(c->local_id, own_id), false);
	if (a->credentials == NULL)
		a->credentials = mem_new(IKE_CREDENTIALS_MAX * sizeof(*a->credentials));
	struct ike_credential *to = &a->credentials[a->n_credentials++];
	snprintf(name, sizeof(name), "%s %zu %s", c->name, a->n_credentials, word);
	to->key = mem_text(name);
	to->certs = mem_new(sizeof(*to->certs));
	const struct bytes der = certificate_der(cert);
	to->certs[to->n_certs++] = bytes_of(mem_copy(der), der.n);
	to->answers = mem_new(CERTIFICATE_SPKI_HASH_LEN);
	memcpy(to->answers, certificate_spki_hash(ca->cert), CERTIFICATE_SPKI_HASH_LEN);
	to->n_answers = 1;
	put_private(p, wrong ? other : key, name, &to->key_type);
	certificate_free(cert);
	issue_key_free(key);
	issue_key_free(other);
}
