#!/usr/bin/env python3
"""What `make demo` shows, also after a run that was interrupted; and it leaves nothing behind."""
import os
import re
import signal
import struct
import subprocess
import sys

import capture
import demo as the_demo
import lab as labs
import namespaces
from common import Failed, expect, wait_until
from postern import BUILD, why_no_postern

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo.py")


def start(build):
    return subprocess.Popen([sys.executable, "-u", DEMO], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            env=dict(os.environ, POSTERN_BUILD=build))


def ended(demo):
    """What it printed, and its exit status; fails when a namespace or a process is left."""
    out, _ = demo.communicate(timeout=170)
    prefix = f"pst{demo.pid}-"
    left = [n for n in os.listdir(namespaces.FOLDER) if n.startswith(prefix)]
    expect(not left, f"left {left}")
    return out, demo.returncode


def shows_everything(_lab):
    """Both tunnels, with pings, rates, status, exchanges and the captures' verdicts."""
    out, status = ended(start(BUILD))
    expect(status == 0, f"ended with {status}: {out[-400:]}")
    for text in ("connection office {", "Mbit/s", "office", "gw-b.example",
                 "ESP packets (protocol 50)", "Only IKE and ESP", "ike = pq-conservative",
                 "office: the IKE SA is up", "ESP packets (in UDP 4500", "none of them ESP",
                 "Done"):
        expect(text in out, f"it does not say '{text}'")
    expect(out.count("bytes from 10.2.0.2") == 6, "not three echoes through each tunnel")
    expect_exchanges(out)


def expect_exchanges(out):
    """A line for each exchange of the second tunnel: what it carried is as large as its key."""
    rows = re.findall(r"^   (\S+) +(\S+) +(UDP|TCP) +(\d+) +(\d+) +([0-9.]+) ms$", out, re.M)
    expect([row[:3] for row in rows] == [
        ("IKE_SA_INIT", "x25519", "UDP"), ("IKE_INTERMEDIATE", "mlkem768", "TCP"),
        ("IKE_INTERMEDIATE", "frodo1344shake", "TCP"),
        ("IKE_INTERMEDIATE", "mceliece6688128", "TCP"), ("IKE_AUTH", "-", "TCP")], f"{rows}")
    for row, least in zip(rows, ((32, 32), (1184, 1088), (21520, 21696), (1044992, 208), (0, 0))):
        for octets, key in zip(row[3:5], least):
            expect(key < int(octets) < key + key // 100 + 600, f"{row}: a key of {key} octets")


def tcp(way, flags, sequence, data=b""):
    """A segment; way: (src, sport, dst, dport)."""
    src, sport, dst, dport = way
    header = struct.pack("!HHIIBBHHH", sport, dport, sequence, 0, 0x50, flags, 0, 0, 0)
    return capture.Packet(0, "tcp", src, dst, sport, dport, 40 + len(data), header + data)


OUT = ("10.99.0.1", 40000, "10.99.0.2", 4500)
BACK = ("10.99.0.2", 4500, "10.99.0.1", 40000)
ESP = capture.Packet(0, "esp-4500", "10.99.0.1", "10.99.0.2", 4500, 4500, 60,
                     b"\1\2\3\4" + b"x" * 20)
INIT = ESP._replace(kind="ike-4500", payload=bytes(4 + 18) + bytes([34]) + bytes(9))


def judges_the_wire(_lab):
    """What is on the wire of the second tunnel: IKE alone in TCP, ESP alone in UDP, or it fails."""
    ike = b"\0\6\0\0\0\0"
    last = (1 << 32) - 2
    good = [tcp(OUT, 2, 1000), tcp(BACK, 18, last - 1), tcp(OUT, 16, 1001, b"IKETCP" + ike[:3]),
            tcp(OUT, 16, 1010, ike[3:]), tcp(OUT, 16, 1004, b"TCP"), tcp(BACK, 16, last, ike)]
    expect(capture.tcp_frames(good) == [("ike", 0)] * 2, f"{capture.tcp_frames(good)}")
    esp = good[:-1] + [tcp(BACK, 16, last, b"\0\6\1\2\3\4")]
    long = b"\x80\0\0\x0c\0\0\0\0abcd" + b"\x40\6\0\0\0\0"
    expect(capture.tcp_frames([good[0], tcp(OUT, 16, 1001, b"IKETCL" + long)])
           == [("ike", 4), ("ike", 0)], "frames of the longer kind are read wrongly")
    the_demo.expect_separate([INIT, ESP, *good], good)
    auth = INIT._replace(payload=bytes(4 + 18) + bytes([35]) + bytes(9))
    elsewhere = tcp(("10.1.0.2", 5000, "10.2.0.2", 5201), 2, 7)
    for what, packets, in_tcp in (
            ("ESP in TCP", [INIT, ESP, *esp], esp), ("no ESP", [INIT, *good], good),
            ("ESP as protocol 50", [INIT, ESP, ESP._replace(kind="esp"), *good], good),
            ("IKE_AUTH in UDP", [INIT, auth, ESP, *good], good), ("no TCP", [INIT, ESP], []),
            ("a ping", [INIT, ESP, ESP._replace(kind="icmp"), *good], good),
            ("another TCP", [INIT, ESP, *good, elsewhere], [*good, elsewhere]),
            ("a lost segment", [INIT, ESP, *good], good[:2] + good[3:])):
        try:
            the_demo.expect_separate(packets, in_tcp)
        except Failed:
            continue
        raise Failed(f"{what} is not noticed")


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
    wait_until(lambda: sum(n.startswith(prefix) for n in os.listdir(namespaces.FOLDER)) == 4, 20,
               "the demo's four hosts")
    demo.send_signal(signal.SIGINT)
    out, status = ended(demo)
    expect(status == 130, f"ended with {status}: {out[-300:]}")


if __name__ == "__main__":
    sys.exit(labs.main([judges_the_wire, says_what_failed, cleans_up_when_interrupted,
                        shows_everything], why_no_postern, limit=200))
