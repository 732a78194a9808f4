#include "pki/cert_bundle.h"

#include "pki/x509.h"

/*	CertificateBundle ::= SEQUENCE OF CertificateOrCRL
 *	CertificateOrCRL  ::= CHOICE { cert [0] Certificate, crl [1] CertificateList }
 *
 * with EXPLICIT TAGS. */
#define TAG_CERT 0
#define TAG_CRL  1

/* One value at *at, whose content ends within `end`; DER, so that its length is definite. */
static bool take_header(const uint8_t **at, const uint8_t *end, int *tag, int *class,
			bool *constructed, struct bytes *content)
{
	const unsigned char *p = *at;
	long n = 0;
	const int flags = p < end ? ASN1_get_object(&p, &n, tag, class, end - p) : 0x80;

	ERR_clear_error();
	/* 0x80: broken; 1: of indefinite length */
	if ((flags & 0x81) != 0 || n < 0 || n > end - p)
		return false;
	*constructed = (flags & V_ASN1_CONSTRUCTED) != 0;
	*content = bytes_of(p, (size_t)n);
	*at = p + n;
	return true;
}

/* A whole SEQUENCE and nothing else. */
static bool is_sequence(struct bytes der)
{
	const uint8_t *at = der.p, *end = der.p + der.n;
	struct bytes content;
	bool constructed;
	int tag, class;

	return take_header(&at, end, &tag, &class, &constructed, &content) && at == end &&
	       constructed && class == V_ASN1_UNIVERSAL && tag == V_ASN1_SEQUENCE;
}

static enum err take_part(struct cert_bundle *out, const uint8_t **at, const uint8_t *end,
			  size_t *crls, const char **reason)
{
	struct bytes content;
	bool constructed;
	int tag, class;

	*reason = "the bundle of certificates is malformed";
	if (!take_header(at, end, &tag, &class, &constructed, &content) || !constructed ||
	    class != V_ASN1_CONTEXT_SPECIFIC || (tag != TAG_CERT && tag != TAG_CRL) ||
	    !is_sequence(content))
		return ERR_SYNTAX;
	if (out->n == 0 && tag != TAG_CERT) {
		*reason = "the bundle of certificates does not begin with one";
		return ERR_SYNTAX;
	}
	*crls += tag == TAG_CRL;
	*reason = "the bundle has more than 8 certificates or 4 revocation lists";
	if (*crls > CERT_BUNDLE_CRLS_MAX || (tag == TAG_CERT && out->n - *crls == CERTIFICATES_MAX))
		return ERR_LIMIT;
	out->parts[out->n].der = content;
	out->parts[out->n++].crl = tag == TAG_CRL;
	return ERR_NONE;
}

enum err cert_bundle_parse(struct cert_bundle *out, struct bytes der, const char **reason)
{
	const uint8_t *at = der.p;
	struct bytes content;
	bool constructed;
	int tag, class;
	size_t crls = 0;

	out->n = 0;
	*reason = "the bundle of certificates is malformed";
	if (der.n == 0 || !take_header(&at, der.p + der.n, &tag, &class, &constructed, &content) ||
	    at != der.p + der.n || !constructed || class != V_ASN1_UNIVERSAL ||
	    tag != V_ASN1_SEQUENCE)
		return ERR_SYNTAX;
	at = content.p;
	while (at != content.p + content.n) {
		enum err e = take_part(out, &at, content.p + content.n, &crls, reason);
		if (e != ERR_NONE)
			return e;
	}
	*reason = "the bundle of certificates is empty";
	return out->n != 0 ? ERR_NONE : ERR_SYNTAX;
}

static size_t content_len(const struct cert_bundle *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += (size_t)ASN1_object_size(1, (int)b->parts[i].der.n, TAG_CERT);
	return n;
}

size_t cert_bundle_len(const struct cert_bundle *b)
{
	return (size_t)ASN1_object_size(1, (int)content_len(b), V_ASN1_SEQUENCE);
}

static void write_header(struct writer *w, size_t content, int tag, int class)
{
	const size_t head = (size_t)ASN1_object_size(1, (int)content, tag) - content;
	unsigned char *p = writer_reserve(w, head);

	if (p != NULL)
		ASN1_put_object(&p, 1, (int)content, tag, class);
}

void cert_bundle_write(const struct cert_bundle *b, struct writer *w)
{
	write_header(w, content_len(b), V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	for (size_t i = 0; i < b->n; i++) {
		write_header(w, b->parts[i].der.n, b->parts[i].crl ? TAG_CRL : TAG_CERT,
			     V_ASN1_CONTEXT_SPECIFIC);
		writer_bytes(w, b->parts[i].der);
	}
}
