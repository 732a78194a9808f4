#!/usr/bin/env python3
"""IKE and ESP in TCP (RFC 9329), and IKE in TCP with ESP beside it."""
import sys

import capture as captures
import lab as labs
from common import expect, holds_for, wait_until
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
    rate = s.a.lan.iperf3(s.b.lan, s.b.host4, 1)
    expect(rate.octets > 1000000, f"TCP brought {rate.octets} octets in a second")


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


TESTS = [
    tunnel_in_tcp,
]

if __name__ == "__main__":
    sys.exit(labs.main(TESTS, why_no_postern()))
