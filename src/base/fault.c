#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct fault_info list[FAULT_COUNT] = {
    [FAULT_DROP] = {"drop", "do not send an IKE datagram; ARG: one in so many (1)"},
    [FAULT_DUPLICATE] = {"duplicate", "send an IKE datagram twice"},
    [FAULT_REPLAY] = {"replay", "send the previous IKE datagram once more"},
    [FAULT_REORDER] = {"reorder", "hold an IKE datagram back until the next one has gone"},
    [FAULT_CORRUPT] = {"corrupt", "flip one bit of an IKE datagram; ARG: which, from the end (0)"},
    [FAULT_TRUNCATE] = {"truncate", "cut octets off an IKE datagram; ARG: how many (1)"},
    [FAULT_EXTEND] = {"extend", "append octets to an IKE datagram; ARG: how many (1)"},
    [FAULT_WRONG_SPI] = {"wrong-spi", "send an IKE header with a wrong SPI; ARG: 0 ours, 1 theirs"},
    [FAULT_WRONG_VERSION] = {"wrong-version", "send another version octet; ARG: the octet (0x30)"},
    [FAULT_WRONG_EXCHANGE] = {"wrong-exchange", "send another exchange type; ARG: the type (99)"},
    [FAULT_WRONG_FLAGS] = {"wrong-flags", "invert header flags; ARG: the mask (0x20)"},
    [FAULT_WRONG_MESSAGE_ID] = {"wrong-message-id", "add to the Message ID; ARG: how much (1)"},
    [FAULT_WRONG_LENGTH] = {"wrong-length", "add to the header's length field; ARG: how much (4)"},
    [FAULT_OMIT_PAYLOAD] = {"omit-payload",
			    "leave a payload out; ARG: its type + 256 * exchange type"},
    [FAULT_REPEAT_PAYLOAD] = {"repeat-payload",
			      "send a payload twice; ARG: its type + 256 * exchange type"},
    [FAULT_WRONG_PAYLOAD_LENGTH] = {"wrong-payload-length",
				    "add to a payload's length field; ARG: how much (1)"},
    [FAULT_UNKNOWN_CRITICAL] = {"unknown-critical",
				"add an unknown payload that is critical; ARG: its type (127)"},
    [FAULT_UNKNOWN_PAYLOAD] = {"unknown-payload",
			       "add an unknown payload that is not critical; ARG: its type (127)"},
    [FAULT_BAD_ICV] = {"bad-icv", "damage the integrity check of an encrypted IKE message"},
    [FAULT_BAD_PADDING] = {"bad-padding", "lie about the padding of an encrypted IKE message"},
    [FAULT_SHORT_NONCE] = {"short-nonce", "send a nonce of ARG octets (8)"},
    [FAULT_WRONG_KE_METHOD] = {"wrong-ke-method", "name another method in KE; ARG: which (2)"},
    [FAULT_WRONG_KE_LENGTH] = {"wrong-ke-length", "cut KE data short; ARG: by how much (1)"},
    [FAULT_WRONG_PROPOSAL] = {"wrong-proposal", "answer with a proposal that was not offered"},
    [FAULT_WRONG_SELECTORS] = {"wrong-selectors", "answer with selectors wider than offered"},
    [FAULT_WRONG_ID] = {"wrong-id", "send another identity"},
    [FAULT_BAD_AUTH] = {"bad-auth", "damage the AUTH payload's data"},
    [FAULT_WRONG_COOKIE] = {"wrong-cookie", "return a cookie that was not given"},
    [FAULT_WRONG_NAT_HASH] = {"wrong-nat-hash", "send NAT detection hashes as if behind a NAT"},
    [FAULT_NO_RESPONSE] = {"no-response", "do not answer a request"},
    [FAULT_NO_RETRANSMIT] = {"no-retransmit", "never send a request again"},
    [FAULT_ALWAYS_COOKIE] = {"always-cookie",
			     "ask every initiator for a cookie; ARG 1: again and again"},
    [FAULT_TEMPORARY_FAILURE] = {"temporary-failure", "answer TEMPORARY_FAILURE to a request"},
    [FAULT_KEEP_DELETED] = {"keep-deleted", "answer a Delete, but keep the SA"},
    [FAULT_FORGET_SA] = {"forget-sa", "drop an IKE SA without telling the peer"},
    [FAULT_DELAY_JOB] = {"delay-job", "finish a crypto job later; ARG: milliseconds (500)"},
    [FAULT_FAIL_JOB] = {"fail-job", "let a crypto job fail"},
    [FAULT_ESP_DROP] = {"esp-drop", "do not send an ESP packet; ARG: one in so many (1)"},
    [FAULT_ESP_DUPLICATE] = {"esp-duplicate", "send an ESP packet twice"},
    [FAULT_ESP_REPLAY] = {"esp-replay", "send the previous ESP packet once more"},
    [FAULT_ESP_CORRUPT] = {"esp-corrupt", "flip one bit of an ESP packet"},
    [FAULT_ESP_TRUNCATE] = {"esp-truncate", "cut octets off an ESP packet; ARG: how many (1)"},
    [FAULT_ESP_WRONG_SPI] = {"esp-wrong-spi", "send an ESP packet with a wrong SPI"},
    [FAULT_ESP_SKIP_SEQUENCE] = {"esp-skip-sequence", "skip sequence numbers; ARG: how many (1)"},
    [FAULT_ESP_BAD_PADDING] = {"esp-bad-padding", "send padding other than 1, 2, 3, ..."},
    [FAULT_PLANE_REFUSE_INSTALL] = {"plane-refuse-install", "refuse to install a Child SA"},
    [FAULT_PLANE_CRASH] = {"plane-crash", "abort the data plane's process"},
    [FAULT_NET_DROP_IN] = {"net-drop-in", "drop an IKE datagram that arrives"},
    [FAULT_NET_NO_MARKER] = {"net-no-marker", "send IKE on port 4500 without the non-ESP marker"},
};

const struct fault_info *fault_list(void)
{
	return list;
}

static bool number(const char *text, const char *end, uint64_t *out)
{
	char buf[24];
	size_t n = (size_t)(end - text);

	if (n == 0 || n >= sizeof(buf) || text[0] < '0' || text[0] > '9')
		return false;
	memcpy(buf, text, n);
	buf[n] = '\0';
	char *stop;
	errno = 0;
	*out = strtoull(buf, &stop, 0);
	return errno == 0 && *stop == '\0';
}

/* One item, from text to end, set in f. */
static enum err set_one(struct faults *f, const char *text, const char *end)
{
	size_t len = (size_t)(end - text);
	const char *star = memchr(text, '*', len);
	const char *value_end = star != NULL ? star : end;
	const char *equals = memchr(text, '=', (size_t)(value_end - text));
	size_t name_len = (size_t)((equals != NULL ? equals : value_end) - text);
	struct fault_state s = {.on = 1};

	if (name_len == 3 && memcmp(text, "off", 3) == 0 && name_len == len) {
		*f = (struct faults){0};
		return ERR_NONE;
	}
	size_t i = 0;
	while (i < FAULT_COUNT &&
	       (strlen(list[i].name) != name_len || memcmp(list[i].name, text, name_len) != 0))
		i++;
	if (i == FAULT_COUNT)
		return ERR_NOT_FOUND;
	s.arg = UINT64_MAX;
	s.fired = f->state[i].fired;
	if (star != NULL) {
		uint64_t count;
		if (!number(star + 1, end, &count) || count == 0 || count > UINT32_MAX)
			return ERR_SYNTAX;
		s.left = (uint32_t)count;
	}
	if (equals != NULL && value_end - equals == 4 && memcmp(equals + 1, "off", 3) == 0)
		s.on = 0;
	else if (equals != NULL && !number(equals + 1, value_end, &s.arg))
		return ERR_SYNTAX;
	f->state[i] = s;
	return ERR_NONE;
}

enum err faults_set(struct faults *f, const char *text)
{
	struct faults next = *f;

	for (;;) {
		const char *end = strchrnul(text, ',');
		enum err e = set_one(&next, text, end);
		if (e != ERR_NONE)
			return e;
		if (*end == '\0')
			break;
		text = end + 1;
	}
	*f = next;
	return ERR_NONE;
}

bool fault_active(struct faults *f, enum fault which)
{
	if (f == NULL || !f->state[which].on)
		return false;
	struct fault_state *s = &f->state[which];
	s->fired++;
	if (s->left > 0 && --s->left == 0)
		s->on = 0;
	return true;
}

uint64_t fault_arg(const struct faults *f, enum fault which, uint64_t otherwise)
{
	if (f == NULL || f->state[which].arg == UINT64_MAX)
		return otherwise;
	return f->state[which].arg;
}
