#include "pki/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define NAME_PARTS_MAX 32
#define NAME_TEXT_MAX  2048

void text_append(char *buf, size_t cap, const char *text)
{
	size_t n = strlen(buf);
	size_t more = strlen(text);

	if (n + more < cap) {
		memcpy(buf + n, text, more + 1);
		return;
	}
	if (cap >= 4) {
		memcpy(buf + n, text, cap - 1 - n);
		memcpy(buf + cap - 4, "...", 4);
	}
}

void text_append_escaped(char *buf, size_t cap, struct bytes octets)
{
	char one[5];

	for (size_t i = 0; i < octets.n; i++) {
		uint8_t c = octets.p[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			snprintf(one, sizeof(one), "%c", c);
		else
			snprintf(one, sizeof(one), "\\x%02x", c);
		if (strlen(buf) + strlen(one) >= cap) {
			text_append(buf, cap, one);
			return;
		}
		text_append(buf, cap, one);
	}
}

const char *name_format(const X509_NAME *name, char *buf, size_t cap)
{
	/* Escapes control characters and all above ASCII, so that a peer's name forges no line. */
	unsigned long flags =
	    XN_FLAG_ONELINE & ~(unsigned long)(XN_FLAG_SPC_EQ | ASN1_STRFLGS_ESC_QUOTE);
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long n;

	buf[0] = '\0';
	if (out != NULL && X509_NAME_print_ex(out, name, 0, flags) >= 0) {
		n = BIO_get_mem_data(out, &text);
		for (long i = 0; i < n; i++) {
			char one[2] = {text[i], '\0'};

			if (strlen(buf) + 1 >= cap) {
				text_append(buf, cap, one);
				break;
			}
			text_append(buf, cap, isprint((unsigned char)text[i]) ? one : "?");
		}
	}
	BIO_free(out);
	ERR_clear_error();
	if (buf[0] == '\0')
		text_append(buf, cap, "(empty name)");
	return buf;
}

X509_NAME *name_decode(struct bytes der)
{
	const unsigned char *p = der.p;
	X509_NAME *name;

	if (der.n == 0 || der.n > NAME_TEXT_MAX)
		return NULL;
	name = d2i_X509_NAME(NULL, &p, (long)der.n);
	if (name != NULL && p == der.p + der.n && X509_NAME_entry_count(name) > 0)
		return name;
	X509_NAME_free(name);
	ERR_clear_error();
	return NULL;
}

/* One part "TYPE=value", already without its escapes and outer blanks; changed in the doing. */
static bool add_part(X509_NAME *name, char *part, const char **reason)
{
	char *value = strchr(part, '=');
	size_t n;

	if (value == NULL || value == part || value[1] == '\0') {
		*reason = "each part of a distinguished name is TYPE=value, as in CN=gw";
		return false;
	}
	n = (size_t)(value - part);
	while (n > 0 && part[n - 1] == ' ')
		n--;
	part[n] = '\0';
	value++;
	value += strspn(value, " ");
	if (X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value, -1,
				       -1, 0) == 1)
		return true;
	ERR_clear_error();
	*reason = "a part of the distinguished name has an unknown type (known are CN, O, OU, C, "
		  "...) or a value that its type does not take";
	return false;
}

/* Takes the next part out of *text into out: up to the separator, blanks around it dropped, a
 * backslash before a character taken away. True when a separator followed, hence another part. */
static bool next_part(const char **text, char separator, char *out)
{
	const char *p = *text + strspn(*text, " ");
	size_t n = 0;
	size_t keep = 0; /* blanks up to here were escaped */

	while (*p != '\0' && *p != separator) {
		if (*p == '\\' && p[1] != '\0') {
			p++;
			keep = n + 1;
		}
		out[n++] = *p++;
	}
	while (n > keep && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	*text = *p != '\0' ? p + 1 : p;
	return *p != '\0';
}

X509_NAME *name_parse(const char *text, const char **reason)
{
	char part[NAME_TEXT_MAX];
	char separator = ',';
	X509_NAME *name;
	bool more;

	if (strlen(text) >= sizeof(part)) {
		*reason = "the distinguished name is too long";
		return NULL;
	}
	if (*text == '/') {
		separator = '/';
		text++;
	}
	name = X509_NAME_new();
	if (name == NULL) {
		*reason = "out of memory";
		return NULL;
	}
	do {
		more = next_part(&text, separator, part);
		if (X509_NAME_entry_count(name) == NAME_PARTS_MAX)
			*reason = "the distinguished name has too many parts";
		else if (add_part(name, part, reason))
			continue;
		X509_NAME_free(name);
		return NULL;
	} while (more);
	return name;
}
