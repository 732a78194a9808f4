/* One IKE SA. What a resting SA needs is here; what only a handshake needs is in struct ike_setup,
 * and what only an exchange needs in struct ike_task, both gone when they are over. */
#ifndef POSTERN_IKE_SA_H
#define POSTERN_IKE_SA_H

#include "ike/credential.h"
#include "ike/engine.h"
#include "ike/flight.h"
#include "ike/job.h"
#include "ike/keymat.h"
#include "ike/select.h"
#include "ike/sk.h"
#include "wire/header.h"
#include "wire/message.h"
#include "wire/parts.h"
#include "wire/payload.h"

struct ike_task;
struct ike_reassembly;
struct create_pending;
struct ppk_found;
struct ike_exchanges;
struct kem_auth;

enum sa_state {
	SA_INIT,      /* initiator: IKE_SA_INIT under way */
	SA_HALF_OPEN, /* responder: keys are being made or made, nobody is authenticated */
	SA_AUTH,      /* IKE_AUTH under way */
	SA_UP,
	SA_REPLACED, /* rekeyed: waits for the Delete; starts nothing, answers everything */
	SA_DELETING, /* our Delete is under way */
	SA_FAILED,   /* responder: refused in IKE_AUTH; repeats the refusal for a while */
	SA_DEAD,     /* in ike->dead */
};

/* PPKs in a handshake (ext/ppk.h). */
struct ppk_setup {
	uint8_t offered;       /* by the peer, in IKE_SA_INIT */
	uint8_t way;           /* agreed: enum ppk_way */
	bool use : 1;          /* RFC 8784: AUTH is made and checked with mixed keys */
	bool fallback : 1;     /* the peer's NO_PPK_AUTH stands for its AUTH */
	bool proof_failed : 1; /* of the peer's AUTH all was right but the proof */
	bool asked : 1;        /* RFC 9867, responder: the request at hand offers PPKs */
	bool done : 1;         /* its exchange is over */
	struct ike_ppk taken;  /* what is used; id_len 0: none */
	uint8_t mixed[IKE_PPK_INPUTS * PRF_MAX]; /* SK_d, SK_pi, SK_pr */
	uint8_t *proof;                          /* initiator: our data of NO_PPK_AUTH; owned */
	size_t proof_len;
	struct ike_ppk_work *offer; /* initiator: with confirmations; owned, erased */
	struct ike_keys next;       /* responder: in force when the exchange at hand is answered */
};

/* Of the handshake alone. Nonces and messages are owned. */
struct ike_setup {
	uint64_t born; /* when the handshake began */
	uint8_t nonce_i[NONCE_MAX], nonce_r[NONCE_MAX];
	size_t nonce_i_len, nonce_r_len;
	uint8_t *message_1; /* the last IKE_SA_INIT request, as sent (RFC 7296 2.15) */
	size_t message_1_len;
	uint8_t *message_2; /* and its answer */
	size_t message_2_len;
	uint8_t *cookie;
	size_t cookie_len;
	struct ke_private *private;
	uint8_t *ke_value;
	const struct ke_desc *ke;
	struct ike_choice choice; /* responder */
	unsigned ke_tries;        /* INVALID_KE_PAYLOAD is followed this often at most (N9) */
	unsigned cookie_tries;
	/* An unauthenticated error notify, believed only when time is up (N8); or that of downgrade
	 * prevention: it is required, and an answer was without it. */
	uint16_t noted_error;
	bool transcript_sent;          /* our IKE_SA_INIT announces downgrade prevention */
	struct credential_hints hints; /* what the peer can check */
	bool methods_promised;         /* responder: we said that ours comes in IKE_INTERMEDIATE */
	bool methods_sent;             /* SUPPORTED_AUTH_METHODS, ours */
	const struct ike_credential *credential; /* of config, that signs; NULL: none yet */
	/* IKE_INTERMEDIATE (ext/intermediate.c): the chains of RFC 9242 3.3.2 */
	uint8_t int_auth_i[PRF_MAX], int_auth_r[PRF_MAX];
	bool has_int_auth_i, has_int_auth_r;
	unsigned addke_place; /* where the next additional key exchange is looked for */
	struct ppk_setup ppk;
	struct kem_auth *kem; /* ext/kem_auth.h; owned, NULL: the peer does not know it */
	uint32_t auth_message_id;
	/* the child that goes with IKE_AUTH */
	uint32_t child_spi;
	unsigned child_index;
	uint8_t *peer_id_body; /* ID payload body, for the signed octets */
	size_t peer_id_body_len;
	struct identity *peer_id;
	struct identity *asked_id; /* responder: IDr of the request */
	uint8_t *auth_data;        /* ours */
	size_t auth_data_len;
	uint8_t auth_method;
	const struct signature_scheme *scheme;
	bool cert_wanted;  /* the peer sent CERTREQ */
	bool ocsp_wanted;  /* and one that asks for OCSP responses (RFC 4806) */
	bool lists_wanted; /* and one for revocation lists */
	bool peer_fetches; /* and takes Hash and URL (ext/hash_and_url.c) */
	bool childless;    /* the responder announced that IKE_AUTH may do without a Child SA */
	/* exchanges.h */
	struct ike_exchange exchanges[IKE_EXCHANGES_MAX];
	unsigned n_exchanges;
	bool exchange_open; /* an answer belongs to the last of them */
	uint64_t exchange_began;
};

/* A request that is being worked on, or a response: decrypted octets and their payloads. */
struct ike_inbound {
	struct ike_header header;
	struct path path;
	uint8_t *octets; /* owned, the whole message */
	size_t len;
	size_t *counted;         /* where its octets count while nobody is authenticated, or NULL */
	size_t datagrams;        /* octets of those that it came in, */
	uint64_t began;          /* and when the first of them came */
	struct ppk_found *ppk;   /* of a CREATE_CHILD_SA request (ext/ppk_child.h); owned */
	struct ike_sk_opened sk; /* sk.payloads: the inner ones; spans into octets */
};

struct ike_sa {
	struct table_node by_spi;
	struct table_node by_peer; /* while half open as responder */
	struct ike_caller *caller; /* while listed half open */
	struct list all;
	struct list of_conn;
	struct ike_timer timer;
	struct ike_conn *conn;         /* NULL while a responder does not know yet */
	struct ike_connection *config; /* held; may be older than conn->config */
	uint64_t spi_i, spi_r;
	struct path path;
	struct ike_suite suite;
	struct ike_keys keys;
	uint8_t *ppk_id; /* of the PPK in its keys; owned */
	uint8_t ppk_id_len;
	uint8_t ppk_way; /* enum ppk_way (ext/ppk.h) */
	uint64_t iv_counter;
	uint32_t send_id; /* Message ID of the next request of ours */
	uint32_t recv_id; /* and of the next one of theirs */
	uint16_t peer_window;
	uint16_t datagram_max; /* octets of an IP datagram to the peer; 0: FRAGMENT_DATAGRAM_STD */
	uint16_t peer_piece;   /* the largest fragment of its last fragmented message */
	uint32_t message_max;  /* octets of one message of the peer's, once it is authenticated */
	uint8_t state;         /* enum sa_state */
	bool initiator : 1;    /* the original initiator (RFC 7296 2.2) */
	bool proven : 1;       /* responder: its first request showed a cookie */
	bool nat_here : 1, nat_there : 1;
	bool fragmentation : 1;    /* both support it (RFC 7383) */
	bool big_payload : 1;      /* both support payloads over 64 KB */
	bool intermediate : 1;     /* both support IKE_INTERMEDIATE (RFC 9242) */
	bool transcript : 1;       /* AUTH covers both messages of IKE_SA_INIT, each way */
	bool ppk_exchanges : 1;    /* RFC 9867 was agreed on */
	bool ppk_libreswan : 1;    /* with libreswan's numbers */
	bool reauthenticating : 1; /* a new IKE SA is being made to take this one's place */
	bool superseded : 1;       /* another one has taken its place, and it only lingers */
	bool unsettled : 1; /* made by the peer's rekey while ours is under way: starts nothing */
	bool redundant : 1; /* lost a collision of rekeys; its end is no event */
	struct list tasks;  /* ike_task: under way and waiting */
	struct ike_inbound *inbound;    /* the request that waits for a job, or NULL */
	struct create_pending *pending; /* create_child.h: what that request asks for */
	struct list followups;          /* create_pending: series that go on with IKE_FOLLOWUP_KE */
	struct ike_flight answer;       /* our last response, for retransmitted requests */
	uint64_t again_at;              /* not sent again sooner */
	struct ike_reassembly *reassembly; /* of a request that comes in fragments */
	struct list children;
	uint32_t *closed; /* SA_DELETING: spi_out and spi_in of each Child SA it had; owned */
	size_t n_closed;  /* of them */
	struct ike_setup *setup;
	struct ike_exchanges *exchanges; /* what set it up; owned, NULL: not known */
	struct identity *remote_id;      /* authenticated; owned */
	struct identity *local_id;
	struct certificate_id *peer_path; /* of the certificates that it showed; owned */
	size_t n_peer_path;
	const char *remote_auth;
	uint64_t since, last_heard, last_sent;
	uint64_t rekey_at, reauth_at, expire_at, dpd_at, keepalive_at;
	uint64_t line_spi;   /* SPIi of the first of those that were rekeyed into this one */
	uint64_t line_since; /* when that came up */
	bool line_ours;      /* and whether we began it */
	/* ext/tcp.h, ext/separate_transports.h */
	struct ike_stream *stream; /* that path names; NULL: none, or it is gone */
	struct list of_stream;
	uint64_t reopen_at;
	uint64_t reach_at, reach_since; /* whether ESP gets through beside TCP */
	uint16_t esp_peer_port;         /* of UDP, with separate transports; 0: not known yet */
	uint8_t attempt;                /* enum ike_attempt */
	uint8_t reopens;                /* in a row */
	bool tcp_originator : 1;        /* we open its connections */
	bool long_length : 1;
	bool separate : 1;
	bool stream_awaited : 1; /* it is told when stream is open */
	bool wait_stream : 1;    /* the handshake goes on when a stream is open */
	uint64_t replaced_spi;   /* our SPI of the SA that this one reauthenticates, 0 for none */
};

static inline uint64_t sa_our_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

/* Creates with a fresh SPI, listed by it. conn may be NULL. */
enum err sa_new(struct ike *ike, struct ike_sa **out, struct ike_conn *conn,
		const struct path *path, bool initiator);
/* The same with an SPI of sa_new_spi(). */
enum err sa_new_with_spi(struct ike *ike, struct ike_sa **out, struct ike_conn *conn,
			 const struct path *path, bool initiator, uint64_t spi);
uint64_t sa_new_spi(struct ike *ike);
struct ike_sa *sa_find(struct ike *ike, uint64_t our_spi);
void sa_set_conn(struct ike *ike, struct ike_sa *sa, struct ike_conn *conn,
		 struct ike_connection *config);
/* Counts it against its caller's address, and makes retransmitted IKE_SA_INIT requests find it. */
enum err sa_list_half_open(struct ike *ike, struct ike_sa *sa);
struct half_open_count {
	unsigned all, proven;
};
struct half_open_count sa_half_open_of(struct ike *ike, const struct addr *addr);
void sa_unlist_half_open(struct ike *ike, struct ike_sa *sa);
struct ike_sa *sa_find_half_open(struct ike *ike, const struct endpoint *remote, uint64_t spi_i);
struct ike_setup *sa_setup_new(void);
void sa_setup_free(struct ike_sa *sa);
/* Ends it here and now, with its children, telling the peer nothing. The object stays readable
 * until the present call into the engine returns. reason is for people and may be NULL. */
void sa_kill(struct ike *ike, struct ike_sa *sa, const char *reason);
void sa_reap(struct ike *ike);
/* RFC 7296 2.2: before its Message IDs are used up an IKE SA MUST be rekeyed or closed. */
#define MESSAGE_ID_REKEY UINT32_C(0xf0000000)
#define MESSAGE_ID_END   UINT32_MAX
static inline uint32_t sa_message_ids(const struct ike_sa *sa)
{
	return sa->send_id > sa->recv_id ? sa->send_id : sa->recv_id;
}
/* Recomputes when sa next needs the time. */
void sa_schedule(struct ike *ike, struct ike_sa *sa);
/* Acts on everything whose time has come (timers.c). */
void sa_tick(struct ike *ike, struct ike_sa *sa);
/* Logs with the connection's name and the peer. */
void sa_log(struct ike *ike, const struct ike_sa *sa, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Building: a message of this SA in ike->buffer, SK begun when keys are there. */
void sa_message_begin(struct ike *ike, struct ike_sa *sa, struct message *m, uint8_t exchange,
		      bool response, uint32_t message_id);
/* The same with room for a key exchange value of so many octets, which may be over a megabyte. */
void sa_message_begin_for(struct ike *ike, struct ike_sa *sa, struct message *m, uint8_t exchange,
			  bool response, uint32_t message_id, size_t value);
/* Ends and protects it, in fragments when it does not fit the path. Replaces what out held. */
enum err sa_message_seal(struct ike *ike, struct ike_sa *sa, struct message *m,
			 struct ike_flight *out);
/* Ends a response to the request that is being answered, sends it, keeps it for retransmissions and
 * moves on to the next Message ID. */
enum err sa_respond(struct ike *ike, struct ike_sa *sa, struct message *m);
/* A response to the request being answered that holds one notify and nothing else. */
void sa_respond_notify(struct ike *ike, struct ike_sa *sa, uint8_t exchange, uint8_t protocol,
		       struct bytes spi, uint16_t type, struct bytes data);
void message_notify(struct message *m, uint16_t type, struct bytes data);
void message_ke(struct message *m, const struct ke_desc *ke, struct bytes value);
/* One with a four-octet SPI and no data. */
void message_notify_spi(struct message *m, uint8_t protocol, uint32_t spi, uint16_t type);

/* Sends a Delete and ends when it is answered or given up (RFC 7296 1.4.1). */
void sa_delete(struct ike *ike, struct ike_sa *sa, const char *reason);
enum err sa_reauthenticate(struct ike *ike, struct ike_sa *sa);
/* Another IKE SA is there for its work: it starts nothing more of its own and, unless linger is 0
 * because its end is the peer's business, is deleted after so long. */
void sa_mark_superseded(struct ike *ike, struct ike_sa *sa, uint64_t linger);
/* The one that had taken its place is gone: it is the one again. */
void sa_reinstate(struct ike *ike, struct ike_sa *sa);
/* sa has come up: what becomes of older IKE SAs with the same peer (conn.c). */
void sa_supersede(struct ike *ike, struct ike_sa *sa, bool initial_contact);

/* Responder: this handshake was refused; it stays a while to repeat the refusal. */
void sa_fail(struct ike *ike, struct ike_sa *sa);

/* Becomes established: timers, events. */
void sa_up(struct ike *ike, struct ike_sa *sa);
/* The same for one that takes old's place. */
void sa_up_rekeyed(struct ike *ike, struct ike_sa *sa, const struct ike_sa *old);

void ike_inbound_free(struct ike_inbound *in);
/* Counts n octets for a half-open SA; false: strangers hold too much already. *counted is where
 * they are to be taken off again, NULL for an SA whose peer is authenticated. */
bool sa_count_early(struct ike *ike, const struct ike_sa *sa, size_t n, size_t **counted);
/* The first notify of a type in the payloads; false when there is none. */
bool payloads_notify(const struct payloads *ps, uint16_t type, struct notify_part *out);
/* The first error notify. */
bool payloads_error(const struct payloads *ps, struct notify_part *out);

/* The exchanges, one file each. A request being answered is sa->inbound until sa_respond() frees
 * it; a response comes with the task whose request it answers (task.h). */
void init_start(struct ike *ike, struct ike_sa *sa); /* init_i.c */
void init_response(struct ike *ike, struct ike_sa *sa, const struct path *path,
		   const struct ike_header *h, struct bytes datagram);
void init_request(struct ike *ike, const struct path *path, const struct ike_header *h,
		  struct bytes datagram);                      /* init_r.c */
void auth_start(struct ike *ike, struct ike_sa *sa);           /* auth_i.c */
void auth_request(struct ike *ike, struct ike_sa *sa);         /* auth_r.c */
void info_request(struct ike *ike, struct ike_sa *sa);         /* info.c */
void create_child_request(struct ike *ike, struct ike_sa *sa); /* create_child_r.c */

/* An answer outside any SA, with one notify: no key protects it, it changes nothing here, and few
 * are sent (input.c). */
void ike_answer_unprotected(struct ike *ike, const struct path *path,
			    const struct ike_header *request, uint16_t notify, struct bytes data);

/* Keeps a copy of what revocation lists know the peer's certificates by (auth.c). */
enum err peer_path_set(struct ike_sa *sa, const struct certificate_id *path, size_t n);

/* What a Child SA's notifies and an address change mean for the SA as a whole. */
void sa_update_path(struct ike *ike, struct ike_sa *sa, const struct path *path);

#endif
