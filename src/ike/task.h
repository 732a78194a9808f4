/* An exchange of ours: waiting to be started, waiting for a job, or a request under way. At most
 * min(peer's window, TASKS_IN_FLIGHT) requests are out (RFC 7296 2.3); the others wait in order. */
#ifndef POSTERN_IKE_TASK_H
#define POSTERN_IKE_TASK_H

#include "ike/child.h"
#include "ike/sa.h"

#define TASKS_IN_FLIGHT   4
#define TASKS_WAITING_MAX 64

enum task_kind {
	TASK_INIT, /* IKE_SA_INIT: no message of its own here, only retransmission */
	TASK_INTERMEDIATE,
	TASK_AUTH,
	TASK_CHILD_CREATE,
	TASK_CHILD_REKEY,
	TASK_IKE_REKEY,
	TASK_CHILD_DELETE,
	TASK_IKE_DELETE,
	TASK_LIVENESS,
};

struct ike_task {
	struct list of_sa;
	uint8_t kind;       /* enum task_kind */
	bool started : 1;   /* left the queue: a job or a request is under way */
	bool in_flight : 1; /* the request was sent */
	bool followup : 1;  /* it is an IKE_FOLLOWUP_KE (ext/followup.c) */
	uint8_t restarts;   /* of a series that the peer has lost */
	uint64_t serial;
	uint64_t not_before; /* not to be started sooner; 0: at once */
	uint32_t message_id;
	struct ike_flight request;         /* as sent */
	struct ike_reassembly *reassembly; /* of a response that comes in fragments */
	unsigned tries;
	unsigned tries_left; /* 0: as many as the connection allows */
	uint64_t resend_at;
	size_t next_piece; /* of a request in many fragments that are still being sent */
	uint64_t pace_at;  /* when to go on with that; 0: all have been sent */
	/* CREATE_CHILD_SA */
	uint16_t child_index;
	uint32_t child_spi; /* spi_in of the Child SA that is rekeyed or deleted */
	uint16_t ke_method; /* INVALID_KE_PAYLOAD asked for this one; 0: the first of ours */
	unsigned ke_tries;
	struct create_state *create;  /* create_child.c; owned, freed by create_state_free() */
	struct ike_inbound *response; /* while a job runs on it */
};

const char *task_kind_name(enum task_kind k);
/* EXCHANGE_* of its request. */
uint8_t task_exchange(const struct ike_task *t);

/* Queues one; the same wish twice is one task. NULL when out of memory, over the limit, or when sa
 * is past taking any (SA_REPLACED, SA_DELETING: only its own Delete). */
struct ike_task *task_add(struct ike *ike, struct ike_sa *sa, enum task_kind kind, uint32_t child);
/* Ends one: frees it and starts what waits. */
void task_done(struct ike *ike, struct ike_sa *sa, struct ike_task *t);
/* Frees it and starts nothing. */
void task_drop(struct ike_task *t);
void tasks_free(struct ike_sa *sa);
/* Drops those of which the peer has not heard yet. */
void tasks_free_waiting(struct ike_sa *sa);
/* Hands the exchanges about Child SAs of which the peer has not heard yet over to another SA. */
void tasks_move_waiting(struct ike *ike, struct ike_sa *from, struct ike_sa *to);
/* Starts what may start. */
void tasks_run(struct ike *ike, struct ike_sa *sa);
/* Puts it back: not now, again after `delay` (TEMPORARY_FAILURE, RFC 7296 2.25). */
void task_postpone(struct ike *ike, struct ike_sa *sa, struct ike_task *t, uint64_t delay);
/* Seals m as this task's request, sends it, and sees to retransmission. */
enum err task_send(struct ike *ike, struct ike_sa *sa, struct ike_task *t, struct message *m);
/* The same for a request already built (IKE_SA_INIT). Copies. */
enum err task_send_octets(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			  struct bytes octets);
/* The task whose request has this Message ID, or NULL. */
struct ike_task *task_in_flight(struct ike_sa *sa, uint32_t message_id);
struct ike_task *task_by_serial(struct ike_sa *sa, uint64_t serial);
/* A task of this kind (and, unless 0, about this child), waiting or under way, or NULL. */
struct ike_task *task_find(struct ike_sa *sa, enum task_kind kind, uint32_t child_spi);
/* Retransmits what is due; kills sa when a request has been sent often enough in vain. */
void tasks_tick(struct ike *ike, struct ike_sa *sa);
uint64_t tasks_deadline(const struct ike_sa *sa);

/* auth_i.c */
void auth_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
		   struct ike_inbound *in); /* takes in */

/* create_child_i.c: CREATE_CHILD_SA as initiator, for all three kinds, and its answers. */
void create_child_start(struct ike *ike, struct ike_sa *sa, struct ike_task *t);
void create_child_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
			   struct ike_inbound *in); /* takes in */
void create_state_free(struct create_state *c);
/* The peer deletes a Child SA that we do not know: it may be one in the making. */
void create_note_deleted(struct ike_sa *sa, uint32_t spi_out);
/* A rekey of the IKE SA, asked for by the peer, waits for a job. */
bool create_pending_of_ike(const struct ike_sa *sa);

/* init_i.c: an attempt ended with nothing but an unauthenticated error notify in hand. */
void init_failed_by_notify(struct ike *ike, struct ike_conn *conn, uint16_t notify,
			   const char *peer);

/* info.c: INFORMATIONAL. */
void info_start(struct ike *ike, struct ike_sa *sa, struct ike_task *t);
void info_response(struct ike *ike, struct ike_sa *sa, struct ike_task *t,
		   struct ike_inbound *in); /* takes in */

#endif
