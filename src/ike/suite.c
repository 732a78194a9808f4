#include "ike/suite.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "crypto/words.h"

/* Suites with a name. RFC 8247 and RFC 8221 say what an implementation must have; a default offer
 * need not hold all of it, and long ones hang some peers, so each is three proposals at most.
 *
 * default: hybrid with ML-KEM first (draft-ietf-ipsecme-ikev2-mlkem); then the same without it, for
 *   peers that do not know it yet; then the MUST of RFC 8247 2.1 to 2.4 for peers that have nothing
 *   else: AES-CBC with HMAC-SHA2-256. Groups: Curve25519 first for speed, P-384 and P-256 for those
 *   that want NIST's, MODP-2048 because RFC 8247 2.4 makes it the one MUST. For ESP a key exchange
 * of its own is offered but not insisted on ("none"), and both sequence number lengths, the long
 * one first. pq: as default, but never without ML-KEM. pq-conservative: three post-quantum methods
 * of three kinds at once; the large ones want TCP. bsi: curves and methods that BSI TR-02102 names.
 * cnsa2: CNSA 2.0. modern: AEAD, elliptic curves, and nothing below 128 bits of strength; ESP with
 * its own exchange. compat: default and what older gateways are set to.
 */
#define AEADS   "aes256gcm-aes128gcm-chacha20poly1305"
#define PRFS    "prfsha384-prfsha256"
#define HYBRIDS "x25519+mlkem768-ecp384+mlkem1024-ecp256+mlkem768"
#define CURVES  "x25519-ecp384-ecp256"
#define CBC     "aes256cbc-aes128cbc-sha256"

static const struct {
	const char *name;
	const char *ike;
	const char *esp;
} named[] = {
    {"default",
     AEADS "-" PRFS "-" HYBRIDS "," AEADS "-" PRFS "-" CURVES "-modp2048," CBC "-prfsha256-" CURVES
	   "-modp2048",
     AEADS "-" HYBRIDS "-" CURVES "-modp2048-none," CBC "-" CURVES "-modp2048-none"},
    {"pq", AEADS "-" PRFS "-" HYBRIDS, AEADS "-" HYBRIDS},
    {"pq-conservative", "aes256gcm-prfsha384-x25519+mlkem768+frodo1344shake+mceliece6688128",
     "aes256gcm-x25519+mlkem768"},
    {"bsi", "aes256gcm-prfsha384-ecp384bp+mlkem1024-ecp384+mlkem1024-ecp512bp+mlkem1024",
     "aes256gcm-ecp384bp+mlkem1024-ecp384+mlkem1024-ecp512bp+mlkem1024"},
    {"cnsa2", "aes256gcm-prfsha384-ecp384+mlkem1024", "aes256gcm-ecp384+mlkem1024"},
    {"modern", AEADS "-" PRFS "-" HYBRIDS "," AEADS "-" PRFS "-" CURVES,
     AEADS "-" HYBRIDS "-" CURVES},
    {"compat",
     AEADS "-" PRFS "-" HYBRIDS "," AEADS "-" PRFS "-prfsha512-" CURVES
	   "-modp2048-modp3072-modp4096," CBC "-sha384-sha512-prfsha256-prfsha384-prfsha512-" CURVES
	   "-modp2048-modp3072-modp4096",
     AEADS "-" HYBRIDS "-" CURVES "-modp2048-modp3072-modp4096-none," CBC "-sha384-sha512-" CURVES
	   "-modp2048-modp3072-modp4096-none"},
};

#define KE_INIT_MAX 2048 /* ML-KEM-1024 and every classical group */
#define N_NAMED     (sizeof(named) / sizeof(named[0]))

struct parsing {
	struct ike_suites *out;
	struct bytes *word;
	const char **reason;
};

static enum err fail(const struct parsing *p, struct bytes word, const char *reason)
{
	*p->word = word;
	*p->reason = reason;
	return ERR_SYNTAX;
}

/* The next piece of r up to `separator`, without blanks around it; what is left begins after it. */
static struct bytes take_piece(struct bytes *rest, char separator)
{
	const uint8_t *end = rest->n != 0 ? memchr(rest->p, separator, rest->n) : NULL;
	struct bytes piece = bytes_of(rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n);
	size_t used = piece.n + (end != NULL ? 1 : 0);

	*rest = bytes_of(rest->p + used, rest->n - used);
	while (piece.n != 0 && (piece.p[0] == ' ' || piece.p[0] == '\t' || piece.p[0] == '\n'))
		piece = bytes_of(piece.p + 1, piece.n - 1);
	while (piece.n != 0 && (piece.p[piece.n - 1] == ' ' || piece.p[piece.n - 1] == '\t' ||
				piece.p[piece.n - 1] == '\n'))
		piece.n--;
	return piece;
}

static bool word_is(struct bytes word, const char *text)
{
	return bytes_equal(word, bytes_of(text, strlen(text)));
}

static bool has_type(const struct ike_proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == type)
			return true;
	return false;
}

static bool is_aead(uint16_t encr)
{
	const struct encr_desc *d = encr_find(encr);

	return d != NULL && encr_is_aead(d);
}

/* One word as a transform; "esn" and "noesn" are no algorithms, and "none" is the choice to do
 * without a key exchange of the Child SA's own. */
static bool read_word(struct bytes word, struct ike_transform *t)
{
	char text[ALGORITHM_WORD_MAX];
	struct algorithm_word a;

	*t = (struct ike_transform){0};
	if (word_is(word, "esn") || word_is(word, "noesn")) {
		t->type = TRANSFORM_SN;
		t->id = word_is(word, "esn") ? SN_64_PARTIAL : SN_32;
		return true;
	}
	if (word_is(word, "none")) {
		t->type = TRANSFORM_KE;
		t->id = KE_NONE;
		return true;
	}
	if (word.n >= sizeof(text) || memchr(word.p, '\0', word.n) != NULL)
		return false;
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	if (algorithm_word_parse(text, &a) != ERR_NONE)
		return false;
	*t = (struct ike_transform){a.type, a.id, a.key_bits};
	return true;
}

/* Whether this protocol has such a transform at all; a sentence when it has not. */
static const char *misplaced(uint8_t protocol, const struct ike_transform *t)
{
	const struct encr_desc *encr = t->type == TRANSFORM_ENCR ? encr_find(t->id) : NULL;

	if (protocol == PROTOCOL_IKE) {
		if (t->type == TRANSFORM_SN)
			return "sequence number lengths belong to ESP proposals only";
		if (t->type == TRANSFORM_KE && t->id == KE_NONE)
			return "an IKE SA cannot do without a key exchange";
		if (encr != NULL && !encr->in_ike)
			return "this cipher cannot protect IKE messages";
		return NULL;
	}
	if (t->type == TRANSFORM_PRF)
		return "an ESP proposal has no PRF: the IKE SA's is used";
	if (encr != NULL && !encr->in_esp)
		return "this cipher cannot be used in ESP";
	return NULL;
}

static enum err add_transform(const struct parsing *ps, struct ike_proposal *p, struct bytes word,
			      struct ike_transform t)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_transform *have = &p->transforms[i];

		if (have->type == t.type && have->id == t.id && have->key_bits == t.key_bits)
			return fail(ps, word, "this algorithm stands in the proposal already");
		/* RFC 7296 3.3: the two kinds need proposals of their own. */
		if (have->type == TRANSFORM_ENCR && t.type == TRANSFORM_ENCR &&
		    is_aead(have->id) != is_aead(t.id))
			return fail(ps, word,
				    "a cipher that authenticates (gcm, ccm, chacha20poly1305) and "
				    "one that does not cannot be in one proposal");
	}
	if (p->n == IKE_TRANSFORMS_MAX)
		return fail(ps, word, "too many algorithms in one proposal");
	p->transforms[p->n++] = t;
	return ERR_NONE;
}

static enum err word_read(const struct parsing *ps, const struct ike_proposal *p, struct bytes word,
			  struct ike_transform *t)
{
	const char *why;

	if (word.n == 0)
		return fail(ps, word, "expected an algorithm between the separators");
	for (size_t i = 0; i < N_NAMED; i++)
		if (word_is(word, named[i].name))
			return fail(ps, word, "a suite's name stands alone, without other words");
	if (!read_word(word, t))
		return fail(ps, word,
			    "no algorithm of this name; expected words such as aes256gcm, "
			    "aes256cbc, sha256, prfsha256, x25519, ecp384, mlkem768");
	why = misplaced(p->protocol, t);
	return why == NULL ? ERR_NONE : fail(ps, word, why);
}

/* Adds t unless another chain has brought it already. */
static enum err chain_add(const struct parsing *ps, struct ike_proposal *p, struct bytes word,
			  struct ike_transform t)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == t.type && p->transforms[i].id == t.id)
			return ERR_NONE;
	return add_transform(ps, p, word, t);
}

/* A place that some chain lacks may be left out: NONE, as its last alternative. */
static enum err chains_end(const struct parsing *ps, struct ike_proposal *p, struct bytes item,
			   size_t shortest)
{
	for (size_t place = shortest; place < IKE_ADDKE_MAX; place++) {
		const uint8_t type = (uint8_t)(TRANSFORM_ADDKE1 + place);
		if (!has_type(p, type))
			break;
		enum err e = chain_add(ps, p, item, (struct ike_transform){type, KE_NONE, 0});
		if (e)
			return e;
	}
	return ERR_NONE;
}

/* The public value fits the first datagram, which cannot be fragmented (RFC 7383 2.3). */
static bool fits_init(const struct ike_transform *t)
{
	const struct ke_desc *ke = t->type == TRANSFORM_KE ? ke_find(t->id) : NULL;

	return ke == NULL || ke->init_len <= KE_INIT_MAX;
}

/* "x25519+mlkem768": the first method is the key exchange itself, the others come after it in their
 * order. *length is how many came after it, when it is a key exchange at all. */
static enum err add_chain(const struct parsing *ps, struct ike_proposal *p, struct bytes word,
			  size_t *shortest)
{
	const bool chain = memchr(word.p, '+', word.n) != NULL;
	struct bytes rest = word;
	struct ike_transform t;
	size_t place = 0;

	do {
		struct bytes piece = take_piece(&rest, '+');
		enum err e = word_read(ps, p, piece, &t);
		if (e)
			return e;
		if (chain && (t.type != TRANSFORM_KE || t.id == KE_NONE))
			return fail(ps, piece, "only key exchange methods are joined by +");
		if (place > IKE_ADDKE_MAX)
			return fail(ps, piece, "more than seven additional key exchanges");
		if (place == 0 && p->protocol == PROTOCOL_IKE && !fits_init(&t))
			return fail(ps, piece,
				    "its key is too large for IKE_SA_INIT; it can follow "
				    "another one, as in x25519+frodo976shake");
		if (place > 0)
			t.type = (uint8_t)(TRANSFORM_ADDKE1 + place - 1);
		/* "x25519+mlkem768-x25519": the second one is the shorter chain. */
		e = chain || (t.type == TRANSFORM_KE && has_type(p, TRANSFORM_ADDKE1))
			? chain_add(ps, p, piece, t)
			: add_transform(ps, p, piece, t);
		if (e)
			return e;
		place++;
	} while (rest.n != 0);
	if (word.p[word.n - 1] == '+')
		return fail(ps, word, "expected a key exchange method after the +");
	if ((t.type == TRANSFORM_KE || place > 1) && place - 1 < *shortest)
		*shortest = place - 1;
	return ERR_NONE;
}

static const struct {
	uint16_t integ;
	uint16_t prf;
} prf_of_integ[] = {
    {INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256}, {INTEG_HMAC_SHA2_384_192, PRF_HMAC_SHA2_384},
    {INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_512}, {INTEG_AES_CMAC_96, PRF_AES128_CMAC},
    {INTEG_HMAC_SHA1_96, PRF_HMAC_SHA1},
};

/* Without a PRF spelled out, that of each integrity algorithm. */
static bool derive_prf(struct ike_proposal *p)
{
	size_t n = p->n;

	for (size_t i = 0; i < n; i++) {
		if (p->transforms[i].type != TRANSFORM_INTEG)
			continue;
		for (size_t k = 0; k < sizeof(prf_of_integ) / sizeof(prf_of_integ[0]); k++) {
			if (prf_of_integ[k].integ != p->transforms[i].id)
				continue;
			if (p->n == IKE_TRANSFORMS_MAX)
				return false;
			p->transforms[p->n++] =
			    (struct ike_transform){TRANSFORM_PRF, prf_of_integ[k].prf, 0};
		}
	}
	return has_type(p, TRANSFORM_PRF);
}

/* The whole proposal: what must be there and what must not (RFC 7296 3.3.3). */
static enum err complete(const struct parsing *ps, struct ike_proposal *p, struct bytes item)
{
	bool aead = false;

	if (!has_type(p, TRANSFORM_ENCR))
		return fail(ps, item, "the proposal has no cipher, such as aes256gcm");
	for (size_t i = 0; i < p->n; i++)
		aead |= p->transforms[i].type == TRANSFORM_ENCR && is_aead(p->transforms[i].id);
	if (aead && has_type(p, TRANSFORM_INTEG))
		return fail(ps, item,
			    "a cipher that authenticates takes no integrity algorithm; "
			    "a PRF is written as prfsha256");
	if (!aead && !has_type(p, TRANSFORM_INTEG))
		return fail(ps, item, "this cipher needs an integrity algorithm, such as sha256");
	if (p->protocol == PROTOCOL_IKE) {
		if (!has_type(p, TRANSFORM_KE))
			return fail(ps, item, "the proposal has no key exchange, such as x25519");
		if (!has_type(p, TRANSFORM_PRF) && !derive_prf(p))
			return fail(ps, item, "the proposal has no PRF, such as prfsha256");
		return ERR_NONE;
	}
	if (!has_type(p, TRANSFORM_SN)) {
		/* RFC 4303 2.2.1: extended numbers are the default; a peer may lack them. */
		if (p->n + 2 > IKE_TRANSFORMS_MAX)
			return fail(ps, item, "too many algorithms in one proposal");
		p->transforms[p->n++] = (struct ike_transform){TRANSFORM_SN, SN_64_PARTIAL, 0};
		p->transforms[p->n++] = (struct ike_transform){TRANSFORM_SN, SN_32, 0};
	}
	return ERR_NONE;
}

static enum err parse_item(const struct parsing *ps, uint8_t protocol, struct bytes item)
{
	struct bytes rest = item;
	struct ike_proposal *p;
	size_t shortest = IKE_ADDKE_MAX; /* of the chains: how many additional ones it has */

	if (ps->out->n == IKE_PROPOSALS_WRITTEN_MAX)
		return fail(ps, item, "more than 8 proposals");
	p = &ps->out->proposals[ps->out->n];
	*p = (struct ike_proposal){.protocol = protocol};
	do {
		struct bytes word = take_piece(&rest, '-');
		enum err e = word.n == 0
				 ? fail(ps, word, "expected an algorithm between the separators")
				 : add_chain(ps, p, word, &shortest);

		if (e != ERR_NONE)
			return e;
	} while (rest.n != 0);
	if (chains_end(ps, p, item, shortest) != ERR_NONE)
		return ERR_SYNTAX;
	if (item.n != 0 && item.p[item.n - 1] == '-')
		return fail(ps, item, "expected an algorithm between the separators");
	ps->out->n++;
	return complete(ps, p, item);
}

static enum err parse_list(const struct parsing *ps, uint8_t protocol, struct bytes text,
			   bool names)
{
	do {
		struct bytes item = take_piece(&text, ',');
		const char *stands_for = NULL;
		enum err e;

		for (size_t i = 0; names && i < N_NAMED; i++)
			if (word_is(item, named[i].name))
				stands_for = protocol == PROTOCOL_IKE ? named[i].ike : named[i].esp;
		if (stands_for != NULL)
			e = parse_list(ps, protocol, bytes_of(stands_for, strlen(stands_for)),
				       false);
		else
			e = parse_item(ps, protocol, item);
		if (e != ERR_NONE)
			return e;
		if (text.n == 0 && item.p + item.n < text.p && text.p[-1] == ',')
			return fail(ps, item, "expected a proposal after the comma");
	} while (text.n != 0);
	return ERR_NONE;
}

enum err ike_suites_parse(struct ike_suites *out, uint8_t protocol, const char *text,
			  struct bytes *word, const char **reason)
{
	struct parsing ps = {out, word, reason};
	struct bytes all = bytes_of(text, strlen(text));

	out->n = 0;
	*word = all;
	if (protocol != PROTOCOL_IKE && protocol != PROTOCOL_ESP)
		return fail(&ps, all, "proposals are for IKE or ESP");
	return parse_list(&ps, protocol, all, true);
}

void ike_suites_default(struct ike_suites *out, uint8_t protocol)
{
	struct bytes word = {0};
	const char *reason = NULL;

	/* The text is a constant that the tests parse: it cannot fail. */
	if (ike_suites_parse(out, protocol, "default", &word, &reason) != ERR_NONE)
		out->n = 0;
}

/* Appends to a text that is cut at its end. */
static void append(char *buf, size_t cap, const char *text)
{
	size_t n = strlen(buf);

	if (n < cap)
		snprintf(buf + n, cap - n, "%s", text);
}

static void append_transform(char *buf, size_t cap, const struct ike_transform *t)
{
	struct algorithm_word a = {t->type, t->id, t->key_bits};
	char word[ALGORITHM_WORD_MAX];

	if (t->type == TRANSFORM_SN && t->id <= SN_64_PARTIAL)
		append(buf, cap, t->id == SN_64_PARTIAL ? "esn" : "noesn");
	else if (t->type == TRANSFORM_SN && t->id == SN_64_FULL)
		append(buf, cap, "eesp");
	else if (t->id == 0 && t->type != TRANSFORM_ENCR && t->type != TRANSFORM_PRF)
		append(buf, cap, "none");
	else
		append(buf, cap, algorithm_word_format(&a, word));
}

const char *ike_proposal_format(const struct ike_proposal *p, char buf[IKE_SUITE_TEXT_MAX])
{
	static const uint8_t order[] = {
	    TRANSFORM_ENCR,   TRANSFORM_INTEG,  TRANSFORM_PRF,    TRANSFORM_KE,
	    TRANSFORM_ADDKE1, TRANSFORM_ADDKE2, TRANSFORM_ADDKE3, TRANSFORM_ADDKE4,
	    TRANSFORM_ADDKE5, TRANSFORM_ADDKE6, TRANSFORM_ADDKE7, TRANSFORM_SSKDF,
	    TRANSFORM_SN,
	};
	bool first = true;

	buf[0] = '\0';
	for (size_t k = 0; k < sizeof(order); k++) {
		const bool addke = order[k] >= TRANSFORM_ADDKE1 && order[k] <= TRANSFORM_ADDKE7;
		const char *before = first ? "" : addke ? "+" : "-";

		for (size_t i = 0; i < p->n; i++) {
			if (p->transforms[i].type != order[k])
				continue;
			append(buf, IKE_SUITE_TEXT_MAX, before);
			append_transform(buf, IKE_SUITE_TEXT_MAX, &p->transforms[i]);
			before = "/";
			first = false;
		}
	}
	return buf;
}

uint16_t ike_suite_numbers(const struct ike_suite *s)
{
	if (s->eesp)
		return s->esn ? SN_64_FULL : SN_NONE;
	return s->esn ? SN_64_PARTIAL : SN_32;
}

const char *ike_suite_format(const struct ike_suite *s, char buf[IKE_SUITE_TEXT_MAX])
{
	struct ike_proposal p = {.protocol = s->prf != NULL ? PROTOCOL_IKE : PROTOCOL_ESP};
	const struct encr_desc *encr = s->protect.encr;

	if (encr != NULL)
		p.transforms[p.n++] = (struct ike_transform){
		    TRANSFORM_ENCR, encr->id, encr->has_key_length ? s->protect.key_bits : 0};
	if (s->protect.integ != NULL)
		p.transforms[p.n++] =
		    (struct ike_transform){TRANSFORM_INTEG, s->protect.integ->id, 0};
	if (s->prf != NULL)
		p.transforms[p.n++] = (struct ike_transform){TRANSFORM_PRF, s->prf->id, 0};
	if (s->ke != NULL)
		p.transforms[p.n++] = (struct ike_transform){TRANSFORM_KE, s->ke->id, 0};
	for (unsigned i = 0; i < IKE_ADDKE_MAX; i++)
		if (s->addke[i] != KE_NONE)
			p.transforms[p.n++] =
			    (struct ike_transform){(uint8_t)(TRANSFORM_ADDKE1 + i), s->addke[i], 0};
	if (s->sskdf != SSKDF_NONE)
		p.transforms[p.n++] = (struct ike_transform){TRANSFORM_SSKDF, s->sskdf, 0};
	if (s->prf == NULL)
		p.transforms[p.n++] = (struct ike_transform){TRANSFORM_SN, ike_suite_numbers(s), 0};
	return ike_proposal_format(&p, buf);
}

static bool proposal_has(const struct ike_proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
		    p->transforms[i].key_bits == key_bits)
			return true;
	return false;
}

const struct ke_desc *ike_suite_addke(const struct ike_suite *s, unsigned i, unsigned *next)
{
	for (; i < IKE_ADDKE_MAX; i++)
		if (s->addke[i] != KE_NONE) {
			*next = i + 1;
			return ke_find(s->addke[i]);
		}
	return NULL;
}

/* The proposal as one of EESP: the numbers are 64 bits, all of them sent, and there is an SSKDF or
 * none (draft-ietf-ipsecme-eesp-ikev2 3.2). */
static bool eesp_of(struct ike_proposal *out, const struct ike_proposal *p, bool sub_sas)
{
	static const uint16_t sskdfs[] = {SSKDF_HKDF_SHA2_256, SSKDF_HKDF_SHA2_512};

	*out = (struct ike_proposal){.protocol = PROTOCOL_EESP};
	for (size_t i = 0; i < p->n; i++) {
		if (p->transforms[i].type == TRANSFORM_INTEG)
			return false;
		if (p->transforms[i].type != TRANSFORM_SN)
			out->transforms[out->n++] = p->transforms[i];
	}
	if (out->n + 3U > IKE_TRANSFORMS_MAX)
		return false;
	for (size_t i = 0; i < sizeof(sskdfs) / sizeof(sskdfs[0]) && sub_sas; i++)
		out->transforms[out->n++] = (struct ike_transform){TRANSFORM_SSKDF, sskdfs[i], 0};
	out->transforms[out->n++] = (struct ike_transform){TRANSFORM_SN, SN_64_FULL, 0};
	return true;
}

bool ike_suites_add_eesp(struct ike_suites *s, enum ike_eesp policy, bool sub_sas)
{
	const struct ike_suites esp = *s;

	if (policy == IKE_EESP_NO)
		return true;
	s->n = 0;
	for (size_t i = 0; i < esp.n && sub_sas; i++)
		s->n += eesp_of(&s->proposals[s->n], &esp.proposals[i], true);
	for (size_t i = 0; i < esp.n; i++)
		s->n += eesp_of(&s->proposals[s->n], &esp.proposals[i], false);
	if (s->n == 0) {
		*s = esp;
		return false;
	}
	for (size_t i = 0; i < esp.n && policy != IKE_EESP_REQUIRE; i++)
		s->proposals[s->n++] = esp.proposals[i];
	return true;
}

bool ike_suites_have_sskdf(const struct ike_suites *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (has_type(&s->proposals[i], TRANSFORM_SSKDF))
			return true;
	return false;
}

bool ike_suites_have_addke(const struct ike_suites *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned type = TRANSFORM_ADDKE1; type <= TRANSFORM_ADDKE7; type++)
			if (has_type(&s->proposals[i], (uint8_t)type))
				return true;
	return false;
}

/* For each place the method that the suite has, or none where the proposal can do without. */
static bool addke_allowed(const struct ike_proposal *p, const struct ike_suite *s)
{
	for (unsigned i = 0; i < IKE_ADDKE_MAX; i++) {
		const uint8_t type = (uint8_t)(TRANSFORM_ADDKE1 + i);
		if (s->addke[i] == KE_NONE && !has_type(p, type))
			continue;
		if (!proposal_has(p, type, s->addke[i], 0))
			return false;
	}
	return true;
}

bool ike_suites_allow(const struct ike_suites *ours, const struct ike_suite *s)
{
	const struct protect_suite *p = &s->protect;
	const uint16_t bits = p->encr->has_key_length ? p->key_bits : 0;

	for (size_t i = 0; i < ours->n; i++) {
		const struct ike_proposal *q = &ours->proposals[i];
		if ((q->protocol == PROTOCOL_EESP) == s->eesp &&
		    proposal_has(q, TRANSFORM_ENCR, p->encr->id, bits) &&
		    (p->integ == NULL || proposal_has(q, TRANSFORM_INTEG, p->integ->id, 0)) &&
		    (s->prf == NULL || proposal_has(q, TRANSFORM_PRF, s->prf->id, 0)) &&
		    (s->ke == NULL || proposal_has(q, TRANSFORM_KE, s->ke->id, 0)) &&
		    addke_allowed(q, s))
			return true;
	}
	return false;
}
