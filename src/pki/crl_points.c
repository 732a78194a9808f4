#include "pki/crl_points.h"

#include <string.h>

#include "pki/revocation.h"

/* A URL for HTTP that is not too long and holds nothing odd (a NUL in it, a line's end). */
static bool is_http(const ASN1_STRING *s)
{
	const char *p = (const char *)ASN1_STRING_get0_data(s);
	const int n = ASN1_STRING_length(s);

	if (n < 8 || n > CRL_POINT_URL_MAX ||
	    (strncasecmp(p, "http://", 7) != 0 && strncasecmp(p, "https://", 8) != 0))
		return false;
	for (int i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	return true;
}

static void add(struct crl_points *to, const ASN1_STRING *s)
{
	const size_t n = (size_t)ASN1_STRING_length(s);
	char *url = to->url[to->n];

	memcpy(url, ASN1_STRING_get0_data(s), n);
	url[n] = '\0';
	for (size_t i = 0; i < to->n; i++)
		if (strcmp(to->url[i], url) == 0)
			return;
	to->n++;
}

/* The first URL of a point for all reasons and of the certificate's issuer: lists of some reasons
 * and indirect ones are not taken (pki/crl.h). */
static const ASN1_STRING *url_of(const DIST_POINT *point)
{
	if (point->reasons != NULL || point->CRLissuer != NULL || point->distpoint == NULL ||
	    point->distpoint->type != 0)
		return NULL;
	for (int i = 0; i < sk_GENERAL_NAME_num(point->distpoint->name.fullname); i++) {
		const GENERAL_NAME *name =
		    sk_GENERAL_NAME_value(point->distpoint->name.fullname, i);
		if (name->type == GEN_URI && is_http(name->d.uniformResourceIdentifier))
			return name->d.uniformResourceIdentifier;
	}
	return NULL;
}

void crl_points_note(struct crl_points *to, X509 *cert)
{
	STACK_OF(DIST_POINT) *points =
	    X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	const ASN1_STRING *url = NULL;

	to->any = true;
	for (int i = 0; i < sk_DIST_POINT_num(points) && url == NULL; i++)
		url = url_of(sk_DIST_POINT_value(points, i));
	if (url != NULL && to->n < CRL_POINTS_MAX)
		add(to, url);
	sk_DIST_POINT_pop_free(points, DIST_POINT_free);
}
