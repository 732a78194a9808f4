/* The data plane process: one loop between the TUN device, UDP 4500, protocol 50 and the ike
 * process. It is handed open descriptors and runs without privileges. The ike process alone holds
 * the other end of `control`: when that process ends, the loop ends, and with it the traffic.
 *
 * System calls after plane_new(), for the seccomp filter: read, writev, recvfrom, recvmsg,
 * recvmmsg, sendto, sendmmsg, epoll_wait, epoll_ctl, poll, setsockopt (IP_MTU_DISCOVER and
 * IPV6_MTU_DISCOVER alone), accept4, connect, getsockname, shutdown, sendmsg, clock_gettime,
 * getrandom, brk, mmap (anonymous), munmap, mremap, madvise, futex, rt_sigreturn, restart_syscall,
 * exit_group, close. */
#ifndef POSTERN_PLANE_PLANE_H
#define POSTERN_PLANE_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "net/sockets.h"
#include "plane/control.h"
#include "plane/tun.h"

#define PLANE_PATH_MTU_DEFAULT 1500 /* of a path that has not been measured */
#define PLANE_PATH_MTU_MIN_V4  576  /* smaller reports are not believed (RFC 791, RFC 8200 5) */
#define PLANE_PATH_MTU_MIN_V6  1280
#define PLANE_PATH_MTU_AGE     600 /* seconds until a larger one is tried again (RFC 8201 4) */

struct plane_config {
	struct tun tun;                    /* descriptor borrowed */
	const struct net_sockets *sockets; /* all but NET_IKE are used; copied */
	int control;                       /* SOCK_SEQPACKET, non-blocking; borrowed */
	int counters_fd;                   /* writable; may be closed after plane_new() */
	uint8_t secret[16];                /* random */
	bool clamp_mss;
	unsigned path_mtu; /* 0: PLANE_PATH_MTU_DEFAULT */
	const struct log *log;
	struct faults *faults; /* NULL: none; heeded only in a build with faults */
};

struct plane;

/* Allocates all buffers and maps the counters: everything that the sandbox would forbid later. */
enum err plane_new(struct plane **p, const struct plane_config *config);
/* Runs until control's other end is closed (ERR_NONE), a descriptor breaks (ERR_IO), or
 * plane_stop() was called. */
enum err plane_run(struct plane *p);
/* Safe in a signal handler. */
void plane_stop(struct plane *p);
void plane_free(struct plane *p);

#endif
