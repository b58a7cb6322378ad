"""What an address finds open while something happens: TCP and UDP, every port of every server of the simulated cloud, over and over.

    strangers.py ADDRESS FILE     until FILE exists, and until every port of every server that is there then was tried
    strangers.py ADDRESS          every port of every server once

A line for each find: "open ADDRESS PORT" (it takes connections), "answers ADDRESS PORT" (nothing listens there, and no firewall keeps the question away), "udp
ADDRESS PORT", "power NAME" (a server runs without a firewall that is applied). The last line has the tries, the servers seen, and those of which every port was tried.

SYNs are sent from a raw socket, and every answer is taken: 65,535 ports take less than a second.
"""
import errno, json, os, socket, struct, sys, time, urllib.request

KNOWN = [22, 80, 179, 443, 2379, 2380, 4240, 4244, 4245, 5001, 6443, 7445, 8472, 9099, 9878, 9879, 9890, 9962, 10250, 10256, 10257, 10259, 30000, 32767, 50000, 50001]
CHUNK, OWN_PORT, IPV6_CHECKSUM = 4096, 61000, 7
CHUNKS = range(0, 65536, CHUNK)
me, stop = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
tcp = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP)
tcp.setsockopt(socket.IPPROTO_IPV6, IPV6_CHECKSUM, 16)
icmp = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for s in (tcp, icmp):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
for s in (tcp, icmp, udp):
    s.bind((me, OWN_PORT if s is udp else 0))
    s.setblocking(False)
SYNS = [struct.pack("!HHIIBBHHH", OWN_PORT, port, 0x76360000, 0, 5 << 4, 2, 65535, 0, 0) for port in range(65536)]
found, tries, covered, names = set(), 0, {}, {}
fresh = set()                            # answers of ports without a listener since the last look at the servers: (line, address)


def servers():
    """Those that have power, by address; and whether each has its firewall. What has none is not there: in this world the kernel answers for its address."""
    with urllib.request.urlopen(os.environ["HCLOUD_V6_SIM_CONTROL"] + "/state", timeout=600) as answer:
        state = json.load(answer)
    there = {}
    for s in state["servers"]:
        if s["powered"] and not any(f["status"] == "applied" for f in s["public_net"]["firewalls"]):
            found.add("power " + s["name"])
        if s["powered"] and s.get("address"):
            there[s["address"]] = s["name"]
    names.update(there)
    return there


def count(before, after):
    """Answers count of those that had power all the time: one that goes in the middle is not there any more. A listener counts always."""
    found.update(line for line, address in fresh if address in before and address in after)
    fresh.clear()


def send(s, data, to):
    global tries
    while True:
        try:
            s.sendto(data, to)
            break
        except BlockingIOError:
            take()
        except OSError as e:         # no such address any more, or an answer to what was sent before
            if e.errno not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM, errno.ENOBUFS, errno.ECONNREFUSED):
                raise
            break
    tries += 1


def answers(s):
    while True:
        try:
            yield s.recvfrom(2048)
        except BlockingIOError:
            return


def take():
    for data, origin in answers(tcp):
        port, to, flags = struct.unpack("!HH9xB", data[:14])
        if to == OWN_PORT and flags & 4:
            fresh.add(("answers %s %d" % (origin[0], port), origin[0]))
        elif to == OWN_PORT and flags & 18 == 18:
            found.add("open %s %d" % (origin[0], port))
    for data, origin in answers(icmp):
        if data[0] == 1 and data[1] == 4 and data[14] == socket.IPPROTO_UDP and data[48:50] == OWN_PORT.to_bytes(2, "big"):      # destination unreachable, no listener
            to = socket.inet_ntop(socket.AF_INET6, data[32:48])
            fresh.add(("udp %s %d" % (to, struct.unpack("!H", data[50:52])[0]), to))
    for data, origin in answers(udp):
        found.add("udp %s %d" % (origin[0], origin[1]))


def try_ports(address, ports):
    for port in ports:
        send(tcp, SYNS[port], (address, 0))
        send(udp, b"?", (address, port))
    take()


ended, there = False, servers()
while not ended:
    for first in CHUNKS:
        last = stop is None or os.path.exists(stop)
        for address in there:
            try_ports(address, KNOWN)
            try_ports(address, range(max(1, first), first + CHUNK))
            covered.setdefault(address, set()).add(first)
        before, there = there, servers()
        take()
        count(before, there)
        if stop:
            open(stop + ".begun", "w").close()
        ended = last and all(len(covered.get(a, ())) == len(CHUNKS) for a in there)
        if ended:
            break
time.sleep(0.2)
take()
count(there, servers())
for line in sorted(found):
    print(line)
print("%d tries, %d servers, %d whole" % (tries, len(names), sum(len(c) == len(CHUNKS) for c in covered.values())))
