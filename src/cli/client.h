/* The command's end of posternd's control socket: JSON, one object a line. */
#ifndef POSTERN_CLI_CLIENT_H
#define POSTERN_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of postern(1). */
enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,     /* posternd, or the peer, said no */
	EXIT_USAGE = 2,       /* the command line */
	EXIT_UNREACHABLE = 3, /* no posternd answers */
	EXIT_TIMEOUT = 4,
};

struct client {
	int fd;
	char *buf; /* owned */
	size_t n, cap;
	size_t used;     /* of the line that was given last */
	long long until; /* when to give up, milliseconds of the monotonic clock; 0: never */
};

/* Prints why and returns false when it cannot. timeout is in seconds, 0 for none. */
bool client_open(struct client *c, const char *run_dir, unsigned timeout);
void client_close(struct client *c);
/* Borrows request. */
bool client_ask(struct client *c, const json_t *request);
/* The next line as an object, a new reference. NULL: *status says which exit status, and why has
 * been printed. */
json_t *client_next(struct client *c, int *status);

#endif
