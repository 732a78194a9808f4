#!/usr/bin/env python3
"""Tunnels between two posternd: address families, selectors, rekeys, and what policy forbids."""
import json
import os
import re
import sys
import time

import capture as captures
import lab as labs
from common import expect, holds_for, wait_until
from postern import POSTERN, Postern, psk_config, why_no_postern
from sites import sites


def pair(lab, s, a_options=None, b_options=None, **both):
    """posternd on both gateways, started; the tunnel is not up yet."""
    b = Postern(lab, s.b.gateway, psk_config(s.b, s.a, **both, **(b_options or {}))).start()
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b, **both, **(a_options or {}))).start()
    return a, b


def carries(s, hosts):
    """Ping both ways and a TCP transfer between the sites."""
    s.a.lan.ping(hosts[1], check=True)
    s.b.lan.ping(hosts[0], check=True)
    rate = s.a.lan.iperf3(s.b.lan, hosts[1], octets=8000000)
    expect(rate.octets > 1000000, f"TCP brought {rate.octets} octets")


def protected(s, a, hosts, esp):
    wire = s.wire[0].capture(s.wire[1])
    a.up()
    carries(s, hosts)
    packets = wire.stop()
    captures.expect_nothing_clear(packets)
    expect(captures.kinds(packets)[esp], f"no {esp} among {dict(captures.kinds(packets))}")


def first_tunnel(lab):
    """IPv4 in IPv4 by pre-shared key, ESP as protocol 50."""
    s = sites(lab)
    a, _ = pair(lab, s)
    protected(s, a, (s.a.host4, s.b.host4), "esp")


def up_while_it_starts(lab):
    """`postern up` as soon as there is a control socket waits for the configuration."""
    s = sites(lab)
    Postern(lab, s.b.gateway, psk_config(s.b, s.a)).start()
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b)).start(ready=False)
    socket = os.path.join(a.run_dir, "control")
    deadline = time.monotonic() + 10
    while not os.path.exists(socket) and time.monotonic() < deadline:
        pass
    done = a.cli("up", "office", check=False)
    # Between bind() and listen() of posternd nobody listens yet.
    if "nobody listens" in done.stdout:
        done = a.cli("up", "office", check=False)
    expect(done.returncode == 0 and a.is_up(), f"`postern up` says: {done.stdout.strip()[-200:]}")


def esp_in_udp_on_request(lab):
    """encap = yes carries ESP in UDP without a NAT."""
    s = sites(lab)
    a, _ = pair(lab, s, connection_lines=["encap = yes"])
    protected(s, a, (s.a.host4, s.b.host4), "esp-4500")


def ipv6_outside(lab):
    """IPv4 in IPv6."""
    s = sites(lab, outer=6)
    a, _ = pair(lab, s)
    protected(s, a, (s.a.host4, s.b.host4), "esp")


def ipv6_inside(lab):
    """IPv6 in IPv4."""
    s = sites(lab)
    a, _ = pair(lab, s, dict(local_ts=[s.a.net6], remote_ts=[s.b.net6]),
                dict(local_ts=[s.b.net6], remote_ts=[s.a.net6]))
    protected(s, a, (s.a.host6, s.b.host6), "esp")


def ipv6_both(lab):
    """IPv6 in IPv6."""
    s = sites(lab, outer=6)
    a, _ = pair(lab, s, dict(local_ts=[s.a.net6], remote_ts=[s.b.net6]),
                dict(local_ts=[s.b.net6], remote_ts=[s.a.net6]))
    protected(s, a, (s.a.host6, s.b.host6), "esp")


EESP = dict(child_lines=["eesp = prefer", "eesp-sub-sas = yes"])


def eesp(lab):
    """Enhanced ESP as its own protocol, IPv4 outside, both families inside, through a rekey."""
    s = sites(lab)
    a, b = pair(lab, s, dict(local_ts=[s.a.net4, s.a.net6], remote_ts=[s.b.net4, s.b.net6]),
                dict(local_ts=[s.b.net4, s.b.net6], remote_ts=[s.a.net4, s.a.net6]), **EESP)
    protected(s, a, (s.a.host4, s.b.host4), "eesp")
    wire = s.wire[0].capture(s.wire[1])
    ping = s.a.lan.start_ping(s.b.host6, interval=0.005)
    for who in (a, b):
        rekey_child(who, a, b)
    result = labs.end_ping(ping)
    expect(result.sent - result.received <= 1, f"{result.received} of {result.sent} came back")
    expect(not captures.kinds(wire.stop())["esp"], "there is ESP beside EESP")


def eesp_over_ipv6(lab):
    """The same in IPv6."""
    s = sites(lab, outer=6)
    a, _ = pair(lab, s, **EESP)
    protected(s, a, (s.a.host4, s.b.host4), "eesp")


def eesp_in_udp_or_esp(lab):
    """In UDP with a peer that has EESP; ESP with one that has not."""
    s = sites(lab)
    a, b = pair(lab, s, dict(child_lines=["eesp = prefer"]), dict(child_lines=["eesp = require"]),
                connection_lines=["encap = yes"])
    protected(s, a, (s.a.host4, s.b.host4), "eesp-4500")
    b.reconfigure(psk_config(s.b, s.a, connection_lines=["encap = yes"]))
    b.cli("reload")
    a.cli("down", "office")
    protected(s, a, (s.a.host4, s.b.host4), "esp-4500")


def several_selectors(lab):
    """One Child SA for an IPv4 and an IPv6 subnet."""
    s = sites(lab)
    a, _ = pair(lab, s, dict(local_ts=[s.a.net4, s.a.net6], remote_ts=[s.b.net4, s.b.net6]),
                dict(local_ts=[s.b.net4, s.b.net6], remote_ts=[s.a.net4, s.a.net6]))
    protected(s, a, (s.a.host4, s.b.host4), "esp")
    s.a.lan.ping(s.b.host6, check=True)


def narrowed_selectors(lab):
    """The responder allows less than was asked: only that is carried."""
    s = sites(lab)
    a, _ = pair(lab, s, dict(local_ts=["10.1.0.0/16"], remote_ts=["10.2.0.0/16"]), {})
    a.up()
    carries(s, (s.a.host4, s.b.host4))
    wire = s.wire[0].capture(s.wire[1])
    s.a.lan.ping("10.2.1.1", count=2, wait=1)
    kinds = captures.kinds(wire.stop())
    expect(not kinds["icmp"], "a packet outside the narrowed selectors went in the clear")


def start_on_traffic(lab):
    """The first packet brings the tunnel up."""
    s = sites(lab)
    a, _ = pair(lab, s, dict(start="on-traffic"), {})
    holds_for(lambda: not a.is_up(), 1, "the tunnel stays down without traffic")
    s.a.lan.ping_works(s.b.host4, 20)
    expect(a.is_up(), "status does not show the tunnel that carried a ping")


def rekeys_lose_nothing(lab):
    """Rekeys of Child and IKE SA by either side, under traffic, lose no packet."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    ping = s.a.lan.start_ping(s.b.host4, interval=0.005)
    for who in (a, b, a, b):
        rekey_child(who, a, b)
        rekey_ike(who, a, b)
    result = labs.end_ping(ping)
    # One that is under way when its old SA goes may be lost; not more for any of the rekeys.
    expect(len(result.lost) <= 1, f"of {result.sent} these did not come back: {result.lost}")
    s.a.lan.ping(s.b.host4, check=True)


def rekey_child(who, a, b):
    before = a.spis(), b.spis()
    who.cli("rekey", "office", "net")
    wait_until(lambda: a.is_up() and b.is_up() and a.spis() != before[0]
               and b.spis() != before[1], 10, f"a new Child SA, rekeyed by {who.short}")


def rekey_ike(who, a, b):
    before = a.ike_spis(), b.ike_spis()
    who.cli("rekey", "office")
    wait_until(lambda: a.ike_spis() != before[0] and b.ike_spis() != before[1], 10,
               f"a new IKE SA, rekeyed by {who.short}")


def rekeys_by(lab, line, size, times):
    s = sites(lab)
    a, _ = pair(lab, s, dict(child_lines=[line]), {})
    a.up()
    seen = {a.spis()}
    ping = s.a.lan.start_ping(s.b.host4, interval=0.005, size=size)

    def often():
        seen.add(a.spis())
        return len(seen) > times
    wait_until(often, 30, f"{times} rekeys by {line}")
    result = labs.end_ping(ping)
    expect(result.sent - result.received <= 1, f"{result.received} of {result.sent} came back")


def rekeys_by_packets(lab):
    """rekey-packets replaces the Child SA on its own, again and again, and loses nothing."""
    rekeys_by(lab, "rekey-packets = 200", 56, 3)


def rekeys_by_octets(lab):
    """rekey-octets does, too."""
    rekeys_by(lab, "rekey-octets = 256KiB", 1200, 2)


def down_drops_what_must_be_protected(lab):
    """Without a tunnel nothing of the protected subnets leaves, or comes in, in the clear."""
    s = sites(lab)
    # Only a has Postern: b would take and answer clear packets.
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b)).start()
    wire, inside = s.wire[0].capture(s.wire[1]), s.a.lan.capture("eth0")
    s.a.lan.ping(s.b.host4, count=3, wait=1)
    s.b.lan.ping(s.a.host4, count=3, wait=1)
    expect(a.process.running(), "posternd ended")
    out = [p for p in wire.stop() if p.kind == "icmp" and p.src == s.a.host4]
    expect(not out, f"{len(out)} packets left in the clear")
    came = [p for p in inside.stop() if p.kind == "icmp" and p.src == s.b.host4]
    expect(not came, f"{len(came)} clear packets were let in")


def down_takes_away_what_up_made(lab):
    """`postern down` tells the peer; the policy stays; the end of posternd removes its device."""
    s = sites(lab)
    a, b = pair(lab, s)
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    a.cli("down", "office")
    a.wait_down()
    b.wait_down()
    wire = s.wire[0].capture(s.wire[1])
    s.a.lan.ping(s.b.host4, count=2, wait=1)
    expect(not captures.kinds(wire.stop())["icmp"], "a ping went in the clear after `down`")
    expect(a.stop() == 0 and b.stop() == 0, "posternd did not end with 0")
    expect("postern0" not in s.a.gateway.ip("link"), "its TUN device is left behind")
    left = s.a.gateway.run(["nft", "list", "ruleset"]).stdout.strip()
    expect(not left, f"its firewall rules are left behind: {left[:200]}")


def many(s, n, local_ts):
    """So many connections more; their secret is that of the first."""
    return "".join(psk_config(s.a, s.b, f"c{i}", [local_ts], [f"172.16.{i // 256}.{i % 256}"])
                   .partition("secret")[0] for i in range(n))


def reload_changes_many_policies(lab):
    """The firewall's table is made anew, with the same rules and the new selectors alone."""
    s = sites(lab)
    one, n = psk_config(s.a, s.b), 300
    a = Postern(lab, s.a.gateway, one + many(s, n, "10.1.0.0/24")).start()
    b = Postern(lab, s.b.gateway, psk_config(s.b, s.a)).start()

    def table():
        return s.a.gateway.run(["nft", "list", "table", "inet", "postern"]).stdout

    def rules():
        return [re.sub(r"counter .*drop", "drop", line) for line in table().splitlines()
                if re.search(r"accept|drop|return|jump", line)]
    wait_until(lambda: table().count("172.16.") == n, 10, "all policies in the firewall")
    before = rules()
    a.reconfigure(one + many(s, n, "10.9.0.0/24"))
    a.cli("reload")
    wait_until(lambda: table().count(" . 10.9.0.0/24") == n, 10, "the new policies in the firewall")
    expect(table().count("172.16.") == n, "policies of before are left in the firewall")
    expect(rules() == before, f"the rules differ: {rules()}")
    a.up()
    s.a.lan.ping(s.b.host4, check=True)
    expect(b.is_up(), "the peer has no tunnel")


def too_big_is_told(lab):
    """A packet that does not fit, with DF: the sender is told, and a TCP transfer finds its way."""
    s = sites(lab)
    a, _ = pair(lab, s)
    a.up()
    done = s.a.lan.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1472",
                        s.b.host4], check=False)
    expect("needed" in done.stdout or "too long" in done.stdout,
           f"nobody told the sender: {done.stdout.strip()[-200:]}")
    carries(s, (s.a.host4, s.b.host4))


def status_of_what_is_down(lab):
    """status lists a connection that never came up, and why."""
    s = sites(lab)
    a = Postern(lab, s.a.gateway,
                psk_config(s.a, s.b, start="auto", connection_lines=["retransmits = 1"])).start()
    wait_until(lambda: a.why(), 20, "a reason in status: nobody answers")
    text = a.cli("status").stdout
    expect("office" in text and "net" in text, f"`postern status` says: {text[:300]}")


def documents(text):
    """The JSON documents that stand one after the other in text."""
    found, at = [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = json.JSONDecoder().raw_decode(text, at)
        found.append(document)
    return found


def names_in(status):
    """What of a status does not change with the time of day."""
    return [(c["name"], c["state"], [[k["name"] for k in sa["children"]] for sa in c["sas"]])
            for c in status["connections"]]


def every_verb_has_json(lab):
    """--json with every verb; `postern log` follows, and every line of it names its connection."""
    s = sites(lab)
    Postern(lab, s.b.gateway, psk_config(s.b, s.a)).start()
    a = Postern(lab, s.a.gateway, psk_config(s.a, s.b)).start()
    follow = s.a.gateway.start([POSTERN, "--run-dir", a.run_dir, "--json", "log"], "follow")
    follow.wait_for("following", 10)
    for verb in (["up", "office"], ["status"], ["stats"], ["rekey", "office", "net"],
                 ["rekey", "office"], ["reauth", "office"], ["reload"], ["version"],
                 ["check", a.config], ["fault", "list"], ["down", "office"]):
        last = documents(a.cli("--json", *verb).stdout)[-1]
        expect(last.get("ok", "posternd" in last), f"{verb}: {last}")
        if verb == ["status"]:
            told = a.ask("status")
            expect(names_in(last) == names_in(told) and last.keys() == told.keys(),
                   f"the command tells of {last}, posternd of {told}")
    last = documents(a.cli("--json", "up", "nobody", check=False).stdout)[-1]
    expect(last.get("ok") is False and "nobody" in last.get("reason", ""), f"{last}")
    follow.stop()
    lines = [d["log"] for d in documents(follow.output()) if "log" in d]
    expect(any("Child SA net is up" in x for x in lines), f"{lines}")
    # What the reload says is about all of them.
    nameless = [x for x in lines if "connection=office" not in x and "configured" not in x]
    expect(not nameless, f"these name no connection: {nameless}")


if __name__ == "__main__":
    sys.exit(labs.main([
        first_tunnel, up_while_it_starts, esp_in_udp_on_request, ipv6_outside, ipv6_inside, ipv6_both,
        eesp, eesp_over_ipv6, eesp_in_udp_or_esp,
        several_selectors, narrowed_selectors, start_on_traffic, rekeys_lose_nothing,
        rekeys_by_packets, rekeys_by_octets, down_drops_what_must_be_protected,
        down_takes_away_what_up_made, reload_changes_many_policies, too_big_is_told,
        status_of_what_is_down, every_verb_has_json], why_no_postern))
