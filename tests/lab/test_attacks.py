#!/usr/bin/env python3
"""What an attacker on the wire can send: floods, forgeries, replays. Nothing of it may matter."""
import os
import random
import struct
import sys
import time

import capture as captures
import lab as labs
from common import expect, wait_until
from postern import Postern, psk_config, why_no_postern
from sites import sites

INJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inject.py")
FLOOD = 5000


def pair(lab, s, start="manual"):
    b = Postern(lab, s.b.gateway, psk_config(s.b, s.a)).start()
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b, start=start)).start()
    return a, b


def memory(process):
    """Resident memory in KB of a process and its children, all together."""
    total, todo = 0, [process.pid]
    while todo:
        pid = todo.pop()
        try:
            with open(f"/proc/{pid}/status") as f:
                lines = f.read().splitlines()
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                todo += [int(p) for p in f.read().split()]
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return total


def inject(host, *args):
    done = host.run([sys.executable, INJECT, *args], timeout=60)
    expect("sent" in done.stdout, f"inject.py: {done.stdout[-300:]}")


def inject_raw(lab, host, packets):
    """packets: (source, target, protocol, payload)"""
    path = lab.file("inject.txt", "".join(f"{s} {t} {p} {data.hex()}\n"
                                          for s, t, p, data in packets))
    inject(host, "raw", path)


def first_request(s, a):
    """The IKE_SA_INIT request of a real handshake, as it is on the wire."""
    wire = s.a.gateway.capture("eth0", "init", snap=4096)
    a.up()
    return next(p.payload for p in wire.stop() if p.kind == "ike-500" and p.src == s.a.address)


def notify_type(message):
    """The type of the Notify payload that an unprotected IKE message begins with, or None."""
    first = len(message) >= 36 and message[16] == 41
    return struct.unpack_from("!H", message, 34)[0] if first else None


def pings_while(s, act):
    """How many pings from lan-a to lan-b were lost while act() ran, and how many were sent."""
    ping = s.a.lan.start_ping(s.b.host4, interval=0.01)
    act()
    result = labs.end_ping(ping)
    return result.sent - result.received, result.sent


def flood_of_spoofed_requests(lab):
    """5,000 IKE_SA_INIT from as many addresses: cookies, bounded memory, honest peers get in."""
    s = sites(lab)
    # Answers to the made-up addresses end here.
    s.a.gateway.ip("route", "add", "blackhole", "10.98.0.0/16")
    # b takes calls from anywhere, as a gateway for travellers does.
    open_config = psk_config(s.b, s.a).replace(f"remote = {s.a.seen}", "remote = any")
    b = Postern(lab, s.b.gateway, open_config).start()
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b)).start()
    message = first_request(s, a)
    s.a.lan.ping(s.b.host4, check=True)
    before = memory(b.process)
    wire = s.a.gateway.capture("eth0", "flood", snap=96)
    quiet = pings_while(s, lambda: time.sleep(1))
    flooded = pings_while(s, lambda: inject(s.a.gateway, "flood", str(FLOOD), message.hex(),
                                            s.b.address))
    # With the flood's half-open SAs still there, a peer that returns its cookie gets in.
    a.cli("down", "office")
    a.up(seconds=20)
    grown = memory(b.process) - before
    answers = [p for p in wire.stop() if p.kind == "ike-500" and p.dst.startswith("10.98.")]
    cookies = sum(1 for p in answers if notify_type(p.payload) == 16390)  # COOKIE
    print(f"# {len(answers)} answers, {cookies} of them cookies; memory grew by {grown} KB; "
          f"pings lost: {quiet[0]} of {quiet[1]} before, {flooded[0]} of {flooded[1]} meanwhile")
    expect(cookies >= FLOOD // 2, f"only {cookies} answers were cookies")
    expect(len(answers) - cookies <= 1000, f"{len(answers) - cookies} full answers")
    expect(grown < 32 * 1024, f"memory grew by {grown} KB")
    # The last request may be under way when ping ends.
    expect(flooded[0] <= quiet[0] + 1 + flooded[1] // 100,
           f"{flooded[0]} of {flooded[1]} pings were lost in the flood")
    s.a.lan.ping(s.b.host4, check=True)


def esp_of_a_tunnel(s, count=20):
    """ESP payloads of a's packets for b while lan-a pings lan-b."""
    wire = s.a.gateway.capture("eth0", "esp", snap=4096)
    s.a.lan.ping(s.b.host4, count=count, interval=0.02, check=True)
    return [p.payload for p in wire.stop() if p.kind == "esp" and p.src == s.a.address]


def replayed_esp(lab):
    """Every ESP packet sent three times more: lan-b sees each ping once."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    inside = s.b.lan.capture("eth0")
    packets = esp_of_a_tunnel(s)
    inject_raw(lab, s.a.gateway, [(s.a.address, s.b.address, 50, p) for p in packets * 3])
    s.a.lan.ping(s.b.host4, check=True)
    requests = [p for p in inside.stop() if p.kind == "icmp" and p.src == s.a.host4]
    expect(len(requests) == len(packets) + 3, f"{len(requests)} requests reached lan-b, not "
           f"{len(packets) + 3}")
    expect(b.is_up(), "the tunnel is down")


def forged_esp(lab):
    """Right SPI, wrong everything: dropped, and the replay window does not move (N23, N26)."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    packets = esp_of_a_tunnel(s)
    spi, sequence = struct.unpack_from("!II", packets[-1])
    rng = random.Random(2)
    forged = []
    for ahead in (1, 2, 100, 1000, 5000, 100000, 2 ** 31):
        number = (sequence + ahead) & 0xFFFFFFFF
        for size in (0, 8, 16, 24, 32, 100, 1400):
            forged.append(struct.pack("!II", spi, number) + rng.randbytes(size))
    for p in packets:
        changed = bytearray(p)
        changed[rng.randrange(8, len(p))] ^= 1
        struct.pack_into("!I", changed, 4, sequence + 500)
        forged.append(bytes(changed))
    inside = s.b.lan.capture("eth0")
    inject_raw(lab, s.a.gateway, [(s.a.address, s.b.address, 50, p) for p in forged])
    result = s.a.lan.ping(s.b.host4, count=20, interval=0.02)
    expect(result.received == 20, f"{result.received} of 20 pings after the forgeries")
    came = [p for p in inside.stop() if p.kind not in ("icmp", "arp", "nd", "mld")]
    expect(not came, f"a forgery came through: {came[:1]}")
    expect(a.is_up() and b.is_up(), "the tunnel is down")


def short_and_strange_esp(lab):
    """ESP of every length up to 64 octets, right and wrong SPIs, 0 and 1..255 too (N25)."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    spi = struct.unpack_from("!I", esp_of_a_tunnel(s, 1)[0])[0]
    packets = [struct.pack("!I", spi)[:n] + bytes(max(0, n - 4)) for n in range(65)]
    packets += [struct.pack("!II", other, 1) + bytes(40)
                for other in (0, 1, 255, 256, spi ^ 1, 0xFFFFFFFF)]
    inject_raw(lab, s.a.gateway, [(s.a.address, s.b.address, 50, p) for p in packets])
    s.a.lan.ping(s.b.host4, count=5, check=True)
    expect(a.is_up() and b.is_up(), "the tunnel is down")


def udp(payload, sport, dport):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def garbage_for_ike(lab):
    """Cut off, stretched and random datagrams to both ports: the tunnel and new ones still work."""
    s = sites(lab)
    a, b = pair(lab, s)
    message = first_request(s, a)
    rng = random.Random(3)
    packets = []
    for _ in range(300):
        m = bytearray(message)
        for _ in range(rng.randrange(1, 4)):
            m[rng.randrange(len(m))] = rng.randrange(256)
        packets.append(bytes(m))
    packets += [message[:n] for n in range(0, len(message), 3)]
    packets += [message + rng.randbytes(100), rng.randbytes(28), rng.randbytes(1400), b"", b"\xff"]
    datagrams = [(s.a.address, s.b.address, 17, udp(p, 500, 500)) for p in packets]
    datagrams += [(s.a.address, s.b.address, 17, udp(mark + p, 4500, 4500))
                  for p in packets for mark in (b"", b"\0\0\0\0")]
    inject_raw(lab, s.a.gateway, datagrams)
    s.a.lan.ping_works(s.b.host4)
    a.cli("down", "office")
    a.up(seconds=30)
    s.a.lan.ping(s.b.host4, check=True)
    expect(b.process.running(), "posternd ended")


def forged_errors_for_the_initiator(lab):
    """Error notifies that anybody could send do not end a handshake (N8, N30)."""
    s = sites(lab)
    # b is not there yet: a's first requests stay without an answer but for the forgeries.
    Postern(lab, s.a.gateway, psk_config(s.a, s.b, start="auto",
                                         connection_lines=["retry = 1s"])).start()
    wire = s.a.gateway.capture("eth0", "init", snap=4096)
    wait_until(lambda: captures.kinds(captures.read_capture(wire.path))["ike-500"] >= 1, 20,
               "a request of the initiator")
    spi = next(p.payload[:8] for p in wire.stop() if p.kind == "ike-500")
    errors = []
    # UNSUPPORTED_CRITICAL_PAYLOAD, INVALID_SYNTAX, NO_PROPOSAL_CHOSEN, INVALID_KE_PAYLOAD,
    # AUTHENTICATION_FAILED
    for number in (1, 7, 14, 17, 24):
        notify = struct.pack("!BBHBBH", 0, 0, 8, 0, 0, number)
        head = spi + bytes(8) + struct.pack("!BBBBII", 41, 0x20, 34, 0x20, 0, 28 + len(notify))
        errors.append((s.b.address, s.a.address, 17, udp(head + notify, 500, 500)))
    inject_raw(lab, s.b.gateway, errors)
    Postern(lab, s.b.gateway, psk_config(s.b, s.a)).start()
    s.a.lan.ping_works(s.b.host4, 30)


def fragmented_datagrams(lab):
    """IP fragments of IKE and ESP, complete and not, do no harm; large pings go through."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    s.a.lan.ping(s.b.host4, count=3, size=3000, check=True)
    s.a.gateway.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-s", "4000", s.b.address],
                    check=False)
    expect(a.is_up() and b.is_up(), "the tunnel is down")


if __name__ == "__main__":
    sys.exit(labs.main([
        flood_of_spoofed_requests, replayed_esp, forged_esp, short_and_strange_esp,
        garbage_for_ike, forged_errors_for_the_initiator, fragmented_datagrams],
        why_no_postern))
