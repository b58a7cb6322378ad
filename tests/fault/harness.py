"""Worlds, jobs and the table: runs the cases of a row, each in a simulated cloud and a home of its own."""
import concurrent.futures, json, os, random, resource, shutil, subprocess, sys, tempfile, time

import families

HERE = os.path.dirname(os.path.abspath(__file__))
SHORT = 2                       # cases a row


def cpu():
    """Seconds of processor time, user and system, of all children that have ended."""
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


class Harness:
    def __init__(self, options):
        self.o, self.build = options, os.path.abspath(options.build)
        self.top = tempfile.mkdtemp(prefix="hcloud-v6-fault-")
        self.kept = os.path.join(self.top, "kept")
        self.random = random.Random(options.seed)
        self.table, self.failures = [], []

    def environment(self, home):
        place = lambda name: os.path.join(home, name)
        keep = {k: os.environ[k] for k in ("PATH", "LANG", "USER", "LOGNAME", "HCLOUD_V6_SSHD", "ASAN_OPTIONS") if k in os.environ}
        return {**keep, "PATH": self.build + ":" + keep["PATH"], "HOME": home, "XDG_STATE_HOME": place("state"), "XDG_CACHE_HOME": place("cache"),
                "XDG_CONFIG_HOME": place("config"), "XDG_DATA_HOME": place("data"), "KUBECONFIG": place("kubeconfig"), "TALOSCONFIG": place("talosconfig"),
                "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                "FAULT_SHIM": os.path.join(self.build, "tests", "fault", "fault-shim.so")}

    def case(self, scenario, case):
        """Runs one case in a world and a home of its own."""
        home = tempfile.mkdtemp(prefix="case-", dir=self.top)
        if scenario != "up-keys":
            shutil.copytree(self.kept, os.path.join(home, "state"))
        case = {"scenario": scenario, "reference": os.path.join(self.top, scenario + ".json"), **case}
        world = ["--no-images"] if scenario == "image" else []
        command = ["hcloud-v6-sim", "exec", "--speed", "instant", *world, "--", sys.executable, "-S", "-E", "-B", os.path.join(HERE, "case.py"), json.dumps(case)]
        try:
            r = subprocess.run(command, env=self.environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500)
            said = r.stdout.decode(errors="replace").strip()
            result = json.loads(said.splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError) as e:
            result = {"at": None, "wrong": "the case broke: %s: %s" % (type(e).__name__, locals().get("said", "")[-500:])}
        if result["wrong"] and self.o.keep:
            print("  kept: " + home)
        else:
            shutil.rmtree(home, ignore_errors=True)
        return case, result

    def prepare(self):
        """One bundle for all: made once, exported, and brought in by `secrets import`, as somebody does who keeps it elsewhere."""
        home = os.path.join(self.top, "first")
        os.mkdir(home)
        e = self.environment(home)
        bundle = os.path.join(home, "bundle.yaml")
        make = "hcloud-v6 up --nodes 1 --yes && hcloud-v6 secrets export %s" % bundle
        subprocess.run(["hcloud-v6-sim", "exec", "--", "sh", "-c", make], env=e, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        e["XDG_STATE_HOME"] = self.kept
        subprocess.run(["hcloud-v6", "secrets", "import", bundle], env=e, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        shutil.rmtree(home)

    def record(self, scenario):
        path = os.path.join(self.top, scenario + ".json")
        if not os.path.exists(path):
            _, result = self.case(scenario, {"kind": "record"})
            if result["wrong"]:
                return None, result["wrong"]
            with open(path, "w") as f:
                json.dump(result, f)
        with open(path) as f:
            return json.load(f), None

    def some(self, cases):
        if self.o.short:
            return sorted(self.random.sample(cases, min(SHORT, len(cases))), key=str)
        return cases[::self.o.every or 1]

    def count_of_doubles(self):
        return SHORT if self.o.short else self.o.doubles

    def row(self, row):
        start, spent = time.monotonic(), cpu()
        family, needs, cases, _ = families.ROWS[row]
        reference, wrong = self.record(needs)
        if wrong:
            self.failures.append((row, "recording", wrong))
            self.table.append((row, 0, 0, 0, 0, 1, time.monotonic() - start, cpu() - spent))
            print("FAIL %s, recording: %s" % (row, wrong), flush=True)
            return
        passed = failed = missed = 0
        cases = [{"scenario": needs, **c} for c in cases(self, reference)]
        for scenario in {c["scenario"] for c in cases}:
            self.record(scenario)
        with concurrent.futures.ThreadPoolExecutor(self.o.jobs) as pool:
            for case, result in pool.map(lambda c: self.case(c["scenario"], c), cases):
                name = "%s, %s" % (row, family.name(case))
                at = " (%s)" % "; ".join(str(a) for a in result["at"]) if result["at"] else ""
                missed += result["at"] in ([None], ["not reached"])
                if result["wrong"]:
                    failed += 1
                    self.failures.append((row, name, result["wrong"]))
                    print("FAIL %s%s: %s" % (name, at, result["wrong"]), flush=True)
                else:
                    passed += 1
                    print("ok %s%s" % (name, at), flush=True)
        events = len(reference["events"])
        self.table.append((row, events, len(cases), missed, passed, failed, time.monotonic() - start, cpu() - spent))

    def write_table(self, path):
        with open(path, "w") as f:
            f.write("| row | events | cases | of them not reached | passed | failed | seconds | CPU seconds |\n|---|---|---|---|---|---|---|---|\n")
            for row in self.table:
                f.write("| `%s` | %d | %d | %d | %d | %d | %.0f | %.0f |\n" % row)
