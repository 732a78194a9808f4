"""Certificates for the interop tests, made by the openssl command in a folder of the test."""
import os
import subprocess

# How `openssl req` makes a key of each kind.
KINDS = {
    "rsa": ["rsa:3072"],
    "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["ed25519"],
}


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, timeout=60, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def make(folder, kind, identities):
    """A CA of that kind and a certificate for each identity, a host name that stands in the
    subjectAltName (RFC 4945 3.1 wants the ID payload's FQDN there). Gives
    {"ca": PEM, identity: (certificate PEM, private key PEM in PKCS#8)}."""
    os.makedirs(folder, exist_ok=True)
    ca, ca_key = (os.path.join(folder, f"{kind}-ca.{e}") for e in ("pem", "key"))
    openssl("req", "-x509", "-noenc", "-newkey", *KINDS[kind], "-keyout", ca_key, "-out", ca,
            "-days", "30", "-subj", f"/O=Example/CN=Test CA {kind}",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    made = {"ca": read(ca)}
    for identity in identities:
        pem, key = (os.path.join(folder, f"{kind}-{identity}.{e}") for e in ("pem", "key"))
        openssl("req", "-x509", "-noenc", "-newkey", *KINDS[kind], "-keyout", key, "-out", pem,
                "-CA", ca, "-CAkey", ca_key, "-days", "30", "-subj", f"/O=Example/CN={identity}",
                "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "keyUsage=critical,digitalSignature",
                "-addext", f"subjectAltName=DNS:{identity}")
        made[identity] = (read(pem), read(key))
    return made


def read(path):
    with open(path) as f:
        return f.read()
