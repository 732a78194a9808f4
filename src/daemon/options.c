#include "daemon/options.h"

#include <string.h>

#include "base/selector.h"
#include "daemon/values.h"
#include "ike/connection.h"

#define SECOND 1000000ULL
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

#define DAEMON(m)     offsetof(struct daemon_config, m), sizeof(((struct daemon_config *)0)->m)
#define CONNECTION(m) offsetof(struct ike_connection, m), sizeof(((struct ike_connection *)0)->m)
#define CHILD(m)      offsetof(struct ike_child_config, m), sizeof(((struct ike_child_config *)0)->m)
#define OTHER         OPTION_NO_FIELD, 0

/* In the order of enum log_level, enum ike_auth_kind, enum ike_start, enum ike_transport,
 * enum ike_childless, enum ike_big_payload, enum ike_downgrade, enum ike_kem_auth, enum
 * revocation_policy, enum ike_ocsp and enum esp_df. */
static const char *const log_words[] = {"err", "warn", "note", "info", "debug", NULL};
static const char *const auth_words[] = {"psk", "cert", "pubkey", NULL};
static const char *const start_words[] = {"manual", "auto", "on-traffic", NULL};
static const char *const transport_words[] = {"udp", "tcp", "auto", "separate", NULL};
static const char *const childless_words[] = {"allow", "never", "prefer", "force", NULL};
static const char *const big_payload_words[] = {"auto", "yes", NULL};
static const char *const downgrade_words[] = {"yes", "require", "suppress", NULL};
static const char *const kem_auth_words[] = {"no", "yes", "require", NULL};
static const char *const ppk_words[] = {"never", "allow", "required", NULL};
static const char *const ppk_exchange_words[] = {"auto", "auth", "intermediate", NULL};
static const char *const ppk_numbers_words[] = {"iana", "libreswan", NULL};
static const char *const int_auth_words[] = {"rfc", "libreswan", NULL};
static const char *const eesp_words[] = {"no", "prefer", "require", NULL};
static const char *const mode_words[] = {"tunnel", NULL};
static const char *const revocation_words[] = {"relaxed", "strict", "none", NULL};
static const char *const ocsp_words[] = {"no", "ask", "require", NULL};
static const char *const df_words[] = {"copy", "set", "clear", NULL};

static const char *const scheme_words[] = {"http", "https", NULL};

static const struct config_section_info sections[SECTION_COUNT] = {
    [SECTION_DAEMON] =
	{"daemon", NULL,
	 "The process itself: where it listens and what it is called. May be left out."},
    [SECTION_FETCH] =
	{"fetch", NULL,
	 "What may be fetched by HTTP: revocation lists, answers by OCSP, certificates by Hash and "
	 "URL. A process without keys does it, and never goes to this host's own addresses, "
	 "to link-local ones or to multicast. May be left out; changes count after a restart."},
    [SECTION_CONNECTION] = {"connection", "name",
			    "One peer: where it is, who it is, and how both prove it."},
    [SECTION_CHILD] = {"child", "name",
		       "Within a connection: the traffic that one Child SA protects. Such traffic "
		       "leaves through the tunnel or not at all."},
    [SECTION_SECRET] = {"secret", "\"identity\" \"identity\"",
			"A pre-shared key for two identities, in either order. With one identity, "
			"for it and anybody."},
    [SECTION_PPK] =
	{"ppk", "\"identity\"",
	 "A post-quantum pre-shared key (PPK), which both ends know beside what they "
	 "prove their identity by. It keeps what is recorded today from a quantum "
	 "computer later, however the key exchange fares. The identity is no secret and "
	 "the same at both ends: 1 to 128 characters. One PPK may serve a group of peers."},
};

static const struct config_option options[] = {
    {SECTION_DAEMON, "listen", OPTION_ADDRESS, true, false, "any", 0, 0, NULL,
     "The local addresses to listen on.", OTHER},
    {SECTION_DAEMON, "ike-port", OPTION_COUNT, false, false, "500", 1, 65535, NULL,
     "The UDP port of IKE.", DAEMON(ike_port)},
    {SECTION_DAEMON, "nat-port", OPTION_COUNT, false, false, "4500", 1, 65535, NULL,
     "The UDP port of IKE and ESP behind a NAT.", DAEMON(natt_port)},
    {SECTION_DAEMON, "tcp-port", OPTION_COUNT, false, false, "4500", 0, 65535, NULL,
     "The TCP port of IKE and ESP (RFC 9329); 0 for none. Only connections whose transport is not "
     "udp are served there.",
     DAEMON(tcp_port)},
    {SECTION_DAEMON, "user", OPTION_NAME, false, false, "_postern", 1, 31, NULL,
     "The user that the unprivileged processes run as. When the default does not exist, nobody.",
     DAEMON(user)},
    {SECTION_DAEMON, "tun", OPTION_NAME, false, false, "postern0", 1, 15, NULL,
     "The name of the TUN device.", DAEMON(tun)},
    {SECTION_DAEMON, "mtu", OPTION_COUNT, false, false, "1500", 1280, 65535, NULL,
     "The MTU of the TUN device. What does not fit the way to the peer is told to the sender.",
     DAEMON(mtu)},
    {SECTION_DAEMON, "clamp-mss", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Lower the MSS of TCP connections to what fits the tunnel.", DAEMON(clamp_mss)},
    {SECTION_DAEMON, "half-open-max", OPTION_COUNT, false, false, "1000", 1, 100000, NULL,
     "How many peers that have not yet proved who they are may be served at a time.",
     DAEMON(half_open_max)},
    {SECTION_DAEMON, "half-open-per-peer", OPTION_COUNT, false, false, "10", 1, 100000, NULL,
     "The same, for one address.", DAEMON(half_open_per_peer)},
    {SECTION_DAEMON, "cookie-threshold", OPTION_COUNT, false, false, "100", 0, 100000, NULL,
     "With so many half-open peers, a new one must first return a cookie.",
     DAEMON(cookie_threshold)},
    {SECTION_DAEMON, "ke-number", OPTION_KE_NUMBER, true, false, NULL, 1, 65535, NULL,
     "The number of a key exchange method that IANA has given none: of FrodoKEM or Classic "
     "McEliece, for a peer that uses another number than Postern. As in frodo1344shake:1088.",
     OTHER},
    {SECTION_DAEMON, "log", OPTION_WORD, false, false, "info", 0, 0, log_words,
     "The least important messages that are logged.", DAEMON(log_level)},

    {SECTION_FETCH, "schemes", OPTION_WORD, true, false, "http", 0, 0, scheme_words,
     "Which URLs are fetched. With https, servers' certificates are checked by the system's CAs; "
     "what is fetched is signed anyway.",
     OTHER},
    {SECTION_FETCH, "private", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Also go to addresses of private networks (RFC 1918, RFC 6598, RFC 4193).",
     DAEMON(fetch.policy.private)},
    {SECTION_FETCH, "forbid", OPTION_SELECTOR, true, false, NULL, 0, 0, NULL,
     "Addresses that nothing is fetched from, such as 203.0.113.0/24.", OTHER},
    {SECTION_FETCH, "timeout", OPTION_TIME, false, false, "10s", SECOND, 30 * SECOND, NULL,
     "How long one fetch may take. The peer waits meanwhile, and gives up some day.",
     DAEMON(fetch.policy.timeout)},
    {SECTION_FETCH, "max-size", OPTION_OCTETS, false, false, "8MiB", 4096, 16 << 20, NULL,
     "How large one thing may be. A Classic McEliece certificate has 1.4 MB at most.",
     DAEMON(fetch.octets_max)},
    {SECTION_FETCH, "at-once", OPTION_COUNT, false, false, "8", 1, 32, NULL,
     "How much is fetched at a time; the rest waits.", DAEMON(fetch.policy.at_once)},
    {SECTION_FETCH, "cache", OPTION_OCTETS, false, false, "32MiB", 1 << 16, 1 << 30, NULL,
     "How much of it is remembered: lists until they are out of date, but asked for again within a "
     "day; certificates by their hash.",
     DAEMON(fetch.cache_octets)},

    {SECTION_CONNECTION, "local", OPTION_ADDRESS, false, false, "any", 0, 0, NULL,
     "Our address. With any, whichever the route to the peer gives.", CONNECTION(local)},
    {SECTION_CONNECTION, "remote", OPTION_ADDRESS, false, false, "any", 0, 0, NULL,
     "The peer's address. With any, peers may call, but we cannot.", CONNECTION(remote)},
    {SECTION_CONNECTION, "remote-port", OPTION_COUNT, false, false, "500", 1, 65535, NULL,
     "The peer's UDP port for IKE.", CONNECTION(remote_port)},
    {SECTION_CONNECTION, "transport", OPTION_WORD, false, false, "udp", 0, 0, transport_words,
     "How the peer is reached: by UDP; by TCP, which carries ESP too (RFC 9329); auto, by UDP and, "
     "where that gets no answer, by TCP; or separate, where both ends have it so: IKE by TCP and "
     "ESP beside it.",
     CONNECTION(transport)},
    {SECTION_CONNECTION, "remote-tcp-port", OPTION_COUNT, false, false, "4500", 1, 65535, NULL,
     "The peer's TCP port for IKE.", CONNECTION(remote_tcp_port)},
    {SECTION_CONNECTION, "tcp-share", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Use one TCP connection for all connections to the same peer's address and port that say so, "
     "too. RFC 9329 gives each IKE SA one of its own; a Postern at the other end takes both.",
     CONNECTION(tcp_share)},
    {SECTION_CONNECTION, "local-id", OPTION_IDENTITY, false, true, NULL, 0, 0, NULL,
     "Who we are: a host name, a mail address, an IP address, a distinguished name such as "
     "\"CN=gw, O=Example\", or \"keyid:text\".",
     OTHER},
    {SECTION_CONNECTION, "remote-id", OPTION_IDENTITY, false, false, "any", 0, 0, NULL,
     "Who the peer must be. With any, whoever can prove its identity.", OTHER},
    {SECTION_CONNECTION, "auth", OPTION_WORD, false, true, NULL, 0, 0, auth_words,
     "How both prove who they are: a pre-shared key, certificates, or public keys that both know.",
     OTHER},
    {SECTION_CONNECTION, "cert", OPTION_PUBLIC_FILE, true, false, NULL, 0, 0, NULL,
     "Our certificate in PEM, and after it in the same file those that lead to the CA. For auth = "
     "cert. With several files, such as one for ML-DSA and one for peers that do not know it, the "
     "first that the peer says it can check is used.",
     OTHER},
    {SECTION_CONNECTION, "key", OPTION_SECRET_FILE, true, false, NULL, 0, 0, NULL,
     "Our private key in PEM, not encrypted. For auth = cert, one for each certificate, in any "
     "order; for auth = pubkey, with several the first that the peer says it can check is used.",
     OTHER},
    {SECTION_CONNECTION, "ca", OPTION_PUBLIC_FILE, true, false, NULL, 0, 0, NULL,
     "The CA certificates that the peer's certificate must lead to, in PEM. For auth = cert.",
     OTHER},
    {SECTION_CONNECTION, "crl", OPTION_PUBLIC_FILE, true, false, NULL, 0, 0, NULL,
     "Revocation lists of these CAs and of those below them, in PEM, or one in DER. Read again by "
     "postern reload. For auth = cert.",
     OTHER},
    {SECTION_CONNECTION, "crl-url", OPTION_URL, true, false, NULL, 0, 0, NULL,
     "Where such lists are fetched, in DER: ahead of time, and again before they are out of date.",
     OTHER},
    {SECTION_CONNECTION, "crl-fetch", OPTION_BOOL, false, false, "yes", 0, 0, NULL,
     "Also fetch a list that is missing from where the certificate says that it is, once its "
     "holder has proved to have its key. What may be fetched, and from where, is in the section "
     "fetch.",
     CONNECTION(remote_auth.fetch_crls)},
    {SECTION_CONNECTION, "ocsp-url", OPTION_URL, false, false, NULL, 0, 0, NULL,
     "A responder that is asked over HTTP about those of the peer's certificates of which neither "
     "a "
     "list nor an OCSP response that it brings tells, once it has proved to have its key. Without "
     "it, the one that a certificate names.",
     OTHER},
    {SECTION_CONNECTION, "ocsp-fetch", OPTION_BOOL, false, false, "yes", 0, 0, NULL,
     "Ask the responder that a certificate names. What may be asked, and where, is in the section "
     "fetch; with revocation = relaxed one that does not answer stops nobody.",
     CONNECTION(remote_auth.fetch_ocsp)},
    {SECTION_CONNECTION, "cert-lookup", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Let the peer name a URL and a hash in place of its certificate (RFC 7296 3.6). It has then "
     "not yet proved who it is, and makes us call whom it likes within what fetch allows.",
     CONNECTION(remote_auth.cert_lookup)},
    {SECTION_CONNECTION, "cert-url", OPTION_URL, false, false, NULL, 0, 0, NULL,
     "Where the first certificate of cert can be fetched, in DER; sent in place of it to a peer "
     "that takes such.",
     OTHER},
    {SECTION_CONNECTION, "cert-bundle-url", OPTION_URL, false, false, NULL, 0, 0, NULL,
     "The same for a bundle of all certificates of the first file of cert (RFC 7296 3.6).", OTHER},
    {SECTION_CONNECTION, "revocation", OPTION_WORD, false, false, "relaxed", 0, 0, revocation_words,
     "What is asked about the peer's certificates. A revoked one is refused by relaxed and strict; "
     "strict also wants, for each certificate below the CA, a list in its time, from crl or from "
     "the peer, or an OCSP response that calls it good; with none nobody is asked.",
     CONNECTION(remote_auth.revocation)},
    {SECTION_CONNECTION, "ocsp", OPTION_WORD, false, false, "ask", 0, 0, ocsp_words,
     "Whether the peer is asked to bring OCSP responses about its certificates (RFC 4806); require "
     "refuses a peer whose own certificate none calls good. Responses that come are looked at in "
     "any case, but with revocation = none. For auth = cert.",
     CONNECTION(remote_auth.ocsp)},
    {SECTION_CONNECTION, "ocsp-responder", OPTION_PUBLIC_FILE, true, false, NULL, 0, 0, NULL,
     "Certificates of OCSP responders that are believed about all certificates, in PEM, beside the "
     "CAs and those whom they let answer. For auth = cert.",
     OTHER},
    {SECTION_CONNECTION, "ocsp-response", OPTION_PUBLIC_FILE, true, false, NULL, 0, 0, NULL,
     "OCSP responses about our certificates in DER, for a peer that asks (RFC 4806). Read again by "
     "postern reload. For auth = cert.",
     OTHER},
    {SECTION_CONNECTION, "send-crl", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Send those of the lists in crl that tell of our own certificates to a peer that asks for "
     "lists, as one with revocation = strict does. One over 64 KB wants big-payload. For auth = "
     "cert.",
     OTHER},
    {SECTION_CONNECTION, "remote-auth-algorithms", OPTION_KEY_TYPES, true, false, NULL, 0, 0, NULL,
     "The kinds of keys by which the peer may prove who it is: its own and those of all CAs above "
     "it, up to and with the one in ca. pq for all that are safe from quantum computers; mldsa, "
     "slhdsa, ecdsa, rsa for a family; or one such as mldsa65, ecdsa-p256, ed25519. Without it, "
     "any. For auth = cert and pubkey.",
     OTHER},
    {SECTION_CONNECTION, "remote-pubkey", OPTION_PUBLIC_FILE, true, false, NULL, 0, 0, NULL,
     "The peer's public key in PEM; with several, it may use any of them. For auth = pubkey.",
     OTHER},
    {SECTION_CONNECTION, "always-send-cert", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Send our certificate also to a peer that asks for none.",
     CONNECTION(local_auth.always_send_cert)},
    {SECTION_CONNECTION, "auth-size-max", OPTION_OCTETS, false, false, "1MiB", 1 << 16, 64 << 20,
     NULL,
     "How long the message may be in which a peer proves who it is, with all its certificates and "
     "revocation lists. So much is held for a peer that has not proved it yet, and for all of such "
     "together 32 MiB. Not for auth = psk.",
     CONNECTION(auth_octets_max)},
    {SECTION_CONNECTION, "big-payload", OPTION_WORD, false, false, "auto", 0, 0, big_payload_words,
     "Whether a single payload may be longer than 64 KB, as a large certificate, a revocation list "
     "or Classic McEliece needs it; between two Posterns alone. Auto announces it where something "
     "of ours is so long, yes always: toward a peer whose certificate or list is. As responder it "
     "is taken from whoever announces it.",
     CONNECTION(big_payload)},
    {SECTION_CONNECTION, "weak-signatures", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Also take and make signatures with SHA-1, for very old peers.",
     CONNECTION(allow_weak_signatures)},
    {SECTION_CONNECTION, "downgrade-prevention", OPTION_WORD, false, false, "yes", 0, 0,
     downgrade_words,
     "Whether both sides must prove to have seen the same offer and the same choice of algorithms. "
     "Postern always announces that it can, and does it with every peer that can; require refuses "
     "the others. Suppress does not announce it where we call, for a peer that breaks on it, and "
     "wants both remote and remote-id.",
     CONNECTION(downgrade)},
    {SECTION_CONNECTION, "kem-auth", OPTION_WORD, false, false, "no", 0, 0, kem_auth_words,
     "Whether both prove who they are by decapsulating for a certified ML-KEM key instead of "
     "signing, with a Postern at the other end that does so too: the one that calls shows who it "
     "is "
     "to nobody but the peer. Yes does it where both hold such a certificate, and signs otherwise, "
     "if there is one for that; require takes nothing else. For auth = cert, with an ML-KEM "
     "certificate in cert. Experimental: the document is a draft without numbers, and those here "
     "are our own.",
     CONNECTION(kem_auth)},
    {SECTION_CONNECTION, "ppk", OPTION_WORD, false, false, "never", 0, 0, ppk_words,
     "Whether a post-quantum pre-shared key is mixed into the keys (RFC 8784, RFC 9867): never; "
     "allow, where the peer knows one of ours; required, or no tunnel comes up. Only what both "
     "ends "
     "require cannot be talked away by somebody who has one end's credential.",
     CONNECTION(ppk.policy)},
    {SECTION_CONNECTION, "ppk-id", OPTION_PPK_ID, true, false, NULL, 0, 0, NULL,
     "Which of them, in order of preference. As responder, any of the file when none is named.",
     OTHER},
    {SECTION_CONNECTION, "ppk-exchange", OPTION_WORD, false, false, "auto", 0, 0,
     ppk_exchange_words,
     "How: by IKE_INTERMEDIATE (RFC 9867), which protects all of the IKE SA, identities too; by "
     "IKE_AUTH (RFC 8784), which protects the Child SAs and the IKE SAs that follow by rekeying, "
     "with the first of ppk-id; or auto, by the former where the peer can.",
     CONNECTION(ppk.exchange)},
    {SECTION_CONNECTION, "ppk-rekey", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Mix a PPK in again at every rekey and in every further Child SA (RFC 9867), with a Postern "
     "at "
     "the other end that does so too. The formulas are our own choice: no other implementation has "
     "this.",
     CONNECTION(ppk.rekey)},
    {SECTION_CONNECTION, "ppk-numbers", OPTION_WORD, false, false, "iana", 0, 0, ppk_numbers_words,
     "The notify numbers of RFC 9867: those of IANA, or those of libreswan 5.2 and 5.3.",
     CONNECTION(ppk.numbers)},
    {SECTION_CONNECTION, "int-auth", OPTION_WORD, false, false, "rfc", 0, 0, int_auth_words,
     "How a responder's signature covers IKE_INTERMEDIATE: as RFC 9242 says, or with the two parts "
     "in the order that libreswan uses.",
     CONNECTION(int_auth)},
    {SECTION_CONNECTION, "ike", OPTION_IKE_SUITE, true, false, "default", 0, 0, NULL,
     "The algorithms of the IKE SA in order of preference: a named suite, or a proposal such as "
     "aes256gcm-prfsha384-x25519+mlkem768. The suites: default (ML-KEM with a curve, or without "
     "for peers that lack it), pq (always with ML-KEM), pq-conservative (ML-KEM, FrodoKEM and "
     "Classic McEliece together), modern, cnsa2, bsi, compat.",
     OTHER},
    {SECTION_CONNECTION, "rekey", OPTION_TIME, false, false, "4h", 60 * SECOND, 30 * DAY, NULL,
     "How long an IKE SA is used before it gets new keys.", CONNECTION(rekey_time)},
    {SECTION_CONNECTION, "reauth", OPTION_TIME, false, false, "never", 60 * SECOND, 365 * DAY, NULL,
     "How long until both must prove again who they are.", CONNECTION(reauth_time)},
    {SECTION_CONNECTION, "dpd", OPTION_TIME, false, false, "30s", SECOND, DAY, NULL,
     "After so much silence, ask whether the peer is still there.", CONNECTION(dpd_delay)},
    {SECTION_CONNECTION, "retransmits", OPTION_COUNT, false, false, "10", 1, 20, NULL,
     "How often a request is sent before the peer counts as gone.", CONNECTION(retransmits)},
    {SECTION_CONNECTION, "retry", OPTION_TIME, false, false, "30s", SECOND, DAY, NULL,
     "After a failure, try a child with start = auto again after so long.", CONNECTION(retry_time)},
    {SECTION_CONNECTION, "keepalive", OPTION_TIME, false, false, "20s", SECOND, 3600 * SECOND, NULL,
     "How often a NAT before us is reminded of the connection.", CONNECTION(keepalive)},
    {SECTION_CONNECTION, "childless", OPTION_WORD, false, false, "allow", 0, 0, childless_words,
     "IKE SAs that come up without a Child SA (RFC 6023), so that every Child SA has a key "
     "exchange "
     "of its own: allow takes them from a peer that begins one, never does not, prefer begins one "
     "where the peer can, and force takes nothing else.",
     CONNECTION(childless)},
    {SECTION_CONNECTION, "encap", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "Carry ESP in UDP though no NAT is seen.", CONNECTION(force_encap)},
    {SECTION_CONNECTION, "unique", OPTION_BOOL, false, false, "yes", 0, 0, NULL,
     "A new IKE SA of the same peer identity replaces the old one.", CONNECTION(unique)},

    {SECTION_CHILD, "local-ts", OPTION_SELECTOR, true, true, NULL, 0, 0, NULL,
     "Our side of the traffic: 10.1.0.0/24, 2001:db8::/64, 10.1.0.5-10.1.0.9, or with protocol "
     "and port 10.1.0.7[tcp/443].",
     OTHER},
    {SECTION_CHILD, "remote-ts", OPTION_SELECTOR, true, true, NULL, 0, 0, NULL,
     "The peer's side of the traffic, likewise.", OTHER},
    {SECTION_CHILD, "start", OPTION_WORD, false, false, "manual", 0, 0, start_words,
     "When to bring it up: by postern up, at once and again whenever it fails, or when a packet "
     "wants it. The peer may bring it up at any time.",
     CHILD(start)},
    {SECTION_CHILD, "esp", OPTION_ESP_SUITE, true, false, "default", 0, 0, NULL,
     "The algorithms of the Child SA, as for ike: aes256gcm, or aes256gcm-x25519 for a key "
     "exchange of its own with every rekey.",
     OTHER},
    {SECTION_CHILD, "eesp", OPTION_WORD, false, false, "no", 0, 0, eesp_words,
     "Carry packets by Enhanced ESP (draft-ietf-ipsecme-eesp) where the peer can: prefer offers it "
     "and ESP in one, require never takes ESP. It has no assigned numbers yet, so both ends must "
     "know of each other. The algorithms are the AEADs of esp.",
     CHILD(eesp)},
    {SECTION_CHILD, "eesp-sub-sas", OPTION_BOOL, false, false, "no", 0, 0, NULL,
     "With eesp: keys and sequence numbers for each of up to 64 Sub SAs, made as the peer uses "
     "them.",
     CHILD(eesp_sub_sas)},
    {SECTION_CHILD, "mode", OPTION_WORD, false, false, "tunnel", 0, 0, mode_words,
     "How packets are carried.", CHILD(mode)},
    {SECTION_CHILD, "rekey", OPTION_TIME, false, false, "1h", 10 * SECOND, 30 * DAY, NULL,
     "How long a Child SA is used before it gets new keys.", CHILD(rekey_time)},
    {SECTION_CHILD, "rekey-octets", OPTION_OCTETS, false, false, "never", 1 << 16, 1ULL << 60, NULL,
     "The same, by octets carried one way. With AES never more than 224 GiB, with AES-CCM half of "
     "that: beyond, a key shows more of the traffic than it should.",
     CHILD(rekey_octets)},
    {SECTION_CHILD, "rekey-packets", OPTION_LIMIT, false, false, "never", 100, 1ULL << 60, NULL,
     "The same, by packets carried one way.", CHILD(rekey_packets)},
    {SECTION_CHILD, "replay-window", OPTION_COUNT, false, false, "1024", 0, 65536, NULL,
     "How many packets may overtake one another; 0 takes replayed packets too.",
     CHILD(replay_window)},
    {SECTION_CHILD, "df", OPTION_WORD, false, false, "copy", 0, 0, df_words,
     "The don't-fragment bit of the outer IPv4 header.", CHILD(df)},
    {SECTION_CHILD, "dscp", OPTION_BOOL, false, false, "yes", 0, 0, NULL,
     "Copy the traffic class to the outer header, where others can see it.", CHILD(copy_dscp)},
    {SECTION_CHILD, "ecn", OPTION_BOOL, false, false, "yes", 0, 0, NULL,
     "Carry congestion notification across the tunnel (RFC 6040).", CHILD(ecn)},

    {SECTION_SECRET, "psk-file", OPTION_SECRET_FILE, false, true, NULL, 0, 0, NULL,
     "The file that holds the key: text, of which a final newline is not part, or 0x and "
     "hexadecimal digits.",
     OTHER},

    {SECTION_PPK, "ppk-file", OPTION_SECRET_FILE, false, true, NULL, 0, 0, NULL,
     "The file that holds the key, as for psk-file: at least 16 octets, better 32 random ones "
     "(openssl rand -base64 32), since a quantum computer halves their worth.",
     OTHER},
};

const struct config_option *options_all(size_t *count)
{
	*count = sizeof(options) / sizeof(options[0]);
	return options;
}

const struct config_section_info *section_info(enum option_section section)
{
	return &sections[section];
}

const struct config_option *option_find(enum option_section section, const char *word)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].section == section && strcmp(options[i].word, word) == 0)
			return &options[i];
	}
	return NULL;
}

static bool in_bounds(const struct config_option *o, uint64_t v)
{
	return v >= o->min && v <= o->max;
}

static bool is_name(const char *text, size_t most)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789-_.");

	return n > 0 && n <= most && text[n] == '\0';
}

/* What else it must be, libcurl says when it is fetched. */
static bool is_url(const char *text)
{
	const size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n <= IKE_FETCH_URL_MAX &&
	       (strncmp(text, "http://", 7) == 0 ? n > 7
						 : strncmp(text, "https://", 8) == 0 && n > 8);
}

bool option_check(const struct config_option *o, const char *text)
{
	uint64_t v;
	unsigned i;
	bool b;
	struct addr a;
	struct selector s;
	struct daemon_ke_number k;

	switch (o->type) {
	case OPTION_WORD:
		return value_word(&i, o->words, text);
	case OPTION_NAME:
		return is_name(text, o->max);
	case OPTION_BOOL:
		return value_bool(&b, text);
	case OPTION_COUNT:
		return value_count(&v, text) && in_bounds(o, v);
	case OPTION_LIMIT:
		return value_limit(&v, text) && (v == 0 || in_bounds(o, v));
	case OPTION_TIME:
		return value_time(&v, text) && (v == 0 || in_bounds(o, v));
	case OPTION_OCTETS:
		return value_octets(&v, text) &&
		       (v == 0 ? strcmp(o->def, "never") == 0 : in_bounds(o, v));
	case OPTION_ADDRESS:
		return strcmp(text, "any") == 0 || addr_parse(&a, text) == ERR_NONE;
	case OPTION_SELECTOR:
		return selector_parse(&s, text) == ERR_NONE;
	case OPTION_KEY_TYPES:
		return key_types_by_word(text) != 0;
	case OPTION_KE_NUMBER:
		return value_ke_number(&k, text);
	case OPTION_URL:
		return is_url(text);
	case OPTION_IDENTITY:
	case OPTION_PPK_ID:
	case OPTION_IKE_SUITE:
	case OPTION_ESP_SUITE:
	case OPTION_PUBLIC_FILE:
	case OPTION_SECRET_FILE:
		return text[0] != '\0';
	}
	return false;
}

static void store_number(void *field, size_t len, uint64_t v)
{
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	if (len == sizeof(v16))
		memcpy(field, &v16, len);
	else if (len == sizeof(v32))
		memcpy(field, &v32, len);
	else
		memcpy(field, &v, len);
}

void option_store(const struct config_option *o, void *base, const char *text)
{
	uint64_t v = 0;
	unsigned i = 0;
	bool b = false;
	struct addr a = {0};

	if (o->field == OPTION_NO_FIELD)
		return;
	void *field = (char *)base + o->field;
	switch (o->type) {
	case OPTION_WORD:
		(void)value_word(&i, o->words, text);
		store_number(field, o->field_len, i);
		break;
	case OPTION_NAME:
		memset(field, 0, o->field_len);
		memcpy(field, text, strnlen(text, o->field_len - 1));
		break;
	case OPTION_BOOL:
		(void)value_bool(&b, text);
		memcpy(field, &b, sizeof(b));
		break;
	case OPTION_COUNT:
	case OPTION_LIMIT:
		(void)value_limit(&v, text);
		store_number(field, o->field_len, v);
		break;
	case OPTION_TIME:
		(void)value_time(&v, text);
		store_number(field, o->field_len, v);
		break;
	case OPTION_OCTETS:
		(void)value_octets(&v, text);
		store_number(field, o->field_len, v);
		break;
	case OPTION_ADDRESS:
		if (strcmp(text, "any") != 0)
			(void)addr_parse(&a, text);
		memcpy(field, &a, sizeof(a));
		break;
	case OPTION_IDENTITY:
	case OPTION_URL:
	case OPTION_KEY_TYPES:
	case OPTION_KE_NUMBER:
	case OPTION_PPK_ID:
	case OPTION_SELECTOR:
	case OPTION_IKE_SUITE:
	case OPTION_ESP_SUITE:
	case OPTION_PUBLIC_FILE:
	case OPTION_SECRET_FILE:
		break;
	}
}

void option_store_defaults(enum option_section section, void *base)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].section == section && options[i].def != NULL)
			option_store(&options[i], base, options[i].def);
	}
}
