"""strongSwan as a peer: charon from the folder that make-root made, in a host of the lab.

What matters about it here:
 - charon runs in a chroot, with a mount namespace of its own in which /run and /var/run (the
   control socket) are empty and /etc holds the files of this instance, so that several run from
   the one folder at a time.
 - kernel-libipsec is its data plane. It is listed before kernel-netlink: both offer the interface
   to IPsec, and the first one loaded gets it; kernel-netlink stays for addresses and routes.
 - kernel-libipsec pretends to be behind a NAT so that ESP goes over UDP. With raw_esp (since
   5.9.11) it also does ESP as protocol 50 when no NAT is there.
 - Its TUN device ipsec0 has an MTU of 1400; routes to the peer's nets are in table 220.
 - swanctl --rekey only starts a rekey and returns: the caller polls for new SPIs.
"""
import itertools
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import vici                            # noqa: E402
from common import Failed, wait_until  # noqa: E402
from peer import Peer, ROOT            # noqa: E402

FOLDER = os.path.join(ROOT, "build", "interop", "forky")
PLUGINS = ("random nonce openssl pem pkcs1 pkcs8 x509 pubkey revocation constraints aesni aes gcm "
           "ccm ctr sha1 sha2 hmac kdf drbg curve25519 chapoly kernel-libipsec kernel-netlink "
           "socket-default vici updown curl")

OCSP_PORT = 8889

# $1 the root, $2 this instance's folder. Mounts are private to this process and go with it.
START = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t tmpfs -o mode=755 run "$1/run"
mount --bind "$1/run" "$1/var/run"
mount --bind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --bind "$2/swanctl" "$1/etc/swanctl"
mount --bind "$2/strongswan.conf" "$1/etc/strongswan.conf"
exec chroot "$1" /usr/sbin/charon-systemd
"""


def version():
    with open(os.path.join(FOLDER, ".postern-root")) as f:
        return f.read().splitlines()[1]


class StrongSwan(Peer):
    kind = "strongswan"

    # Both spell a suite alike except for the ICV of AES-GCM and AES-CCM and additional key exchanges.
    def suite(self, words):
        words = re.sub(r"([gc]cm)\b", r"\g<1>16", words)
        number = itertools.count(1)
        return re.sub(r"\+(\w+)", lambda m: f"-ke{next(number)}_{m[1]}", words)

    def write_files(self):
        t = self.tunnel
        self.folder = os.path.dirname(self.lab.file(f"{self.name}/strongswan.conf",
                                                    self.strongswan_conf()))
        self.lab.file(f"{self.name}/swanctl/swanctl.conf", self.swanctl_conf())
        for sub in ("x509", "x509ca", "x509crl", "private", "conf.d", "pubkey", "rsa", "ecdsa", "pkcs8"):
            os.makedirs(os.path.join(self.folder, "swanctl", sub), exist_ok=True)
        if t.auth != "psk":
            cert, key = t.certs[t.local.id]
            end = "-----END CERTIFICATE-----\n"
            own, *above = (part + end for part in cert.split(end)[:-1])
            if "public" in t.certs:
                for site, name in (t.local, "own"), (t.remote, "peer"):
                    self.lab.file(f"{self.name}/swanctl/pubkey/{name}.pub",
                                  t.certs["public"][site.id])
            else:
                self.lab.file(f"{self.name}/swanctl/x509/own.pem", own)
            for number, ca in enumerate(above):
                self.lab.file(f"{self.name}/swanctl/x509ca/above{number}.pem", ca)
            self.lab.file(f"{self.name}/swanctl/private/own.key", key, 0o600)
            self.lab.file(f"{self.name}/swanctl/x509ca/ca.pem", t.certs["ca"])
            if "crl" in t.certs:
                self.lab.file(f"{self.name}/swanctl/x509crl/ca.crl", t.certs["crl"])

    def strongswan_conf(self):
        raw = "yes" if self.tunnel.raw_esp else "no"
        return f"""
charon-systemd {{
    load = {PLUGINS}
    filelog {{
        stderr {{
            default = 1
            ike = 2
            cfg = 2
            time_format = %H:%M:%S
            flush_line = yes
        }}
    }}
    journal {{
        default = -1
    }}
    syslog {{
        daemon {{
            default = -1
        }}
    }}
    retransmit_timeout = 2.0
    hash_and_url = {'yes' if 'url' in (self.tunnel.certs or {}) else 'no'}
    signature_authentication = {'yes' if self.tunnel.rfc7427 else 'no'}
    plugins {{
        kernel-libipsec {{
            raw_esp = {raw}
        }}
    }}
}}
"""

    def swanctl_conf(self):
        t = self.tunnel
        if t.auth == "psk":
            local = remote = "auth = psk"
            secrets = (f"secrets {{\n  ike {{\n    id-1 = {t.local.id}\n    id-2 = {t.remote.id}\n"
                       f'    secret = "{t.psk}"\n  }}\n}}\n')
        else:
            local, remote = "auth = pubkey\n      certs = own.pem", \
                            "auth = pubkey\n      cacerts = ca.pem"
            secrets = ""
        if "public" in (t.certs or {}):
            local, remote = (f"auth = pubkey\n      pubkeys = {k}.pub" for k in ("own", "peer"))
        if t.auth.endswith("-pss"):
            # It refuses any other signature of the peer, and makes no other; "ike:" so that the CA
            # may sign its certificates otherwise.
            local = local.replace("pubkey", "ike:rsa/pss-sha256-sha384-sha512")
            remote = remote.replace("pubkey", "ike:rsa/pss-sha256-sha384-sha512")
        if "crl" in (t.certs or {}):
            remote += "\n      revocation = strict"
        ocsp = ""
        if "ocsp" in (t.certs or {}):
            remote += "\n      revocation = strict"
            ocsp = "ocsp = both"
            secrets = ("authorities {\n  ca {\n    cacert = ca.pem\n"
                       f"    ocsp_uris = http://127.0.0.1:{OCSP_PORT}\n  }}\n}}\n")
        if "url" in (t.certs or {}):
            remote += "\n      revocation = strict"
            secrets = ("authorities {\n  ca {\n    cacert = ca.pem\n"
                       f"    cert_uri_base = {t.certs['url']}\n"
                       f"    crl_uris = {t.certs['url']}ca.crl\n  }}\n}}\n")
        ppk = ""
        if t.ppk_key():
            name, key = t.ppk_key()
            # As responder with a ppk_id it takes no other, and does not go on without.
            own = "" if t.ppk == "unknown" and t.local.name == "b" else f"ppk_id = {name}"
            ppk = f"{own}\n    ppk_required = {'yes' if t.ppk == 'required' else 'no'}"
            secrets += f'secrets {{\n  ppk-1 {{\n    id-1 = {name}\n    secret = "{key}"\n  }}\n}}\n'
        return f"""connections {{
  {t.connection} {{
    version = 2
    local_addrs = {t.local.address}
    remote_addrs = {t.remote.seen}
    proposals = {self.suite(t.ike)}
    rekey_time = 4h
    dpd_delay = 30s
    send_cert = always
    childless = {t.childless}
    {ppk}
    {ocsp}
    fragmentation = {'yes' if t.fragmentation else 'no'}
    local {{
      id = {t.local.id}
      {local}
    }}
    remote {{
      id = {t.remote.id}
      {remote}
    }}
    children {{
      {t.child} {{
        local_ts = {','.join(t.local_ts)}
        remote_ts = {','.join(t.remote_ts)}
        esp_proposals = {self.suite(t.esp)}
        rekey_time = 1h
      }}
    }}
  }}
}}
{secrets}"""

    def start(self):
        self.write_files()
        if "ocsp" in (self.tunnel.certs or {}):
            # What it asks about its own certificate, to bring the response to the peer.
            self.host.start([*self.tunnel.certs["responder"], "-port", str(OCSP_PORT)], "ocsp")
        self.process = self.host.start(
            ["unshare", "-m", "sh", "-c", START, "charon", FOLDER, self.folder], "charon")
        wait_until(self.answers, 20, "charon answers swanctl")
        out = self.swanctl("--load-all").stdout
        if "loaded 1 connections" not in out:
            raise Failed(f"swanctl --load-all: {out.strip()[-400:]}")

    def answers(self):
        if not self.process.running():
            raise Failed(f"charon ended: {self.process.output().strip()[-400:]}")
        try:
            return "uptime" in vici.request(self.socket(), "stats")
        except OSError:
            return False

    def socket(self):
        """charon's control socket, which lies in its own mount namespace."""
        return f"/proc/{self.process.pid}/root/run/charon.vici"

    def swanctl(self, *args, check=True, timeout=40):
        return self.host.run(["nsenter", "-t", str(self.process.pid), "-m", "-r", "-w/",
                              "/usr/sbin/swanctl", *args], check=check, timeout=timeout)

    def initiate(self, seconds=20):
        self.swanctl("--initiate", "--ike", self.tunnel.connection, "--child", self.tunnel.child,
                     "--timeout", str(seconds), timeout=seconds + 10)

    def rekey_ike(self):
        self.swanctl("--rekey", "--ike", self.tunnel.connection)

    def rekey_child(self):
        self.swanctl("--rekey", "--child", self.tunnel.child)

    def terminate(self):
        self.swanctl("--terminate", "--ike", self.tunnel.connection)

    def status(self):
        """The newest established IKE SA and its newest installed Child SA, as Peer.status()."""
        ikes = [sa for event in vici.listing(self.socket(), "list-sas", "list-sa")
                for name, sa in event.items() if name == self.tunnel.connection]
        ikes = [s for s in ikes if s.get("state") == "ESTABLISHED"]
        result = {"ike": None, "child": None, "ikes": len(ikes), "children": 0,
                  "ppk": False}
        for ike in ikes:
            result["ike"] = (ike["initiator-spi"], ike["responder-spi"])
            result["ppk"] = ike.get("ppk") == "yes"
            for child in ike.get("child-sas", {}).values():
                if child.get("state") == "INSTALLED":
                    result["children"] += 1
                    result["child"] = (child["spi-in"], child["spi-out"])
                    result["bytes"] = (int(child["bytes-in"]), int(child["bytes-out"]))
                    result["encap"] = child.get("encap") == "yes"
                    result["own_ke"] = "dh-group" in child
        return result
