#include "ike/credential.h"

#include <string.h>

#include "base/ikev2_numbers.h"
#include "crypto/kem.h"

static bool answers(const struct ike_credential *c, const uint8_t *hash)
{
	for (size_t i = 0; i < c->n_answers; i++)
		if (memcmp(c->answers + i * CERTREQ_HASH_LEN, hash, CERTREQ_HASH_LEN) == 0)
			return true;
	return false;
}

/* By a CA that the peer asked for, or it did not say which. */
static bool asked_for(const struct ike_credential *c, const struct credential_hints *h)
{
	for (size_t i = 0; i < h->n_cas; i++)
		if (answers(c, h->cas + i * CERTREQ_HASH_LEN))
			return true;
	return h->n_cas == 0 || h->more_cas;
}

/* RFC 9593 3.2: linked to one CA of the CERTREQs, counted from 1. What does not point into them
 * links to nothing that we have. */
static bool link_holds(const struct ike_credential *c, const struct credential_hints *h,
		       uint8_t cert_link)
{
	return cert_link == 0 ||
	       (cert_link <= h->n_cas && answers(c, h->cas + (cert_link - 1) * CERTREQ_HASH_LEN));
}

/* The old methods only where no hashes were announced, method 14 only with one that was (RFC
 * 7427 3). */
static bool hash_fits(const struct signature_scheme *s, uint32_t hashes, bool allow_weak)
{
	if (s->weak && !allow_weak)
		return false;
	if (s->auth_method != AUTH_DIGITAL_SIGNATURE)
		return hashes == 0;
	return (hashes >> s->hash & 1) != 0;
}

static const struct signature_scheme *scheme_for(const struct ike_credential *c,
						 const struct credential_hints *h, bool obey,
						 bool allow_weak)
{
	if (!obey)
		return signature_choose(c->key_type, h->hashes, allow_weak);
	for (size_t i = 0; i < h->n_methods; i++) {
		const struct signature_scheme *s = h->methods[i].scheme;

		if (signature_fits(s, c->key_type) && hash_fits(s, h->hashes, allow_weak) &&
		    link_holds(c, h, h->methods[i].cert_link))
			return s;
	}
	return NULL;
}

/* How good a credential is, when it can be used: CAs first, then the family. */
static int rank(const struct ike_credential *c, const struct credential_hints *h)
{
	const bool late = !h->announced && key_type_is_pq(c->key_type);

	return (asked_for(c, h) ? 2 : 0) + (late ? 0 : 1);
}

static const struct ike_credential *best(const struct ike_local_auth *a,
					 const struct credential_hints *h, bool obey,
					 bool allow_weak, const struct signature_scheme **scheme)
{
	const struct ike_credential *found = NULL;
	int found_rank = -1;

	for (size_t i = 0; i < a->n_credentials; i++) {
		const struct ike_credential *c = &a->credentials[i];
		const struct signature_scheme *s = scheme_for(c, h, obey, allow_weak);

		if (s == NULL || rank(c, h) <= found_rank)
			continue;
		found = c;
		found_rank = rank(c, h);
		*scheme = s;
	}
	return found;
}

const struct ike_credential *credential_choose(const struct ike_local_auth *a,
					       const struct credential_hints *h, bool allow_weak,
					       const struct signature_scheme **scheme,
					       bool *passed_over)
{
	const struct ike_credential *c = NULL;

	*scheme = NULL;
	*passed_over = false;
	if (h->announced)
		c = best(a, h, true, allow_weak, scheme);
	if (c == NULL) {
		c = best(a, h, false, allow_weak, scheme);
		*passed_over = c != NULL && h->announced;
	}
	return c;
}

static bool kem_announced(const struct ike_credential *c, const struct credential_hints *h)
{
	for (size_t i = 0; i < h->n_kems; i++)
		if (h->kems[i].type == c->key_type && link_holds(c, h, h->kems[i].cert_link))
			return true;
	return false;
}

const struct ike_credential *credential_choose_kem(const struct ike_local_auth *a,
						   const struct credential_hints *h)
{
	const struct ike_credential *found = NULL;

	for (size_t i = 0; i < a->n_credentials; i++) {
		const struct ike_credential *c = &a->credentials[i];

		if (kem_announced(c, h) &&
		    (found == NULL || (asked_for(c, h) && !asked_for(found, h))))
			found = c;
	}
	return found;
}

/* draft-wang-ipsecme-kem-auth-ikev2: as for a signature, with the identifier of a KEM's key. The
 * same KEM twice is kept once. */
static void note_kem(struct credential_hints *h, struct bytes body)
{
	struct reader r = reader_of(body);
	const uint8_t method = reader_u8(&r);
	const uint8_t cert_link = reader_u8(&r);
	const enum key_type type = kem_identify(reader_rest(&r));

	if (!reader_ok(&r) || method != AUTH_KEM || type == KEY_NONE)
		return;
	for (size_t i = 0; i < h->n_kems; i++)
		if (h->kems[i].type == type)
			return;
	h->kems[h->n_kems++] = (struct hint_kem){type, cert_link};
}

/* One announcement, after its length. */
static const struct signature_scheme *announced(struct bytes body, uint8_t *cert_link)
{
	struct reader r = reader_of(body);
	const uint8_t method = reader_u8(&r);
	struct bytes rest;
	size_t n;
	const struct signature_scheme *all = signature_schemes(&n);

	/* Others, such as a shared key, say nothing of credentials. */
	*cert_link = reader_u8(&r);
	rest = reader_rest(&r);
	if (!reader_ok(&r))
		return NULL;
	if (method == AUTH_DIGITAL_SIGNATURE)
		return signature_identify(rest);
	for (size_t i = 0; i < n; i++)
		if (all[i].auth_method == method && rest.n == 0)
			return &all[i];
	return NULL;
}

void credential_note_methods(struct credential_hints *h, struct bytes data)
{
	struct reader r = reader_of(data);

	h->n_methods = 0;
	h->n_kems = 0;
	h->announced = false;
	h->promised = data.n == 0;
	while (reader_left(&r) > 0) {
		struct hint_method m;
		const uint8_t len = reader_u8(&r);
		struct bytes body = reader_take(&r, len != 0 ? len - 1U : 0);

		if (!reader_ok(&r) || body.n == 0)
			break;
		h->announced = true;
		m.scheme = announced(body, &m.cert_link);
		if (m.scheme != NULL && h->n_methods < HINT_METHODS_MAX)
			h->methods[h->n_methods++] = m;
		note_kem(h, body);
	}
}

void credential_note_certreq(struct credential_hints *h, struct bytes body)
{
	struct certreq_part part;

	if (certreq_parse(body, &part, NULL) || part.encoding != CERT_X509_SIGNATURE)
		return;
	for (size_t i = 0; i < certreq_hashes(&part); i++) {
		if (h->n_cas == HINT_CAS_MAX) {
			h->more_cas = true;
			return;
		}
		memcpy(h->cas + h->n_cas++ * CERTREQ_HASH_LEN, certreq_hash(&part, i).p,
		       CERTREQ_HASH_LEN);
	}
}
