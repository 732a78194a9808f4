/* The IKEv2 engine: RFC 7296 without sockets, clocks, threads or globals. Give it datagrams, the
 * time, commands, finished jobs and the data plane's events; it calls back with datagrams to send,
 * jobs to run, Child SAs to install and events to tell. Every callback is made from within one of
 * the calls below, and none may call back into the engine.
 *
 * Time: `now` is microseconds of a clock that never goes back. After every call ask
 * ike_next_deadline() and call ike_tick() when it has come.
 *
 * Memory that unauthenticated peers can make it hold: at most `half_open_max` half-open IKE SAs,
 * each at most IKE_HALF_OPEN_OCTETS octets and, after an additional key exchange, twice the length
 * of our last answer; and at most `early_octets` of messages and fragments that they sent after
 * IKE_SA_INIT, of all of them together, and once more as much while jobs work on copies. Above
 * `cookie_threshold` of them, or above `half_open_per_peer` from its address, a peer first returns
 * a cookie and costs nothing before it does (RFC 7296 2.6). */
#ifndef POSTERN_IKE_IKE_H
#define POSTERN_IKE_IKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "esp/dataplane.h"
#include "esp/streams.h"
#include "ike/connection.h"
#include "ike/job.h"

#define IKE_DATAGRAM_MAX     65507
#define IKE_HALF_OPEN_OCTETS 16384

struct ike;

struct ike_settings {
	unsigned half_open_max;      /* 1000 */
	unsigned half_open_per_peer; /* from one address: 10, and as many that showed a cookie */
	unsigned cookie_threshold;   /* 100; 0: always ask for a cookie */
	uint64_t half_open_timeout;  /* 30 s */
	size_t early_octets;         /* 32 MiB: of messages that wait, of peers not authenticated */
	uint64_t retransmit_first;   /* 500 ms, doubled each time with jitter (RFC 7296 2.1) */
	uint64_t retransmit_most;    /* the longest pause: 16 s */
	const char *vendor_id;       /* text sent as Vendor ID; NULL: none */
};

void ike_settings_default(struct ike_settings *s);

enum ike_event_type {
	IKE_EVENT_SA_UP,
	IKE_EVENT_SA_DOWN,
	IKE_EVENT_SA_REKEYED,
	IKE_EVENT_CHILD_UP,
	IKE_EVENT_CHILD_DOWN,
	IKE_EVENT_CHILD_REKEYED,
	IKE_EVENT_FAILED, /* an attempt ended; reason says why */
};

/* Everything is borrowed for the call. child is NULL for the IKE SA's own events. */
struct ike_event {
	enum ike_event_type type;
	const char *connection;
	const char *child;
	const char *reason;
	uint64_t spi_i, spi_r;
	uint32_t handle;
};

struct ike_callbacks {
	void *ctx;
	struct random_source random;
	void (*send)(void *ctx, const struct path *path, struct bytes datagram);
	/* Takes the job; it comes back by ike_job_done(), at once after the present call or later.
	 */
	void (*job)(void *ctx, struct ike_job *job);
	void (*event)(void *ctx, const struct ike_event *event);
	/* The address that we would send from to reach remote; false when there is no route. */
	bool (*route)(void *ctx, const struct addr *remote, struct addr *local);
	const struct dataplane_ops *plane;
	void *plane_ctx;
	const struct stream_ops *streams; /* NULL: there is no TCP */
	void *streams_ctx;
	const struct log *log; /* may be NULL */
	struct faults *faults; /* NULL: none; heeded only in a build with faults */
};

/* callbacks and settings are copied; what they point at must live as long as the engine. NULL when
 * out of memory. */
struct ike *ike_new(const struct ike_settings *settings, const struct ike_callbacks *callbacks);
/* Forgets everything without telling the peers; ike_shutdown() first for manners. */
void ike_free(struct ike *ike);
/* Sends a Delete for every IKE SA and waits for no answer. */
void ike_shutdown(struct ike *ike, uint64_t now);

/* Connections by name. Setting one of an existing name replaces it: SAs that are up stay with the
 * old one unless it differs in what they rest on (ids, authentication, addresses, selectors,
 * algorithms); then they are taken down. Holds a reference of its own. */
enum err ike_connection_set(struct ike *ike, struct ike_connection *c, uint64_t now);
/* Takes its SAs down. */
enum err ike_connection_remove(struct ike *ike, const char *name, uint64_t now);

/* Datagrams, without UDP header or non-ESP marker. */
void ike_input(struct ike *ike, const struct path *path, struct bytes datagram, uint64_t now);
/* Takes the job. */
void ike_job_done(struct ike *ike, struct ike_job *job, uint64_t now);
void ike_plane_event(struct ike *ike, const struct dataplane_event *event, uint64_t now);
void ike_stream_event(struct ike *ike, const struct stream_event *event, uint64_t now);
uint64_t ike_next_deadline(const struct ike *ike);
void ike_tick(struct ike *ike, uint64_t now);

/* Commands. child NULL: all children of the connection; with `up`, those whose start is not manual,
 * or all when there are none such. ERR_NOT_FOUND: no such connection or child. The outcome is an
 * event. */
enum err ike_up(struct ike *ike, const char *connection, const char *child, uint64_t now);
enum err ike_down(struct ike *ike, const char *connection, const char *child, uint64_t now);
/* child NULL: the IKE SA; else that Child SA. ERR_STATE when it is not up. */
enum err ike_rekey(struct ike *ike, const char *connection, const char *child, uint64_t now);
enum err ike_reauthenticate(struct ike *ike, const char *connection, uint64_t now);

enum ike_state {
	IKE_STATE_DOWN,
	IKE_STATE_CONNECTING,
	IKE_STATE_UP,
	IKE_STATE_DELETING,
};

const char *ike_state_name(enum ike_state s);

/* What status shows of a live SA. Spans and pointers are borrowed until the next call. */
struct ike_child_info {
	const char *name;
	uint32_t handle;
	uint32_t spi_in, spi_out;
	struct ike_suite suite;
	enum esp_mode mode;
	bool udp_encap;
	bool in_tcp;
	const struct selector *local, *remote;
	size_t n_local, n_remote;
	uint64_t since;    /* installed, on the caller's clock */
	uint64_t rekey_at; /* 0: never */
	bool rekeying;
	struct dataplane_usage usage;
};

/* IKE_SA_INIT, seven IKE_INTERMEDIATE for key exchanges, two for other things, IKE_AUTH */
#define IKE_EXCHANGES_MAX 11

/* One exchange of a handshake. Octets are those of the IKE messages with all their fragments,
 * without what carries them and without repetitions. */
struct ike_exchange {
	uint32_t sent, received;
	uint32_t took;    /* microseconds, from the request's first octet to the answer */
	uint16_t ke;      /* the key exchange method in it; KE_NONE: none */
	uint8_t exchange; /* EXCHANGE_* */
	bool in_tcp;
};

struct ike_sa_info {
	const char *connection;
	enum ike_state state;
	bool initiator;
	uint64_t spi_i, spi_r;
	struct path path;
	struct ike_suite suite;
	const struct identity *local_id, *remote_id;
	const char *remote_auth;   /* "psk", "ecdsa-p256-sha256", ... */
	bool downgrade_prevention; /* ext/downgrade_prevention.h; settled once the SA is up */
	struct bytes ppk_id;       /* of the PPK in its keys; empty: none */
	const char *ppk;           /* how it came there: "RFC 8784", "RFC 9867"; "": none */
	bool nat_here, nat_there;
	const char *transport; /* "udp", "tcp", "tcp, esp beside it" */
	uint64_t since;
	uint64_t rekey_at, reauth_at;
	uint64_t last_heard;
	unsigned exchanges_waiting;
	/* Its handshake, when that was not a rekey: how long all of it took, and each exchange. */
	uint32_t handshake_took; /* microseconds */
	size_t n_exchanges;
	const struct ike_exchange *exchanges;
};

struct ike_connection_info {
	const char *name;
	enum ike_state state;
	uint64_t state_since;
	const char *why;   /* why it is down, or what it is doing; never NULL */
	uint64_t retry_at; /* 0: no attempt is planned */
	const struct ike_connection *config;
};

struct ike_visitor {
	void *ctx;
	void (*connection)(void *ctx, const struct ike_connection_info *info);
	void (*sa)(void *ctx, const struct ike_sa_info *info);
	void (*child)(void *ctx, const struct ike_child_info *info);
};

/* For each connection (or the named one): itself, then each of its IKE SAs, each followed by its
 * Child SAs; last, with connection NULL, half-open SAs of no known connection are only counted in
 * totals. */
enum err ike_visit(struct ike *ike, const char *connection, const struct ike_visitor *visitor);

struct ike_totals {
	unsigned connections, sas, children, half_open, jobs_waiting;
	uint64_t messages_in, messages_out, retransmits, dropped, cookies_sent;
};

void ike_totals(const struct ike *ike, struct ike_totals *totals);

#endif
