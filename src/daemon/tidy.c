#include "daemon/tidy.h"

#include <stdbool.h>
#include <string.h>

struct tidy {
	char *text;
	size_t n;
	size_t at;
	unsigned line;
	unsigned depth;
	unsigned open_line; /* of the outermost open brace */
	bool bad;
	char *last_quote; /* the closing quote before which only blanks stand, at depth 0 */
	struct errors *errors;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool starts(const struct tidy *t, const char *two)
{
	return t->n - t->at >= 2 && t->text[t->at] == two[0] && t->text[t->at + 1] == two[1];
}

/* A comment of two signs begins only where a word could; "a//b" is a name. */
static bool at_word_start(const struct tidy *t)
{
	return t->at == 0 || is_blank(t->text[t->at - 1]) ||
	       strchr("{}=,", t->text[t->at - 1]) != NULL;
}

static void blank_line(struct tidy *t)
{
	while (t->at < t->n && t->text[t->at] != '\n')
		t->text[t->at++] = ' ';
}

static void blank_block(struct tidy *t)
{
	unsigned begun = t->line;

	for (bool end = false; !end && t->at < t->n; t->at++) {
		end = starts(t, "*/");
		if (end)
			t->text[t->at++] = ' ';
		if (t->text[t->at] == '\n')
			t->line++;
		else
			t->text[t->at] = ' ';
		if (end)
			continue;
		if (t->at + 1 == t->n) {
			errors_expected(t->errors, begun, "/*", "\"*/\" to end the comment");
			t->bad = true;
		}
	}
}

/* Nowhere but in a comment, not in quotes either: a zero would end the file for libconfuse there,
 * and TIDY_TITLE_MARK would part a title. */
static void refuse_control(struct tidy *t)
{
	unsigned char c = (unsigned char)t->text[t->at];

	if (c >= 0x20 || is_blank((char)c))
		return;
	errors_expected(t->errors, t->line, "?", "text; this is a control character (0x%02x)", c);
	t->bad = true;
}

static void refuse_variable(struct tidy *t)
{
	if (!starts(t, "${"))
		return;
	errors_expected(t->errors, t->line, "${", "plain text: variables are not known here");
	t->bad = true;
}

static void skip_quoted(struct tidy *t)
{
	size_t begun = t->at;
	char quote = t->text[t->at++];

	while (t->at < t->n && t->text[t->at] != quote && t->text[t->at] != '\n') {
		refuse_variable(t);
		if (t->text[t->at] == '\\' && t->at + 1 < t->n && t->text[t->at + 1] != '\n')
			t->at++;
		refuse_control(t);
		t->at++;
	}
	if (t->at >= t->n || t->text[t->at] != quote) {
		char word[41] = {0};
		size_t n = t->at - begun;
		memcpy(word, t->text + begun, n < 40 ? n : 40);
		errors_expected(t->errors, t->line, word, "a closing quote on the same line");
		t->bad = true;
		return;
	}
	if (t->depth == 0 && t->last_quote != NULL) {
		*t->last_quote = TIDY_TITLE_MARK;
		t->text[begun] = ' ';
	}
	t->last_quote = t->depth == 0 ? t->text + t->at : NULL;
	t->at++;
}

static void brace(struct tidy *t, char c)
{
	if (c == '{') {
		if (t->depth++ == 0)
			t->open_line = t->line;
	} else if (t->depth > 0) {
		t->depth--;
	} else {
		errors_expected(t->errors, t->line, "}", "a section: no \"{\" is open here");
		t->bad = true;
	}
}

static void plain(struct tidy *t)
{
	char c = t->text[t->at];

	if (c == '\n') {
		t->line++;
	} else if (c == '{' || c == '}') {
		brace(t, c);
	}
	refuse_variable(t);
	refuse_control(t);
	if (!is_blank(c))
		t->last_quote = NULL;
	t->at++;
}

enum err tidy_text(char *text, size_t n, struct errors *errors)
{
	struct tidy t = {.text = text, .n = n, .line = 1, .errors = errors};

	while (t.at < n && !t.bad) {
		char c = text[t.at];
		if (c == '#' || (starts(&t, "//") && at_word_start(&t)))
			blank_line(&t);
		else if (starts(&t, "/*") && at_word_start(&t))
			blank_block(&t);
		else if (c == '"' || c == '\'')
			skip_quoted(&t);
		else
			plain(&t);
	}
	if (!t.bad && t.depth > 0) {
		errors_expected(errors, t.open_line, "{", "a \"}\" that closes it, before the end");
		t.bad = true;
	}
	return t.bad ? ERR_SYNTAX : ERR_NONE;
}
