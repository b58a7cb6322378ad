"""Killed at each event, or at two: the same command, run again, ends as if nothing had been (shim.c says what an event is)."""
import os, re

import cloud
from scenarios import Wrong, must, run, tail


def events(h, reference):
    return [{"kind": "killed", "kill": [k]} for k in h.some(list(range(1, len(reference["events"]) + 1)))]


def events_of_keys(h, reference):
    """Its own part is what comes before the bundle is safe on the disk."""
    sealed = next(i for i, e in enumerate(reference["events"]) if re.search(r"rename \S*/vault", e))
    return [{"kind": "killed", "kill": [k]} for k in h.some(list(range(1, min(len(reference["events"]), sealed + 12) + 1)))]


def doubles(h, reference):
    n = len(reference["events"])
    return [{"kind": "killed", "kill": [h.random.randint(1, n), h.random.randint(1, n)]} for _ in range(h.count_of_doubles())]


def name(case):
    return "killed at " + " and ".join(map(str, case["kill"]))


# Row: scenario, its cases, is it in the short version.
ROWS = {
    "up": ("up", events, True),
    "up-keys": ("up-keys", events_of_keys, False),
    "destroy": ("destroy", events, True),
    "scale-up": ("scale-up", events, True),
    "scale-down": ("scale-down", events, True),
    "scale-auto": ("scale-auto", events, False),
    "scale-auto-down": ("scale-auto-down", events, False),
    "image": ("image", events, True),
    "doubles": ("up", doubles, False),
}


# What follows runs inside the world of a case.

def hurt(scenario, at, log):
    """Runs with a kill at an event. The event, or None when the program was done before."""
    status, said = run(scenario.words, LD_PRELOAD=os.environ["FAULT_SHIM"], FAULT_KILL=str(at), FAULT_LOG=log)
    if status == -9:
        with open(log) as f:
            return f.read().strip().splitlines()[-1]
    if status != 0:
        raise Wrong("with nobody hurting it: %s: %s" % (status, tail(said)))
    return None


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


HURT = {"killed": killed}
