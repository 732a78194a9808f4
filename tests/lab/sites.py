"""Two sites, as most tests want them:

    lan-a --- gw-a --- [nat-a] === wire === [nat-b] --- gw-b --- lan-b

Outside they are 10.99.0.1 and 10.99.0.2 (fd99::1 and fd99::2); inside, a has 10.1.0.0/24 and
fd01::/64, b has 10.2.0.0/24 and fd02::/64. Each gateway's default route leads to the other side, so
that traffic which a gateway fails to protect is seen on the wire, and arrives.
"""
import types

IDS = {"a": "gw-a.example", "b": "gw-b.example"}
NUMBER = {"a": 1, "b": 2}
OTHER = {"a": "b", "b": "a"}


def sites(lab, outer=4, nat="", ports=None):
    """Makes the hosts. outer is the family of the gateways' addresses; nat holds "a", "b" or both:
    whose gateway is behind a NAT router (with ports, one that changes the source port).

    Gives .a and .b, each with gateway, lan, nat (None without), id, address (the gateway's own),
    seen (where the other side reaches it), net4, net6, host4, host6 (lan's addresses); and
    .wire, a (host, interface) where everything between the sites can be captured; .ends, both ends
    of that."""
    public = {s: f"10.99.0.{NUMBER[s]}" if outer == 4 else f"fd99::{NUMBER[s]}" for s in "ab"}
    length = 24 if outer == 4 else 64
    made, ends = {}, {}
    for s in "ab":
        made[s], ends[s] = site(lab, s, public[s], nat, ports)
    (ha, ia), (hb, ib) = ends["a"], ends["b"]
    lab.link(ha, ia, [f"{public['a']}/{length}"], hb, ib, [f"{public['b']}/{length}"])
    for s in "ab":
        edge, interface = ends[s]
        if edge is not made[s].gateway:
            edge.nat(interface, ports)
            edge.port_forward(interface, made[s].address)
        edge.route("default", public[OTHER[s]])
    return types.SimpleNamespace(a=made["a"], b=made["b"], wire=ends["a"],
                                 ends=[ends["a"], ends["b"]])


def site(lab, s, public, nat, ports):
    n = NUMBER[s]
    gateway, lan = lab.host(f"gw-{s}"), lab.host(f"lan-{s}")
    lab.link(lan, "eth0", [f"10.{n}.0.2/24", f"fd0{n}::2/64"],
             gateway, "lan0", [f"10.{n}.0.1/24", f"fd0{n}::1/64"])
    lan.route("default", f"10.{n}.0.1")
    lan.route("default", f"fd0{n}::1")
    gateway.forward()
    router, end = None, (gateway, "eth0")
    address = public
    if s in nat:
        router = lab.host(f"nat-{s}")
        address = f"192.168.{n}.2"
        lab.link(gateway, "eth0", [f"{address}/24"], router, "in0", [f"192.168.{n}.1/24"])
        gateway.route("default", f"192.168.{n}.1")
        router.forward()
        end = (router, "out0")
    return types.SimpleNamespace(
        name=s, gateway=gateway, lan=lan, nat=router, id=IDS[s], address=address, seen=public,
        net4=f"10.{n}.0.0/24", net6=f"fd0{n}::/64", host4=f"10.{n}.0.2", host6=f"fd0{n}::2"), end
