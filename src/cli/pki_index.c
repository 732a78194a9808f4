#include "cli/pki_index.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "pki/issue.h"

#define LINE_TEXT_MAX 2048

static const char heading[] = "# What this CA has issued; postern pki reads and writes it.\n"
			      "# serial state revoked-at reason not-after key name\n";

const char *pki_time_text(int64_t t, char buf[PKI_TIME_MAX])
{
	time_t seconds = (time_t)t;
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(buf, PKI_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		memcpy(buf, "?", 2);
	return buf;
}

static bool time_parse(const char *text, int64_t *out)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (end == NULL || *end != '\0')
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

static void clear_entry(struct pki_entry *e)
{
	mem_free(e->serial);
	mem_free(e->reason);
	mem_free(e->key);
	mem_free(e->name);
}

void pki_index_clear(struct pki_index *index)
{
	for (size_t i = 0; i < index->n; i++)
		clear_entry(&index->entries[i]);
	mem_free(index->entries);
	*index = (struct pki_index){0};
}

static bool make_room(struct pki_index *index)
{
	size_t cap = index->cap != 0 ? 2 * index->cap : 16;
	struct pki_entry *entries;

	if (index->n < index->cap)
		return true;
	entries = mem_new(cap * sizeof(*entries));
	if (entries == NULL)
		return false;
	if (index->n != 0)
		memcpy(entries, index->entries, index->n * sizeof(*entries));
	mem_free(index->entries);
	index->entries = entries;
	index->cap = cap;
	return true;
}

enum err pki_index_add(struct pki_index *index, const char *serial, int64_t not_after,
		       const char *key, const char *name)
{
	struct pki_entry e = {.not_after = not_after};

	if (!make_room(index))
		return ERR_NO_MEMORY;
	e.serial = mem_text(serial);
	e.key = mem_text(key);
	e.name = mem_text(name);
	if (e.serial == NULL || e.key == NULL || e.name == NULL) {
		clear_entry(&e);
		return ERR_NO_MEMORY;
	}
	index->entries[index->n++] = e;
	return ERR_NONE;
}

void pki_index_drop_last(struct pki_index *index)
{
	clear_entry(&index->entries[--index->n]);
}

enum err pki_index_revoke(struct pki_entry *entry, const char *reason, int64_t at)
{
	char *copy = mem_text(reason);

	if (copy == NULL)
		return ERR_NO_MEMORY;
	mem_free(entry->reason);
	entry->reason = copy;
	entry->revoked = true;
	entry->revoked_at = at;
	return ERR_NONE;
}

static bool is_serial(const char *text)
{
	size_t n = strspn(text, "0123456789ABCDEF");

	return n != 0 && n % 2 == 0 && text[n] == '\0';
}

/* "revoked AT REASON" or "good - -", fields 1 to 3. */
static enum err parse_state(struct pki_entry *e, char *const field[])
{
	int64_t at;

	if (strcmp(field[1], "good") == 0)
		return strcmp(field[2], "-") == 0 && strcmp(field[3], "-") == 0 ? ERR_NONE
										: ERR_SYNTAX;
	if (strcmp(field[1], "revoked") != 0 || !time_parse(field[2], &at) ||
	    issue_reason_number(field[3]) < 0)
		return ERR_SYNTAX;
	return pki_index_revoke(e, field[3], at);
}

/* line is changed in the doing. */
static enum err parse_entry(struct pki_index *index, char *line)
{
	char *field[7];
	int64_t not_after;
	enum err e;

	for (size_t i = 0; i < 6; i++) {
		field[i] = line;
		line = strchr(line, ' ');
		if (line == NULL)
			return ERR_SYNTAX;
		*line++ = '\0';
	}
	field[6] = line;
	if (!is_serial(field[0]) || !time_parse(field[4], &not_after) || field[5][0] == '\0' ||
	    field[6][0] == '\0')
		return ERR_SYNTAX;
	e = pki_index_add(index, field[0], not_after, field[5], field[6]);
	return e == ERR_NONE ? parse_state(&index->entries[index->n - 1], field) : e;
}

static enum err parse_line(struct pki_index *index, char *line)
{
	static const char number[] = "crl-number ";
	char *end;

	if (line[0] == '#' || line[0] == '\0')
		return ERR_NONE;
	if (strncmp(line, number, sizeof(number) - 1) != 0)
		return parse_entry(index, line);
	line += sizeof(number) - 1;
	if (*line < '0' || *line > '9')
		return ERR_SYNTAX;
	index->crl_number = strtoull(line, &end, 10);
	return *end == '\0' && index->crl_number < UINT64_MAX ? ERR_NONE : ERR_SYNTAX;
}

enum err pki_index_parse(struct pki_index *out, struct bytes text, size_t *line)
{
	enum err e = ERR_NONE;

	*out = (struct pki_index){0};
	for (*line = 1; e == ERR_NONE && text.n > 0; ++*line) {
		const uint8_t *newline = memchr(text.p, '\n', text.n);
		size_t n = newline != NULL ? (size_t)(newline - text.p) : text.n;
		char one[LINE_TEXT_MAX];

		/* A last line without its end was cut: what it says may be half of it. */
		e = newline == NULL || n >= sizeof(one) || memchr(text.p, '\0', n) != NULL
			? ERR_SYNTAX
			: ERR_NONE;
		if (e == ERR_NONE) {
			memcpy(one, text.p, n);
			one[n] = '\0';
			e = parse_line(out, one);
			text = bytes_of(text.p + n + 1, text.n - n - 1);
		}
		if (e != ERR_NONE)
			break;
	}
	if (e != ERR_NONE)
		pki_index_clear(out);
	return e;
}

char *pki_index_text(const struct pki_index *index)
{
	size_t cap = sizeof(heading) + 64, n = 0;
	char at[PKI_TIME_MAX], until[PKI_TIME_MAX];
	char *text;

	for (size_t i = 0; i < index->n; i++)
		cap += strlen(index->entries[i].serial) + strlen(index->entries[i].key) +
		       strlen(index->entries[i].name) + 2 * PKI_TIME_MAX + 64;
	text = mem_new(cap);
	if (text == NULL)
		return NULL;
	n = (size_t)snprintf(text, cap, "%scrl-number %" PRIu64 "\n", heading, index->crl_number);
	for (size_t i = 0; i < index->n; i++) {
		const struct pki_entry *e = &index->entries[i];

		n += (size_t)snprintf(text + n, cap - n, "%s %s %s %s %s %s %s\n", e->serial,
				      e->revoked ? "revoked" : "good",
				      e->revoked ? pki_time_text(e->revoked_at, at) : "-",
				      e->revoked ? e->reason : "-",
				      pki_time_text(e->not_after, until), e->key, e->name);
	}
	return text;
}

struct pki_entry *pki_index_find(const struct pki_index *index, const char *what, int64_t now,
				 size_t *matches)
{
	struct pki_entry *found = NULL;

	*matches = 0;
	for (size_t i = 0; i < index->n; i++) {
		struct pki_entry *e = &index->entries[i];

		if (strcasecmp(e->serial, what) == 0) {
			*matches = 1;
			return e;
		}
		if (strcmp(e->name, what) != 0 || e->revoked || e->not_after <= now)
			continue;
		found = e;
		++*matches;
	}
	return *matches == 1 ? found : NULL;
}
