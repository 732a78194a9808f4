"""What the checkers share: the sources, without their comments and strings, and the exceptions."""
import os
import re
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def files(root, *folders, ends=(".c", ".h")):
    """Paths below the folders, relative to root, sorted."""
    found = []
    for folder in folders:
        for where, _, names in os.walk(os.path.join(root, folder)):
            found += [os.path.relpath(os.path.join(where, n), root) for n in names
                      if n.endswith(ends)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


TOKEN = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def code_of(text):
    """text with comments and strings blanked; lines stay where they were."""
    def blank(found):
        kept = re.sub(r"[^\n]", " ", found.group(0))
        return '"' + kept[1:-1] + '"' if found.group(0)[0] == '"' and len(kept) > 1 else kept
    return TOKEN.sub(blank, text)


def includes(text):
    """(line number, name, quoted) of every #include, those in a comment left out."""
    bare = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text,
                  flags=re.DOTALL)
    for number, line in enumerate(bare.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(2), found.group(1) == '"'


def exceptions(name):
    """{subject: reason} of the lines 'NAME SUBJECT REASON' in tests/static/exceptions."""
    out = {}
    for line in read(ROOT, "tests/static/exceptions").splitlines():
        if not line or line.startswith("#"):
            continue
        kind, subject, reason = line.split(None, 2)
        if kind == name:
            out[subject] = reason
    return out


def report(name, faults):
    """One test of the line protocol; every fault is a line of commentary before it."""
    for fault in faults:
        print(f"  {fault}")
    if faults:
        print(f"not ok {name} - {len(faults)} found; the first: {faults[0]}")
    else:
        print(f"ok {name}")


def command_output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
                          check=False, text=True)
