"""talos_config.py HCLOUD_V6 OURS WITNESS-1.13 WITNESS-1.14|- SHARED DOCS TMP: configs, secrets and profiles against Talos' own code."""
import glob, os, re, sys
from talos_common import *

program, batch, first, second, shared, docs, tmp = sys.argv[1:8]
ours, talos = Program(batch), Program(first)
talos14 = Program(second) if second != "-" else None
ENDPOINT = "https://[2001:db8:1::1]:6443"
CONTRACTS = {"v1.11": ("v1.11.5", "1.34.1"), "v1.12": ("v1.12.4", "1.35.4"), "v1.13": ("v1.13.9", "1.36.3"), "v1.14": ("v1.14.1", "1.37.0")}
if not talos14:
    del CONTRACTS["v1.14"]


def judge(contract):
    """Talos of the contract: 1.13.9 cannot read the form of 1.14."""
    return talos14 if contract == "v1.14" else talos


def run(state, *words, stdin=None):
    env = {**os.environ, "XDG_STATE_HOME": state}
    env.pop("HCLOUD_TOKEN", None)
    return subprocess.run([program, *words], env=env, input=stdin, capture_output=True, text=True)


def read(path):
    with open(path) as f:
        return f.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path


def normal(text, contract="v1.13"):
    a = judge(contract).ask("patch", config=text, patches=[])
    return a["text"] if a["ok"] else "refused: " + a["error"]


def tree(text):
    return json.loads(ours.ask("json", config=text)["text"])


def by_kind(documents):
    """One tree of a config: the v1alpha1 document at its top, the others below their kinds; several of a kind below their names."""
    out = dict(documents[0])
    for d in documents[1:]:
        place = out.setdefault(d["kind"], {})
        (place.setdefault(d["name"], {}) if "name" in d else place).update({k: v for k, v in d.items() if k not in ("apiVersion", "kind", "name")} or {"": ""})
    return out


def paths(a, b, at=""):
    """Where two trees differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) | set(b)):
            if a.get(key) != b.get(key):
                yield from paths(a.get(key), b.get(key), f"{at}.{key}" if at else key)
    elif isinstance(a or b, dict) and not (a and b):
        for key in (a or b):
            yield from paths((a or {}).get(key), (b or {}).get(key), f"{at}.{key}")
    else:
        yield at


# --- secrets ---

def bundle_tree(text):
    """secrets.yaml is mappings of texts only."""
    root, stack = {}, []
    for line in text.splitlines():
        indent, (key, _, value) = len(line) - len(line.lstrip()), line.strip().partition(":")
        stack = stack[:indent // 4]
        parent = stack[-1] if stack else root
        value = value.strip().strip('"')
        parent[key] = value or {}
        if not value:
            stack.append(parent[key])
    return root


def as_terraform(b):
    c = b["certs"]
    pair = lambda p: {"cert": p["crt"], "key": p["key"]}
    return {"cluster": b["cluster"], "trustdinfo": b["trustdinfo"],
            "secrets": {"bootstrap_token": b["secrets"]["bootstraptoken"], "secretbox_encryption_secret": b["secrets"]["secretboxencryptionsecret"],
                        "aescbc_encryption_secret": ""},
            "certs": {"etcd": pair(c["etcd"]), "k8s": pair(c["k8s"]), "k8s_aggregator": pair(c["k8saggregator"]), "os": pair(c["os"]),
                      "k8s_serviceaccount": c["k8sserviceaccount"]}}


def as_go(b):
    names = {"cluster": "Cluster", "secrets": "Secrets", "trustdinfo": "TrustdInfo", "certs": "Certs", "id": "Id", "secret": "Secret", "token": "Token", "crt": "Crt",
             "key": "Key", "etcd": "Etcd", "k8s": "K8s", "k8saggregator": "K8sAggregator", "k8sserviceaccount": "K8sServiceAccount", "os": "OS",
             "bootstraptoken": "BootstrapToken", "secretboxencryptionsecret": "SecretboxEncryptionSecret"}
    return {names[k]: as_go(v) if isinstance(v, dict) else v for k, v in b.items()}


def secrets():
    made = talos.ask("secrets-new", contract="v1.13")["text"]
    b = bundle_tree(made)
    terraform = as_terraform(b)
    forms = {"talosctl and topf": made, "Go's JSON": json.dumps(as_go(b)), "Terraform's machine_secrets": json.dumps(terraform, indent="\t"),
             "a Terraform output": json.dumps({"sensitive": True, "value": terraform}),
             "a Terraform resource": json.dumps({"machine_secrets": terraform, "talos_version": "v1.13"})}
    for name, text in forms.items():
        state = os.path.join(tmp, "secrets", re.sub(r"\W", "", name))
        r = run(state, "secrets", "import", "-", stdin=text)
        check(f"secrets import takes {name}", r.returncode == 0, r.stderr)
        check(f"and exports it as talosctl wrote it ({name})", run(state, "secrets", "export").stdout == made, "it differs")
    # talhelper: the same bundle by another YAML library, of its own making and out of a machine config (gensecret -f)
    config = talos.ask("generate", secrets=made, contract="v1.13", cluster="c", endpoint=ENDPOINT, kubernetes="1.36.3", type="controlplane")["text"]
    helped = {"talhelper gensecret": talos.ask("secrets-new", contract="v1.13", type="talhelper")["text"],
              "talhelper gensecret -f": talos.ask("secrets-new", contract="v1.13", type="talhelper", config=config)["text"],
              "talhelper of an old cluster": talos.ask("secrets-new", contract="v1.2", type="talhelper")["text"]}
    for name, text in helped.items():
        state = os.path.join(tmp, "secrets", re.sub(r"\W", "", name))
        r = run(state, "secrets", "import", "-", stdin=text)
        check(f"secrets import takes {name}'s talsecret.yaml", r.returncode == 0, r.stderr)
        wanted, got = talos.ask("secrets-load", secrets=text), run(state, "secrets", "export").stdout
        check(f"and exports what Talos reads in it ({name})", wanted["ok"] and got == wanted["text"], "it differs", text, got)
    check("a bundle out of a config is the one it was made of", bundle_tree(talos.ask("secrets-load", secrets=helped["talhelper gensecret -f"])["text"]) == b, "it differs")
    exported = os.path.join(state, "out.yaml")
    run(state, "secrets", "export", exported)
    check("the exported file is private", os.stat(exported).st_mode & 0o777 == 0o600)
    check("nothing is overwritten", run(state, "secrets", "export", exported).returncode == 1)
    check("a second import is refused", run(state, "secrets", "import", "-", stdin=made).returncode == 1)
    for contract in CONTRACTS:
        state = os.path.join(tmp, "created", contract)
        check("secrets create", run(state, "secrets", "create").returncode == 0)
        text = run(state, "secrets", "export").stdout
        a = talos.ask("secrets-load", secrets=text)
        check("Talos loads and validates the bundle that we made, and writes it the same", a["ok"] and a["text"] == text, a.get("error", "it differs"))
        if talos14:
            check("1.14 too", talos14.ask("secrets-load", secrets=text)["ok"])
    wrong = {"a missing key": made.replace("key:", "kex:", 1), "another certificate's key": made.replace(b["certs"]["etcd"]["key"], b["certs"]["k8s"]["key"]),
             "a list": "- a\n", "an encrypted file": made + "sops:\n    mac: x\n", "a short token": made.replace(b["trustdinfo"]["token"], "a.b"), "nothing": ""}
    for name, text in wrong.items():
        r = run(os.path.join(tmp, "wrong", re.sub(r"\W", "", name)), "secrets", "import", "-", stdin=text)
        check(f"secrets import refuses {name}", r.returncode == 1 and "error:" in r.stderr, r.stderr)
    # In the way of people: what is no bundle yet, and the command that makes one of it. A SOPS file as talhelper's example/talsecret.yaml shows it.
    encrypted = re.sub(r"^( +\w+: )\S+$", r"\1ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA==,type:str]", made, flags=re.M)
    block = ("sops:\n    kms: []\n    age:\n        - recipient: age1x\n          enc: |\n            -----BEGIN AGE ENCRYPTED FILE-----\n            AAAA\n"
             "            -----END AGE ENCRYPTED FILE-----\n    lastmodified: \"2026-01-01T00:00:00Z\"\n    mac: ENC[AES256_GCM,data:AAAA,type:str]\n    version: 3.8.0\n")
    for name, text, words, way in (
            ("talsecret.sops.yaml", encrypted + block, "encrypted by SOPS", "sops -d FILE"), ("topf's secrets.yaml, encrypted", encrypted + block, "encrypted by SOPS", "sops -d FILE"),
            ("a SOPS file whose block was cut off", encrypted, "encrypted by SOPS", "sops -d FILE"),
            ("a SOPS file in JSON", json.dumps({"data": "ENC[AES256_GCM,data:AAAA,type:str]", "sops": {"mac": "x"}}), "encrypted by SOPS", "sops -d FILE"),
            ("placeholders of talhelper", made.replace(b["cluster"]["id"], "${CLUSTERNAME}"), "${CLUSTERNAME}", "envsubst"),
            ("a machine config", config, "machine config", "--from-controlplane-config"),
            ("a talenv.yaml", "aescbcEncryptionKey: x\nclusterSecret: y\nmachineToken: z\n", "talenv.yaml", "--from-controlplane-config")):
        r = run(os.path.join(tmp, "wrong", re.sub(r"\W", "", name)), "secrets", "import", "-", stdin=text)
        check(f"secrets import says what to do with {name}", r.returncode == 1 and words in r.stderr and way in r.stderr, r.stderr)
    return made


# --- configs ---

def generated(bundle):
    for contract, (_, kubernetes) in CONTRACTS.items():
        for role in ("controlplane", "worker"):
            fields = dict(secrets=bundle, contract=contract, cluster="demo", endpoint=ENDPOINT, kubernetes=kubernetes, type=role)
            theirs, mine = judge(contract).ask("generate", **fields), ours.ask("generate", **fields)
            same = theirs["ok"] and mine["ok"] and theirs["text"] == mine["text"]
            check(f"generated as Talos generates: {contract} {role}", same, theirs.get("error") or mine.get("error") or "it differs")
            golden = f"{shared}/talos/golden/{contract}-{role}.yaml"
            if os.path.exists(golden):
                fields["secrets"] = read(f"{shared}/talos/golden/secrets.yaml")
                check(f"the golden {contract} {role}", tree(ours.ask("generate", **fields)["text"]) == tree(read(golden)), "another tree")
                for kind in ("",) if contract == "v1.14" else ("", "-seed", "-seed-ghcr"):
                    text = read(f"{shared}/talos/golden/{contract}-{role}{kind}.yaml")
                    if kind:
                        names = ["all", role, "registries" + kind[5:]]
                        a = ours.ask("patch", config=ours.ask("generate", **fields)["text"], patches=[read(f"{shared}/talos/golden/patches/{n}.yaml") for n in names])
                        check(f"the golden {contract} {role}{kind}", a["ok"] and normal(a["text"]) == text, a.get("error", "it differs"))
            base = f"{shared}/talos/{contract}-base-{role}.yaml"
            if os.path.exists(base):
                fields = dict(secrets=read(f"{shared}/talos/secrets-stability.yaml"), contract=contract, cluster="base", endpoint="https://base:6443", kubernetes="1.28.0", type=role)
                check(f"Talos' own golden {contract} {role}", tree(ours.ask("generate", **fields)["text"]) == tree(read(base)), "another tree")


PROFILES = {
    "least": "controlPlanes: 1\n",
    "lonely": "controlPlanes: {count: 1, schedulable: true}\npools: [{name: worker, count: 1}]\nnetwork: none\ndns64: none\ndiscovery: true\n",
    "three": "controlPlanes: {count: 3, labels: {a: b}}\npools: [{name: w, count: 2, labels: {c: d}, taints: ['k=v:NoSchedule']}, "
             "{name: big, types: [cax21], autoscale: {min: 1, max: 3}}]\nnetwork: {mode: private, range: 10.7.0.0/16}\ndiscovery: auto\nntp: [ntp.example]\n",
    "registries": "registries:\n  mirrors:\n    ghcr.io: [https://m.example]\n    docker.io: {endpoints: ['https://[2001:db8::9]:5000/v2/docker.io'], overridePath: true, "
                  "skipFallback: true}\n  auth:\n    ghcr.io: {username: u, password: p}\n    quay.io: {token: t}\n",
    "proxy": "registries: {proxy: 'https://harbor.example'}\n",
    "subnets": "podSubnet: fd99::/96\nserviceSubnet: fd98::/112\npodCIDRs: client\ndns64: ['2001:67c:2b0::4']\nipv4: true\ndiscovery: false\ndelivery: push\n",
    "delivered": "delivery: user-data\npodCIDRs: ccm\nfirewall: {operators: [auto, '2001:db8::/48'], open: [{protocol: tcp, port: '443'}], large: refuse}\n",
    "patched": "patches:\n  all:\n    - machine: {sysctls: {vm.swappiness: 0}, kernel: {modules: [{name: nvme_tcp}]}}\n  controlPlane:\n    - cluster: {etcd: {extraArgs: {listen-metrics-urls: 'http://[::]:2381'}}, inlineManifests: [{name: a, contents: 'x: y'}]}\n"
               "  worker:\n    - machine: {kubelet: {extraArgs: {max-pods: 250}, extraConfig: {serializeImagePulls: false}}}\n",
    "addons": "addons:\n  - {name: cilium, values: {hubble: {enabled: true}}}\nhelm: {mode: local}\nlocations: [fsn1]\n",
}


# What stands elsewhere in contract 1.14, in place of the profile's patches above.
PATCHED_114 = """patches:
  all:
    - {apiVersion: v1alpha1, kind: SysctlConfig, params: {vm.swappiness: 0}}
    - {apiVersion: v1alpha1, kind: KernelModuleConfig, name: nvme_tcp}
  controlPlane:
    - cluster: {etcd: {extraArgs: {listen-metrics-urls: 'http://[::]:2381'}}}
    - {apiVersion: v1alpha1, kind: KubeInlineManifestConfig, name: a, manifest: 'x: y'}
  worker:
    - {apiVersion: v1alpha1, kind: KubeletConfig, extraArgs: {max-pods: 250}, config: {serializeImagePulls: false}}
"""


def listed_paths(contract):
    old, new = read(docs).split("## Patches")[0].split("### Contract 1.14")
    return re.findall(r"^\| `([a-zA-Z0-9.]+)` \|", new if contract == "v1.14" else old, re.M)


def rendered(bundle):
    state = os.path.join(tmp, "rendered")
    met = {"old": set(), "new": set()}
    for contract, (version, kubernetes) in CONTRACTS.items():
        listed, form = listed_paths(contract), "new" if contract == "v1.14" else "old"
        for name, body in PROFILES.items():
            cluster = "c-" + contract.replace(".", "-")
            wanted = version if form == "old" else f"{{version: {version}, contract: '1.14'}}"
            body = PATCHED_114 if form == "new" and name == "patched" else body
            profile = write(f"{tmp}/profiles/{contract}-{name}.yaml", f"cluster: {cluster}\ntalos: {wanted}\nkubernetes: v{kubernetes}\n{body}")
            if not os.path.exists(f"{state}/hcloud-v6/{cluster}/vault"):
                run(state, "secrets", "import", "-", "--cluster", cluster, stdin=bundle)
            r = run(state, "config", "validate", profile)
            check(f"config validate {contract} {name}", r.returncode == 0, r.stderr)
            out = f"{tmp}/out/{contract}-{name}"
            r = run(state, "config", "render", out, "-p", profile, "-e", ENDPOINT, "--node", f"{cluster}-control-plane-1=2001:db8:1::1")
            if not check(f"config render {contract} {name}", r.returncode == 0, r.stderr):
                continue
            for path in sorted(glob.glob(out + "/*.yaml")):
                text, what = read(path), f"{contract} {name} {os.path.basename(path)}"
                check(f"private: {what}", os.stat(path).st_mode & 0o777 == 0o600)
                a = judge(contract).ask("validate", config=text)
                check(f"Talos {version if form == 'new' else '1.13.9'} validates {what}", a["ok"] and not a.get("warnings"), a.get("error") or a.get("warnings"))
                if talos14 and form == "old":
                    a = talos14.ask("validate", config=text)
                    check(f"Talos 1.14.1 validates {what}", a["ok"], a.get("error"))
                check(f"Talos writes it as we do: {what}", normal(text, contract) == text, "\n".join(__import__("difflib").unified_diff(normal(text, contract).splitlines(), text.splitlines(), "talos", "ours", lineterm="", n=1)))
                if name == "patched":
                    continue
                role = "worker" if "worker" in path else "controlplane"
                base = judge(contract).ask("generate", secrets=bundle, contract=contract, cluster=cluster, endpoint=ENDPOINT, kubernetes=kubernetes, type=role)["text"]
                a, b = tree(base), tree(normal(text, contract))
                differences = list(paths(by_kind(a), by_kind(b)))
                other = [p for p in differences if not any(p == l or p.startswith(l + ".") for l in listed)]
                met[form] |= {l for l in listed for p in differences if p == l or p.startswith(l + ".")}
                check(f"only meant differences: {what}", not other, ", ".join(other))
        if contract in ("v1.13", "v1.14"):
            check(f"each difference that the docs list exists: {form} form", met[form] == set(listed), sorted(set(listed) - met[form]))


def random_profile(r, form):
    """Every option that reaches a machine config, each there or not."""
    some = lambda p: r.random() < p
    out = {"ntp": r.sample(["ntp.example", "2001:db8::123", "time.cloudflare.com"], r.randint(1, 3))} if some(0.5) else {}
    if some(0.6):
        out["dns64"] = r.choice(["none", ["2001:db8::64"], ["2001:db8::64", "2a00:1098:2c::1"]])
    if some(0.5):
        out["network"] = r.choice(["none", "private", {"mode": "private", "range": "10.9.0.0/16"}])
    if some(0.5):
        out["discovery"] = r.choice([True, False, "auto"])
    if some(0.7):
        out["podSubnet"] = "fd40:10::/%d" % r.choice([64, 72, 80, 95, 96, 97, 104, 111, 112, 113, 119, 120])
    if some(0.5):
        out["serviceSubnet"] = "fd40:11::/%d" % r.randint(108, 120)
    if some(0.5):
        out["registries"] = {k: v for k, v in {
            "mirrors": {name: r.choice([["https://m.example"], {"endpoints": ["https://[2001:db8::9]:5000/v2/x", "http://n.example"], "overridePath": some(0.5), "skipFallback": some(0.5)}])
                        for name in r.sample(["ghcr.io", "docker.io", "registry.k8s.io", "quay.io", "*"], r.randint(1, 3))},
            "auth": {name: r.choice([{"username": "u", "password": "p: #'x"}, {"token": "t"}]) for name in r.sample(["ghcr.io", "m.example:5000"], r.randint(1, 2))},
        }.items() if some(0.7)}
        if some(0.3):
            out["registries"]["proxy"] = r.choice(["https://harbor.example", "https://h.example/x/{registry}"])
    out["controlPlanes"] = {"count": r.choice([1, 3]), "schedulable": some(0.4), **({"labels": {"a.example/b": "c"}} if some(0.3) else {})}
    out["pools"] = [{"name": n, "count": r.randint(0, 2), **({"labels": {"x": "007"}, "taints": ["k=v:NoSchedule"]} if some(0.4) else {})} for n in r.sample(["w", "big", "gpu"], r.randint(1, 2))]
    if not any(p["count"] for p in out["pools"]):
        out["controlPlanes"]["schedulable"] = True
    out.update({k: v for k, v in {"delivery": r.choice(["auto", "push", "user-data"]), "podCIDRs": r.choice(["auto", "ccm", "client"]), "ipv4": some(0.5)}.items() if some(0.4)})
    patches = {"old": {"all": {"machine": {"sysctls": {"vm.swappiness": "0"}}}, "controlPlane": {"cluster": {"apiServer": {"extraArgs": {"v": "2"}}}},
                       "worker": {"machine": {"nodeLabels": {"a": "b"}, "kubelet": {"extraArgs": {"max-pods": "250"}}}}},
               "new": {"all": {"apiVersion": "v1alpha1", "kind": "SysctlConfig", "params": {"vm.swappiness": "0"}},
                       "controlPlane": {"apiVersion": "v1alpha1", "kind": "KubeAPIServerConfig", "extraArgs": {"v": "2"}},
                       "worker": {"apiVersion": "v1alpha1", "kind": "KubeNodeConfig", "labels": {"a": "b"}}}}[form]
    chosen = {k: [v] for k, v in patches.items() if some(0.3)}
    return {**out, **({"patches": chosen} if chosen else {})}


def combined(bundle, count=int(os.environ.get("HCLOUD_V6_RANDOM_PROFILES", "25"))):
    """Options in combination, by chance: PATCH_SEED chooses others."""
    import random
    state, seed = os.path.join(tmp, "rendered"), os.environ.get("PATCH_SEED", "1")
    for contract in [c for c in ("v1.13", "v1.14") if c in CONTRACTS]:
        wrong, files = [], 0
        for i in range(count):
            profile_data = random_profile(random.Random(f"{seed}-{i}"), "new" if contract == "v1.14" else "old")
            kubernetes = random.Random(i).choice(["1.36.3", "1.37.0", "1.32.0"] if contract == "v1.14" else ["1.36.3", "1.31.5"])
            cluster = "c-" + contract.replace(".", "-")
            data = {"cluster": cluster, "talos": {"version": CONTRACTS[contract][0], "contract": contract[1:]}, "kubernetes": kubernetes, **profile_data}
            profile, out = write(f"{tmp}/profiles/random-{contract}-{i}.yaml", json.dumps(data)), f"{tmp}/out/random-{contract}-{i}"
            r = run(state, "config", "render", out, "-p", profile, "-e", ENDPOINT, "--node", f"{cluster}-control-plane-1=2001:db8:1::1")
            if r.returncode != 0:
                wrong.append(f"{seed}-{i}: {r.stderr} {json.dumps(data)}")
                continue
            for path in sorted(glob.glob(out + "/*.yaml")):
                a, files = judge(contract).ask("validate", config=read(path)), files + 1
                if not a["ok"] or a.get("warnings") or normal(read(path), contract) != read(path):
                    wrong.append(f"{seed}-{i} {os.path.basename(path)}: {a.get('error') or a.get('warnings') or 'Talos writes it otherwise'} {json.dumps(data)}")
        check(f"{count} profiles by chance (seed {seed}), {files} configs of contract {contract}: Talos takes them without a warning", not wrong and files > count, "", *wrong[:5])


def rules():
    """Patches that break a rule of the documents of contract 1.14, or just do not: Talos and config validate say the same."""
    if not talos14:
        return
    for role in ("controlplane", "worker"):
        base = ours.ask("generate", secrets=read(f"{shared}/talos/golden/secrets.yaml"), contract="v1.14", cluster="demo", endpoint=ENDPOINT, kubernetes="1.37.0", type=role)["text"]
        base = ours.ask("patch", config=base, patches=["{apiVersion: v1alpha1, kind: KubeNetworkConfig, podSubnets: ['fd40:10::/96'], serviceSubnets: ['fd40:10:100::/112'], nodeCIDRMaskSizeIPv6: 112}"])["text"]
        merged = ours.ask("patch", config=base, patches=["{apiVersion: v1alpha1, kind: KubeClusterConfig, endpoint: 'http://x:6443'}"])
        check(f"rule, {role}: an endpoint without TLS is refused here alone", not ours.ask("validate", config=merged["text"])["ok"] and talos14.ask("validate", config=merged["text"])["ok"])
        for kind, bodies in RULES_114.items():
            for body in bodies:
                patch = f"apiVersion: v1alpha1\nkind: {kind}\n{body}\n"
                merged = ours.ask("patch", config=base, patches=[patch])
                if not merged["ok"]:
                    # What is not there cannot be deleted, here.
                    check(f"rule, {role}: {kind} {body!r}", "no such document" in merged["error"], merged["error"])
                    continue
                theirs, mine = talos14.ask("validate", config=merged["text"]), ours.ask("validate", config=merged["text"])
                check(f"rule, {role}: {kind} {body!r}", theirs["ok"] == mine["ok"], f"Talos: {theirs.get('error', 'takes it')}; we: {mine.get('error', 'take it')}")


def refused():
    for name, body in {"unknown key": "contolPlanes: 1\n", "a patch with an unknown key": "patches: {all: [{machine: {nosuch: 1}}]}\n",
                       "a patch that breaks a rule": "patches: {all: [{machine: {features: {hostDNS: {enabled: false, forwardKubeDNSToHost: true}}}}]}\n",
                       "a patch that deletes what is not there": "patches: {worker: [{machine: {sysctls: {nothing: {$patch: delete}}}}]}\n"}.items():
        profile = write(f"{tmp}/profiles/refused.yaml", body)
        r = run(os.path.join(tmp, "refused"), "config", "validate", profile)
        check(f"config validate refuses {name}", r.returncode == 4 and "error:" in r.stderr, f"{r.returncode} {r.stderr}")


def kubeadm():
    r = run(os.path.join(tmp, "kubeadm"), "config", "render", f"{tmp}/kubeadm-out", "-p", "blog", "-e", ENDPOINT, "--for", "kubeadm")
    check("config render --for kubeadm needs no secrets", r.returncode == 0, r.stderr)
    init = tree(read(f"{tmp}/kubeadm-out/controlplane/kubeadm-init.yaml"))
    by_kind = {d["kind"]: d for d in init}
    c = by_kind["ClusterConfiguration"]
    check("kubeadm: the subnets", c["networking"]["podSubnet"] == "fd40:10::/96" and c["networking"]["serviceSubnet"] == "fd40:10:100::/112")
    check("kubeadm: the endpoint", c["controlPlaneEndpoint"] == "[2001:db8:1::1]:6443")
    check("kubeadm: no proxy", c["proxy"]["disabled"] is True and by_kind["InitConfiguration"]["skipPhases"] == ["addon/kube-proxy"])
    check("kubeadm: component arguments", {"name": "listen-metrics-urls", "value": "http://[::]:2381"} in c["etcd"]["local"]["extraArgs"])
    check("kubeadm: the cloud provider", {"name": "cloud-provider", "value": "external"} in by_kind["InitConfiguration"]["nodeRegistration"]["kubeletExtraArgs"])
    check("kubeadm: kubelet", by_kind["KubeletConfiguration"]["serverTLSBootstrap"] is True and by_kind["KubeletConfiguration"]["serializeImagePulls"] is False)
    check("kubeadm: resolvers", "DNS=2a01:4f9:c010:3f02::1 2a00:1098:2c::1" in read(f"{tmp}/kubeadm-out/worker/etc/systemd/resolved.conf.d/50-hcloud-v6.conf"))


    # The same cluster in either form of machine configs.
    forms = {}
    for contract in ("1.13", "1.14"):
        profile = write(f"{tmp}/profiles/kubeadm-{contract}.yaml", f"talos: {{version: v1.14.1, contract: '{contract}'}}\npools: [{{name: w, count: 2}}]\nntp: [ntp.example]\n")
        out = f"{tmp}/kubeadm-{contract}"
        r = run(os.path.join(tmp, "kubeadm"), "config", "render", out, "-p", profile, "-e", ENDPOINT, "--node", "default-control-plane-1=2001:db8:1::1", "--for", "kubeadm")
        check(f"config render --for kubeadm, contract {contract}", r.returncode == 0, r.stderr)
        forms[contract] = {path[len(out):]: tree(read(path)) if path.endswith(".yaml") else read(path) for path in sorted(glob.glob(out + "/**/*", recursive=True)) if os.path.isfile(path)}
    different = [path for path in forms["1.13"] if forms["1.13"][path] != forms["1.14"].get(path)]
    check("the kubeadm files do not depend on the contract", forms["1.13"] and forms["1.13"].keys() == forms["1.14"].keys() and not different, "",
          *[f"{path}: {forms['1.13'][path]} {forms['1.14'].get(path)}" for path in different])


bundle = secrets()
generated(bundle)
rendered(bundle)
combined(bundle)
rules()
refused()
kubeadm()
finish()
