#include "pki/describe.h"

#include <stdio.h>
#include <string.h>

#include "pki/issue_private.h"
#include "pki/names.h"
#include "pki/x509.h"

#define SERIAL_MAX 20 /* RFC 5280 4.1.2.2 */

const char *certificate_serial(const struct certificate *c, char buf[DESCRIBE_MAX])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x509);
	const uint8_t *p = ASN1_STRING_get0_data(serial);
	int n = ASN1_STRING_length(serial);

	buf[0] = '\0';
	if ((ASN1_STRING_type(serial) & V_ASN1_NEG) != 0)
		text_append(buf, DESCRIBE_MAX, "-");
	for (int i = 0; i < n && i < SERIAL_MAX; i++) {
		char octet[3];

		(void)snprintf(octet, sizeof(octet), "%02X", p[i]);
		text_append(buf, DESCRIBE_MAX, octet);
	}
	if (n > SERIAL_MAX)
		text_append(buf, DESCRIBE_MAX, "...");
	return buf;
}

const char *certificate_key_kind(const struct certificate *c, char buf[DESCRIBE_MAX])
{
	EVP_PKEY *key = X509_get0_pubkey(c->x509);
	const char *name = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;

	buf[0] = '\0';
	if (key == NULL || !issue_key_describe(key, buf, DESCRIBE_MAX))
		text_append(buf, DESCRIBE_MAX, name != NULL ? name : "unknown");
	ERR_clear_error();
	return buf;
}

const char *certificate_signature_kind(const struct certificate *c, char buf[DESCRIBE_MAX])
{
	const char *name = OBJ_nid2ln(X509_get_signature_nid(c->x509));

	buf[0] = '\0';
	text_append(buf, DESCRIBE_MAX, name != NULL ? name : "unknown");
	return buf;
}

static void add_word(char buf[DESCRIBE_MAX], const char *word)
{
	if (buf[0] != '\0')
		text_append(buf, DESCRIBE_MAX, ", ");
	text_append(buf, DESCRIBE_MAX, word);
}

const char *certificate_usage(const struct certificate *c, char buf[DESCRIBE_MAX])
{
	static const struct {
		uint32_t bit;
		const char *word;
	} bits[] = {
	    {X509v3_KU_DIGITAL_SIGNATURE, "digitalSignature"},
	    {X509v3_KU_NON_REPUDIATION, "nonRepudiation"},
	    {X509v3_KU_KEY_ENCIPHERMENT, "keyEncipherment"},
	    {X509v3_KU_DATA_ENCIPHERMENT, "dataEncipherment"},
	    {X509v3_KU_KEY_AGREEMENT, "keyAgreement"},
	    {X509v3_KU_KEY_CERT_SIGN, "keyCertSign"},
	    {X509v3_KU_CRL_SIGN, "cRLSign"},
	};
	uint32_t usage = X509_get_key_usage(c->x509); /* all ones when absent */

	buf[0] = '\0';
	if (usage == UINT32_MAX) {
		text_append(buf, DESCRIBE_MAX, "any (no keyUsage)");
		return buf;
	}
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if ((usage & bits[i].bit) != 0)
			add_word(buf, bits[i].word);
	return buf;
}

const char *certificate_extended_usage(const struct certificate *c, char buf[DESCRIBE_MAX])
{
	EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(c->x509, NID_ext_key_usage, NULL, NULL);

	buf[0] = '\0';
	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
		char name[80];

		(void)OBJ_obj2txt(name, sizeof(name), sk_ASN1_OBJECT_value(list, i), 0);
		add_word(buf, name);
	}
	EXTENDED_KEY_USAGE_free(list);
	ERR_clear_error();
	return buf;
}
