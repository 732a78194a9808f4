#!/usr/bin/env python3
"""The data plane alone: two plane processes with SAs that the test gives them (plane_pair), joined
by real traffic. No IKE."""
import contextlib
import os
import re
import select
import subprocess
import sys
import time

import lab as labs
from lab import expect, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POSTERN_BUILD") or os.path.join(ROOT, "build", "check")
PROGRAM = os.path.join(BUILD, "tests", "lab", "plane_pair")
MARK = "20559"  # 0x504f: what our own sockets send passes by the tunnel's routes


class End:
    """One plane_pair in a host; commands in, lines out."""

    def __init__(self, host, local, remote, local_ts, remote_ts, *extra, ready=True):
        args = [PROGRAM, "--local", local, "--remote", remote]
        for s in local_ts:
            args += ["--local-ts", s]
        for s in remote_ts:
            args += ["--remote-ts", s]
        self.host = host
        self.lines = []
        self.rest = b""
        with host.entered():
            self.child = subprocess.Popen(args + list(extra), stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                          preexec_fn=labs.die_with_parent)
        if ready:
            self.expect_line("ready")

    def read(self, seconds):
        """Takes in what comes within that time; False when nothing came."""
        out = self.child.stdout.fileno()
        if not select.select([out], [], [], seconds)[0]:
            return False
        self.rest += os.read(out, 65536)
        *whole, self.rest = self.rest.split(b"\n")
        self.lines += [w.decode(errors="replace") for w in whole]
        return True

    def expect_line(self, start, seconds=10):
        """The first line not yet asked for that starts so."""
        deadline = time.monotonic() + seconds
        while True:
            for i, line in enumerate(self.lines):
                if line.startswith(start):
                    return self.lines.pop(i)
            left = deadline - time.monotonic()
            expect(left > 0, f"no line '{start}' from {self.host.name}: {self.lines}")
            self.read(left)

    def send(self, text, answer="done"):
        self.child.stdin.write(text.encode() + b"\n")
        self.child.stdin.flush()
        return self.expect_line(answer)

    def up(self, handle, spi_in, spi_out):
        self.send(f"child {handle} {spi_in} {spi_out}")
        self.send(f"activate {handle}")

    def numbers(self, what):
        """A line of name=value as numbers; what was never counted is 0."""
        line = self.send(what, what.split()[0])
        return {k: int(v) for k, v in re.findall(r"(\S+)=(\d+)", line)}

    def stats(self):
        return self.numbers("stats")

    def quit(self):
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(b"quit\n")
            self.child.stdin.close()
        return self.child.wait(timeout=10)


class Pair:
    """Two ends on one link. outer and inner are 4 or 6."""

    def __init__(self, lab, outer=4, inner=4, extra_a=(), extra_b=(), up=True,
                 ts_a=None, ts_b=None):
        self.a, self.b = lab.host("a"), lab.host("b")
        lab.link(self.a, "eth0", ["10.99.0.1/24", "fd99::1/64"],
                 self.b, "eth0", ["10.99.0.2/24", "fd99::2/64"])
        # A capture shows what a real link would carry, and not trains of packets.
        for host in (self.a, self.b):
            host.run(["ethtool", "-K", "eth0", "tx-udp-segmentation", "off"])
        self.a.address("lo", "10.1.0.1/24", "fd01::1/64")
        self.b.address("lo", "10.2.0.1/24", "10.8.0.1/24", "fd02::1/64")
        self.outer_a, self.outer_b = \
            ("10.99.0.1", "10.99.0.2") if outer == 4 else ("fd99::1", "fd99::2")
        self.net_a, self.net_b = ("10.1.0.0/24", "10.2.0.0/24") if inner == 4 else \
            ("fd01::/64", "fd02::/64")
        self.in_a, self.in_b = ("10.1.0.1", "10.2.0.1") if inner == 4 else ("fd01::1", "fd02::1")
        self.end_a = End(self.a, self.outer_a, self.outer_b, [self.net_a],
                         ts_a or [self.net_b], *extra_a)
        self.end_b = End(self.b, self.outer_b, self.outer_a, ts_b or [self.net_b], [self.net_a],
                         *extra_b)
        if up:
            self.up()

    def up(self, handle=1, spi=1000):
        self.end_a.up(handle, spi + 1, spi + 1001)
        self.end_b.up(handle, spi + 1001, spi + 1)


def carries(lab, kind, outer, inner, *extra):
    """Ping and TCP go through, and nothing else than kind is seen outside."""
    p = Pair(lab, outer, inner, extra, extra)
    capture = p.a.capture("eth0")
    p.a.ping(p.in_b, count=5, check=True)
    p.b.ping(p.in_a, count=5, check=True)
    p.a.ping(p.in_b, count=2, size=1300, check=True)
    rate = p.a.iperf3(p.b, p.in_b, octets=8000000)
    back = p.b.iperf3(p.a, p.in_a, octets=8000000)
    expect(rate.octets > 1000000 and back.octets > 1000000, f"{rate} {back}")
    packets = capture.stop()
    kinds = {x.kind for x in packets} - {"arp", "nd", "mld"}
    expect(kinds == {kind}, f"outside were {sorted(kinds)}")
    use_a, use_b = p.end_a.numbers("usage 1"), p.end_b.numbers("usage 1")
    expect(use_a["out"] >= use_b["in"] > 1000, f"{use_a} {use_b}")
    expect(p.end_a.quit() == p.end_b.quit() == 0, "a plane did not end well, or kept memory")
    for use in (use_a, use_b):
        expect(use["bad-icv"] == use["replays"] == use["bad-selector"] == 0, f"{use}")
    print(f"# {kind} {inner}in{outer} {' '.join(extra)}: {rate.bits_per_second / 1e6:.0f} Mbit/s, "
          f"{rate.retransmits} retransmits; back {back.bits_per_second / 1e6:.0f} Mbit/s")


def udp_ipv4(lab):
    """ESP in UDP, IPv4 in IPv4."""
    carries(lab, "esp-4500", 4, 4)


def udp_ipv6_in_ipv4(lab):
    """ESP in UDP, IPv6 in IPv4."""
    carries(lab, "esp-4500", 4, 6)


def udp_ipv4_in_ipv6(lab):
    """ESP in UDP, IPv4 in IPv6."""
    carries(lab, "esp-4500", 6, 4)


def esp_ipv4(lab):
    """Protocol 50, IPv4 in IPv4."""
    carries(lab, "esp", 4, 4, "--esp")


def esp_ipv6(lab):
    """Protocol 50, IPv6 in IPv6."""
    carries(lab, "esp", 6, 6, "--esp")


def esp_ipv6_in_ipv4(lab):
    """Protocol 50, IPv6 in IPv4."""
    carries(lab, "esp", 4, 6, "--esp")


def chacha20(lab):
    """ChaCha20-Poly1305."""
    carries(lab, "esp-4500", 4, 4, "--suite", "chacha")


def aes_cbc(lab):
    """AES-CBC with HMAC-SHA2-256."""
    carries(lab, "esp-4500", 6, 6, "--suite", "aescbc")


def offload_ipv4(lab):
    """Super-packets through the TUN device, IPv4."""
    carries(lab, "esp-4500", 4, 4, "--offload")


def offload_ipv6(lab):
    """Super-packets through the TUN device, IPv6, protocol 50."""
    carries(lab, "esp", 6, 6, "--esp", "--offload")


def tcpdump_says(host, capture):
    """The packets of a finished capture, a line each, with all fields of the IP header."""
    capture.stop()
    text = host.run(["tcpdump", "-r", capture.path, "-n", "-v"]).stdout
    return re.sub(r"\n\s+", " ", text).splitlines()


def header_fields(lab):
    """DSCP and ECN go out, DF is copied, TTL is not; what the path marks comes in (RFC 6040)."""
    p = Pair(lab, 4, 4, ("--esp",), ("--esp",))
    outside, inside = p.b.capture("eth0", "outside"), p.b.capture("postern0", "inside")
    kinds = ((0xb9, "do", 7), (0x28, "dont", 64), (0x02, "do", 255))
    for tos, df, ttl in kinds:
        p.a.run(["ping", "-n", "-c", "1", "-Q", str(tos), "-M", df, "-t", str(ttl), p.in_b])
    outer = [x for x in tcpdump_says(p.b, outside) if "ESP" in x and "10.99.0.1 >" in x]
    inner = [x for x in tcpdump_says(p.b, inside) if "echo request" in x]
    expect(len(outer) == len(inner) == len(kinds), f"{outer} {inner}")
    for (tos, df, ttl), out, within in zip(kinds, outer, inner):
        for line in (out, within):
            expect(f"(tos 0x{tos:x}," in line, f"tos is not {tos:#x}: {line}")
            expect(("[DF]" in line) == (df == "do"), f"DF should be as with '{df}': {line}")
        expect(f"ttl {ttl}," in within, f"the inner TTL is not {ttl}: {within}")
        expect("ttl 64," in out, f"the outer TTL is not the host's own: {out}")
    # A router on the way is congested.
    p.b.nft("table ip t { chain c { type filter hook prerouting priority 0; "
            "ip protocol 50 ip ecn set ce; }; }\n")
    inside = p.b.capture("postern0", "marked")
    for tos, passes in ((0x2a, 1), (0x28, 0)):
        done = p.a.run(["ping", "-n", "-c", "1", "-W", "1", "-Q", str(tos), p.in_b], check=False)
        expect(labs.read_ping(done.stdout).received == passes, f"{tos:#x} with CE: {done.stdout}")
    marked = [x for x in tcpdump_says(p.b, inside) if "echo request" in x]
    expect(len(marked) == 1 and "(tos 0x2b,CE," in marked[0], f"no CE inside: {marked}")


def unreachable_without_sa(lab):
    """Without an SA protected traffic gets an error and nothing leaves in the clear."""
    p = Pair(lab, up=False)
    # The host's own routes would deliver it.
    p.a.route("10.2.0.0/24", "10.99.0.2")
    p.b.route("10.1.0.0/24", "10.99.0.1")
    capture = p.a.capture("eth0")
    expect(p.a.ping(p.in_b, count=2).received == 0, "a packet got through")
    p.up()
    p.a.ping(p.in_b, check=True)
    p.end_a.send("remove 1")
    expect(p.a.ping(p.in_b, count=2).received == 0, "a packet got through after the SA went")
    expect("unreachable" in p.a.ip("route", "get", "10.2.0.1", check=False) or
           not p.a.has_route("10.2.0.1"), "a route is left")
    kinds = {x.kind for x in capture.stop()} - {"arp", "nd", "mld"}
    expect(kinds == {"esp-4500"}, f"outside were {sorted(kinds)}")
    # When the policy goes too, the host is as it was.
    p.end_a.send("nopolicy")
    p.end_b.send("nopolicy")
    p.a.ping(p.in_b, check=True)


def clear_packet_dropped(lab):
    """A clear packet that policy wants protected is dropped; without the firewall it is not."""
    p = Pair(lab)
    p.b.route("10.1.0.0/24", "10.99.0.1")
    clear = ["ping", "-n", "-m", MARK, "-I", "10.2.0.1", "-c", "2", "-W", "1", "10.1.0.1"]
    done = p.b.run(clear, check=False)
    expect(labs.read_ping(done.stdout).received == 0, "a clear packet was answered")
    rules = p.a.run(["nft", "list", "table", "inet", "postern"]).stdout
    expect(re.search(r"@any4 counter packets 2 ", rules), "it was not the firewall's doing")
    p.a.run(["nft", "flush", "ruleset"])
    done = p.b.run(clear, check=False)
    expect(labs.read_ping(done.stdout).received == 2, "the test's own packets do not arrive")


def wrong_selector_dropped(lab):
    """An authentic packet whose inner addresses are not of its SA is dropped and counted."""
    p = Pair(lab, ts_b=["10.2.0.0/24", "10.8.0.0/24"])
    done = p.b.run(["ping", "-n", "-I", "10.8.0.1", "-c", "2", "-W", "1", "10.1.0.1"], check=False)
    expect(labs.read_ping(done.stdout).received == 0, "it was answered")
    expect(p.end_a.numbers("usage 1")["bad-selector"] == 2, "not counted on the SA")
    expect(p.end_a.stats().get("in-bad-selector") == 2, "not counted by reason")
    p.b.ping(p.in_a, check=True)


def too_big_told(lab, inner, expected):
    p = Pair(lab, 4, inner, ("--path-mtu", "1400"))
    size = 1400 - (28 if inner == 4 else 48)
    done = p.a.run(["ping", "-n", "-M", "do", "-c", "3", "-i", "0.2", "-W", "1", "-s", str(size),
                    p.in_b], check=False)
    found = re.search(r"mtu ?[=:] ?(\d+)", done.stdout)
    expect(found, f"no answer: {done.stdout}")
    mtu = int(found.group(1))
    expect(mtu == expected, f"said {mtu}, expected {expected}")
    p.a.ping(p.in_b, size=mtu - (28 if inner == 4 else 48), check=True)
    expect(p.end_a.stats()["too-big-sent"] >= 1, "not counted")
    # One octet more than it said does not go.
    capture = p.a.capture("eth0")
    p.a.run(["ping", "-n", "-M", "do", "-c", "1", "-W", "1", "-s",
             str(mtu - (28 if inner == 4 else 48)), p.in_b])
    longest = max(x.length for x in capture.stop() if x.kind == "esp-4500")
    expect(longest <= 1400, f"an outer packet of {longest} octets")


def too_big_ipv4(lab):
    """An inner IPv4 packet that is too big is answered with the tunnel's MTU."""
    # IPv4 20, UDP 8, ESP 8, IV 8, ICV 16, trailer 2: 62, and up to 3 octets of padding.
    too_big_told(lab, 4, 1338)


def too_big_ipv6(lab):
    """An inner IPv6 packet that is too big is answered with the tunnel's MTU."""
    too_big_told(lab, 6, 1338)


def fragments_before_sealing(lab):
    """An inner IPv4 packet without DF that is too big goes as fragments, each sealed."""
    p = Pair(lab, extra_a=("--path-mtu", "1000"), extra_b=("--path-mtu", "1000"))
    capture = p.a.capture("eth0")
    for size in (900, 1472, 4000):
        done = p.a.run(["ping", "-n", "-M", "dont", "-c", "3", "-i", "0.1", "-W", "1", "-s",
                        str(size), p.in_b], check=False)
        expect(labs.read_ping(done.stdout).received == 3, f"{size}: {done.stdout}")
    packets = capture.stop()
    expect(max(x.length for x in packets) <= 1000, "an outer packet is too long")
    expect(not [x for x in packets if x.kind.startswith("fragment")], "outer fragments")


def narrow_way(lab, one, two, *extra):
    """A router on the way says what fits; the inner sender hears of it, and TCP goes on."""
    a, r, b = lab.host("a"), lab.host("r"), lab.host("b")
    lab.link(a, "eth0", ["10.98.0.1/24", "fd98::1/64"], r, "eth0",
             ["10.98.0.254/24", "fd98::254/64"])
    lab.link(r, "eth1", ["10.99.0.254/24", "fd99::254/64"], b, "eth0",
             ["10.99.0.2/24", "fd99::2/64"])
    r.forward()
    for host, net in ((a, 98), (b, 99)):
        host.route("default", f"10.{net}.0.254")
        host.route("default", f"fd{net}::254")
    a.address("lo", "10.1.0.1/24")
    b.address("lo", "10.2.0.1/24")
    r.ip("link", "set", "eth1", "mtu", "1300")
    end_a = End(a, one, two, ["10.1.0.0/24"], ["10.2.0.0/24"], *extra)
    end_b = End(b, two, one, ["10.2.0.0/24"], ["10.1.0.0/24"], *extra)
    end_a.up(1, 1001, 2001)
    end_b.up(1, 2001, 1001)
    # The router answers at most so often; the first sends are lost.
    rate = a.iperf3(b, "10.2.0.1", seconds=2)
    expect(rate.octets > 500000, f"{rate}")
    done = a.run(["ping", "-n", "-M", "do", "-c", "2", "-i", "0.2", "-W", "1", "-s", "1250",
                  "10.2.0.1"], check=False)
    expect("mtu" in done.stdout, done.stdout)


def narrow_path(lab):
    """A router on the way says what fits; the inner sender hears of it, and TCP goes on."""
    narrow_way(lab, "10.98.0.1", "10.99.0.2")


def narrow_path_esp_ipv6(lab):
    """The same with protocol 50 and IPv6 outside."""
    narrow_way(lab, "fd98::1", "fd99::2", "--esp")


def forged_too_big(lab):
    """A too-big message without a true SPI and sequence number changes nothing."""
    p = Pair(lab)
    p.a.ping(p.in_b, check=True)
    script = """
import socket, struct
def sum16(b):
    s = sum(struct.unpack(f'!{len(b) // 2}H', b))
    s = (s & 0xffff) + (s >> 16)
    return ~((s & 0xffff) + (s >> 16)) & 0xffff
def message(spi, seq):
    udp = struct.pack('!HHHH', 4500, 4500, 1000, 0) + struct.pack('!II', spi, seq)
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 1020, 0, 0x4000, 64, 17, 0,
                     socket.inet_aton('10.99.0.1'), socket.inet_aton('10.99.0.2'))
    body = struct.pack('!BBHHH', 3, 4, 0, 0, MTU) + ip + udp
    return body[:2] + struct.pack('!H', sum16(body)) + body[4:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
s.sendto(message(SPI, SEQ), ('10.99.0.1', 0))
"""
    def forge(spi, seq, mtu):
        text = script.replace("SPI", str(spi)).replace("SEQ", str(seq)).replace("MTU", str(mtu))
        p.b.run([sys.executable, "-c", text])
        time.sleep(0.1)
    forge(12345, 1, 700)
    forge(2001, 3000000000, 700)
    p.a.ping(p.in_b, count=2, size=1300, check=True)
    big = ["ping", "-n", "-M", "do", "-c", "1", "-W", "1", "-s", "1300", p.in_b]
    expect(labs.read_ping(p.a.run(big, check=False).stdout).received == 1, "it was believed")
    forge(2001, 2, 700)
    done = p.a.run(big, check=False).stdout
    expect("mtu = 638" in done or "mtu=638" in done, f"a true one was not believed: {done}")


def rekey_loses_nothing(lab):
    """Pairs replace each other under load, and no packet is lost (N24)."""
    p = Pair(lab)
    ping = p.a.start_ping(p.in_b, interval=0.005)
    for n in range(2, 8):
        # The responder's order: both receive, then each sends on the new one, then the old goes.
        spi = n * 10000
        p.end_b.send(f"child {n} {spi + 2} {spi + 1}")
        p.end_a.send(f"child {n} {spi + 1} {spi + 2}")
        p.end_a.send(f"activate {n}")
        time.sleep(0.05)
        p.end_b.send(f"activate {n}")
        time.sleep(0.05)
        p.end_a.send(f"remove {n - 1}")
        p.end_b.send(f"remove {n - 1}")
        p.end_b.expect_line(f"event first-in handle={n}")
    result = labs.end_ping(ping)
    # How many are sent depends on how busy the machine is.
    expect(result.sent >= 20 and result.sent - result.received <= 1,
           f"{result.sent - result.received} of {result.sent} lost")


def follows_peer_behind_nat(lab):
    """The peer's mapping changes: its next authentic packet moves the tunnel; nothing else does."""
    a, r, b = lab.host("a"), lab.host("r"), lab.host("b")
    lab.link(a, "eth0", ["10.98.0.1/24"], r, "eth0", ["10.98.0.254/24"])
    lab.link(r, "eth1", ["10.99.0.254/24"], b, "eth0", ["10.99.0.2/24"])
    r.forward()
    a.route("default", "10.98.0.254")
    r.nat("eth1", "40000-40999")
    a.address("lo", "10.1.0.1/24")
    b.address("lo", "10.2.0.1/24")
    end_a = End(a, "10.98.0.1", "10.99.0.2", ["10.1.0.0/24"], ["10.2.0.0/24"])
    end_b = End(b, "10.99.0.2", "10.99.0.254", ["10.2.0.0/24"], ["10.1.0.0/24"], "--follow")
    end_a.up(1, 1001, 2001)
    end_b.up(1, 2001, 1001)
    a.ping("10.2.0.1", check=True)
    event = end_b.expect_line("event peer-moved")
    expect(re.search(r"remote=10\.99\.0\.254:40\d\d\d ", event), event)
    r.nat("eth1", "50000-50999")
    r.forget_mappings()
    a.ping("10.2.0.1", check=True)
    event = end_b.expect_line("event peer-moved")
    expect(re.search(r"remote=10\.99\.0\.254:50\d\d\d ", event), event)
    # Rubbish, and an old packet once more, from elsewhere (N19).
    r.run([sys.executable, "-c",
           "import socket, struct\n"
           "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
           "for seq in (1, 2, 900, 1 << 31):\n"
           "    s.sendto(struct.pack('!II', 2001, seq) + bytes(80), ('10.99.0.2', 4500))\n"])
    wait_until(lambda: end_b.numbers("usage 1")["bad-icv"] >= 1, 5, "forged packets are counted")
    b.ping("10.1.0.1", check=True)
    expect(not [x for x in end_b.lines if "peer-moved" in x], "a forged packet moved the tunnel")


def replay_dropped(lab):
    """A captured packet sent again is dropped and counted."""
    p = Pair(lab)
    capture = p.b.capture("eth0", snap=2000)
    p.a.ping(p.in_b, check=True)
    packets = [x for x in capture.stop() if x.kind == "esp-4500" and x.dst == "10.99.0.2"]
    p.a.run([sys.executable, "-c",
             "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
             + "".join(f"s.sendto(bytes.fromhex('{x.payload.hex()}'), ('10.99.0.2', 4500))\n"
                       for x in packets)])
    wait_until(lambda: p.end_b.numbers("usage 1")["replays"] == len(packets), 5,
               f"{len(packets)} replays are counted")
    p.a.ping(p.in_b, check=True)


def acquire_once_a_second(lab):
    """Traffic without an SA asks for one, at most once a second."""
    p = Pair(lab, extra_a=("--acquire",), up=False)
    p.a.run(["ping", "-n", "-c", "50", "-i", "0.01", "-W", "1", p.in_b], check=False)
    event = p.end_a.expect_line("event acquire")
    expect("src=10.1.0.1 dst=10.2.0.1" in event and "policy=1" in event, event)
    stats = p.end_a.stats()
    expect(stats["acquires"] <= 3 and stats["out-no-sa"] == 50, f"{stats}")
    p.up()
    p.a.ping(p.in_b, check=True)


def outlives_its_owner(lab):
    """A new ike process takes over while traffic flows; the old pair ends when the new one sends."""
    p = Pair(lab)
    ping = p.a.start_ping(p.in_b, interval=0.01)
    p.end_a.send("owner")
    p.end_a.send("policy")
    time.sleep(0.2)
    expect(p.end_a.send("usage 1", "usage") == "usage none", "the old handle is still known")
    p.up(2, 5000)
    time.sleep(0.2)
    expect(p.end_a.stats()["children"] == 1, "the old pair is still there")
    result = labs.end_ping(ping)
    expect(result.sent > 20 and result.sent - result.received <= 1,
           f"{result.sent - result.received} of {result.sent} lost")


def ike_goes_up(lab):
    """What is IKE on port 4500 reaches the ike process without its marker; a keepalive ends here."""
    p = Pair(lab)
    p.b.run([sys.executable, "-c",
             "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
             "for m in (b'\\0\\0\\0\\0hello', b'\\xff', b'\\0\\0', b'\\0' * 4 + b'x' * 60000):\n"
             "    s.sendto(m, ('10.99.0.1', 4500))\n"])
    line = p.end_a.expect_line("datagram")
    expect(re.match(r"datagram from=10\.99\.0\.2:\d+ octets=5$", line), line)
    line = p.end_a.expect_line("datagram")
    expect(line.endswith("octets=60000"), line)
    expect(p.end_a.stats().get("in-too-short") == 1, "the short one is not counted")


def default_route(lab):
    """remote-ts 0.0.0.0/0: everything goes through the tunnel, and the local nets stay reachable."""
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    lab.link(a, "eth0", ["10.99.0.1/24"], b, "eth0", ["10.99.0.2/24"])
    lab.link(a, "eth1", ["10.1.0.1/24"], c, "eth0", ["10.1.0.7/24"])
    a.route("default", "10.99.0.2")
    a.forward()
    c.route("default", "10.1.0.1")
    b.address("lo", "192.0.2.1/32")
    end_a = End(a, "10.99.0.1", "10.99.0.2", ["10.1.0.0/24"], ["0.0.0.0/0"])
    end_b = End(b, "10.99.0.2", "10.99.0.1", ["0.0.0.0/0"], ["10.1.0.0/24"])
    expect(c.ping("192.0.2.1", count=1, wait=1).received == 0, "clear without an SA")
    end_a.up(1, 1001, 2001)
    end_b.up(1, 2001, 1001)
    capture = a.capture("eth0")
    c.ping("192.0.2.1", check=True)
    c.ping("10.1.0.1", check=True)
    a.ping("10.1.0.7", check=True)
    a.run(["ping", "-n", "-c", "2", "-W", "1", "-I", "10.1.0.1", "192.0.2.1"])
    kinds = {x.kind for x in capture.stop()} - {"arp", "nd", "mld"}
    expect(kinds == {"esp-4500"}, f"outside were {sorted(kinds)}")
    a.ping("10.99.0.2", check=True)
    expect(end_a.quit() == 0 and "suppress_prefixlength" not in a.ip("rule"), "a rule is left")


def hub_and_spoke(lab):
    """remote-ts around local-ts: the local net stays reachable, the rest goes to the hub."""
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    lab.link(a, "eth0", ["172.16.0.1/24"], b, "eth0", ["172.16.0.2/24"])
    lab.link(a, "eth1", ["10.1.0.1/24"], c, "eth0", ["10.1.0.7/24"])
    b.address("lo", "10.77.0.1/32")
    end_a = End(a, "172.16.0.1", "172.16.0.2", ["10.1.0.0/24"], ["10.0.0.0/8"])
    end_b = End(b, "172.16.0.2", "172.16.0.1", ["10.0.0.0/8"], ["10.1.0.0/24"])
    end_a.up(1, 1001, 2001)
    end_b.up(1, 2001, 1001)
    a.ping("10.77.0.1", check=True)
    a.ping("10.1.0.7", check=True)
    c.ping("10.1.0.1", check=True)


def host_to_host(lab):
    """The selectors are the outer addresses themselves: inner packets in, outer packets by."""
    p = Pair(lab, up=False)
    p.end_a.quit()
    p.end_b.quit()
    for kind, outer, extra in (("esp-4500", 4, ()), ("esp", 6, ("--esp",))):
        one, two = ("10.99.0.1", "10.99.0.2") if outer == 4 else ("fd99::1", "fd99::2")
        end_a = End(p.a, one, two, [one], [two], *extra)
        end_b = End(p.b, two, one, [two], [one], *extra)
        expect(p.a.ping(two, count=1, wait=1).received == 0, "clear without an SA")
        end_a.up(1, 1001, 2001)
        end_b.up(1, 2001, 1001)
        capture = p.a.capture("eth0")
        p.a.ping(two, check=True)
        p.b.ping(one, check=True)
        p.a.iperf3(p.b, two, seconds=1)
        kinds = {x.kind for x in capture.stop()} - {"arp", "nd", "mld"}
        expect(kinds == {kind}, f"outside were {sorted(kinds)}")
        end_a.quit()
        end_b.quit()


def clamps_mss(lab):
    """With clamping at one end, TCP never makes a packet that is too big there, either way."""
    p = Pair(lab, 4, 4, ("--path-mtu", "1000", "--clamp-mss"))
    for here, there, target in ((p.a, p.b, p.in_b), (p.b, p.a, p.in_a)):
        rate = here.iperf3(there, target, seconds=1)
        expect(rate.octets > 1000000, f"{rate}")
    expect(p.end_a.stats().get("out-too-big", 0) == 0, f"{p.end_a.stats()}")


def leaves_nothing(lab):
    """Rules, routes and the firewall's table go at the end, and after kill -9 at the next start."""
    p = Pair(lab)
    a = p.a

    def traces():
        return (a.ip("rule") + a.ip("-6", "rule") + a.ip("route", "show", "table", "all")
                + a.ip("-6", "route", "show", "table", "all")
                + a.run(["nft", "list", "tables"]).stdout)
    expect(re.search(r"20550", traces()), "there was nothing to leave")
    p.end_a.child.kill()
    p.end_a.child.wait(timeout=10)
    wait_until(lambda: "postern0" not in a.ip("link"), 10, "the device goes with its process")
    # What stays after a crash is what keeps traffic in.
    expect("unreachable 10.2.0.0/24" in a.ip("route", "show", "table", "20550"), "it leaks")
    expect(p.a.ping(p.in_b, count=1).received == 0, "clear after a crash")
    end = End(a, p.outer_a, p.outer_b, ["10.1.0.0/24"], ["10.3.0.0/24"])
    routes = a.ip("route", "show", "table", "20550")
    expect("10.2.0.0" not in routes and "10.3.0.0" in routes, f"left over: {routes}")
    expect(a.ip("rule").count("20550:") == 1, "a rule twice")
    expect(end.quit() == 0, "it did not end well")
    expect(not re.search(r"2055[0-2]|postern", traces()), f"left: {traces()}")


def clear_errors(lab):
    """What cannot be opened is said in a sentence."""
    p = Pair(lab)
    second = End(p.a, p.outer_a, p.outer_b, ["10.5.0.0/24"], ["10.6.0.0/24"], ready=False)
    line = second.expect_line("failed")
    expect(line == "failed UDP port 500 on 10.99.0.1 is in use by another process", line)
    third = End(p.a, "10.99.0.77", p.outer_b, ["10.5.0.0/24"], ["10.6.0.0/24"], ready=False)
    line = third.expect_line("failed")
    expect("this host has no such address" in line, line)
    fourth = End(p.b, "fd99::2", "fd99::1", ["10.5.0.0/24"], ["10.6.0.0/24"], ready=False)
    line = fourth.expect_line("failed")
    expect(line == "failed the TUN device postern0 cannot be made: it is in use by another process",
           line)
    p.a.ping(p.in_b, check=True)


def why_not():
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    if not os.path.exists(PROGRAM):
        return f"{PROGRAM} is not built"
    return None


TESTS = [udp_ipv4, udp_ipv6_in_ipv4, udp_ipv4_in_ipv6, esp_ipv4, esp_ipv6, esp_ipv6_in_ipv4,
         chacha20, aes_cbc, offload_ipv4, offload_ipv6, header_fields, unreachable_without_sa,
         clear_packet_dropped, wrong_selector_dropped, too_big_ipv4, too_big_ipv6,
         fragments_before_sealing, narrow_path, narrow_path_esp_ipv6, forged_too_big,
         rekey_loses_nothing, follows_peer_behind_nat, replay_dropped, acquire_once_a_second,
         outlives_its_owner, ike_goes_up, default_route, hub_and_spoke, host_to_host, clamps_mss,
         leaves_nothing, clear_errors]

if __name__ == "__main__":
    sys.exit(labs.main(TESTS, why_not))
