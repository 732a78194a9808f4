/* Shared by the parts of build.c. */
#ifndef POSTERN_DAEMON_BUILD_PRIVATE_H
#define POSTERN_DAEMON_BUILD_PRIVATE_H

#include "daemon/build.h"
#include "pki/certificate.h"
#include "pki/trust.h"

/* One configuration on its way. */
struct building {
	struct builder *builder;
	const struct config *config;
	const struct files *files;
	struct errors *errors;
	struct table keys;    /* struct key_entry by file name */
	struct table secrets; /* pairs of identities that have a pre-shared key */
};

struct key_entry {
	struct table_node node;
	struct key_info info;
};

/* Nodes that own a key of octets, for tables that remember. */
struct memory {
	struct table_node node;
	void *value;
	uint32_t number;
	size_t n;
	uint8_t key[];
};

struct bytes memory_key(const struct table_node *node);
struct memory *memory_find(const struct table *t, struct bytes key);
/* NULL when out of memory. */
struct memory *memory_add(struct table *t, struct bytes key);

/* What the connection has to say of its certificates' revocation: OCSP responses of `ocsp-response`
 * about certs, and the lists in t that tell of them where `send-crl` is. used[i] is set when the
 * i-th of the files tells of one of certs. */
enum err build_status(struct building *b, const struct config_section *s, struct ike_credential *to,
		      struct certificate *const *certs, size_t n, const struct trust *t,
		      uint64_t *used);
/* An error for each of those files that tells of none; used: of all of the connection's chains. */
enum err build_status_used(struct building *b, const struct config_section *s, uint64_t used);
/* Those of `ocsp-responder`. */
enum err build_responders(struct building *b, const struct config_section *s, struct trust *t);

/* Local and remote authentication of a connection, from cert, key, ca and remote-pubkey. */
enum err build_auth(struct building *b, const struct config_section *s, struct ike_connection *c);

#endif
