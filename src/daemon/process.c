#include "daemon/process.h"

#include <time.h>

uint64_t process_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static bool drop(struct process *p, const char *who, const char *folder)
{
	char reason[SANDBOX_REASON_MAX];

	p->sink.who = who;
	p->log.ctx = &p->sink;
	if (sandbox_drop(&p->user, folder, p->parent, reason) == ERR_NONE)
		return true;
	log_write(&p->log, LOG_ERR, NULL, 0, "privileges cannot be dropped: %s", reason);
	return false;
}

bool process_drop(struct process *p, const char *who)
{
	return drop(p, who, p->empty);
}

bool process_drop_keep_files(struct process *p, const char *who)
{
	static const char *const folders[] = {"/etc", "/usr", "/lib", "/lib64",
					      /* where resolv.conf may point to */
					      "/run/systemd/resolve", "/run/resolvconf",
					      "/run/NetworkManager", NULL};
	char reason[SANDBOX_REASON_MAX];

	if (!drop(p, who, NULL))
		return false;
	enum err e = sandbox_files(folders, reason);
	if (e == ERR_NONE)
		return true;
	log_write(&p->log, e == ERR_UNSUPPORTED ? LOG_INFO : LOG_ERR, NULL, 0,
		  "files cannot be shut off: %s", reason);
	return e == ERR_UNSUPPORTED;
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
