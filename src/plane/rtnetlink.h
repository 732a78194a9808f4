/* The few rtnetlink requests that routes.c makes, one at a time, each waiting for its answer. */
#ifndef POSTERN_PLANE_RTNETLINK_H
#define POSTERN_PLANE_RTNETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "plane/prefix.h"

enum route_kind { ROUTE_TUN, ROUTE_THROW, ROUTE_UNREACHABLE };

struct route_request {
	enum route_kind kind;
	struct prefix prefix;
	uint32_t table;
	uint32_t metric;
	uint8_t protocol;   /* rtm_protocol */
	int device;         /* ROUTE_TUN */
	struct addr source; /* preferred; family 0: none */
};

struct rule_request {
	uint8_t family; /* 4 or 6 */
	uint32_t priority;
	uint32_t table;
	uint32_t not_mark; /* 0: for all packets */
	bool no_default;   /* suppress_prefixlength 0 */
	uint8_t protocol;
};

struct rtnetlink;

enum err rtnetlink_new(struct rtnetlink **n);
void rtnetlink_free(struct rtnetlink *n);
/* ERR_EXISTS, ERR_NOT_FOUND, ERR_UNSUPPORTED (no such family), ERR_IO; errno tells. */
enum err rtnetlink_route(struct rtnetlink *n, const struct route_request *q, bool add);
enum err rtnetlink_rule(struct rtnetlink *n, const struct rule_request *q, bool add);
/* Deletes every route of the table that has the protocol. */
enum err rtnetlink_flush(struct rtnetlink *n, uint8_t family, uint32_t table, uint8_t protocol);

#endif
