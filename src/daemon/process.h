/* What every process of posternd is started with, and the entry points of the unprivileged ones.
 * Each is a fork of the parent, made before the parent has read any secret; each returns its exit
 * status, and ends when its parent does.
 *
 *   parent   root: sockets, TUN device, routes, files; no network input
 *   keys     private keys and pre-shared keys; talks to parent and ike alone
 *   ike      the IKE engine and the control socket
 *   plane    packets (src/plane)
 *   fetch    HTTP, on behalf of ike; forks again (fetch_process.c) */
#ifndef POSTERN_DAEMON_PROCESS_H
#define POSTERN_DAEMON_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/log.h"
#include "daemon/logsink.h"
#include "daemon/options.h"
#include "daemon/sandbox.h"
#include "net/sockets.h"
#include "plane/tun.h"

#define PROCESS_PATH_MAX 108 /* of a Unix socket */

struct process {
	pid_t parent;
	struct sandbox_user user;
	char empty[PROCESS_PATH_MAX]; /* an empty folder */
	struct daemon_config config;
	struct logsink sink;
	struct log log;
	struct faults *faults; /* shared by all processes; NULL in a release build */
};

/* Drops privileges; logs why and returns false when that fails. */
bool process_drop(struct process *p, const char *who);
bool process_filter(struct process *p, enum sandbox_profile profile);
/* The same, but the root directory stays, of which only what it takes to resolve names and to check
 * servers' certificates can be read, where the kernel has Landlock. */
bool process_drop_keep_files(struct process *p, const char *who);

struct keys_start {
	int parent; /* socketpair ends (daemon/ipc.h) */
	int ike;
};
int keys_process(struct process *p, const struct keys_start *start);

struct ike_start_fds {
	int parent;
	int keys;
	int fetch;
	int plane;    /* control socket of the plane; -1: there is no plane */
	int counters; /* read-only */
	int control;  /* the listening control socket */
	int route_v4; /* UDP sockets that are connected to learn source addresses; -1 */
	int route_v6;
	struct net_sockets *sockets;
};
int ike_process(struct process *p, const struct ike_start_fds *start);

struct plane_start {
	struct tun tun;
	int control;
	int counters;
	const struct net_sockets *sockets;
};
int plane_process(struct process *p, const struct plane_start *start);

struct fetch_start {
	int ike;
};
int fetch_process(struct process *p, const struct fetch_start *start);

/* Microseconds that never go back. */
uint64_t process_now(void);

#endif
