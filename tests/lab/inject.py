"""Runs inside a namespace: sends packets that no honest peer would send.

    inject.py flood COUNT MESSAGE TARGET   IKE_SA_INIT from made-up addresses
    inject.py raw FILE                     each line: SOURCE TARGET PROTOCOL HEX

MESSAGE is the hexadecimal UDP payload of an IKE_SA_INIT request; its SPI is changed every time.
"""
import random
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, target, protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(sport, dport, payload):
    # A zero checksum means none (RFC 768).
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def flood(count, message, target):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    rng = random.Random(1)
    for n in range(count):
        spi = rng.getrandbits(64).to_bytes(8, "big")
        source = f"10.98.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        packet = ipv4(source, target, 17, udp(500, 500, spi + message[8:]))
        s.sendto(packet, (target, 0))
        if n % 50 == 49:
            time.sleep(0.01)  # 5000 a second at most: what is measured is the daemon, not a queue
    print(f"sent {count}")


def raw(path):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sent = 0
    with open(path) as f:
        for line in f:
            source, target, protocol, data = (line.rstrip("\n").split(" ") + [""])[:4]
            s.sendto(ipv4(source, target, int(protocol), bytes.fromhex(data)), (target, 0))
            sent += 1
            if sent % 50 == 0:
                time.sleep(0.01)
    print(f"sent {sent}")


if __name__ == "__main__":
    if sys.argv[1] == "flood":
        flood(int(sys.argv[2]), bytes.fromhex(sys.argv[3]), sys.argv[4])
    else:
        raw(sys.argv[2])
