"""Postern as a peer of the interop tests."""
import certs
import postern
from peer import Peer


class Postern(Peer):
    kind = "postern"

    def start(self):
        t = self.tunnel
        files = {}
        if t.auth == "psk":
            auth = ["auth = psk"]
            secret = f'secret "{t.local.id}" "{t.remote.id}" {{ psk-file = "office.psk" }}'
        else:
            auth = ["auth = cert", 'cert = "own.pem"', 'key = "own.key"', 'ca = "ca.pem"']
            secret = ""
            cert, key = t.certs[t.local.id]
            files = {"own.pem": (cert, 0o644), "own.key": (key, 0o600),
                     "ca.pem": (t.certs["ca"], 0o644)}
            if "better" in t.certs:
                cert, key = t.certs["better"][t.local.id]
                auth = ["auth = cert", 'cert = { "better.pem", "own.pem" }',
                        'key = { "better.key", "own.key" }', 'ca = { "ca.pem", "better-ca.pem" }']
                files["better.pem"] = (cert, 0o644)
                files["better.key"] = (key, 0o600)
                files["better-ca.pem"] = (t.certs["better"]["ca"], 0o644)
            if "public" in t.certs:
                auth = ["auth = pubkey", 'key = "own.key"', 'remote-pubkey = "peer.pub"']
                files["peer.pub"] = (t.certs["public"][t.remote.id], 0o644)
            if "mlkem" in t.auth:
                auth.append("kem-auth = yes")
            if "crl" in t.certs:
                auth += ['crl = "ca.crl"', "revocation = strict"]
                files["ca.crl"] = (t.certs["crl"], 0o644)
            if "ocsp" in t.certs:
                auth += ['ocsp-response = "own.ocsp"', "ocsp = require", "revocation = strict"]
                files["own.ocsp"] = (t.certs["ocsp"][t.local.id], 0o644)
            if t.weak:
                auth.append("weak-signatures = yes")
            if "url" in t.certs:
                auth += [f'cert-url = "{t.certs["url"]}{certs.sha1(cert)}"', "cert-lookup = yes",
                         f'crl-url = "{t.certs["url"]}ca.crl"', "revocation = strict"]
                secret = "fetch { private = yes }"
        ppk = []
        if t.ppk_key():
            name, key = t.ppk_key()
            ppk = [f"ppk = {'allow' if t.ppk == 'unknown' else t.ppk}", f'ppk-id = "{name}"']
            secret += f'\nppk "{name}" {{ ppk-file = "office.ppk" }}'
            files["office.ppk"] = (key, 0o600)
        config = "\n".join([
            f"connection {t.connection} {{",
            f"    local  = {postern.quote(t.local.address)}",
            f"    remote = {postern.quote(t.remote.seen)}",
            f'    local-id  = "{t.local.id}"',
            f'    remote-id = "{t.remote.id}"',
            *(f"    {line}" for line in auth + ppk),
            f'    ike = "{t.ike}"',
            f"    encap = {'no' if t.raw_esp else 'yes'}",
            f"    childless = {t.childless}",
            f"    downgrade-prevention = {t.downgrade_prevention}",
            f"    child {t.child} {{",
            f"        local-ts  = {{ {', '.join(postern.quote(s) for s in t.local_ts)} }}",
            f"        remote-ts = {{ {', '.join(postern.quote(s) for s in t.remote_ts)} }}",
            f'        esp = "{t.esp}"',
            "        start = manual",
            "    }",
            "}",
            secret,
            ""])
        self.daemon = postern.Postern(self.lab, self.host, config, files, psk=t.psk)
        self.daemon.start()
        self.process = self.daemon.process

    def initiate(self, seconds=20):
        self.daemon.up(self.tunnel.connection, seconds)

    def rekey_ike(self):
        self.daemon.cli("rekey", self.tunnel.connection)

    def rekey_child(self):
        self.daemon.cli("rekey", self.tunnel.connection, self.tunnel.child)

    def terminate(self):
        self.daemon.cli("down", self.tunnel.connection)

    def status(self):
        t = self.tunnel
        up = self.daemon.is_up(t.connection, t.child)
        ike = self.daemon.ike_spis(t.connection)
        ke = t.esp.split("-")[-1]
        return {"ike": ike if any(ike) else None,
                "proof": self.daemon.sa(t.connection).get("remote_auth"),
                "ppk": up and self.daemon.sa(t.connection).get("ppk") == "RFC 8784",
                "transcript": self.daemon.sa(t.connection).get("downgrade_prevention"),
                "own_ke": ke in self.daemon.child(t.connection, t.child).get("algorithms", ""),
                "child": self.daemon.spis(t.connection, t.child) if up else None,
                "ikes": 1 if any(ike) else 0, "children": 1 if up else 0}
