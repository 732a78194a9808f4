/* One end of a tunnel without IKE, for the lab: starts a plane process and plays the ike process
 * and the parent by commands on standard input. Keys follow from the SPIs, so that two ends agree.
 *
 *   plane_pair [options]
 *     --local A --remote A       outer addresses
 *     --local-ts S --remote-ts S selectors; each may be given up to 16 times
 *     --esp                      IP protocol 50 instead of UDP 4500
 *     --suite WORD               aesgcm (default), chacha, aescbc
 *     --tun NAME --mtu N --path-mtu N --offload --clamp-mss --follow --acquire --df WORD
 *     --no-routes --no-firewall
 *   commands, a line each; every answer is a line
 *     child H IN OUT             installs a pair, not active; SPIs in decimal
 *     activate H | remove H | usage H | stats | policy | nopolicy | owner | quit
 *     move H A                   new remote address
 *     fault TEXT                 of the plane, as base/fault.h reads it
 *     ike N                      sends N octets to port 4500 as an IKE message
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "net/datagram.h"
#include "net/sockets.h"
#include "plane/client.h"
#include "plane/counters.h"
#include "plane/plane.h"
#include "plane/routes.h"
#include "plane/tun.h"

#define KEY_OCTETS 128

struct pair {
	struct endpoint local, remote;
	struct selector local_ts[CHILD_SELECTORS_MAX], remote_ts[CHILD_SELECTORS_MAX];
	size_t n_local, n_remote;
	bool esp, follow, acquire, clamp, no_routes, no_firewall;
	enum esp_df df;
	unsigned path_mtu;
	const char *suite;
	struct tun_options tun_options;
	struct tun tun;
	struct net_sockets sockets;
	int control[2];
	int counters_fd, counters_read_fd;
	pid_t plane;
	struct routes *routes;
	struct plane_client *client;
	struct log log;
	struct faults *faults; /* shared with the plane */
};

static void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static _Noreturn void die(const char *why)
{
	printf("failed %s\n", why);
	fflush(stdout);
	exit(1);
}

static void log_line(void *ctx, const struct log_record *r)
{
	char buf[1200];
	(void)ctx;
	fprintf(stderr, "%s\n", log_format(r, buf, sizeof(buf)));
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct dataplane_event *e)
{
	static const char *const names[] = {"acquire",  "soft-limit", "hard-limit",
					    "first-in", "peer-moved", "failed"};
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];
	(void)ctx;
	printf("event %s handle=%u policy=%u src=%s dst=%s remote=%s reason=%s\n", names[e->type],
	       e->handle, e->policy, addr_format(&e->flow.src, from), addr_format(&e->flow.dst, to),
	       endpoint_format(&e->remote, remote), e->reason != NULL ? e->reason : "-");
	fflush(stdout);
}

static void on_datagram(void *ctx, const struct path *path, struct bytes message)
{
	char remote[ADDR_TEXT_MAX];
	(void)ctx;
	printf("datagram from=%s octets=%zu\n", endpoint_format(&path->remote, remote), message.n);
	fflush(stdout);
}

static void on_stats(void *ctx, const struct plane_stats *s)
{
	(void)ctx;
	printf("stats children=%u policies=%u acquires=%llu too-big-sent=%llu send-errors=%llu",
	       s->children, s->policies, (unsigned long long)s->acquires,
	       (unsigned long long)s->too_big_sent, (unsigned long long)s->send_errors);
	for (int i = 0; i < PACKET_FATES; i++) {
		if (s->fates_in[i] != 0)
			printf(" in-%s=%llu", packet_fate_name((enum packet_fate)i),
			       (unsigned long long)s->fates_in[i]);
		if (s->fates_out[i] != 0)
			printf(" out-%s=%llu", packet_fate_name((enum packet_fate)i),
			       (unsigned long long)s->fates_out[i]);
	}
	printf("\n");
	fflush(stdout);
}

static void to_parent(void *ctx, struct bytes message)
{
	struct pair *p = ctx;
	if (p->routes != NULL && routes_message(p->routes, message) != ERR_NONE)
		say("routes-refused");
}

/* ---- Commands -------------------------------------------------------------------------------- */

static struct protect_suite suite_of(const char *word)
{
	if (strcmp(word, "chacha") == 0)
		return (struct protect_suite){encr_find(ENCR_CHACHA20_POLY1305), 256, NULL};
	if (strcmp(word, "aescbc") == 0)
		return (struct protect_suite){encr_find(ENCR_AES_CBC), 256,
					      integ_find(INTEG_HMAC_SHA2_256_128)};
	return (struct protect_suite){encr_find(ENCR_AES_GCM_16), 256, NULL};
}

static struct protect_keys keys_of(const struct protect_suite *s, uint32_t spi,
				   uint8_t buf[KEY_OCTETS])
{
	for (size_t i = 0; i < KEY_OCTETS; i++)
		buf[i] = (uint8_t)(spi * 31 + i * 7);
	size_t n = encr_keymat_len(s->encr, s->key_bits);
	return (struct protect_keys){
	    .encr = bytes_of(buf, n),
	    .integ = bytes_of(buf + n, s->integ != NULL ? s->integ->key_len : 0)};
}

static void set_policy(struct pair *p)
{
	struct dataplane_policy policy = {.id = 1,
					  .acquire = p->acquire,
					  .local = p->local_ts,
					  .n_local = p->n_local,
					  .remote = p->remote_ts,
					  .n_remote = p->n_remote};
	if (plane_client_ops.policy_set(p->client, &policy) != ERR_NONE)
		die("policy");
}

static void install(struct pair *p, unsigned handle, unsigned spi_in, unsigned spi_out)
{
	uint8_t in[KEY_OCTETS], out[KEY_OCTETS];
	struct dataplane_child c = {.handle = handle,
				    .policy = 1,
				    .spi_in = spi_in,
				    .spi_out = spi_out,
				    .outer = {p->local, p->remote, !p->esp},
				    .udp_encap = !p->esp,
				    .follow_peer = p->follow,
				    .suite = suite_of(p->suite),
				    .esn = true,
				    .replay_window = 1024,
				    .df = p->df,
				    .copy_dscp = true,
				    .ecn = true,
				    .local = p->local_ts,
				    .n_local = p->n_local,
				    .remote = p->remote_ts,
				    .n_remote = p->n_remote};
	c.in = keys_of(&c.suite, spi_in, in);
	c.out = keys_of(&c.suite, spi_out, out);
	if (plane_client_ops.child_install(p->client, &c) != ERR_NONE)
		die("child");
}

static void show_usage(struct pair *p, unsigned handle)
{
	struct dataplane_usage u;
	if (!plane_client_ops.child_usage(p->client, handle, &u)) {
		say("usage none");
		return;
	}
	printf("usage in=%llu out=%llu in-octets=%llu out-octets=%llu replays=%llu bad-icv=%llu "
	       "bad-selector=%llu out-errors=%llu\n",
	       (unsigned long long)u.in_packets, (unsigned long long)u.out_packets,
	       (unsigned long long)u.in_octets, (unsigned long long)u.out_octets,
	       (unsigned long long)u.in_replays, (unsigned long long)u.in_bad_icv,
	       (unsigned long long)u.in_bad_selector, (unsigned long long)u.out_errors);
	fflush(stdout);
}

static void new_owner(struct pair *p)
{
	struct plane_client_config config = {.control = p->control[0],
					     .counters_fd = p->counters_read_fd,
					     .ctx = p,
					     .event = on_event,
					     .datagram = on_datagram,
					     .stats = on_stats,
					     .to_parent = to_parent};
	plane_client_free(p->client);
	if (plane_client_new(&p->client, &config) != ERR_NONE)
		die("client");
}

static void send_ike(struct pair *p, size_t n)
{
	const struct path path = {p->local, p->remote, true};
	uint8_t octets[1024];

	memset(octets, 0x5a, sizeof(octets));
	if (n > sizeof(octets) ||
	    datagram_send(&p->sockets, &path, bytes_of(octets, n)) != ERR_NONE)
		die("ike");
}

static bool command(struct pair *p, const char *line)
{
	size_t octets;
	unsigned h, in, out;
	char word[ADDR_TEXT_MAX];
	if (sscanf(line, "child %u %u %u", &h, &in, &out) == 3) {
		install(p, h, in, out);
	} else if (sscanf(line, "activate %u", &h) == 1) {
		plane_client_ops.child_activate(p->client, h);
	} else if (sscanf(line, "remove %u", &h) == 1) {
		plane_client_ops.child_remove(p->client, h);
	} else if (sscanf(line, "usage %u", &h) == 1) {
		show_usage(p, h);
		return true;
	} else if (sscanf(line, "move %u %63s", &h, word) == 2) {
		if (addr_parse(&p->remote.addr, word) != ERR_NONE)
			die("address");
		struct path outer = {p->local, p->remote, !p->esp};
		plane_client_ops.child_move(p->client, h, &outer, !p->esp);
#ifdef POSTERN_FAULTS
	} else if (strncmp(line, "fault ", 6) == 0) {
		if (faults_set(p->faults, line + 6) != ERR_NONE)
			die("fault");
#endif
	} else if (sscanf(line, "ike %zu", &octets) == 1) {
		send_ike(p, octets);
	} else if (strncmp(line, "stats", 5) == 0) {
		plane_client_ask_stats(p->client);
		return true;
	} else if (strncmp(line, "policy", 6) == 0) {
		set_policy(p);
	} else if (strncmp(line, "nopolicy", 8) == 0) {
		plane_client_ops.policy_remove(p->client, 1);
	} else if (strncmp(line, "owner", 5) == 0) {
		new_owner(p);
	} else if (strncmp(line, "quit", 4) == 0) {
		return false;
	} else {
		die("command");
	}
	if (p->routes != NULL)
		routes_commit(p->routes);
	say("done");
	return true;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void run_plane(struct pair *p)
{
	struct plane_config config = {.tun = p->tun,
				      .sockets = &p->sockets,
				      .control = p->control[1],
				      .counters_fd = p->counters_fd,
				      .clamp_mss = p->clamp,
				      .path_mtu = p->path_mtu,
				      .log = &p->log,
				      .faults = p->faults};
	struct plane *plane;
	size_t held = mem_blocks_held();
	close(p->control[0]);
	crypto_random(config.secret, sizeof(config.secret));
	if (plane_new(&plane, &config) != ERR_NONE)
		_exit(1);
	enum err e = plane_run(plane);
	plane_free(plane);
	if (mem_blocks_held() != held)
		_exit(2); /* the plane kept memory */
	_exit(e == ERR_NONE ? 0 : 1);
}

static void start(struct pair *p)
{
	char reason[256];
	struct net_options o = {.local = &p->local.addr, .n_local = 1};
	if (net_sockets_open(&p->sockets, &o, reason) != ERR_NONE ||
	    tun_open(&p->tun, &p->tun_options, reason) != ERR_NONE)
		die(reason);
	if (counters_create(&p->counters_fd, &p->counters_read_fd) != ERR_NONE)
		die("counters");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, p->control) != 0)
		die("socketpair");
	p->faults = mmap(NULL, sizeof(*p->faults), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->faults == MAP_FAILED)
		die("mmap");
	p->sockets.faults = p->faults;
	p->plane = fork();
	if (p->plane == 0)
		run_plane(p);
	close(p->control[1]);
	if (!p->no_routes) {
		struct routes_options r = {.tun_name = p->tun.name,
					   .tun_index = p->tun.index,
					   .no_firewall = p->no_firewall,
					   .log = &p->log};
		if (routes_new(&p->routes, &r) != ERR_NONE)
			die("routes");
	}
	new_owner(p);
	set_policy(p);
	if (p->routes != NULL)
		routes_commit(p->routes);
}

static void loop(struct pair *p)
{
	char line[256];
	size_t n = 0;
	for (;;) {
		struct pollfd f[] = {{.fd = 0, .events = POLLIN},
				     {.fd = p->control[0], .events = POLLIN}};
		if (plane_client_wants_write(p->client))
			f[1].events |= POLLOUT;
		if (poll(f, 2, -1) < 0)
			return;
		if ((f[1].revents & POLLOUT) != 0)
			(void)plane_client_write(p->client);
		if ((f[1].revents & (POLLIN | POLLHUP)) != 0 &&
		    plane_client_read(p->client) == ERR_IO)
			die("plane is gone");
		if ((f[0].revents & (POLLIN | POLLHUP)) == 0)
			continue;
		/* One octet at a time: lines are rare. */
		if (n == sizeof(line) - 1 || read(0, line + n, 1) != 1)
			return;
		if (line[n++] != '\n')
			continue;
		line[n - 1] = '\0';
		n = 0;
		if (!command(p, line))
			return;
	}
}

enum {
	OPT_LOCAL = 1,
	OPT_REMOTE,
	OPT_LOCAL_TS,
	OPT_REMOTE_TS,
	OPT_ESP,
	OPT_SUITE,
	OPT_TUN,
	OPT_MTU,
	OPT_PATH_MTU,
	OPT_OFFLOAD,
	OPT_CLAMP,
	OPT_FOLLOW,
	OPT_ACQUIRE,
	OPT_DF,
	OPT_NO_ROUTES,
	OPT_NO_FIREWALL
};

static const struct option options[] = {{"local", 1, NULL, OPT_LOCAL},
					{"remote", 1, NULL, OPT_REMOTE},
					{"local-ts", 1, NULL, OPT_LOCAL_TS},
					{"remote-ts", 1, NULL, OPT_REMOTE_TS},
					{"esp", 0, NULL, OPT_ESP},
					{"suite", 1, NULL, OPT_SUITE},
					{"tun", 1, NULL, OPT_TUN},
					{"mtu", 1, NULL, OPT_MTU},
					{"path-mtu", 1, NULL, OPT_PATH_MTU},
					{"offload", 0, NULL, OPT_OFFLOAD},
					{"clamp-mss", 0, NULL, OPT_CLAMP},
					{"follow", 0, NULL, OPT_FOLLOW},
					{"acquire", 0, NULL, OPT_ACQUIRE},
					{"df", 1, NULL, OPT_DF},
					{"no-routes", 0, NULL, OPT_NO_ROUTES},
					{"no-firewall", 0, NULL, OPT_NO_FIREWALL},
					{NULL, 0, NULL, 0}};

static void parse_ts(struct selector *s, size_t *n, const char *text)
{
	if (*n == CHILD_SELECTORS_MAX || selector_parse(&s[(*n)++], text) != ERR_NONE)
		die("selector");
}

static void take_option(struct pair *p, int option, const char *value)
{
	switch (option) {
	case OPT_LOCAL:
	case OPT_REMOTE:
		if (addr_parse(option == OPT_LOCAL ? &p->local.addr : &p->remote.addr, value) !=
		    ERR_NONE)
			die("address");
		break;
	case OPT_LOCAL_TS:
		parse_ts(p->local_ts, &p->n_local, value);
		break;
	case OPT_REMOTE_TS:
		parse_ts(p->remote_ts, &p->n_remote, value);
		break;
	case OPT_SUITE:
		p->suite = value;
		break;
	case OPT_TUN:
		p->tun_options.name = value;
		break;
	case OPT_MTU:
		p->tun_options.mtu = (unsigned)atoi(value);
		break;
	case OPT_PATH_MTU:
		p->path_mtu = (unsigned)atoi(value);
		break;
	case OPT_DF:
		p->df = strcmp(value, "clear") == 0 ? ESP_DF_CLEAR
			: strcmp(value, "set") == 0 ? ESP_DF_SET
						    : ESP_DF_COPY;
		break;
	default:
		die("option");
	}
}

static bool take_flag(struct pair *p, int option)
{
	bool *const flags[] = {[OPT_ESP] = &p->esp,
			       [OPT_OFFLOAD] = &p->tun_options.offload,
			       [OPT_CLAMP] = &p->clamp,
			       [OPT_FOLLOW] = &p->follow,
			       [OPT_ACQUIRE] = &p->acquire,
			       [OPT_NO_ROUTES] = &p->no_routes,
			       [OPT_NO_FIREWALL] = &p->no_firewall};
	if (option < 0 || (size_t)option >= sizeof(flags) / sizeof(flags[0]) ||
	    flags[option] == NULL)
		return false;
	*flags[option] = true;
	return true;
}

int main(int argc, char **argv)
{
	static struct pair p = {.suite = "aesgcm",
				.local.port = 4500,
				.remote.port = 4500,
				.log = {.sink = log_line, .most = LOG_DEBUG}};
	int o;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!take_flag(&p, o))
			take_option(&p, o, optarg);
	}
	start(&p);
	say("ready");
	loop(&p);
	plane_client_free(p.client);
	routes_free(p.routes);
	close(p.control[0]);
	int status = 1;
	waitpid(p.plane, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
