/* Messages between the ike and the fetch process (daemon/ipc.h), in octets. Both ends check all
 * that they read. */
#ifndef POSTERN_DAEMON_FETCH_WIRE_H
#define POSTERN_DAEMON_FETCH_WIRE_H

#include "base/bytes.h"
#include "base/error.h"
#include "ike/fetch.h"

#define FETCH_NAME_MAX 64 /* of a connection */
#define FETCH_KEEP_MAX 64 /* revocation lists that are kept fresh */
#define FETCH_KEY_MAX  (1 + IKE_FETCH_HASH_LEN + 8 + IKE_FETCH_URL_MAX + IKE_FETCH_BODY_MAX)

/* IPC_FETCH. Spans are borrowed from the message. */
struct fetch_ask {
	uint64_t ticket; /* the asker's; comes back */
	enum ike_fetch_kind kind;
	bool has_sha1;
	uint8_t sha1[IKE_FETCH_HASH_LEN];
	uint32_t octets_max;     /* 0: what the configuration allows */
	struct bytes connection; /* for the log */
	struct bytes url;
	struct bytes body;
};

void fetch_ask_write(struct writer *w, const struct fetch_ask *a);
enum err fetch_ask_read(struct fetch_ask *a, struct bytes b);
/* What two asks for the same thing have in common, at most FETCH_KEY_MAX octets. */
void fetch_ask_key(struct writer *w, const struct fetch_ask *a);
/* The other way round: what is to be fetched, without a ticket. */
void fetch_ask_of_key(struct fetch_ask *a, struct bytes key);

/* IPC_FETCHED; with a sealed memory file (ipc_file_make()) when result is ERR_NONE. */
struct fetch_answer {
	uint64_t ticket;
	enum err result;
	struct bytes reason;
};

void fetch_answer_write(struct writer *w, const struct fetch_answer *a);
enum err fetch_answer_read(struct fetch_answer *a, struct bytes b);

/* IPC_FETCH_KEEP: URLs, each of at most IKE_FETCH_URL_MAX octets. */
void fetch_keep_write(struct writer *w, struct bytes url);
/* The next one; ERR_NOT_FOUND at the end. */
enum err fetch_keep_read(struct reader *r, struct bytes *url);

#endif
