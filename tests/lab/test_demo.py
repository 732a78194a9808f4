#!/usr/bin/env python3
"""`make demo`, without its building: it works, twice, and leaves nothing behind however it ends."""
import os
import signal
import subprocess
import sys

import lab as labs
from common import expect, wait_until
from postern import BUILD, why_no_postern

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo.py")


def start(build):
    return subprocess.Popen([sys.executable, "-u", DEMO], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            env=dict(os.environ, POSTERN_BUILD=build))


def ended(demo):
    """What it printed, and its exit status; fails when a namespace or a process is left."""
    out, _ = demo.communicate(timeout=100)
    prefix = f"pst{demo.pid}-"
    left = [n for n in os.listdir(labs.NETNS_FOLDER) if n.startswith(prefix)]
    expect(not left, f"left {left}")
    return out, demo.returncode


def shows_everything(_lab):
    """The tunnel, the ping, the rate, status and the capture's verdict; and once more."""
    for _ in range(2):
        out, status = ended(start(BUILD))
        expect(status == 0, f"ended with {status}: {out[-400:]}")
        for text in ("connection office {", "bytes from 10.2.0.2", "Mbit/s", "office", "gw-b.example",
                     "ESP packets (protocol 50)", "Only IKE and ESP", "Done"):
            expect(text in out, f"it does not say '{text}'")


def says_what_failed(lab):
    """A posternd that ends at once: not 0, the reason, nothing left."""
    for name in ("src/daemon/posternd", "src/cli/postern"):
        lab.file(f"broken/{name}", "#!/bin/sh\necho posternd: nothing works here\nexit 3\n", 0o755)
    out, status = ended(start(os.path.join(lab.folder, "broken")))
    expect(status == 1, f"ended with {status}")
    expect("The demo failed" in out and "nothing works here" in out, f"it says: {out[-400:]}")


def cleans_up_when_interrupted(_lab):
    """Ctrl-C in the middle: nothing left."""
    demo = start(BUILD)
    prefix = f"pst{demo.pid}-"
    wait_until(lambda: sum(n.startswith(prefix) for n in os.listdir(labs.NETNS_FOLDER)) == 4, 20,
               "the demo's four hosts")
    demo.send_signal(signal.SIGINT)
    out, status = ended(demo)
    expect(status == 130, f"ended with {status}: {out[-300:]}")


if __name__ == "__main__":
    sys.exit(labs.main([shows_everything, says_what_failed, cleans_up_when_interrupted],
                       why_no_postern, limit=120))
