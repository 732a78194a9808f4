/* What the plane, the parent and the ike process read from each other. What decodes is encoded
 * again and must come out the same, for the messages that have one form only. */
#include <stdlib.h>
#include <string.h>

#include "plane/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct control_message *m, struct bytes in)
{
	static uint8_t buf[CONTROL_MESSAGE_MAX];
	struct writer w = writer_of(buf, sizeof(buf));
	switch (m->type) {
	case CONTROL_POLICY_SET:
		control_put_policy(&w, &m->policy);
		break;
	case CONTROL_CHILD_INSTALL:
		control_put_child(&w, &m->child, m->serial, m->child.suite.encr != NULL);
		break;
	case CONTROL_CHILD_MOVE:
		control_put_move(&w, m->id, &m->path, m->udp_encap);
		break;
	case CONTROL_DATAGRAM:
		control_put_datagram(&w, &m->path, m->datagram);
		break;
	case CONTROL_STREAM_OPEN:
		control_put_stream_open(&w, &m->path);
		break;
	case CONTROL_STREAM_HOLD:
		control_put_stream_hold(&w, m->id, m->message_max);
		break;
	case CONTROL_STATS:
		control_put_stats(&w, &m->stats);
		break;
	default:
		return;
	}
	/* Without an integrity algorithm its number says nothing. */
	if (m->type == CONTROL_CHILD_INSTALL && m->child.suite.encr != NULL)
		return;
	if (!writer_ok(&w) || !bytes_equal(writer_bytes_so_far(&w), in))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct control_message m;
	if (size > CONTROL_MESSAGE_MAX)
		return 0;
	if (control_decode(&m, bytes_of(data, size)) == ERR_NONE)
		again(&m, bytes_of(data, size));
	return 0;
}
