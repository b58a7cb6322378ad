"""One case, inside its own simulated cloud: python3 case.py JSON. The last line it prints is its result as JSON."""
import json, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cloud, families
from scenarios import SCENARIOS, Wrong, run, tail


def record(scenario, log):
    said = run(scenario.words, LD_PRELOAD=os.environ["FAULT_SHIM"], FAULT_LOG=log)
    if said[0] != 0:
        raise Wrong("recording: %s" % tail(said[1]))
    scenario.done()
    with open(log) as f:
        events = f.read().splitlines()
    calls = cloud.control("/state")["api"]
    return {"view": scenario.view(), "events": events, "calls": calls}


def main():
    case = json.loads(sys.argv[1])
    scenario, log = SCENARIOS[case["scenario"]](), os.path.join(os.environ["HOME"], "events")
    result = {"at": None, "wrong": None}
    try:
        scenario.before()
        if case["kind"] == "record":
            result.update(record(scenario, log))
        else:
            result["at"] = families.HURT[case["kind"]](scenario, case, log)
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
