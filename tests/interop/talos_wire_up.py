"""What `up` does to nodes (src/bootstrap), against a node that lives through maintenance, an applied config, certificates of that config, bootstrap."""

import base64, gzip


def run(w):
    globals().update({k: v for k, v in vars(w).items() if not k.startswith("__") and k != "run"})
    global us
    us = identity_of_up()
    life()
    pushed()
    refusals()
    patience()
    broken_pushes()


PREFIX = "2001:db8:c0ff:ee"


def identity_of_up():
    """The talosconfig that `up` wrote: our own certificates are judged, not the witness's."""
    with open(os.environ["TALOSCONFIG"]) as f:
        text = f.read()
    decode = lambda key: base64.b64decode(re.search(rf"^ *{key}: (\S+)", text, re.M).group(1)).decode()
    return {key: decode(key) for key in ("ca", "crt", "key")}


def config_of(address, *options):
    """The config that `up` would push to this address, of the cluster that it made."""
    out = f"{tmp}/render"
    r = subprocess.run([program, "config", "render", out, "--cluster", "default", "-e", f"https://[{address}]:6443", "--node", f"default-control-plane-1={address}", *options],
                       capture_output=True, text=True)
    if r.returncode:
        raise SystemExit("config render: " + r.stderr)
    with open(f"{out}/default-control-plane-1.yaml") as f:
        return f.read()


number = 0


def machine(**options):
    global number
    number += 1
    address = f"{PREFIX}{number:02x}::1"
    return start(listen=f"[{address}]:50000", **{"mode": "machine", "hostname": "default-control-plane-1", **options})


def up(op, n, **fields):
    return call(op, n, us, **{"name": "default-control-plane-1", "timeout_ms": 20000, **fields})


def methods(n):
    return [r["method"].rpartition("/")[2] for r in records(n)]


def life():
    n = machine()
    text = config_of(n["address"])
    good("up: a look at a new node", up("look", n), "maintenance; -; -")
    records(n)
    good("up: push", up("push", n, config=text))
    seen = records(n)
    applies = [r for r in seen if r["method"].endswith("ApplyConfiguration")]
    check("up: Talos' loader takes the config, applied once, by a reader", [(r["status"], r["roles"]) for r in applies] == [("OK", ["os:reader"])], str(applies)[:500])
    check("up: no byte that Talos does not know", sum(r["unknown"] for r in seen) == 0)
    check("up: our certificate is os:admin", any(r["roles"] == ["os:admin"] for r in seen), str(seen)[:300])
    good("up: then it boots with our CA", up("look", n), "booting; v1.13.9; booting, not ready: services (etcd is not running)")
    good("up: no etcd yet", up("has-etcd", n), False)
    a = up("wait-etcd", n, timeout_ms=1000, virtual=True)
    refused("up: waiting for etcd ends", a, "timeout", "0 of 1 control planes", "default-control-plane-1", names_node=False)
    records(n)
    good("up: etcd", up("etcd", n))
    check("up: one Bootstrap by an admin", [(r["status"], r["roles"], r["message"]) for r in records(n) if r["method"].endswith("Bootstrap")] == [("OK", ["os:admin"], "{}")])
    good("up: etcd again is no error", up("etcd", n))
    good("up: now it has etcd", up("has-etcd", n), True)
    good("up: a voting member", up("wait-etcd", n))
    good("up: running", up("wait", n))
    good("up: a look", up("look", n), "running; v1.13.9; -")
    good("up: the way to the metadata service", up("metadata", n))
    records(n)
    good("up: a second push", up("push", n, config=text))
    check("up: changes nothing", "ApplyConfiguration" not in methods(n))
    stop(n)
    refused("up: a node that is gone", up("wait", n, timeout_ms=60000, virtual=True), "timeout", "nothing answers on port 50000", "default-control-plane-1", "--operator", names_node=False)
    n = machine(mode="secure", detour=True)
    good("a look at a foreign node", up("look", n)["result"].startswith("foreign;") and {"ok": True} or {"ok": False, "error": "not foreign"})
    refused("up: a foreign node", up("push", n, config=text, timeout_ms=300000, virtual=True), "conflict", "default-control-plane-1", "certificates of another cluster", names_node=False)
    a = call("metadata", n, admin, name="default-control-plane-1")
    refused("up: a detour to the metadata service", a, "refused", "default-control-plane-1", "169.254.169.254/32 via 10.0.0.1 on eth1", "network: none", names_node=False)
    stop(n)


def pushed():
    """What `up` really gave to the nodes of this world: read back from the simulated ones, judged by Talos' own loader."""
    state = json.loads(subprocess.run(["curl", "-gsf", os.environ["HCLOUD_V6_SIM_CONTROL"] + "/state"], capture_output=True, text=True).stdout)
    texts = {s["name"]: gzip.decompress(base64.b64decode(s["user_data"])).decode() for s in state["servers"] if s.get("user_data")}
    if talosctl != "-":
        status = json.loads(subprocess.run([program, "status", "-o", "json"], capture_output=True, text=True).stdout)
        for one in status["nodes"]:
            if one["role"] == "control-plane":
                r = subprocess.run([talosctl, "-e", one["address"], "-n", one["address"], "get", "machineconfig", "v1alpha1", "-o", "jsonpath={.spec}"], capture_output=True,
                                   text=True, timeout=60)
                texts[one["name"]] = r.stdout
    check("up: configs of all nodes were read back", len(texts) >= (2 if talosctl != "-" else 1), str(list(texts)))
    n = start(mode="maintenance")
    for name, text in texts.items():
        a = call("apply", n, MAINTENANCE, config=text, mode=1)
        good(f"up: Talos' loader takes what up gave to {name}", a)
        check(f"up: without a warning ({name})", a["ok"] and a["result"]["warnings"] == [], str(a))
    stop(n)


def refusals():
    n = machine()
    text = config_of(n["address"])
    for name, change, words in (("an unknown key", lambda t: t.replace("machine:\n", "machine:\n    nonsense: 1\n", 1), "nonsense"),
                                ("no cluster", lambda t: t[:t.index("cluster:")] , "."),
                                ("a bad address", lambda t: t.replace("nodeIP:", "nodeIP:\n            nonsense: 2", 1), "nonsense"),
                                ("no YAML", lambda t: "\t" + t, ".")):
        a = up("push", n, config=change(text))
        refused(f"up: a config with {name}", a, "refused", "node 'default-control-plane-1' refuses its machine config", words, within=5000)
    good("up: the node still waits", up("look", n), "maintenance; -; -")
    good("up: and takes a good one", up("push", n, config=text))
    stop(n)
    for options in (("--talos", "v1.12.4", "--kubernetes", "v1.35.4"), ("--network", "none"), ("--ipv4",), ("-p", "blog"), ("--helm", "local")):
        n = machine()
        good(f"up {' '.join(options)}: push", up("push", n, config=config_of(n["address"], *options)))
        stop(n)


def patience():
    n = machine()
    good("up: push", up("push", n, config=config_of(n["address"])))
    for status, text in ((9, "time is not in sync yet"), (9, "bootstrap is not available yet"), (14, "connection refused"), (12, "machine type is not set, cannot use bootstrap API"),
                         (2, "rpc error"), (4, "deadline")):
        fault(n, status=status, text=text)
        a = up("etcd", n, timeout_ms=30000, virtual=True)
        refused(f"up: etcd, for ever {status} {text}", a, "timeout", text, "default-control-plane-1", names_node=False)
        if "time" in text:
            check("up: with the hint", "ntp servers" in a.get("hint", ""), str(a))
    for status, text in ((7, "not authorized"), (3, "etcd is not configured"), (12, "bootstrap is only available on control plane nodes"), (16, "who are you")):
        fault(n, status=status, text=text)
        refused(f"up: etcd, never {status} {text}", up("etcd", n), "auth|invalid|refused", text, "default-control-plane-1", within=3000)
    fault(n, status=14, text="starting", count=3)
    good("up: etcd, unavailable three times, then good", up("etcd", n, virtual=True))
    fault(n)
    node.ask("stage", node=n["node_name"], stage="booting", unmet=["time", "time is not in sync"])
    a = up("wait", n, timeout_ms=300000, virtual=True)
    refused("up: time that never is in sync", a, "timeout", "time is not in sync", "ntp servers", names_node=False)
    check("up: and said so meanwhile", any("reach its NTP servers" in t for t in a["notes"]), str(a["notes"]))
    stop(n)


def broken_pushes():
    """The push survives connections that break anywhere: the first two are cut behind so many bytes."""
    wrong, twice, total = [], 0, 0
    for how in ("fin", "reset"):
        for at in range(0, 260, 9):
            n = machine()
            total += 1
            fault(n, cut=at, how=how, conns=2 + at % 3)
            a = up("push", n, config=config_text(n), virtual=False)
            looked = up("look", n) if a["ok"] else a
            if not a["ok"] or not looked.get("result", "").startswith("booting"):
                wrong.append(f"{how} {at}: {a} {looked}")
            applied = [r for r in records(n) if r["method"].endswith("ApplyConfiguration") and r["status"] == "OK"]
            twice += len(applied) > 1
            stop(n)
    check(f"up: {total} pushes over connections cut anywhere end with our config on the node", not wrong, f"{len(wrong)} wrong", *wrong[:5])
    check("up: an applied config is not applied again", twice == 0, f"{twice} times")


rendered = None


def config_text(n):
    """One rendered config for all: the address in it does not matter here."""
    global rendered
    rendered = rendered or config_of(n["address"])
    return rendered
