#include "pki/crl.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/composite_ready.h"
#include "pki/names.h"
#include "pki/x509.h"

/* PEM is a third longer than DER. */
#define FILE_TEXT_MAX (2 * (size_t)CRL_MAX)

void crl_free(struct crl *c)
{
	if (c == NULL)
		return;
	X509_CRL_free(c->crl);
	mem_free(c->issuer);
	mem_free(c);
}

static bool hash_is_strong(int nid)
{
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512 || nid == NID_sha3_256 ||
	       nid == NID_sha3_384 || nid == NID_sha3_512;
}

/* The hash stands in the parameters; without them it is SHA-1 (RFC 8017 A.2.3). */
static bool pss_is_strong(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid;
	const void *value;
	RSA_PSS_PARAMS *params;
	int type;
	bool strong;

	X509_ALGOR_get0(&oid, &type, &value, algorithm);
	if (type != V_ASN1_SEQUENCE)
		return false;
	params = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	strong = params != NULL && params->hashAlgorithm != NULL;
	if (strong) {
		X509_ALGOR_get0(&oid, NULL, NULL, params->hashAlgorithm);
		strong = hash_is_strong(OBJ_obj2nid(oid));
	}
	RSA_PSS_PARAMS_free(params);
	return strong;
}

bool x509_signature_is_strong(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid;
	int hash = NID_undef, key = NID_undef, nid;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	nid = OBJ_obj2nid(oid);
	if (nid == NID_rsassaPss)
		return pss_is_strong(algorithm);
	if (OBJ_find_sigid_algs(nid, &hash, &key) != 1)
		return false;
	/* Those without a hash of their own: EdDSA, ML-DSA, SLH-DSA. */
	return hash == NID_undef ? key != NID_undef : hash_is_strong(hash);
}

/* SHA-1 and older are out, as in chains. */
static bool is_strong(const X509_CRL *crl)
{
	const X509_ALGOR *algorithm;

	X509_CRL_get0_signature(crl, NULL, &algorithm);
	return x509_signature_is_strong(algorithm);
}

/* A list that says how far it goes; what is not spelled out here the library judges. */
static bool is_indirect(const X509_CRL *crl)
{
	ISSUING_DIST_POINT *point =
	    X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
	bool indirect = point != NULL && point->indirectCRL > 0;

	ISSUING_DIST_POINT_free(point);
	return indirect;
}

static enum err fill(struct crl *c, const char **reason)
{
	char text[IDENTITY_TEXT_MAX];
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(c->crl);

	/* RFC 5280 5.1.2.5: nextUpdate is always there. */
	*reason = "its thisUpdate or nextUpdate is missing or malformed";
	if (next == NULL || !x509_seconds(next, &c->next_update) ||
	    !x509_seconds(X509_CRL_get0_lastUpdate(c->crl), &c->this_update))
		return ERR_SYNTAX;
	*reason = "it is signed with SHA-1 or another algorithm that is not taken";
	if (!is_strong(c->crl))
		return ERR_UNSUPPORTED;
	*reason = "it holds changes of another list alone, and such are not taken";
	if (X509_CRL_get_ext_by_NID(c->crl, NID_delta_crl, -1) >= 0)
		return ERR_UNSUPPORTED;
	*reason = "it revokes certificates of other issuers, and such are not taken";
	if (is_indirect(c->crl))
		return ERR_UNSUPPORTED;
	c->issuer = mem_text(name_format(X509_CRL_get_issuer(c->crl), text, sizeof(text)));
	*reason = "out of memory";
	return c->issuer != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

enum err crl_parse(struct crl **out, struct bytes der, const char **reason)
{
	const unsigned char *p = der.p;
	struct crl *c;
	enum err e;

	composite_ready();
	*out = NULL;
	if (der.n == 0 || der.n > CRL_MAX) {
		*reason = "it is empty or longer than 64 MiB";
		return ERR_RANGE;
	}
	c = mem_new(sizeof(*c));
	if (c == NULL) {
		*reason = "out of memory";
		return ERR_NO_MEMORY;
	}
	c->crl = d2i_X509_CRL(NULL, &p, (long)der.n);
	c->octets = der.n;
	if (c->crl == NULL || p != der.p + der.n) {
		*reason = "it is no revocation list in DER";
		e = ERR_SYNTAX;
	} else {
		e = fill(c, reason);
	}
	ERR_clear_error();
	if (e != ERR_NONE) {
		crl_free(c);
		return e;
	}
	*out = c;
	return ERR_NONE;
}

static enum err parse_pem(struct crl **out, size_t max, size_t *n, BIO *in, const char **reason)
{
	enum err e = ERR_NONE;
	unsigned char *der;
	char *name, *header;
	long len;

	while (e == ERR_NONE && PEM_read_bio(in, &name, &header, &der, &len) == 1) {
		if (strcmp(name, PEM_STRING_X509_CRL) == 0 && *n == max) {
			*reason = "it holds too many revocation lists";
			e = ERR_LIMIT;
		} else if (strcmp(name, PEM_STRING_X509_CRL) == 0) {
			e = crl_parse(&out[*n], bytes_of(der, (size_t)len), reason);
			*n += e == ERR_NONE;
			ERR_clear_error();
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	if (e == ERR_NONE && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		*reason = "a revocation list in it is damaged";
		e = ERR_SYNTAX;
	}
	if (e == ERR_NONE && *n == 0) {
		*reason = "it holds no revocation list in DER or PEM";
		e = ERR_SYNTAX;
	}
	ERR_clear_error();
	return e;
}

enum err crls_parse(struct crl **out, size_t max, size_t *n, struct bytes text, const char **reason)
{
	BIO *in;
	enum err e;

	*n = 0;
	if (text.n == 0 || text.n > FILE_TEXT_MAX || max == 0) {
		*reason = "it is empty or too long";
		return ERR_RANGE;
	}
	if (text.p[0] == 0x30) { /* SEQUENCE */
		e = crl_parse(&out[0], text, reason);
		*n = e == ERR_NONE;
		return e;
	}
	in = BIO_new_mem_buf(text.p, (int)text.n);
	if (in == NULL) {
		*reason = "out of memory";
		return ERR_NO_MEMORY;
	}
	ERR_clear_error();
	e = parse_pem(out, max, n, in, reason);
	BIO_free(in);
	if (e == ERR_NONE)
		return ERR_NONE;
	while (*n > 0)
		crl_free(out[--*n]);
	return e;
}

const char *crl_issuer(const struct crl *c)
{
	return c->issuer;
}

int64_t crl_this_update(const struct crl *c)
{
	return c->this_update;
}

int64_t crl_next_update(const struct crl *c)
{
	return c->next_update;
}

size_t crl_octets(const struct crl *c)
{
	return c->octets;
}

enum err crl_der(const struct crl *c, uint8_t **der, size_t *n)
{
	unsigned char *octets = NULL;
	int len = i2d_X509_CRL(c->crl, &octets);

	*der = len > 0 ? mem_copy(bytes_of(octets, (size_t)len)) : NULL;
	*n = *der != NULL ? (size_t)len : 0;
	OPENSSL_free(octets);
	return *der != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

size_t crl_count(const struct crl *c)
{
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(c->crl);
	int n = entries != NULL ? sk_X509_REVOKED_num(entries) : 0;

	return n > 0 ? (size_t)n : 0;
}

bool crl_is_of(const struct crl *c, const struct certificate *ca)
{
	return X509_NAME_cmp(X509_CRL_get_issuer(c->crl), X509_get_subject_name(ca->x509)) == 0;
}

bool crl_is_signed_by(const struct crl *c, const struct certificate *ca)
{
	EVP_PKEY *key = X509_get0_pubkey(ca->x509);
	bool yes = key != NULL && X509_CRL_verify(c->crl, key) == 1;

	ERR_clear_error();
	return yes;
}
