#include "pki/identity.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "pki/names.h"

#define FQDN_MAX 255

struct identity *identity_new(uint8_t type, struct bytes data)
{
	struct identity *id;

	if (data.n > IDENTITY_MAX)
		return NULL;
	id = mem_new(sizeof(*id) + data.n);
	if (id == NULL)
		return NULL;
	id->type = type;
	id->n = (uint16_t)data.n;
	if (data.n != 0)
		memcpy(id->data, data.p, data.n);
	return id;
}

struct identity *identity_copy(const struct identity *id)
{
	return identity_new(id->type, identity_bytes(id));
}

void identity_free(struct identity *id)
{
	mem_free(id);
}

struct bytes identity_bytes(const struct identity *id)
{
	return bytes_of(id->data, id->n);
}

static enum err keep(struct identity **out, uint8_t type, struct bytes data, const char **reason)
{
	if (data.n > IDENTITY_MAX) {
		*reason = "the identity is longer than 1024 octets";
		return ERR_RANGE;
	}
	*out = identity_new(type, data);
	if (*out != NULL)
		return ERR_NONE;
	*reason = "out of memory";
	return ERR_NO_MEMORY;
}

/* Printable ASCII without blanks. */
static bool is_graphic(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] <= 0x20 || b.p[i] >= 0x7f)
			return false;
	return b.n != 0;
}

/* One '@' with something on each side. */
static bool is_mailbox(struct bytes b)
{
	const uint8_t *at = b.n != 0 ? memchr(b.p, '@', b.n) : NULL;
	size_t local = at != NULL ? (size_t)(at - b.p) : 0;

	return is_graphic(b) && local != 0 && local + 1 < b.n &&
	       memchr(at + 1, '@', b.n - local - 1) == NULL;
}

static bool is_host_name(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

		if (!ok)
			return false;
	}
	return b.n != 0 && b.n <= FQDN_MAX;
}

static struct bytes text_bytes(const char *text)
{
	return bytes_of(text, strlen(text));
}

static enum err parse_fqdn(struct identity **out, const char *text, const char **reason)
{
	if (!is_host_name(text_bytes(text))) {
		*reason = "a host name has letters, digits, '-', '_' and '.' only; put keyid: "
			  "before any other text";
		return ERR_SYNTAX;
	}
	return keep(out, ID_FQDN, text_bytes(text), reason);
}

static enum err parse_mailbox(struct identity **out, const char *text, const char **reason)
{
	if (!is_mailbox(text_bytes(text))) {
		*reason = "a mail address is user@host";
		return ERR_SYNTAX;
	}
	return keep(out, ID_RFC822_ADDR, text_bytes(text), reason);
}

static enum err parse_address(struct identity **out, const char *text, const char **reason)
{
	struct addr a;

	if (addr_parse(&a, text) != ERR_NONE) {
		*reason = "it is no IPv4 or IPv6 address";
		return ERR_SYNTAX;
	}
	return keep(out, a.family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, addr_bytes(&a), reason);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The octets that "0x0a0b" stands for; their number, or 0 when it is malformed or too long. */
static size_t parse_hex(const char *text, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (text += 2; *text != '\0'; text += 2) {
		int high = hex_digit(text[0]);
		int low = text[1] != '\0' ? hex_digit(text[1]) : -1;

		if (high < 0 || low < 0 || n == cap)
			return 0;
		out[n++] = (uint8_t)(high << 4 | low);
	}
	return n;
}

static bool is_hex(const char *text)
{
	return strncmp(text, "0x", 2) == 0;
}

static enum err parse_key_id(struct identity **out, const char *text, const char **reason)
{
	uint8_t octets[IDENTITY_MAX];
	size_t n;

	if (!is_hex(text)) {
		*reason = "nothing stands after keyid:";
		return *text != '\0' ? keep(out, ID_KEY_ID, text_bytes(text), reason) : ERR_SYNTAX;
	}
	n = parse_hex(text, octets, sizeof(octets));
	if (n == 0) {
		*reason = "0x wants pairs of hexadecimal digits after it, at most 1024 pairs";
		return ERR_SYNTAX;
	}
	return keep(out, ID_KEY_ID, bytes_of(octets, n), reason);
}

static enum err keep_name(struct identity **out, const X509_NAME *name, const char **reason)
{
	unsigned char *der = NULL;
	int n = i2d_X509_NAME(name, &der);
	enum err e;

	if (n <= 0) {
		*reason = "the distinguished name cannot be encoded";
		return ERR_CRYPTO;
	}
	e = keep(out, ID_DER_ASN1_DN, bytes_of(der, (size_t)n), reason);
	OPENSSL_free(der);
	return e;
}

static enum err parse_name(struct identity **out, const char *text, const char **reason)
{
	uint8_t octets[IDENTITY_MAX];
	X509_NAME *name;
	enum err e;

	if (is_hex(text)) {
		name = name_decode(bytes_of(octets, parse_hex(text, octets, sizeof(octets))));
		*reason = "the hexadecimal digits are no DER of a distinguished name";
	} else {
		name = name_parse(text, reason);
	}
	if (name == NULL)
		return ERR_SYNTAX;
	e = keep_name(out, name, reason);
	X509_NAME_free(name);
	return e;
}

/* What the text looks like, when no prefix says it. */
static enum err parse_by_look(struct identity **out, const char *text, const char **reason)
{
	struct addr a;

	if (is_hex(text))
		return parse_key_id(out, text, reason);
	if (*text == '/' || strchr(text, '=') != NULL)
		return parse_name(out, text, reason);
	if (strchr(text, '@') != NULL)
		return parse_mailbox(out, text, reason);
	if (addr_parse(&a, text) == ERR_NONE)
		return parse_address(out, text, reason);
	return parse_fqdn(out, text, reason);
}

enum err identity_parse(struct identity **out, const char *text, const char **reason)
{
	static const struct {
		const char *prefix;
		enum err (*parse)(struct identity **out, const char *text, const char **reason);
	} kinds[] = {
	    {"fqdn:", parse_fqdn}, {"email:", parse_mailbox}, {"ip:", parse_address},
	    {"dn:", parse_name},   {"keyid:", parse_key_id},
	};
	char trimmed[2 * IDENTITY_MAX + 16];
	size_t n;

	*out = NULL;
	text += strspn(text, " \t");
	n = strlen(text);
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	if (n == 0 || n >= sizeof(trimmed)) {
		*reason = n == 0 ? "the identity is empty" : "the identity is too long";
		return ERR_SYNTAX;
	}
	memcpy(trimmed, text, n);
	trimmed[n] = '\0';
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(trimmed, kinds[i].prefix, len) == 0)
			return kinds[i].parse(out, trimmed + len, reason);
	}
	return parse_by_look(out, trimmed, reason);
}

enum err identity_from_wire(struct identity **out, uint8_t type, struct bytes data,
			    const char **reason)
{
	X509_NAME *name;
	bool ok;

	*out = NULL;
	if (data.n > IDENTITY_MAX)
		return keep(out, type, data, reason);
	switch (type) {
	case ID_IPV4_ADDR:
		ok = data.n == 4;
		break;
	case ID_IPV6_ADDR:
		ok = data.n == 16;
		break;
	case ID_FQDN:
		/* RFC 7296 3.5: no terminators such as NUL. */
		ok = is_graphic(data);
		break;
	case ID_RFC822_ADDR:
		ok = is_mailbox(data);
		break;
	case ID_DER_ASN1_DN:
		name = name_decode(data);
		ok = name != NULL;
		X509_NAME_free(name);
		break;
	case ID_KEY_ID:
		ok = data.n != 0;
		break;
	case ID_NULL:
		ok = data.n == 0; /* RFC 7619 2.2 */
		break;
	default:
		/* RFC 4945 3.1.5 for the GeneralName; others are unknown. */
		*reason = "the identity is of a type that is not taken";
		return ERR_UNSUPPORTED;
	}
	if (!ok) {
		*reason = "the identity's octets do not fit its type";
		return ERR_SYNTAX;
	}
	return keep(out, type, data, reason);
}

static bool same_without_case(struct bytes a, struct bytes b)
{
	return a.n == b.n &&
	       (a.n == 0 || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

/* RFC 4945 3.1.3: the local part is the host's to interpret, so that case counts there. */
static bool same_mailbox(struct bytes a, struct bytes b)
{
	const uint8_t *at = a.n != 0 ? memchr(a.p, '@', a.n) : NULL;
	size_t local = at != NULL ? (size_t)(at - a.p) : 0;

	return a.n == b.n && at != NULL && memcmp(a.p, b.p, local + 1) == 0 &&
	       same_without_case(bytes_of(a.p + local, a.n - local),
				 bytes_of(b.p + local, b.n - local));
}

/* RFC 5280 7.1: whether "gw" is a PrintableString or a UTF8String does not make another name. */
static bool same_name(struct bytes a, struct bytes b)
{
	X509_NAME *x = name_decode(a);
	X509_NAME *y = name_decode(b);
	bool same = x != NULL && y != NULL && X509_NAME_cmp(x, y) == 0;

	X509_NAME_free(x);
	X509_NAME_free(y);
	return same;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	struct bytes x = identity_bytes(a);
	struct bytes y = identity_bytes(b);

	if (a->type != b->type)
		return false;
	if (bytes_equal(x, y))
		return true;
	switch (a->type) {
	case ID_FQDN:
		return same_without_case(x, y);
	case ID_RFC822_ADDR:
		return same_mailbox(x, y);
	case ID_DER_ASN1_DN:
		return same_name(x, y);
	default:
		return false;
	}
}

static void format_key_id(struct bytes b, char buf[IDENTITY_TEXT_MAX])
{
	char octet[3];

	text_append(buf, IDENTITY_TEXT_MAX, "keyid:");
	if (is_graphic(b)) {
		text_append_escaped(buf, IDENTITY_TEXT_MAX, b);
		return;
	}
	text_append(buf, IDENTITY_TEXT_MAX, "0x");
	for (size_t i = 0; i < b.n && strlen(buf) + 3 < IDENTITY_TEXT_MAX; i++) {
		snprintf(octet, sizeof(octet), "%02x", b.p[i]);
		text_append(buf, IDENTITY_TEXT_MAX, octet);
	}
}

const char *identity_format(const struct identity *id, char buf[IDENTITY_TEXT_MAX])
{
	struct bytes b;
	struct addr a;
	char text[ADDR_TEXT_MAX];
	X509_NAME *name;

	buf[0] = '\0';
	if (id == NULL) {
		text_append(buf, IDENTITY_TEXT_MAX, "(none)");
		return buf;
	}
	b = identity_bytes(id);
	switch (id->type) {
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		a = addr_from(b);
		text_append(buf, IDENTITY_TEXT_MAX, addr_format(&a, text));
		break;
	case ID_DER_ASN1_DN:
		name = name_decode(b);
		if (name != NULL)
			name_format(name, buf, IDENTITY_TEXT_MAX);
		else
			text_append(buf, IDENTITY_TEXT_MAX, "(malformed name)");
		X509_NAME_free(name);
		break;
	case ID_KEY_ID:
		format_key_id(b, buf);
		break;
	case ID_NULL:
		text_append(buf, IDENTITY_TEXT_MAX, "(anonymous)");
		break;
	default:
		text_append_escaped(buf, IDENTITY_TEXT_MAX, b);
		break;
	}
	return buf;
}

const char *identity_type_name(uint8_t type)
{
	switch (type) {
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		return "ip";
	case ID_FQDN:
		return "fqdn";
	case ID_RFC822_ADDR:
		return "email";
	case ID_DER_ASN1_DN:
		return "dn";
	case ID_DER_ASN1_GN:
		return "gn";
	case ID_KEY_ID:
		return "keyid";
	case ID_NULL:
		return "null";
	default:
		return "unknown";
	}
}
