/* The anti-replay window: a ring of 64-bit words that never shifts (RFC 6479), over 64-bit sequence
 * numbers, and the inference of the half of an extended sequence number that is not sent (RFC 4303
 * appendix A2). Every operation costs a constant, but for clearing the words that a jump skips,
 * at most the whole ring. */
#ifndef POSTERN_ESP_REPLAY_H
#define POSTERN_ESP_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN     64
#define REPLAY_WINDOW_MAX     65536
#define REPLAY_WINDOW_DEFAULT 1024

enum replay_verdict { REPLAY_NEW, REPLAY_DUPLICATE, REPLAY_TOO_OLD };

struct replay {
	uint64_t top;    /* highest authentic number; 0: none yet */
	uint64_t *words; /* owned; NULL: no check */
	uint32_t mask;   /* number of words, a power of two, less one */
	uint32_t window; /* packets that are told apart: 64 for each word but one */
	uint64_t duplicates;
	uint64_t too_old;
};

/* window: 0 (no check) or REPLAY_WINDOW_MIN..MAX, rounded up to what the ring holds: 64 gives 64,
 * 1024 gives 1984, 65536 gives 131008. False when out of range or out of memory. */
bool replay_init(struct replay *r, uint32_t window);
void replay_clear(struct replay *r);

/* Says what seq is, and changes nothing: RFC 4303 3.4.3 asks for this before the ICV. Number 0 is
 * never sent (RFC 4303 3.3.3) and counts as too old. */
enum replay_verdict replay_check(const struct replay *r, uint64_t seq);
/* Only for an authentic packet: checks again, for the packets that came between, and enters seq
 * when it is new. */
enum replay_verdict replay_update(struct replay *r, uint64_t seq);
/* Counts a verdict that made the caller drop a packet. */
void replay_count(struct replay *r, enum replay_verdict v);

/* The 64-bit number of a packet that shows `low`, by where the window stands; 0 (which never is a
 * valid number) when the packet can only come from before the first one. */
uint64_t replay_infer(const struct replay *r, uint32_t low);
/* The packet with this number, far right of the window, is authentic: the window goes there, and
 * the packet itself is still new (RFC 4303 A3.2). */
void replay_restart(struct replay *r, uint64_t seq);

#endif
