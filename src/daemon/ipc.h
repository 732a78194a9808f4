/* Messages between posternd's processes: one SOCK_SEQPACKET datagram each, with at most one
 * descriptor beside it. Both ends check lengths and types; what comes from a process that parses
 * the network is not trusted more than the network. */
#ifndef POSTERN_DAEMON_IPC_H
#define POSTERN_DAEMON_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#define IPC_HEADER_LEN  8 /* u8 version, u8 type, u16 zero, u32 octets that follow */
#define IPC_MESSAGE_MAX (128U * 1024)

enum ipc_type {
	/* parent to keys and ike */
	IPC_LOAD = 1, /* with a descriptor: a sealed memory file with a bundle (daemon/bundle.h) */
	IPC_COMMIT,   /* use what was loaded last */
	IPC_STOP,     /* end in good order */
	IPC_STREAM,   /* to ike: the answer to IPC_STREAM_ASK, with a descriptor unless none could
			 be had */
	IPC_RELOADED, /* to ike: how a reload that it asked for ended; empty or lines of text */
	/* keys and ike to parent */
	IPC_LOADED,     /* u8 1: taken; from keys then key_infos. u8 0: refused; lines of text */
	IPC_ROUTES,     /* from ike: a message for plane/routes.h */
	IPC_RELOAD,     /* from ike: somebody asked for it */
	IPC_STREAM_ASK, /* from ike: a CONTROL_STREAM_OPEN (plane/control.h) that needs a socket */
	IPC_READY,      /* from ike: the first configuration is in use */
	/* between ike and keys */
	IPC_JOB,
	IPC_JOB_DONE,
	/* ike to fetch (daemon/fetch_wire.h) */
	IPC_FETCH,
	IPC_FETCH_KEEP,
	/* fetch to ike */
	IPC_FETCHED,     /* with a descriptor when something was fetched */
	IPC_FETCH_READY, /* it has just begun: nothing that was asked before will be answered */
	IPC_TYPES,
};

struct ipc_message {
	enum ipc_type type;
	struct bytes body; /* in the receiver's buffer */
	int fd;            /* -1: none; the receiver owns it */
};

/* ERR_SYNTAX: no message of ours. Sets all but fd. */
enum err ipc_decode(struct ipc_message *m, struct bytes datagram);
void ipc_header(struct writer *w, enum ipc_type type, size_t body_len);

/* A connected pair, close-on-exec, with buffers for large messages. */
enum err ipc_pair(int pair[2]);

/* fd -1: none. ERR_STATE: the socket is full (non-blocking ones). ERR_LIMIT: too long. */
enum err ipc_send(int socket, enum ipc_type type, struct bytes body, int fd);
/* buf has IPC_HEADER_LEN + IPC_MESSAGE_MAX octets. ERR_STATE: nothing there; ERR_NOT_FOUND: the
 * other end is gone; ERR_SYNTAX: what came is no message of ours, and is gone. A descriptor with
 * anything but IPC_LOAD, IPC_STREAM and IPC_FETCHED is closed and refused. */
enum err ipc_receive(int socket, uint8_t *buf, struct ipc_message *m);

/* A sealed memory file that holds b, at most a bundle; and reading one: checks seals and size.
 * *octets is freed by mem_free_secret(). */
enum err ipc_file_make(int *fd, struct bytes b);
enum err ipc_file_read(int fd, uint8_t **octets, size_t *n);

#endif
