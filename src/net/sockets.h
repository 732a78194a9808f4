/* Sockets of the outer network: UDP 500 and 4500, IP protocol 50 and TCP 4500. The root parent
 * opens them and hands the descriptors to the unprivileged processes; nothing here is needed after
 * that but net_sockets_find(). */
#ifndef POSTERN_NET_SOCKETS_H
#define POSTERN_NET_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/fault.h"

#define NET_MARK_DEFAULT                                                                           \
	0x504fU /* on all we send: keeps it off our own routes (plane/routes.h)                    \
		 */
#define NET_SOCKETS_MAX 120
#define NET_REASON_MAX  256

enum net_socket_kind {
	NET_IKE,  /* UDP 500: IKE alone (RFC 7296 2) */
	NET_NATT, /* UDP 4500: IKE behind the non-ESP marker, and ESP (RFC 3948) */
	NET_ESP,  /* IP protocol 50, raw */
	NET_EESP, /* the IP protocol of EESP, raw (draft-ietf-ipsecme-eesp 2.1) */
	NET_TCP,  /* TCP 4500, listening: IKE and ESP in streams (RFC 9329; net/tcp.h) */
};

struct net_socket {
	int fd;
	enum net_socket_kind kind;
	struct endpoint bound; /* 0.0.0.0 or :: when bound to any; port 0 for the raw ones */
};

/* A plain value: each process has its copy, with its own descriptors. */
struct net_sockets {
	struct net_socket s[NET_SOCKETS_MAX];
	size_t n;
	struct faults *faults; /* NULL: none; heeded only in a build with faults */
};

struct net_options {
	const struct addr *local; /* borrowed; n_local 0: any address of both families */
	size_t n_local;
	uint16_t ike_port;  /* 0: 500 */
	uint16_t natt_port; /* 0: 4500 */
	uint16_t tcp_port;  /* 0: none */
	uint32_t mark;      /* 0: NET_MARK_DEFAULT */
	int buffer;         /* octets of receive and send buffer; 0: 4 MiB */
	bool no_esp;        /* leave out the raw sockets */
};

/* Opens all or none. Sockets: non-blocking, close-on-exec, SO_MARK, packet information, TOS of what
 * arrives, IPV6_V6ONLY. NET_IKE lets the kernel fragment; NET_NATT and the raw ones set "don't
 * fragment" and take ICMP errors (IP_RECVERR); NET_NATT has UDP_GRO, so only plane/ reads it. A
 * missing IPv6 is no error when no address was given. Otherwise ERR_IO (errno stays) and reason
 * holds a sentence, such as "UDP port 500 on 10.99.0.1 is in use by another process". */
enum err net_sockets_open(struct net_sockets *set, const struct net_options *options,
			  char reason[NET_REASON_MAX]);
void net_sockets_close(struct net_sockets *set);

/* The socket that sends from `local` (an address, or none/any for whichever fits the family): one
 * bound to exactly it, else one bound to any. NULL when there is none. */
const struct net_socket *net_sockets_find(const struct net_sockets *set, enum net_socket_kind kind,
					  const struct addr *local, uint8_t family);

#endif
