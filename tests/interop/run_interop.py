#!/usr/bin/env python3
"""Interop with strongSwan: each scenario brings one tunnel up and uses it in every way.

    tests/interop/run_interop.py                     Postern and strongSwan, both roles
    tests/interop/run_interop.py --half              each scenario in one role, by turns
    tests/interop/run_interop.py NAME...             only those scenarios (--list names them)
    tests/interop/run_interop.py --self [NAME...]    strongSwan with itself: proves the harness
    ... --keep                                       keep configurations and captures

In each: both daemons start; the initiator brings the tunnel up; ping both ways and a TCP transfer;
then, while a ping goes on, each side rekeys the Child SA and then the IKE SA; at last the initiator
takes the tunnel down and the responder must notice. Everything between the gateways is captured:
only IKE and ESP may be there. Prints a line for each scenario, and a table of what passed into
build/interop/table.md.
"""
import collections
import os
import re
import ssl
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import capture        # noqa: E402
import certs          # noqa: E402
import lab as labs    # noqa: E402
import postern        # noqa: E402
import sites          # noqa: E402
import strongswan     # noqa: E402
from common import expect, wait_until           # noqa: E402
from peer import ROOT, Tunnel                   # noqa: E402
from postern_peer import Postern                # noqa: E402
from strongswan import StrongSwan               # noqa: E402

Suite = collections.namedtuple("Suite", "ike esp")
SUITES = {
    "gcm256": Suite("aes256gcm-prfsha384-ecp384", "aes256gcm-ecp384"),
    "gcm128": Suite("aes128gcm-prfsha256-x25519", "aes128gcm-x25519"),
    "chacha": Suite("chacha20poly1305-prfsha512-x448", "chacha20poly1305-x448"),
    "ccm": Suite("aes256ccm-prfsha384-ecp384", "aes256ccm-ecp384"),
    "cbc": Suite("aes256-sha256-prfsha256-modp2048", "aes256-sha256-modp2048"),
    "mlkem": Suite("aes256gcm-prfsha384-x25519+mlkem768", "aes256gcm-x25519+mlkem768"),
    "mlkem512": Suite("aes128gcm-prfsha256-x25519+mlkem512", "aes128gcm-x25519+mlkem512"),
    "mlkem1024": Suite("aes256gcm-prfsha384-ecp384+mlkem1024", "aes256gcm-ecp384+mlkem1024"),
    "mlkem-twice": Suite("aes256gcm-prfsha384-x25519+mlkem768+mlkem1024",
                         "aes256gcm-x25519+mlkem768+mlkem1024"),
    "only-mlkem512": Suite("aes128gcm-prfsha256-mlkem512", "aes128gcm-mlkem512"),
    "only-mlkem768": Suite("aes256gcm-prfsha384-mlkem768", "aes256gcm-mlkem768"),
    "only-mlkem1024": Suite("aes256gcm-prfsha384-mlkem1024", "aes256gcm-mlkem1024"),
}

# outer and inner are families; nat says whose gateway is behind one (a is the initiator's side);
# udp puts ESP into UDP even without a NAT. mtu is that of the wire between the gateways. whole: the
# peer does not support fragmentation by IKE (RFC 7383), so large messages are fragmented by IP;
# IKE_SA_INIT is whenever it is large. childless: the initiator begins without a Child SA (RFC 6023).
# ppk: both ends have a PPK (RFC 8784) by this policy; "unknown": they have different ones, and may do
# without.
# After a dash in auth: chain, each end's certificate is by an intermediate CA that the other does not
# know; pss, strongSwan makes and takes no signature but RSA-PSS; crl, both have a revocation list and
# are strict about it; ocsp, both want an OCSP response in IKE_AUTH (RFC 4806); raw, each knows the
# other's public key, and there are no certificates. mlkem768 after a plus: Postern would rather
# authenticate by a KEM. old: strongSwan does not know RFC 7427; weak: Postern takes SHA-1. proof: what
# Postern says of how strongSwan proved who it is. log: what strongSwan logs.
# both: only `make interop` runs it, in both roles.
Scenario = collections.namedtuple("Scenario",
                                  "name auth suite outer inner nat udp mtu whole childless both ppk old "
                                  "weak proof log",
                                  defaults=(4, 4, "", False, 1500, False, False, False, "never",
                                            False, False, "", ""))
SCENARIOS = [
    Scenario("psk-gcm256", "psk", "gcm256"),
    Scenario("psk-gcm128", "psk", "gcm128"),
    Scenario("psk-chacha", "psk", "chacha"),
    Scenario("psk-cbc", "psk", "cbc"),
    Scenario("ecdsa", "ecdsa", "gcm256"),
    Scenario("rsa", "rsa", "gcm128"),
    Scenario("ed25519", "ed25519", "chacha"),
    # Postern has an ML-DSA certificate too, and strongSwan, which does not know it, gets the other.
    Scenario("ecdsa-beside-mldsa", "ecdsa+mldsa65", "gcm256", both=True),
    Scenario("ecdsa-chain", "ecdsa-chain", "gcm256", both=True),
    Scenario("old-ecdsa", "ecdsa", "gcm256", both=True, old=True),
    Scenario("old-rsa", "rsa", "gcm128", both=True, old=True, weak=True, proof="old-rsa-sha1",
             log="with RSA signature successful"),
    Scenario("rsa-pss", "rsa-pss", "gcm256", both=True, proof="rsa-pss-sha",
             log="with RSA_EMSA_PSS_SHA2_256_SALT_32 successful"),
    Scenario("kem-auth-falls-back", "ecdsa+mlkem768", "gcm256", both=True, proof="ecdsa-"),
    Scenario("crl", "ecdsa-crl", "gcm256", both=True,
             log="using cached crl.*certificate status is good"),
    Scenario("ocsp", "ecdsa-ocsp", "gcm256", both=True,
             log="received OCSP response .*using cached ocsp response.*status is good"),
    Scenario("raw-ed25519", "ed25519-raw", "gcm256", both=True, proof="ed25519",
             log="with ED25519 successful"),
    Scenario("raw-rsa", "rsa-raw", "gcm256", both=True, proof="rsa-pkcs1"),
    Scenario("psk-ccm", "psk", "ccm", both=True),
    Scenario("udp", "psk", "gcm128", udp=True),
    Scenario("nat-initiator", "psk", "gcm128", nat="a"),
    Scenario("nat-responder", "ecdsa", "gcm128", nat="b"),
    Scenario("nat-both", "psk", "chacha", nat="ab"),
    Scenario("6in6", "psk", "gcm256", outer=6, inner=6),
    Scenario("4in6", "psk", "gcm128", outer=6, inner=4),
    Scenario("6in4", "ed25519", "gcm128", outer=4, inner=6),
    Scenario("4in6-udp", "psk", "chacha", outer=6, inner=4, udp=True),
    Scenario("rsa-whole", "rsa", "gcm128", whole=True),
    Scenario("rsa-nat-whole", "rsa", "gcm128", nat="a", whole=True),
    Scenario("rsa-1280", "rsa", "gcm128", mtu=1280),
    Scenario("mlkem", "psk", "mlkem"),
    Scenario("mlkem-1280", "rsa", "mlkem", mtu=1280),
    Scenario("mlkem-nat", "ecdsa", "mlkem", nat="ab", mtu=1280),
    Scenario("mlkem1024-1280", "ecdsa", "mlkem1024", outer=6, inner=6, mtu=1280),
    Scenario("mlkem512", "psk", "mlkem512", both=True),
    Scenario("mlkem-twice-1280", "ecdsa", "mlkem-twice", mtu=1280),
    Scenario("only-mlkem512-1280", "psk", "only-mlkem512", mtu=1280),
    Scenario("only-mlkem768", "psk", "only-mlkem768", both=True),
    Scenario("only-mlkem768-1280", "rsa", "only-mlkem768", mtu=1280, whole=True, both=True),
    Scenario("only-mlkem1024", "psk", "only-mlkem1024", outer=6, inner=6, whole=True),
    Scenario("childless", "psk", "mlkem", childless=True),
    Scenario("ppk-required", "psk", "gcm128", ppk="required"),
    Scenario("ppk-allow", "ecdsa", "mlkem", ppk="allow"),
    Scenario("ppk-required-both", "ecdsa", "gcm256", ppk="required", both=True),
    Scenario("ppk-allow-both", "psk", "gcm128", ppk="allow", both=True),
    Scenario("ppk-unknown", "psk", "gcm256", ppk="unknown", both=True),
    Scenario("childless-1280", "rsa", "mlkem-twice", mtu=1280, childless=True, both=True),
]
KINDS = {"postern": Postern, "strongswan": StrongSwan}
COLUMNS = ("up", "ping", "TCP Mbit/s", "child rekey i", "child rekey r", "IKE rekey i",
           "IKE rekey r", "lost in rekeys", "nothing clear", "down")

table = []
made_certs = {}
cert_folder = None


def certificates(kind):
    if kind == "psk":
        return None
    if kind not in made_certs:
        first, _, better = kind.partition("+")
        first, _, way = first.partition("-")
        # Each its own CA: what is made later must not take the place of one in use.
        folder = os.path.join(cert_folder, way or better)
        make = certs.chains if way == "chain" else certs.make
        made_certs[kind] = make(folder, first, list(sites.IDS.values()))
        if better == "mlkem768":
            made_certs[kind]["better"] = {
                "ca": made_certs[kind]["ca"],
                **{i: certs.kem_leaf(folder, first, i) for i in sites.IDS.values()}}
        elif better:
            made_certs[kind]["better"] = certs.make(cert_folder, better, list(sites.IDS.values()))
        if way.startswith("revoked-"):
            certs.revoke(folder, first, sites.IDS[way[-1]])
        if way == "crl" or way.startswith("revoked-"):
            made_certs[kind]["crl"] = certs.crl(folder, first)
        if way == "raw":
            made_certs[kind]["public"] = {i: certs.public_key(folder, made_certs[kind][i][1])
                                          for i in sites.IDS.values()}
        if way == "ocsp":
            for i in sites.IDS.values():
                certs.know(folder, first, i)
            made_certs[kind]["ocsp"] = {i: certs.ocsp(folder, first, i)
                                        for i in sites.IDS.values()}
            made_certs[kind]["responder"] = ["openssl", *certs.ocsp_words(folder, first)]
    return made_certs[kind]


def peers(lab, s, scenario, initiator, responder, made=None):
    suite, made = SUITES[scenario.suite], made or certificates(scenario.auth)
    for kind, here, there, childless in ((initiator, s.a, s.b, "prefer"),
                                         (responder, s.b, s.a, "allow")):
        net = "net4" if scenario.inner == 4 else "net6"
        yield KINDS[kind](lab, Tunnel(here, there, scenario.auth, suite.ike, suite.esp,
                                      [getattr(here, net)], [getattr(there, net)], made,
                                      raw_esp=not (scenario.udp or scenario.nat),
                                      fragmentation=not scenario.whole, rfc7427=not scenario.old,
                                      weak=scenario.weak,
                                      childless=childless if scenario.childless else "allow",
                                      ppk=scenario.ppk))


def rekeyed(i, r, by, what):
    """Rekeys by one side; both sides must come to another SA, and agree."""
    before = i.status()[what], r.status()[what]
    (by.rekey_ike if what == "ike" else by.rekey_child)()

    def new():
        now = i.status()[what], r.status()[what]
        return None not in now and now[0] != before[0] and now[1] != before[1]
    wait_until(new, 20, f"a new {what} SA on both sides, by {by.name}")
    return "yes"


def run_scenario(lab, scenario, initiator, responder):
    row = dict.fromkeys(COLUMNS, "-")
    table.append((scenario, initiator, responder, row))
    s = sites.sites(lab, scenario.outer, scenario.nat, "40000-40999" if scenario.nat else None)
    if scenario.mtu != 1500:
        for host, interface in s.ends:
            host.ip("link", "set", interface, "mtu", str(scenario.mtu))
    i, r = peers(lab, s, scenario, initiator, responder)
    hosts = (s.a.host4, s.b.host4) if scenario.inner == 4 else (s.a.host6, s.b.host6)
    r.start()
    i.start()
    wire = s.wire[0].capture(s.wire[1])
    i.initiate()
    row["up"] = "yes"
    for peer in i, r:
        expect(peer.status()["own_ke"] == scenario.childless,
               f"{peer.name}: the first Child SA has {'no' if scenario.childless else 'a'} key "
               "exchange of its own")
        # strongSwan 6.1 does not know it, and is not troubled by the announcement.
        expect(not peer.status().get("transcript"), f"{peer.name} tells of downgrade prevention")
        expect(peer.status()["ppk"] == (scenario.ppk in ("allow", "required")),
               f"{peer.name}: the use of the PPK is {peer.status()['ppk']}")
        proof = peer.status().get("proof")
        expect(proof is None or proof.startswith(scenario.proof),
               f"{peer.name}: its peer proved who it is by {proof}")
        if peer.kind == "strongswan":
            expect(re.search(scenario.log, peer.process.output(), re.DOTALL),
                   f"{peer.name} has not logged '{scenario.log}'")
    s.a.lan.ping(hosts[1], check=True)
    s.b.lan.ping(hosts[0], check=True)
    row["ping"] = "yes"
    rate = s.a.lan.iperf3(s.b.lan, hosts[1], octets=8000000)
    expect(rate.octets > 100000, f"TCP brought {rate.octets} octets")
    row["TCP Mbit/s"] = f"{rate.bits_per_second / 1e6:.0f}"
    ping = s.a.lan.start_ping(hosts[1])
    row["child rekey i"] = rekeyed(i, r, i, "child")
    row["child rekey r"] = rekeyed(i, r, r, "child")
    row["IKE rekey i"] = rekeyed(i, r, i, "ike")
    row["IKE rekey r"] = rekeyed(i, r, r, "ike")
    s.b.lan.ping(hosts[0], check=True)
    sent = labs.end_ping(ping)
    row["lost in rekeys"] = f"{sent.sent - sent.received} of {sent.sent}"
    expect(sent.sent - sent.received <= sent.sent // 5, f"{sent.received} of {sent.sent} pings")
    packets = wire.stop()
    capture.expect_nothing_clear(packets)
    esp = "esp-4500" if scenario.nat or scenario.udp else "esp"
    expect(capture.kinds(packets)[esp] > 0, f"no {esp} among {dict(capture.kinds(packets))}")
    row["nothing clear"] = "yes"
    fragments = capture.kinds(packets)["fragment-17"]
    if esp == "esp":
        # No UDP but IKE.
        large = scenario.whole
        expect((fragments > 0) == large, f"{fragments} fragments of IKE messages by IP")
    i.terminate()
    wait_until(lambda: r.status()["ikes"] == 0, 10, f"{r.name} notices that the tunnel is down")
    row["down"] = "yes"


def refuses_without_downgrade_prevention(lab, initiator, responder):
    """Postern demands it, strongSwan does not know it: no tunnel, and Postern says why."""
    i, r = peers(lab, sites.sites(lab), SCENARIOS[0], initiator, responder)
    ours = i if initiator == "postern" else r
    ours.tunnel.downgrade_prevention = "require"
    r.start()
    i.start()
    try:
        i.initiate(10)
        up = True
    except labs.Failed:
        up = False
    expect(not up and i.status()["ikes"] == r.status()["ikes"] == 0, "it came up")
    ours.daemon.wait_log("announce(s|d) no downgrade prevention, which is required", 20)


def refuses_revoked(lab, whose, initiator, responder):
    """The certificate of one end (a: the initiator's) is on both ends' list: the other one says so,
    and there is no tunnel."""
    scenario = Scenario(f"revoked-{whose}", f"ecdsa-revoked-{whose}", "gcm256")
    i, r = peers(lab, sites.sites(lab), scenario, initiator, responder)
    r.start()
    i.start()
    try:
        i.initiate(10)
        up = True
    except labs.Failed:
        up = False
    refuser = r if whose == "a" else i
    refuser.process.wait_for("certificate of .*has been revoked" if refuser.kind == "postern" else
                             "certificate was revoked on", 10)
    # As initiator with the revoked one it counts the SA as up until the peer's INFORMATIONAL comes.
    wait_until(lambda: i.status()["ikes"] == r.status()["ikes"] == 0, 10, "no IKE SA is left")
    expect(not up or whose == "b", "it came up")


def certificates_by_url(lab, initiator, responder):
    """Each sends the hash and the URL of its certificate in place of it (RFC 7296 3.6), and fetches
    the peer's, and the CA's revocation list too, being strict about it. The server is beside
    strongSwan: Postern calls nobody on its own host."""
    s = sites.sites(lab)
    made = dict(certificates("ecdsa"))
    here = s.a if initiator == "strongswan" else s.b
    made["url"] = f"http://{here.address}:8080/"
    for i in sites.IDS.values():
        lab.file(f"web/{certs.sha1(made[i][0])}", ssl.PEM_cert_to_DER_cert(made[i][0]))
    lab.file("web/ca.crl", certs.crl(cert_folder, "ecdsa"))
    web = here.gateway.start(["python3", "-m", "http.server", "-d", f"{lab.folder}/web", "8080"],
                             "web")
    web.wait_for("Serving", 10)
    i, r = peers(lab, s, Scenario("by-url", "ecdsa", "gcm256"), initiator, responder, made)
    r.start()
    i.start()
    (i if initiator == "postern" else r).daemon.wait_log("ca.crl fetched", 10)
    i.initiate()
    s.a.lan.ping(s.b.host4, check=True)
    expect(web.output().count("GET /ca.crl ") == 2, "one of them has not fetched the list")
    for peer in i, r:
        theirs = certs.sha1(made[peer.tunnel.remote.id][0])
        expect(f"GET /{theirs} " in web.output(), f"{peer.name} has not fetched its peer's")
    i.terminate()
    wait_until(lambda: r.status()["ikes"] == 0, 10, f"{r.name} notices that the tunnel is down")


def write_table(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    head = ("scenario", "initiator", "responder", "auth", "IKE", "ESP", "inner in outer", "NAT",
            *COLUMNS)
    lines = [f"Against {strongswan.version()}, kernel-libipsec.", "",
             f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for scenario, initiator, responder, row in table:
        suite = SUITES[scenario.suite]
        where = {"": "none", "a": "initiator", "b": "responder", "ab": "both"}[scenario.nat]
        cells = (scenario.name, initiator, responder, scenario.auth, suite.ike, suite.esp,
                 f"IPv{scenario.inner} in IPv{scenario.outer}{' UDP' if scenario.udp else ''}",
                 where, *row.values())
        lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    with open(path, "w") as f:
        f.write(text)
    print(text, end="")


def tests(pairs, half):
    """One test function for each scenario and pair of roles, as labs.main() wants them; with half,
    for most scenarios and one of the pairs by turns."""
    for number, scenario in enumerate(s for s in SCENARIOS if not (half and s.both)):
        for initiator, responder in [pairs[number % 2]] if half else pairs:
            def test(lab, scenario=scenario, initiator=initiator, responder=responder):
                run_scenario(lab, scenario, initiator, responder)
            test.__name__ = f"{scenario.name}-{initiator}-to-{responder}"
            test.seconds = 90
            yield test
    for initiator, responder in pairs[1:] if half else pairs:
        if initiator != responder:
            def refusal(lab, initiator=initiator, responder=responder):
                refuses_without_downgrade_prevention(lab, initiator, responder)
            refusal.__name__ = f"downgrade-required-{initiator}-to-{responder}"
            yield refusal
    for initiator, responder in [] if half else pairs:
        if initiator != responder:
            def by_url(lab, initiator=initiator, responder=responder):
                certificates_by_url(lab, initiator, responder)
            by_url.__name__ = f"by-url-{initiator}-to-{responder}"
            yield by_url
        for whose, end in ("a", "initiator"), ("b", "responder"):
            def revoked(lab, whose=whose, initiator=initiator, responder=responder):
                refuses_revoked(lab, whose, initiator, responder)
            revoked.__name__ = f"revoked-{end}-{initiator}-to-{responder}"
            yield revoked


def why_not(pairs):
    if any("postern" in p for p in pairs) and postern.why_no_postern():
        return postern.why_no_postern()
    made = subprocess.run([os.path.join(HERE, "make-root"), os.path.join(ROOT, "build")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(made.stdout, end="", flush=True)
    if made.returncode != 0:
        return made.stdout.strip().splitlines()[-1].removeprefix("make-root: ")
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    return None


def main():
    global cert_folder
    pairs = [("postern", "strongswan"), ("strongswan", "postern")]
    if "--self" in sys.argv:
        pairs = [("strongswan", "strongswan")]
    half = "--half" in sys.argv and len(pairs) == 2
    with tempfile.TemporaryDirectory(prefix="postern-certs-") as name:
        cert_folder = name
        status = labs.main(list(tests(pairs, half)), lambda: why_not(pairs))
    if table:
        write_table(os.path.join(ROOT, "build", "interop",
                                 "table-self.md" if "--self" in sys.argv else "table.md"))
    return status


if __name__ == "__main__":
    sys.exit(main())
