/* IP addresses, endpoints, paths and ranges, as values: no sockets here. */
#ifndef POSTERN_BASE_ADDR_H
#define POSTERN_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/* Enough for an address, brackets, a port and a NUL. */
#define ADDR_TEXT_MAX 64

/* An IPv4 or IPv6 address. family is 4, 6, or 0 for none; an IPv4 address uses the first four
 * octets of a and leaves the others zero, so that values compare with memcmp(). */
struct addr {
	uint8_t family;
	uint8_t a[16];
};

struct endpoint {
	struct addr addr;
	uint16_t port; /* host byte order */
};

/* Where a message came from and to, or is to go. Over UDP `natt` says that it travels on port 4500
 * with the four-octet non-ESP marker (RFC 3948 2.2); the marker itself is net/'s business alone.
 * `stream` is the number of a TCP connection (RFC 9329), 0 for UDP; then natt is false and the
 * ports are TCP's. */
struct path {
	struct endpoint local;
	struct endpoint remote;
	bool natt;
	uint32_t stream;
};

/* Numbers of streams, so that they tell by themselves: who opened it, and that its lengths are of
 * the longer kind (net/stream.h). A number is not used again soon. */
#define STREAM_OURS 0x80000000U
#define STREAM_LONG 0x40000000U

/* An inclusive range of addresses of one family. */
struct addr_range {
	struct addr first;
	struct addr last;
};

size_t addr_len(const struct addr *a); /* 4, 16, or 0 for none */
struct bytes addr_bytes(const struct addr *a);
struct addr addr_v4(uint32_t host_order);
/* octets holds 4 or 16 octets; anything else gives an address of family 0. */
struct addr addr_from(struct bytes octets);
bool addr_equal(const struct addr *a, const struct addr *b);
/* By family, then by octets: <0, 0, >0. */
int addr_compare(const struct addr *a, const struct addr *b);
bool addr_is_none(const struct addr *a);
/* All octets zero (0.0.0.0 or ::), or none. */
bool addr_is_any(const struct addr *a);
/* Adds one in place; false on wrap-around. */
bool addr_next(struct addr *a);
bool addr_previous(struct addr *a);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool path_equal(const struct path *a, const struct path *b);

/* Text: "10.0.0.1", "2001:db8::1"; with a port "10.0.0.1:500", "[2001:db8::1]:500". Parsing takes
 * the whole of text or returns ERR_SYNTAX. Formatting returns buf. */
enum err addr_parse(struct addr *a, const char *text);
const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX]);
const char *endpoint_format(const struct endpoint *e, char buf[ADDR_TEXT_MAX]);

/* "10.1.0.0/24", "10.1.0.7", "10.1.0.1-10.1.0.9", "2001:db8::/32". Host bits set in a prefix are
 * ERR_RANGE. */
enum err addr_range_parse(struct addr_range *r, const char *text);
/* A prefix where the range is one, else first-last. */
const char *addr_range_format(const struct addr_range *r, char buf[2 * ADDR_TEXT_MAX]);
/* The prefix length when the range is exactly one prefix, else -1. */
int addr_range_prefix(const struct addr_range *r);
bool addr_range_has(const struct addr_range *r, const struct addr *a);
/* The common part of two ranges; false when there is none. */
bool addr_range_meet(struct addr_range *out, const struct addr_range *a,
		     const struct addr_range *b);
bool addr_range_equal(const struct addr_range *a, const struct addr_range *b);
/* Every address of the family (4 or 6). */
struct addr_range addr_range_all(uint8_t family);

#endif
