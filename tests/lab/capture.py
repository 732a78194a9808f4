"""What went over a wire: captures by tcpdump, and which kinds of packets are in them."""
import collections
import os
import re
import signal
import socket
import struct

from common import Failed, expect, wait_until

MARK = 0x88B5  # an ethertype for local experiments (IEEE 802): our own frames in a capture
ARPHRD_ETHER = 1


class Capture:
    """tcpdump on an interface, from now until stop()."""

    def __init__(self, host, interface, name, snap, match=()):
        self.host, self.interface = host, interface
        self.path = os.path.join(host.lab.folder, f"{host.name}-{name}.pcap")
        if match:
            match = ["(", *match, ")", "or", "ether", "proto", str(MARK)]
        # -Z root: it would become a user that cannot write into the lab's folder.
        self.process = host.start(
            ["tcpdump", "-n", "-U", "--immediate-mode", "-B", "32768", "-Z", "root", "-s",
             str(snap), "-i", interface, "-w", self.path, *match], name)
        self.process.wait_for("listening on", 10)

    def everything_is_read(self):
        """Waits until tcpdump has written what came so far: told to end, it leaves unread what
        waits in its buffer. A frame of our own comes last."""
        mark = os.urandom(16)
        try:
            with self.host.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
                s.bind((self.interface, 0))
                if s.getsockname()[3] != ARPHRD_ETHER:
                    return
                s.send(b"\xff" * 6 + b"\2" + bytes(5) + struct.pack("!H", MARK) + mark)
        except OSError:
            return  # the interface is gone, or down

        def written():
            with open(self.path, "rb") as f:
                return mark in f.read()
        wait_until(written, 10, f"{os.path.basename(self.path)} is written")

    def stop(self):
        """Ends the capture, gives its packets."""
        if self.process.running():
            self.everything_is_read()
        self.process.stop(signal.SIGINT)
        dropped = re.search(r"(\d+) packets? dropped by kernel", self.process.output())
        expect(dropped, f"tcpdump: {self.process.output().strip()[-300:]}")
        self.dropped = int(dropped.group(1))
        return read_capture(self.path)


Packet = collections.namedtuple("Packet", "time kind src dst sport dport length payload")


def read_capture(path):
    """Packets of a capture file, each with its kind:
    esp, eesp, ike-500, ike-4500, esp-4500, eesp-4500, keepalive, arp, nd, mld, icmp-error (about ESP or
    IKE), icmp, icmpv6, tcp, udp, ..."""
    with open(path, "rb") as f:
        data = f.read()
    expect(len(data) >= 24, "the capture is empty")
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    kind = struct.unpack_from(order + "I", data, 20)[0]
    expect(kind in (1, 101), f"a capture of link type {kind}")  # Ethernet, raw IP (TUN)
    packets, at = [], 24
    while at + 16 <= len(data):
        sec, usec, kept, _ = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        if kind != 1 or frame[12:14] != MARK.to_bytes(2, "big"):
            packets.append(read_frame(frame, kind == 1, sec + usec / 1e6))
    return packets


def read_frame(frame, ethernet, when):
    ether = struct.unpack_from("!H", frame, 12)[0] if ethernet else 0
    body = frame[14:] if ethernet else frame
    if ether == 0x0806:
        return Packet(when, "arp", "", "", 0, 0, len(body), body)
    if body and body[0] >> 4 == 4 and len(body) >= 20:
        proto, offset = body[9], (body[0] & 15) * 4
        src, dst = socket.inet_ntoa(body[12:16]), socket.inet_ntoa(body[16:20])
        length = struct.unpack_from("!H", body, 2)[0]
        later = struct.unpack_from("!H", body, 6)[0] & 0x1FFF
    elif body and body[0] >> 4 == 6 and len(body) >= 40:
        proto, offset, later = body[6], 40, 0
        src = socket.inet_ntop(socket.AF_INET6, body[8:24])
        dst = socket.inet_ntop(socket.AF_INET6, body[24:40])
        length = struct.unpack_from("!H", body, 4)[0] + 40
        while proto in (0, 43, 44, 60) and len(body) >= offset + 8:
            if proto == 44:
                later = struct.unpack_from("!H", body, offset + 2)[0] >> 3
            size = 8 if proto == 44 else (body[offset + 1] + 1) * 8
            proto, offset = body[offset], offset + size
    else:
        return Packet(when, f"ethertype-{ether:#06x}", "", "", 0, 0, len(body), body)
    rest = body[offset:length]
    if later:
        return Packet(when, f"fragment-{proto}", src, dst, 0, 0, length, rest)
    return read_transport(when, proto, src, dst, length, rest)


def read_transport(when, proto, src, dst, length, rest):
    sport = dport = 0
    kind = {1: "icmp", 6: "tcp", 49: "eesp", 50: "esp", 51: "ah"}.get(proto, f"protocol-{proto}")
    if proto in (6, 17) and len(rest) >= 8:
        sport, dport = struct.unpack_from("!HH", rest)
    if proto == 17:
        kind, rest = udp_kind(sport, dport, rest[8:]), rest[8:]
    elif proto in (1, 58) and is_error(proto, rest):
        kind = "icmp-error"
    elif proto == 58 and rest:
        kind = {130: "mld", 131: "mld", 132: "mld", 143: "mld"}.get(rest[0], "icmpv6")
        if 133 <= rest[0] <= 137:
            kind = "nd"
    return Packet(when, kind, src, dst, sport, dport, length, rest)


def is_error(proto, rest):
    """An ICMP error about ESP or IKE: it quotes only what was on the wire before. The kernel sends
    them too, as "protocol unreachable", when a raw socket for ESP has no room for a packet."""
    if rest[:1] not in ((b"\3", b"\x0b", b"\x0c") if proto == 1 else (b"\1", b"\2", b"\3", b"\4")):
        return False
    about = read_frame(rest[8:], False, 0)
    return about.kind in NOT_CLEAR and about.kind != "arp"


def udp_kind(sport, dport, payload):
    if 4500 in (sport, dport):
        if payload[:1] == b"\xff" and len(payload) == 1:
            return "keepalive"
        if payload[:4] == b"\0\0\0\0":
            return "ike-4500"
        return "eesp-4500" if payload[:1] >= b"\x80" else "esp-4500"
    return "ike-500" if 500 in (sport, dport) else "udp"


# What a link between two gateways may carry: IKE, ESP and what makes an Ethernet link work.
PROTECTED = {"esp", "esp-4500", "eesp", "eesp-4500", "fragment-50"}
NOT_CLEAR = PROTECTED | {"ike-500", "ike-4500", "keepalive", "arp", "nd", "mld", "fragment-17",
                         "icmp-error"}


def tcp_streams(packets):
    """The octets of each direction of each TCP connection, by (src, sport, dst, dport). All of it
    must be in the capture, from the first SYN on."""
    pieces = collections.defaultdict(list)
    for p in packets:
        expect(p.kind == "tcp" and len(p.payload) >= 20, f"no TCP: {p.kind}")
        sequence, = struct.unpack_from("!I", p.payload, 4)
        data = p.payload[(p.payload[12] >> 4) * 4:]
        pieces[p.src, p.sport, p.dst, p.dport].append((sequence, p.payload[13] & 2 != 0, data))
    streams = {}
    for way, segments in pieces.items():
        first = [sequence for sequence, syn, _ in segments if syn]
        expect(first, f"no SYN of {way}")
        octets = b""
        for at, data in sorted(((sequence - first[0] - 1) % (1 << 32), data)
                               for sequence, syn, data in segments if not syn and data):
            expect(at <= len(octets), f"a segment of {way} is missing")
            octets += data[len(octets) - at:]
        streams[way] = octets
    return streams


def tcp_frames(packets, port=4500):
    """What goes through TCP connections to that port (RFC 9329 3): one ("ike" or "esp", octets of
    the message) for each frame but keepalives. Fails on whatever is no such connection."""
    found = []
    streams = tcp_streams(packets)
    for (src, sport, dst, dport), octets in streams.items():
        expect(port in (sport, dport), f"TCP from {src}:{sport} to {dst}:{dport}")
        to_port = octets if dport == port else streams.get((dst, dport, src, sport), b"")
        expect(to_port[:6] in (b"IKETCP", b"IKETCL"), f"a stream begins with {to_port[:16]!r}")
        at = 6 if dport == port else 0
        while at < len(octets):
            head = 4 if to_port[:6] == b"IKETCL" and octets[at] >> 6 == 2 else 2
            length = int.from_bytes(octets[at:at + head])
            if to_port[:6] == b"IKETCL":
                length &= (1 << (head * 8 - 2)) - 1
            expect(length > head and at + length <= len(octets), "a frame is cut off")
            body = octets[at + head:at + length]
            at += length
            if body != b"\xff":
                found.append(("ike", len(body) - 4) if body[:4] == b"\0\0\0\0" else
                             ("esp", len(body)))
    return found


def ike_exchange(packet):
    """The exchange type of an IKE message in UDP."""
    return packet.payload[(4 if packet.kind == "ike-4500" else 0) + 18]


def kinds(packets):
    return collections.Counter(p.kind for p in packets)


def expect_nothing_clear(packets, also=()):
    """Fails when anything but IKE, ESP, ARP and neighbour discovery was seen."""
    for p in packets:
        if p.kind not in NOT_CLEAR and p.kind not in also:
            raise Failed(f"in the clear: {p.kind} {p.src}:{p.sport} -> {p.dst}:{p.dport}, "
                         f"{p.length} octets")
    expect(any(p.kind in PROTECTED for p in packets), "no ESP at all on the wire")
