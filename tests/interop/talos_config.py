"""talos_config.py HCLOUD_V6 OURS WITNESS-1.13 WITNESS-1.14|- SHARED DOCS TMP: configs, secrets and profiles against Talos' own code."""
import glob, os, re, sys
from talos_common import *

program, batch, first, second, shared, docs, tmp = sys.argv[1:8]
ours, talos = Program(batch), Program(first)
talos14 = Program(second) if second != "-" else None
ENDPOINT = "https://[2001:db8:1::1]:6443"
CONTRACTS = {"v1.11": ("v1.11.5", "1.34.1"), "v1.12": ("v1.12.4", "1.35.4"), "v1.13": ("v1.13.9", "1.36.3")}


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


def normal(text):
    a = talos.ask("patch", config=text, patches=[])
    return a["text"] if a["ok"] else "refused: " + a["error"]


def tree(text):
    return json.loads(ours.ask("json", config=text)["text"])


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
    forms = {"talosctl, talhelper, topf": made, "Go's JSON": json.dumps(as_go(b)), "Terraform's machine_secrets": json.dumps(terraform, indent="\t"),
             "a Terraform output": json.dumps({"sensitive": True, "value": terraform}),
             "a Terraform resource": json.dumps({"machine_secrets": terraform, "talos_version": "v1.13"})}
    for name, text in forms.items():
        state = os.path.join(tmp, "secrets", re.sub(r"\W", "", name))
        r = run(state, "secrets", "import", "-", stdin=text)
        check(f"secrets import takes {name}", r.returncode == 0, r.stderr)
        check(f"and exports it as talosctl wrote it ({name})", run(state, "secrets", "export").stdout == made, "it differs")
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
    return made


# --- configs ---

def generated(bundle):
    for contract, (_, kubernetes) in CONTRACTS.items():
        for role in ("controlplane", "worker"):
            fields = dict(secrets=bundle, contract=contract, cluster="demo", endpoint=ENDPOINT, kubernetes=kubernetes, type=role)
            theirs, mine = talos.ask("generate", **fields), ours.ask("generate", **fields)
            same = theirs["ok"] and mine["ok"] and theirs["text"] == mine["text"]
            check(f"generated as Talos generates: {contract} {role}", same, theirs.get("error") or mine.get("error") or "it differs")
            golden = f"{shared}/talos/golden/{contract}-{role}.yaml"
            if os.path.exists(golden):
                fields["secrets"] = read(f"{shared}/talos/golden/secrets.yaml")
                check(f"the golden {contract} {role}", tree(ours.ask("generate", **fields)["text"]) == tree(read(golden)), "another tree")
                for kind in ("", "-seed", "-seed-ghcr"):
                    text = read(f"{shared}/talos/golden/{contract}-{role}{kind}.yaml")
                    if kind:
                        names = ["all", role, "registries" + kind[5:]]
                        a = ours.ask("patch", config=ours.ask("generate", **fields)["text"], patches=[read(f"{shared}/talos/golden/patches/{n}.yaml") for n in names])
                        check(f"the golden {contract} {role}{kind}", a["ok"] and normal(a["text"]) == text, a.get("error", "it differs"))


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


def listed_paths():
    return re.findall(r"^\| `([a-zA-Z.]+)` \|", read(docs).split("## Patches")[0], re.M)


def rendered(bundle):
    state = os.path.join(tmp, "rendered")
    listed, met = listed_paths(), set()
    for contract, (version, kubernetes) in CONTRACTS.items():
        for name, body in PROFILES.items():
            cluster = "c-" + contract.replace(".", "-")
            profile = write(f"{tmp}/profiles/{contract}-{name}.yaml", f"cluster: {cluster}\ntalos: {version}\nkubernetes: v{kubernetes}\n{body}")
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
                a = talos.ask("validate", config=text)
                check(f"Talos 1.13.9 validates {what}", a["ok"] and not a.get("warnings"), a.get("error") or a.get("warnings"))
                if talos14:
                    a = talos14.ask("validate", config=text)
                    check(f"Talos 1.14.1 validates {what}", a["ok"], a.get("error"))
                check(f"Talos writes it as we do: {what}", normal(text) == text, "\n".join(__import__("difflib").unified_diff(normal(text).splitlines(), text.splitlines(), "talos", "ours", lineterm="", n=1)))
                if name == "patched":
                    continue
                role = "worker" if "worker" in path else "controlplane"
                base = talos.ask("generate", secrets=bundle, contract=contract, cluster=cluster, endpoint=ENDPOINT, kubernetes=kubernetes, type=role)["text"]
                a, b = tree(base), tree(normal(text))
                other = [p for p in paths(a[0], b[0]) if not any(p == l or p.startswith(l + ".") for l in listed)]
                met |= {l for l in listed for p in paths(a[0], b[0]) if p == l or p.startswith(l + ".")}
                check(f"only meant differences: {what}", not other and a[1:] == b[1:], ", ".join(other) or "other documents")
    check("each difference that the docs list exists", met == set(listed), sorted(set(listed) - met))


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


bundle = secrets()
generated(bundle)
rendered(bundle)
refused()
kubeadm()
finish()
