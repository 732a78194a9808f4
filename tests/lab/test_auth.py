#!/usr/bin/env python3
"""Certificates and public keys between two posternd: good ones of each kind, and each kind of bad
one, which says why on both ends."""
import os
import re
import signal
import ssl
import subprocess
import sys

import certs
import lab as labs
from common import expect, wait_until
from postern import POSTERN, Postern, psk_config, why_no_postern
from sites import sites
from test_refusals import children_of, children_of_pid, log_says, must_end, says

CERT = ["auth = cert", 'cert = "own.pem"', 'key = "own.key"', 'ca = "ca.pem"']
PUBKEY = ["auth = pubkey", 'key = "own.key"', 'remote-pubkey = "peer.pub"']


def config(here, there, lines):
    """As by pre-shared key, but for what proves the identities."""
    text = psk_config(here, there, connection_lines=lines)
    return text.replace("    auth = psk\n", "").split("secret ")[0]


def with_certs(lab, here, there, own, ca):
    """A posternd with the certificate and key in own that trusts ca; not started."""
    return Postern(lab, here.gateway, config(here, there, CERT), psk=None,
                   files={"own.pem": (own[0], 0o644), "own.key": (own[1], 0o600),
                          "ca.pem": (ca, 0o644)})


def pki(words, folder):
    subprocess.run([POSTERN, "pki", *words], cwd=folder, check=True,
                   timeout=60, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def carries(lab, s, a, b):
    b.start()
    a.start()
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    s.b.lan.ping(s.a.host4, check=True)


def by_certificates(lab, kind, **places):
    s = sites(lab, **places)
    made = certs.make(lab.folder + "/ca", kind, [s.a.id, s.b.id])
    a = with_certs(lab, s.a, s.b, made[s.a.id], made["ca"])
    b = with_certs(lab, s.b, s.a, made[s.b.id], made["ca"])
    carries(lab, s, a, b)
    return s, a, b


def ecdsa_certificates(lab):
    """Certificates with ECDSA P-256."""
    by_certificates(lab, "ecdsa")


def rsa_certificates_behind_a_nat(lab):
    """Certificates with RSA 3072: IKE_AUTH is large, and goes by port 4500."""
    by_certificates(lab, "rsa", nat="a", ports="40000-40999")


def ed25519_certificates(lab):
    """Certificates with Ed25519; then a reauthentication loses no packet."""
    s, a, b = by_certificates(lab, "ed25519")
    before, child = a.ike_spis(), a.spis()
    ping = s.a.lan.start_ping(s.b.host4, interval=0.01)
    a.cli("reauth", "office")
    wait_until(lambda: a.ike_spis() != before and a.ike_spis()[0] and a.spis() != child
               and a.is_up() and b.is_up(), 20, "another IKE SA and another Child SA")
    s.b.lan.ping(s.a.host4, check=True)
    result = labs.end_ping(ping)
    # The last request may be under way when ping ends.
    expect(result.sent - result.received <= 1, f"{result.received} of {result.sent} came back")
    wait_until(lambda: all(len(d.connection()["sas"]) == 1 for d in (a, b)), 20,
               "the old IKE SA is gone on both")


def proved_by(d):
    """How the peer of d has proved who it is, on its one IKE SA."""
    return [sa["remote_auth"] for sa in d.connection()["sas"]]


def ml_dsa_certificates(lab):
    """Certificates with ML-DSA-65, behind a NAT; a reauthentication does it again."""
    s, a, b = by_certificates(lab, "mldsa65", nat="a", ports="40000-40999")
    expect(proved_by(a) == proved_by(b) == ["ml-dsa-65"], f"{proved_by(a)}, {proved_by(b)}")
    before = a.ike_spis()
    a.cli("reauth", "office")
    wait_until(lambda: a.ike_spis() != before and a.ike_spis()[0] and a.is_up() and b.is_up()
               and proved_by(b)[-1] == "ml-dsa-65", 20, "another IKE SA")
    s.b.lan.ping(s.a.host4, check=True)


def kem_certificates(lab):
    """ML-KEM certificates of `postern pki`, kem-auth = require: the private halves are in the keys
    processes. Then one of them gets the other's certificate, but not its key."""
    folder = lab.folder + "/kem"
    os.makedirs(folder)
    pki(["init", "Team CA"], folder)
    s = sites(lab)
    made, ca = {}, None
    for site, kind in ((s.a, "mlkem768"), (s.b, "mlkem1024")):
        pki(["issue", "--key", kind, site.id], folder)
        made[site.id] = [certs.read(f"{folder}/pki/{site.id}/{site.id}.{e}")
                         for e in ("pem", "key")]
        ca = certs.read(f"{folder}/pki/{site.id}/ca.pem")
    a, b = (Postern(lab, x.gateway, config(x, y, CERT + ["kem-auth = require"]), psk=None,
                    files={"own.pem": (made[x.id][0], 0o644), "own.key": (made[x.id][1], 0o600),
                           "ca.pem": (ca, 0o644)})
            for x, y in ((s.a, s.b), (s.b, s.a)))
    carries(lab, s, a, b)
    expect(proved_by(a) == ["ML-KEM-1024 (KEM)"] and proved_by(b) == ["ML-KEM-768 (KEM)"],
           f"{proved_by(a)}, {proved_by(b)}")
    a.cli("down", "office")
    b.wait_down()
    lab.file(f"{a.short}/own.pem", made[s.b.id][0])
    done = a.cli("reload", check=False)
    expect(done.returncode != 0, "a certificate without its key is taken")
    says(done.stdout, "holds another public key", who="`postern reload`")


def slh_dsa_certificates(lab):
    """Certificates with SLH-DSA-SHA2-256f: an IKE_AUTH message of 100 KB."""
    s, a, b = by_certificates(lab, "slhdsa")
    expect(proved_by(a) == proved_by(b) == ["slh-dsa-sha2-256f"],
           f"{proved_by(a)}, {proved_by(b)}")


def two_certificates(lab):
    """A has certificates with ML-DSA and with ECDSA: B gets the first; when it trusts the CA of
    the second alone, it gets that."""
    s = sites(lab)
    folder = lab.folder + "/ca"
    both = {kind: certs.make(folder, kind, [s.a.id, s.b.id]) for kind in ("mldsa65", "ecdsa")}
    lines = ["auth = cert", 'cert = { "pq.pem", "old.pem" }', 'key = { "old.key", "pq.key" }',
             'ca = "ca.pem"']
    # By its CAs A knows which of its certificates a CERTREQ asks for.
    files = {"ca.pem": (both["mldsa65"]["ca"] + both["ecdsa"]["ca"], 0o644)}
    for name, kind in (("pq", "mldsa65"), ("old", "ecdsa")):
        files[name + ".pem"] = (both[kind][s.a.id][0], 0o644)
        files[name + ".key"] = (both[kind][s.a.id][1], 0o600)
    a = Postern(lab, s.a.gateway, config(s.a, s.b, lines), psk=None, files=files)
    b = with_certs(lab, s.b, s.a, both["ecdsa"][s.b.id],
                   both["mldsa65"]["ca"] + both["ecdsa"]["ca"])
    carries(lab, s, a, b)
    expect(proved_by(b) == ["ml-dsa-65"], f"{proved_by(b)}")
    a.cli("down", "office")
    b.wait_down()
    lab.file(f"{b.short}/ca.pem", both["ecdsa"]["ca"])
    b.cli("reload")
    a.up()
    expect(proved_by(b) == ["ecdsa-sha256"], f"{proved_by(b)}")


def refused(lab, a, b, at, *patterns):
    """`postern up` fails, both live on, and the daemon `at` logs why."""
    b.start()
    a.start()
    done = a.cli("up", "office", check=False)
    expect(done.returncode != 0, f"`postern up` succeeded: {done.stdout.strip()[-200:]}")
    log_says(at, *patterns)
    other = a if at is b else b
    log_says(other, "AUTHENTICATION_FAILED")
    expect(not a.is_up(), "a shows a Child SA")
    wait_until(lambda: not b.is_up(), 10, "b has no Child SA")
    expect(a.why(), "status of the initiator gives no reason")


def expired_certificates(lab, whose):
    s = sites(lab)
    folder = lab.folder + "/ca"
    made = certs.make(folder, "ecdsa", [s.a.id, s.b.id])
    made[whose] = certs.leaf(folder, "ecdsa", whose, certs.EXPIRED)
    a = with_certs(lab, s.a, s.b, made[s.a.id], made["ca"])
    b = with_certs(lab, s.b, s.a, made[s.b.id], made["ca"])
    refused(lab, a, b, b if whose == s.a.id else a, "certificate", "expired")


class Web:
    """A server for HTTP beside a gateway, with what it has in its folder."""

    def __init__(self, lab, host, files):
        self.lab, self.host = lab, host
        self.folder = os.path.dirname(lab.file("web/index.html", "nothing"))
        for name, octets in files.items():
            self.put(name, octets)
        self.process = host.start(["python3", "-m", "http.server", "-d", self.folder, "8080"],
                                  "web")
        self.process.wait_for("Serving", 10)

    def put(self, name, octets):
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(octets)

    def asked(self, name):
        return self.process.output().count(f"GET /{name} ")


def der(text):
    """The octets of a PEM file's first object."""
    return ssl.PEM_cert_to_DER_cert(text)


def fetched_by_url(lab):
    """Over HTTP: A's certificate by Hash and URL, and B's list of its CA, kept fresh; it is refused
    by that once it is revoked. The fetch process may die. A asks an OCSP responder about B."""
    s = sites(lab)
    folder = lab.folder + "/ca"
    made = certs.make(folder, "ecdsa", [s.a.id, s.b.id])
    web = Web(lab, s.b.gateway, {"a.der": der(made[s.a.id][0]), "ca.crl": certs.crl(folder, "ecdsa")})
    url = f"http://{s.b.address}:8080"
    ocsp = f"http://{s.b.address}:8081"
    certs.know(folder, "ecdsa", s.b.id)
    words = ["openssl", *certs.ocsp_words(folder, "ecdsa"), "-port", "8081"]
    responder = s.b.gateway.start(words, "responder")
    responder.wait_for("ACCEPT", 10)
    lines = CERT + [f'cert-url = "{url}/a.der"', f'ocsp-url = "{ocsp}"', "revocation = strict"]
    text = config(s.a, s.b, lines) + "fetch { private = yes }\n"
    a = Postern(lab, s.a.gateway, text, psk=None,
                files={"own.pem": (made[s.a.id][0], 0o644), "own.key": (made[s.a.id][1], 0o600),
                       "ca.pem": (made["ca"], 0o644)})
    b = with_certs(lab, s.b, s.a, made[s.b.id], made["ca"])
    lines = CERT + [f'crl-url = "{url}/ca.crl"', "revocation = strict", "cert-lookup = yes"]
    text = config(s.b, s.a, lines)
    b.reconfigure(text + "fetch { private = yes }\n")
    b.start()
    logged(b, rf"CRL {url}/ca.crl fetched, \d+ octets")
    a.start()
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    logged(b, rf"certificate {url}/a.der fetched, \d+ octets")
    logged(a, rf"OCSP response {ocsp} fetched, \d+ octets")
    expect(web.asked("ca.crl") == 1, "the list was not kept")
    # Another one takes its place, and fetches the list anew; the tunnel does not notice.
    pid = children_of_pid(children_of(b)["posternd-minder"])["posternd-fetch"]
    os.kill(pid, signal.SIGKILL)
    logged(b, rf"the fetch process \({pid}\) was killed: Killed; another is started")
    certs.revoke(folder, "ecdsa", s.a.id)
    web.put("ca.crl", certs.crl(folder, "ecdsa"))
    wait_until(lambda: b.log().count("ca.crl fetched") == 2, 10, "the list is fetched again")
    s.a.lan.ping(s.b.host4, check=True)
    a.cli("down", "office")
    b.wait_down()
    refused_now(a, b, "has been revoked")


def logged(daemon, pattern):
    wait_until(lambda: re.search(pattern, daemon.log()), 10, f"{pattern} in the log")


def refused_now(a, b, why):
    done = a.cli("up", "office", check=False)
    expect(done.returncode != 0, f"`postern up` succeeded: {done.stdout.strip()[-200:]}")
    log_says(b, why)


def expired_initiator(lab):
    """The initiator's certificate has expired: the responder refuses it."""
    expired_certificates(lab, "gw-a.example")


def expired_responder(lab):
    """The responder's certificate has expired: the initiator refuses it."""
    expired_certificates(lab, "gw-b.example")


def unknown_ca(lab):
    """The responder's certificate is by a CA that the initiator does not know."""
    s = sites(lab)
    made = certs.make(lab.folder + "/ca", "ecdsa", [s.a.id, s.b.id])
    other = certs.make(lab.folder + "/other", "ecdsa", [s.b.id])
    a = with_certs(lab, s.a, s.b, made[s.a.id], made["ca"])
    b = with_certs(lab, s.b, s.a, other[s.b.id], made["ca"])
    refused(lab, a, b, a, "certificate", "issuer|CA")


def wrong_name(lab):
    """A good certificate, but for another name than the peer says is its own."""
    s = sites(lab)
    made = certs.make(lab.folder + "/ca", "ecdsa", [s.a.id, s.b.id])
    a = with_certs(lab, s.a, s.b, made[s.a.id], made["ca"])
    text = config(s.b, s.a, CERT).replace(f'remote-id = "{s.a.id}"', "remote-id = any")
    b = with_certs(lab, s.b, s.a, made[s.b.id], made["ca"])
    b.reconfigure(text)
    b.start()
    a.start()
    a.cli("fault", "set", "wrong-id")
    done = a.cli("up", "office", check=False)
    expect(done.returncode != 0 and not a.is_up() and not b.is_up(), "the tunnel is up")
    says(done.stdout, "AUTHENTICATION_FAILED", who="`postern up`")
    log_says(b, "certificate")
    # The same peer with its own name gets in.
    a.cli("fault", "clear")
    a.up(seconds=40)
    s.a.lan.ping(s.b.host4, check=True)


def certificate_of_another_name(lab):
    """A certificate of ours that is not for local-id: posternd does not start, and says so."""
    s = sites(lab)
    made = certs.make(lab.folder + "/ca", "ecdsa", [s.a.id, s.b.id])
    must_end(with_certs(lab, s.a, s.b, made[s.b.id], made["ca"]).start(ready=False),
             r"own\.pem", "local-id")


def private_key_missing_or_open(lab):
    """A private key that is not there, or that others can read: named, and nothing runs."""
    s = sites(lab)
    made = certs.make(lab.folder + "/ca", "ecdsa", [s.a.id])
    files = {"own.pem": (made[s.a.id][0], 0o644), "ca.pem": (made["ca"], 0o644)}
    must_end(Postern(lab, s.a.gateway, config(s.a, s.b, CERT), files, psk=None)
             .start(ready=False), r"own\.key", "No such file")
    files["own.key"] = (made[s.a.id][1], 0o640)
    must_end(Postern(lab, s.a.gateway, config(s.a, s.b, CERT), files, psk=None)
             .start(ready=False), r"own\.key", "others|permission|readable|mode")


def with_key(lab, here, there, private, peer):
    return Postern(lab, here.gateway, config(here, there, PUBKEY), psk=None,
                   files={"own.key": (private, 0o600), "peer.pub": (peer, 0o644)})


def public_keys(lab):
    """auth = pubkey, Ed25519 here and RSA there; with another key it is refused."""
    s = sites(lab)
    folder = lab.folder + "/keys"
    private, public = {}, {}
    for site, kind in ((s.a, "ed25519"), (s.b, "rsa")):
        private[site.id] = certs.make(folder, kind, [site.id])[site.id][1]
        public[site.id] = certs.public_key(folder, private[site.id])
    a = with_key(lab, s.a, s.b, private[s.a.id], public[s.b.id])
    b = with_key(lab, s.b, s.a, private[s.b.id], public[s.a.id])
    carries(lab, s, a, b)
    a.cli("down", "office")
    b.wait_down()
    lab.file(f"{b.short}/peer.pub", public[s.b.id])
    b.cli("reload")
    done = a.cli("up", "office", check=False)
    expect(done.returncode != 0 and not b.is_up(), "the tunnel is up")
    says(done.stdout, "AUTHENTICATION_FAILED", who="`postern up`")
    log_says(b, "key")


TESTS = [ecdsa_certificates, rsa_certificates_behind_a_nat, ed25519_certificates,
         ml_dsa_certificates, kem_certificates, slh_dsa_certificates, two_certificates,
         expired_initiator, expired_responder, unknown_ca, wrong_name,
         certificate_of_another_name, private_key_missing_or_open, public_keys,
         fetched_by_url]

if __name__ == "__main__":
    sys.exit(labs.main(TESTS, why_no_postern))
