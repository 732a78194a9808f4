#include "daemon/values.h"

#include <stddef.h>
#include <string.h>

#include "daemon/options.h"

struct unit {
	const char *name;
	uint64_t size;
};

static const struct unit times[] = {
    {"ms", 1000},         {"s", 1000000},        {"m", 60000000},
    {"h", 3600000000ULL}, {"d", 86400000000ULL}, {NULL, 0},
};

static const struct unit octets[] = {
    {"B", 1},
    {"KiB", 1ULL << 10},
    {"MiB", 1ULL << 20},
    {"GiB", 1ULL << 30},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TiB", 1ULL << 40},
    {"TB", 1000000000000ULL},
    {NULL, 0},
};

/* Reads digits from *text and moves it on. */
static bool digits(uint64_t *out, const char **text)
{
	uint64_t v = 0;

	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		uint64_t digit = (uint64_t)(**text - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

bool value_count(uint64_t *out, const char *text)
{
	return digits(out, &text) && *text == '\0';
}

bool value_limit(uint64_t *out, const char *text)
{
	if (strcmp(text, "never") == 0) {
		*out = 0;
		return true;
	}
	return value_count(out, text);
}

/* A sum of numbers, each with a unit of the table. */
static bool with_units(uint64_t *out, const struct unit *units, const char *text)
{
	uint64_t sum = 0;

	if (strcmp(text, "never") == 0) {
		*out = 0;
		return true;
	}
	do {
		uint64_t v;
		if (!digits(&v, &text))
			return false;
		size_t n = strcspn(text, "0123456789");
		const struct unit *u = units;
		while (u->name != NULL && (strlen(u->name) != n || memcmp(u->name, text, n) != 0))
			u++;
		if (u->name == NULL || v > UINT64_MAX / u->size || sum > UINT64_MAX - v * u->size)
			return false;
		sum += v * u->size;
		text += n;
	} while (*text != '\0');
	*out = sum;
	return true;
}

bool value_time(uint64_t *out, const char *text)
{
	return with_units(out, times, text);
}

bool value_octets(uint64_t *out, const char *text)
{
	return with_units(out, octets, text);
}

bool value_bool(bool *out, const char *text)
{
	*out = strcmp(text, "yes") == 0;
	return *out || strcmp(text, "no") == 0;
}

bool value_word(unsigned *out, const char *const *words, const char *text)
{
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], text) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

bool value_ke_number(struct daemon_ke_number *out, const char *text)
{
	const char *colon = strchr(text, ':');
	uint64_t v;

	memset(out, 0, sizeof(*out));
	if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof(out->word) ||
	    !value_count(&v, colon + 1) || v == 0 || v > UINT16_MAX)
		return false;
	memcpy(out->word, text, (size_t)(colon - text));
	out->number = (uint16_t)v;
	return true;
}
