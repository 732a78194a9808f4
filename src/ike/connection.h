/* A connection as the engine sees it: what the configuration says of one peer, checked and
 * complete. Made once, then constant and counted: a reload makes a new one, and exchanges under way
 * keep the old one alive until they end. Times are microseconds, 0 means never or no limit. */
#ifndef POSTERN_IKE_CONNECTION_H
#define POSTERN_IKE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/selector.h"
#include "crypto/key.h"
#include "esp/dataplane.h"
#include "ike/fetch.h"
#include "ike/suite.h"
#include "pki/identity.h"
#include "pki/trust.h"

enum ike_auth_kind { IKE_AUTH_BY_PSK, IKE_AUTH_BY_CERT, IKE_AUTH_BY_PUBKEY };

/* How we reach the peer, and what we take from it (RFC 9329, ext/separate_transports.h). */
enum ike_transport {
	IKE_TRANSPORT_UDP,
	IKE_TRANSPORT_TCP,
	IKE_TRANSPORT_AUTO, /* UDP first, then TCP; as responder both */
	IKE_TRANSPORT_SEPARATE,
};

/* IKE SAs that come up without a Child SA (RFC 6023): taken from a peer that asks; not taken; asked
 * for where the peer can; nothing else will do. */
enum ike_childless {
	IKE_CHILDLESS_ALLOW,
	IKE_CHILDLESS_NEVER,
	IKE_CHILDLESS_PREFER,
	IKE_CHILDLESS_FORCE,
};

/* Downgrade prevention (ext/downgrade_prevention.c). */
enum ike_downgrade {
	IKE_DOWNGRADE_YES,
	IKE_DOWNGRADE_REQUIRE,
	IKE_DOWNGRADE_SUPPRESS, /* as initiator, not announced */
};

/* Payloads over 64 KB: announced where something of ours needs them, or always. */
enum ike_big_payload { IKE_BIG_PAYLOAD_AUTO, IKE_BIG_PAYLOAD_YES };

enum ike_start { IKE_START_MANUAL, IKE_START_AUTO, IKE_START_ON_TRAFFIC };

enum ike_ppk_policy { IKE_PPK_NEVER, IKE_PPK_ALLOW, IKE_PPK_REQUIRED };
/* RFC 9867 where both can, else RFC 8784; the one alone; the other alone. */
enum ike_ppk_exchange { IKE_PPK_AUTO, IKE_PPK_AUTH, IKE_PPK_INTERMEDIATE };
/* Of RFC 9867's notifies: IANA's, or those that libreswan 5.2 and 5.3 chose. */
enum ike_ppk_numbers { IKE_PPK_NUMBERS_IANA, IKE_PPK_NUMBERS_LIBRESWAN };

/* In which order the octets that a responder signs have IntAuth's two parts. */
enum ike_int_auth { IKE_INT_AUTH_RFC, IKE_INT_AUTH_LIBRESWAN };

/* KEM-based authentication (ext/kem_auth.h): not at all; where the peer can; or no other way. */
enum ike_kem_auth { IKE_KEM_AUTH_NO, IKE_KEM_AUTH_YES, IKE_KEM_AUTH_REQUIRE };

/* Post-quantum pre-shared keys (RFC 8784, RFC 9867). */
struct ike_ppk_config {
	enum ike_ppk_policy policy;
	enum ike_ppk_exchange exchange;
	enum ike_ppk_numbers numbers;
	bool rekey;        /* also in CREATE_CHILD_SA */
	struct bytes *ids; /* in order of preference; none: as responder any. Owned. */
	size_t n_ids;
};

#define CRL_URLS_MAX        4
#define IKE_CREDENTIALS_MAX 8 /* of ours, and keys of a peer's, in one connection */

/* A private key of ours, and the public things that go with it. */
struct ike_credential {
	char *key; /* its name in the keystore */
	enum key_type key_type;
	struct bytes *certs; /* DER, ours first; for pubkey one SubjectPublicKeyInfo. Owned. */
	size_t n_certs;
	char *url;       /* where certs[0] can be had (RFC 7296 3.6), or NULL; owned */
	bool url_bundle; /* all of certs, as a bundle */
	uint8_t url_sha1[IKE_FETCH_HASH_LEN]; /* of what is there */
	/* OCSP responses about certs and the lists of who issued them, for a peer that asks; DER,
	 * owned. */
	struct bytes *status;
	size_t n_status;
	struct bytes *lists;
	size_t n_lists;
	uint8_t *answers; /* the hashes in a CERTREQ that ask for it, 20 octets each; owned */
	size_t n_answers;
};

/* How we prove who we are. */
struct ike_local_auth {
	enum ike_auth_kind kind;
	struct ike_credential *credentials; /* best first; none for PSK. Owned. */
	size_t n_credentials;
	bool always_send_cert; /* also when the peer asked for none */
};

/* OCSP in IKE (RFC 4806): we do not ask the peer for responses about its certificates; we ask; and
 * refuse a peer whose own certificate no good one tells of. */
enum ike_ocsp { IKE_OCSP_NO, IKE_OCSP_ASK, IKE_OCSP_REQUIRE };

/* What we demand of the peer. */
struct ike_remote_auth {
	enum ike_auth_kind kind;
	struct trust *trust; /* CAs and their lists; owned, one reference */
	enum revocation_policy revocation;
	enum ike_ocsp ocsp;
	uint64_t key_types; /* of keys that count, bits 1 << enum key_type; 0: any */
	char **crl_urls;    /* where lists of its CAs are; owned */
	size_t n_crl_urls;
	bool fetch_crls;          /* also from where the certificates say (RFC 5280 4.2.1.13) */
	char *ocsp_url;           /* of a responder for all its CAs; NULL: none; owned */
	bool fetch_ocsp;          /* else, ask where the certificates say (RFC 5280 4.2.2.1) */
	bool cert_lookup;         /* certificates by Hash and URL are taken (RFC 7296 3.6) */
	struct public_key **keys; /* for pubkey: any of them; owned */
	size_t n_keys;
};

struct ike_child_config {
	char *name;
	uint32_t policy; /* the data plane's policy number */
	enum esp_mode mode;
	enum ike_start start;
	struct selector *local;
	size_t n_local;
	struct selector *remote;
	size_t n_remote;
	struct ike_suites esp; /* with those of EESP where it is wanted */
	enum ike_eesp eesp;
	bool eesp_sub_sas; /* offer and take Sub SAs */
	uint64_t rekey_time;
	uint64_t rekey_octets;
	uint64_t rekey_packets;
	uint32_t replay_window;
	enum esp_df df;
	bool copy_dscp;
	bool ecn;
};

struct ike_connection {
	char *name;
	unsigned references;
	struct addr local;    /* none: whatever the route gives, any as responder */
	struct addr remote;   /* none: anybody may call, and we cannot */
	uint16_t remote_port; /* 500 unless configured */
	enum ike_transport transport;
	uint16_t remote_tcp_port;  /* 4500 unless configured */
	bool tcp_share;            /* with other connections to the same peer, one TCP connection */
	struct identity *local_id; /* owned */
	struct identity *remote_id; /* owned; NULL: whoever authenticates */
	struct ike_local_auth local_auth;
	struct ike_remote_auth remote_auth;
	struct ike_ppk_config ppk;
	enum ike_int_auth int_auth;
	struct ike_suites ike;
	struct ike_child_config *children;
	size_t n_children;
	uint64_t rekey_time;
	uint64_t reauth_time;
	uint64_t dpd_delay;   /* liveness check after so much silence */
	uint64_t keepalive;   /* NAT keepalive; 20 s */
	uint64_t retry_time;  /* how long after a failure a start = auto child is tried again */
	unsigned retransmits; /* tries of one request before the peer counts as dead */
	enum ike_childless childless;
	bool force_encap; /* UDP encapsulation though no NAT is seen */
	bool unique;      /* a new IKE SA of the same identity replaces the old ones */
	bool allow_weak_signatures;
	enum ike_downgrade downgrade;
	enum ike_kem_auth kem_auth;
	enum ike_big_payload big_payload;
	uint64_t auth_octets_max; /* of one IKE_AUTH message of the peer's; 0: 256 KiB */
};

/* A zeroed connection with one reference, or NULL. Everything it points at is owned by it. */
struct ike_connection *ike_connection_new(const char *name);
struct ike_connection *ike_connection_hold(struct ike_connection *c);
void ike_connection_release(struct ike_connection *c);
/* Nothing that an SA rests on differs: ids, kind of authentication, addresses, selectors,
 * algorithms. Another certificate or key of ours is none of these: the next handshake uses it. */
bool ike_connection_same(const struct ike_connection *a, const struct ike_connection *b);
/* NULL when there is none of that name. */
const struct ike_child_config *ike_connection_child(const struct ike_connection *c,
						    const char *name);

#endif
