/* The parent: root, small, and deaf to the network. It opens what needs root, starts the other
 * processes, reads the configuration and the files it names, and from then on only changes routes
 * when the ike process asks, reloads, and watches its children. */
#ifndef POSTERN_DAEMON_PARENT_H
#define POSTERN_DAEMON_PARENT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "daemon/process.h"
#include "plane/routes.h"

#define RUN_DIR_DEFAULT "/run/postern"
#define CONFIG_DEFAULT  "/etc/postern/postern.conf"

enum child_name { CHILD_PLANE, CHILD_KEYS, CHILD_IKE, CHILD_FETCH, CHILD_COUNT };

/* Where a reload has got to. */
enum loading { LOADING_NOTHING, LOADING_KEYS, LOADING_IKE };

struct parent {
	struct process process;
	const char *config_path;
	const char *run_dir;
	char folder[PATH_MAX]; /* of the configuration */
	char control_path[PROCESS_PATH_MAX];
	int lock; /* the pid file */
	struct net_sockets sockets;
	struct tun tun;
	int counters, counters_read;
	int control;
	int route_v4, route_v6;
	int plane_pair[2];             /* [0]: ike, [1]: plane */
	int jobs_pair[2];              /* [0]: ike, [1]: keys */
	int fetch_pair[2];             /* [0]: ike, [1]: fetch */
	int ike_pair[2], keys_pair[2]; /* [0]: ours */
	int signals;                   /* signalfd */
	pid_t child[CHILD_COUNT];      /* 0: it is not there */
	struct routes *routes;
	uint64_t burst_since; /* messages of ike's whose firewall changes wait; 0: none */
	enum loading loading;
	bool asked_reload; /* the ike process waits for the outcome */
	bool again;        /* another reload was asked for meanwhile */
	bool ready;
	uint8_t *bundle; /* for ike, while keys loads */
	size_t bundle_n;
	struct config *next; /* the configuration that is being loaded */
	struct files *files;
	uint8_t *buf;
	bool stopping;
	int status;
};

/* parent_start.c. Each logs what is wrong. */
bool parent_open(struct parent *p);
bool parent_fork(struct parent *p);
/* Gives back all that was opened. */
void parent_close(struct parent *p);

/* parent_load.c: reads the configuration anew and hands it on. */
void parent_reload(struct parent *p);
void parent_loaded(struct parent *p, enum child_name from, struct bytes answer);
void parent_load_clear(struct parent *p);

/* parent.c. Returns the exit status of posternd. */
int parent_run(struct parent *p);

#endif
