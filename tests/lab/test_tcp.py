#!/usr/bin/env python3
"""IKE and ESP in TCP (RFC 9329), and IKE in TCP with ESP beside it."""
import sys

import capture as captures
import lab as labs
from common import expect, wait_until
from postern import Postern, psk_config, why_no_postern
from sites import sites

PORT = 4500


def pair(lab, s, here="tcp", there="auto", a_lines=(), **both):
    b = Postern(lab, s.b.gateway, psk_config(
        s.b, s.a, connection_lines=[f"transport = {there}"], **both)).start()
    a = Postern(lab, s.a.gateway, psk_config(
        s.a, s.b, connection_lines=[f"transport = {here}", *a_lines], **both)).start()
    return a, b


def carries(s):
    s.a.lan.ping(s.b.host4, check=True)
    s.b.lan.ping(s.a.host4, check=True)
    rate = s.a.lan.iperf3(s.b.lan, s.b.host4, octets=8000000)
    expect(rate.octets > 1000000, f"TCP brought {rate.octets} octets")


def tunnel_in_tcp(lab):
    """transport = tcp: nothing but TCP between the gateways, traffic both ways, a rekey of each."""
    s = sites(lab)
    a, b = pair(lab, s)
    wire = s.wire[0].capture(s.wire[1])
    a.up()
    carries(s)
    kinds = captures.kinds(wire.stop())
    others = {k: n for k, n in kinds.items() if k not in ("tcp", "arp", "nd", "mld")}
    expect(kinds["tcp"] and not others, f"on the wire: {dict(kinds)}")
    expect(a.sa().get("transport") == "tcp", f"status says {a.sa().get('transport')}")
    shown = a.cli("status").stdout
    expect(any(line.split() == ["transport", "tcp"] for line in shown.splitlines()),
           f"postern status shows no transport: {shown}")
    spis = a.spis()
    a.cli("rekey", "office", "net")
    wait_until(lambda: a.spis() != spis, 5, "a rekey of the Child SA")
    ike = a.ike_spis()
    b.cli("rekey", "office")
    wait_until(lambda: a.ike_spis() != ike, 5, "a rekey of the IKE SA by the responder")
    carries(s)


def kinds_while_up(s, a):
    """Brings the tunnel up with traffic; what was on the wire."""
    wire = s.wire[0].capture(s.wire[1])
    a.up()
    carries(s)
    return captures.kinds(wire.stop())


def reset(host):
    """Kills every TCP connection of the gateway to port 4500, on its side and its peer's."""
    host.run(["ss", "-K", "sport", "=", f":{PORT}"])


def ipv6_outside(lab):
    """IPv4 in IPv6."""
    s = sites(lab, outer=6)
    a, _ = pair(lab, s)
    kinds = kinds_while_up(s, a)
    expect(kinds["tcp"] and not kinds["esp"], f"on the wire: {dict(kinds)}")


def host_to_host(lab):
    """The tunnel protects all traffic between the gateways, but not itself."""
    s = sites(lab)
    b = Postern(lab, s.b.gateway, psk_config(
        s.b, s.a, connection_lines=["transport = auto"], local_ts=[s.b.address],
        remote_ts=[s.a.address])).start()
    a = Postern(lab, s.a.gateway, psk_config(
        s.a, s.b, connection_lines=["transport = tcp"], local_ts=[s.a.address],
        remote_ts=[s.b.address])).start()
    wire = s.wire[0].capture(s.wire[1])
    a.up()
    s.a.gateway.ping(s.b.address, check=True)
    s.b.gateway.ping(s.a.address, check=True)
    kinds = captures.kinds(wire.stop())
    expect(kinds["tcp"] and not kinds["icmp"], f"on the wire: {dict(kinds)}")
    expect(b.is_up(), "the tunnel is down")


def udp_is_refused_tcp(lab):
    """A responder whose connection is for UDP alone says so, and the initiator tells why."""
    s = sites(lab)
    a, b = pair(lab, s, there="udp")
    done = a.cli("up", "office", check=False)
    expect(done.returncode != 0, "a tunnel came up")
    b.wait_log("no connection is configured between these addresses")
    expect("accepts none of our proposals" in a.why() or "refused" in a.why(), a.why())


def connection_is_reset(lab):
    """The connection dies in the middle of frames: the originator reconnects, and the same SAs
    carry on."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    before = a.spis(), a.ike_spis()
    flood = s.a.lan.start(["ping", "-f", "-s", "1300", s.b.host4], "flood")
    for _ in range(3):
        reset(s.b.gateway)
        a.wait_log("the TCP connection is gone")
        s.a.lan.ping_works(s.b.host4)
    flood.stop()
    carries(s)
    expect((a.spis(), a.ike_spis()) == before, "the SAs were made anew")
    b.wait_log("the peer uses a new TCP connection")


def peer_cannot_be_reached_for_a_while(lab):
    """Nothing gets through for seconds, connections are refused, then all goes on."""
    s = sites(lab)
    a, _ = pair(lab, s)
    a.up()
    before = a.ike_spis()
    s.b.gateway.block("eth0", f"tcp dport {PORT}")
    reset(s.a.gateway)
    s.a.gateway.run(["ss", "-K", "dport", "=", f":{PORT}"])
    a.wait_log("the TCP connection is gone")
    s.b.gateway.unblock()
    s.a.lan.ping_works(s.b.host4, 20)
    expect(a.ike_spis() == before, "the IKE SA was made anew")


def udp_blocked(lab):
    """transport = auto: no answer over UDP, so a new IKE_SA_INIT goes over TCP."""
    s = sites(lab)
    a, _ = pair(lab, s, here="auto")
    s.b.gateway.block("eth0", "udp dport { 500, 4500 }")
    a.up(seconds=30)
    expect(a.sa().get("transport") == "tcp", f"status says {a.sa().get('transport')}")
    carries(s)
    a.wait_log("no answer over UDP: trying TCP")


def udp_works(lab):
    """transport = auto stays with UDP where that works."""
    s = sites(lab)
    a, _ = pair(lab, s, here="auto")
    kinds = kinds_while_up(s, a)
    expect(a.sa().get("transport") == "udp" and not kinds["tcp"], f"on the wire: {dict(kinds)}")


def separate(lab):
    """IKE in TCP from IKE_AUTH on, ESP beside it as protocol 50."""
    s = sites(lab)
    a, b = pair(lab, s, "separate", "separate")
    kinds = kinds_while_up(s, a)
    expect(kinds["tcp"] and kinds["ike-4500"] and kinds["esp"] and not kinds["esp-4500"],
           f"on the wire: {dict(kinds)}")
    for p in (a, b):
        expect(p.sa().get("transport") == "tcp, esp beside it", p.sa().get("transport"))
    spis, ike = a.spis(), a.ike_spis()
    b.cli("rekey", "office")
    wait_until(lambda: a.ike_spis() != ike, 5, "a rekey of the IKE SA")
    a.cli("rekey", "office", "net")
    wait_until(lambda: a.spis() != spis, 5, "a rekey of the Child SA")
    carries(s)
    reset(s.b.gateway)
    wire = s.wire[0].capture(s.wire[1])
    a.wait_log("the TCP connection is gone")
    b.wait_log("the peer uses a new TCP connection")
    carries(s)
    kinds = captures.kinds(wire.stop())
    expect(kinds["esp"], f"on the wire: {dict(kinds)}")


def separate_behind_nat(lab):
    """The same with the initiator behind a NAT: ESP in UDP, whose mapping is kept."""
    s = sites(lab, nat="a", ports="40000-40999")
    a, b = pair(lab, s, "separate", "separate", ["keepalive = 1s"])
    kinds = kinds_while_up(s, a)
    expect(kinds["tcp"] and kinds["esp-4500"] and not kinds["esp"], f"on the wire: {dict(kinds)}")
    wire = s.wire[0].capture(s.wire[1])
    wait_until(lambda: captures.kinds(captures.read_capture(wire.path))["keepalive"], 10,
               "a NAT keepalive for ESP")
    wire.stop()
    # Another mapping: the responder follows the newest authentic packet.
    s.a.nat.nat("out0", "50000-50999")
    s.a.nat.forget_mappings()
    s.a.lan.ping_works(s.b.host4)
    s.b.lan.ping(s.a.host4, check=True)


LARGE = ["ike = aes256gcm-prfsha384-mlkem1024"]


def pair_large(lab, s, there="separate"):
    b = Postern(lab, s.b.gateway, psk_config(
        s.b, s.a, connection_lines=[f"transport = {there}", *LARGE])).start()
    a = Postern(lab, s.a.gateway, psk_config(
        s.a, s.b, connection_lines=["transport = separate", *LARGE])).start()
    return a, b


def separate_begun_over_tcp(lab):
    """A large IKE_SA_INIT begins over TCP; behind a NAT the responder learns the port of ESP."""
    s = sites(lab, nat="a", ports="40000-40999")
    a, _ = pair_large(lab, s)
    wire = s.wire[0].capture(s.wire[1])
    a.up()
    s.a.lan.ping_works(s.b.host4)
    carries(s)
    kinds = captures.kinds(wire.stop())
    expect(kinds["tcp"] and kinds["esp-4500"] and not kinds["ike-4500"] and not kinds["ike-500"],
           f"on the wire: {dict(kinds)}")


def separate_begun_over_tcp_without_nat(lab):
    """The same without a NAT: ESP as protocol 50."""
    s = sites(lab)
    a, _ = pair_large(lab, s)
    kinds = kinds_while_up(s, a)
    expect(kinds["tcp"] and kinds["esp"], f"on the wire: {dict(kinds)}")


def separate_not_supported(lab):
    """A responder that does not echo: begun over TCP, everything stays there; over UDP, there."""
    s = sites(lab)
    a, b = pair_large(lab, s, there="auto")
    kinds = kinds_while_up(s, a)
    expect(kinds["tcp"] and not kinds["esp"], f"begun over TCP: {dict(kinds)}")
    a.cli("down", "office")
    for p, here, there, how in ((a, s.a, s.b, "separate"), (b, s.b, s.a, "auto")):
        p.reconfigure(psk_config(here, there, connection_lines=[f"transport = {how}"]))
        p.cli("reload")
    kinds = kinds_while_up(s, a)
    expect(kinds["esp-4500"] and not kinds["tcp"], f"begun over UDP: {dict(kinds)}")


def separate_without_tcp(lab):
    """The responder's TCP port is closed: over UDP, without the notify."""
    s = sites(lab)
    Postern(lab, s.b.gateway, "daemon { tcp-port = 0 }\n" + psk_config(
        s.b, s.a, connection_lines=["transport = separate"])).start()
    a = Postern(lab, s.a.gateway, psk_config(
        s.a, s.b, connection_lines=["transport = separate"])).start()
    a.up(seconds=30)
    carries(s)
    expect(a.sa().get("transport") == "udp", a.sa().get("transport"))
    a.wait_log("no connection over TCP: trying UDP")


def separate_with_esp_blocked(lab):
    """ESP beside TCP does not get through: everything in TCP."""
    s = sites(lab)
    a, _ = pair_large(lab, s)
    s.b.gateway.block("eth0", "meta l4proto 50")
    a.up()
    ping = s.a.lan.start(["ping", "-n", "-i", "0.5", s.b.host4], "ping")
    a.wait_log("ESP does not get through beside TCP", 25)
    s.a.lan.ping_works(s.b.host4, 20)
    ping.stop()
    expect(a.sa().get("transport") == "tcp", a.sa().get("transport"))


def large_keys(lab):
    """A megabyte of public key in pieces that fill frames, over TCP and with ESP beside it."""
    s = sites(lab)
    lines = ['ike = "aes256gcm-prfsha384-x25519+mlkem768+mceliece6688128"']
    for here, there in (("tcp", "auto"), ("separate", "separate")):
        a, b = pair(lab, s, here, there, lines)
        b.reconfigure(psk_config(s.b, s.a, connection_lines=[f"transport = {there}", *lines]))
        b.cli("reload")
        wire = s.wire[0].capture(s.wire[1])
        a.up(seconds=30)
        octets = sum(p.length for p in wire.stop() if p.kind == "tcp")
        expect(1_000_000 < octets < 1_500_000, f"{octets} octets of TCP for the handshake")
        expect("mceliece" in a.sa().get("algorithms", ""), a.sa().get("algorithms"))
        carries(s)
        a.stop()
        b.stop()


CLIENT = """
import socket, sys, time
sock = socket.create_connection((sys.argv[1], 4500))
start = time.monotonic()
sock.sendall(bytes.fromhex(sys.argv[2]))
sock.settimeout(20)
try:
    while sock.recv(4096):
        pass
except ConnectionResetError:
    pass
print(f"{time.monotonic() - start:.3f} s")
"""


def strangers(lab):
    """Wrong prefix, silence, half a prefix, broken frames: closed in time; no SA is disturbed."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    ping = s.a.lan.start_ping(s.b.host4)
    prefix = b"IKETCP".hex()
    cases = {
        "a wrong prefix": ("474554202f2048545450", 0, 1),
        "silence": ("", 4, 8),
        "half a prefix": (prefix[:6], 4, 8),
        "a prefix and silence": (prefix, 4, 12),
        "a length of 0": (prefix + "0000", 0, 1),
        "a length of 1": (prefix + "0001", 0, 1),
        "a message too long for a stranger": (prefix + "ffff", 0, 1),
        "longer lengths that nobody agreed to": (
            b"IKETCL".hex() + "4022" + "00000000" + "01" * 8 + "00" * 8 + "21202208" + "00" * 4
            + "0000001c", 0, 8),
    }
    clients = {name: s.a.gateway.start([sys.executable, "-c", CLIENT, s.b.address, sent],
                                       "client-" + name.replace(" ", "-"))
               for name, (sent, _, _) in cases.items()}
    for name, (_, least, most) in cases.items():
        took = float(clients[name].wait_for(r"([0-9.]+) s", 20).group(1))
        expect(least <= took <= most, f"{name}: closed after {took:.1f} s")
    ping.stop()
    expect(a.is_up() and b.is_up(), "the tunnel is down")
    carries(s)


FLOOD = """
import socket, sys, time
socks = []
for i in range(1000):
    sock = socket.socket()
    sock.bind((f"10.99.0.{100 + i % 50}", 0))
    sock.settimeout(5)
    try:
        sock.connect((sys.argv[1], 4500))
        if i % 2:
            sock.sendall(b"IKETCP")
    except OSError:
        pass
    socks.append(sock)
print("open", flush=True)
time.sleep(60)
"""


def a_thousand_half_open(lab):
    """A thousand connections that say nothing: memory is bounded, and a peer still gets in."""
    s = sites(lab)
    a, b = pair(lab, s)
    for i in range(50):
        s.a.gateway.address("eth0", f"10.99.0.{100 + i}/24")
    flood = s.a.gateway.start([sys.executable, "-c", FLOOD, s.b.address], "flood")
    flood.wait_for("open", 30)
    a.up(seconds=30)
    carries(s)
    held = s.b.gateway.run(["ss", "-Htn", "state", "established", "sport", "=",
                            f":{PORT}"]).stdout.count("\n")
    expect(held <= 600, f"{held} connections are held")
    # They are gone when their time is over; the peer's stays.
    wait_until(lambda: s.b.gateway.run(
        ["ss", "-Htn", "state", "established", "sport", "=", f":{PORT}"]).stdout.count("\n") == 1,
        25, "strangers' connections are closed")
    expect(b.is_up(), "the tunnel is down")


TESTS = [
    tunnel_in_tcp, ipv6_outside, host_to_host, udp_is_refused_tcp, connection_is_reset,
    peer_cannot_be_reached_for_a_while, udp_blocked, udp_works, separate, separate_behind_nat,
    separate_begun_over_tcp, separate_begun_over_tcp_without_nat, separate_not_supported,
    separate_without_tcp, separate_with_esp_blocked, large_keys, strangers, a_thousand_half_open,
]

if __name__ == "__main__":
    sys.exit(labs.main(TESTS, why_no_postern()))
