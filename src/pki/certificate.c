#include "pki/certificate.h"

#include <string.h>

#include "base/addr.h"
#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/composite_ready.h"
#include "pki/names.h"
#include "pki/x509.h"

/* Text of a file of certificates: PEM is a third longer than DER, and comments may stand between.
 */
#define FILE_TEXT_MAX (2 * CERTIFICATES_MAX * CERTIFICATE_MAX)

void certificate_free(struct certificate *c)
{
	if (c == NULL)
		return;
	X509_free(c->x509);
	GENERAL_NAMES_free(c->names);
	public_key_free(c->key);
	mem_free(c->der);
	mem_free(c->subject);
	mem_free(c->issuer);
	mem_free(c);
}

bool x509_seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

static bool digest(const char *name, struct bytes data, uint8_t *out)
{
	return EVP_Q_digest(NULL, name, NULL, data.p, data.n, out, NULL) == 1;
}

static enum err fill_names(struct certificate *c, const char **reason)
{
	char text[IDENTITY_TEXT_MAX];
	int critical;

	c->names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, &critical, NULL);
	if (c->names == NULL && critical != -1) { /* -1: there is none */
		*reason = "its subjectAltName is malformed or stands twice";
		return ERR_SYNTAX;
	}
	c->subject = mem_text(name_format(X509_get_subject_name(c->x509), text, sizeof(text)));
	c->issuer = mem_text(name_format(X509_get_issuer_name(c->x509), text, sizeof(text)));
	if (c->subject != NULL && c->issuer != NULL)
		return ERR_NONE;
	*reason = "out of memory";
	return ERR_NO_MEMORY;
}

static enum err fill_key(struct certificate *c, const char **reason)
{
	unsigned char *spki = NULL;
	const char *ignored;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x509), &spki);
	bool ok = n > 0 && digest("SHA1", bytes_of(spki, (size_t)n), c->spki_hash);

	/* A key that we cannot use is no error here: it may be that of a CA. */
	if (ok)
		(void)public_key_parse(&c->key, bytes_of(spki, (size_t)n), &ignored);
	OPENSSL_free(spki);
	if (ok)
		return ERR_NONE;
	*reason = "its public key cannot be read";
	return ERR_SYNTAX;
}

static enum err fill(struct certificate *c, struct bytes der, const char **reason)
{
	enum err e;

	c->der = mem_copy(der);
	c->der_len = der.n;
	if (c->der == NULL) {
		*reason = "out of memory";
		return ERR_NO_MEMORY;
	}
	if (!x509_seconds(X509_get0_notBefore(c->x509), &c->not_before) ||
	    !x509_seconds(X509_get0_notAfter(c->x509), &c->not_after)) {
		*reason = "its validity is malformed";
		return ERR_SYNTAX;
	}
	/* Looks at the extensions now, so that a malformed one is refused before it is relied on.
	 */
	if ((X509_get_extension_flags(c->x509) & EXFLAG_INVALID) != 0) {
		*reason = "its extensions are malformed";
		return ERR_SYNTAX;
	}
	if (!digest("SHA2-256", der, c->fingerprint)) {
		*reason = "it cannot be hashed";
		return ERR_CRYPTO;
	}
	e = fill_key(c, reason);
	return e != ERR_NONE ? e : fill_names(c, reason);
}

enum key_type x509_key_type(const X509 *cert)
{
	struct public_key *key = NULL;
	enum key_type type = KEY_NONE;
	unsigned char *der = NULL;
	const char *why;
	const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	if (n > 0 && public_key_parse(&key, bytes_of(der, (size_t)n), &why) == ERR_NONE)
		type = public_key_type(key);
	public_key_free(key);
	OPENSSL_free(der);
	ERR_clear_error();
	return type;
}

enum err certificate_parse(struct certificate **out, struct bytes der, const char **reason)
{
	const unsigned char *p = der.p;
	struct certificate *c;
	enum err e;

	composite_ready();
	*out = NULL;
	if (der.n == 0 || der.n > CERTIFICATE_MAX) {
		*reason = "it is empty or longer than 1 MiB";
		return ERR_RANGE;
	}
	c = mem_new(sizeof(*c));
	if (c == NULL) {
		*reason = "out of memory";
		return ERR_NO_MEMORY;
	}
	c->x509 = d2i_X509(NULL, &p, (long)der.n);
	if (c->x509 == NULL || p != der.p + der.n) {
		*reason = "it is no X.509 certificate in DER";
		e = ERR_SYNTAX;
	} else {
		e = fill(c, der, reason);
	}
	ERR_clear_error();
	if (e != ERR_NONE) {
		certificate_free(c);
		return e;
	}
	*out = c;
	return ERR_NONE;
}

static enum err parse_x509(struct certificate **out, X509 *x509, const char **reason)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x509, &der);
	enum err e = ERR_SYNTAX;

	if (n > 0)
		e = certificate_parse(out, bytes_of(der, (size_t)n), reason);
	else
		*reason = "it cannot be encoded";
	OPENSSL_free(der);
	return e;
}

static enum err parse_pem(struct certificate **out, size_t max, size_t *n, BIO *in,
			  const char **reason)
{
	enum err e = ERR_NONE;
	X509 *x509;

	while (e == ERR_NONE && (x509 = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		if (*n == max) {
			*reason = "it holds too many certificates";
			e = ERR_LIMIT;
		} else {
			e = parse_x509(&out[*n], x509, reason);
			*n += e == ERR_NONE;
		}
		X509_free(x509);
	}
	if (e == ERR_NONE && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		*reason = "a certificate in it is damaged";
		e = ERR_SYNTAX;
	}
	if (e == ERR_NONE && *n == 0) {
		*reason = "it holds no certificate in DER or PEM";
		e = ERR_SYNTAX;
	}
	ERR_clear_error();
	return e;
}

enum err certificates_parse(struct certificate **out, size_t max, size_t *n, struct bytes text,
			    const char **reason)
{
	BIO *in;
	enum err e;

	composite_ready();
	*n = 0;
	if (text.n == 0 || text.n > FILE_TEXT_MAX || max == 0) {
		*reason = "it is empty or too long";
		return ERR_RANGE;
	}
	if (text.p[0] == 0x30) { /* SEQUENCE: no text begins with the digit 0 and a length */
		e = certificate_parse(&out[0], text, reason);
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
		certificate_free(out[--*n]);
	return e;
}

struct certificate *certificate_copy(const struct certificate *c)
{
	struct certificate *copy;
	const char *reason;

	(void)certificate_parse(&copy, certificate_der(c), &reason);
	return copy;
}

struct bytes certificate_der(const struct certificate *c)
{
	return bytes_of(c->der, c->der_len);
}

const char *certificate_subject(const struct certificate *c)
{
	return c->subject;
}

const char *certificate_issuer(const struct certificate *c)
{
	return c->issuer;
}

struct bytes certificate_subject_der(const struct certificate *c)
{
	const unsigned char *p = NULL;
	size_t n = 0;

	if (X509_NAME_get0_der(X509_get_subject_name(c->x509), &p, &n) != 1)
		return bytes_of(NULL, 0);
	return bytes_of(p, n);
}

const struct public_key *certificate_key(const struct certificate *c)
{
	return c->key;
}

const uint8_t *certificate_spki_hash(const struct certificate *c)
{
	return c->spki_hash;
}

const uint8_t *certificate_fingerprint(const struct certificate *c)
{
	return c->fingerprint;
}

int64_t certificate_not_before(const struct certificate *c)
{
	return c->not_before;
}

int64_t certificate_not_after(const struct certificate *c)
{
	return c->not_after;
}

bool certificate_is_ca(const struct certificate *c)
{
	return X509_check_ca(c->x509) != 0;
}

bool certificate_issued(const struct certificate *issuer, const struct certificate *subject)
{
	bool yes = X509_check_issued(issuer->x509, subject->x509) == X509_V_OK;

	ERR_clear_error();
	return yes;
}

/* What an ID payload would carry for this name; false when none can. */
static bool name_of(const GENERAL_NAME *name, uint8_t *type, struct bytes *value)
{
	const ASN1_STRING *s;

	switch (name->type) {
	case GEN_DNS:
		*type = ID_FQDN;
		s = name->d.dNSName;
		break;
	case GEN_EMAIL:
		*type = ID_RFC822_ADDR;
		s = name->d.rfc822Name;
		break;
	case GEN_IPADD:
		s = name->d.iPAddress;
		*type = ASN1_STRING_length(s) == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR;
		break;
	default:
		return false;
	}
	*value = bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	if (name->type == GEN_IPADD)
		return value->n == 4 || value->n == 16;
	return value->n != 0 && value->n <= IDENTITY_MAX;
}

bool certificate_name(const struct certificate *c, size_t i, uint8_t *type, struct bytes *value)
{
	int n = c->names != NULL ? sk_GENERAL_NAME_num(c->names) : 0;

	if (n > CERTIFICATE_NAMES_MAX)
		n = CERTIFICATE_NAMES_MAX;
	for (int k = 0; k < n; k++) {
		if (!name_of(sk_GENERAL_NAME_value(c->names, k), type, value))
			continue;
		if (i-- == 0)
			return true;
	}
	return false;
}

static void explain_mismatch(const struct certificate *c, const struct identity *id, char *reason,
			     size_t cap)
{
	char text[IDENTITY_TEXT_MAX];
	struct identity *name;
	struct bytes value;
	uint8_t type;
	size_t i;

	if (cap == 0)
		return;
	reason[0] = '\0';
	text_append(reason, cap, "name does not match: ID is ");
	text_append(reason, cap, identity_format(id, text));
	text_append(reason, cap, ", certificate has ");
	if (id->type == ID_DER_ASN1_DN) {
		text_append(reason, cap, c->subject);
		return;
	}
	for (i = 0; i < 4 && certificate_name(c, i, &type, &value); i++) {
		name = identity_new(type, value);
		if (name == NULL)
			continue;
		text_append(reason, cap, i != 0 ? ", " : "");
		text_append(reason, cap, identity_format(name, text));
		identity_free(name);
	}
	if (certificate_name(c, i, &type, &value))
		text_append(reason, cap, ", and more");
	if (i == 0) {
		text_append(reason, cap, "no subjectAltName (its subject is ");
		text_append(reason, cap, c->subject);
		text_append(reason, cap, ")");
	}
}

static bool has_name(const struct certificate *c, const struct identity *id)
{
	struct identity *name;
	struct bytes value;
	uint8_t type;
	bool same;

	for (size_t i = 0; certificate_name(c, i, &type, &value); i++) {
		if (type != id->type || value.n != id->n)
			continue;
		name = identity_new(type, value);
		same = name != NULL && identity_equal(name, id);
		identity_free(name);
		if (same)
			return true;
	}
	return false;
}

bool certificate_matches(const struct certificate *c, const struct identity *id, char *reason,
			 size_t cap)
{
	bool same;

	switch (id->type) {
	case ID_DER_ASN1_DN:
		/* RFC 4945 3.1.5; an empty Subject is nobody's name: identity_from_wire() has
		 * refused it as an ID. */
		same = bytes_equal(certificate_subject_der(c), identity_bytes(id));
		break;
	case ID_FQDN:
	case ID_RFC822_ADDR:
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		same = has_name(c, id);
		break;
	default:
		same = false; /* RFC 4945 3.1.7: KEY_ID does not go with certificates */
		break;
	}
	if (!same)
		explain_mismatch(c, id, reason, cap);
	return same;
}
