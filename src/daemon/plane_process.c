/* The data plane's process: src/plane in a sandbox. */
#include "plane/plane.h"

#include <sys/resource.h>

#include "crypto/crypto.h"
#include "daemon/process.h"

int plane_process(struct process *p, const struct plane_start *start)
{
	struct plane *plane = NULL;
	struct plane_config config = {
	    .tun = start->tun,
	    .sockets = start->sockets,
	    .control = start->control,
	    .counters_fd = start->counters,
	    .clamp_mss = p->config.clamp_mss,
	    .log = &p->log,
	    .faults = p->faults,
	};

	if (!process_drop(p, "plane"))
		return 1;
	crypto_random(config.secret, sizeof(config.secret));
	enum err e = plane_new(&plane, &config);
	if (e != ERR_NONE) {
		log_write(&p->log, LOG_ERR, NULL, 0, "the data plane cannot start: %s",
			  err_name(e));
		return 1;
	}
	/* A descriptor a stream. */
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (!process_filter(p, SANDBOX_PLANE))
		return 1;
	e = plane_run(plane);
	plane_free(plane);
	if (e != ERR_NONE)
		log_write(&p->log, LOG_ERR, NULL, 0, "the data plane ended: %s", err_name(e));
	return e == ERR_NONE ? 0 : 1;
}
