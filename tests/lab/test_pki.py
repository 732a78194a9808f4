#!/usr/bin/env python3
"""`postern pki`: what it writes is what the openssl command reads and believes, it overwrites
nothing, and two posternd make a tunnel of what it has issued."""
import glob
import json
import os
import re
import subprocess
import sys

import lab as labs
from common import Failed, expect, wait_until
from postern import BUILD, Postern, psk_config, why_no_postern
from sites import sites

POSTERN = os.path.join(BUILD, "src/cli/postern")


def run(args, folder, check=True):
    done = subprocess.run(args, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    if check and done.returncode != 0:
        raise Failed(f"'{' '.join(args)}' ended with {done.returncode}: {done.stdout.strip()}")
    return done


class Pki:
    """A folder in which the command is run."""

    def __init__(self, lab, name="team"):
        self.folder = os.path.join(lab.folder, name)
        os.makedirs(self.folder)

    def pki(self, *args):
        return run([POSTERN, "pki", *args], self.folder).stdout

    def fails(self, *args, status=1, says=""):
        """The command refuses with this status and words, and leaves every file as it was."""
        before = self.files()
        done = run([POSTERN, "pki", *args], self.folder, check=False)
        expect(done.returncode == status, f"pki {args} ended with {done.returncode}, not {status}:"
                                          f" {done.stdout}")
        expect(re.search(says, done.stdout), f"pki {args} says not '{says}': {done.stdout}")
        expect(self.files() == before, f"pki {args} changed files though it failed")

    def openssl(self, *args, check=True):
        return run(["openssl", *args], self.folder, check).stdout

    def files(self):
        """{path: (mode, octets)} of everything, also of what is hidden."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            found[os.path.relpath(folder, self.folder)] = os.stat(folder).st_mode
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    found[os.path.relpath(path, self.folder)] = os.readlink(path)
                    continue
                with open(path, "rb") as f:
                    found[os.path.relpath(path, self.folder)] = (os.stat(path).st_mode, f.read())
        return found

    def mode(self, path):
        return os.stat(os.path.join(self.folder, path)).st_mode & 0o777

    def text(self, path):
        return self.openssl("x509", "-noout", "-text", "-in", path)


def every_kind_of_key(lab):
    """A CA of each family certifies keys; openssl verifies the chain, reads the key, and finds what
    RFC 4945 and RFC 9935 want."""
    p = Pki(lab)
    for ca, kinds in (("mldsa44", ["mldsa87", "mlkem768"]), ("slhdsa-sha2-128f", [None]),
                      ("ecdsa-p384", ["ecdsa-p521", "mlkem1024"]), ("ed448", ["ed25519"]),
                      ("rsa2048", ["rsa2048"])):
        folder = f"ca-{ca}"
        p.pki("init", "--dir", folder, "--key", ca, f"CA by {ca}")
        for kind in kinds:
            p.pki("issue", "--dir", folder, *(["--key", kind] if kind else []), f"{kind}.example",
                  "192.0.2.7", "2001:db8::7", "admin@x.example")
            base = f"{folder}/{kind}.example/{kind}.example"
            p.openssl("verify", "-x509_strict", "-CAfile", f"{folder}/{kind}.example/ca.pem",
                      f"{base}.pem")
            p.openssl("pkey", "-in", f"{base}.key", "-noout")
            expect(p.openssl("pkey", "-in", f"{base}.key", "-pubout") ==
                   p.openssl("x509", "-in", f"{base}.pem", "-noout", "-pubkey"),
                   f"{kind}: the key is not that of the certificate")
            text = p.text(f"{base}.pem")
            usage = "Key Encipherment" if kind and "kem" in kind else "Digital Signature"
            for pattern in (rf"Key Usage: critical\s+{usage}\n", r"CA:FALSE",
                            rf"DNS:{kind}.example, IP Address:192.0.2.7, "
                            r"IP Address:2001:DB8:0:0:0:0:0:7, email:admin@x.example"):
                expect(re.search(pattern, text), f"{kind}: no '{pattern}' in {text}")
            expect("Extended Key Usage" not in text, f"{kind}: there is an extendedKeyUsage")
        expect(re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign\n",
                         p.text(f"{folder}/ca.pem")), f"{ca}: keyUsage of the CA")


def files_and_modes(lab):
    """Private keys are closed, whatever the umask; the printed lines name files that are there."""
    p = Pki(lab)
    old = os.umask(0)
    try:
        p.pki("init", "--key", "ecdsa-p256", "Team CA")
        said = p.pki("issue", "gw-a.example")
    finally:
        os.umask(old)
    modes = {"pki": 0o700, "pki/ca.key": 0o600, "pki/ca.pem": 0o644, "pki/index": 0o600,
             "pki/crl.pem": 0o644, "pki/gw-a.example": 0o700, "pki/certs": 0o700,
             "pki/gw-a.example/gw-a.example.key": 0o600, "pki/gw-a.example/ca.pem": 0o644}
    for path, mode in modes.items():
        expect(p.mode(path) == mode, f"{path} has mode {p.mode(path):o}")
    for name in re.findall(r'^    (?:cert|key|ca) +?= "(.*)"$', said, re.MULTILINE):
        expect(os.path.exists(f"{p.folder}/pki/gw-a.example/{name}"), f"no {name}")
    expect(len(re.findall(r'"', said)) == 8, f"not four texts in quotes: {said}")
    # One number per certificate, in the index, in the file's name and in the certificate.
    serial = json.loads(p.pki("show", "--json"))["issued"][0]["serial"]
    expect(serial in p.openssl("x509", "-noout", "-serial", "-in", f"pki/certs/{serial}.pem"),
           "another serial number in the certificate")
    expect(serial in p.pki("show", "gw-a.example") and
           "gw-a.example" in p.pki("show", f"pki/certs/{serial}.pem"), "pki show")


def nothing_is_overwritten(lab):
    """A second CA, a second certificate of a name, a folder that holds something: all refused."""
    p = Pki(lab)
    p.pki("init", "--key", "ed25519", "Team CA")
    p.pki("issue", "gw-a.example")
    p.fails("init", "Other CA", says="pki: it is there already")
    p.fails("issue", "gw-a.example", says="pki/gw-a.example: it is there already")
    os.mkdir(f"{p.folder}/full")
    with open(f"{p.folder}/full/gw-a.example.key", "w") as f:
        f.write("precious")
    os.symlink("nowhere", f"{p.folder}/link")
    p.fails("issue", "--out", "full", "gw-a.example", says="full: it is there already")
    p.fails("issue", "--out", "link", "gw-a.example", says="link: it is there already")
    p.fails("issue", "--out", "pki/ca.key", "gw-a.example", says="it is there already")
    p.fails("init", "--dir", "full", "Other CA", says="full: it is there already")
    # An empty folder holds nothing to be lost.
    os.mkdir(f"{p.folder}/empty")
    p.pki("issue", "--out", "empty/", "gw-a.example")
    expect(sorted(os.listdir(f"{p.folder}/empty")) ==
           ["ca.pem", "gw-a.example.key", "gw-a.example.pem"], "what --out laid down")


def wrong_words(lab):
    """What is wrong on the command line or in the files is said, and nothing changes."""
    p = Pki(lab)
    p.fails("issue", "gw-a.example", says="no CA; make one by: postern pki init")
    p.fails("show", says="no CA")
    p.pki("init", "--key", "ed25519", "Team CA")
    for args, status, says in (
            ([], 2, "usage"), (["sign"], 2, "no verb"), (["init"], 2, "usage: postern pki init"),
            (["issue"], 2, "usage"), (["issue", "--days", "0", "x.example"], 2, "--days"),
            (["issue", "--reason", "superseded", "x.example"], 2, "not for this verb"),
            (["issue", "--nonsense", "x.example"], 2, "nonsense"),
            (["issue", "--key", "dsa", "x.example"], 1, "dsa: no key of this kind"),
            (["issue", "bad name"], 1, "host name"), (["issue", ""], 1, "empty"),
            (["issue", "keyid:x"], 1, "key identifier"), (["issue", "x" * 65], 1, "64 characters"),
            (["issue", "x.example", "CN=x"], 1, "distinguished name"),
            (["issue", "--public-key", "none.pem", "x.example"], 1, "none.pem: No such file"),
            (["issue", "--public-key", "pki/ca.key", "x.example"], 1, "no public key"),
            (["issue", "--public-key", "p", "--key", "ed448", "x.example"], 2, "not both"),
            (["issue", "--out", "no/where", "x.example"], 1, "No such file"),
            (["init", "--dir", "new", "--key", "mlkem768", "X"], 1, "cannot sign"),
            (["init", "--dir", "new", "a\nb"], 2, "control"),
            (["init", "--dir", "..", "X"], 1, "no name"),
            (["revoke", "x.example"], 1, "no certificate"),
            (["revoke", "--reason", "boredom", "x.example"], 2, "boredom is no reason")):
        p.fails(*args, status=status, says=says)
    os.chmod(f"{p.folder}/pki/ca.key", 0o640)
    p.fails("issue", "x.example", says="others may read it")
    os.chmod(f"{p.folder}/pki/ca.key", 0o600)
    p.pki("init", "--dir", "other", "--key", "ed25519", "Team CA")
    os.rename(f"{p.folder}/other/ca.key", f"{p.folder}/pki/ca.key")
    p.fails("issue", "x.example", says="not the key of ca.pem")
    with open(f"{p.folder}/pki/index", "a") as f:
        f.write("7F01 go")
    p.fails("show", says="index: line 4 cannot be read")


def revocation(lab):
    """A revoked certificate is on the list, with its reason; lists are numbered and have an end."""
    p = Pki(lab)
    p.pki("init", "--key", "ecdsa-p256", "Team CA")
    verify = ("verify", "-crl_check", "-CAfile", "pki/ca.pem", "-CRLfile", "pki/crl.pem")
    for name in ("gw-a.example", "gw-b.example"):
        p.pki("issue", name)
        p.openssl(*verify, f"pki/{name}/{name}.pem")
    p.pki("revoke", "--reason", "key-compromise", "gw-a.example")
    expect("certificate revoked" in p.openssl(*verify, "pki/gw-a.example/gw-a.example.pem",
                                              check=False), "not revoked")
    p.openssl(*verify, "pki/gw-b.example/gw-b.example.pem")
    p.pki("crl", "--days", "7")
    text = p.openssl("crl", "-noout", "-text", "-in", "pki/crl.pem", "-CAfile", "pki/ca.pem")
    for pattern in (r"verify OK", r"CRL Number:\s+3\s", r"Next Update: ", r"Key Compromise",
                    r"Authority Key Identifier"):
        expect(re.search(pattern, text), f"no '{pattern}' in {text}")
    p.fails("revoke", "gw-a.example", says="no certificate")
    serial = json.loads(p.pki("show", "--json"))["issued"][0]["serial"]
    p.fails("revoke", serial, says="revoked already")
    # Of two of one name, the number tells which.
    p.pki("issue", "--out", "new-b", "gw-b.example")
    p.fails("revoke", "gw-b.example", says="2 certificates have this name")
    p.pki("revoke", json.loads(p.pki("show", "--json"))["issued"][1]["serial"].lower())
    p.pki("revoke", "gw-b.example")
    states = [i["state"].split()[0] for i in json.loads(p.pki("show", "--json"))["issued"]]
    expect(states == ["revoked"] * 3, f"states {states}")


def public_keys_from_elsewhere(lab):
    """A request, and a KEM's public key, which can sign none: the private key never comes here."""
    p = Pki(lab)
    p.pki("init", "Team CA")
    p.openssl("req", "-new", "-newkey", "ML-DSA-44", "-noenc", "-keyout", "own.key", "-out",
              "own.req", "-subj", "/CN=somebody else")
    p.pki("issue", "--public-key", "own.req", "gw-a.example")
    p.openssl("genpkey", "-algorithm", "ML-KEM-512", "-out", "kem.key")
    p.openssl("pkey", "-in", "kem.key", "-pubout", "-out", "kem.pub")
    p.pki("issue", "--public-key", "kem.pub", "gw-b.example")
    for name, key in (("gw-a.example", "own.key"), ("gw-b.example", "kem.key")):
        expect(sorted(os.listdir(f"{p.folder}/pki/{name}")) == ["ca.pem", f"{name}.pem"],
               f"files for {name}")
        expect(p.openssl("x509", "-noout", "-pubkey", "-in", f"pki/{name}/{name}.pem") ==
               p.openssl("pkey", "-in", key, "-pubout"), f"another key for {name}")
        expect(f"CN={name}" in p.text(f"pki/{name}/{name}.pem"), "the request's name was taken")
    with open(f"{p.folder}/own.req") as f:
        lines = f.read().splitlines()
    lines[-3] = ("A" if lines[-3][0] != "A" else "B") + lines[-3][1:]
    with open(f"{p.folder}/bad.req", "w") as f:
        f.write("\n".join(lines) + "\n")
    p.fails("issue", "--public-key", "bad.req", "gw-c.example", says="signature on the request")


def a_ca_under_another(lab):
    """An intermediate CA: what it issues goes with it, and leads to the root; none below it."""
    p = Pki(lab)
    p.pki("init", "--key", "ecdsa-p256", "Root CA")
    p.pki("init", "--dir", "site", "--under", "pki", "--key", "ed25519", "Site CA")
    p.pki("issue", "--dir", "site", "gw-a.example")
    with open(f"{p.folder}/site/gw-a.example/gw-a.example.pem") as f:
        expect(f.read().count("BEGIN CERTIFICATE") == 2, "the chain is not with the certificate")
    p.openssl("verify", "-x509_strict", "-CAfile", "site/gw-a.example/ca.pem", "-untrusted",
              "site/gw-a.example/gw-a.example.pem", "site/gw-a.example/gw-a.example.pem")
    expect("Root CA" in p.text("site/gw-a.example/ca.pem"), "ca.pem is not the root")
    p.fails("init", "--dir", "deep", "--under", "site", "Deep CA", says="no CA below it")
    p.pki("revoke", "--reason", "ca-compromise", "Site CA")
    expect("certificate revoked" in
           p.openssl("verify", "-crl_check", "-CAfile", "pki/ca.pem", "-CRLfile", "pki/crl.pem",
                     "site/ca.pem", check=False), "the intermediate CA is not revoked")


def disk_full(lab):
    """On a full disk nothing half written stays, and the CA is as it was."""
    p = Pki(lab)
    run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", p.folder], "/")
    try:
        p.pki("init", "--key", "ecdsa-p256", "Team CA")
        p.pki("issue", "gw-a.example")
        filler = os.open(f"{p.folder}/filler", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            while True:
                os.write(filler, bytes(512))
        except OSError:
            pass
        os.close(filler)
        p.fails("issue", "gw-b.example", says="No space left")
        p.fails("revoke", "gw-a.example", says="No space left")
        p.fails("crl", says="No space left")
        p.fails("init", "--dir", "other", "Other CA", says="No space left")
        os.unlink(f"{p.folder}/filler")
        p.pki("revoke", "gw-a.example")
        p.pki("issue", "gw-b.example")
        left = glob.glob(f"{p.folder}/**/.*", recursive=True)
        expect(not left, f"left behind: {left}")
    finally:
        run(["umount", p.folder], "/")


class Gateway:
    """A posternd with what was issued for it, by the very lines that the command printed."""

    def __init__(self, lab, p, here, there, more=(), days="365"):
        self.p, self.here, self.there, self.days = p, here, there, days
        self.daemon = Postern(lab, here.gateway, "", psk=None)
        self.lines = self.issue()
        self.daemon.reconfigure(self.config(more))

    def issue(self):
        """Issues a certificate and copies its files; gives the configuration's lines."""
        out = f"{self.here.name}{len(self.p.files())}"
        said = self.p.pki("issue", "--days", self.days, "--out", out, self.here.id)
        for name in os.listdir(f"{self.p.folder}/{out}"):
            self.copy(f"{out}/{name}", name)
        return re.findall(r'^    ((?:auth|cert|key|ca) +?= .*)$', said, re.MULTILINE)

    def copy(self, path, name):
        with open(f"{self.p.folder}/{path}") as f:
            self.daemon.lab.file(f"{self.daemon.short}/{name}", f.read(), self.p.mode(path))

    def config(self, more=()):
        text = psk_config(self.here, self.there, connection_lines=[*self.lines, *more])
        return text.replace("    auth = psk\n", "").split("secret ")[0]


def tunnel(lab):
    """Two gateways with ML-DSA certificates of a CA that took three commands to make. Renewed
    certificates are taken by a reload, and the tunnel stays up."""
    s, p = sites(lab), Pki(lab)
    p.pki("init", "Team CA")
    gateways = [Gateway(lab, p, s.a, s.b, days="20"), Gateway(lab, p, s.b, s.a)]
    a, b = (g.daemon for g in gateways)
    b.start()
    a.start()
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    before, child = a.ike_spis(), a.spis()
    # Twenty days to the second, if this is still the second in which it was issued.
    soon = r"our certificate CN=gw-a.example is over in (19|20) d"
    a.wait_log(soon)
    expect(re.search(soon, a.cli("status").stdout), "status does not tell of the expiry")
    expect("is over" not in b.log() + b.cli("status").stdout, "b has a whole year")
    for g in gateways:
        g.days = "365"
        g.issue()
        g.daemon.cli("reload")
    expect("is over" not in a.cli("status").stdout, "status tells of the old certificate")
    expect((a.ike_spis(), a.spis()) == (before, child) and b.is_up(), "the tunnel went down")
    a.cli("reauth", "office")
    wait_until(lambda: a.ike_spis() != before and a.ike_spis()[0] and a.is_up() and b.is_up(), 20,
               "another IKE SA with the renewed certificates")
    s.a.lan.ping(s.b.host4, check=True)


def revoked_peer(lab):
    """A list from a file, read again by a reload: a revoked peer is refused; with
    revocation = strict, so is one whom no list covers."""
    s, p = sites(lab), Pki(lab)
    p.pki("init", "--key", "ecdsa-p256", "Team CA")
    ga = Gateway(lab, p, s.a, s.b)
    gb = Gateway(lab, p, s.b, s.a, ["revocation = strict"])
    a, b = ga.daemon, gb.daemon
    b.start()
    a.start()

    def refused(pattern):
        done = a.cli("up", "office", check=False)
        expect(done.returncode != 0 and not a.is_up() and not b.is_up(), "the tunnel is up")
        expect("AUTHENTICATION_FAILED" in done.stdout, done.stdout)
        b.wait_log(pattern)

    refused("no revocation list of CN=Team CA")
    gb.copy("pki/crl.pem", "crl.pem")
    b.reconfigure(gb.config(['crl = "crl.pem"', "revocation = strict"]))
    b.cli("reload")
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    a.cli("down", "office")
    p.pki("revoke", s.a.id)
    gb.copy("pki/crl.pem", "crl.pem")
    b.cli("reload")
    refused("certificate of CN=gw-a.example has been revoked")
    # What is no list of the CA is an error of the configuration, and nothing changes.
    other = Pki(lab, "other")
    other.pki("init", "--key", "ecdsa-p256", "Team CA")
    with open(f"{other.folder}/pki/crl.pem") as f:
        lab.file(f"{b.short}/crl.pem", f.read())
    done = b.cli("reload", check=False)
    expect(done.returncode == 1 and "has not signed it" in done.stdout, done.stdout)
    refused("certificate of CN=gw-a.example has been revoked")


TESTS = [every_kind_of_key, files_and_modes, nothing_is_overwritten, wrong_words, revocation,
         public_keys_from_elsewhere, a_ca_under_another, disk_full, tunnel, revoked_peer]

if __name__ == "__main__":
    sys.exit(labs.main(TESTS, why_no_postern))
