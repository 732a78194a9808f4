/* One IKE datagram in or out of a UDP socket, with the path it took; the non-ESP marker of port
 * 4500 (RFC 3948 2.2) is added and taken off here and is known nowhere above. */
#ifndef POSTERN_NET_DATAGRAM_H
#define POSTERN_NET_DATAGRAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "net/sockets.h"

#define DATAGRAM_MAX    65535
#define DATAGRAM_MARKER 4 /* octets of zero before IKE on port 4500 */

enum datagram_kind {
	DATAGRAM_IKE,
	DATAGRAM_ESP,       /* port 4500, first four octets not zero */
	DATAGRAM_KEEPALIVE, /* port 4500, one octet 0xff (RFC 3948 2.3) */
	DATAGRAM_BAD,       /* empty, or too short to be anything */
};

/* What a UDP payload is. For DATAGRAM_IKE *body is the message without marker; for DATAGRAM_ESP it
 * starts at the SPI. Spans borrow from payload. */
enum datagram_kind datagram_classify(struct bytes payload, bool natt, struct bytes *body);

struct datagram {
	enum datagram_kind kind;
	struct path path;  /* remote: where it came from; local: where it was sent to */
	struct bytes body; /* in the caller's buffer */
	uint8_t tos;       /* DSCP and ECN of its IP header */
};

/* Reads one datagram from a NET_IKE socket (or a NET_NATT one without UDP_GRO). buf needs
 * DATAGRAM_MAX octets to lose nothing. ERR_STATE: nothing is there (EAGAIN). ERR_RANGE: it was
 * longer than cap and is gone (truncated datagrams are refused). ERR_IO: errno tells; errors that a
 * peer can cause by ICMP are swallowed. */
enum err datagram_receive(const struct net_socket *s, uint8_t *buf, size_t cap, struct datagram *d);

/* Sends one IKE message along a path: from NET_NATT with the marker when path->natt, else from
 * NET_IKE; source address by packet information. The kernel may fragment it. ERR_NOT_FOUND: no
 * socket for the path; ERR_RANGE: over 65535 octets with marker and headers; ERR_STATE: the
 * socket's buffer is full, it may be sent again later; ERR_IO: errno tells (ENETUNREACH, EPERM,
 * ...). */
enum err datagram_send(const struct net_sockets *set, const struct path *path,
		       struct bytes message);
/* One octet 0xff, so that a NAT keeps its mapping (RFC 3948 2.3, 4). */
enum err datagram_send_keepalive(const struct net_sockets *set, const struct path *path);

/* Between our addresses and the system's. sockaddr_of_endpoint() returns the length used; family 0
 * gives 0. IPv6 link-local destinations carry no scope here. */
socklen_t sockaddr_of_endpoint(struct sockaddr_storage *ss, const struct endpoint *e);
struct endpoint endpoint_of_sockaddr(const struct sockaddr_storage *ss);

/* Room for the control messages of one datagram, and filling it: the source address when it is not
 * any, and TOS when not 0. Returns the octets used. */
#define DATAGRAM_CONTROL_MAX 192
size_t datagram_control(uint8_t control[DATAGRAM_CONTROL_MAX], const struct addr *source,
			uint8_t tos, uint16_t segment);

/* What control messages say of a datagram that arrived; absent ones leave their defaults. */
struct datagram_info {
	struct addr local;
	uint8_t tos;
	uint16_t segment; /* UDP_GRO: length of each piece but the last; 0: one piece */
};
void datagram_info_of(struct msghdr *m, struct datagram_info *info);

#endif
