"""talos_moved.py WITNESS-1.14 OURS DOCS SHARED: every key of the v1alpha1 document beside the documents of contract 1.14. What Talos refuses, we refuse with the new
place; what it takes, we take."""
import glob, json, os, re, subprocess, sys
from talos_common import *

witness, batch, docs, shared = sys.argv[1:5]
talos, ours = Program(witness), Program(batch)


def read(path):
    with open(path) as f:
        return f.read()


def document(kind, **keys):
    return "---\n" + json.dumps({"apiVersion": "v1alpha1", "kind": kind, **keys}) + "\n"


# Documents that a config has only when somebody wants them.
ENCRYPTION = {"provider": "luks2", "keys": [{"slot": 0, "nodeID": {}}]}
MORE = [document("TimeSyncConfig", enabled=True), document("KubeSpanConfig", enabled=False), document("ImageCacheConfig", local={"enabled": False}),
        document("CRIBaseRuntimeSpecConfig", overrides={"hostname": "x"}),
        document("UnattendedInstallConfig", installer={"image": "x"}, provisioning={"diskSelector": {"match": 'disk.dev_path == "/dev/sda"'}}),
        document("KubeCredentialProviderConfig", configuration={"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": []}),
        document("VolumeConfig", name="EPHEMERAL", encryption=ENCRYPTION), document("VolumeConfig", name="STATE", encryption=ENCRYPTION)]
SAMPLES = {"text": ['"x"', '""'], "number": ["7", "0"], "natural": ["7", "0"], "mode": ["0o644"], "boolean": ["true", "false"], "struct": ["{}"], "bytes": ['{crt: eA==, key: eA==}'],
           "text map": ["{a: b}", "{}"], "arguments": ["{a: b}", "{}"], "map": ["{}"], "free": ["{a: b}", "{}"], "list": ["[]"], "texts": ["[x]", "[]"]}
# Values that Talos parses.
EXACT = {"cluster.controlPlane.endpoint": ['"https://x:6443"'], "machine.time.bootTimeout": ["5s", "0s"], "cluster.adminKubeconfig.certLifetime": ["1h0m0s"],
         "machine.network.nameservers": ['["2001:db8::1"]', "[]"], "machine.acceptedCAs": ["[]"], "cluster.acceptedCAs": ["[]"], "machine.pods": ["[]"], "machine.files": ["[]"],
         "cluster.serviceAccount": ["{key: eA==}"], "machine.install.diskSelector.size": ['"> 1GB"'], "cluster.apiServer.admissionControl": ["[{name: x, configuration: {a: b}}]", "[]"],
         "cluster.secret": ['"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="'], "machine.features.nodeAddressSortAlgorithm": ["v1"], "machine.kubelet.nodeIP": ["{validSubnets: ['::/0']}", "{}"]}


def nested(path, value):
    parts = path.split(".")
    return "".join(f"{'  ' * i}{p}:\n" for i, p in enumerate(parts[:-1])) + f"{'  ' * (len(parts) - 1)}{parts[-1]}: {value}\n"


def talos_refuses(base, patch):
    """True, False, or None when the patch is refused for another reason."""
    a = talos.ask("patch", config=base, patches=[patch])
    if not a["ok"]:
        return None
    return in_conflict(talos, a["text"])


def module(talos_modfile=()):
    """Where Talos' own modules lie here, or None."""
    if not any(os.access(os.path.join(p, "go"), os.X_OK) for p in os.environ["PATH"].split(":")):
        return None
    r = subprocess.run(["go", "list", *talos_modfile, "-m", "-f", "{{.Dir}}", "github.com/siderolabs/talos/pkg/machinery"], cwd=os.path.join(os.path.dirname(__file__), "talos"),
                       capture_output=True, text=True)
    return r.stdout.strip() + "/config" if r.returncode == 0 and os.path.isdir(r.stdout.strip() + "/config") else None


def go_keys(source):
    """The keys of the v1alpha1 document from the types' own tags: Talos' description leaves out what it calls deprecated."""
    types = {m[1]: re.findall(r'^\t\w+ +(\*?)(\S+) +`yaml:"([a-zA-Z0-9]+)', m[2], re.M) for m in re.finditer(r"^type (\w+) struct \{$(.*?)^\}$", source, re.M | re.S)}

    def walk(name, at):
        for _, kind, key in types[name]:
            yield at + key
            if kind in types:
                yield from walk(kind, f"{at}{key}.")
    return set(walk("Config", ""))


def described(schema, ref, at=""):
    for name, v in schema["$defs"][ref.split("/")[-1]].get("properties", {}).items():
        yield at + name
        if "$ref" in v:
            yield from described(schema, v["$ref"], f"{at}{name}.")


def compare_keys(what, wanted, keys):
    # A key below what is free-form to us is no key of the document's own.
    free = tuple(k["path"] + "." for k in keys if k["kind"] in ("free", "bytes", "list", "map", "texts", "text map", "arguments"))
    missing, more = sorted(p for p in wanted - {k["path"] for k in keys} if not p.startswith(free)), sorted({k["path"] for k in keys} - wanted)
    # Some mappings are described as such and no further.
    more = [p for p in more if p.rpartition(".")[0] not in wanted or any(w.startswith(p.rpartition(".")[0] + ".") for w in wanted)]
    return [f"{what}: {p} is missing" for p in missing] + [f"{what}: Talos has no {p}" for p in more]


def every_key():
    keys = json.loads(ours.ask("keys")["text"])
    old, new = module(), module(("-modfile=go-1.14.mod",))
    if not old or not new:
        print("note Talos' own types do not lie here: whether our keys are complete was not compared")
        return keys
    wrong = compare_keys("v1alpha1", go_keys(read(new + "/types/v1alpha1/v1alpha1_types.go")), keys)
    check(f"all {len(keys)} keys of the v1alpha1 document", not wrong, "", *wrong)
    old, new = (json.loads(read(path + "/schemas/config.schema.json")) for path in (old, new))
    # The description calls one kind by another name than the code, and leaves one out.
    real = lambda kind: "KubeSpanEndpointsConfig" if kind == "KubeSpanEndpoints" else kind
    name = lambda schema: {real(schema["$defs"][r["$ref"].split("/")[-1]]["properties"]["kind"]["enum"][0]): r["$ref"]
                           for r in schema["oneOf"] if "kind" in schema["$defs"][r["$ref"].split("/")[-1]].get("properties", {})}
    theirs, before, mine = name(new), name(old), {k["kind"]: k for k in json.loads(ours.ask("kinds")["text"])}
    check(f"all {len(theirs)} kinds of documents", set(mine) - {"ImageVerificationConfig"} == set(theirs), "", sorted(set(theirs) ^ set(mine)))
    since = [k for k in set(theirs) & set(mine) if (mine[k]["since"] == 14) != (k not in before)]
    check("those that are new in 1.14", not since, "", *since)
    known = [k for k in set(theirs) & set(mine) if mine[k]["known"]]
    wrong = [w for k in known for w in compare_keys(k, set(described(new, theirs[k])), json.loads(ours.ask("keys", kind=k)["text"]))]
    check(f"the keys of {len(known)} kinds, all that we know by more than name", not wrong and len(known) > 60, "", *wrong)
    return keys


listed = {m[1]: (m[2], m[3].strip()) for m in re.finditer(r"^\| `([a-zA-Z.]+)` \| (\w+) \|([^|]*)\|$", read(docs), re.M)}
keys, refused_keys, asked = every_key(), {}, 0
for role in ("controlplane", "worker"):
    bare = read(f"{shared}/talos/golden/v1.14-{role}.yaml")
    more = MORE + ([document("KubeTalosAPIAccessConfig", allowedRoles=["os:reader"])] if role == "controlplane" else [])
    rich = talos.ask("patch", config=bare, patches=["".join(more)])["text"]
    check(f"the {role} base with further documents is valid", not talos_refuses(rich, "machine: {}\n") and talos.ask("validate", config=rich)["ok"], talos.ask("validate", config=rich).get("error"))
    for name, base in (("bare", bare), ("rich", rich)):
        wrong, n = [], 0
        for key in keys:
            for value in EXACT.get(key["path"], SAMPLES[key["kind"]]):
                patch = nested(key["path"], value)
                theirs = talos_refuses(base, patch)
                if theirs is None:
                    continue
                mine, n = ours.ask("patch", config=base, patches=[patch]), n + 1
                m = None if mine["ok"] else MOVED.match(mine["error"])
                if theirs != bool(m):
                    wrong.append(f"{key['path']}: {value}: Talos {'refuses' if theirs else 'takes'} it; we: {mine.get('error', 'take it')}")
                elif m:
                    refused_keys.setdefault(m[1], (m[2] or "none", m[3] or ""))
        asked += n
        check(f"{role}, {name}: {n} values of all keys, refused by both or by neither", not wrong and n > 300, "", *wrong)
print(f"note {len(keys)} keys, {asked} values; refused: {len(refused_keys)} keys")
check("each refusal names what the docs list", all(listed.get(k) == v for k, v in refused_keys.items()), "", *[f"{k}: {v}, docs {listed.get(k)}" for k, v in refused_keys.items() if listed.get(k) != v])
unused = sorted(k for k in listed if k not in refused_keys)
check("each setting that the docs list is refused", not unused, ", ".join(unused))
# The new places exist: Talos knows the keys of its documents, and null is a value of every one.
for path, (kind, key) in sorted(listed.items()):
    if kind == "none":
        continue
    place = key.split(";")[0].split(",")[0].split(":")[0].strip()
    text = f"apiVersion: v1alpha1\nkind: {kind}\n" + ("name: x\n" if re.search(r"Manifest|Authorizer|Admission|VolumeConfig|DiscoveryService", kind) else "")
    if re.fullmatch(r"[A-Za-z.\[\]]+", place):
        value = "null"
        for part in reversed(place.split(".")):
            value = f"{{{part[:-2]}: [{value}]}}" if part.endswith("[]") else f"{{{part}: {value}}}"
        text += value[1:-1] + "\n"
    a = talos.ask("patch", config=text, patches=[])
    check(f"{path}: {kind} {place} exists", a["ok"], a.get("error"))
finish()
