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
from common import Failed, Interrupted
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
    a.wait_up()
    b.wait_up()
    show("\ngw-b's is its mirror image, and both hold the same random key in office.psk.\n"
         "The tunnel is up.")

    step(4, "Ping from lan-a to lan-b")
    ping = s.a.lan.ping(s.b.host4, check=True)
    show("\n".join(line for line in ping.output.splitlines() if "bytes from" in line))

    step(5, "Send TCP from lan-a to lan-b for two seconds")
    rate = s.a.lan.iperf3(s.b.lan, s.b.host4, 2)
    show(f"{rate.octets / 1e6:.0f} MB arrived: {rate.bits_per_second / 1e6:.0f} Mbit/s")

    step(6, "Ask gw-a: postern status")
    show(a.cli("status").stdout)

    step(7, "Look at what a capture on the wire between the gateways saw")
    packets = wire.stop()
    counts = capture.kinds(packets)
    show("\n".join(f"{n:8} {KIND_NAMES.get(kind, kind)}" for kind, n in counts.most_common()))
    capture.expect_nothing_clear(packets)
    show("Only IKE and ESP: nothing of the ping or the TCP transfer went in the clear.")

    step(8, "Take it all down")
    for daemon in (a, b):
        status = daemon.stop()
        if status != 0:
            raise Failed(f"posternd on {daemon.host.name} ended with {status}")


KIND_NAMES = {"esp": "ESP packets (protocol 50)", "esp-4500": "ESP packets (in UDP)",
              "ike-500": "IKE messages (UDP 500)", "ike-4500": "IKE messages (UDP 4500)",
              "arp": "ARP", "nd": "IPv6 neighbour discovery", "mld": "IPv6 multicast membership",
              "keepalive": "NAT keepalives", "icmp-error": "ICMP errors about ESP"}


def main():
    reason = labs.why_no_namespaces() or why_no_postern()
    if reason:
        print(f"The demo cannot run here: {reason}", file=sys.stderr)
        return 1
    labs.raise_on_signals()
    labs.remove_stale_namespaces()
    signal.alarm(120)
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
