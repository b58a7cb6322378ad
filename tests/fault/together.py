"""Two commands at once: each is done or says who works there, and what is left is whole."""
import os, re, shutil, subprocess, time

from scenarios import LIMIT_S, Wrong, must, run, tail


def pairs(h, reference):
    up, destroy, four, one = (["up", "--nodes", "3", "--yes"], ["destroy", "--yes"], ["scale", "--pool", "worker", "--count", "4", "--yes"],
                              ["scale", "--pool", "worker", "--count", "1", "--yes"])
    found = []
    for hosts in (1, 2):
        # On the second machine certificates are its own, and a file that only the other one writes is no difference.
        more = {"hosts": hosts, "not_compared": ["files", "secrets"]}
        for delay in (0, 0.15, 0.4, 0.8):
            found += [{"scenario": "up", "kind": "together", "words": [up, up], "delay": delay, "against": False, **more},
                      {"scenario": "destroy", "kind": "together", "words": [up, destroy], "delay": delay, "against": True, **more},
                      {"scenario": "destroy", "kind": "together", "words": [destroy, destroy], "delay": delay, "against": True, **more},
                      {"scenario": "scale-up", "kind": "together", "words": [four, four], "delay": delay, "against": False, **more},
                      {"scenario": "scale-up", "kind": "together", "words": [one, four], "delay": delay, "against": True, **more}]
    return h.some(found)


def name(case):
    return "%s after %s s on %d host(s)" % (" and ".join("'%s'" % " ".join(w) for w in case["words"]), case["delay"], case["hosts"])


# Row: scenario (a case may have its own), its cases, is it in the short version.
ROWS = {"together": ("up", pairs, True)}


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


HURT = {"together": together}
