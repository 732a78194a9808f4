/* TCP streams in the plane's loop: IKE messages to and from the ike process, ESP to and from the
 * pairs whose outer path is a stream (RFC 9329). */
#include "net/tcp.h"

#include <unistd.h>

#include "plane/plane_impl.h"

/* IKE over TCP repeats nothing, so a slow ike process makes the peer wait. */
static bool on_message(void *ctx, const struct path *path, struct bytes message)
{
	struct plane *p = ctx;

	return plane_tell_stream_message(p, path, message);
}

static bool on_packet(void *ctx, const struct path *path, struct bytes packet)
{
	struct plane *p = ctx;

	p->stats.in_packets++;
	p->stats.in_octets += packet.n;
	return plane_take_esp(p, packet.p, packet.n, path, 0);
}

static void on_packets_end(void *ctx)
{
	plane_open_all(ctx);
}

static void on_event(void *ctx, const struct stream_event *event)
{
	struct plane *p = ctx;
	uint8_t buf[PLANE_EVENT_MAX];
	struct writer w = writer_of(buf, sizeof(buf));

	control_put_stream_event(&w, event);
	if (writer_ok(&w))
		(void)plane_tell_octets(p, writer_bytes_so_far(&w));
}

enum err plane_streams_new(struct plane *p)
{
	const struct tcp_owner owner = {
	    .ctx = p,
	    .message = on_message,
	    .packet = on_packet,
	    .packets_end = on_packets_end,
	    .event = on_event,
	};

	return tcp_new(&p->tcp, p->config.sockets, &owner, p->config.secret);
}

static void open_stream(struct plane *p, const struct control_message *m, int fd)
{
	if (fd >= 0 && (m->path.stream & STREAM_OURS) != 0 &&
	    tcp_open(p->tcp, &m->path, fd, p->now) == ERR_NONE)
		return;
	const struct stream_event e = {
	    .type = STREAM_FAILED,
	    .path = m->path,
	    .reason = "the connection could not be begun",
	};
	on_event(p, &e);
}

bool plane_streams_act(struct plane *p, const struct control_message *m, int fd)
{
	switch (m->type) {
	case CONTROL_DATAGRAM:
		if (tcp_send_ike(p->tcp, m->path.stream, m->datagram) != ERR_NONE)
			p->stats.send_errors++;
		return true;
	case CONTROL_STREAM_OPEN:
		open_stream(p, m, fd);
		return true;
	case CONTROL_STREAM_HOLD:
		tcp_hold(p->tcp, m->id, m->message_max, p->now);
		return true;
	case CONTROL_STREAM_CLOSE:
		tcp_close(p->tcp, m->id, p->now);
		return true;
	default:
		return false;
	}
}

void plane_streams_send(struct plane *p, struct spd_child *c, struct packet *const *packets,
			size_t n)
{
	struct bytes spans[PACKET_VECTOR_MAX] = {0};

	for (size_t i = 0; i < n; i++) {
		spans[i] = bytes_of(packets[i]->data, packets[i]->len);
		p->stats.out_octets += packets[i]->len;
	}
	const size_t sent = tcp_send_esp(p->tcp, c->outer.stream, spans, n);
	p->stats.out_packets += sent;
	p->stats.fates_out[PACKET_QUEUE_FULL] += n - sent;
	if (sent < n)
		counter_add(&c->usage->out_errors, n - sent);
}

/* RFC 9329 6.1: the responder sends on the connection by which the newest authentic packet came. */
void plane_streams_follow(struct plane *p, struct spd_child *c, const struct plane_item *it)
{
	if (c->outer.stream == 0 || it->stream == c->outer.stream ||
	    (it->stream & STREAM_OURS) != 0 || !esp_sa_newest(c->in, &it->p))
		return;
	(void)tcp_path(p->tcp, it->stream, &c->outer);
}
