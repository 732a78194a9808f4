/* The TUN device, where clear packets leave the host's network stack and come back to it. It is
 * made by the root parent and has no address; the plane only reads and writes its descriptor. */
#ifndef POSTERN_PLANE_TUN_H
#define POSTERN_PLANE_TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "esp/packet.h"

#define TUN_NAME_MAX    16 /* IFNAMSIZ */
#define TUN_REASON_MAX  256
#define TUN_MTU_DEFAULT 1500
#define TUN_SUPER_MAX   65536 /* the largest packet that the stack hands over with offloads */

struct tun_options {
	const char *name; /* NULL: "postern0" */
	unsigned mtu;     /* 0: TUN_MTU_DEFAULT */
	bool offload;     /* virtio-net header; the stack may hand over TCP super-packets */
};

struct tun {
	int fd; /* non-blocking, close-on-exec; owned */
	char name[TUN_NAME_MAX];
	int index;
	unsigned mtu;
	bool offload;
	struct tun_super *super; /* made at the first read; owned */
};

/* A super-packet that did not fit the last vector: read again without waiting. */
bool tun_has_more(const struct tun *t);

/* Makes the device, sets it up, without addresses (no IPv6 link-local one either). ERR_IO, and
 * reason holds a sentence: "/dev/net/tun cannot be opened: ...". */
enum err tun_open(struct tun *t, const struct tun_options *options, char reason[TUN_REASON_MAX]);
/* Closing the last descriptor removes the device. */
void tun_close(struct tun *t);

/* Reads up to n packets into the buffers given, each at PACKET_HEADROOM, setting data and len; a
 * super-packet comes out as several packets, cut and with its checksums made (offload.h).
 * Returns how many; 0 when none is there. ERR_IO in *e when the device is gone. */
size_t tun_read(struct tun *t, struct packet *const *packets, size_t n, enum err *e);
/* Writes n packets in order; returns how many the stack took. A packet that it refuses is dropped.
 */
size_t tun_write(struct tun *t, struct packet *const *packets, size_t n);

#endif
