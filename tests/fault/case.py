"""One case, inside its own simulated cloud: python3 case.py JSON. The last line it prints is its result as JSON."""
import json, os, re, shutil, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
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
        container = {"name": "c", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": {"cpu": "1200m"}}}
        cloud.kube("/apis/apps/v1/namespaces/default/deployments", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
                     "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}}}, "POST")
        pods = lambda: cloud.kube("/api/v1/namespaces/default/pods")["items"]
        waiting = lambda p: any(c["type"] == "PodScheduled" and c.get("reason") == "Unschedulable" for c in p["status"].get("conditions", []))
        until("two pods without room", lambda: sum(map(waiting, pods())) == 2)
        cloud.control("/clock", {"forward_s": 40}, "POST")

    def done(self):
        # What was killed in the middle, a later tick may find out of step and repair; a timer gives it that tick.
        for _ in range(4):
            status, said = run(self.words + ["--dry-run"])
            if status == 0:
                return
            cloud.control("/clock", {"forward_s": 700}, "POST")
            must(self.words)
        raise Wrong("ticks never come to an end: " + tail(said))

    def view(self):
        view = super().view()
        for n in view.get("kubernetes", {}).get("nodes", {}).values():
            n.pop("taints")
        return view


class Image(Scenario):
    words = ["image", "build", "--yes", "--arch", "arm"]
    cluster = False
    def done(self): must(["image", "build", "--arch", "arm", "--dry-run"])


SCENARIOS = {"up": Up, "up-keys": Up, "destroy": Destroy, "scale-up": lambda: Scale(4), "scale-down": lambda: Scale(1), "scale-auto": Auto, "image": Image}


def hurt(scenario, at, log):
    """Runs with a kill at an event. The event, or None when the program was done before."""
    status, said = run(scenario.words, LD_PRELOAD=os.environ["FAULT_SHIM"], FAULT_KILL=str(at), FAULT_LOG=log)
    if status == -9:
        with open(log) as f:
            return f.read().strip().splitlines()[-1]
    if status != 0:
        raise Wrong("with nobody hurting it: %s: %s" % (status, tail(said)))
    return None


def record(scenario, log):
    said = run(scenario.words, LD_PRELOAD=os.environ["FAULT_SHIM"], FAULT_LOG=log)
    if said[0] != 0:
        raise Wrong("recording: %s" % tail(said[1]))
    scenario.done()
    with open(log) as f:
        events = f.read().splitlines()
    calls = cloud.control("/state")["api"]
    return {"view": scenario.view(), "events": events, "calls": calls}


def killed(scenario, case, log):
    """Killed once or more, then run to its end."""
    at, before = [], cloud.secrets() if scenario.keeps_secrets else None
    for i, n in enumerate(case["kill"]):
        at.append(hurt(scenario, n, "%s.%d" % (log, i)))
        kept = cloud.secrets()
        if before and kept != before:
            raise Wrong("the secrets are others after the kill at %s" % at)
        before = before or (kept if scenario.keeps_secrets else None)
    must(scenario.again())
    scenario.done()
    if before and cloud.secrets() != before:
        raise Wrong("the secrets are others after the run that repaired")
    return at


def refused(scenario, case, log):
    """One call is refused: done all the same, or ended with a message; the next run repairs."""
    cloud.control("/faults", {"spec": case["fault"]}, "POST")
    status, said = run(scenario.words)
    struck = sum(f.get("hits", 0) for f in cloud.control("/faults")["faults"])
    cloud.control("/faults", method="DELETE")
    if not struck:
        return ["not reached"]
    if status not in (0, 1, 5, 6, 7, 8):
        raise Wrong("ended with %s: %s" % (status, tail(said)))
    if status != 0:
        message = [l for l in said.splitlines() if l.startswith("error")]
        if not message or len(message[0].split(": ")) < 3:
            raise Wrong("ended with %s and does not say of what and why: %s" % (status, tail(said)))
    elif not scenario.cluster or "warning" not in said:
        scenario.done()
    must(scenario.again())      # what could not be tidied up was said, and goes now
    scenario.done()
    return ["%s" % status]


def host(n):
    """The environment of a second machine: its own state directory, with the same bundle."""
    if n == 0:
        return {}
    home = os.path.join(os.environ["HOME"], "host%d" % n)
    if not os.path.exists(home):
        shutil.copytree(os.environ["XDG_STATE_HOME"], os.path.join(home, "state"))
    return {"HOME": home, "XDG_STATE_HOME": os.path.join(home, "state"), "XDG_CACHE_HOME": os.path.join(home, "cache"),
            "KUBECONFIG": os.path.join(home, "kubeconfig"), "TALOSCONFIG": os.path.join(home, "talosconfig")}


def together(scenario, case, log):
    """Two commands at once, from one machine or two: each is done or says who works there; what is left is whole."""
    places = [host(0), host(1 if case["hosts"] == 2 else 0)]
    running = []
    for words, place in zip(case["words"], places):
        running.append(subprocess.Popen(["hcloud-v6"] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, **place}))
        time.sleep(case["delay"])
    ended = [(p.communicate(timeout=LIMIT_S)[0].decode(errors="replace"), p.returncode) for p in running]
    statuses = [status for _, status in ended]
    for said, status in ended:
        if status == 7 and not re.search(r"worked on|is held by", said):
            raise Wrong("held up, and does not say by whom: " + tail(said))
        if status not in (0, 7) and not (case["against"] and status in (1, 3, 8) and re.search(r"^error", said, re.M)):
            raise Wrong("ended with %s: %s" % (statuses, tail(said)))
    if 0 not in statuses:
        raise Wrong("neither was done: %s: %s" % (statuses, " || ".join(tail(said) for said, _ in ended)))
    if scenario.cluster:
        must(scenario.again())
        scenario.done()
    else:
        for place in places:
            run(["destroy", "--yes"], **place)
    return ["%s" % statuses]


def main():
    case = json.loads(sys.argv[1])
    scenario, log = SCENARIOS[case["scenario"]](), os.path.join(os.environ["HOME"], "events")
    result = {"at": None, "wrong": None}
    try:
        scenario.before()
        if case["kind"] == "record":
            result.update(record(scenario, log))
        else:
            result["at"] = {"killed": killed, "refused": refused, "together": together}[case["kind"]](scenario, case, log)
            with open(case["reference"]) as f:
                reference = json.load(f)["view"]
            here = json.loads(json.dumps(scenario.view()))
            for view in (reference, here):
                for part in case.get("not_compared", []):
                    view.pop(part)
            parted = cloud.differences(reference, here)
            if parted:
                raise Wrong("; ".join(parted))
    except Wrong as e:
        result["wrong"] = str(e)
    except Exception as e:
        result["wrong"] = "%s: %s" % (type(e).__name__, e)
        import traceback
        traceback.print_exc()
    if result["at"] is None and os.path.exists(log + ".0"):
        result["at"] = [open(p).read().strip().splitlines()[-1] for p in (log + ".0", log + ".1") if os.path.exists(p)]
    print(json.dumps(result))


main()
