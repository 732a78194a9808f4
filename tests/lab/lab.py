"""Hosts in network namespaces: the lab in which real daemons are tested.

    with Lab("name") as lab:
        a, b = lab.host("a"), lab.host("b")
        lab.link(a, "eth0", ["10.99.0.1/24"], b, "eth0", ["10.99.0.2/24"])
        assert a.ping("10.99.0.2").received == 3

Everything a Lab makes is named after this process (pst<PID>-NAME) and goes when the block ends,
however it ends: an exception, SIGINT and SIGTERM included. Only processes that the lab started,
and those that they left inside the lab's own namespaces, are killed.

A test script makes a list of functions and gives it to main(); see there.
"""
import atexit
import collections
import contextlib
import ctypes
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import capture
import namespaces
from common import Failed, Interrupted, Skipped, expect, wait_until

PREFIX = f"pst{os.getpid()}-"
# A run that was killed outright leaves namespaces behind; the next run removes them.
STALE = re.compile(r"^pst(\d+)-")


def command(args, timeout=20, check=True, **kwargs):
    """Runs args, gives the finished process with its output as text."""
    done = subprocess.run(args, stdin=kwargs.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          text=True, errors="replace", **kwargs)
    if check and done.returncode != 0:
        raise Failed(f"'{' '.join(args)}' ended with {done.returncode}: {done.stdout.strip()}")
    return done


def family(address):
    return 6 if ":" in address else 4


def address_line(interface, address):
    return f"addr add {address} dev {interface}{' nodad' if family(address) == 6 else ''}"


def why_no_namespaces():
    """Why no namespace can be made here; None when they can."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("ip", "nft", "ping", "tcpdump", "iperf3"):
        if not shutil.which(tool):
            return f"'{tool}' is not installed (tools/setup demo)"
    name = f"{PREFIX}probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode != 0:
        return f"network namespaces cannot be made: {made.stderr.strip()}"
    pair = subprocess.run(["ip", "-n", name, "link", "add", "v0", "type", "veth", "peer", "v1"],
                          capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    if pair.returncode != 0:
        return f"veth pairs cannot be made: {pair.stderr.strip()}"
    return None


def die_with_parent():
    """In a child, before exec: even if this process is killed outright, the child goes too."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Process:
    """A process of the lab, leader of a process group of its own; its output goes to a log."""

    def __init__(self, args, log, **kwargs):
        self.log = log
        self.args = args
        with open(log, "ab") as out:
            self.child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, start_new_session=True,
                                          preexec_fn=die_with_parent, **kwargs)
        self.pid = self.child.pid

    def running(self):
        return self.child.poll() is None

    def output(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait_for(self, text, seconds):
        """Waits until the log holds text (a regular expression); gives the match."""
        def there():
            found = re.search(text, self.output())
            expect(found or self.running(),
                   f"'{os.path.basename(self.args[0])}' ended before '{text}': "
                   f"{self.output().strip()[-300:]}")
            return found
        return wait_until(there, seconds, f"'{text}' in {os.path.basename(self.log)}")

    def send(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(number)

    def kill(self):
        """kill -9 of the whole group: nothing of it says goodbye."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait(timeout=10)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """Asks it to end and gives its exit status; kills it when it does not listen."""
        self.send(number)
        try:
            self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.child.returncode


Ping = collections.namedtuple("Ping", "sent received output lost")
Rate = collections.namedtuple("Rate", "bits_per_second octets retransmits")


class Host:
    """A network namespace."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.namespace = PREFIX + lab.mark + name
        lab.hosts.append(self)  # first: an interrupt may come while it is half made
        namespaces.add(self.namespace)
        # Addresses are there at once, and only the routes that a test sets.
        self.sysctl("net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
                    "net.ipv6.conf.default.accept_ra=0",
                    "net.ipv6.conf.default.router_solicitations=0",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")

    def entered(self):
        """While this lasts, this thread is here: what it starts stays here."""
        return namespaces.entered(self.namespace)

    def run(self, args, timeout=20, check=True, **kwargs):
        with self.entered():
            return command(args, timeout, check, **kwargs)

    def start(self, args, name, **kwargs):
        """Starts args here; its output goes to the log NAME in the lab's folder."""
        log = os.path.join(self.lab.logs, f"{self.lab.mark}{self.name}-{name}.log")
        with self.entered():
            process = Process(args, log, **kwargs)
        self.lab.processes.append(process)
        return process

    def ip(self, *args, check=True):
        return command(["ip", "-n", self.namespace, *args], check=check).stdout

    def ip_lines(self, lines):
        """What ip() does, for several lines at once."""
        command(["ip", "-n", self.namespace, "-batch", "-"], stdin=None,
                input="".join(f"{line}\n" for line in lines))

    def sysctl(self, *settings):
        with self.entered():
            for name, value in (s.split("=") for s in settings):
                with open(f"/proc/sys/{name.replace('.', '/')}", "w") as f:
                    f.write(value)

    def forward(self):
        self.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def address(self, interface, *addresses):
        self.ip_lines(address_line(interface, a) for a in addresses)

    def route(self, target, via):
        self.ip(f"-{family(via)}", "route", "replace", target, "via", via)

    def has_route(self, target, every_table=False):
        tables = ["table", "all"] if every_table else []
        return bool(self.ip(f"-{family(target)}", "route", "show", target, *tables,
                            check=False).strip())

    def nft(self, text):
        path = os.path.join(self.lab.folder, f"{self.name}.nft")
        with open(path, "w") as f:
            f.write(text)
        self.run(["nft", "-f", path])

    def nat(self, interface, ports=None):
        """Hides whatever leaves by interface behind its address. The source port stays what it
        was where that is possible; with ports ("40000-40999") UDP gets one of those."""
        rules = [f'oifname "{interface}" masquerade']
        if ports:
            rules.insert(0, f'oifname "{interface}" meta l4proto udp masquerade to :{ports}')
        self.nft("table ip lab_nat\ndelete table ip lab_nat\ntable ip lab_nat {\n"
                 " chain postrouting {\n  type nat hook postrouting priority 100;\n  "
                 + "\n  ".join(rules) + "\n }\n}\n")

    def port_forward(self, interface, to):
        """What arrives for IKE at interface's own address goes to the host `to` behind it."""
        self.nft("table ip lab_dnat {\n chain prerouting {\n"
                 "  type nat hook prerouting priority -100;\n"
                 f'  iifname "{interface}" udp dport {{ 500, 4500 }} dnat to {to}\n }}\n}}\n')

    def forget_mappings(self):
        """Flushes connection tracking: a NAT box that restarted. With other ports given to
        nat() before, the next packet of every flow comes from another port."""
        self.run([sys.executable, "-c", FLUSH_CONNTRACK])

    def loss(self, interface, percent):
        """Drops that share of what comes in by interface; 0 ends it."""
        rule = f'  iifname "{interface}" numgen random mod 100 < {percent} counter drop\n'
        self.nft("table inet lab_loss\ndelete table inet lab_loss\n"
                 + ("" if percent == 0 else "table inet lab_loss {\n chain prerouting {\n"
                    f"  type filter hook prerouting priority -350;\n{rule} }}\n}}\n"))

    def block(self, interface, match):
        """Drops what comes in by interface and matches (nft syntax); see unblock()."""
        self.nft("table inet lab_block {\n chain prerouting {\n"
                 "  type filter hook prerouting priority -340;\n"
                 f'  iifname "{interface}" {match} counter drop\n }}\n}}\n')

    def unblock(self):
        self.nft("table inet lab_block\ndelete table inet lab_block\n")

    def ping(self, target, count=3, interval=0.1, wait=2, size=56, check=False):
        """Sends count echo requests and says how many came back."""
        done = self.run(["ping", "-n", "-c", str(count), "-i", str(interval), "-W", str(wait),
                         "-s", str(size), target], check=False,
                        timeout=count * max(interval, wait) + 20)
        result = read_ping(done.stdout)
        if check:
            expect(result.received == count, f"{self.name}: ping {target}: "
                   f"{result.received} of {count} came back: {done.stdout.strip()[-300:]}")
        return result

    def ping_works(self, target, seconds=10):
        """Waits until one echo request to target is answered."""
        wait_until(lambda: self.ping(target, count=1, wait=1).received == 1, seconds,
                   f"an answer to a ping from {self.name} to {target}")

    def start_ping(self, target, interval=0.02, name="ping", size=56):
        """A ping that goes on until end_ping(); flags each one that is lost."""
        process = self.start(["ping", "-n", "-i", str(interval), "-W", "2",
                              "-s", str(size), target], name)
        process.wait_for(r"bytes from", 10)
        return process

    def listens(self, port):
        """Something takes TCP connections on that port."""
        with self.entered():
            return any(re.search(rf"^ *\d+: [0-9A-F]+:{port:04X} \S+ 0A ", namespaces.read(name), re.M)
                       for name in ("tcp", "tcp6"))

    def iperf3(self, server, target, seconds=2, port=5201, octets=0):
        """A TCP transfer from this host to target, an address of the host server: of so many
        octets, or for so many seconds where the rate is wanted, or loss makes it slow."""
        listen = server.start(["iperf3", "-s", "-1", "-p", str(port)], f"iperf3-{port}")
        wait_until(lambda: server.listens(port), 10, f"iperf3 listens on {server.name}")
        much = ["-n", str(octets)] if octets else ["-t", str(seconds)]
        done = self.run(["iperf3", "-J", "-c", target, "-p", str(port), *much,
                         "--connect-timeout", "5000"], timeout=seconds + 30, check=False)
        listen.stop()
        try:
            report = json.loads(done.stdout)
        except ValueError:
            raise Failed(f"iperf3 {target}: {done.stdout.strip()[-300:]}") from None
        expect("error" not in report, f"iperf3 {target}: {report.get('error')}")
        end = report["end"]
        return Rate(end["sum_received"]["bits_per_second"], end["sum_received"]["bytes"],
                    end["sum_sent"].get("retransmits", 0))

    def capture(self, interface, name=None, snap=160, match=()):
        """tcpdump there; match: the words of a filter, to keep a part of the packets alone."""
        return capture.Capture(self, interface, name or f"capture-{interface}", snap, match)


# In the namespace: NFNL_SUBSYS_CTNETLINK / IPCTNL_MSG_CT_DELETE without a tuple empties the table.
FLUSH_CONNTRACK = """
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.settimeout(5)
s.sendto(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 1 | 4, 1, 0, 0, 0, 0), (0, 0))
error = struct.unpack_from("=i", s.recv(4096), 16)[0]
assert error == 0, error
"""


def read_ping(text):
    found = re.search(r"(\d+) packets transmitted, (\d+) (?:packets )?received", text)
    # Requests before the last that was answered: later ones may be under way when ping ends.
    answered = {int(n) for n in re.findall(r"bytes from .*icmp_seq=(\d+) ", text)}
    lost = sorted(set(range(1, max(answered, default=0))) - answered)
    sent, received = (int(n) for n in found.groups()) if found else (0, 0)
    return Ping(sent, received, text, lost)


def end_ping(process):
    """Ends start_ping() and says how many were sent and came back."""
    process.stop(signal.SIGINT)
    return read_ping(process.output())


class Lab:
    """Hosts, their links and their processes."""

    count = 0

    def __init__(self, name, keep=False):
        Lab.count += 1
        self.mark = f"{Lab.count}-"
        self.name = name
        self.keep = keep
        self.hosts = []
        self.processes = []
        self.daemons = []  # every posternd of it (postern.py)
        self.bridges = 0
        self.folder = None
        self.logs = None
        self.closed = False

    def __enter__(self):
        # Daemons that drop their privileges read their files here.
        self.folder = tempfile.mkdtemp(prefix="postern-lab-")
        os.chmod(self.folder, 0o755)
        self.logs = os.environ.get("POSTERN_TEST_LOGS") or os.path.join(self.folder, "logs")
        os.makedirs(self.logs, exist_ok=True)
        atexit.register(self.close, True)
        return self

    def __exit__(self, kind, value, trace):
        self.close(quick=kind is not None and issubclass(kind, Interrupted))
        return False

    def host(self, name):
        return Host(self, name)

    def link(self, a, a_interface, a_addresses, b, b_interface, b_addresses):
        """A cable between two hosts."""
        command(["ip", "link", "add", a_interface, "netns", a.namespace, "type", "veth", "peer",
                 "name", b_interface, "netns", b.namespace])
        for host, interface, addresses in ((a, a_interface, a_addresses),
                                           (b, b_interface, b_addresses)):
            host.ip_lines([f"link set {interface} up",
                           *(address_line(interface, x) for x in addresses)])

    def switch(self, *ports):
        """A bridge in a namespace of its own; ports are (host, interface, addresses). Gives the
        bridge's host, on whose interface "br0" everything can be seen."""
        self.bridges += 1
        bridge = self.host(f"switch{self.bridges}")
        bridge.ip("link", "add", "br0", "type", "bridge")
        bridge.ip("link", "set", "br0", "up")
        for n, (host, interface, addresses) in enumerate(ports):
            self.link(bridge, f"port{n}", [], host, interface, addresses)
            bridge.ip("link", "set", f"port{n}", "master", "br0")
        return bridge

    def file(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode),
                  "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def show_logs(self, lines=40):
        """Commentary for a failed test: the end of each process's log."""
        for process in self.processes:
            text = process.output().splitlines()
            if text:
                print(f"--- {os.path.basename(process.log)} ({os.path.basename(process.args[0])})")
                for line in text[-lines:]:
                    print(f"    {line}")

    def close(self, quick=False):
        """Ends all processes and removes all namespaces; within seconds, and only once."""
        if self.closed or self.folder is None:
            return
        self.closed = True
        with quiet_signals():
            for process in self.processes:
                if process.running():
                    process.send(signal.SIGTERM)
            deadline = time.monotonic() + (1 if quick else 10)
            while time.monotonic() < deadline and any(p.running() for p in self.processes):
                time.sleep(0.02)
            for process in self.processes:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.child.wait(timeout=2)
            namespaces.remove(host.namespace for host in self.hosts)
            if not self.keep:
                shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)


def remove_stale_namespaces():
    """Namespaces of runs that were killed outright: nothing runs in them any more."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(namespaces.FOLDER):
            found = STALE.match(name)
            if found and not os.path.exists(f"/proc/{found.group(1)}"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True)


@contextlib.contextmanager
def quiet_signals():
    """While this lasts, SIGINT, SIGTERM and SIGALRM change nothing."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {n: signal.signal(n, signal.SIG_IGN) for n in numbers}
    try:
        yield
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)


def raise_on_signals():
    def interrupted(number, _frame):
        raise Interrupted(signal.Signals(number).name)

    def late(_number, _frame):
        raise Failed("ran past its time")

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGALRM, late)


def run_test(test, limit, keep):
    """Runs one test in a lab of its own; prints its line, says whether it did not fail."""
    name = test.__name__.replace("_", "-")
    start = time.monotonic()
    reason, lab = None, Lab(name, keep)
    try:
        signal.alarm(getattr(test, "seconds", limit))
        with lab:
            try:
                test(lab)
            except (Failed, AssertionError, OSError, subprocess.SubprocessError) as e:
                reason = f"{type(e).__name__}: {e}" if not isinstance(e, Failed) else str(e)
                if not isinstance(e, Failed):
                    traceback.print_exc(file=sys.stdout)
                lab.show_logs()
            finally:
                signal.alarm(0)
    except Skipped as e:
        print(f"skip {name} - {e}", flush=True)
        return True
    reason = reason or after_closing(lab)
    if reason:
        print(f"not ok {name} - {' '.join(reason.split())[:500]}", flush=True)
    else:
        print(f"# {name}: {time.monotonic() - start:.1f} s")
        print(f"ok {name}", flush=True)
    return reason is None


def after_closing(lab):
    """What went wrong at the end: a daemon (Process with .graceful) that ended badly."""
    for process in lab.processes:
        status = process.child.returncode
        if getattr(process, "graceful", False) and status != 0:
            return f"{os.path.basename(process.log)}: ended with {status} when asked to stop: " \
                   f"{process.output().strip()[-200:]}"
    return None


def main(tests, why_not=None, limit=60):
    """Runs a script's tests: all, or those named as arguments; --list names them, --keep keeps
    their folders. why_not() gives a reason to skip them all, or None. A test is a function that
    takes a Lab; its attribute `seconds` overrides the limit."""
    names = [a.replace("_", "-") for a in sys.argv[1:] if not a.startswith("-")]
    unknown = set(names) - {t.__name__.replace("_", "-") for t in tests}
    if unknown:
        print(f"no such test: {', '.join(sorted(unknown))}; --list shows those there are")
        return 2
    chosen = [t for t in tests if not names or t.__name__.replace("_", "-") in names]
    if "--list" in sys.argv:
        for t in tests:
            text = inspect.getdoc(t) or ""
            print(t.__name__.replace("_", "-"), "-", text.split("\n")[0])
        return 0
    raise_on_signals()
    reason = why_no_namespaces() or (why_not() if why_not else None)
    if reason:
        for t in chosen:
            print(f"skip {t.__name__.replace('_', '-')} - {reason}")
        return 0
    remove_stale_namespaces()
    try:
        results = [run_test(t, limit, "--keep" in sys.argv) for t in chosen]
    except Interrupted as e:
        print(f"not ok {os.path.basename(sys.argv[0])} - {e} came", flush=True)
        return 1
    return 0 if all(results) else 1
