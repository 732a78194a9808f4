/* The provider: what reads and writes keys. SubjectPublicKeyInfo and OneAsymmetricKey hold the raw
 * strings without further encoding, and an AlgorithmIdentifier without parameters (section 5 of
 * draft-ietf-lamps-pq-composite-sigs; RFC 5280 4.1, RFC 5958). */
#include "crypto/composite.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* No key of ours is longer in DER: the largest public one has about 3150 octets. */
#define DER_MAX 8192

/* The library's own type of this name would look for the key inside, with our decoder. */
struct spki {
	X509_ALGOR *algorithm;
	ASN1_BIT_STRING *key;
};
typedef struct spki SPKI;

ASN1_SEQUENCE(SPKI) = {ASN1_SIMPLE(SPKI, algorithm, X509_ALGOR),
		       ASN1_SIMPLE(SPKI, key, ASN1_BIT_STRING)} static_ASN1_SEQUENCE_END(SPKI)

    static void spki_free(struct spki * s)
{
	ASN1_item_free((ASN1_VALUE *)s, ASN1_ITEM_rptr(SPKI));
}

/* This OID, and no parameters. */
static bool is_of(const X509_ALGOR *identifier, const struct composite *a)
{
	const ASN1_OBJECT *oid;
	char text[32];
	int type;

	X509_ALGOR_get0(&oid, &type, NULL, identifier);
	return type == V_ASN1_UNDEF && OBJ_obj2txt(text, sizeof(text), oid, 1) > 0 &&
	       strcmp(text, a->oid) == 0;
}

/* A new object with the number of our OID; NULL when out of memory. */
static ASN1_OBJECT *oid_of(const struct composite *a)
{
	return OBJ_txt2obj(a->oid, 1);
}

static struct composite_key *read_public(const struct composite *a, struct bytes der)
{
	const unsigned char *p = der.p;
	struct composite_key *k = NULL;
	struct spki *s = (struct spki *)ASN1_item_d2i(NULL, &p, (long)der.n, ASN1_ITEM_rptr(SPKI));
	unsigned char *again = NULL;
	int n;

	if (s == NULL || !is_of(s->algorithm, a))
		goto done;
	/* One way to write it alone: DER, whole octets, nothing behind. */
	n = ASN1_item_i2d((ASN1_VALUE *)s, &again, ASN1_ITEM_rptr(SPKI));
	if (n > 0 && bytes_equal(bytes_of(again, (size_t)n), der) && (s->key->flags & 7) == 0)
		k = composite_public_of(
		    a, bytes_of(ASN1_STRING_get0_data(s->key), (size_t)ASN1_STRING_length(s->key)));
	OPENSSL_free(again);
done:
	spki_free(s);
	return k;
}

static struct composite_key *read_private(const struct composite *a, struct bytes der)
{
	const unsigned char *p = der.p;
	PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
	struct composite_key *k = NULL;
	const X509_ALGOR *identifier;
	const unsigned char *raw;
	int n;

	if (p8 != NULL && p == der.p + der.n &&
	    PKCS8_pkey_get0(NULL, &raw, &n, &identifier, p8) == 1 && is_of(identifier, a) && n > 0)
		k = composite_private_of(a, bytes_of(raw, (size_t)n));
	PKCS8_PRIV_KEY_INFO_free(p8);
	return k;
}

/* What one decoder is for. */
struct decoder {
	const struct composite_provider *provider;
	const struct composite *algorithm;
};

static void *decoder_new(void *provider, const struct composite *a)
{
	struct decoder *d = OPENSSL_zalloc(sizeof(*d));

	if (d == NULL)
		return NULL;
	d->provider = provider;
	d->algorithm = a;
	return d;
}

static void decoder_free(void *decoder)
{
	OPENSSL_free(decoder);
}

/* All that there is; 0 octets when that is nothing, or more than a key of ours can be. */
static size_t read_all(const struct composite_provider *p, OSSL_CORE_BIO *in, uint8_t *out)
{
	size_t n = 0, some = 0;

	while (n < DER_MAX + 1 && p->read(in, out + n, DER_MAX + 1 - n, &some) == 1 && some != 0)
		n += some;
	return n <= DER_MAX ? n : 0;
}

/* Hands the key on to key_load(). True also where there is none: others may know it. */
static int decode(struct decoder *d, OSSL_CORE_BIO *in, bool private, OSSL_CALLBACK *found,
		  void *arg)
{
	int type = OSSL_OBJECT_PKEY;
	struct composite_key *k = NULL;
	uint8_t *der = OPENSSL_malloc(DER_MAX + 1);
	OSSL_PARAM params[4];
	size_t n;
	int rc = 1;

	if (der == NULL)
		return 0;
	n = read_all(d->provider, in, der);
	if (n != 0) {
		/* What is not ours, or is bad, leaves no complaint in the way of other decoders. */
		ERR_set_mark();
		k = private ? read_private(d->algorithm, bytes_of(der, n))
			    : read_public(d->algorithm, bytes_of(der, n));
		ERR_pop_to_mark();
	}
	OPENSSL_clear_free(der, DER_MAX + 1);
	if (k == NULL)
		return rc;
	params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
						     (char *)(uintptr_t)d->algorithm->name, 0);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &k, sizeof(k));
	params[3] = OSSL_PARAM_construct_end();
	rc = found(params, arg);
	composite_key_free(k); /* NULL when it was taken */
	return rc;
}

static int decode_public(void *decoder, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *found,
			 void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	(void)selection;
	(void)ask;
	(void)ask_arg;
	return decode(decoder, in, false, found, arg);
}

static int decode_private(void *decoder, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *found,
			  void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	(void)selection;
	(void)ask;
	(void)ask_arg;
	return decode(decoder, in, true, found, arg);
}

/* A key pair is looked for in private keys alone; 0 means whatever there is. */
static int selects_public(void *provider, int selection)
{
	(void)provider;
	return selection == 0 || ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 &&
				  (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0);
}

static int selects_private(void *provider, int selection)
{
	(void)provider;
	return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static bool fill_private(PKCS8_PRIV_KEY_INFO *p8, const struct composite_key *k)
{
	ASN1_OBJECT *oid = oid_of(k->algorithm);
	unsigned char *raw;
	size_t n = composite_private_raw(k, &raw);

	/* Erases raw when it frees it. */
	if (oid != NULL && n != 0 && n <= INT_MAX &&
	    PKCS8_pkey_set0(p8, oid, 0, V_ASN1_UNDEF, NULL, raw, (int)n) == 1)
		return true;
	ASN1_OBJECT_free(oid);
	OPENSSL_clear_free(raw, n);
	return false;
}

/* OneAsymmetricKey; the length, or 0. The caller frees with OPENSSL_clear_free(). */
static size_t write_private(const struct composite_key *k, unsigned char **der)
{
	PKCS8_PRIV_KEY_INFO *p8 = PKCS8_PRIV_KEY_INFO_new();
	int n = 0;

	*der = NULL;
	if (p8 != NULL && fill_private(p8, k))
		n = i2d_PKCS8_PRIV_KEY_INFO(p8, der);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return n > 0 ? (size_t)n : 0;
}

static bool fill_public(struct spki *s, const struct composite_key *k)
{
	ASN1_OBJECT *oid = oid_of(k->algorithm);
	unsigned char *raw;
	size_t n = composite_public_raw(k, &raw);

	if (oid == NULL || n == 0 || X509_ALGOR_set0(s->algorithm, oid, V_ASN1_UNDEF, NULL) != 1) {
		ASN1_OBJECT_free(oid);
		OPENSSL_free(raw);
		return false;
	}
	ASN1_STRING_set0(s->key, raw, (int)n);
	/* No unused bits, whatever the last octet is. */
	s->key->flags = (s->key->flags & ~0x0fL) | ASN1_STRING_FLAG_BITS_LEFT;
	return true;
}

/* SubjectPublicKeyInfo; the length, or 0. The caller frees with OPENSSL_free(). */
static size_t write_public(const struct composite_key *k, unsigned char **der)
{
	struct spki *s = (struct spki *)ASN1_item_new(ASN1_ITEM_rptr(SPKI));
	int n = 0;

	*der = NULL;
	if (s != NULL && fill_public(s, k))
		n = ASN1_item_i2d((ASN1_VALUE *)s, der, ASN1_ITEM_rptr(SPKI));
	spki_free(s);
	return n > 0 ? (size_t)n : 0;
}

static int put(const struct composite_provider *p, OSSL_CORE_BIO *out, const void *from, size_t n)
{
	size_t written = 0;

	return p->write(out, from, n, &written) == 1 && written == n;
}

static int put_pem(const struct composite_provider *p, OSSL_CORE_BIO *out, const char *title,
		   const unsigned char *der, size_t n)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *octets = NULL;
	long len = 0;
	int rc;

	if (text != NULL && PEM_write_bio(text, title, "", der, (long)n) > 0)
		len = BIO_get_mem_data(text, &octets);
	rc = len > 0 && put(p, out, octets, (size_t)len);
	BIO_free(text); /* erases what it holds */
	return rc;
}

static int encode(const struct composite_provider *p, OSSL_CORE_BIO *out,
		  const struct composite_key *k, bool private, bool pem)
{
	unsigned char *der = NULL;
	size_t n;
	int rc = 0;

	if (k == NULL)
		return 0;
	n = private ? write_private(k, &der) : write_public(k, &der);
	if (n != 0 && pem)
		rc = put_pem(p, out, private ? PEM_STRING_PKCS8INF : PEM_STRING_PUBLIC, der, n);
	else if (n != 0)
		rc = put(p, out, der, n);
	OPENSSL_clear_free(der, n);
	return rc;
}

static int encode_public_der(void *encoder, OSSL_CORE_BIO *out, const void *key,
			     const OSSL_PARAM params[], int selection,
			     OSSL_PASSPHRASE_CALLBACK *ask, void *arg)
{
	(void)selection;
	(void)ask;
	(void)arg;
	return params == NULL && encode(encoder, out, key, false, false);
}

static int encode_public_pem(void *encoder, OSSL_CORE_BIO *out, const void *key,
			     const OSSL_PARAM params[], int selection,
			     OSSL_PASSPHRASE_CALLBACK *ask, void *arg)
{
	(void)selection;
	(void)ask;
	(void)arg;
	return params == NULL && encode(encoder, out, key, false, true);
}

static int encode_private_der(void *encoder, OSSL_CORE_BIO *out, const void *key,
			      const OSSL_PARAM params[], int selection,
			      OSSL_PASSPHRASE_CALLBACK *ask, void *arg)
{
	(void)selection;
	(void)ask;
	(void)arg;
	return params == NULL && encode(encoder, out, key, true, false);
}

static int encode_private_pem(void *encoder, OSSL_CORE_BIO *out, const void *key,
			      const OSSL_PARAM params[], int selection,
			      OSSL_PASSPHRASE_CALLBACK *ask, void *arg)
{
	(void)selection;
	(void)ask;
	(void)arg;
	return params == NULL && encode(encoder, out, key, true, true);
}

/* An encoder has no state: the provider itself stands for it. */
static void *encoder_new(void *provider)
{
	return provider;
}

static void encoder_free(void *encoder)
{
	(void)encoder;
}

typedef void (*function)(void);

#define ENCODER(write, selects)                                                                    \
	{                                                                                          \
		{OSSL_FUNC_ENCODER_NEWCTX, (function)encoder_new},                                 \
		    {OSSL_FUNC_ENCODER_FREECTX, (function)encoder_free},                           \
		    {OSSL_FUNC_ENCODER_DOES_SELECTION, (function)(selects)},                       \
		    {OSSL_FUNC_ENCODER_ENCODE, (function)(write)}, OSSL_DISPATCH_END,              \
	}

static const struct {
	const char *properties;
	OSSL_DISPATCH functions[5];
} encoders[] = {
    {COMPOSITE_PROPERTIES ",output=der,structure=SubjectPublicKeyInfo",
     ENCODER(encode_public_der, selects_public)},
    {COMPOSITE_PROPERTIES ",output=pem,structure=SubjectPublicKeyInfo",
     ENCODER(encode_public_pem, selects_public)},
    {COMPOSITE_PROPERTIES ",output=der,structure=PrivateKeyInfo",
     ENCODER(encode_private_der, selects_private)},
    {COMPOSITE_PROPERTIES ",output=pem,structure=PrivateKeyInfo",
     ENCODER(encode_private_pem, selects_private)},
};

static const struct {
	const char *properties;
	OSSL_DISPATCH functions[5]; /* the first has a place for what makes the decoder */
} decoders[] = {
    {COMPOSITE_PROPERTIES ",input=der,structure=SubjectPublicKeyInfo",
     {{OSSL_FUNC_DECODER_NEWCTX, NULL},
      {OSSL_FUNC_DECODER_FREECTX, (function)decoder_free},
      {OSSL_FUNC_DECODER_DOES_SELECTION, (function)selects_public},
      {OSSL_FUNC_DECODER_DECODE, (function)decode_public},
      OSSL_DISPATCH_END}},
    {COMPOSITE_PROPERTIES ",input=der,structure=PrivateKeyInfo",
     {{OSSL_FUNC_DECODER_NEWCTX, NULL},
      {OSSL_FUNC_DECODER_FREECTX, (function)decoder_free},
      {OSSL_FUNC_DECODER_DOES_SELECTION, (function)selects_private},
      {OSSL_FUNC_DECODER_DECODE, (function)decode_private},
      OSSL_DISPATCH_END}},
};

/* The library does not tell a decoder of which type its key is to be: each has its own. */
#define OF_ITS_OWN(number)                                                                         \
	static void *decoder_##number(void *provider)                                              \
	{                                                                                          \
		return decoder_new(provider, composite_at(number - COMPOSITE_FIRST));              \
	}

OF_ITS_OWN(37)
OF_ITS_OWN(38)
OF_ITS_OWN(39)
OF_ITS_OWN(40)
OF_ITS_OWN(41)
OF_ITS_OWN(42)
OF_ITS_OWN(43)
OF_ITS_OWN(44)
OF_ITS_OWN(45)
OF_ITS_OWN(46)
OF_ITS_OWN(47)
OF_ITS_OWN(48)
OF_ITS_OWN(49)
OF_ITS_OWN(50)
OF_ITS_OWN(51)
OF_ITS_OWN(52)
OF_ITS_OWN(53)
OF_ITS_OWN(54)

static const function own[COMPOSITES] = {
    (function)decoder_37, (function)decoder_38, (function)decoder_39, (function)decoder_40,
    (function)decoder_41, (function)decoder_42, (function)decoder_43, (function)decoder_44,
    (function)decoder_45, (function)decoder_46, (function)decoder_47, (function)decoder_48,
    (function)decoder_49, (function)decoder_50, (function)decoder_51, (function)decoder_52,
    (function)decoder_53, (function)decoder_54,
};

void composite_fill_codecs(struct composite_provider *p)
{
	for (size_t i = 0; i < COMPOSITES; i++) {
		for (size_t k = 0; k < 2; k++) {
			memcpy(p->decoder[i][k], decoders[k].functions, sizeof(p->decoder[i][k]));
			p->decoder[i][k][0].function = own[i];
			p->decoders[2 * i + k] = (OSSL_ALGORITHM){
			    p->names[i], decoders[k].properties, p->decoder[i][k], NULL};
		}
		for (size_t k = 0; k < 4; k++)
			p->encoders[4 * i + k] = (OSSL_ALGORITHM){
			    p->names[i], encoders[k].properties, encoders[k].functions, NULL};
	}
}
