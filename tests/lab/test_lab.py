#!/usr/bin/env python3
"""The lab tests itself, without any daemon: what the other scripts rely on."""
import os
import signal
import subprocess
import sys
import time

import capture as captures
import lab as labs
import namespaces
from common import Failed, expect, wait_until


def ping_and_rate(lab):
    """Two hosts see each other by IPv4 and IPv6."""
    a, b = lab.host("a"), lab.host("b")
    lab.link(a, "eth0", ["10.99.0.1/24", "fd99::1/64"], b, "eth0", ["10.99.0.2/24", "fd99::2/64"])
    a.ping("10.99.0.2", check=True)
    a.ping("fd99::2", check=True)
    rate = a.iperf3(b, "10.99.0.2", seconds=1)
    expect(rate.octets > 1000000, f"{rate.octets} octets in a second")


def capture_tells_clear_traffic(lab):
    """A ping between the hosts is found to be in the clear."""
    a, b = lab.host("a"), lab.host("b")
    lab.link(a, "eth0", ["10.99.0.1/24"], b, "eth0", ["10.99.0.2/24"])
    capture = a.capture("eth0")
    a.ping("10.99.0.2", count=2, check=True)
    packets = capture.stop()
    expect(captures.kinds(packets)["icmp"] == 4, f"saw {dict(captures.kinds(packets))}")
    try:
        captures.expect_nothing_clear(packets)
    except Failed:
        return
    raise Failed("clear traffic was not noticed")


def loss_drops_a_share(lab):
    """Half of the packets are lost when half shall be."""
    a, b = lab.host("a"), lab.host("b")
    lab.link(a, "eth0", ["10.99.0.1/24"], b, "eth0", ["10.99.0.2/24"])
    b.loss("eth0", 50)
    result = a.ping("10.99.0.2", count=100, interval=0.002, wait=1)
    expect(20 <= result.received <= 80, f"{result.received} of 100 came back")
    b.loss("eth0", 0)
    a.ping("10.99.0.2", check=True)


ECHO_SOURCE = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 4500))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(100)
    print(peer[0], peer[1], flush=True)
"""
SEND = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 4500))
s.sendto(b"x", ("10.99.0.2", 4500))
"""


def nat_maps_and_rebinds(lab):
    """A NAT router maps a port, keeps the mapping, and forgets it when told."""
    inner, router, outer = lab.host("inner"), lab.host("router"), lab.host("outer")
    lab.link(inner, "eth0", ["192.168.1.2/24"], router, "in0", ["192.168.1.1/24"])
    lab.link(router, "out0", ["10.99.0.1/24"], outer, "eth0", ["10.99.0.2/24"])
    router.forward()
    inner.route("default", "192.168.1.1")
    echo = outer.start([sys.executable, "-c", ECHO_SOURCE], "echo")
    echo.wait_for("ready", 10)
    router.nat("out0")
    inner.run([sys.executable, "-c", SEND])
    echo.wait_for(r"10\.99\.0\.1 4500\n", 5)
    router.nat("out0", ports="40000-40099")
    router.forget_mappings()
    inner.run([sys.executable, "-c", SEND])
    first = echo.wait_for(r"10\.99\.0\.1 (400\d\d)\n", 5).group(1)
    router.nat("out0", ports="41000-41099")
    inner.run([sys.executable, "-c", SEND])
    wait_until(lambda: echo.output().count(f" {first}\n") == 2, 5, "the mapping is kept")
    router.forget_mappings()
    inner.run([sys.executable, "-c", SEND])
    echo.wait_for(r"10\.99\.0\.1 410\d\d\n", 5)


def injected_packets_arrive(lab):
    """inject.py's packets are what they should be: addresses, ports, lengths, checksums."""
    a, b = lab.host("a"), lab.host("b")
    lab.link(a, "eth0", ["10.99.0.1/24"], b, "eth0", ["10.99.0.2/24"])
    a.ping("10.99.0.2", check=True)
    inject = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inject.py")
    echo = b.start([sys.executable, "-c", ECHO_SOURCE.replace("4500", "500")], "echo")
    echo.wait_for("ready", 10)
    capture = b.capture("eth0")
    a.run([sys.executable, inject, "flood", "100", "00" * 28, "10.99.0.2"])
    path = lab.file("packets", "10.99.0.1 10.99.0.2 50 " + "ab" * 20 + "\n10.1.1.1 10.99.0.2 50 \n")
    a.run([sys.executable, inject, "raw", path])
    wait_until(lambda: len(set(echo.output().splitlines())) >= 95, 5, "95 sources at the socket")
    esp = [(p.src, p.length) for p in capture.stop() if p.kind == "esp"]
    expect(esp == [("10.99.0.1", 40), ("10.1.1.1", 20)], f"ESP: {esp}")


def cleans_up_when_told_to_end(lab):
    """SIGTERM in the middle of a test leaves no namespace and no process."""
    script = ("import sys, time; sys.path.insert(0, %r); import lab\n"
              "def never_ends(l):\n"
              "    h = l.host('a'); p = h.start(['sleep', '1000'], 'sleep')\n"
              "    print('made', lab.PREFIX, p.pid, flush=True); time.sleep(1000)\n"
              "sys.exit(lab.main([never_ends]))\n") % os.path.dirname(os.path.abspath(__file__))
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    _, prefix, pid = child.stdout.readline().split()
    start = time.monotonic()
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=20)
    expect(time.monotonic() - start < 8, "took too long")
    expect(child.returncode == 1, f"ended with {child.returncode}")
    left = [n for n in os.listdir(namespaces.FOLDER) if n.startswith(prefix)]
    expect(not left, f"left {left}")
    expect(not os.path.exists(f"/proc/{pid}"), "left its process running")


if __name__ == "__main__":
    sys.exit(labs.main([ping_and_rate, capture_tells_clear_traffic, loss_drops_a_share,
                        nat_maps_and_rebinds, injected_packets_arrive,
                        cleans_up_when_told_to_end]))
