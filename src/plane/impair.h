/* The data plane's share of the named faults (base/fault.h). Without POSTERN_FAULTS nothing of it
 * is compiled. */
#ifndef POSTERN_PLANE_IMPAIR_H
#define POSTERN_PLANE_IMPAIR_H

#include "base/fault.h"
#include "plane/plane_impl.h"

#ifdef POSTERN_FAULTS
/* Packets of c are about to be sealed. */
void plane_impair_sealing(struct plane *p, struct spd_child *c);
/* The same packets are about to be sent: damages some, sends some more; returns how many are left
 * of packets. */
size_t plane_impair_sealed(struct plane *p, struct spd_child *c, struct packet **packets, size_t n);
void plane_impair_free(struct plane *p);
#else
static inline void plane_impair_sealing(struct plane *p, struct spd_child *c)
{
	(void)p;
	(void)c;
}
static inline size_t plane_impair_sealed(struct plane *p, struct spd_child *c,
					 struct packet **packets, size_t n)
{
	(void)p;
	(void)c;
	(void)packets;
	return n;
}
static inline void plane_impair_free(struct plane *p)
{
	(void)p;
}
#endif

#endif
