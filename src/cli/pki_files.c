#include "cli/pki_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

void folder_complain(const struct folder *f, const char *name, const char *why)
{
	(void)fprintf(stderr, "postern: %s%s%s: %s\n", f->path, name != NULL ? "/" : "",
		      name != NULL ? name : "", why);
}

static bool write_all(int fd, struct bytes text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text = bytes_of(text.p + n, text.n - (size_t)n);
	}
	return true;
}

/* False with errno. */
static bool create(const struct folder *f, const char *name, mode_t mode, struct bytes text)
{
	int fd =
	    openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0600);
	int why = 0;

	if (fd < 0)
		return false;
	if (!write_all(fd, text) || fchmod(fd, mode) != 0 || fsync(fd) != 0)
		why = errno;
	if (close(fd) != 0 && why == 0)
		why = errno;
	if (why == 0)
		return true;
	(void)unlinkat(f->fd, name, 0);
	errno = why;
	return false;
}

bool file_create(const struct folder *f, const char *name, mode_t mode, struct bytes text)
{
	if (create(f, name, mode, text))
		return true;
	folder_complain(f, name,
			errno == EEXIST ? "it is there already, and nothing is overwritten"
					: strerror(errno));
	return false;
}

bool file_replace(const struct folder *f, const char *name, mode_t mode, struct bytes text)
{
	char fresh[NAME_MAX + 1];
	int n = snprintf(fresh, sizeof(fresh), ".%s.new", name);

	if (n < 0 || (size_t)n >= sizeof(fresh)) {
		folder_complain(f, name, "the name is too long");
		return false;
	}
	/* Left behind by a run that was stopped: the folder's lock keeps others out. */
	(void)unlinkat(f->fd, fresh, 0);
	if (!create(f, fresh, mode, text)) {
		folder_complain(f, name, strerror(errno));
		return false;
	}
	if (renameat(f->fd, fresh, f->fd, name) == 0 && fsync(f->fd) == 0)
		return true;
	folder_complain(f, name, strerror(errno));
	(void)unlinkat(f->fd, fresh, 0);
	return false;
}

/* Reads up to max octets and one more, by which one sees that it is too long. */
static bool read_all(int fd, size_t max, uint8_t *text, size_t *n)
{
	for (*n = 0; *n <= max;) {
		ssize_t r = read(fd, text + *n, max + 1 - *n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r == 0;
		*n += (size_t)r;
	}
	return true;
}

bool file_load(const struct folder *f, const char *name, bool secret, size_t max, uint8_t **text,
	       size_t *n)
{
	int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why = NULL;
	struct stat st;

	*n = 0;
	*text = mem_new(max + 1);
	if (fd < 0 || *text == NULL || fstat(fd, &st) != 0)
		why = *text != NULL ? strerror(errno) : "out of memory";
	else if (!S_ISREG(st.st_mode))
		why = "it is not a regular file";
	else if (secret && (st.st_mode & 077) != 0)
		why = "others may read it: chmod 600";
	else if (!read_all(fd, max, *text, n))
		why = strerror(errno);
	else if (*n > max)
		why = "it is too long";
	if (fd >= 0)
		(void)close(fd);
	if (why == NULL)
		return true;
	folder_complain(f, name, why);
	mem_free_secret(*text, max + 1);
	*text = NULL;
	return false;
}

/* Splits a path into the folder that it is in, and its last part; slashes at its end are cut. */
static bool split(const char *path, char folder[PATH_MAX], char last[NAME_MAX + 1])
{
	size_t n = strlen(path);
	const char *slash;

	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n == 0 || n >= PATH_MAX - NAME_MAX)
		return false;
	memcpy(folder, path, n);
	folder[n] = '\0';
	slash = strrchr(folder, '/');
	(void)snprintf(last, NAME_MAX + 1, "%s", slash != NULL ? slash + 1 : folder);
	if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0 || last[0] == '\0')
		return false;
	if (slash == NULL)
		memcpy(folder, ".", 2);
	else
		folder[slash == folder ? 1 : slash - folder] = '\0';
	return true;
}

static bool is_taken(const char *path)
{
	struct stat st;
	DIR *dir;
	const struct dirent *entry;
	bool taken = false;

	if (lstat(path, &st) != 0)
		return false;
	dir = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
	if (dir == NULL)
		return true;
	while ((entry = readdir(dir)) != NULL)
		taken |= strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(dir);
	return taken;
}

bool new_folder_begin(struct new_folder *n, const char *path)
{
	char parent[PATH_MAX], last[NAME_MAX + 1];

	*n = (struct new_folder){.f = {path, -1}};
	if (!split(path, parent, last)) {
		folder_complain(&n->f, NULL, "that is no name for a new folder");
		return false;
	}
	(void)snprintf(n->path, sizeof(n->path), "%.*s/%s", PATH_MAX - NAME_MAX - 2, parent, last);
	if (is_taken(path)) {
		folder_complain(&n->f, NULL, "it is there already, and nothing is overwritten");
		return false;
	}
	(void)snprintf(n->temporary, sizeof(n->temporary), "%.*s/.postern-XXXXXX",
		       PATH_MAX - NAME_MAX - 2, parent);
	if (mkdtemp(n->temporary) == NULL) { /* mode 0700 */
		folder_complain(&n->f, NULL, strerror(errno));
		return false;
	}
	n->f.fd = open(n->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (n->f.fd >= 0)
		return true;
	folder_complain(&n->f, NULL, strerror(errno));
	(void)rmdir(n->temporary);
	return false;
}

static bool sync_parent(const char *path)
{
	char parent[PATH_MAX], last[NAME_MAX + 1];
	int fd = split(path, parent, last) ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

bool new_folder_finish(struct new_folder *n)
{
	/* rename() replaces an empty folder alone: whatever holds something stays. */
	if (fsync(n->f.fd) != 0 || rename(n->temporary, n->path) != 0) {
		folder_complain(&n->f, NULL,
				errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR
				    ? "it is there already, and nothing is overwritten"
				    : strerror(errno));
		return false;
	}
	(void)close(n->f.fd);
	n->f.fd = -1;
	/* It stands there all the same; only a loss of power now could take it away again. */
	if (!sync_parent(n->path))
		folder_complain(&n->f, NULL, strerror(errno));
	return true;
}

void new_folder_abandon(struct new_folder *n)
{
	const struct dirent *entry;
	DIR *dir;

	if (n->f.fd < 0)
		return;
	dir = fdopendir(n->f.fd); /* takes the descriptor */
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
	else
		(void)close(n->f.fd);
	n->f.fd = -1;
	(void)rmdir(n->temporary);
}
