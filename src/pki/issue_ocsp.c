#include "base/mem.h"
#include "pki/issue.h"
#include "pki/issue_private.h"
#include "pki/x509.h"

static bool add_status(OCSP_BASICRESP *b, const struct issue_ocsp *wish)
{
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)wish->this_update);
	ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)wish->next_update);
	ASN1_TIME *at = wish->revoked ? ASN1_TIME_set(NULL, (time_t)wish->revoked_at) : NULL;
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), wish->certificate->x509, wish->issuer->x509);
	bool ok = from != NULL && until != NULL && id != NULL && (at != NULL || !wish->revoked) &&
		  OCSP_basic_add1_status(
		      b, id, wish->revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD,
		      wish->reason != 0 ? wish->reason : OCSP_REVOKED_STATUS_NOSTATUS, at, from,
		      until) != NULL;

	OCSP_CERTID_free(id);
	ASN1_TIME_free(at);
	ASN1_TIME_free(until);
	ASN1_TIME_free(from);
	return ok;
}

static bool write_response(OCSP_BASICRESP *b, uint8_t **der, size_t *n)
{
	OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
	unsigned char *octets = NULL;
	int len = r != NULL ? i2d_OCSP_RESPONSE(r, &octets) : -1;

	*der = len > 0 ? mem_copy(bytes_of(octets, (size_t)len)) : NULL;
	*n = *der != NULL ? (size_t)len : 0;
	OPENSSL_free(octets);
	OCSP_RESPONSE_free(r);
	return *der != NULL;
}

enum err issue_ocsp(const struct issue_ocsp *wish, uint8_t **der, size_t *n, const char **reason)
{
	const struct issue_key *key = wish->issuer_key;
	OCSP_BASICRESP *b;
	enum err e = ERR_CRYPTO;

	*der = NULL;
	*n = 0;
	*reason = "the OCSP response cannot be signed";
	if (!issue_key_is_for_signing(key) || !key->private)
		return ERR_UNSUPPORTED;
	if (!certificate_issued(wish->issuer, wish->certificate)) {
		*reason = "this CA has not issued the certificate";
		return ERR_AUTH;
	}
	if (wish->next_update <= wish->this_update) {
		*reason = "the OCSP response would end before it begins";
		return ERR_RANGE;
	}
	b = OCSP_BASICRESP_new();
	/* The CA signs it itself, and everybody has its certificate. */
	if (b != NULL && add_status(b, wish) &&
	    OCSP_basic_sign(b, wish->issuer->x509, key->pkey, issue_key_digest(key), NULL,
			    OCSP_NOCERTS | OCSP_RESPID_KEY) == 1 &&
	    write_response(b, der, n))
		e = ERR_NONE;
	OCSP_BASICRESP_free(b);
	ERR_clear_error();
	return e;
}
