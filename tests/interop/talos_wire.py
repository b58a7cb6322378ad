"""talos_wire.py HCLOUD_V6 OURS NODE TALOSCTL|- TMP PART…: our Talos client against Talos' own services, and against connections that break."""
import importlib, json, os, re, subprocess, sys, time
import talos_common
from talos_common import *

program, wire, witness, talosctl, tmp = sys.argv[1:6]
began = time.time()
os.makedirs(tmp, exist_ok=True)
node, ours = Program(witness), Program(wire)
VERSION = {"hostname": 1, "tag": "v1.13.9", "sha": "3ebd10a7", "arch": "amd64", "platform": "hcloud", "mode": "cloud"}
count = 0


def start(**options):
    """A node; what is needed to call it."""
    global count
    count += 1
    name = options.pop("name", f"n{count}")
    a = node.ask("start", node=name, **{"listen": "[::1]:0", "mode": "secure", "hostname": "h", **options})
    assert a["ok"], a
    host, _, port = a["result"].rpartition(":")
    return {"node_name": name, "address": host.strip("[]"), "port": int(port)}


def identity(kind="good", roles=("os:admin",)):
    a = node.ask("identity", kind=kind, roles=list(roles))
    assert a["ok"], a
    return {k: a["result"][k] for k in ("ca", "crt", "key", "other_ca")}


admin = identity()


def call(op, where, who=None, **fields):
    who = admin if who is None else who
    who = {k: who[k] for k in ("ca", "crt", "key") if k in who}
    where = {k: where[k] for k in ("address", "port")}
    return ours.ask(op, **{"timeout_ms": 5000, **where, **who, **fields})


MAINTENANCE = {}


def fault(where, **f):
    a = node.ask("fault", node=where["node_name"], fault=f or None)
    assert a["ok"], a


def records(where):
    return node.ask("records", node=where["node_name"])["result"] or []


def stop(where):
    node.ask("stop", node=where["node_name"])


def good(name, a, result=None):
    if not check(name, a["ok"], a.get("error", ""), a):
        return
    if result is not None:
        check(name + ": what it says", a.get("result") == result, f"{a.get('result')!r}, not {result!r}")


def refused(name, a, kind, *words, grpc=None, ambiguous=None, retryable=None, within=None, names_node=True):
    """It failed, with this kind, and the message names the node and the reason."""
    if a["ok"]:
        return bad(name, "success was reported", a)
    text = a["error"] + " " + a.get("hint", "")
    wrong = [w for w in words if not re.search(w, text)]
    if a["kind"] not in kind.split("|"):
        return bad(name, f"kind is {a['kind']}, not {kind}", a)
    if wrong:
        return bad(name, f"the message has not {wrong}", a)
    if names_node and ("[" not in a["error"] or "Talos API of" not in a["error"]):
        return bad(name, "the message names no node", a)
    for key, wanted in (("grpc", grpc), ("ambiguous", ambiguous), ("retryable", retryable)):
        if wanted is not None and a[key] != wanted:
            return bad(name, f"{key} is {a[key]}, not {wanted}", a)
    if within is not None and a["ms"] > 4 * within:   # it hung; slow machines are no matter
        return bad(name, f"it took {a['ms']} ms", a)
    ok(name)


sys.path.insert(0, os.path.dirname(__file__))
for part in (importlib.import_module("talos_wire_" + name) for name in sys.argv[6:]):
    part.run(sys.modules["__main__"])
    print(f"note {part.__name__}: {time.time() - began:.0f} s, {talos_common.passed} checks so far")
finish()
