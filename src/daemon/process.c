#include "daemon/process.h"

#include <time.h>

uint64_t process_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

bool process_drop(struct process *p, const char *who)
{
	char reason[SANDBOX_REASON_MAX];

	p->sink.who = who;
	p->log.ctx = &p->sink;
	if (sandbox_drop(&p->user, p->empty, p->parent, reason) == ERR_NONE)
		return true;
	log_write(&p->log, LOG_ERR, NULL, 0, "privileges cannot be dropped: %s", reason);
	return false;
}

bool process_filter(struct process *p, enum sandbox_profile profile)
{
	char reason[SANDBOX_REASON_MAX];

	if (!sandbox_filters())
		log_write(&p->log, LOG_WARN, NULL, 0,
			  "built with sanitizers: system calls are not filtered");
	if (sandbox_filter(profile, reason) == ERR_NONE)
		return true;
	log_write(&p->log, LOG_ERR, NULL, 0, "system calls cannot be filtered: %s", reason);
	return false;
}
