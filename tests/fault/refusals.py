"""Each call that a command makes goes wrong in each way: done all the same, or ended with a message; the next run repairs."""
import re

import cloud
from scenarios import Wrong, must, run, tail

KINDS = {
    "refused": ["429", "500", "502", "502-after", "503", "504", "drop", "drop-before", "html", "truncated", "huge", "locked", "conflict", "maintenance"],
    "refused-kube": ["kube-error:status=%d" % s for s in (403, 409, 429, 500, 503)] + ["kube-drop", "kube-drop-before"],
    "refused-talos": ["talos-error:code=%d" % s for s in (4, 13, 14)] + ["talos-drop-before"],
}
COMMANDS = ["create_server", "start_server", "attach_to_network", "apply_firewall", "set_firewall_rules"]


def calls(row):
    """Every call of a recorded run, in every way that it can be refused."""
    port = {"refused": ":8080/v1", "refused-kube": ":6443", "refused-talos": ":50000"}[row]

    def cases(h, reference):
        called = [m.groups() for m in (re.match(r"\d+ send (\S+) https?://\S+?" + port + r"(/[^?\s]*)", e) for e in reference["events"]) if m]
        if row == "refused-talos":
            routes = [path for _, path in called]
        else:
            routes = [method + " " + re.sub(r"/\d+", "/*", path) for method, path in called]
        faults = []
        for route in sorted(set(routes)):
            kinds = KINDS[row]
            if route.startswith("GET"):
                kinds = [k for k in kinds if k not in ("locked", "conflict", "kube-error:status=409")]
            faults += ["%s%sroute=%s,skip=%d,count=1" % (k, "," if ":" in k else ":", route, i) for k in kinds for i in range(routes.count(route))]
        if row == "refused":
            faults += ["action-error:command=%s,skip=%d,count=1" % (c, i) for c in COMMANDS for i in range(3)]
        return [{"kind": "refused", "fault": f} for f in h.some(faults)]
    return cases


def name(case):
    return case["fault"]


# Row: scenario, its cases, is it in the short version.
ROWS = {
    "refused": ("up", calls("refused"), True),
    "refused-kube": ("up", calls("refused-kube"), True),
    "refused-talos": ("up", calls("refused-talos"), False),
}


# What follows runs inside the world of a case.

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


HURT = {"refused": refused}
