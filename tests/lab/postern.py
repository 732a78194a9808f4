"""The daemon under test: posternd and postern from the build folder $POSTERN_BUILD."""
import contextlib
import json
import os
import socket

from common import Failed, expect, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POSTERN_BUILD") or os.path.join(ROOT, "build", "check")
POSTERND = os.path.join(BUILD, "src", "daemon", "posternd")
POSTERN = os.path.join(BUILD, "src", "cli", "postern")

PSK = "correct horse battery staple"


def why_no_postern():
    for program in (POSTERND, POSTERN):
        if not os.access(program, os.X_OK):
            return f"{os.path.relpath(program, ROOT)} is not built (tests/build tests build/check)"
    return None


def psk_config(here, there, connection="office", local_ts=None, remote_ts=None, start="manual",
               connection_lines=(), child_lines=(), psk_file="office.psk"):
    """The configuration of one gateway (sites.py) toward the other, by pre-shared key."""
    local_ts = local_ts or [here.net4]
    remote_ts = remote_ts or [there.net4]
    lines = [
        f"connection {connection} {{",
        f"    local  = {quote(here.address)}",
        f"    remote = {quote(there.seen)}",
        f'    local-id  = "{here.id}"',
        f'    remote-id = "{there.id}"',
        "    auth = psk",
        *(f"    {line}" for line in connection_lines),
        "    child net {",
        f"        local-ts  = {{ {', '.join(quote(t) for t in local_ts)} }}",
        f"        remote-ts = {{ {', '.join(quote(t) for t in remote_ts)} }}",
        f"        start = {start}",
        *(f"        {line}" for line in child_lines),
        "    }",
        "}",
        f'secret "{here.id}" "{there.id}" {{ psk-file = "{psk_file}" }}',
        "",
    ]
    return "\n".join(lines)


def quote(text):
    """An address as the configuration file wants it: bare where that is a plain word."""
    return f'"{text}"' if ":" in text or "[" in text else text


class Postern:
    """One posternd in a host, with a folder of its own for its files and its run directory."""

    def __init__(self, lab, host, config, files=None, name="posternd", psk=PSK):
        self.lab, self.host, self.name = lab, host, name
        self.short = f"{host.name}-{name}"
        self.config = lab.file(f"{self.short}/postern.conf", config)
        if psk is not None:
            lab.file(f"{self.short}/office.psk", psk + "\n", 0o600)
        for path, (text, mode) in (files or {}).items():
            lab.file(f"{self.short}/{path}", text, mode)
        self.run_dir = os.path.join(os.path.dirname(self.config), "run")
        os.makedirs(self.run_dir, mode=0o755, exist_ok=True)
        self.process = None
        self.starts = 0
        lab.daemons.append(self)

    def start(self, options=(), ready=True):
        """Starts the daemon and waits until it answers `postern status`."""
        self.starts += 1
        self.process = self.host.start(
            [POSTERND, "-c", self.config, "--run-dir", self.run_dir, *options],
            f"{self.name}{self.starts if self.starts > 1 else ''}")
        self.process.graceful = True
        if ready:
            def answers():
                expect(self.process.running(),
                       f"posternd ended: {self.log().strip()[-300:]}")
                try:
                    return self.ask("status").get("ok")
                except OSError:
                    return False
            wait_until(answers, 15, f"{self.short} answers `postern status`")
        return self

    def reconfigure(self, config):
        """Another configuration file, for the next start() or `postern reload`."""
        self.lab.file(f"{self.short}/postern.conf", config)

    def stop(self):
        """Ends it politely; the peer is told."""
        return self.process.stop()

    def kill(self):
        """kill -9 of every process of it; the peer is not told."""
        self.process.graceful = False
        self.process.kill()

    def log(self):
        return self.process.output()

    def wait_log(self, pattern, seconds=10):
        return self.process.wait_for(pattern, seconds)

    def cli(self, *args, check=True, timeout=60):
        return self.host.run([POSTERN, "--run-dir", self.run_dir, *args], check=check,
                             timeout=timeout)

    def ask(self, verb, timeout=60):
        """posternd's answer on its control socket, as `postern --json` prints it. Where a test
        polls, this costs a fraction of starting the command."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            s.connect(os.path.join(self.run_dir, "control"))
            s.sendall(json.dumps({"verb": verb}).encode() + b"\n")
            line = s.makefile("rb").readline()
        if not line.endswith(b"\n"):
            raise ConnectionError(f"posternd ended while it was asked for its {verb}")
        return json.loads(line)

    def status(self):
        try:
            answer = self.ask("status")
        except OSError as e:
            raise Failed(f"{self.short} does not answer: {e}") from None
        expect(answer.get("ok"), f"{self.short} refuses to tell its status: {answer}")
        return answer

    def connection(self, name="office"):
        """What status says of a connection; {} when it does not list it."""
        for c in self.status().get("connections", []):
            if c.get("name") == name:
                return c
        return {}

    def sa(self, connection="office"):
        """The newest IKE SA of it that is up; {} when there is none."""
        up = [sa for sa in self.connection(connection).get("sas", []) if sa.get("state") == "up"]
        return up[-1] if up else {}

    def child(self, connection="office", child="net"):
        """The newest Child SA of that name, on whichever IKE SA; {} when there is none."""
        found = [c for sa in self.connection(connection).get("sas", [])
                 for c in sa.get("children", []) if c.get("name") == child]
        found.sort(key=lambda c: c.get("rekeying", False), reverse=True)
        return found[-1] if found else {}

    def is_up(self, connection="office", child="net"):
        return bool(self.child(connection, child))

    def up(self, connection="office", seconds=20):
        self.cli("up", connection, timeout=seconds + 10)
        self.wait_up(connection, seconds=seconds)

    def wait_up(self, connection="office", child="net", seconds=20):
        wait_until(lambda: self.is_up(connection, child), seconds,
                   f"{self.short}: {connection}/{child} is up")
        for daemon in self.lab.daemons:
            daemon.settle()

    def settle(self):
        """Waits until the plane's process has done what the engine told it so far: status tells
        of the engine alone, and the plane answers in order."""
        if self.process and self.process.running():
            with contextlib.suppress(OSError):  # it ends just now
                self.ask("stats")

    def wait_down(self, connection="office", child="net", seconds=20):
        wait_until(lambda: not self.is_up(connection, child), seconds,
                   f"{self.short}: {connection}/{child} is down")

    def spis(self, connection="office", child="net"):
        """(inbound, outbound) SPI of a Child SA: they change with a rekey."""
        c = self.child(connection, child)
        return c.get("spi_in"), c.get("spi_out")

    def ike_spis(self, connection="office"):
        sa = self.sa(connection)
        return sa.get("spi_i"), sa.get("spi_r")

    def why(self, connection="office"):
        """The reason that status gives for a connection that is down."""
        return self.connection(connection).get("why") or ""
