#include "daemon/check.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/build.h"
#include "daemon/files.h"
#include "daemon/ipc.h"
#include "daemon/keys_load.h"

enum err check_read(const char *path, struct config *c, struct errors *errors)
{
	uint8_t *octets = NULL;
	size_t n = 0;
	enum err e = file_slurp(path, CONFIG_OCTETS_MAX, &octets, &n, NULL, NULL);

	if (e == ERR_UNSUPPORTED)
		errors_add(errors, 0, "it is no regular file");
	else if (e == ERR_LIMIT)
		errors_add(errors, 0, "it is larger than %u octets", CONFIG_OCTETS_MAX);
	else if (e == ERR_IO)
		errors_add(errors, 0, "it cannot be read: %s", strerror(errno));
	else if (e != ERR_NONE)
		errors_add(errors, 0, "out of memory");
	else
		e = config_parse(c, bytes_of(octets, n), errors);
	mem_free_secret(octets, n);
	return e;
}

const char *check_folder(const char *path, char *buf, size_t cap)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;

	if (slash == path)
		n = 1;
	if (slash == NULL || n >= cap) {
		(void)snprintf(buf, cap, ".");
		return buf;
	}
	memcpy(buf, path, n);
	buf[n] = '\0';
	return buf;
}

static enum err check_rest(const struct config *c, const struct files *f, struct errors *errors)
{
	static const uint8_t secret[16];
	struct builder builder;
	struct built built = {0};
	struct keystore *keys = NULL;
	uint8_t *infos = mem_new(IPC_MESSAGE_MAX);

	if (infos == NULL)
		return ERR_NO_MEMORY;
	struct writer w = writer_of(infos, IPC_MESSAGE_MAX);
	enum err e = keys_load(c, f, &keys, &w, errors);
	if (e == ERR_NONE)
		e = builder_init(&builder, secret);
	if (e == ERR_NONE) {
		e = build_connections(&builder, c, f, writer_bytes_so_far(&w), &built, errors);
		built_clear(&built);
		builder_clear(&builder);
	}
	keystore_free(keys);
	mem_free(infos);
	return e;
}

enum err check_file(const char *path, struct errors *errors, size_t *connections)
{
	char folder[PATH_MAX];
	struct config c;
	struct daemon_config d;
	struct files f;

	config_init(&c);
	enum err e = files_init(&f);
	if (e != ERR_NONE)
		return e;
	e = check_read(path, &c, errors);
	config_daemon(&c, &d);
	config_use_ke_numbers(&d);
	if (e == ERR_NONE)
		e = files_read(&f, check_folder(path, folder, sizeof(folder)), &c, errors);
	if (e == ERR_NONE)
		e = check_rest(&c, &f, errors);
	*connections = c.n_connections;
	files_clear(&f);
	config_clear(&c);
	return e;
}
