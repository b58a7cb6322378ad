"""What a cluster looks like from outside, without what differs from one making to the next: ids, addresses and times give way to names."""
import base64, hashlib, ipaddress, json, os, re, socket, ssl, subprocess

state_dir = lambda: os.path.join(os.environ["XDG_STATE_HOME"], "hcloud-v6", "default")


def exchange(url, body, method, kind, context=None, more=""):
    """One request. By hand, since Python's own client takes longer to load than most cases take to run."""
    host, port, path = re.match(r"https?://\[([^]]+)\]:(\d+)(.*)", url).groups()
    data = b"" if body is None else json.dumps(body).encode()
    head = "%s %s HTTP/1.1\r\nHost: [%s]:%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n" % (
        method or ("GET" if body is None else "POST"), path, host, port, kind, len(data), more)
    with socket.create_connection((host, int(port)), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=host) if context else plain as s:
            s.sendall(head.encode() + data)
            got = b"".join(iter(lambda: s.recv(1 << 16), b""))
    first, _, text = got.partition(b"\r\n\r\n")
    length = re.search(rb"\ncontent-length: *(\d+)", first, re.I)
    if not re.match(rb"HTTP/1\.\d 2\d\d ", first) or (length and int(length.group(1)) != len(text)):
        raise OSError("%s: %s" % (url, got[:300].decode(errors="replace") or "no answer"))
    return json.loads(text) if text else None


def control(path, body=None, method=None):
    return exchange(os.environ["HCLOUD_V6_SIM_CONTROL"] + path, body, method, "application/json")


def settle():
    """Asks for every action that still runs, until none does: then nothing changes in the cloud by itself but the nodes' life."""
    for _ in range(200):
        running = [a["id"] for a in control("/state")["running_actions"]]
        if not running:
            return
        for i in running:
            exchange("%s/actions/%d" % (os.environ["HCLOUD_ENDPOINT"], i), None, "GET", "application/json", more="Authorization: Bearer %s\r\n" % os.environ["HCLOUD_TOKEN"])


def kubeconfig():
    """Address and TLS context of the kubeconfig on the disk."""
    with open(os.path.join(state_dir(), "kubeconfig")) as f:
        text = f.read()
    part = lambda key: re.search(key + r": (\S+)", text).group(1)
    decoded = lambda key: base64.b64decode(part(key + "-data")).decode()
    context = ssl.create_default_context(cadata=decoded("certificate-authority"))
    pair = os.path.join(os.environ["HOME"], "client.pem")
    with open(pair, "w") as f:
        f.write(decoded("client-certificate") + decoded("client-key"))
    context.load_cert_chain(pair)
    return part("server"), context


def kube(path, body=None, method=None, kind="application/json"):
    server, context = kubeconfig()
    return exchange(server + path, body, method, kind, context)


# What may lie in a cluster; Events, Leases and requests for certificates come and go by themselves.
KINDS = ["/api/v1/" + k for k in ("configmaps", "namespaces", "secrets", "serviceaccounts", "services")] + [
    "/apis/apps/v1/daemonsets", "/apis/apps/v1/deployments", "/apis/batch/v1/jobs"] + [
    "/apis/rbac.authorization.k8s.io/v1/" + k for k in ("clusterroles", "clusterrolebindings", "roles", "rolebindings")]


def view_of_kubernetes():
    # Helm keeps a Secret for each revision of a release; one that was killed before its end was noted is upgraded again, to the same.
    revision = lambda name: re.sub(r"^(sh\.helm\.release\.v1\..*)\.v\d+$", r"\1", name)
    name = lambda o: "/".join(filter(None, (o["metadata"].get("namespace"), revision(o["metadata"]["name"]))))
    view = {kind: sorted({name(o) for o in kube(kind)["items"]}) for kind in KINDS}
    nodes = kube("/api/v1/nodes")["items"]
    view["nodes"] = {n["metadata"]["name"]: {
        "ready": [c["status"] for c in n["status"]["conditions"] if c["type"] == "Ready"], "unschedulable": n["spec"].get("unschedulable", False),
        "taints": sorted(t["key"] for t in n["spec"].get("taints", [])), "pod CIDR": bool(n["spec"].get("podCIDR")),
        "labels": {k: v for k, v in n["metadata"].get("labels", {}).items() if k.startswith("hcloud-v6/") and k != "hcloud-v6/uid"}} for n in nodes}
    view["lease held"] = [l["metadata"]["name"] for l in kube("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases")["items"]
                          if l["metadata"]["name"].startswith("hcloud-v6") and l["spec"].get("holderIdentity")]
    return view


def labels(o):
    return {k: v for k, v in o["labels"].items() if k not in ("hcloud-v6/uid",)}


def view_of_cloud(state):
    """Every resource by its name; a name that is there twice shows twice."""
    names = {kind: {o["id"]: o["name"] for o in state[kind]} for kind in ("servers", "primary_ips", "networks", "placement_groups", "firewalls")}
    prefixes = {str(ipaddress.ip_network(p["ip"])): p["name"] for p in state["primary_ips"] if p["type"] == "ipv6"}
    source = lambda s: prefixes.get(str(ipaddress.ip_network(s)), s)
    day = lambda text: re.sub(r"\d{4}-\d\d-\d\d", "DAY", text or "")

    def server(s):
        ip = (s["public_net"]["ipv6"] or {}).get("ip")
        return {"type": s["server_type"]["name"], "location": s["location"]["name"], "status": s["status"], "labels": labels(s),
                "address": prefixes.get(ip, ip), "ipv4": s["public_net"]["ipv4"], "protection": s["protection"],
                "firewalls": sorted((names["firewalls"][f["id"]], f["status"]) for f in s["public_net"]["firewalls"]),
                "networks": [names["networks"][n["network"]] for n in s["private_net"]],
                "group": s["placement_group"] and names["placement_groups"][s["placement_group"]["id"]],
                "talos": (s.get("talos") or {}).get("stage"), "ready": (s.get("kubernetes") or {}).get("ready")}

    def rule(r):
        return [r["direction"], r["protocol"], r["port"], day(r["description"]), sorted(source(s) for s in r["source_ips"] + r["destination_ips"])]

    view = {
        "servers": [(s["name"], server(s)) for s in state["servers"]],
        "primary_ips": [(p["name"], labels(p), names["servers"].get(p["assignee_id"]), p["auto_delete"], p["protection"]) for p in state["primary_ips"]],
        "firewalls": [(f["name"], {k: v for k, v in labels(f).items()}, sorted(map(rule, f["rules"])), len(f["applied_to"])) for f in state["firewalls"]],
        "networks": [(n["name"], n["ip_range"], labels(n), [s["ip_range"] for s in n["subnets"]], len(n["servers"])) for n in state["networks"]],
        "placement_groups": [(g["name"], labels(g), sorted(names["servers"][i] for i in g["servers"])) for g in state["placement_groups"]],
        "images": [(i["description"], sorted(i["labels"])) for i in state["images"] if i["type"] == "snapshot"],
    }
    for kind in ("ssh_keys", "volumes", "load_balancers", "floating_ips"):
        view[kind] = [o["name"] for o in state[kind]]
    for kind in view:
        view[kind].sort(key=lambda o: json.dumps(o, sort_keys=True))
    view["uids"] = len({o["labels"].get("hcloud-v6/uid") for kind in names for o in state[kind]})
    return view


known = {}                      # what the files that hold the bundle were, and the bundle's digest: most looks find the same files


def secrets():
    """A digest of the bundle; None when there is none."""
    sealed = []
    for name in ("vault", "key"):
        path = os.path.join(state_dir(), name)
        sealed.append(open(path, "rb").read() if os.path.exists(path) else None)
    if tuple(sealed) not in known:
        r = subprocess.run(["hcloud-v6", "secrets", "export", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        known[tuple(sealed)] = hashlib.sha256(r.stdout).hexdigest() if r.returncode == 0 else None
    return known[tuple(sealed)]


def files():
    """All files that the program keeps, with their modes."""
    found = []
    for root in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        top = os.environ[root]
        for folder, _, inside in os.walk(top):
            found += ["%s %o" % (os.path.relpath(os.path.join(folder, f), os.path.dirname(top)), os.stat(os.path.join(folder, f)).st_mode & 0o777) for f in inside]
    for name in ("KUBECONFIG", "TALOSCONFIG"):
        path = os.environ[name]
        found += ["%s %o" % (f, os.stat(os.path.join(os.path.dirname(path), f)).st_mode & 0o777)
                  for f in os.listdir(os.path.dirname(path)) if f.startswith(os.path.basename(path))]
    return sorted(re.sub(r"(archive/[^/]+)-\d+/", r"\1-TIME/", f) for f in found)


def differences(a, b, at=""):
    """Where two views part, as lines; at most a few."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        if len(a) == len(b):
            return [d for i in range(len(a)) for d in differences(a[i], b[i], "%s[%d]" % (at, i))][:6]
        text = lambda l: {json.dumps(x, sort_keys=True)[:200] for x in l}
        return ["%s: missing %s; too many %s" % (at, sorted(text(a) - text(b)), sorted(text(b) - text(a)))]
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for k in sorted(set(a) | set(b)) for d in differences(a.get(k), b.get(k), "%s.%s" % (at, k))][:6]
    return [] if a == b else ["%s: %s, not %s" % (at, json.dumps(b), json.dumps(a))]
