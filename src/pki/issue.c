#include "pki/issue.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "pki/issue_private.h"
#include "pki/names.h"
#include "pki/x509.h"

/* RFC 5280 4.1.2.2 wants a positive number of at most 20 octets; this makes 16. */
#define SERIAL_BITS 127

#define COMMON_NAME_MAX 64 /* RFC 5280, ub-common-name */

/* The Subject that is wished for, or else the first name: a distinguished one is it as it stands,
 * any other becomes the common name. */
static X509_NAME *subject_name(const struct issue *wish, const char **reason)
{
	const struct identity *first = wish->n_names != 0 ? wish->names[0] : NULL;
	const char *text = wish->subject;
	char name_text[IDENTITY_TEXT_MAX];
	X509_NAME *name;

	if (text == NULL && first != NULL && first->type == ID_DER_ASN1_DN)
		return name_decode(identity_bytes(first));
	if (text == NULL)
		text = first != NULL ? identity_format(first, name_text) : "";
	if (*text == '/' || strchr(text, '=') != NULL)
		return name_parse(text, reason);
	if (*text == '\0' || strlen(text) > COMMON_NAME_MAX) {
		*reason = "a common name has 1 to 64 characters";
		return NULL;
	}
	name = X509_NAME_new();
	*reason = "the common name is not in UTF-8";
	if (name != NULL && X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
						       (const unsigned char *)text, -1, -1, 0) == 1)
		return name;
	X509_NAME_free(name);
	return NULL;
}

/* One subjectAltName, the caller's; NULL when out of memory. */
static GENERAL_NAME *alt_name(const struct identity *id)
{
	struct bytes value = identity_bytes(id);
	bool address = id->type == ID_IPV4_ADDR || id->type == ID_IPV6_ADDR;
	ASN1_STRING *s = ASN1_STRING_type_new(address ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (s == NULL || name == NULL || ASN1_STRING_set(s, value.p, (int)value.n) != 1) {
		ASN1_STRING_free(s);
		GENERAL_NAME_free(name);
		return NULL;
	}
	GENERAL_NAME_set0_value(name,
				address               ? GEN_IPADD
				: id->type == ID_FQDN ? GEN_DNS
						      : GEN_EMAIL,
				s);
	return name;
}

/* RFC 4945 5.1.3.6; a distinguished name stands in the Subject. */
static bool add_alt_names(X509 *x, const struct issue *wish)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = names != NULL;

	for (size_t i = 0; ok && i < wish->n_names; i++) {
		GENERAL_NAME *name;

		if (wish->names[i]->type == ID_DER_ASN1_DN)
			continue;
		name = alt_name(wish->names[i]);
		ok = name != NULL && sk_GENERAL_NAME_push(names, name) > 0;
		if (!ok)
			GENERAL_NAME_free(name);
	}
	if (ok && sk_GENERAL_NAME_num(names) > 0)
		ok = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static bool add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return ok;
}

static bool add_extensions(X509 *x, const struct issue *wish)
{
	char basic[48];
	X509V3_CTX ctx;
	X509 *issuer = wish->issuer != NULL ? wish->issuer->x509 : x;
	const char *usage = wish->ca         ? "critical,keyCertSign,cRLSign"
			    : wish->key->kem ? "critical,keyEncipherment"
					     : "critical,digitalSignature";

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	if (wish->ca && wish->path_len >= 0)
		(void)snprintf(basic, sizeof(basic), "critical,CA:TRUE,pathlen:%d", wish->path_len);
	else
		(void)snprintf(basic, sizeof(basic), "critical,CA:%s", wish->ca ? "TRUE" : "FALSE");
	return add_extension(x, &ctx, NID_basic_constraints, basic) &&
	       add_extension(x, &ctx, NID_key_usage, usage) &&
	       add_extension(x, &ctx, NID_subject_key_identifier, "hash") &&
	       /* RFC 5280 4.2.1.1: one that signs itself may leave it out. */
	       (wish->issuer == NULL ||
		add_extension(x, &ctx, NID_authority_key_identifier, "keyid:always")) &&
	       add_alt_names(x, wish) && issue_urls_add(x, wish);
}

static bool set_serial(X509 *x)
{
	BIGNUM *n = BN_new();
	bool ok = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;

	BN_free(n);
	return ok;
}

static bool fill_certificate(X509 *x, const struct issue *wish, X509_NAME *subject)
{
	const X509_NAME *issuer =
	    wish->issuer != NULL ? X509_get_subject_name(wish->issuer->x509) : subject;

	/* ASN1_TIME_set() knows when RFC 5280 4.1.2.5 wants which form. */
	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	       X509_set_subject_name(x, subject) == 1 && X509_set_issuer_name(x, issuer) == 1 &&
	       X509_set_pubkey(x, wish->key->pkey) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(x), (time_t)wish->not_before) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(x), (time_t)wish->not_after) != NULL &&
	       add_extensions(x, wish);
}

/* Signs, and looks whether the signature holds: an authority whose key has gone bad should know. */
static enum err sign(X509 *x, const struct issue_key *key, struct certificate **out,
		     const char **reason)
{
	unsigned char *der = NULL;
	enum err e = ERR_CRYPTO;
	int n = 0;

	*reason = "the certificate cannot be signed";
	if (X509_sign(x, key->pkey, issue_key_digest(key)) > 0 && X509_verify(x, key->pkey) == 1)
		n = i2d_X509(x, &der);
	if (n > 0)
		e = certificate_parse(out, bytes_of(der, (size_t)n), reason);
	OPENSSL_free(der);
	return e;
}

static enum err check_names(const struct issue *wish, const char **reason)
{
	if (wish->n_names > CERTIFICATE_NAMES_MAX) {
		*reason = "a certificate holds at most 64 names";
		return ERR_RANGE;
	}
	for (size_t i = 0; i < wish->n_names; i++) {
		uint8_t type = wish->names[i]->type;

		/* RFC 4945 3.1.7: KEY_ID does not go with certificates. */
		if (type != ID_FQDN && type != ID_RFC822_ADDR && type != ID_IPV4_ADDR &&
		    type != ID_IPV6_ADDR && type != ID_DER_ASN1_DN) {
			*reason = "a certificate holds host names, mail addresses, IP addresses "
				  "and distinguished names; a key identifier it cannot hold";
			return ERR_UNSUPPORTED;
		}
	}
	return ERR_NONE;
}

static enum err check_wish(const struct issue *wish, const char **reason)
{
	const struct issue_key *signer = wish->issuer != NULL ? wish->issuer_key : wish->key;

	if (!issue_key_is_for_signing(signer) || !signer->private) {
		*reason = "the issuer's key cannot sign";
		return ERR_UNSUPPORTED;
	}
	if (wish->ca && wish->key->kem) {
		*reason = "a CA needs a key that signs, and one of a KEM does not";
		return ERR_UNSUPPORTED;
	}
	if (wish->issuer != NULL && !certificate_is_ca(wish->issuer)) {
		*reason = "the issuer is no CA";
		return ERR_UNSUPPORTED;
	}
	if (wish->issuer != NULL && wish->ca && X509_get_pathlen(wish->issuer->x509) == 0) {
		*reason = "the issuer may have no CA below it (its pathLenConstraint is 0)";
		return ERR_UNSUPPORTED;
	}
	if (wish->not_after <= wish->not_before) {
		*reason = "it would end before it begins";
		return ERR_RANGE;
	}
	if (wish->issuer != NULL && wish->not_after > certificate_not_after(wish->issuer)) {
		*reason = "it would outlive its issuer's certificate";
		return ERR_RANGE;
	}
	const enum err e = issue_urls_check(wish, reason);
	return e != ERR_NONE ? e : check_names(wish, reason);
}

enum err issue_certificate(const struct issue *wish, struct certificate **out, const char **reason)
{
	const struct issue_key *signer = wish->issuer != NULL ? wish->issuer_key : wish->key;
	X509_NAME *subject;
	X509 *x = NULL;
	enum err e;

	*out = NULL;
	e = check_wish(wish, reason);
	if (e != ERR_NONE)
		return e;
	subject = subject_name(wish, reason);
	if (subject == NULL) {
		ERR_clear_error();
		return ERR_SYNTAX;
	}
	x = X509_new();
	if (x != NULL && fill_certificate(x, wish, subject)) {
		e = sign(x, signer, out, reason);
	} else {
		*reason = "out of memory";
		e = ERR_NO_MEMORY;
	}
	X509_free(x);
	X509_NAME_free(subject);
	ERR_clear_error();
	return e;
}

bool issue_key_belongs(const struct issue_key *key, const struct certificate *c)
{
	EVP_PKEY *certified = X509_get0_pubkey(c->x509);
	bool same = certified != NULL && EVP_PKEY_eq(certified, key->pkey) == 1;

	ERR_clear_error();
	return same;
}

enum err certificate_pem(const struct certificate *c, uint8_t **text, size_t *n)
{
	BIO *out = BIO_new(BIO_s_mem());
	bool written = out != NULL && c->der_len <= LONG_MAX &&
		       PEM_write_bio(out, PEM_STRING_X509, "", c->der, (long)c->der_len) > 0;

	return bio_take(out, written, text, n);
}
