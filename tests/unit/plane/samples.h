/* A policy and a pair that the tests of this floor share. */
#ifndef POSTERN_TESTS_PLANE_SAMPLES_H
#define POSTERN_TESTS_PLANE_SAMPLES_H

#include <string.h>

#include "base/ikev2_numbers.h"
#include "esp/dataplane.h"

struct sample {
	struct selector local[2], remote[2];
	uint8_t keys[64];
	struct dataplane_policy policy;
	struct dataplane_child child;
};

static inline struct selector sample_selector(const char *text)
{
	struct selector s;
	return selector_parse(&s, text) == ERR_NONE ? s : (struct selector){0};
}

static inline void sample_fill(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	s->local[0] = sample_selector("10.1.0.0/24");
	s->local[1] = sample_selector("10.1.9.1-10.1.9.5[tcp/80]");
	s->remote[0] = sample_selector("10.2.0.0/24");
	s->remote[1] = sample_selector("2001:db8::/64[icmp6/128]");
	for (size_t i = 0; i < sizeof(s->keys); i++)
		s->keys[i] = (uint8_t)(i + 1);
	s->policy = (struct dataplane_policy){.id = 7,
					      .acquire = true,
					      .local = s->local,
					      .n_local = 2,
					      .remote = s->remote,
					      .n_remote = 2};
	s->child = (struct dataplane_child){
	    .handle = 3,
	    .policy = 7,
	    .spi_in = 0x1001,
	    .spi_out = 0x2002,
	    .outer = {{addr_v4(0x0a630001), 4500}, {addr_v4(0x0a630002), 4500}, true, 0x40000007U},
	    .udp_encap = true,
	    .follow_peer = true,
	    .esn = true,
	    .replay_window = 1024,
	    .df = ESP_DF_SET,
	    .ecn = true,
	    .local = s->local,
	    .n_local = 2,
	    .remote = s->remote,
	    .n_remote = 2,
	    .soft_packets = 1,
	    .hard_packets = 2,
	    .soft_octets = 3,
	    .hard_octets = 4,
	    .activate = true};
	s->child.suite.encr = encr_find(ENCR_AES_GCM_16);
	s->child.suite.key_bits = 128;
	s->child.in.encr = bytes_of(s->keys, 20);
	s->child.out.encr = bytes_of(s->keys + 20, 20);
}

#endif
