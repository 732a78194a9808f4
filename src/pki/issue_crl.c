#include <string.h>

#include "base/mem.h"
#include "pki/issue.h"
#include "pki/issue_private.h"
#include "pki/x509.h"

/* RFC 5280 5.3.1, without those for lists of another kind than ours. */
static const struct {
	const char *word;
	int number;
} reasons[] = {
    {"unspecified", 0},         {"key-compromise", 1}, {"ca-compromise", 2},
    {"affiliation-changed", 3}, {"superseded", 4},     {"cessation-of-operation", 5},
};

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

int issue_reason_number(const char *name)
{
	for (size_t i = 0; i < N_REASONS; i++)
		if (strcmp(reasons[i].word, name) == 0)
			return reasons[i].number;
	return -1;
}

const char *issue_reason_word(size_t i)
{
	return i < N_REASONS ? reasons[i].word : NULL;
}

static bool set_reason(X509_REVOKED *entry, int reason)
{
	ASN1_ENUMERATED *code;
	bool ok;

	if (reason == 0) /* RFC 5280 5.3.1: unspecified is said by saying nothing */
		return true;
	code = ASN1_ENUMERATED_new();
	ok = code != NULL && ASN1_ENUMERATED_set(code, reason) == 1 &&
	     X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, code, 0, X509V3_ADD_DEFAULT) == 1;
	ASN1_ENUMERATED_free(code);
	return ok;
}

static bool set_revoked(X509_REVOKED *entry, const struct issue_revoked *r)
{
	BIGNUM *n = NULL;
	ASN1_INTEGER *serial = NULL;
	ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)r->at);
	bool ok = at != NULL && BN_hex2bn(&n, r->serial) == (int)strlen(r->serial) &&
		  (serial = BN_to_ASN1_INTEGER(n, NULL)) != NULL &&
		  X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
		  X509_REVOKED_set_revocationDate(entry, at) == 1 && set_reason(entry, r->reason);

	BN_free(n);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(at);
	return ok;
}

static bool add_revoked(X509_CRL *crl, const struct issue_revoked *r)
{
	X509_REVOKED *entry = X509_REVOKED_new();

	if (entry != NULL && set_revoked(entry, r) && X509_CRL_add0_revoked(crl, entry) == 1)
		return true;
	X509_REVOKED_free(entry);
	return false;
}

/* RFC 5280 5.2: a list has a number and the identifier of the key that signs it. */
static bool add_extensions(X509_CRL *crl, const struct issue_crl *wish)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	X509_EXTENSION *key_id;
	X509V3_CTX ctx;
	bool ok = number != NULL && ASN1_INTEGER_set_uint64(number, wish->number) == 1 &&
		  X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) == 1;

	ASN1_INTEGER_free(number);
	if (!ok)
		return false;
	X509V3_set_ctx(&ctx, wish->issuer->x509, NULL, NULL, crl, 0);
	X509V3_set_ctx_nodb(&ctx);
	key_id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	ok = key_id != NULL && X509_CRL_add_ext(crl, key_id, -1) == 1;
	X509_EXTENSION_free(key_id);
	return ok;
}

static bool set_times(X509_CRL *crl, const struct issue_crl *wish)
{
	ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)wish->this_update);
	ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)wish->next_update);
	bool ok = last != NULL && next != NULL && X509_CRL_set1_lastUpdate(crl, last) == 1 &&
		  X509_CRL_set1_nextUpdate(crl, next) == 1;

	ASN1_TIME_free(last);
	ASN1_TIME_free(next);
	return ok;
}

static bool fill_crl(X509_CRL *crl, const struct issue_crl *wish)
{
	bool ok = X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
		  X509_CRL_set_issuer_name(crl, X509_get_subject_name(wish->issuer->x509)) == 1 &&
		  set_times(crl, wish);

	for (size_t i = 0; ok && i < wish->n_revoked; i++)
		ok = add_revoked(crl, &wish->revoked[i]);
	return ok && add_extensions(crl, wish) && X509_CRL_sort(crl) == 1;
}

enum err issue_crl(const struct issue_crl *wish, uint8_t **text, size_t *n, const char **reason)
{
	const struct issue_key *key = wish->issuer_key;
	X509_CRL *crl = NULL;
	BIO *out = NULL;
	enum err e = ERR_CRYPTO;

	*text = NULL;
	*n = 0;
	*reason = "the revocation list cannot be signed";
	if (!issue_key_is_for_signing(key) || !key->private)
		return ERR_UNSUPPORTED;
	if (wish->next_update <= wish->this_update) {
		*reason = "the revocation list would end before it begins";
		return ERR_RANGE;
	}
	crl = X509_CRL_new();
	if (crl == NULL || !fill_crl(crl, wish)) {
		*reason = "the revocation list cannot be made: a serial number is malformed, or "
			  "the memory is at its end";
	} else if (X509_CRL_sign(crl, key->pkey, issue_key_digest(key)) > 0 &&
		   X509_CRL_verify(crl, key->pkey) == 1) {
		out = BIO_new(BIO_s_mem());
		e = bio_take(out, out != NULL && PEM_write_bio_X509_CRL(out, crl) == 1, text, n);
	}
	X509_CRL_free(crl);
	ERR_clear_error();
	return e;
}
