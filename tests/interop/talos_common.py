"""What the comparisons with Talos' own code share: the two long-lived programs, their normal form, and counting."""
import json, os, re, subprocess, sys

passed = failed = 0


def ok(name):
    global passed
    passed += 1
    print("ok", name)


def bad(name, why, *texts):
    global failed
    failed += 1
    print(f"FAIL {name}: {why}")
    for text in texts:
        for line in str(text).splitlines()[:40]:
            print("    " + line)


def check(name, condition, why="", *texts):
    ok(name) if condition else bad(name, why, *texts)
    return condition


def finish():
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


class Program:
    """Answers one JSON object a line."""

    def __init__(self, path):
        self.path = path
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1 << 20)

    def ask(self, op, **fields):
        self.process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.path} died on {op}: {json.dumps(fields)[:4000]}")
        return json.loads(line)


# Refused by us and not by Talos, on purpose: docs/talos-differences.md has the reasons.
MEANT = ["the config has no such document", "the only value of $patch is 'delete'", "RFC 6902", "document as a whole cannot be deleted", "is already there in line",
         "is defined and deleted in this patch", "null where an element should be"]


# What Talos 1.14 says of a setting that stands in the old document and in one of its own, and what we say of the patch that brings it there.
CONFLICT = re.compile("already set|already configured|in both v1alpha1|can't be used with|is incompatible with v1alpha1|cannot use KubeCredentialProviderConfig|cannot be disabled in both|"
                      "cannot be specified in both|is configured in both")
MOVED = re.compile(r"^patch:\d+:\d+: (\S+) (?:moved to the document (\w+)(?: \((.*)\))?|has no place in contract 1\.14)")
BESIDE = re.compile(r"^patch:\d+:\d+: the document \S+ cannot stand beside \S+, which the config sets")


def in_conflict(talos, config):
    a = talos.ask("validate", config=config)
    # A panic in another rule tells nothing, nor does a result that Talos wrote and does not read again.
    return None if a.get("panic") or "error decoding document" in a.get("error", "") else not a["ok"] and bool(CONFLICT.search(a["error"]))


def compare_patch(talos, ours, config, patches, documents=False):
    """None when both did the same, else why not. Ours is written anew by Talos before the comparison: its normal form. documents: the config is of contract 1.14, where we
    refuse at once what Talos merges and then does not validate."""
    theirs, mine = talos.ask("patch", config=config, patches=patches), ours.ask("patch", config=config, patches=patches)
    if not mine["ok"] and any(words in mine["error"] for words in MEANT):
        return None
    if documents and theirs["ok"]:
        refused = not mine["ok"] and bool(MOVED.match(mine["error"]) or BESIDE.match(mine["error"]))
        conflict = in_conflict(talos, theirs["text"])
        if refused != conflict and conflict is not None and not (refused and len(patches) > 1):
            return f"Talos {'finds' if conflict else 'does not find'} a conflict, we: {mine.get('error', 'take it')[:300]}"
        if refused:
            return None
    if theirs["ok"] != mine["ok"]:
        return f"Talos {'takes' if theirs['ok'] else 'refuses'} it ({theirs.get('error', '')[:300]}), we do not ({mine.get('error', '')[:300]})"
    if not mine["ok"]:
        return None
    normal = talos.ask("patch", config=mine["text"], patches=[])
    if not normal["ok"]:
        return "Talos does not read our result: " + normal["error"][:300]
    if normal["text"] == theirs["text"]:
        return None
    import difflib
    return "\n".join(list(difflib.unified_diff(theirs["text"].splitlines(), normal["text"].splitlines(), "talos", "ours", lineterm="", n=2))[:40])


# Changes of a config of contract 1.14: some break a rule of their document, some just do not.
RULES_114 = {
    "KubeClusterConfig": ["clusterName: x", "endpoint: https://x:6443"],
    "KubeNetworkConfig": ["podSubnets: ['fd40::/64']", "podSubnets: ['fd40::/96', 10.0.0.0/16]", "nodeCIDRMaskSizeIPv6: 95", "nodeCIDRMaskSizeIPv6: 113", "nodeCIDRMaskSizeIPv6: 129",
                          "nodeCIDRMaskSizeIPv6: 0", "serviceSubnets: ['fd40:10:100::/107']", "serviceSubnets: ['fd40:10:100::/108']", "serviceSubnets: ['fd40:10:100::/125']",
                          "serviceSubnets: ['fd40:10:100::/124']", "podSubnets: []", "podSubnets: ['fd40::/112', 'fd41::/112']\nserviceSubnets: ['fd42::/112', 10.0.0.0/16]"],
    "KubeletConfig": ["image: x", "image: 'x:v1.36.3'", "config: {seccompDefault: true}", "config: {maxPods: 3}"],
    "KubeNodeConfig": ["taints: {a: NoSchedule}", "taints: {a: 'b:Never'}", "taints: {a: 'PreferNoSchedule'}"],
    "KubePrismConfig": ["port: 65536", "port: 1", "port: -1"],
    "ResolverConfig": ["hostDNS: {enabled: false}", "hostDNS: {enabled: false, resolveMemberNames: true}", "hostDNS: {resolveMemberNames: true}"],
    "TimeSyncConfig": ["ptp: {devices: [/dev/ptp0]}", "ntp: {servers: [a]}"],
    "HostnameConfig": ["hostname: a", "hostname: a\nauto: off", "auto: off"],
    "KubeAPIServerConfig": ["extraArgs: {oidc-client-id: x}", "extraArgs: {anonymous-auth: 'false'}", "extraArgs: {authorization-mode: RBAC}", "extraArgs: {v: 4}", "image: ''"],
    "KubeProxyConfig": ["mode: fast", "enabled: true\nmode: fast", "enabled: true\nmode: ipvs"],
    "KubeAuthorizerConfig": ["name: x\ntype: Webhook", "name: x\ntype: Webhook\nwebhook: {a: b}", "name: x\ntype: Other", "name: node\n$patch: delete"],
    "KubeEtcdEncryptionConfig": ["$patch: delete"], "KubeAggregatorCAConfig": ["$patch: delete", "issuingCA: {$patch: delete}"],
    "KubeServiceAccountConfig": ["issuer: {issuerURL: {$patch: delete}}", "issuer: {privateKey: {$patch: delete}}", "$patch: delete"],
    "DiscoveryIdentityConfig": ["$patch: delete", "clusterID: {$patch: delete}"], "KubeAPIServerCAConfig": ["$patch: delete"],
    "KubeControllerManagerConfig": ["enabled: false\nimage: {$patch: delete}", "image: {$patch: delete}"], "KubeFlannelCNIConfig": ["backendType: x"],
}
