"""What each fault of the data plane does at the healthy other end."""
import json
import os

import plane_tunnel as tunnel
from lab import expect, wait_until


class Faulty:
    """A pair of which a's plane misbehaves."""

    def __init__(self, lab, *extra):
        self.pair = tunnel.Pair(lab, extra_a=extra, extra_b=extra)
        self.pair.a.ping(self.pair.in_b, check=True)
        self.before = self.stats()

    def stats(self):
        return self.pair.end_b.stats()

    def grew(self, name):
        return self.stats().get(name, 0) - self.before.get(name, 0)

    def fault(self, text):
        self.pair.end_a.send("fault " + text)

    def ping(self, count=1, size=56):
        """How many of count pings from a were answered."""
        return self.pair.a.ping(self.pair.in_b, count=count, size=size).received

    def whole(self):
        """Without the fault all is well, and both planes end without memory left."""
        self.fault("off")
        self.pair.a.ping(self.pair.in_b, count=2, check=True)
        expect(self.pair.end_a.quit() == self.pair.end_b.quit() == 0, "a plane did not end well")


def esp_drop(lab):
    """esp-drop: every second packet is lost, the others arrive."""
    f = Faulty(lab)
    f.fault("esp-drop=2")
    expect(f.ping(count=4) == 2, "not every second packet")
    f.whole()


def esp_duplicate(lab):
    """esp-duplicate: the second copy is dropped and counted."""
    f = Faulty(lab)
    f.fault("esp-duplicate")
    expect(f.ping(count=3) == 3, "duplicates do harm")
    expect(f.grew("in-replay") == 3, f"{f.stats()}")
    f.whole()


def esp_replay(lab):
    """esp-replay: a packet sent once more is dropped and counted."""
    f = Faulty(lab)
    f.fault("esp-replay")
    expect(f.ping(count=4) == 4, "replays do harm")
    expect(f.grew("in-replay") == 3, f"{f.stats()}")
    f.whole()


def esp_corrupt(lab):
    """esp-corrupt: the ICV does not hold, and the sequence number is not taken for seen."""
    f = Faulty(lab)
    f.fault("esp-corrupt*2")
    expect(f.ping(count=4) == 2, "a damaged packet went through")
    expect(f.grew("in-bad-icv") == 2, f"{f.stats()}")
    f.whole()


def esp_truncate(lab):
    """esp-truncate: a cut packet is dropped, however much is cut."""
    f = Faulty(lab)
    f.fault("esp-truncate*1")
    expect(f.ping() == 0 and f.grew("in-bad-length") + f.grew("in-bad-icv") == 1, f"{f.stats()}")
    f.fault("esp-truncate=4*1")
    expect(f.ping() == 0 and f.grew("in-bad-length") + f.grew("in-bad-icv") == 2, f"{f.stats()}")
    for cut in (100, 120, 10000):
        f.fault(f"esp-truncate={cut}*1")
        expect(f.ping() == 0, "a cut packet was answered")
    f.whole()


def esp_wrong_spi(lab):
    """esp-wrong-spi: no SA has it."""
    f = Faulty(lab)
    f.fault("esp-wrong-spi*1")
    expect(f.ping(count=2) == 1, "only one may be lost")
    expect(f.grew("in-no-sa") == 1, f"{f.stats()}")
    f.whole()


def esp_skip_sequence(lab):
    """esp-skip-sequence: gaps move the window on, past 2^32 too, up to 2^32 less the window, beyond
    which nobody can tell the high half (RFC 4303 A2.1)."""
    f = Faulty(lab)
    for skip in (1, 5000, 1 << 31, (1 << 32) - 2000, 20):
        f.fault(f"esp-skip-sequence={skip}*1")
        expect(f.ping(count=2) == 2, f"lost after a gap of {skip}")
    expect(f.grew("in-bad-icv") == f.grew("in-replay") == f.grew("in-too-old") == 0,
           f"{f.stats()}")
    f.whole()


def esp_bad_padding(lab):
    """esp-bad-padding: dropped by inspection of the padding (RFC 4303 2.4)."""
    f = Faulty(lab)
    f.fault("esp-bad-padding*1")
    # 84 octets and the trailer's two need padding to a multiple of four.
    expect(f.ping(count=2) == 1, "only one may be lost")
    expect(f.grew("in-bad-padding") == 1, f"{f.stats()}")
    f.whole()


def esp_bad_padding_cbc(lab):
    """esp-bad-padding with a block cipher."""
    f = Faulty(lab, "--suite", "aescbc")
    f.fault("esp-bad-padding*1")
    expect(f.ping(count=2) == 1, "only one may be lost")
    expect(f.grew("in-bad-padding") == 1, f"{f.stats()}")
    f.whole()


def plane_refuse_install(lab):
    """plane-refuse-install: the owner is told, and the pair that is there carries on."""
    f = Faulty(lab)
    f.fault("plane-refuse-install*1")
    f.pair.end_a.send("child 2 3001 4001")
    line = f.pair.end_a.expect_line("event failed")
    expect("handle=2" in line and "plane-refuse-install" in line, line)
    expect(f.ping() == 1, "the old pair suffered")
    f.pair.end_a.send("child 2 3001 4001")
    f.whole()


def plane_crash(lab):
    """plane-crash: its owner notices, nothing goes out in clear, the other end stays up."""
    f = Faulty(lab)
    capture = f.pair.b.capture("eth0")
    f.fault("plane-crash")
    expect(f.ping() == 0, "a dead plane answered")
    f.pair.end_a.expect_line("failed plane is gone")
    expect(f.pair.a.ping(f.pair.in_b, count=1).received == 0, "clear after a crash")
    kinds = {x.kind for x in capture.stop()}
    expect("icmp" not in kinds, f"in clear: {kinds}")
    f.pair.b.ping("10.99.0.1", check=True)
    expect(f.pair.end_b.quit() == 0, "the healthy end did not end well")


def net_no_marker(lab):
    """net-no-marker: IKE without the non-ESP marker is ESP of no SA (RFC 3948 2.2)."""
    f = Faulty(lab)
    f.pair.end_a.send("ike 300")
    f.pair.end_b.expect_line("datagram from=10.99.0.1:4500 octets=300")
    f.fault("net-no-marker*1")
    f.pair.end_a.send("ike 300")
    wait_until(lambda: f.grew("in-no-sa") == 1, 5, "it is counted as ESP")
    f.pair.end_a.send("ike 200")
    f.pair.end_b.expect_line("datagram from=10.99.0.1:4500 octets=200")
    expect(f.ping() == 1, "the tunnel suffered")
    f.whole()


def why_not():
    reason = tunnel.why_not()
    if reason is None and not with_faults():
        reason = "this build has no faults"
    return reason


def with_faults():
    with open(os.path.join(tunnel.BUILD, "meson-info", "intro-buildoptions.json"),
              encoding="utf-8") as f:
        return any(o["name"] == "faults" and o["value"] for o in json.load(f))


TESTS = [esp_drop, esp_duplicate, esp_replay, esp_corrupt, esp_truncate, esp_wrong_spi,
         esp_skip_sequence, esp_bad_padding, esp_bad_padding_cbc, plane_refuse_install,
         plane_crash, net_no_marker]
