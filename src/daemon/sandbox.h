/* What each of posternd's processes may still do once it has begun its work. */
#ifndef POSTERN_DAEMON_SANDBOX_H
#define POSTERN_DAEMON_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

#define SANDBOX_REASON_MAX 256

enum sandbox_profile {
	SANDBOX_IKE,   /* sockets that it was given, and clients of its control socket */
	SANDBOX_KEYS,  /* messages, and nothing else */
	SANDBOX_PLANE, /* the TUN device and sockets that it was given */
	SANDBOX_FETCH, /* connections of its own, files to read, and threads (net/fetch.h) */
};

struct sandbox_user {
	uid_t uid;
	gid_t gid;
};

/* The configured user; when that is the default and does not exist, nobody. */
enum err sandbox_find_user(struct sandbox_user *u, const char *name, bool is_default,
			   char reason[SANDBOX_REASON_MAX]);

/* Root's last act: an empty folder as root directory, no groups, the user's ids, no new privileges,
 * no core files, death with the parent. folder NULL: keeps the root directory. */
enum err sandbox_drop(const struct sandbox_user *u, const char *folder, pid_t parent,
		      char reason[SANDBOX_REASON_MAX]);

/* From now on nothing of the file system but what lies beneath these folders, NULL at the end, can
 * be reached, and that only to be read; those that are not there are passed over. ERR_UNSUPPORTED:
 * the kernel has no Landlock. */
enum err sandbox_files(const char *const *folders, char reason[SANDBOX_REASON_MAX]);

/* From now on, in all threads, a system call outside the profile kills the process (SIGSYS). Does
 * nothing in a build with sanitizers, which need calls of their own; sandbox_filters() tells. */
enum err sandbox_filter(enum sandbox_profile profile, char reason[SANDBOX_REASON_MAX]);
bool sandbox_filters(void);

#endif
