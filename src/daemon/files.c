#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static struct bytes file_key(const struct table_node *node)
{
	const struct file *f = (const struct file *)(const void *)node;

	return bytes_of(f->name, strlen(f->name));
}

enum err files_init(struct files *f)
{
	/* The names come from the configuration alone. */
	static const uint8_t secret[16];

	*f = (struct files){0};
	f->end = &f->first;
	return table_init(&f->by_name, secret, file_key);
}

void files_clear(struct files *f)
{
	for (struct file *file = f->first, *next; file != NULL; file = next) {
		next = file->next;
		mem_free_secret(file->octets, file->n);
		mem_free(file->name);
		mem_free(file);
	}
	f->first = NULL;
	f->end = &f->first;
	table_clear(&f->by_name);
}

const struct file *files_find(const struct files *f, const char *name)
{
	return (const struct file *)(const void *)table_find(&f->by_name,
							     bytes_of(name, strlen(name)));
}

enum err files_add(struct files *f, const char *name, bool secret, uint8_t *octets, size_t n)
{
	struct file *file = mem_new(sizeof(*file));
	char *copy = mem_text(name);

	if (file == NULL || copy == NULL) {
		mem_free(file);
		mem_free(copy);
		mem_free_secret(octets, n);
		return ERR_NO_MEMORY;
	}
	*file = (struct file){.name = copy, .secret = secret, .octets = octets, .n = n};
	*f->end = file;
	f->end = &file->next;
	table_add(&f->by_name, &file->by_name);
	return ERR_NONE;
}

/* Reads n octets, or fewer when the file has got shorter. */
static bool read_all(int fd, uint8_t *to, size_t *n)
{
	size_t got = 0;

	while (got < *n) {
		ssize_t r = read(fd, to + got, *n - got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return false;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	*n = got;
	return true;
}

enum err file_slurp(const char *path, size_t max, uint8_t **octets, size_t *n, unsigned *mode,
		    unsigned *owner)
{
	enum err e = ERR_IO;
	struct stat st;
	uint8_t *buf = NULL;
	size_t size = 0, cap = 0;
	/* O_NONBLOCK: a FIFO must not hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return ERR_IO;
	if (fstat(fd, &st) != 0)
		goto done;
	e = ERR_UNSUPPORTED;
	if (!S_ISREG(st.st_mode))
		goto done;
	e = ERR_LIMIT;
	if ((uint64_t)st.st_size > max)
		goto done;
	cap = size = (size_t)st.st_size;
	e = ERR_NO_MEMORY;
	buf = mem_new(size + 1);
	if (buf == NULL)
		goto done;
	e = ERR_IO;
	if (!read_all(fd, buf, &size))
		goto done;
	*octets = buf;
	*n = size;
	buf = NULL;
	if (mode != NULL)
		*mode = st.st_mode & 07777;
	if (owner != NULL)
		*owner = st.st_uid;
	e = ERR_NONE;
done:
	mem_free_secret(buf, cap);
	(void)close(fd);
	return e;
}

static void complain(struct errors *errors, const struct config_value *v, const char *path,
		     enum err e, int reason)
{
	if (e == ERR_UNSUPPORTED)
		errors_expected(errors, v->line, v->text, "a regular file at %s", path);
	else if (e == ERR_LIMIT)
		errors_expected(errors, v->line, v->text, "a file of at most %u octets at %s",
				FILE_OCTETS_MAX, path);
	else if (e == ERR_IO)
		errors_expected(errors, v->line, v->text, "a readable file at %s: %s", path,
				strerror(reason));
	else
		errors_add(errors, v->line, "%s: out of memory", path);
}

static void read_one(struct files *f, const char *folder, const struct config_value *v,
		     struct errors *errors)
{
	char path[PATH_MAX];
	uint8_t *octets = NULL;
	size_t n = 0;
	unsigned mode = 0, owner = 0;
	bool secret = v->option->type == OPTION_SECRET_FILE;
	const struct file *before = files_find(f, v->text);

	if (before != NULL && before->secret == secret)
		return;
	int len = v->text[0] == '/' ? snprintf(path, sizeof(path), "%s", v->text)
				    : snprintf(path, sizeof(path), "%s/%s", folder, v->text);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		errors_expected(errors, v->line, v->text, "a shorter file name");
		return;
	}
	if (before != NULL) {
		errors_expected(errors, v->line, v->text,
				"another file: this one is named both as secret and as public");
		return;
	}
	enum err e = file_slurp(path, FILE_OCTETS_MAX, &octets, &n, &mode, &owner);
	if (e != ERR_NONE) {
		complain(errors, v, path, e, errno);
		return;
	}
	if (secret && (mode & 077) != 0)
		errors_expected(errors, v->line, v->text,
				"a file that only its owner can read (it has mode %04o); run: "
				"chmod 600 %s",
				mode, path);
	if (secret && owner != 0 && owner != geteuid())
		errors_expected(errors, v->line, v->text,
				"a file that belongs to root (it belongs to user %u); run: "
				"chown root %s",
				owner, path);
	if (files_add(f, v->text, secret, octets, n) != ERR_NONE)
		complain(errors, v, path, ERR_NO_MEMORY, 0);
}

static void read_section(struct files *f, const char *folder, const struct config_section *s,
			 struct errors *errors)
{
	for (const struct config_value *v = s->values; v != NULL; v = v->next) {
		if (v->option->type == OPTION_PUBLIC_FILE || v->option->type == OPTION_SECRET_FILE)
			read_one(f, folder, v, errors);
	}
}

enum err files_read(struct files *f, const char *folder, const struct config *c,
		    struct errors *errors)
{
	size_t found = errors->n + errors->more;

	for (const struct config_section *s = c->sections; s != NULL; s = s->next)
		read_section(f, folder, s, errors);
	return errors->n + errors->more > found ? ERR_SYNTAX : ERR_NONE;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum err psk_parse(struct bytes text, uint8_t **key, size_t *n)
{
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	if (text.n > 0 && text.p[text.n - 1] == '\r')
		text.n--;
	if (text.n == 0)
		return ERR_SYNTAX;
	uint8_t *out = mem_copy(text);
	if (out == NULL)
		return ERR_NO_MEMORY;
	*key = out;
	*n = text.n;
	if (text.n < 2 || text.p[0] != '0' || text.p[1] != 'x')
		return ERR_NONE;
	bool bad = text.n % 2 != 0 || text.n == 2;
	for (size_t i = 2; !bad && i < text.n; i += 2) {
		int high = hex_digit(text.p[i]), low = hex_digit(text.p[i + 1]);
		bad = high < 0 || low < 0;
		if (!bad)
			out[i / 2 - 1] = (uint8_t)(high * 16 + low);
	}
	if (bad) {
		mem_free_secret(out, text.n);
		*key = NULL;
		return ERR_SYNTAX;
	}
	/* The block keeps its size; the rest of it must not outlive the key. */
	mem_erase(out + (text.n - 2) / 2, text.n - (text.n - 2) / 2);
	*n = (text.n - 2) / 2;
	return ERR_NONE;
}
