#!/usr/bin/env python3
"""Whole daemons in the lab, over TCP, with X25519, ML-KEM-768, FrodoKEM-1344 and Classic McEliece
6688128: the wall time of a handshake, how far it delays somebody else's classical one on the same
daemon, and what it takes of memory; and `postern reload` of 10,000 connections. All ends share this machine's cores, with whatever else runs:
the times are those of an idle machine only when the load says so. As root."""
import calendar
import json
import os
import re
import statistics
import sys
import threading
import time
import types

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.setdefault("POSTERN_BUILD", os.path.join(ROOT, "build", "bench"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lab"))
import lab as labs  # noqa: E402
from common import expect, wait_until  # noqa: E402
from postern import Postern, psk_config, why_no_postern  # noqa: E402
from sites import sites  # noqa: E402

CHAIN = "aes256gcm-prfsha384-x25519+mlkem768+frodo1344aes+mceliece6688128"
CLASSICAL = "aes256gcm-prfsha384-x25519"
KEY = 1044992  # octets of the public key
RUNS = 7
COLD_MOST, WARM_MOST, KEYS_MOST, RELOAD_MOST = 1.0, 0.3, 4, 2.0  # seconds; public keys; seconds
LINE = re.compile(r"(?m)^(\S+T\S+)\.(\d{3})Z \S+ (.*)$")


def stamp(p, text):
    """When p first logged text, in seconds of its clock."""
    for day, ms, line in LINE.findall(p.log()):
        if text in line:
            return calendar.timegm(time.strptime(day, "%Y-%m-%dT%H:%M:%S")) + int(ms) / 1000
    return None


def processes(p):
    """The pids of its processes by name."""
    todo, found = [p.process.pid], {}
    while todo:
        pid = todo.pop()
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            name = f.read().strip()
        if name.startswith("posternd"):
            found[name.partition("-")[2] or "parent"] = pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
            todo += [int(n) for n in f.read().split()]
    return found


def ike_process(p):
    return processes(p)["ike"]


def ticks(pid):
    """Processor time so far, in hundredths of a second."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory_kb(pid, field):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(field))


def large(here, there, transport, start="manual"):
    return psk_config(here, there, start=start,
                      connection_lines=[f'ike = "{CHAIN}"', f"transport = {transport}"])


def note(results, text, **figures):
    print(f"# {text} [load {os.getloadavg()[0]:.1f}]", flush=True)
    results.update(figures)


def wait_for_keys(p):
    """p's keys are made (src/daemon/worker.h): for longer than the worker's pause it has used no
    processor time."""
    pid = ike_process(p)

    def rests():
        before = ticks(pid)
        time.sleep(0.6)
        return ticks(pid) - before <= 1
    wait_until(rests, 30, f"{p.short} rests")


def handshake_from_cold(lab):
    """From the moment when the initiator has read its configuration and has no key."""
    s = sites(lab)
    Postern(lab, s.b.gateway, large(s.b, s.a, "auto")).start()
    times = []
    for n in range(RUNS):
        a = Postern(lab, s.a.gateway, large(s.a, s.b, "tcp", "auto"), name=f"posternd{n}").start()
        a.wait_up()
        times.append(stamp(a, "Child SA net is up") - stamp(a, "connections configured"))
        a.stop()
    median = statistics.median(times)
    note(RESULTS, f"{CHAIN} over TCP, cold: {median * 1000:.0f} ms "
         f"(median of {RUNS}, {min(times) * 1000:.0f} to {max(times) * 1000:.0f})",
         cold_ms=median * 1000)
    expect(median < COLD_MOST, f"it takes {median:.2f} s")


def warm_and_memory(lab):
    """`postern up`, its start included, when a key is ready; and the ike processes' memory."""
    s = sites(lab)
    b = Postern(lab, s.b.gateway, large(s.b, s.a, "auto")).start()
    a = Postern(lab, s.a.gateway, large(s.a, s.b, "tcp")).start()
    pids = {"initiator": ike_process(a), "responder": ike_process(b)}
    times, peaks, left = [], {w: [] for w in pids}, {w: [] for w in pids}
    for n in range(RUNS + 1):
        wait_for_keys(a)
        rest = {}
        for who, pid in pids.items():
            rest[who] = memory_kb(pid, "VmRSS:")
            with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as f:
                f.write("5")  # the peak begins anew
        begun = time.monotonic()
        a.cli("up", "office")
        took = time.monotonic() - begun
        wait_for_keys(a)
        peak = {who: memory_kb(pid, "VmHWM:") for who, pid in pids.items()}
        a.cli("down", "office")
        a.wait_down()
        wait_for_keys(a)
        if n == 0:
            continue  # with this one the libraries' code comes into memory
        times.append(took)
        for who, pid in pids.items():
            peaks[who].append((peak[who] - rest[who]) * 1024 / KEY)
            left[who].append(memory_kb(pid, "VmRSS:") - rest[who])
    median = statistics.median(times)
    note(RESULTS, f"{CHAIN} over TCP, warm: {median * 1000:.0f} ms "
         f"(median of {RUNS}, {min(times) * 1000:.0f} to {max(times) * 1000:.0f})",
         warm_ms=median * 1000)
    for who in pids:
        note(RESULTS, f"the {who}'s ike process: at most {max(peaks[who]):.2f} public keys above "
             f"its rest (two keys included), which is {statistics.median(left[who]):+.0f} kB afterwards",
             **{f"{who}_peak_keys": max(peaks[who]),
                f"{who}_left_kb": statistics.median(left[who])})
    expect(median < WARM_MOST, f"it takes {median:.2f} s with a warm key pool")
    for who in pids:
        expect(max(peaks[who]) < KEYS_MOST,
               f"the {who} takes {max(peaks[who]):.2f} public keys of memory")


def took(p, connection):
    """Milliseconds of its handshakes, as p logged them."""
    return [int(n) for n in re.findall(rf"connection={connection} the handshake took (\d+) ms",
                                       p.log())]


def classical(p, runs, until=None):
    """Milliseconds of classical handshakes one after the other."""
    before = len(took(p, "office"))
    while len(took(p, "office")) - before < runs and not (until and until()):
        p.cli("up", "office")
        p.cli("down", "office")
        p.wait_down()
    return took(p, "office")[before:]


def beside_a_large_one(lab):
    """The hub makes a McEliece key at need and calls far, while near calls the hub."""
    hub, far, near = (types.SimpleNamespace(
        id=f"gw-{n}.example", address=f"10.98.0.{n}", seen=f"10.98.0.{n}", net4=f"10.{n}.0.0/24")
        for n in (1, 2, 3))
    lab.switch(*((lab.host(x.id.split(".")[0]), "eth0", [f"{x.address}/24"])
                 for x in (hub, far, near)))
    hosts = {h.name: h for h in lab.hosts}
    office = dict(connection_lines=[f'ike = "{CLASSICAL}"', "transport = auto"])
    Postern(lab, hosts["gw-2"], large(far, hub, "auto")).start()
    h = Postern(lab, hosts["gw-1"], large(hub, far, "tcp").replace("connection office",
                                                                   "connection large")
                + psk_config(hub, near, **office)).start()
    n = Postern(lab, hosts["gw-3"], psk_config(near, hub, **office)).start()
    wait_for_keys(h)
    alone = classical(n, 20)
    ended = threading.Event()

    def call_far():
        """One after the other: the two keys that are ready are soon used up."""
        for _ in range(12):
            h.cli("up", "large")
            h.cli("down", "large")
        ended.set()
    thread = threading.Thread(target=call_far)
    thread.start()
    beside = classical(n, 1000, ended.is_set)
    thread.join()
    job = job_ms()
    delay = statistics.median(beside) - statistics.median(alone)
    most = max(beside) - statistics.median(alone)
    others = took(h, "large")
    note(RESULTS, f"a classical handshake takes {statistics.median(alone):.0f} ms, and "
         f"{delay:+.0f} ms (median of {len(beside)}; most {most:+.0f} ms) while the same daemon "
         f"has {len(others)} McEliece handshakes of {statistics.median(others):.0f} ms; a key "
         f"takes {job:.0f} ms of processor time",
         classical_ms=statistics.median(alone), delay_ms=delay, delay_most_ms=most, key_ms=job)
    expect(delay <= job, f"it waits {delay:.0f} ms longer, a key takes {job:.0f} ms")


def reload_of_many(lab):
    """The command's wall time and every process' processor time, with nothing and with every policy
    changed; a tenth of the connections beside it."""
    s = sites(lab)
    for n in (1000, 10000):
        def text(local):
            one = psk_config(s.a, s.b, "NAME", [local], ["REMOTE"])
            one, _, secret = one.partition("secret")
            return "".join(one.replace("NAME", f"c{i}")
                           .replace("REMOTE", f"172.16.{i // 256}.{i % 256}")
                           for i in range(n)) + "secret" + secret
        p = Postern(lab, s.a.gateway, text("10.1.0.0/24"), name=f"posternd{n}").start(ready=False)
        wait_until(lambda: p.cli("status", "c0", check=False).returncode == 0, 60, "it starts")
        for what, local in (("unchanged", "10.1.0.0/24"), ("all changed", "10.9.0.0/24")):
            p.reconfigure(text(local))
            before = {name: ticks(pid) for name, pid in processes(p).items()}
            begun = time.monotonic()
            p.cli("reload")
            wall = time.monotonic() - begun
            wait_for_keys(p)
            used = {name: (ticks(pid) - before[name]) / 100 for name, pid in processes(p).items()}
            note(RESULTS, f"reload of {n} connections, {what}: {wall:.2f} s; processor: "
                 + ", ".join(f"{name} {used[name]:.2f} s" for name in sorted(used)),
                 **{f"reload_{n}_{what.replace(' ', '_')}": {"wall": wall, **used}})
        p.stop()
    expect(wall < RELOAD_MOST, f"it takes {wall:.1f} s")


def job_ms():
    """What a key costs on this machine, by bench_ke."""
    out = labs.command([os.path.join(BUILD, "tests", "bench", "bench_ke"), "mceliece6688128"]).stdout
    return next(float(line.split()[3]) for line in out.splitlines()
                if line.startswith("mceliece6688128"))


RESULTS = {}

if __name__ == "__main__":
    status = labs.main([handshake_from_cold, warm_and_memory, beside_a_large_one, reload_of_many],
                       why_no_postern, 120)
    if RESULTS:
        with open(os.path.join(BUILD, "lab.json"), "w", encoding="utf-8") as out_file:
            json.dump({"chain": CHAIN, **RESULTS}, out_file, indent=1)
    sys.exit(status)
