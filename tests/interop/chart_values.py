"""Cilium's real chart against the program's check of values: what the chart knows is never named, what it does not know is.
   chart_values.py PROGRAM TALOS-BATCH CHART.tgz FOLDER"""
import json
import os
import re
import subprocess
import sys
import tarfile

program, batch, archive, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
passed = failed = 0


def check(name, good, why=""):
    global passed, failed
    if good:
        passed += 1
        print("ok " + name)
    else:
        failed += 1
        print(f"FAIL {name}: {why}")


def read(name):
    with tarfile.open(archive) as t:
        return t.extractfile(name).read().decode()


def named(values):
    """What the program says of these values: (path, line)."""
    with open(os.path.join(folder, "values.yaml"), "w", encoding="utf-8") as f:
        f.write(values if isinstance(values, str) else json.dumps(values, indent=1))
    profile = os.path.join(folder, "profile.yaml")
    with open(profile, "w", encoding="utf-8") as f:
        f.write("cluster: own\naddons:\n  - name: cilium\n    values: values.yaml\n")
    done = subprocess.run([program, "config", "validate", profile, "--chart", archive], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [(done.stderr.strip(), 0)]
    return [(m[1], int(m[0])) for m in re.findall(r"values\.yaml:(\d+):\d+: '([^']*)' is not a value of chart", done.stderr)]


def put(tree, path):
    for part in path[:-1]:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    if not isinstance(tree.get(path[-1]), dict):
        tree[path[-1]] = "x"


def of_schema(schema):
    tree = {}
    for key, below in schema.get("properties", {}).items():
        tree[key] = of_schema(below) if below.get("properties") else "x"
    return tree


def misspell(tree, path=(), out=None, wanted=None):
    """Beside every key of every map one that is spelt wrong."""
    for key, value in tree.items():
        wanted.append(".".join(path + (key + "Typo",)))
        out[key + "Typo"] = "x"
        if isinstance(value, dict) and value:
            out[key] = {}
            misspell(value, path + (key,), out[key], wanted)


defaults = read("cilium/values.yaml")
answer = subprocess.run([batch], input=json.dumps({"op": "json", "config": defaults}) + "\n", capture_output=True, text=True, check=True).stdout
tree = json.loads(json.loads(answer)["text"])[0]
check("its own values.yaml", not named(defaults), named(defaults))

asked = {}
with tarfile.open(archive) as t:
    for member in t.getmembers():
        if "/templates/" in member.name:
            for path in re.findall(r"\.Values((?:\.[A-Za-z_]\w*)+)", t.extractfile(member).read().decode()):
                put(asked, path[1:].split("."))
count = len(re.findall(r'"x"', json.dumps(asked)))
seen = named(asked)
check(f"all {count} values that its templates ask for", not seen and count > 500, seen)

schema = of_schema(json.loads(read("cilium/values.schema.json")))
count = len(re.findall(r'"x"', json.dumps(schema)))
seen = named(schema)
check(f"all {count} values of its schema", not seen and count > 500, seen)

free = {"podAnnotations": {"a.example/b": "c"}, "podLabels": {"x": "y"}, "nodeSelector": {"kubernetes.io/arch": "arm64"}, "extraConfig": {"any": "1"},
        "resources": {"limits": {"cpu": 1, "x.example/y": 1}}, "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}},
        "podSecurityContext": {"fsGroup": 1}, "updateStrategy": {"type": "OnDelete", "rollingUpdate": None}, "extraEnv": [{"name": "A", "value": "b"}],
        "operator": {"podAnnotations": {"a": "b"}, "extraEnv": [], "nodeSelector": {"a": "b"}, "podDisruptionBudget": {"enabled": True, "minAvailable": 1}},
        "hubble": {"eventQueueSize": 1, "ui": {"ingress": {"annotations": {"a": "b"}, "tls": []}, "service": {"annotations": {"a": "b"}}},
                   "relay": {"service": {"nodePort": 1}, "prometheus": {"serviceMonitor": {"labels": {"a": "b"}}}}},
        "nodePort": {"range": "1,2", "directRoutingDevice": "eth0", "addresses": ["::/0"]}, "bpf": {"ctTcpMax": 1, "hostLegacyRouting": True},
        "clustermesh": {"config": {"clusters": [{"name": "a"}]}, "apiserver": {"service": {"annotations": {"a": "b"}}}}, "global": {"x": {"y": 1}},
        "ingressController": {"service": {"annotations": {"a": "b"}, "labels": {"a": "b"}}}, "envoy": {"podSecurityContext": {"runAsUser": 1}}}
seen = named(free)
check("maps of free form", not seen, seen)

wrong, wanted = {}, []
misspell(tree, (), wrong, wanted)
seen = {path for path, _ in named(wrong)}
hit = [path for path in wanted if path in seen]
check(f"nothing but slips is named among {len(wanted)} slips", seen <= set(wanted), sorted(seen - set(wanted))[:9])
check(f"{len(hit)} of {len(wanted)} slips are found", len(hit) > 0.75 * len(wanted), [p for p in wanted if p not in seen][:40])
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
