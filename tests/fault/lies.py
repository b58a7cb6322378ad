"""The work is done and its answer lost; lists of the past or of somebody else's; words, keys and numbers of tomorrow; clocks that are set; certificates of
another authority. What the program is told is wrong, and what it leaves is right all the same, after this run or the next."""
import os, re

import cloud
from refusals import called, check, fault, fits, over, repaired, strike
from scenarios import Wrong, must, run, tail

LOST = {"hetzner": ["drop", "502-after", "close", "empty"], "kube": ["kube-drop", "kube-html", "kube-close", "kube-truncated"], "talos": ["talos-drop", "talos-empty"]}
CHANGES = {"hetzner": r"(POST|PUT|DELETE) ", "kube": r"(POST|PUT|PATCH|DELETE) ",
           "talos": r"/machine\.MachineService/(ApplyConfiguration|Bootstrap|Reset|EtcdLeaveCluster|EtcdForfeitLeadership|EtcdRemoveMemberByID|Reboot|Shutdown|Upgrade)"}
FOREIGN_ID = "1000003"          # src/sim/hetzner/lies.c


def lost(h, reference):
    """At every call that changes something."""
    pairs, cover = [], []
    for part in LOST:
        for turn, (route, number) in enumerate(c for c in called(reference, part) if re.match(CHANGES[part], c[0])):
            some = [{"kind": "lied", "fault": fault(k, route, number), "right": [0, 1] if "create_image" in route or route.endswith("POST /apis/coordination.k8s.io/v1/namespaces/kube-system/leases") else [0]} for k in LOST[part]]
            pairs += some
            cover.append(some[(turn + h.o.seed) % len(some)])
    return h.some(pairs if h.o.every else cover)


def told(reference, kinds, methods="GET"):
    """Each of these kinds at each call of these methods to the Hetzner API."""
    return [(kind, fault(kind, route, number)) for route, number in called(reference, "hetzner") if route.startswith(methods) for kind in kinds]


def lied(h, reference):
    lists = ("GET /servers", "GET /primary_ips", "GET /firewalls", "GET /networks", "GET /placement_groups", "GET /images")
    whole = lambda route: "/*" not in route
    found = []
    for kind, spec in told(reference, ["stale:changes=1", "stale:changes=3", "pages:size=2,move=lost", "pages:size=1,move=twice"], lists):
        found.append({"kind": "lied", "fault": spec, "right": [0, 1, 6, 8]})
    found = [c for c in found if whole(c["fault"])]
    for kind, spec in told(reference, ["unknown"], ("GET", "POST", "PUT", "DELETE")):
        found.append({"kind": "lied", "fault": spec, "right": [0]})
    for kind, spec in told(reference, ["unknown:words=all"], ("GET", "POST", "PUT", "DELETE")):
        # Of an architecture that nobody knows no image is there: the lock of the machine's image builds was taken, and is a file more.
        found.append({"kind": "lied", "fault": spec, "right": [0, 1, 8], "not_compared": ["files"]})
    for kind, spec in told(reference, ["large-ids"], ("GET", "POST")):
        found.append({"kind": "lied", "fault": spec, "right": [0, 1]})
    for route, number in called(reference, "kube"):
        found.append({"kind": "lied", "fault": fault("kube-unknown", route, number), "right": [0]})
    everywhere = [{"kind": "lied", "fault": "foreign", "right": [0], "untouched": FOREIGN_ID}] + [
        {"kind": "lied", "fault": "pages:size=%d" % n, "right": [0]} for n in (1, 2)] + [
        {"kind": "lied", "fault": "duplicate", "right": [0]}, {"kind": "lied", "fault": "unknown", "right": [0]}, {"kind": "lied", "fault": "kube-unknown", "right": [0]}]
    dates = [{"kind": "lied", "fault": "wrong-date:seconds=%d" % s, "right": [0, 1]} for s in (3600, -3600, 31536000, -31536000)]
    clocks = [{"kind": "lied", "fault": "steady", "right": [0, 1, 5, 8], "jump": "%d@%d" % (s, at), "later": "3600@500"} for s in (3600, -3600, 31536000, -31536000) for at in (1, 12, 40, 70, 95)]
    strangers = [{"kind": "lied", "fault": f, "right": [5, 8, 1], "later": "3600@8", "where": ":6443"} for f in ("stranger:part=kube", "tls-alert:part=kube")]
    nulls = [{"kind": "lied", "fault": fault("api-error:code=%s" % c, "POST /servers", 0) + "\ndetails-null", "right": [0, 1, 6]}
             for c in ("invalid_input", "resource_limit_exceeded", "uniqueness_error")]
    if h.o.short:
        return h.some(everywhere[:3] + nulls)
    if h.o.every:
        return h.some(found + everywhere + dates + clocks + nulls + strangers)
    return h.some(found[h.o.seed % 4::4] + everywhere + dates + clocks[h.o.seed % 2::2] + nulls + strangers)


def name(case):
    words = case["fault"].replace("\n", " and ")
    if "jump" in case:
        return "the clock is off by %s s from request %s on" % tuple(case["jump"].split("@"))
    return "%s, %s%s" % (case["scenario"], words, ", and it has no patience" if "later" in case else "")


def lost_by(scenario):
    return (scenario, lost, False)


# Row: scenario, its cases, is it in the short version.
ROWS = {
    "lost-up": ("up", lost, True),
    "lost-destroy": lost_by("destroy"),
    "lost-scale-up": lost_by("scale-up"),
    "lost-scale-down": lost_by("scale-down"),
    "lost-image": lost_by("image"),
    "lied": ("up", lied, True),
    "lied-destroy": ("destroy", lied, False),
}


# What follows runs inside the world of a case.

def lied_to(scenario, case, log):
    """One lie, or one for the whole run: the exit status is right, no foreign object is touched, and the next run, told the truth, finds or makes it so."""
    for spec in case["fault"].split("\n"):
        strike(spec)
    environment = {"FAULT_LOG": log, "LD_PRELOAD": os.environ["FAULT_SHIM"]}
    if "jump" in case:
        environment["FAULT_JUMP"] = case["jump"]
    if "later" in case:             # its patience is over at once
        environment.update(FAULT_LATER=case["later"], FAULT_WHERE=case.get("where", ""), LD_PRELOAD=os.path.join(os.path.dirname(os.environ["FAULT_SHIM"]), "fault-clock.so"))
    status, said = run(scenario.words, **environment)
    if not over() and "jump" not in case:
        return ["not reached"]
    if status != 3 or "  left: " not in said:       # a list of the past may still have what is gone
        check(scenario, case, status, said)
    if "untouched" in case:
        with open(log) as f:
            touched = [e for e in f if re.search(r" send (POST|PUT|DELETE) .*\b%s\b" % case["untouched"], e)]
        if touched:
            raise Wrong("somebody else's object was touched: " + touched[0])
    repaired(scenario, status, said)
    return ["%s" % status]


HURT = {"lied": lied_to}
