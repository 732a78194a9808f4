"""Certificates for the tests, made by the openssl command in a folder of the test."""
import hashlib
import os
import ssl
import subprocess

# How `openssl req` makes a key of each kind.
KINDS = {
    "rsa": ["rsa:3072"],
    "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["ed25519"],
    "mldsa65": ["ml-dsa-65"],
    "slhdsa": ["slh-dsa-sha2-256f"],
}


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, timeout=60, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def make(folder, kind, identities):
    """A CA of that kind and a certificate for each identity, a host name that stands in the
    subjectAltName (RFC 4945 3.1 wants the ID payload's FQDN there). Gives
    {"ca": PEM, identity: (certificate PEM, private key PEM in PKCS#8)}."""
    made = {"ca": authority(folder, kind)}
    for identity in identities:
        made[identity] = leaf(folder, kind, identity)
    return made


def authority(folder, kind):
    """Makes the folder's CA of that kind; gives its certificate."""
    os.makedirs(folder, exist_ok=True)
    ca, ca_key = (os.path.join(folder, f"{kind}-ca.{e}") for e in ("pem", "key"))
    openssl("req", "-x509", "-noenc", "-newkey", *KINDS[kind], "-keyout", ca_key, "-out", ca,
            "-days", "30", "-subj", f"/O=Example/CN=Test CA {kind}",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return read(ca)


def leaf(folder, kind, identity, validity=("-days", "30")):
    """A certificate for identity by the folder's CA of that kind, and its private key."""
    ca, ca_key = (os.path.join(folder, f"{kind}-ca.{e}") for e in ("pem", "key"))
    pem, key = (os.path.join(folder, f"{kind}-{identity}.{e}") for e in ("pem", "key"))
    openssl("req", "-x509", "-noenc", "-newkey", *KINDS[kind], "-keyout", key, "-out", pem,
            "-CA", ca, "-CAkey", ca_key, *validity, "-subj", f"/O=Example/CN={identity}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "keyUsage=critical,digitalSignature",
            "-addext", f"subjectAltName=DNS:{identity}")
    return read(pem), read(key)


def chains(folder, kind, identities):
    """As make(), but each certificate is by an intermediate CA of its own, whose certificate follows it
    in the PEM: who knows the CA alone has to be sent it."""
    made = {"ca": authority(folder, kind)}
    for identity in identities:
        below = os.path.join(folder, f"below-{identity}")
        os.makedirs(below, exist_ok=True)
        pem, key = (os.path.join(below, f"{kind}-ca.{e}") for e in ("pem", "key"))
        openssl("req", "-x509", "-noenc", "-newkey", *KINDS[kind], "-keyout", key, "-out", pem,
                "-CA", os.path.join(folder, f"{kind}-ca.pem"),
                "-CAkey", os.path.join(folder, f"{kind}-ca.key"), "-days", "30",
                "-subj", f"/O=Example/CN=CA for {identity}",
                "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        cert, private = leaf(below, kind, identity)
        made[identity] = cert + read(pem), private
    return made


EXPIRED = ("-not_before", "20200101000000Z", "-not_after", "20210101000000Z")


def crl(folder, kind):
    """A revocation list of the folder's CA of that kind, in DER, of what revoke() has revoked."""
    prepare(folder, kind)
    path = os.path.join(folder, f"{kind}.crl")
    openssl("ca", *authority_words(folder, kind), "-gencrl", "-out", path)
    openssl("crl", "-in", path, "-outform", "DER", "-out", path + ".der")
    with open(path + ".der", "rb") as f:
        return f.read()


def revoke(folder, kind, identity):
    prepare(folder, kind)
    openssl("ca", *authority_words(folder, kind), "-revoke",
            os.path.join(folder, f"{kind}-{identity}.pem"))


def know(folder, kind, identity):
    """From now on the CA's OCSP answers call the identity's certificate good, not unknown."""
    prepare(folder, kind)
    openssl("ca", *authority_words(folder, kind), "-valid",
            os.path.join(folder, f"{kind}-{identity}.pem"))


def ocsp_words(folder, kind):
    """Arguments of `openssl ocsp` that answers by the CA's own key."""
    ca, ca_key, index = (os.path.join(folder, f"{kind}{e}")
                         for e in ("-ca.pem", "-ca.key", ".index"))
    return ["ocsp", "-index", index, "-CA", ca, "-rsigner", ca, "-rkey", ca_key, "-ndays", "7"]


def ocsp(folder, kind, identity):
    """An OCSP response in DER about the identity's certificate, which has a nextUpdate."""
    path = os.path.join(folder, f"{kind}-{identity}.ocsp")
    request = path + ".req"
    openssl("ocsp", "-issuer", os.path.join(folder, f"{kind}-ca.pem"),
            "-cert", os.path.join(folder, f"{kind}-{identity}.pem"), "-no_nonce",
            "-reqout", request)
    openssl(*ocsp_words(folder, kind), "-reqin", request, "-respout", path)
    with open(path, "rb") as f:
        return f.read()


def kem_leaf(folder, kind, identity):
    """An ML-KEM-768 certificate (RFC 9935) for identity by the folder's CA, and its private key."""
    ca, ca_key = (os.path.join(folder, f"{kind}-ca.{e}") for e in ("pem", "key"))
    base = os.path.join(folder, f"kem-{identity}")
    openssl("genpkey", "-algorithm", "ML-KEM-768", "-out", base + ".key")
    openssl("pkey", "-in", base + ".key", "-pubout", "-out", base + ".pub")
    with open(base + ".ext", "w") as f:
        f.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyEncipherment\n"
                f"subjectAltName=DNS:{identity}\n")
    openssl("x509", "-new", "-force_pubkey", base + ".pub", "-CA", ca, "-CAkey", ca_key, "-days",
            "30", "-subj", f"/O=Example/CN={identity}", "-extfile", base + ".ext", "-out",
            base + ".pem")
    return read(base + ".pem"), read(base + ".key")


def prepare(folder, kind):
    """What `openssl ca` keeps beside the CA."""
    database = os.path.join(folder, f"{kind}.index")
    if os.path.exists(database):
        return
    with open(database, "w"):
        pass
    with open(os.path.join(folder, f"{kind}.cnf"), "w") as f:
        f.write(f"[ca]\ndefault_ca = d\n[d]\ndatabase = {database}\ndefault_md = sha256\n"
                "default_crl_days = 7\ncrl_extensions = e\n"
                "[e]\nauthorityKeyIdentifier = keyid:always\n")


def authority_words(folder, kind):
    ca, key, config = (os.path.join(folder, f"{kind}{e}") for e in ("-ca.pem", "-ca.key", ".cnf"))
    return "-config", config, "-cert", ca, "-keyfile", key


def public_key(folder, private_key):
    """The public key of a private one, both in PEM."""
    path = os.path.join(folder, "private.key")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(private_key)
    openssl("pkey", "-in", path, "-pubout", "-out", path + ".pub")
    return read(path + ".pub")


def sha1(pem):
    """The hash of a certificate in PEM that RFC 7296 3.6 goes by."""
    return hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem), usedforsecurity=False).hexdigest()


def read(path):
    with open(path) as f:
        return f.read()
