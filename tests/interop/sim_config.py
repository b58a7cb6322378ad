"""sim_config.py WITNESS-1.13 WITNESS-1.14 OURS SIM SHARED: the simulated node takes and refuses machine configs as Talos of its version does."""
import json, os, re, sys
from talos_common import *

first, second, batch, sim, shared = sys.argv[1:6]
ours, node = Program(batch), Program(sim)
TALOS = {"v1.13.9": Program(first), "v1.14.1": Program(second)}


def read(path):
    with open(path) as f:
        return f.read()


# A real node would take the config and never run Kubernetes; the simulated one says so at once.
MEANT = re.compile("the Kubernetes CA is required|the aggregator CA is required|the service account key is required")


def same(what, version, text):
    theirs, mine = TALOS[version].ask("validate", config=text), node.ask("validate", config=text, version=version)
    if theirs["ok"] and not mine["ok"] and MEANT.search(mine["error"]):
        return None
    return None if theirs["ok"] == mine["ok"] else f"{what} on {version}: Talos: {theirs.get('error', 'takes it')[:300]}; simulated: {mine.get('error', 'takes it')[:300]}"


def judge(what, cases):
    wrong = [w for w in (same(name, version, text) for name, version, text in cases) if w]
    check(f"{what}: {len(cases)} configs", not wrong and len(cases) > 0, "", *wrong)


golden = {n: read(f"{shared}/talos/golden/{n}.yaml") for n in (f[:-5] for f in sorted(os.listdir(f"{shared}/talos/golden")) if f.startswith("v1."))}
judge("every golden config on both", [(name, version, text) for name, text in golden.items() for version in TALOS])
bases = {role: golden[f"v1.14-{role}"] for role in ("controlplane", "worker")}
documents = {}
for role, base in bases.items():
    head, *rest = (part.rstrip("\n") + "\n" for part in base.split("\n---\n"))     # not at the end of a certificate
    documents.update({d.split("kind: ")[1].split("\n")[0]: d for d in rest})
    old = golden[f"v1.13-{role}"]
    judge(f"each document of 1.14 on a {role} of 1.13", [(d[:60], "v1.13.9", old + "---\n" + d) for d in rest if "HostnameConfig" not in d])
    judge(f"each document of 1.14 beside the old form on a {role} of 1.14", [(d[:60], "v1.14.1", old + "---\n" + d) for d in rest if "HostnameConfig" not in d])
    judge(f"a {role} of 1.14 without one of its documents", [("without " + d[:60], "v1.14.1", head + "".join("---\n" + other for other in rest if other is not d)) for d in rest])
judge("a worker with a control plane's documents", [(k, "v1.14.1", bases["worker"] + "---\n" + d) for k, d in documents.items() if d not in bases["worker"]])

# Keys that came with 1.14 to documents which 1.13 has, and keys that nobody has.
for version in TALOS:
    judge(f"newer keys and unknown ones on {version}", [(body, version, golden["v1.13-worker"] + "---\napiVersion: v1alpha1\n" + body) for body in (
        "kind: ResolverConfig\nnameservers: [{address: '::1'}]\n", "kind: ResolverConfig\nnameservers: [{address: '::1', protocol: DoT, tlsServerName: a}]\n",
        "kind: ResolverConfig\nhostDNS: {enabled: true}\n", "kind: TimeSyncConfig\nntp: {servers: [a], useNTS: true}\n", "kind: TimeSyncConfig\nntp: {servers: [a]}\n",
        "kind: DHCPv4Config\nname: eth1\nignoreRoutes: true\n", "kind: DHCPv6Config\nname: eth1\nignoreRoutes: true\n", "kind: DHCPv6Config\nname: eth1\n", "kind: LinkConfig\nname: eth1\ndhcp: false\n", "kind: SysctlConfig\nparams: {a: b}\n", "kind: SysctlConfig\nparam: {a: b}\n")])
judge("unknown keys in every document of 1.14", [(k, "v1.14.1", bases["controlplane"].replace(d, d.rstrip("\n") + "\nnoSuchKey: 1\n")) for k, d in documents.items() if d in bases["controlplane"]])

broken = []
for role, base in bases.items():
    base = ours.ask("patch", config=base, patches=["{apiVersion: v1alpha1, kind: KubeNetworkConfig, podSubnets: ['fd40:10::/96'], serviceSubnets: ['fd40:10:100::/112'], nodeCIDRMaskSizeIPv6: 112}"])["text"]
    for kind, bodies in RULES_114.items():
        for body in bodies:
            merged = ours.ask("patch", config=base, patches=[f"apiVersion: v1alpha1\nkind: {kind}\n{body}\n"])
            broken += [(f"{role} {kind} {body!r}", "v1.14.1", merged["text"])] if merged["ok"] else []
judge("rules of the documents of 1.14", broken)

# Settings of the old document beside the new ones: merged by Talos, which does not mind before it validates.
SAMPLE = {"text": '"x"', "number": "7", "boolean": "true", "struct": "{}", "text map": "{a: b}", "arguments": "{a: b}", "map": "{}", "free": "{a: b}", "texts": "[x]"}
EXACT = {"cluster.controlPlane.endpoint": '"https://x:6443"', "machine.network.nameservers": "['2001:db8::1']", "cluster.secret": '"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="'}
beside, skipped = [], 0
for key in json.loads(ours.ask("keys")["text"]):
    parts, value = key["path"].split("."), EXACT.get(key["path"], SAMPLE.get(key["kind"]))
    if not value or key["path"] in ("version", "machine", "cluster", "machine.type", "persist"):
        continue
    patch = "".join(f"{'  ' * i}{p}:\n" for i, p in enumerate(parts[:-1])) + f"{'  ' * (len(parts) - 1)}{parts[-1]}: {value}\n"
    for role, base in bases.items():
        merged = TALOS["v1.14.1"].ask("patch", config=base, patches=[patch])
        # A value that breaks a rule of its own tells nothing about both places.
        refused = merged["ok"] and TALOS["v1.14.1"].ask("validate", config=merged["text"])
        if refused and (refused["ok"] or CONFLICT.search(refused["error"])):
            beside.append((f"{role} {key['path']}: {value}", "v1.14.1", merged["text"]))
judge("each key of the old document beside the new ones", beside)

# Every key that a document has (tests/interop/talos_moved.py compares ours with Talos' own types) is one to a node of 1.14; a document alone is incomplete, not wrong.
wrong, n = [], 0
for kind in json.loads(ours.ask("kinds")["text"]):
    for key in json.loads(ours.ask("keys", kind=kind["kind"])["text"]) if kind["known"] else []:
        if key["path"] in ("apiVersion", "kind", "name"):
            continue
        parts, n = key["path"].split("."), n + 1
        text = f"apiVersion: v1alpha1\nkind: {kind['kind']}\nname: x\n" + "".join(f"{'  ' * i}{p}:\n" for i, p in enumerate(parts[:-1])) + f"{'  ' * (len(parts) - 1)}{parts[-1]}: null\n"
        theirs = TALOS["v1.14.1"].ask("patch", config=text, patches=[])
        if not theirs["ok"] and "unknown keys" in theirs["error"]:        # a kind of which there is one has no name
            text = text.replace("name: x\n", "")
            theirs = TALOS["v1.14.1"].ask("patch", config=text, patches=[])
        a = node.ask("validate", config=text, version="v1.14.1")
        if not theirs["ok"] or "incomplete" not in a["error"]:
            wrong.append(f"{kind['kind']} {key['path']}: Talos: {theirs.get('error', 'takes it')}; simulated: {a['error']}")
check(f"{n} keys of documents", not wrong and n > 200, "", *wrong)
finish()
