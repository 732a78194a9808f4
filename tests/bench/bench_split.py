#!/usr/bin/env python3
"""Whose instructions a hybrid handshake runs: the crypto libraries', the C library's or our own, by
callgrind. Ours must be under a quarter. Without valgrind it is skipped. What the emulated processor
lacks the libraries do without, so that theirs is a little more than it would be."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POSTERN_BUILD") or os.path.join(ROOT, "build", "bench")
PROGRAM = os.path.join(BUILD, "tests", "bench", "bench_handshake")
HANDSHAKE = "psk-x25519+mlkem768"
RUNS = 5, 25  # start and end of the process cancel out
NUMBERS = re.compile(r"^[+*-]?\d")


def owner(obj):
    name = os.path.basename(obj)
    if name == os.path.basename(PROGRAM):
        return "ours"
    if re.match(r"lib(crypto|botan|mceliece|IPSec_MB|gmp)", name, re.IGNORECASE):
        return "crypto libraries"
    return "C library and others"


def costs(n):
    """Instructions by owner, without those of functions called."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet",
                        PROGRAM, "--loop", HANDSHAKE, str(n)], check=True, timeout=600,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(out, encoding="utf-8", errors="replace") as f:
            return parse(f)


def parse(lines):
    names, sums, who, called = {}, {}, "C library and others", False
    for line in lines:
        if line.startswith("ob="):
            number, _, name = line[3:].strip().partition(" ")
            names.setdefault(number, name)
            who = owner(names[number])
        elif line.startswith("calls="):
            called = True  # the next line is the cost of the callee
        elif NUMBERS.match(line):
            fields = line.split()
            if not called and len(fields) > 1:
                sums[who] = sums.get(who, 0) + int(fields[1])
            called = False
        elif line.startswith("cob=") and line[4:].strip().partition(" ")[2]:
            number, _, name = line[4:].strip().partition(" ")
            names.setdefault(number, name)
    return sums


def main():
    if shutil.which("valgrind") is None:
        print("skip handshake-split - valgrind is not installed, whose callgrind counts the "
              "instructions (package valgrind)")
        return 0
    if not os.access(PROGRAM, os.X_OK):
        print("skip handshake-split - bench_handshake is not built (tests/build bench build/bench)")
        return 0
    few, many = (costs(n) for n in RUNS)
    each = {k: (many[k] - few.get(k, 0)) / (RUNS[1] - RUNS[0]) for k in many}
    total = sum(each.values())
    for k, n in sorted(each.items(), key=lambda e: -e[1]):
        print(f"# {HANDSHAKE}: {k}: {n / 1000:.0f} thousand instructions, {100 * n / total:.1f} %")
    with open(os.path.join(BUILD, "handshake-split.json"), "w", encoding="utf-8") as f:
        json.dump({"handshake": HANDSHAKE, "instructions": each}, f, indent=1)
    share = each.get("ours", 0) / total
    if share >= 0.25:
        print(f"not ok handshake-split - our own code takes {100 * share:.1f} % of it")
        return 1
    print("ok handshake-split")
    return 0


if __name__ == "__main__":
    sys.exit(main())
