#!/usr/bin/env python3
"""Named faults in whole daemons: switched on by `postern fault`, seen in status, survived by the
other end. What each fault of the engine does is in tests/sim/faults_*.c, of the plane in
plane_faults.py."""
import sys

import lab as labs
import plane_faults
from common import expect, wait_until
from postern import Postern, psk_config, why_no_postern
from sites import sites


def pair(lab, s, **both):
    b = Postern(lab, s.b.gateway, psk_config(s.b, s.a, **both)).start()
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b, **both)).start()
    return a, b


def active(daemon):
    return {f["name"]: f for f in daemon.status().get("faults", [])}


def shown_in_status(lab):
    """A fault is listed, switched on, shown with its count, and switched off."""
    s = sites(lab)
    a, _ = pair(lab, s)
    expect("omit-payload" in a.cli("fault", "list").stdout, "it is not listed")
    expect(active(a) == {}, f"{active(a)}")
    a.cli("fault", "set", "drop", "2", "5")
    expect(active(a)["drop"]["on"] and active(a)["drop"]["left"] == 5, f"{active(a)}")
    expect("drop" in a.cli("status").stdout, "status does not say so")
    expect(a.cli("fault", "set", "nonsense", check=False).returncode != 0, "nonsense was taken")
    a.up()
    expect(active(a)["drop"]["fired"] > 0, f"{active(a)}")
    a.cli("fault", "clear")
    expect(active(a) == {} or not active(a)["drop"]["on"], f"{active(a)}")


def net_drop_in(lab):
    """net-drop-in: what does not arrive is sent again."""
    s = sites(lab)
    a, b = pair(lab, s)
    b.cli("fault", "set", "net-drop-in", "1", "2")
    a.up()
    expect(active(b)["net-drop-in"]["fired"] == 2, f"{active(b)}")
    expect(a.status()["totals"]["retransmits"] >= 2, "nothing was sent again")
    s.a.lan.ping(s.b.host4, check=True)


def bad_auth(lab):
    """bad-auth: refused, and both ends say why; without it the tunnel comes up."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.cli("fault", "set", "bad-auth", "0", "1")
    a.cli("up", "office", check=False)
    wait_until(lambda: "AUTHENTICATION_FAILED" in a.why(), 20, "a says why it is down")
    b.wait_log("secrets on both sides differ")
    a.up(seconds=60)


def jobs_fail_and_tarry(lab):
    """fail-job and delay-job take in the jobs of the key process."""
    s = sites(lab)
    a, b = pair(lab, s)
    b.cli("fault", "set", "delay-job", "800")
    a.up()
    expect(active(b)["delay-job"]["fired"] >= 3, f"{active(b)}")
    b.cli("fault", "clear")
    a.cli("down", "office")
    a.cli("fault", "set", "fail-job", "0", "1")
    a.cli("up", "office", check=False)
    wait_until(lambda: "fail-job" in a.log(), 20, "a says which job failed")
    a.up(seconds=60)


def esp_corrupt(lab):
    """esp-corrupt reaches the plane's process: packets are lost, the tunnel is not."""
    s = sites(lab)
    a, _ = pair(lab, s)
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    a.cli("fault", "set", "esp-corrupt", "0", "3")
    expect(s.a.lan.ping(s.b.host4, count=5).received == 2, "not three were lost")
    expect(active(a)["esp-corrupt"]["fired"] == 3, f"{active(a)}")
    s.a.lan.ping(s.b.host4, check=True)


def plane_refuses(lab):
    """plane-refuse-install: the peer is told that the Child SA is gone, and a person why."""
    s = sites(lab)
    a, b = pair(lab, s)
    b.cli("fault", "set", "plane-refuse-install", "0", "1")
    a.cli("up", "office", check=False)
    b.wait_log("plane-refuse-install")
    wait_until(lambda: not b.is_up(), 20, "b has no Child SA")
    wait_until(lambda: not a.is_up(), 20, "a has none either")
    a.up(seconds=60)
    s.a.lan.ping(s.b.host4, check=True)


def why_not():
    return why_no_postern() or plane_faults.why_not()


TESTS = [shown_in_status, net_drop_in, bad_auth, jobs_fail_and_tarry, esp_corrupt, plane_refuses]

if __name__ == "__main__":
    sys.exit(labs.main(TESTS, why_not))
