#!/usr/bin/env python3
"""Post-quantum key exchange between two posternds: the default, narrow and lossy paths, large KEMs in
pieces, and rekeys that repeat what was agreed."""
import sys

import capture as captures
import lab as labs
from common import expect, wait_until
from postern import Postern, psk_config, why_no_postern
from sites import sites

FRODO = "aes256gcm-prfsha384-x25519+mlkem768+frodo976shake"
MCELIECE = "aes256gcm-prfsha384-x25519+mlkem768+mceliece348864"


def pair(lab, s, ike=None, esp=None, lines=()):
    both = dict(connection_lines=[*lines, *([f'ike = "{ike}"'] if ike else [])],
                child_lines=[f'esp = "{esp}"'] if esp else [])
    b = Postern(lab, s.b.gateway, psk_config(s.b, s.a, **both)).start()
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b, **both)).start()
    return a, b


def shows(a, chain):
    text = a.cli("status").stdout
    expect(chain in text, f"status does not show {chain}: {text[:300]}")


def carries(s):
    s.a.lan.ping(s.b.host4, check=True)
    s.b.lan.ping(s.a.host4, check=True)


def narrow(s):
    """Nothing over 1280 octets passes between the gateways, and nobody is told."""
    for host, interface in s.ends:
        host.ip("link", "set", interface, "mtu", "1280")



def hybrid_by_default(lab):
    """A configuration that names no algorithms gets X25519 and ML-KEM-768; `status` shows it."""
    s = sites(lab)
    a, _ = pair(lab, s)
    wire = s.wire[0].capture(s.wire[1])
    a.up()
    carries(s)
    shows(a, "x25519+mlkem768")
    captures.expect_nothing_clear(wire.stop())


def narrow_path(lab):
    """The same where 1280 octets are the most."""
    s = sites(lab)
    narrow(s)
    a, _ = pair(lab, s)
    a.up()
    carries(s)
    shows(a, "x25519+mlkem768")


def frodo_in_fragments(lab):
    """FrodoKEM's 16 KB over UDP at 1280 octets."""
    s = sites(lab)
    narrow(s)
    a, _ = pair(lab, s, FRODO)
    wire = s.wire[0].capture(s.wire[1])
    a.up()
    carries(s)
    shows(a, "x25519+mlkem768+frodo976shake")
    sent = [p for p in wire.stop() if p.kind.startswith("ike")]
    expect(len(sent) > 28, f"{len(sent)} packets of IKE are too few for two messages of 16 KB")


def frodo_through_loss(lab):
    """FrodoKEM where a tenth of all packets is lost, both ways."""
    s = sites(lab)
    a, _ = pair(lab, s, FRODO, lines=["retransmits = 12"])
    for host, interface in s.ends:
        host.loss(interface, 10)
    a.up(seconds=60)
    shows(a, "frodo976shake")


def mceliece_over_udp(lab):
    """Classic McEliece's 261 KB in fragments over UDP; the daemon's key pool serves the next."""
    s = sites(lab)
    a, _ = pair(lab, s, MCELIECE)
    for _ in range(2):
        a.up()
        carries(s)
        shows(a, "x25519+mlkem768+mceliece348864")
        a.cli("down", "office")
        a.wait_down()


def numbers_by_configuration(lab):
    """FrodoKEM under another number, where both ends have it so; where one has not, no proposal."""
    s = sites(lab)
    number = "daemon {\n    ke-number = frodo976shake:41\n}\n"
    b = Postern(lab, s.b.gateway, number + psk_config(
        s.b, s.a, connection_lines=[f'ike = "{FRODO}"'])).start()
    plain = psk_config(s.a, s.b, connection_lines=[f'ike = "{FRODO}"'])
    a = Postern(lab, s.a.gateway, number + plain).start()
    a.up()
    carries(s)
    shows(a, "x25519+mlkem768+frodo976shake")
    a.stop()
    b.wait_down()
    a.reconfigure(plain)
    a.start()
    failed = a.cli("up", "office", check=False)
    expect("none of our proposals" in failed.stdout, f"`postern up` says {failed.stdout}")


def rekeys_repeat_it(lab):
    """Child and IKE SA rekeys with two additional exchanges, by either side, under traffic."""
    s = sites(lab)
    a, b = pair(lab, s, "aes256gcm-prfsha384-x25519+mlkem768+mlkem1024",
                "aes256gcm-x25519+mlkem768+mlkem512")
    a.up()
    ping = s.a.lan.start_ping(s.b.host4, interval=0.005)
    for who in (a, b, a, b):
        before, ike = (a.spis(), b.spis()), (a.ike_spis(), b.ike_spis())
        who.cli("rekey", "office", "net")
        wait_until(lambda: a.is_up() and b.is_up() and a.spis() != before[0]
                   and b.spis() != before[1], 10, f"a new Child SA, rekeyed by {who.short}")
        who.cli("rekey", "office")
        wait_until(lambda: a.ike_spis() != ike[0] and b.ike_spis() != ike[1], 10,
                   f"a new IKE SA, rekeyed by {who.short}")
    result = labs.end_ping(ping)
    expect(result.sent - result.received <= 1, f"{result.received} of {result.sent} came back")
    shows(a, "x25519+mlkem768+mlkem1024")
    shows(a, "x25519+mlkem768+mlkem512")


if __name__ == "__main__":
    sys.exit(labs.main([hybrid_by_default, narrow_path, frodo_in_fragments, frodo_through_loss,
                        mceliece_over_udp, numbers_by_configuration, rekeys_repeat_it],
                       why_no_postern))
