"""Questions to charon over its control socket, as swanctl asks them.

The protocol (strongSwan, src/libcharon/plugins/vici/README.md): packets of a 32-bit length, an
octet that says what it is, for some a name, and a message; all integers in network order. A message
is a sequence of elements, which make nested sections of keys and values, and lists.
"""
import contextlib
import socket
import struct

REQUEST, RESPONSE, UNKNOWN, REGISTER, UNREGISTER, CONFIRM, NO_EVENT, EVENT = range(8)
SECTION, SECTION_END, VALUE, LIST, ITEM, LIST_END = range(1, 7)


@contextlib.contextmanager
def connected(path, timeout):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(timeout)
        s.connect(path)
        yield s


def send(s, kind, name):
    packet = struct.pack("!BB", kind, len(name)) + name.encode()
    s.sendall(struct.pack("!I", len(packet)) + packet)


def octets(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionError("charon closed its control socket")
        data += more
    return data


def receive(s):
    """(what it is, its message) of the next packet."""
    packet = octets(s, struct.unpack("!I", octets(s, 4))[0])
    if packet[0] == EVENT:
        return EVENT, read_message(packet[2 + packet[1]:])
    return packet[0], read_message(packet[1:])


def expect_kind(s, kind, what):
    got, message = receive(s)
    if got != kind:
        raise ConnectionError(f"charon answers {what} with a packet of kind {got}")
    return message


def request(path, command, timeout=20):
    """The message that answers the command."""
    with connected(path, timeout) as s:
        send(s, REQUEST, command)
        return expect_kind(s, RESPONSE, command)


def listing(path, command, event, timeout=20):
    """The messages of the events that come before the command's answer."""
    with connected(path, timeout) as s:
        send(s, REGISTER, event)
        expect_kind(s, CONFIRM, event)
        send(s, REQUEST, command)
        found = []
        while True:
            kind, message = receive(s)
            if kind == RESPONSE:
                return found
            if kind != EVENT:
                raise ConnectionError(f"charon answers {command} with a packet of kind {kind}")
            found.append(message)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        if self.at > len(self.data):
            raise ConnectionError("a message of charon is cut off")
        return self.data[self.at - n:self.at]

    def text(self, width):
        return self.take(int.from_bytes(self.take(width), "big")).decode(errors="replace")


def read_message(data):
    """Sections as dictionaries, lists as lists, values as text."""
    r = Reader(data)
    root = {}
    stack, items = [root], None
    while r.at < len(data):
        element = r.take(1)[0]
        if element == SECTION:
            stack.append(stack[-1].setdefault(r.text(1), {}))
        elif element == SECTION_END and len(stack) > 1:
            stack.pop()
        elif element == VALUE:
            key = r.text(1)
            stack[-1][key] = r.text(2)
        elif element == LIST:
            items = stack[-1].setdefault(r.text(1), [])
        elif element == ITEM and items is not None:
            items.append(r.text(2))
        elif element == LIST_END:
            items = None
        else:
            raise ConnectionError(f"an element {element} in a message of charon")
    return root
