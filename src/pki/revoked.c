#include "pki/revoked.h"

#include <stdio.h>
#include <string.h>

#include "pki/x509.h"

static bool name_hash(const X509_NAME *name, uint8_t hash[CERTIFICATE_FINGERPRINT_LEN])
{
	unsigned n = 0;

	return X509_NAME_digest(name, EVP_sha256(), hash, &n) == 1 &&
	       n == CERTIFICATE_FINGERPRINT_LEN;
}

static void id_of(const struct certificate *c, struct certificate_id *id)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x509);
	const int n = ASN1_STRING_length(serial);

	*id = (struct certificate_id){.serial_len = 0};
	if (n <= 0 || n > CERTIFICATE_SERIAL_MAX ||
	    ASN1_STRING_type(serial) != V_ASN1_INTEGER || /* it is negative */
	    !name_hash(X509_get_issuer_name(c->x509), id->issuer))
		return;
	memcpy(id->serial, ASN1_STRING_get0_data(serial), (size_t)n);
	id->serial_len = (uint8_t)n;
}

size_t certificate_path_ids(const struct certificate *const *certs, size_t n,
			    struct certificate_id out[CHAIN_DEPTH_MAX])
{
	const struct certificate *c = n == 0 ? NULL : certs[0];
	size_t n_out = 0;

	while (c != NULL && n_out < CHAIN_DEPTH_MAX) {
		const struct certificate *above = NULL;
		id_of(c, &out[n_out++]);
		for (size_t i = 1; i < n && above == NULL; i++)
			if (certs[i] != c && certificate_issued(certs[i], c))
				above = certs[i];
		c = above;
	}
	ERR_clear_error();
	return n_out;
}

/* removeFromCRL stands in lists of changes alone, and those are not taken. */
static bool is_listed(const struct crl *list, const struct certificate_id *id)
{
	uint8_t issuer[CERTIFICATE_FINGERPRINT_LEN];
	X509_REVOKED *entry;
	ASN1_INTEGER *serial;
	bool found;

	if (id->serial_len == 0 || !name_hash(X509_CRL_get_issuer(list->crl), issuer) ||
	    memcmp(issuer, id->issuer, sizeof(issuer)) != 0)
		return false;
	serial = ASN1_INTEGER_new();
	found = serial != NULL && ASN1_STRING_set(serial, id->serial, id->serial_len) == 1 &&
		X509_CRL_get0_by_serial(list->crl, &entry, serial) == 1;
	ASN1_INTEGER_free(serial);
	return found;
}

bool trust_revokes(const struct trust *t, const struct certificate_id *ids, size_t n, char *reason,
		   size_t cap)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < trust_crl_count(t); k++) {
			if (!is_listed(trust_crl(t, k), &ids[i]))
				continue;
			(void)snprintf(reason, cap, "%s has been revoked: it is on the list of %s",
				       i == 0 ? "the peer's certificate"
					      : "the certificate of a CA above the peer",
				       crl_issuer(trust_crl(t, k)));
			ERR_clear_error();
			return true;
		}
	ERR_clear_error();
	return false;
}
