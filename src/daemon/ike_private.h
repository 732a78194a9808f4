/* The ike process' state, shared by its parts. */
#ifndef POSTERN_DAEMON_IKE_PRIVATE_H
#define POSTERN_DAEMON_IKE_PRIVATE_H

#include <ev.h>

#include "daemon/build.h"
#include "daemon/control.h"
#include "daemon/ipc.h"
#include "daemon/process.h"
#include "daemon/worker.h"
#include "ike/ike.h"
#include "net/sockets.h"
#include "plane/client.h"

struct server {
	struct process *process;
	const struct ike_start_fds *start;
	struct ev_loop *loop;
	struct ike *ike;
	struct control *control;
	struct worker *worker;
	struct plane_client *plane;
	struct builder builder;
	struct built built;    /* in use */
	struct built next;     /* loaded, not committed */
	bool loaded;           /* next is valid */
	bool ready;            /* the first configuration is in use */
	struct table names;    /* struct memory: connections that the engine has */
	uint32_t generation;   /* of names */
	struct ike_job *asked; /* jobs that the keys process has; by next */
	struct ike_job *unsent, **unsent_end;
	struct fetch_ticket *tickets; /* what the fetch process has */
	uint64_t last_ticket;
	struct ike_job *fetched; /* on their way back; by next */
	bool fetch_gone;
	uint8_t *buf;      /* IPC_HEADER_LEN + IPC_MESSAGE_MAX */
	uint8_t *out;      /* IPC_MESSAGE_MAX */
	uint8_t *datagram; /* DATAGRAM_MAX */
	ev_io parent_io, keys_io, plane_io, fetch_io;
	ev_io udp_io[NET_SOCKETS_MAX];
	size_t n_udp;
	ev_timer timer;
	ev_timer daily; /* looks what is over soon */
	ev_prepare prepare;
	ev_async job_done;
	int status;
};

/* ike_load.c: a bundle from the parent; the answer goes back. commit() hands it to the engine. */
void load_bundle(struct server *s, int fd);
void load_commit(struct server *s);

/* ike_load.c: warns of what is over soon. */
void warn_of_expiry(const struct server *s);

/* ike_process.c: the first configuration is in use: takes what clients and peers send. */
void serve(struct server *s);

/* ike_jobs.c */
void jobs_take(struct server *s, struct ike_job *job);
/* False when the keys process is gone. */
bool jobs_from_keys(struct server *s);
bool jobs_to_keys(struct server *s);
void jobs_from_worker(struct server *s);
void jobs_clear(struct server *s);

/* ike_fetch.c: jobs of type IKE_JOB_FETCH. */
void fetch_take(struct server *s, struct ike_job *job);
/* Messages of the fetch process. */
void fetch_read(struct server *s);
/* Gives the engine what has come. */
void fetch_flush(struct server *s);
/* Tells which lists are to be kept fresh, those of the configuration that is in use. */
void fetch_keep(struct server *s);
void fetch_clear(struct server *s);

#endif
