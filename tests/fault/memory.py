"""Memory that is out: each place that allocates is refused once, in the program and in its libraries; the program ends in order, and the next run goes on.

Numbers differ from run to run, since threads do; a place (memory-shim.c: the nearest three callers) is the same again. All of the some 200,000 allocations of an
`up` come from some 2,500 of them."""
import base64, os, re

import cloud
from scenarios import Wrong, must, run, tail

SHIM = "memory-shim.so"
ENDS = re.compile(r"^error: out of memory: run the same command again", re.M)
HEAP = ("malloc", "calloc", "realloc", "memalign")
CODES = (0, 1, 3, 4, 5, 6, 7, 8)        # what docs/design.md allows; a signal is negative


def places(h, reference, scenario):
    """Threads and maps are few, and the program's own affair: each of them, always. Every other case takes everything after it, too: what a machine is
    like whose memory stays out."""
    _, result = h.case(scenario, {"kind": "memory-places"})
    if result["wrong"]:
        return [{"kind": "memory", "place": "none", "wrong": result["wrong"]}]
    heap = [p for p, kind in result["at"] if kind in HEAP]
    other = [p for p, kind in result["at"] if kind not in HEAP]
    chosen = (other[:1] if h.o.short else other) + h.some(heap)
    return [{"kind": "memory", "place": p, "for_good": i % 2} for i, p in enumerate(chosen)]


def name(case):
    return "refused at %s%s" % (case["place"], ", and all that follows" if case.get("for_good") else "")


ROWS = {
    "memory": ("up", lambda h, reference: places(h, reference, "up"), True),
    "memory-keys": ("up-keys", lambda h, reference: places(h, reference, "up-keys"), False),
    "memory-destroy": ("destroy", lambda h, reference: places(h, reference, "destroy"), False),
    "memory-image": ("image", lambda h, reference: places(h, reference, "image"), False),
}


# What follows runs inside the world of a case.

def with_shim(words, log, **more):
    shim = os.path.join(os.path.dirname(os.environ["FAULT_SHIM"]), SHIM)
    if not os.path.exists(shim):
        raise Wrong("%s was not built: it needs glibc 2.35" % SHIM)
    return run(words, LD_PRELOAD=shim, MEMORY_LOG=log, **more)


def read_log(log, word):
    with open(log) as f:
        return [l.split(" ", 2)[1:] for l in f.read().splitlines() if l.startswith(word)]


def record_places(scenario, case, log):
    status, said = with_shim(scenario.words, log)
    if status != 0:
        raise Wrong("with nothing refused: %s: %s" % (status, tail(said)))
    scenario.done()
    return sorted((p, rest.split()[1]) for p, rest in read_log(log, "place "))


def look_at_files():
    """Written whole or not at all: a file under its own name can be read."""
    for path in (os.environ["KUBECONFIG"], os.environ["TALOSCONFIG"]):
        if not os.path.exists(path):
            continue
        with open(path) as f:
            text = f.read()
        if not text.endswith("\n") or not re.search(r"^current-context: \S+$|^context: \S+$", text, re.M):
            raise Wrong("%s is not whole" % os.path.basename(path))
        for key, value in re.findall(r"^\s*((?:[\w-]+-data)|ca|crt|key): (\S+)$", text, re.M):
            if b"-----END " not in base64.b64decode(value, validate=True):
                raise Wrong("%s: '%s' is not whole" % (os.path.basename(path), key))


def refused(scenario, case, log):
    if "wrong" in case:
        raise Wrong(case["wrong"])
    before = cloud.secrets() if scenario.keeps_secrets else None
    status, said = with_shim(scenario.words, log, MEMORY_PLACE=case["place"], **({"MEMORY_FOR_GOOD": "1"} if case["for_good"] else {}))
    struck = read_log(log, "refused ")
    if not struck:
        if status != 0:
            raise Wrong("with nothing refused: %s: %s" % (status, tail(said)))
        scenario.done()
        return ["not reached"]
    if status not in CODES:
        raise Wrong("ended with %s: %s" % (status, tail(said)))
    heap = struck[0][1].split()[1] in HEAP
    if heap and (status != 1 or len(ENDS.findall(said)) != 1):
        raise Wrong("ended with %s, and not with one line about memory: %s" % (status, tail(said)))
    if status != 0 and "error: " not in said:
        raise Wrong("ended with %s and does not say why: %s" % (status, tail(said)))
    look_at_files()
    if before and cloud.secrets() != before:
        raise Wrong("the secrets are others after it")
    must(scenario.again())
    scenario.done()
    if before and cloud.secrets() != before:
        raise Wrong("the secrets are others after the run that repaired")
    return ["%s: %s" % (status, struck[0][1][:200])]


HURT = {"memory-places": record_places, "memory": refused}
