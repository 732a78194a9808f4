/* Where the revocation lists are that a chain's check did not have: the certificates' CRL
 * distribution points (RFC 5280 4.2.1.13). */
#ifndef POSTERN_PKI_CRL_POINTS_H
#define POSTERN_PKI_CRL_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#define CRL_POINTS_MAX    6 /* one for each certificate of a chain */
#define CRL_POINT_URL_MAX 1024

struct crl_points {
	bool any; /* a list is missing or out of date, whether there is a URL or not */
	size_t n;
	char url[CRL_POINTS_MAX][CRL_POINT_URL_MAX + 1];
};

#endif
