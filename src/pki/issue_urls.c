/* Where a new certificate says that its revocation can be looked up. */
#include "pki/issue_private.h"

#include <string.h>
#include <strings.h>

#include "pki/crl_points.h"

/* What we would ask ourselves: http, and of lists https too. */
static bool is_url(const char *url, bool tls)
{
	const size_t n = strlen(url);

	if (n > CRL_POINT_URL_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (url[i] <= ' ' || url[i] > '~')
			return false;
	return (n > 7 && strncasecmp(url, "http://", 7) == 0) ||
	       (tls && n > 8 && strncasecmp(url, "https://", 8) == 0);
}

enum err issue_urls_check(const struct issue *wish, const char **reason)
{
	*reason = "the URL of a revocation list begins with http:// or https://";
	if (wish->crl_url != NULL && !is_url(wish->crl_url, true))
		return ERR_SYNTAX;
	*reason = "the URL of an OCSP responder begins with http://";
	if (wish->ocsp_url != NULL && !is_url(wish->ocsp_url, false))
		return ERR_SYNTAX;
	*reason = "who signs itself is on nobody's revocation list: such URLs are for "
		  "certificates by a CA";
	return wish->issuer == NULL && (wish->crl_url != NULL || wish->ocsp_url != NULL)
		   ? ERR_UNSUPPORTED
		   : ERR_NONE;
}

static GENERAL_NAME *name_of(const char *url)
{
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (s == NULL || name == NULL || ASN1_STRING_set(s, url, -1) != 1) {
		ASN1_IA5STRING_free(s);
		GENERAL_NAME_free(name);
		return NULL;
	}
	GENERAL_NAME_set0_value(name, GEN_URI, s);
	return name;
}

/* RFC 5280 4.2.1.13: one point, for all reasons, of lists by the issuer itself. */
static bool add_crl_url(X509 *x, const char *url)
{
	CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
	DIST_POINT *point = DIST_POINT_new();
	GENERAL_NAME *name = name_of(url);
	bool ok = false;

	if (points == NULL || point == NULL || name == NULL)
		goto done;
	point->distpoint = DIST_POINT_NAME_new();
	if (point->distpoint == NULL)
		goto done;
	point->distpoint->type = 0; /* fullName */
	point->distpoint->name.fullname = GENERAL_NAMES_new();
	if (point->distpoint->name.fullname == NULL ||
	    sk_GENERAL_NAME_push(point->distpoint->name.fullname, name) == 0)
		goto done;
	name = NULL;
	if (sk_DIST_POINT_push(points, point) == 0)
		goto done;
	point = NULL;
	ok = X509_add1_ext_i2d(x, NID_crl_distribution_points, points, 0, X509V3_ADD_DEFAULT) == 1;
done:
	GENERAL_NAME_free(name);
	DIST_POINT_free(point);
	CRL_DIST_POINTS_free(points);
	return ok;
}

/* RFC 5280 4.2.2.1 */
static bool add_ocsp_url(X509 *x, const char *url)
{
	AUTHORITY_INFO_ACCESS *all = AUTHORITY_INFO_ACCESS_new();
	ACCESS_DESCRIPTION *one = ACCESS_DESCRIPTION_new();
	GENERAL_NAME *name = name_of(url);
	bool ok = false;

	if (all == NULL || one == NULL || name == NULL)
		goto done;
	one->method = OBJ_nid2obj(NID_ad_OCSP);
	GENERAL_NAME_free(one->location);
	one->location = name;
	name = NULL;
	if (sk_ACCESS_DESCRIPTION_push(all, one) == 0)
		goto done;
	one = NULL;
	ok = X509_add1_ext_i2d(x, NID_info_access, all, 0, X509V3_ADD_DEFAULT) == 1;
done:
	GENERAL_NAME_free(name);
	ACCESS_DESCRIPTION_free(one);
	AUTHORITY_INFO_ACCESS_free(all);
	return ok;
}

bool issue_urls_add(X509 *x, const struct issue *wish)
{
	return (wish->crl_url == NULL || add_crl_url(x, wish->crl_url)) &&
	       (wish->ocsp_url == NULL || add_ocsp_url(x, wish->ocsp_url));
}
