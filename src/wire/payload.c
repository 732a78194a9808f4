#include "wire/payload.h"

#include "wire/header.h"
#include "wire/reason.h"

bool payload_is_known(uint8_t type)
{
	/* RFC 7296 3.2: all types that it defines MUST be understood. */
	return (type >= PAYLOAD_SA && type <= PAYLOAD_EAP) || type == PAYLOAD_SKF ||
	       type == PAYLOAD_ECERT;
}

static bool ends_chain(uint8_t type)
{
	return type == PAYLOAD_SK || type == PAYLOAD_SKF;
}

/* Reads one payload of the given type and files it. *next is the type of what follows it. */
static enum err take_payload(struct payloads *out, enum payload_place place, uint8_t type,
			     struct reader *r, size_t at, uint8_t *next, const char **reason)
{
	uint8_t next_payload = reader_u8(r);
	uint8_t flags = reader_u8(r);
	/* Without the negotiation the bit is reserved, and ignored (RFC 7296 3.2). */
	bool big = place == PAYLOADS_INNER_BIG && (flags & PAYLOAD_BIG) != 0;
	size_t header = big ? PAYLOAD_BIG_HEADER_LEN : PAYLOAD_HEADER_LEN;
	size_t len = big ? reader_u32(r) : reader_u16(r);
	struct payload *p = &out->p[out->n];

	if (!reader_ok(r))
		return wire_syntax(reason, "payload: its generic header is cut off");
	if (len < header)
		return wire_syntax(reason, "payload: its length is below that of its header");
	if (len - header > reader_left(r))
		return wire_syntax(reason, "payload: it claims more octets than are left");
	struct bytes body = reader_take(r, len - header);

	*next = ends_chain(type) ? (uint8_t)PAYLOAD_NONE : next_payload;
	if (ends_chain(type) && place != PAYLOADS_OUTER)
		return wire_syntax(reason, "payload: SK or SKF inside SK");
	/* A number of private use means something only where both have said so, within SK. */
	if (!payload_is_known(type) || (type == PAYLOAD_ECERT && place == PAYLOADS_OUTER)) {
		/* RFC 7296 2.5: critical ones end the message, the others are skipped. */
		if ((flags & PAYLOAD_CRITICAL) == 0)
			out->skipped++;
		else if (out->unsupported == 0)
			out->unsupported = type;
		return ERR_NONE;
	}
	if (out->n == PAYLOADS_MAX)
		return wire_fail(ERR_LIMIT, reason, "message: too many payloads");
	p->type = type;
	p->next = next_payload;
	p->critical = (flags & PAYLOAD_CRITICAL) != 0;
	p->body = body;
	p->at = at;
	out->n++;
	return ERR_NONE;
}

enum err payloads_parse(struct payloads *out, enum payload_place place, uint8_t first,
			struct bytes octets, const char **reason)
{
	struct reader r = reader_of(octets);
	uint8_t type = first;

	out->n = 0;
	out->skipped = 0;
	out->unsupported = 0;
	while (type != PAYLOAD_NONE) {
		size_t at = octets.n - reader_left(&r);
		enum err e = take_payload(out, place, type, &r, at, &type, reason);

		if (e != ERR_NONE)
			return e;
	}
	if (!reader_done(&r))
		return wire_syntax(reason, "message: octets after the last payload");
	if (out->unsupported != 0)
		return wire_fail(ERR_UNSUPPORTED, reason, "payload: unknown and critical");
	return ERR_NONE;
}

/* A set of payload types 32..62, and ECERT, which is far from the others. */
#define BIT(type)     (UINT32_C(1) << BIT_AT((int)(type)))
#define BIT_AT(type)  ((type) == (int)PAYLOAD_ECERT ? 31U : (unsigned)(type)-PAYLOAD_FIRST)
#define PAYLOAD_FIRST 32U

/* At most once wherever they may be. RFC 7296 1.2 to 1.4 and Appendix C write these without '+'. */
#define SINGLES                                                                                    \
	(BIT(PAYLOAD_SA) | BIT(PAYLOAD_KE) | BIT(PAYLOAD_IDI) | BIT(PAYLOAD_IDR) |                 \
	 BIT(PAYLOAD_AUTH) | BIT(PAYLOAD_NONCE) | BIT(PAYLOAD_TSI) | BIT(PAYLOAD_TSR) |            \
	 BIT(PAYLOAD_SK) | BIT(PAYLOAD_SKF) | BIT(PAYLOAD_CP) | BIT(PAYLOAD_EAP) |                 \
	 BIT(PAYLOAD_ECERT))

/* Everywhere and as often as one likes: "[V+][N+]" in RFC 7296 Appendix C. */
#define ANYWHERE (BIT(PAYLOAD_NOTIFY) | BIT(PAYLOAD_VENDOR))

/* What a protected exchange may show in the open. */
#define OUTER (BIT(PAYLOAD_SK) | BIT(PAYLOAD_SKF) | ANYWHERE)

struct chain_rule {
	uint8_t exchange;
	enum payload_place place;
	uint32_t request; /* sets of types that may be there */
	uint32_t response;
};

static const struct chain_rule chain_rules[] = {
    /* RFC 7296 1.2, C.1; CERTREQ only from the responder */
    {EXCHANGE_IKE_SA_INIT, PAYLOADS_OUTER,
     BIT(PAYLOAD_SA) | BIT(PAYLOAD_KE) | BIT(PAYLOAD_NONCE) | ANYWHERE,
     BIT(PAYLOAD_SA) | BIT(PAYLOAD_KE) | BIT(PAYLOAD_NONCE) | BIT(PAYLOAD_CERTREQ) | ANYWHERE},
    /* RFC 5723 4.3.1 */
    {EXCHANGE_IKE_SESSION_RESUME, PAYLOADS_OUTER, BIT(PAYLOAD_NONCE) | ANYWHERE,
     BIT(PAYLOAD_NONCE) | ANYWHERE},
    {EXCHANGE_IKE_AUTH, PAYLOADS_OUTER, OUTER, OUTER},
    /* RFC 7296 1.2, C.2, C.3 (EAP), RFC 4739 */
    {EXCHANGE_IKE_AUTH, PAYLOADS_INNER,
     BIT(PAYLOAD_IDI) | BIT(PAYLOAD_CERT) | BIT(PAYLOAD_CERTREQ) | BIT(PAYLOAD_IDR) |
	 BIT(PAYLOAD_AUTH) | BIT(PAYLOAD_CP) | BIT(PAYLOAD_SA) | BIT(PAYLOAD_TSI) |
	 BIT(PAYLOAD_TSR) | BIT(PAYLOAD_EAP) | ANYWHERE,
     BIT(PAYLOAD_IDR) | BIT(PAYLOAD_CERT) | BIT(PAYLOAD_AUTH) | BIT(PAYLOAD_CP) | BIT(PAYLOAD_SA) |
	 BIT(PAYLOAD_TSI) | BIT(PAYLOAD_TSR) | BIT(PAYLOAD_EAP) | ANYWHERE},
    {EXCHANGE_CREATE_CHILD_SA, PAYLOADS_OUTER, OUTER, OUTER},
    /* RFC 7296 1.3, C.4, C.5 */
    {EXCHANGE_CREATE_CHILD_SA, PAYLOADS_INNER,
     BIT(PAYLOAD_SA) | BIT(PAYLOAD_NONCE) | BIT(PAYLOAD_KE) | BIT(PAYLOAD_TSI) | BIT(PAYLOAD_TSR) |
	 BIT(PAYLOAD_CP) | ANYWHERE,
     BIT(PAYLOAD_SA) | BIT(PAYLOAD_NONCE) | BIT(PAYLOAD_KE) | BIT(PAYLOAD_TSI) | BIT(PAYLOAD_TSR) |
	 BIT(PAYLOAD_CP) | ANYWHERE},
    {EXCHANGE_INFORMATIONAL, PAYLOADS_OUTER, OUTER, OUTER},
    /* RFC 7296 1.4, C.6 */
    {EXCHANGE_INFORMATIONAL, PAYLOADS_INNER, BIT(PAYLOAD_DELETE) | BIT(PAYLOAD_CP) | ANYWHERE,
     BIT(PAYLOAD_DELETE) | BIT(PAYLOAD_CP) | ANYWHERE},
    {EXCHANGE_IKE_INTERMEDIATE, PAYLOADS_OUTER, OUTER, OUTER},
    /* RFC 9242; KE of RFC 9370 2.2.2; IDs and CERTREQ of RFC 9593; CERT and ECERT of
     * draft-wang-ipsecme-kem-auth-ikev2 */
    {EXCHANGE_IKE_INTERMEDIATE, PAYLOADS_INNER,
     BIT(PAYLOAD_KE) | BIT(PAYLOAD_IDI) | BIT(PAYLOAD_IDR) | BIT(PAYLOAD_CERTREQ) |
	 BIT(PAYLOAD_ECERT) | ANYWHERE,
     BIT(PAYLOAD_KE) | BIT(PAYLOAD_IDI) | BIT(PAYLOAD_IDR) | BIT(PAYLOAD_CERTREQ) |
	 BIT(PAYLOAD_CERT) | ANYWHERE},
    {EXCHANGE_IKE_FOLLOWUP_KE, PAYLOADS_OUTER, OUTER, OUTER},
    /* RFC 9370 2.2.4 */
    {EXCHANGE_IKE_FOLLOWUP_KE, PAYLOADS_INNER, BIT(PAYLOAD_KE) | ANYWHERE,
     BIT(PAYLOAD_KE) | ANYWHERE},
};

static uint32_t allowed_types(enum payload_place place, uint8_t exchange, bool response)
{
	for (size_t i = 0; i < sizeof(chain_rules) / sizeof(chain_rules[0]); i++) {
		const struct chain_rule *rule = &chain_rules[i];

		if (rule->exchange == exchange && rule->place == place)
			return response ? rule->response : rule->request;
	}
	return UINT32_MAX;
}

enum err payloads_check(const struct payloads *ps, enum payload_place place, uint8_t exchange,
			bool response, const char **reason)
{
	uint32_t allowed =
	    allowed_types(place == PAYLOADS_INNER_BIG ? PAYLOADS_INNER : place, exchange, response);
	uint32_t seen = 0;

	for (size_t i = 0; i < ps->n; i++) {
		uint32_t bit = BIT(ps->p[i].type);

		if ((bit & allowed) == 0)
			return wire_syntax(reason,
					   "message: a payload that this exchange does not have");
		if ((bit & seen & SINGLES) != 0)
			return wire_syntax(reason,
					   "message: a payload twice that may be there once");
		seen |= bit;
	}
	return ERR_NONE;
}

const struct payload *payloads_next(const struct payloads *ps, uint8_t type,
				    const struct payload *after)
{
	size_t i = after == NULL ? 0 : (size_t)(after - ps->p) + 1;

	for (; i < ps->n; i++) {
		if (ps->p[i].type == type)
			return &ps->p[i];
	}
	return NULL;
}

const struct payload *payloads_find(const struct payloads *ps, uint8_t type)
{
	return payloads_next(ps, type, NULL);
}

void payloads_forget(struct payloads *ps, uint8_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < ps->n; i++) {
		if (ps->p[i].type != type) {
			ps->p[n++] = ps->p[i];
			continue;
		}
		if (!ps->p[i].critical)
			ps->skipped++;
		else if (ps->unsupported == 0)
			ps->unsupported = type;
	}
	ps->n = n;
}

size_t payloads_count(const struct payloads *ps, uint8_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < ps->n; i++)
		n += ps->p[i].type == type;
	return n;
}
