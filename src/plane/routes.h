/* What the host's own routing must know: which packets go to the TUN device, and which must go
 * nowhere. Done in the root parent, by rtnetlink, in two tables of our own, so that the host's own
 * routes are never touched.
 *
 *   prio     not fwmark MARK lookup 20550          the remote prefixes of policies and Child SAs
 *   prio+1   lookup main suppress_prefixlength 0   } only while a remote prefix is a default route:
 *   prio+2   not fwmark MARK lookup 20551          } what main knows better stays reachable
 *
 * A remote prefix has, with the policy, an `unreachable` route of high metric, which stays; with a
 * Child SA (or at once when the policy asks for acquires) a route to the TUN of low metric in front
 * of it. So traffic that must be protected meets either the tunnel or an error, also when the
 * device vanishes with a crash (RFC 4301 5.1). Local prefixes inside a remote one (remote-ts
 * 10.0.0.0/8, local-ts 10.1.0.0/24) get a `throw` route, so that the local net stays reachable.
 * Equal prefixes of several children count references. plane/firewall.h adds the inbound half.
 *
 * A host with strict reverse-path filtering (rp_filter = 1) and a remote-ts of 0.0.0.0/0 drops the
 * outer packets of the peer: set rp_filter to 2 there. */
#ifndef POSTERN_PLANE_ROUTES_H
#define POSTERN_PLANE_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "esp/dataplane.h"

#define ROUTES_TABLE_DEFAULT    20550U /* and the next one for default routes */
#define ROUTES_PRIORITY_DEFAULT 20550U /* and the next two */
#define ROUTES_PROTOCOL         80     /* rtm_protocol: marks what is ours, also after a crash */

struct routes_options {
	const char *tun_name;
	int tun_index;
	uint32_t mark;                /* of sockets; 0: NET_MARK_DEFAULT */
	uint32_t table;               /* 0: ROUTES_TABLE_DEFAULT */
	uint32_t priority;            /* 0: ROUTES_PRIORITY_DEFAULT */
	uint16_t tcp_port;            /* the same; 0: none */
	uint16_t ike_port, natt_port; /* for the firewall's exceptions; 0: 500, 4500 */
	bool no_firewall;
	const struct log *log; /* borrowed; may be NULL */
};

struct routes;

/* Removes what a crashed run left (same table, priority and protocol), then sets up rules and the
 * firewall table. ERR_IO when rtnetlink refuses; a missing nf_tables is logged once and no error.
 */
enum err routes_new(struct routes **r, const struct routes_options *options);
/* Removes everything it made. */
void routes_free(struct routes *r);

/* A policy's selectors demand protection from now on; replaces a policy of the same id. */
enum err routes_policy_set(struct routes *r, const struct dataplane_policy *policy);
void routes_policy_remove(struct routes *r, uint32_t id);
/* A Child SA pair carries the remote selectors from now on; of child only handle, policy and
 * selectors are read. The same handle again replaces. */
enum err routes_child_add(struct routes *r, const struct dataplane_child *child);
void routes_child_remove(struct routes *r, uint32_t handle);
/* Firewall changes gather until this is called: at the end of a burst of messages. */
void routes_commit(struct routes *r);

/* One message of plane_client's to_parent (plane/control.h): decodes, checks and does it.
 * ERR_SYNTAX when it does not parse; then nothing was done. */
enum err routes_message(struct routes *r, struct bytes message);

#endif
