"""Two commands at once: each is done or says who works there, and what is left is whole. And a holder that is dead, or only stands still: until its
lock ends the other is refused, afterwards it takes over, and the first, when it goes on, notices and changes nothing more."""
import contextlib, os, re, shutil, signal, subprocess, time

import cloud
from scenarios import LIMIT_S, Wrong, must, run, tail

# On the second machine certificates are its own, and a file that only the other one writes is no difference.
APART = ["files", "secrets"]


def pairs(h, reference):
    up, destroy, four, one = (["up", "--nodes", "3", "--yes"], ["destroy", "--yes"], ["scale", "--pool", "worker", "--count", "4", "--yes"],
                              ["scale", "--pool", "worker", "--count", "1", "--yes"])
    image = ["image", "build", "--yes", "--arch", "arm"]
    found = []
    for hosts in (1, 2):
        for delay in (0, 0.15, 0.4, 0.8):
            for scenario, words, against in (("up", [up, up], False), ("destroy", [up, destroy], True), ("destroy", [destroy, destroy], True),
                                             ("scale-up", [four, four], False), ("scale-up", [one, four], True), ("scale-auto", None, True),
                                             ("image", [image, image], False)):
                found.append({"kind": "together", "scenario": scenario, "words": words, "hosts": hosts, "delay": delay, "against": against, "not_compared": APART})
    return h.some(found)


HELD = ["up", "scale-up", "scale-auto", "destroy"]
STEP = 9                        # each so many events between the lock's making and its end


def holders(h, reference):
    """A holder that ends or stands still at some of the events at which it holds a lock."""
    found = []
    for scenario in HELD:
        events = h.record(scenario)[0]["events"]
        locks = [i for i, e in enumerate(events, 1) if re.search(r"/v1/placement_groups(/\d+)?$|/leases", e) and not re.search(r" GET ", e)]
        for at in range(locks[0] + 1, locks[-1], STEP):
            found += [{"kind": "held", "scenario": scenario, "at": at, "how": how, "hosts": hosts, "not_compared": APART if hosts == 2 else []}
                      for how in ("killed", "stopped") for hosts in (1, 2)]
    return h.some(found)


def name(case):
    if case["kind"] == "held":
        return "%s, the holder %s at %d, the other on %s host" % (case["scenario"], case["how"], case["at"], "the same" if case["hosts"] == 1 else "another")
    words = " and ".join("'%s'" % " ".join(w) for w in case["words"]) if case["words"] else "two of " + case["scenario"]
    return "%s after %s s on %d host(s)" % (words, case["delay"], case["hosts"])


# Row: scenario (a case may have its own), its cases, is it in the short version.
ROWS = {"together": ("up", pairs, True), "held": ("up", holders, True)}


# What follows runs inside the world of a case.

def host(n):
    """The environment of a second machine: its own state directory, with the same bundle."""
    if n == 0:
        return {}
    home = os.path.join(os.environ["HOME"], "host%d" % n)
    if not os.path.exists(home):
        shutil.copytree(os.environ["XDG_STATE_HOME"], os.path.join(home, "state"))
    return {"HOME": home, "XDG_STATE_HOME": os.path.join(home, "state"), "XDG_CACHE_HOME": os.path.join(home, "cache"),
            "KUBECONFIG": os.path.join(home, "kubeconfig"), "TALOSCONFIG": os.path.join(home, "talosconfig")}


@contextlib.contextmanager
def as_if_on(place):
    """What is looked at is looked at from there."""
    kept = dict(os.environ)
    os.environ.update(place)
    yield
    os.environ.clear()
    os.environ.update(kept)


def start(words, **environment):
    return subprocess.Popen(["hcloud-v6"] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment})


def outcome(p):
    """All that it says until its end."""
    try:
        return p.communicate(timeout=LIMIT_S)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        p.kill()
        raise Wrong("'%s' still runs after %d s: %s" % (" ".join(p.args), LIMIT_S, tail(p.communicate()[0].decode(errors="replace"))))


def without_twin(scenario):
    """Hosts build images without knowing of each other; what one of them made too many goes by `image prune`."""
    if "image" in scenario.words:
        must(["image", "prune", "--yes"])


def together(scenario, case, log):
    places = [host(0), host(1 if case["hosts"] == 2 else 0)]
    running = []
    for words, place in zip(case["words"] or [scenario.words, scenario.words], places):
        running.append(start(words, **place))
        time.sleep(case["delay"])
    try:
        ended = [(outcome(p), p.returncode) for p in running]
    finally:
        for p in running:
            p.poll() is None and p.kill()
    statuses = [status for _, status in ended]
    for said, status in ended:
        if status == 7 and not re.search(r"worked on by|is held by", said):
            raise Wrong("held up, and does not say by whom: " + tail(said))
        if status not in (0, 7) and not (case["against"] and status in (1, 3, 8) and re.search(r"^error", said, re.M)):
            raise Wrong("ended with %s: %s" % (statuses, tail(said)))
    if 0 not in statuses:
        raise Wrong("neither was done: %s: %s" % (statuses, " || ".join(tail(said) for said, _ in ended)))
    if scenario.keeps_secrets:
        must(scenario.again())
        scenario.done()
        without_twin(scenario)
    else:
        for place in places:
            run(["destroy", "--yes"], **place)
    return ["%s" % statuses]


def locks():
    """What is held at this moment: "cloud", "Lease"."""
    held = {"cloud"} if any(g["labels"].get("hcloud-v6/role") == "lock" for g in cloud.control("/state")["placement_groups"]) else set()
    with contextlib.suppress(OSError, AttributeError):      # no kubeconfig, or no API server, then no Lease either
        if any(l["metadata"]["name"] == "hcloud-v6-scale" and l["spec"].get("holderIdentity")
               for l in cloud.kube("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases")["items"]):
            held.add("Lease")
    return held


def made():
    """What is in the cloud, without what goes on there by itself: nodes that boot, a firewall that is being applied."""
    cloud.settle()
    view = cloud.view_of_cloud(cloud.control("/state"))
    for _, server in view["servers"]:
        for passing in ("status", "talos", "ready", "firewalls"):
            server.pop(passing)
    return view


def refused_while_held(scenario, place, where):
    """The other one is refused, says by whom and for how long, and changes nothing."""
    before = made()
    status, said = run(scenario.words, **place)
    if status == 0 and where != "host":
        pass                            # it found nothing to do, and needed no lock
    elif status != 7:
        raise Wrong("%s is held, and the other ended with %s: %s" % (where, status, tail(said)))
    elif not re.search(r"held by process \d+ on \S+" if where == "host" else r"(worked on by host \S+,|is held by \S+) until \d{4}-\d\d-\d\dT", said):
        raise Wrong("%s is held, and the other does not say by whom and how long: %s" % (where, tail(said)))
    parted = cloud.differences(before, made())
    if parted:
        raise Wrong("the one that was refused changed something: " + "; ".join(parted))


def wait_stopped(p):
    """True when it stands still, False when it has ended."""
    return os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_code == os.CLD_STOPPED


def goes_on(scenario, first, place):
    """The first wakes up after the other has done everything."""
    with as_if_on(place):
        before = scenario.view()
    first.send_signal(signal.SIGCONT)
    said = outcome(first)
    # 8, and 1 of a tick: the request that it was waiting for has long timed out.
    why = {0: "", 1: "no decision: .* timed out", 7: r"taken over the lock|no longer ours|is held by|worked on by", 8: "timed out"}
    if first.returncode not in why or not re.search(why[first.returncode], said):
        raise Wrong("the first went on and ended with %s: %s" % (first.returncode, tail(said)))
    with as_if_on(place):
        parted = cloud.differences(before, scenario.view())
    if parted:
        raise Wrong("the first went on and changed something: " + "; ".join(parted))
    return first.returncode


def destroyed_by_either(scenario):
    """Where the first had removed everything, the other asks whether this is the right project, since it has the secrets of a cluster."""
    status, said = run(scenario.words)
    if status != 0 and not (status == 3 and "destroyed elsewhere" in said):
        raise Wrong("ended with %s: %s" % (status, tail(said)))


def held(scenario, case, log):
    other, clock = host(case["hosts"] - 1), os.path.join(os.environ["HOME"], "clock")
    with open(clock, "w") as f:
        f.write("0")
    shim = {"LD_PRELOAD": os.environ["FAULT_SHIM"], "FAULT_CLOCK": clock}
    other.update(shim)
    how = "FAULT_KILL" if case["how"] == "killed" else "FAULT_STOP"
    first = start(scenario.words, **{**shim, how: str(case["at"]), "FAULT_LOG": log})
    try:
        stopped = wait_stopped(first)
        if not stopped and first.wait() != -signal.SIGKILL:
            return ["not reached"]
        at = [open(log).read().splitlines()[-1]] + sorted(locks())
        if stopped and case["hosts"] == 1:
            refused_while_held(scenario, other, "host")
            first.kill()
            first.wait()
        elif case["hosts"] == 2 and len(at) > 1:
            refused_while_held(scenario, other, "cloud")
            forward = 601 if "cloud" in at else 61      # ten minutes and one
            cloud.control("/clock", {"forward_s": forward}, "POST")
            with open(clock, "w") as f:
                f.write(str(forward))
        os.environ.update(shim)
        with as_if_on(other):
            if scenario.keeps_secrets or case["hosts"] == 1:
                must(scenario.again())
            else:
                destroyed_by_either(scenario)
            scenario.done()
        if first.poll() is None:
            at.append("then %s" % goes_on(scenario, first, other))
    finally:
        first.poll() is None and first.kill()
    with as_if_on(other):
        scenario.done()
    os.environ.update(other)        # from where the caller looks
    return at


HURT = {"together": together, "held": held}
