/* Clear packets that policy wants protected must not come in (RFC 4301 5.2). One nf_tables table,
 * `inet postern`, that drops them wherever they arrive but on the TUN device; IKE, ESP and IPv6
 * neighbour discovery pass. Done in the root parent by libnftables, in this process. */
#ifndef POSTERN_PLANE_FIREWALL_H
#define POSTERN_PLANE_FIREWALL_H

#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/selector.h"

struct firewall;

struct firewall_options {
	const char *tun_name; /* borrowed */
	uint16_t ike_port, natt_port;
	uint16_t tcp_port;     /* 0: none */
	const struct log *log; /* borrowed */
};

/* Replaces a table that a crashed run left. ERR_UNSUPPORTED when the kernel has no nf_tables. */
enum err firewall_new(struct firewall **f, const struct firewall_options *options);
/* Removes the table. f may be NULL, here and below: nothing is done then. */
void firewall_free(struct firewall *f);
/* Packets from `remote` to `local` are dropped; equal pairs count references. */
enum err firewall_add(struct firewall *f, const struct selector *remote,
		      const struct selector *local);
void firewall_remove(struct firewall *f, const struct selector *remote,
		     const struct selector *local);
/* Brings the kernel up to date, in one transaction. */
void firewall_commit(struct firewall *f);

#endif
