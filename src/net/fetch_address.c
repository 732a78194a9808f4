/* Where a fetch may not go. The lists are IANA's registries of special-purpose addresses (RFC 6890)
 * as far as they are not global. */
#include "net/fetch.h"

enum kind { NEVER, LOOPBACK, PRIVATE };

struct refused {
	const char *range;
	enum kind kind;
	const char *why;
};

static const struct refused list[] = {
    {"0.0.0.0/8", NEVER, "an unspecified address"},
    {"127.0.0.0/8", LOOPBACK, "a loopback address"},
    {"169.254.0.0/16", NEVER, "a link-local address"}, /* clouds' metadata, too */
    {"192.0.0.0/24", NEVER, "a reserved address"},
    {"198.18.0.0/15", NEVER, "a reserved address"},
    {"224.0.0.0/4", NEVER, "a multicast address"},
    {"240.0.0.0/4", NEVER, "a reserved or broadcast address"},
    {"10.0.0.0/8", PRIVATE, "an address of a private network"},
    {"172.16.0.0/12", PRIVATE, "an address of a private network"},
    {"192.168.0.0/16", PRIVATE, "an address of a private network"},
    {"100.64.0.0/10", PRIVATE, "an address of a private network"},
    {"::/128", NEVER, "an unspecified address"},
    {"::1/128", LOOPBACK, "a loopback address"},
    {"::/96", NEVER, "a reserved address"},
    {"100::/64", NEVER, "a reserved address"},
    {"fe80::/10", NEVER, "a link-local address"},
    {"fec0::/10", PRIVATE, "an address of a private network"},
    {"fc00::/7", PRIVATE, "an address of a private network"},
    {"ff00::/8", NEVER, "a multicast address"},
    /* NAT64 of this network's own choice (RFC 8215): what it leads to, nobody can tell. */
    {"64:ff9b:1::/48", NEVER, "a reserved address"},
    /* The metadata service of a large cloud. */
    {"fd00:ec2::254/128", NEVER, "the address of a metadata service"},
};

/* Prefixes with an IPv4 address behind them: mapped (RFC 4291 2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC
 * 3056). */
static const struct {
	const char *range;
	size_t at;
} carriers[] = {{"::ffff:0:0/96", 12}, {"64:ff9b::/96", 12}, {"2002::/16", 2}};

static bool has(const char *range, const struct addr *a)
{
	struct addr_range r;

	return addr_range_parse(&r, range) == ERR_NONE && r.first.family == a->family &&
	       addr_range_has(&r, a);
}

/* The IPv4 address in it, or the address itself. */
static struct addr inner(const struct addr *a)
{
	for (size_t i = 0; a->family == 6 && i < sizeof(carriers) / sizeof(carriers[0]); i++)
		if (has(carriers[i].range, a))
			return addr_from(bytes_of(a->a + carriers[i].at, 4));
	return *a;
}

static const char *refused(const struct fetch_policy *policy, const struct addr *a)
{
	for (size_t i = 0; i < policy->n_forbid; i++)
		if (policy->forbid[i].first.family == a->family &&
		    addr_range_has(&policy->forbid[i], a))
			return "an address that the configuration forbids";
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (!has(list[i].range, a))
			continue;
		if (list[i].kind == LOOPBACK && policy->loopback)
			return NULL;
		if (list[i].kind != PRIVATE || !policy->private)
			return list[i].why;
	}
	return NULL;
}

const char *fetch_address_refused(const struct fetch_policy *policy, const struct addr *a)
{
	const struct addr v4 = inner(a);
	const char *why;

	if (a->family != 4 && a->family != 6)
		return "an address of an unknown kind";
	why = refused(policy, &v4);
	return why != NULL || v4.family == a->family ? why : refused(policy, a);
}
