#!/usr/bin/env python3
"""The demo itself; tests/lab/demo installs, builds and starts it."""
import os
import secrets
import signal
import subprocess
import sys

import capture
import lab as labs
import sites
from common import Failed, Interrupted, expect
from postern import Postern, why_no_postern

HERE = os.path.dirname(os.path.abspath(__file__))


def step(number, text):
    print(f"\n{number}. {text}", flush=True)


def show(text):
    for line in text.rstrip().splitlines():
        print(f"   {line}".rstrip(), flush=True)


def config(name):
    with open(os.path.join(HERE, name)) as f:
        return f.read()


def traffic(s, number):
    """Two steps: echo requests, and two seconds of TCP."""
    step(number, "Ping from lan-a to lan-b")
    ping = s.a.lan.ping(s.b.host4, check=True)
    show("\n".join(line for line in ping.output.splitlines() if "bytes from" in line))

    step(number + 1, "Send TCP from lan-a to lan-b for two seconds")
    rate = s.a.lan.iperf3(s.b.lan, s.b.host4, 2)
    show(f"{rate.octets / 1e6:.0f} MB arrived: {rate.bits_per_second / 1e6:.0f} Mbit/s")


def show_kinds(packets):
    counts = capture.kinds(packets)
    show("\n".join(f"{n:8} {KIND_NAMES.get(kind, kind)}" for kind, n in counts.most_common()))


def first_tunnel(s, a, b, wire):
    a.wait_up()
    b.wait_up()
    show("\ngw-b's is its mirror image, and both hold the same random key in office.psk.\n"
         "The tunnel is up.")
    traffic(s, 4)

    step(6, "Ask gw-a: postern status")
    show(a.cli("status").stdout)

    step(7, "Look at what a capture on the wire between the gateways saw")
    packets = wire.stop()
    show_kinds(packets)
    capture.expect_nothing_clear(packets)
    show("Only IKE and ESP: nothing of the ping or the TCP transfer went in the clear.")


def with_second(name):
    """The same configuration with the lines of the second tunnel."""
    return config(name).replace("    auth = psk\n", "    auth = psk\n" + config(SECOND))


def second_tunnel(s, a, b):
    step(8, "Give both gateways three more lines: three post-quantum key exchanges in one\n"
            "   handshake, IKE in TCP, and ESP beside it in UDP")
    show(config(SECOND))
    a.cli("down", "office")
    for gateway, name in ((b, "demo-b.conf"), (a, "demo-a.conf")):
        gateway.reconfigure(with_second(name))
    wire = s.wire[0].capture(s.wire[1], "second")
    tcp = s.wire[0].capture(s.wire[1], "second-tcp", snap=262144, match=["tcp"])
    for gateway in (b, a):
        gateway.cli("reload")
    show("\nThen postern reload on both, and on gw-a postern up office:\n"
         + a.cli("up", "office").stdout)
    a.wait_up()
    b.wait_up()
    traffic(s, 9)

    step(11, "Ask gw-a how large and how long each exchange of the handshake was")
    show_exchanges(a.sa())

    step(12, "Look at what went over the wire this time")
    packets, in_tcp = wire.stop(), tcp.stop()
    show_kinds(packets)
    frames = expect_separate(packets, in_tcp)
    show("IKE_SA_INIT went in UDP, where both agreed on the rest. After it IKE went in TCP:\n"
         f"{len(frames)} frames of {sum(n for _, n in frames)} octets in all, none of them ESP. "
         "All of ESP went in UDP.\nNothing of the ping or the TCP transfer went in the clear.")


def show_exchanges(sa):
    show(f"{'exchange':18}{'key exchange':17}{'over':6}{'octets sent':>11}{'received':>10}"
         f"{'time':>11}")
    for e in sa["exchanges"]:
        show(f"{e['exchange']:18}{e.get('key_exchange', '-'):17}{e['transport'].upper():6}"
             f"{e['sent_octets']:11}{e['received_octets']:10}{e['microseconds'] / 1000:8.1f} ms")
    show(f"All of the handshake, with the making of keys, took "
         f"{sa['handshake_microseconds'] / 1000:.0f} ms.")


def expect_separate(packets, in_tcp):
    """IKE in TCP alone once IKE_SA_INIT is over, ESP in UDP alone, and nothing in the clear. Gives
    what the TCP connection carried, frame by frame."""
    capture.expect_nothing_clear(packets, also={"tcp"})
    frames = capture.tcp_frames(in_tcp)
    expect(frames and all(kind == "ike" for kind, _ in frames), "ESP, or nothing, in TCP")
    kinds = capture.kinds(packets)
    expect(kinds["esp-4500"] and not kinds["esp"], f"ESP is not in UDP: {dict(kinds)}")
    outside = {capture.ike_exchange(p) for p in packets if p.kind in ("ike-500", "ike-4500")}
    expect(outside == {IKE_SA_INIT}, f"IKE over UDP: exchanges {outside}")
    return frames


def demo(lab):
    step(2, "Make two sites: a gateway each, and a host in the private subnet behind it")
    s = sites.sites(lab)
    show("lan-a 10.1.0.2 --- gw-a 10.99.0.1 === the wire === 10.99.0.2 gw-b --- 10.2.0.2 lan-b")

    step(3, "Start posternd on both gateways; this is gw-a's configuration file:")
    show(config("demo-a.conf"))
    psk = secrets.token_urlsafe(24)
    wire = s.wire[0].capture(s.wire[1])
    b = Postern(lab, s.b.gateway, config("demo-b.conf"), psk=psk).start()
    a = Postern(lab, s.a.gateway, config("demo-a.conf"), psk=psk).start()
    first_tunnel(s, a, b, wire)
    second_tunnel(s, a, b)

    step(13, "Take it all down")
    for daemon in (a, b):
        status = daemon.stop()
        if status != 0:
            raise Failed(f"posternd on {daemon.host.name} ended with {status}")


SECOND = "demo-second.conf"
IKE_SA_INIT = 34
KIND_NAMES = {"esp": "ESP packets (protocol 50)",
              "esp-4500": "ESP packets (in UDP 4500, some of them seen joined)",
              "ike-500": "IKE messages (UDP 500)", "ike-4500": "IKE messages (UDP 4500)",
              "arp": "ARP", "nd": "IPv6 neighbour discovery", "mld": "IPv6 multicast membership",
              "keepalive": "NAT keepalives", "icmp-error": "ICMP errors about ESP",
              "tcp": "TCP segments (port 4500)"}


def main():
    reason = labs.why_no_namespaces() or why_no_postern()
    if reason:
        print(f"The demo cannot run here: {reason}", file=sys.stderr)
        return 1
    labs.raise_on_signals()
    labs.remove_stale_namespaces()
    signal.alarm(160)
    lab = labs.Lab("demo")
    try:
        with lab:
            try:
                demo(lab)
            except (Failed, OSError, subprocess.SubprocessError) as e:
                print(f"\nThe demo failed: {e}", file=sys.stderr, flush=True)
                lab.show_logs(15)
                return 1
            finally:
                signal.alarm(0)
    except Interrupted as e:
        print(f"\nThe demo was interrupted ({e}); everything it made is gone.", file=sys.stderr)
        return 130
    show("Done: no namespace, device or process of the demo is left.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
