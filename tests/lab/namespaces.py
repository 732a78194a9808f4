"""Network namespaces by name, as `ip netns` makes them, without a process for each step."""
import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct

FOLDER = "/var/run/netns"

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
MS_BIND = 4096
MNT_DETACH = 2
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def call(function, *args):
    if function(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


def path_of(name):
    return os.path.join(FOLDER, name)


@contextlib.contextmanager
def back_afterwards():
    """This thread ends in the namespace where it is now."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        call(LIBC.setns, here, CLONE_NEWNET)
        os.close(here)


@contextlib.contextmanager
def entered(name):
    """While this lasts, this thread is in the namespace: what it starts stays there."""
    with back_afterwards():
        there = os.open(path_of(name), os.O_RDONLY | os.O_CLOEXEC)
        try:
            call(LIBC.setns, there, CLONE_NEWNET)
        finally:
            os.close(there)
        yield


def add(name):
    """Makes a namespace, its loopback device up. `ip netns add` must have made one before: it
    shares the mounts of FOLDER, so that a namespace which is removed goes everywhere."""
    os.close(os.open(path_of(name), os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    with back_afterwards():
        call(LIBC.unshare, CLONE_NEWNET)
        call(LIBC.mount, b"/proc/thread-self/ns/net", os.fsencode(path_of(name)), b"none", MS_BIND,
             None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def read(table):
    """A table of /proc/net, such as "tcp", of the namespace where this thread is."""
    with open(f"/proc/thread-self/net/{table}") as f:
        return f.read()


def identity(path):
    found = os.stat(path)
    return found.st_dev, found.st_ino


def processes_in(identities):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if identity(f"/proc/{pid}/ns/net") in identities:
                yield int(pid)


def remove(names):
    """Removes those namespaces and kills what still runs in them."""
    paths = [path_of(name) for name in names]
    identities = set()
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            identities.add(identity(path))
    for pid in processes_in(identities):
        if pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for path in paths:
        try:
            call(LIBC.umount2, os.fsencode(path), MNT_DETACH)
        except OSError as e:
            if e.errno not in (errno.EINVAL, errno.ENOENT):  # not mounted: it was half made
                raise
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
