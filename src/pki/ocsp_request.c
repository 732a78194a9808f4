/* Questions to OCSP responders, and where those are. */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "pki/revocation.h"
#include "pki/x509.h"

static OCSP_REQUEST *make(X509 *cert, X509 *issuer, bool nonce)
{
	/* The hash that every responder knows; it names the issuer and proves nothing. */
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
	OCSP_REQUEST *r = OCSP_REQUEST_new();

	if (id == NULL || r == NULL || OCSP_request_add0_id(r, id) == NULL) {
		OCSP_CERTID_free(id);
		OCSP_REQUEST_free(r);
		return NULL;
	}
	/* RFC 9654 2.1: 32 octets. */
	if (!nonce || OCSP_request_add1_nonce(r, NULL, 32) == 1)
		return r;
	OCSP_REQUEST_free(r);
	return NULL;
}

enum err ocsp_request(const struct certificate *cert, const struct certificate *issuer,
		      uint8_t **der, size_t *n)
{
	OCSP_REQUEST *r = make(cert->x509, issuer->x509, true);
	unsigned char *octets = NULL;
	int len = r != NULL ? i2d_OCSP_REQUEST(r, &octets) : -1;

	*n = 0;
	*der = len > 0 ? mem_copy(bytes_of(octets, (size_t)len)) : NULL;
	if (*der != NULL)
		*n = (size_t)len;
	OPENSSL_free(octets);
	OCSP_REQUEST_free(r);
	ERR_clear_error();
	return *der != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

/* A text for a URL: printable ASCII alone. */
static bool copy_url(const ASN1_STRING *s, char *url, size_t cap)
{
	const size_t n = (size_t)ASN1_STRING_length(s);
	const unsigned char *p = ASN1_STRING_get0_data(s);

	if (n == 0 || n >= cap)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	memcpy(url, p, n);
	url[n] = '\0';
	return true;
}

static bool url_of(X509 *cert, size_t i, char *url, size_t cap)
{
	AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
	bool found = false;

	for (int k = 0; k < sk_ACCESS_DESCRIPTION_num(all) && !found; k++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(all, k);

		if (OBJ_obj2nid(d->method) != NID_ad_OCSP || d->location->type != GEN_URI)
			continue;
		if (copy_url(d->location->d.uniformResourceIdentifier, url, cap) &&
		    strncasecmp(url, "http://", 7) == 0 && i-- == 0)
			found = true;
	}
	AUTHORITY_INFO_ACCESS_free(all);
	ERR_clear_error();
	return found;
}

bool ocsp_url(const struct certificate *cert, size_t i, char *url, size_t cap)
{
	return url_of(cert->x509, i, url, cap);
}

void ocsp_questions_note(struct ocsp_questions *to, X509 *cert, X509 *issuer)
{
	struct ocsp_question *q = &to->q[to->n];

	if (to->n == OCSP_QUESTIONS_MAX)
		return;
	OCSP_REQUEST *r = make(cert, issuer, false);
	unsigned char *p = q->der;
	const int n = r != NULL ? i2d_OCSP_REQUEST(r, NULL) : -1;

	if (n > 0 && n <= OCSP_QUESTION_MAX && i2d_OCSP_REQUEST(r, &p) == n) {
		q->der_len = (size_t)n;
		if (!url_of(cert, 0, q->url, sizeof(q->url)))
			q->url[0] = '\0';
		to->n++;
	}
	OCSP_REQUEST_free(r);
	ERR_clear_error();
}
