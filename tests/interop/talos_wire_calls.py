"""Every call that our client can make: what arrives at Talos' services and what we read in their answers; roles; maintenance mode; TLS."""
import base64


def run(w):
    globals().update({k: v for k, v in vars(w).items() if not k.startswith("__") and k != "run"})
    secure()
    maintenance()
    roles()
    identities()
    certificates()
    foreigners()
    by_talosctl()


# op, what is asked with, what we say it answered, the method, the message as Talos' own reader shows it
CALLS = [
    ("status", {}, "running, ready", "/cosi.resource.State/Get", '{"namespace":"runtime","type":"MachineStatuses.runtime.talos.dev","id":"machine"}'),
    ("version", {}, None, "/machine.MachineService/Version", "{}"),
    ("hostname", {}, "h", "/machine.MachineService/Hostname", "{}"),
    ("services", {}, ["apid Running healthy of apid last of apid Running", "kubelet Running not healthy of kubelet last of kubelet Running",
                      "etcd Running healthy of etcd last of etcd Running"], "/machine.MachineService/ServiceList", "{}"),
    ("members", {}, ["fedcba9876543210 h https://[::1]:2380 https://[::1]:2379 voter", "0000000000000002 learner - - learner"],
     "/machine.MachineService/EtcdMemberList", "{}"),
    ("members", {"local": True}, None, "/machine.MachineService/EtcdMemberList", '{"queryLocal":true}'),
    ("etcd-status", {}, "fedcba9876543210 fedcba9876543210 1099511627776 3 1099511627775 21474836480 4096 3.6.14 3.6.0 2",
     "/machine.MachineService/EtcdStatus", "{}"),
    ("leave", {}, None, "/machine.MachineService/EtcdLeaveCluster", "{}"),
    ("remove", {"member": 2}, None, "/machine.MachineService/EtcdRemoveMemberByID", '{"memberId":"2"}'),
    ("forfeit", {}, "other", "/machine.MachineService/EtcdForfeitLeadership", "{}"),
    ("reboot", {"mode": 0}, None, "/machine.MachineService/Reboot", "{}"),
    ("reboot", {"mode": 2}, None, "/machine.MachineService/Reboot", '{"mode":"FORCE"}'),
    ("shutdown", {"force": True}, None, "/machine.MachineService/Shutdown", '{"force":true}'),
    ("reset", {}, None, "/machine.MachineService/Reset", '{"graceful":true}'),
    ("reset", {"partition": "STATE", "reboot": True}, None, "/machine.MachineService/Reset",
     '{"graceful":true,"reboot":true,"systemPartitionsToWipe":[{"label":"STATE","wipe":true},{"label":"EPHEMERAL","wipe":true}]}'),
    ("get", {"namespace": "cluster", "type": "Members.cluster.talos.dev", "id": "node"},
     'cluster Members.cluster.talos.dev node nodeId: "n"\naddresses:\n    - 2001:db8::1\nhostname: node\nmachineType: controlplane\noperatingSystem: ""\n',
     "/cosi.resource.State/Get", '{"namespace":"cluster","type":"Members.cluster.talos.dev","id":"node"}'),
    ("routes", {}, ["inet6  fe80::1 eth0 main 1024", "inet4 169.254.169.254/32 172.31.1.1 eth0 main 512 metadata", "inet4 10.0.0.0/8 10.0.0.1 eth1 main 0"],
     "/cosi.resource.State/List", '{"namespace":"network","type":"RouteStatuses.net.talos.dev"}'),
    ("read", {"path": "/proc/sys/kernel/random/boot_id", "max": 100}, "11111111-2222-3333-4444-555555555555\n", "/machine.MachineService/Read",
     '{"path":"/proc/sys/kernel/random/boot_id"}'),
    ("logs", {"service": "machined", "lines": 3}, ["line 97", "line 98", "line 99"], "/machine.MachineService/Logs",
     '{"namespace":"system","id":"machined","tailLines":3}'),
    ("dmesg", {"lines": 2}, ["kern: line 1", "kern: line 2"], "/machine.MachineService/Dmesg", "{}"),
]


def secure():
    n = start()
    for op, fields, says, method, message in CALLS:
        name = f"{op} {fields or ''}".strip()
        a = call(op, n, node="2001:db8::7", **fields)
        good(name, a, says if says is not None else VERSION if op == "version" else None)
        seen = records(n)
        if not check(f"{name}: one call", len(seen) == 1, f"{len(seen)}"):
            continue
        r = seen[0]
        check(f"{name}: what arrived", r["method"] == method and json.loads(r["message"]) == json.loads(message), r["method"] + " " + r.get("message", ""))
        check(f"{name}: no byte that Talos does not know", r["unknown"] == 0, str(r["unknown"]))
        check(f"{name}: deadline, role and node", 0 < r["deadline_ms"] <= 5000 and r["roles"] == ["os:admin"] and r["headers"].get("node") == ["2001:db8::7"], str(r))
        check(f"{name}: status", r["status"] == "OK", r["status"])
    refused("a second bootstrap", call("bootstrap", n), "exists", "etcd data directory is not empty", "verdict: done", grpc=6, retryable=False)
    refused("a member that is none", call("remove", n, member=3), "not_found", "member not found", grpc=5)
    refused("a partition that is none", call("reset", n, partition="NONSENSE"), "refused", "NONSENSE", grpc=2)
    refused("a file that is none", call("read", n, path="/nope", max=100), "not_found", "/nope: no such file", grpc=5)
    refused("a directory as a file", call("read", n, path="/etc", max=100), "refused", "must be a regular file", grpc=2)
    refused("a file bigger than allowed", call("read", n, path="/proc/sys/kernel/random/boot_id", max=10), "protocol", "bigger than the 10 bytes")
    refused("a log that is none", call("logs", n, service="nope", lines=3), "refused", 'log "nope" was not registered')
    refused("a resource that is none", call("get", n, namespace="cluster", type="Members.cluster.talos.dev", id="nobody"), "not_found", "nobody", grpc=5)
    refused("a type that is none", call("get", n, namespace="cluster", type="Nonsense.talos.dev", id="x"), "auth", "is not supported", grpc=7)
    refused("a namespace that is none", call("get", n, namespace="nowhere", type="Members.cluster.talos.dev", id="x"), "auth", "nowhere", grpc=7)
    for stage in ("booting", "installing", "maintenance", "rebooting", "shutting down", "resetting", "upgrading"):
        node.ask("stage", node=n["node_name"], stage=stage, unmet=["time", "not in sync", "network", ""])
        good(f"the stage {stage}", call("status", n), f"{stage}, not ready: time (not in sync), network")
    for text, words in (("", "."), ("version: v1alpha1\nmachine: {type: worker}\n", "."), ("nonsense: 1", "missing kind"), (": {", ".")):
        refused(f"a config {text[:12]!r}", call("apply", n, config=text, mode=1), "invalid", words, grpc=3, ambiguous=False)
    unknown = sum(r["unknown"] for r in records(n))
    check("refused calls hold no unknown byte", unknown == 0, str(unknown))
    stop(n)


def maintenance():
    n = start(mode="maintenance")
    good("maintenance: status", call("status", n, MAINTENANCE), "maintenance")
    good("maintenance: version", call("version", n, MAINTENANCE), VERSION)
    refused("maintenance: bootstrap", call("bootstrap", n, MAINTENANCE), "auth", "PERMISSION_DENIED: not authorized", grpc=7)
    refused("maintenance: a file", call("read", n, MAINTENANCE, path="/etc/os-release", max=10), "auth", "not authorized", grpc=7)
    refused("maintenance: reset", call("reset", n, MAINTENANCE), "auth", "not authorized", grpc=7)
    refused("maintenance: etcd", call("members", n, MAINTENANCE), "refused", "etcd is not running", grpc=9, retryable=True)
    refused("maintenance: a secret", call("get", n, MAINTENANCE, namespace="secrets", type="OSRootSecrets.secrets.talos.dev", id="os"), "auth", "not authorized", grpc=7)
    refused("maintenance: with our certificates", call("version", n), "tls", "its certificate is not trusted")
    refused("maintenance: a bad config", call("apply", n, MAINTENANCE, config="nonsense: 1", mode=1), "invalid", "missing kind", grpc=3)
    check("maintenance: everybody is a reader", all(r["roles"] == ["os:reader"] for r in records(n)))
    stop(n)


def roles():
    n = start()
    for role, may in (("os:reader", "status version services members"), ("os:operator", "status version services members reboot"),
                      ("os:etcd:backup", "members"), ("os:nonsense", ""), ("", "")):
        who = identity(roles=[role] if role else [])
        for op in ("status", "version", "services", "members", "reboot", "bootstrap", "reset"):
            a = call(op, n, who, mode=0)
            if op in may.split():
                good(f"role {role!r} may {op}", a)
            else:
                refused(f"role {role!r} may not {op}", a, "auth", "PERMISSION_DENIED: not authorized", grpc=7, retryable=False, ambiguous=False)
    stop(n)


def identities():
    """A client's certificate that the node does not take. Under TLS 1.3 it says so only after the request is on its way."""
    for tls in ("", "1.2"):
        n, wants = start(tls=tls), "handshake failure" if tls else "wants a client certificate"
        for kind, words in (("expired", "refused our client certificate(: expired| \\()"), ("not-yet", "refused our client certificate(: expired| \\()"),
                            ("other-ca", "refused our client certificate(: it does not know its CA| \\()"), ("not-client", "refused our client certificate")):
            for i in range(3):
                refused(f"client {kind} TLS {tls or '1.3'} ({i})", call("version", n, identity(kind), fresh=i > 0), "tls", words, retryable=False, within=3000)
        for i in range(3):
            # A connection that is reset while we write, so that its alert is lost, can only be called broken.
            a = call("version", n, {"ca": admin["ca"]}, fresh=i > 0)
            lost = not a["ok"] and a["kind"] == "unavailable" and not re.search("alert|certificate", a["error"])
            refused(f"client without certificate TLS {tls or '1.3'} ({i})", a, "unavailable" if lost else "tls", "." if lost else wants, within=3000)
        refused(f"a maintenance client TLS {tls or '1.3'}", call("version", n, MAINTENANCE), "tls", wants, within=3000)
        good(f"after all that the good client TLS {tls or '1.3'}", call("version", n), VERSION)
        check("the services saw only it", len(records(n)) == 1)
        stop(n)


def certificates():
    """A server's certificate that we do not take: nothing of the request may have left."""
    for kind, words in (("expired", "certificate has expired"), ("not-yet", "not yet valid"), ("other-ca", "unable to get local issuer"),
                        ("address", "'::1'"), ("no-address", "common name|no alternative"), ("not-server", "unsuitable certificate purpose")):
        n = start(certificate=kind)
        refused(f"server's certificate {kind}", call("version", n), "tls", words, ambiguous=False, retryable=False, within=3000)
        check(f"server's certificate {kind}: nothing arrived", records(n) == [])
        stop(n)
    n = start()
    refused("a CA that is another", call("version", n, {**admin, "ca": admin["other_ca"]}), "tls", "not trusted", ambiguous=False)
    stop(n)
    n = start(tls="1.1")
    refused("TLS 1.1", call("version", n), "tls", "handshake|protocol", ambiguous=False)
    stop(n)


def foreigners():
    """What listens there is no Talos."""
    page = "HTTP/1.1 {}\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"
    for status, kind in (("200 OK", "protocol"), ("401 Unauthorized", "auth"), ("403 Forbidden", "auth"), ("404 Not Found", "refused"), ("429 Too Many", "unavailable"),
                         ("500 Oops", "protocol"), ("502 Bad Gateway", "unavailable"), ("503 Unavailable", "unavailable"), ("504 Timeout", "unavailable")):
        n = start(http1=page.format(status), alpn=["http/1.1"])
        refused(f"HTTP/1.1 {status}", call("version", n), kind, "does not speak gRPC: HTTP status " + status[:3], "text/html")
        stop(n)
    n = start(http1="garbage\r\n\r\n", alpn=["http/1.1"])
    refused("no HTTP at all", call("version", n), "protocol|unavailable|tls", ".")
    stop(n)
    for silent in ("accept", "after-tls"):
        n = start(silent=silent)
        refused(f"silence, {silent}", call("version", n, timeout_ms=400), "timeout", "timed out|connection timeout", within=5000)
        stop(n)
        n = start(silent=silent, mode="maintenance")
        refused(f"silence, {silent}, in maintenance", call("status", n, MAINTENANCE, timeout_ms=400), "timeout", "timed out|connection timeout", within=5000)
        stop(n)
    n = start()
    stop(n)
    refused("nobody", call("version", n), "unavailable", "refused|connect", ambiguous=False, retryable=True, within=3000)


def by_talosctl():
    """The witness itself is believed because the real talosctl understands it."""
    if talosctl == "-":
        return
    n, path = start(), tmp + "/talosconfig"
    b64 = lambda key: base64.b64encode(admin[key].encode()).decode()
    with open(path, "w") as f:
        f.write(f"context: w\ncontexts:\n  w:\n    endpoints: ['[::1]:{n['port']}']\n    nodes: ['::1']\n    ca: {b64('ca')}\n    crt: {b64('crt')}\n    key: {b64('key')}\n")

    def ctl(*words):
        r = subprocess.run([talosctl, "--talosconfig", path, *words], capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": tmp})
        return r.returncode, r.stdout + r.stderr
    for words, has in ((("version",), "v1.13.9"), (("get", "machinestatus"), "running"), (("get", "members"), "controlplane"), (("get", "routes"), "172.31.1.1"),
                       (("services",), "kubelet"), (("etcd", "members"), "learner"), (("dmesg",), "line 2"), (("logs", "machined"), "line 99"),
                       (("health",), "all is well"), (("kubeconfig", tmp + "/k", "--force", "--merge=false"), "")):
        code, text = ctl(*words)
        check("talosctl " + " ".join(words[:2]), code == 0 and has in text, text[-400:])
    check("talosctl's calls hold no unknown byte either", all(r["unknown"] == 0 for r in records(n)))
    stop(n)
