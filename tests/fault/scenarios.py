"""The commands that are hurt: what goes before each, and how it is seen, from inside its simulated cloud, that it is done."""
import json, os, re, subprocess, time

import cloud

LIMIT_S = 400
UP = ["up", "--nodes", "3", "--yes"]
DRY_UP = ["up", "--nodes", "3", "--dry-run"]


def run(words, **environment):
    """Runs hcloud-v6; its exit status (negative: the signal) and all it said."""
    try:
        r = subprocess.run(["hcloud-v6"] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env={**os.environ, **environment}, timeout=LIMIT_S)
        return r.returncode, r.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as e:
        return None, (e.stdout or b"").decode(errors="replace") + "\nstill running after %d s" % LIMIT_S


class Wrong(Exception):
    pass


def must(words, wanted=0):
    status, said = run(words)
    if status != wanted:
        raise Wrong("'%s' ended with %s: %s" % (" ".join(words), status, tail(said)))
    return said


def tail(said):
    lines = [l for l in said.strip().splitlines() if l]
    worse = [l for l in lines if l.startswith(("error", "what to do"))]
    return " | ".join(worse or lines[-4:])[:700]


def until(what, f):
    for _ in range(600):
        if f():
            return
        time.sleep(0.05)
    raise Wrong("waited in vain for: " + what)


class Scenario:
    """A command that is hurt, what goes before it, and how it is seen that it is done."""
    keeps_secrets = True
    cluster = True                  # there is one at the end

    def before(self): pass
    def again(self): return self.words
    def done(self): must(DRY_UP)

    def view(self):
        state = cloud.control("/state")
        view = {"cloud": cloud.view_of_cloud(state), "files": cloud.files(), "secrets": bool(cloud.secrets())}
        if self.cluster:
            view["kubernetes"] = cloud.view_of_kubernetes()
        return view


class Up(Scenario):
    words = UP


class Destroy(Scenario):
    words = ["destroy", "--yes"]
    keeps_secrets = cluster = False
    def before(self): must(UP)
    def done(self): pass


class Scale(Scenario):
    def __init__(self, count): self.words = ["scale", "--pool", "worker", "--count", str(count), "--yes"]
    def before(self): must(UP)

    def done(self):
        must(self.words[:-1] + ["--dry-run"])
        must(["up", "--dry-run"])

    def view(self):
        """Which worker stays when one does is the emptiest's luck, and so its number counts for nothing."""
        text = json.dumps(super().view())
        if self.words[4] == "1":
            text = re.sub(r'default-worker-[12]\b', "default-worker-N", text)
            text = re.sub(r'"hcloud-v6/index": "[12]"', '"hcloud-v6/index": "N"', text)
            text = re.sub(r'"10\.0\.0\.[34]"', '"10.0.0.N"', text)
        return json.loads(text)


def deployment(name, replicas, cpu):
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": {"cpu": cpu}}}
    cloud.kube("/apis/apps/v1/namespaces/default/deployments", {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                 "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}}}, "POST")


def patch_deployment(namespace, name, spec):
    cloud.kube("/apis/apps/v1/namespaces/%s/deployments/%s" % (namespace, name), {"spec": spec}, "PATCH", "application/merge-patch+json")


def pods(namespace):
    return cloud.kube("/api/v1/namespaces/%s/pods" % namespace)["items"]


def without_room(pod):
    return any(c["type"] == "PodScheduled" and c.get("reason") == "Unschedulable" for c in pod["status"].get("conditions", []))


def forward(seconds):
    cloud.control("/clock", {"forward_s": seconds}, "POST")


class Auto(Scenario):
    """A tick that finds three pods without room, which need two more nodes."""
    def __init__(self):
        self.profile = os.path.join(os.environ["HOME"], "auto.yaml")
        self.words = ["scale", "--auto", "-p", self.profile]

    def before(self):
        text = run(["profile", "default"])[1].replace("count: 2", "autoscale: {min: 1, max: 4}")
        with open(self.profile, "w") as f:
            f.write(text)
        must(["up", "-p", self.profile, "--yes"])
        deployment("web", 3, "1200m")
        until("two pods without room", lambda: sum(map(without_room, pods("default"))) == 2)
        forward(40)

    def done(self):
        # What was killed in the middle, a later tick may find out of step and repair; a timer gives it that tick.
        for _ in range(4):
            status, said = run(self.words + ["--dry-run"])
            if status == 0:
                return
            forward(700)
            must(self.words)
        raise Wrong("ticks never come to an end: " + tail(said))

    def view(self):
        view = super().view()
        for n in view.get("kubernetes", {}).get("nodes", {}).values():
            n.pop("taints")
        return view


class AutoDown(Auto):
    """A tick that drains one of three workers and removes another that is empty."""
    def before(self):
        super().before()
        must(self.words)
        away = {"template": {"spec": {"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}}}}
        for name in ("coredns", "cilium-operator"):         # what a moved pod of kube-system keeps for an hour is not what this is about
            patch_deployment("kube-system", name, away)
        until("pods of kube-system on the control plane", lambda: all(
            "control-plane" in p["spec"].get("nodeName", "") for p in pods("kube-system") if p["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"))
        deployment("small", 2, "100m")
        until("two small pods", lambda: sum(p["metadata"]["labels"]["app"] == "small" and p["status"].get("phase") == "Running" for p in pods("default")) == 2)
        patch_deployment("default", "web", {"replicas": 0})
        until("the large ones' end", lambda: len(pods("default")) == 2)
        for _ in range(2):          # two ticks that find what is not needed, five minutes apart; the third acts
            must(self.words)
            forward(301)

    def done(self):
        for _ in range(4):          # what became unneeded later is seen for ten minutes, and goes too
            forward(301)
            must(self.words)
        super().done()

    def view(self):
        """Which worker stays is the luck of where the small pods were."""
        text = json.dumps(super().view())
        for pattern in (r"(default-worker-)\d\b", r'("hcloud-v6/index": ")\d(?=")', r'("10\.0\.0\.)\d(?=")'):
            text = re.sub(pattern, r"\1N", text)
        return json.loads(text)


class Image(Scenario):
    words = ["image", "build", "--yes", "--arch", "arm"]
    cluster = False
    def done(self): must(["image", "build", "--arch", "arm", "--dry-run"])


SCENARIOS = {"up": Up, "up-keys": Up, "destroy": Destroy, "scale-up": lambda: Scale(4), "scale-down": lambda: Scale(1), "scale-auto": Auto,
             "scale-auto-down": AutoDown, "image": Image}
