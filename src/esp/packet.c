#include "esp/packet.h"

static const char *const names[PACKET_FATES] = {
    [PACKET_OK] = "ok",
    [PACKET_NO_SA] = "no-sa",
    [PACKET_NO_POLICY] = "no-policy",
    [PACKET_TOO_SHORT] = "too-short",
    [PACKET_BAD_LENGTH] = "bad-length",
    [PACKET_TOO_BIG] = "too-big",
    [PACKET_FRAGMENT] = "fragment",
    [PACKET_REPLAY] = "replay",
    [PACKET_TOO_OLD] = "too-old",
    [PACKET_BAD_ICV] = "bad-icv",
    [PACKET_BAD_PADDING] = "bad-padding",
    [PACKET_BAD_NEXT_HEADER] = "bad-next-header",
    [PACKET_BAD_INNER] = "bad-inner",
    [PACKET_BAD_SELECTOR] = "bad-selector",
    [PACKET_ECN_DROP] = "ecn-drop",
    [PACKET_DUMMY] = "dummy",
    [PACKET_SEQUENCE_OVER] = "sequence-over",
    [PACKET_LIFETIME_OVER] = "lifetime-over",
    [PACKET_QUEUE_FULL] = "queue-full",
    [PACKET_BAD_MARKER] = "bad-marker",
    [PACKET_BAD_VERSION] = "bad-version",
    [PACKET_RESERVED_BITS] = "reserved-bits",
    [PACKET_BAD_OPTIONS] = "bad-options",
    [PACKET_BAD_SESSION_ID] = "bad-session-id",
    [PACKET_BAD_SUB_SA] = "bad-sub-sa",
    [PACKET_SUB_SA_BUSY] = "sub-sa-busy",
    [PACKET_BAD_CRYPT_OFFSET] = "bad-crypt-offset",
    [PACKET_CRYPT_OFFSET_FORBIDDEN] = "crypt-offset-forbidden",
    [PACKET_BAD_FORMAT] = "bad-format",
    [PACKET_CRYPTO_FAILED] = "crypto-failed",
};

const char *packet_fate_name(enum packet_fate fate)
{
	if ((unsigned)fate >= PACKET_FATES)
		return "unknown";
	return names[fate];
}
