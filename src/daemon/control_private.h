/* Shared by the parts of the control server. */
#ifndef POSTERN_DAEMON_CONTROL_PRIVATE_H
#define POSTERN_DAEMON_CONTROL_PRIVATE_H

#include "daemon/control.h"

enum client_wait {
	WAIT_NOTHING,
	WAIT_UP,
	WAIT_DOWN,
	WAIT_REKEY,
	WAIT_REAUTH,
	WAIT_RELOAD,
	WAIT_STATS,
	WAIT_LOG, /* for ever */
};

/* A child that `up` waits for. */
struct target {
	char name[CONTROL_NAME_MAX];
	bool done;
};

struct client {
	struct list in_all;
	struct control *control;
	ev_io io;
	char in[CONTROL_LINE_MAX];
	size_t in_n;
	char *out; /* owned; what waits to be sent */
	size_t out_n, out_cap;
	bool ending; /* close once out is sent */
	enum client_wait wait;
	char connection[CONTROL_NAME_MAX];
	char child[CONTROL_NAME_MAX]; /* "": the connection itself */
	struct target *targets;       /* owned */
	size_t n_targets;
	bool failed;
	char reason[512]; /* the first failure */
};

struct control {
	struct ev_loop *loop;
	ev_io listen;
	struct list clients;
	size_t n_clients;
	struct control_owner owner;
	bool in_log; /* a record made while a record is being sent is not sent on */
};

/* control.c: takes object. A client that cannot take more is dropped. */
void client_send(struct client *c, json_t *object);
/* The last line, after which the client may ask something else. */
void client_ok(struct client *c, json_t *object);
void client_fail(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* control_verbs.c */
void control_request(struct client *c, json_t *request);
/* control_wait.c */
void wait_begin(struct client *c, enum client_wait wait, const char *connection, const char *child);
/* Which children `up` is about; ERR_NOT_FOUND when there is no such connection or child. */
enum err wait_targets(struct client *c);
/* Answers when nothing is left to wait for. */
void wait_check(struct client *c);
void wait_event(struct client *c, const struct ike_event *event);

#endif
