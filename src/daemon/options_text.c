/* What the table of options says to people: what a value must be, and the manual. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/options.h"

static size_t add(char buf[OPTION_EXPECTED_MAX], size_t at, const char *text)
{
	size_t n = strlen(text);

	if (n > OPTION_EXPECTED_MAX - 1 - at)
		n = OPTION_EXPECTED_MAX - 1 - at;
	memcpy(buf + at, text, n);
	buf[at + n] = '\0';
	return at + n;
}

static const char *one_of(const struct config_option *o, char buf[OPTION_EXPECTED_MAX])
{
	if (o->words[1] == NULL) {
		(void)snprintf(buf, OPTION_EXPECTED_MAX, "\"%s\"", o->words[0]);
		return buf;
	}
	size_t at = add(buf, 0, "one of ");
	for (size_t i = 0; o->words[i] != NULL; i++) {
		if (i > 0)
			at = add(buf, at, ", ");
		at = add(buf, at, o->words[i]);
	}
	return buf;
}

/* Microseconds in the largest unit that gives a whole number. */
static void put_time(char *buf, size_t cap, uint64_t us)
{
	static const struct {
		const char *unit;
		uint64_t size;
	} units[] = {{"d", 86400000000ULL}, {"h", 3600000000ULL}, {"m", 60000000}, {"s", 1000000}};
	size_t i = 0;

	while (i < 3 && us % units[i].size != 0)
		i++;
	(void)snprintf(buf, cap, "%" PRIu64 "%s", us / units[i].size, units[i].unit);
}

static const char *expected_number(const struct config_option *o, char buf[OPTION_EXPECTED_MAX])
{
	char low[32], high[32];

	switch (o->type) {
	case OPTION_TIME:
		put_time(low, sizeof(low), o->min);
		put_time(high, sizeof(high), o->max);
		(void)snprintf(buf, OPTION_EXPECTED_MAX,
			       "a time from %s to %s (such as 30s, 15m, 8h), or never", low, high);
		break;
	case OPTION_OCTETS:
		if (o->max <= 1ULL << 30)
			(void)snprintf(buf, OPTION_EXPECTED_MAX,
				       "octets from 64KiB to %" PRIu64
				       "MiB with a unit (such as 500KB, 1MiB)",
				       o->max >> 20);
		else
			(void)snprintf(buf, OPTION_EXPECTED_MAX,
				       "octets from 64KiB up with a unit (such as 500MB, 1GiB), "
				       "or never");
		break;
	case OPTION_LIMIT:
		(void)snprintf(buf, OPTION_EXPECTED_MAX,
			       "a number from %" PRIu64 " to %" PRIu64 ", or never", o->min,
			       o->max);
		break;
	default:
		(void)snprintf(buf, OPTION_EXPECTED_MAX, "a number from %" PRIu64 " to %" PRIu64,
			       o->min, o->max);
		break;
	}
	return buf;
}

const char *option_expected(const struct config_option *o, char buf[OPTION_EXPECTED_MAX])
{
	const char *text = "";

	switch (o->type) {
	case OPTION_WORD:
		return one_of(o, buf);
	case OPTION_COUNT:
	case OPTION_LIMIT:
	case OPTION_TIME:
	case OPTION_OCTETS:
		return expected_number(o, buf);
	case OPTION_NAME:
		(void)snprintf(buf, OPTION_EXPECTED_MAX,
			       "at most %" PRIu64 " letters, digits, \"-\", \"_\" or \".\"",
			       o->max);
		return buf;
	case OPTION_BOOL:
		text = "yes or no";
		break;
	case OPTION_ADDRESS:
		text = "an IPv4 or IPv6 address, or any";
		break;
	case OPTION_IDENTITY:
		text = "an identity";
		break;
	case OPTION_URL:
		return "a URL that begins with http:// or https://";
	case OPTION_PPK_ID:
		text = "the identity of a section ppk";
		break;
	case OPTION_SELECTOR:
		text = "a prefix (without host bits), an address or a range, and if need be a "
		       "protocol and port: 10.1.0.0/24, 2001:db8::/64, 10.1.0.7[tcp/443]";
		break;
	case OPTION_KEY_TYPES:
		text =
		    "pq, or a kind of key such as mldsa, mldsa65, slhdsa, ecdsa-p256, ed25519, rsa";
		break;
	case OPTION_KE_NUMBER:
		text = "a method, a colon and a number from 1 to 65535: frodo1344shake:1088";
		break;
	case OPTION_IKE_SUITE:
	case OPTION_ESP_SUITE:
		text = "algorithms such as aes256gcm-x25519+mlkem768, or a suite's name";
		break;
	case OPTION_PUBLIC_FILE:
	case OPTION_SECRET_FILE:
		text = "a file name";
		break;
	}
	(void)add(buf, 0, text);
	return buf;
}

/* mdoc takes a backslash or a leading dot or quote for itself. */
static void man_text(FILE *f, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\')
			(void)fputs("\\e", f);
		else if ((p == text || p[-1] == '\n') && (*p == '.' || *p == '\''))
			(void)fprintf(f, "\\&%c", *p);
		else if (*p == '.' && p[1] == ' ')
			/* A new sentence begins on a new line. */
			(void)fputs(".\n", f), p++;
		else
			(void)fputc(*p, f);
	}
	(void)fputc('\n', f);
}

static void man_option(FILE *f, const struct config_option *o)
{
	char expected[OPTION_EXPECTED_MAX];

	(void)fprintf(f, ".It Ic %s\n", o->word);
	man_text(f, o->help);
	(void)fprintf(f, "Value: %s", option_expected(o, expected));
	(void)fputs(o->list ? "; several in braces, with commas between.\n" : ".\n", f);
	if (o->required)
		(void)fputs("It must be given.\n", f);
	else if (o->def != NULL)
		(void)fprintf(f, "The default is\n.Cm %s .\n", o->def);
}

void options_man(FILE *f)
{
	size_t n;
	const struct config_option *all = options_all(&n);

	for (int s = 0; s < SECTION_COUNT; s++) {
		const struct config_section_info *info = section_info((enum option_section)s);
		(void)fprintf(f, ".Ss The section %s\n", info->word);
		if (info->title != NULL)
			(void)fprintf(f, ".D1 Ic %s Ar %s No { ... }\n", info->word, info->title);
		else
			(void)fprintf(f, ".D1 Ic %s No { ... }\n", info->word);
		(void)fputs(".Pp\n", f);
		man_text(f, info->help);
		(void)fputs(".Bl -tag -width Ds\n", f);
		for (size_t i = 0; i < n; i++) {
			if ((int)all[i].section == s)
				man_option(f, &all[i]);
		}
		(void)fputs(".El\n", f);
	}
}
