"""Each call that a command makes is refused, or its answer is spoilt, in each way: done all the same, or ended with the right exit status and a message
with resource and cause; the next run repairs.

The kinds are sorted into classes by what is right for all of a class. Without --every each call meets one kind of each class, chosen by the seed, turn by turn,
so that a route that is called often meets them all; --every 1 takes every pair."""
import re, urllib.parse

import cloud
from scenarios import Wrong, must, run, tail

api = lambda *codes: ["api-error:code=" + c for c in codes]
kube = lambda *statuses: ["kube-error:status=%d" % s for s in statuses]
talos = lambda *codes: ["talos-error:code=%d" % c for c in codes]

# Class -> the exit statuses that are right, and its kinds. "passes" is over with one try more; what is "broken" was perhaps carried out.
CLASSES = {
    "hetzner": {
        "passes": ({0}, ["429", "502"] + api("bad_gateway", "unavailable", "timeout", "server_error")),
        "busy": ({0}, api("conflict", "locked")),
        "credentials": ({5}, api("unauthorized", "forbidden", "token_readonly")),
        "capacity": ({0, 6}, api("resource_limit_exceeded", "resource_unavailable", "placement_error")),
        "no": ({0, 1}, api("invalid_input", "not_found", "protected", "unsupported_error", "service_error", "maintenance", "json_error", "method_not_allowed",
                           "uniqueness_error", "deprecated_api_endpoint")),
        "broken": ({0}, ["drop", "drop-before", "close", "502-after", "truncated:part=json", "truncated:part=http", "html", "empty"]),
        "too much": ({0, 1}, ["huge", "endless"]),
    },
    "kube": {
        "passes": ({0}, kube(429, 500, 503, 504)),
        "no": ({0, 1, 5}, kube(400, 401, 403, 404, 405, 409, 410, 422)),
        "broken": ({0, 1, 8}, ["kube-drop", "kube-drop-before", "kube-close", "kube-html", "kube-truncated", "kube-empty"]),
        "too much": ({0, 1}, ["kube-endless"]),
    },
    "talos": {
        "passes": ({0}, talos(14)),
        "no": ({0, 1, 5, 8}, talos(1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16)),
        "broken": ({0, 1, 8}, ["talos-drop", "talos-drop-before", "talos-empty", "talos-garbled", "talos-html"]),
        "too much": ({0, 1}, ["talos-endless"]),
    },
}
# What lasts as long as the program has patience, a minute of doing nothing: once for each API and command.
PATIENCE = {"hetzner": ["silent", "drip"], "kube": ["kube-silent", "kube-drip"], "talos": ["talos-silent"]}
PORTS = {"hetzner": ":8080/v1", "kube": ":6443", "talos": ":50000"}
ACTIONS = ["create_server", "start_server", "attach_to_network", "apply_firewall", "set_firewall_rules", "enable_rescue", "delete_server", "create_image"]


def called(reference, part):
    """Routes of a recorded run to one API, in order: (route, its number among the calls of this route)."""
    found, seen = [], {}
    for e in reference["events"]:
        m = re.match(r"\d+ send (\S+) https?://\S+?" + PORTS[part] + r"(/[^?\s]*)", e)
        if m:
            path = urllib.parse.unquote(m[2]) if part == "kube" else m[2]
            route = path if part == "talos" else m[1] + " " + re.sub(r"/\d+", "/*", path)
            seen[route] = seen.get(route, -1) + 1
            found.append((route, seen[route]))
    return found


def fault(kind, route, number, count=1):
    return "%s%sroute=%s,skip=%d,count=%d" % (kind, "," if ":" in kind else ":", route, number, count)


def fits(kind, route):
    """Only what changes something finds it busy."""
    return not (route.startswith("GET") and re.search(r"conflict|locked|uniqueness|protected|resource_|placement|status=409", kind))


def cases_of(h, reference, part):
    pairs, cover = [], []
    for turn, (route, number) in enumerate(called(reference, part)):
        for right, (statuses, kinds) in CLASSES[part].items():
            kinds = [k for k in kinds if fits(k, route)]
            some = [{"kind": "refused", "fault": fault(k, route, number), "right": sorted(statuses), "class": right,
                     # Another type than the first choice is what was asked for then.
                     **({"not_compared": ["cloud"]} if right == "capacity" and route == "POST /servers" else {})} for k in kinds]
            pairs += some
            if some:
                cover.append(some[(turn + number + h.o.seed) % len(some)])
    once = called(reference, part)
    for i, kind in enumerate(PATIENCE[part]):
        if once:
            route, number = once[(7 * i + h.o.seed) % len(once)]
            extra = {"kind": "refused", "fault": fault(kind, route, number), "right": [0, 1, 8], "class": "patience"}
            pairs.append(extra)
            cover.append(extra)
    if part != "hetzner" and once:
        shaken = [{"kind": "refused", "fault": "%s:part=%s,skip=%d,count=1" % (k, part, i), "right": [0, 1, 5], "class": "handshake"}
                  for k in ("tls-alert", "stranger") for i in range(4)]
        pairs, cover = pairs + shaken, cover + shaken[::2]
    return pairs if h.o.every else cover


def refused_by(*parts):
    def cases(h, reference):
        found = [c for part in parts for c in cases_of(h, reference, part)]
        if "hetzner" in parts:
            actions = [{"kind": "refused", "fault": "action-error:command=%s,skip=%d,count=1" % (c, i), "right": [0, 1, 3], "class": "action"}
                       for c in ACTIONS for i in range(3)]
            bursts = [{"kind": "refused", "fault": "429:skip=%d,count=4" % i, "right": [0], "class": "burst"} for i in (0, 5, 20)]
            found += actions + bursts
        if h.o.short:
            found = [c for c in found if c["class"] in ("passes", "busy", "credentials", "broken")]
        return h.some(found)
    return cases


def name(case):
    return case["fault"]


# Row: scenario, its cases, is it in the short version.
ROWS = {
    "refused": ("up", refused_by("hetzner"), True),
    "refused-kube": ("up", refused_by("kube"), True),
    "refused-talos": ("up", refused_by("talos"), False),
    "refused-destroy": ("destroy", refused_by("hetzner", "kube", "talos"), False),
    "refused-scale-up": ("scale-up", refused_by("hetzner", "kube", "talos"), False),
    "refused-scale-down": ("scale-down", refused_by("hetzner", "kube", "talos"), False),
    "refused-image": ("image", refused_by("hetzner"), False),
}


# What follows runs inside the world of a case.

def strike(spec):
    cloud.control("/faults", {"spec": spec}, "POST")


def over():
    """Takes the faults away; how often they struck."""
    struck = sum(f.get("hits", 0) for f in cloud.control("/faults")["faults"])
    cloud.control("/faults", method="DELETE")
    return struck


def check(scenario, case, status, said):
    """The right exit status, and a message that says of what and why, with the API's own code where it gave one."""
    code = re.search(r"code=([a-z_]+)", case["fault"])
    right = case["right"] + ([3] if not scenario.cluster else [])
    if status == 0 and code and code[1] in said and "warning" in said:
        return                  # it was not needed for what was asked, and is said
    if status not in right:
        raise Wrong("ended with %s, not one of %s: %s" % (status, right, tail(said)))
    if status == 0:
        return
    # What is left over is counted last; of what and why stands at the step that failed.
    message = [l for l in said.splitlines() if l.startswith("error") or (status == 3 and ": failed: " in l)]
    if not any(len(l.split(": ")) >= 3 for l in message):
        raise Wrong("ended with %s and does not say of what and why: %s" % (status, tail(said)))
    if code and code[1] not in said:
        raise Wrong("ended with %s and does not name %s: %s" % (status, code[1], tail(said)))


def repaired(scenario, status, said):
    if status == 0 and (not scenario.cluster or "warning" not in said):
        scenario.done()
    must(scenario.again())      # what could not be tidied up was said, and goes now
    scenario.done()


def refused(scenario, case, log):
    """One call is refused: done all the same, or ended with a message; the next run repairs."""
    strike(case["fault"])
    status, said = run(scenario.words)
    if not over():
        return ["not reached"]
    check(scenario, case, status, said)
    repaired(scenario, status, said)
    return ["%s" % status]


HURT = {"refused": refused}
