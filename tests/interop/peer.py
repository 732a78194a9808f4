"""What an IKE implementation must be able to do to take part in the interop tests."""
import dataclasses
import os
import types

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclasses.dataclass
class Tunnel:
    """One side's view of a tunnel. local and remote are sites (tests/lab/sites.py). Suites are in
    the words that Postern and strongSwan share; peers translate the few that differ."""
    local: types.SimpleNamespace
    remote: types.SimpleNamespace
    auth: str              # psk, or the kind of certificate (certs.py); "ecdsa+mldsa65": two
                           # (run_interop.py has the words after a dash). certs may hold "crl", a
                           # list in DER: strict about revocation; and "ocsp", responses in DER:
                           # each side wants one in IKE_AUTH, and does without lists. "public":
                           # the ends' public keys in PEM, known to both: no certificates; "url":
                           # under it each certificate, called by its SHA-1, which goes instead
    ike: str
    esp: str
    local_ts: list
    remote_ts: list
    certs: dict = None
    psk: str = "correct horse battery staple"
    raw_esp: bool = True
    fragmentation: bool = True
    rfc7427: bool = True  # False: strongSwan knows the old methods of AUTH only
    childless: str = "allow"  # or prefer: the IKE SA comes up without a Child SA (RFC 6023)
    weak: bool = False  # Postern takes and makes signatures with SHA-1
    ppk: str = "never"  # or allow, required, unknown: allow, but each end has one of its own
    downgrade_prevention: str = "yes"  # what Postern demands; strongSwan 6.1 does not know it
    connection: str = "office"
    child: str = "net"


    def ppk_key(self):
        """(identity, key) of the PPK of this end, or None."""
        if self.ppk == "never":
            return None
        own = f"-{self.local.name}" if self.ppk == "unknown" else ""
        return f"ppk{own}@example.org", f"a post-quantum key of 36 octets or so{own}"


class Peer:
    """An IKE daemon on a gateway. self.process is its Process once it was started."""

    kind = ""

    def __init__(self, lab, tunnel):
        self.lab, self.tunnel = lab, tunnel
        self.host = tunnel.local.gateway
        self.name = f"{self.kind}-{tunnel.local.name}"
        self.process = None

    def start(self):
        """Writes the files, starts the daemon, returns when it answers."""
        raise NotImplementedError

    def initiate(self, seconds=20):
        """Brings the connection and its child up, Failed when it does not come."""
        raise NotImplementedError

    def rekey_ike(self):
        """Starts a rekey of the IKE SA; status() shows when it is done."""
        raise NotImplementedError

    def rekey_child(self):
        raise NotImplementedError

    def terminate(self):
        """Deletes the IKE SA, which tells the peer."""
        raise NotImplementedError

    def status(self):
        """{"ike": a value that a rekey of the IKE SA changes, or None when there is none,
        "child": likewise, "ikes": how many are established, "children": how many are installed,
        "own_ke": the Child SA had a key exchange of its own, "ppk": a PPK is in its keys; and where
        it is told, "proof": by what the peer proved who it is}"""
        raise NotImplementedError

    def stop(self):
        return self.process.stop()
