/* Named faults: ways in which a daemon built for tests (-Dfaults=true) breaks the protocol or its
 * own machinery on purpose, switched on at run time by name. A registry is a plain value that its
 * owner passes to whoever may misbehave; there is no global one. In a build without
 * POSTERN_FAULTS fault_active() is the constant false, and the code behind it disappears, with the
 * names.
 *
 * A fault fires each time that fault_active() is asked, until its count is used up. Its argument
 * is a number whose meaning is beside its name in fault_list(). */
#ifndef POSTERN_BASE_FAULT_H
#define POSTERN_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum fault {
	/* IKE datagrams as they leave. */
	FAULT_DROP,
	FAULT_DUPLICATE,
	FAULT_REPLAY,
	FAULT_REORDER,
	FAULT_CORRUPT,
	FAULT_TRUNCATE,
	FAULT_EXTEND,
	/* IKE messages as they are built: header. */
	FAULT_WRONG_SPI,
	FAULT_WRONG_VERSION,
	FAULT_WRONG_EXCHANGE,
	FAULT_WRONG_FLAGS,
	FAULT_WRONG_MESSAGE_ID,
	FAULT_WRONG_LENGTH,
	/* Payloads. */
	FAULT_OMIT_PAYLOAD,
	FAULT_REPEAT_PAYLOAD,
	FAULT_WRONG_PAYLOAD_LENGTH,
	FAULT_UNKNOWN_CRITICAL,
	FAULT_UNKNOWN_PAYLOAD,
	FAULT_BAD_ICV,
	FAULT_BAD_PADDING,
	FAULT_SHORT_NONCE,
	FAULT_WRONG_KE_METHOD,
	FAULT_WRONG_KE_LENGTH,
	FAULT_WRONG_PROPOSAL,
	FAULT_WRONG_SELECTORS,
	FAULT_WRONG_ID,
	FAULT_BAD_AUTH,
	FAULT_WRONG_COOKIE,
	FAULT_WRONG_NAT_HASH,
	/* Behaviour. */
	FAULT_NO_RESPONSE,
	FAULT_NO_RETRANSMIT,
	FAULT_ALWAYS_COOKIE,
	FAULT_TEMPORARY_FAILURE,
	FAULT_KEEP_DELETED,
	FAULT_FORGET_SA,
	FAULT_DELAY_JOB,
	FAULT_FAIL_JOB,
	/* ESP and the data plane. */
	FAULT_ESP_DROP,
	FAULT_ESP_DUPLICATE,
	FAULT_ESP_REPLAY,
	FAULT_ESP_CORRUPT,
	FAULT_ESP_TRUNCATE,
	FAULT_ESP_WRONG_SPI,
	FAULT_ESP_SKIP_SEQUENCE,
	FAULT_ESP_BAD_PADDING,
	FAULT_PLANE_REFUSE_INSTALL,
	FAULT_PLANE_CRASH,
	/* Sockets. */
	FAULT_NET_DROP_IN,
	FAULT_NET_NO_MARKER,
	FAULT_COUNT,
};

struct fault_state {
	uint32_t on;   /* 0 or 1 */
	uint32_t left; /* firings left; 0: no end */
	uint64_t arg;
	uint64_t fired;
};

/* All zero: no fault is on. May lie in memory shared between processes: every field is read and
 * written whole, and only tests write. */
struct faults {
	struct fault_state state[FAULT_COUNT];
};

struct fault_info {
	const char *name; /* "omit-payload" */
	const char *help; /* what it does, and what the argument means */
};

#ifdef POSTERN_FAULTS
/* FAULT_COUNT entries, in the order of enum fault. */
const struct fault_info *fault_list(void);
/* "NAME", "NAME=ARG", "NAME=ARG*COUNT" or "NAME*COUNT"; several with commas between. "NAME=off"
 * switches one off, "off" all. ERR_NOT_FOUND: no such name, ERR_SYNTAX: a malformed number;
 * nothing of the text has been set then. */
enum err faults_set(struct faults *f, const char *text);
/* f may be NULL. Counts one firing. */
bool fault_active(struct faults *f, enum fault which);
/* The argument, or `otherwise` when none was given. Does not count. */
uint64_t fault_arg(const struct faults *f, enum fault which, uint64_t otherwise);
#else
static inline bool fault_active(struct faults *f, enum fault which)
{
	(void)f;
	(void)which;
	return false;
}
static inline uint64_t fault_arg(const struct faults *f, enum fault which, uint64_t otherwise)
{
	(void)f;
	(void)which;
	return otherwise;
}
#endif

#endif
