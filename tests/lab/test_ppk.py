#!/usr/bin/env python3
"""Post-quantum pre-shared keys between two posternd: used, shown, and when one end has another key
the log of both says so, and not that a credential is wrong."""
import re
import sys

import lab as labs
from common import expect, wait_until
from postern import Postern, psk_config, why_no_postern
from sites import sites
from test_refusals import log_says, says

ID = "office+2026="
KEY = "an office's post-quantum key of some length"


def daemon(lab, here, there, lines, key=KEY):
    config = psk_config(here, there, connection_lines=lines)
    return Postern(lab, here.gateway, config + f'ppk "{ID}" {{ ppk-file = "office.ppk" }}\n',
                   files={"office.ppk": (key, 0o600)})


def pair(lab, lines, b_key=KEY):
    s = sites(lab)
    a = daemon(lab, s.a, s.b, lines)
    b = daemon(lab, s.b, s.a, lines, b_key)
    b.start()
    a.start()
    return s, a, b


def used(lab, exchange, document):
    s, a, b = pair(lab, ["ppk = required", f'ppk-id = "{ID}"', f"ppk-exchange = {exchange}"])
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    for d in (a, b):
        sa = d.sa()
        expect((sa["ppk"], sa["ppk_id"]) == (document, f'"{ID}"'),
               f"{d.short}: the status says {sa.get('ppk')} of {sa.get('ppk_id')}")
        shown = d.cli("status", "office").stdout
        expect(f'PPK "{ID}" ({document})' in shown, f"`postern status` says {shown}")
        expect(KEY not in d.log(), "the key is in the log")
    before, child = a.ike_spis(), a.spis()
    b.cli("rekey", "office")
    wait_until(lambda: a.ike_spis() not in (before, (None, None)) and b.ike_spis() == a.ike_spis(),
               20, "a new IKE SA")
    a.cli("rekey", "office", "net")
    wait_until(lambda: a.is_up() and a.spis() != child, 20, "a new Child SA")
    s.b.lan.ping(s.a.host4, check=True)
    expect(a.sa()["ppk"] == document, "the new IKE SA does not show the PPK")


def in_intermediate(lab):
    """RFC 9867 between two that both can: shown by the status, and inherited by rekeys."""
    used(lab, "auto", "RFC 9867")


def in_auth(lab):
    """RFC 8784, where the configuration says so."""
    used(lab, "auth", "RFC 8784")


def wrong(lab, exchange, a_says, b_says):
    policy = "allow" if exchange == "auth" else "required"
    _, a, b = pair(lab, [f"ppk = {policy}", f'ppk-id = "{ID}"', f"ppk-exchange = {exchange}"],
                   b_key="another key, also of some length")
    done = a.cli("up", "office", check=False)
    expect(done.returncode != 0, "`postern up` succeeded")
    says(done.stdout, a_says, who="`postern up`")
    log_says(a, a_says)
    log_says(b, b_says)
    expect("pre-shared key" not in "".join(re.findall(".*refused.*", b.log())),
           "b speaks of the pre-shared key")


def wrong_in_intermediate(lab):
    """RFC 9867 with another key at one end: both ends say that it is the PPK."""
    wrong(lab, "intermediate", "takes none of our PPKs", f"PPK \"{re.escape(ID)}\" cannot be used: "
          "the peer's key of this name is another")


def wrong_in_auth(lab):
    """RFC 8784 with another key at one end: the responder tells it from a wrong credential."""
    wrong(lab, "auth", "our PPK is unknown to it or another key there",
          f"PPK \"{re.escape(ID)}\" is another key than ours; its credential is right")


TESTS = [in_intermediate, in_auth, wrong_in_intermediate, wrong_in_auth]

if __name__ == "__main__":
    sys.exit(labs.main(TESTS, why_no_postern))
