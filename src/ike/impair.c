#include "ike/impair.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FLAGS_AT    19
#define EXTEND_MOST 1024

/* A datagram that is kept. */
struct kept {
	struct path path;
	uint8_t *octets; /* owned; NULL: none */
	size_t n;
};

/* A job that is to come back later. */
struct late_job {
	struct list all;
	struct ike_timer timer;
	struct ike_job *job; /* owned */
};

struct impair {
	struct kept previous;  /* the last one sent */
	struct kept held;      /* until the next one has gone */
	unsigned candidates;   /* for "one in so many" */
	struct list late;      /* late_job.all */
	struct ike_job *again; /* the late job whose time has come */
};

static struct impair *impair_of(struct ike *ike)
{
	if (ike->impair == NULL) {
		ike->impair = mem_new(sizeof(*ike->impair));
		if (ike->impair != NULL)
			list_init(&ike->impair->late);
	}
	return ike->impair;
}

static void kept_clear(struct kept *k)
{
	mem_free(k->octets);
	*k = (struct kept){0};
}

static void late_free(struct ike *ike, struct late_job *late)
{
	deadline_drop(&ike->deadlines, &late->timer.deadline);
	list_remove(&late->all);
	ike_job_free(late->job);
	mem_free(late);
}

void impair_free(struct ike *ike)
{
	struct impair *im = ike->impair;

	if (im == NULL)
		return;
	kept_clear(&im->previous);
	kept_clear(&im->held);
	LIST_EACH (&im->late, node)
		late_free(ike, CONTAINER_OF(node, struct late_job, all));
	mem_free(im);
	ike->impair = NULL;
}

static void emit(struct ike *ike, const struct kept *k)
{
	ike->totals.messages_out++;
	ike->cb.send(ike->cb.ctx, &k->path, bytes_of(k->octets, k->n));
}

static bool is_response(struct bytes datagram)
{
	return datagram.n >= IKE_HEADER_LEN && (datagram.p[FLAGS_AT] & HEADER_RESPONSE) != 0;
}

/* Drops one in so many datagrams; the others do not count as firings. */
static bool dropped(struct faults *f, struct impair *im)
{
	const uint64_t every = fault_arg(f, FAULT_DROP, 1);

	if (!f->state[FAULT_DROP].on || (every > 1 && ++im->candidates % every != 0))
		return false;
	return fault_active(f, FAULT_DROP);
}

static void add_to_length(uint8_t *octets, size_t n, uint64_t more)
{
	struct writer w = writer_of(octets, n);
	struct reader r = reader_of(bytes_of(octets + IKE_LENGTH_AT, 4));

	w.n = n;
	writer_patch_u32(&w, IKE_LENGTH_AT, (uint32_t)(reader_u32(&r) + more));
}

/* k->octets have room for EXTEND_MOST octets more. */
static void damage(struct faults *f, struct kept *k)
{
	if (k->n >= IKE_HEADER_LEN && fault_active(f, FAULT_WRONG_LENGTH))
		add_to_length(k->octets, k->n, fault_arg(f, FAULT_WRONG_LENGTH, 4));
	if (fault_active(f, FAULT_CORRUPT)) {
		const uint64_t bit = fault_arg(f, FAULT_CORRUPT, 0) % (8 * k->n);
		const size_t at = k->n - 1 - (size_t)(bit / 8);
		k->octets[at] = (uint8_t)(k->octets[at] ^ 1U << bit % 8);
	}
	if (fault_active(f, FAULT_TRUNCATE)) {
		const uint64_t cut = fault_arg(f, FAULT_TRUNCATE, 1);
		k->n = cut < k->n ? k->n - (size_t)cut : 1;
	}
	if (fault_active(f, FAULT_EXTEND)) {
		const uint64_t more = fault_arg(f, FAULT_EXTEND, 1);
		k->n += more < EXTEND_MOST ? (size_t)more : EXTEND_MOST;
	}
}

bool impair_send(struct ike *ike, const struct path *path, struct bytes datagram)
{
	struct faults *f = ike->cb.faults;
	struct kept now = {.path = *path, .n = datagram.n};
	struct impair *im = f == NULL || datagram.n == 0 ? NULL : impair_of(ike);

	if (im == NULL)
		return false;
	if (is_response(datagram) && fault_active(f, FAULT_NO_RESPONSE))
		return true;
	if (dropped(f, im))
		return true;
	now.octets = mem_new(datagram.n + EXTEND_MOST);
	if (now.octets == NULL)
		return false;
	memcpy(now.octets, datagram.p, datagram.n);
	damage(f, &now);
	if (im->held.octets == NULL && fault_active(f, FAULT_REORDER)) {
		im->held = now;
		return true;
	}
	emit(ike, &now);
	if (fault_active(f, FAULT_DUPLICATE))
		emit(ike, &now);
	if (im->previous.octets != NULL && fault_active(f, FAULT_REPLAY))
		emit(ike, &im->previous);
	if (im->held.octets != NULL)
		emit(ike, &im->held);
	kept_clear(&im->held);
	kept_clear(&im->previous);
	im->previous = now;
	return true;
}

bool impair_request(struct ike *ike, struct ike_sa *sa)
{
	struct faults *f = ike->cb.faults;
	const uint8_t exchange = sa->inbound->header.exchange;
	struct ike_conn *conn = sa->conn;
	struct message m;

	if (sa->state == SA_HALF_OPEN)
		return false;
	if (fault_active(f, FAULT_FORGET_SA)) {
		sa_kill(ike, sa, "the fault forget-sa");
		if (conn != NULL)
			ike_conn_rest(ike, conn);
		return true;
	}
	if (exchange == EXCHANGE_CREATE_CHILD_SA && fault_active(f, FAULT_TEMPORARY_FAILURE)) {
		sa_respond_notify(ike, sa, exchange, 0, (struct bytes){0}, NOTIFY_TEMPORARY_FAILURE,
				  (struct bytes){0});
		return true;
	}
	if (exchange == EXCHANGE_INFORMATIONAL &&
	    payloads_find(&sa->inbound->sk.payloads, PAYLOAD_DELETE) != NULL &&
	    fault_active(f, FAULT_KEEP_DELETED)) {
		sa_message_begin(ike, sa, &m, exchange, true, sa->recv_id);
		(void)sa_respond(ike, sa, &m);
		return true;
	}
	return false;
}

static void late_fire(struct ike *ike, struct ike_timer *timer)
{
	struct late_job *late = CONTAINER_OF(timer, struct late_job, timer);
	struct ike_job *job = late->job;

	late->job = NULL;
	late_free(ike, late);
	ike->impair->again = job;
	ike_job_done(ike, job, ike->now);
}

static bool job_delayed(struct ike *ike, struct ike_job *job)
{
	struct impair *im = impair_of(ike);
	struct late_job *late;

	if (im == NULL || im->again == job || !fault_active(ike->cb.faults, FAULT_DELAY_JOB))
		return false;
	late = mem_new(sizeof(*late));
	if (late == NULL)
		return false;
	late->timer.fire = late_fire;
	list_init(&late->all);
	if (ike_timer_set(ike, &late->timer,
			  ike->now + 1000 * fault_arg(ike->cb.faults, FAULT_DELAY_JOB, 500))) {
		late_free(ike, late);
		return false;
	}
	late->job = job;
	list_append(&im->late, &late->all);
	return true;
}

bool impair_job(struct ike *ike, struct ike_job *job)
{
	if (ike->cb.faults == NULL)
		return false;
	if (job_delayed(ike, job))
		return true;
	if (ike->impair != NULL)
		ike->impair->again = NULL;
	if (job->result == ERR_NONE && fault_active(ike->cb.faults, FAULT_FAIL_JOB)) {
		job->result = ERR_CRYPTO;
		(void)snprintf(job->reason, sizeof(job->reason), "the fault fail-job");
	}
	return false;
}
