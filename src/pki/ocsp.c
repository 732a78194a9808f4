#include "pki/ocsp.h"

#include <string.h>

#include "base/mem.h"
#include "pki/x509.h"

/* RSA 2048, ECC 224: as in chains. */
#define SECURITY_BITS_MIN 112

struct ocsp {
	OCSP_BASICRESP *basic; /* owned */
	uint8_t *der;          /* owned; the whole answer */
	size_t der_len;
	int64_t this_update; /* the narrowest of all that it says */
	int64_t next_update;
};

/* One of the certificates that it tells of. */
struct single {
	int status; /* V_OCSP_CERTSTATUS_ */
	int64_t this_update;
	int64_t next_update;
};

void ocsp_free(struct ocsp *o)
{
	if (o == NULL)
		return;
	OCSP_BASICRESP_free(o->basic);
	mem_free(o->der);
	mem_free(o);
}

static bool read_single(OCSP_SINGLERESP *s, struct single *out)
{
	ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;

	out->status = OCSP_single_get0_status(s, NULL, NULL, &from, &until);
	if (from == NULL || !x509_seconds(from, &out->this_update))
		return false;
	out->next_update = out->this_update + OCSP_AGE_MAX;
	return until == NULL || x509_seconds(until, &out->next_update);
}

/* RFC 6960 4.4: what is critical must be understood; of these a nonce is. */
static bool has_critical(const struct ocsp *o)
{
	for (int i = -1; (i = OCSP_BASICRESP_get_ext_by_critical(o->basic, 1, i)) >= 0;) {
		X509_EXTENSION *e = OCSP_BASICRESP_get_ext(o->basic, i);

		if (OBJ_obj2nid(X509_EXTENSION_get_object(e)) != NID_id_pkix_OCSP_Nonce)
			return true;
	}
	for (int i = 0; i < OCSP_resp_count(o->basic); i++)
		if (OCSP_SINGLERESP_get_ext_by_critical(OCSP_resp_get0(o->basic, i), 1, -1) >= 0)
			return true;
	return false;
}

static enum err fill(struct ocsp *o, const char **reason)
{
	const int n = OCSP_resp_count(o->basic);
	struct single s;

	*reason = "an OCSP response tells of no certificate";
	if (n <= 0)
		return ERR_SYNTAX;
	*reason = "an OCSP response has a malformed time";
	for (int i = 0; i < n; i++) {
		if (!read_single(OCSP_resp_get0(o->basic, i), &s))
			return ERR_SYNTAX;
		if (i == 0 || s.this_update > o->this_update)
			o->this_update = s.this_update;
		if (i == 0 || s.next_update < o->next_update)
			o->next_update = s.next_update;
	}
	*reason = "an OCSP response is signed with SHA-1 or another algorithm that is not taken";
	if (!x509_signature_is_strong(OCSP_resp_get0_tbs_sigalg(o->basic)))
		return ERR_UNSUPPORTED;
	*reason = "an OCSP response has a critical extension that is unknown here";
	return has_critical(o) ? ERR_UNSUPPORTED : ERR_NONE;
}

/* RFC 6960 2.3 */
static const char *refusal(int status)
{
	switch (status) {
	case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST:
		return "the OCSP responder has not understood the question";
	case OCSP_RESPONSE_STATUS_INTERNALERROR:
		return "the OCSP responder has an error of its own";
	case OCSP_RESPONSE_STATUS_TRYLATER:
		return "the OCSP responder wants to be asked later";
	case OCSP_RESPONSE_STATUS_SIGREQUIRED:
		return "the OCSP responder wants a signed question";
	case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
		return "the OCSP responder does not answer for this CA";
	default:
		return "the OCSP responder has not answered";
	}
}

static enum err decode(struct ocsp *o, const char **reason)
{
	const unsigned char *p = o->der;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)o->der_len);
	enum err e = ERR_SYNTAX;

	*reason = "an OCSP response is no such in DER";
	if (r == NULL || p != o->der + o->der_len)
		goto done;
	e = ERR_UNSUPPORTED;
	*reason = refusal(OCSP_response_status(r));
	if (OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		goto done;
	e = ERR_SYNTAX;
	*reason = "an OCSP response is of no basic type, or malformed";
	o->basic = OCSP_response_get1_basic(r);
	if (o->basic != NULL)
		e = fill(o, reason);
done:
	OCSP_RESPONSE_free(r);
	ERR_clear_error();
	return e;
}

enum err ocsp_parse(struct ocsp **out, struct bytes der, const char **reason)
{
	struct ocsp *o;
	enum err e;

	*out = NULL;
	if (der.n == 0 || der.n > OCSP_MAX) {
		*reason = "an OCSP response is empty or longer than 64 KiB";
		return ERR_RANGE;
	}
	o = mem_new(sizeof(*o));
	if (o != NULL)
		o->der = mem_copy(der);
	if (o == NULL || o->der == NULL) {
		ocsp_free(o);
		*reason = "out of memory";
		return ERR_NO_MEMORY;
	}
	o->der_len = der.n;
	e = decode(o, reason);
	if (e != ERR_NONE) {
		ocsp_free(o);
		return e;
	}
	*out = o;
	return ERR_NONE;
}

struct bytes ocsp_der(const struct ocsp *o)
{
	return bytes_of(o->der, o->der_len);
}

int64_t ocsp_this_update(const struct ocsp *o)
{
	return o->this_update;
}

int64_t ocsp_next_update(const struct ocsp *o)
{
	return o->next_update;
}

/* Issuer's name and key are hashed by what the answer says; SHA-1 does here, where it only names
 * (RFC 6960 4.3). issuer may be NULL. */
static bool is_about(OCSP_SINGLERESP *s, X509 *cert, X509 *issuer)
{
	const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(s);
	ASN1_INTEGER *serial = NULL;
	ASN1_OBJECT *hash = NULL;
	OCSP_CERTID *ours;
	bool same;

	if (OCSP_id_get0_info(NULL, &hash, NULL, &serial, (OCSP_CERTID *)(uintptr_t)id) != 1 ||
	    ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(cert)) != 0)
		return false;
	if (issuer == NULL)
		return true;
	switch (OBJ_obj2nid(hash)) {
	case NID_sha1:
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
		break;
	default:
		return false;
	}
	ours = OCSP_cert_to_id(EVP_get_digestbyobj(hash), cert, issuer);
	same = ours != NULL && OCSP_id_cmp(id, ours) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

bool ocsp_names(const struct ocsp *o, const struct ocsp_asked *a)
{
	for (int i = 0; i < OCSP_resp_count(o->basic); i++)
		if (is_about(OCSP_resp_get0(o->basic, i), a->cert, a->issuer))
			return true;
	return false;
}

bool ocsp_is_about(const struct ocsp *o, const struct certificate *cert,
		   const struct certificate *issuer)
{
	return ocsp_names(o, &(struct ocsp_asked){.cert = cert->x509,
						  .issuer = issuer != NULL ? issuer->x509 : NULL});
}

/* Whom the issuer has let answer, it may take back (RFC 6960 4.2.2.2.1). */
static bool is_taken_back(X509 *signer, const struct ocsp_asked *a)
{
	for (size_t i = 0; i < a->n_lists; i++) {
		X509_CRL *list = a->lists[i]->crl;
		X509_REVOKED *entry = NULL;

		if (X509_CRL_get0_by_cert(list, &entry, signer) == 1 &&
		    X509_CRL_verify(list, X509_get0_pubkey(a->issuer)) == 1)
			return true;
	}
	return false;
}

static bool is_in_its_time(X509 *x, int64_t now)
{
	int64_t from, until;

	return x509_seconds(X509_get0_notBefore(x), &from) &&
	       x509_seconds(X509_get0_notAfter(x), &until) && from <= now + OCSP_SLACK &&
	       now <= until;
}

static bool is_strong(X509 *signer)
{
	const X509_ALGOR *algorithm;
	EVP_PKEY *key = X509_get0_pubkey(signer);

	X509_get0_signature(NULL, &algorithm, signer);
	return key != NULL && EVP_PKEY_get_security_bits(key) >= SECURITY_BITS_MIN &&
	       x509_signature_is_strong(algorithm);
}

/* The issuer alone is believed here, at this time; whatever is above it does not matter. */
static X509_STORE *store_of(X509 *issuer, int64_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param;

	if (store == NULL || X509_STORE_add_cert(store, issuer) != 1) {
		X509_STORE_free(store);
		return NULL;
	}
	param = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	/* A delegate is certified by the issuer itself: nobody stands between (RFC 6960
	 * 4.2.2.2). */
	X509_VERIFY_PARAM_set_depth(param, 0);
	return store;
}

static bool signed_for_issuer(const struct ocsp *o, const struct ocsp_asked *a)
{
	X509_STORE *store = store_of(a->issuer, a->terms.now);
	STACK_OF(X509) *known = sk_X509_new_null();
	X509 *signer = NULL;
	bool ok =
	    store != NULL && known != NULL && sk_X509_push(known, a->issuer) > 0 &&
	    OCSP_basic_verify(o->basic, known, store, OCSP_PARTIAL_CHAIN | OCSP_NOEXPLICIT) == 1 &&
	    OCSP_resp_get0_signer(o->basic, &signer, known) == 1;

	/* The issuer's own certificate has been judged with the chain. */
	if (ok && X509_cmp(signer, a->issuer) != 0)
		ok = is_strong(signer) && !is_taken_back(signer, a);
	sk_X509_free(known);
	X509_STORE_free(store);
	return ok;
}

static bool signed_by_configured(const struct ocsp *o, const struct ocsp_terms *terms)
{
	STACK_OF(X509) *known = sk_X509_new_null();
	X509 *signer = NULL;
	bool ok = known != NULL;

	for (size_t i = 0; ok && i < terms->n_responders; i++)
		ok = !is_in_its_time(terms->responders[i]->x509, terms->now) ||
		     sk_X509_push(known, terms->responders[i]->x509) > 0;
	/* With OCSP_NOINTERN and OCSP_TRUSTOTHER, known is all that is looked at, and believed. */
	ok = ok && OCSP_basic_verify(o->basic, known, NULL, OCSP_NOINTERN | OCSP_TRUSTOTHER) == 1 &&
	     OCSP_resp_get0_signer(o->basic, &signer, known) == 1;
	sk_X509_free(known);
	return ok;
}

/* A nonce that comes back must be ours. Many responders answer from what they made in advance, and
 * leave it out (RFC 9654 3.2): then its time is what counts. */
static bool answers_request(const struct ocsp *o, struct bytes request)
{
	const unsigned char *p = request.p;
	OCSP_REQUEST *asked;
	bool ok;

	if (request.n == 0)
		return true;
	asked = d2i_OCSP_REQUEST(NULL, &p, (long)request.n);
	ok = asked != NULL && OCSP_check_nonce(asked, o->basic) != 0;
	OCSP_REQUEST_free(asked);
	return ok;
}

/* Of what it says of the certificate: revoked before good before nothing. */
static enum ocsp_answer weigh(const struct ocsp *o, const struct ocsp_asked *a, const char **reason)
{
	const int64_t now = a->terms.now;
	enum ocsp_answer answer = OCSP_SILENT;
	struct single s;

	for (int i = 0; i < OCSP_resp_count(o->basic); i++) {
		OCSP_SINGLERESP *one = OCSP_resp_get0(o->basic, i);

		if (!is_about(one, a->cert, a->issuer) || !read_single(one, &s))
			continue;
		if (s.status == V_OCSP_CERTSTATUS_REVOKED)
			return OCSP_REVOKED;
		if (s.status != V_OCSP_CERTSTATUS_GOOD)
			*reason = "the OCSP responder does not know the certificate";
		else if (s.this_update > now + OCSP_SLACK)
			*reason = "the OCSP response is not valid yet";
		else if (s.next_update < now - OCSP_SLACK)
			*reason = "the OCSP response is out of date";
		else
			answer = OCSP_GOOD;
	}
	return answer;
}

enum ocsp_answer ocsp_judge(const struct ocsp *o, const struct ocsp_asked *a, const char **reason)
{
	enum ocsp_answer answer;

	*reason = "the OCSP response is about another certificate";
	answer = weigh(o, a, reason);
	if (answer != OCSP_SILENT && !signed_for_issuer(o, a) &&
	    !signed_by_configured(o, &a->terms)) {
		*reason = "the OCSP response is signed by nobody who may answer for the CA";
		answer = OCSP_SILENT;
	} else if (answer != OCSP_SILENT && !answers_request(o, a->terms.request)) {
		*reason = "the OCSP response answers another question: its nonce is not ours";
		answer = OCSP_SILENT;
	}
	ERR_clear_error();
	return answer;
}

enum ocsp_answer ocsp_says(const struct ocsp *o, const struct certificate *cert,
			   const struct certificate *issuer, const struct ocsp_terms *terms,
			   const char **reason)
{
	const struct ocsp_asked a = {.cert = cert->x509, .issuer = issuer->x509, .terms = *terms};

	return ocsp_judge(o, &a, reason);
}
